/* The server: connections, from the line they get to the end of their session. */
#include "telnet/telnet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SOCK4 = 1, SOCK6 = 2 };
enum { CTRL_C = 3, CTRL_U = 21, DELETE = 127 };

#define CLIENT(c) V_ADDR("client", (c)->peer.addr)
#define TYPED_MAX 900 /* octets of lines told in the fact */

static void follow_conf(struct telnet_server *s, struct fx *fx)
{
	bool on = s->conf->server;

	if (on == s->listening)
		return;
	s->listening = on;
	if (on) {
		if (s->dev->kind == KIND_ROUTER)
			decide(fx, "telnet.server.autostart");
		decide(fx, "telnet.server.listen");
		fx_listen(fx, SOCK4, &(struct ep){ .port = TELNET_PORT });
		fx_listen(fx, SOCK6, &(struct ep){ .addr.family = 6, .port = TELNET_PORT });
	} else {
		decide(fx, "telnet.server.stop");
		fx_close(fx, SOCK4, CLOSE_FLUSH);
		fx_close(fx, SOCK6, CLOSE_FLUSH);
	}
}

/* --- birth and death ---------------------------------------------------------------------- */

/* Text with '\n' as line ends. */
void telnet_server_say(struct telnet_conn *c, const char *text, struct fx *fx)
{
	struct sbuf out = SBUF(2 * BANNER_MAX);

	for (; *text; text++)
		sbuf_put(&out, *text == '\n' ? "\r\n" : text, *text == '\n' ? 2 : 1);
	telnet_nvt_write(&c->nvt, out.data, out.len, fx);
	sbuf_done(&out);
}

uint32_t telnet_server_ask_line(struct telnet_server *s, struct telnet_conn *c, enum line_op op,
				const char *password, struct fx *fx)
{
	struct ask ask = {
		.kind = ASK_LINE,
		.line = { .op = op, .line = c->line, .transport = "telnet", .peer = c->peer.addr }
	};

	str_copy(ask.line.user, sizeof(ask.line.user), c->user);
	str_copy(ask.line.password, sizeof(ask.line.password), password);
	fx_ask(fx, ++s->next_ask, &ask);
	return s->next_ask;
}

void telnet_server_fact(const struct telnet_conn *c, const char *result, struct fx *fx)
{
	char key[32], window[16];

	snprintf(key, sizeof(key), "server %u", c->number);
	snprintf(window, sizeof(window), "%ux%u", c->columns, c->rows);
	fact_begin(fx, &telnet_session_fact, key, V_TEXT("role", "server"),
		   V_ADDR("peer", c->peer.addr), V_INT("port", c->peer.port),
		   c->line >= 0 ? V_INT("line", c->line) : V_NULL("line"),
		   *c->user ? V_TEXT("user", c->user) : V_NULL("user"),
		   *c->terminal ? V_TEXT("terminal", c->terminal) : V_NULL("terminal"),
		   c->columns ? V_TEXT("window", window) : V_NULL("window"),
		   V_INT("lines", c->n_lines), V_TEXT("typed", sbuf_text(&c->typed)),
		   V_TEXT("result", result));
}

static void conn_free(struct telnet_server *s, struct telnet_conn *c)
{
	struct telnet_conn **p = &s->conns;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	s->n_conns--;
	timer_clear(&s->timers, &c->timer);
	sbuf_done(&c->typed);
	free(c);
}

/* The decision was taken. */
void telnet_server_end(struct telnet_server *s, struct telnet_conn *c, const char *why,
		       enum close_how how, struct fx *fx)
{
	if (c->line >= 0)
		telnet_server_ask_line(s, c, LINE_CLOSE, "", fx);
	telnet_server_fact(c, why, fx);
	if (c->term)
		fx_close(fx, c->term, CLOSE_FLUSH);
	fx_close(fx, c->nvt.sock, how);
	conn_free(s, c);
}

static struct telnet_conn *conn_new(struct telnet_server *s, const struct ev *ev)
{
	struct telnet_conn *c = s->n_conns < TELNET_CONNS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	telnet_nvt_init(&c->nvt, ev->opened.sock, &ev->opened.peer.addr);
	telnet_nvt_permit(&c->nvt, TELNET_US, TELNET_OPT_ECHO);
	telnet_nvt_permit(&c->nvt, TELNET_US, TELNET_OPT_SGA);
	telnet_nvt_permit(&c->nvt, TELNET_HIM, TELNET_OPT_SGA);
	telnet_nvt_permit(&c->nvt, TELNET_HIM, TELNET_OPT_TTYPE);
	telnet_nvt_permit(&c->nvt, TELNET_HIM, TELNET_OPT_NAWS);
	c->peer = ev->opened.peer;
	c->number = ++s->n_begun;
	c->line = -1;
	c->typed.max = TYPED_MAX;
	c->next = s->conns;
	s->conns = c;
	s->n_conns++;
	return c;
}

