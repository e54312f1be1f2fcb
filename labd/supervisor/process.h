/* process.h: what the files that start processes share. */
#ifndef LABD_SUPERVISOR_PROCESS_H
#define LABD_SUPERVISOR_PROCESS_H

#include "labd/supervisor/supervisor.h"

/* A new process for |p|, with a channel that |heard| listens to in the supervisor. 1: in the child,
 * with its end of the channel; 0: in the supervisor; or negative errno. |send_bytes|: what the
 * channel may hold towards the child; 0 = the kernel's own measure. */
int process_fork(struct sup *s, struct sup_process *p, int send_bytes, event_callback_fn heard,
		 int *ret_far_fd);
/* In a new child: keeps these descriptors (ended by -1) and the standard ones, closes the rest. */
void process_keep(const int *keep);

/* Where there are two processors: this process stays on the first or the second of them. Log and
 * wires are busy at the same time, each less than a sender, and would be put together: what leaves
 * a wire late then waits for the log. With more processors the kernel finds them places of their
 * own. */
void process_use_cpu(int which);

/* process_log.c */
int log_start(struct sup *s);
int log_start_again(struct sup *s);

/* process_wires.c: nothing is started for a lab without wires. */
int wires_start(struct sup *s);
int wires_start_again(struct sup *s);
uint32_t wires_count(const struct sup *s);
/* What TAP interfaces dropped before labd read it: they count, labd tells the log. */
void wires_tell_drops(struct sup *s);

#endif
