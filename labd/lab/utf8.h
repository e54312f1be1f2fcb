/* utf8.h: characters of UTF-8 texts (RFC 3629). A byte that begins no valid sequence counts as one
 * character. */
#ifndef LABD_LAB_UTF8_H
#define LABD_LAB_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at |p|, of which |left| > 0 are there; 0 when it is invalid or cut. */
size_t utf8_length(const char *p, size_t left);

/* Bytes to step over: utf8_length(), and 1 for what is invalid. */
size_t utf8_step(const char *p, size_t left);

/* How many characters |len| bytes are. */
uint32_t utf8_count(const char *p, size_t len);

/* The byte of 0-based character |n|, or |len|. */
size_t utf8_offset(const char *p, size_t len, uint32_t n);

#endif
