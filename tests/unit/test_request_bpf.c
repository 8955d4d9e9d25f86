// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same requests in the kernel: BPF makes of each what user space does, or leaves it to that.
 *
 * What may be left is known: requests whose header or ranges lie in several pieces, GET_ID, which
 * writes, indirect tables in two memory regions, and those that may take several commands.
 */
#include "unit.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "request_cases.h"
#include "request_probe.h"

#include "tests/unit/request.skel.h"

#define RANDOM_CASES 20000

struct pair {
	struct guest *guest;
	struct request_bpf *skeleton;
	struct request_probe *probe;
	const char *refused; /* why the kernel has none of it, or NULL */
	uint32_t compared, left;
};

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return -1;
	*state = pair;
	pair->guest = guest_new(32);
	if (!pair->guest)
		return -1;
	libbpf_set_print(NULL);
	pair->skeleton = request_bpf__open_and_load();
	if (!pair->skeleton) {
		pair->refused = strerror(errno);
		return errno == EPERM || errno == EACCES || errno == ENOSYS ? 0 : -1;
	}
	pair->probe = mmap(NULL, sizeof(*pair->probe), PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_map__fd(pair->skeleton->maps.nvr_probe), 0);
	return pair->probe == MAP_FAILED ? -1 : 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	if (pair->probe)
		munmap(pair->probe, sizeof(*pair->probe));
	request_bpf__destroy(pair->skeleton);
	guest_free(pair->guest);
	free(pair);
	return 0;
}

static void expect(const char *name, const char *what, uint64_t bpf, uint64_t user)
{
	if (bpf != user)
		fail_msg("%s: %s is %#llx in BPF, %#llx in user space", name, what,
			 (unsigned long long)bpf, (unsigned long long)user);
}

/* The guest as it is now, parsed in the kernel; this process is the one whose memory it reads. */
static void run_bpf(struct pair *pair, const struct disk *disk)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct request_probe *probe = pair->probe;
	struct guest *guest = pair->guest;

	probe->queue = guest->queue;
	probe->memory = guest->memory;
	probe->disk = *disk;
	probe->step = -1;
	probe->window = (struct vring_window){ .desc = 0, .avail = 0x8000, .used = 0xc000 };
	memcpy(probe->region, guest->desc, sizeof(guest->desc));
	memset(&probe->request, 0x5a, sizeof(probe->request));
	probe->request.self = guest->request.self;
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(pair->skeleton->progs.nvr_parse), &opts), 0);
}

static void same_segments(const char *name, const struct request *bpf, const struct request *user)
{
	expect(name, "the first segment", bpf->first, user->first);
	expect(name, "the last segment", bpf->end, user->end);
	for (uint32_t i = user->first; i < user->end; i++) {
		expect(name, "a segment's address", bpf->chain.segment[i].addr,
		       user->chain.segment[i].addr);
		expect(name, "a segment's length", bpf->chain.segment[i].len,
		       user->chain.segment[i].len);
	}
}

static void same_command(const char *name, const struct command *bpf, const struct command *user)
{
	expect(name, "the command", bpf->op, user->op);
	expect(name, "its flags", bpf->flags, user->flags);
	expect(name, "its offset", bpf->offset, user->offset);
	if (user->op == COMMAND_FLUSH)
		return;
	expect(name, "its bytes", bpf->bytes, user->bytes);
	expect(name, "its segments", bpf->count, user->count);
	expect(name, "its address", bpf->addr, user->addr);
}

static void same_request(const char *name, const struct request *bpf, const struct request *user)
{
	expect(name, "the status", bpf->status, user->status);
	expect(name, "the status byte's address", bpf->status_addr, user->status_addr);
	expect(name, "the used length", bpf->used_len, user->used_len);
	expect(name, "the head", bpf->head, user->head);
	if (user->status != REQUEST_STATUS_PENDING)
		return;
	expect(name, "the type", bpf->type, user->type);
	expect(name, "the sector", bpf->sector, user->sector);
	expect(name, "the bytes of data", bpf->data_len, user->data_len);
	expect(name, "the ranges", bpf->range_count, user->range_count);
	for (uint32_t i = 0; i < user->range_count; i++)
		assert_memory_equal(&bpf->range[i], &user->range[i], sizeof(user->range[i]));
	if (user->type == VIRTIO_BLK_T_IN || user->type == VIRTIO_BLK_T_OUT)
		same_segments(name, bpf, user);
}

