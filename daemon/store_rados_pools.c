// SPDX-License-Identifier: GPL-2.0-only
/* Sets of pools, and the marks that speak of them. */
#include "store_rados_pools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

static const char sr_mark_pools[] = " pools ";

enum { SR_POOL_DIGITS = 20 }; /* and what is between two */

int sr_pools_add(struct sr_pools *pools, int64_t pool)
{
	int64_t *list;
	size_t at = 0;

	while (at < pools->count && pools->list[at] < pool)
		at++;
	if (at < pools->count && pools->list[at] == pool)
		return 0;
	list = realloc(pools->list, (pools->count + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	memmove(list + at + 1, list + at, (pools->count - at) * sizeof(*list));
	list[at] = pool;
	pools->list = list;
	pools->count++;
	return 0;
}

int sr_pools_unite(struct sr_pools *to, const struct sr_pools *from)
{
	int ret = 0;

	to->all = to->all || from->all;
	for (size_t i = 0; i < from->count && !ret; i++)
		ret = sr_pools_add(to, from->list[i]);
	return ret;
}

bool sr_pools_within(const struct sr_pools *pools, const struct sr_pools *in)
{
	size_t k = 0;

	if (in->all || pools->all)
		return in->all;
	for (size_t i = 0; i < pools->count; i++) {
		while (k < in->count && in->list[k] < pools->list[i])
			k++;
		if (k == in->count || in->list[k] != pools->list[i])
			return false;
	}
	return true;
}

void sr_pools_free(struct sr_pools *pools)
{
	free(pools->list);
	*pools = (struct sr_pools){0};
}

/* Marks */

static int sr_mark_list(const char **text, struct sr_pools *pools)
{
	for (;;) {
		uint64_t pool;
		int ret;

		if (!sr_parse_u64(text, &pool) || pool > INT64_MAX)
			return -EBADMSG;
		if (pools->count &&
		    (int64_t)pool <= pools->list[pools->count - 1])
			return -EBADMSG;
		ret = sr_pools_add(pools, pool);
		if (ret || **text != ',')
			return ret;
		++*text;
	}
}

int sr_mark_parse(const struct sr_value *value, struct sr_mark *mark)
{
	const size_t len = sizeof(sr_mark_pools) - 1;
	const char *p = value->data;
	int ret = 0;

	*mark = (struct sr_mark){0};
	if (!p)
		return 0;
	if (!sr_parse_u64(&p, &mark->term) || !mark->term)
		ret = -EBADMSG;
	else if (*p && strncmp(p, sr_mark_pools, len))
		ret = -EBADMSG;
	else if (!*p)
		mark->pools.all = true;
	else
		p += len;
	if (!ret && !mark->pools.all)
		ret = sr_mark_list(&p, &mark->pools);
	if (!ret && p != value->data + value->len)
		ret = -EBADMSG;
	if (ret)
		sr_mark_free(mark);
	return ret;
}

int sr_mark_print(const struct sr_mark *mark, struct sr_value *value)
{
	const struct sr_pools *pools = &mark->pools;
	const size_t cap = 64 + pools->count * SR_POOL_DIGITS;
	char *text = malloc(cap);
	size_t len;
	int ret;

	if (!text)
		return -ENOMEM;
	len = snprintf(text, cap, "%" PRIu64 "%s", mark->term,
		       pools->all ? "" : sr_mark_pools);
	for (size_t i = 0; i < pools->count && !pools->all; i++)
		len += snprintf(text + len, cap - len, "%s%" PRId64,
				i ? "," : "", pools->list[i]);
	ret = len < SR_MARK_MAX ? sr_value_take(value, text, len) : -EFBIG;
	free(text);
	return ret;
}

int sr_mark_raise(struct sr_mark *mark, const struct sr_mark *more)
{
	int ret;

	if (mark->term > more->term ||
	    (mark->term == more->term &&
	     sr_pools_within(&more->pools, &mark->pools)))
		return 0;
	if (mark->term < more->term)
		sr_mark_free(mark);
	mark->term = more->term;
	ret = sr_pools_unite(&mark->pools, &more->pools);
	return ret ? ret : 1;
}

void sr_mark_free(struct sr_mark *mark)
{
	sr_pools_free(&mark->pools);
	mark->term = 0;
}
