#include "netns/nft.h"

#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define NFT_RECV_LEN (32 * 1024)

static void put_be32(struct nlmsghdr *msg, uint16_t type, uint32_t v)
{
	mnl_attr_put_u32(msg, type, htonl(v));
}

static void nft_fail(struct nft *t, int code)
{
	if (!t->failed)
		t->failed = code;
}

/* Room for one more message and its label. */
static bool nft_reserve(struct nft *t)
{
	if (t->n == NFT_MESSAGES_MAX)
		return false;
	if (t->len + NFT_MESSAGE_MAX > t->room) {
		size_t room = t->room ? t->room * 2 : 64 * 1024;
		uint8_t *more = room > NFT_BYTES_MAX ? NULL : realloc(t->buf, room);

		if (!more)
			return false;
		t->buf = more;
		t->room = room;
	}
	if (t->n == t->n_room) {
		unsigned room = t->n_room ? t->n_room * 2 : 64;
		struct nft_label *more = realloc(t->labels, room * sizeof(*more));

		if (!more)
			return false;
		t->labels = more;
		t->n_room = room;
	}
	return true;
}

static struct nlmsghdr *nft_put(struct nft *t, uint16_t type, uint16_t flags, uint8_t family,
				const char *label)
{
	struct nlmsghdr *msg;
	struct nfgenmsg *gen;

	if (t->failed || !nft_reserve(t)) {
		nft_fail(t, -ENOMEM);
		return NULL;
	}
	t->labels[t->n].at = t->len;
	(void)snprintf(t->labels[t->n].text, NFT_LABEL_LEN, "%s", label);
	msg = mnl_nlmsg_put_header(t->buf + t->len);
	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST | flags;
	msg->nlmsg_seq = t->first_seq + t->n++;
	gen = mnl_nlmsg_put_extra_header(msg, sizeof(*gen));
	gen->nfgen_family = family;
	gen->version = NFNETLINK_V0;
	return msg;
}

static void nft_end(struct nft *t, const struct nlmsghdr *msg)
{
	t->len += MNL_ALIGN(msg->nlmsg_len);
}

/* Begin and end of a transaction; the resource number says whose it is. */
static void nft_frame(struct nft *t, uint16_t type)
{
	struct nlmsghdr *msg = nft_put(t, type, 0, AF_UNSPEC, "access lists");
	struct nfgenmsg *gen;

	if (!msg)
		return;
	gen = mnl_nlmsg_get_payload(msg);
	gen->res_id = htons(NFNL_SUBSYS_NFTABLES);
	nft_end(t, msg);
}

void nft_begin(struct nft *t, uint32_t seq)
{
	*t = (struct nft){ .first_seq = seq };
	nft_frame(t, NFNL_MSG_BATCH_BEGIN);
}

void nft_done(struct nft *t)
{
	free(t->buf);
	free(t->labels);
	*t = (struct nft){ 0 };
}

static uint16_t nft_type(uint16_t type)
{
	return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
}

void nft_table(struct nft *t, uint16_t type, uint16_t flags, const char *table)
{
	struct nlmsghdr *msg =
		nft_put(t, nft_type(type), flags, NFPROTO_INET,
			type == NFT_MSG_DELTABLE ? "table: delete" : "table: create");

	if (!msg)
		return;
	mnl_attr_put_strz(msg, NFTA_TABLE_NAME, table);
	nft_end(t, msg);
}

static struct nlmsghdr *nft_put_chain(struct nft *t, const char *table, const char *chain)
{
	char label[NFT_LABEL_LEN];
	struct nlmsghdr *msg;

	(void)snprintf(label, sizeof(label), "chain %s: create", chain);
	msg = nft_put(t, nft_type(NFT_MSG_NEWCHAIN), NLM_F_CREATE, NFPROTO_INET, label);
	if (msg) {
		mnl_attr_put_strz(msg, NFTA_CHAIN_TABLE, table);
		mnl_attr_put_strz(msg, NFTA_CHAIN_NAME, chain);
	}
	return msg;
}

void nft_chain(struct nft *t, const char *table, const char *chain)
{
	struct nlmsghdr *msg = nft_put_chain(t, table, chain);

	if (msg)
		nft_end(t, msg);
}

