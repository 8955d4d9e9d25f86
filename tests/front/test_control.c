// SPDX-License-Identifier: GPL-2.0-only
/* The control socket: what it says, what it refuses, and that no client keeps it from others. */
#include <errno.h>
#include <json.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/control.h"
#include "base/unix_socket.h"
#include "daemon.h"
#include "front.h"

#define IMAGE	   (4ULL << 20)
#define READS	   100
#define ANSWER_MS  5000
#define PATIENT_MS ((CONTROL_PATIENCE_S + 5) * 1000)

static struct daemon daemon_;
static struct front front;
static struct front_request request;

static int client(void)
{
	int fd = unix_socket_connect(daemon_.control, 10000);

	if (fd < 0)
		die("%s: %s", daemon_.control, strerror(-fd));
	return fd;
}

/* A line of an answer; empty when the connection ended or nothing came in @ms. */
static const char *line(int fd, int ms)
{
	static char text[1 << 20];
	size_t bytes = 0;

	while (bytes < sizeof(text) - 1) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		if (poll(&wait, 1, ms) != 1 || read(fd, text + bytes, 1) != 1)
			break;
		if (text[bytes] == '\n')
			break;
		bytes++;
	}
	text[bytes] = '\0';
	return text;
}

/* Whether the daemon ends the connection, reading what it still says. */
static bool dropped(int fd, int ms)
{
	char text[4096];

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		ssize_t got;

		if (poll(&wait, 1, ms) != 1)
			return false;
		got = read(fd, text, sizeof(text));
		if (!got || (got < 0 && errno == ECONNRESET))
			return true;
	}
}

/* The answer to one line from a client of its own; the caller's. */
static struct json_object *ask(const char *text, size_t length)
{
	struct json_object *answer;
	int fd = client();

	if (send(fd, text, length, MSG_NOSIGNAL) != (ssize_t)length ||
	    send(fd, "\n", 1, MSG_NOSIGNAL) != 1)
		die("control: %s", strerror(errno));
	answer = json_tokener_parse(line(fd, ANSWER_MS));
	close(fd);
	return answer;
}

static struct json_object *status(void)
{
	static const char text[] = "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"status\"}";
	struct json_object *answer = ask(text, strlen(text)), *result;

	if (!json_object_object_get_ex(answer, "result", &result))
		die("status: no result");
	json_object_get(result);
	json_object_put(answer);
	return result;
}

static struct json_object *queue_of(struct json_object *all, size_t index)
{
	return json_object_array_get_idx(json_object_object_get(all, "queues"), index);
}

static bool member_is(struct json_object *object, const char *key, const char *text)
{
	struct json_object *value = json_object_object_get(object, key);

	return value && !strcmp(json_object_get_string(value), text);
}

static void serves(const char *what)
{
	double start = front_now();
	struct json_object *all = status();

	ok(member_is(all, "connected", "true") && front_now() - start < 2, "%s: others are served",
	   what);
	ok(!front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 8, 512) &&
		   is_pattern(request.data, 4096, 512),
	   "%s: the disk is served", what);
	json_object_put(all);
}

static void says(void)
{
	struct front_options options = { .socket = daemon_.socket, .queues = 2, .size = 64 };
	struct json_object *all = status(), *queue;

	ok(member_is(all, "connected", "false") && member_is(all, "engine", engine()) &&
		   member_is(queue_of(all, 1), "running", "false"),
	   "status: no front-end, no queue runs");
	ok(member_is(json_object_object_get(all, "disk"), "bytes", "4194304"), "status: the disk");
	json_object_put(all);
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	for (int i = 0; i < READS; i++)
		front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, (uint64_t)i, 512);
	all = status();
	queue = queue_of(all, 0);
	ok(member_is(all, "connected", "true") && member_is(queue, "running", "true") &&
		   member_is(queue, "size", "64") && member_is(queue, "engine", engine()) &&
		   member_is(queue, "asked", engine()) && member_is(queue, "in_flight", "0") &&
		   member_is(queue, "why", "it was asked for"),
	   "status: a queue runs, on which engine and why");
	queue = json_object_object_get(queue, "counters");
	ok(member_is(queue, "requests", "100") && member_is(queue, "completed", "100") &&
		   member_is(queue, "errors", "0") && member_is(queue, "read", "51200"),
	   "status: its counters");
	json_object_put(all);
}

