/* TFTP against a hostile peer: each packet is decoded and printed; then a server and a client get
 * all of them, to port 69 and to sessions, from the right port and from others, with files that are
 * there or not, and with time passing. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "tftp/tftp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct device dev;
	struct iface iface;
	struct tftp_conf conf;
	const struct machine_class *cls;
	void *machine;
	nsec_t now;
	uint32_t sock, last_sock;
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
	static uint8_t content[TFTP_CHUNK];
	unsigned how = take(w);
	struct answer a = { .err = how & 1 ? 0 : how & 2 ? -ENOENT : how & 4 ? -EACCES : 0 };

	if (e->ask.ask->kind == ASK_FILE && e->ask.ask->file.op == FILE_READ && !a.err) {
		a.file.data = content;
		a.file.len = how & 8 ? sizeof(content) : how;
		a.file.size = how & 16 ? 3 * sizeof(content) : a.file.len;
	}
	a.file.is_dir = how == 255;
	if (e->ask.ask->kind == ASK_RESOLVE && !a.err) {
		a.resolve.n_addrs = 1;
		a.resolve.addrs[0] = addr4(10, 0, 0, 9);
	}
	run(w,
	    (struct ev){ .kind = EV_ANSWER, .answer = { .ask_id = e->ask.ask_id, .answer = &a } });
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
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_BIND && e->bind.sock > 2)
			w->last_sock = e->bind.sock;
		if (e->kind == FX_ASK && w->depth < 16)
			answer(w, e);
	}
	w->depth--;
	fx_free(fx);
}

static void begin(struct world *w, const struct machine_class *cls)
{
	struct machine_env env = { .dev = &w->dev, .conf = &w->conf, .seed = 7 };

	w->iface = (struct iface){ .id = 1, .mtu = 1500, .n_addrs = 1 };
	w->iface.addrs[0] = (struct iface_addr){ .addr = addr4(10, 0, 0, 1), .plen = 24 };
	w->dev.ifaces = &w->iface;
	w->dev.n_ifaces = 1;
	w->cls = cls;
	w->machine = cls->create(&env);
	run(w, (struct ev){ .kind = EV_START });
}

static void packet(struct world *w, uint32_t sock, uint16_t port)
{
	size_t len = take(w) * 3u;
	uint8_t *copy;

	len = len < w->size ? len : w->size;
	copy = malloc(len + 1);
	if (!copy)
		return;
	memcpy(copy, w->data, len);
	w->data += len;
	w->size -= len;
	run(w, (struct ev){ .kind = EV_DATAGRAM,
			    .dgram = { .sock = sock,
				       .src = { addr4(10, 0, 0, 9), port },
				       .dst = { addr4(10, 0, 0, 1), TFTP_PORT },
				       .ifid = 1,
				       .data = copy,
				       .len = len } });
	free(copy);
}

/* A block or an acknowledgement that the session may be waiting for. */
static void likely(struct world *w)
{
	uint8_t buf[600] = { 0, (uint8_t)(3 + take(w) % 2), 0, (uint8_t)take(w) };
	size_t len = buf[1] == TFTP_ACK ? 4 : take(w) & 1 ? 516 : 4 + take(w);

	run(w, (struct ev){ .kind = EV_DATAGRAM,
			    .dgram = { .sock = w->last_sock,
				       .src = { addr4(10, 0, 0, 9), 1000 },
				       .dst = { addr4(10, 0, 0, 1), 5000 },
				       .data = buf,
				       .len = len } });
}

static void ask(struct world *w)
{
	struct ask a = { .kind = ASK_TRANSFER };
	unsigned how = take(w);

	str_copy(a.transfer.host, sizeof(a.transfer.host), how & 1 ? "10.0.0.9" : "name");
	str_copy(a.transfer.path, sizeof(a.transfer.path), "f");
	str_copy(a.transfer.file, sizeof(a.transfer.file), how & 2 ? "local" : "");
	a.transfer.put = how & 4;
	a.transfer.data = (const uint8_t *)"some text";
	a.transfer.len = a.transfer.put && !(how & 2) ? 9 : 0;
	run(w, (struct ev){ .kind = EV_ASK, .ask = { .ask_id = 1 + how, .ask = &a } });
}

static void pass_time(struct world *w)
{
	w->now += take(w) * 100 * MSEC;
	for (int i = 0; i < 100 && w->cls->deadline(w->machine) <= w->now; i++)
		run(w, (struct ev){ .kind = EV_TIMER });
}

static void ignore_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	(void)arg, (void)field, (void)value;
	if (offset + len > *(const size_t *)arg)
		abort();
}

static void print(const uint8_t *data, size_t size)
{
	struct codec_in in = { .data = data, .len = size };
	struct sbuf out = SBUF(4096);
	const char *why = NULL;

	if (tftp_codec.info(&in, &out, &why) == -EBADMSG && !why)
		abort();
	(void)tftp_codec.fields(&in, ignore_field, &size);
	sbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .data = data, .size = size };
	unsigned how = take(&w);

	print(data, size);
	w.conf = (struct tftp_conf){ .server = true,
				     .tries = 3,
				     .retry_ns = SEC,
				     .linger_ns = 5 * SEC,
				     .no_overwrite = how & 2,
				     .blksize = how & 4 ? 1468 : 0,
				     .timeout = how & 8 ? 2 : 0,
				     .tsize = how & 16 };
	begin(&w, how & 1 ? &tftp_server_class : &tftp_client_class);
	while (w.size > 0) {
		unsigned what = take(&w);

		if (what < 80 && (how & 1))
			packet(&w, 1, (uint16_t)(1000 + what % 3));
		else if (what < 80)
			ask(&w);
		else if (what < 180)
			packet(&w, w.last_sock, (uint16_t)(1000 + (what > 170)));
		else if (what < 230)
			likely(&w);
		else
			pass_time(&w);
	}
	w.cls->destroy(w.machine);
	return 0;
}
