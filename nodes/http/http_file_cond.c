/* What of a file a request wants, what is said about it, and the store of small files. */
#include "http/http_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { ETAG_MAX = 40 };

/* --- content types ---------------------------------------------------------------------------- */

static const struct {
	const char *extension, *type;
} types[] = {
	{ "html", "text/html" },	{ "htm", "text/html" },
	{ "txt", "text/plain" },	{ "css", "text/css" },
	{ "csv", "text/csv" },		{ "md", "text/markdown" },
	{ "js", "text/javascript" },	{ "json", "application/json" },
	{ "xml", "application/xml" },	{ "pdf", "application/pdf" },
	{ "zip", "application/zip" },	{ "gz", "application/gzip" },
	{ "wasm", "application/wasm" }, { "png", "image/png" },
	{ "jpg", "image/jpeg" },	{ "jpeg", "image/jpeg" },
	{ "gif", "image/gif" },		{ "svg", "image/svg+xml" },
	{ "webp", "image/webp" },	{ "bmp", "image/bmp" },
	{ "ico", "image/x-icon" },	{ "mp3", "audio/mpeg" },
	{ "wav", "audio/wav" },		{ "ogg", "audio/ogg" },
	{ "mp4", "video/mp4" },		{ "webm", "video/webm" },
};

static bool same_extension(const char *a, const char *b)
{
	return http_str_is_nocase((struct http_str){ a, strlen(a) }, b);
}

const char *http_file_type(const struct http_server_conf *conf, const char *path)
{
	const char *slash = strrchr(path, '/'), *dot = strrchr(slash ? slash : path, '.');

	for (unsigned i = 0; dot && i < conf->n_types; i++)
		if (same_extension(dot + 1, conf->types[i].extension))
			return conf->types[i].type;
	for (size_t i = 0; dot && i < ARRAY_SIZE(types); i++)
		if (same_extension(dot + 1, types[i].extension))
			return types[i].type;
	return "application/octet-stream";
}

/* --- validators ------------------------------------------------------------------------------- */

static void format_etag(const struct request *r, char out[static ETAG_MAX])
{
	snprintf(out, ETAG_MAX, "\"%llx-%llx\"", (unsigned long long)r->mtime_ns,
		 (unsigned long long)r->size);
}

/* Unix seconds, or -1 when the lab's clock shows an earlier time than the file: a date later than
 * the message's own must not be sent (RFC 9110 §8.8.2.1), and any other would be untrue. */
static int64_t last_modified(const struct http_server *s, const struct request *r, nsec_t now)
{
	int64_t modified_s = r->mtime_ns / SEC;

	return modified_s <= http_server_unix_ns(s, now) / SEC ? modified_s : -1;
}

void http_file_fields(const struct http_server *s, const struct request *r, nsec_t now,
		      struct sbuf *out)
{
	int64_t modified_s = last_modified(s, r, now);
	char etag[ETAG_MAX], date[HTTP_DATE_LEN];

	format_etag(r, etag);
	sbuf_printf(out, "Content-Type: %s\r\n", http_file_type(s->conf, r->file));
	if (modified_s >= 0) {
		http_date_format(modified_s, date);
		sbuf_printf(out, "Last-Modified: %s\r\n", date);
	}
	sbuf_printf(out, "ETag: %s\r\nAccept-Ranges: bytes\r\n", etag);
	if (s->conf->has_max_age)
		sbuf_printf(out, "Cache-Control: max-age=%u\r\n", s->conf->max_age_s);
}

static bool etag_matches(const struct request *r, enum http_field_id id, bool weak)
{
	char etag[ETAG_MAX];

	format_etag(r, etag);
	for (unsigned i = 0; i < r->head.n_fields; i++)
		if (r->head.fields[i].id == id &&
		    http_etag_in_list(http_field_value(&r->head, &r->head.fields[i]), etag, weak))
			return true;
	return false;
}

/* -1: no such field, or its date is no date, or ours is not known: it is ignored. */
static int modified_after(const struct http_server *s, const struct request *r,
			  enum http_field_id id, nsec_t now)
{
	struct http_str v = http_value(&r->head, id);
	int64_t modified_s = last_modified(s, r, now), date_s;

