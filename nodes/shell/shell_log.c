/* What people find in the device's log: from those who say it to the machines that hear it.
 *
 * An event goes round as EV_LOG in a turn of its own, caused by the packet that caused it. The
 * shell says some itself, worded as IOS words them. */
#include "shell.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct owned {
	struct log_event event;
	char text[];
};

static struct owned *copy_event(const struct log_event *e)
{
	size_t size = strlen(e->text) + 1;
	struct owned *o = malloc(sizeof(*o) + size);

	if (!o)
		abort();
	o->event = *e;
	o->event.text = memcpy(o->text, e->text, size);
	return o;
}

static void tell(struct node *n, const struct log_event *e, const struct cause *cause)
{
	for (unsigned i = 0; i < n->n_machines; i++) {
		struct owned *o;

		if (!n->machines[i].cls->hears_log)
			continue;
		o = copy_event(e);
		deliver_later(&n->machines[i], &(struct ev){ .kind = EV_LOG, .log = &o->event },
			      cause, o);
	}
}

void log_effect(struct node *n, const struct fx_effect *e, const struct cause *cause)
{
	tell(n, &e->log, cause);
}

void shell_log(struct node *n, enum severity severity, const char *facility, const char *mnemonic,
	       const char *fmt, ...)
{
	char text[LOG_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(n, &(struct log_event){ severity, facility, mnemonic, text }, NULL);
}

void shell_log_link(struct node *n, const struct iface *f, bool admin)
{
	const char *state = f->up ? "up" : "down";

	if (admin)
		shell_log(n, SEVERITY_ERROR, "LINK", "UPDOWN", "Interface %s, changed state to %s",
			  f->name, state);
	else
		shell_log(n, SEVERITY_NOTICE, "LINK", "CHANGED",
			  "Interface %s, changed state to administratively down", f->name);
	shell_log(n, SEVERITY_NOTICE, "LINEPROTO", "UPDOWN",
		  "Line protocol on Interface %s, changed state to %s", f->name, state);
}
