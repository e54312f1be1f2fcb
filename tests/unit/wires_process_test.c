/* The wires process: what the supervisor asks of it, what it survives, what it gave up. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <linux/capability.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "wires_lab.h"

static enum carrier carrier_of(void **state)
{
	return *(const enum carrier *)*state;
}

static void a_dead_process_is_started_anew(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state),
				 .wire = { { .delay_ns = 30 * MSEC } } };
	struct feed_totals totals = { 0 };
	struct lab lab;

	lab_start(&lab, &spec);
	for (uint32_t n = 0; n < 20; n++)
		dev_send(&lab, 0, n, 100);
	dev_expect(&lab, 1, 0, 100);
	for (uint32_t n = 20; n < 40; n++)
		dev_send(&lab, 0, n, 100);
	lab_sync(&lab, 1);
	assert_int_equal(kill(lab.pid, SIGKILL), 0);
	assert_int_equal(waitpid(lab.pid, NULL, 0), lab.pid);
	lab_run_wires(&lab, true);
	lab_stats(&lab, 0);
	/* What was under way is gone; what comes now goes through. */
	uint8_t frame[2048];

	while (dev_recv(&lab, 1, frame, sizeof(frame), 50) > 0)
		assert_true(frame_number(frame) < 40);
	dev_send(&lab, 0, 40, 100);
	dev_expect(&lab, 1, 40, 100);
	dev_send(&lab, 1, 41, 100);
	dev_expect(&lab, 0, 41, 100);
	lab_sync(&lab, 2);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_counted[FEED_RESTARTED][0], 1);
	assert_int_equal(totals.n_frames[0], 41);
	assert_int_equal(totals.n_frames[1], 1);
	lab_stop(&lab);
}

static void lab_time_stands_still_and_jumps(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state),
				 .wire = { { .delay_ns = 30 * MSEC }, { .delay_ns = 100 * SEC } } };
	struct feed_totals totals = { 0 };
	struct forward_sync sync;
	nsec_t start_ns;
	struct lab lab;

	lab_start(&lab, &spec);
	dev_send(&lab, 0, 0, 100);
	lab_sync(&lab, 1);
	clock_pause(lab.clock, clock_now(CLOCK_MONOTONIC));
	lab_ask_ok(&lab, (struct control_msg){ .type = CONTROL_CLOCK });
	dev_send(&lab, 0, 1, 100);
	dev_expect_none(&lab, 1, 80);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_frames[0], 1); /* what comes meanwhile is not read */
	clock_resume(lab.clock, clock_now(CLOCK_MONOTONIC));
	start_ns = clock_now(CLOCK_MONOTONIC);
	lab_ask_ok(&lab, (struct control_msg){ .type = CONTROL_CLOCK });
	dev_expect(&lab, 1, 0, 100);
	dev_expect(&lab, 1, 1, 100);
	assert_true(clock_now(CLOCK_MONOTONIC) - start_ns >= 30 * MSEC);

	dev_send(&lab, 1, 2, 100);
	sync = lab_sync(&lab, 2);
	assert_int_equal(sync.n_in_flight, 1);
	assert_true(sync.next_due_ns > 99 * SEC && sync.next_due_ns < 200 * SEC);
	clock_advance(lab.clock, 100 * SEC, clock_now(CLOCK_MONOTONIC));
	lab_ask_ok(&lab, (struct control_msg){ .type = CONTROL_CLOCK });
	dev_expect(&lab, 0, 2, 100);
	sync = lab_sync(&lab, 3);
	assert_int_equal(sync.n_in_flight, 0);
	assert_true(sync.next_due_ns == NEVER);
	lab_stop(&lab);
}

static void set_link_up(struct lab *lab, uint32_t up)
{
	lab_ask_ok(lab, (struct control_msg){ .type = CONTROL_SET_UP, .link = LINK_ID, .up = up });
}

