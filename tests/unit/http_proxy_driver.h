/* http_proxy_driver.h: the proxy px, 10.0.0.3, a browser's connection to it, and the servers that
 * it asks. */
#ifndef LABD_TESTS_HTTP_PROXY_DRIVER_H
#define LABD_TESTS_HTTP_PROXY_DRIVER_H

#include "http_site.h"

#define LISTENER 1
#define SOCK	 (SOCK_ACCEPTED + 1)

static struct drv d;
static uint64_t sent;	  /* octets of the browser's stream so far */
static uint32_t up;	  /* the connection to the server */
static uint64_t received; /* octets of its stream so far */

static inline void open_browser(void)
{
	drv_opened(&d, SOCK, LISTENER, drv_ep("10.0.0.3", 8080), drv_ep("10.0.0.2", 40000));
	sent = 0;
}

static inline int setup(void **state)
{
	(void)state;
	drv_init(&d, &http_proto, KIND_SERVER, 1);
	str_copy(d.dev.hostname, sizeof(d.dev.hostname), "px");
	drv_addr(&d, 1, "10.0.0.3/24");
	drv_conf(&d, "ip http proxy-server\n");
	drv_start(&d, "http.proxy");
	drv_expect_decision(&d, "http.proxy.listen");
	open_browser();
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	drv_done(&d);
	return 0;
}

static inline void say_len(const char *text, size_t len)
{
	drv_bytes(&d, SOCK, text, len, sent);
	sent += len;
}

static inline void say(const char *text)
{
	say_len(text, strlen(text));
}

/* What the browser was sent in this window holds the parts ("a|b|!c"). */
static inline void browser_gets(const char *parts)
{
	char *got = drv_written(&d, SOCK, NULL);

	site_expect_parts("answer", got, parts);
	free(got);
}

/* A connect to the server is under way in the window: it succeeds, and the server is asked this. */
static inline void server_gets(const char *addr, uint16_t port, const char *parts)
{
	const struct fx_effect *e = drv_next_connect(&d);
	char text[ADDR_TEXT_LEN], *got;

	assert_non_null(e);
	assert_string_equal(addr_format(&e->connect.peer.addr, text), addr);
	assert_int_equal(e->connect.peer.port, port);
	up = e->connect.sock;
	received = 0;
	drv_opened(&d, up, 0, drv_ep("10.0.0.3", 5000), e->connect.peer);
	got = drv_written(&d, up, NULL);
	site_expect_parts("request", got, parts);
	free(got);
}

static inline void answer_len(const char *text, size_t len)
{
	drv_bytes(&d, up, text, len, received);
	received += len;
}

static inline void answer(const char *text)
{
	answer_len(text, strlen(text));
}

/* A GET of this address goes to its server and is answered. */
static inline void fetch(const char *request, const char *response)
{
	say(request);
	server_gets("10.0.0.1", 80, "GET /");
	answer(response);
}

#define GET(path)   "GET http://10.0.0.1" path " HTTP/1.1\r\nHost: 10.0.0.1\r\n"
#define END	    "\r\n"
#define OK(fields)  "HTTP/1.1 200 OK\r\n" fields "Content-Length: 5\r\n\r\nhello"
#define FRESH	    "Cache-Control: max-age=60\r\nETag: \"a\"\r\n"
#define NOT_CHANGED "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: max-age=30\r\n\r\n"

#endif
