/* Datagrams in: the kernel's UDP, UDP frames built by hand, ARP, ICMP. shell_send.c sends them.
 *
 * Every datagram that comes in carries the key by which the log finds its frame; every one that
 * goes out is reported with the key of the frame it became. */
#include "shell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/inet.h"
#include "shell_addr.h"

#define BATCH		 32
#define DGRAM_MAX	 65536
#define DGRAM_SMALL	 512 /* octets of nearly every datagram: a batch of them is close together */
#define CONTROL_MAX	 128
#define BATCHES_PER_TURN 4
#define CROWD		 4 /* datagrams that came while the last ones were worked on */
#define GATHER_NS	 (50 * USEC)

/* --- opening ------------------------------------------------------------------------------ */

static int packet_open(const struct node *n, uint32_t ifid, uint16_t ether_type, int type,
		       const struct sock_fprog *filter)
{
	const struct if_index *map = ifmap_by_id(n, ifid);
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ether_type) };
	int one = 1, fd, err;

	if (ifid != 0 && !map)
		return -ENODEV;
	ll.sll_ifindex = map ? map->ifindex : 0;
	/* Protocol 0: nothing is queued before the filter is in place. */
	fd = socket(AF_PACKET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	if ((filter && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0) ||
	    bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* UDP over IPv4 to this port, first fragments only. */
static int udp_raw_open(const struct node *n, const struct fx_bind *b)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_TYPE_IP4, 0, 8),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b->local.port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { .len = ARRAY_SIZE(code), .filter = code };

	return packet_open(n, b->ifid, ETH_TYPE_IP4, SOCK_RAW, &prog);
}

static void bind_to_device(const struct node *n, int fd, uint32_t ifid)
{
	const struct if_index *map = ifmap_by_id(n, ifid);

	if (map)
		setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &map->ifindex, sizeof(map->ifindex));
}

static void join_group(const struct node *n, int fd, const struct fx_bind *b)
{
	const struct if_index *map = ifmap_by_id(n, b->ifid);

	if (b->group.family == 4) {
		struct ip_mreqn mr = { .imr_ifindex = map ? map->ifindex : 0 };

		memcpy(&mr.imr_multiaddr, b->group.b, 4);
		setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mr, sizeof(mr));
	} else if (b->group.family == 6) {
		struct ipv6_mreq mr = { .ipv6mr_interface = map ? (unsigned)map->ifindex : 0 };

		memcpy(&mr.ipv6mr_multiaddr, b->group.b, 16);
		setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &mr, sizeof(mr));
	}
}

static int udp_open(struct node *n, const struct fx_bind *b)
{
	bool v6 = b->local.addr.family == 6;
	int one = 1, size = 1 << 20, err;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!n->quiet)
		setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (b->broadcast)
		setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof(one));
	if (v6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof(one));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	}
	bind_to_device(n, fd, b->ifid);
	err = sock_bind(n, fd, &b->local);
	if (err < 0) {
		close(fd);
		return err;
	}
	join_group(n, fd, b);
	return fd;
}

static int icmp_open(const struct node *n, const struct fx_bind *b)
{
	int one = 1, fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one));
	bind_to_device(n, fd, b->ifid);
	return fd;
}

static int open_kind(struct node *n, const struct fx_bind *b)
{
	switch (b->kind) {
	case SOCK_UDP:
		return udp_open(n, b);
	case SOCK_UDP_RAW:
		return udp_raw_open(n, b);
	case SOCK_ARP:
		return packet_open(n, b->ifid, ETH_TYPE_ARP, SOCK_DGRAM, NULL);
	case SOCK_ICMP:
		return icmp_open(n, b);
	}
	return -EINVAL;
}

static void on_dgram(evutil_socket_t fd, short what, void *arg);

