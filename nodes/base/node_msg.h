/* node_msg.h: what supervisor, zygote and nodes say to each other.
 *
 * One SEQPACKET datagram a message (at most NODE_MSG_MAX octets): u8 type, u32 id, i32 status,
 * i64 value, u32 text length, text. File descriptors ride along by SCM_RIGHTS, in the order given
 * here. The reader checks every length; a message that does not parse ends the channel. */
#ifndef LABD_BASE_NODE_MSG_H
#define LABD_BASE_NODE_MSG_H

#include "base/types.h"

#define NODE_MSG_MAX	  (160 * 1024)
#define NODE_MSG_TEXT_MAX (NODE_MSG_MAX - 64)
#define NODE_MSG_FDS	  8

enum node_msg_type {
	/* supervisor -> zygote. id = device; text = base/node_spawn.h's bytes. fds: control,
	 * journal, clock page, the device's folder of the run [, user namespace, network
	 * namespace]: with the last two the device's namespaces exist already (its node is started
	 * anew). */
	NM_SPAWN = 1,
	/* zygote -> supervisor. id = device, status = negative errno or the pid (in the
	 * supervisor's pid namespace), text = reason. fds: pidfd, user ns, network ns. */
	NM_SPAWNED,
	/* supervisor -> zygote -> supervisor: another packet ring in the network namespace of
	 * device id. text = base/node_spawn.h's bytes of a ring; fds: user namespace, network
	 * namespace. Its answers: status = the pid of who makes it; status = 0, fds: the ring's
	 * socket. Negative errno in either: there will be none. */
	NM_RING,
	/* node -> supervisor: its namespaces are prepared (settings that links inherit are
	 * written). */
	NM_PREPARED,
	/* node -> supervisor, before NM_LOADED and where a packet ring was asked for. fds: its
	 * socket; it keeps frames from now on. */
	NM_CAPTURES,
	/* supervisor -> node: its links are there. text = the configuration to begin with; status =
	 * 1: rather the node's own running-config, where it has saved one. */
	NM_START,
	/* node -> supervisor: the configuration is read, the links are up, nothing was sent. */
	NM_LOADED,
	/* supervisor -> node: services begin. */
	NM_GO,
	/* node -> supervisor: services listen. status: 0, or what went wrong, also before NM_GO,
	 * with a sentence in text. */
	NM_READY,
	/* supervisor -> node: one line for the device's grammar. id names it. */
	NM_COMMAND,
	/* node -> supervisor: output of a command (any number), then its end with its status. */
	NM_OUTPUT,
	NM_COMMAND_END,
	/* supervisor -> node: a console session. fds: the connection, a byte stream. status: 1 =
	 * raw terminal (line editing), 0 = plain lines. value = columns << 16 | rows. */
	NM_CONSOLE,
	/* supervisor -> node -> supervisor: answer when every socket is drained; value in the
	 * answer = next deadline (lab ns), status = effects still open. */
	NM_SYNC,
	/* supervisor -> node: the clock page changed its course (pause, advance). */
	NM_CLOCK,
	/* supervisor -> node: end in order. */
	NM_STOP,
};

struct node_msg {
	enum node_msg_type type;
	uint32_t id;
	int32_t status;
	int64_t value;
	const char *text; /* not terminated when received; text_len counts */
	size_t text_len;
	int fds[NODE_MSG_FDS]; /* received: the receiver owns them */
	unsigned n_fds;
};

/* 0 or negative errno (-EAGAIN: the channel is full). Descriptors stay the caller's. */
int node_msg_send(int fd, const struct node_msg *msg);
/* Into buf[NODE_MSG_MAX]. 0; -EAGAIN; -EPIPE at the end; -EBADMSG. */
int node_msg_recv(int fd, void *buf, struct node_msg *ret);
void node_msg_close_fds(struct node_msg *msg);

#endif
