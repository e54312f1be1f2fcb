/* The RADIUS server: each rule of radius.server, by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "machine_driver.h"
#include "radius/radius.h"

enum { SOCK_AUTH = 1, SOCK_ACCT = 3 };

#define KEY "s3cret"
#define ON                                                                 \
	"service radius\nradius client r1 10.0.0.1 key s3cret\n"           \
	"radius client strict 10.0.0.2 key s3cret message-authenticator\n" \
	"radius client front 10.0.0.3 key s3cret type proxy\n"             \
	"radius client t 10.0.0.4 key s3cret type tacacs\n"                \
	"radius user ann privilege 15 password lab\nradius user bob password 7 0822455D0A16\n"

static const uint8_t number[MD5_LEN] = "sixteen octets.";

static void setup(struct drv *d, const char *conf)
{
	drv_init(d, &radius_proto, KIND_SERVER, 1);
	drv_addr(d, 1, "10.0.0.5/24");
	drv_conf(d, conf);
	d->now = SEC;
	drv_start(d, "radius.server");
}

/* How a request is made. */
struct asks {
	enum radius_code code;
	uint8_t id;
	const char *user, *password, *key, *from;
	bool is_signed, eap, second;
	unsigned n_proxy;
	uint16_t port;
};

static void begin(struct radius_out *o, const struct asks *a)
{
	uint8_t hidden[RADIUS_PASSWORD_MAX];
	size_t n;

	radius_begin(o, a->code ? a->code : RADIUS_ACCESS_REQUEST, a->id, a->is_signed);
	if (a->user)
		radius_put_text(o, RADIUS_USER_NAME, a->user);
	n = a->password ? radius_hide(a->key ? a->key : KEY, number, a->password, hidden) : 0;
	if (n > 0)
		radius_put(o, RADIUS_USER_PASSWORD, hidden, n);
	if (a->second)
		radius_put(o, RADIUS_CHAP_PASSWORD, hidden, 17);
	if (a->eap)
		radius_put(o, RADIUS_EAP_MESSAGE, "x", 1);
	for (unsigned i = 0; i < a->n_proxy; i++)
		radius_put_u32(o, RADIUS_PROXY_STATE, i + 1);
}

static void deliver(struct drv *d, const struct asks *a, const struct radius_out *o)
{
	uint16_t port = a->port ? a->port : RADIUS_AUTH_PORT;

	drv_datagram(d, port == RADIUS_ACCT_PORT ? SOCK_ACCT : SOCK_AUTH,
		     drv_ep(a->from ? a->from : "10.0.0.1", 50000), drv_ep("10.0.0.5", port), 1,
		     o->octets, o->len);
}

static void ask(struct drv *d, struct asks a)
{
	struct radius_out o;

	begin(&o, &a);
	radius_seal_request(&o, a.key ? a.key : KEY, number);
	deliver(d, &a, &o);
}

/* The answer to the last request; its octets live as long as the window. */
static struct radius_packet answer(struct drv *d, enum radius_code code)
{
	const struct fx_effect *e = drv_next_send(d);
	struct radius_packet p;
	const char *why;

	assert_int_equal(radius_decode(e->send.data, e->send.len, &p, &why), 0);
	assert_int_equal(p.code, code);
	assert_int_equal(e->send.dst.port, 50000);
	assert_true(addr_equal(&e->send.src.addr, &(struct addr){ 4, { 10, 0, 0, 5 } }));
	return p;
}

static void off(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "");
	assert_int_equal(drv_count(&d, FX_BIND), 1);
	ask(&d, (struct asks){ .user = "ann", .password = "lab" });
	drv_expect_decision(&d, "radius.server.drop-disabled");
	drv_conf(&d, "service radius\n");
	assert_int_equal(drv_count(&d, FX_BIND), 7);
	drv_failed(&d, &(struct fx_effect){ .kind = FX_BIND, .id = 1 }, SOCK_ACCT, EADDRINUSE);
	drv_expect_value(&d, "radius.server.no-port", "port", "1813");
	drv_done(&d);
}

