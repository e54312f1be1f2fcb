#include "netns/link.h"

#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"
#include "netns/ns.h"

#include <ctype.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

int nl_name_check(const char *name, struct netns_err *err)
{
	size_t len = name ? strlen(name) : 0;

	if (len == 0 || len >= NL_NAME_LEN)
		return netns_fail(err, -EINVAL, "interface '%s': a name has 1 to %d bytes",
				  name ? name : "", NL_NAME_LEN - 1);
	for (size_t i = 0; i < len; i++)
		if (name[i] == '/' || name[i] == ':' || isspace((unsigned char)name[i]))
			return netns_fail(err, -EINVAL,
					  "interface '%s': a name has no '/', ':' or white space",
					  name);
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return netns_fail(err, -EINVAL, "interface '%s': not a name", name);
	return 0;
}

static struct ifinfomsg *link_header(struct nlmsghdr *msg, unsigned flags, unsigned mask)
{
	struct ifinfomsg *ifi = mnl_nlmsg_put_extra_header(msg, sizeof(*ifi));

	ifi->ifi_flags = flags;
	ifi->ifi_change = mask;
	return ifi;
}

static void veth_put_end(struct nlmsghdr *msg, const struct nl_veth_end *end, uint32_t mtu)
{
	mnl_attr_put_strz(msg, IFLA_IFNAME, end->name);
	if (end->mac)
		mnl_attr_put(msg, IFLA_ADDRESS, NL_MAC_LEN, end->mac);
	if (mtu)
		mnl_attr_put_u32(msg, IFLA_MTU, mtu);
	if (end->ns_fd != NS_CURRENT)
		mnl_attr_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)end->ns_fd);
}

static void veth_put_info(struct nlmsghdr *msg, const struct nl_veth *veth)
{
	struct nlattr *info = mnl_attr_nest_start(msg, IFLA_LINKINFO), *data, *peer;
	struct ifinfomsg *ifi;

	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(msg, VETH_INFO_PEER);
	ifi = mnl_nlmsg_put_extra_header(msg, sizeof(*ifi)); /* a nested header, not at the front */
	ifi->ifi_index = (int)veth->b.index;
	veth_put_end(msg, &veth->b, veth->mtu);
	mnl_attr_nest_end(msg, peer);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
}

int nl_veth_add(struct nl_h *h, const struct nl_veth *veth, struct netns_err *err)
{
	unsigned up = veth->a_up ? IFF_UP : 0;
	struct nlmsghdr *msg;
	int r = nl_name_check(veth->a.name, err);

	if (r >= 0)
		r = nl_name_check(veth->b.name, err);
	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "veth %s - %s: create",
		      veth->a.name, veth->b.name);
	link_header(msg, up, up)->ifi_index = (int)veth->a.index;
	veth_put_end(msg, &veth->a, veth->mtu);
	if (veth->master)
		mnl_attr_put_u32(msg, IFLA_MASTER, (uint32_t)veth->master);
	if (veth->group)
		mnl_attr_put_u32(msg, IFLA_GROUP, veth->group);
	veth_put_info(msg, veth);
	return nlh_done(h, err);
}

static void link_put_change(struct nlmsghdr *msg, const struct nl_link_change *c)
{
	if (c->set & NL_SET_MAC)
		mnl_attr_put(msg, IFLA_ADDRESS, NL_MAC_LEN, c->mac);
	if (c->set & NL_SET_MTU)
		mnl_attr_put_u32(msg, IFLA_MTU, c->mtu);
	if (c->set & NL_SET_ALIAS)
		mnl_attr_put_str(msg, IFLA_IFALIAS, c->alias);
	if (c->set & NL_SET_MASTER)
		mnl_attr_put_u32(msg, IFLA_MASTER, (uint32_t)c->master);
	if (c->set & NL_SET_GROUP)
		mnl_attr_put_u32(msg, IFLA_GROUP, c->group);
	if (c->set & NL_SET_TXQLEN)
		mnl_attr_put_u32(msg, IFLA_TXQLEN, c->tx_queue_len);
	if (c->set & NL_SET_DORMANT) {
		mnl_attr_put_u8(msg, IFLA_OPERSTATE, c->dormant ? IF_OPER_DORMANT : IF_OPER_UP);
		mnl_attr_put_u8(msg, IFLA_LINKMODE,
				c->dormant ? IF_LINK_MODE_DORMANT : IF_LINK_MODE_DEFAULT);
	}
}

