/* telnet_client.h: what the files of the client share. */
#ifndef LABD_TELNET_CLIENT_H
#define LABD_TELNET_CLIENT_H

#include "telnet/telnet.h"

struct session {
	struct session *next;
	struct timer timer;
	struct telnet_nvt nvt;
	uint32_t number, ask_id;
	uint32_t call;	   /* 0 = suspended */
	bool open, nobody; /* nobody: no terminal, the command ends by itself */
	nsec_t until_ns;   /* nobody: not longer than that */
	bool caret;	   /* Ctrl-Shift-6 was typed: x follows */
	char host[ASK_NAME_MAX];
	struct ep peer;
	unsigned columns, rows, n_types;
	struct sbuf line, held;
};

struct telnet_client {
	const struct device *dev;
	struct timer_heap timers;
	struct session *sessions; /* newest first */
	unsigned n_sessions;
	uint32_t n_begun, next_ask;
};

#define SERVER(s) V_ADDR("server", (s)->peer.addr)

/* telnet_client.c: on the screen, or kept for when the person is back */
void telnet_show(struct session *s, const char *text, size_t len, struct fx *fx);
void telnet_show_text(struct session *s, const char *text, struct fx *fx);

/* telnet_keys.c */
void telnet_typed(struct telnet_client *c, struct session *s, const char *keys, size_t len,
		  struct fx *fx);

#endif
