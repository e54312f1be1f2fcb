/* The loop of a node: one event in, effects out, effects done, next event. */
#include "shell_stream.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"

#define SYNC_PASSES_MAX 64 /* of at least 128 datagrams or 512 kB of each socket */

int64_t wall_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

static int64_t mono_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SEC + ts.tv_nsec;
}

nsec_t node_now(const struct node *n)
{
	return clock_lab_now(n->clock, mono_now_ns());
}

uint64_t seed_for(uint64_t seed, const char *what)
{
	return hash_string(seed, what);
}

const struct if_index *ifmap_by_id(const struct node *n, uint32_t ifid)
{
	for (unsigned i = 0; i < n->dev.n_ifaces; i++)
		if (n->ifmap[i].ifid == ifid && ifid != 0)
			return &n->ifmap[i];
	return NULL;
}

const struct if_index *ifmap_by_index(const struct node *n, int ifindex)
{
	for (unsigned i = 0; i < n->dev.n_ifaces; i++)
		if (n->ifmap[i].ifindex == ifindex && ifindex != 0)
			return &n->ifmap[i];
	return NULL;
}

struct iface *node_iface(struct node *n, uint32_t ifid)
{
	for (unsigned i = 0; i < n->dev.n_ifaces; i++)
		if (n->dev.ifaces[i].id == ifid)
			return &n->dev.ifaces[i];
	return NULL;
}

struct machine *machine_find(struct node *n, const char *class_name)
{
	for (unsigned i = 0; i < n->n_machines; i++)
		if (strcmp(n->machines[i].cls->name, class_name) == 0)
			return &n->machines[i];
	return NULL;
}

/* --- effects ------------------------------------------------------------------------------ */

static bool answers(const struct machine_class *cls, const struct ask *ask)
{
	if (!(cls->answers & BIT(ask->kind)))
		return false;
	if (ask->kind == ASK_LOGIN)
		return strcmp(cls->logins ? cls->logins : "", ask->login.group) == 0;
	return ask->kind != ASK_TRANSFER || strcmp(cls->transfers, ask->transfer.scheme) == 0;
}

/* A copy in one block with what it carries along. */
static struct ask *copy_ask(const struct ask *ask)
{
	struct ask head = *ask;
	size_t len;
	const uint8_t **octets = ask_octets(&head, &len);
	struct ask *copy = malloc(sizeof(*copy) + len);

	if (!copy)
		abort();
	if (len > 0) {
		memcpy(copy + 1, *octets, len);
		*octets = (const uint8_t *)(copy + 1);
	}
	*copy = head;
	return copy;
}

static void ask_machine(struct machine *m, const struct fx_effect *e, struct machine *to)
{
	struct node *n = m->node;
	struct ask_slot *slot = &n->asks[n->next_token % NODE_ASKS_MAX];
	struct answer busy = { .err = -EBUSY, .why = "too many questions are open" };
	struct ev ev = { .kind = EV_ASK };
	struct ask *copy;

	if (slot->token != 0) {
		queue_answer(m, e->ask.ask_id, &busy, n->turn_cause, NULL, 0);
		return;
	}
	*slot = (struct ask_slot){ .token = n->next_token + 1,
				   .asker = m,
				   .ask_id = e->ask.ask_id,
				   .cause = *n->turn_cause };
	n->next_token++;
	copy = copy_ask(e->ask.ask);
	ev.ask.ask_id = slot->token;
	ev.ask.ask = copy;
	deliver_later(to, &ev, n->turn_cause, copy);
}

static void route_ask(struct machine *m, const struct fx_effect *e)
{
	struct node *n = m->node;
	const struct ask *ask = e->ask.ask;
	struct answer none = { .err = -ENOSYS, .why = "no service of this device answers that" };

	if (ask->kind == ASK_FILE) {
		file_answer(m, e->ask.ask_id, &ask->file);
		return;
	}
	if (ask->kind == ASK_KERNEL) {
		table_answer(m, e->ask.ask_id, &ask->kernel);
		return;
	}
	if (ask->kind == ASK_CERTIFICATE) {
		certificate_answer(m, e->ask.ask_id, ask->certificate);
		return;
	}
	if (ask->kind == ASK_CONF) {
		conf_answer(m, e->ask.ask_id, &ask->conf);
		return;
	}
	for (unsigned i = 0; i < n->n_machines; i++) {
		if (answers(n->machines[i].cls, ask)) {
			ask_machine(m, e, &n->machines[i]);
			return;
		}
	}
	queue_answer(m, e->ask.ask_id, &none, n->turn_cause, NULL, 0);
}

