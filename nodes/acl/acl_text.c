/* A line of a list, from text and to text: what stands behind "permit" or "deny".
 *
 *   standard   (any | [host] A.B.C.D | A.B.C.D WILDCARD) [log]
 *   extended   PROTOCOL SOURCE [PORTS] DESTINATION [PORTS | ICMP-MESSAGE] [established] [log]
 *
 * Words are read left to right; each reader takes what is its own and leaves the rest. */
#include "acl/acl_int.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/inet.h"

#define IPPROTO_NUM_SCTP 132
#define WORDS_MAX	 32
#define WORD_LEN	 64

struct words {
	char w[WORDS_MAX][WORD_LEN];
	unsigned n, at;
	struct sbuf *err;
};

/* ---- words ---- */

static int split(const char *text, struct words *w)
{
	for (text += strspn(text, " \t\r"); *text; text += strspn(text, " \t\r")) {
		size_t len = strcspn(text, " \t\r");

		if (w->n == WORDS_MAX || !str_copy_n(w->w[w->n], WORD_LEN, text, len)) {
			sbuf_puts(w->err, "the line is longer than any entry");
			return -EINVAL;
		}
		w->n++;
		text += len;
	}
	return 0;
}

static const char *peek(const struct words *w)
{
	return w->at < w->n ? w->w[w->at] : "";
}

/* Takes the next word if it is this one, perhaps cut short after `min` letters. */
static bool take(struct words *w, const char *word, size_t min)
{
	const char *next = peek(w);
	size_t len = strlen(next);

	if (len < min || strncasecmp(next, word, len) != 0)
		return false;
	w->at++;
	return true;
}

/* "expected WHAT, not WORD" */
static int expected(const struct words *w, const char *what)
{
	if (w->at < w->n)
		sbuf_printf(w->err, "expected %s, not '%s'", what, peek(w));
	else
		sbuf_printf(w->err, "the line ends where %s is expected", what);
	return -EINVAL;
}

/* ---- reading ---- */

static bool take_addr(struct words *w, uint32_t *ret)
{
	struct addr a;

	if (addr_parse(peek(w), &a) < 0 || a.family != 4)
		return false;
	*ret = addr4_u32(&a);
	w->at++;
	return true;
}

/* A mask in the place of a wildcard compares just the bits that were not meant. */
static void warn_mask(uint32_t wildcard, struct sbuf *warn)
{
	struct addr mask = addr4_from_u32(wildcard), better = addr4_from_u32(~wildcard);
	char a[ADDR_TEXT_LEN], b[ADDR_TEXT_LEN];
	int plen = addr4_mask_plen(&mask);

	if (warn && warn->len == 0 && plen > 0 && plen < 32)
		sbuf_printf(warn,
			    "%s is a wildcard: its ones are not compared; "
			    "for the hosts of a network write %s",
			    addr_format(&mask, a), addr_format(&better, b));
}

static int read_host(struct words *w, struct acl_match *m)
{
	m->wildcard = 0;
	return take_addr(w, &m->addr) ? 0 : expected(w, "an address");
}

static int read_match(struct words *w, bool bare_host, struct acl_match *m, struct sbuf *warn)
{
	if (take(w, "any", 1)) {
		*m = (struct acl_match){ 0, ACL_WILD_ANY };
		return 0;
	}
	if (take(w, "host", 1))
		return read_host(w, m);
	if (!take_addr(w, &m->addr))
		return expected(w, "any, host or an address");
	if (!take_addr(w, &m->wildcard)) {
		m->wildcard = 0;
		return bare_host ? 0 : expected(w, "a wildcard, as 0.0.0.255");
	}
	warn_mask(m->wildcard, warn);
	m->addr &= ~m->wildcard;
	return 0;
}

static int read_port(struct words *w, uint8_t protocol, uint16_t *ret)
{
	int r = acl_port_parse(protocol, peek(w), ret);

	if (r == -ENOTUNIQ) {
		sbuf_printf(w->err, "'%s' is short for several ports", peek(w));
		return -EINVAL;
	}
	if (r < 0)
		return expected(w, "a port (0-65535 or a name)");
	w->at++;
	return 0;
}

