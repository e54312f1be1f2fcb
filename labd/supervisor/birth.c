#include "labd/supervisor/birth.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "labd/supervisor/supervisor.h"
#include "labd/supervisor/view.h"
#include "netns/err.h"
#include "netns/ns.h"

#define SPACES \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)

void birth_status(int status_fd, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	json_t *o;
	char *line;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o = json_pack("{s:s}", "error", text);
	line = o ? json_dumps(o, JSON_COMPACT) : NULL;
	if (line && status_fd >= 0)
		dprintf(status_fd, "%s\n", line);
	free(line);
	json_decref(o);
}

/* The host's tree stays visible to `exec`, and what the host mounts later appears in it; nothing
 * that is mounted here is seen outside. */
static int prepare_mounts(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		return -errno;
	return 0;
}

static int inner(void *arg)
{
	struct birth *b = arg;
	const int given[] = { b->plan_fd, b->describe_fd, b->listen_fd, b->status_fd, b->lock_fd };
	int r;

	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
		(void)fcntl(given[i], F_SETFD, FD_CLOEXEC);
	setsid();
	prctl(PR_SET_NAME, "labd");
	signal(SIGPIPE, SIG_IGN);
	r = prepare_mounts();
	if (r < 0) {
		birth_status(
			b->status_fd,
			"the lab's own view of /proc cannot be mounted: %s. In a container, run "
			"it with an unmasked /proc (docker: --security-opt systempaths=unconfined)",
			strerror(-r));
		return 1;
	}
	return supervisor_main(b);
}

int birth(struct birth *b)
{
	struct ns_fork how = { .flags = SPACES, .child = inner, .arg = b };
	struct netns_err err = { 0 };
	pid_t pid;
	int r = idmap_plan(&b->map, &err);

	view_survey();
	if (r == 0)
		r = ns_fork(&how, &b->map, &pid, NULL, &err);
	if (r < 0) {
		birth_status(b->status_fd,
			     "the lab's namespaces cannot be made: %s. `labctl doctor` "
			     "says what this host allows",
			     err.text);
		return 1;
	}
	return 0;
}
