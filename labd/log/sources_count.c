/* Which interfaces a ring hears, and what it did not hear: counters against frames. */
#include <stdio.h>
#include <string.h>

#include "labd/log/sources_in.h"

#define LOOK_EVERY_NS	(5 * MSEC)
#define SETTLE_EVERY_NS (200 * MSEC)

enum {
	LINKS_MAX = 1100, /* a switch's bridge has at most 1023 ports */
	PRESSED_BYTES = 256,
};

struct port *ring_port(struct ring_source *r, int ifindex)
{
	if (r->last_port < r->n_ports && r->ports[r->last_port].ifindex == ifindex)
		return &r->ports[r->last_port];
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].ifindex == ifindex) {
			r->last_port = i;
			return &r->ports[i];
		}
	return NULL;
}

bool ring_all_known(const struct ring_source *r)
{
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].ifindex == 0)
			return false;
	return true;
}

static bool all_based(const struct ring_source *r)
{
	for (uint32_t i = 0; i < r->n_ports; i++)
		if (r->ports[i].base_ns == 0)
			return false;
	return true;
}

static uint32_t n_based(const struct ring_source *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n_ports; i++)
		n += r->ports[i].base_ns != 0;
	return n;
}

static struct port *port_named(struct sources *s, struct ring_source *r, const char *name)
{
	for (uint32_t i = 0; i < r->n_ports; i++) {
		const struct log_iface *iface = engine_iface(s->e, r->ports[i].ifid);

		if (iface && strcmp(iface->kname, name) == 0)
			return &r->ports[i];
	}
	return NULL;
}

/* The interfaces of the device now, or negative errno. */
static int ask_links(struct ring_source *r, const struct ring_link **ret)
{
	static struct ring_link links[LINKS_MAX];

	*ret = links;
	return r->netlink_fd < 0 ? -1 : ring_links(r->netlink_fd, links, LINKS_MAX);
}

void ring_find_ports(struct sources *s, struct ring_source *r)
{
	const struct ring_link *links;
	int64_t now_ns = labtime_wall_now();
	bool found = false;
	int n;

	if ((ring_all_known(r) && (r->netlink_fd < 0 || all_based(r))) ||
	    now_ns - r->looked_ns < LOOK_EVERY_NS)
		return;
	n = ask_links(r, &links);
	now_ns = labtime_wall_now();
	r->looked_ns = now_ns;
	for (int i = 0; i < n; i++) {
		struct port *p = port_named(s, r, links[i].name);

		if (!p || p->base_ns != 0)
			continue;
		found |= p->ifindex == 0;
		p->ifindex = links[i].ifindex;
		p->base[0] = links[i].tx_frames;
		p->base[1] = links[i].rx_frames;
		p->base_ns = now_ns;
	}
	if (found)
		(void)ring_set_filter(s, r);
}

void ring_port_is(struct ring_source *r, struct port *p, int ifindex)
{
	p->ifindex = ifindex;
	/* A ring that hears it from its first frame on: the counters count from zero, as we do. */
	if (p->base_ns == 0 && r->netlink_fd >= 0 && r->from_first)
		p->base_ns = 1;
}

int ring_set_filter(struct sources *s, struct ring_source *r)
{
	uint32_t snap_len = s->pressed ? PRESSED_BYTES : PKT_FRAME_MAX;
	int ifindexes[RING_IFINDEXES_MAX], err;
	size_t n = 0;

	for (uint32_t i = 0; i < r->n_ports && n < RING_IFINDEXES_MAX; i++)
		if (r->ports[i].ifindex != 0)
			ifindexes[n++] = r->ports[i].ifindex;
	err = ring_filter(r->ring, ifindexes, n, !ring_all_known(r), snap_len);
	if (err == 0 && r->next)
		err = ring_filter(r->next, ifindexes, n, !ring_all_known(r), snap_len);
	return err;
}

/* ---- drops ---- */

static void write_gap(struct sources *s, struct ring_source *r, int64_t way, uint64_t n)
{
	/* What a comparison finds after new drops may be older than they are. */
	int64_t since_ns = r->gap_since_ns < r->mark_ns ? r->gap_since_ns : r->mark_ns;
	struct db_gap g = { .way = way,
			    .device = way < 0 ? (int64_t)r->device : -1,
			    .since_ns = labtime_of_wall(engine_time(s->e), since_ns),
			    .until_ns = labtime_of_wall(engine_time(s->e), r->mark_ns),
			    .what = "frames",
			    .missing = (int64_t)n,
			    .reason = "the packet ring was full" };

	store_gap(engine_store(s->e), &g);
}

/* Puts the interfaces' counters down, to be compared when every frame up to now was shown. False:
 * they are not known, or no longer. */
static bool mark(struct sources *s, struct ring_source *r)
{
	const struct ring_link *links;
	int n = ask_links(r, &links);
	uint32_t found = 0;

	r->mark_ns = labtime_wall_now();
	memcpy(r->marked_before, r->marked, 2 * (size_t)r->n_ports * sizeof(*r->marked));
	memset(r->marked, 0, 2 * (size_t)r->n_ports * sizeof(*r->marked));
	for (int i = 0; i < n; i++) {
		struct port *p = port_named(s, r, links[i].name);

		if (!p)
			continue;
		found += p->base_ns != 0;
		r->marked[2 * (p - r->ports)] = links[i].tx_frames;
		r->marked[2 * (p - r->ports) + 1] = links[i].rx_frames;
	}
	return found > 0 && found == n_based(r);
}

