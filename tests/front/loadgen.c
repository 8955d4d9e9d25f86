// SPDX-License-Identifier: GPL-2.0-only
/*
 * loadgen: closed-loop load on a vhost-user-blk server, and what it costs.
 *
 * It keeps @depth requests in flight on each queue, as a guest's driver would. A spinning client
 * looks at the used ring all the time with interrupts off; a sleeping one waits for the call
 * eventfd, as a halted vCPU does. Figures cover exactly the measured time; CPU time is what the
 * kernel accounts to every thread of --pid processes, their kernel threads included.
 */
#include <argp.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>

#include "front.h"
#include "kvm_doorbell.h"

#define PIDS_MAX      8
#define BUCKETS	      2048 /* of the latency histogram: 16 per power of two */
#define STUCK_NS      5000000000ULL
#define DATA_BYTES    (64ULL << 20)
#define SLOT_OVERHEAD 96 /* header, status and indirect table of a request */

struct slot {
	struct virtio_blk_outhdr header;
	uint8_t status, padding[15];
	struct vring_desc table[3];
	uint64_t started;
	uint64_t reserved;
};

struct settings {
	const char *socket, *rw;
	uint32_t depth, queues, bytes, size;
	double seconds, rate;
	int sleep, kvm, cold, event_idx, direct_descriptors, status_elsewhere, json, cpu;
	int pids[PIDS_MAX], pid_count;
};

struct stream {
	struct front_queue *queue;
	struct slot *slots;
	uint64_t status_gpa; /* --status-elsewhere: one byte a slot */
	uint8_t *status;
	uint32_t in_flight;
	uint32_t free_slots[1024], free_count;
	uint64_t next_due; /* --rate */
};

static struct settings settings = {
	.rw = "randread",
	.depth = 1,
	.queues = 1,
	.bytes = 4096,
	.size = 256,
	.seconds = 1,
	.cpu = -1,
};
static struct front front;
static uint64_t blocks, random_state = 88172645463325252ULL;
static uint64_t done, latency_sum, errors;
static uint64_t histogram[BUCKETS];

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint32_t bucket_of(uint64_t ns)
{
	uint32_t shift = ns < 16 ? 0 : 59 - (uint32_t)__builtin_clzll(ns);
	uint32_t bucket = shift * 16 + (uint32_t)(ns >> shift);

	return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static double percentile(double share)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < BUCKETS; i++) {
		uint32_t shift = i < 32 ? 0 : i / 16 - 1;

		seen += histogram[i];
		if ((double)seen >= share * (double)done)
			return (double)((uint64_t)(i - shift * 16) << shift) / 1000;
	}
	return 0;
}

/* Nanoseconds of CPU that all threads of a process have used. */
static uint64_t cpu_ns(int pid)
{
	char path[300];
	uint64_t sum = 0;
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		unsigned long long ns = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, entry->d_name);
		file = fopen(path, "re");
		if (file && fscanf(file, "%llu", &ns) == 1)
			sum += ns;
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	return sum;
}

static uint64_t servers_cpu_ns(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < settings.pid_count; i++)
		sum += cpu_ns(settings.pids[i]);
	return sum;
}

