#include "telnet/telnet_nvt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t known[TELNET_KNOWN] = { TELNET_OPT_ECHO, TELNET_OPT_SGA, TELNET_OPT_TTYPE,
					     TELNET_OPT_NAWS };

static int place_of(uint8_t option)
{
	for (int i = 0; i < TELNET_KNOWN; i++)
		if (known[i] == option)
			return i;
	return -1;
}

void telnet_nvt_init(struct telnet_nvt *n, uint32_t sock, const struct addr *peer)
{
	*n = (struct telnet_nvt){ .sock = sock, .peer = *peer };
}

void telnet_nvt_permit(struct telnet_nvt *n, enum telnet_side side, uint8_t option)
{
	n->willing[side][place_of(option)] = true;
}

bool telnet_nvt_is_on(const struct telnet_nvt *n, enum telnet_side side, uint8_t option)
{
	return n->q[side][place_of(option)] == TELNET_YES;
}

bool telnet_nvt_is_asked(const struct telnet_nvt *n, enum telnet_side side, uint8_t option)
{
	return n->q[side][place_of(option)] >= TELNET_WANT_NO;
}

void telnet_nvt_ask(struct telnet_nvt *n, enum telnet_side side, uint8_t option, struct sbuf *out)
{
	uint8_t *q = &n->q[side][place_of(option)];
	uint8_t octets[3] = { TELNET_IAC, side == TELNET_US ? TELNET_WILL : TELNET_DO, option };

	if (*q != TELNET_NO)
		return;
	*q = TELNET_WANT_YES;
	sbuf_put(out, octets, sizeof(octets));
}

/* --- RFC 1143 ----------------------------------------------------------------------------- */

/* What a request for "on" does; true: "yes" is answered, false with *ret_no: "no". */
static bool turn_on(uint8_t *q, bool willing, bool *ret_no)
{
	switch ((enum telnet_q) * q) {
	case TELNET_NO:
		if (willing)
			*q = TELNET_YES;
		*ret_no = !willing;
		return willing;
	case TELNET_YES:
		return false;
	case TELNET_WANT_NO: /* an answer that is none: he says it is on, we asked for off */
		*q = TELNET_NO;
		return false;
	case TELNET_WANT_NO_OPPOSITE:
	case TELNET_WANT_YES:
		*q = TELNET_YES;
		return false;
	case TELNET_WANT_YES_OPPOSITE:
		*q = TELNET_WANT_NO;
		*ret_no = true;
		return false;
	}
	return false;
}

static bool turn_off(uint8_t *q, bool *ret_no)
{
	switch ((enum telnet_q) * q) {
	case TELNET_NO:
		return false;
	case TELNET_YES:
		*q = TELNET_NO;
		*ret_no = true;
		return false;
	case TELNET_WANT_NO_OPPOSITE:
		*q = TELNET_WANT_YES;
		return true;
	case TELNET_WANT_NO:
	case TELNET_WANT_YES:
	case TELNET_WANT_YES_OPPOSITE:
		*q = TELNET_NO;
		return false;
	}
	return false;
}

/* Names of an option that we may not know. */
static const char *name_of(uint8_t option, char out[static 16])
{
	const char *name = telnet_option_name(option);

	if (name)
		return name;
	snprintf(out, 16, "option %u", option);
	return out;
}

#define DECIDE(rule)                                                                    \
	decide_at(fx, rule, n->offset, V_ADDR("peer", n->peer), V_TEXT("option", name), \
		  V_TEXT("command", telnet_command_name(item->command)))

static void decide_answer(const struct telnet_nvt *n, const struct telnet_item *item,
			  const char *name, bool yes, struct fx *fx)
{
	if (item->command == TELNET_DO && yes)
		DECIDE("telnet.opt.do-will");
	else if (item->command == TELNET_DO)
		DECIDE("telnet.opt.do-wont");
	else if (item->command == TELNET_WILL && yes)
		DECIDE("telnet.opt.will-do");
	else if (item->command == TELNET_WILL)
		DECIDE("telnet.opt.will-dont");
	else if (item->command == TELNET_WONT)
		DECIDE("telnet.opt.wont-dont");
	else
		DECIDE("telnet.opt.dont-wont");
}

/* RFC 1143 ends loops; this ends a peer that does not follow it. */
static bool is_storm(struct telnet_nvt *n, nsec_t now, struct fx *fx)
{
	if (now - n->storm_ns > TELNET_STORM_NS) {
		n->storm_ns = now;
		n->n_options = 0;
		n->stormed = false;
	}
	if (++n->n_options <= TELNET_STORM)
		return false;
	if (!n->stormed)
		decide_at(fx, "telnet.opt.drop-storm", n->offset, V_ADDR("peer", n->peer),
			  V_INT("limit", TELNET_STORM));
	n->stormed = true;
	return true;
}

void telnet_nvt_option(struct telnet_nvt *n, const struct telnet_item *item, nsec_t now,
		       struct fx *fx)
{
	bool about_us = item->command == TELNET_DO || item->command == TELNET_DONT;
	bool on = item->command == TELNET_DO || item->command == TELNET_WILL;
	enum telnet_side side = about_us ? TELNET_US : TELNET_HIM;
	int place = place_of(item->option);
	uint8_t none = TELNET_NO, *q = place >= 0 ? &n->q[side][place] : &none, before = *q;
	bool no = false, yes, willing = place >= 0 && n->willing[side][place];
	uint8_t octets[3] = { TELNET_IAC, 0, item->option };
	char buf[16];
	const char *name = name_of(item->option, buf);

	if (is_storm(n, now, fx))
		return;
	yes = on ? turn_on(q, willing, &no) : turn_off(q, &no);
	if (yes || no) {
		octets[1] = about_us ? (yes ? TELNET_WILL : TELNET_WONT)
				     : (yes ? TELNET_DO : TELNET_DONT);
		decide_answer(n, item, name, yes, fx);
		fx_write(fx, n->sock, octets, sizeof(octets));
	} else if (before == *q) {
		DECIDE("telnet.opt.no-loop");
	} else {
		DECIDE("telnet.opt.q-method");
	}
}

/* --- text --------------------------------------------------------------------------------- */

void telnet_nvt_write(struct telnet_nvt *n, const void *text, size_t len, struct fx *fx)
{
	uint8_t *out = malloc(2 * len + 1);
	unsigned escaped;
	size_t out_len;

	if (!out)
		abort();
	out_len = telnet_escape(text, len, &n->out_cr, out, &escaped);
	if (escaped > 0)
		decide(fx, "telnet.iac-escape", V_ADDR("peer", n->peer), V_INT("count", escaped),
		       V_TEXT("deed", "sent"));
	if (out_len > 0)
		fx_write(fx, n->sock, out, out_len);
	free(out);
}

void telnet_nvt_sub(struct telnet_nvt *n, uint8_t option, const uint8_t *data, size_t len,
		    struct fx *fx)
{
	struct sbuf out = SBUF(2 * TELNET_SB_MAX + 5);
	uint8_t begin[3] = { TELNET_IAC, TELNET_SB, option }, end[2] = { TELNET_IAC, TELNET_SE };

	sbuf_put(&out, begin, sizeof(begin));
	for (size_t i = 0; i < len; i++) {
		sbuf_put(&out, &data[i], 1);
		if (data[i] == TELNET_IAC)
			sbuf_put(&out, &data[i], 1);
	}
	sbuf_put(&out, end, sizeof(end));
	fx_write(fx, n->sock, out.data, out.len);
	sbuf_done(&out);
}
