/* Configuration lines and commands of HTTP, as tables. */
#include "http/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"

#define SERVERS (KIND_BIT(KIND_SERVER) | KIND_BIT(KIND_ROUTER))
#define CLIENTS (SERVERS | KIND_BIT(KIND_PC))

static const struct rule rules[] = {
#define RULE RULE_ROW
#include "http/http_rules.def"
#undef RULE
};

/* --- the object ------------------------------------------------------------------------------- */

static const struct http_server_conf server_default = {
	.port = HTTP_PORT,
	.secure_port = HTTPS_PORT,
	.max_connections = 256,
	.idle_ns = 60 * SEC,
	.life_ns = NEVER,
	.gateway_ns = 30 * SEC,
	.limits = { .target = HTTP_TARGET_MAX, .section = HTTP_SECTION_MAX },
	.body_limit = HTTP_BODY_MAX,
};

static const struct http_client_conf client_default = {
	.timeout_ns = 30 * SEC,
	.idle_ns = 15 * SEC,
	.cache_max = 1 << 20,
	.cache_file_max = 256 << 10,
};

void *http_conf_new(const struct device *dev)
{
	struct http_conf *c = calloc(1, sizeof(*c));

	(void)dev;
	if (!c)
		abort();
	c->server = server_default;
	http_tables_open(&c->server);
	c->client = client_default;
	c->proxy = http_proxy_default;
	return c;
}

static void script_free(struct http_script *s)
{
	for (unsigned i = 0; i < s->n_lines; i++)
		free(s->lines[i]);
	free(s);
}

void http_conf_free(void *conf)
{
	struct http_conf *c = conf;

	if (!c)
		return;
	for (unsigned i = 0; i < c->server.n_scripts; i++)
		script_free(c->server.scripts[i]);
	for (unsigned i = 0; i < c->server.n_apps; i++)
		free(c->server.apps[i].url);
	http_tables_close(&c->server);
	free(c);
}

/* --- arguments -------------------------------------------------------------------------------- */

static struct http_server_conf *server(void *conf)
{
	return &((struct http_conf *)conf)->server;
}

static struct http_client_conf *client(void *conf)
{
	return &((struct http_conf *)conf)->client;
}

/* The i-th argument's text, or NULL when it was left out. */
static const char *arg_text(const struct call *call, unsigned i)
{
	return i < call->n_args && call->args[i].type != ARG_NONE ? call->args[i].text : NULL;
}

static int64_t arg_number(const struct call *call, unsigned i, int64_t otherwise)
{
	return !call->no && arg_text(call, i) ? call->args[i].number : otherwise;
}

/* A path as configured: decoded, no dot segments, no slash at either end. */
static int read_path(const struct call *call, const char *text, char out[static HTTP_PATH_MAX])
{
	char slashed[LINE_MAX_LEN + 1] = "/";
	struct http_str query;
	bool dir;
	ssize_t n;

	if (strncmp(text, "flash:", 6) == 0)
		text += 6;
	if (!str_copy(slashed + 1, sizeof(slashed) - 1, text))
		return call_refuse(call, "the path is too long");
	n = http_path_decode((struct http_str){ slashed, strlen(slashed) }, out, HTTP_PATH_MAX,
			     &dir, &query);
	if (n == -EXDEV)
		return call_refuse(call, "the path leaves the device's files");
	if (n < 0 || query.p)
		return call_refuse(call, n == -ENAMETOOLONG ? "the path is too long"
							    : "that is not a path such as /docs");
	return 0;
}

static int copy_word(const struct call *call, unsigned i, char *out, size_t size)
{
	const char *text = arg_text(call, i);

	if (!text || !*text || !str_copy(out, size, text)) {
		sbuf_printf(call->reterr, "%s is longer than %zu octets", text ? text : "the word",
			    size - 1);
		return -EINVAL;
	}
	return 0;
}

/* --- the server's single values --------------------------------------------------------------- */

