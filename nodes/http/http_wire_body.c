/* Bodies (RFC 9112 §6, §7): an incremental reader that looks at each octet once. */
#include "http/http_wire.h"

#include <errno.h>

/* The chunked reader's place (RFC 9112 §7.1). Its lines end in CRLF and in nothing else: what one
 * party takes for the end of a chunk the next one must not take for data. */
enum {
	IN_SIZE,      /* the digits of a chunk's size */
	IN_EXTENSION, /* the rest of that line, ignored */
	AT_SIZE_LF,   /* its LF */
	IN_DATA,      /* the chunk, or a body by length */
	AT_DATA_CR,   /* the CRLF after a chunk */
	AT_DATA_LF,
	AT_TRAILER,    /* the start of a trailer line or of the last, empty one */
	IN_TRAILER,    /* a trailer line, ignored */
	AT_TRAILER_LF, /* its LF */
	AT_END_LF,     /* the LF of the last line */
};

void http_body_init(struct http_body *b, enum http_framing framing, uint64_t length)
{
	*b = (struct http_body){
		.framing = framing,
		.left = framing == HTTP_BY_LENGTH ? length : 0,
		.state = framing == HTTP_BY_LENGTH ? IN_DATA : IN_SIZE,
		.done = framing == HTTP_NO_BODY || (framing == HTTP_BY_LENGTH && length == 0),
	};
}

static int bad(struct http_body *b, const char *why)
{
	b->why = why;
	return -EBADMSG;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int size_octet(struct http_body *b, char c)
{
	int digit = hex(c);

	if (digit >= 0) {
		if (b->left >> 59)
			return bad(b, "a chunk size is too large");
		b->left = b->left << 4 | (uint64_t)digit;
	} else if (b->line_len == 1) {
		return bad(b, "a chunk has no size");
	} else if (c == ';' || c == ' ' || c == '\t') {
		b->state = IN_EXTENSION;
	} else if (c == '\r') {
		b->state = AT_SIZE_LF;
	} else {
		return bad(b, "a chunk size is not hexadecimal");
	}
	return 0;
}

static int extension_octet(struct http_body *b, char c)
{
	if (c == '\r')
		b->state = AT_SIZE_LF;
	else if (c == '\n' || c == '\0')
		return bad(b, "a control octet in a chunk extension");
	return 0;
}

static int trailer_octet(struct http_body *b, char c)
{
	if (c == '\r')
		b->state = b->state == AT_TRAILER ? AT_END_LF : AT_TRAILER_LF;
	else if (c == '\n' || c == '\0')
		return bad(b, "a control octet in the trailer");
	else
		b->state = IN_TRAILER;
	return ++b->trailer_len > HTTP_TRAILER_MAX ? bad(b, "the trailer is too long") : 0;
}

/* The octet at which only one value is possible. */
static int fixed_octet(struct http_body *b, char c)
{
	if (c != (b->state == AT_DATA_CR ? '\r' : '\n'))
		return bad(b, b->state == AT_DATA_CR ? "a chunk is longer than its size"
						     : "a bare CR in chunked framing");
	if (b->state == AT_SIZE_LF)
		b->state = b->left > 0 ? IN_DATA : AT_TRAILER;
	else if (b->state == AT_DATA_CR)
		b->state = AT_DATA_LF;
	else if (b->state == AT_DATA_LF)
		b->state = IN_SIZE;
	else if (b->state == AT_TRAILER_LF)
		b->state = AT_TRAILER;
	else
		b->done = true;
	b->line_len = 0;
	return 0;
}

static int framing_octet(struct http_body *b, char c)
{
	if (++b->line_len > HTTP_CHUNK_LINE_MAX && b->state < AT_TRAILER)
		return bad(b, "the line before a chunk is too long");
	switch (b->state) {
	case IN_SIZE:
		return size_octet(b, c);
	case IN_EXTENSION:
		return extension_octet(b, c);
	case AT_TRAILER:
	case IN_TRAILER:
		return trailer_octet(b, c);
	}
	return fixed_octet(b, c);
}

static void take_data(struct http_body *b, size_t len)
{
	b->left -= len;
	if (b->left > 0)
		return;
	b->done = b->framing == HTTP_BY_LENGTH;
	b->state = AT_DATA_CR;
}

ssize_t http_body_take(struct http_body *b, const void *data, size_t len, struct http_str *ret)
{
	const char *p = data;
	size_t n = 0;

	*ret = (struct http_str){ p, 0 };
	if (b->done)
		return 0;
	if (b->framing == HTTP_UNTIL_CLOSE) {
		ret->len = len;
		return (ssize_t)len;
	}
	for (; n < len && b->state != IN_DATA && !b->done; n++)
		if (framing_octet(b, p[n]) < 0)
			return -EBADMSG;
	if (b->done || n == len)
		return (ssize_t)n;
	*ret = (struct http_str){ p + n, len - n < b->left ? len - n : b->left };
	take_data(b, ret->len);
	return (ssize_t)(n + ret->len);
}

size_t http_chunk_head(size_t len, char out[static HTTP_CHUNK_HEAD_MAX])
{
	static const char digits[] = "0123456789abcdef";
	char rev[16];
	size_t n = 0, k = 0;

	do
		rev[n++] = digits[len & 15];
	while (len >>= 4);
	while (n > 0)
		out[k++] = rev[--n];
	out[k++] = '\r';
	out[k++] = '\n';
	return k;
}
