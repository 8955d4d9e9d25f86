// SPDX-License-Identifier: GPL-2.0-only
#include "user_copy.h"

#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "arch.h"
#include "base/bpf_util.h"
#include "base/thread.h"
#include "user_copy_args.h"

#include "bpf/user_copy.skel.h"

/* Copies by BPF are watched for so long, and longer where the other thread hardly runs. */
#define WATCH_MS  100
#define LONGER_MS 10000
#define CHANGES	  500U /* from one value to the other, seen at least */
#define LINE	  64

/* A copy under trial, and the thread at the other end of it. */
struct trial {
	alignas(LINE) uint64_t bytes; /* 0 or all ones; eight bytes on a cache line of their own */
	alignas(LINE) atomic_bool done;
	atomic_uint changes, torn;
	bool write;
};

static void skeleton_freep(struct user_copy_bpf **skeleton)
{
	user_copy_bpf__destroy(*skeleton);
}

/* Look at what BPF writes. */
static void watch(struct trial *trial)
{
	uint64_t last = 0;

	while (!atomic_load_explicit(&trial->done, memory_order_relaxed)) {
		uint64_t value = load_once(&trial->bytes);

		if (value != last)
			atomic_fetch_add_explicit(&trial->changes, 1, memory_order_relaxed);
		if (value && ~value)
			atomic_fetch_add_explicit(&trial->torn, 1, memory_order_relaxed);
		last = value;
	}
}

/* Write what BPF looks at. */
static void alternate(struct trial *trial)
{
	while (!atomic_load_explicit(&trial->done, memory_order_relaxed))
		store_once(&trial->bytes, ~trial->bytes);
}

static void *other_end(void *argument)
{
	struct trial *trial = argument;

	thread_name("nvr-copy");
	if (trial->write)
		watch(trial);
	else
		alternate(trial);
	return NULL;
}

static int64_t now_ms(void)
{
	return (int64_t)(clock_ns(CLOCK_MONOTONIC) / 1000000);
}

static bool enough(const struct trial *trial, int64_t ms)
{
	return atomic_load(&trial->torn) || ms >= LONGER_MS ||
	       (ms >= WATCH_MS && atomic_load(&trial->changes) >= CHANGES);
}

static int copy(struct trial *trial, const struct bpf_program *program, bool halves)
{
	struct user_copy_args args = { .address = (uintptr_t)&trial->bytes, .halves = halves };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &args, .ctx_size_in = sizeof(args));
	int64_t start = now_ms();

	while (!enough(trial, now_ms() - start)) {
		int err = bpf_prog_test_run_opts(bpf_program__fd(program), &opts);

		if (err || opts.retval)
			return err ? err : (int)opts.retval;
		if (!trial->write) {
			atomic_store(&trial->changes, args.changes);
			atomic_store(&trial->torn, args.torn);
		}
	}
	return 0;
}

/* Both ends at a time: this thread stays on the CPU it is on, the other one on the others. */
static int run_apart(struct trial *trial, const struct bpf_program *program, bool halves,
		     size_t here, cpu_set_t others)
{
	cpu_set_t ours;
	pthread_t thread;
	int err;

	CPU_ZERO(&ours);
	CPU_SET(here, &ours);
	CPU_CLR(here, &others);
	err = pthread_create(&thread, NULL, other_end, trial);
	if (err)
		return -err;
	if (CPU_COUNT(&others)) {
		pthread_setaffinity_np(thread, sizeof(others), &others);
		sched_setaffinity(0, sizeof(ours), &ours);
	}
	err = copy(trial, program, halves);
	atomic_store(&trial->done, true);
	pthread_join(thread, NULL);
	return err;
}

static int run(struct trial *trial, const struct bpf_program *program, bool halves)
{
	int here = sched_getcpu(), err;
	cpu_set_t cpus;

	if (here < 0 || sched_getaffinity(0, sizeof(cpus), &cpus))
		return -errno;
	err = run_apart(trial, program, halves, (size_t)here, cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	return err;
}

int user_copy_try(bool write, bool halves, char *detail, size_t size)
{
	_cleanup_(skeleton_freep) struct user_copy_bpf *skeleton = NULL;
	struct trial trial = { .write = write };
	const char *helper = write ? "writes" : "reads";
	const struct bpf_program *program;
	int err;

	bpf_log_quietly();
	skeleton = user_copy_bpf__open();
	if (!skeleton)
		return errno ? -errno : -ENOMEM;
	program = write ? skeleton->progs.nvr_copy_write : skeleton->progs.nvr_copy_read;
	bpf_program__set_autoload(
		write ? skeleton->progs.nvr_copy_read : skeleton->progs.nvr_copy_write, false);
	err = user_copy_bpf__load(skeleton);
	if (!err)
		err = run(&trial, program, halves);
	if (err)
		return err;
	if (trial.torn) {
		snprintf(detail, size, "%s of eight bytes were seen in pieces: %u", helper,
			 trial.torn);
		return 0;
	}
	if (trial.changes < CHANGES) {
		snprintf(detail, size, "%s of eight bytes could not be watched: CPUs are few",
			 helper);
		return 0;
	}
	return 1;
}

int user_copy_whole(char *detail, size_t size)
{
	static bool seen;
	int found;

	if (seen)
		return 1;
	found = user_copy_try(true, false, detail, size);
	if (found == 1)
		found = user_copy_try(false, false, detail, size);
	seen = found == 1;
	return found;
}