static void who_is_let_in(void **state)
{
	struct radius_packet p;
	struct drv d;

	(void)state;
	setup(&d, ON);
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .is_signed = true });
	drv_expect_value(&d, "radius.server.continue", "code", "Access-Request");
	drv_expect_decision(&d, "radius.server.verify-client");
	drv_expect_value(&d, "radius.server.extract-credentials", "method", "a hidden password");
	drv_expect_value(&d, "radius.server.authenticate", "result", "the password is right");
	drv_expect_value(&d, "radius.server.accept", "privilege", "15");
	drv_expect_value(&d, "radius.server.reply-message-authenticator", "code", "Access-Accept");
	p = answer(&d, RADIUS_ACCESS_ACCEPT);
	assert_true(radius_check_authenticator(&p, KEY, number));
	assert_int_equal(radius_check_ma(&p, KEY, number), RADIUS_MA_RIGHT);
	assert_int_equal(p.octets[RADIUS_HEADER_LEN], RADIUS_MESSAGE_AUTHENTICATOR);
	assert_int_equal(radius_privilege(&p), 15);
	assert_int_equal(radius_number(&p, RADIUS_SERVICE_TYPE, 0), RADIUS_ADMINISTRATIVE);
	drv_expect_column(&d, "aaa_request", "server 1", "result", "accepted");
	ask(&d, (struct asks){ .id = 1, .user = "bob", .password = "cisco", .is_signed = true });
	p = answer(&d, RADIUS_ACCESS_ACCEPT);
	assert_int_equal(radius_number(&p, RADIUS_SERVICE_TYPE, 0), RADIUS_NAS_PROMPT);
	ask(&d, (struct asks){ .id = 2, .user = "ann", .password = "lob", .is_signed = true });
	drv_expect_value(&d, "radius.server.reject", "reason", "wrong password");
	p = answer(&d, RADIUS_ACCESS_REJECT);
	assert_int_equal(radius_check_ma(&p, KEY, number), RADIUS_MA_RIGHT);
	ask(&d, (struct asks){ .id = 3, .user = "eve", .password = "lab", .is_signed = true });
	drv_expect_value(&d, "radius.server.reject", "reason", "no such user");
	drv_expect_column(&d, "aaa_request", "server 4", "reason", "no such user");
	drv_command(&d, "show radius server");
	drv_expect_output(&d, "RADIUS is on, accounting is off; 2 users\n");
	drv_expect_output(&d, "10.0.0.3                                proxy\n");
	assert_null(strstr(drv_output(&d), KEY));
	drv_done(&d);
}

static void keys(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, ON);
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .key = "other" });
	drv_expect_value(&d, "radius.server.reject", "reason",
			 "bad-key-suspected: the password is garbled");
	ask(&d,
	    (struct asks){ .user = "ann", .password = "lab", .key = "other", .is_signed = true });
	drv_expect_value(&d, "radius.server.drop-client-mismatch", "reason",
			 "its Message-Authenticator proves another key");
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .from = "10.0.0.66" });
	drv_expect_value(&d, "radius.server.drop-client-mismatch", "reason",
			 "nobody with this address is a client");
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .from = "10.0.0.4" });
	drv_expect_value(&d, "radius.server.drop-client-mismatch", "reason",
			 "it is a client of TACACS+");
	drv_expect_none(&d, FX_SEND);
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .from = "10.0.0.2" });
	drv_expect_value(&d, "radius.server.drop-no-message-authenticator", "why",
			 "this client must send one");
	ask(&d, (struct asks){ .user = "ann", .eap = true });
	drv_expect_value(&d, "radius.server.drop-no-message-authenticator", "why",
			 "it carries EAP");
	ask(&d, (struct asks){ .id = 9, .user = "ann", .password = "lab", .is_signed = true });
	answer(&d, RADIUS_ACCESS_ACCEPT);
	ask(&d, (struct asks){ .user = "ann", .password = "lab" });
	drv_expect_value(&d, "radius.server.drop-no-message-authenticator", "why",
			 "this client has sent one before");
	drv_done(&d);
}

