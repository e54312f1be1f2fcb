#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "netns/err.h"
#include "netns/idmap.h"
#include "netns/ns.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOST_MAP "         0          0 4294967295\n"

struct decide_row {
	const char *what;
	struct idmap_facts facts;
	enum idmap_kind kind;
	unsigned n_uid;
	struct idmap_row last_uid;
	uint32_t span;
	const char *reason; /* a part of it */
};

static const struct decide_row decide_rows[] = {
	{ "root of the host",
	  { 0, 0, "root", true, NULL, "", "", HOST_MAP, HOST_MAP },
	  IDMAP_ROOT,
	  1,
	  { 0, 0, 4294967295u },
	  4294967295u,
	  "root" },
	{ "root of a container has what the container has",
	  { 0, 0, "root", true, NULL, "", "", "0 100000 65536\n", "0 100000 65536\n" },
	  IDMAP_ROOT,
	  1,
	  { 0, 0, 65536 },
	  65536,
	  "root" },
	{ "two rows of a container",
	  { 0, 0, "root", true, NULL, "", "", "0 1000 1\n1 100000 65536\n",
	    "0 1000 1\n1 100000 65536\n" },
	  IDMAP_ROOT,
	  2,
	  { 1, 1, 65536 },
	  65537,
	  "root" },
	{ "root without capabilities",
	  { 0, 0, "root", false, "no helper", "", "", HOST_MAP, HOST_MAP },
	  IDMAP_ONE,
	  1,
	  { 0, 0, 1 },
	  1,
	  "no helper" },
	{ "user with a range by name",
	  { 1000, 1000, "ann", false, NULL, "bob:1:2\nann:100000:65536\n", "ann:100000:65536\n",
	    HOST_MAP, HOST_MAP },
	  IDMAP_RANGE,
	  2,
	  { 1, 100000, 65536 },
	  65537,
	  "65537" },
	{ "user with a range by number",
	  { 1000, 100, "ann", false, NULL, "1000:200000:1000\n", "1000:300000:10\n", HOST_MAP,
	    HOST_MAP },
	  IDMAP_RANGE,
	  2,
	  { 1, 200000, 1000 },
	  11,
	  "11" },
	{ "two ranges follow each other",
	  { 1000, 1000, "ann", false, NULL, "ann:100000:10\nann:500000:20\n", "ann:100000:65536\n",
	    HOST_MAP, HOST_MAP },
	  IDMAP_RANGE,
	  3,
	  { 11, 500000, 20 },
	  31,
	  "31" },
	{ "a longer name is another user",
	  { 1000, 1000, "ann", false, NULL, "anna:100000:65536\n", "ann:100000:65536\n", HOST_MAP,
	    HOST_MAP },
	  IDMAP_ONE,
	  1,
	  { 0, 1000, 1 },
	  1,
	  "/etc/subuid" },
	{ "groups without a line",
	  { 1000, 1000, "ann", false, NULL, "ann:100000:65536\n", "", HOST_MAP, HOST_MAP },
	  IDMAP_ONE,
	  1,
	  { 0, 1000, 1 },
	  1,
	  "/etc/subgid" },
	{ "damaged lines are skipped",
	  { 1000, 1000, "ann", false, NULL,
	    "ann\nann:\nann:x:1\nann:1:\nann:1:0\nann:-1:5\nann:1:99999999999\nann:7:8:9\nann:7:8",
	    "ann:7:8", HOST_MAP, HOST_MAP },
	  IDMAP_RANGE,
	  2,
	  { 1, 7, 8 },
	  9,
	  "9" },
	{ "no login name and no line",
	  { 1234, 1234, NULL, false, NULL, "ann:1:2\n", "", HOST_MAP, HOST_MAP },
	  IDMAP_ONE,
	  1,
	  { 0, 1234, 1 },
	  1,
	  "1234" },
	{ "no helper",
	  { 1000, 1000, "ann", false, "newuidmap is missing", "ann:1:2\n", "ann:1:2\n", HOST_MAP,
	    HOST_MAP },
	  IDMAP_ONE,
	  1,
	  { 0, 1000, 1 },
	  1,
	  "newuidmap is missing" },
};

static void test_decide(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(decide_rows) / sizeof(*decide_rows); i++) {
		const struct decide_row *row = &decide_rows[i];
		struct idmap map;

		idmap_decide(&row->facts, &map);
		if (map.kind != row->kind || map.n_uid != row->n_uid ||
		    memcmp(&map.uid[map.n_uid - 1], &row->last_uid, sizeof(row->last_uid)) ||
		    idmap_span(&map) != row->span || !strstr(map.reason, row->reason) ||
		    map.deny_setgroups != (row->kind == IDMAP_ONE))
			fail_msg("%s: kind %s, %u rows, span %u, reason %s", row->what,
				 idmap_kind_name(map.kind), map.n_uid, idmap_span(&map),
				 map.reason);
	}
}

