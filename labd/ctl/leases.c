/* labctl up --wait: until every interface that asks for an address has one. */
#include <errno.h>
#include <string.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/run.h"
#include "labd/ctl/up.h"
#include "labd/ctl/watch.h"
#include "labd/log/db_read.h"

#define WAIT_NS (60 * SEC)

static const char without_lease[] =
	"SELECT c.device || ':' || c.key || ' (' || c.state || ')' FROM dhcp4_client c "
	"WHERE c.until IS NULL AND NOT EXISTS (SELECT 1 FROM dhcp4_client_lease l "
	"WHERE l.device = c.device AND l.key = c.key AND l.until IS NULL)";

/* How many wait; their names are appended. */
static int count_waiting(struct dbr *db, struct sbuf *names)
{
	struct dbr_rows *rows;
	int n = 0, r = dbr_query(db, without_lease, &rows, "");

	if (r < 0)
		return r;
	for (; (r = dbr_next(rows)) == 1; n++)
		sbuf_printf(names, "%s%s", n ? ", " : "", dbr_text(rows, 0));
	dbr_rows_close(rows);
	return r < 0 ? r : n;
}

static int wait_until_none(struct dbr *db, struct watch *w)
{
	int64_t until = mono_now() + WAIT_NS;
	struct sbuf names = SBUF(1024);
	int r, n;

	while ((n = count_waiting(db, &names)) > 0) {
		r = watch_wait(w, until);
		if (r <= 0)
			break;
		sbuf_reset(&names);
	}
	if (n < 0)
		ctl_fail("the leases cannot be read: %s", dbr_why(db));
	else if (n > 0)
		ctl_fail("no address after %lld s: %s", (long long)(WAIT_NS / SEC),
			 sbuf_text(&names));
	sbuf_done(&names);
	return n != 0;
}

int wait_for_leases(const char *name)
{
	struct ctl c = { .lab = name };
	struct run run;
	struct watch w;
	struct dbr *db = ctl_open_db(&c, NULL, &run);
	int r;

	if (!db)
		return 1;
	if (!dbr_has(db, "dhcp4_client")) {
		dbr_close(db);
		return 0;
	}
	r = watch_open(&w, run.dir, db);
	if (r < 0) {
		r = ctl_fail("the database cannot be watched: %s", strerror(-r));
	} else {
		r = wait_until_none(db, &w);
		watch_close(&w);
	}
	dbr_close(db);
	return r;
}