/* Without a look at where its segments begin, which BPF does not take. */
static bool may_take_several(const struct disk *disk, const struct request *request)
{
	return request->data_len > disk->max_transfer ||
	       request->data_len / DISK_FRAGMENT + 2ULL * (request->end - request->first) >
		       disk->max_segments;
}

/* compare() - the case as the guest has it now, made by both */
static void compare(struct pair *pair, const char *name, const struct disk *disk)
{
	const struct queue_state before = pair->guest->queue;
	struct request_probe *probe = pair->probe;
	struct guest *guest = pair->guest;
	enum command_step step = COMMAND_DONE;
	int user;

	guest->request.self = (__UINTPTR_TYPE__)&guest->request;
	run_bpf(pair, disk);
	guest->queue = before;
	user = guest_parse(guest, disk);
	if (probe->result == -EFAULT) {
		pair->left++;
		return;
	}
	pair->compared++;
	expect(name, "what request_parse() returns", (uint64_t)probe->result, (uint64_t)user);
	expect(name, "the fault", probe->queue.fault, guest->queue.fault);
	if (user)
		return;
	same_request(name, &probe->request, &guest->request);
	if (guest->request.status != REQUEST_STATUS_PENDING)
		return;
	step = command_next(disk, &guest->request);
	if (probe->step == COMMAND_ELSEWHERE) {
		assert_true(may_take_several(disk, &probe->request));
		return;
	}
	expect(name, "what command_next() returns", (uint64_t)probe->step, step);
	same_command(name, &probe->request.command, &guest->request.command);
}

static bool refused(const struct pair *pair)
{
	if (pair->refused)
		print_message("# the kernel refuses the program: %s\n", pair->refused);
	return pair->refused;
}

static void make(struct guest *guest, const struct request_case *one, bool indirect)
{
	guest->queue.flags = QUEUE_INDIRECT;
	guest->queue.fault = QUEUE_FAULT_NONE;
	case_place(guest, one);
	if (indirect)
		guest_indirect(guest, one->piece, one->pieces);
	else
		guest_chain(guest, one->piece, one->pieces);
}

static const struct request_case_group groups[] = {
	CASE_GROUP(transfer_cases),
	CASE_GROUP(shape_cases),
	CASE_GROUP(other_cases),
	CASE_GROUP(range_cases),
};

static void every_case(void **state)
{
	struct pair *pair = *state;

	if (refused(pair))
		skip();
	for (size_t group = 0; group < sizeof(groups) / sizeof(groups[0]); group++)
		for (uint32_t i = 0; i < groups[group].count; i++)
			for (int indirect = 0; indirect < 2; indirect++) {
				const struct request_case *one = &groups[group].cases[i];

				make(pair->guest, one, indirect);
				compare(pair, one->name, &case_disks[one->disk]);
			}
	print_message("# %u compared, %u left to user space\n", pair->compared, pair->left);
	assert_true(pair->compared > 3 * pair->left);
}

/* A plain request is never left: header, data in one direction in any pieces, status. */
static void plain_requests_are_not_left(void **state)
{
	struct pair *pair = *state;
	uint64_t random = unit_seed(__func__);

	if (refused(pair))
		skip();
	for (int turn = 0; turn < RANDOM_CASES; turn++) {
		struct guest_piece data[16];
		uint32_t count = 1 + (uint32_t)unit_below(&random, 16);
		bool write = unit_below(&random, 2);

		for (uint32_t i = 0; i < count; i++)
			data[i] =
				(struct guest_piece){ GUEST_DATA + unit_below(&random, 1 << 20),
						      512 * (1 + (uint32_t)unit_below(&random, 8)),
						      !write };
		pair->guest->queue.flags = QUEUE_INDIRECT;
		guest_request(pair->guest, &case_disks[CASE_DISK_512],
			      write ? VIRTIO_BLK_T_OUT : VIRTIO_BLK_T_IN, unit_below(&random, 70),
			      data, count);
		compare(pair, "random request", &case_disks[CASE_DISK_512]);
	}
	assert_int_equal(pair->left, 0);
	assert_int_equal(pair->compared, RANDOM_CASES);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_case),
		TEST(plain_requests_are_not_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
