// SPDX-License-Identifier: GPL-2.0-only
/* A drive among VMs by weight: the arithmetic, and the tree that io.weight files make. */
#include "unit.h"

#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/util.h"
#include "manager/share_tree.h"

static int near(double a, double b)
{
	return fabs(a - b) < 1e-9;
}

/* A VM, or a cgroup when others name it as their parent. */
static struct share_node node(uint32_t parent, double weight, double demand)
{
	return (struct share_node){
		.parent = parent, .weight = weight, .demand = demand, .active = demand > 0
	};
}

static void all_want_all(void **state)
{
	struct share_node nodes[] = { node(0, 1, 0), node(0, 100, SHARE_ALL),
				      node(0, 200, SHARE_ALL), node(0, 600, SHARE_ALL) };

	(void)state;
	share_fill(nodes, 4);
	for (int i = 1; i < 4; i++) {
		assert_true(near(nodes[i].fair, nodes[i].weight / 900));
		assert_true(near(nodes[i].filled, nodes[i].fair));
	}
}

static void what_one_leaves_the_others_get(void **state)
{
	struct share_node nodes[] = { node(0, 1, 0), node(0, 100, SHARE_ALL),
				      node(0, 200, SHARE_ALL), node(0, 600, 0.1) };

	(void)state;
	share_fill(nodes, 4);
	assert_true(near(nodes[1].filled, 0.3));
	assert_true(near(nodes[2].filled, 0.6));
	assert_true(near(nodes[3].filled, 0.1));
	assert_true(near(nodes[3].fair, 600.0 / 900)); /* to which it may rise at once */
	/* Of what the third leaves the second wants a little more than its fair share. */
	nodes[2].demand = 0.25;
	share_fill(nodes, 4);
	assert_true(near(nodes[1].filled, 0.65));
	assert_true(near(nodes[2].filled, 0.25));
}

static void the_idle_do_not_count(void **state)
{
	struct share_node nodes[] = { node(0, 1, 0), node(0, 100, SHARE_ALL),
				      node(0, 200, SHARE_ALL), node(0, 600, 0) };

	(void)state;
	share_fill(nodes, 4);
	assert_true(near(nodes[1].fair, 1.0 / 3) && near(nodes[1].filled, 1.0 / 3));
	assert_true(near(nodes[2].fair, 2.0 / 3) && near(nodes[2].filled, 2.0 / 3));
	assert_true(near(nodes[3].fair, 600.0 / 900) && near(nodes[3].filled, 0));
	nodes[1] = node(0, 100, 0);
	nodes[2] = node(0, 200, 0);
	share_fill(nodes, 4);
	assert_true(near(nodes[1].fair, 1) && near(nodes[2].fair, 1) && near(nodes[3].fair, 1));
}

/* Slices of 300 and 100; the first has VMs of 100 and 200, the second one of 10000. */
static void levels(void **state)
{
	struct share_node nodes[] = { node(0, 1, 0),	       node(0, 300, 0),
				      node(1, 100, SHARE_ALL), node(1, 200, SHARE_ALL),
				      node(0, 100, 0),	       node(4, 10000, SHARE_ALL) };

	(void)state;
	share_fill(nodes, 6);
	assert_true(near(nodes[2].filled, 0.25) && near(nodes[3].filled, 0.5));
	assert_true(near(nodes[5].filled, 0.25));
	/* What one leaves goes to its sibling first. */
	nodes[3].demand = 0.05;
	share_fill(nodes, 6);
	assert_true(near(nodes[2].filled, 0.7) && near(nodes[3].filled, 0.05));
	assert_true(near(nodes[5].filled, 0.25));
	/* What a slice leaves goes to the other. */
	nodes[2].demand = 0.1;
	share_fill(nodes, 6);
	assert_true(near(nodes[2].filled, 0.1) && near(nodes[5].filled, 0.85));
	/* A slice in which nobody is active is none; its VMs could have their part of all. */
	nodes[2].active = nodes[3].active = false;
	share_fill(nodes, 6);
	assert_true(near(nodes[5].filled, 1) && near(nodes[5].fair, 1));
	assert_true(near(nodes[2].fair, 0.75) && near(nodes[3].fair, 0.75));
}

