#include "files/files.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int not_a_place(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* [user[:password]@]host[:port]; an IPv6 address in brackets. */
static int parse_authority(const char *text, size_t len, struct place *p, const char **ret_why)
{
	const char *at = memrchr(text, '@', len), *end = text + len, *colon;
	uint64_t port = 0;
	char digits[8];

	if (at) {
		colon = memchr(text, ':', (size_t)(at - text));
		if (!str_copy_n(p->user, sizeof(p->user), text,
				(size_t)((colon ? colon : at) - text)) ||
		    (colon && !str_copy_n(p->password, sizeof(p->password), colon + 1,
					  (size_t)(at - colon - 1))))
			return not_a_place(ret_why, "user name or password is too long");
		text = at + 1;
	}
	colon = *text == '[' ? memchr(text, ']', (size_t)(end - text))
			     : memrchr(text, ':', (size_t)(end - text));
	if (*text == '[' && colon) {
		text++;
		if (!str_copy_n(p->host, sizeof(p->host), text, (size_t)(colon - text)))
			return not_a_place(ret_why, "the host is too long");
		colon = ++colon < end && *colon == ':' ? colon : NULL;
	} else if (!str_copy_n(p->host, sizeof(p->host), text,
			       (size_t)((colon ? colon : end) - text))) {
		return not_a_place(ret_why, "the host is too long");
	}
	if (colon && (!str_copy_n(digits, sizeof(digits), colon + 1, (size_t)(end - colon - 1)) ||
		      str_to_u64(digits, 65535, &port) < 0 || port == 0))
		return not_a_place(ret_why, "a port is 1 to 65535");
	p->port = (uint16_t)port;
	return 0;
}

/* SCHEME:, SCHEME://HOST, SCHEME://HOST/PATH; SCHEME:PATH leaves the host to be asked for. */
static int parse_url(const char *text, const char *colon, struct place *p, const char **ret_why)
{
	const char *rest = colon + 1, *slash;
	int r;

	p->kind = PLACE_URL;
	if (!str_copy_n(p->scheme, sizeof(p->scheme), text, (size_t)(colon - text)))
		return not_a_place(ret_why, "no file system of this device has that name");
	for (char *c = p->scheme; *c; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
	if (strncmp(rest, "//", 2) == 0) {
		rest += 2;
		slash = strchr(rest, '/');
		r = parse_authority(rest, slash ? (size_t)(slash - rest) : strlen(rest), p,
				    ret_why);
		if (r < 0)
			return r;
		rest = slash ? slash + 1 : "";
	}
	return str_copy(p->path, sizeof(p->path), rest)
		       ? 0
		       : not_a_place(ret_why, "the path is too long");
}

static bool is_word(const char *text, const char *word)
{
	return strcasecmp(text, word) == 0;
}

int place_parse(const char *text, struct place *ret, const char **ret_why)
{
	const char *colon = strchr(text, ':'), *path = colon ? colon + 1 : text;
	struct place p = { .kind = PLACE_FLASH };
	int r = 0;

	if (is_word(text, "running-config") || is_word(text, "system:running-config"))
		p.kind = PLACE_RUNNING;
	else if (is_word(text, "startup-config") || is_word(text, "nvram:startup-config"))
		p.kind = PLACE_STARTUP;
	else if (colon && strncasecmp(text, "flash:", 6) != 0)
		r = parse_url(text, colon, &p, ret_why);
	else if (!str_copy(p.path, sizeof(p.path), path + strspn(path, "/")))
		r = not_a_place(ret_why, "the path is too long");
	if (r == 0)
		*ret = p;
	return r;
}

void place_format(const struct place *p, struct sbuf *out)
{
	bool v6 = strchr(p->host, ':') != NULL;

	switch (p->kind) {
	case PLACE_RUNNING:
		sbuf_puts(out, "running-config");
		break;
	case PLACE_STARTUP:
		sbuf_puts(out, "startup-config");
		break;
	case PLACE_FLASH:
		sbuf_printf(out, "flash:%s", p->path);
		break;
	case PLACE_URL:
		sbuf_printf(out, v6 ? "%s://[%s]" : "%s://%s", p->scheme, p->host);
		if (p->port)
			sbuf_printf(out, ":%u", p->port);
		sbuf_printf(out, "/%s", p->path);
		break;
	}
}
