/* Who logs in, and the commands that touch no file. */
#include "ftp/ftp_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- login -------------------------------------------------------------------------------- */

static void cmd_user(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	s->logged_in = false;
	s->rights = 0;
	s->named = *s->arg && str_copy(s->user, sizeof(s->user), s->arg);
	str_copy(s->cwd, sizeof(s->cwd), "/");
	if (!s->named)
		ftp_answer(h, s, "ftp.cmd.user", 501, now, fx, "A user name is wanted.");
	else
		ftp_answer(h, s, "ftp.cmd.user", 331, now, fx, "Password required for %s.",
			   s->user);
}

static void let_in(struct ftp_server *h, struct ftp_session *s, unsigned rights, nsec_t now,
		   struct fx *fx)
{
	s->logged_in = true;
	s->rights = rights;
	ftp_answer(h, s, "ftp.cmd.pass", 230, now, fx, "User %s logged in.", s->user);
	ftp_session_tell(s, fx);
}

/* The same whether the user or the password is wrong; a second makes guessing slow. */
static void refuse_login(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	char addr[ADDR_TEXT_LEN];

	fx_because(fx, s->cause);
	decide(fx, "ftp.server.auth-fail", CLIENT(s), USER(s));
	fx_log(fx, SEVERITY_WARNING, "FTP", "LOGINFAILED", "Login failed [user: %s] [Source: %s]",
	       s->user, addr_format(&s->peer.addr, addr));
	ftp_enter(h, s, FTP_PENALTY, now);
}

/* A user of the device: who may do everything there may so by FTP, others read. */
static void on_login(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		     nsec_t now, struct fx *fx)
{
	if (a->err)
		refuse_login(h, s, now, fx);
	else
		let_in(h, s, a->login.privilege == 15 ? FTP_RIGHTS_ALL : FTP_RIGHTS_READER, now,
		       fx);
}

static bool is_anonymous(const char *user)
{
	return strcasecmp(user, "anonymous") == 0 || strcasecmp(user, "ftp") == 0;
}

static void cmd_pass(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	const struct ftp_user *u = ftp_user_find(h->conf, s->user);
	struct ask ask = { .kind = ASK_LOGIN, .login = { .service = "ftp", .peer = s->peer.addr } };

	if (!s->named) {
		ftp_answer(h, s, "ftp.cmd.pass", 503, now, fx, "Login with USER first.");
		return;
	}
	decide_at(fx, "ftp.mask-secrets", s->line_at, CLIENT(s), USER(s));
	s->named = false;
	if (u && ftp_user_matches(u, s->arg)) {
		let_in(h, s, u->rights, now, fx);
	} else if (u) {
		refuse_login(h, s, now, fx);
	} else if (h->conf->anonymous && is_anonymous(s->user)) {
		let_in(h, s, FTP_RIGHTS_READER, now, fx);
	} else {
		str_copy(ask.login.user, sizeof(ask.login.user), s->user);
		str_copy(ask.login.password, sizeof(ask.login.password), s->arg);
		ftp_enter(h, s, FTP_ASKING, now);
		ftp_ask(h, s, &ask, on_login, fx);
	}
	memset(s->arg, 0, sizeof(s->arg));
}

static void cmd_quit(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	ftp_answer(h, s, "ftp.cmd.quit", 221, now, fx, "Goodbye.");
	ftp_session_end(h, s, "QUIT", fx);
}

/* --- the representation ------------------------------------------------------------------- */

static void cmd_type(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	const char *a = s->arg;
	bool ascii = strcasecmp(a, "A") == 0 || strcasecmp(a, "A N") == 0;

	if (ascii || strcasecmp(a, "I") == 0 || strcasecmp(a, "L 8") == 0) {
		s->ascii = ascii;
		ftp_answer(h, s, "ftp.cmd.type", 200, now, fx, "Type set to %s.",
			   ascii ? "A" : "I");
	} else {
		ftp_answer(h, s, "ftp.cmd.type", 504, now, fx,
			   "Only types A, I and L 8 are known.");
	}
}

static void cmd_rest(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	uint64_t at;

	if (str_to_u64(s->arg, INT64_MAX, &at) < 0) {
		ftp_answer(h, s, "ftp.cmd.rest", 501, now, fx, "A number of octets is wanted.");
	} else if (s->ascii && at > 0) {
		ftp_answer(h, s, "ftp.cmd.rest", 504, now, fx, "Only in TYPE I.");
	} else {
		ftp_answer(h, s, "ftp.cmd.rest", 350, now, fx, "The next transfer begins at %llu.",
			   (unsigned long long)at);
		s->rest = at;
	}
}

