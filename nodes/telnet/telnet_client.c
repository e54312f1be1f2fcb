/* The client: a connection on one side, the person who typed `telnet` on the other.
 *
 * It begins line by line with local echo, as RFC 854's NVT; where the server takes over the echo
 * and suppresses go-ahead, each key is sent as it is typed. With another port than 23 it negotiates
 * nothing of its own accord, and so can talk to any server of a text protocol. */
#include "telnet/telnet_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELD_MAX   65536 /* octets kept while the person is elsewhere */
#define LINE_LIMIT 1024

/* --- what the person sees ----------------------------------------------------------------- */

void telnet_show(struct session *s, const char *text, size_t len, struct fx *fx)
{
	if (s->call)
		fx_print_text(fx, s->call, text, len);
	else
		sbuf_put(&s->held, text, len);
}

void telnet_show_text(struct session *s, const char *text, struct fx *fx)
{
	telnet_show(s, text, strlen(text), fx);
}

static void tell(const struct session *s, const char *result, struct fx *fx)
{
	char key[32];

	snprintf(key, sizeof(key), "client %u", s->number);
	fact_begin(fx, &telnet_session_fact, key, V_TEXT("role", "client"),
		   addr_is_set(&s->peer.addr) ? V_ADDR("peer", s->peer.addr) : V_NULL("peer"),
		   V_INT("port", s->peer.port), V_NULL("line"), V_NULL("user"), V_NULL("terminal"),
		   V_NULL("window"), V_NULL("lines"), V_NULL("typed"), V_TEXT("result", result));
}

/* --- birth and death ---------------------------------------------------------------------- */

static void session_free(struct telnet_client *c, struct session *s)
{
	struct session **p = &c->sessions;

	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	c->n_sessions--;
	timer_clear(&c->timers, &s->timer);
	sbuf_done(&s->line);
	sbuf_done(&s->held);
	free(s);
}

static void session_end(struct telnet_client *c, struct session *s, const char *why, int status,
			struct fx *fx)
{
	tell(s, why, fx);
	if (s->call)
		fx_cmd_done(fx, s->call, status);
	session_free(c, s);
}

static void fail(struct telnet_client *c, struct session *s, const char *text, const char *why,
		 struct fx *fx)
{
	char line[ASK_NAME_MAX + 64];

	decide(fx, "telnet.client.connect-fail", V_TEXT("host", s->host),
	       V_INT("port", s->peer.port), V_TEXT("why", why));
	snprintf(line, sizeof(line), "\n%% %s\n", text);
	telnet_show_text(s, line, fx);
	session_end(c, s, why, 1, fx);
}

static void connect_to(struct telnet_client *c, struct session *s, const struct addr *a, nsec_t now,
		       struct fx *fx)
{
	char addr[ADDR_TEXT_LEN], text[80];

	s->peer.addr = *a;
	telnet_nvt_init(&s->nvt, s->number, a);
	decide(fx, "telnet.client.start", SERVER(s), V_INT("port", s->peer.port));
	snprintf(text, sizeof(text), "Trying %s ...", addr_format(a, addr));
	telnet_show_text(s, text, fx);
	fx_connect(fx, s->nvt.sock, &s->peer);
	timer_set(&c->timers, &s->timer, now + TELNET_CONNECT_NS);
}

void telnet_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct telnet_client *c = machine;
	struct session *s = c->n_sessions < TELNET_SESSIONS_MAX ? calloc(1, sizeof(*s)) : NULL;
	struct ask ask = { .kind = ASK_RESOLVE, .resolve.type = 1 };
	struct addr a;

	if (!s) {
		fx_print(fx, call->id, "%% Too many connections are open\n");
		fx_cmd_done(fx, call->id, 1);
		return;
	}
	s->number = ++c->n_begun;
	s->call = call->id;
	s->columns = call->columns;
	s->rows = call->rows;
	s->line.max = LINE_LIMIT;
	s->held.max = HELD_MAX;
	s->next = c->sessions;
	c->sessions = s;
	c->n_sessions++;
	str_copy(s->host, sizeof(s->host), call->args[0].text);
	s->peer.port = call->n_args > 1 && call->args[1].type != ARG_NONE
			       ? (uint16_t)call->args[1].number
			       : TELNET_PORT;
	if (addr_parse(s->host, &a) == 0) {
		connect_to(c, s, &a, now, fx);
		return;
	}
	str_copy(ask.resolve.name, sizeof(ask.resolve.name), s->host);
	s->ask_id = ++c->next_ask;
	fx_ask(fx, s->ask_id, &ask);
}

