/* The objects, in the order of their OIDs, and how they are found. RFC 3418 (system, snmp), RFC
 * 1213 (IP, ICMP, TCP, UDP: as the kernel counts), RFC 2863 (interfaces). */
#include "snmp/snmp.h"

#include <stdlib.h>
#include <string.h>

const enum kernel_table snmp_asks[SNMP_ASKS] = { KERNEL_COUNTERS, KERNEL_STATISTICS, KERNEL_ROUTES,
						 KERNEL_NEIGHBOURS };

/* clang-format off */
#define MIB2(...) { 1, 3, 6, 1, 2, 1, __VA_ARGS__ }
#define SCALAR(obj, obj_type, fn, n_ids, ...) \
	{ .name = (obj), .oid = MIB2(__VA_ARGS__), .n = 6 + (n_ids), .type = (obj_type), .value = (fn) }
#define SCALAR_RW(obj, obj_type, fn, set_fn, n_ids, ...) \
	{ .name = (obj), .oid = MIB2(__VA_ARGS__), .n = 6 + (n_ids), .type = (obj_type), .value = (fn), .set = (set_fn) }
#define COLUMN(obj, obj_type, tab, fn, n_ids, ...) \
	{ .name = (obj), .oid = MIB2(__VA_ARGS__), .n = 6 + (n_ids), .type = (obj_type), .table = (tab), .value = (fn) }
#define STATISTIC(obj, obj_type, stat, ...) \
	{ .name = (obj), .oid = MIB2(__VA_ARGS__), .n = 8, .type = (obj_type), .value = snmp_value_statistic, .statistic = (stat) }
#define SYS(obj, obj_type, id)	SCALAR(obj, obj_type, snmp_value_system, 2, 1, id)
#define IF(obj, obj_type, id)	COLUMN(obj, obj_type, SNMP_INTERFACES, snmp_value_if, 4, 2, 2, 1, id)
#define IFX(obj, obj_type, id)	COLUMN(obj, obj_type, SNMP_INTERFACES, snmp_value_ifx, 5, 31, 1, 1, 1, id)
#define ADDR(obj, obj_type, id)	COLUMN(obj, obj_type, SNMP_ADDRESSES, snmp_value_address, 4, 4, 20, 1, id)
#define ROUTE(obj, obj_type, id) COLUMN(obj, obj_type, SNMP_ROUTES, snmp_value_route, 4, 4, 21, 1, id)
#define NEIGH(obj, obj_type, id) COLUMN(obj, obj_type, SNMP_NEIGHBOURS, snmp_value_neighbour, 4, 4, 22, 1, id)
#define SNMP(obj, id)		SCALAR(obj, SNMP_COUNTER32, snmp_value_snmp, 2, 11, id)
#define IPS(id, name)		STATISTIC("ip" name, SNMP_COUNTER32, name, 4, id)
#define ICMPS(id, name)		STATISTIC("icmp" name, SNMP_COUNTER32, name, 5, id)
#define TCPS(id, obj_type, name) STATISTIC("tcp" name, obj_type, name, 6, id)
#define UDPS(id, name)		STATISTIC("udp" name, SNMP_COUNTER32, name, 7, id)

