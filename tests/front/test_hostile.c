// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile guest beside one that verifies every byte: of another VM, whose disk lies in the same
 * file, and of the same VM, another queue. The other loses nothing, what breaks a ring is reported,
 * the daemon and the kernel bear it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"
#include "verify.h"

#define IMAGE	   (32ULL << 20)
#define HOSTILE_AT 2048ULL  /* its disk's first block in the image */
#define VICTIM_AT  34816ULL /* the other's; there is room between */
#define DISK	   28672ULL /* blocks of each */
#define SECONDS	   4	    /* of attacks, unless NVRING_ATTACK_SECONDS is set; one of each kind */
#define RATE_LEAST 5	    /* requests a second that the other does meanwhile, at least */

static struct daemon daemon_, other, shared;
static struct front front, victim_front;
static struct verify verify;
static volatile bool stop;

/* What the kernel says from now on; -1 where we may not know. */
static int open_kernel_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

static void check_kernel_log(int fd)
{
	static const char *const signs[] = { "WARNING:", "BUG:", "Oops", "general protection",
					     "blocked for more" };
	char record[8192];
	bool clean = true;
	ssize_t bytes;

	if (fd < 0) {
		skip("the kernel log is clean", "it cannot be read");
		return;
	}
	while ((bytes = read(fd, record, sizeof(record) - 1)) > 0 ||
	       (bytes < 0 && errno == EPIPE)) {
		record[bytes > 0 ? bytes : 0] = '\0';
		for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
			if (strstr(record, signs[i])) {
				printf("# %s", record);
				clean = false;
			}
	}
	ok(clean, "the kernel log is clean");
	close(fd);
}

static double attack_seconds(void)
{
	const char *text = getenv("NVRING_ATTACK_SECONDS");

	return text && atof(text) > 0 ? atof(text) : SECONDS;
}

static void *victim(void *argument)
{
	(void)argument;
	while (!stop)
		if (!verify_turn(&verify))
			verify_wait(&verify, 1, -1);
	return NULL;
}

static void attack(const char *what, struct hostile *hostile, struct daemon *image)
{
	double start = front_now(), seconds;
	pthread_t thread;
	uint32_t wrong;

	stop = false;
	if (pthread_create(&thread, NULL, victim, NULL))
		die("no thread");
	for (uint32_t i = 0; i < hostile_kinds(); i++)
		hostile_attack(hostile, i);
	while (front_now() < start + attack_seconds())
		hostile_attack(hostile, (uint32_t)(hostile_random(hostile) % hostile_kinds()));
	stop = true;
	pthread_join(thread, NULL);
	verify_finish(&verify, 1);
	seconds = front_now() - start;
	wrong = verify_image(&verify, image);
	ok(!hostile->unreported && hostile->broken,
	   "%s: %llu attacks, the queue was stopped and reported %llu times, %llu times too late",
	   what, (unsigned long long)hostile->attacks, (unsigned long long)hostile->broken,
	   (unsigned long long)hostile->unreported);
	ok(hostile->answered && !hostile->accepted,
	   "%s: %llu requests were refused as they should be, %llu were not", what,
	   (unsigned long long)(hostile->answered - hostile->accepted),
	   (unsigned long long)hostile->accepted);
	ok(verify_good(&verify, (uint64_t)(seconds * RATE_LEAST)) && !wrong,
	   "%s: the other one did %llu requests in %.1f s; %llu wrong, %llu failed, %u blocks "
	   "wrong",
	   what, (unsigned long long)verify.done, seconds, (unsigned long long)verify.wrong,
	   (unsigned long long)verify.failed, wrong);
}

/* The queue serves a driver that has come to its senses. */
static void serves(const char *what, struct front_queue *queue, uint64_t sector)
{
	struct front_request request;
	char written[4096];

	front_request_init(queue->front, &request, sizeof(written));
	memset(written, 0xa5, sizeof(written));
	memcpy(request.data, written, sizeof(written));
	ok(!front_do(queue, &request, VIRTIO_BLK_T_OUT, sector, sizeof(written)) &&
		   memset(request.data, 0, sizeof(written)) &&
		   !front_do(queue, &request, VIRTIO_BLK_T_IN, sector, sizeof(written)) &&
		   !memcmp(request.data, written, sizeof(written)),
	   "%s: a sane driver is served afterwards", what);
}

