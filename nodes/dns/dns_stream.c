/* DNS over TCP: two octets of length before each message, several queries a connection, answers in
 * the order in which they are known (RFC 7766 §6.2.1.1); zone transfers (RFC 5936). */
#include "dns/dns_server.h"

#include <errno.h>
#include <stdlib.h>

enum {
	AXFR_MSG_MAX = 16000, /* names up to here can be pointed to */
	IN_MAX = 1 << 20,     /* octets of a connection that wait to be worked on */
	MESSAGES_PER_EVENT = 100,
};

#define AXFR_PACE (2 * MSEC) /* between messages; the shell's buffer says when it is full */

struct dns_conn *dns_stream_find(const struct dns_server *s, uint32_t sock)
{
	for (unsigned i = 0; i < DNS_CONNS_MAX; i++)
		if (s->conns[i] && s->conns[i]->sock == sock)
			return s->conns[i];
	return NULL;
}

static void forget(struct dns_server *s, struct dns_conn *c)
{
	for (unsigned i = 0; i < DNS_CONNS_MAX; i++)
		if (s->conns[i] == c)
			s->conns[i] = NULL;
	if (c->n_waiting)
		dns_jobs_drop_conn(s, c->sock);
	timer_clear(&s->timers, &c->timer.t);
	sbuf_done(&c->in);
	free(c);
}

static void close_conn(struct dns_server *s, struct dns_conn *c, enum close_how how, struct fx *fx)
{
	fx_close(fx, c->sock, how);
	forget(s, c);
}

void dns_stream_close_all(struct dns_server *s, struct fx *fx)
{
	for (unsigned i = 0; i < DNS_CONNS_MAX; i++)
		if (s->conns[i])
			close_conn(s, s->conns[i], CLOSE_FLUSH, fx);
}

void dns_streams_done(struct dns_server *s)
{
	for (unsigned i = 0; i < DNS_CONNS_MAX; i++)
		if (s->conns[i])
			forget(s, s->conns[i]);
}

static void idle_timer(struct dns_server *s, struct dns_conn *c, nsec_t now)
{
	timer_set(&s->timers, &c->timer.t, now + s->conf->idle_ns);
}

static struct dns_conn **free_place(struct dns_server *s)
{
	for (unsigned i = 0; i < DNS_CONNS_MAX; i++)
		if (!s->conns[i])
			return &s->conns[i];
	return NULL;
}

void dns_stream_opened(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_conn **place = s->conf->server ? free_place(s) : NULL;
	struct dns_conn *c;

	if (!place) {
		decide(fx, "dns.server.drop-tcp-limit", V_ADDR("client", ev->opened.peer.addr),
		       V_TEXT("reason", "too many connections are open"));
		fx_close(fx, ev->opened.sock, CLOSE_RESET);
		return;
	}
	c = *place = dns_alloc(sizeof(*c));
	c->timer.kind = DNS_TIMER_CONN;
	c->sock = ev->opened.sock;
	c->client = ev->opened.peer;
	c->local = ev->opened.local;
	c->ifid = ev->opened.ifid;
	c->in = SBUF(IN_MAX);
	decide(fx, "dns.server.tcp", V_ADDR("client", c->client.addr),
	       V_INT("port", c->client.port));
	idle_timer(s, c, ev->now);
}

/* One whole message, if there is one; *used moves behind it. */
static bool take_message(struct dns_server *s, struct dns_conn *c, size_t *used, nsec_t now,
			 struct fx *fx)
{
	const uint8_t *p = (const uint8_t *)c->in.data + *used;
	size_t left = c->in.len - *used, len;
	struct dns_request req = { .client = c->client,
				   .local = c->local,
				   .ifid = c->ifid,
				   .sock = c->sock,
				   .tcp = true,
				   .offset = c->in_offset + *used,
				   .cause = c->cause };

	if (left < 2)
		return false;
	len = (size_t)p[0] << 8 | p[1];
	if (left < 2 + len)
		return false;
	c->n_waiting++; /* until its answer is written */
	dns_server_message(s, &req, p + 2, len, now, fx);
	*used += 2 + len;
	return true;
}

static void end_if_finished(struct dns_server *s, struct dns_conn *c, struct fx *fx)
{
	if (c->finished && !c->busy && !c->more && !c->n_waiting && !c->axfr)
		close_conn(s, c, CLOSE_FLUSH, fx);
}

