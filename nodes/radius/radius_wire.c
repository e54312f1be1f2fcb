#include "radius/radius_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sbuf.h"

static uint32_t u32_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

const char *radius_code_name(unsigned code)
{
	static const char *const names[] = {
		[RADIUS_ACCESS_REQUEST] = "Access-Request",
		[RADIUS_ACCESS_ACCEPT] = "Access-Accept",
		[RADIUS_ACCESS_REJECT] = "Access-Reject",
		[RADIUS_ACCOUNTING_REQUEST] = "Accounting-Request",
		[RADIUS_ACCOUNTING_RESPONSE] = "Accounting-Response",
		[RADIUS_ACCESS_CHALLENGE] = "Access-Challenge",
		[RADIUS_STATUS_SERVER] = "Status-Server",
	};

	return code < ARRAY_SIZE(names) && names[code] ? names[code] : "Unknown Packet";
}

/* --- reading ------------------------------------------------------------------------------ */

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

int radius_decode(const uint8_t *data, size_t len, struct radius_packet *ret, const char **ret_why)
{
	size_t said;

	if (len < RADIUS_HEADER_LEN)
		return bad(ret_why, "shorter than a header of 20 octets");
	said = (size_t)data[2] << 8 | data[3];
	if (said < RADIUS_HEADER_LEN || said > RADIUS_PACKET_MAX)
		return bad(ret_why, "its length field is not 20 to 4096");
	if (said > len)
		return bad(ret_why, "its length field goes beyond the packet");
	for (size_t at = RADIUS_HEADER_LEN; at < said; at += data[at + 1])
		if (said - at < 2 || data[at + 1] < 2 || data[at + 1] > said - at)
			return bad(ret_why, "an attribute goes beyond the packet, or is too short");
	*ret = (struct radius_packet){ .code = data[0],
				       .id = data[1],
				       .octets = data,
				       .len = said,
				       .authenticator = data + 4 };
	return 0;
}

bool radius_next(const struct radius_packet *p, struct radius_attr *a)
{
	size_t at = a->at ? a->at + 2u + a->len : RADIUS_HEADER_LEN;

	if (at >= p->len)
		return false;
	*a = (struct radius_attr){ .type = p->octets[at],
				   .len = (uint8_t)(p->octets[at + 1] - 2),
				   .value = p->octets + at + 2,
				   .at = at };
	return true;
}

bool radius_find(const struct radius_packet *p, uint8_t type, struct radius_attr *ret)
{
	*ret = (struct radius_attr){ 0 };
	while (radius_next(p, ret))
		if (ret->type == type)
			return true;
	return false;
}

unsigned radius_count(const struct radius_packet *p, uint8_t type)
{
	struct radius_attr a = { 0 };
	unsigned n = 0;

	while (radius_next(p, &a))
		n += a.type == type;
	return n;
}

uint32_t radius_number(const struct radius_packet *p, uint8_t type, uint32_t otherwise)
{
	struct radius_attr a;

	return radius_find(p, type, &a) && a.len == 4 ? u32_at(a.value) : otherwise;
}

bool radius_text(const struct radius_packet *p, uint8_t type, char *out, size_t size)
{
	struct radius_attr a;

	*out = '\0';
	return radius_find(p, type, &a) && str_copy_n(out, size, (const char *)a.value, a.len);
}

/* Vendor-Specific (RFC 2865 §5.26): vendor, then type, length and text. */
int radius_privilege(const struct radius_packet *p)
{
	static const char name[] = "shell:priv-lvl=";
	struct radius_attr a = { 0 };
	char text[RADIUS_VALUE_MAX + 1];

	while (radius_next(p, &a)) {
		uint64_t level;

		if (a.type != RADIUS_VENDOR_SPECIFIC || a.len < 6 ||
		    u32_at(a.value) != RADIUS_VENDOR_CISCO || a.value[4] != RADIUS_CISCO_AVPAIR ||
		    a.value[5] < 2 || a.value[5] > a.len - 4)
			continue;
		str_copy_n(text, sizeof(text), (const char *)a.value + 6, a.value[5] - 2u);
		if (strncmp(text, name, sizeof(name) - 1) == 0 &&
		    str_to_u64(text + sizeof(name) - 1, 15, &level) == 0)
			return (int)level;
	}
	return -1;
}

