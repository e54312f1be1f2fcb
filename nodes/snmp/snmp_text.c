/* Names and values as people write them. Names are those of the objects that the agent has, and of
 * places in the tree that people ask for. */
#include "snmp/snmp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name, *oid;
} places[] = {
	{ "iso", "1" },
	{ "org", "1.3" },
	{ "dod", "1.3.6" },
	{ "internet", "1.3.6.1" },
	{ "mgmt", "1.3.6.1.2" },
	{ "mib-2", "1.3.6.1.2.1" },
	{ "system", "1.3.6.1.2.1.1" },
	{ "interfaces", "1.3.6.1.2.1.2" },
	{ "ifTable", "1.3.6.1.2.1.2.2" },
	{ "ifEntry", "1.3.6.1.2.1.2.2.1" },
	{ "ip", "1.3.6.1.2.1.4" },
	{ "ipAddrTable", "1.3.6.1.2.1.4.20" },
	{ "ipRouteTable", "1.3.6.1.2.1.4.21" },
	{ "ipNetToMediaTable", "1.3.6.1.2.1.4.22" },
	{ "icmp", "1.3.6.1.2.1.5" },
	{ "tcp", "1.3.6.1.2.1.6" },
	{ "udp", "1.3.6.1.2.1.7" },
	{ "snmp", "1.3.6.1.2.1.11" },
	{ "ifXTable", "1.3.6.1.2.1.31.1.1" },
	{ "experimental", "1.3.6.1.3" },
	{ "private", "1.3.6.1.4" },
	{ "enterprises", "1.3.6.1.4.1" },
	{ "cisco", "1.3.6.1.4.1.9" },
	/* OLD-CISCO-SYS and the like, which textbooks show: AppleTalk's and Novell's counters. */
	{ "atInput", "1.3.6.1.4.1.9.3.3.1" },
	{ "novellInput", "1.3.6.1.4.1.9.3.4.1" },
	{ "snmpTrapOID", "1.3.6.1.6.3.1.1.4.1" },
	{ "snmpTrapEnterprise", "1.3.6.1.6.3.1.1.4.3" },
	{ "snmpTraps", "1.3.6.1.6.3.1.1.5" },
	{ "coldStart", "1.3.6.1.6.3.1.1.5.1" },
	{ "warmStart", "1.3.6.1.6.3.1.1.5.2" },
	{ "linkDown", "1.3.6.1.6.3.1.1.5.3" },
	{ "linkUp", "1.3.6.1.6.3.1.1.5.4" },
	{ "authenticationFailure", "1.3.6.1.6.3.1.1.5.5" },
};

static void object_oid(const struct snmp_object *o, struct snmp_oid *ret)
{
	for (ret->n = 0; ret->n < o->n; ret->n++)
		ret->id[ret->n] = o->oid[ret->n];
}

