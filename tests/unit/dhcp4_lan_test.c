/* Whole exchanges: machines that hear each other, driven by one clock. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "dhcp4_driver.h"

#define HOSTS_MAX 5
#define QUEUE_MAX 64

enum { CLIENT_RAW = 1, CLIENT_UDP = 2 };

/* A machine and where its interfaces are plugged in. */
struct host {
	struct drv d;
	bool client;
	unsigned lan[2];
	char seen[4096]; /* rules decided since last asked, blanks between */
};

struct packet {
	unsigned from;
	unsigned lan;
	struct ep src, dst;
	struct mac dst_mac;
	bool has_mac;
	size_t len;
	uint8_t data[1500];
};

struct net {
	struct host h[HOSTS_MAX];
	unsigned n;
	struct packet queue[QUEUE_MAX];
	unsigned head, tail;
};

static struct host *add(struct net *net, bool client, const char *addr, const char *conf)
{
	struct host *h = &net->h[net->n++];

	h->client = client;
	drv_init(&h->d, t_proto(), client ? KIND_PC : KIND_ROUTER, 2);
	h->d.ifaces[0].mac = t_mac(net->n);
	h->d.ifaces[1].mac = t_mac(0x100 + net->n);
	h->d.seed = net->n;
	h->lan[1] = 1;
	if (addr)
		drv_addr(&h->d, 1, addr);
	drv_conf(&h->d, conf);
	return h;
}

static unsigned lan_of(const struct host *h, const struct fx_send *s)
{
	const struct iface *i;

	if (s->ifid)
		return h->lan[s->ifid - 1];
	i = device_iface_for(&h->d.dev, &s->dst.addr);
	return i ? h->lan[i->id - 1] : h->lan[0];
}

/* Puts what the window sent into the queue, and carries out the addresses. */
static void collect(struct net *net, unsigned from)
{
	struct host *h = &net->h[from];
	const struct fx_effect *e = NULL;

	while ((e = drv_after_effect(&h->d, e))) {
		struct packet *p = &net->queue[net->tail % QUEUE_MAX];

		if (e->kind == FX_DECIDE && strlen(h->seen) + 64 < sizeof(h->seen)) {
			strcat(h->seen, e->decide.rule);
			strcat(h->seen, " ");
		}
		if (e->kind == FX_ADDR && e->addr.add) {
			h->d.ifaces[0].addrs[0] = (struct iface_addr){ e->addr.addr, e->addr.plen };
			h->d.ifaces[0].n_addrs = 1;
		} else if (e->kind == FX_ADDR) {
			h->d.ifaces[0].n_addrs = 0;
		}
		if (e->kind != FX_SEND || e->send.dst.port == 0)
			continue;
		assert_true(net->tail - net->head < QUEUE_MAX);
		net->tail++;
		*p = (struct packet){ .from = from,
				      .lan = lan_of(h, &e->send),
				      .src = e->send.src,
				      .dst = e->send.dst,
				      .dst_mac = e->send.dst_mac,
				      .has_mac = e->send.has_mac,
				      .len = e->send.len };
		memcpy(p->data, e->send.data, e->send.len);
	}
}

/* The interface of h at which it hears the packet, or 0. */
static uint32_t hears(const struct host *h, const struct packet *p)
{
	for (uint32_t ifid = 1; ifid <= 2; ifid++) {
		const struct iface *i = &h->d.ifaces[ifid - 1];

		if (h->lan[ifid - 1] != p->lan)
			continue;
		if (p->dst.port != (h->client ? 68 : 67))
			return 0;
		if (addr4_is_limited_broadcast(&p->dst.addr) ||
		    device_has_addr(&h->d.dev, &p->dst.addr) ||
		    (p->has_mac && mac_equal(&p->dst_mac, &i->mac)))
			return ifid;
	}
	return 0;
}

/* Delivers until nothing is under way. */
static void settle(struct net *net)
{
	while (net->head != net->tail) {
		struct packet p = net->queue[net->head++ % QUEUE_MAX];

		for (unsigned i = 0; i < net->n; i++) {
			struct host *h = &net->h[i];
			uint32_t ifid = i == p.from ? 0 : hears(h, &p);
			struct mac dst = p.has_mac ? p.dst_mac : mac_broadcast;

			if (!ifid)
				continue;
			drv_frame(&h->d, h->client ? CLIENT_RAW : T_SERVER_SOCK, p.src, p.dst, ifid,
				  net->h[p.from].d.ifaces[0].mac, dst, p.data, p.len);
			collect(net, i);
		}
	}
}

static void start(struct net *net)
{
	for (unsigned i = 0; i < net->n; i++) {
		drv_start(&net->h[i].d, net->h[i].client ? "dhcp4.client" : "dhcp4.server");
		collect(net, i);
	}
	settle(net);
}

/* Time passes for all, in steps that keep the order of events close enough. */
static void run_until(struct net *net, nsec_t until)
{
	for (;;) {
		unsigned next = 0;
		nsec_t at = NEVER;

		for (unsigned i = 0; i < net->n; i++) {
			if (drv_deadline(&net->h[i].d) < at) {
				at = drv_deadline(&net->h[i].d);
				next = i;
			}
		}
		for (unsigned i = 0; i < net->n; i++)
			net->h[i].d.now = at < until ? at : until;
		if (at > until)
			return;
		drv_timer(&net->h[next].d);
		collect(net, next);
		settle(net);
	}
}

static bool saw(struct host *h, const char *rule)
{
	char word[80];

	snprintf(word, sizeof(word), "%s ", rule);
	return strstr(h->seen, word) != NULL;
}

static void expect_address(struct host *h, const char *addr)
{
	assert_int_equal(h->d.ifaces[0].n_addrs, addr ? 1 : 0);
	if (addr)
		t_expect_addr(&h->d.ifaces[0].addrs[0].addr, addr);
}

