/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of the daemon, and who may call whom. */
#ifndef TPR_DAEMON_H
#define TPR_DAEMON_H

#include "config.h"
#include "engine.h"
#include "netlink.h"
#include "store.h"

#include <uv.h>

struct attacher;
struct control;
struct device;
struct lease;
struct news;

enum {
	DEVICE_BUCKETS = 4096, /* for some 10,000 devices */
};

/* Everything in it belongs to the loop's thread. */
struct daemon {
	uv_loop_t loop;
	const struct config *config;
	const struct store_ops *ops;
	struct store *store;
	char *where; /* it is, for its open() and the log */
	struct engine_conf engine;
	struct lease *lease;
	struct netlink *nl;
	struct attacher *attacher;
	struct control *control;
	struct news *news;
	struct device *devices;
	struct device *by_name[DEVICE_BUCKETS];
	struct device *by_lu[DEVICE_BUCKETS];
	bool stopping;
};

#endif
