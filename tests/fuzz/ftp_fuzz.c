/* FTP against a hostile client: octets on the control connection, among them likely commands, data
 * connections that come and go, files that are there or not, and time passing. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "ftp/ftp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CTRL SOCK_ACCEPTED

struct world {
	struct device dev;
	struct iface iface;
	struct ftp_conf conf;
	struct ftp_user user;
	const struct machine_class *cls;
	void *machine;
	nsec_t now;
	uint32_t listener, data_sock, next_sock;
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
	static const char list[] = "d 1 1 a\n- 2 9999999999999999999 b\n- x\n- 1 1 \n";
	unsigned how = take(w);
	struct answer a = { .err = how & 1 ? 0 : how & 2 ? -ENOENT : how & 4 ? -EACCES : 0 };

	if (e->ask.ask->kind == ASK_FILE && !a.err) {
		a.file.is_dir = how & 8;
		a.file.size = how * 1000;
		a.file.data = (const uint8_t *)list;
		a.file.len = how & 16 ? sizeof(list) - 1 : 0;
	}
	if (e->ask.ask->kind == ASK_LOGIN)
		a.login.privilege = how & 8 ? 15 : 1;
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
		if (e->kind == FX_LISTEN && e->listen.sock > 2)
			w->listener = e->listen.sock;
		else if (e->kind == FX_CONNECT)
			w->data_sock = e->connect.sock;
		else if (e->kind == FX_ASK && w->depth < 16)
			answer(w, e);
	}
	w->depth--;
	fx_free(fx);
}

static void opened(struct world *w, uint32_t sock, uint32_t listener, uint8_t host)
{
	run(w, (struct ev){ .kind = EV_OPENED,
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
	const char *line = lines[take(w) % ARRAY_SIZE(lines)];

	octets(w, CTRL, line, strlen(line));
}

static void ends(struct world *w)
{
	unsigned how = take(w);
	uint32_t sock = how & 1 ? w->data_sock : how & 2 ? CTRL : w->listener;

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

static void ignore_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	(void)field, (void)value;
	if (offset + len > *(const size_t *)arg)
		abort();
}

static void print(const uint8_t *data, size_t size, uint16_t from)
{
	struct codec_in in = { .data = data, .len = size, .src.port = from };
	struct sbuf out = SBUF(8192);
	const char *why = NULL;

	(void)ftp_codec.info(&in, &out, &why);
	(void)ftp_codec.fields(&in, ignore_field, &size);
	sbuf_done(&out);
}

static void step(struct world *w)
{
	unsigned what = take(w);

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
		pass_time(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = { .data = data, .size = size, .next_sock = CTRL + 1 };
	struct machine_env env = { .dev = &w.dev, .conf = &w.conf, .seed = 7 };
	unsigned how = take(&w);

	print(data, size, how & 1 ? FTP_PORT : 0);
	w.user = (struct ftp_user){ .name = "u", .password = "p", .rights = how >> 3 };
	w.conf = (struct ftp_conf){ .server = true,
				    .users = &w.user,
				    .n_users = 1,
				    .anonymous = how & 2,
				    .quota = 100000,
				    .idle_ns = FTP_IDLE_NS };
	w.iface = (struct iface){ .id = 1, .mtu = 1500, .n_addrs = 1 };
	w.iface.addrs[0] = (struct iface_addr){ .addr = addr4(10, 0, 0, 1), .plen = 24 };
	w.dev.ifaces = &w.iface;
	w.dev.n_ifaces = 1;
	w.cls = &ftp_server_class;
	w.machine = w.cls->create(&env);
	run(&w, (struct ev){ .kind = EV_START });
	opened(&w, CTRL, 1, 9);
	while (w.size > 0)
		step(&w);
	w.cls->destroy(w.machine);
	return 0;
}
