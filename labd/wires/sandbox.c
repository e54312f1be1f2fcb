/* What the wires process gives up before it sees the first frame. */
#include "labd/sandbox.h"

#include <linux/if_tun.h>
#include <seccomp.h>
#include <sys/ioctl.h>

#include "base/types.h"
#include "labd/wires/wires.h"

/* The loop, memory for frames, and the carriers' set-up for links that come
 * later. Of ioctl only what asks a TAP for its flags. */
static const int allowed[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(close),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),
	SCMP_SYS(fcntl),
	SCMP_SYS(io_uring_enter), /* of a ring that only reads and writes, see batch.h */
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getrandom),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

int wires_sandbox(void)
{
	return sandbox_close(&(struct sandbox){
		.calls = allowed, .n_calls = ARRAY_SIZE(allowed), .ioctl = TUNGETIFF });
}
