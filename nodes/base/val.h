/* val.h: typed, named values: what a decision saw, what a fact holds.
 *
 * A value is copied into the effects' arena when it is handed over; text and bytes need to live
 * only until then. A list of values ends with V_END. */
#ifndef LABD_BASE_VAL_H
#define LABD_BASE_VAL_H

#include "base/types.h"

struct sbuf;
struct rd;
struct wr;

enum val_type {
	VT_END,
	VT_INT,	 /* int64 */
	VT_TEXT, /* UTF-8, control octets escaped when shown */
	VT_ADDR, /* IPv4 or IPv6 */
	VT_MAC,
	VT_TIME,     /* lab time, ns since the epoch */
	VT_DURATION, /* ns */
	VT_BYTES,    /* shown as hex */
	VT_NULL,
};

#define VAL_TEXT_MAX 1024 /* octets of text or bytes; longer ones are cut */
#define VAL_LIST_MAX 24	  /* values in one list */

struct val {
	const char *name;
	enum val_type type;
	uint16_t len; /* of text or bytes */
	union {
		int64_t i;
		const char *text;
		const uint8_t *bytes;
		struct addr addr;
		struct mac mac;
	};
};

#define V_INT(n, v)	 ((struct val){ .name = (n), .type = VT_INT, .i = (int64_t)(v) })
#define V_TEXT(n, v)	 val_text((n), (v))
#define V_TEXTN(n, v, l) val_text_n((n), (v), (l))
#define V_ADDR(n, v)	 ((struct val){ .name = (n), .type = VT_ADDR, .addr = (v) })
#define V_MAC(n, v)	 ((struct val){ .name = (n), .type = VT_MAC, .mac = (v) })
#define V_TIME(n, v)	 ((struct val){ .name = (n), .type = VT_TIME, .i = (v) })
#define V_DUR(n, v)	 ((struct val){ .name = (n), .type = VT_DURATION, .i = (v) })
#define V_BYTES(n, v, l) val_bytes((n), (v), (l))
#define V_NULL(n)	 ((struct val){ .name = (n), .type = VT_NULL })
#define V_END		 ((struct val){ .type = VT_END })

struct val val_text(const char *name, const char *text); /* NULL text gives VT_NULL */
struct val val_text_n(const char *name, const char *text, size_t len);
struct val val_bytes(const char *name, const void *bytes, size_t len);
size_t val_count(const struct val *list);
const struct val *val_find(const struct val *list, const char *name);
/* As a person reads it: 10.0.0.1, 02:.., 1.5 s, text with control octets as \xNN. */
void val_format(const struct val *v, struct sbuf *out);
/* An address as u8 family and 0, 4 or 16 octets. Reading: 0 or -EBADMSG. */
void wr_addr(struct wr *w, const struct addr *a);
int rd_addr(struct rd *r, struct addr *ret);
/* Wire form used by the journal and by durable facts. */
void val_list_write(struct wr *w, const struct val *list);
/* Decodes into out[VAL_LIST_MAX + 1] (ended by V_END); text points into the cursor's bytes, names
 * into names[]. Negative errno when malformed. */
int val_list_read(struct rd *r, struct val *out, char names[][32]);

#endif
