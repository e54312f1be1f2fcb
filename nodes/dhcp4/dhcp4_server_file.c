/* The database agent: `ip dhcp database flash:/NAME` keeps the bindings as a text file too.
 *
 * The server's memory across a restart is its durable facts; the file is for people and for other
 * devices. It is written some time after a change (write-delay), not at each. */
#include "dhcp4/dhcp4_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

#define FILE_MAX     (1u << 20)
#define ASK_DATABASE 1

/* Path below the device's file root, or NULL when the URL is none of ours. */
static const char *path_of(const struct dhcp4_server *s)
{
	const char *url = s->conf->database;

	if (strncmp(url, "flash:", 6) != 0)
		return NULL;
	url += 6;
	while (*url == '/')
		url++;
	return *url ? url : NULL;
}

void dhcp4_server_file_changed(struct dhcp4_server *s, nsec_t now)
{
	if (path_of(s) && s->database_at == NEVER)
		s->database_at = now + s->conf->database_delay_ns;
}

static void put_binding(const struct dhcp4_server *s, const struct dhcp4_lease *x, struct sbuf *out)
{
	const struct addr a = addr4_from_u32(x->addr);
	char addr[ADDR_TEXT_LEN], end[32] = "Infinite";
	size_t id_len = 0;
	const uint8_t *id = dhcp4_lease_id(x, &id_len);

	if (x->expires_ns != NEVER)
		dhcp4_time_text(s->dev, x->expires_ns, end, sizeof(end));
	sbuf_printf(out, "%-19s %-5s ", addr_format(&a, addr), id ? "id" : "1");
	for (size_t i = 0; id && i < id_len; i++)
		sbuf_printf(out, "%s%02x", i && i % 2 == 0 ? "." : "", id[i]);
	if (!id)
		sbuf_printf(out, "%02x%02x.%02x%02x.%02x%02x", x->mac.b[0], x->mac.b[1],
			    x->mac.b[2], x->mac.b[3], x->mac.b[4], x->mac.b[5]);
	sbuf_printf(out, "  %s\n", end);
}

static void put_file(const struct dhcp4_server *s, nsec_t now, struct sbuf *out)
{
	char text[32];

	sbuf_printf(out, "*time* %s\n*version* 4\n",
		    dhcp4_time_text(s->dev, now, text, sizeof(text)));
	sbuf_puts(out,
		  "!IP address         Type  Hardware address or identifier  Lease expiration\n");
	for (const struct dhcp4_lease *x = dhcp4_lease_next(&s->leases, NULL); x && !out->full;
	     x = dhcp4_lease_next(&s->leases, x))
		if (x->state == L4_BOUND)
			put_binding(s, x, out);
	sbuf_puts(out, "*end*\n");
}

void dhcp4_server_file_timer(struct dhcp4_server *s, nsec_t now, struct fx *fx)
{
	const char *path = path_of(s);
	struct ask ask = { .kind = ASK_FILE, .file = { .op = FILE_WRITE } };
	struct sbuf text = SBUF(FILE_MAX);

	s->database_at = NEVER;
	if (!path || s->database_ask)
		return;
	put_file(s, now, &text);
	str_copy(ask.file.path, sizeof(ask.file.path), path);
	ask.file.data = (const uint8_t *)sbuf_text(&text);
	ask.file.len = text.len;
	s->database_ask = ASK_DATABASE;
	s->database_written = now;
	decide(fx, "dhcp4.server.database-write", V_TEXT("url", s->conf->database),
	       V_INT("octets", text.len));
	fx_ask(fx, ASK_DATABASE, &ask);
	sbuf_done(&text);
}

void dhcp4_server_file_answer(struct dhcp4_server *s, const struct ev *ev)
{
	const struct answer *a = ev->answer.answer;

	if (ev->answer.ask_id != s->database_ask)
		return;
	s->database_ask = 0;
	if (a->err) {
		s->database_failures++;
		s->database_written = -1;
	}
	str_copy(s->database_why, sizeof(s->database_why), a->err ? a->why : "");
}
