/* info.h: a frame in words: the protocol and the one line that Wireshark would show.
 *
 * Below TCP and UDP the words are made here; above, the protocols' own codecs make them
 * (nodes/protos.def), chosen by the conversation's ports or by what another conversation announced
 * (an FTP server's data port, a TFTP transfer, a call's audio).
 *
 * Protocol names are constant strings that live for ever: equal names are equal pointers. */
#ifndef LABD_LOG_INFO_H
#define LABD_LOG_INFO_H

#include "labd/log/flow.h"
#include "labd/log/line.h"

struct apps;
struct codec;

struct info {
	const char *protocol;
	struct line text;
	const char *malformed;	   /* static, or NULL */
	const struct codec *codec; /* that made the line, or NULL */
};

/* Which conversation carries what: ports that codecs claim, and what was announced. */
struct apps *apps_new(void);
struct apps *apps_free(struct apps *a);
/* Decides what a new conversation carries; sets conv->app. */
void apps_assign(struct apps *a, struct conv *conv, int64_t now_ns);

/* `tcp` is NULL unless pkt is a TCP segment of a conversation. Also learns what pkt announces. */
void pkt_info(struct apps *a, const struct pkt *pkt, struct flow *flow, const struct tcp_seen *tcp,
	      int64_t now_ns, struct info *ret);

/* A constant string equal to `text`; beyond INTERN_MAX different ones, "Ethernet". */
#define INTERN_MAX 256
const char *protocol_intern(const char *text);

/* info_l2.c, info_icmp.c, info_tcp.c, info_app.c: one layer each; they fill ret. */
void info_arp(const struct pkt *pkt, struct info *ret);
void info_other_link(const struct pkt *pkt, struct info *ret);
void info_icmp(const struct pkt *pkt, struct info *ret);
void info_icmp6(const struct pkt *pkt, struct info *ret);
void info_igmp(const struct pkt *pkt, struct info *ret);
void info_udp(const struct pkt *pkt, struct info *ret);
void info_tcp(const struct pkt *pkt, const struct tcp_seen *tcp, struct info *ret);
/* True: the payload is a message of the conversation's protocol, and ret says it. */
bool info_app(struct apps *a, const struct pkt *pkt, struct flow *flow, const struct tcp_seen *tcp,
	      int64_t now_ns, struct info *ret);
/* The codecs of protos.def, ended by NULL. */
extern const struct codec *const info_codecs[];

/* info_expect.c: endpoints that one conversation announced for another. */
struct expects;
struct expects *expects_new(void);
struct expects *expects_free(struct expects *x);
void expects_add(struct expects *x, uint8_t ip_proto, const struct ep *ep, const struct app *app,
		 int64_t now_ns);
/* What was announced for this endpoint, or NULL. */
const struct app *expects_find(struct expects *x, uint8_t ip_proto, const struct ep *ep,
			       int64_t now_ns);
/* Reads an FTP control line for ports it announces. */
void expects_read_ftp(struct expects *x, const struct pkt *pkt, int64_t now_ns);

#endif
