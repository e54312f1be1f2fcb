/* Which addresses the device holds, since when: table ip_address. */
#include <stdio.h>
#include <stdlib.h>

#include "ip/ip.h"

static const struct fact_column columns[] = {
	{ "interface", VT_TEXT, "where" },
	{ "addr", VT_ADDR, "the address" },
	{ "plen", VT_INT, "length of its prefix" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind ip_address_fact = {
	.table = "ip_address",
	.help = "addresses that devices hold, however they came by them",
	.columns = columns,
};

#define KEY_LEN (32 + 1 + ADDR_TEXT_LEN)

static void make_key(const struct device *dev, const struct ip_held *h, char out[KEY_LEN])
{
	const struct iface *f = device_iface(dev, h->ifid);
	char a[ADDR_TEXT_LEN];

	snprintf(out, KEY_LEN, "%.31s %s", f ? f->name : "?", addr_format(&h->addr.addr, a));
}

static bool is_same(const struct ip_held *h, uint32_t ifid, const struct iface_addr *a)
{
	return h->ifid == ifid && h->addr.plen == a->plen && addr_equal(&h->addr.addr, &a->addr);
}

static bool on_device(const struct device *dev, const struct ip_held *h)
{
	const struct iface *f = device_iface(dev, h->ifid);

	for (unsigned i = 0; f && i < f->n_addrs; i++)
		if (is_same(h, f->id, &f->addrs[i]))
			return true;
	return false;
}

static bool is_known(const struct ip_facts *f, uint32_t ifid, const struct iface_addr *a)
{
	for (unsigned i = 0; i < f->n_held; i++)
		if (is_same(&f->held[i], ifid, a))
			return true;
	return false;
}

static bool has_room(struct ip_facts *f)
{
	unsigned room = f->room ? 2 * f->room : 4;
	struct ip_held *more;

	if (f->n_held < f->room)
		return true;
	more = room > IP_FACTS_MAX ? NULL : realloc(f->held, room * sizeof(*more));
	if (!more)
		return false;
	f->held = more;
	f->room = room;
	return true;
}

static void begin(struct ip_facts *f, const struct device *dev, const struct iface *iface,
		  const struct iface_addr *a, struct fx *fx)
{
	struct ip_held *h;
	char key[KEY_LEN];

	if (!has_room(f))
		return;
	h = &f->held[f->n_held++];
	*h = (struct ip_held){ .ifid = iface->id, .addr = *a };
	make_key(dev, h, key);
	fact_begin(fx, &ip_address_fact, key, V_TEXT("interface", iface->name),
		   V_ADDR("addr", a->addr), V_INT("plen", a->plen));
}

void ip_facts_update(struct ip_facts *f, const struct device *dev, struct fx *fx)
{
	char key[KEY_LEN];

	for (unsigned i = 0; i < f->n_held;) {
		if (on_device(dev, &f->held[i])) {
			i++;
			continue;
		}
		make_key(dev, &f->held[i], key);
		fx_fact_end(fx, &ip_address_fact, key, "the device holds it no longer");
		f->held[i] = f->held[--f->n_held];
	}
	for (unsigned i = 0; i < dev->n_ifaces; i++)
		for (unsigned k = 0; k < dev->ifaces[i].n_addrs; k++)
			if (!is_known(f, dev->ifaces[i].id, &dev->ifaces[i].addrs[k]))
				begin(f, dev, &dev->ifaces[i], &dev->ifaces[i].addrs[k], fx);
}

void ip_facts_done(struct ip_facts *f)
{
	free(f->held);
}
