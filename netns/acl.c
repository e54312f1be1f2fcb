#include "netns/acl.h"

#include "netns/err.h"
#include "netns/nft.h"
#include "netns/nl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACL_TABLE     "acl"
#define ACL_TEXT_LEN  128 /* the kernel's longest NFLOG prefix, with the NUL */
#define ACL_ND_NS     135 /* RFC 4861 4.3 */
#define ACL_ND_NA     136
#define ACL_TCP_FLAGS 13 /* offset in the TCP header */
#define ACL_TCP_RST   0x04
#define ACL_TCP_ACK   0x10
#define ACL_DST_PORT  2 /* offset in TCP, UDP and SCTP headers; the source is at 0 */

struct acl_family {
	uint8_t nfproto, icmp;
	uint8_t src, dst, addr_len; /* offsets in the IP header, and bytes */
	const char *name;
};

static const struct acl_family acl_ipv4 = { NFPROTO_IPV4, IPPROTO_ICMP, 12, 16, 4, "v4" };
static const struct acl_family acl_ipv6 = { NFPROTO_IPV6, IPPROTO_ICMPV6, 8, 24, 16, "v6" };

static const char *const acl_dirs[] = { [ACL_IN] = "in", [ACL_OUT] = "out" };

struct acl_addr acl_addr_any(void)
{
	struct acl_addr a = { 0 };

	memset(a.wildcard, 0xff, sizeof(a.wildcard));
	return a;
}

struct acl_addr acl_addr4(uint32_t host_order, uint32_t wildcard)
{
	struct acl_addr a = { 0 };
	uint32_t net = htonl(host_order), wild = htonl(wildcard);

	memcpy(a.bytes, &net, sizeof(net));
	memcpy(a.wildcard, &wild, sizeof(wild));
	return a;
}

/* ---- the text that names a rule: NFLOG's prefix and the rule's user data ---- */

static void acl_hit_text(const struct acl_hit *hit, char *buf, size_t buf_len)
{
	(void)snprintf(buf, buf_len, "acl %s %s %u %s %s", acl_dirs[hit->dir], hit->interface,
		       hit->seq, hit->permit ? "permit" : "deny", hit->name);
}

bool acl_hit_parse(const char *prefix, struct acl_hit *ret_hit)
{
	struct acl_hit hit = { 0 };
	char dir[4], verdict[8];
	int at = 0;

	if (sscanf(prefix, "acl %3s %15s %u %7s %n", dir, hit.interface, &hit.seq, verdict, &at) !=
		    4 ||
	    !at || strlen(prefix + at) >= sizeof(hit.name) || !prefix[at])
		return false;
	if (strcmp(dir, "in") && strcmp(dir, "out"))
		return false;
	if (strcmp(verdict, "permit") && strcmp(verdict, "deny"))
		return false;
	hit.dir = strcmp(dir, "in") ? ACL_OUT : ACL_IN;
	hit.permit = !strcmp(verdict, "permit");
	memcpy(hit.name, prefix + at, strlen(prefix + at) + 1);
	*ret_hit = hit;
	return true;
}

/* ---- what a list may say ---- */

static bool acl_has_ports(const struct acl_entry *e)
{
	return e->src_port.op != ACL_PORT_ANY || e->dst_port.op != ACL_PORT_ANY;
}

/* Whether the entry looks behind the IP header, where a later fragment has nothing. */
static bool acl_looks_deeper(const struct acl_entry *e)
{
	return acl_has_ports(e) || e->established || e->has_icmp_type;
}

static const char *acl_entry_fault(const struct acl_family *f, const struct acl_entry *e)
{
	const uint8_t p = e->protocol;

	if (!e->seq)
		return "sequence numbers begin at 1";
	if (acl_has_ports(e) && p != IPPROTO_TCP && p != IPPROTO_UDP && p != IPPROTO_SCTP)
		return "ports need tcp, udp or sctp";
	if (e->established && p != IPPROTO_TCP)
		return "established needs tcp";
	if ((e->has_icmp_type || e->has_icmp_code) && p != f->icmp)
		return "a message type needs icmp";
	if (e->has_icmp_code && !e->has_icmp_type)
		return "a message code needs a type";
	if ((e->src_port.op == ACL_PORT_RANGE && e->src_port.port > e->src_port.last) ||
	    (e->dst_port.op == ACL_PORT_RANGE && e->dst_port.port > e->dst_port.last))
		return "a range of ports begins above its end";
	return NULL;
}

static const struct acl_family *acl_family_of(const struct acl *acl)
{
	return acl->family == AF_INET ? &acl_ipv4 : acl->family == AF_INET6 ? &acl_ipv6 : NULL;
}

