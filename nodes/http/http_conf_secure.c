/* Configuration lines of HTTPS. */
#include "http/http.h"

#include <errno.h>
#include <string.h>

#include "base/sbuf.h"

static struct http_server_conf *server(void *conf)
{
	return &((struct http_conf *)conf)->server;
}

static const char *arg_text(const struct call *call, unsigned i)
{
	return i < call->n_args && call->args[i].type != ARG_NONE ? call->args[i].text : NULL;
}

int http_set_secure(void *conf, const struct call *call)
{
	server(conf)->secure = !call->no;
	return 0;
}

int http_set_secure_port(void *conf, const struct call *call)
{
	server(conf)->secure_port =
		call->no || !arg_text(call, 0) ? HTTPS_PORT : (uint16_t)call->args[0].number;
	return 0;
}

int http_set_secure_cert(void *conf, const struct call *call)
{
	static const char *const words[] = { [TLS_CERT_LAB] = "lab",
					     [TLS_CERT_SELF_SIGNED] = "self-signed",
					     [TLS_CERT_FOREIGN] = "foreign",
					     [TLS_CERT_EXPIRED] = "expired" };

	server(conf)->cert = TLS_CERT_LAB;
	for (unsigned i = 0; !call->no && i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], arg_text(call, 0)) == 0)
			server(conf)->cert = (enum tls_cert_kind)i;
	return 0;
}

/* Letters, digits, dots and hyphens (RFC 1123 §2.1). */
bool http_is_host_name(const char *text)
{
	return *text && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789.-") == strlen(text);
}

int http_set_secure_name(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	const char *name = arg_text(call, 0);
	unsigned i = 0;

	while (name && i < s->n_names && strcmp(s->names[i], name) != 0)
		i++;
	if (call->no) {
		if (i < s->n_names)
			memmove(s->names[i], s->names[i + 1],
				(--s->n_names - i) * sizeof(s->names[0]));
		if (!name)
			s->n_names = 0;
		return 0;
	}
	if (!http_is_host_name(name) || strlen(name) >= ASK_NAME_MAX) {
		sbuf_puts(call->reterr, "that is not a host name such as www.campus.test");
		return -EINVAL;
	}
	if (i == HTTP_NAMES_MAX) {
		sbuf_printf(call->reterr, "there are %u such lines already", i);
		return -EINVAL;
	}
	if (i == s->n_names)
		str_copy(s->names[s->n_names++], ASK_NAME_MAX, name);
	return 0;
}