static int set_server(void *conf, const struct call *call)
{
	server(conf)->enabled = !call->no;
	return 0;
}

static int set_port(void *conf, const struct call *call)
{
	server(conf)->port = (uint16_t)arg_number(call, 0, server_default.port);
	return 0;
}

static int set_path(void *conf, const struct call *call)
{
	char path[HTTP_PATH_MAX] = "";

	if (!call->no && read_path(call, arg_text(call, 0), path) < 0)
		return -EINVAL;
	str_copy(server(conf)->root, sizeof(server(conf)->root), path);
	return 0;
}

static int set_authentication(void *conf, const struct call *call)
{
	const char *how = call->no ? NULL : arg_text(call, 0);

	server(conf)->auth = !how || strcmp(how, "users") == 0 ? HTTP_AUTH_USERS : HTTP_AUTH_LOGIN;
	return 0;
}

static int set_max_connections(void *conf, const struct call *call)
{
	server(conf)->max_connections =
		(unsigned)arg_number(call, 0, server_default.max_connections);
	return 0;
}

static int set_timeout_policy(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	int64_t life = arg_number(call, 1, 0);

	s->idle_ns = arg_number(call, 0, server_default.idle_ns / SEC) * SEC;
	s->life_ns = life ? life * SEC : server_default.life_ns;
	s->max_requests = (unsigned)arg_number(call, 2, server_default.max_requests);
	return 0;
}

static int set_gateway_timeout(void *conf, const struct call *call)
{
	server(conf)->gateway_ns = arg_number(call, 0, server_default.gateway_ns / SEC) * SEC;
	return 0;
}

static int set_limit_target(void *conf, const struct call *call)
{
	server(conf)->limits.target = (uint32_t)arg_number(call, 0, server_default.limits.target);
	return 0;
}

static int set_limit_header(void *conf, const struct call *call)
{
	server(conf)->limits.section = (uint32_t)arg_number(call, 0, server_default.limits.section);
	return 0;
}

static int set_limit_body(void *conf, const struct call *call)
{
	server(conf)->body_limit = (uint32_t)arg_number(call, 0, server_default.body_limit);
	return 0;
}

static int set_trace(void *conf, const struct call *call)
{
	server(conf)->trace = !call->no;
	return 0;
}

static int set_max_age(void *conf, const struct call *call)
{
	server(conf)->has_max_age = !call->no;
	server(conf)->max_age_s = (uint32_t)arg_number(call, 0, 0);
	return 0;
}

/* --- the server's lists ----------------------------------------------------------------------- */

/* A list of equal elements whose first member is its key as text. */
struct list {
	void *items;
	unsigned *n;
	size_t size;
	unsigned max;
	void (*release)(void *item); /* MAY */
};

static void *list_at(const struct list *l, unsigned i)
{
	return (char *)l->items + i * l->size;
}

static void list_remove(const struct list *l, const char *key)
{
	for (unsigned i = *l->n; i-- > 0;) {
		if (key && strcmp(list_at(l, i), key) != 0)
			continue;
		if (l->release)
			l->release(list_at(l, i));
		memmove(list_at(l, i), list_at(l, i + 1), (*l->n - i - 1) * l->size);
		(*l->n)--;
	}
}

/* Puts the item in place of the one with its key, or at the end. */
static int list_put(const struct list *l, const void *item, const struct call *call)
{
	for (unsigned i = 0; i < *l->n; i++)
		if (strcmp(list_at(l, i), item) == 0) {
			if (l->release)
				l->release(list_at(l, i));
			memcpy(list_at(l, i), item, l->size);
			return 0;
		}
	if (*l->n == l->max) {
		sbuf_printf(call->reterr, "there are %u such lines already", l->max);
		return -ENOSPC;
	}
	memcpy(list_at(l, (*l->n)++), item, l->size);
	return 0;
}

