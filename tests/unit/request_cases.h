/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests and what request_parse() makes of them, as plain data, so that any engine's build of
 * include/request.h can be fed with them.
 *
 * Built for BPF it may return -EFAULT instead where the header or a range lies in several pieces,
 * and for GET_ID: it can neither gather nor write.
 */
#ifndef NVRING_UNIT_REQUEST_CASES_H
#define NVRING_UNIT_REQUEST_CASES_H

#include "guest.h"

#define CASE_PIECES  20
#define CASE_RANGES  3
#define CASE_SECTORS 64ULL

enum case_disk {
	CASE_DISK_512, /* everything offered */
	CASE_DISK_4K,  /* likewise, blocks of 4 KiB */
	CASE_DISK_READ_ONLY,
	CASE_DISK_BARE,	   /* no cache, no discard, no zeroes */
	CASE_DISK_LARGEST, /* as many sectors as 64 bits of bytes can hold */
	CASE_DISK_COUNT,
};

#define CASE_DISK(disk_flags, disk_sectors, shift) \
	{                                          \
		.kind = DISK_NVME,                 \
		.flags = (disk_flags),             \
		.sectors = (disk_sectors),         \
		.block_shift = (shift),            \
		.physical_shift = 12,              \
		.nsid = 1,                         \
		.max_transfer = 131072,            \
		.max_segments = 33,                \
		.memory_align = 1,                 \
		.max_discard = 32,                 \
		.discard_align = 8,                \
		.max_zeroes = 32,                  \
		.id = { "0123456789abcdefghi" },   \
	}
#define CASE_OFFERS (DISK_CACHE | DISK_DISCARD | DISK_ZEROES)

static const struct disk case_disks[CASE_DISK_COUNT] = {
	[CASE_DISK_512] = CASE_DISK(CASE_OFFERS, CASE_SECTORS, 9),
	[CASE_DISK_4K] = CASE_DISK(CASE_OFFERS, CASE_SECTORS, 12),
	[CASE_DISK_READ_ONLY] = CASE_DISK(CASE_OFFERS | DISK_READ_ONLY, CASE_SECTORS, 9),
	[CASE_DISK_BARE] = CASE_DISK(0, CASE_SECTORS, 9),
	[CASE_DISK_LARGEST] = CASE_DISK(CASE_OFFERS, (1ULL << 55) - 1, 9),
};

struct case_range {
	__u64 sector;
	__u32 sectors;
	__u32 flags;
};

struct request_case {
	const char *name;
	enum case_disk disk;
	__u32 type;
	__u64 sector;
	__u32 pieces; /* header, data, status: whatever the driver has in its chain */
	__u32 ranges; /* behind the header; those beyond CASE_RANGES are like the last */
	struct guest_piece piece[CASE_PIECES];
	struct case_range range[CASE_RANGES];

	__s32 want;	     /* what request_parse() returns */
	__u16 want_fault;    /* enum queue_fault */
	__u8 want_status;    /* VIRTIO_BLK_S_* or REQUEST_STATUS_PENDING */
	__u64 want_data_len; /* when pending */
};

#define PIECES(...)                                                                           \
	.pieces = sizeof((struct guest_piece[]){ __VA_ARGS__ }) / sizeof(struct guest_piece), \
	.piece = { __VA_ARGS__ }
#define HEADER		   { GUEST_HEADER, 16, 0 }
#define STATUS		   { GUEST_STATUS, 1, 1 }
#define TO_DISK(len)	   { GUEST_DATA, (len), 0 }
#define FROM_DISK(len)	   { GUEST_DATA, (len), 1 }
#define RANGES(count, ...) .ranges = (count), .range = { __VA_ARGS__ }

#define PENDING(len)   .want_status = REQUEST_STATUS_PENDING, .want_data_len = (len)
#define ANSWER(status) .want_status = VIRTIO_BLK_S_##status
#define BREAKS(fault)  .want = -EPROTO, .want_fault = QUEUE_FAULT_##fault

/* In the plain shape. */
#define READ_CASE(on, at, len, ...)                                      \
	.disk = CASE_DISK_##on, .type = VIRTIO_BLK_T_IN, .sector = (at), \
	PIECES(HEADER, FROM_DISK(len), STATUS), __VA_ARGS__
