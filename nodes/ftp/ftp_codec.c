/* FTP's control connection for the log's dissector. A password is not shown: more people read a row
 * of the log than look into the capture. */
#include "ftp/ftp.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINES_MAX 64 /* of one segment, in the details */

static bool is_response(const struct codec_in *in)
{
	return in->src.port == FTP_PORT;
}

/* The next line of a segment, without its end. */
static bool next_line(const struct codec_in *in, size_t *at, const char **ret, size_t *ret_len)
{
	const char *p = (const char *)in->data + *at;
	const char *lf = *at < in->len ? memchr(p, '\n', in->len - *at) : NULL;

	if (*at >= in->len)
		return false;
	*ret = p;
	*ret_len = lf ? (size_t)(lf - p) : in->len - *at;
	*at += *ret_len + (lf ? 1 : 0);
	if (*ret_len > 0 && p[*ret_len - 1] == '\r')
		--*ret_len;
	return true;
}

static bool is_password(const char *line, size_t len)
{
	return len > 5 && strncasecmp(line, "PASS ", 5) == 0;
}

static void put_line(const struct codec_in *in, const char *line, size_t len, struct sbuf *out)
{
	bool secret = !is_response(in) && is_password(line, len);
	struct val v = V_TEXTN("", line, secret ? 5 : len);

	val_format(&v, out);
	if (secret)
		sbuf_puts(out, "***");
}

/* tshark too shows the first line. */
static int ftp_info(const struct codec_in *in, struct sbuf *out, const char **ret_why)
{
	size_t at = 0, len;
	const char *line;

	(void)ret_why;
	if (!next_line(in, &at, &line, &len))
		return -EAGAIN;
	sbuf_puts(out, is_response(in) ? "Response: " : "Request: ");
	put_line(in, line, len, out);
	return 0;
}

struct sink {
	codec_field_fn fn;
	void *arg;
	const char *base;
};

static void put_field(const struct sink *s, const char *name, const char *p, size_t len,
		      const char *shown)
{
	struct val v = V_TEXTN("", p, len);
	struct sbuf text = SBUF(4 * VAL_TEXT_MAX);

	val_format(&v, &text);
	s->fn(s->arg, name, shown ? shown : sbuf_text(&text), (size_t)(p - s->base), len);
	sbuf_done(&text);
}

static void line_fields(const struct sink *s, const struct codec_in *in, const char *line,
			size_t len)
{
	size_t word = 0;
	struct ftp_reply r;

	if (is_response(in)) {
		if (ftp_reply_parse(line, len, &r) == 0) {
			put_field(s, "Response code", line, 3, NULL);
			line = r.text;
			len = r.len;
		}
		put_field(s, "Response arg", line, len, NULL);
		return;
	}
	while (word < len && line[word] != ' ')
		word++;
	put_field(s, "Request command", line, word, NULL);
	if (word + 1 < len)
		put_field(s, "Request arg", line + word + 1, len - word - 1,
			  is_password(line, len) ? "***" : NULL);
}

static int ftp_fields(const struct codec_in *in, codec_field_fn fn, void *arg)
{
	struct sink s = { fn, arg, (const char *)in->data };
	size_t at = 0, len;
	const char *line;

	for (int i = 0; i < LINES_MAX && next_line(in, &at, &line, &len); i++)
		line_fields(&s, in, line, len);
	return 0;
}

const struct codec ftp_codec = {
	.name = "FTP",
	.tcp_ports = { FTP_PORT },
	.info = ftp_info,
	.fields = ftp_fields,
};
