/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subcommands of nvring. Each parses its own options with argp, from its arguments, its name
 * first, and returns an exit status.
 */
#ifndef NVRING_CMD_H
#define NVRING_CMD_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

struct json_object;

/**
 * cmd_number() - an option's value; ends the program where that is none
 * @state: argp's
 * @option: its name, with dashes
 * @text: the value
 * @least: smallest allowed
 * @most: largest
 */
uint64_t cmd_number(struct argp_state *state, const char *option, const char *text, uint64_t least,
		    uint64_t most);

/* cmd_parse_child() - argp parser of a subcommand whose options are all its first child's */
error_t cmd_parse_child(int key, char *argument, struct argp_state *state);

/* cmd_print_json() - for --json, on stdout */
void cmd_print_json(struct json_object *object);

/**
 * cmd_printed() - a subcommand has printed all it has to
 * @command: its name, for the log
 * @status: exit status, if all of it could be written
 *
 * Return: exit status.
 */
int cmd_printed(const char *command, int status);

/* cmd_catch_stop() - SIGINT and SIGTERM end a wait, and not the program, from now on */
void cmd_catch_stop(void);

/* cmd_stopped() - whether one of them came */
bool cmd_stopped(void);

/* cmd_serve() - `nvring serve`: one VM's disk in the foreground; 0 after SIGTERM or SIGINT */
int cmd_serve(int argc, char **argv);

/* cmd_features() - `nvring features`: what this kernel and machine allow */
int cmd_features(int argc, char **argv);

/* cmd_status() - `nvring status`: what a daemon is doing */
int cmd_status(int argc, char **argv);

/* cmd_top() - `nvring top`: live rates and latencies of VMs */
int cmd_top(int argc, char **argv);

/* cmd_metrics() - `nvring metrics`: what daemons count, for Prometheus */
int cmd_metrics(int argc, char **argv);

/* cmd_drives() - `nvring drives`: how long NVMe drives take, by queue */
int cmd_drives(int argc, char **argv);

/* cmd_resize() - `nvring resize`: the disk of a running VM grows */
int cmd_resize(int argc, char **argv);

/* cmd_trace() - `nvring trace`: single requests, stage by stage */
int cmd_trace(int argc, char **argv);

/* cmd_set() - `nvring set`: change what a daemon does */
int cmd_set(int argc, char **argv);

/* cmd_daemon() - `nvring daemon`: the manager of a host's VMs */
int cmd_daemon(int argc, char **argv);

/* cmd_attach() - `nvring attach`: have the manager serve a VM's disk */
int cmd_attach(int argc, char **argv);

/* cmd_detach() - `nvring detach`: end that */
int cmd_detach(int argc, char **argv);

/* cmd_restart() - `nvring restart`: start VMs' processes again, with what is new */
int cmd_restart(int argc, char **argv);

/* cmd_list() - `nvring list`: the VMs that are attached */
int cmd_list(int argc, char **argv);

/* cmd_reload() - `nvring reload`: have the manager read its configuration directory */
int cmd_reload(int argc, char **argv);

/* cmd_events() - `nvring events`: what happens to VMs, as it happens */
int cmd_events(int argc, char **argv);

#endif
