/* Traffic for the benchmarks, run inside the devices of a lab or beside a floor program.
 *
 *   traffic flood ADDRESS PORT OCTETS SECONDS [PER_SECOND [STAMPS]]
 *                                          datagrams of that payload, as many as go
 *   traffic say ADDRESS PORT TEXT SECONDS [PER_SECOND]     the same, of that text
 *   traffic hold PORT SECONDS              a port that nobody reads
 *   traffic late PORT SECONDS [STAMPS]     age of numbered datagrams, by the kernel's stamp
 *   traffic tcp-recv PORT                  takes one connection in
 *   traffic tcp-send ADDRESS PORT SECONDS  fills it
 *
 * STAMPS is a file into which the sender writes when its interface got each datagram, by the
 * kernel's stamp; the receiver then also prints how long the datagrams were on the way from
 * interface to interface, where neither program's wait for a processor counts.
 *
 * Each prints one line of NAME=NUMBER. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH	    64
#define LATE_MAX    4000000
#define TCP_BUFFER  (256 << 10)
#define NS	    1000000000
#define STAMPED_MAX 100000 /* datagrams a second */

struct datagram {
	uint32_t number;
	int64_t sent_ns; /* CLOCK_REALTIME */
} __attribute__((packed));

static void die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * (int64_t)NS + t.tv_nsec;
}

static struct sockaddr_in address_of(const char *text, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	if (text && inet_pton(AF_INET, text, &a.sin_addr) != 1)
		die(text);
	return a;
}

static int bound(int type, const char *port)
{
	struct sockaddr_in a = address_of(NULL, port);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("bind");
	return fd;
}

static int connected(int type, char **argv)
{
	struct sockaddr_in a = address_of(argv[0], argv[1]);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		die("connect");
	return fd;
}

/* ---- stamps of the sending interface ---- */

/* By number; 0: none. NULL without a file. */
static int64_t *map_stamps(const char *path)
{
	size_t bytes = LATE_MAX * sizeof(int64_t);
	int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
	int64_t *stamps;

	if (!path)
		return NULL;
	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		die(path);
	stamps = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (stamps == MAP_FAILED)
		die(path);
	close(fd);
	return stamps;
}

static void ask_for_stamps(int fd)
{
	int what = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
		   SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;

	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &what, sizeof(what)) < 0)
		die("stamps");
}

/* The n-th datagram of this socket has the number n. */
static void fetch_stamps(int fd, int64_t *stamps)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct msghdr m;

	for (;;) {
		struct scm_timestamping t = { 0 };
		struct sock_extended_err e = { 0 };

		m = (struct msghdr){ .msg_control = control, .msg_controllen = sizeof(control) };
		if (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING)
				memcpy(&t, CMSG_DATA(c), sizeof(t));
			else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR)
				memcpy(&e, CMSG_DATA(c), sizeof(e));
		}
		if (e.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && e.ee_data < LATE_MAX)
			stamps[e.ee_data] = t.ts[0].tv_sec * (int64_t)NS + t.ts[0].tv_nsec;
	}
}

/* ---- datagrams ---- */

