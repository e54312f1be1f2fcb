/* The proxy's cache: a shared one (RFC 9111), so what is one user's alone stays out of it. */
#include "http/http_proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static char *copy_of(const char *p, size_t len)
{
	char *text = strndup(p ? p : "", len);

	if (!text)
		abort();
	return text;
}

static char *field_copy(const struct http_head *h, enum http_field_id id)
{
	struct http_str v = http_value(h, id);

	return v.p ? copy_of(v.p, v.len) : NULL;
}

/* --- entries ---------------------------------------------------------------------------------- */

static void entry_free(struct proxy_entry *e)
{
	free(e->url);
	free(e->vary);
	free(e->fields);
	free(e->etag);
	free(e->modified);
	free(e->data);
	free(e);
}

static void entry_key(const struct proxy_entry *e, struct sbuf *out)
{
	sbuf_puts(out, e->url);
	if (e->vary[0])
		sbuf_printf(out, " #%u", e->number);
}

static void tell(const struct proxy_entry *e, struct fx *fx)
{
	struct sbuf key = SBUF(HTTP_URL_TEXT_MAX + 32);

	entry_key(e, &key);
	fact_begin(fx, &http_proxy_cache_fact, sbuf_text(&key), V_INT("status", e->status),
		   V_INT("bytes", e->len), V_TIME("fresh_until", e->fresh_until_ns),
		   V_INT("hits", e->hits), V_TEXT("etag", e->etag));
	sbuf_done(&key);
}

static void entry_drop(struct http_proxy *p, struct proxy_entry *e, const char *why, struct fx *fx)
{
	struct sbuf key = SBUF(HTTP_URL_TEXT_MAX + 32);

	if (fx) {
		entry_key(e, &key);
		fx_fact_end(fx, &http_proxy_cache_fact, sbuf_text(&key), why);
		sbuf_done(&key);
	}
	DL_DELETE(p->entries, e);
	p->n_entries--;
	p->bytes -= e->len;
	entry_free(e);
}

/* The values of the fields that the answer's Vary names, in this request. */
static void vary_of(const struct http_head *answer, const struct http_head *request,
		    struct sbuf *out)
{
	for (unsigned i = 0; i < answer->n_fields; i++) {
		struct http_str list = http_field_value(answer, &answer->fields[i]), name;

		if (answer->fields[i].id != HTTP_VARY)
			continue;
		while (http_list_next(&list, &name)) {
			sbuf_printf(out, "%.*s:", (int)name.len, name.p);
			for (unsigned f = 0; f < request->n_fields; f++) {
				struct http_str v = http_field_value(request, &request->fields[f]);

				if (http_str_same_nocase(
					    http_field_name(request, &request->fields[f]), name))
					sbuf_printf(out, " %.*s", (int)v.len, v.p);
			}
			sbuf_puts(out, "\n");
		}
	}
}

/* Does this request have the same values as the one that the entry answered (RFC 9111 §4.1)? */
static bool vary_matches(const struct proxy_entry *e, const struct http_head *request)
{
	struct sbuf now = SBUF(HTTP_HEAD_MAX);
	bool same = true;

	for (const char *line = e->vary; *line && same;) {
		const char *end = strchr(line, '\n'), *colon = strchr(line, ':');
		struct http_str name = { line, (size_t)(colon - line) };

		sbuf_reset(&now);
		sbuf_printf(&now, "%.*s:", (int)name.len, name.p);
		for (unsigned f = 0; f < request->n_fields; f++) {
			struct http_str v = http_field_value(request, &request->fields[f]);

			if (http_str_same_nocase(http_field_name(request, &request->fields[f]),
						 name))
				sbuf_printf(&now, " %.*s", (int)v.len, v.p);
		}
		same = now.len == (size_t)(end - line) && memcmp(now.data, line, now.len) == 0;
		line = end + 1;
	}
	sbuf_done(&now);
	return same;
}

struct proxy_entry *http_proxy_find(const struct http_proxy *p, const struct px *x)
{
	struct proxy_entry *e;

	DL_FOREACH(p->entries, e)
	if (strcmp(e->url, x->url_text) == 0 && vary_matches(e, &x->head))
		return e;
	return NULL;
}

bool http_proxy_forget(struct http_proxy *p, const char *url, const char *why, struct fx *fx)
{
	struct proxy_entry *e, *next;
	bool any = false;

	DL_FOREACH_SAFE(p->entries, e, next)
	if (strcmp(e->url, url) == 0) {
		entry_drop(p, e, why, fx);
		any = true;
	}
	return any;
}

void http_proxy_clear(struct http_proxy *p, const char *why, struct fx *fx)
{
	while (p->entries)
		entry_drop(p, p->entries, why, fx);
}

void http_proxy_hit(struct http_proxy *p, struct proxy_entry *e, struct fx *fx)
{
	DL_DELETE(p->entries, e);
	DL_PREPEND(p->entries, e);
	e->hits++;
	tell(e, fx);
}

int64_t http_proxy_age_s(const struct proxy_entry *e, nsec_t now)
{
	return now > e->made_ns ? (now - e->made_ns) / SEC : 0;
}

/* --- storing ---------------------------------------------------------------------------------- */

static struct cache_response response_of(const struct http_proxy *p, const struct px *x, nsec_t now)
{
	return (struct cache_response){ .head = &x->answer,
					.data = x->copy.data,
					.len = x->copy.len,
					.request_ns = x->request_ns,
					.response_ns = now,
					.epoch_ns = p->dev->epoch_ns };
}

static bool is_storable_status(unsigned status)
{
	return status == 200 || status == 203 || status == 301 || status == 404 || status == 410;
}

