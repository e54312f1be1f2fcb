/* What the log prints of a Telnet segment. Wireshark's line is the same for all of them; the fields
 * tell commands and data, worded as Wireshark words them. */
#include "telnet/telnet.h"

#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"

static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	(void)in, (void)ret_why;
	return sbuf_puts(out, "Telnet Data ...");
}

struct teller {
	const struct codec_in *in;
	codec_field_fn fn;
	void *arg;
	size_t from; /* where the item began */
};

/* Octets from the item's first to just before |at|. */
static void tell(struct teller *t, const char *field, const char *value, size_t at)
{
	t->fn(t->arg, field, value, t->from, at - t->from);
}

/* As Wireshark shows data: a line each, control octets escaped. */
static void tell_data(struct teller *t, const struct telnet_item *item)
{
	struct sbuf out = SBUF(2000);
	size_t at = t->from;

	for (size_t i = 0; i < item->len; i++) {
		char c = (char)item->data[i];

		if (c == '\r' || c == '\n')
			sbuf_puts(&out, c == '\r' ? "\\r" : "\\n");
		else if ((unsigned char)c < ' ' || c == 0x7f)
			sbuf_printf(&out, "\\%03o", (unsigned char)c);
		else
			sbuf_put(&out, &c, 1);
		if (c == '\n' || i + 1 == item->len) {
			t->fn(t->arg, "Data", sbuf_text(&out), at, t->from + i + 1 - at);
			at = t->from + i + 1;
			sbuf_reset(&out);
		}
	}
	sbuf_done(&out);
}

static void tell_sub(struct teller *t, const struct telnet_item *item, const char *name, size_t at)
{
	char text[TELNET_SB_MAX + 64];
	const uint8_t *d = item->data;

	snprintf(text, sizeof(text), "Suboption %s", name);
	tell(t, "Command", text, at);
	if (item->option == TELNET_OPT_NAWS && item->len == 4) {
		snprintf(text, sizeof(text), "%u", d[0] << 8 | d[1]);
		tell(t, "Width", text, at);
		snprintf(text, sizeof(text), "%u", d[2] << 8 | d[3]);
		tell(t, "Height", text, at);
	} else if (item->option == TELNET_OPT_TTYPE && item->len > 0) {
		snprintf(text, sizeof(text), "%.*s", (int)item->len - 1, (const char *)d + 1);
		tell(t,
		     d[0] == TELNET_TTYPE_IS ? "Here's my Terminal Type"
					     : "Send your Terminal Type",
		     text, at);
	}
}

static void tell_item(struct teller *t, const struct telnet_item *item, size_t at)
{
	const char *command = telnet_command_name(item->command);
	const char *option = telnet_option_name(item->option);
	char text[96];

	switch (item->kind) {
	case TELNET_DATA:
		if (item->escaped)
			tell(t, "Data", "\\377", at);
		else
			tell_data(t, item);
		break;
	case TELNET_CONTROL:
		tell(t, "Command", command, at);
		break;
	case TELNET_OPTION:
		snprintf(text, sizeof(text), "%s %s", command,
			 option ? option : "<unknown option>");
		tell(t, "Command", text, at);
		break;
	case TELNET_SUB:
		tell_sub(t, item, option ? option : "<unknown option>", at);
		break;
	case TELNET_BAD:
		tell(t, "Malformed", item->why, at);
		break;
	}
}

static int fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct teller t = { .in = in, .fn = fn, .arg = arg };
	struct telnet_reader r = { 0 };
	const uint8_t *data = in->data;
	size_t len = in->len;
	struct telnet_item item;

	while (telnet_next(&r, &data, &len, &item)) {
		tell_item(&t, &item, in->len - len);
		t.from = in->len - len;
	}
	return 0;
}

const struct codec telnet_codec = {
	.name = "TELNET",
	.tcp_ports = { TELNET_PORT },
	.info = info,
	.fields = fields,
};