/* Not more than `per_second` until now; 0: no such limit. */
static void pace(uint64_t n, double per_second, int64_t start_ns)
{
	int64_t due_ns = per_second > 0 ? start_ns + (int64_t)((double)n / per_second * NS) : 0;
	struct timespec t = { .tv_sec = due_ns / NS, .tv_nsec = due_ns % NS };

	/* A sleep of microseconds takes many: a fast flood waits awake. */
	if (per_second > STAMPED_MAX)
		while (now_ns(CLOCK_MONOTONIC) < due_ns)
			;
	else if (per_second > 0)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static uint8_t payload[65536];

/* With a pace one by one, each with its own stamp. */
static int send_some(int fd, struct mmsghdr *messages, uint64_t n, bool paced)
{
	struct datagram d = { .number = (uint32_t)n };

	if (!paced)
		return sendmmsg(fd, messages, BATCH, 0);
	d.sent_ns = now_ns(CLOCK_REALTIME);
	memcpy(payload, &d, sizeof(d));
	return sendmmsg(fd, messages, 1, 0);
}

static void flood(char **argv, bool has_pace, const char *stamps_path)
{
	struct iovec part = { payload, (size_t)atoi(argv[2]) };
	struct mmsghdr messages[BATCH];
	int fd = connected(SOCK_DGRAM, argv);
	double per_second = has_pace ? atof(argv[4]) : 0;
	bool paced = has_pace && per_second <= STAMPED_MAX;
	int64_t start_ns = now_ns(CLOCK_MONOTONIC),
		end_ns = start_ns + (int64_t)(atof(argv[3]) * NS);
	int64_t *stamps = map_stamps(stamps_path);
	uint64_t n = 0, n_failed = 0;

	if (stamps)
		ask_for_stamps(fd);
	for (int i = 0; i < BATCH; i++)
		messages[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &part, .msg_iovlen = 1 } };
	while (now_ns(CLOCK_MONOTONIC) < end_ns) {
		int r = send_some(fd, messages, n, paced);

		if (r > 0)
			n += (unsigned)r;
		else
			n_failed++;
		if (stamps)
			fetch_stamps(fd, stamps);
		pace(n, per_second, start_ns);
	}
	printf("sent=%llu failed=%llu rate=%.0f\n", (unsigned long long)n,
	       (unsigned long long)n_failed,
	       (double)n * NS / (double)(now_ns(CLOCK_MONOTONIC) - start_ns));
}

/* Paces above STAMPED_MAX only: a slower one would write over the text. */
static void say(char **argv, bool has_pace)
{
	char octets[8];
	char *flood_argv[] = { argv[0], argv[1], octets, argv[3], has_pace ? argv[4] : NULL };
	size_t len = strlen(argv[2]);

	if (len >= sizeof(payload) || (has_pace && atof(argv[4]) <= STAMPED_MAX))
		die("say");
	memcpy(payload, argv[2], len);
	snprintf(octets, sizeof(octets), "%zu", len);
	flood(flood_argv, has_pace, NULL);
}

static void hold(char **argv)
{
	int fd = bound(SOCK_DGRAM, argv[0]), small = 4096;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	sleep((unsigned)atoi(argv[1]));
}

