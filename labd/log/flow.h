/* flow.h: who talks to whom: flows and conversations, found anew for each frame.
 *
 * A flow is one direction on one link between two link addresses; a conversation is both
 * directions, whatever the link addresses (a broadcast and its answer belong together). Both get
 * dense ids, which become rows. A SYN with another initial number begins a new conversation.
 *
 * The tables hold FLOWS_MAX flows; beyond that the one unseen for longest is forgotten, and gets a
 * new row when it comes back. Owner: struct flows; pointers live until the next flow_find(). */
#ifndef LABD_LOG_FLOW_H
#define LABD_LOG_FLOW_H

#include "labd/log/pkt.h"
#include "labd/log/tcp.h"

#define FLOWS_MAX 131072u
#define FLOW_RUNS 4

struct codec;
struct stream_map;

enum app_kind {
	APP_NONE,
	APP_CODEC,
	APP_FTP_DATA,
	APP_RTP,
	APP_RTCP,
};

/* What carries the payload of a conversation. */
struct app {
	enum app_kind kind;
	const struct codec *codec; /* APP_CODEC */
	char what[64];		   /* APP_FTP_DATA: the command that asked for it */
};

struct conv {
	struct conv *next; /* in its bucket */
	uint64_t id;	   /* the id of its first flow */
	uint32_t hash;
	uint32_t n_flows; /* that point here */
	bool over;	  /* another one has taken its place */
	uint32_t link;
	uint16_t ether_type;
	uint8_t ip_proto;
	struct ep end[2];  /* the first frame went from 0 to 1 */
	uint8_t first_dir; /* of the link: way = link * 2 + first_dir when end[0] sends */
	struct mac mac[2]; /* frames without IP: part of the key */
	uint8_t server;	   /* index in end, or 2: no such roles */
	struct app app;
	struct tcp_conv *tcp;	      /* NULL unless TCP */
	struct stream_map *stream[2]; /* tie.c's; NULL until payload was seen */
};

struct flow {
	struct flow *next;	    /* in its bucket */
	struct flow *newer, *older; /* by last use */
	uint64_t id;
	uint32_t hash;
	uint32_t way; /* link * 2 + direction */
	struct mac src_mac, dst_mac;
	int16_t vlan;
	uint16_t ether_type;
	uint8_t ip_proto;
	struct ep src, dst;
	struct conv *conv;
	uint8_t dir;		  /* 0: conv->end[0] sends */
	bool stored;		  /* store.c's: it has a row */
	uint64_t runs[FLOW_RUNS]; /* store.c's: transaction << 32 | slot */
};

struct flows;

struct flows *flows_new(uint64_t next_id);
struct flows *flows_free(struct flows *f);
/* The flow of this frame; *ret_new: its conversation may be new too. NULL: no memory. */
struct flow *flow_find(struct flows *f, uint32_t way, const struct pkt *pkt, bool *ret_new);
/* Rows may be gone: each flow is to be written again. */
void flows_unstore(struct flows *f);
uint64_t flows_next_id(const struct flows *f);
size_t flows_count(const struct flows *f);
/* Called when a conversation is forgotten, for what others hung on it. */
void flows_on_forget(struct flows *f, void (*fn)(void *arg, struct conv *conv), void *arg);

#endif
