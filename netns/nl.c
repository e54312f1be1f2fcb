#include "netns/nl.h"

#include "netns/attr.h"
#include "netns/err.h"
#include "netns/ns.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define NLH_QUEUE_BYTES	 (8 * 1024)
#define NLH_QUEUE_MAX	 32 /* messages of one send; their answers fit the receive buffer */
#define NLH_LABEL_LEN	 96
#define NLH_RECV_LEN	 (32 * 1024) /* the kernel makes dump datagrams of at most this */
#define NLH_RCVBUF_BYTES (1024 * 1024)
#define NLH_DUMP_TRIES	 8

struct nlh_req {
	uint32_t seq;
	int tolerate;		   /* positive errno, or 0 */
	char label[NLH_LABEL_LEN]; /* object and deed */
};

struct nl_h {
	struct mnl_socket *sock;
	uint32_t seq;
	bool batching;
	struct netns_err first; /* the batch's first failure; code 0: none */
	size_t used;
	unsigned n;
	struct nlh_req req[NLH_QUEUE_MAX];
	_Alignas(8) uint8_t queue[NLH_QUEUE_BYTES];
};

static void nlh_options(int fd)
{
	const struct timeval wait = { .tv_sec = NLH_TIMEOUT_S };
	const int one = 1, rcvbuf = NLH_RCVBUF_BYTES;

	/* Each is an improvement and none a condition: kernels before 4.20 lack the last. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
}

static int nlh_socket(int ns_fd, int bus, struct mnl_socket **ret_sock, struct netns_err *err)
{
	struct mnl_socket *sock;
	struct ns_guard guard;
	int r = ns_enter(ns_fd, &guard, err);

	if (r < 0)
		return r;
	sock = mnl_socket_open2(bus, SOCK_CLOEXEC);
	r = sock ? 0 : -errno;
	if (sock && mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0) {
		r = -errno;
		(void)mnl_socket_close(sock);
	}
	ns_leave(&guard);
	if (r == -EPROTONOSUPPORT)
		return netns_fail_errno(err, r, "netlink: the kernel has no %s",
					bus == NETLINK_NETFILTER ? "netfilter netlink (nfnetlink)"
								 : "netlink of this kind");
	if (r < 0)
		return netns_fail_errno(err, r, "netlink socket: open");
	*ret_sock = sock;
	return 0;
}

int nlh_open(int ns_fd, int bus, struct nl_h **ret_h, struct netns_err *err)
{
	struct nl_h *h = malloc(sizeof(*h));
	int r;

	if (!h)
		return netns_fail_errno(err, -ENOMEM, "netlink handle");
	r = nlh_socket(ns_fd, bus, &h->sock, err);
	if (r < 0) {
		free(h);
		return r;
	}
	nlh_options(mnl_socket_get_fd(h->sock));
	h->seq = 0;
	h->batching = false;
	h->first.code = 0;
	h->used = 0;
	h->n = 0;
	*ret_h = h;
	return 0;
}

struct nl_h *nlh_close(struct nl_h *h)
{
	if (h)
		(void)mnl_socket_close(h->sock);
	free(h);
	return NULL;
}

int nlh_fd(const struct nl_h *h)
{
	return mnl_socket_get_fd(h->sock);
}

static int nlh_cmsg_nsid(struct msghdr *mh)
{
	int nsid = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c))
		if (c->cmsg_level == SOL_NETLINK && c->cmsg_type == NETLINK_LISTEN_ALL_NSID &&
		    c->cmsg_len >= CMSG_LEN(sizeof(nsid)))
			memcpy(&nsid, CMSG_DATA(c), sizeof(nsid));
	return nsid;
}

ssize_t nlh_recv(int fd, void *buf, size_t buf_len, int flags, int *ret_nsid)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int)) * 2];

	for (;;) {
		struct sockaddr_nl from = { 0 };
		struct iovec iov = { buf, buf_len };
		struct msghdr mh = {
			.msg_name = &from,
			.msg_namelen = sizeof(from),
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t n = recvmsg(fd, &mh, flags);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (mh.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		if (from.nl_pid != 0)
			continue; /* not the kernel's word */
		if (ret_nsid)
			*ret_nsid = nlh_cmsg_nsid(&mh);
		return n;
	}
}

