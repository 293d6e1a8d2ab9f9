/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A second pool, "other", on an osd of its own, which learns of a new map by
 * chance, seconds later; and the gateway "v", which is cut off there or here.
 */
#ifndef TESTS_STORE_RADOS_SECOND_H
#define TESTS_STORE_RADOS_SECOND_H

#include "pool.h"

#define GATEWAYS "tcmu_pr_gateways"
#define SECOND "other"

/* Their numbers. */
extern int64_t first_pool, second_pool;

int second_setup(void **state);
int second_clear(void **state);
/* A command without an answer. */
void pool_mon(const char *command);
/* An image there: its logical unit, one of two at a time. */
const char *second_lu(const char *image);
const char *second_image(const char *image);

/* The term that @gateway is fenced in, to who asks. */
uint64_t second_fenced(struct store *store, const char *gateway);
/* The key of the gateways' object is @want, or is not there. */
void second_key(const char *key, const char *want);
/* "TERM pools" of the first pool, the second, or both. */
const char *second_text(uint64_t term, bool first, bool second);
/* v, without more ado. */
void second_cut(struct store *store, uint64_t term);

#endif
