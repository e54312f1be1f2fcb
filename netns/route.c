#include "netns/addr.h"
#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

const char *nl_route_text(const struct nl_route *route, char *buf, size_t buf_len)
{
	char dst[NL_IP_TEXT_LEN], via[NL_IP_TEXT_LEN], dev[16] = "", len[8] = "";

	if (!route->dst_len)
		(void)snprintf(dst, sizeof(dst), "default");
	else
		(void)nl_ip_text(&route->dst, dst);
	if (route->dst_len)
		(void)snprintf(len, sizeof(len), "/%u", route->dst_len);
	if (route->index)
		(void)snprintf(dev, sizeof(dev), " dev %d", route->index);
	(void)snprintf(buf, buf_len, "%s%s%s%s%s", dst, len, route->via.family ? " via " : "",
		       route->via.family ? nl_ip_text(&route->via, via) : "", dev);
	return buf;
}

static int route_check(const struct nl_route *route, struct netns_err *err)
{
	size_t len = nl_ip_len(route->dst.family);

	if (!len || route->dst_len > len * 8)
		return netns_fail(err, -EINVAL, "route: no family, or a prefix of %u bits",
				  route->dst_len);
	if (route->via.family && route->via.family != route->dst.family)
		return netns_fail(err, -EINVAL, "route: next hop and destination differ in family");
	return 0;
}

/* What ip-route(8) does: the kernel wants to be told how far away the destination is. */
static uint8_t route_scope(const struct nl_route *route, uint8_t type)
{
	if (type == RTN_LOCAL)
		return RT_SCOPE_HOST;
	if (type == RTN_UNICAST && !route->via.family)
		return RT_SCOPE_LINK;
	return RT_SCOPE_UNIVERSE;
}

static void route_put_header(struct nlmsghdr *msg, const struct nl_route *route)
{
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(msg, sizeof(*rtm));

	rtm->rtm_family = route->dst.family;
	rtm->rtm_dst_len = route->dst_len;
	rtm->rtm_type = route->type ? route->type : RTN_UNICAST;
	rtm->rtm_table = RT_TABLE_UNSPEC; /* RTA_TABLE has the whole number */
	rtm->rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	if (msg->nlmsg_type == RTM_DELROUTE) {
		rtm->rtm_type = route->type; /* 0 and RT_SCOPE_NOWHERE match any */
		rtm->rtm_scope = RT_SCOPE_NOWHERE;
		rtm->rtm_protocol = route->protocol;
		return;
	}
	rtm->rtm_scope = route_scope(route, rtm->rtm_type);
	rtm->rtm_protocol = route->protocol ? route->protocol : RTPROT_STATIC;
}

static int route_send(struct nl_h *h, const struct nl_route *route, uint16_t type, uint16_t flags,
		      const char *deed, struct netns_err *err)
{
	size_t len = nl_ip_len(route->dst.family);
	struct nlmsghdr *msg;
	char text[80];
	int r = route_check(route, err);

	if (r < 0)
		return r;
	msg = nlh_put(h, type, flags, "route %s: %s", nl_route_text(route, text, sizeof(text)),
		      deed);
	route_put_header(msg, route);
	mnl_attr_put_u32(msg, RTA_TABLE, route->table ? route->table : RT_TABLE_MAIN);
	if (route->dst_len)
		mnl_attr_put(msg, RTA_DST, len, route->dst.bytes);
	if (route->via.family)
		mnl_attr_put(msg, RTA_GATEWAY, len, route->via.bytes);
	if (route->prefsrc.family)
		mnl_attr_put(msg, RTA_PREFSRC, len, route->prefsrc.bytes);
	if (route->index)
		mnl_attr_put_u32(msg, RTA_OIF, (uint32_t)route->index);
	if (route->metric)
		mnl_attr_put_u32(msg, RTA_PRIORITY, route->metric);
	return nlh_done(h, err);
}

int nl_route_add(struct nl_h *h, const struct nl_route *route, struct netns_err *err)
{
	return route_send(h, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "add", err);
}

int nl_route_replace(struct nl_h *h, const struct nl_route *route, struct netns_err *err)
{
	return route_send(h, route, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "replace", err);
}

int nl_route_delete(struct nl_h *h, const struct nl_route *route, struct netns_err *err)
{
	return route_send(h, route, RTM_DELROUTE, 0, "delete", err);
}