const struct snmp_object snmp_objects[] = {
	SYS("sysDescr", SNMP_STRING, 1),
	SYS("sysObjectID", SNMP_OID, 2),
	SYS("sysUpTime", SNMP_TIMETICKS, 3),
	SCALAR_RW("sysContact", SNMP_STRING, snmp_value_system, snmp_set_contact, 2, 1, 4),
	SCALAR_RW("sysName", SNMP_STRING, snmp_value_system, snmp_set_name, 2, 1, 5),
	SCALAR_RW("sysLocation", SNMP_STRING, snmp_value_system, snmp_set_location, 2, 1, 6),
	SYS("sysServices", SNMP_INTEGER, 7),
	SCALAR("ifNumber", SNMP_INTEGER, snmp_value_if_number, 2, 2, 1),
	IF("ifIndex", SNMP_INTEGER, 1),
	IF("ifDescr", SNMP_STRING, 2),
	IF("ifType", SNMP_INTEGER, 3),
	IF("ifMtu", SNMP_INTEGER, 4),
	IF("ifSpeed", SNMP_GAUGE32, 5),
	IF("ifPhysAddress", SNMP_STRING, 6),
	{ .name = "ifAdminStatus", .oid = MIB2(2, 2, 1, 7), .n = 10, .type = SNMP_INTEGER, .table = SNMP_INTERFACES,
	  .value = snmp_value_if, .set = snmp_set_admin },
	IF("ifOperStatus", SNMP_INTEGER, 8),
	IF("ifLastChange", SNMP_TIMETICKS, 9),
	IF("ifInOctets", SNMP_COUNTER32, 10),
	IF("ifInUcastPkts", SNMP_COUNTER32, 11),
	IF("ifInNUcastPkts", SNMP_COUNTER32, 12),
	IF("ifInDiscards", SNMP_COUNTER32, 13),
	IF("ifInErrors", SNMP_COUNTER32, 14),
	IF("ifInUnknownProtos", SNMP_COUNTER32, 15),
	IF("ifOutOctets", SNMP_COUNTER32, 16),
	IF("ifOutUcastPkts", SNMP_COUNTER32, 17),
	IF("ifOutNUcastPkts", SNMP_COUNTER32, 18),
	IF("ifOutDiscards", SNMP_COUNTER32, 19),
	IF("ifOutErrors", SNMP_COUNTER32, 20),
	IF("ifOutQLen", SNMP_GAUGE32, 21),
	STATISTIC("ipForwarding", SNMP_INTEGER, "Forwarding", 4, 1),
	STATISTIC("ipDefaultTTL", SNMP_INTEGER, "DefaultTTL", 4, 2),
	IPS(3, "InReceives"), IPS(4, "InHdrErrors"), IPS(5, "InAddrErrors"),
	STATISTIC("ipForwDatagrams", SNMP_COUNTER32, "ForwDatagrams", 4, 6),
	IPS(7, "InUnknownProtos"), IPS(8, "InDiscards"), IPS(9, "InDelivers"), IPS(10, "OutRequests"),
	IPS(11, "OutDiscards"), IPS(12, "OutNoRoutes"),
	STATISTIC("ipReasmTimeout", SNMP_INTEGER, "ReasmTimeout", 4, 13),
	IPS(14, "ReasmReqds"), IPS(15, "ReasmOKs"), IPS(16, "ReasmFails"), IPS(17, "FragOKs"), IPS(18, "FragFails"),
	IPS(19, "FragCreates"),
	ADDR("ipAdEntAddr", SNMP_IPADDRESS, 1),
	ADDR("ipAdEntIfIndex", SNMP_INTEGER, 2),
	ADDR("ipAdEntNetMask", SNMP_IPADDRESS, 3),
	ADDR("ipAdEntBcastAddr", SNMP_INTEGER, 4),
	ADDR("ipAdEntReasmMaxSize", SNMP_INTEGER, 5),
	ROUTE("ipRouteDest", SNMP_IPADDRESS, 1),
	ROUTE("ipRouteIfIndex", SNMP_INTEGER, 2),
	ROUTE("ipRouteMetric1", SNMP_INTEGER, 3),
	ROUTE("ipRouteNextHop", SNMP_IPADDRESS, 7),
	ROUTE("ipRouteType", SNMP_INTEGER, 8),
	ROUTE("ipRouteProto", SNMP_INTEGER, 9),
	ROUTE("ipRouteMask", SNMP_IPADDRESS, 11),
	NEIGH("ipNetToMediaIfIndex", SNMP_INTEGER, 1),
	NEIGH("ipNetToMediaPhysAddress", SNMP_STRING, 2),
	NEIGH("ipNetToMediaNetAddress", SNMP_IPADDRESS, 3),
	NEIGH("ipNetToMediaType", SNMP_INTEGER, 4),
	ICMPS(1, "InMsgs"), ICMPS(2, "InErrors"), ICMPS(3, "InDestUnreachs"), ICMPS(4, "InTimeExcds"),
	ICMPS(5, "InParmProbs"), ICMPS(6, "InSrcQuenchs"), ICMPS(7, "InRedirects"), ICMPS(8, "InEchos"),
	ICMPS(9, "InEchoReps"), ICMPS(10, "InTimestamps"), ICMPS(11, "InTimestampReps"), ICMPS(12, "InAddrMasks"),
	ICMPS(13, "InAddrMaskReps"), ICMPS(14, "OutMsgs"), ICMPS(15, "OutErrors"), ICMPS(16, "OutDestUnreachs"),
	ICMPS(17, "OutTimeExcds"), ICMPS(18, "OutParmProbs"), ICMPS(19, "OutSrcQuenchs"), ICMPS(20, "OutRedirects"),
	ICMPS(21, "OutEchos"), ICMPS(22, "OutEchoReps"), ICMPS(23, "OutTimestamps"), ICMPS(24, "OutTimestampReps"),
	ICMPS(25, "OutAddrMasks"), ICMPS(26, "OutAddrMaskReps"),
	TCPS(1, SNMP_INTEGER, "RtoAlgorithm"), TCPS(2, SNMP_INTEGER, "RtoMin"), TCPS(3, SNMP_INTEGER, "RtoMax"),
	TCPS(4, SNMP_INTEGER, "MaxConn"), TCPS(5, SNMP_COUNTER32, "ActiveOpens"), TCPS(6, SNMP_COUNTER32, "PassiveOpens"),
	TCPS(7, SNMP_COUNTER32, "AttemptFails"), TCPS(8, SNMP_COUNTER32, "EstabResets"), TCPS(9, SNMP_GAUGE32, "CurrEstab"),
	TCPS(10, SNMP_COUNTER32, "InSegs"), TCPS(11, SNMP_COUNTER32, "OutSegs"), TCPS(12, SNMP_COUNTER32, "RetransSegs"),
	STATISTIC("tcpInErrs", SNMP_COUNTER32, "InErrs", 6, 14), STATISTIC("tcpOutRsts", SNMP_COUNTER32, "OutRsts", 6, 15),
	UDPS(1, "InDatagrams"), UDPS(2, "NoPorts"), UDPS(3, "InErrors"), UDPS(4, "OutDatagrams"),
	SNMP("snmpInPkts", 1), SNMP("snmpOutPkts", 2), SNMP("snmpInBadVersions", 3), SNMP("snmpInBadCommunityNames", 4),
	SNMP("snmpInBadCommunityUses", 5), SNMP("snmpInASNParseErrs", 6), SNMP("snmpInTooBigs", 8),
	SNMP("snmpInNoSuchNames", 9), SNMP("snmpInBadValues", 10), SNMP("snmpInReadOnlys", 11), SNMP("snmpInGenErrs", 12),
	SNMP("snmpInTotalReqVars", 13), SNMP("snmpInTotalSetVars", 14), SNMP("snmpInGetRequests", 15),
	SNMP("snmpInGetNexts", 16), SNMP("snmpInSetRequests", 17), SNMP("snmpInGetResponses", 18), SNMP("snmpInTraps", 19),
	SNMP("snmpOutTooBigs", 20), SNMP("snmpOutNoSuchNames", 21), SNMP("snmpOutBadValues", 22), SNMP("snmpOutGenErrs", 24),
	SNMP("snmpOutGetRequests", 25), SNMP("snmpOutGetNexts", 26), SNMP("snmpOutSetRequests", 27),
	SNMP("snmpOutGetResponses", 28), SNMP("snmpOutTraps", 29),
	SCALAR_RW("snmpEnableAuthenTraps", SNMP_INTEGER, snmp_value_snmp, snmp_set_traps, 2, 11, 30),
	SNMP("snmpSilentDrops", 31), SNMP("snmpProxyDrops", 32),
	IFX("ifName", SNMP_STRING, 1),
	IFX("ifInMulticastPkts", SNMP_COUNTER32, 2),
	IFX("ifHCInOctets", SNMP_COUNTER64, 6),
	IFX("ifHCInUcastPkts", SNMP_COUNTER64, 7),
	IFX("ifHCInMulticastPkts", SNMP_COUNTER64, 8),
	IFX("ifHCOutOctets", SNMP_COUNTER64, 10),
	IFX("ifHCOutUcastPkts", SNMP_COUNTER64, 11),
	IFX("ifHighSpeed", SNMP_GAUGE32, 15),
};
/* clang-format on */

