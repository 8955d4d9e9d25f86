// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which Unix sockets of the host a process that serves a VM can name: all that it tries reach one
 * before it has given up its privileges.
 */
#include <fcntl.h>
#include <liburing.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "unit.h"

#include "base/unix_socket.h"
#include "base/util.h"
#include "serve/privileges.h"

#define PATHS 8

/* The host: a socket of root's in a directory that is open and ours, and a supervisor's. */
static struct host {
	char dir[64], socket[96], notify_dir[96], notify[128];
	int dir_fd, socket_fd, notify_fd;
} host;

/* What a child tells. */
struct seen {
	bool by_call[PATHS], by_ring[PATHS];
	bool text_ok, dropped;
};

static struct seen *before, *after;

static const char *const names[PATHS] = {
	"by its own path",	   "from the working directory", "by an inherited one",
	"by that of our number",   "by the parent's root",	 "by its working directory",
	"by one that it has open", "by process 1's root",
};

static void path_of(int which, char path[PATH_MAX])
{
	int parent = (int)getppid(), fd = host.dir_fd;

	switch (which) {
	case 0:
		snprintf(path, PATH_MAX, "%s", host.socket);
		break;
	case 1:
		snprintf(path, PATH_MAX, "there");
		break;
	case 2:
		snprintf(path, PATH_MAX, "/proc/self/fd/%d/there", fd);
		break;
	case 3:
		snprintf(path, PATH_MAX, "/proc/%d/fd/%d/there", (int)getpid(), fd);
		break;
	case 4:
		snprintf(path, PATH_MAX, "/proc/%d/root%s", parent, host.socket);
		break;
	case 5:
		snprintf(path, PATH_MAX, "/proc/%d/cwd/there", parent);
		break;
	case 6:
		snprintf(path, PATH_MAX, "/proc/%d/fd/%d/there", parent, fd);
		break;
	default:
		snprintf(path, PATH_MAX, "/proc/1/root%s", host.socket);
		break;
	}
}

static bool connects(struct io_uring *ring, int which)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct io_uring_cqe *cqe;
	char path[PATH_MAX];
	int result;

	if (fd < 0)
		_exit(2);
	path_of(which, path);
	memcpy(address.sun_path, path, min(strlen(path), sizeof(address.sun_path) - 1));
	if (!ring)
		return !connect(fd, (struct sockaddr *)&address, sizeof(address));
	io_uring_prep_connect(io_uring_get_sqe(ring), fd, (struct sockaddr *)&address,
			      sizeof(address));
	if (io_uring_submit(ring) != 1 || io_uring_wait_cqe(ring, &cqe))
		return false;
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return !result;
}

static void look(struct seen *seen, struct io_uring *ring)
{
	for (int i = 0; i < PATHS; i++) {
		seen->by_call[i] = connects(NULL, i);
		seen->by_ring[i] = ring && connects(ring, i);
	}
}

static struct privileges keeping(void)
{
	return (struct privileges){ .passthrough = true,
				    .socket_dir = host.dir_fd,
				    .control_dir = -1,
				    .notify = host.notify };
}

static bool may_have_mounts(void)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid)
		_exit(unshare(CLONE_NEWNS) ? 1 : 0);
	waitpid(pid, &status, 0);
	return !status;
}

static int set_up(void **state)
{
	void *shared = mmap(NULL, 2 * sizeof(struct seen), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)state;
	before = shared;
	after = before + 1;
	snprintf(host.dir, sizeof(host.dir), "/tmp/nvring-unit.XXXXXX");
	if (shared == MAP_FAILED || !mkdtemp(host.dir) || chdir(host.dir))
		return -1;
	snprintf(host.socket, sizeof(host.socket), "%s/there", host.dir);
	snprintf(host.notify_dir, sizeof(host.notify_dir), "%s/notify.d", host.dir);
	snprintf(host.notify, sizeof(host.notify), "%s/socket", host.notify_dir);
	host.dir_fd = open(host.dir, O_RDONLY | O_DIRECTORY);
	host.socket_fd = unix_socket_receive(host.socket);
	if (mkdir(host.notify_dir, 0700))
		return -1;
	host.notify_fd = unix_socket_receive(host.notify);
	return host.dir_fd < 0 || host.socket_fd < 0 || host.notify_fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(host.socket);
	unlink(host.notify);
	rmdir(host.notify_dir);
	return rmdir(host.dir);
}

static void try_all(void)
{
	struct privileges keep = keeping();
	struct io_uring ring;
	bool has_ring = !io_uring_queue_init(4, &ring, 0);

	look(before, has_ring ? &ring : NULL);
	if (privileges_confine(&keep) || privileges_drop(&keep, PRIVILEGES_SERVE))
		_exit(1);
	look(after, has_ring ? &ring : NULL);
	after->text_ok = strstr(privileges_confinement(), ", private root");
	after->dropped = true;
	_exit(0);
}

static void test_sockets_have_no_path(void **state)
{
	int status = 1;
	pid_t pid;

	(void)state;
	if (!may_have_mounts()) {
		print_message("skipped: no mount namespaces here\n");
		skip();
	}
	pid = fork();
	if (!pid)
		try_all();
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_true(after->dropped && after->text_ok);
	for (int i = 0; i < PATHS; i++) {
		/* Process 1 may be somebody else's. */
		if (!before->by_call[i] && i < PATHS - 1)
			fail_msg("%s: is not reached before, either", names[i]);
		if (after->by_call[i] || after->by_ring[i])
			fail_msg("%s: is reached%s", names[i],
				 after->by_call[i] ? "" : ", by io_uring");
	}
	for (int i = 0; i < PATHS - 1; i++)
		assert_true(before->by_ring[i] == before->by_ring[0]);
}

/* Each byte is an order: tell the supervisor; the end is one to remove the socket's file. */
static void serve(int orders)
{
	struct privileges keep = keeping();
	char order[2] = "";

	if (privileges_confine(&keep) || privileges_drop(&keep, PRIVILEGES_SERVE))
		_exit(1);
	while (read(orders, order, 1) == 1)
		unix_socket_tell(host.notify, order);
	unix_socket_remove(host.dir_fd, host.socket);
	_exit(0);
}

static bool told(const char *text)
{
	struct pollfd poll_fd = { .fd = host.notify_fd, .events = POLLIN };
	char got[16] = "";

	return host.notify_fd >= 0 && poll(&poll_fd, 1, 5000) == 1 &&
	       recv(host.notify_fd, got, sizeof(got) - 1, 0) > 0 && got[0] == text[0];
}

/* The supervisor's socket, also when it is made anew; and a socket's file can be removed. */
static void test_what_serving_needs(void **state)
{
	int orders[2], status = 1;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(orders), 0);
	pid = fork();
	if (!pid) {
		close(orders[1]);
		serve(orders[0]);
	}
	close(orders[0]);
	assert_int_equal(write(orders[1], "a", 1), 1);
	assert_true(told("a"));
	close(host.notify_fd);
	host.notify_fd = unix_socket_receive(host.notify);
	assert_true(host.notify_fd >= 0);
	assert_int_equal(write(orders[1], "b", 1), 1);
	assert_true(told("b"));
	assert_int_equal(access(host.socket, F_OK), 0);
	close(orders[1]);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_not_equal(access(host.socket, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sockets_have_no_path),
		cmocka_unit_test(test_what_serving_needs),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
