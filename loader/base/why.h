/* SPDX-License-Identifier: GPL-2.0-only */
/* Why something cannot be had, in words for people. */
#ifndef NVRING_WHY_H
#define NVRING_WHY_H

#define WHY_BYTES 160

/* why_refuse() - fill in @what, with @err's text; returns @err */
int why_refuse(char ret_why[WHY_BYTES], int err, const char *what);

#endif
