/* The log process: started with what it needs to know of the lab, told of devices as they come,
 * started anew after a fault with the same descriptors. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "labd/log/log.h"
#include "labd/supervisor/process.h"
#include "netns/err.h"
#include "netns/ns.h"

/* In the id of a message: whose answer its answer is. */
#define BARRIER_BIT 0x80000000u
#define RING_BIT    0x40000000u

#define CHANNEL_BYTES (1 << 20)
#define ROOM_WAIT_MS  10000 /* for the log to take a message */
#define BEGIN_WAIT_MS 30    /* for the devices to be ready */

/* --- the lab as the log sees it ----------------------------------------------------------- */

struct described {
	struct log_device *devices;
	struct log_iface *ifaces;
	struct log_link *links;
	char (*wires)[256];
	char host[256], options[256];
};

static void wire_words(const struct wire_spec *w, char *out, size_t size)
{
	size_t at = 0;

#define WORD(cond, ...)                                                           \
	do {                                                                      \
		if ((cond) && at < size)                                          \
			at += (size_t)snprintf(out + at, size - at, __VA_ARGS__); \
	} while (0)
	out[0] = '\0';
	WORD(w->delay_ns, "delay %gms ", (double)w->delay_ns / MSEC);
	WORD(w->jitter_ns, "jitter %gms ", (double)w->jitter_ns / MSEC);
	WORD(w->loss_ppb, "loss %g%% ", (double)w->loss_ppb / PPB_PERCENT);
	WORD(w->duplicate_ppb, "duplicate %g%% ", (double)w->duplicate_ppb / PPB_PERCENT);
	WORD(w->reorder_ppb, "reorder %g%% ", (double)w->reorder_ppb / PPB_PERCENT);
	WORD(w->corrupt_ppb, "corrupt %g%% ", (double)w->corrupt_ppb / PPB_PERCENT);
	WORD(w->rate_bps, "rate %" PRIu64 "bit/s ", w->rate_bps);
	WORD(w->limit, "limit %" PRIu32 " ", w->limit);
#undef WORD
	if (at > 0 && at < size)
		out[at - 1] = '\0';
}

static void describe_link(const struct plan_link *l, struct log_link *out, char words[256])
{
	char back[120];

	*out = (struct log_link){ .id = l->id,
				  .name = l->name,
				  .kind = l->carrier == CARRIER_VETH ? "veth" : "wire",
				  .a = l->iface[0] + 1,
				  .b = l->iface[1] + 1 };
	if (l->carrier != CARRIER_VETH) {
		out->capture = LOG_CAPTURE_WIRES;
		wire_words(&l->wire[0], words, sizeof(back));
		wire_words(&l->wire[1], back, sizeof(back));
		if (strcmp(words, back) != 0)
			snprintf(words + strlen(words), 256 - strlen(words), "; back: %s", back);
		out->wire = words[0] ? words : NULL;
	} else {
		out->capture = l->capture == 0 ? LOG_CAPTURE_A : LOG_CAPTURE_B;
	}
}

static int describe_lab(const struct plan *p, struct described *d)
{
	struct utsname un;

	d->devices = calloc(p->n_devices + 1, sizeof(*d->devices));
	d->ifaces = calloc(p->n_ifaces + 1, sizeof(*d->ifaces));
	d->links = calloc(p->n_links + 1, sizeof(*d->links));
	d->wires = calloc(p->n_links + 1, sizeof(*d->wires));
	if (!d->devices || !d->ifaces || !d->links || !d->wires)
		return -ENOMEM;
	for (size_t i = 0; i < p->n_devices; i++)
		d->devices[i] = (struct log_device){ .id = p->devices[i].id,
						     .name = p->devices[i].name,
						     .kind = device_kind_name(p->devices[i].kind) };
	for (size_t i = 0; i < p->n_ifaces; i++)
		d->ifaces[i] = (struct log_iface){ .id = p->ifaces[i].id,
						   .device = p->ifaces[i].device + 1,
						   .name = p->ifaces[i].name,
						   .kname = p->ifaces[i].kernel,
						   .mac = p->ifaces[i].mac };
	for (size_t i = 0; i < p->n_links; i++)
		describe_link(&p->links[i], &d->links[i], d->wires[i]);
	if (uname(&un) == 0)
		snprintf(d->host, sizeof(d->host), "%.60s %.90s %.60s", un.sysname, un.release,
			 un.machine);
	snprintf(d->options, sizeof(d->options), "durability %s, size limit %" PRIu64 " bytes",
		 p->log.power_safe ? "power" : "kill", p->log.size_bytes);
	return 0;
}

static uint32_t payload_of(const struct log_spec *spec)
{
	switch (spec->payload) {
	case LOG_PAYLOAD_FULL:
		return 0;
	case LOG_PAYLOAD_BYTES:
		return spec->payload_bytes;
	case LOG_PAYLOAD_HEADERS:
		break;
	}
	return LOG_KEEP_HEADERS;
}

