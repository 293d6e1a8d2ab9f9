// SPDX-License-Identifier: GPL-2.0-only
#include "second.h"

#include <stdio.h>
#include <stdlib.h>

int64_t first_pool, second_pool;

int second_setup(void **state)
{
	pool_setup(state);
	pool_do("%s second " SECOND, getenv("POOL_TOOL"));
	first_pool = rados_pool_lookup(pool_cluster, "rbd");
	second_pool = rados_pool_lookup(pool_cluster, SECOND);
	assert_true(first_pool > 0 && second_pool > first_pool);
	return 0;
}

void pool_mon(const char *command)
{
	assert_int_equal(rados_mon_command(pool_cluster, &command, 1, "", 0,
					   NULL, NULL, NULL, NULL),
			 0);
}

int second_clear(void **state)
{
	pool_mon("{\"prefix\": \"osd blocklist clear\"}");
	pool_do("rados -p " SECOND " purge " SECOND
		" --yes-i-really-really-mean-it >/dev/null");
	return pool_clear(state);
}

/* An image in the second pool, one of two at a time. */
const char *second_lu(const char *image)
{
	static char lus[2][600];
	static int next;
	char *lu = lus[next++ % 2];

	snprintf(lu, sizeof(lus[0]), SECOND "/%s;conf=%s;id=tcmu-pr", image,
		 getenv("CEPH_CONF"));
	return lu;
}

const char *second_image(const char *image)
{
	pool_do("rbd create --size 4M " SECOND "/%s", image);
	return second_lu(image);
}

uint64_t second_fenced(struct store *store, const char *gateway)
{
	struct store_gateway found = {0};

	assert_true(pool_gateway(store, gateway, &found));
	return found.fenced;
}

void second_key(const char *key, const char *want)
{
	char *text = pool_get(GATEWAYS, key);

	if (!want)
		assert_null(text);
	else
		assert_string_equal(text, want);
	free(text);
}

/* "TERM pools" of the first pool, the second, or both. */
const char *second_text(uint64_t term, bool first, bool second)
{
	static char text[64];
	char *at = text;

	at += sprintf(at, "%d pools ", (int)term);
	if (first)
		at += sprintf(at, "%d", (int)first_pool);
	if (first && second)
		at += sprintf(at, ",");
	if (second)
		sprintf(at, "%d", (int)second_pool);
	return text;
}

void second_cut(struct store *store, uint64_t term)
{
	assert_int_equal(ops->cut(store, "v", term), 0);
	assert_int_equal(ops->fence(store, "v", term), 0);
}
