/* SPDX-License-Identifier: GPL-2.0-only */
/* The starting states and the expectations of the engine's tests. */
#ifndef TEST_ENGINE_H
#define TEST_ENGINE_H

#include "cmocka_all.h"
#include "world.h"

#include <stdlib.h>

static struct world world;

static int setup(void **state)
{
	world_init(&world, 1);
	*state = &world;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

__attribute__((unused)) static void begin(struct world *w, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		w->gw[i].kernel.attached = true;
		gw_start(w, i);
		world_run(w, 200);
	}
}

__attribute__((unused)) static void assert_ready(struct world *w, int i,
						 uint64_t seq)
{
	struct engine_status status = gw_status(w, i);

	assert_int_equal(status.state, ENGINE_READY);
	assert_int_equal(status.seq, seq);
	assert_int_equal(status.installed, seq);
	assert_int_equal(status.settled, seq);
	assert_true(w->gw[i].kernel.valid);
	assert_int_equal(w->gw[i].kernel.enforced, seq);
	assert_int_equal(w->gw[i].kernel.settled, seq);
	assert_int_equal(world_member(w, i)->installed, seq);
}

__attribute__((unused)) static void
assert_broken(struct world *w, int i, int status, const char *reason)
{
	assert_int_equal(gw_status(w, i).state, ENGINE_FAILED);
	assert_non_null(strstr(gw_status(w, i).reason, reason));
	assert_false(w->gw[i].kernel.valid);
	if (w->gw[i].kernel.invalidates)
		assert_int_equal(w->gw[i].kernel.invalid_status, status);
}

__attribute__((unused)) static void put_string(struct world *w, uint64_t seq,
					       const char *identity)
{
	size_t len;
	char *str = world_string(seq, identity, &len);

	world_put(w, str, len);
	free(str);
}

/* A change through gateway @i, which is GOOD. */
__attribute__((unused)) static void write_through(struct world *w, int i)
{
	client_write(w, i);
	world_run(w, 200);
	assert_int_equal(w->gw[i].client.set_status, 0);
}

__attribute__((unused)) static void power_on(struct world *w, int i)
{
	w->gw[i].kernel.attached = true;
	gw_start(w, i);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
