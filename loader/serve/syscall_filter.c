// SPDX-License-Identifier: GPL-2.0-only
#include "syscall_filter.h"

#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/util.h"

/* Whatever their arguments. The kernel knows which these are (5.11), and runs no filter. */
static const uint16_t allowed[] = {
	/* files that are open, and those that Landlock lets be opened */
	SYS_read, SYS_write, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_close, SYS_lseek, SYS_fstat,
	SYS_newfstatat, SYS_statx, SYS_fstatfs, SYS_statfs, SYS_getcwd, SYS_openat, SYS_access,
	SYS_faccessat, SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_getdents64, SYS_fcntl,
	SYS_flock, SYS_ftruncate, SYS_ioctl, SYS_dup3, SYS_mkdir, SYS_mkdirat, SYS_rmdir,
	SYS_unlink, SYS_unlinkat,
	/* memory */
	SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_memfd_create,
	/* engines */
	SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
	/* events and sockets */
	SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2,
	SYS_poll, SYS_ppoll, SYS_eventfd2, SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime,
	SYS_timerfd_gettime, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
	SYS_accept4, SYS_connect, SYS_sendto, SYS_sendmsg, SYS_recvfrom, SYS_recvmsg,
	SYS_getsockopt, SYS_setsockopt, SYS_getsockname, SYS_getpeername, SYS_shutdown,
	/* threads, signals, time */
	SYS_clone3 /* see quiet */, SYS_exit, SYS_exit_group, SYS_futex, SYS_set_robust_list,
	SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_rt_sigaction,
	SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack,
	SYS_restart_syscall, SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime,
	SYS_clock_getres, SYS_gettimeofday, SYS_getrandom,
	/* who and where we are */
	SYS_getpid, SYS_pidfd_open, SYS_gettid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid,
	SYS_getegid, SYS_capget, SYS_uname, SYS_sysinfo, SYS_getcpu, SYS_prlimit64, SYS_getrusage
};

#define LOAD(member)	  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define RETURN(value)	  BPF_STMT(BPF_RET | BPF_K, (value))
#define UNLESS(value, to) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (to))
#define WHEN(value, to)	  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (to), 0)

#define ALLOW  SECCOMP_RET_ALLOW
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT (SECCOMP_RET_ERRNO | ENOSYS)

/* The other architectures' numbers are others' calls. */
static const struct sock_filter head[] = {
	LOAD(arch),
	WHEN(AUDIT_ARCH_X86_64, 1),
	RETURN(REFUSE),
	LOAD(nr),
};

#define THREAD_FLAGS (CLONE_VM | CLONE_THREAD)
#define NEW_NAMESPACE                                                                  \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

/* By arguments' lower halves, which are all the kernel takes of these. */
static const struct sock_filter tail[] = {
	/* Of our own process: abort(). The number is put in at run time. */
	UNLESS(SYS_tgkill, 4),
	LOAD(args[0]),
	UNLESS(0, 1),
	RETURN(ALLOW),
	RETURN(REFUSE),
	/* Whether a process is there. */
	UNLESS(SYS_kill, 4),
	LOAD(args[1]),
	UNLESS(0, 1),
	RETURN(ALLOW),
	RETURN(REFUSE),
	/* By number, programs and maps would be everybody's for who has CAP_SYS_ADMIN. */
	UNLESS(SYS_bpf, 6),
	LOAD(args[0]),
	WHEN(BPF_PROG_GET_FD_BY_ID, 3),
	WHEN(BPF_MAP_GET_FD_BY_ID, 2),
	WHEN(BPF_LINK_GET_FD_BY_ID, 1),
	RETURN(ALLOW),
	RETURN(REFUSE),
	UNLESS(SYS_socket, 4),
	LOAD(args[0]),
	UNLESS(AF_UNIX, 1),
	RETURN(ALLOW),
	RETURN(REFUSE),
	/* Threads. */
	UNLESS(SYS_clone, 5),
	LOAD(args[0]),
	BPF_STMT(BPF_ALU | BPF_AND | BPF_K, THREAD_FLAGS | NEW_NAMESPACE),
	UNLESS(THREAD_FLAGS, 1),
	RETURN(ALLOW),
	RETURN(REFUSE),
	UNLESS(SYS_prctl, 5),
	LOAD(args[0]),
	WHEN(PR_SET_NAME, 2),
	WHEN(PR_SET_VMA, 1),
	RETURN(REFUSE),
	RETURN(ALLOW),
	RETURN(ABSENT),
};

