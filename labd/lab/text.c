/* Where the n-th character of a text stands in the file it was written in. */
#include <string.h>

#include "labd/lab/lab.h"
#include "labd/lab/utf8.h"

/* The byte of a 1-based place in a text, at most its end. */
static size_t place_to_byte(const char *text, size_t len, uint32_t line, uint32_t col)
{
	struct lab_source source = { "", text, len };
	size_t start, end;

	if (!source_line(&source, line, &start, &end))
		return len;
	return start + utf8_offset(text + start, end - start, col > 0 ? col - 1 : 0);
}

/* The length of the word at |col|: what a caret line should underline. */
static uint32_t word_length(const struct lab_text *text, uint32_t line, uint32_t col)
{
	size_t at = place_to_byte(text->text, text->len, line, col);

	return utf8_count(text->text + at, strcspn(text->text + at, " \t\r\n"));
}

/* The byte where the text itself begins: an anchor or a tag may stand before it, and with a block
 * even on a line of its own. */
static size_t skip_properties(const struct lab_source *source, size_t i)
{
	const char *text = source->text;

	while (i < source->len && strchr("&! \t\r\n#", text[i])) {
		if (text[i] == '&' || text[i] == '!')
			i += strcspn(text + i, " \t\r\n");
		else if (text[i] == '#')
			i += strcspn(text + i, "\n");
		else
			i++;
	}
	return i;
}

/* The line of the `|`. */
static uint32_t block_header_line(const struct lab_text *text)
{
	const struct lab_source *source = text->pos.source;
	size_t from = place_to_byte(source->text, source->len, text->pos.line, text->pos.col);
	size_t to = skip_properties(source, from);
	uint32_t line = text->pos.line;

	for (size_t i = from; i < to; i++)
		line += source->text[i] == '\n';
	return line;
}

/* The indentation is what the file's line has more than the text's. */
static uint32_t block_indent(const struct lab_text *text, uint32_t text_line, uint32_t file_line)
{
	struct lab_source inner = { "", text->text, text->len };
	size_t start, end, inner_start, inner_end;

	if (!source_line(text->pos.source, file_line, &start, &end) ||
	    !source_line(&inner, text_line, &inner_start, &inner_end) ||
	    end - start < inner_end - inner_start)
		return 0;
	return (uint32_t)((end - start) - (inner_end - inner_start));
}

static struct lab_pos block_at(const struct lab_text *text, uint32_t line, uint32_t col)
{
	struct lab_pos pos = text->pos;

	pos.line = block_header_line(text) + line;
	pos.col = col + block_indent(text, line, pos.line);
	return pos;
}

/* How many bytes of the file one escape sequence takes (YAML 1.2, 5.7). */
static size_t escape_length(char letter)
{
	switch (letter) {
	case 'x':
		return 2 + 2;
	case 'u':
		return 2 + 4;
	case 'U':
		return 2 + 8;
	default:
		return 2;
	}
}

/* The bytes of the file that make one character of the text. */
static size_t written_length(const struct lab_text *text, const char *p, size_t left)
{
	size_t len;

	if (text->style == LAB_TEXT_DOUBLE && *p == '\\' && left > 1)
		len = escape_length(p[1]);
	else if (text->style == LAB_TEXT_SINGLE && *p == '\'' && left > 1)
		len = 2; /* '' */
	else
		len = utf8_step(p, left);
	return len < left ? len : left;
}

/* Quoted and plain texts on one line: walks both, character by character. One that goes over
 * several lines is folded by YAML's rules; then the place is where it begins. */
static struct lab_pos inline_at(const struct lab_text *text, uint32_t line, uint32_t col)
{
	const struct lab_source *source = text->pos.source;
	size_t target = place_to_byte(text->text, text->len, line, col);
	struct lab_pos pos = text->pos;
	size_t start, end, at;

	if (!source_line(source, pos.line, &start, &end))
		return pos;
	at = start + utf8_offset(source->text + start, end - start, pos.col - 1);
	at = skip_properties(source, at);
	if (text->style != LAB_TEXT_PLAIN)
		at++; /* the opening quote */
	for (size_t done = 0; done < target && at < end;) {
		at += written_length(text, source->text + at, end - at);
		done += utf8_step(text->text + done, text->len - done);
	}
	pos.col = 1 + utf8_count(source->text + start, at < end ? at - start : end - start);
	return pos;
}

static bool is_folded(const struct lab_text *text)
{
	return text->style != LAB_TEXT_BLOCK && text->pos.len == UINT32_MAX;
}

struct lab_pos lab_text_at(const struct lab_text *text, uint32_t line, uint32_t col)
{
	struct lab_pos pos = text->pos;

	if (!text->text || !pos.source || line == 0 || is_folded(text))
		return pos;
	switch (text->style) {
	case LAB_TEXT_FILE:
		pos.line = line;
		pos.col = col;
		break;
	case LAB_TEXT_BLOCK:
		pos = block_at(text, line, col);
		break;
	case LAB_TEXT_DOUBLE:
	case LAB_TEXT_SINGLE:
	case LAB_TEXT_PLAIN:
		pos = inline_at(text, line, col);
		break;
	}
	pos.len = word_length(text, line, col);
	return pos;
}
