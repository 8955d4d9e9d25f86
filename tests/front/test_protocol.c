// SPDX-License-Identifier: GPL-2.0-only
/* The vhost-user protocol: front-ends of every kind, messages that make no sense, changes while
 * queues run. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "daemon.h"
#include "front.h"

#define IMAGE	    (16ULL << 20)
#define STOPS_S	    8.0
#define STOPS_LEAST 5

static struct daemon daemon_;
static struct front front;

static bool reads(struct front_queue *queue)
{
	struct front_request request;

	front_request_init(queue->front, &request, 4096);
	for (uint64_t sector = 8; sector < 800; sector += 8)
		if (front_do(queue, &request, VIRTIO_BLK_T_IN, sector, 4096) ||
		    !is_pattern(request.data, sector * 512, 4096))
			return false;
	return true;
}

/* What the front-ends met in the field acknowledge; each gets its disk. */
static void front_ends(void)
{
	static const struct {
		const char *name;
		struct front_options options;
	} kinds[] = {
		{ "QEMU", { .queues = 2, .inflight = true } },
		{ "a UML guest",
		  { .without_protocol = ~(BIT64(VHOST_USER_PROTOCOL_F_CONFIG) |
					  BIT64(VHOST_USER_PROTOCOL_F_REPLY_ACK)),
		    .without = BIT64(VIRTIO_RING_F_EVENT_IDX) } },
		{ "libblkio",
		  { .without = BIT64(VIRTIO_RING_F_INDIRECT_DESC) | BIT64(VIRTIO_BLK_F_MQ) } },
		{ "rust-vmm",
		  { .queues = 4,
		    .size = 256,
		    .without_protocol = BIT64(VHOST_USER_PROTOCOL_F_STATUS) |
					BIT64(VHOST_USER_PROTOCOL_F_RESET_DEVICE) } },
		{ "one without protocol features",
		  { .without = BIT64(VHOST_USER_F_PROTOCOL_FEATURES) } },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct front_options options = kinds[i].options;

		options.socket = daemon_.socket;
		front_open(&front, &options);
		ok(reads(&front.queue[front.queue_count - 1]), "%s is served", kinds[i].name);
		front_close(&front);
	}
}

struct malformed {
	const char *what, *said;
	uint32_t request, size, fds;
	uint64_t value;
};

static const struct malformed malformed[] = {
	{ "an unknown request", "refused", 63, 8, 0, 0 },
	{ "request 0", "refused", 0, 0, 0, 0 },
	{ "SET_FEATURES of 4 bytes", "SET_FEATURES refused", VHOST_USER_SET_FEATURES, 4, 0, 0 },
	{ "SET_FEATURES with a descriptor", "SET_FEATURES refused", VHOST_USER_SET_FEATURES, 8, 1,
	  0 },
	{ "features never offered", "not offered", VHOST_USER_SET_FEATURES, 8, 0, 1ULL << 62 },
	{ "protocol features never offered", "not offered", VHOST_USER_SET_PROTOCOL_FEATURES, 8, 0,
	  1ULL << 62 },
	{ "a memory table without descriptors", "SET_MEM_TABLE refused", VHOST_USER_SET_MEM_TABLE,
	  40, 0, 1 },
	{ "a memory table of 9 regions", "SET_MEM_TABLE refused", VHOST_USER_SET_MEM_TABLE, 264, 1,
	  9 },
	{ "an empty region", "ADD_MEM_REG refused", VHOST_USER_ADD_MEM_REG, 40, 1, 0 },
	{ "a region never added", "REM_MEM_REG refused", VHOST_USER_REM_MEM_REG, 40, 0, 0 },
	{ "a queue that is not there", "SET_VRING_NUM refused", VHOST_USER_SET_VRING_NUM, 8, 0,
	  0x8000000fULL },
	{ "a queue of 3 entries", "SET_VRING_NUM refused", VHOST_USER_SET_VRING_NUM, 8, 0,
	  3ULL << 32 },
	{ "a queue of 0 entries", "SET_VRING_NUM refused", VHOST_USER_SET_VRING_NUM, 8, 0, 0 },
	{ "a kick without its eventfd", "SET_VRING_KICK refused", VHOST_USER_SET_VRING_KICK, 8, 0,
	  0 },
	{ "two call eventfds", "SET_VRING_CALL refused", VHOST_USER_SET_VRING_CALL, 8, 2, 0 },
	{ "a write of config space it has not", "SET_CONFIG refused", VHOST_USER_SET_CONFIG, 16, 0,
	  0 },
	{ "an in-flight area of no queues", "INFLIGHT_FD refused", VHOST_USER_SET_INFLIGHT_FD, 24,
	  1, 0 },
};

