/* How the log reads NTP, as Wireshark words it. */
#include "ntp/ntp_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/codec.h"
#include "base/sbuf.h"

static const char *const modes[] = {
	"reserved", "symmetric active", "symmetric passive", "client",
	"server",   "broadcast",	"control",	     "private"
};

/* Control and private packets (modes 6 and 7) have formats of their own. */
static int info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	struct ntp_packet p;
	unsigned mode = in->len > 0 ? in->data[0] & 7u : 0;

	if (in->len == 0) {
		*ret_why = "empty";
		return -EBADMSG;
	}
	if (mode < NTP_CONTROL && !in->cut && ntp_decode(in->data, in->len, &p, ret_why) < 0)
		return -EBADMSG;
	return sbuf_printf(out, "NTP Version %u, %s", in->data[0] >> 3 & 7u, modes[mode]);
}

struct sink {
	codec_field_fn fn;
	void *arg;
};

static void put(const struct sink *s, const char *name, const char *value, size_t at, size_t len)
{
	s->fn(s->arg, name, value, at, len);
}

static void put_number(const struct sink *s, const char *name, int value, size_t at)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	put(s, name, text, at, 1);
}

static void put_seconds(const struct sink *s, const char *name, uint32_t value, size_t at)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6f seconds", (double)value / 65536);
	put(s, name, text, at, 4);
}

static void put_time(const struct sink *s, const char *name, uint64_t value, size_t at)
{
	int64_t unix_ns = ntp_to_unix(value);
	time_t seconds = (time_t)(unix_ns / SEC);
	char day[32], text[64];
	struct tm tm;

	if (value == 0)
		str_copy(text, sizeof(text), "NULL");
	else if (gmtime_r(&seconds, &tm) && strftime(day, sizeof(day), "%b %e, %Y %T", &tm) > 0)
		snprintf(text, sizeof(text), "%s.%09d UTC", day, (int)(unix_ns % SEC));
	else
		str_copy(text, sizeof(text), "?");
	put(s, name, text, at, 8);
}

/* Four letters (stratum 0 and 1), else an IPv4 address. */
static void put_refid(const struct sink *s, const struct ntp_packet *p)
{
	struct addr a = addr4(p->refid[0], p->refid[1], p->refid[2], p->refid[3]);
	char text[ADDR_TEXT_LEN];

	addr_format(&a, text);
	if (p->stratum <= 1)
		for (int i = 0; i <= 4; i++) {
			unsigned char c = i < 4 ? p->refid[i] : 0;

			text[i] = (char)(c == 0 || (c > ' ' && c < 0x7f) ? c : '.');
		}
	put(s, "Reference ID", text, 12, 4);
}

static void put_auth(const struct sink *s, const struct ntp_packet *p)
{
	char text[2 * 20 + 1] = "";

	if (p->auth == NTP_AUTH_NONE)
		return;
	snprintf(text, sizeof(text), "0x%08x", p->key_id);
	put(s, "Key ID", text, p->covered, 4);
	for (size_t i = 0; i < p->digest_len; i++)
		snprintf(text + 2 * i, 3, "%02x", p->digest[i]);
	if (p->digest_len > 0)
		put(s, "Message Authentication Code", text, p->covered + 4, p->digest_len);
}

static int fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct sink s = { fn, arg };
	struct ntp_packet p;
	const char *why;
	char flags[64];

	if (in->len == 0)
		return -EBADMSG;
	if ((in->data[0] & 7) >= NTP_CONTROL)
		return 0;
	if (ntp_decode(in->data, in->len, &p, &why) < 0)
		return in->cut ? 0 : -EBADMSG;
	snprintf(flags, sizeof(flags), "Leap Indicator: %u, Version number: %u, Mode: %s", p.leap,
		 p.version, modes[p.mode]);
	put(&s, "Flags", flags, 0, 1);
	put_number(&s, "Peer Clock Stratum", p.stratum, 1);
	put_number(&s, "Peer Polling Interval", p.poll, 2);
	put_number(&s, "Peer Clock Precision", p.precision, 3);
	put_seconds(&s, "Root Delay", p.root_delay, 4);
	put_seconds(&s, "Root Dispersion", p.root_dispersion, 8);
	put_refid(&s, &p);
	put_time(&s, "Reference Timestamp", p.reference, 16);
	put_time(&s, "Origin Timestamp", p.origin, 24);
	put_time(&s, "Receive Timestamp", p.receive, 32);
	put_time(&s, "Transmit Timestamp", p.transmit, 40);
	put_auth(&s, &p);
	return 0;
}

const struct codec ntp_codec = {
	.name = "NTP",
	.udp_ports = { NTP_PORT },
	.info = info,
	.fields = fields,
};
