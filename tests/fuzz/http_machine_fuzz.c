/* The machines of HTTP against a hostile peer: the input is what the peer sends, cut into pieces,
 * with time passing, files that are there or not, and connections that end. */
#include "http/http.h"
#include "machine_fuzz.h"

#define SOCK (SOCK_ACCEPTED + 1)

struct world {
	struct fuzzed f; /* the first: effects() finds the world by it */
	struct http_conf *conf;
	uint32_t sock; /* the client's connection */
	uint64_t offset;
	bool open;
};

static void answer_file(struct world *w, const struct fx_effect *e)
{
	static uint8_t content[20000];
	struct answer a = { 0 };
	unsigned how = take(&w->f);

	a.err = how & 1 ? 0 : how & 2 ? -ENOENT : how & 4 ? -EACCES : how & 8 ? -EIO : 0;
	a.file.size = how & 16 ? sizeof(content) : 11;
	a.file.is_dir = (how & 224) == 224;
	a.file.data = content;
	a.file.len = a.file.size;
	answer_ask(&w->f, e, &a);
}

static void answer_name(struct world *w, const struct fx_effect *e)
{
	struct answer a = { .err = take(&w->f) & 1 ? 0 : -ENOENT };

	a.resolve.n_addrs = a.err ? 0 : 1;
	a.resolve.addrs[0] = addr4(10, 0, 0, 9);
	answer_ask(&w->f, e, &a);
}

/* Carries out the effects of one turn, each of which may bring another. */
static void effects(struct fuzzed *f, const struct fx *fx)
{
	struct world *w = (struct world *)f;

	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_ASK && e->ask.ask->kind == ASK_FILE)
			answer_file(w, e);
		else if (e->kind == FX_ASK)
			answer_name(w, e);
		else if (e->kind == FX_CONNECT) {
			w->sock = e->connect.sock;
			w->offset = 0;
			run(&w->f, (struct ev){ .kind = EV_OPENED, .opened = { .sock = w->sock } });
		} else if (e->kind == FX_CLOSE && e->close.sock == SOCK) {
			w->open = false;
		} else if (e->kind == FX_SEND_FILE) {
			run(&w->f, (struct ev){ .kind = EV_DRAINED,
						.closed = { .sock = e->send_file.sock } });
		}
	}
}

static void bytes(struct world *w, uint32_t sock)
{
	size_t len;
	uint8_t *copy = piece(&w->f, 1 + take(&w->f) * 4u, &len);

	if (!copy)
		return;
	run(&w->f,
	    (struct ev){
		    .kind = EV_BYTES,
		    .bytes = { .sock = sock, .data = copy, .len = len, .offset = w->offset } });
	w->offset += len;
	free(copy);
}

static void begin(struct world *w, const struct machine_class *cls)
{
	w->f.dev.epoch_ns = 1767254400 * SEC;
	str_copy(w->f.dev.hostname, sizeof(w->f.dev.hostname), "dut");
	w->conf = http_conf_new(&w->f.dev);
	w->conf->server.enabled = true;
	str_copy(w->conf->server.protected[0].path, HTTP_PATH_MAX, "p");
	w->conf->server.n_protected = 1;
	str_copy(w->conf->server.writable[0], HTTP_PATH_MAX, "w");
	w->conf->server.n_writable = 1;
	w->conf->server.trace = true;
	w->conf->proxy.enabled = true;
	w->conf->proxy.cache_max = 4000;
	begin_machine(&w->f, cls, w->conf);
}

static void end(struct world *w)
{
	run(&w->f, (struct ev){ .kind = EV_STOP });
	w->f.cls->destroy(w->f.machine);
	http_conf_free(w->conf);
}

static void add_pages(struct http_server_conf *c)
{
	struct http_script *s = calloc(1, sizeof(*s));
	struct http_url *u = calloc(1, sizeof(*u));
	const char *why;

	if (!s || !u)
		abort();
	str_copy(s->path, sizeof(s->path), "s");
	s->lines[s->n_lines++] = strdup("@insert list");
	s->lines[s->n_lines++] = strdup("@match list a {row.a} {form.b} {row.number} {c}");
	c->scripts[c->n_scripts++] = s;
	if (http_url_parse("http://10.0.0.9/x", 17, u, &why) < 0)
		abort();
	str_copy(c->apps[0].path, sizeof(c->apps[0].path), "g");
	c->apps[0].url = u;
	c->n_apps = 1;
}

/* The server or the proxy. */
static void fuzz_server(struct world *w, const struct machine_class *cls)
{
	begin(w, cls);
	add_pages(&w->conf->server);
	while (w->f.size > 0) {
		unsigned what = take(&w->f);

		if (!w->open) {
			run(&w->f, (struct ev){ .kind = EV_OPENED,
						.opened = { .sock = SOCK, .listener = 1 } });
			w->open = true;
			w->offset = 0;
		}
		if (what < 200)
			bytes(w, SOCK);
		else if (what < 220)
			pass_time(&w->f, 11 * SEC);
		else if (what < 235)
			bytes(w, w->sock);
		else if (what < 245)
			run(&w->f, (struct ev){ .kind = EV_CLOSED, .closed = { .sock = w->sock } });
		else
			run(&w->f,
			    (struct ev){ .kind = EV_CLOSED,
					 .closed = { .sock = SOCK, .err = what & 1 ? EIO : 0 } });
	}
	end(w);
}

static void command(struct world *w, unsigned n)
{
	static const char *const urls[] = { "http://10.0.0.1/a/b", "www.test/x", "" };
	const struct arg args[] = { { .type = ARG_WORD, .text = urls[n % 3], .number = 1 },
				    { .type = ARG_WORD, .text = "ann" },
				    { .type = ARG_WORD, .text = "secret" } };
	const struct call call = { .id = n + 1, .section = "", .args = args, .n_args = 3 };
	void (*const runs[])(void *, const struct call *, nsec_t,
			     struct fx *) = { http_run_browse, http_run_get,	http_run_head,
					      http_run_put,    http_run_post,	http_run_reload,
					      http_run_follow, http_run_options };
	struct fx *fx = fx_new();

	runs[n / 3 % ARRAY_SIZE(runs)](w->f.machine, &call, w->f.now, fx);
	effects(&w->f, fx);
	fx_free(fx);
}

static void fuzz_client(struct world *w)
{
	begin(w, &http_client_class);
	while (w->f.size > 0) {
		unsigned what = take(&w->f);

		if (what < 60)
			command(w, what);
		else if (what < 220)
			bytes(w, w->sock);
		else if (what < 230)
			pass_time(&w->f, 11 * SEC);
		else
			run(&w->f, (struct ev){ .kind = EV_CLOSED,
						.closed = { .sock = w->sock,
							    .err = what & 1 ? ECONNRESET : 0 } });
	}
	end(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .f = { .data = data, .size = size, .effects = effects } };
	unsigned which = take(&w.f) % 4;

	if (which == 1)
		fuzz_server(&w, &http_server_class);
	else if (which == 3)
		fuzz_server(&w, &http_proxy_class);
	else
		fuzz_client(&w);
	return 0;
}
