#include "base/journal.h"

#include <errno.h>
#include <string.h>

#include "base/cur.h"
#include "base/val.h"

enum {
	HEADER_LEN = 3,
	TEXT_SHORT = 256, /* octets kept of each text when a record would pass its maximum */
};

static void write_key(struct wr *w, const struct pkt_key *k)
{
	wr_u8(w, k->dir);
	if (k->dir == PKT_NONE)
		return;
	wr_u8(w, k->proto);
	wr_u16(w, k->ether_type);
	wr_u32(w, k->ifid);
	wr_addr(w, &k->src.addr);
	wr_u16(w, k->src.port);
	wr_addr(w, &k->dst.addr);
	wr_u16(w, k->dst.port);
	wr_u16(w, k->len);
	wr_u16(w, k->checksum);
	wr_u64(w, (uint64_t)k->stamp_ns);
	wr_u64(w, k->offset);
}

/* u16 length, octets, NUL: the reader has a C string in place. */
static void write_text(struct wr *w, const char *text, size_t max)
{
	size_t len = text ? strnlen(text, max) : 0;

	wr_u16(w, (uint16_t)len);
	wr_bytes(w, text, len);
	wr_u8(w, 0);
}

static void write_values(struct wr *w, const struct val *list, size_t max)
{
	struct val cut[VAL_LIST_MAX + 1];
	size_t n = val_count(list);

	if (max >= VAL_TEXT_MAX || n == 0) {
		val_list_write(w, list);
		return;
	}
	memcpy(cut, list, n * sizeof(*list));
	cut[n] = V_END;
	for (size_t i = 0; i < n; i++) {
		if (cut[i].type == VT_TEXT)
			cut[i] = val_text_n(cut[i].name, cut[i].text,
					    cut[i].len < max ? cut[i].len : max);
		else if (cut[i].type == VT_BYTES && cut[i].len > max)
			cut[i].len = (uint16_t)max;
	}
	val_list_write(w, cut);
}

/* Writes one record whose texts have at most `max` octets. */
static void write_record(struct wr *w, const struct journal_record *rec, size_t max)
{
	size_t at = wr_len(w);

	wr_u8(w, (uint8_t)rec->type);
	wr_u16(w, 0);
	wr_u64(w, (uint64_t)rec->at_ns);
	wr_u64(w, (uint64_t)rec->wall_ns);
	wr_u32(w, rec->decision);
	wr_u16(w, rec->number);
	wr_u32(w, rec->count);
	write_key(w, &rec->key);
	write_text(w, rec->text, max);
	write_text(w, rec->section, max);
	write_values(w, rec->values, max);
	if (!w->err)
		wr_patch_u16(w, at + 1, (uint16_t)(wr_len(w) - at - HEADER_LEN));
}

void journal_write(struct wr *w, const struct journal_record *rec)
{
	uint8_t *start = w->p, *end = w->end;
	bool room = wr_left(w) >= JOURNAL_RECORD_MAX;

	if (w->err)
		return;
	if (room)
		w->end = start + JOURNAL_RECORD_MAX;
	write_record(w, rec, VAL_TEXT_MAX);
	if (w->err && room) {
		w->p = start;
		w->err = false;
		write_record(w, rec, TEXT_SHORT);
	}
	w->end = end;
	if (w->err)
		w->p = start;
}

static int read_key(struct rd *r, struct pkt_key *ret)
{
	struct pkt_key k = { .dir = rd_u8(r) };

	*ret = k;
	if (k.dir == PKT_NONE)
		return 0;
	if (k.dir > PKT_OUT)
		return -EBADMSG;
	k.proto = rd_u8(r);
	k.ether_type = rd_u16(r);
	k.ifid = rd_u32(r);
	if (rd_addr(r, &k.src.addr) < 0)
		return -EBADMSG;
	k.src.port = rd_u16(r);
	if (rd_addr(r, &k.dst.addr) < 0)
		return -EBADMSG;
	k.dst.port = rd_u16(r);
	k.len = rd_u16(r);
	k.checksum = rd_u16(r);
	k.stamp_ns = (int64_t)rd_u64(r);
	k.offset = rd_u64(r);
	*ret = k;
	return 0;
}

static int read_text(struct rd *r, char out[static VAL_TEXT_MAX + 1])
{
	size_t len = rd_u16(r);

	if (len > VAL_TEXT_MAX)
		return -EBADMSG;
	rd_bytes(r, out, len);
	out[len] = '\0';
	return rd_u8(r) != 0 || memchr(out, '\0', len) ? -EBADMSG : 0;
}

static int read_body(struct rd *r, struct journal_record *rec, struct journal_scratch *scratch)
{
	rec->at_ns = (nsec_t)rd_u64(r);
	rec->wall_ns = (int64_t)rd_u64(r);
	rec->decision = rd_u32(r);
	rec->number = rd_u16(r);
	rec->count = rd_u32(r);
	if (read_key(r, &rec->key) < 0 || read_text(r, scratch->text) < 0 ||
	    read_text(r, scratch->section) < 0 ||
	    val_list_read(r, scratch->values, scratch->names) < 0)
		return -EBADMSG;
	rec->text = scratch->text;
	rec->section = scratch->section;
	rec->values = scratch->values;
	return r->err || rd_left(r) ? -EBADMSG : 0;
}

int journal_read(struct rd *r, struct journal_record *ret, struct journal_scratch *scratch)
{
	struct journal_record rec = { 0 };
	struct rd body;
	uint8_t type;
	size_t len;

	if (r->err)
		return -EBADMSG;
	if (rd_left(r) == 0)
		return -ENODATA;
	type = rd_u8(r);
	len = rd_u16(r);
	body = rd_sub(r, len);
	if (body.err || type < JR_DECISION || type > JR_REFUSED ||
	    len > JOURNAL_RECORD_MAX - HEADER_LEN || read_body(&body, &rec, scratch) < 0) {
		r->err = true;
		return -EBADMSG;
	}
	rec.type = (enum journal_type)type;
	*ret = rec;
	return 0;
}
