/* What the objects are worth, at this moment. A value's type is set already. */
#include "snmp/snmp.h"

#include <stdio.h>
#include <string.h>

/* ciscoGatewayServer: what IOS on a router calls itself. */
const struct snmp_oid snmp_sys_object_id = { 9, { 1, 3, 6, 1, 4, 1, 9, 1, 1 } };

#define SPEED	      1000000000 /* bit/s: what a cable of the lab is said to be */
#define ETHERNET_CSMA 6		 /* ifType, IANAifType-MIB */

enum { STATUS_UP = 1, STATUS_DOWN };

static unsigned column(const struct snmp_object *o)
{
	return o->oid[o->n - 1];
}

static void put_text(struct snmp_mib *m, const char *text, struct snmp_value *v)
{
	str_copy(m->text, sizeof(m->text), text ? text : "");
	v->data = (const uint8_t *)m->text;
	v->len = strlen(m->text);
}

static void put_octets(struct snmp_mib *m, const void *octets, size_t len, struct snmp_value *v)
{
	memcpy(m->text, octets, len);
	v->data = (const uint8_t *)m->text;
	v->len = len;
}

static uint64_t ticks(nsec_t ns)
{
	return (uint32_t)((uint64_t)(ns > 0 ? ns : 0) / (10 * MSEC));
}

/* RFC 3418 §2: the sum of 2^(layer - 1) of what the device offers. */
static int32_t services(enum device_kind kind)
{
	return kind == KIND_ROUTER ? 4 + 8 + 64 : 8 + 64;
}

void snmp_value_system(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		       struct snmp_value *v)
{
	char text[128];

	(void)item;
	switch (column(o)) {
	case 1:
		snprintf(text, sizeof(text), "labd, %s %s", device_kind_name(m->dev->kind),
			 m->dev->name);
		put_text(m, text, v);
		break;
	case 2:
		v->oid = snmp_sys_object_id;
		break;
	case 3:
		v->u = ticks(m->now - m->since);
		break;
	case 4:
		put_text(m, m->conf->contact, v);
		break;
	case 5:
		put_text(m, m->dev->hostname, v);
		break;
	case 6:
		put_text(m, m->conf->location, v);
		break;
	default:
		v->i = services(m->dev->kind);
		break;
	}
}

void snmp_value_if_number(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			  struct snmp_value *v)
{
	(void)o, (void)item;
	v->i = (int32_t)m->dev->n_ifaces;
}

/* What the kernel says of the interface; all zero when it said nothing. */
static const struct kernel_row *counters_of(const struct snmp_mib *m, const struct iface *f)
{
	static const struct kernel_row none;

	for (size_t i = 0; i < m->n_kernel[0]; i++)
		if (strcmp(m->kernel[0][i].ifname, f->name) == 0)
			return &m->kernel[0][i];
	return &none;
}

static void if_counter(const struct kernel_counters *c, unsigned id, struct snmp_value *v)
{
	const uint64_t by_column[] = {
		[10] = c->rx_bytes,	[11] = c->rx_frames - c->rx_multicast,
		[12] = c->rx_multicast, [13] = c->rx_dropped,
		[14] = c->rx_errors,	[16] = c->tx_bytes,
		[17] = c->tx_frames,	[19] = c->tx_dropped,
		[20] = c->tx_errors,	[21] = 0,
	};

	v->u = (uint32_t)by_column[id];
}

void snmp_value_if(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		   struct snmp_value *v)
{
	unsigned i = m->rows[SNMP_INTERFACES][item].iface;
	const struct iface *f = &m->dev->ifaces[i];
	const struct kernel_row *k = counters_of(m, f);

	switch (column(o)) {
	case 1:
		v->i = (int32_t)i + 1;
		break;
	case 2:
		put_text(m, f->name, v);
		break;
	case 3:
		v->i = ETHERNET_CSMA;
		break;
	case 4:
		v->i = (int32_t)f->mtu;
		break;
	case 5:
		v->u = SPEED;
		break;
	case 6:
		put_octets(m, f->mac.b, sizeof(f->mac.b), v);
		break;
	case 7:
		v->i = strcmp(k->state, "shut down") == 0 ? STATUS_DOWN : STATUS_UP;
		break;
	case 8:
		v->i = f->up ? STATUS_UP : STATUS_DOWN;
		break;
	case 9:
		v->u = m->changed ? ticks(m->changed[i] - m->since) : 0;
		break;
	default:
		if_counter(&k->counters, column(o), v);
		break;
	}
}