/* Without a queue, which is no reason to refuse them. */
static void bad_messages(void)
{
	struct front_options options = { .socket = daemon_.socket, .no_queues = true };

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		const struct malformed *bad = &malformed[i];
		uint64_t payload[40] = { bad->value };
		int fds[2] = { eventfd(0, 0), eventfd(0, 0) };

		front_open(&front, &options);
		ok(front_acknowledged(&front, bad->request, payload, bad->size, fds, bad->fds) != 0,
		   "%s is refused", bad->what);
		ok(daemon_said(&daemon_, bad->said), "%s: the log says \"%s\"", bad->what,
		   bad->said);
		front_close(&front);
		close(fds[0]);
		close(fds[1]);
	}
	options.no_queues = false;
	front_open(&front, &options);
	ok(reads(&front.queue[0]), "after all of them the daemon serves");
	front_close(&front);
}

/* Half messages, nonsense headers, too many descriptors: the connection ends, the daemon lives. */
static void bad_streams(void)
{
	struct front_options options = { .socket = daemon_.socket };
	struct vhost_user_header header = { VHOST_USER_SET_FEATURES, VHOST_USER_VERSION, 1 << 30 };
	int fds[20];

	front_connect(&front, daemon_.socket);
	if (write(front.socket, &header, 7) != 7)
		die("socket");
	front_close(&front);
	front_connect(&front, daemon_.socket);
	if (write(front.socket, &header, sizeof(header)) != sizeof(header))
		die("socket");
	ok(daemon_said(&daemon_, "no message has more than"), "a huge size is named");
	front_close(&front);
	header.flags = 3;
	front_connect(&front, daemon_.socket);
	if (write(front.socket, &header, sizeof(header)) != sizeof(header))
		die("socket");
	ok(daemon_said(&daemon_, "only version 1 is known"), "an unknown version is named");
	front_close(&front);
	front_connect(&front, daemon_.socket);
	for (int i = 0; i < 20; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	front_send(&front, VHOST_USER_SET_VRING_KICK, &(uint64_t){ 0 }, 8, fds, 20, 0);
	ok(daemon_said(&daemon_, "file descriptors in one message"),
	   "too many descriptors are named");
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	front_close(&front);
	front_open(&front, &options);
	ok(reads(&front.queue[0]), "after all of them the daemon serves");
	front_close(&front);
}

/* Whether to stop queues once more: so many times in all, but where an engine takes long to start
 * them, as the loop in an emulated machine, no more than a few when that took STOPS_S. */
static bool once_more(int done, int all, double start)
{
	return done < all && (done < STOPS_LEAST || front_now() - start < STOPS_S);
}

/* Requests flow from another thread while the test changes things. */
static volatile bool flow_stop;
static volatile uint64_t flow_done;
static uint64_t flow_bad;

static void *flow(void *argument)
{
	struct front_queue *queue = argument;
	struct front_request request;

	front_request_init(queue->front, &request, 4096);
	for (uint64_t i = 0; !flow_stop; i++) {
		uint64_t sector = i * 8 % 16384;

		if (front_do(queue, &request, VIRTIO_BLK_T_IN, sector, 4096) ||
		    !is_pattern(request.data, sector * 512, 4096))
			flow_bad++;
		flow_done++;
	}
	return NULL;
}

static void changes(void)
{
	struct front_options options = { .socket = daemon_.socket, .queues = 2 };
	pthread_t thread;
	int call = -1, spare, changed = 0;
	double start;

	front_open(&front, &options);
	spare = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_create(&thread, NULL, flow, &front.queue[0]);
	while (flow_done < 100)
		usleep(1000);
	/* Swap the call eventfd back and forth; the driver waits on whichever is current. */
	for (int i = 0; i < 50; i++) {
		call = front.queue[0].call_fd;
		front_queue_call_fd(&front.queue[0], spare);
		eventfd_write(call, 1); /* who waits on the old one looks again */
		spare = call;
		usleep(2000);
	}
	/* Memory comes and goes, which pauses all queues. */
	for (start = front_now(); once_more(changed, 30, start); changed++) {
		union vhost_user_payload slot = { .slot.region = { .gpa = 1ULL << 32,
								   .size = 1 << 20,
								   .user_addr = FRONT_USER_BASE +
										(1ULL << 32) } };
		struct front_region *region;

		region = front_add_region(&front, 1ULL << 32, 1 << 20, 0);
		if (front_acknowledged(&front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot.slot),
				       &region->fd, 1) ||
		    front_acknowledged(&front, VHOST_USER_REM_MEM_REG, &slot, sizeof(slot.slot),
				       NULL, 0))
			flow_bad++;
		close(region->fd);
		front.regions--;
		usleep(1000);
	}
	flow_stop = true;
	pthread_join(thread, NULL);
	close(spare);
	ok(!flow_bad && flow_done > 200,
	   "%llu reads while the call eventfd and, %d times, the memory table change, %llu wrong",
	   (unsigned long long)flow_done, changed, (unsigned long long)flow_bad);
	front_close(&front);
}