static int map_describe(const struct sup *s, struct log_args *args)
{
	struct stat st;
	void *text;

	if (fstat(s->birth->describe_fd, &st) < 0)
		return -errno;
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, s->birth->describe_fd, 0);
	if (text == MAP_FAILED)
		return -errno;
	args->describe = text;
	args->describe_len = (size_t)st.st_size;
	return 0;
}

static size_t gather_fds(const struct sup *s, struct log_device_fds *out, int *keep)
{
	size_t n = 0;

	for (size_t i = 0; i < s->plan->n_devices; i++) {
		const struct sup_device *d = &s->devices[i];

		if (d->journal_log_fd < 0)
			continue;
		out[n++] = (struct log_device_fds){ .device = d->plan->id,
						    .journal = d->journal_log_fd,
						    .capture = d->capture_fd,
						    .netlink = d->log_netlink_fd };
		*keep++ = d->journal_log_fd;
		if (d->capture_fd >= 0)
			*keep++ = d->capture_fd;
		if (d->log_netlink_fd >= 0)
			*keep++ = d->log_netlink_fd;
	}
	*keep = -1;
	return n;
}

/* Reading the rules and making the database keeps a processor busy that a small lab's devices need
 * more; what they send and tell meanwhile waits in rings and journals. */
static void let_devices_go_first(const struct sup *s)
{
	struct pollfd p = { .fd = s->log_go_fd, .events = POLLIN };

	(void)poll(&p, 1, BEGIN_WAIT_MS);
}

static _Noreturn void run_log(struct sup *s, int control_fd, bool resumed)
{
	struct described d = { 0 };
	char path[4200], template[4200];
	int *keep = calloc(3 * s->plan->n_devices + 8, sizeof(*keep));
	struct log_device_fds *fds = calloc(s->plan->n_devices + 1, sizeof(*fds));
	struct timespec now;
	struct log_args args = { .db_path = path,
				 .template_path = template,
				 .resumed = resumed,
				 .size_limit_bytes = s->plan->log.size_bytes,
				 .payload_bytes = payload_of(&s->plan->log),
				 .power_safe = s->plan->log.power_safe,
				 .sandbox = s->birth->sandbox,
				 .control_fd = control_fd,
				 .feed = s->feed,
				 .clock_fd = s->clock_fd,
				 .device_fds = fds };

	clock_gettime(CLOCK_REALTIME, &now);
	prctl(PR_SET_NAME, "labd-log");
	if (wires_count(s) > 0)
		process_use_cpu(0);
	if (!resumed)
		let_devices_go_first(s);
	if (!keep || !fds || describe_lab(s->plan, &d) < 0 || map_describe(s, &args) < 0)
		_exit(1);
	snprintf(path, sizeof(path), "%s/log.db", s->birth->run_dir);
	/* Beside the labs, of which it is the folder of a run. */
	snprintf(template, sizeof(template), "%s/../../.log-template", s->birth->run_dir);
	args.lab = (struct log_lab){ .name = s->plan->name,
				     .seed = s->plan->seed,
				     .epoch_ns = clock_epoch(s->clock),
				     .started_wall_ns = now.tv_sec * SEC + now.tv_nsec,
				     .file = s->plan->lab_file,
				     .host = d.host,
				     .options = d.options };
	args.devices = d.devices;
	args.n_devices = s->plan->n_devices;
	args.ifaces = d.ifaces;
	args.n_ifaces = s->plan->n_ifaces;
	args.links = d.links;
	args.n_links = s->plan->n_links;
	memcpy(keep, (int[]){ control_fd, s->clock_fd, s->feed.mem, s->feed.data, s->feed.space },
	       5 * sizeof(int));
	args.n_device_fds = gather_fds(s, fds, keep + 5);
	process_keep(keep);
	exit(log_main(&args) < 0);
}

/* --- messages ----------------------------------------------------------------------------- */

/* The log reads the larger ring: the next log begins with that. */
static void on_ring_done(struct sup *s, uint32_t id, int status)
{
	struct sup_device *d = id >= 1 && id <= s->plan->n_devices ? &s->devices[id - 1] : NULL;

	if (!d || d->next_capture_fd < 0)
		return;
	if (status == 0) {
		close_aside(d->capture_fd);
		d->capture_fd = d->next_capture_fd;
		d->next_capture_fd = -1;
		device_ring_is_read(d);
	} else {
		close_aside(d->next_capture_fd);
		d->next_capture_fd = -1;
	}
}

static void on_log(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t buf[LOG_MSG_MAX];
	struct sup *s = arg;
	struct log_msg msg;
	int r;

	(void)what;
	while ((r = log_msg_recv(fd, buf, &msg)) == 0) {
		if (msg.type == LM_DONE && (msg.id & BARRIER_BIT))
			sync_log_answered(s, msg.id & ~BARRIER_BIT);
		else if (msg.type == LM_DONE && (msg.id & RING_BIT))
			on_ring_done(s, msg.id & ~RING_BIT, msg.status);
		else if (msg.type == LM_NOTE)
			fprintf(stderr, "<5>log: %s\n", msg.text ? msg.text : "");
		else if (msg.type == LM_DONE && msg.status < 0)
			fprintf(stderr, "<4>log: %s\n", msg.detail ? msg.detail : "");
		s->log_ready |= msg.type == LM_READY || (msg.type == LM_NOTE && msg.status < 0);
	}
	sup_is_ready(s);
	if (r != -EAGAIN)
		event_del(s->log.ev);
}

