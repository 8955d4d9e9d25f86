// SPDX-License-Identifier: GPL-2.0-only
/*
 * load: 4 KiB random reads or writes at a fixed depth, and how long each took.
 *
 *     load DEVICE read|write DEPTH[+BESIDE] JOBS MILLISECONDS
 *
 * BESIDE is the depth of one more job that keeps another queue busy and is not reported.
 * Under emulation fio's own instructions would be most of a request's, the same for whatever serves
 * the disk, and hide what differs. This does the least a program can do: one io_uring a job, a file
 * and buffers registered once, one look at the clock a turn. Jobs share the depth; job N stays on
 * CPU N, so with as many virtqueues as CPUs it has one of its own. Static, for any guest.
 */
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tool.h"

#define BLOCK_BYTES   4096U
#define DEPTH_MAX     1024U
#define SAMPLES_MAX   (1U << 19) /* a job ends early rather than lose one */
#define WARM_UP_SHARE 8		 /* of the time, before what counts */

struct request {
	void *buffer;
	uint64_t started; /* ns */
};

struct job {
	pthread_t thread;
	uint32_t index, depth;
	struct io_uring ring;
	struct request requests[DEPTH_MAX];
	uint64_t random;
	uint32_t *samples; /* ns, [SAMPLES_MAX] */
	uint32_t count;
	uint64_t all;	   /* with those of the warm-up and the end */
	uint64_t measured; /* ns */
	int err;
};

static struct {
	int fd;
	int write;
	uint32_t jobs, beside; /* beside: depth of the job that is not reported, or 0 */
	uint64_t blocks, duration;
	pthread_barrier_t start;
} load;

static uint64_t next_block(struct job *job)
{
	return next_random(&job->random) % load.blocks;
}

static void start_request(struct job *job, uint32_t slot, uint64_t time)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&job->ring);
	struct request *request = &job->requests[slot];
	uint64_t offset = next_block(job) * BLOCK_BYTES;

	if (load.write)
		io_uring_prep_write_fixed(sqe, 0, request->buffer, BLOCK_BYTES, offset, (int)slot);
	else
		io_uring_prep_read_fixed(sqe, 0, request->buffer, BLOCK_BYTES, offset, (int)slot);
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, slot);
	request->started = time;
}

static int open_job(struct job *job)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	};
	struct iovec buffers[DEPTH_MAX];
	int err;

	job->samples = calloc(SAMPLES_MAX, sizeof(*job->samples));
	if (!job->samples)
		return -ENOMEM;
	for (uint32_t i = 0; i < job->depth; i++) {
		buffers[i].iov_len = BLOCK_BYTES;
		buffers[i].iov_base = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
		if (!buffers[i].iov_base)
			return -ENOMEM;
		memset(buffers[i].iov_base, (int)i, BLOCK_BYTES);
		job->requests[i].buffer = buffers[i].iov_base;
	}
	err = io_uring_queue_init_params(job->depth, &job->ring, &params);
	if (!err)
		err = io_uring_register_files(&job->ring, &load.fd, 1);
	if (!err)
		err = io_uring_register_buffers(&job->ring, buffers, job->depth);
	return err;
}

/* Requests that are over: what they took, and others in their place unless it is time to end. */
static uint32_t take(struct job *job, uint64_t time, int counts, int ends)
{
	struct io_uring_cqe *cqe;
	uint32_t head, taken = 0;

	io_uring_for_each_cqe(&job->ring, head, cqe) {
		uint32_t slot = (uint32_t)io_uring_cqe_get_data64(cqe);

		taken++;
		if (cqe->res != (int)BLOCK_BYTES)
			job->err = cqe->res < 0 ? cqe->res : -EIO;
		if (counts && job->count < SAMPLES_MAX)
			job->samples[job->count++] = (uint32_t)(time - job->requests[slot].started);
		if (!ends)
			start_request(job, slot, time);
	}
	io_uring_cq_advance(&job->ring, taken);
	job->all += taken;
	return taken;
}

static void run(struct job *job)
{
	uint64_t begin = now(), from = begin + load.duration / WARM_UP_SHARE;
	uint64_t until = from + load.duration, first = 0;
	uint32_t in_flight = job->depth;
	int ends = 0;

	for (uint32_t i = 0; i < job->depth; i++)
		start_request(job, i, begin);
	while (in_flight) {
		int ret = io_uring_submit_and_wait(&job->ring, 1), counts = first && !ends;
		uint64_t time = now();
		uint32_t taken;

		if (ret < 0 && ret != -EINTR) {
			job->err = ret;
			return;
		}
		if (!first && time >= from)
			first = time; /* what came till here is no part of it */
		if (!ends && (time >= until || job->err || job->count == SAMPLES_MAX)) {
			ends = 1;
			job->measured = time - first;
		}
		taken = take(job, time, counts, ends);
		in_flight -= ends ? taken : 0;
	}
}

