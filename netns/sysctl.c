#include "netns/sysctl.h"

#include "netns/err.h"
#include "netns/idmap.h"
#include "netns/ns.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SYSCTL_DIR_LEN 32

/* Group ids end here for the kernel, which takes the range as signed numbers. */
#define SYSCTL_TOP_GID 2147483647u

/* Order matters: ip_forward resets the settings of every interface, so it stands first. */
/* clang-format off */
const struct ns_sysctl ns_sysctl_baseline[] = {
	{ NS_ROLE_HOST, "net/ipv4/ip_forward", "0",
	  "an end system does not forward" },
	{ NS_ROLE_ROUTER, "net/ipv4/ip_forward", "1",
	  "a router forwards" },
	{ NS_ROLE_ANY, "net/ipv4/ip_unprivileged_port_start", "0",
	  "services bind ports below 1024 without a capability" },
	{ NS_ROLE_ANY, "net/ipv4/ping_group_range", "0 %g",
	  "ping sockets without a capability, for every group that exists" },
	{ NS_ROLE_ANY, "net/ipv4/conf/all/rp_filter", "0",
	  "some hosts set 1 or 2, which drops asymmetric traffic without a trace" },
	{ NS_ROLE_ANY, "net/ipv4/conf/default/rp_filter", "0",
	  "the same, for interfaces to come" },
	{ NS_ROLE_ANY, "net/ipv4/conf/all/promote_secondaries", "1",
	  "or removing an address takes the later ones of its subnet with it" },
	{ NS_ROLE_ANY, "net/ipv4/conf/all/accept_source_route", "0",
	  "inherited from the host otherwise" },
	{ NS_ROLE_ANY, "net/ipv4/conf/default/accept_source_route", "0",
	  "inherited from the host otherwise" },
	{ NS_ROLE_HOST, "net/ipv4/conf/all/accept_redirects", "1",
	  "an end system follows ICMP redirects (RFC 1122 3.2.2.2)" },
	{ NS_ROLE_ROUTER, "net/ipv4/conf/all/accept_redirects", "0",
	  "a router does not (RFC 1812 5.2.7.2)" },
	{ NS_ROLE_ROUTER, "net/ipv4/conf/all/send_redirects", "1",
	  "a router tells of a better first hop (RFC 1812 5.2.7.2)" },
	{ NS_ROLE_ROUTER, "net/ipv4/conf/default/send_redirects", "1",
	  "the same, for interfaces to come" },
	{ NS_ROLE_ANY, "net/ipv4/conf/all/arp_ignore", "1",
	  "answer ARP only for an address of the asked interface, as routers and switches do" },
	{ NS_ROLE_ANY, "net/ipv4/conf/all/arp_announce", "2",
	  "ask with an address of the sending interface, for the same reason" },
	{ NS_ROLE_ANY, "net/ipv4/conf/all/log_martians", "0",
	  "nothing of a lab goes to the host's kernel log" },
	{ NS_ROLE_ANY, "net/ipv4/icmp_echo_ignore_broadcasts", "1",
	  "the standard's default (RFC 1812 4.3.3.6)" },
	{ NS_ROLE_ANY, "net/ipv4/icmp_ratelimit", "0",
	  "each error message is sent: a limit by the clock would differ from run to run" },
	{ NS_ROLE_ANY, "net/ipv4/ip_local_port_range", "32768 60999",
	  "inherited from the host otherwise" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_congestion_control", "reno",
	  "inherited from the host otherwise; RFC 5681's is the one that every kernel lets one choose" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_rmem", "4096 131072 10485760",
	  "bytes; a window of 4,500 frames: 2.5 Gbit/s over 10 ms each way, and no more than a wire's end holds; the kernel derives it from the host's memory otherwise" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_wmem", "4096 16384 10485760",
	  "the same" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_no_metrics_save", "1",
	  "what one connection learned does not change the next" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_ecn", "2",
	  "the kernel's default: only when the other side asks" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_timestamps", "1",
	  "the kernel's default" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_keepalive_time", "7200",
	  "RFC 9293 3.8.4: no less than two hours unless asked for; seconds" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_keepalive_intvl", "75",
	  "the kernel's default; seconds" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_keepalive_probes", "9",
	  "the kernel's default" },
	{ NS_ROLE_ANY, "net/ipv4/tcp_syncookies", "0",
	  "a full accept queue shows as dropped SYNs, not as cookies" },
	{ NS_ROLE_ANY, "net/core/somaxconn", "4096",
	  "the kernel's default; some hosts lower it" },
	{ NS_ROLE_BRIDGE, "net/bridge/bridge-nf-call-iptables", "0",
	  "a switch looks at no IP header, and frames pass 5 % faster" },
	{ NS_ROLE_BRIDGE, "net/bridge/bridge-nf-call-ip6tables", "0",
	  "the same" },
	{ NS_ROLE_BRIDGE, "net/bridge/bridge-nf-call-arptables", "0",
	  "the same" },
	/* Not conf/all: that is for interfaces that are there already, and who writes it while another
	 * holds the kernel's lock for links spins until he gets it. */
	{ NS_ROLE_NO_IPV6, "net/ipv6/conf/default/disable_ipv6", "1",
	  "no router solicitations, MLD and DAD in a lab without IPv6; up to 2 s less at 1000 devices" },
	{ NS_ROLE_IPV6, "net/ipv6/conf/all/disable_ipv6", "0",
	  "some hosts switch IPv6 off" },
	{ NS_ROLE_IPV6, "net/ipv6/conf/default/disable_ipv6", "0",
	  "the same, for interfaces to come" },
	{ NS_ROLE_IPV6, "net/ipv6/conf/all/accept_dad", "0",
	  "an address is usable at once; addresses of a lab are checked before it starts" },
	{ NS_ROLE_IPV6, "net/ipv6/conf/default/accept_dad", "0",
	  "the same, for interfaces to come" },
	{ NS_ROLE_IPV6, "net/ipv6/conf/default/use_tempaddr", "0",
	  "addresses that are drawn at random differ from run to run" },
	{ NS_ROLE_IPV6, "net/ipv6/icmp/ratelimit", "0",
	  "as for IPv4" },
	{ NS_ROLE_ROUTER, "net/ipv6/conf/all/forwarding", "1",
	  "a router forwards" },
	{ NS_ROLE_HOST, "net/ipv6/conf/all/forwarding", "0",
	  "an end system does not forward" },
};
/* clang-format on */
const size_t ns_n_sysctl_baseline = sizeof(ns_sysctl_baseline) / sizeof(*ns_sysctl_baseline);

