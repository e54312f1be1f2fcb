#include "files/files.h"

#include <stdlib.h>
#include <string.h>

struct job *job_new(struct files_manager *m, const struct call *call, struct fx *fx)
{
	struct job *j = m->n_jobs < FILES_JOBS_MAX ? calloc(1, sizeof(*j)) : NULL;

	if (!j) {
		fx_print(fx, call->id, "%% Too many files are being worked on\n");
		fx_cmd_done(fx, call->id, 1);
		return NULL;
	}
	j->call = call->id;
	j->data.max = TRANSFER_DATA_MAX;
	j->next = m->jobs;
	m->jobs = j;
	m->n_jobs++;
	return j;
}

static void job_free(struct files_manager *m, struct job *j)
{
	struct job **p = &m->jobs;

	while (*p != j)
		p = &(*p)->next;
	*p = j->next;
	m->n_jobs--;
	sbuf_done(&j->data);
	free(j);
}

void job_end(struct files_manager *m, struct job *j, int status, struct fx *fx)
{
	fx_cmd_done(fx, j->call, status);
	job_free(m, j);
}

void job_ask(struct files_manager *m, struct job *j, const struct ask *ask,
	     void (*answer)(struct files_manager *m, struct job *j, const struct ev *ev,
			    struct fx *fx),
	     struct fx *fx)
{
	j->ask_id = ++m->next_ask;
	j->answer = answer;
	fx_ask(fx, j->ask_id, ask);
}

void job_file_ask(struct files_manager *m, struct job *j, enum file_op op, const char *path,
		  void (*answer)(struct files_manager *m, struct job *j, const struct ev *ev,
				 struct fx *fx),
		  struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file.op = op };

	str_copy(ask.file.path, sizeof(ask.file.path), path);
	job_ask(m, j, &ask, answer, fx);
}

void job_input(struct job *j, const char *prompt, const char *otherwise,
	       void (*typed)(struct files_manager *m, struct job *j, const char *text, nsec_t now,
			     struct fx *fx),
	       struct fx *fx)
{
	if (otherwise != j->default_text)
		str_copy(j->default_text, sizeof(j->default_text), otherwise);
	j->typed = typed;
	fx_input(fx, j->call, INPUT_LINE, prompt);
}

static void on_input(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx)
{
	const char *text = ev->input.text + strspn(ev->input.text, " ");

	if (ev->input.how == INPUT_CANCELLED)
		job_end(m, j, 1, fx);
	else
		j->typed(m, j, *text ? text : j->default_text, ev->now, fx);
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct files_manager *m = machine;
	struct job *j = m->jobs;

	if (ev->kind == EV_ANSWER) {
		while (j && j->ask_id != ev->answer.ask_id)
			j = j->next;
		if (j) {
			j->ask_id = 0;
			j->answer(m, j, ev, fx);
		}
	} else if (ev->kind == EV_INPUT) {
		while (j && j->call != ev->input.call)
			j = j->next;
		if (j && j->typed && j->ask_id == 0)
			on_input(m, j, ev, fx);
	}
}

static void *create(const struct machine_env *env)
{
	struct files_manager *m = calloc(1, sizeof(*m));

	if (m)
		m->dev = env->dev;
	return m;
}

static void destroy(void *machine)
{
	struct files_manager *m = machine;

	while (m && m->jobs)
		job_free(m, m->jobs);
	free(m);
}

const struct machine_class files_manager_class = {
	.name = "files.manager",
	.kinds = KINDS_ALL & ~KIND_BIT(KIND_HUB),
	.create = create,
	.destroy = destroy,
	.event = event,
};

#define STORE (KINDS_ALL & ~KIND_BIT(KIND_HUB))

/* clang-format off */
static const struct cmd cmds[] = {
	{ MODE_EXEC, "copy (running-config|startup-config) WORD", "Copy a configuration to flash:FILE or a URL", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_copy },
	{ MODE_EXEC, "copy WORD (running-config|startup-config)", "Take a configuration from flash:FILE or a URL", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_copy },
	{ MODE_EXEC, "copy WORD WORD", "Copy a file: flash:FILE or a URL (tftp:, tftp://HOST/FILE)", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_copy },
	{ MODE_EXEC, "dir [WORD]", "List the files of flash: or of a folder in it", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_dir },
	{ MODE_EXEC, "show flash:", "List the files of flash:", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_dir },
	{ MODE_EXEC, "more WORD", "Show a file of flash:", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_more },
	{ MODE_EXEC, "copy startup-config running-config", "Take the startup-config into the running-config", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_copy_startup },
	{ MODE_EXEC, "delete WORD", "Delete a file of flash:", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_delete },
	{ MODE_EXEC, "delete (/force) WORD", "Delete a file of flash: without asking", STORE, CMD_PRIVILEGED, .machine = "files.manager", .run = files_run_delete },
	{ 0 },
};
/* clang-format on */

#define RULE RULE_ROW
static const struct rule rules[] = {
#include "files/files_rules.def"
};
#undef RULE

static const struct machine_class *const machines[] = { &files_manager_class, NULL };

const struct proto files_proto = {
	.name = "files",
	.title = "Files of a device",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
};
