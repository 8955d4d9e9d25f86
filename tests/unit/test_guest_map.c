// SPDX-License-Identifier: GPL-2.0-only
/* Mapping guest memory: what the front-end may send, what it may not, and where bytes then are. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/guest_map.h"

#define FILE_BYTES (4ULL << 20)
#define PAGE	   4096ULL

struct fixture {
	struct guest_map map;
	int fd; /* FILE_BYTES long; each page begins with its number, from 1 on */
	int fds_before;
};

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* How many mappings of the process name @what. */
static int mappings(const char *what)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	int count = 0;

	if (!maps)
		return -1;
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, what) != NULL;
	fclose(maps);
	return count;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	*state = fixture;
	fixture->fd = memfd_create("unit-guest-map", MFD_CLOEXEC);
	if (fixture->fd < 0 || ftruncate(fixture->fd, FILE_BYTES))
		return -1;
	for (uint64_t page = 0; page < FILE_BYTES / PAGE; page++) {
		uint64_t number = page + 1;

		if (pwrite(fixture->fd, &number, sizeof(number), (off_t)(page * PAGE)) < 0)
			return -1;
	}
	fixture->fds_before = open_fds();
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	guest_map_clear(&fixture->map);
	close(fixture->fd);
	free(fixture);
	return mappings("unit-guest-map") ? -1 : 0;
}

/* With user addresses far from guest addresses, as they are. */
static struct guest_map_region region(uint64_t gpa, uint64_t size, uint64_t mmap_offset)
{
	return (struct guest_map_region){ .gpa = gpa,
					  .size = size,
					  .user_addr = 0x7f0000000000 + gpa,
					  .mmap_offset = mmap_offset };
}

static int add(struct fixture *fixture, uint64_t gpa, uint64_t size, uint64_t mmap_offset)
{
	struct guest_map_region one = region(gpa, size, mmap_offset);

	return guest_map_add(&fixture->map, &one, fixture->fd);
}

/* The number of the page at @gpa as the request code sees it, or 0. */
static uint64_t page_at(const struct fixture *fixture, uint64_t gpa)
{
	__u64 len = 0, hva = guest_memory_find(&fixture->map.memory, gpa, &len);

	return hva ? *(const uint64_t *)(uintptr_t)hva : 0;
}

static void is_sorted(const struct guest_map *map)
{
	for (uint32_t i = 0; i < map->memory.count; i++) {
		const struct guest_region *one = &map->memory.region[i];
		const struct guest_map_entry *entry = &map->entry[i];

		if (i)
			assert_true(one[-1].gpa + one[-1].size <= one->gpa);
		assert_int_equal(one->gpa, entry->region.gpa);
		assert_int_equal(one->size, entry->region.size);
		assert_int_equal(one->hva, (uintptr_t)entry->mapping + entry->skip);
		assert_true(entry->mapping_bytes >= entry->skip + one->size);
	}
}

static void a_region_is_its_part_of_the_file(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value = 0x123456789abcdef0;
	__u64 len = 0;
	char *hva;

	assert_int_equal(add(fixture, 0x100000, 1 << 20, 2 << 20), 0);
	assert_int_equal(page_at(fixture, 0x100000), (2 << 20) / PAGE + 1);
	assert_int_equal(page_at(fixture, 0x1ff000), (3 << 20) / PAGE);
	assert_int_equal(page_at(fixture, 0x200000), 0);
	assert_int_equal(page_at(fixture, 0xff000), 0);
	hva = (char *)(uintptr_t)guest_memory_find(&fixture->map.memory, 0x100000, &len);
	if (!hva) {
		fail();
		return;
	}
	assert_int_equal(len, 1 << 20);
	/* What is written there is the file's, for the guest to see. */
	memcpy(hva + 4096, &value, sizeof(value));
	value = 0;
	assert_int_equal(pread(fixture->fd, &value, sizeof(value), (2 << 20) + 4096),
			 sizeof(value));
	assert_int_equal(value, 0x123456789abcdef0);
	/* The descriptor stays the caller's. */
	assert_int_equal(open_fds(), fixture->fds_before);
	assert_int_equal(fcntl(fixture->fd, F_GETFD), FD_CLOEXEC);
}

