/* Effects for people: events for the log, messages, output of commands. */
#include "base/fx_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fx_log(struct fx *fx, enum severity severity, const char *facility, const char *mnemonic,
	    const char *fmt, ...)
{
	struct fx_effect *e = fx_effect_new(fx, FX_LOG);
	char text[LOG_TEXT_MAX + 1];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (e) {
		e->log = (struct log_event){ severity, facility, mnemonic,
					     fx_copy(fx, text, strlen(text)) };
		if (!e->log.text)
			e = NULL;
	}
	fx_append(fx, e);
}

void fx_console(struct fx *fx, unsigned to, const char *text, size_t len)
{
	struct fx_effect *e = fx_effect_new(fx, FX_CONSOLE);

	if (e) {
		e->console.text = fx_copy(fx, text, len);
		e->console.to = to;
		e->console.len = len;
		if (!e->console.text)
			e = NULL;
	}
	fx_append(fx, e);
}

/* Is e's text the last thing in the arena, so that it can grow in place by len octets? */
static bool print_grows(struct fx *fx, const struct fx_effect *e, size_t len)
{
	const struct chunk *c = fx->now;
	uintptr_t start = (uintptr_t)e->print.text;
	uintptr_t data = (uintptr_t)c->data;
	size_t old = fx_round_up(e->print.len + 1);

	if (start < data || start - data + old != c->used)
		return false;
	return len < c->size && start - data + fx_round_up(e->print.len + len + 1) <= c->size;
}

/* Appends to the last effect when that prints for the same call, so that a table of many rows is
 * one effect. */
static bool print_more(struct fx *fx, uint32_t call, const char *text, size_t len)
{
	struct fx_effect *e = fx->tail;
	size_t more;
	char *end;

	if (!e || e->kind != FX_PRINT || e->print.call != call || e->decision != fx->decision ||
	    !print_grows(fx, e, len))
		return false;
	more = fx_round_up(e->print.len + len + 1) - fx_round_up(e->print.len + 1);
	if (!fx_allowed(fx, fx->used + more, RESERVE_BYTES))
		return true;
	end = (char *)fx->now->data + ((uintptr_t)e->print.text - (uintptr_t)fx->now->data) +
	      e->print.len;
	memcpy(end, text, len);
	end[len] = '\0';
	fx->now->used += more;
	fx->used += more;
	e->print.len += len;
	return true;
}

void fx_print_text(struct fx *fx, uint32_t call, const char *text, size_t len)
{
	struct fx_effect *e;

	if (len == 0 || print_more(fx, call, text, len))
		return;
	e = fx_effect_new(fx, FX_PRINT);
	if (e) {
		e->print.call = call;
		e->print.text = fx_copy(fx, text, len);
		e->print.len = len;
		if (!e->print.text)
			e = NULL;
	}
	fx_append(fx, e);
}

void fx_print(struct fx *fx, uint32_t call, const char *fmt, ...)
{
	char line[512];
	char *text = line;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (len < 0)
		return;
	if ((size_t)len >= sizeof(line)) {
		text = fx_or_abort(malloc((size_t)len + 1));
		va_start(ap, fmt);
		vsnprintf(text, (size_t)len + 1, fmt, ap);
		va_end(ap);
	}
	fx_print_text(fx, call, text, (size_t)len);
	if (text != line)
		free(text);
}

void fx_input(struct fx *fx, uint32_t call, enum input_mode mode, const char *prompt)
{
	struct fx_effect *e = fx_effect_new(fx, FX_INPUT);

	if (e) {
		e->input.call = call;
		e->input.mode = mode;
		e->input.prompt = fx_copy(fx, prompt, strlen(prompt) + 1);
		if (!e->input.prompt)
			e = NULL;
	}
	fx_append(fx, e);
}

void fx_level(struct fx *fx, uint32_t call, int level)
{
	struct fx_effect *e = fx_effect_new(fx, FX_LEVEL);

	if (e) {
		e->level.call = call;
		e->level.level = level;
	}
	fx_append(fx, e);
}

uint32_t fx_terminal(struct fx *fx, const struct fx_terminal *t)
{
	struct fx_effect *e = fx_effect_new(fx, FX_TERMINAL);

	if (e)
		e->terminal = *t;
	return fx_append(fx, e);
}

void fx_cmd_done(struct fx *fx, uint32_t call, int status)
{
	struct fx_effect *e = fx_effect_new(fx, FX_CMD_DONE);

	if (e) {
		e->cmd_done.call = call;
		e->cmd_done.status = status;
	}
	fx_append(fx, e);
}
