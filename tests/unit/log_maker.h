/* A small lab for tests of the log: pc1 and pc2 on switch sw1, which leads to router r1, and a
 * server www behind it; and frames between them, made by hand.
 *
 *   link 1: pc1:eth0 - sw1:1     link 2: pc2:eth0 - sw1:2     link 3: r1:eth0 - sw1:3
 *   link 4: r1:eth1 - www:eth0 (a wire)
 *
 * Ways: link * 2 from the first-named end, + 1 towards it. */
#ifndef LABD_TESTS_LOG_MAKER_H
#define LABD_TESTS_LOG_MAKER_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cur.h"
#include "base/inet.h"
#include "base/journal.h"
#include "base/sbuf.h"
#include "labd/log/engine.h"
#include "labd/log/pkt.h"

#define WALL0 (1767254400 * SEC)

enum { PC1 = 1, PC2, SW1, R1, WWW };
enum { PC1_ETH0 = 1, SW1_1, PC2_ETH0, SW1_2, R1_ETH0, SW1_3, R1_ETH1, WWW_ETH0 };

static const struct log_device maker_devices[] = {
	{ PC1, "pc1", "pc" },	{ PC2, "pc2", "pc" },	  { SW1, "sw1", "switch" },
	{ R1, "r1", "router" }, { WWW, "www", "server" },
};

#define MAKER_MAC(n)                        \
	{                                   \
		{                           \
			0x02, 0, 0, 0, 0, n \
		}                           \
	}

static const struct log_iface maker_ifaces[] = {
	{ PC1_ETH0, PC1, "eth0", "eth0", MAKER_MAC(PC1_ETH0) },
	{ SW1_1, SW1, "1", "p1", MAKER_MAC(SW1_1) },
	{ PC2_ETH0, PC2, "eth0", "eth0", MAKER_MAC(PC2_ETH0) },
	{ SW1_2, SW1, "2", "p2", MAKER_MAC(SW1_2) },
	{ R1_ETH0, R1, "eth0", "eth0", MAKER_MAC(R1_ETH0) },
	{ SW1_3, SW1, "3", "p3", MAKER_MAC(SW1_3) },
	{ R1_ETH1, R1, "eth1", "eth1", MAKER_MAC(R1_ETH1) },
	{ WWW_ETH0, WWW, "eth0", "eth0", MAKER_MAC(WWW_ETH0) },
};

static const struct log_link maker_links[] = {
	{ 1, "pc1:eth0--sw1:1", "veth", PC1_ETH0, SW1_1, LOG_CAPTURE_B, NULL },
	{ 2, "pc2:eth0--sw1:2", "veth", PC2_ETH0, SW1_2, LOG_CAPTURE_B, NULL },
	{ 3, "r1:eth0--sw1:3", "veth", R1_ETH0, SW1_3, LOG_CAPTURE_B, NULL },
	{ 4, "r1:eth1--www:eth0", "wire", R1_ETH1, WWW_ETH0, LOG_CAPTURE_WIRES, "delay 20ms" },
};

static const char maker_describe[] =
	"{\"rules\": ["
	"{\"id\": \"dhcp4.server.offer\", \"kind\": \"reply\", \"protocol\": \"dhcp4\","
	" \"sentence\": \"offered {address} to {client}\", \"source\": \"RFC 2131\"},"
	"{\"id\": \"dhcp4.server.drop-short\", \"kind\": \"drop\", \"protocol\": \"dhcp4\","
	" \"sentence\": \"dropped: too short\", \"source\": \"RFC 2131\"}],"
	"\"facts\": [{\"table\": \"dhcp4_lease\", \"help\": \"a lease\", \"durable\": true,"
	" \"columns\": [{\"name\": \"address\", \"type\": \"addr\", \"help\": \"\"},"
	" {\"name\": \"state\", \"type\": \"text\", \"help\": \"\"},"
	" {\"name\": \"expires\", \"type\": \"time\", \"help\": \"\"}]},"
	"{\"table\": \"dns_cache\", \"help\": \"an entry\", \"durable\": false,"
	" \"columns\": [{\"name\": \"name\", \"type\": \"text\", \"help\": \"\"}]}]}";

