#include "labd/wires/control.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_LEN offsetof(struct control_msg, add)

union rights {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(CONTROL_FDS * sizeof(int))];
};

static const size_t body_len[CONTROL_TYPE_MAX + 1] = {
	[CONTROL_ADD_LINK] = sizeof(struct control_add),
	[CONTROL_SET_SPEC] = sizeof(struct control_spec),
	[CONTROL_SET_UP] = sizeof(uint32_t),
	[CONTROL_DROPS] = sizeof(struct control_drops),
	[CONTROL_SYNC] = sizeof(uint64_t),
	[CONTROL_ANSWER] = sizeof(struct control_answer),
	[CONTROL_ANSWER_SYNC] = sizeof(struct forward_sync),
	[CONTROL_ANSWER_STATS] = 2 * sizeof(struct forward_stats),
};

int control_send(int fd, const struct control_msg *msg, const int *fds, size_t n_fds)
{
	union rights rights = { 0 };
	struct iovec part = { (void *)(uintptr_t)msg, HEAD_LEN };
	struct msghdr mh = { .msg_iov = &part, .msg_iovlen = 1 };

	if (msg->type == 0 || msg->type > CONTROL_TYPE_MAX || n_fds > CONTROL_FDS)
		return -EINVAL;
	part.iov_len += body_len[msg->type];
	if (n_fds > 0) {
		struct cmsghdr *c = &rights.align;

		mh.msg_control = rights.bytes;
		mh.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	while (sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static void take_fds(struct msghdr *mh, int fds[CONTROL_FDS])
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c != NULL; c = CMSG_NXTHDR(mh, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		/* The kernel gives no more than there was room for. */
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    bytes <= CONTROL_FDS * sizeof(int))
			memcpy(fds, CMSG_DATA(c), bytes);
	}
}

static bool is_message(const struct control_msg *msg, const struct msghdr *mh, size_t len)
{
	return len >= HEAD_LEN && msg->type > 0 && msg->type <= CONTROL_TYPE_MAX &&
	       len == HEAD_LEN + body_len[msg->type] && !(mh->msg_flags & (MSG_CTRUNC | MSG_TRUNC));
}

int control_recv(int fd, struct control_msg *ret_msg, int ret_fds[CONTROL_FDS])
{
	struct control_msg msg = { 0 };
	union rights rights;
	struct iovec part = { &msg, sizeof(msg) };
	struct msghdr mh = { .msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = rights.bytes,
			     .msg_controllen = sizeof(rights.bytes) };
	int fds[CONTROL_FDS] = { -1, -1 };
	ssize_t len;

	while ((len = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0)
		if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	take_fds(&mh, fds);
	if (len == 0 || !is_message(&msg, &mh, (size_t)len)) {
		for (size_t i = 0; i < CONTROL_FDS; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		return len == 0 ? -EPIPE : -EBADMSG;
	}
	*ret_msg = msg;
	memcpy(ret_fds, fds, sizeof(fds));
	return 0;
}
