/* The lines: who sits at which, and what they are asked for. */
#include "login/login.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

#define ENABLE_TRIES  3
#define ENABLES_MAX   8
#define ACL_ASK_SHIFT 1 /* our question about line n has the id n + this */

struct seat {
	bool used;
	uint32_t asker; /* who waits for the access list's answer; 0 = nobody */
	char transport[16], user[64];
	struct addr peer;
	nsec_t since_ns, touched_ns;
};

/* An `enable` that waits for the secret. */
struct enable {
	uint32_t call; /* 0 = free */
	unsigned tries;
};

struct login_lines {
	const struct login_conf *conf;
	struct seat *seats;	   /* LOGIN_LINES_MAX; NULL before the first */
	struct login_tries *tries; /* NULL before the first */
	struct enable enables[ENABLES_MAX];
};

/* --- lines -------------------------------------------------------------------------------- */

static unsigned transport_bit(const char *name)
{
	return strcmp(name, "telnet") == 0 ? LOGIN_TELNET
	       : strcmp(name, "ssh") == 0  ? LOGIN_SSH
					   : 0;
}

static int free_line(const struct login_lines *l, unsigned transport, const char **ret_why)
{
	*ret_why = "no line takes this transport";
	for (unsigned i = 0; i < l->conf->n_lines; i++) {
		if (!(login_line_of(l->conf, i).transports & transport))
			continue;
		if (!l->seats[i].used)
			return (int)i;
		*ret_why = "all lines are in use";
	}
	return -1;
}

static void refuse_line(const struct ask_line *q, uint32_t ask_id, int err, const char *why,
			struct fx *fx)
{
	struct answer a = { .err = err };

	str_copy(a.why, sizeof(a.why), why);
	decide(fx, "login.line-refused", V_ADDR("peer", q->peer), V_TEXT("transport", q->transport),
	       V_TEXT("why", why));
	fx_answer(fx, ask_id, &a);
}

static void put_banners(const struct login_conf *c, char *out, size_t size)
{
	struct sbuf text = SBUF(size - 1);

	for (int i = 0; i < 2; i++)
		if (c->banners[i])
			sbuf_printf(&text, "%s\n", c->banners[i]);
	str_copy(out, size, sbuf_text(&text));
	sbuf_done(&text);
}

static void give_line(struct login_lines *l, unsigned line, const struct ask_line *q,
		      uint32_t ask_id, nsec_t now, struct fx *fx)
{
	const struct login_line conf = login_line_of(l->conf, line);
	enum line_login how = login_how(l->conf, line);
	struct answer a = { .line = { .line = (int)line,
				      .login = how,
				      .privilege = conf.privilege,
				      .timeout_ns = conf.timeout_ns } };
	struct seat *s = &l->seats[line];

	if (how == LOGIN_PASSWORD && !conf.password.is_set) {
		*s = (struct seat){ 0 };
		refuse_line(q, ask_id, -ENOKEY, "a password is required, but none is set", fx);
		return;
	}
	put_banners(l->conf, a.line.banner, sizeof(a.line.banner));
	s->asker = 0;
	s->since_ns = s->touched_ns = now;
	decide(fx, "login.line-opened", V_INT("line", line), V_ADDR("peer", q->peer),
	       V_TEXT("transport", q->transport));
	fx_answer(fx, ask_id, &a);
}

static void open_line(struct login_lines *l, const struct ev *ev, struct fx *fx)
{
	const struct ask_line *q = &ev->ask.ask->line;
	struct ask acl = { .kind = ASK_ACL, .acl.src = q->peer };
	const char *why;
	int line;

	if (!l->seats)
		l->seats = calloc(LOGIN_LINES_MAX, sizeof(*l->seats));
	if (!l->seats)
		abort();
	line = free_line(l, transport_bit(q->transport), &why);
	if (line < 0) {
		refuse_line(q, ev->ask.ask_id, -EBUSY, why, fx);
		return;
	}
	l->seats[line] = (struct seat){ .used = true, .peer = q->peer };
	str_copy(l->seats[line].transport, sizeof(l->seats[line].transport), q->transport);
	str_copy(acl.acl.list, sizeof(acl.acl.list),
		 login_line_of(l->conf, (unsigned)line).access_class);
	if (!*acl.acl.list) {
		give_line(l, (unsigned)line, q, ev->ask.ask_id, ev->now, fx);
		return;
	}
	l->seats[line].asker = ev->ask.ask_id;
	fx_ask(fx, (uint32_t)line + ACL_ASK_SHIFT, &acl);
}

static void on_acl(struct login_lines *l, const struct ev *ev, struct fx *fx)
{
	uint32_t line = ev->answer.ask_id - ACL_ASK_SHIFT;
	struct ask_line q = { .op = LINE_OPEN };
	uint32_t asker;

	if (!l->seats || line >= LOGIN_LINES_MAX || !l->seats[line].asker)
		return;
	asker = l->seats[line].asker;
	q.peer = l->seats[line].peer;
	str_copy(q.transport, sizeof(q.transport), l->seats[line].transport);
	if (ev->answer.answer->err) {
		l->seats[line] = (struct seat){ 0 };
		refuse_line(&q, asker, -EACCES, "its access list denies the address", fx);
	} else {
		give_line(l, line, &q, asker, ev->now, fx);
	}
}

static void check_line(struct login_lines *l, const struct ask_line *q, uint32_t ask_id,
		       struct fx *fx)
{
	const struct login_line conf = login_line_of(l->conf, (unsigned)q->line);
	struct answer a = { .err = login_secret_matches(&conf.password, q->password) ? 0
										     : -EACCES };