const size_t snmp_n_objects = ARRAY_SIZE(snmp_objects);

/* --- tables ------------------------------------------------------------------------------- */

static int row_compare(const void *a, const void *b)
{
	const struct snmp_row *x = a, *y = b;

	for (unsigned i = 0; i < SNMP_INDEX_MAX; i++)
		if (x->index[i] != y->index[i])
			return x->index[i] < y->index[i] ? -1 : 1;
	return x->item < y->item ? -1 : x->item > y->item;
}

static struct snmp_row *row_add(struct snmp_mib *m, enum snmp_table t, unsigned iface,
				unsigned item)
{
	struct snmp_row *row = &m->rows[t][m->n_rows[t]++];

	*row = (struct snmp_row){ .iface = iface, .item = item };
	return row;
}

static void index_addr(struct snmp_row *row, const struct addr *a)
{
	for (unsigned i = 0; i < 4; i++)
		row->index[row->n_index++] = a->b[i];
}

static unsigned iface_of(const struct snmp_mib *m, const char *name)
{
	unsigned i = 0;

	while (i < m->dev->n_ifaces && strcmp(m->dev->ifaces[i].name, name) != 0)
		i++;
	return i;
}

static void rows_alloc(struct snmp_mib *m, enum snmp_table t, size_t n)
{
	m->rows[t] = calloc(n + 1, sizeof(*m->rows[t]));
	if (!m->rows[t])
		abort();
}

