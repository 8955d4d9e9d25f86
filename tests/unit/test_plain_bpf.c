// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plain requests in the kernel: BPF makes of each what user space does, whether it copies from
 * guest memory or reads it in place where that is pinned; and it does read in place.
 */
#include "unit.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "engine/direct_maps.h"
#include "engine/guest_pages.h"
#include "engine/pinned_memory.h"
#include "plain_layout.h"
#include "request_probe.h"

#include "tests/unit/request.skel.h"

#define RANDOM_CASES 20000
#define HUGE_BYTES   (2UL << 20)
#define PINNED_BYTES (16UL << 20) /* of guest memory */
#define PINNED_SKIP  (3 * 4096UL) /* of the first huge page, before it */

struct kernel {
	struct guest *guest;
	struct direct_maps *maps;
	struct request_bpf *skeleton;
	struct request_probe *probe;
	struct pinned_memory *pinned;
	char *ram;	     /* pinned; huge pages where the kernel has some */
	const char *refused; /* why the kernel has none of it, or NULL */
};

static int load(struct kernel *kernel)
{
	int err = direct_maps_open(1, &kernel->maps);

	if (err)
		return err;
	kernel->skeleton = request_bpf__open();
	if (!kernel->skeleton)
		return -errno;
	err = direct_maps_share(kernel->maps, kernel->skeleton->obj);
	if (!err)
		err = request_bpf__load(kernel->skeleton);
	if (err)
		return err;
	kernel->probe = mmap(NULL, sizeof(*kernel->probe), PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(kernel->skeleton->maps.nvr_probe), 0);
	return kernel->probe == MAP_FAILED ? -errno : 0;
}

/* Guest memory is one region of @ram, which begins within a huge page. */
static void use_ram(struct kernel *kernel)
{
	uintptr_t area =
		(uintptr_t)mmap(NULL, PINNED_BYTES + 2 * HUGE_BYTES, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct guest_memory *memory = &kernel->guest->memory;

	assert_int_not_equal(area, (uintptr_t)MAP_FAILED);
	kernel->ram = (char *)((area + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1)) + PINNED_SKIP;
	memory->count = 1;
	memory->region[0].hva = (uintptr_t)kernel->ram;
	memory->region[0].size = PINNED_BYTES;
}

static int setup(void **state)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return -1;
	*state = kernel;
	kernel->guest = guest_new(32);
	if (!kernel->guest)
		return -1;
	use_ram(kernel);
	err = load(kernel);
	if (!err)
		return 0;
	kernel->refused = strerror(-err);
	return err == -EPERM || err == -EACCES || err == -ENOSYS ? 0 : -1;
}

static int teardown(void **state)
{
	struct kernel *kernel = *state;

	pinned_memory_close(kernel->pinned, &kernel->guest->memory);
	munmap(kernel->ram - PINNED_SKIP, PINNED_BYTES + HUGE_BYTES);
	if (kernel->probe)
		munmap(kernel->probe, sizeof(*kernel->probe));
	request_bpf__destroy(kernel->skeleton);
	direct_maps_close(kernel->maps);
	guest_free(kernel->guest);
	free(kernel);
	return 0;
}

static bool refused(const struct kernel *kernel)
{
	if (kernel->refused)
		print_message("# the kernel refuses the program: %s\n", kernel->refused);
	return kernel->refused;
}

/* Pin guest memory. Return: false where this kernel's rings cannot share it. */
static bool pin(struct kernel *kernel)
{
	if (pinned_memory_check()) {
		print_message("# rings cannot share registered memory here\n");
		return false;
	}
	assert_int_equal(pinned_memory_open(&kernel->guest->memory, &kernel->pinned), 0);
	guest_pages_find(kernel->maps, kernel->pinned);
	print_message("# runs of %llu bytes, the first from byte %u on\n",
		      1ULL << kernel->maps->pages[0].shift, kernel->maps->pages[0].skip);
	assert_int_not_equal(kernel->maps->pages[0].list, 0);
	return true;
}

/* What BPF makes of the request; this process is the one whose memory it reads. */
static int parse(struct kernel *kernel, const struct layout *layout)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct request_probe *probe = kernel->probe;

	probe->memory = kernel->guest->memory;
	probe->disk = layout->disk;
	probe->first = layout->first;
	assert_int_equal(
		bpf_prog_test_run_opts(bpf_program__fd(kernel->skeleton->progs.nvr_plain), &opts),
		0);
	return probe->result;
}

