/* SPDX-License-Identifier: GPL-2.0-only */
/* Made by bpf/vmlinux.sh from the BTF of the kernels named below. Do not edit. */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#include <linux/types.h>

struct _ioeventfd;
struct address_space;
struct bio_vec;
struct blk_mq_hw_ctx;
struct bpf_iter__task_file;
struct bpf_iter_meta;
struct dentry;
struct eventfd_ctx;
struct fdtable;
struct file;
struct files_struct;
struct folio;
struct inode;
struct io_cqe;
struct io_kiocb;
struct io_mapped_region;
struct io_mapped_ubuf;
struct io_ring_ctx;
struct io_ring_ctx___buffers;
struct io_ring_ctx___nodes;
struct io_rings;
struct io_rsrc_data;
struct io_rsrc_node;
struct io_sq_data;
struct io_uring_bpf_ops;
struct io_uring_cmd;
struct io_wq_work_node;
struct iou_ctx;
struct iou_loop_params;
struct kvm_io_device;
struct kvm_io_device_ops;
struct kvm_vcpu;
struct nvme_command;
struct nvme_ctrl;
struct nvme_request;
struct page;
struct page___head;
struct page___info;
struct path;
struct pid;
struct qstr;
struct request___blk;
struct request_queue;
struct seq_file;
struct super_block;
struct task_struct;
struct timespec64;
struct upid;
struct vm_area_struct;

/* vmlinux 6.12.95+deb12-amd64 */
typedef __kernel_pid_t pid_t;

/* vmlinux 6.12.95+deb12-amd64 */
struct task_struct {
	pid_t pid;
	pid_t tgid;
	struct task_struct *group_leader;
	struct files_struct *files;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct files_struct {
	struct fdtable *fdt;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
typedef __s64 time64_t;

/* vmlinux 6.12.95+deb12-amd64 */
struct timespec64 {
	time64_t tv_sec;
	long int tv_nsec;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct page {
	long unsigned int flags;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct page___head {
	long unsigned int compound_head;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct folio {
	struct address_space *mapping;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct io_mapped_ubuf {
	__u64 ubuf;
	unsigned int nr_bvecs;
	struct bio_vec bvec[0];
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct eventfd_ctx {
	int id;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct upid {
	int nr;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct pid {
	struct upid numbers[0];
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct super_block {
	long unsigned int s_magic;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct inode {
	struct super_block *i_sb;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct qstr {
	const unsigned char *name;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct dentry {
	struct qstr d_name;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct path {
	struct dentry *dentry;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct file {
	struct address_space *f_mapping;
	void *private_data;
	struct inode *f_inode;
	struct path f_path;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct vm_area_struct {
	struct file *vm_file;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct io_sq_data {
	pid_t task_pid;
	pid_t task_tgid;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct io_ring_ctx {
	struct task_struct *submitter_task;
	unsigned int cached_cq_tail;
	struct io_sq_data *sq_data;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct io_ring_ctx___buffers {
	struct io_rings *rings;
	struct io_mapped_ubuf **user_bufs;
	struct page **ring_pages;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct io_wq_work_node {
	struct io_wq_work_node *next;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
typedef __u64 io_req_flags_t;

/* vmlinux 6.12.95+deb12-amd64 */
struct io_cqe {
	__u64 user_data;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct io_kiocb {
	io_req_flags_t flags;
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	struct io_wq_work_node comp_list;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct request_queue {
	void *queuedata;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct blk_mq_hw_ctx {
	unsigned int queue_num;
} __attribute__((preserve_access_index));

/* vmlinux 6.12.95+deb12-amd64 */
struct request___blk {
	struct request_queue *q;
	struct blk_mq_hw_ctx *mq_hctx;
} __attribute__((preserve_access_index));

/* nvme-core 6.12.95+deb12-amd64 */
struct nvme_ctrl {
	int instance;
} __attribute__((preserve_access_index));

/* nvme-core 6.12.95+deb12-amd64 */
struct nvme_request {
	struct nvme_ctrl *ctrl;
} __attribute__((preserve_access_index));

/* kvm 6.12.95+deb12-amd64 */
struct kvm_io_device {
	const struct kvm_io_device_ops *ops;
} __attribute__((preserve_access_index));

/* kvm 6.12.95+deb12-amd64 */
struct _ioeventfd {
	__u64 addr;
	int length;
	struct eventfd_ctx *eventfd;
	struct kvm_io_device dev;
	_Bool wildcard;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
struct page___info {
	long unsigned int compound_info;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
struct io_rsrc_data {
	struct io_rsrc_node **nodes;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
struct io_rsrc_node {
	struct io_mapped_ubuf *buf;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
struct io_mapped_region {
	struct page **pages;
	void *ptr;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
struct io_ring_ctx___nodes {
	struct io_rsrc_data buf_table;
	struct io_mapped_region ring_region;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
struct iou_loop_params {
	__u32 cq_wait_idx;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
struct io_uring_bpf_ops {
	int (*loop_step)(struct iou_ctx *, struct iou_loop_params *);
	__u32 ring_fd;
} __attribute__((preserve_access_index));

/* vmlinux 7.3.4+deb13-amd64 */
enum {
	IOU_LOOP_CONTINUE = 0,
	IOU_LOOP_STOP = 1,
};

/* vmlinux 7.3.4+deb13-amd64 */
enum {
	IOU_REGION_MEM = 0,
	IOU_REGION_CQ = 1,
	IOU_REGION_SQ = 2,
};

#endif
