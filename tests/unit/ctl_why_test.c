/* Stories on a database made by hand:
 *
 *   pc1:eth0 --(1)-- 1:sw1:2 --(2)-- eth0:pc2        ways: 2 pc1->sw1, 3 sw1->pc1
 *                      sw1:3 --(3)-- eth0:pc3              4 sw1->pc2, 6 sw1->pc3 (a wire)
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "base/types.h"
#include "labd/ctl/answer.h"
#include "labd/ctl/capture.h"
#include "labd/ctl/test.h"
#include "labd/ctl/why.h"
#include "labd/log/db.h"
#include "labd/log/db_read.h"

static const char built[] =
	"INSERT INTO lab VALUES (1, 't', 1, 1000000000, 0, NULL, NULL, NULL, NULL);"
	"INSERT INTO device VALUES (1,'pc1','pc'),(2,'sw1','switch'),(3,'pc2','pc'),(4,'pc3','pc');"
	"INSERT INTO interface VALUES (1,1,'eth0','eth0',NULL),(2,2,'1','p1',NULL),"
	"(3,2,'2','p2',NULL),(4,3,'eth0','eth0',NULL),(5,2,'3','p3',NULL),(6,4,'eth0','eth0',NULL);"
	"INSERT INTO link VALUES (1,'a','veth',1,2,'a',NULL),(2,'b','veth',3,4,'a',NULL),"
	"(3,'c','wire',5,6,'wire','delay 5 ms');"
	"INSERT INTO way SELECT l.id * 2 + x.d, l.id, l.name, s.name, si.name, r.name, ri.name "
	"FROM link l, (SELECT 0 AS d UNION SELECT 1) x "
	"JOIN interface si ON si.id = CASE x.d WHEN 0 THEN l.a ELSE l.b END "
	"JOIN interface ri ON ri.id = CASE x.d WHEN 0 THEN l.b ELSE l.a END "
	"JOIN device s ON s.id = si.device JOIN device r ON r.id = ri.device;"
	"INSERT INTO rule VALUES (1,'echo.server.reply','echo','reply','x','RFC 862',0),"
	"(2,'kernel.bridge.flood','kernel','send','x','802.1D',1),"
	"(3,'echo.client.send','echo','send','x',NULL,0);";

static char db_path[64];
static sqlite3 *writer;
static struct dbr *reader;
static int64_t n_packets;

static void sql(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void sql(const char *fmt, ...)
{
	char text[4096], *error = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (sqlite3_exec(writer, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
}

/* An IPv4 frame from 10.0.0.1 to 10.0.0.2 with this id, seen on a way. */
static int64_t packet(int64_t time_ms, int way, unsigned ip_id, unsigned ttl, unsigned fate)
{
	int64_t id = ++n_packets;

	sql("INSERT OR IGNORE INTO flow "
	    "(id,conversation,way,src_mac,dst_mac,ether_type,ip_proto,src,"
	    "dst,src_port,dst_port) VALUES "
	    "(%d,1,%d,'02:00:00:00:00:01','ff:ff:ff:ff:ff:ff',2048,17,"
	    "'10.0.0.1','10.0.0.2',7,7)",
	    way, way);
	sql("INSERT INTO packet_run (id,flow,protocol,first,last,packets,bytes,first_ns,last_ns,"
	    "offset_ns,segment) VALUES (%lld,%d,'UDP',%lld,%lld,1,42,%lld,%lld,0,0)",
	    (long long)id, way, (long long)id, (long long)id, (long long)(time_ms * MSEC),
	    (long long)(time_ms * MSEC));
	sql("INSERT INTO packet_block VALUES (%lld, x'ffffffffffff0200000000010800"
	    "4500001c%04x4000%02x1100000a0000010a0000020007000700081234')",
	    (long long)id, ip_id, ttl);
	sql("INSERT INTO packet "
	    "(id,time_ns,flow,protocol,run,length,bytes_at,fate,delay_ns,payload,"
	    "info) VALUES (%lld,%lld,%d,'UDP',%lld,42,%lld,%s,%s,0,'frame %u')",
	    (long long)id, (long long)(time_ms * MSEC), way, (long long)id, (long long)id << 16,
	    fate ? "1" : "NULL", way == 6 ? "5000000" : "NULL", ip_id);
	return id;
}

static void decision(int id, int64_t time_ms, int device, int rule, int64_t cause, int64_t sent)
{
	sql("INSERT INTO decision (id,time_ns,wall_ns,device,rule,count,packet,no_packet,sentence) "
	    "VALUES (%d,%lld,0,%d,%d,1,nullif(%lld,0),'a timer','sentence %d')",
	    id, (long long)(time_ms * MSEC), device, rule, (long long)cause, id);
	if (sent)
		sql("INSERT INTO sent (decision,packet,time_ns) VALUES (%d,%lld,0)", id,
		    (long long)sent);
}