/* What has come in, up to a limit an event; the timer goes on with the rest at once. */
static void work(struct dns_server *s, struct dns_conn *c, nsec_t now, struct fx *fx)
{
	unsigned n = 0;
	size_t used = 0;

	c->busy = true;
	while (n < MESSAGES_PER_EVENT && take_message(s, c, &used, now, fx))
		n++;
	c->busy = false;
	c->more = n == MESSAGES_PER_EVENT;
	sbuf_consume(&c->in, used);
	c->in_offset += used;
	if (c->more)
		timer_set(&s->timers, &c->timer.t, now + 1); /* not in this very event */
	else if (!c->axfr)
		idle_timer(s, c, now);
	end_if_finished(s, c, fx);
}

void dns_stream_bytes(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_conn *c = dns_stream_find(s, ev->bytes.sock);

	if (!c)
		return;
	if (sbuf_put(&c->in, ev->bytes.data, ev->bytes.len)) {
		decide(fx, "dns.server.drop-tcp-limit", V_ADDR("client", c->client.addr),
		       V_TEXT("reason", "it sends faster than it can be answered"));
		close_conn(s, c, CLOSE_RESET, fx);
		return;
	}
	c->cause = ev->cause;
	work(s, c, ev->now, fx);
}

/* One request of this connection has its answer, or will never get one. */
void dns_stream_answered(struct dns_server *s, uint32_t sock, struct fx *fx)
{
	struct dns_conn *c = dns_stream_find(s, sock);

	if (!c)
		return;
	if (c->n_waiting)
		c->n_waiting--;
	end_if_finished(s, c, fx);
}

void dns_stream_closed(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_conn *c = dns_stream_find(s, ev->closed.sock);

	if (!c)
		return;
	if (ev->closed.err) {
		forget(s, c);
		return;
	}
	c->finished = true; /* it may still wait for answers */
	end_if_finished(s, c, fx);
}

/* --- zone transfer --- */

static bool permitted(const struct dns_server *s, const struct dns_name *apex,
		      const struct addr *who)
{
	static const struct dns_transfers by_default = { 0 };
	const struct dns_conf_zone *zone = dns_conf_zone(s->conf, apex);

	return dns_permits(s, zone ? &zone->transfers : &by_default, true, who);
}

/* Everything of the zone but its SOA, which opens and closes the transfer. */
static const struct dns_rrset *axfr_set(const struct dns_server *s, const struct dns_conn *c)
{
	const struct dns_node *node = s->db->nodes[c->axfr_at.node];

	if (node->apex != c->axfr || c->axfr_at.set >= node->n_sets)
		return NULL;
	return node->sets[c->axfr_at.set].type == DNS_SOA ? NULL : &node->sets[c->axfr_at.set];
}

/* The next set: of this node, or of the next. */
static void axfr_step(const struct dns_server *s, struct dns_axfr_at *at)
{
	at->pos = 0;
	if (++at->set < s->db->nodes[at->node]->n_sets)
		return;
	at->set = 0;
	at->node++;
}

/* What is left of one set; false when the message is full. */
static bool axfr_put_set(const struct dns_server *s, struct dns_conn *c, struct dns_out *o)
{
	const struct dns_node *node = s->db->nodes[c->axfr_at.node];
	const struct dns_rrset *set = axfr_set(s, c);
	struct dns_record r;

	for (size_t pos = c->axfr_at.pos; set && dns_rrset_next(set, &pos, &r);
	     c->axfr_at.pos = pos)
		if (!dns_out_rr(o, DNS_ANSWER, &node->name, set->type, DNS_CLASS_IN,
				dns_node_ttl(node, set, s->conf->default_ttl), r.data, r.len))
			return false;
	axfr_step(s, &c->axfr_at);
	return true;
}

static bool axfr_put_soa(const struct dns_server *s, const struct dns_conn *c, struct dns_out *o)
{
	const struct dns_rrset *set = dns_node_set(c->axfr, DNS_SOA);
	struct dns_record r;
	size_t pos = 0;

	return dns_rrset_next(set, &pos, &r) &&
	       dns_out_rr(o, DNS_ANSWER, &c->axfr->name, DNS_SOA, DNS_CLASS_IN,
			  dns_node_ttl(c->axfr, set, s->conf->default_ttl), r.data, r.len);
}