static bool has_validator(const struct http_head *h)
{
	return http_value(h, HTTP_ETAG).p || http_value(h, HTTP_LAST_MODIFIED).p;
}

const char *http_proxy_refusal(const struct http_proxy *p, const struct px *x, uint64_t len,
			       nsec_t now)
{
	struct cache_response r = response_of(p, x, now);
	struct cache_control d = http_cache_control(&x->answer);
	bool stale = http_cache_lifetime_s(&r, &d, true) <= http_cache_age_s(&r);

	if (x->head.method != HTTP_GET || x->head.count[HTTP_RANGE])
		return "only what answers a whole GET is stored";
	if (!is_storable_status(x->answer.status))
		return "its status says that it is not for keeping";
	if (d.no_store || x->asked.no_store)
		return d.no_store ? "its server forbids it (no-store)"
				  : "its browser forbids it (no-store)";
	if (d.is_private)
		return "it is for one user alone (private)";
	if (x->head.count[HTTP_AUTHORIZATION] &&
	    !(d.is_public || d.has_s_maxage || d.must_revalidate))
		return "the request carries credentials";
	if (http_has_token(&x->answer, HTTP_VARY, "*"))
		return "it varies by more than the request (Vary: *)";
	if (len > p->conf->cache_file_max || len > p->conf->cache_max)
		return "it is larger than the cache allows";
	if ((stale || d.no_cache) && (x->answer.status != 200 || !has_validator(&x->answer)))
		return "it is stale and has no validator";
	return NULL;
}

static void set_times(const struct http_proxy *p, const struct px *x, struct proxy_entry *e,
		      nsec_t now)
{
	struct cache_response r = response_of(p, x, now);
	struct cache_control d = http_cache_control(&x->answer);
	int64_t age = http_cache_age_s(&r), left = http_cache_lifetime_s(&r, &d, true) - age;

	e->made_ns = now - age * SEC;
	e->fresh_until_ns = now + (left > 0 ? left * SEC : 0);
	e->no_cache = d.no_cache;
	e->must_revalidate = d.must_revalidate || d.has_s_maxage; /* RFC 9111 §5.2.2.10 */
}

static void set_fields(const struct http_proxy *p, const struct px *x, struct proxy_entry *e)
{
	struct sbuf fields = SBUF(HTTP_HEAD_MAX + 512);

	http_px_fields(p, &x->answer, false, &fields, NULL);
	free(e->fields);
	free(e->etag);
	free(e->modified);
	e->fields = copy_of(sbuf_text(&fields), fields.len);
	e->etag = field_copy(&x->answer, HTTP_ETAG);
	e->modified = field_copy(&x->answer, HTTP_LAST_MODIFIED);
	sbuf_done(&fields);
}

static void make_room(struct http_proxy *p, size_t len, struct fx *fx)
{
	while (p->entries &&
	       (p->bytes + len > p->conf->cache_max || p->n_entries == PROXY_ENTRIES_MAX))
		entry_drop(p, p->entries->prev, "room was needed", fx);
}

struct proxy_entry *http_proxy_store(struct http_proxy *p, struct px *x, nsec_t now, struct fx *fx)
{
	struct proxy_entry *e = http_proxy_find(p, x);
	struct sbuf vary = SBUF(HTTP_HEAD_MAX);

	if (e)
		entry_drop(p, e, "replaced", fx);
	make_room(p, x->copy.len, fx);
	e = calloc(1, sizeof(*e));
	if (!e)
		abort();
	vary_of(&x->answer, &x->head, &vary);
	e->url = copy_of(x->url_text, strlen(x->url_text));
	e->vary = copy_of(sbuf_text(&vary), vary.len);
	e->number = ++p->entry_seq;
	e->status = x->answer.status;
	e->len = x->copy.len;
	e->data = malloc(e->len + 1);
	if (!e->data)
		abort();
	if (e->len > 0)
		memcpy(e->data, x->copy.data, e->len);
	set_fields(p, x, e);
	set_times(p, x, e, now);
	DL_PREPEND(p->entries, e);
	p->n_entries++;
	p->bytes += e->len;
	sbuf_done(&vary);
	tell(e, fx);
	return e;
}

/* What a 304 does not say again stays as it was (RFC 9111 §3.2). */
static void merge_fields(const struct http_proxy *p, struct px *x, struct proxy_entry *e)
{
	struct sbuf merged = SBUF(2 * HTTP_HEAD_MAX);

	http_px_fields(p, &x->answer, false, &merged, NULL);
	for (const char *line = e->fields; *line;) {
		const char *end = strstr(line, "\r\n") + 2, *colon = strchr(line, ':');
		struct http_str name = { line, (size_t)(colon - line) };
		bool again = http_str_is_nocase(name, "via");

		for (unsigned i = 0; i < x->answer.n_fields && !again; i++)
			again = http_str_same_nocase(
				http_field_name(&x->answer, &x->answer.fields[i]), name);
		if (!again)
			sbuf_put(&merged, line, (size_t)(end - line));
		line = end;
	}
	free(e->fields);
	e->fields = copy_of(sbuf_text(&merged), merged.len);
	sbuf_done(&merged);
}

void http_proxy_refresh(struct http_proxy *p, struct px *x, struct proxy_entry *e, nsec_t now,
			struct fx *fx)
{
	char *etag = field_copy(&x->answer, HTTP_ETAG);

	merge_fields(p, x, e);
	if (etag) {
		free(e->etag);
		e->etag = etag;
	}
	set_times(p, x, e, now);
	tell(e, fx);
}
