/* Arbitrary bytes as a DHCP message, and as a series of events for the two machines.
 *
 * The first octet chooses: 0 = the codec (decode, encode, decode again: nothing changed; the words
 * of the log), 1 = the server, 2 = the client. For a machine the rest is a list of events: kind,
 * length, bytes. Addresses and times that a message needs to get far are patched in. */
#include <stdlib.h>
#include <string.h>

#include "base/inet.h"
#include "base/sbuf.h"
#include "dhcp4/dhcp4.h"
#include "dhcp4/dhcp4_leases.h"
#include "dhcp4/dhcp4_server.h"
#include "dhcp4/dhcp4_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* --- the codec ---------------------------------------------------------------------------- */

static void require_equal(const struct dhcp4_msg *a, const struct dhcp4_msg *b)
{
	require(a->op == b->op && a->htype == b->htype && a->hlen == b->hlen && a->hops == b->hops);
	require(a->xid == b->xid && a->secs == b->secs && a->flags == b->flags);
	require(addr_equal(&a->ciaddr, &b->ciaddr) && addr_equal(&a->yiaddr, &b->yiaddr));
	require(addr_equal(&a->siaddr, &b->siaddr) && addr_equal(&a->giaddr, &b->giaddr));
	require(memcmp(a->chaddr, b->chaddr, sizeof(a->chaddr)) == 0);
	require(strcmp(a->sname, b->sname) == 0 && strcmp(a->file, b->file) == 0);
	require(a->cookie == b->cookie && a->type == b->type && a->n_opts == b->n_opts);
	for (unsigned i = 0; i < a->n_opts; i++) {
		require(a->opts[i].code == b->opts[i].code && a->opts[i].len == b->opts[i].len);
		require(memcmp(a->opts[i].data, b->opts[i].data, a->opts[i].len) == 0);
	}
}

static void ignore_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	const struct codec_in *in = arg;

	require(field && value && offset + len <= in->len);
}

static void fuzz_words(const uint8_t *data, size_t size)
{
	struct codec_in in = { .data = data, .len = size, .cut = size % 2 };
	struct sbuf out = SBUF(4096);
	const char *why;

	(void)dhcp4_codec.info(&in, &out, &why);
	(void)dhcp4_codec.fields(&in, ignore_field, &in);
	sbuf_done(&out);
}

static void fuzz_codec(const uint8_t *data, size_t size)
{
	static uint8_t bytes[DHCP4_LEN_MAX + 300], raw[DHCP4_LEN_MAX + 64];
	struct dhcp4_msg a, b;
	const char *why = NULL;
	unsigned left_out;
	int len;

	fuzz_words(data, size);
	if (dhcp4_decode(data, size, &a, &why) < 0) {
		require(why != NULL);
		return;
	}
	len = dhcp4_encode(&a, bytes, sizeof(bytes), &left_out);
	require(len >= DHCP4_LEN_MIN && left_out == 0);
	if (len <= DHCP4_LEN_MAX) {
		require(dhcp4_decode(bytes, (size_t)len, &b, &why) == 0);
		require_equal(&a, &b);
	}
	len = dhcp4_encode(&a, bytes, DHCP4_LEN_DEFAULT, &left_out);
	require(len >= DHCP4_LEN_MIN && dhcp4_decode(bytes, (size_t)len, &b, &why) == 0);
	if (!a.cookie)
		return;
	memcpy(raw, data, size);
	size = dhcp4_raw_remove_option(raw, size, OPT4_RELAY_INFO);
	require(dhcp4_decode(raw, size, &b, &why) == 0);
	len = dhcp4_raw_add_option(raw, size, sizeof(raw), OPT4_RELAY_INFO, "\x01\x01x", 3);
	if (len > 0 && len <= DHCP4_LEN_MAX) {
		require(dhcp4_decode(raw, (size_t)len, &b, &why) == 0);
		require(dhcp4_get(&b, OPT4_RELAY_INFO) != NULL);
	}
}

/* --- machines ----------------------------------------------------------------------------- */

struct world {
	struct device dev;
	struct iface ifaces[2];
	struct dhcp4_conf *conf;
	const struct machine_class *cls;
	void *machine;
	struct fx *fx;
	nsec_t now;
	uint32_t xid; /* of the last message that the machine sent */
};

static void add_pool(struct dhcp4_conf *conf, const char *name, bool manual)
{
	struct dhcp4_pool_conf *p = calloc(1, sizeof(*p));

	require(p != NULL);
	str_copy(p->name, sizeof(p->name), name);
	if (manual) {
		p->host = addr4(10, 0, 0, 7);
		p->has_mac = true;
		p->mac = (struct mac){ { 2, 0, 0, 0, 0, 7 } };
	} else {
		p->network = addr4(10, 0, 0, 0);
		p->plen = 29;
	}
	conf->pools[conf->n_pools++] = p;
	conf->pools_changed++;
}

