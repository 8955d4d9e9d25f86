// SPDX-License-Identifier: GPL-2.0-only
#include "screen.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/util.h"

#define CSI "\033["

static struct termios before;
static bool has_keys;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	if (number != SIGWINCH) /* that one only ends the wait */
		ended = 1;
}

void screen_open(void)
{
	static const int signals[] = { SIGWINCH, SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	struct termios raw;
	sigset_t set;

	/* Blocked but while we wait, so that none is missed. */
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], &action, NULL);
		sigaddset(&set, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &set, NULL);
	has_keys = !tcgetattr(STDIN_FILENO, &before);
	if (has_keys) {
		raw = before;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	}
	fputs(CSI "?1049h" CSI "?25l", stdout);
}

void screen_close(void)
{
	fputs(CSI "?25h" CSI "?1049l", stdout);
	fflush(stdout);
	if (has_keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

void screen_draw(const char *text)
{
	static const char *const styles[] = { CSI "1m", CSI "7m", "" };
	struct winsize size = { 0 };
	int rows, columns;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	rows = size.ws_row ? size.ws_row : 24;
	columns = size.ws_col ? size.ws_col : 80;
	fputs(CSI "H", stdout);
	for (int row = 0; row < rows && *text; row++) {
		int length = (int)strcspn(text, "\n");

		/* Without a newline on the last row, which would scroll. */
		printf("%s%s%.*s" CSI "K" CSI "0m", row ? "\r\n" : "", styles[min(row, 2)],
		       min(length, columns), text);
		text += length;
		text += *text == '\n';
	}
	fputs(CSI "J", stdout);
	fflush(stdout);
}

int screen_wait(uint64_t until_ns)
{
	struct pollfd keys = { .fd = has_keys ? STDIN_FILENO : -1, .events = POLLIN };
	uint64_t now = clock_ns(CLOCK_MONOTONIC), left = until_ns > now ? until_ns - now : 0;
	const struct timespec limit = { .tv_sec = (time_t)(left / 1000000000),
					.tv_nsec = (long)(left % 1000000000) };
	sigset_t none;
	char key;

	sigemptyset(&none);
	if (ppoll(&keys, 1, &limit, &none) > 0) {
		if (read(STDIN_FILENO, &key, 1) == 1)
			return (unsigned char)key;
		has_keys = false; /* the terminal's other end is gone */
		return -1;
	}
	return ended ? -1 : 0;
}
