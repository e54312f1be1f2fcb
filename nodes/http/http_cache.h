/* http_cache.h: the browser's cache: a private one (RFC 9111).
 *
 * It keeps 200 and 203 answers to GET that may be stored, up to a number of octets; the one shown
 * longest ago goes first. An entry belongs to an address and to the user it was shown to. It is
 * fresh as long as its server said (max-age, else Expires); nothing is guessed, so a page without
 * such a word is asked for again each time, by its validators. Each entry is an http_cache fact,
 * renewed whenever it is stored, refreshed or shown. Owner: the client's machine. */
#ifndef LABD_NODES_HTTP_CACHE_H
#define LABD_NODES_HTTP_CACHE_H

#include "base/sbuf.h"
#include "http/http.h"

struct fx;

enum { CACHE_ENTRIES_MAX = 256 };

struct cache_entry {
	struct cache_entry *next, *prev; /* utlist, the one used last first */
	char *url, *user;		 /* user "" = nobody */
	unsigned status;
	char *type;	       /* Content-Type, "" = none */
	char *etag, *modified; /* validators as received; NULL = none */
	char *data;
	size_t len;
	nsec_t fresh_until_ns;
	bool no_cache; /* never shown without asking */
	uint32_t hits;
};

struct http_cache {
	struct cache_entry *entries;
	unsigned n;
	size_t bytes; /* of all contents */
};

/* A response and what is known of its times. */
struct cache_response {
	const struct http_head *head;
	const void *data;
	size_t len;
	nsec_t request_ns, response_ns; /* lab time */
	int64_t epoch_ns;
};

/* Cache-Control of a request or a response (RFC 9111 §5.2), Pragma of an old one. */
struct cache_control {
	bool no_store, no_cache, only_if_cached;     /* no_cache: also with a list of fields */
	bool is_private, is_public, must_revalidate; /* the last also as proxy-revalidate */
	bool has_max_age, has_s_maxage;
	uint64_t max_age_s, s_maxage_s;
};

struct cache_control http_cache_control(const struct http_head *h);
/* Seconds for which the response counts as fresh from its making on; |shared|: by s-maxage. */
int64_t http_cache_lifetime_s(const struct cache_response *r, const struct cache_control *d,
			      bool shared);
/* Seconds that had passed since its making when it arrived. */
int64_t http_cache_age_s(const struct cache_response *r);

struct cache_entry *http_cache_find(const struct http_cache *c, const char *url, const char *user);
bool http_cache_is_fresh(const struct cache_entry *e, nsec_t now);
bool http_cache_can_validate(const struct cache_entry *e);
/* Why the response may not be stored; NULL = it may. */
const char *http_cache_refusal(const struct http_client_conf *conf, const struct cache_response *r);
/* Replaces what was stored there. */
void http_cache_store(struct http_cache *c, const struct http_client_conf *conf, const char *url,
		      const char *user, const struct cache_response *r, struct fx *fx);
/* A 304 says that the entry is still right (RFC 9111 §4.3.4). */
void http_cache_refresh(struct cache_entry *e, const struct cache_response *r, struct fx *fx);
/* It was shown. */
void http_cache_hit(struct http_cache *c, struct cache_entry *e, struct fx *fx);
/* Forgets what is stored of this address, for every user. */
void http_cache_forget(struct http_cache *c, const char *url, const char *why, struct fx *fx);
/* fx may be NULL at the end of the machine. */
void http_cache_clear(struct http_cache *c, const char *why, struct fx *fx);

#endif