static void on_opened(struct telnet_server *s, const struct ev *ev, struct fx *fx)
{
	struct telnet_conn *c = conn_new(s, ev);

	if (!c) {
		decide(fx, "telnet.server.drop-vty-exhausted",
		       V_ADDR("client", ev->opened.peer.addr),
		       V_TEXT("why", "too many connections"));
		fx_close(fx, ev->opened.sock, CLOSE_RESET);
		return;
	}
	c->ask_id = telnet_server_ask_line(s, c, LINE_OPEN, "", fx);
}

/* --- a line, or none ---------------------------------------------------------------------- */

static void refuse(struct telnet_server *s, struct telnet_conn *c, const struct answer *a,
		   struct fx *fx)
{
	if (a->err == -EACCES) {
		decide(fx, "telnet.server.drop-access-class", CLIENT(c));
		telnet_server_end(s, c, "denied by the access-class", CLOSE_FLUSH, fx);
	} else if (a->err == -ENOKEY) {
		decide(fx, "telnet.server.vty-login", CLIENT(c), V_NULL("line"),
		       V_TEXT("how", "a password is required, but none is set: closed"));
		telnet_server_say(c, "\n\nPassword required, but none set\n", fx);
		telnet_server_end(s, c, "no password is set", CLOSE_FLUSH, fx);
	} else {
		decide(fx, "telnet.server.drop-vty-exhausted", CLIENT(c), V_TEXT("why", a->why));
		telnet_server_end(s, c, a->why, CLOSE_RESET, fx);
	}
}

static void on_line(struct telnet_server *s, struct telnet_conn *c, const struct ev *ev,
		    struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	struct sbuf offers = SBUF(64);

	if (a->err) {
		refuse(s, c, a, fx);
		return;
	}
	c->line = a->line.line;
	c->login = a->line.login;
	c->level = a->line.privilege;
	c->timeout_ns = a->line.timeout_ns;
	decide(fx, "telnet.nvt", V_ADDR("peer", c->peer.addr));
	telnet_nvt_ask(&c->nvt, TELNET_US, TELNET_OPT_ECHO, &offers);
	telnet_nvt_ask(&c->nvt, TELNET_US, TELNET_OPT_SGA, &offers);
	telnet_nvt_ask(&c->nvt, TELNET_HIM, TELNET_OPT_TTYPE, &offers);
	telnet_nvt_ask(&c->nvt, TELNET_HIM, TELNET_OPT_NAWS, &offers);
	decide(fx, "telnet.server.offer", CLIENT(c), V_INT("line", c->line));
	fx_write(fx, c->nvt.sock, offers.data, offers.len);
	sbuf_done(&offers);
	telnet_server_fact(c, "open", fx);
	telnet_server_say(c, a->line.banner, fx);
	telnet_login_begin(s, c, ev->now, fx);
}

/* --- what comes from the client ----------------------------------------------------------- */

static void on_text(struct telnet_server *s, struct telnet_conn *c, const struct telnet_item *item,
		    const struct ev *ev, struct fx *fx)
{
	uint8_t *text = malloc(item->len + 1);
	size_t n;

	if (!text)
		abort();
	n = telnet_lines(&c->nvt.eol, item->data, item->len, text);
	if (item->escaped)
		decide(fx, "telnet.iac-escape", V_ADDR("peer", c->peer.addr), V_INT("count", 1),
		       V_TEXT("deed", "took"));
	if (memchr(text, '\n', n))
		decide_at(fx, "telnet.eol", c->nvt.offset, V_ADDR("peer", c->peer.addr),
			  V_TEXT("deed", "took a line end from"));
	if (c->state == TELNET_SHELL)
		telnet_vty_keys(s, c, text, n, ev, fx);
	else
		telnet_login_typed(s, c, text, n, ev->now, fx);
	free(text);
}

static void on_control(struct telnet_server *s, struct telnet_conn *c, uint8_t command,
		       const struct ev *ev, struct fx *fx)
{
	uint8_t key = command == TELNET_IP || command == TELNET_BRK ? CTRL_C
		      : command == TELNET_EC			    ? DELETE
		      : command == TELNET_EL			    ? CTRL_U
								    : 0;

	decide_at(fx, "telnet.functions", c->nvt.offset, CLIENT(c),
		  V_TEXT("function", telnet_command_name(command)),
		  V_TEXT("deed", command == TELNET_AYT ? "answered [Yes]"
				 : key == CTRL_C       ? "as Ctrl-C"
				 : key		       ? "edited the line"
						       : "nothing to do"));
	if (command == TELNET_AYT)
		telnet_server_say(c, "\n[Yes]\n", fx);
	else if (key && c->state == TELNET_SHELL)
		telnet_vty_keys(s, c, &key, 1, ev, fx);
	else if (key)
		telnet_login_typed(s, c, &key, 1, ev->now, fx);
}

