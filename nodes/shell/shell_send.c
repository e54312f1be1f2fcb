/* Datagrams out: the kernel's UDP, UDP frames built by hand, ARP, ICMP.
 *
 * While a batch of received datagrams is worked on, what is sent gathers in the outbox and leaves
 * by one system call when the batch is done, when the outbox is full, or when another socket's turn
 * comes: order is kept. Durable facts are written before any of it leaves. */
#include "shell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/inet.h"
#include "shell_addr.h"

#define FRAME_MAX     2048
#define CONTROL_MAX   64    /* one pktinfo */
#define OUTBOX_MAX    32    /* datagrams */
#define OUTBOX_OCTETS 16384 /* of all of them */

/* One datagram that waits, and whom to tell if it cannot leave. */
struct parcel {
	struct machine *machine;
	uint32_t effect, sock;
	union {
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_ll link;
	} to;
	union {
		struct cmsghdr align;
		char bytes[CONTROL_MAX];
	} control;
};

struct outbox {
	int fd; /* of all that wait */
	unsigned n;
	struct parcel parcels[OUTBOX_MAX];
	struct iovec iov[OUTBOX_MAX];
	struct mmsghdr mm[OUTBOX_MAX];
	size_t used;
	uint8_t octets[OUTBOX_OCTETS]; /* one behind the other */
};

/* --- the outbox --------------------------------------------------------------------------- */

static void parcel_failed(const struct parcel *p, int err)
{
	struct fx_effect e = { .kind = FX_SEND, .id = p->effect };

	fail_effect(p->machine, &e, p->sock, err, NULL);
}

void dgram_flush(struct node *n)
{
	struct outbox *o = n->outbox;
	unsigned done = 0;

	if (!o || o->n == 0)
		return;
	facts_flush(n);
	while (done < o->n) {
		int sent = sendmmsg(o->fd, o->mm + done, o->n - done, MSG_NOSIGNAL);

		if (sent > 0)
			done += (unsigned)sent;
		else if (errno != EINTR) /* about the first one; those behind it are tried anew */
			parcel_failed(&o->parcels[done++], errno);
	}
	o->n = 0;
	o->used = 0;
}

void dgram_gather(struct node *n, bool gather)
{
	if (!gather)
		dgram_flush(n);
	n->gathering = gather;
}

/* With room for one more. */
static struct outbox *outbox_for(struct node *n, int fd, size_t len)
{
	struct outbox *o = n->outbox;

	if (!o)
		o = n->outbox = calloc(1, sizeof(*o));
	if (!o)
		abort();
	if (o->n == OUTBOX_MAX || o->fd != fd || len > sizeof(o->octets) - o->used)
		dgram_flush(n);
	o->fd = fd;
	return o;
}

static void pack(struct machine *m, const struct fx_effect *e, int fd, const struct msghdr *mh)
{
	size_t len = mh->msg_iov->iov_len;
	struct outbox *o = outbox_for(m->node, fd, len);
	unsigned i = o->n++;
	struct parcel *p = &o->parcels[i];

	p->machine = m;
	p->effect = e->id;
	p->sock = e->send.sock;
	memcpy(&p->to, mh->msg_name, mh->msg_namelen);
	if (mh->msg_controllen > 0)
		memcpy(p->control.bytes, mh->msg_control, mh->msg_controllen);
	o->iov[i] = (struct iovec){ memcpy(o->octets + o->used, mh->msg_iov->iov_base, len), len };
	o->used += len;
	o->mm[i].msg_hdr = (struct msghdr){ .msg_name = &p->to,
					    .msg_namelen = mh->msg_namelen,
					    .msg_iov = &o->iov[i],
					    .msg_iovlen = 1,
					    .msg_control = p->control.bytes,
					    .msg_controllen = mh->msg_controllen };
}

/* Sends a message of one piece, now or with the others of its batch. 0 or negative errno. */
static int post(struct machine *m, const struct fx_effect *e, int fd, const struct msghdr *mh)
{
	if (m->node->gathering && mh->msg_iov->iov_len <= OUTBOX_OCTETS) {
		pack(m, e, fd, mh);
		return 0;
	}
	dgram_flush(m->node);
	facts_flush(m->node);
	return sendmsg(fd, mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* --- kinds of datagrams ------------------------------------------------------------------- */

/* Tells the log, if it wants to know. A checksum of 0 is unknown. */
static void tell_sent(struct machine *m, const struct fx_effect *e, struct pkt_key key)
{
	const struct fx_send *x = &e->send;

	if (!journal_wants_sent(m->node, e))
		return;
	key.dir = PKT_OUT;
	key.ifid = x->ifid;
	key.len = (uint16_t)x->len;
	key.stamp_ns = wall_now_ns();
	if (key.proto == IPPROTO_UDP)
		key.checksum = inet_udp_sum(&key.src, &x->dst, x->data, x->len);
	else if (key.proto == IPPROTO_ICMP && x->len >= 4)
		key.checksum = (uint16_t)(((const uint8_t *)x->data)[2] << 8 |
					  ((const uint8_t *)x->data)[3]);
	journal_sent(m->node, e, &key);
}

static int post_link(struct machine *m, const struct fx_effect *e, int fd, const struct mac *dst,
		     uint16_t ether_type, struct iovec iov)
{
	const struct if_index *map = ifmap_by_id(m->node, e->send.ifid);
	struct sockaddr_ll ll = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ether_type),
				  .sll_halen = 6 };
	struct msghdr mh = {
		.msg_name = &ll, .msg_namelen = sizeof(ll), .msg_iov = &iov, .msg_iovlen = 1
	};

	if (!map)
		return -ENODEV;
	ll.sll_ifindex = map->ifindex;
	memcpy(ll.sll_addr, dst->b, 6);
	return post(m, e, fd, &mh);
}

