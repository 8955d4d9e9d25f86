// SPDX-License-Identifier: GPL-2.0-only
/* `nvring daemon`: the manager's options. */
#include <argp.h>

#include "base/log.h"
#include "cmd.h"
#include "manager/manager.h"

#define CONFIG_DIR "/etc/nvring/vm.d"

enum option_key {
	OPT_RUNTIME_DIR = 0x100,
	OPT_CONFIG_DIR,
	OPT_SOCKET_GROUP,
};

static const struct argp_option options[] = {
	{ "runtime-dir", OPT_RUNTIME_DIR, "DIR", 0,
	  "sockets, and what is attached (" RUNTIME_DIR ")", 0 },
	{ "config-dir", OPT_CONFIG_DIR, "DIR", 0,
	  "a file NAME.conf for each VM to be attached (" CONFIG_DIR ")", 0 },
	{ "socket-group", OPT_SOCKET_GROUP, "GROUP", 0,
	  "members may connect as front-ends, such as the group that QEMU runs in", 0 },
	{ "verbose", 'v', NULL, 0, "log more", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct manager_options *settings = state->input;

	switch (key) {
	case OPT_RUNTIME_DIR:
		settings->runtime_dir = argument;
		return 0;
	case OPT_CONFIG_DIR:
		settings->config_dir = argument;
		return 0;
	case OPT_SOCKET_GROUP:
		settings->socket_group = argument;
		return 0;
	case 'v':
		log_set_level(LOG_DEBUG);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is no option", argument);
		return 0;
	case ARGP_KEY_END:
		if (settings->runtime_dir[0] != '/' || settings->config_dir[0] != '/')
			argp_error(state, "directories are wanted by absolute paths");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_daemon(int argc, char **argv)
{
	const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Manage the VMs of a host: one process serves each, and is started again "
		       "when it dies.\v"
		       "SIGHUP (or `nvring reload`) reads the configuration directory again. "
		       "SIGTERM "
		       "and SIGINT end the manager, not what serves the VMs: that goes on, and the "
		       "next manager takes it over.",
	};
	struct manager_options settings = {
		.runtime_dir = RUNTIME_DIR,
		.config_dir = CONFIG_DIR,
	};
	char name[] = "nvring daemon";

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	return manager_run(&settings) ? 1 : 0;
}
