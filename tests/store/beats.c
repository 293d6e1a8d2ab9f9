// SPDX-License-Identifier: GPL-2.0-only
#include "beats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

bool beats_find(const struct store_ops *ops, struct store *store,
		const char *gateway, struct store_gateway *found)
{
	struct store_gateway *list = NULL;
	bool is = false;
	size_t count;

	assert_int_equal(ops->gateways(store, &list, &count), 0);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].gateway, gateway))
			continue;
		*found = list[i];
		is = true;
	}
	free(list);
	return is;
}

void beats_expect(const struct store_ops *ops, struct store *store,
		  const char *gateway, const struct store_beat *want)
{
	struct store_gateway found;

	assert_true(beats_find(ops, store, gateway, &found));
	assert_true(found.beaten);
	assert_int_equal(found.beat.term, want->term);
	assert_int_equal(found.beat.incarnation, want->incarnation);
	assert_int_equal(found.beat.count, want->count);
	assert_int_equal(found.beat.lease_ms, want->lease_ms);
	assert_memory_equal(found.beat.boot, want->boot, STORE_BOOT_LEN);
}
