/* Telnet against a hostile peer: the octets are printed; then server or client gets them in pieces,
 * with logins that go well or not, sessions that speak, and time passing. */
#include "machine_fuzz.h"
#include "telnet/telnet.h"

#define SOCK (SOCK_ACCEPTED + 1)

struct world {
	struct fuzzed f; /* the first: effects() finds the world by it */
	struct telnet_conf conf;
	uint32_t term, client, call;
};

static void answer(struct world *w, const struct fx_effect *e)
{
	unsigned how = take(&w->f);
	struct answer a = { .err = how & 1 ? 0 : how & 2 ? -EACCES : how & 4 ? -EBUSY : -ENOKEY };

	if (e->ask.ask->kind == ASK_LINE && e->ask.ask->line.op == LINE_OPEN && !a.err) {
		a.line.line = how >> 4;
		a.line.login = (enum line_login)((how >> 1) % 3);
		a.line.timeout_ns = how & 8 ? 10 * SEC : 0;
	} else if (e->ask.ask->kind == ASK_RESOLVE && !a.err) {
		a.resolve.n_addrs = 1;
		a.resolve.addrs[0] = addr4(10, 0, 0, 9);
	}
	answer_ask(&w->f, e, &a);
}

static void effects(struct fuzzed *f, const struct fx *fx)
{
	struct world *w = (struct world *)f;

	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_TERMINAL)
			w->term = e->terminal.sock;
		else if (e->kind == FX_CONNECT)
			w->client = e->connect.sock;
		else if (e->kind == FX_CLOSE && e->close.sock == w->term)
			w->term = 0;
		else if (e->kind == FX_ASK && f->depth < 8)
			answer(w, e);
	}
}

static void bytes(struct world *w, uint32_t sock)
{
	size_t len;
	uint8_t *copy = piece(&w->f, 1 + take(&w->f), &len);

	if (len > 0)
		run(&w->f, (struct ev){ .kind = EV_BYTES,
					.bytes = { .sock = sock, .data = copy, .len = len } });
	free(copy);
}

static void typed(struct world *w)
{
	char keys[64];
	size_t len = take(&w->f) % sizeof(keys);

	for (size_t i = 0; i < len; i++)
		keys[i] = (char)take(&w->f);
	run(&w->f, (struct ev){ .kind = EV_INPUT,
				.input = { .call = w->call,
					   .text = keys,
					   .len = len,
					   .how = len == 0 ? INPUT_NOBODY : INPUT_TYPED } });
}

static void command(struct world *w)
{
	struct arg args[2] = { { .type = ARG_HOST, .text = take(&w->f) & 1 ? "10.0.0.9" : "name" },
			       { .type = ARG_NUMBER, .number = take(&w->f) & 1 ? 23 : 80 } };
	struct call call = {
		.id = ++w->call, .args = args, .n_args = 2, .columns = 80, .rows = 24
	};
	struct fx *fx = fx_new();

	telnet_run(w->f.machine, &call, w->f.now, fx);
	effects(&w->f, fx);
	fx_free(fx);
	run(&w->f, (struct ev){ .kind = EV_OPENED, .opened = { .sock = w->client } });
}

static void server_step(struct world *w, unsigned what)
{
	if (what < 150)
		bytes(w, SOCK);
	else if (what < 190 && w->term)
		bytes(w, w->term);
	else if (what < 200 && w->term)
		run(&w->f,
		    (struct ev){ .kind = EV_LINE,
				 .line = { .sock = w->term, .text = "show", .masked = what & 1 } });
	else if (what < 220)
		pass_time(&w->f, take(&w->f) * 100 * MSEC);
	else if (what < 230)
		run(&w->f,
		    (struct ev){ .kind = EV_CLOSED,
				 .closed = { .sock = what & 1 && w->term ? w->term : SOCK } });
	else
		run(&w->f,
		    (struct ev){
			    .kind = EV_OPENED,
			    .opened = { .sock = SOCK, .listener = 1, .peer.addr.family = 4 } });
}

static void client_step(struct world *w, unsigned what)
{
	if (what < 130)
		bytes(w, w->client);
	else if (what < 190)
		typed(w);
	else if (what < 210)
		pass_time(&w->f, take(&w->f) * 100 * MSEC);
	else if (what < 220)
		run(&w->f, (struct ev){ .kind = EV_CLOSED, .closed = { .sock = w->client } });
	else
		command(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .f = { .data = data, .size = size, .effects = effects },
			   .conf.server = true };
	bool server = take(&w.f) & 1;

	check_codec(&telnet_codec, (struct codec_in){ .data = data, .len = size, .tcp = true });
	w.f.dev.kind = KIND_ROUTER;
	begin_machine(&w.f, server ? &telnet_server_class : &telnet_client_class, &w.conf);
	if (server)
		server_step(&w, 255);
	else
		client_step(&w, 255);
	while (w.f.size > 0) {
		unsigned what = take(&w.f);

		if (server)
			server_step(&w, what);
		else
			client_step(&w, what);
	}
	w.f.cls->destroy(w.f.machine);
	return 0;
}
