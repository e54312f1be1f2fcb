#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/cur.h"
#include "base/journal.h"

static const struct val values[] = { { .name = "n", .type = VT_INT, .i = 5 },
				     { .name = "who", .type = VT_TEXT, .len = 3, .text = "you" },
				     { .type = VT_END } };

static struct journal_record sample(void)
{
	return (struct journal_record){
		.type = JR_DECISION,
		.at_ns = 5 * SEC,
		.wall_ns = 1767254400 * SEC,
		.decision = 77,
		.number = 513,
		.count = 2,
		.key = { .dir = PKT_IN,
			 .proto = 17,
			 .ether_type = 0x0800,
			 .ifid = 9,
			 .src = { addr4(10, 0, 0, 2), 68 },
			 .dst = { addr4(10, 0, 0, 1), 67 },
			 .len = 300,
			 .checksum = 0xabcd,
			 .stamp_ns = 1234567890123456789,
			 .offset = 1ull << 40 },
		.text = "text",
		.section = "section",
		.values = values,
	};
}

static void same_record(const struct journal_record *a, const struct journal_record *b)
{
	assert_int_equal(a->type, b->type);
	assert_true(a->at_ns == b->at_ns && a->wall_ns == b->wall_ns);
	assert_int_equal(a->decision, b->decision);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->count, b->count);
	assert_string_equal(a->text ? a->text : "", b->text);
	assert_string_equal(a->section ? a->section : "", b->section);
	assert_int_equal(val_count(a->values), val_count(b->values));
	assert_int_equal(a->key.dir, b->key.dir);
	assert_int_equal(a->key.proto, b->key.proto);
	assert_int_equal(a->key.ether_type, b->key.ether_type);
	assert_int_equal(a->key.ifid, b->key.ifid);
	assert_true(addr_equal(&a->key.src.addr, &b->key.src.addr));
	assert_true(addr_equal(&a->key.dst.addr, &b->key.dst.addr));
	assert_int_equal(a->key.src.port, b->key.src.port);
	assert_int_equal(a->key.dst.port, b->key.dst.port);
	assert_int_equal(a->key.len, b->key.len);
	assert_int_equal(a->key.checksum, b->key.checksum);
	assert_true(a->key.stamp_ns == b->key.stamp_ns && a->key.offset == b->key.offset);
}

static void both_ways(void **state)
{
	struct journal_record recs[] = { sample(), sample(), sample() };
	struct journal_scratch scratch;
	struct journal_record out;
	uint8_t buf[4096];
	struct wr w;
	struct rd r;

	(void)state;
	recs[1].type = JR_READY;
	recs[1].key = (struct pkt_key){ 0 };
	recs[1].text = recs[1].section = NULL;
	recs[1].values = NULL;
	recs[2].type = JR_SENT;
	recs[2].key.dir = PKT_OUT;
	addr_parse("2001:db8::1", &recs[2].key.src.addr);
	wr_init(&w, buf, sizeof(buf));
	for (size_t i = 0; i < ARRAY_SIZE(recs); i++)
		journal_write(&w, &recs[i]);
	assert_false(w.err);
	rd_init(&r, buf, wr_len(&w));
	for (size_t i = 0; i < ARRAY_SIZE(recs); i++) {
		assert_int_equal(journal_read(&r, &out, &scratch), 0);
		same_record(&recs[i], &out);
	}
	assert_string_equal(val_find(out.values, "who")->text, "you");
	assert_int_equal(journal_read(&r, &out, &scratch), -ENODATA);
}

static void what_does_not_fit_leaves_no_trace(void **state)
{
	struct journal_record rec = sample();
	uint8_t buf[1000];
	size_t one;
	struct wr w;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	journal_write(&w, &rec);
	one = wr_len(&w);
	wr_init(&w, buf, 2 * one - 1);
	journal_write(&w, &rec);
	assert_false(w.err);
	journal_write(&w, &rec);
	assert_true(w.err);
	assert_int_equal(wr_len(&w), one);
	journal_write(&w, &rec);
	assert_int_equal(wr_len(&w), one);
}

/* The longest record there can be fits a buffer of JOURNAL_RECORD_MAX: its texts are cut. */
static void longest_record_fits(void **state)
{
	static char text[2000];
	static uint8_t buf[JOURNAL_BATCH_MAX];
	static struct journal_scratch scratch;
	struct val many[VAL_LIST_MAX + 1];
	struct journal_record rec = sample(), out;
	struct addr six = { .family = 6 };
	struct wr w;
	struct rd r;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < VAL_LIST_MAX; i++)
		many[i] =
			i % 2 ? val_text("a_name_of_thirty_one_characters", text)
			      : val_bytes("a_name_of_more_than_thirty_one_characters", text, 2000);
	many[VAL_LIST_MAX] = V_END;
	rec.text = rec.section = text;
	rec.values = many;
	rec.key.src.addr = rec.key.dst.addr = six;
	for (int i = 0; i < 2; i++) {
		size_t size = i ? sizeof(buf) : JOURNAL_RECORD_MAX;

		wr_init(&w, buf, size);
		journal_write(&w, &rec);
		assert_false(w.err);
		assert_true(wr_len(&w) <= JOURNAL_RECORD_MAX);
		assert_ptr_equal(w.end, buf + size);
		rd_init(&r, buf, wr_len(&w));
		assert_int_equal(journal_read(&r, &out, &scratch), 0);
		assert_int_equal(val_count(out.values), VAL_LIST_MAX);
		assert_true(strlen(out.text) >= 200);
		assert_int_equal(many[1].len, VAL_TEXT_MAX);
	}
}

static void every_cut_is_found(void **state)
{
	struct journal_scratch scratch;
	struct journal_record rec = sample(), out;
	uint8_t buf[1000];
	struct wr w;
	struct rd r;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	journal_write(&w, &rec);
	for (size_t len = 1; len < wr_len(&w); len++) {
		rd_init(&r, buf, len);
		assert_int_equal(journal_read(&r, &out, &scratch), -EBADMSG);
		assert_int_equal(journal_read(&r, &out, &scratch), -EBADMSG);
	}
}

static void hostile_octets_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} rows[] = {
		{ 0, 0 },   /* no such type */
		{ 0, 99 },  /* no such type */
		{ 2, 255 }, /* length past the end */
		{ 2, 40 },  /* length short of the fields */
		{ 29, 3 },  /* direction */
		{ 37, 5 },  /* family of the source */
	};
	struct journal_scratch scratch;
	struct journal_record rec = sample(), out;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t buf[1000];
		struct wr w;
		struct rd r;

		wr_init(&w, buf, sizeof(buf));
		journal_write(&w, &rec);
		buf[rows[i].at] = rows[i].value;
		rd_init(&r, buf, wr_len(&w));
		assert_int_equal(journal_read(&r, &out, &scratch), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(what_does_not_fit_leaves_no_trace),
		cmocka_unit_test(longest_record_fits),
		cmocka_unit_test(every_cut_is_found),
		cmocka_unit_test(hostile_octets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