int nl_link_change(struct nl_h *h, const char *name, const struct nl_link_change *change,
		   struct netns_err *err)
{
	unsigned flags = 0, mask = 0;
	struct nlmsghdr *msg;
	int r = nl_name_check(name, err);

	if (r < 0)
		return r;
	if ((change->set & NL_SET_ALIAS) && strlen(change->alias) >= NL_ALIAS_LEN)
		return netns_fail(err, -EINVAL, "interface %s: an alias has at most %d bytes", name,
				  NL_ALIAS_LEN - 1);
	if (change->set & NL_SET_UP)
		mask |= IFF_UP, flags |= change->up ? IFF_UP : 0;
	if (change->set & NL_SET_PROMISC)
		mask |= IFF_PROMISC, flags |= change->promisc ? IFF_PROMISC : 0;
	msg = nlh_put(h, RTM_NEWLINK, 0, "interface %s: %s", name,
		      change->set == NL_SET_UP ? (change->up ? "set up" : "set down") : "change");
	(void)link_header(msg, flags, mask);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	link_put_change(msg, change);
	return nlh_done(h, err);
}

int nl_link_up(struct nl_h *h, const char *name, struct netns_err *err)
{
	return nl_link_change(h, name, &(struct nl_link_change){ .set = NL_SET_UP, .up = true },
			      err);
}

int nl_link_down(struct nl_h *h, const char *name, struct netns_err *err)
{
	return nl_link_change(h, name, &(struct nl_link_change){ .set = NL_SET_UP }, err);
}

int nl_link_rename(struct nl_h *h, const char *name, const char *new_name, struct netns_err *err)
{
	struct nlmsghdr *msg;
	int index, r = nl_link_index(h, name, &index, err);

	if (r >= 0)
		r = nl_name_check(new_name, err);
	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_NEWLINK, 0, "interface %s: rename to %s", name, new_name);
	link_header(msg, 0, 0)->ifi_index = index;
	mnl_attr_put_strz(msg, IFLA_IFNAME, new_name);
	return nlh_done(h, err);
}

int nl_link_delete(struct nl_h *h, const char *name, struct netns_err *err)
{
	struct nlmsghdr *msg;
	int r = nl_name_check(name, err);

	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_DELLINK, 0, "interface %s: delete", name);
	(void)link_header(msg, 0, 0);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	return nlh_done(h, err);
}

int nl_link_delete_group(struct nl_h *h, uint32_t group, struct netns_err *err)
{
	struct nlmsghdr *msg;

	if (!group)
		return netns_fail(err, -EINVAL,
				  "interface group 0 is every interface: not deleted");
	msg = nlh_put(h, RTM_DELLINK, 0, "interface group %u: delete", group);
	(void)link_header(msg, 0, 0);
	mnl_attr_put_u32(msg, IFLA_GROUP, group);
	nlh_tolerate(h, ENODEV);
	return nlh_done(h, err);
}

static void link_decode_counters(const struct nlattr *a, struct nl_counters *c)
{
	struct rtnl_link_stats64 s = { 0 };
	size_t len = a ? mnl_attr_get_payload_len(a) : 0;

	/* Newer kernels append fields, older ones have fewer. */
	(void)attr_copy(a, &s, len < sizeof(s) ? len : sizeof(s));
	*c = (struct nl_counters){
		.rx_frames = s.rx_packets,
		.tx_frames = s.tx_packets,
		.rx_bytes = s.rx_bytes,
		.tx_bytes = s.tx_bytes,
		.rx_errors = s.rx_errors,
		.tx_errors = s.tx_errors,
		.rx_dropped = s.rx_dropped,
		.tx_dropped = s.tx_dropped,
		.rx_multicast = s.multicast,
	};
}

