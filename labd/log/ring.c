#include "labd/log/ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum {
	BLOCK_BYTES_MIN = 32 << 10,
	BLOCK_BYTES_MAX = 1 << 20,
	BLOCKS_WANTED =
		32, /* a block is closed after RING_RETIRE_MS, however few frames are in it */
	FRAME_BYTES = 2048, /* only a divisor of the block's: version 3 packs frames */
	FILTER_JUMPS_MAX = 250,
	ETHERTYPE_NONE = 0xffff, /* RFC 1701: reserved */
};

struct ring {
	int fd;
	uint8_t *map;
	size_t bytes;
	uint32_t block_bytes, n_blocks;
	uint32_t block;	 /* being read */
	uint32_t n_held; /* blocks before it that were read and not given back */
	uint32_t n_left; /* frames of it not passed yet */
	bool taken_over;
	const uint8_t *at; /* the next frame's header */
	uint64_t n_passed;
	struct ring_stats stats;
};

/* ---- geometry: a ring's size alone determines it, so that it can be found again ---- */

static size_t round_bytes(size_t bytes)
{
	size_t n = RING_BYTES_MIN;

	while (n * 2 <= bytes && n < RING_BYTES_MAX)
		n *= 2;
	return n;
}

static uint32_t block_bytes_of(size_t bytes)
{
	size_t block = bytes / BLOCKS_WANTED;

	if (block < BLOCK_BYTES_MIN)
		return BLOCK_BYTES_MIN;
	return block > BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX : (uint32_t)block;
}

struct ring_shape ring_shape(size_t bytes)
{
	struct ring_shape s = { .frame_bytes = FRAME_BYTES, .retire_ms = RING_RETIRE_MS };

	bytes = round_bytes(bytes);
	s.block_bytes = block_bytes_of(bytes);
	s.n_blocks = (uint32_t)(bytes / s.block_bytes);
	return s;
}

size_t ring_first_bytes(size_t bytes)
{
	return bytes >= 4 * (size_t)RING_FIRST_BYTES ? RING_FIRST_BYTES : bytes;
}

size_t ring_larger(size_t bytes, size_t last)
{
	size_t second = 4 * (size_t)RING_FIRST_BYTES;

	return bytes < second && second < last ? second : last;
}

static int set_up(int fd, size_t bytes)
{
	struct ring_shape s = ring_shape(bytes);
	struct tpacket_req3 req = { .tp_block_size = s.block_bytes,
				    .tp_block_nr = s.n_blocks,
				    .tp_frame_size = s.frame_bytes,
				    .tp_frame_nr = (unsigned)(bytes / s.frame_bytes),
				    .tp_retire_blk_tov = s.retire_ms };
	int version = TPACKET_V3;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	return 0;
}

static uint8_t *map_ring(int fd, size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? NULL : map;
}

/* The kernel maps a ring only whole: the size that succeeds is the ring's. */
static uint8_t *map_old_ring(int fd, size_t *ret_bytes)
{
	for (size_t bytes = RING_BYTES_MIN; bytes <= RING_BYTES_MAX; bytes *= 2) {
		uint8_t *map = map_ring(fd, bytes);

		if (map) {
			*ret_bytes = bytes;
			return map;
		}
	}
	return NULL;
}

static int bind_to(int fd, uint16_t protocol)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(protocol) };

	return bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : 0;
}

/* ---- blocks ---- */

static struct tpacket_block_desc *block_at(const struct ring *r, uint32_t i)
{
	return (struct tpacket_block_desc *)(void *)(r->map + (size_t)i * r->block_bytes);
}

static bool is_ready(const struct ring *r, uint32_t i)
{
	return __atomic_load_n(&block_at(r, i)->hdr.bh1.block_status, __ATOMIC_ACQUIRE) &
	       TP_STATUS_USER;
}

