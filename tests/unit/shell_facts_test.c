#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell/shell.h"

#define FILE_MAX (20u << 20)

/* A node that is nothing but its state directory. */
struct box {
	struct node *node;
	char dir[64];
};

static void box_open(struct box *b)
{
	snprintf(b->dir, sizeof(b->dir), "/tmp/facts-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->node = calloc(1, sizeof(*b->node));
	assert_non_null(b->node);
	b->node->state_fd = open(b->dir, O_RDONLY | O_DIRECTORY);
	assert_true(b->node->state_fd >= 0);
	facts_init(b->node);
}

static void box_close(struct box *b)
{
	facts_done(b->node);
	unlinkat(b->node->state_fd, "facts", 0);
	close(b->node->state_fd);
	rmdir(b->dir);
	free(b->node);
}

static const struct fact_kind *durable_kind(void)
{
	const struct fact_kind *kind;

	for (unsigned i = 0; (kind = fact_by_number(i)) != NULL; i++)
		if (kind->durable)
			return kind;
	return NULL;
}

static void keep(struct box *b, enum journal_type type, const char *key, int64_t version)
{
	const struct val values[] = { V_INT("version", version), V_END };
	struct journal_record rec = { .type = type,
				      .number = (uint16_t)fact_number(durable_kind()),
				      .text = key,
				      .values = type == JR_FACT_BEGIN ? values : NULL };

	facts_keep(b->node, &rec);
}

static size_t file_size(struct box *b)
{
	struct stat st;

	if (fstatat(b->node->state_fd, "facts", &st, 0) < 0)
		return 0; /* made when the first fact is written */
	return (size_t)st.st_size;
}

/* The version of a key as the file has it in the end; -1 = not open. */
static int64_t version_of(struct box *b, const char *key)
{
	size_t len = file_size(b);
	uint8_t *octets = malloc(len + 1);
	int fd = openat(b->node->state_fd, "facts", O_RDONLY);
	struct journal_scratch scratch;
	struct journal_record rec;
	int64_t version = -1;
	struct rd r;

	assert_non_null(octets);
	assert_int_equal(read(fd, octets, len), len);
	rd_init(&r, octets, len);
	while (journal_read(&r, &rec, &scratch) == 0)
		if (strcmp(rec.text, key) == 0)
			version = rec.type == JR_FACT_BEGIN ? rec.values[0].i : -1;
	close(fd);
	free(octets);
	return version;
}

static void what_is_flushed_is_in_the_file(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	keep(&b, JR_FACT_BEGIN, "one", 1);
	assert_int_equal(file_size(&b), 0);
	facts_flush(b.node);
	assert_int_equal(version_of(&b, "one"), 1);
	keep(&b, JR_FACT_END, "one", 0);
	keep(&b, JR_FACT_BEGIN, "two", 7);
	facts_flush(b.node);
	assert_int_equal(version_of(&b, "one"), -1);
	assert_int_equal(version_of(&b, "two"), 7);
	box_close(&b);
}

/* A server that leases for a long time writes many versions of few keys. */
static void the_file_stays_small(void **state)
{
	size_t largest = 0;
	struct box b;

	(void)state;
	box_open(&b);
	keep(&b, JR_FACT_BEGIN, "quiet", 42);
	for (int64_t i = 0; i < 500000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "key%d", (int)(i % 50));
		keep(&b, i % 3 ? JR_FACT_BEGIN : JR_FACT_END, key, i);
		if (i % 1000 == 0) {
			facts_flush(b.node);
			largest = file_size(&b) > largest ? file_size(&b) : largest;
		}
	}
	facts_flush(b.node);
	assert_in_range(largest, 10u << 20, FILE_MAX);
	assert_int_equal(version_of(&b, "quiet"), 42);
	assert_int_equal(version_of(&b, "key49"), 499999 % 3 ? 499999 : -1);
	assert_int_equal(version_of(&b, "key48"), 499998 % 3 ? 499998 : -1);
	box_close(&b);
}

static void a_start_leaves_what_is_open(void **state)
{
	struct box b;

	(void)state;
	box_open(&b);
	for (int i = 0; i < 1000; i++)
		keep(&b, JR_FACT_BEGIN, "one", i);
	keep(&b, JR_FACT_BEGIN, "two", 1);
	keep(&b, JR_FACT_END, "two", 0);
	facts_flush(b.node);
	assert_int_equal(facts_restore(b.node), 0);
	assert_in_range(file_size(&b), 20, 200);
	assert_int_equal(version_of(&b, "one"), 999);
	keep(&b, JR_FACT_BEGIN, "one", 1000);
	facts_flush(b.node);
	assert_int_equal(version_of(&b, "one"), 1000);
	box_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_flushed_is_in_the_file),
		cmocka_unit_test(the_file_stays_small),
		cmocka_unit_test(a_start_leaves_what_is_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
