/* bridge.h: switches and hubs.
 *
 * The kernel's bridge carries the frames: it learns, forwards, floods, and runs spanning tree
 * (IEEE 802.1D) where the lab has a loop. Its decisions are inferred by the log from what came in
 * and went out. This folder shows its tables. */
#ifndef LABD_NODES_BRIDGE_H
#define LABD_NODES_BRIDGE_H

#include "proto.h"

extern const struct machine_class bridge_switch_class;
extern const struct proto bridge_proto;

#endif
