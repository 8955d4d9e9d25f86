// SPDX-License-Identifier: GPL-2.0-only
#include "why.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int why_refuse(char ret_why[WHY_BYTES], int err, const char *what)
{
	snprintf(ret_why, WHY_BYTES, "%s: %s%s", what, strerror(-err),
		 err == -EAGAIN ? "; raise pids.max of its cgroup, or what else limits tasks" : "");
	return err;
}
