/* What the wires process gives up before it sees the first frame. */
#include "labd/sandbox.h"

#include <linux/if_tun.h>
#include <seccomp.h>
#include <sys/ioctl.h>

#include "base/types.h"
#include "labd/wires/wires.h"

/* Many frames at once, and timers. Of ioctl only what asks a TAP for its flags. */
static const int allowed[] = {
	SCMP_SYS(sendmmsg),
	SCMP_SYS(io_uring_enter), /* of a ring that only reads and writes, see batch.h */
	SCMP_SYS(timerfd_settime),
};

int wires_sandbox(void)
{
	return sandbox_close(&(struct sandbox){
		.calls = allowed, .n_calls = ARRAY_SIZE(allowed), .ioctl = TUNGETIFF });
}
