/* Many reads or writes by one call do what as many calls would. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/types.h"
#include "labd/wires/batch.h"

#define N_PARTS 32

static struct batch *batch;

static void make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void set_parts(struct iovec *parts, uint8_t (*bytes)[4], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		memset(bytes[i], (int)i, sizeof(bytes[i]));
		parts[i] = (struct iovec){ bytes[i], i % 4 + 1 };
	}
}

static void all_are_written_in_order(void **state)
{
	uint8_t bytes[N_PARTS][4], got[8];
	struct iovec parts[N_PARTS];
	int32_t results[N_PARTS];
	int fds[2];

	(void)state;
	make_pair(fds);
	set_parts(parts, bytes, N_PARTS);
	for (unsigned n = 1; n <= N_PARTS; n++) {
		assert_int_equal(batch_run(batch, BATCH_WRITE, fds[0], parts, n, results), 0);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(results[i], i % 4 + 1);
			assert_int_equal(read(fds[1], got, sizeof(got)), i % 4 + 1);
			assert_memory_equal(got, bytes[i], i % 4 + 1);
		}
		assert_int_equal(read(fds[1], got, sizeof(got)), -1);
	}
	close_pair(fds);
}

static void what_is_not_there_is_told(void **state)
{
	uint8_t bytes[N_PARTS][4];
	struct iovec parts[N_PARTS];
	int32_t results[N_PARTS];
	int fds[2];

	(void)state;
	make_pair(fds);
	for (unsigned n = 0; n <= N_PARTS; n++) {
		set_parts(parts, bytes, N_PARTS);
		for (unsigned i = 0; i < N_PARTS; i++)
			parts[i].iov_len = sizeof(bytes[i]);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(write(fds[0], &(uint8_t){ (uint8_t)(100 + i) }, 1), 1);
		assert_int_equal(batch_run(batch, BATCH_READ, fds[1], parts, N_PARTS, results), 0);
		for (unsigned i = 0; i < N_PARTS; i++) {
			assert_int_equal(results[i], i < n ? 1 : -EAGAIN);
			assert_int_equal(bytes[i][0], i < n ? 100 + i : i);
		}
	}
	close_pair(fds);
}

static void a_full_one_takes_no_more(void **state)
{
	static uint8_t large[16384], got[16384];
	struct iovec parts[BATCH_MAX];
	int32_t results[BATCH_MAX];
	unsigned n_taken = 0, n_got = 0;
	int fds[2];

	(void)state;
	make_pair(fds);
	for (unsigned i = 0; i < BATCH_MAX; i++)
		parts[i] = (struct iovec){ large, sizeof(large) };
	assert_int_equal(batch_run(batch, BATCH_WRITE, fds[0], parts, BATCH_MAX, results), 0);
	while (n_taken < BATCH_MAX && results[n_taken] > 0)
		n_taken++;
	assert_in_range(n_taken, 1, BATCH_MAX - 1);
	for (unsigned i = n_taken; i < BATCH_MAX; i++)
		assert_int_equal(results[i], -EAGAIN);
	while (read(fds[1], got, sizeof(got)) > 0)
		n_got++;
	assert_int_equal(n_got, n_taken);
	close_pair(fds);
}

static void errors_are_each_ones_own(void **state)
{
	uint8_t bytes[2][4] = { 0 };
	struct iovec parts[2] = { { NULL, 4 }, { bytes[1], 4 } };
	int32_t results[2];
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(batch_run(batch, BATCH_WRITE, fds[0], parts, 2, results), 0);
	assert_int_equal(results[0], -EFAULT);
	assert_int_equal(results[1], 4);
	assert_int_equal(batch_run(batch, BATCH_WRITE, -1, parts, 2, results), 0);
	assert_int_equal(results[0], -EBADF);
	assert_int_equal(results[1], -EBADF);
	assert_int_equal(batch_run(batch, BATCH_READ, fds[1], parts, BATCH_MAX + 1, results),
			 -EINVAL);
	close_pair(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_written_in_order),
		cmocka_unit_test(what_is_not_there_is_told),
		cmocka_unit_test(a_full_one_takes_no_more),
		cmocka_unit_test(errors_are_each_ones_own),
	};
	int r = batch_open(&batch);

	if (r < 0) {
		print_message("skipped: no io_uring here: %s\n", strerror(-r));
		return 0;
	}
	r = cmocka_run_group_tests(tests, NULL, NULL);
	batch_close(batch);
	return r;
}