static void on_answer(struct telnet_client *c, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	struct session *s = c->sessions;

	while (s && s->ask_id != ev->answer.ask_id)
		s = s->next;
	if (!s)
		return;
	s->ask_id = 0;
	if (a->err || a->resolve.n_addrs == 0)
		fail(c, s, "Unknown host or address, or it has no address",
		     "its name has no address", fx);
	else
		connect_to(c, s, &a->resolve.addrs[0], ev->now, fx);
}

/* --- connected ---------------------------------------------------------------------------- */

static void offer(struct session *s, struct fx *fx)
{
	struct sbuf offers = SBUF(64);

	telnet_nvt_permit(&s->nvt, TELNET_HIM, TELNET_OPT_ECHO);
	telnet_nvt_permit(&s->nvt, TELNET_HIM, TELNET_OPT_SGA);
	telnet_nvt_permit(&s->nvt, TELNET_US, TELNET_OPT_SGA);
	telnet_nvt_permit(&s->nvt, TELNET_US, TELNET_OPT_TTYPE);
	telnet_nvt_permit(&s->nvt, TELNET_US, TELNET_OPT_NAWS);
	if (s->peer.port != TELNET_PORT)
		return;
	telnet_nvt_ask(&s->nvt, TELNET_HIM, TELNET_OPT_SGA, &offers);
	telnet_nvt_ask(&s->nvt, TELNET_US, TELNET_OPT_SGA, &offers);
	telnet_nvt_ask(&s->nvt, TELNET_US, TELNET_OPT_TTYPE, &offers);
	telnet_nvt_ask(&s->nvt, TELNET_US, TELNET_OPT_NAWS, &offers);
	decide(fx, "telnet.client.willing", SERVER(s));
	fx_write(fx, s->nvt.sock, offers.data, offers.len);
	sbuf_done(&offers);
}

static const char *service_at(uint16_t port)
{
	static const struct {
		uint16_t port;
		const char *name;
	} services[] = { { 21, "FTP" },	  { 25, "SMTP" },  { 80, "HTTP" },
			 { 110, "POP3" }, { 119, "NNTP" }, { 143, "IMAP" } };

	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (services[i].port == port)
			return services[i].name;
	return NULL;
}

static struct session *find_sock(struct telnet_client *c, uint32_t sock)
{
	struct session *s = c->sessions;

	while (s && s->number != sock)
		s = s->next;
	return s;
}

static void on_opened(struct telnet_client *c, const struct ev *ev, struct fx *fx)
{
	struct session *s = find_sock(c, ev->opened.sock);

	if (!s)
		return;
	s->open = true;
	timer_clear(&c->timers, &s->timer);
	decide(fx, "telnet.nvt", V_ADDR("peer", s->peer.addr));
	if (s->peer.port != TELNET_PORT)
		decide(fx, "telnet.client.other-port", SERVER(s), V_INT("port", s->peer.port));
	if (service_at(s->peer.port))
		decide(fx, "telnet.used-by-others", SERVER(s),
		       V_TEXT("service", service_at(s->peer.port)));
	telnet_show_text(s, " Open\n\n", fx);
	tell(s, "open", fx);
	offer(s, fx);
	if (s->call)
		fx_input(fx, s->call, INPUT_KEYS, "");
}

/* --- from the server ---------------------------------------------------------------------- */

/* CR LF is a line end, CR NUL a CR; a terminal wants the first as '\n'. */
static void display(struct session *s, const struct telnet_item *item, struct fx *fx)
{
	char *out = malloc(item->len + 1);
	size_t n = 0;

	if (!out)
		abort();
	for (size_t i = 0; i < item->len; i++) {
		char ch = (char)item->data[i];
		bool cr = s->nvt.eol.cr;

		s->nvt.eol.cr = ch == '\r';
		if (cr && ch != '\n')
			out[n++] = '\r';
		if (ch != '\r' && ch != '\0')
			out[n++] = ch;
	}
	decide_at(fx, "telnet.client.display", s->nvt.offset, SERVER(s), V_INT("len", item->len));
	telnet_show(s, out, n, fx);
	free(out);
}

static void send_window(struct session *s, struct fx *fx)
{
	uint8_t size[4] = { (uint8_t)(s->columns >> 8), (uint8_t)s->columns,
			    (uint8_t)(s->rows >> 8), (uint8_t)s->rows };

	decide_at(fx, "telnet.opt.naws", s->nvt.offset, V_ADDR("peer", s->peer.addr),
		  V_TEXT("deed", "sent"), V_INT("columns", s->columns), V_INT("rows", s->rows));
	telnet_nvt_sub(&s->nvt, TELNET_OPT_NAWS, size, sizeof(size), fx);
}

