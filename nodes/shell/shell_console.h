/* shell_console.h: one person at a terminal; private to shell_console*.c. */
#ifndef LABD_NODES_SHELL_CONSOLE_H
#define LABD_NODES_SHELL_CONSOLE_H

#include <histedit.h>
#include <stdio.h>

#include "shell.h"

struct console {
	struct session session;
	struct node *node;
	int fd;
	bool terminal, ended;
	bool full;	/* not read until a command ends */
	bool prompting; /* the prompt stands there, perhaps with part of a line */
	struct event *read_ev, *write_ev, *next_ev;
	struct evbuffer *in, *out;
	EditLine *el;
	History *history;
	HistEvent hist_event;
	FILE *out_file, *tty_file;
	char prompt[160];
	bool asking; /* the running command has asked for input of this kind */
	bool asked;  /* the person has seen it */
	enum input_mode mode;
	struct sbuf secret; /* INPUT_SECRET: what was typed so far */
	/* Output that waits for a key: shell_console_page.c */
	struct evbuffer *held;
	unsigned n_shown; /* lines since the last key */
	bool more;	  /* " --More-- " stands there */
	/* A session that a machine opened: shell_terminal.c */
	struct machine *owner;
	uint32_t owner_sock;
	char from[48];
	bool prompts;	  /* without a terminal, too */
	struct sbuf line; /* that runs, as it may be told */
	bool masked;
	struct console *next;
};

/* shell_console.c */
struct console *console_of(EditLine *el);
void console_put(struct console *c, const char *text, size_t len);

struct console *console_new(struct node *n, int fd, bool terminal, unsigned columns, unsigned rows);
void console_start(struct console *c); /* shows the prompt */
struct console *console_first(void);
void console_resize(struct console *c, unsigned columns, unsigned rows);

/* shell_console_page.c */
void console_page(struct console *c, const char *text, size_t len);
void console_page_key(struct console *c, unsigned char key);

/* shell_terminal.c: of a session with an owner */
void terminal_line_begins(struct console *c, const char *line);
void terminal_line_done(struct console *c, int status);

/* shell_console_help.c: what libedit calls for `?` and Tab */
unsigned char console_help_key(EditLine *el, int key);
unsigned char console_tab_key(EditLine *el, int key);

#endif
