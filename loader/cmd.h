/* SPDX-License-Identifier: GPL-2.0-only */
/* The subcommands of nvring. Each parses its own options with argp and returns an exit status. */
#ifndef NVRING_CMD_H
#define NVRING_CMD_H

struct json_object;

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

/**
 * cmd_serve() - `nvring serve`: one VM's disk in the foreground
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status, 0 after SIGTERM or SIGINT.
 */
int cmd_serve(int argc, char **argv);

/**
 * cmd_features() - `nvring features`: what this kernel and machine allow
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_features(int argc, char **argv);

/**
 * cmd_status() - `nvring status`: what a daemon is doing
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_status(int argc, char **argv);

/**
 * cmd_top() - `nvring top`: live rates and latencies of VMs
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_top(int argc, char **argv);

/**
 * cmd_metrics() - `nvring metrics`: what daemons count, for Prometheus
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_metrics(int argc, char **argv);

/* cmd_resize() - `nvring resize`: the disk of a running VM grows; arguments and return as cmd_set()
 */
int cmd_resize(int argc, char **argv);

/**
 * cmd_trace() - `nvring trace`: single requests, stage by stage
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_trace(int argc, char **argv);

/**
 * cmd_set() - `nvring set`: change what a daemon does
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_set(int argc, char **argv);

/**
 * cmd_daemon() - `nvring daemon`: the manager of a host's VMs
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_daemon(int argc, char **argv);

/**
 * cmd_attach() - `nvring attach`: have the manager serve a VM's disk
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_attach(int argc, char **argv);

/**
 * cmd_detach() - `nvring detach`: end that
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_detach(int argc, char **argv);

/**
 * cmd_restart() - `nvring restart`: start VMs' processes again, with what is new
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_restart(int argc, char **argv);

/**
 * cmd_list() - `nvring list`: the VMs that are attached
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_list(int argc, char **argv);

/**
 * cmd_reload() - `nvring reload`: have the manager read its configuration directory
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_reload(int argc, char **argv);

/**
 * cmd_events() - `nvring events`: what happens to VMs, as it happens
 * @argc: arguments, the subcommand's name first
 * @argv: likewise
 *
 * Return: exit status.
 */
int cmd_events(int argc, char **argv);

#endif