static int open_both(void **state)
{
	struct db_options o = { .path = db_path };
	struct sbuf why = SBUF(512);
	struct db *db = NULL;
	int fd;

	(void)state;
	snprintf(db_path, sizeof(db_path), "/tmp/ctl_why_XXXXXX");
	fd = mkstemp(db_path);
	assert_true(fd >= 0);
	close(fd);
	unlink(db_path);
	if (db_open(&o, &db, &why) < 0)
		fail_msg("%s", sbuf_text(&why));
	db_close(db);
	assert_int_equal(sqlite3_open(db_path, &writer), SQLITE_OK);
	sql("%s", built);
	n_packets = 0;
	assert_int_equal(dbr_open(db_path, &reader, &why), 0);
	sbuf_done(&why);
	return 0;
}

static int close_both(void **state)
{
	char path[80];

	(void)state;
	reader = dbr_close(reader);
	sqlite3_close(writer);
	unlink(db_path);
	snprintf(path, sizeof(path), "%s-wal", db_path);
	unlink(path);
	snprintf(path, sizeof(path), "%s-shm", db_path);
	unlink(path);
	return 0;
}

/* "d1 p1 d2 p2 ?": decisions, packets and what cannot be seen, in order. */
static void assert_story(int64_t id, const char *wanted)
{
	struct story s = { 0 };
	struct sbuf got = SBUF(1024);
	int r = why_packet(reader, id, &s);

	assert_int_equal(r, 0);
	for (size_t i = 0; i < s.n; i++) {
		const struct story_item *it = &s.items[i];

		sbuf_printf(&got, "%s%s", i ? " " : "", it->marked ? "*" : "");
		if (it->kind == STORY_UNSEEN)
			sbuf_printf(&got, "?%s", it->device);
		else
			sbuf_printf(&got, "%c%lld", it->kind == STORY_PACKET ? 'p' : 'd',
				    (long long)it->id);
	}
	assert_string_equal(sbuf_text(&got), wanted);
	sbuf_done(&got);
	story_done(&s);
}

static void test_flood(void **state)
{
	int64_t first = packet(1000, 2, 7, 64, 0);
	int64_t second = packet(1001, 4, 7, 64, 0);
	int64_t third = packet(1002, 6, 7, 64, 0);

	(void)state;
	packet(1002, 3, 8, 64, 0); /* another one */
	decision(1, 999, 1, 3, 0, first);
	decision(2, 1001, 2, 2, first, second);
	sql("INSERT INTO sent (decision,packet,time_ns) VALUES (2,%lld,0)", (long long)third);
	decision(3, 1010, 3, 1, second, 0);
	assert_story(first, "d1 *p1 d2 p2 d3 p3 ?pc3");
	assert_story(third, "d1 p1 d2 p2 d3 *p3 ?pc3");
}

/* The same octets sent twice are two journeys, also when the first was lost half-way. */
static void test_retransmission(void **state)
{
	(void)state;
	packet(1000, 2, 7, 64, 0);
	packet(1001, 6, 7, 64, 1); /* lost on the wire */
	packet(2000, 2, 7, 64, 0);
	packet(2001, 6, 7, 64, 0);
	assert_story(1, "?pc1 *p1 ?sw1 p2");
	assert_story(4, "?pc1 p3 ?sw1 *p4 ?pc3");
}

static void test_absent(void **state)
{
	struct story s = { 0 };

	(void)state;
	assert_int_equal(why_packet(reader, 99, &s), -ENOENT);
	assert_int_equal(s.n, 0);
}

static void test_keys(void **state)
{
	static const uint8_t ip[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,	0, 0,  0, 0,
				      1,    8,	  0,	0x45, 0,    0,	  0x1c, 0, 7,  0, 0,
				      64,   17,	  0x12, 0x34, 10,   0,	  0,	1, 10, 0, 0,
				      2,    0,	  7,	0,    7,    0,	  8,	1, 2 };
	uint8_t other[sizeof(ip)];
	struct frame_key a, b;

	(void)state;
	frame_key(ip, sizeof(ip), &a);
	memcpy(other, ip, sizeof(ip));
	other[5] = 1;	/* link address */
	other[22] = 63; /* TTL, and with it the checksum */
	other[24] = 0x13;
	frame_key(other, sizeof(other), &b);
	assert_true(frame_key_equal(&a, &b));
	other[19] = 8; /* id */
	frame_key(other, sizeof(other), &b);
	assert_false(frame_key_equal(&a, &b));
	/* Whatever is there of a frame, nothing is read behind it. */
	for (size_t len = 0; len < sizeof(ip); len++) {
		uint8_t *cut = malloc(len + 1);

		memcpy(cut, ip, len);
		frame_key(cut, len, &b);
		assert_true(b.len <= FRAME_KEY_MAX);
		free(cut);
	}
}