static void route_answer(struct machine *m, const struct fx_effect *e)
{
	struct node *n = m->node;
	uint32_t token = e->answer.ask_id;
	struct ask_slot *slot = &n->asks[(token - 1) % NODE_ASKS_MAX];
	struct answer a = *e->answer.answer;

	if (token == 0 || slot->token != token)
		return;
	slot->token = 0;
	if (e->answer.len > 0)
		a.file.data = e->answer.data;
	queue_answer(slot->asker, slot->ask_id, &a, &slot->cause, e->answer.data, e->answer.len);
}

void queue_answer(struct machine *m, uint32_t ask_id, const struct answer *a,
		  const struct cause *cause, const void *data, size_t len)
{
	struct answer *copy = malloc(sizeof(*copy) + len);
	struct ev ev = { .kind = EV_ANSWER, .answer = { .ask_id = ask_id, .answer = copy } };

	if (!copy)
		abort();
	*copy = *a;
	if (len > 0)
		memcpy(copy + 1, data, len);
	if (data) { /* the two kinds of answer that carry a block */
		if (a->file.data == data) {
			copy->file.data = (const uint8_t *)(copy + 1);
			copy->file.len = len;
		} else if (a->kernel.rows == data) {
			copy->kernel.rows = (const struct kernel_row *)(const void *)(copy + 1);
		}
	}
	deliver_later(m, &ev, cause, copy);
}

static void set_clock(struct machine *m, const struct fx_effect *e)
{
	m->node->dev.clock = e->clock;
}

static void tell_console(struct machine *m, const struct fx_effect *e)
{
	(void)m;
	console_tell(e->console.to, e->console.text, e->console.len);
}

/* Who carries out what; those that need the event's cause are below. */
static void (*const carries_out[])(struct machine *m, const struct fx_effect *e) = {
	[FX_BIND] = dgram_bind,	     [FX_SEND] = dgram_send,
	[FX_LISTEN] = stream_listen, [FX_CONNECT] = stream_connect,
	[FX_WRITE] = stream_write,   [FX_SEND_FILE] = stream_send_file,
	[FX_STARTTLS] = tls_start,   [FX_PAUSE] = stream_pause,
	[FX_CLOSE] = stream_close,   [FX_ADDR] = kernel_addr,
	[FX_ROUTE] = kernel_route,   [FX_RESOLVER] = kernel_resolver,
	[FX_LINK] = kernel_link,     [FX_ACL] = kernel_acl,
	[FX_CLOCK] = set_clock,	     [FX_ASK] = route_ask,
	[FX_ANSWER] = route_answer,  [FX_CONSOLE] = tell_console,
	[FX_PRINT] = cli_effect,     [FX_INPUT] = cli_effect,
	[FX_LEVEL] = cli_effect,     [FX_TERMINAL] = cli_effect,
	[FX_CMD_DONE] = cli_effect,
};

static void run_effect(struct machine *m, const struct fx_effect *e, const struct cause *cause)
{
	if (e->kind == FX_DECIDE || e->kind == FX_FACT_BEGIN || e->kind == FX_FACT_END)
		journal_effect(m, e, cause);
	else if (e->kind == FX_LOG)
		log_effect(m->node, e, cause);
	else if (e->kind < ARRAY_SIZE(carries_out) && carries_out[e->kind])
		carries_out[e->kind](m, e);
	else
		abort(); /* a kind that nobody carries out */
}

void fail_effect(struct machine *m, const struct fx_effect *e, uint32_t sock, int err,
		 const char *text)
{
	char *copy = strdup(text ? text : strerror(err));
	struct ev ev = { .kind = EV_DONE,
			 .done = { .effect = e->id,
				   .what = e->kind,
				   .sock = sock,
				   .err = err,
				   .text = copy ? copy : "out of memory" } };

	deliver_later(m, &ev, NULL, copy);
}