void nft_base_chain(struct nft *t, const char *table, const char *chain, uint32_t hook,
		    int32_t priority)
{
	struct nlmsghdr *msg = nft_put_chain(t, table, chain);
	struct nlattr *nest;

	if (!msg)
		return;
	nest = mnl_attr_nest_start(msg, NFTA_CHAIN_HOOK);
	put_be32(msg, NFTA_HOOK_HOOKNUM, hook);
	put_be32(msg, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	mnl_attr_nest_end(msg, nest);
	put_be32(msg, NFTA_CHAIN_POLICY, NF_ACCEPT);
	mnl_attr_put_strz(msg, NFTA_CHAIN_TYPE, "filter");
	nft_end(t, msg);
}

struct nlmsghdr *nft_rule(struct nft *t, const char *table, const char *chain, const char *label)
{
	struct nlmsghdr *msg = nft_put(t, nft_type(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND,
				       NFPROTO_INET, label);

	if (!msg)
		return NULL;
	mnl_attr_put_strz(msg, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(msg, NFTA_RULE_CHAIN, chain);
	t->exprs = mnl_attr_nest_start(msg, NFTA_RULE_EXPRESSIONS);
	return msg;
}

void nft_rule_end(struct nft *t, struct nlmsghdr *rule, const char *user_data)
{
	mnl_attr_nest_end(rule, t->exprs);
	if (user_data)
		mnl_attr_put(rule, NFTA_RULE_USERDATA, strlen(user_data) + 1, user_data);
	nft_end(t, rule);
}

struct nft_expr {
	struct nlattr *elem, *data;
};

static struct nft_expr expr_begin(struct nlmsghdr *rule, const char *name)
{
	struct nft_expr e = { .elem = mnl_attr_nest_start(rule, NFTA_LIST_ELEM) };

	mnl_attr_put_strz(rule, NFTA_EXPR_NAME, name);
	e.data = mnl_attr_nest_start(rule, NFTA_EXPR_DATA);
	return e;
}

static void expr_end(struct nlmsghdr *rule, struct nft_expr e)
{
	mnl_attr_nest_end(rule, e.data);
	mnl_attr_nest_end(rule, e.elem);
}

static void put_value(struct nlmsghdr *rule, uint16_t type, const void *value, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(rule, type);

	mnl_attr_put(rule, NFTA_DATA_VALUE, len, value);
	mnl_attr_nest_end(rule, nest);
}

void nft_meta(struct nlmsghdr *rule, uint32_t key)
{
	struct nft_expr e = expr_begin(rule, "meta");

	put_be32(rule, NFTA_META_KEY, key);
	put_be32(rule, NFTA_META_DREG, NFT_REG_1);
	expr_end(rule, e);
}

void nft_payload(struct nlmsghdr *rule, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nft_expr e = expr_begin(rule, "payload");

	put_be32(rule, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put_be32(rule, NFTA_PAYLOAD_BASE, base);
	put_be32(rule, NFTA_PAYLOAD_OFFSET, offset);
	put_be32(rule, NFTA_PAYLOAD_LEN, len);
	expr_end(rule, e);
}

void nft_frag_header(struct nlmsghdr *rule)
{
	struct nft_expr e = expr_begin(rule, "exthdr");

	put_be32(rule, NFTA_EXTHDR_DREG, NFT_REG_1);
	mnl_attr_put_u8(rule, NFTA_EXTHDR_TYPE, IPPROTO_FRAGMENT);
	put_be32(rule, NFTA_EXTHDR_OFFSET, 2); /* RFC 8200 4.5 */
	put_be32(rule, NFTA_EXTHDR_LEN, 2);
	expr_end(rule, e);
}

void nft_mask(struct nlmsghdr *rule, const void *mask, uint32_t len)
{
	static const uint8_t zero[16];
	struct nft_expr e = expr_begin(rule, "bitwise");

	put_be32(rule, NFTA_BITWISE_SREG, NFT_REG_1);
	put_be32(rule, NFTA_BITWISE_DREG, NFT_REG_1);
	put_be32(rule, NFTA_BITWISE_LEN, len);
	put_value(rule, NFTA_BITWISE_MASK, mask, len);
	put_value(rule, NFTA_BITWISE_XOR, zero, len);
	expr_end(rule, e);
}

void nft_cmp(struct nlmsghdr *rule, uint32_t op, const void *value, uint32_t len)
{
	struct nft_expr e = expr_begin(rule, "cmp");

	put_be32(rule, NFTA_CMP_SREG, NFT_REG_1);
	put_be32(rule, NFTA_CMP_OP, op);
	put_value(rule, NFTA_CMP_DATA, value, len);
	expr_end(rule, e);
}

void nft_counter(struct nlmsghdr *rule)
{
	expr_end(rule, expr_begin(rule, "counter"));
}

void nft_log(struct nlmsghdr *rule, uint16_t group, const char *prefix)
{
	struct nft_expr e = expr_begin(rule, "log");

	mnl_attr_put_u16(rule, NFTA_LOG_GROUP, htons(group));
	mnl_attr_put_strz(rule, NFTA_LOG_PREFIX, prefix);
	expr_end(rule, e);
}

void nft_verdict(struct nlmsghdr *rule, int32_t code, const char *chain)
{
	struct nft_expr e = expr_begin(rule, "immediate");
	struct nlattr *data, *verdict;

	put_be32(rule, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(rule, NFTA_IMMEDIATE_DATA);
	verdict = mnl_attr_nest_start(rule, NFTA_DATA_VERDICT);
	put_be32(rule, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		mnl_attr_put_strz(rule, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(rule, verdict);
	mnl_attr_nest_end(rule, data);
	expr_end(rule, e);
}

void nft_reject(struct nlmsghdr *rule, uint8_t icmpx_code)
{
	struct nft_expr e = expr_begin(rule, "reject");

	put_be32(rule, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
	mnl_attr_put_u8(rule, NFTA_REJECT_ICMP_CODE, icmpx_code);
	expr_end(rule, e);
}

/* ---- sending ---- */

static const struct {
	const char *expr, *needs;
} nft_modules[] = {
	{ "log", "nft_log and nfnetlink_log" },
	{ "reject", "nft_reject_inet" },
	{ "counter", "nft_counter" },
	{ "exthdr", "nft_exthdr" },
};

/* The expression that the kernel points at, by its offset in the message; NULL: none. */
static const char *nft_refused_expr(const struct nft *t, unsigned n, uint32_t offset)
{
	const struct nlmsghdr *msg = (const void *)(t->buf + t->labels[n].at);
	const struct nlattr *elem, *tb[NFTA_EXPR_MAX + 1];

	if (offset < NLMSG_HDRLEN || offset % 4 || offset + sizeof(*elem) > msg->nlmsg_len)
		return NULL;
	elem = (const void *)((const uint8_t *)msg + offset);
	if (!mnl_attr_ok(elem, (int)(msg->nlmsg_len - offset)) ||
	    mnl_attr_get_type(elem) != NFTA_LIST_ELEM)
		return NULL;
	attr_nested(elem, tb, NFTA_EXPR_MAX);
	return tb[NFTA_EXPR_NAME] ? mnl_attr_get_str(tb[NFTA_EXPR_NAME]) : NULL;
}

static int nft_explain(const struct nft *t, unsigned n, int code, uint32_t offset,
		       const char *words, struct netns_err *err)
{
	const char *expr = nft_refused_expr(t, n, offset);

	if (n == 0 && (code == -EOPNOTSUPP || code == -EINVAL))
		return netns_fail(err, code, "access lists: the kernel has no nf_tables");
	if (code == -EAFNOSUPPORT)
		return netns_fail(err, code,
				  "access lists: the kernel has no nf_tables for family inet");
	for (size_t i = 0; expr && i < sizeof(nft_modules) / sizeof(*nft_modules); i++)
		if (code == -ENOENT && !strcmp(expr, nft_modules[i].expr))
			return netns_fail(err, code, "%s: the kernel has no %s", t->labels[n].text,
					  nft_modules[i].needs);
	return netns_fail(err, code, "%s: %s%s%s%s%s", t->labels[n].text, netns_errno_text(code),
			  expr ? ": expression " : "", expr ? expr : "", *words ? ": " : "", words);
}

struct nft_outcome {
	unsigned worst; /* number of the first failing message */
	int code;
	uint32_t offset;
	bool acked; /* the last message was taken */
	char words[160];
};

static void nft_take(const struct nft *t, const struct nlmsghdr *msg, struct nft_outcome *v)
{
	unsigned n = msg->nlmsg_seq - t->first_seq;
	char words[sizeof(v->words)];
	uint32_t offset;
	int code;

	if (msg->nlmsg_type != NLMSG_ERROR || n >= t->n)
		return;
	code = nlh_ack_error(msg, words, sizeof(words), &offset);
	if (!code) {
		v->acked |= n == t->n - 2; /* the one before the transaction's end */
		return;
	}
	if (v->code && n >= v->worst)
		return;
	v->worst = n;
	v->code = code;
	v->offset = offset;
	(void)snprintf(v->words, sizeof(v->words), "%s", words);
}

/* The kernel works on a transaction inside send(2), so all its answers are there already. */
static void nft_answers(const struct nft *t, struct nl_h *h, struct nft_outcome *v)
{
	_Alignas(8) char buf[NFT_RECV_LEN];

	for (;;) {
		ssize_t n = nlh_recv(nlh_fd(h), buf, sizeof(buf), MSG_DONTWAIT, NULL);
		const struct nlmsghdr *msg = (const void *)buf;
		int left = (int)n;

		if (n == -ENOBUFS)
			continue; /* too many failures to report; the first are there */
		if (n < 0)
			return;
		for (; mnl_nlmsg_ok(msg, left); msg = mnl_nlmsg_next(msg, &left))
			nft_take(t, msg, v);
	}
}

static int nft_send(const struct nft *t, struct nl_h *h, struct netns_err *err)
{
	const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	int want = (int)t->len, fd = nlh_fd(h);

	/* The message must fit the send buffer; only the host's root may go beyond wmem_max. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
	if (sendto(fd, t->buf, t->len, 0, (const void *)&kernel, sizeof(kernel)) >= 0)
		return 0;
	if (errno == EMSGSIZE)
		return netns_fail(
			err, -EMSGSIZE,
			"access lists: %zu bytes of rules are more than one message may "
			"have: raise net.core.wmem_max on the host, or bind fewer entries",
			t->len);
	return netns_fail_errno(err, -errno, "access lists: send");
}

int nft_commit(struct nft *t, struct nl_h *h, struct netns_err *err)
{
	struct nft_outcome v = { 0 };
	struct nlmsghdr *last;
	int r;

	nft_frame(t, NFNL_MSG_BATCH_END);
	if (t->failed)
		return netns_fail_errno(err, t->failed, "access lists: %u rules", t->n);
	/* Older kernels acknowledge neither begin nor end, so the last real message is asked. */
	last = (void *)(t->buf + t->labels[t->n - 2].at);
	last->nlmsg_flags |= NLM_F_ACK;
	r = nft_send(t, h, err);
	if (r < 0)
		return r;
	nft_answers(t, h, &v);
	if (v.code)
		return nft_explain(t, v.worst, v.code, v.offset, v.words, err);
	if (!v.acked)
		return netns_fail(err, -EPROTO, "access lists: the kernel did not answer");
	return 0;
}

/* ---- reading back ---- */

static void count_read_expr(const struct nlattr *elem, struct nft_count *count)
{
	const struct nlattr *e[NFTA_EXPR_MAX + 1], *c[NFTA_COUNTER_MAX + 1];
	char name[16];
	uint64_t v = 0;

	attr_nested(elem, e, NFTA_EXPR_MAX);
	if (!attr_text(e[NFTA_EXPR_NAME], name, sizeof(name)) || strcmp(name, "counter"))
		return;
	attr_nested(e[NFTA_EXPR_DATA], c, NFTA_COUNTER_MAX);
	(void)attr_copy(c[NFTA_COUNTER_PACKETS], &v, sizeof(v));
	count->n_packets = be64toh(v);
	v = 0;
	(void)attr_copy(c[NFTA_COUNTER_BYTES], &v, sizeof(v));
	count->n_bytes = be64toh(v);
}

static int count_decode(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	const struct nlattr *tb[NFTA_RULE_MAX + 1], *elem;
	struct nft_count *count = ret_item;

	(void)ctx;
	if (msg->nlmsg_type != nft_type(NFT_MSG_NEWRULE))
		return 0;
	attr_table(msg, sizeof(struct nfgenmsg), tb, NFTA_RULE_MAX);
	if (!tb[NFTA_RULE_EXPRESSIONS] ||
	    !attr_text(tb[NFTA_RULE_USERDATA], count->user_data, sizeof(count->user_data)))
		return 0;
	mnl_attr_for_each_nested(elem, tb[NFTA_RULE_EXPRESSIONS]) count_read_expr(elem, count);
	return 1;
}

int nft_counts(struct nl_h *h, const char *table, struct nft_count **ret_counts, size_t *ret_n,
	       struct netns_err *err)
{
	const struct nlh_query q = {
		.decode = count_decode,
		.item_len = sizeof(struct nft_count),
	};
	struct nlmsghdr *msg =
		nlh_put(h, nft_type(NFT_MSG_GETRULE), NLM_F_DUMP, "access lists: counters");
	struct nfgenmsg *gen = mnl_nlmsg_put_extra_header(msg, sizeof(*gen));

	gen->nfgen_family = NFPROTO_INET;
	mnl_attr_put_strz(msg, NFTA_RULE_TABLE, table);
	return nlh_collect(h, &q, ret_counts, ret_n, err);
}
