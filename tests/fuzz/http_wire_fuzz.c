/* HTTP's wire code on arbitrary octets; what decodes is encoded again and must decode the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "http/http_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void touch_fields(const struct http_head *h)
{
	for (unsigned i = 0; i < h->n_fields; i++) {
		struct http_str name = http_field_name(h, &h->fields[i]);
		struct http_str value = http_field_value(h, &h->fields[i]);

		must(name.p >= h->base && name.p + name.len <= h->base + h->len);
		must(value.p >= h->base && value.p + value.len <= h->base + h->len);
		(void)http_is_hop_field(h, &h->fields[i]);
	}
	(void)http_has_token(h, HTTP_CONNECTION, "close");
}

/* Octet by octet and at once, the end of a head is in the same place. */
static void fuzz_head(const char *data, size_t size, bool response)
{
	static struct http_head h;
	size_t scan = 0, scan2 = 0, skip = http_skip_empty_lines(data, size);
	ssize_t n = 0, whole;

	data += skip;
	size -= skip;
	whole = http_head_find(data, size, &http_limits_default, &scan2, &h);
	for (size_t have = 0; have <= size && n == 0 && whole > 0; have++)
		n = http_head_find(data, have, &http_limits_default, &scan, &h);
	must(whole <= 0 || n == whole);
	if (whole <= 0)
		return;
	if (response ? http_response_parse(data, (size_t)whole, HTTP_GET, &h) < 0
		     : http_request_parse(data, (size_t)whole, &h) < 0) {
		must(h.fault != HTTP_OK && h.why);
		return;
	}
	touch_fields(&h);
}

static void fuzz_body(const char *data, size_t size)
{
	struct http_body once, slow;
	struct http_str got;
	size_t pos = 0, content = 0, content_slow = 0;
	ssize_t n = 0;

	http_body_init(&once, HTTP_CHUNKED, 0);
	http_body_init(&slow, HTTP_CHUNKED, 0);
	for (; pos < size && !once.done; pos += (size_t)n) {
		n = http_body_take(&once, data + pos, size - pos, &got);
		if (n < 0)
			break;
		must(n > 0);
		content += got.len;
	}
	for (pos = 0; pos < size && !slow.done; pos += (size_t)n) {
		n = http_body_take(&slow, data + pos, 1, &got);
		if (n < 0)
			break;
		content_slow += got.len;
	}
	must(once.done == slow.done && !once.why == !slow.why && content == content_slow);
}

static void fuzz_url(const char *data, size_t size)
{
	static const struct http_url base = { .host = "h", .port = 80, .target = "/a/b?c" };
	char text[HTTP_URL_TEXT_MAX], again[HTTP_URL_TEXT_MAX];
	struct http_url u, v;
	const char *why = NULL;

	if (http_url_parse(data, size, &u, &why) < 0) {
		must(why != NULL);
	} else {
		http_url_format(&u, text, sizeof(text));
		must(http_url_parse(text, strlen(text), &v, &why) == 0);
		http_url_format(&v, again, sizeof(again));
		must(strcmp(text, again) == 0 && http_url_same_origin(&u, &v));
	}
	(void)http_url_resolve(&base, data, size, &v, &why);
}

static void fuzz_path(struct http_str s)
{
	char path[600], text[2000], again[600];
	struct http_str query;
	bool dir;
	ssize_t n = http_path_decode(s, path, sizeof(path), &dir, &query), m;

	if (n < 0)
		return;
	must(path[0] != '/' && strlen(path) == (size_t)n && !strstr(path, "//"));
	must(strncmp(path, "../", 3) != 0 && strcmp(path, "..") != 0 && !strstr(path, "/../"));
	text[0] = '/';
	m = http_path_encode(path, (size_t)n, text + 1, sizeof(text) - 1);
	must(m >= 0);
	m = http_path_decode((struct http_str){ text, (size_t)m + 1 }, again, sizeof(again), &dir,
			     &query);
	must(m == n && memcmp(path, again, (size_t)n) == 0);
}

static void fuzz_values(struct http_str s)
{
	char a[64], b[128], date[HTTP_DATE_LEN];
	uint64_t first, len;
	int64_t t, t2;

	if (http_date_parse(s, 0, &t) == 0 && t >= 0) {
		http_date_format(t, date);
		must(http_date_parse((struct http_str){ date, strlen(date) }, 0, &t2) == 0 &&
		     t == t2);
	}
	if (http_range_parse(s, 1000, &first, &len) == 0)
		must(len > 0 && first + len <= 1000);
	(void)http_basic_parse(s, a, sizeof(a), b, sizeof(b));
	(void)http_offers_basic(s);
	(void)http_etag_in_list(s, "\"x\"", true);
	(void)http_form_decode(s, b, sizeof(b));
	(void)http_is_authority(s);
}

static void ignore_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	must(offset + len <= *(size_t *)arg && field && value);
}

static void fuzz_codec(const uint8_t *data, size_t size)
{
	struct codec_in in = { .data = data, .len = size, .tcp = true };
	struct sbuf out = SBUF(4096);
	const char *why = NULL;

	(void)http_codec.info(&in, &out, &why);
	(void)http_codec.fields(&in, ignore_field, &size);
	sbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_str s = { (const char *)data, size };
	char *copy = malloc(size + 1);

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	http_unfold(copy, size);
	fuzz_head(s.p, s.len, false);
	fuzz_head(copy, s.len, true);
	fuzz_body(s.p, s.len);
	fuzz_url(s.p, s.len);
	fuzz_path(s);
	fuzz_values(s);
	fuzz_codec(data, size);
	free(copy);
	return 0;
}
