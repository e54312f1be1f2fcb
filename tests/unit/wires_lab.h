/*
 * A lab of one wire link, for the tests of the wires process: two devices, each a network namespace
 * with the interface eth0, the wires process between them, and the test itself as supervisor and as
 * log process.
 *
 * Needs no privilege: everything is inside a user namespace, unless the test runs as root. The TAP
 * carrier needs /dev/net/tun; where it cannot be opened, lab_start() skips the test and says why.
 */
#ifndef TESTS_UNIT_WIRES_LAB_H
#define TESTS_UNIT_WIRES_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "labd/wires/control.h"
#include "labd/wires/port.h"
#include "labd/wires/wires.h"
#include "netns/err.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "netns/sysctl.h"
#include "netns/tap.h"

#define LINK_ID		  5
#define WAIT_MS		  10000 /* for what must happen; never waited out when all is well */
#define N_CARRIERS_TESTED 2

static const enum carrier carriers[N_CARRIERS_TESTED] = { CARRIER_RING, CARRIER_TAP };
static bool single_calls; /* as on a kernel without io_uring */

struct lab_spec {
	enum carrier carrier;
	uint32_t mtu; /* 0 = 1500 */
	size_t feed_bytes;
	size_t pool_bytes;
	uint32_t ring_bytes; /* 0 = 2 MiB */
	struct wire_spec wire[2];
};

struct lab {
	struct lab_spec spec;
	int ns[2];	    /* the devices' namespaces */
	struct port dev[2]; /* packet rings on their eth0 */
	int end[2];	    /* labd's side */
	struct feed_fds feed_fds;
	struct feed *feed; /* consumer */
	int clock_fd;
	struct clock_page *clock;
	int control; /* the supervisor's side */
	int control_wires;
	pid_t pid;
	uint32_t seq;
};

#define must(call)                                                              \
	do {                                                                    \
		struct netns_err err_ = { 0 };                                  \
		struct netns_err *err = &err_;                                  \
		int r_ = (call);                                                \
		if (r_ < 0)                                                     \
			fail_msg("%s: %s %s", #call, strerror(-r_), err_.text); \
	} while (0)

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -errno : 0;
}

/* Once, before the first test: a namespace of one's own. 0, or why not. */
static int lab_isolate(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	char map[64];

	/* Root needs no user namespace, and in one could not open /dev/net/tun. */
	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_file("/proc/self/uid_map", map) < 0)
		return -EPERM;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
}

static int64_t clock_now(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * SEC + now.tv_nsec;
}

