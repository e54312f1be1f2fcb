#include "dns/dns_name.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cur.h"
#include "base/hash.h"

const struct dns_name dns_root = { .len = 1 };

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool octets_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	/* Length octets are below 'A', so the fold leaves them alone. */
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool dns_name_is_root(const struct dns_name *n)
{
	return n->len == 1;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && octets_equal(a->b, b->b, a->len);
}

bool dns_name_same_case(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && !memcmp(a->b, b->b, a->len);
}

bool dns_name_in(const struct dns_name *n, const struct dns_name *zone)
{
	size_t skip = 0;

	if (n->len < zone->len)
		return false;
	while (skip < (size_t)(n->len - zone->len))
		skip += 1u + n->b[skip];
	return skip == (size_t)(n->len - zone->len) &&
	       octets_equal(n->b + skip, zone->b, zone->len);
}

bool dns_name_parent(const struct dns_name *n, struct dns_name *ret)
{
	size_t skip = 1u + n->b[0];

	if (dns_name_is_root(n))
		return false;
	memmove(ret->b, n->b + skip, n->len - skip);
	ret->len = (uint8_t)(n->len - skip);
	return true;
}

unsigned dns_name_labels(const struct dns_name *n)
{
	unsigned labels = 0;

	for (size_t i = 0; n->b[i]; i += 1u + n->b[i])
		labels++;
	return labels;
}

void dns_name_copy(struct dns_name *out, const uint8_t *wire, size_t len)
{
	out->len = (uint8_t)len;
	memcpy(out->b, wire, out->len);
}

int dns_name_append(struct dns_name *n, const struct dns_name *suffix)
{
	if (n->len - 1 + suffix->len > DNS_NAME_MAX)
		return -EINVAL;
	memcpy(n->b + n->len - 1, suffix->b, suffix->len);
	n->len = (uint8_t)(n->len - 1 + suffix->len);
	return 0;
}

uint64_t dns_name_hash(uint64_t seed, const struct dns_name *n)
{
	uint8_t folded[DNS_NAME_MAX];

	for (size_t i = 0; i < n->len; i++)
		folded[i] = lower(n->b[i]);
	return hash_bytes(seed, folded, n->len);
}

/* --- text --- */

