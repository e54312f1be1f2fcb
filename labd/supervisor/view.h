/* view.h: what programs of the host see inside a device: the host's files and /tmp as they are, and
 * of their own: /etc/resolv.conf, /etc/hosts and the list of CAs (the lab's alone), a
 * certificate with its key, a layer over
 * /etc, /run and /var that takes what they write, /proc with the device's processes, /sys with the
 * device's interfaces.
 *
 *   view_host.c  the host's /etc, /run and /var as root of a lab sees them
 *   view.c       the mounts of one device
 *
 * Where an ordinary user runs the lab, the host's root is nobody in it: everything in /etc, /run
 * and /var would belong to nobody, and root of a device could write nowhere. So the lab has a copy
 * of what matters (RUN/host, made for the first `exec`), which lies over the host's and under each
 * device's layer: the folders, owned as the host says (view_survey() looks while that can still be
 * seen); the files of /etc that the user may read, owned by root; a /etc/shadow, because the host's
 * cannot be read; an empty /var/log. */
#ifndef LABD_SUPERVISOR_VIEW_H
#define LABD_SUPERVISOR_VIEW_H

#include <stdbool.h>

#define VIEW_CA_FILE   "/etc/ssl/certs/ca-certificates.crt" /* Debian's place */
#define VIEW_CERT_FILE "/etc/ssl/lab.pem" /* of the device: certificate, then key */

struct sup_device;

/* Before the lab's user namespace exists. As root it does nothing: all ids mean the same inside. */
void view_survey(void);
/* Makes RUN/host unless it is there; false when the lab has none. |run_fd|: of the run's folder. */
bool view_host(int run_fd);
/* In a new mount namespace of the device. What cannot be had is left as the host has it. */
void view_make(const struct sup_device *d);

#endif
