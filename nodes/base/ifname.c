#include "base/ifname.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
	NUMBER_MAX = 4095, /* a VLAN id is the largest number people write */
	WORD_MAX = 24,	   /* longer than the longest family word */
};

struct family {
	enum if_family family;
	const char *word;    /* in full: what a spelling must be the beginning of */
	const char *display; /* before the numbers */
	const char *kernel;
	uint8_t min_len; /* shortest spelling: what keeps two families apart */
	bool physical;
};

// clang-format off
static const struct family families[] = {
	{ IF_PORT,       "port",               "",                   "p",    1, true  },
	{ IF_ETHERNET,   "ethernet",           "Ethernet",           "et",   1, true  },
	{ IF_FAST,       "fastethernet",       "FastEthernet",       "fa",   1, true  },
	{ IF_GIGABIT,    "gigabitethernet",    "GigabitEthernet",    "gi",   1, true  },
	{ IF_TENGIGABIT, "tengigabitethernet", "TenGigabitEthernet", "te",   2, true  },
	{ IF_SERIAL,     "serial",             "Serial",             "se",   1, true  },
	{ IF_LOOPBACK,   "loopback",           "Loopback",           "lo",   2, false },
	{ IF_VLAN,       "vlan",               "Vlan",               "vlan", 1, false },
	{ IF_TUNNEL,     "tunnel",             "Tunnel",             "tun",  2, false },
};
// clang-format on

static const char plain_ethernet[] = "eth"; /* Ethernet0 is the eth0 that Linux knows */

static const struct family *family_by_word(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (len >= families[i].min_len && len <= strlen(families[i].word) &&
		    strncasecmp(families[i].word, word, len) == 0)
			return &families[i];
	return NULL;
}

static const struct family *family_by_id(enum if_family id)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].family == id)
			return &families[i];
	return NULL;
}

/* Reads a decimal number of at most NUMBER_MAX; false leaves *at where it was. */
static bool take_number(const char **at, uint16_t *ret)
{
	const char *p = *at;
	uint32_t value = 0;

	if (!isdigit((unsigned char)*p))
		return false;
	for (; isdigit((unsigned char)*p); p++) {
		value = value * 10 + (uint32_t)(*p - '0');
		if (value > NUMBER_MAX)
			return false;
	}
	*at = p;
	*ret = (uint16_t)value;
	return true;
}

/* slot[/subslot[/port]][.sub] to the end of the text. The kernel spelling uses '-' for '/'. */
static bool take_numbers(const char *p, struct ifname *name)
{
	uint16_t sub;

	name->n_numbers = 0;
	name->sub = -1;
	do {
		if (name->n_numbers == IFNAME_NUMBERS_MAX ||
		    !take_number(&p, &name->number[name->n_numbers]))
			return false;
		name->n_numbers++;
	} while ((*p == '/' || *p == '-') && *++p);
	if (*p == '.') {
		p++;
		if (!take_number(&p, &sub))
			return false;
		name->sub = sub;
	}
	return *p == '\0' && p[-1] != '/' && p[-1] != '-';
}

/* Writes |prefix| and the numbers; false when that does not fit. */
static bool put_name(const struct ifname *name, const char *prefix, char separator, char *buf,
		     size_t size)
{
	char text[IFNAME_DISPLAY_MAX + 8];
	int len = snprintf(text, sizeof(text), "%s%u", prefix, name->number[0]);

	for (unsigned int i = 1; i < name->n_numbers; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "%c%u", separator,
				name->number[i]);
	if (name->sub >= 0)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ".%d", name->sub);
	if ((size_t)len >= size)
		return false;
	memcpy(buf, text, (size_t)len + 1);
	return true;
}

static int family_name(const struct family *family, struct ifname *name, const char **reterr)
{
	const char *display = family->display;
	const char *kernel = family->kernel;

	if (family->family == IF_PORT && (name->n_numbers > 1 || name->sub >= 0)) {
		*reterr = "a port has one number, such as 1";
		return -EINVAL;
	}
	if (family->family == IF_ETHERNET && name->n_numbers == 1)
		display = kernel = plain_ethernet;
	name->family = family->family;
	if (!put_name(name, display, '/', name->display, sizeof(name->display)) ||
	    !put_name(name, kernel, '-', name->kernel, sizeof(name->kernel))) {
		*reterr = "too long: the kernel allows 15 bytes";
		return -EINVAL;
	}
	return 0;
}

/* The names that mean something else to the kernel: its loopback and two sysctl folders. */
static bool is_reserved(const char *text)
{
	return strcmp(text, "lo") == 0 || strcmp(text, "all") == 0 || strcmp(text, "default") == 0;
}

static int other_name(const char *text, struct ifname *name, const char **reterr)
{
	size_t len = strlen(text);

	if (!isalpha((unsigned char)text[0])) {
		*reterr = "an interface is a word and numbers, such as eth0 or gi0/0, or a port "
			  "number";
		return -EINVAL;
	}
	if (text[strspn(text,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")]) {
		*reterr = "letters, digits, '_', '.' and '-' may be used, and '/' between the "
			  "numbers of a known word such as gi0/0";
		return -EINVAL;
	}
	if (len >= IFNAME_KERNEL_MAX) {
		*reterr = "too long: the kernel allows 15 bytes";
		return -EINVAL;
	}
	if (is_reserved(text)) {
		*reterr = "the kernel keeps this name for itself";
		return -EINVAL;
	}
	name->family = IF_OTHER;
	name->n_numbers = 0;
	name->sub = -1;
	memcpy(name->kernel, text, len + 1);
	memcpy(name->display, text, len + 1);
	return 0;
}

int ifname_parse(const char *text, struct ifname *ret, const char **reterr)
{
	const struct family *family = NULL;
	struct ifname name = { .sub = -1 };
	size_t len = 0;
	const char *p;
	int r;

	while (len < WORD_MAX && isalpha((unsigned char)text[len]))
		len++;
	p = text + len;
	if (len == 0 && isdigit((unsigned char)*text))
		family = family_by_id(IF_PORT);
	else if (len == strlen(plain_ethernet) && strncasecmp(text, plain_ethernet, len) == 0)
		family = family_by_id(IF_ETHERNET);
	else if (len > 0)
		family = family_by_word(text, len);
	while (family && (*p == ' ' || *p == '\t'))
		p++;
	if (family && take_numbers(p, &name))
		r = family_name(family, &name, reterr);
	else
		r = other_name(text, &name, reterr);
	if (r == 0)
		*ret = name;
	return r;
}

bool ifname_equal(const struct ifname *a, const struct ifname *b)
{
	return strcmp(a->kernel, b->kernel) == 0;
}

bool ifname_is_physical(const struct ifname *name)
{
	const struct family *family = family_by_id(name->family);

	return name->sub < 0 && (!family || family->physical);
}
