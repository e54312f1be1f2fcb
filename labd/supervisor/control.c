/* labctl's requests.
 *
 * The socket is SEQPACKET in the owner's own directory; only the lab's own user may speak (inside,
 * uid 0). One JSON object a message, at most CONTROL_MAX octets:
 *
 *   {"do": "ps"}                                   devices and links, with their state
 *   {"do": "run", "device": D, "line": L}          a command; {"output": T} any number of times
 *   {"do": "console", "device": D, "terminal": B, "columns": N, "rows": N}   with a stream socket
 *   {"do": "enter", "device": D}                   answered with a pidfd to enter
 *   {"do": "wait"}                                 until the lab is ready
 *   {"do": "sync"}                                 until everything that happened is committed
 *   {"do": "stop" | "start", "device": D}
 *   {"do": "link", "link": L, "up": B}
 *   {"do": "down"}
 *
 * The last answer to a request has "done": true, and "error" when it failed. */
#include "labd/supervisor/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static struct request *request_new(struct client *c, enum request_kind kind)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (c->requests[i].kind == REQUEST_FREE) {
			c->requests[i] = (struct request){ .kind = kind };
			return &c->requests[i];
		}
	reply_error(c, "too many requests are open on this connection");
	return NULL;
}

/* --- simple requests ---------------------------------------------------------------------- */

static json_t *device_json(const struct sup_device *d)
{
	return json_pack("{s:s, s:s, s:s, s:i, s:i, s:o}", "name", d->plan->name, "kind",
			 device_kind_name(d->plan->kind), "state", device_state_name(d->state),
			 "pid", (int)d->pid, "interfaces", (int)d->plan->n_ifaces, "why",
			 reply_text(d->why, strlen(d->why)));
}

static json_t *link_json(const struct sup_link *l)
{
	const char *carrier =
		carrier_name(l->plan->carrier == CARRIER_VETH ? CARRIER_VETH : l->carrier);

	return json_pack("{s:s, s:s, s:b}", "name", l->plan->name, "carrier", carrier, "up",
			 l->made && !l->down);
}

static void do_ps(struct client *c)
{
	struct sup *s = c->sup;
	json_t *devices = json_array(), *links = json_array();

	/* A thousand devices do not fit in one message: a hundred at a time. */
	for (size_t i = 0; i < s->plan->n_devices; i++) {
		json_array_append_new(devices, device_json(&s->devices[i]));
		if (json_array_size(devices) == 100) {
			reply(c, json_pack("{s:o}", "devices", devices));
			devices = json_array();
		}
	}
	for (size_t i = 0; i < s->plan->n_links; i++) {
		json_array_append_new(links, link_json(&s->links[i]));
		if (json_array_size(links) == 100) {
			reply(c, json_pack("{s:o}", "links", links));
			links = json_array();
		}
	}
	reply(c, json_pack("{s:o, s:o, s:s, s:b, s:I, s:s, s:b}", "devices", devices, "links",
			   links, "lab", s->plan->name, "ready", s->ready, "lab_ns",
			   (json_int_t)clock_lab_now(s->clock, sup_mono_ns()), "ids",
			   s->birth->map.reason, "done", 1));
}

static struct sup_device *device_of(struct client *c, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "device"));
	struct sup_device *d = name ? device_by_name(c->sup, name) : NULL;

	if (!d)
		reply_error(c, "the lab has no device %s; `labctl ps` lists them",
			    name ? name : "(none named)");
	return d;
}

static struct sup_device *ready_device(struct client *c, const json_t *o)
{
	struct sup_device *d = device_of(c, o);

	if (d && d->state != DEVICE_READY) {
		reply_error(c, "%s is not running: it is %s%s%s", d->plan->name,
			    device_state_name(d->state), d->why[0] ? ", " : "", d->why);
		return NULL;
	}
	return d;
}

static void do_run(struct client *c, const json_t *o)
{
	struct sup_device *d = ready_device(c, o);
	const char *line = json_string_value(json_object_get(o, "line"));
	struct node_msg msg = { .type = NM_COMMAND };
	struct request *r = d && line ? request_new(c, REQUEST_RUN) : NULL;

	if (d && !line)
		reply_error(c, "a command line is missing");
	if (!r)
		return;
	r->device = d;
	r->id = msg.id = ++c->sup->next_request;
	msg.text = line;
	msg.text_len = strlen(line);
	if (device_send(d, &msg) < 0) {
		r->kind = REQUEST_FREE;
		reply_error(c, "%s is too busy to take a command", d->plan->name);
	}
}

/* A stream with one other end; anything else would answer itself, or nobody. */
static bool is_stream(int fd)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof(type);

	return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 &&
	       type == SOCK_STREAM && !listens;
}

static void do_console(struct client *c, const json_t *o, int fd)
{
	struct sup_device *d = ready_device(c, o);
	long long columns = json_integer_value(json_object_get(o, "columns"));
	long long rows = json_integer_value(json_object_get(o, "rows"));
	struct node_msg msg = { .type = NM_CONSOLE,
				.status = json_is_true(json_object_get(o, "terminal")),
				.value = (columns & 0xffff) << 16 | (rows & 0xffff),
				.fds = { fd },
				.n_fds = 1 };

	if (!d)
		return;
	if (!is_stream(fd))
		reply_error(c, "a console needs a connected stream socket with the request");
	else if (device_send(d, &msg) < 0)
		reply_error(c, "%s is too busy to open a console", d->plan->name);
	else
		reply_done(c);
}

