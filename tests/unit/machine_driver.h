/* machine_driver.h: drives one machine by hand: events in, effects out, time as plain integers.
 *
 *   struct drv d;
 *   drv_init(&d, &echo_proto, KIND_SERVER, 1);	     eth0, eth1, ...: ids 1, 2, ...
 *   drv_addr(&d, 1, "10.0.0.1/24");
 *   drv_conf(&d, "service echo\n");		     any number of lines; fails the test if refused
 *   drv_start(&d, "echo.server");		     creates the machine, EV_START
 *   drv_datagram(&d, sock, drv_ep("10.0.0.2", 4000), drv_ep("10.0.0.1", 7), 1, "hello", 5);
 *   drv_expect_decision(&d, "echo.server.reply");
 *   const struct fx_effect *e = drv_next_send(&d);
 *   drv_done(&d);
 *
 * Each call that delivers something opens a new window: the effects looked at are those of that
 * call (for drv_timer_until() of all timers that it ran). Machines are called as the shell calls
 * them; in addition every decision must be listed in the protocol's rules with all the values that
 * its sentence names, and every command must end once.
 *
 * Include after cmocka.h. */
#ifndef LABD_TESTS_MACHINE_DRIVER_H
#define LABD_TESTS_MACHINE_DRIVER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine_window.h"

/* --- values ------------------------------------------------------------------------------- */

static inline struct addr drv_a(const char *text)
{
	struct addr a = { 0 };

	if (addr_parse(text, &a) < 0)
		fail_msg("%s is not an address", text);
	return a;
}

static inline struct ep drv_ep(const char *text, uint16_t port)
{
	return (struct ep){ .addr = drv_a(text), .port = port };
}

static inline struct mac drv_mac(const char *text)
{
	struct mac m = { { 0 } };

	if (mac_parse(text, &m) < 0)
		fail_msg("%s is not a MAC address", text);
	return m;
}

/* --- rules -------------------------------------------------------------------------------- */

/* Appends each decided rule's id, one a line, to the file named by $RULES_SEEN, if set. drv_event()
 * calls it; a test that has an fx of its own calls it itself. */
static inline void rules_seen(const struct fx *fx)
{
	const char *path = getenv("RULES_SEEN");
	struct sbuf ids = SBUF(1 << 20);
	int fd;

	for (const struct fx_effect *e = path ? fx_first(fx) : NULL; e; e = e->next)
		if (e->kind == FX_DECIDE)
			sbuf_printf(&ids, "%s\n", e->decide.rule);
	if (ids.len > 0) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
		if (fd < 0 || write(fd, ids.data, ids.len) != (ssize_t)ids.len)
			fail_msg("%s: cannot append", path);
		close(fd);
	}
	sbuf_done(&ids);
}

/* Fails unless the rule is listed and each {name} of its sentence has a value. */
static inline void drv_check_decision(const struct drv *d, const struct fx_effect *e)
{
	const struct rule *rule = NULL;
	char name[64];

	for (size_t i = 0; i < d->proto->n_rules && !rule; i++)
		if (strcmp(d->proto->rules[i].id, e->decide.rule) == 0)
			rule = &d->proto->rules[i];
	if (!rule)
		fail_msg("%s is not in the rules of %s", e->decide.rule, d->proto->name);
	for (const char *p = strchr(rule->sentence, '{'); p; p = strchr(p + 1, '{')) {
		str_copy_n(name, sizeof(name), p + 1, strcspn(p + 1, "}"));
		if (!val_find(e->decide.values, name))
			fail_msg("%s: its sentence names {%s}, the decision has no such value",
				 rule->id, name);
	}
}

/* How the grammar asks about the interfaces. */
static inline uint32_t drv_find_iface(const struct device *dev, const char *name,
				      char display[static IFNAME_DISPLAY_MAX])
{
	const struct iface *i = device_iface_by_name(dev, name);

	if (!i)
		return 0;
	str_copy(display, IFNAME_DISPLAY_MAX, i->name);
	return i->id;
}

static inline const char *drv_iface_name(const struct device *dev, unsigned i)
{
	return i < dev->n_ifaces ? dev->ifaces[i].name : NULL;
}

static const struct grammar_ifaces drv_grammar_ifaces = {
	.find = drv_find_iface,
	.name = drv_iface_name,
};

/* --- the device --------------------------------------------------------------------------- */

