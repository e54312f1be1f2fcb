/* tie.h: which frame is the one that a decision speaks of?
 *
 * Frames are shown to tie_frame() in order of time; journal records ask. A key (base/journal.h)
 * names device, interface, direction, addresses, ports, length and checksum; parts that either side
 * does not know match anything.
 *
 *   received   of frames with that key, the last one not later than the socket's stamp. Copies that
 *              came back to back are taken in their order; records with one stamp are about one
 *              frame (several decisions of one event).
 *   sent       the first one not taken yet, at or after the send. It may still have to come (ARP, a
 *              full window): the question waits, see tie_sent().
 *   streams    the first segment that holds the octet and was not lost by a wire; before any octet
 *              its SYN, behind the last one its FIN or RST (tie_stream.c).
 *   segments   TCP with a checksum: that one frame, as a datagram is looked for. Access lists
 * decide about segments, not about what is in them.
 *
 * A fragmented datagram is known by its first fragment, which has the ports and the whole length.
 * Times are CLOCK_REALTIME nanoseconds. Everything is bounded: a ring of TIE_FRAMES frames,
 * TIE_SENT_MAX waiting questions, TIE_SEGMENTS_MAX segments of a stream. */
#ifndef LABD_LOG_TIE_H
#define LABD_LOG_TIE_H

#include "base/journal.h"
#include "labd/log/flow.h"

#define TIE_FRAMES	   65536u
#define TIE_SENT_MAX	   16384u
#define TIE_SEGMENTS_MAX   1024u
#define TIE_SENT_WAIT_NS   (3 * SEC)  /* for a datagram */
#define TIE_STREAM_WAIT_NS (30 * SEC) /* for a segment behind a full window */

/* Both ends of one direction of a link. */
struct tie_way {
	uint32_t sender, sender_if; /* device and interface ids */
	uint32_t receiver, receiver_if;
};

struct tie_frame {
	uint64_t packet; /* id; 0: it was not stored, only counted */
	const struct pkt *pkt;
	struct flow *flow;
	const struct tcp_seen *tcp; /* or NULL */
	int64_t sent_ns;	    /* when it was on the link */
	int64_t arrive_ns;	    /* when a wire lets it go; else the same */
	bool lost;		    /* it never arrives */
};

struct tie;

/* A question about a packet that went out. */
struct tie_sent {
	uint64_t decision; /* row */
	uint32_t device;
	nsec_t time_ns;
	struct pkt_key key;
};
/* The answer: a packet id, or 0 and why (static). */
typedef void (*tie_sent_fn)(void *arg, const struct tie_sent *s, uint64_t packet, const char *why);

/* `ways` is indexed by way id and outlives the tie. */
struct tie *tie_new(const struct tie_way *ways, uint32_t n_ways, tie_sent_fn fn, void *arg);
struct tie *tie_free(struct tie *t);
void tie_frame(struct tie *t, const struct tie_frame *f);
/* 0 with the packet, or -ENOENT: none yet. *ret_why tells why when it is final. */
int tie_received(struct tie *t, uint32_t device, const struct pkt_key *key, uint64_t *ret_packet,
		 const char **ret_why);
/* Answers through the hook, now or when the frame comes or the wait is over. */
void tie_sent(struct tie *t, const struct tie_sent *s);
/* Gives up on questions that have waited long enough; `seen_ns`: every frame up to then was shown.
 */
void tie_expire(struct tie *t, int64_t seen_ns);
/* Questions that wait and were asked before `asked_ns`. */
unsigned tie_waiting(const struct tie *t, int64_t asked_ns);
/* For flows_on_forget(). */
void tie_forget(void *tie, struct conv *conv);

/* ---- tie_stream.c: one direction of a TCP connection ---- */

struct stream_map;

/* Shows a segment; creates *map at need. */
void stream_segment(struct stream_map **map, const struct tie_frame *f);
struct stream_map *stream_free(struct stream_map *m);
/* The packet for this offset that arrived by `until_ns` (INT64_MAX: whenever), or 0. Unless
 * `data_only`, also the SYN before any octet and the FIN or RST behind the last one. */
uint64_t stream_packet(const struct stream_map *m, uint64_t offset, int64_t until_ns,
		       bool data_only);
/* Is it certain that the offset's segment is no longer known? */
bool stream_is_past(const struct stream_map *m, uint64_t offset);

#endif