#define WRITE_CASE(on, at, len, ...)                                      \
	.disk = CASE_DISK_##on, .type = VIRTIO_BLK_T_OUT, .sector = (at), \
	PIECES(HEADER, TO_DISK(len), STATUS), __VA_ARGS__
#define RANGE_CASE(on, what, len, ...)                                                             \
	.disk = CASE_DISK_##on, .type = VIRTIO_BLK_T_##what, PIECES(HEADER, TO_DISK(len), STATUS), \
	__VA_ARGS__

/* clang-format off */

static const struct request_case transfer_cases[] = {
	{ "read of the first sector", READ_CASE(512, 0, 512, PENDING(512)) },
	{ "read of the last sector", READ_CASE(512, 63, 512, PENDING(512)) },
	{ "read of the whole disk", READ_CASE(512, 0, 32768, PENDING(32768)) },
	{ "read of one sector too many", READ_CASE(512, 0, 33280, ANSWER(IOERR)) },
	{ "read across the end", READ_CASE(512, 63, 1024, ANSWER(IOERR)) },
	{ "read behind the end", READ_CASE(512, 64, 512, ANSWER(IOERR)) },
	{ "read of far more than the disk", READ_CASE(512, 0, 32 << 20, ANSWER(IOERR)) },
	{ "write of the first sector", WRITE_CASE(512, 0, 512, PENDING(512)) },
	{ "write of the last sector", WRITE_CASE(512, 63, 512, PENDING(512)) },
	{ "write of the whole disk", WRITE_CASE(512, 0, 32768, PENDING(32768)) },
	{ "write of one sector too many", WRITE_CASE(512, 0, 33280, ANSWER(IOERR)) },
	{ "write across the end", WRITE_CASE(512, 63, 1024, ANSWER(IOERR)) },
	{ "write behind the end", WRITE_CASE(512, 64, 512, ANSWER(IOERR)) },
	{ "sector overflow: all ones", WRITE_CASE(512, ~0ULL, 512, ANSWER(IOERR)) },
	{ "sector overflow: 0 as bytes", WRITE_CASE(512, 1ULL << 55, 512, ANSWER(IOERR)) },
	{ "sector overflow: sum is 0", WRITE_CASE(512, ~0ULL - 1, 1024, ANSWER(IOERR)) },
	{ "sector overflow: sum is 1", WRITE_CASE(512, ~0ULL, 1024, ANSWER(IOERR)) },
	{ "sector overflow: sign", READ_CASE(512, 1ULL << 63, 512, ANSWER(IOERR)) },
	{ "sector overflow: 32 bits", READ_CASE(512, 1ULL << 32, 512, ANSWER(IOERR)) },
	{ "largest disk, last sector", READ_CASE(LARGEST, (1ULL << 55) - 2, 512, PENDING(512)) },
	{ "largest disk, across", READ_CASE(LARGEST, (1ULL << 55) - 2, 1024, ANSWER(IOERR)) },
	{ "largest disk, behind", READ_CASE(LARGEST, (1ULL << 55) - 1, 512, ANSWER(IOERR)) },
	{ "read of 1 byte", READ_CASE(512, 0, 1, ANSWER(IOERR)) },
	{ "read of half a sector", READ_CASE(512, 0, 256, ANSWER(IOERR)) },
	{ "read of 511 bytes", READ_CASE(512, 0, 511, ANSWER(IOERR)) },
	{ "write of 513 bytes", WRITE_CASE(512, 0, 513, ANSWER(IOERR)) },
	{ "write of a sector and a half", WRITE_CASE(512, 0, 768, ANSWER(IOERR)) },
	{ "4K: one block", READ_CASE(4K, 8, 4096, PENDING(4096)) },
	{ "4K: last block", WRITE_CASE(4K, 56, 4096, PENDING(4096)) },
	{ "4K: across the end", WRITE_CASE(4K, 56, 8192, ANSWER(IOERR)) },
	{ "4K: one sector", READ_CASE(4K, 8, 512, ANSWER(IOERR)) },
	{ "4K: a block and a sector", WRITE_CASE(4K, 0, 4608, ANSWER(IOERR)) },
	{ "4K: between blocks", WRITE_CASE(4K, 1, 4096, ANSWER(IOERR)) },
	{ "4K: last sector of a block", READ_CASE(4K, 7, 4096, ANSWER(IOERR)) },
	{ "read-only disk: read", READ_CASE(READ_ONLY, 0, 512, PENDING(512)) },
	{ "read-only disk: write", WRITE_CASE(READ_ONLY, 0, 512, ANSWER(IOERR)) },
	{ "read-only disk: empty write", WRITE_CASE(READ_ONLY, 0, 0, ANSWER(IOERR)) },
	{ "bare disk: read", READ_CASE(BARE, 0, 512, PENDING(512)) },
	{ "bare disk: write", WRITE_CASE(BARE, 0, 512, PENDING(512)) },
	{ "empty read", READ_CASE(512, 0, 0, ANSWER(OK)) },
	{ "empty write", WRITE_CASE(512, 0, 0, ANSWER(OK)) },
	{ "empty read at the end", READ_CASE(512, 64, 0, ANSWER(OK)) },
	{ "empty read behind the end", READ_CASE(512, 65, 0, ANSWER(IOERR)) },
	{ "empty write, sector overflow", WRITE_CASE(512, ~0ULL, 0, ANSWER(IOERR)) },
};

