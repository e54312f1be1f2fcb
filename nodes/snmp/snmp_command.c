/* The words of the `snmp` commands. */
#include "snmp/snmp_manager.h"

#include <stdlib.h>
#include <string.h>

/* As the patterns in snmp_conf.c have them. */
static const struct {
	const char *word;
	enum snmp_op op;
} ops[] = {
	{ "get", SNMP_OP_GET },	  { "getnext", SNMP_OP_GETNEXT }, { "getbulk", SNMP_OP_GETBULK },
	{ "walk", SNMP_OP_WALK }, { "set", SNMP_OP_SET },
};

static const char *read_name(struct snmp_query *q, const char *word, struct fx *fx)
{
	struct snmp_oid *oid = &q->names[q->n_names];
	char numbers[SNMP_OID_TEXT_MAX];
	struct sbuf name = SBUF(SNMP_NAME_MAX);

	if (snmp_name_parse(word, oid) < 0)
		return "that is no OID, nor a name that this device knows";
	q->n_names++;
	snmp_name_format(oid, &name);
	decide(fx, "snmp.mib.name-or-oid", V_TEXT("word", word),
	       V_TEXT("oid", snmp_oid_format(oid, numbers)), V_TEXT("name", sbuf_text(&name)));
	sbuf_done(&name);
	return NULL;
}

/* "02 00 ff", "02:00:ff" or "0200ff" in place. */
static const char *read_hex(char *text, struct snmp_value *v)
{
	size_t n = 0;

	for (const char *p = text; *p; p += strspn(p, " :")) {
		char pair[3] = { p[0], p[1], '\0' };
		char *end;

		text[n++] = (char)strtoul(pair, &end, 16);
		if (end != pair + 2 || strchr("+- ", pair[0]))
			return "octets are pairs of hexadecimal digits";
		p += 2;
	}
	v->len = n;
	return NULL;
}

static const char *read_number(const char *text, uint64_t max, uint64_t *ret)
{
	return str_to_u64(text, max, ret) < 0 ? "that is no number of this type" : NULL;
}

static const char *read_integer(const char *text, int32_t *ret)
{
	bool minus = *text == '-';
	uint64_t n;
	const char *why = read_number(text + minus, (uint64_t)INT32_MAX + minus, &n);

	*ret = why ? 0 : (int32_t)(minus ? -(int64_t)n : (int64_t)n);
	return why;
}

/* The types in the order of the pattern's words. */
static const char *read_value(struct snmp_query *q, unsigned type)
{
	static const uint8_t types[] = { SNMP_INTEGER,	 SNMP_STRING,	 SNMP_STRING,
					 SNMP_OID,	 SNMP_IPADDRESS, SNMP_GAUGE32,
					 SNMP_COUNTER32, SNMP_TIMETICKS };
	struct snmp_value *v = &q->value;
	struct addr a;

	v->type = types[type];
	v->data = (const uint8_t *)q->text;
	v->len = strlen(q->text);
	switch (v->type) {
	case SNMP_INTEGER:
		return read_integer(q->text, &v->i);
	case SNMP_STRING:
		return type == 2 ? read_hex(q->text, v) : NULL;
	case SNMP_OID:
		return snmp_name_parse(q->text, &v->oid) < 0 ? "that is no OID" : NULL;
	case SNMP_IPADDRESS:
		if (addr_parse(q->text, &a) < 0 || a.family != 4)
			return "that is no IPv4 address";
		memcpy(q->text, a.b, v->len = 4);
		return NULL;
	default:
		return read_number(q->text, UINT32_MAX, &v->u);
	}
}

static const char *read_rest(const struct call *call, struct snmp_query *q, struct fx *fx)
{
	const char *why = NULL;

	if (q->op == SNMP_OP_SET) {
		str_copy(q->text, sizeof(q->text), call->args[5].text);
		return read_value(q, (unsigned)call->args[4].number);
	}
	if (q->op == SNMP_OP_GETBULK) {
		q->times = call_arg(call, 4) ? (int32_t)call->args[4].number : SNMP_REPETITIONS;
		q->once = call_arg(call, 5) ? (int32_t)call->args[5].number : 0;
		return NULL;
	}
	for (unsigned i = 4; !why && call_arg(call, i) && q->n_names < SNMP_NAMES_MAX; i++)
		why = read_name(q, call->args[i].text, fx);
	return why;
}

/* Arguments: which, HOST, COMMUNITY, OID, and what the operation has besides. */
const char *snmp_command_read(const struct call *call, struct snmp_query *q, struct fx *fx)
{
	const char *why;

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (strcmp(call->args[0].text, ops[i].word) == 0)
			q->op = ops[i].op;
	str_copy(q->host, sizeof(q->host), call->args[1].text);
	if (!str_copy(q->community, sizeof(q->community), call->args[2].text))
		return "64 characters of a community are the most";
	why = read_name(q, call->args[3].text, fx);
	q->root = q->names[0];
	return why ? why : read_rest(call, q, fx);
}
