/* sandbox.h: what a process of labd gives up before it reads the first foreign byte: every
 * capability, new privileges, being looked into, and all system calls but those that it names. */
#ifndef LABD_SANDBOX_H
#define LABD_SANDBOX_H

#include <stddef.h>

struct sandbox {
	const int *calls; /* SCMP_SYS(...): allowed with any arguments, besides what every loop
			     needs */
	size_t n_calls;
	unsigned long ioctl; /* the one request of ioctl(2) that is allowed; 0 = none */
};

/* For good. Memory may be had, but none that code could be put into. 0 or negative errno. */
int sandbox_close(const struct sandbox *s);

#endif
