/* Questions about a device's interfaces and addresses, for machines and the shell. */
#include "proto.h"

#include <string.h>

#include "base/ifname.h"

const struct iface *device_iface(const struct device *dev, uint32_t ifid)
{
	for (unsigned i = 0; ifid && i < dev->n_ifaces; i++)
		if (dev->ifaces[i].id == ifid)
			return &dev->ifaces[i];
	return NULL;
}

/* Do both names mean one interface? Names that only the kernel knows compare as they are. */
static bool names_equal(const char *a, const char *b)
{
	struct ifname x, y;
	const char *why;

	if (strcmp(a, b) == 0)
		return true;
	return ifname_parse(a, &x, &why) == 0 && ifname_parse(b, &y, &why) == 0 &&
	       ifname_equal(&x, &y);
}

const struct iface *device_iface_by_name(const struct device *dev, const char *name)
{
	for (unsigned i = 0; i < dev->n_ifaces; i++)
		if (names_equal(dev->ifaces[i].name, name))
			return &dev->ifaces[i];
	return NULL;
}

const struct iface *device_iface_for(const struct device *dev, const struct addr *a)
{
	const struct iface *best = NULL;
	unsigned best_plen = 0;

	for (unsigned i = 0; i < dev->n_ifaces; i++) {
		const struct iface *f = &dev->ifaces[i];

		for (unsigned k = 0; k < f->n_addrs; k++) {
			const struct iface_addr *own = &f->addrs[k];

			if ((best && own->plen <= best_plen) ||
			    !addr_in_prefix(a, &own->addr, own->plen))
				continue;
			best = f;
			best_plen = own->plen;
		}
	}
	return best;
}

bool device_has_addr(const struct device *dev, const struct addr *a)
{
	for (unsigned i = 0; i < dev->n_ifaces; i++)
		for (unsigned k = 0; k < dev->ifaces[i].n_addrs; k++)
			if (addr_equal(&dev->ifaces[i].addrs[k].addr, a))
				return true;
	return false;
}

struct iface_addr iface_addr4(const struct iface *i)
{
	for (unsigned k = 0; k < i->n_addrs; k++)
		if (i->addrs[k].addr.family == 4)
			return i->addrs[k];
	return (struct iface_addr){ 0 };
}

int64_t device_clock_ns(const struct device *dev, nsec_t now)
{
	return dev->epoch_ns + now + device_clock_offset(&dev->clock, now);
}

int64_t device_clock_offset(const struct device_clock *c, nsec_t now)
{
	int64_t most = (now - c->slew_from_ns) / 1000000 * CLOCK_SLEW_PPM;

	if (c->slew_ns > most)
		return c->offset_ns + most;
	return c->offset_ns + (c->slew_ns < -most ? -most : c->slew_ns);
}

const char *device_clock_mark(const struct device *dev)
{
	switch (dev->clock.trust) {
	case CLOCK_UNSET:
		return "*";
	case CLOCK_LOST:
		return ".";
	case CLOCK_SET:
		break;
	}
	return "";
}
