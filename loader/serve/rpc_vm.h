/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What one VM's process can be asked for:
 *
 *   status                     the VM, its disk and its queues (status.h)
 *   set {"engine": NAME, "queue": N}   which engine serves queue N, or without "queue" all of them
 *   set {"moderation": BOOL, "patience": BOOL, "wake_halted": BOOL, "placement": BOOL,
 *        "spin_us": N, "iops": TEXT, "bw": TEXT}
 *                              as the options of serve; any of them, with "engine"
 *   trace {"every": N}         follow one request in N of each queue, until some seconds after the
 *        last call; the answer has those that were since the last one (trace_json.h); 0: no more
 *   resize {"bytes": N}        resize.h
 *   share {"percent": P, "rbps": NS, "wbps": NS, "riops": NS, "wiops": NS}   the VM has P percent
 * of the drive's time for two seconds, of which a byte, a request takes so many ns; without
 * "percent": all. The answer has what it did so far (vm_share.h)
 */
#ifndef NVRING_RPC_VM_H
#define NVRING_RPC_VM_H

struct rpc_service;
struct vm;

/* rpc_vm_service() - the methods of this VM */
void rpc_vm_service(struct vm *vm, struct rpc_service *ret_service);

#endif
