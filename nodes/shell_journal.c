/* What a node tells the log: decisions, the packets they sent, facts, configuration lines.
 *
 * Records gather in one batch and leave once per turn of the loop; when the log is behind, the node
 * waits, it never loses. Above RATE_PER_WINDOW decisions of one rule in one window, further ones
 * become one record with a count when the window ends, explained by shell.rate-limit.
 *
 * Durable facts are appended to the state directory before the packet that tells a peer about them
 * leaves, so that a killed node comes back knowing what it promised. */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define RATE_WINDOW	  (100 * MSEC)
#define RATE_PER_WINDOW	  100 /* 1,000 a second */
#define HELD_VALUES_MAX	  512
#define FACTS_FILE	  "facts"
#define FACTS_FILE_MAX	  (64u << 20)
#define FACTS_PENDING_MAX (1u << 20)

/* One rule's limit; `values` are those of the last decision held back. */
struct held {
	uint32_t count;
	uint16_t values_len;
	uint8_t values[HELD_VALUES_MAX];
};

struct rate {
	nsec_t window_start_ns;
	uint32_t in_window;
	struct held *held;
};

struct journal {
	uint8_t batch[JOURNAL_BATCH_MAX];
	struct wr out;
	struct rate *rates; /* by rule number */
	unsigned n_rules;
	unsigned n_holding; /* rules with something held back */
	uint8_t held_in_turn[FX_MAX / 8 + 1];
	bool any_held_in_turn;
	struct sbuf facts; /* to append */
	int facts_fd;
};

static struct journal *journal_of(const struct node *n)
{
	return n->journal;
}

void journal_init(struct node *n)
{
	struct journal *j = calloc(1, sizeof(*j));

	if (!j)
		abort();
	while (rule_by_number(j->n_rules))
		j->n_rules++;
	j->rates = calloc(j->n_rules + 1, sizeof(*j->rates));
	if (!j->rates)
		abort();
	wr_init(&j->out, j->batch, sizeof(j->batch));
	j->facts = SBUF(FACTS_PENDING_MAX);
	j->facts_fd =
		openat(n->state_fd, FACTS_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	n->journal = j;
}

static void send_batch(struct node *n, struct journal *j)
{
	size_t len = wr_len(&j->out);

	if (len > 0 && n->journal_fd >= 0)
		while (send(n->journal_fd, j->batch, len, MSG_NOSIGNAL) < 0 && errno == EINTR)
			;
	wr_init(&j->out, j->batch, sizeof(j->batch));
}

static void put(struct node *n, const struct journal_record *rec)
{
	struct journal *j = journal_of(n);
	struct wr before = j->out;

	if (n->quiet)
		return;
	journal_write(&j->out, rec);
	if (!j->out.err)
		return;
	j->out = before;
	send_batch(n, j);
	journal_write(&j->out, rec);
	if (j->out.err) /* longer than a whole batch: the encoder's limits forbid it */
		wr_init(&j->out, j->batch, sizeof(j->batch));
}

static void flush_facts(struct journal *j)
{
	size_t done = 0;

	while (done < j->facts.len && j->facts_fd >= 0) {
		ssize_t n = write(j->facts_fd, j->facts.data + done, j->facts.len - done);

		if (n <= 0 && errno != EINTR)
			break;
		done += n > 0 ? (size_t)n : 0;
	}
	sbuf_reset(&j->facts);
}

/* --- decisions ---------------------------------------------------------------------------- */

static void set_held(struct journal *j, uint32_t in_turn, bool held)
{
	if (!held || in_turn >= FX_MAX)
		return;
	if (!j->any_held_in_turn)
		memset(j->held_in_turn, 0, sizeof(j->held_in_turn));
	j->any_held_in_turn = true;
	j->held_in_turn[in_turn / 8] |= (uint8_t)BIT(in_turn % 8);
}

static bool was_held(const struct journal *j, uint32_t in_turn)
{
	return j->any_held_in_turn && in_turn < FX_MAX &&
	       (j->held_in_turn[in_turn / 8] & BIT(in_turn % 8));
}

static void write_held(struct node *n, unsigned number)
{
	struct journal *j = journal_of(n);
	struct held *h = j->rates[number].held;
	struct val values[VAL_LIST_MAX + 1];
	char names[VAL_LIST_MAX][32];
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = node_now(n),
				      .wall_ns = wall_now_ns(),
				      .decision = ++n->n_decisions,
				      .number = (uint16_t)number };
	struct rd r;

	rec.count = h->count;
	rd_init(&r, h->values, h->values_len);
	if (val_list_read(&r, values, names) == 0)
		rec.values = values;
	put(n, &rec);
	h->count = 0;
	j->n_holding--;
}