static int64_t stamp_of(struct msghdr *m)
{
	struct timespec t = { 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
			memcpy(&t, CMSG_DATA(c), sizeof(t));
	return t.tv_sec * (int64_t)NS + t.tv_nsec;
}

static int by_age(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

struct arrivals {
	size_t n;
	int64_t ages[LATE_MAX]; /* from the sending program's stamp on */
	int64_t came[LATE_MAX]; /* CLOCK_REALTIME */
	uint32_t number[LATE_MAX];
};

static void take_arrival(int fd, struct arrivals *in)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	_Alignas(struct cmsghdr) uint8_t control[64];
	struct datagram d;
	struct iovec part = { &d, sizeof(d) };
	struct msghdr m = { .msg_iov = &part,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };

	if (recvmsg(fd, &m, MSG_DONTWAIT) < (ssize_t)sizeof(d)) {
		(void)poll(&p, 1, 100);
		return;
	}
	in->came[in->n] = stamp_of(&m);
	in->number[in->n] = d.number;
	in->ages[in->n] = in->came[in->n] - d.sent_ns;
	in->n++;
}

/* PREFIXp50_us= and so on. Sorts. */
static void print_ages(const char *prefix, int64_t *ages, size_t n)
{
	qsort(ages, n, sizeof(*ages), by_age);
	printf(" %sgot=%zu %smin_us=%.1f %sp50_us=%.1f %sp95_us=%.1f %sp99_us=%.1f %smax_us=%.1f",
	       prefix, n, prefix, (double)ages[0] / 1e3, prefix, (double)ages[n / 2] / 1e3, prefix,
	       (double)ages[n * 95 / 100] / 1e3, prefix, (double)ages[n * 99 / 100] / 1e3, prefix,
	       (double)ages[n - 1] / 1e3);
}

static void print_ways(struct arrivals *in, const int64_t *stamps)
{
	size_t n = 0;

	for (size_t i = 0; i < in->n; i++)
		if (in->number[i] < LATE_MAX && stamps[in->number[i]] != 0)
			in->ages[n++] = in->came[i] - stamps[in->number[i]];
	if (n > 0)
		print_ages("way_", in->ages, n);
}

static void late(char **argv, const char *stamps_path)
{
	static struct arrivals in;
	int fd = bound(SOCK_DGRAM, argv[0]), one = 1, large = 4 << 20;
	int64_t end_ns = now_ns(CLOCK_MONOTONIC) + (int64_t)(atof(argv[1]) * NS);
	const int64_t *stamps = map_stamps(stamps_path);

	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	while (now_ns(CLOCK_MONOTONIC) < end_ns && in.n < LATE_MAX)
		take_arrival(fd, &in);
	if (in.n == 0)
		die("nothing came");
	print_ages("", in.ages, in.n);
	if (stamps)
		print_ways(&in, stamps);
	printf("\n");
}

/* ---- streams ---- */

static void tcp_send(char **argv)
{
	static uint8_t buffer[TCP_BUFFER];
	int fd = connected(SOCK_STREAM, argv);
	int64_t end_ns = now_ns(CLOCK_MONOTONIC) + (int64_t)(atof(argv[2]) * NS);
	struct linger none = { .l_onoff = 1 };
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	while (now_ns(CLOCK_MONOTONIC) < end_ns)
		if (send(fd, buffer, sizeof(buffer), MSG_NOSIGNAL) < 0)
			die("send");
	(void)getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
	printf("retransmitted=%u needless=%u\n", info.tcpi_total_retrans, info.tcpi_dsack_dups);
}

/* Octets a second over all, and from the second second on. */
static void tcp_recv(char **argv)
{
	static uint8_t buffer[TCP_BUFFER];
	int fd = bound(SOCK_STREAM, argv[0]), c;
	int64_t start_ns, at_ns, early_ns = 0;
	uint64_t n = 0, early = 0;
	ssize_t r;

	if (listen(fd, 1) < 0 || (c = accept(fd, NULL, NULL)) < 0)
		die("accept");
	at_ns = start_ns = now_ns(CLOCK_MONOTONIC);
	while ((r = recv(c, buffer, sizeof(buffer), 0)) > 0) {
		n += (size_t)r;
		at_ns = now_ns(CLOCK_MONOTONIC);
		if (early == 0 && at_ns - start_ns >= 2 * (int64_t)NS) {
			early = n;
			early_ns = at_ns;
		}
	}
	printf("octets=%llu mbit=%.0f", (unsigned long long)n,
	       (double)n * 8e3 / (double)(at_ns - start_ns));
	if (early)
		printf(" mbit_after_2s=%.0f",
		       (double)(n - early) * 8e3 / (double)(at_ns - early_ns));
	printf("\n");
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (strcmp(what, "flood") == 0 && argc >= 6)
		flood(argv + 2, argc > 6, argc > 7 ? argv[7] : NULL);
	else if (strcmp(what, "say") == 0 && argc >= 6)
		say(argv + 2, argc > 6);
	else if (strcmp(what, "hold") == 0 && argc == 4)
		hold(argv + 2);
	else if (strcmp(what, "late") == 0 && argc >= 4)
		late(argv + 2, argc > 4 ? argv[4] : NULL);
	else if (strcmp(what, "tcp-send") == 0 && argc == 5)
		tcp_send(argv + 2);
	else if (strcmp(what, "tcp-recv") == 0 && argc == 3)
		tcp_recv(argv + 2);
	else
		return fprintf(stderr,
			       "traffic: see the comment at the head of tests/bench/traffic.c\n"),
		       2;
	return 0;
}