/* The port that was drawn where none was asked for: what is sent is known by it. */
static uint16_t local_port(const struct fx_bind *b, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (b->kind != SOCK_UDP || b->local.port != 0 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return b->local.port;
	return ep_from_sockaddr(&ss).port;
}

void dgram_bind(struct machine *m, const struct fx_effect *e)
{
	const struct fx_bind *b = &e->bind;
	struct sock *s;
	int fd;

	if (sock_find(m, b->sock)) {
		fail_effect(m, e, b->sock, EEXIST, "the machine has a socket of that number");
		return;
	}
	fd = open_kind(m->node, b);
	if (fd < 0) {
		fail_effect(m, e, b->sock, -fd, NULL);
		return;
	}
	s = sock_new(m, b->sock, fd);
	if (!s) {
		close(fd);
		fail_effect(m, e, b->sock, EMFILE, "too many sockets are open");
		return;
	}
	s->what = SOCK_IS_DGRAM;
	s->kind = b->kind;
	s->local = b->local;
	s->local.port = local_port(b, fd);
	s->ifid = b->ifid;
	if (b->kind == SOCK_UDP_RAW) {
		struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
		struct sock_fprog prog = { .len = 1, .filter = &none };

		s->guard_fd = udp_open(m->node, b);
		if (s->guard_fd >= 0)
			setsockopt(s->guard_fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
	}
	s->ev = event_new(m->node->base, fd, EV_READ | EV_PERSIST, on_dgram, s);
	event_add(s->ev, NULL);
}

/* --- receiving ---------------------------------------------------------------------------- */

struct received {
	struct ev ev;
	struct cause cause;
};

static void read_control(const struct node *n, struct msghdr *mh, struct received *r)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		const struct if_index *map = NULL;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec ts;

			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
			r->cause.key.stamp_ns = ts.tv_sec * SEC + ts.tv_nsec;
		} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo pi;

			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			r->ev.dgram.dst.addr = addr4_from_u32(ntohl(pi.ipi_addr.s_addr));
			map = ifmap_by_index(n, pi.ipi_ifindex);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo pi;

			memcpy(&pi, CMSG_DATA(c), sizeof(pi));
			r->ev.dgram.dst.addr.family = 6;
			memcpy(r->ev.dgram.dst.addr.b, &pi.ipi6_addr, 16);
			map = ifmap_by_index(n, (int)pi.ipi6_ifindex);
		}
		if (map)
			r->ev.dgram.ifid = map->ifid;
	}
}

static bool take_udp(const struct sock *s, struct received *r, const struct sockaddr_storage *from)
{
	r->ev.dgram.src = ep_from_sockaddr(from);
	r->ev.dgram.dst.port = s->local.port;
	if (!s->machine->node->quiet)
		r->cause.key.checksum = inet_udp_sum(&r->ev.dgram.src, &r->ev.dgram.dst,
						     r->ev.dgram.data, r->ev.dgram.len);
	r->cause.key.proto = IPPROTO_UDP;
	return true;
}

static bool take_udp_raw(struct sock *s, struct received *r)
{
	struct udp_frame f;
	const char *why;

	if (udp_frame_parse(r->ev.dgram.data, r->ev.dgram.len, &f, &why) < 0) {
		struct val values[] = { V_TEXT("reason", why), V_END };

		journal_decide(s->machine->node, "shell.drop-frame", &r->cause.key, values);
		return false;
	}
	r->ev.dgram.src = f.src;
	r->ev.dgram.dst = f.dst;
	r->ev.dgram.src_mac = f.src_mac;
	r->ev.dgram.dst_mac = f.dst_mac;
	r->ev.dgram.ttl = f.ttl;
	r->ev.dgram.data = f.payload;
	r->ev.dgram.len = f.payload_len;
	r->cause.key.proto = IPPROTO_UDP;
	r->cause.key.checksum = inet_udp_sum(&f.src, &f.dst, f.payload, f.payload_len);
	return true;
}

static bool take_arp(struct received *r, const struct sockaddr_ll *ll)
{
	memcpy(r->ev.dgram.src_mac.b, ll->sll_addr, 6);
	r->cause.key.ether_type = ETH_TYPE_ARP;
	if (r->ev.dgram.len > ARP_LEN)
		r->ev.dgram.len = ARP_LEN; /* the rest pads the frame */
	return true;
}

static bool take_icmp(struct received *r, const struct sockaddr_storage *from)
{
	const uint8_t *p = r->ev.dgram.data;
	size_t len = r->ev.dgram.len, ihl;

	if (len < IP4_HDR_LEN)
		return false;
	ihl = (size_t)(p[0] & 0x0f) * 4;
	if (ihl < IP4_HDR_LEN || ihl + 8 > len)
		return false;
	r->ev.dgram.src = ep_from_sockaddr(from);
	r->ev.dgram.src.port = r->ev.dgram.dst.port = 0;
	r->ev.dgram.dst.addr = addr4(p[16], p[17], p[18], p[19]);
	r->ev.dgram.ttl = p[8];
	r->ev.dgram.data = p + ihl;
	r->ev.dgram.len = len - ihl;
	r->cause.key.proto = IPPROTO_ICMP;
	r->cause.key.checksum = (uint16_t)(p[ihl + 2] << 8 | p[ihl + 3]);
	return true;
}

