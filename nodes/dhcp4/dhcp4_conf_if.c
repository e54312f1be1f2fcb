/* The lines that stand under `interface X`. */
#include "dhcp4/dhcp4_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

static int if_index(const struct dhcp4_conf *conf, uint32_t ifid)
{
	for (unsigned i = 0; i < conf->n_ifs; i++)
		if (conf->ifs[i].ifid == ifid)
			return (int)i;
	return -1;
}

const struct dhcp4_if_conf *dhcp4_if_conf(const struct dhcp4_conf *conf, uint32_t ifid)
{
	int i = if_index(conf, ifid);

	return i < 0 ? NULL : &conf->ifs[i];
}

/* The interface that the line stands under; NULL, with the reason, when the device lacks it. */
static struct dhcp4_if_conf *this_if(struct dhcp4_conf *conf, const struct call *call)
{
	int i = if_index(conf, call->section_ifid);

	if (call->section_ifid == 0) {
		call_refuse(call, "the device has no interface %s", call->section);
		return NULL;
	}
	if (i >= 0)
		return &conf->ifs[i];
	if (conf->n_ifs == DEVICE_IFACES_MAX) {
		call_refuse(call, "more than %d interfaces", DEVICE_IFACES_MAX);
		return NULL;
	}
	conf->ifs = reallocarray(conf->ifs, conf->n_ifs + 1, sizeof(conf->ifs[0]));
	if (!conf->ifs)
		abort();
	conf->ifs[conf->n_ifs] = (struct dhcp4_if_conf){ .ifid = call->section_ifid,
							 .autoconfig = -1,
							 .arp_probes = -1 };
	return &conf->ifs[conf->n_ifs++];
}

static int set_mode(void *arg, const struct call *call, enum dhcp4_if_mode mode)
{
	struct dhcp4_if_conf *c = this_if(arg, call);

	if (!c)
		return -EINVAL;
	if (!call->no) {
		c->mode = mode;
		c->mode_line++;
	} else if (c->mode == mode) {
		c->mode = DHCP4_IF_OTHER;
	}
	return 0;
}

int dhcp4_set_address_dhcp(void *arg, const struct call *call)
{
	return set_mode(arg, call, DHCP4_IF_DHCP);
}

int dhcp4_set_address_bootp(void *arg, const struct call *call)
{
	return set_mode(arg, call, DHCP4_IF_BOOTP);
}

int dhcp4_set_broadcast_flag(void *arg, const struct call *call)
{
	struct dhcp4_if_conf *c = this_if(arg, call);

	if (!c)
		return -EINVAL;
	c->broadcast_flag = !call->no;
	return 0;
}

int dhcp4_set_start_delay(void *arg, const struct call *call)
{
	struct dhcp4_if_conf *c = this_if(arg, call);

	if (!c)
		return -EINVAL;
	c->start_delay = !call->no;
	return 0;
}

int dhcp4_set_autoconfig(void *arg, const struct call *call)
{
	struct dhcp4_if_conf *c = this_if(arg, call);

	if (!c)
		return -EINVAL;
	if (call->no)
		c->autoconfig = 0;
	else
		c->autoconfig = call->args[0].type == ARG_NONE ? 2 : (int)call->args[0].number;
	return 0;
}

int dhcp4_set_arp_probes(void *arg, const struct call *call)
{
	struct dhcp4_if_conf *c = this_if(arg, call);

	if (!c)
		return -EINVAL;
	c->arp_probes = call->no ? -1 : (int)call->args[0].number;
	return 0;
}

int dhcp4_set_client_hostname(void *arg, const struct call *call)
{
	struct dhcp4_if_conf *c = this_if(arg, call);

	if (!c)
		return -EINVAL;
	if (call->no)
		c->hostname[0] = '\0';
	else if (!str_copy(c->hostname, sizeof(c->hostname), call->args[0].text))
		return call_refuse(call, "a host name has at most 63 characters");
	return 0;
}

int dhcp4_set_client_id(void *arg, const struct call *call)
{
	struct dhcp4_if_conf *c = this_if(arg, call);
	uint8_t id[sizeof(c->client_id)] = { 0 };
	int len = 0;

	if (!c)
		return -EINVAL;
	if (!call->no && call->args[0].number == 1) {
		len = dhcp4_parse_hex(call->args[1].text, id, sizeof(id));
	} else if (!call->no) {
		/* RFC 2132 §9.14: type 0 = not a hardware address. */
		size_t n = strlen(call->args[1].text);

		len = n < sizeof(id) ? (int)n + 1 : -EINVAL;
		memcpy(id + 1, call->args[1].text, n < sizeof(id) ? n : 0);
	}
	if (len < 0 || len == 1)
		return call_refuse(call, "%s is no identifier of 2 to 63 octets",
				   call->args[1].text);
	c->client_id_len = (uint8_t)len;
	memcpy(c->client_id, id, sizeof(id));
	return 0;
}

static int helper_index(const struct dhcp4_if_conf *c, const struct addr *a)
{
	for (unsigned i = 0; i < c->n_helpers; i++)
		if (addr_equal(&c->helpers[i], a))
			return (int)i;
	return -1;
}

static int remove_helper(struct dhcp4_if_conf *c, const struct call *call)
{
	int i;

	if (call->args[0].type == ARG_NONE) {
		c->n_helpers = 0;
		return 0;
	}
	i = helper_index(c, &call->args[0].addr);
	if (i < 0)
		return call_refuse(call, "%s is no helper address of this interface",
				   call->args[0].text);
	c->n_helpers--;
	memmove(&c->helpers[i], &c->helpers[i + 1],
		(c->n_helpers - (unsigned)i) * sizeof(c->helpers[0]));
	return 0;
}

int dhcp4_set_helper(void *arg, const struct call *call)
{
	struct dhcp4_if_conf *c = this_if(arg, call);
	const struct addr *a = &call->args[0].addr;

	if (!c)
		return -EINVAL;
	if (call->no)
		return remove_helper(c, call);
	if (addr_is_any(a) || a->b[0] == 127 || addr_is_multicast(a) ||
	    addr4_is_limited_broadcast(a))
		return call_refuse(call, "%s is not the address of a server", call->args[0].text);
	if (helper_index(c, a) >= 0)
		return 0;
	if (c->n_helpers == DHCP4_HELPERS_MAX)
		return call_refuse(call, "more than %d helper addresses", DHCP4_HELPERS_MAX);
	c->helpers[c->n_helpers++] = *a;
	return 0;
}
