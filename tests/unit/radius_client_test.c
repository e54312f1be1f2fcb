/* The RADIUS client: each rule of radius.client, by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "machine_driver.h"
#include "radius/radius.h"

enum { SOCK4 = 1, SOCK6 };

#define KEY "s3cret"
#define ONE "radius-server host 10.0.0.5 key s3cret\n"
#define TWO                                                                                      \
	"radius server two\n address ipv4 10.0.0.6 auth-port 1645\n key 0 s3cret\n timeout 2\n " \
	"retransmit 0\n"
#define ASKER 77

static void setup(struct drv *d, const char *conf)
{
	drv_init(d, &radius_proto, KIND_ROUTER, 2);
	drv_addr(d, 1, "10.0.0.1/24");
	drv_addr(d, 2, "10.9.0.1/24");
	drv_conf(d, conf);
	d->now = SEC;
	drv_start(d, "radius.client");
	drv_expect_none(d, FX_BIND); /* nothing before somebody logs in */
}

static void login(struct drv *d, const char *user, const char *password)
{
	struct ask a = { .kind = ASK_LOGIN, .login = { .service = "telnet", .line = 3 } };

	str_copy(a.login.user, sizeof(a.login.user), user);
	str_copy(a.login.password, sizeof(a.login.password), password);
	a.login.peer = drv_a("10.0.0.99");
	drv_ask(d, ASKER, &a);
}

/* A request that was sent; it outlives the window. */
struct sent {
	uint32_t sock;
	struct ep to;
	size_t len;
	uint8_t octets[RADIUS_PACKET_MAX];
	struct radius_packet p;
};

static void take(struct drv *d, struct sent *s)
{
	const struct fx_effect *e = drv_next_send(d);
	const char *why;

	s->sock = e->send.sock;
	s->to = e->send.dst;
	s->len = e->send.len;
	memcpy(s->octets, e->send.data, e->send.len);
	assert_int_equal(radius_decode(s->octets, s->len, &s->p, &why), 0);
}

enum { SIGNED = BIT(0), WRONG_KEY = BIT(1) };

static void reply_with(struct drv *d, const struct sent *s, struct radius_out *o, unsigned how)
{
	radius_seal_reply(o, how & WRONG_KEY ? "other" : KEY, s->p.authenticator);
	drv_datagram(d, s->sock, s->to, drv_ep("10.0.0.1", 50000), 1, o->octets, o->len);
}

static void reply(struct drv *d, const struct sent *s, enum radius_code code, unsigned how)
{
	struct radius_out o;

	radius_begin(&o, code, s->p.id, how & SIGNED);
	reply_with(d, s, &o, how);
}

/* The privilege, or the negative errno. */
static int answered(struct drv *d)
{
	const struct fx_effect *e = drv_want(d, FX_ANSWER, "answer");
	const struct answer *a = e->answer.answer;

	assert_int_equal(e->answer.ask_id, ASKER);
	return a->err ? a->err : a->login.privilege;
}

