#include "netns/bridge.h"

#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define BRIDGE_TICK_NS INT64_C(10000000) /* the kernel counts in 1/100 s */

static const char *const port_state_names[] = {
	[NL_PORT_DISABLED] = "disabled", [NL_PORT_LISTENING] = "listening",
	[NL_PORT_LEARNING] = "learning", [NL_PORT_FORWARDING] = "forwarding",
	[NL_PORT_BLOCKING] = "blocking",
};

const char *nl_port_state_name(enum nl_port_state state)
{
	return (unsigned)state <= NL_PORT_BLOCKING ? port_state_names[state] : "unknown";
}

static void bridge_put_time(struct nlmsghdr *msg, uint16_t type, int64_t time_ns)
{
	int64_t ticks = time_ns / BRIDGE_TICK_NS;

	if (time_ns > 0)
		mnl_attr_put_u32(msg, type, ticks > UINT32_MAX ? UINT32_MAX : (uint32_t)ticks);
}

static void bridge_put_conf(struct nlmsghdr *msg, const struct nl_bridge_conf *conf)
{
	struct nlattr *info = mnl_attr_nest_start(msg, IFLA_LINKINFO), *data;

	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	bridge_put_time(msg, IFLA_BR_FORWARD_DELAY, conf->forward_delay_ns);
	bridge_put_time(msg, IFLA_BR_HELLO_TIME, conf->hello_ns);
	bridge_put_time(msg, IFLA_BR_MAX_AGE, conf->max_age_ns);
	bridge_put_time(msg, IFLA_BR_AGEING_TIME, conf->ageing_ns);
	mnl_attr_put_u32(msg, IFLA_BR_STP_STATE, conf->stp);
	if (conf->priority)
		mnl_attr_put_u16(msg, IFLA_BR_PRIORITY, conf->priority);
	mnl_attr_put_u8(msg, IFLA_BR_MCAST_SNOOPING, 0);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
}

static int bridge_send(struct nl_h *h, const struct nl_bridge_conf *conf, uint16_t flags,
		       const char *deed, struct netns_err *err)
{
	struct ifinfomsg *ifi;
	struct nlmsghdr *msg;
	int r = nl_name_check(conf->name, err);

	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_NEWLINK, flags, "bridge %s: %s", conf->name, deed);
	ifi = mnl_nlmsg_put_extra_header(msg, sizeof(*ifi));
	if (conf->up)
		ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	mnl_attr_put_strz(msg, IFLA_IFNAME, conf->name);
	if (conf->mac)
		mnl_attr_put(msg, IFLA_ADDRESS, NL_MAC_LEN, conf->mac);
	if (conf->group)
		mnl_attr_put_u32(msg, IFLA_GROUP, conf->group);
	bridge_put_conf(msg, conf);
	return nlh_done(h, err);
}

int nl_bridge_add(struct nl_h *h, const struct nl_bridge_conf *conf, struct netns_err *err)
{
	return bridge_send(h, conf, NLM_F_CREATE | NLM_F_EXCL, "create", err);
}

int nl_bridge_set(struct nl_h *h, const struct nl_bridge_conf *conf, struct netns_err *err)
{
	return bridge_send(h, conf, 0, "change", err);
}

int nl_bridge_add_port(struct nl_h *h, int bridge_index, const char *port, struct netns_err *err)
{
	const struct nl_link_change change = { .set = NL_SET_MASTER, .master = bridge_index };

	return nl_link_change(h, port, &change, err);
}

int nl_port_set(struct nl_h *h, const char *port, uint32_t cost, int priority,
		struct netns_err *err)
{
	struct nlattr *info, *data;
	struct nlmsghdr *msg;
	int r = nl_name_check(port, err);

	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_NEWLINK, 0, "bridge port %s: change", port);
	(void)mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(msg, IFLA_IFNAME, port);
	info = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_SLAVE_KIND, "bridge");
	data = mnl_attr_nest_start(msg, IFLA_INFO_SLAVE_DATA);
	if (cost)
		mnl_attr_put_u32(msg, IFLA_BRPORT_COST, cost);
	if (priority >= 0)
		mnl_attr_put_u16(msg, IFLA_BRPORT_PRIORITY, (uint16_t)priority);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
	return nlh_done(h, err);
}

