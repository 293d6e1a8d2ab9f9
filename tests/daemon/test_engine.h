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

/* Where announcements carry messages; gw0 has looked at all. */
__attribute__((unused)) static void begin_carrying(struct world *w, int count)
{
	for (int i = 0; i < count; i++)
		w->gw[i].conf.carries = true;
	begin(w, count);
	engine_news(w->gw[0].lu);
	world_run(w, 300);
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

/* Lost states */

__attribute__((unused)) static void corrupt(struct world *w, uint64_t seq)
{
	w->versions[seq].str[10] ^= 1;
}

__attribute__((unused)) static void news(struct world *w, int i)
{
	engine_news(w->gw[i].lu);
	world_run(w, 20);
}

__attribute__((unused)) static void assert_lost(struct world *w, int i, uint64_t seq)
{
	client_get(w, i);
	world_run(w, 30);
	assert_int_equal(w->gw[i].client.get_status, EBADMSG);
	assert_int_equal(w->gw[i].client.get_seq, seq);
	assert_true(gw_status(w, i).lost);
	assert_false(w->gw[i].kernel.valid);
	assert_int_equal(w->gw[i].kernel.invalid_status, EBADMSG);
}

__attribute__((unused)) static void assert_action(struct world *w, enum tpr_action action)
{
	struct tcmu_pr_info *info = world_newest(w);

	assert_non_null(info);
	assert_int_equal(info->changes[0].order.action, action);
	free(info);
}

__attribute__((unused)) static int repair(struct world *w, int i, enum engine_repair how, bool force,
		  const char *str, size_t len)
{
	int rc;

	w->gw[i].repair_status = -1;
	rc = engine_repair(w->gw[i].lu, how, force, str, len);
	if (!rc)
		world_run(w, 100);
	return rc;
}

__attribute__((unused)) static void assert_repaired(struct world *w, uint64_t seq, uint32_t gen)
{
	struct tcmu_pr_info *info = world_newest(w);

	assert_int_equal(w->gw[0].repair_status, 0);
	assert_int_equal(w->gw[0].repair_seq, seq);
	assert_int_equal(w->newest, seq);
	assert_action(w, TPR_ACT_REPAIR);
	assert_int_equal(info->gen, gen);
	free(info);
	assert_ready(w, 0, seq);
	assert_ready(w, 1, seq);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

#endif
