/* People at a terminal: line editing, history, `?`, Tab, many sessions in one loop.
 *
 * libedit wants a terminal to ask for its modes and a blocking read; here it gets one idle
 * pseudo-terminal for the first (no data passes through it) and, for the second, one key at a time
 * from a queue, in its unbuffered mode. Keys that are several octets long are held back until they
 * are whole. Without a terminal (labctl's standard input is a file or a pipe) lines are just read.
 */
#include "shell_console.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_MAX		 8192
#define OUT_MAX		 (4u << 20)
#define HISTORY_LINES	 200
#define KEY_CTRL_C	 0x03
#define KEY_CTRL_D	 0x04
#define KEY_CTRL_U	 0x15
#define KEY_ESCAPE	 0x1b
#define KEY_DELETE	 0x7f
#define SECRET_MAX	 127
#define ESCAPE_WAIT_USEC 50000

static struct console *consoles;
static unsigned n_consoles;

/* --- output ------------------------------------------------------------------------------- */

void console_put(struct console *c, const char *text, size_t len)
{
	bool crlf = c->terminal || c->owner;

	if (evbuffer_get_length(c->out) + len > OUT_MAX)
		return; /* a reader that stalls loses its own output, and harms nobody else */
	for (size_t i = 0; crlf && i < len; i++) {
		if (text[i] == '\n')
			evbuffer_add(c->out, "\r", 1);
		evbuffer_add(c->out, text + i, 1);
	}
	if (!crlf)
		evbuffer_add(c->out, text, len);
	event_add(c->write_ev, NULL);
}

static ssize_t cookie_write(void *arg, const char *text, size_t len)
{
	console_put(arg, text, len);
	return (ssize_t)len;
}

static void console_output(struct session *s, const char *text, size_t len)
{
	console_page(s->arg, text, len);
}

