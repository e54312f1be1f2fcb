/* Methods on files: each is one question or two to the device's file root (ASK_FILE). */
#include "http/http_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void ask_file(struct http_server *s, struct conn *c, enum file_op op, enum file_step step,
		     struct fx *fx)
{
	struct request *r = &c->req;
	struct http_str content = http_request_content(c);
	struct ask ask = { .kind = ASK_FILE, .file = { .op = op } };

	r->step = step;
	str_copy(ask.file.path, sizeof(ask.file.path), r->file);
	if (op == FILE_WRITE) {
		ask.file.data = (const uint8_t *)content.p;
		ask.file.len = content.len;
	}
	http_conn_ask(s, c, CONN_FILE, &ask, fx);
}

/* "www" and "a/b" make www/a/b; a directory's file is its index.html. False when too long. */
static bool name_file(const struct http_server *s, struct request *r)
{
	const char *root = s->conf->root;
	int n = snprintf(r->file, sizeof(r->file), "%s%s%s%s", root, root[0] ? "/" : "", r->path,
			 !r->dir      ? ""
			 : r->path[0] ? "/index.html"
				      : "index.html");

	return n >= 0 && (size_t)n < sizeof(r->file);
}

static bool is_image(const struct http_server *s, const struct request *r)
{
	return strncmp(http_file_type(s->conf, r->file), "image/", 6) == 0;
}

static bool is_html(const struct http_server *s, const struct request *r)
{
	return strcmp(http_file_type(s->conf, r->file), "text/html") == 0;
}

/* --- refusals --------------------------------------------------------------------------------- */

static void decide_missing(struct http_server *s, const struct conn *c, struct fx *fx)
{
	const struct request *r = &c->req;

	if (r->dir)
		decide_at(fx, "http.server.get-directory", r->at, http_v_target(r),
			  V_TEXT("outcome", "it has no index.html"));
	if (is_image(s, r))
		decide_at(fx, "http.server.get-image-missing", r->at, http_v_target(r),
			  V_TEXT("file", r->file));
	else
		decide_at(fx, "http.server.get-html-missing", r->at, http_v_target(r),
			  V_TEXT("file", r->file));
}

static void decide_failure(struct http_server *s, const struct conn *c, unsigned status,
			   const char *why, struct fx *fx)
{
	const struct request *r = &c->req;

	if (r->head.method == HTTP_PUT)
		decide_at(fx, "http.method.put", r->at, http_v_target(r), V_INT("status", status),
			  V_TEXT("outcome", why));
	else if (r->head.method == HTTP_DELETE)
		decide_at(fx, "http.method.delete", r->at, http_v_target(r),
			  V_INT("status", status), V_TEXT("outcome", why));
	else if (r->head.method == HTTP_POST)
		decide_at(fx, "http.server.post-fail", r->at, http_v_target(r),
			  V_INT("status", status), V_TEXT("reason", why));
	else if (status == 404)
		decide_missing(s, c, fx);
	else
		decide_at(fx, "http.server.file-failed", r->at, http_v_target(r),
			  V_INT("status", status), V_TEXT("reason", why));
}

static void fail(struct http_server *s, struct conn *c, unsigned status, const char *why,
		 nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	char allow[128], field[160];

	decide_failure(s, c, status, why, fx);
	http_access_allow(s, r, allow, sizeof(allow));
	snprintf(field, sizeof(field), "Allow: %s\r\n", allow);
	http_reply_error(s, c, status, why, false, status == 405 ? field : NULL, now, fx);
}

/* A question that failed. The shell follows no link out of the file root: it answers EACCES. */
static void fail_ask(struct http_server *s, struct conn *c, const struct answer *a, nsec_t now,
		     struct fx *fx)
{
	switch (a->err) {
	case -ENOENT:
	case -ENOTDIR:
	case -ENAMETOOLONG:
		fail(s, c, 404, "there is no such page here", now, fx);
		break;
	case -EACCES:
	case -EXDEV:
	case -ELOOP:
		decide_at(fx, "http.server.path-escape", c->req.at, http_v_target(&c->req),
			  V_INT("status", 404),
			  V_TEXT("reason", "the file lies outside the device's files"));
		http_reply_error(s, c, 404, "there is no such page here", false, NULL, now, fx);
		break;
	case -EISDIR:
		fail(s, c, 409, "that is a directory", now, fx);
		break;
	default:
		fail(s, c, 500, a->why[0] ? a->why : "the file system refuses", now, fx);
	}
}

