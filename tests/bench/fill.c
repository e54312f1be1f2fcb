/* The log's way from a frame to the database, driven by hand: a lab of 50 PCs at a server, frames
 * of 5,000 conversations, as many a second as the writer takes.
 *
 *   fill DATABASE FRAMES OCTETS [SQL]    SQL is run on the empty database, such as DROP INDEX
 *
 * Prints frames a second, CPU time of a frame, and the longest that one call kept its caller. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/inet.h"
#include "base/sbuf.h"
#include "labd/log/db_sql.h"
#include "labd/log/engine.h"

#define N_PCS	      50
#define N_PORTS	      100 /* conversations of one PC */
#define WALL0	      (1767254400 * SEC)
#define A_TIME	      16 /* frames of one before the next */
#define FRAMES_A_TURN 2048
#define COMMIT_NS     (50 * MSEC)
#define FRAME_NS      (10 * USEC) /* between two frames, in the lab's time */

struct net {
	struct log_device devices[N_PCS + 1];
	struct log_iface ifaces[2 * N_PCS];
	struct log_link links[N_PCS];
	char names[2 * N_PCS + 1][16];
};

static const char describe[] =
	"{\"rules\": [], \"facts\": [{\"table\": \"dhcp4_lease\", \"help\": \"\","
	" \"durable\": true, \"columns\": []}]}";

static int64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * SEC + t.tv_nsec;
}

/* PC i at interface i of the server. */
static void make_net(struct net *n)
{
	static const char *const kinds[] = { "server", "pc" };

	for (uint32_t i = 0; i <= N_PCS; i++) {
		snprintf(n->names[i], sizeof(n->names[i]), i ? "pc%u" : "www", i);
		n->devices[i] = (struct log_device){ i + 1, n->names[i], kinds[i > 0] };
	}
	for (uint32_t i = 0; i < N_PCS; i++) {
		struct mac pc = { { 2, 0, 0, 0, 1, (uint8_t)i } },
			   www = { { 2, 0, 0, 0, 2, (uint8_t)i } };
		char *port = n->names[N_PCS + 1 + i];

		snprintf(port, sizeof(n->names[0]), "eth%u", i);
		n->ifaces[2 * i] = (struct log_iface){ 2 * i + 1, i + 2, "eth0", "eth0", pc };
		n->ifaces[2 * i + 1] = (struct log_iface){ 2 * i + 2, 1, port, port, www };
		n->links[i] = (struct log_link){ .id = i + 1,
						 .name = n->names[i + 1],
						 .kind = "veth",
						 .a = 2 * i + 1,
						 .b = 2 * i + 2,
						 .capture = LOG_CAPTURE_B };
	}
}

/* The next frame: PCs and their conversations take turns, with a few requests and answers each. */
static uint32_t make_frame(const struct net *n, uint64_t i, size_t octets, uint8_t *out,
			   uint32_t *ret_way)
{
	static uint8_t payload[1600];
	uint32_t pc = (uint32_t)(i / A_TIME % N_PCS);
	uint16_t port = (uint16_t)(32768 + i / A_TIME / N_PCS % N_PORTS);
	bool back = i % 2;
	struct ep a = { .addr = addr4(10, 0, (uint8_t)pc, 1), .port = port };
	struct ep b = { .addr = addr4(10, 0, (uint8_t)pc, 2), .port = pc % 10 == 3 ? 7 : 9 };
	struct udp_frame f = { .src_mac = n->ifaces[2 * pc + back].mac,
			       .dst_mac = n->ifaces[2 * pc + !back].mac,
			       .src = back ? b : a,
			       .dst = back ? a : b,
			       .ttl = 64,
			       .ip_id = (uint16_t)i,
			       .payload = payload,
			       .payload_len = octets - 42 };

	*ret_way = 2 * (pc + 1) + back;
	return (uint32_t)udp_frame_build(&f, out, octets);
}

struct load {
	struct engine *e;
	const struct net *net;
	uint64_t n;
	size_t octets;
	int64_t worst_ns, commit_at_ns, making_ns;
};

/* Made first, so that making them is not measured. */
static void turn(struct load *l)
{
	static uint8_t frames[FRAMES_A_TURN][1600];
	static struct engine_frame list[FRAMES_A_TURN];
	int64_t start_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < FRAMES_A_TURN; i++) {
		uint32_t way, len = make_frame(l->net, l->n, l->octets, frames[i], &way);

		list[i] = (struct engine_frame){ .way = way,
						 .data = frames[i],
						 .cap_len = len,
						 .len = len,
						 .wall_ns = WALL0 + (int64_t)l->n++ * FRAME_NS,
						 .delay_ns = -1 };
	}
	l->making_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start_ns;
	for (int i = 0; i < FRAMES_A_TURN; i++) {
		int64_t at_ns = clock_ns(CLOCK_MONOTONIC), took_ns;

		engine_frame(l->e, &list[i]);
		if (at_ns >= l->commit_at_ns) {
			engine_commit(l->e);
			l->commit_at_ns = at_ns + COMMIT_NS;
		}
		took_ns = clock_ns(CLOCK_MONOTONIC) - at_ns;
		l->worst_ns = took_ns > l->worst_ns ? took_ns : l->worst_ns;
	}
	engine_seen(l->e, list[FRAMES_A_TURN - 1].wall_ns);
}

static void report(const struct load *l, int64_t wall_ns, int64_t cpu_ns)
{
	struct store_stats s = store_stats(engine_store(l->e));

	printf("frames=%llu per_second=%.0f cpu_ns=%.0f worst_us=%.0f worst_commit_us=%.0f "
	       "wal_mb=%.1f db_mb=%.1f\n",
	       (unsigned long long)s.n_packets, (double)l->n * SEC / (double)wall_ns,
	       (double)cpu_ns / (double)l->n, (double)l->worst_ns / 1e3,
	       (double)s.worst_commit_ns / 1e3, (double)s.wal_bytes / 1e6,
	       (double)s.db_bytes / 1e6);
}

int main(int argc, char **argv)
{
	static struct net net;
	struct log_args args = {
		.lab = { .name = "fill", .seed = 1, .epoch_ns = WALL0, .started_wall_ns = WALL0 },
		.devices = net.devices,
		.n_devices = N_PCS + 1,
		.ifaces = net.ifaces,
		.n_ifaces = 2 * N_PCS,
		.links = net.links,
		.n_links = N_PCS,
		.describe = describe,
		.describe_len = sizeof(describe) - 1,
		.db_path = argv[1],
		.control_fd = -1,
		.feed = { -1, -1, -1 },
		.clock_fd = -1
	};
	struct load l = { .net = &net };
	struct sbuf why = SBUF(512);
	int64_t wall_ns, cpu_ns;

	if (argc < 4)
		return fprintf(stderr, "fill DATABASE FRAMES OCTETS [SQL]\n"), 2;
	make_net(&net);
	if (engine_new(&args, NULL, &l.e, &why) < 0 ||
	    (argc > 4 && db_exec(store_db(engine_store(l.e)), argv[4]) < 0))
		return fprintf(stderr, "fill: %s\n", sbuf_text(&why)), 1;
	l.octets = (size_t)atoi(argv[3]);
	wall_ns = clock_ns(CLOCK_MONOTONIC);
	cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	while (l.n < strtoull(argv[2], NULL, 10))
		turn(&l);
	engine_commit(l.e);
	wall_ns = clock_ns(CLOCK_MONOTONIC) - wall_ns - l.making_ns;
	report(&l, wall_ns, clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_ns - l.making_ns);
	engine_free(l.e);
	return 0;
}
