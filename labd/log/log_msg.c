#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cur.h"
#include "labd/log/log.h"

/* u8 type, u8 mask of descriptors, u32 id, u32 device, u32 iface, i64 number, i32 status, then two
 * texts: u16 length (0xffff: none), octets, NUL. */

enum { NO_TEXT = 0xffff };

static void put_text(struct wr *w, const char *text)
{
	size_t len = text ? strnlen(text, LOG_MSG_TEXT_MAX / 2) : 0;

	if (!text) {
		wr_u16(w, NO_TEXT);
		return;
	}
	wr_u16(w, (uint16_t)len);
	wr_bytes(w, text, len);
	wr_u8(w, 0);
}

static uint8_t mask_of(const struct log_msg *msg)
{
	uint8_t mask = 0;

	for (unsigned i = 0; i < LOG_MSG_FDS; i++)
		if ((msg->type == LM_DEVICE || msg->type == LM_RING) && msg->fds[i] >= 0)
			mask |= (uint8_t)BIT(i);
	return mask;
}

static void attach_fds(struct msghdr *mh, void *control, const struct log_msg *msg, uint8_t mask)
{
	struct cmsghdr *c;
	int fds[LOG_MSG_FDS];
	size_t n = 0;

	for (unsigned i = 0; i < LOG_MSG_FDS; i++)
		if (mask & BIT(i))
			fds[n++] = msg->fds[i];
	if (n == 0)
		return;
	mh->msg_control = control;
	mh->msg_controllen = CMSG_SPACE(n * sizeof(int));
	c = CMSG_FIRSTHDR(mh);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

int log_msg_send(int fd, const struct log_msg *msg)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(LOG_MSG_FDS * sizeof(int))] = { 0 };
	uint8_t buf[LOG_MSG_MAX], mask = mask_of(msg);
	struct iovec iov = { .iov_base = buf };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct wr w;

	wr_init(&w, buf, sizeof(buf));
	wr_u8(&w, (uint8_t)msg->type);
	wr_u8(&w, mask);
	wr_u32(&w, msg->id);
	wr_u32(&w, msg->device);
	wr_u32(&w, msg->iface);
	wr_u64(&w, (uint64_t)msg->number);
	wr_u32(&w, (uint32_t)msg->status);
	put_text(&w, msg->text);
	put_text(&w, msg->detail);
	if (w.err)
		return -EMSGSIZE;
	iov.iov_len = wr_len(&w);
	attach_fds(&mh, control, msg, mask);
	while (sendmsg(fd, &mh, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* The text stays where it is: it ends with a NUL. */
static int get_text(struct rd *r, const char **ret)
{
	uint16_t len = rd_u16(r);
	const uint8_t *text;

	*ret = NULL;
	if (len == NO_TEXT)
		return 0;
	text = rd_view(r, (size_t)len + 1);
	if (!text || text[len] != '\0')
		return -EBADMSG;
	*ret = (const char *)text;
	return 0;
}

static int parse(const uint8_t *buf, size_t len, struct log_msg *ret, uint8_t *ret_mask)
{
	struct rd r;

	rd_init(&r, buf, len);
	ret->type = (enum log_msg_type)rd_u8(&r);
	*ret_mask = rd_u8(&r);
	ret->id = rd_u32(&r);
	ret->device = rd_u32(&r);
	ret->iface = rd_u32(&r);
	ret->number = (int64_t)rd_u64(&r);
	ret->status = (int32_t)rd_u32(&r);
	if (get_text(&r, &ret->text) < 0 || get_text(&r, &ret->detail) < 0 || r.err ||
	    rd_left(&r) != 0)
		return -EBADMSG;
	return ret->type >= LM_DEVICE && ret->type <= LM_READY ? 0 : -EBADMSG;
}

/* The descriptors that came along, in order; how many. */
static size_t take_fds(struct msghdr *mh, int fds[LOG_MSG_FDS])
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count && n < LOG_MSG_FDS; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return n;
}

static int place_fds(struct log_msg *msg, uint8_t mask, const int *fds, size_t n)
{
	size_t next = 0;

	for (unsigned i = 0; i < LOG_MSG_FDS; i++)
		if ((mask & BIT(i)) && next < n)
			msg->fds[i] = fds[next++];
	return next == n && __builtin_popcount(mask) == (int)n ? 0 : -EBADMSG;
}

int log_msg_recv(int fd, void *buf, struct log_msg *ret)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(LOG_MSG_FDS * sizeof(int))];
	struct iovec iov = { .iov_base = buf, .iov_len = LOG_MSG_MAX };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control) };
	struct log_msg msg = { .fds = { -1, -1, -1 } };
	int fds[LOG_MSG_FDS], r;
	uint8_t mask = 0;
	size_t n_fds;
	ssize_t n;

	do {
		n = recvmsg(fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	n_fds = take_fds(&mh, fds);
	r = mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EBADMSG : parse(buf, (size_t)n, &msg, &mask);
	if (r == 0)
		r = place_fds(&msg, mask, fds, n_fds);
	if (r < 0) {
		for (size_t i = 0; i < n_fds; i++)
			close(fds[i]);
		return r;
	}
	*ret = msg;
	return 0;
}
