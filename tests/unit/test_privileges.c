// SPDX-License-Identifier: GPL-2.0-only
/* What a process that serves a VM cannot do any more. Each case is a process of its own. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "base/util.h"
#include "serve/privileges.h"

static struct privileges keep = { .bpf = true, .socket_dir = -1, .control_dir = -1 };

static enum privileges_role role = PRIVILEGES_SERVE;

/* Bits of a child's exit status. */
#define REFUSED 1
#define ALLOWED 2
#define BROKEN	4
#define ABORTED 8 /* by abort() */

static int in_child(bool (*act)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(privileges_confine(&keep) || privileges_drop(&keep, role) ? BROKEN
		      : act()							? ALLOWED
										: REFUSED);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGABRT ? ABORTED : BROKEN;
	return WEXITSTATUS(status);
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static bool opens(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC, 0600) >= 0;
}

static bool reads_a_file(void)
{
	return opens("/etc/passwd", O_RDONLY);
}

static bool writes_a_file(void)
{
	return opens("/tmp/nvring-unit-file", O_WRONLY | O_CREAT);
}

static bool opens_a_device(void)
{
	return opens("/dev/null", O_RDWR);
}

static bool runs_a_program(void)
{
	execl("/bin/true", "true", NULL);
	return false; /* true leaves with 0, which is neither bit */
}

static bool mounts(void)
{
	return !mount("none", "/mnt", "tmpfs", 0, NULL);
}

