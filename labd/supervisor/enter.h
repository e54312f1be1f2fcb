/* enter.h: programs of the host inside a device.
 *
 * One process per device, the holder, keeps a mount namespace: the host's files with what is the
 * device's own (view.h). It lives in the device's PID namespace and ends with it.
 * What `exec` runs joins the holder's namespaces. */
#ifndef LABD_SUPERVISOR_ENTER_H
#define LABD_SUPERVISOR_ENTER_H

/* The calling thread joins; its next fork is in the device's PID namespace. 0 or negative errno. */
int enter_join(int holder_pidfd);
/* After the fork: root of the device, in `cwd` where that can be. */
void enter_settle(const char *cwd);

#endif
