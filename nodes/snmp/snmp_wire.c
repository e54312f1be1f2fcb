/* Messages, read and written. */
#include "snmp/snmp_wire.h"

#include <errno.h>
#include <string.h>

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

/* Octets behind the message are ignored, as RFC 3417 lets receivers do. */
int snmp_decode_header(const uint8_t *data, size_t len, struct snmp_msg *ret, const char **ret_why)
{
	struct rd r, message, part;

	memset(ret, 0, sizeof(*ret));
	rd_init(&r, data, len);
	if (!ber_want(&r, SNMP_SEQUENCE, &message))
		return bad(ret_why, "no BER sequence that fits the datagram");
	if (!ber_want(&message, SNMP_INTEGER, &part) || !ber_int(part, &ret->version))
		return bad(ret_why, "no version number");
	if (ret->version != SNMP_V1 && ret->version != SNMP_V2C) {
		*ret_why = ret->version == SNMP_V3 ? "version 3" : "an unknown version";
		return -EPROTONOSUPPORT;
	}
	if (!ber_want(&message, SNMP_STRING, &part))
		return bad(ret_why, "no community");
	ret->community = (const char *)part.p;
	ret->community_len = rd_left(&part);
	ret->pdu_at = (size_t)(message.p - data);
	if (!ber_next(&message, &ret->pdu, &ret->body))
		return bad(ret_why, "no PDU that fits the message");
	return 0;
}

/* --- the PDU ------------------------------------------------------------------------------ */

static bool read_value(uint8_t type, struct rd content, struct snmp_value *ret)
{
	ret->type = type;
	ret->data = content.p;
	ret->len = rd_left(&content);
	switch (type) {
	case SNMP_INTEGER:
		return ber_int(content, &ret->i);
	case SNMP_STRING:
	case SNMP_OPAQUE:
		return true;
	case SNMP_OID:
		return ber_oid(content, &ret->oid);
	case SNMP_IPADDRESS:
		return ret->len == 4;
	case SNMP_COUNTER32:
	case SNMP_GAUGE32:
	case SNMP_TIMETICKS:
		return ber_unsigned(content, UINT32_MAX, &ret->u);
	case SNMP_COUNTER64:
		return ber_unsigned(content, UINT64_MAX, &ret->u);
	case SNMP_NULL:
	case SNMP_NO_OBJECT:
	case SNMP_NO_INSTANCE:
	case SNMP_END_OF_VIEW:
		return ret->len == 0;
	default:
		return false;
	}
}

bool snmp_bind_next(struct rd *binds, struct snmp_bind *ret)
{
	struct rd bind, name, value;
	uint8_t type;

	if (binds->err || rd_left(binds) == 0)
		return false;
	if (ber_want(binds, SNMP_SEQUENCE, &bind) && ber_want(&bind, SNMP_OID, &name) &&
	    ber_oid(name, &ret->name) && ber_next(&bind, &type, &value) && rd_left(&bind) == 0 &&
	    read_value(type, value, &ret->value))
		return true;
	binds->err = true;
	return false;
}

/* RFC 1157 §4.1.6. */
static bool read_trap_v1(struct snmp_msg *m, struct rd *r)
{
	struct rd part;

	if (!ber_want(r, SNMP_OID, &part) || !ber_oid(part, &m->enterprise))
		return false;
	if (!ber_want(r, SNMP_IPADDRESS, &part) || rd_left(&part) != 4)
		return false;
	m->agent.family = 4;
	rd_bytes(&part, m->agent.b, 4);
	return ber_want(r, SNMP_INTEGER, &part) && ber_int(part, &m->generic) &&
	       ber_want(r, SNMP_INTEGER, &part) && ber_int(part, &m->specific) &&
	       ber_want(r, SNMP_TIMETICKS, &part) && ber_unsigned(part, UINT32_MAX, &m->uptime);
}

static bool read_numbers(struct snmp_msg *m, struct rd *r)
{
	int32_t *const numbers[] = { &m->id, &m->error, &m->index };
	struct rd part;

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!ber_want(r, SNMP_INTEGER, &part) || !ber_int(part, numbers[i]))
			return false;
	return true;
}

