/* TFTP against a hostile peer: each packet is decoded and printed; then a server and a client get
 * all of them, to port 69 and to sessions, from the right port and from others, with files that are
 * there or not, and with time passing. */
#include "machine_fuzz.h"
#include "tftp/tftp.h"

struct world {
	struct fuzzed f; /* the first: effects() finds the world by it */
	struct iface iface;
	struct tftp_conf conf;
	uint32_t last_sock;
};

static void answer(struct world *w, const struct fx_effect *e)
{
	static uint8_t content[TFTP_CHUNK];
	unsigned how = take(&w->f);
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
	answer_ask(&w->f, e, &a);
}

static void effects(struct fuzzed *f, const struct fx *fx)
{
	struct world *w = (struct world *)f;

	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_BIND && e->bind.sock > 2)
			w->last_sock = e->bind.sock;
		if (e->kind == FX_ASK && f->depth < 16)
			answer(w, e);
	}
}

static void begin(struct world *w, const struct machine_class *cls)
{
	w->iface = (struct iface){ .id = 1, .mtu = 1500, .n_addrs = 1 };
	w->iface.addrs[0] = (struct iface_addr){ .addr = addr4(10, 0, 0, 1), .plen = 24 };
	w->f.dev.ifaces = &w->iface;
	w->f.dev.n_ifaces = 1;
	begin_machine(&w->f, cls, &w->conf);
}

static void packet(struct world *w, uint32_t sock, uint16_t port)
{
	size_t len;
	uint8_t *copy = piece(&w->f, take(&w->f) * 3u, &len);

	run(&w->f, (struct ev){ .kind = EV_DATAGRAM,
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
	uint8_t buf[600] = { 0, (uint8_t)(3 + take(&w->f) % 2), 0, (uint8_t)take(&w->f) };
	size_t len = buf[1] == TFTP_ACK ? 4 : take(&w->f) & 1 ? 516 : 4 + take(&w->f);

	run(&w->f, (struct ev){ .kind = EV_DATAGRAM,
				.dgram = { .sock = w->last_sock,
					   .src = { addr4(10, 0, 0, 9), 1000 },
					   .dst = { addr4(10, 0, 0, 1), 5000 },
					   .data = buf,
					   .len = len } });
}

static void ask(struct world *w)
{
	struct ask a = { .kind = ASK_TRANSFER };
	unsigned how = take(&w->f);

	str_copy(a.transfer.host, sizeof(a.transfer.host), how & 1 ? "10.0.0.9" : "name");
	str_copy(a.transfer.path, sizeof(a.transfer.path), "f");
	str_copy(a.transfer.file, sizeof(a.transfer.file), how & 2 ? "local" : "");
	a.transfer.put = how & 4;
	a.transfer.data = (const uint8_t *)"some text";
	a.transfer.len = a.transfer.put && !(how & 2) ? 9 : 0;
	run(&w->f, (struct ev){ .kind = EV_ASK, .ask = { .ask_id = 1 + how, .ask = &a } });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .f = { .data = data, .size = size, .effects = effects } };
	unsigned how = take(&w.f);

	check_codec(&tftp_codec, (struct codec_in){ .data = data, .len = size });
	w.conf = (struct tftp_conf){ .server = true,
				     .tries = 3,
				     .retry_ns = SEC,
				     .linger_ns = 5 * SEC,
				     .no_overwrite = how & 2,
				     .blksize = how & 4 ? 1468 : 0,
				     .timeout = how & 8 ? 2 : 0,
				     .tsize = how & 16 };
	begin(&w, how & 1 ? &tftp_server_class : &tftp_client_class);
	while (w.f.size > 0) {
		unsigned what = take(&w.f);

		if (what < 80 && (how & 1))
			packet(&w, 1, (uint16_t)(1000 + what % 3));
		else if (what < 80)
			ask(&w);
		else if (what < 180)
			packet(&w, w.last_sock, (uint16_t)(1000 + (what > 170)));
		else if (what < 230)
			likely(&w);
		else
			pass_time(&w.f, take(&w.f) * 100 * MSEC);
	}
	w.f.cls->destroy(w.f.machine);
	return 0;
}