int nl_link_decode(const struct nlmsghdr *msg, struct nl_link *ret_link)
{
	const struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct ifinfomsg ifi;

	if (msg->nlmsg_type != RTM_NEWLINK && msg->nlmsg_type != RTM_DELLINK)
		return 0;
	if (!attr_header(msg, &ifi, sizeof(ifi)))
		return -EBADMSG;
	/* With AF_BRIDGE it speaks of a port's state only, and the full message comes as well. */
	if (ifi.ifi_family != AF_UNSPEC)
		return 0;
	attr_table(msg, sizeof(ifi), tb, IFLA_MAX);
	attr_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	*ret_link = (struct nl_link){ .index = ifi.ifi_index, .flags = ifi.ifi_flags };
	(void)attr_text(tb[IFLA_IFNAME], ret_link->name, sizeof(ret_link->name));
	(void)attr_text(tb[IFLA_IFALIAS], ret_link->alias, sizeof(ret_link->alias));
	(void)attr_text(info[IFLA_INFO_KIND], ret_link->kind, sizeof(ret_link->kind));
	(void)attr_copy(tb[IFLA_ADDRESS], ret_link->mac, NL_MAC_LEN);
	(void)attr_u32(tb[IFLA_MTU], &ret_link->mtu);
	(void)attr_u32(tb[IFLA_GROUP], &ret_link->group);
	(void)attr_u8(tb[IFLA_OPERSTATE], &ret_link->operstate);
	(void)attr_index(tb[IFLA_MASTER], &ret_link->master);
	(void)attr_index(tb[IFLA_LINK], &ret_link->peer);
	link_decode_counters(tb[IFLA_STATS64], &ret_link->counters);
	return 1;
}

static int link_decode_item(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	(void)ctx;
	return nl_link_decode(msg, ret_item);
}

static const struct nlh_query link_query = {
	.decode = link_decode_item,
	.item_len = sizeof(struct nl_link),
};

int nl_link_dump(struct nl_h *h, struct nl_link **ret_links, size_t *ret_n, struct netns_err *err)
{
	struct nlmsghdr *msg = nlh_put(h, RTM_GETLINK, NLM_F_DUMP, "interfaces: list");

	(void)link_header(msg, 0, 0);
	return nlh_collect(h, &link_query, ret_links, ret_n, err);
}

int nl_link_get(struct nl_h *h, const char *name, struct nl_link *ret_link, struct netns_err *err)
{
	struct nl_link *links;
	struct nlmsghdr *msg;
	size_t n;
	int r = nl_name_check(name, err);

	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_GETLINK, 0, "interface %s: read", name);
	(void)link_header(msg, 0, 0);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	r = nlh_collect(h, &link_query, &links, &n, err);
	if (r < 0)
		return r;
	if (n)
		*ret_link = links[0];
	else
		r = netns_fail_errno(err, -ENODEV, "interface %s: read", name);
	free(links);
	return r;
}

int nl_link_index(struct nl_h *h, const char *name, int *ret_index, struct netns_err *err)
{
	struct nl_link link;
	int r = nl_link_get(h, name, &link, err);

	if (r >= 0)
		*ret_index = link.index;
	return r;
}

/* Order matters: checksums go last, since segmentation depends on them. */
static const struct {
	uint32_t cmd;
	const char *what;
} offloads[] = {
	{ ETHTOOL_SGRO, "receive merging" },
	{ ETHTOOL_STSO, "TCP segmentation" },
	{ ETHTOOL_SGSO, "segmentation" },
	{ ETHTOOL_STXCSUM, "transmit checksum" },
};

int nl_offload_off(struct nl_h *h, const char *name, struct netns_err *err)
{
	int r = nl_name_check(name, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(offloads) / sizeof(*offloads); i++) {
		struct ethtool_value value = { .cmd = offloads[i].cmd, .data = 0 };
		struct ifreq ifr = { .ifr_data = (void *)&value };

		(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
		/* Any socket of the namespace takes interface ioctls, a netlink one too. */
		if (ioctl(nlh_fd(h), SIOCETHTOOL, &ifr) < 0 && errno != EOPNOTSUPP)
			return netns_fail_errno(err, -errno, "interface %s: %s offload off", name,
						offloads[i].what);
	}
	return 0;
}
