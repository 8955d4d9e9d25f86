// SPDX-License-Identifier: GPL-2.0-only
#include "privileges.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/bpf_util.h"
#include "base/log.h"
#include "base/pins.h"
#include "base/util.h"
#include "private_root.h"
#include "syscall_filter.h"

/* Everything that Landlock knew of files when it came, Linux 5.13. */
#define FILE_RIGHTS \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE)
#define ALL_RIGHTS                                                                   \
	(FILE_RIGHTS | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |             \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                 \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |               \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define READ_RIGHTS  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* In bpffs: what its own permissions allow. */
#define BPFFS_RIGHTS (ALL_RIGHTS & ~(__u64)LANDLOCK_ACCESS_FS_EXECUTE)
/* To have a cgroup below the VM's, and move there: cgroup_member.h */
#define CGROUP_RIGHTS                                                                \
	(READ_RIGHTS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR)

static bool has_landlock = true, has_seccomp = true, has_root = true, has_bpf = true;

static int allow_at(int ruleset, int fd, __u64 rights)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights, .parent_fd = fd };

	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0)
		       ? -errno
		       : 0;
}

static int allow(int ruleset, const char *path, __u64 rights)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return allow_at(ruleset, fd, rights);
}

/* A socket's file may be removed from its directory. */
static int allow_removal(int ruleset, int dir)
{
	return dir < 0 ? 0 : allow_at(ruleset, dir, LANDLOCK_ACCESS_FS_REMOVE_FILE);
}

static int allow_files(int ruleset, const struct privileges *keep)
{
	/* Not to write: root without capabilities may still set sysctls that run programs. */
	int err = allow(ruleset, "/proc", READ_RIGHTS);

	if (!err)
		err = allow(ruleset, "/sys", READ_RIGHTS);
	if (!err)
		err = allow(ruleset, PINS_BASE, BPFFS_RIGHTS);
	if (!err && keep->pin_dir)
		err = allow(ruleset, keep->pin_dir, BPFFS_RIGHTS);
	if (!err && keep->cgroups)
		err = allow(ruleset, keep->cgroups, LANDLOCK_ACCESS_FS_READ_FILE);
	if (!err && keep->cgroup)
		err = allow(ruleset, keep->cgroup, CGROUP_RIGHTS);
	if (!err)
		err = allow(ruleset, "/dev/zero", LANDLOCK_ACCESS_FS_READ_FILE);
	if (!err)
		err = allow_removal(ruleset, keep->socket_dir);
	if (!err)
		err = allow_removal(ruleset, keep->control_dir);
	return err;
}

/* Rules are about files, wherever they are mounted: these hold in the private root, too. */
static int make_rules(const struct privileges *keep, int *ret_ruleset)
{
	const struct landlock_ruleset_attr files = { .handled_access_fs = ALL_RIGHTS };

	*ret_ruleset = (int)syscall(SYS_landlock_create_ruleset, &files, sizeof(files), 0);
	if (*ret_ruleset >= 0)
		return allow_files(*ret_ruleset, keep);
	log_info("no Landlock here: %m; files stay within reach");
	has_landlock = false;
	return 0;
}

static void change_root(const struct privileges *keep)
{
	int err = private_root_enter(keep);

	if (!err)
		return;
	log_info("no private root here: %s; Unix sockets of the host stay within reach",
		 strerror(-err));
	has_root = false;
}

static int restrict_files(const struct privileges *keep)
{
	_cleanup_close_ int ruleset = -1;
	int err;

	/* Engines that come later may want it. Where there is no bpffs, it cannot be made. */
	if (mkdir(PINS_BASE, PINS_MODE) && errno != EEXIST)
		log_debug("%s: %m", PINS_BASE);
	err = make_rules(keep, &ruleset);
	if (err)
		return err;
	change_root(keep);
	return ruleset >= 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) ? -errno : 0;
}

/*
 * CAP_SYS_ADMIN: before Linux 6.2 passthrough asks for it, and later where a drive does not say
 * what its commands do; before 6.13 the poller's bpf_probe_write_user does; who hooks a module's
 * function looks through all BTF there is.
 */
static bool wants_admin(const struct privileges *keep, enum privileges_role role)
{
	return role == PRIVILEGES_LOAD ? keep->dispatch || !bpf_has_uptr() : keep->passthrough;
}

static void cap_freep(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

/* Of those we have. */
static int restrict_capabilities(const struct privileges *keep, enum privileges_role role)
{
	const struct {
		cap_value_t cap;
		bool wanted;
	} caps[] = {
		{ CAP_BPF, role == PRIVILEGES_LOAD },
		{ CAP_PERFMON, role == PRIVILEGES_LOAD },
		{ CAP_IPC_LOCK, role == PRIVILEGES_SERVE },
		{ CAP_SYS_ADMIN, wants_admin(keep, role) },
	};
	_cleanup_(cap_freep) cap_t have = cap_get_proc(), kept = cap_init();
	cap_flag_value_t is_set;

	if (!have || !kept)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(caps); i++) {
		if (!caps[i].wanted || cap_get_flag(have, caps[i].cap, CAP_PERMITTED, &is_set) ||
		    is_set == CAP_CLEAR)
			continue;
		cap_set_flag(kept, CAP_PERMITTED, 1, &caps[i].cap, CAP_SET);
		cap_set_flag(kept, CAP_EFFECTIVE, 1, &caps[i].cap, CAP_SET);
	}
	return cap_set_proc(kept) ? -errno : 0;
}

/*
 * io_uring's requests pass by seccomp, and make sockets: a network of our own has nobody in it. The
 * service's unit forbids that, as it has done it. Addresses that begin with '@' are a network's.
 */
static void leave_network(void)
{
	const char *supervisor = getenv("NOTIFY_SOCKET");

	if ((!supervisor || *supervisor != '@') && unshare(CLONE_NEWNET))
		log_debug("no network namespace of its own: %m");
}

static int restrict_calls(enum bpf_calls bpf)
{
	int err = syscall_filter_install(bpf);

	if (err != -ENOSYS && err != -EINVAL)
		return err;
	log_info("no seccomp here: %s; system calls stay within reach", strerror(-err));
	has_seccomp = false;
	return 0;
}

static int report(int err)
{
	if (err)
		log_error("privileges cannot be given up: %s", strerror(-err));
	return err;
}

int privileges_confine(const struct privileges *keep)
{
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	leave_network();
	if (!err)
		err = restrict_files(keep);
	return report(err);
}

int privileges_drop(const struct privileges *keep, enum privileges_role role)
{
	enum bpf_calls bpf = keep->bpf ? BPF_CALLS_USE : BPF_CALLS_NONE;
	int err = restrict_capabilities(keep, role);

	if (!err)
		err = restrict_calls(role == PRIVILEGES_LOAD ? BPF_CALLS_LOAD : bpf);
	has_bpf = keep->bpf || !has_seccomp;
	return report(err);
}

const char *privileges_confinement(void)
{
	static char text[128];

	/* A root that chdir() leaves would be none. */
	snprintf(text, sizeof(text), "capabilities%s%s%s%s", has_bpf ? "" : " without BPF",
		 has_landlock ? ", Landlock" : "", has_seccomp ? ", seccomp" : "",
		 has_root && has_seccomp ? ", private root"
					 : "; no private root: Unix sockets of the host are within "
					   "reach");
	return text;
}
