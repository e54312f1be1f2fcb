/* birth.h: how a lab's supervisor comes to be PID 1 of namespaces of its own.
 *
 * labd is started with everything it needs already open (no path of the host is looked up later but
 * the run directory). It clones itself into new user, PID, mount, network, UTS and IPC namespaces,
 * writes the id maps from outside, and ends: the clone has no living parent, so that killing it is
 * the end of everything in its PID namespace, and nothing else has to be cleaned up. */
#ifndef LABD_SUPERVISOR_BIRTH_H
#define LABD_SUPERVISOR_BIRTH_H

#include <stdbool.h>
#include <stdint.h>

#include "netns/idmap.h"

/* What labd was given on its command line. Descriptors are inherited. */
struct birth {
	int plan_fd;	     /* the plan, JSON */
	int describe_fd;     /* `labnode --describe`, JSON */
	int listen_fd;	     /* SEQPACKET: labctl connects here */
	int status_fd;	     /* progress lines to whoever waits; closed when ready */
	int lock_fd;	     /* the lab's lock, held until the supervisor's end; -1: none */
	const char *run_dir; /* of this run: log.db, devices/ */
	const char *labnode; /* the program */
	bool sandbox;
	bool quiet;	  /* no journal, no capture: for measurements without the log */
	struct idmap map; /* of the labd's user namespace */
};

/* Does not return in the supervisor (it runs supervisor_main() and exits). The exit status of the
 * outer process: 0 once the supervisor runs. */
int birth(struct birth *b);

/* One progress line for the one who waits: a JSON object. */
void birth_status(int status_fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
