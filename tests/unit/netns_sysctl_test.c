#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns_box.h"

#include "netns/sysctl.h"

/* ---- the baseline, row by row ---- */

struct report {
	unsigned n_rows, n_done, n_refused;
	bool saw_disable_ipv6;
};

static void take_report(void *ctx, const struct ns_sysctl *row, int code,
			const struct netns_err *why)
{
	struct report *rep = ctx;

	rep->n_rows++;
	rep->n_done += code == 0;
	rep->n_refused += code < 0;
	rep->saw_disable_ipv6 |= strstr(row->key, "disable_ipv6") != NULL;
	if (code < 0) {
		print_message("%s\n", why->text);
		assert_non_null(strstr(why->text, row->key));
	}
}

static void assert_sysctl(int fd, const char *key, const char *want)
{
	char value[NS_SYSCTL_VALUE_LEN];

	assert_done(ns_sysctl_read(fd, key, value, sizeof(value), &box_err));
	assert_string_equal(value, want);
}

static void test_baseline(void **state)
{
	struct box_ns ns = box_ns_new();
	struct report rep = { 0 };
	char home[NS_SYSCTL_VALUE_LEN];
	int r;

	(void)state;
	assert_done(ns_sysctl_write(NS_CURRENT, "net/ipv4/ip_forward", "0", &box_err));
	r = ns_sysctl_apply(ns.fd, NS_ROLE_ROUTER | NS_ROLE_NO_IPV6, take_report, &rep, &box_err);
	assert_int_equal(r, rep.n_refused);
	assert_int_equal(rep.n_done + rep.n_refused, rep.n_rows);
	assert_true(rep.n_rows > 20 && rep.n_rows < ns_n_sysctl_baseline);
	assert_true(rep.n_done > 15);
	assert_true(rep.saw_disable_ipv6);
	assert_sysctl(ns.fd, "net/ipv4/ip_forward", "1");
	assert_sysctl(ns.fd, "net/ipv4/ip_unprivileged_port_start", "0");
	assert_sysctl(ns.fd, "net/ipv4/ping_group_range", "0 0"); /* the box has one group */
	assert_sysctl(ns.fd, "net/ipv4/icmp_ratelimit", "0");
	assert_done(
		ns_sysctl_read(NS_CURRENT, "net/ipv4/ip_forward", home, sizeof(home), &box_err));
	assert_string_equal(home, "0"); /* only that namespace was touched */
	box_ns_done(&ns);
}

static void test_sysctl_errors(void **state)
{
	(void)state;
	assert_int_equal(ns_sysctl_write(NS_CURRENT, "net/ipv4/no_such", "1", &box_err), -ENOENT);
	assert_int_equal(ns_sysctl_write(NS_CURRENT, "net/../kernel/hostname", "x", &box_err),
			 -EINVAL);
	assert_int_equal(ns_sysctl_write(NS_CURRENT, "kernel/hostname", "x", &box_err), -EINVAL);
	assert_int_equal(
		ns_sysctl_write(NS_CURRENT, "net/ipv4/tcp_congestion_control", "no_such", &box_err),
		-ENOENT);
	assert_non_null(strstr(box_err.text, "tcp_congestion_control: write 'no_such'"));
}

static void test_baseline_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < ns_n_sysctl_baseline; i++) {
		const struct ns_sysctl *row = &ns_sysctl_baseline[i];

		assert_true(row->roles && *row->key && *row->value && strlen(row->reason) > 7);
		for (size_t j = 0; j < i; j++) /* one role, one value */
			assert_false(!strcmp(row->key, ns_sysctl_baseline[j].key) &&
				     (row->roles & ns_sysctl_baseline[j].roles));
	}
}

/* ---- what a new namespace has by itself ---- */

#define ROWS_MAX 64 /* a survey has one bit a row */
#define FORWARD	 "net/ipv4/ip_forward"
#define RATE	 "net/ipv4/icmp_ratelimit"

static uint64_t survey(const struct box_ns *ns)
{
	struct ns_guard guard;
	uint64_t has;

	assert_done(ns_enter(ns->fd, &guard, &box_err));
	has = ns_sysctl_survey();
	ns_leave(&guard);
	return has;
}

static int apply_fresh(const struct box_ns *ns, const struct ns_sysctl_fresh *fresh, unsigned roles,
		       ns_sysctl_report_fn *report, void *ctx)
{
	struct ns_guard guard;
	int r;

	assert_done(ns_enter(ns->fd, &guard, &box_err));
	r = ns_sysctl_apply_fresh(fresh, roles, report, ctx);
	ns_leave(&guard);
	return r;
}

static size_t row_of(const char *key)
{
	for (size_t i = 0; i < ns_n_sysctl_baseline; i++)
		if (!strcmp(ns_sysctl_baseline[i].key, key))
			return i;
	fail_msg("%s is not in the baseline", key);
	return 0;
}

/* Whether the namespace has this row's value; the box has one group, 0. */
static bool has_value(const struct box_ns *ns, const struct ns_sysctl *row)
{
	const char *want = strcmp(row->value, "0 %g") ? row->value : "0 0";
	char value[NS_SYSCTL_VALUE_LEN];

	return ns_sysctl_read(ns->fd, row->key, value, sizeof(value), &box_err) >= 0 &&
	       !strcmp(value, want);
}

