#include "labd/ctl/pcapng.h"

#include <errno.h>
#include <string.h>

#include "base/sbuf.h"
#include "labd/lab/utf8.h"

#define BLOCK_SECTION	  0x0a0d0d0au
#define BLOCK_INTERFACE	  1u
#define BLOCK_FRAME	  6u /* Enhanced Packet Block */
#define BYTE_ORDER_MAGIC  0x1a2b3c4du
#define LINKTYPE_ETHERNET 1u

enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_SHB_PROGRAM = 4,
	OPT_IF_NAME = 2,
	OPT_IF_DESCRIPTION = 3,
	OPT_IF_TSRESOL = 9,
	OPT_EPB_FLAGS = 2,
};

static void put16(struct sbuf *out, uint32_t v)
{
	const uint8_t b[2] = { (uint8_t)v, (uint8_t)(v >> 8) };

	sbuf_put(out, b, sizeof(b));
}

static void put32(struct sbuf *out, uint32_t v)
{
	put16(out, v & 0xffff);
	put16(out, v >> 16);
}

/* Bodies and option values are padded to 32 bits. */
static void put_padded(struct sbuf *out, const void *bytes, size_t len)
{
	static const uint8_t zeros[4];

	if (len > 0)
		sbuf_put(out, bytes, len);
	if (len % 4)
		sbuf_put(out, zeros, 4 - len % 4);
}

static void put_option(struct sbuf *out, uint32_t code, const void *value, size_t len)
{
	put16(out, code);
	put16(out, (uint32_t)len);
	put_padded(out, value, len);
}

/* Texts end at a whole character. */
static void put_text(struct sbuf *out, uint32_t code, const char *text)
{
	size_t len = text ? strlen(text) : 0, at = 0;

	if (len > PCAPNG_COMMENT_MAX) {
		while (at + utf8_step(text + at, len - at) <= PCAPNG_COMMENT_MAX)
			at += utf8_step(text + at, len - at);
		len = at;
	}
	if (len > 0)
		put_option(out, code, text, len);
}

static size_t begin(struct sbuf *out, uint32_t type)
{
	size_t at = out->len;

	put32(out, type);
	put32(out, 0); /* its length, known at the end */
	return at;
}

/* The block's length stands at both its ends. */
static int end(struct sbuf *out, size_t at)
{
	uint32_t len;

	put32(out, OPT_END); /* code 0, length 0 */
	len = (uint32_t)(out->len - at + 4);
	put32(out, len);
	if (out->full) {
		out->len = at;
		out->full = false;
		if (out->data)
			out->data[at] = '\0';
		return -ENOBUFS;
	}
	for (int i = 0; i < 4; i++)
		out->data[at + 4 + (size_t)i] = (char)(uint8_t)(len >> 8 * i);
	return 0;
}

int pcapng_section(struct sbuf *out, const char *program, const char *comment)
{
	size_t at = begin(out, BLOCK_SECTION);

	put32(out, BYTE_ORDER_MAGIC);
	put16(out, 1); /* version 1.0 */
	put16(out, 0);
	put32(out, UINT32_MAX); /* the section's length is not said */
	put32(out, UINT32_MAX);
	put_text(out, OPT_COMMENT, comment);
	put_text(out, OPT_SHB_PROGRAM, program);
	return end(out, at);
}

int pcapng_interface(struct sbuf *out, const char *name, const char *description)
{
	static const uint8_t nanoseconds = 9;
	size_t at = begin(out, BLOCK_INTERFACE);

	put16(out, LINKTYPE_ETHERNET);
	put16(out, 0);
	put32(out, 0); /* no limit to a frame's octets */
	put_text(out, OPT_IF_NAME, name);
	put_text(out, OPT_IF_DESCRIPTION, description);
	put_option(out, OPT_IF_TSRESOL, &nanoseconds, 1);
	return end(out, at);
}

int pcapng_frame(struct sbuf *out, const struct pcapng_frame *f)
{
	uint64_t ns = (uint64_t)f->unix_ns;
	uint8_t flags[4] = { (uint8_t)f->direction };
	size_t at = begin(out, BLOCK_FRAME);

	put32(out, f->iface);
	put32(out, (uint32_t)(ns >> 32));
	put32(out, (uint32_t)ns);
	put32(out, f->captured);
	put32(out, f->length);
	put_padded(out, f->bytes, f->captured);
	put_text(out, OPT_COMMENT, f->comment);
	if (f->direction != PCAPNG_UNKNOWN)
		put_option(out, OPT_EPB_FLAGS, flags, sizeof(flags));
	return end(out, at);
}
