/* FX_TERMINAL: a console whose person is at the far end of a machine's connection.
 *
 * Between console and machine stands a pair of sockets: one end is the console's, as labctl's is,
 * the other a stream of the machine. So both have the flow control that they have anyway. */
#include "shell_console.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shell_stream.h"

static struct console *console_with(const struct machine *m, uint32_t sock)
{
	struct console *c = console_first();

	while (c && !(c->owner == m && c->owner_sock == sock))
		c = c->next;
	return c;
}

static int open_pair(struct machine *m, const struct fx_terminal *t)
{
	int pair[2];
	struct console *c;
	struct sock *s;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	s = sock_new(m, t->sock, pair[1]);
	if (!s) {
		close(pair[0]);
		close(pair[1]);
		return -EMFILE;
	}
	s->what = SOCK_IS_STREAM;
	s->unsent = evbuffer_new();
	stream_events(s);
	c = console_new(m->node, pair[0], !t->raw, t->columns, t->rows);
	if (!c)
		return 0; /* its end is closed: the machine hears of it, after the reason */
	c->owner = m;
	c->owner_sock = t->sock;
	c->prompts = true;
	str_copy(c->from, sizeof(c->from), t->from);
	c->session.from = c->from;
	c->session.level = t->level;
	c->session.page = t->rows;
	console_start(c);
	return 0;
}

void terminal_open(struct machine *m, const struct fx_effect *e)
{
	struct console *c = console_with(m, e->terminal.sock);
	int r;

	if (c) {
		console_resize(c, e->terminal.columns, e->terminal.rows);
		c->session.page = e->terminal.rows;
		return;
	}
	r = open_pair(m, &e->terminal);
	if (r < 0)
		fail_effect(m, e, e->terminal.sock, -r, NULL);
}

void terminal_line_begins(struct console *c, const char *line)
{
	sbuf_reset(&c->line);
	c->masked = session_mask(c->node, &c->session, line, &c->line);
}

void terminal_line_done(struct console *c, int status)
{
	char *text = strdup(sbuf_text(&c->line));
	struct ev ev = { .kind = EV_LINE,
			 .line = { .sock = c->owner_sock,
				   .text = text,
				   .masked = c->masked,
				   .understood = status != 2,
				   .status = status } };

	if (!text)
		abort();
	if (sock_find(c->owner, c->owner_sock))
		deliver_later(c->owner, &ev, NULL, text);
	else
		free(text);
}