	if (a.err) {
		const struct seat *seat = &l->seats[q->line];

		decide(fx, "login.line-password-refused", V_INT("line", q->line));
		login_log_failure("", &seat->peer, seat->transport, fx);
		str_copy(a.why, sizeof(a.why), "wrong password");
	}
	fx_answer(fx, ask_id, &a);
}

static void on_line(struct login_lines *l, const struct ev *ev, struct fx *fx)
{
	const struct ask_line *q = &ev->ask.ask->line;
	struct answer done = { 0 };
	struct seat *s;

	if (q->op == LINE_OPEN) {
		open_line(l, ev, fx);
		return;
	}
	if (!l->seats || q->line < 0 || q->line >= LOGIN_LINES_MAX)
		return;
	s = &l->seats[q->line];
	switch (q->op) {
	case LINE_OPEN:
		return;
	case LINE_CHECK:
		check_line(l, q, ev->ask.ask_id, fx);
		return;
	case LINE_USER:
		str_copy(s->user, sizeof(s->user), q->user);
		break;
	case LINE_TOUCH:
		s->touched_ns = ev->now;
		break;
	case LINE_CLOSE:
		*s = (struct seat){ 0 };
		decide(fx, "login.line-closed", V_INT("line", q->line));
		break;
	}
	fx_answer(fx, ev->ask.ask_id, &done);
}

void login_run_show_users(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct login_lines *l = machine;
	char addr[ADDR_TEXT_LEN];

	fx_print(fx, call->id,
		 "    Line       User       Host(s)              Idle       Location\n");
	for (unsigned i = 0; l->seats && i < LOGIN_LINES_MAX; i++) {
		const struct seat *s = &l->seats[i];
		int64_t idle = (now - s->touched_ns) / SEC;

		if (s->used)
			fx_print(fx, call->id,
				 "%4u vty %-5u %-10s %-20s %02" PRId64 ":%02" PRId64 ":%02" PRId64
				 "   %s\n",
				 i + 2, i, s->user, "idle", idle / 3600, idle / 60 % 60, idle % 60,
				 addr_format(&s->peer, addr));
	}
	fx_cmd_done(fx, call->id, 0);
}

/* --- enable ------------------------------------------------------------------------------- */

static void enable_refused(struct login_lines *l, uint32_t call, const char *why, const char *text,
			   struct fx *fx)
{
	(void)l;
	decide(fx, "login.enable-refused", V_TEXT("why", why));
	fx_print(fx, call, "%s\n", text);
	fx_cmd_done(fx, call, 1);
}

void login_run_enable(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct login_lines *l = machine;
	struct enable *e = l->enables;

	(void)now;
	if (call->level >= 15) {
		fx_cmd_done(fx, call->id, 0);
		return;
	}
	while (e < l->enables + ENABLES_MAX && e->call)
		e++;
	if (!login_enable_secret(l->conf)->is_set || e == l->enables + ENABLES_MAX) {
		enable_refused(l, call->id, "no enable secret is set", "% No password set", fx);
		return;
	}
	*e = (struct enable){ .call = call->id, .tries = ENABLE_TRIES };
	fx_input(fx, call->id, INPUT_SECRET, "Password: ");
}

static void on_input(struct login_lines *l, const struct ev *ev, struct fx *fx)
{
	struct enable *e = l->enables;
	uint32_t call = ev->input.call;

	while (e < l->enables + ENABLES_MAX && e->call != call)
		e++;
	if (e == l->enables + ENABLES_MAX)
		return;
	if (ev->input.how == INPUT_TYPED &&
	    login_secret_matches(login_enable_secret(l->conf), ev->input.text)) {
		e->call = 0;
		decide(fx, "login.enable-accepted");
		fx_level(fx, call, 15);
		fx_cmd_done(fx, call, 0);
	} else if (ev->input.how == INPUT_TYPED && --e->tries > 0) {
		fx_input(fx, call, INPUT_SECRET, "Password: ");
	} else {
		e->call = 0;
		enable_refused(l, call, "the secret was wrong or not given", "% Bad secrets", fx);
	}
}

void login_run_disable(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	(void)machine, (void)now;
	fx_level(fx, call->id, 1);
	fx_cmd_done(fx, call->id, 0);
}

/* --- the machine -------------------------------------------------------------------------- */

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct login_lines *l = machine;

	if (ev->kind == EV_ASK && ev->ask.ask->kind == ASK_LOGIN)
		login_user_asked(&l->tries, l->conf, ev, fx);
	else if (ev->kind == EV_ASK)
		on_line(l, ev, fx);
	else if (ev->kind == EV_ANSWER && ev->answer.ask_id >= LOGIN_TRY_ASK)
		login_user_answered(l->tries, l->conf, ev, fx);
	else if (ev->kind == EV_ANSWER)
		on_acl(l, ev, fx);
	else if (ev->kind == EV_INPUT)
		on_input(l, ev, fx);
}

static void *create(const struct machine_env *env)
{
	struct login_lines *l = calloc(1, sizeof(*l));

	if (l)
		l->conf = env->conf;
	return l;
}

static void destroy(void *machine)
{
	struct login_lines *l = machine;

	if (l) {
		free(l->seats);
		free(l->tries);
	}
	free(l);
}

const struct machine_class login_lines_class = {
	.name = "login.lines",
	.kinds = KIND_BIT(KIND_ROUTER) | KIND_BIT(KIND_SERVER),
	.answers = BIT(ASK_LOGIN) | BIT(ASK_LINE),
	.create = create,
	.destroy = destroy,
	.event = event,
};
