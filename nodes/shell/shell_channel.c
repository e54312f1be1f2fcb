/* The way to the log: records gather in one batch, which leaves once per turn of the loop.
 *
 * Nothing is lost, and the loop never stands still for it. When the log is slow, full batches wait
 * in memory; from the first of them on the node says less of what repeats itself (shell_journal.c);
 * when too many wait it takes in nothing more from its peers, while console, timers and the
 * supervisor's requests go on. */
#include "shell.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/pages.h"

#define WAITING_FULL  (2u << 20)   /* octets: no more input */
#define WAITING_AGAIN (256u << 10) /* octets: input again */
#define WAITING_MAX   (16u << 20)  /* octets: only now the loop waits */

/* A full batch that waits. */
struct piece {
	struct piece *next;
	size_t len;
	uint8_t octets[];
};

struct channel {
	struct wr out;
	struct piece *head, **tail;
	size_t waiting;		/* octets of the pieces */
	uint64_t n_put, n_sent; /* octets ever, whole batches */
	struct event *writable; /* while something waits */
	bool armed, full;
	uint8_t *batch; /* JOURNAL_BATCH_MAX */
};

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	channel_flush(arg);
}

static void drop_head(struct channel *c)
{
	struct piece *p = c->head;

	c->head = p->next;
	if (!c->head)
		c->tail = &c->head;
	c->waiting -= p->len;
	free(p);
}

void channel_init(struct node *n)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (!c || !(c->batch = pages_new(JOURNAL_BATCH_MAX)))
		abort();
	wr_init(&c->out, c->batch, JOURNAL_BATCH_MAX);
	c->tail = &c->head;
	n->channel = c;
}

void channel_done(struct node *n)
{
	struct channel *c = n->channel;

	while (c->head)
		drop_head(c);
	if (c->writable)
		event_free(c->writable);
	pages_free(c->batch, JOURNAL_BATCH_MAX);
	free(c);
	n->channel = NULL;
}

static bool send_octets(struct node *n, const uint8_t *octets, size_t len)
{
	ssize_t r;

	do
		r = send(n->journal_fd, octets, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	/* A log that is gone for good takes nothing any more: what else is wrong is no reason to
	 * keep it. */
	if (r < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	n->channel->n_sent += len;
	return true;
}

/* True when nothing is left. */
static bool send_all(struct node *n)
{
	struct channel *c = n->channel;

	while (c->head) {
		if (!send_octets(n, c->head->octets, c->head->len))
			return false;
		drop_head(c);
	}
	if (wr_len(&c->out) > 0) {
		if (!send_octets(n, c->batch, wr_len(&c->out)))
			return false;
		wr_init(&c->out, c->batch, JOURNAL_BATCH_MAX);
	}
	return true;
}

static void watch(struct node *n, bool wanted)
{
	struct channel *c = n->channel;

	if (wanted == c->armed)
		return;
	c->armed = wanted;
	if (wanted && !c->writable)
		c->writable =
			event_new(n->base, n->journal_fd, EV_WRITE | EV_PERSIST, on_writable, n);
	if (wanted)
		event_add(c->writable, NULL);
	else
		event_del(c->writable);
}

static void set_full(struct node *n, bool full)
{
	if (n->channel->full == full)
		return;
	n->channel->full = full;
	socks_pause(n, full);
}

void channel_flush(struct node *n)
{
	struct channel *c = n->channel;

	watch(n, !send_all(n));
	if (c->waiting > WAITING_FULL)
		set_full(n, true);
	else if (c->waiting < WAITING_AGAIN)
		set_full(n, false);
}

void channel_drain(struct node *n)
{
	struct pollfd p = { .fd = n->journal_fd, .events = POLLOUT };

	while (!send_all(n))
		(void)poll(&p, 1, -1);
}

/* The batch is full: it leaves, or waits behind others. */
static void set_aside(struct node *n)
{
	struct channel *c = n->channel;
	size_t len = wr_len(&c->out);
	struct piece *p;

	if (send_all(n))
		return;
	if (c->waiting > WAITING_MAX) {
		channel_drain(n);
		return;
	}
	p = malloc(sizeof(*p) + len);
	if (!p)
		abort();
	p->next = NULL;
	p->len = len;
	memcpy(p->octets, c->batch, len);
	*c->tail = p;
	c->tail = &p->next;
	c->waiting += len;
	wr_init(&c->out, c->batch, JOURNAL_BATCH_MAX);
}

void channel_put(struct node *n, const struct journal_record *rec)
{
	struct channel *c = n->channel;
	size_t before = wr_len(&c->out);

	journal_write(&c->out, rec);
	if (c->out.err) {
		c->out.err = false;
		set_aside(n);
		before = wr_len(&c->out);
		journal_write(&c->out, rec);
	}
	if (c->out.err) /* longer than a whole batch: the encoder's limits forbid it */
		wr_init(&c->out, c->batch, JOURNAL_BATCH_MAX);
	else
		c->n_put += wr_len(&c->out) - before;
}

bool channel_is_behind(const struct node *n)
{
	return n->channel->waiting > 0;
}

uint64_t channel_mark(const struct node *n)
{
	return n->channel->n_put;
}

bool channel_has_passed(const struct node *n, uint64_t mark)
{
	return n->channel->n_sent >= mark;
}
