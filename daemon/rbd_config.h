/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The names of an RBD image: what tcmu-runner's rbd handler reads out of a
 * TCMU device's dev_config, and the same in our own normal form.  No librados
 * in here: a name says nothing of whether there is such an image.
 */
#ifndef TPR_RBD_CONFIG_H
#define TPR_RBD_CONFIG_H

#include <stddef.h>

enum {
	/*
	 * Of each part, with its NUL.  The kernel has room for 256 bytes of
	 * dev_config.
	 */
	RBD_PART_MAX = 256,
	/* Of a whole normal form, with its NUL. */
	RBD_NAME_MAX = 5 * RBD_PART_MAX + 64,
	RBD_OP_TIMEOUT_MAX_S = 86400,
};

/* An empty part is one that is not given. */
struct rbd_config {
	char pool[RBD_PART_MAX];
	char ns[RBD_PART_MAX]; /* namespace */
	char image[RBD_PART_MAX];
	char conf[RBD_PART_MAX]; /* librados looks in its usual places */
	char id[RBD_PART_MAX]; /* without "client."; librados': admin */
	unsigned int osd_op_timeout; /* seconds; 0: not given */
};

/*
 * Reads a dev_config: rbd/POOL/[NAMESPACE/]IMAGE[;OPTION...].  0; -EINVAL: it
 * is no RBD image's; -ENAMETOOLONG: one of its parts.
 */
int rbd_config_parse(const char *dev_config, struct rbd_config *rbd);

/*
 * The normal form of an image's name, which is what the store calls the
 * logical unit:
 * POOL/[NAMESPACE/]IMAGE[;conf=PATH][;id=USER][;osd_op_timeout=SECONDS].
 * -ENAMETOOLONG: not within @cap bytes, with the NUL.
 */
int rbd_config_lu(const struct rbd_config *rbd, char *lu, size_t cap);
/*
 * Reads it back; options may be in any order, as in a dev_config.  Errors as
 * there.
 */
int rbd_config_parse_lu(const char *lu, struct rbd_config *rbd);

/* The same for a place in a cluster: POOL[/NAMESPACE][;conf=PATH][;id=USER]. */
int rbd_config_where(const struct rbd_config *rbd, char *where, size_t cap);
int rbd_config_parse_where(const char *where, struct rbd_config *rbd);

#endif