static int set_user(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	const struct list users = { s->users, &s->n_users, sizeof(s->users[0]), HTTP_USERS_MAX };
	struct http_user u = { 0 };

	if (call->no) {
		list_remove(&users, arg_text(call, 0));
		return 0;
	}
	if (copy_word(call, 0, u.name, sizeof(u.name)) < 0 ||
	    copy_word(call, 1, u.password, sizeof(u.password)) < 0)
		return -EINVAL;
	if (strchr(u.name, ':')) /* RFC 7617 §2 */
		return call_refuse(call, "a user name with a colon cannot be sent in a request");
	return list_put(&users, &u, call) < 0 ? -EINVAL : 0;
}

static int set_protect(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	const struct list all = { s->protected, &s->n_protected, sizeof(s->protected[0]),
				  HTTP_PROTECTED_MAX };
	struct http_protected p = { 0 };

	if (arg_text(call, 0) && read_path(call, arg_text(call, 0), p.path) < 0)
		return -EINVAL;
	if (call->no) {
		list_remove(&all, arg_text(call, 0) ? p.path : NULL);
		return 0;
	}
	if (arg_text(call, 1) && copy_word(call, 1, p.user, sizeof(p.user)) < 0)
		return -EINVAL;
	return list_put(&all, &p, call) < 0 ? -EINVAL : 0;
}

static int set_writable(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	const struct list all = { s->writable, &s->n_writable, sizeof(s->writable[0]),
				  HTTP_WRITABLE_MAX };
	char path[HTTP_PATH_MAX] = "";

	if (arg_text(call, 0) && read_path(call, arg_text(call, 0), path) < 0)
		return -EINVAL;
	if (call->no)
		list_remove(&all, arg_text(call, 0) ? path : NULL);
	else if (list_put(&all, path, call) < 0)
		return -EINVAL;
	return 0;
}

static int set_type(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	const struct list all = { s->types, &s->n_types, sizeof(s->types[0]), HTTP_TYPES_MAX };
	struct http_type t = { 0 };

	if (call->no) {
		list_remove(&all, arg_text(call, 0));
		return 0;
	}
	if (copy_word(call, 0, t.extension, sizeof(t.extension)) < 0 ||
	    copy_word(call, 1, t.type, sizeof(t.type)) < 0)
		return -EINVAL;
	if (!strchr(t.type, '/'))
		return call_refuse(call, "a content type has a slash, as in text/plain");
	return list_put(&all, &t, call) < 0 ? -EINVAL : 0;
}

static void release_app(void *item)
{
	free(((struct http_app *)item)->url);
}

static int set_app_server(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	const struct list all = { s->apps, &s->n_apps, sizeof(s->apps[0]), HTTP_APPS_MAX,
				  release_app };
	struct http_app app = { 0 };
	struct http_url url;
	const char *why, *text = arg_text(call, 1);

	if (arg_text(call, 0) && read_path(call, arg_text(call, 0), app.path) < 0)
		return -EINVAL;
	if (call->no) {
		list_remove(&all, arg_text(call, 0) ? app.path : NULL);
		return 0;
	}
	if (http_url_parse(text, strlen(text), &url, &why) < 0)
		return call_refuse(call, "%s", why);
	if (url.has_user || strchr(url.target, '?'))
		return call_refuse(
			call, "an application server is named as http[s]://HOST[:PORT][/PATH]");
	app.url = malloc(sizeof(*app.url));
	if (!app.url)
		abort();
	*app.url = url;
	if (list_put(&all, &app, call) < 0) {
		free(app.url);
		return -EINVAL;
	}
	return 0;
}

static void remove_scripts(struct http_server_conf *s, const char *path)
{
	for (unsigned i = s->n_scripts; i-- > 0;) {
		if (path && strcmp(s->scripts[i]->path, path) != 0)
			continue;
		script_free(s->scripts[i]);
		memmove(&s->scripts[i], &s->scripts[i + 1],
			(s->n_scripts - i - 1) * sizeof(s->scripts[0]));
		s->n_scripts--;
	}
}