/* --- SYST, NOOP, MODE, STRU, ALLO, STAT, HELP --------------------------------------------- */

static const char *status_text(const struct ftp_session *s, struct sbuf *out)
{
	char addr[ADDR_TEXT_LEN];

	sbuf_printf(out, "Connected to %s, %s %s; TYPE %s, MODE S, STRU F.",
		    addr_format(&s->local.addr, addr), s->logged_in ? "logged in as" : "no login",
		    s->logged_in ? s->user : "yet", s->ascii ? "A" : "I");
	return sbuf_text(out);
}

static void help_text(struct sbuf *out)
{
	sbuf_puts(out, "Commands:");
	for (int v = FTP_USER; v < N_FTP_VERBS; v++)
		sbuf_printf(out, " %s", ftp_verb_name((enum ftp_verb)v));
}

static int simple_answer(const struct ftp_session *s, struct sbuf *out)
{
	switch ((int)s->verb) {
	case FTP_SYST:
		sbuf_puts(out, "UNIX Type: L8");
		return 215;
	case FTP_ALLO:
		sbuf_puts(out, "No storage has to be allocated.");
		return 202;
	case FTP_STAT:
		if (*s->arg) {
			sbuf_puts(out, "STAT knows no files; use LIST.");
			return 504;
		}
		status_text(s, out);
		return 211;
	case FTP_HELP:
		help_text(out);
		return 214;
	case FTP_MODE:
		sbuf_puts(out, strcasecmp(s->arg, "S") == 0 ? "Mode set to S."
							    : "Only mode S is known.");
		return strcasecmp(s->arg, "S") == 0 ? 200 : 504;
	case FTP_STRU:
		sbuf_puts(out, strcasecmp(s->arg, "F") == 0 ? "Structure set to F."
							    : "Only structure F is known.");
		return strcasecmp(s->arg, "F") == 0 ? 200 : 504;
	default:
		sbuf_puts(out, "OK.");
		return 200;
	}
}

static void cmd_simple(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct sbuf text = SBUF(1024);
	int code = simple_answer(s, &text);

	if (s->verb == FTP_HELP)
		decide_at(fx, "ftp.cmd.minimum-set", s->line_at, CLIENT(s),
			  V_INT("count", N_FTP_VERBS - FTP_USER));
	ftp_answer(h, s, "ftp.cmd.system-noop-mode", code, now, fx, "%s", sbuf_text(&text));
	sbuf_done(&text);
}

/* --- FEAT, OPTS --------------------------------------------------------------------------- */

static void cmd_feat(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	static const char text[] = "211-Features:\r\n"
				   " SIZE\r\n MDTM\r\n REST STREAM\r\n EPRT\r\n EPSV\r\n"
				   " MLST type*;size*;modify*;perm*;\r\n UTF8\r\n TVFS\r\n";

	fx_write(fx, s->sock, text, sizeof(text) - 1);
	ftp_answer(h, s, "ftp.cmd.feat-opts", 211, now, fx, "End.");
}

static void cmd_opts(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (strcasecmp(s->arg, "UTF8 ON") == 0)
		ftp_answer(h, s, "ftp.cmd.feat-opts", 200, now, fx, "Names are UTF-8.");
	else if (strncasecmp(s->arg, "MLST", 4) == 0 && (s->arg[4] == ' ' || !s->arg[4]))
		ftp_answer(h, s, "ftp.cmd.feat-opts", 200, now, fx,
			   "MLST OPTS type;size;modify;perm;");
	else
		ftp_answer(h, s, "ftp.cmd.feat-opts", 501, now, fx, "Unknown option.");
}

/* --- all of them -------------------------------------------------------------------------- */

struct command {
	bool open; /* also before the login */
	bool argument;
	const char *rule; /* for what is wrong with it */
	void (*run)(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx);
};

