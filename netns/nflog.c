#include "netns/nflog.h"

#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"
#include "netns/ns.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NFLOG_RECV_LEN	   (160 * 1024) /* a datagram: the kernel's largest is 128 kB */
#define NFLOG_RCVBUF_BYTES (4 * 1024 * 1024)
#define NFLOG_GATHER_10MS  1  /* in 1/100 s */
#define NFLOG_GATHER_MAX   16 /* packets */

struct nflog {
	struct nl_h *h;
	uint16_t group;
	bool has_seq;
	uint32_t next_seq; /* of the group's next report */
	size_t at, len;	   /* in |buf| */
	_Alignas(8) char buf[NFLOG_RECV_LEN];
};

static struct nlmsghdr *nflog_config(struct nflog *log, const char *deed)
{
	struct nlmsghdr *msg = nlh_put(log->h, NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG, 0,
				       "NFLOG group %u: %s", log->group, deed);
	struct nfgenmsg *gen = mnl_nlmsg_put_extra_header(msg, sizeof(*gen));

	gen->version = NFNETLINK_V0;
	gen->res_id = htons(log->group);
	return msg;
}

static int nflog_bind(struct nflog *log, struct netns_err *err)
{
	const struct nfulnl_msg_config_cmd bind = { .command = NFULNL_CFG_CMD_BIND };
	struct nlmsghdr *msg = nflog_config(log, "bind");
	struct netns_err why = { 0 };
	int r;

	mnl_attr_put(msg, NFULA_CFG_CMD, sizeof(bind), &bind);
	r = nlh_done(log->h, &why);
	if (r == -EINVAL || r == -EOPNOTSUPP) /* no such subsystem */
		return netns_fail(err, r, "NFLOG group %u: the kernel has no nfnetlink_log",
				  log->group);
	if (r == -EPERM)
		return netns_fail(err, r,
				  "NFLOG group %u: another reader has it, or this process has no "
				  "CAP_NET_ADMIN",
				  log->group);
	return r < 0 ? netns_fail(err, r, "%s", why.text) : 0;
}

static int nflog_settings(struct nflog *log, uint32_t copy_bytes, struct netns_err *err)
{
	struct nfulnl_msg_config_mode mode = {
		.copy_range =
			htonl(copy_bytes > NFLOG_PAYLOAD_MAX ? NFLOG_PAYLOAD_MAX : copy_bytes),
		.copy_mode = NFULNL_COPY_PACKET,
	};
	struct nlmsghdr *msg = nflog_config(log, "settings");

	mnl_attr_put(msg, NFULA_CFG_MODE, sizeof(mode), &mode);
	mnl_attr_put_u32(msg, NFULA_CFG_TIMEOUT, htonl(NFLOG_GATHER_10MS));
	mnl_attr_put_u32(msg, NFULA_CFG_QTHRESH, htonl(NFLOG_GATHER_MAX));
	mnl_attr_put_u16(msg, NFULA_CFG_FLAGS, htons(NFULNL_CFG_F_SEQ));
	return nlh_done(log->h, err);
}

int nflog_open(int ns_fd, uint16_t group, uint32_t copy_bytes, struct nflog **ret_log,
	       struct netns_err *err)
{
	struct nflog *log = malloc(sizeof(*log));
	const int rcvbuf = NFLOG_RCVBUF_BYTES;
	int r;