/* What the manager says of the drive's time is kept, and for two seconds. */
static void shares(void)
{
	static const char text[] =
		"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"share\", "
		"\"params\": {\"percent\": 12.5, \"riops\": 99e6, \"rbps\": 0.25}}";
	static const char none[] = "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"share\"}";
	struct json_object *answer = ask(text, strlen(text)), *all, *report;
	double start = front_now(), took;

	report = json_object_object_get(answer, "result");
	ok(member_is(report, "riops", "100") && member_is(report, "rbps", "51200") &&
		   member_is(report, "wiops", "0") && member_is(report, "waited", "false"),
	   "share: the answer has what was done");
	json_object_put(answer);
	for (int i = 0; i < 6; i++) /* 100 ms each, of which 100 are free */
		front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 8, 4096);
	took = front_now() - start;
	ok(took > 0.38, "share: six reads that take 0.1 s each took %.2f s", took);
	all = status();
	ok(member_is(json_object_object_get(all, "limits"), "share", "12.5"), "status: the share");
	json_object_put(all);
	nanosleep(&(const struct timespec){ .tv_sec = 2, .tv_nsec = 200000000 }, NULL);
	all = status();
	ok(!json_object_object_get(all, "limits"), "share: it lapses");
	json_object_put(all);
	answer = ask(text, strlen(text));
	report = json_object_object_get(answer, "result");
	ok(member_is(report, "riops", "106") && member_is(report, "waited", "true"),
	   "share: the answer says that somebody waited");
	json_object_put(answer);
	json_object_put(ask(none, strlen(none)));
	start = front_now();
	for (int i = 0; i < 50; i++)
		front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, 8, 4096);
	took = front_now() - start;
	ok(took < 2, "share: without one, 50 reads took %.2f s", took);
}

static void breaks(void)
{
	struct json_object *all;

	front.queue[1].avail_idx += front.queue[1].size + 1;
	front_publish(&front.queue[1]);
	if (!daemon_said(&daemon_, "avail index jumped"))
		die("the broken queue was not noticed");
	all = status();
	ok(member_is(queue_of(all, 1), "broken",
		     "the avail index jumped by more than the queue size"),
	   "status: a queue is broken, and how");
	json_object_put(all);
}

static void refuses(void)
{
	static const struct {
		const char *what, *text, *code, *says;
	} cases[] = {
		{ "no JSON", "hello", "-32700", "no JSON" },
		{ "half of JSON", "{\"jsonrpc\": \"2.0\", ", "-32700", "no end" },
		{ "more than JSON", "{} {}", "-32700", "no JSON" },
		{ "no UTF-8", "{\"\xff\": 1}", "-32700", "no JSON" },
		{ "an empty line", "", "-32700", "no JSON" },
		{ "deep nesting", "[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]", "-32700",
		  "no JSON" },
		{ "an array", "[]", "-32600", "one object a line" },
		{ "a number", "1", "-32600", "one object a line" },
		{ "null", "null", "-32600", "one object a line" },
		{ "no version", "{\"id\": 1, \"method\": \"status\"}", "-32600", "jsonrpc" },
		{ "another version", "{\"jsonrpc\": \"1.0\", \"id\": 1, \"method\": \"status\"}",
		  "-32600", "jsonrpc" },
		{ "no method", "{\"jsonrpc\": \"2.0\", \"id\": 1}", "-32600", "method" },
		{ "a method that is a number", "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": 5}",
		  "-32600", "method" },
		{ "an id that is an object",
		  "{\"jsonrpc\": \"2.0\", \"id\": {}, \"method\": \"status\"}", "-32600", "id" },
		{ "an unknown method", "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"stat\"}",
		  "-32601", "\"trace\", \"resize\" and \"share\"" },
		{ "params in a row",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", \"params\": [1]}",
		  "-32602", "named members" },
		{ "set of nothing", "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\"}",
		  "-32602", "\"bw\" is wanted" },
		{ "an unknown engine",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", "
		  "\"params\": {\"engine\": \"x\"}}",
		  "-32602", "\"engine\" is \"worker\"" },
		{ "moderation in words",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", "
		  "\"params\": {\"moderation\": \"off\"}}",
		  "-32602", "true or false" },
		{ "a spin without end",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", "
		  "\"params\": {\"spin_us\": 1000001}}",
		  "-32602", "from 0 to 1000000" },
		{ "no limit",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", \"params\": {\"iops\": "
		  "5}}",
		  "-32602", "\"5000:1000\"" },
		{ "a limit of nothing",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", \"params\": {\"bw\": "
		  "\"0\"}}",
		  "-32602", "\"200M:50M\"" },
		{ "trace of nothing", "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"trace\"}",
		  "-32602", "\"every\" is a number" },
		{ "trace of less than every request",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"trace\", "
		  "\"params\": {\"every\": -1}}",
		  "-32602", "from 0 to 1000000000" },
		{ "moderation of one queue",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", "
		  "\"params\": {\"moderation\": false, \"engine\": \"worker\", \"queue\": 0}}",
		  "-32602", "\"queue\" alone" },
		{ "a queue there is not",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", "
		  "\"params\": {\"engine\": \"worker\", \"queue\": 4}}",
		  "-32602", "from 0 to 3" },
		{ "a queue below 0",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", "
		  "\"params\": {\"engine\": \"worker\", \"queue\": -1}}",
		  "-32602", "from 0 to 3" },
		{ "a share of more than all",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"share\", "
		  "\"params\": {\"percent\": 100.5}}",
		  "-32602", "from 0 to 100" },
		{ "a share in words",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"share\", "
		  "\"params\": {\"percent\": \"all\"}}",
		  "-32602", "from 0 to 100" },
		{ "a request that takes less than no time",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"share\", "
		  "\"params\": {\"percent\": 1, \"wiops\": -1e-3}}",
		  "-32602", "\"wiops\" is a number" },
		{ "an unknown member",
		  "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"set\", "
		  "\"params\": {\"engine\": \"worker\", \"all\": 1}}",
		  "-32602", "no member" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *answer = ask(cases[i].text, strlen(cases[i].text));
		struct json_object *error = json_object_object_get(answer, "error");
		struct json_object *message = json_object_object_get(error, "message");

		ok(member_is(error, "code", cases[i].code) && message &&
			   strstr(json_object_get_string(message), cases[i].says),
		   "%s is refused: %s", cases[i].what,
		   message ? json_object_get_string(message) : "no");
		json_object_put(answer);
	}
}

