#include "http/http_cache.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/fx.h"

static char *copy_of(struct http_str s)
{
	char *text = strndup(s.p ? s.p : "", s.len);

	if (!text)
		abort();
	return text;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void entry_free(struct cache_entry *e)
{
	free(e->url);
	free(e->user);
	free(e->type);
	free(e->etag);
	free(e->modified);
	free(e->data);
	free(e);
}

/* The fact's key: the address, and the user where there is one. */
static void entry_key(const struct cache_entry *e, struct sbuf *out)
{
	sbuf_puts(out, e->url);
	if (e->user[0])
		sbuf_printf(out, " for %s", e->user);
}

static void tell(const struct cache_entry *e, struct fx *fx)
{
	struct sbuf key = SBUF(HTTP_URL_TEXT_MAX + 128);

	entry_key(e, &key);
	fact_begin(fx, &http_cache_fact, sbuf_text(&key), V_INT("status", e->status),
		   V_INT("bytes", e->len), V_TIME("fresh_until", e->fresh_until_ns),
		   V_INT("hits", e->hits), V_TEXT("etag", e->etag));
	sbuf_done(&key);
}

static void entry_drop(struct http_cache *c, struct cache_entry *e, const char *why, struct fx *fx)
{
	struct sbuf key = SBUF(HTTP_URL_TEXT_MAX + 128);

	if (fx) {
		entry_key(e, &key);
		fx_fact_end(fx, &http_cache_fact, sbuf_text(&key), why);
		sbuf_done(&key);
	}
	DL_DELETE(c->entries, e);
	c->n--;
	c->bytes -= e->len;
	entry_free(e);
}

struct cache_entry *http_cache_find(const struct http_cache *c, const char *url, const char *user)
{
	struct cache_entry *e;

	DL_FOREACH(c->entries, e)
	if (strcmp(e->url, url) == 0 && strcmp(e->user, user) == 0)
		return e;
	return NULL;
}

void http_cache_forget(struct http_cache *c, const char *url, const char *why, struct fx *fx)
{
	struct cache_entry *e, *next;

	DL_FOREACH_SAFE(c->entries, e, next)
	if (strcmp(e->url, url) == 0)
		entry_drop(c, e, why, fx);
}

void http_cache_clear(struct http_cache *c, const char *why, struct fx *fx)
{
	while (c->entries)
		entry_drop(c, c->entries, why, fx);
}

void http_cache_hit(struct http_cache *c, struct cache_entry *e, struct fx *fx)
{
	DL_DELETE(c->entries, e);
	DL_PREPEND(c->entries, e);
	e->hits++;
	tell(e, fx);
}

/* --- freshness (RFC 9111 §4.2) ---------------------------------------------------------------- */

static bool starts_nocase(struct http_str item, const char *word)
{
	size_t n = strlen(word);

	return item.len >= n && http_str_is_nocase((struct http_str){ item.p, n }, word);
}

/* Two that differ, or nonsense: stale at once. */
static void read_seconds(struct http_str v, bool *has, uint64_t *seconds)
{
	uint64_t n = 0;

	if (v.len >= 2 && v.p[0] == '"' && v.p[v.len - 1] == '"')
		v = (struct http_str){ v.p + 1, v.len - 2 };
	if (http_digits(v, &n) < 0 || *has)
		n = 0;
	*seconds = n;
	*has = true;
}

static void read_directive(struct http_str item, struct cache_control *d)
{
	const size_t max_age = strlen("max-age="), s_maxage = strlen("s-maxage=");

	if (http_str_is_nocase(item, "no-store"))
		d->no_store = true;
	else if (starts_nocase(item, "no-cache"))
		d->no_cache = true;
	else if (starts_nocase(item, "private"))
		d->is_private = true;
	else if (http_str_is_nocase(item, "public"))
		d->is_public = true;
	else if (http_str_is_nocase(item, "only-if-cached"))
		d->only_if_cached = true;
	else if (http_str_is_nocase(item, "must-revalidate") ||
		 http_str_is_nocase(item, "proxy-revalidate"))
		d->must_revalidate = true;
	else if (starts_nocase(item, "max-age=") && item.len > max_age)
		read_seconds((struct http_str){ item.p + max_age, item.len - max_age },
			     &d->has_max_age, &d->max_age_s);
	else if (starts_nocase(item, "s-maxage=") && item.len > s_maxage)
		read_seconds((struct http_str){ item.p + s_maxage, item.len - s_maxage },
			     &d->has_s_maxage, &d->s_maxage_s);
}

struct cache_control http_cache_control(const struct http_head *h)
{
	struct cache_control d = { 0 };

	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_str list = http_field_value(h, &h->fields[i]), item;

		/* RFC 9111 §5.4: of old clients, where there is nothing newer. */
		if (h->count[HTTP_CACHE_CONTROL] == 0 &&
		    http_str_is_nocase(http_field_name(h, &h->fields[i]), "pragma") &&
		    http_str_is_nocase(list, "no-cache"))
			d.no_cache = true;
		if (h->fields[i].id != HTTP_CACHE_CONTROL)
			continue;
		while (http_list_next(&list, &item))
			read_directive(item, &d);
	}
	return d;
}

