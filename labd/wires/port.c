#include "labd/wires/port.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labd/wires/batch.h"
#include "labd/wires/feed.h"

/* One octet more than the longest frame, so that a longer one is seen to be longer. */
#define SLOT_BYTES (FEED_FRAME_MAX + 64)

int port_space_init(struct port_space *space, bool single)
{
	*space = (struct port_space){ .bytes = malloc(PORT_BATCH * SLOT_BYTES) };
	if (space->bytes == NULL)
		return -ENOMEM;
	if (!single)
		(void)batch_open(&space->batch);
	return 0;
}

void port_space_done(struct port_space *space)
{
	space->batch = batch_close(space->batch);
	free(space->bytes);
	space->bytes = NULL;
}

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
		r = port_tap_open(port);
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

int port_read(struct port *port, struct port_space *space, struct port_frame *ret_frames,
	      unsigned n)
{
	if (port->dead)
		return -ENODEV;
	if (n > PORT_BATCH)
		n = PORT_BATCH;
	if (port->carrier == CARRIER_TAP)
		return port_tap_read(port, space, ret_frames, n);
	return (int)port_ring_read(port, ret_frames, n);
}

void port_release(struct port *port)
{
	if (port->carrier == CARRIER_RING)
		port_ring_release(port);
}

unsigned port_write(struct port *port, struct port_space *space, const struct port_frame *frames,
		    unsigned n, unsigned *ret_refused)
{
	*ret_refused = 0;
	if (port->dead) {
		*ret_refused = n;
		return n;
	}
	if (port->carrier == CARRIER_TAP)
		return port_tap_write(port, space, frames, n, ret_refused);
	return port_ring_write(port, frames, n, ret_refused);
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
