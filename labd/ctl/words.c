#include "labd/ctl/words.h"

#include <ctype.h>
#include <string.h>

#include "base/sbuf.h"

#define SEPARATORS " |[]"

static void add_option(struct words *w, const char *word, size_t len)
{
	if (w->n_options < WORDS_OPTIONS_MAX)
		str_copy_n(w->options[w->n_options++].name, WORDS_LEN, word, len);
}

static void add_choice(struct words *w, const char *word, size_t len, bool alternative)
{
	struct words_place *p;

	if (!alternative || w->n_places == 0) {
		if (w->n_places == WORDS_PLACES_MAX)
			return;
		w->n_places++;
	}
	p = &w->places[w->n_places - 1];
	if (len > 3 && strncmp(word + len - 3, "...", 3) == 0) {
		p->repeats = true;
		len -= 3;
	}
	if (p->n < WORDS_CHOICES_MAX)
		str_copy_n(p->choices[p->n++], WORDS_LEN, word, len);
}

void words_parse(const char *args, struct words *ret)
{
	bool after_option = false; /* with nothing but a blank between */

	memset(ret, 0, sizeof(*ret));
	for (const char *p = args; *p;) {
		size_t len = strcspn(p, SEPARATORS);
		bool alternative = p > args && p[-1] == '|';

		if (len == 0) {
			after_option = after_option && *p == ' ';
			p++;
			continue;
		}
		if (*p == '-' && !(len == 2 && p[1] == '-')) {
			add_option(ret, p, len);
			after_option = true;
		} else if (after_option && isupper((unsigned char)*p)) {
			str_copy_n(ret->options[ret->n_options - 1].value, WORDS_LEN, p, len);
			after_option = false;
		} else if (*p == ':') {
			add_choice(ret, "DEVICE:IF", 9, true);
		} else if (*p != '-') {
			add_choice(ret, p, len, alternative);
			after_option = false;
		}
		p += len;
	}
}

static const struct words_option *find_option(const struct words *w, const char *name)
{
	for (size_t i = 0; i < w->n_options; i++)
		if (strcmp(w->options[i].name, name) == 0)
			return &w->options[i];
	return NULL;
}

static size_t add(const char **out, size_t n, size_t max, const char *word)
{
	if (n < max)
		out[n++] = word;
	return n;
}

size_t words_next(const struct words *w, char *const *given, size_t n_given, bool option,
		  const char **out, size_t max)
{
	const struct words_option *o = NULL;
	const struct words_place *p;
	size_t at = 0, n = 0;

	for (size_t i = 0; i < n_given; i++) {
		if (o && o->value[0]) {
			o = NULL; /* that was its value */
			continue;
		}
		o = find_option(w, given[i]);
		at += !o && strcmp(given[i], "--") != 0;
	}
	if (o && o->value[0])
		return add(out, 0, max, o->value);
	for (size_t i = 0; option && i < w->n_options; i++)
		n = add(out, n, max, w->options[i].name);
	if (w->n_places == 0 || option)
		return n;
	p = &w->places[at < w->n_places ? at : w->n_places - 1];
	for (size_t i = 0; i < p->n && (at < w->n_places || p->repeats); i++)
		n = add(out, n, max, p->choices[i]);
	return n;
}
