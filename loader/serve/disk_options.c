// SPDX-License-Identifier: GPL-2.0-only
#include "disk_options.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#include "base/json_add.h"
#include "base/parse.h"
#include "base/util.h"
#include "disk/io_max.h"

#define DEFAULT_QUEUES	4
#define DEFAULT_SPIN_US 32

enum option_key {
	OPT_VERBOSE = 'v',
	OPT_IMAGE = 0x200,
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
	OPT_IOPS,
	OPT_BW,
	OPT_PIN_MEMORY,
	OPT_ENGINE,
	OPT_BPF,
	OPT_VCPU_DISPATCH,
	OPT_MODERATION,
	OPT_PATIENCE,
	OPT_WAKE_HALTED,
	OPT_PLACEMENT,
	OPT_CGROUP,
};

static const struct argp_option rows[] = {
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
	  "what serves the queues: worker (user space), poller or loop (BPF in the kernel), or "
	  "auto, which chooses by what it measures (auto)",
	  4 },
	{ "bpf", OPT_BPF, "on|off", 0,
	  "off: the process that faces the guest has no right to BPF, and a worker serves (on)",
	  4 },
	{ "vcpu-dispatch", OPT_VCPU_DISPATCH, NULL, 0,
	  "with the poller: a vCPU that rings a doorbell parses its requests itself", 4 },
	{ "moderation", OPT_MODERATION, "on|off", 0,
	  "interrupts for several completions when many requests are under way (on)", 4 },
	{ "patience", OPT_PATIENCE, "on|off", 0,
	  "for longer, where that costs the guest no time, by what is measured (on)", 4 },
	{ "wake-halted", OPT_WAKE_HALTED, "on|off", 0,
	  "but at once when the vCPU is halted, as a worker takes all to be (on)", 4 },
	{ "placement", OPT_PLACEMENT, "on|off", 0,
	  "without --cpu-list: threads keep off the CPUs of the VM's vCPUs (on)", 4 },
	{ "queues", OPT_QUEUES, "N", 0, "virtqueues offered to the guest, 1 to 256 (4)", 4 },
	{ "workers", OPT_WORKERS, "N", 0, "threads that serve them, 1 to 64 (1)", 4 },
	{ "cpu-list", OPT_CPU_LIST, "LIST", 0, "CPUs the workers run on, one each, such as 0,2-3",
	  4 },
	{ "spin-us", OPT_SPIN_US, "N", 0,
	  "microseconds a worker looks for more work before it sleeps, at most; adapted to the "
	  "load, 0 for never (32)",
	  4 },
	{ "iops", OPT_IOPS, "READS[:WRITES]", 0,
	  "at most so many a second, or max; for writes as for reads when they are not named", 4 },
	{ "bw", OPT_BW, "READS[:WRITES]", 0, "likewise bytes a second (K, M, G, T)", 4 },
	{ "pin-memory", OPT_PIN_MEMORY, NULL, 0,
	  "pin guest memory once, not for each request; never with a balloon, free page "
	  "reporting or virtio-mem",
	  4 },
	{ "cgroup", OPT_CGROUP, "PATH", 0,
	  "the VM's cgroup (v2), or a pattern that it fits: only a process in it may connect; "
	  "while "
	  "one is, this one is there, too",
	  4 },
	{ "verbose", OPT_VERBOSE, NULL, 0, "log more", 4 },
	{ 0 },
};

_Static_assert(ARRAY_SIZE(rows) <= DISK_OPTIONS_MAX, "a place for the text of each option");

static int _printf_(2, 3) wrong(char why[DISK_OPTION_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, DISK_OPTION_WHY, format, args);
	va_end(args);
	return -EINVAL;
}

/* A number option's value. */
static int number(const struct argp_option *row, const char *text, uint32_t least, uint32_t most,
		  uint32_t *ret_number, char why[DISK_OPTION_WHY])
{
	uint64_t value = 0;

	if (parse_number(text, most, &value) || value < least)
		return wrong(why, "--%s %s: a number from %u to %u is wanted", row->name, text,
			     least, most);
	*ret_number = (uint32_t)value;
	return 0;
}

static int size(const struct argp_option *row, const char *text, uint64_t *ret_size,
		char why[DISK_OPTION_WHY])
{
	if (parse_size(text, ret_size))
		return wrong(why,
			     "--%s %s: a number of bytes is wanted, a multiple of 512, such as 10G",
			     row->name, text);
	return 0;
}

