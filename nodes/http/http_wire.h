/* http_wire.h: HTTP/1.1 messages, bytes <-> struct (RFC 9110, RFC 9112, RFC 3986).
 *
 * Pure: no state but what the caller hands in, no allocation, every length bounded. Files:
 *   http_wire.c       heads: start line, fields, framing
 *   http_wire_names.c methods, field names, reason phrases
 *   http_wire_body.c  bodies: by length, chunked, until the stream ends
 *   http_wire_uri.c   addresses and paths
 *   http_wire_text.c  dates, entity tags, ranges, credentials
 *   http_codec.c      the codec for the log
 *
 * A head is read in two steps: http_head_find() says where it ends (cheap, may be asked again as
 * octets arrive), http_request_parse() or http_response_parse() reads it in place. A parsed head
 * holds offsets from `base`, so that its buffer may move: then set `base` anew.
 *
 * Readers are strict where leniency would let two parties disagree about where a message ends
 * (RFC 9112 §11.2): both lengths, doubled lengths, blanks before a colon, folded lines, bare CR. A
 * bare LF ends a line of a head, so that a person at a Telnet prompt can speak HTTP. */
#ifndef LABD_NODES_HTTP_WIRE_H
#define LABD_NODES_HTTP_WIRE_H

#include <sys/types.h>

#include "base/codec.h"
#include "base/types.h"

#define HTTP_PORT  80
#define HTTPS_PORT 443

enum {
	HTTP_TARGET_MAX = 8192,	  /* octets of a request target */
	HTTP_SECTION_MAX = 32768, /* octets of a header section */
	HTTP_METHOD_MAX = 32,
	HTTP_HEAD_MAX = HTTP_TARGET_MAX + HTTP_SECTION_MAX + 64, /* offsets fit 16 bits */
	HTTP_FIELDS_MAX = 100,
	HTTP_CHUNK_LINE_MAX = 256, /* a chunk size with its extensions */
	HTTP_TRAILER_MAX = 8192,
	HTTP_HOST_MAX = 254,
	HTTP_DATE_LEN = 30, /* with the NUL */
};

/* A view of text that is not NUL-terminated; p NULL = absent. */
struct http_str {
	const char *p;
	size_t len;
};

#define HTTP_STR(literal) ((struct http_str){ (literal), sizeof(literal) - 1 })

bool http_str_is(struct http_str s, const char *text);	      /* octet by octet */
bool http_str_is_nocase(struct http_str s, const char *text); /* ASCII */
bool http_str_same_nocase(struct http_str a, struct http_str b);
struct http_str http_str_trim(struct http_str s); /* without SP and HTAB around it */
/* Takes the next element of a comma-separated list off *list, quotes respected, blanks trimmed.
 * False at its end. */
bool http_list_next(struct http_str *list, struct http_str *ret);

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_CONNECT,
	HTTP_OPTIONS,
	HTTP_TRACE,
	HTTP_METHOD_OTHER,
};
const char *http_method_name(enum http_method m);
enum http_method http_method_id(struct http_str s); /* case-sensitive (RFC 9110 §9.1) */

/* The fields that this implementation reads, in order of their names' length. */
enum http_field_id {
	HTTP_TE,
	HTTP_AGE,
	HTTP_VIA,
	HTTP_DATE,
	HTTP_ETAG,
	HTTP_HOST,
	HTTP_VARY,
	HTTP_ALLOW,
	HTTP_RANGE,
	HTTP_COOKIE,
	HTTP_EXPECT,
	HTTP_SERVER,
	HTTP_EXPIRES,
	HTTP_REFERER,
	HTTP_TRAILER,
	HTTP_UPGRADE,
	HTTP_IF_MATCH,
	HTTP_IF_RANGE,
	HTTP_LOCATION,
	HTTP_CONNECTION,
	HTTP_KEEP_ALIVE,
	HTTP_SET_COOKIE,
	HTTP_USER_AGENT,
	HTTP_CONTENT_TYPE,
	HTTP_ACCEPT_RANGES,
	HTTP_AUTHORIZATION,
	HTTP_CACHE_CONTROL,
	HTTP_CONTENT_RANGE,
	HTTP_IF_NONE_MATCH,
	HTTP_LAST_MODIFIED,
	HTTP_CONTENT_LENGTH,
	HTTP_ACCEPT_ENCODING,
	HTTP_PROXY_CONNECTION,
	HTTP_WWW_AUTHENTICATE,
	HTTP_IF_MODIFIED_SINCE,
	HTTP_TRANSFER_ENCODING,
	HTTP_PROXY_AUTHENTICATE,
	HTTP_IF_UNMODIFIED_SINCE,
	HTTP_PROXY_AUTHORIZATION,
	HTTP_N_FIELD_IDS,
	HTTP_FIELD_OTHER = HTTP_N_FIELD_IDS,
};