int nlh_ack_error(const struct nlmsghdr *msg, char *text, size_t text_len, uint32_t *ret_offset)
{
	const struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	struct nlmsgerr e;
	size_t len = sizeof(e);

	text[0] = 0;
	*ret_offset = 0;
	if (!attr_header(msg, &e, sizeof(e)))
		return -EBADMSG;
	if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS))
		return e.error;
	if (!(msg->nlmsg_flags & NLM_F_CAPPED) && e.msg.nlmsg_len > sizeof(e.msg))
		len += MNL_ALIGN(e.msg.nlmsg_len - sizeof(e.msg));
	attr_table(msg, len, tb, NLMSGERR_ATTR_MAX);
	(void)attr_text(tb[NLMSGERR_ATTR_MSG], text, text_len);
	(void)attr_u32(tb[NLMSGERR_ATTR_OFFS], ret_offset);
	return e.error;
}

static const struct nlh_req *nlh_find(const struct nl_h *h, uint32_t seq)
{
	for (unsigned i = 0; i < h->n; i++)
		if (h->req[i].seq == seq)
			return &h->req[i];
	return NULL;
}

static void nlh_remember(struct nl_h *h, int code, const char *label, const char *words)
{
	if (h->first.code)
		return; /* the first failure is the one that explains the others */
	(void)netns_fail(&h->first, code, "%s: %s%s%s", label, netns_errno_text(code),
			 *words ? ": " : "", words);
}

/* One acknowledgement; true when it belongs to the queue. */
static bool nlh_take_ack(struct nl_h *h, const struct nlmsghdr *msg)
{
	const struct nlh_req *req = nlh_find(h, msg->nlmsg_seq);
	char words[160];
	uint32_t offset;
	int code;

	if (!req || msg->nlmsg_type != NLMSG_ERROR)
		return false;
	code = nlh_ack_error(msg, words, sizeof(words), &offset);
	if (code && code != -req->tolerate)
		nlh_remember(h, code, req->label, words);
	return true;
}

static void nlh_take_acks(struct nl_h *h)
{
	_Alignas(8) char buf[NLH_RECV_LEN];
	unsigned seen = 0;

	while (seen < h->n) {
		ssize_t n = nlh_recv(nlh_fd(h), buf, sizeof(buf), 0, NULL);
		const struct nlmsghdr *msg = (const void *)buf;
		int left = (int)n;

		if (n < 0) {
			nlh_remember(h, n == -EAGAIN ? -ETIMEDOUT : (int)n, h->req[seen].label,
				     "no answer from the kernel");
			return;
		}
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left))
			seen += nlh_take_ack(h, msg);
	}
}

/* Sends what is queued and takes the answers; failures are in h->first. */
static void nlh_flush(struct nl_h *h)
{
	if (h->n) {
		if (mnl_socket_sendto(h->sock, h->queue, h->used) < 0)
			nlh_remember(h, -errno, h->req[0].label, "send");
		else
			nlh_take_acks(h);
	}
	h->n = 0;
	h->used = 0;
}

static int nlh_result(struct nl_h *h, struct netns_err *err)
{
	int code = h->first.code;

	h->first.code = 0;
	return code ? netns_fail(err, code, "%s", h->first.text) : 0;
}

uint32_t nlh_seq_block(struct nl_h *h, uint32_t n)
{
	uint32_t first = h->seq + 1;

	h->seq += n;
	return first;
}

void nlh_begin(struct nl_h *h)
{
	h->batching = true;
}

int nlh_commit(struct nl_h *h, struct netns_err *err)
{
	nlh_flush(h);
	h->batching = false;
	return nlh_result(h, err);
}

struct nlmsghdr *nlh_put(struct nl_h *h, uint16_t type, uint16_t flags, const char *fmt, ...)
{
	struct nlmsghdr *msg;
	struct nlh_req *req;
	va_list ap;

	if (h->n == NLH_QUEUE_MAX || h->used + NLH_MSG_MAX > NLH_QUEUE_BYTES)
		nlh_flush(h);
	req = &h->req[h->n++];
	req->seq = ++h->seq;
	req->tolerate = 0;
	va_start(ap, fmt);
	(void)vsnprintf(req->label, sizeof(req->label), fmt, ap);
	va_end(ap);
	msg = mnl_nlmsg_put_header(h->queue + h->used);
	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	msg->nlmsg_seq = req->seq;
	return msg;
}

void nlh_tolerate(struct nl_h *h, int errno_value)
{
	h->req[h->n - 1].tolerate = errno_value;
}

