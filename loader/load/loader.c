// SPDX-License-Identifier: GPL-2.0-only
#include "loader.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/util.h"
#include "objects.h"

#define END_MS 1000 /* the process apart ends in less, unless it is stopped */

struct loader {
	struct objects *objects; /* this process's own, NULL once another one loads */
	pthread_mutex_t lock;	 /* a question and its answer at a time */
	int socket;		 /* to the process apart, -1 without */
	int pidfd;		 /* likewise */
	pid_t pid;
};

struct question {
	uint32_t what, argument;
};

struct answer {
	int32_t err;
	uint32_t has; /* a bit for each descriptor of the reply that comes with it */
	uint32_t value[LOAD_VALUES_MAX];
	char why[WHY_BYTES];
};

/* One message with @count descriptors; 0 or -errno. */
static int send_one(int to, const void *data, size_t bytes, const int *fds, uint32_t count)
{
	char control[CMSG_SPACE(LOAD_FDS_MAX * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)data, bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (count) {
		struct cmsghdr *header = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	sent = TEMP_FAILURE_RETRY(sendmsg(to, &msg, MSG_NOSIGNAL));
	return sent == (ssize_t)bytes ? 0 : sent < 0 ? -errno : -EMSGSIZE;
}

/* Return: how many descriptors came with it, or -errno; -ECONNRESET when the other end is gone. */
static int receive_one(int from, void *data, size_t bytes, int fds[LOAD_FDS_MAX])
{
	char control[CMSG_SPACE(LOAD_FDS_MAX * sizeof(int))];
	struct iovec iov = { data, bytes };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t received = TEMP_FAILURE_RETRY(recvmsg(from, &msg, MSG_CMSG_CLOEXEC));
	const struct cmsghdr *header;
	size_t of_fds;

	if (received < 0)
		return -errno;
	header = CMSG_FIRSTHDR(&msg);
	of_fds = header && header->cmsg_type == SCM_RIGHTS ? header->cmsg_len - CMSG_LEN(0) : 0;
	if (of_fds)
		memcpy(fds, CMSG_DATA(header), of_fds);
	if (received == (ssize_t)bytes && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return (int)(of_fds / sizeof(int));
	for (size_t i = 0; i < of_fds / sizeof(int); i++)
		fd_close(fds[i]);
	return received ? -EMSGSIZE : -ECONNRESET;
}

/* In the process apart. */

static int answer(int to, int err, const struct load_reply *reply)
{
	struct answer answer = { .err = err };
	uint32_t count = 0;
	int fds[LOAD_FDS_MAX];

	memcpy(answer.value, reply->value, sizeof(answer.value));
	memcpy(answer.why, reply->why, sizeof(answer.why));
	for (uint32_t i = 0; i < LOAD_FDS_MAX; i++) {
		if (reply->fd[i] < 0)
			continue;
		answer.has |= 1U << i;
		fds[count++] = reply->fd[i];
	}
	return send_one(to, &answer, sizeof(answer), fds, count);
}

/* Until the VM's process is gone. */
static void serve(int socket, struct objects *objects)
{
	int fds[LOAD_FDS_MAX], count, err = 0;
	struct question question = { 0 };
	struct load_reply reply;

	while (!err) {
		count = receive_one(socket, &question, sizeof(question), fds);
		for (int i = 0; i < count; i++)
			fd_close(fds[i]);
		if (count < 0)
			break;
		err = objects_make(objects, question.what, question.argument, &reply);
		err = answer(socket, err, &reply);
		load_reply_close(&reply);
	}
}

static int by_number(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

/* All descriptors but standard ones and these; negative ones are none. */
static int close_others(int *kept, size_t count)
{
	unsigned int from = STDERR_FILENO + 1;

	qsort(kept, count, sizeof(*kept), by_number);
	for (size_t i = 0; i < count; i++) {
		if (kept[i] < (int)from)
			continue;
		if (kept[i] > (int)from &&
		    syscall(SYS_close_range, from, (unsigned int)kept[i] - 1, 0))
			return -errno;
		from = (unsigned int)kept[i] + 1;
	}
	return syscall(SYS_close_range, from, ~0U, 0) ? -errno : 0;
}

static int run(const struct loader *loader, int socket, int (*confine)(void *), void *argument)
{
	const struct load_terms *terms = &loader->objects->terms;
	int kept[] = { socket, terms->stats_fd, terms->cgroup_fd };
	int err = close_others(kept, ARRAY_SIZE(kept));
	struct load_reply reply;

	load_reply_init(&reply);
	if (!err)
		err = confine(argument);
	if (answer(socket, err, &reply) || err)
		return err;
	serve(socket, loader->objects);
	objects_close(loader->objects);
	return 0;
}

/* In the VM's process. */

int loader_open(const struct load_terms *terms, struct loader **ret_loader)
{
	struct loader *loader = calloc(1, sizeof(*loader));
	int err;

	if (!loader)
		return -ENOMEM;
	loader->socket = loader->pidfd = -1;
	pthread_mutex_init(&loader->lock, NULL);
	err = objects_open(terms, &loader->objects);
	if (err) {
		free(loader);
		return err;
	}
	*ret_loader = loader;
	return 0;
}

/* What went wrong it has logged itself. */
static int await_begin(int socket)
{
	int fds[LOAD_FDS_MAX], err;
	struct answer begun = { 0 };

	err = receive_one(socket, &begun, sizeof(begun), fds);
	if (err < 0)
		log_error("the process that loads BPF ends at once: %s", strerror(-err));
	return err < 0 ? err : begun.err;
}

int loader_part(struct loader *loader, int (*confine)(void *argument), void *argument)
{
	int sockets[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		log_error("the process that loads BPF: %m");
		return -errno;
	}
	pid = fork(); /* never waited for, so its number stays its own */
	if (!pid)
		_exit(run(loader, sockets[1], confine, argument) ? EXIT_FAILURE : EXIT_SUCCESS);
	fd_close(sockets[1]);
	if (pid < 0) {
		log_error("the process that loads BPF: %m%s",
			  errno == EAGAIN ? "; raise pids.max of its cgroup" : "");
		fd_close(sockets[0]);
		return -EAGAIN;
	}
	objects_close(loader->objects);
	loader->objects = NULL;
	loader->socket = sockets[0];
	loader->pid = pid;
	loader->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return await_begin(loader->socket);
}

pid_t loader_pid(const struct loader *loader)
{
	struct pollfd end = { .fd = loader ? loader->pidfd : -1, .events = POLLIN };

	return end.fd >= 0 && !poll(&end, 1, 0) ? loader->pid : 0;
}

static int ask_apart(const struct loader *loader, enum load_what what, uint32_t argument,
		     struct load_reply *ret_reply)
{
	const struct question question = { .what = what, .argument = argument };
	int fds[LOAD_FDS_MAX] = { 0 }, count, next = 0;
	struct answer answer = { 0 };
	int err = send_one(loader->socket, &question, sizeof(question), NULL, 0);

	count = err ? err : receive_one(loader->socket, &answer, sizeof(answer), fds);
	if (count < 0)
		return why_refuse(ret_reply->why, -ESRCH,
				  "the process that loads BPF is gone; start the VM's anew");
	memcpy(ret_reply->value, answer.value, sizeof(answer.value));
	memcpy(ret_reply->why, answer.why, sizeof(answer.why));
	for (uint32_t i = 0; i < LOAD_FDS_MAX; i++)
		ret_reply->fd[i] = answer.has & 1U << i && next < count ? fds[next++] : -1;
	return answer.err;
}

int loader_ask(struct loader *loader, enum load_what what, uint32_t argument,
	       struct load_reply *ret_reply)
{
	int err;

	load_reply_init(ret_reply);
	if (!loader) {
		snprintf(ret_reply->why, sizeof(ret_reply->why), "--bpf is off");
		return -EPERM;
	}
	pthread_mutex_lock(&loader->lock);
	err = loader->objects ? objects_make(loader->objects, what, argument, ret_reply)
			      : ask_apart(loader, what, argument, ret_reply);
	pthread_mutex_unlock(&loader->lock);
	return err;
}

struct objects *loader_objects(const struct loader *loader)
{
	return loader->objects;
}

/* Who comes next finds nothing of ours. */
static void await_end(int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0)
		poll(&end, 1, END_MS);
	fd_close(pidfd);
}

void loader_close(struct loader *loader)
{
	if (!loader)
		return;
	objects_close(loader->objects);
	fd_close(loader->socket);
	await_end(loader->pidfd);
	pthread_mutex_destroy(&loader->lock);
	free(loader);
}
