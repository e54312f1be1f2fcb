/* http_script.h: pages made by configuration lines (`ip http script PATH LINE`), and their records.
 *
 * The lines of one path, in order, are the page. A line is text with {substitutions}, or:
 *
 *   @type TYPE                  the page's content type; text/html without it
 *   @insert LIST                a POST stores its form as a record of this list
 *   @each LIST TEXT             TEXT once for each record of the list, the oldest first
 *   @match LIST FIELD TEXT      as @each, for records whose FIELD equals the form's
 *
 *   {method} {path} {query} {client} {user} {host} {time}    the request, the device, the clock
 *   {form.NAME}                 a field of the form: of the body, else of the query
 *   {count.LIST}                number of records
 *   {row.NAME} {row.number}     in @each and @match: a field of the record, its number
 *
 * Braces around anything else stay as they are (style sheets have them). Values are escaped in
 * text/html. A request with ?record=N sees only that record in @each and @match. Records are
 * durable facts (http_record): SQL sees them, and they outlive a restart of the node. */
#ifndef LABD_NODES_HTTP_SCRIPT_H
#define LABD_NODES_HTTP_SCRIPT_H

#include "http/http_server.h"

enum { SCRIPT_PAGE_MAX = 256 << 10, SCRIPT_VALUE_MAX = 1024 };

/* What a page is made from. */
struct script_input {
	struct http_server *server;
	const struct conn *conn;
	struct http_str query, form; /* form: of the body, empty without one */
	nsec_t now;
	const struct record *row; /* in @each and @match */
	bool escape;
};

/* Appends `text` with its substitutions. */
void http_script_text(const struct script_input *in, struct http_str text, struct sbuf *out);
/* The decoded value of a field; false when there is none. */
bool http_script_field(struct http_str form, struct http_str name, char *out, size_t size);

#endif
