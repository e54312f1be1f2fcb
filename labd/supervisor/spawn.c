/* A process for a device: asked of the zygote, known when its word of it comes. */
#include "labd/supervisor/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/node_spawn.h"
#include "labd/log/log.h"
#include "labd/log/ring.h"
#include "netns/err.h"
#include "netns/idmap.h"

#define MAP_TEXT_MAX 1024
#define ASK_WAIT_NS  (30 * SEC)

/* --- asking ------------------------------------------------------------------------------- */

static void map_text(const struct idmap_row *rows, unsigned n, char *out, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i < n && at < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%u %u %u\n", rows[i].inside,
				       rows[i].outside, rows[i].count);
}

/* The same ids inside the device as in the lab, each as itself. */
static int maps_for_devices(char uid[MAP_TEXT_MAX], char gid[MAP_TEXT_MAX])
{
	static struct idmap map;
	static bool known;
	struct netns_err err = { 0 };

	if (!known && idmap_nested(&map, &err) < 0)
		return err.code;
	known = true;
	map_text(map.uid, map.n_uid, uid, MAP_TEXT_MAX);
	map_text(map.gid, map.n_gid, gid, MAP_TEXT_MAX);
	return 0;
}

static bool captures(const struct sup_device *d)
{
	const struct plan *plan = d->sup->plan;

	for (size_t i = 0; i < d->plan->n_ifaces; i++) {
		const struct plan_iface *f = &plan->ifaces[d->plan->ifaces[i]];
		const struct plan_link *l = &plan->links[f->link];

		if (l->carrier == CARRIER_VETH && l->capture == f->end)
			return true;
	}
	return false;
}

/* One memory budget for the rings of a lab: a device's share of it. */
static size_t ring_share(const struct sup *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->plan->n_devices; i++)
		n += captures(&s->devices[i]);
	return n > 0 ? LOG_RING_BYTES / n : 0;
}

static struct node_ring ring_of(size_t bytes)
{
	struct ring_shape shape = ring_shape(bytes);

	return (struct node_ring){ .block_bytes = shape.block_bytes,
				   .n_blocks = shape.n_blocks,
				   .frame_bytes = shape.frame_bytes,
				   .retire_ms = shape.retire_ms };
}

static struct node_ring first_ring(struct sup_device *d)
{
	if (d->sup->birth->quiet || d->capture_fd >= 0 || !captures(d))
		return (struct node_ring){ 0 };
	d->ring_bytes = ring_first_bytes(ring_share(d->sup));
	return ring_of(d->ring_bytes);
}

/* Into |out|; its length or negative errno. */
static int describe(struct sup_device *d, uint8_t *out, size_t size)
{
	const struct plan *plan = d->sup->plan;
	char uid[MAP_TEXT_MAX] = "", gid[MAP_TEXT_MAX] = "";
	struct node_spawn s = { .kind = d->plan->kind,
				.quiet = d->sup->birth->quiet,
				.seed = d->plan->seed,
				.ca_seed = plan->ca_seed,
				.ring = first_ring(d),
				.n_ifaces = (uint16_t)d->plan->n_ifaces,
				.name = d->plan->name,
				.uid_map = uid,
				.gid_map = gid };
	struct wr w;
	int r = maps_for_devices(uid, gid);

	if (r < 0)
		return r;
	wr_init(&w, out, size);
	node_spawn_write(&w, &s);
	for (size_t i = 0; i < d->plan->n_ifaces; i++) {
		const struct plan_iface *f = &plan->ifaces[d->plan->ifaces[i]];

		node_spawn_write_iface(&w, &(struct node_spawn_iface){ .id = f->id,
								       .mtu = f->mtu,
								       .mac = f->mac,
								       .name = f->name,
								       .kname = f->kernel });
	}
	return w.err ? -EMSGSIZE : (int)wr_len(&w);
}

static int make_journal(struct sup_device *d)
{
	int journal[2];

	if (d->journal_log_fd >= 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, journal) < 0)
		return -errno;
	d->journal_log_fd = journal[0];
	d->journal_node_fd = journal[1];
	return 0;
}

/* A channel to the node to come; the caller closes the node's end when it is handed over. */
static int make_channels(struct sup_device *d, int *ret_node_end)
{
	int ctl[2], r = make_journal(d);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl) < 0)
		return -errno;
	(void)fcntl(ctl[0], F_SETFL, O_NONBLOCK);
	d->ctl_fd = ctl[0];
	*ret_node_end = ctl[1];
	return 0;
}

