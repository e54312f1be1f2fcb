/* The zygote: one process a lab that has loaded every library once and forks a child a device, so
 * that a device costs its own pages only.
 *
 * The child lives in namespaces of its own (user, network, mount, PID, UTS, IPC) and is a child of
 * the supervisor (CLONE_PARENT), which reaps it. The zygote writes the child's id maps, because a
 * process cannot write more than one line of its own. */
#include "shell/shell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/node_spawn.h"
#include "base/pages.h"
#include "netns/sysctl.h"

enum { FD_CTL, FD_JOURNAL, FD_CLOCK, FD_STATE, FD_USER_NS, FD_NET_NS };

#define NEW_SPACES \
	(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC)

struct zygote {
	int fd;
	bool sandbox;
	struct ns_sysctl_fresh fresh;
};

/* --- the child ---------------------------------------------------------------------------- */

static struct node *node_new(void)
{
	struct tables {
		struct call_slot calls[NODE_CALLS_MAX];
		struct pkt_key causes[NODE_CAUSES];
		struct ask_slot asks[NODE_ASKS_MAX];
	} *t = pages_new(sizeof(*t));
	struct node *n = calloc(1, sizeof(*n));

	if (!t || !n)
		return NULL; /* the process ends */
	n->calls = t->calls;
	n->causes = t->causes;
	n->asks = t->asks;
	return n;
}

static int read_ifaces(struct node *n, struct rd *r, unsigned count)
{
	if (count > DEVICE_IFACES_MAX)
		return -E2BIG;
	n->dev.ifaces = calloc(count + 1, sizeof(*n->dev.ifaces));
	n->ifmap = calloc(count + 1, sizeof(*n->ifmap));
	if (!n->dev.ifaces || !n->ifmap)
		return -ENOMEM;
	for (unsigned i = 0; i < count; i++) {
		struct iface *f = &n->dev.ifaces[i];
		struct node_spawn_iface x;
		int err = node_spawn_read_iface(r, &x);

		if (err < 0)
			return err;
		f->id = x.id;
		f->mtu = x.mtu;
		f->mac = x.mac;
		str_copy(f->name, sizeof(f->name), x.name);
		str_copy(f->kname, sizeof(f->kname), x.kname);
		n->ifmap[i].ifid = f->id;
	}
	n->dev.n_ifaces = count;
	return 0;
}

static int read_description(struct node *n, const struct node_msg *msg, struct node_ring *ret_ring)
{
	struct node_spawn s;
	struct rd r;
	int err;

	rd_init(&r, msg->text, msg->text_len);
	err = node_spawn_read(&r, &s);
	if (err < 0)
		return err;
	str_copy(n->dev.name, sizeof(n->dev.name), s.name);
	str_copy(n->dev.hostname, sizeof(n->dev.hostname), s.name);
	n->dev.kind = s.kind;
	n->quiet = s.quiet;
	n->seed = s.seed;
	n->ca_seed = s.ca_seed;
	*ret_ring = s.ring;
	return read_ifaces(n, &r, s.n_ifaces);
}

static int open_node(struct node *n, const struct node_msg *msg)
{
	void *page = mmap(NULL, CLOCK_PAGE_BYTES, PROT_READ, MAP_SHARED, msg->fds[FD_CLOCK], 0);

	if (page == MAP_FAILED)
		return -errno;
	n->clock = page;
	n->dev.epoch_ns = clock_epoch(n->clock);
	n->ctl_fd = msg->fds[FD_CTL];
	n->journal_fd = msg->fds[FD_JOURNAL];
	n->state_fd = msg->fds[FD_STATE];
	n->files_fd = -1;
	n->pending_tail = &n->pending_head;
	n->fx = fx_new();
	fx_mute(n->fx, n->quiet);
	n->base = event_base_new();
	n->frame_fd = -1;
	n->probe_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	n->net_fd = open("/proc/self/net", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!n->base || n->probe_fd < 0)
		return -errno;
	return 0;
}

/* Made here, where it costs the supervisor nothing: its memory is cleared, and the kernel waits for
 * a grace period. */
static int open_ring(const struct node_ring *ring)
{
	struct tpacket_req3 req = { .tp_block_size = ring->block_bytes,
				    .tp_block_nr = ring->n_blocks,
				    .tp_frame_size = ring->frame_bytes,
				    .tp_retire_blk_tov = ring->retire_ms };
	struct sockaddr_ll all = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int version = TPACKET_V3, r = 0;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || ring->frame_bytes == 0)
		return fd < 0 ? -errno : -EINVAL;
	req.tp_frame_nr = ring->block_bytes / ring->frame_bytes * ring->n_blocks;
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0 ||
	    bind(fd, (struct sockaddr *)&all, sizeof(all)) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

/* The kernel waits for a grace period in it: links are made meanwhile. */
static int capture(const struct node *n, const struct node_ring *ring)
{
	int fd = ring->n_blocks > 0 ? open_ring(ring) : -1;
	struct node_msg msg = { .type = NM_CAPTURES, .fds = { fd }, .n_fds = 1 };

	if (ring->n_blocks == 0)
		return 0;
	if (fd < 0)
		return fd;
	(void)node_msg_send(n->ctl_fd, &msg); /* without a supervisor it ends soon */
	close(fd);
	return 0;
}