static bool traces(void)
{
	return !ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static bool sets_a_sysctl(void)
{
	return opens("/proc/sys/kernel/core_pattern", O_WRONLY);
}

static bool writes_in_sys(void)
{
	return opens("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY);
}

static bool forks(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid > 0;
}

static bool has_a_network(void)
{
	return socket(AF_INET, SOCK_DGRAM, 0) >= 0 || socket(AF_NETLINK, SOCK_RAW, 0) >= 0 ||
	       socket(AF_VSOCK, SOCK_STREAM, 0) >= 0 || socket(AF_ALG, SOCK_SEQPACKET, 0) >= 0;
}

static bool has_local_sockets(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

static bool has_namespaces(void)
{
	return !unshare(CLONE_NEWNS) || !unshare(CLONE_NEWUSER) || !setns(0, 0) || errno != ENOSYS;
}

/* Refused as not there, before anything is looked at. */
static bool calls_what_is_not_ours(void)
{
	static const long calls[] = { SYS_execve,
				      SYS_execveat,
				      SYS_ptrace,
				      SYS_keyctl,
				      SYS_add_key,
				      SYS_init_module,
				      SYS_kexec_load,
				      SYS_finit_module,
				      SYS_open_by_handle_at,
				      SYS_pidfd_getfd,
				      SYS_process_vm_readv,
				      SYS_process_vm_writev,
				      SYS_userfaultfd,
				      SYS_mount,
				      SYS_umount2,
				      SYS_pivot_root,
				      SYS_chroot,
				      SYS_chdir,
				      SYS_fchdir,
				      SYS_fsopen,
				      SYS_fsmount,
				      SYS_open_tree,
				      SYS_move_mount,
				      SYS_mount_setattr,
				      SYS_setns,
				      SYS_unshare,
				      SYS_setuid,
				      SYS_reboot,
				      SYS_fork,
				      SYS_vfork,
				      SYS_clone3,
				      SYS_chmod,
				      SYS_symlink };

	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (syscall(calls[i], 0, 0, 0, 0, 0, 0) >= 0 || errno != ENOSYS)
			return true;
	return false;
}

static __u32 map_id;

static bool opens_a_map(void)
{
	return bpf_map_get_fd_by_id(map_id) >= 0;
}

static bool signals_another(void)
{
	return !kill(getppid(), SIGCONT) || !syscall(SYS_tgkill, getppid(), getppid(), SIGCONT);
}

static bool sees_another(void)
{
	return !kill(getppid(), 0);
}

static void *thread_main(void *argument)
{
	*(int *)argument = 1;
	return NULL;
}

static bool has_threads(void)
{
	pthread_t thread;
	int ran = 0;

	return !pthread_create(&thread, NULL, thread_main, &ran) && !pthread_join(thread, NULL) &&
	       ran;
}

static bool aborts(void)
{
	abort();
}

static bool reads_proc(void)
{
	char path[64];

	/* Not "/proc/self", which is a link. */
	snprintf(path, sizeof(path), "/proc/%d/status", (int)getpid());
	return opens(path, O_RDONLY);
}

static bool reads_sys(void)
{
	return opens("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY) ||
	       opens("/sys/kernel/notes", O_RDONLY);
}

static bool reads_zero(void)
{
	return opens("/dev/zero", O_RDONLY);
}

static bool has_capability(void)
{
	static const cap_value_t gone[] = { CAP_DAC_OVERRIDE, CAP_SYS_PTRACE,	CAP_NET_ADMIN,
					    CAP_SYS_MODULE,   CAP_SYS_RESOURCE, CAP_SETUID };
	cap_t have = cap_get_proc();
	cap_flag_value_t is_set;
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(gone); i++) {
		cap_get_flag(have, gone[i], CAP_PERMITTED, &is_set);
		any |= is_set == CAP_SET;
	}
	cap_free(have);
	return any;
}

static bool has_bpf(void)
{
	const cap_value_t bpf = CAP_BPF;
	cap_t have = cap_get_proc();
	cap_flag_value_t is_set;

	cap_get_flag(have, bpf, CAP_EFFECTIVE, &is_set);
	cap_free(have);
	return is_set == CAP_SET;
}

/* The call itself, whatever capabilities would allow. */
static bool calls_bpf(void)
{
	return bpf_map_create(BPF_MAP_TYPE_ARRAY, "ours", 4, 4, 1, NULL) >= 0 || errno != EPERM ||
	       bpf_prog_get_next_id(0, &(__u32){ 0 }) >= 0 || errno != EPERM;
}

static bool has_seccomp(void)
{
	return !prctl(PR_GET_SECCOMP) || errno != EINVAL;
}

static int given = -1; /* a map */

static bool uses_what_was_given(void)
{
	__u32 key = 0, value = 7;

	return !bpf_map_update_elem(given, &key, &value, BPF_ANY) &&
	       !bpf_map_lookup_elem(given, &key, &value) && value == 7;
}

/* A map, a program or types, or opens what somebody pinned. */
static bool makes_bpf(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	bool made = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ours", 4, 4, 1, NULL) >= 0;

	made |= bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "ours", "GPL", program, 2, NULL) >= 0;
	made |= bpf_btf_load("", 0, NULL) >= 0 || errno != (made ? EINVAL : EPERM);
	made |= bpf_obj_get("/sys/fs/bpf/nvring/no such thing") >= 0 || errno == ENOENT;
	return made;
}

static void test_files(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_int_equal(in_child(reads_a_file), REFUSED);
	assert_int_equal(in_child(writes_a_file), REFUSED);
	assert_int_equal(in_child(opens_a_device), REFUSED);
	assert_int_equal(in_child(sets_a_sysctl), REFUSED);
	assert_int_equal(in_child(writes_in_sys), REFUSED);
	assert_int_equal(in_child(runs_a_program), REFUSED);
	assert_int_equal(in_child(mounts), REFUSED);
	assert_int_equal(in_child(traces), REFUSED);
}

static void test_what_serving_needs(void **state)
{
	(void)state;
	assert_int_equal(in_child(reads_proc), ALLOWED);
	assert_int_equal(in_child(reads_sys), ALLOWED);
	assert_int_equal(in_child(reads_zero), ALLOWED);
}

static void test_capabilities(void **state)
{
	(void)state;
	assert_int_equal(in_child(has_capability), REFUSED);
	assert_int_equal(in_child(has_bpf), REFUSED);
	role = PRIVILEGES_LOAD;
	assert_int_equal(in_child(has_capability), REFUSED);
	if (!geteuid() && has_bpf())
		assert_int_equal(in_child(has_bpf), ALLOWED);
	role = PRIVILEGES_SERVE;
}

/* Who serves uses what another process made, and makes nothing itself, whatever passthrough keeps;
 * who loads makes it. */
static void test_with_bpf(void **state)
{
	(void)state;
	if (!has_seccomp())
		skip();
	given = bpf_map_create(BPF_MAP_TYPE_ARRAY, "given", 4, 4, 1, NULL);
	if (given < 0) {
		print_message("the kernel allows no map here\n");
		skip();
	}
	assert_int_equal(in_child(uses_what_was_given), ALLOWED);
	assert_int_equal(in_child(makes_bpf), REFUSED);
	keep.passthrough = true;
	assert_int_equal(in_child(uses_what_was_given), ALLOWED);
	assert_int_equal(in_child(makes_bpf), REFUSED);
	keep.passthrough = false;
	role = PRIVILEGES_LOAD;
	assert_int_equal(in_child(makes_bpf), ALLOWED);
	role = PRIVILEGES_SERVE;
	close(given);
}

/* Not even with what passthrough keeps, which stands for BPF's capabilities, too. */
static void test_without_bpf(void **state)
{
	(void)state;
	keep.bpf = false;
	assert_int_equal(in_child(has_capability), REFUSED);
	assert_int_equal(in_child(has_bpf), REFUSED);
	keep.passthrough = true;
	assert_int_equal(in_child(has_bpf), REFUSED);
	assert_int_equal(in_child(calls_bpf), REFUSED);
	keep.passthrough = false;
	keep.bpf = true;
}

static void test_calls(void **state)
{
	(void)state;
	if (!has_seccomp())
		skip();
	assert_int_equal(in_child(calls_what_is_not_ours), REFUSED);
	assert_int_equal(in_child(forks), REFUSED);
	assert_int_equal(in_child(has_a_network), REFUSED);
	assert_int_equal(in_child(has_namespaces), REFUSED);
	assert_int_equal(in_child(signals_another), REFUSED);
	assert_int_equal(in_child(has_local_sockets), ALLOWED);
	assert_int_equal(in_child(has_threads), ALLOWED);
	assert_int_equal(in_child(sees_another), ALLOWED);
	assert_int_equal(in_child(aborts), ABORTED);
}

/* Somebody's map, which we may open as long as we are who we are. */
static bool make_a_map(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "somebodys", 4, 4, 1, NULL);
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size))
		return false;
	map_id = info.id;
	return opens_a_map();
}

/* What NVMe passthrough keeps CAP_SYS_ADMIN for is not to mount, nor to open others' maps. */
static void test_administrator(void **state)
{
	(void)state;
	if (!has_seccomp())
		skip();
	keep.passthrough = true;
	assert_int_equal(in_child(mounts), REFUSED);
	assert_int_equal(in_child(has_namespaces), REFUSED);
	assert_int_equal(in_child(calls_what_is_not_ours), REFUSED);
	if (make_a_map())
		assert_int_equal(in_child(opens_a_map), REFUSED);
	else
		print_message("no map can be opened by number here, by nobody\n");
	keep.passthrough = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),	      cmocka_unit_test(test_what_serving_needs),
		cmocka_unit_test(test_capabilities),  cmocka_unit_test(test_calls),
		cmocka_unit_test(test_administrator), cmocka_unit_test(test_without_bpf),
		cmocka_unit_test(test_with_bpf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
