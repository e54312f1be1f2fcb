#include "ntp/ntp_wire.h"

#include <errno.h>
#include <string.h>

#include "base/crypto.h"
#include "base/cur.h"

#define UNIX_EPOCH UINT64_C(2208988800) /* 1970-01-01 in seconds since 1900 (RFC 5905 §6) */
#define ERA	   (UINT64_C(1) << 32)

/* --- times -------------------------------------------------------------------------------- */

uint64_t ntp_from_unix(int64_t unix_ns)
{
	uint64_t seconds = (uint64_t)(unix_ns / SEC) + UNIX_EPOCH;
	uint64_t rest = (uint64_t)(unix_ns % SEC);

	return (seconds % ERA) << 32 | ((rest << 32) + (uint64_t)(SEC / 2)) / (uint64_t)SEC;
}

/* Seconds before 1970 are those of the next era, which begins in 2036. */
int64_t ntp_to_unix(uint64_t time)
{
	uint64_t seconds = time >> 32, fraction = time % ERA;

	if (seconds < UNIX_EPOCH)
		seconds += ERA;
	return (int64_t)(seconds - UNIX_EPOCH) * SEC +
	       (int64_t)((fraction * (uint64_t)SEC + ERA / 2) >> 32);
}

uint32_t ntp_short_from_ns(int64_t ns)
{
	if (ns <= 0)
		return 0;
	if (ns >= 65535 * SEC)
		return UINT32_C(65535) << 16;
	return (uint32_t)(((uint64_t)ns << 16) / (uint64_t)SEC);
}

int64_t ntp_short_to_ns(uint32_t value)
{
	return (int64_t)(((uint64_t)value * (uint64_t)SEC) >> 16);
}

/* --- the header --------------------------------------------------------------------------- */

static void read_header(struct rd *r, struct ntp_packet *p)
{
	uint8_t first = rd_u8(r);

	p->leap = first >> 6;
	p->version = first >> 3 & 7;
	p->mode = first & 7;
	p->stratum = rd_u8(r);
	p->poll = (int8_t)rd_u8(r);
	p->precision = (int8_t)rd_u8(r);
	p->root_delay = rd_u32(r);
	p->root_dispersion = rd_u32(r);
	rd_bytes(r, p->refid, sizeof(p->refid));
	p->reference = rd_u64(r);
	p->origin = rd_u64(r);
	p->receive = rd_u64(r);
	p->transmit = rd_u64(r);
}

/* Extension fields up to what can only be an authenticator (RFC 7822 §3): false when one is
 * broken. */
static bool skip_extensions(struct rd *r)
{
	while (rd_left(r) > 4 + 20) {
		size_t len;

		rd_skip(r, 2);
		len = rd_u16(r);
		if (len < 16 || len % 4 != 0 || len - 4 > rd_left(r))
			return false;
		rd_skip(r, len - 4);
	}
	return true;
}

/* Nothing, a key id of 0 (crypto-NAK), or a key id and a digest of 16 or 20 octets. */
static const char *read_auth(struct rd *r, struct ntp_packet *p)
{
	size_t left = rd_left(r);

	p->covered = rd_pos(r);
	if (left == 0)
		return NULL;
	if (left != 4 && left != 4 + 16 && left != 4 + 20)
		return "what follows the header is no authenticator";
	p->key_id = rd_u32(r);
	p->digest_len = rd_left(r);
	p->digest = rd_view(r, p->digest_len);
	p->auth = left == 4 ? NTP_AUTH_NAK : NTP_AUTH_MAC;
	return left == 4 && p->key_id != 0 ? "a key id without a digest" : NULL;
}

int ntp_decode(const uint8_t *data, size_t len, struct ntp_packet *ret, const char **ret_why)
{
	struct ntp_packet p = { 0 };
	struct rd r;

	*ret_why = NULL;
	if (len < NTP_HEADER_LEN) {
		*ret_why = "shorter than 48 octets";
		return -EBADMSG;
	}
	rd_init(&r, data, len);
	read_header(&r, &p);
	*ret_why = skip_extensions(&r) ? read_auth(&r, &p) : "an extension field is broken";
	if (*ret_why)
		return -EBADMSG;
	*ret = p;
	return 0;
}

void ntp_encode(const struct ntp_packet *p, uint8_t out[static NTP_HEADER_LEN])
{
	struct wr w;

	wr_init(&w, out, NTP_HEADER_LEN);
	wr_u8(&w, (uint8_t)(p->leap << 6 | p->version << 3 | p->mode));
	wr_u8(&w, p->stratum);
	wr_u8(&w, (uint8_t)p->poll);
	wr_u8(&w, (uint8_t)p->precision);
	wr_u32(&w, p->root_delay);
	wr_u32(&w, p->root_dispersion);
	wr_bytes(&w, p->refid, sizeof(p->refid));
	wr_u64(&w, p->reference);
	wr_u64(&w, p->origin);
	wr_u64(&w, p->receive);
	wr_u64(&w, p->transmit);
}

/* --- authenticators ----------------------------------------------------------------------- */

/* Digest of secret and packet (RFC 5905 §7.3, appendix A.2); its length. */
static size_t digest_of(const struct ntp_key *key, const uint8_t *data, size_t len,
			uint8_t out[static SHA1_LEN])
{
	size_t secret_len = strlen(key->secret);

	if (key->digest == NTP_SHA1) {
		crypto_sha1(key->secret, secret_len, data, len, out);
		return SHA1_LEN;
	}
	crypto_md5(key->secret, secret_len, data, len, out);
	return MD5_LEN;
}

size_t ntp_sign(const struct ntp_key *key, uint8_t out[static NTP_PACKET_MAX], size_t len)
{
	uint8_t digest[SHA1_LEN];
	size_t digest_len = digest_of(key, out, len, digest);
	struct wr w;

	wr_init(&w, out + len, NTP_PACKET_MAX - len);
	wr_u32(&w, key->id);
	wr_bytes(&w, digest, digest_len);
	return len + wr_len(&w);
}

bool ntp_verify(const struct ntp_key *key, const uint8_t *data, const struct ntp_packet *p)
{
	uint8_t digest[SHA1_LEN];
	size_t len = digest_of(key, data, p->covered, digest);

	return p->auth == NTP_AUTH_MAC && p->key_id == key->id && p->digest_len == len &&
	       crypto_equal(digest, p->digest, len);
}
