/* SPDX-License-Identifier: GPL-2.0-only */
/* tcmu-prd.conf(5). */
#ifndef TPR_CONFIG_H
#define TPR_CONFIG_H

#include "log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_FILE "/etc/tcmu-prd.conf"

struct store_ops;

/* What the file says of one backstore. */
struct config_device {
	char *backstore; /* HBA/DEVICE */
	bool attach;
	char *name; /* NULL: the backstore's */
	char *lu; /* NULL: the store finds it */
};

struct config {
	char *gateway;
	const struct store_ops *store; /* of the type that is configured */
	char *store_path; /* "dir" */
	/* "rados"; NULL: not in the file.  See home.h. */
	char *store_pool;
	char *store_ns;
	char *store_conf;
	char *store_id;
	char *socket;
	uint32_t member_timeout_ms;
	uint32_t lease_ms;
	uint32_t margin_ms;
	uint32_t beat_ms; /* follows from the lease */
	char **fence_words; /* the command, ends with NULL; NULL: none */
	uint32_t fence_timeout_ms;
	bool blocklist; /* cut evicted gateways off by the store */
	bool auto_attach;
	enum log_level log_level;
	struct config_device *devices;
	size_t count;
};

/*
 * Reads @file; if it @may_lack and is not there, as if it were empty.  NULL
 * after saying on stderr what is wrong with it, with file and line.
 */
struct config *config_read(const char *file, bool may_lack);
void config_free(struct config *config);

/* What the file says of @backstore; NULL: nothing. */
const struct config_device *config_device(const struct config *config,
					  const char *backstore);

#endif
