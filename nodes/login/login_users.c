/* Who may log in: this device's users, or what a list of aaa says. */
#include "login/login.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

/* A login at a line that goes through its list. */
struct login_try {
	bool used;
	uint32_t asker;
	unsigned method;
	struct login_list list; /* as it was at the beginning */
	struct ask_login q;
};

struct login_tries {
	struct login_try t[LOGIN_TRIES_MAX];
};

static const struct login_user *user_of(const struct login_conf *c, const char *name)
{
	for (unsigned i = 0; i < c->n_users; i++)
		if (strcmp(c->users[i].name, name) == 0)
			return &c->users[i];
	return NULL;
}

/* Who it was is told, and never why: that would help him. */
void login_log_failure(const char *user, const struct addr *peer, const char *service,
		       struct fx *fx)
{
	char a[ADDR_TEXT_LEN];

	fx_log(fx, SEVERITY_WARNING, "SEC_LOGIN", "LOGIN_FAILED",
	       "Login failed [user: %s] [Source: %s] [service: %s] [Reason: Login Authentication "
	       "Failed]",
	       user, addr_is_set(peer) ? addr_format(peer, a) : "0.0.0.0", service);
}

static void answer(const struct ask_login *q, uint32_t asker, const char *refused, int privilege,
		   struct fx *fx)
{
	struct answer a = { .err = refused ? -EACCES : 0 };
	struct val who = V_TEXT("user", q->user), peer = V_ADDR("peer", q->peer),
		   service = V_TEXT("service", q->service);

	if (refused) {
		str_copy(a.why, sizeof(a.why), refused);
		decide(fx, "login.user-refused", who, peer, service, V_TEXT("why", a.why));
		login_log_failure(q->user, &q->peer, q->service, fx);
	} else {
		a.login.privilege = privilege;
		decide(fx, "login.user-accepted", who, peer, service,
		       V_INT("privilege", privilege));
	}
	fx_answer(fx, asker, &a);
}

/* A user without a password may log in without one, as on IOS. */
static void by_user(const struct login_conf *c, const struct ask_login *q, uint32_t asker,
		    struct fx *fx)
{
	const struct login_user *u = user_of(c, q->user);
	bool right = u && (!u->secret.is_set || login_secret_matches(&u->secret, q->password));

	answer(q, asker,
	       right ? NULL
	       : u   ? "wrong password"
		     : "no such user",
	       u ? u->privilege : 0, fx);
}

/* --- lists -------------------------------------------------------------------------------- */

/* Where there is no such list, the device's users are asked, as on IOS. */
static struct login_list list_of(const struct login_conf *c, unsigned line)
{
	struct login_line l = login_line_of(c, line);
	const char *name = *l.list ? l.list : "default";

	for (unsigned i = 0; i < c->n_lists; i++)
		if (strcmp(c->lists[i].name, name) == 0)
			return c->lists[i];
	return (struct login_list){ .n_methods = 1, .methods = { { LOGIN_BY_USER, "local" } } };
}

enum line_login login_how(const struct login_conf *c, unsigned line)
{
	if (!c->aaa)
		return login_line_of(c, line).login;
	return list_of(c, line).methods[0].kind == LOGIN_BY_NOBODY ? LOGIN_NONE : LOGIN_LOCAL;
}

static void method_failed(struct login_try *t, const char *why, struct fx *fx)
{
	decide(fx, "login.method-failed", V_TEXT("method", t->list.methods[t->method].text),
	       V_TEXT("user", t->q.user), V_TEXT("why", why));
	t->method++;
}

static void settle(struct login_try *t, const char *refused, int privilege, struct fx *fx)
{
	answer(&t->q, t->asker, refused, privilege, fx);
	memset(t, 0, sizeof(*t)); /* the password as well */
}

static void ask_group(struct login_try *t, uint32_t ask_id, struct fx *fx)
{
	const char *group = t->list.methods[t->method].text;
	struct ask ask = { .kind = ASK_LOGIN, .login = t->q };

	str_copy(ask.login.group, sizeof(ask.login.group), group);
	decide(fx, "login.method-asked", V_TEXT("method", group), V_TEXT("user", t->q.user),
	       V_ADDR("peer", t->q.peer));
	fx_ask(fx, ask_id, &ask);
}

/* Goes on with the method that is next. */
static void go_on(struct login_try *t, uint32_t ask_id, const struct login_conf *c, struct fx *fx)
{
	const struct login_line line = login_line_of(c, (unsigned)t->q.line - 1);

	while (t->used && t->method < t->list.n_methods) {
		enum login_method_kind kind = t->list.methods[t->method].kind;
		const struct login_secret *s =
			kind == LOGIN_BY_LINE ? &line.password : login_enable_secret(c);

		if (kind == LOGIN_BY_GROUP) {
			ask_group(t, ask_id, fx);
			return;
		}
		if (kind == LOGIN_BY_USER) {
			by_user(c, &t->q, t->asker, fx);
			memset(t, 0, sizeof(*t));
		} else if (kind == LOGIN_BY_NOBODY) {
			settle(t, NULL, line.privilege, fx);
		} else if (!s->is_set) {
			method_failed(t, "it has no password", fx);
		} else {
			settle(t, login_secret_matches(s, t->q.password) ? NULL : "wrong password",
			       line.privilege, fx);
		}
	}
	if (t->used)
		settle(t, "no method could say", 0, fx);
}

void login_user_asked(struct login_tries **tries, const struct login_conf *c, const struct ev *ev,
		      struct fx *fx)
{
	const struct ask_login *q = &ev->ask.ask->login;
	struct login_try *t;
	uint32_t i = 0;

	if (!c->aaa || q->line < 1 || q->line > LOGIN_LINES_MAX) {
		by_user(c, q, ev->ask.ask_id, fx);
		return;
	}
	if (!*tries)
		*tries = calloc(1, sizeof(**tries));
	if (!*tries)
		abort();
	while (i < LOGIN_TRIES_MAX && (*tries)->t[i].used)
		i++;
	if (i == LOGIN_TRIES_MAX) {
		answer(q, ev->ask.ask_id, "too many log in at a time", 0, fx);
		return;
	}
	t = &(*tries)->t[i];
	*t = (struct login_try){ .used = true, .asker = ev->ask.ask_id, .q = *q };
	t->list = list_of(c, (unsigned)q->line - 1);
	go_on(t, LOGIN_TRY_ASK + i, c, fx);
}

void login_user_answered(struct login_tries *tries, const struct login_conf *c, const struct ev *ev,
			 struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	uint32_t i = ev->answer.ask_id - LOGIN_TRY_ASK;
	struct login_try *t;

	if (!tries || i >= LOGIN_TRIES_MAX || !tries->t[i].used)
		return;
	t = &tries->t[i];
	if (a->err == 0) {
		settle(t, NULL, a->login.privilege, fx);
	} else if (a->err == -EACCES) {
		settle(t, a->why, 0, fx);
	} else {
		method_failed(t, a->why, fx);
		go_on(t, LOGIN_TRY_ASK + i, c, fx);
	}
}
