/* What a device does with an event: to console and buffer, to its servers. */
#include "syslog/syslog.h"

#include <stdlib.h>
#include <string.h>

enum { SOCK4 = 1, SOCK6 };

struct syslog_client {
	const struct syslog_conf *conf;
	const struct device *dev;
	unsigned bound; /* BIT(socket) */
	struct syslog_counts counts;
	struct sbuf buffer;	       /* whole lines */
	struct syslog_target *targets; /* SYSLOG_HOSTS_MAX, made with the first message */
};

const struct syslog_conf *syslog_client_conf(const struct syslog_client *c)
{
	return c->conf;
}

const struct syslog_counts *syslog_client_counts(const struct syslog_client *c)
{
	return &c->counts;
}

struct sbuf *syslog_client_buffer(struct syslog_client *c)
{
	return &c->buffer;
}

/* --- on the device ------------------------------------------------------------------------ */

/* Whole lines go, from the front, until there is room for `len` octets more. */
static void make_room(struct sbuf *b, size_t len)
{
	size_t drop = 0;

	while (b->len - drop + len > b->max && drop < b->len)
		drop = (size_t)((char *)memchr(b->data + drop, '\n', b->len - drop) - b->data) + 1;
	sbuf_consume(b, drop);
}

static void resize(struct syslog_client *c)
{
	c->buffer.max = c->conf->buffer_size;
	make_room(&c->buffer, 0);
}

static void keep(struct syslog_client *c, const struct sbuf *text)
{
	if (text->len > c->buffer.max)
		return;
	make_room(&c->buffer, text->len);
	sbuf_put(&c->buffer, text->data, text->len);
	c->counts.buffer++;
}

static void write_local(struct syslog_client *c, const struct syslog_line *line, struct val event,
			struct fx *fx)
{
	static const char *const where[] = {
		"neither console nor buffer: their levels leave it out", "the console",
		"the buffer", "the console and the buffer"
	};
	int severity = (int)line->event->severity;
	bool console = severity <= c->conf->console, buffer = severity <= c->conf->buffer;
	bool monitor = severity <= c->conf->monitor;
	struct sbuf text = SBUF(2 * LOG_TEXT_MAX);

	decide(fx, "syslog.client.local", event, V_INT("severity", severity),
	       V_TEXT("where", where[console + 2 * buffer]));
	syslog_local_text(c->conf, line, &text);
	if (console || monitor)
		fx_console(fx,
			   (console ? BIT(CONSOLE_LOCAL) : 0) |
				   (monitor ? BIT(CONSOLE_MONITOR) : 0),
			   text.data, text.len);
	c->counts.console += console;
	c->counts.monitor += monitor;
	if (buffer)
		keep(c, &text);
	sbuf_done(&text);
}

/* --- to servers --------------------------------------------------------------------------- */

