/* Object identifiers: order, text. */
#include "snmp/snmp_ber.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int snmp_oid_compare(const struct snmp_oid *a, const struct snmp_oid *b)
{
	for (unsigned i = 0; i < a->n && i < b->n; i++)
		if (a->id[i] != b->id[i])
			return a->id[i] < b->id[i] ? -1 : 1;
	return a->n == b->n ? 0 : a->n < b->n ? -1 : 1;
}

bool snmp_oid_under(const struct snmp_oid *oid, const struct snmp_oid *root)
{
	for (unsigned i = 0; i < root->n; i++)
		if (i >= oid->n || oid->id[i] != root->id[i])
			return false;
	return true;
}

bool snmp_oid_add(struct snmp_oid *oid, uint32_t id)
{
	if (oid->n == SNMP_OID_MAX)
		return false;
	oid->id[oid->n++] = id;
	return true;
}

int snmp_oid_parse(const char *text, struct snmp_oid *ret)
{
	const char *p = *text == '.' ? text + 1 : text;
	char *end;

	ret->n = 0;
	for (;; p = end + 1) {
		unsigned long long id;

		if (*p < '0' || *p > '9')
			return -EINVAL;
		id = strtoull(p, &end, 10);
		if (id > UINT32_MAX || end - p > 10 || !snmp_oid_add(ret, (uint32_t)id))
			return -EINVAL;
		if (*end == '\0')
			break;
		if (*end != '.')
			return -EINVAL;
	}
	/* What one number of the encoding can hold: X.690 §8.19.4. */
	if (ret->id[0] > 2 || (ret->n > 1 && ret->id[1] > (ret->id[0] < 2 ? 39 : UINT32_MAX - 80)))
		return -EINVAL;
	return 0;
}

const char *snmp_oid_format(const struct snmp_oid *oid, char out[static SNMP_OID_TEXT_MAX])
{
	size_t len = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < oid->n; i++)
		len += (size_t)snprintf(out + len, SNMP_OID_TEXT_MAX - len, "%s%" PRIu32,
					i ? "." : "", oid->id[i]);
	return out;
}
