#include "telnet/telnet_wire.h"

#include <string.h>

static bool item(struct telnet_item *ret, enum telnet_item_kind kind, uint8_t command,
		 uint8_t option)
{
	*ret = (struct telnet_item){ .kind = kind, .command = command, .option = option };
	return true;
}

static bool bad(struct telnet_item *ret, const char *why)
{
	*ret = (struct telnet_item){ .kind = TELNET_BAD, .why = why };
	return true;
}

/* The octet behind IAC. */
static bool after_iac(struct telnet_reader *r, uint8_t c, struct telnet_item *ret)
{
	static const uint8_t iac = TELNET_IAC;

	r->at = AT_DATA;
	if (c == TELNET_IAC) {
		*ret = (struct telnet_item){
			.kind = TELNET_DATA, .data = &iac, .len = 1, .escaped = true
		};
		return true;
	}
	if (c >= TELNET_WILL) {
		r->at = AT_OPTION;
		r->command = c;
		return false;
	}
	if (c == TELNET_SB) {
		r->at = AT_SUB;
		r->sub_len = 0;
		return false;
	}
	if (c < TELNET_EOF)
		return bad(ret, "IAC and an octet that is no command");
	if (c == TELNET_SE)
		return bad(ret, "the end of a subnegotiation that did not begin");
	return item(ret, TELNET_CONTROL, c, 0);
}

/* One octet of a subnegotiation, unescaped. */
static bool sub_octet(struct telnet_reader *r, uint8_t c, struct telnet_item *ret)
{
	r->at = AT_SUB;
	if (r->sub_len < sizeof(r->sub)) {
		r->sub[r->sub_len++] = c;
		return false;
	}
	r->at = AT_SKIP;
	return bad(ret, "a subnegotiation of more than 512 octets");
}

static bool sub_iac(struct telnet_reader *r, uint8_t c, struct telnet_item *ret)
{
	if (c == TELNET_IAC)
		return sub_octet(r, c, ret);
	r->at = AT_DATA;
	if (c != TELNET_SE)
		return bad(ret, "a subnegotiation with a command in it");
	if (r->sub_len == 0)
		return bad(ret, "a subnegotiation of no option");
	item(ret, TELNET_SUB, TELNET_SB, r->sub[0]);
	ret->data = r->sub + 1;
	ret->len = r->sub_len - 1;
	return true;
}

static bool step(struct telnet_reader *r, uint8_t c, struct telnet_item *ret)
{
	switch (r->at) {
	case AT_DATA: /* an IAC: the others are taken together */
		r->at = AT_IAC;
		return false;
	case AT_IAC:
		return after_iac(r, c, ret);
	case AT_OPTION:
		r->at = AT_DATA;
		return item(ret, TELNET_OPTION, r->command, c);
	case AT_SUB:
		if (c != TELNET_IAC)
			return sub_octet(r, c, ret);
		r->at = AT_SUB_IAC;
		return false;
	case AT_SUB_IAC:
		return sub_iac(r, c, ret);
	case AT_SKIP:
		r->at = c == TELNET_IAC ? AT_SKIP_IAC : AT_SKIP;
		return false;
	case AT_SKIP_IAC:
		r->at = c == TELNET_SE ? AT_DATA : AT_SKIP;
		return false;
	}
	return false;
}

bool telnet_next(struct telnet_reader *r, const uint8_t **data, size_t *len,
		 struct telnet_item *ret)
{
	while (*len > 0) {
		const uint8_t *iac = r->at == AT_DATA ? memchr(*data, TELNET_IAC, *len) : NULL;
		size_t n = r->at != AT_DATA ? 0 : iac ? (size_t)(iac - *data) : *len;

		if (n > 0) {
			*ret = (struct telnet_item){ .kind = TELNET_DATA, .data = *data, .len = n };
			*data += n;
			*len -= n;
			return true;
		}
		(*len)--;
		if (step(r, *(*data)++, ret))
			return true;
	}
	return false;
}

size_t telnet_lines(struct telnet_eol *e, const uint8_t *data, size_t len, uint8_t *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bool second = e->cr && (data[i] == '\n' || data[i] == '\0');

		e->cr = data[i] == '\r';
		if (!second && data[i] != '\0')
			out[n++] = data[i] == '\r' ? '\n' : data[i];
	}
	return n;
}

size_t telnet_escape(const uint8_t *data, size_t len, bool *cr, uint8_t *out, unsigned *ret_escaped)
{
	size_t n = 0;

	*ret_escaped = 0;
	for (size_t i = 0; i < len; i++) {
		if (*cr && data[i] != '\n')
			out[n++] = '\0';
		*cr = data[i] == '\r';
		out[n++] = data[i];
		if (data[i] == TELNET_IAC) {
			out[n++] = TELNET_IAC;
			(*ret_escaped)++;
		}
	}
	return n;
}

const char *telnet_command_name(uint8_t command)
{
	static const char *const names[] = {
		"End of File",
		"Suspend Current Process",
		"Abort Process",
		"End of Record",
		"Suboption End",
		"No Operation",
		"Data Mark",
		"Break",
		"Interrupt Process",
		"Abort Output",
		"Are You There?",
		"Escape Character",
		"Erase Line",
		"Go Ahead",
		"Suboption",
		"Will",
		"Won't",
		"Do",
		"Don't",
	};

	return command >= TELNET_EOF && command < TELNET_IAC ? names[command - TELNET_EOF] : NULL;
}

const char *telnet_option_name(uint8_t option)
{
	static const char *const names[] = {
		"Binary Transmission",
		"Echo",
		"Reconnection",
		"Suppress Go Ahead",
		"Approx Message Size Negotiation",
		"Status",
		"Timing Mark",
		"Remote Controlled Trans and Echo",
		"Output Line Width",
		"Output Page Size",
		"Output Carriage-Return Disposition",
		"Output Horizontal Tab Stops",
		"Output Horizontal Tab Disposition",
		"Output Formfeed Disposition",
		"Output Vertical Tabstops",
		"Output Vertical Tab Disposition",
		"Output Linefeed Disposition",
		"Extended ASCII",
		"Logout",
		"Byte Macro",
		"Data Entry Terminal",
		"SUPDUP",
		"SUPDUP Output",
		"Send Location",
		"Terminal Type",
		"End of Record",
		"TACACS User Identification",
		"Output Marking",
		"Terminal Location Number",
		"Telnet 3270 Regime",
		"X.3 PAD",
		"Negotiate About Window Size",
		"Terminal Speed",
		"Remote Flow Control",
		"Linemode",
		"X Display Location",
		"Environment Option",
		"Authentication Option",
		"Encryption Option",
		"New Environment Option",
		"TN3270E",
	};

	return option < sizeof(names) / sizeof(names[0]) ? names[option] : NULL;
}
