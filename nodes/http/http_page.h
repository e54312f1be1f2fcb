/* http_page.h: a page of HTML as a person at a text terminal reads it.
 *
 * Pure: text in, text out, and the addresses of the links, which are numbered [1], [2], ... No
 * parser of the whole language: tags lay out the text, scripts and styles are left out, entities
 * are decoded, everything unknown is skipped. Control octets never reach the terminal. */
#ifndef LABD_NODES_HTTP_PAGE_H
#define LABD_NODES_HTTP_PAGE_H

#include "base/sbuf.h"
#include "http/http_wire.h"

enum { PAGE_LINKS_MAX = 64, PAGE_WIDTH = 78 };

struct page_links {
	char *url[PAGE_LINKS_MAX]; /* owned; absolute */
	unsigned n;
};

void http_page_links_clear(struct page_links *links);
/* `base`: the address the page came from. Links are appended; `out` may be NULL. */
void http_page_text(struct http_str html, const struct http_url *base, struct page_links *links,
		    struct sbuf *out);
/* Plain text with what could move the cursor made visible. */
void http_page_plain(struct http_str text, struct sbuf *out);

#endif