static void give_back(struct ring *r, uint32_t i)
{
	__atomic_store_n(&block_at(r, i)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/* Where an earlier reader stopped: the oldest block that waits; with none waiting, the one that the
 * kernel fills, which has the highest number that is not ready. */
static uint32_t first_block(const struct ring *r)
{
	uint64_t oldest = UINT64_MAX, newest = 0;
	uint32_t ready = UINT32_MAX, open = 0;

	for (uint32_t i = 0; i < r->n_blocks; i++) {
		uint64_t seq = block_at(r, i)->hdr.bh1.seq_num;

		if (is_ready(r, i) && seq < oldest) {
			oldest = seq;
			ready = i;
		} else if (!is_ready(r, i) && seq > newest) {
			newest = seq;
			open = i;
		}
	}
	return ready != UINT32_MAX ? ready : open;
}

int ring_open(int fd, size_t bytes, struct ring **ret)
{
	struct ring *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->fd = fd;
	r->bytes = round_bytes(bytes);
	err = set_up(fd, r->bytes);
	if (err == 0)
		r->map = map_ring(fd, r->bytes);
	else if (err == -EBUSY)
		r->map = map_old_ring(fd, &r->bytes);
	if (!r->map) {
		err = err ? err : -errno;
		free(r);
		return err;
	}
	r->block_bytes = block_bytes_of(r->bytes);
	r->n_blocks = (uint32_t)(r->bytes / r->block_bytes);
	r->taken_over = err == -EBUSY;
	r->block = r->taken_over ? first_block(r) : 0;
	if (err == 0)
		err = bind_to(fd, ETH_P_ALL);
	if (err < 0 && err != -EBUSY) {
		ring_close(r);
		return err;
	}
	*ret = r;
	return 0;
}

struct ring *ring_close(struct ring *r)
{
	if (r) {
		munmap(r->map, r->bytes);
		free(r);
	}
	return NULL;
}

struct ring *ring_retire(struct ring *r)
{
	struct tpacket_req3 none = { 0 };
	int fd = r->fd;

	(void)bind_to(fd, ETHERTYPE_NONE);
	ring_close(r);
	(void)setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &none, sizeof(none));
	return NULL;
}

int ring_fd(const struct ring *r)
{
	return r->fd;
}

size_t ring_bytes(const struct ring *r)
{
	return r->bytes;
}

bool ring_was_taken_over(const struct ring *r)
{
	return r->taken_over;
}

/* ---- frames ---- */

static void pass_block(struct ring *r)
{
	r->block = (r->block + 1) % r->n_blocks;
	r->n_held++;
}

/* Begins the next block, if the kernel has closed it. A timeout may close an empty one. */
static bool next_block(struct ring *r)
{
	while (r->n_left == 0) {
		const struct tpacket_block_desc *b = block_at(r, r->block);

		if (r->n_held == r->n_blocks || !is_ready(r, r->block))
			return false;
		r->n_left = b->hdr.bh1.num_pkts;
		r->at = (const uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
		if (r->n_left == 0)
			pass_block(r);
	}
	return true;
}

bool ring_peek(struct ring *r, struct ring_frame *ret)
{
	struct tpacket3_hdr h;
	struct sockaddr_ll ll;

	if (r->n_left == 0 && !next_block(r))
		return false;
	memcpy(&h, r->at, sizeof(h));
	memcpy(&ll, r->at + TPACKET_ALIGN(sizeof(h)), sizeof(ll));
	*ret = (struct ring_frame){ .data = r->at + h.tp_mac,
				    .cap_len = h.tp_snaplen,
				    .len = h.tp_len,
				    .wall_ns = (int64_t)h.tp_sec * SEC + h.tp_nsec,
				    .ifindex = ll.sll_ifindex,
				    .outgoing = ll.sll_pkttype == PACKET_OUTGOING };
	return true;
}

void ring_next(struct ring *r)
{
	struct tpacket3_hdr h;

	memcpy(&h, r->at, sizeof(h));
	r->at += h.tp_next_offset;
	r->n_passed++;
	if (--r->n_left == 0)
		pass_block(r);
}

void ring_release(struct ring *r)
{
	for (; r->n_held > 0; r->n_held--)
		give_back(r, (r->block + r->n_blocks - r->n_held) % r->n_blocks);
}

unsigned ring_held(const struct ring *r)
{
	return r->n_held * 100 / r->n_blocks;
}

unsigned ring_fill(const struct ring *r)
{
	uint32_t n = r->n_held;

	while (n < r->n_blocks && is_ready(r, (r->block + n - r->n_held) % r->n_blocks))
		n++;
	return n * 100 / r->n_blocks;
}

struct ring_stats ring_stats(struct ring *r)
{
	struct tpacket_stats_v3 s;
	socklen_t len = sizeof(s);

	/* The kernel counts from the last question on. */
	if (getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len) == 0) {
		r->stats.n_frames += s.tp_packets;
		r->stats.n_drops += s.tp_drops;
	}
	return r->stats;
}

bool ring_is_drained(struct ring *r)
{
	struct ring_stats s = ring_stats(r);

	return s.n_frames - s.n_drops == r->n_passed;
}

/* ---- the filter ---- */

int ring_filter(struct ring *r, const int *ifindexes, size_t n, bool all, uint32_t snap_len)
{
	struct sock_filter code[FILTER_JUMPS_MAX + 4];
	struct sock_fprog prog = { .filter = code };
	unsigned short at = 0;

	if (all || n > FILTER_JUMPS_MAX) {
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, snap_len);
	} else {
		code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
							  (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
		for (size_t i = 0; i < n; i++)
			code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								  (uint32_t)ifindexes[i],
								  (uint8_t)(n - i), 0);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
		code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, snap_len);
	}
	prog.len = at;
	if (setsockopt(r->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		return -errno;
	return 0;
}