static void a_login(void **state)
{
	char text[RADIUS_PASSWORD_MAX + 1];
	struct radius_attr a = { 0 };
	struct radius_out o;
	struct sent s;
	struct drv d;

	(void)state;
	setup(&d, ONE);
	login(&d, "ann", "lab");
	assert_int_equal(drv_next_bind(&d)->bind.sock, SOCK4);
	drv_expect_value(&d, "radius.client.send-request", "user", "ann");
	drv_expect_column(&d, "aaa_request", "client 1", "result", "pending");
	take(&d, &s);
	assert_int_equal(s.to.port, 1812);
	assert_true(radius_next(&s.p, &a) && a.type == RADIUS_MESSAGE_AUTHENTICATOR);
	assert_int_equal(radius_check_ma(&s.p, KEY, s.p.authenticator), RADIUS_MA_RIGHT);
	assert_true(radius_find(&s.p, RADIUS_USER_PASSWORD, &a));
	assert_int_equal(radius_unhide(KEY, s.p.authenticator, &a, text), 3);
	assert_string_equal(text, "lab");
	assert_int_equal(radius_number(&s.p, RADIUS_NAS_IP_ADDRESS, 0), 0x0a000001);
	assert_int_equal(radius_number(&s.p, RADIUS_NAS_PORT, 0), 3);
	assert_true(radius_text(&s.p, RADIUS_CALLING_STATION_ID, text, sizeof(text)));
	assert_string_equal(text, "10.0.0.99");
	radius_begin(&o, RADIUS_ACCESS_ACCEPT, s.p.id, true);
	radius_put_privilege(&o, 7);
	reply_with(&d, &s, &o, SIGNED);
	drv_expect_value(&d, "radius.client.extract-result", "code", "Access-Accept");
	drv_expect_value(&d, "radius.client.accept-service", "what", "privilege 7");
	drv_expect_value(&d, "radius.client.accept", "server", "10.0.0.5");
	assert_int_equal(answered(&d), 7);
	drv_expect_column(&d, "aaa_request", "client 1", "result", "accepted");
	assert_true(drv_deadline(&d) == NEVER);
	reply_with(&d, &s, &o, SIGNED); /* stale: nobody waits any more */
	drv_expect_decision(&d, "radius.client.drop-not-pending");
	drv_expect_none(&d, FX_ANSWER);
	drv_done(&d);
}

static void results(void **state)
{
	static const struct {
		enum radius_code code;
		uint32_t service;
		int answer;
		const char *rule;
	} rows[] = {
		{ RADIUS_ACCESS_ACCEPT, 0, 1, "radius.client.accept" },
		{ RADIUS_ACCESS_ACCEPT, RADIUS_ADMINISTRATIVE, 15, "radius.client.accept" },
		{ RADIUS_ACCESS_ACCEPT, RADIUS_NAS_PROMPT, 1, "radius.client.accept" },
		{ RADIUS_ACCESS_ACCEPT, 2, -EACCES, "radius.client.accept-service" },
		{ RADIUS_ACCESS_REJECT, 0, -EACCES, "radius.client.reject" },
		{ RADIUS_ACCESS_CHALLENGE, 0, -EACCES, "radius.client.error" },
	};
	struct radius_out o;
	struct sent s;
	struct drv d;

	(void)state;
	setup(&d, ONE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		login(&d, "ann", "lab");
		take(&d, &s);
		radius_begin(&o, rows[i].code, s.p.id, true);
		if (rows[i].service)
			radius_put_u32(&o, RADIUS_SERVICE_TYPE, rows[i].service);
		reply_with(&d, &s, &o, SIGNED);
		drv_expect_decision(&d, rows[i].rule);
		assert_int_equal(answered(&d), rows[i].answer);
	}
	drv_command(&d, "show aaa servers");
	drv_expect_output(
		&d, "RADIUS: id 1, priority 1, host 10.0.0.5, auth-port 1812, acct-port 1813\n");
	drv_expect_output(&d, "Response: accept 3, reject 2, challenge 1, incorrect 0\n");
	assert_null(strstr(drv_output(&d), KEY));
	drv_done(&d);
}

static void hostile_answers(void **state)
{
	static const uint8_t runt[] = { 2, 0, 0, 20 };
	struct sent s;
	struct drv d;

	(void)state;
	setup(&d, ONE);
	login(&d, "ann", "lab");
	take(&d, &s);
	reply(&d, &s, RADIUS_ACCESS_ACCEPT, SIGNED | WRONG_KEY);
	drv_expect_value(&d, "radius.client.drop-invalid", "reason",
			 "its Response Authenticator is wrong: forged, or another key");
	drv_datagram(&d, s.sock, s.to, drv_ep("10.0.0.1", 50000), 1, runt, sizeof(runt));
	drv_expect_decision(&d, "radius.client.drop-invalid");
	reply(&d, &s, RADIUS_ACCESS_REQUEST, SIGNED);
	drv_expect_value(&d, "radius.client.drop-invalid", "reason", "its code is not 2, 3 or 11");
	s.to.addr = drv_a("10.0.0.66");
	reply(&d, &s, RADIUS_ACCESS_ACCEPT, SIGNED);
	drv_expect_decision(&d, "radius.client.drop-not-pending");
	drv_expect_none(&d, FX_ANSWER);
	s.to.addr = drv_a("10.0.0.5");
	reply(&d, &s, RADIUS_ACCESS_ACCEPT, 0); /* unsigned: this server has never signed */
	assert_int_equal(answered(&d), 1);
	login(&d, "ann", "lab");
	take(&d, &s);
	reply(&d, &s, RADIUS_ACCESS_ACCEPT, SIGNED);
	assert_int_equal(answered(&d), 1);
	login(&d, "ann", "lab");
	take(&d, &s);
	reply(&d, &s, RADIUS_ACCESS_ACCEPT, 0);
	drv_expect_value(&d, "radius.client.drop-no-message-authenticator", "why",
			 "this server has sent one before");
	drv_expect_none(&d, FX_ANSWER);
	drv_done(&d);
}

