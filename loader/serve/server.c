// SPDX-License-Identifier: GPL-2.0-only
#include "server.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/cgroup.h"
#include "base/cgroup_member.h"
#include "base/control.h"
#include "base/log.h"
#include "base/unix_socket.h"
#include "cgroup_watch.h"
#include "engine/chooser.h"
#include "engine/counters.h"
#include "engine/steer.h"
#include "engine/vm_pages.h"
#include "engine/vm_share.h"
#include "rpc_vm.h"
#include "vhost_user.h"

struct server {
	struct vm *vm;
	struct vhost_user connection;
	sd_event *event;
	sd_event_source *listening;  /* off while a front-end is connected */
	sd_event_source *receiving;  /* the connection's, or NULL */
	struct control *control;     /* NULL without --control */
	struct cgroup_watch *cgroup; /* NULL without --cgroup */
	struct log_limit refusals;
};

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

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct server *server = data;

	if (info->ssi_signo == SIGUSR1)
		counters_log(server->vm);
	else
		sd_event_exit(sd_event_source_get_event(source), 0);
	return 0;
}

/* Tell who supervises us: systemd shows the words, the manager takes the number. */
static void notify_front(pid_t pid)
{
	const char *supervisor = getenv("NOTIFY_SOCKET");
	char text[128] = "STATUS=no front-end is connected\nX_NVRING_FRONT=0";

	if (!supervisor || *supervisor != '/')
		return;
	if (pid)
		snprintf(text, sizeof(text),
			 "STATUS=front-end connected, process %d\nX_NVRING_FRONT=%d", (int)pid,
			 (int)pid);
	unix_socket_tell(supervisor, text);
}

static void disconnect(struct server *server)
{
	bool was_there = server->receiving;
	int err;

	server->receiving = sd_event_source_disable_unref(server->receiving);
	vhost_user_disconnect(&server->connection);
	steer_front_changed(server->vm);
	err = cgroup_member_leave(server->vm->member);
	if (err) /* rather than keep that: a supervisor starts us again elsewhere */
		sd_event_exit(server->event, err);
	if (was_there)
		notify_front(0);
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

/* Whether the process may be our front-end. */
static bool admits(struct server *server, int socket_fd, pid_t pid)
{
	char why[CGROUP_WHY_BYTES];

	if (!server->vm->cgroup || cgroup_admits(server->vm->cgroup, socket_fd, pid, why))
		return true;
	if (log_limit_pass(&server->refusals))
		log_warn("front-end refused: %s", why);
	return false;
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
	if (!admits(server, socket_fd, peer.pid)) {
		fd_close(socket_fd);
		return 0;
	}
	err = sd_event_add_io(server->event, &server->receiving, socket_fd, EPOLLIN, on_message,
			      server);
	if (err < 0) {
		log_error("front-end refused: %s", strerror(-err));
		fd_close(socket_fd);
		return 0;
	}
	/* The next one waits in the backlog: a front-end that reconnects may come early. */
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	cgroup_member_enter(server->vm->member);
	cgroup_watch_moved(server->cgroup);
	vhost_user_connect(&server->connection, socket_fd);
	server->vm->front_pid = peer.pid;
	log_info("front-end connected, process %d", (int)peer.pid);
	notify_front(peer.pid);
	steer_front_changed(server->vm);
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

int server_run(struct vm *vm, int listen_fd, int control_fd)
{
	struct server *server = calloc(1, sizeof(*server));
	struct rpc_service service;
	int err;

	if (!server)
		return -ENOMEM;
	server->vm = vm;
	rpc_vm_service(vm, &service);
	vhost_user_init(&server->connection, vm);
	err = add_sources(server, listen_fd);
	if (err >= 0)
		err = chooser_open(server->event, vm);
	if (err >= 0)
		err = steer_open(server->event, vm);
	if (err >= 0)
		err = vm_pages_open(server->event, vm);
	if (err >= 0)
		err = vm_share_open(server->event, vm);
	if (err >= 0)
		err = cgroup_watch_open(server->event, vm, &server->cgroup);
	if (err >= 0 && control_fd >= 0)
		err = control_open(server->event, &service, control_fd, &server->control);
	if (err >= 0) {
		sd_notify(0, "READY=1");
		err = sd_event_loop(server->event);
		sd_notify(0, "STOPPING=1");
		disconnect(server);
		counters_log(vm);
	}
	if (err < 0)
		log_error("event loop: %s", strerror(-err));
	control_close(server->control);
	cgroup_watch_close(server->cgroup);
	vm_share_close(vm);
	vm_pages_close(vm);
	steer_close(vm);
	chooser_close(vm);
	sd_event_source_disable_unref(server->listening);
	sd_event_unref(server->event);
	free(server);
	return min(err, 0);
}
