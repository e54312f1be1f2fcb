#include "http/http_page.h"

#include <stdlib.h>
#include <string.h>

struct page {
	const struct http_url *base;
	struct page_links *links;
	struct sbuf *out;
	unsigned column;
	unsigned newlines; /* at the end of `out`; blank lines are not doubled */
	bool blank;	   /* a blank is owed before the next word */
	unsigned pre;	   /* depth of <pre> */
	unsigned link;	   /* number of the open link, 0 = none */
	unsigned lists;
	char word[256];
	size_t word_len;
};

void http_page_links_clear(struct page_links *links)
{
	for (unsigned i = 0; i < links->n; i++)
		free(links->url[i]);
	links->n = 0;
}

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

/* --- layout ----------------------------------------------------------------------------------- */

static void emit(struct page *p, const char *text, size_t len)
{
	if (p->out && len > 0)
		sbuf_put(p->out, text, len);
}

static void newline(struct page *p, unsigned want)
{
	while (p->newlines < want) {
		emit(p, "\n", 1);
		p->newlines++;
	}
	p->column = 0;
	p->blank = false;
}

/* Columns of UTF-8 text: octets that begin a character. */
static unsigned width_of(const char *text, size_t len)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

static void put_word(struct page *p, const char *text, size_t len)
{
	unsigned width = width_of(text, len);

	if (len == 0)
		return;
	if (p->column > 0 && p->blank) {
		if (p->column + 1 + width > PAGE_WIDTH) {
			newline(p, 1);
		} else {
			emit(p, " ", 1);
			p->column++;
		}
	}
	p->blank = false;
	emit(p, text, len);
	p->column += width;
	p->newlines = 0;
}

static void end_word(struct page *p)
{
	put_word(p, p->word, p->word_len);
	p->word_len = 0;
}

static void put_octet(struct page *p, char c)
{
	if (p->pre && c == '\n') {
		end_word(p);
		emit(p, "\n", 1);
		p->newlines++;
		p->column = 0;
	} else if (is_space(c) && !p->pre) {
		end_word(p);
		p->blank = true;
	} else {
		p->word[p->word_len++] = is_control(c) && c != '\t' ? '?' : c;
		if (p->word_len == sizeof(p->word))
			end_word(p);
	}
}

/* Before and after paragraphs and the like. */
static void block(struct page *p, unsigned newlines)
{
	end_word(p);
	if (p->column > 0 || p->newlines > 0)
		newline(p, newlines);
	p->blank = false;
}

/* --- entities --------------------------------------------------------------------------------- */

static size_t put_utf8(uint32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 63));
		out[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 63));
	out[2] = (char)(0x80 | (c >> 6 & 63));
	out[3] = (char)(0x80 | (c & 63));
	return 4;
}

static uint32_t named_entity(struct http_str name)
{
	static const struct {
		const char *name;
		uint32_t c;
	} entities[] = { { "amp", '&' },       { "lt", '<' },	    { "gt", '>' },
			 { "quot", '"' },      { "apos", '\'' },    { "nbsp", ' ' },
			 { "copy", 0xa9 },     { "reg", 0xae },	    { "auml", 0xe4 },
			 { "ouml", 0xf6 },     { "uuml", 0xfc },    { "Auml", 0xc4 },
			 { "Ouml", 0xd6 },     { "Uuml", 0xdc },    { "szlig", 0xdf },
			 { "euro", 0x20ac },   { "ndash", 0x2013 }, { "mdash", 0x2014 },
			 { "hellip", 0x2026 }, { "bull", 0x2022 },  { "middot", 0xb7 },
			 { "laquo", 0xab },    { "raquo", 0xbb },   { "eacute", 0xe9 },
			 { "egrave", 0xe8 },   { "agrave", 0xe0 },  { "ccedil", 0xe7 },
			 { "times", 0xd7 },    { "rarr", 0x2192 },  { "larr", 0x2190 } };

	for (size_t i = 0; i < ARRAY_SIZE(entities); i++)
		if (http_str_is(name, entities[i].name))
			return entities[i].c;
	return 0;
}

static uint32_t numbered_entity(struct http_str digits)
{
	bool hex = digits.len > 0 && (digits.p[0] == 'x' || digits.p[0] == 'X');
	uint32_t c = 0;

	for (size_t i = hex; i < digits.len; i++) {
		char d = digits.p[i];
		int v = d >= '0' && d <= '9'	      ? d - '0'
			: hex && d >= 'a' && d <= 'f' ? d - 'a' + 10
			: hex && d >= 'A' && d <= 'F' ? d - 'A' + 10
						      : -1;

		if (v < 0 || c > 0x10ffff)
			return 0;
		c = c * (hex ? 16 : 10) + (uint32_t)v;
	}
	/* No C1 controls and no halves of surrogate pairs. */
	return c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || (c >= 0x7f && c < 0xa0) ? 0 : c;
}

