// SPDX-License-Identifier: GPL-2.0-only
/* `nvring status`: what a daemon is doing, for people or as JSON. */
#include <argp.h>
#include <inttypes.h>
#include <string.h>

#include "base/json_get.h"
#include "base/rpc.h"
#include "cmd.h"
#include "disk/target.h"

struct settings {
	struct target target;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "print JSON", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct settings *settings = state->input;
	char why[VM_DIR_WHY];

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &settings->target;
		return 0;
	case 'j':
		settings->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (settings->target.vm || settings->target.control)
			argp_error(state, "'%s': one VM or all can be shown", argument);
		if (vm_name_check(argument, why))
			argp_error(state, "%s", why);
		settings->target.vm = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return value ? json_object_get_string(value) : "";
}

/* " NAME VALUE" for each member that is no object; those with decimals are percent. */
static void print_counters(const char *title, struct json_object *counters)
{
	printf("  %-9s", title);
	json_object_object_foreach(counters, name, value) {
		if (json_object_is_type(value, json_type_double))
			printf(" %s %.3g%%", name, json_object_get_double(value));
		else if (!json_object_is_type(value, json_type_object))
			printf(" %s %" PRIu64, name, json_object_get_uint64(value));
	}
	putchar('\n');
}

/* Of the kinds of requests there were, of doorbells and of interrupts, in microseconds. */
static void print_latency(const char *title, struct json_object *latency)
{
	json_object_object_foreach(latency, kind, of) {
		if (!json_get_number(of, "count"))
			continue;
		printf("  %-9s %s p50 %.1f p99 %.1f p99.9 %.1f us\n", title, kind,
		       (double)json_get_number(of, "p50_ns") / 1000,
		       (double)json_get_number(of, "p99_ns") / 1000,
		       (double)json_get_number(of, "p999_ns") / 1000);
	}
}

static void print_patience(struct json_object *patience)
{
	if (json_get_number(patience, "compared"))
		printf("  %-9s changes a request's time by %+.1f%%\n", "patience",
		       json_object_get_double(json_object_object_get(patience, "cost")));
}

static void print_queue(struct json_object *queue)
{
	struct json_object *direct = json_object_object_get(queue, "direct"), *measured;
	const char *broken = text_of(queue, "broken");

	printf("queue %" PRIu64 ": ", json_get_number(queue, "queue"));
	if (!json_get_bool(queue, "running")) {
		printf("not running; asked for: %s\n", text_of(queue, "asked"));
	} else {
		printf("%s: %s", text_of(queue, "engine"), text_of(queue, "why"));
		if (json_object_object_get_ex(queue, "measured_s", &measured))
			printf(", measured %s s ago", json_object_get_string(measured));
		putchar('\n');
		printf("  %-9s size %" PRIu64 " in flight %" PRIu64 "%s%s\n", "ring",
		       json_get_number(queue, "size"), json_get_number(queue, "in_flight"),
		       *broken ? " BROKEN: " : "", broken);
	}
	if (json_get_number(json_object_object_get(queue, "limit"), "held"))
		print_counters("limit", json_object_object_get(queue, "limit"));
	print_counters("counters", json_object_object_get(queue, "counters"));
	print_latency("latency", json_object_object_get(queue, "latency"));
	print_latency("delay", json_object_object_get(queue, "delay"));
	print_patience(json_object_object_get(queue, "patience"));
	if (!direct)
		return;
	print_counters("direct", direct);
	print_counters("handed", json_object_object_get(direct, "handed to the worker"));
}

static void print_cgroup(struct json_object *status)
{
	const char *why = text_of(status, "process_cgroup_why");

	if (!*text_of(status, "cgroup"))
		return;
	printf("cgroup %s; process in %s%s%s\n", text_of(status, "cgroup"),
	       text_of(status, "process_cgroup"), *why ? ": " : "", why);
}

static void print_memory(struct json_object *memory)
{
	uint64_t pages = json_get_number(memory, "pages_in_place");

	if (json_get_bool(memory, "pinned"))
		printf("guest memory pinned, %" PRIu64 " MiB\n",
		       json_get_number(memory, "bytes") >> 20);
	if (pages)
		printf("BPF reads requests in place, in %" PRIu64 " pages\n", pages);
}