#define IN_CASE	   .type = VIRTIO_BLK_T_IN
#define OUT_CASE   .type = VIRTIO_BLK_T_OUT
#define BYTE(at)   { GUEST_HEADER + (at), 1, 0 }
#define NOTHING(w) { 0, 0, (w) }

static const struct request_case shape_cases[] = {
	{ "status right behind the header", IN_CASE, PENDING(512),
	  PIECES(HEADER, FROM_DISK(512), { GUEST_HEADER + 16, 1, 1 }) },
	{ "status behind the data", IN_CASE, PENDING(512), PIECES(HEADER, FROM_DISK(513)) },
	{ "status with the last of the data", IN_CASE, PENDING(1024),
	  PIECES(HEADER, FROM_DISK(512), { GUEST_DATA + 4096, 513, 1 }) },
	{ "data behind the header", OUT_CASE, PENDING(512),
	  PIECES({ GUEST_HEADER, 528, 0 }, { GUEST_DATA, 1, 1 }) },
	{ "two descriptors for all", OUT_CASE, PENDING(1024),
	  PIECES({ GUEST_DATA, 1040, 0 }, STATUS) },
	{ "header in two", IN_CASE, .sector = 63, PENDING(512),
	  PIECES({ GUEST_HEADER, 8, 0 }, { GUEST_HEADER + 8, 8, 0 }, FROM_DISK(512), STATUS) },
	{ "header in two, apart", IN_CASE, .sector = 63, PENDING(512),
	  PIECES({ GUEST_HEADER, 9, 0 }, { GUEST_BORDER + 77, 7, 0 }, FROM_DISK(512), STATUS) },
	{ "header in sixteen", OUT_CASE, .sector = 62, PENDING(1024),
	  PIECES(BYTE(0), BYTE(1), BYTE(2), BYTE(3), BYTE(4), BYTE(5), BYTE(6), BYTE(7), BYTE(8),
		 BYTE(9), BYTE(10), BYTE(11), BYTE(12), BYTE(13), BYTE(14), BYTE(15),
		 TO_DISK(1024), STATUS) },
	{ "last of the header with the data", OUT_CASE, .sector = 63, PENDING(512),
	  PIECES({ GUEST_HEADER, 15, 0 }, TO_DISK(513), STATUS) },
	{ "header across two regions", IN_CASE, .sector = 63, PENDING(512),
	  PIECES({ GUEST_BORDER - 5, 16, 0 }, FROM_DISK(512), STATUS) },
	{ "data across two regions", IN_CASE, PENDING(1024),
	  PIECES(HEADER, { GUEST_BORDER - 100, 1024, 1 }, STATUS) },
	{ "data and status across two regions", IN_CASE, PENDING(512),
	  PIECES(HEADER, { GUEST_BORDER - 512, 513, 1 }) },
	{ "data in odd pieces", OUT_CASE, PENDING(1024),
	  PIECES(HEADER, TO_DISK(1), { GUEST_DATA + 8191, 510, 0 }, { GUEST_DATA + 3, 513, 0 },
		 STATUS) },
	{ "the same data twice", IN_CASE, PENDING(1024),
	  PIECES(HEADER, FROM_DISK(512), FROM_DISK(512), STATUS) },
	{ "empty descriptors in between", IN_CASE, PENDING(512),
	  PIECES(NOTHING(0), HEADER, NOTHING(0), NOTHING(1), FROM_DISK(512), NOTHING(1), STATUS,
		 NOTHING(1)) },
	{ "two bytes of status are data and status", IN_CASE, ANSWER(IOERR),
	  PIECES(HEADER, { GUEST_STATUS, 2, 1 }) },
	{ "read without data", IN_CASE, ANSWER(OK), PIECES(HEADER, STATUS) },
	{ "write without data", OUT_CASE, ANSWER(OK), PIECES(HEADER, STATUS) },
	/* The direction is the descriptor's: there are no bytes to move. */
	{ "read into read-only data", IN_CASE, ANSWER(OK), PIECES(HEADER, TO_DISK(512), STATUS) },
	{ "write from writable data", OUT_CASE, ANSWER(OK),
	  PIECES(HEADER, FROM_DISK(512), STATUS) },
	{ "read with read-only data besides", IN_CASE, PENDING(512),
	  PIECES(HEADER, { GUEST_DATA + 4096, 99, 0 }, FROM_DISK(512), STATUS) },
	{ "write with writable data besides", OUT_CASE, PENDING(512),
	  PIECES(HEADER, TO_DISK(512), { GUEST_DATA + 4096, 99, 1 }, STATUS) },
	{ "no status", OUT_CASE, BREAKS(NO_STATUS), PIECES(HEADER, TO_DISK(512)) },
	{ "header alone", IN_CASE, BREAKS(NO_STATUS), PIECES(HEADER) },
	{ "read-only status", OUT_CASE, BREAKS(NO_STATUS),
	  PIECES(HEADER, TO_DISK(512), { GUEST_STATUS, 1, 0 }) },
	{ "empty status", IN_CASE, BREAKS(NO_STATUS), PIECES(HEADER, NOTHING(1)) },
	{ "status outside memory", IN_CASE, BREAKS(NO_STATUS),
	  PIECES(HEADER, FROM_DISK(512), { GUEST_END, 1, 1 }) },
	{ "status just outside memory", IN_CASE, BREAKS(NO_STATUS),
	  PIECES(HEADER, { GUEST_END - 512, 513, 1 }) },
	{ "status at an address that wraps", IN_CASE, BREAKS(NO_STATUS),
	  PIECES(HEADER, { ~0ULL, 2, 1 }) },
	{ "status alone", IN_CASE, BREAKS(NO_HEADER), PIECES(STATUS) },
	{ "nothing", IN_CASE, BREAKS(NO_STATUS), PIECES(NOTHING(0)) },
	{ "writable header", IN_CASE, BREAKS(NO_HEADER),
	  PIECES({ GUEST_HEADER, 16, 1 }, FROM_DISK(512), STATUS) },
	{ "header of 15 bytes", IN_CASE, BREAKS(NO_HEADER),
	  PIECES({ GUEST_HEADER, 15, 0 }, FROM_DISK(512), STATUS) },
	{ "header of 15 bytes and a writable one", IN_CASE, BREAKS(NO_HEADER),
	  PIECES({ GUEST_HEADER, 15, 0 }, { GUEST_HEADER + 15, 1, 1 }, FROM_DISK(512), STATUS) },
	{ "header outside memory", IN_CASE, ANSWER(IOERR),
	  PIECES({ 0, 16, 0 }, FROM_DISK(512), STATUS) },
	{ "header half outside memory", IN_CASE, ANSWER(IOERR),
	  PIECES({ GUEST_END - 8, 16, 0 }, FROM_DISK(512), STATUS) },
	{ "data outside memory", IN_CASE, ANSWER(IOERR),
	  PIECES(HEADER, { GUEST_END, 512, 1 }, STATUS) },
	{ "data half outside memory", OUT_CASE, ANSWER(IOERR),
	  PIECES(HEADER, { GUEST_END - 256, 512, 0 }, STATUS) },
	{ "data longer than memory", IN_CASE, ANSWER(IOERR),
	  PIECES(HEADER, FROM_DISK(0xfffffe00), STATUS) },
	{ "header behind writable data", IN_CASE, BREAKS(CHAIN_ORDER),
	  PIECES(FROM_DISK(512), HEADER, STATUS) },
	{ "write, status first", OUT_CASE, BREAKS(CHAIN_ORDER),
	  PIECES(HEADER, STATUS, TO_DISK(512)) },
};