static int limits(const struct argp_option *row, const char *text, bool bytes,
		  uint64_t per_second[LIMIT_KINDS], char why[DISK_OPTION_WHY])
{
	if (io_max_pair(text, bytes, per_second))
		return wrong(why, "--%s %s: READS or READS:WRITES a second is wanted, such as %s",
			     row->name, text, bytes ? "200M:50M" : "5000 or max:1000");
	return 0;
}

static int one_of_two(const struct argp_option *row, const char *text, const char *no,
		      const char *yes, bool *ret_yes, char why[DISK_OPTION_WHY])
{
	*ret_yes = !strcmp(text, yes);
	if (*ret_yes || !strcmp(text, no))
		return 0;
	return wrong(why, "--%s %s: %s or %s is wanted", row->name, text, yes, no);
}

static int set_disk(struct disk_options *options, const struct argp_option *row, const char *text,
		    char why[DISK_OPTION_WHY])
{
	struct backend_options *disk = &options->backend;

	switch (row->key) {
	case OPT_IMAGE:
		disk->image = text;
		return 0;
	case OPT_DEVICE:
		disk->device = text;
		return 0;
	case OPT_NULL:
		disk->null = true;
		return size(row, text, &disk->size, why);
	case OPT_SIZE:
		return size(row, text, &disk->size, why);
	case OPT_RANGE:
		disk->has_range = true;
		if (parse_range(text, &disk->range_start, &disk->range_length))
			return wrong(why,
				     "--range %s: START+LENGTH in logical blocks is wanted, "
				     "such as 2048+1000000",
				     text);
		return 0;
	case OPT_READ_ONLY:
		disk->read_only = true;
		return 0;
	case OPT_SERIAL:
		disk->serial = text;
		if (strlen(text) > DISK_ID_BYTES)
			return wrong(why, "--serial %s: longer than %d characters", text,
				     DISK_ID_BYTES);
		return 0;
	case OPT_CACHE:
		return one_of_two(row, text, "direct", "buffered", &disk->buffered, why);
	default:
		return wrong(why, "--%s: no option of a disk", row->name);
	}
}

static int set(struct disk_options *options, const struct argp_option *row, const char *text,
	       char why[DISK_OPTION_WHY])
{
	struct vm_options *vm = &options->vm;

	for (const char *at = text; *at; at++)
		if (iscntrl((unsigned char)*at))
			return wrong(why, "--%s: a control character is in its value", row->name);
	options->given[row - rows] = text;
	switch (row->key) {
	case OPT_QUEUES:
		return number(row, text, 1, VM_QUEUES_MAX, &vm->queues, why);
	case OPT_WORKERS:
		return number(row, text, 1, VM_WORKERS_MAX, &vm->workers, why);
	case OPT_SPIN_US:
		return number(row, text, 0, VM_SPIN_US_MAX, &vm->spin_us, why);
	case OPT_IOPS:
		return limits(row, text, false, vm->per_second, why);
	case OPT_BW:
		return limits(row, text, true, vm->per_second, why);
	case OPT_CPU_LIST:
		options->cpu_count = parse_cpu_list(text, VM_WORKERS_MAX, vm->cpus);
		if (options->cpu_count <= 0)
			return wrong(why, "--cpu-list %s: CPU numbers are wanted, such as 0,2-3",
				     text);
		return 0;
	case OPT_ENGINE:
		if (engine_parse(text, &vm->engine))
			return wrong(why, "--engine %s: worker, poller, loop or auto is wanted",
				     text);
		return 0;
	case OPT_BPF:
		return one_of_two(row, text, "off", "on", &vm->bpf, why);
	case OPT_MODERATION:
		return one_of_two(row, text, "off", "on", &vm->moderation, why);
	case OPT_PATIENCE:
		return one_of_two(row, text, "off", "on", &vm->patience, why);
	case OPT_WAKE_HALTED:
		return one_of_two(row, text, "off", "on", &vm->wake_halted, why);
	case OPT_PLACEMENT:
		return one_of_two(row, text, "off", "on", &vm->placement, why);
	case OPT_VCPU_DISPATCH:
		vm->vcpu_dispatch = true;
		return 0;
	case OPT_CGROUP:
		vm->cgroup = text;
		return 0;
	case OPT_PIN_MEMORY:
		vm->pin_memory = true;
		return 0;
	case OPT_VERBOSE:
		options->verbose = true;
		return 0;
	default:
		return set_disk(options, row, text, why);
	}
}

