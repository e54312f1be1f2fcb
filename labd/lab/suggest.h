/* suggest.h: "did you mean?". The candidate nearest to a mistyped word, at most two slips away
 * (insert, delete, replace, swap neighbours: optimal string alignment), without regard to case.
 * Words of three letters or fewer allow one slip, or everything would be near. Ties: the first. */
#ifndef LABD_LAB_SUGGEST_H
#define LABD_LAB_SUGGEST_H

struct suggest {
	const char *word;
	const char *best; /* NULL: nothing is near; else the candidate as it was offered */
	unsigned int distance;
};

struct suggest suggest_for(const char *word);
void suggest_offer(struct suggest *s, const char *candidate);

#endif
