/* The barrier: when it is passed, everything that had happened when it was asked for is committed.
 *
 * A round asks every node that is ready to drain its sockets, then the wires to hand over what they
 * read, then the log to commit. Only one is under way at a time, since nodes and wires remember one
 * question; who asks meanwhile is answered by the next round. One of them that ends has nothing
 * left to say: its question goes to its successor, or is settled. One that hangs makes the round
 * fail after a while, by name. Steps are taken by the loop, never from within another's work. */
#include <errno.h>
#include <stdio.h>

#include "labd/supervisor/supervisor.h"

#define LATE_S 30 /* without an answer the round fails */

uint64_t sync_want(struct sup *s)
{
	s->sync.wanted = true;
	event_active(s->sync.step_ev, EV_TIMEOUT, 0);
	return s->sync.n + 1;
}

static void ask_nodes(struct sup *s)
{
	struct node_msg msg = { .type = NM_SYNC, .id = (uint32_t)s->sync.n };

	s->sync.owed = 0;
	for (size_t i = 0; i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];

		d->sync_owed = d->state == DEVICE_READY && device_send(d, &msg) == 0;
		s->sync.owed += d->sync_owed;
	}
}

static void end_round(struct sup *s, const char *error)
{
	event_del(s->sync.late_ev);
	s->sync.phase = SYNC_NONE;
	s->sync.answered = false;
	control_synced(s, s->sync.n, error);
	if (s->sync.wanted)
		event_active(s->sync.step_ev, EV_TIMEOUT, 0);
}

/* 0: the question is on its way. -ENOTCONN: nobody is there to ask, and nothing to wait for. */
static int ask(struct sup *s)
{
	switch (s->sync.phase) {
	case SYNC_NODES:
		ask_nodes(s);
		return s->sync.owed > 0 ? 0 : -ENOTCONN;
	case SYNC_WIRES:
		return wires_barrier(s, s->sync.n);
	case SYNC_LOG:
		return log_barrier(s, s->sync.n);
	case SYNC_NONE:
		break;
	}
	return -ENOTCONN;
}

/* From where the round is to the next of them that has to answer. */
static void go_on(struct sup *s)
{
	while (s->sync.phase != SYNC_LOG) {
		s->sync.phase++;
		if (ask(s) != -ENOTCONN)
			return;
	}
	end_round(s, NULL);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
	struct sup *s = arg;
	struct timeval late = { .tv_sec = LATE_S };

	(void)fd, (void)what;
	if (s->sync.phase == SYNC_NONE && s->sync.wanted) {
		s->sync.wanted = false;
		s->sync.n++;
		s->sync.answered = true;
		event_add(s->sync.late_ev, &late);
	}
	if (s->sync.answered) {
		s->sync.answered = false;
		go_on(s);
	}
}

static void answered(struct sup *s)
{
	s->sync.answered = true;
	event_active(s->sync.step_ev, EV_TIMEOUT, 0);
}

static void node_done(struct sup_device *d)
{
	struct sup *s = d->sup;

	if (!d->sync_owed || s->sync.phase != SYNC_NODES)
		return;
	d->sync_owed = false;
	if (--s->sync.owed == 0)
		answered(s);
}

void sync_node_answered(struct sup_device *d, uint64_t n)
{
	if (n == (uint32_t)d->sup->sync.n)
		node_done(d);
}

void sync_device_gone(struct sup_device *d)
{
	node_done(d);
}

/* The answer to a round that failed frees the way for this round's question. */
void sync_wires_answered(struct sup *s, uint64_t n)
{
	if (s->sync.phase != SYNC_WIRES)
		return;
	if (n == s->sync.n)
		answered(s);
	else
		(void)wires_barrier(s, s->sync.n);
}

void sync_log_answered(struct sup *s, uint64_t n)
{
	if (s->sync.phase == SYNC_LOG && n == s->sync.n)
		answered(s);
}

static void ask_again(struct sup *s, int phase)
{
	if ((int)s->sync.phase == phase && !s->sync.answered && ask(s) == -ENOTCONN)
		answered(s);
}

void sync_wires_new(struct sup *s)
{
	ask_again(s, SYNC_WIRES);
}

void sync_log_new(struct sup *s)
{
	ask_again(s, SYNC_LOG);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct sup *s = arg;
	const char *who = s->sync.phase == SYNC_WIRES ? "the wires process" : "the log process";
	char error[160];

	(void)fd, (void)what;
	for (size_t i = 0; s->sync.phase == SYNC_NODES && i < s->plan->n_devices; i++)
		if (s->devices[i].sync_owed) {
			who = s->devices[i].plan->name;
			s->devices[i].sync_owed = false;
		}
	snprintf(error, sizeof(error), "%s did not answer within %d s", who, LATE_S);
	end_round(s, error);
}

int sync_init(struct sup *s)
{
	s->sync.step_ev = event_new(s->base, -1, 0, on_step, s);
	s->sync.late_ev = evtimer_new(s->base, on_late, s);
	return s->sync.step_ev && s->sync.late_ev ? 0 : -ENOMEM;
}
