/* file.h: reading whole regular files, with a limit. */
#ifndef LABD_LAB_FILE_H
#define LABD_LAB_FILE_H

#include <stddef.h>

/* The bytes of a file, with a zero behind them; the caller frees. Never waits: a pipe or a device
 * is -ENOTSUP. More than |max| bytes are -EFBIG; else what the kernel said. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_len);

/* What to tell a person about the error of file_read(). */
const char *file_why(int error);

#endif
