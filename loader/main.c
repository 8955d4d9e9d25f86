// SPDX-License-Identifier: GPL-2.0-only
/* nvring: block I/O for KVM guests on NVMe SSDs. Finds the subcommand and runs it. */
#include <argp.h>
#include <malloc.h>
#include <string.h>

#include "base/util.h"
#include "cmd/cmd.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "daemon", cmd_daemon, "manage the VMs of a host" },
	{ "attach", cmd_attach, "serve a VM's disk: the manager starts a process for it" },
	{ "detach", cmd_detach, "finish what is under way, and end that" },
	{ "list", cmd_list, "show which VMs are attached" },
	{ "status", cmd_status, "show what VMs' queues are doing" },
	{ "top", cmd_top, "watch rates and latencies of VMs, live" },
	{ "metrics", cmd_metrics, "print what is counted, for Prometheus" },
	{ "drives", cmd_drives, "watch how long NVMe drives take, by queue" },
	{ "resize", cmd_resize, "serve what a disk has grown to" },
	{ "trace", cmd_trace, "follow single requests of a VM, stage by stage" },
	{ "set", cmd_set, "change which engine serves a VM's queues" },
	{ "restart", cmd_restart, "start VMs' processes again, as after an upgrade" },
	{ "reload", cmd_reload, "have the manager read its configuration directory again" },
	{ "events", cmd_events, "show what happens to VMs, as it happens" },
	{ "serve", cmd_serve, "serve one VM's disk in the foreground, without a manager" },
	{ "features", cmd_features, "show what this kernel and machine allow, row by row" },
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: nvring COMMAND [OPTION...]\n\n"
		     "Block I/O for KVM guests on NVMe SSDs.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n`nvring COMMAND --help` lists a command's options.\n"
		     "`nvring --version` prints the version.\n");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;

	argp_err_exit_status = 2; /* misuse leaves the same status wherever it is found */
	/*
	 * Loading BPF takes several times the kernel's BTF, 5 MiB each. glibc raises its threshold
	 * for mapping memory with the first one that is freed, and keeps a hole in the heap for as
	 * long as the VM runs; set by hand, it stays, and all of it goes back to the kernel.
	 */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	if (!name) {
		usage(stderr);
		return 2;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("nvring %s\n", NVRING_VERSION);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "nvring: no command '%s'; `nvring --help` lists them\n", name);
	return 2;
}
