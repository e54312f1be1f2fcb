#include "labd/ctl/test.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/ctl/run.h"
#include "labd/ctl/up.h"
#include "labd/ctl/watch.h"
#include "labd/log/db_read.h"

#define OUTPUT_MAX     (256u * 1024) /* of one command, kept for the report */
#define COMMAND_WAIT_S 300	     /* for a command's next word */
#define DEVICE_WAIT_NS (10 * SEC)
#define GAPS_SHOWN     5

/* One lab under test. */
struct testing {
	const struct lab *lab;
	struct test_lab *report;
	int fd; /* to labd */
	struct dbr *db;
	struct watch watch;
};

volatile int test_interrupted;
static volatile int waiting_fd = -1;

void test_interrupt(void)
{
	test_interrupted = 1;
	if (waiting_fd >= 0)
		(void)shutdown(waiting_fd, SHUT_RDWR);
}

/* --- items ---------------------------------------------------------------------------------- */

static char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return text;
}

static char *copy(const char *text)
{
	return text ? format("%s", text) : NULL;
}

static char *step_what(const struct lab *lab, const struct lab_step *s)
{
	switch (s->kind) {
	case STEP_COMMAND:
		return format("%s: %s", lab->nodes[s->node].name, s->text.text);
	case STEP_UNTIL:
		return format("until: %s", s->text.text);
	case STEP_WAIT:
		return format("wait: %.6g s", (double)s->time_ns / SEC);
	case STEP_EXPECT:
		return format("expect: %s", s->text.text);
	case STEP_STOP:
	case STEP_START:
		return format("%s: %s", s->kind == STEP_STOP ? "stop" : "start",
			      lab->nodes[s->node].name);
	case STEP_LINK_DOWN:
	case STEP_LINK_UP:
		return format("link %s: %s", s->kind == STEP_LINK_UP ? "up" : "down",
			      lab->links[s->link].name);
	}
	return NULL;
}

static void item_init(struct test_item *item, char *what, struct lab_pos pos, const char *why)
{
	*item = (struct test_item){ .what = what,
				    .why = copy(why),
				    .file = copy(pos.source ? pos.source->file : ""),
				    .line = pos.line,
				    .verdict = VERDICT_NOT_RUN };
}

/* Every step and expectation in order, none of them run. */
static void plan_items(const struct lab *lab, struct test_lab *t)
{
	t->items = calloc(lab->n_steps + lab->n_expects + 1, sizeof(*t->items));
	if (!t->items)
		abort();
	for (size_t i = 0; i < lab->n_steps; i++)
		item_init(&t->items[t->n_items++], step_what(lab, &lab->steps[i]),
			  lab->steps[i].pos, lab->steps[i].why);
	for (size_t i = 0; i < lab->n_expects; i++)
		item_init(&t->items[t->n_items++], format("expect: %s", lab->expects[i].sql.text),
			  lab->expects[i].sql.pos, lab->expects[i].why);
}

static void set_detail(struct test_item *item, struct sbuf *text)
{
	if (text->len > 0)
		item->detail = copy(sbuf_text(text));
	sbuf_done(text);
}

static void fail(struct test_item *item, const char *why)
{
	item->verdict = VERDICT_FAIL;
	free(item->detail);
	item->detail = format("%s\n", why);
}

/* --- requests ------------------------------------------------------------------------------- */

static void gather_output(void *arg, json_t *o)
{
	json_t *text = json_object_get(o, "output");

	(void)sbuf_put(arg, json_string_value(text), json_string_length(text));
}

/* The last answer, or NULL with the reason in `item`; those before it go to `each`. */
static json_t *ask(struct testing *t, struct test_item *item, json_t *request,
		   void (*each)(void *arg, json_t *o), void *arg)
{
	const char *error;
	json_t *o = NULL;
	int r = client_send(t->fd, request, -1);

	while (r == 0 && (o = client_recv(t->fd, NULL)) != NULL &&
	       !json_is_true(json_object_get(o, "done"))) {
		if (each)
			each(arg, o);
		json_decref(o);
	}
	error = json_string_value(json_object_get(o, "error"));
	if (!o)
		fail(item, test_interrupted ? "interrupted" : "labd did not answer");
	else if (error)
		fail(item, error);
	if (!o || !error)
		return o;
	json_decref(o);
	return NULL;
}

