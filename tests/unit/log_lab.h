/* log_lab.h: the log of the lab that log_maker.h plans, and r1's node, which tells it what it
 * decides. */
#ifndef LABD_TESTS_LOG_LAB_H
#define LABD_TESTS_LOG_LAB_H

#include <sys/socket.h>

#include "tests/unit/log_maker.h"

#define MS MSEC

struct lab {
	char path[64];
	struct log_args args;
	struct engine *e;
	int node; /* the node's end of r1's journal */
	int log_end;
};

static inline int set_up(void **state)
{
	struct lab *l = calloc(1, sizeof(*l));
	int fds[2];

	maker_path(l->path);
	l->args = maker_args(l->path);
	l->e = maker_engine(&l->args);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	l->node = fds[0];
	l->log_end = fds[1];
	assert_int_equal(engine_set_journal(l->e, R1, fds[1]), 0);
	*state = l;
	return 0;
}

static inline int tear_down(void **state)
{
	struct lab *l = *state;

	engine_free(l->e);
	close(l->node);
	close(l->log_end);
	maker_remove(l->path);
	free(l);
	return 0;
}

static inline void say(struct lab *l, const struct journal_record *rec)
{
	uint8_t buf[JOURNAL_RECORD_MAX];
	struct wr w;

	wr_init(&w, buf, sizeof(buf));
	journal_write(&w, rec);
	assert_false(w.err);
	assert_int_equal(send(l->node, buf, wr_len(&w), 0), (ssize_t)wr_len(&w));
	assert_true(journal_in_read(engine_journal(l->e, R1)) >= 0);
}

static inline void settle(struct lab *l, int64_t at_ns)
{
	engine_seen(l->e, WALL0 + at_ns);
	engine_commit(l->e);
}

static inline const char *ask(struct lab *l, const char *sql)
{
	return maker_ask(l->path, sql);
}

static inline struct pkt_key key_of(const struct frame *f, uint8_t dir, uint32_t ifid,
				    int64_t stamp_ns)
{
	struct pkt pkt;

	pkt_parse(&pkt, f->b, f->len, f->len);
	return (struct pkt_key){ .dir = dir,
				 .proto = pkt.ip_proto,
				 .ether_type = pkt.ether_type,
				 .ifid = ifid,
				 .src = pkt.src,
				 .dst = pkt.dst,
				 .len = (uint16_t)pkt.payload_len,
				 .checksum = pkt.checksum,
				 .stamp_ns = WALL0 + stamp_ns };
}

static inline void decide(struct lab *l, uint32_t number, const struct pkt_key *key, int64_t at_ns)
{
	struct val values[] = { V_ADDR("address", addr4(10, 0, 0, 101)),
				V_MAC("client", maker_mac(PC1_ETH0)), V_END };
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = at_ns,
				      .wall_ns = WALL0 + at_ns,
				      .decision = number,
				      .count = 1,
				      .values = values };

	if (key)
		rec.key = *key;
	say(l, &rec);
}

static inline void sent(struct lab *l, uint32_t number, const struct pkt_key *key, int64_t at_ns)
{
	struct journal_record rec = { .type = JR_SENT,
				      .at_ns = at_ns,
				      .wall_ns = WALL0 + at_ns,
				      .decision = number,
				      .key = *key };

	say(l, &rec);
}

#endif