/* --- GET and HEAD ----------------------------------------------------------------------------- */

static void decide_found(struct http_server *s, const struct conn *c, unsigned status,
			 struct fx *fx)
{
	const struct request *r = &c->req;
	const char *type = http_file_type(s->conf, r->file);

	if (r->dir)
		decide_at(fx, "http.server.get-directory", r->at, http_v_target(r),
			  V_TEXT("outcome", "its index.html is sent"));
	if (status == 206)
		return;
	if (is_html(s, r))
		decide_at(fx, "http.server.get-html-found", r->at, http_v_target(r),
			  V_TEXT("file", r->file), V_INT("bytes", r->size));
	else if (is_image(s, r))
		decide_at(fx, "http.server.get-image-found", r->at, http_v_target(r),
			  V_TEXT("type", type), V_INT("bytes", r->size));
	else
		decide_at(fx, "http.server.get-other-file", r->at, http_v_target(r),
			  V_TEXT("type", type), V_INT("bytes", r->size));
}

/* 304 and 412: without the file. */
static void send_condition(struct http_server *s, struct conn *c, unsigned status, nsec_t now,
			   struct fx *fx)
{
	struct request *r = &c->req;
	struct sbuf fields = SBUF(1024);
	struct reply reply = { .status = 304, .no_length = true };

	if (status == 412) {
		decide_at(fx, "http.server.precondition-failed", r->at, http_v_method(r),
			  http_v_target(r));
		http_reply_error(s, c, 412, "the file is not as the request supposes", false, NULL,
				 now, fx);
		return;
	}
	decide_at(fx, "http.server.not-modified", r->at, http_v_target(r),
		  V_TEXT("by", r->head.count[HTTP_IF_NONE_MATCH] ? "its entity tag" : "its date"));
	http_file_fields(s, r, now, &fields);
	reply.fields = sbuf_text(&fields);
	http_reply_send(s, c, &reply, now, fx);
	sbuf_done(&fields);
}

static void send_no_range(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct http_str v = http_value(&r->head, HTTP_RANGE);
	char field[64];

	snprintf(field, sizeof(field), "Content-Range: bytes */%llu\r\n",
		 (unsigned long long)r->size);
	decide_at(fx, "http.server.range", r->at, http_v_target(r), V_TEXTN("range", v.p, v.len),
		  V_INT("status", 416), V_INT("size", r->size));
	http_reply_error(s, c, 416, "the range lies beyond the end of the file", false, field, now,
			 fx);
}

static void send_file(struct http_server *s, struct conn *c, struct reply *reply,
		      const struct stored_file *stored, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct sbuf fields = SBUF(1024);

	if (reply->status == 206 || !stored) {
		http_file_fields(s, r, now, &fields);
		if (reply->status == 206)
			sbuf_printf(&fields, "Content-Range: bytes %llu-%llu/%llu\r\n",
				    (unsigned long long)reply->offset,
				    (unsigned long long)(reply->offset + reply->len - 1),
				    (unsigned long long)r->size);
		reply->fields = sbuf_text(&fields);
	} else {
		reply->fields = stored->head;
		reply->fields_len = stored->head_len;
	}
	if (stored)
		reply->data = stored->data + reply->offset;
	else
		reply->file = r->file;
	if (r->head.method == HTTP_HEAD)
		decide_at(fx, "http.method.head", r->at, http_v_target(r),
			  V_INT("bytes", reply->len));
	http_reply_send(s, c, reply, now, fx);
	sbuf_done(&fields);
}

