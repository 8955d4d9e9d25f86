// SPDX-License-Identifier: GPL-2.0-only
/*
 * A front-end that says anything: messages and descriptors over a socket to the daemon's receive
 * path, and a VM with a worker and a file behind it.
 *
 * An input is a sequence of records, see play(). After each input the connection is dropped, and
 * no descriptor, mapping or state of it may be left. The VM lives through many inputs.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/sigbus.h"
#include "descriptors.h"
#include "engine/vm.h"
#include "serve/vhost_user.h"

#define IMAGE_BYTES  (1 << 20)
#define QUEUES	     2
#define VM_INPUTS    2048 /* inputs one VM lives through */
#define RECORDS_MAX  64
#define FDS_MAX	     20
#define HEADER_BYTES sizeof(struct vhost_user_header)
#define WAIT_US	     100

/* The first byte of a record; what is below RECORD_OTHER is a message with that number. */
enum record {
	RECORD_OTHER = 64, /* a message with any number */
	RECORD_RAW,	   /* bytes that need be no message */
	RECORD_WRITE,	   /* the guest writes to its memory */
	RECORD_KICK,
	RECORD_TRUNCATE, /* the guest's memory is cut short, or grows */
	RECORD_WAIT,	 /* let the worker serve */
	RECORD_LEAVE,	 /* close the socket and connect again */
	RECORD_HALF,	 /* nothing more to say, but listening */
	RECORD_END,	 /* from here on: a message with the low bits as number */
};

/* The second byte of a message. */
#define MESSAGE_NEED_REPLY 0x01
#define MESSAGE_FLAGS	   0x02 /* header.flags is given */
#define MESSAGE_SIZE	   0x04 /* header.size is given, and may be wrong */
#define MESSAGE_SPLIT	   0x08 /* arrives in two parts */
#define MESSAGE_FDS_LATE   0x10 /* descriptors with the second one */
#define MESSAGE_UNREAD	   0x20 /* answers are not read */

struct front {
	struct vhost_user connection;
	struct descriptors descriptors;
	int socket;	  /* the front-end's end */
	bool raw;	  /* what arrives is not what was meant: answers cannot be foretold */
	uint32_t answers; /* since the last message */
};

/* A message as it goes out. */
struct outgoing {
	char bytes[HEADER_BYTES + 512];
	size_t count;
	int fds[FDS_MAX];
	uint32_t fd_count;
};

static struct vm *vm;
static int image;
static uint64_t inputs, messages, answered, dropped, started, served;

static void close_vm(void)
{
	for (uint32_t i = 0; vm && i < QUEUES; i++)
		served += vm->queues[i].stats->counters.completed;
	vm_free(vm);
	vm = NULL;
}

static void print_totals(void)
{
	close_vm();
	fprintf(stderr,
		"fuzz_messages: %llu inputs, %llu messages, %llu answers, "
		"%llu connections dropped, %llu rings started, %llu requests served\n",
		(unsigned long long)inputs, (unsigned long long)messages,
		(unsigned long long)answered, (unsigned long long)dropped,
		(unsigned long long)started, (unsigned long long)served);
}

static void open_vm(void)
{
	const struct vm_options options = {
		.name = "fuzz",
		.queues = QUEUES,
		.workers = 1,
		.cpus = { -1 },
		.engine = ENGINE_WORKER,
	};
	char path[64];
	const struct backend_options backend = { .image = path, .buffered = true };

	snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
	if (vm_create(&options, &backend, &vm) || vm_start(vm))
		fuzz_fail("no VM");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	log_set_level(LOG_CRIT);
	signal(SIGPIPE, SIG_IGN);
	image = memfd_create("image", MFD_CLOEXEC);
	if (image < 0 || ftruncate(image, IMAGE_BYTES))
		fuzz_fail("no image: %m");
	atexit(print_totals);
	return 0;
}

static uint32_t count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	uint32_t count = 0;

	if (!directory)
		fuzz_fail("/proc/self/fd: %m");
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

/* Mappings of what a front-end may send; the daemon maps nothing else of the kind. */
static uint32_t count_mappings(void)
{
	static char text[1 << 20];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t bytes = 0;
	uint32_t count = 0;
	ssize_t got;

	while (bytes < sizeof(text) - 1 &&
	       (got = read(fd, text + bytes, sizeof(text) - 1 - bytes)) > 0)
		bytes += (size_t)got;
	fd_close(fd);
	text[bytes] = '\0';
	for (const char *at = text; (at = strstr(at, " /")); at++)
		count += !strncmp(at, " /memfd:", 8) || !strncmp(at, " /dev/", 6);
	return count;
}

static void connect_front(struct front *front)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		fuzz_fail("no socket: %m");
	front->socket = pair[0];
	front->descriptors.socket = pair[0];
	front->raw = false;
	vhost_user_connect(&front->connection, pair[1]);
}

/* As the daemon's event loop when the connection ends. */
static void disconnect_front(struct front *front)
{
	vhost_user_disconnect(&front->connection);
	front->socket = fd_close(front->socket);
}

