/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * --engine auto at work: measures a VM's load, and moves its queues as choose.h decides.
 *
 * All queues that run with auto move together: they share threads, so what one of them costs cannot
 * be told, and what all of them get is what counts. While nothing runs, so does no timer.
 * Control thread only.
 */
#ifndef NVRING_CHOOSER_H
#define NVRING_CHOOSER_H

#include <systemd/sd-event.h>

#include "engine.h"

struct chooser;

/* chooser_open() - for vm->chooser, which is NULL before; 0 or -errno */
int chooser_open(sd_event *event, struct vm *vm);

/* chooser_close() - may be called without chooser_open() */
void chooser_close(struct vm *vm);

/**
 * chooser_begin() - a queue is about to run with auto
 * @vm: its VM
 * @ret_reason: filled with a sentence
 *
 * Return: the engine that it is to begin with.
 */
enum engine chooser_begin(struct vm *vm, char ret_reason[ENGINE_SENTENCE_BYTES]);

/* chooser_measured_s() - seconds since what serves was measured, or -1 when it was not */
int64_t chooser_measured_s(const struct vm *vm);

#endif
