/* Device processes: the zygote bears them, their links are made, they are told to start; one that
 * crashes is started anew in the namespaces it had. */
#include "labd/supervisor/device.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RINGS_WAIT_MS  100
#define BROADCASTS_FEW 500 /* of each kind; a client sends some five kinds */
#define LAST_WORDS_MAX 64  /* batches of messages */
#define STOP_WAIT_S    3   /* for a node to end by itself */

const char *device_state_name(enum device_state state)
{
	static const char *const names[] = {
		[DEVICE_NEW] = "new",	      [DEVICE_SPAWNING] = "spawning",
		[DEVICE_SPAWNED] = "spawned", [DEVICE_STARTING] = "starting",
		[DEVICE_LOADED] = "loaded",   [DEVICE_BEGINNING] = "beginning",
		[DEVICE_READY] = "ready",     [DEVICE_STOPPED] = "stopped",
	};

	return names[state];
}

struct sup_device *device_by_name(struct sup *s, const char *name)
{
	const struct plan_device *p = plan_find_device(s->plan, name);

	return p ? &s->devices[p->id - 1] : NULL;
}

struct sup_device *device_by_pid(struct sup *s, pid_t pid)
{
	for (size_t i = 0; pid > 0 && i < s->plan->n_devices; i++)
		if (s->devices[i].pid == pid)
			return &s->devices[i];
	return NULL;
}

int devices_init(struct sup *s)
{
	s->devices = calloc(s->plan->n_devices + 1, sizeof(*s->devices));
	if (!s->devices)
		return -ENOMEM;
	for (size_t i = 0; i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];

		d->sup = s;
		d->plan = &s->plan->devices[i];
		d->pidfd = d->user_ns = d->net_ns = d->ctl_fd = -1;
		d->journal_node_fd = d->journal_log_fd = d->capture_fd = d->log_netlink_fd = -1;
		d->next_capture_fd = -1;
		d->state_fd = d->holder_fd = -1;
		d->links_missing = (unsigned)d->plan->n_ifaces;
		d->wanted = true;
	}
	s->n_wanted = s->plan->n_devices;
	return 0;
}

/* --- life and death ----------------------------------------------------------------------- */

void device_set_wanted(struct sup_device *d, bool wanted)
{
	if (d->wanted != wanted)
		d->sup->n_wanted += wanted ? 1 : (size_t)-1;
	d->wanted = wanted;
}

void device_close_ctl(struct sup_device *d)
{
	if (d->ctl_ev)
		event_free(d->ctl_ev);
	d->ctl_ev = NULL;
	if (d->ctl_fd >= 0)
		close(d->ctl_fd);
	d->ctl_fd = -1;
}

void device_stop_for_good(struct sup_device *d, const char *why)
{
	device_set_wanted(d, false);
	d->state = DEVICE_STOPPED;
	snprintf(d->why, sizeof(d->why), "%s", why);
	log_device_event(d, "stopped", why);
	devices_begin(d->sup); /* others may wait for it */
}

/* A lab that never was ready is in vain without one of its devices; later on it is not. */
void device_give_up(struct sup_device *d, const char *why)
{
	if (d->was_ready)
		device_stop_for_good(d, why);
	else
		sup_fail(d->sup, "%s: its process cannot be started: %s", d->plan->name, why);
}

/* Another process for it, unless it had too many. */
void device_again(struct sup_device *d, const char *why)
{
	char text[200];

	d->state = DEVICE_NEW;
	if (sup_too_many_crashes(d->crashes_ns)) {
		snprintf(text, sizeof(text),
			 "it crashed more than %d times within a minute, at last: %s",
			 CRASHES_A_MINUTE, why);
		device_give_up(d, text);
		return;
	}
	device_set_wanted(d, true);
	devices_spawn_some(d->sup);
}

/* With its ring, where it has one. */
static void tell_log(struct sup_device *d)
{
	if (d->logged || (d->ring_wanted && d->capture_fd < 0))
		return;
	log_add_device(d);
	d->logged = true;
}

/* Born and prepared, in whatever order these were told: links, then the start. Its ring, where it
 * has one, may come while links are made, but comes before the device is loaded, and none sends
 * before all are. Only a spanning tree's switches speak as soon as they have a link. */
void device_go_on(struct sup_device *d)
{
	if (!d->spawned || !d->prepared)
		return;
	tell_log(d);
	if (d->state != DEVICE_SPAWNING || (d->sup->plan->stp && !d->logged))
		return;
	d->state = DEVICE_SPAWNED;
	if (links_make_for(d) < 0)
		return; /* which told why */
	device_start_if_linked(d);
}

