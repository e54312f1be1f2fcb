/* Which of several servers an NTP client follows; the clock as people see and set it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ntp_driver.h"

#define ONE_SERVER "ntp server " T_SERVER "\n"

/* --- several servers ---------------------------------------------------------------------- */

#define THREE_SERVERS "ntp server 10.0.0.1\nntp server 10.0.0.2\nntp server 10.0.0.3\n"

struct t_says {
	int64_t ahead_ns;
	uint8_t stratum;
	nsec_t delay_ns;
};

/* Each of n servers answers once. */
static void round_of(struct drv *d, const struct t_says *says, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct t_request r = t_poll(d);
		const struct t_says *s = &says[r.server.b[3] - 1];
		struct ntp_packet p;

		d->now += s->delay_ns;
		p = t_reply(d, &r, s->ahead_ns - s->delay_ns / 2);
		p.stratum = s->stratum;
		t_answer(d, &r, &p, NULL);
	}
}

static const char *followed(struct drv *d)
{
	static char text[ADDR_TEXT_LEN];
	const char *line;

	drv_command(d, "show ntp associations");
	line = strstr(drv_output(d), "\n*~");
	str_copy_n(text, sizeof(text), line ? line + 3 : "", line ? strcspn(line + 3, " ") : 0);
	return text;
}

static void whom_it_follows(void **state)
{
	static const struct {
		struct t_says says[3];
		const char *conf, *server;
	} rows[] = {
		{ { { 0, 3, 0 }, { 0, 2, 0 }, { 0, 4, 0 } }, "", "10.0.0.2" },
		{ { { 0, 3, 0 }, { 0, 2, 0 }, { 0, 4, 0 } },
		  "ntp server 10.0.0.3 prefer\n",
		  "10.0.0.3" },
		{ { { 0, 2, 9 * MSEC }, { 0, 2, 7 * MSEC }, { 0, 2, 4 * MSEC } }, "", "10.0.0.3" },
		/* one of three lies */
		{ { { 0, 3, 0 }, { 100 * SEC, 1, 0 }, { 0, 4, 0 } }, "", "10.0.0.1" },
		{ { { 0, 3, 0 }, { 100 * SEC, 1, 0 }, { 0, 4, 0 } },
		  "ntp server 10.0.0.2 prefer\n",
		  "10.0.0.1" },
		/* no majority: nobody is left out */
		{ { { 0, 3, 0 }, { 100 * SEC, 1, 0 }, { 0, 16, 0 } }, "", "10.0.0.2" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct drv d;

		t_setup(&d, KIND_PC, THREE_SERVERS);
		drv_conf(&d, rows[i].conf);
		round_of(&d, rows[i].says, 3);
		round_of(&d, rows[i].says, 3);
		if (strcmp(followed(&d), rows[i].server) != 0)
			fail_msg("row %zu: follows %s", i, followed(&d));
		drv_done(&d);
	}
}

static void the_next_one_takes_over(void **state)
{
	static const struct t_says says[] = { { 0, 2, 0 }, { 1 * MSEC, 3, 0 }, { 0, 4, 0 } };
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, THREE_SERVERS);
	round_of(&d, says, 3);
	assert_string_equal(followed(&d), "10.0.0.1");
	drv_expect_output(&d, "\n+~10.0.0.2 ");
	drv_conf(&d, "no ntp server 10.0.0.1\n");
	drv_expect_value(&d, "ntp.client.select-server", "server", "10.0.0.2");
	drv_expect_no_decision(&d, "ntp.client.lost-sync");
	assert_string_equal(followed(&d), "10.0.0.2");
	drv_conf(&d, "no ntp server 10.0.0.3\n"); /* behind it in the table */
	assert_string_equal(followed(&d), "10.0.0.2");
	drv_conf(&d, "no ntp server 10.0.0.2\n");
	drv_expect_value(&d, "ntp.client.lost-sync", "why", "no server is configured");
	drv_done(&d);
}

static void a_falseticker_is_shown(void **state)
{
	static const struct t_says says[] = { { 0, 2, 0 }, { 100 * SEC, 3, 0 }, { 0, 4, 0 } };
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, THREE_SERVERS);
	round_of(&d, says, 3);
	round_of(&d, says, 3);
	drv_command(&d, "show ntp associations");
	drv_expect_output(&d, "\nx~10.0.0.2 ");
	drv_done(&d);
}

/* --- what people see and do --------------------------------------------------------------- */

static void shown(void **state)
{
	struct t_request r;
	struct ntp_packet p;
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, ONE_SERVER);
	drv_command(&d, "show clock");
	drv_expect_decision(&d, "ntp.show.clock");
	assert_string_equal(drv_output(&d), "*08:00:01.000 UTC Thu Jan 1 2026\n");
	drv_command(&d, "show ntp status");
	drv_expect_decision(&d, "ntp.show.status");
	drv_expect_output(&d, "Clock is unsynchronized, stratum 16, no reference clock\n");
	drv_expect_output(&d, "follows nobody: no server has answered\n");
	drv_command(&d, "show ntp associations");
	drv_expect_value(&d, "ntp.show.associations", "count", "1");
	drv_expect_output(&d, "\n ~10.0.0.1        .INIT.          16      -    64     0 ");
	r = t_poll(&d);
	d.now += 10 * MSEC;
	p = t_reply(&d, &r, 60 * SEC - 5 * MSEC);
	t_answer(&d, &r, &p, NULL);
	d.now += SEC - d.now % SEC;
	drv_command(&d, "show clock detail");
	assert_string_equal(drv_output(&d),
			    "08:01:02.000 UTC Thu Jan 1 2026\nTime source is NTP\n");
	drv_command(&d, "show ntp status");
	drv_expect_output(&d, "Clock is synchronized, stratum 3, reference is 10.0.0.1\n"
			      "precision is 2**20\nreference time is ED00A83D.");
	drv_expect_output(&d, "clock offset is 0.0000 msec, root delay is 10.0000 msec\n");
	drv_command(&d, "show ntp associations");
	drv_expect_output(&d, "*~10.0.0.1        192.0.2.1        2 ");
	drv_done(&d);
}