static struct http_script *script_at(struct http_server_conf *s, const char *path)
{
	struct http_script *script;

	for (unsigned i = 0; i < s->n_scripts; i++)
		if (strcmp(s->scripts[i]->path, path) == 0)
			return s->scripts[i];
	if (s->n_scripts == HTTP_SCRIPTS_MAX)
		return NULL;
	script = calloc(1, sizeof(*script));
	if (!script)
		abort();
	str_copy(script->path, sizeof(script->path), path);
	s->scripts[s->n_scripts++] = script;
	return script;
}

static int set_script(void *conf, const struct call *call)
{
	struct http_server_conf *s = server(conf);
	struct http_script *script;
	char path[HTTP_PATH_MAX] = "";

	if (arg_text(call, 0) && read_path(call, arg_text(call, 0), path) < 0)
		return -EINVAL;
	if (call->no) {
		remove_scripts(s, arg_text(call, 0) ? path : NULL);
		return 0;
	}
	script = script_at(s, path);
	if (!script || script->n_lines == HTTP_SCRIPT_LINES_MAX)
		return call_refuse(call, script ? "a script page has at most 64 lines"
						: "there are 32 script pages already");
	script->lines[script->n_lines] = strdup(arg_text(call, 1));
	if (!script->lines[script->n_lines++])
		abort();
	return 0;
}

/* --- the client ------------------------------------------------------------------------------- */

static int set_client_timeout(void *conf, const struct call *call)
{
	client(conf)->timeout_ns = arg_number(call, 0, client_default.timeout_ns / SEC) * SEC;
	return 0;
}

static int set_client_close(void *conf, const struct call *call)
{
	client(conf)->force_close = !call->no;
	return 0;
}

static int set_client_idle(void *conf, const struct call *call)
{
	client(conf)->idle_ns = arg_number(call, 0, client_default.idle_ns / SEC) * SEC;
	return 0;
}

static int set_cache_pool(void *conf, const struct call *call)
{
	client(conf)->cache_max = (uint32_t)arg_number(call, 0, client_default.cache_max >> 10)
				  << 10;
	return 0;
}

static int set_cache_file(void *conf, const struct call *call)
{
	client(conf)->cache_file_max =
		(uint32_t)arg_number(call, 0, client_default.cache_file_max >> 10) << 10;
	return 0;
}

static int set_client_user(void *conf, const struct call *call)
{
	struct http_user *u = &client(conf)->user;

	u->name[0] = '\0';
	return call->no ? 0 : copy_word(call, 0, u->name, sizeof(u->name));
}

static int set_client_password(void *conf, const struct call *call)
{
	struct http_user *u = &client(conf)->user;

	u->password[0] = '\0';
	return call->no ? 0 : copy_word(call, 0, u->password, sizeof(u->password));
}

/* --- tables ----------------------------------------------------------------------------------- */

#define SET(pattern_, kinds_, flags_, set_, help_)                                        \
	{                                                                                 \
		.mode = MODE_CONFIG, .pattern = pattern_, .help = help_, .kinds = kinds_, \
		.flags = CMD_NO | (flags_), .set = set_                                   \
	}
#define RUN(pattern_, kinds_, machine_, run_, help_)                                    \
	{                                                                               \
		.mode = MODE_EXEC, .pattern = pattern_, .help = help_, .kinds = kinds_, \
		.machine = machine_, .run = run_                                        \
	}
/* A line with a user and a password is told without them. */
#define SIGNED(pattern_, run_, help_)                                                    \
	{                                                                                \
		.mode = MODE_EXEC, .pattern = pattern_, .help = help_, .kinds = CLIENTS, \
		.flags = CMD_SECRET, .machine = "http.client", .run = run_               \
	}
