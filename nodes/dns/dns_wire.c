#include "dns/dns_wire.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- reading --- */

int dns_msg_header(const void *data, size_t len, struct dns_msg *ret)
{
	struct rd r;

	if (len < DNS_HEADER_LEN)
		return -EBADMSG;
	rd_init(&r, data, len);
	ret->data = data;
	ret->len = len;
	ret->id = rd_u16(&r);
	ret->flags = rd_u16(&r);
	ret->n_question = rd_u16(&r);
	for (int i = 0; i < DNS_N_SECTIONS; i++)
		ret->n_rr[i] = rd_u16(&r);
	ret->edns = (struct dns_edns){ 0 };
	ret->q.name.len = 0; /* equal to no name */
	ret->q.type = ret->q.class = 0;
	ret->rrs_pos = DNS_HEADER_LEN;
	return 0;
}

static int read_question(struct rd *r, struct dns_question *q, const char **ret_why)
{
	int err = dns_name_read(r, &q->name, ret_why);

	if (err)
		return err;
	q->type = rd_u16(r);
	q->class = rd_u16(r);
	*ret_why = "a question beyond the end of the packet";
	return r->err ? -EBADMSG : 0;
}

static int read_rr(struct rd *r, struct dns_rr *rr, const char **ret_why)
{
	int err;

	rr->pos = rd_pos(r);
	err = dns_name_read(r, &rr->owner, ret_why);
	if (err)
		return err;
	rr->type = rd_u16(r);
	rr->class = rd_u16(r);
	rr->ttl = rd_u32(r);
	rr->rdlength = rd_u16(r);
	rr->rdata_pos = rd_pos(r);
	*ret_why = "counts beyond the end of the packet";
	if (r->err)
		return -EBADMSG;
	if (rr->type != DNS_OPT && rr->ttl > INT32_MAX) /* RFC 2181 §8 */
		rr->ttl = 0;
	return 0;
}

/* RFC 6891 §6.1: at most one OPT, in the additional section, owned by the root. */
static int note_opt(struct dns_msg *m, const struct dns_rr *rr, const char **ret_why)
{
	if (m->edns.present) {
		*ret_why = "a second OPT record";
		return -EBADMSG;
	}
	if (rr->section != DNS_ADDITIONAL || !dns_name_is_root(&rr->owner)) {
		*ret_why = "an OPT record out of place";
		return -EBADMSG;
	}
	m->edns = (struct dns_edns){ .present = true,
				     .udp_size = rr->class,
				     .ext_rcode = (uint8_t)(rr->ttl >> 24),
				     .version = (uint8_t)(rr->ttl >> 16) };
	return 0;
}

/* Deletions and prerequisites of an update have no data (RFC 2136 §2.4, §2.5). */
static bool has_data(const struct dns_rr *rr)
{
	return rr->rdlength > 0 || (rr->class != DNS_CLASS_ANY && rr->class != DNS_CLASS_NONE);
}

/* Options are code, length, data, to the end of the record (RFC 6891 §6.1.2). */
static int check_options(struct rd r, uint16_t rdlength, const char **ret_why)
{
	struct rd options = rd_sub(&r, rdlength);

	while (rd_left(&options)) {
		rd_skip(&options, 2);
		rd_skip(&options, rd_u16(&options));
	}
	*ret_why = "an EDNS option beyond its record";
	return options.err ? -EBADMSG : 0;
}

static int check_rr(struct dns_msg *m, struct rd *r, struct dns_rr *rr, const char **ret_why)
{
	int err = read_rr(r, rr, ret_why);

	if (!err && rr->type == DNS_OPT)
		err = note_opt(m, rr, ret_why);
	if (!err && rr->type == DNS_OPT)
		err = check_options(*r, rr->rdlength, ret_why);
	if (!err && has_data(rr))
		err = dns_rdata_read(r, rr->type, rr->rdlength, NULL, ret_why);
	return err;
}