static void end_window(struct node *n, unsigned number, nsec_t now)
{
	struct journal *j = journal_of(n);
	struct rate *rate = &j->rates[number];

	if (rate->held && rate->held->count > 0)
		write_held(n, number);
	rate->window_start_ns = now;
	rate->in_window = 0;
}

static void tell_limit(struct node *n, unsigned number, nsec_t now)
{
	struct val values[] = { V_TEXT("rule", rule_by_number(number)->id),
				V_INT("limit", RATE_PER_WINDOW), V_END };
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = now,
				      .wall_ns = wall_now_ns(),
				      .decision = ++n->n_decisions,
				      .number = (uint16_t)rule_number("shell.rate-limit"),
				      .count = 1,
				      .values = values };

	put(n, &rec);
}

static void hold(struct node *n, unsigned number, const struct val *values, nsec_t now)
{
	struct journal *j = journal_of(n);
	struct rate *rate = &j->rates[number];
	struct wr w;

	if (!rate->held)
		rate->held = calloc(1, sizeof(*rate->held));
	if (!rate->held)
		abort();
	if (rate->held->count++ == 0) {
		j->n_holding++;
		tell_limit(n, number, now);
		wr_init(&w, rate->held->values, sizeof(rate->held->values));
		val_list_write(&w, values);
		rate->held->values_len = w.err ? 0 : (uint16_t)wr_len(&w);
	}
}

/* True when this decision is one too many in its window. */
static bool over_rate(struct node *n, unsigned number, nsec_t now)
{
	struct rate *rate = &journal_of(n)->rates[number];

	if (now - rate->window_start_ns >= RATE_WINDOW)
		end_window(n, number, now);
	return rate->in_window++ >= RATE_PER_WINDOW;
}

static void complete_key(const struct node *n, struct pkt_key *key, const struct fx_effect *e,
			 const struct cause *cause)
{
	const struct pkt_key *earlier = cause_key(n, e->decide.cause);

	*key = e->decide.no_cause ? (struct pkt_key){ 0 } : earlier ? *earlier : cause->key;
	if (key->proto == IPPROTO_TCP && e->decide.stream_offset > key->offset)
		key->offset = e->decide.stream_offset;
}

static void write_decision(struct node *n, const struct fx_effect *e, const struct cause *cause)
{
	int number = rule_number(e->decide.rule);
	nsec_t now = node_now(n);
	struct journal_record rec = { .type = JR_DECISION,
				      .at_ns = now,
				      .decision = n->turn_base + e->decision,
				      .number = (uint16_t)number,
				      .count = 1,
				      .values = e->decide.values };

	if (n->n_decisions < rec.decision)
		n->n_decisions = rec.decision;
	if (number < 0) {
		journal_refused(n, e->decide.rule,
				"a decision names a rule that no protocol lists");
		return;
	}
	if (over_rate(n, (unsigned)number, now)) {
		set_held(journal_of(n), e->decision, true);
		hold(n, (unsigned)number, e->decide.values, now);
		return;
	}
	rec.wall_ns = wall_now_ns();
	complete_key(n, &rec.key, e, cause);
	put(n, &rec);
}

