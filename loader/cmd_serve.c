// SPDX-License-Identifier: GPL-2.0-only
/* `nvring serve`: options, and the order in which things start and stop. */
#include <argp.h>
#include <string.h>
#include <sys/resource.h>

#include "cmd.h"
#include "log.h"
#include "parse.h"
#include "pins.h"
#include "server.h"
#include "sigbus.h"
#include "unix_socket.h"

#define DEFAULT_QUEUES	4
#define DEFAULT_SPIN_US 32
#define MAX_SPIN_US	1000000
#define CONTROL_MODE	0600

struct settings {
	const char *socket;
	const char *control;
	int socket_fd; /* -1 unset */
	struct vm_options vm;
	struct backend_options backend;
	int cpu_count;
	int verbosity;
};

enum option_key {
	OPT_SOCKET = 's',
	OPT_VERBOSE = 'v',
	OPT_SOCKET_FD = 0x100,
	OPT_IMAGE,
	OPT_SIZE,
	OPT_DEVICE,
	OPT_RANGE,
	OPT_NULL,
	OPT_READ_ONLY,
	OPT_SERIAL,
	OPT_CACHE,
	OPT_QUEUES,
	OPT_WORKERS,
	OPT_CPU_LIST,
	OPT_SPIN_US,
	OPT_PIN_MEMORY,
	OPT_ENGINE,
	OPT_VCPU_DISPATCH,
	OPT_MODERATION,
	OPT_NAME,
	OPT_CONTROL,
	OPT_PIN_DIR,
};

static const struct argp_option options[] = {
	{ .doc = "Where the front-end (QEMU) connects:", .group = 1 },
	{ "socket", OPT_SOCKET, "PATH", 0, "listen on this Unix socket", 1 },
	{ "socket-fd", OPT_SOCKET_FD, "N", 0, "use inherited listening socket N", 1 },
	{ .doc = "What the guest's disk is, one of:", .group = 2 },
	{ "device", OPT_DEVICE, "DEV", 0,
	  "NVMe namespace or partition (by passthrough), or any block device", 2 },
	{ "image", OPT_IMAGE, "FILE", 0, "regular file", 2 },
	{ "null", OPT_NULL, "SIZE", 0, "a disk that moves no data, for measuring", 2 },
	{ .doc = "More about the disk:", .group = 3 },
	{ "range", OPT_RANGE, "START+LENGTH", 0, "serve only these logical blocks of the device",
	  3 },
	{ "size", OPT_SIZE, "SIZE", 0, "create a missing --image with so many bytes (K, M, G, T)",
	  3 },
	{ "read-only", OPT_READ_ONLY, NULL, 0, "the guest cannot write", 3 },
	{ "serial", OPT_SERIAL, "TEXT", 0, "serial number, up to 20 characters", 3 },
	{ "cache", OPT_CACHE, "MODE", 0,
	  "files and block devices: direct (default), or buffered by the host's page cache", 3 },
	{ .doc = "How it is served:", .group = 4 },
	{ "engine", OPT_ENGINE, "NAME", 0,
	  "what serves the queues: worker (user space, the default), poller or loop (BPF in the "
	  "kernel), or auto, which chooses by what it measures",
	  4 },
	{ "vcpu-dispatch", OPT_VCPU_DISPATCH, NULL, 0,
	  "with the poller: a vCPU that rings a doorbell parses its requests itself", 4 },
	{ "moderation", OPT_MODERATION, "on|off", 0,
	  "with the poller and the loop: interrupts for several completions when many requests "
	  "are under way (on)",
	  4 },
	{ "queues", OPT_QUEUES, "N", 0, "virtqueues offered to the guest, 1 to 256 (4)", 4 },
	{ "workers", OPT_WORKERS, "N", 0, "threads that serve them, 1 to 64 (1)", 4 },
	{ "cpu-list", OPT_CPU_LIST, "LIST", 0, "CPUs the workers run on, one each, such as 0,2-3",
	  4 },
	{ "spin-us", OPT_SPIN_US, "N", 0,
	  "microseconds a worker looks for more work before it sleeps, at most; adapted to the "
	  "load, 0 for never (32)",
	  4 },
	{ "pin-memory", OPT_PIN_MEMORY, NULL, 0,
	  "pin guest memory once, not for each request; never with a balloon, free page "
	  "reporting or virtio-mem",
	  4 },
	{ "name", OPT_NAME, "VM", 0, "stands in every line of the log, and names its --pin-dir",
	  4 },
	{ "pin-dir", OPT_PIN_DIR, "DIR", 0,
	  "pin counters, BPF programs and links for bpftool in DIR/VM (" PINS_BASE ")", 4 },
	{ "control", OPT_CONTROL, "PATH", 0,
	  "listen on this Unix socket for `nvring status` and `nvring set`", 4 },
	{ "verbose", OPT_VERBOSE, NULL, 0, "log more", 4 },
	{ 0 },
};

