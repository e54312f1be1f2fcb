/* What a zygote is told of a device: octets and structures, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/node_spawn.h"

#define RING_AT	    18 /* behind kind, quiet and both seeds */
#define N_IFACES_AT 34
#define NAME_AT	    36

static const struct node_spawn router = {
	.kind = KIND_ROUTER,
	.quiet = true,
	.seed = 0x0102030405060708,
	.ca_seed = 0x090a0b0c0d0e0f10,
	.ring = { .block_bytes = 0x10000, .n_blocks = 8, .frame_bytes = 2048, .retire_ms = 5 },
	.n_ifaces = 2,
	.name = "r1",
	.uid_map = "0 100000 65536",
	.gid_map = "0 100000 65536\n65536 7 1",
};

static const struct node_spawn_iface ifaces[] = {
	{ .id = 7, .mtu = 1500, .mac = { { 2, 0, 0, 0, 0, 1 } }, .name = "eth0", .kname = "eth0" },
	{ .id = 0xfffffffe,
	  .mtu = 9000,
	  .mac = { { 2, 0, 0, 0, 0, 2 } },
	  .name = "GigabitEthernet0/1",
	  .kname = "gi0-1" },
};

/* The router and its interfaces; the length. */
static size_t written(uint8_t *buf, size_t size)
{
	struct wr w;

	wr_init(&w, buf, size);
	node_spawn_write(&w, &router);
	for (size_t i = 0; i < ARRAY_SIZE(ifaces); i++)
		node_spawn_write_iface(&w, &ifaces[i]);
	assert_false(w.err);
	return wr_len(&w);
}

static void expect_router(struct rd *r)
{
	struct node_spawn s;

	assert_int_equal(node_spawn_read(r, &s), 0);
	assert_int_equal(s.kind, KIND_ROUTER);
	assert_true(s.quiet);
	assert_int_equal(s.seed, router.seed);
	assert_int_equal(s.ca_seed, router.ca_seed);
	assert_memory_equal(&s.ring, &router.ring, sizeof(s.ring));
	assert_int_equal(s.n_ifaces, 2);
	assert_string_equal(s.name, router.name);
	assert_string_equal(s.uid_map, router.uid_map);
	assert_string_equal(s.gid_map, router.gid_map);
}

static void what_is_written_is_read(void **state)
{
	struct node_spawn_iface f;
	uint8_t buf[512];
	struct rd r;

	(void)state;
	rd_init(&r, buf, written(buf, sizeof(buf)));
	expect_router(&r);
	for (size_t i = 0; i < ARRAY_SIZE(ifaces); i++) {
		assert_int_equal(node_spawn_read_iface(&r, &f), 0);
		assert_int_equal(f.id, ifaces[i].id);
		assert_int_equal(f.mtu, ifaces[i].mtu);
		assert_memory_equal(f.mac.b, ifaces[i].mac.b, sizeof(f.mac.b));
		assert_string_equal(f.name, ifaces[i].name);
		assert_string_equal(f.kname, ifaces[i].kname);
	}
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(node_spawn_read_iface(&r, &f), -EBADMSG); /* there is no third */
}

/* As the header says, octet for octet: both ends of it are processes of one lab, but not one file.
 */
static void the_octets_are_those_of_the_header(void **state)
{
	static const uint8_t front[] = { KIND_ROUTER, 1,  1,  2,  3,  4,   5,	6, 7, 8, 9,
					 10,	      11, 12, 13, 14, 15,  16,	0, 1, 0, 0,
					 0,	      0,  0,  8,  0,  0,   8,	0, 0, 0, 0,
					 5,	      0,  2,  0,  2,  'r', '1', 0 };
	uint8_t buf[512];

	(void)state;
	assert_true(written(buf, sizeof(buf)) > sizeof(front));
	assert_memory_equal(buf, front, sizeof(front));
}

