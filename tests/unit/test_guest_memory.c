// SPDX-License-Identifier: GPL-2.0-only
/* The search in the table of guest memory, against a search one by one. */
#include "unit.h"

#include "guest_memory.h"

static __u64 find_slowly(const struct guest_memory *memory, __u64 gpa, __u64 *ret_len)
{
	for (__u32 i = 0; i < memory->count; i++) {
		const struct guest_region *region = &memory->region[i];

		if (gpa < region->gpa || gpa > region->gpa + region->size - 1)
			continue;
		*ret_len = region->gpa + region->size - gpa;
		return region->hva + (gpa - region->gpa);
	}
	return 0;
}

static void agrees(const struct guest_memory *memory, __u64 gpa)
{
	__u64 len = 0, want_len = 0, hva, want;

	hva = guest_memory_find(memory, gpa, &len);
	want = find_slowly(memory, gpa, &want_len);
	if (hva != want || len != want_len)
		fail_msg("%u regions, %#llx: %#llx, %llu bytes, not %#llx, %llu", memory->count,
			 gpa, hva, len, want, want_len);
}

/* Tables of every length; around each end of each region; some regions touch, some do not. */
static void every_border_of_every_table(void **state)
{
	struct guest_memory *memory = calloc(1, sizeof(*memory));
	uint64_t random = 88172645463325252;

	(void)state;
	assert_non_null(memory);
	for (__u32 count = 0; count <= GUEST_REGIONS_MAX; count++) {
		__u64 gpa = 0x1000;

		memory->count = count;
		for (__u32 i = 0; i < count; i++) {
			__u64 size = (1 + unit_below(&random, 64)) << 12;

			memory->region[i] = (struct guest_region){
				.gpa = gpa,
				.size = size,
				.hva = (i + 1ULL) << 32,
			};
			gpa += size + (unit_below(&random, 2) << 12);
		}
		agrees(memory, 0);
		agrees(memory, ~0ULL);
		agrees(memory, gpa);
		for (__u32 i = 0; i < count; i++)
			for (int at = -1; at <= 1; at++) {
				agrees(memory, memory->region[i].gpa + at);
				agrees(memory, memory->region[i].gpa + memory->region[i].size + at);
			}
	}
	free(memory);
}

static void last_bytes_of_the_address_space(void **state)
{
	struct guest_memory *memory = calloc(1, sizeof(*memory));
	__u64 len = 0;

	(void)state;
	assert_non_null(memory);
	memory->count = 1;
	memory->region[0] = (struct guest_region){
		.gpa = ~0ULL - 0x1fff,
		.size = 0x1fff,
		.hva = 0x10000,
	};
	assert_int_equal(guest_memory_find(memory, ~0ULL - 1, &len), 0x10000 + 0x1ffe);
	assert_int_equal(len, 1);
	assert_int_equal(guest_memory_find(memory, ~0ULL, &len), 0);
	assert_int_equal(guest_memory_find(memory, 0, &len), 0);
	free(memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_border_of_every_table),
		cmocka_unit_test(last_bytes_of_the_address_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
