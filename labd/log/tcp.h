/* tcp.h: what both directions of one TCP connection tell when they are watched from outside.
 *
 * Sequence numbers become offsets of a 64-bit stream per direction (0 = the first octet after the
 * SYN), so that a connection may carry more than 4 GiB. The marks (retransmission, zero window,
 * ...) follow the conditions that Wireshark documents for tcp.analysis. A connection seen from its
 * middle starts counting at its first segment.
 *
 * Pure state: one struct tcp_conv a connection, owned by its flow. */
#ifndef LABD_LOG_TCP_H
#define LABD_LOG_TCP_H

#include "labd/log/pkt.h"

/* The bits of packet.note, named in table packet_note. */
enum pkt_note {
	NOTE_RETRANSMISSION = 1,
	NOTE_FAST_RETRANSMISSION = 2,
	NOTE_DUP_ACK = 4,
	NOTE_ZERO_WINDOW = 8,
	NOTE_WINDOW_FULL = 16,
	NOTE_LOST_SEGMENT = 32,
	NOTE_OUT_OF_ORDER = 64,
	NOTE_KEEP_ALIVE = 128,
	NOTE_WINDOW_UPDATE = 256,
	NOTE_SPURIOUS = 512,
	NOTE_PORT_REUSED = 1024,
	NOTE_BAD_SUM = 2048,
	NOTE_FRAGMENT = 4096,
	NOTE_ZERO_WINDOW_PROBE = 8192,
	NOTE_ACKED_UNSEEN = 16384,
	NOTE_KEEP_ALIVE_ACK = 32768,
};

#define TCP_UNACKED_MAX 32 /* segments whose round trip is being timed, per direction */

struct tcp_unacked {
	uint32_t end_seq;
	int64_t at_ns;
};

struct tcp_dir {
	bool seen;	   /* next_seq is set */
	bool based;	   /* base_seq is set */
	bool scale_known;  /* its SYN was seen: scale is what it asked for */
	uint8_t scale;	   /* 0 when it asked for none */
	uint8_t last_note; /* low bits of the last segment's marks: keep-alive */
	uint32_t base_seq; /* relative sequence numbers count from here */
	uint32_t next_seq; /* behind the highest octet seen */
	uint64_t next_off; /* the same as an offset */
	uint32_t last_ack;
	bool acked;
	uint32_t window; /* scaled */
	uint32_t n_dup_acks;
	uint64_t last_new_ack; /* packet id: a duplicate ACK names it */
	int64_t next_at_ns;    /* when next_seq moved */
	int64_t ack_at_ns;
	struct tcp_unacked unacked[TCP_UNACKED_MAX];
	uint8_t unacked_head, n_unacked;
};

struct tcp_conv {
	struct tcp_dir dir[2];
	bool syn_seen, fin_seen;
	int64_t first_rtt_ns; /* of the handshake; 0 = unknown */
};

struct tcp_seen {
	uint32_t note;
	uint32_t rel_seq, rel_ack;
	uint32_t window; /* scaled where the scale is known */
	uint32_t n_dup;
	uint64_t dup_of; /* packet id */
	int64_t rtt_ns;	 /* 0: this one acknowledges nothing that was timed */
	uint64_t offset; /* of the payload's first octet in its direction's stream */
	bool has_offset;
};

/* Does this SYN begin another connection than the one that `tc` has watched? */
bool tcp_is_new_connection(const struct tcp_conv *tc, unsigned dir, const struct pkt *pkt);
/* `dir` is the sender's; `id` the packet's. Segments with a bad checksum are not to be given. */
void tcp_watch(struct tcp_conv *tc, unsigned dir, const struct pkt *pkt, int64_t at_ns, uint64_t id,
	       struct tcp_seen *ret);

#endif