/* RFC 1091: each SEND gets the next name; the last one twice says that there are no more. */
static void send_type(struct session *s, struct fx *fx)
{
	static const char *const types[] = { "VT100", "XTERM" };
	const char *type =
		types[s->n_types < ARRAY_SIZE(types) ? s->n_types : ARRAY_SIZE(types) - 1];
	uint8_t data[16] = { TELNET_TTYPE_IS };

	s->n_types++;
	decide_at(fx, "telnet.opt.terminal-type", s->nvt.offset, SERVER(s), V_TEXT("type", type));
	memcpy(data + 1, type, strlen(type));
	telnet_nvt_sub(&s->nvt, TELNET_OPT_TTYPE, data, strlen(type) + 1, fx);
}

static void on_option(struct session *s, const struct telnet_item *item, nsec_t now, struct fx *fx)
{
	bool had = telnet_nvt_is_on(&s->nvt, TELNET_US, TELNET_OPT_NAWS);

	telnet_nvt_option(&s->nvt, item, now, fx);
	if (!had && telnet_nvt_is_on(&s->nvt, TELNET_US, TELNET_OPT_NAWS))
		send_window(s, fx);
}

static void bad(struct session *s, const char *why, struct fx *fx)
{
	decide_at(fx, "telnet.client.drop-invalid", s->nvt.offset, SERVER(s), V_TEXT("why", why));
}

static void on_item(struct session *s, const struct telnet_item *item, nsec_t now, struct fx *fx)
{
	switch (item->kind) {
	case TELNET_DATA:
		display(s, item, fx);
		break;
	case TELNET_CONTROL:
		break; /* nothing of what a server may send is for a terminal of ours */
	case TELNET_OPTION:
		on_option(s, item, now, fx);
		break;
	case TELNET_SUB:
		if (item->option == TELNET_OPT_TTYPE && item->len == 1 &&
		    item->data[0] == TELNET_TTYPE_SEND &&
		    telnet_nvt_is_on(&s->nvt, TELNET_US, TELNET_OPT_TTYPE))
			send_type(s, fx);
		else
			bad(s, "a subnegotiation that was not agreed on", fx);
		break;
	case TELNET_BAD:
		bad(s, item->why, fx);
		break;
	}
}

/* Nobody types: until the server is silent, or has spoken long enough. */
static void wait_on(struct telnet_client *c, struct session *s, nsec_t now)
{
	nsec_t quiet = now + TELNET_QUIET_NS;

	timer_set(&c->timers, &s->timer, quiet < s->until_ns ? quiet : s->until_ns);
}

static void on_bytes(struct telnet_client *c, const struct ev *ev, struct fx *fx)
{
	struct session *s = find_sock(c, ev->bytes.sock);
	const uint8_t *data = ev->bytes.data;
	size_t len = ev->bytes.len;
	struct telnet_item item;

	while (s && telnet_next(&s->nvt.reader, &data, &len, &item)) {
		s->nvt.offset = ev->bytes.len - len - 1;
		on_item(s, &item, ev->now, fx);
	}
	if (s && s->nobody)
		wait_on(c, s, ev->now);
}

static void on_closed(struct telnet_client *c, const struct ev *ev, struct fx *fx)
{
	struct session *s = find_sock(c, ev->closed.sock);
	char text[ASK_NAME_MAX + 64];

	if (!s)
		return;
	if (!s->open) {
		if (ev->closed.err == ECONNREFUSED)
			fail(c, s, "Connection refused by remote host", "connection refused", fx);
		else if (ev->closed.err == ETIMEDOUT)
			fail(c, s, "Connection timed out; remote host not responding", "timed out",
			     fx);
		else
			fail(c, s, "Destination unreachable; gateway or host down",
			     "the host cannot be reached", fx);
		return;
	}
	decide(fx, "telnet.client.closed", SERVER(s));
	snprintf(text, sizeof(text), "\n[Connection to %s closed by foreign host]\n", s->host);
	telnet_show_text(s, text, fx);
	fx_close(fx, s->nvt.sock, CLOSE_FLUSH);
	session_end(c, s, "closed by the server", 0, fx);
}

/* --- from the person ---------------------------------------------------------------------- */

static struct session *find_call(struct telnet_client *c, uint32_t call)
{
	struct session *s = c->sessions;

	while (s && s->call != call)
		s = s->next;
	return s;
}

static void on_input(struct telnet_client *c, const struct ev *ev, struct fx *fx)
{
	struct session *s = find_call(c, ev->input.call);

	if (!s || !s->open)
		return;
	if (ev->input.how == INPUT_TYPED) {
		telnet_typed(c, s, ev->input.text, ev->input.len, fx);
		return;
	}
	/* Nobody is there, or no more: what the server says is still shown. */
	s->nobody = true;
	s->until_ns = ev->now + TELNET_ALONE_NS;
	wait_on(c, s, ev->now);
}

