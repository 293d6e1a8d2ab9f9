/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What store.h promises of strings, members, heartbeats and marks, as tests
 * that know nothing of a store but that interface, and this one.
 */
#ifndef TESTS_STORE_RULES_H
#define TESTS_STORE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "store.h"

/* A place for a store, empty when a test begins, in which things go wrong. */
struct rules_place {
	const struct store_ops *ops;
	const char *where;
	/* A logical unit that was never created. */
	const char *(*lu)(void);
	/* The mark that @lu was created. */
	bool (*marked)(const char *lu);
	void (*unmark)(const char *lu);
	/* Removes the newest string; and all that there is of @lu. */
	void (*lose)(const char *lu);
	void (*wipe)(const char *lu);
	/* Makes what is there of a gateway something that nobody can read. */
	void (*spoil_member)(const char *lu, const char *gateway);
	void (*spoil_beat)(const char *gateway);
	/* It is as if the gateway had never beaten. */
	void (*drop_beat)(const char *gateway);
	/* There is an eviction that nobody can read, and not any more. */
	void (*spoil_mark)(const char *gateway);
	void (*mend_mark)(const char *gateway);
	/* Empties it. */
	int (*clear)(void **state);
};

/* The number of tests that failed. */
int rules_run(const struct rules_place *place, int (*setup)(void **state),
	      int (*teardown)(void **state));

#endif
