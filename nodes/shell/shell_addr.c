#include "shell_addr.h"

#include <arpa/inet.h>
#include <string.h>

socklen_t ep_to_sockaddr(const struct ep *ep, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (ep->addr.family == 6) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(ep->port) };

		memcpy(&in6.sin6_addr, ep->addr.b, 16);
		memcpy(ret, &in6, sizeof(in6));
		return sizeof(in6);
	}
	struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(ep->port) };

	memcpy(&in4.sin_addr, ep->addr.b, 4);
	memcpy(ret, &in4, sizeof(in4));
	return sizeof(in4);
}

struct ep ep_from_sockaddr(const struct sockaddr_storage *ss)
{
	struct ep ep = { 0 };

	if (ss->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, ss, sizeof(in6));
		ep.addr.family = 6;
		memcpy(ep.addr.b, &in6.sin6_addr, 16);
		ep.port = ntohs(in6.sin6_port);
	} else if (ss->ss_family == AF_INET) {
		struct sockaddr_in in4;

		memcpy(&in4, ss, sizeof(in4));
		ep.addr.family = 4;
		memcpy(ep.addr.b, &in4.sin_addr, 4);
		ep.port = ntohs(in4.sin_port);
	}
	return ep;
}