int dns_msg_read(struct dns_msg *m, const char **ret_why)
{
	struct dns_question more;
	struct dns_rr rr;
	struct rd r;
	int err = 0;

	rd_init(&r, m->data, m->len);
	rd_seek(&r, DNS_HEADER_LEN);
	for (unsigned i = 0; i < m->n_question && !err; i++)
		err = read_question(&r, i ? &more : &m->q, ret_why);
	if (err)
		return err;
	m->rrs_pos = rd_pos(&r);
	for (unsigned s = 0; s < DNS_N_SECTIONS; s++) {
		rr.section = s;
		for (unsigned i = 0; i < m->n_rr[s] && !err; i++)
			err = check_rr(m, &r, &rr, ret_why);
	}
	return err;
}

void dns_rrs(const struct dns_msg *m, struct dns_rrs *ret)
{
	ret->m = m;
	rd_init(&ret->r, m->data, m->len);
	rd_seek(&ret->r, m->rrs_pos);
	ret->section = DNS_ANSWER;
	ret->left = m->n_rr[DNS_ANSWER];
}

bool dns_rr_next(struct dns_rrs *it, struct dns_rr *ret)
{
	const char *why;

	while (!it->left) {
		if (++it->section >= DNS_N_SECTIONS)
			return false;
		it->left = it->m->n_rr[it->section];
	}
	it->left--;
	ret->section = it->section;
	if (read_rr(&it->r, ret, &why))
		return false;
	rd_skip(&it->r, ret->rdlength);
	return !it->r.err;
}

int dns_rr_data(const struct dns_msg *m, const struct dns_rr *rr, struct dns_rdata *ret)
{
	const char *why;
	struct rd r;
	struct wr w;
	int err;

	rd_init(&r, m->data, m->len);
	rd_seek(&r, rr->rdata_pos);
	wr_init(&w, ret->b, sizeof(ret->b));
	err = dns_rdata_read(&r, rr->type, rr->rdlength, &w, &why);
	ret->len = (uint16_t)wr_len(&w);
	return err;
}

const char *dns_rcode_text(unsigned rcode, char buf[static 12])
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
					     "NOTIMP",	"REFUSED", "YXDOMAIN", "YXRRSET",
					     "NXRRSET", "NOTAUTH", "NOTZONE" };

	if (rcode < ARRAY_SIZE(names))
		return names[rcode];
	if (rcode == DNS_BADVERS)
		return "BADVERS";
	(void)snprintf(buf, 12, "RCODE%u", rcode & 0xfff);
	return buf;
}

/* --- writing --- */

void dns_out_begin(struct dns_out *o, void *buf, size_t size, size_t max, bool stream)
{
	wr_init(&o->w, buf, size);
	o->n_names = 0;
	memset(o->counts, 0, sizeof(o->counts));
	o->cut = false;
	o->base = stream ? 2 : 0;
	o->max = max;
	o->id = o->flags = 0;
	wr_zero(&o->w, o->base + DNS_HEADER_LEN);
}

static size_t msg_len(const struct dns_out *o)
{
	return wr_len(&o->w) - o->base;
}

