/* syslog.h: the log of a device: console, buffer, servers; and the server that collects logs.
 *
 * syslog.client, on every device, hears what the shell and the other machines say by fx_log() and
 * writes it, as IOS words it, to the terminals, to a buffer, and to the servers configured, each
 * with a level of its own (RFC 3164, RFC 5426). syslog.server, on servers, takes what comes to port
 * 514 by UDP and, where that is switched on, by TCP (RFC 6587), in the forms of RFC 3164 and RFC
 * 5424, and keeps it in a bounded table, each message a fact.
 *
 * Ownership: the configuration object is the shell's; each machine owns its buffer or table. */
#ifndef LABD_SYSLOG_H
#define LABD_SYSLOG_H

#include "base/sbuf.h"
#include "proto.h"
#include "syslog/syslog_wire.h"

#define SYSLOG_HOSTS_MAX      16
#define SYSLOG_BUFFER_DEFAULT 4096 /* octets, as IOS has it */
#define SYSLOG_BUFFER_MAX     (1u << 20)
#define SYSLOG_TABLE_MAX      1000	   /* messages that a server keeps */
#define SYSLOG_TABLE_BYTES    (512u << 10) /* their octets */
#define SYSLOG_STREAMS_MAX    64
#define SYSLOG_LEVEL_OFF      (-1)

enum syslog_stamps { SYSLOG_STAMP_NONE, SYSLOG_STAMP_UPTIME, SYSLOG_STAMP_DATETIME };

struct syslog_conf {
	bool off;    /* no logging on */
	int8_t trap; /* what goes to servers: severities up to this; SYSLOG_LEVEL_OFF */
	int8_t console, monitor, buffer;
	uint8_t facility;
	uint8_t stamps; /* enum syslog_stamps; of console and buffer */
	bool msec, year, zone, numbers;
	bool server, tcp; /* service syslog [tcp] */
	uint32_t buffer_size;
	uint32_t source_ifid; /* 0 = the kernel's choice */
	unsigned n_hosts;
	struct ep *hosts; /* SYSLOG_HOSTS_MAX; NULL before the first */
};

/* One event on its way. */
struct syslog_line {
	const struct log_event *event;
	uint64_t number;  /* of the device's events */
	int64_t unix_ns;  /* what the device's clock shows */
	nsec_t up_ns;	  /* since lab time 0 */
	const char *mark; /* device_clock_mark() */
};

/* syslog_text.c: the words of the client. */
/* [NUMBER: ][[MARK]TIME: ]%FACILITY-SEVERITY-MNEMONIC: text, and a line feed. */
void syslog_local_text(const struct syslog_conf *conf, const struct syslog_line *line,
		       struct sbuf *out);
/* <PRI>Mmm dd hh:mm:ss HOST [MARK]%FACILITY-SEVERITY-MNEMONIC: text; at most SYSLOG_SEND_MAX. */
void syslog_remote_text(const struct syslog_conf *conf, const char *host,
			const struct syslog_line *line, struct sbuf *out);

/* syslog_client.c */
struct syslog_client;
struct syslog_target {
	struct ep ep;
	uint64_t n_sent, n_failed;
	uint32_t effect; /* its last send */
};
struct syslog_counts {
	uint64_t events, console, monitor, buffer, servers;
};
extern const struct machine_class syslog_client_class;
const struct syslog_conf *syslog_client_conf(const struct syslog_client *c);
const struct syslog_counts *syslog_client_counts(const struct syslog_client *c);
const struct syslog_target *syslog_client_target(const struct syslog_client *c,
						 const struct ep *ep); /* or NULL */
struct sbuf *syslog_client_buffer(struct syslog_client *c);
void syslog_client_clear_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void syslog_client_send_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);

/* syslog_show.c */
void syslog_client_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);

/* syslog_table.c: the messages that a server has taken, the oldest out first. */
struct syslog_table;
struct syslog_taken {
	nsec_t at;
	struct addr sender;
	const struct device *dev;
	const struct syslog_msg *msg;
	bool truncated;
};
struct syslog_table *syslog_table_new(void);
void syslog_table_free(struct syslog_table *t);
/* Keeps it, begins its fact, ends those of messages that make room. */
void syslog_table_put(struct syslog_table *t, const struct syslog_taken *m, struct fx *fx);
uint64_t syslog_table_taken(const struct syslog_table *t); /* how many ever; t may be NULL */
unsigned syslog_table_clear(struct syslog_table *t, struct fx *fx); /* how many there were */
void syslog_table_show(const struct syslog_table *t, const struct device *dev, unsigned last,
		       uint32_t call, struct fx *fx);
extern const struct fact_kind syslog_fact;

/* syslog_server.c */
extern const struct machine_class syslog_server_class;
void syslog_server_show_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void syslog_server_clear_run(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct codec syslog_codec;
extern const struct proto syslog_proto;

#endif
