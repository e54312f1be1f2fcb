/* fx_int.h: the inside of a list of effects; private to fx*.c. */
#ifndef LABD_BASE_FX_INT_H
#define LABD_BASE_FX_INT_H

#include "base/fx.h"

/* The arena is a list of chunks filled one after the other and kept across turns, so that a turn
 * like the last ones allocates nothing. What a large turn needed beyond KEEP is given back. */
enum {
	CHUNK_FIRST = 16 << 10,
	CHUNK_MAX = 1 << 20,
	KEEP = 1 << 20,
	ALIGN = 16,
	/* Kept back for fx_cmd_done(): a command that printed too much still ends. */
	RESERVE_BYTES = 64 << 10,
	RESERVE_EFFECTS = 64,
};

struct chunk {
	struct chunk *next;
	size_t size, used;
	_Alignas(ALIGN) uint8_t data[];
};

struct fx {
	struct chunk *first, *now; /* `now` is filled; those after it are empty */
	size_t used;		   /* octets handed out this turn */
	struct fx_effect *head, *tail;
	unsigned n;
	uint32_t last_id;  /* runs on from turn to turn: EV_DONE may come in a later one */
	uint32_t decision; /* this turn's last decision: the n-th, 1.. */
	uint32_t n_decisions;
	uint32_t cause; /* fx_because() */
	bool full;
	bool mute;
};

void *fx_or_abort(void *p);
size_t fx_round_up(size_t size); /* as the arena hands it out */
/* May the arena grow to this many octets this turn? If not it is full. */
bool fx_allowed(struct fx *fx, size_t used, size_t reserve);
/* A copy with a NUL after it. NULL data or a full arena give NULL. */
void *fx_copy(struct fx *fx, const void *data, size_t len);
/* A new effect, not yet in the list; NULL past the limits. */
struct fx_effect *fx_effect_new(struct fx *fx, enum fx_kind kind);
/* Appends it, unless something it needs did not fit (then the list is marked full). */
uint32_t fx_append(struct fx *fx, struct fx_effect *e);

#endif
