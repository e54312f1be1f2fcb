/* files.h: the device's file store as people see it: flash:, `dir`, `more`, `delete` and `copy`.
 *
 * `copy FROM TO` knows places, not protocols: flash:, running-config, startup-config, and URLs. A
 * URL's file is fetched or sent by whichever machine of the device says that it speaks the scheme
 * (ASK_TRANSFER); a further protocol needs no line here. What a line leaves out is asked for as
 * IOS asks, where somebody can be asked; elsewhere the default is taken. */
#ifndef LABD_FILES_H
#define LABD_FILES_H

#include "base/sbuf.h"
#include "proto.h"

#define FILES_JOBS_MAX 16 /* commands at a time */

enum place_kind { PLACE_RUNNING, PLACE_STARTUP, PLACE_FLASH, PLACE_URL };

struct place {
	enum place_kind kind;
	char scheme[8]; /* PLACE_URL */
	char host[ASK_NAME_MAX];
	uint16_t port; /* 0 = the scheme's own */
	char user[64], password[64];
	char path[ASK_PATH_MAX]; /* also PLACE_FLASH; "" = to be asked for */
};

/* files_place.c. 0, or -EINVAL with *ret_why = a constant sentence. */
int place_parse(const char *text, struct place *ret, const char **ret_why);
/* As people write it, without the password. */
void place_format(const struct place *p, struct sbuf *out);

struct job;

struct files_manager {
	const struct device *dev;
	struct job *jobs; /* a list */
	unsigned n_jobs;
	uint32_t next_ask;
};

/* files_job.c: one command at work. */
struct job {
	struct job *next;
	uint32_t call;
	uint32_t ask_id; /* the one question that is open; 0 = none */
	void (*answer)(struct files_manager *m, struct job *j, const struct ev *ev, struct fx *fx);
	void (*typed)(struct files_manager *m, struct job *j, const char *text, nsec_t now,
		      struct fx *fx);
	struct place from, to;
	unsigned question; /* files_copy.c: how far the dialogue is */
	bool confirmed;
	nsec_t began_ns;
	struct sbuf data; /* what is being copied, where it is in no file of the device */
	uint64_t size;	  /* octets copied */
	char default_text[ASK_PATH_MAX];
};

/* NULL when too many run: the command has ended with the reason. */
struct job *job_new(struct files_manager *m, const struct call *call, struct fx *fx);
void job_end(struct files_manager *m, struct job *j, int status, struct fx *fx);
void job_ask(struct files_manager *m, struct job *j, const struct ask *ask,
	     void (*answer)(struct files_manager *m, struct job *j, const struct ev *ev,
			    struct fx *fx),
	     struct fx *fx);
/* The text that was typed, or |otherwise|: where nobody answers, or with an empty line. */
void job_input(struct job *j, const char *prompt, const char *otherwise,
	       void (*typed)(struct files_manager *m, struct job *j, const char *text, nsec_t now,
			     struct fx *fx),
	       struct fx *fx);
void job_file_ask(struct files_manager *m, struct job *j, enum file_op op, const char *path,
		  void (*answer)(struct files_manager *m, struct job *j, const struct ev *ev,
				 struct fx *fx),
		  struct fx *fx);

/* files_copy.c, files_show.c */
void files_run_copy(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void files_run_copy_startup(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void files_run_dir(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void files_run_more(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void files_run_delete(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct machine_class files_manager_class;
extern const struct proto files_proto;

#endif