/* A text points into the octets: nothing is copied, since the zygote forks behind it. */
static void texts_stay_where_they_are(void **state)
{
	uint8_t buf[512];
	struct node_spawn s;
	struct rd r;

	(void)state;
	rd_init(&r, buf, written(buf, sizeof(buf)));
	assert_int_equal(node_spawn_read(&r, &s), 0);
	assert_ptr_equal(s.name, buf + NAME_AT + 2);
}

static void empty_texts_and_no_ring(void **state)
{
	const struct node_spawn bare = { .name = "", .uid_map = "", .gid_map = "" };
	struct node_spawn s;
	uint8_t buf[64];
	struct wr w;
	struct rd r;

	(void)state;
	wr_init(&w, buf, sizeof(buf));
	node_spawn_write(&w, &bare);
	rd_init(&r, buf, wr_len(&w));
	assert_int_equal(node_spawn_read(&r, &s), 0);
	assert_int_equal(rd_left(&r), 0);
	assert_int_equal(s.kind, KIND_PC);
	assert_false(s.quiet);
	assert_int_equal(s.ring.n_blocks, 0);
	assert_string_equal(s.name, "");
	assert_string_equal(s.gid_map, "");
}

/* Reads what may be cut anywhere, to the end; -EBADMSG, or how many interfaces were read. */
static int read_all(const uint8_t *data, size_t len)
{
	struct node_spawn_iface f;
	struct node_spawn s;
	struct rd r;
	int n = 0;

	rd_init(&r, data, len);
	if (node_spawn_read(&r, &s) < 0)
		return -EBADMSG;
	for (; n < s.n_ifaces; n++)
		if (node_spawn_read_iface(&r, &f) < 0)
			return -EBADMSG;
	return n;
}

static void every_cut_is_refused(void **state)
{
	uint8_t buf[512];
	size_t len = written(buf, sizeof(buf));

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		/* A copy of the exact size, so that a sanitizer sees reads past the end. */
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, buf, n);
		assert_int_equal(read_all(copy, n), n < len ? -EBADMSG : 2);
		free(copy);
	}
}

static void what_does_not_fit_is_an_error(void **state)
{
	uint8_t buf[512];
	size_t len = written(buf, sizeof(buf));

	(void)state;
	for (size_t n = 0; n < len; n++) {
		struct wr w;

		wr_init(&w, buf, n);
		node_spawn_write(&w, &router);
		for (size_t i = 0; i < ARRAY_SIZE(ifaces); i++)
			node_spawn_write_iface(&w, &ifaces[i]);
		assert_true(w.err);
		assert_true(wr_len(&w) <= n);
	}
}

static void spoiled_octets_are_refused(void **state)
{
	static const struct {
		const char *what;
		size_t at;
		uint8_t value;
		int result;
	} rows[] = {
		{ "the last kind", 0, N_KINDS - 1, 2 },
		{ "one kind too many", 0, N_KINDS, -EBADMSG },
		{ "no kind at all", 0, 255, -EBADMSG },
		{ "any truth is true", 1, 200, 2 },
		{ "a ring of any size", RING_AT, 255, 2 },
		{ "one interface less", N_IFACES_AT + 1, 1, 1 },
		{ "one interface more", N_IFACES_AT + 1, 3, -EBADMSG },
		{ "many interfaces", N_IFACES_AT, 255, -EBADMSG },
		{ "a name without an end", NAME_AT + 4, 'x', -EBADMSG },
		{ "a name that is longer than it says", NAME_AT + 1, 1, -EBADMSG },
		{ "a name that says too much", NAME_AT + 1, 3, -EBADMSG },
		{ "a name beyond all", NAME_AT, 255, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t buf[512];
		size_t len = written(buf, sizeof(buf));
		int got;

		buf[rows[i].at] = rows[i].value;
		got = read_all(buf, len);
		if (got != rows[i].result)
			fail_msg("%s: %d", rows[i].what, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_octets_are_those_of_the_header),
		cmocka_unit_test(texts_stay_where_they_are),
		cmocka_unit_test(empty_texts_and_no_ring),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(what_does_not_fit_is_an_error),
		cmocka_unit_test(spoiled_octets_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
