/* `copy FROM TO`: the dialogue, then the octets from one place to the other.
 *
 * What is on either side in a file of the device is never held in memory while a server is on the
 * other: the scheme's machine reads or writes it piece by piece. */
#include "files/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void next_question(struct files_manager *m, struct job *j, nsec_t now, struct fx *fx);

/* --- the end ------------------------------------------------------------------------------ */

struct names {
	struct sbuf from, to;
};

static struct names name_places(const struct job *j)
{
	struct names n = { SBUF(VAL_TEXT_MAX), SBUF(VAL_TEXT_MAX) };

	place_format(&j->from, &n.from);
	place_format(&j->to, &n.to);
	return n;
}

static void names_done(struct names *n)
{
	sbuf_done(&n->from);
	sbuf_done(&n->to);
}

/* IOS names the URL that could not be opened; both places may be local. */
static void fail(struct files_manager *m, struct job *j, const char *why, struct fx *fx)
{
	struct names n = name_places(j);
	const struct sbuf *which =
		j->from.kind == PLACE_URL || j->to.kind != PLACE_URL ? &n.from : &n.to;

	decide(fx, "files.copy.failed", V_TEXT("from", sbuf_text(&n.from)),
	       V_TEXT("to", sbuf_text(&n.to)), V_TEXT("why", why));
	fx_print(fx, j->call, "%%Error opening %s (%s)\n", sbuf_text(which), why);
	names_done(&n);
	job_end(m, j, 1, fx);
}

static void succeed(struct files_manager *m, struct job *j, nsec_t now, struct fx *fx)
{
	struct names n = name_places(j);
	nsec_t took = now > j->began_ns ? now - j->began_ns : 1 * MSEC;

	decide(fx, "files.copy.done", V_TEXT("from", sbuf_text(&n.from)),
	       V_TEXT("to", sbuf_text(&n.to)), V_INT("bytes", j->size),
	       V_DUR("duration", now - j->began_ns));
	fx_print(fx, j->call, "%llu bytes copied in %lld.%03lld secs (%lld bytes/sec)\n",
		 (unsigned long long)j->size, (long long)(took / SEC),
		 (long long)(took % SEC / MSEC),
		 (long long)((double)j->size / ((double)took / (double)SEC)));
	names_done(&n);
	job_end(m, j, 0, fx);
}

/* --- storing what is in memory ------------------------------------------------------------ */

static void stored(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;

	if (a->err)
		fail(m, j, a->why, fx);
	else
		succeed(m, j, ev->now, fx);
}

static void merged(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	struct names n = name_places(j);

	if (a->file.len > 0)
		fx_print_text(fx, j->call, (const char *)a->file.data, a->file.len);
	fx_log(fx, SEVERITY_NOTICE, "SYS", "CONFIG_I", "Configured from %s by console",
	       sbuf_text(&n.from));
	if (a->err) {
		decide(fx, "files.copy.merged-in-part", V_TEXT("from", sbuf_text(&n.from)),
		       V_TEXTN("why", (const char *)a->file.data,
			       strcspn((const char *)a->file.data, "\n")));
		fx_print(fx, j->call, "%% Some lines were refused; the others are in force\n");
		job_end(m, j, 1, fx);
	} else {
		succeed(m, j, ev->now, fx);
	}
	names_done(&n);
}

static void send_data(struct files_manager *m, struct job *j, struct fx *fx);

static void store(struct files_manager *m, struct job *j, struct fx *fx)
{
	const uint8_t *data = (const uint8_t *)sbuf_text(&j->data);
	struct ask ask = { .kind = ASK_CONF };

	j->size = j->data.len;
	switch (j->to.kind) {
	case PLACE_RUNNING:
	case PLACE_STARTUP:
		ask.conf.op = j->to.kind == PLACE_RUNNING ? CONF_MERGE : CONF_SAVE;
		ask.conf.data = data;
		ask.conf.len = j->data.len;
		job_ask(m, j, &ask, j->to.kind == PLACE_RUNNING ? merged : stored, fx);
		break;
	case PLACE_FLASH:
		ask.kind = ASK_FILE;
		ask.file.op = FILE_WRITE;
		str_copy(ask.file.path, sizeof(ask.file.path), j->to.path);
		ask.file.data = data;
		ask.file.len = j->data.len;
		job_ask(m, j, &ask, stored, fx);
		break;
	case PLACE_URL:
		send_data(m, j, fx);
		break;
	}
}

/* --- getting it --------------------------------------------------------------------------- */

static void got_data(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;

	if (a->err)
		fail(m, j, a->why, fx);
	else if (a->file.size > a->file.len)
		fail(m, j, "the file is too large to be copied so", fx);
	else if (sbuf_put(&j->data, a->file.data, a->file.len) < 0)
		fail(m, j, "Not enough memory", fx);
	else
		store(m, j, fx);
}

/* A file went between the device's store and a server, piece by piece. */
static void carried(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;

	j->size = a->file.size;
	stored(m, j, ev, fx);
}

static void transfer(struct files_manager *m, struct job *j, bool put, const char *file,
		     void (*answer)(struct files_manager *m, struct job *j, const struct ev *ev,
				    struct fx *fx),
		     struct fx *fx)
{
	const struct place *url = put ? &j->to : &j->from;
	struct ask ask = { .kind = ASK_TRANSFER, .transfer = { .put = put, .port = url->port } };
	struct ask_transfer *t = &ask.transfer;

	str_copy(t->scheme, sizeof(t->scheme), url->scheme);
	str_copy(t->host, sizeof(t->host), url->host);
	str_copy(t->user, sizeof(t->user), url->user);
	str_copy(t->password, sizeof(t->password), url->password);
	str_copy(t->path, sizeof(t->path), url->path);
	str_copy(t->file, sizeof(t->file), file);
	if (put && !*file) {
		t->data = (const uint8_t *)sbuf_text(&j->data);
		t->len = j->data.len;
	}
	t->call = j->call;
	job_ask(m, j, &ask, answer, fx);
}

