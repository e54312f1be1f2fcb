#include "netns/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *netns_errno_text(int code)
{
	const char *text = strerrordesc_np(-code);

	return text ? text : "unknown error";
}

static void put(struct netns_err *err, int code, const char *fmt, va_list ap)
{
	err->code = code;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
}

int netns_fail(struct netns_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	put(err, code, fmt, ap);
	va_end(ap);
	return code;
}

int netns_fail_errno(struct netns_err *err, int code, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (!err)
		return code;
	va_start(ap, fmt);
	put(err, code, fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	(void)snprintf(err->text + len, sizeof(err->text) - len, ": %s", netns_errno_text(code));
	return code;
}
