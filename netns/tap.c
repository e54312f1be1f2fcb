#include "netns/tap.h"

#include "netns/err.h"
#include "netns/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAP_DEVICE "/dev/net/tun"

static int tap_open_device(int *ret_fd, struct netns_err *err)
{
	int fd = open(TAP_DEVICE, O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0) {
		*ret_fd = fd;
		return 0;
	}
	switch (errno) {
	case EACCES:
	case EPERM:
		return netns_fail(err, -errno,
				  TAP_DEVICE ": not open to this user: chmod 0666 " TAP_DEVICE
					     " as root, or use links without TAP");
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return netns_fail(err, -errno,
				  TAP_DEVICE ": no such device: modprobe tun as root, or use links "
					     "without TAP");
	}
	return netns_fail_errno(err, -errno, TAP_DEVICE ": open");
}

static int tap_create(int fd, const char *name, struct netns_err *err)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		return netns_fail_errno(err, -errno, "tap %s: create", name);
	return 0;
}

/* Called in the namespace of the interface. */
static int tap_index(const char *name, int *ret_index, struct netns_err *err)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), r = 0;

	if (fd < 0)
		return netns_fail_errno(err, -errno, "tap %s: socket", name);
	(void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		r = netns_fail_errno(err, -errno, "tap %s: index", name);
	else
		*ret_index = ifr.ifr_ifindex;
	(void)close(fd);
	return r;
}

static int tap_open_here(const char *name, struct nl_tap *ret_tap, struct netns_err *err)
{
	int fd = -1, index = 0;
	int r = tap_open_device(&fd, err);

	if (r < 0)
		return r;
	r = tap_create(fd, name, err);
	if (r >= 0)
		r = tap_index(name, &index, err);
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	ret_tap->fd = fd;
	ret_tap->index = index;
	(void)snprintf(ret_tap->name, sizeof(ret_tap->name), "%s", name);
	return 0;
}

int nl_tap_open(int ns_fd, const char *name, struct nl_tap *ret_tap, struct netns_err *err)
{
	struct ns_guard guard;
	int r = nl_name_check(name, err);

	if (r >= 0)
		r = ns_enter(ns_fd, &guard, err);
	if (r < 0)
		return r;
	r = tap_open_here(name, ret_tap, err);
	ns_leave(&guard);
	return r;
}
