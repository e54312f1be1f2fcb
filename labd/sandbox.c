#include "labd/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* What a loop over open descriptors needs, memory, and an orderly end. */
static const int common[] = {
	SCMP_SYS(read),		SCMP_SYS(write),	   SCMP_SYS(close),
	SCMP_SYS(recvmsg),	SCMP_SYS(sendmsg),	   SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),	SCMP_SYS(fcntl),	   SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),	SCMP_SYS(epoll_ctl),	   SCMP_SYS(clock_gettime),
	SCMP_SYS(munmap),	SCMP_SYS(mremap),	   SCMP_SYS(madvise),
	SCMP_SYS(brk),		SCMP_SYS(futex),	   SCMP_SYS(getpid),
	SCMP_SYS(gettid),	SCMP_SYS(tgkill),	   SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(restart_syscall), SCMP_SYS(getrandom),
	SCMP_SYS(exit),		SCMP_SYS(exit_group),
};

static int allow_calls(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

static int allow_some(scmp_filter_ctx ctx, const struct sandbox *s)
{
	int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (r == 0 && s->ioctl != 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
				     SCMP_A1(SCMP_CMP_EQ, s->ioctl));
	return r;
}

static int filter_calls(const struct sandbox *s)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = ctx ? 0 : -ENOMEM;

	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (r == 0)
		r = allow_calls(ctx, common, sizeof(common) / sizeof(common[0]));
	if (r == 0)
		r = allow_calls(ctx, s->calls, s->n_calls);
	if (r == 0)
		r = allow_some(ctx, s);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int sandbox_close(const struct sandbox *s)
{
	capng_clear(CAPNG_SELECT_ALL);
	/* The bounding set needs a capability that the process may not have; without any, and with
	 * no new privileges, it is of no use either. */
	(void)capng_apply(CAPNG_SELECT_BOUNDS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return filter_calls(s);
}