void device_start_if_linked(struct sup_device *d)
{
	const char *config = d->plan->config ? d->plan->config : "!";
	struct node_msg msg = { .type = NM_START,
				.id = d->plan->id,
				.status = d->was_ready, /* it may have saved one */
				.text = config,
				.text_len = strlen(config) };

	if (d->state != DEVICE_SPAWNED || d->links_missing > 0)
		return;
	d->state = DEVICE_STARTING;
	if (d->was_ready)
		log_device_event(d, "restarted", "");
	(void)device_send(d, &msg); /* a node that cannot be told has ended: that is told too */
}

/* --- what a node says --------------------------------------------------------------------- */

int device_send(struct sup_device *d, const struct node_msg *msg)
{
	return d->ctl_fd < 0 ? -ENOTCONN : node_msg_send(d->ctl_fd, msg);
}

/* --- the beginning ------------------------------------------------------------------------ */

/* Whose first deed is a question to another device of the lab. */
static bool is_client(const struct sup_device *d)
{
	return d->asks_first && (d->plan->kind == KIND_PC || d->plan->kind == KIND_PHONE ||
				 d->plan->kind == KIND_LINUX);
}

static bool has_loaded(const struct sup_device *d)
{
	return d->state >= DEVICE_LOADED;
}

static bool is_done(const struct sup_device *d)
{
	return d->state == DEVICE_READY || d->state == DEVICE_STOPPED;
}

static bool all_are(const struct sup *s, bool (*test)(const struct sup_device *d), bool clients_too)
{
	for (size_t i = 0; i < s->plan->n_devices; i++)
		if ((clients_too || !is_client(&s->devices[i])) && !test(&s->devices[i]))
			return false;
	return true;
}

static void begin(struct sup_device *d)
{
	struct node_msg go = { .type = NM_GO };

	d->state = DEVICE_BEGINNING;
	(void)device_send(d, &go);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	struct sup *s = arg;

	(void)fd, (void)what;
	s->rings_late = true;
	devices_begin(s);
}

/* What a client broadcasts comes by everybody's link. Where these frames are more than a first ring
 * holds, the log and the larger rings come before the clients. Later on nobody waits. */
static bool has_room_for_clients(struct sup *s)
{
	struct timeval later = { .tv_usec = RINGS_WAIT_MS * 1000 };
	size_t n = 0;

	if (!s->clients_counted) {
		s->clients_counted = true;
		for (size_t i = 0; i < s->plan->n_devices; i++)
			n += is_client(&s->devices[i]);
		if (n * s->plan->n_devices > BROADCASTS_FEW) {
			log_go(s);
			rings_grow(s);
			(void)event_base_once(s->base, -1, EV_TIMEOUT, on_late, s, &later);
		}
	}
	return s->ready || s->rings_late || rings_are_made(s);
}

/* Clients one after the other, so that two of one lab come to a server in the same order. */
static void begin_clients(struct sup *s)
{
	if (!has_room_for_clients(s))
		return;
	for (size_t i = 0; i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];

		if (!is_client(d) || is_done(d))
			continue;
		if (d->state == DEVICE_LOADED)
			begin(d);
		if (!s->ready)
			return;
	}
}

/* The lab begins when every device has read its configuration and every link is up, wires included,
 * which would not see what is sent before: first who serves or only listens, then who asks. Later
 * on, whoever is started anew begins at once. */
void devices_begin(struct sup *s)
{
	s->begun = s->begun || (all_are(s, has_loaded, true) && wires_have_links(s));
	for (size_t i = 0; s->begun && i < s->plan->n_devices; i++)
		if (!is_client(&s->devices[i]) && s->devices[i].state == DEVICE_LOADED)
			begin(&s->devices[i]);
	if (s->begun && (s->ready || all_are(s, is_done, false)))
		begin_clients(s);
	s->devices_ready = s->begun && all_are(s, is_done, true);
	sup_is_ready(s);
}

static void on_loaded(struct sup_device *d, const struct node_msg *msg)
{
	d->state = DEVICE_LOADED;
	d->asks_first = msg->value != 0;
	devices_begin(d->sup);
}

static void on_ready(struct sup_device *d, const struct node_msg *msg)
{
	struct sup *s = d->sup;

	if (msg->status < 0 && !d->was_ready) {
		sup_fail(s, "%.*s", (int)msg->text_len, msg->text);
		return;
	}
	if (msg->status < 0) { /* it ends by itself and counts as a crash */
		fprintf(stderr, "<4>%.*s\n", (int)msg->text_len, msg->text);
		return;
	}
	d->state = DEVICE_READY;
	d->why[0] = '\0';
	if (!d->was_ready) {
		s->n_ready++;
		sup_progress(s);
	}
	d->was_ready = true;
	if (s->ready)
		enter_run_exec(d); /* what ran there ended with the last process */
	devices_begin(s);
}

