/* Configuration lines of the proxy, and of the browser that uses one. */
#include "http/http.h"

#include <errno.h>
#include <string.h>

#include "base/sbuf.h"

const struct http_proxy_conf http_proxy_default = {
	.port = HTTP_PROXY_PORT,
	.timeout_ns = 30 * SEC,
	.cache_max = 4 << 20,
	.cache_file_max = 512 << 10,
};

static struct http_proxy_conf *proxy(void *conf)
{
	return &((struct http_conf *)conf)->proxy;
}

static int64_t number(const struct call *call, unsigned i, int64_t otherwise)
{
	bool given = i < call->n_args && call->args[i].type != ARG_NONE;

	return !call->no && given ? call->args[i].number : otherwise;
}

int http_set_proxy(void *conf, const struct call *call)
{
	proxy(conf)->enabled = !call->no;
	return 0;
}

int http_set_proxy_port(void *conf, const struct call *call)
{
	proxy(conf)->port = (uint16_t)number(call, 0, http_proxy_default.port);
	return 0;
}

int http_set_proxy_timeout(void *conf, const struct call *call)
{
	proxy(conf)->timeout_ns = number(call, 0, http_proxy_default.timeout_ns / SEC) * SEC;
	return 0;
}

int http_set_proxy_cache_pool(void *conf, const struct call *call)
{
	proxy(conf)->cache_max = (uint32_t)number(call, 0, http_proxy_default.cache_max >> 10)
				 << 10;
	return 0;
}

int http_set_proxy_cache_file(void *conf, const struct call *call)
{
	proxy(conf)->cache_file_max =
		(uint32_t)number(call, 0, http_proxy_default.cache_file_max >> 10) << 10;
	return 0;
}

int http_set_proxy_stale(void *conf, const struct call *call)
{
	proxy(conf)->no_stale = !call->no;
	return 0;
}

int http_set_proxy_tunnel(void *conf, const struct call *call)
{
	struct http_proxy_conf *p = proxy(conf);
	bool given = call->n_args > 0 && call->args[0].type != ARG_NONE;
	uint16_t port = given ? (uint16_t)call->args[0].number : 0;
	unsigned i = 0;

	while (i < p->n_tunnels && p->tunnels[i] != port)
		i++;
	if (call->no) {
		if (i < p->n_tunnels)
			memmove(&p->tunnels[i], &p->tunnels[i + 1],
				(--p->n_tunnels - i) * sizeof(p->tunnels[0]));
		if (!given)
			p->n_tunnels = 0;
		return 0;
	}
	if (i == HTTP_TUNNEL_PORTS_MAX) {
		sbuf_printf(call->reterr, "there are %u such lines already", i);
		return -EINVAL;
	}
	if (i == p->n_tunnels)
		p->tunnels[p->n_tunnels++] = port;
	return 0;
}

int http_set_client_proxy(void *conf, const struct call *call)
{
	struct http_client_conf *c = &((struct http_conf *)conf)->client;
	struct addr a;

	c->proxy[0] = '\0';
	c->proxy_port = (uint16_t)number(call, 1, HTTP_PROXY_PORT);
	if (call->no)
		return 0;
	if ((addr_parse(call->args[0].text, &a) < 0 && !http_is_host_name(call->args[0].text)) ||
	    !str_copy(c->proxy, sizeof(c->proxy), call->args[0].text)) {
		sbuf_puts(call->reterr, "that is neither a host name nor an address");
		return -EINVAL;
	}
	return 0;
}
