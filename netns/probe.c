#include "netns/probe.h"

#include "netns/acl.h"
#include "netns/bridge.h"
#include "netns/err.h"
#include "netns/idmap.h"
#include "netns/link.h"
#include "netns/nflog.h"
#include "netns/nl.h"
#include "netns/ns.h"
#include "netns/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE_GROUP 1 /* NFLOG group, in a namespace of the probe's own */

typedef int probe_fn(struct netns_err *err);

/* ---- what is tried, as root of a fresh user, network and mount namespace ---- */

static int try_userns(struct netns_err *err)
{
	struct nl_h *h;
	int r;

	/* Where AppArmor takes the capabilities away, this is the first thing that fails. */
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return netns_fail_errno(err, -errno, "mount namespace: make private");
	r = nlh_open(NS_CURRENT, NETLINK_ROUTE, &h, err);
	if (r < 0)
		return r;
	r = nl_link_up(h, "lo", err);
	(void)nlh_close(h);
	return r;
}

static int try_nothing(struct netns_err *err)
{
	(void)err;
	return 0;
}

static int nested_child(void *arg)
{
	(void)arg;
	return geteuid() != 0;
}

static int try_nested(struct netns_err *err)
{
	const struct ns_fork how = { .flags = CLONE_NEWUSER | CLONE_NEWNET, .child = nested_child };
	struct idmap map;
	int status = 0, r = idmap_nested(&map, err);
	pid_t pid = -1;

	if (r >= 0)
		r = ns_fork(&how, &map, &pid, NULL, err);
	if (r < 0)
		return r;
	if (waitpid(pid, &status, 0) != pid || status)
		return netns_fail(err, -EPERM, "nested user namespace: its root is not root");
	return 0;
}

static int try_veth(struct netns_err *err)
{
	const struct nl_veth veth = {
		.a = { .name = "probe0", .ns_fd = NS_CURRENT },
		.b = { .name = "probe1", .ns_fd = NS_CURRENT },
	};
	struct nl_h *h;
	int r = nlh_open(NS_CURRENT, NETLINK_ROUTE, &h, err);

	if (r < 0)
		return r;
	r = nl_veth_add(h, &veth, err);
	if (r >= 0)
		r = nl_offload_off(h, "probe0", err);
	(void)nlh_close(h);
	return r;
}

static int try_bridge(struct netns_err *err)
{
	const struct nl_bridge_conf conf = { .name = "probe0", .stp = true };
	struct nl_h *h;
	int r = nlh_open(NS_CURRENT, NETLINK_ROUTE, &h, err);

	if (r < 0)
		return r;
	r = nl_bridge_add(h, &conf, err);
	(void)nlh_close(h);
	return r;
}

static int try_tap(struct netns_err *err)
{
	struct nl_tap tap;
	int r = nl_tap_open(NS_CURRENT, "probe0", &tap, err);

	if (r >= 0)
		(void)close(tap.fd);
	return r;
}

static int try_ring_on(int fd, struct netns_err *err)
{
	const struct tpacket_req3 req = {
		.tp_block_size = 32768,
		.tp_block_nr = 2,
		.tp_frame_size = 2048,
		.tp_frame_nr = 32,
		.tp_retire_blk_tov = 20,
	};
	const int version = TPACKET_V3;
	void *ring;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0)
		return netns_fail_errno(err, -errno, "packet ring: TPACKET_V3");
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return netns_fail_errno(err, -errno, "packet ring: create");
	ring = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		return netns_fail_errno(err, -errno, "packet ring: map");
	(void)munmap(ring, 65536);
	return 0;
}

static int try_ring(struct netns_err *err)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), r;

	if (fd < 0)
		return netns_fail_errno(err, -errno, "packet socket: open");
	r = try_ring_on(fd, err);
	(void)close(fd);
	return r;
}

static int try_acl(bool log, struct netns_err *err)
{
	const struct acl_entry entry = {
		.seq = 10,
		.protocol = IPPROTO_UDP,
		.src = acl_addr_any(),
		.dst = acl_addr4(0x0a000000, 0xff),
		.dst_port = { ACL_PORT_EQ, 53, 0 },
		.log = log,
	};
	const struct acl acl = { "probe", AF_INET, &entry, 1 };
	const struct acl_binding binding = { .interface = "lo", .acl = &acl };
	const struct acl_set set = {
		.bindings = &binding,
		.n_bindings = 1,
		.group = PROBE_GROUP,
		.log = ACL_LOG_MARKED,
		.unreachable = true,
	};
	struct nl_h *h;
	int r = nlh_open(NS_CURRENT, NETLINK_NETFILTER, &h, err);

	if (r < 0)
		return r;
	r = acl_apply(h, &set, err);
	(void)nlh_close(h);
	return r;
}

static int try_nf_tables(struct netns_err *err)
{
	return try_acl(false, err);
}

static int try_nflog(struct netns_err *err)
{
	struct nflog *log;
	int r = nflog_open(NS_CURRENT, PROBE_GROUP, 64, &log, err);

	if (r < 0)
		return r;
	r = try_acl(true, err);
	(void)nflog_close(log);
	return r;
}

