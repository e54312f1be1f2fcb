/* Access lists: FX_ACL down to the kernel, its reports and counters up.
 *
 * Nothing is opened before the first list is bound. Reports come in batches through NFLOG; each is
 * one event of the machine that sent FX_ACL, with the key by which the log finds the frame: what
 * was received, also for a list that filters what goes out. */
#include "shell.h"

#include <errno.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl.h"
#include "netns/acl.h"
#include "netns/err.h"
#include "netns/nflog.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "shell_acl.h"

#define NFLOG_GROUP	 1   /* of the device's own namespace */
#define COPY_BYTES	 128 /* of each packet: an IP header with options, and the next header */
#define REPORTS_PER_TURN 256
#define NO_OFFSET	 UINT64_MAX
#define RECENT_MAX	 64	    /* packets reported last */
#define RECENT_NS	 (5 * MSEC) /* from the inbound list to the outbound one */
#define USEC_END	 (USEC - 1) /* the kernel's stamp has whole microseconds: to the end of it */

/* A packet that an inbound list decided about. */
struct recent {
	struct pkt_key key;
	uint16_t id; /* of its IP header */
};

struct shell_acl {
	struct machine *machine;
	struct nl_h *nf;
	struct nflog *log;
	struct event *ev;
	bool in_force; /* the kernel has a set */
	struct recent recent[RECENT_MAX];
	unsigned n_recent; /* ever */
};

/* --- down: from our lists to netns's ------------------------------------------------------- */

static struct acl_addr to_addr(const struct acl_match *m)
{
	return acl_addr4(m->addr, m->wildcard);
}

static struct acl_port to_port(const struct acl_ports *p)
{
	static const enum acl_op ops[] = {
		[ACL_CMP_NONE] = ACL_PORT_ANY, [ACL_CMP_EQ] = ACL_PORT_EQ,
		[ACL_CMP_NEQ] = ACL_PORT_NEQ,  [ACL_CMP_LT] = ACL_PORT_LT,
		[ACL_CMP_GT] = ACL_PORT_GT,    [ACL_CMP_RANGE] = ACL_PORT_RANGE,
	};

	return (struct acl_port){ .op = ops[p->cmp], .port = p->first, .last = p->last };
}

static struct acl_entry to_entry(const struct acl_line *l)
{
	return (struct acl_entry){
		.seq = l->seq,
		.permit = l->action == ACL_PERMIT,
		.protocol = l->protocol,
		.src = to_addr(&l->src),
		.dst = to_addr(&l->dst),
		.src_port = to_port(&l->src_ports),
		.dst_port = to_port(&l->dst_ports),
		.has_icmp_type = l->icmp_type >= 0,
		.has_icmp_code = l->icmp_code >= 0,
		.icmp_type = (uint8_t)(l->icmp_type >= 0 ? l->icmp_type : 0),
		.icmp_code = (uint8_t)(l->icmp_code >= 0 ? l->icmp_code : 0),
		.established = l->established,
		.log = l->log,
	};
}

/* The set as netns reads it; everything in it points into itself or into the machine's lists. */
struct kernel_set {
	struct acl *acls; /* as many as there are lists */
	struct acl_binding *bindings;
	struct acl_set set;
};

static void set_done(struct kernel_set *k, size_t n_lists)
{
	for (size_t i = 0; k->acls && i < n_lists; i++)
		free((void *)(uintptr_t)k->acls[i].entries);
	free(k->acls);
	free(k->bindings);
}

