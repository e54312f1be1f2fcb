/* A captured node: what it tries against the host, its supervisor and its neighbours fails. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns/err.h"
#include "netns/idmap.h"
#include "netns/ns.h"
#include "shell/shell.h"

#define SPACES \
	(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)

struct attempt {
	const char *what;
	int (*run)(void); /* 0 = it worked */
};

static pid_t outside;	    /* a process that is not the node's */
static int outside_ns = -1; /* the network namespace around it */

static int fails(long r)
{
	return r < 0 ? -errno : 0;
}

static int read_host_file(void)
{
	return fails(open("/etc/passwd", O_RDONLY));
}

static int read_proc(void)
{
	return fails(open("/proc/self/status", O_RDONLY));
}

static int list_root(void)
{
	struct stat st;

	return fails(stat("/etc", &st));
}

static int signal_outside(void)
{
	return fails(kill(outside, SIGTERM));
}

static int trace_outside(void)
{
	return fails(ptrace(PTRACE_ATTACH, outside, NULL, NULL));
}

static int enter_network(void)
{
	return fails(setns(outside_ns, CLONE_NEWNET));
}

static int new_namespace(void)
{
	return fails(unshare(CLONE_NEWUSER));
}

static int mount_something(void)
{
	return fails(mount("x", "/", "tmpfs", 0, NULL));
}

static int load_bpf(void)
{
	return fails(syscall(SYS_bpf, 0, NULL, 0));
}

static int make_device(void)
{
	return fails(mknod("/null", S_IFCHR | 0666, (1 << 8) | 3));
}

static int write_root(void)
{
	return fails(open("/file", O_WRONLY | O_CREAT, 0600));
}

static int run_program(void)
{
	char *const argv[] = { "sh", NULL };

	return fails(execve("/bin/sh", argv, NULL));
}

static int set_clock(void)
{
	struct timespec ts = { 0 };

	return fails(clock_settime(CLOCK_REALTIME, &ts));
}

static const struct attempt attempts[] = {
	{ "read a file of the host", read_host_file },
	{ "read /proc", read_proc },
	{ "see the host's tree", list_root },
	{ "signal a process outside", signal_outside },
	{ "trace a process outside", trace_outside },
	{ "enter another network namespace", enter_network },
	{ "make a namespace", new_namespace },
	{ "mount something", mount_something },
	{ "load a BPF program", load_bpf },
	{ "make a device node", make_device },
	{ "write into its root", write_root },
	{ "run a program", run_program },
	{ "set the clock", set_clock },
};

static int play_captured(void *arg)
{
	int report = *(int *)arg, r = sandbox_root();

	if (r == 0)
		r = sandbox_drop();
	if (r < 0) {
		dprintf(report, "the sandbox itself: %s\n", strerror(-r));
		return 1;
	}
	for (size_t i = 0; i < ARRAY_SIZE(attempts); i++)
		if (attempts[i].run() == 0)
			dprintf(report, "could %s\n", attempts[i].what);
	/* What a node needs still works. */
	if (socket(AF_PACKET, SOCK_RAW, 0) < 0)
		dprintf(report, "cannot open a packet socket: %s\n", strerror(errno));
	if (socket(AF_INET, SOCK_STREAM, 0) < 0)
		dprintf(report, "cannot open a TCP socket: %s\n", strerror(errno));
	return 0;
}

static void captured_node_gets_nowhere(void **state)
{
	int report[2], status;
	struct ns_fork how = { .flags = SPACES, .child = play_captured, .arg = &report[1] };
	struct idmap map;
	struct netns_err err = { 0 };
	char text[4096] = "";
	pid_t pid;
	ssize_t n;

	(void)state;
	outside = getpid();
	assert_int_equal(sandbox_prepare(), 0);
	assert_int_equal(pipe(report), 0);
	assert_int_equal(ns_open_current(&outside_ns, &err), 0);
	assert_int_equal(idmap_plan(&map, &err), 0);
	if (ns_fork(&how, &map, &pid, NULL, &err) < 0)
		fail_msg("no namespaces: %s", err.text);
	close(report[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	n = read(report[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_string_equal(text, "");
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captured_node_gets_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
