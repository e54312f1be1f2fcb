/* The carrier of packet rings: receiving in place, sending in batches. */
#include "labd/wires/port.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "labd/wires/feed.h"

#define BLOCK_BYTES    65536u
#define VLAN_TAG_BYTES 4u
/* In front of a frame in its slot: the kernel's header and link address, then room for 16 bytes of
 * link header, aligned; the link header itself ends at that boundary. */
#define SLOT_HEADER_BYTES (TPACKET_ALIGN(TPACKET2_HDRLEN + 16) + TPACKET_ALIGNMENT)

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_ring(int fd, const struct tpacket_req *req)
{
	return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, req, sizeof(*req)) < 0 ? -errno : 0;
}

/* Slots just large enough for the longest frame; what is left of a block stays unused. */
static struct tpacket_req ring_shape(uint32_t frame_max, uint32_t ring_bytes)
{
	uint32_t slot = TPACKET_ALIGN(frame_max + SLOT_HEADER_BYTES);
	uint32_t block = BLOCK_BYTES;

	while (block < slot)
		block *= 2;
	if (ring_bytes < 2 * block)
		ring_bytes = 2 * block;
	return (struct tpacket_req){
		.tp_block_size = block,
		.tp_block_nr = ring_bytes / block,
		.tp_frame_size = slot,
		.tp_frame_nr = ring_bytes / block * (block / slot),
	};
}

/* What a new socket received until now is thrown away when it gets its ring. In a used one, whose
 * process died, the kernel's count is mostly of frames that were read. */
static uint64_t take_early(int fd)
{
	struct tpacket_stats stats = { 0 };
	int version = TPACKET_V1;
	socklen_t version_len = sizeof(version), stats_len = sizeof(stats);

	getsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, &version_len);
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &stats_len);
	return version == TPACKET_V1 ? stats.tp_packets : 0;
}

int port_ring_open(struct port *port, uint32_t ring_bytes)
{
	struct tpacket_req none = { 0 }, req = ring_shape(port->frame_max, ring_bytes);
	size_t bytes = (size_t)req.tp_block_size * req.tp_block_nr;
	int r;

	/* The socket may come from a process that died: its ring goes, with what was in it. */
	set_ring(port->fd, &none);
	port->n_early = take_early(port->fd);
	r = set_int(port->fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
	if (r == 0)
		r = set_int(port->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (r == 0)
		r = set_int(port->fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
	if (r == 0)
		r = set_ring(port->fd, &req);
	if (r < 0)
		return r;
	port->ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, port->fd, 0);
	if (port->ring == MAP_FAILED) {
		port->ring = NULL;
		return -errno;
	}
	port->ring_bytes = bytes;
	port->block_bytes = req.tp_block_size;
	port->slot_bytes = req.tp_frame_size;
	port->n_slots = req.tp_frame_nr;
	return 0;
}

void port_ring_close(struct port *port)
{
	if (port->ring != NULL)
		munmap(port->ring, port->ring_bytes);
	port->ring = NULL;
}

static uint8_t *slot_at(const struct port *port, uint32_t i)
{
	uint32_t a_block = port->block_bytes / port->slot_bytes, at = i % port->n_slots;

	return port->ring + (size_t)(at / a_block) * port->block_bytes +
	       (size_t)(at % a_block) * port->slot_bytes;
}

/* The first word of a slot says whose it is. */
static uint32_t slot_status(const uint8_t *slot)
{
	return __atomic_load_n((const uint32_t *)(const void *)slot, __ATOMIC_ACQUIRE);
}

static void slot_give_back(uint8_t *slot)
{
	__atomic_store_n((uint32_t *)(void *)slot, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/* The kernel took the outermost VLAN tag out of the frame; in front of it is room to put it back.
 */
static void put_vlan_tag(const struct tpacket2_hdr *head, struct port_frame *frame)
{
	uint16_t tpid =
		head->tp_status & TP_STATUS_VLAN_TPID_VALID ? head->tp_vlan_tpid : ETH_P_8021Q;
	uint8_t *bytes = frame->bytes - VLAN_TAG_BYTES;

	if (frame->len < 2 * ETH_ALEN)
		return;
	memmove(bytes, frame->bytes, 2 * ETH_ALEN);
	bytes[12] = (uint8_t)(tpid >> 8);
	bytes[13] = (uint8_t)tpid;
	bytes[14] = (uint8_t)(head->tp_vlan_tci >> 8);
	bytes[15] = (uint8_t)head->tp_vlan_tci;
	frame->bytes = bytes;
	frame->len += VLAN_TAG_BYTES;
}

/* false: cut by the kernel, since it is longer than the MTU allows. */
static bool slot_frame(const struct port *port, uint8_t *slot, struct port_frame *ret_frame)
{
	struct tpacket2_hdr head;

	memcpy(&head, slot, sizeof(head));
	if (head.tp_mac < sizeof(head) + VLAN_TAG_BYTES || head.tp_snaplen < head.tp_len ||
	    head.tp_mac + (uint64_t)head.tp_snaplen > port->slot_bytes)
		return false;
	ret_frame->bytes = slot + head.tp_mac;
	ret_frame->len = head.tp_snaplen;
	ret_frame->rx_ns = head.tp_sec * SEC + head.tp_nsec;
	if (head.tp_status & TP_STATUS_VLAN_VALID)
		put_vlan_tag(&head, ret_frame);
	return ret_frame->len <= port->frame_max;
}

bool port_is_filling(const struct port *port)
{
	return port->ring != NULL &&
	       slot_status(slot_at(port, port->next + port->n_slots / 4)) & TP_STATUS_USER;
}

unsigned port_ring_read(struct port *port, struct port_frame *ret_frames, unsigned n)
{
	unsigned n_read = 0;

	while (n_read < n && port->n_out < port->n_slots) {
		uint8_t *slot = slot_at(port, port->next + port->n_out);

		if (!(slot_status(slot) & TP_STATUS_USER))
			break;
		port->n_out++;
		if (slot_frame(port, slot, &ret_frames[n_read]))
			n_read++;
		else
			port->n_too_long++;
	}
	return n_read;
}

void port_ring_release(struct port *port)
{
	for (uint32_t i = 0; i < port->n_out; i++)
		slot_give_back(slot_at(port, port->next + i));
	port->next = (port->next + port->n_out) % port->n_slots;
	port->n_out = 0;
}

/* ENOBUFS: the other side's queue is full; the frame was not taken and can be sent again. */
static bool is_full(int error)
{
	return error == EAGAIN || error == ENOBUFS || error == ENOMEM || error == EINTR;
}

unsigned port_ring_write(struct port *port, const struct port_frame *frames, unsigned n,
			 unsigned *ret_refused)
{
	struct mmsghdr messages[2 * PORT_BATCH];
	struct iovec parts[2 * PORT_BATCH];
	unsigned n_done = 0;

	for (unsigned i = 0; i < n; i++) {
		parts[i] = (struct iovec){ frames[i].bytes, frames[i].len };
		messages[i] =
			(struct mmsghdr){ .msg_hdr = { .msg_iov = &parts[i], .msg_iovlen = 1 } };
	}
	while (n_done < n) {
		int r = sendmmsg(port->fd, messages + n_done, n - n_done, MSG_DONTWAIT);

		if (r > 0) {
			n_done += (unsigned)r;
		} else if (is_full(errno)) {
			break;
		} else {
			n_done++;
			++*ret_refused;
		}
	}
	return n_done;
}