static void set_by_hand(void **state)
{
	static const struct {
		const char *line, *error;
	} rows[] = { { "clock set 24:00:00 1 jan 2026", "hh:mm:ss" },
		     { "clock set 12:60:00 1 jan 2026", "hh:mm:ss" },
		     { "clock set 12:00 1 jan 2026", "hh:mm:ss" },
		     { "clock set 12:00:00x 1 jan 2026", "hh:mm:ss" },
		     { "clock set 12:00:00 31 feb 2026", "no such day" } };
	struct drv d;

	(void)state;
	t_setup(&d, KIND_PC, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		drv_command(&d, rows[i].line);
		drv_expect_output(&d, rows[i].error);
		assert_int_equal(d.status, 1);
		drv_expect_none(&d, FX_CLOCK);
	}
	drv_command(&d, "clock set 12:34:56 29 february 2024");
	assert_int_equal(d.status, 0);
	drv_expect_value(&d, "ntp.clock.set", "after", "12:34:56.000 UTC Thu Feb 29 2024");
	drv_expect_log(&d,
		       "%SYS-6-CLOCKUPDATE: System clock has been updated from 08:00:01.000 UTC "
		       "Thu Jan 1 2026 to 12:34:56.000 UTC Thu Feb 29 2024, configured from "
		       "console by console");
	drv_expect_column(&d, "clock", "clock", "state", "set by hand");
	d.now += 4 * SEC;
	drv_command(&d, "show clock detail");
	assert_string_equal(drv_output(&d), "12:35:00.000 UTC Thu Feb 29 2024\n"
					    "Time source is user configuration\n");
	drv_command(&d, "clock set 1:02:03 dec 31 2030");
	drv_command(&d, "show clock");
	assert_string_equal(drv_output(&d), "01:02:03.000 UTC Tue Dec 31 2030\n");
	/* A server knows better. */
	drv_conf(&d, ONE_SERVER);
	t_exchange(&d, 0);
	assert_true(llabs(t_ahead(&d)) < MSEC);
	drv_done(&d);
}

static void lines_that_are_refused(void **state)
{
	static const struct {
		const char *line, *why;
	} rows[] = {
		{ "ntp server 0.0.0.0\n", "not the address of a host" },
		{ "ntp server 224.0.1.1\n", "not the address of a host" },
		{ "ntp server 10.0.0.1 minpoll 8 maxpoll 7\n", "minpoll is above maxpoll" },
		{ "ntp server 10.0.0.1 source eth7\n", "no such interface" },
		{ "ntp source eth7\n", "no such interface" },
		{ "ntp trusted-key 5 - 4\n", "ends before it begins" },
		{ "ntp server 10.0.0.1 version 5\n", "" },
		{ "ntp authentication-key 1 md5 "
		  "12345678901234567890123456789012345678901234567890123456789012345\n",
		  "64 octets at most" },
	};
	char line[64];
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strstr(drv_conf_refused(&d, rows[i].line), rows[i].why))
			fail_msg("%s: %s", rows[i].line, d.refused);
	for (int i = 1; i <= 33; i++) {
		snprintf(line, sizeof(line), "ntp server 10.0.1.%d\n", i);
		if (i <= 8)
			drv_conf(&d, line);
		else if (i == 9)
			assert_non_null(strstr(drv_conf_refused(&d, line), "8 servers"));
		snprintf(line, sizeof(line), "ntp authentication-key %d md5 x\n", i);
		if (i <= 32)
			drv_conf(&d, line);
		else
			assert_non_null(strstr(drv_conf_refused(&d, line), "32 keys"));
		snprintf(line, sizeof(line), "ntp trusted-key %d\n", i);
		if (i <= 32)
			drv_conf(&d, line);
		else
			assert_non_null(strstr(drv_conf_refused(&d, line), "32 trusted"));
	}
	drv_conf(&d, "ntp server 10.0.1.3 minpoll 12\nntp server 10.0.1.4 maxpoll 4\n"
		     "ntp authentication-key 7 sha1 y\nntp trusted-key 7\nno ntp trusted-key 8\n"
		     "ntp update-calendar\n");
	drv_done(&d);
}

static void where_requests_come_from(void **state)
{
	struct drv d;

	(void)state;
	t_setup(&d, KIND_ROUTER, "ntp source eth1\n" ONE_SERVER);
	drv_timer(&d);
	assert_true(addr_equal(&drv_next_send(&d)->send.src.addr,
			       &(struct addr){ 4, { 10, 0, 9, 9 } }));
	drv_conf(&d, "ntp server " T_SERVER " source eth0\n");
	drv_timer(&d);
	assert_true(addr_equal(&drv_next_send(&d)->send.src.addr,
			       &(struct addr){ 4, { 10, 0, 0, 9 } }));
	drv_conf(&d, "no ntp source\n" ONE_SERVER);
	drv_timer(&d);
	assert_false(addr_is_set(&drv_next_send(&d)->send.src.addr));
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whom_it_follows),
		cmocka_unit_test(the_next_one_takes_over),
		cmocka_unit_test(a_falseticker_is_shown),
		cmocka_unit_test(shown),
		cmocka_unit_test(set_by_hand),
		cmocka_unit_test(lines_that_are_refused),
		cmocka_unit_test(where_requests_come_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
