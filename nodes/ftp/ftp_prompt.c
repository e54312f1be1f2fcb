/* What a person types at "ftp> ", and the jobs that come of it. */
#include "ftp/ftp_client.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 4

static void prompt(struct ftp_client *h, struct ftp_connection *c, enum ftp_question question,
		   enum input_mode mode, const char *text, struct fx *fx)
{
	c->state = CLIENT_PROMPTING;
	c->question = question;
	timer_clear(&h->timers, &c->timer);
	fx_input(fx, c->call, mode, text);
}

void ftp_prompt(struct ftp_client *h, struct ftp_connection *c, nsec_t now, struct fx *fx)
{
	(void)now;
	prompt(h, c, ASKS_COMMAND, INPUT_LINE, "ftp> ", fx);
}

/* `ip ftp username` is proposed, and its password taken for it. */
void ftp_prompt_for(struct ftp_client *h, struct ftp_connection *c, enum ftp_question question,
		    nsec_t now, struct fx *fx)
{
	char text[ASK_NAME_MAX + 80];

	(void)now;
	if (question == ASKS_USER) {
		snprintf(text, sizeof(text), "Name (%s:%s): ", c->host,
			 *ftp_names(h->conf)->username ? ftp_names(h->conf)->username
						       : "anonymous");
		prompt(h, c, question, INPUT_LINE, text, fx);
	} else {
		prompt(h, c, question, INPUT_SECRET, "Password:", fx);
	}
}

static void user_typed(struct ftp_client *h, struct ftp_connection *c, const char *line, nsec_t now,
		       struct fx *fx)
{
	const char *proposed =
		*ftp_names(h->conf)->username ? ftp_names(h->conf)->username : "anonymous";

	line += strspn(line, " ");
	str_copy_n(c->user, sizeof(c->user), *line ? line : proposed,
		   strcspn(*line ? line : proposed, " "));
	ftp_client_step(c, FTP_USER, c->user);
	ftp_client_next(h, c, now, fx);
}

static void password_typed(struct ftp_client *h, struct ftp_connection *c, const char *line,
			   nsec_t now, struct fx *fx)
{
	bool proposed = !*line && *ftp_names(h->conf)->username &&
			strcmp(c->user, ftp_names(h->conf)->username) == 0;

	ftp_client_step(c, FTP_PASS, proposed ? ftp_names(h->conf)->password : line);
	ftp_client_next(h, c, now, fx);
}

/* --- jobs --------------------------------------------------------------------------------- */

void ftp_job_start(struct ftp_client *h, struct ftp_connection *c, enum ftp_job job,
		   const char *remote, const char *local, nsec_t now, struct fx *fx)
{
	struct ftp_move *m = &c->move;

	c->job = job;
	c->why[0] = '\0';
	m->sending = job == JOB_PUT;
	if (remote != m->remote)
		str_copy(m->remote, sizeof(m->remote), remote);
	if (local != m->local)
		str_copy(m->local, sizeof(m->local), local);
	ftp_move_steps(h, c,
		       job == JOB_GET	? FTP_RETR
		       : job == JOB_PUT ? FTP_STOR
					: FTP_LIST,
		       now, fx);
	ftp_client_next(h, c, now, fx);
}

/* Where a file goes that a server has named: never to a folder of the server's choice. */
static const char *safe_name(const char *remote, struct fx *fx)
{
	const char *base = ftp_path_base(remote);

	if (base != remote)
		decide(fx, "ftp.client.safe-name", V_TEXT("name", remote),
		       V_TEXT("taken", *base ? base : "nothing: no file may be called so"));
	return base;
}

static void do_get(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		   struct fx *fx)
{
	const char *local = w[2] ? w[2] : safe_name(w[1], fx);

	if (*local) {
		ftp_job_start(h, c, JOB_GET, w[1], local, now, fx);
		return;
	}
	fx_print(fx, c->call, "%% ftp: a name for the file is wanted: get REMOTE LOCAL\n");
	ftp_prompt(h, c, now, fx);
}

static void put_looked_at(struct ftp_client *h, struct ftp_connection *c, const struct answer *a,
			  nsec_t now, struct fx *fx)
{
	if (!a->err && !a->file.is_dir) {
		ftp_job_start(h, c, JOB_PUT, c->move.remote, c->move.local, now, fx);
		return;
	}
	fx_print(fx, c->call, "%% ftp: %s: %s\n", c->move.local,
		 a->err ? a->why : "not a plain file");
	ftp_prompt(h, c, now, fx);
}

/* Before the server is told anything. */
static void do_put(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		   struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file.op = FILE_STAT };

	(void)now;
	str_copy(c->move.local, sizeof(c->move.local), w[1]);
	str_copy(c->move.remote, sizeof(c->move.remote), w[2] ? w[2] : ftp_path_base(w[1]));
	str_copy(ask.file.path, sizeof(ask.file.path), w[1]);
	ftp_client_ask(h, c, &ask, put_looked_at, fx);
}

static void do_list(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		    struct fx *fx)
{
	ftp_job_start(h, c, JOB_LIST, w[1] ? w[1] : "", "", now, fx);
}

static void simple(struct ftp_client *h, struct ftp_connection *c, enum ftp_verb verb,
		   const char *arg, nsec_t now, struct fx *fx)
{
	c->job = JOB_SIMPLE;
	c->why[0] = '\0';
	ftp_client_step(c, verb, arg);
	ftp_client_next(h, c, now, fx);
}

