// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plain requests in the kernel: BPF makes of each what user space does, whether it copies from
 * guest memory or reads it in place; and it does read in place, but no page that is the guest's no
 * more.
 */
#include "unit.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "engine/direct_maps.h"
#include "engine/guest_pages.h"
#include "load/objects.h"
#include "plain_layout.h"
#include "request_probe.h"

#include "tests/unit/request.skel.h"

#define RANDOM_CASES 20000
#define RAM_BYTES    (16UL << 20) /* of guest memory: four times what the slots are for */
#define RAM_PAGES    (RAM_BYTES / GUEST_PAGE)
#define HUGE_BYTES   (2UL << 20)
#define HUGE_PAGES   "/proc/sys/vm/nr_hugepages"

struct kernel {
	struct guest *guest;
	struct loader *loader;
	struct direct_maps *maps;
	struct guest_pages *pages;
	struct request_bpf *skeleton;
	struct request_probe *probe;
	int file; /* of guest memory */
	char *ram;
	bool reserved;	     /* huge pages */
	const char *refused; /* why the kernel has none of it, or NULL */
};

static int load(struct kernel *kernel)
{
	const struct load_terms terms = {
		.queues = 1, .pid = getpid(), .stats_fd = -1, .cgroup_fd = -1
	};
	char why[WHY_BYTES];
	int err = loader_open(&terms, &kernel->loader);

	if (!err)
		err = direct_maps_open(kernel->loader, 1, &kernel->maps, why);
	if (err)
		return err;
	kernel->skeleton = request_bpf__open();
	if (!kernel->skeleton)
		return -errno;
	err = objects_share(loader_objects(kernel->loader), kernel->skeleton->obj);
	if (!err)
		err = request_bpf__load(kernel->skeleton);
	if (err)
		return err;
	kernel->probe = mmap(NULL, sizeof(*kernel->probe), PROT_READ | PROT_WRITE, MAP_SHARED,
			     bpf_map__fd(kernel->skeleton->maps.nvr_probe), 0);
	return kernel->probe == MAP_FAILED ? -errno : 0;
}

/* Guest memory is one region, a file's as a front-end gives it. Return: 0 or -errno. */
static int use_ram(struct kernel *kernel, unsigned int flags)
{
	struct guest_memory *memory = &kernel->guest->memory;

	kernel->file = memfd_create("guest", MFD_CLOEXEC | flags);
	if (kernel->file < 0 || ftruncate(kernel->file, RAM_BYTES))
		return -errno;
	kernel->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->file, 0);
	if (kernel->ram == MAP_FAILED)
		return -errno;
	memory->count = 1;
	memory->region[0].hva = (uintptr_t)kernel->ram;
	memory->region[0].size = RAM_BYTES;
	return 0;
}

/* Have the host reserve @more huge pages, or fewer. Return: 0, or -1 without the right. */
static int reserve_huge(long more)
{
	FILE *file = fopen(HUGE_PAGES, "r+");
	long count;
	int err = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &count) == 1 && !fseek(file, 0, SEEK_SET))
		err = fprintf(file, "%ld", count + more) > 0 ? 0 : -1;
	return fclose(file) ? -1 : err;
}

static int setup_with(void **state, unsigned int flags)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return -1;
	*state = kernel;
	kernel->file = -1;
	kernel->guest = guest_new(32);
	if (!kernel->guest)
		return -1;
	kernel->reserved = flags && !reserve_huge(RAM_BYTES / HUGE_BYTES);
	err = use_ram(kernel, flags);
	if (err && flags) {
		kernel->refused = "no huge pages";
		return 0;
	}
	if (!err)
		err = load(kernel);
	if (!err)
		return 0;
	kernel->refused = strerror(-err);
	return err == -EPERM || err == -EACCES || err == -ENOSYS ? 0 : -1;
}

static int setup(void **state)
{
	return setup_with(state, 0);
}

static int setup_huge(void **state)
{
	return setup_with(state, MFD_HUGETLB);
}

static int teardown(void **state)
{
	struct kernel *kernel = *state;

	guest_pages_close(kernel->pages);
	if (kernel->ram && kernel->ram != MAP_FAILED)
		munmap(kernel->ram, RAM_BYTES);
	if (kernel->file >= 0)
		close(kernel->file);
	if (kernel->reserved)
		reserve_huge(-(long)(RAM_BYTES / HUGE_BYTES));
	if (kernel->probe)
		munmap(kernel->probe, sizeof(*kernel->probe));
	request_bpf__destroy(kernel->skeleton);
	direct_maps_close(kernel->maps);
	loader_close(kernel->loader);
	guest_free(kernel->guest);
	free(kernel);
	return 0;
}

