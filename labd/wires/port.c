#include "labd/wires/port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "labd/wires/feed.h"

static int64_t real_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * SEC + now.tv_nsec;
}

int port_space_init(struct port_space *space)
{
	/* One byte more than the longest frame, so that a longer one is seen to be longer. */
	size_t slot_bytes = FEED_FRAME_MAX + 64;
	uint8_t *bytes = malloc(PORT_BATCH * slot_bytes);

	if (bytes == NULL)
		return -ENOMEM;
	*space = (struct port_space){ .bytes = bytes, .slot_bytes = slot_bytes };
	return 0;
}

void port_space_done(struct port_space *space)
{
	free(space->bytes);
	space->bytes = NULL;
}

/* ---- TAP ---- */

static int tap_open(struct port *port)
{
	struct ifreq ifr = { 0 };

	if (ioctl(port->fd, TUNGETIFF, &ifr) < 0)
		return -errno;
	if ((ifr.ifr_flags & (IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)) != (IFF_TAP | IFF_NO_PI))
		return -EINVAL;
	return 0;
}

static int tap_read(struct port *port, const struct port_space *space,
		    struct port_frame *ret_frames, unsigned n)
{
	unsigned n_read = 0;

	while (n_read < n) {
		uint8_t *slot = space->bytes + n_read * space->slot_bytes;
		ssize_t len = read(port->fd, slot, port->frame_max + 1);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno != EAGAIN) {
			port->dead = true;
			return n_read > 0 ? (int)n_read : -errno;
		}
		if (len <= 0)
			break;
		if ((size_t)len > port->frame_max) {
			port->n_too_long++;
			continue;
		}
		ret_frames[n_read++] = (struct port_frame){ slot, (uint32_t)len, real_now() };
	}
	return (int)n_read;
}

static unsigned tap_write(struct port *port, const struct port_frame *frames, unsigned n,
			  int *ret_error)
{
	for (unsigned i = 0; i < n; i++) {
		ssize_t len;

		do {
			len = write(port->fd, frames[i].bytes, frames[i].len);
		} while (len < 0 && errno == EINTR);
		if (len < 0) {
			*ret_error = errno == ENOBUFS || errno == ENOMEM ? -EAGAIN : -errno;
			return i;
		}
	}
	*ret_error = 0;
	return n;
}

/* ---- either ---- */

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int port_open(struct port *port, enum carrier carrier, int fd, uint32_t mtu, uint32_t ring_bytes)
{
	int r;

	*port = (struct port){ .fd = fd,
			       .carrier = carrier,
			       .frame_max = mtu + PORT_LINK_HEADER_BYTES };
	if (mtu < PORT_MTU_MIN || mtu > PORT_MTU_MAX || ring_bytes > PORT_RING_BYTES_MAX)
		r = -ERANGE;
	else
		r = set_nonblocking(fd);
	if (r == 0 && carrier == CARRIER_TAP)
		r = tap_open(port);
	else if (r == 0 && carrier == CARRIER_RING)
		r = port_ring_open(port, ring_bytes ? ring_bytes : PORT_RING_BYTES);
	else if (r == 0)
		r = -EINVAL;
	if (r < 0)
		port_close(port);
	return r;
}

void port_close(struct port *port)
{
	port_ring_close(port);
	if (port->fd >= 0)
		close(port->fd);
	port->fd = -1;
	port->dead = true;
}

int port_read(struct port *port, const struct port_space *space, struct port_frame *ret_frames,
	      unsigned n)
{
	if (port->dead)
		return -ENODEV;
	if (n > PORT_BATCH)
		n = PORT_BATCH;
	if (port->carrier == CARRIER_TAP)
		return tap_read(port, space, ret_frames, n);
	return (int)port_ring_read(port, ret_frames, n);
}

void port_release(struct port *port)
{
	if (port->carrier == CARRIER_RING)
		port_ring_release(port);
}

unsigned port_write(struct port *port, const struct port_frame *frames, unsigned n, int *ret_error)
{
	if (port->dead) {
		*ret_error = -ENODEV;
		return 0;
	}
	if (port->carrier == CARRIER_TAP)
		return tap_write(port, frames, n, ret_error);
	return port_ring_write(port, frames, n, ret_error);
}

uint64_t port_take_drops(struct port *port)
{
	struct tpacket_stats stats;
	socklen_t len = sizeof(stats);
	uint64_t n = port->n_early;

	port->n_early = 0;
	/* Reading the kernel's counters clears them. */
	if (port->carrier == CARRIER_RING && !port->dead &&
	    getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		n += stats.tp_drops;
	return n;
}

void port_check(struct port *port)
{
	int error = 0;
	socklen_t len = sizeof(error);

	/* A socket reports that its interface went down, once, and works again when it is up. */
	if (port->carrier == CARRIER_RING)
		getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	else
		port->dead = true;
}