static int packet_socket(int ns_fd, const char *name)
{
	struct ns_guard guard;
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd;

	must(ns_enter(ns_fd, &guard, err));
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	addr.sll_ifindex = (int)if_nametoindex(name);
	ns_leave(&guard);
	assert_true(addr.sll_ifindex > 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static void set_up(int ns_fd, const char *name, uint32_t mtu)
{
	struct nl_link_change change = { .set = NL_SET_UP | NL_SET_MTU, .up = true, .mtu = mtu };
	struct nl_h *h;

	must(nlh_open(ns_fd, 0, &h, err));
	must(nl_link_change(h, name, &change, err));
	nlh_close(h);
}

static void make_device_ring(struct lab *lab, unsigned i)
{
	const char *home = i == 0 ? "lab0" : "lab1";
	struct nl_veth veth = {
		.a = { .name = home, .ns_fd = NS_CURRENT },
		.b = { .name = "eth0", .ns_fd = lab->ns[i] },
		.mtu = lab->spec.mtu,
	};
	struct nl_h *h;

	must(nlh_open(NS_CURRENT, 0, &h, err));
	nl_link_delete(h, home, NULL); /* the last test's, if it is still there */
	must(nl_veth_add(h, &veth, err));
	nlh_close(h);
	set_up(lab->ns[i], "eth0", lab->spec.mtu);
	set_up(NS_CURRENT, home, lab->spec.mtu);
	lab->end[i] = packet_socket(NS_CURRENT, home);
}

static void make_device_tap(struct lab *lab, unsigned i)
{
	struct netns_err err = { 0 };
	struct nl_tap tap;
	int r = nl_tap_open(lab->ns[i], "eth0", &tap, &err);

	if (r == -EACCES || r == -ENOENT || r == -EPERM) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	if (r < 0)
		fail_msg("%s", err.text);
	set_up(lab->ns[i], "eth0", lab->spec.mtu);
	lab->end[i] = tap.fd;
}

static void make_device(struct lab *lab, unsigned i)
{
	must(ns_create(&lab->ns[i], err));
	must(ns_sysctl_write(lab->ns[i], "net/ipv6/conf/all/disable_ipv6", "1", err));
	must(ns_sysctl_write(lab->ns[i], "net/ipv6/conf/default/disable_ipv6", "1", err));
	if (lab->spec.carrier == CARRIER_TAP)
		make_device_tap(lab, i);
	else
		make_device_ring(lab, i);
	/* A ring, since an ordinary user's socket buffer holds less than the tests have under way.
	 */
	assert_int_equal(port_open(&lab->dev[i], CARRIER_RING, packet_socket(lab->ns[i], "eth0"),
				   lab->spec.mtu, 8 << 20),
			 0);
}

/* Forks the wires process; called again after it died. */
static void lab_run_wires(struct lab *lab, bool restarted)
{
	struct forward_link link = {
		.id = LINK_ID,
		.carrier = lab->spec.carrier,
		.mtu = lab->spec.mtu,
		.ring_bytes = lab->spec.ring_bytes ? lab->spec.ring_bytes : 2 << 20,
		.up = true,
		.fds = { lab->end[0], lab->end[1] },
		.spec = { lab->spec.wire[0], lab->spec.wire[1] },
	};
	struct wires_args args = {
		.seed = 7,
		.feed = lab->feed_fds,
		.clock_fd = lab->clock_fd,
		.control_fd = lab->control_wires,
		.links = &link,
		.n_links = 1,
		.pool_bytes = lab->spec.pool_bytes,
		.restarted = restarted,
		.single_calls = single_calls,
#ifdef __SANITIZE_ADDRESS__
		.no_sandbox = true,
#endif
	};

	lab->pid = fork();
	assert_true(lab->pid >= 0);
	if (lab->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(lab->control);
		port_close(&lab->dev[0]);
		port_close(&lab->dev[1]);
		_exit(wires_main(&args) == 0 ? 0 : 1);
	}
}

/* ---- control ---- */

/* Sends a request and waits for its answer; descriptors may be NULL. */
static struct control_msg lab_ask(struct lab *lab, struct control_msg msg, const int *fds)
{
	struct pollfd pfd = { .fd = lab->control, .events = POLLIN };
	struct control_msg answer;
	int none[CONTROL_FDS];

	msg.seq = ++lab->seq;
	assert_int_equal(control_send(lab->control, &msg, fds, fds ? CONTROL_FDS : 0), 0);
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_int_equal(control_recv(lab->control, &answer, none), 0);
	assert_int_equal(answer.seq, msg.seq);
	return answer;
}

static void lab_ask_ok(struct lab *lab, struct control_msg msg)
{
	struct control_msg answer = lab_ask(lab, msg, NULL);

	assert_int_equal(answer.type, CONTROL_ANSWER);
	if (answer.answer.error != 0)
		fail_msg("%s", answer.answer.text);
}

static struct forward_sync lab_sync(struct lab *lab, uint64_t n)
{
	struct control_msg answer =
		lab_ask(lab, (struct control_msg){ .type = CONTROL_SYNC, .sync_n = n }, NULL);

	assert_int_equal(answer.type, CONTROL_ANSWER_SYNC);
	assert_int_equal(answer.synced.n, n);
	return answer.synced;
}

static struct forward_stats lab_stats(struct lab *lab, unsigned dir)
{
	struct control_msg answer =
		lab_ask(lab, (struct control_msg){ .type = CONTROL_STATS, .link = LINK_ID }, NULL);

	assert_int_equal(answer.type, CONTROL_ANSWER_STATS);
	return answer.stats[dir];
}

/* ---- birth and death ---- */

static void make_clock(struct lab *lab)
{
	lab->clock_fd = memfd_create("clock", MFD_CLOEXEC);
	assert_int_equal(ftruncate(lab->clock_fd, CLOCK_PAGE_BYTES), 0);
	lab->clock =
		mmap(NULL, CLOCK_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, lab->clock_fd, 0);
	assert_true(lab->clock != MAP_FAILED);
	clock_init(lab->clock, 0, 0, clock_now(CLOCK_MONOTONIC));
}

static void lab_start(struct lab *lab, const struct lab_spec *spec)
{
	int pair[2];

	*lab = (struct lab){ .spec = *spec };
	if (lab->spec.mtu == 0)
		lab->spec.mtu = 1500;
	must(ns_sysctl_write(NS_CURRENT, "net/ipv6/conf/default/disable_ipv6", "1", err));
	for (unsigned i = 0; i < 2; i++)
		make_device(lab, i);
	assert_int_equal(feed_create(spec->feed_bytes, &lab->feed_fds), 0);
	assert_int_equal(feed_open(&lab->feed_fds, FEED_CONSUMER, &lab->feed), 0);
	make_clock(lab);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	lab->control = pair[0];
	lab->control_wires = pair[1];
	lab_run_wires(lab, false);
	lab_stats(lab, 0); /* it answers: its rings are there */
}

/* Ends the wires process by closing its control socket, as the supervisor's death does. */
static void lab_stop(struct lab *lab)
{
	int status;

	close(lab->control);
	close(lab->control_wires);
	assert_int_equal(waitpid(lab->pid, &status, 0), lab->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	feed_close(lab->feed);
	feed_fds_close(&lab->feed_fds);
	munmap(lab->clock, CLOCK_PAGE_BYTES);
	close(lab->clock_fd);
	for (unsigned i = 0; i < 2; i++) {
		port_close(&lab->dev[i]);
		close(lab->end[i]);
		close(lab->ns[i]);
	}
}

/* ---- frames ---- */

/* Frame number n of direction dir: everything in it follows from both. */
static size_t make_frame(uint8_t *frame, uint32_t n, unsigned dir, size_t len)
{
	static const uint8_t start[14] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5 };

	memset(frame, (int)(n * 31 + dir), len);
	memcpy(frame, start, sizeof(start));
	memcpy(frame + 14, &n, sizeof(n));
	frame[18] = (uint8_t)dir;
	return len;
}

static uint32_t frame_number(const uint8_t *frame)
{
	uint32_t n;

	memcpy(&n, frame + 14, sizeof(n));
	return n;
}

static void dev_send(struct lab *lab, unsigned i, uint32_t n, size_t len)
{
	static uint8_t frame[70000];

	make_frame(frame, n, i, len);
	/* ENOBUFS: the device's queue was full, and its interface has counted that. */
	if (send(lab->dev[i].fd, frame, len, 0) != (ssize_t)len && errno != ENOBUFS)
		fail_msg("send of %zu bytes: %s", len, strerror(errno));
}

/* Waits for one frame; 0 = none came in time. */
static size_t dev_recv(struct lab *lab, unsigned i, uint8_t *frame, size_t size, int wait_ms)
{
	struct pollfd pfd = { .fd = lab->dev[i].fd, .events = POLLIN };
	struct port_frame got;

	while (port_read(&lab->dev[i], NULL, &got, 1) == 0)
		if (poll(&pfd, 1, wait_ms) != 1)
			return 0;
	assert_true(got.len <= size);
	memcpy(frame, got.bytes, got.len);
	port_release(&lab->dev[i]);
	return got.len;
}

static void dev_expect(struct lab *lab, unsigned i, uint32_t n, size_t len)
{
	static uint8_t want[70000], got[70000];
	size_t got_len = dev_recv(lab, i, got, sizeof(got), WAIT_MS);

	if (got_len == 0)
		fail_msg("frame %u did not come", n);
	if (frame_number(got) != n)
		fail_msg("frame %u came, expected %u", frame_number(got), n);
	make_frame(want, n, 1 - i, len);
	assert_int_equal(got_len, len);
	assert_memory_equal(got, want, len);
}

static void dev_expect_none(struct lab *lab, unsigned i, int wait_ms)
{
	uint8_t frame[2048];

	if (dev_recv(lab, i, frame, sizeof(frame), wait_ms) != 0)
		fail_msg("frame %u came, expected none", frame_number(frame));
}

/* ---- feed ---- */

struct feed_totals {
	uint64_t n_frames[2];
	uint64_t n_fate[2][16]; /* by bit of the fate */
	uint64_t n_counted[FEED_COUNTER_MAX + 1][2];
	int64_t held_ns[2];
	uint64_t sync_n; /* of the last mark */
};

/* Reads what is there and gives it back; false: nothing was. */
static bool feed_sum(struct lab *lab, struct feed_totals *totals)
{
	struct feed_record rec;
	bool any = false;

	for (; feed_peek(lab->feed, &rec) == 0; feed_advance(lab->feed), any = true) {
		if (rec.type == FEED_FRAME) {
			const struct feed_frame *f = &rec.frame;

			assert_int_equal(f->link, LINK_ID);
			assert_int_equal(f->bytes[18], f->dir);
			assert_true((f->due_ns == 0) == ((f->fate & WIRE_GONE) != 0));
			assert_true(f->due_ns == 0 || f->due_ns >= f->rx_ns);
			totals->n_frames[f->dir]++;
			for (unsigned b = 0; b < 16; b++)
				totals->n_fate[f->dir][b] += f->fate >> b & 1;
		} else {
			const struct feed_counter *c = &rec.counter;

			assert_true(c->until_ns >= c->since_ns);
			totals->n_counted[c->kind][c->dir] += c->n;
			totals->held_ns[c->dir] += c->held_ns;
			if (c->kind == FEED_SYNC)
				totals->sync_n = c->n;
		}
	}
	return any;
}

#endif