/* A device's interface sees what arrives, when it arrives; a link shows all. */
static void test_capture(void **state)
{
	struct sbuf out = SBUF(65536);
	struct capture c;

	(void)state;
	packet(1000, 6, 1, 64, 0); /* arrives at 1005 */
	packet(1001, 6, 2, 64, 1); /* is lost */
	packet(1002, 7, 3, 64, 0);
	assert_int_equal(capture_select(&c, reader, "pc3"), 0);
	assert_int_equal(c.n_ifaces, 1);
	assert_string_equal(c.ifaces[0].name, "pc3:eth0");
	assert_int_equal(capture_read(&c, n_packets, &out), 0);
	assert_int_equal(c.n_frames, 1);
	capture_release(&c, 1004 * MSEC, &out);
	assert_int_equal(c.n_frames, 1);
	capture_release(&c, 1005 * MSEC, &out);
	assert_int_equal(c.n_frames, 2);
	capture_done(&c);

	sbuf_reset(&out);
	assert_int_equal(capture_select(&c, reader, "c"), 0);
	assert_int_equal(capture_read(&c, n_packets, &out), 0);
	assert_int_equal(c.n_frames, 3);
	capture_done(&c);
	assert_int_equal(capture_select(&c, reader, "pc9"), -ENOENT);
	capture_done(&c);
	sbuf_done(&out);
}

static int ask(const char *text, struct sbuf *proof)
{
	static const char file[] = "expect:\n  - SELECT";
	static struct lab_source source = { "x.yaml", file, sizeof(file) - 1 };
	struct lab_text sql_text = { .text = text,
				     .len = strlen(text),
				     .pos = { &source, 2, 5, 6 },
				     .style = LAB_TEXT_PLAIN };

	sbuf_reset(proof);
	return check_query(reader, &sql_text, proof);
}

static void test_check(void **state)
{
	struct sbuf proof = SBUF(65536);

	(void)state;
	for (int i = 0; i < 7; i++)
		packet(1000 + i, 2, (unsigned)i, 64, 0);
	assert_int_equal(ask("SELECT count(*) = 7 FROM packet", &proof), 1);
	assert_int_equal(ask("SELECT count(*) = 2 FROM packet WHERE id > 1", &proof), 0);
	assert_non_null(strstr(sbuf_text(&proof), "count(*) is 6\n"));
	assert_non_null(strstr(sbuf_text(&proof), "frame 1"));
	assert_non_null(strstr(sbuf_text(&proof), "... and 1 more"));
	assert_int_equal(ask("SELECT id FROM packet WHERE id > 50", &proof), 0);
	assert_int_equal(ask("SELECT NULL", &proof), 0);
	assert_int_equal(ask("SELECT id < 7 FROM packet", &proof), 0);
	assert_int_equal(ask("SELECT max(id), 'x' FROM packet", &proof), 1);
	assert_int_equal(ask("SELECT nothere FROM packet", &proof), -EINVAL);
	assert_non_null(strstr(sbuf_text(&proof), "x.yaml:2:"));
	assert_non_null(strstr(sbuf_text(&proof), "no such column: nothere"));
	assert_int_equal(ask("DELETE FROM packet", &proof), -EINVAL);
	assert_int_equal(ask("SELECT count(*) = 7 FROM packet", &proof), 1);
	sbuf_done(&proof);
}

static void test_reader(void **state)
{
	struct dbr_rows *rows;
	int64_t version = dbr_version(reader);
	size_t used;

	(void)state;
	assert_true(version >= 0);
	assert_int_equal(dbr_version(reader), version);
	packet(1000, 2, 1, 64, 0);
	assert_int_not_equal(dbr_version(reader), version);
	assert_true(dbr_has(reader, "packet"));
	assert_false(dbr_has(reader, "packet_run_flow")); /* an index */
	assert_int_equal(dbr_prepare(reader, "SELECT 1; SELECT 2", &rows, &used), 0);
	assert_int_equal(used, 9);
	dbr_rows_close(rows);
	assert_int_equal(dbr_prepare(reader, " -- nothing", &rows, &used), 0);
	assert_null(rows);
	assert_int_equal(
		dbr_query(reader, "SELECT ?1 IS NULL, ?2 + 1", &rows, "si", NULL, (int64_t)41), 0);
	assert_int_equal(dbr_next(rows), 1);
	assert_int_equal(dbr_int(rows, 0), 1);
	assert_int_equal(dbr_int(rows, 1), 42);
	dbr_rows_close(rows);
	assert_int_equal(dbr_prepare(reader, "SELECT x FROM packet", &rows, &used), -EINVAL);
	assert_int_equal(dbr_why_at(reader), 7);
	assert_int_equal(answer_epoch(reader), 1000000000);
}

#define WITH_DB(test) cmocka_unit_test_setup_teardown(test, open_both, close_both)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_DB(test_flood),	     WITH_DB(test_retransmission), WITH_DB(test_absent),
		WITH_DB(test_capture),	     WITH_DB(test_check),	   WITH_DB(test_reader),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests_name("why", tests, NULL, NULL);
}