static inline struct log_args maker_args(const char *path)
{
	return (struct log_args){ .lab = { .name = "test",
					   .seed = 7,
					   .epoch_ns = WALL0,
					   .started_wall_ns = WALL0,
					   .file = "test.yaml" },
				  .devices = maker_devices,
				  .n_devices = ARRAY_SIZE(maker_devices),
				  .ifaces = maker_ifaces,
				  .n_ifaces = ARRAY_SIZE(maker_ifaces),
				  .links = maker_links,
				  .n_links = ARRAY_SIZE(maker_links),
				  .describe = maker_describe,
				  .describe_len = sizeof(maker_describe) - 1,
				  .db_path = path,
				  .control_fd = -1,
				  .feed = { -1, -1, -1 },
				  .clock_fd = -1 };
}

/* A database path of its own; the file is not there yet. */
static inline const char *maker_path(char out[static 64])
{
	char dir[] = "/tmp/labd-log-XXXXXX";

	if (!mkdtemp(dir))
		abort();
	strcpy(out, dir);
	strcat(out, "/log.sqlite");
	return out;
}

static inline void maker_remove(const char *path)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".reserve" };
	char name[80];

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		strcpy(name, path);
		strcat(name, ends[i]);
		(void)unlink(name);
	}
	strcpy(name, path);
	*strrchr(name, '/') = '\0';
	(void)rmdir(name);
}

/* ---- frames ---- */

struct frame {
	uint8_t b[1600];
	uint32_t len;
};

static inline struct ep maker_ep(uint8_t net, uint8_t host, uint16_t port)
{
	return (struct ep){ .addr = addr4(10, 0, net, host), .port = port };
}

static inline struct mac maker_mac(uint8_t n)
{
	return (struct mac)MAKER_MAC(n);
}

static inline struct frame maker_udp(uint8_t from, uint8_t to, struct ep src, struct ep dst,
				     const void *payload, size_t len, uint16_t ip_id)
{
	struct udp_frame u = { .src_mac = maker_mac(from),
			       .dst_mac = to ? maker_mac(to) : mac_broadcast,
			       .src = src,
			       .dst = dst,
			       .ttl = 64,
			       .ip_id = ip_id,
			       .payload = payload,
			       .payload_len = len };
	struct frame f = { .len = 0 };
	int n = udp_frame_build(&u, f.b, sizeof(f.b));

	f.len = n > 0 ? (uint32_t)n : 0;
	return f;
}

static inline void maker_eth(struct wr *w, uint8_t from, uint8_t to, uint16_t type)
{
	struct mac src = maker_mac(from), dst = to ? maker_mac(to) : mac_broadcast;

	wr_bytes(w, dst.b, 6);
	wr_bytes(w, src.b, 6);
	wr_u16(w, type);
}

static inline void maker_ip(struct wr *w, const struct ep *src, const struct ep *dst, uint8_t proto,
			    uint16_t len, uint8_t ttl, uint16_t id)
{
	size_t at = wr_len(w);

	wr_u16(w, 0x4500);
	wr_u16(w, (uint16_t)(20 + len));
	wr_u16(w, id);
	wr_u16(w, 0);
	wr_u8(w, ttl);
	wr_u8(w, proto);
	wr_u16(w, 0);
	wr_bytes(w, src->addr.b, 4);
	wr_bytes(w, dst->addr.b, 4);
	wr_patch_u16(w, at + 10, inet_sum_fold(inet_sum(0, w->start + at, 20)));
}

struct maker_tcp {
	uint32_t seq, ack;
	uint8_t flags;
	const char *payload;
	uint16_t window;
	uint8_t ttl;
};

static inline struct frame maker_tcp(uint8_t from, uint8_t to, struct ep src, struct ep dst,
				     struct maker_tcp t)
{
	struct frame f = { .len = 0 };
	uint16_t len = (uint16_t)(t.payload ? strlen(t.payload) : 0);
	struct wr w;
	size_t at;

	wr_init(&w, f.b, sizeof(f.b));
	maker_eth(&w, from, to, ETH_TYPE_IP4);
	maker_ip(&w, &src, &dst, IPPROTO_NUM_TCP, (uint16_t)(20 + len), t.ttl ? t.ttl : 64, 1);
	at = wr_len(&w);
	wr_u16(&w, src.port);
	wr_u16(&w, dst.port);
	wr_u32(&w, t.seq);
	wr_u32(&w, t.ack);
	wr_u8(&w, 0x50);
	wr_u8(&w, t.flags);
	wr_u16(&w, t.window ? t.window : 64240);
	wr_u32(&w, 0);
	wr_bytes(&w, t.payload, len);
	wr_patch_u16(&w, at + 16,
		     inet_l4_sum(&src.addr, &dst.addr, IPPROTO_NUM_TCP, f.b + at, 20u + len));
	f.len = (uint32_t)wr_len(&w);
	return f;
}

