/* login.h: who may work at a device: users, enable secret, and the lines (vty) at which people sit
 * who come over the network.
 *
 * It speaks no protocol: Telnet, HTTP and what comes later ask it (ASK_LOGIN, ASK_LINE), so that
 * all know the same users and share the same lines. Passwords are in no decision and no fact. */
#ifndef LABD_LOGIN_H
#define LABD_LOGIN_H

#include "proto.h"

#define LOGIN_USERS_MAX	 64
#define LOGIN_LINES_MAX	 16
#define LOGIN_LINES	 5		 /* vty 0 4, where no line says otherwise */
#define LOGIN_TIMEOUT_NS (10 * 60 * SEC) /* exec-timeout 10 0 */
#define LOGIN_TELNET	 BIT(0)
#define LOGIN_SSH	 BIT(1)

#define LOGIN_LISTS_MAX	  8
#define LOGIN_METHODS_MAX 4

struct login_secret {
	bool is_set, hashed; /* hashed: text is "$1$..." */
	char text[128];
};

struct login_user {
	char name[64];
	int privilege;
	struct login_secret secret;
};

struct login_line {
	enum line_login login;
	struct login_secret password;
	nsec_t timeout_ns; /* 0 = never */
	unsigned transports;
	int privilege;
	char access_class[64]; /* "" = everybody */
	char list[32];	       /* of aaa; "" = default */
};

/* Who decides about a login, under `aaa new-model`. */
enum login_method_kind {
	LOGIN_BY_GROUP,
	LOGIN_BY_USER,
	LOGIN_BY_LINE,
	LOGIN_BY_ENABLE,
	LOGIN_BY_NOBODY
};

struct login_method {
	enum login_method_kind kind;
	char text[16]; /* as the line has it; of LOGIN_BY_GROUP the group: "radius" */
};

/* Methods in order: the next one is asked when one cannot say. */
struct login_list {
	char name[32];
	unsigned n_methods;
	struct login_method methods[LOGIN_METHODS_MAX];
};

struct login_conf {
	struct login_secret enable_secret, enable_password;
	struct login_user *users; /* LOGIN_USERS_MAX; NULL before the first */
	unsigned n_users;
	struct login_line *lines; /* LOGIN_LINES_MAX; NULL: all as they are by default */
	unsigned n_lines;
	char *banners[2]; /* motd, login; NULL = none */
	bool aaa;
	struct login_list *lists; /* LOGIN_LISTS_MAX; NULL before the first */
	unsigned n_lists;
};

/* login_conf.c */
struct login_line login_line_default(void);
struct login_line login_line_of(const struct login_conf *c, unsigned line);
bool login_secret_matches(const struct login_secret *s, const char *password);
const struct login_secret *login_enable_secret(const struct login_conf *c);

/* login_users.c: who may log in (ASK_LOGIN). */
#define LOGIN_TRY_ASK	1000 /* our questions to servers have ids from here on */
#define LOGIN_TRIES_MAX 16
struct login_tries;
/* How somebody at this line proves who he is. */
enum line_login login_how(const struct login_conf *c, unsigned line);
void login_user_asked(struct login_tries **tries, const struct login_conf *c, const struct ev *ev,
		      struct fx *fx);
void login_user_answered(struct login_tries *tries, const struct login_conf *c, const struct ev *ev,
			 struct fx *fx);
void login_log_failure(const char *user, const struct addr *peer, const char *service,
		       struct fx *fx);

/* login_lines.c: the machine's commands */
void login_run_enable(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void login_run_disable(void *machine, const struct call *call, nsec_t now, struct fx *fx);
void login_run_show_users(void *machine, const struct call *call, nsec_t now, struct fx *fx);

extern const struct machine_class login_lines_class;
extern const struct proto login_proto;

#endif
