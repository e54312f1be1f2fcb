#include <stdarg.h>

#include "labd/ctl/ctl.h"

int ctl_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("labctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return 1;
}
