/* The numbered files of schema/, byte for byte, in the order in which they are to be run. */
#include "labd/log/db_sql.h"

#include <stddef.h>

#define SQL_FILE(symbol, path)                         \
	__asm__(".pushsection .rodata\n" #symbol ":\n" \
		".incbin \"schema/" path "\"\n"        \
		".byte 0\n"                            \
		".popsection\n");                      \
	extern const char symbol[] __attribute__((visibility("hidden")));

SQL_FILE(sql_001, "001_lab.sql")
SQL_FILE(sql_002, "002_packet.sql")
SQL_FILE(sql_003, "003_decision.sql")
SQL_FILE(sql_004, "004_views.sql")
SQL_FILE(sql_005, "005_reference.sql")
SQL_FILE(sql_006, "006_contents.sql")
SQL_FILE(sql_010, "010_traffic.sql")
SQL_FILE(sql_011, "011_trouble.sql")
SQL_FILE(sql_012, "012_applications.sql")
SQL_FILE(sql_900, "900_statistics.sql")

const char *const db_schema[] = {
	sql_001, sql_002, sql_003, sql_004, sql_005, sql_006,
	sql_010, sql_011, sql_012, sql_900, NULL,
};