static _Noreturn void child_fail(const struct node *n, const char *what, int err)
{
	char text[256];
	struct node_msg msg = { .type = NM_READY, .status = err, .text = text };

	snprintf(text, sizeof(text), "%s: %s: %s", n->dev.name, what, strerror(-err));
	msg.text_len = strlen(text);
	(void)node_msg_send(n->ctl_fd, &msg);
	_exit(1);
}

/* Everything between the fork and the loop. */
static _Noreturn void child_main(const struct zygote *z, const struct node_msg *msg)
{
	struct node *n = node_new();
	struct node_ring ring;
	int r;

	if (!n)
		_exit(1);
	n->ctl_fd = msg->fds[FD_CTL];
	fault_in();
	close(z->fd); /* a node asks for no siblings */
	prctl(PR_SET_NAME, "labnode");
	signal(SIGPIPE, SIG_IGN);
	if ((r = read_description(n, msg, &ring)) < 0)
		child_fail(n, "its description cannot be read", r);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		child_fail(n, "its ids cannot be set", -errno);
	if (sethostname(n->dev.hostname, strlen(n->dev.hostname)) < 0)
		child_fail(n, "its host name cannot be set", -errno);
	if ((r = open_node(n, msg)) < 0)
		child_fail(n, "its files cannot be opened", r);
	if ((r = kernel_baseline(n, msg->n_fds > FD_NET_NS ? NULL : &z->fresh)) < 0)
		child_fail(n, "its network namespace cannot be prepared", r);
	(void)node_msg_send(n->ctl_fd, &(struct node_msg){ .type = NM_PREPARED });
	if ((r = capture(n, &ring)) < 0)
		child_fail(n, "its frames cannot be captured", r);
	if ((r = sandbox_root()) < 0)
		child_fail(n, "it cannot get a root of its own", r);
	journal_init(n);
	if ((r = conf_init(n)) < 0 || (r = ctl_init(n)) < 0)
		child_fail(n, "it cannot be set up", r);
	if (z->sandbox && (r = sandbox_drop()) < 0)
		child_fail(n, "its sandbox cannot be closed", r);
	exit(node_run(n));
}

/* --- the parent --------------------------------------------------------------------------- */

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[64];
	int fd, r = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int write_maps(pid_t pid, const struct node_spawn *s)
{
	const char *one = strchr(s->gid_map, '\n');
	int r;

	if (one == strrchr(s->gid_map, '\n') && strstr(s->gid_map, " 1\n"))
		(void)write_proc(pid, "setgroups", "deny");
	r = write_proc(pid, "gid_map", s->gid_map);
	return r < 0 ? r : write_proc(pid, "uid_map", s->uid_map);
}

static int open_ns(pid_t pid, const char *which)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, which);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static pid_t clone_child(uint64_t flags, int *ret_pidfd)
{
	struct clone_args args = { .flags = flags | CLONE_PARENT | CLONE_PIDFD,
				   .pidfd = (uint64_t)(uintptr_t)ret_pidfd };

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* A node that is started anew enters the namespaces that its device already has. The caller is a
 * short-lived child: it cannot come back from them. */
static _Noreturn void rejoin(const struct zygote *z, const struct node_msg *msg)
{
	struct node_msg answer = { .type = NM_SPAWNED, .id = msg->id };
	int pidfd = -1;
	pid_t pid;

	if (setns(msg->fds[FD_USER_NS], CLONE_NEWUSER) < 0 ||
	    setns(msg->fds[FD_NET_NS], CLONE_NEWNET) < 0 ||
	    unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC) < 0)
		pid = -1;
	else
		pid = clone_child(CLONE_NEWPID, &pidfd);
	if (pid == 0)
		child_main(z, msg);
	answer.status = pid < 0 ? -errno : pid; /* as the supervisor knows it: only the child is in
						 * another PID namespace */
	answer.fds[0] = pidfd;
	answer.n_fds = pid < 0 ? 0 : 1;
	(void)node_msg_send(z->fd, &answer);
	_exit(0);
}

static void answer_failure(const struct zygote *z, uint32_t id, int err, const char *what)
{
	struct node_msg answer = {
		.type = NM_SPAWNED, .id = id, .status = err, .text = what, .text_len = strlen(what)
	};

	(void)node_msg_send(z->fd, &answer);
}

