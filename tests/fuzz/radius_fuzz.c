/* RADIUS from arbitrary bytes: packets, the log's reading of them, a server with clients and users,
 * and a client that waits for answers. What is sent must be well-formed; each rule taken must be
 * listed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "radius/radius.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEY "s3cret"

static void fuzz_packet(const uint8_t *data, size_t size)
{
	struct radius_attr a = { 0 };
	char text[RADIUS_PASSWORD_MAX + 1];
	struct radius_packet p;
	const char *why = NULL;
	size_t end = RADIUS_HEADER_LEN;

	if (radius_decode(data, size, &p, &why) < 0) {
		assert(why);
		return;
	}
	while (radius_next(&p, &a)) {
		assert(a.at == end && a.value + a.len <= data + p.len);
		end += 2u + a.len;
		(void)radius_unhide(KEY, p.authenticator, &a, text);
	}
	assert(end == p.len && p.len <= size);
	(void)radius_check_ma(&p, KEY, p.authenticator);
	(void)radius_chap_matches(&p, "lab");
	assert(radius_privilege(&p) <= 15);
}

static void no_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	const struct codec_in *in = arg;

	assert(field && value && offset + len <= in->len);
}

static void fuzz_codec(const uint8_t *data, size_t size, bool cut)
{
	struct codec_in in = {
		.data = data, .len = size, .cut = cut, .dst.port = RADIUS_AUTH_PORT
	};
	struct sbuf out = SBUF(4096);
	const char *why = NULL;

	assert(radius_codec.info(&in, &out, &why) == 0 || why);
	(void)radius_codec.fields(&in, no_field, &in);
	sbuf_done(&out);
}

struct world {
	const struct machine_class *cls;
	struct device dev;
	struct iface iface;
	struct radius_server_conf servers[2];
	struct radius_client_conf client;
	struct radius_user user;
	struct radius_conf conf;
	void *machine;
	struct fx *fx;
	nsec_t now;
	uint8_t id, authenticator[MD5_LEN]; /* of the last request sent */
};

static void deliver(struct world *w, struct ev ev)
{
	struct radius_packet p;
	const char *why;

	ev.now = w->now;
	ev.dev = &w->dev;
	fx_reset(w->fx);
	w->cls->event(w->machine, &ev, w->fx);
	assert(!fx_full(w->fx));
	for (const struct fx_effect *e = fx_first(w->fx); e; e = e->next) {
		bool listed = e->kind != FX_DECIDE;

		for (size_t i = 0; i < radius_proto.n_rules && !listed; i++)
			listed = strcmp(radius_proto.rules[i].id, e->decide.rule) == 0;
		assert(listed);
		if (e->kind != FX_SEND)
			continue;
		assert(radius_decode(e->send.data, e->send.len, &p, &why) == 0);
		w->id = p.id;
		memcpy(w->authenticator, p.authenticator, MD5_LEN);
	}
}

static void world_init(struct world *w, const struct machine_class *cls, uint8_t how)
{
	struct machine_env env = { .dev = &w->dev, .conf = &w->conf, .seed = 7 };

	w->cls = cls;
	w->iface = (struct iface){ .id = 1, .up = true, .n_addrs = 1 };
	w->iface.addrs[0] = (struct iface_addr){ addr4(10, 0, 0, 9), 24 };
	w->dev = (struct device){ .ifaces = &w->iface, .n_ifaces = 1 };
	for (uint8_t i = 0; i < 2; i++)
		w->servers[i] = (struct radius_server_conf){ .addr = addr4(10, 0, 0, i + 1),
							     .auth_port = RADIUS_AUTH_PORT,
							     .timeout_s = -1,
							     .retransmit = -1,
							     .key = KEY };
	w->client = (struct radius_client_conf){ .addr = addr4(10, 0, 0, 77),
						 .key = KEY,
						 .type = how & 1 ? RADIUS_TYPE_PROXY
								 : RADIUS_TYPE_RADIUS,
						 .require_ma = how & 2 };
	w->user = (struct radius_user){ "ann", "lab", 15 };
	w->conf = (struct radius_conf){ .timeout_s = 1,
					.retransmit = 1,
					.service = true,
					.accounting = how & 4,
					.n_servers = 2,
					.servers = w->servers,
					.n_clients = 1,
					.clients = &w->client,
					.n_users = 1,
					.users = &w->user };
	w->now = SEC;
	w->fx = fx_new();
	w->machine = cls->create(&env);
	deliver(w, (struct ev){ .kind = EV_START });
}

static void datagram(struct world *w, struct ep from, uint16_t port, const uint8_t *data,
		     size_t len)
{
	struct ev ev = { .kind = EV_DATAGRAM };

	ev.dgram.sock = 1;
	ev.dgram.src = from;
	ev.dgram.dst = (struct ep){ addr4(10, 0, 0, 9), port };
	ev.dgram.data = data;
	ev.dgram.len = len;
	deliver(w, ev);
}

/* The attributes are the bytes; the rest is as it should be, signed where the kind says so. */
static void signed_packet(struct world *w, uint8_t kind, const uint8_t *data, size_t len)
{
	static const uint8_t zero[MD5_LEN];
	bool client = w->cls == &radius_client_class;
	struct radius_out o;

	radius_begin(&o,
		     client	? (enum radius_code)(2 + kind / 4 % 2)
		     : kind & 8 ? 4
		     : kind & 4 ? 12
				: 1,
		     client ? w->id : kind, kind & 16);
	memcpy(o.octets + o.len, data, len);
	o.len += len;
	if (client)
		radius_seal_reply(&o, KEY, w->authenticator);
	else if (kind & 8)
		radius_seal_reply(&o, KEY, zero);
	else
		radius_seal_request(&o, KEY, zero);
	datagram(w, (struct ep){ addr4(10, 0, 0, client ? 1 : 77), RADIUS_AUTH_PORT },
		 kind & 8 ? RADIUS_ACCT_PORT : RADIUS_AUTH_PORT, o.octets, o.len);
}

/* Two octets before each piece: what it is, how long. */
static void fuzz_machine(const struct machine_class *cls, const uint8_t *data, size_t size,
			 uint8_t how)
{
	struct ask ask = { .kind = ASK_LOGIN, .login = { .user = "ann", .password = "lab" } };
	struct world w = { 0 };

	world_init(&w, cls, how);
	while (size >= 2) {
		uint8_t kind = data[0];
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		nsec_t at = cls->deadline ? cls->deadline(w.machine) : NEVER;

		if (kind % 4 == 0 && cls == &radius_client_class)
			deliver(&w, (struct ev){ .kind = EV_ASK, .ask = { 1, &ask } });
		else if (kind % 4 == 1)
			datagram(&w, (struct ep){ addr4(10, 0, 0, kind & 4 ? 1 : 77), 1812 }, 1812,
				 data + 2, len);
		else if (kind % 4 == 2 && at != NEVER) {
			w.now = at;
			deliver(&w, (struct ev){ .kind = EV_TIMER });
		} else
			signed_packet(&w, kind, data + 2, len);
		data += 2 + len;
		size -= 2 + len;
	}
	cls->destroy(w.machine);
	fx_free(w.fx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	fuzz_packet(data + 1, size - 1);
	fuzz_codec(data + 1, size - 1, data[0] & 1);
	fuzz_machine(data[0] & 0x80 ? &radius_client_class : &radius_server_class, data + 1,
		     size - 1, data[0]);
	return 0;
}
