/* A packet as far as access lists look at it, and whether a line matches it. */
#include "acl/acl_int.h"

#include <errno.h>
#include <string.h>

#include "base/inet.h"

#define IPPROTO_NUM_SCTP 132
#define TCP_RST		 0x04
#define TCP_ACK		 0x10
#define FLAG_PERMIT	 0x01
#define FLAG_OUT	 0x02

/* ---- reading ---- */

static void read_ports(struct rd *r, struct acl_packet *p)
{
	p->src_port = rd_u16(r);
	p->dst_port = rd_u16(r);
	p->has_ports = !r->err;
}

static void read_udp(struct rd *r, struct acl_packet *p)
{
	uint16_t len, checksum;

	read_ports(r, p);
	len = rd_u16(r);
	checksum = rd_u16(r);
	if (r->err)
		return;
	p->checksum = checksum;
	p->payload_len = len >= UDP_HDR_LEN ? (uint16_t)(len - UDP_HDR_LEN) : 0;
}

static void read_tcp(struct rd *r, struct acl_packet *p)
{
	size_t header;

	read_ports(r, p);
	rd_skip(r, 8);
	header = (size_t)(rd_u8(r) >> 4) * 4;
	p->tcp_flags = rd_u8(r);
	p->has_flags = !r->err;
	rd_skip(r, 2);
	p->checksum = rd_u16(r);
	if (!r->err && header <= p->payload_len)
		p->payload_len = (uint16_t)(p->payload_len - header);
}

static void read_icmp(struct rd *r, struct acl_packet *p)
{
	int type = rd_u8(r), code = rd_u8(r);
	uint16_t checksum = rd_u16(r);

	if (r->err)
		return;
	p->icmp_type = type;
	p->icmp_code = code;
	p->checksum = checksum;
}

static void read_next_header(struct rd *r, struct acl_packet *p)
{
	switch (p->protocol) {
	case IPPROTO_NUM_UDP:
		read_udp(r, p);
		break;
	case IPPROTO_NUM_TCP:
		read_tcp(r, p);
		break;
	case IPPROTO_NUM_ICMP:
		read_icmp(r, p);
		break;
	case IPPROTO_NUM_SCTP:
		read_ports(r, p);
		break;
	}
}

int acl_packet_read(const void *data, size_t len, struct acl_packet *ret)
{
	struct acl_packet p = { .icmp_type = -1, .icmp_code = -1 };
	struct rd r;
	uint8_t first;
	uint16_t total, fragment;
	size_t header;

	rd_init(&r, data, len);
	first = rd_u8(&r);
	header = (size_t)(first & 0x0f) * 4;
	rd_skip(&r, 1);
	total = rd_u16(&r);
	p.id = rd_u16(&r);
	fragment = rd_u16(&r);
	rd_skip(&r, 1);
	p.protocol = rd_u8(&r);
	rd_skip(&r, 2);
	p.src = rd_u32(&r);
	p.dst = rd_u32(&r);
	if (r.err || first >> 4 != 4 || header < IP4_HDR_LEN || total < header)
		return -EBADMSG;
	p.payload_len = (uint16_t)(total - header);
	p.later_fragment = (fragment & 0x1fff) != 0;
	rd_seek(&r, header);
	if (!p.later_fragment)
		read_next_header(&r, &p);
	*ret = p;
	return 0;
}

/* ---- matching ---- */

static bool address_matches(const struct acl_match *m, uint32_t addr)
{
	return (addr & ~m->wildcard) == m->addr;
}

static bool port_matches(const struct acl_ports *m, uint16_t port)
{
	switch (m->cmp) {
	case ACL_CMP_NONE:
		return true;
	case ACL_CMP_EQ:
		return port == m->first;
	case ACL_CMP_NEQ:
		return port != m->first;
	case ACL_CMP_LT:
		return port < m->first;
	case ACL_CMP_GT:
		return port > m->first;
	case ACL_CMP_RANGE:
		return port >= m->first && port <= m->last;
	}
	return false;
}