static bool take(struct sock *s, struct received *r, struct msghdr *mh)
{
	const struct sockaddr_storage *from = mh->msg_name;
	struct sockaddr_ll ll = { 0 };
	const struct if_index *map;

	r->cause.key.dir = PKT_IN;
	r->cause.key.stamp_ns = 0;
	read_control(s->machine->node, mh, r);
	if (from->ss_family == AF_PACKET) {
		memcpy(&ll, from, sizeof(ll));
		map = ifmap_by_index(s->machine->node, ll.sll_ifindex);
		r->ev.dgram.ifid = map ? map->ifid : 0;
	}
	switch (s->kind) {
	case SOCK_UDP:
		return take_udp(s, r, from);
	case SOCK_UDP_RAW:
		return take_udp_raw(s, r);
	case SOCK_ARP:
		return take_arp(r, &ll);
	case SOCK_ICMP:
		return take_icmp(r, from);
	}
	return false;
}

static void hand_over(struct sock *s, struct msghdr *mh, const uint8_t *data, size_t len)
{
	struct received r = { .ev = { .kind = EV_DATAGRAM } };

	r.ev.dgram.sock = s->id.number;
	r.ev.dgram.data = data;
	r.ev.dgram.len = len;
	if (!take(s, &r, mh))
		return;
	r.cause.key.ifid = r.ev.dgram.ifid;
	r.cause.key.src = r.ev.dgram.src;
	r.cause.key.dst = r.ev.dgram.dst;
	r.cause.key.len = (uint16_t)r.ev.dgram.len;
	if (r.cause.key.stamp_ns == 0)
		r.cause.key.stamp_ns = wall_now_ns();
	deliver(s->machine, &r.ev, &r.cause);
}

/* Where batches are read to, for all sockets: a batch is done with before the next is read. What a
 * short datagram needs lies together, so that one touches little memory and many stay in the cache.
 */
static struct {
	bool prepared;
	struct mmsghdr mm[BATCH];
	struct iovec iov[BATCH][2];
	struct {
		struct sockaddr_storage from;
		_Alignas(struct cmsghdr) char control[CONTROL_MAX];
		uint8_t octets[DGRAM_SMALL];
	} slots[BATCH];
	uint8_t rest[BATCH][DGRAM_MAX - DGRAM_SMALL];
	uint8_t whole[DGRAM_MAX]; /* a datagram that was too long for its slot */
} in;

static void prepare(void)
{
	in.prepared = true;
	for (int i = 0; i < BATCH; i++) {
		in.iov[i][0] = (struct iovec){ in.slots[i].octets, DGRAM_SMALL };
		in.iov[i][1] = (struct iovec){ in.rest[i], sizeof(in.rest[i]) };
		in.mm[i].msg_hdr = (struct msghdr){ .msg_name = &in.slots[i].from,
						    .msg_namelen = sizeof(in.slots[i].from),
						    .msg_iov = in.iov[i],
						    .msg_iovlen = 2,
						    .msg_control = in.slots[i].control,
						    .msg_controllen = CONTROL_MAX };
	}
}

/* The octets of message i, in one piece. */
static const uint8_t *octets_of(int i)
{
	size_t len = in.mm[i].msg_len;

	if (len <= DGRAM_SMALL)
		return in.slots[i].octets;
	memcpy(in.whole, in.slots[i].octets, DGRAM_SMALL);
	memcpy(in.whole + DGRAM_SMALL, in.rest[i], len - DGRAM_SMALL);
	return in.whole;
}

/* One batch. How many datagrams it had; 0 also when the socket is gone. */
static int read_batch(struct sock *s)
{
	struct machine *m = s->machine;
	uint32_t number = s->id.number;
	bool there = true;
	int n;

	if (!in.prepared)
		prepare();
	n = recvmmsg(s->fd, in.mm, BATCH, MSG_DONTWAIT, NULL);
	dgram_gather(m->node, n > 1);
	for (int i = 0; i < n; i++) {
		struct msghdr *mh = &in.mm[i].msg_hdr;

		if (there) {
			hand_over(s, mh, octets_of(i), in.mm[i].msg_len);
			there = sock_find(m, number) == s;
		}
		mh->msg_namelen = sizeof(in.slots[i].from);
		mh->msg_controllen = CONTROL_MAX;
		mh->msg_flags = 0;
	}
	dgram_gather(m->node, false);
	return there && n > 0 ? n : 0;
}

/* Many come at a time: the next ones are let gather for a moment, or each would wake us by itself,
 * which costs their senders' processor as much as ours. */
static void let_gather(void)
{
	const struct timespec moment = { .tv_nsec = GATHER_NS };

	(void)nanosleep(&moment, NULL);
}

static void on_dgram(evutil_socket_t fd, short what, void *arg)
{
	int n = BATCH;

	(void)fd, (void)what;
	for (int turn = 0; turn < BATCHES_PER_TURN && n == BATCH; turn++)
		n = read_batch(arg);
	if (n >= CROWD && n < BATCH)
		let_gather();
}
