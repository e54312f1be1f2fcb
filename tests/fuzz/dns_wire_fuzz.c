/* Arbitrary bytes as DNS messages: decoded, written again and compared; printed; and given to the
 * machines, as queries over UDP and TCP and as responses to queries of theirs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/conf_reader.h"
#include "base/sbuf.h"
#include "dns/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

/* --- codec --- */

struct decoded {
	struct sbuf text; /* all records, for comparison */
	unsigned n;
	bool kept; /* nothing was too long to be kept */
};

static void decode(const struct dns_msg *m, struct decoded *out, struct dns_out *again)
{
	char name[DNS_TEXT_LEN];
	struct dns_rdata d;
	struct dns_rrs it;
	struct dns_rr rr;

	dns_rrs(m, &it);
	for (out->kept = true; dns_rr_next(&it, &rr); out->n++) {
		if (rr.type == DNS_OPT || rr.rdlength == 0)
			continue;
		if (dns_rr_data(m, &rr, &d)) {
			out->kept = false;
			continue;
		}
		sbuf_printf(&out->text, "%u %s %u %u %u ", rr.section,
			    dns_name_text(&rr.owner, name), rr.type, rr.class, rr.ttl);
		dns_rdata_text(rr.type, d.b, d.len, &out->text);
		sbuf_puts(&out->text, "\n");
		if (again)
			dns_out_rr(again, rr.section, &rr.owner, rr.type, rr.class, rr.ttl, d.b,
				   d.len);
	}
}

static void round_trip(const uint8_t *data, size_t size)
{
	static uint8_t buf[DNS_MSG_MAX];
	struct decoded one = { .text = SBUF(1 << 22) }, two = { .text = SBUF(1 << 22) };
	const char *why;
	struct dns_msg m;
	struct dns_out o;

	if (dns_msg_header(data, size, &m) || dns_msg_read(&m, &why))
		return;
	dns_out_begin(&o, buf, sizeof(buf), sizeof(buf), false);
	o.id = m.id;
	o.flags = m.flags;
	if (m.n_question)
		dns_out_question(&o, &m.q.name, m.q.type, m.q.class);
	decode(&m, &one, &o);
	size = dns_out_end(&o);
	CHECK(!dns_msg_header(buf, size, &m) && !dns_msg_read(&m, &why));
	decode(&m, &two, NULL);
	if (!o.cut)
		CHECK(!strcasecmp(sbuf_text(&one.text),
				  sbuf_text(&two.text))); /* a pointer may change the case */
	sbuf_done(&one.text);
	sbuf_done(&two.text);
}

static void count_field(void *arg, const char *name, const char *value, size_t offset, size_t len)
{
	size_t *size = arg;

	CHECK(name && value && offset + len <= *size);
}

static void print(const uint8_t *data, size_t size)
{
	for (int how = 0; how < 4; how++) {
		struct codec_in in = { .data = data, .len = size, .tcp = how & 1, .cut = how & 2 };
		struct sbuf line = SBUF(65536);
		const char *why = NULL;
		int err = dns_codec.info(&in, &line, &why);

		CHECK(err == 0 || err == -11 /* EAGAIN */ || why);
		CHECK(err == dns_codec.fields(&in, count_field, &size));
		sbuf_done(&line);
	}
}

/* --- machines --- */

static const char conf_text[] =
	"ip name-server 10.0.0.2\nip domain-name a.test\nip host h 10.0.0.5\n"
	"ip dns server\nip dns root-hint r. 10.0.0.3\nip dns zone a.test\n soa ns1 admin\n"
	" record w A 10.0.0.4\n record c CNAME w\n record d CNAME w.b.\n record *.x A 1.2.3.4\n"
	" record sub NS ns.sub\n record ns.sub A 10.0.0.6\n allow-update any\n";

static struct device dev;
static struct iface iface;
static void *conf;

static void refused(void *arg, const struct conf_issue *issue)
{
	(void)arg;
	(void)issue;
	abort();
}

static void set_up(void)
{
	struct grammar_table table = { .rows = dns_proto.cmds };
	struct conf_target target = { .dev = &dev, .tree = conf_tree_new(), .confs = &conf };
	struct grammar *grammar = grammar_new(&table, 1, KIND_SERVER, NULL);

	iface.id = 1;
	iface.up = true;
	iface.addrs[0].addr = addr4(10, 0, 0, 1);
	iface.addrs[0].plen = 24;
	iface.n_addrs = 1;
	dev.kind = KIND_SERVER;
	dev.ifaces = &iface;
	dev.n_ifaces = 1;
	dev.n_resolvers = 1;
	dev.resolvers[0].n_servers = 1;
	dev.resolvers[0].servers[0] = addr4(10, 0, 0, 2);
	conf = dns_proto.conf_new(&dev);
	target.grammar = grammar;
	CHECK(conf_read(&target, conf_text, refused, NULL, NULL) == 0);
	conf_tree_free(target.tree);
	grammar_free(grammar);
}