int nl_bridge_flush(struct nl_h *h, const char *name, struct netns_err *err)
{
	struct nlattr *info, *data;
	struct nlmsghdr *msg;
	int r = nl_name_check(name, err);

	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_NEWLINK, 0, "bridge %s: forget learned addresses", name);
	(void)mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "bridge");
	data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	mnl_attr_put(msg, IFLA_BR_FDB_FLUSH, 0, NULL);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, info);
	return nlh_done(h, err);
}

static void bridge_read_id(const struct nlattr *a, struct nl_bridge_id *id)
{
	uint8_t raw[8];

	if (!attr_copy(a, raw, sizeof(raw)))
		return;
	id->priority = (uint16_t)(raw[0] << 8 | raw[1]);
	memcpy(id->mac, raw + 2, NL_MAC_LEN);
}

static int64_t bridge_read_time(const struct nlattr *a)
{
	uint32_t ticks = 0;

	(void)attr_u32(a, &ticks);
	return ticks * BRIDGE_TICK_NS;
}

/* The parts of a link message that a bridge or a port is read from; false: another message. */
static bool bridge_link(const struct nlmsghdr *msg, struct ifinfomsg *ifi, const struct nlattr **tb,
			const struct nlattr **info)
{
	if (msg->nlmsg_type != RTM_NEWLINK || !attr_header(msg, ifi, sizeof(*ifi)))
		return false;
	attr_table(msg, sizeof(*ifi), tb, IFLA_MAX);
	attr_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX);
	return true;
}

static bool bridge_kind_is(const struct nlattr *a)
{
	char kind[NL_NAME_LEN];

	return attr_text(a, kind, sizeof(kind)) && !strcmp(kind, "bridge");
}

static int bridge_decode(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	const struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1], *br[IFLA_BR_MAX + 1];
	struct nl_bridge *b = ret_item;
	struct ifinfomsg ifi;
	uint32_t stp = 0;
	uint8_t change = 0;

	(void)ctx;
	if (!bridge_link(msg, &ifi, tb, info) || !bridge_kind_is(info[IFLA_INFO_KIND]))
		return 0;
	attr_nested(info[IFLA_INFO_DATA], br, IFLA_BR_MAX);
	b->index = ifi.ifi_index;
	(void)attr_text(tb[IFLA_IFNAME], b->name, sizeof(b->name));
	(void)attr_u32(br[IFLA_BR_STP_STATE], &stp);
	(void)attr_u8(br[IFLA_BR_TOPOLOGY_CHANGE], &change);
	b->stp = stp != 0;
	b->topology_change = change != 0;
	bridge_read_id(br[IFLA_BR_BRIDGE_ID], &b->id);
	bridge_read_id(br[IFLA_BR_ROOT_ID], &b->root);
	(void)attr_u16(br[IFLA_BR_ROOT_PORT], &b->root_port);
	(void)attr_u32(br[IFLA_BR_ROOT_PATH_COST], &b->root_path_cost);
	b->forward_delay_ns = bridge_read_time(br[IFLA_BR_FORWARD_DELAY]);
	b->hello_ns = bridge_read_time(br[IFLA_BR_HELLO_TIME]);
	b->max_age_ns = bridge_read_time(br[IFLA_BR_MAX_AGE]);
	b->ageing_ns = bridge_read_time(br[IFLA_BR_AGEING_TIME]);
	return 1;
}

int nl_bridge_get(struct nl_h *h, const char *name, struct nl_bridge *ret, struct netns_err *err)
{
	const struct nlh_query q = { .decode = bridge_decode, .item_len = sizeof(*ret) };
	struct nl_bridge *found;
	struct nlmsghdr *msg;
	size_t n;
	int r = nl_name_check(name, err);

	if (r < 0)
		return r;
	msg = nlh_put(h, RTM_GETLINK, 0, "bridge %s: read", name);
	(void)mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	r = nlh_collect(h, &q, &found, &n, err);
	if (r < 0)
		return r;
	if (n)
		*ret = found[0];
	else
		r = netns_fail(err, -ENODEV, "bridge %s: read: not a bridge", name);
	free(found);
	return r;
}

