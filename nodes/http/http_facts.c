/* What HTTP tells of its state: the tables of its facts. */
#include "http/http.h"

static const struct fact_column exchange_columns[] = {
	{ "role", VT_TEXT, "server, client or proxy: which side tells it" },
	{ "peer", VT_ADDR, "the other side" },
	{ "method", VT_TEXT, "GET, POST, ...; NULL when the request line was unreadable" },
	{ "url", VT_TEXT, "the address asked for" },
	{ "status", VT_INT, "of the final response; NULL when there was none" },
	{ "referrer", VT_TEXT, "the page that held the link" },
	{ "user", VT_TEXT, "who was let in" },
	{ "bytes", VT_INT, "octets of the response's content" },
	{ "duration", VT_DURATION, "from the request to the end of the response" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind http_exchange_fact = {
	.table = "http_exchange",
	.help = "A request and its response; `since` is when it ended. The key is the connection "
		"(server) "
		"or the command (client); the next exchange of that key ends the row",
	.columns = exchange_columns,
};

static const struct fact_column cache_columns[] = {
	{ "status", VT_INT, "of the stored response" },
	{ "bytes", VT_INT, "octets of its content" },
	{ "fresh_until", VT_TIME, "until then it is shown without asking the server" },
	{ "hits", VT_INT, "times it was shown" },
	{ "etag", VT_TEXT, "its entity tag" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind http_cache_fact = {
	.table = "http_cache",
	.help = "A page in the browser's cache; the key is its address",
	.columns = cache_columns,
};

static const struct fact_column record_columns[] = {
	{ "list", VT_TEXT, "the list it belongs to" },
	{ "number", VT_INT, "its number in this server" },
	{ "fields", VT_TEXT, "the form, name=value&..." },
	{ NULL, VT_END, NULL },
};

const struct fact_kind http_record_fact = {
	.table = "http_record",
	.help = "A form that a script page stored (ip http script, @insert)",
	.durable = true,
	.columns = record_columns,
};

static const struct fact_column certificate_columns[] = {
	{ "subject", VT_TEXT, "whose it is" },
	{ "issuer", VT_TEXT, "who signed it" },
	{ "names", VT_TEXT, "host names and addresses that it is for" },
	{ "valid_from", VT_TEXT, "the first day" },
	{ "valid_to", VT_TEXT, "the last day" },
	{ "fingerprint", VT_TEXT, "SHA-256 of the certificate" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind http_certificate_fact = {
	.table = "http_certificate",
	.help = "The certificate that a web server shows; its key is nowhere in the log",
	.columns = certificate_columns,
};

static const struct fact_column proxy_cache_columns[] = {
	{ "status", VT_INT, "of the stored answer" },
	{ "bytes", VT_INT, "octets of its content" },
	{ "fresh_until", VT_TIME, "until then it is given without asking the server" },
	{ "hits", VT_INT, "times it was given" },
	{ "etag", VT_TEXT, "its entity tag" },
	{ NULL, VT_END, NULL },
};

const struct fact_kind http_proxy_cache_fact = {
	.table = "http_proxy_cache",
	.help = "An answer in a proxy's cache; the key is its address, with a number where the "
		"request's "
		"fields decide (Vary)",
	.columns = proxy_cache_columns,
};
