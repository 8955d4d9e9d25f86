/* SPDX-License-Identifier: GPL-2.0-only */
/* Files that the kernel makes itself, which are in no file system. */
#ifndef NVRING_ANON_FILE_H
#define NVRING_ANON_FILE_H

#define ANON_INODE_FS_MAGIC 0x09041934 /* linux/magic.h */

/* anon_file() - whether a file is one of them, and its name begins with these bytes: that of one in
 * a file system is anybody's choice */
static __always_inline int anon_file(struct file *file, const char *name, const __u32 bytes)
{
	char its[16];

	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != ANON_INODE_FS_MAGIC)
		return 0;
	if (bpf_probe_read_kernel(its, bytes, BPF_CORE_READ(file, f_path.dentry, d_name.name)))
		return 0;
	return !bpf_strncmp(its, bytes, name);
}

#endif