static uint32_t running(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < QUEUES; i++)
		count += vm->queues[i].running;
	return count;
}

/* As the daemon's event loop, as long as the socket is readable. */
static void receive(struct front *front)
{
	struct pollfd readable = { .fd = front->connection.fd, .events = POLLIN };
	uint32_t before = running();
	int err = 0;

	while (!err && poll(&readable, 1, 0) == 1)
		err = vhost_user_receive(&front->connection);
	started += running() > before;
	if (!err)
		return;
	dropped++;
	disconnect_front(front);
}

/* One answer, if there is one; what came with it is kept or closed. */
static bool read_answer(struct front *front)
{
	char control[CMSG_SPACE(VHOST_USER_FDS_MAX * sizeof(int))];
	union vhost_user_payload payload;
	struct vhost_user_header header;
	struct iovec iov = { &header, sizeof(header) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = recvmsg(front->socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got <= 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_len != CMSG_LEN(sizeof(int)))
			fuzz_fail("an answer with other than one descriptor");
		fd_close(front->descriptors.inflight);
		memcpy(&front->descriptors.inflight, CMSG_DATA(c), sizeof(int));
	}
	if (got != sizeof(header) || header.flags != (VHOST_USER_VERSION | VHOST_USER_REPLY) ||
	    header.size > sizeof(payload))
		fuzz_fail("no header of an answer: %zd bytes, flags %#x, size %u", got,
			  header.flags, header.size);
	if (header.size &&
	    recv(front->socket, &payload, header.size, MSG_DONTWAIT) != (ssize_t)header.size)
		fuzz_fail("an answer to %s without its payload", vhost_user_name(header.request));
	return true;
}

static void read_answers(struct front *front)
{
	while (front->socket >= 0 && read_answer(front)) {
		front->answers++;
		answered++;
	}
}

static void send_part(struct front *front, const struct outgoing *out, size_t from, size_t to,
		      bool with_fds)
{
	char control[CMSG_SPACE(FDS_MAX * sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(out->bytes + from), to - from };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = (struct cmsghdr *)control;

	if (with_fds && out->fd_count) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(out->fd_count * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(out->fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), out->fds, out->fd_count * sizeof(int));
	}
	if (sendmsg(front->socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)(to - from))
		front->raw = true;
}

static void take_fds(struct front *front, struct fuzz_input *input, struct outgoing *out)
{
	uint64_t count = fuzz_take(input, 1) % (FDS_MAX + 1);

	for (uint64_t i = 0; i < count; i++) {
		enum descriptor_kind kind = fuzz_take(input, 1) % DESCRIPTOR_KINDS;
		int fd = descriptors_make(&front->descriptors, kind);

		/* The daemon writes to its call eventfd, and so to itself. */
		front->raw |= kind == DESCRIPTOR_SOCKET;
		if (fd >= 0)
			out->fds[out->fd_count++] = fd;
	}
}

/* Send it and have it received; in two parts it may be cut anywhere. */
static void deliver(struct front *front, struct outgoing *out, uint8_t how, size_t cut)
{
	bool late = how & MESSAGE_FDS_LATE;

	if (how & MESSAGE_SPLIT && cut && cut < out->count) {
		send_part(front, out, 0, cut, !late);
		receive(front);
		if (front->socket >= 0)
			send_part(front, out, cut, out->count, late);
	} else {
		send_part(front, out, 0, out->count, true);
	}
	for (uint32_t i = 0; i < out->fd_count; i++)
		fd_close(out->fds[i]);
	if (front->socket >= 0)
		receive(front);
}

/* Who asks for an answer gets exactly one, unless the connection was dropped. */
static void check_answers(const struct front *front, bool need_reply)
{
	bool wanted =
		need_reply && front->connection.protocol & 1ULL << VHOST_USER_PROTOCOL_F_REPLY_ACK;

	if (front->raw || front->socket < 0)
		return;
	if (front->answers > 1 || (wanted && !front->answers))
		fuzz_fail("%u answers to one message", front->answers);
}

static void play_message(struct front *front, struct fuzz_input *input, uint32_t request)
{
	struct outgoing out = { .count = HEADER_BYTES };
	struct vhost_user_header header = { .request = request, .flags = VHOST_USER_VERSION };
	uint8_t how = (uint8_t)fuzz_take(input, 1);
	size_t bytes, cut = how & MESSAGE_SPLIT ? fuzz_take(input, 1) : 0;

	if (how & MESSAGE_NEED_REPLY)
		header.flags |= VHOST_USER_NEED_REPLY;
	if (how & MESSAGE_FLAGS)
		header.flags = (uint32_t)fuzz_take(input, 4);
	bytes = fuzz_take(input, 1);
	if (bytes == UINT8_MAX)
		bytes += fuzz_take(input, 1);
	header.size = (uint32_t)bytes;
	if (how & MESSAGE_SIZE)
		header.size = (uint32_t)fuzz_take(input, 4);
	take_fds(front, input, &out);
	fuzz_take_bytes(input, out.bytes + HEADER_BYTES, bytes);
	out.count += bytes;
	memcpy(out.bytes, &header, HEADER_BYTES);
	front->raw |= header.size != bytes || how & MESSAGE_UNREAD;
	front->answers = 0;
	messages++;
	deliver(front, &out, how, cut);
	if (how & MESSAGE_UNREAD)
		return;
	read_answers(front);
	check_answers(front, header.flags & VHOST_USER_NEED_REPLY);
}