static inline void drv_init(struct drv *d, const struct proto *proto, enum device_kind kind,
			    unsigned n_ifaces)
{
	struct grammar_table table = { .rows = proto->cmds };

	memset(d, 0, sizeof(*d));
	d->proto = proto;
	d->seed = 7;
	d->output.max = 4u << 20;
	d->status = -1;
	str_copy(d->dev.name, sizeof(d->dev.name), "dut");
	str_copy(d->dev.hostname, sizeof(d->dev.hostname), "dut");
	d->dev.kind = kind;
	d->dev.epoch_ns = DRV_EPOCH_NS;
	d->dev.ifaces = d->ifaces;
	assert_true(n_ifaces <= DRV_IFACES);
	d->dev.n_ifaces = n_ifaces;
	for (unsigned i = 0; i < n_ifaces; i++) {
		struct iface *f = &d->ifaces[i];

		f->id = i + 1;
		snprintf(f->name, sizeof(f->name), "eth%u", i);
		snprintf(f->kname, sizeof(f->kname), "eth%u", i);
		f->mac = (struct mac){ { 2, 0, 0, 0, 0, (uint8_t)(i + 1) } };
		f->mtu = 1500;
		f->up = true;
	}
	d->grammar = grammar_new(&table, 1, kind, &drv_grammar_ifaces);
	d->tree = conf_tree_new();
	d->conf = proto->conf_new ? proto->conf_new(&d->dev) : NULL;
}

/* Gives an interface a further address, "10.0.0.1/24". The machine is not told: see drv_addr_event.
 */
static inline void drv_addr(struct drv *d, uint32_t ifid, const char *prefix)
{
	struct iface *f = &d->ifaces[ifid - 1];
	struct iface_addr *a = &f->addrs[f->n_addrs];
	const char *slash = strchr(prefix, '/');
	char text[ADDR_TEXT_LEN];

	assert_true(ifid >= 1 && ifid <= d->dev.n_ifaces && f->n_addrs < IFACE_ADDRS_MAX);
	assert_non_null(slash);
	str_copy_n(text, sizeof(text), prefix, (size_t)(slash - prefix));
	a->addr = drv_a(text);
	a->plen = (uint8_t)strtoul(slash + 1, NULL, 10);
	f->n_addrs++;
}

static inline void drv_addr_clear(struct drv *d, uint32_t ifid)
{
	d->ifaces[ifid - 1].n_addrs = 0;
}

static inline void drv_done(struct drv *d)
{
	if (d->machine)
		d->cls->destroy(d->machine);
	if (d->proto->conf_free)
		d->proto->conf_free(d->conf);
	conf_tree_free(d->tree);
	grammar_free(d->grammar);
	for (unsigned i = 0; i < DRV_TURNS; i++)
		fx_free(d->turns[i]);
	sbuf_done(&d->output);
}

/* --- events ------------------------------------------------------------------------------- */

static inline void drv_window(struct drv *d)
{
	d->n_turns = 0;
	memset(d->last, 0, sizeof(d->last));
}

static inline struct fx *drv_turn(struct drv *d)
{
	struct fx **fx = &d->turns[d->n_turns];

	if (d->n_turns++ == DRV_TURNS)
		fail_msg("more than %d turns in one window: does deadline() move on?", DRV_TURNS);
	if (!*fx)
		*fx = fx_new();
	fx_reset(*fx);
	return *fx;
}

/* What the shell would do with the effects, as far as a test of one machine needs it. */
static inline void drv_after(struct drv *d, const struct fx *fx)
{
	rules_seen(fx);
	assert_false(fx_full(fx));
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next) {
		if (e->kind == FX_DECIDE) {
			drv_check_decision(d, e);
		} else if (e->kind == FX_PRINT) {
			sbuf_put(&d->output, e->print.text, e->print.len);
		} else if (e->kind == FX_CMD_DONE) {
			if (d->n_running == 0)
				fail_msg("a command ended that was not running");
			d->n_running--;
			d->status = e->cmd_done.status;
		} else if (e->kind == FX_CLOCK) {
			d->dev.clock = e->clock;
		}
	}
}

/* Delivers an event in the window that is open. Fills in time and device. */
static inline void drv_deliver(struct drv *d, struct ev ev)
{
	struct fx *fx = drv_turn(d);

	ev.now = d->now;
	ev.dev = &d->dev;
	d->cls->event(d->machine, &ev, fx);
	drv_after(d, fx);
}

static inline void drv_event(struct drv *d, struct ev ev)
{
	drv_window(d);
	drv_deliver(d, ev);
}

/* Creates the machine of this class, without an event: for EV_RESTORE before EV_START. */
static inline void drv_create(struct drv *d, const char *cls)
{
	struct machine_env env = {
		.dev = &d->dev, .conf = d->conf, .seed = d->seed, .now = d->now
	};

	d->cls = NULL;
	for (const struct machine_class *const *c = d->proto->machines; c && *c; c++)
		if (strcmp((*c)->name, cls) == 0)
			d->cls = *c;
	if (!d->cls)
		fail_msg("%s has no machine %s", d->proto->name, cls);
	d->machine = d->cls->create(&env);
	assert_non_null(d->machine);
}