static void spawn_new(const struct zygote *z, const struct node_msg *msg,
		      const struct node_spawn *s)
{
	struct node_msg answer = { .type = NM_SPAWNED, .id = msg->id, .n_fds = 3 };
	int go[2], pidfd = -1, r;
	char byte;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) < 0) {
		answer_failure(z, msg->id, -errno, "pipe");
		return;
	}
	pid = clone_child(NEW_SPACES, &pidfd);
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) == 1)
			child_main(z, msg);
		_exit(1);
	}
	close(go[0]);
	r = pid < 0 ? -errno : write_maps(pid, s);
	if (r < 0) {
		answer_failure(z, msg->id, r,
			       pid < 0 ? "its namespaces could not be made"
				       : "its user ids could not be mapped");
		close(go[1]); /* the child ends at the end of the pipe */
		if (pidfd >= 0)
			close(pidfd);
		return;
	}
	answer.status = pid;
	answer.fds[0] = pidfd;
	answer.fds[1] = open_ns(pid, "user");
	answer.fds[2] = open_ns(pid, "net");
	if (answer.fds[1] < 0 || answer.fds[2] < 0 || write(go[1], "g", 1) != 1)
		answer_failure(z, msg->id, -ESRCH, "the process ended while it was being made");
	else
		(void)node_msg_send(z->fd, &answer);
	close(go[1]);
	node_msg_close_fds(&answer);
}

static void spawn_again(const struct zygote *z, const struct node_msg *msg)
{
	int pidfd = -1;
	pid_t pid = clone_child(0, &pidfd);

	if (pid == 0)
		rejoin(z, msg);
	if (pid < 0)
		answer_failure(z, msg->id, -errno, "fork");
	else
		close(pidfd);
}

/* Memory that the host has taken back costs 2 ms a MB at first use. Used here first, where a signal
 * can end it, unlike in the kernel's making of the ring, which then finds it fresh. */
static void touch_memory(size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED)
		return;
	(void)madvise(map, bytes, MADV_HUGEPAGE);
	(void)madvise(map, bytes, MADV_POPULATE_WRITE);
	(void)munmap(map, bytes);
}

/* In the namespaces of a device; as above by a short-lived child, whom nobody waits for. */
static _Noreturn void make_ring(const struct zygote *z, const struct node_msg *msg)
{
	struct node_msg answer = { .type = NM_RING, .id = msg->id };
	struct node_ring ring;
	struct rd r;
	int fd;

	rd_init(&r, msg->text, msg->text_len);
	node_ring_read(&r, &ring);
	touch_memory((size_t)ring.block_bytes * ring.n_blocks);
	if (r.err || msg->n_fds != 2 || ring.n_blocks == 0)
		fd = -EBADMSG;
	else if (setns(msg->fds[0], CLONE_NEWUSER) < 0 || setns(msg->fds[1], CLONE_NEWNET) < 0)
		fd = -errno;
	else
		fd = open_ring(&ring);
	answer.status = fd < 0 ? fd : 0;
	answer.fds[0] = fd;
	answer.n_fds = fd >= 0;
	(void)node_msg_send(z->fd, &answer);
	_exit(0);
}

static void add_ring(const struct zygote *z, const struct node_msg *msg)
{
	struct node_msg answer = { .type = NM_RING, .id = msg->id };
	int pidfd = -1;

	answer.status = clone_child(0, &pidfd);
	if (answer.status == 0)
		make_ring(z, msg);
	if (answer.status < 0)
		answer.status = -errno;
	else
		close(pidfd);
	(void)node_msg_send(z->fd, &answer);
}

static void spawn(const struct zygote *z, const struct node_msg *msg)
{
	struct node_spawn s;
	struct rd r;

	rd_init(&r, msg->text, msg->text_len);
	if (node_spawn_read(&r, &s) < 0 || msg->n_fds <= FD_STATE)
		answer_failure(z, msg->id, -EINVAL, "the description of the device is not valid");
	else if (msg->n_fds > FD_NET_NS)
		spawn_again(z, msg);
	else
		spawn_new(z, msg, &s);
}

/* Loads what every device will need, so that the pages are shared. A child pays for each page that
 * it changes: nothing freed is left lying about for it to reuse or to merge. */
static void warm_up(unsigned kinds)
{
	struct event_base *base = event_base_new();

	if (base)
		event_base_free(base);
	console_prepare();
	for (int k = 0; k < N_KINDS; k++)
		if (kinds & 1u << k)
			(void)conf_grammar(k);
	(void)rule_number("");
	(void)fact_by_number(0);
	note_text();
	heap_fill_holes();
}

int zygote_main(int supervisor_fd, bool sandbox, uint64_t fresh, unsigned kinds)
{
	static uint8_t buf[NODE_MSG_MAX];
	struct zygote z = { .fd = supervisor_fd, .sandbox = sandbox };
	struct node_msg msg;
	int r;

	prctl(PR_SET_NAME, "labnode-zygote");
	signal(SIGPIPE, SIG_IGN);
	(void)fcntl(supervisor_fd, F_SETFD, FD_CLOEXEC);
	heap_for_birth();
	ns_sysctl_know(&z.fresh, fresh);
	sandbox_prepare_root();
	if (sandbox && (r = sandbox_prepare()) < 0)
		return 1;
	warm_up(kinds);
	while ((r = node_msg_recv(supervisor_fd, buf, &msg)) == 0) {
		if (msg.type == NM_SPAWN)
			spawn(&z, &msg);
		else if (msg.type == NM_RING)
			add_ring(&z, &msg);
		node_msg_close_fds(&msg);
	}
	return r == -EPIPE ? 0 : 1;
}