static int child_reports(void *arg)
{
	struct idmap nested;
	uint32_t top = 0;

	(void)arg;
	if (geteuid() != 0 || getegid() != 0)
		return 1;
	if (idmap_nested(&nested, NULL) < 0 || nested.kind != IDMAP_NESTED)
		return 2;
	if (idmap_top_gid(&top, NULL) < 0)
		return 3;
	return nested.uid[0].inside == 0 && nested.uid[0].outside == 0 ? 0 : 4;
}

static int wait_status(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The plan for whoever runs the test works, and the child is root in its namespace. */
static void test_fork_with_plan(void **state)
{
	const struct ns_fork how = { .flags = CLONE_NEWUSER | CLONE_NEWNET,
				     .child = child_reports };
	struct netns_err err = { 0 };
	struct idmap map;
	pid_t pid;

	(void)state;
	assert_int_equal(idmap_plan(&map, &err), 0);
	if (ns_fork(&how, &map, &pid, NULL, &err) < 0)
		fail_msg("%s", err.text);
	print_message("map: %s (%s)\n", idmap_kind_name(map.kind), map.reason);
	assert_int_equal(wait_status(pid), 0);
}

static int child_nests(void *arg)
{
	const struct ns_fork how = { .flags = CLONE_NEWUSER, .child = child_reports };
	struct netns_err err = { 0 };
	struct idmap map;
	pid_t pid;
	int status;

	(void)arg;
	if (idmap_nested(&map, &err) < 0 || ns_fork(&how, &map, &pid, NULL, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 10;
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 11;
	return WEXITSTATUS(status);
}

static void test_nested(void **state)
{
	const struct ns_fork how = { .flags = CLONE_NEWUSER, .child = child_nests };
	struct netns_err err = { 0 };
	struct idmap map;
	pid_t pid;

	(void)state;
	assert_int_equal(idmap_plan(&map, &err), 0);
	if (ns_fork(&how, &map, &pid, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(wait_status(pid), 0);
}

/* A range that is not the user's: the helper refuses, and one id is what remains. */
static void test_refused_range_becomes_one_id(void **state)
{
	const struct ns_fork how = { .flags = CLONE_NEWUSER, .child = child_reports };
	struct idmap map = {
		.kind = IDMAP_RANGE,
		.uid = { { 0, geteuid(), 1 }, { 1, 4000000000u, 7 } },
		.gid = { { 0, getegid(), 1 }, { 1, 4000000000u, 7 } },
		.n_uid = 2,
		.n_gid = 2,
	};
	struct netns_err err = { 0 };
	pid_t pid;

	(void)state;
	if (ns_fork(&how, &map, &pid, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(map.kind, IDMAP_ONE);
	assert_non_null(strstr(map.reason, "newuidmap"));
	assert_int_equal(wait_status(pid), 0);
}

static void test_user_namespace_needs_map(void **state)
{
	const struct ns_fork how = { .flags = CLONE_NEWUSER, .child = child_reports };
	struct netns_err err = { 0 };
	pid_t pid = -7;

	(void)state;
	assert_int_equal(ns_fork(&how, NULL, &pid, NULL, &err), -EINVAL);
	assert_int_equal(pid, -7);
}

static int child_waits(void *arg)
{
	int fd = *(int *)arg;

	if (write(fd, "x", 1) == 1)
		(void)pause();
	return 0;
}

struct orphan {
	int fd;
	pid_t pid;
};

/* Makes a child that is to die with it, and goes. */
static int child_leaves(void *arg)
{
	struct orphan *o = arg;
	const struct ns_fork how = {
		.flags = 0, .die_with_parent = true, .child = child_waits, .arg = &o->fd
	};
	pid_t pid;

	return ns_fork(&how, NULL, &pid, NULL, NULL) < 0;
}

/* The write end of the socket is closed only when the grandchild is gone as well. */
static void test_die_with_parent(void **state)
{
	const struct ns_fork how = { .child = child_leaves };
	struct ns_fork outer = how;
	struct orphan o;
	int fds[2];
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	o.fd = fds[1];
	outer.arg = &o;
	assert_int_equal(ns_fork(&outer, NULL, &pid, NULL, NULL), 0);
	(void)close(fds[1]);
	assert_int_equal(wait_status(pid), 0);
	while (read(fds[0], &c, 1) > 0)
		;
	(void)close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_fork_with_plan),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_refused_range_becomes_one_id),
		cmocka_unit_test(test_user_namespace_needs_map),
		cmocka_unit_test(test_die_with_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