static void on_window(struct telnet_conn *c, const struct telnet_item *item, struct fx *fx)
{
	struct fx_terminal t;

	c->columns = (uint16_t)(item->data[0] << 8 | item->data[1]);
	c->rows = (uint16_t)(item->data[2] << 8 | item->data[3]);
	decide_at(fx, "telnet.opt.naws", c->nvt.offset, V_ADDR("peer", c->peer.addr),
		  V_TEXT("deed", "took"), V_INT("columns", c->columns), V_INT("rows", c->rows));
	t = telnet_vty_terminal(c);
	if (c->state == TELNET_SHELL)
		fx_terminal(fx, &t);
}

static void bad(struct telnet_conn *c, const char *why, struct fx *fx)
{
	decide_at(fx, "telnet.server.drop-invalid", c->nvt.offset, CLIENT(c), V_TEXT("why", why));
}

static void on_sub(struct telnet_conn *c, const struct telnet_item *item, struct fx *fx)
{
	bool agreed = item->option == TELNET_OPT_NAWS || item->option == TELNET_OPT_TTYPE
			      ? telnet_nvt_is_on(&c->nvt, TELNET_HIM, item->option)
			      : false;

	if (!agreed)
		bad(c, "a subnegotiation of an option that was not agreed on", fx);
	else if (item->option == TELNET_OPT_NAWS && item->len == 4)
		on_window(c, item, fx);
	else if (item->option == TELNET_OPT_TTYPE && item->len >= 1 &&
		 item->data[0] == TELNET_TTYPE_IS)
		str_copy_n(c->terminal, sizeof(c->terminal), (const char *)item->data + 1,
			   item->len - 1 < sizeof(c->terminal) ? item->len - 1
							       : sizeof(c->terminal) - 1);
	else
		bad(c, "a subnegotiation of the wrong length", fx);
}

/* An option was agreed on: does something follow? */
static void after_option(struct telnet_server *s, struct telnet_conn *c,
			 const struct telnet_item *item, nsec_t now, struct fx *fx)
{
	uint8_t send = TELNET_TTYPE_SEND;

	if (item->command == TELNET_WILL && item->option == TELNET_OPT_TTYPE && !*c->terminal &&
	    telnet_nvt_is_on(&c->nvt, TELNET_HIM, TELNET_OPT_TTYPE)) {
		decide_at(fx, "telnet.negotiate-terminal", c->nvt.offset,
			  V_ADDR("peer", c->peer.addr));
		telnet_nvt_sub(&c->nvt, TELNET_OPT_TTYPE, &send, 1, fx);
	}
	if (c->state == TELNET_AGREES &&
	    !telnet_nvt_is_asked(&c->nvt, TELNET_US, TELNET_OPT_ECHO) &&
	    !telnet_nvt_is_asked(&c->nvt, TELNET_HIM, TELNET_OPT_NAWS))
		telnet_server_shell(s, c, now, fx);
}

static struct telnet_conn *find_conn(struct telnet_server *s, uint32_t sock)
{
	struct telnet_conn *c = s->conns;

	while (c && c->nvt.sock != sock && !(c->term && c->term == sock))
		c = c->next;
	return c;
}

static void on_item(struct telnet_server *s, struct telnet_conn *c, const struct telnet_item *item,
		    const struct ev *ev, struct fx *fx)
{
	switch (item->kind) {
	case TELNET_DATA:
		on_text(s, c, item, ev, fx);
		break;
	case TELNET_CONTROL:
		on_control(s, c, item->command, ev, fx);
		break;
	case TELNET_OPTION:
		telnet_nvt_option(&c->nvt, item, ev->now, fx);
		after_option(s, c, item, ev->now, fx);
		break;
	case TELNET_SUB:
		on_sub(c, item, fx);
		break;
	case TELNET_BAD:
		bad(c, item->why, fx);
		break;
	}
}

static void on_bytes(struct telnet_server *s, const struct ev *ev, struct fx *fx)
{
	struct telnet_conn *c = find_conn(s, ev->bytes.sock);
	const uint8_t *data = ev->bytes.data;
	size_t len = ev->bytes.len;
	struct telnet_item item;

	if (!c)
		return;
	if (ev->bytes.sock == c->term) {
		telnet_vty_shows(c, ev, fx);
		return;
	}
	while (telnet_next(&c->nvt.reader, &data, &len, &item)) {
		c->nvt.offset = ev->bytes.len - len > 0 ? ev->bytes.len - len - 1 : 0;
		on_item(s, c, &item, ev, fx);
	}
}