#define OTHER_CASE(on, number, ...) .disk = CASE_DISK_##on, .type = (number), __VA_ARGS__
#define EMPTY PIECES(HEADER, STATUS)

static const struct request_case other_cases[] = {
	{ "FLUSH", OTHER_CASE(512, VIRTIO_BLK_T_FLUSH, EMPTY, PENDING(0)) },
	{ "FLUSH, no cache", OTHER_CASE(BARE, VIRTIO_BLK_T_FLUSH, EMPTY, ANSWER(OK)) },
	{ "FLUSH, read-only", OTHER_CASE(READ_ONLY, VIRTIO_BLK_T_FLUSH, EMPTY, PENDING(0)) },
	{ "FLUSH with a sector", OTHER_CASE(512, VIRTIO_BLK_T_FLUSH, EMPTY, PENDING(0)),
	  .sector = ~0ULL },
	{ "FLUSH with data", OTHER_CASE(512, VIRTIO_BLK_T_FLUSH, PENDING(0)),
	  PIECES(HEADER, TO_DISK(77), { GUEST_DATA + 4096, 99, 1 }, STATUS) },
	{ "FLUSH without status", OTHER_CASE(512, VIRTIO_BLK_T_FLUSH, BREAKS(NO_STATUS)),
	  PIECES(HEADER) },
	{ "GET_ID", OTHER_CASE(512, VIRTIO_BLK_T_GET_ID, ANSWER(OK)),
	  PIECES(HEADER, FROM_DISK(20), STATUS) },
	{ "GET_ID, sector ignored", OTHER_CASE(512, VIRTIO_BLK_T_GET_ID, ANSWER(OK)),
	  .sector = ~0ULL, PIECES(HEADER, FROM_DISK(20), STATUS) },
	{ "GET_ID without room", OTHER_CASE(512, VIRTIO_BLK_T_GET_ID, ANSWER(OK), EMPTY) },
	{ "GET_ID, read-only data", OTHER_CASE(512, VIRTIO_BLK_T_GET_ID, ANSWER(OK)),
	  PIECES(HEADER, TO_DISK(20), STATUS) },
	{ "GET_ID outside memory", OTHER_CASE(512, VIRTIO_BLK_T_GET_ID, ANSWER(IOERR)),
	  PIECES(HEADER, { GUEST_END - 19, 20, 1 }, STATUS) },
	{ "type 2: SCSI_CMD", OTHER_CASE(512, 2, EMPTY, ANSWER(UNSUPP)) },
	{ "type 3", OTHER_CASE(512, 3, EMPTY, ANSWER(UNSUPP)) },
	{ "type 5: FLUSH_OUT of old", OTHER_CASE(512, 5, EMPTY, ANSWER(UNSUPP)) },
	{ "type 10: GET_LIFETIME", OTHER_CASE(512, 10, EMPTY, ANSWER(UNSUPP)) },
	{ "type 14: SECURE_ERASE", OTHER_CASE(512, 14, EMPTY, ANSWER(UNSUPP)) },
	{ "type 15: ZONE_APPEND", OTHER_CASE(512, 15, EMPTY, ANSWER(UNSUPP)) },
	{ "type 256", OTHER_CASE(512, 256, EMPTY, ANSWER(UNSUPP)) },
	{ "IN and the barrier bit", OTHER_CASE(512, 1U << 31, ANSWER(UNSUPP)),
	  PIECES(HEADER, FROM_DISK(512), STATUS) },
	{ "OUT and a high bit", OTHER_CASE(512, 0x10001, ANSWER(UNSUPP)),
	  PIECES(HEADER, TO_DISK(512), STATUS) },
	{ "type of all ones", OTHER_CASE(512, ~0U, EMPTY, ANSWER(UNSUPP)) },
	{ "unknown type without status", OTHER_CASE(512, ~0U, BREAKS(NO_STATUS)),
	  PIECES(HEADER) },
};