uint8_t http_field_id(struct http_str name); /* HTTP_FIELD_OTHER for others */

/* One field line: offsets from the head's base. */
struct http_field {
	uint16_t name, name_len, value, value_len;
	uint8_t id; /* enum http_field_id */
};

/* What is wrong with a message; each has its status code. */
enum http_fault {
	HTTP_OK,
	HTTP_FAULT_SYNTAX,  /* 400 */
	HTTP_FAULT_HOST,    /* 400: Host missing, doubled or malformed */
	HTTP_FAULT_TARGET,  /* 414 */
	HTTP_FAULT_SECTION, /* 431 */
	HTTP_FAULT_CODING,  /* 501: a transfer coding other than chunked */
	HTTP_FAULT_VERSION, /* 505 */
};

/* How the end of a body is found (RFC 9112 §6.3). */
enum http_framing { HTTP_NO_BODY, HTTP_BY_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE };

struct http_head {
	const char *base;
	uint32_t len; /* octets with the empty line */
	uint8_t major, minor;
	bool close;	 /* Connection: close, or HTTP/1.0 without keep-alive */
	bool keep_alive; /* Connection: keep-alive */
	enum http_method method;
	uint16_t method_len;	     /* its text stands at base */
	uint16_t target, target_len; /* request */
	uint16_t status;	     /* response */
	uint16_t reason, reason_len; /* response */
	enum http_framing framing;
	uint64_t length; /* HTTP_BY_LENGTH */
	enum http_fault fault;
	const char *why;		 /* static text: what is wrong */
	uint8_t first[HTTP_N_FIELD_IDS]; /* place + 1 of the first such field; 0 = none */
	uint8_t count[HTTP_N_FIELD_IDS];
	unsigned n_fields;
	struct http_field fields[HTTP_FIELDS_MAX];
};

struct http_limits {
	uint32_t target, section;
};
extern const struct http_limits http_limits_default;

/* Octets of the empty lines before a request (RFC 9112 §2.2: they are ignored). */
size_t http_skip_empty_lines(const char *data, size_t len);

/* The length of the head at `data`, 0 when it is not whole yet, or -EBADMSG with h->fault and
 * h->why. *scan is where to go on looking; 0 at first. */
ssize_t http_head_find(const char *data, size_t len, const struct http_limits *limits, size_t *scan,
		       struct http_head *h);

/* Read the head of exactly `len` octets, as http_head_find() found it. 0, or -EBADMSG with h->fault
 * and h->why; what was read before the fault is kept (method, target). */
int http_request_parse(const char *data, size_t len, struct http_head *h);
/* `to` is the method that the response answers: it decides about the body (RFC 9112 §6.3). */
int http_response_parse(const char *data, size_t len, enum http_method to, struct http_head *h);
/* Replaces each folded line end by blanks, in place (RFC 9112 §5.2, user agents). */
void http_unfold(char *data, size_t len);

struct http_str http_method_text(const struct http_head *h);
struct http_str http_target(const struct http_head *h);
struct http_str http_reason(const struct http_head *h);
struct http_str http_field_name(const struct http_head *h, const struct http_field *f);
struct http_str http_field_value(const struct http_head *h, const struct http_field *f);
/* The first field's value; absent = p NULL. */
struct http_str http_value(const struct http_head *h, enum http_field_id id);
/* Does any such field's list hold this token? */
bool http_has_token(const struct http_head *h, enum http_field_id id, const char *token);
/* Is this a field about one connection only (RFC 9110 §7.6.1)? */
bool http_is_hop_field(const struct http_head *h, const struct http_field *f);

const char *http_status_reason(unsigned status);

/* --- http_wire_body.c: bodies --- */

struct http_body {
	enum http_framing framing;
	uint64_t left; /* octets of the body or of the chunk still to come */
	uint16_t line_len;
	uint16_t trailer_len;
	uint8_t state;
	bool done;
	const char *why; /* after -EBADMSG */
};

