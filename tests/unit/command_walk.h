/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Goes through all commands of a request, with results drawn at random, and checks each against
 * what was asked: confined to the VM's range, within the device's limits, its memory the
 * request's, nothing left out and nothing twice.
 */
#ifndef NVRING_UNIT_COMMAND_WALK_H
#define NVRING_UNIT_COMMAND_WALK_H

#include "completion.h"
#include "random_request.h"

struct walk {
	struct guest *guest;
	uint64_t random;
	struct disk disk;
	struct random_request one;
	uint64_t done;	     /* bytes of data, or of the current range */
	uint32_t range;	     /* current one */
	uint32_t flushes;    /* that succeeded */
	bool deallocated;    /* all ranges, by one command */
	bool odd;	     /* a short transfer ended within a block */
	bool failed;	     /* an error was injected that ends the request */
	bool refused;	     /* fallocate was */
	bool again;	     /* the command is the last one once more */
	struct command last; /* to compare with */
	uint32_t tries;	     /* of the command under way */
};

static uint64_t counted[16]; /* commands by op, for the comment at the end */

#define holds(condition)                                                                  \
	do {                                                                              \
		if (!(condition))                                                         \
			fail_msg("type %u, op %u at %#llx, %#llx bytes, %llu done: "      \
				 "not " #condition,                                       \
				 walk->one.type, walk->guest->request.command.op,         \
				 (unsigned long long)walk->guest->request.command.offset, \
				 (unsigned long long)walk->guest->request.command.bytes,  \
				 (unsigned long long)walk->done);                         \
	} while (0)

/* The one thing that must never fail. */
static inline void is_confined(const struct walk *walk, uint64_t offset, uint64_t bytes)
{
	const struct disk *disk = &walk->disk;

	holds(offset >= disk->offset);
	holds((unsigned __int128)offset + bytes <=
	      (unsigned __int128)disk->offset + (unsigned __int128)disk->sectors * 512);
}

/* The same of what the drive is told. */
static inline void is_confined_on_the_wire(const struct walk *walk)
{
	const struct command *command = &walk->guest->request.command;
	uint32_t shift = walk->disk.block_shift;
	struct nvme_uring_cmd cmd;
	uint64_t lba, blocks;

	nvme_fill(&walk->disk, command, &cmd);
	if (command->op == COMMAND_FLUSH || command->op == COMMAND_DEALLOCATE)
		return;
	lba = cmd.cdw10 | (uint64_t)cmd.cdw11 << 32;
	blocks = (cmd.cdw12 & 0xffff) + 1;
	is_confined(walk, lba << shift, blocks << shift);
	holds(lba << shift == command->offset);
	holds(blocks << shift == command->bytes);
}

/* Pages a run of memory touches. */
static inline uint64_t fragments(uint64_t addr, uint64_t len)
{
	return (addr + len + 4095) / 4096 - addr / 4096;
}

/* Segment @at of a command, wherever it has them. */
static inline struct segment command_segment(const struct walk *walk, uint32_t at)
{
	const struct request *request = &walk->guest->request;
	const struct command *command = &request->command;

	if (command->count == 1)
		return (struct segment){ command->addr, command->bytes };
	holds(command->addr >= (uintptr_t)request->chain.segment);
	holds(command->addr + command->count * sizeof(struct segment) <=
	      (uintptr_t)(request->chain.segment + CHAIN_SEGMENTS));
	return ((const struct segment *)(uintptr_t)command->addr)[at];
}

/* The command's memory is the request's, from byte @done on and in order. */
static inline void is_its_memory(const struct walk *walk)
{
	const struct command *command = &walk->guest->request.command;
	const struct random_request *one = &walk->one;
	uint64_t skip = walk->done, sum = 0, pages = 0;
	uint32_t extent = 0;

	while (extent < one->extent_count && skip >= one->extent[extent].len)
		skip -= one->extent[extent++].len;
	holds(command->count > 0);
	for (uint32_t i = 0; i < command->count; i++) {
		struct segment segment = command_segment(walk, i);

		sum += segment.len;
		pages += fragments(segment.addr, segment.len);
		if (!(command->flags & COMMAND_BOUNCE))
			holds(!((segment.addr | segment.len) & (walk->disk.memory_align - 1)));
		/* A segment may be cut, but never go on into the next extent. */
		holds(extent < one->extent_count);
		holds(segment.len && segment.addr == one->extent[extent].addr + skip);
		holds(segment.len <= one->extent[extent].len - skip);
		skip += segment.len;
		if (skip == one->extent[extent].len) {
			extent++;
			skip = 0;
		} else {
			holds(i + 1 == command->count);
		}
	}
	holds(sum == command->bytes);
	if (!(command->flags & COMMAND_BOUNCE))
		holds(pages <= walk->disk.max_segments ||
		      command->bytes <= 1ULL << walk->disk.block_shift);
}

