#include "base/cmd.h"

#include <errno.h>
#include <stdarg.h>

#include "base/sbuf.h"

int call_refuse(const struct call *call, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)sbuf_vprintf(call->reterr, fmt, ap);
	va_end(ap);
	return -EINVAL;
}
