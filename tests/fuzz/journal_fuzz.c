/* Journal datagrams from arbitrary bytes. What can be read is written again and must read the same.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cur.h"
#include "base/journal.h"
#include "base/sbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct journal_record *a, const struct journal_record *b)
{
	size_t n = val_count(a->values);

	assert(a->type == b->type && a->decision == b->decision && a->number == b->number);
	assert(strcmp(a->text, b->text) == 0 && strcmp(a->section, b->section) == 0);
	assert(a->key.dir == b->key.dir && a->key.checksum == b->key.checksum);
	assert(addr_equal(&a->key.src.addr, &b->key.src.addr));
	assert(n == val_count(b->values));
	for (size_t i = 0; i < n; i++) {
		struct sbuf x = SBUF(10000), y = SBUF(10000);

		val_format(&a->values[i], &x);
		val_format(&b->values[i], &y);
		assert(a->values[i].type == b->values[i].type);
		assert(strcmp(sbuf_text(&x), sbuf_text(&y)) == 0);
		sbuf_done(&x);
		sbuf_done(&y);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct journal_scratch one, two;
	struct journal_record rec, again;
	static uint8_t buf[JOURNAL_RECORD_MAX];
	struct rd r, r2;
	struct wr w;

	rd_init(&r, data, size);
	while (journal_read(&r, &rec, &one) == 0) {
		wr_init(&w, buf, sizeof(buf));
		journal_write(&w, &rec);
		assert(!w.err);
		rd_init(&r2, buf, wr_len(&w));
		assert(journal_read(&r2, &again, &two) == 0);
		same(&rec, &again);
		assert(journal_read(&r2, &again, &two) == -ENODATA);
	}
	return 0;
}
