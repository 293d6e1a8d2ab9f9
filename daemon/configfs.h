/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The directories below configfs: target/core, where LIO has its backstores,
 * and tcmu_pr, the module's.  The calls block; @root is where configfs is
 * mounted.
 */
#ifndef TPR_CONFIGFS_H
#define TPR_CONFIGFS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	CONFIGFS_NAME_MAX = 64, /* of a device below tcmu_pr, with its NUL */
	CONFIGFS_BACKSTORE_MAX = 512, /* of HBA/DEVICE, with its NUL */
	CONFIGFS_ERROR_MAX = 256,
};

/* @fn for each TCMU backstore; -errno. */
int configfs_each(const char *root,
		  void (*fn)(void *arg, const char *backstore), void *arg);

/* True once the backstore is configured and works. */
bool configfs_enabled(const char *root, const char *backstore);

/* What tcmu-runner makes a device of: its dev_config.  0 or -errno. */
int configfs_config(const char *root, const char *backstore, char *text,
		    size_t cap);

/*
 * Attaches @backstore as @name, or as a name made from its own if that is
 * NULL.  Attached already is success.  0 or -errno with @error of
 * CONFIGFS_ERROR_MAX bytes.
 */
int configfs_attach(const char *root, const char *backstore, const char *name,
		    char *error);

/* Detaches @name; its backstore, if it had one, in @backstore. */
int configfs_detach(const char *root, const char *name, char *backstore,
		    char *error);

#endif
