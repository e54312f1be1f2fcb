#include "tftp/tftp_wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const mode_names[] = { [TFTP_OCTET] = "octet",
					  [TFTP_NETASCII] = "netascii",
					  [TFTP_MAIL] = "mail",
					  [TFTP_NO_MODE] = "" };

const char *tftp_mode_name(enum tftp_mode mode)
{
	return mode_names[mode];
}

const char *tftp_code_name(uint16_t code)
{
	static const char *const names[] = {
		[TFTP_UNDEFINED] = "Not defined",
		[TFTP_NOT_FOUND] = "File not found",
		[TFTP_ACCESS] = "Access violation",
		[TFTP_DISK_FULL] = "Disk full or allocation exceeded",
		[TFTP_ILLEGAL] = "Illegal TFTP Operation",
		[TFTP_UNKNOWN_TID] = "Unknown transfer ID",
		[TFTP_EXISTS] = "File already exists",
		[TFTP_NO_USER] = "No such user",
		[TFTP_BAD_OPTION] = "Option negotiation failed",
	};

	return code < sizeof(names) / sizeof(names[0]) ? names[code] : "";
}

/* --- reading ------------------------------------------------------------------------------ */

/* A text up to its NUL, or NULL. */
static const char *rd_text(struct rd *r)
{
	const char *text = (const char *)r->p;
	const uint8_t *end = rd_left(r) > 0 ? memchr(r->p, 0, rd_left(r)) : NULL;

	if (!end) {
		r->err = true;
		return NULL;
	}
	rd_skip(r, (size_t)(end - r->p) + 1);
	return text;
}

static int malformed(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EBADMSG;
}

static int read_options(struct rd *r, struct tftp_msg *m, const char **ret_why)
{
	while (rd_left(r) > 0) {
		struct tftp_option o = { .name = rd_text(r) };

		o.value = r->err ? NULL : rd_text(r);
		if (r->err)
			return malformed(ret_why, "an option has no NUL at its end");
		if (m->n_options < TFTP_OPTIONS_MAX)
			m->options[m->n_options++] = o;
	}
	return 0;
}

static int read_request(struct rd *r, struct tftp_msg *m, const char **ret_why)
{
	m->file = rd_text(r);
	if (r->err)
		return malformed(ret_why, "the file name has no NUL at its end");
	m->mode_text = rd_text(r);
	if (r->err)
		return malformed(ret_why, "the mode has no NUL at its end");
	while (m->mode < TFTP_NO_MODE && strcasecmp(m->mode_text, mode_names[m->mode]) != 0)
		m->mode++;
	return read_options(r, m, ret_why);
}

static int read_error(struct rd *r, struct tftp_msg *m, const char **ret_why)
{
	m->code = rd_u16(r);
	if (r->err)
		return malformed(ret_why, "shorter than 4 octets");
	/* Some peers leave the NUL out; the text is then none. */
	m->text = rd_left(r) > 0 && memchr(r->p, 0, rd_left(r)) ? (const char *)r->p : "";
	return 0;
}

int tftp_decode(const uint8_t *data, size_t len, struct tftp_msg *ret, const char **ret_why)
{
	struct tftp_msg m = { 0 };
	struct rd r;
	int err = 0;

	rd_init(&r, data, len);
	m.op = rd_u16(&r);
	if (r.err)
		return malformed(ret_why, "shorter than 2 octets");
	ret->op = m.op;
	if (m.op == TFTP_RRQ || m.op == TFTP_WRQ) {
		err = read_request(&r, &m, ret_why);
	} else if (m.op == TFTP_DATA || m.op == TFTP_ACK) {
		m.block = rd_u16(&r);
		m.len = rd_left(&r);
		m.data = rd_view(&r, m.len);
		if (r.err)
			err = malformed(ret_why, "shorter than 4 octets");
	} else if (m.op == TFTP_ERROR) {
		err = read_error(&r, &m, ret_why);
	} else if (m.op == TFTP_OACK) {
		err = read_options(&r, &m, ret_why);
	}
	if (err == 0)
		*ret = m;
	return err;
}

