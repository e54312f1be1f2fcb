#include "netns/addr.h"
#include "netns/attr.h"
#include "netns/err.h"
#include "netns/nl.h"

#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#define NEIGH_TICK_NS INT64_C(10000000) /* the kernel counts ages in 1/100 s */
#define MS_NS	      INT64_C(1000000)

static const struct {
	uint16_t state;
	const char *name;
} neigh_states[] = {
	{ NUD_INCOMPLETE, "incomplete" }, { NUD_REACHABLE, "reachable" }, { NUD_STALE, "stale" },
	{ NUD_DELAY, "delay" },		  { NUD_PROBE, "probe" },	  { NUD_FAILED, "failed" },
	{ NUD_NOARP, "noarp" },		  { NUD_PERMANENT, "permanent" },
};

const char *nl_neigh_state_name(uint16_t state)
{
	for (size_t i = 0; i < sizeof(neigh_states) / sizeof(*neigh_states); i++)
		if (neigh_states[i].state == state)
			return neigh_states[i].name;
	return "none";
}

static struct nlmsghdr *neigh_put(struct nl_h *h, const struct nl_neigh *n, uint16_t type,
				  uint16_t flags, const char *deed)
{
	char text[NL_IP_TEXT_LEN];
	struct nlmsghdr *msg = nlh_put(h, type, flags, "neighbour %s on interface %d: %s",
				       nl_ip_text(&n->ip, text), n->index, deed);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(msg, sizeof(*nd));

	nd->ndm_family = n->ip.family;
	nd->ndm_ifindex = n->index;
	nd->ndm_flags = n->flags;
	mnl_attr_put(msg, NDA_DST, nl_ip_len(n->ip.family), n->ip.bytes);
	return msg;
}

static int neigh_set(struct nl_h *h, const struct nl_neigh *n, uint16_t flags, const char *deed,
		     struct netns_err *err)
{
	struct nlmsghdr *msg;
	struct ndmsg *nd;

	if (!nl_ip_len(n->ip.family))
		return netns_fail(err, -EINVAL, "neighbour: no address");
	msg = neigh_put(h, n, RTM_NEWNEIGH, flags, deed);
	nd = mnl_nlmsg_get_payload(msg);
	nd->ndm_state = n->state ? n->state : NUD_PERMANENT;
	if (n->has_mac)
		mnl_attr_put(msg, NDA_LLADDR, NL_MAC_LEN, n->mac);
	return nlh_done(h, err);
}

int nl_neigh_add(struct nl_h *h, const struct nl_neigh *neigh, struct netns_err *err)
{
	return neigh_set(h, neigh, NLM_F_CREATE | NLM_F_EXCL, "add", err);
}

int nl_neigh_replace(struct nl_h *h, const struct nl_neigh *neigh, struct netns_err *err)
{
	return neigh_set(h, neigh, NLM_F_CREATE | NLM_F_REPLACE, "replace", err);
}

int nl_neigh_delete(struct nl_h *h, const struct nl_neigh *neigh, struct netns_err *err)
{
	if (!nl_ip_len(neigh->ip.family))
		return netns_fail(err, -EINVAL, "neighbour: no address");
	(void)neigh_put(h, neigh, RTM_DELNEIGH, 0, "delete");
	return nlh_done(h, err);
}

int nl_neigh_decode(const struct nlmsghdr *msg, struct nl_neigh *ret)
{
	const struct nlattr *tb[NDA_MAX + 1];
	struct nda_cacheinfo ci = { 0 };
	struct ndmsg nd;

	if (msg->nlmsg_type != RTM_NEWNEIGH && msg->nlmsg_type != RTM_DELNEIGH)
		return 0;
	if (!attr_header(msg, &nd, sizeof(nd)))
		return -EBADMSG;
	if (!nl_ip_len(nd.ndm_family))
		return 0; /* a bridge's table: see nl_fdb_decode() */
	attr_table(msg, sizeof(nd), tb, NDA_MAX);
	*ret = (struct nl_neigh){
		.index = nd.ndm_ifindex,
		.ip.family = nd.ndm_family,
		.state = nd.ndm_state,
		.flags = nd.ndm_flags,
	};
	if (!attr_copy(tb[NDA_DST], ret->ip.bytes, nl_ip_len(nd.ndm_family)))
		return -EBADMSG;
	ret->has_mac = attr_copy(tb[NDA_LLADDR], ret->mac, NL_MAC_LEN);
	(void)attr_u32(tb[NDA_PROBES], &ret->n_probes);
	(void)attr_copy(tb[NDA_CACHEINFO], &ci, sizeof(ci));
	ret->used_ns = ci.ndm_used * NEIGH_TICK_NS;
	ret->confirmed_ns = ci.ndm_confirmed * NEIGH_TICK_NS;
	ret->updated_ns = ci.ndm_updated * NEIGH_TICK_NS;
	return 1;
}