static int add_list(struct acl *acl, const struct acl_list *list)
{
	struct acl_entry *entries = calloc(list->n_lines + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	*acl = (struct acl){ .name = list->name, .family = AF_INET, .entries = entries };
	for (unsigned i = 0; i < list->n_lines; i++)
		if (list->lines[i].action != ACL_REMARK)
			entries[acl->n_entries++] = to_entry(&list->lines[i]);
	return 0;
}

/* A binding of a list that does not exist, or of an interface that is gone, filters nothing. */
static void add_bindings(struct node *n, const struct acl_lists *lists, struct kernel_set *k)
{
	for (unsigned i = 0; i < lists->n_uses; i++) {
		const struct acl_use *use = &lists->uses[i];
		const struct acl_list *list = acl_list_find(lists, use->list);
		const struct iface *f = node_iface(n, use->ifid);

		if (list && f)
			k->bindings[k->set.n_bindings++] =
				(struct acl_binding){ .interface = f->kname,
						      .dir = use->out ? ACL_OUT : ACL_IN,
						      .acl = &k->acls[list - lists->lists] };
	}
}

static int make_set(struct node *n, const struct acl_lists *lists, struct kernel_set *k)
{
	int r = 0;

	*k = (struct kernel_set){
		.acls = calloc(lists->n_lists + 1, sizeof(*k->acls)),
		.bindings = calloc(lists->n_uses + 1, sizeof(*k->bindings)),
		.set = { .group = NFLOG_GROUP, .log = ACL_LOG_ALL, .unreachable = true },
	};
	if (!k->acls || !k->bindings)
		return -ENOMEM;
	for (unsigned i = 0; i < lists->n_lists && r == 0; i++)
		r = add_list(&k->acls[i], &lists->lists[i]);
	k->set.bindings = k->bindings;
	add_bindings(n, lists, k);
	return r;
}

static int apply(struct node *n, const struct acl_lists *lists, struct netns_err *err)
{
	struct kernel_set k;
	int r = make_set(n, lists, &k);

	if (r < 0)
		netns_fail_errno(err, r, "access lists");
	else if (k.set.n_bindings > 0)
		r = acl_apply(n->acl->nf, &k.set, err);
	else
		r = acl_remove(n->acl->nf, err);
	if (r == 0)
		n->acl->in_force = k.set.n_bindings > 0;
	set_done(&k, lists->n_lists);
	return r;
}

/* --- up: reports --------------------------------------------------------------------------- */

static struct ep end_of(uint32_t addr, uint16_t port)
{
	return (struct ep){ .addr = addr4_from_u32(addr), .port = port };
}

/* The frame as it came in. A segment is known by its checksum; without one its key would name the
 * stream's first octet, so it gets an octet that no stream has. */
static struct pkt_key make_key(const struct nflog_packet *p, const struct acl_packet *packet,
			       uint32_t ifid)
{
	return (struct pkt_key){ .dir = PKT_IN,
				 .proto = packet->protocol,
				 .ifid = ifid,
				 .src = end_of(packet->src, packet->src_port),
				 .dst = end_of(packet->dst, packet->dst_port),
				 .len = packet->payload_len,
				 .checksum = packet->checksum,
				 .offset = packet->checksum ? 0 : NO_OFFSET,
				 .stamp_ns = p->time_ns ? p->time_ns + USEC_END : wall_now_ns() };
}

static bool same_key(const struct pkt_key *a, const struct pkt_key *b)
{
	return a->ifid == b->ifid && a->proto == b->proto && a->len == b->len &&
	       a->checksum == b->checksum && a->src.port == b->src.port &&
	       a->dst.port == b->dst.port && addr_equal(&a->src.addr, &b->src.addr) &&
	       addr_equal(&a->dst.addr, &b->dst.addr);
}

/* The newest packet with that key, and with that id unless it is negative; or NULL. */
static const struct recent *recent_find(const struct shell_acl *a, const struct pkt_key *key,
					int id)
{
	for (unsigned i = a->n_recent; i > 0 && a->n_recent - i < RECENT_MAX; i--) {
		const struct recent *r = &a->recent[(i - 1) % RECENT_MAX];

		if (key->stamp_ns - r->key.stamp_ns > RECENT_NS)
			return NULL;
		if (same_key(&r->key, key) && (id < 0 || r->id == id))
			return r;
	}
	return NULL;
}

/* Both lists that a packet meets speak of one frame: the outbound one's report takes the stamp of
 * the inbound one's, which the kernel may have taken some microseconds earlier. Two equal packets
 * of one microsecond are two frames: the later one's stamp moves on. */
static void settle_stamp(struct shell_acl *a, bool out, uint16_t id, struct pkt_key *key)
{
	const struct recent *r = recent_find(a, key, out ? id : -1);

	if (out) {
		if (r)
			key->stamp_ns = r->key.stamp_ns;
		return;
	}
	if (r && key->stamp_ns <= r->key.stamp_ns)
		key->stamp_ns = r->key.stamp_ns + USEC;
	a->recent[a->n_recent++ % RECENT_MAX] = (struct recent){ .key = *key, .id = id };
}

static void find_cause(struct node *n, const struct nflog_packet *p, bool out, struct cause *cause)
{
	const struct if_index *in = ifmap_by_index(n, p->in_index);
	struct acl_packet packet;

	if (!in || acl_packet_read(p->payload, p->payload_len, &packet) < 0)
		return;
	cause->key = make_key(p, &packet, in->ifid);
	settle_stamp(n->acl, out, packet.id, &cause->key);
}

uint32_t ifid_by_kname(const struct node *n, const char *kname)
{
	for (unsigned i = 0; i < n->dev.n_ifaces; i++)
		if (strcmp(n->dev.ifaces[i].kname, kname) == 0)
			return n->dev.ifaces[i].id;
	return 0;
}

static void report(struct node *n, const struct nflog_packet *p)
{
	struct acl_report r = { .lost = p->n_lost,
				.packet = p->payload,
				.packet_len = p->payload_len };
	struct ev ev = { .kind = EV_DATAGRAM, .dgram = { .sock = ACL_SOCK_REPORTS } };
	struct cause cause = { .key = { .dir = PKT_NONE } };
	uint8_t data[ACL_REPORT_MAX];
	struct acl_hit hit;
	struct wr w;

	if (!acl_hit_parse(p->prefix, &hit))
		return; /* a rule that the device's owner made reports to our group */
	r.permit = hit.permit;
	r.out = hit.dir == ACL_OUT;
	r.seq = hit.seq;
	r.ifid = ifid_by_kname(n, hit.interface);
	str_copy(r.list, sizeof(r.list), hit.name);
	wr_init(&w, data, sizeof(data));
	acl_report_write(&w, &r);
	find_cause(n, p, r.out, &cause);
	ev.dgram.data = data;
	ev.dgram.len = wr_len(&w);
	ev.dgram.ifid = cause.key.ifid;
	ev.dgram.src = cause.key.src;
	ev.dgram.dst = cause.key.dst;
	deliver(n->acl->machine, &ev, &cause);
}

static void on_reports(evutil_socket_t fd, short what, void *arg)
{
	struct node *n = arg;
	struct netns_err err = { 0 };
	struct nflog_packet p;
	int r = 1;

	(void)fd, (void)what;
	for (int i = 0; i < REPORTS_PER_TURN && r == 1; i++) {
		r = nflog_next(n->acl->log, &p, &err);
		if (r == 1)
			report(n, &p);
	}
	if (r == 1) /* the rest is in the reader's buffer, where no descriptor tells of it */
		event_active(n->acl->ev, EV_READ, 1);
	else if (r < 0)
		journal_refused(n, "access list reports", err.text);
}

/* --- opening ------------------------------------------------------------------------------- */

static struct shell_acl *acl_close(struct shell_acl *a)
{
	if (!a)
		return NULL;
	if (a->ev)
		event_free(a->ev);
	a->log = nflog_close(a->log);
	a->nf = nlh_close(a->nf);
	free(a);
	return NULL;
}

static int acl_open(struct machine *m, struct netns_err *err)
{
	struct node *n = m->node;
	struct shell_acl *a = calloc(1, sizeof(*a));
	int r = a ? nlh_open(NS_CURRENT, NETLINK_NETFILTER, &a->nf, err) : -ENOMEM;

	if (r == 0)
		r = nflog_open(NS_CURRENT, NFLOG_GROUP, COPY_BYTES, &a->log, err);
	if (r == 0) {
		a->machine = m;
		a->ev = event_new(n->base, nflog_fd(a->log), EV_READ | EV_PERSIST, on_reports, n);
		if (!a->ev || event_add(a->ev, NULL) < 0)
			r = netns_fail_errno(err, -ENOMEM, "access list reports");
	}
	if (r < 0) {
		acl_close(a);
		return r;
	}
	n->acl = a;
	return 0;
}

void kernel_acl(struct machine *m, const struct fx_effect *e)
{
	struct netns_err err = { .text = "out of memory" };
	int r = m->node->acl ? 0 : acl_open(m, &err);

	if (r == 0)
		r = apply(m->node, e->acl.lists, &err);
	if (r < 0)
		fail_effect(m, e, 0, -r, err.text);
}

/* --- counters ------------------------------------------------------------------------------ */

int shell_acl_counts(struct node *n, struct acl_count **ret_counts, size_t *ret_n,
		     struct netns_err *err)
{
	*ret_counts = NULL;
	*ret_n = 0;
	if (!n->acl || !n->acl->in_force)
		return 0;
	return acl_counts(n->acl->nf, ret_counts, ret_n, err);
}