/* A place below /proc/sys that stays open while rows of one directory are looked up: each network
 * namespace has its own net/ipv4, and the kernel keeps all of them in one list that it searches for
 * every path. */
struct sysctl_dir {
	char name[SYSCTL_DIR_LEN]; /* "net/ipv4"; "" = none is open */
	int fd;
};

static void sysctl_dir_close(struct sysctl_dir *dir)
{
	if (dir->name[0])
		(void)close(dir->fd);
	dir->name[0] = 0;
}

/* Its second part ends the name: "net/ipv4". Returns what follows it in |key|, or NULL. */
static const char *sysctl_split(const char *key, size_t *ret_len)
{
	const char *slash = strncmp(key, "net/", 4) == 0 ? strchr(key + 4, '/') : NULL;

	if (!slash || strstr(key, "..") || (size_t)(slash - key) >= SYSCTL_DIR_LEN)
		return NULL;
	*ret_len = (size_t)(slash - key);
	return slash + 1;
}

static int sysctl_open(struct sysctl_dir *dir, const char *key, int flags, struct netns_err *err)
{
	char path[sizeof("/proc/sys/") + SYSCTL_DIR_LEN];
	const char *rest;
	size_t len = 0;
	int fd;

	rest = sysctl_split(key, &len);
	if (!rest)
		return netns_fail(err, -EINVAL, "sysctl %s: not a network setting", key);
	if (strncmp(dir->name, key, len) || dir->name[len]) {
		sysctl_dir_close(dir);
		(void)snprintf(path, sizeof(path), "/proc/sys/%.*s", (int)len, key);
		dir->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir->fd < 0)
			return netns_fail_errno(err, -errno, "sysctl %s: open", key);
		(void)snprintf(dir->name, sizeof(dir->name), "%.*s", (int)len, key);
	}
	fd = openat(dir->fd, rest, flags | O_CLOEXEC);
	return fd < 0 ? netns_fail_errno(err, -errno, "sysctl %s: open", key) : fd;
}

static int sysctl_read_here(struct sysctl_dir *dir, const char *key, char *buf, size_t buf_len,
			    struct netns_err *err)
{
	int fd = sysctl_open(dir, key, O_RDONLY, err), r = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buf, buf_len - 1);
	if (n < 0)
		r = netns_fail_errno(err, -errno, "sysctl %s: read", key);
	(void)close(fd);
	if (r < 0)
		return r;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	for (char *p = buf; (p = strchr(p, '\t'));)
		*p = ' ';
	return 0;
}

/* Also avoids a needless refusal where /proc/sys is read-only. */
static bool sysctl_is_there(struct sysctl_dir *dir, const char *key, const char *value)
{
	char now[NS_SYSCTL_VALUE_LEN];

	return sysctl_read_here(dir, key, now, sizeof(now), NULL) >= 0 && !strcmp(now, value);
}

static int sysctl_write_here(struct sysctl_dir *dir, const char *key, const char *value,
			     struct netns_err *err)
{
	int fd = sysctl_open(dir, key, O_WRONLY, err), r = 0;

	if (fd < 0)
		return fd;
	if (write(fd, value, strlen(value)) < 0)
		r = netns_fail_errno(err, -errno, "sysctl %s: write '%s'", key, value);
	(void)close(fd);
	return r;
}