static void init_stream(struct stream *stream, uint32_t index)
{
	struct front_queue *queue = &front.queue[index];
	uint32_t slots = settings.depth;

	stream->queue = queue;
	stream->slots = front_alloc(&front, slots * sizeof(struct slot), 64, NULL);
	stream->status = front_alloc(&front, slots, 64, &stream->status_gpa);
	for (uint32_t i = 0; i < slots; i++) {
		struct slot *slot = &stream->slots[i];
		struct vring_desc *table =
			settings.direct_descriptors ? &queue->desc[i * 3] : slot->table;
		uint16_t base = (uint16_t)(settings.direct_descriptors ? i * 3 : 0);
		uint64_t gpa = front_gpa(&front, slot), data;

		memset(slot, 0, sizeof(*slot));
		front_alloc(&front, settings.bytes, 4096, &data);
		table[0] = (struct vring_desc){ gpa, sizeof(slot->header), VRING_DESC_F_NEXT,
						base + 1 };
		table[1] = (struct vring_desc){ data, settings.bytes, VRING_DESC_F_NEXT, base + 2 };
		table[2] =
			(struct vring_desc){ settings.status_elsewhere ? stream->status_gpa + i
								       : gpa + sizeof(slot->header),
					     1, VRING_DESC_F_WRITE, 0 };
		if (!settings.direct_descriptors)
			queue->desc[i] = (struct vring_desc){ gpa + offsetof(struct slot, table),
							      sizeof(slot->table),
							      VRING_DESC_F_INDIRECT, 0 };
		stream->free_slots[stream->free_count++] = i;
	}
	if (!settings.sleep)
		queue->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

static void push(struct stream *stream, uint64_t now)
{
	uint32_t i = stream->free_slots[--stream->free_count];
	struct slot *slot = &stream->slots[i];
	bool write = settings.rw[strlen(settings.rw) - 1] == 'e' ||
		     (settings.rw[0] == 'm' && next_random() & 1);
	struct vring_desc *data =
		settings.direct_descriptors ? &stream->queue->desc[i * 3 + 1] : &slot->table[1];

	slot->header.type = write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN;
	slot->header.sector = next_random() % blocks * (settings.bytes / 512);
	data->flags = (uint16_t)(VRING_DESC_F_NEXT | (write ? 0 : VRING_DESC_F_WRITE));
	if (settings.status_elsewhere)
		stream->status[i] = 0xff;
	slot->started = now;
	front_avail(stream->queue, (uint16_t)(settings.direct_descriptors ? i * 3 : i));
	stream->in_flight++;
}

/* Take what is done; returns how many. */
static uint32_t collect(struct stream *stream, uint64_t now)
{
	struct front_queue *queue = stream->queue;
	uint16_t idx = __atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE);
	uint32_t count = (uint16_t)(idx - queue->last_used);

	if (count > stream->in_flight)
		die("queue %u: the used index went from %u to %u with %u in flight", queue->index,
		    queue->last_used, idx, stream->in_flight);
	for (; queue->last_used != idx; queue->last_used++) {
		uint32_t id = queue->used->ring[queue->last_used % queue->size].id;
		uint32_t i = settings.direct_descriptors ? id / 3 : id;
		uint64_t ns = now - stream->slots[i].started;

		if (settings.status_elsewhere ? stream->status[i] : stream->slots[i].status)
			errors++;
		latency_sum += ns;
		histogram[bucket_of(ns)]++;
		stream->free_slots[stream->free_count++] = i;
	}
	stream->in_flight -= count;
	done += count;
	return count;
}

/* How many to send now: as many as are free, or with --rate those that are due. */
static uint32_t due(struct stream *stream, uint64_t now)
{
	uint64_t gap = (uint64_t)(1e9 / settings.rate * settings.queues);
	uint32_t count = 0;

	if (settings.rate <= 0)
		return stream->free_count;
	while (count < stream->free_count && stream->next_due <= now) {
		stream->next_due += gap;
		count++;
	}
	return count;
}

static bool serve(struct stream *stream, uint64_t now, bool stop)
{
	uint32_t came = collect(stream, now), send = stop ? 0 : due(stream, now);

	for (uint32_t i = 0; i < send; i++)
		push(stream, now);
	if (send)
		front_publish(stream->queue);
	return came || send;
}

/* Sleep until an interrupt, or until the next request is due. */
static void wait_any(struct stream *streams)
{
	struct pollfd fds[FRONT_QUEUES_MAX];
	struct timespec limit = { .tv_sec = 5 };
	uint64_t first = UINT64_MAX, now = now_ns();
	eventfd_t value;
	bool timed;
	int ready;

	for (uint32_t i = 0; i < settings.queues; i++) {
		struct front_queue *queue = streams[i].queue;

		fds[i] = (struct pollfd){ .fd = queue->call_fd, .events = POLLIN };
		if (front.features & BIT64(VIRTIO_RING_F_EVENT_IDX))
			*(volatile uint16_t *)&queue->avail->ring[queue->size] = queue->last_used;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (*(volatile uint16_t *)&queue->used->idx != queue->last_used)
			return;
		if (settings.rate > 0 && streams[i].free_count && streams[i].next_due < first)
			first = streams[i].next_due;
	}
	timed = first != UINT64_MAX;
	if (timed) {
		first = first > now ? first - now : 0;
		limit.tv_sec = (time_t)(first / 1000000000);
		limit.tv_nsec = (long)(first % 1000000000);
	}
	ready = ppoll(fds, settings.queues, &limit, NULL);
	if (ready < 0 && errno != EINTR)
		die("ppoll: %s", strerror(errno));
	if (!ready && !timed)
		die("no interrupt in 5 s with requests in flight");
	for (uint32_t i = 0; i < settings.queues; i++) {
		if (!(fds[i].revents & POLLIN))
			continue;
		eventfd_read(fds[i].fd, &value);
		streams[i].queue->interrupts++;
	}
}

