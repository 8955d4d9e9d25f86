// SPDX-License-Identifier: GPL-2.0-only
/*
 * paced: blocks are written and read at a steady pace, and every byte of what is read is compared.
 *
 *     paced DEVICE JOBS PACE
 *
 * Each job makes PACE requests a second, one at a time, half of them reads, in blocks of its own,
 * and stays on one CPU, so with as many virtqueues as CPUs it has a queue of its own. Late ones are
 * caught up on for half a second: what a limit held back changes nothing later. When all blocks
 * were written once, a line "begins" is printed; SIGTERM ends it: all are read once more, and the
 * last line says what was found. Static, for any guest.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define BLOCK_BYTES 4096U
#define BLOCKS	    64U /* of each job */
#define WORDS	    (BLOCK_BYTES / sizeof(uint64_t))
#define PACE_MAX    100000U
#define CATCH_UP_NS (TOOL_SECOND_NS / 2)

struct job {
	pthread_t thread;
	uint32_t index;
	uint64_t *words;	  /* a block */
	uint32_t version[BLOCKS]; /* what was written last */
	uint64_t random;
	uint64_t reads, writes, wrong, failed;
};

static struct {
	int fd;
	uint64_t turn_ns; /* from one request of a job to its next */
	pthread_barrier_t written;
} paced;

static volatile sig_atomic_t stopped;

static void on_stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void sleep_until(uint64_t ns)
{
	struct timespec time = { .tv_sec = (time_t)(ns / TOOL_SECOND_NS),
				 .tv_nsec = (long)(ns % TOOL_SECOND_NS) };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static off_t offset_of(const struct job *job, uint32_t block)
{
	return ((off_t)job->index * BLOCKS + block) * BLOCK_BYTES;
}

/* What the first word of a block is, no two alike; the others count up from it. */
static uint64_t first_word(const struct job *job, uint32_t block)
{
	return ((uint64_t)offset_of(job, block) << 20 | job->version[block]) * TOOL_MIX;
}

static void failed(struct job *job, const char *what, uint32_t block, ssize_t got)
{
	if (!job->failed++)
		printf("job %u: block %u: %s: %s\n", job->index, block, what,
		       got < 0 ? strerror(errno) : "in part");
}

static void write_block(struct job *job, uint32_t block)
{
	uint64_t word;
	ssize_t got;

	job->version[block]++;
	word = first_word(job, block);
	for (uint32_t i = 0; i < WORDS; i++)
		job->words[i] = word + i;
	got = pwrite(paced.fd, job->words, BLOCK_BYTES, offset_of(job, block));
	if (got != (ssize_t)BLOCK_BYTES)
		failed(job, "write", block, got);
	job->writes++;
}

static void read_block(struct job *job, uint32_t block)
{
	uint64_t word = first_word(job, block), different = 0;
	ssize_t got;

	memset(job->words, 0x5a, BLOCK_BYTES);
	got = pread(paced.fd, job->words, BLOCK_BYTES, offset_of(job, block));
	job->reads++;
	if (got != (ssize_t)BLOCK_BYTES) {
		failed(job, "read", block, got);
		return;
	}
	for (uint32_t i = 0; i < WORDS; i++)
		different |= job->words[i] ^ (word + i);
	if (different && !job->wrong++)
		printf("job %u: block %u, version %u: other bytes were read\n", job->index, block,
		       job->version[block]);
}

static void run(struct job *job)
{
	uint64_t next = now();

	while (!stopped) {
		uint64_t dice = next_random(&job->random) >> 32;

		if (dice & 1)
			read_block(job, (uint32_t)(dice >> 1) % BLOCKS);
		else
			write_block(job, (uint32_t)(dice >> 1) % BLOCKS);
		next += paced.turn_ns;
		if (next + CATCH_UP_NS < now())
			next = now() - CATCH_UP_NS;
		sleep_until(next);
	}
}

static void *job_main(void *argument)
{
	struct job *job = argument;

	stay_on(job->index);
	for (uint32_t block = 0; block < BLOCKS; block++)
		write_block(job, block);
	if (pthread_barrier_wait(&paced.written) != 0) { /* one of them alone */
		printf("begins\n");
		fflush(stdout);
	}
	run(job);
	for (uint32_t block = 0; block < BLOCKS; block++)
		read_block(job, block);
	return NULL;
}

static int report(struct job *const *jobs, uint32_t count)
{
	uint64_t reads = 0, writes = 0, wrong = 0, failures = 0;

	for (uint32_t i = 0; i < count; i++) {
		reads += jobs[i]->reads;
		writes += jobs[i]->writes;
		wrong += jobs[i]->wrong;
		failures += jobs[i]->failed;
	}
	printf("reads=%llu writes=%llu wrong=%llu failed=%llu\n", (unsigned long long)reads,
	       (unsigned long long)writes, (unsigned long long)wrong, (unsigned long long)failures);
	return wrong || failures;
}

static int run_jobs(uint32_t count)
{
	struct job *jobs[TOOL_JOBS_MAX] = { NULL };

	pthread_barrier_init(&paced.written, NULL, count);
	for (uint32_t i = 0; i < count; i++) {
		jobs[i] = calloc(1, sizeof(*jobs[i]));
		if (!jobs[i])
			return 1;
		jobs[i]->index = i;
		jobs[i]->random = TOOL_MIX * (i + 1);
		jobs[i]->words = aligned_alloc(BLOCK_BYTES, BLOCK_BYTES);
		if (!jobs[i]->words ||
		    pthread_create(&jobs[i]->thread, NULL, job_main, jobs[i]) != 0)
			return 1;
	}
	for (uint32_t i = 0; i < count; i++)
		pthread_join(jobs[i]->thread, NULL);
	return report(jobs, count);
}

int main(int argc, char **argv)
{
	uint32_t jobs;

	if (argc != 4) {
		fprintf(stderr, "usage: paced DEVICE JOBS PACE\n");
		return 2;
	}
	jobs = number(argv[2], TOOL_JOBS_MAX);
	paced.turn_ns = TOOL_SECOND_NS / number(argv[3], PACE_MAX);
	paced.fd = open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC);
	if (paced.fd < 0 || lseek(paced.fd, 0, SEEK_END) < (off_t)jobs * BLOCKS * BLOCK_BYTES) {
		fprintf(stderr, "paced: %s: no disk, or too small a one\n", argv[1]);
		return 1;
	}
	signal(SIGTERM, on_stop);
	return run_jobs(jobs);
}