/* clone3() hides what is asked for. glibc tries it for each thread: no line of the log for that. */
static const struct sock_filter quiet[] = {
	LOAD(nr),
	UNLESS(SYS_clone3, 1),
	RETURN(ABSENT),
	RETURN(ALLOW),
};

static const struct sock_filter no_bpf[] = {
	LOAD(nr),
	UNLESS(SYS_bpf, 1),
	RETURN(REFUSE),
	RETURN(ALLOW),
};

/* What takes a descriptor, and makes nothing that runs code of the caller's. Not BPF_OBJ_GET: other
 * VMs' are pinned beside ours. */
static const uint16_t uses[] = {
	BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM,     BPF_MAP_DELETE_ELEM,
	BPF_PROG_TEST_RUN,   BPF_OBJ_GET_INFO_BY_FD,  BPF_OBJ_PIN,
	BPF_LINK_CREATE,     BPF_RAW_TRACEPOINT_OPEN, BPF_ITER_CREATE,
};

#define USES_CODE (5 + 2 * ARRAY_SIZE(uses))

static size_t use_bpf(struct sock_filter code[USES_CODE])
{
	size_t count = 0;

	code[count++] = (struct sock_filter)LOAD(nr);
	code[count++] = (struct sock_filter)WHEN(SYS_bpf, 1);
	code[count++] = (struct sock_filter)RETURN(ALLOW);
	code[count++] = (struct sock_filter)LOAD(args[0]);
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		code[count++] = (struct sock_filter)UNLESS(uses[i], 1);
		code[count++] = (struct sock_filter)RETURN(ALLOW);
	}
	code[count++] = (struct sock_filter)RETURN(REFUSE);
	return count;
}

static int install(const struct sock_filter *code, size_t count, unsigned int flags)
{
	const struct sock_fprog program = {
		.filter = (struct sock_filter *)code,
		.len = (unsigned short)count,
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | flags,
		       &program)
		       ? -errno
		       : 0;
}

static int install_bpf(enum bpf_calls bpf)
{
	struct sock_filter code[USES_CODE];

	switch (bpf) {
	case BPF_CALLS_NONE:
		return install(no_bpf, ARRAY_SIZE(no_bpf), 0);
	case BPF_CALLS_USE:
		return install(code, use_bpf(code), 0);
	default:
		return 0;
	}
}

#define TGKILL_PID (ARRAY_SIZE(head) + 2 * ARRAY_SIZE(allowed) + 2)

int syscall_filter_install(enum bpf_calls bpf)
{
	struct sock_filter code[ARRAY_SIZE(head) + 2 * ARRAY_SIZE(allowed) + ARRAY_SIZE(tail)];
	size_t count = 0;
	int err;

	for (size_t i = 0; i < ARRAY_SIZE(head); i++)
		code[count++] = head[i];
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		code[count++] = (struct sock_filter)UNLESS(allowed[i], 1);
		code[count++] = (struct sock_filter)RETURN(ALLOW);
	}
	for (size_t i = 0; i < ARRAY_SIZE(tail); i++)
		code[count++] = tail[i];
	code[TGKILL_PID].k = (uint32_t)getpid();
	err = install(quiet, ARRAY_SIZE(quiet), 0);
	if (!err)
		err = install_bpf(bpf);
	return err ? err : install(code, count, SECCOMP_FILTER_FLAG_LOG);
}