struct run {
	const struct machine_class *cls;
	void *machine;
	struct fx *fx;
	nsec_t now;
	uint32_t query_sock; /* of the last query that went out */
	struct ep query_dst;
	uint8_t query[512];
	size_t query_len;
};

static void note_queries(struct run *r)
{
	for (const struct fx_effect *e = fx_first(r->fx); e; e = e->next) {
		if (e->kind != FX_SEND || e->send.dst.port != DNS_PORT ||
		    e->send.len > sizeof(r->query))
			continue;
		r->query_sock = e->send.sock;
		r->query_dst = e->send.dst;
		r->query_len = e->send.len;
		memcpy(r->query, e->send.data, e->send.len);
	}
}

static void event(struct run *r, struct ev ev)
{
	fx_reset(r->fx);
	ev.now = r->now;
	ev.dev = &dev;
	r->cls->event(r->machine, &ev, r->fx);
	CHECK(!fx_full(r->fx));
	note_queries(r);
}

static void datagram(struct run *r, uint32_t sock, struct ep src, const uint8_t *data, size_t size)
{
	event(r, (struct ev){ .kind = EV_DATAGRAM,
			      .dgram = { .sock = sock,
					 .src = src,
					 .dst = { addr4(10, 0, 0, 1), DNS_PORT },
					 .ifid = 1,
					 .data = data,
					 .len = size } });
}

static void start(struct run *r, const struct machine_class *cls)
{
	struct machine_env env = { .dev = &dev, .conf = conf, .seed = 1 };

	*r = (struct run){ .cls = cls, .fx = fx_new() };
	r->machine = cls->create(&env);
	event(r, (struct ev){ .kind = EV_START });
}

static void stop(struct run *r)
{
	for (int i = 0; i < 50 && r->cls->deadline(r->machine) != NEVER; i++) {
		if (r->cls->deadline(r->machine) > r->now)
			r->now = r->cls->deadline(r->machine);
		event(r, (struct ev){ .kind = EV_TIMER });
	}
	r->cls->destroy(r->machine);
	fx_free(r->fx);
}

/* The bytes behind the header and question of the query that is out: an answer that passes every
 * test but those of its records. */
static void answer_last_query(struct run *r, const uint8_t *data, size_t size)
{
	static uint8_t buf[DNS_MSG_MAX];

	if (!r->query_len || size < 8 || size + r->query_len > sizeof(buf))
		return;
	memcpy(buf, r->query, r->query_len);
	buf[2] |= 0x80 | (data[0] & 0x07);
	buf[3] = data[1] & 0x8f;
	memcpy(buf + 6, data + 2, 6);
	buf[6] = buf[8] = buf[10] = 0;
	memcpy(buf + r->query_len, data + 8, size - 8);
	size += r->query_len - 8;
	r->query_len = 0;
	datagram(r, r->query_sock, r->query_dst, buf, size);
}

static void as_client(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "w.b", "www" };
	struct ask ask = { .kind = ASK_RESOLVE, .resolve = { .type = size ? data[0] : 1 } };
	struct run r;

	start(&r, &dns_resolver_class);
	str_copy(ask.resolve.name, sizeof(ask.resolve.name), names[size & 1]);
	event(&r, (struct ev){ .kind = EV_ASK, .ask = { .ask_id = 1, .ask = &ask } });
	for (int i = 0; i < 4; i++)
		answer_last_query(&r, data, size);
	datagram(&r, r.query_sock, r.query_dst, data, size);
	stop(&r);
}

static void as_server(const uint8_t *data, size_t size)
{
	struct ep client = { addr4(10, 0, 0, 77), 4000 };
	struct run r;

	start(&r, &dns_server_class);
	datagram(&r, 1, client, data, size);
	for (int i = 0; i < 6; i++)
		answer_last_query(&r, data, size);
	event(&r,
	      (struct ev){ .kind = EV_OPENED,
			   .opened = { .sock = SOCK_ACCEPTED, .listener = 3, .peer = client } });
	event(&r, (struct ev){ .kind = EV_BYTES,
			       .bytes = { .sock = SOCK_ACCEPTED, .data = data, .len = size } });
	event(&r, (struct ev){ .kind = EV_BYTES,
			       .bytes = { .sock = SOCK_ACCEPTED,
					  .data = data,
					  .len = size,
					  .offset = size } });
	event(&r, (struct ev){ .kind = EV_CLOSED, .closed = { .sock = SOCK_ACCEPTED } });
	stop(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!conf)
		set_up();
	if (size > DNS_MSG_MAX)
		return 0;
	round_trip(data, size);
	print(data, size);
	as_client(data, size);
	as_server(data, size);
	return 0;
}
