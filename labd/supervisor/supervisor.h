/* supervisor.h: PID 1 of a lab.
 *
 * It makes namespaces, links and processes, keeps every descriptor that a restarted process will
 * need, reaps, and answers labctl. It parses nothing that came over a network: frames and journals
 * go to the log process, which has no power. Files, each with one job:
 *
 *   birth.c       into namespaces of its own
 *   supervisor.c  the loop; from nothing to `ready`
 *   down.c        the end
 *   device.c      devices: started, started anew after a crash, stopped
 *   spawn.c       their processes: asked of the zygote, known by its answer
 *   link.c        bridges, veth pairs, wires
 *   process.c     its three helpers: started, started anew when they die; the zygote
 *   process_wires.c, process_log.c   what is said to the wires and to the log
 *   sync.c        the barrier: nodes drained, wires handed over, log committed
 *   control.c     labctl's requests; control_client.c: its connections
 *   enter.c       what `exec` enters: a device's namespaces with the host's files
 *   rundir.c      the files of a run */
#ifndef LABD_SUPERVISOR_SUPERVISOR_H
#define LABD_SUPERVISOR_SUPERVISOR_H

#include <event2/event.h>
#undef EV_CLOSED
#include <sys/types.h>

#include "base/clock.h"
#include "base/node_msg.h"
#include "labd/lab/plan.h"
#include "labd/supervisor/birth.h"
#include "labd/wires/feed.h"

#define SPAWNS_AT_ONCE	 16 /* requests to the zygote without an answer */
#define CRASHES_A_MINUTE 5  /* more than these stop a device */
#define EXITS_MAX	 64 /* of processes that nobody knows yet */
#define EXIT_RELOAD	 75 /* a node's exit status for `reload` */
#define BRIDGE_NAME	 "br0"

struct nl_h;
struct sup;

enum device_state {
	DEVICE_NEW,
	DEVICE_SPAWNING,
	DEVICE_SPAWNED,	 /* its namespaces are there */
	DEVICE_STARTING, /* it reads its configuration */
	DEVICE_LOADED,	 /* it waits for its turn to begin */
	DEVICE_BEGINNING,
	DEVICE_READY,
	DEVICE_STOPPED, /* by request, or after too many crashes */
};

struct sup_device {
	struct sup *sup;
	const struct plan_device *plan;
	enum device_state state;
	pid_t pid; /* in the lab's PID namespace; 0 = no process */
	int pidfd, user_ns, net_ns;
	int ctl_fd;			     /* to the node; -1 while it has none */
	int journal_node_fd, journal_log_fd; /* both ends, for restarts */
	int log_netlink_fd;		     /* for the log: interface numbers and counters */
	int capture_fd;			     /* AF_PACKET in its namespace; -1 = captures nothing */
	int next_capture_fd;	   /* with a larger ring, until the log has gone over to it */
	size_t ring_bytes;	   /* of capture_fd's ring */
	bool ring_asked, has_ring; /* a larger one; its answer came */
	int state_fd;		   /* its folder of the run */
	struct event *ctl_ev;
	struct nl_h *nl; /* requests in its namespace */
	int bridge_index;
	bool linkable; /* its namespace takes links */
	unsigned links_missing;
	bool ring_wanted;	/* it captures: capture_fd comes from its process */
	bool logged;		/* the log was told of it */
	bool wanted, asked;	/* a process for it is to be asked for; was asked of the zygote */
	bool spawned, prepared; /* its process is known; its namespaces are ready for links */
	bool asks_first;	/* as it told when it had read its configuration */
	bool was_ready;		/* once, so its lab is not in vain without it */
	bool stop_wanted, sync_owed;
	int64_t asked_ns;
	int64_t crashes_ns[CRASHES_A_MINUTE]; /* when it crashed last */
	int holder_fd; /* pidfd of what keeps the file view of `exec`; -1 = none yet */
	char why[256]; /* why it stopped */
};

struct sup_link {
	const struct plan_link *plan;
	bool made;
	int fds[2];	       /* wires: what the wires process moves frames between; else -1 */
	bool down;	       /* by request */
	int64_t drops_told[2]; /* of what link_drops() says, by an earlier wires process */
	enum carrier carrier;  /* TAP or RING where the plan says AUTO */
};

/* A helper of the lab. What one was given is kept, so that the next gets the same. */
struct sup_process {
	pid_t pid; /* 0: none */
	int fd;	   /* our end of the channel, non-blocking; -1 */
	struct event *ev, *again_ev;
	int64_t crashes_ns[CRASHES_A_MINUTE];
};

struct client;

struct sup {
	struct birth *birth;
	struct plan *plan;
	struct event_base *base;
	struct clock_page *clock;
	int clock_fd;
	int run_fd, devices_fd;
	struct sup_device *devices;
	struct sup_link *links;
	struct nl_h *home; /* labd's own network namespace */
	uint64_t fresh;	   /* which settings a new namespace has by itself: ns_sysctl_survey() */
	size_t n_wanted, n_asked, n_ready, n_links_made;
	bool begun;	    /* every device has read its configuration once */
	bool log_ready;	    /* the database can be asked, or there is none */
	bool devices_ready; /* every device is, or was stopped */
	bool clients_counted;
	bool rings_late; /* they are not waited for any longer */
	bool ready, ending, failed;
	int64_t born_ns, listening_ns; /* CLOCK_MONOTONIC; when the last service did, 0 before */
	struct event *chld_ev, *term_ev, *int_ev;

	/* Processes that ended before the zygote's word of them came, newest last. */
	struct sup_exit {
		pid_t pid;
		int status;
	} exits[EXITS_MAX];
	unsigned n_exits; /* ever */