static bool wants_mark(const struct ring_source *r, bool settle, int64_t now_ns)
{
	if (r->drops == r->drops_told && !r->unsettled)
		return false;
	if (settle)
		return true;
	return r->mark_ns == 0 &&
	       (r->drops != r->drops_told || now_ns - r->compared_ns >= SETTLE_EVERY_NS);
}

void ring_watch(struct sources *s, struct ring_source *r, bool settle)
{
	uint64_t drops = r->drops_before + ring_stats(r->ring).n_drops;
	int64_t now_ns = labtime_wall_now();

	if (drops > r->drops && r->drops == r->drops_told)
		r->gap_since_ns = r->watched_ns ? r->watched_ns : now_ns;
	r->drops = drops;
	r->watched_ns = now_ns;
	if (!wants_mark(r, settle, now_ns) || mark(s, r))
		return;
	if (drops != r->drops_told)
		write_gap(s, r, -1, drops - r->drops_told);
	r->drops_told = drops;
	r->unsettled = false;
	r->mark_ns = 0;
}

/* Is every frame that this direction's interface counted a row, or told to be missing? While frames
 * come the sums may agree by chance. */
static bool is_told(const struct ring_source *r, uint32_t i, unsigned dir)
{
	const struct port *p = &r->ports[i];
	uint64_t counted = r->marked[2 * i + dir];

	return p->base_ns == 0 || (counted == p->base[dir] + p->seen[dir] + p->told[dir] &&
				   counted == r->marked_before[2 * i + dir]);
}

/* How many frames of this direction are missing and have no row yet. */
static uint64_t untold(const struct ring_source *r, uint32_t i, unsigned dir)
{
	const struct port *p = &r->ports[i];
	uint64_t counted = r->marked[2 * i + dir], have = p->base[dir] + p->seen[dir];

	if (p->base_ns == 0 || counted <= have + p->told[dir])
		return 0;
	return counted - have - p->told[dir];
}

/* A full ring counts what the filter would not have let through, too: where the interfaces'
 * counters are known they have the last word. */
void ring_compare(struct sources *s, struct ring_source *r)
{
	uint64_t left = r->drops - r->drops_told;

	r->unsettled = false;
	for (uint32_t i = 0; i < 2 * r->n_ports; i++) {
		struct port *p = &r->ports[i / 2];
		uint64_t n = untold(r, i / 2, i % 2);

		r->unsettled |= !is_told(r, i / 2, i % 2);
		if (n == 0)
			continue;
		write_gap(s, r, i % 2 == 0 ? p->way_out : p->way_in, n);
		p->told[i % 2] += n;
		left -= n < left ? n : left;
	}
	if (left > 0 && n_based(r) == 0)
		write_gap(s, r, -1, left);
	r->drops_told = r->drops;
	r->compared_ns = r->mark_ns;
	r->mark_ns = 0;
}

/* ---- the wires' own counters ---- */

static void wire_gap(struct sources *s, const struct feed_counter *c, const char *why)
{
	bool known = c->link != FEED_NO_LINK && c->link < engine_n_ways(s->e) / 2;
	struct db_gap g = { .way = known ? (int64_t)c->link * 2 + c->dir : -1,
			    .device = -1,
			    .since_ns = labtime_of_wall(engine_time(s->e), c->since_ns),
			    .until_ns = labtime_of_wall(engine_time(s->e), c->until_ns),
			    .what = "frames",
			    .missing = c->kind == FEED_RESTARTED ? -1 : (int64_t)c->n,
			    .reason = why };

	store_gap(engine_store(s->e), &g);
}

static void wire_event(struct sources *s, const struct feed_counter *c, const char *event,
		       const char *what)
{
	const struct log_link *l = engine_link(s->e, c->link);
	char text[256];

	(void)snprintf(text, sizeof(text), "%s, %s: %llu %s", l ? l->name : "?",
		       c->dir ? "b to a" : "a to b", (unsigned long long)c->n, what);
	store_event(engine_store(s->e), labtime_of_wall(engine_time(s->e), c->until_ns),
		    c->until_ns, -1, event, text);
}

void feed_count(struct sources *s, const struct feed_counter *c)
{
	switch (c->kind) {
	case FEED_DEVICE_DROPS:
		wire_gap(s, c, "the device's own queue was full before the wire took them");
		break;
	case FEED_RESTARTED:
		wire_gap(s, c, "the wires were started anew: what was on its way is lost");
		break;
	case FEED_HELD:
		wire_event(s, c, "wire-held", "times the wire stood still until the log caught up");
		break;
	case FEED_FLUSHED:
		wire_event(s, c, "wire-flushed", "frames on their way went with the link");
		break;
	case FEED_REFUSED:
		wire_event(s, c, "wire-refused", "frames were not taken by the interface");
		break;
	default:
		break;
	}
}
