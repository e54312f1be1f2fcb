/* labctl exec: any program of the host inside a device.
 *
 *   labctl --- joins the device's namespaces ---> init (subreaper) ---> the program
 *
 * Standard streams, terminal, signals and exit status pass through. Init ends every process that
 * the program left behind, and ends with labctl. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labd/ctl/ctl.h"
#include "labd/supervisor/enter.h"
#include "labd/supervisor/view.h"
#include "netns/err.h"
#include "netns/idmap.h"

static volatile sig_atomic_t forward_to;

/* Signals meant for the program are passed on; the terminal sends its own to the whole group. */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (forward_to > 0 && info->si_code != SI_KERNEL)
		kill(forward_to, sig);
}

static void forward_signals(pid_t pid)
{
	static const int list[] = { SIGTERM, SIGHUP,  SIGUSR1, SIGUSR2,
				    SIGINT,  SIGQUIT, SIGCONT, SIGWINCH };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_RESTART | SA_SIGINFO };

	forward_to = pid;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		sigaction(list[i], &sa, NULL);
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static _Noreturn void run_program(char **argv, const char *cwd)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	enter_settle(cwd);
	setenv("USER", "root", 1);
	setenv("SSL_CERT_FILE", VIEW_CA_FILE, 1); /* where OpenSSL looks by itself differs */
	execvp(argv[0], argv);
	fprintf(stderr, "labctl: %s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Ends what the program left behind, children of children too: they are all ours by now. */
static void end_the_rest(void)
{
	char path[64], line[4096];

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	for (int round = 0; round < 100; round++) {
		FILE *f = fopen(path, "re");
		bool any = false;
		char *p, *next;

		if (!f)
			return;
		p = fgets(line, sizeof(line), f);
		for (long pid; p && (pid = strtol(p, &next, 10)) > 0; p = next) {
			kill((pid_t)pid, SIGKILL);
			any = true;
		}
		fclose(f);
		if (!any)
			return;
		while (waitpid(-1, NULL, 0) > 0)
			;
	}
}

/* A program that wants to be another user fails in ways that do not name the cause. */
static void tell_single_id(void)
{
	struct netns_err err;
	uint32_t top;

	if (idmap_top_gid(&top, &err) == 0 && top == 0)
		fputs("labctl: note: this device has no user but root, so programs that change "
		      "their user (sshd, nginx, tcpdump) do not work; `labctl doctor` says how to "
		      "change that\n",
		      stderr);
}

/* In the device: the program's parent and the reaper of all that it starts. */
static _Noreturn void init(char **argv, const char *cwd)
{
	int status = 0, result = 1;
	pid_t pid, ended;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	pid = fork();
	if (pid == 0)
		run_program(argv, cwd);
	forward_signals(pid);
	while (pid > 0 && ((ended = waitpid(-1, &status, 0)) > 0 || errno == EINTR)) {
		if (ended != pid)
			continue;
		result = exit_status(status);
		break;
	}
	end_the_rest();
	if (WIFEXITED(status) && result != 0)
		tell_single_id();
	_exit(result);
}

int cmd_exec(struct ctl *c)
{
	struct lab_name lab;
	char cwd[PATH_MAX];
	int fd, holder = -1, status, first = 2;
	pid_t pid;
	json_t *o;

	if (c->argc > 2 && strcmp(c->argv[2], "--") == 0)
		first = 3;
	if (c->argc <= first)
		return ctl_usage(c);
	if (ctl_pick_lab(c, &lab) < 0 || (fd = client_open(lab.text)) < 0)
		return 1;
	o = client_ask(fd, json_pack("{s:s, s:s}", "do", "enter", "device", c->argv[1]), -1,
		       &holder, NULL, NULL);
	close(fd);
	json_decref(o);
	if (!o || holder < 0)
		return 1;
	if (!getcwd(cwd, sizeof(cwd)))
		cwd[0] = '\0';
	status = enter_join(holder);
	if (status < 0)
		return ctl_fail("%s cannot be entered: %s", c->argv[1], strerror(-status));
	close(holder);
	pid = fork();
	if (pid == 0)
		init(c->argv + first, cwd);
	forward_signals(pid);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0)
		return ctl_fail("no process: %s", strerror(errno));
	return exit_status(status);
}
