/* SNMP against a hostile peer: the log reads each message; then an agent gets it, with communities
 * that the fuzzer can guess, and so does the port that informs are sent from; then a manager with
 * two queries gets it, at both of its ports. Whatever they send must be a sound message that is no
 * longer than it may be, and each rule that they take must be listed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "snmp/snmp_manager.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void no_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	const struct codec_in *in = arg;

	assert(field && value && offset + len <= in->len);
}

static void fuzz_codec(const uint8_t *data, size_t size)
{
	struct codec_in in = { .data = data, .len = size, .dst.port = SNMP_PORT };
	struct sbuf out = SBUF(8192);
	const char *why = NULL;
	int r = snmp_codec.info(&in, &out, &why);

	assert(r != -EBADMSG || why);
	assert(snmp_codec.fields(&in, no_field, &in) == r);
	sbuf_done(&out);
}

static void look_at_send(const struct fx_send *s)
{
	struct snmp_msg m;
	const char *why;

	assert(s->len > 0 && s->len <= SNMP_MESSAGE_MAX);
	assert(snmp_decode_header(s->data, s->len, &m, &why) == 0);
	assert(snmp_decode_pdu(&m, &why) == 0);
}

/* Asks are answered with nothing, as if the kernel had no rows. */
static unsigned look_at_effects(const struct fx *fx, uint32_t *asks, unsigned max)
{
	unsigned n = 0;

	assert(!fx_full(fx));
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		bool listed = e->kind != FX_DECIDE;

		for (size_t i = 0; i < snmp_proto.n_rules && !listed; i++)
			listed = strcmp(snmp_proto.rules[i].id, e->decide.rule) == 0;
		assert(listed);
		if (e->kind == FX_SEND)
			look_at_send(&e->send);
		if (e->kind == FX_ASK && n < max)
			asks[n++] = e->ask.ask_id;
	}
	return n;
}

struct world {
	const struct machine_class *cls;
	void *machine;
	struct device *dev;
	struct fx *fx;
};

static void deliver(struct world *w, struct ev ev)
{
	static const struct answer none;
	uint32_t asks[64];
	unsigned n;

	ev.dev = w->dev;
	for (unsigned turns = 0; turns < 64; turns++) {
		w->cls->event(w->machine, &ev, w->fx);
		n = look_at_effects(w->fx, asks, 64);
		fx_reset(w->fx);
		if (n == 0)
			return;
		for (unsigned i = 0; i + 1 < n; i++) {
			struct ev a = { .kind = EV_ANSWER,
					.dev = w->dev,
					.answer = { asks[i], &none } };

			w->cls->event(w->machine, &a, w->fx);
			look_at_effects(w->fx, NULL, 0);
			fx_reset(w->fx);
		}
		ev = (struct ev){ .kind = EV_ANSWER,
				  .dev = w->dev,
				  .answer = { asks[n - 1], &none } };
	}
}

/* snmp OP 10.0.0.2 a mib-2 */
static void ask(struct world *w, const char *op)
{
	struct arg args[] = { { .type = ARG_CHOICE, .text = op },
			      { .type = ARG_HOST, .text = "10.0.0.2" },
			      { .type = ARG_WORD, .text = "a" },
			      { .type = ARG_WORD, .text = "mib-2" } };
	struct call call = { .id = 1, .args = args, .n_args = 4, .dev = w->dev };

	snmp_run(w->machine, &call, 0, w->fx);
	look_at_effects(w->fx, NULL, 0);
	fx_reset(w->fx);
}

static void fuzz_machine(const struct machine_class *cls, const struct snmp_conf *conf,
			 uint32_t n_socks, const uint8_t *data, size_t size)
{
	struct iface iface = { .id = 1,
			       .name = "eth0",
			       .up = true,
			       .n_addrs = 1,
			       .addrs = { { { 4, { 10, 0, 0, 1 } }, 24 } } };
	struct device dev = { .kind = KIND_ROUTER, .ifaces = &iface, .n_ifaces = 1 };
	struct machine_env env = { .dev = &dev, .conf = conf, .seed = 1 };
	struct world w = { cls, cls->create(&env), &dev, fx_new() };

	deliver(&w, (struct ev){ .kind = EV_START });
	if (cls == &snmp_manager_class) {
		ask(&w, "walk");
		ask(&w, "get");
	}
	while (size >= 3) {
		struct ev ev = { .kind = EV_DATAGRAM };
		size_t len = (size_t)data[1] << 8 | data[2];

		ev.dgram.sock = 1 + data[0] % n_socks;
		data += 3, size -= 3;
		len = len < size ? len : size;
		ev.dgram.src = (struct ep){ addr4(10, 0, 0, 2),
					    cls == &snmp_manager_class ? SNMP_PORT : 4000 };
		ev.dgram.dst = (struct ep){ addr4(10, 0, 0, 1), SNMP_PORT };
		ev.dgram.data = data;
		ev.dgram.len = len;
		deliver(&w, ev);
		data += len, size -= len;
	}
	cls->destroy(w.machine);
	fx_free(w.fx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct snmp_community communities[] = { { .name = "a", .writes = true },
						{ .name = "b", .view = "v" },
						{ .name = "" } };
	struct snmp_view_line views[] = {
		{ .name = "v", .root = { 4, { 1, 3, 6, 1 } }, .included = true },
		{ .name = "v", .root = { 8, { 1, 3, 6, 1, 2, 1, 1, 5 } } }
	};
	struct snmp_host host = { { addr4(10, 0, 0, 2), 4000 }, SNMP_V2C, true, "a" };
	struct snmp_proxy proxy = { .community = "p", .remote = "q", .agent = addr4(10, 0, 0, 2) };
	struct snmp_conf conf = { .communities = communities,
				  .n_communities = 3,
				  .views = views,
				  .n_views = 2,
				  .hosts = &host,
				  .n_hosts = 1,
				  .events = BIT(SNMP_N_EVENTS) - 1,
				  .manager = true,
				  .proxies = &proxy,
				  .n_proxies = 1,
				  .timeout_ns = SEC };

	fuzz_codec(data, size);
	fuzz_machine(&snmp_agent_class, &conf, 4, data, size);
	fuzz_machine(&snmp_manager_class, &conf, 4, data, size);
	return 0;
}
