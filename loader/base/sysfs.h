/* SPDX-License-Identifier: GPL-2.0-only */
/* Facts about devices from /sys. */
#ifndef NVRING_SYSFS_H
#define NVRING_SYSFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util.h"

/**
 * sysfs_read() - one attribute's text, without its newline
 * @ret_text: filled with a string
 * @size: room in @ret_text
 * @format: path, as printf()
 *
 * Return: 0 or -errno.
 */
int sysfs_read(char *ret_text, size_t size, const char *format, ...) _printf_(3, 4);

/**
 * sysfs_number() - one attribute's number
 * @otherwise: what to return when there is none
 * @format: path, as printf()
 *
 * Return: the number, or @otherwise.
 */
uint64_t sysfs_number(uint64_t otherwise, const char *format, ...) _printf_(2, 3);

/**
 * sysfs_device_name() - the kernel's name of a device node, whatever its path
 * @path: block or character device, or a link to one
 * @ret_name: filled, such as "nvme0n1p2" or "ng0n1"
 * @size: room in @ret_name
 *
 * Return: 0, -ENOTBLK when @path is no device, or -errno.
 */
int sysfs_device_name(const char *path, char *ret_name, size_t size);

/**
 * sysfs_whole_disk() - the disk that a block device is, or is a partition of
 * @device: a block device's number, such as a file's st_dev
 *
 * Return: its number, or 0 where there is no such device, as for btrfs or a network's file system.
 */
dev_t sysfs_whole_disk(dev_t device);

#endif