/* --- passwords ---------------------------------------------------------------------------- */

size_t radius_hide(const char *secret, const uint8_t authenticator[static 16], const char *password,
		   uint8_t *out)
{
	size_t len = strnlen(password, RADIUS_PASSWORD_MAX);
	size_t padded = len == 0 ? MD5_LEN : (len + MD5_LEN - 1) / MD5_LEN * MD5_LEN;
	const uint8_t *with = authenticator;
	uint8_t pad[MD5_LEN];

	memset(out, 0, padded);
	memcpy(out, password, len);
	for (size_t at = 0; at < padded; at += MD5_LEN) {
		crypto_md5(secret, strlen(secret), with, MD5_LEN, pad);
		for (size_t i = 0; i < MD5_LEN; i++)
			out[at + i] ^= pad[i];
		with = out + at;
	}
	return padded;
}

int radius_unhide(const char *secret, const uint8_t authenticator[static 16],
		  const struct radius_attr *a, char out[static RADIUS_PASSWORD_MAX + 1])
{
	const uint8_t *with = authenticator;
	uint8_t pad[MD5_LEN];

	out[0] = '\0';
	if (a->len == 0 || a->len % MD5_LEN != 0 || a->len > RADIUS_PASSWORD_MAX)
		return -EBADMSG;
	for (size_t at = 0; at < a->len; at += MD5_LEN) {
		crypto_md5(secret, strlen(secret), with, MD5_LEN, pad);
		for (size_t i = 0; i < MD5_LEN; i++)
			out[at + i] = (char)(a->value[at + i] ^ pad[i]);
		with = a->value + at;
	}
	out[a->len] = '\0';
	return (int)strlen(out);
}

bool radius_chap_matches(const struct radius_packet *p, const char *password)
{
	uint8_t start[1 + RADIUS_PASSWORD_MAX], digest[MD5_LEN];
	size_t len = strnlen(password, RADIUS_PASSWORD_MAX);
	struct radius_attr chap, challenge;

	if (!radius_find(p, RADIUS_CHAP_PASSWORD, &chap) || chap.len != 1 + MD5_LEN)
		return false;
	if (!radius_find(p, RADIUS_CHAP_CHALLENGE, &challenge))
		challenge = (struct radius_attr){ .len = MD5_LEN, .value = p->authenticator };
	start[0] = chap.value[0];
	memcpy(start + 1, password, len);
	crypto_md5(start, 1 + len, challenge.value, challenge.len, digest);
	return crypto_equal(digest, chap.value + 1, MD5_LEN);
}

/* --- authenticators ----------------------------------------------------------------------- */

/* RFC 2104. */
static void hmac_md5(const char *secret, const uint8_t *data, size_t len,
		     uint8_t out[static MD5_LEN])
{
	uint8_t key[MD5_LEN], inner[64], outer[64], digest[MD5_LEN];
	size_t key_len = strlen(secret);
	const uint8_t *k = (const uint8_t *)secret;

	if (key_len > sizeof(inner)) {
		crypto_md5(secret, key_len, NULL, 0, key);
		k = key;
		key_len = sizeof(key);
	}
	for (size_t i = 0; i < sizeof(inner); i++) {
		uint8_t c = i < key_len ? k[i] : 0;

		inner[i] = c ^ 0x36;
		outer[i] = c ^ 0x5c;
	}
	crypto_md5(inner, sizeof(inner), data, len, digest);
	crypto_md5(outer, sizeof(outer), digest, sizeof(digest), out);
}

/* Over the packet with the request's authenticator, and zeros in the attribute's place. */
static void message_authenticator(const uint8_t *octets, size_t len, size_t at, const char *secret,
				  const uint8_t *authenticator, uint8_t out[static MD5_LEN])
{
	uint8_t copy[RADIUS_PACKET_MAX];

	memcpy(copy, octets, len);
	memcpy(copy + 4, authenticator, MD5_LEN);
	memset(copy + at + 2, 0, MD5_LEN);
	hmac_md5(secret, copy, len, out);
}

