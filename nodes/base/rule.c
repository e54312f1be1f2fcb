#include "base/rule.h"

#include <string.h>

#include "base/sbuf.h"
#include "base/val.h"

const char *rule_kind_name(enum rule_kind kind)
{
	static const char *const names[] = {
		[RULE_ACCEPT] = "accept",   [RULE_DROP] = "drop",     [RULE_REPLY] = "reply",
		[RULE_SEND] = "send",	    [RULE_TIMER] = "timer",   [RULE_STATE] = "state",
		[RULE_DISPLAY] = "display", [RULE_CONFIG] = "config",
	};

	return (unsigned)kind < ARRAY_SIZE(names) ? names[kind] : "unknown";
}

/* The value named by the len octets at name, or NULL. */
static const struct val *find_n(const struct val *values, const char *name, size_t len)
{
	for (const struct val *v = values; v && v->type != VT_END; v++)
		if (v->name && strncmp(v->name, name, len) == 0 && v->name[len] == '\0')
			return v;
	return NULL;
}

void rule_sentence(const char *sentence, const struct val *values, struct sbuf *out)
{
	const char *p = sentence;

	while (*p) {
		size_t plain = strcspn(p, "{");
		const char *close;
		const struct val *v;

		sbuf_put(out, p, plain);
		p += plain;
		close = strchr(p, '}');
		if (!close) {
			sbuf_puts(out, p);
			return;
		}
		v = find_n(values, p + 1, (size_t)(close - p - 1));
		if (v)
			val_format(v, out);
		else
			sbuf_put(out, p, (size_t)(close - p + 1));
		p = close + 1;
	}
}
