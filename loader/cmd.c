// SPDX-License-Identifier: GPL-2.0-only
#include "cmd.h"

#include <json.h>
#include <stdio.h>

#include "log.h"

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