/* The file is there; size and time are known. */
static void serve(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct reply reply = { .len = r->size };
	struct http_str range = http_value(&r->head, HTTP_RANGE);
	const struct stored_file *stored = NULL;

	reply.status = http_file_condition(s, r, now, &reply.offset, &reply.len);
	if (reply.status == 304 || reply.status == 412) {
		send_condition(s, c, reply.status, now, fx);
		return;
	}
	if (reply.status == 416) {
		send_no_range(s, c, now, fx);
		return;
	}
	if (r->size <= INLINE_MAX && r->head.method != HTTP_HEAD) {
		stored = http_store_find(s, r);
		if (!stored) {
			ask_file(s, c, FILE_READ, STEP_READ, fx);
			return;
		}
	}
	decide_found(s, c, reply.status, fx);
	if (reply.status == 206)
		decide_at(fx, "http.server.range", r->at, http_v_target(r),
			  V_TEXTN("range", range.p, range.len), V_INT("status", 206),
			  V_INT("size", r->size));
	send_file(s, c, &reply, stored, now, fx);
}

/* A directory named without its slash: relative links on its page would go astray. */
static void redirect(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct http_str query = http_request_query(r);
	struct sbuf field = SBUF(4 * ASK_PATH_MAX + HTTP_TARGET_MAX);
	char path[3 * ASK_PATH_MAX];

	(void)http_path_encode(r->path, strlen(r->path), path, sizeof(path));
	sbuf_printf(&field, "Location: /%s/%s%.*s\r\n", path, query.len ? "?" : "", (int)query.len,
		    query.p);
	decide_at(fx, "http.server.get-directory", r->at, http_v_target(r),
		  V_TEXT("outcome", "named without its slash: redirected"));
	http_reply_error(s, c, 301, "a directory's name ends in a slash", false, sbuf_text(&field),
			 now, fx);
	sbuf_done(&field);
}

void http_file_get(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	if (name_file(s, &c->req))
		ask_file(s, c, FILE_STAT, STEP_STAT, fx);
	else
		fail(s, c, 404, "there is no such page here", now, fx);
}

/* --- PUT, DELETE, POST ------------------------------------------------------------------------ */

void http_file_put(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	if (c->req.head.count[HTTP_CONTENT_RANGE]) /* RFC 9110 §14.5: no partial PUT */
		fail(s, c, 400, "a part of a file cannot be stored", now, fx);
	else
		http_file_get(s, c, now, fx);
}

/* A new file in a writable directory, named by the device's own dice. */
static void create(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	static const struct {
		const char *type, *extension;
	} endings[] = { { "text/html", "html" },
			{ "text/plain", "txt" },
			{ "application/json", "json" },
			{ "application/x-www-form-urlencoded", "txt" } };
	struct request *r = &c->req;
	struct http_str type = http_value(&r->head, HTTP_CONTENT_TYPE);
	const char *semicolon = type.len > 0 ? memchr(type.p, ';', type.len) : NULL;
	const char *ending = "bin";
	char name[40];
	size_t n = strlen(r->path);

	if (semicolon)
		type.len = (size_t)(semicolon - type.p);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (http_str_is_nocase(http_str_trim(type), endings[i].type))
			ending = endings[i].extension;
	snprintf(name, sizeof(name), "%spost-%016llx.%s", n ? "/" : "",
		 (unsigned long long)rng_u64(&s->rng), ending);
	r->dir = false;
	if (!str_copy(r->path + n, sizeof(r->path) - n, name) || !name_file(s, r))
		fail(s, c, 404, "the directory's name is too long", now, fx);
	else
		ask_file(s, c, FILE_WRITE, STEP_CREATE, fx);
}

void http_file_post(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	if (c->req.dir && http_access_writable(s, c->req.path))
		create(s, c, now, fx);
	else
		http_file_get(s, c, now, fx);
}

static void send_created(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	char path[3 * ASK_PATH_MAX] = "", field[3 * ASK_PATH_MAX + 16];
	struct reply reply = { .status = 201, .fields = field };

	(void)http_path_encode(r->path, strlen(r->path), path, sizeof(path));
	snprintf(field, sizeof(field), "Location: /%s\r\n", path);
	decide_at(fx, "http.server.post-ok", r->at, http_v_target(r), V_INT("status", 201),
		  V_TEXT("outcome", path));
	http_reply_send(s, c, &reply, now, fx);
}

