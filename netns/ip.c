#include "netns/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

size_t nl_ip_len(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

bool nl_ip_parse(const char *text, struct nl_ip *ret_ip)
{
	struct nl_ip ip = { .family = strchr(text, ':') ? AF_INET6 : AF_INET };

	if (inet_pton(ip.family, text, ip.bytes) != 1)
		return false;
	*ret_ip = ip;
	return true;
}

const char *nl_ip_text(const struct nl_ip *ip, char *buf)
{
	if (!nl_ip_len(ip->family) || !inet_ntop(ip->family, ip->bytes, buf, NL_IP_TEXT_LEN))
		(void)snprintf(buf, NL_IP_TEXT_LEN, "-");
	return buf;
}

bool nl_ip_equal(const struct nl_ip *a, const struct nl_ip *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, nl_ip_len(a->family));
}

struct nl_ip nl_ip4(uint32_t host_order)
{
	struct nl_ip ip = { .family = AF_INET };
	uint32_t net = htonl(host_order);

	memcpy(ip.bytes, &net, sizeof(net));
	return ip;
}