	struct sup_process zygote, wires, log;
	struct feed_fds feed;
	int log_go_fd; /* until the log may begin; -1 */
	uint32_t wires_seq;
	uint32_t wires_added, wires_answered; /* of the last link sent, and the last answer */
	struct event *look_ev;		      /* once a second */

	struct {
		enum { SYNC_NONE, SYNC_NODES, SYNC_WIRES, SYNC_LOG } phase; /* who is waited for */
		uint64_t n;    /* of the round under way, or of the last */
		bool wanted;   /* another round is to follow */
		bool answered; /* whoever was asked answered */
		unsigned owed; /* nodes without an answer */
		struct event *step_ev, *late_ev;
	} sync;

	/* control.c, control_client.c */
	struct event *listen_ev;
	struct client *clients;
	unsigned n_clients;
	uint32_t next_request;
};

/* supervisor.c */
int supervisor_main(struct birth *b); /* the exit status */
void sup_progress(struct sup *s);
void sup_is_ready(struct sup *s); /* when devices, log and wires are */
/* Tells whoever waits and ends the lab. */
void sup_fail(struct sup *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sup_end(struct sup *s);
int64_t sup_mono_ns(void);
bool sup_too_many_crashes(int64_t crashes_ns[CRASHES_A_MINUTE]);

/* spawn.c */
/* Asks the zygote for as many as it may be asked for at once. */
void devices_spawn_some(struct sup *s);
void devices_ask_again(struct sup *s); /* there is a new zygote */
void devices_look(struct sup *s);      /* now and then: after answers that never came */
void device_on_spawned(struct sup *s, struct node_msg *msg);
/* A lab comes up with small packet rings: where it may have large ones they are asked for now. */
void rings_grow(struct sup *s);
bool rings_are_made(const struct sup *s);
void device_ring_is_read(struct sup_device *d); /* the larger one */
void device_on_ring(struct sup *s, struct node_msg *msg);

/* device.c */
int devices_init(struct sup *s);
void devices_begin(struct sup *s); /* those whose turn it is */
void device_start_if_linked(struct sup_device *d);
void device_on_exit(struct sup_device *d, int status);
int device_send(struct sup_device *d, const struct node_msg *msg);
int device_stop(struct sup_device *d, char *reterr, size_t size);
int device_restart(struct sup_device *d, char *reterr, size_t size);
struct sup_device *device_by_name(struct sup *s, const char *name);
struct sup_device *device_by_pid(struct sup *s, pid_t pid);
const char *device_state_name(enum device_state state);

/* link.c */
/* The number an interface of this device has in its namespace, decided before it is made; |iface|
 * is an index of plan->ifaces. */
int link_ifindex(const struct sup_device *d, uint32_t iface);
int links_make_for(struct sup_device *d); /* those whose other end is there too */
int link_set_up(struct sup *s, struct sup_link *l, bool up, char *reterr, size_t size);
/* What the interface at end |end| of a wire dropped on its way out, ever; 0 when unknown. */
int64_t link_drops(struct sup *s, const struct sup_link *l, int end);
void links_delete(struct sup *s);

/* down.c */
void take_down(struct sup *s);
/* A packet socket, for whose end the kernel lets its closer wait: somebody else does. */
void close_aside(int fd);

/* process.c */
int processes_start(struct sup *s);
void process_on_exit(struct sup *s, pid_t pid, int status);
/* "killed by signal 9 (Killed)" */
void process_describe_exit(int status, char *out, size_t size);

/* process_wires.c */
int wires_add_link(struct sup *s, struct sup_link *l);
/* Every link that was sent to them is in use, or was refused. */
bool wires_have_links(const struct sup *s);
int wires_set_up(struct sup *s, const struct sup_link *l, bool up);
int wires_barrier(struct sup *s, uint64_t n);

/* process_log.c */
/* The devices are ready: it may have a processor for itself. */
void log_go(struct sup *s);
void log_add_device(struct sup_device *d);
void log_add_ring(struct sup_device *d); /* next_capture_fd */
void log_device_event(struct sup_device *d, const char *what, const char *why);
void log_event(struct sup *s, const char *what, const char *why); /* of the lab itself */
int log_barrier(struct sup *s, uint64_t n);

/* sync.c: one barrier at a time. Who asks while one is under way gets the next. */
int sync_init(struct sup *s);
uint64_t sync_want(struct sup *s); /* the number of the round that will do */
void sync_node_answered(struct sup_device *d, uint64_t n);
void sync_device_gone(struct sup_device *d);
void sync_wires_answered(struct sup *s, uint64_t n);
void sync_log_answered(struct sup *s, uint64_t n);
void sync_wires_new(struct sup *s); /* their process was started anew: the question is lost */
void sync_log_new(struct sup *s);

/* control.c */
void control_from_node(struct sup_device *d, const struct node_msg *msg);
void control_device_gone(struct sup_device *d);
void control_synced(struct sup *s, uint64_t n, const char *error); /* NULL: all is committed */
void control_ready(struct sup *s);
/* control_client.c */
int control_init(struct sup *s);

/* enter.c: a process inside the device that keeps the file view of `exec`. 0 or negative errno. */
int enter_holder(struct sup_device *d);
/* Runs the lines of `exec:` in the device. */
void enter_run_exec(struct sup_device *d);

/* rundir.c */
int rundir_open(struct sup *s);
int rundir_device(struct sup_device *d); /* state_fd */
struct stat;
int rundir_copy_file(int from_dir, int to_dir, const char *name, const struct stat *st);

#endif
