// SPDX-License-Identifier: GPL-2.0-only
#include "vm_file.h"

#include <ctype.h>
#include <json.h>
#include <string.h>

#include "base/util.h"
#include "serve/disk_options.h"

/* Without the blanks around it, in place. */
static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* One line into @json. Return: 0, or -EINVAL with @why. */
static int take_line(char *line, struct json_object *json, char why[DISK_OPTION_WHY])
{
	char *name = trim(line), *value = strchr(name, '=');
	struct disk_options tried;

	if (!*name || *name == '#' || *name == ';')
		return 0;
	if (!value) {
		snprintf(why, DISK_OPTION_WHY, "`option = value` is wanted");
		return -EINVAL;
	}
	*value++ = '\0';
	name = trim(name);
	value = trim(value);
	if (json_object_object_get_ex(json, name, NULL)) {
		snprintf(why, DISK_OPTION_WHY, "%.64s is given a second time", name);
		return -EINVAL;
	}
	/* Each by itself first: then the line is known. */
	disk_options_init(&tried);
	if (disk_options_set(&tried, name, value, why))
		return -EINVAL;
	json_object_object_add(json, name, json_object_new_string(value));
	return 0;
}

static int take_lines(FILE *file, struct json_object *json, uint32_t *ret_line,
		      char why[DISK_OPTION_WHY])
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;
	ssize_t length;
	int err = 0;

	for (*ret_line = 0; !err && (length = getline(&line, &room, file)) >= 0;) {
		++*ret_line;
		if (strlen(line) == (size_t)length) {
			err = take_line(line, json, why);
			continue;
		}
		snprintf(why, DISK_OPTION_WHY, "a byte of value 0 is no text");
		err = -EINVAL;
	}
	return err;
}

struct json_object *vm_file_read(const char *path, char why[VM_FILE_WHY])
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct json_object *read = NULL, *json = NULL;
	struct disk_options options;
	char what[DISK_OPTION_WHY];
	uint32_t line;

	if (!file) {
		snprintf(why, VM_FILE_WHY, "%s: %m", path);
		return NULL;
	}
	read = json_object_new_object();
	if (take_lines(file, read, &line, what))
		snprintf(why, VM_FILE_WHY, "%s:%u: %s", path, line, what);
	else if (ferror(file))
		snprintf(why, VM_FILE_WHY, "%s: %m", path);
	else if (disk_options_parse(read, &options, what))
		snprintf(why, VM_FILE_WHY, "%s: %s", path, what);
	else
		json = disk_options_json(&options);
	json_object_put(read);
	return json;
}