/* "&name;" at the start of s: octets used, 0 when it is none. */
static size_t entity(struct http_str s, char out[4], size_t *ret_len)
{
	size_t window = s.len < 12 ? s.len : 12;
	const char *end = memchr(s.p, ';', window);
	struct http_str name = { s.p + 1, end ? (size_t)(end - s.p - 1) : 0 };
	uint32_t c;

	if (name.len == 0)
		return 0;
	c = name.p[0] == '#' ? numbered_entity((struct http_str){ name.p + 1, name.len - 1 })
			     : named_entity(name);
	if (c == 0)
		return 0;
	*ret_len = put_utf8(c, out);
	return name.len + 2;
}

/* --- tags ------------------------------------------------------------------------------------- */

struct tag {
	struct http_str name, rest; /* rest: its attributes */
	bool end;		    /* </name> */
};

/* The value of an attribute; p NULL without one. */
static struct http_str attribute(struct http_str rest, const char *name)
{
	while (rest.len > 0) {
		struct http_str key = { rest.p, 0 }, value = { rest.p, 0 };
		size_t n = 0;

		while (n < rest.len && (is_space(rest.p[n]) || rest.p[n] == '/'))
			n++;
		key.p += n;
		while (n < rest.len && !is_space(rest.p[n]) && rest.p[n] != '=')
			n++, key.len++;
		if (n < rest.len && rest.p[n] == '=') {
			char quote = n + 1 < rest.len ? rest.p[n + 1] : 0;

			n++;
			if (quote == '"' || quote == '\'')
				n++;
			else
				quote = 0;
			value = (struct http_str){ rest.p + n, 0 };
			while (n < rest.len && (quote ? rest.p[n] != quote : !is_space(rest.p[n])))
				n++, value.len++;
			n += quote && n < rest.len;
		}
		if (http_str_is_nocase(key, name))
			return value;
		n = n ? n : 1;
		rest = (struct http_str){ rest.p + n, rest.len - n };
	}
	return (struct http_str){ NULL, 0 };
}

/* &amp; in an address stands for &. */
static size_t decode_attribute(struct http_str v, char *out, size_t size)
{
	size_t n = 0;

	while (v.len > 0 && n + 4 < size) {
		size_t len, used = v.p[0] == '&' ? entity(v, out + n, &len) : 0;

		if (used == 0) {
			out[n] = v.p[0];
			used = len = 1;
		}
		n += len;
		v = (struct http_str){ v.p + used, v.len - used };
	}
	out[n] = '\0';
	return n;
}

static void open_link(struct page *p, struct http_str rest)
{
	struct http_str href = attribute(rest, "href");
	char text[HTTP_URL_TARGET_MAX], whole[HTTP_URL_TEXT_MAX];
	struct http_url u;
	const char *why;
	size_t n;

	p->link = 0;
	if (!href.p || p->links->n == PAGE_LINKS_MAX)
		return;
	n = decode_attribute(href, text, sizeof(text));
	if (http_url_resolve(p->base, text, n, &u, &why) < 0)
		return;
	http_url_format(&u, whole, sizeof(whole));
	p->links->url[p->links->n] = strdup(whole);
	if (!p->links->url[p->links->n++])
		abort();
	p->link = p->links->n;
}

static void close_link(struct page *p)
{
	char text[16];
	struct sbuf out = SBUF(sizeof(text));

	if (!p->link)
		return;
	end_word(p);
	sbuf_printf(&out, "[%u]", p->link);
	put_word(p, sbuf_text(&out), out.len);
	sbuf_done(&out);
	p->link = 0;
}

static void put_image(struct page *p, struct http_str rest)
{
	struct http_str alt = attribute(rest, "alt");
	char text[200];

	end_word(p);
	decode_attribute(alt.len > 0 ? alt : attribute(rest, "src"), text, sizeof(text));
	put_word(p, "[image:", 7);
	p->blank = true;
	for (const char *c = text; *c; c++)
		put_octet(p, *c);
	put_octet(p, ']');
}

static void list_item(struct page *p)
{
	block(p, 1);
	for (unsigned i = 0; i < p->lists && i < 8; i++)
		emit(p, "  ", 2);
	emit(p, "* ", 2);
	p->column = 2 + 2 * p->lists;
	p->newlines = 0;
}