static void proxies(void **state)
{
	struct radius_attr a = { 0 };
	struct radius_packet p;
	unsigned n = 0;
	struct drv d;

	(void)state;
	setup(&d, ON);
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .n_proxy = 1 });
	drv_expect_decision(&d, "radius.server.drop-proxy-state");
	ask(&d,
	    (struct asks){ .user = "ann", .password = "lab", .n_proxy = 2, .from = "10.0.0.3" });
	drv_expect_value(&d, "radius.server.proxy-state", "count", "2");
	p = answer(&d, RADIUS_ACCESS_ACCEPT);
	while (radius_next(&p, &a))
		if (a.type == RADIUS_PROXY_STATE)
			assert_int_equal(a.value[3], ++n);
	assert_int_equal(n, 2);
	drv_done(&d);
}

static void malformed(void **state)
{
	static const uint8_t runt[] = { 1, 0, 0, 21 };
	struct drv d;

	(void)state;
	setup(&d, ON);
	drv_datagram(&d, SOCK_AUTH, drv_ep("10.0.0.1", 50000), drv_ep("10.0.0.5", 1812), 1, runt,
		     sizeof(runt));
	drv_expect_decision(&d, "radius.server.drop-invalid");
	ask(&d, (struct asks){ .code = RADIUS_ACCESS_ACCEPT });
	drv_expect_value(&d, "radius.server.drop-other-code", "code", "Access-Accept");
	ask(&d, (struct asks){ .port = RADIUS_ACCT_PORT });
	drv_expect_value(&d, "radius.server.drop-other-code", "port", "1813");
	drv_expect_none(&d, FX_SEND);
	ask(&d, (struct asks){ .password = "lab" });
	drv_expect_decision(&d, "radius.server.no-credentials");
	answer(&d, RADIUS_ACCESS_REJECT);
	ask(&d, (struct asks){ .id = 1, .user = "ann" });
	drv_expect_value(&d, "radius.server.no-credentials", "reason",
			 "it has no password of a kind that is known here");
	ask(&d, (struct asks){ .id = 2, .user = "ann", .password = "lab", .second = true });
	drv_expect_value(&d, "radius.server.no-credentials", "reason", "it has several passwords");
	answer(&d, RADIUS_ACCESS_REJECT);
	drv_done(&d);
}

static void a_password_of_a_strange_length(void **state)
{
	struct asks a = { .user = "ann" };
	struct radius_out o;
	struct drv d;

	(void)state;
	setup(&d, ON);
	begin(&o, &a);
	radius_put(&o, RADIUS_USER_PASSWORD, "short", 5);
	radius_seal_request(&o, KEY, number);
	deliver(&d, &a, &o);
	drv_expect_value(&d, "radius.server.reject", "reason",
			 "the password's length is no multiple of 16 up to 128");
	drv_done(&d);
}

static void repeated(void **state)
{
	struct asks a = { .id = 5, .user = "ann", .password = "lab" };
	struct radius_packet p;
	uint8_t first[128];
	struct drv d;

	(void)state;
	setup(&d, ON);
	ask(&d, a);
	p = answer(&d, RADIUS_ACCESS_ACCEPT);
	assert_true(p.len <= sizeof(first));
	memcpy(first, p.octets, p.len);
	d.now += 10 * SEC;
	ask(&d, a);
	drv_expect_value(&d, "radius.server.duplicate", "id", "5");
	drv_expect_no_decision(&d, "radius.server.authenticate");
	p = answer(&d, RADIUS_ACCESS_ACCEPT);
	assert_memory_equal(first, p.octets, p.len);
	d.now += 31 * SEC;
	ask(&d, a);
	drv_expect_decision(&d, "radius.server.authenticate");
	for (uint8_t i = 0; i < RADIUS_RECENT_MAX; i++)
		ask(&d, (struct asks){ .id = (uint8_t)(100 + i), .user = "ann", .password = "x" });
	ask(&d, a); /* forgotten: the table is full of others */
	drv_expect_decision(&d, "radius.server.authenticate");
	drv_done(&d);
}

