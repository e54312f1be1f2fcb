#include "http/http_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- records ---------------------------------------------------------------------------------- */

void http_records_free(struct http_server *s)
{
	for (unsigned i = 0; i < s->n_records; i++)
		free(s->records[i].fields);
	s->n_records = 0;
}

static void record_key(const struct record *rec, char out[static 64])
{
	snprintf(out, 64, "%s/%lld", rec->list, (long long)rec->number);
}

static const struct record *record_add(struct http_server *s, const char *list, int64_t number,
				       struct http_str fields)
{
	struct record *rec = &s->records[s->n_records];

	if (s->n_records == RECORDS_MAX)
		return NULL;
	str_copy(rec->list, sizeof(rec->list), list);
	rec->number = number;
	rec->fields = strndup(fields.p, fields.len);
	if (!rec->fields)
		abort();
	s->n_records++;
	if (number > s->last_record)
		s->last_record = number;
	return rec;
}

void http_script_restore(struct http_server *s, const char *key, const struct val *columns)
{
	const struct val *list = val_find(columns, "list"), *number = val_find(columns, "number");
	const struct val *fields = val_find(columns, "fields");
	char name[32];

	(void)key;
	if (!list || list->type != VT_TEXT || !number || number->type != VT_INT || !fields ||
	    fields->type != VT_TEXT)
		return;
	str_copy_n(name, sizeof(name), list->text, list->len);
	(void)record_add(s, name, number->i, (struct http_str){ fields->text, fields->len });
}

/* --- one page --------------------------------------------------------------------------------- */

struct page {
	struct script_input in;
	struct sbuf out;
	char type[64];
	const struct record *inserted;
	unsigned status; /* of a refusal; 0 = none */
	const char *why;
};

static struct http_str next_word(struct http_str *rest)
{
	struct http_str s = http_str_trim(*rest), word = { s.p, 0 };

	while (word.len < s.len && s.p[word.len] != ' ')
		word.len++;
	*rest = http_str_trim((struct http_str){ s.p + word.len, s.len - word.len });
	return word;
}

static void refuse(struct page *p, unsigned status, const char *why)
{
	p->status = status;
	p->why = why;
}

static void do_insert(struct page *p, struct http_str rest, struct fx *fx)
{
	struct http_server *s = p->in.server;
	struct http_str word = next_word(&rest);
	char list[32], key[64];

	if (p->in.conn->req.head.method != HTTP_POST || p->status)
		return;
	if (p->in.form.len == 0 || p->in.form.len >= VAL_TEXT_MAX) {
		refuse(p, p->in.form.len ? 413 : 400,
		       p->in.form.len ? "the form is too long for a record" : "the form is empty");
		return;
	}
	str_copy_n(list, sizeof(list), word.p, word.len);
	p->inserted = record_add(s, list, s->last_record + 1, p->in.form);
	if (!p->inserted) {
		refuse(p, 500, "no further record can be stored");
		return;
	}
	record_key(p->inserted, key);
	fact_begin(fx, &http_record_fact, key, V_TEXT("list", list),
		   V_INT("number", p->inserted->number),
		   V_TEXTN("fields", p->in.form.p, p->in.form.len));
}

/* Does the request's field of this name equal the record's? */
static bool row_matches(const struct page *p, const struct record *rec, struct http_str field)
{
	struct http_str fields = { rec->fields, strlen(rec->fields) };
	char mine[SCRIPT_VALUE_MAX], wanted[SCRIPT_VALUE_MAX];

	if (!http_script_field(p->in.form, field, wanted, sizeof(wanted)) &&
	    !http_script_field(p->in.query, field, wanted, sizeof(wanted)))
		return false;
	return http_script_field(fields, field, mine, sizeof(mine)) && strcmp(mine, wanted) == 0;
}

static bool is_wanted_number(const struct page *p, const struct record *rec)
{
	char text[SCRIPT_VALUE_MAX];
	uint64_t number;

	if (!http_script_field(p->in.query, HTTP_STR("record"), text, sizeof(text)))
		return true;
	return str_to_u64(text, INT64_MAX, &number) == 0 && (int64_t)number == rec->number;
}

static void do_rows(struct page *p, struct http_str rest, bool match)
{
	const struct http_server *s = p->in.server;
	struct http_str list = next_word(&rest), field = { NULL, 0 };

	if (match)
		field = next_word(&rest);
	for (unsigned i = 0; i < s->n_records; i++) {
		const struct record *rec = &s->records[i];

		if (!http_str_is(list, rec->list) || !is_wanted_number(p, rec) ||
		    (match && !row_matches(p, rec, field)))
			continue;
		p->in.row = rec;
		http_script_text(&p->in, rest, &p->out);
	}
	p->in.row = NULL;
}