void snmp_value_ifx(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		    struct snmp_value *v)
{
	const struct iface *f = &m->dev->ifaces[m->rows[SNMP_INTERFACES][item].iface];
	const struct kernel_counters *c = &counters_of(m, f)->counters;
	const uint64_t by_column[] = {
		[2] = (uint32_t)c->rx_multicast,
		[6] = c->rx_bytes,
		[7] = c->rx_frames - c->rx_multicast,
		[8] = c->rx_multicast,
		[10] = c->tx_bytes,
		[11] = c->tx_frames,
		[15] = SPEED / 1000000,
	};

	if (column(o) == 1)
		put_text(m, f->name, v);
	else
		v->u = by_column[column(o)];
}

static void put_addr(struct snmp_mib *m, const struct addr *a, struct snmp_value *v)
{
	put_octets(m, a->b, 4, v);
}

void snmp_value_address(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			struct snmp_value *v)
{
	const struct snmp_row *row = &m->rows[SNMP_ADDRESSES][item];
	const struct iface_addr *a = &m->dev->ifaces[row->iface].addrs[row->item];
	struct addr mask = addr4_netmask(a->plen);

	switch (column(o)) {
	case 1:
		put_addr(m, &a->addr, v);
		break;
	case 2:
		v->i = (int32_t)row->iface + 1;
		break;
	case 3:
		put_addr(m, &mask, v);
		break;
	case 4:
		v->i = 1; /* the last bit of the broadcast address */
		break;
	default:
		v->i = 65535;
		break;
	}
}

void snmp_value_route(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		      struct snmp_value *v)
{
	enum { ROUTE_DIRECT = 3, ROUTE_INDIRECT, PROTO_LOCAL = 2, PROTO_NETMGMT };
	const struct snmp_row *row = &m->rows[SNMP_ROUTES][item];
	const struct kernel_row *k = &m->kernel[2][row->item];
	struct addr mask = addr4_netmask(k->plen), via = k->via;
	bool direct = !addr_is_set(&via) || addr_is_any(&via);

	switch (column(o)) {
	case 1:
		put_addr(m, &k->addr, v);
		break;
	case 2:
		v->i = (int32_t)row->iface + 1;
		break;
	case 3:
		v->i = (int32_t)k->n1;
		break;
	case 7:
		put_addr(m, direct ? &m->dev->ifaces[row->iface].addrs[0].addr : &via, v);
		break;
	case 8:
		v->i = direct ? ROUTE_DIRECT : ROUTE_INDIRECT;
		break;
	case 9:
		v->i = k->is_local ? PROTO_LOCAL : PROTO_NETMGMT;
		break;
	default:
		put_addr(m, &mask, v);
		break;
	}
}

void snmp_value_neighbour(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			  struct snmp_value *v)
{
	enum { MEDIA_INVALID = 2, MEDIA_DYNAMIC, MEDIA_STATIC };
	const struct snmp_row *row = &m->rows[SNMP_NEIGHBOURS][item];
	const struct kernel_row *k = &m->kernel[3][row->item];

	switch (column(o)) {
	case 1:
		v->i = (int32_t)row->iface + 1;
		break;
	case 2:
		put_octets(m, k->mac.b, sizeof(k->mac.b), v);
		break;
	case 3:
		put_addr(m, &k->addr, v);
		break;
	default:
		v->i = k->is_static ? MEDIA_STATIC
		       : strcmp(k->state, "incomplete") == 0 || strcmp(k->state, "failed") == 0
			       ? MEDIA_INVALID
			       : MEDIA_DYNAMIC;
		break;
	}
}

/* The kernel's name of the group that the object is in. */
static const char *statistic_group(const struct snmp_object *o)
{
	static const char *const groups[] = { [4] = "Ip", [5] = "Icmp", [6] = "Tcp", [7] = "Udp" };

	return groups[o->oid[6]];
}

/* What it does not count is 0. */
void snmp_value_statistic(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
			  struct snmp_value *v)
{
	const struct kernel_row *found = NULL;

	(void)item;
	for (size_t i = 0; i < m->n_kernel[1] && !found; i++)
		if (strcmp(m->kernel[1][i].state, statistic_group(o)) == 0 &&
		    strcmp(m->kernel[1][i].text, o->statistic) == 0)
			found = &m->kernel[1][i];
	v->i = found ? (int32_t)found->n1 : 0;
	v->u = found ? (uint32_t)found->n1 : 0;
}

void snmp_value_snmp(struct snmp_mib *m, const struct snmp_object *o, unsigned item,
		     struct snmp_value *v)
{
	(void)item;
	v->u = m->counts->n[column(o)];
	v->i = m->conf->events & BIT(SNMP_AUTH_FAILURE) ? 1 : 2;
}