	if (!log)
		return netns_fail_errno(err, -ENOMEM, "NFLOG group %u", group);
	log->h = NULL;
	log->group = group;
	log->has_seq = false;
	log->at = log->len = 0;
	r = nlh_open(ns_fd, NETLINK_NETFILTER, &log->h, err);
	if (r >= 0)
		r = nflog_bind(log, err);
	if (r >= 0)
		r = nflog_settings(log, copy_bytes, err);
	if (r < 0) {
		(void)nflog_close(log);
		return r;
	}
	(void)setsockopt(nflog_fd(log), SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	*ret_log = log;
	return 0;
}

struct nflog *nflog_close(struct nflog *log)
{
	if (log)
		(void)nlh_close(log->h); /* unbinds */
	free(log);
	return NULL;
}

int nflog_fd(const struct nflog *log)
{
	return nlh_fd(log->h);
}

static void nflog_read_mac(const struct nlattr *a, struct nflog_packet *p)
{
	struct nfulnl_msg_packet_hw hw;

	if (!attr_copy(a, &hw, sizeof(hw)))
		return;
	p->mac_len = (uint8_t)ntohs(hw.hw_addrlen);
	if (ntohs(hw.hw_addrlen) > sizeof(p->mac))
		p->mac_len = sizeof(p->mac);
	memcpy(p->mac, hw.hw_addr, p->mac_len);
}

static void nflog_read_time(const struct nlattr *a, struct nflog_packet *p)
{
	struct nfulnl_msg_packet_timestamp ts;

	if (!attr_copy(a, &ts, sizeof(ts)))
		return;
	p->time_ns = (int64_t)(be64toh(ts.sec) % (INT64_MAX / 1000000000)) * 1000000000 +
		     (int64_t)(be64toh(ts.usec) % 1000000) * 1000;
}

static uint32_t nflog_u32(const struct nlattr *a)
{
	uint32_t v = 0;

	(void)attr_u32(a, &v);
	return ntohl(v);
}

/* The group's numbers run without a hole; what is missing was lost. */
static void nflog_count_lost(struct nflog *log, const struct nlattr *seq, struct nflog_packet *p)
{
	if (!seq)
		return;
	if (log->has_seq)
		p->n_lost = nflog_u32(seq) - log->next_seq;
	log->has_seq = true;
	log->next_seq = nflog_u32(seq) + 1;
}

static bool nflog_decode(struct nflog *log, const struct nlmsghdr *msg, struct nflog_packet *p)
{
	const struct nlattr *tb[NFULA_MAX + 1];
	struct nfulnl_msg_packet_hdr hdr;
	struct nfgenmsg gen;

	if (msg->nlmsg_type != (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET) ||
	    !attr_header(msg, &gen, sizeof(gen)))
		return false;
	attr_table(msg, sizeof(gen), tb, NFULA_MAX);
	*p = (struct nflog_packet){ 0 };
	if (attr_copy(tb[NFULA_PACKET_HDR], &hdr, sizeof(hdr))) {
		p->hook = hdr.hook;
		p->protocol = ntohs(hdr.hw_protocol);
	}
	(void)attr_text(tb[NFULA_PREFIX], p->prefix, sizeof(p->prefix));
	p->in_index = (int)nflog_u32(tb[NFULA_IFINDEX_INDEV]);
	p->out_index = (int)nflog_u32(tb[NFULA_IFINDEX_OUTDEV]);
	p->mark = nflog_u32(tb[NFULA_MARK]);
	nflog_read_mac(tb[NFULA_HWADDR], p);
	nflog_read_time(tb[NFULA_TIMESTAMP], p);
	nflog_count_lost(log, tb[NFULA_SEQ], p);
	if (tb[NFULA_PAYLOAD]) {
		p->payload = mnl_attr_get_payload(tb[NFULA_PAYLOAD]);
		p->payload_len = mnl_attr_get_payload_len(tb[NFULA_PAYLOAD]);
	}
	return true;
}

static bool nflog_next_here(struct nflog *log, struct nflog_packet *p)
{
	const struct nlmsghdr *msg = (const void *)(log->buf + log->at);
	int left = (int)(log->len - log->at);

	while (mnl_nlmsg_ok(msg, left)) {
		const struct nlmsghdr *this = msg;

		msg = mnl_nlmsg_next(msg, &left);
		log->at = left > 0 ? log->len - (size_t)left : log->len;
		if (nflog_decode(log, this, p))
			return true;
	}
	log->at = log->len;
	return false;
}

int nflog_next(struct nflog *log, struct nflog_packet *ret_packet, struct netns_err *err)
{
	for (;;) {
		ssize_t n;

		if (nflog_next_here(log, ret_packet))
			return 1;
		n = nlh_recv(nflog_fd(log), log->buf, sizeof(log->buf), MSG_DONTWAIT, NULL);
		if (n == -EAGAIN)
			return 0;
		if (n == -ENOBUFS)
			continue; /* the next packet's number tells how many */
		if (n < 0)
			return netns_fail_errno(err, (int)n, "NFLOG group %u: receive", log->group);
		log->at = 0;
		log->len = (size_t)n;
	}
}