/* Whatever they want: nobody gets more than that, all get all there is or all they want, and who
 * gets less than it wants gets its fair share at least. */
static void any_demands(void **state)
{
	uint64_t random = 88172645463325252ULL;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct share_node nodes[24] = { node(0, 1, 0) };
		double sum = 0, wanted = 0;

		for (uint32_t i = 1; i < 24; i++) {
			random ^= random << 13, random ^= random >> 7, random ^= random << 17;
			nodes[i] = node(i < 6 ? 0 : 1 + random % 5, 1 + (random >> 8) % 1000,
					i < 6		     ? 0
					: (random >> 20) % 3 ? (double)(random >> 24 & 1023) / 5000
							     : SHARE_ALL);
		}
		share_fill(nodes, 24);
		for (int i = 6; i < 24; i++) {
			sum += nodes[i].filled;
			wanted += nodes[i].demand;
			assert_true(nodes[i].filled <= nodes[i].demand + 1e-9);
			assert_true(nodes[i].filled >= min(nodes[i].demand, nodes[i].fair) - 1e-9);
		}
		assert_true(near(sum, min(wanted, 1.0)));
	}
}

static void make_cgroup(const char *folder, const char *weights)
{
	char path[192];
	int fd;

	assert_int_equal(mkdir(folder, 0755), 0);
	if (!weights)
		return;
	snprintf(path, sizeof(path), "%s/io.weight", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, weights, strlen(weights)), strlen(weights));
	close(fd);
}

static void from_files(void **state)
{
	char root[] = "/tmp/nvring.XXXXXX", slice[64], one[96], two[96], bare[128], command[64];
	struct share_tree tree = { 0 };
	dev_t disk = makedev(259, 3);

	(void)state;
	assert_non_null(mkdtemp(root));
	snprintf(slice, sizeof(slice), "%s/slice", root);
	snprintf(one, sizeof(one), "%s/one", slice);
	snprintf(two, sizeof(two), "%s/two", slice);
	snprintf(bare, sizeof(bare), "%s/bare", one);
	make_cgroup(slice, "default 300\n");
	make_cgroup(one, "default 100\n259:3 700\n");
	make_cgroup(two, "default 50\n8:16 1\n");
	make_cgroup(bare, NULL); /* the controller is not enabled there */
	assert_int_equal(share_tree_add(&tree, bare, disk), 3);
	assert_int_equal(share_tree_add(&tree, two, disk), 5);
	assert_int_equal(share_tree_add(&tree, one, disk), 6);
	assert_int_equal(share_tree_add(&tree, NULL, disk), 7);
	assert_int_equal(tree.count, 8);
	assert_true(tree.nodes[1].parent == 0 && near(tree.nodes[1].weight, 300));
	assert_true(tree.nodes[2].parent == 1 && near(tree.nodes[2].weight, 700));
	assert_true(tree.nodes[3].parent == 2 && near(tree.nodes[3].weight, 100));
	assert_true(tree.nodes[4].parent == 1 && near(tree.nodes[4].weight, 50));
	assert_int_equal(tree.nodes[5].parent, 4);
	assert_int_equal(tree.nodes[6].parent, 2);
	assert_true(tree.nodes[7].parent == 0 && near(tree.nodes[7].weight, 100));
	share_tree_clear(&tree);
	assert_int_equal(tree.count, 0);
	snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_want_all),
		cmocka_unit_test(what_one_leaves_the_others_get),
		cmocka_unit_test(the_idle_do_not_count),
		cmocka_unit_test(levels),
		cmocka_unit_test(any_demands),
		cmocka_unit_test(from_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