#define FIRST8 { 0, 8, 0 }

static const struct request_case range_cases[] = {
	{ "DISCARD", RANGE_CASE(512, DISCARD, 16, RANGES(1, FIRST8), PENDING(16)) },
	{ "DISCARD, header's sector ignored", .sector = ~0ULL,
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, FIRST8), PENDING(16)) },
	{ "DISCARD up to the end",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 63, 1, 0 }), PENDING(16)) },
	{ "DISCARD of all, more than announced",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 0, 64, 0 }), PENDING(16)) },
	{ "DISCARD across the end",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 63, 2, 0 }), ANSWER(IOERR)) },
	{ "DISCARD behind the end",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 64, 1, 0 }), ANSWER(IOERR)) },
	{ "DISCARD of 2^32 - 1 sectors",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 0, ~0U, 0 }), ANSWER(IOERR)) },
	{ "DISCARD, sector overflow",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { ~0ULL, 1, 0 }), ANSWER(IOERR)) },
	{ "DISCARD, sum overflow",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { ~0ULL, 2, 0 }), ANSWER(IOERR)) },
	{ "DISCARD, overflow as bytes",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 1ULL << 55, 8, 0 }), ANSWER(IOERR)) },
	{ "largest disk, DISCARD of 2^32 - 1",
	  RANGE_CASE(LARGEST, DISCARD, 16, RANGES(1, { 1ULL << 54, ~0U, 0 }), PENDING(16)) },
	{ "DISCARD of nothing",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 0, 0, 0 }), PENDING(16)) },
	{ "DISCARD with UNMAP",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 0, 8, 1 }), ANSWER(UNSUPP)) },
	{ "DISCARD with an unknown flag",
	  RANGE_CASE(512, DISCARD, 16, RANGES(1, { 0, 8, 2 }), ANSWER(UNSUPP)) },
	{ "DISCARD, second with a flag",
	  RANGE_CASE(512, DISCARD, 32, RANGES(2, FIRST8, { 0, 8, 1 }), ANSWER(UNSUPP)) },
	{ "DISCARD, third outside",
	  RANGE_CASE(512, DISCARD, 48, RANGES(3, FIRST8, FIRST8, { 60, 5, 0 }), ANSWER(IOERR)) },
	{ "DISCARD of 16 ranges",
	  RANGE_CASE(512, DISCARD, 256, RANGES(16, FIRST8, { 9, 1, 0 }, { 20, 2, 0 }),
		     PENDING(256)) },
	{ "DISCARD of 17 ranges",
	  RANGE_CASE(512, DISCARD, 272, RANGES(17, FIRST8, FIRST8, FIRST8), ANSWER(IOERR)) },
	{ "DISCARD of a million ranges",
	  RANGE_CASE(512, DISCARD, 16 << 20, RANGES(1, FIRST8), ANSWER(IOERR)) },
	{ "DISCARD without ranges", RANGE_CASE(512, DISCARD, 0, ANSWER(IOERR)) },
	{ "DISCARD, range cut short",
	  RANGE_CASE(512, DISCARD, 15, RANGES(1, FIRST8), ANSWER(IOERR)) },
	{ "DISCARD, range and a byte",
	  RANGE_CASE(512, DISCARD, 17, RANGES(1, FIRST8), ANSWER(IOERR)) },
	{ "DISCARD, range and a half",
	  RANGE_CASE(512, DISCARD, 24, RANGES(1, FIRST8), ANSWER(IOERR)) },
	{ "DISCARD from writable data", .type = VIRTIO_BLK_T_DISCARD, ANSWER(IOERR),
	  PIECES(HEADER, FROM_DISK(16), STATUS) },
	{ "DISCARD, read-only disk",
	  RANGE_CASE(READ_ONLY, DISCARD, 16, RANGES(1, FIRST8), ANSWER(IOERR)) },
	{ "DISCARD not offered",
	  RANGE_CASE(BARE, DISCARD, 16, RANGES(1, FIRST8), ANSWER(UNSUPP)) },
	{ "4K: DISCARD", RANGE_CASE(4K, DISCARD, 16, RANGES(1, FIRST8), PENDING(16)) },
	{ "4K: DISCARD of part of a block",
	  RANGE_CASE(4K, DISCARD, 16, RANGES(1, { 0, 7, 0 }), ANSWER(IOERR)) },
	{ "4K: DISCARD between blocks",
	  RANGE_CASE(4K, DISCARD, 16, RANGES(1, { 4, 8, 0 }), ANSWER(IOERR)) },
	{ "ranges behind the header", .type = VIRTIO_BLK_T_DISCARD, PENDING(32),
	  RANGES(2, FIRST8, { 9, 1, 0 }), PIECES({ GUEST_HEADER, 48, 0 }, STATUS) },
	{ "ranges in odd pieces", .type = VIRTIO_BLK_T_WRITE_ZEROES, PENDING(48),
	  RANGES(3, { 1, 2, 0 }, { 3, 4, 1 }, { 5, 6, 0 }),
	  PIECES(HEADER, TO_DISK(7), { GUEST_DATA + 100, 1, 0 }, { GUEST_DATA + 200, 23, 0 },
		 { GUEST_BORDER - 3, 17, 0 }, STATUS) },
	{ "WRITE_ZEROES", RANGE_CASE(512, WRITE_ZEROES, 16, RANGES(1, FIRST8), PENDING(16)) },
	{ "WRITE_ZEROES with UNMAP",
	  RANGE_CASE(512, WRITE_ZEROES, 16, RANGES(1, { 0, 8, 1 }), PENDING(16)) },
	{ "WRITE_ZEROES, flag 2",
	  RANGE_CASE(512, WRITE_ZEROES, 16, RANGES(1, { 0, 8, 2 }), ANSWER(UNSUPP)) },
	{ "WRITE_ZEROES, flags 3",
	  RANGE_CASE(512, WRITE_ZEROES, 16, RANGES(1, { 0, 8, 3 }), ANSWER(UNSUPP)) },
	{ "WRITE_ZEROES, last flag",
	  RANGE_CASE(512, WRITE_ZEROES, 16, RANGES(1, { 0, 8, 1U << 31 }), ANSWER(UNSUPP)) },
	{ "WRITE_ZEROES of all",
	  RANGE_CASE(512, WRITE_ZEROES, 16, RANGES(1, { 0, 64, 0 }), PENDING(16)) },
	{ "WRITE_ZEROES across the end",
	  RANGE_CASE(512, WRITE_ZEROES, 16, RANGES(1, { 0, 65, 0 }), ANSWER(IOERR)) },
	{ "WRITE_ZEROES of 16 ranges",
	  RANGE_CASE(512, WRITE_ZEROES, 256, RANGES(16, FIRST8, { 9, 1, 1 }, { 20, 2, 0 }),
		     PENDING(256)) },
	{ "WRITE_ZEROES of 17 ranges",
	  RANGE_CASE(512, WRITE_ZEROES, 272, RANGES(17, FIRST8, FIRST8, FIRST8),
		     ANSWER(IOERR)) },
	{ "WRITE_ZEROES without ranges", RANGE_CASE(512, WRITE_ZEROES, 0, ANSWER(IOERR)) },
	{ "WRITE_ZEROES, read-only disk",
	  RANGE_CASE(READ_ONLY, WRITE_ZEROES, 16, RANGES(1, FIRST8), ANSWER(IOERR)) },
	{ "WRITE_ZEROES not offered",
	  RANGE_CASE(BARE, WRITE_ZEROES, 16, RANGES(1, FIRST8), ANSWER(UNSUPP)) },
};

