/* SPDX-License-Identifier: GPL-2.0-only */
/* When a VM's pages are looked after that BPF reads in place (guest_pages.h). Control thread only.
 */
#ifndef NVRING_VM_PAGES_H
#define NVRING_VM_PAGES_H

#include <stdint.h>
#include <systemd/sd-event.h>

struct vm;

/* vm_pages_open() - set up, pinning nothing; 0 or -errno. Without, BPF copies. */
int vm_pages_open(sd_event *event, struct vm *vm);

/* vm_pages_close() - vm->pages is gone */
void vm_pages_close(struct vm *vm);

/* vm_pages_begin() - there are maps of BPF: see whether pages can be read in place */
void vm_pages_begin(struct vm *vm);

/* vm_pages_wake() - BPF serves a queue from now on: look often at what it copies */
void vm_pages_wake(struct vm *vm);

/* vm_pages_forget() - guest memory is another, and no queue runs */
void vm_pages_forget(struct vm *vm);

/* vm_pages_end() - the maps of BPF are about to go */
void vm_pages_end(struct vm *vm);

/* vm_pages_count() - how many BPF reads in place */
uint32_t vm_pages_count(const struct vm *vm);

#endif
