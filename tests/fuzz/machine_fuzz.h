/* machine_fuzz.h: a machine that is fed from a fuzzer's octets, for the fuzzers beside it.
 *
 * Octets are taken from the front: choices by take(), pieces by piece(). `effects` sees what each
 * turn asked for, and may feed the machine again while `depth` is small. */
#ifndef LABD_TESTS_FUZZ_MACHINE_FUZZ_H
#define LABD_TESTS_FUZZ_MACHINE_FUZZ_H

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/sbuf.h"
#include "proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzzed {
	const uint8_t *data;
	size_t size;
	struct device dev;
	const struct machine_class *cls;
	void *machine;
	void (*effects)(struct fuzzed *f, const struct fx *fx);
	nsec_t now;
	unsigned depth; /* of turns within turns */
};

static inline unsigned take(struct fuzzed *f)
{
	if (f->size == 0)
		return 0;
	f->size--;
	return *f->data++;
}

/* At most |max| octets in memory of their own, so that reading past them is found; NULL: no memory.
 * The caller frees. */
static inline uint8_t *piece(struct fuzzed *f, size_t max, size_t *ret_len)
{
	size_t len = max < f->size ? max : f->size;
	uint8_t *copy = malloc(len ? len : 1);

	*ret_len = copy ? len : 0;
	if (!copy)
		return NULL;
	memcpy(copy, f->data, len);
	f->data += len;
	f->size -= len;
	return copy;
}

static inline void run(struct fuzzed *f, struct ev ev)
{
	struct fx *fx = fx_new();

	ev.now = f->now;
	ev.dev = &f->dev;
	f->cls->event(f->machine, &ev, fx);
	if (fx_full(fx))
		abort();
	f->depth++;
	f->effects(f, fx);
	f->depth--;
	fx_free(fx);
}

static inline void answer_ask(struct fuzzed *f, const struct fx_effect *e, const struct answer *a)
{
	run(f,
	    (struct ev){ .kind = EV_ANSWER, .answer = { .ask_id = e->ask.ask_id, .answer = a } });
}

static inline void begin_machine(struct fuzzed *f, const struct machine_class *cls, void *conf)
{
	struct machine_env env = { .dev = &f->dev, .conf = conf, .seed = 7 };

	f->cls = cls;
	f->machine = cls->create(&env);
	run(f, (struct ev){ .kind = EV_START });
}

/* Timers that are due by then go off, each a bounded number of times. */
static inline void pass_time(struct fuzzed *f, nsec_t ns)
{
	f->now += ns;
	for (int i = 0; i < 100 && f->cls->deadline(f->machine) <= f->now; i++)
		run(f, (struct ev){ .kind = EV_TIMER });
}

static inline void check_field(void *arg, const char *field, const char *value, size_t offset,
			       size_t len)
{
	const struct codec_in *in = arg;

	if (!field || !value || offset + len > in->len)
		abort();
}

/* What the log reads of these octets stays within them, and what is malformed has a reason. */
static inline void check_codec(const struct codec *codec, struct codec_in in)
{
	struct sbuf out = SBUF(8192);
	const char *why = NULL;

	if (codec->info(&in, &out, &why) == -EBADMSG && !why)
		abort();
	(void)codec->fields(&in, check_field, &in);
	sbuf_done(&out);
}

#endif