static enum acl_cmp take_cmp(struct words *w)
{
	static const struct {
		const char *word;
		size_t min;
		enum acl_cmp cmp;
	} rows[] = {
		{ "eq", 2, ACL_CMP_EQ }, { "neq", 1, ACL_CMP_NEQ },	{ "lt", 2, ACL_CMP_LT },
		{ "gt", 1, ACL_CMP_GT }, { "range", 1, ACL_CMP_RANGE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (take(w, rows[i].word, rows[i].min))
			return rows[i].cmp;
	return ACL_CMP_NONE;
}

static bool has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_NUM_TCP || protocol == IPPROTO_NUM_UDP ||
	       protocol == IPPROTO_NUM_SCTP;
}

static int read_ports(struct words *w, uint8_t protocol, struct acl_ports *p)
{
	int r;

	p->cmp = take_cmp(w);
	if (p->cmp == ACL_CMP_NONE)
		return 0;
	if (!has_ports(protocol)) {
		sbuf_puts(w->err, "only tcp, udp and sctp have ports");
		return -EINVAL;
	}
	r = read_port(w, protocol, &p->first);
	if (r == 0 && p->cmp == ACL_CMP_RANGE)
		r = read_port(w, protocol, &p->last);
	if (r < 0)
		return r;
	if ((p->cmp == ACL_CMP_RANGE && p->first > p->last) ||
	    (p->cmp == ACL_CMP_LT && p->first == 0) ||
	    (p->cmp == ACL_CMP_GT && p->first == UINT16_MAX)) {
		sbuf_puts(w->err, "no port is in that range");
		return -EINVAL;
	}
	return 0;
}

/* A name, or a type and perhaps a code. Leaves alone what is an option. */
static int read_icmp(struct words *w, struct acl_line *l)
{
	uint64_t code;
	int r = *peek(w) ? acl_icmp_parse(peek(w), &l->icmp_type, &l->icmp_code) : -ENOENT;

	if (r == -ENOTUNIQ) {
		sbuf_printf(w->err, "'%s' is short for several ICMP messages", peek(w));
		return -EINVAL;
	}
	if (r < 0)
		return 0;
	if (peek(w)[strspn(peek(w), "0123456789")] == '\0' && w->at + 1 < w->n &&
	    str_to_u64(w->w[w->at + 1], 255, &code) == 0) {
		l->icmp_code = (int16_t)code;
		w->at++;
	}
	w->at++;
	return 0;
}

static int read_options(struct words *w, struct acl_line *l)
{
	while (w->at < w->n) {
		if (l->protocol == IPPROTO_NUM_TCP && take(w, "established", 2))
			l->established = true;
		else if (take(w, "log", 2) || take(w, "log-input", 4))
			l->log = true;
		else
			return expected(w, l->protocol == IPPROTO_NUM_TCP
						   ? "established, log or the end of the line"
						   : "log or the end of the line");
	}
	return 0;
}

static int read_protocol(struct words *w, uint8_t *ret)
{
	int r = acl_protocol_parse(peek(w), ret);

	if (r == -ENOTUNIQ) {
		sbuf_printf(w->err, "'%s' is short for several protocols", peek(w));
		return -EINVAL;
	}
	if (r < 0)
		return expected(w, "a protocol (ip, icmp, tcp, udp, 0-255, ...)");
	w->at++;
	return 0;
}

static int read_extended(struct words *w, struct acl_line *l, struct sbuf *warn)
{
	int r = read_protocol(w, &l->protocol);

	if (r == 0)
		r = read_match(w, false, &l->src, warn);
	if (r == 0)
		r = read_ports(w, l->protocol, &l->src_ports);
	if (r == 0)
		r = read_match(w, false, &l->dst, warn);
	if (r == 0)
		r = read_ports(w, l->protocol, &l->dst_ports);
	if (r == 0 && l->protocol == IPPROTO_NUM_ICMP)
		r = read_icmp(w, l);
	return r;
}

int acl_line_parse(const char *text, bool extended, struct acl_line *ret, struct sbuf *reterr,
		   struct sbuf *retwarn)
{
	struct words w = { .err = reterr };
	struct acl_line l = { .dst = { 0, ACL_WILD_ANY }, .icmp_type = -1, .icmp_code = -1 };
	int r = split(text, &w);