/* A private layer over a tree of the host, upper and work directories on a tmpfs. */
static int try_overlay(struct netns_err *err)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, NULL) < 0)
		return netns_fail_errno(err, -errno, "tmpfs: mount");
	if (mkdir("/tmp/upper", 0700) < 0 || mkdir("/tmp/work", 0700) < 0 ||
	    mkdir("/tmp/merged", 0700) < 0)
		return netns_fail_errno(err, -errno, "tmpfs: mkdir");
	if (mount("overlay", "/tmp/merged", "overlay", 0,
		  "lowerdir=/var,upperdir=/tmp/upper,workdir=/tmp/work,userxattr") < 0)
		return netns_fail_errno(err, -errno, "overlay over /var: mount");
	if (mkdir("/tmp/merged/probe", 0700) < 0)
		return netns_fail_errno(err, -errno, "overlay over /var: write");
	return 0;
}

/* ---- what a refusal means ---- */

static void set_text(char *text, const char *what)
{
	(void)snprintf(text, PROBE_TEXT_LEN, "%s", what);
}

struct userns_reason {
	const char *why, *remedy;
};

static const struct userns_reason reason_max = {
	"user.max_user_namespaces is 0",
	"as root: sysctl user.max_user_namespaces=15000, and the same line in /etc/sysctl.d",
};
static const struct userns_reason reason_clone = {
	"kernel.unprivileged_userns_clone is 0",
	"as root: sysctl kernel.unprivileged_userns_clone=1, and the same line in /etc/sysctl.d",
};
static const struct userns_reason reason_apparmor = {
	"AppArmor takes the capabilities away (kernel.apparmor_restrict_unprivileged_userns is 1)",
	"install an AppArmor profile with 'userns,' for this program, or as root: sysctl "
	"kernel.apparmor_restrict_unprivileged_userns=0",
};
static const struct userns_reason reason_limit = {
	"the limit of user namespaces is reached, or they are nested 32 deep",
	"as root: raise sysctl user.max_user_namespaces",
};
static const struct userns_reason reason_kernel = {
	"the kernel has no user namespaces (CONFIG_USER_NS)",
	"use a kernel that has them",
};
static const struct userns_reason reason_filter = {
	"something outside forbids it: the system call filter of a container, most likely",
	"run the container with --security-opt seccomp=unconfined, or work outside of it",
};

static const struct userns_reason *userns_reason(int code, const struct probe_facts *f)
{
	if (f->max_user_namespaces == 0)
		return &reason_max;
	if (f->unprivileged_clone == 0 && f->uid != 0)
		return &reason_clone;
	if (f->apparmor_restricts == 1 && f->uid != 0 && (code == -EPERM || code == -EACCES))
		return &reason_apparmor;
	if (code == -ENOSPC || code == -EUSERS)
		return &reason_limit;
	if (code == -EINVAL)
		return &reason_kernel;
	if (code == -EPERM || code == -EACCES || code == -ENOSYS)
		return &reason_filter;
	return NULL;
}

void probe_explain_userns(int code, const struct probe_facts *facts, const char *kernel_says,
			  struct probe_result *ret_result)
{
	const struct userns_reason *reason = userns_reason(code, facts);

	*ret_result = (struct probe_result){ .answer = PROBE_NO, .code = code };
	(void)snprintf(ret_result->why, sizeof(ret_result->why), "%s%s%s",
		       reason ? reason->why : "", reason ? ": " : "", kernel_says);
	set_text(ret_result->remedy, reason ? reason->remedy : "");
}

static long read_setting(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return -1;
	text[n] = 0;
	return strtol(text, NULL, 10);
}

static void explain_userns_here(int code, const char *kernel_says, struct probe_result *res)
{
	const struct probe_facts facts = {
		.uid = geteuid(),
		.apparmor_restricts =
			read_setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
		.max_user_namespaces = read_setting("/proc/sys/user/max_user_namespaces"),
		.unprivileged_clone = read_setting("/proc/sys/kernel/unprivileged_userns_clone"),
	};

	probe_explain_userns(code, &facts, kernel_says, res);
}

static void explain_id_range(struct probe_result *res)
{
	struct passwd *pw = getpwuid(geteuid());

	(void)snprintf(res->remedy, sizeof(res->remedy),
		       "install newuidmap (package uidmap or shadow-utils), and as root: usermod "
		       "--add-subuids 100000-165535 --add-subgids 100000-165535 %s",
		       pw ? pw->pw_name : "USER");
}

/* ---- the table, and running a row of it ---- */

