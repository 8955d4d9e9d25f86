// SPDX-License-Identifier: GPL-2.0-only
/* What a process that serves a VM cannot do any more. Each case is a process of its own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "privileges.h"
#include "util.h"

static const struct privileges keep = { .control = "/tmp/nvring-unit/control" };

/* Bits of a child's exit status. */
#define REFUSED 1
#define ALLOWED 2
#define BROKEN	4

static int in_child(bool (*act)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(privileges_drop(&keep) ? BROKEN : act() ? ALLOWED : REFUSED);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : BROKEN;
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

static bool reads_proc(void)
{
	return opens("/proc/self/status", O_RDONLY);
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

static void test_files(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_int_equal(in_child(reads_a_file), REFUSED);
	assert_int_equal(in_child(writes_a_file), REFUSED);
	assert_int_equal(in_child(opens_a_device), REFUSED);
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
	if (!geteuid() && has_bpf())
		assert_int_equal(in_child(has_bpf), ALLOWED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_what_serving_needs),
		cmocka_unit_test(test_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
