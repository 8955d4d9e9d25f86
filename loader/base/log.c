// SPDX-License-Identifier: GPL-2.0-only
#include "log.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

#define LIMIT_BURST	5
#define LIMIT_WINDOW_MS 10000

static int log_level = LOG_INFO;
static const char *log_name;
static _Thread_local char last_error[256];

void log_set_level(int level)
{
	log_level = level;
}

void log_set_name(const char *name)
{
	log_name = name;
}

void log_line(int level, const char *format, ...)
{
	static const char *const words[] = {
		[LOG_ERR] = "error: ",
		[LOG_WARNING] = "warning: ",
	};
	size_t used = 0, text;
	char line[1024];
	va_list args;
	int len;

	if (level > log_level)
		return;
	if (getenv("JOURNAL_STREAM"))
		used += (size_t)snprintf(line, sizeof(line), "<%d>", level);
	used += (size_t)snprintf(line + used, sizeof(line) - used, "nvring%s%.64s: %s",
				 log_name ? " " : "", log_name ? log_name : "",
				 level <= LOG_WARNING && words[level] ? words[level] : "");
	text = used;
	va_start(args, format);
	len = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	if (len < 0)
		return;
	if (level <= LOG_ERR)
		snprintf(last_error, sizeof(last_error), "%s", line + text);
	used = min(used + (size_t)len, sizeof(line) - 2);
	line[used++] = '\n';
	/* One write keeps lines of several threads whole; a full pipe loses a line, not the VM. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

const char *log_last_error(void)
{
	return last_error;
}

bool log_limit_pass(struct log_limit *limit)
{
	struct timespec now;
	uint64_t now_ms;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (!limit->window_start_ms || now_ms - limit->window_start_ms > LIMIT_WINDOW_MS) {
		if (limit->suppressed)
			log_warn("%u similar lines were not shown", limit->suppressed);
		*limit = (struct log_limit){ .window_start_ms = now_ms };
	}
	if (limit->in_window >= LIMIT_BURST) {
		limit->suppressed++;
		return false;
	}
	limit->in_window++;
	return true;
}
