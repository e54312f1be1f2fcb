/* fact.h: kinds of state with a beginning and an end; one SQL table a kind.
 *
 * Every table has, before these columns: device, since, until (lab time, ns; until NULL while it
 * holds), packet (the packet that began it), key. A fact is named by (kind, key): beginning a key
 * that is open ends the old one at the same moment, so the table keeps every version. */
#ifndef LABD_BASE_FACT_H
#define LABD_BASE_FACT_H

#include <stdbool.h>
#include "base/val.h"

struct fact_column {
	const char *name; /* SQL name */
	enum val_type type;
	const char *help;
};

struct fact_kind {
	const char *table; /* SQL name: dhcp4_lease */
	const char *help;
	bool durable; /* outlives a restart of its node: comes back as EV_RESTORE */
	const struct fact_column *columns; /* ended by name NULL */
};

#endif