static int ask_zygote(struct sup_device *d, int node_end, const uint8_t *text, size_t len)
{
	struct sup *s = d->sup;
	struct node_msg msg = { .type = NM_SPAWN,
				.id = d->plan->id,
				.text = (const char *)text,
				.text_len = len,
				.fds = { node_end, d->journal_node_fd, s->clock_fd, d->state_fd,
					 d->user_ns, d->net_ns },
				.n_fds = d->net_ns >= 0 ? 6 : 4 };

	return node_msg_send(s->zygote.fd, &msg);
}

static int spawn(struct sup_device *d)
{
	static uint8_t text[NODE_MSG_TEXT_MAX];
	struct sup *s = d->sup;
	int node_end = -1, len = describe(d, text, sizeof(text)), r = len < 0 ? len : 0;

	if (r == 0 && d->state_fd < 0)
		r = rundir_device(d);
	if (r == 0)
		r = make_channels(d, &node_end);
	if (r == 0)
		r = ask_zygote(d, node_end, text, (size_t)len);
	if (node_end >= 0)
		close(node_end);
	if (r == 0) {
		d->ctl_ev = event_new(s->base, d->ctl_fd, EV_READ | EV_PERSIST, device_hear, d);
		r = d->ctl_ev && event_add(d->ctl_ev, NULL) == 0 ? 0 : -ENOMEM;
	}
	if (r < 0) {
		device_close_ctl(d);
		return r;
	}
	device_set_wanted(d, false);
	d->state = DEVICE_SPAWNING;
	d->spawned = d->prepared = false;
	d->ring_wanted = !s->birth->quiet && captures(d);
	d->asked = true;
	d->asked_ns = sup_mono_ns();
	s->n_asked++;
	return 0;
}

static bool is_hub(const struct sup_device *d)
{
	return d->plan->kind == KIND_SWITCH || d->plan->kind == KIND_HUB;
}

/* Those that are wanted, one kind of them. False when no more can be asked for now. */
static bool spawn_some(struct sup *s, bool hubs)
{
	for (size_t i = 0; i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];
		int r;

		if (s->n_wanted == 0 || s->n_asked >= SPAWNS_AT_ONCE || s->ending)
			return false;
		if (!d->wanted || is_hub(d) != hubs)
			continue;
		r = spawn(d);
		/* A full channel has room when the next answer comes; a closed one is followed by a
		 * new zygote. */
		if (r == -EAGAIN || r == -EPIPE || r == -ECONNRESET)
			return false;
		if (r < 0)
			device_give_up(d, strerror(-r));
	}
	return true;
}

/* Most links have an end at a switch: with the switches there, links are made while the other
 * devices are being born. */
void devices_spawn_some(struct sup *s)
{
	if (spawn_some(s, true))
		(void)spawn_some(s, false);
}

/* What the last zygote was asked for and did not tell of is asked of this one. */
void devices_ask_again(struct sup *s)
{
	for (size_t i = 0; i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];

		if (!d->asked)
			continue;
		device_close_ctl(d); /* a child that was born all the same ends by that */
		d->asked = false;
		s->n_asked--;
		if (d->stop_wanted)
			device_stop_for_good(d, "by request");
		else
			device_set_wanted(d, true);
	}
	devices_spawn_some(s);
	for (size_t i = 0; i < s->plan->n_devices; i++)
		s->devices[i].ring_asked &= s->devices[i].has_ring;
	if (s->listening_ns != 0)
		rings_grow(s);
}

static void ask_for_ring(struct sup_device *d, size_t bytes)
{
	struct node_ring ring = ring_of(bytes);
	uint8_t text[64];
	struct wr w;
	struct node_msg msg = { .type = NM_RING,
				.id = d->plan->id,
				.text = (const char *)text,
				.fds = { d->user_ns, d->net_ns },
				.n_fds = 2 };

	wr_init(&w, text, sizeof(text));
	node_ring_write(&w, &ring);
	msg.text_len = wr_len(&w);
	d->ring_asked = node_msg_send(d->sup->zygote.fd, &msg) == 0;
}

static void grow_ring(struct sup_device *d)
{
	size_t share = d->sup->birth->quiet ? 0 : ring_share(d->sup);
	size_t bytes = ring_larger(d->ring_bytes, share);

	if (d->capture_fd >= 0 && !d->ring_asked && bytes > d->ring_bytes)
		ask_for_ring(d, bytes);
}

