// SPDX-License-Identifier: GPL-2.0-only
/*
 * The objects of an RBD image, read without librbd: its readers may be told
 * from caches, and open the image.  One without parent, striping or snapshots.
 */
#include <endian.h>
#include <errno.h>
#include <rados/librados.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "session.h"

enum {
	NAME_LEN = 256,
	VALUE_LEN = 512,
	ORDER_MIN = 12,
	ORDER_MAX = 25,
};

static rados_ioctx_t io;
static char prefix[VALUE_LEN];
static unsigned int order;

static int check(int rc, const char *what)
{
	if (rc < 0)
		die("%s: %s", what, strerror(-rc));
	return rc;
}

/* A string as Ceph writes them: four bytes of length. */
static void string(const char *data, size_t len, char *out, const char *what)
{
	uint32_t n;

	if (len < sizeof(n))
		die("%s: too short", what);
	memcpy(&n, data, sizeof(n));
	n = le32toh(n);
	if (n > len - sizeof(n) || n >= VALUE_LEN)
		die("%s: damaged", what);
	memcpy(out, data + sizeof(n), n);
	out[n] = '\0';
}

bool rbd_is(const char *name)
{
	return !strncmp(name, "rbd:", 4);
}

static void read_header(const char *id)
{
	static const char *const keys[2] = {"object_prefix", "order"};
	static const size_t lens[2] = {13, 5};
	char *key, *value, object[VALUE_LEN + 16];
	rados_read_op_t op = rados_create_read_op();
	size_t key_len, len;
	rados_omap_iter_t iter;
	int rc = 0;

	snprintf(object, sizeof(object), "rbd_header.%s", id);
	rados_read_op_omap_get_vals_by_keys2(op, keys, 2, lens, &iter, &rc);
	check(rados_read_op_operate(op, io, object, 0), object);
	check(rc, object);
	check(rados_omap_get_next2(iter, &key, &value, &key_len, &len), object);
	if (!key || !value)
		die("%s: no object_prefix", object);
	string(value, len, prefix, object);
	check(rados_omap_get_next2(iter, &key, &value, &key_len, &len), object);
	if (!key || !value || len != 1)
		die("%s: no order", object);
	order = (unsigned char)*value;
	if (order < ORDER_MIN || order > ORDER_MAX)
		die("%s: order %u", object, order);
	rados_omap_get_end(iter);
	rados_release_read_op(op);
}

/* "rbd:CONF:USER:POOL/[NAMESPACE/]IMAGE" */
void rbd_open(const char *name)
{
	char *text = strdup(name + 4), *rest = text, *conf, *user, *pool;
	char object[NAME_LEN + 16], value[VALUE_LEN], id[VALUE_LEN];
	char *image;
	rados_t cluster;
	int len;

	conf = strsep(&rest, ":");
	user = strsep(&rest, ":");
	image = rest ? strrchr(rest, '/') : NULL;
	pool = strsep(&rest, "/");
	if (!conf || !user || !pool || !image || strlen(image) > NAME_LEN)
		die("%s: not rbd:CONF:USER:POOL/[NAMESPACE/]IMAGE", name);
	*image++ = '\0';
	check(rados_create(&cluster, user), "rados_create");
	check(rados_conf_read_file(cluster, conf), conf);
	check(rados_connect(cluster), "connect");
	check(rados_ioctx_create(cluster, pool, &io), pool);
	if (rest && rest < image)
		rados_ioctx_set_namespace(io, rest);
	snprintf(object, sizeof(object), "rbd_id.%s", image);
	len = check(rados_read(io, object, value, sizeof(value), 0), object);
	string(value, (size_t)len, id, object);
	read_header(id);
	free(text);
}

/* Of one object; where nothing was ever written there are zeros. */
static void read_part(uint64_t number, uint64_t at, size_t len,
		      unsigned char *data)
{
	char object[VALUE_LEN + 32];
	int got;

	snprintf(object, sizeof(object), "%s.%016llx", prefix,
		 (unsigned long long)number);
	do {
		got = rados_read(io, object, (char *)data, len, at);
	} while (got == -ETIMEDOUT);
	if (got == -ENOENT)
		got = 0;
	check(got, object);
	memset(data + got, 0, len - (size_t)got);
}

void rbd_read(unsigned int lba, unsigned int count, unsigned char *data)
{
	uint64_t at = (uint64_t)lba * BLOCK, end = at + (uint64_t)count * BLOCK;

	while (at < end) {
		uint64_t next = ((at >> order) + 1) << order;

		if (next > end)
			next = end;
		read_part(at >> order, at & ((1ull << order) - 1), next - at,
			  data);
		data += next - at;
		at = next;
	}
}
