#include "base/fx_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/fact.h"

void *fx_or_abort(void *p)
{
	if (!p)
		abort();
	return p;
}

static struct chunk *chunk_new(size_t size)
{
	struct chunk *c = fx_or_abort(malloc(sizeof(*c) + size));

	c->next = NULL;
	c->size = size;
	c->used = 0;
	return c;
}

struct fx *fx_new(void)
{
	struct fx *fx = fx_or_abort(calloc(1, sizeof(*fx)));

	fx->first = fx->now = chunk_new(CHUNK_FIRST);
	return fx;
}

static void chunks_free(struct chunk *c)
{
	while (c) {
		struct chunk *next = c->next;

		free(c);
		c = next;
	}
}

void fx_free(struct fx *fx)
{
	if (!fx)
		return;
	chunks_free(fx->first);
	free(fx);
}

void fx_reset(struct fx *fx)
{
	size_t kept = 0;

	for (struct chunk *c = fx->first; c; c = c->next) {
		c->used = 0;
		kept += c->size;
		if (c->next && kept + c->next->size > KEEP) {
			chunks_free(c->next);
			c->next = NULL;
		}
	}
	fx->now = fx->first;
	fx->used = 0;
	fx->head = fx->tail = NULL;
	fx->n = 0;
	fx->decision = fx->n_decisions = 0;
	fx->cause = 0;
	fx->full = false;
}

const struct fx_effect *fx_first(const struct fx *fx)
{
	return fx->head;
}

bool fx_full(const struct fx *fx)
{
	return fx->full;
}

/* Moves on to an empty chunk of at least `size` octets. */
static void next_chunk(struct fx *fx, size_t size)
{
	size_t wanted = 2 * fx->now->size;
	struct chunk *c;

	while (fx->now->next) {
		fx->now = fx->now->next;
		if (fx->now->size >= size)
			return;
	}
	if (wanted > CHUNK_MAX)
		wanted = CHUNK_MAX;
	c = chunk_new(wanted > size ? wanted : size);
	fx->now->next = c;
	fx->now = c;
}

