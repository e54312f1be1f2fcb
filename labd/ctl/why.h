/* why.h: the story behind a packet, a device or a word.
 *
 *   cmd_why.c      what is asked about; the story of a device and of a word
 *   why_packet.c   the story of a packet: every link it crossed, every decision on the way
 *   why_frame.c    is this frame that frame, one link further? (pure)
 *   why_story.c    a story: its items in order, shown to people or programs
 *
 * A story never ends without a decision, or without saying which layer cannot be seen. */
#ifndef LABD_CTL_WHY_H
#define LABD_CTL_WHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dbr;
struct sbuf;

/* --- why_story.c ---------------------------------------------------------------------------- */

enum story_kind {
	STORY_DECISION,
	STORY_PACKET, /* a frame on a link */
	STORY_EVENT,  /* a device started, ended, crashed */
	STORY_UNSEEN, /* what cannot be told */
};

struct story_item {
	enum story_kind kind;
	int64_t time_ns; /* -1: none of its own, it belongs to the one before */
	int64_t id;	 /* of the decision or packet; else 0 */
	char *device;	 /* who, or which way: "pc1:eth0 -> sw1:1" */
	char *text;	 /* the sentence */
	char *rule;	 /* "dns.server.answer", or NULL */
	char *more;	 /* source, cause, what was sent; or NULL */
	bool marked;	 /* the packet that was asked about */
};

struct story {
	struct story_item *items;
	size_t n, size;
	int64_t epoch_ns;
};

/* Takes over the item's texts. */
void story_add(struct story *s, const struct story_item *item);
void story_unseen(struct story *s, const char *device, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool story_has_decision(const struct story *s, int64_t id);
/* Decisions that the rest of a SELECT chooses: "WHERE d.packet = ?1 ORDER BY d.id"; d is the
 * decision, r its rule, dev its device. How many, or negative errno. Those that are in the story
 * already are left out. */
int story_decisions(struct dbr *db, struct story *s, const char *where, const char *types,
		    int64_t number, const char *text);
void story_print(const struct story *s);
void story_print_json(const struct story *s);
void story_done(struct story *s);
char *why_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* --- why_frame.c ---------------------------------------------------------------------------- */

#define FRAME_KEY_MAX	128
#define FRAME_KEY_BYTES 160 /* of a frame that are enough to make its key */

/* What stays the same on the way through switches and routers: not the link addresses, not the
 * time to live. Two frames with equal keys are the same packet, or one sent again unchanged. */
struct frame_key {
	size_t len; /* 0: nothing is known of the frame */
	uint8_t bytes[FRAME_KEY_MAX];
};
void frame_key(const void *frame, size_t len, struct frame_key *ret);
bool frame_key_equal(const struct frame_key *a, const struct frame_key *b);

/* One frame on one link. */
struct sighting {
	int64_t id, time_ns;
	int64_t way;
	const char *sender, *receiver; /* devices */
	bool arrived;		       /* the wire did not drop it */
};

/* Which sightings, in order of time, belong to the journey of the one at |asked|: a frame that
 * leaves a device continues the earliest one that went in there and did not leave that way yet. So
 * identical retransmissions are told apart, and a flooded frame is one journey. */
void journey_find(const struct sighting *s, size_t n, size_t asked, bool *ret_in);
/* Does any sighting in the journey leave the device that this one reached? */
bool journey_goes_on(const struct sighting *s, size_t n, size_t at, const bool *in);

/* --- why_packet.c --------------------------------------------------------------------------- */

/* 0, -ENOENT: there is no such packet, or negative errno. */
int why_packet(struct dbr *db, int64_t id, struct story *s);

#endif
