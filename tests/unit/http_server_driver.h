/* http_server_driver.h: the web server dut, 10.0.0.1, with a site of every kind of file, and a
 * connection to it. */
#ifndef LABD_TESTS_HTTP_SERVER_DRIVER_H
#define LABD_TESTS_HTTP_SERVER_DRIVER_H

#include "http_site.h"

#define LISTENER 1
#define SOCK	 (SOCK_ACCEPTED + 1)

static const char config[] =
	"ip http server\n"
	"ip http user ann password secret\n"
	"ip http user bob password hidden\n"
	"ip http protect /private\n"
	"ip http protect /private/ann user ann\n"
	"ip http protect /upload/safe\n"
	"ip http writable /upload\n"
	"ip http type lab application/x-lab\n"
	"ip http script /hello.cgi <p>Hello {form.name} from {client}, {not.mine}</p>\n"
	"ip http script /book.cgi @insert guests\n"
	"ip http script /book.cgi @each guests <li>{row.number} {row.name}</li>\n"
	"ip http script /find.cgi @type text/plain\n"
	"ip http script /find.cgi {count.guests} of {host}:\n"
	"ip http script /find.cgi @match guests name {row.number}={row.name}\n"
	"ip http script /mute.cgi @insert log\n"
	"ip http script /silent.cgi @type text/plain\n";

static struct drv d;
static uint64_t sent; /* octets of the stream so far */
static unsigned n_peers;

static inline void open_as(uint32_t sock, const char *peer)
{
	drv_opened(&d, sock, LISTENER, drv_ep("10.0.0.1", 80),
		   drv_ep(peer, (uint16_t)(40000 + n_peers++)));
	sent = 0;
}

static inline int setup(void **state)
{
	char big[40000];

	(void)state;
	drv_init(&d, &http_proto, KIND_SERVER, 1);
	drv_addr(&d, 1, "10.0.0.1/24");
	site_text("index.html", "<h1>Home</h1>\n");
	site_text("a/b c.txt", "text\n");
	site_text("a/index.html", "in a\n");
	site_dir("a");
	site_dir("empty");
	site_put("logo.png", "\x89PNG", 4);
	site_text("data.bin", "0123456789");
	site_text("x.lab", "lab\n");
	site_text("none.html", "");
	memset(big, 'x', sizeof(big));
	site_put("big.dat", big, sizeof(big));
	site_text("private/index.html", "for users\n");
	site_text("private/ann/x.html", "for ann\n");
	site_text("upload/old.txt", "old\n");
	site_dir("upload/dir");
	site_error("outside.html", -EACCES);
	site_error("broken.html", -EIO);
	site_error("upload/full.txt", -ENOSPC);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	drv_done(&d);
	site_clear();
	return 0;
}

static inline void start(const char *more)
{
	drv_conf(&d, config);
	if (more)
		drv_conf(&d, more);
	drv_start(&d, "http.server");
	drv_expect_decision(&d, "http.server.listen");
	assert_int_equal(drv_want(&d, FX_LISTEN, "listen")->listen.local.port, 80);
	open_as(SOCK, "10.0.0.2");
}

/* Octets in; all that is written, as text; the caller frees. Files answer at once. */
static inline char *say_len(uint32_t sock, const char *text, size_t len)
{
	drv_bytes(&d, sock, text, len, sent);
	sent += len;
	site_answer(&d);
	return drv_written(&d, sock, NULL);
}

static inline char *say(const char *text)
{
	return say_len(SOCK, text, strlen(text));
}

static const char *row_now = ""; /* what is being tried, for messages */

static inline void must_hold(const char *got, const char *part)
{
	if (!strstr(got, part))
		fail_msg("%s: no \"%s\" in:\n%s", row_now, part, got);
}

static inline bool closed_now(void)
{
	return drv_count(&d, FX_CLOSE) > 0;
}

#define HOST   "Host: www\r\n"
#define GET(x) "GET " x " HTTP/1.1\r\n" HOST
#define END    "\r\n"
#define ANN    "Authorization: Basic YW5uOnNlY3JldA==\r\n"
#define WRONG  "Authorization: Basic YW5uOndyb25n\r\n"
#define BOB    "Authorization: Basic Ym9iOmhpZGRlbg==\r\n"
#define FORM   "Content-Type: application/x-www-form-urlencoded\r\n"

#endif