static bool find_name(const char *name, size_t len, struct snmp_oid *ret)
{
	for (size_t i = 0; i < snmp_n_objects; i++)
		if (strlen(snmp_objects[i].name) == len &&
		    strncmp(snmp_objects[i].name, name, len) == 0) {
			object_oid(&snmp_objects[i], ret);
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (strlen(places[i].name) == len && strncmp(places[i].name, name, len) == 0)
			return snmp_oid_parse(places[i].oid, ret) == 0;
	return false;
}

int snmp_name_parse(const char *text, struct snmp_oid *ret)
{
	size_t len = strcspn(text, ".");

	if (len == 0 || (*text >= '0' && *text <= '9'))
		return snmp_oid_parse(text, ret);
	if (!find_name(text, len, ret))
		return -EINVAL;
	/* Behind a name any number may begin: "1." would limit it. */
	for (const char *p = text + len; *p == '.'; p += strcspn(p + 1, ".") + 1) {
		uint64_t id;
		char word[12];

		if (!str_copy_n(word, sizeof(word), p + 1, strcspn(p + 1, ".")) || !*word ||
		    str_to_u64(word, UINT32_MAX, &id) < 0 || !snmp_oid_add(ret, (uint32_t)id))
			return -EINVAL;
	}
	return 0;
}

/* The deepest name above an OID, and how many numbers it stands for. */
static const char *deepest(const struct snmp_oid *oid, unsigned *ret_n)
{
	const char *best = NULL;
	struct snmp_oid at;

	*ret_n = 0;
	for (size_t i = 0; i < snmp_n_objects; i++) {
		object_oid(&snmp_objects[i], &at);
		if (at.n > *ret_n && snmp_oid_under(oid, &at)) {
			best = snmp_objects[i].name;
			*ret_n = at.n;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (snmp_oid_parse(places[i].oid, &at) == 0 && at.n > *ret_n &&
		    snmp_oid_under(oid, &at)) {
			best = places[i].name;
			*ret_n = at.n;
		}
	return best;
}

/* With a name only where it tells something: below a group, an enterprise, or the traps. */
void snmp_name_format(const struct snmp_oid *oid, struct sbuf *out)
{
	char text[SNMP_OID_TEXT_MAX];
	unsigned n;
	const char *name = deepest(oid, &n);

	if (!name || (n < 7 && n != oid->n)) {
		sbuf_puts(out, snmp_oid_format(oid, text));
		return;
	}
	sbuf_puts(out, name);
	for (; n < oid->n; n++)
		sbuf_printf(out, ".%" PRIu32, oid->id[n]);
}

/* --- values ------------------------------------------------------------------------------- */

const char *snmp_type_name(uint8_t type)
{
	switch (type) {
	case SNMP_INTEGER:
		return "INTEGER";
	case SNMP_STRING:
		return "STRING";
	case SNMP_NULL:
		return "NULL";
	case SNMP_OID:
		return "OID";
	case SNMP_IPADDRESS:
		return "IpAddress";
	case SNMP_COUNTER32:
		return "Counter32";
	case SNMP_GAUGE32:
		return "Gauge32";
	case SNMP_TIMETICKS:
		return "Timeticks";
	case SNMP_OPAQUE:
		return "Opaque";
	case SNMP_COUNTER64:
		return "Counter64";
	case SNMP_NO_OBJECT:
		return "noSuchObject";
	case SNMP_NO_INSTANCE:
		return "noSuchInstance";
	case SNMP_END_OF_VIEW:
		return "endOfMibView";
	default:
		return "unknown";
	}
}

static bool is_text(const struct snmp_value *v)
{
	for (size_t i = 0; i < v->len; i++)
		if (v->data[i] < 0x20 || v->data[i] > 0x7e)
			return false;
	return true;
}

static void put_octets(const struct snmp_value *v, struct sbuf *out)
{
	if (v->type == SNMP_STRING && is_text(v)) {
		sbuf_put(out, v->data, v->len);
		return;
	}
	for (size_t i = 0; i < v->len; i++)
		sbuf_printf(out, "%s%02x", i ? ":" : "", v->data[i]);
}

static void put_ticks(uint64_t ticks, struct sbuf *out)
{
	uint64_t s = ticks / 100;

	sbuf_printf(out, "(%" PRIu64 ") %" PRIu64 ":%02u:%02u.%02u", ticks, s / 3600,
		    (unsigned)(s / 60 % 60), (unsigned)(s % 60), (unsigned)(ticks % 100));
}

void snmp_value_format(const struct snmp_value *v, struct sbuf *out)
{
	switch (v->type) {
	case SNMP_INTEGER:
		sbuf_printf(out, "%" PRId32, v->i);
		break;
	case SNMP_STRING:
	case SNMP_OPAQUE:
		put_octets(v, out);
		break;
	case SNMP_OID:
		snmp_name_format(&v->oid, out);
		break;
	case SNMP_IPADDRESS:
		sbuf_printf(out, "%u.%u.%u.%u", v->data[0], v->data[1], v->data[2], v->data[3]);
		break;
	case SNMP_TIMETICKS:
		put_ticks(v->u, out);
		break;
	case SNMP_COUNTER32:
	case SNMP_GAUGE32:
	case SNMP_COUNTER64:
		sbuf_printf(out, "%" PRIu64, v->u);
		break;
	default:
		sbuf_puts(out, snmp_type_name(v->type));
		break;
	}
}

void snmp_binds_format(struct rd binds, bool values, struct sbuf *out)
{
	struct snmp_bind b;

	for (bool first = true; snmp_bind_next(&binds, &b) && !out->full; first = false) {
		if (!first)
			sbuf_puts(out, ", ");
		snmp_name_format(&b.name, out);
		if (!values)
			continue;
		sbuf_puts(out, " = ");
		snmp_value_format(&b.value, out);
	}
}
