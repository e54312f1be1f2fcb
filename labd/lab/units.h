/* units.h: numbers with units as the lab file writes them. Exact, without floating point.
 *
 *   durations    10ms 5us 2s 1m30s 1.5s 0       -> nanoseconds
 *   percentages  0.5% 100% 0                    -> parts per billion
 *   rates        10mbit 1.5gbit 100kbit 64bps   -> bits a second
 *   sizes        64KiB 2GiB 1500B 10MB 1500     -> bytes
 *   times        2026-01-01T08:00:00.5Z, +02:00 -> nanoseconds since 1970 (RFC 3339)
 *
 * Zero needs no unit. Units are case-insensitive. Each returns 0, -EINVAL (not such a thing) or
 * -ERANGE (more than fits, or finer than six decimals). */
#ifndef LABD_LAB_UNITS_H
#define LABD_LAB_UNITS_H

#include "base/types.h"

int parse_duration(const char *text, nsec_t *ret_ns);
int parse_percent(const char *text, uint32_t *ret_ppb);
int parse_rate(const char *text, uint64_t *ret_bps);
int parse_size(const char *text, uint64_t *ret_bytes);
int parse_time(const char *text, int64_t *ret_ns);

#endif
