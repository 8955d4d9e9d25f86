// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the helpers move eight aligned bytes of user memory in one piece:
 * loader/engine/user_copy.c runs these beside a thread that looks, or writes. Either value is one
 * byte eight times over, so any mixture of them is seen.
 */
#include "vmlinux.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <linux/errno.h>

#include "arch.h"
#include "user_copy_args.h"

char LICENSE[] SEC("license") = "GPL";

/* Copied in two pieces on purpose, so that a test can tell whether that is seen. */
#define HALF (sizeof(__u64) / 2)

SEC("syscall")
int nvr_copy_write(struct user_copy_args *args)
{
	__u64 address = args->address, value = 0;
	__u32 halves = args->halves, i;
	long err;

	nvr_for(i, 0, USER_COPY_ROUND) {
		value = ~value;
		if (halves) {
			err = bpf_probe_write_user((void *)address, &value, HALF);
			if (!err)
				err = bpf_probe_write_user((void *)(address + HALF), &value, HALF);
		} else {
			err = bpf_probe_write_user((void *)address, &value, sizeof(value));
		}
		if (err)
			return (int)err;
	}
	return 0;
}

SEC("syscall")
int nvr_copy_read(struct user_copy_args *args)
{
	__u64 address = args->address, value, last = 0;
	__u32 halves = args->halves, changes = 0, torn = 0, i;
	long err;

	nvr_for(i, 0, USER_COPY_ROUND) {
		if (halves) {
			err = bpf_probe_read_user(&value, HALF, (void *)address);
			if (!err)
				err = bpf_probe_read_user((char *)&value + HALF, HALF,
							  (void *)(address + HALF));
		} else {
			err = bpf_probe_read_user(&value, sizeof(value), (void *)address);
		}
		if (err)
			return (int)err;
		if (value != last)
			changes++;
		if (value && ~value)
			torn++;
		last = value;
	}
	args->changes += changes;
	args->torn += torn;
	return 0;
}
