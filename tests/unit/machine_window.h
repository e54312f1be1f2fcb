/* machine_window.h: a machine under test, and what it did in the window that is open: the effects
 * of the last call that delivered something. machine_driver.h delivers. */
#ifndef LABD_TESTS_MACHINE_WINDOW_H
#define LABD_TESTS_MACHINE_WINDOW_H

#include <string.h>

#include "base/conf_reader.h"
#include "base/sbuf.h"
#include "proto.h"

#define DRV_IFACES   8
#define DRV_TURNS    256
#define DRV_EPOCH_NS (1767254400 * SEC) /* 2026-01-01T08:00:00Z */

struct drv {
	struct device dev;
	struct iface ifaces[DRV_IFACES];
	const struct proto *proto;
	const struct machine_class *cls;
	struct grammar *grammar;
	struct conf_tree *tree;
	struct conf_ctx ctx;
	void *conf;
	void *machine;
	nsec_t now;
	uint64_t seed;
	uint32_t cause; /* of the last datagram: they are numbered from 1, as the shell does */
	/* the window */
	struct fx *turns[DRV_TURNS];
	unsigned n_turns;
	const struct fx_effect *last[32]; /* by kind: the last one handed out */
	/* commands */
	uint32_t next_call;
	unsigned n_running;
	int status;	    /* of the last command that ended */
	struct sbuf output; /* printed since the last drv_command() */
	char refused[512];  /* why the last line was refused */
};

/* --- effects of the window ---------------------------------------------------------------- */

/* The effect after `e` (NULL: the first), over all turns of the window. */
static inline const struct fx_effect *drv_after_effect(const struct drv *d,
						       const struct fx_effect *e)
{
	bool found = !e;

	if (e && e->next)
		return e->next;
	for (unsigned i = 0; i < d->n_turns; i++) {
		const struct fx_effect *first = fx_first(d->turns[i]);

		if (found && first)
			return first;
		for (const struct fx_effect *x = first; x && !found; x = x->next)
			found = x == e;
	}
	return NULL;
}

/* The next effect of a kind that this window has not handed out yet, or NULL. */
static inline const struct fx_effect *drv_next(struct drv *d, enum fx_kind kind)
{
	const struct fx_effect *e = d->last[kind];

	do
		e = drv_after_effect(d, e);
	while (e && e->kind != kind);
	if (e)
		d->last[kind] = e;
	return e;
}

/* As drv_next(), but there must be one. */
static inline const struct fx_effect *drv_want(struct drv *d, enum fx_kind kind, const char *what)
{
	const struct fx_effect *e = drv_next(d, kind);

	if (!e)
		fail_msg("no (further) %s effect", what);
	return e;
}

static inline const struct fx_effect *drv_next_send(struct drv *d)
{
	return drv_want(d, FX_SEND, "send");
}

static inline const struct fx_effect *drv_next_write(struct drv *d)
{
	return drv_want(d, FX_WRITE, "write");
}

static inline const struct fx_effect *drv_next_bind(struct drv *d)
{
	return drv_want(d, FX_BIND, "bind");
}

static inline const struct fx_effect *drv_next_connect(struct drv *d)
{
	return drv_want(d, FX_CONNECT, "connect");
}

static inline const struct fx_effect *drv_next_ask(struct drv *d)
{
	return drv_want(d, FX_ASK, "ask");
}

/* The prompt with which the command asks. */
static inline const char *drv_next_prompt(struct drv *d)
{
	return drv_want(d, FX_INPUT, "input")->input.prompt;
}

static inline unsigned drv_count(const struct drv *d, enum fx_kind kind)
{
	unsigned n = 0;

	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		n += e->kind == kind;
	return n;
}

static inline void drv_expect_none(const struct drv *d, enum fx_kind kind)
{
	assert_int_equal(drv_count(d, kind), 0);
}

