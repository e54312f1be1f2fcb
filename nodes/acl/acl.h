/* acl.h: access lists, as an IOS router has them.
 *
 * A list is an ordered table of lines; the first that matches a packet decides, and what matches
 * none is denied (the implicit deny). Lists do nothing until `ip access-group` binds one to an
 * interface and a direction. The kernel filters (nftables, made by the shell from FX_ACL) and
 * reports each packet that a list decided about; the machine acl.filter looks at the packet and
 * says which rule that was.
 *
 *   configuration -> struct acl_lists --FX_ACL--> shell -> kernel
 *   kernel -> NFLOG -> shell --EV_DATAGRAM of ACL_SOCK_REPORTS--> acl.filter -> decisions
 *
 * The configuration object owns lists and lines and lives as long as the device; what FX_ACL hands
 * over points into it and is read before the turn ends. Everything has a maximum. IPv4 only;
 * addresses and wildcards are numbers in host order. Errors: negative errno, sentences in an sbuf.
 */
#ifndef LABD_NODES_ACL_H
#define LABD_NODES_ACL_H

#include "base/cur.h"
#include "base/sbuf.h"
#include "proto.h"

#define ACL_LISTS_MAX	  256
#define ACL_LINES_MAX	  4096 /* of all lists of a device */
#define ACL_USES_MAX	  512
#define ACL_LIST_NAME_LEN 64 /* with the NUL */
#define ACL_SEQ_MAX	  2147483647
#define ACL_SEQ_STEP	  10
#define ACL_WILD_ANY	  UINT32_MAX

enum acl_action { ACL_DENY, ACL_PERMIT, ACL_REMARK };
enum acl_cmp { ACL_CMP_NONE, ACL_CMP_EQ, ACL_CMP_NEQ, ACL_CMP_LT, ACL_CMP_GT, ACL_CMP_RANGE };

/* A bit set in `wildcard` is not compared, and is 0 in `addr`. */
struct acl_match {
	uint32_t addr, wildcard;
};

struct acl_ports {
	enum acl_cmp cmp;
	uint16_t first, last; /* last: ACL_CMP_RANGE; belongs to it */
};

struct acl_line {
	uint32_t seq; /* from 1 */
	uint64_t id;  /* never given twice: tells a line from its successor at that place */
	enum acl_action action; /* ACL_REMARK: only the number counts */
	uint8_t protocol;	/* IP protocol number, 0 = any ("ip") */
	struct acl_match src, dst;
	struct acl_ports src_ports, dst_ports; /* TCP, UDP, SCTP */
	int16_t icmp_type, icmp_code;	       /* -1 = any */
	bool established;		       /* TCP with ACK or RST */
	bool log;
};

struct acl_list {
	char name[ACL_LIST_NAME_LEN];
	bool extended;
	bool numbered;	   /* kept by `access-list N` lines, else by a section `ip access-list` */
	uint64_t revision; /* another number after each change */
	struct acl_line *lines; /* by rising seq */
	unsigned n_lines, size;
};

struct acl_use {
	uint32_t ifid;
	bool out;
	char list[ACL_LIST_NAME_LEN]; /* need not exist: then all is permitted */
};

/* What FX_ACL carries. */
struct acl_lists {
	struct acl_list *lists;
	unsigned n_lists;
	struct acl_use *uses;
	unsigned n_uses;
};

const struct acl_list *acl_list_find(const struct acl_lists *lists, const char *name);
const struct acl_line *acl_line_find(const struct acl_list *list, uint32_t seq);
bool acl_list_is_empty(const struct acl_list *list); /* no line but remarks */

/* ---- a packet, as far as lists look at it (acl_packet.c) ---- */

struct acl_packet {
	uint32_t src, dst;
	uint16_t id;
	uint8_t protocol;
	bool later_fragment; /* offset above 0: nothing of the next header is there */
	bool has_ports;
	uint16_t src_port, dst_port;
	bool has_flags;
	uint8_t tcp_flags;
	int icmp_type, icmp_code; /* -1 = none */
	uint16_t payload_len;	  /* behind a UDP or TCP header; else behind the IP header */
	uint16_t checksum;	  /* UDP, TCP or ICMP, as on the wire; 0 = unknown */
};

/* An IPv4 packet, perhaps cut after its headers. 0 or -EBADMSG. */
int acl_packet_read(const void *data, size_t len, struct acl_packet *ret);
bool acl_line_matches(const struct acl_line *line, const struct acl_packet *p);
/* "udp 10.0.0.2(68) -> 10.0.0.1(67)", as IOS writes it in its log. */
void acl_packet_print(const struct acl_packet *p, struct sbuf *out);

/* ---- reports: the data of an EV_DATAGRAM with this socket number ---- */

#define ACL_SOCK_REPORTS 1
#define ACL_REPORT_MAX	 512 /* octets */

/* On the wire of the event, in network order: u8 flags (bit 0 permitted, bit 1 outbound), u32 seq,
 * u32 ifid, u32 lost, u8 length of the name, the name, then the packet from its IP header on. */
struct acl_report {
	bool permit, out;
	uint32_t seq;  /* 0: the implicit deny */
	uint32_t ifid; /* of the binding */
	uint32_t lost; /* reports that the kernel had to drop just before this one */
	char list[ACL_LIST_NAME_LEN];
	const uint8_t *packet;
	size_t packet_len; /* cut to what ACL_REPORT_MAX leaves */
};

void acl_report_write(struct wr *w, const struct acl_report *r);
int acl_report_read(const void *data, size_t len, struct acl_report *ret); /* 0 or -EBADMSG */

/* ---- counters: the rows of KERNEL_ACL, one a line, binding and direction ----
 *
 * text = list, n1 = packets, n2 = seq (0: the implicit deny), ifname = interface, is_local =
 * inbound, state = "permit" or "deny". */

extern const struct machine_class acl_filter_class;
extern const struct proto acl_proto;

#endif