	if (r == 0)
		r = extended ? read_extended(&w, &l, retwarn)
			     : read_match(&w, true, &l.src, retwarn);
	if (r == 0)
		r = read_options(&w, &l);
	if (r < 0)
		return r;
	l.seq = ret->seq;
	l.id = ret->id;
	l.action = ret->action;
	*ret = l;
	return 0;
}

/* ---- writing ---- */

static void put_addr(uint32_t a, struct sbuf *out)
{
	struct addr addr = addr4_from_u32(a);
	char text[ADDR_TEXT_LEN];

	sbuf_puts(out, addr_format(&addr, text));
}

static void put_match(const struct acl_match *m, const char *host, const char *between,
		      struct sbuf *out)
{
	if (m->wildcard == ACL_WILD_ANY) {
		sbuf_puts(out, " any");
		return;
	}
	sbuf_puts(out, m->wildcard == 0 ? host : " ");
	put_addr(m->addr, out);
	if (m->wildcard == 0)
		return;
	sbuf_puts(out, between);
	put_addr(m->wildcard, out);
}

static void put_port(uint8_t protocol, uint16_t port, struct sbuf *out)
{
	const char *name = acl_port_name(protocol, port);

	if (name)
		sbuf_printf(out, " %s", name);
	else
		sbuf_printf(out, " %u", port);
}

static void put_ports(const struct acl_ports *p, uint8_t protocol, struct sbuf *out)
{
	static const char *const words[] = {
		[ACL_CMP_NONE] = "",  [ACL_CMP_EQ] = " eq", [ACL_CMP_NEQ] = " neq",
		[ACL_CMP_LT] = " lt", [ACL_CMP_GT] = " gt", [ACL_CMP_RANGE] = " range",
	};

	if (p->cmp == ACL_CMP_NONE)
		return;
	sbuf_puts(out, words[p->cmp]);
	put_port(protocol, p->first, out);
	if (p->cmp == ACL_CMP_RANGE)
		put_port(protocol, p->last, out);
}

static void put_icmp(const struct acl_line *l, struct sbuf *out)
{
	const char *name = acl_icmp_name(l->icmp_type, l->icmp_code);

	if (l->icmp_type < 0)
		return;
	if (name)
		sbuf_printf(out, " %s", name);
	else if (l->icmp_code < 0)
		sbuf_printf(out, " %d", l->icmp_type);
	else
		sbuf_printf(out, " %d %d", l->icmp_type, l->icmp_code);
}

static void put_extended(const struct acl_line *l, struct sbuf *out)
{
	const char *name = acl_protocol_name(l->protocol);

	if (name)
		sbuf_printf(out, " %s", name);
	else
		sbuf_printf(out, " %u", l->protocol);
	put_match(&l->src, " host ", " ", out);
	put_ports(&l->src_ports, l->protocol, out);
	put_match(&l->dst, " host ", " ", out);
	put_ports(&l->dst_ports, l->protocol, out);
	put_icmp(l, out);
}

static void put_line(const struct acl_line *l, bool extended, const char *between, struct sbuf *out)
{
	sbuf_puts(out, l->action == ACL_PERMIT ? "permit" : "deny");
	if (extended)
		put_extended(l, out);
	else
		put_match(&l->src, " ", between, out);
	if (l->established)
		sbuf_puts(out, " established");
	if (l->log)
		sbuf_puts(out, " log");
}

void acl_line_print(const struct acl_line *line, bool extended, struct sbuf *out)
{
	put_line(line, extended, " ", out);
}

void acl_line_show(const struct acl_line *line, bool extended, struct sbuf *out)
{
	put_line(line, extended, ", wildcard bits ", out);
}

static bool ports_same(const struct acl_ports *a, const struct acl_ports *b)
{
	return a->cmp == b->cmp && a->first == b->first && a->last == b->last;
}

static bool match_same(const struct acl_match *a, const struct acl_match *b)
{
	return a->addr == b->addr && a->wildcard == b->wildcard;
}

bool acl_line_same(const struct acl_line *a, const struct acl_line *b)
{
	return a->action == b->action && a->protocol == b->protocol &&
	       match_same(&a->src, &b->src) && match_same(&a->dst, &b->dst) &&
	       ports_same(&a->src_ports, &b->src_ports) &&
	       ports_same(&a->dst_ports, &b->dst_ports) && a->icmp_type == b->icmp_type &&
	       a->icmp_code == b->icmp_code && a->established == b->established && a->log == b->log;
}
