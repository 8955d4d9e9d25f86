// SPDX-License-Identifier: GPL-2.0-only
#include "io_line.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

const char *io_line_words(const char *line, dev_t *ret_disk)
{
	unsigned int number_major, number_minor;
	int end = 0;

	if (sscanf(line, "%u:%u %n", &number_major, &number_minor, &end) != 2 || !end)
		return NULL;
	*ret_disk = makedev(number_major, number_minor);
	return line + end;
}

const char *io_line_text(const char *words, const char *name)
{
	size_t length = strlen(name);

	for (const char *word = words; *word; word += strspn(word, " \n")) {
		if (!strncmp(word, name, length) && word[length] == '=')
			return word + length + 1;
		word += strcspn(word, " \n");
	}
	return NULL;
}
