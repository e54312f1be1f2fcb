#include "netns/addr.h"

#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define SECOND_NS INT64_C(1000000000)

/* Lifetimes are whole seconds to the kernel; all ones is for ever. */
static uint32_t ifaddr_seconds(int64_t time_ns)
{
	int64_t s = time_ns / SECOND_NS;

	if (time_ns <= 0 || s >= UINT32_MAX)
		return UINT32_MAX;
	return s ? (uint32_t)s : 1; /* 0 would mean at once */
}

static int64_t ifaddr_time_ns(uint32_t seconds)
{
	return seconds == UINT32_MAX ? NL_FOREVER : seconds * SECOND_NS;
}

static void ifaddr_put_lifetime(struct nlmsghdr *msg, const struct nl_ifaddr *a)
{
	struct ifa_cacheinfo ci = { .ifa_valid = ifaddr_seconds(a->valid_ns) };

	ci.ifa_prefered = ifaddr_seconds(a->preferred_ns);
	if (ci.ifa_prefered > ci.ifa_valid)
		ci.ifa_prefered = ci.ifa_valid; /* the kernel refuses the contrary */
	mnl_attr_put(msg, IFA_CACHEINFO, sizeof(ci), &ci);
}

static void ifaddr_put_broadcast(struct nlmsghdr *msg, const struct nl_ifaddr *a)
{
	struct nl_ip b = a->broadcast;

	if (a->ip.family != AF_INET)
		return;
	if (!b.family) {
		if (a->prefix_len > 30) /* RFC 3021: two hosts, no broadcast */
			return;
		b = a->ip;
		for (unsigned bit = a->prefix_len; bit < 32; bit++)
			b.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	mnl_attr_put(msg, IFA_BROADCAST, 4, b.bytes);
}

static int ifaddr_check(const struct nl_ifaddr *a, struct netns_err *err)
{
	size_t len = nl_ip_len(a->ip.family);

	if (!len || a->prefix_len > len * 8)
		return netns_fail(err, -EINVAL, "address: no address, or a prefix of %u bits",
				  a->prefix_len);
	if (a->index <= 0)
		return netns_fail(err, -EINVAL, "address: no interface");
	return 0;
}

static struct nlmsghdr *ifaddr_put(struct nl_h *h, const struct nl_ifaddr *a, uint16_t type,
				   uint16_t flags, const char *deed)
{
	size_t len = nl_ip_len(a->ip.family);
	char text[NL_IP_TEXT_LEN];
	struct nlmsghdr *msg = nlh_put(h, type, flags, "address %s/%u on interface %d: %s",
				       nl_ip_text(&a->ip, text), a->prefix_len, a->index, deed);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(msg, sizeof(*ifa));

	ifa->ifa_family = a->ip.family;
	ifa->ifa_prefixlen = a->prefix_len;
	ifa->ifa_index = (uint32_t)a->index;
	mnl_attr_put(msg, IFA_LOCAL, len, a->ip.bytes);
	mnl_attr_put(msg, IFA_ADDRESS, len, a->ip.bytes);
	return msg;
}

int nl_ifaddr_add(struct nl_h *h, const struct nl_ifaddr *a, struct netns_err *err)
{
	struct nlmsghdr *msg;
	int r = ifaddr_check(a, err);

	if (r < 0)
		return r;
	msg = ifaddr_put(h, a, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, "add");
	ifaddr_put_broadcast(msg, a);
	ifaddr_put_lifetime(msg, a);
	if (a->flags)
		mnl_attr_put_u32(msg, IFA_FLAGS, a->flags);
	return nlh_done(h, err);
}

int nl_ifaddr_delete(struct nl_h *h, const struct nl_ifaddr *a, struct netns_err *err)
{
	int r = ifaddr_check(a, err);

	if (r < 0)
		return r;
	(void)ifaddr_put(h, a, RTM_DELADDR, 0, "delete");
	return nlh_done(h, err);
}

int nl_ifaddr_decode(const struct nlmsghdr *msg, struct nl_ifaddr *ret)
{
	const struct nlattr *tb[IFA_MAX + 1], *own;
	struct ifa_cacheinfo ci = { .ifa_valid = UINT32_MAX, .ifa_prefered = UINT32_MAX };
	struct ifaddrmsg ifa;

	if (msg->nlmsg_type != RTM_NEWADDR && msg->nlmsg_type != RTM_DELADDR)
		return 0;
	if (!attr_header(msg, &ifa, sizeof(ifa)))
		return -EBADMSG;
	if (!nl_ip_len(ifa.ifa_family))
		return 0;
	attr_table(msg, sizeof(ifa), tb, IFA_MAX);
	/* On a point-to-point link IFA_ADDRESS is the other side; IFA_LOCAL is always one's own. */
	own = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	*ret = (struct nl_ifaddr){
		.index = (int)ifa.ifa_index,
		.ip.family = ifa.ifa_family,
		.prefix_len = ifa.ifa_prefixlen,
		.scope = ifa.ifa_scope,
		.flags = ifa.ifa_flags,
	};
	if (!attr_copy(own, ret->ip.bytes, nl_ip_len(ifa.ifa_family)))
		return -EBADMSG;
	if (attr_copy(tb[IFA_BROADCAST], ret->broadcast.bytes, 4))
		ret->broadcast.family = AF_INET;
	(void)attr_u32(tb[IFA_FLAGS], &ret->flags);
	(void)attr_copy(tb[IFA_CACHEINFO], &ci, sizeof(ci));
	ret->valid_ns = ifaddr_time_ns(ci.ifa_valid);
	ret->preferred_ns = ifaddr_time_ns(ci.ifa_prefered);
	return 1;
}

static int ifaddr_decode_item(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	const int *index = ctx;
	struct nl_ifaddr *a = ret_item;
	int r = nl_ifaddr_decode(msg, a);

	return r > 0 && *index && a->index != *index ? 0 : r;
}

int nl_ifaddr_dump(struct nl_h *h, int index, uint8_t family, struct nl_ifaddr **ret, size_t *ret_n,
		   struct netns_err *err)
{
	const struct nlh_query q = {
		.decode = ifaddr_decode_item,
		.ctx = &index,
		.item_len = sizeof(struct nl_ifaddr),
	};
	struct nlmsghdr *msg =
		nlh_put(h, RTM_GETADDR, NLM_F_DUMP, "addresses of interface %d: list", index);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(msg, sizeof(*ifa));

	ifa->ifa_family = family;
	ifa->ifa_index = (uint32_t)index;
	return nlh_collect(h, &q, ret, ret_n, err);
}

int nl_ifaddr_flush(struct nl_h *h, int index, uint8_t family, struct netns_err *err)
{
	struct nl_ifaddr *list;
	size_t n;
	int r = nl_ifaddr_dump(h, index, family, &list, &n, err);

	if (r < 0)
		return r;
	nlh_begin(h);
	for (size_t i = 0; i < n; i++) {
		/* Deleting a primary address takes its secondaries along; that is the aim. */
		(void)ifaddr_put(h, &list[i], RTM_DELADDR, 0, "delete");
		nlh_tolerate(h, EADDRNOTAVAIL);
		(void)nlh_done(h, NULL);
	}
	free(list);
	return nlh_commit(h, err);
}