/* A file offset within a page: the mapping begins before. */
static void an_offset_within_a_page(void **state)
{
	struct fixture *fixture = *state;
	const struct guest_map_entry *entry = &fixture->map.entry[0];
	__u64 len = 0, hva;

	assert_int_equal(add(fixture, 0x100000, 8192, 3 * PAGE + 512), 0);
	hva = guest_memory_find(&fixture->map.memory, 0x100000 + PAGE - 512, &len);
	if (!hva) {
		fail();
		return;
	}
	assert_int_equal(*(uint64_t *)(uintptr_t)hva, 5);
	assert_int_equal(len, 8192 - PAGE + 512);
	assert_int_equal(entry->skip, 512);
	assert_int_equal(entry->mapping_bytes, 3 * PAGE);
}

static void regions_are_kept_in_order(void **state)
{
	struct fixture *fixture = *state;
	static const uint64_t at[] = { 5, 1, 9, 0, 7, 3, 2, 8 };

	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(add(fixture, at[i] << 20, 1 << 16, at[i] << 16), 0);
		is_sorted(&fixture->map);
	}
	assert_int_equal(fixture->map.memory.count, 8);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(page_at(fixture, at[i] << 20), at[i] * 16 + 1);
}

static void what_makes_no_sense_is_refused(void **state)
{
	static const struct {
		struct guest_map_region region;
		int want;
	} cases[] = {
		{ { 0x100000, 0, 0x100000, 0 }, -EINVAL },
		{ { 0x100000, 0, 0x100000, 512 }, -EINVAL },
		{ { ~0ULL, 4096, 0x100000, 0 }, -EINVAL },
		{ { ~0ULL - 4095, 4096, 0x100000, 0 }, -EINVAL }, /* ends at 2^64 */
		{ { 0x100000, 4096, ~0ULL - 4094, 0 }, -EINVAL },
		{ { 0x100000, 4096, 0x100000, ~0ULL }, -EINVAL },
		{ { 0x100000, 4096, 0x100000, ~0ULL - 4095 }, -EINVAL },
		{ { 0x100000, ~0ULL, 0x100000, 0 }, -EINVAL },
		{ { 0, ~0ULL, 0, 0 }, -EINVAL }, /* longer than the file */
		{ { 0x100000, FILE_BYTES + 1, 0x100000, 0 }, -EINVAL },
		{ { 0x100000, 4096, 0x100000, FILE_BYTES }, -EINVAL },
		{ { 0x100000, 4096, 0x100000, FILE_BYTES - 4095 }, -EINVAL },
		{ { 0x100000, FILE_BYTES, 0x100000, 0 }, 0 },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int have = guest_map_add(&fixture->map, &cases[i].region, fixture->fd);

		if (have != cases[i].want)
			fail_msg("case %zu: %d", i, have);
		assert_int_equal(fixture->map.memory.count, !have);
	}
	assert_int_equal(mappings("unit-guest-map"), 1);
}

/* A device has no length to compare with; sizes that wrap when rounded up must not get by. */
static void a_device_of_no_length(void **state)
{
	static const uint64_t sizes[] = { ~0ULL,	~0ULL - 1,  ~0ULL - 4095,
					  ~0ULL - 8191, 1ULL << 63, 1ULL << 60 };
	struct fixture *fixture = *state;
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	struct guest_map_region one = { .size = 8192 };

	assert_true(zero >= 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (uint64_t offset = 0; offset < 8192; offset += 4095) {
			one = (struct guest_map_region){ .size = sizes[i], .mmap_offset = offset };
			assert_true(guest_map_add(&fixture->map, &one, zero) < 0);
		}
		assert_int_equal(fixture->map.memory.count, 0);
	}
	one = (struct guest_map_region){ .size = 8192 };
	assert_int_equal(guest_map_add(&fixture->map, &one, zero), 0);
	close(zero);
}

