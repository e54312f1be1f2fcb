/* words.h: what may stand behind a command, read from its row in the table of commands. Pure.
 *
 *   "FILE|NAME [--wait]"    one word, of two kinds; an option
 *   "[-w FILE] LINK up|down"   an option with a value; a word; one of two words
 *
 * Words in capitals are kinds, others stand for themselves. "..." repeats the word to the end. */
#ifndef LABD_CTL_WORDS_H
#define LABD_CTL_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define WORDS_PLACES_MAX  8
#define WORDS_CHOICES_MAX 8
#define WORDS_OPTIONS_MAX 16
#define WORDS_LEN	  24

struct words_place {
	char choices[WORDS_CHOICES_MAX][WORDS_LEN]; /* "FILE", "NAME" */
	size_t n;
	bool repeats;
};

struct words_option {
	char name[WORDS_LEN];
	char value[WORDS_LEN]; /* "FILE", or "" */
};

struct words {
	struct words_place places[WORDS_PLACES_MAX];
	size_t n_places;
	struct words_option options[WORDS_OPTIONS_MAX];
	size_t n_options;
};

void words_parse(const char *args, struct words *ret);
/* What may stand at the end of these words (without the command's own): the choices into `out`, at
 * most `max`; when `option`, the names of options instead; the count. */
size_t words_next(const struct words *w, char *const *given, size_t n_given, bool option,
		  const char **out, size_t max);

#endif
