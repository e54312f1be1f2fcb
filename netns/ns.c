#include "netns/ns.h"

#include "netns/err.h"
#include "netns/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_SELF_NET "/proc/thread-self/ns/net"

static int ns_open_path(const char *path, int *ret_fd, struct netns_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return netns_fail_errno(err, -errno, "namespace %s: open", path);
	*ret_fd = fd;
	return 0;
}

int ns_open_current(int *ret_fd, struct netns_err *err)
{
	return ns_open_path(NS_SELF_NET, ret_fd, err);
}

int ns_open_pid(pid_t pid, const char *kind, int *ret_fd, struct netns_err *err)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, kind);
	return ns_open_path(path, ret_fd, err);
}

int ns_inode(int fd, uint64_t *ret_inode, struct netns_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return netns_fail_errno(err, -errno, "namespace descriptor %d: stat", fd);
	*ret_inode = st.st_ino;
	return 0;
}

int ns_enter(int fd, struct ns_guard *ret_guard, struct netns_err *err)
{
	int home = -1, r;

	ret_guard->home_fd = -1;
	if (fd == NS_CURRENT)
		return 0;
	r = ns_open_current(&home, err);
	if (r < 0)
		return r;
	if (setns(fd, CLONE_NEWNET) < 0) {
		r = netns_fail_errno(err, -errno, "network namespace: enter");
		(void)close(home);
		return r;
	}
	ret_guard->home_fd = home;
	return 0;
}

void ns_leave(struct ns_guard *guard)
{
	if (guard->home_fd < 0)
		return;
	/* Going on in somebody else's network would be worse than ending here. */
	if (setns(guard->home_fd, CLONE_NEWNET) < 0)
		abort();
	(void)close(guard->home_fd);
	guard->home_fd = -1;
}

int ns_create(int *ret_fd, struct netns_err *err)
{
	struct ns_guard guard = { .home_fd = -1 };
	int r;

	r = ns_open_current(&guard.home_fd, err);
	if (r < 0)
		return r;
	if (unshare(CLONE_NEWNET) < 0) {
		r = netns_fail_errno(err, -errno, "network namespace: create");
		(void)close(guard.home_fd);
		return r;
	}
	r = ns_open_current(ret_fd, err);
	ns_leave(&guard);
	return r;
}

/*
 * The child arms the death signal first and reports, and only then does the parent write the map
 * and let it go: whenever the parent ends, either the signal is armed or the pipe reads as ended.
 */
static void ns_child(const struct ns_fork *how, int sync_fd)
{
	char go = 0;
	ssize_t n;

	if (how->die_with_parent)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(sync_fd, "r", 1) != 1)
		_exit(126);
	do {
		n = read(sync_fd, &go, 1);
	} while (n < 0 && errno == EINTR);
	(void)close(sync_fd);
	if (n != 1 || go != 'g')
		_exit(126);
	_exit(how->child(how->arg) & 0xff);
}

static int ns_wait_ready(int sync_fd)
{
	ssize_t n;
	char c;

	do {
		n = read(sync_fd, &c, 1);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == 1 ? 0 : -EPIPE;
}

static void ns_kill(pid_t pid, int pidfd)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	(void)close(pidfd);
}

static int ns_release(pid_t pid, int sync_fd, uint64_t flags, const struct idmap *map,
		      struct netns_err *err)
{
	int r = ns_wait_ready(sync_fd);

	if (r < 0)
		return netns_fail_errno(err, r, "new process %d: start", (int)pid);
	if (flags & CLONE_NEWUSER) {
		r = idmap_apply(map, pid, err);
		if (r < 0)
			return r;
	}
	/* MSG_NOSIGNAL: a child that died meanwhile is an error, not a SIGPIPE. */
	if (send(sync_fd, "g", 1, MSG_NOSIGNAL) != 1)
		return netns_fail_errno(err, -errno, "new process %d: release", (int)pid);
	return 0;
}

static int ns_fork_once(const struct ns_fork *how, const struct idmap *map, pid_t *ret_pid,
			int *ret_pidfd, struct netns_err *err)
{
	int sync_fds[2], pidfd = -1, r;
	struct clone_args args = {
		.flags = how->flags | CLONE_PIDFD,
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sync_fds) < 0)
		return netns_fail_errno(err, -errno, "new process: socketpair");
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		(void)close(sync_fds[0]);
		ns_child(how, sync_fds[1]);
	}
	r = pid < 0 ? -errno : 0;
	(void)close(sync_fds[1]);
	if (r < 0)
		(void)netns_fail_errno(err, r, "new namespaces: create");
	else
		r = ns_release((pid_t)pid, sync_fds[0], how->flags, map, err);
	(void)close(sync_fds[0]);
	if (r < 0) {
		if (pid > 0)
			ns_kill((pid_t)pid, pidfd);
		return r;
	}
	*ret_pid = (pid_t)pid;
	*ret_pidfd = pidfd;
	return 0;
}

int ns_fork(const struct ns_fork *how, struct idmap *io_map, pid_t *ret_pid, int *ret_pidfd,
	    struct netns_err *err)
{
	struct netns_err why = { 0 };
	pid_t pid;
	int pidfd, r;

	if ((how->flags & CLONE_NEWUSER) && !io_map)
		return netns_fail(err, -EINVAL, "new namespaces: a user namespace needs an id map");
	r = ns_fork_once(how, io_map, &pid, &pidfd, &why);
	if (r < 0 && (how->flags & CLONE_NEWUSER) && io_map->kind == IDMAP_RANGE) {
		idmap_reduce(io_map, why.text);
		r = ns_fork_once(how, io_map, &pid, &pidfd, &why);
	}
	if (r < 0)
		return netns_fail(err, r, "%s", why.text);
	*ret_pid = pid;
	if (ret_pidfd)
		*ret_pidfd = pidfd;
	else
		(void)close(pidfd);
	return 0;
}