enum radius_ma radius_check_ma(const struct radius_packet *p, const char *secret,
			       const uint8_t authenticator[static 16])
{
	uint8_t digest[MD5_LEN];
	struct radius_attr a;

	if (!radius_find(p, RADIUS_MESSAGE_AUTHENTICATOR, &a))
		return RADIUS_MA_NONE;
	if (a.len != MD5_LEN || radius_count(p, RADIUS_MESSAGE_AUTHENTICATOR) != 1)
		return RADIUS_MA_WRONG;
	message_authenticator(p->octets, p->len, a.at, secret, authenticator, digest);
	return crypto_equal(digest, a.value, MD5_LEN) ? RADIUS_MA_RIGHT : RADIUS_MA_WRONG;
}

static void response_authenticator(const uint8_t *octets, size_t len, const char *secret,
				   const uint8_t *authenticator, uint8_t out[static MD5_LEN])
{
	uint8_t copy[RADIUS_PACKET_MAX];

	memcpy(copy, octets, len);
	memcpy(copy + 4, authenticator, MD5_LEN);
	crypto_md5(copy, len, secret, strlen(secret), out);
}

bool radius_check_authenticator(const struct radius_packet *p, const char *secret,
				const uint8_t authenticator[static 16])
{
	uint8_t digest[MD5_LEN];

	response_authenticator(p->octets, p->len, secret, authenticator, digest);
	return crypto_equal(digest, p->authenticator, MD5_LEN);
}

/* --- writing ------------------------------------------------------------------------------ */

void radius_begin(struct radius_out *o, enum radius_code code, uint8_t id, bool with_ma)
{
	static const uint8_t zero[MD5_LEN];

	o->octets[0] = (uint8_t)code;
	o->octets[1] = id;
	memset(o->octets + 2, 0, RADIUS_HEADER_LEN - 2);
	o->len = RADIUS_HEADER_LEN;
	o->full = false;
	o->ma_at = with_ma ? o->len : 0;
	if (with_ma)
		radius_put(o, RADIUS_MESSAGE_AUTHENTICATOR, zero, sizeof(zero));
}

void radius_put(struct radius_out *o, uint8_t type, const void *value, size_t len)
{
	if (len > RADIUS_VALUE_MAX || o->len + 2 + len > sizeof(o->octets)) {
		o->full = true;
		return;
	}
	o->octets[o->len] = type;
	o->octets[o->len + 1] = (uint8_t)(len + 2);
	if (len > 0)
		memcpy(o->octets + o->len + 2, value, len);
	o->len += 2 + len;
}

void radius_put_text(struct radius_out *o, uint8_t type, const char *text)
{
	radius_put(o, type, text, strlen(text));
}

void radius_put_u32(struct radius_out *o, uint8_t type, uint32_t value)
{
	const uint8_t v[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
			      (uint8_t)value };

	radius_put(o, type, v, sizeof(v));
}

void radius_put_privilege(struct radius_out *o, int level)
{
	char v[32] = { 0, 0, 0, RADIUS_VENDOR_CISCO, RADIUS_CISCO_AVPAIR };
	int n = snprintf(v + 6, sizeof(v) - 6, "shell:priv-lvl=%d", level);

	v[5] = (char)(n + 2);
	radius_put(o, RADIUS_VENDOR_SPECIFIC, v, 6u + (size_t)n);
}

static void finish(struct radius_out *o, const char *secret, const uint8_t *authenticator)
{
	o->octets[2] = (uint8_t)(o->len >> 8);
	o->octets[3] = (uint8_t)o->len;
	if (o->ma_at)
		message_authenticator(o->octets, o->len, o->ma_at, secret, authenticator,
				      o->octets + o->ma_at + 2);
}

void radius_seal_request(struct radius_out *o, const char *secret,
			 const uint8_t authenticator[static 16])
{
	finish(o, secret, authenticator);
	memcpy(o->octets + 4, authenticator, MD5_LEN);
}

void radius_seal_reply(struct radius_out *o, const char *secret,
		       const uint8_t authenticator[static 16])
{
	uint8_t digest[MD5_LEN];

	finish(o, secret, authenticator);
	response_authenticator(o->octets, o->len, secret, authenticator, digest);
	memcpy(o->octets + 4, digest, MD5_LEN);
}