static void a_link_down_carries_nothing(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state), .wire = { { .delay_ns = SEC } } };
	struct feed_totals totals = { 0 };
	struct lab lab;

	lab_start(&lab, &spec);
	for (uint32_t n = 0; n < 7; n++)
		dev_send(&lab, 0, n, 100);
	assert_int_equal(lab_sync(&lab, 1).n_in_flight, 7);
	set_link_up(&lab, 0);
	for (uint32_t n = 7; n < 10; n++)
		dev_send(&lab, n % 2, n, 100);
	assert_int_equal(lab_sync(&lab, 2).n_in_flight, 0);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_counted[FEED_FLUSHED][0], 7);
	assert_int_equal(totals.n_frames[0] + totals.n_frames[1], 10);
	assert_int_equal(totals.n_fate[0][5] + totals.n_fate[1][5], 3);
	assert_int_equal(lab_stats(&lab, 0).n_down + lab_stats(&lab, 1).n_down, 3);
	set_link_up(&lab, 1);
	dev_send(&lab, 1, 20, 100);
	dev_expect(&lab, 0, 20, 100);
	lab_stop(&lab);
}

static void parameters_change_while_it_runs(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state) };
	struct control_msg set = { .type = CONTROL_SET_SPEC, .link = LINK_ID };
	struct feed_totals totals = { 0 };
	struct lab lab;

	lab_start(&lab, &spec);
	dev_send(&lab, 0, 0, 100);
	dev_expect(&lab, 1, 0, 100);
	set.spec.spec.loss_ppb = PPB_ONE;
	lab_ask_ok(&lab, set);
	dev_send(&lab, 0, 1, 100);
	dev_send(&lab, 1, 1, 100);
	dev_expect(&lab, 0, 1, 100); /* the other direction does not care */
	lab_sync(&lab, 1);
	set.spec.spec.loss_ppb = 0;
	lab_ask_ok(&lab, set);
	dev_send(&lab, 0, 2, 100);
	dev_expect(&lab, 1, 2, 100);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_fate[0][0], 1);
	lab_stop(&lab);
}

static void links_come_and_go(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state) };
	struct control_msg add = { .type = CONTROL_ADD_LINK,
				   .link = LINK_ID,
				   .add = { .carrier = spec.carrier, .mtu = 1500, .up = 1 } };
	struct feed_totals totals = { 0 };
	struct lab lab;

	lab_start(&lab, &spec);
	dev_send(&lab, 0, 0, 100);
	dev_expect(&lab, 1, 0, 100);
	assert_int_equal(lab_ask(&lab, add, lab.end).answer.error, -EEXIST);
	for (int round = 0; round < 3; round++) {
		lab_ask_ok(&lab,
			   (struct control_msg){ .type = CONTROL_REMOVE_LINK, .link = LINK_ID });
		assert_int_equal(lab_ask(&lab, add, lab.end).answer.error, 0);
		dev_send(&lab, 1, 1, 100);
		dev_expect(&lab, 0, 1, 100);
	}
	/* Every descriptor that it was sent and has no use for is closed again: 40 x 2 would not
	 * fit. */
	for (int i = 0; i < 40; i++)
		assert_int_equal(lab_ask(&lab, add, lab.end).answer.error, -EEXIST);
	lab_sync(&lab, 1);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_frames[0], 1);
	assert_int_equal(totals.n_frames[1], 3);
	lab_stop(&lab);
}

