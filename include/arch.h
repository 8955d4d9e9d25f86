/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What BPF and user space share below everything else: fixed-width types, byte order, single
 * loads and stores. Compiled by clang for BPF (-ffreestanding) and by gcc for the daemon.
 */
#ifndef NVRING_ARCH_H
#define NVRING_ARCH_H

#include <linux/types.h>

#ifdef __bpf__
#define NVR_INLINE static __attribute__((always_inline, unused)) inline
#else
#define NVR_INLINE static inline __attribute__((unused))
#endif

/* One load or store of the whole object: the other side may change it at any time. */
#define load_once(p)	 (*(const volatile __typeof__(*(p)) *)(p))
#define store_once(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))

/* VIRTIO 1 and NVMe are little-endian whatever the host is. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define le16_to_cpu(x) ((__u16)(x))
#define le32_to_cpu(x) ((__u32)(x))
#define le64_to_cpu(x) ((__u64)(x))
#else
#define le16_to_cpu(x) __builtin_bswap16((__u16)(x))
#define le32_to_cpu(x) __builtin_bswap32((__u32)(x))
#define le64_to_cpu(x) __builtin_bswap64((__u64)(x))
#endif
#define cpu_to_le16(x) le16_to_cpu(x)
#define cpu_to_le32(x) le32_to_cpu(x)
#define cpu_to_le64(x) le64_to_cpu(x)

#define NVR_SECTOR_SHIFT 9 /* virtio-blk counts 512-byte sectors whatever the format, §5.2.6 */
#define NVR_SECTOR_SIZE	 (1U << NVR_SECTOR_SHIFT)

#endif
