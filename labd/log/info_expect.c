#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/log/info.h"

#define EXPECTS_MAX    4096u
#define EXPECT_LIFE_NS (300 * SEC)
#define FTP_LINE_MAX   512

/* A ring: the newest announcements, looked through from the newest back. Conversations begin
 * rarely, and nearly all of them find their codec by its port. */
struct expect {
	uint8_t ip_proto;
	struct ep ep;
	struct app app;
	int64_t at_ns;
};

struct expects {
	struct expect ring[EXPECTS_MAX];
	uint32_t n, next;
};

struct expects *expects_new(void)
{
	return calloc(1, sizeof(struct expects));
}

struct expects *expects_free(struct expects *x)
{
	free(x);
	return NULL;
}

void expects_add(struct expects *x, uint8_t ip_proto, const struct ep *ep, const struct app *app,
		 int64_t now_ns)
{
	x->ring[x->next] =
		(struct expect){ .ip_proto = ip_proto, .ep = *ep, .app = *app, .at_ns = now_ns };
	x->next = (x->next + 1) % EXPECTS_MAX;
	if (x->n < EXPECTS_MAX)
		x->n++;
}

const struct app *expects_find(struct expects *x, uint8_t ip_proto, const struct ep *ep,
			       int64_t now_ns)
{
	for (uint32_t i = 1; i <= x->n; i++) {
		const struct expect *e = &x->ring[(x->next + EXPECTS_MAX - i) % EXPECTS_MAX];

		if (now_ns - e->at_ns > EXPECT_LIFE_NS)
			return NULL;
		if (e->ip_proto == ip_proto && e->ep.port == ep->port &&
		    addr_equal(&e->ep.addr, &ep->addr))
			return &e->app;
	}
	return NULL;
}

/* RFC 959 §4.1.2: h1,h2,h3,h4,p1,p2, somewhere in the line. */
static bool read_six(const char *text, struct ep *ret)
{
	unsigned n[6];

	if (sscanf(text, "%3u,%3u,%3u,%3u,%3u,%3u", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]) != 6)
		return false;
	for (unsigned i = 0; i < 6; i++)
		if (n[i] > 255)
			return false;
	ret->addr = addr4((uint8_t)n[0], (uint8_t)n[1], (uint8_t)n[2], (uint8_t)n[3]);
	ret->port = (uint16_t)(n[4] << 8 | n[5]);
	return true;
}

/* RFC 2428 §3: |||port| in an answer; §2: |1|10.0.0.1|1025| in a command. */
static bool read_bars(const char *text, const struct addr *sender, struct ep *ret)
{
	char addr[ADDR_TEXT_LEN] = "";
	unsigned port;

	ret->addr = *sender;
	if (sscanf(text, "|||%5u|", &port) != 1) {
		if (sscanf(text, "|%*1u|%45[0-9a-fA-F.:]|%5u|", addr, &port) != 2 ||
		    addr_parse(addr, &ret->addr) < 0)
			return false;
	}
	if (port > UINT16_MAX)
		return false;
	ret->port = (uint16_t)port;
	return true;
}

static bool announces(const char *line, const struct addr *sender, const char **ret_mode,
		      struct ep *ret)
{
	const char *open = strchr(line, '(');

	if (strncmp(line, "227 ", 4) == 0) {
		*ret_mode = "(PASV)";
		return open && read_six(open + 1, ret);
	}
	if (strncmp(line, "229 ", 4) == 0) {
		*ret_mode = "(EPASV)";
		return open && read_bars(open + 1, sender, ret);
	}
	if (strncmp(line, "PORT ", 5) == 0) {
		*ret_mode = "(PORT)";
		return read_six(line + 5, ret);
	}
	if (strncmp(line, "EPRT ", 5) == 0) {
		*ret_mode = "(EPRT)";
		return read_bars(line + 5, sender, ret);
	}
	return false;
}

void expects_read_ftp(struct expects *x, const struct pkt *pkt, int64_t now_ns)
{
	struct app app = { .kind = APP_FTP_DATA };
	char line[FTP_LINE_MAX];
	const char *mode;
	struct ep ep;

	str_copy_n(line, sizeof(line), (const char *)pkt->data + pkt->payload_off,
		   pkt->payload_cap < sizeof(line) ? pkt->payload_cap : sizeof(line) - 1);
	if (!announces(line, &pkt->src.addr, &mode, &ep))
		return;
	str_copy(app.what, sizeof(app.what), mode);
	expects_add(x, IPPROTO_NUM_TCP, &ep, &app, now_ns);
}
