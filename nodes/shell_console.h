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
	struct console *next;
};

/* shell_console.c */
struct console *console_of(EditLine *el);
void console_put(struct console *c, const char *text, size_t len);

/* shell_console_help.c: what libedit calls for `?` and Tab */
unsigned char console_help_key(EditLine *el, int key);
unsigned char console_tab_key(EditLine *el, int key);

#endif