static void index_interfaces(struct snmp_mib *m)
{
	rows_alloc(m, SNMP_INTERFACES, m->dev->n_ifaces);
	rows_alloc(m, SNMP_ADDRESSES, (size_t)m->dev->n_ifaces * IFACE_ADDRS_MAX);
	for (unsigned i = 0; i < m->dev->n_ifaces; i++) {
		const struct iface *f = &m->dev->ifaces[i];
		struct snmp_row *row = row_add(m, SNMP_INTERFACES, i, i);

		row->index[row->n_index++] = i + 1;
		for (unsigned k = 0; k < f->n_addrs; k++)
			if (f->addrs[k].addr.family == 4)
				index_addr(row_add(m, SNMP_ADDRESSES, i, k), &f->addrs[k].addr);
	}
}

static void index_kernel(struct snmp_mib *m, enum snmp_table t, unsigned ask)
{
	rows_alloc(m, t, m->n_kernel[ask]);
	for (unsigned i = 0; i < m->n_kernel[ask]; i++) {
		const struct kernel_row *k = &m->kernel[ask][i];
		unsigned iface = iface_of(m, k->ifname);
		struct snmp_row *row;

		if (iface == m->dev->n_ifaces || k->addr.family != 4)
			continue;
		row = row_add(m, t, iface, i);
		if (t == SNMP_NEIGHBOURS)
			row->index[row->n_index++] = iface + 1;
		index_addr(row, &k->addr);
	}
}

/* An index names one row: of several routes to one network the first counts. */
static void sort_rows(struct snmp_mib *m, enum snmp_table t)
{
	struct snmp_row *rows = m->rows[t];
	unsigned n = 0;

	qsort(rows, m->n_rows[t], sizeof(*rows), row_compare);
	for (unsigned i = 0; i < m->n_rows[t]; i++)
		if (n == 0 || memcmp(rows[n - 1].index, rows[i].index, sizeof(rows[i].index)) != 0)
			rows[n++] = rows[i];
	m->n_rows[t] = n;
}