static void ask_simply(struct testing *t, struct test_item *item, json_t *request)
{
	json_t *o = ask(t, item, request, NULL, NULL);

	if (o)
		item->verdict = VERDICT_PASS;
	json_decref(o);
}

static void run_command(struct testing *t, const struct lab_step *s, struct test_item *item)
{
	struct sbuf output = SBUF(OUTPUT_MAX);
	json_t *o = ask(t, item,
			json_pack("{s:s, s:s, s:s}", "do", "run", "device",
				  t->lab->nodes[s->node].name, "line", s->text.text),
			gather_output, &output);
	bool failed;

	if (!o) {
		sbuf_done(&output);
		return;
	}
	failed = json_integer_value(json_object_get(o, "status")) != 0;
	json_decref(o);
	if (output.len > 0 && sbuf_text(&output)[output.len - 1] != '\n')
		sbuf_puts(&output, "\n");
	if (s->fails && !failed)
		sbuf_puts(&output, "it was to fail, and did not\n");
	set_detail(item, &output);
	item->verdict = failed == s->fails ? VERDICT_PASS : VERDICT_FAIL;
}

struct state_of {
	const char *device, *wanted;
	bool reached;
};

static void gather_state(void *arg, json_t *o)
{
	struct state_of *s = arg;
	json_t *d;
	size_t i;

	json_array_foreach(json_object_get(o, "devices"), i, d)
	{
		const char *name = json_string_value(json_object_get(d, "name"));
		const char *state = json_string_value(json_object_get(d, "state"));

		if (name && state && strcmp(name, s->device) == 0)
			s->reached = strcmp(state, s->wanted) == 0;
	}
}

/* labd answers when the device was told; the step is done when it has ended, or its services
 * listen. */