static void do_enter(struct client *c, const json_t *o)
{
	struct sup_device *d = ready_device(c, o);
	int r = d ? enter_holder(d) : -ENODEV;

	if (!d)
		return;
	if (r < 0)
		reply_error(c, "%s cannot be entered: %s", d->plan->name, strerror(-r));
	else
		reply_with_fd(c, "{\"done\":true}", d->holder_fd);
}

static void do_device(struct client *c, const json_t *o, bool start)
{
	struct sup_device *d = device_of(c, o);
	char why[256] = "";
	int r;

	if (!d)
		return;
	r = start ? device_restart(d, why, sizeof(why)) : device_stop(d, why, sizeof(why));
	if (r < 0)
		reply_error(c, "%s", why[0] ? why : strerror(-r));
	else
		reply_done(c);
}

static void do_sync(struct client *c)
{
	struct request *r = request_new(c, REQUEST_SYNC);

	if (r)
		r->id = sync_want(c->sup);
}

static void do_link(struct client *c, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "link"));
	const struct plan_link *p = name ? plan_find_link(c->sup->plan, name) : NULL;
	char why[256];

	if (!p)
		reply_error(c, "the lab has no link %s", name ? name : "(none named)");
	else if (link_set_up(c->sup, &c->sup->links[p->id - 1],
			     json_is_true(json_object_get(o, "up")), why, sizeof(why)) < 0)
		reply_error(c, "%s", why);
	else
		reply_done(c);
}

/* --- what nodes say ----------------------------------------------------------------------- */

static void command_output(struct client *c, struct request *r, const struct node_msg *msg)
{
	if (msg->type == NM_OUTPUT) {
		reply(c, json_pack("{s:o}", "output", reply_text(msg->text, msg->text_len)));
		return;
	}
	r->kind = REQUEST_FREE;
	reply(c, json_pack("{s:b, s:i}", "done", 1, "status", msg->status));
}

void control_from_node(struct sup_device *d, const struct node_msg *msg)
{
	struct sup *s = d->sup;

	if (msg->type == NM_SYNC) {
		sync_node_answered(d, msg->id);
		return;
	}
	if (msg->type != NM_OUTPUT && msg->type != NM_COMMAND_END)
		return;
	for (struct client *c = s->clients; c; c = c->next)
		for (int i = 0; i < REQUESTS_MAX; i++)
			if (c->requests[i].kind == REQUEST_RUN && c->requests[i].id == msg->id &&
			    c->requests[i].device == d) {
				command_output(c, &c->requests[i], msg);
				return;
			}
}

void control_device_gone(struct sup_device *d)
{
	for (struct client *c = d->sup->clients; c; c = c->next)
		for (int i = 0; i < REQUESTS_MAX; i++) {
			struct request *r = &c->requests[i];

			if (r->kind == REQUEST_RUN && r->device == d) {
				r->kind = REQUEST_FREE;
				reply_error(c, "%s ended while the command ran", d->plan->name);
			}
		}
}

void control_synced(struct sup *s, uint64_t n, const char *error)
{
	for (struct client *c = s->clients; c; c = c->next)
		for (int i = 0; i < REQUESTS_MAX; i++) {
			struct request *r = &c->requests[i];

			if (r->kind != REQUEST_SYNC || r->id != n)
				continue;
			r->kind = REQUEST_FREE;
			if (error)
				reply_error(c, "%s", error);
			else
				reply(c, json_pack("{s:b, s:I}", "done", 1, "lab_ns",
						   (json_int_t)clock_lab_now(s->clock,
									     sup_mono_ns())));
		}
}

void control_ready(struct sup *s)
{
	for (struct client *c = s->clients; c; c = c->next)
		for (int i = 0; i < REQUESTS_MAX; i++)
			if (c->requests[i].kind == REQUEST_WAIT) {
				c->requests[i].kind = REQUEST_FREE;
				reply_done(c);
			}
}

/* --- all ---------------------------------------------------------------------------------- */

void control_handle(struct client *c, const json_t *o, int fd)
{
	const char *what = json_string_value(json_object_get(o, "do"));

	if (!what)
		reply_error(c, "the request does not say what to do");
	else if (strcmp(what, "ps") == 0)
		do_ps(c);
	else if (strcmp(what, "run") == 0)
		do_run(c, o);
	else if (strcmp(what, "console") == 0)
		do_console(c, o, fd);
	else if (strcmp(what, "enter") == 0)
		do_enter(c, o);
	else if (strcmp(what, "sync") == 0)
		do_sync(c);
	else if (strcmp(what, "stop") == 0 || strcmp(what, "start") == 0)
		do_device(c, o, strcmp(what, "start") == 0);
	else if (strcmp(what, "link") == 0)
		do_link(c, o);
	else if (strcmp(what, "wait") == 0 && c->sup->ready)
		reply_done(c);
	else if (strcmp(what, "wait") == 0)
		(void)request_new(c, REQUEST_WAIT);
	else if (strcmp(what, "down") == 0) {
		reply_done(c);
		sup_end(c->sup);
	} else {
		reply_error(c, "labd does not know how to do \"%.40s\"", what);
	}
}