static void signatures_are_required(void **state)
{
	struct radius_out o;
	struct sent s;
	struct drv d;

	(void)state;
	setup(&d, ONE "radius-server message-authenticator require\n");
	login(&d, "ann", "lab");
	take(&d, &s);
	reply(&d, &s, RADIUS_ACCESS_ACCEPT, 0);
	drv_expect_value(&d, "radius.client.drop-no-message-authenticator", "why",
			 "this device requires one");
	drv_conf(&d, "no radius-server message-authenticator require\n");
	radius_begin(&o, RADIUS_ACCESS_CHALLENGE, s.p.id, false);
	radius_put(&o, RADIUS_EAP_MESSAGE, "x", 1);
	reply_with(&d, &s, &o, 0);
	drv_expect_value(&d, "radius.client.drop-no-message-authenticator", "why",
			 "it carries EAP");
	radius_begin(&o, RADIUS_ACCESS_ACCEPT, s.p.id, true);
	o.ma_at = 0; /* the attribute's zeros stay */
	reply_with(&d, &s, &o, 0);
	drv_expect_value(&d, "radius.client.drop-invalid", "reason",
			 "its Message-Authenticator is wrong");
	drv_done(&d);
}

static void silence(void **state)
{
	struct sent first, again;
	struct drv d;

	(void)state;
	setup(&d,
	      "radius-server timeout 1\nradius-server retransmit 2\nradius-server deadtime 1\n" ONE
		      TWO);
	login(&d, "ann", "lab");
	take(&d, &first);
	for (int i = 2; i <= 3; i++) {
		drv_timer(&d);
		drv_expect_value(&d, "radius.client.timeout", "next", "the same packet once more");
		take(&d, &again);
		assert_int_equal(again.len, first.len);
		assert_memory_equal(again.octets, first.octets, first.len);
	}
	assert_true(d.now == 3 * SEC);
	drv_timer(&d); /* the next one, with numbers of its own */
	take(&d, &again);
	assert_int_equal(again.to.port, 1645);
	assert_true(addr_equal(&again.to.addr, &(struct addr){ 4, { 10, 0, 0, 6 } }));
	assert_int_not_equal(again.p.id, first.p.id);
	assert_memory_not_equal(again.p.authenticator, first.p.authenticator, 16);
	drv_timer(&d);
	assert_true(d.now == 6 * SEC);
	drv_expect_value(&d, "radius.client.error", "what", "no server answered");
	assert_int_equal(answered(&d), -EHOSTUNREACH);
	login(&d, "ann", "lab"); /* both are dead for a minute */
	drv_expect_none(&d, FX_SEND);
	assert_int_equal(answered(&d), -EHOSTUNREACH);
	drv_command(&d, "show aaa servers");
	drv_expect_output(
		&d, "State: current DEAD\n     Authen: request 1, timeouts 3, retransmission 2\n");
	d.now += 61 * SEC;
	login(&d, "ann", "lab");
	assert_int_equal(drv_count(&d, FX_SEND), 1);
	drv_done(&d);
}

