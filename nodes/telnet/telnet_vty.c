/* Between a connection and its session: keys in, screen out, and what is told of both. */
#include "telnet/telnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCK_TERMS = 16 }; /* sockets of sessions: from here on, by the connection's number */
enum { BELL = 7, CTRL_C = 3, CTRL_U = 21, DELETE = 127 };

#define CLIENT(c)  V_ADDR("client", (c)->peer.addr)
#define TERM_LINES 24
#define TERM_COLS  80

struct fx_terminal telnet_vty_terminal(const struct telnet_conn *c)
{
	struct fx_terminal t = { .sock = c->term,
				 .raw = !telnet_nvt_is_on(&c->nvt, TELNET_US, TELNET_OPT_ECHO),
				 .level = c->level };
	char addr[ADDR_TEXT_LEN];

	/* RFC 1073: 0 = unknown. */
	t.columns = c->columns ? c->columns : TERM_COLS;
	t.rows = t.raw ? 0 : c->rows ? c->rows : TERM_LINES;
	snprintf(t.from, sizeof(t.from), *c->user ? "%.20s on vty%d (%s)" : "%.0svty%d (%s)",
		 c->user, c->line, addr_format(&c->peer.addr, addr));
	return t;
}

void telnet_server_shell(struct telnet_server *s, struct telnet_conn *c, nsec_t now, struct fx *fx)
{
	struct fx_terminal t;

	c->state = TELNET_SHELL;
	c->term = SOCK_TERMS + c->number;
	t = telnet_vty_terminal(c);
	decide(fx, "telnet.server.session", CLIENT(c), V_INT("line", c->line),
	       V_TEXT("mode", t.raw ? "line by line, without echo" : "key by key, with echo"));
	fx_terminal(fx, &t);
	telnet_server_ask_line(s, c, LINE_USER, "", fx);
	telnet_server_fact(c, "open", fx);
	if (c->timeout_ns > 0)
		timer_set(&s->timers, &c->timer, now + c->timeout_ns);
	else
		timer_clear(&s->timers, &c->timer);
}

/* Keeps what is typed within a line's length; the octets that may pass go to |out|. */
static size_t bound_line(struct telnet_conn *c, const uint8_t *data, size_t len, uint8_t *out,
			 unsigned *ret_dropped)
{
	size_t n = 0;

	*ret_dropped = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t key = data[i];
		bool is_text = key != '\n' && key != CTRL_C && key != CTRL_U && key != DELETE &&
			       key != '\b';

		if (is_text && c->n_typed >= TELNET_LINE_MAX) {
			(*ret_dropped)++;
			continue;
		}
		if (is_text)
			c->n_typed++;
		else if (key == DELETE || key == '\b')
			c->n_typed -= c->n_typed > 0;
		else
			c->n_typed = 0;
		out[n++] = key;
	}
	return n;
}

static void overlong(struct telnet_conn *c, unsigned dropped, struct fx *fx)
{
	uint8_t bell = BELL;

	decide(fx, "telnet.server.drop-overlong", CLIENT(c), V_INT("count", dropped),
	       V_INT("limit", TELNET_LINE_MAX));
	telnet_nvt_write(&c->nvt, &bell, 1, fx);
}

void telnet_vty_keys(struct telnet_server *s, struct telnet_conn *c, const uint8_t *data,
		     size_t len, const struct ev *ev, struct fx *fx)
{
	uint8_t *out = malloc(len + 1);
	unsigned dropped;
	size_t n;

	if (!out)
		abort();
	n = bound_line(c, data, len, out, &dropped);
	if (n > 0 && memchr(out, '\n', n)) {
		c->line_cause = ev->cause;
		telnet_server_ask_line(s, c, LINE_TOUCH, "", fx);
	} else if (n > 0) {
		c->key_cause = ev->cause;
		c->n_keys += (unsigned)n;
	}
	if (n > 0)
		fx_write(fx, c->term, out, n);
	free(out);
	if (dropped > 0)
		overlong(c, dropped, fx);
	if (c->timeout_ns > 0)
		timer_set(&s->timers, &c->timer, ev->now + c->timeout_ns);
}

/* What the session shows: the result of a line, or the echo of keys. */
void telnet_vty_shows(struct telnet_conn *c, const struct ev *ev, struct fx *fx)
{
	bool echo = telnet_nvt_is_on(&c->nvt, TELNET_US, TELNET_OPT_ECHO);
	struct val line = V_TEXT("line", c->last_line);

	if (c->line_done) {
		fx_because(fx, c->line_cause);
		if (c->line_understood)
			decide(fx, "telnet.server.result", CLIENT(c), line);
		else
			decide(fx, "telnet.server.error", CLIENT(c), line);
	} else if (c->n_keys > 0 && echo) {
		fx_because(fx, c->key_cause);
		decide(fx, "telnet.server.echo", CLIENT(c), V_INT("keys", c->n_keys));
	}
	c->line_done = false;
	c->n_keys = 0;
	telnet_nvt_write(&c->nvt, ev->bytes.data, ev->bytes.len, fx);
}

/* A line ran in the session. */
void telnet_vty_ran(struct telnet_conn *c, const struct ev *ev, struct fx *fx)
{
	if (*ev->line.text) {
		c->n_lines++;
		sbuf_printf(&c->typed, "%s%s", c->typed.len > 0 ? "; " : "", ev->line.text);
	}
	c->line_done = *ev->line.text;
	c->line_understood = ev->line.understood;
	str_copy(c->last_line, sizeof(c->last_line), ev->line.text);
	if (ev->line.masked) {
		fx_because(fx, c->line_cause);
		decide(fx, "telnet.mask-secrets", CLIENT(c), V_TEXT("line", ev->line.text));
	}
}