static void run_pending(struct node *n);

/* --- events ------------------------------------------------------------------------------- */

const struct pkt_key *cause_key(const struct node *n, uint32_t number)
{
	if (number == 0 || n->n_causes - number >= NODE_CAUSES)
		return NULL;
	return &n->causes[number % NODE_CAUSES];
}

/* Gives the packet behind an event a number by which a later decision may name it. */
static uint32_t number_cause(struct node *n, const struct cause *cause)
{
	if (cause->key.dir == PKT_NONE || n->quiet)
		return 0;
	if (++n->n_causes == 0)
		n->n_causes = 1;
	n->causes[n->n_causes % NODE_CAUSES] = cause->key;
	return n->n_causes;
}

static void turn_begin(struct node *n, const struct cause *cause)
{
	n->turn_cause = cause;
	n->turn_now = node_now(n);
	n->in_turn = true;
	n->n_turns++;
	n->turn_base = n->n_decisions;
	journal_turn_begins(n);
}

static void turn_end(struct node *n, struct machine *m, const struct cause *cause)
{
	for (const struct fx_effect *e = fx_first(n->fx); e; e = e->next)
		run_effect(m, e, cause);
	if (fx_full(n->fx))
		journal_refused(n, m->cls->name, "more effects in one turn than the limit allows");
	fx_reset(n->fx);
	m->deadline = m->cls && m->cls->deadline ? m->cls->deadline(m->state) : NEVER;
	n->in_turn = false;
}

static void turn(struct machine *m, const struct ev *event, const struct cause *cause)
{
	struct node *n = m->node;
	struct ev ev = *event;

	turn_begin(n, cause);
	ev.now = n->turn_now;
	ev.dev = &n->dev;
	ev.cause = number_cause(n, cause);
	m->cls->event(m->state, &ev, n->fx);
	turn_end(n, m, cause);
}

void command_turn(struct node *n, struct machine *m, const struct cmd *cmd, const struct call *call)
{
	static const struct cause no_cause;
	struct machine self = { .node = n };

	turn_begin(n, &no_cause);
	cmd->run(m ? m->state : n, call, n->turn_now, n->fx);
	turn_end(n, m ? m : &self, &no_cause);
	run_pending(n);
}

static void run_pending(struct node *n)
{
	struct pending *p;

	while (!n->in_turn && (p = n->pending_head) != NULL) {
		n->pending_head = p->next;
		if (!n->pending_head)
			n->pending_tail = &n->pending_head;
		n->n_pending--;
		turn(p->machine, &p->ev, &p->cause);
		free(p->owned);
		free(p);
	}
}