static void too_long(void)
{
	char text[CONTROL_LINE_MAX + 1000];
	int fd = client();

	memset(text, ' ', sizeof(text));
	if (send(fd, text, sizeof(text), MSG_NOSIGNAL) < 0)
		die("control: %s", strerror(errno));
	ok(strstr(line(fd, ANSWER_MS), "-32600") && dropped(fd, 2000),
	   "a line without an end is refused, and the client dropped");
	close(fd);
}

/* Several requests at once, a notification among them, and the end of what the client says. */
static void pipelined(void)
{
	static const char text[] =
		"{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"status\"}\n"
		"{\"jsonrpc\": \"2.0\", \"method\": \"status\"}\n"
		"{\"jsonrpc\": \"2.0\", \"id\": \"b\", \"method\": \"status\"}\n";
	struct json_object *first, *second;
	int fd = client();

	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		die("control: %s", strerror(errno));
	shutdown(fd, SHUT_WR);
	first = json_tokener_parse(line(fd, ANSWER_MS));
	second = json_tokener_parse(line(fd, ANSWER_MS));
	ok(member_is(first, "id", "1") && member_is(second, "id", "b") && dropped(fd, 2000),
	   "requests in a row are answered in turn, a notification is not");
	json_object_put(first);
	json_object_put(second);
	close(fd);
}

