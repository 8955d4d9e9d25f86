// SPDX-License-Identifier: GPL-2.0-only
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "front.h"

#define WORDS_MAX 40

#define DAEMONS_MAX 64

#define SECTOR 512

static int points, failures;
static struct daemon *daemons[DAEMONS_MAX];
static int daemon_count;
static pid_t tester;

/* Nothing stays behind: no daemon, no image. */
static void clean_up(void)
{
	if (getpid() != tester)
		return;
	for (int i = 0; i < daemon_count; i++) {
		struct daemon *daemon = daemons[i];

		if (daemon_alive(daemon))
			daemon_kill(daemon);
		unlink(daemon->socket);
		unlink(daemon->control);
		unlink(daemon->image);
		unlink(daemon->log);
		rmdir(daemon->directory);
	}
}

static void remember(struct daemon *daemon)
{
	if (daemon_count == DAEMONS_MAX)
		die("too many daemons");
	if (!daemon_count) {
		tester = getpid();
		atexit(clean_up);
	}
	daemons[daemon_count++] = daemon;
}

void ok(bool passed, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", passed ? "" : "not ", ++points);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	failures += !passed;
}

void skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++points, what, why);
}

int done(void)
{
	printf("1..%d\n", points);
	return failures ? 1 : 0;
}

const char *engine(void)
{
	const char *name = getenv("NVRING_ENGINE");

	return name && *name ? name : "worker";
}

uint8_t image_pattern(uint64_t offset)
{
	return (uint8_t)(offset / SECTOR * 31 + offset % SECTOR * 7 + 1);
}

bool is_pattern(const char *data, uint64_t offset, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		if ((uint8_t)data[i] != image_pattern(offset + i))
			return false;
	return true;
}