static uint8_t fold(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* Is the name at |offset| of what was written equal to these |len| flat octets? What was written
 * is ours, so its pointers point backwards and end. */
static bool written_equals(const struct dns_out *o, size_t offset, const uint8_t *name, size_t len)
{
	const uint8_t *msg = o->w.start + o->base;
	size_t i = 0;

	while (i < len) {
		uint8_t n = msg[offset];

		if (n >= 192) {
			offset = ((size_t)(n & 0x3f) << 8) | msg[offset + 1];
			continue;
		}
		if (n != name[i])
			return false;
		for (size_t k = 1; k <= n; k++)
			if (msg[offset + k] != name[i + k] &&
			    fold(msg[offset + k]) != fold(name[i + k]))
				return false;
		offset += 1u + n;
		i += 1u + n;
	}
	return true;
}

/* The offset of these octets in the message, or 0; among the first |n_names| known ones. */
static size_t find_written(const struct dns_out *o, unsigned n_names, const uint8_t *name,
			   size_t len)
{
	for (unsigned i = 0; i < n_names; i++)
		if (written_equals(o, o->names[i], name, len))
			return o->names[i];
	return 0;
}

/* Labels until a known suffix, then a pointer to it (RFC 1035 §4.1.4). The name's own labels are no
 * suffixes to point to before all of it is written. */
static void put_name(struct dns_out *o, const uint8_t *name, size_t len)
{
	unsigned n_known = o->n_names;
	size_t at = 0;

	while (name[at]) {
		size_t known = find_written(o, n_known, name + at, len - at), here = msg_len(o);

		if (known) {
			wr_u16(&o->w, (uint16_t)(0xc000 | known));
			return;
		}
		wr_bytes(&o->w, name + at, 1u + name[at]);
		if (here < 0x4000 && o->n_names < DNS_COMPRESS_MAX && !o->w.err)
			o->names[o->n_names++] = (uint16_t)here;
		at += 1u + name[at];
	}
	wr_u8(&o->w, 0);
}

void dns_out_question(struct dns_out *o, const struct dns_name *name, uint16_t type, uint16_t class)
{
	put_name(o, name->b, name->len);
	wr_u16(&o->w, type);
	wr_u16(&o->w, class);
	o->counts[0]++;
}

static size_t flat_name_len(const uint8_t *p)
{
	size_t len = 0;

	while (p[len])
		len += 1u + p[len];
	return len + 1;
}

/* Flat data with its leading names compressed; only types of RFC 1035 have an 'n' in the shape,
 * always behind fields of fixed length. */
static void put_data(struct dns_out *o, uint16_t type, const uint8_t *data, size_t len)
{
	size_t at = 0, name_len;

	for (const char *f = dns_type_shape(type); *f && at < len; f++) {
		if (*f == 's' && f[1] == 'n') {
			wr_bytes(&o->w, data, 2);
			at = 2;
		} else if (*f == 'n') {
			name_len = flat_name_len(data + at);
			put_name(o, data + at, name_len);
			at += name_len;
		} else {
			break;
		}
	}
	wr_bytes(&o->w, data + at, len - at);
}

bool dns_out_rr(struct dns_out *o, enum dns_section section, const struct dns_name *owner,
		uint16_t type, uint16_t class, uint32_t ttl, const uint8_t *data, size_t len)
{
	unsigned names = o->n_names;
	uint8_t *start = o->w.p;
	size_t length_at;

	put_name(o, owner->b, owner->len);
	wr_u16(&o->w, type);
	wr_u16(&o->w, class);
	wr_u32(&o->w, ttl);
	length_at = wr_len(&o->w);
	wr_u16(&o->w, 0);
	put_data(o, type, data, len);
	if (o->w.err || msg_len(o) > o->max) {
		o->w.p = start;
		o->w.err = false;
		o->n_names = names;
		o->cut = true;
		return false;
	}
	wr_patch_u16(&o->w, length_at, (uint16_t)(wr_len(&o->w) - length_at - 2));
	o->counts[1 + section]++;
	return true;
}

void dns_out_opt(struct dns_out *o, uint16_t udp_size, uint8_t ext_rcode)
{
	wr_u8(&o->w, 0);
	wr_u16(&o->w, DNS_OPT);
	wr_u16(&o->w, udp_size);
	wr_u32(&o->w, (uint32_t)ext_rcode << 24);
	wr_u16(&o->w, 0);
	o->counts[1 + DNS_ADDITIONAL]++;
}

size_t dns_out_end(struct dns_out *o)
{
	if (o->w.err)
		return 0;
	if (o->base)
		wr_patch_u16(&o->w, 0, (uint16_t)msg_len(o));
	wr_patch_u16(&o->w, o->base, o->id);
	wr_patch_u16(&o->w, o->base + 2, o->flags);
	for (size_t i = 0; i < ARRAY_SIZE(o->counts); i++)
		wr_patch_u16(&o->w, o->base + 4 + 2 * i, o->counts[i]);
	return wr_len(&o->w);
}
