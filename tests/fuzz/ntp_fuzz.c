/* NTP from arbitrary bytes: packets, the log's reading of them, and a device that is server and
 * client at once. Its replies must be well-formed and no longer than what they answer; each rule
 * that is taken must be listed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "ntp/ntp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_packet(const uint8_t *data, size_t size)
{
	uint8_t again[NTP_HEADER_LEN];
	struct ntp_packet p;
	const char *why = NULL;

	if (ntp_decode(data, size, &p, &why) < 0) {
		assert(why);
		return;
	}
	assert(p.covered <= size && p.covered >= NTP_HEADER_LEN);
	assert(!p.digest || p.digest + p.digest_len <= data + size);
	ntp_encode(&p, again);
	assert(memcmp(again, data, NTP_HEADER_LEN) == 0);
	assert(ntp_to_unix(p.transmit) >= 0);
}

static void no_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	const struct codec_in *in = arg;

	assert(field && value && offset + len <= in->len);
}

static void fuzz_codec(const uint8_t *data, size_t size, bool cut)
{
	struct codec_in in = { .data = data, .len = size, .cut = cut, .dst.port = NTP_PORT };
	struct sbuf out = SBUF(4096);
	const char *why = NULL;

	assert(ntp_codec.info(&in, &out, &why) == 0 || why);
	(void)ntp_codec.fields(&in, no_field, &in);
	sbuf_done(&out);
}

struct world {
	struct device dev;
	struct iface iface;
	struct ntp_server_conf servers[2];
	struct ntp_key key;
	struct ntp_trust trust;
	struct ntp_conf conf;
	void *machine;
	struct fx *fx;
	nsec_t now;
	uint32_t sock; /* of the last request, */
	struct ep server;
	uint8_t request[NTP_PACKET_MAX]; /* and its octets */
};

static void look_at_effects(struct world *w, size_t request_len)
{
	struct ntp_packet p;
	const char *why;

	assert(!fx_full(w->fx));
	for (const struct fx_effect *e = fx_first(w->fx); e; e = e->next) {
		bool listed = e->kind != FX_DECIDE;

		for (size_t i = 0; i < ntp_proto.n_rules && !listed; i++)
			listed = strcmp(ntp_proto.rules[i].id, e->decide.rule) == 0;
		assert(listed);
		if (e->kind == FX_CLOCK)
			w->dev.clock = e->clock;
		if (e->kind != FX_SEND)
			continue;
		assert(ntp_decode(e->send.data, e->send.len, &p, &why) == 0);
		assert(p.mode == NTP_CLIENT || e->send.len <= request_len);
		if (p.mode == NTP_CLIENT) {
			w->sock = e->send.sock;
			w->server = e->send.dst;
			memcpy(w->request, e->send.data, e->send.len);
		}
	}
}

static void deliver(struct world *w, struct ev ev)
{
	ev.now = w->now;
	ev.dev = &w->dev;
	fx_reset(w->fx);
	ntp_host_class.event(w->machine, &ev, w->fx);
	look_at_effects(w, ev.kind == EV_DATAGRAM ? ev.dgram.len : 0);
}

static void world_init(struct world *w, uint8_t how)
{
	struct machine_env env = { .dev = &w->dev, .conf = &w->conf, .seed = 7 };

	w->iface = (struct iface){ .id = 1, .up = true, .n_addrs = 1 };
	w->iface.addrs[0] = (struct iface_addr){ addr4(10, 0, 0, 9), 24 };
	w->dev =
		(struct device){ .ifaces = &w->iface, .n_ifaces = 1, .epoch_ns = 1767254400 * SEC };
	for (uint8_t i = 0; i < 2; i++)
		w->servers[i] = (struct ntp_server_conf){ .addr = addr4(10, 0, 0, i + 1),
							  .version = 4,
							  .minpoll = 4,
							  .maxpoll = 17,
							  .key = how & 2 ? 1 : 0 };
	w->key = (struct ntp_key){ 1, how & 4 ? NTP_SHA1 : NTP_MD5, "secret" };
	w->trust = (struct ntp_trust){ 1, 1 };
	w->conf = (struct ntp_conf){ .authenticate = how & 1,
				     .master = how & 8 ? 8 : 0,
				     .n_servers = 2,
				     .servers = w->servers,
				     .n_keys = 1,
				     .keys = &w->key,
				     .n_trusted = 1,
				     .trusted = &w->trust };
	w->now = SEC;
	w->fx = fx_new();
	w->machine = ntp_host_class.create(&env);
	deliver(w, (struct ev){ .kind = EV_START });
}

/* A reply to the last request: its origin and, where wanted, its digest are right. */
static void reply(struct world *w, uint8_t kind, const uint8_t *data, size_t len)
{
	uint8_t octets[NTP_PACKET_MAX] = { 0x24 };
	struct ev ev = { .kind = EV_DATAGRAM };

	memcpy(octets + 1, data, len < 23 ? len : 23);
	memcpy(octets + 24, w->request + 40, 8);
	memcpy(octets + 32, data + (len < 23 ? len : 23),
	       len < 23	       ? 0
	       : len - 23 < 16 ? len - 23
			       : 16);
	ev.dgram.len = NTP_HEADER_LEN + (kind & 0x20 ? 4 : 0);
	if (kind & 0x10)
		ev.dgram.len = ntp_sign(&w->key, octets, NTP_HEADER_LEN);
	ev.dgram.data = octets;
	ev.dgram.sock = w->sock;
	ev.dgram.src = w->server;
	deliver(w, ev);
}

static void request(struct world *w, const uint8_t *data, size_t len)
{
	struct ev ev = { .kind = EV_DATAGRAM };

	ev.dgram.sock = 1;
	ev.dgram.src = (struct ep){ addr4(10, 0, 0, 77), 4000 };
	ev.dgram.dst = (struct ep){ addr4(10, 0, 0, 9), NTP_PORT };
	ev.dgram.data = data;
	ev.dgram.len = len;
	deliver(w, ev);
}

/* Two octets before each piece: what it is, how long. */
static void fuzz_machine(const uint8_t *data, size_t size, uint8_t how)
{
	struct world w = { 0 };

	world_init(&w, how);
	while (size >= 2) {
		uint8_t kind = data[0];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		nsec_t at = ntp_host_class.deadline(w.machine);

		if (kind % 4 == 0 && at != NEVER) {
			w.now = at > w.now ? at : w.now;
			deliver(&w, (struct ev){ .kind = EV_TIMER });
		} else if (kind % 4 == 1) {
			w.now += kind * MSEC;
			request(&w, data + 2, len);
		} else if (kind == 2) {
			deliver(&w, (struct ev){ .kind = EV_ADDR });
		} else {
			w.now += kind * MSEC;
			reply(&w, kind, data + 2, len);
		}
		data += 2 + len;
		size -= 2 + len;
	}
	ntp_host_class.destroy(w.machine);
	fx_free(w.fx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	fuzz_packet(data + 1, size - 1);
	fuzz_codec(data + 1, size - 1, data[0] & 1);
	fuzz_machine(data + 1, size - 1, data[0]);
	return 0;
}
