#include "labd/supervisor/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "labd/supervisor/supervisor.h"
#include "labd/supervisor/view.h"

#define DEVICE_SPACES  (CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID)
#define HOLDER_WAIT_MS 5000

int enter_join(int holder_pidfd)
{
	return setns(holder_pidfd, DEVICE_SPACES | CLONE_NEWNS) < 0 ? -errno : 0;
}

void enter_settle(const char *cwd)
{
	(void)!setresgid(0, 0, 0);
	(void)!setresuid(0, 0, 0);
	(void)setgroups(0, NULL); /* refused where only one id is mapped: there are none then */
	if (!cwd || chdir(cwd) < 0)
		(void)!chdir("/");
}

/* --- the holder --------------------------------------------------------------------------- */

/* Nothing but the namespaces is wanted of it. */
static _Noreturn void hold(const struct sup_device *d, int done_fd)
{
	prctl(PR_SET_NAME, "labd-view");
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	if (unshare(CLONE_NEWNS) < 0)
		_exit(1);
	view_make(d);
	if (write(done_fd, "+", 1) != 1)
		_exit(1);
	(void)!chdir("/");
	close_range(0, ~0u, 0);
	for (;;)
		pause();
}

static void send_pidfd(int sock, int pidfd)
{
	struct node_msg msg = { .type = NM_SPAWNED, .fds = { pidfd }, .n_fds = 1 };

	(void)node_msg_send(sock, &msg);
}

static _Noreturn void go_inside(const struct sup_device *d, int sock)
{
	int pidfd = -1;
	struct clone_args args = { .flags = CLONE_PARENT | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)&pidfd };
	long pid;

	if (setns(d->pidfd, DEVICE_SPACES) < 0)
		_exit(1);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		hold(d, sock);
	if (pid > 0)
		send_pidfd(sock, pidfd);
	_exit(pid > 0 ? 0 : 1);
}

static int wait_readable(int sock)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int r;

	do
		r = poll(&p, 1, HOLDER_WAIT_MS);
	while (r < 0 && errno == EINTR); /* SIGCHLD: the process in between has done its part */
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int wait_for_holder(struct sup_device *d, int sock)
{
	static uint8_t buf[NODE_MSG_MAX];
	bool have_fd = false, made = false;
	int r;

	while (!have_fd || !made) {
		struct node_msg msg;

		r = wait_readable(sock);
		if (r < 0)
			return r;
		/* Two writers: the pidfd in a message, and a plus when the view is made. */
		if (recv(sock, buf, 2, MSG_PEEK) == 1 && buf[0] == '+') {
			made = recv(sock, buf, 1, 0) == 1;
			continue;
		}
		if (node_msg_recv(sock, buf, &msg) < 0 || msg.n_fds != 1)
			return -ECHILD;
		d->holder_fd = msg.fds[0];
		have_fd = true;
	}
	return 0;
}

static bool alive(const struct sup_device *d)
{
	struct pollfd p = { .fd = d->holder_fd, .events = POLLIN };

	return d->holder_fd >= 0 && poll(&p, 1, 0) == 0;
}

int enter_holder(struct sup_device *d)
{
	int sock[2], r;
	pid_t pid;

	if (alive(d))
		return 0;
	if (d->holder_fd >= 0)
		close(d->holder_fd);
	d->holder_fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		go_inside(d, sock[1]);
	close(sock[1]);
	r = pid < 0 ? -errno : wait_for_holder(d, sock[0]);
	close(sock[0]);
	return r;
}

/* --- exec: lines of the lab file ---------------------------------------------------------- */

static _Noreturn void run_line(struct sup_device *d, const char *line, size_t number)
{
	char name[32];
	int out, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t pid;

	snprintf(name, sizeof(name), "exec-%zu.log", number + 1);
	out = openat(d->state_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (out < 0 || null < 0 || enter_join(d->holder_fd) < 0)
		_exit(126);
	pid = fork();
	if (pid != 0)
		_exit(pid < 0 ? 126 : 0); /* the program is the device's now */
	setsid();
	enter_settle("/");
	setenv("SSL_CERT_FILE", VIEW_CA_FILE, 1);
	for (size_t i = 0; i < d->plan->n_env; i++)
		setenv(d->plan->env[i].name, d->plan->env[i].value, 1);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	close_range(3, ~0u, 0);
	execl("/bin/sh", "sh", "-c", line, (char *)NULL);
	_exit(127);
}

void enter_run_exec(struct sup_device *d)
{
	if (d->plan->n_exec == 0)
		return;
	if (enter_holder(d) < 0) {
		log_device_event(d, "exec", "its view of the host's files could not be made");
		return;
	}
	for (size_t i = 0; i < d->plan->n_exec; i++)
		if (fork() == 0)
			run_line(d, d->plan->exec[i], i);
}
