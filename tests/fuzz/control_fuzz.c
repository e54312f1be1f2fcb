/* The control socket from arbitrary bytes: messages separated by NUL, to a real listening socket.
 *
 * A message that begins with '~' brings a stream socket along, one that begins with '!' is not
 * sent: the client goes away without reading and another comes. Nodes answer as nodes do. In the
 * end no client may be left. */
#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "labd/lab/diag.h"
#include "labd/lab/lab.h"
#include "labd/supervisor/control.h"
#include "netns/err.h"
#include "netns/nl.h"
#include "netns/ns.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGES_MAX 64

static struct birth given = { .quiet = true, .status_fd = -1 };
static struct sup s = { .birth = &given, .zygote.fd = -1, .wires.fd = -1, .log.fd = -1 };
static struct clock_page clock_page;
static struct sockaddr_un addr = { .sun_family = AF_UNIX };
static socklen_t addr_len = sizeof(sa_family_t);
static int node_ends[2];

static const char lab_text[] =
	"name: fuzz\n"
	"topology:\n"
	"  nodes: { pc1: { kind: pc }, sw1: { kind: switch } }\n"
	"  links: [ { name: cable, endpoints: [ \"pc1:eth0\", \"sw1:1\" ] } ]\n";

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd >= 0) {
		(void)!write(fd, text, strlen(text));
		close(fd);
	}
}

/* labd answers the owner only, who is user 0 in its own namespace; its network has no interface. */
static void enter_spaces(void)
{
	char map[64];
	unsigned uid = getuid(), gid = getgid();

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		abort();
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1", uid);
	write_file("/proc/self/uid_map", map);
	snprintf(map, sizeof(map), "0 %u 1", gid);
	write_file("/proc/self/gid_map", map);
}

static struct plan *make_plan(void)
{
	char path[] = "/tmp/control-fuzz-XXXXXX";
	int fd = mkstemp(path);
	struct diag diag = { 0 };
	struct lab *lab = NULL;
	struct plan *plan;

	assert(fd >= 0 && write(fd, lab_text, strlen(lab_text)) == (ssize_t)strlen(lab_text));
	close(fd);
	if (lab_load(path, &lab, &diag) < 0) {
		diag_print(stderr, &diag);
		abort();
	}
	unlink(path);
	plan = plan_from_lab(lab);
	lab_free(lab);
	return plan;
}

static void make_devices(void)
{
	struct netns_err err = { 0 };

	assert(devices_init(&s) == 0);
	s.n_wanted = 0;
	for (size_t i = 0; i < s.plan->n_devices; i++) {
		struct sup_device *d = &s.devices[i];
		int ends[2];

		assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) == 0);
		d->ctl_fd = ends[0];
		node_ends[i] = ends[1];
		d->wanted = false;
		d->was_ready = true;
		assert(nlh_open(NS_CURRENT, NETLINK_ROUTE, &d->nl, &err) == 0);
	}
}

static int listen_somewhere(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	assert(bind(fd, (struct sockaddr *)&addr, addr_len) == 0 && listen(fd, 16) == 0);
	addr_len = sizeof(addr);
	assert(getsockname(fd, (struct sockaddr *)&addr, &addr_len) == 0);
	return fd;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	enter_spaces();
	s.base = event_base_new();
	s.plan = make_plan();
	s.links = calloc(s.plan->n_links + 1, sizeof(*s.links));
	assert(s.base && s.plan && s.links);
	for (size_t i = 0; i < s.plan->n_links; i++)
		s.links[i].plan = &s.plan->links[i];
	s.clock = &clock_page;
	clock_init(s.clock, 0, 0, sup_mono_ns());
	make_devices();
	given.listen_fd = listen_somewhere();
	assert(sync_init(&s) == 0 && control_init(&s) == 0);
	return 0;
}

/* --- nodes and clients -------------------------------------------------------------------- */

static void answer_command(struct sup_device *d, struct node_msg *msg)
{
	struct node_msg out = { .type = NM_OUTPUT, .id = msg->id, .text = msg->text };

	out.text_len = msg->text_len;
	control_from_node(d, &out);
	out.type = NM_COMMAND_END;
	control_from_node(d, &out);
}

static void run_node(size_t i)
{
	static uint8_t buf[NODE_MSG_MAX];
	struct node_msg msg;

	while (node_msg_recv(node_ends[i], buf, &msg) == 0) {
		if (msg.type == NM_COMMAND)
			answer_command(&s.devices[i], &msg);
		else if (msg.type == NM_SYNC)
			control_from_node(&s.devices[i], &msg);
		node_msg_close_fds(&msg);
	}
}

static void turn(void)
{
	(void)event_base_loop(s.base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < s.plan->n_devices; i++)
		run_node(i);
	s.ending = false;
}

static int come(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	assert(connect(fd, (struct sockaddr *)&addr, addr_len) == 0);
	turn();
	return fd;
}

static void say(int fd, const uint8_t *data, size_t len)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int pair[2] = { -1, -1 };

	if (len > 0 && data[0] == '~' && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
		iov.iov_base = (char *)iov.iov_base + 1;
		iov.iov_len--;
		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &pair[0], sizeof(int));
	}
	(void)!sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
}

static int take(int client, const uint8_t *data, size_t len)
{
	static char answer[1 << 18];

	if (len > 0 && data[0] == '!') {
		close(client);
		return come();
	}
	say(client, data, len);
	turn();
	while (len % 2 && recv(client, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
	return client;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int client = come();

	s.ready = size % 2;
	for (size_t i = 0; i < s.plan->n_devices; i++)
		s.devices[i].state = DEVICE_READY;
	for (int i = 0; i < MESSAGES_MAX && size > 0; i++) {
		const uint8_t *end = memchr(data, '\0', size);
		size_t len = end ? (size_t)(end - data) : size;

		client = take(client, data, len);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
	close(client);
	for (int i = 0; i < 4; i++)
		turn();
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	assert(s.n_clients == 0);
	return 0;
}
