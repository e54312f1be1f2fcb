/* log.h: the log process of a lab, as the supervisor sees it.
 *
 *   packet rings ─┐
 *   wires' feed ──┼─> merged by time ─> dissected ─> tied to decisions ─> one SQLite file
 *   journals ─────┘
 *
 * The supervisor opens everything and forks; the child calls log_main(), which gives up every
 * privilege before it reads the first foreign byte and returns when told to stop. Should it die,
 * the supervisor calls log_main() anew with the same descriptors and `resumed` set: it goes on in
 * the same database, and a capture_gap row says what is missing.
 *
 * Control: a SEQPACKET socket; struct log_msg both ways (log_msg.c writes and reads the bytes).
 * The supervisor owns its copies of all descriptors; log_main() owns what it was given.
 *
 * Times: lab time in nanoseconds since the lab's epoch; wall time is CLOCK_REALTIME. */
#ifndef LABD_LOG_LOG_H
#define LABD_LOG_LOG_H

#include "base/clock.h"
#include "base/types.h"
#include "labd/wires/feed.h"

struct sbuf;

#define LOG_DEVICES_MAX 4096u
#define LOG_LINKS_MAX	16384u
#define LOG_IFACES_MAX	(2 * LOG_LINKS_MAX)
#define LOG_RING_BYTES	(64u << 20) /* memory of all packet rings of a lab together */

struct log_device {
	uint32_t id; /* from 1 */
	const char *name;
	const char *kind; /* "router" */
};

/* An end of a link. */
struct log_iface {
	uint32_t id; /* lab-wide, from 1: what nodes call ifid */
	uint32_t device;
	const char *name, *kname;
	struct mac mac;
};

enum log_capture {
	LOG_CAPTURE_A, /* a packet ring in the device of interface a sees every frame */
	LOG_CAPTURE_B,
	LOG_CAPTURE_WIRES, /* labd carries it: frames come by the feed */
};

struct log_link {
	uint32_t id; /* from 1 */
	const char *name;
	const char *kind; /* "veth", "wire" */
	uint32_t a, b;	  /* interface ids */
	enum log_capture capture;
	const char *wire; /* its impairments in words; NULL = none */
};

struct log_lab {
	const char *name;
	uint64_t seed;
	int64_t epoch_ns, started_wall_ns;
	const char *file, *source, *host, *options; /* may be NULL */
};

struct log_args {
	struct log_lab lab;
	const struct log_device *devices;
	size_t n_devices;
	const struct log_iface *ifaces;
	size_t n_ifaces;
	const struct log_link *links;
	size_t n_links;
	const char *describe; /* JSON of `labnode --describe` */
	size_t describe_len;

	const char *db_path; /* created, or gone on with when `resumed` */
	bool resumed;
	const char *template_path; /* what a new one is copied from, made if need be; NULL = none */
	uint32_t payload_bytes;	   /* of each frame to keep; 0 = all, LOG_KEEP_HEADERS = headers */
	uint64_t size_limit_bytes; /* of the database; 0 = what the disk has */
	bool power_safe;	   /* commits survive a power cut */
	bool sandbox;		   /* off for sanitizers only */
	size_t ring_bytes;	   /* 0 = LOG_RING_BYTES */

	int control_fd;	      /* SEQPACKET: struct log_msg */
	struct feed_fds feed; /* mem -1: no wires */
	int clock_fd;	      /* memfd with struct clock_page; -1: wall clock as lab time */
	/* Descriptors of devices that were there before a restart: as from LM_DEVICE. */
	const struct log_device_fds *device_fds;
	size_t n_device_fds;
};
#define LOG_KEEP_HEADERS UINT32_MAX

struct log_device_fds {
	uint32_t device;
	int journal; /* SEQPACKET, base/journal.h; -1 = none */
	int capture; /* AF_PACKET of its network namespace, unbound (protocol 0); -1 = none */
	int netlink; /* NETLINK_ROUTE of the same, for interface numbers and counters; -1 = none */
};

/* Runs until LM_STOP or the control socket's end; 0, or a negative errno it could not go on with.
 */
int log_main(const struct log_args *args);

enum log_msg_type {
	/* supervisor -> log. Each is answered by LM_DONE with the same id. */
	LM_DEVICE = 1,	/* device; fds: journal, capture, netlink (any may be missing: see has_*) */
	LM_DEVICE_GONE, /* device: its descriptors are closed; its open facts end */
	LM_RING,    /* device; fd: a larger packet ring of its namespace. Answered when the first
		     * one is not needed any more, or with an error: then the larger one is not */
	LM_IFINDEX, /* iface, number: its index in its namespace (before it is set up) */
	LM_BARRIER, /* answered when everything that happened before it is committed */
	LM_STATS,   /* answered with LM_STATS_REPLY before LM_DONE */
	LM_EVENT,   /* device or 0, text = event, detail: a row of node_event; "crashed" also
		     * ends the device's open facts, durable ones excepted */
	LM_REFUSED, /* device or 0, text = object, detail = the kernel's words */
	LM_STOP,    /* commits and ends */
	/* log -> supervisor */
	LM_DONE,	/* status: 0 or negative errno; detail says why */
	LM_STATS_REPLY, /* text = JSON */
	LM_NOTE,	/* something a person should know: text */
	LM_READY,	/* the database is open, rings are set up */
};

#define LOG_MSG_MAX	 16384
#define LOG_MSG_TEXT_MAX 8192
#define LOG_MSG_FDS	 3

struct log_msg {
	enum log_msg_type type;
	uint32_t id;
	uint32_t device, iface;
	int64_t number;
	int32_t status;
	const char *text, *detail; /* may be NULL */
	int fds[LOG_MSG_FDS];	   /* journal, capture, netlink; -1 = none */
};

/* log_msg.c */
int log_msg_send(int fd, const struct log_msg *msg);
/* Into buf[LOG_MSG_MAX]; texts point there. 0, -EAGAIN, -EPIPE at the end, -EBADMSG. The receiver
 * owns the descriptors. */
int log_msg_recv(int fd, void *buf, struct log_msg *ret);

#endif
