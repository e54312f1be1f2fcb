/* Syslog from arbitrary bytes: messages, frames, the log's reading of them, and the server, which
 * is sent datagrams and pieces of streams. Views must lie within the octets; each rule that is
 * taken must be listed. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "syslog/syslog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void within(struct syslog_span s, const uint8_t *data, size_t size)
{
	const uint8_t *p = (const uint8_t *)s.text;

	assert(!p || (p >= data && p + s.len <= data + size));
}

static void fuzz_message(const uint8_t *data, size_t size)
{
	struct syslog_msg m;
	const char *why = NULL;

	if (syslog_decode(data, size, &m, &why) < 0) {
		assert(why);
		return;
	}
	assert(m.facility < SYSLOG_FACILITIES && m.severity < 8);
	assert(m.form != SYSLOG_BARE || (!m.time.text && !m.host.text));
	assert(m.form != SYSLOG_BSD || (m.time.text && m.host.text));
	within(m.time, data, size);
	within(m.host, data, size);
	within(m.app, data, size);
	within(m.procid, data, size);
	within(m.msgid, data, size);
	within(m.data, data, size);
	within(m.text, data, size);
	within(m.mnemonic, data, size);
}

static void no_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	const struct codec_in *in = arg;

	assert(field && value && offset + len <= in->len);
}

static void fuzz_codec(const uint8_t *data, size_t size, bool tcp)
{
	struct codec_in in = { .data = data, .len = size, .tcp = tcp, .dst.port = SYSLOG_PORT };
	struct sbuf out = SBUF(8192);
	const char *why = NULL;
	int r = syslog_codec.info(&in, &out, &why);

	assert(r != -EBADMSG || why);
	assert(syslog_codec.fields(&in, no_field, &in) == r);
	sbuf_done(&out);
}

static void look_at_effects(const struct fx *fx)
{
	assert(!fx_full(fx));
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		bool listed = e->kind != FX_DECIDE;

		for (size_t i = 0; i < syslog_proto.n_rules && !listed; i++)
			listed = strcmp(syslog_proto.rules[i].id, e->decide.rule) == 0;
		assert(listed);
	}
}

/* Two octets before each piece: which socket, how long. */
static void fuzz_server(const uint8_t *data, size_t size)
{
	static struct device dev;
	struct syslog_conf *conf = syslog_proto.conf_new(&dev);
	struct machine_env env = { .dev = &dev, .conf = conf };
	void *machine = syslog_server_class.create(&env);
	struct fx *fx = fx_new();
	uint64_t offset[4] = { 0 };

	conf->server = conf->tcp = true;
	while (size >= 2) {
		uint32_t sock = data[0] % 4, len = data[1];
		struct ev ev = { .kind = EV_BYTES, .dev = &dev };
		struct ep local = { .port = SYSLOG_PORT }, peer = { addr4(10, 0, 0, 1), 4000 };

		data += 2, size -= 2;
		len = len < size ? len : (uint32_t)size;
		if (sock == 0) {
			ev.kind = EV_DATAGRAM;
			ev.dgram.src = peer;
			ev.dgram.data = data;
			ev.dgram.len = len;
		} else if (len == 0) {
			ev.kind = offset[sock] ? EV_CLOSED : EV_OPENED;
			if (offset[sock])
				ev.closed.sock = SOCK_ACCEPTED + sock;
			else
				ev.opened.sock = SOCK_ACCEPTED + sock, ev.opened.local = local,
				ev.opened.peer = peer;
			offset[sock] = !offset[sock];
		} else {
			ev.bytes.sock = SOCK_ACCEPTED + sock;
			ev.bytes.data = data;
			ev.bytes.len = len;
			ev.bytes.offset = offset[sock];
		}
		syslog_server_class.event(machine, &ev, fx);
		look_at_effects(fx);
		fx_reset(fx);
		data += len, size -= len;
	}
	syslog_server_class.destroy(machine);
	syslog_proto.conf_free(conf);
	fx_free(fx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct syslog_frame f;
	const char *why = NULL;

	if (size < 1)
		return 0;
	fuzz_message(data + 1, size - 1);
	fuzz_codec(data + 1, size - 1, data[0] & 1);
	if (syslog_frame(data + 1, size - 1, &f, &why) == 1) {
		assert(f.data + f.len <= data + size && f.octets >= f.len);
		fuzz_message(f.data, f.len);
	}
	fuzz_server(data + 1, size - 1);
	return 0;
}
