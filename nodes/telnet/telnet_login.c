/* Who is there: the name and the password, typed to a connection that has no session yet.
 *
 * The name is echoed where the client has agreed to that, the password never. */
#include "telnet/telnet.h"

#include <errno.h>
#include <string.h>

enum { CTRL_C = 3, BACKSPACE = 8, CTRL_U = 21, DELETE = 127 };

static void ask_for(struct telnet_server *s, struct telnet_conn *c, enum telnet_state state,
		    nsec_t now, struct fx *fx)
{
	c->state = state;
	c->text_len = 0;
	memset(c->text, 0, sizeof(c->text));
	telnet_server_say(c, state == TELNET_USER ? "Username: " : "Password: ", fx);
	timer_set(&s->timers, &c->timer, now + TELNET_LOGIN_NS);
}

void telnet_login_begin(struct telnet_server *s, struct telnet_conn *c, nsec_t now, struct fx *fx)
{
	if (c->login == LOGIN_NONE) {
		c->state = TELNET_AGREES;
		timer_set(&s->timers, &c->timer, now + TELNET_AGREE_NS);
		return;
	}
	decide(fx, "telnet.server.vty-login", V_ADDR("client", c->peer.addr),
	       V_INT("line", c->line),
	       V_TEXT("how", c->login == LOGIN_LOCAL ? "user name and password are asked for"
						     : "the line's password is asked for"));
	telnet_server_say(c, "\nUser Access Verification\n\n", fx);
	ask_for(s, c, c->login == LOGIN_LOCAL ? TELNET_USER : TELNET_PASSWORD, now, fx);
}

static void ask_user(struct telnet_server *s, struct telnet_conn *c, struct fx *fx)
{
	struct ask ask = {
		.kind = ASK_LOGIN,
		.login = { .service = "telnet", .line = c->line + 1, .peer = c->peer.addr }
	};

	str_copy(ask.login.user, sizeof(ask.login.user), c->user);
	str_copy(ask.login.password, sizeof(ask.login.password), c->text);
	c->ask_id = ++s->next_ask;
	fx_ask(fx, c->ask_id, &ask);
}

static void line_end(struct telnet_server *s, struct telnet_conn *c, nsec_t now, struct fx *fx)
{
	telnet_server_say(c, "\n", fx);
	if (c->state == TELNET_USER) {
		str_copy(c->user, sizeof(c->user), c->text);
		ask_for(s, c, c->text_len > 0 ? TELNET_PASSWORD : TELNET_USER, now, fx);
		return;
	}
	c->state = TELNET_CHECKS;
	timer_clear(&s->timers, &c->timer);
	if (c->login == LOGIN_LOCAL)
		ask_user(s, c, fx);
	else
		c->ask_id = telnet_server_ask_line(s, c, LINE_CHECK, c->text, fx);
	memset(c->text, 0, sizeof(c->text));
	c->text_len = 0;
}

static void one_key(struct telnet_conn *c, uint8_t key, struct fx *fx)
{
	bool echo =
		c->state == TELNET_USER && telnet_nvt_is_on(&c->nvt, TELNET_US, TELNET_OPT_ECHO);
	size_t room = c->state == TELNET_USER ? sizeof(c->user) : sizeof(c->text);

	if (key == BACKSPACE || key == DELETE) {
		if (c->text_len > 0 && echo)
			telnet_server_say(c, "\b \b", fx);
		c->text_len -= c->text_len > 0;
		c->text[c->text_len] = '\0';
	} else if (key == CTRL_U || key == CTRL_C) {
		for (; echo && c->text_len > 0; c->text_len--)
			telnet_server_say(c, "\b \b", fx);
		c->text_len = 0;
		c->text[0] = '\0';
	} else if (key >= ' ' && c->text_len + 1 < room) {
		c->text[c->text_len++] = (char)key;
		if (echo)
			telnet_nvt_write(&c->nvt, &key, 1, fx);
	}
}

void telnet_login_typed(struct telnet_server *s, struct telnet_conn *c, const uint8_t *data,
			size_t len, nsec_t now, struct fx *fx)
{
	for (size_t i = 0; i < len; i++) {
		if (c->state != TELNET_USER && c->state != TELNET_PASSWORD)
			return; /* the answer comes first; what is typed ahead of it is dropped */
		if (data[i] == '\n')
			line_end(s, c, now, fx);
		else
			one_key(c, data[i], fx);
	}
}

void telnet_login_answer(struct telnet_server *s, struct telnet_conn *c, const struct answer *a,
			 nsec_t now, struct fx *fx)
{
	bool local = c->login == LOGIN_LOCAL;

	if (a->err == 0) {
		c->level = local ? a->login.privilege : c->level;
		telnet_server_shell(s, c, now, fx);
		return;
	}
	if (local)
		telnet_server_say(c, "% Login invalid\n\n", fx);
	if (++c->tries < TELNET_LOGIN_TRIES) {
		ask_for(s, c, local ? TELNET_USER : TELNET_PASSWORD, now, fx);
		return;
	}
	decide(fx, "telnet.server.login-failed", V_ADDR("client", c->peer.addr),
	       V_INT("line", c->line), V_INT("tries", c->tries));
	if (!local)
		telnet_server_say(c, "% Bad passwords\n", fx);
	telnet_server_end(s, c, "login failed", CLOSE_FLUSH, fx);
}

void telnet_login_late(struct telnet_server *s, struct telnet_conn *c, struct fx *fx)
{
	decide(fx, "telnet.server.login-late", V_ADDR("client", c->peer.addr),
	       V_INT("line", c->line), V_DUR("limit", TELNET_LOGIN_NS));
	telnet_server_say(c,
			  c->state == TELNET_USER ? "\n% Username:  timeout expired!\n"
						  : "\n% Password:  timeout expired!\n",
			  fx);
	telnet_server_end(s, c, "nobody logged in in time", CLOSE_FLUSH, fx);
}