static void world_init(struct world *w, const struct machine_class *cls, uint8_t variant)
{
	struct machine_env env = { .dev = &w->dev, .seed = 1 };

	memset(w, 0, sizeof(*w));
	str_copy(w->dev.hostname, sizeof(w->dev.hostname), "dut");
	w->dev.ifaces = w->ifaces;
	w->dev.n_ifaces = 2;
	for (unsigned i = 0; i < 2; i++) {
		w->ifaces[i] = (struct iface){ .id = i + 1,
					       .name = "eth0",
					       .up = true,
					       .mac = { { 2, 0, 0, 0, 0, (uint8_t)(i + 1) } } };
		w->ifaces[i].addrs[0] = (struct iface_addr){ addr4(10, 0, (uint8_t)i, 1), 29 };
		w->ifaces[i].n_addrs = 1;
	}
	w->conf = dhcp4_proto.conf_new(&w->dev);
	w->conf->ping_packets = variant & 1;
	w->conf->relay_info = variant & 2;
	add_pool(w->conf, "LAN", false);
	add_pool(w->conf, "ONE", true);
	w->conf->ifs = calloc(2, sizeof(*w->conf->ifs));
	w->conf->n_ifs = 2;
	w->conf->ifs[0] = (struct dhcp4_if_conf){ .ifid = 1, .autoconfig = -1, .arp_probes = -1 };
	w->conf->ifs[1] = w->conf->ifs[0];
	w->conf->ifs[0].mode = variant & 4 ? DHCP4_IF_BOOTP : DHCP4_IF_DHCP;
	w->conf->ifs[1].ifid = 2;
	w->conf->ifs[1].helpers[0] = addr4(10, 0, 0, 3);
	w->conf->ifs[1].n_helpers = 1;
	w->fx = fx_new();
	env.conf = w->conf;
	w->cls = cls;
	w->machine = cls->create(&env);
}

static void world_done(struct world *w)
{
	w->cls->destroy(w->machine);
	dhcp4_proto.conf_free(w->conf);
	fx_free(w->fx);
}

/* What the machine sends must be well-formed. */
static void look_at_effects(struct world *w)
{
	require(!fx_full(w->fx));
	for (const struct fx_effect *e = fx_first(w->fx); e; e = e->next) {
		struct dhcp4_msg m;
		const char *why;

		if (e->kind != FX_SEND || (e->send.dst.port != 67 && e->send.dst.port != 68))
			continue;
		require(dhcp4_decode(e->send.data, e->send.len, &m, &why) == 0);
		w->xid = m.xid;
	}
}

static void deliver(struct world *w, struct ev ev)
{
	ev.now = w->now;
	ev.dev = &w->dev;
	fx_reset(w->fx);
	w->cls->event(w->machine, &ev, w->fx);
	look_at_effects(w);
}

static void timer(struct world *w)
{
	nsec_t at = w->cls->deadline(w->machine);

	if (at == NEVER)
		return;
	if (at > w->now)
		w->now = at;
	deliver(w, (struct ev){ .kind = EV_TIMER });
}

/* A datagram whose header is likely to be accepted: the fuzzer is to find what comes behind it. */
static void datagram(struct world *w, uint8_t kind, const uint8_t *data, size_t len)
{
	uint8_t bytes[600] = { 0 };
	uint32_t ifid = 1 + (kind >> 4 & 1);
	struct ev ev = { .kind = EV_DATAGRAM };

	if (len > 300)
		len = 300;
	bytes[0] = kind & 0x20 ? 2 : 1;
	bytes[1] = 1;
	bytes[2] = 6;
	for (int i = 0; i < 4; i++)
		bytes[4 + i] = (uint8_t)(w->xid >> (24 - 8 * i));
	memcpy(bytes + 28, w->ifaces[0].mac.b, 6);
	memcpy(bytes + 236, "\x63\x82\x53\x63", 4);
	if (kind & 0x40) {
		memcpy(bytes, data, len); /* as it is */
	} else {
		memcpy(bytes + 12, data, len < 16 ? len : 16);
		memcpy(bytes + 240, data + (len < 16 ? len : 16), len < 16 ? 0 : len - 16);
		len += 240;
	}
	ev.dgram.sock = kind & 3;
	ev.dgram.ifid = ifid;
	ev.dgram.src = (struct ep){ addr4(10, 0, 0, 2), 68 };
	ev.dgram.dst =
		(struct ep){ kind & 0x80 ? addr4(10, 0, 0, 1) : addr4(255, 255, 255, 255), 67 };
	ev.dgram.dst_mac = w->ifaces[0].mac;
	ev.dgram.data = bytes;
	ev.dgram.len = len;
	deliver(w, ev);
}

/* A configuration line that moves the pool's end: leases beyond it lose their pool. */
static void resize_pool(struct world *w, uint8_t kind)
{
	w->conf->pools[0]->plen = (uint8_t)(27 + (kind >> 6));
	w->conf->pools_changed++;
	w->conf->service = kind != 0xce;
	deliver(w, (struct ev){ .kind = EV_CONF });
}

static void fuzz_machine(const struct machine_class *cls, const uint8_t *data, size_t size)
{
	struct world w;

	if (size < 1)
		return;
	world_init(&w, cls, data[0]);
	deliver(&w, (struct ev){ .kind = EV_START });
	data++;
	size--;
	while (size >= 2) {
		uint8_t kind = data[0];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;

		if (kind % 8 == 7)
			timer(&w);
		else if (kind % 64 == 6)
			deliver(&w, (struct ev){ .kind = EV_LINK, .link = { 1, kind & 0x40 } });
		else if (kind % 64 == 14)
			resize_pool(&w, kind);
		else
			datagram(&w, kind, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	world_done(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] % 3 == 0)
		fuzz_codec(data + 1, size - 1);
	else
		fuzz_machine(data[0] % 3 == 1 ? &dhcp4_server_class : &dhcp4_client_class, data + 1,
			     size - 1);
	return 0;
}
