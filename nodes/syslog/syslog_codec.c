/* How the log reads syslog: as Wireshark's syslog dissector, the text with its header as it came.
 */
#include "syslog/syslog_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "base/val.h"

#define INFO_MAX 200 /* octets of a text in the info line */

/* The message in this datagram, or the first of this segment. 0 or negative errno. */
static int find(const struct codec_in *in, struct syslog_frame *f, const char **ret_why)
{
	const char *why;

	*f = (struct syslog_frame){ in->data, in->len, in->len, false };
	if (!in->tcp)
		return 0;
	if (in->dst.port != SYSLOG_PORT || in->len == 0 ||
	    (in->data[0] != '<' && (in->data[0] < '1' || in->data[0] > '9')))
		return -EAGAIN;
	if (syslog_frame(in->data, in->len, f, &why) < 0) {
		*ret_why = why;
		return -EBADMSG;
	}
	return 0;
}

/* Octets behind the PRI, which is that of a message that could be read. */
static struct syslog_span after_pri(const struct syslog_frame *f)
{
	const uint8_t *end = memchr(f->data, '>', f->len);
	size_t from = end ? (size_t)(end - f->data) + 1 : 0;

	return (struct syslog_span){ (const char *)f->data + from, f->len - from };
}

static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	struct syslog_frame f;
	struct syslog_msg m;
	struct syslog_span text;
	struct val v;
	int r = find(in, &f, ret_why);

	if (r < 0)
		return r;
	if (syslog_decode(f.data, f.len, &m, ret_why) < 0)
		return -EBADMSG;
	text = after_pri(&f);
	sbuf_printf(out, "%s.%s: ", syslog_facility_short(m.facility),
		    syslog_severity_short(m.severity));
	v = V_TEXTN("", text.text, text.len < INFO_MAX ? text.len : INFO_MAX);
	val_format(&v, out);
	return 0;
}

static void put(const struct codec_in *in, codec_field_fn fn, void *arg, const char *name,
		struct syslog_span s)
{
	struct sbuf text = SBUF(4 * VAL_TEXT_MAX);
	struct val v = V_TEXTN("", s.text, s.len);

	if (!s.text || s.len == 0)
		return;
	val_format(&v, &text);
	fn(arg, name, sbuf_text(&text), (size_t)((const uint8_t *)s.text - in->data), s.len);
	sbuf_done(&text);
}

static void put_pri(const struct codec_in *in, codec_field_fn fn, void *arg,
		    const struct syslog_frame *f, const struct syslog_msg *m)
{
	size_t at = (size_t)(f->data - in->data), len = f->len - after_pri(f).len;
	char text[48];

	snprintf(text, sizeof(text), "%s (%u)", syslog_facility_short(m->facility), m->facility);
	fn(arg, "Facility", text, at, len);
	snprintf(text, sizeof(text), "%s (%u)", syslog_severity_short(m->severity), m->severity);
	fn(arg, "Level", text, at, len);
}

static int fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct syslog_frame f;
	struct syslog_msg m;
	const char *why;
	int r = find(in, &f, &why);

	if (r < 0)
		return r;
	if (syslog_decode(f.data, f.len, &m, &why) < 0)
		return -EBADMSG;
	put_pri(in, fn, arg, &f, &m);
	put(in, fn, arg, "Syslog timestamp", m.time);
	put(in, fn, arg, "Syslog hostname", m.host);
	put(in, fn, arg, "Syslog app name", m.app);
	put(in, fn, arg, "Syslog process id", m.procid);
	put(in, fn, arg, "Syslog message id", m.msgid);
	put(in, fn, arg, "Syslog structured data", m.data);
	put(in, fn, arg, "Message", m.text);
	return 0;
}

const struct codec syslog_codec = {
	.name = "Syslog",
	.udp_ports = { SYSLOG_PORT },
	.tcp_ports = { SYSLOG_PORT },
	.info = info,
	.fields = fields,
};