/* Waits for room in the channel, and takes answers meanwhile, so that neither waits for the other.
 * A log that takes nothing for long is ended; the next one goes on. */
static int tell(struct sup *s, const struct log_msg *msg)
{
	int r;

	if (s->log.pid <= 0)
		return -ENOTCONN;
	while ((r = log_msg_send(s->log.fd, msg)) == -EAGAIN) {
		struct pollfd p = { .fd = s->log.fd, .events = POLLIN | POLLOUT };

		if (poll(&p, 1, ROOM_WAIT_MS) <= 0) {
			kill(s->log.pid, SIGKILL);
			return -ETIMEDOUT;
		}
		if (p.revents & POLLIN)
			on_log(s->log.fd, EV_READ, s);
	}
	return r;
}

static int start(struct sup *s, bool resumed)
{
	int fd, r = process_fork(s, &s->log, CHANNEL_BYTES, on_log, &fd);

	if (r == 1)
		run_log(s, fd, resumed);
	return r;
}

int log_start(struct sup *s)
{
	s->log_ready = s->birth->quiet;
	if (s->birth->quiet)
		return 0;
	s->log_go_fd = eventfd(0, EFD_CLOEXEC);
	return s->log_go_fd < 0 ? -errno : start(s, false);
}

void log_go(struct sup *s)
{
	if (s->log_go_fd < 0)
		return;
	(void)eventfd_write(s->log_go_fd, 1);
	close(s->log_go_fd);
	s->log_go_fd = -1;
}

/* Of interest where a device is captured. */
static void send_ifindexes(struct sup_device *d)
{
	const struct plan *p = d->sup->plan;

	for (size_t i = 0; d->capture_fd >= 0 && i < d->plan->n_ifaces; i++) {
		struct log_msg msg = { .type = LM_IFINDEX,
				       .iface = p->ifaces[d->plan->ifaces[i]].id,
				       .device = d->plan->id,
				       .number = link_ifindex(d, d->plan->ifaces[i]),
				       .fds = { -1, -1, -1 } };

		(void)tell(d->sup, &msg);
	}
}

void log_add_ring(struct sup_device *d)
{
	struct log_msg msg = { .type = LM_RING,
			       .device = d->plan->id,
			       .id = d->plan->id | RING_BIT,
			       .fds = { -1, d->next_capture_fd, -1 } };

	(void)tell(d->sup, &msg); /* else its successor is told */
}

int log_start_again(struct sup *s)
{
	int r;

	if (s->log.ev)
		on_log(s->log.fd, EV_READ, s); /* its last words */
	r = start(s, true);

	for (size_t i = 0; r == 0 && i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];

		if (d->net_ns >= 0)
			send_ifindexes(d);
		if (d->next_capture_fd >= 0)
			log_add_ring(d);
	}
	if (r == 0)
		sync_log_new(s);
	return r;
}

static int open_netlink(struct sup_device *d)
{
	struct ns_guard guard;
	struct netns_err err = { 0 };
	int fd;

	if (ns_enter(d->net_ns, &guard, &err) < 0)
		return -1;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ns_leave(&guard);
	return fd;
}

void log_add_device(struct sup_device *d)
{
	struct log_msg msg = { .type = LM_DEVICE, .device = d->plan->id };

	if (d->sup->birth->quiet)
		return;
	if (d->capture_fd >= 0)
		d->log_netlink_fd = open_netlink(d);
	memcpy(msg.fds, (int[]){ d->journal_log_fd, d->capture_fd, d->log_netlink_fd },
	       sizeof(msg.fds));
	(void)tell(d->sup, &msg);
	send_ifindexes(d);
}

void log_device_event(struct sup_device *d, const char *what, const char *why)
{
	struct log_msg msg = { .type = LM_EVENT,
			       .device = d->plan->id,
			       .text = what,
			       .detail = why,
			       .fds = { -1, -1, -1 } };

	(void)tell(d->sup, &msg);
}

void log_event(struct sup *s, const char *what, const char *why)
{
	struct log_msg msg = {
		.type = LM_EVENT, .text = what, .detail = why, .fds = { -1, -1, -1 }
	};

	(void)tell(s, &msg);
}

/* Without a process just now, its successor is asked. */
int log_barrier(struct sup *s, uint64_t n)
{
	struct log_msg msg = { .type = LM_BARRIER,
			       .id = (uint32_t)n | BARRIER_BIT,
			       .fds = { -1, -1, -1 } };
	int r = tell(s, &msg);

	return s->birth->quiet ? -ENOTCONN : r == -ENOTCONN ? 0 : r;
}
