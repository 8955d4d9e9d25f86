/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What BPF and user space share below everything else: fixed-width types, byte order, single
 * loads and stores. Compiled by clang for BPF (-ffreestanding) and by gcc for the daemon.
 */
#ifndef NVRING_ARCH_H
#define NVRING_ARCH_H

#include <linux/types.h>

/*
 * Functions are inlined. In BPF a NVR_GLOBAL one is verified once, for whatever arguments its
 * types allow, instead of at every call: NVR_NONNULL is for its pointers. nvr_for() is a loop
 * whose body the verifier looks at once, too, however often it runs; the variable is declared
 * outside.
 */
#ifdef __bpf__
#include <bpf/bpf_helpers.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0) /* since then it is in linux/bpf.h */
struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));
#endif
#define NVR_INLINE	       static __attribute__((always_inline, unused)) inline
#define NVR_GLOBAL	       __attribute__((noinline, weak))
#define NVR_NONNULL	       __arg_nonnull
#define NVR_BPF		       1
#define nvr_for(i, start, end) bpf_for(i, start, end)
#else
#define NVR_INLINE static inline __attribute__((unused))
#define NVR_GLOBAL NVR_INLINE
#define NVR_NONNULL
#define NVR_BPF		       0
#define nvr_for(i, start, end) for ((i) = (start); (i) < (end); (i)++)
#endif

/* One load or store of the whole object: the other side may change it at any time. */
#define load_once(p)	 (*(const volatile __typeof__(*(p)) *)(p))
#define store_once(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))

/* A store that comes after all that stand before it. BPF: x86 keeps the order of stores itself. */
#ifdef __bpf__
#define store_release(p, v)                        \
	({                                         \
		__asm__ volatile("" ::: "memory"); \
		store_once(p, v);                  \
	})
#else
#define store_release(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#endif

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
