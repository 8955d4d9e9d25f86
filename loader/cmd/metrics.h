/* SPDX-License-Identifier: GPL-2.0-only */
/* Samples in the text format of Prometheus (prometheus.io/docs, "Exposition formats", 0.0.4). */
#ifndef NVRING_METRICS_H
#define NVRING_METRICS_H

#include <stdio.h>

#include "sample.h"

/**
 * metrics_print() - write the metrics of VMs
 * @out: where
 * @samples: [@count], each of another VM
 * @count: how many
 */
void metrics_print(FILE *out, struct sample *const *samples, size_t count);

#endif