void http_body_init(struct http_body *b, enum http_framing framing, uint64_t length);
/* Takes octets from `data`; *ret is the content among them (a view, perhaps empty). Octets taken,
 * or -EBADMSG with b->why. Call again with the rest until it takes none or b->done is set; what is
 * left then belongs to the next message. */
ssize_t http_body_take(struct http_body *b, const void *data, size_t len, struct http_str *ret);
/* The line before a chunk of `len` octets; the chunk is followed by CRLF, the last by the line of
 * length 0. Octets written. */
#define HTTP_CHUNK_HEAD_MAX 20
size_t http_chunk_head(size_t len, char out[static HTTP_CHUNK_HEAD_MAX]);

/* --- http_wire_uri.c: addresses and paths --- */

enum { HTTP_URL_TARGET_MAX = 2048, HTTP_URL_TEXT_MAX = HTTP_URL_TARGET_MAX + HTTP_HOST_MAX + 32 };

struct http_url {
	bool https;
	bool has_user;
	uint16_t port;
	char host[HTTP_HOST_MAX + 1]; /* lower case; an IPv6 address without brackets */
	char user[64], password[128];
	char target[HTTP_URL_TARGET_MAX]; /* path and query, percent-encoded, never empty */
};

/* What a person types: a host or address without a scheme means http. 0, -EPROTONOSUPPORT for
 * another scheme or an empty address, -EINVAL for a malformed one; *ret_why then says what. */
int http_url_parse(const char *text, size_t len, struct http_url *ret, const char **ret_why);
/* A reference found at `base` (RFC 3986 §5.2); as http_url_parse(). */
int http_url_resolve(const struct http_url *base, const char *text, size_t len,
		     struct http_url *ret, const char **ret_why);
/* http://host/target, without user and password. Cut when `size` is too small. */
void http_url_format(const struct http_url *u, char *out, size_t size);
/* host[:port] as the Host field has it. */
void http_url_authority(const struct http_url *u, char *out, size_t size);
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);

/* Is this a host[:port] (RFC 9110 §7.2)? */
bool http_is_authority(struct http_str s);

/* Decodes the path of a request target and removes its dot segments. The result has no slash at
 * its start; *ret_dir: it ended in one. *ret_query: what follows the first '?'. Length of the path,
 * -EINVAL when undecodable, -EXDEV when it leaves the root, -ENAMETOOLONG. */
ssize_t http_path_decode(struct http_str target, char *out, size_t size, bool *ret_dir,
			 struct http_str *ret_query);
/* Percent-decodes a form's text ('+' is a blank). Length, -EINVAL or -ENOBUFS. */
ssize_t http_form_decode(struct http_str text, char *out, size_t size);
/* Percent-encodes what may not stand in a path. Length, or -ENOBUFS. */
ssize_t http_path_encode(const char *path, size_t len, char *out, size_t size);

/* --- http_wire_text.c: values of fields --- */

/* IMF-fixdate (RFC 9110 §5.6.7) of Unix seconds. */
void http_date_format(int64_t unix_s, char out[static HTTP_DATE_LEN]);
/* All three forms; `now_s` places a year of two digits. 0 or -EINVAL. */
int http_date_parse(struct http_str text, int64_t now_s, int64_t *ret_unix_s);

/* Does an If-Match or If-None-Match list hold this tag? Weak tags match only when `weak`. */
bool http_etag_in_list(struct http_str list, const char *etag, bool weak);

/* One byte range of a representation of `size` octets (RFC 9110 §14.1.2). 0 with the first octet
 * and the length; -ERANGE when it lies beyond the end; -EINVAL when the field is to be ignored
 * (another unit, malformed, several ranges). */
int http_range_parse(struct http_str text, uint64_t size, uint64_t *ret_first, uint64_t *ret_len);

/* Basic credentials (RFC 7617) of an Authorization value. 0, or -EINVAL. */
int http_basic_parse(struct http_str text, char *user, size_t user_size, char *password,
		     size_t password_size);
/* "Basic ..." of these credentials; 0, or -ENOBUFS. */
int http_basic_format(const char *user, const char *password, char *out, size_t size);
/* Is Basic among the challenges of a WWW-Authenticate value? */
bool http_offers_basic(struct http_str challenges);

/* Decimal digits only. 0, -EINVAL or -ERANGE. */
int http_digits(struct http_str s, uint64_t *ret);

extern const struct codec http_codec;

#endif