static struct nlmsghdr *nlh_last(struct nl_h *h)
{
	return (struct nlmsghdr *)(void *)(h->queue + h->used);
}

int nlh_done(struct nl_h *h, struct netns_err *err)
{
	h->used += MNL_ALIGN(nlh_last(h)->nlmsg_len);
	if (h->batching)
		return 0;
	nlh_flush(h);
	return nlh_result(h, err);
}

struct nlh_items {
	const struct nlh_query *q;
	char *items;
	size_t n, room;
	bool changed; /* the kernel's table changed during the dump */
	char words[160];
};

static int nlh_items_add(struct nlh_items *it, const struct nlmsghdr *msg)
{
	size_t len = it->q->item_len;
	int r;

	if (it->n == it->room) {
		size_t room = it->room ? it->room * 2 : 16;
		char *more;

		if (room > NLH_DUMP_MAX)
			return -E2BIG;
		more = realloc(it->items, room * len);
		if (!more)
			return -ENOMEM;
		it->items = more;
		it->room = room;
	}
	memset(it->items + it->n * len, 0, len);
	r = it->q->decode(msg, it->q->ctx, it->items + it->n * len);
	if (r > 0)
		it->n++;
	return r < 0 ? r : 0;
}

/* One message of the answer: 1 when it was the last, 0 when more follow. */
static int nlh_answer(struct nlh_items *it, const struct nlmsghdr *msg)
{
	uint32_t offset;
	int r = 0;

	it->changed |= (msg->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
	if (msg->nlmsg_type == NLMSG_ERROR) {
		r = nlh_ack_error(msg, it->words, sizeof(it->words), &offset);
		return r < 0 ? r : 1;
	}
	if (msg->nlmsg_type == NLMSG_DONE) {
		(void)attr_header(msg, &r, sizeof(r)); /* the dump's own errno, mostly 0 */
		return r < 0 ? r : 1;
	}
	return msg->nlmsg_type >= NLMSG_MIN_TYPE ? nlh_items_add(it, msg) : 0;
}

static int nlh_answers(struct nl_h *h, struct nlh_items *it, uint32_t seq)
{
	_Alignas(8) char buf[NLH_RECV_LEN];

	for (;;) {
		ssize_t n = nlh_recv(nlh_fd(h), buf, sizeof(buf), 0, NULL);
		const struct nlmsghdr *msg = (const void *)buf;
		int left = (int)n;

		if (n < 0)
			return n == -EAGAIN ? -ETIMEDOUT : (int)n;
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left)) {
			int r = 0;

			/* Another number is left over from a request that timed out. */
			if (msg->nlmsg_seq == seq)
				r = nlh_answer(it, msg);
			if (r)
				return r;
		}
	}
}

static int nlh_ask(struct nl_h *h, struct nlh_items *it, struct nlmsghdr *msg)
{
	int r;

	for (int tries = 0; tries < NLH_DUMP_TRIES; tries++) {
		it->n = 0;
		it->changed = false;
		msg->nlmsg_seq = ++h->seq;
		if (mnl_socket_sendto(h->sock, msg, msg->nlmsg_len) < 0)
			return -errno;
		r = nlh_answers(h, it, msg->nlmsg_seq);
		if (r < 0)
			return r;
		if (!it->changed)
			return 0;
	}
	return -EAGAIN;
}

int nlh_collect(struct nl_h *h, const struct nlh_query *q, void *ret_items, size_t *ret_n,
		struct netns_err *err)
{
	struct nlmsghdr *msg = nlh_last(h);
	struct nlh_req *req = &h->req[--h->n]; /* answered here, not by the queue */
	struct nlh_items it = { .q = q };
	int r;

	nlh_flush(h); /* the answer must see what was queued before; |msg| stays where it is */
	/* A question has one kind of end: a dump's NLMSG_DONE or a get's acknowledgement. */
	if ((msg->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP)
		msg->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	r = nlh_ask(h, &it, msg);
	if (r < 0) {
		free(it.items);
		return netns_fail(err, r, "%s: %s%s%s", req->label, netns_errno_text(r),
				  *it.words ? ": " : "", it.words);
	}
	if (!it.n) {
		free(it.items);
		it.items = NULL;
	}
	memcpy(ret_items, &it.items, sizeof(it.items));
	*ret_n = it.n;
	return 0;
}
