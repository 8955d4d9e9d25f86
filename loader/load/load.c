// SPDX-License-Identifier: GPL-2.0-only
#include "load.h"

#include <string.h>

#include "base/util.h"

void load_reply_init(struct load_reply *reply)
{
	*reply = (struct load_reply){ 0 };
	memset(reply->fd, -1, sizeof(reply->fd));
}

int load_reply_take(struct load_reply *reply, uint32_t index)
{
	return fd_steal(&reply->fd[index]);
}

void load_reply_take_all(struct load_reply *reply, int *ret_fds, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ret_fds[i] = load_reply_take(reply, i);
}

int load_reply_refuse(const struct load_reply *reply, int err, char ret_why[WHY_BYTES])
{
	memcpy(ret_why, reply->why, WHY_BYTES);
	return err;
}

void load_reply_close(struct load_reply *reply)
{
	for (uint32_t i = 0; i < LOAD_FDS_MAX; i++)
		reply->fd[i] = fd_close(reply->fd[i]);
}
