/* telnet_nvt.h: one end of a connection as RFC 854 sees it: the reader, and what was agreed about
 * options, by the Q method of RFC 1143. Client and server have one each. */
#ifndef LABD_TELNET_NVT_H
#define LABD_TELNET_NVT_H

#include "base/sbuf.h"
#include "proto.h"
#include "telnet/telnet_wire.h"

/* RFC 1143 §7: the states of one option at one side; an answer to our own request is not answered.
 */
enum telnet_q {
	TELNET_NO,
	TELNET_YES,
	TELNET_WANT_NO,
	TELNET_WANT_NO_OPPOSITE,
	TELNET_WANT_YES,
	TELNET_WANT_YES_OPPOSITE
};

enum telnet_side { TELNET_US, TELNET_HIM };

#define TELNET_KNOWN	4 /* options that we know */
#define TELNET_STORM	200
#define TELNET_STORM_NS (10 * SEC)

struct telnet_nvt {
	struct telnet_reader reader;
	struct telnet_eol eol;
	uint32_t sock;
	struct addr peer;
	uint8_t q[2][TELNET_KNOWN];    /* enum telnet_q */
	bool willing[2][TELNET_KNOWN]; /* what we permit */
	bool out_cr;
	nsec_t storm_ns; /* when the count began */
	unsigned n_options;
	bool stormed;
	uint64_t offset; /* of the stream event being read */
};

void telnet_nvt_init(struct telnet_nvt *n, uint32_t sock, const struct addr *peer);
/* May this side have the option on? */
void telnet_nvt_permit(struct telnet_nvt *n, enum telnet_side side, uint8_t option);
bool telnet_nvt_is_on(const struct telnet_nvt *n, enum telnet_side side, uint8_t option);
bool telnet_nvt_is_asked(const struct telnet_nvt *n, enum telnet_side side, uint8_t option);
/* Asks for the option; the octets go behind |out|. */
void telnet_nvt_ask(struct telnet_nvt *n, enum telnet_side side, uint8_t option, struct sbuf *out);
/* Takes a WILL, WONT, DO or DONT: decides, and answers where an answer is due. */
void telnet_nvt_option(struct telnet_nvt *n, const struct telnet_item *item, nsec_t now,
		       struct fx *fx);
/* Text for the peer, escaped. */
void telnet_nvt_write(struct telnet_nvt *n, const void *text, size_t len, struct fx *fx);
/* A subnegotiation: `data` unescaped. */
void telnet_nvt_sub(struct telnet_nvt *n, uint8_t option, const uint8_t *data, size_t len,
		    struct fx *fx);

#endif