static void run_device(struct testing *t, const struct lab_step *s, struct test_item *item)
{
	bool start = s->kind == STEP_START;
	struct state_of state = { .device = t->lab->nodes[s->node].name,
				  .wanted = start ? "ready" : "stopped" };
	int64_t until = mono_now() + DEVICE_WAIT_NS;
	const struct timespec pause = { .tv_nsec = 5 * MSEC };

	ask_simply(t, item,
		   json_pack("{s:s, s:s}", "do", start ? "start" : "stop", "device", state.device));
	while (item->verdict == VERDICT_PASS && !state.reached) {
		json_t *o = ask(t, item, json_pack("{s:s}", "do", "ps"), gather_state, &state);

		if (o)
			gather_state(&state, o);
		json_decref(o);
		if (o && !state.reached && mono_now() > until)
			fail(item, start ? "it is not ready" : "it did not end");
		if (!state.reached)
			(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}

/* --- time ----------------------------------------------------------------------------------- */

static int64_t lab_now(struct testing *t, struct test_item *item)
{
	json_t *o = ask(t, item, json_pack("{s:s}", "do", "ps"), NULL, NULL);
	int64_t now = o ? json_integer_value(json_object_get(o, "lab_ns")) : -1;

	json_decref(o);
	return now;
}

/* The lab's clock may stand still or be set forward: it is asked again, not trusted to run. */
static void run_wait(struct testing *t, const struct lab_step *s, struct test_item *item)
{
	int64_t now = lab_now(t, item), until = now + s->time_ns;

	while (now >= 0 && now < until && !test_interrupted) {
		int64_t left = until - now < SEC ? until - now : SEC;
		struct timespec ts = { .tv_sec = left / SEC, .tv_nsec = left % SEC };

		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
		now = lab_now(t, item);
	}
	if (now >= until)
		item->verdict = VERDICT_PASS;
}

/* --- questions ------------------------------------------------------------------------------ */

static void judge(struct testing *t, const struct lab_text *sql, struct test_item *item)
{
	struct sbuf proof = SBUF(OUTPUT_MAX);
	int r = check_query(t->db, sql, &proof);

	item->by_log = r >= 0; /* a question that is wrong is wrong whatever was seen */
	item->verdict = r == 1 ? VERDICT_PASS : VERDICT_FAIL;
	set_detail(item, &proof);
}

static void run_until(struct testing *t, const struct lab_step *s, struct test_item *item)
{
	int64_t until = mono_now() + s->time_ns;
	int r;

	while ((r = check_is_true(t->db, &s->text)) == 0) {
		int w = watch_wait(&t->watch, until);

		if (w == 0 || test_interrupted)
			break;
	}
	if (test_interrupted)
		return;
	judge(t, &s->text, item);
	if (item->verdict == VERDICT_FAIL && r == 0) {
		char *detail = item->detail;

		item->detail = format("not within %.6g s\n%s", (double)s->time_ns / SEC,
				      detail ? detail : "");
		free(detail);
	}
}

/* Everything that happened is committed when this returns true. */
static bool barrier(struct testing *t, struct test_item *item)
{
	json_t *o = ask(t, item, json_pack("{s:s}", "do", "sync"), NULL, NULL);

	json_decref(o);
	if (!o)
		item->verdict = VERDICT_INCONCLUSIVE;
	return o != NULL;
}

static void run_expect(struct testing *t, const struct lab_text *sql, struct test_item *item)
{
	if (barrier(t, item))
		judge(t, sql, item);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void run_step(struct testing *t, const struct lab_step *s, struct test_item *item)
{
	switch (s->kind) {
	case STEP_COMMAND:
		run_command(t, s, item);
		return;
	case STEP_UNTIL:
		run_until(t, s, item);
		return;
	case STEP_WAIT:
		run_wait(t, s, item);
		return;
	case STEP_EXPECT:
		run_expect(t, &s->text, item);
		return;
	case STEP_STOP:
	case STEP_START:
		run_device(t, s, item);
		return;
	case STEP_LINK_DOWN:
	case STEP_LINK_UP:
		ask_simply(t, item,
			   json_pack("{s:s, s:s, s:b}", "do", "link", "link",
				     t->lab->links[s->link].name, "up", s->kind == STEP_LINK_UP));
		return;
	}
}

/* A step that fails ends the steps: what follows it counts on it. */
static void run_items(struct testing *t)
{
	const struct lab *lab = t->lab;
	bool go_on = true;

	for (size_t i = 0; i < t->report->n_items && go_on && !test_interrupted; i++) {
		struct test_item *item = &t->report->items[i];
		int64_t start = mono_now();

		if (i < lab->n_steps)
			run_step(t, &lab->steps[i], item);
		else
			run_expect(t, &lab->expects[i - lab->n_steps].sql, item);
		item->took_ns = mono_now() - start;
		go_on = item->verdict == VERDICT_PASS || i >= lab->n_steps;
	}
}

/* What the log could not see. */
static void note_gaps(struct testing *t)
{
	struct sbuf note = SBUF(4096);
	struct dbr_rows *rows;
	int64_t n = dbr_int_of(t->db, "SELECT count(*) FROM capture_gap", 0);

	if (n == 0 || dbr_query(t->db,
				"SELECT what || CASE WHEN missing IS NULL THEN '' ELSE ' (' || "
				"missing || ')' END || coalesce(' on ' || w.link_name, '') || "
				"coalesce(' of ' || d.name, '') || ': ' || reason "
				"FROM capture_gap g LEFT JOIN way w ON w.id = g.way "
				"LEFT JOIN device d ON d.id = g.device ORDER BY g.id LIMIT ?1",
				&rows, "i", (int64_t)GAPS_SHOWN) < 0)
		return;
	sbuf_printf(&note, "the log is not whole, %lld gap%s: missing", (long long)n,
		    n == 1 ? "" : "s");
	for (int i = 0; dbr_next(rows) == 1; i++)
		sbuf_printf(&note, "%s %s", i ? ";" : "", dbr_text(rows, 0));
	dbr_rows_close(rows);
	free(t->report->note);
	t->report->note = copy(sbuf_text(&note));
	sbuf_done(&note);
	for (size_t i = 0; i < t->report->n_items; i++)
		if (t->report->items[i].by_log)
			t->report->items[i].verdict = VERDICT_INCONCLUSIVE;
}

/* For a check that every rule is taken by some test: their names, one a line, to $RULES_SEEN. */
static void tell_rules(struct testing *t)
{
	const char *path = getenv("RULES_SEEN");
	struct dbr_rows *rows;
	FILE *f = path && *path ? fopen(path, "ae") : NULL;

	if (!f)
		return;
	if (dbr_query(t->db, "SELECT name FROM rule WHERE id IN (SELECT rule FROM decision)", &rows,
		      "") == 0) {
		while (dbr_next(rows) == 1)
			fprintf(f, "%s\n", dbr_text(rows, 0));
		dbr_rows_close(rows);
	}
	fclose(f);
}

static enum verdict whole_verdict(const struct test_lab *t)
{
	enum verdict v = VERDICT_PASS;

	for (size_t i = 0; i < t->n_items; i++) {
		if (t->items[i].verdict == VERDICT_FAIL)
			return VERDICT_FAIL;
		if (t->items[i].verdict != VERDICT_PASS)
			v = VERDICT_INCONCLUSIVE;
	}
	return v;
}

static void run_all(struct testing *t)
{
	struct test_item last = { 0 };

	run_items(t);
	waiting_fd = -1;
	if (!test_interrupted && barrier(t, &last)) {
		note_gaps(t);
		tell_rules(t);
	}
	free(last.detail);
	t->report->verdict = test_interrupted ? VERDICT_INCONCLUSIVE : whole_verdict(t->report);
}

/* Connects to the lab that is up and opens its database; false after noting why not. */
static bool open_testing(struct testing *t)
{
	struct timeval wait = { .tv_sec = COMMAND_WAIT_S };
	struct run run = { 0 };
	int r;

	str_copy(run.lab, sizeof(run.lab), t->lab->name);
	str_copy(run.dir, sizeof(run.dir), t->report->run);
	t->fd = client_open(t->lab->name);
	t->db = t->fd < 0 ? NULL : run_open_db(&run);
	if (!t->db)
		return false;
	(void)setsockopt(t->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	r = watch_open(&t->watch, t->report->run, t->db);
	if (r < 0) {
		ctl_fail("the database cannot be watched: %s", strerror(-r));
		return false;
	}
	waiting_fd = t->fd;
	return true;
}

static void run_lab(const struct lab *lab, struct test_lab *report)
{
	struct testing t = { .lab = lab, .report = report, .fd = -1, .watch = { .fd = -1 } };
	long long ms;

	if (lab_is_alive(lab->name)) {
		report->note = format("a lab %s runs already; `labctl down %s` ends it", lab->name,
				      lab->name);
		return;
	}
	if (lab_up(lab, report->run, false, &ms) != 0) {
		report->note = copy("the lab did not come up");
		if (lab_is_alive(lab->name)) /* interrupted on the way */
			(void)lab_down(lab->name);
		return;
	}
	if (open_testing(&t))
		run_all(&t);
	else
		report->note = copy("labd or its database cannot be reached");
	waiting_fd = -1;
	watch_close(&t.watch);
	dbr_close(t.db);
	if (t.fd >= 0)
		close(t.fd);
	if (lab_down(lab->name) != 0 && report->verdict == VERDICT_PASS) {
		report->verdict = VERDICT_FAIL;
		report->note = copy("the lab did not end");
	}
}

void test_run(const char *file, struct test_lab *ret)
{
	int64_t start = mono_now();
	struct lab *lab = load_checked(file);

	*ret = (struct test_lab){ .file = copy(file), .verdict = VERDICT_FAIL };
	if (!lab) {
		ret->name = copy(file);
		ret->note = copy("the lab file is not valid");
		return;
	}
	ret->name = copy(lab->name);
	plan_items(lab, ret);
	run_lab(lab, ret);
	lab_free(lab);
	ret->took_ns = mono_now() - start;
}

void test_done(struct test_lab *t)
{
	for (size_t i = 0; i < t->n_items; i++) {
		free(t->items[i].what);
		free(t->items[i].why);
		free(t->items[i].file);
		free(t->items[i].detail);
	}
	free(t->items);
	free(t->file);
	free(t->name);
	free(t->note);
}
