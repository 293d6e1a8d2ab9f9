// SPDX-License-Identifier: GPL-2.0-only
#include "home.h"
#include "configfs.h"
#include "rbd_config.h"
#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOL "rbd"

/* What the devices tell. */
struct search {
	const struct config *config;
	const char *configfs;
	struct rbd_config rbd; /* of the first one; the first id by name */
	char first[CONFIGFS_BACKSTORE_MAX];
	char differs[CONFIGFS_BACKSTORE_MAX]; /* one with another conf */
	unsigned int images;
	unsigned int others;
};

static int device_parse(const struct config_device *conf,
			const char *dev_config, struct rbd_config *rbd)
{
	return conf && conf->lu ? rbd_config_parse_lu(conf->lu, rbd)
				: rbd_config_parse(dev_config, rbd);
}

/* Where librados looks if it is told no file. */
static const char *file(const struct rbd_config *rbd)
{
	return rbd->conf[0] ? rbd->conf : "/etc/ceph/ceph.conf";
}

/*
 * Two users of one cluster find the same home: any will do, but the same at
 * each start.
 */
static void take(struct search *s, const char *backstore,
		 const struct rbd_config *rbd)
{
	if (!s->images++) {
		s->rbd = *rbd;
		snprintf(s->first, sizeof(s->first), "%s", backstore);
	} else if (strcmp(file(rbd), file(&s->rbd)) != 0) {
		snprintf(s->differs, sizeof(s->differs), "%s", backstore);
	} else if (strcmp(rbd->id, s->rbd.id) < 0) {
		s->rbd = *rbd;
	}
}

static void look(void *arg, const char *backstore)
{
	struct search *s = arg;
	const struct config_device *conf = config_device(s->config, backstore);
	char text[HOME_CONFIG_MAX];
	struct rbd_config rbd;

	if (conf && !conf->attach)
		return;
	/* Without a dev_config it is only being made. */
	if (configfs_config(s->configfs, backstore, text, sizeof(text)) ||
	    !text[0])
		return;
	if (device_parse(conf, text, &rbd)) {
		s->others++;
		return;
	}
	take(s, backstore, &rbd);
}

/* conf and id as tcmu-runner uses them. */
static int infer(const struct config *config, const char *configfs,
		 struct rbd_config *rbd, char *error)
{
	struct search s = {.config = config, .configfs = configfs};
	int rc = configfs_each(configfs, look, &s);

	error[0] = '\0';
	/* Without target/core there are none yet. */
	if (rc && rc != -ENOENT) {
		snprintf(error, HOME_ERROR_MAX, "%s/target/core: %s", configfs,
			 strerror(-rc));
		return rc;
	}
	if (s.differs[0]) {
		snprintf(error, HOME_ERROR_MAX,
			 "the dev_configs of %.100s and %.100s differ in "
			 "conf: set conf and id in section store",
			 s.first, s.differs);
		return -EINVAL;
	}
	if (!s.images && s.others) {
		snprintf(error, HOME_ERROR_MAX,
			 "no TCMU device is an RBD image (rbd/POOL/IMAGE), "
			 "which would tell where to keep its reservations: "
			 "set type = dir and path in section store, or "
			 "type = rados, conf and id");
		return -EINVAL;
	}
	memcpy(rbd->conf, s.rbd.conf, sizeof(rbd->conf));
	memcpy(rbd->id, s.rbd.id, sizeof(rbd->id));
	return s.images ? 0 : -EAGAIN;
}

/* The configuration has checked their lengths. */
static void part(char *to, const char *from)
{
	if (from)
		snprintf(to, RBD_PART_MAX, "%s", from);
}

static int rados_find(const struct config *config, const char *configfs,
		      char *where, char *error)
{
	struct rbd_config rbd = {.pool = POOL};
	int rc = 0;

	part(rbd.pool, config->store_pool);
	part(rbd.ns, config->store_ns);
	part(rbd.conf, config->store_conf);
	part(rbd.id, config->store_id);
	if (!config->store_conf && !config->store_id)
		rc = infer(config, configfs, &rbd, error);
	return rc ? rc : rbd_config_where(&rbd, where, RBD_NAME_MAX);
}

int home_find(const struct config *config, const char *configfs, char **where,
	      char *error)
{
	char rados[RBD_NAME_MAX];
	int rc;

	error[0] = '\0';
	*where = NULL;
	if (config->store == &store_dir_ops) {
		*where = strdup(config->store_path);
	} else {
		rc = rados_find(config, configfs, rados, error);
		if (rc)
			return rc;
		*where = strdup(rados);
	}
	if (*where)
		return 0;
	snprintf(error, HOME_ERROR_MAX, "no memory");
	return -ENOMEM;
}

const char *home_refuses(const struct config *config, const char *backstore,
			 const char *dev_config)
{
	const struct config_device *conf = config_device(config, backstore);
	struct rbd_config rbd;

	if (config->store == &store_dir_ops)
		return NULL;
	switch (device_parse(conf, dev_config, &rbd)) {
	case 0:
		return NULL;
	case -ENAMETOOLONG:
		return "a name in its dev_config is too long";
	default:
		return "its dev_config is not that of an RBD image, "
		       "rbd/POOL/IMAGE: set lu or attach = no in its device "
		       "section";
	}
}