static void on_timer(struct telnet_client *c, struct session *s, struct fx *fx)
{
	fx_close(fx, s->nvt.sock, s->open ? CLOSE_FLUSH : CLOSE_RESET);
	if (!s->open) {
		fail(c, s, "Connection timed out; remote host not responding", "timed out", fx);
		return;
	}
	decide(fx, "telnet.client.left", SERVER(s), V_DUR("quiet", TELNET_QUIET_NS),
	       V_DUR("limit", TELNET_ALONE_NS));
	session_end(c, s, "nobody typed any more", 0, fx);
}

/* --- show sessions, resume, disconnect ---------------------------------------------------- */

/* The session that is named, or else the newest that is suspended. */
static struct session *named(struct telnet_client *c, const struct call *call, struct fx *fx)
{
	bool any = call->n_args == 0 || call->args[0].type == ARG_NONE;
	struct session *s = c->sessions;

	while (s && (s->call || !(any || s->number == (uint32_t)call->args[0].number)))
		s = s->next;
	if (!s) {
		fx_print(fx, call->id, "%% No current connections\n");
		fx_cmd_done(fx, call->id, 1);
	}
	return s;
}

void telnet_run_sessions(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct telnet_client *c = machine;
	char addr[ADDR_TEXT_LEN];

	(void)now;
	if (!c->sessions)
		fx_print(fx, call->id, "%% No connections open\n");
	else
		fx_print(fx, call->id, "Conn Host                 Address          Port  State\n");
	for (const struct session *s = c->sessions; s; s = s->next)
		fx_print(fx, call->id, "%4u %-20s %-16s %4u  %s\n", s->number, s->host,
			 addr_format(&s->peer.addr, addr), s->peer.port,
			 s->call ? "in use" : "suspended");
	fx_cmd_done(fx, call->id, 0);
}

void telnet_run_resume(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct session *s = named(machine, call, fx);

	(void)now;
	if (!s)
		return;
	s->call = call->id;
	fx_print(fx, call->id, "[Resuming connection %u to %s ... ]\n", s->number, s->host);
	telnet_show(s, sbuf_text(&s->held), s->held.len, fx);
	sbuf_reset(&s->held);
	fx_input(fx, s->call, INPUT_KEYS, "");
}

void telnet_run_disconnect(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct session *s = named(machine, call, fx);

	(void)now;
	if (!s)
		return;
	decide(fx, "telnet.client.disconnect", SERVER(s), V_INT("number", s->number));
	fx_print(fx, call->id, "Closing connection to %s\n", s->host);
	fx_close(fx, s->nvt.sock, CLOSE_FLUSH);
	session_end(machine, s, "disconnected", 0, fx);
	fx_cmd_done(fx, call->id, 0);
}

/* --- the machine -------------------------------------------------------------------------- */

static void on_done(struct telnet_client *c, const struct ev *ev, struct fx *fx)
{
	struct session *s = find_sock(c, ev->done.sock);

	if (s && ev->done.what == FX_CONNECT)
		fail(c, s, "Destination unreachable; gateway or host down", ev->done.text, fx);
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct telnet_client *c = machine;
	struct timer *t;

	if (ev->kind == EV_OPENED)
		on_opened(c, ev, fx);
	else if (ev->kind == EV_BYTES)
		on_bytes(c, ev, fx);
	else if (ev->kind == EV_CLOSED)
		on_closed(c, ev, fx);
	else if (ev->kind == EV_INPUT)
		on_input(c, ev, fx);
	else if (ev->kind == EV_ANSWER)
		on_answer(c, ev, fx);
	else if (ev->kind == EV_DONE)
		on_done(c, ev, fx);
	else if (ev->kind == EV_TIMER)
		while ((t = timers_pop(&c->timers, ev->now)) != NULL)
			on_timer(c, timer_owner(t, struct session, timer), fx);
}

static void *create(const struct machine_env *env)
{
	struct telnet_client *c = calloc(1, sizeof(*c));

	if (c)
		c->dev = env->dev;
	return c;
}

static void destroy(void *machine)
{
	struct telnet_client *c = machine;

	while (c && c->sessions)
		session_free(c, c->sessions);
	if (c)
		timers_done(&c->timers);
	free(c);
}

static nsec_t deadline(const void *machine)
{
	return timers_deadline(&((const struct telnet_client *)machine)->timers);
}

const struct machine_class telnet_client_class = {
	.name = "telnet.client",
	.kinds = KINDS_L3,
	.create = create,
	.destroy = destroy,
	.event = event,
	.deadline = deadline,
};
