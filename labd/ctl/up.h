/* up.h: bringing a lab up, for `up` and `test`. */
#ifndef LABD_CTL_UP_H
#define LABD_CTL_UP_H

#include <limits.h>
#include <stdbool.h>

struct lab;

/* A lab file or example, read and checked, its devices' configuration too; NULL after the errors
 * were printed. */
struct lab *load_checked(const char *what);
/* 0 when the lab is ready; 1 after saying why not. `run`: the run's folder; `quiet`: without a log;
 * ret_ms: from labd's birth to ready. */
int lab_up(const struct lab *lab, char run[PATH_MAX], bool quiet, long long *ret_ms);
/* Ends a lab and waits until its labd has gone; 0, or 1 after saying why not. */
int lab_down(const char *name);
/* Until every interface that asks for an address by DHCP has one, at most a minute. */
int wait_for_leases(const char *name);

#endif
