/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the manager can be asked for:
 *
 *   attach {"vm": NAME, "options": {NAME: TEXT, ...}}   serve a VM's disk, options as `nvring
 *		attach` has them; answered when it is served, or cannot be; again with the same
 *		options it does nothing
 *   detach {"vm": NAME}   finish what is under way and end; answered when it has
 *   restart {"vm": NAME}  the VM's process, with changed settings; answered when it serves again
 *   list                  [VM, ...], each as vm_process_json()
 *   reload                read the configuration directory (manager_apply_config())
 *   events                notifications "event" {"time", "vm", "event", "detail"} until the manager
 *		ends. Events: attached, adopted, connected, disconnected, died, restarted, failed,
 *		changed, gone (its cgroup was removed), detached
 */
#ifndef NVRING_RPC_MANAGER_H
#define NVRING_RPC_MANAGER_H

struct manager;
struct rpc_service;

/* rpc_manager_service() - the methods of this manager */
void rpc_manager_service(struct manager *manager, struct rpc_service *ret_service);

/* rpc_manager_event() - tell the followers */
void rpc_manager_event(struct manager *manager, const char *vm, const char *what,
		       const char *detail);

/* rpc_manager_end() - nobody is answered any more */
void rpc_manager_end(struct manager *manager);

#endif