/* As many records as the message takes; true when the closing SOA was among them. */
static bool axfr_fill(const struct dns_server *s, struct dns_conn *c, struct dns_out *o)
{
	if (!c->axfr_at.begun && !axfr_put_soa(s, c, o))
		return false;
	c->axfr_at.begun = true;
	while (c->axfr_at.node < s->db->n_nodes) {
		if (axfr_put_set(s, c, o))
			continue;
		if (o->counts[1 + DNS_ANSWER])
			return false;
		o->max = DNS_MSG_MAX; /* one long record gets a message of its own */
		if (!axfr_put_set(s, c, o))
			return false;
	}
	return axfr_put_soa(s, c, o);
}

static void axfr_message(struct dns_server *s, struct dns_conn *c, nsec_t now, struct fx *fx)
{
	const struct dns_request *req = &c->axfr_req;
	uint8_t *buf = dns_big_buffer(s);
	struct dns_out o;

	c->axfr_full = false;
	c->axfr_before = c->axfr_at;
	dns_out_begin(&o, buf, 2 + DNS_MSG_MAX, AXFR_MSG_MAX, true);
	o.id = req->id;
	o.flags = (uint16_t)(DNS_QR | DNS_AA | (req->flags & DNS_RD));
	dns_out_question(&o, &req->q.name, req->q.type, DNS_CLASS_IN);
	c->axfr_last = axfr_fill(s, c, &o);
	fx_write(fx, c->sock, buf, dns_out_end(&o));
	timer_set(&s->timers, &c->timer.t, now + AXFR_PACE);
}

/* The message before was taken: the next, or the end. */
static void axfr_go_on(struct dns_server *s, struct dns_conn *c, nsec_t now, struct fx *fx)
{
	if (!c->axfr_last) {
		axfr_message(s, c, now, fx);
		return;
	}
	c->axfr = NULL;
	idle_timer(s, c, now);
	dns_stream_answered(s, c->sock, fx);
}

static void refuse(struct dns_server *s, const struct dns_request *req, unsigned rcode,
		   const char *why, struct fx *fx)
{
	char name[DNS_TEXT_LEN], type[12];

	s->stats.refused++;
	decide(fx, "dns.server.axfr-refused", V_TEXT("zone", dns_name_text(&req->q.name, name)),
	       V_TEXT("type", dns_type_text(req->q.type, type)), V_ADDR("client", req->client.addr),
	       V_TEXT("reason", why));
	dns_reply_code(s, req, rcode, true, fx);
}

/* The version that the asker of an IXFR has: the SOA in the authority section (RFC 1995 §3). */
static bool asker_serial(const struct dns_msg *m, uint32_t *ret)
{
	struct dns_rdata data;
	struct dns_soa soa;
	struct dns_rrs it;
	struct dns_rr rr;

	dns_rrs(m, &it);
	while (dns_rr_next(&it, &rr))
		if (rr.section == DNS_AUTHORITY && rr.type == DNS_SOA &&
		    dns_rr_data(m, &rr, &data) == 0 && dns_soa_read(data.b, data.len, &soa)) {
			*ret = soa.serial;
			return true;
		}
	return false;
}

/* Why an IXFR gets no zone, only the version that there is (RFC 1995 §2); NULL = it gets all. */
static const char *soa_alone(const struct dns_request *req, const struct dns_msg *m,
			     const struct dns_rrset *set)
{
	uint32_t serial;
	struct dns_record r;
	struct dns_soa soa;
	size_t pos = 0;

	if (req->q.type != DNS_IXFR)
		return NULL;
	if (!req->tcp)
		return "the zone is sent over TCP";
	if (asker_serial(m, &serial) && dns_rrset_next(set, &pos, &r) &&
	    dns_soa_read(r.data, r.len, &soa) && (int32_t)(serial - soa.serial) >= 0)
		return "it has this version already";
	return NULL;
}

