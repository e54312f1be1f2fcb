/* Output of commands page by page, where the session has a page length: " --More-- ", then a blank
 * for the next page, Enter for a line, q to drop the rest. */
#include "shell_console.h"

#include <event2/buffer.h>

#define HELD_MAX (4u << 20)
#define MORE	 " --More-- "
#define ERASE	 "\r          \r"
#define CTRL_C	 0x03

/* Octets up to the end of the first line; of what has none, all. */
static size_t line_len(struct evbuffer *b, bool *ret_whole)
{
	size_t eol_len = 0;
	struct evbuffer_ptr at = evbuffer_search_eol(b, NULL, &eol_len, EVBUFFER_EOL_LF);

	*ret_whole = at.pos >= 0;
	return at.pos >= 0 ? (size_t)at.pos + eol_len : evbuffer_get_length(b);
}

static void show_held(struct console *c)
{
	while (evbuffer_get_length(c->held) > 0) {
		bool whole;
		size_t len;

		if (c->session.page > 1 && c->n_shown >= c->session.page - 1) {
			c->more = true;
			console_put(c, MORE, sizeof(MORE) - 1);
			return;
		}
		len = line_len(c->held, &whole);
		console_put(c, (const char *)evbuffer_pullup(c->held, (ev_ssize_t)len), len);
		evbuffer_drain(c->held, len);
		c->n_shown += whole;
	}
}

void console_page(struct console *c, const char *text, size_t len)
{
	if (c->session.page == 0 && !c->more) {
		console_put(c, text, len);
		return;
	}
	if (!c->held)
		c->held = evbuffer_new();
	if (evbuffer_get_length(c->held) + len <= HELD_MAX)
		evbuffer_add(c->held, text, len);
	if (!c->more)
		show_held(c);
}

void console_page_key(struct console *c, unsigned char key)
{
	c->more = false;
	console_put(c, ERASE, sizeof(ERASE) - 1);
	if (key == 'q' || key == 'Q' || key == CTRL_C)
		evbuffer_drain(c->held, evbuffer_get_length(c->held));
	if (key == '\r' || key == '\n')
		c->n_shown--;
	else
		c->n_shown = 0;
	show_held(c);
	if (!c->more && !c->session.busy)
		event_active(c->next_ev, EV_TIMEOUT, 0);
}
