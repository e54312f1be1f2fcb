/* What people type to the browser, and what is shown of its state. */
#include "http/http_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *word(const struct call *call, unsigned i)
{
	const char *text = call_word(call, i);

	return text ? text : "";
}

/* A fetch for the command, with the credentials that stand at the arguments from `user_arg` on. */
static struct fetch *begin(struct http_client *c, const struct call *call, enum http_method method,
			   enum fetch_view view, unsigned user_arg, struct fx *fx)
{
	struct fetch *f = http_fetch_new(c, call->id);

	if (!f) {
		decide(fx, "http.client.busy", V_INT("limit", FETCHES_MAX));
		fx_print(fx, call->id, "%% %d pages are being fetched already\n", FETCHES_MAX);
		fx_cmd_done(fx, call->id, 1);
		return NULL;
	}
	f->method = method;
	f->view = view;
	str_copy(f->user.name, sizeof(f->user.name), word(call, user_arg));
	str_copy(f->user.password, sizeof(f->user.password), word(call, user_arg + 1));
	return f;
}

static void simple(void *machine, const struct call *call, enum http_method method,
		   enum fetch_view view, nsec_t now, struct fx *fx)
{
	struct fetch *f = begin(machine, call, method, view, 1, fx);

	if (f)
		http_fetch_start(machine, f, word(call, 0), now, fx);
}

void http_run_get(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	simple(machine, call, HTTP_GET, VIEW_SOURCE, now, fx);
}

void http_run_browse(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	simple(machine, call, HTTP_GET, VIEW_TEXT, now, fx);
}

void http_run_head(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	simple(machine, call, HTTP_HEAD, VIEW_HEAD, now, fx);
}

void http_run_options(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	simple(machine, call, HTTP_OPTIONS, VIEW_ALLOW, now, fx);
}

void http_run_trace(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	simple(machine, call, HTTP_TRACE, VIEW_SOURCE, now, fx);
}

void http_run_delete(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	simple(machine, call, HTTP_DELETE, VIEW_SOURCE, now, fx);
}

void http_run_reload(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct http_client *c = machine;
	struct fetch *f = begin(c, call, HTTP_GET, VIEW_SOURCE, 1, fx);

	if (!f)
		return;
	f->reload = true;
	http_fetch_start(c, f, *word(call, 0) ? word(call, 0) : c->page, now, fx);
}

void http_run_follow(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct http_client *c = machine;
	uint64_t number = (uint64_t)call->args[0].number;
	struct fetch *f;
	char to[HTTP_URL_TEXT_MAX];

	if (number > c->links.n) {
		fx_print(fx, call->id, "%% The page shown last has %u links\n", c->links.n);
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	f = begin(c, call, HTTP_GET, VIEW_TEXT, call->n_args, fx);
	if (!f)
		return;
	str_copy(to, sizeof(to), c->links.url[number - 1]);
	str_copy(f->referrer, sizeof(f->referrer), c->page);
	decide(fx, "http.jumps", V_INT("link", number), V_TEXT("from", c->page), V_TEXT("to", to));
	http_fetch_start(c, f, to, now, fx);
}

/* What a form may hold stays as typed; blanks become '+', the rest is escaped. */
static void encode_form(const char *text, struct fetch *f)
{
	size_t n = 0;

	for (; *text && n + 4 < sizeof(f->form); text++) {
		unsigned char ch = (unsigned char)*text;

		if (ch == ' ')
			f->form[n++] = '+';
		else if (ch > ' ' && ch < 0x7f && !strchr("\"<>\\^`{|}#", ch))
			f->form[n++] = (char)ch;
		else
			n += (size_t)snprintf(f->form + n, 4, "%%%02X", ch);
	}
	f->form[n] = '\0';
	f->content_len = n;
}

void http_run_post(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct fetch *f = begin(machine, call, HTTP_POST, VIEW_SOURCE, call->n_args, fx);

	if (!f)
		return;
	encode_form(word(call, 1), f);
	http_fetch_start(machine, f, word(call, 0), now, fx);
}

void http_run_put(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct fetch *f = begin(machine, call, HTTP_PUT, VIEW_SOURCE, 2, fx);

	if (!f)
		return;
	str_copy(f->file, sizeof(f->file), word(call, 1));
	http_fetch_start(machine, f, word(call, 0), now, fx);
}

/* --- show ------------------------------------------------------------------------------------- */

static void print_fresh(const struct cache_entry *e, nsec_t now, char *out, size_t size)
{
	if (http_cache_is_fresh(e, now))
		snprintf(out, size, "%" PRId64 " s", (e->fresh_until_ns - now) / SEC);
	else
		snprintf(out, size, "stale");
}

void http_run_show_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct http_client *c = machine;
	const struct cache_entry *e;
	char fresh[32];

	fx_print(fx, call->id, "%u pages, %zu of %u octets\n", c->cache.n, c->cache.bytes,
		 c->conf->cache_max);
	fx_print(fx, call->id, "%-40s %8s %5s  %-10s %s\n", "Address", "Octets", "Hits",
		 "Fresh for", "Validator");
	for (e = c->cache.entries; e; e = e->next) {
		print_fresh(e, now, fresh, sizeof(fresh));
		fx_print(fx, call->id, "%-40s %8zu %5u  %-10s %s\n", e->url, e->len, e->hits, fresh,
			 e->etag       ? e->etag
			 : e->modified ? e->modified
				       : "none");
	}
	fx_cmd_done(fx, call->id, 0);
}

void http_run_clear_cache(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct http_client *c = machine;

	(void)now;
	http_cache_clear(&c->cache, "cleared by command", fx);
	fx_cmd_done(fx, call->id, 0);
}

void http_run_show_client(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct http_client *c = machine;
	char addr[ADDR_TEXT_LEN];

	fx_print(fx, call->id, "HTTP client response timeout: %" PRId64 " seconds\n",
		 c->conf->timeout_ns / SEC);
	fx_print(fx, call->id, "HTTP client connections: %s, idle timeout %" PRId64 " seconds\n",
		 c->conf->force_close ? "closed after each request" : "persistent",
		 c->conf->idle_ns / SEC);
	fx_print(fx, call->id, "HTTP client cache: %u pages, %zu of %u octets\n", c->cache.n,
		 c->cache.bytes, c->conf->cache_max);
	for (unsigned i = 0; i < KEPT_MAX; i++)
		if (c->kept[i].sock)
			fx_print(fx, call->id, "Kept connection: %s (%s:%u), %" PRId64 " s left\n",
				 c->kept[i].host, addr_format(&c->kept[i].peer, addr),
				 c->kept[i].port, (c->kept[i].timer.at_ns - now) / SEC);
	fx_cmd_done(fx, call->id, 0);
}