void journal_decide(struct node *n, const char *rule, const struct pkt_key *key,
		    const struct val *values)
{
	struct fx_effect e = { .kind = FX_DECIDE, .decision = 1 };
	struct cause cause = { .key = key ? *key : (struct pkt_key){ 0 } };

	e.decide.rule = rule;
	e.decide.values = values;
	n->turn_base = n->n_decisions;
	write_decision(n, &e, &cause);
}

void journal_sent(struct node *n, const struct fx_effect *e, const struct pkt_key *key)
{
	struct journal *j = journal_of(n);
	struct journal_record rec = { .type = JR_SENT, .key = *key };

	if (j->facts.len > 0)
		flush_facts(j);
	if (n->quiet || e->decision == 0 || was_held(j, e->decision))
		return;
	rec.at_ns = node_now(n);
	rec.wall_ns = key->stamp_ns;
	rec.decision = n->turn_base + e->decision;
	put(n, &rec);
}

/* --- facts -------------------------------------------------------------------------------- */

static void keep_fact(struct journal *j, const struct journal_record *rec)
{
	uint8_t bytes[JOURNAL_RECORD_MAX];
	struct wr w;

	wr_init(&w, bytes, sizeof(bytes));
	journal_write(&w, rec);
	if (w.err)
		return;
	if (sbuf_put(&j->facts, bytes, wr_len(&w)) < 0) {
		flush_facts(j);
		(void)sbuf_put(&j->facts, bytes, wr_len(&w));
	}
}

static void write_fact(struct node *n, const struct fx_effect *e)
{
	int number = fact_number(e->fact.kind);
	struct journal_record rec = { .type = e->kind == FX_FACT_BEGIN ? JR_FACT_BEGIN
								       : JR_FACT_END,
				      .at_ns = node_now(n),
				      .wall_ns = wall_now_ns(),
				      .number = (uint16_t)number,
				      .count = 1,
				      .text = e->fact.key,
				      .section = e->fact.why,
				      .values = e->fact.columns };

	if (number < 0) {
		journal_refused(n, e->fact.kind->table, "a fact of a kind that no protocol lists");
		return;
	}
	if (e->decision)
		rec.decision = n->turn_base + e->decision;
	put(n, &rec);
	if (e->fact.kind->durable)
		keep_fact(journal_of(n), &rec);
}

void journal_effect(struct machine *m, const struct fx_effect *e, const struct cause *cause)
{
	if (e->kind == FX_DECIDE)
		write_decision(m->node, e, cause);
	else
		write_fact(m->node, e);
}

/* --- the rest ----------------------------------------------------------------------------- */

void journal_config(struct node *n, const char *section, const char *line)
{
	struct journal_record rec = { .type = JR_CONFIG,
				      .at_ns = node_now(n),
				      .wall_ns = wall_now_ns(),
				      .text = line,
				      .section = section };

	put(n, &rec);
}

void journal_refused(struct node *n, const char *object, const char *why)
{
	struct journal_record rec = { .type = JR_REFUSED,
				      .at_ns = node_now(n),
				      .wall_ns = wall_now_ns(),
				      .text = object,
				      .section = why };

	put(n, &rec);
}

void journal_ready(struct node *n)
{
	struct journal_record rec = { .type = JR_READY,
				      .at_ns = node_now(n),
				      .wall_ns = wall_now_ns() };

	put(n, &rec);
}

static void end_windows(struct node *n)
{
	struct journal *j = journal_of(n);
	nsec_t now = node_now(n);

	for (unsigned i = 0; i < j->n_rules && j->n_holding > 0; i++)
		if (j->rates[i].held && j->rates[i].held->count > 0 &&
		    now - j->rates[i].window_start_ns >= RATE_WINDOW)
			end_window(n, i, now);
}

void journal_flush(struct node *n)
{
	struct journal *j = journal_of(n);

	if (j->n_holding > 0)
		end_windows(n);
	if (j->facts.len > 0)
		flush_facts(j);
	send_batch(n, j);
	j->any_held_in_turn = false;
}

