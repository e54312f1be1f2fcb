#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shell/shell.h"

/* A node that is nothing but its way to the log, and the log's end of it. */
struct way {
	struct node *node;
	int log_fd;
	unsigned n_read; /* records */
};

static void way_open(struct way *w)
{
	int fds[2];

	*w = (struct way){ .node = calloc(1, sizeof(*w->node)) };
	assert_non_null(w->node);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	w->node->base = event_base_new();
	w->node->journal_fd = fds[0];
	w->log_fd = fds[1];
	channel_init(w->node);
}

static void way_close(struct way *w)
{
	close(w->node->journal_fd);
	close(w->log_fd);
	channel_done(w->node);
	event_base_free(w->node->base);
	free(w->node);
}

static void put(struct way *w, unsigned number)
{
	const struct val values[] = { V_TEXT("what", "some words of a line"), V_END };
	struct journal_record rec = { .type = JR_DECISION, .decision = number, .values = values };

	channel_put(w->node, &rec);
}

/* Takes in one datagram; the records are numbered 1, 2, ... False when there is none. */
static bool take_in(struct way *w)
{
	static uint8_t buf[JOURNAL_BATCH_MAX];
	struct journal_scratch scratch;
	struct journal_record rec;
	ssize_t n = recv(w->log_fd, buf, sizeof(buf), MSG_DONTWAIT);
	struct rd r;

	if (n <= 0)
		return false;
	rd_init(&r, buf, (size_t)n);
	while (journal_read(&r, &rec, &scratch) == 0)
		assert_int_equal(rec.decision, ++w->n_read);
	return true;
}

static void one_datagram_a_turn(void **state)
{
	struct way w;

	(void)state;
	way_open(&w);
	for (unsigned i = 1; i <= 100; i++)
		put(&w, i);
	assert_false(take_in(&w));
	channel_flush(w.node);
	assert_true(take_in(&w));
	assert_int_equal(w.n_read, 100);
	assert_false(take_in(&w));
	assert_false(channel_is_behind(w.node));
	way_close(&w);
}

/* Puts until the node stops taking input; returns how many records that took. */
static unsigned put_until_full(struct way *w)
{
	unsigned n = 0;

	while (!w->node->socks_paused && n < 1000000) {
		put(w, ++n);
		if (n % 10 == 0)
			channel_flush(w->node);
	}
	return n;
}

static void a_slow_log_loses_nothing(void **state)
{
	struct way w;
	uint64_t mark;
	unsigned n;

	(void)state;
	way_open(&w);
	n = put_until_full(&w);
	assert_in_range(n, 1000, 999999);
	assert_true(channel_is_behind(w.node));
	mark = channel_mark(w.node);
	assert_false(channel_has_passed(w.node, mark));
	while (take_in(&w)) /* the loop sends on as the log reads */
		assert_int_not_equal(event_base_loop(w.node->base, EVLOOP_NONBLOCK), -1);
	assert_int_equal(w.n_read, n);
	assert_true(channel_has_passed(w.node, mark));
	assert_false(channel_is_behind(w.node));
	assert_false(w.node->socks_paused);
	way_close(&w);
}

static void a_log_that_is_gone_is_not_waited_for(void **state)
{
	struct way w;

	(void)state;
	way_open(&w);
	shutdown(w.log_fd, SHUT_RDWR);
	for (unsigned i = 1; i <= 100000; i++)
		put(&w, i);
	channel_drain(w.node);
	assert_false(channel_is_behind(w.node));
	way_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_datagram_a_turn),
		cmocka_unit_test(a_slow_log_loses_nothing),
		cmocka_unit_test(a_log_that_is_gone_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
