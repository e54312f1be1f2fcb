/* The floor of a bring-up: what the kernel has to make for a lab of N PCs on switches of 47, made
 * in the quickest way known, and nothing else. Prints "up_ms down_ms gone_ms".
 *
 * For each device a process in user, network, mount, PID, UTS and IPC namespaces of its own, with
 * its id maps written by its parent, the settings of netns/sysctl.c that a new namespace does not
 * have by itself, an empty tmpfs as its root, its interfaces up and their offloads off. For each
 * switch a bridge, for each link a veth pair made in place by one request. No program is loaded, no
 * configuration read, no socket listens, nothing is captured or stored.
 *
 * Down: links in one message a switch, then the processes. "gone" is when the kernel has cleaned up
 * their namespaces as well: it does so one after the other, so one more that was let go last is
 * waited for. Twice: a namespace is only let go when the last of its sockets is, which the kernel
 * puts off, and the first wait is longer than that.
 *
 *   floor N
 *   floor gone      only waits for what others let go, and prints ms */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "netns/bridge.h"
#include "netns/err.h"
#include "netns/idmap.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "netns/sysctl.h"
#include "shell/shell.h"

#define PER_SWITCH 47
#define GROUP	   7
#define SPACES \
	(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)

struct box {
	pid_t pid;
	int net_ns, go_fd;
	bool bridge;
	struct nl_h *nl;
	int bridge_index;
	char ifs[64][16];
	int n_ifs;
};

static int ready_fd[2];
static char uid_map[256], gid_map[256];
static struct ns_sysctl_fresh fresh;

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static void die(const char *what, const struct netns_err *err)
{
	fprintf(stderr, "floor: %s: %s\n", what, err ? err->text : strerror(errno));
	exit(1);
}

static void child(int go, bool bridge)
{
	struct nl_link *links;
	struct netns_err err = { 0 };
	struct nl_h *nl;
	size_t n;
	char byte;

	if (read(go, &byte, 1) != 1 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(1);
	(void)ns_sysctl_apply_fresh(
		&fresh, NS_ROLE_NO_IPV6 | (bridge ? NS_ROLE_BRIDGE : NS_ROLE_HOST), NULL, NULL);
	if (write(ready_fd[1], "p", 1) != 1 || sandbox_root() < 0 || read(go, &byte, 1) != 1)
		_exit(1);
	if (nlh_open(NS_CURRENT, NETLINK_ROUTE, &nl, &err) < 0 ||
	    nl_link_dump(nl, &links, &n, &err) < 0)
		_exit(1);
	nlh_begin(nl);
	for (size_t i = 0; i < n; i++)
		(void)nl_link_up(nl, links[i].name, &err);
	(void)nlh_commit(nl, &err);
	for (size_t i = 0; i < n; i++)
		if (strcmp(links[i].kind, "veth") == 0)
			(void)nl_offload_off(nl, links[i].name, &err);
	if (write(ready_fd[1], "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path, NULL);
	close(fd);
}

static void spawn(struct box *b)
{
	struct clone_args args = { .flags = SPACES, .exit_signal = SIGCHLD };
	int go[2];
	char path[64];

	if (pipe2(go, O_CLOEXEC) < 0)
		die("pipe", NULL);
	b->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (b->pid == 0)
		child(go[0], b->bridge);
	if (b->pid < 0)
		die("clone3", NULL);
	close(go[0]);
	b->go_fd = go[1];
	if (strchr(gid_map, '\n') == strrchr(gid_map, '\n') && strstr(gid_map, " 1\n"))
		write_file(b->pid, "setgroups", "deny");
	write_file(b->pid, "gid_map", gid_map);
	write_file(b->pid, "uid_map", uid_map);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)b->pid);
	b->net_ns = open(path, O_RDONLY | O_CLOEXEC);
	if (write(b->go_fd, "g", 1) != 1)
		die("go", NULL);
}

static void open_box(struct box *b)
{
	struct nl_bridge_conf conf = { .name = "br0", .up = true };
	struct netns_err err = { 0 };

	if (nlh_open(b->net_ns, NETLINK_ROUTE, &b->nl, &err) < 0)
		die("netlink", &err);
	if (b->bridge && (nl_bridge_add(b->nl, &conf, &err) < 0 ||
			  nl_link_index(b->nl, "br0", &b->bridge_index, &err) < 0))
		die("bridge", &err);
}

static void join(struct box *a, struct box *b, const char *name_a, const char *name_b)
{
	struct nl_veth v = { .a = { .name = name_a, .ns_fd = NS_CURRENT },
			     .b = { .name = name_b, .ns_fd = b->net_ns },
			     .mtu = 1500,
			     .group = GROUP,
			     .master = a->bridge_index,
			     .a_up = true };
	struct nl_link_change c = { .set = NL_SET_MASTER | NL_SET_UP, .up = true };
	struct netns_err err = { 0 };

	if (nl_veth_add(a->nl, &v, &err) < 0)
		die("veth", &err);
	c.master = b->bridge_index;
	if (b->bridge && nl_link_change(b->nl, name_b, &c, &err) < 0)
		die("port", &err);
}

static void expect_bytes(int n)
{
	char buf[256];

	while (n > 0) {
		ssize_t got = read(ready_fd[0], buf, n < 256 ? (size_t)n : sizeof(buf));

		if (got <= 0)
			die("a child ended", NULL);
		n -= (int)got;
	}
}

static void map_rows(const struct idmap_row *rows, unsigned n, char out[256])
{
	size_t at = 0;

	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, 256 - at, "%u %u %u\n", rows[i].inside,
				       rows[i].outside, rows[i].count);
}