nsec_t journal_deadline(const struct node *n)
{
	const struct journal *j = journal_of(n);

	return j->n_holding > 0 ? node_now(n) + RATE_WINDOW : NEVER;
}

void journal_turn_begins(struct node *n)
{
	journal_of(n)->any_held_in_turn = false;
}

/* --- coming back -------------------------------------------------------------------------- */

struct kept {
	char *name; /* table and key */
	size_t at, len;
	bool open;
	UT_hash_handle hh;
};

static void note_kept(struct kept **table, const struct journal_record *rec, size_t at, size_t len)
{
	const struct fact_kind *kind = fact_by_number(rec->number);
	char name[VAL_TEXT_MAX + 80];
	struct kept *k;

	if (!kind)
		return;
	snprintf(name, sizeof(name), "%s %s", kind->table, rec->text ? rec->text : "");
	HASH_FIND_STR(*table, name, k);
	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k || !(k->name = strdup(name)))
			abort();
		HASH_ADD_KEYPTR(hh, *table, k->name, strlen(k->name), k);
	}
	k->open = rec->type == JR_FACT_BEGIN;
	k->at = at;
	k->len = len;
}

static void restore_one(struct node *n, const struct journal_record *rec)
{
	const struct fact_kind *kind = fact_by_number(rec->number);
	struct ev ev = { .kind = EV_RESTORE };

	ev.restore.kind = kind;
	ev.restore.key = rec->text;
	ev.restore.columns = rec->values;
	ev.restore.since = rec->at_ns;
	stale_keep_named(n, rec->values);
	for (unsigned i = 0; i < n->n_machines; i++) {
		const struct fact_kind *const *f = n->machines[i].proto->facts;

		for (; f && *f; f++)
			if (*f == kind)
				deliver(&n->machines[i], &ev, NULL);
	}
}

static void restore_kept(struct node *n, struct kept *table, const uint8_t *bytes, int out_fd)
{
	struct kept *k, *next;

	HASH_ITER(hh, table, k, next)
	{
		struct journal_scratch scratch;
		struct journal_record rec;
		struct rd r;

		rd_init(&r, bytes + k->at, k->len);
		if (k->open && journal_read(&r, &rec, &scratch) == 0) {
			if (out_fd >= 0 && write(out_fd, bytes + k->at, k->len) < 0)
				journal_refused(n, "durable facts", "the state directory is full");
			restore_one(n, &rec);
		}
		HASH_DEL(table, k);
		free(k->name);
		free(k);
	}
}

static uint8_t *read_facts(struct node *n, size_t *ret_len)
{
	int fd = openat(n->state_fd, FACTS_FILE, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *bytes = NULL;
	ssize_t got = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= FACTS_FILE_MAX)
		bytes = malloc((size_t)st.st_size);
	if (bytes)
		got = read(fd, bytes, (size_t)st.st_size);
	close(fd);
	*ret_len = got > 0 ? (size_t)got : 0;
	return bytes;
}

int facts_restore(struct node *n)
{
	struct journal *j = journal_of(n);
	struct kept *table = NULL;
	struct journal_scratch scratch;
	struct journal_record rec;
	size_t len = 0;
	uint8_t *bytes = read_facts(n, &len);
	struct rd r;
	int fd;

	if (!bytes)
		return 0;
	rd_init(&r, bytes, len);
	for (size_t at = 0; journal_read(&r, &rec, &scratch) == 0; at = rd_pos(&r))
		note_kept(&table, &rec, at, rd_pos(&r) - at);
	/* Rewritten with what is still open; the rename makes it one step. */
	fd = openat(n->state_fd, FACTS_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	restore_kept(n, table, bytes, fd);
	free(bytes);
	if (fd < 0 || renameat(n->state_fd, FACTS_FILE ".new", n->state_fd, FACTS_FILE) < 0)
		return -errno;
	close(fd);
	close(j->facts_fd);
	j->facts_fd = openat(n->state_fd, FACTS_FILE, O_WRONLY | O_APPEND | O_CLOEXEC);
	flush_facts(j);
	return 0;
}
