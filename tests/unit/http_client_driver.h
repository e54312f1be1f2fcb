/* http_client_driver.h: the browser of a PC, 10.0.0.2, and the servers that it asks. */
#ifndef LABD_TESTS_HTTP_CLIENT_DRIVER_H
#define LABD_TESTS_HTTP_CLIENT_DRIVER_H

#include "http_site.h"

static struct drv d;
static uint32_t sock;	  /* of the connection under way */
static uint64_t received; /* octets of its stream so far */

static inline int setup(void **state)
{
	(void)state;
	drv_init(&d, &http_proto, KIND_PC, 1);
	drv_addr(&d, 1, "10.0.0.2/24");
	drv_start(&d, "http.client");
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	drv_done(&d);
	site_clear();
	return 0;
}

/* A connect is under way in the window: it succeeds. The request, to be freed. */
static inline char *accept_connect(const char *addr, uint16_t port)
{
	const struct fx_effect *e = drv_next_connect(&d);
	char text[ADDR_TEXT_LEN];

	assert_string_equal(addr_format(&e->connect.peer.addr, text), addr);
	assert_int_equal(e->connect.peer.port, port);
	sock = e->connect.sock;
	received = 0;
	drv_opened(&d, sock, 0, drv_ep("10.0.0.2", 5000), e->connect.peer);
	return drv_written(&d, sock, NULL);
}

static inline void request_of(char *got, const char *parts)
{
	site_expect_parts("request", got, parts);
	free(got);
}

static inline void respond_len(const char *text, size_t len)
{
	drv_bytes(&d, sock, text, len, received);
	received += len;
}

static inline void respond(const char *text)
{
	respond_len(text, strlen(text));
}

/* A command, its connection, and what it asks. */
static inline void ask(const char *command, const char *parts)
{
	drv_command(&d, command);
	request_of(accept_connect("10.0.0.1", 80), parts);
}

static const char ok[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

static const char challenge[] = "HTTP/1.1 401 Unauthorized\r\n"
				"WWW-Authenticate: Digest realm=\"d\", Basic realm=\"b\"\r\n"
				"Content-Length: 0\r\n\r\n";

#endif
