#include "echo/echo.h"

#include <stdlib.h>

enum { UDP = 1, TCP = 2 }; /* our socket numbers; accepted connections have the shell's */

struct echo_server {
	const struct echo_conf *conf;
	bool on;
};

static void *create(const struct machine_env *env)
{
	struct echo_server *s = calloc(1, sizeof(*s));

	if (s)
		s->conf = env->conf;
	return s;
}

static void follow_conf(struct echo_server *s, struct fx *fx)
{
	if (s->on == s->conf->on)
		return;
	s->on = s->conf->on;
	if (s->on) {
		decide(fx, "echo.server.listen");
		fx_bind(fx, &(struct fx_bind){ .sock = UDP, .local.port = ECHO_PORT });
		fx_listen(fx, TCP, &(struct ep){ .port = ECHO_PORT });
	} else {
		decide(fx, "echo.server.stop");
		fx_close(fx, UDP, CLOSE_FLUSH);
		fx_close(fx, TCP, CLOSE_FLUSH);
	}
}

/* Only to a client: ports below 1024 are services, and two of those would never stop. */
static void on_datagram(const struct ev *ev, struct fx *fx)
{
	const struct ep *from = &ev->dgram.src, *to = &ev->dgram.dst;
	struct val client = V_ADDR("client", from->addr), len = V_INT("len", ev->dgram.len);

	if (from->port < 1024) {
		decide(fx, "echo.server.drop-loop", client, len, V_INT("port", from->port));
	} else if (!device_has_addr(ev->dev, &to->addr)) {
		decide(fx, "echo.server.drop-broadcast", client, len, V_ADDR("dst", to->addr));
	} else {
		decide(fx, "echo.server.reply", client, len);
		fx_send(fx, &(struct fx_send){ .sock = UDP,
					       .src = *to,
					       .dst = *from,
					       .data = ev->dgram.data,
					       .len = ev->dgram.len });
	}
}

static void event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct echo_server *s = machine;

	if (ev->kind == EV_START || ev->kind == EV_CONF) {
		follow_conf(s, fx);
	} else if (ev->kind == EV_DATAGRAM) {
		on_datagram(ev, fx);
	} else if (ev->kind == EV_OPENED) {
		decide(fx, "echo.server.open", V_ADDR("client", ev->opened.peer.addr));
	} else if (ev->kind == EV_BYTES) {
		decide(fx, "echo.server.stream", V_INT("len", ev->bytes.len));
		fx_write(fx, ev->bytes.sock, ev->bytes.data, ev->bytes.len);
	} else if (ev->kind == EV_CLOSED && ev->closed.err == 0) {
		decide(fx, "echo.server.close");
		fx_close(fx, ev->closed.sock, CLOSE_FLUSH);
	} else if (ev->kind == EV_DONE && ev->done.what == FX_WRITE) {
		decide(fx, "echo.server.drop-slow", V_TEXT("why", ev->done.text));
		fx_close(fx, ev->done.sock, CLOSE_RESET);
	}
}

const struct machine_class echo_server_class = {
	.name = "echo.server",
	.kinds = KINDS_L3,
	.create = create,
	.destroy = free,
	.event = event,
};
