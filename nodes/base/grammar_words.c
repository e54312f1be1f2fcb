#include "base/grammar_pattern.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/sbuf.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The offset after the closing quote of the word that opens at `at`, or 0 when there is none. */
static size_t quote_end(const char *line, size_t at)
{
	for (size_t i = at + 1; line[i]; i++) {
		if (line[i] == '\\' && (line[i + 1] == '"' || line[i + 1] == '\\'))
			i++;
		else if (line[i] == '"')
			return line[i + 1] == '\0' || is_blank(line[i + 1]) ? i + 1 : 0;
	}
	return 0;
}

/* Copies the inside of a quoted word. */
static void unquote(const char *line, size_t from, size_t to, char **out)
{
	for (size_t i = from; i < to; i++) {
		if (line[i] == '\\' && (line[i + 1] == '"' || line[i + 1] == '\\'))
			i++;
		*(*out)++ = line[i];
	}
}

static size_t take_word(const char *line, size_t at, struct word *w, char **out)
{
	size_t end = line[at] == '"' ? quote_end(line, at) : 0;

	*w = (struct word){
		.start = at, .column = (unsigned)at + 1, .text = *out, .quoted = end != 0
	};
	if (w->quoted) {
		unquote(line, at + 1, end - 1, out);
	} else {
		for (end = at; line[end] && !is_blank(line[end]); end++)
			*(*out)++ = line[end];
	}
	*(*out)++ = '\0';
	return end;
}

int words_split(const char *line, struct words *ret)
{
	size_t len = strnlen(line, LINE_MAX_LEN + 1);
	char *out = ret->store;
	size_t at = 0;

	if (len > LINE_MAX_LEN)
		return -E2BIG;
	while (len > 0 && is_blank(line[len - 1]))
		len--;
	ret->n = 0;
	ret->line = line;
	ret->line_len = len;
	for (;;) {
		while (at < len && is_blank(line[at]))
			at++;
		if (at >= len)
			return 0;
		if (ret->n == GRAMMAR_WORDS_MAX)
			return -E2BIG;
		at = take_word(line, at, &ret->w[ret->n++], &out);
	}
}

static bool is_prefix_text(const char *text, uint8_t family, struct addr *ret, uint8_t *ret_plen)
{
	const char *slash = strchr(text, '/');
	char head[ADDR_TEXT_LEN];
	struct addr a;
	uint64_t plen;

	if (!slash || !str_copy_n(head, sizeof(head), text, (size_t)(slash - text)) ||
	    addr_parse(head, &a) < 0 || a.family != family ||
	    str_to_u64(slash + 1, family == 4 ? 32 : 128, &plen) < 0)
		return false;
	*ret = a;
	*ret_plen = (uint8_t)plen;
	return true;
}

static bool is_addr_text(const char *text, uint8_t family, struct addr *ret)
{
	struct addr a;

	if (addr_parse(text, &a) < 0 || (family && a.family != family))
		return false;
	*ret = a;
	return true;
}

static bool is_host_text(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-_.:");

	return len > 0 && len < 256 && text[len] == '\0';
}

/* The interface name that starts at this word: one word, or a family word and numbers ("Gig 0/0").
 * Returns how many words it covers, 0 = none. */
static unsigned ifname_at(const struct lookup *l, unsigned word, struct ifname *ret)
{
	const struct word *w = &l->words.w[word];
	char joined[IFNAME_DISPLAY_MAX];
	const char *why;

	if (word + 1 < l->words.n && isdigit((unsigned char)w[1].text[0]) && !w[0].quoted) {
		bool alpha = true;

		for (const char *p = w[0].text; *p; p++)
			alpha &= isalpha((unsigned char)*p) != 0;
		if (alpha && strlen(w[0].text) + strlen(w[1].text) < sizeof(joined)) {
			str_copy(joined, sizeof(joined), w[0].text);
			str_copy(joined + strlen(joined), sizeof(joined) - strlen(joined),
				 w[1].text);
			if (ifname_parse(joined, ret, &why) == 0 && ret->family != IF_OTHER)
				return 2;
		}
	}
	return ifname_parse(w[0].text, ret, &why) == 0 ? 1 : 0;
}

