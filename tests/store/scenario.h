/* SPDX-License-Identifier: GPL-2.0-only */
/* The operations that get killed, cut off and made to fail. */
#ifndef TESTS_STORE_SCENARIO_H
#define TESTS_STORE_SCENARIO_H

#include <stdbool.h>

#include "store.h"

struct outcome {
	bool done; /* the operation returned @ret */
	int ret;
	struct store *other; /* another gateway */
};

struct scenario {
	const char *name;
	bool opens; /* the operation opens the store itself */
	void (*setup)(void);
	int (*op)(struct store *store);
	/* That the outcome is one of those that are promised. */
	void (*check)(const struct outcome *outcome);
};

extern const struct scenario scenarios[];
extern const int scenario_count;

/* Another gateway, and a new incarnation of the same, can go on. */
void scenario_aftermath(const struct outcome *outcome);

#endif
