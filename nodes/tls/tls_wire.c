#include "tls/tls_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cur.h"
#include "base/sbuf.h"
#include "base/val.h"
#include "proto.h"

enum { CLIENT_HELLO = 1, SERVER_HELLO = 2, EXT_SERVER_NAME = 0, NAME_MAX_LEN = 255 };

/* --- names ------------------------------------------------------------------------------------ */

static const char *const handshakes[] = {
	[CLIENT_HELLO] = "Client Hello",
	[SERVER_HELLO] = "Server Hello",
	[4] = "New Session Ticket",
	[8] = "Encrypted Extensions",
	[11] = "Certificate",
	[12] = "Server Key Exchange",
	[13] = "Certificate Request",
	[14] = "Server Hello Done",
	[15] = "Certificate Verify",
	[16] = "Client Key Exchange",
	[20] = "Finished",
	[22] = "Certificate Status",
};

static const char *const alerts[] = {
	[0] = "Close Notify",
	[10] = "Unexpected Message",
	[20] = "Bad Record MAC",
	[22] = "Record Overflow",
	[40] = "Handshake Failure",
	[42] = "Bad Certificate",
	[43] = "Unsupported Certificate",
	[44] = "Certificate Revoked",
	[45] = "Certificate Expired",
	[46] = "Certificate Unknown",
	[47] = "Illegal Parameter",
	[48] = "Unknown CA",
	[49] = "Access Denied",
	[50] = "Decode Error",
	[51] = "Decrypt Error",
	[70] = "Protocol Version",
	[71] = "Insufficient Security",
	[80] = "Internal Error",
	[86] = "Inappropriate Fallback",
	[90] = "User Canceled",
	[100] = "No Renegotiation",
	[109] = "Missing Extension",
	[110] = "Unsupported Extension",
	[112] = "Unrecognized Name",
	[116] = "Certificate Required",
	[120] = "No application Protocol",
};

static const char *name_of(const char *const *names, size_t n, unsigned i)
{
	return i < n ? names[i] : NULL;
}

static const char *version_name(uint16_t v)
{
	static const char *const names[] = { "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2",
					     "TLS 1.3" };

	return v >> 8 == 3 && (v & 0xff) < ARRAY_SIZE(names) ? names[v & 0xff] : "unknown";
}

/* --- records ---------------------------------------------------------------------------------- */

struct record {
	uint8_t type;
	uint16_t version, len;
	size_t offset;	/* of its header */
	struct rd body; /* what is here of it */
	bool whole;
};

/* The next record; false when there is none. */
static bool next_record(struct rd *r, struct record *ret)
{
	size_t here;

	ret->offset = rd_pos(r);
	ret->type = rd_u8(r);
	ret->version = rd_u16(r);
	ret->len = rd_u16(r);
	if (r->err || ret->type < TLS_CHANGE_CIPHER_SPEC || ret->type > TLS_APPLICATION_DATA ||
	    ret->version >> 8 != 3 || (ret->version & 0xff) > 4 || ret->len > TLS_FRAGMENT_MAX)
		return false;
	here = rd_left(r);
	ret->whole = here >= ret->len;
	ret->body = rd_sub(r, ret->whole ? ret->len : here);
	return true;
}

/* Does the record hold handshake messages in the clear, as their lengths say? */
static bool is_clear(const struct record *rec)
{
	struct rd r = rec->body;

	if (rd_left(&r) < 4)
		return false;
	while (rd_left(&r) > 0) {
		uint8_t type = rd_u8(&r);
		uint32_t len = (uint32_t)rd_u8(&r) << 16 | rd_u16(&r);

		if (r.err || !name_of(handshakes, ARRAY_SIZE(handshakes), type))
			return false;
		if (len > rd_left(&r))
			return !rec->whole;
		rd_skip(&r, len);
	}
	return true;
}

/* --- the line --------------------------------------------------------------------------------- */

static void put_word(struct sbuf *out, const char *word)
{
	sbuf_printf(out, "%s%s", out->len > 0 ? ", " : "", word);
}

static void put_alert(struct sbuf *out, struct rd r, size_t len)
{
	uint8_t level = rd_u8(&r), what = rd_u8(&r);
	const char *name = name_of(alerts, ARRAY_SIZE(alerts), what);
	char word[80];

	if (len != 2 || r.err || level < 1 || level > 2 || !name) {
		put_word(out, "Encrypted Alert");
		return;
	}
	snprintf(word, sizeof(word), "Alert (Level: %s, Description: %s)",
		 level == 1 ? "Warning" : "Fatal", name);
	put_word(out, word);
}

static void put_handshakes(struct sbuf *out, const struct record *rec)
{
	struct rd r = rec->body;

	while (rd_left(&r) >= 4) {
		uint8_t type = rd_u8(&r);
		uint32_t len = (uint32_t)rd_u8(&r) << 16 | rd_u16(&r);

		put_word(out, handshakes[type]);
		rd_skip(&r, len < rd_left(&r) ? len : rd_left(&r));
	}
}

