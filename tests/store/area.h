/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A private temporary directory with a store in it, for the tests.
 */
#ifndef TESTS_STORE_AREA_H
#define TESTS_STORE_AREA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store.h"

#define LU "disk"

static const struct store_ops *const ops = &store_dir_ops;

/* The directory: AREA_WHERE is the store in it. */
extern char area_top[256];
extern char area_where[300];

int area_setup(void **state);
int area_teardown(void **state);
/* Removes the store, not the directory around it. */
void area_clear(void);

struct store *area_open(const char *gateway, uint64_t incarnation);

/* Paths are relative to the store. */
bool area_exists(const char *path);
void area_write(const char *path, const char *text);
void area_mkdir(const char *path);
void area_remove(const char *path);
/* Entries below @path whose names begin with @prefix. */
int area_count(const char *path, const char *prefix);

/* Swaps from @from to @to with the strings that area_string() makes. */
void area_fill(struct store *store, uint64_t from, uint64_t to);
const char *area_string(uint64_t seq);
/* The heartbeat @count of a gateway's incarnation and term. */
struct store_beat area_beat(uint64_t incarnation, uint64_t term,
			    uint64_t count);
/* Makes that heartbeat; the term that the gateway is evicted from. */
uint64_t area_beats(struct store *store, uint64_t incarnation, uint64_t term,
		    uint64_t count);
/* What the store says of @gateway; false if nothing. */
bool area_gateway(struct store *store, const char *gateway,
		  struct store_gateway *found);
void area_expect(struct store *store, uint64_t seq, const char *str);
/* Version of load, or its error. */
long long area_newest(struct store *store, char *str, size_t cap);

#endif