/* clang-format off */
static const struct command commands[N_FTP_VERBS] = {
	[FTP_USER] = { true, false, "ftp.cmd.user", cmd_user },
	[FTP_PASS] = { true, false, "ftp.cmd.pass", cmd_pass },
	[FTP_QUIT] = { true, false, "ftp.cmd.quit", cmd_quit },
	[FTP_TYPE] = { false, true, "ftp.cmd.type", cmd_type },
	[FTP_MODE] = { false, true, "ftp.cmd.system-noop-mode", cmd_simple },
	[FTP_STRU] = { false, true, "ftp.cmd.system-noop-mode", cmd_simple },
	[FTP_PASV] = { false, false, "ftp.cmd.pasv", ftp_cmd_pasv },
	[FTP_EPSV] = { false, false, "ftp.cmd.epsv", ftp_cmd_pasv },
	[FTP_PORT_CMD] = { false, true, "ftp.cmd.port", ftp_cmd_port },
	[FTP_EPRT] = { false, true, "ftp.cmd.eprt", ftp_cmd_port },
	[FTP_RETR] = { false, true, "ftp.cmd.retr", ftp_cmd_retr },
	[FTP_STOR] = { false, true, "ftp.cmd.stor", ftp_cmd_stor },
	[FTP_APPE] = { false, true, "ftp.cmd.appe", ftp_cmd_stor },
	[FTP_REST] = { false, true, "ftp.cmd.rest", cmd_rest },
	[FTP_LIST] = { false, false, "ftp.cmd.list-nlst", ftp_cmd_list },
	[FTP_NLST] = { false, false, "ftp.cmd.list-nlst", ftp_cmd_list },
	[FTP_MLSD] = { false, false, "ftp.cmd.mlsd-mlst", ftp_cmd_list },
	[FTP_MLST] = { false, false, "ftp.cmd.mlsd-mlst", ftp_cmd_mlst },
	[FTP_RNFR] = { false, true, "ftp.cmd.rnfr", ftp_cmd_rnfr },
	[FTP_RNTO] = { false, true, "ftp.cmd.rnto", ftp_cmd_rnto },
	[FTP_DELE] = { false, true, "ftp.cmd.dele", ftp_cmd_dele },
	[FTP_CWD] = { false, true, "ftp.cmd.directories", ftp_cmd_dirs },
	[FTP_CDUP] = { false, false, "ftp.cmd.directories", ftp_cmd_dirs },
	[FTP_PWD] = { false, false, "ftp.cmd.directories", ftp_cmd_pwd },
	[FTP_MKD] = { false, true, "ftp.cmd.directories", ftp_cmd_dirs },
	[FTP_RMD] = { false, true, "ftp.cmd.directories", ftp_cmd_dirs },
	[FTP_SIZE] = { false, true, "ftp.cmd.size-mdtm", ftp_cmd_size },
	[FTP_MDTM] = { false, true, "ftp.cmd.size-mdtm", ftp_cmd_size },
	[FTP_SYST] = { true, false, "ftp.cmd.system-noop-mode", cmd_simple },
	[FTP_NOOP] = { true, false, "ftp.cmd.system-noop-mode", cmd_simple },
	[FTP_ALLO] = { false, false, "ftp.cmd.system-noop-mode", cmd_simple },
	[FTP_STAT] = { false, false, "ftp.cmd.system-noop-mode", cmd_simple },
	[FTP_HELP] = { true, false, "ftp.cmd.system-noop-mode", cmd_simple },
	[FTP_FEAT] = { true, false, "ftp.cmd.feat-opts", cmd_feat },
	[FTP_OPTS] = { true, true, "ftp.cmd.feat-opts", cmd_opts },
	[FTP_ABOR] = { false, false, "ftp.cmd.abor", ftp_cmd_abor },
};
/* clang-format on */

/* What the command before it prepared is good for the next one only. */
static void forget(struct ftp_session *s)
{
	if (s->verb != FTP_RNTO)
		s->has_rename = false;
	s->from = s->verb == FTP_RETR || s->verb == FTP_STOR ? s->rest : 0;
	s->rest = 0;
}

void ftp_perform(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	const struct command *c = &commands[s->verb];

	forget(s);
	if (!c->open && !s->logged_in)
		ftp_answer(h, s, "ftp.cmd.not-logged-in", 530, now, fx,
			   "Please login with USER and PASS.");
	else if (c->argument && !*s->arg)
		ftp_answer(h, s, c->rule, 501, now, fx, "An argument is missing.");
	else
		c->run(h, s, now, fx);
}

bool ftp_may(struct ftp_server *h, struct ftp_session *s, unsigned right, const char *rule,
	     nsec_t now, struct fx *fx)
{
	if (s->rights & right)
		return true;
	ftp_answer(h, s, rule, 550, now, fx, "Permission denied.");
	return false;
}

bool ftp_take_path(struct ftp_server *h, struct ftp_session *s, const char *rule, nsec_t now,
		   struct fx *fx)
{
	char real[ASK_PATH_MAX];
	int r = ftp_path_join(s->cwd, s->arg, s->path, sizeof(s->path));

	if (r == 0 && !ftp_real_path(h, s->path, real, sizeof(real)))
		r = -ENAMETOOLONG;
	if (r == -EACCES)
		ftp_answer(h, s, "ftp.server.path-escape", 550, now, fx,
			   "The path leads out of your files.");
	else if (r < 0)
		ftp_answer(h, s, rule, 553, now, fx, "Not a file name.");
	return r == 0;
}