static void do_rename(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		      struct fx *fx)
{
	c->job = JOB_SIMPLE;
	c->why[0] = '\0';
	ftp_client_step(c, FTP_RNFR, w[1]);
	ftp_client_step(c, FTP_RNTO, w[2]);
	ftp_client_next(h, c, now, fx);
}

static void do_cd(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		  struct fx *fx)
{
	decide(fx, "ftp.directories", V_TEXT("path", w[1]), V_ADDR("peer", c->peer.addr));
	simple(h, c, FTP_CWD, w[1], now, fx);
}

static void do_delete(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		      struct fx *fx)
{
	simple(h, c, FTP_DELE, w[1], now, fx);
}

static void do_pwd(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		   struct fx *fx)
{
	(void)w;
	simple(h, c, FTP_PWD, "", now, fx);
}

static void do_mkdir(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		     struct fx *fx)
{
	simple(h, c, FTP_MKD, w[1], now, fx);
}

static void do_rmdir(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		     struct fx *fx)
{
	simple(h, c, FTP_RMD, w[1], now, fx);
}

static void do_user(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		    struct fx *fx)
{
	user_typed(h, c, w[1], now, fx);
}

static void do_quit(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		    struct fx *fx)
{
	(void)w;
	simple(h, c, FTP_QUIT, "", now, fx);
}

static void do_passive(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		       struct fx *fx)
{
	(void)w;
	c->active = !c->active;
	fx_print(fx, c->call, "Passive mode %s.\n", c->active ? "off" : "on");
	ftp_prompt(h, c, now, fx);
}

static void do_type(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		    struct fx *fx)
{
	c->ascii = w[0][0] == 'a';
	fx_print(fx, c->call, "Files are sent as %s.\n", c->ascii ? "text (A)" : "they are (I)");
	ftp_prompt(h, c, now, fx);
}

static void do_help(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		    struct fx *fx);

/* --- lines -------------------------------------------------------------------------------- */

static const struct word {
	const char *name, *args;
	unsigned n_args; /* at least */
	void (*run)(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		    struct fx *fx);
} words[] = {
	{ "ascii", "", 0, do_type },
	{ "binary", "", 0, do_type },
	{ "bye", "", 0, do_quit },
	{ "cd", "DIRECTORY", 1, do_cd },
	{ "delete", "FILE", 1, do_delete },
	{ "dir", "[PATH]", 0, do_list },
	{ "get", "REMOTE [LOCAL]", 1, do_get },
	{ "help", "", 0, do_help },
	{ "ls", "[PATH]", 0, do_list },
	{ "mkdir", "DIRECTORY", 1, do_mkdir },
	{ "passive", "", 0, do_passive },
	{ "put", "LOCAL [REMOTE]", 1, do_put },
	{ "pwd", "", 0, do_pwd },
	{ "quit", "", 0, do_quit },
	{ "rename", "FROM TO", 2, do_rename },
	{ "rmdir", "DIRECTORY", 1, do_rmdir },
	{ "user", "NAME", 1, do_user },
};

static void do_help(struct ftp_client *h, struct ftp_connection *c, char **w, nsec_t now,
		    struct fx *fx)
{
	(void)w;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		fx_print(fx, c->call, " %-8s %s\n", words[i].name, words[i].args);
	ftp_prompt(h, c, now, fx);
}

/* Words of a line, in place; "quoted ones" may have blanks. */
static unsigned split(char *line, char *out[static WORDS_MAX + 1])
{
	unsigned n = 0;

	while (n < WORDS_MAX) {
		char end = ' ';

		line += strspn(line, " \t");
		if (!*line)
			break;
		if (*line == '"')
			end = *line++;
		out[n++] = line;
		while (*line && *line != end && (end == '"' || *line != '\t'))
			line++;
		if (*line)
			*line++ = '\0';
	}
	out[n] = NULL;
	return n;
}

/* As many letters as are not ambiguous will do: the first that begins so. */
static const struct word *find_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strncmp(words[i].name, text, strlen(text)) == 0)
			return &words[i];
	return strcmp(text, "?") == 0	   ? find_word("help")
	       : strcmp(text, "exit") == 0 ? find_word("quit")
					   : NULL;
}

static void command_typed(struct ftp_client *h, struct ftp_connection *c, const char *line,
			  nsec_t now, struct fx *fx)
{
	char copy[ASK_PATH_MAX], *w[WORDS_MAX + 1] = { NULL };
	unsigned n;
	const struct word *word;

	str_copy(copy, sizeof(copy), line);
	n = split(copy, w);
	word = n > 0 ? find_word(w[0]) : NULL;
	if (!word || n - 1 < word->n_args) {
		if (word)
			fx_print(fx, c->call, "usage: %s %s\n", word->name, word->args);
		else if (n > 0)
			fx_print(fx, c->call, "?Invalid command (help lists them)\n");
		ftp_prompt(h, c, now, fx);
		return;
	}
	word->run(h, c, w, now, fx);
}

void ftp_prompt_typed(struct ftp_client *h, struct ftp_connection *c, const char *line, nsec_t now,
		      struct fx *fx)
{
	c->state = CLIENT_WAITING;
	switch (c->question) {
	case ASKS_USER:
		user_typed(h, c, line, now, fx);
		break;
	case ASKS_PASSWORD:
		password_typed(h, c, line, now, fx);
		break;
	case ASKS_COMMAND:
		command_typed(h, c, line, now, fx);
		break;
	}
}