int snmp_decode_pdu(struct snmp_msg *m, const char **ret_why)
{
	struct rd r = m->body, list;
	struct snmp_bind b;

	if (m->pdu < SNMP_GET || m->pdu > SNMP_REPORT)
		return bad(ret_why, "an unknown type of PDU");
	if (m->pdu == SNMP_TRAP_V1 ? !read_trap_v1(m, &r) : !read_numbers(m, &r))
		return bad(ret_why, m->pdu == SNMP_TRAP_V1 ? "its head is none of a trap"
							   : "no three integers at its head");
	if (!ber_want(&r, SNMP_SEQUENCE, &m->binds))
		return bad(ret_why, "no list of variable bindings");
	for (list = m->binds; snmp_bind_next(&list, &b);)
		if (++m->n_binds > SNMP_BINDS_MAX)
			return bad(ret_why, "more variable bindings than anybody asks for");
	return list.err ? bad(ret_why, "a variable binding is malformed") : 0;
}

/* --- writing ------------------------------------------------------------------------------ */

static void put_trap_v1(struct wr *w, const struct snmp_msg *m)
{
	ber_put_oid(w, &m->enterprise);
	ber_put_octets(w, SNMP_IPADDRESS, m->agent.b, 4);
	ber_put_int(w, SNMP_INTEGER, m->generic);
	ber_put_int(w, SNMP_INTEGER, m->specific);
	ber_put_unsigned(w, SNMP_TIMETICKS, m->uptime);
}

void snmp_begin(struct snmp_out *o, const struct snmp_msg *head)
{
	wr_init(&o->w, o->octets, sizeof(o->octets));
	o->message = ber_open(&o->w, SNMP_SEQUENCE);
	ber_put_int(&o->w, SNMP_INTEGER, head->version);
	ber_put_octets(&o->w, SNMP_STRING, head->community, head->community_len);
	o->pdu = ber_open(&o->w, head->pdu);
	if (head->pdu == SNMP_TRAP_V1) {
		put_trap_v1(&o->w, head);
	} else {
		ber_put_int(&o->w, SNMP_INTEGER, head->id);
		ber_put_int(&o->w, SNMP_INTEGER, head->error);
		ber_put_int(&o->w, SNMP_INTEGER, head->index);
	}
	o->binds = ber_open(&o->w, SNMP_SEQUENCE);
}

static void put_value(struct wr *w, const struct snmp_value *v)
{
	switch (v->type) {
	case SNMP_INTEGER:
		ber_put_int(w, v->type, v->i);
		break;
	case SNMP_OID:
		ber_put_oid(w, &v->oid);
		break;
	case SNMP_COUNTER32:
	case SNMP_GAUGE32:
	case SNMP_TIMETICKS:
	case SNMP_COUNTER64:
		ber_put_unsigned(w, v->type, v->u);
		break;
	case SNMP_STRING:
	case SNMP_OPAQUE:
	case SNMP_IPADDRESS:
		ber_put_octets(w, v->type, v->data, v->len);
		break;
	default: /* NULL and the exceptions */
		ber_put_octets(w, v->type, "", 0);
		break;
	}
}

/* What the three open lengths may still need. */
static size_t growth(const struct snmp_out *o)
{
	return wr_len(&o->w) < 0x78 ? 0 : 3 * 2;
}

bool snmp_put_bind(struct snmp_out *o, const struct snmp_bind *b, size_t max)
{
	struct wr before = o->w;
	size_t at = ber_open(&o->w, SNMP_SEQUENCE);

	ber_put_oid(&o->w, &b->name);
	put_value(&o->w, &b->value);
	ber_close(&o->w, at);
	if (!o->w.err && wr_len(&o->w) + growth(o) <= max)
		return true;
	o->w = before;
	return false;
}

size_t snmp_end(struct snmp_out *o, size_t max)
{
	ber_close(&o->w, o->binds);
	ber_close(&o->w, o->pdu);
	ber_close(&o->w, o->message);
	return o->w.err || wr_len(&o->w) > max ? 0 : wr_len(&o->w);
}
