/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * After a boot: a host that was cut off from the cluster has to be let in again
 * before tcmu-runner opens the images, thus before there is any device, and
 * before a daemon could find out from one where its store is.
 */
#ifndef TPR_LIFT_H
#define TPR_LIFT_H

#include "config.h"

#define LIFT_FILE "/var/lib/tcmu-pr/home"

/* Keeps in @file where the store is, for the next boot. */
void lift_remember(const struct config *config, const char *file,
		   const char *where);
/*
 * Lets this host in again at the store @where, or, if NULL, at the one that is
 * configured or remembered in @file.  0 also if there is nothing to be done:
 * nothing known, or there are devices, whose commands may be under way.
 */
int lift_host(const struct config *config, const char *configfs,
	      const char *file, const char *where);

#endif
