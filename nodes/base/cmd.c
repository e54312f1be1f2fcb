#include "base/cmd.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/sbuf.h"

int call_refuse(const struct call *call, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)sbuf_vprintf(call->reterr, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

const struct arg *call_arg(const struct call *call, unsigned i)
{
	return i < call->n_args && call->args[i].type != ARG_NONE ? &call->args[i] : NULL;
}

const char *call_word(const struct call *call, unsigned i)
{
	const struct arg *a = call_arg(call, i);

	return a ? a->text : NULL;
}

int64_t call_number(const struct call *call, unsigned i, int64_t otherwise)
{
	const struct arg *a = call_arg(call, i);

	return a ? a->number : otherwise;
}

int call_folder(const struct call *call, char *out, size_t size)
{
	const char *path = call->no ? "" : call->args[0].text;
	size_t len;

	path += strspn(path, "/");
	len = strlen(path);
	while (len > 0 && path[len - 1] == '/')
		len--;
	return str_copy_n(out, size, path, len) ? 0 : call_refuse(call, "the path is too long");
}