/* One client sends half a line, another never reads, others do nothing. */
static void slow(void)
{
	static const char text[] = "{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"status\"}\n";
	int half = client(), deaf = client(), idle[CONTROL_CLIENTS_MAX], last;
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint32_t sent = 0, refused = 0;
	double start = front_now(), took;

	if (send(half, text, 20, MSG_NOSIGNAL) < 0)
		die("control: %s", strerror(errno));
	while (refused < 500) {
		if (send(deaf, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
			sent++;
		else if (nanosleep(&pause, NULL) || ++refused)
			continue;
	}
	serves("half a line, and a client that does not read");
	for (int i = 2; i < CONTROL_CLIENTS_MAX; i++)
		idle[i] = client();
	last = client();
	if (send(last, text, strlen(text), MSG_NOSIGNAL) < 0)
		die("control: %s", strerror(errno));
	ok(!*line(last, 300), "with %d clients there the next one waits", CONTROL_CLIENTS_MAX);
	close(idle[2]);
	ok(*line(last, ANSWER_MS) == '{', "until one leaves");
	close(last);
	serves("clients that do nothing");
	ok(dropped(half, PATIENT_MS), "half a line: dropped");
	took = front_now() - start;
	ok(took > CONTROL_PATIENCE_S - 1, "after %.0f s", took);
	ok(dropped(idle[3], PATIENT_MS), "a client that says nothing, too");
	ok(dropped(deaf, PATIENT_MS), "one that did not read %u answers, too", sent);
	for (int i = 3; i < CONTROL_CLIENTS_MAX; i++)
		close(idle[i]);
	close(half);
	close(deaf);
}

/* Somebody else is refused by the socket's mode, and by who asks where that was changed. */
static void strangers(void)
{
	struct stat st;
	int result = 0;
	pid_t child;

	ok(!stat(daemon_.control, &st) && (st.st_mode & 0777) == 0600, "the socket has mode 0600");
	if (geteuid()) {
		skip("another user is refused", "only root can be somebody else");
		return;
	}
	chmod(daemon_.directory, 0755);
	chmod(daemon_.control, 0666);
	child = fork();
	if (!child) {
		int fd;

		if (setgid(65534) || setuid(65534))
			_exit(2);
		fd = unix_socket_connect(daemon_.control, 10000);
		_exit(fd < 0 ? 3 : !dropped(fd, ANSWER_MS));
	}
	waitpid(child, &result, 0);
	ok(WIFEXITED(result) && !WEXITSTATUS(result), "another user is refused");
	ok(daemon_said(&daemon_, "control client refused: process"), "and the log says so");
}

/* Output of a command line with the daemon's socket; returns its exit status. */
static int command(const char *words, char *ret_text, size_t size)
{
	const char *binary = getenv("NVRING");
	char text[512];
	size_t bytes;
	FILE *pipe;
	int result;

	snprintf(text, sizeof(text), "%s %s --control %s 2>&1",
		 binary && *binary ? binary : "build/nvring", words, daemon_.control);
	pipe = popen(text, "re");
	if (!pipe)
		die("%s: %s", text, strerror(errno));
	bytes = fread(ret_text, 1, size - 1, pipe);
	ret_text[bytes] = '\0';
	result = pclose(pipe);
	return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

static void commands(void)
{
	struct json_object *all;
	char text[16384], want[64];

	snprintf(want, sizeof(want), "queue 0: %s: it was asked for", engine());
	ok(!command("status", text, sizeof(text)) && strstr(text, "front-end connected") &&
		   strstr(text, want),
	   "nvring status");
	ok(strstr(text, "BROKEN: the avail index jumped"), "nvring status: a broken queue");
	ok(!command("status --json", text, sizeof(text)), "nvring status --json");
	all = json_tokener_parse(text);
	ok(member_is(queue_of(all, 0), "engine", engine()), "and that is JSON");
	json_object_put(all);
	ok(!command("set --engine worker --queue 3", text, sizeof(text)),
	   "nvring set for a queue to come");
	all = status();
	ok(member_is(queue_of(all, 3), "asked", "worker") &&
		   member_is(queue_of(all, 0), "asked", engine()),
	   "the other queues stay");
	json_object_put(all);
	ok(command("set --engine worker --queue 9", text, sizeof(text)) == 1 &&
		   strstr(text, "from 0 to 3"),
	   "nvring set for a queue there is not: %s", strtok(text, "\n"));
	ok(command("set --engine spinner", text, sizeof(text)) == 2, "nvring set: misuse");
	ok(!command("set --moderation off --spin-us 7", text, sizeof(text)),
	   "nvring set for moderation and spinning");
	all = status();
	ok(!json_object_get_boolean(json_object_object_get(all, "moderation")) &&
		   json_object_get_int(json_object_object_get(all, "spin_us")) == 7 &&
		   member_is(queue_of(all, 0), "engine", engine()),
	   "they are so, and the engine is as it was");
	json_object_put(all);
	ok(!command("set --placement off --wake-halted off --patience off", text, sizeof(text)),
	   "nvring set for what vCPUs do");
	all = status();
	ok(!json_object_get_boolean(json_object_object_get(all, "wake_halted")) &&
		   !json_object_get_boolean(json_object_object_get(all, "patience")) &&
		   !json_object_get_boolean(
			   json_object_object_get(json_object_object_get(all, "placement"), "on")),
	   "they are so");
	json_object_put(all);
	ok(!command("set --iops 5000:1000 --bw max:2M", text, sizeof(text)),
	   "nvring set for limits");
	ok(!command("status", text, sizeof(text)) &&
		   strstr(text, "\n  limits    wbps 2097152 riops 5000 wiops 1000\n"),
	   "status has them");
	ok(!command("set --bw max", text, sizeof(text)) &&
		   !command("set --iops max", text, sizeof(text)),
	   "nvring set for none");
	ok(!command("status", text, sizeof(text)) && !strstr(text, "  limits "), "there are none");
	ok(command("set --iops 0", text, sizeof(text)) == 2 && strstr(text, "READS:WRITES"),
	   "nvring set for a limit of nothing: %s", strtok(text, "\n"));
	ok(!command("set --engine worker", text, sizeof(text)), "nvring set for all queues");
	all = status();
	ok(member_is(all, "engine", "worker") && member_is(queue_of(all, 0), "engine", "worker"),
	   "a worker serves the one that runs");
	json_object_put(all);
}

int main(void)
{
	daemon_start(&daemon_, IMAGE, "--queues 4");
	says();
	shares();
	breaks();
	refuses();
	too_long();
	pipelined();
	slow();
	strangers();
	commands();
	serves("after all that");
	front_close(&front);
	ok(daemon_end(&daemon_) == 0, "the daemon ends well");
	return done();
}