static enum fit typed_fit(const struct lookup *l, const struct element *e, unsigned word,
			  unsigned *ret_span)
{
	const char *text = l->words.w[word].text;
	struct ifname ifname;
	struct addr a;
	struct mac m;
	uint64_t number;
	uint8_t plen;

	switch (e->typed) {
	case T_WORD:
		return FIT_WIDE;
	case T_LINE:
		*ret_span = l->words.n - word;
		return FIT_WIDE;
	case T_HOST:
		return is_host_text(text) ? FIT_WIDE : FIT_NONE;
	case T_ADDR4:
		return is_addr_text(text, 4, &a) ? FIT_NARROW : FIT_NONE;
	case T_ADDR6:
		return is_addr_text(text, 6, &a) ? FIT_NARROW : FIT_NONE;
	case T_IP:
		return is_addr_text(text, 0, &a) ? FIT_NARROW : FIT_NONE;
	case T_PREFIX4:
		return is_prefix_text(text, 4, &a, &plen) ? FIT_NARROW : FIT_NONE;
	case T_PREFIX6:
		return is_prefix_text(text, 6, &a, &plen) ? FIT_NARROW : FIT_NONE;
	case T_MAC:
		return mac_parse(text, &m) == 0 ? FIT_NARROW : FIT_NONE;
	case T_IFNAME:
		*ret_span = ifname_at(l, word, &ifname);
		return *ret_span ? FIT_WIDE : FIT_NONE;
	case T_NUMBER:
		return str_to_u64(text, (uint64_t)e->max, &number) == 0 &&
				       number >= (uint64_t)e->min
			       ? FIT_NARROW
			       : FIT_NONE;
	}
	return FIT_NONE;
}

static enum fit literal_fit(const struct word *w, const char *literal)
{
	size_t len;

	if (tolower((unsigned char)w->text[0]) != tolower((unsigned char)literal[0]) || w->quoted)
		return FIT_NONE;
	len = strlen(w->text);
	if (strncasecmp(w->text, literal, len) != 0)
		return FIT_NONE;
	return literal[len] == '\0' ? FIT_EXACT : FIT_PREFIX;
}

const char *element_literal(const struct element *e, unsigned option)
{
	if (e->kind == E_LITERAL)
		return option == 0 ? e->text : NULL;
	return e->kind == E_CHOICE ? e->choices[option] : NULL;
}

enum fit element_fit(const struct lookup *l, const struct element *e, unsigned option,
		     unsigned word, unsigned *ret_span)
{
	const char *literal = element_literal(e, option);

	*ret_span = 1;
	if (literal)
		return literal_fit(&l->words.w[word], literal);
	return e->kind == E_TYPED ? typed_fit(l, e, word, ret_span) : FIT_NONE;
}

static const char *store_text(char **store, const char *text, size_t len)
{
	char *at = *store;

	memcpy(at, text, len);
	at[len] = '\0';
	*store += len + 1;
	return at;
}

/* LINE: as typed from its first word on, unless all of it is one quoted word. */
static void fill_line(const struct words *w, const struct state *s, struct arg *arg, char **store)
{
	const struct word *first = &w->w[s->word];

	arg->type = ARG_LINE;
	if (s->span == 1 && first->quoted)
		arg->text = store_text(store, first->text, strlen(first->text));
	else
		arg->text = store_text(store, w->line + first->start, w->line_len - first->start);
}

static void fill_ifname(const struct lookup *l, const struct state *s, struct arg *arg,
			char **store)
{
	char display[IFNAME_DISPLAY_MAX];
	struct ifname name;

	arg->type = ARG_IFNAME;
	if (!ifname_at(l, s->word, &name))
		return;
	if (l->dev && l->g->ifaces.find)
		arg->ifid = l->g->ifaces.find(l->dev, name.display, display);
	if (arg->ifid)
		arg->text = store_text(store, display, strlen(display));
	else
		arg->text = store_text(store, name.display, strlen(name.display));
}

static void fill_typed(const struct element *e, struct arg *arg)
{
	uint64_t number = 0;

	switch (e->typed) {
	case T_WORD:
		arg->type = ARG_WORD;
		break;
	case T_ADDR4:
	case T_ADDR6:
	case T_IP:
		arg->type = ARG_ADDR;
		addr_parse(arg->text, &arg->addr);
		break;
	case T_PREFIX4:
	case T_PREFIX6:
		arg->type = ARG_PREFIX;
		is_prefix_text(arg->text, e->typed == T_PREFIX4 ? 4 : 6, &arg->addr, &arg->plen);
		break;
	case T_MAC:
		arg->type = ARG_MAC;
		mac_parse(arg->text, &arg->mac);
		break;
	case T_HOST:
		arg->type = ARG_HOST;
		addr_parse(arg->text, &arg->addr);
		break;
	case T_NUMBER:
		arg->type = ARG_NUMBER;
		str_to_u64(arg->text, INT64_MAX, &number);
		arg->number = (int64_t)number;
		break;
	case T_LINE:
	case T_IFNAME:
		break; /* filled apart: they cover several words */
	}
}

void arg_fill(const struct lookup *l, const struct state *s, struct arg *arg, char **store)
{
	const struct element *e = &s->row->elements[s->element];
	const char *text = l->words.w[s->word].text;

	if (e->kind == E_CHOICE) {
		arg->type = ARG_CHOICE;
		arg->number = s->choice;
		arg->text = e->choices[s->choice];
	} else if (e->typed == T_LINE) {
		fill_line(&l->words, s, arg, store);
	} else if (e->typed == T_IFNAME) {
		fill_ifname(l, s, arg, store);
	} else {
		arg->text = store_text(store, text, strlen(text));
		fill_typed(e, arg);
	}
}