static void put_record(struct sbuf *out, const struct record *rec, bool secret)
{
	switch (rec->type) {
	case TLS_CHANGE_CIPHER_SPEC:
		put_word(out, "Change Cipher Spec");
		break;
	case TLS_ALERT:
		put_alert(out, rec->body, rec->len);
		break;
	case TLS_HANDSHAKE:
		if (!secret && is_clear(rec))
			put_handshakes(out, rec);
		else
			put_word(out, "Encrypted Handshake Message");
		break;
	default:
		put_word(out, "Application Data");
		break;
	}
}

/* A segment that begins inside a record says nothing: -EAGAIN. */
static int tls_info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	struct record rec;
	bool secret = false;
	struct rd r;

	(void)ret_why;
	rd_init(&r, in->data, in->len);
	while (rd_left(&r) >= TLS_HEADER_LEN && next_record(&r, &rec)) {
		put_record(out, &rec, secret);
		secret |= rec.type == TLS_CHANGE_CIPHER_SPEC;
	}
	return out->len > 0 ? 0 : -EAGAIN;
}

/* --- details ---------------------------------------------------------------------------------- */

struct sink {
	codec_field_fn fn;
	void *arg;
};

static void put_number(const struct sink *s, const char *field, const char *name, unsigned n,
		       size_t offset, size_t len)
{
	char text[80];

	snprintf(text, sizeof(text), "%s (%u)", name, n);
	s->fn(s->arg, field, text, offset, len);
}

/* The extensions of a Client Hello (RFC 8446 §4.1.2), an empty cursor where there are none. */
static struct rd extensions(struct rd hello)
{
	rd_skip(&hello, 2 + 32);
	rd_skip(&hello, rd_u8(&hello));
	rd_skip(&hello, rd_u16(&hello));
	rd_skip(&hello, rd_u8(&hello));
	return rd_sub(&hello, rd_u16(&hello));
}

/* RFC 6066 §3. |at|: of the hello. */
static void put_server_name(const struct sink *s, struct rd hello, size_t at)
{
	struct rd all = extensions(hello);

	while (rd_left(&all) >= 4) {
		uint16_t type = rd_u16(&all), len = rd_u16(&all);
		struct rd ext = rd_sub(&all, len);
		char name[NAME_MAX_LEN + 1];
		const uint8_t *view;
		uint16_t n;

		if (type != EXT_SERVER_NAME || ext.err)
			continue;
		rd_skip(&ext, 3); /* length of the list, type */
		n = rd_u16(&ext);
		n = n < NAME_MAX_LEN ? n : NAME_MAX_LEN;
		view = rd_view(&ext, n);
		if (view && str_copy_n(name, sizeof(name), (const char *)view, n))
			s->fn(s->arg, "Server Name", name, at + (size_t)(view - hello.start), n);
	}
}

static void put_messages(const struct sink *s, const struct record *rec)
{
	struct rd r = rec->body;

	while (rd_left(&r) >= 4) {
		size_t at = (size_t)(r.p - rec->body.start) + rec->offset + TLS_HEADER_LEN;
		uint8_t type = rd_u8(&r);
		uint32_t len = (uint32_t)rd_u8(&r) << 16 | rd_u16(&r);
		struct rd body = rd_sub(&r, len < rd_left(&r) ? len : rd_left(&r));

		put_number(s, "Handshake Type", handshakes[type], type, at, 1);
		if (type == CLIENT_HELLO)
			put_server_name(s, body, at + 4);
	}
}

static const char *type_name(uint8_t type)
{
	static const char *const names[] = { "Change Cipher Spec", "Alert", "Handshake",
					     "Application Data" };

	return names[type - TLS_CHANGE_CIPHER_SPEC];
}

static int tls_fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct sink s = { fn, arg };
	struct record rec;
	bool secret = false, any = false;
	struct rd r;

	rd_init(&r, in->data, in->len);
	while (rd_left(&r) >= TLS_HEADER_LEN && next_record(&r, &rec)) {
		any = true;
		put_number(&s, "Content Type", type_name(rec.type), rec.type, rec.offset, 1);
		s.fn(s.arg, "Version", version_name(rec.version), rec.offset + 1, 2);
		put_number(&s, "Length", "octets", rec.len, rec.offset + 3, 2);
		if (rec.type == TLS_HANDSHAKE && !secret && is_clear(&rec))
			put_messages(&s, &rec);
		secret |= rec.type == TLS_CHANGE_CIPHER_SPEC;
	}
	return any ? 0 : -EAGAIN;
}

const struct codec tls_codec = {
	.name = "TLS",
	.tcp_ports = { 443, 8443 },
	.info = tls_info,
	.fields = tls_fields,
};

/* No machine, no line: TLS is what other protocols' streams are made of. */
extern const struct proto tls_proto;
const struct proto tls_proto = {
	.name = "tls",
	.title = "TLS, as the log reads it",
};
