/* The supervisor's messages to a node, and the answers. */
#include "shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_MAX 32768

/* A command that the supervisor asked for. */
struct remote {
	struct session session;
	struct node *node;
	uint32_t id;
};

void ctl_send(struct node *n, enum node_msg_type type, uint32_t id, int32_t status, int64_t value,
	      const char *text, size_t len)
{
	struct node_msg msg = { .type = type,
				.id = id,
				.status = status,
				.value = value,
				.text = text ? text : "",
				.text_len = text ? len : 0 };

	/* Everything that the answer rests on is on its way to the log before the answer is given.
	 */
	journal_flush(n);
	if (node_msg_send(n->ctl_fd, &msg) == -EPIPE)
		n->stopping = true;
}

/* At most CHUNK_MAX octets, and no character of UTF-8 cut in two. */
static size_t chunk_len(const char *text, size_t len)
{
	size_t n = CHUNK_MAX;

	if (len <= CHUNK_MAX)
		return len;
	while (n > CHUNK_MAX - 4 && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

static void remote_output(struct session *s, const char *text, size_t len)
{
	struct remote *r = s->arg;

	while (len > 0) {
		size_t n = chunk_len(text, len);

		ctl_send(r->node, NM_OUTPUT, r->id, 0, 0, text, n);
		text += n;
		len -= n;
	}
}

static void remote_done(struct session *s, int status)
{
	struct remote *r = s->arg;

	ctl_send(r->node, NM_COMMAND_END, r->id, status, 0, NULL, 0);
	free(r);
}

static char *text_of(const struct node_msg *msg)
{
	char *text = malloc(msg->text_len + 1);

	if (!text)
		abort();
	memcpy(text, msg->text, msg->text_len);
	text[msg->text_len] = '\0';
	return text;
}

static void run_command(struct node *n, const struct node_msg *msg)
{
	struct remote *r = calloc(1, sizeof(*r));
	char *line = text_of(msg);

	if (!r)
		abort();
	session_init(&r->session);
	r->node = n;
	r->id = msg->id;
	r->session.output = remote_output;
	r->session.done = remote_done;
	r->session.arg = r;
	session_line(n, &r->session, line);
	free(line);
}

/* Configuration, machines, what was known before: in that order. */
static int load(struct node *n, const char *config, bool saved, struct sbuf *reterr)
{
	int r = kernel_init(n);

	if (r < 0) {
		sbuf_printf(reterr, "%s: the interfaces could not be set up: %s", n->dev.name,
			    strerror(-r));
		return r;
	}
	r = conf_load(n, config, saved, reterr);
	if (r < 0)
		return r;
	r = node_create_machines(n);
	if (r < 0) {
		sbuf_printf(reterr, "%s: its services could not be made: %s", n->dev.name,
			    strerror(-r));
		return r;
	}
	facts_restore(n);
	n->loaded = true;
	return 0;
}

static bool asks_first(const struct node *n)
{
	for (unsigned i = 0; i < n->n_machines; i++)
		if (n->machines[i].cls->asks_first &&
		    n->machines[i].cls->asks_first(n->machines[i].state))
			return true;
	return false;
}

static void on_start(struct node *n, const struct node_msg *msg)
{
	struct sbuf err = SBUF(4096);
	char *config = text_of(msg);
	int r = n->loaded ? -EALREADY : load(n, config, msg->status == 1, &err);

	if (r == 0) {
		ctl_send(n, NM_LOADED, 0, 0, asks_first(n), NULL, 0);
	} else if (r != -EALREADY) {
		ctl_send(n, NM_READY, 0, r, 0, sbuf_text(&err), err.len);
		n->exit_status = 1;
		n->stopping = true;
	}
	sbuf_done(&err);
	free(config);
}

static void on_go(struct node *n)
{
	if (!n->loaded || n->started)
		return;
	n->started = true;
	deliver_all(n, &(struct ev){ .kind = EV_START });
	stale_sweep(n);
	if (n->reborn)
		shell_log(n, SEVERITY_NOTICE, "SYS", "RESTART", "System restarted");
	journal_ready(n);
	ctl_send(n, NM_READY, 0, 0, 0, NULL, 0);
	heap_for_work();
}

void ctl_answer_sync(struct node *n)
{
	nsec_t next = NEVER;
	int open = (int)n->n_pending;

	if (n->sync != SYNC_TELL || !channel_has_passed(n, n->sync_mark))
		return;
	for (unsigned i = 0; i < n->n_machines; i++)
		if (n->machines[i].deadline < next)
			next = n->machines[i].deadline;
	for (unsigned i = 0; i < NODE_ASKS_MAX; i++)
		open += n->asks[i].token != 0;
	for (unsigned i = 0; i < NODE_CALLS_MAX; i++)
		open += n->calls[i].id != 0;
	n->sync = SYNC_NONE;
	ctl_send(n, NM_SYNC, n->sync_id, open, next, NULL, 0);
}

static void handle(struct node *n, struct node_msg *msg)
{
	switch (msg->type) {
	case NM_START:
		on_start(n, msg);
		break;
	case NM_GO:
		on_go(n);
		break;
	case NM_COMMAND:
		run_command(n, msg);
		break;
	case NM_CONSOLE:
		if (msg->n_fds == 1) {
			console_open(n, msg->fds[0], msg->status == 1,
				     (unsigned)(msg->value >> 16) & 0xffff,
				     (unsigned)msg->value & 0xffff);
			msg->n_fds = 0;
		}
		break;
	case NM_SYNC:
		n->sync_id = msg->id;
		n->sync = SYNC_DRAIN;
		n->sync_passes = 0;
		break;
	case NM_STOP:
		n->stopping = true;
		break;
	case NM_CLOCK: /* the loop looks at the clock after every turn */
	case NM_SPAWN:
	case NM_SPAWNED:
	case NM_RING:
	case NM_PREPARED:
	case NM_CAPTURES:
	case NM_LOADED:
	case NM_READY:
	case NM_OUTPUT:
	case NM_COMMAND_END:
		break;
	}
}

static void on_ctl(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t buf[NODE_MSG_MAX];
	struct node *n = arg;
	struct node_msg msg;
	int r = node_msg_recv(fd, buf, &msg);

	(void)what;
	if (r == -EAGAIN)
		return;
	if (r < 0) { /* no supervisor, no lab */
		n->stopping = true;
		return;
	}
	handle(n, &msg);
	node_msg_close_fds(&msg);
}

int ctl_init(struct node *n)
{
	n->ctl_ev = event_new(n->base, n->ctl_fd, EV_READ | EV_PERSIST, on_ctl, n);
	return n->ctl_ev && event_add(n->ctl_ev, NULL) == 0 ? 0 : -ENOMEM;
}
