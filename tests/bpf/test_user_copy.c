// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trial of BPF's helpers (loader/load/user_copy.h): what it says of this machine, and that it
 * sees copies in pieces when there are.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "load/user_copy.h"

static void try(bool write)
{
	const char *helper = write ? "bpf_probe_write_user" : "bpf_probe_read_user";
	char detail[128] = "";
	int found = user_copy_try(write, false, detail, sizeof(detail));

	if (found < 0) {
		skip(helper, strerror(-found));
		return;
	}
	/* Either answer is right: it is this machine's. */
	ok(found || detail[0], "%s has an answer: %s", helper, found ? "in one piece" : detail);
	detail[0] = '\0';
	found = user_copy_try(write, true, detail, sizeof(detail));
	ok(!found && strstr(detail, "in pieces"), "%s: halves are seen to be: %s", helper, detail);
}

int main(void)
{
	if (geteuid()) {
		puts("1..0 # SKIP not root");
		return 0;
	}
	try(true);
	try(false);
	return done();
}