static inline void is_transfer(const struct walk *walk)
{
	const struct command *command = &walk->guest->request.command;
	const struct disk *disk = &walk->disk;
	bool out = walk->one.type == VIRTIO_BLK_T_OUT;
	uint64_t left = walk->one.data_len - walk->done, most;

	holds(command->op == (out ? COMMAND_WRITE : COMMAND_READ));
	holds(!(command->flags & COMMAND_DURABLE) == !(out && disk->flags & DISK_WRITE_THROUGH));
	holds(!(command->flags & ~(COMMAND_DURABLE | COMMAND_BOUNCE)));
	holds(command->offset == disk->offset + walk->one.sector * 512 + walk->done);
	holds(command->bytes && command->bytes <= left);
	holds(walk->odd || !(command->bytes & disk_block_mask(disk)));
	if (command->flags & COMMAND_BOUNCE) {
		holds(disk->memory_align > 1);
		holds(command->bytes ==
		      (left < COMMAND_BOUNCE_BYTES ? left : COMMAND_BOUNCE_BYTES));
	} else {
		holds(command->bytes <= disk->max_transfer);
	}
	is_its_memory(walk);
	if (!walk->one.pages || walk->odd || walk->done % 4096)
		return;
	/* Whole pages: as large as the limits allow, no smaller. */
	most = 4096ULL * disk->max_segments;
	most = (most < disk->max_transfer ? most : disk->max_transfer) &
	       ~(uint64_t)disk_block_mask(disk);
	if (!most)
		most = 1ULL << disk->block_shift;
	holds(command->bytes == (left < most ? left : most));
}

static inline void is_deallocate(const struct walk *walk)
{
	const struct request *request = &walk->guest->request;
	const struct request_dsm_range *dsm = (const void *)(uintptr_t)request->command.addr;
	uint32_t shift = walk->disk.block_shift;

	holds(dsm == request->dsm);
	holds(request->command.count == walk->one.range_count);
	holds(request->command.bytes == 16 * walk->one.range_count);
	for (uint32_t i = 0; i < walk->one.range_count; i++) {
		const struct virtio_blk_discard_write_zeroes *range = &walk->one.range[i];
		uint64_t offset = le64_to_cpu(dsm[i].lba) << shift;
		uint64_t bytes = (uint64_t)le32_to_cpu(dsm[i].blocks) << shift;

		is_confined(walk, offset, bytes);
		holds(offset == walk->disk.offset + le64_to_cpu(range->sector) * 512);
		holds(bytes == le32_to_cpu(range->num_sectors) * 512ULL);
		holds(dsm[i].attributes == 0);
	}
}

static inline uint64_t range_bytes(const struct walk *walk)
{
	return le32_to_cpu(walk->one.range[walk->range].num_sectors) * 512ULL;
}

/* A piece of the current range of DISCARD or WRITE_ZEROES. */
static inline void is_piece_of_range(const struct walk *walk)
{
	const struct command *command = &walk->guest->request.command;
	const struct virtio_blk_discard_write_zeroes *range = &walk->one.range[walk->range];
	bool discard = walk->one.type == VIRTIO_BLK_T_DISCARD;
	bool unmap = discard || le32_to_cpu(range->flags) & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	uint64_t left = range_bytes(walk) - walk->done, most = left;

	holds(walk->range < walk->one.range_count);
	holds(!(command->flags & COMMAND_DURABLE) == !(walk->disk.flags & DISK_WRITE_THROUGH));
	holds(!(command->flags & COMMAND_UNMAP) == !unmap);
	holds(command->offset == walk->disk.offset + le64_to_cpu(range->sector) * 512 + walk->done);
	if (walk->refused) {
		holds(command->op == COMMAND_WRITE_ZERO_BUFFER && !discard);
		most = COMMAND_BOUNCE_BYTES;
	} else if (walk->disk.kind == DISK_NVME) {
		holds(command->op == COMMAND_ZERO && !discard);
		most = walk->disk.max_zeroes * 512ULL;
	} else {
		holds(command->op == COMMAND_FALLOCATE);
		/* PUNCH_HOLE or ZERO_RANGE, with KEEP_SIZE: linux/falloc.h */
		holds(command->mode == (unmap ? 0x03 : 0x11));
	}
	holds(command->bytes && command->bytes == (left < most ? left : most));
}

/* Ranges that are done or empty are passed over. */
static inline void next_range(struct walk *walk)
{
	while (walk->range < walk->one.range_count && walk->done == range_bytes(walk)) {
		walk->range++;
		walk->done = 0;
	}
}

