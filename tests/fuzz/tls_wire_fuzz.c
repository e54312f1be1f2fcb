/* The log's reading of TLS: any octets; every field lies within them. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "tls/tls_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_field(void *arg, const char *field, const char *value, size_t offset, size_t len)
{
	const struct codec_in *in = arg;

	if (!*field || !value || offset > in->len || len > in->len - offset)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct codec_in in = { .data = data, .len = size, .tcp = true };
	struct sbuf out = SBUF(1 << 20);
	const char *why = NULL;
	int info = tls_codec.info(&in, &out, &why);

	if ((info != 0 && info != -EAGAIN) || (info == 0) != (out.len > 0) ||
	    tls_codec.fields(&in, on_field, &in) != info)
		abort();
	sbuf_done(&out);
	return 0;
}
