/* SPDX-License-Identifier: GPL-2.0-only */
/* tcmu-prd.conf(5). */
#ifndef TPR_CONFIG_H
#define TPR_CONFIG_H

#include "log.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_FILE "/etc/tcmu-prd.conf"

/* What the file says of one backstore. */
struct config_device {
	char *backstore; /* HBA/DEVICE */
	bool attach;
	char *name; /* NULL: the backstore's */
	char *lu; /* NULL: the store finds it */
};

struct config {
	char *gateway;
	char *store_type;
	char *store_path;
	char *socket;
	uint32_t member_timeout_ms;
	uint32_t lease_ms;
	uint32_t margin_ms;
	uint32_t beat_ms; /* follows from the lease */
	char **fence_words; /* the command, ends with NULL; NULL: none */
	uint32_t fence_timeout_ms;
	bool auto_attach;
	enum log_level log_level;
	struct config_device *devices;
	size_t count;
};

/*
 * Reads @file.  NULL after saying on stderr what is wrong with it, with file
 * and line.
 */
struct config *config_read(const char *file);
void config_free(struct config *config);

/* What the file says of @backstore; NULL: nothing. */
const struct config_device *config_device(const struct config *config,
					  const char *backstore);

#endif
