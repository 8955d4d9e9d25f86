/* SPDX-License-Identifier: GPL-2.0-only */
/* One failure, one line, on stderr. Modules return errors; the daemon and commands log them. */
#ifndef NVRING_LOG_H
#define NVRING_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "util.h"

/* What a guest or front-end can provoke is logged at most @burst times per @interval_ms. */
struct log_limit {
	uint64_t window_start_ms;
	uint32_t in_window;
	uint32_t suppressed;
};

/**
 * log_set_level() - choose what is printed
 * @level: LOG_ERR to LOG_DEBUG of syslog.h; lines above it are dropped
 */
void log_set_level(int level);

/**
 * log_set_name() - name that stands before every line
 * @name: the VM's name, kept by reference; NULL for none
 */
void log_set_name(const char *name);

/**
 * log_line() - print one line
 * @level: syslog.h level; becomes a "<N>" prefix when stderr is the journal
 *
 * Safe from several threads: each line is one write.
 */
void log_line(int level, const char *format, ...) _printf_(2, 3);

/* log_last_error() - what this thread logged last at LOG_ERR, "" before that */
const char *log_last_error(void);

/**
 * log_limit_pass() - whether a rate-limited line may be printed now
 * @limit: state of this kind of line, zeroed at start; one thread at a time
 *
 * Five lines in ten seconds. Return: true to print.
 */
bool log_limit_pass(struct log_limit *limit);

#define log_error(...) log_line(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