static int acl_check(const struct acl *acl, struct netns_err *err)
{
	const struct acl_family *f = acl_family_of(acl);
	size_t len = strlen(acl->name);

	if (len == 0 || len >= ACL_NAME_LEN || strpbrk(acl->name, "\n\r"))
		return netns_fail(err, -EINVAL, "access list '%s': a name has 1 to %d bytes",
				  acl->name, ACL_NAME_LEN - 1);
	if (!f)
		return netns_fail(err, -EINVAL, "access list %s: neither IPv4 nor IPv6", acl->name);
	for (size_t i = 0; i < acl->n_entries; i++) {
		const char *fault = acl_entry_fault(f, &acl->entries[i]);

		if (fault)
			return netns_fail(err, -EINVAL, "access list %s entry %u: %s", acl->name,
					  acl->entries[i].seq, fault);
	}
	return 0;
}

static int acl_check_set(const struct acl_set *set, struct netns_err *err)
{
	size_t n_entries = 0;
	int r = 0;

	for (size_t i = 0; i < set->n_bindings && r >= 0; i++) {
		const struct acl_binding *b = &set->bindings[i];

		r = nl_name_check(b->interface, err);
		if (r >= 0)
			r = acl_check(b->acl, err);
		if (r < 0)
			return r;
		n_entries += b->acl->n_entries;
		for (size_t j = 0; j < i; j++)
			if (b->dir == set->bindings[j].dir &&
			    b->acl->family == set->bindings[j].acl->family &&
			    !strcmp(b->interface, set->bindings[j].interface))
				return netns_fail(
					err, -EINVAL,
					"interface %s: two access lists %s for one family",
					b->interface, acl_dirs[b->dir]);
	}
	if (n_entries > ACL_ENTRIES_MAX)
		return netns_fail(err, -E2BIG, "access lists: %zu entries, at most %d", n_entries,
				  ACL_ENTRIES_MAX);
	return 0;
}

/* ---- from an entry to expressions ---- */

static void put_u8(struct nlmsghdr *rule, uint8_t value)
{
	nft_cmp(rule, NFT_CMP_EQ, &value, sizeof(value));
}

static void put_port_cmp(struct nlmsghdr *rule, uint32_t op, uint16_t port)
{
	uint16_t net = htons(port);

	nft_cmp(rule, op, &net, sizeof(net));
}

static void put_port(struct nlmsghdr *rule, const struct acl_port *p, uint32_t offset)
{
	if (p->op == ACL_PORT_ANY)
		return;
	nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2);
	switch (p->op) {
	case ACL_PORT_ANY:
		break;
	case ACL_PORT_EQ:
		put_port_cmp(rule, NFT_CMP_EQ, p->port);
		break;
	case ACL_PORT_NEQ:
		put_port_cmp(rule, NFT_CMP_NEQ, p->port);
		break;
	case ACL_PORT_LT:
		put_port_cmp(rule, NFT_CMP_LT, p->port);
		break;
	case ACL_PORT_GT:
		put_port_cmp(rule, NFT_CMP_GT, p->port);
		break;
	case ACL_PORT_RANGE:
		put_port_cmp(rule, NFT_CMP_GTE, p->port);
		put_port_cmp(rule, NFT_CMP_LTE, p->last);
		break;
	}
}

/* Compares the bits that the wildcard does not hide; none left: any address. */
static void put_addr(struct nlmsghdr *rule, const struct acl_addr *a, uint32_t offset, uint32_t len)
{
	uint8_t mask[16], want[16];
	bool any = true, all = true;

	for (uint32_t i = 0; i < len; i++) {
		mask[i] = (uint8_t)~a->wildcard[i];
		want[i] = a->bytes[i] & mask[i];
		any &= mask[i] == 0;
		all &= mask[i] == 0xff;
	}
	if (any)
		return;
	nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, len);
	if (!all)
		nft_mask(rule, mask, len);
	nft_cmp(rule, NFT_CMP_EQ, want, len);
}

static void put_deeper(struct nlmsghdr *rule, const struct acl_entry *e)
{
	const uint8_t ack_or_rst = ACL_TCP_ACK | ACL_TCP_RST, zero = 0;

	put_port(rule, &e->src_port, 0);
	put_port(rule, &e->dst_port, ACL_DST_PORT);
	if (e->established) {
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, ACL_TCP_FLAGS, 1);
		nft_mask(rule, &ack_or_rst, 1);
		nft_cmp(rule, NFT_CMP_NEQ, &zero, 1);
	}
	if (e->has_icmp_type) {
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
		put_u8(rule, e->icmp_type);
	}
	if (e->has_icmp_code) {
		nft_payload(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 1, 1);
		put_u8(rule, e->icmp_code);
	}
}