static void console_free(struct console *c)
{
	struct console **p = &consoles;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	n_consoles--;
	session_gone(c->node, &c->session);
	if (c->el)
		el_end(c->el);
	if (c->history)
		history_end(c->history);
	if (c->out_file)
		fclose(c->out_file);
	if (c->tty_file)
		fclose(c->tty_file);
	event_free(c->read_ev);
	event_free(c->write_ev);
	event_free(c->next_ev);
	evbuffer_free(c->in);
	evbuffer_free(c->out);
	sbuf_done(&c->secret);
	sbuf_done(&c->line);
	if (c->held)
		evbuffer_free(c->held);
	close(c->fd);
	free(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;

	(void)what;
	if (evbuffer_write(c->out, fd) < 0 && errno != EAGAIN && errno != EINTR) {
		console_free(c);
		return;
	}
	if (evbuffer_get_length(c->out) > 0)
		event_add(c->write_ev, NULL);
	else if (c->ended && !c->session.busy)
		console_free(c);
}

static bool hears(const struct console *c, unsigned to)
{
	if (!c->terminal)
		return false;
	return c->owner ? c->session.monitor && (to & BIT(CONSOLE_MONITOR))
			: (to & BIT(CONSOLE_LOCAL)) != 0;
}

void console_tell(unsigned to, const char *text, size_t len)
{
	for (struct console *c = consoles; c; c = c->next) {
		if (!hears(c, to))
			continue;
		console_put(c, "\r\033[K", 4);
		console_put(c, text, len);
		if (c->prompting)
			el_set(c->el, EL_REFRESH);
	}
}

/* --- input -------------------------------------------------------------------------------- */

struct console *console_of(EditLine *el)
{
	struct console *c = NULL;

	el_get(el, EL_CLIENTDATA, &c);
	return c;
}

static char *prompt_of(EditLine *el)
{
	return console_of(el)->prompt;
}

static void make_prompt(struct console *c)
{
	struct sbuf p = SBUF(sizeof(c->prompt) - 1);

	if (c->asking)
		return; /* its prompt is the command's */
	session_prompt(c->node, &c->session, &p);
	str_copy(c->prompt, sizeof(c->prompt), sbuf_text(&p));
	c->session.prompt_width = c->terminal || c->prompts ? (unsigned)p.len : 0;
	sbuf_done(&p);
}

static void run_line(struct console *c, const char *line)
{
	if (c->terminal && *line)
		history(c->history, &c->hist_event, H_ENTER, line);
	c->n_shown = 0;
	if (c->owner)
		terminal_line_begins(c, line);
	session_line(c->node, &c->session, line);
}

/* Length of the key at the front of the queue; 0 = its end has not come yet. */
static size_t key_len(struct console *c)
{
	size_t have = evbuffer_get_length(c->in);
	unsigned char *b = evbuffer_pullup(c->in, have < 16 ? (ev_ssize_t)have : 16);

	if (have == 0)
		return 0;
	if (b[0] != KEY_ESCAPE)
		return 1;
	if (have == 1)
		return 0;
	if (b[1] != '[' && b[1] != 'O')
		return 2;
	for (size_t i = 2; i < have && i < 16; i++)
		if (b[i] >= 0x40 && b[i] <= 0x7e)
			return i + 1;
	return have >= 16 ? 16 : 0;
}

static int get_char(EditLine *el, wchar_t *out)
{
	struct console *c = console_of(el);
	unsigned char b;

	errno = 0;
	if (evbuffer_remove(c->in, &b, 1) != 1)
		return 0;
	*out = b;
	return 1;
}

static bool line_is_empty(EditLine *el)
{
	const LineInfo *li = el_line(el);

	return li->lastchar == li->buffer;
}

static void new_line(struct console *c)
{
	if (!c->terminal) {
		make_prompt(c);
		console_put(c, c->prompt, strlen(c->prompt));
		return;
	}
	el_set(c->el, EL_UNBUFFERED, 0);
	make_prompt(c);
	el_set(c->el, EL_UNBUFFERED, 1);
	c->prompting = true;
}

/* --- input of a running command ------------------------------------------------------------- */

static void console_input(struct session *s, enum input_mode mode, const char *prompt)
{
	struct console *c = s->arg;

	c->asking = true;
	c->asked = false;
	c->mode = mode;
	str_copy(c->prompt, sizeof(c->prompt), prompt);
	event_active(c->next_ev, EV_TIMEOUT, 0);
}

static void show_question(struct console *c)
{
	c->asked = true;
	if (c->terminal && c->mode == INPUT_LINE) {
		el_set(c->el, EL_UNBUFFERED, 0);
		el_set(c->el, EL_UNBUFFERED, 1);
		c->prompting = true;
	} else {
		console_put(c, c->prompt, strlen(c->prompt));
	}
}

static void answered(struct console *c, const char *text, size_t len, enum input_how how)
{
	if (c->mode != INPUT_KEYS)
		c->asking = false;
	session_typed(c->node, &c->session, text, len, how);
}

static void interrupt(struct console *c)
{
	console_put(c, "^C\n", 3);
	el_set(c->el, EL_UNBUFFERED, 0);
	el_reset(c->el);
	if (c->asking) {
		answered(c, "", 0, INPUT_CANCELLED);
		return;
	}
	make_prompt(c);
	el_set(c->el, EL_UNBUFFERED, 1);
}

static void take_secret(struct console *c, unsigned char b)
{
	if (b == '\r' || b == '\n' || b == KEY_CTRL_C) {
		console_put(c, "\n", 1);
		answered(c, sbuf_text(&c->secret), c->secret.len,
			 b == KEY_CTRL_C ? INPUT_CANCELLED : INPUT_TYPED);
		memset(c->secret.data ? c->secret.data : (char *)&b, 0, c->secret.len);
		sbuf_reset(&c->secret);
	} else if (b == '\b' || b == KEY_DELETE) {
		c->secret.len -= c->secret.len > 0;
		sbuf_puts(&c->secret, "");
	} else if (b == KEY_CTRL_U) {
		sbuf_reset(&c->secret);
	} else {
		sbuf_put(&c->secret, &b, 1);
	}
}

/* Takes what was typed for the command that asks; libedit has INPUT_LINE with a terminal. */
static void take_raw(struct console *c)
{
	unsigned char keys[1024];
	int n = evbuffer_remove(c->in, keys, c->mode == INPUT_KEYS ? sizeof(keys) : 1);

	if (n <= 0)
		return;
	if (c->mode == INPUT_KEYS)
		answered(c, (const char *)keys, (size_t)n, INPUT_TYPED);
	else
		take_secret(c, keys[0]);
}

/* One key to libedit; runs the line that it completes. */
static void edit_key(struct console *c)
{
	char line[LINE_MAX_LEN];
	const char *text;
	int count = 0;

	text = el_gets(c->el, &count);
	if (!text || count <= 0 || (text[count - 1] != '\n' && text[count - 1] != '\r'))
		return;
	str_copy_n(line, sizeof(line), text, (size_t)count - 1);
	el_set(c->el, EL_UNBUFFERED, 0);
	c->prompting = false;
	if (c->asking)
		answered(c, line, strlen(line), INPUT_TYPED);
	else
		run_line(c, line);
}

/* A command that has not asked anything lets keys wait. */
static bool listens(const struct console *c)
{
	return c->more || !c->session.busy || (c->asking && c->asked);
}

static void take_keys(struct console *c)
{
	while (listens(c) && !c->ended && evbuffer_get_length(c->in) > 0) {
		unsigned char b = *evbuffer_pullup(c->in, 1);

		if (c->more) {
			evbuffer_drain(c->in, 1);
			console_page_key(c, b);
		} else if (c->asking && c->mode != INPUT_LINE) {
			take_raw(c);
		} else if (key_len(c) == 0) {
			return;
		} else if (b == KEY_CTRL_C) {
			evbuffer_drain(c->in, 1);
			interrupt(c);
		} else if (b == KEY_CTRL_D && line_is_empty(c->el)) {
			console_put(c, "\n", 1);
			c->ended = true;
		} else {
			edit_key(c);
		}
	}
}

/* Keys that came as a line: with the one that ended it. */
static void answered_line(struct console *c, const char *line, size_t len)
{
	char *keys = malloc(len + 2);

	if (!keys)
		abort();
	memcpy(keys, line, len);
	keys[len] = '\n';
	keys[len + 1] = '\0';
	answered(c, keys, len + 1, INPUT_TYPED);
	free(keys);
}

static void take_lines(struct console *c)
{
	while (listens(c) && !c->session.wants_exit) {
		size_t len;
		char *line = evbuffer_readln(c->in, &len, EVBUFFER_EOL_CRLF);

		if (!line && c->ended && evbuffer_get_length(c->in) > 0) {
			len = evbuffer_get_length(c->in);
			line = calloc(1, len + 1);
			if (line)
				evbuffer_remove(c->in, line, len);
		}
		if (!line)
			return;
		if (c->asking && c->mode == INPUT_KEYS)
			answered_line(c, line, len);
		else if (c->asking)
			answered(c, line, len, INPUT_TYPED);
		else
			run_line(c, line);
		free(line);
	}
}

static void take_input(struct console *c)
{
	if (c->terminal)
		take_keys(c);
	else
		take_lines(c);
	if (c->ended && c->asking) { /* nobody is there to answer any more */
		c->asking = false;
		session_typed(c->node, &c->session, "", 0, INPUT_CANCELLED);
	}
	if (c->session.wants_exit)
		c->ended = true;
	if (c->ended && !c->session.busy)
		event_add(c->write_ev, NULL);
}

/* After a command ended: never from within its turn. */
static void on_next(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;

	(void)fd, (void)what;
	if (c->more)
		return;
	if (c->asking && c->session.busy)
		show_question(c);
	else if ((c->terminal || c->prompts) && !c->session.wants_exit && !c->session.busy)
		new_line(c);
	take_input(c);
	if (c->full && evbuffer_get_length(c->in) < IN_MAX) {
		c->full = false;
		event_add(c->read_ev, NULL);
	}
}

static void console_done(struct session *s, int status)
{
	struct console *c = s->arg;

	if (c->owner)
		terminal_line_done(c, status);
	c->asking = false;
	event_active(c->next_ev, EV_TIMEOUT, 0);
}

/* While a command runs, what is typed waits: here up to a point, then in the connection. Without
 * one, what has not become a line by then is none. */
static void keep_bounded(struct console *c)
{
	size_t have = evbuffer_get_length(c->in);

	if (have < IN_MAX)
		return;
	if (listens(c)) {
		evbuffer_drain(c->in, have);
	} else if (!c->ended) {
		c->full = true;
		event_del(c->read_ev);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct console *c = arg;
	struct timeval escape = { .tv_usec = ESCAPE_WAIT_USEC };
	int n;

	if (what & EV_TIMEOUT) { /* a lone ESC: nothing follows */
		if (evbuffer_get_length(c->in) == 1)
			evbuffer_drain(c->in, 1);
		event_add(c->read_ev, NULL);
		return;
	}
	n = evbuffer_read(c->in, fd, IN_MAX);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		c->ended = true;
		event_del(c->read_ev);
	}
	take_input(c);
	keep_bounded(c);
	if (!c->ended && c->terminal && listens(c) && evbuffer_get_length(c->in) > 0)
		event_add(c->read_ev, &escape);
}

/* --- opening ------------------------------------------------------------------------------ */

static int open_editor(struct console *c)
{
	cookie_io_functions_t io = { .write = cookie_write };

	c->out_file = fopencookie(c, "w", io);
	c->tty_file = fdopen(dup(console_tty_fd), "r");
	if (!c->out_file || !c->tty_file)
		return -ENOMEM;
	setvbuf(c->out_file, NULL, _IONBF, 0);
	c->el = el_init_fd("labd", c->tty_file, c->out_file, c->out_file, console_tty_fd,
			   console_tty_fd, console_tty_fd);
	c->history = history_init();
	if (!c->el || !c->history)
		return -ENOMEM;
	history(c->history, &c->hist_event, H_SETSIZE, HISTORY_LINES);
	el_set(c->el, EL_CLIENTDATA, c);
	el_set(c->el, EL_SIGNAL, 0);
	el_set(c->el, EL_EDITOR, "emacs");
	el_set(c->el, EL_PROMPT, prompt_of);
	el_set(c->el, EL_HIST, history, c->history);
	el_set(c->el, EL_GETCFN, get_char);
	el_set(c->el, EL_ADDFN, "labd-help", "list what may follow", console_help_key);
	el_set(c->el, EL_BIND, "?", "labd-help", NULL);
	el_set(c->el, EL_ADDFN, "labd-complete", "complete the word", console_tab_key);
	el_set(c->el, EL_BIND, "\t", "labd-complete", NULL);
	return 0;
}

struct console *console_first(void)
{
	return consoles;
}

/* 0 = unknown: as terminals are by default. */
void console_resize(struct console *c, unsigned columns, unsigned rows)
{
	char number[16];

	if (!c->el)
		return;
	c->session.columns = columns ? columns : 80;
	c->session.rows = rows ? rows : 24;
	snprintf(number, sizeof(number), "%u", c->session.columns);
	el_set(c->el, EL_SETTC, "co", number, NULL);
	snprintf(number, sizeof(number), "%u", c->session.rows);
	el_set(c->el, EL_SETTC, "li", number, NULL);
}

struct console *console_new(struct node *n, int fd, bool terminal, unsigned columns, unsigned rows)
{
	struct console *c = n_consoles < NODE_SESSIONS_MAX ? calloc(1, sizeof(*c)) : NULL;

	evutil_make_socket_nonblocking(fd);
	if (!c) {
		dprintf(fd, "%% Too many consoles are open on this device\r\n");
		close(fd);
		return NULL;
	}
	session_init(&c->session);
	c->node = n;
	c->fd = fd;
	c->terminal = terminal && console_tty_fd >= 0;
	c->session.output = console_output;
	c->session.done = console_done;
	c->session.input = console_input;
	c->secret.max = SECRET_MAX;
	c->line.max = LINE_MAX_LEN;
	c->session.arg = c;
	c->in = evbuffer_new();
	c->out = evbuffer_new();
	c->read_ev = event_new(n->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->write_ev = event_new(n->base, fd, EV_WRITE, on_writable, c);
	c->next_ev = event_new(n->base, -1, 0, on_next, c);
	c->next = consoles;
	consoles = c;
	n_consoles++;
	/* A descriptor that cannot be waited for, a file perhaps, is no console. */
	if (event_add(c->read_ev, NULL) < 0 || (c->terminal && open_editor(c) < 0)) {
		console_free(c);
		return NULL;
	}
	if (c->terminal)
		console_resize(c, columns, rows);
	return c;
}

void console_start(struct console *c)
{
	if (c->terminal || c->prompts)
		new_line(c);
}

void console_open(struct node *n, int fd, bool terminal, unsigned columns, unsigned rows)
{
	struct console *c = console_new(n, fd, terminal, columns, rows);

	if (c)
		console_start(c);
}