	if (!v.p || modified_s < 0 ||
	    http_date_parse(v, http_server_unix_ns(s, now) / SEC, &date_s) < 0)
		return -1;
	return modified_s > date_s;
}

/* RFC 9110 §13.2.2, steps 1 to 4. 0 = go on. */
static unsigned precondition(const struct http_server *s, const struct request *r, nsec_t now)
{
	bool reads = r->head.method == HTTP_GET || r->head.method == HTTP_HEAD;

	if (r->head.count[HTTP_IF_MATCH]) {
		if (!etag_matches(r, HTTP_IF_MATCH, /* weak= */ false))
			return 412;
	} else if (modified_after(s, r, HTTP_IF_UNMODIFIED_SINCE, now) > 0) {
		return 412;
	}
	if (r->head.count[HTTP_IF_NONE_MATCH]) {
		if (etag_matches(r, HTTP_IF_NONE_MATCH, /* weak= */ true))
			return reads ? 304 : 412;
	} else if (reads && modified_after(s, r, HTTP_IF_MODIFIED_SINCE, now) == 0) {
		return 304;
	}
	return 0;
}

/* Step 5: a range of something else than what the client has a part of is of no use to it. */
static bool if_range_holds(const struct http_server *s, const struct request *r, nsec_t now)
{
	struct http_str v = http_value(&r->head, HTTP_IF_RANGE);
	char etag[ETAG_MAX];
	int64_t date_s;

	if (!v.p)
		return true;
	if (v.len > 2 && (v.p[0] == '"' || v.p[1] == '/')) { /* a tag; a weak one never holds */
		format_etag(r, etag);
		return http_str_is(v, etag);
	}
	return http_date_parse(v, http_server_unix_ns(s, now) / SEC, &date_s) == 0 &&
	       date_s == last_modified(s, r, now);
}

unsigned http_file_condition(const struct http_server *s, const struct request *r, nsec_t now,
			     uint64_t *ret_first, uint64_t *ret_len)
{
	unsigned status = precondition(s, r, now);
	int err;

	if (status)
		return status;
	if (r->head.method != HTTP_GET || r->head.count[HTTP_RANGE] != 1 ||
	    !if_range_holds(s, r, now))
		return 200;
	err = http_range_parse(http_value(&r->head, HTTP_RANGE), r->size, ret_first, ret_len);
	return err == 0 ? 206 : err == -ERANGE ? 416 : 200;
}

/* --- the store -------------------------------------------------------------------------------- */

/* One place for each fingerprint: a file that falls on a taken place takes it over. */
static unsigned place_of(const struct http_server *s, const char *path)
{
	return hash_string(s->seed, path) % STORE_SLOTS;
}

static void stored_free(struct stored_file *f)
{
	if (!f)
		return;
	free(f->path);
	free(f->data);
	free(f->head);
	free(f);
}

void http_store_forget(struct http_server *s, const char *path)
{
	unsigned i = place_of(s, path);

	if (!s->store[i] || strcmp(s->store[i]->path, path) != 0)
		return;
	stored_free(s->store[i]);
	s->store[i] = NULL;
}

void http_store_clear(struct http_server *s)
{
	for (unsigned i = 0; i < STORE_SLOTS; i++) {
		stored_free(s->store[i]);
		s->store[i] = NULL;
	}
}

const struct stored_file *http_store_find(const struct http_server *s, const struct request *r)
{
	const struct stored_file *f = s->store[place_of(s, r->file)];

	if (!f || f->mtime_ns != r->mtime_ns || f->size != r->size || strcmp(f->path, r->file) != 0)
		return NULL;
	return f;
}

const struct stored_file *http_store_put(struct http_server *s, const struct request *r,
					 const void *data, nsec_t now)
{
	unsigned i = place_of(s, r->file);
	struct stored_file *f = calloc(1, sizeof(*f));
	struct sbuf head = SBUF(1024);

	if (!f)
		abort();
	f->path = strdup(r->file);
	f->data = malloc(r->size + 1);
	if (!f->path || !f->data)
		abort();
	memcpy(f->data, data, r->size);
	f->size = r->size;
	f->mtime_ns = r->mtime_ns;
	http_file_fields(s, r, now, &head);
	f->head_len = head.len;
	f->head = head.data;
	stored_free(s->store[i]);
	s->store[i] = f;
	return f;
}
