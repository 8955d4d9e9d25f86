// SPDX-License-Identifier: GPL-2.0-only
/* `nvring serve`: options, and the order in which things start and stop. */
#include <argp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "base/cgroup.h"
#include "base/cgroup_member.h"
#include "base/log.h"
#include "base/pins.h"
#include "base/sigbus.h"
#include "base/unix_socket.h"
#include "cmd.h"
#include "load/hub.h"
#include "load/loader.h"
#include "serve/disk_options.h"
#include "serve/privileges.h"
#include "serve/server.h"

#define SOCKET_FD_MAX (1 << 20)
#define CONTROL_MODE  0600
#define LOADS	      "load" /* no longer than "serve" */

static char *verb; /* "serve" where the kernel shows our arguments */

struct settings {
	const char *socket;
	const char *control;
	int socket_fd; /* -1 unset */
	struct disk_options disk;
};

enum option_key {
	OPT_SOCKET = 's',
	OPT_SOCKET_FD = 0x100,
	OPT_NAME,
	OPT_CONTROL,
	OPT_PIN_DIR,
};

static const struct argp_option options[] = {
	{ .doc = "Where the front-end (QEMU) connects:", .group = 1 },
	{ "socket", OPT_SOCKET, "PATH", 0, "listen on this Unix socket", 1 },
	{ "socket-fd", OPT_SOCKET_FD, "N", 0, "use inherited listening socket N", 1 },
	{ .doc = "How it is known:", .group = 5 },
	{ "name", OPT_NAME, "VM", 0, "stands in every line of the log, and names its --pin-dir",
	  5 },
	{ "pin-dir", OPT_PIN_DIR, "DIR", 0,
	  "pin counters, BPF programs and links for bpftool in DIR/VM (" PINS_BASE "), or \"none\"",
	  5 },
	{ "control", OPT_CONTROL, "PATH", 0,
	  "listen on this Unix socket for `nvring status` and `nvring set`", 5 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->disk;
		return 0;
	case OPT_SOCKET:
		settings->socket = argument;
		return 0;
	case OPT_SOCKET_FD:
		settings->socket_fd = (int)cmd_number(state, "--socket-fd", argument,
						      STDERR_FILENO + 1, SOCKET_FD_MAX);
		return 0;
	case OPT_NAME:
		settings->disk.vm.name = argument;
		return 0;
	case OPT_PIN_DIR:
		settings->disk.vm.pin_dir = argument;
		return 0;
	case OPT_CONTROL:
		settings->control = argument;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", argument);
		return 0;
	case ARGP_KEY_END:
		if (!!settings->socket + (settings->socket_fd >= 0) != 1)
			argp_error(state, "one of --socket PATH and --socket-fd N is wanted");
		if (settings->disk.vm.pin_dir && !settings->disk.vm.name)
			argp_error(state, "--pin-dir is for a VM with a --name");
		if (settings->disk.vm.pin_dir && settings->disk.vm.pin_dir[0] != '/' &&
		    strcmp(settings->disk.vm.pin_dir, "none") != 0)
			argp_error(state, "--pin-dir %s: an absolute path is wanted, or \"none\"",
				   settings->disk.vm.pin_dir);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Guest memory regions, eventfds of many queues: more than the usual 1024 descriptors. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* Their files are removed by directory: in the private root they have no path. */
struct sockets {
	int fd, control_fd; /* -1: none */
	int folder, control_folder;
};

static void close_sockets(const struct settings *settings, struct sockets *sockets)
{
	if (settings->socket && sockets->fd >= 0)
		unix_socket_remove(sockets->folder, settings->socket);
	if (settings->control && sockets->control_fd >= 0)
		unix_socket_remove(sockets->control_folder, settings->control);
	fd_close(sockets->control_fd);
	fd_close(sockets->fd);
	fd_close(sockets->control_folder);
	fd_close(sockets->folder);
}

static int open_sockets(const struct settings *settings, struct sockets *ret_sockets)
{
	struct sockets sockets = { -1, -1, -1, -1 };

	sockets.folder = unix_socket_folder(settings->socket);
	sockets.control_folder = unix_socket_folder(settings->control);
	sockets.fd = settings->socket ? unix_socket_listen("--socket", settings->socket, 0)
				      : server_adopt(settings->socket_fd);
	if (sockets.fd >= 0 && settings->control)
		sockets.control_fd =
			unix_socket_listen("--control", settings->control, CONTROL_MODE);
	if (sockets.fd >= 0 && (!settings->control || sockets.control_fd >= 0)) {
		*ret_sockets = sockets;
		return 0;
	}
	close_sockets(settings, &sockets);
	return sockets.fd < 0 ? sockets.fd : sockets.control_fd;
}

static int serve_vm(const struct settings *settings, struct vm *vm, const struct sockets *sockets)
{
	enum engine engine = settings->disk.vm.engine;
	char why[WHY_BYTES];
	int err = vm_start(vm);

	if (err)
		return err;
	if (engine != ENGINE_AUTO && engine_check(vm, engine, why)) {
		log_error("--engine %s: %s; `nvring features` shows what this kernel allows",
			  engine_name(engine), why);
		return -EOPNOTSUPP;
	}
	log_info("serving %s, %llu sectors, engine %s; waiting at %s", vm->backend.description,
		 (unsigned long long)vm->backend.disk.sectors, engine_name(engine),
		 settings->socket ? settings->socket : "the inherited socket");
	return server_run(vm, sockets->fd, sockets->control_fd);
}

/* In the process that loads BPF. It is a child of ours: ps shows that it is another one. */
static int load_apart(void *argument)
{
	prctl(PR_SET_NAME, "nvring/load");
	memcpy(verb, LOADS, sizeof(LOADS));
	return privileges_drop(argument, PRIVILEGES_LOAD);
}

/* Open everything, give up what opened it, and serve. */
static int open_and_serve(const struct settings *settings, struct vm *vm)
{
	char cgroups[PATH_MAX] = "";
	struct privileges keep = {
		.bpf = vm->options.bpf,
		.passthrough = vm->backend.disk.kind == DISK_NVME,
		.dispatch = vm->options.vcpu_dispatch,
		.notify = getenv("NOTIFY_SOCKET"),
		.pin_dir = settings->disk.vm.pin_dir,
	};
	struct sockets sockets;
	int err;

	if (vm->cgroup && !cgroup_file(vm->cgroup, vm->cgroup->levels, ".", cgroups))
		keep.cgroups = cgroups;
	if (vm->cgroup)
		keep.cgroup = vm->cgroup->folder;
	err = open_sockets(settings, &sockets);
	if (err)
		return err;
	keep.socket_dir = sockets.folder;
	keep.control_dir = sockets.control_folder;
	err = privileges_confine(&keep);
	if (!err && vm->loader)
		err = loader_part(vm->loader, load_apart, &keep);
	if (!err)
		err = privileges_drop(&keep, PRIVILEGES_SERVE);
	if (!err)
		cgroup_member_bring(vm->member, loader_pid(vm->loader));
	if (!err)
		err = serve_vm(settings, vm, &sockets);
	close_sockets(settings, &sockets);
	return err;
}

static int serve(const struct settings *settings)
{
	struct vm *vm = NULL;
	int err;

	server_block_signals();
	sigbus_install();
	raise_limits();
	hub_sweep();
	err = vm_create(&settings->disk.vm, &settings->disk.backend, &vm);
	if (!err)
		err = open_and_serve(settings, vm);
	vm_free(vm);
	if (err)
		sd_notifyf(0, "STATUS=%s", log_last_error());
	return err ? 1 : 0;
}

int cmd_serve(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &disk_options_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Serve one VM's disk over vhost-user-blk, in the foreground.\v"
		       "SIGUSR1 logs the queues' counters; SIGTERM and SIGINT end it, with nothing "
		       "lost: a guest goes on when it is started again.",
		.children = children,
	};
	struct settings settings = { .socket_fd = -1 };
	char name[] = "nvring serve";

	disk_options_init(&settings.disk);
	verb = argv[0];
	argv[0] = name;
	prctl(PR_SET_NAME, "nvring"); /* not "exe", as what the manager starts would be */
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	log_set_name(settings.disk.vm.name);
	if (settings.disk.verbose)
		log_set_level(LOG_DEBUG);
	return serve(&settings);
}
