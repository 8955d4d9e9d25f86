/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What bpftool finds of a VM: its counters, the BPF programs that serve it and their links, pinned
 * in a folder of bpffs, BASE/NAME, for as long as the daemon lives.
 *
 * The folder is locked (flock) by its daemon: two of a name cannot be, and what a killed one left
 * behind is told from what is in use and removed by the next daemon that starts.
 */
#ifndef NVRING_PINS_H
#define NVRING_PINS_H

#define PINS_BASE "/sys/fs/bpf/nvring"
#define PINS_MODE 0700

struct pins;

/**
 * pins_open() - take a VM's folder
 * @base: in bpffs, made if it is missing; NULL for PINS_BASE, "none": nothing is pinned
 * @name: of the VM; NULL: nothing is pinned
 * @ret_pins: set, NULL where nothing is pinned; free with pins_close()
 *
 * Where there is no bpffs, or it cannot be written, a line of the log says so: that is no failure.
 * Return: 0, or -EEXIST when another daemon has a VM of this name; the cause is logged.
 */
int pins_open(const char *base, const char *name, struct pins **ret_pins);

/* pins_close() - remove the folder and all in it; @pins may be NULL */
void pins_close(struct pins *pins);

/**
 * pins_add() - pin a BPF object
 * @pins: may be NULL
 * @fd: map, program or link; one below 0 is nothing
 * @format: of its name in the folder
 *
 * Failure is logged, and no more. Control thread.
 */
void pins_add(struct pins *pins, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* pins_drop() - remove a pin, if it is there; a link is then its owner's alone again */
void pins_drop(struct pins *pins, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
