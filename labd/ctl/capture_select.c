#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/ifname.h"
#include "base/types.h"
#include "labd/ctl/answer.h"
#include "labd/ctl/capture.h"
#include "labd/ctl/ctl.h"
#include "labd/lab/suggest.h"
#include "labd/log/db_read.h"

#define NAMES_MAX 4096 /* offered as near ones */

static int add_iface(struct capture *c, const char *name, const char *description)
{
	struct capture_iface *more = realloc(c->ifaces, (c->n_ifaces + 1) * sizeof(*more));

	if (!more)
		abort();
	c->ifaces = more;
	c->ifaces[c->n_ifaces] =
		(struct capture_iface){ strdup(name), description ? strdup(description) : NULL };
	return (int)c->n_ifaces++;
}

static void set_way(struct capture *c, int64_t way, int iface, enum pcapng_direction direction)
{
	if (way >= 0 && (size_t)way < c->n_ways)
		c->ways[way] = (struct capture_way){ iface, direction };
}

/* Rows of: way from a to b, way from b to a, name, description. */
static int select_links(struct capture *c, const char *link)
{
	struct dbr_rows *rows;
	int r = dbr_query(c->db,
			  "SELECT l.id * 2, l.id * 2 + 1, l.name, w.sender || ':' || "
			  "w.sender_interface || ' -- ' || w.receiver || ':' || "
			  "w.receiver_interface || coalesce(', ' || l.wire, '') FROM link l "
			  "JOIN way w ON w.id = l.id * 2 WHERE ?1 IS NULL OR l.name = ?1 "
			  "ORDER BY l.id",
			  &rows, "s", link);

	if (r < 0)
		return r;
	while ((r = dbr_next(rows)) == 1) {
		int iface = add_iface(c, dbr_text(rows, 2), dbr_text(rows, 3));

		set_way(c, dbr_int(rows, 0), iface, PCAPNG_UNKNOWN);
		set_way(c, dbr_int(rows, 1), iface, PCAPNG_UNKNOWN);
	}
	dbr_rows_close(rows);
	return r;
}

/* gi0/0 and GigabitEthernet0/0 are one interface. */
static bool is_interface(const char *wanted, const char *name, const char *kname)
{
	struct ifname ifname;
	const char *why;

	return !wanted || strcmp(wanted, name) == 0 || strcmp(wanted, kname) == 0 ||
	       (ifname_parse(wanted, &ifname, &why) == 0 && strcmp(ifname.kernel, kname) == 0);
}

static int select_device(struct capture *c, const char *device, const char *interface)
{
	struct dbr_rows *rows;
	int r = dbr_query(
		c->db,
		"SELECT l.id * 2 + (l.b = i.id), l.id * 2 + (l.a = i.id), "
		"d.name || ':' || i.name, l.name || coalesce(', ' || l.wire, ''), i.name, "
		"i.kname FROM device d JOIN interface i ON i.device = d.id "
		"JOIN link l ON i.id IN (l.a, l.b) WHERE d.name = ?1 ORDER BY i.id",
		&rows, "s", device);

	if (r < 0)
		return r;
	c->at_device = true;
	while ((r = dbr_next(rows)) == 1) {
		int iface;

		if (!is_interface(interface, dbr_text(rows, 4), dbr_text(rows, 5)))
			continue;
		iface = add_iface(c, dbr_text(rows, 2), dbr_text(rows, 3));
		set_way(c, dbr_int(rows, 0), iface, PCAPNG_OUT);
		set_way(c, dbr_int(rows, 1), iface, PCAPNG_IN);
	}
	dbr_rows_close(rows);
	return r;
}

static int not_there(struct capture *c, const char *what)
{
	struct suggest s = suggest_for(what);
	char **names = calloc(NAMES_MAX, sizeof(*names));
	struct dbr_rows *rows;
	size_t n = 0;

	if (names && dbr_query(c->db,
			       "SELECT name FROM device UNION ALL SELECT d.name || ':' || i.name "
			       "FROM interface i JOIN device d ON d.id = i.device UNION ALL "
			       "SELECT name FROM link",
			       &rows, "") == 0) {
		while (n < NAMES_MAX && dbr_next(rows) == 1) {
			names[n] = strdup(dbr_text(rows, 0));
			suggest_offer(&s, names[n++]);
		}
		dbr_rows_close(rows);
	}
	ctl_fail("the lab has no device, interface or link %s%s%s", what,
		 s.best ? ", did you mean " : "", s.best ? s.best : "");
	while (n > 0)
		free(names[--n]);
	free(names);
	return -ENOENT;
}

int capture_select(struct capture *c, struct dbr *db, const char *what)
{
	char device[64];
	const char *colon = strchr(what, ':');
	int r;

	*c = (struct capture){ .db = db, .epoch_ns = answer_epoch(db) };
	c->n_ways = (size_t)dbr_int_of(db, "SELECT max(id) + 1 FROM way", 0);
	c->ways = calloc(c->n_ways + 1, sizeof(*c->ways));
	if (!c->ways)
		abort();
	for (size_t i = 0; i < c->n_ways; i++)
		c->ways[i].iface = -1;
	str_copy_n(device, sizeof(device), what, colon ? (size_t)(colon - what) : strlen(what));
	if (strcmp(what, "all") == 0)
		r = select_links(c, NULL);
	else
		r = select_device(c, device, colon ? colon + 1 : NULL);
	if (r == 0 && c->n_ifaces == 0) {
		c->at_device = false;
		r = select_links(c, what);
	}
	if (r < 0)
		return r;
	return c->n_ifaces > 0 ? 0 : not_there(c, what);
}

void capture_head(const struct capture *c, const char *lab, const char *run, struct sbuf *out)
{
	struct sbuf comment = SBUF(512);

	sbuf_printf(&comment, "lab %s, run %s; times are the lab's", lab, run);
	(void)pcapng_section(out, "labctl " LABD_VERSION, sbuf_text(&comment));
	for (size_t i = 0; i < c->n_ifaces; i++)
		(void)pcapng_interface(out, c->ifaces[i].name, c->ifaces[i].description);
	sbuf_done(&comment);
}