static void run(struct stream *streams, uint64_t start)
{
	uint64_t end = start + (uint64_t)(settings.seconds * 1e9), busy = start, now;
	uint32_t in_flight = 1;

	for (uint32_t i = 0; i < settings.queues; i++)
		streams[i].next_due = start;
	while (in_flight) {
		bool any = false;

		now = now_ns();
		in_flight = 0;
		for (uint32_t i = 0; i < settings.queues; i++) {
			any |= serve(&streams[i], now, now >= end);
			in_flight += streams[i].in_flight;
		}
		if (now < end)
			in_flight = 1;
		if (any)
			busy = now;
		else if (settings.sleep)
			wait_any(streams);
		else if (now - busy > STUCK_NS && settings.rate <= 0)
			die("nothing came back for 5 s");
		else
			__builtin_ia32_pause();
	}
}

static void report(double seconds, uint64_t server_ns, uint64_t client_ns)
{
	uint64_t kicks = 0, interrupts = 0;
	double n = done ? (double)done : 1;

	for (uint32_t i = 0; i < settings.queues; i++) {
		kicks += front.queue[i].kicks;
		interrupts += front.queue[i].interrupts;
	}
	printf(settings.json ? "{\"requests\": %.0f, \"iops\": %.0f, \"mean_us\": %.2f, "
			       "\"p50_us\": %.2f, \"p99_us\": %.2f, "
			       "\"p999_us\": %.2f, \"kicks\": %.4f, \"interrupts\": %.4f, "
			       "\"server_us\": %.3f, \"client_us\": %.3f, \"errors\": %.0f}\n"
			     : "requests %.0f iops %.0f mean %.2f us p50 %.2f p99 %.2f p99.9 %.2f "
			       "| per request: kicks "
			       "%.4f interrupts %.4f server %.3f us client %.3f us | errors %.0f\n",
	       (double)done, (double)done / seconds, (double)latency_sum / n / 1000,
	       percentile(0.5), percentile(0.99), percentile(0.999), (double)kicks / n,
	       (double)interrupts / n, (double)server_ns / n / 1000, (double)client_ns / n / 1000,
	       (double)errors);
}

enum key {
	KEY_SOCKET = 0x100,
	KEY_DEPTH,
	KEY_QUEUES,
	KEY_SECONDS,
	KEY_RW,
	KEY_BS,
	KEY_SIZE,
	KEY_SLEEP,
	KEY_KVM,
	KEY_COLD,
	KEY_RATE,
	KEY_EVENT_IDX,
	KEY_DIRECT,
	KEY_STATUS,
	KEY_JSON,
	KEY_CPU,
	KEY_PID,
};

