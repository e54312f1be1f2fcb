/* table.h: rows for people: columns aligned, numbers to the right, nothing else around them.
 *
 *   DEVICE  RULE                           TIMES
 *   r1      dhcp4.server.offer-new-lease       4
 *
 * Cells are given row by row, from left to right. They may hold anything: control octets and what
 * is no UTF-8 are shown as \xNN, so a captured text cannot move the cursor. Memory is bounded: at
 * TABLE_BYTES_MAX the table prints what it has and goes on with the same widths. */
#ifndef LABD_CTL_TABLE_H
#define LABD_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_BYTES_MAX	  (64u << 20)
#define TABLE_COLUMNS_MAX 256

struct sbuf;
struct table;

struct table *table_new(FILE *out);
/* The columns, before the first cell; shown in capitals when `capitals`. */
void table_column(struct table *t, const char *name, bool capitals);
void table_cell(struct table *t, const char *text, size_t len, bool number);
void table_text(struct table *t, const char *text); /* NULL = empty */
void table_int(struct table *t, long long value);
void table_printf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
size_t table_rows(const struct table *t);
/* Prints what is not printed yet, without a title when there are no rows; frees. */
struct table *table_end(struct table *t);
/* The same as one row below the other, "name  value", a blank line between records. */
struct table *table_end_lines(struct table *t);

/* Appends text as the table shows it. */
void show_text(struct sbuf *out, const char *text, size_t len);

#endif
