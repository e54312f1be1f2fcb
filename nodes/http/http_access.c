/* Who may do what to which resource: paths of the configuration, methods, credentials. */
#include "http/http_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- the resource ----------------------------------------------------------------------------- */

bool http_path_below(const char *path, const char *place)
{
	size_t n = strlen(place);

	return n == 0 || (strncmp(path, place, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

const struct http_script *http_access_script(const struct http_server *s, const char *path)
{
	for (unsigned i = 0; i < s->conf->n_scripts; i++)
		if (strcmp(s->conf->scripts[i]->path, path) == 0)
			return s->conf->scripts[i];
	return NULL;
}

/* The most exact place wins. */
const struct http_app *http_access_app(const struct http_server *s, const char *path)
{
	const struct http_app *best = NULL;

	for (unsigned i = 0; i < s->conf->n_apps; i++) {
		const struct http_app *app = &s->conf->apps[i];

		if (http_path_below(path, app->path) &&
		    (!best || strlen(app->path) > strlen(best->path)))
			best = app;
	}
	return best;
}

bool http_access_writable(const struct http_server *s, const char *path)
{
	for (unsigned i = 0; i < s->conf->n_writable; i++)
		if (http_path_below(path, s->conf->writable[i]))
			return true;
	return false;
}

bool http_access_allows(const struct http_server *s, const struct request *r, enum http_method m)
{
	bool asterisk = http_str_is(http_target(&r->head), "*");

	switch (m) {
	case HTTP_GET:
	case HTTP_HEAD:
	case HTTP_OPTIONS:
		return true;
	case HTTP_TRACE:
		return s->conf->trace;
	case HTTP_POST:
		return asterisk || http_access_app(s, r->path) || http_access_script(s, r->path) ||
		       (r->dir && http_access_writable(s, r->path));
	case HTTP_PUT:
	case HTTP_DELETE:
		if (asterisk)
			return s->conf->n_writable > 0 || s->conf->n_apps > 0;
		return http_access_app(s, r->path) ||
		       (!r->dir && http_access_writable(s, r->path) &&
			!http_access_script(s, r->path));
	case HTTP_CONNECT:
	case HTTP_METHOD_OTHER:
		break;
	}
	return false;
}

void http_access_allow(const struct http_server *s, const struct request *r, char *out, size_t size)
{
	size_t n = 0;

	out[0] = '\0';
	for (unsigned m = 0; m < HTTP_METHOD_OTHER && n < size; m++)
		if (http_access_allows(s, r, m))
			n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "",
					      http_method_name(m));
}

/* --- credentials ------------------------------------------------------------------------------ */

static const struct http_protected *protection(const struct http_server *s, const struct request *r)
{
	const struct http_protected *best = NULL;
	char path[ASK_PATH_MAX + 16];

	if (s->conf->n_protected == 0)
		return NULL;
	snprintf(path, sizeof(path), "%s%s", r->path,
		 !r->dir      ? ""
		 : r->path[0] ? "/index.html"
			      : "index.html");
	for (unsigned i = 0; i < s->conf->n_protected; i++) {
		const struct http_protected *p = &s->conf->protected[i];

		if (http_path_below(path, p->path) &&
		    (!best || strlen(p->path) > strlen(best->path)))
			best = p;
	}
	return best;
}

static void refuse_login(struct http_server *s, struct conn *c, const char *why, nsec_t now,
			 struct fx *fx)
{
	struct request *r = &c->req;
	const struct http_protected *p = protection(s, r);
	char realm[3 * HTTP_PATH_MAX] = "", field[3 * HTTP_PATH_MAX + 64];

	if (p)
		(void)http_path_encode(p->path, strlen(p->path), realm, sizeof(realm));
	snprintf(field, sizeof(field),
		 "WWW-Authenticate: Basic realm=\"/%s\", charset=\"UTF-8\"\r\n", realm);
	if (r->head.method == HTTP_POST)
		decide_at(fx, "http.server.post-unauthorized", r->at, http_v_target(r),
			  V_TEXT("user", r->user), V_TEXT("reason", why));
	else
		decide_at(fx, "http.server.get-unauthorized", r->at, http_v_method(r),
			  http_v_target(r), V_TEXT("user", r->user), V_TEXT("reason", why));
	r->user[0] = '\0';
	http_reply_error(s, c, 401, why, false, field, now, fx);
}

/* The user is who he says; may he? */
static bool check_right(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	const struct http_protected *p = protection(s, r);

	if (!p || !p->user[0] || strcmp(p->user, r->user) == 0) {
		decide_at(fx, "http.server.authorized", r->at, V_TEXT("user", r->user),
			  http_v_target(r));
		return true;
	}
	decide_at(fx, "http.server.forbidden", r->at, V_TEXT("user", r->user), http_v_target(r));
	http_reply_error(s, c, 403, "the page is for another user", false, NULL, now, fx);
	return false;
}

/* Takes the same time for every wrong password of this length. */
static bool same_secret(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char diff = len != strlen(b);

	for (size_t i = 0; i < len && b[i]; i++)
		diff |= (unsigned char)(a[i] ^ b[i]);
	return diff == 0;
}

static bool known_user(const struct http_server *s, const char *name, const char *password)
{
	for (unsigned i = 0; i < s->conf->n_users; i++)
		if (strcmp(s->conf->users[i].name, name) == 0)
			return same_secret(s->conf->users[i].password, password);
	return false;
}

static void ask_login(struct http_server *s, struct conn *c, const char *password, struct fx *fx)
{
	struct ask ask = { .kind = ASK_LOGIN, .login = { .service = "http" } };

	str_copy(ask.login.user, sizeof(ask.login.user), c->req.user);
	str_copy(ask.login.password, sizeof(ask.login.password), password);
	ask.login.peer = c->peer.addr;
	decide_at(fx, "http.server.ask-login", c->req.at, V_TEXT("user", c->req.user));
	http_conn_ask(s, c, CONN_LOGIN, &ask, fx);
}

bool http_access_check(struct http_server *s, struct conn *c, nsec_t now, struct fx *fx)
{
	struct request *r = &c->req;
	char password[128];

	if (!protection(s, r))
		return true;
	if (r->head.count[HTTP_AUTHORIZATION] == 0) {
		refuse_login(s, c, "no user name and password in the request", now, fx);
	} else if (r->head.count[HTTP_AUTHORIZATION] > 1 ||
		   http_basic_parse(http_value(&r->head, HTTP_AUTHORIZATION), r->user,
				    sizeof(r->user), password, sizeof(password)) < 0) {
		refuse_login(s, c, "the credentials are not Basic ones", now, fx);
	} else if (s->conf->auth == HTTP_AUTH_LOGIN) {
		ask_login(s, c, password, fx);
	} else if (!known_user(s, r->user, password)) {
		refuse_login(s, c, "user name or password is not correct", now, fx);
	} else {
		return check_right(s, c, now, fx);
	}
	return false;
}

void http_access_login_answer(struct http_server *s, struct conn *c, const struct answer *a,
			      nsec_t now, struct fx *fx)
{
	if (a->err == -EACCES || a->err == -EPERM || a->err == -ENOENT) {
		refuse_login(s, c, "user name or password is not correct", now, fx);
	} else if (a->err < 0) {
		decide_at(fx, "http.server.login-failed", c->req.at, V_TEXT("user", c->req.user),
			  V_TEXT("reason", a->why));
		http_reply_error(s, c, 503, "credentials cannot be checked now", false, NULL, now,
				 fx);
	} else if (check_right(s, c, now, fx)) {
		http_request_proceed(s, c, fx);
	}
}
