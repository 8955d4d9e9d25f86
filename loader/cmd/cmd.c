// SPDX-License-Identifier: GPL-2.0-only
#include "cmd.h"

#include <json.h>
#include <signal.h>
#include <stdio.h>

#include "base/log.h"
#include "base/parse.h"

uint64_t cmd_number(struct argp_state *state, const char *option, const char *text, uint64_t least,
		    uint64_t most)
{
	uint64_t value = 0;

	if (parse_number(text, most, &value) || value < least)
		argp_error(state, "%s %s: a number from %llu to %llu is wanted", option, text,
			   (unsigned long long)least, (unsigned long long)most);
	return value;
}

error_t cmd_parse_child(int key, char *argument, struct argp_state *state)
{
	(void)argument;
	if (key != ARGP_KEY_INIT)
		return ARGP_ERR_UNKNOWN;
	state->child_inputs[0] = state->input;
	return 0;
}

void cmd_print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
}

int cmd_printed(const char *command, int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	log_error("%s: stdout: %m", command);
	return 1;
}

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

void cmd_catch_stop(void)
{
	const struct sigaction stop = { .sa_handler = on_stop };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
}

bool cmd_stopped(void)
{
	return stopped;
}
