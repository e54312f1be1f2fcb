/* The server's listings, directories and changes of files, driven by hand. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ftp_server_driver.h"

static void listings(void **state)
{
	static const char text[] = "d 4096 1767254400000000000 pub\n- 12 1467254400000000000 a b\n"
				   "- 1 1 bad\001name\n";
	struct answer a = { .file = { .data = (const uint8_t *)text, .len = sizeof(text) - 1 } };
	char *all;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	opens_data(&d);
	say(&d, "LIST -la");
	file_is(&d, FILE_STAT, A_DIR);
	file_is(&d, FILE_LIST, a);
	all = drv_written(&d, DATA, NULL);
	assert_string_equal(all,
			    "drwxr-xr-x   2 ftp      ftp              4096 Jan  1 08:00 pub\r\n"
			    "-rw-r--r--   1 ftp      ftp                12 Jun 30  2016 a b\r\n");
	free(all);
	hears(&d, "226 ");
	opens_data(&d);
	say(&d, "NLST");
	file_is(&d, FILE_STAT, A_DIR);
	file_is(&d, FILE_LIST, a);
	all = drv_written(&d, DATA, NULL);
	assert_string_equal(all, "pub\r\na b\r\n");
	free(all);
	opens_data(&d);
	say(&d, "MLSD");
	file_is(&d, FILE_STAT, A_DIR);
	file_is(&d, FILE_LIST, a);
	all = drv_written(&d, DATA, NULL);
	assert_string_equal(all, "type=dir;modify=20260101080000;perm=elcmdpf; pub\r\n"
				 "type=file;size=12;modify=20160630024000;perm=rawdf; a b\r\n");
	free(all);
	drv_expect_decision(&d, "ftp.cmd.mlsd-mlst");
	opens_data(&d);
	say(&d, "LIST one");
	file_is(&d, FILE_STAT, FILE_OF(3));
	all = drv_written(&d, DATA, NULL);
	assert_non_null(strstr(all, " 3 Jan  1 08:00 one\r\n"));
	free(all);
	opens_data(&d);
	say(&d, "LIST none");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	file_is(&d, FILE_LIST, FAILS(ENOENT));
	hears(&d, "550 ");
	say(&d, "MLST f");
	file_is(&d, FILE_STAT, FILE_OF(3));
	all = drv_written(&d, CTRL, NULL);
	assert_string_equal(all, "250-Facts of the file:\r\n type=file;size=3;"
				 "modify=20260101080000;perm=rawdf; /f\r\n250 End.\r\n");
	free(all);
	say(&d, "MLST f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	hears(&d, "550 ");
	drv_done(&d);
}

static void directories(void **state)
{
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	says(&d, "PWD", "257 \"/\" ");
	say(&d, "CWD a\"b/./c/..");
	file_is(&d, FILE_STAT, A_DIR);
	drv_expect_decision(&d, "ftp.directories");
	hears(&d, "250 ");
	says(&d, "PWD", "257 \"/a\"\"b\" ");
	say(&d, "CWD x");
	file_is(&d, FILE_STAT, FILE_OF(3));
	hears(&d, "550 ");
	says(&d, "CWD ../..", "550 ");
	drv_expect_decision(&d, "ftp.server.path-escape");
	says(&d, "CDUP", "250 ");
	says(&d, "CDUP", "250 ");
	say(&d, "MKD new");
	file_is(&d, FILE_MKDIR, DONE);
	hears(&d, "257 \"/new\" ");
	say(&d, "MKD new");
	file_is(&d, FILE_MKDIR, FAILS(EEXIST));
	hears(&d, "550 ");
	say(&d, "RMD new");
	file_is(&d, FILE_RMDIR, DONE);
	drv_expect_value(&d, "ftp.cmd.directories", "code", "250");
	says(&d, "USER bob", "331 ");
	says(&d, "PASS pw", "230 ");
	says(&d, "MKD new", "550 ");
	says(&d, "RMD new", "550 ");
	says(&d, "DELE f", "550 ");
	says(&d, "RNFR f", "550 ");
	drv_done(&d);
}

static void files_change(void **state)
{
	const struct fx_effect *e;
	struct drv d;

	(void)state;
	begin(&d, USERS);
	logs_in(&d, "ann");
	say(&d, "DELE f");
	file_is(&d, FILE_DELETE, DONE);
	drv_expect_value(&d, "ftp.cmd.dele", "code", "250");
	say(&d, "DELE f");
	file_is(&d, FILE_DELETE, FAILS(ENOENT));
	hears(&d, "550 ");
	says(&d, "RNTO g", "503 ");
	say(&d, "RNFR f");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	drv_expect_value(&d, "ftp.cmd.rnfr", "code", "550");
	say(&d, "RNFR f");
	file_is(&d, FILE_STAT, FILE_OF(1));
	hears(&d, "350 ");
	says(&d, "NOOP", "200 ");
	says(&d, "RNTO g", "503 ");
	say(&d, "RNFR f");
	file_is(&d, FILE_STAT, FILE_OF(1));
	say(&d, "RNTO g");
	e = drv_next_ask(&d);
	assert_int_equal(e->ask.ask->file.op, FILE_RENAME);
	assert_string_equal(e->ask.ask->file.path, "f");
	assert_memory_equal(e->ask.ask->file.data, "g", 1);
	drv_answer(&d, e->ask.ask_id, &DONE);
	drv_expect_value(&d, "ftp.cmd.rnto", "code", "250");
	say(&d, "RNFR f");
	file_is(&d, FILE_STAT, FILE_OF(1));
	say(&d, "RNTO none/g");
	file_is(&d, FILE_STAT, FAILS(ENOENT));
	hears(&d, "553 ");
	say(&d, "RNFR f");
	file_is(&d, FILE_STAT, FILE_OF(1));
	say(&d, "RNTO dir");
	file_is(&d, FILE_RENAME, FAILS(EISDIR));
	hears(&d, "553 ");
	say(&d, "SIZE f");
	file_is(&d, FILE_STAT, FILE_OF(12));
	hears(&d, "213 12");
	say(&d, "MDTM f");
	file_is(&d, FILE_STAT, FILE_OF(12));
	hears(&d, "213 20260101080000");
	drv_expect_decision(&d, "ftp.cmd.size-mdtm");
	say(&d, "SIZE f");
	file_is(&d, FILE_STAT, A_DIR);
	hears(&d, "550 ");
	says(&d, "TYPE A", "200 ");
	says(&d, "SIZE f", "550 ");
	drv_done(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listings),
		cmocka_unit_test(directories),
		cmocka_unit_test(files_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