static inline void check_command(struct walk *walk)
{
	const struct command *command = &walk->guest->request.command;

	if (walk->again)
		assert_memory_equal(command, &walk->last, sizeof(*command));
	walk->last = *command;
	counted[command->op & 15]++;
	if (command->op == COMMAND_FLUSH) {
		/* By itself, or after zeroes that have no other way to be durable. */
		holds(walk->one.type == VIRTIO_BLK_T_FLUSH ||
		      (walk->one.type == VIRTIO_BLK_T_WRITE_ZEROES &&
		       walk->disk.kind != DISK_NVME && walk->disk.flags & DISK_WRITE_THROUGH &&
		       walk->range == walk->one.range_count));
		holds(!walk->flushes);
		return;
	}
	if (command->op == COMMAND_DEALLOCATE) {
		holds(walk->one.type == VIRTIO_BLK_T_DISCARD && walk->disk.kind == DISK_NVME);
		holds(!walk->deallocated);
		is_deallocate(walk);
		return;
	}
	is_confined(walk, command->offset, command->bytes);
	if (walk->disk.kind == DISK_NVME)
		is_confined_on_the_wire(walk);
	if (walk->one.type == VIRTIO_BLK_T_IN || walk->one.type == VIRTIO_BLK_T_OUT)
		is_transfer(walk);
	else
		is_piece_of_range(walk);
}

/* A result of the kernel's, mostly success; walk->failed when it ends the request. */
static inline int draw_result(struct walk *walk, bool *ret_again)
{
	const struct command *command = &walk->guest->request.command;
	bool nvme = walk->disk.kind == DISK_NVME;
	bool moves = !nvme && (command->op == COMMAND_READ || command->op == COMMAND_WRITE ||
			       command->op == COMMAND_WRITE_ZERO_BUFFER);
	uint64_t unit = walk->disk.memory_align > 1 ? 1ULL << walk->disk.block_shift : 1;

	*ret_again = one_in(&walk->random, 20);
	if (*ret_again) {
		/* 0x371: ANA transition, which a path change makes pass. */
		walk->failed = ++walk->tries > COMMAND_RETRIES;
		*ret_again = !walk->failed;
		return nvme && one_in(&walk->random, 2) ? 0x371 : -EAGAIN;
	}
	walk->tries = 0;
	walk->failed = one_in(&walk->random, 300);
	if (walk->failed)
		return nvme && one_in(&walk->random, 2) ? 0x4000 | 0x281 : -EIO;
	if (command->op == COMMAND_FALLOCATE && one_in(&walk->random, 4)) {
		walk->refused = true;
		return -EOPNOTSUPP;
	}
	if (moves && one_in(&walk->random, 5) && command->bytes > unit)
		return (int)(unit * (1 + unit_below(&walk->random, command->bytes / unit)));
	return moves ? (int)command->bytes : 0;
}

/* What a success did. */
static inline void account(struct walk *walk, int result)
{
	switch (walk->last.op) {
	case COMMAND_FLUSH:
		walk->flushes++;
		break;
	case COMMAND_DEALLOCATE:
		walk->deallocated = true;
		walk->range = walk->one.range_count;
		break;
	case COMMAND_FALLOCATE:
		if (result)
			break;
		/* fallthrough */
	default:
		walk->done += result ? (uint64_t)result : walk->last.bytes;
		if (walk->done & disk_block_mask(&walk->disk))
			walk->odd = true;
	}
	next_range(walk);
}

/* All of it was done, none of it twice. */
static inline void is_complete(const struct walk *walk)
{
	bool durable_zeroes = walk->one.type == VIRTIO_BLK_T_WRITE_ZEROES &&
			      walk->disk.kind != DISK_NVME && walk->disk.flags & DISK_WRITE_THROUGH;

	if (walk->failed) {
		holds(walk->guest->request.status == VIRTIO_BLK_S_IOERR);
		return;
	}
	holds(walk->guest->request.status == VIRTIO_BLK_S_OK);
	holds(walk->flushes == (walk->one.type == VIRTIO_BLK_T_FLUSH || durable_zeroes));
	/* A discard is a hint: refused, it is over. */
	if (walk->refused && walk->one.type == VIRTIO_BLK_T_DISCARD)
		return;
	holds(walk->range == walk->one.range_count);
	holds(walk->done == walk->one.data_len || walk->one.range_count);
}

static inline void run_commands(struct walk *walk)
{
	struct request *request = &walk->guest->request;
	enum command_step step = command_next(&walk->disk, request);
	bool only = step == COMMAND_SEND && command_only(&walk->disk, request);
	/* Generous: each command does a byte at least, or is one of a few others. */
	uint64_t most = 1000000;

	next_range(walk);
	while (step == COMMAND_SEND || step == COMMAND_AGAIN) {
		bool again;
		int result;

		check_command(walk);
		result = draw_result(walk, &again);
		step = command_completed(&walk->disk, request, result);
		holds((step == COMMAND_AGAIN) == again);
		holds(!walk->failed || step == COMMAND_DONE);
		if (!again && !walk->failed) {
			account(walk, result);
			/* Unless short or refused, which tells another story. */
			if (only && (!result || result == (int)walk->last.bytes))
				holds(step == COMMAND_DONE);
			only = false;
		}
		walk->again = again;
		holds(most--);
	}
	holds(step == COMMAND_DONE);
	is_complete(walk);
}

#endif
