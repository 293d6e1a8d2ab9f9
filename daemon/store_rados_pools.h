/* SPDX-License-Identifier: GPL-2.0-only */
/* Sets of pools, and the marks that speak of them. */
#ifndef TCMU_PR_STORE_RADOS_POOLS_H
#define TCMU_PR_STORE_RADOS_POOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sr_value;

enum { SR_MARK_MAX = 1 << 16 }; /* bytes of a mark: some 3,000 pools */

/* Pools of the home's cluster. */
struct sr_pools {
	bool all; /* also those that are not in the list */
	size_t count;
	int64_t *list; /* their numbers, ascending; from malloc() */
};

/* "evicted", which is of all pools, or "fenced". */
struct sr_mark {
	uint64_t term; /* 0: there is none */
	struct sr_pools pools;
};

int sr_pools_add(struct sr_pools *pools, int64_t pool);
int sr_pools_unite(struct sr_pools *to, const struct sr_pools *from);
/* Are all of @pools in @in? */
bool sr_pools_within(const struct sr_pools *pools, const struct sr_pools *in);
void sr_pools_free(struct sr_pools *pools);

/*
 * "TERM" of all pools, "TERM pools ID,ID,..." of those.  No key: 0.  -EBADMSG
 * if it is not what we write.
 */
int sr_mark_parse(const struct sr_value *value, struct sr_mark *mark);
int sr_mark_print(const struct sr_mark *mark, struct sr_value *value);
/* 1: @mark says now what @more says as well; 0: it did so before. */
int sr_mark_raise(struct sr_mark *mark, const struct sr_mark *more);
void sr_mark_free(struct sr_mark *mark);

#endif
