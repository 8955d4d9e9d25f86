// SPDX-License-Identifier: GPL-2.0-only
#include "share_fill.h"

/* What cgroups are by those below them. */
static void sum_up(struct share_node *nodes, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct share_node *parent = &nodes[nodes[i].parent];

		parent->demand = 0;
		parent->active = false;
	}
	for (size_t i = 0; i < count; i++) {
		nodes[i].weights = 0;
		nodes[i].filled = 0;
		nodes[i].satisfied = false;
	}
	for (size_t i = count; i-- > 1;) {
		struct share_node *parent = &nodes[nodes[i].parent];

		if (!nodes[i].active)
			continue;
		parent->active = true;
		parent->demand += nodes[i].demand;
		parent->weights += nodes[i].weight;
	}
}

/* Those that want no more than their part get what they want; what they leave makes the others'
 * parts larger, until none is content with less. */
static void fill_children(struct share_node *nodes, size_t count, uint32_t parent)
{
	double amount = nodes[parent].filled, weights = nodes[parent].weights;
	bool again = true;

	while (again) {
		again = false;
		for (size_t i = parent + 1; i < count; i++) {
			struct share_node *node = &nodes[i];

			if (node->parent != parent || !node->active || node->satisfied ||
			    node->demand * weights > amount * node->weight)
				continue;
			node->satisfied = again = true;
			node->filled = node->demand;
			amount -= node->demand;
			weights -= node->weight;
		}
	}
	for (size_t i = parent + 1; i < count; i++)
		if (nodes[i].parent == parent && nodes[i].active && !nodes[i].satisfied)
			nodes[i].filled = amount * nodes[i].weight / weights;
}

void share_fill(struct share_node *nodes, size_t count)
{
	sum_up(nodes, count);
	nodes[0].fair = 1;
	for (size_t i = 1; i < count; i++) {
		const struct share_node *parent = &nodes[nodes[i].parent];
		double others = nodes[i].active ? 0 : nodes[i].weight;

		nodes[i].fair = parent->fair * nodes[i].weight / (parent->weights + others);
	}
	nodes[0].filled = nodes[0].demand < 1 ? nodes[0].demand : 1;
	for (uint32_t i = 0; i < count; i++)
		if (nodes[i].weights > 0)
			fill_children(nodes, count, i);
}