static void chap(struct drv *d, const char *user, const char *password, uint8_t id)
{
	struct asks a = { .id = id, .user = user };
	uint8_t digest[1 + MD5_LEN] = { 7 };
	struct radius_out o;
	char start[32];

	snprintf(start, sizeof(start), "\a%s", password);
	crypto_md5(start, strlen(start), "challenge", 9, digest + 1);
	begin(&o, &a);
	radius_put(&o, RADIUS_CHAP_PASSWORD, digest, sizeof(digest));
	radius_put(&o, RADIUS_CHAP_CHALLENGE, "challenge", 9);
	radius_seal_request(&o, KEY, number);
	deliver(d, &a, &o);
}

static void by_challenge(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, ON);
	chap(&d, "ann", "lab", 1);
	drv_expect_value(&d, "radius.server.chap", "result", "it is right");
	answer(&d, RADIUS_ACCESS_ACCEPT);
	chap(&d, "ann", "lob", 2);
	drv_expect_value(&d, "radius.server.chap", "result", "wrong password");
	answer(&d, RADIUS_ACCESS_REJECT);
	chap(&d, "eve", "lab", 3);
	drv_expect_value(&d, "radius.server.chap", "result", "no such user");
	drv_done(&d);
}

static void alive(void **state)
{
	struct radius_packet p;
	struct drv d;

	(void)state;
	setup(&d, ON);
	ask(&d, (struct asks){ .code = RADIUS_STATUS_SERVER, .is_signed = true });
	drv_expect_decision(&d, "radius.server.status");
	p = answer(&d, RADIUS_ACCESS_ACCEPT);
	assert_int_equal(radius_check_ma(&p, KEY, number), RADIUS_MA_RIGHT);
	ask(&d, (struct asks){ .code = RADIUS_STATUS_SERVER,
			       .is_signed = true,
			       .port = RADIUS_ACCT_PORT });
	p = answer(&d, RADIUS_ACCOUNTING_RESPONSE);
	assert_true(radius_check_authenticator(&p, KEY, number));
	ask(&d, (struct asks){ .code = RADIUS_STATUS_SERVER });
	drv_expect_value(&d, "radius.server.drop-invalid", "reason",
			 "Status-Server without a Message-Authenticator");
	drv_done(&d);
}

static void account(struct drv *d, uint8_t id, uint32_t status, const char *key, const char *from)
{
	static const uint8_t zero[MD5_LEN];
	struct asks a = { .code = RADIUS_ACCOUNTING_REQUEST,
			  .id = id,
			  .user = "ann",
			  .port = RADIUS_ACCT_PORT,
			  .from = from };
	struct radius_out o;

	begin(&o, &a);
	if (status)
		radius_put_u32(&o, RADIUS_ACCT_STATUS_TYPE, status);
	radius_put_text(&o, RADIUS_ACCT_SESSION_ID, "0001");
	radius_put_u32(&o, RADIUS_ACCT_SESSION_TIME, 61);
	radius_seal_reply(&o, key, zero);
	deliver(d, &a, &o);
}