static bool ep_equal(const struct ep *a, const struct ep *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

const struct syslog_target *syslog_client_target(const struct syslog_client *c, const struct ep *ep)
{
	for (unsigned i = 0; c->targets && i < SYSLOG_HOSTS_MAX; i++)
		if (ep_equal(&c->targets[i].ep, ep))
			return &c->targets[i];
	return NULL;
}

static bool is_configured(const struct syslog_conf *conf, const struct ep *ep)
{
	for (unsigned i = 0; i < conf->n_hosts; i++)
		if (ep_equal(&conf->hosts[i], ep))
			return true;
	return false;
}

/* Its place, or that of a server that is configured no more: there are as many as may be. */
static struct syslog_target *target(struct syslog_client *c, const struct ep *ep)
{
	struct syslog_target *t = NULL;

	if (!c->targets)
		c->targets = calloc(SYSLOG_HOSTS_MAX, sizeof(*c->targets));
	if (!c->targets)
		abort();
	for (unsigned i = 0; i < SYSLOG_HOSTS_MAX; i++) {
		if (ep_equal(&c->targets[i].ep, ep))
			return &c->targets[i];
		if (!t && !is_configured(c->conf, &c->targets[i].ep))
			t = &c->targets[i];
	}
	*t = (struct syslog_target){ .ep = *ep };
	return t;
}

/* Unset: the kernel's choice. */
static struct addr source(const struct syslog_client *c, const struct addr *to)
{
	const struct iface *f = device_iface(c->dev, c->conf->source_ifid);

	return f && to->family == 4 ? iface_addr4(f).addr : (struct addr){ 0 };
}

/* The socket of that family, made when it is first needed. */
static uint32_t sock_for(struct syslog_client *c, const struct addr *to, struct fx *fx)
{
	uint32_t sock = to->family == 6 ? SOCK6 : SOCK4;

	if (!(c->bound & BIT(sock)))
		fx_bind(fx, &(struct fx_bind){ .sock = sock,
					       .kind = SOCK_UDP,
					       .local.addr.family = to->family });
	c->bound |= BIT(sock);
	return sock;
}

static void send_all(struct syslog_client *c, const struct sbuf *text, struct val event,
		     struct fx *fx)
{
	for (unsigned i = 0; i < c->conf->n_hosts; i++) {
		const struct ep *to = &c->conf->hosts[i];
		struct syslog_target *t = target(c, to);
		uint32_t sock = sock_for(c, &to->addr, fx);

		decide(fx, "syslog.client.send", event, V_ADDR("server", to->addr),
		       V_INT("port", to->port));
		t->effect = fx_send(fx, &(struct fx_send){ .sock = sock,
							   .src.addr = source(c, &to->addr),
							   .dst = *to,
							   .data = text->data,
							   .len = text->len });
		t->n_sent++;
	}
	c->counts.servers++;
}

static void write_remote(struct syslog_client *c, const struct syslog_line *line, struct val event,
			 struct fx *fx)
{
	const struct syslog_conf *conf = c->conf;
	int severity = (int)line->event->severity;
	struct sbuf text = SBUF(2 * SYSLOG_SEND_MAX);

	if (conf->n_hosts == 0) {
		decide(fx, "syslog.client.no-server", event);
		return;
	}
	if (severity > conf->trap) {
		decide(fx, "syslog.client.severity-filter", event, V_INT("severity", severity),
		       V_TEXT("trap", conf->trap < 0 ? "none (no logging trap)"
						     : syslog_severities[conf->trap]));
		return;
	}
	syslog_remote_text(conf, c->dev->hostname, line, &text);
	decide(fx, "syslog.client.format", V_TEXT("message", text.data),
	       V_INT("pri", conf->facility * 8 + severity),
	       V_TEXT("facility", syslog_facility_name(conf->facility)),
	       V_INT("number", conf->facility), V_INT("severity", severity));
	send_all(c, &text, event, fx);
	sbuf_done(&text);
}

/* --- events ------------------------------------------------------------------------------- */

static void on_event(struct syslog_client *c, const struct log_event *e, nsec_t now, struct fx *fx)
{
	struct syslog_line line = { .event = e,
				    .number = ++c->counts.events,
				    .unix_ns = device_clock_ns(c->dev, now),
				    .up_ns = now,
				    .mark = device_clock_mark(c->dev) };
	char name[96];
	struct sbuf text = SBUF(sizeof(name) - 1);

	sbuf_printf(&text, "%%%s-%u-%s", e->facility, (unsigned)e->severity, e->mnemonic);
	str_copy(name, sizeof(name), sbuf_text(&text));
	sbuf_done(&text);
	if (c->conf->off) {
		decide(fx, "syslog.client.disabled", V_TEXT("event", name));
		return;
	}
	write_local(c, &line, V_TEXT("event", name), fx);
	write_remote(c, &line, V_TEXT("event", name), fx);
}

/* It is counted and told the lab's log, never the device's own: that would be sent again. */
static void send_failed(struct syslog_client *c, const struct ev *ev, struct fx *fx)
{
	for (unsigned i = 0; c->targets && i < SYSLOG_HOSTS_MAX; i++) {
		struct syslog_target *t = &c->targets[i];

		if (t->effect != ev->done.effect)
			continue;
		t->n_failed++;
		decide(fx, "syslog.client.send-failed", V_ADDR("server", t->ep.addr),
		       V_TEXT("reason", ev->done.text), V_INT("count", t->n_failed));
	}
}

static void client_event(void *machine, const struct ev *ev, struct fx *fx)
{
	struct syslog_client *c = machine;

	if (ev->kind == EV_LOG)
		on_event(c, ev->log, ev->now, fx);
	else if (ev->kind == EV_DONE && ev->done.what == FX_SEND)
		send_failed(c, ev, fx);
	else if (ev->kind == EV_DONE && ev->done.what == FX_BIND)
		c->bound &= ~BIT(ev->done.sock);
	else if (ev->kind == EV_CONF)
		resize(c);
}

/* --- commands ----------------------------------------------------------------------------- */

void syslog_client_clear_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	struct syslog_client *c = machine;

	(void)now;
	decide(fx, "syslog.client.clear", V_INT("len", c->buffer.len));
	sbuf_done(&c->buffer);
	fx_cmd_done(fx, call->id, 0);
}

/* send log [<0-7>] LINE, with the names that IOS gives such events. */
void syslog_client_send_run(void *machine, const struct call *call, nsec_t now, struct fx *fx)
{
	static const char *const mnemonics[] = {
		"USERLOG_EMERG",   "USERLOG_ALERT",  "USERLOG_CRIT", "USERLOG_ERR",
		"USERLOG_WARNING", "USERLOG_NOTICE", "USERLOG_INFO", "USERLOG_DEBUG",
	};
	bool numbered = call->args[0].type == ARG_NUMBER;
	unsigned severity = numbered ? (unsigned)call->args[0].number : SEVERITY_DEBUG;

	(void)machine, (void)now;
	fx_log(fx, severity, "SYS", mnemonics[severity], "Message from tty0(user id: ): %s",
	       call->args[call->n_args - 1].text);
	fx_cmd_done(fx, call->id, 0);
}

/* --- the machine -------------------------------------------------------------------------- */

static void *client_create(const struct machine_env *env)
{
	struct syslog_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conf = env->conf;
	c->dev = env->dev;
	c->buffer.max = c->conf->buffer_size;
	return c;
}

static void client_destroy(void *machine)
{
	struct syslog_client *c = machine;

	if (!c)
		return;
	sbuf_done(&c->buffer);
	free(c->targets);
	free(c);
}

const struct machine_class syslog_client_class = {
	.name = "syslog.client",
	.kinds = KINDS_ALL,
	.hears_log = true,
	.create = client_create,
	.destroy = client_destroy,
	.event = client_event,
};
