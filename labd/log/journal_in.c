#include "labd/log/journal_in.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/cur.h"
#include "base/rule.h"
#include "base/sbuf.h"

enum {
	TROUBLES_MAX = 20,   /* rows about one node's broken records */
	READS_PER_TURN = 64, /* one busy node does not starve the others */
};

struct datagram {
	struct datagram *next;
	size_t len, done;
	uint8_t bytes[];
};

/* A decision by its number in the node. */
struct numbered {
	uint32_t number;
	uint64_t id, packet;
};

#define DECISIONS_BYTES (JOURNAL_DECISIONS * sizeof(struct numbered))

struct journal_in {
	struct journal_env env;
	uint32_t device;
	char *name;
	int fd;
	struct datagram *head, **tail;
	size_t queued;
	struct numbered *decisions; /* [JOURNAL_DECISIONS], pages that are there when used */
	unsigned n_trouble;
};

struct journal_in *journal_in_new(const struct journal_env *env, uint32_t device, const char *name,
				  int fd)
{
	struct journal_in *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->env = *env;
	j->device = device;
	j->fd = fd;
	j->tail = &j->head;
	j->name = strdup(name);
	j->decisions = mmap(NULL, DECISIONS_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (j->decisions == MAP_FAILED)
		j->decisions = NULL;
	return j->name && j->decisions ? j : journal_in_free(j);
}

static void drop_head(struct journal_in *j)
{
	struct datagram *d = j->head;

	j->head = d->next;
	if (!j->head)
		j->tail = &j->head;
	j->queued -= d->len;
	free(d);
}

struct journal_in *journal_in_free(struct journal_in *j)
{
	if (!j)
		return NULL;
	while (j->head)
		drop_head(j);
	if (j->decisions)
		munmap(j->decisions, DECISIONS_BYTES);
	free(j->name);
	free(j);
	return NULL;
}

int journal_in_fd(const struct journal_in *j)
{
	return j->fd;
}

uint32_t journal_in_device(const struct journal_in *j)
{
	return j->device;
}

bool journal_in_is_empty(const struct journal_in *j)
{
	return !j->head;
}

static int keep(struct journal_in *j, const uint8_t *bytes, size_t len)
{
	struct datagram *d = malloc(sizeof(*d) + len);

	if (!d)
		return -ENOMEM;
	d->next = NULL;
	d->len = len;
	d->done = 0;
	memcpy(d->bytes, bytes, len);
	*j->tail = d;
	j->tail = &d->next;
	j->queued += len;
	return 0;
}

int journal_in_read(struct journal_in *j)
{
	static uint8_t buf[JOURNAL_BATCH_MAX];

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n;

		if (j->queued > JOURNAL_QUEUE_MAX)
			return -ENOBUFS;
		n = recv(j->fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (n == 0)
			return -EPIPE;
		if (keep(j, buf, (size_t)n) < 0)
			return -ENOMEM;
	}
	return 1;
}

/* ---- one record ---- */

static void trouble(struct journal_in *j, const char *what)
{
	if (j->n_trouble++ < TROUBLES_MAX)
		store_event(j->env.store, labtime_now(j->env.time), labtime_wall_now(), j->device,
			    "journal-malformed", what);
}

static void json_text(const char *text, size_t len, struct sbuf *out)
{
	sbuf_puts(out, "\"");
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			sbuf_puts(out, "\\");
		if ((uint8_t)text[i] < 0x20)
			sbuf_printf(out, "\\u%04x", text[i]);
		else
			sbuf_put(out, &text[i], 1);
	}
	sbuf_puts(out, "\"");
}

static void json_value(const struct val *v, struct sbuf *out)
{
	struct sbuf text = SBUF(4 * VAL_TEXT_MAX);

	if (v->type == VT_INT || v->type == VT_TIME || v->type == VT_DURATION) {
		sbuf_printf(out, "%" PRId64, v->i);
		return;
	}
	if (v->type == VT_NULL) {
		sbuf_puts(out, "null");
		return;
	}
	val_format(v, &text);
	json_text(sbuf_text(&text), text.len, out);
	sbuf_done(&text);
}

void journal_json(const struct val *values, struct sbuf *out)
{
	size_t n = val_count(values);

	sbuf_puts(out, "{");
	for (size_t i = 0; i < n; i++) {
		if (i)
			sbuf_puts(out, ", ");
		json_text(values[i].name, strlen(values[i].name), out);
		sbuf_puts(out, ": ");
		json_value(&values[i], out);
	}
	sbuf_puts(out, "}");
}

static struct numbered *numbered_at(struct journal_in *j, uint32_t number)
{
	return &j->decisions[number % JOURNAL_DECISIONS];
}

static const struct numbered *decision_of(struct journal_in *j, uint32_t number)
{
	const struct numbered *n = numbered_at(j, number);

	return number != 0 && n->number == number ? n : NULL;
}

/* 1: the packet may still come; 0: *packet or *why is final. */
static int find_packet(struct journal_in *j, const struct journal_record *rec, int64_t seen_ns,
		       uint64_t *packet, const char **why)
{
	*packet = 0;
	if (rec->count > 1) {
		*why = "stands for many, each with its own packet";
		return 0;
	}
	if (rec->key.dir == PKT_NONE) {
		*why = "not caused by a packet";
		return 0;
	}
	/* A frame that fits better may still be on its way: one that came later but not too late,
	 * or the data after a SYN. */
	if (seen_ns < rec->key.stamp_ns)
		return 1;
	(void)tie_received(j->env.tie, j->device, &rec->key, packet, why);
	return 0;
}