static void compare(struct kernel *kernel, const struct layout *layout)
{
	const struct plain *bpf = &kernel->probe->plain;
	struct plain user = { 0 };

	layout_place(kernel->guest, layout);
	assert_int_equal(parse(kernel, layout),
			 plain_parse(&kernel->guest->memory, &layout->disk, &layout->first, &user));
	if (!kernel->probe->result)
		return;
	assert_int_equal(bpf->type, user.type);
	assert_int_equal(bpf->used_len, user.used_len);
	assert_int_equal(bpf->command.op, user.command.op);
	assert_int_equal(bpf->command.flags, user.command.flags);
	assert_int_equal(bpf->command.count, user.command.count);
	assert_int_equal(bpf->command.offset, user.command.offset);
	assert_int_equal(bpf->command.bytes, user.command.bytes);
	assert_int_equal(bpf->command.addr, user.command.addr);
}

/* Tables and headers anywhere, over the ends of pages, too. */
static void random_cases(struct kernel *kernel)
{
	uint64_t random = unit_seed(__func__);
	uint32_t plain_count = 0;

	for (int turn = 0; turn < RANDOM_CASES; turn++) {
		struct layout layout = layout_random(&random);

		compare(kernel, &layout);
		plain_count += (uint32_t)kernel->probe->result;
	}
	print_message("# %u of %u were plain\n", plain_count, RANDOM_CASES);
	assert_in_range(plain_count, RANDOM_CASES / 10, RANDOM_CASES * 9 / 10);
}

static void copied(void **state)
{
	if (refused(*state))
		skip();
	random_cases(*state);
}

static void read_in_place(void **state)
{
	struct kernel *kernel = *state;

	if (refused(kernel) || !pin(kernel))
		skip();
	random_cases(kernel);
}

static void read_in_place_in_huge_pages(void **state)
{
	struct kernel *kernel = *state;

	if (refused(kernel))
		skip();
	if (madvise(kernel->ram - PINNED_SKIP, PINNED_BYTES + HUGE_BYTES, MADV_HUGEPAGE)) {
		print_message("# no huge pages here: %s\n", strerror(errno));
		skip();
	}
	if (!pin(kernel))
		skip();
	assert_int_equal(1UL << kernel->maps->pages[0].shift, HUGE_BYTES);
	random_cases(kernel);
}

/* Every 16 bytes of two pages. */
static void only_what_lies_in_one_page(struct kernel *kernel)
{
	for (uint64_t at = 0; at < 2 * 4096; at += 16) {
		struct layout layout = layout_plain(false, 5, GUEST_DATA, 4096);
		bool whole;

		layout.first.addr = cpu_to_le64(GUEST_TABLE + at);
		whole = at % 4096 <= 4096 - sizeof(struct plain_table);
		mprotect(kernel->ram, PINNED_BYTES, PROT_READ | PROT_WRITE);
		memcpy(guest_hva(kernel->guest, GUEST_HEADER), &layout.header, 16);
		memcpy(guest_hva(kernel->guest, GUEST_TABLE + at), layout.table,
		       sizeof(struct plain_table));
		mprotect(kernel->ram, PINNED_BYTES, PROT_NONE);
		assert_int_equal(parse(kernel, &layout), whole);
	}
}

/* Memory that this process may not read itself cannot be copied from. */
static void nothing_is_copied(void **state)
{
	struct kernel *kernel = *state;
	struct layout layout = layout_plain(false, 5, GUEST_DATA, 4096), zeros;

	if (refused(kernel) || !pin(kernel))
		skip();
	only_what_lies_in_one_page(kernel);
	/* The kernel reads zeros where a page is gone: these are not taken for a request. */
	zeros = layout_plain(false, 0, GUEST_DATA, 4096);
	mprotect(kernel->ram, PINNED_BYTES, PROT_READ | PROT_WRITE);
	layout_place(kernel->guest, &zeros);
	assert_int_equal(parse(kernel, &zeros), 1);
	mprotect(kernel->ram, PINNED_BYTES, PROT_NONE);
	assert_int_equal(parse(kernel, &zeros), 0);
	/* Nothing is read in place once memory is no longer pinned. */
	mprotect(kernel->ram, PINNED_BYTES, PROT_READ | PROT_WRITE);
	layout_place(kernel->guest, &layout);
	mprotect(kernel->ram, PINNED_BYTES, PROT_NONE);
	assert_int_equal(parse(kernel, &layout), 1);
	guest_pages_find(kernel->maps, NULL);
	assert_int_equal(parse(kernel, &layout), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(copied),
		TEST(read_in_place),
		TEST(read_in_place_in_huge_pages),
		TEST(nothing_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