/* Answers are numbers and sentences, and nothing that worked stops working. */
static void wrong_requests_are_answered(void **state)
{
	static const struct {
		struct control_msg msg;
		int error;
		const char *text;
	} rows[] = {
		{ { .type = CONTROL_REMOVE_LINK, .link = 99 },
		  -ENOENT,
		  "No such file or directory" },
		{ { .type = CONTROL_STATS, .link = 99 }, -ENOENT, "No such file or directory" },
		{ { .type = CONTROL_SET_SPEC, .link = LINK_ID, .spec = { .dir = 2 } },
		  -ENOENT,
		  "No such file or directory" },
		{ { .type = CONTROL_SET_SPEC, .link = LINK_ID, .spec.spec.loss_ppb = PPB_ONE + 1 },
		  -ERANGE,
		  "loss is more than 100%: Numerical result out of range" },
		{ { .type = CONTROL_DROPS, .link = LINK_ID, .drops.dir = 7 },
		  -ENOENT,
		  "No such file or directory" },
		{ { .type = CONTROL_ADD_LINK,
		    .link = 6,
		    .add = { .carrier = CARRIER_TAP, .mtu = 1500 } },
		  -EBADF,
		  "link 6: end a (tap, MTU 1500): not a descriptor that this carrier can use: "
		  "Bad file descriptor" },
		{ { .type = CONTROL_ADD_LINK, .link = 6, .add = { .carrier = 77, .mtu = 1500 } },
		  -EBADF,
		  "link 6: end a (ring, MTU 1500): not a descriptor that this carrier can use: "
		  "Bad file descriptor" },
		{ { .type = CONTROL_ANSWER }, -EINVAL, "Invalid argument" },
	};
	struct lab_spec spec = { .carrier = carrier_of(state) };
	struct lab lab;

	lab_start(&lab, &spec);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct control_msg answer = lab_ask(&lab, rows[i].msg, NULL);

		assert_int_equal(answer.type, CONTROL_ANSWER);
		assert_int_equal(answer.answer.error, rows[i].error);
		assert_string_equal(answer.answer.text, rows[i].text);
	}
	/* Not messages at all. */
	assert_int_equal(send(lab.control, "x", 1, 0), 1);
	assert_int_equal(send(lab.control, &rows[0].msg, sizeof(rows[0].msg), 0),
			 sizeof(rows[0].msg));
	lab_stats(&lab, 0);
	dev_send(&lab, 0, 0, 100);
	dev_expect(&lab, 1, 0, 100);
	lab_stop(&lab);
}

/* A supervisor that does not read its answers for a while gets all of them. */
static void answers_wait_for_a_full_socket(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state) };
	struct control_msg msg = { .type = CONTROL_STATS, .link = LINK_ID }, answer;
	uint32_t n_asked = 0, n_answered = 0;
	int none[CONTROL_FDS];
	struct lab lab;

	lab_start(&lab, &spec);
	while (n_asked < 3000) {
		msg.seq = n_asked + 1;
		if (control_send(lab.control, &msg, NULL, 0) == 0) {
			n_asked++;
			continue;
		}
		dev_send(&lab, 0, n_asked, 100); /* frames go on meanwhile */
		dev_expect(&lab, 1, n_asked, 100);
		while (control_recv(lab.control, &answer, none) == 0)
			assert_int_equal(answer.seq, ++n_answered);
	}
	while (n_answered < n_asked) {
		struct pollfd pfd = { .fd = lab.control, .events = POLLIN };

		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		assert_int_equal(control_recv(lab.control, &answer, none), 0);
		assert_int_equal(answer.seq, ++n_answered);
	}
	lab_stop(&lab);
}

/* CPU time of the wires process, in clock ticks of 10 ms. */
static unsigned long cpu_ticks(const struct lab *lab)
{
	unsigned long user = 0, system = 0;
	char path[64], line[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", lab->pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_int_equal(sscanf(strrchr(line, ')') + 2,
				"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
				&system),
			 2);
	return user + system;
}

