/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What this kernel and machine allow. Every row is tried, never derived from a version: a
 * backport has what its number denies, and a policy refuses what its number promises.
 */
#ifndef NVRING_FEATURE_H
#define NVRING_FEATURE_H

#include <stdbool.h>
#include <stddef.h>

enum feature_id {
	FEATURE_IO_URING,
	FEATURE_DEFER_TASKRUN,
	FEATURE_BIG_ENTRIES,
	FEATURE_URING_CMD,
	FEATURE_USER_RINGS,
	FEATURE_SQPOLL,
	FEATURE_REGION,
	FEATURE_BTF_VMLINUX,
	FEATURE_BTF_KVM,
	FEATURE_BTF_NVME,
	FEATURE_NO_LOCKDOWN,
	FEATURE_BPF,
	FEATURE_TP_COMPLETE,
	FEATURE_FENTRY_KICK,
	FEATURE_READ_USER,
	FEATURE_WRITE_USER,
	FEATURE_WHOLE_COPY,
	FEATURE_UPTR,
	FEATURE_BPF_LOOP,
	FEATURE_BPF_LSM,
	FEATURE_KVM,
	FEATURE_NVME,
	FEATURE_COUNT,
};

enum feature_state {
	FEATURE_NO,	    /* this kernel or machine does not have it */
	FEATURE_YES,	    /* tried, and it worked */
	FEATURE_REFUSED,    /* it is there, and a policy or the kernel said no */
	FEATURE_NEEDS_ROOT, /* cannot be tried by this user */
};

/* A row, as documented: constant. */
struct feature {
	const char *id;	     /* one word, stable, for machines */
	const char *name;    /* for people */
	const char *used_by; /* what it is good for */
	const char *instead; /* what serves without it */
};

/* What was found. */
struct feature_result {
	enum feature_state state;
	int err;	  /* errno behind NO and REFUSED, or 0 */
	char detail[128]; /* a few words, or empty */
};

struct feature_engine {
	const char *name;
	bool built;	   /* this version has it */
	bool allowed;	   /* by the kernel */
	bool known;	   /* false when a needed row needs root */
	char missing[128]; /* names of rows in the way, comma-separated, or empty */
};

#define FEATURE_ENGINES 3

/**
 * feature_describe() - a row's texts
 * @id: below FEATURE_COUNT
 *
 * Return: the row.
 */
const struct feature *feature_describe(enum feature_id id);

/**
 * feature_probe_all() - try everything
 * @ret_results: filled, one for each enum feature_id
 *
 * BPF programs are loaded and, for a moment, attached; they act for this process alone. Nothing
 * stays behind.
 */
void feature_probe_all(struct feature_result ret_results[FEATURE_COUNT]);

/**
 * feature_engines() - which engines the rows allow
 * @results: from feature_probe_all()
 * @ret_engines: filled
 */
void feature_engines(const struct feature_result results[FEATURE_COUNT],
		     struct feature_engine ret_engines[FEATURE_ENGINES]);

#endif
