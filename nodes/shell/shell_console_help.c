/* `?` and Tab at a console: what may follow, by the grammar. */
#include "shell_console.h"

#include <string.h>

#include "base/grammar.h"

static void partial_line(EditLine *el, char *out, size_t size)
{
	const LineInfo *li = el_line(el);

	str_copy_n(out, size, li->buffer, (size_t)(li->cursor - li->buffer));
}

static void show_item(void *arg, const char *word, const char *help)
{
	struct sbuf *out = arg;

	sbuf_printf(out, "  %-24s %s\n", word, help ? help : "");
}

static void help(struct console *c, const char *partial)
{
	struct sbuf out = SBUF(65536);
	int n = grammar_help(c->node->conf->grammar, session_mode(&c->session), partial,
			     &c->node->dev, show_item, &out);

	if (n <= 0)
		sbuf_puts(&out, "% Nothing is known here\n");
	console_put(c, "\n", 1);
	console_put(c, sbuf_text(&out), out.len);
	sbuf_done(&out);
}

unsigned char console_help_key(EditLine *el, int key)
{
	char partial[LINE_MAX_LEN];

	(void)key;
	if (console_of(el)->asking) {
		el_insertstr(el, "?");
		return CC_REFRESH;
	}
	partial_line(el, partial, sizeof(partial));
	console_put(console_of(el), "?", 1);
	help(console_of(el), partial);
	return CC_REDISPLAY;
}

struct completion {
	char word[128];
	unsigned n;
	struct sbuf all;
};

static void take_completion(void *arg, const char *word, const char *text)
{
	struct completion *x = arg;
	size_t same = 0;

	sbuf_printf(&x->all, "%s  ", word);
	(void)text;
	if (x->n++ == 0) {
		str_copy(x->word, sizeof(x->word), word);
		return;
	}
	while (x->word[same] && x->word[same] == word[same])
		same++;
	x->word[same] = '\0';
}

unsigned char console_tab_key(EditLine *el, int key)
{
	struct console *c = console_of(el);
	struct completion x = { .all = SBUF(16384) };
	char partial[LINE_MAX_LEN];
	const char *last;
	size_t typed;
	unsigned char result = CC_REFRESH;

	(void)key;
	if (c->asking)
		return CC_NORM;
	partial_line(el, partial, sizeof(partial));
	last = strrchr(partial, ' ');
	typed = strlen(last ? last + 1 : partial);
	grammar_complete(c->node->conf->grammar, session_mode(&c->session), partial, &c->node->dev,
			 take_completion, &x);
	if (x.n > 0 && strlen(x.word) > typed) {
		el_insertstr(el, x.word + typed);
		if (x.n == 1)
			el_insertstr(el, " ");
	} else if (x.n > 1) {
		console_put(c, "\n", 1);
		console_put(c, sbuf_text(&x.all), x.all.len);
		console_put(c, "\n", 1);
		result = CC_REDISPLAY;
	}
	sbuf_done(&x.all);
	return result;
}

/* Not where lines are read from a file or a pipe: who wrote those waits for answers only. */