static const struct argp_option options[] = {
	{ "socket", KEY_SOCKET, "PATH", 0, "the server's socket", 0 },
	{ "depth", KEY_DEPTH, "N", 0, "requests in flight on each queue (1)", 0 },
	{ "queues", KEY_QUEUES, "N", 0, "queues (1)", 0 },
	{ "seconds", KEY_SECONDS, "S", 0, "measured time (1)", 0 },
	{ "rw", KEY_RW, "MODE", 0, "randread, randwrite or mixed (randread)", 0 },
	{ "bs", KEY_BS, "BYTES", 0, "of a request (4096)", 0 },
	{ "size", KEY_SIZE, "N", 0, "entries of a queue (256)", 0 },
	{ "sleep", KEY_SLEEP, NULL, 0, "wait for interrupts instead of looking all the time", 0 },
	{ "kvm", KEY_KVM, NULL, 0, "ring doorbells from a vCPU, through KVM", 0 },
	{ "cold", KEY_COLD, NULL, 0, "--kvm, and guest memory is not paged in there", 0 },
	{ "rate", KEY_RATE, "IOPS", 0, "send so many a second, at most depth at a time", 0 },
	{ "event-idx", KEY_EVENT_IDX, NULL, 0, "acknowledge EVENT_IDX", 0 },
	{ "direct-descriptors", KEY_DIRECT, NULL, 0, "no indirect descriptors", 0 },
	{ "status-elsewhere", KEY_STATUS, NULL, 0,
	  "status bytes away from the headers, and not OK beforehand", 0 },
	{ "json", KEY_JSON, NULL, 0, "print JSON", 0 },
	{ "cpu", KEY_CPU, "N", 0, "run on this CPU", 0 },
	{ "pid", KEY_PID, "PID", 0, "a server process whose CPU time counts; may be repeated", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case KEY_SOCKET:
		settings.socket = argument;
		return 0;
	case KEY_DEPTH:
		settings.depth = (uint32_t)atoi(argument);
		return 0;
	case KEY_QUEUES:
		settings.queues = (uint32_t)atoi(argument);
		return 0;
	case KEY_SECONDS:
		settings.seconds = atof(argument);
		return 0;
	case KEY_RW:
		settings.rw = argument;
		return 0;
	case KEY_BS:
		settings.bytes = (uint32_t)atoi(argument);
		return 0;
	case KEY_SIZE:
		settings.size = (uint32_t)atoi(argument);
		return 0;
	case KEY_SLEEP:
		settings.sleep = 1;
		return 0;
	case KEY_KVM:
		settings.kvm = 1;
		return 0;
	case KEY_COLD:
		settings.cold = 1;
		return 0;
	case KEY_RATE:
		settings.rate = atof(argument);
		return 0;
	case KEY_EVENT_IDX:
		settings.event_idx = 1;
		return 0;
	case KEY_DIRECT:
		settings.direct_descriptors = 1;
		return 0;
	case KEY_STATUS:
		settings.status_elsewhere = 1;
		return 0;
	case KEY_JSON:
		settings.json = 1;
		return 0;
	case KEY_CPU:
		settings.cpu = atoi(argument);
		return 0;
	case KEY_PID:
		if (settings.pid_count < PIDS_MAX)
			settings.pids[settings.pid_count++] = atoi(argument);
		return 0;
	case ARGP_KEY_END:
		if (!settings.socket || !settings.depth || settings.depth > settings.size ||
		    settings.size > 1024 || !settings.queues ||
		    settings.queues > FRONT_QUEUES_MAX || settings.bytes % 512 || !settings.bytes ||
		    (settings.direct_descriptors && settings.depth * 3 > settings.size))
			argp_error(state, "--socket is wanted, and --depth up to --size (1024)");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	const struct argp argp = { .options = options,
				   .parser = parse_option,
				   .doc = "Load a vhost-user-blk server." };
	struct front_options open = { 0 };
	static struct stream streams[FRONT_QUEUES_MAX];
	struct virtio_blk_config config;
	uint64_t start, server_ns, client_ns;
	struct timespec cpu;
	cpu_set_t set;

	argp_parse(&argp, argc, argv, 0, NULL, &settings);
	if (settings.cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET(settings.cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set))
			die("--cpu %d: %s", settings.cpu, strerror(errno));
	}
	open.socket = settings.socket;
	open.queues = settings.queues;
	open.size = (uint16_t)settings.size;
	open.memory = (size_t)settings.queues * settings.depth *
			      (settings.bytes + 4096 + sizeof(struct slot)) +
		      settings.queues * 65536 + (1 << 20);
	open.memory = (open.memory + (2 << 20) - 1) & ~(size_t)((2 << 20) - 1);
	if (!settings.event_idx)
		open.without |= BIT64(VIRTIO_RING_F_EVENT_IDX);
	front_open(&front, &open);
	if (settings.kvm)
		kvm_doorbell_open(&front, !settings.cold);
	front_config(&front, &config);
	blocks = config.capacity / (settings.bytes / 512);
	if (!blocks)
		die("the disk has no %u bytes", settings.bytes);
	for (uint32_t i = 0; i < settings.queues; i++)
		init_stream(&streams[i], i);
	server_ns = servers_cpu_ns();
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	client_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec;
	start = now_ns();
	run(streams, start);
	start = now_ns() - start;
	server_ns = servers_cpu_ns() - server_ns;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	client_ns = (uint64_t)cpu.tv_sec * 1000000000 + (uint64_t)cpu.tv_nsec - client_ns;
	report((double)start / 1e9, server_ns, client_ns);
	kvm_doorbell_close(&front);
	front_close(&front);
	return errors ? 1 : 0;
}