static bool wants_ports(const struct acl_line *l)
{
	return l->src_ports.cmp != ACL_CMP_NONE || l->dst_ports.cmp != ACL_CMP_NONE;
}

static bool looks_deeper(const struct acl_line *l)
{
	return wants_ports(l) || l->established || l->icmp_type >= 0;
}

static bool deeper_matches(const struct acl_line *l, const struct acl_packet *p)
{
	if (wants_ports(l) && (!p->has_ports || !port_matches(&l->src_ports, p->src_port) ||
			       !port_matches(&l->dst_ports, p->dst_port)))
		return false;
	if (l->established && (!p->has_flags || !(p->tcp_flags & (TCP_ACK | TCP_RST))))
		return false;
	if (l->icmp_type >= 0 && l->icmp_type != p->icmp_type)
		return false;
	return l->icmp_code < 0 || l->icmp_code == p->icmp_code;
}

/* A later fragment has no ports, flags or type: a permit lets it pass on protocol and addresses, a
 * deny does not touch it, as IOS does (RFC 1858 §2 tells the danger of looking at offset 0 alone).
 */
bool acl_line_matches(const struct acl_line *line, const struct acl_packet *p)
{
	if (line->action == ACL_REMARK || (line->protocol != 0 && line->protocol != p->protocol) ||
	    !address_matches(&line->src, p->src) || !address_matches(&line->dst, p->dst))
		return false;
	if (!p->later_fragment)
		return deeper_matches(line, p);
	return line->action == ACL_PERMIT || !looks_deeper(line);
}

/* ---- words ---- */

static void put_end(uint32_t a, bool has_port, uint16_t port, struct sbuf *out)
{
	struct addr addr = addr4_from_u32(a);
	char text[ADDR_TEXT_LEN];

	sbuf_puts(out, addr_format(&addr, text));
	if (has_port)
		sbuf_printf(out, "(%u)", port);
}

void acl_packet_print(const struct acl_packet *p, struct sbuf *out)
{
	const char *name = p->protocol ? acl_protocol_name(p->protocol) : NULL;

	if (name)
		sbuf_printf(out, "%s ", name);
	else
		sbuf_printf(out, "%u ", p->protocol);
	put_end(p->src, p->has_ports, p->src_port, out);
	sbuf_puts(out, " -> ");
	put_end(p->dst, p->has_ports, p->dst_port, out);
	if (p->icmp_type >= 0)
		sbuf_printf(out, " (%d/%d)", p->icmp_type, p->icmp_code);
	if (p->later_fragment)
		sbuf_puts(out, " (a later fragment)");
}

/* ---- reports ---- */

void acl_report_write(struct wr *w, const struct acl_report *r)
{
	size_t name_len = strnlen(r->list, sizeof(r->list) - 1);

	wr_u8(w, (uint8_t)((r->permit ? FLAG_PERMIT : 0) | (r->out ? FLAG_OUT : 0)));
	wr_u32(w, r->seq);
	wr_u32(w, r->ifid);
	wr_u32(w, r->lost);
	wr_u8(w, (uint8_t)name_len);
	wr_bytes(w, r->list, name_len);
	wr_bytes(w, r->packet, r->packet_len < wr_left(w) ? r->packet_len : wr_left(w));
}

int acl_report_read(const void *data, size_t len, struct acl_report *ret)
{
	struct acl_report r = { 0 };
	struct rd rd;
	uint8_t flags;
	size_t name_len;

	rd_init(&rd, data, len);
	flags = rd_u8(&rd);
	r.seq = rd_u32(&rd);
	r.ifid = rd_u32(&rd);
	r.lost = rd_u32(&rd);
	name_len = rd_u8(&rd);
	if (name_len >= sizeof(r.list))
		return -EBADMSG;
	rd_bytes(&rd, r.list, name_len);
	if (rd.err || flags & ~(FLAG_PERMIT | FLAG_OUT))
		return -EBADMSG;
	r.permit = flags & FLAG_PERMIT;
	r.out = flags & FLAG_OUT;
	r.packet_len = rd_left(&rd);
	r.packet = rd_view(&rd, r.packet_len);
	*ret = r;
	return 0;
}