static void play_raw(struct front *front, struct fuzz_input *input)
{
	struct outgoing out = { 0 };
	size_t bytes = fuzz_take(input, 1);

	take_fds(front, input, &out);
	out.count = fuzz_take_bytes(input, out.bytes, bytes);
	front->raw = true;
	if (out.count)
		deliver(front, &out, 0, 0);
	else
		for (uint32_t i = 0; i < out.fd_count; i++)
			fd_close(out.fds[i]);
}

static void play_write(struct front *front, struct fuzz_input *input)
{
	uint64_t which = fuzz_take(input, 1) % MEMORY_COUNT, at = fuzz_take(input, 2);
	char bytes[256];
	size_t count = fuzz_take_bytes(input, bytes, fuzz_take(input, 1));

	if (pwrite(front->descriptors.memory[which], bytes, count, (off_t)at) < 0)
		fuzz_fail("guest memory cannot be written: %m");
}

static void play_truncate(struct front *front, struct fuzz_input *input)
{
	uint64_t which = fuzz_take(input, 1) % MEMORY_COUNT, bytes = fuzz_take(input, 2) << 4;

	if (ftruncate(front->descriptors.memory[which], (off_t)bytes))
		fuzz_fail("guest memory cannot be cut: %m");
}

static void play(struct front *front, struct fuzz_input *input)
{
	uint64_t record = fuzz_take(input, 1);

	if (front->socket < 0)
		connect_front(front);
	switch (record) {
	case RECORD_OTHER:
		play_message(front, input, (uint32_t)fuzz_take(input, 4));
		break;
	case RECORD_RAW:
		play_raw(front, input);
		break;
	case RECORD_WRITE:
		play_write(front, input);
		break;
	case RECORD_KICK:
		eventfd_write(front->descriptors.kick, 1);
		break;
	case RECORD_TRUNCATE:
		play_truncate(front, input);
		break;
	case RECORD_WAIT:
		usleep(WAIT_US);
		break;
	case RECORD_LEAVE:
		front->socket = fd_close(front->socket);
		receive(front);
		/* Whom the daemon did not see go is one it was given the socket of. */
		disconnect_front(front);
		break;
	case RECORD_HALF:
		shutdown(front->socket, SHUT_WR);
		receive(front);
		break;
	default:
		play_message(front, input, record % RECORD_OTHER);
	}
}

/* Nothing of a front-end that is gone is left in the VM. */
static void check_vm(void)
{
	if (fuzz_fault("state"))
		vm->status = 1;
	if (vm->features || vm->has_protocol || vm->status || vm->memory_seen ||
	    vm->map.memory.count || vm->inflight_area || vm->log.bits || sigbus_seen() ||
	    vm->workers[0].queue_count)
		fuzz_fail("the VM remembers a front-end that is gone");
	for (uint32_t i = 0; i < QUEUES; i++) {
		const struct vhost_queue *queue = &vm->queues[i];

		if (queue->running || queue->ios || queue->batch || queue->size || queue->kicked ||
		    queue->enabled || queue->has_addr || queue->kick_fd >= 0 ||
		    queue->call_fd >= 0 || queue->err_fd >= 0 || queue->state.in_flight)
			fuzz_fail("queue %u remembers a front-end that is gone", i);
	}
}

static void check_leaks(uint32_t descriptors_before)
{
	uint32_t count;

	if (fuzz_fault("descriptor"))
		image = fcntl(image, F_DUPFD_CLOEXEC, 0);
	if (fuzz_fault("mapping") &&
	    mmap(NULL, 4096, PROT_READ, MAP_SHARED, image, 0) == MAP_FAILED)
		return;
	count = count_descriptors();
	if (count != descriptors_before)
		fuzz_fail("%u descriptors, %u before", count, descriptors_before);
	count = count_mappings();
	if (count)
		fuzz_fail("%u mappings of a front-end that is gone", count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = { data, size };
	struct front front = { .socket = -1 };
	uint32_t before;

	if (!inputs)
		sigbus_install();
	if (inputs++ % VM_INPUTS == 0) {
		close_vm();
		open_vm();
	}
	before = count_descriptors();
	vhost_user_init(&front.connection, vm);
	descriptors_open(&front.descriptors, image);
	for (uint32_t i = 0; input.left && i < RECORDS_MAX; i++)
		play(&front, &input);
	disconnect_front(&front);
	descriptors_close(&front.descriptors);
	check_vm();
	check_leaks(before);
	return 0;
}
