/* Where the lists of a web server's configuration are kept: in one block of pages, since nearly all
 * of it stays empty. */
#include "http/http.h"

#include <stdlib.h>

#include "base/pages.h"

struct tables {
	struct http_script *scripts[HTTP_SCRIPTS_MAX];
	struct http_user users[HTTP_USERS_MAX];
	struct http_protected protected[HTTP_PROTECTED_MAX];
	struct http_app apps[HTTP_APPS_MAX];
	struct http_type types[HTTP_TYPES_MAX];
	char writable[HTTP_WRITABLE_MAX][HTTP_PATH_MAX];
	char names[HTTP_NAMES_MAX][ASK_NAME_MAX];
};

void http_tables_open(struct http_server_conf *s)
{
	struct tables *t = pages_new(sizeof(*t));

	if (!t)
		abort();
	s->scripts = t->scripts;
	s->users = t->users;
	s->protected = t->protected;
	s->apps = t->apps;
	s->types = t->types;
	s->writable = t->writable;
	s->names = t->names;
}

void http_tables_close(struct http_server_conf *s)
{
	pages_free(s->scripts, sizeof(struct tables)); /* they come first */
}
