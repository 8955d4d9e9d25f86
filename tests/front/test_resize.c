// SPDX-License-Identifier: GPL-2.0-only
/* A disk that grows under a driver: when it is told, what it reaches before and after, what is
 * refused. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "front.h"

#define IMAGE	(4ULL << 20)
#define SECTORS (IMAGE / 512)
#define TOLD_MS 5000

static struct daemon daemon_, null;
static struct front front;
static struct front_request request;

/* `nvring resize`; whether it succeeds and says @text, on stdout or stderr */
static bool resize(const struct daemon *daemon, const char *options, const char *text)
{
	const char *nvring = getenv("NVRING");
	char command[512], said[1024];
	size_t bytes;
	FILE *pipe;
	int status;

	snprintf(command, sizeof(command), "%s resize --control %s %s 2>&1",
		 nvring ? nvring : "build/nvring", daemon->control, options);
	pipe = popen(command, "r");
	bytes = pipe ? fread(said, 1, sizeof(said) - 1, pipe) : 0;
	said[bytes] = '\0';
	status = pipe ? pclose(pipe) : -1;
	printf("# %s", said);
	return !status == !strstr(text, "refused: ") &&
	       strstr(said, strstr(text, "refused: ") ? text + strlen("refused: ") : text);
}

static uint64_t capacity(void)
{
	struct virtio_blk_config config;

	front_config(&front, &config);
	return config.capacity;
}

static uint8_t transfer(uint32_t type, uint64_t sector)
{
	return front_do(&front.queue[0], &request, type, sector, 512);
}

/* The message that the configuration has changed, and nothing else. */
static bool told(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct vhost_user_header header;

	return poll(&wait, 1, TOLD_MS) == 1 && read(fd, &header, sizeof(header)) == 12 &&
	       header.request == VHOST_USER_BACKEND_CONFIG_CHANGE_MSG &&
	       header.flags == VHOST_USER_VERSION && !header.size;
}

static void grows(void)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die("no socket pair");
	ok(capacity() == SECTORS && transfer(VIRTIO_BLK_T_IN, SECTORS) == VIRTIO_BLK_S_IOERR,
	   "there is nothing behind the end");
	ok(resize(&daemon_, "--size 6M", "6291456 bytes\n"),
	   "a front-end without a channel is not told");
	front_send(&front, VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, &pair[1], 1, 0);
	close(pair[1]);
	ok(capacity() == IMAGE * 3 / 2 / 512, "and reads it when it looks");
	ok(resize(&daemon_, "--size 8M", "8388608 bytes; the guest was told"),
	   "one with a channel is told");
	ok(told(pair[0]), "by a message");
	ok(capacity() == SECTORS * 2, "the configuration has the new capacity");
	ok(!transfer(VIRTIO_BLK_T_IN, SECTORS * 2 - 1), "its last sector can be read");
	memset(request.data, 0x5a, 512);
	ok(!transfer(VIRTIO_BLK_T_OUT, SECTORS), "what is new can be written");
	memset(request.data, 0, 512);
	ok(!transfer(VIRTIO_BLK_T_IN, SECTORS) && request.data[511] == 0x5a, "and read again");
	ok(transfer(VIRTIO_BLK_T_IN, SECTORS * 2) == VIRTIO_BLK_S_IOERR,
	   "there is nothing behind the new end");
	ok(!truncate(daemon_.image, (off_t)(IMAGE * 4)) &&
		   resize(&daemon_, "", "16777216 bytes; the guest was told") && told(pair[0]),
	   "what somebody else made it grow to is served when that is asked for");
	ok(resize(&daemon_, "", "16777216 bytes\n"), "again: nothing to do");
	close(pair[0]);
}

static void refused(void)
{
	ok(resize(&daemon_, "--size 8M", "refused: disks grow only"), "no disk shrinks");
	ok(!truncate(daemon_.image, (off_t)IMAGE) &&
		   resize(&daemon_, "", "refused: disks grow only"),
	   "nor one that has shrunk");
	ok(!truncate(daemon_.image, (off_t)(IMAGE * 4)) && capacity() == SECTORS * 4,
	   "it stays as it was");
	ok(resize(&daemon_, "--size 1X", "refused: bytes are wanted"), "a size that is none");
}

int main(void)
{
	struct front_options options = { .without_protocol = 1ULL
							     << VHOST_USER_PROTOCOL_F_REPLY_ACK };

	daemon_start(&daemon_, IMAGE, "--queues 1");
	options.socket = daemon_.socket;
	front_open(&front, &options);
	front_request_init(&front, &request, 4096);
	grows();
	refused();
	front_close(&front);
	ok(!daemon_end(&daemon_), "the daemon ends well");
	daemon_start(&null, 0, "--null 1M");
	ok(resize(&null, "--size 2M", "refused: a null disk stay"), "a null disk does not grow");
	ok(!daemon_end(&null), "its daemon ends well");
	return done();
}