static inline void drv_start(struct drv *d, const char *cls)
{
	drv_create(d, cls);
	drv_event(d, (struct ev){ .kind = EV_START });
}

/* The machine dies and a new one of its class is born; restore facts, then deliver EV_START. */
static inline void drv_reborn(struct drv *d)
{
	d->cls->destroy(d->machine);
	drv_create(d, d->cls->name);
}

static inline void drv_restore(struct drv *d, const struct fact_kind *kind, const char *key,
			       const struct val *columns, nsec_t since)
{
	drv_event(d, (struct ev){ .kind = EV_RESTORE,
				  .restore = { .kind = kind,
					       .key = key,
					       .columns = columns,
					       .since = since } });
}

static inline void drv_stop(struct drv *d)
{
	drv_event(d, (struct ev){ .kind = EV_STOP });
}

static inline void drv_datagram(struct drv *d, uint32_t sock, struct ep src, struct ep dst,
				uint32_t ifid, const void *data, size_t len)
{
	/* A copy of the exact size, so that a sanitizer sees reads past the end. */
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	drv_event(d, (struct ev){ .kind = EV_DATAGRAM,
				  .cause = ++d->cause,
				  .dgram = { .sock = sock,
					     .src = src,
					     .dst = dst,
					     .ifid = ifid,
					     .dst_mac = ifid ? d->ifaces[ifid - 1].mac
							     : (struct mac){ { 0 } },
					     .src_mac = { { 2, 0, 0, 0, 1, 1 } },
					     .ttl = 64,
					     .data = copy,
					     .len = len } });
	free(copy);
}

/* As drv_datagram(), with link addresses: SOCK_UDP_RAW and SOCK_ARP. */
static inline void drv_frame(struct drv *d, uint32_t sock, struct ep src, struct ep dst,
			     uint32_t ifid, struct mac src_mac, struct mac dst_mac,
			     const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	drv_event(d, (struct ev){ .kind = EV_DATAGRAM,
				  .dgram = { .sock = sock,
					     .src = src,
					     .dst = dst,
					     .ifid = ifid,
					     .src_mac = src_mac,
					     .dst_mac = dst_mac,
					     .ttl = 64,
					     .data = copy,
					     .len = len } });
	free(copy);
}

/* listener 0: the machine's own connect succeeded. */
static inline void drv_opened(struct drv *d, uint32_t sock, uint32_t listener, struct ep local,
			      struct ep peer)
{
	drv_event(d, (struct ev){ .kind = EV_OPENED,
				  .opened = { .sock = sock,
					      .listener = listener,
					      .local = local,
					      .peer = peer,
					      .ifid = 1 } });
}

static inline void drv_bytes(struct drv *d, uint32_t sock, const void *data, size_t len,
			     uint64_t offset)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, data, len);
	drv_event(d,
		  (struct ev){
			  .kind = EV_BYTES,
			  .bytes = { .sock = sock, .data = copy, .len = len, .offset = offset } });
	free(copy);
}

static inline void drv_drained(struct drv *d, uint32_t sock)
{
	drv_event(d, (struct ev){ .kind = EV_DRAINED, .closed = { .sock = sock } });
}

static inline void drv_closed(struct drv *d, uint32_t sock, int err)
{
	drv_event(d, (struct ev){ .kind = EV_CLOSED, .closed = { .sock = sock, .err = err } });
}

static inline void drv_link(struct drv *d, uint32_t ifid, bool up)
{
	d->ifaces[ifid - 1].up = up;
	drv_event(d, (struct ev){ .kind = EV_LINK, .link = { .ifid = ifid, .up = up } });
}

static inline void drv_addr_event(struct drv *d)
{
	drv_event(d, (struct ev){ .kind = EV_ADDR });
}

static inline void drv_ask(struct drv *d, uint32_t ask_id, const struct ask *ask)
{
	drv_event(d, (struct ev){ .kind = EV_ASK, .ask = { .ask_id = ask_id, .ask = ask } });
}

static inline void drv_answer(struct drv *d, uint32_t ask_id, const struct answer *answer)
{
	drv_event(d, (struct ev){ .kind = EV_ANSWER,
				  .answer = { .ask_id = ask_id, .answer = answer } });
}

/* What somebody types to the command that asked for input. */
static inline void drv_typed(struct drv *d, uint32_t call, const char *text)
{
	drv_event(d, (struct ev){ .kind = EV_INPUT,
				  .input = { .call = call, .text = text, .len = strlen(text) } });
}

