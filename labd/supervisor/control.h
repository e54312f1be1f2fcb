/* control.h: the connections of labctl.
 *
 * Messages to a client wait in a queue of its own when its socket is full; one that does not read
 * loses its connection when the queue is. When there are too many connections, one that asked for
 * nothing for a while makes room; with none, who connects waits. So a client that floods or stalls
 * harms only itself. */
#ifndef LABD_SUPERVISOR_CONTROL_H
#define LABD_SUPERVISOR_CONTROL_H

#include <jansson.h>

#include "labd/supervisor/supervisor.h"

#define CONTROL_MAX	 131072 /* octets of a request */
#define REQUESTS_MAX	 16	/* open ones of one client */
#define CLIENTS_MAX	 1024
#define CLIENT_QUEUE_MAX (8u << 20) /* octets that wait for one client */

enum request_kind { REQUEST_FREE, REQUEST_RUN, REQUEST_WAIT, REQUEST_SYNC };

struct request {
	enum request_kind kind;
	uint64_t id; /* REQUEST_RUN: in NM_COMMAND; REQUEST_SYNC: the round */
	struct sup_device *device;
};

/* A message that waits; owns its descriptor. */
struct client_msg {
	struct client_msg *next;
	int fd; /* -1: none */
	size_t len;
	char text[];
};

struct client {
	struct client *next;
	struct sup *sup;
	int fd;
	struct event *read_ev, *write_ev;
	bool gone; /* freed when the loop comes round: callers may still use it */
	int64_t heard_ns;
	struct client_msg *head, **tail;
	size_t queued_bytes;
	struct request requests[REQUESTS_MAX];
};

/* control.c */
void control_handle(struct client *c, const json_t *o, int fd);

/* control_client.c. The descriptor stays the caller's; the object is taken. */
void reply_with_fd(struct client *c, const char *text, int fd);
void reply(struct client *c, json_t *o);
void reply_done(struct client *c);
void reply_error(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What is not UTF-8 (a page may be anything) cannot be in JSON: those octets become U+FFFD. */
json_t *reply_text(const char *text, size_t len);

#endif
