/* SPDX-License-Identifier: GPL-2.0-only */
/* The starting states and the expectations of the gateways' tests. */
#ifndef TEST_GATEWAYS_H
#define TEST_GATEWAYS_H

#include "cmocka_all.h"
#include "gateways_world.h"

#include <errno.h>
#include <string.h>

enum {
	OVER_MS = LEASE_MS + MARGIN_MS,
};

static struct sky world;

static int setup(void **state)
{
	sky_init(&world);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	sky_free(*state);
	return 0;
}

__attribute__((unused)) static void begin(struct sky *s, int count)
{
	for (int i = 0; i < count; i++)
		node_start(s, i);
	sky_run(s, 3 * BEAT_MS);
}

static struct gateways_status status(struct sky *s, int i)
{
	struct gateways_status st;

	gateways_status(s->nodes[i].g, &st);
	return st;
}

static void assert_well(struct sky *s, int i, uint64_t term)
{
	struct gateways_status st = status(s, i);

	assert_string_equal(st.reason, "");
	assert_int_equal(st.term, term);
	assert_int_equal(gateways_term(s->nodes[i].g), term);
	assert_int_equal(s->nodes[i].kernel_term, term);
	assert_true(node_leased(s, i));
	assert_in_range(st.lease_ms_left, LEASE_MS - 2 * BEAT_MS, LEASE_MS);
}

/* Nothing is served, and @reason says why. */
__attribute__((unused)) static void assert_out(struct sky *s, int i, const char *reason)
{
	assert_int_equal(status(s, i).lease_ms_left, 0);
	assert_non_null(strstr(status(s, i).reason, reason));
	assert_false(node_leased(s, i));
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