int ns_sysctl_write(int ns_fd, const char *key, const char *value, struct netns_err *err)
{
	struct sysctl_dir dir = { 0 };
	struct ns_guard guard;
	int r = ns_enter(ns_fd, &guard, err);

	if (r < 0)
		return r;
	r = sysctl_is_there(&dir, key, value) ? 0 : sysctl_write_here(&dir, key, value, err);
	sysctl_dir_close(&dir);
	ns_leave(&guard);
	return r;
}

int ns_sysctl_read(int ns_fd, const char *key, char *buf, size_t buf_len, struct netns_err *err)
{
	struct sysctl_dir dir = { 0 };
	struct ns_guard guard;
	int r = ns_enter(ns_fd, &guard, err);

	if (r < 0)
		return r;
	r = sysctl_read_here(&dir, key, buf, buf_len, err);
	sysctl_dir_close(&dir);
	ns_leave(&guard);
	return r;
}

static void sysctl_top_gid(char *buf, size_t buf_len)
{
	uint32_t gid = 0;

	(void)idmap_top_gid(&gid, NULL);
	if (gid > SYSCTL_TOP_GID)
		gid = SYSCTL_TOP_GID;
	(void)snprintf(buf, buf_len, "%u", gid);
}

static void sysctl_expand(const char *value, const char *top_gid, char *buf, size_t buf_len)
{
	const char *mark = strstr(value, "%g");

	if (mark)
		(void)snprintf(buf, buf_len, "%.*s%s", (int)(mark - value), value, top_gid);
	else
		(void)snprintf(buf, buf_len, "%s", value);
}

void ns_sysctl_know(struct ns_sysctl_fresh *ret, uint64_t has)
{
	ret->has = has;
	sysctl_top_gid(ret->top_gid, sizeof(ret->top_gid));
}

/* One row here. Without |fresh| it is looked at first. */
static int sysctl_apply_row(struct sysctl_dir *dir, size_t i, const struct ns_sysctl_fresh *fresh,
			    const char *top_gid, struct netns_err *why)
{
	const struct ns_sysctl *row = &ns_sysctl_baseline[i];
	char value[NS_SYSCTL_VALUE_LEN];

	if (fresh && (fresh->has >> i & 1))
		return 0;
	sysctl_expand(row->value, top_gid, value, sizeof(value));
	if (!fresh && sysctl_is_there(dir, row->key, value))
		return 0;
	return sysctl_write_here(dir, row->key, value, why);
}

static int sysctl_apply_here(const struct ns_sysctl_fresh *fresh, const char *top_gid,
			     unsigned roles, ns_sysctl_report_fn *report, void *ctx)
{
	struct sysctl_dir dir = { 0 };
	int n_refused = 0;

	for (size_t i = 0; i < ns_n_sysctl_baseline; i++) {
		const struct ns_sysctl *row = &ns_sysctl_baseline[i];
		struct netns_err why = { 0 };
		int r;

		if (!(row->roles & (roles | NS_ROLE_ANY)))
			continue;
		r = sysctl_apply_row(&dir, i, fresh, top_gid, &why);
		n_refused += r < 0;
		if (report)
			report(ctx, row, r, &why);
	}
	sysctl_dir_close(&dir);
	return n_refused;
}

int ns_sysctl_apply(int ns_fd, unsigned roles, ns_sysctl_report_fn *report, void *ctx,
		    struct netns_err *err)
{
	struct ns_guard guard;
	char top_gid[16];
	int r = ns_enter(ns_fd, &guard, err);

	if (r < 0)
		return r;
	sysctl_top_gid(top_gid, sizeof(top_gid));
	r = sysctl_apply_here(NULL, top_gid, roles, report, ctx);
	ns_leave(&guard);
	return r;
}

int ns_sysctl_apply_fresh(const struct ns_sysctl_fresh *fresh, unsigned roles,
			  ns_sysctl_report_fn *report, void *ctx)
{
	return sysctl_apply_here(fresh, fresh->top_gid, roles, report, ctx);
}

uint64_t ns_sysctl_survey(void)
{
	struct ns_sysctl_fresh here;
	struct sysctl_dir dir = { 0 };
	uint64_t has = 0;

	static_assert(sizeof(ns_sysctl_baseline) / sizeof(*ns_sysctl_baseline) <= 64,
		      "one bit each");
	ns_sysctl_know(&here, 0);
	for (size_t i = 0; i < ns_n_sysctl_baseline; i++) {
		char value[NS_SYSCTL_VALUE_LEN];

		sysctl_expand(ns_sysctl_baseline[i].value, here.top_gid, value, sizeof(value));
		if (sysctl_is_there(&dir, ns_sysctl_baseline[i].key, value))
			has |= UINT64_C(1) << i;
	}
	sysctl_dir_close(&dir);
	return has;
}