static void test_survey_tells_each_row(void **state)
{
	struct box_ns ns = box_ns_new();
	uint64_t has = survey(&ns);

	(void)state;
	for (size_t i = 0; i < ns_n_sysctl_baseline; i++)
		if ((has >> i & 1) != has_value(&ns, &ns_sysctl_baseline[i]))
			fail_msg("%s: the survey says %d", ns_sysctl_baseline[i].key,
				 (int)(has >> i & 1));
	/* Some are there and some are not, or a survey would be for nothing. */
	assert_int_equal(has >> row_of("net/ipv4/tcp_timestamps") & 1, 1);
	assert_int_equal(has >> row_of(RATE) & 1, 0);
	assert_int_equal(has >> ns_n_sysctl_baseline, 0);
	box_ns_done(&ns);
}

/* On this a survey rests: another namespace's values do not reach the next one. */
static void test_new_namespaces_are_alike(void **state)
{
	struct box_ns first = box_ns_new(), next;
	uint64_t has = survey(&first);

	(void)state;
	(void)ns_sysctl_apply(first.fd, NS_ROLE_ROUTER | NS_ROLE_NO_IPV6, NULL, NULL, &box_err);
	assert_true(survey(&first) != has);
	next = box_ns_new();
	assert_int_equal(survey(&next), has);
	box_ns_done(&first);
	box_ns_done(&next);
}

struct codes {
	int of[ROWS_MAX];
	bool told[ROWS_MAX];
};

static void take_code(void *ctx, const struct ns_sysctl *row, int code, const struct netns_err *why)
{
	struct codes *codes = ctx;
	size_t i = (size_t)(row - ns_sysctl_baseline);

	(void)why;
	assert_false(codes->told[i]);
	codes->told[i] = true;
	codes->of[i] = code;
}

/* With a survey or without: the same values in the end, and the same report. */
static void test_fresh_is_the_same(void **state)
{
	static const unsigned roles[] = {
		NS_ROLE_HOST | NS_ROLE_NO_IPV6,	  NS_ROLE_HOST | NS_ROLE_IPV6,
		NS_ROLE_ROUTER | NS_ROLE_NO_IPV6, NS_ROLE_ROUTER | NS_ROLE_IPV6,
		NS_ROLE_BRIDGE | NS_ROLE_NO_IPV6, 0,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(roles) / sizeof(*roles); i++) {
		struct box_ns looked = box_ns_new(), fresh = box_ns_new();
		struct codes want = { 0 }, got = { 0 };
		struct ns_sysctl_fresh known;
		int r;

		ns_sysctl_know(&known, survey(&fresh));
		r = ns_sysctl_apply(looked.fd, roles[i], take_code, &want, &box_err);
		assert_done(r);
		assert_int_equal(apply_fresh(&fresh, &known, roles[i], take_code, &got), r);
		for (size_t k = 0; k < ns_n_sysctl_baseline; k++) {
			const struct ns_sysctl *row = &ns_sysctl_baseline[k];

			if (got.told[k] != want.told[k] || got.of[k] != want.of[k] ||
			    has_value(&fresh, row) != has_value(&looked, row))
				fail_msg("roles %#x, %s: %d and %d", roles[i], row->key, got.of[k],
					 want.of[k]);
		}
		box_ns_done(&looked);
		box_ns_done(&fresh);
	}
}

/* What the survey has is not written, though it be wrong; the rest is, without a look. */
static void test_only_the_rest_is_written(void **state)
{
	struct box_ns ns = box_ns_new();
	char forwards[NS_SYSCTL_VALUE_LEN]; /* inherited from the host */
	struct ns_sysctl_fresh known;
	unsigned other;

	(void)state;
	assert_done(ns_sysctl_read(ns.fd, FORWARD, forwards, sizeof(forwards), &box_err));
	other = strcmp(forwards, "0") ? NS_ROLE_HOST : NS_ROLE_ROUTER;
	ns_sysctl_know(&known, UINT64_MAX);
	assert_int_equal(apply_fresh(&ns, &known, other, NULL, NULL), 0);
	assert_sysctl(ns.fd, FORWARD, forwards);
	assert_sysctl(ns.fd, RATE, "1000"); /* the kernel's own */
	known.has = ~(UINT64_C(1) << row_of(RATE));
	assert_int_equal(apply_fresh(&ns, &known, other, NULL, NULL), 0);
	assert_sysctl(ns.fd, FORWARD, forwards);
	assert_sysctl(ns.fd, RATE, "0");
	assert_true(survey(&ns) >> row_of(RATE) & 1);
	box_ns_done(&ns);
}

/* The highest group is the caller's own affair, whoever made the survey. */
static void test_known_groups(void **state)
{
	struct box_ns ns = box_ns_new();
	struct ns_sysctl_fresh known;

	(void)state;
	ns_sysctl_know(&known, 5);
	assert_int_equal(known.has, 5);
	assert_string_equal(known.top_gid, "0");
	known.has = ~(UINT64_C(1) << row_of("net/ipv4/ping_group_range"));
	assert_int_equal(apply_fresh(&ns, &known, 0, NULL, NULL), 0);
	assert_sysctl(ns.fd, "net/ipv4/ping_group_range", "0 0");
	box_ns_done(&ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_baseline),
		cmocka_unit_test(test_sysctl_errors),
		cmocka_unit_test(test_baseline_rows),
		cmocka_unit_test(test_survey_tells_each_row),
		cmocka_unit_test(test_new_namespaces_are_alike),
		cmocka_unit_test(test_fresh_is_the_same),
		cmocka_unit_test(test_only_the_rest_is_written),
		cmocka_unit_test(test_known_groups),
	};

	box_enter();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