/* --- ends --------------------------------------------------------------------------------- */

static void on_closed(struct telnet_server *s, const struct ev *ev, struct fx *fx)
{
	struct telnet_conn *c = find_conn(s, ev->closed.sock);

	if (!c)
		return;
	if (ev->closed.sock == c->term) {
		decide(fx, "telnet.server.exit", CLIENT(c), V_INT("line", c->line));
		telnet_server_end(s, c, "exit", CLOSE_FLUSH, fx);
		return;
	}
	decide(fx, "telnet.server.client-left", CLIENT(c),
	       V_TEXT("how", ev->closed.err ? "the connection broke" : "closed by the client"));
	telnet_server_end(s, c, ev->closed.err ? "the connection broke" : "closed by the client",
			  CLOSE_FLUSH, fx);
}

void telnet_run_clear(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct telnet_server *s = machine;
	struct telnet_conn *c = s->conns;

	(void)now;
	while (c && c->line != call->args[0].number)
		c = c->next;
	if (!c) {
		fx_print(fx, call->id, "%% No Telnet session is at this line\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	decide(fx, "telnet.server.cleared", CLIENT(c), V_INT("line", c->line));
	telnet_server_end(s, c, "cleared", CLOSE_FLUSH, fx);
	fx_print(fx, call->id, " [OK]\n");
	fx_cmd_done(fx, call->id, 0);
}

static void on_timer(struct telnet_server *s, struct telnet_conn *c, nsec_t now, struct fx *fx)
{
	if (c->state == TELNET_AGREES) {
		telnet_server_shell(s, c, now, fx);
	} else if (c->state == TELNET_SHELL) {
		decide(fx, "telnet.server.exec-timeout", CLIENT(c), V_INT("line", c->line),
		       V_DUR("limit", c->timeout_ns));
		telnet_server_end(s, c, "exec-timeout", CLOSE_FLUSH, fx);
	} else {
		telnet_login_late(s, c, fx);
	}
}

static void on_answer(struct telnet_server *s, const struct ev *ev, struct fx *fx)
{
	struct telnet_conn *c = s->conns;

	while (c && c->ask_id != ev->answer.ask_id)
		c = c->next;
	if (!c)
		return;
	c->ask_id = 0;
	if (c->state == TELNET_WAITS_LINE)
		on_line(s, c, ev, fx);
	else if (c->state == TELNET_CHECKS)
		telnet_login_answer(s, c, ev->answer.answer, ev->now, fx);
}

static void on_done(struct telnet_server *s, const struct ev *ev, struct fx *fx)
{
	struct telnet_conn *c = find_conn(s, ev->done.sock);

	if (ev->done.what == FX_LISTEN) {
		decide(fx, "telnet.server.no-port", V_TEXT("why", ev->done.text));
	} else if (c && (ev->done.what == FX_WRITE || ev->done.what == FX_TERMINAL)) {
		decide(fx, "telnet.server.failed", CLIENT(c), V_TEXT("why", ev->done.text));
		telnet_server_end(s, c, ev->done.text, CLOSE_RESET, fx);
	}
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct telnet_server *s = machine;
	struct telnet_conn *c;
	struct timer *t;

	if (ev->kind == EV_START || ev->kind == EV_CONF)
		follow_conf(s, fx);
	else if (ev->kind == EV_OPENED)
		on_opened(s, ev, fx);
	else if (ev->kind == EV_BYTES)
		on_bytes(s, ev, fx);
	else if (ev->kind == EV_CLOSED)
		on_closed(s, ev, fx);
	else if (ev->kind == EV_ANSWER)
		on_answer(s, ev, fx);
	else if (ev->kind == EV_DONE)
		on_done(s, ev, fx);
	else if (ev->kind == EV_LINE && (c = find_conn(s, ev->line.sock)) != NULL)
		telnet_vty_ran(c, ev, fx);
	else if (ev->kind == EV_TIMER)
		while ((t = timers_pop(&s->timers, ev->now)) != NULL)
			on_timer(s, timer_owner(t, struct telnet_conn, timer), ev->now, fx);
}

static void *create(const struct machine_env *env)
{
	struct telnet_server *s = calloc(1, sizeof(*s));

	if (s) {
		s->dev = env->dev;
		s->conf = env->conf;
	}
	return s;
}

static void destroy(void *machine)
{
	struct telnet_server *s = machine;

	while (s && s->conns)
		conn_free(s, s->conns);
	if (s)
		timers_done(&s->timers);
	free(s);
}

static nsec_t deadline(const void *machine)
{
	return timers_deadline(&((const struct telnet_server *)machine)->timers);
}

const struct machine_class telnet_server_class = {
	.name = "telnet.server",
	.kinds = KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SERVER),
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
