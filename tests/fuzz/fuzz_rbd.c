// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of RBD images and of places in a cluster: what is read names something,
 * and its normal form reads the same; what is refused is refused with one of
 * two errors.
 */
#include "fuzz.h"
#include "rbd_config.h"

#include <errno.h>

static void check_normal(const struct rbd_config *rbd)
{
	char text[RBD_NAME_MAX], once_more[RBD_NAME_MAX];
	struct rbd_config again;

	CHECK(rbd->pool[0]);
	if (rbd->image[0]) {
		CHECK(!rbd_config_lu(rbd, text, sizeof(text)));
		CHECK(!rbd_config_parse_lu(text, &again));
		CHECK(!rbd_config_lu(&again, once_more, sizeof(once_more)));
		CHECK(again.osd_op_timeout == rbd->osd_op_timeout);
		CHECK(!strcmp(again.image, rbd->image));
	} else {
		CHECK(!rbd_config_where(rbd, text, sizeof(text)));
		CHECK(!rbd_config_parse_where(text, &again));
		CHECK(!rbd_config_where(&again, once_more, sizeof(once_more)));
	}
	CHECK(!strcmp(text, once_more));
	CHECK(!strcmp(again.pool, rbd->pool) && !strcmp(again.ns, rbd->ns));
	CHECK(!strcmp(again.conf, rbd->conf) && !strcmp(again.id, rbd->id));
}

static void check(const char *text,
		  int (*parse)(const char *text, struct rbd_config *rbd),
		  bool image)
{
	struct rbd_config rbd;
	int ret = parse(text, &rbd);

	CHECK(!ret || ret == -EINVAL || ret == -ENAMETOOLONG);
	if (ret)
		return;
	CHECK(image == !!rbd.image[0]);
	check_normal(&rbd);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	char *text = malloc(size + 1);

	CHECK(text);
	memcpy(text, data, size);
	text[size] = '\0';
	check(text, rbd_config_parse, true);
	check(text, rbd_config_parse_lu, true);
	check(text, rbd_config_parse_where, false);
	free(text);
	return 0;
}
