/* dir, more, delete. */
#include "files/files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* A place of the device's own store at argument i; false: the command has ended. */
static bool own_place(struct files_manager *m, struct job *j, const struct call *call, unsigned i,
		      struct fx *fx)
{
	const char *why = "no file system of this device has that name";
	const char *text =
		i < call->n_args && call->args[i].type != ARG_NONE ? call->args[i].text : "flash:";

	if (place_parse(text, &j->from, &why) == 0 && j->from.kind != PLACE_URL)
		return true;
	fx_print(fx, call->id, "%%Error opening %s (%s)\n", text, why);
	job_end(m, j, 1, fx);
	return false;
}

static void fail(struct files_manager *m, struct job *j, const char *doing, const char *why,
		 struct fx *fx)
{
	struct sbuf name = SBUF(VAL_TEXT_MAX);

	place_format(&j->from, &name);
	fx_print(fx, j->call, "%%Error %s %s (%s)\n", doing, sbuf_text(&name), why);
	sbuf_done(&name);
	job_end(m, j, 1, fx);
}

/* --- dir ---------------------------------------------------------------------------------- */

struct entry {
	bool is_dir;
	uint64_t size;
	int64_t mtime_ns;
	const char *name;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

/* Cuts the listing up. |text| is written to; |out| holds as many as it has lines. */
static size_t read_entries(char *text, struct entry *out)
{
	size_t n = 0;
	char kind;
	int at;

	for (char *line = text, *end; *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		if (sscanf(line, "%c %" SCNu64 " %" SCNd64 " %n", &kind, &out[n].size,
			   &out[n].mtime_ns, &at) < 3)
			continue;
		out[n].is_dir = kind == 'd';
		out[n].name = line + at;
		n++;
	}
	qsort(out, n, sizeof(*out), by_name);
	return n;
}

static void print_entry(const struct entry *e, unsigned number, uint32_t call, struct fx *fx)
{
	time_t t = (time_t)(e->mtime_ns / SEC);
	struct tm tm;
	char date[40];

	gmtime_r(&t, &tm);
	strftime(date, sizeof(date), "%b %d %Y %H:%M:%S +00:00", &tm);
	fx_print(fx, call, "%5u  %crw- %11" PRIu64 "  %s  %s\n", number, e->is_dir ? 'd' : '-',
		 e->is_dir ? 0 : e->size, date, e->name);
}

static void listed(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	struct entry *entries;
	uint64_t total = 0;
	size_t n = 1;
	char *text;

	if (a->err) {
		fail(m, j, "opening", a->why, fx);
		return;
	}
	text = strndup((const char *)a->file.data, a->file.len);
	for (size_t i = 0; text && text[i]; i++)
		n += text[i] == '\n';
	entries = calloc(n, sizeof(*entries));
	if (!text || !entries)
		abort();
	n = a->file.len > 0 ? read_entries(text, entries) : 0;
	fx_print(fx, j->call, "Directory of flash:/%s\n\n", j->from.path);
	for (size_t i = 0; i < n; i++) {
		print_entry(&entries[i], (unsigned)i + 1, j->call, fx);
		total += entries[i].is_dir ? 0 : entries[i].size;
	}
	fx_print(fx, j->call, n ? "\n%" PRIu64 " bytes in %zu files\n" : "No files in directory\n",
		 total, n);
	free(entries);
	free(text);
	job_end(m, j, 0, fx);
}

void files_run_dir(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct job *j = job_new(machine, call, fx);

	(void)now;
	if (j && own_place(machine, j, call, 0, fx))
		job_file_ask(machine, j, FILE_LIST, j->from.path, listed, fx);
}

/* --- more --------------------------------------------------------------------------------- */

static void shown(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	const struct answer *a = ev->answer.answer;
	struct sbuf out = SBUF(FILE_READ_MAX + 1);

	if (a->err) {
		fail(m, j, "opening", a->why, fx);
		return;
	}
	for (size_t i = 0; i < a->file.len; i++) {
		char c = (char)a->file.data[i];
		bool plain = c == '\n' || c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);

		if (c != '\r')
			sbuf_put(&out, plain ? &c : ".", 1);
	}
	if (out.len > 0 && out.data[out.len - 1] != '\n')
		sbuf_puts(&out, "\n");
	fx_print_text(fx, j->call, sbuf_text(&out), out.len);
	sbuf_done(&out);
	job_end(m, j, 0, fx);
}

void files_run_more(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct job *j = job_new(machine, call, fx);
	struct ask ask = { .kind = ASK_CONF };

	(void)now;
	if (!j || !own_place(machine, j, call, 0, fx))
		return;
	if (j->from.kind == PLACE_FLASH) {
		job_file_ask(machine, j, FILE_READ, j->from.path, shown, fx);
		return;
	}
	ask.conf.op = j->from.kind == PLACE_RUNNING ? CONF_RUNNING : CONF_STARTUP;
	job_ask(machine, j, &ask, shown, fx);
}

/* --- delete ------------------------------------------------------------------------------- */

static void deleted(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	if (ev->answer.answer->err) {
		fail(m, j, "deleting", ev->answer.answer->why, fx);
		return;
	}
	decide(fx, "files.deleted", V_TEXT("file", j->from.path));
	job_end(m, j, 0, fx);
}

static void confirmed(struct files_manager *m, struct job *j, const char *text, nsec_t now,
		      struct fx *fx)
{
	(void)now;
	if (*text && strncasecmp(text, "y", 1) != 0) {
		fx_print(fx, j->call, "Delete of flash:%s aborted!\n", j->from.path);
		job_end(m, j, 1, fx);
		return;
	}
	job_file_ask(m, j, FILE_DELETE, j->from.path, deleted, fx);
}

void files_run_delete(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct job *j = job_new(machine, call, fx);
	bool force = call->n_args > 1;
	char prompt[ASK_PATH_MAX + 64];

	if (!j || !own_place(machine, j, call, force ? 1 : 0, fx))
		return;
	if (j->from.kind != PLACE_FLASH) {
		fail(machine, j, "deleting", "a configuration is no file of flash:", fx);
		return;
	}
	snprintf(prompt, sizeof(prompt), "Delete flash:%s? [confirm]", j->from.path);
	if (force)
		confirmed(machine, j, "", now, fx);
	else
		job_input(j, prompt, "", confirmed, fx);
}