/* All octets the window writes to a stream, in order, as a C string; the caller frees. */
static inline char *drv_written(const struct drv *d, uint32_t sock, size_t *ret_len)
{
	struct sbuf all = SBUF(16u << 20);

	sbuf_puts(&all, "");
	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		if (e->kind == FX_WRITE && e->write.sock == sock)
			sbuf_put(&all, e->write.data, e->write.len);
	if (ret_len)
		*ret_len = all.len;
	return all.data;
}

/* The decision of this rule in the window, or NULL. */
static inline const struct fx_effect *drv_decision(const struct drv *d, const char *rule)
{
	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		if (e->kind == FX_DECIDE && strcmp(e->decide.rule, rule) == 0)
			return e;
	return NULL;
}

static inline void drv_list_decisions(const struct drv *d, struct sbuf *out)
{
	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		if (e->kind == FX_DECIDE)
			sbuf_printf(out, "%s%s", out->len ? ", " : "", e->decide.rule);
}

static inline const struct fx_effect *drv_expect_decision(const struct drv *d, const char *rule)
{
	const struct fx_effect *e = drv_decision(d, rule);
	struct sbuf seen = SBUF(4096);

	if (!e) {
		drv_list_decisions(d, &seen);
		fail_msg("%s was not decided, but: %s", rule, sbuf_text(&seen));
	}
	sbuf_done(&seen);
	return e;
}

static inline void drv_expect_no_decision(const struct drv *d, const char *rule)
{
	if (drv_decision(d, rule))
		fail_msg("%s was decided", rule);
}

/* A value of the decision as a person reads it; valid until the next call. */
static inline const char *drv_value(const struct fx_effect *e, const char *name)
{
	static char text[VAL_TEXT_MAX + 1];
	const struct val *v =
		val_find(e->kind == FX_DECIDE ? e->decide.values : e->fact.columns, name);
	struct sbuf out = SBUF(sizeof(text) - 1);

	if (!v)
		fail_msg("no value named %s", name);
	val_format(v, &out);
	str_copy(text, sizeof(text), sbuf_text(&out));
	sbuf_done(&out);
	return text;
}

/* The beginning or end (kind) of a fact with this key in the window, or NULL. */
static inline const struct fx_effect *drv_fact(const struct drv *d, enum fx_kind kind,
					       const char *table, const char *key)
{
	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e))
		if (e->kind == kind && strcmp(e->fact.kind->table, table) == 0 &&
		    (!key || strcmp(e->fact.key, key) == 0))
			return e;
	return NULL;
}

static inline const struct fx_effect *drv_expect_fact(const struct drv *d, enum fx_kind kind,
						      const char *table, const char *key)
{
	const struct fx_effect *e = drv_fact(d, kind, table, key);

	if (!e)
		fail_msg("no fact %s of %s %s", key ? key : "", table,
			 kind == FX_FACT_BEGIN ? "began" : "ended");
	return e;
}

/* The window says this to the device's log: "%LINK-3-UPDOWN: ...". */
static inline void drv_expect_log(const struct drv *d, const char *want)
{
	struct sbuf all = SBUF(16384);
	bool found = false;

	for (const struct fx_effect *e = drv_after_effect(d, NULL); e; e = drv_after_effect(d, e)) {
		size_t from = all.len;

		if (e->kind != FX_LOG)
			continue;
		sbuf_printf(&all, "%%%s-%u-%s: %s", e->log.facility, e->log.severity,
			    e->log.mnemonic, e->log.text);
		found |= strcmp(all.data + from, want) == 0;
		sbuf_puts(&all, "\n");
	}
	if (!found)
		fail_msg("not in the log: %s; but:\n%s", want, sbuf_text(&all));
	sbuf_done(&all);
}

/* A value of this rule's decision, which must be in the window. */
static inline void drv_expect_value(const struct drv *d, const char *rule, const char *name,
				    const char *want)
{
	assert_string_equal(drv_value(drv_expect_decision(d, rule), name), want);
}

/* A column of a fact that begins or changes in the window. */
static inline void drv_expect_column(const struct drv *d, const char *table, const char *key,
				     const char *name, const char *want)
{
	assert_string_equal(drv_value(drv_expect_fact(d, FX_FACT_BEGIN, table, key), name), want);
}

#endif
