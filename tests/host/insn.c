// SPDX-License-Identifier: GPL-2.0-only
/*
 * insn: a TCG plugin that counts the instructions the test host runs, by address.
 *
 *     qemu-system-x86_64 -plugin insn.so,dir=DIR
 *
 * The test host asks by a file, as it sees DIR too, DIR/insn.request:
 *
 *     NAME BEFORE MEASURE        milliseconds
 *     KIND ADDRESS               a function of its kernel's; as many lines as there are such
 *
 * When so many milliseconds have gone, and so many more, DIR/NAME.insn has a line for each
 * translated block that ran meanwhile, and the request is gone:
 *
 *     ADDRESS b INSTRUCTIONS RUNS       16 hexadecimal digits; of all CPUs together
 *     guest INSTRUCTIONS                what KVM guests ran
 *     ticks INSTRUCTIONS                in the timer's interrupt
 *     spin INSTRUCTIONS                 in turns of a loop that did nothing
 *
 * Nothing runs in the test host for it, so nothing of it is counted. KIND is
 *
 *     tick       the timer's interrupt, which comes by time and not by request: kept apart up to
 * the return from interrupt or to `schedule` schedule   where another thread goes on turn each turn
 * of a loop that looks for work calls it work       a turn that calls this did something
 *
 * A KVM guest's instructions are told apart by the VMRUN that begins them: from there to the next
 * instruction of the hypervisor's, where #VMEXIT leads, everything is the guest's.
 *
 * What is declared here of QEMU's plugin interface is that of version 4 (QEMU 9.2 to 10.0).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CPUS_MAX	8U
#define BUCKETS		(1U << 16)
#define REQUEST_POLL_MS 20
#define MARKS_MAX	16U
#define TURN_MAX	4096U /* blocks; a longer one did something */

struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct qemu_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	int smp_vcpus, max_vcpus;
};

typedef void (*tb_trans_cb)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*tb_exec_cb)(unsigned int cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, tb_trans_cb callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, tb_exec_cb callback, int flags,
					  void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *data, size_t length);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv);

extern int qemu_plugin_version;
int qemu_plugin_version = 4;

enum kind { KIND_TICK = 1, KIND_SCHEDULE = 2, KIND_TURN = 4, KIND_WORK = 8 };

static const struct {
	const char *name;
	enum kind kind;
} kinds[] = {
	{ "tick", KIND_TICK },
	{ "schedule", KIND_SCHEDULE },
	{ "turn", KIND_TURN },
	{ "work", KIND_WORK },
};

struct mark {
	uint64_t address;
	enum kind kind;
};

/* A translated block; the same code translated again has the same one. */
struct block {
	struct block *next;
	uint64_t address;
	uint32_t instructions;
	bool enters_guest; /* ends with VMRUN */
	bool returns;	   /* ends with IRETQ */
	uint32_t kind;
	uint64_t runs[CPUS_MAX], seen[CPUS_MAX];
};

struct cpu {
	bool in_guest, in_tick, in_turn, worked;
	uint32_t turn_count;
	uint64_t guest, ticks, spin; /* instructions */
	uint64_t guest_seen, ticks_seen, spin_seen;
	struct block *turn[TURN_MAX]; /* what ran since it began */
};

static struct {
	struct block *bucket[BUCKETS];
	pthread_mutex_t lock;	  /* of the buckets' chains; the counters have one writer each */
	uint64_t guest_leaves_to; /* behind VMRUN */
	struct mark marks[MARKS_MAX];
	uint32_t mark_count;
	const char *dir;
	struct cpu cpu[CPUS_MAX];
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The turn is over: its blocks are counted each, or it was for nothing. */
static void end_turn(struct cpu *cpu, unsigned int index, bool worked)
{
	for (uint32_t i = 0; i < cpu->turn_count; i++) {
		if (worked)
			cpu->turn[i]->runs[index]++;
		else
			cpu->spin += cpu->turn[i]->instructions;
	}
	cpu->turn_count = 0;
	cpu->worked = false;
}

static void mark_passed(struct cpu *cpu, unsigned int index, uint32_t kind)
{
	if (kind & KIND_TICK)
		cpu->in_tick = true;
	if (kind & KIND_SCHEDULE) {
		cpu->in_tick = false;
		end_turn(cpu, index, true);
		cpu->in_turn = false;
	}
	if (kind & KIND_WORK)
		cpu->worked = true;
	if (kind & KIND_TURN) {
		end_turn(cpu, index, cpu->worked);
		cpu->in_turn = true;
	}
}

static void executed(unsigned int index, void *data)
{
	struct cpu *cpu = &state.cpu[index];
	struct block *block = data;

	if (block->address == state.guest_leaves_to)
		cpu->in_guest = false;
	if (cpu->in_guest) {
		cpu->guest += block->instructions;
		return;
	}
	if (block->kind)
		mark_passed(cpu, index, block->kind);
	if (cpu->in_tick) {
		cpu->ticks += block->instructions;
	} else if (cpu->in_turn) {
		if (cpu->turn_count == TURN_MAX)
			end_turn(cpu, index, true);
		cpu->turn[cpu->turn_count++] = block;
	} else {
		block->runs[index]++;
	}
	if (block->returns)
		cpu->in_tick = false;
	if (block->enters_guest)
		cpu->in_guest = true;
}

static void set_kind(struct block *block)
{
	uint32_t kind = 0;

	for (uint32_t i = 0; i < state.mark_count; i++)
		if (state.marks[i].address == block->address)
			kind |= state.marks[i].kind;
	block->kind = kind;
}

static bool is(const struct qemu_plugin_insn *insn, const uint8_t *code, size_t length)
{
	uint8_t bytes[16];

	return qemu_plugin_insn_size(insn) == length &&
	       qemu_plugin_insn_data(insn, bytes, length) == length && !memcmp(bytes, code, length);
}

static struct block *find_block(uint64_t address, uint32_t instructions)
{
	struct block **at = &state.bucket[(address ^ address >> 16) % BUCKETS], *block;

