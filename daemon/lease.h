/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gateways' engine (gateways.h) in the daemon: its clock, its timer, the
 * store, the kernel, the fence command, and the engines of all devices.
 */
#ifndef TPR_LEASE_H
#define TPR_LEASE_H

#include "daemon.h"
#include "gateways.h"

struct lease;

/*
 * After the store is open and d->engine has its gateway and incarnation, and
 * before there are devices: sets d->lease and d->engine.gateways.  0 or
 * -errno, after saying why.
 */
int lease_open(struct daemon *d);
/*
 * At the end: waits for the store calls under way.  The kernel's lease stays
 * as it is, for the next daemon may come soon enough.
 */
void lease_close(struct lease *lease);
/* When the loop has ended; all devices are gone by now. */
void lease_free(struct lease *lease);

/* Events of the netlink connection. */
void lease_welcome(struct lease *lease, uint64_t term);
void lease_done(struct lease *lease, int status);
void lease_quiet(struct lease *lease, uint64_t term);
void lease_down(struct lease *lease);

#endif
