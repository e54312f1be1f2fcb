/* dns_name.h: domain names as they are on the wire.
 *
 * A struct dns_name holds a whole name without compression: labels, each behind its length, and the
 * zero that is the root (RFC 1035 §3.1). `len` counts all of it, so the root has 1 and the longest
 * name 255. A name keeps its spelling; comparisons and hashes ignore the case of ASCII letters
 * (RFC 4343). Names are values: no allocation, nothing to free.
 *
 * Text is absolute whether or not it ends in a period; dns_name_parse_in() makes the difference.
 * Octets outside the printable ones are written \DDD, as in zone files.
 * Errors: -EINVAL with a constant sentence; from the wire -EBADMSG with a constant reason. */
#ifndef LABD_DNS_NAME_H
#define LABD_DNS_NAME_H

#include "base/types.h"

struct rd;

#define DNS_NAME_MAX  255
#define DNS_LABEL_MAX 63
#define DNS_TEXT_LEN  1024 /* any name in text, with the final zero */

struct dns_name {
	uint8_t len;
	uint8_t b[DNS_NAME_MAX];
};

extern const struct dns_name dns_root;

int dns_name_parse(const char *text, struct dns_name *ret, const char **reterr);
/* Relative text is completed with |origin|; "@" is the origin; a final period makes it absolute. */
int dns_name_parse_in(const char *text, const struct dns_name *origin, struct dns_name *ret,
		      const char **reterr);
/* Does the text end in a period that is not escaped? */
bool dns_text_is_absolute(const char *text);
/* Labels of the name, the root not counted. */
unsigned dns_name_labels(const struct dns_name *n);
/* n.suffix; -EINVAL when that is longer than 255 octets. */
int dns_name_append(struct dns_name *n, const struct dns_name *suffix);
/* Without the final period; the root is ".". */
const char *dns_name_text(const struct dns_name *n, char out[static DNS_TEXT_LEN]);
bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);
bool dns_name_same_case(const struct dns_name *a, const struct dns_name *b);
/* Is |n| at or below |zone|? */
bool dns_name_in(const struct dns_name *n, const struct dns_name *zone);
bool dns_name_is_root(const struct dns_name *n);
/* The name above; false (and *ret untouched) for the root. |ret| may be |n|. */
bool dns_name_parent(const struct dns_name *n, struct dns_name *ret);
/* Copies from wire octets that are known to be a whole name. */
void dns_name_copy(struct dns_name *out, const uint8_t *wire, size_t len);
uint64_t dns_name_hash(uint64_t seed, const struct dns_name *n);
/* d.c.b.a.in-addr.arpa or the nibbles of ip6.arpa (RFC 1035 §3.5, RFC 3596 §2.5). */
void dns_name_reverse(const struct addr *a, struct dns_name *ret);

/* Reads a name that may be compressed; the cursor's start must be the message's. A pointer may
 * only point before the label run it ends (RFC 1035 §4.1.4 "a prior occurrence"), so every chain
 * of pointers ends. 0, or -EBADMSG with *ret_why; *ret is scratch until then. */
int dns_name_read(struct rd *r, struct dns_name *ret, const char **ret_why);

#endif
