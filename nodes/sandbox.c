/* What a node gives up before it meets the first foreign byte. */
#include "shell/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TMPFS_OPTIONS "size=64k,nr_inodes=16,mode=0555"
/* Where the zygote keeps a root for its nodes: any directory that nobody here needs. */
#define ROOT_PLACE "/proc/tty"

static bool has_root;

/* A file of the host, to be read only. What this host does not have, nodes do without. */
static void put_file(unsigned i)
{
	char from[PATH_MAX], to[64];
	int fd;

	snprintf(to, sizeof(to), ROOT_PLACE "/%s", tls_lib_files[i]);
	if (tls_lib_path(i, from, sizeof(from)) < 0 || access(from, R_OK) < 0)
		return;
	fd = open(to, O_CREAT | O_RDONLY | O_CLOEXEC, 0444);
	if (fd < 0)
		return;
	close(fd);
	(void)mount(from, to, NULL, MS_BIND, NULL);
}

/* The libraries that a node may want later are all that its root holds; one root serves them all,
 * since nobody can write to it. */
void sandbox_prepare_root(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("labd", ROOT_PLACE, "tmpfs", flags, TMPFS_OPTIONS) < 0)
		return;
	for (unsigned i = 0; i < TLS_LIB_FILES; i++)
		put_file(i);
	has_root = mount(NULL, ROOT_PLACE, NULL, MS_REMOUNT | MS_RDONLY | flags, NULL) == 0;
}

int sandbox_root(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	/* Any directory will do as the place; /proc exists wherever a node can run. */
	if (has_root ? mount(ROOT_PLACE, "/proc", NULL, MS_BIND | MS_REC, NULL) < 0
		     : mount("labd", "/proc", "tmpfs", flags, TMPFS_OPTIONS) < 0)
		return -errno;
	if (chdir("/proc") < 0)
		return -errno;
	/* The old root is stacked over the new one and then taken off: no directory is needed. */
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -errno;
	return chdir("/") < 0 ? -errno : 0;
}

/* Everything a node's loop, its libraries and their error paths call; the rest is refused. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(statx),
	SCMP_SYS(lseek),
	SCMP_SYS(openat),
	SCMP_SYS(openat2),
	SCMP_SYS(open),
	SCMP_SYS(mkdirat),
	SCMP_SYS(unlinkat),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(getdents64),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(readlink),
	SCMP_SYS(getcwd),
	SCMP_SYS(dup),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(pipe2),
	SCMP_SYS(fcntl),
	SCMP_SYS(ioctl),
	SCMP_SYS(sendfile),
	SCMP_SYS(splice),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mprotect),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(membarrier),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(socket),
	SCMP_SYS(socketpair),
	SCMP_SYS(bind),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(connect),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),
	SCMP_SYS(sendto),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(eventfd2),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(times),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getresuid),
	SCMP_SYS(getresgid),
	SCMP_SYS(getrandom),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(prlimit64),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(umask),
	SCMP_SYS(sethostname),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigpending),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(signalfd4),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(kill),
	SCMP_SYS(tgkill),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(prctl),
	SCMP_SYS(arch_prctl),
};

/* Making the filter takes longer than everything else in a node's birth, so the zygote makes it and
 * nodes only load it. */
static struct sock_fprog filter;

static int take_filter(int fd)
{
	off_t len = lseek(fd, 0, SEEK_END);
	struct sock_filter *code = len > 0 ? malloc((size_t)len) : NULL;

	if (!code || pread(fd, code, (size_t)len, 0) != len) {
		free(code);
		return -EIO;
	}
	free(filter.filter);
	filter.filter = code;
	filter.len = (unsigned short)((size_t)len / sizeof(*code));
	return 0;
}

int sandbox_prepare(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int fd = memfd_create("filter", MFD_CLOEXEC), r = ctx && fd >= 0 ? 0 : -ENOMEM;

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(allowed); i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	if (r == 0)
		r = seccomp_export_bpf(ctx, fd);
	if (r == 0)
		r = take_filter(fd);
	seccomp_release(ctx);
	if (fd >= 0)
		close(fd);
	return r;
}

/* By hand: libcap-ng asks for each capability's state in each set first, 120 calls more. The
 * bounding set is left as it is: it limits what execve(2) may give, and there is none. */
static int keep_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	data[0].effective = data[0].permitted = BIT(CAP_NET_ADMIN) | BIT(CAP_NET_RAW);
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int sandbox_drop(void)
{
	struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	if (keep_capabilities() < 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		return -errno;
	return 0;
}
