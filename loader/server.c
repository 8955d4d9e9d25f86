// SPDX-License-Identifier: GPL-2.0-only
#include "server.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "direct_maps.h"
#include "log.h"
#include "vhost_user.h"

struct server {
	struct vm *vm;
	struct vhost_user connection;
	sd_event *event;
	sd_event_source *listening; /* off while a front-end is connected */
	sd_event_source *receiving; /* the connection's, or NULL */
};

/* A socket file whose listener died is in the way; one that answers belongs to somebody. */
static int remove_stale(const char *path, const struct sockaddr_un *address)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (lstat(path, &st) || !S_ISSOCK(st.st_mode)) {
		log_error("--socket %s: exists and is no socket", path);
		return -EEXIST;
	}
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
	    errno != ECONNREFUSED) {
		log_error("--socket %s: another process listens there", path);
		return -EADDRINUSE;
	}
	return unlink(path) ? -errno : 0;
}

int server_listen(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int err;

	if (strlen(path) >= sizeof(address.sun_path)) {
		log_error("--socket %s: longer than %zu characters", path,
			  sizeof(address.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	if (err == -EADDRINUSE) {
		err = remove_stale(path, &address);
		if (err)
			return err;
		err = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	}
	if (!err && listen(fd, 1))
		err = -errno;
	if (err) {
		log_error("--socket %s: %s", path, strerror(-err));
		return err;
	}
	return fd_steal(&fd);
}

int server_adopt(int fd)
{
	if (sd_is_socket(fd, AF_UNIX, SOCK_STREAM, 1) <= 0) {
		log_error("--socket-fd %d: is no listening Unix stream socket", fd);
		return -ENOTSOCK;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	return fd;
}

void server_block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void log_direct(const struct vm *vm, uint32_t index)
{
	static const char *const reasons[DIRECT_REASON_COUNT] = {
		[DIRECT_REASON_FAULT] = "fault",       [DIRECT_REASON_STATUS] = "status",
		[DIRECT_REASON_COMMANDS] = "commands", [DIRECT_REASON_POOL] = "pool",
		[DIRECT_REASON_ERROR] = "error",
	};
	const struct direct_counters *c;
	char handed[128] = "";
	size_t used = 0;

	if (!vm->maps || !vm->maps->queues[index].counters.runs)
		return;
	c = &vm->maps->queues[index].counters;
	for (int i = 0; i < DIRECT_REASON_COUNT; i++)
		used += (size_t)snprintf(handed + used, sizeof(handed) - used, " %s %" PRIu64,
					 reasons[i], (uint64_t)c->handed[i]);
	log_info("queue %u: direct: runs %" PRIu64 " busy %" PRIu64 " missed %" PRIu64
		 " polls %" PRIu64 " swept %" PRIu64 " status writes %" PRIu64 " stray %" PRIu64
		 " by vCPUs %" PRIu64 " handed to the worker:%s",
		 index, (uint64_t)c->runs, (uint64_t)c->busy, (uint64_t)c->missed,
		 (uint64_t)c->armed, vm->queues[index].swept, (uint64_t)c->status_writes,
		 (uint64_t)c->stray, (uint64_t)c->by_vcpu, handed);
}

static void log_counters(struct vm *vm)
{
	bool any = false;

	for (uint32_t i = 0; i < vm->options.queues; i++) {
		struct queue_counters c;

		vhost_queue_counters(&vm->queues[i], &c);
		if (!c.requests && !c.resubmitted)
			continue;
		any = true;
		log_info("queue %u: requests %" PRIu64 " completed %" PRIu64 " errors %" PRIu64
			 " read %" PRIu64 " written %" PRIu64 " kicks %" PRIu64
			 " interrupts %" PRIu64 " commands %" PRIu64 " retries %" PRIu64
			 " bounced %" PRIu64 " resubmitted %" PRIu64,
			 i, (uint64_t)c.requests, (uint64_t)c.completed, (uint64_t)c.errors,
			 (uint64_t)c.bytes_read, (uint64_t)c.bytes_written, (uint64_t)c.kicks,
			 (uint64_t)c.interrupts, (uint64_t)c.commands, (uint64_t)c.retries,
			 (uint64_t)c.bounced, (uint64_t)c.resubmitted);
		log_direct(vm, i);
	}
	if (!any)
		log_info("no requests so far");
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct server *server = data;

	if (info->ssi_signo == SIGUSR1)
		log_counters(server->vm);
	else
		sd_event_exit(sd_event_source_get_event(source), 0);
	return 0;
}

static void disconnect(struct server *server)
{
	server->receiving = sd_event_source_disable_unref(server->receiving);
	vhost_user_disconnect(&server->connection);
	sd_event_source_set_enabled(server->listening, SD_EVENT_ON);
}

static int on_message(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct server *server = data;
	int err;

	(void)source, (void)fd, (void)events;
	err = vhost_user_receive(&server->connection);
	if (!err)
		return 0;
	if (err == -ECONNRESET)
		log_info("front-end disconnected");
	else
		log_warn("connection dropped: %s; the front-end may connect again", strerror(-err));
	disconnect(server);
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *data)
{
	struct server *server = data;
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	int socket_fd, err;

	(void)events;
	socket_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	if (socket_fd < 0)
		return 0;
	getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	err = sd_event_add_io(server->event, &server->receiving, socket_fd, EPOLLIN, on_message,
			      server);
	if (err < 0) {
		log_error("front-end refused: %s", strerror(-err));
		fd_close(socket_fd);
		return 0;
	}
	/* The next one waits in the backlog: a front-end that reconnects may come early. */
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	vhost_user_connect(&server->connection, socket_fd);
	server->vm->front_pid = peer.pid;
	log_info("front-end connected, process %d", (int)peer.pid);
	return 0;
}

static int add_sources(struct server *server, int listen_fd)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGUSR1 };
	int err;

	err = sd_event_new(&server->event);
	for (size_t i = 0; i < ARRAY_SIZE(signals) && err >= 0; i++)
		err = sd_event_add_signal(server->event, NULL, signals[i], on_signal, server);
	if (err >= 0)
		err = sd_event_add_io(server->event, &server->listening, listen_fd, EPOLLIN,
				      on_connection, server);
	return err;
}

int server_run(struct vm *vm, int listen_fd)
{
	struct server *server = calloc(1, sizeof(*server));
	int err;

	if (!server)
		return -ENOMEM;
	server->vm = vm;
	vhost_user_init(&server->connection, vm);
	err = add_sources(server, listen_fd);
	if (err >= 0) {
		sd_notify(0, "READY=1");
		err = sd_event_loop(server->event);
		sd_notify(0, "STOPPING=1");
		disconnect(server);
		log_counters(vm);
	}
	if (err < 0)
		log_error("event loop: %s", strerror(-err));
	sd_event_source_disable_unref(server->listening);
	sd_event_unref(server->event);
	free(server);
	return min(err, 0);
}