static const struct {
	const char *name, *purpose, *remedy;
	probe_fn *try;
} probes[PROBE_N] = {
	[PROBE_USER_NAMESPACE] = { "user namespaces", "nothing works without", "", try_userns },
	[PROBE_ID_RANGE] = { "a range of ids", "programs that change their user (sshd, nginx)", "",
			     try_nothing },
	[PROBE_NESTED] = { "nested user namespaces", "devices that are kept apart",
			   "as root: raise sysctl user.max_user_namespaces", try_nested },
	[PROBE_VETH] = { "veth", "links between devices", "as root: modprobe veth", try_veth },
	[PROBE_BRIDGE] = { "bridge", "switches that the kernel carries", "as root: modprobe bridge",
			   try_bridge },
	[PROBE_TAP] = { "/dev/net/tun", "TAP; packet rings do the same without it",
			"as root: modprobe tun; chmod 0666 /dev/net/tun", try_tap },
	[PROBE_PACKET_RING] = { "AF_PACKET ring (TPACKET_V3)", "captures",
				"use a kernel with CONFIG_PACKET, as root: modprobe af_packet",
				try_ring },
	[PROBE_NF_TABLES] = { "nf_tables", "access lists",
			      "as root: modprobe nf_tables nft_reject_inet", try_nf_tables },
	[PROBE_NFLOG] = { "nfnetlink_log", "the decisions of access lists in the log",
			  "as root: modprobe -a nfnetlink_log nft_log", try_nflog },
	[PROBE_OVERLAY] = { "overlay in a user namespace",
			    "a private /var and /run for programs that run in a device",
			    "use Linux 5.11 or newer with CONFIG_OVERLAY_FS; as root: modprobe "
			    "overlay",
			    try_overlay },
};

static const char *const answer_names[] = {
	[PROBE_YES] = "yes",
	[PROBE_LESS] = "yes, with less",
	[PROBE_NO] = "no",
	[PROBE_NOT_TRIED] = "not tried",
};

const char *probe_name(enum probe_id id)
{
	return probes[id].name;
}

const char *probe_purpose(enum probe_id id)
{
	return probes[id].purpose;
}

const char *probe_answer_name(enum probe_answer answer)
{
	return answer_names[answer];
}

struct probe_report {
	int code;
	struct netns_err err;
};

struct probe_job {
	probe_fn *try;
	int report_fd;
};

static int probe_child(void *arg)
{
	const struct probe_job *job = arg;
	struct probe_report rep = { 0 };

	rep.code = job->try(&rep.err);
	return write(job->report_fd, &rep, sizeof(rep)) != sizeof(rep);
}

/* The child's report, or what became of it. */
static void probe_wait(pid_t pid, int report_fd, struct probe_report *rep)
{
	struct pollfd pfd = { .fd = report_fd, .events = POLLIN };
	int ready, status = 0;

	do {
		ready = poll(&pfd, 1, PROBE_TIMEOUT_S * 1000);
	} while (ready < 0 && errno == EINTR);
	if (ready <= 0) {
		(void)kill(pid, SIGKILL);
		rep->code = netns_fail_errno(&rep->err, -ETIMEDOUT, "probe");
	} else if (read(report_fd, rep, sizeof(*rep)) != sizeof(*rep)) {
		rep->code = netns_fail(&rep->err, -ECHILD, "the probe died");
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}

static void probe_in_box(probe_fn *try, struct idmap *map, struct probe_report *rep)
{
	struct probe_job job = { .try = try };
	const struct ns_fork how = {
		.flags = CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS,
		.die_with_parent = true,
		.child = probe_child,
		.arg = &job,
	};
	int fds[2];
	pid_t pid;

	memset(rep, 0, sizeof(*rep));
	rep->code = idmap_plan(map, &rep->err);
	if (rep->code < 0)
		return;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		rep->code = netns_fail_errno(&rep->err, -errno, "probe: pipe");
		return;
	}
	job.report_fd = fds[1];
	rep->code = ns_fork(&how, map, &pid, NULL, &rep->err);
	(void)close(fds[1]);
	if (rep->code >= 0)
		probe_wait(pid, fds[0], rep);
	(void)close(fds[0]);
}

void probe_run(enum probe_id id, struct probe_result *ret_result)
{
	struct probe_report rep;
	struct idmap map;

	*ret_result = (struct probe_result){ .answer = PROBE_YES };
	probe_in_box(probes[id].try, &map, &rep);
	if (rep.code < 0 && (id == PROBE_USER_NAMESPACE || id == PROBE_ID_RANGE)) {
		explain_userns_here(rep.code, rep.err.text, ret_result);
		return;
	}
	if (rep.code < 0) {
		ret_result->answer = PROBE_NO;
		ret_result->code = rep.code;
		set_text(ret_result->why, rep.err.text);
		set_text(ret_result->remedy, probes[id].remedy);
		return;
	}
	if (id != PROBE_ID_RANGE)
		return;
	set_text(ret_result->why, map.reason);
	if (map.kind == IDMAP_ONE) {
		ret_result->answer = PROBE_LESS;
		explain_id_range(ret_result);
	}
}

void probe_run_all(struct probe_result ret_results[static PROBE_N])
{
	probe_run(PROBE_USER_NAMESPACE, &ret_results[PROBE_USER_NAMESPACE]);
	for (int id = PROBE_USER_NAMESPACE + 1; id < PROBE_N; id++) {
		if (ret_results[PROBE_USER_NAMESPACE].answer == PROBE_YES) {
			probe_run(id, &ret_results[id]);
			continue;
		}
		ret_results[id] = (struct probe_result){ .answer = PROBE_NOT_TRIED };
		set_text(ret_results[id].why, "it needs user namespaces");
	}
}
