/* Telnet against a hostile peer: the octets are printed; then server or client gets them in pieces,
 * with logins that go well or not, sessions that speak, and time passing. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "telnet/telnet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SOCK (SOCK_ACCEPTED + 1)

struct world {
	struct device dev;
	struct telnet_conf conf;
	const struct machine_class *cls;
	void *machine;
	nsec_t now;
	uint32_t term, client, call;
	const uint8_t *data;
	size_t size;
	unsigned depth;
};

static unsigned take(struct world *w)
{
	if (w->size == 0)
		return 0;
	w->size--;
	return *w->data++;
}

static void run(struct world *w, struct ev ev);

static void answer(struct world *w, const struct fx_effect *e)
{
	unsigned how = take(w);
	struct answer a = { .err = how & 1 ? 0 : how & 2 ? -EACCES : how & 4 ? -EBUSY : -ENOKEY };

	if (e->ask.ask->kind == ASK_LINE && e->ask.ask->line.op == LINE_OPEN && !a.err) {
		a.line.line = how >> 4;
		a.line.login = (enum line_login)((how >> 1) % 3);
		a.line.timeout_ns = how & 8 ? 10 * SEC : 0;
	} else if (e->ask.ask->kind == ASK_RESOLVE && !a.err) {
		a.resolve.n_addrs = 1;
		a.resolve.addrs[0] = addr4(10, 0, 0, 9);
	}
	run(w,
	    (struct ev){ .kind = EV_ANSWER, .answer = { .ask_id = e->ask.ask_id, .answer = &a } });
}

static void carry_out(struct world *w, const struct fx *fx)
{
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_TERMINAL)
			w->term = e->terminal.sock;
		else if (e->kind == FX_CONNECT)
			w->client = e->connect.sock;
		else if (e->kind == FX_CLOSE && e->close.sock == w->term)
			w->term = 0;
		else if (e->kind == FX_ASK && w->depth < 8)
			answer(w, e);
	}
}

static void run(struct world *w, struct ev ev)
{
	struct fx *fx = fx_new();

	ev.now = w->now;
	ev.dev = &w->dev;
	w->cls->event(w->machine, &ev, fx);
	if (fx_full(fx))
		abort();
	w->depth++;
	carry_out(w, fx);
	w->depth--;
	fx_free(fx);
}

static void bytes(struct world *w, uint32_t sock)
{
	size_t len = 1 + take(w);
	uint8_t *copy;

	len = len < w->size ? len : w->size;
	copy = malloc(len + 1);
	if (!copy)
		return;
	memcpy(copy, w->data, len);
	w->data += len;
	w->size -= len;
	if (len > 0)
		run(w, (struct ev){ .kind = EV_BYTES,
				    .bytes = { .sock = sock, .data = copy, .len = len } });
	free(copy);
}

static void typed(struct world *w)
{
	char keys[64];
	size_t len = take(w) % sizeof(keys);

	for (size_t i = 0; i < len; i++)
		keys[i] = (char)take(w);
	run(w, (struct ev){ .kind = EV_INPUT,
			    .input = { .call = w->call,
				       .text = keys,
				       .len = len,
				       .how = len == 0 ? INPUT_NOBODY : INPUT_TYPED } });
}

static void command(struct world *w)
{
	struct arg args[2] = { { .type = ARG_HOST, .text = take(w) & 1 ? "10.0.0.9" : "name" },
			       { .type = ARG_NUMBER, .number = take(w) & 1 ? 23 : 80 } };
	struct call call = {
		.id = ++w->call, .args = args, .n_args = 2, .columns = 80, .rows = 24
	};
	struct fx *fx = fx_new();

	telnet_run(w->machine, &call, w->now, fx);
	carry_out(w, fx);
	fx_free(fx);
	run(w, (struct ev){ .kind = EV_OPENED, .opened = { .sock = w->client } });
}

static void pass_time(struct world *w)
{
	w->now += take(w) * 100 * MSEC;
	for (int i = 0; i < 100 && w->cls->deadline(w->machine) <= w->now; i++)
		run(w, (struct ev){ .kind = EV_TIMER });
}

static void server_step(struct world *w, unsigned what)
{
	if (what < 150)
		bytes(w, SOCK);
	else if (what < 190 && w->term)
		bytes(w, w->term);
	else if (what < 200 && w->term)
		run(w,
		    (struct ev){ .kind = EV_LINE,
				 .line = { .sock = w->term, .text = "show", .masked = what & 1 } });
	else if (what < 220)
		pass_time(w);
	else if (what < 230)
		run(w, (struct ev){ .kind = EV_CLOSED,
				    .closed = { .sock = what & 1 && w->term ? w->term : SOCK } });
	else
		run(w, (struct ev){
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
		pass_time(w);
	else if (what < 220)
		run(w, (struct ev){ .kind = EV_CLOSED, .closed = { .sock = w->client } });
	else
		command(w);
}

static void check_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	(void)field, (void)value;
	if (offset + len > *(const size_t *)arg)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .data = data, .size = size, .conf.server = true };
	struct codec_in in = { .data = data, .len = size, .tcp = true };
	struct machine_env env = { .dev = &w.dev, .conf = &w.conf, .seed = 7 };
	bool server = take(&w) & 1;

	(void)telnet_codec.fields(&in, check_field, &size);
	w.dev.kind = KIND_ROUTER;
	w.cls = server ? &telnet_server_class : &telnet_client_class;
	w.machine = w.cls->create(&env);
	run(&w, (struct ev){ .kind = EV_START });
	if (server)
		server_step(&w, 255);
	else
		client_step(&w, 255);
	while (w.size > 0) {
		unsigned what = take(&w);

		if (server)
			server_step(&w, what);
		else
			client_step(&w, what);
	}
	w.cls->destroy(w.machine);
	return 0;
}
