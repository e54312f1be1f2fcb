/*
 * An IP address of either family, as bytes in network order, and its text.
 */
#ifndef NETNS_IP_H
#define NETNS_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NL_IP_TEXT_LEN 48

struct nl_ip {
	uint8_t family; /* AF_INET, AF_INET6, or 0: no address */
	uint8_t bytes[16];
};

/* 4 or 16; 0 for no address. */
size_t nl_ip_len(uint8_t family);

bool nl_ip_parse(const char *text, struct nl_ip *ret_ip);
/* Into |buf| of at least NL_IP_TEXT_LEN bytes; "-" for no address. Returns |buf|. */
const char *nl_ip_text(const struct nl_ip *ip, char *buf);
bool nl_ip_equal(const struct nl_ip *a, const struct nl_ip *b);

struct nl_ip nl_ip4(uint32_t host_order);

#endif
