/* journal.h: the records a node tells the log process, and their bytes.
 *
 * The channel is a SEQPACKET socket: one datagram (at most JOURNAL_BATCH_MAX octets) holds whole
 * records; each is u8 type, u16 length of what follows, then the fields in the order below, in
 * network order (of a key without direction only that octet; a NUL after each text). Rules and fact
 * kinds travel as numbers: their places in `labnode --describe`. Readers treat the bytes as
 * hostile. */
#ifndef LABD_BASE_JOURNAL_H
#define LABD_BASE_JOURNAL_H

#include "base/types.h"
#include "base/val.h"

#define JOURNAL_BATCH_MAX  65536
#define JOURNAL_RECORD_MAX 8192

/* Which frame: enough to find it among the captured ones (design: "tying a decision to its
 * packet"). Unset parts match anything. */
struct pkt_key {
	uint8_t dir;   /* enum pkt_dir */
	uint8_t proto; /* IP protocol; 0 = not IP: ether_type says what */
	uint16_t ether_type;
	uint32_t ifid; /* interface of the device */
	struct ep src, dst;
	uint16_t len;	   /* UDP payload octets, ARP 28, ICMP message octets */
	uint16_t checksum; /* UDP or ICMP checksum as on the wire; 0 = unknown */
	int64_t stamp_ns;  /* wall time: received: SO_TIMESTAMPNS; sent: just before the send */
	uint64_t offset;   /* TCP: octets of the stream before this message, in that direction */
};
enum pkt_dir { PKT_NONE, PKT_IN, PKT_OUT };

enum journal_type {
	JR_DECISION = 1, /* a rule was taken */
	JR_SENT,	 /* a packet went out because of a decision */
	JR_FACT_BEGIN,
	JR_FACT_END,
	JR_CONFIG,  /* an accepted configuration line */
	JR_READY,   /* services listen */
	JR_REFUSED, /* the kernel refused something: object and text */
};

struct journal_record {
	enum journal_type type;
	nsec_t at_ns;	   /* lab time */
	int64_t wall_ns;   /* CLOCK_REALTIME */
	uint32_t decision; /* JR_DECISION: its number in this node, 1..; others: the decision that
			    * explains it, or 0 */
	uint16_t number;   /* rule or fact kind: place in --describe */
	uint32_t count;	   /* JR_DECISION: how many alike it stands for (rate limit), usually 1 */
	struct pkt_key
		key; /* JR_DECISION: the cause (dir PKT_NONE = no packet); JR_SENT: the packet */
	const char *text; /* fact key; configuration line; refused object */
	const char
		*section; /* JR_CONFIG: "interface eth0", "" at top; JR_FACT_END, JR_REFUSED: why */
	const struct val *values; /* decision values or fact columns, V_END-ended; may be NULL */
};

struct rd;
struct wr;

/* Appends one record; the cursor is in error when it did not fit (nothing half-written: the caller
 * sends what it has, then writes again). A record that would pass JOURNAL_RECORD_MAX has its long
 * texts cut, so an empty buffer of that size always takes one. */
void journal_write(struct wr *w, const struct journal_record *rec);
/* Scratch for one decoded record: strings and values live here. */
struct journal_scratch {
	struct val values[VAL_LIST_MAX + 1];
	char names[VAL_LIST_MAX][32];
	char text[VAL_TEXT_MAX + 1];
	char section[VAL_TEXT_MAX + 1];
};
/* 0, -ENODATA at the end of the datagram, or -EBADMSG (the rest is not to be trusted). */
int journal_read(struct rd *r, struct journal_record *ret, struct journal_scratch *scratch);

#endif
