// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the store cuts off who has ended: no PR OUT is GOOD, and no state
 * settled, before that is done.  World and times as in test_engine_lease.c.
 */
#include "test_engine.h"

enum {
	OVER_MS = 17000, /* lease and margin */
	MEMBER_MS = OVER_MS + 3000,
	SOON_MS = 300, /* beats, and a change */
	NEVER_MS = 10000000,
};

static void begin_always(struct world *w, int count, uint64_t fence_ms)
{
	for (int i = 0; i < GATEWAYS; i++) {
		w->gw[i].conf.member_timeout_ms = MEMBER_MS;
		w->gw[i].gws_conf.can_fence = true;
		w->gw[i].gws_conf.fence_always = true;
		w->gw[i].fence_ms = fence_ms;
	}
	begin(w, count);
}

static void freeze(struct world *w, int i)
{
	w->gw[i].frozen_until = UINT64_MAX;
}

static void thaw(struct world *w, int i)
{
	w->gw[i].frozen_until = 0;
}

/* Its machine cannot be reached by the command that would cut it off. */
static void no_fence(struct world *w, int i)
{
	w->gw[i].fence_ms = NEVER_MS;
}

static void test_good_when_fenced(void **state)
{
	struct world *w = *state;

	begin_always(w, 3, 2000);
	freeze(w, 2);
	client_write(w, 0);
	world_run(w, OVER_MS + 1500);
	assert_int_equal(w->gw[0].client.set_status, -2);
	assert_int_equal(gw_status(w, 0).settled, 1);
	assert_int_equal(gw_status(w, 1).settled, 1);
	assert_non_null(strstr(gw_status(w, 0).reason, "fenced"));
	world_run(w, 1500);
	assert_int_equal(w->gateways[2].fenced, 1);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	/* And then it costs nothing. */
	write_through(w, 1);
	world_check(w);
}

/* To evict takes almost all of the time that members have. */
static void test_slowly(void **state)
{
	struct world *w = *state;

	begin_always(w, 2, 15000);
	freeze(w, 1);
	client_write(w, 0);
	world_run(w, OVER_MS + 14000);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 2000);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* It stands all the same, and settles when that is done at last. */
static void test_not_fenced(void **state)
{
	struct world *w = *state;

	begin_always(w, 2, NEVER_MS);
	freeze(w, 1);
	client_write(w, 0);
	world_run(w, 2 * MEMBER_MS - 1000);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 1500);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	assert_non_null(strstr(w->gw[0].last_log, "not fenced: gw1"));
	assert_int_equal(w->newest, 2);
	client_get(w, 0);
	world_run(w, MEMBER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.get_status, ETIMEDOUT);
	assert_int_equal(gw_status(w, 0).settled, 1);
	w->gateways[1].fenced = 1;
	world_run(w, 3000);
	assert_ready(w, 0, 2);
	write_through(w, 0);
}

/* It had it in force before it ended: no write of before is left to judge. */
static void test_installed(void **state)
{
	struct world *w = *state;

	begin_always(w, 3, NEVER_MS);
	w->gw[1].fail[ENGINE_ACK] = -EIO;
	client_write(w, 0);
	world_run(w, 200);
	assert_int_equal(world_member(w, 2)->installed, 2);
	freeze(w, 2);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, -2);
	w->gw[1].fail[ENGINE_ACK] = 0;
	world_run(w, 2200);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

static void test_back(void **state)
{
	struct world *w = *state;

	begin_always(w, 2, NEVER_MS);
	freeze(w, 1);
	client_write(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, -2);
	thaw(w, 1);
	world_run(w, 1000);
	assert_int_equal(w->gw[1].kernel.term, 2);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 1, 2);
}

/* It has booted: of what it had begun nothing is left. */
static void test_booted(void **state)
{
	struct world *w = *state;

	begin_always(w, 2, NEVER_MS);
	gw_power_off(w, 1);
	client_write(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, -2);
	gw_boot(w, 1);
	w->gw[1].fail[ENGINE_JOIN] = -EIO;
	power_on(w, 1);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gateways[1].fenced, 1);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* Both together wait no longer than the kernel does. */
static void test_abort_bounded(void **state)
{
	struct world *w = *state;

	begin_always(w, 3, NEVER_MS);
	no_fence(w, 0);
	w->gw[1].kernel.busy_until = UINT64_MAX;
	w->gw[1].kernel.busy_limit = 100;
	freeze(w, 2);
	client_abort(w, 0);
	world_run(w, MEMBER_MS + 16000);
	assert_int_equal(w->gw[0].client.set_status, -2);
	w->gateways[2].fenced = 1;
	world_run(w, 2000);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, MEMBER_MS - 16000 - 2000 + 1000);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(good_when_fenced),
		T(slowly),
		T(not_fenced),
		T(installed),
		T(back),
		T(booted),
		T(abort_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
