/* dir, more, delete and copy, with the dialogue. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "files/files.h"
#include "machine_driver.h"

static void begin(struct drv *d)
{
	drv_init(d, &files_proto, KIND_ROUTER, 1);
	str_copy(d->dev.hostname, sizeof(d->dev.hostname), "R1");
	drv_start(d, "files.manager");
}

/* Answers the last question with this text. */
static void answer_text(struct drv *d, const struct fx_effect *e, const char *text)
{
	struct answer a = { 0 };

	a.file.data = (const uint8_t *)text;
	a.file.len = a.file.size = strlen(text);
	drv_answer(d, e->ask.ask_id, &a);
}

static void answer_error(struct drv *d, const struct fx_effect *e, int err)
{
	struct answer a = { .err = err };

	str_copy(a.why, sizeof(a.why), strerror(-err));
	drv_answer(d, e->ask.ask_id, &a);
}

/* --- places ------------------------------------------------------------------------------- */

static void places(void **state)
{
	static const struct {
		const char *text, *formatted; /* NULL: refused */
		enum place_kind kind;
	} rows[] = {
		{ "running-config", "running-config", PLACE_RUNNING },
		{ "system:running-config", "running-config", PLACE_RUNNING },
		{ "nvram:startup-config", "startup-config", PLACE_STARTUP },
		{ "flash:", "flash:", PLACE_FLASH },
		{ "flash:/a/b.cfg", "flash:a/b.cfg", PLACE_FLASH },
		{ "a.cfg", "flash:a.cfg", PLACE_FLASH },
		{ "tftp:", "tftp:///", PLACE_URL },
		{ "TFTP:x", "tftp:///x", PLACE_URL },
		{ "tftp://10.0.0.1", "tftp://10.0.0.1/", PLACE_URL },
		{ "tftp://10.0.0.1/dir/r1.cfg", "tftp://10.0.0.1/dir/r1.cfg", PLACE_URL },
		{ "tftp://10.0.0.1:6969/x", "tftp://10.0.0.1:6969/x", PLACE_URL },
		{ "tftp://[fd00::1]:70/x", "tftp://[fd00::1]:70/x", PLACE_URL },
		{ "tftp://[fd00::1]/x", "tftp://[fd00::1]/x", PLACE_URL },
		{ "ftp://ann:secret@srv/x", "ftp://srv/x", PLACE_URL },
		{ "tftp://10.0.0.1:0/x", NULL, 0 },
		{ "tftp://10.0.0.1:70000/x", NULL, 0 },
		{ "nosuchscheme://h/x", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sbuf out = SBUF(2000);
		struct place p;
		const char *why = NULL;
		int r = place_parse(rows[i].text, &p, &why);

		if (!rows[i].formatted) {
			assert_int_equal(r, -EINVAL);
			assert_non_null(why);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(p.kind, rows[i].kind);
		place_format(&p, &out);
		assert_string_equal(sbuf_text(&out), rows[i].formatted);
		sbuf_done(&out);
	}
}

static void a_password_is_kept_out_of_sight(void **state)
{
	struct place p;
	const char *why;

	(void)state;
	assert_int_equal(place_parse("ftp://ann:secret@srv/x", &p, &why), 0);
	assert_string_equal(p.user, "ann");
	assert_string_equal(p.password, "secret");
	assert_string_equal(p.host, "srv");
}

/* --- the store ---------------------------------------------------------------------------- */

static void dir_lists_in_order(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	drv_command(&d, "dir");
	answer_text(&d, drv_next_ask(&d), "- 10 1000000000 b.cfg\nd 4096 0 sub\n- 7 0 a b\n");
	drv_expect_output(&d, "    1  -rw-           7  Jan 01 1970 00:00:00 +00:00  a b\n");
	drv_expect_output(&d, "    2  -rw-          10  Jan 01 1970 00:00:01 +00:00  b.cfg\n");
	drv_expect_output(&d, "    3  drw-           0");
	drv_expect_output(&d, "17 bytes in 3 files");
	assert_int_equal(d.status, 0);
	drv_command(&d, "show flash:");
	answer_text(&d, drv_next_ask(&d), "");
	drv_expect_output(&d, "No files in directory");
	drv_command(&d, "dir tftp:");
	drv_expect_output(&d, "%Error opening tftp:");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void more_shows_no_control_octets(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	drv_command(&d, "more a.txt");
	answer_text(&d, drv_next_ask(&d), "one\r\ntwo\033[2J");
	drv_expect_output(&d, "one\ntwo.[2J\n");
	drv_command(&d, "more startup-config");
	answer_error(&d, drv_next_ask(&d), -ENOENT);
	drv_expect_output(&d, "%Error opening startup-config (No such file or directory)");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void delete_asks_first(void **state)
{
	const struct fx_effect *e;
	struct drv d;
	uint32_t call;

	(void)state;
	begin(&d);
	call = drv_command(&d, "delete flash:a.cfg");
	assert_string_equal(drv_next_prompt(&d), "Delete flash:a.cfg? [confirm]");
	drv_typed(&d, call, "");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_DELETE);
	answer_text(&d, e, "");
	drv_expect_value(&d, "files.deleted", "file", "a.cfg");
	assert_int_equal(d.status, 0);
	call = drv_command(&d, "delete a.cfg");
	drv_typed(&d, call, "no");
	drv_expect_output(&d, "aborted");
	assert_int_equal(d.status, 1);
	call = drv_command(&d, "delete a.cfg");
	drv_input_end(&d, call, INPUT_CANCELLED);
	assert_int_equal(d.status, 1);
	drv_command(&d, "delete /force a.cfg");
	answer_error(&d, drv_next_ask(&d), -ENOENT);
	drv_expect_output(&d, "%Error deleting flash:a.cfg");
	drv_command(&d, "delete running-config");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

/* --- copy --------------------------------------------------------------------------------- */

static void a_configuration_goes_to_a_server(void **state)
{
	const struct fx_effect *e;
	const struct ask_transfer *t;
	struct answer done = { 0 };
	struct drv d;

	(void)state;
	begin(&d);
	drv_command(&d, "copy running-config tftp://10.0.0.9/r1.cfg");
	drv_expect_decision(&d, "files.copy.start");
	answer_text(&d, drv_next_ask(&d), "hostname R1\n");
	e = drv_next_ask(&d);
	t = &e->ask.ask->transfer;
	assert_int_equal(e->ask.ask->kind, ASK_TRANSFER);
	assert_true(t->put);
	assert_string_equal(t->scheme, "tftp");
	assert_string_equal(t->host, "10.0.0.9");
	assert_string_equal(t->path, "r1.cfg");
	assert_int_equal(t->len, 12);
	assert_memory_equal(t->data, "hostname R1\n", 12);
	done.file.size = 12;
	d.now += 2 * SEC;
	drv_answer(&d, e->ask.ask_id, &done);
	drv_expect_value(&d, "files.copy.done", "bytes", "12");
	drv_expect_output(&d, "12 bytes copied in 2.000 secs (6 bytes/sec)");
	assert_int_equal(d.status, 0);
	drv_done(&d);
}

static void the_dialogue(void **state)
{
	const struct ask_transfer *t;
	struct drv d;
	uint32_t call;

	(void)state;
	begin(&d);
	call = drv_command(&d, "copy run tftp:");
	assert_string_equal(drv_next_prompt(&d), "Address or name of remote host []? ");
	drv_typed(&d, call, " 10.0.0.9");
	assert_string_equal(drv_next_prompt(&d), "Destination filename [r1-confg]? ");
	drv_typed(&d, call, "");
	answer_text(&d, drv_next_ask(&d), "x");
	t = &drv_next_ask(&d)->ask.ask->transfer;
	assert_string_equal(t->host, "10.0.0.9");
	assert_string_equal(t->path, "r1-confg");

	call = drv_command(&d, "copy tftp: flash:");
	drv_typed(&d, call, "srv");
	assert_string_equal(drv_next_prompt(&d), "Source filename []? ");
	drv_typed(&d, call, "dir/New.bin");
	assert_string_equal(drv_next_prompt(&d), "Destination filename [New.bin]? ");
	drv_typed(&d, call, "");
	answer_text(&d, drv_next_ask(&d), ""); /* there is one of that name */
	assert_string_equal(drv_next_prompt(&d), "Do you want to over write? [confirm]");
	drv_expect_output(&d, "%Warning: There is a file already existing with this name\n");
	drv_typed(&d, call, "y");
	t = &drv_next_ask(&d)->ask.ask->transfer;
	assert_false(t->put);
	assert_string_equal(t->path, "dir/New.bin");
	assert_string_equal(t->file, "New.bin");
	drv_done(&d);
}

static void nobody_to_ask(void **state)
{
	struct drv d;
	uint32_t call;

	(void)state;
	begin(&d);
	call = drv_command(&d, "copy run tftp:");
	drv_input_end(&d, call, INPUT_NOBODY);
	drv_expect_output(&d, "leaves out");
	drv_expect_decision(&d, "files.copy.failed");
	assert_int_equal(d.status, 1);
	call = drv_command(&d, "copy flash:a tftp://10.0.0.9");
	drv_input_end(&d, call, INPUT_NOBODY); /* the default name will do */
	assert_string_equal(drv_next_ask(&d)->ask.ask->transfer.path, "a");
	call = drv_command(&d, "copy flash:a flash:b");
	answer_text(&d, drv_next_ask(&d), "");
	drv_typed(&d, call, "n");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void what_cannot_be_opened_is_named(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	drv_command(&d, "copy tftp://10.0.0.9/x running-config");
	answer_error(&d, drv_next_ask(&d), -ETIMEDOUT);
	drv_expect_output(&d, "%Error opening tftp://10.0.0.9/x (Connection timed out)\n");
	drv_expect_value(&d, "files.copy.failed", "to", "running-config");
	assert_int_equal(d.status, 1);
	drv_command(&d, "copy nosuchscheme: flash:x");
	assert_int_equal(d.status, 2);
	drv_done(&d);
}

static void lines_that_are_refused_are_told(void **state)
{
	const struct fx_effect *e;
	struct answer a = { .err = -EINVAL };
	struct drv d;

	(void)state;
	begin(&d);
	drv_command(&d, "copy tftp://10.0.0.9/x running-config");
	answer_text(&d, drv_next_ask(&d), "no such line\nhostname Z\n");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->conf.op, CONF_MERGE);
	assert_int_equal(e->ask.ask->conf.len, 24);
	a.file.data = (const uint8_t *)"% line 1, column 4: no\n";
	a.file.len = 23;
	drv_answer(&d, e->ask.ask_id, &a);
	drv_expect_value(&d, "files.copy.merged-in-part", "why", "% line 1, column 4: no");
	drv_expect_log(&d, "%SYS-5-CONFIG_I: Configured from tftp://10.0.0.9/x by console");
	drv_expect_output(&d, "% line 1, column 4: no\n");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

static void between_places_of_the_device(void **state)
{
	const struct fx_effect *e;
	struct answer large = { 0 };
	struct drv d;

	(void)state;
	begin(&d);
	drv_command(&d, "copy startup-config running-config");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->conf.op, CONF_STARTUP);
	answer_text(&d, e, "hostname A\n");
	answer_text(&d, drv_next_ask(&d), "");
	drv_expect_decision(&d, "files.copy.done");
	drv_command(&d, "copy flash:a startup-config");
	answer_text(&d, drv_next_ask(&d), "hostname B\n");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->conf.op, CONF_SAVE);
	assert_memory_equal(e->ask.ask->conf.data, "hostname B\n", 11);
	answer_text(&d, e, "");
	assert_int_equal(d.status, 0);
	drv_command(&d, "copy flash:a flash:b");
	answer_error(&d, drv_next_ask(&d), -ENOENT); /* b is new */
	answer_text(&d, drv_next_ask(&d), "abc");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_WRITE);
	assert_string_equal(e->ask.ask->file.path, "b");
	answer_error(&d, e, -ENOSPC);
	assert_int_equal(d.status, 1);
	drv_command(&d, "copy flash:a running-config");
	large.file.size = 5u << 20;
	drv_answer(&d, drv_next_ask(&d)->ask.ask_id, &large);
	drv_expect_output(&d, "too large");
	drv_done(&d);
}

static void jobs_are_bounded(void **state)
{
	struct drv d;

	(void)state;
	begin(&d);
	for (int i = 0; i < FILES_JOBS_MAX; i++)
		drv_command(&d, "dir");
	drv_command(&d, "dir");
	drv_expect_output(&d, "Too many");
	assert_int_equal(d.status, 1);
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(a_password_is_kept_out_of_sight),
		cmocka_unit_test(dir_lists_in_order),
		cmocka_unit_test(more_shows_no_control_octets),
		cmocka_unit_test(delete_asks_first),
		cmocka_unit_test(a_configuration_goes_to_a_server),
		cmocka_unit_test(the_dialogue),
		cmocka_unit_test(nobody_to_ask),
		cmocka_unit_test(what_cannot_be_opened_is_named),
		cmocka_unit_test(lines_that_are_refused_are_told),
		cmocka_unit_test(between_places_of_the_device),
		cmocka_unit_test(jobs_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
