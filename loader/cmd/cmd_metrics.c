// SPDX-License-Identifier: GPL-2.0-only
/* `nvring metrics`: what daemons count, for Prometheus. */
#include <argp.h>

#include "base/util.h"
#include "cmd.h"
#include "metrics.h"
#include "serve/watch.h"

int cmd_metrics(int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &watch_argp }, { 0 } };
	const struct argp argp = {
		.parser = cmd_parse_child,
		.children = children,
		.doc = "Print what is counted for VMs, all that are attached by default, in the "
		       "text format of Prometheus.\v"
		       "For the textfile collector of node_exporter: write to a file beside the "
		       "one it reads and rename that. A VM that does not answer is left out, and "
		       "the exit status is 1.",
	};
	static struct watch watch;
	static struct sample *samples[WATCH_MAX];
	char name[] = "nvring metrics", **paths;
	size_t count = 0;
	int asked;

	argv[0] = name;
	argp_parse(&argp, argc, argv, 0, NULL, &watch);
	asked = watch_paths(&watch, &paths);
	if (asked < 0)
		return 1;
	for (int i = 0; i < asked; i++) {
		samples[count] = sample_take(paths[i]);
		count += samples[count] != NULL;
	}
	watch_free_paths(paths, asked);
	metrics_print(stdout, samples, count);
	for (size_t i = 0; i < count; i++)
		free(samples[i]);
	return count < (size_t)asked || fflush(stdout) ? 1 : 0;
}
