/* labctl test: labs as tests. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "labd/ctl/run.h"
#include "labd/ctl/test.h"

static void on_signal(int sig)
{
	(void)sig;
	test_interrupt();
}

/* Whatever ends the test, its lab is taken down. */
static void catch_signals(void)
{
	static const int list[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		sigaction(list[i], &sa, NULL);
}

static int finish(enum report_kind kind, const char *junit, struct test_lab *labs, size_t n)
{
	int r = test_interrupted ? 1 : 0;

	report_end(kind, labs, n);
	if (junit) {
		int e = report_junit(junit, labs, n);

		if (e < 0)
			r = ctl_fail("%s cannot be written: %s", junit, strerror(-e));
	}
	for (size_t i = 0; i < n; i++) {
		r |= labs[i].verdict != VERDICT_PASS;
		test_done(&labs[i]);
	}
	free(labs);
	return r;
}

int cmd_test(struct ctl *c)
{
	const char *junit = ctl_take_value(c, "--junit");
	bool verbose = ctl_take_flag(c, "--verbose") || ctl_take_flag(c, "-v");
	enum report_kind kind = ctl_take_flag(c, "--tap") ? REPORT_TAP
				: c->json		  ? REPORT_JSON
							  : REPORT_PEOPLE;
	struct test_lab *labs;
	size_t n = 0;

	for (int i = 1; i < c->argc; i++)
		if (c->argv[i][0] == '-')
			return ctl_usage(c);
	if (c->argc < 2)
		return ctl_usage(c);
	labs = calloc((size_t)c->argc, sizeof(*labs));
	if (!labs)
		return ctl_fail("out of memory");
	catch_signals();
	report_begin(kind);
	for (int i = 1; i < c->argc && !test_interrupted; i++) {
		test_run(c->argv[i], &labs[n]);
		report_lab(kind, &labs[n++], verbose);
	}
	return finish(kind, junit, labs, n);
}