/* Each vCPU: number, what it does, its CPU, the queues whose doorbells it rings. */
static void print_vcpus(struct json_object *status)
{
	struct json_object *vcpus = json_object_object_get(status, "vcpus");
	struct json_object *queues = json_object_object_get(status, "queues");

	for (size_t i = 0; i < json_object_array_length(vcpus); i++) {
		struct json_object *vcpu = json_object_array_get_idx(vcpus, i), *of;

		printf("vcpu %" PRIu64 ": %s, CPU %s", json_get_number(vcpu, "vcpu"),
		       text_of(vcpu, "state"), text_of(vcpu, "cpu"));
		for (size_t q = 0; q < json_object_array_length(queues); q++) {
			struct json_object *queue = json_object_array_get_idx(queues, q);

			if (json_object_object_get_ex(queue, "vcpu", &of) &&
			    json_object_get_uint64(of) == json_get_number(vcpu, "vcpu"))
				printf(", queue %zu", q);
		}
		putchar('\n');
	}
}

static void print_steering(struct json_object *status)
{
	struct json_object *vcpus = json_object_object_get(status, "vcpus");
	struct json_object *place = json_object_object_get(status, "placement");

	if (json_object_is_type(vcpus, json_type_array))
		print_vcpus(status);
	else if (*text_of(status, "vcpus_why"))
		printf("vcpus: %s\n", text_of(status, "vcpus_why"));
	if (*text_of(place, "cpus"))
		printf("placement: CPUs %s, changed %" PRIu64 " times\n", text_of(place, "cpus"),
		       json_get_number(place, "moves"));
}

static void print_loader(struct json_object *status)
{
	struct json_object *loader = json_object_object_get(status, "loader");

	if (loader && json_object_get_uint64(loader))
		printf("BPF loaded by process %" PRIu64 ", which no guest faces\n",
		       json_object_get_uint64(loader));
	else if (loader)
		printf("the process that loads BPF is gone: an engine that was not loaded before "
		       "cannot be had until the VM's is started again\n");
}

static void print_status(struct json_object *status)
{
	struct json_object *disk = json_object_object_get(status, "disk");
	struct json_object *queues = json_object_object_get(status, "queues");
	const char *name = text_of(status, "name");

	printf("%s%s%s, %" PRIu64 " bytes%s; front-end %s; engine %s; process %" PRIu64 "\n", name,
	       *name ? ": " : "", text_of(disk, "description"), json_get_number(disk, "bytes"),
	       json_get_bool(disk, "read_only") ? ", read-only" : "",
	       json_get_bool(status, "connected") ? "connected" : "not connected",
	       text_of(status, "engine"), json_get_number(status, "pid"));
	if (*text_of(status, "confinement"))
		printf("process confined by %s\n", text_of(status, "confinement"));
	print_loader(status);
	print_cgroup(status);
	print_memory(json_object_object_get(status, "memory"));
	if (json_object_object_get(status, "limits"))
		print_counters("limits", json_object_object_get(status, "limits"));
	print_steering(status);
	for (size_t i = 0; i < json_object_array_length(queues); i++)
		print_queue(json_object_array_get_idx(queues, i));
}

static int show(const struct settings *settings, const char *path)
{
	struct json_object *status;

	if (rpc_call(path, "status", NULL, &status))
		return 1;
	if (settings->json)
		cmd_print_json(status);
	else
		print_status(status);
	json_object_put(status);
	return 0;
}

/* All that are managed, one after another. */
static int show_all(struct settings *settings)
{
	struct json_object *vms = NULL;
	int result = 0;

	if (rpc_call(target_manager(&settings->target), "list", NULL, &vms))
		return 1;
	for (size_t i = 0; i < json_object_array_length(vms); i++)
		result |= show(settings, text_of(json_object_array_get_idx(vms, i), "control"));
	json_object_put(vms);
	return result;
}

int cmd_status(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &target_any_argp }, { 0 } };
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "[VM]",
		.doc = "Show what is being done for a VM, or for all: its disk, and each queue "
		       "with the engine that serves it and why.",
		.children = children,
	};
	struct settings settings = { 0 };
	char name[] = "nvring status";
	int result;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (settings.target.vm || settings.target.control)
		result = show(&settings, target_socket(&settings.target));
	else
		result = show_all(&settings);
	return cmd_printed("status", result);
}