static void files_that_cannot_be_mapped(void **state)
{
	struct fixture *fixture = *state;
	struct guest_map_region one = region(0x100000, PAGE, 0);
	char path[64];
	int fd;

	assert_int_equal(guest_map_add(&fixture->map, &one, -1), -EBADF);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fixture->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(guest_map_add(&fixture->map, &one, fd), -EACCES);
	close(fd);
	fd = eventfd(0, EFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(guest_map_add(&fixture->map, &one, fd), -ENODEV);
	close(fd);
	assert_int_equal(fixture->map.memory.count, 0);
}

static void overlaps_are_refused(void **state)
{
	static const struct {
		uint64_t gpa, size, user_addr;
		int want;
	} cases[] = {
		/* beside [0x200000, 0x300000) and user [0x900000, 0xa00000) */
		{ 0x200000, 0x100000, 0x100000, -EEXIST },
		{ 0x2ff000, 0x1000, 0x100000, -EEXIST },
		{ 0x200000, 0x1000, 0x100000, -EEXIST },
		{ 0x1ff000, 0x1001, 0x100000, -EEXIST },
		{ 0x2fffff, 0x1000, 0x100000, -EEXIST },
		{ 0x100000, 0x300000, 0x100000, -EEXIST },
		{ 0x500000, 0x1000, 0x900000, -EEXIST },
		{ 0x500000, 0x1000, 0x9fffff, -EEXIST },
		{ 0x500000, 0x1001, 0x8ff000, -EEXIST },
		{ 0x500000, 0x200000, 0x880000, -EEXIST },
		{ 0x1ff000, 0x1000, 0x8ff000, 0 },
		{ 0x300000, 0x1000, 0xa00000, 0 },
	};
	struct fixture *fixture = *state;
	struct guest_map_region one = { 0x200000, 0x100000, 0x900000, 0 };

	assert_int_equal(guest_map_add(&fixture->map, &one, fixture->fd), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int have;

		one = (struct guest_map_region){ cases[i].gpa, cases[i].size, cases[i].user_addr,
						 0 };
		have = guest_map_add(&fixture->map, &one, fixture->fd);
		if (have != cases[i].want)
			fail_msg("case %zu: %d", i, have);
	}
	assert_int_equal(fixture->map.memory.count, 3);
	is_sorted(&fixture->map);
}

static void removal_is_of_the_very_region(void **state)
{
	struct fixture *fixture = *state;
	struct guest_map_region one = region(2 << 20, 1 << 16, 0), other;

	for (uint64_t at = 1; at <= 3; at++)
		assert_int_equal(add(fixture, at << 20, 1 << 16, at << 18), 0);
	other = one;
	other.gpa += PAGE;
	assert_int_equal(guest_map_remove(&fixture->map, &other), -ENOENT);
	other = one;
	other.size -= PAGE;
	assert_int_equal(guest_map_remove(&fixture->map, &other), -ENOENT);
	other = one;
	other.user_addr += PAGE;
	assert_int_equal(guest_map_remove(&fixture->map, &other), -ENOENT);
	assert_int_equal(mappings("unit-guest-map"), 3);
	/* The file's offset need not be told again. */
	assert_int_equal(guest_map_remove(&fixture->map, &one), 0);
	assert_int_equal(mappings("unit-guest-map"), 2);
	assert_int_equal(guest_map_remove(&fixture->map, &one), -ENOENT);
	is_sorted(&fixture->map);
	assert_int_equal(page_at(fixture, 1 << 20), 65);
	assert_int_equal(page_at(fixture, 2 << 20), 0);
	assert_int_equal(page_at(fixture, 3 << 20), 193);
	/* Its place is free again. */
	assert_int_equal(add(fixture, 2 << 20, 1 << 16, 0), 0);
	assert_int_equal(page_at(fixture, 2 << 20), 1);
}

/* Twice: nothing of the first filling is left behind, guards of SIGBUS neither. */
static void as_many_regions_as_fit(void **state)
{
	struct fixture *fixture = *state;

	for (int turn = 0; turn < 2; turn++) {
		for (uint64_t i = 0; i < GUEST_REGIONS_MAX; i++) {
			/* From both ends to the middle. */
			uint64_t at = i % 2 ? GUEST_REGIONS_MAX - 1 - i / 2 : i / 2;

			assert_int_equal(add(fixture, at * 2 * PAGE, PAGE, at * PAGE), 0);
		}
		assert_int_equal(add(fixture, 1ULL << 40, PAGE, 0), -ENOSPC);
		is_sorted(&fixture->map);
		for (uint64_t at = 0; at < GUEST_REGIONS_MAX; at++) {
			assert_int_equal(page_at(fixture, at * 2 * PAGE), at + 1);
			assert_int_equal(page_at(fixture, at * 2 * PAGE + PAGE), 0);
		}
		guest_map_clear(&fixture->map);
		assert_int_equal(fixture->map.memory.count, 0);
		assert_int_equal(mappings("unit-guest-map"), 0);
	}
}

static void addresses_of_the_front_end(void **state)
{
	struct fixture *fixture = *state;
	const struct guest_map *map = &fixture->map;
	const uint64_t user = 0x7f0000000000;

	assert_null(guest_map_find_user(map, user, 1));
	assert_int_equal(add(fixture, 1 << 20, 1 << 16, 1 << 16), 0);
	/* It touches the first here, but need not in our process. */
	assert_int_equal(add(fixture, (1 << 20) + (1 << 16), 1 << 16, 3 << 16), 0);
	assert_int_equal(*(uint64_t *)guest_map_find_user(map, user + (1 << 20), 1 << 16), 17);
	assert_int_equal(
		*(uint64_t *)guest_map_find_user(map, user + (1 << 20) + 5 * PAGE, 11 * PAGE), 22);
	assert_int_equal(*(uint64_t *)guest_map_find_user(map, user + (1 << 20) + (1 << 16), 1),
			 49);
	assert_non_null(guest_map_find_user(map, user + (1 << 20) + (1 << 16) - 1, 1));
	assert_null(guest_map_find_user(map, user + (1 << 20) + (1 << 16) - 1, 2));
	assert_null(guest_map_find_user(map, user + (1 << 20), (1 << 16) + 1));
	assert_null(guest_map_find_user(map, user + (1 << 20), ~0ULL));
	assert_null(guest_map_find_user(map, user + (1 << 20) - 1, 2));
	assert_null(guest_map_find_user(map, user + (1 << 20) + (2 << 16), 1));
	assert_null(guest_map_find_user(map, 1 << 20, 1));
	assert_null(guest_map_find_user(map, 0, 1));
	assert_null(guest_map_find_user(map, ~0ULL, 1));
}

static void regions_keep_their_distance(void **state)
{
	struct fixture *fixture = *state;
	struct guest_map *map = &fixture->map;

	/* The lower half's neighbour, and one far above, in an order that is not theirs. */
	assert_int_equal(add(fixture, 0x100000, 1 << 20, 1 << 20), 0);
	assert_int_equal(add(fixture, 0x80000000, 1 << 20, 2 << 20), 0);
	assert_int_equal(add(fixture, 0, 1 << 20, 0), 0);
	assert_true(map->has_view);
	for (uint32_t i = 0; i < map->memory.count; i++)
		assert_int_equal(map->memory.region[i].hva + map->view,
				 map->entry[i].region.user_addr);
}

static void a_place_that_is_taken_is_no_error(void **state)
{
	struct fixture *fixture = *state;
	struct guest_map *map = &fixture->map;
	uint64_t next;
	void *taken;

	assert_int_equal(add(fixture, 0, 1 << 20, 0), 0);
	next = map->memory.region[0].hva + (1 << 20);
	taken = mmap((void *)(uintptr_t)next, PAGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_int_equal((uintptr_t)taken, next);
	assert_int_equal(add(fixture, 0x100000, 1 << 20, 1 << 20), 0);
	assert_false(map->has_view);
	assert_int_equal(page_at(fixture, 0x100000), (1 << 20) / PAGE + 1);
	munmap(taken, PAGE);
	/* A table of its own begins anew. */
	guest_map_clear(map);
	assert_int_equal(add(fixture, 0, 1 << 20, 0), 0);
	assert_true(map->has_view);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_region_is_its_part_of_the_file),
		TEST(an_offset_within_a_page),
		TEST(regions_are_kept_in_order),
		TEST(what_makes_no_sense_is_refused),
		TEST(a_device_of_no_length),
		TEST(files_that_cannot_be_mapped),
		TEST(overlaps_are_refused),
		TEST(removal_is_of_the_very_region),
		TEST(as_many_regions_as_fit),
		TEST(addresses_of_the_front_end),
		TEST(regions_keep_their_distance),
		TEST(a_place_that_is_taken_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
