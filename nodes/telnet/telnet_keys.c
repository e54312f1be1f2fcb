/* What the person types at the client: keys one by one, or lines; and the escape sequence. */
#include "telnet/telnet_client.h"

#include <stdlib.h>
#include <string.h>

enum { BACKSPACE = 8, CTRL_U = 21, CTRL_BRACKET = 29, CTRL_CARET = 30, DELETE = 127 };

static bool by_key(const struct session *s)
{
	return telnet_nvt_is_on(&s->nvt, TELNET_HIM, TELNET_OPT_ECHO) &&
	       telnet_nvt_is_on(&s->nvt, TELNET_HIM, TELNET_OPT_SGA);
}

static void send_keys(struct session *s, const char *keys, size_t len, struct fx *fx)
{
	decide(fx, "telnet.client.key-packet", SERVER(s), V_INT("keys", len));
	for (size_t i = 0; i < len; i++) {
		char key = keys[i];

		if (key != '\r' && key != '\n') {
			telnet_nvt_write(&s->nvt, &key, 1, fx);
			continue;
		}
		decide(fx, "telnet.eol", V_ADDR("peer", s->peer.addr),
		       V_TEXT("deed", "sent CR NUL as a line end to"));
		fx_write(fx, s->nvt.sock, "\r\0", 2);
	}
}

static void send_line(struct session *s, struct fx *fx)
{
	decide(fx, "telnet.eol", V_ADDR("peer", s->peer.addr),
	       V_TEXT("deed", "sent CR LF as a line end to"));
	sbuf_puts(&s->line, "\r\n");
	telnet_nvt_write(&s->nvt, s->line.data, s->line.len, fx);
	sbuf_reset(&s->line);
}

/* Line by line, with the echo on this side; without a terminal there is none. */
static void edit_line(struct session *s, char key, struct fx *fx)
{
	bool echo = s->columns > 0;

	if (key == '\r' || key == '\n') {
		if (echo)
			telnet_show_text(s, "\n", fx);
		send_line(s, fx);
	} else if (key == BACKSPACE || key == DELETE) {
		if (s->line.len > 0 && echo)
			telnet_show_text(s, "\b \b", fx);
		s->line.len -= s->line.len > 0;
	} else if (key == CTRL_U) {
		for (; s->line.len > 0 && echo; s->line.len--)
			telnet_show_text(s, "\b \b", fx);
		s->line.len = 0;
	} else if (sbuf_put(&s->line, &key, 1) == 0 && echo) {
		telnet_show(s, &key, 1, fx);
	}
}

static void suspend(struct session *s, struct fx *fx)
{
	uint32_t call = s->call;

	decide(fx, "telnet.client.escape", SERVER(s));
	fx_print(fx, call, "\n");
	s->call = 0;
	s->caret = false;
	fx_cmd_done(fx, call, 0);
}

/* Ctrl-Shift-6 x (IOS), Ctrl-] (PC). */
static bool is_escape(const struct telnet_client *c, struct session *s, char key)
{
	bool caret = s->caret;

	s->caret = c->dev->kind == KIND_ROUTER && key == CTRL_CARET;
	return (caret && (key == 'x' || key == 'X')) ||
	       (c->dev->kind != KIND_ROUTER && key == CTRL_BRACKET);
}

void telnet_typed(struct telnet_client *c, struct session *s, const char *keys, size_t len,
		  struct fx *fx)
{
	char *rest = malloc(len + 1);
	size_t n = 0;

	if (!rest)
		abort();
	for (size_t i = 0; i < len && s->call; i++) {
		if (is_escape(c, s, keys[i]))
			suspend(s, fx);
		else if (s->caret)
			continue;
		else if (by_key(s))
			rest[n++] = keys[i];
		else
			edit_line(s, keys[i], fx);
	}
	if (n > 0)
		send_keys(s, rest, n, fx);
	free(rest);
}
