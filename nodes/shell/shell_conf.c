/* The running configuration of a node and what keeps it.
 *
 * Each accepted line is told to the log and, before the turn of the loop ends, the whole text is
 * written to the state directory: a node that is killed comes back with it. */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ifname.h"

#define RUNNING_FILE "running-config"
#define STARTUP_FILE "startup-config"
#define CONFIG_MAX   (1u << 20)

int conf_init(struct node *n)
{
	n->conf = calloc(1, sizeof(*n->conf));
	if (!n->conf)
		return -ENOMEM;
	return conf_set_open(n->conf, &n->dev);
}

/* --- the state directory ------------------------------------------------------------------ */

int state_write(struct node *n, const char *name, const char *text, size_t len)
{
	char tmp[80];
	int fd, r = 0;

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	fd = openat(n->state_fd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		r = -EIO;
	close(fd);
	if (r == 0 && renameat(n->state_fd, tmp, n->state_fd, name) < 0)
		r = -errno;
	return r;
}

int state_rewrite(struct node *n, const char *name, const char *text, size_t len)
{
	int fd = openat(n->state_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		r = -EIO;
	close(fd);
	return r;
}

char *conf_saved(struct node *n, const char *name)
{
	int fd = openat(n->state_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	ssize_t got = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size <= (off_t)CONFIG_MAX)
		text = calloc(1, (size_t)st.st_size + 1);
	if (text)
		got = read(fd, text, (size_t)st.st_size);
	close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	return text;
}

void conf_show(struct node *n, struct sbuf *out)
{
	conf_tree_print(n->conf->tree, out);
}

int conf_save_startup(struct node *n)
{
	struct sbuf text = SBUF(CONFIG_MAX);
	int r;

	conf_show(n, &text);
	r = state_write(n, STARTUP_FILE, sbuf_text(&text), text.len);
	sbuf_done(&text);
	return r;
}

void conf_keep(struct node *n)
{
	struct sbuf text = SBUF(CONFIG_MAX);
	int r;

	if (!n->conf_changed)
		return;
	n->conf_changed = false;
	conf_show(n, &text);
	r = state_write(n, RUNNING_FILE, sbuf_text(&text), text.len);
	if (r < 0)
		journal_refused(n, "running-config", strerror(-r));
	sbuf_done(&text);
}

/* --- lines -------------------------------------------------------------------------------- */

static void accepted(struct node *n, const struct conf_result *line)
{
	const char *name = shell_conf_hostname(n->conf->confs[0]);

	n->conf_changed = true;
	journal_config(n, line->section, line->line);
	if (strcmp(name, n->dev.hostname) != 0) {
		str_copy(n->dev.hostname, sizeof(n->dev.hostname), name);
		if (sethostname(name, strlen(name)) < 0)
			journal_refused(n, "hostname", strerror(errno));
	}
}

struct load {
	struct node *node;
	struct sbuf *err;
};

static void load_issue(void *arg, const struct conf_issue *issue)
{
	struct load *l = arg;

	if (issue->warning)
		return;
	sbuf_printf(l->err, "%s: configuration line %u, column %u: %s\n", l->node->dev.name,
		    issue->line, issue->column, issue->text);
}

static void load_accepted(void *arg, const struct conf_result *line)
{
	accepted(((struct load *)arg)->node, line);
}

/* What was loaded is known to whoever sent it, or is in the state directory already. */
int conf_load(struct node *n, const char *text, bool prefer_saved, struct sbuf *reterr)
{
	struct load l = { .node = n, .err = reterr };
	char *saved = NULL;
	int r;

	if (prefer_saved)
		saved = conf_saved(n, RUNNING_FILE);
	r = conf_set_read(n->conf, saved ? saved : text, load_issue, load_accepted, &l);
	free(saved);
	n->conf_changed = false;
	return r;
}

/* Each machine of an owner whose object changed hears of it. */
static void tell_machines(struct node *n, uint64_t changed)
{
	struct ev ev = { .kind = EV_CONF };

	for (unsigned i = 0; i < n->n_machines; i++)
		for (unsigned p = 0; protos[p] && p < 64; p++)
			if (protos[p] == n->machines[i].proto && (changed >> p & 1))
				deliver(&n->machines[i], &ev, NULL);
}

int conf_line(struct node *n, struct session *s, const char *line, struct sbuf *reterr,
	      struct sbuf *retwarn)
{
	struct conf_target t = conf_set_target(n->conf);
	struct conf_result *res = malloc(sizeof(*res));
	int r;

	if (!res)
		abort();
	r = conf_apply(&t, &s->place, line, res);
	if (r < 0 && res->error.status != GRAMMAR_OK)
		grammar_error_ios(&res->error, line, s->prompt_width, reterr);
	else if (r < 0)
		sbuf_printf(reterr, "%% %s\n", res->text);
	else if (!res->noise) {
		accepted(n, res);
		sbuf_puts(retwarn, res->text);
		tell_machines(n, res->changed);
	}
	free(res);
	return r;
}

/* --- ASK_CONF ------------------------------------------------------------------------------ */

struct merge {
	struct node *node;
	struct sbuf *out; /* what was refused */
	uint64_t changed;
};

static void merge_issue(void *arg, const struct conf_issue *issue)
{
	struct merge *m = arg;

	sbuf_printf(m->out, "%% line %u, column %u: %s%s\n", issue->line, issue->column,
		    issue->warning ? "accepted, but " : "", issue->text);
}

static void merge_accepted(void *arg, const struct conf_result *line)
{
	struct merge *m = arg;

	m->changed |= line->changed;
	accepted(m->node, line);
}

static int conf_merge(struct node *n, const char *text, struct sbuf *out)
{
	struct merge m = { .node = n, .out = out };
	int r = conf_set_read(n->conf, text, merge_issue, merge_accepted, &m);

	tell_machines(n, m.changed);
	return r;
}

static int run_conf(struct node *n, const struct ask_conf *ask, struct sbuf *out)
{
	char *text;
	int r = 0;

	switch (ask->op) {
	case CONF_RUNNING:
		conf_show(n, out);
		break;
	case CONF_STARTUP:
		text = conf_saved(n, STARTUP_FILE);
		r = text ? sbuf_puts(out, text) : -ENOENT;
		free(text);
		break;
	case CONF_MERGE:
		text = strndup((const char *)ask->data, ask->len);
		r = text ? conf_merge(n, text, out) : -ENOMEM;
		free(text);
		break;
	case CONF_SAVE:
		r = state_write(n, STARTUP_FILE, (const char *)ask->data, ask->len);
		break;
	}
	return r;
}

void conf_answer(struct machine *m, uint32_t ask_id, const struct ask_conf *ask)
{
	struct sbuf out = SBUF(CONFIG_MAX);
	struct answer a = { .err = run_conf(m->node, ask, &out) };

	if (a.err)
		str_copy(a.why, sizeof(a.why), strerror(-a.err));
	a.file.size = a.file.len = out.len;
	a.file.data = (const uint8_t *)out.data;
	queue_answer(m, ask_id, &a, m->node->turn_cause, out.data, out.len);
	sbuf_done(&out);
}