static void nobody_to_ask(void **state)
{
	struct drv d;

	(void)state;
	setup(&d, "radius server nowhere\n key x\nradius-server host 10.0.0.5\n");
	login(&d, "ann", "lab");
	drv_expect_decision(&d, "radius.client.error");
	drv_expect_none(&d, FX_FACT_BEGIN);
	assert_int_equal(answered(&d), -EHOSTUNREACH);
	drv_conf(&d, "radius-server key s3cret\n");
	for (int i = 0; i < RADIUS_LOGINS_MAX; i++) {
		login(&d, "ann", "lab");
		assert_int_equal(drv_count(&d, FX_SEND), 1);
	}
	login(&d, "ann", "lab");
	drv_expect_decision(&d, "radius.client.not-sent");
	assert_int_equal(answered(&d), -EBUSY);
	drv_done(&d);
}

static void testing(void **state)
{
	char line[400];
	struct sent s;
	struct drv d;

	(void)state;
	setup(&d, ONE "ip radius source-interface eth1\n");
	drv_command(&d, "test aaa group radius ann lab legacy");
	take(&d, &s);
	assert_int_equal(radius_number(&s.p, RADIUS_NAS_IP_ADDRESS, 0), 0x0a090001);
	assert_int_equal(d.status, -1);
	reply(&d, &s, RADIUS_ACCESS_ACCEPT, SIGNED);
	drv_expect_output(&d, "Attempting authentication test to server-group radius using radius\n"
			      "User was successfully authenticated.\n");
	assert_int_equal(d.status, 0);
	drv_command(&d, "test aaa group radius ann wrong");
	take(&d, &s);
	reply(&d, &s, RADIUS_ACCESS_REJECT, SIGNED);
	drv_expect_output(&d, "User authentication request was rejected by server.\n");
	drv_conf(&d, "no radius-server host 10.0.0.5\n");
	drv_command(&d, "test aaa group radius ann wrong");
	drv_expect_output(&d, "No authoritative response from any server.\n");
	assert_int_equal(d.status, 1);
	snprintf(line, sizeof(line), "test aaa group radius ann %0130d", 0);
	drv_command(&d, line);
	drv_expect_decision(&d, "radius.client.not-sent");
	drv_done(&d);
}

static void over_ipv6(void **state)
{
	struct sent s;
	struct drv d;

	(void)state;
	setup(&d, "radius server six\n address ipv6 2001:db8::5\n key 7 0822455D0A16\n");
	login(&d, "ann", "lab");
	assert_int_equal(drv_next_bind(&d)->bind.sock, SOCK6);
	take(&d, &s);
	assert_int_equal(s.to.addr.family, 6);
	assert_int_equal(radius_check_ma(&s.p, "cisco", s.p.authenticator), RADIUS_MA_RIGHT);
	drv_done(&d);
}

static void lines_that_are_refused(void **state)
{
	static const char *const rows[] = {
		"radius-server host 0.0.0.0 key x",	  "radius-server host 224.0.0.1 key x",
		"radius-server host 10.0.0.1 key 7 xyz",  "radius-server key 5 abc",
		"radius server a\n address ipv4 0.0.0.0", "ip radius source-interface eth9",
	};
	char line[400];
	struct drv d;

	(void)state;
	setup(&d, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		drv_conf_refused(&d, rows[i]);
	drv_conf(&d, "no radius server a\n");
	snprintf(line, sizeof(line), "radius-server key %0100d", 0);
	drv_conf_refused(&d, line);
	for (int i = 1; i <= RADIUS_SERVERS_MAX; i++) {
		snprintf(line, sizeof(line), "radius-server host 10.0.0.%d key x", i);
		drv_conf(&d, line);
	}
	drv_conf_refused(&d, "radius-server host 10.0.1.1 key x");
	drv_conf(&d, "radius-server host 10.0.0.1 key y"); /* in place of the old line */
	drv_conf(&d, "no radius-server host 10.0.0.2\nradius server last\n address ipv4 10.0.1.1\n "
		     "no key\n");
	drv_conf_refused(&d, "radius server more");
	drv_conf(&d, "no radius server last\n");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login),
		cmocka_unit_test(results),
		cmocka_unit_test(hostile_answers),
		cmocka_unit_test(signatures_are_required),
		cmocka_unit_test(silence),
		cmocka_unit_test(nobody_to_ask),
		cmocka_unit_test(testing),
		cmocka_unit_test(over_ipv6),
		cmocka_unit_test(lines_that_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