static int neigh_decode_item(const struct nlmsghdr *msg, void *ctx, void *ret_item)
{
	const int *index = ctx;
	struct nl_neigh *n = ret_item;
	int r = nl_neigh_decode(msg, n);

	return r > 0 && *index && n->index != *index ? 0 : r;
}

int nl_neigh_dump(struct nl_h *h, int index, uint8_t family, struct nl_neigh **ret, size_t *ret_n,
		  struct netns_err *err)
{
	const struct nlh_query q = {
		.decode = neigh_decode_item,
		.ctx = &index,
		.item_len = sizeof(struct nl_neigh),
	};
	struct nlmsghdr *msg =
		nlh_put(h, RTM_GETNEIGH, NLM_F_DUMP, "neighbours of interface %d: list", index);
	struct ndmsg *nd = mnl_nlmsg_put_extra_header(msg, sizeof(*nd));

	nd->ndm_family = family;
	if (index)
		mnl_attr_put_u32(msg, NDA_IFINDEX, (uint32_t)index);
	return nlh_collect(h, &q, ret, ret_n, err);
}

int nl_neigh_flush(struct nl_h *h, int index, uint8_t family, bool permanent_too,
		   struct netns_err *err)
{
	const uint16_t keep = permanent_too ? NUD_NOARP : NUD_NOARP | NUD_PERMANENT;
	struct nl_neigh *list;
	size_t n;
	int r = nl_neigh_dump(h, index, family, &list, &n, err);

	if (r < 0)
		return r;
	nlh_begin(h);
	for (size_t i = 0; i < n; i++) {
		if (list[i].state & keep)
			continue;
		(void)neigh_put(h, &list[i], RTM_DELNEIGH, 0, "delete");
		nlh_tolerate(h, ENOENT); /* gone by itself meanwhile */
		(void)nlh_done(h, NULL);
	}
	free(list);
	return nlh_commit(h, err);
}

static void neigh_put_ms(struct nlmsghdr *msg, uint16_t type, int64_t time_ns)
{
	if (time_ns > 0)
		mnl_attr_put_u64(msg, type, (uint64_t)((time_ns + MS_NS - 1) / MS_NS));
}

static void neigh_put_count(struct nlmsghdr *msg, uint16_t type, uint32_t n)
{
	if (n)
		mnl_attr_put_u32(msg, type, n);
}

int nl_neigh_set_params(struct nl_h *h, int index, uint8_t family,
			const struct nl_neigh_params *params, struct netns_err *err)
{
	struct nlmsghdr *msg =
		nlh_put(h, RTM_SETNEIGHTBL, 0, "neighbour timers of interface %d: set", index);
	struct ndtmsg *ndt = mnl_nlmsg_put_extra_header(msg, sizeof(*ndt));
	struct nlattr *nest;

	ndt->ndtm_family = family;
	mnl_attr_put_strz(msg, NDTA_NAME, family == AF_INET6 ? "ndisc_cache" : "arp_cache");
	nest = mnl_attr_nest_start(msg, NDTA_PARMS);
	if (index)
		mnl_attr_put_u32(msg, NDTPA_IFINDEX, (uint32_t)index);
	neigh_put_ms(msg, NDTPA_RETRANS_TIME, params->retrans_ns);
	neigh_put_ms(msg, NDTPA_BASE_REACHABLE_TIME, params->base_reachable_ns);
	neigh_put_ms(msg, NDTPA_GC_STALETIME, params->stale_ns);
	neigh_put_ms(msg, NDTPA_DELAY_PROBE_TIME, params->delay_first_ns);
	neigh_put_count(msg, NDTPA_UCAST_PROBES, params->n_unicast_probes);
	neigh_put_count(msg, NDTPA_MCAST_PROBES, params->n_multicast_probes);
	mnl_attr_nest_end(msg, nest);
	return nlh_done(h, err);
}