void disk_options_init(struct disk_options *options)
{
	*options = (struct disk_options){
		.vm = { .queues = DEFAULT_QUEUES,
			.engine = ENGINE_AUTO,
			.bpf = true,
			.workers = 1,
			.spin_us = DEFAULT_SPIN_US,
			.moderation = true,
			.patience = true,
			.wake_halted = true,
			.placement = true },
	};
}

static const struct argp_option *find_row(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].name && !strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

int disk_options_set(struct disk_options *options, const char *name, const char *value,
		     char why[DISK_OPTION_WHY])
{
	const struct argp_option *row = find_row(name);
	bool yes;
	int err;

	if (!row)
		return wrong(why, "no option is named \"%.64s\"; `nvring attach --help` lists them",
			     name);
	if (row->arg)
		return set(options, row, value, why);
	err = one_of_two(row, value, "no", "yes", &yes, why);
	return err || !yes ? err : set(options, row, "", why);
}

int disk_options_finish(struct disk_options *options, char why[DISK_OPTION_WHY])
{
	const struct backend_options *disk = &options->backend;
	struct vm_options *vm = &options->vm;

	if (!!disk->image + !!disk->device + disk->null != 1)
		return wrong(why, "one of --device DEV, --image FILE and --null SIZE is wanted");
	if (!vm->bpf && (vm->engine == ENGINE_POLLER || vm->engine == ENGINE_LOOP))
		return wrong(why, "--engine %s is BPF, and --bpf is off", engine_name(vm->engine));
	if (vm->vcpu_dispatch && vm->engine != ENGINE_POLLER)
		return wrong(why, "--vcpu-dispatch is for --engine poller");
	if (disk->size && disk->device)
		return wrong(why, "--size is for --image; a device has its own, or --range");
	if (!vm->bpf)
		vm->engine = ENGINE_WORKER; /* what auto would come to */
	/* Workers beyond the list start over in it; without one they run anywhere. */
	for (int i = options->cpu_count; i < VM_WORKERS_MAX; i++)
		vm->cpus[i] = options->cpu_count ? vm->cpus[i % options->cpu_count] : -1;
	return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct disk_options *options = state->input;
	char why[DISK_OPTION_WHY];

	if (key == ARGP_KEY_END) {
		if (disk_options_finish(options, why))
			argp_error(state, "%s", why);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].name || rows[i].key != key)
			continue;
		if (set(options, &rows[i], argument ? argument : "", why))
			argp_error(state, "%s", why);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp disk_options_argp = { .options = rows, .parser = parse_option };

struct json_object *disk_options_json(const struct disk_options *options)
{
	struct json_object *json = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (options->given[i])
			json_add_text(json, rows[i].name, rows[i].arg ? options->given[i] : "yes");
	return json;
}

static const char *json_text(struct json_object *value)
{
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value) ? "yes" : "no";
	if (json_object_is_type(value, json_type_string) ||
	    json_object_is_type(value, json_type_int))
		return json_object_get_string(value);
	return NULL;
}

int disk_options_parse(struct json_object *json, struct disk_options *ret_options,
		       char why[DISK_OPTION_WHY])
{
	const struct backend_options *disk = &ret_options->backend;

	disk_options_init(ret_options);
	json_object_object_foreach(json, name, value) {
		const char *text = json_text(value);

		if (!text)
			return wrong(why, "--%.64s: a text, a number or true is wanted", name);
		if (disk_options_set(ret_options, name, text, why))
			return -EINVAL;
	}
	if (disk->image && disk->image[0] != '/')
		return wrong(why, "--image %s: an absolute path is wanted", disk->image);
	if (disk->device && disk->device[0] != '/')
		return wrong(why, "--device %s: an absolute path is wanted", disk->device);
	return disk_options_finish(ret_options, why);
}

char *disk_options_argument(const char *name, const char *value)
{
	const struct argp_option *row = find_row(name);
	char *text;

	if (row && !row->arg)
		value = NULL;
	return asprintf(&text, "--%s%s%s", name, value ? "=" : "", value ? value : "") < 0 ? NULL
											   : text;
}