static void pause_and_go_on(void)
{
	struct front_options options = { .socket = daemon_.socket, .size = 64 };
	double start = front_now();
	bool good = true;
	int stopped;

	front_open(&front, &options);
	for (stopped = 0; once_more(stopped, 20, start); stopped++) {
		good &= reads(&front.queue[0]);
		if (front_queue_stop(&front.queue[0]) != front.queue[0].last_used)
			good = false;
		front_queue_start(&front.queue[0]);
	}
	ok(good, "a queue stopped %d times goes on where it was", stopped);
	ok(!front_acknowledged(&front, VHOST_USER_RESET_DEVICE, NULL, 0, NULL, 0), "RESET_DEVICE");
	front_acknowledged(&front, VHOST_USER_SET_FEATURES, &front.features, 8, NULL, 0);
	front_queue_init(&front, 0, &options);
	front_queue_start(&front.queue[0]);
	ok(reads(&front.queue[0]), "after RESET_DEVICE and new set-up it serves");
	front_ask(&front, VHOST_USER_GET_STATUS, 0);
	ok(!front_acknowledged(&front, VHOST_USER_SET_STATUS, &(uint64_t){ 15 }, 8, NULL, 0) &&
		   front_ask(&front, VHOST_USER_GET_STATUS, 0) == 15,
	   "the status that is set is read back");
	front_close(&front);
}

/* Guest memory in as many pieces as a front-end can have. */
static void many_regions(void)
{
	struct front_options options = { .socket = daemon_.socket };
	struct front_request request;
	uint64_t max;
	bool good = true;

	front_open(&front, &options);
	max = front_ask(&front, VHOST_USER_GET_MAX_MEM_SLOTS, 0);
	front_queue_stop(&front.queue[0]);
	for (uint64_t i = 1; i < max; i++) {
		struct front_region *region =
			front_add_region(&front, (1ULL << 32) + i * 8192, 4096, 4096 * (i % 3));
		union vhost_user_payload slot = {
			.slot.region = { .gpa = region->gpa,
					 .size = region->size,
					 .user_addr = FRONT_USER_BASE + region->gpa,
					 .mmap_offset = region->offset }
		};

		good &= !front_acknowledged(&front, VHOST_USER_ADD_MEM_REG, &slot,
					    sizeof(slot.slot), &region->fd, 1);
	}
	ok(good && max >= 509, "%llu memory regions are taken", (unsigned long long)max);
	front_queue_start(&front.queue[0]);
	front_request_init(&front, &request, 4096);
	for (uint32_t i = 1; i < front.regions; i++) {
		request.data = front.region[i].memory;
		request.data_gpa = front.region[i].gpa;
		good &= !front_do(&front.queue[0], &request, VIRTIO_BLK_T_IN, i * 8, 4096) &&
			is_pattern(request.data, i * 4096, 4096);
	}
	ok(good, "each of them is read into");
	front_close(&front);
}

static void config(void)
{
	struct front_options options = { .socket = daemon_.socket };
	union vhost_user_payload ask = { .config.size = sizeof(struct virtio_blk_config) };
	struct vhost_user_message reply;
	const struct virtio_blk_config *have = (void *)reply.payload.config.data;

	front_open(&front, &options);
	if (front_send(&front, VHOST_USER_GET_CONFIG, &ask,
		       VHOST_USER_CONFIG_HEADER + ask.config.size, NULL, 0, 0) ||
	    front_receive(&front, &reply))
		die("GET_CONFIG: no reply");
	ok(have->capacity == IMAGE / 512 && have->blk_size >= 512 && have->num_queues == 4 &&
		   have->wce == 1 && have->seg_max >= 64 && have->max_discard_seg &&
		   have->max_write_zeroes_seg,
	   "config space is that of a file with a write cache");
	ask.config.offset = offsetof(struct virtio_blk_config, wce);
	ask.config.size = 1;
	ask.config.data[0] = 0;
	ok(!front_acknowledged(&front, VHOST_USER_SET_CONFIG, &ask, VHOST_USER_CONFIG_HEADER + 1,
			       NULL, 0) &&
		   reads(&front.queue[0]),
	   "the guest may choose write through");
	front_close(&front);
}

int main(void)
{
	daemon_start(&daemon_, IMAGE, "--queues 4");
	front_ends();
	bad_messages();
	bad_streams();
	changes();
	pause_and_go_on();
	many_regions();
	config();
	ok(daemon_end(&daemon_) == 0, "the daemon ends well");
	return done();
}