static bool is_plain(uint8_t c)
{
	if ((lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-')
		return true; /* nearly always */
	return c > 0x20 && c < 0x7f && !strchr(".\\\"();@$", c);
}

static size_t put_octet(char *out, uint8_t c)
{
	if (is_plain(c)) {
		out[0] = (char)c;
		return 1;
	}
	if (c > 0x20 && c < 0x7f) {
		out[0] = '\\';
		out[1] = (char)c;
		return 2;
	}
	out[0] = '\\';
	out[1] = (char)('0' + c / 100);
	out[2] = (char)('0' + c / 10 % 10);
	out[3] = (char)('0' + c % 10);
	return 4;
}

const char *dns_name_text(const struct dns_name *n, char out[static DNS_TEXT_LEN])
{
	size_t at = 0;

	/* At most 4 characters an octet: 253 octets of labels fit. */
	for (size_t i = 0; i < n->len && n->b[i]; i += 1u + n->b[i]) {
		if (at)
			out[at++] = '.';
		for (unsigned k = 1; k <= n->b[i]; k++)
			at += put_octet(out + at, n->b[i + k]);
	}
	if (!at)
		out[at++] = '.';
	out[at] = '\0';
	return out;
}

/* One octet of text, escapes resolved; *text moves on. -EINVAL for a bad escape. */
static int take_octet(const char **text)
{
	const char *t = *text;
	int value = (uint8_t)*t;

	if (*t != '\\') {
		*text = t + 1;
		return value;
	}
	if (t[1] < '0' || t[1] > '9') {
		if (!t[1])
			return -EINVAL;
		*text = t + 2;
		return (uint8_t)t[1];
	}
	value = 0;
	for (int i = 1; i <= 3; i++) {
		if (t[i] < '0' || t[i] > '9')
			return -EINVAL;
		value = value * 10 + (t[i] - '0');
	}
	*text = t + 4;
	return value > 255 ? -EINVAL : value;
}

struct builder {
	struct dns_name *n;
	size_t label; /* place of the open label's length octet */
	size_t at;
};

static int close_label(struct builder *b, const char **reterr)
{
	size_t len = b->at - b->label - 1;

	if (!len) {
		*reterr = "a label is empty (two periods, or a period at the start)";
		return -EINVAL;
	}
	b->n->b[b->label] = (uint8_t)len;
	b->label = b->at++;
	return 0;
}

static int add_octet(struct builder *b, const char **text, const char **reterr)
{
	int c = take_octet(text);

	if (c < 0)
		*reterr = "a backslash needs a character or three digits up to 255";
	else if (b->at - b->label > DNS_LABEL_MAX)
		*reterr = "a label is longer than 63 octets";
	else if (b->at >= DNS_NAME_MAX - 1)
		*reterr = "the name is longer than 255 octets";
	else {
		b->n->b[b->at++] = (uint8_t)c;
		return 0;
	}
	return -EINVAL;
}

int dns_name_parse(const char *text, struct dns_name *ret, const char **reterr)
{
	struct dns_name n = { 0 };
	struct builder b = { .n = &n, .at = 1 };
	int err = 0;

	if (!strcmp(text, ".")) {
		*ret = dns_root;
		return 0;
	}
	*reterr = "the name is empty";
	if (!*text)
		return -EINVAL;
	while (*text && !err) {
		if (*text != '.') {
			err = add_octet(&b, &text, reterr);
			continue;
		}
		text++;
		err = close_label(&b, reterr);
	}
	if (!err && b.at - b.label > 1) /* no final period: the last label is still open */
		err = close_label(&b, reterr);
	if (err)
		return err;
	n.len = (uint8_t)(b.label + 1);
	*ret = n;
	return 0;
}

bool dns_text_is_absolute(const char *text)
{
	size_t len = strlen(text), slashes = 0;

	if (!len || text[len - 1] != '.')
		return false;
	while (slashes + 1 < len && text[len - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

int dns_name_parse_in(const char *text, const struct dns_name *origin, struct dns_name *ret,
		      const char **reterr)
{
	struct dns_name n;
	int err;

	if (!strcmp(text, "@")) {
		*ret = *origin;
		return 0;
	}
	err = dns_name_parse(text, &n, reterr);
	if (!err && !dns_text_is_absolute(text)) {
		*reterr = "the name with its zone is longer than 255 octets";
		err = dns_name_append(&n, origin);
	}
	if (!err)
		*ret = n;
	return err;
}

static void put_label(struct dns_name *n, const char *text)
{
	size_t len = strlen(text);

	n->b[n->len++] = (uint8_t)len;
	memcpy(n->b + n->len, text, len);
	n->len = (uint8_t)(n->len + len);
}

void dns_name_reverse(const struct addr *a, struct dns_name *ret)
{
	struct dns_name n = { 0 };
	char label[4];

	for (int i = 3; a->family == 4 && i >= 0; i--) {
		(void)snprintf(label, sizeof(label), "%u", a->b[i]);
		put_label(&n, label);
	}
	for (int i = 31; a->family == 6 && i >= 0; i--) {
		(void)snprintf(label, sizeof(label), "%x", (a->b[i / 2] >> (i % 2 ? 0 : 4)) & 15);
		put_label(&n, label);
	}
	put_label(&n, a->family == 6 ? "ip6" : "in-addr");
	put_label(&n, "arpa");
	n.len++; /* the root */
	*ret = n;
}

/* --- wire --- */

/* As many as a name can have labels: more is a trap for slow readers. */
enum { HOPS_MAX = 127 };

/* The pointer at the cursor; moves the reading there. |*limit| is where the run began. */
static int follow(struct rd *r, uint8_t first, size_t *limit, const char **ret_why)
{
	size_t to = ((size_t)(first & 0x3f) << 8) | rd_u8(r);

	*ret_why = "a compression pointer that does not point backwards";
	if (r->err || to >= *limit)
		return -EBADMSG;
	*limit = to;
	rd_seek(r, to);
	return 0;
}

static int read_label(struct rd *r, uint8_t len, struct dns_name *n, const char **ret_why)
{
	const uint8_t *label = rd_view(r, len);

	*ret_why = "a name beyond the end of the packet";
	if (!label)
		return -EBADMSG;
	*ret_why = "a name longer than 255 octets";
	if (n->len + 1 + len >= DNS_NAME_MAX)
		return -EBADMSG;
	n->b[n->len] = len;
	memcpy(n->b + n->len + 1, label, len);
	n->len = (uint8_t)(n->len + 1 + len);
	return 0;
}

int dns_name_read(struct rd *r, struct dns_name *ret, const char **ret_why)
{
	struct rd at = *r;
	size_t limit = rd_pos(r), end = 0;
	unsigned hops = 0;
	uint8_t len;
	int err = 0;

	ret->len = 0;
	while (!err && (len = rd_u8(&at)) != 0) {
		if (len < 64) {
			err = read_label(&at, len, ret, ret_why);
			continue;
		}
		*ret_why =
			len < 192 ? "a label of an unknown kind" : "too many compression pointers";
		if (len < 192 || ++hops > HOPS_MAX)
			return -EBADMSG;
		if (!end)
			end = rd_pos(&at) + 1;
		err = follow(&at, len, &limit, ret_why);
	}
	if (!err && at.err)
		*ret_why = "a name beyond the end of the packet";
	if (err || at.err)
		return -EBADMSG;
	ret->b[ret->len++] = 0;
	rd_seek(r, end ? end : rd_pos(&at));
	return 0;
}
