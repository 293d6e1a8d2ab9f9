/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaching and detaching of backstores through configfs, on request and by
 * itself.
 *
 * New devices are found by a scan every second, not by the netlink events of
 * target_core_user: those come before a device can be attached, are lost when
 * a queue overflows, and say nothing about what was there before.  The scan
 * reads one directory for each HBA; it looks closer only at what it does not
 * know yet.
 */
#ifndef TPR_ATTACH_H
#define TPR_ATTACH_H

#include "config.h"

#include <uv.h>

struct attacher;

/* Called once: @error NULL, or why it failed. */
typedef void (*attach_fn)(void *arg, const char *error);

/* @configfs: where it is mounted.  NULL when there is no memory. */
struct attacher *attach_open(uv_loop_t *loop, const char *configfs,
			     const struct config *config);
/* Frees itself in the loop. */
void attach_close(struct attacher *at);

/* The module is there: scan, if the configuration wants it. */
void attach_start(struct attacher *at);
void attach_stop(struct attacher *at);

/* The kernel says that @backstore was attached, or detached. */
void attach_note(struct attacher *at, const char *backstore, bool attached);

/* @name NULL: as configured, else the backstore's own. */
void attach_add(struct attacher *at, const char *backstore, const char *name,
		attach_fn fn, void *arg);
/* The scan leaves it alone until it is added or the backstore is gone. */
void attach_del(struct attacher *at, const char *name, const char *backstore,
		attach_fn fn, void *arg);

#endif