static void send_stored(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct reply reply = { .status = r->replaces ? 204 : 201, .no_length = r->replaces };

	http_store_forget(s, r->file);
	decide_at(fx, "http.method.put", r->at, http_v_target(r), V_INT("status", reply.status),
		  V_TEXT("outcome", r->replaces ? "the file was replaced" : "a new file"));
	http_reply_send(s, c, &reply, now, fx);
}

static void send_deleted(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	struct reply reply = { .status = 204, .no_length = true };

	http_store_forget(s, r->file);
	decide_at(fx, "http.method.delete", r->at, http_v_target(r), V_INT("status", 204),
		  V_TEXT("outcome", "the file was removed"));
	http_reply_send(s, c, &reply, now, fx);
}

/* --- answers ---------------------------------------------------------------------------------- */

/* If-Match: * and If-None-Match: * speak of whether there is a file at all. */
static bool refuses_absent(const struct request *r)
{
	return r->head.count[HTTP_IF_MATCH] > 0;
}

static void stat_for_change(struct http_server *s, struct conn *c, const struct answer *a,
			    nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	bool put = r->head.method == HTTP_PUT;
	uint64_t first, len;

	r->replaces = a->err == 0;
	if (a->err == -ENOENT && put && !refuses_absent(r))
		ask_file(s, c, FILE_WRITE, STEP_WRITE, fx);
	else if (a->err == -ENOENT && put)
		send_condition(s, c, 412, now, fx);
	else if (a->err < 0)
		fail_ask(s, c, a, now, fx);
	else if (a->file.is_dir)
		fail(s, c, 409, "that is a directory", now, fx);
	else if (http_file_condition(s, r, now, &first, &len) == 412)
		send_condition(s, c, 412, now, fx);
	else if (put)
		ask_file(s, c, FILE_WRITE, STEP_WRITE, fx);
	else
		ask_file(s, c, FILE_DELETE, STEP_DELETE, fx);
}

static void stat_answer(struct http_server *s, struct conn *c, const struct answer *a, nsec_t now,
			struct fx *fx)
{
	struct request *r = &c->req;

	r->size = a->file.size;
	r->mtime_ns = a->file.mtime_ns;
	if (r->head.method == HTTP_PUT || r->head.method == HTTP_DELETE)
		stat_for_change(s, c, a, now, fx);
	else if (a->err < 0)
		fail_ask(s, c, a, now, fx);
	else if (r->head.method == HTTP_POST)
		fail(s, c, 405, "nothing at this place takes a POST", now, fx);
	else if (a->file.is_dir && !r->dir)
		redirect(s, c, now, fx);
	else if (a->file.is_dir)
		fail(s, c, 404, "there is no such page here", now, fx);
	else
		serve(s, c, now, fx);
}

static void read_answer(struct http_server *s, struct conn *c, const struct answer *a, nsec_t now,
			struct fx *fx)
{
	struct request *r = &c->req;

	if (a->err < 0) {
		fail_ask(s, c, a, now, fx);
		return;
	}
	/* What was read is what counts, should the file have changed since it was looked at. */
	r->size = a->file.len;
	if (r->size <= INLINE_MAX)
		http_store_put(s, r, r->size ? a->file.data : (const uint8_t *)"", now);
	serve(s, c, now, fx);
}

void http_file_answer(struct http_server *s, struct conn *c, const struct answer *a, nsec_t now,
		      struct fx *fx)
{
	switch (c->req.step) {
	case STEP_STAT:
		stat_answer(s, c, a, now, fx);
		return;
	case STEP_READ:
		read_answer(s, c, a, now, fx);
		return;
	case STEP_WRITE:
	case STEP_DELETE:
	case STEP_CREATE:
		break;
	}
	if (a->err < 0)
		fail_ask(s, c, a, now, fx);
	else if (c->req.step == STEP_WRITE)
		send_stored(s, c, now, fx);
	else if (c->req.step == STEP_DELETE)
		send_deleted(s, c, now, fx);
	else
		send_created(s, c, now, fx);
}