/* A number option, or the end with a message that names it. */
static uint64_t number(struct argp_state *state, const char *option, const char *text,
		       uint64_t least, uint64_t most)
{
	uint64_t value = 0;

	if (parse_number(text, most, &value) || value < least)
		argp_error(state, "--%s %s: a number from %llu to %llu is wanted", option, text,
			   (unsigned long long)least, (unsigned long long)most);
	return value;
}

static uint64_t size(struct argp_state *state, const char *option, const char *text)
{
	uint64_t value = 0;

	if (parse_size(text, &value))
		argp_error(state,
			   "--%s %s: a number of bytes is wanted, a multiple of 512, such as 10G",
			   option, text);
	return value;
}

static error_t parse_disk_option(int key, char *argument, struct argp_state *state)
{
	struct backend_options *disk = &((struct settings *)state->input)->backend;

	switch (key) {
	case OPT_IMAGE:
		disk->image = argument;
		return 0;
	case OPT_DEVICE:
		disk->device = argument;
		return 0;
	case OPT_NULL:
		disk->null = true;
		disk->size = size(state, "null", argument);
		return 0;
	case OPT_SIZE:
		disk->size = size(state, "size", argument);
		return 0;
	case OPT_RANGE:
		disk->has_range = true;
		if (parse_range(argument, &disk->range_start, &disk->range_length))
			argp_error(state,
				   "--range %s: START+LENGTH in logical blocks is wanted, "
				   "such as 2048+1000000",
				   argument);
		return 0;
	case OPT_READ_ONLY:
		disk->read_only = true;
		return 0;
	case OPT_SERIAL:
		if (strlen(argument) > DISK_ID_BYTES)
			argp_error(state, "--serial %s: longer than %d characters", argument,
				   DISK_ID_BYTES);
		disk->serial = argument;
		return 0;
	case OPT_CACHE:
		disk->buffered = !strcmp(argument, "buffered");
		if (!disk->buffered && strcmp(argument, "direct") != 0)
			argp_error(state, "--cache %s: direct or buffered is wanted", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* What only makes sense together, or not together. */
static void check(struct argp_state *state, const struct settings *settings)
{
	const struct backend_options *disk = &settings->backend;

	if (!!settings->socket + (settings->socket_fd >= 0) != 1)
		argp_error(state, "one of --socket PATH and --socket-fd N is wanted");
	if (!!disk->image + !!disk->device + disk->null != 1)
		argp_error(state, "one of --device DEV, --image FILE and --null SIZE is wanted");
	if (settings->vm.vcpu_dispatch && settings->vm.engine != ENGINE_POLLER)
		argp_error(state, "--vcpu-dispatch is for --engine poller");
	if (settings->vm.pin_dir && !settings->vm.name)
		argp_error(state, "--pin-dir is for a VM with a --name");
	if (disk->size && disk->device)
		argp_error(state, "--size is for --image; a device has its own, or --range");
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;
	struct vm_options *vm = &settings->vm;

	switch (key) {
	case OPT_SOCKET:
		settings->socket = argument;
		return 0;
	case OPT_SOCKET_FD:
		settings->socket_fd = (int)number(state, "socket-fd", argument, 3, 1U << 20);
		return 0;
	case OPT_QUEUES:
		vm->queues = (uint32_t)number(state, "queues", argument, 1, VM_QUEUES_MAX);
		return 0;
	case OPT_WORKERS:
		vm->workers = (uint32_t)number(state, "workers", argument, 1, VM_WORKERS_MAX);
		return 0;
	case OPT_CPU_LIST:
		settings->cpu_count = parse_cpu_list(argument, VM_WORKERS_MAX, vm->cpus);
		if (settings->cpu_count <= 0)
			argp_error(state, "--cpu-list %s: CPU numbers are wanted, such as 0,2-3",
				   argument);
		return 0;
	case OPT_SPIN_US:
		vm->spin_us = (uint32_t)number(state, "spin-us", argument, 0, MAX_SPIN_US);
		return 0;
	case OPT_ENGINE:
		if (engine_parse(argument, &vm->engine))
			argp_error(state, "--engine %s: worker, poller, loop or auto is wanted",
				   argument);
		return 0;
	case OPT_VCPU_DISPATCH:
		vm->vcpu_dispatch = true;
		return 0;
	case OPT_MODERATION:
		vm->moderation = !strcmp(argument, "on");
		if (!vm->moderation && strcmp(argument, "off") != 0)
			argp_error(state, "--moderation %s: on or off is wanted", argument);
		return 0;
	case OPT_PIN_MEMORY:
		vm->pin_memory = true;
		return 0;
	case OPT_NAME:
		vm->name = argument;
		return 0;
	case OPT_PIN_DIR:
		vm->pin_dir = argument;
		return 0;
	case OPT_CONTROL:
		settings->control = argument;
		return 0;
	case OPT_VERBOSE:
		settings->verbosity++;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", argument);
		return 0;
	case ARGP_KEY_END:
		check(state, settings);
		return 0;
	default:
		return parse_disk_option(key, argument, state);
	}
}

/* Workers beyond the list start over in it; without one they run anywhere. */
static void spread_workers(struct settings *settings)
{
	for (int i = settings->cpu_count; i < VM_WORKERS_MAX; i++)
		settings->vm.cpus[i] =
			settings->cpu_count ? settings->vm.cpus[i % settings->cpu_count] : -1;
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

static int open_sockets(const struct settings *settings, int *ret_fd, int *ret_control_fd)
{
	int fd, control_fd = -1;

	fd = settings->socket ? unix_socket_listen("--socket", settings->socket, 0)
			      : server_adopt(settings->socket_fd);
	if (fd < 0)
		return fd;
	if (settings->control) {
		control_fd = unix_socket_listen("--control", settings->control, CONTROL_MODE);
		if (control_fd < 0) {
			fd_close(fd);
			if (settings->socket)
				unlink(settings->socket);
			return control_fd;
		}
	}
	*ret_fd = fd;
	*ret_control_fd = control_fd;
	return 0;
}

static void close_sockets(const struct settings *settings, int fd, int control_fd)
{
	if (settings->socket)
		unlink(settings->socket);
	if (settings->control)
		unlink(settings->control);
	fd_close(control_fd);
	fd_close(fd);
}

static int serve_vm(const struct settings *settings, struct vm *vm)
{
	enum engine engine = settings->vm.engine;
	char why[ENGINE_WHY_BYTES];
	int fd, control_fd, err;

	if (engine != ENGINE_AUTO && engine_check(vm, engine, why)) {
		log_error("--engine %s: %s; `nvring features` shows what this kernel allows",
			  engine_name(engine), why);
		return -EOPNOTSUPP;
	}
	err = open_sockets(settings, &fd, &control_fd);
	if (err)
		return err;
	log_info("serving %s, %llu sectors, engine %s; waiting at %s", vm->backend.description,
		 (unsigned long long)vm->backend.disk.sectors, engine_name(engine),
		 settings->socket ? settings->socket : "the inherited socket");
	err = server_run(vm, fd, control_fd);
	close_sockets(settings, fd, control_fd);
	return err;
}

static int serve(const struct settings *settings)
{
	struct vm *vm = NULL;
	int err;

	server_block_signals();
	sigbus_install();
	raise_limits();
	err = vm_create(&settings->vm, &settings->backend, &vm);
	if (err)
		return 1;
	err = serve_vm(settings, vm);
	vm_free(vm);
	return err ? 1 : 0;
}

int cmd_serve(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Serve one VM's disk over vhost-user-blk, in the foreground.\v"
		       "SIGUSR1 logs the queues' counters; SIGTERM and SIGINT end it, with nothing "
		       "lost: a guest goes on when it is started again.",
	};
	struct settings settings = {
		.socket_fd = -1,
		.vm = { .queues = DEFAULT_QUEUES,
			.workers = 1,
			.spin_us = DEFAULT_SPIN_US,
			.moderation = true },
	};
	char name[] = "nvring serve";

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	spread_workers(&settings);
	log_set_name(settings.vm.name);
	if (settings.verbosity)
		log_set_level(LOG_DEBUG);
	return serve(&settings);
}