	pthread_mutex_lock(&state.lock);
	for (block = *at; block; block = block->next)
		if (block->address == address && block->instructions == instructions)
			break;
	if (!block) {
		block = calloc(1, sizeof(*block));
		if (!block)
			abort();
		block->address = address;
		block->instructions = instructions;
		set_kind(block);
		block->next = *at;
		*at = block;
	}
	pthread_mutex_unlock(&state.lock);
	return block;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	static const uint8_t vmrun[] = { 0x0F, 0x01, 0xD8 }, iretq[] = { 0x48, 0xCF };
	size_t count = qemu_plugin_tb_n_insns(tb);
	struct block *block = find_block(qemu_plugin_tb_vaddr(tb), (uint32_t)count);
	const struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, count - 1);

	(void)id;
	block->returns = is(last, iretq, sizeof(iretq));
	if (is(last, vmrun, sizeof(vmrun))) {
		block->enters_guest = true;
		state.guest_leaves_to = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, 0, block);
}

static uint64_t since(uint64_t now, uint64_t *seen)
{
	uint64_t grown = now - *seen;

	*seen = now;
	return grown;
}

/* What ran since the last call; to @out unless that is NULL. */
static void count(FILE *out)
{
	unsigned long long guest = 0, ticks = 0, spin = 0;

	pthread_mutex_lock(&state.lock);
	for (uint32_t i = 0; i < BUCKETS; i++) {
		for (struct block *block = state.bucket[i]; block; block = block->next) {
			unsigned long long runs = 0;

			for (uint32_t cpu = 0; cpu < CPUS_MAX; cpu++)
				runs += since(block->runs[cpu], &block->seen[cpu]);
			if (out && runs)
				fprintf(out, "%016llx b %llu %llu\n",
					(unsigned long long)block->address,
					runs * block->instructions, runs);
		}
	}
	pthread_mutex_unlock(&state.lock);
	for (uint32_t i = 0; i < CPUS_MAX; i++) {
		struct cpu *cpu = &state.cpu[i];

		guest += since(cpu->guest, &cpu->guest_seen);
		ticks += since(cpu->ticks, &cpu->ticks_seen);
		spin += since(cpu->spin, &cpu->spin_seen);
	}
	if (out)
		fprintf(out, "guest %llu\nticks %llu\nspin %llu\n", guest, ticks, spin);
}

static void pause_ms(unsigned int ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

/* The marks that the rest of the request names. */
static void read_marks(FILE *file)
{
	unsigned long long address;
	char name[16];

	pthread_mutex_lock(&state.lock);
	state.mark_count = 0;
	while (state.mark_count < MARKS_MAX && fscanf(file, "%15s %llx", name, &address) == 2) {
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strcmp(kinds[i].name, name))
				state.marks[state.mark_count++] =
					(struct mark){ address, kinds[i].kind };
	}
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (struct block *block = state.bucket[i]; block; block = block->next)
			set_kind(block);
	pthread_mutex_unlock(&state.lock);
}

static void serve(const char *request)
{
	unsigned int before = 0, measure = 0;
	char name[64], path[4096];
	FILE *file = fopen(request, "r");

	if (!file)
		return;
	if (fscanf(file, "%63s %u %u", name, &before, &measure) != 3) {
		fclose(file);
		unlink(request);
		return;
	}
	read_marks(file);
	fclose(file);
	pause_ms(before);
	count(NULL);
	pause_ms(measure);
	snprintf(path, sizeof(path), "%s/%s.insn", state.dir, name);
	file = fopen(path, "w");
	if (file) {
		count(file);
		fclose(file);
	}
	unlink(request);
}

static void *serve_requests(void *argument)
{
	char request[4096];

	(void)argument;
	snprintf(request, sizeof(request), "%s/insn.request", state.dir);
	for (;;) {
		if (!access(request, R_OK))
			serve(request);
		pause_ms(REQUEST_POLL_MS);
	}
	return NULL;
}

int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	pthread_t thread;

	if (argc != 1 || strncmp(argv[0], "dir=", 4) != 0 || info->max_vcpus > (int)CPUS_MAX) {
		fprintf(stderr, "insn: dir=DIR is wanted, and %u CPUs at most\n", CPUS_MAX);
		return -1;
	}
	state.dir = argv[0] + 4;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return -pthread_create(&thread, NULL, serve_requests, NULL);
}