static void run_line(struct page *p, const char *line, struct fx *fx)
{
	struct http_str rest = { line, strlen(line) }, text = rest;
	struct http_str word = next_word(&rest);

	if (http_str_is(word, "@insert")) {
		do_insert(p, rest, fx);
	} else if (http_str_is(word, "@each")) {
		do_rows(p, rest, /* match= */ false);
	} else if (http_str_is(word, "@match")) {
		do_rows(p, rest, /* match= */ true);
	} else if (http_str_is(word, "@type")) {
		str_copy_n(p->type, sizeof(p->type), rest.p, rest.len);
		p->in.escape = strcmp(p->type, "text/html") == 0;
	} else {
		http_script_text(&p->in, text, &p->out);
	}
}

/* --- the answer ------------------------------------------------------------------------------- */

static void send_post(struct page *p, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	char path[3 * HTTP_PATH_MAX] = "", location[3 * HTTP_PATH_MAX + 64] = "";
	struct reply reply = { .status = p->inserted  ? 201
					 : p->out.len ? 200
						      : 204,
			       .type = p->type,
			       .data = sbuf_text(&p->out),
			       .len = p->out.len,
			       .unknown_len = true };

	(void)http_path_encode(r->path, strlen(r->path), path, sizeof(path));
	if (p->inserted) {
		snprintf(location, sizeof(location), "Location: /%s?record=%lld\r\n", path,
			 (long long)p->inserted->number);
		reply.fields = location;
	} else if (p->out.len == 0) {
		reply.type = NULL;
		reply.unknown_len = false;
		reply.no_length = true;
	}
	decide_at(fx, "http.server.post-ok", r->at, http_v_target(r), V_INT("status", reply.status),
		  V_TEXT("outcome", p->inserted	 ? "a record was stored"
				    : p->out.len ? "the script made a page"
						 : "there is nothing to say"));
	http_reply_send(p->in.server, c, &reply, now, fx);
}

static void send_page(struct page *p, struct conn *c, nsec_t now, struct fx *fx)
{
	struct reply reply = { .status = 200,
			       .type = p->type,
			       .data = sbuf_text(&p->out),
			       .len = p->out.len,
			       .unknown_len = true };

	if (c->req.head.method == HTTP_HEAD)
		decide_at(fx, "http.method.head", c->req.at, http_v_target(&c->req),
			  V_INT("bytes", p->out.len));
	http_reply_send(p->in.server, c, &reply, now, fx);
}

/* The form of a POST, when it is one; other content is not for scripts. */
static void read_form(struct page *p, const struct conn *c)
{
	struct http_str type = http_value(&c->req.head, HTTP_CONTENT_TYPE);
	const char *end = type.len > 0 ? memchr(type.p, ';', type.len) : NULL;

	if (c->req.head.method != HTTP_POST || c->req.body_len == 0)
		return;
	if (end)
		type.len = (size_t)(end - type.p);
	if (http_str_is_nocase(http_str_trim(type), "application/x-www-form-urlencoded"))
		p->in.form = http_request_content(c);
	else
		refuse(p, 415, "a script takes forms, application/x-www-form-urlencoded");
}

void http_script_run(struct http_server *s, struct conn *c, const struct http_script *script,
		     nsec_t now, struct fx *fx)
{
	struct page p = { .in = { .server = s,
				  .conn = c,
				  .query = http_request_query(&c->req),
				  .now = now,
				  .escape = true },
			  .out = SBUF(SCRIPT_PAGE_MAX),
			  .type = "text/html" };

	decide_at(fx, "http.server.script", c->req.at, http_v_method(&c->req),
		  http_v_target(&c->req), V_INT("records", s->n_records));
	read_form(&p, c);
	for (unsigned i = 0; i < script->n_lines && !p.status; i++)
		run_line(&p, script->lines[i], fx);
	if (!p.status && p.out.full)
		refuse(&p, 500, "the page is longer than the limit");
	if (p.status) {
		if (c->req.head.method == HTTP_POST)
			decide_at(fx, "http.server.post-fail", c->req.at, http_v_target(&c->req),
				  V_INT("status", p.status), V_TEXT("reason", p.why));
		else
			decide_at(fx, "http.server.script-failed", c->req.at,
				  http_v_target(&c->req), V_TEXT("reason", p.why));
		http_reply_error(s, c, p.status, p.why, false, NULL, now, fx);
	} else if (c->req.head.method == HTTP_POST) {
		send_post(&p, c, now, fx);
	} else {
		send_page(&p, c, now, fx);
	}
	sbuf_done(&p.out);
}