/* Fragment offset above 0: RFC 791 3.1, RFC 8200 4.5. */
static void put_later_fragment(struct nlmsghdr *rule, const struct acl_family *f)
{
	const uint8_t mask4[2] = { 0x1f, 0xff }, mask6[2] = { 0xff, 0xf8 }, zero[2] = { 0 };

	if (f->nfproto == NFPROTO_IPV4) {
		nft_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, 6, 2);
		nft_mask(rule, mask4, 2);
	} else {
		nft_frag_header(rule);
		nft_mask(rule, mask6, 2);
	}
	nft_cmp(rule, NFT_CMP_NEQ, zero, 2);
}

/* ---- from a set to rules ---- */

struct acl_build {
	struct nft *t;
	const struct acl_set *set;
	const struct acl_binding *b;
	const struct acl_family *f;
	char chain[48];
};

static struct nlmsghdr *acl_rule(struct acl_build *w, uint32_t seq)
{
	char label[NFT_LABEL_LEN];

	(void)snprintf(label, sizeof(label), "access list %s entry %u (%s %s)", w->b->acl->name,
		       seq, acl_dirs[w->b->dir], w->b->interface);
	return nft_rule(w->t, ACL_TABLE, w->chain, label);
}

/* Counter, log and verdict: what every rule ends with. */
static void acl_rule_end(struct acl_build *w, struct nlmsghdr *rule, uint32_t seq, bool permit,
			 bool marked)
{
	struct acl_hit hit = { .dir = w->b->dir, .permit = permit, .seq = seq };
	char text[ACL_TEXT_LEN];

	(void)snprintf(hit.interface, sizeof(hit.interface), "%s", w->b->interface);
	(void)snprintf(hit.name, sizeof(hit.name), "%s", w->b->acl->name);
	acl_hit_text(&hit, text, sizeof(text));
	nft_counter(rule);
	if (marked || w->set->log == ACL_LOG_ALL || (w->set->log == ACL_LOG_DENIED && !permit))
		nft_log(rule, w->set->group, text);
	if (permit)
		nft_verdict(rule, NF_ACCEPT, NULL);
	else if (w->set->unreachable)
		nft_reject(rule, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	else
		nft_verdict(rule, NF_DROP, NULL);
	nft_rule_end(w->t, rule, text);
}

static void acl_put_entry(struct acl_build *w, const struct acl_entry *e, bool later_fragment)
{
	struct nlmsghdr *rule = acl_rule(w, e->seq);

	if (!rule)
		return;
	if (e->protocol != ACL_PROTO_ANY) {
		nft_meta(rule, NFT_META_L4PROTO);
		put_u8(rule, e->protocol);
	}
	put_addr(rule, &e->src, w->f->src, w->f->addr_len);
	put_addr(rule, &e->dst, w->f->dst, w->f->addr_len);
	if (later_fragment)
		put_later_fragment(rule, w->f);
	else
		put_deeper(rule, e);
	acl_rule_end(w, rule, e->seq, e->permit, e->log);
}

static void acl_put_neighbour_discovery(struct acl_build *w)
{
	static const uint8_t types[] = { ACL_ND_NA, ACL_ND_NS };

	for (size_t i = 0; i < sizeof(types); i++) {
		const struct acl_entry e = {
			.permit = true,
			.protocol = IPPROTO_ICMPV6,
			.src = acl_addr_any(),
			.dst = acl_addr_any(),
			.has_icmp_type = true,
			.icmp_type = types[i],
		};

		acl_put_entry(w, &e, false);
	}
}

static void acl_put_implicit_end(struct acl_build *w)
{
	struct nlmsghdr *rule;

	if (w->f == &acl_ipv6)
		acl_put_neighbour_discovery(w);
	rule = acl_rule(w, 0);
	if (rule)
		acl_rule_end(w, rule, 0, false, false);
}

/* From the hook's chain to the binding's own. */
static void acl_put_jump(struct acl_build *w)
{
	char interface[16] = ""; /* compared whole, as the kernel keeps it */
	struct nlmsghdr *rule = nft_rule(w->t, ACL_TABLE, acl_dirs[w->b->dir], w->chain);

	if (!rule)
		return;
	(void)snprintf(interface, sizeof(interface), "%s", w->b->interface);
	nft_meta(rule, NFT_META_NFPROTO);
	put_u8(rule, w->f->nfproto);
	nft_meta(rule, w->b->dir == ACL_IN ? NFT_META_IIFNAME : NFT_META_OIFNAME);
	nft_cmp(rule, NFT_CMP_EQ, interface, sizeof(interface));
	nft_verdict(rule, NFT_JUMP, w->chain);
	nft_rule_end(w->t, rule, NULL);
}

static void acl_put_binding(struct nft *t, const struct acl_set *set, const struct acl_binding *b)
{
	struct acl_build w = { .t = t, .set = set, .b = b, .f = acl_family_of(b->acl) };
	const struct acl *acl = b->acl;

	if (!acl->n_entries)
		return; /* IOS: a list without entries permits everything */
	(void)snprintf(w.chain, sizeof(w.chain), "%s %s %s", acl_dirs[b->dir], b->interface,
		       w.f->name);
	nft_chain(t, ACL_TABLE, w.chain);
	for (size_t i = 0; i < acl->n_entries; i++) {
		const struct acl_entry *e = &acl->entries[i];

		acl_put_entry(&w, e, false);
		if (e->permit && acl_looks_deeper(e))
			acl_put_entry(&w, e, true);
	}
	acl_put_implicit_end(&w);
	acl_put_jump(&w);
}

/* Creating before deleting makes the deletion right whether or not there was a table. */
static void acl_put_clear(struct nft *t)
{
	nft_table(t, NFT_MSG_NEWTABLE, NLM_F_CREATE, ACL_TABLE);
	nft_table(t, NFT_MSG_DELTABLE, 0, ACL_TABLE);
}

int acl_apply(struct nl_h *h, const struct acl_set *set, struct netns_err *err)
{
	struct nft t;
	int r = acl_check_set(set, err);

	if (r < 0)
		return r;
	nft_begin(&t, nlh_seq_block(h, NFT_MESSAGES_MAX));
	acl_put_clear(&t);
	nft_table(&t, NFT_MSG_NEWTABLE, NLM_F_CREATE, ACL_TABLE);
	nft_base_chain(&t, ACL_TABLE, acl_dirs[ACL_IN], NF_INET_PRE_ROUTING, NF_IP_PRI_RAW);
	nft_base_chain(&t, ACL_TABLE, acl_dirs[ACL_OUT], NF_INET_FORWARD, NF_IP_PRI_FILTER);
	for (size_t i = 0; i < set->n_bindings; i++)
		acl_put_binding(&t, set, &set->bindings[i]);
	r = nft_commit(&t, h, err);
	nft_done(&t);
	return r;
}

int acl_remove(struct nl_h *h, struct netns_err *err)
{
	struct nft t;
	int r;

	nft_begin(&t, nlh_seq_block(h, NFT_MESSAGES_MAX));
	acl_put_clear(&t);
	r = nft_commit(&t, h, err);
	nft_done(&t);
	return r;
}

/* ---- counters ---- */

static bool acl_same_rule(const struct acl_hit *a, const struct acl_hit *b)
{
	return a->dir == b->dir && a->seq == b->seq && a->permit == b->permit &&
	       !strcmp(a->interface, b->interface) && !strcmp(a->name, b->name);
}

/* An entry may be two rules, one for later fragments: they stand side by side. */
static size_t acl_merge(const struct nft_count *raw, size_t n_raw, struct acl_count *out)
{
	size_t n = 0;

	for (size_t i = 0; i < n_raw; i++) {
		struct acl_count c = { .n_packets = raw[i].n_packets, .n_bytes = raw[i].n_bytes };

		if (!acl_hit_parse(raw[i].user_data, &c.rule))
			continue;
		if (n && acl_same_rule(&out[n - 1].rule, &c.rule)) {
			out[n - 1].n_packets += c.n_packets;
			out[n - 1].n_bytes += c.n_bytes;
		} else {
			out[n++] = c;
		}
	}
	return n;
}

int acl_counts(struct nl_h *h, struct acl_count **ret_counts, size_t *ret_n, struct netns_err *err)
{
	struct netns_err why = { 0 };
	struct nft_count *raw = NULL;
	struct acl_count *out;
	size_t n_raw = 0;
	int r = nft_counts(h, ACL_TABLE, &raw, &n_raw, &why);

	if (r < 0 && r != -ENOENT) /* some kernels answer so when there is no table */
		return netns_fail(err, r, "%s", why.text);
	out = n_raw ? calloc(n_raw, sizeof(*out)) : NULL;
	if (n_raw && !out) {
		free(raw);
		return netns_fail_errno(err, -ENOMEM, "access lists: counters");
	}
	*ret_n = acl_merge(raw, n_raw, out);
	*ret_counts = out;
	free(raw);
	return 0;
}