static void send_soa(struct dns_server *s, const struct dns_request *req,
		     const struct dns_node *apex, const char *why, nsec_t now, struct fx *fx)
{
	const struct dns_rrset *set = dns_node_set(apex, DNS_SOA);
	char name[DNS_TEXT_LEN];
	struct dns_found found;

	decide(fx, "dns.server.ixfr-soa", V_TEXT("zone", dns_name_text(&apex->name, name)),
	       V_ADDR("client", req->client.addr), V_TEXT("reason", why));
	dns_found_init(&found);
	found.aa = found.local = found.soa_ttl = true;
	found.sets[found.n++] = (struct dns_found_set){
		.owner = apex->name,
		.set = set,
		.ttl = dns_node_ttl(apex, set, s->conf->default_ttl),
	};
	dns_reply(s, req, DNS_FOUND, &found, false, now, fx);
}

static void send_zone(struct dns_server *s, struct dns_conn *c, const struct dns_request *req,
		      const struct dns_node *apex, nsec_t now, struct fx *fx)
{
	char name[DNS_TEXT_LEN];

	decide(fx, "dns.server.axfr", V_TEXT("zone", dns_name_text(&apex->name, name)),
	       V_ADDR("client", req->client.addr));
	c->axfr = apex;
	c->axfr_at = (struct dns_axfr_at){ 0 };
	c->axfr_req = *req;
	axfr_message(s, c, now, fx);
}

void dns_axfr(struct dns_server *s, const struct dns_request *req, const struct dns_msg *m,
	      nsec_t now, struct fx *fx)
{
	const struct dns_node *apex = dns_db_find(s->db, &req->q.name);
	struct dns_conn *c = req->tcp ? dns_stream_find(s, req->sock) : NULL;
	const char *alone;

	if (!c && req->q.type == DNS_AXFR)
		refuse(s, req, DNS_REFUSED, "zone transfers need TCP", fx);
	else if (!apex || apex->apex != apex)
		refuse(s, req, DNS_NOTAUTH, "there is no such zone here", fx);
	else if (!permitted(s, &apex->name, &req->client.addr))
		refuse(s, req, DNS_REFUSED, "the asker is not permitted", fx);
	else if ((alone = soa_alone(req, m, dns_node_set(apex, DNS_SOA))) != NULL)
		send_soa(s, req, apex, alone, now, fx);
	else if (c->axfr)
		refuse(s, req, DNS_REFUSED, "a transfer is under way on this connection", fx);
	else
		send_zone(s, c, req, apex, now, fx);
}

/* The database changes: what was sent so far belongs to another version of the zone. */
void dns_axfr_abort(struct dns_server *s, struct fx *fx)
{
	for (unsigned i = 0; i < DNS_CONNS_MAX; i++)
		if (s->conns[i] && s->conns[i]->axfr)
			close_conn(s, s->conns[i], CLOSE_RESET, fx);
}

void dns_stream_drained(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_conn *c = dns_stream_find(s, ev->closed.sock);

	if (c && c->axfr && c->axfr_full)
		axfr_message(s, c, ev->now, fx);
}

void dns_stream_failed(struct dns_server *s, const struct ev *ev, struct fx *fx)
{
	struct dns_conn *c = dns_stream_find(s, ev->done.sock);

	if (!c || ev->done.what != FX_WRITE)
		return;
	if (c->axfr && ev->done.err == ENOBUFS) {
		/* The same message again, once the peer has read. */
		c->axfr_at = c->axfr_before;
		c->axfr_full = true;
		idle_timer(s, c, ev->now);
		return;
	}
	decide(fx, "dns.server.drop-tcp-limit", V_ADDR("client", c->client.addr),
	       V_TEXT("reason", ev->done.text));
	close_conn(s, c, CLOSE_RESET, fx);
}

void dns_stream_timer(struct dns_server *s, struct dns_timer *t, nsec_t now, struct fx *fx)
{
	struct dns_conn *c = dns_timer_owner(t, struct dns_conn);

	if (c->more) {
		work(s, c, now, fx);
	} else if (c->axfr && !c->axfr_full) {
		axfr_go_on(s, c, now, fx);
	} else if (c->n_waiting && !c->axfr) {
		idle_timer(s, c, now);
	} else {
		decide(fx, "dns.server.tcp-idle", V_ADDR("client", c->client.addr),
		       V_DUR("after", s->conf->idle_ns));
		close_conn(s, c, CLOSE_FLUSH, fx);
	}
}