static inline struct frame maker_arp(uint8_t from, uint8_t to, uint16_t op, struct ep sender,
				     struct ep target)
{
	struct arp a = { .op = op,
			 .sender_mac = maker_mac(from),
			 .target_mac = to ? maker_mac(to) : (struct mac){ { 0 } },
			 .sender = sender.addr,
			 .target = target.addr };
	struct frame f = { .len = ETH_HDR_LEN + ARP_LEN };
	struct wr w;

	wr_init(&w, f.b, sizeof(f.b));
	maker_eth(&w, from, to, ETH_TYPE_ARP);
	arp_build(&a, f.b + ETH_HDR_LEN);
	return f;
}

/* An ICMP message; `body` follows the four octets of type, code and checksum. */
static inline struct frame maker_icmp(uint8_t from, uint8_t to, struct ep src, struct ep dst,
				      uint8_t type, uint8_t code, const void *body, uint16_t len,
				      uint8_t ttl)
{
	struct frame f = { .len = 0 };
	struct wr w;
	size_t at;

	wr_init(&w, f.b, sizeof(f.b));
	maker_eth(&w, from, to, ETH_TYPE_IP4);
	maker_ip(&w, &src, &dst, IPPROTO_NUM_ICMP, (uint16_t)(4 + len), ttl, 9);
	at = wr_len(&w);
	wr_u8(&w, type);
	wr_u8(&w, code);
	wr_u16(&w, 0);
	wr_bytes(&w, body, len);
	wr_patch_u16(&w, at + 2, inet_sum_fold(inet_sum(0, f.b + at, 4u + len)));
	f.len = (uint32_t)wr_len(&w);
	return f;
}

/* The same packet one hop further: other link addresses, TTL less one. */
static inline struct frame maker_hop(struct frame f, uint8_t from, uint8_t to)
{
	struct mac src = maker_mac(from), dst = maker_mac(to);
	struct wr w;

	memcpy(f.b, dst.b, 6);
	memcpy(f.b + 6, src.b, 6);
	f.b[ETH_HDR_LEN + 8]--;
	wr_init(&w, f.b + ETH_HDR_LEN, 20);
	w.p = w.end;
	wr_patch_u16(&w, 10, 0);
	wr_patch_u16(&w, 10, inet_sum_fold(inet_sum(0, f.b + ETH_HDR_LEN, 20)));
	return f;
}

/* ---- into an engine ---- */

static inline void maker_show_fate(struct engine *e, uint32_t way, const struct frame *f,
				   int64_t at_ns, uint16_t fate, int64_t delay_ns)
{
	struct engine_frame ef = { .way = way,
				   .data = f->b,
				   .cap_len = f->len,
				   .len = f->len,
				   .wall_ns = WALL0 + at_ns,
				   .delay_ns = delay_ns,
				   .fate = fate };

	engine_frame(e, &ef);
}

static inline void maker_show(struct engine *e, uint32_t way, const struct frame *f, int64_t at_ns)
{
	maker_show_fate(e, way, f, at_ns, 0, -1);
}

static inline struct engine *maker_engine(struct log_args *args)
{
	struct sbuf reason = SBUF(512);
	struct engine *e = NULL;

	if (engine_new(args, NULL, &e, &reason) < 0) {
		fprintf(stderr, "%s\n", sbuf_text(&reason));
		abort();
	}
	sbuf_done(&reason);
	return e;
}

/* ---- questions ---- */

/* The first column of the first row as text, "" for NULL and for no row; aborts on an error. */
static inline const char *maker_ask(const char *path, const char *sql)
{
	static char answer[4096];
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;
	const unsigned char *text = NULL;
	int code;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		abort();
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		text = sqlite3_column_text(s, 0);
	else if (code != SQLITE_DONE) {
		fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
		abort();
	}
	str_copy(answer, sizeof(answer), text ? (const char *)text : "");
	sqlite3_finalize(s);
	sqlite3_close(db);
	return answer;
}

#endif