#define GET(verb_, run_, help_)                                            \
	RUN("http " verb_ " [WORD]", CLIENTS, "http.client", run_, help_), \
		SIGNED("http " verb_ " WORD WORD WORD", run_, help_ ", as user with password")

/* clang-format off */
static const struct cmd cmds[] = {
	SET("ip http server", SERVERS, 0, set_server, "Serve web pages on TCP port 80"),
	SET("ip http port <1-65535>", SERVERS, 0, set_port, "Listen on another port"),
	SET("ip http secure-server", SERVERS, 0, http_set_secure, "Serve the same pages by HTTPS on TCP port 443"),
	SET("ip http secure-port <1-65535>", SERVERS, 0, http_set_secure_port, "Listen for HTTPS on another port"),
	SET("ip http secure-certificate (lab|self-signed|foreign|expired)", SERVERS, 0, http_set_secure_cert, "Who signs the certificate: the lab's CA, or one of three that no browser trusts"),
	SET("ip http secure-name WORD", SERVERS, CMD_MULTI, http_set_secure_name, "A further name that the certificate is for"),
	SET("ip http path WORD", SERVERS, 0, set_path, "Directory that the pages lie in; all files without it"),
	SET("ip http authentication (users|local|enable|aaa)", SERVERS, 0, set_authentication, "Who knows the users: the lines ip http user, or the device's login"),
	SET("ip http user WORD password WORD", SERVERS, CMD_MULTI | CMD_KEYED | CMD_SECRET, set_user, "A user of protected pages"),
	SET("ip http protect WORD [user WORD]", SERVERS, CMD_MULTI | CMD_KEYED, set_protect, "Pages below this path need a user name and password"),
	SET("ip http writable WORD", SERVERS, CMD_MULTI, set_writable, "PUT, DELETE and POST are allowed below this path"),
	SET("ip http script WORD LINE", SERVERS, CMD_MULTI, set_script, "One line of the page at this path: text with {substitutions}"),
	SET("ip http app-server WORD WORD", SERVERS, CMD_MULTI | CMD_KEYED, set_app_server, "Requests below this path are answered by the server at this address"),
	SET("ip http type WORD WORD", SERVERS, CMD_MULTI | CMD_KEYED, set_type, "Content type of files whose names end so"),
	SET("ip http trace", SERVERS, 0, set_trace, "Answer TRACE with the request as it came"),
	SET("ip http cache max-age <0-31536000>", SERVERS, 0, set_max_age, "How many seconds others may keep a page without asking again"),
	SET("ip http max-connections <1-1024>", SERVERS, 0, set_max_connections, "Connections at one time"),
	SET("ip http timeout-policy idle <1-600> [life <1-86400>] [requests <1-86400>]", SERVERS, 0, set_timeout_policy, "When a connection is closed: seconds idle, seconds in all, requests"),
	SET("ip http timeout-policy app-server <1-600>", SERVERS, 0, set_gateway_timeout, "Seconds that an application server may take"),
	SET("ip http limit target <16-8192>", SERVERS, 0, set_limit_target, "Longest request target, in octets"),
	SET("ip http limit header <64-32768>", SERVERS, 0, set_limit_header, "Largest header section, in octets"),
	SET("ip http limit body <0-1048576>", SERVERS, 0, set_limit_body, "Largest request body, in octets"),

	SET("ip http proxy-server", SERVERS, 0, http_set_proxy, "Fetch pages for browsers on TCP port 8080, and keep them"),
	SET("ip http proxy-port <1-65535>", SERVERS, 0, http_set_proxy_port, "Listen for browsers on another port"),
	SET("ip http proxy timeout <1-600>", SERVERS, 0, http_set_proxy_timeout, "Seconds that a server may take to answer"),
	SET("ip http proxy cache memory pool <0-16384>", SERVERS, 0, http_set_proxy_cache_pool, "kB of answers that are kept; 0 keeps none"),
	SET("ip http proxy cache memory file <0-512>", SERVERS, 0, http_set_proxy_cache_file, "kB of the largest answer that is kept"),
	SET("ip http proxy cache never-stale", SERVERS, 0, http_set_proxy_stale, "Nothing stale is given when a server cannot be reached"),
	SET("ip http proxy connect-port <1-65535>", SERVERS, CMD_MULTI, http_set_proxy_tunnel, "A port that CONNECT may name, instead of 443"),

	SET("ip http client proxy-server WORD [proxy-port <1-65535>]", CLIENTS, 0, http_set_client_proxy, "Fetch pages through a proxy"),
	SET("ip http client response timeout <1-600>", CLIENTS, 0, set_client_timeout, "Seconds that a server may take to answer"),
	SET("ip http client connection forceclose", CLIENTS, 0, set_client_close, "One connection for each request"),
	SET("ip http client connection idle timeout <1-600>", CLIENTS, 0, set_client_idle, "Seconds that a connection is kept for the next request"),
	SET("ip http client cache memory pool <0-16384>", CLIENTS, 0, set_cache_pool, "kB of pages that are kept; 0 keeps none"),
	SET("ip http client cache memory file <0-1024>", CLIENTS, 0, set_cache_file, "kB of the largest page that is kept"),
	SET("ip http client username WORD", CLIENTS, 0, set_client_user, "User name for pages that ask for one"),
	SET("ip http client password WORD", CLIENTS, CMD_SECRET, set_client_password, "Password for pages that ask for one"),

	GET("get", http_run_get, "Get a page and print it as it came"),
	GET("browse", http_run_browse, "Get a page and show it as text with numbered links"),
	GET("reload", http_run_reload, "Get a page anew, or ask whether it has changed"),
	RUN("http follow <1-999>", CLIENTS, "http.client", http_run_follow, "Go to a link of the page shown last"),
	GET("head", http_run_head, "Get the headers of a page"),
	GET("options", http_run_options, "Ask which methods a page allows"),
	GET("trace", http_run_trace, "Let a server echo the request"),
	GET("delete", http_run_delete, "Remove a page"),
	RUN("http put WORD WORD", CLIENTS, "http.client", http_run_put, "Store a file of this device at an address"),
	SIGNED("http put WORD WORD WORD WORD", http_run_put, "Store a file of this device at an address, as user with password"),
	RUN("http post WORD LINE", CLIENTS, "http.client", http_run_post, "Send a form, such as name=Ann&age=7"),
	RUN("show http cache", CLIENTS, "http.client", http_run_show_cache, "Pages kept by the browser"),
	RUN("clear http cache", CLIENTS, "http.client", http_run_clear_cache, "Forget the pages kept by the browser"),
	RUN("show ip http client", CLIENTS, "http.client", http_run_show_client, "Settings and connections of the browser"),
	RUN("show ip http server (status|connection|statistics|all)", SERVERS, "http.server", http_run_show_server, "State of the web server"),
	RUN("show ip http proxy", SERVERS, "http.proxy", http_run_show_proxy, "What the proxy has done, and what it keeps"),
	RUN("clear ip http proxy cache", SERVERS, "http.proxy", http_run_clear_proxy, "Forget what the proxy keeps"),
	{ .mode = NULL },
};
/* clang-format on */

static const struct machine_class *const machines[] = { &http_client_class, &http_server_class,
							&http_proxy_class, NULL };
static const struct fact_kind *const facts[] = { &http_exchange_fact,	 &http_cache_fact,
						 &http_record_fact,	 &http_certificate_fact,
						 &http_proxy_cache_fact, NULL };

const struct proto http_proto = {
	.name = "http",
	.title = "HTTP/1.1, the World Wide Web",
	.rules = rules,
	.n_rules = ARRAY_SIZE(rules),
	.machines = machines,
	.cmds = cmds,
	.facts = facts,
	.conf_new = http_conf_new,
	.conf_free = http_conf_free,
};