void rings_grow(struct sup *s)
{
	for (size_t i = 0; i < s->plan->n_devices; i++)
		grow_ring(&s->devices[i]);
}

bool rings_are_made(const struct sup *s)
{
	for (size_t i = 0; i < s->plan->n_devices; i++)
		if (s->devices[i].ring_asked && !s->devices[i].has_ring)
			return false;
	return true;
}

/* The first answer says who makes it, the second brings it. Without it the ring that there is goes
 * on, and is the last. */
void device_on_ring(struct sup *s, struct node_msg *msg)
{
	struct sup_device *d =
		msg->id >= 1 && msg->id <= s->plan->n_devices ? &s->devices[msg->id - 1] : NULL;

	if (!d || !d->ring_asked || d->has_ring || msg->status > 0)
		return;
	d->has_ring = true;
	if (msg->status == 0 && msg->n_fds == 1) {
		d->next_capture_fd = msg->fds[0];
		msg->n_fds = 0;
		log_add_ring(d);
	} else {
		fprintf(stderr, "<4>%s: no larger packet ring: %s\n", d->plan->name,
			strerror(-msg->status));
	}
	if (!s->ready)
		devices_begin(s);
}

void device_ring_is_read(struct sup_device *d)
{
	d->ring_bytes = ring_larger(d->ring_bytes, ring_share(d->sup));
	d->ring_asked = d->has_ring = false;
	grow_ring(d);
}

/* --- its answer --------------------------------------------------------------------------- */

/* The pid as this process knows it, by the kernel's own word. */
static pid_t pid_of_pidfd(int pidfd)
{
	char path[64], line[128];
	FILE *f;
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Pid: %d", &pid) == 1)
			break;
	if (f)
		fclose(f);
	return pid;
}

/* True when the process ended before the zygote's word of it came. */
static bool ended_already(struct sup *s, pid_t pid, int *ret_status)
{
	for (unsigned i = 0; i < EXITS_MAX; i++)
		if (s->exits[i].pid == pid && pid > 0) {
			*ret_status = s->exits[i].status;
			s->exits[i].pid = 0;
			return true;
		}
	return false;
}

/* A message without descriptors: no process, or one that ended while it was being made. */
static void not_spawned(struct sup_device *d, const struct node_msg *msg)
{
	char why[200];

	snprintf(why, sizeof(why), "%.*s: %s", (int)(msg->text_len < 120 ? msg->text_len : 120),
		 msg->text ? msg->text : "", strerror(msg->status < 0 ? -msg->status : ESRCH));
	device_close_ctl(d);
	if (d->stop_wanted)
		device_stop_for_good(d, "by request");
	else
		device_again(d, why);
}

/* The one that was to answer may have been ended meanwhile. */
void devices_look(struct sup *s)
{
	for (size_t i = 0; s->n_asked > 0 && i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];
		struct node_msg none = { .status = -ETIMEDOUT, .text = "no answer" };

		if (!d->asked || sup_mono_ns() - d->asked_ns < ASK_WAIT_NS)
			continue;
		d->asked = false;
		s->n_asked--;
		none.text_len = strlen(none.text);
		not_spawned(d, &none);
	}
}

void device_on_spawned(struct sup *s, struct node_msg *msg)
{
	struct sup_device *d =
		msg->id >= 1 && msg->id <= s->plan->n_devices ? &s->devices[msg->id - 1] : NULL;
	int status;

	if (!d || !d->asked)
		return;
	d->asked = false;
	s->n_asked--;
	if (msg->status < 0 || msg->n_fds < 1) {
		not_spawned(d, msg);
		return;
	}
	if (d->pidfd >= 0)
		close(d->pidfd);
	d->pidfd = msg->fds[0];
	d->pid = pid_of_pidfd(d->pidfd);
	msg->fds[0] = -1; /* ours now; what is left is closed by the caller */
	if (msg->n_fds == 3 && d->net_ns < 0) {
		d->user_ns = msg->fds[1];
		d->net_ns = msg->fds[2];
		msg->n_fds = 0;
	}
	d->spawned = true;
	if (d->pid <= 0 && ended_already(s, msg->status, &status))
		device_on_exit(d, status);
	else
		device_go_on(d);
	devices_spawn_some(s);
}
