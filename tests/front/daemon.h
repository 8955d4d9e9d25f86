/* SPDX-License-Identifier: GPL-2.0-only */
/* Starting and ending the daemon under test, its disk image and its log; and TAP. */
#ifndef NVRING_FRONT_DAEMON_H
#define NVRING_FRONT_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A daemon that serves an image or what the options say. The binary is $NVRING, build/nvring by
 * default; --engine $NVRING_ENGINE is added where that is set.
 */
struct daemon {
	char directory[64];
	char socket[96];
	char control[96]; /* its control socket */
	char image[96];
	char log[96];
	const char *options; /* kept for daemon_start() again */
	pid_t pid;
	int image_fd; /* reads the image past the daemon */
};

/**
 * daemon_start() - serve an image of @bytes, filled with a pattern of its own
 * @daemon: filled; a second call after daemon_kill() serves the same image again
 * @bytes: 0 when @options name the disk themselves (--null ...)
 * @options: more options, separated by blanks
 */
void daemon_start(struct daemon *daemon, uint64_t bytes, const char *options);

/* daemon_kill() - as by SIGKILL */
void daemon_kill(struct daemon *daemon);

/* daemon_end() - by SIGTERM; returns its exit status, -1 when it was killed */
int daemon_end(struct daemon *daemon);

/* daemon_said() - whether the log has this text, or gets it within 5 s */
bool daemon_said(struct daemon *daemon, const char *text);

/* daemon_report() - have it log its counters; once in a daemon's life */
void daemon_report(struct daemon *daemon);

/* daemon_counter() - sum over queues of a counter it logged, by daemon_report() or daemon_end() */
uint64_t daemon_counter(struct daemon *daemon, const char *name);

/* daemon_alive() - whether it still runs */
bool daemon_alive(struct daemon *daemon);

/* image_pattern() - what a fresh image has at a byte offset */
uint8_t image_pattern(uint64_t offset);

/* is_pattern() - whether @data is what a fresh image has from a byte offset on */
bool is_pattern(const char *data, uint64_t offset, uint32_t bytes);

/* image_read() - the image's bytes, read apart from the daemon */
void image_read(struct daemon *daemon, uint64_t offset, void *to, uint32_t bytes);

/* engine() - the engine under test, "worker" by default */
const char *engine(void);

/* TAP: one point; done() prints the plan and returns the exit status */
void ok(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));
void skip(const char *what, const char *why);
int done(void);

#endif