static void route_read_ip(const struct nlattr *a, uint8_t family, struct nl_ip *ip)
{
	if (attr_copy(a, ip->bytes, nl_ip_len(family)))
		ip->family = family;
}

static void route_read_path(const uint8_t *attrs, size_t len, struct nl_route *ret)
{
	const struct nlattr *tb[RTA_MAX + 1] = { 0 }, *attr = NULL;

	mnl_attr_for_each_payload((const void *)attrs, len) attr_put_in(tb, RTA_MAX, attr);
	route_read_ip(tb[RTA_GATEWAY], ret->dst.family, &ret->via);
}

/* The first next hop, and how many there are. */
static void route_read_paths(const struct nlattr *a, struct nl_route *ret)
{
	size_t left = mnl_attr_get_payload_len(a), step;
	const uint8_t *p = mnl_attr_get_payload(a);
	struct rtnexthop nh;

	ret->n_paths = 0;
	while (left >= sizeof(nh) && ret->n_paths < UINT8_MAX) {
		memcpy(&nh, p, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || nh.rtnh_len > left)
			return;
		if (ret->n_paths++ == 0) {
			ret->index = nh.rtnh_ifindex;
			ret->onlink = nh.rtnh_flags & RTNH_F_ONLINK;
			route_read_path(p + sizeof(nh), nh.rtnh_len - sizeof(nh), ret);
		}
		step = MNL_ALIGN((size_t)nh.rtnh_len);
		if (step >= left)
			return;
		p += step;
		left -= step;
	}
}

int nl_route_decode(const struct nlmsghdr *msg, struct nl_route *ret)
{
	const struct nlattr *tb[RTA_MAX + 1];
	struct rtmsg rtm;

	if (msg->nlmsg_type != RTM_NEWROUTE && msg->nlmsg_type != RTM_DELROUTE)
		return 0;
	if (!attr_header(msg, &rtm, sizeof(rtm)))
		return -EBADMSG;
	if (!nl_ip_len(rtm.rtm_family) || (rtm.rtm_flags & RTM_F_CLONED))
		return 0; /* another family, or an entry of the cache of IPv6 path MTUs */
	attr_table(msg, sizeof(rtm), tb, RTA_MAX);
	*ret = (struct nl_route){
		.dst.family = rtm.rtm_family,
		.dst_len = rtm.rtm_dst_len,
		.type = rtm.rtm_type,
		.protocol = rtm.rtm_protocol,
		.scope = rtm.rtm_scope,
		.onlink = rtm.rtm_flags & RTNH_F_ONLINK,
		.n_paths = 1,
		.table = rtm.rtm_table,
	};
	(void)attr_copy(tb[RTA_DST], ret->dst.bytes, nl_ip_len(rtm.rtm_family));
	route_read_ip(tb[RTA_GATEWAY], rtm.rtm_family, &ret->via);
	route_read_ip(tb[RTA_PREFSRC], rtm.rtm_family, &ret->prefsrc);
	(void)attr_index(tb[RTA_OIF], &ret->index);
	(void)attr_u32(tb[RTA_PRIORITY], &ret->metric);
	(void)attr_u32(tb[RTA_TABLE], &ret->table);
	if (tb[RTA_MULTIPATH])
		route_read_paths(tb[RTA_MULTIPATH], ret);
	return 1;
}

static int route_decode_item(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	const uint32_t *table = ctx;
	struct nl_route *route = ret_item;
	int r = nl_route_decode(msg, route);

	return r > 0 && route->table != *table ? 0 : r;
}

int nl_route_dump(struct nl_h *h, uint8_t family, uint32_t table, struct nl_route **ret,
		  size_t *ret_n, struct netns_err *err)
{
	uint32_t want = table ? table : RT_TABLE_MAIN;
	const struct nlh_query q = {
		.decode = route_decode_item,
		.ctx = &want,
		.item_len = sizeof(struct nl_route),
	};
	struct nlmsghdr *msg = nlh_put(h, RTM_GETROUTE, NLM_F_DUMP, "routes: list");
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(msg, sizeof(*rtm));

	rtm->rtm_family = family;
	return nlh_collect(h, &q, ret, ret_n, err);
}
