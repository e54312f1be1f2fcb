/* Walks tests/labs/broken: each NAME.yaml must be refused with exactly the text of NAME.err. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "labd/lab/file.h"
#include "labd/lab/lab.h"

enum { CASES_MIN = 40, TEXT_MAX = 1024 * 1024 };

static const char folder[] = "tests/labs/broken";

/* What `labctl validate` would print, in memory that the caller frees. */
static char *complaints_about(const char *path, int *ret_result)
{
	struct diag diag = { 0 };
	struct lab *lab = NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	*ret_result = lab_load(path, &lab, &diag);
	diag_print(out, &diag);
	fclose(out);
	lab_free(lab);
	diag_done(&diag);
	return text;
}

static void fail_at_difference(const char *path, const char *expected, const char *got)
{
	size_t i = 0, line = 0;

	for (; expected[i] && expected[i] == got[i]; i++)
		if (expected[i] == '\n')
			line = i + 1;
	fail_msg("%s/%s: expected:\n%.*s\nbut got:\n%.*s", folder, path,
		 (int)strcspn(expected + line, "\n"), expected + line,
		 (int)strcspn(got + line, "\n"), got + line);
}

static void compare(const char *path, const char *expected_path)
{
	char *expected = NULL, *text;
	size_t len;
	int result;

	text = complaints_about(path, &result);
	if (result != -EINVAL)
		fail_msg("%s/%s was accepted", folder, path);
	if (file_read(expected_path, TEXT_MAX, &expected, &len) < 0)
		fail_msg("%s/%s is missing; the errors are:\n%s", folder, expected_path, text);
	if (strcmp(text, expected) != 0)
		fail_at_difference(path, expected, text);
	free(expected);
	free(text);
}

static int is_yaml(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".yaml") == 0;
}

static void every_broken_lab_is_explained(void **state)
{
	struct dirent **entries;
	int n;

	(void)state;
	if (chdir(folder) < 0)
		fail_msg("%s: %s: run this from the top of the source tree", folder,
			 strerror(errno));
	n = scandir(".", &entries, is_yaml, alphasort);
	assert_true(n >= CASES_MIN);
	for (int i = 0; i < n; i++) {
		char expected[300];

		(void)snprintf(expected, sizeof(expected), "%.*s.err",
			       (int)strlen(entries[i]->d_name) - 5, entries[i]->d_name);
		compare(entries[i]->d_name, expected);
		free(entries[i]);
	}
	free(entries);
}

static void a_missing_file_is_said_to_be_missing(void **state)
{
	int result;
	char *text;

	(void)state;
	text = complaints_about("no/such/lab.yaml", &result);
	assert_int_equal(result, -EINVAL);
	assert_string_equal(text, "no/such/lab.yaml: error: there is no such file or folder\n");
	free(text);
	text = complaints_about("/dev/zero", &result);
	assert_string_equal(text, "/dev/zero: error: is not a regular file\n");
	free(text);
	text = complaints_about("/", &result);
	assert_string_equal(text, "/: error: is a folder, not a file\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_missing_file_is_said_to_be_missing),
		cmocka_unit_test(every_broken_lab_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