static void make_links(struct box *pcs, int n, struct box *switches, int n_switches)
{
	char a[16], b[16];

	for (int i = 0; i + 1 < n_switches; i++)
		join(&switches[i], &switches[i + 1], "p49", "p48");
	for (int i = 0; i < n; i++) {
		snprintf(a, sizeof(a), "p%d", i % PER_SWITCH + 1);
		snprintf(b, sizeof(b), "eth0");
		join(&switches[i / PER_SWITCH], &pcs[i], a, b);
	}
}

/* Links in one message a switch, processes, then the wait until all namespaces' owners are gone. */
static double take_down(struct box *all, int total)
{
	struct netns_err err;
	double start = now_ms();

	for (int i = 0; i < total; i++)
		if (all[i].bridge)
			(void)nl_link_delete_group(all[i].nl, GROUP, &err);
	for (int i = 0; i < total; i++)
		kill(all[i].pid, SIGKILL);
	for (int i = 0; i < total; i++)
		(void)waitpid(all[i].pid, NULL, 0);
	return now_ms() - start;
}

/* The kernel cleans namespaces up in the order in which they were let go. */
static void wait_one(void)
{
	struct nl_veth v = { .a = { .name = "gone0", .ns_fd = NS_CURRENT },
			     .b = { .name = "gone1" } };
	struct netns_err err = { 0 };
	struct nl_link link;
	struct nl_h *nl;

	if (ns_create(&v.b.ns_fd, &err) < 0 || nlh_open(NS_CURRENT, NETLINK_ROUTE, &nl, &err) < 0 ||
	    nl_veth_add(nl, &v, &err) < 0)
		die("the last namespace", &err);
	close(v.b.ns_fd);
	while (nl_link_get(nl, "gone0", &link, &err) == 0)
		usleep(1000);
	nlh_close(nl);
}

static double wait_gone(void)
{
	double start = now_ms();

	wait_one();
	wait_one();
	return now_ms() - start;
}

static int only_wait(void *arg)
{
	(void)arg;
	printf("%.1f\n", wait_gone());
	fflush(stdout);
	return 0;
}

static int run(void *arg)
{
	int n = *(int *)arg, n_switches = (n + PER_SWITCH - 1) / PER_SWITCH, total = n + n_switches;
	struct box *all = calloc((size_t)total, sizeof(*all));
	struct idmap map;
	struct netns_err err = { 0 };
	double start, up, down;

	if (!all || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) < 0 || pipe2(ready_fd, O_CLOEXEC) < 0)
		die("setup", NULL);
	if (idmap_nested(&map, &err) < 0)
		die("ids", &err);
	map_rows(map.uid, map.n_uid, uid_map);
	map_rows(map.gid, map.n_gid, gid_map);
	ns_sysctl_know(&fresh, ns_sysctl_survey());
	start = now_ms();
	for (int i = 0; i < total; i++) {
		all[i].bridge = i >= n;
		spawn(&all[i]);
	}
	expect_bytes(total);
	for (int i = 0; i < total; i++)
		open_box(&all[i]);
	make_links(all, n, all + n, n_switches);
	for (int i = 0; i < total; i++)
		if (write(all[i].go_fd, "g", 1) != 1)
			die("go", NULL);
	expect_bytes(total);
	up = now_ms() - start;
	down = take_down(all, total);
	for (int i = 0; i < total; i++) {
		nlh_close(all[i].nl);
		close(all[i].net_ns);
	}
	printf("%.1f %.1f %.1f\n", up, down, down + wait_gone());
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 100, status;
	struct ns_fork how = { .flags = SPACES, .child = run, .arg = &n, .die_with_parent = true };
	struct rlimit lim;
	struct idmap map;
	struct netns_err err = { 0 };
	pid_t pid;

	if (argc > 1 && strcmp(argv[1], "gone") == 0)
		how.child = only_wait;
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
	if (idmap_plan(&map, &err) < 0 || ns_fork(&how, &map, &pid, NULL, &err) < 0)
		die("namespaces", &err);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
