/* FTP against a hostile client: octets on the control connection, among them likely commands, data
 * connections that come and go, files that are there or not, and time passing. */
#include "ftp/ftp.h"
#include "machine_fuzz.h"

#define CTRL SOCK_ACCEPTED

struct world {
	struct fuzzed f; /* the first: effects() finds the world by it */
	struct iface iface;
	struct ftp_conf conf;
	struct ftp_user user;
	uint32_t listener, data_sock, next_sock;
};

static void answer(struct world *w, const struct fx_effect *e)
{
	static const char list[] = "d 1 1 a\n- 2 9999999999999999999 b\n- x\n- 1 1 \n";
	unsigned how = take(&w->f);
	struct answer a = { .err = how & 1 ? 0 : how & 2 ? -ENOENT : how & 4 ? -EACCES : 0 };

	if (e->ask.ask->kind == ASK_FILE && !a.err) {
		a.file.is_dir = how & 8;
		a.file.size = how * 1000;
		a.file.data = (const uint8_t *)list;
		a.file.len = how & 16 ? sizeof(list) - 1 : 0;
	}
	if (e->ask.ask->kind == ASK_LOGIN)
		a.login.privilege = how & 8 ? 15 : 1;
	answer_ask(&w->f, e, &a);
}

static void effects(struct fuzzed *f, const struct fx *fx)
{
	struct world *w = (struct world *)f;

	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_LISTEN && e->listen.sock > 2)
			w->listener = e->listen.sock;
		else if (e->kind == FX_CONNECT)
			w->data_sock = e->connect.sock;
		else if (e->kind == FX_ASK && f->depth < 16)
			answer(w, e);
	}
}

static void opened(struct world *w, uint32_t sock, uint32_t listener, uint8_t host)
{
	run(&w->f, (struct ev){ .kind = EV_OPENED,
				.opened = { .sock = sock,
					    .listener = listener,
					    .local = { addr4(10, 0, 0, 1), 21 },
					    .peer = { addr4(10, 0, 0, host), 5000 } } });
}

static void octets(struct world *w, uint32_t sock, const void *data, size_t len)
{
	uint8_t *copy = malloc(len + 1);

	if (!copy)
		return;
	memcpy(copy, data, len);
	run(&w->f,
	    (struct ev){ .kind = EV_BYTES, .bytes = { .sock = sock, .data = copy, .len = len } });
	free(copy);
}

static void some_octets(struct world *w, uint32_t sock)
{
	size_t len;
	uint8_t *copy = piece(&w->f, take(&w->f) * 5u, &len);

	if (copy)
		octets(w, sock, copy, len);
	free(copy);
}

static void likely(struct world *w)
{
	static const char *const lines[] = {
		"USER u\r\nPASS p\r\n",
		"PASV\r\n",
		"EPSV\r\n",
		"PORT 10,0,0,9,200,1\r\n",
		"RETR f\r\n",
		"STOR f\r\n",
		"APPE d/f\r\n",
		"LIST\r\n",
		"MLSD x\r\n",
		"NLST -l\r\n",
		"ABOR\r\n",
		"TYPE A\r\n",
		"TYPE I\r\n",
		"REST 5\r\n",
		"RNFR a\r\n",
		"RNTO b\r\n",
		"CWD a/b\r\n",
		"CDUP\r\n",
		"MKD c\r\n",
		"MLST\r\n",
		"SIZE f\r\n",
		"USER nobody\r\nPASS x\r\n",
		"QUIT\r\n",
		"FEAT\r\nSTAT\r\n",
	};
	const char *line = lines[take(&w->f) % ARRAY_SIZE(lines)];

	octets(w, CTRL, line, strlen(line));
}

static void ends(struct world *w)
{
	unsigned how = take(&w->f);
	uint32_t sock = how & 1 ? w->data_sock : how & 2 ? CTRL : w->listener;

	if (how & 4)
		run(&w->f, (struct ev){ .kind = EV_DRAINED, .closed.sock = w->data_sock });
	else if (how & 8)
		run(&w->f, (struct ev){ .kind = EV_DONE,
					.done = { .what = how & 16 ? FX_LISTEN : FX_CONNECT,
						  .sock = sock,
						  .err = EADDRINUSE,
						  .text = "in use" } });
	else
		run(&w->f,
		    (struct ev){ .kind = EV_CLOSED,
				 .closed = { .sock = sock, .err = how & 32 ? ECONNRESET : 0 } });
}

static void step(struct world *w)
{
	unsigned what = take(&w->f);

	if (what < 120) {
		likely(w);
	} else if (what < 150) {
		some_octets(w, CTRL);
	} else if (what < 170) {
		some_octets(w, w->data_sock);
	} else if (what < 200) {
		w->data_sock = what & 1 ? w->next_sock++ : w->data_sock;
		opened(w, w->data_sock, what & 1 ? w->listener : 0, what & 2 ? 9 : 66);
	} else if (what < 230) {
		ends(w);
	} else if (what < 240) {
		opened(w, CTRL, 1, 9);
	} else {
		pass_time(&w->f, take(&w->f) * SEC);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .f = { .data = data, .size = size, .effects = effects },
			   .next_sock = CTRL + 1 };
	unsigned how = take(&w.f);

	check_codec(
		&ftp_codec,
		(struct codec_in){ .data = data, .len = size, .src.port = how & 1 ? FTP_PORT : 0 });
	w.user = (struct ftp_user){ .name = "u", .password = "p", .rights = how >> 3 };
	w.conf = (struct ftp_conf){ .server = true,
				    .users = &w.user,
				    .n_users = 1,
				    .anonymous = how & 2,
				    .quota = 100000,
				    .idle_ns = FTP_IDLE_NS };
	w.iface = (struct iface){ .id = 1, .mtu = 1500, .n_addrs = 1 };
	w.iface.addrs[0] = (struct iface_addr){ .addr = addr4(10, 0, 0, 1), .plen = 24 };
	w.f.dev.ifaces = &w.iface;
	w.f.dev.n_ifaces = 1;
	begin_machine(&w.f, &ftp_server_class, &w.conf);
	opened(&w, CTRL, 1, 9);
	while (w.f.size > 0)
		step(&w);
	w.f.cls->destroy(w.f.machine);
	return 0;
}
