#include "labd/lab/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { WORD_MAX = 64, SLIPS_MAX = 2, SHORT_WORD = 3 };

static unsigned int smaller(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static bool same(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Three rows of the usual table are enough: a swap looks two rows back. */
static unsigned int distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned int rows[3][WORD_MAX + 1];

	for (unsigned int j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (unsigned int i = 1; i <= a_len; i++) {
		unsigned int *now = rows[i % 3];
		const unsigned int *prev = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

		now[0] = i;
		for (unsigned int j = 1; j <= b_len; j++) {
			now[j] = smaller(smaller(prev[j], now[j - 1]) + 1,
					 prev[j - 1] + !same(a[i - 1], b[j - 1]));
			if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
				now[j] = smaller(now[j], before[j - 2] + 1);
		}
	}
	return rows[a_len % 3][b_len];
}

struct suggest suggest_for(const char *word)
{
	unsigned int slips = strlen(word) <= SHORT_WORD ? 1 : SLIPS_MAX;

	return (struct suggest){ .word = word, .distance = slips + 1 };
}

void suggest_offer(struct suggest *s, const char *candidate)
{
	size_t a_len = strlen(s->word), b_len = strlen(candidate);
	unsigned int d;

	if (a_len > WORD_MAX || b_len > WORD_MAX || a_len == 0)
		return;
	if ((a_len > b_len ? a_len - b_len : b_len - a_len) >= s->distance)
		return;
	d = distance(s->word, a_len, candidate, b_len);
	if (d >= s->distance || d >= a_len)
		return;
	s->distance = d;
	s->best = candidate;
}