static bool number(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	if (str_to_u64(text, max, &v) < 0 || v < min)
		return false;
	*ret = v;
	return true;
}

unsigned tftp_terms_read(const struct tftp_msg *m, struct tftp_terms *ret)
{
	unsigned n_left = 0;
	uint64_t v = 0;

	*ret = (struct tftp_terms){ 0 };
	for (unsigned i = 0; i < m->n_options; i++) {
		const struct tftp_option *o = &m->options[i];

		if (strcasecmp(o->name, "blksize") == 0 &&
		    number(o->value, TFTP_BLKSIZE_MIN, TFTP_BLKSIZE_MAX, &v)) {
			ret->has_blksize = true;
			ret->blksize = (uint16_t)v;
		} else if (strcasecmp(o->name, "timeout") == 0 && number(o->value, 1, 255, &v)) {
			ret->has_timeout = true;
			ret->timeout = (uint8_t)v;
		} else if (strcasecmp(o->name, "tsize") == 0 &&
			   number(o->value, 0, INT64_MAX, &v)) {
			ret->has_tsize = true;
			ret->tsize = v;
		} else {
			n_left++;
		}
	}
	return n_left;
}

/* --- writing ------------------------------------------------------------------------------ */

static void wr_text(struct wr *w, const char *text)
{
	wr_bytes(w, text, strlen(text) + 1);
}

static void wr_number(struct wr *w, const char *name, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, value);
	wr_text(w, name);
	wr_text(w, digits);
}

static void wr_terms(struct wr *w, const struct tftp_terms *t)
{
	if (t->has_tsize)
		wr_number(w, "tsize", t->tsize);
	if (t->has_blksize)
		wr_number(w, "blksize", t->blksize);
	if (t->has_timeout)
		wr_number(w, "timeout", t->timeout);
}

void tftp_put_request(struct wr *w, enum tftp_op op, const char *file, enum tftp_mode mode,
		      const struct tftp_terms *terms)
{
	wr_u16(w, (uint16_t)op);
	wr_text(w, file);
	wr_text(w, tftp_mode_name(mode));
	wr_terms(w, terms);
}

void tftp_put_block(struct wr *w, enum tftp_op op, uint16_t block)
{
	wr_u16(w, (uint16_t)op);
	wr_u16(w, block);
}

void tftp_put_error(struct wr *w, uint16_t code, const char *text)
{
	wr_u16(w, TFTP_ERROR);
	wr_u16(w, code);
	wr_text(w, text);
}

void tftp_put_oack(struct wr *w, const struct tftp_terms *terms)
{
	wr_u16(w, TFTP_OACK);
	wr_terms(w, terms);
}

/* --- netascii ----------------------------------------------------------------------------- */

void tftp_text_to_wire(const uint8_t *data, size_t len, struct sbuf *out)
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] != '\n' && data[i] != '\r')
			continue;
		sbuf_put(out, data + done, i - done);
		sbuf_put(out, data[i] == '\n' ? "\r\n" : "\r", 2); /* the second is CR NUL */
		done = i + 1;
	}
	sbuf_put(out, data + done, len - done);
}

void tftp_text_from_wire(struct tftp_text *t, const uint8_t *data, size_t len, struct sbuf *out)
{
	size_t done = 0;

	for (size_t i = 0; i < len; i++) {
		if (t->cr) {
			t->cr = false;
			if (data[i] == '\n' || data[i] == '\0') {
				sbuf_put(out, data[i] ? "\n" : "\r", 1);
				done = i + 1;
				continue;
			}
			sbuf_put(out, "\r", 1); /* neither: as it came */
		}
		if (data[i] != '\r')
			continue;
		sbuf_put(out, data + done, i - done);
		done = i + 1;
		t->cr = true;
	}
	if (!t->cr || done < len)
		sbuf_put(out, data + done, len - done);
}

void tftp_text_end(struct tftp_text *t, struct sbuf *out)
{
	if (t->cr)
		sbuf_put(out, "\r", 1);
	t->cr = false;
}
