/* The log process as a whole: rings on real interfaces, a feed, journals, barriers, a restart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/ethernet.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "labd/log/ring.h"
#include "netns/err.h"
#include "netns/link.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "tests/unit/log_maker.h"

struct proc {
	char path[64];
	struct log_args args;
	struct clock_page *clock;
	struct log_device_fds fds;
	int control, node;
	int frames; /* sends on the far end of the captured interface */
	struct nl_h *nl, *links;
	struct feed *feed;
	uint32_t next_id;
	pid_t pid;
	char reply[2048];
};

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return ok;
}

static bool own_namespaces(void)
{
	char map[64];
	int uid = (int)getuid(), gid = (int)getgid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	(void)write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %d 1", uid);
	if (!write_file("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "0 %d 1", gid);
	return write_file("/proc/self/gid_map", map);
}

/* p1 is sw1's port towards pc1; "far" is pc1's end, in the same namespace for the test. */
static void make_links(struct proc *p)
{
	struct netns_err err = { 0 };
	struct nl_veth veth = { .a = { .name = "p1", .ns_fd = NS_CURRENT },
				.b = { .name = "far", .ns_fd = NS_CURRENT } };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET };

	assert_int_equal(nlh_open(NS_CURRENT, 0 /* NETLINK_ROUTE */, &p->nl, &err), 0);
	(void)write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	assert_int_equal(nl_veth_add(p->nl, &veth, &err), 0);
	assert_int_equal(nl_link_up(p->nl, "p1", &err), 0);
	assert_int_equal(nl_link_up(p->nl, "far", &err), 0);
	p->frames = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_true(p->frames >= 0);
	ll.sll_ifindex = (int)if_nametoindex("far");
	assert_int_equal(bind(p->frames, (struct sockaddr *)&ll, sizeof(ll)), 0);
}

static void make_clock(struct proc *p)
{
	struct timespec ts;
	int fd = memfd_create("clock", MFD_CLOEXEC);

	assert_int_equal(ftruncate(fd, CLOCK_PAGE_BYTES), 0);
	p->clock = mmap(NULL, CLOCK_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	clock_init(p->clock, WALL0, 0, ts.tv_sec * SEC + ts.tv_nsec);
	p->args.clock_fd = fd;
}

static void make_fds(struct proc *p)
{
	struct netns_err err = { 0 };
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	p->node = fds[0];
	p->fds.device = SW1;
	p->fds.journal = fds[1];
	p->fds.capture = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	assert_int_equal(nlh_open(NS_CURRENT, 0, &p->links, &err), 0);
	p->fds.netlink = nlh_fd(p->links);
	assert_int_equal(feed_create(0, &p->args.feed), 0);
	assert_int_equal(feed_open(&p->args.feed, FEED_PRODUCER, &p->feed), 0);
}

static void start(struct proc *p, bool resumed)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	if (p->control > 0)
		close(p->control);
	p->control = fds[0];
	p->args.control_fd = fds[1];
	p->args.resumed = resumed;
	p->args.device_fds = &p->fds;
	p->args.n_device_fds = 1;
#ifndef __SANITIZE_ADDRESS__
	p->args.sandbox = true;
#endif
	p->pid = fork();
	if (p->pid == 0) {
		close(fds[0]);
		_exit(log_main(&p->args) < 0);
	}
	close(fds[1]);
}

/* Waits for the answer with that id, keeps the text of others. */
static int answer(struct proc *p, uint32_t id)
{
	static uint8_t buf[LOG_MSG_MAX];
	struct log_msg msg;
	int r;

	for (int i = 0; i < 5000; i++) {
		r = log_msg_recv(p->control, buf, &msg);
		if (r == -EAGAIN) {
			usleep(1000);
			continue;
		}
		if (r < 0)
			return r;
		if (msg.text)
			str_copy(p->reply, sizeof(p->reply), msg.text);
		if ((msg.type == LM_DONE || (msg.type == LM_READY && id == 0)) && msg.id == id)
			return msg.status;
		if (msg.type == LM_NOTE)
			print_error("%s\n", msg.text ? msg.text : "");
	}
	return -ETIMEDOUT;
}

static int tell(struct proc *p, struct log_msg msg)
{
	msg.id = ++p->next_id;
	assert_int_equal(log_msg_send(p->control, &msg), 0);
	return answer(p, msg.id);
}

static void barrier(struct proc *p)
{
	assert_int_equal(tell(p, (struct log_msg){ .type = LM_BARRIER, .fds = { -1, -1, -1 } }), 0);
}

static void stop(struct proc *p)
{
	int status;

	assert_int_equal(tell(p, (struct log_msg){ .type = LM_STOP }), 0);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

static int set_up(void **state)
{
	struct proc *p = calloc(1, sizeof(*p));

	maker_path(p->path);
	p->args = maker_args(p->path);
	p->args.ring_bytes = 1 << 20;
	make_links(p);
	make_clock(p);
	make_fds(p);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct proc *p = *state;
	struct netns_err err = { 0 };

	assert_int_equal(nl_link_delete(p->nl, "p1", &err), 0);
	nlh_close(p->nl);
	close(p->frames);
	close(p->control);
	close(p->node);
	close(p->fds.journal);
	close(p->fds.capture);
	nlh_close(p->links);
	munmap(p->clock, CLOCK_PAGE_BYTES);
	close(p->args.clock_fd);
	feed_close(p->feed);
	feed_fds_close(&p->args.feed);
	maker_remove(p->path);
	free(p);
	return 0;
}

static void send_frames(struct proc *p, unsigned n)
{
	struct frame f =
		maker_udp(PC1_ETH0, 0, maker_ep(0, 1, 40000), maker_ep(0, 255, 9), "hello", 5, 1);

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(send(p->frames, f.b, f.len, 0), (ssize_t)f.len);
}

static const char *ask(struct proc *p, const char *sql)
{
	return maker_ask(p->path, sql);
}

static void logs_a_ring(void **state)
{
	struct proc *p = *state;

	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	send_frames(p, 3);
	barrier(p);
	assert_string_equal(ask(p, "SELECT count(*) FROM packet"), "3");
	assert_string_equal(ask(p, "SELECT w.sender || '>' || w.receiver FROM flow f JOIN way w "
				   "ON w.id = f.way"),
			    "pc1>sw1");
	assert_true(atoll(ask(p, "SELECT max(time_ns) FROM packet")) < 10 * SEC);
	assert_int_equal(tell(p, (struct log_msg){ .type = LM_STATS }), 0);
	assert_non_null(strstr(p->reply, "\"packets\": 3"));
	stop(p);
	assert_string_equal(ask(p, "PRAGMA integrity_check"), "ok");
}

static void logs_a_feed_with_its_fate(void **state)
{
	struct proc *p = *state;
	struct frame f =
		maker_udp(R1_ETH1, WWW_ETH0, maker_ep(1, 1, 1000), maker_ep(1, 10, 9), "hi", 2, 1);
	struct timespec ts;
	struct feed_frame ff = { .link = 4, .orig_len = f.len, .cap_len = f.len, .bytes = f.b };

	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	clock_gettime(CLOCK_REALTIME, &ts);
	ff.rx_ns = ts.tv_sec * SEC + ts.tv_nsec;
	ff.due_ns = ff.rx_ns + 20 * MSEC;
	assert_int_equal(feed_put_frame(p->feed, &ff), 0);
	ff.rx_ns += 1000;
	ff.due_ns = 0;
	ff.fate = WIRE_LOST;
	assert_int_equal(feed_put_frame(p->feed, &ff), 0);
	feed_wake(p->feed);
	barrier(p);
	assert_string_equal(ask(p, "SELECT group_concat(coalesce(fate, '-') || ' ' || delay_ns) "
				   "FROM packet"),
			    "- 20000000,1 0");
	assert_string_equal(ask(p, "SELECT sentence FROM decision WHERE device IS NULL"),
			    "the wire lost the frame, as its loss asks");
	stop(p);
}

static void a_barrier_has_everything(void **state)
{
	struct proc *p = *state;
	struct journal_record rec = { .type = JR_CONFIG, .text = "hostname x", .section = "" };
	uint8_t buf[JOURNAL_RECORD_MAX];
	struct wr w;

	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	for (int i = 1; i <= 3; i++) {
		char sql[64];

		wr_init(&w, buf, sizeof(buf));
		journal_write(&w, &rec);
		assert_true(send(p->node, buf, wr_len(&w), 0) > 0);
		send_frames(p, 10);
		barrier(p);
		snprintf(sql, sizeof(sql), "SELECT count(*) = %d FROM packet", 10 * i);
		assert_string_equal(ask(p, sql), "1");
		snprintf(sql, sizeof(sql), "SELECT count(*) = %d FROM config_line", i);
		assert_string_equal(ask(p, sql), "1");
	}
	assert_int_equal(tell(p, (struct log_msg){ .type = LM_EVENT,
						   .device = SW1,
						   .text = "crashed",
						   .detail = "signal 9" }),
			 0);
	barrier(p);
	assert_string_equal(ask(p, "SELECT detail FROM node_event WHERE event = 'crashed'"),
			    "signal 9");
	stop(p);
}

static void goes_on_after_a_kill(void **state)
{
	struct proc *p = *state;
	int status;

	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	send_frames(p, 100);
	barrier(p);
	send_frames(p, 50);
	kill(p->pid, SIGKILL);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	send_frames(p, 25);
	start(p, true);
	assert_int_equal(answer(p, 0), 0);
	send_frames(p, 10);
	barrier(p);
	/* The ring kept what had not been committed, and what came in between: nothing is missing,
	 * nothing is there twice. */
	assert_string_equal(ask(p, "SELECT count(*) FROM packet"), "185");
	assert_string_equal(ask(p, "SELECT reason FROM capture_gap WHERE what = 'decisions'"),
			    "the log process was started anew");
	assert_string_equal(ask(p, "SELECT event FROM node_event"), "log-restarted");
	stop(p);
	assert_string_equal(ask(p, "PRAGMA integrity_check"), "ok");
}

/* More than the ring holds while nobody reads it: rows and gaps are the interface's counter. */
static void counts_what_the_ring_lost(void **state)
{
	struct proc *p = *state;

	p->args.ring_bytes = 128 << 10;
	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	send_frames(p, 1);
	barrier(p);
	kill(p->pid, SIGSTOP);
	send_frames(p, 5000);
	kill(p->pid, SIGCONT);
	barrier(p);
	assert_string_equal(ask(p, "SELECT sum(missing) > 0 FROM capture_gap WHERE way = 2"), "1");
	assert_string_equal(ask(p, "SELECT (SELECT count(*) FROM packet) + (SELECT sum(missing) "
				   "FROM capture_gap WHERE what = 'frames')"),
			    "5001");
	stop(p);
}

static int mkdir_of(const char *path)
{
	char dir[64];

	str_copy(dir, sizeof(dir), path);
	*strrchr(dir, '/') = '\0';
	return mkdir(dir, 0700);
}

/* Runs a log that begins anew; what its database is made of, in a few numbers. */
static const char *made_with_template(struct proc *p, const char *template)
{
	static char text[256];

	p->args.template_path = template;
	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	stop(p);
	assert_string_equal(ask(p, "PRAGMA integrity_check"), "ok");
	str_copy(text, sizeof(text),
		 ask(p, "SELECT (SELECT count(*) || ' ' || sum(length(name || coalesce(sql, ''))) "
			"FROM sqlite_schema) || ' ' || (SELECT count(*) || ' ' || "
			"sum(id * length(name || sentence || source)) FROM rule) || ' ' || "
			"(SELECT count(*) FROM fact_kind) || ' ' || (SELECT count(*) FROM way)"));
	maker_remove(p->path);
	assert_int_equal(mkdir_of(p->path), 0);
	return text;
}

static void begins_with_a_template(void **state)
{
	struct proc *p = *state;
	char template[80], anew[256];
	struct stat first, second;

	snprintf(template, sizeof(template), "%s-kept", p->path);
	*strrchr(template, '/') = '-'; /* beside the folder */
	str_copy(anew, sizeof(anew), made_with_template(p, NULL));
	assert_string_equal(made_with_template(p, template), anew);
	assert_int_equal(stat(template, &first), 0);
	assert_string_equal(made_with_template(p, template), anew);
	assert_int_equal(stat(template, &second), 0);
	assert_int_equal(second.st_ino, first.st_ino); /* it was good */
	assert_int_equal(truncate(template, first.st_size / 2), 0);
	assert_string_equal(made_with_template(p, template), anew);
	assert_int_equal(stat(template, &second), 0);
	assert_int_equal(second.st_size, first.st_size);
	unlink(template);
}

/* Each from a port of its own, so that every frame can be told from the others. */
static void send_numbered(struct proc *p, unsigned from, unsigned to, unsigned pause_us)
{
	for (unsigned i = from; i < to; i++) {
		struct frame f = maker_udp(PC1_ETH0, 0, maker_ep(0, 1, (uint16_t)i),
					   maker_ep(0, 255, 9), "hello", 5, 1);

		assert_int_equal(send(p->frames, f.b, f.len, 0), (ssize_t)f.len);
		usleep(pause_us);
	}
}

/* Every frame once, in order. */
static void assert_numbered(struct proc *p, const char *n)
{
	assert_string_equal(ask(p, "SELECT count(*) FROM packet"), n);
	assert_string_equal(ask(p, "SELECT count(*) FROM (SELECT f.src_port - lag(f.src_port) OVER "
				   "(ORDER BY p.id) AS step FROM packet p JOIN flow f "
				   "ON f.id = p.flow) WHERE step <> 1"),
			    "0");
	assert_string_equal(ask(p, "SELECT count(*) FROM capture_gap WHERE what = 'frames'"), "0");
}

static uint32_t give_ring(struct proc *p, int *ret_fd)
{
	struct log_msg msg = { .type = LM_RING,
			       .device = SW1,
			       .id = ++p->next_id,
			       .fds = { -1, socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), -1 } };

	*ret_fd = msg.fds[1];
	assert_int_equal(log_msg_send(p->control, &msg), 0);
	return msg.id;
}

/* Frames before, meanwhile and after; then a log that knows only the larger ring. */
static void goes_over_to_a_larger_ring(void **state)
{
	struct proc *p = *state;
	int fd, status;
	uint32_t id;

	p->args.ring_bytes = 256 << 10;
	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	send_numbered(p, 10000, 10100, 0);
	id = give_ring(p, &fd);
	send_numbered(p, 10100, 10200, 0);
	assert_int_equal(answer(p, id), 0);
	close(p->fds.capture);
	p->fds.capture = fd;
	send_numbered(p, 10200, 10300, 0);
	barrier(p);
	assert_numbered(p, "300");
	assert_int_equal(tell(p, (struct log_msg){ .type = LM_STATS }), 0);
	assert_non_null(strstr(p->reply, "\"ring_bytes\": 262144"));
	kill(p->pid, SIGKILL);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	send_numbered(p, 10300, 10400, 0);
	start(p, true);
	assert_int_equal(answer(p, 0), 0);
	barrier(p);
	assert_numbered(p, "400");
	stop(p);
}

static void goes_over_while_frames_never_pause(void **state)
{
	struct proc *p = *state;
	int fd, status;
	uint32_t id;
	pid_t sender;

	start(p, false);
	assert_int_equal(answer(p, 0), 0);
	sender = fork();
	if (sender == 0) {
		send_numbered(p, 10000, 16000, 200);
		_exit(0);
	}
	usleep(100 * 1000);
	id = give_ring(p, &fd);
	assert_int_equal(answer(p, id), 0);
	assert_int_equal(waitpid(sender, &status, WNOHANG), 0); /* it is still at it */
	assert_int_equal(waitpid(sender, &status, 0), sender);
	barrier(p);
	assert_numbered(p, "6000");
	stop(p);
	close(fd);
}

/* Small at birth, larger soon, and in the end what it may have. */
static void a_ring_grows_in_two_steps(void **state)
{
	static const struct {
		size_t last, first, second, third; /* MB */
	} rows[] = {
		{ 64, 2, 8, 64 }, { 16, 2, 8, 16 }, { 8, 2, 8, 8 }, { 4, 4, 4, 4 }, { 1, 1, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t last = rows[i].last << 20, now = ring_first_bytes(last);

		assert_int_equal(now, rows[i].first << 20);
		now = ring_larger(now, last);
		assert_int_equal(now, rows[i].second << 20);
		assert_int_equal(ring_larger(now, last), rows[i].third << 20);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(logs_a_ring),
		T(logs_a_feed_with_its_fate),
		T(a_barrier_has_everything),
		T(goes_on_after_a_kill),
		T(counts_what_the_ring_lost),
		T(begins_with_a_template),
		T(goes_over_to_a_larger_ring),
		T(goes_over_while_frames_never_pause),
		cmocka_unit_test(a_ring_grows_in_two_steps),
	};

	if (!own_namespaces()) {
		print_message("log_main: no user namespaces here, skipped\n");
		return 0;
	}
	return cmocka_run_group_tests_name("log_main", tests, NULL, NULL);
}