static bool refused(const struct kernel *kernel)
{
	if (kernel->refused)
		print_message("# not here: %s\n", kernel->refused);
	return kernel->refused;
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

/* The same where nothing can be copied, as this process may not read its memory itself. */
static int parse_in_place(struct kernel *kernel, const struct layout *layout)
{
	int result;

	mprotect(kernel->ram, RAM_BYTES, PROT_NONE);
	result = parse(kernel, layout);
	mprotect(kernel->ram, RAM_BYTES, PROT_READ | PROT_WRITE);
	return result;
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

/* Also with tables and headers where nothing is read in place, as over the ends of pages. */
static void random_cases(struct kernel *kernel)
{
	uint64_t random = unit_seed(__func__);
	uint32_t plain_count = 0;

	for (int turn = 0; turn < RANDOM_CASES; turn++) {
		struct layout layout = layout_random(&random);

		compare(kernel, &layout);
		plain_count += (uint32_t)kernel->probe->result;
		if (kernel->pages && !unit_below(&random, 1000))
			guest_pages_step(kernel->pages);
	}
	print_message("# %u of %u were plain\n", plain_count, RANDOM_CASES);
	assert_in_range(plain_count, RANDOM_CASES / 10, RANDOM_CASES * 9 / 10);
}

static void copied(void **state)
{
	struct kernel *kernel = *state;

	if (refused(kernel))
		skip();
	random_cases(kernel);
	assert_int_equal(guest_pages_count(kernel->pages), 0);
}

static void pages_open(struct kernel *kernel)
{
	assert_int_equal(guest_pages_open(kernel->loader, kernel->maps, &kernel->pages), 0);
	assert_int_equal(guest_pages_count(kernel->pages), 0);
}

static void read_in_place(void **state)
{
	struct kernel *kernel = *state;

	if (refused(kernel))
		skip();
	pages_open(kernel);
	random_cases(kernel);
	assert_true(guest_pages_count(kernel->pages) >= 2);
}

/* A request whose table is at @table, 16-aligned, of any page. */
static struct layout layout_at(struct kernel *kernel, uint64_t table, uint64_t sector)
{
	struct layout layout = layout_plain(false, sector, GUEST_DATA, 4096);

	layout.first.addr = cpu_to_le64(table);
	layout_place(kernel->guest, &layout);
	memcpy(guest_hva(kernel->guest, table), layout.table, sizeof(struct plain_table));
	return layout;
}

/* Every 16 bytes of two pages. */
static void only_what_lies_in_one_page(void **state)
{
	struct kernel *kernel = *state;
	struct layout layout;

	if (refused(kernel))
		skip();
	pages_open(kernel);
	for (uint64_t at = 0; at < 2 * GUEST_PAGE; at += 16) {
		layout = layout_at(kernel, GUEST_TABLE + at, 5);
		assert_int_equal(parse(kernel, &layout), 1);
		guest_pages_step(kernel->pages);
		assert_int_equal(parse_in_place(kernel, &layout),
				 at % GUEST_PAGE <= GUEST_PAGE - sizeof(struct plain_table));
	}
	/* The kernel reads zeros where a page is gone: these are not taken for a request. */
	layout = layout_at(kernel, GUEST_TABLE, 0);
	assert_int_equal(parse(kernel, &layout), 1);
	assert_int_equal(parse_in_place(kernel, &layout), 0);
	/* Nothing is read in place of memory that is another. */
	layout = layout_at(kernel, GUEST_TABLE, 5);
	assert_int_equal(parse_in_place(kernel, &layout), 1);
	guest_pages_forget(kernel->pages);
	assert_int_equal(guest_pages_count(kernel->pages), 0);
	assert_int_equal(parse_in_place(kernel, &layout), 0);
	/* Until it is looked at once more. */
	assert_int_equal(parse(kernel, &layout), 1);
	assert_int_equal(guest_pages_step(kernel->pages), 2);
	assert_int_equal(parse_in_place(kernel, &layout), 1);
}

/* Whether what is read is what is there now. */
static void finds(struct kernel *kernel, const struct layout *layout, uint64_t sector)
{
	assert_int_equal(parse(kernel, layout), 1);
	assert_int_equal(kernel->probe->plain.command.offset, sector << NVR_SECTOR_SHIFT);
}

/* Many pages have each slot: one that is used stays, one that was not gives way. */
static void pages_share_slots(void **state)
{
	const uint64_t far = GUEST_TABLE + (uint64_t)GUEST_PAGES * GUEST_PAGE;
	struct kernel *kernel = *state;
	struct layout near_one, far_one;

	if (refused(kernel))
		skip();
	pages_open(kernel);
	near_one = layout_at(kernel, GUEST_TABLE, 5);
	finds(kernel, &near_one, 5);
	assert_int_equal(guest_pages_step(kernel->pages), 2);
	for (int turn = 0; turn < 3; turn++) {
		far_one = layout_at(kernel, far, 5);
		finds(kernel, &far_one, 5);
		finds(kernel, &near_one, 5);
		assert_int_equal(guest_pages_step(kernel->pages), 0);
		assert_int_equal(parse_in_place(kernel, &near_one), 1);
	}
	for (int turn = 0; turn < 2; turn++) {
		finds(kernel, &far_one, 5);
		assert_int_equal(parse_in_place(kernel, &far_one), 0);
		assert_int_equal(guest_pages_step(kernel->pages), 0);
	}
	assert_int_equal(parse_in_place(kernel, &far_one), 1);
	assert_int_equal(parse_in_place(kernel, &near_one), 0);
	assert_int_equal(guest_pages_count(kernel->pages), 2);
}

/* The file gets another page there, as when a balloon gave one back and the guest wants it again.
 */
static void give_back(struct kernel *kernel, uint64_t gpa)
{
	assert_int_equal(fallocate(kernel->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)(gpa - GUEST_BASE), GUEST_PAGE),
			 0);
}

static void pages_given_back(void **state)
{
	struct kernel *kernel = *state;
	struct layout layout;

	if (refused(kernel))
		skip();
	pages_open(kernel);
	for (uint64_t sector = 1; sector < 50; sector++) {
		layout = layout_at(kernel, GUEST_TABLE, sector);
		finds(kernel, &layout, sector);
		guest_pages_step(kernel->pages);
		assert_int_equal(parse_in_place(kernel, &layout), 1);
		give_back(kernel, sector % 2 ? GUEST_TABLE : GUEST_HEADER);
		assert_int_equal(parse_in_place(kernel, &layout), 0);
	}
	assert_int_equal(guest_pages_count(kernel->pages), 2);
}

/* Every page of guest memory is one's table, and what is found there is that one's. */
static void every_page(struct kernel *kernel)
{
	uint32_t in_place = 0;

	for (uint64_t page = 2; page < RAM_PAGES; page++) {
		uint64_t sector = 1 + page % (CASE_SECTORS - 9);
		struct layout layout = layout_at(kernel, GUEST_BASE + page * GUEST_PAGE, sector);

		finds(kernel, &layout, sector);
		if (page % 100)
			continue;
		guest_pages_step(kernel->pages);
		finds(kernel, &layout, sector);
		in_place += (uint32_t)parse_in_place(kernel, &layout);
	}
	print_message("# %u pages are read in place\n", guest_pages_count(kernel->pages));
	assert_true(in_place > 0);
	assert_in_range(guest_pages_count(kernel->pages), GUEST_PAGES / 2, GUEST_PAGES);
}

static void in_every_page(void **state)
{
	struct kernel *kernel = *state;

	if (refused(kernel))
		skip();
	pages_open(kernel);
	every_page(kernel);
}

/* What a process that was taken over would do: say that the pages of the table and of the header
 * were found; or that they were not. */
static void forge(struct kernel *kernel, const struct layout *layout, bool found)
{
	const uint64_t guest[] = { GUEST_TABLE, le64_to_cpu(layout->table[0].addr) };

	for (int i = 0; i < 2; i++) {
		uint64_t hva = (uintptr_t)guest_hva(kernel->guest, guest[i]);

		kernel->maps->pages[guest_page_slot(hva)].hva =
			found ? hva & -(uint64_t)GUEST_PAGE : 0;
	}
}

/* Where the kernel has a page is not the process's to say, nor which pages are read in place. */
static void not_by_forged_slots(void **state)
{
	struct kernel *kernel = *state;
	struct layout layout;

	if (refused(kernel))
		skip();
	pages_open(kernel);
	layout = layout_at(kernel, GUEST_TABLE, 5);
	forge(kernel, &layout, true);
	assert_int_equal(parse_in_place(kernel, &layout), 0);
	forge(kernel, &layout, false);
	/* Guest memory that is no file's: the ring has its pages, and still they are not read. */
	assert_true(mmap(kernel->ram, RAM_BYTES, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == kernel->ram);
	layout = layout_at(kernel, GUEST_TABLE, 5);
	finds(kernel, &layout, 5);
	guest_pages_step(kernel->pages);
	assert_int_equal(guest_pages_count(kernel->pages), 0);
	forge(kernel, &layout, true);
	assert_int_equal(parse_in_place(kernel, &layout), 0);
}

static void huge_pages_given_back(void **state)
{
	struct kernel *kernel = *state;
	struct layout layout;

	if (refused(kernel))
		skip();
	pages_open(kernel);
	every_page(kernel);
	layout = layout_at(kernel, GUEST_TABLE, 5);
	finds(kernel, &layout, 5);
	guest_pages_step(kernel->pages);
	guest_pages_step(kernel->pages);
	finds(kernel, &layout, 5);
	guest_pages_step(kernel->pages);
	assert_int_equal(parse_in_place(kernel, &layout), 1);
	assert_int_equal(
		fallocate(kernel->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, HUGE_BYTES),
		0);
	assert_int_equal(parse_in_place(kernel, &layout), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(copied),
		TEST(read_in_place),
		TEST(only_what_lies_in_one_page),
		TEST(pages_share_slots),
		TEST(pages_given_back),
		TEST(not_by_forged_slots),
		TEST(in_every_page),
		cmocka_unit_test_setup_teardown(huge_pages_given_back, setup_huge, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