static void done(struct net *net)
{
	for (unsigned i = 0; i < net->n; i++)
		drv_done(&net->h[i].d);
	free(net);
}

static struct net *net_new(void)
{
	struct net *net = calloc(1, sizeof(*net));

	assert_non_null(net);
	return net;
}

#define POOL_A                                                                  \
	"ip dhcp ping packets 0\nip dhcp excluded-address 10.0.0.1 10.0.0.99\n" \
	"ip dhcp pool A\n network 10.0.0.0 /24\n default-router 10.0.0.1\n lease 0 0 10\n"
#define POOL_B                                                                   \
	"ip dhcp ping packets 0\nip dhcp excluded-address 10.0.0.1 10.0.0.199\n" \
	"ip dhcp pool B\n network 10.0.0.0 /24\n default-router 10.0.0.1\n lease 0 0 10\n"
#define PC "interface eth0\n ip address dhcp\n"

static void two_servers_one_client(void **state)
{
	struct net *net = net_new();
	struct host *a = add(net, false, "10.0.0.1/24", POOL_A);
	struct host *b = add(net, false, "10.0.0.2/24", POOL_B);
	struct host *pc = add(net, true, NULL, PC);

	(void)state;
	start(net);
	run_until(net, 2 * SEC);
	/* Both offered, the first one was taken, the other one heard so and took its offer back. */
	assert_true(saw(a, "dhcp4.server.offer-available"));
	assert_true(saw(b, "dhcp4.server.offer-available"));
	assert_true(saw(pc, "dhcp4.client.drop-late-offer"));
	assert_true(saw(a, "dhcp4.server.bind"));
	assert_true(saw(b, "dhcp4.server.request-other-server"));
	assert_false(saw(b, "dhcp4.server.bind"));
	expect_address(pc, "10.0.0.100");
	/* B is asked by nobody: it does not answer the renewal, which goes to A alone. */
	a->seen[0] = b->seen[0] = '\0';
	run_until(net, 301 * SEC);
	assert_true(saw(a, "dhcp4.server.renew-ack"));
	assert_string_equal(b->seen, "");
	/* A dies: B knows nothing of the client and stays silent at T2; then the lease ends and B
	 * gives a new one. */
	a->lan[0] = 7;
	a->lan[1] = 8;
	run_until(net, 901 * SEC);
	assert_true(saw(pc, "dhcp4.client.renew-unanswered"));
	assert_true(saw(pc, "dhcp4.client.rebind-t2"));
	assert_true(saw(b, "dhcp4.server.drop-request-no-record"));
	assert_true(saw(pc, "dhcp4.client.lease-expired"));
	run_until(net, 905 * SEC);
	expect_address(pc, "10.0.0.200");
	done(net);
}

static void three_clients_for_one_address(void **state)
{
	struct net *net = net_new();
	struct host *pc[3];
	unsigned n_bound = 0, n_auto = 0;

	(void)state;
	add(net, false, "10.0.0.1/24", POOL_A "ip dhcp excluded-address 10.0.0.101 10.0.0.254\n");
	for (int i = 0; i < 3; i++)
		pc[i] = add(net, true, NULL, PC);
	start(net);
	run_until(net, 60 * SEC);
	for (int i = 0; i < 3; i++) {
		n_bound += pc[i]->d.ifaces[0].addrs[0].addr.b[0] == 10;
		n_auto += pc[i]->d.ifaces[0].addrs[0].addr.b[0] == 169;
	}
	assert_int_equal(n_bound, 1);
	assert_int_equal(n_auto, 2);
	assert_true(saw(&net->h[0], "dhcp4.server.drop-pool-exhausted"));
	/* The one that has it renews it; the others still ask an hour later, and still fail. */
	run_until(net, 3600 * SEC);
	expect_address(pc[0], "10.0.0.100");
	assert_true(pc[1]->d.ifaces[0].addrs[0].addr.b[0] == 169);
	/* Released, it goes to one of the others. */
	drv_command(&pc[0]->d, "ipconfig /release");
	collect(net, 1);
	settle(net);
	expect_address(pc[0], NULL);
	run_until(net, 3700 * SEC);
	n_bound = 0;
	for (int i = 1; i < 3; i++)
		n_bound += pc[i]->d.ifaces[0].addrs[0].addr.b[0] == 10;
	assert_int_equal(n_bound, 1);
	done(net);
}

static void a_client_behind_a_relay(void **state)
{
	struct net *net = net_new();
	struct host *server =
		add(net, false, NULL,
		    "ip dhcp ping packets 0\n"
		    "ip dhcp pool FAR\n network 10.0.0.0 /24\n default-router 10.0.0.1\n");
	struct host *relay = add(net, false, "10.0.0.1/24",
				 "ip dhcp relay information option\n"
				 "interface eth0\n ip helper-address 10.0.9.10\n");
	struct host *pc = add(net, true, NULL, PC);

	(void)state;
	server->lan[0] = 1;
	server->lan[1] = 9;
	drv_addr(&server->d, 1, "10.0.9.10/24");
	drv_addr(&relay->d, 2, "10.0.9.1/24");
	start(net);
	run_until(net, 2 * SEC);
	expect_address(pc, "10.0.0.2"); /* .1 is the relay's own */
	assert_true(saw(relay, "dhcp4.relay.forward"));
	assert_true(saw(relay, "dhcp4.relay.info-option"));
	assert_true(saw(server, "dhcp4.server.offer-available"));
	assert_true(saw(server, "dhcp4.server.echo-relay-info"));
	done(net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_servers_one_client),
		cmocka_unit_test(three_clients_for_one_address),
		cmocka_unit_test(a_client_behind_a_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
