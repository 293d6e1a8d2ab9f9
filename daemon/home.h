/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the store is: from the configuration and, for a RADOS store whose
 * conf and id it does not set, from the devices that tcmu-runner serves.
 */
#ifndef TPR_HOME_H
#define TPR_HOME_H

#include "config.h"

enum {
	HOME_CONFIG_MAX = 4096, /* of a dev_config, with its NUL */
	HOME_ERROR_MAX = 512,
};

/*
 * What the store's open() wants, in *@where (to be freed).  @configfs: where
 * that is mounted.  -EAGAIN: no device is there yet that could tell.  Any other
 * error: @error of HOME_ERROR_MAX bytes says what the administrator has to
 * write.
 */
int home_find(const struct config *config, const char *configfs, char **where,
	      char *error);

/*
 * Why @backstore with @dev_config cannot be served out of the configured
 * store; NULL: it can.
 */
const char *home_refuses(const struct config *config, const char *backstore,
			 const char *dev_config);

#endif