static void *job_main(void *argument)
{
	struct job *job = argument;

	stay_on(job->index);
	job->err = open_job(job);
	pthread_barrier_wait(&load.start);
	if (!job->err)
		run(job);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

/* One line of what all jobs saw. */
static int report(struct job *const *jobs)
{
	uint64_t count = 0, all = 0, sum = 0, at = 0;
	uint32_t *samples;
	double iops = 0, p50, p99;

	for (uint32_t i = 0; i < load.jobs && jobs[i]; i++) {
		count += jobs[i]->count;
		all += jobs[i]->all;
		if (jobs[i]->measured)
			iops += jobs[i]->count * 1e9 / (double)jobs[i]->measured;
	}
	samples = calloc(count ? count : 1, sizeof(*samples));
	if (!samples || !count)
		return 1;
	for (uint32_t i = 0; i < load.jobs && jobs[i]; i++) {
		memcpy(samples + at, jobs[i]->samples, jobs[i]->count * sizeof(*samples));
		at += jobs[i]->count;
	}
	for (at = 0; at < count; at++)
		sum += samples[at];
	qsort(samples, count, sizeof(*samples), by_size);
	at = count / 2;
	p50 = samples[at];
	at = count * 99 / 100;
	p99 = samples[at];
	printf("iops=%.0f mean_us=%.1f p50_us=%.1f p99_us=%.1f requests=%llu all=%llu\n", iops,
	       (double)sum / (double)count / 1e3, p50 / 1e3, p99 / 1e3, (unsigned long long)count,
	       (unsigned long long)all);
	free(samples);
	return 0;
}

static int run_jobs(uint32_t depth)
{
	struct job *jobs[TOOL_JOBS_MAX + 1] = { NULL };
	uint32_t all = load.jobs + !!load.beside;
	int err = 0;

	pthread_barrier_init(&load.start, NULL, all);
	for (uint32_t i = 0; i < all; i++) {
		jobs[i] = calloc(1, sizeof(*jobs[i]));
		if (!jobs[i])
			return 1;
		jobs[i]->index = i;
		jobs[i]->depth = i < load.jobs ? depth / load.jobs : load.beside;
		jobs[i]->random = TOOL_MIX * (i + 1);
		if (pthread_create(&jobs[i]->thread, NULL, job_main, jobs[i]) != 0)
			return 1;
	}
	for (uint32_t i = 0; i < all; i++) {
		pthread_join(jobs[i]->thread, NULL);
		if (jobs[i]->err) {
			fprintf(stderr, "load: job %u: %s\n", i, strerror(-jobs[i]->err));
			err = 1;
		}
	}
	return err || report(jobs);
}

int main(int argc, char **argv)
{
	char *beside = argc > 3 ? strchr(argv[3], '+') : NULL;
	uint32_t depth;
	off_t bytes;

	if (argc != 6 || (strcmp(argv[2], "read") != 0 && strcmp(argv[2], "write") != 0)) {
		fprintf(stderr, "usage: load DEVICE read|write DEPTH[+BESIDE] JOBS MILLISECONDS\n");
		return 2;
	}
	load.write = !strcmp(argv[2], "write");
	if (beside) {
		*beside = '\0';
		load.beside = number(beside + 1, DEPTH_MAX);
	}
	depth = number(argv[3], DEPTH_MAX);
	load.jobs = number(argv[4], depth < TOOL_JOBS_MAX ? depth : TOOL_JOBS_MAX);
	load.duration = number(argv[5], 3600000) * 1000000ULL;
	load.fd = open(argv[1], (load.write ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	bytes = load.fd < 0 ? -1 : lseek(load.fd, 0, SEEK_END);
	if (bytes < 0) {
		fprintf(stderr, "load: %s: %m\n", argv[1]);
		return 1;
	}
	load.blocks = (uint64_t)bytes / BLOCK_BYTES;
	if (!load.blocks) {
		fprintf(stderr, "load: %s is empty\n", argv[1]);
		return 1;
	}
	return run_jobs(depth);
}
