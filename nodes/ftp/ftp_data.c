/* Data connections: who opens them, where to, and which are refused. */
#include "ftp/ftp_server.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define PORT_TRIES 16

/* --- PASV, EPSV --------------------------------------------------------------------------- */

static bool port_is_taken(const struct ftp_server *h, uint16_t port)
{
	for (const struct ftp_session *s = h->sessions; s; s = s->next)
		if (s->data.listener && s->data.to.port == port)
			return true;
	return false;
}

static uint16_t draw_port(struct ftp_server *h)
{
	uint16_t port = 0;

	for (int i = 0; i < PORT_TRIES; i++) {
		port = (uint16_t)(PASSIVE_PORT_FIRST +
				  rng_below(&h->rng, 65536 - PASSIVE_PORT_FIRST));
		if (!port_is_taken(h, port))
			break;
	}
	return port;
}

static void listen_for_data(struct ftp_server *h, struct ftp_session *s, struct fx *fx)
{
	struct ep local = { .addr = s->local.addr };

	ftp_data_close(s, CLOSE_FLUSH, fx);
	if (local.addr.family == 6) /* a link-local one would need its interface */
		local.addr = (struct addr){ .family = 6 };
	local.port = draw_port(h);
	s->data.mode = FTP_PASSIVE;
	s->data.listener = h->next_sock++;
	s->data.to = local;
	fx_listen(fx, s->data.listener, &local);
}

static void epsv(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	const char *own = s->local.addr.family == 4 ? "1" : "2";

	if (strcasecmp(s->arg, "ALL") == 0) {
		s->epsv_all = true;
		ftp_answer(h, s, "ftp.cmd.epsv", 200, now, fx, "EPSV only, from now on.");
	} else if (*s->arg && strcmp(s->arg, own) != 0) {
		ftp_answer(h, s, "ftp.cmd.epsv", 522, now, fx,
			   "Network protocol not supported, use (%s).", own);
	} else {
		listen_for_data(h, s, fx);
		ftp_answer(h, s, "ftp.cmd.epsv", 229, now, fx,
			   "Entering Extended Passive Mode (|||%u|).", s->data.to.port);
	}
}

void ftp_cmd_pasv(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct sbuf numbers = SBUF(32);

	if (s->verb == FTP_EPSV) {
		epsv(h, s, now, fx);
	} else if (s->epsv_all) {
		ftp_answer(h, s, "ftp.cmd.pasv", 503, now, fx, "EPSV ALL was given.");
	} else if (s->local.addr.family != 4) {
		ftp_answer(h, s, "ftp.cmd.pasv", 522, now, fx, "PASV is for IPv4, use EPSV.");
	} else {
		listen_for_data(h, s, fx);
		ftp_port_format(&s->data.to, &numbers);
		ftp_answer(h, s, "ftp.cmd.pasv", 227, now, fx, "Entering Passive Mode (%s).",
			   numbers.data);
	}
	sbuf_done(&numbers);
}

/* --- PORT, EPRT --------------------------------------------------------------------------- */

/* RFC 2577 §3: a server that connects to anybody is a weapon in the hands of its clients. */
static bool is_foreign(const struct ftp_session *s, const struct ep *to)
{
	return !addr_equal(&to->addr, &s->peer.addr) || to->port < 1024;
}

void ftp_cmd_port(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	bool extended = s->verb == FTP_EPRT;
	const char *rule = extended ? "ftp.cmd.eprt" : "ftp.cmd.port";
	struct ep to;
	int r = extended ? ftp_eprt_parse(s->arg, &to) : ftp_port_parse(s->arg, &to);

	if (s->epsv_all) {
		ftp_answer(h, s, rule, 503, now, fx, "EPSV ALL was given.");
	} else if (r == -EPROTONOSUPPORT) {
		ftp_answer(h, s, rule, 522, now, fx, "Network protocol not supported, use (1,2).");
	} else if (r < 0) {
		ftp_answer(h, s, rule, 501, now, fx, "Not an address and a port.");
	} else if (is_foreign(s, &to)) {
		ftp_answer(h, s, "ftp.cmd.port-foreign", 504, now, fx,
			   "Only your own address, and a port above 1023.");
	} else {
		ftp_data_close(s, CLOSE_FLUSH, fx);
		s->data.mode = FTP_ACTIVE;
		s->data.to = to;
		ftp_answer(h, s, rule, 200, now, fx, "%s command successful.",
			   ftp_verb_name(s->verb));
	}
}

/* --- opening and closing ------------------------------------------------------------------ */

void ftp_data_close(struct ftp_session *s, enum close_how how, struct fx *fx)
{
	struct ftp_data *d = &s->data;

	if (d->listener)
		fx_close(fx, d->listener, CLOSE_RESET);
	if (d->sock)
		fx_close(fx, d->sock, how);
	d->listener = d->sock = 0;
	d->open = false;
	d->mode = FTP_NO_DATA;
}

void ftp_data_open(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	struct ftp_data *d = &s->data;
	struct ep local = { .addr = s->local.addr, .port = FTP_DATA_PORT };

	if (d->open) {
		ftp_transfer_begin(h, s, now, fx);
		return;
	}
	ftp_enter(h, s, FTP_OPENING, now);
	if (d->mode == FTP_PASSIVE)
		return; /* the client's turn */
	d->sock = h->next_sock++;
	decide(fx, "ftp.server.active-mode", CLIENT(s), V_INT("port", d->to.port));
	fx_connect_from(fx, d->sock, &local, &d->to, 0);
}

/* RFC 959 §5.4: 425 after the 150, or in its place. */
void ftp_data_failed(struct ftp_server *h, struct ftp_session *s, const char *why, nsec_t now,
		     struct fx *fx)
{
	ftp_data_close(s, CLOSE_RESET, fx);
	ftp_transfer_drop(h, s, why, now, fx);
	ftp_answer(h, s, "ftp.data-open-fail", 425, now, fx, "No data connection: %s.", why);
}

void ftp_data_accepted(struct ftp_server *h, struct ftp_session *s, const struct ev *ev,
		       struct fx *fx)
{
	struct ftp_data *d = &s->data;

	if (!addr_equal(&ev->opened.peer.addr, &s->peer.addr)) {
		decide(fx, "ftp.server.drop-foreign-data", CLIENT(s),
		       V_ADDR("foreign", ev->opened.peer.addr), V_INT("port", d->to.port));
		fx_close(fx, ev->opened.sock, CLOSE_RESET);
		return;
	}
	decide(fx, "ftp.server.passive-mode", CLIENT(s), V_INT("port", d->to.port));
	fx_close(fx, d->listener, CLOSE_RESET);
	d->listener = 0;
	d->sock = ev->opened.sock;
	d->open = true;
	if (s->state == FTP_OPENING)
		ftp_transfer_begin(h, s, ev->now, fx);
	else /* what it sends before STOR waits in the kernel */
		fx_pause(fx, d->sock, true);
}

void ftp_data_connected(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	s->data.open = true;
	ftp_transfer_begin(h, s, now, fx);
}