void snmp_mib_index(struct snmp_mib *m)
{
	rows_alloc(m, SNMP_SCALAR, 1);
	row_add(m, SNMP_SCALAR, 0, 0)->n_index = 1; /* .0 */
	index_interfaces(m);
	index_kernel(m, SNMP_ROUTES, 2);
	index_kernel(m, SNMP_NEIGHBOURS, 3);
	for (unsigned t = SNMP_INTERFACES; t < SNMP_N_TABLES; t++)
		sort_rows(m, t);
}

void snmp_mib_done(struct snmp_mib *m)
{
	for (unsigned i = 0; i < SNMP_ASKS; i++)
		free(m->kernel[i]);
	for (unsigned t = 0; t < SNMP_N_TABLES; t++)
		free(m->rows[t]);
}

/* --- finding ------------------------------------------------------------------------------ */

/* <0: `oid` is before the object, 0: the object's, or below it, >0: behind it. */
static int compare_object(const struct snmp_oid *oid, const struct snmp_object *o)
{
	for (unsigned i = 0; i < o->n; i++)
		if (i >= oid->n || oid->id[i] != o->oid[i])
			return i >= oid->n || oid->id[i] < o->oid[i] ? -1 : 1;
	return 0;
}

/* The same of a row, and the part of `oid` behind its object. */
static int compare_row(const struct snmp_oid *oid, unsigned at, const struct snmp_row *row)
{
	for (unsigned i = 0; i < row->n_index; i++)
		if (at + i >= oid->n || oid->id[at + i] != row->index[i])
			return at + i >= oid->n || oid->id[at + i] < row->index[i] ? -1 : 1;
	return oid->n == at + row->n_index ? 0 : 1;
}

enum snmp_found snmp_mib_find(const struct snmp_mib *m, const struct snmp_oid *oid,
			      struct snmp_instance *ret)
{
	for (size_t i = 0; i < snmp_n_objects; i++) {
		const struct snmp_object *o = &snmp_objects[i];

		if (compare_object(oid, o) != 0)
			continue;
		*ret = (struct snmp_instance){ .object = o };
		for (; ret->row < m->n_rows[o->table]; ret->row++)
			if (compare_row(oid, o->n, &m->rows[o->table][ret->row]) == 0)
				return SNMP_FOUND;
		return SNMP_FOUND_NO_INSTANCE;
	}
	return SNMP_FOUND_NO_OBJECT;
}

bool snmp_mib_next(const struct snmp_mib *m, const struct snmp_oid *oid, struct snmp_oid *ret_oid,
		   struct snmp_instance *ret)
{
	for (size_t i = 0; i < snmp_n_objects; i++) {
		const struct snmp_object *o = &snmp_objects[i];
		int where = compare_object(oid, o);

		*ret = (struct snmp_instance){ .object = o };
		while (where == 0 && ret->row < m->n_rows[o->table] &&
		       compare_row(oid, o->n, &m->rows[o->table][ret->row]) >= 0)
			ret->row++;
		if (where > 0 || ret->row == m->n_rows[o->table])
			continue;
		snmp_mib_oid(m, ret, ret_oid);
		return true;
	}
	return false;
}

void snmp_mib_oid(const struct snmp_mib *m, const struct snmp_instance *i, struct snmp_oid *ret)
{
	const struct snmp_object *o = i->object;
	const struct snmp_row *row = &m->rows[o->table][i->row];

	ret->n = 0;
	for (unsigned k = 0; k < o->n; k++)
		ret->id[ret->n++] = o->oid[k];
	for (unsigned k = 0; k < row->n_index; k++)
		ret->id[ret->n++] = row->index[k];
}

void snmp_mib_value(struct snmp_mib *m, const struct snmp_instance *i, struct snmp_value *ret)
{
	ret->type = i->object->type;
	ret->i = 0;
	ret->u = 0;
	ret->data = (const uint8_t *)"";
	ret->len = 0;
	i->object->value(m, i->object, i->row, ret);
}