static void make_image(struct daemon *daemon, uint64_t bytes)
{
	uint8_t *chunk = malloc(1 << 20);

	daemon->image_fd = open(daemon->image, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (daemon->image_fd < 0 || !chunk)
		die("%s: %s", daemon->image, strerror(errno));
	for (uint64_t at = 0; at < bytes; at += 1 << 20) {
		uint64_t now = bytes - at < 1 << 20 ? bytes - at : 1 << 20;

		for (uint64_t i = 0; i < now; i += SECTOR)
			for (uint32_t byte = 0; byte < SECTOR; byte++) /* a loop for vectors */
				chunk[i + byte] = (uint8_t)(image_pattern(at + i) + byte * 7);
		if (pwrite(daemon->image_fd, chunk, now, (off_t)at) != (ssize_t)now)
			die("%s: %s", daemon->image, strerror(errno));
	}
	fsync(daemon->image_fd);
	free(chunk);
}

static void run(struct daemon *daemon, bool image)
{
	const char *binary = getenv("NVRING"), *words[WORDS_MAX];
	char options[512];
	int count = 0, log;

	binary = binary && *binary ? binary : "build/nvring";
	words[count++] = binary;
	words[count++] = "serve";
	words[count++] = "--socket";
	words[count++] = daemon->socket;
	words[count++] = "--control";
	words[count++] = daemon->control;
	if (image) {
		words[count++] = "--image";
		words[count++] = daemon->image;
	}
	if (getenv("NVRING_ENGINE") && !strstr(daemon->options, "--engine")) {
		words[count++] = "--engine";
		words[count++] = engine();
	}
	snprintf(options, sizeof(options), "%s", daemon->options);
	for (char *word = strtok(options, " "); word; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	log = open(daemon->log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (log < 0)
		_exit(127);
	dup2(log, 1);
	dup2(log, 2);
	execv(binary, (char **)words);
	fprintf(stderr, "%s: %s\n", binary, strerror(errno));
	_exit(127);
}

static void show_log(struct daemon *daemon)
{
	FILE *file = fopen(daemon->log, "re");
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		fputs(line, stderr);
	if (file)
		fclose(file);
}

/* An engine that this kernel does not allow is a reason to skip, no failure. */
static void skip_all(struct daemon *daemon)
{
	FILE *file = fopen(daemon->log, "re");
	char line[1024], *why;

	while (file && fgets(line, sizeof(line), file)) {
		why = strstr(line, "error: --engine ");
		if (!why || points)
			continue;
		line[strcspn(line, "\n")] = '\0';
		printf("1..0 # SKIP %s\n", why + strlen("error: "));
		exit(0);
	}
	if (file)
		fclose(file);
}

static bool log_has(const struct daemon *daemon, const char *text)
{
	FILE *file = fopen(daemon->log, "re");
	bool found = false;
	char line[1024];

	while (file && fgets(line, sizeof(line), file))
		found |= strstr(line, text) != NULL;
	if (file)
		fclose(file);
	return found;
}

static void await_socket(struct daemon *daemon)
{
	for (int i = 0; i < 6000; i++) {
		struct stat st;

		if (!daemon_alive(daemon)) {
			skip_all(daemon);
			show_log(daemon);
			die("the daemon did not start");
		}
		if (!stat(daemon->socket, &st) && log_has(daemon, "waiting at"))
			return;
		usleep(5000);
	}
	die("the daemon made no socket in 30 s");
}

void daemon_start(struct daemon *daemon, uint64_t bytes, const char *options)
{
	if (!daemon->directory[0]) {
		/* A real file system: O_DIRECT is what is served by default. */
		snprintf(daemon->directory, sizeof(daemon->directory), "/var/tmp/nvring.XXXXXX");
		if (!mkdtemp(daemon->directory))
			die("%s: %s", daemon->directory, strerror(errno));
		snprintf(daemon->socket, sizeof(daemon->socket), "%s/socket", daemon->directory);
		snprintf(daemon->control, sizeof(daemon->control), "%s/control", daemon->directory);
		snprintf(daemon->image, sizeof(daemon->image), "%s/image", daemon->directory);
		snprintf(daemon->log, sizeof(daemon->log), "%s/log", daemon->directory);
		daemon->image_fd = -1;
		remember(daemon);
		if (bytes)
			make_image(daemon, bytes);
	}
	unlink(daemon->socket);
	unlink(daemon->log);
	daemon->options = options;
	daemon->pid = fork();
	if (!daemon->pid)
		run(daemon, daemon->image_fd >= 0);
	await_socket(daemon);
}

bool daemon_alive(struct daemon *daemon)
{
	return daemon->pid > 0 && !waitpid(daemon->pid, NULL, WNOHANG);
}

void daemon_kill(struct daemon *daemon)
{
	kill(daemon->pid, SIGKILL);
	waitpid(daemon->pid, NULL, 0);
}

int daemon_end(struct daemon *daemon)
{
	int status = -1;

	kill(daemon->pid, SIGTERM);
	for (int i = 0; i < 2000 && !waitpid(daemon->pid, &status, WNOHANG); i++) {
		if (i == 1999)
			die("the daemon does not end; see %s", daemon->log);
		usleep(5000);
	}
	show_log(daemon);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void daemon_report(struct daemon *daemon)
{
	kill(daemon->pid, SIGUSR1);
	for (int i = 0; i < 1000; i++) {
		if (log_has(daemon, " completed ") || log_has(daemon, "no requests"))
			return;
		usleep(2000);
	}
	die("the daemon does not log its counters");
}

bool daemon_said(struct daemon *daemon, const char *text)
{
	for (int i = 0; i < 250; i++) {
		if (log_has(daemon, text))
			return true;
		usleep(20000);
	}
	return false;
}

uint64_t daemon_counter(struct daemon *daemon, const char *name)
{
	FILE *file = fopen(daemon->log, "re");
	char line[1024], key[64];
	uint64_t sum = 0;

	snprintf(key, sizeof(key), " %s ", name);
	while (file && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, "queue ") ? strstr(line, key) : NULL;

		if (at)
			sum += strtoull(at + strlen(key), NULL, 10);
	}
	if (file)
		fclose(file);
	return sum;
}

void image_read(struct daemon *daemon, uint64_t offset, void *to, uint32_t bytes)
{
	if (pread(daemon->image_fd, to, bytes, (off_t)offset) != (ssize_t)bytes)
		die("%s: %s", daemon->image, strerror(errno));
}
