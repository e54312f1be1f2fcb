/* Answers of the proxy's own, and those from its cache. */
#include "http/http_proxy.h"

#include <stdio.h>
#include <string.h>

static int64_t unix_s(const struct http_proxy *p, nsec_t now)
{
	return (p->dev->epoch_ns + now) / SEC;
}

/* --- errors ----------------------------------------------------------------------------------- */

void http_px_error(struct http_proxy *p, struct px *x, unsigned status, const char *why, bool close,
		   nsec_t now, struct fx *fx)
{
	struct sbuf page = SBUF(1024);
	char date[HTTP_DATE_LEN];
	bool keep = !close && !x->head.close;

	sbuf_printf(&page,
		    "<!DOCTYPE html>\n<title>%u %s</title>\n<h1>%u %s</h1>\n<p>%s</p>\n"
		    "<p>The proxy %s</p>\n",
		    status, http_status_reason(status), status, http_status_reason(status), why,
		    p->dev->hostname);
	http_date_format(unix_s(p, now), date);
	sbuf_reset(&p->out);
	sbuf_printf(&p->out,
		    "HTTP/1.1 %u %s\r\nDate: %s\r\nServer: labd\r\nContent-Type: text/html\r\n"
		    "Content-Length: %zu\r\n%s\r\n",
		    status, http_status_reason(status), date, page.len,
		    keep ? "" : "Connection: close\r\n");
	if (x->head.method != HTTP_HEAD)
		sbuf_put(&p->out, page.data, page.len);
	http_px_note(x, status, page.len, now, fx);
	http_px_down(x, p->out.data, p->out.len, fx);
	sbuf_done(&page);
	http_px_finish(x, keep, fx);
}

void http_px_refuse(struct http_proxy *p, struct px *x, unsigned status, const char *why,
		    bool close, nsec_t now, struct fx *fx)
{
	decide_at(fx, "http.proxy.refuse", x->at, V_ADDR("client", x->peer.addr),
		  V_INT("status", status), V_TEXT("reason", why));
	http_px_error(p, x, status, why, close, now, fx);
}

/* --- from the cache --------------------------------------------------------------------------- */

/* RFC 9110 §13.2.2: If-None-Match goes before If-Modified-Since. */
unsigned http_px_entry_status(const struct http_proxy *p, const struct px *x,
			      const struct proxy_entry *e, nsec_t now)
{
	struct http_str tags = http_value(&x->head, HTTP_IF_NONE_MATCH);
	struct http_str since = http_value(&x->head, HTTP_IF_MODIFIED_SINCE);
	int64_t since_s, modified_s;

	if (e->status != 200)
		return e->status;
	if (tags.p)
		return e->etag && http_etag_in_list(tags, e->etag, true) ? 304 : 200;
	if (since.p && e->modified && http_date_parse(since, unix_s(p, now), &since_s) == 0 &&
	    http_date_parse((struct http_str){ e->modified, strlen(e->modified) }, unix_s(p, now),
			    &modified_s) == 0)
		return modified_s <= since_s ? 304 : 200;
	return 200;
}

void http_px_entry(struct http_proxy *p, struct px *x, struct proxy_entry *e, nsec_t now,
		   struct fx *fx)
{
	unsigned status = http_px_entry_status(p, x, e, now);
	bool content = status != 304 && x->head.method != HTTP_HEAD, keep = !x->head.close;

	sbuf_reset(&p->out);
	sbuf_printf(&p->out, "HTTP/1.1 %u %s\r\n%sAge: %lld\r\n", status,
		    http_status_reason(status), e->fields, (long long)http_proxy_age_s(e, now));
	if (status != 304)
		sbuf_printf(&p->out, "Content-Length: %zu\r\n", e->len);
	sbuf_puts(&p->out, keep ? "\r\n" : "Connection: close\r\n\r\n");
	if (content)
		sbuf_put(&p->out, e->data, e->len);
	http_proxy_hit(p, e, fx);
	http_px_note(x, status, content ? e->len : 0, now, fx);
	http_px_down(x, p->out.data, p->out.len, fx);
	http_px_finish(x, keep, fx);
}
