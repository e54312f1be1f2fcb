/*
 * One end of a wire link: where frames of one device come out and go in.
 *
 * Two carriers behind one interface. A TAP is a descriptor of /dev/net/tun, attached to the
 * device's own interface, made with IFF_TAP | IFF_NO_PI and without IFF_VNET_HDR. A ring is an
 * AF_PACKET socket (SOCK_RAW, ETH_P_ALL) bound to the labd side of a veth pair whose other end is
 * the device's interface; frames are read in place from a ring shared with the kernel (TPACKET_V2:
 * a block of TPACKET_V3 is handed over by a timer, which would add milliseconds to every frame) and
 * sent in batches past the queueing discipline.
 *
 * The owner of the link sees to it that segmentation and checksum offload are off on the device's
 * interface, and that the labd side of a veth has no addresses, no IPv6 and is up: whatever its own
 * kernel sent there would reach the device. A TAP's queue (txqueuelen, 500 frames unless set) is
 * all that a burst has until labd reads it: with 5000 a TCP stream through a delay loses nothing.
 * The device's interface had better go up after the port is open: what a ring's socket received
 * before cannot be read, and counts as dropped.
 *
 * port_read() hands out frames that stay where they are until port_release(); the caller may change
 * their bytes. Nothing read is lost when the caller asks for no more than it can take. The port
 * owns its descriptor from port_open() on, also when that fails. Errors are negative errno.
 */
#ifndef LABD_WIRES_PORT_H
#define LABD_WIRES_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/types.h"
#include "labd/lab/spec.h"

#define PORT_BATCH	    64
#define PORT_MTU_MIN	    68
#define PORT_MTU_MAX	    65535u
#define PORT_RING_BYTES	    (1u << 20)
#define PORT_RING_BYTES_MAX (64u << 20)
/* On top of the MTU: Ethernet header and two VLAN tags. */
#define PORT_LINK_HEADER_BYTES 22u

struct batch;

struct port_frame {
	uint8_t *bytes;
	uint32_t len;
	int64_t rx_ns; /* CLOCK_REALTIME when labd had it */
};

/* What TAPs need for a batch, one for all ports: space for the frames that are read, and many calls
 * in one. Lent to port_read() and port_write(), which give up the latter where it does not work. */
struct port_space {
	uint8_t *bytes;	     /* PORT_BATCH times FEED_FRAME_MAX, and more */
	struct batch *batch; /* NULL: a call for each frame */
};

struct port {
	int fd;
	enum carrier carrier; /* CARRIER_TAP or CARRIER_RING */
	bool dead;	      /* its interface is gone */
	uint32_t frame_max;   /* longest frame it carries */
	uint64_t n_too_long;  /* frames longer than that, dropped; the caller takes and clears */
	/* TAP only */
	unsigned expect; /* frames that the next reading will probably find, at least 1 */
	/* ring only */
	uint8_t *ring;
	size_t ring_bytes;
	uint32_t block_bytes, slot_bytes;
	uint32_t n_slots;
	uint32_t next;	  /* the first slot not given back */
	uint32_t n_out;	  /* slots handed out from there on */
	uint64_t n_early; /* frames that came before there was a ring */
};

/* single: without io_uring even where there is one. */
int port_space_init(struct port_space *space, bool single);
void port_space_done(struct port_space *space);

/* ring_bytes: kernel memory for received frames, 0 = PORT_RING_BYTES; a TAP has none. */
int port_open(struct port *port, enum carrier carrier, int fd, uint32_t mtu, uint32_t ring_bytes);
void port_close(struct port *port);

/* At most n frames (n <= PORT_BATCH), 0 = none now. Negative: the port is dead. */
int port_read(struct port *port, struct port_space *space, struct port_frame *ret_frames,
	      unsigned n);
/* Gives back everything that the last port_read() handed out. */
void port_release(struct port *port);
/* A quarter of a ring waits to be read: what comes on top may soon find no room. */
bool port_is_filling(const struct port *port);

/*
 * Sends frames in order and returns how many are done with. With fewer than n the interface takes
 * no more now: keep the rest. ret_refused: how many of those done with it will never take, since it
 * is down, the frame too long, ... n is at most 2 * PORT_BATCH.
 */
unsigned port_write(struct port *port, struct port_space *space, const struct port_frame *frames,
		    unsigned n, unsigned *ret_refused);

/* Frames that found the ring full since the last call; 0 for a TAP, whose interface counts them. */
uint64_t port_take_drops(struct port *port);
/* After EPOLLERR: fetches the error, and finds out whether the port is dead. */
void port_check(struct port *port);

/* port_ring.c */
int port_ring_open(struct port *port, uint32_t ring_bytes);
void port_ring_close(struct port *port);
unsigned port_ring_read(struct port *port, struct port_frame *ret_frames, unsigned n);
void port_ring_release(struct port *port);
unsigned port_ring_write(struct port *port, const struct port_frame *frames, unsigned n,
			 unsigned *ret_refused);

/* port_tap.c */
int port_tap_open(struct port *port);
int port_tap_read(struct port *port, struct port_space *space, struct port_frame *ret_frames,
		  unsigned n);
unsigned port_tap_write(struct port *port, struct port_space *space,
			const struct port_frame *frames, unsigned n, unsigned *ret_refused);

#endif
