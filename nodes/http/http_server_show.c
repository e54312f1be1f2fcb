/* What the server's show commands print, as IOS words it. */
#include "http/http_server.h"

#include <inttypes.h>
#include <string.h>

static const char *enabled(bool on)
{
	return on ? "Enabled" : "Disabled";
}

static void show_status(const struct http_server *s, uint32_t call, struct fx *fx)
{
	const struct http_server_conf *c = s->conf;

	fx_print(fx, call, "HTTP server status: %s\n", enabled(s->faces[FACE_PLAIN].listening));
	fx_print(fx, call, "HTTP server port: %u\n", c->port);
	fx_print(fx, call, "HTTP secure server status: %s\n",
		 enabled(s->faces[FACE_SECURE].listening));
	fx_print(fx, call, "HTTP secure server port: %u\n", c->secure_port);
	fx_print(fx, call, "HTTP server authentication method: %s\n",
		 c->auth == HTTP_AUTH_USERS ? "users" : "login");
	fx_print(fx, call, "HTTP server base path: %s\n", c->root);
	fx_print(fx, call, "Maximum number of concurrent server connections allowed: %u\n",
		 c->max_connections);
	fx_print(fx, call, "Server idle time-out: %" PRId64 " seconds\n", c->idle_ns / SEC);
	if (c->life_ns == NEVER)
		fx_print(fx, call, "Server life time-out: none\n");
	else
		fx_print(fx, call, "Server life time-out: %" PRId64 " seconds\n", c->life_ns / SEC);
	if (c->max_requests)
		fx_print(fx, call, "Maximum number of requests allowed on a connection: %u\n",
			 c->max_requests);
	for (unsigned i = 0; i < c->n_protected; i++)
		fx_print(fx, call, "Protected: /%s%s%s\n", c->protected[i].path,
			 c->protected[i].user[0] ? " for " : "", c->protected[i].user);
	for (unsigned i = 0; i < c->n_writable; i++)
		fx_print(fx, call, "Writable: /%s\n", c->writable[i]);
	for (unsigned i = 0; i < c->n_scripts; i++)
		fx_print(fx, call, "Script: /%s, %u lines\n", c->scripts[i]->path,
			 c->scripts[i]->n_lines);
	for (unsigned i = 0; i < c->n_apps; i++)
		fx_print(fx, call, "Application server: /%s at %s:%u%s\n", c->apps[i].path,
			 c->apps[i].url->host, c->apps[i].url->port, c->apps[i].url->target);
}

static const char *state_name(enum conn_state state)
{
	static const char *const names[N_CONN_STATES] = {
		[CONN_HANDSHAKE] = "handshake", [CONN_IDLE] = "idle",	 [CONN_HEAD] = "request",
		[CONN_LOGIN] = "login",		[CONN_BODY] = "body",	 [CONN_FILE] = "file",
		[CONN_GATEWAY] = "application", [CONN_FULL] = "sending", [CONN_CLOSED] = "closed",
	};

	return names[state];
}

static void show_connections(const struct http_server *s, uint32_t call, struct fx *fx)
{
	fx_print(fx, call, "HTTP server current connections:\n");
	fx_print(fx, call, "%-24s %-24s %10s  %s\n", "local-ipaddress:port",
		 "remote-ipaddress:port", "requests", "state");
	for (unsigned i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		const struct conn *c = s->slots[i];
		char addr[ADDR_TEXT_LEN], local[ADDR_TEXT_LEN + 8];
		struct sbuf out = SBUF(sizeof(local) - 1);

		if (!c)
			continue;
		sbuf_printf(&out, "%s:%u", addr_format(&c->local.addr, addr), c->local.port);
		fx_print(fx, call, "%-24s %-24s %10u  %s\n", sbuf_text(&out), c->key, c->n_requests,
			 state_name(c->state));
		sbuf_done(&out);
	}
}

static void show_statistics(const struct http_server *s, uint32_t call, struct fx *fx)
{
	const struct server_stats *st = &s->stats;

	fx_print(fx, call, "HTTP server statistics:\n");
	fx_print(fx, call, "Accepted connections total: %" PRIu64 "\n", st->connections);
	fx_print(fx, call, "Refused connections total: %" PRIu64 "\n", st->refused);
	fx_print(fx, call, "Requests total: %" PRIu64 "\n", st->requests);
	for (unsigned i = 2; i < ARRAY_SIZE(st->by_class); i++)
		fx_print(fx, call, "Answers %uxx: %" PRIu64 "\n", i, st->by_class[i]);
	fx_print(fx, call, "Content sent, octets: %" PRIu64 "\n", st->bytes_out);
}

void http_run_show_server(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	const struct http_server *s = machine;
	const char *what = call->args[0].text;
	bool all = strcmp(what, "all") == 0;

	(void)now;
	if (all || strcmp(what, "status") == 0)
		show_status(s, call->id, fx);
	if (all || strcmp(what, "connection") == 0)
		show_connections(s, call->id, fx);
	if (all || strcmp(what, "statistics") == 0)
		show_statistics(s, call->id, fx);
	fx_cmd_done(fx, call->id, 0);
}
