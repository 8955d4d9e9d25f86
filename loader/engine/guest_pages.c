// SPDX-License-Identifier: GPL-2.0-only
#include "guest_pages.h"

#include <liburing.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bpf_util.h"
#include "direct_maps.h"

struct guest_pages {
	struct guest_page *slot;  /* [GUEST_PAGES], the map's memory */
	int fd[LOAD_PAGES_COUNT]; /* programs, by enum load_pages_fd; -1 before */
	struct io_uring ring;	  /* serves nothing: a slot's page is its buffer of this index */
	bool ring_opened;
	struct guest_pages_args args;
};

static int run(struct guest_pages *pages, int program_fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &pages->args,
		    .ctx_size_in = sizeof(pages->args));

	return bpf_prog_test_run_opts(program_fd, &opts) ? -errno : (int)opts.retval;
}

/* The ring has the page at @hva for the slot, 0 for none, whatever it had; 0 or -errno. */
static int update(struct guest_pages *pages, uint32_t slot, uint64_t hva)
{
	struct iovec page = { (void *)(uintptr_t)hva, hva ? GUEST_PAGE : 0 };
	__u64 tag = 0;
	int count = io_uring_register_buffers_update_tag(&pages->ring, slot, &page, &tag, 1);

	return min(count, 0);
}

/* Pin the page at @hva in place of the slot's, if that can be; 0 for none. Return: 0 or -errno. */
static int pin(struct guest_pages *pages, uint32_t slot, uint64_t hva)
{
	struct guest_page *page = &pages->slot[slot];
	int err;

	/* Who reads it now finds the turn over when it has read. */
	store_once(&page->hva, 0);
	__atomic_fetch_add(&page->turn, 1, __ATOMIC_SEQ_CST);
	err = update(pages, slot, hva);
	if (err && page->pinned)
		update(pages, slot, 0);
	page->pinned = err ? 0 : hva;
	return err;
}

/* Whether the slot's page is to give way to one that is wanted. */
static bool gives_way(struct guest_page *page, uint64_t wanted)
{
	if (!page->hva || page->hva == wanted)
		return true;
	if (!load_once(&page->used))
		return true;
	store_once(&page->used, 0);
	return false;
}

uint32_t guest_pages_step(struct guest_pages *pages)
{
	uint32_t came = 0, pinned = 0;

	for (uint32_t i = 0; i < GUEST_PAGES; i++) {
		struct guest_page *page = &pages->slot[i];
		uint64_t wanted = load_once(&page->wanted), had = page->hva;

		if (!wanted)
			continue;
		store_once(&page->wanted, 0);
		if (!gives_way(page, wanted) || pin(pages, i, wanted))
			continue;
		pinned++;
		came += !had;
	}
	if (pinned && run(pages, pages->fd[LOAD_PAGES_FIND]))
		return 0;
	return came;
}

void guest_pages_forget(struct guest_pages *pages)
{
	for (uint32_t i = 0; i < GUEST_PAGES; i++) {
		store_once(&pages->slot[i].wanted, 0);
		if (pages->slot[i].pinned)
			pin(pages, i, 0);
	}
}

uint32_t guest_pages_count(const struct guest_pages *pages)
{
	uint32_t count = 0;

	for (uint32_t i = 0; pages && i < GUEST_PAGES; i++)
		count += pages->slot[i].hva != 0;
	return count;
}

/* With a page of which it is known what is in it, and then with the page gone from its file. */
static int try_page(struct guest_pages *pages, uint64_t *words, int file)
{
	uint64_t hva = (uintptr_t)words;
	int err;

	for (uint32_t i = 0; i < GUEST_PAGE / sizeof(*words); i++)
		words[i] = (uintptr_t)&words[i];
	pages->args.try_hva = hva;
	pages->slot[guest_page_slot(hva)].wanted = hva;
	guest_pages_step(pages);
	err = run(pages, pages->fd[LOAD_PAGES_TRY]);
	if (!err && ftruncate(file, 0))
		err = -errno;
	if (!err && run(pages, pages->fd[LOAD_PAGES_TRY]) != -EINVAL)
		err = -EOPNOTSUPP;
	guest_pages_forget(pages);
	return err;
}

static int try_one(struct guest_pages *pages)
{
	_cleanup_close_ int file = memfd_create("nvring-page", MFD_CLOEXEC);
	uint64_t *words;
	int err;

	if (file < 0 || ftruncate(file, GUEST_PAGE))
		return -errno;
	words = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (words == MAP_FAILED)
		return -errno;
	err = try_page(pages, words, file);
	munmap(words, GUEST_PAGE);
	return err;
}

static int load(struct guest_pages *pages, struct loader *loader)
{
	struct load_reply reply;
	int err = loader_ask(loader, LOAD_PAGES, 0, &reply);

	load_reply_take_all(&reply, pages->fd, LOAD_PAGES_COUNT);
	return err;
}

static int open_ring(struct guest_pages *pages)
{
	int err = io_uring_queue_init(1, &pages->ring, 0);

	if (err)
		return err;
	pages->ring_opened = true;
	return io_uring_register_buffers_sparse(&pages->ring, GUEST_PAGES);
}

int guest_pages_open(struct loader *loader, struct direct_maps *maps,
		     struct guest_pages **ret_pages)
{
	struct guest_pages *pages = calloc(1, sizeof(*pages));
	int err;

	if (!pages)
		return -ENOMEM;
	pages->slot = maps->pages;
	memset(pages->fd, -1, sizeof(pages->fd));
	err = open_ring(pages);
	pages->args.ring_fd = (uint32_t)pages->ring.ring_fd;
	if (!err)
		err = load(pages, loader);
	if (!err)
		err = try_one(pages);
	if (err) {
		guest_pages_close(pages);
		return err;
	}
	*ret_pages = pages;
	return 0;
}

void guest_pages_close(struct guest_pages *pages)
{
	if (!pages)
		return;
	if (pages->ring_opened) {
		guest_pages_forget(pages); /* at once; the ring's own end may come later */
		io_uring_queue_exit(&pages->ring);
	}
	for (uint32_t i = 0; i < LOAD_PAGES_COUNT; i++)
		fd_close(pages->fd[i]);
	free(pages);
}