static void send_data(struct files_manager *m, struct job *j, struct fx *fx)
{
	transfer(m, j, true, "", carried, fx);
}

static void carry_out(struct files_manager *m, struct job *j, nsec_t now, struct fx *fx)
{
	struct ask ask = { .kind = ASK_CONF };
	struct names n = name_places(j);

	decide(fx, "files.copy.start", V_TEXT("from", sbuf_text(&n.from)),
	       V_TEXT("to", sbuf_text(&n.to)));
	names_done(&n);
	j->began_ns = now;
	switch (j->from.kind) {
	case PLACE_RUNNING:
	case PLACE_STARTUP:
		ask.conf.op = j->from.kind == PLACE_RUNNING ? CONF_RUNNING : CONF_STARTUP;
		job_ask(m, j, &ask, got_data, fx);
		break;
	case PLACE_FLASH:
		if (j->to.kind == PLACE_URL)
			transfer(m, j, true, j->from.path, carried, fx);
		else
			job_file_ask(m, j, FILE_READ, j->from.path, got_data, fx);
		break;
	case PLACE_URL:
		if (j->to.kind == PLACE_FLASH)
			transfer(m, j, false, j->to.path, carried, fx);
		else
			transfer(m, j, false, "", got_data, fx);
		break;
	}
}

/* --- the dialogue ------------------------------------------------------------------------- */

static void overwrite_typed(struct files_manager *m, struct job *j, const char *text, nsec_t now,
			    struct fx *fx)
{
	if (*text && strncasecmp(text, "y", 1) != 0) {
		job_end(m, j, 1, fx);
		return;
	}
	j->confirmed = true;
	next_question(m, j, now, fx);
}

static void on_exists(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	j->confirmed = ev->answer.answer->err != 0;
	if (j->confirmed) {
		next_question(m, j, ev->now, fx);
		return;
	}
	fx_print(fx, j->call, "%%Warning: There is a file already existing with this name\n");
	job_input(j, "Do you want to over write? [confirm]", "", overwrite_typed, fx);
}

/* What the last question was about. */
static char *asked_for(struct job *j, size_t *ret_size)
{
	struct place *p = j->question == 2 || j->question == 3 ? &j->to : &j->from;
	bool host = j->question == 0 || j->question == 2;

	*ret_size = host ? sizeof(p->host) : sizeof(p->path);
	return host ? p->host : p->path;
}

static void part_typed(struct files_manager *m, struct job *j, const char *text, nsec_t now,
		       struct fx *fx)
{
	size_t size;
	char *part = asked_for(j, &size);

	str_copy(part, size, text);
	if (!*part) {
		fail(m, j, "the line leaves out what nobody can be asked for", fx);
		return;
	}
	next_question(m, j, now, fx);
}

static bool leaves_out(struct job *j)
{
	const struct place *p = j->question == 2 || j->question == 3 ? &j->to : &j->from;
	bool host = j->question == 0 || j->question == 2;

	if (host)
		return p->kind == PLACE_URL && !*p->host;
	return (p->kind == PLACE_URL || p->kind == PLACE_FLASH) && !*p->path;
}

/* IOS proposes the name of the file, or for a configuration HOSTNAME-confg. */
static void propose(const struct files_manager *m, struct job *j)
{
	const char *slash = strrchr(j->from.path, '/');

	j->default_text[0] = '\0';
	if (j->question != 3)
		return;
	if (j->from.kind == PLACE_RUNNING || j->from.kind == PLACE_STARTUP)
		snprintf(j->default_text, sizeof(j->default_text), "%s-confg", m->dev->hostname);
	else
		str_copy(j->default_text, sizeof(j->default_text),
			 slash ? slash + 1 : j->from.path);
	for (char *c = j->default_text; *c; c++)
		if (*c >= 'A' && *c <= 'Z' && j->from.kind != PLACE_URL &&
		    j->from.kind != PLACE_FLASH)
			*c = (char)(*c + 32);
}

static void next_question(struct files_manager *m, struct job *j, nsec_t now, struct fx *fx)
{
	static const char *const words[] = { "Address or name of remote host", "Source filename",
					     "Address or name of remote host",
					     "Destination filename" };
	char prompt[ASK_PATH_MAX + 64];

	for (; j->question < ARRAY_SIZE(words); j->question++) {
		if (!leaves_out(j))
			continue;
		propose(m, j);
		snprintf(prompt, sizeof(prompt), "%s [%s]? ", words[j->question], j->default_text);
		job_input(j, prompt, j->default_text, part_typed, fx);
		return;
	}
	if (j->to.kind == PLACE_FLASH && !j->confirmed)
		job_file_ask(m, j, FILE_STAT, j->to.path, on_exists, fx);
	else
		carry_out(m, j, now, fx);
}

void files_run_copy(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct files_manager *m = machine;
	struct job *j = job_new(m, call, fx);
	const char *why;

	if (!j)
		return;
	if (place_parse(call->args[0].text, &j->from, &why) < 0 ||
	    place_parse(call->args[1].text, &j->to, &why) < 0) {
		fx_print(fx, call->id, "%% %s\n", why);
		job_end(m, j, 2, fx);
		return;
	}
	next_question(m, j, now, fx);
}

void files_run_copy_startup(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct job *j = job_new(machine, call, fx);

	if (!j)
		return;
	j->from.kind = PLACE_STARTUP;
	j->to.kind = PLACE_RUNNING;
	next_question(machine, j, now, fx);
}