/* Nobody types anything. */
static inline void drv_input_end(struct drv *d, uint32_t call, enum input_how how)
{
	drv_event(d, (struct ev){ .kind = EV_INPUT,
				  .input = { .call = call, .text = "", .how = how } });
}

/* The effect failed. */
static inline void drv_failed(struct drv *d, const struct fx_effect *e, uint32_t sock, int err)
{
	drv_event(d, (struct ev){ .kind = EV_DONE,
				  .done = { .effect = e->id,
					    .what = e->kind,
					    .sock = sock,
					    .err = err,
					    .text = strerror(err) } });
}

static inline nsec_t drv_deadline(const struct drv *d)
{
	return d->cls->deadline ? d->cls->deadline(d->machine) : NEVER;
}

/* Time passes up to `until` (lab time); each deadline on the way is an EV_TIMER at its time. */
static inline void drv_timer_until(struct drv *d, nsec_t until)
{
	drv_window(d);
	while (drv_deadline(d) <= until) {
		if (drv_deadline(d) > d->now)
			d->now = drv_deadline(d);
		drv_deliver(d, (struct ev){ .kind = EV_TIMER });
	}
	d->now = until;
}

/* The next timer, at its time. Fails when none is set. */
static inline void drv_timer(struct drv *d)
{
	nsec_t at = drv_deadline(d);

	assert_true(at != NEVER);
	drv_window(d);
	if (at > d->now)
		d->now = at;
	drv_deliver(d, (struct ev){ .kind = EV_TIMER });
}

/* --- configuration and commands ----------------------------------------------------------- */

static inline void drv_note_issue(void *arg, const struct conf_issue *issue)
{
	struct drv *d = arg;

	if (!issue->warning)
		snprintf(d->refused, sizeof(d->refused), "%u:%u: %s", issue->line, issue->column,
			 issue->text);
}

static inline int drv_read_conf(struct drv *d, const char *text)
{
	void *confs[] = { d->conf };
	struct conf_target t = {
		.grammar = d->grammar, .tree = d->tree, .confs = confs, .dev = &d->dev
	};
	int r = conf_read(&t, text, drv_note_issue, NULL, d);

	if (r == 0 && d->machine)
		drv_event(d, (struct ev){ .kind = EV_CONF });
	return r;
}

/* Configuration text, from the top. EV_CONF follows when the machine lives. */
static inline void drv_conf(struct drv *d, const char *text)
{
	d->refused[0] = '\0';
	if (drv_read_conf(d, text) < 0)
		fail_msg("configuration refused: %s", d->refused);
}

/* Text that must be refused: "LINE:COLUMN: why". */
static inline const char *drv_conf_refused(struct drv *d, const char *text)
{
	d->refused[0] = '\0';
	if (drv_read_conf(d, text) == 0)
		fail_msg("configuration accepted: %s", text);
	return d->refused;
}

/* 0, or the cross-line check's -EINVAL with the reason in d->refused. */
static inline int drv_conf_check(struct drv *d)
{
	struct sbuf why = SBUF(sizeof(d->refused) - 1);
	int r = d->proto->conf_check ? d->proto->conf_check(d->conf, &why) : 0;

	str_copy(d->refused, sizeof(d->refused), sbuf_text(&why));
	sbuf_done(&why);
	return r;
}

/* The running configuration; valid until the next call. */
static inline const char *drv_running(struct drv *d)
{
	sbuf_reset(&d->output);
	conf_tree_print(d->tree, &d->output);
	return sbuf_text(&d->output);
}

/* Runs a command line; its id. Output and status: drv_output(), d->status (-1 while it runs). */
static inline uint32_t drv_command(struct drv *d, const char *line)
{
	struct grammar_match *m = malloc(sizeof(*m));
	struct grammar_error e;
	struct call call = { .id = ++d->next_call, .section = "", .line = line, .dev = &d->dev };
	struct fx *fx;

	if (grammar_parse(d->grammar, MODE_EXEC, line, &d->dev, m, &e) < 0)
		fail_msg("\"%s\": column %u: expected %s", line, e.column, e.expected);
	assert_non_null(m->cmd->run);
	call.args = m->args;
	call.n_args = m->n_args;
	sbuf_reset(&d->output);
	d->status = -1;
	d->n_running++;
	drv_window(d);
	fx = drv_turn(d);
	m->cmd->run(d->machine, &call, d->now, fx);
	free(m);
	drv_after(d, fx);
	return call.id;
}

static inline const char *drv_output(const struct drv *d)
{
	return sbuf_text(&d->output);
}

static inline void drv_expect_output(const struct drv *d, const char *part)
{
	if (!strstr(drv_output(d), part))
		fail_msg("no \"%s\" in the output:\n%s", part, drv_output(d));
}

#endif