static void accounting(void **state)
{
	struct radius_packet p;
	struct drv d;

	(void)state;
	setup(&d, ON);
	account(&d, 1, 1, KEY, NULL);
	drv_expect_value(&d, "radius.server.drop-accounting", "reason",
			 "accounting is not switched on");
	drv_conf(&d, "service radius-accounting\n");
	account(&d, 1, 1, KEY, NULL);
	drv_expect_value(&d, "radius.server.accounting", "status", "start");
	drv_expect_column(&d, "aaa_accounting", "10.0.0.1 0001", "user", "ann");
	p = answer(&d, RADIUS_ACCOUNTING_RESPONSE);
	assert_int_equal(p.len, RADIUS_HEADER_LEN);
	account(&d, 1, 1, KEY, NULL);
	drv_expect_decision(&d, "radius.server.duplicate");
	drv_expect_none(&d, FX_FACT_BEGIN);
	account(&d, 2, 3, KEY, NULL);
	drv_expect_value(&d, "radius.server.accounting", "status", "interim");
	account(&d, 3, 2, KEY, NULL);
	drv_expect_column(&d, "aaa_accounting", "10.0.0.1 0001", "seconds", "61");
	drv_expect_fact(&d, FX_FACT_END, "aaa_accounting", "10.0.0.1 0001");
	account(&d, 4, 1, "other", NULL);
	drv_expect_value(&d, "radius.server.drop-accounting", "reason",
			 "its Request Authenticator is wrong: another key");
	account(&d, 5, 0, KEY, NULL);
	drv_expect_value(&d, "radius.server.drop-accounting", "reason",
			 "it has no Acct-Status-Type");
	account(&d, 6, 1, KEY, "10.0.0.66");
	drv_expect_value(&d, "radius.server.drop-accounting", "reason",
			 "nobody with this address is a client");
	drv_done(&d);
}

/* The running configuration hides secrets, and can be read again. */
static void hidden(void **state)
{
	static const char *const rows[] = {
		"radius-server key s3cret",
		"radius-server host 10.0.0.7 auth-port 1 acct-port 2 timeout 3 retransmit 4 key "
		"s3cret",
		"radius-server host 10.0.0.8 key 0 s3cret",
		"radius server a\n key s3cret",
	};
	char text[4096];
	struct drv d;

	(void)state;
	setup(&d, ON);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		drv_conf(&d, rows[i]);
	str_copy(text, sizeof(text), drv_running(&d));
	assert_null(strstr(text, KEY));
	assert_null(strstr(text, "lab"));
	assert_non_null(strstr(text, " message-authenticator\n"));
	assert_non_null(strstr(text, " type tacacs\n"));
	drv_done(&d);
	setup(&d, text);
	assert_string_equal(drv_running(&d), text);
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .is_signed = true });
	drv_expect_value(&d, "radius.server.accept", "privilege", "15");
	drv_conf_refused(&d, "radius user \"a b\" password x");
	drv_conf(&d, "no radius client strict 10.0.0.2 key s3cret\n");
	ask(&d, (struct asks){ .user = "ann", .password = "lab", .from = "10.0.0.2" });
	drv_expect_decision(&d, "radius.server.drop-client-mismatch");
	drv_done(&d);
}

static void lines_that_are_refused(void **state)
{
	char line[300];
	struct drv d;

	(void)state;
	setup(&d, ON);
	drv_conf_refused(&d, "radius client x 10.0.0.9 key 7 xyz");
	drv_conf_refused(&d, "radius user x password 9 y");
	snprintf(line, sizeof(line), "radius user x password %0129d", 0);
	drv_conf_refused(&d, line);
	drv_conf(&d, "no radius user bob password cisco\nno radius client t 10.0.0.4 key s3cret\n");
	for (int i = 0; i < RADIUS_USERS_MAX - 1; i++) {
		snprintf(line, sizeof(line), "radius user u%d password x\n", i);
		drv_conf(&d, line);
	}
	drv_conf_refused(&d, "radius user more password x");
	for (int i = 0; i < RADIUS_CLIENTS_MAX - 3; i++) {
		snprintf(line, sizeof(line), "radius client c%d 10.1.0.%d key x\n", i, i);
		drv_conf(&d, line);
	}
	drv_conf_refused(&d, "radius client more 10.2.0.1 key x");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(off),	     cmocka_unit_test(who_is_let_in),
		cmocka_unit_test(keys),	     cmocka_unit_test(proxies),
		cmocka_unit_test(malformed), cmocka_unit_test(a_password_of_a_strange_length),
		cmocka_unit_test(repeated),  cmocka_unit_test(by_challenge),
		cmocka_unit_test(alive),     cmocka_unit_test(accounting),
		cmocka_unit_test(hidden),    cmocka_unit_test(lines_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
