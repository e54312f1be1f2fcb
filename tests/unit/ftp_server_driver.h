/* An FTP server and a client of it, driven by hand. Include after cmocka.h. */
#ifndef LABD_TESTS_FTP_SERVER_DRIVER_H
#define LABD_TESTS_FTP_SERVER_DRIVER_H

#include <errno.h>

#include "ftp/ftp_server.h"
#include "machine_driver.h"

#define US   "10.0.0.1"
#define PEER "10.0.0.9"
#define CTRL SOCK_ACCEPTED
#define DATA (SOCK_ACCEPTED + 100)
#define USERS \
	"ip ftp server user ann password pw rights rwdnl\nip ftp server user bob password pw\n"

static uint64_t sent_octets; /* on the control connection */

static inline void begin(struct drv *d, const char *conf)
{
	drv_init(d, &ftp_proto, KIND_SERVER, 1);
	drv_addr(d, 1, US "/24");
	drv_conf(d, conf);
	drv_start(d, "ftp.server");
	sent_octets = 0;
}

static inline void connects(struct drv *d, uint32_t sock, const char *peer)
{
	drv_opened(d, sock, strchr(peer, ':') ? 2 : 1,
		   drv_ep(strchr(peer, ':') ? "fd00::1" : US, FTP_PORT), drv_ep(peer, 50000));
}

static inline void octets(struct drv *d, const void *data, size_t len)
{
	drv_bytes(d, CTRL, data, len, sent_octets);
	sent_octets += len;
}

static inline void say(struct drv *d, const char *line)
{
	char text[3000];

	snprintf(text, sizeof(text), "%s\r\n", line);
	octets(d, text, strlen(text));
}

/* The last reply of the window begins so. */
static inline void hears(struct drv *d, const char *want)
{
	size_t len;
	char *all = drv_written(d, CTRL, &len), *last = all;

	for (char *p = all; (p = strstr(p, "\r\n")) != NULL && p[2];)
		last = p += 2;
	if (strncmp(last, want, strlen(want)) != 0)
		fail_msg("wanted %s, heard %s", want, all);
	free(all);
}

static inline void says(struct drv *d, const char *line, const char *want)
{
	say(d, line);
	hears(d, want);
}

/* Answers the question about a file that is open. */
static inline void file_is(struct drv *d, enum file_op op, struct answer a)
{
	const struct fx_effect *e = drv_next_ask(d);

	assert_int_equal(e->ask.ask->kind, ASK_FILE);
	assert_int_equal(e->ask.ask->file.op, op);
	if (a.err)
		str_copy(a.why, sizeof(a.why), strerror(-a.err));
	drv_answer(d, e->ask.ask_id, &a);
}
#define FILE_OF(n) ((struct answer){ .file = { .size = (n), .mtime_ns = 1767254400 * SEC } })
#define A_DIR	   ((struct answer){ .file.is_dir = true })
#define FAILS(e)   ((struct answer){ .err = -(e) })
#define DONE	   ((struct answer){ 0 })

static inline void logs_in(struct drv *d, const char *user)
{
	char line[80];

	connects(d, CTRL, PEER);
	hears(d, "220 dut FTP server ready.");
	snprintf(line, sizeof(line), "USER %s", user);
	says(d, line, "331 ");
	says(d, "PASS pw", "230 ");
}

/* PASV, and the client opens the connection. */
static inline void opens_data(struct drv *d)
{
	uint32_t listener;

	say(d, "PASV");
	listener = drv_want(d, FX_LISTEN, "listen")->listen.sock;
	drv_opened(d, DATA, listener, drv_ep(US, 61000), drv_ep(PEER, 50001));
	drv_expect_decision(d, "ftp.server.passive-mode");
}

#endif
