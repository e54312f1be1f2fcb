#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns/probe.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	const char *what;
	int code;
	struct probe_facts facts;
	const char *why, *remedy; /* parts */
} rows[] = {
	{ "switched off",
	  -ENOSPC,
	  { 1000, -1, 0, -1 },
	  "max_user_namespaces is 0",
	  "sysctl user.max_user_namespaces" },
	{ "old Debian",
	  -EPERM,
	  { 1000, -1, 100, 0 },
	  "unprivileged_userns_clone is 0",
	  "sysctl kernel.unprivileged_userns_clone=1" },
	{ "old Debian does not stop root", -EPERM, { 0, -1, 100, 0 }, "outside", "container" },
	{ "Ubuntu", -EACCES, { 1000, 1, 100, -1 }, "AppArmor", "profile" },
	{ "Ubuntu, from uid_map", -EPERM, { 1000, 1, 100, 1 }, "AppArmor", "profile" },
	{ "Ubuntu, switched off", -EPERM, { 1000, 0, 100, -1 }, "outside", "seccomp" },
	{ "too many", -ENOSPC, { 1000, -1, 100, -1 }, "limit", "raise" },
	{ "no such kernel feature", -EINVAL, { 1000, -1, -1, -1 }, "CONFIG_USER_NS", "kernel" },
	{ "something else", -ENOMEM, { 1000, -1, 100, -1 }, "the kernel's words", "" },
};

static void test_explain(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct probe_result res;

		probe_explain_userns(rows[i].code, &rows[i].facts, "the kernel's words", &res);
		if (res.answer != PROBE_NO || res.code != rows[i].code ||
		    !strstr(res.why, rows[i].why) || !strstr(res.why, "the kernel's words") ||
		    !strstr(res.remedy, rows[i].remedy))
			fail_msg("%s: %s / %s", rows[i].what, res.why, res.remedy);
	}
}

/* On a host that runs the other tests, all but the optional ones answer yes. */
static void test_this_host(void **state)
{
	struct probe_result results[PROBE_N];

	(void)state;
	probe_run_all(results);
	for (int id = 0; id < PROBE_N; id++) {
		const struct probe_result *r = &results[id];

		print_message("%-28s %s%s%s%s%s\n", probe_name(id), probe_answer_name(r->answer),
			      *r->why ? ": " : "", r->why, *r->remedy ? " -> " : "", r->remedy);
		assert_true(strlen(probe_purpose(id)) > 3);
		if (r->answer == PROBE_NO || r->answer == PROBE_LESS)
			assert_true(*r->why && *r->remedy);
	}
	assert_int_equal(results[PROBE_USER_NAMESPACE].answer, PROBE_YES);
	assert_int_equal(results[PROBE_VETH].answer, PROBE_YES);
	assert_int_equal(results[PROBE_BRIDGE].answer, PROBE_YES);
	assert_int_equal(results[PROBE_PACKET_RING].answer, PROBE_YES);
	assert_int_equal(results[PROBE_NESTED].answer, PROBE_YES);
}

/* A setuid helper is of no use under no_new_privs: one id, and the reason says why. */
static void test_less(void **state)
{
	struct probe_result res;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() == 0)
		return; /* root needs no helper */
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		probe_run(PROBE_ID_RANGE, &res);
		_exit(res.answer == PROBE_LESS && *res.why && strstr(res.remedy, "usermod") ? 0
											    : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

static void test_leaves_nothing(void **state)
{
	struct probe_result results[PROBE_N];
	int before = count_fds();

	(void)state;
	probe_run_all(results);
	assert_int_equal(count_fds(), before);
	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_this_host),
		cmocka_unit_test(test_less),
		cmocka_unit_test(test_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