/* A device that goes takes its interface with it: the loop neither ends nor spins. */
static void an_interface_that_goes_is_left_alone(void **state)
{
	struct lab_spec spec = { .carrier = carrier_of(state) };
	struct feed_totals totals = { 0 };
	unsigned long ticks;
	struct nl_h *h;
	struct lab lab;

	lab_start(&lab, &spec);
	must(nlh_open(lab.ns[1], 0, &h, err));
	must(nl_link_delete(h, "eth0", err));
	nlh_close(h);
	dev_send(&lab, 0, 0, 100);
	lab_sync(&lab, 1);
	ticks = cpu_ticks(&lab);
	poll(NULL, 0, 300);
	assert_in_range(cpu_ticks(&lab) - ticks, 0, 10);
	lab_sync(&lab, 2);
	feed_sum(&lab, &totals);
	assert_int_equal(totals.n_frames[0], 1);
	assert_int_equal(totals.n_counted[FEED_REFUSED][0], 1);
	lab_stop(&lab);
}

/* ---- what it gave up ---- */

/* In a child: each of these must fail, and the exit status says which did not. */
static int play_captured(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	int fds[2];

	if (pipe(fds) < 0 || wires_sandbox() < 0)
		return 1;
	if (syscall(SYS_capget, &head, caps) == 0)
		return 2;
	if (open("/etc/passwd", O_RDONLY) >= 0)
		return 3;
	if (socket(AF_INET, SOCK_DGRAM, 0) >= 0)
		return 4;
	if (kill(getppid(), 0) == 0)
		return 5;
	if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	    MAP_FAILED)
		return 6;
	if (ioctl(fds[0], FIONREAD, &fds[1]) == 0)
		return 7;
	if (unshare(CLONE_NEWNET) == 0 || syscall(SYS_execve, "/bin/sh", NULL, NULL) == 0)
		return 8;
	return write(fds[1], "x", 1) == 1 ? 0 : 9;
}

static void a_captured_process_can_do_nothing(void **state)
{
	int status;
	pid_t pid;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: a sanitizer needs system calls that the sandbox refuses\n");
	skip();
#endif
	pid = fork();
	if (pid == 0)
		_exit(play_captured());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void the_process_has_no_capability(void **state)
{
	struct lab_spec spec = { .carrier = CARRIER_RING };
	char path[64], line[256];
	int n_checked = 0;
	struct lab lab;
	FILE *f;

	(void)state;
#ifdef __SANITIZE_ADDRESS__
	print_message("skipped: a sanitizer needs system calls that the sandbox refuses\n");
	skip();
#endif
	lab_start(&lab, &spec);
	snprintf(path, sizeof(path), "/proc/%d/status", lab.pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		static const char *const want[] = { "CapInh:\t0000000000000000",
						    "CapPrm:\t0000000000000000",
						    "CapEff:\t0000000000000000",
						    "CapBnd:\t0000000000000000",
						    "CapAmb:\t0000000000000000",
						    "NoNewPrivs:\t1",
						    "Seccomp:\t2" };

		for (size_t i = 0; i < ARRAY_SIZE(want); i++)
			n_checked += strncmp(line, want[i], strlen(want[i])) == 0;
	}
	fclose(f);
	assert_int_equal(n_checked, 7);
	lab_stop(&lab);
}

#define BOTH(test)                                                                \
	{ #test " (ring)", test, NULL, NULL, (void *)(uintptr_t)&carriers[0] },   \
	{                                                                         \
#test " (tap)", test, NULL, NULL, (void *)(uintptr_t)&carriers[1] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_dead_process_is_started_anew),
		BOTH(lab_time_stands_still_and_jumps),
		BOTH(a_link_down_carries_nothing),
		BOTH(parameters_change_while_it_runs),
		BOTH(links_come_and_go),
		BOTH(wrong_requests_are_answered),
		BOTH(answers_wait_for_a_full_socket),
		BOTH(an_interface_that_goes_is_left_alone),
		cmocka_unit_test(a_captured_process_can_do_nothing),
		cmocka_unit_test(the_process_has_no_capability),
	};
	int r = lab_isolate();

	if (r < 0) {
		print_message("skipped: no namespaces of one's own: %s\n", strerror(-r));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