size_t fx_round_up(size_t size)
{
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

bool fx_allowed(struct fx *fx, size_t used, size_t reserve)
{
	if (used > FX_ARENA_MAX - reserve)
		fx->full = true;
	return used <= FX_ARENA_MAX - reserve;
}

/* Memory that is not zeroed; NULL and marked full past the limit. */
static void *take_reserve(struct fx *fx, size_t size, size_t reserve)
{
	size_t rounded = fx_round_up(size);
	void *p;

	if (size > FX_ARENA_MAX || !fx_allowed(fx, fx->used + rounded, reserve)) {
		fx->full = true;
		return NULL;
	}
	if (rounded > fx->now->size - fx->now->used)
		next_chunk(fx, rounded);
	p = fx->now->data + fx->now->used;
	fx->now->used += rounded;
	fx->used += rounded;
	return p;
}

static void *take(struct fx *fx, size_t size)
{
	return take_reserve(fx, size, RESERVE_BYTES);
}

void *fx_alloc(struct fx *fx, size_t size)
{
	return memset(fx_or_abort(take(fx, size)), 0, size);
}

void *fx_copy(struct fx *fx, const void *data, size_t len)
{
	char *p;

	if (!data || len >= FX_ARENA_MAX)
		return fx->full |= data != NULL, NULL;
	p = take(fx, len + 1);
	if (p) {
		memcpy(p, data, len);
		p[len] = '\0';
	}
	return p;
}

static char *copy_text(struct fx *fx, const char *text)
{
	return fx_copy(fx, text, text ? strlen(text) : 0);
}

/* Copies list, names, texts and bytes into one piece of memory. NULL when it does not fit. */
static const struct val *copy_values(struct fx *fx, const struct val *list)
{
	size_t n = val_count(list);
	size_t size = (n + 1) * sizeof(*list);
	struct val *out;
	char *p;

	for (size_t i = 0; i < n; i++)
		size += (list[i].name ? strlen(list[i].name) : 0) + list[i].len + 2;
	out = take(fx, size);
	if (!out)
		return NULL;
	p = (char *)(out + n + 1);
	for (size_t i = 0; i < n; i++) {
		size_t name_len = list[i].name ? strlen(list[i].name) : 0;

		out[i] = list[i];
		out[i].name = memcpy(p, list[i].name ? list[i].name : "", name_len);
		p += name_len;
		*p++ = '\0';
		if (list[i].type != VT_TEXT && list[i].type != VT_BYTES)
			continue;
		out[i].text = memcpy(p, list[i].text, list[i].len);
		p += list[i].len;
		*p++ = '\0';
	}
	out[n] = V_END;
	return out;
}

struct fx_effect *fx_effect_new(struct fx *fx, enum fx_kind kind)
{
	bool last = kind == FX_CMD_DONE;
	struct fx_effect *e;

	if (fx->n >= FX_MAX - (last ? 0 : RESERVE_EFFECTS)) {
		fx->full = true;
		return NULL;
	}
	e = take_reserve(fx, sizeof(*e), last ? 0 : RESERVE_BYTES);
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	return e;
}

uint32_t fx_append(struct fx *fx, struct fx_effect *e)
{
	if (++fx->last_id == 0)
		fx->last_id = 1;
	if (!e)
		return fx->last_id;
	e->id = fx->last_id;
	e->decision = fx->decision;
	if (fx->tail)
		fx->tail->next = e;
	else
		fx->head = e;
	fx->tail = e;
	fx->n++;
	return e->id;
}

void fx_mute(struct fx *fx, bool mute)
{
	fx->mute = mute;
}

static uint32_t decide_put(struct fx *fx, const char *rule, uint64_t offset,
			   const struct val *values)
{
	struct fx_effect *e;

	if (fx->mute)
		return fx->decision = ++fx->n_decisions;
	e = fx_effect_new(fx, FX_DECIDE);
	if (e) {
		e->decide.rule = rule;
		e->decide.stream_offset = offset;
		e->decide.cause = fx->cause;
		e->decide.values = copy_values(fx, values);
		if (!e->decide.values)
			e = NULL;
	}
	if (!e)
		fx->decision = 0; /* what follows must not be explained by an earlier one */
	else
		fx->decision = ++fx->n_decisions;
	fx_append(fx, e);
	return fx->decision;
}

void fx_because(struct fx *fx, uint32_t cause)
{
	fx->cause = cause;
}

uint32_t fx_decide(struct fx *fx, const char *rule, const struct val *values)
{
	return decide_put(fx, rule, 0, values);
}

uint32_t fx_decide_at(struct fx *fx, const char *rule, uint64_t offset, const struct val *values)
{
	return decide_put(fx, rule, offset, values);
}

static void fact(struct fx *fx, enum fx_kind what, const struct fact_kind *kind, const char *key,
		 const struct val *columns, const char *why)
{
	struct fx_effect *e;

	if (fx->mute && !kind->durable)
		return;
	e = fx_effect_new(fx, what);
	if (e) {
		e->fact.kind = kind;
		e->fact.key = copy_text(fx, key);
		e->fact.columns = columns ? copy_values(fx, columns) : NULL;
		e->fact.why = copy_text(fx, why);
		if (!e->fact.key || (columns && !e->fact.columns) || (why && !e->fact.why))
			e = NULL;
	}
	fx_append(fx, e);
}

void fx_fact_begin(struct fx *fx, const struct fact_kind *kind, const char *key,
		   const struct val *columns)
{
	static const struct val none[] = { { .type = VT_END } };

	fact(fx, FX_FACT_BEGIN, kind, key, columns ? columns : none, NULL);
}

void fx_fact_end(struct fx *fx, const struct fact_kind *kind, const char *key, const char *why)
{
	fact(fx, FX_FACT_END, kind, key, NULL, why);
}

uint32_t fx_bind(struct fx *fx, const struct fx_bind *b)
{
	struct fx_effect *e = fx_effect_new(fx, FX_BIND);

	if (e)
		e->bind = *b;
	return fx_append(fx, e);
}

uint32_t fx_send(struct fx *fx, const struct fx_send *s)
{
	struct fx_effect *e = fx_effect_new(fx, FX_SEND);

	if (e) {
		e->send = *s;
		e->send.len = s->data ? s->len : 0;
		e->send.data = fx_copy(fx, s->data ? s->data : "", e->send.len);
		if (!e->send.data)
			e = NULL;
	}
	return fx_append(fx, e);
}

uint32_t fx_listen_tos(struct fx *fx, uint32_t sock, const struct ep *local, uint8_t tos)
{
	struct fx_effect *e = fx_effect_new(fx, FX_LISTEN);

	if (e) {
		e->listen.sock = sock;
		e->listen.local = *local;
		e->listen.tos = tos;
	}
	return fx_append(fx, e);
}

uint32_t fx_listen(struct fx *fx, uint32_t sock, const struct ep *local)
{
	return fx_listen_tos(fx, sock, local, 0);
}

uint32_t fx_connect_from(struct fx *fx, uint32_t sock, const struct ep *local,
			 const struct ep *peer, uint8_t tos)
{
	struct fx_effect *e = fx_effect_new(fx, FX_CONNECT);

	if (e) {
		e->connect.sock = sock;
		e->connect.local = *local;
		e->connect.peer = *peer;
		e->connect.tos = tos;
	}
	return fx_append(fx, e);
}

uint32_t fx_connect(struct fx *fx, uint32_t sock, const struct ep *peer)
{
	return fx_connect_from(fx, sock, &(struct ep){ 0 }, peer, 0);
}

uint32_t fx_write(struct fx *fx, uint32_t sock, const void *data, size_t len)
{
	struct fx_effect *e = fx_effect_new(fx, FX_WRITE);

	if (e) {
		e->write.sock = sock;
		e->write.len = data ? len : 0;
		e->write.data = fx_copy(fx, data ? data : "", e->write.len);
		if (!e->write.data)
			e = NULL;
	}
	return fx_append(fx, e);
}

uint32_t fx_send_file(struct fx *fx, uint32_t sock, const char *path, uint64_t offset, uint64_t len)
{
	struct fx_effect *e = fx_effect_new(fx, FX_SEND_FILE);

	if (e) {
		e->send_file.sock = sock;
		e->send_file.path = copy_text(fx, path);
		e->send_file.offset = offset;
		e->send_file.len = len;
		if (!e->send_file.path)
			e = NULL;
	}
	return fx_append(fx, e);
}

uint32_t fx_starttls(struct fx *fx, uint32_t sock, const struct fx_tls *tls)
{
	struct fx_effect *e = fx_effect_new(fx, FX_STARTTLS);
	struct fx_tls *mine = e ? fx_copy(fx, tls, sizeof(*tls)) : NULL;

	if (mine && tls->identity)
		mine->identity = fx_copy(fx, tls->identity, sizeof(*tls->identity));
	if (!mine || (tls->identity && !mine->identity))
		return fx_append(fx, NULL);
	e->starttls.sock = sock;
	e->starttls.tls = mine;
	return fx_append(fx, e);
}

uint32_t fx_pause(struct fx *fx, uint32_t sock, bool on)
{
	struct fx_effect *e = fx_effect_new(fx, FX_PAUSE);

	if (e) {
		e->pause.sock = sock;
		e->pause.on = on;
	}
	return fx_append(fx, e);
}

uint32_t fx_close(struct fx *fx, uint32_t sock, enum close_how how)
{
	struct fx_effect *e = fx_effect_new(fx, FX_CLOSE);

	if (e) {
		e->close.sock = sock;
		e->close.how = how;
	}
	return fx_append(fx, e);
}

uint32_t fx_addr(struct fx *fx, const struct fx_addr *a)
{
	struct fx_effect *e = fx_effect_new(fx, FX_ADDR);

	if (e)
		e->addr = *a;
	return fx_append(fx, e);
}

uint32_t fx_route(struct fx *fx, const struct fx_route *r)
{
	struct fx_effect *e = fx_effect_new(fx, FX_ROUTE);

	if (e)
		e->route = *r;
	return fx_append(fx, e);
}

uint32_t fx_resolver(struct fx *fx, const struct fx_resolver *r)
{
	struct fx_effect *e = fx_effect_new(fx, FX_RESOLVER);

	if (e)
		e->resolver = *r;
	return fx_append(fx, e);
}

uint32_t fx_link(struct fx *fx, uint32_t ifid, bool up)
{
	struct fx_effect *e = fx_effect_new(fx, FX_LINK);

	if (e) {
		e->link.ifid = ifid;
		e->link.up = up;
	}
	return fx_append(fx, e);
}

uint32_t fx_acl(struct fx *fx, const struct acl_lists *lists)
{
	struct fx_effect *e = fx_effect_new(fx, FX_ACL);

	if (e)
		e->acl.lists = lists;
	return fx_append(fx, e);
}

/* The question and what it carries along. */
static struct ask *copy_ask(struct fx *fx, const struct ask *ask)
{
	struct ask *mine = fx_copy(fx, ask, sizeof(*ask));
	size_t len = 0;
	const uint8_t **octets = mine ? ask_octets(mine, &len) : NULL;

	if (len > 0) {
		*octets = fx_copy(fx, *octets, len);
		if (!*octets)
			return NULL;
	}
	if (mine && ask->kind == ASK_CERTIFICATE) {
		mine->certificate = fx_copy(fx, ask->certificate, sizeof(*ask->certificate));
		return mine->certificate ? mine : NULL;
	}
	return mine;
}

void fx_clock(struct fx *fx, const struct device_clock *clock)
{
	struct fx_effect *e = fx_effect_new(fx, FX_CLOCK);

	if (e)
		e->clock = *clock;
	fx_append(fx, e);
}

uint32_t fx_ask(struct fx *fx, uint32_t ask_id, const struct ask *ask)
{
	struct fx_effect *e = fx_effect_new(fx, FX_ASK);
	struct ask *mine = e ? copy_ask(fx, ask) : NULL;

	if (mine) {
		e->ask.ask_id = ask_id;
		e->ask.ask = mine;
	}
	return fx_append(fx, mine ? e : NULL);
}

void fx_answer_octets(struct fx *fx, uint32_t ask_id, const struct answer *answer, const void *data,
		      size_t len)
{
	struct fx_effect *e = fx_effect_new(fx, FX_ANSWER);

	if (e) {
		e->answer.ask_id = ask_id;
		e->answer.answer = fx_copy(fx, answer, sizeof(*answer));
		e->answer.data = len > 0 ? fx_copy(fx, data, len) : NULL;
		e->answer.len = len;
		if (!e->answer.answer || (len > 0 && !e->answer.data))
			e = NULL;
	}
	fx_append(fx, e);
}

void fx_answer(struct fx *fx, uint32_t ask_id, const struct answer *answer)
{
	fx_answer_octets(fx, ask_id, answer, NULL, 0);
}