static bool is_block(struct http_str name)
{
	static const char *const blocks[] = { "p",	    "div",   "h1",	"h2",	   "h3",
					      "h4",	    "h5",    "h6",	"table",   "form",
					      "blockquote", "title", "section", "article", "header",
					      "footer",	    "nav",   "main" };

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		if (http_str_is_nocase(name, blocks[i]))
			return true;
	return false;
}

static void on_tag(struct page *p, const struct tag *t)
{
	if (is_block(t->name)) {
		block(p, 2);
	} else if (http_str_is_nocase(t->name, "br") || http_str_is_nocase(t->name, "tr") ||
		   http_str_is_nocase(t->name, "dt") || http_str_is_nocase(t->name, "dd")) {
		block(p, 1);
	} else if (http_str_is_nocase(t->name, "td") || http_str_is_nocase(t->name, "th")) {
		end_word(p);
		p->blank = true;
	} else if (http_str_is_nocase(t->name, "hr")) {
		block(p, 1);
		put_word(p, "----------", 10);
		block(p, 1);
	} else if (http_str_is_nocase(t->name, "a")) {
		close_link(p);
		if (!t->end)
			open_link(p, t->rest);
	} else if (http_str_is_nocase(t->name, "img")) {
		put_image(p, t->rest);
	} else if (http_str_is_nocase(t->name, "ul") || http_str_is_nocase(t->name, "ol")) {
		if (!t->end)
			block(p, p->lists++ ? 1 : 2);
		else
			block(p, p->lists && --p->lists ? 1 : 2);
	} else if (http_str_is_nocase(t->name, "li") && !t->end) {
		list_item(p);
	} else if (http_str_is_nocase(t->name, "pre")) {
		block(p, 2);
		p->pre = !t->end;
	}
}

/* "<...>" at the start of s: octets used. */
static size_t read_tag(struct http_str s, struct tag *t)
{
	const char *end = memchr(s.p, '>', s.len);
	size_t n = 1;

	*t = (struct tag){ .name = { s.p + 1, 0 } };
	if (s.len >= 4 && memcmp(s.p, "<!--", 4) == 0) {
		end = memmem(s.p + 4, s.len - 4, "-->", 3);
		return end ? (size_t)(end + 3 - s.p) : s.len;
	}
	if (!end)
		return s.len;
	t->end = n < s.len && s.p[n] == '/';
	n += t->end;
	t->name.p = s.p + n;
	while (s.p + n < end && !is_space(s.p[n]) && s.p[n] != '/')
		n++, t->name.len++;
	t->rest = (struct http_str){ s.p + n, (size_t)(end - s.p) - n };
	return (size_t)(end + 1 - s.p);
}

/* The end of <script> or <style>: octets to skip. */
static size_t skip_raw(struct http_str s, struct http_str name)
{
	for (size_t i = 0; i + name.len + 2 <= s.len; i++)
		if (s.p[i] == '<' && s.p[i + 1] == '/' &&
		    http_str_same_nocase((struct http_str){ s.p + i + 2, name.len }, name))
			return i;
	return s.len;
}

void http_page_text(struct http_str s, const struct http_url *base, struct page_links *links,
		    struct sbuf *out)
{
	struct page p = { .base = base, .links = links, .out = out };

	while (s.len > 0) {
		size_t used = 1, len = 0;
		char utf8[4];
		struct tag t;

		if (s.p[0] == '<') {
			used = read_tag(s, &t);
			on_tag(&p, &t);
			if (!t.end && (http_str_is_nocase(t.name, "script") ||
				       http_str_is_nocase(t.name, "style")))
				used += skip_raw((struct http_str){ s.p + used, s.len - used },
						 t.name);
		} else if (s.p[0] == '&' && (used = entity(s, utf8, &len)) > 0) {
			for (size_t i = 0; i < len; i++)
				put_octet(&p, utf8[i]);
		} else {
			used = 1;
			put_octet(&p, s.p[0]);
		}
		s = (struct http_str){ s.p + used, s.len - used };
	}
	close_link(&p);
	block(&p, 1);
}

void http_page_plain(struct http_str text, struct sbuf *out)
{
	size_t done = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (!is_control(text.p[i]) || is_space(text.p[i]))
			continue;
		sbuf_put(out, text.p + done, i - done);
		sbuf_puts(out, "?");
		done = i + 1;
	}
	if (text.len > done)
		sbuf_put(out, text.p + done, text.len - done);
}
