/* dhcp4_lines.h: the handlers of the configuration lines; private to the dhcp4_conf files.
 *
 * Each is a `set` of struct cmd: it changes struct dhcp4_conf, or refuses with -EINVAL and a
 * sentence, changing nothing. */
#ifndef LABD_DHCP4_LINES_H
#define LABD_DHCP4_LINES_H

#include "dhcp4/dhcp4.h"

/* dhcp4_conf.c */
void dhcp4_note(struct dhcp4_conf *conf, enum dhcp4_note_kind kind, const struct call *call,
		const char *pool, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Hex digits with any of . : - between them. Octets written, or -EINVAL. */
int dhcp4_parse_hex(const char *text, uint8_t *out, size_t size);

/* dhcp4_conf_if.c: the lines of MODE_IF */
int dhcp4_set_address_dhcp(void *conf, const struct call *call);
int dhcp4_set_address_bootp(void *conf, const struct call *call);
int dhcp4_set_broadcast_flag(void *conf, const struct call *call);
int dhcp4_set_start_delay(void *conf, const struct call *call);
int dhcp4_set_autoconfig(void *conf, const struct call *call);
int dhcp4_set_arp_probes(void *conf, const struct call *call);
int dhcp4_set_client_hostname(void *conf, const struct call *call);
int dhcp4_set_client_id(void *conf, const struct call *call);
int dhcp4_set_helper(void *conf, const struct call *call);

/* dhcp4_conf_pool.c: the lines of mode DHCP4_MODE_POOL */
#define DHCP4_MODE_POOL "dhcp-config"
int dhcp4_set_pool(void *conf, const struct call *call);
int dhcp4_set_network(void *conf, const struct call *call);
int dhcp4_set_routers(void *conf, const struct call *call);
int dhcp4_set_dns(void *conf, const struct call *call);
int dhcp4_set_netbios(void *conf, const struct call *call);
int dhcp4_set_netbios_type(void *conf, const struct call *call);
int dhcp4_set_domain(void *conf, const struct call *call);
int dhcp4_set_option(void *conf, const struct call *call);
int dhcp4_set_lease(void *conf, const struct call *call);
int dhcp4_set_lease_infinite(void *conf, const struct call *call);
int dhcp4_set_bootfile(void *conf, const struct call *call);
int dhcp4_set_next_server(void *conf, const struct call *call);
int dhcp4_set_host(void *conf, const struct call *call);
int dhcp4_set_mac(void *conf, const struct call *call);
int dhcp4_set_id(void *conf, const struct call *call);
int dhcp4_set_client_name(void *conf, const struct call *call);
int dhcp4_set_update_dns(void *conf, const struct call *call);
void dhcp4_pool_conf_free(struct dhcp4_pool_conf *pool);
/* Are the routers of each pool inside its network? For conf_check and the lines. */
void dhcp4_check_pool(const struct dhcp4_pool_conf *pool, struct sbuf *out);

#endif