/* Memory that is gone altogether. */
static void truncate_memory(struct hostile *hostile)
{
	struct front_queue *queue = hostile->queue;
	struct pollfd wait = { .events = POLLIN };
	struct front_request request;

	front_alloc_in(&front, 0, HOSTILE_BYTES);
	front_request_init(&front, &request, 4096);
	if (ftruncate(front.region[0].fd, HOSTILE_BYTES))
		die("ftruncate: %m");
	/* The ring is in the other region: the request's header, data and status are no more. */
	for (uint16_t i = 0; i < 3; i++)
		queue->desc[i] = (struct vring_desc){ HOSTILE_BYTES + i * 4096ULL,
						      i == 0   ? 16
						      : i == 1 ? 4096
							       : 1,
						      (uint16_t)((i ? VRING_DESC_F_WRITE : 0) |
								 (i < 2 ? VRING_DESC_F_NEXT : 0)),
						      i + 1 };
	front_avail(queue, 0);
	front_publish(queue);
	wait.fd = queue->err_fd;
	ok(poll(&wait, 1, 10000) == 1 && daemon_said(&daemon_, "guest memory was truncated"),
	   "memory cut short: the queue is stopped, and that is said");
}

/* The blocks of the image that are no VM's. */
static void check_gaps(void)
{
	static const uint64_t gaps[][2] = {
		{ 0, HOSTILE_AT },
		{ HOSTILE_AT + DISK, VICTIM_AT },
		{ VICTIM_AT + DISK, IMAGE / 512 },
	};
	uint32_t wrong = 0;
	char block[512];

	for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++)
		for (uint64_t at = gaps[i][0]; at < gaps[i][1]; at++) {
			image_read(&daemon_, at * 512, block, sizeof(block));
			wrong += !is_pattern(block, at * 512, sizeof(block));
		}
	ok(!wrong, "blocks that are on neither disk are as they were (%u are not)", wrong);
}

/* A VM each, a range each of one file. */
static void two_vms(void)
{
	struct front_options open = { .size = 64 };
	struct verify_options options = { .offset = VICTIM_AT * 512, .blocks = 2048, .depth = 32 };
	static char hostile_words[64], victim_words[160];
	struct hostile hostile;

	snprintf(hostile_words, sizeof(hostile_words), "--queues 2 --range %llu+%llu", HOSTILE_AT,
		 DISK);
	daemon_start(&daemon_, IMAGE, hostile_words);
	snprintf(victim_words, sizeof(victim_words), "--queues 1 --image %s --range %llu+%llu",
		 daemon_.image, VICTIM_AT, DISK);
	daemon_start(&other, 0, victim_words);
	open.socket = other.socket;
	front_open(&victim_front, &open);
	verify_init(&verify, &victim_front.queue[0], &options);
	open.socket = daemon_.socket;
	front_open(&front, &open);
	front_add_region(&front, HOSTILE_GPA, HOSTILE_BYTES, 0);
	front_send_table(&front);
	hostile_init(&hostile, &front, 0, &open);
	attack("another VM", &hostile, &daemon_);
	truncate_memory(&hostile);
	close(front.socket);
	front_open(&front, &open);
	serves("another VM", &front.queue[0], 0);
	front_close(&front);
	check_gaps();
	verify_free(&verify);
	front_close(&victim_front);
	ok(daemon_end(&daemon_) == 0 && daemon_end(&other) == 0, "both daemons end well");
	ok(!daemon_counter(&other, "errors") && !daemon_counter(&other, "stray") &&
		   !daemon_counter(&daemon_, "stray"),
	   "no completion was stray, and none of the other VM's failed");
}

/* A queue each of one VM, a half each of its disk. */
static void two_queues(void)
{
	struct front_options open = { .size = 64, .queues = 2 };
	struct verify_options options = { .blocks = 2048, .depth = 32 };
	struct hostile hostile;

	daemon_start(&shared, IMAGE, "--queues 2");
	open.socket = shared.socket;
	front_open(&front, &open);
	front_add_region(&front, HOSTILE_GPA, HOSTILE_BYTES, 0);
	front_send_table(&front);
	verify_init(&verify, &front.queue[0], &options);
	hostile_init(&hostile, &front, 1, &open);
	hostile.sector = DISK;
	attack("another queue", &hostile, &shared);
	hostile_reset(&hostile);
	serves("another queue", hostile.queue, 2 * DISK);
	verify_free(&verify);
	front_close(&front);
	ok(daemon_end(&shared) == 0 && !daemon_counter(&shared, "stray"), "the daemon ends well");
}

int main(void)
{
	int log = open_kernel_log();

	two_vms();
	two_queues();
	check_kernel_log(log);
	return done();
}
