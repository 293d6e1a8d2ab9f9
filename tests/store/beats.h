/* SPDX-License-Identifier: GPL-2.0-only */
/* What any store says of a gateway's heartbeat, as its tests look at it. */
#ifndef TESTS_STORE_BEATS_H
#define TESTS_STORE_BEATS_H

#include <stdbool.h>

#include "store.h"

/* False if it says nothing of @gateway. */
bool beats_find(const struct store_ops *ops, struct store *store,
		const char *gateway, struct store_gateway *found);
void beats_expect(const struct store_ops *ops, struct store *store,
		  const char *gateway, const struct store_beat *want);

#endif