static void write_decision(struct journal_in *j, const struct journal_record *rec, uint64_t packet,
			   const char *why)
{
	const struct describe_rule *rule = &j->env.describe->rules[rec->number];
	struct db_decision d = { .time_ns = rec->at_ns,
				 .wall_ns = rec->wall_ns,
				 .device = j->device,
				 .rule = rec->number,
				 .count = rec->count ? rec->count : 1,
				 .packet = packet,
				 .no_packet = why,
				 .number = rec->decision };
	struct numbered *n = numbered_at(j, rec->decision);

	sbuf_reset(j->env.sentence);
	sbuf_reset(j->env.json);
	rule_sentence(rule->sentence, rec->values, j->env.sentence);
	journal_json(rec->values, j->env.json);
	d.sentence = sbuf_text(j->env.sentence);
	d.values = j->env.json->full ? NULL : sbuf_text(j->env.json);
	*n = (struct numbered){ .number = rec->decision,
				.id = store_decision(j->env.store, &d),
				.packet = packet };
	if (packet && j->env.decided)
		j->env.decided(j->env.arg, j->device, packet);
}

/* False: wait. */
static bool take_decision(struct journal_in *j, const struct journal_record *rec, int64_t seen_ns)
{
	const char *why = NULL;
	uint64_t packet;

	if (rec->number >= j->env.describe->n_rules) {
		trouble(j, "a decision names a rule that the description does not have");
		return true;
	}
	if (find_packet(j, rec, seen_ns, &packet, &why) > 0)
		return false;
	write_decision(j, rec, packet, packet ? NULL : why);
	return true;
}

static void take_sent(struct journal_in *j, const struct journal_record *rec)
{
	const struct numbered *n = decision_of(j, rec->decision);
	struct tie_sent q = { .device = j->device, .time_ns = rec->at_ns, .key = rec->key };

	if (!n || n->id == 0 || rec->key.dir != PKT_OUT)
		return;
	q.decision = n->id;
	tie_sent(j->env.tie, &q);
}

/* The addresses that a device holds, for what is inferred of its kernel. */
static void tell_address(struct journal_in *j, const struct journal_record *rec)
{
	const struct val *addr = rec->values ? val_find(rec->values, "addr") : NULL;

	if (j->env.has_address && addr && addr->type == VT_ADDR &&
	    strcmp(j->env.describe->facts[rec->number].table, "ip_address") == 0)
		j->env.has_address(j->env.arg, j->device, &addr->addr);
}

static void take_fact(struct journal_in *j, const struct journal_record *rec)
{
	const struct numbered *n = decision_of(j, rec->decision);
	struct db_fact f = { .kind = rec->number,
			     .device = j->name,
			     .key = rec->text ? rec->text : "",
			     .at_ns = rec->at_ns,
			     .packet = n ? n->packet : 0,
			     .decision = n ? n->id : 0,
			     .columns = rec->values,
			     .why = rec->section };

	if (rec->number >= j->env.describe->n_facts) {
		trouble(j, "a fact is of a kind that the description does not have");
		return;
	}
	if (rec->type == JR_FACT_BEGIN)
		tell_address(j, rec);
	if (!store_ready(j->env.store))
		return;
	store_check(j->env.store, rec->type == JR_FACT_BEGIN
					  ? db_fact_begin(store_db(j->env.store), &f)
					  : db_fact_end(store_db(j->env.store), &f));
}

static void take_other(struct journal_in *j, const struct journal_record *rec)
{
	struct store *s = j->env.store;

	if (!store_ready(s))
		return;
	if (rec->type == JR_CONFIG)
		store_check(s, db_put_config(store_db(s), rec->at_ns, j->device, rec->section,
					     rec->text));
	else if (rec->type == JR_REFUSED)
		store_check(s, db_put_refused(store_db(s), rec->at_ns, j->device, rec->text,
					      rec->section));
	else
		store_event(s, rec->at_ns, rec->wall_ns, j->device, "ready", NULL);
}

static bool take(struct journal_in *j, const struct journal_record *rec, int64_t seen_ns)
{
	switch (rec->type) {
	case JR_DECISION:
		return take_decision(j, rec, seen_ns);
	case JR_SENT:
		take_sent(j, rec);
		break;
	case JR_FACT_BEGIN:
	case JR_FACT_END:
		take_fact(j, rec);
		break;
	case JR_CONFIG:
	case JR_READY:
	case JR_REFUSED:
		take_other(j, rec);
		break;
	}
	return true;
}

/* Records of the first datagram. False: one of them waits. */
static bool run_head(struct journal_in *j, int64_t seen_ns)
{
	static struct journal_scratch scratch;
	struct datagram *d = j->head;

	while (d->done < d->len) {
		struct journal_record rec;
		struct rd r;
		int err;

		rd_init(&r, d->bytes + d->done, d->len - d->done);
		err = journal_read(&r, &rec, &scratch);
		if (err < 0) {
			if (err == -EBADMSG)
				trouble(j, "a record could not be read; the rest of its datagram "
					   "is lost");
			break;
		}
		if (!take(j, &rec, seen_ns))
			return false;
		d->done += rd_pos(&r);
	}
	return true;
}

void journal_in_run(struct journal_in *j, int64_t seen_ns)
{
	while (j->head && run_head(j, seen_ns))
		drop_head(j);
}

void journal_in_ended(struct journal_in *j, const char *why, bool all)
{
	struct store *s = j->env.store;

	journal_in_run(j, INT64_MAX);
	memset(j->decisions, 0, DECISIONS_BYTES);
	if (store_ready(s))
		store_check(s, db_facts_end_all(store_db(s), j->name, labtime_now(j->env.time), why,
						!all));
}