/* Opened for the first frame: closing one makes the kernel wait for a grace period, which a lab of
 * many devices that send none would pay at its end. */
static int frame_fd(struct node *n)
{
	if (n->frame_fd < 0)
		n->frame_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return n->frame_fd < 0 ? -errno : n->frame_fd;
}

static int send_frame(struct machine *m, const struct fx_effect *e, const struct ep *src)
{
	const struct fx_send *x = &e->send;
	const struct iface *i = node_iface(m->node, x->ifid);
	uint8_t frame[FRAME_MAX];
	struct udp_frame f = { .dst_mac = x->has_mac ? x->dst_mac : mac_broadcast,
			       .src = *src,
			       .dst = x->dst,
			       .ttl = x->ttl ? x->ttl : 64,
			       .payload = x->data,
			       .payload_len = x->len };
	int len, fd = frame_fd(m->node);

	if (fd < 0)
		return fd;
	if (!i)
		return -ENODEV;
	f.src_mac = i->mac;
	len = udp_frame_build(&f, frame, sizeof(frame));
	if (len < 0)
		return -EMSGSIZE;
	tell_sent(m, e, (struct pkt_key){ .proto = IPPROTO_UDP, .src = *src, .dst = x->dst });
	return post_link(m, e, fd, &f.dst_mac, ETH_TYPE_IP4, (struct iovec){ frame, (size_t)len });
}

static int send_arp(struct machine *m, const struct fx_effect *e, struct sock *s)
{
	const struct fx_send *x = &e->send;

	tell_sent(m, e, (struct pkt_key){ .ether_type = ETH_TYPE_ARP });
	return post_link(m, e, s->fd, x->has_mac ? &x->dst_mac : &mac_broadcast, ETH_TYPE_ARP,
			 (struct iovec){ (void *)(uintptr_t)x->data, x->len });
}

/* Appends one piece of control data; the buffer is of CONTROL_MAX octets. */
static void put_control(struct msghdr *mh, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c =
		(struct cmsghdr *)(void *)((char *)mh->msg_control + mh->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	mh->msg_controllen += CMSG_SPACE(len);
}

/* The source address and the interface. The index only where asked for: with it the kernel would
 * not use its routing table. */
static void put_pktinfo(const struct node *n, struct msghdr *mh, const struct fx_send *x,
			const struct addr *src)
{
	const struct if_index *map = ifmap_by_id(n, x->ifid);

	if (x->dst.addr.family == 6) {
		struct in6_pktinfo pi = { .ipi6_ifindex = map ? (unsigned)map->ifindex : 0 };

		memcpy(&pi.ipi6_addr, src->b, 16);
		put_control(mh, IPPROTO_IPV6, IPV6_PKTINFO, &pi, sizeof(pi));
	} else {
		struct in_pktinfo pi = { .ipi_ifindex = map ? map->ifindex : 0,
					 .ipi_spec_dst.s_addr = htonl(addr4_u32(src)) };

		put_control(mh, IPPROTO_IP, IP_PKTINFO, &pi, sizeof(pi));
	}
}

static int send_ip(struct machine *m, const struct fx_effect *e, struct sock *s,
		   const struct ep *src)
{
	const struct fx_send *x = &e->send;
	struct sockaddr_storage ss;
	union {
		struct cmsghdr align;
		char bytes[CONTROL_MAX];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)x->data, .iov_len = x->len };
	struct msghdr mh = { .msg_name = &ss,
			     .msg_namelen = ep_to_sockaddr(&x->dst, &ss),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes };
	int ttl = x->ttl ? x->ttl : 64;

	if (addr_is_set(&src->addr) || x->ifid)
		put_pktinfo(m->node, &mh, x, &src->addr);
	if (x->dst.addr.family != 6 && (s->kind == SOCK_ICMP || x->ttl))
		put_control(&mh, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	tell_sent(m, e,
		  (struct pkt_key){ .proto = s->kind == SOCK_ICMP ? IPPROTO_ICMP : IPPROTO_UDP,
				    .src = *src,
				    .dst = x->dst });
	return post(m, e, s->fd, &mh);
}

void dgram_send(struct machine *m, const struct fx_effect *e)
{
	const struct fx_send *x = &e->send;
	struct sock *s = sock_find(m, x->sock);
	struct ep src = x->src;
	int r;

	if (!s || s->what != SOCK_IS_DGRAM) {
		fail_effect(m, e, x->sock, EBADF, "the machine has no such socket");
		return;
	}
	if (src.port == 0)
		src.port = s->local.port;
	if (addr_is_any(&src.addr) && addr_is_set(&s->local.addr))
		src.addr = s->local.addr;
	if (s->kind == SOCK_ARP) {
		r = send_arp(m, e, s);
	} else if (s->kind == SOCK_UDP_RAW || x->has_mac) {
		r = send_frame(m, e, &src);
	} else {
		if (addr_is_any(&src.addr) && !addr4_is_limited_broadcast(&x->dst.addr))
			src.addr = kernel_source_for(m->node, &x->dst.addr);
		r = send_ip(m, e, s, &src);
	}
	if (r < 0)
		fail_effect(m, e, x->sock, -r, NULL);
}
