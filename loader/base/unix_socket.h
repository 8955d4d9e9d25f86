/* SPDX-License-Identifier: GPL-2.0-only */
/* Unix stream sockets: the front-end's and the control socket. */
#ifndef NVRING_UNIX_SOCKET_H
#define NVRING_UNIX_SOCKET_H

#include <stdint.h>
#include <sys/types.h>

/**
 * unix_socket_listen() - create a listening socket
 * @option: names the path in messages, such as "--socket"
 * @path: where; a socket that nobody listens on any more is replaced
 * @mode: of the socket's file from the first moment on, 0 as the umask says
 *
 * Return: the socket, non-blocking, or -errno; the cause is logged.
 */
int unix_socket_listen(const char *option, const char *path, mode_t mode);

/**
 * unix_socket_folder() - be able to remove a socket's file from anywhere
 * @path: of the socket, or NULL
 *
 * Return: its directory, O_PATH, -1 without a path, or -errno.
 */
int unix_socket_folder(const char *path);

/* unix_socket_remove() - remove the file @path from the directory that unix_socket_folder() gave */
void unix_socket_remove(int folder, const char *path);

/**
 * unix_socket_receive() - create a socket for datagrams, whose senders are known
 * @path: where; what is there is replaced
 *
 * For its own user alone, each datagram with SCM_CREDENTIALS.
 * Return: the socket, non-blocking, or -errno.
 */
int unix_socket_receive(const char *path);

/**
 * unix_socket_tell() - send a datagram to such a socket
 * @path: where
 * @text: the datagram
 *
 * Nobody waits, as sd_notify() would, for a receiver that hangs: it is not told then.
 */
void unix_socket_tell(const char *path, const char *text);

/**
 * unix_socket_connect() - connect to a listening socket
 * @path: where
 * @patience_ms: how long to wait for a listener that does not take those who wait already; 0: not
 *	at all, nor for anything else on the socket
 *
 * Return: the socket, blocking but with 0, -EAGAIN when that was too long, or -errno.
 */
int unix_socket_connect(const char *path, uint32_t patience_ms);

#endif
