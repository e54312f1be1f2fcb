/* device.h: what device.c and spawn.c share. */
#ifndef LABD_SUPERVISOR_DEVICE_H
#define LABD_SUPERVISOR_DEVICE_H

#include "labd/supervisor/supervisor.h"

void device_set_wanted(struct sup_device *d, bool wanted);
void device_close_ctl(struct sup_device *d);
void device_hear(evutil_socket_t fd, short what, void *arg); /* what its node says */
void device_stop_for_good(struct sup_device *d, const char *why);
/* A lab that never was ready is in vain without one of its devices; later on it is not. */
void device_give_up(struct sup_device *d, const char *why);
/* Another process for it, unless it had too many. */
void device_again(struct sup_device *d, const char *why);
/* Once it is born, prepared and listened to: its links, then its start. */
void device_go_on(struct sup_device *d);

#endif
