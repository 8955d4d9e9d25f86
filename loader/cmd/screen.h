/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A terminal for a view that is drawn again and again (ECMA-48 control sequences, which every
 * terminal in use has). What was on it before is there again at the end.
 */
#ifndef NVRING_SCREEN_H
#define NVRING_SCREEN_H

#include <stdint.h>

/* screen_open() - take the terminal on stdout: the alternate screen, keys at once and unseen */
void screen_open(void);

/* screen_close() - give it back */
void screen_close(void);

/**
 * screen_draw() - show a text in place of the last one
 * @text: lines; the first is shown bright, the second in reverse
 *
 * What is wider or longer than the terminal at this moment is cut off.
 */
void screen_draw(const char *text);

/**
 * screen_wait() - until there is something to do
 * @until_ns: CLOCK_MONOTONIC
 *
 * Return: a key, 0 when the time has come or the terminal's size changed, -1 when the program is to
 * end (SIGINT, SIGTERM, SIGHUP).
 */
int screen_wait(uint64_t until_ns);

#endif