/* Unix seconds of a date field, or `otherwise`. */
static int64_t date_field(const struct cache_response *r, enum http_field_id id, int64_t otherwise)
{
	struct http_str v = http_value(r->head, id);
	int64_t now_s = (r->epoch_ns + r->response_ns) / SEC, unix_s;

	return v.p && http_date_parse(v, now_s, &unix_s) == 0 ? unix_s : otherwise;
}

int64_t http_cache_lifetime_s(const struct cache_response *r, const struct cache_control *d,
			      bool shared)
{
	int64_t now_s = (r->epoch_ns + r->response_ns) / SEC, date_s;

	if (shared && d->has_s_maxage)
		return d->s_maxage_s > INT32_MAX ? INT32_MAX : (int64_t)d->s_maxage_s;
	if (d->has_max_age)
		return d->max_age_s > INT32_MAX ? INT32_MAX : (int64_t)d->max_age_s;
	if (r->head->count[HTTP_EXPIRES] != 1)
		return 0;
	date_s = date_field(r, HTTP_DATE, now_s);
	return date_field(r, HTTP_EXPIRES, date_s) - date_s; /* an invalid date is in the past */
}

/* RFC 9111 §4.2.3. */
int64_t http_cache_age_s(const struct cache_response *r)
{
	int64_t now_s = (r->epoch_ns + r->response_ns) / SEC;
	int64_t apparent = now_s - date_field(r, HTTP_DATE, now_s);
	uint64_t age = 0;
	int64_t corrected;

	(void)http_digits(http_value(r->head, HTTP_AGE), &age);
	corrected = (int64_t)(age > INT32_MAX ? INT32_MAX : age) +
		    (r->response_ns - r->request_ns) / SEC;
	return apparent > corrected ? apparent : corrected;
}

static void set_freshness(struct cache_entry *e, const struct cache_response *r)
{
	struct cache_control d = http_cache_control(r->head);
	int64_t left_s = http_cache_lifetime_s(r, &d, false) - http_cache_age_s(r);

	e->no_cache = d.no_cache;
	e->fresh_until_ns = r->response_ns + (left_s > 0 ? left_s * SEC : 0);
}

bool http_cache_is_fresh(const struct cache_entry *e, nsec_t now)
{
	return !e->no_cache && now < e->fresh_until_ns;
}

bool http_cache_can_validate(const struct cache_entry *e)
{
	return e->etag || e->modified;
}

/* --- storing ---------------------------------------------------------------------------------- */

const char *http_cache_refusal(const struct http_client_conf *conf, const struct cache_response *r)
{
	struct cache_control d = http_cache_control(r->head);

	if (r->head->status != 200 && r->head->status != 203)
		return "only a whole page is stored";
	if (d.no_store)
		return "its server forbids it (no-store)";
	if (http_has_token(r->head, HTTP_VARY, "*"))
		return "it varies by more than the request (Vary: *)";
	if (r->len > conf->cache_file_max || r->len > conf->cache_max)
		return "it is larger than the cache allows";
	if (!http_value(r->head, HTTP_ETAG).p && !http_value(r->head, HTTP_LAST_MODIFIED).p &&
	    (d.no_cache || http_cache_lifetime_s(r, &d, false) <= http_cache_age_s(r)))
		return "it is stale and has no validator";
	return NULL;
}

static char *field_copy(const struct http_head *h, enum http_field_id id)
{
	struct http_str v = http_value(h, id);

	return v.p ? copy_of(v) : NULL;
}

void http_cache_store(struct http_cache *c, const struct http_client_conf *conf, const char *url,
		      const char *user, const struct cache_response *r, struct fx *fx)
{
	struct cache_entry *e = http_cache_find(c, url, user);

	if (e)
		entry_drop(c, e, "replaced", fx);
	while (c->entries && (c->bytes + r->len > conf->cache_max || c->n == CACHE_ENTRIES_MAX))
		entry_drop(c, c->entries->prev, "room was needed", fx);
	e = calloc(1, sizeof(*e));
	if (!e)
		abort();
	e->url = copy_of((struct http_str){ url, strlen(url) });
	e->user = copy_of((struct http_str){ user, strlen(user) });
	e->status = r->head->status;
	e->type = copy_of(http_value(r->head, HTTP_CONTENT_TYPE));
	e->etag = field_copy(r->head, HTTP_ETAG);
	e->modified = field_copy(r->head, HTTP_LAST_MODIFIED);
	e->data = malloc(r->len + 1);
	if (!e->data)
		abort();
	if (r->len > 0)
		memcpy(e->data, r->data, r->len);
	e->len = r->len;
	set_freshness(e, r);
	DL_PREPEND(c->entries, e);
	c->n++;
	c->bytes += e->len;
	tell(e, fx);
}

void http_cache_refresh(struct cache_entry *e, const struct cache_response *r, struct fx *fx)
{
	char *etag = field_copy(r->head, HTTP_ETAG);
	char *modified = field_copy(r->head, HTTP_LAST_MODIFIED);

	if (etag) {
		free(e->etag);
		e->etag = etag;
	}
	if (modified) {
		free(e->modified);
		e->modified = modified;
	}
	set_freshness(e, r);
	tell(e, fx);
}
