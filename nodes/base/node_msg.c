#include "base/node_msg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cur.h"

#define HEADER_LEN (1 + 4 + 4 + 8 + 4)

static size_t attach_fds(struct msghdr *mh, void *control, const struct node_msg *msg)
{
	size_t bytes = msg->n_fds * sizeof(int);
	struct cmsghdr *c;

	if (msg->n_fds == 0)
		return 0;
	mh->msg_control = control;
	mh->msg_controllen = CMSG_SPACE(bytes);
	c = CMSG_FIRSTHDR(mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), msg->fds, bytes);
	return bytes;
}

int node_msg_send(int fd, const struct node_msg *msg)
{
	uint8_t header[HEADER_LEN];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(NODE_MSG_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov[2];
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	struct wr w;

	if (msg->text_len > NODE_MSG_TEXT_MAX || msg->n_fds > NODE_MSG_FDS)
		return -EMSGSIZE;
	wr_init(&w, header, sizeof(header));
	wr_u8(&w, msg->type);
	wr_u32(&w, msg->id);
	wr_u32(&w, (uint32_t)msg->status);
	wr_u64(&w, (uint64_t)msg->value);
	wr_u32(&w, (uint32_t)msg->text_len);
	iov[0] = (struct iovec){ .iov_base = header, .iov_len = sizeof(header) };
	iov[1] = (struct iovec){ .iov_base = (void *)(uintptr_t)msg->text,
				 .iov_len = msg->text_len };
	attach_fds(&mh, control.bytes, msg);
	while (sendmsg(fd, &mh, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* Takes the descriptors of one message; those past NODE_MSG_FDS are closed. */
static void take_fds(struct msghdr *mh, struct node_msg *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (msg->n_fds < NODE_MSG_FDS)
				msg->fds[msg->n_fds++] = fd;
			else
				close(fd);
		}
	}
}

static int parse(struct node_msg *msg, const void *buf, size_t len)
{
	struct rd r;

	rd_init(&r, buf, len);
	msg->type = rd_u8(&r);
	msg->id = rd_u32(&r);
	msg->status = (int32_t)rd_u32(&r);
	msg->value = (int64_t)rd_u64(&r);
	msg->text_len = rd_u32(&r);
	msg->text = (const char *)rd_view(&r, msg->text_len);
	if (r.err || rd_left(&r) != 0 || msg->type < NM_SPAWN || msg->type > NM_STOP)
		return -EBADMSG;
	return 0;
}

int node_msg_recv(int fd, void *buf, struct node_msg *ret)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(NODE_MSG_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = NODE_MSG_MAX };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes) };
	ssize_t n;
	int r;

	*ret = (struct node_msg){ 0 };
	while ((n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC)) < 0)
		if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&mh, ret);
	r = n == 0 ? -EPIPE : parse(ret, buf, (size_t)n);
	if (r < 0)
		node_msg_close_fds(ret);
	return r;
}

void node_msg_close_fds(struct node_msg *msg)
{
	for (unsigned i = 0; i < msg->n_fds; i++)
		if (msg->fds[i] >= 0)
			close(msg->fds[i]);
	msg->n_fds = 0;
}
