/* FTP's client against a hostile server: replies and other octets, data connections that come from
 * anywhere and end anyhow, a person who types, copies, files that are there or not, and time. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ftp/ftp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct device dev;
	struct iface iface;
	struct ftp_conf conf;
	const struct machine_class *cls;
	void *machine;
	nsec_t now;
	uint32_t ctrl, data_sock, listener, call, next_sock;
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
	static uint8_t content[65536];
	unsigned how = take(w);
	struct answer a = { .err = how & 1 ? 0 : how & 2 ? -ENOENT : how & 4 ? -EACCES : 0 };

	if (e->ask.ask->kind == ASK_FILE && !a.err) {
		a.file.data = content;
		a.file.len = how & 8 ? sizeof(content) : how & 16 ? how : 0;
		a.file.size = how * 1000;
		a.file.is_dir = how == 255;
	}
	if (e->ask.ask->kind == ASK_RESOLVE && !a.err) {
		a.resolve.n_addrs = 1;
		a.resolve.addrs[0] = addr4(10, 0, 0, 1);
	}
	run(w,
	    (struct ev){ .kind = EV_ANSWER, .answer = { .ask_id = e->ask.ask_id, .answer = &a } });
}

static void after(struct world *w, struct fx *fx)
{
	if (fx_full(fx))
		abort();
	w->depth++;
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_LISTEN)
			w->listener = e->listen.sock;
		else if (e->kind == FX_CONNECT && e->connect.tos)
			w->ctrl = e->connect.sock;
		else if (e->kind == FX_CONNECT)
			w->data_sock = e->connect.sock;
		else if (e->kind == FX_CMD_DONE && e->cmd_done.call == w->call)
			w->call = 0;
		else if (e->kind == FX_ASK && w->depth < 16)
			answer(w, e);
	}
	w->depth--;
	fx_free(fx);
}

static void run(struct world *w, struct ev ev)
{
	struct fx *fx = fx_new();

	ev.now = w->now;
	ev.dev = &w->dev;
	w->cls->event(w->machine, &ev, fx);
	after(w, fx);
}

static void opened(struct world *w, uint32_t sock, uint32_t listener, uint8_t host)
{
	run(w, (struct ev){ .kind = EV_OPENED,
			    .opened = { .sock = sock,
					.listener = listener,
					.local = { addr4(10, 0, 0, 9), 5000 },
					.peer = { addr4(10, 0, 0, host), 21 } } });
}

static void octets(struct world *w, uint32_t sock, const void *data, size_t len)
{
	uint8_t *copy = malloc(len + 1);

	if (!copy)
		return;
	memcpy(copy, data, len);
	run(w,
	    (struct ev){ .kind = EV_BYTES, .bytes = { .sock = sock, .data = copy, .len = len } });
	free(copy);
}

static void some_octets(struct world *w, uint32_t sock)
{
	size_t len = take(w) * 5u;

	len = len < w->size ? len : w->size;
	octets(w, sock, w->data, len);
	w->data += len;
	w->size -= len;
}

static void likely(struct world *w)
{
	static const char *const lines[] = {
		"220 hi\r\n",	    "331 pw\r\n",
		"230 in\r\n",	    "200 ok\r\n",
		"250 ok\r\n",	    "227 (10,0,0,1,9,9)\r\n",
		"229 (|||99|)\r\n", "150 go\r\n",
		"226 done\r\n",	    "500 no\r\n",
		"425 no\r\n",	    "350 more\r\n",
		"421 bye\r\n",	    "220-a\r\nb\r\n220 c\r\n",
		"227 x\r\n",	    "530 no\r\n",
	};
	const char *line = lines[take(w) % ARRAY_SIZE(lines)];

	octets(w, w->ctrl, line, strlen(line));
}

static void types(struct world *w)
{
	static const char *const lines[] = { "u",
					     "p",
					     "dir",
					     "get f",
					     "get a/../..",
					     "put f g",
					     "passive",
					     "cd x",
					     "ascii",
					     "binary",
					     "rename a b",
					     "delete f",
					     "\"a b\" c d e f",
					     "help",
					     "quit",
					     "" };
	const char *line = lines[take(w) % ARRAY_SIZE(lines)];
	unsigned how = take(w);

	run(w, (struct ev){ .kind = EV_INPUT,
			    .input = { .call = w->call,
				       .text = line,
				       .len = strlen(line),
				       .how = how < 250 ? INPUT_TYPED : INPUT_CANCELLED } });
}

static void begins(struct world *w)
{
	struct arg arg = { .type = ARG_HOST, .text = "10.0.0.1" };
	struct call call = { .id = w->next_sock++, .args = &arg, .n_args = 1, .dev = &w->dev };
	struct ask a = { .kind = ASK_TRANSFER };
	unsigned how = take(w);
	struct fx *fx;

	if (how & 1) {
		str_copy(a.transfer.host, sizeof(a.transfer.host), how & 2 ? "10.0.0.1" : "name");
		str_copy(a.transfer.path, sizeof(a.transfer.path), "f");
		str_copy(a.transfer.file, sizeof(a.transfer.file), how & 4 ? "local" : "");
		a.transfer.put = how & 8;
		a.transfer.data = (const uint8_t *)"some text";
		a.transfer.len = a.transfer.put && !(how & 4) ? 9 : 0;
		run(w, (struct ev){ .kind = EV_ASK, .ask = { .ask_id = 1 + how, .ask = &a } });
	} else if (!w->call) {
		w->call = call.id;
		fx = fx_new();
		ftp_run(w->machine, &call, w->now, fx);
		after(w, fx);
	}
	opened(w, w->ctrl, 0, 1);
}

static void ends(struct world *w)
{
	unsigned how = take(w);
	uint32_t sock = how & 1 ? w->data_sock : how & 2 ? w->ctrl : w->listener;

	if (how & 4)
		run(w, (struct ev){ .kind = EV_DRAINED, .closed.sock = w->data_sock });
	else if (how & 8)
		run(w, (struct ev){ .kind = EV_DONE,
				    .done = { .what = how & 16 ? FX_LISTEN : FX_CONNECT,
					      .sock = sock,
					      .err = EADDRINUSE,
					      .text = "in use" } });
	else
		run(w, (struct ev){ .kind = EV_CLOSED,
				    .closed = { .sock = sock, .err = how & 32 ? ECONNRESET : 0 } });
}

static void pass_time(struct world *w)
{
	w->now += take(w) * SEC;
	for (int i = 0; i < 100 && w->cls->deadline(w->machine) <= w->now; i++)
		run(w, (struct ev){ .kind = EV_TIMER });
}

static void step(struct world *w)
{
	unsigned what = take(w);

	if (what < 100) {
		likely(w);
	} else if (what < 140) {
		types(w);
	} else if (what < 155) {
		some_octets(w, w->ctrl);
	} else if (what < 175) {
		some_octets(w, w->data_sock);
	} else if (what < 205) {
		w->data_sock = what & 1 ? SOCK_ACCEPTED + w->next_sock++ : w->data_sock;
		opened(w, w->data_sock, what & 1 ? w->listener : 0, what & 2 ? 1 : 66);
	} else if (what < 225) {
		ends(w);
	} else if (what < 245) {
		begins(w);
	} else {
		pass_time(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .data = data, .size = size, .next_sock = 1 };
	struct machine_env env = { .dev = &w.dev, .conf = &w.conf, .seed = 7 };

	w.conf.active = take(&w) & 1;
	w.iface = (struct iface){ .id = 1, .mtu = 1500, .n_addrs = 1 };
	w.iface.addrs[0] = (struct iface_addr){ .addr = addr4(10, 0, 0, 9), .plen = 24 };
	w.dev.ifaces = &w.iface;
	w.dev.n_ifaces = 1;
	w.cls = &ftp_client_class;
	w.machine = w.cls->create(&env);
	begins(&w);
	while (w.size > 0)
		step(&w);
	w.cls->destroy(w.machine);
	return 0;
}