/* clang-format on */

struct request_case_group {
	const struct request_case *cases;
	__u32 count;
};

#define CASE_GROUP(cases) { (cases), sizeof(cases) / sizeof((cases)[0]) }

/* case_range() - range @at of a case */
static inline const struct case_range *case_range(const struct request_case *one, __u32 at)
{
	return &one->range[at < CASE_RANGES ? at : CASE_RANGES - 1];
}

/*
 * case_place() - put a case's header and ranges into its readable pieces, as a driver does
 *
 * Bytes for which there is no memory, or no room, are dropped.
 */
static inline void case_place(const struct guest *guest, const struct request_case *one)
{
	struct {
		struct virtio_blk_outhdr header;
		struct virtio_blk_discard_write_zeroes range[DISK_RANGES_MAX + 1];
	} bytes;

	memset(&bytes, 0, sizeof(bytes));
	bytes.header.type = cpu_to_le32(one->type);
	bytes.header.sector = cpu_to_le64(one->sector);
	for (__u32 i = 0; i < one->ranges; i++) {
		bytes.range[i].sector = cpu_to_le64(case_range(one, i)->sector);
		bytes.range[i].num_sectors = cpu_to_le32(case_range(one, i)->sectors);
		bytes.range[i].flags = cpu_to_le32(case_range(one, i)->flags);
	}
	guest_scatter(guest, one->piece, one->pieces, &bytes,
		      sizeof(bytes.header) + one->ranges * sizeof(bytes.range[0]));
}

#endif