void deliver_later(struct machine *m, const struct ev *ev, const struct cause *cause, void *owned)
{
	struct node *n = m->node;
	struct pending *p;

	if (n->n_pending >= NODE_PENDING_MAX) {
		journal_refused(n, m->cls->name,
				"too many events wait for their turn: one was lost");
		free(owned);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->machine = m;
	p->ev = *ev;
	if (cause)
		p->cause = *cause;
	p->owned = owned;
	*n->pending_tail = p;
	n->pending_tail = &p->next;
	n->n_pending++;
}

void deliver(struct machine *m, const struct ev *ev, const struct cause *cause)
{
	static const struct cause no_cause;

	if (m->node->in_turn) {
		deliver_later(m, ev, cause, NULL);
		return;
	}
	run_pending(m->node);
	turn(m, ev, cause ? cause : &no_cause);
	run_pending(m->node);
}

void deliver_all_later(struct node *n, const struct ev *ev)
{
	for (unsigned i = 0; i < n->n_machines; i++)
		deliver_later(&n->machines[i], ev, NULL, NULL);
}

void deliver_all(struct node *n, const struct ev *ev)
{
	for (unsigned i = 0; i < n->n_machines; i++)
		deliver(&n->machines[i], ev, NULL);
}

/* --- machines ----------------------------------------------------------------------------- */

static int create_machine(struct node *n, const struct proto *proto, void *conf,
			  const struct machine_class *cls)
{
	struct machine *m = &n->machines[n->n_machines];
	struct machine_env env = { .dev = &n->dev,
				   .conf = conf,
				   .seed = seed_for(n->seed, cls->name),
				   .now = node_now(n) };

	if (n->n_machines == NODE_MACHINES_MAX)
		return -E2BIG;
	*m = (struct machine){
		.cls = cls, .proto = proto, .node = n, .deadline = NEVER, .index = n->n_machines
	};
	m->state = cls->create(&env);
	if (!m->state)
		return -ENOMEM;
	n->n_machines++;
	return 0;
}

int node_create_machines(struct node *n)
{
	for (size_t p = 0; protos[p]; p++) {
		const struct machine_class *const *cls = protos[p]->machines;

		for (; cls && *cls; cls++) {
			int r = 0;

			if ((*cls)->kinds & KIND_BIT(n->dev.kind))
				r = create_machine(n, protos[p], n->conf->confs[p], *cls);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* --- the loop ----------------------------------------------------------------------------- */

static nsec_t next_deadline(const struct node *n)
{
	nsec_t next = journal_deadline(n);

	for (unsigned i = 0; n->started && i < n->n_machines; i++)
		if (n->machines[i].deadline < next)
			next = n->machines[i].deadline;
	return next;
}

static void run_timers(struct node *n)
{
	struct ev ev = { .kind = EV_TIMER };
	nsec_t now = node_now(n);

	for (unsigned i = 0; n->started && i < n->n_machines; i++)
		if (n->machines[i].deadline <= now)
			deliver(&n->machines[i], &ev, NULL);
}

static void arm_timer(struct node *n)
{
	nsec_t next = next_deadline(n), wait;
	struct timeval tv;

	if (next == NEVER || clock_is_paused(n->clock)) {
		if (n->armed_ns != NEVER)
			event_del(n->timer_ev);
		n->armed_ns = NEVER;
		return;
	}
	/* Due later than last time: when the timer comes too early, it is set again. */
	if (n->armed_ns <= next && n->armed_course == clock_course(n->clock) &&
	    evtimer_pending(n->timer_ev, NULL))
		return;
	n->armed_ns = next;
	n->armed_course = clock_course(n->clock);
	wait = next - node_now(n);
	wait = wait < 0 ? 0 : wait > 3600 * SEC ? 3600 * SEC : wait;
	tv.tv_sec = wait / SEC;
	tv.tv_usec = (wait % SEC + USEC - 1) / USEC;
	if (tv.tv_usec >= 1000000) {
		tv.tv_sec++;
		tv.tv_usec = 0;
	}
	event_add(n->timer_ev, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg; /* run_timers() follows every turn of the loop */
}

static void end_of_turn(struct node *n)
{
	run_pending(n);
	run_timers(n);
	conf_keep(n);
	journal_flush(n);
	arm_timer(n);
}

/* A pass in which nothing was left to do ends the draining. Under a flood there is none: then it is
 * enough that every socket was read so often that all is done which had come when it was asked. */
static void sync_pass(struct node *n, bool idle)
{
	if (!idle && ++n->sync_passes < SYNC_PASSES_MAX)
		return;
	n->sync = SYNC_TELL;
	n->sync_mark = channel_mark(n);
}

int node_run(struct node *n)
{
	n->timer_ev = evtimer_new(n->base, on_timer, n);
	if (!n->timer_ev)
		return 1;
	end_of_turn(n);
	while (!n->stopping) {
		uint64_t turns = n->n_turns;
		bool drain = n->sync == SYNC_DRAIN;

		if (event_base_loop(n->base, drain ? EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0)
			return 1;
		end_of_turn(n);
		if (drain)
			sync_pass(n, turns == n->n_turns);
		ctl_answer_sync(n);
	}
	deliver_all(n, &(struct ev){ .kind = EV_STOP });
	end_of_turn(n);
	channel_drain(n);
	event_free(n->timer_ev);
	return n->reload ? EXIT_RELOAD : n->exit_status;
}