static void on_prepared(struct sup_device *d)
{
	d->prepared = true;
	device_go_on(d);
}

static void on_captures(struct sup_device *d, struct node_msg *msg)
{
	if (msg->n_fds == 1 && d->capture_fd < 0) {
		d->capture_fd = msg->fds[0];
		msg->n_fds = 0;
	}
	device_go_on(d);
}

void device_hear(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t buf[NODE_MSG_MAX];
	struct sup_device *d = arg;
	struct node_msg msg;

	(void)what;
	for (int i = 0; i < 64; i++) {
		int r = node_msg_recv(fd, buf, &msg);

		if (r == -EAGAIN)
			return;
		if (r < 0) {
			device_close_ctl(d);
			return;
		}
		if (msg.type == NM_READY)
			on_ready(d, &msg);
		else if (msg.type == NM_LOADED)
			on_loaded(d, &msg);
		else if (msg.type == NM_PREPARED)
			on_prepared(d);
		else if (msg.type == NM_CAPTURES)
			on_captures(d, &msg);
		else
			control_from_node(d, &msg);
		node_msg_close_fds(&msg);
		if (d->ctl_fd < 0)
			return;
	}
}

/* --- the end of a process ----------------------------------------------------------------- */

/* What reload starts from becomes what it runs; without one, the lab file's lines. */
static void forget_unsaved(struct sup_device *d)
{
	if (renameat(d->state_fd, "startup-config", d->state_fd, "running-config") < 0)
		(void)unlinkat(d->state_fd, "running-config", 0);
	else if (linkat(d->state_fd, "running-config", d->state_fd, "startup-config", 0) < 0)
		log_device_event(d, "reload", "its startup-config could not be kept");
}

/* What it said before it ended still counts. */
static void hear_last_words(struct sup_device *d)
{
	for (int i = 0; i < LAST_WORDS_MAX && d->ctl_fd >= 0; i++)
		device_hear(d->ctl_fd, EV_READ, d);
	device_close_ctl(d);
}

void device_on_exit(struct sup_device *d, int status)
{
	bool reload = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_RELOAD;
	char why[128];

	process_describe_exit(status, why, sizeof(why));
	d->pid = 0;
	hear_last_words(d);
	control_device_gone(d);
	sync_device_gone(d);
	d->state = DEVICE_NEW;
	if (d->sup->ending)
		return;
	if (!d->stop_wanted)
		log_device_event(d, reload ? "reload" : "crashed", why);
	if (d->stop_wanted) {
		device_stop_for_good(d, "by request");
	} else if (reload) {
		forget_unsaved(d);
		device_set_wanted(d, true);
		devices_spawn_some(d->sup);
	} else {
		device_again(d, why);
	}
}

/* A node that does not end by itself is ended. */
static void on_stop_late(evutil_socket_t fd, short what, void *arg)
{
	struct sup_device *d = arg;

	(void)fd, (void)what;
	if (d->stop_wanted && d->pid > 0)
		kill(d->pid, SIGKILL);
}

/* Without a process yet, it is stopped as soon as it has one. */
int device_stop(struct sup_device *d, char *reterr, size_t size)
{
	struct node_msg msg = { .type = NM_STOP };
	struct timeval patience = { .tv_sec = STOP_WAIT_S };

	if (d->state == DEVICE_STOPPED) {
		snprintf(reterr, size, "%s is stopped already", d->plan->name);
		return -EALREADY;
	}
	d->stop_wanted = true;
	if (d->wanted) {
		device_stop_for_good(d, "by request");
		return 0;
	}
	(void)device_send(d, &msg);
	return event_base_once(d->sup->base, -1, EV_TIMEOUT, on_stop_late, d, &patience);
}

int device_restart(struct sup_device *d, char *reterr, size_t size)
{
	if (d->state != DEVICE_STOPPED || d->pid != 0) {
		snprintf(reterr, size, "%s runs already", d->plan->name);
		return -EALREADY;
	}
	d->stop_wanted = false;
	d->why[0] = '\0';
	d->state = DEVICE_NEW;
	memset(d->crashes_ns, 0, sizeof(d->crashes_ns));
	device_set_wanted(d, true);
	devices_spawn_some(d->sup);
	return 0;
}