static int port_decode(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	const struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	const struct nlattr *bp[IFLA_BRPORT_MAX + 1];
	const int *bridge = ctx;
	struct nl_port *p = ret_item;
	struct ifinfomsg ifi;
	uint8_t state = 0;

	if (!bridge_link(msg, &ifi, tb, info) || !bridge_kind_is(info[IFLA_INFO_SLAVE_KIND]))
		return 0;
	(void)attr_index(tb[IFLA_MASTER], &p->bridge);
	if (*bridge && p->bridge != *bridge)
		return 0;
	attr_nested(info[IFLA_INFO_SLAVE_DATA], bp, IFLA_BRPORT_MAX);
	p->index = ifi.ifi_index;
	(void)attr_text(tb[IFLA_IFNAME], p->name, sizeof(p->name));
	(void)attr_u8(bp[IFLA_BRPORT_STATE], &state);
	p->state = state;
	(void)attr_u16(bp[IFLA_BRPORT_PRIORITY], &p->priority);
	(void)attr_u16(bp[IFLA_BRPORT_NO], &p->number);
	(void)attr_u32(bp[IFLA_BRPORT_COST], &p->cost);
	(void)attr_u16(bp[IFLA_BRPORT_DESIGNATED_PORT], &p->designated_port);
	bridge_read_id(bp[IFLA_BRPORT_ROOT_ID], &p->designated_root);
	bridge_read_id(bp[IFLA_BRPORT_BRIDGE_ID], &p->designated_bridge);
	return 1;
}

int nl_bridge_ports(struct nl_h *h, int bridge_index, struct nl_port **ret_ports, size_t *ret_n,
		    struct netns_err *err)
{
	const struct nlh_query q = {
		.decode = port_decode,
		.ctx = &bridge_index,
		.item_len = sizeof(struct nl_port),
	};
	struct nlmsghdr *msg = nlh_put(h, RTM_GETLINK, NLM_F_DUMP, "bridge ports: list");

	(void)mnl_nlmsg_put_extra_header(msg, sizeof(struct ifinfomsg));
	return nlh_collect(h, &q, ret_ports, ret_n, err);
}

int nl_fdb_decode(const struct nlmsghdr *msg, struct nl_fdb *ret_fdb, int *ret_bridge)
{
	const struct nlattr *tb[NDA_MAX + 1];
	struct nda_cacheinfo ci = { 0 };
	struct nl_fdb fdb = { 0 };
	struct ndmsg nd;
	int bridge = 0;

	if (msg->nlmsg_type != RTM_NEWNEIGH && msg->nlmsg_type != RTM_DELNEIGH)
		return 0;
	if (!attr_header(msg, &nd, sizeof(nd)))
		return -EBADMSG;
	if (nd.ndm_family != AF_BRIDGE)
		return 0;
	attr_table(msg, sizeof(nd), tb, NDA_MAX);
	/* Without a master it is an interface's own receive filter, not a bridge's table. */
	if (!attr_index(tb[NDA_MASTER], &bridge) || !attr_copy(tb[NDA_LLADDR], fdb.mac, NL_MAC_LEN))
		return 0;
	fdb.port = nd.ndm_ifindex;
	fdb.local = nd.ndm_state & NUD_PERMANENT;
	fdb.is_static = nd.ndm_state & NUD_NOARP;
	if (!fdb.local && !fdb.is_static && attr_copy(tb[NDA_CACHEINFO], &ci, sizeof(ci)))
		fdb.age_ns = ci.ndm_updated * BRIDGE_TICK_NS;
	*ret_fdb = fdb;
	*ret_bridge = bridge;
	return 1;
}

static int fdb_decode_item(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	const int *want = ctx;
	int bridge = 0;
	int r = nl_fdb_decode(msg, ret_item, &bridge);

	return r > 0 && *want && bridge != *want ? 0 : r;
}

int nl_bridge_fdb(struct nl_h *h, int bridge_index, struct nl_fdb **ret_fdb, size_t *ret_n,
		  struct netns_err *err)
{
	const struct nlh_query q = {
		.decode = fdb_decode_item,
		.ctx = &bridge_index,
		.item_len = sizeof(struct nl_fdb),
	};
	struct nlmsghdr *msg = nlh_put(h, RTM_GETNEIGH, NLM_F_DUMP,
				       "bridge %d: address table: read", bridge_index);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(msg, sizeof(*nd));

	nd->ndm_family = AF_BRIDGE;
	if (bridge_index)
		mnl_attr_put_u32(msg, NDA_MASTER, (uint32_t)bridge_index);
	return nlh_collect(h, &q, ret_fdb, ret_n, err);
}
