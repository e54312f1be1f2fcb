/* log_in.h: the inside of the log process: its loop and its control messages. */
#ifndef LABD_LOG_LOG_IN_H
#define LABD_LOG_LOG_IN_H

#include "labd/log/engine.h"
#include "labd/log/sources.h"

#define LOG_BARRIERS_MAX 64

struct barrier {
	uint32_t id;
	int64_t wall_ns;    /* everything before is to be committed */
	int64_t give_up_ns; /* monotonic: packets sent before it are waited for no longer */
};

/* A device's descriptors, which this process owns. */
struct log_fds {
	int journal, capture, netlink;
	int next;	  /* capture's successor; -1 = none */
	uint32_t next_id; /* of the message that brought it */
	bool paused;	  /* its journal is not read: the queue is full */
};

struct log_proc {
	const struct log_args *args;
	struct engine *engine;
	struct sources *sources;
	struct clock_page *clock;
	int epoll_fd;
	struct log_fds *fds; /* by device id */
	uint32_t n_fds;
	unsigned n_rings_planned;
	unsigned n_paused; /* journals */
	struct barrier barriers[LOG_BARRIERS_MAX];
	unsigned n_barriers;
	int64_t dirty_since_ns; /* monotonic; 0 = nothing to commit */
	int64_t active_ns;	/* monotonic: when something last happened */
	int64_t watched_ns, pressed_ns;
	int64_t careful_until_ns; /* wall; frames stamped before are read without codecs */
	bool stop;
	uint32_t stop_id;
};

/* log_control.c */
void control_read(struct log_proc *p);
int device_add(struct log_proc *p, const struct log_device_fds *d);
void device_drop(struct log_proc *p, uint32_t device);
void journal_read_all(struct log_proc *p, uint32_t device);
void journal_pause(struct log_proc *p, uint32_t device, bool for_now);
void journals_resume(struct log_proc *p);
void rings_look(struct log_proc *p);
void barriers_look(struct log_proc *p);
void log_tell(struct log_proc *p, enum log_msg_type type, uint32_t id, int status,
	      const char *text);

/* log_main.c */
void log_commit(struct log_proc *p);
void log_watch(struct log_proc *p);

/* log_sandbox.c */
int log_sandbox(void);

#define EPOLL_CONTROL UINT64_MAX
#define EPOLL_FEED    (UINT64_MAX - 1)
#define EPOLL_RING    (1ull << 32) /* | device */
#define EPOLL_JOURNAL (2ull << 32) /* | device */

#endif
