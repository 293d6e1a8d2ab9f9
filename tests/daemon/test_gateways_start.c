// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a gateway begins: after a boot, a restart, a disconnect, and with a name
 * that is another one's; and what is fenced.  As test_gateways.c.
 */
#include "test_gateways.h"

/* L4 */

static void test_boot(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	node_die(s, 0);
	node_boot(s, 0);
	node_start(s, 0);
	sky_run(s, OVER_MS - 10);
	assert_out(s, 0, "stood still");
	assert_string_equal(s->nodes[0].story, "");
	assert_int_equal(s->store[0].beat.term, 1);
	sky_run(s, 3 * BEAT_MS);
	assert_well(s, 0, 2);
	assert_int_equal(s->store[0].evicted, 1);
	assert_int_equal(s->store[0].fenced, 1);
}

static void test_boot_fence_fails(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	node_die(s, 0);
	node_boot(s, 0);
	s->nodes[0].fail[GATEWAYS_FENCE] = -EIO;
	node_start(s, 0);
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_out(s, 0, "record of the boot");
	assert_string_equal(s->nodes[0].story, "");
	s->nodes[0].fail[GATEWAYS_FENCE] = 0;
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->store[0].fenced, s->nodes[0].kernel_term - 1);
	assert_well(s, 0, s->nodes[0].kernel_term);
}

/* The module was loaded anew: a new term, but nothing is fenced. */
static void test_module_loaded(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	node_die(s, 0);
	s->nodes[0].kernel_term = 0;
	s->nodes[0].kernel_until = 0;
	node_start(s, 0);
	sky_run(s, 2 * BEAT_MS);
	assert_well(s, 0, 2);
	assert_int_equal(s->store[0].fenced, 0);
}

/* Two machines with one name: who comes second serves nothing. */
static void test_name_twice(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	strcpy(s->nodes[1].name, "gw0");
	node_start(s, 1);
	sky_run(s, 2 * OVER_MS);
	assert_out(s, 1, "another machine is gateway \"gw0\" too");
	assert_string_equal(s->nodes[1].story, "");
	assert_well(s, 0, 1);
	/* The first one stops for ever: then the second is that gateway. */
	s->nodes[0].frozen = true;
	sky_run(s, OVER_MS + 5 * BEAT_MS);
	assert_well(s, 1, 2);
	/* And the first one finds out when it comes back. */
	s->nodes[0].frozen = false;
	sky_run(s, 5 * BEAT_MS);
	assert_out(s, 0, "another machine");
	assert_string_equal(s->nodes[0].story, "lease1 term1 term0 lease1");
	assert_int_equal(gateways_term(s->nodes[0].g), 0);
	assert_well(s, 1, 2);
	/* Until the second one is gone in turn. */
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 5 * BEAT_MS);
	assert_well(s, 0, 3);
}

/* A heartbeat of the first one lands when the second has taken over. */
static void test_name_twice_late_beat(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	s->nodes[0].early[GATEWAYS_BEAT] = UINT32_MAX;
	sky_run(s, 2 * BEAT_MS);
	strcpy(s->nodes[1].name, "gw0");
	node_start(s, 1);
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_well(s, 1, 2);
	assert_false(node_leased(s, 0));
	for (size_t i = 0; i < s->nodes[0].calls_count; i++)
		s->nodes[0].calls[i].effect_at = s->now;
	for (size_t i = 0; i < s->nodes[0].calls_count; i++)
		s->nodes[0].calls[i].reply_at = s->now;
	/* Not even if the store let it pass. */
	s->nodes[0].guard = s->store[0].beat;
	sky_run(s, 5);
	assert_false(node_leased(s, 0));
}

/* L5 */

static void test_restart(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	node_die(s, 0);
	sky_run(s, 3000);
	node_start(s, 0);
	sky_run(s, 100);
	assert_well(s, 0, 1);
	assert_string_equal(s->nodes[0].story, "term1");
	assert_int_equal(life(s, 1, 0, 1), GATEWAYS_ALIVE);
}

static void test_restart_evicted(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	node_die(s, 0);
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_int_equal(s->store[0].evicted, 1);
	node_start(s, 0);
	sky_run(s, 100);
	assert_well(s, 0, 2);
	assert_string_equal(s->nodes[0].story, "lease2 term2");
}

/* The last daemon died after the LEASE and before the heartbeat of a term. */
static void test_restart_between(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	node_die(s, 0);
	s->nodes[0].kernel_term = 2;
	s->nodes[0].kernel_until = 0;
	node_start(s, 0);
	sky_run(s, 100);
	assert_well(s, 0, 2);
}

/* A kernel whose term the others take for ended. */
static void test_restart_behind(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	node_die(s, 0);
	s->store[0].beat.term = 5;
	s->nodes[0].kernel_until = 0;
	node_start(s, 0);
	sky_run(s, 100);
	assert_well(s, 0, 6);
}

/* The connection */

static void test_disconnected(void **state)
{
	struct sky *s = *state;
	unsigned int beats;

	begin(s, 2);
	node_disconnect(s, 0);
	assert_string_equal(s->nodes[0].story, "lease1 term1 term0");
	beats = s->nodes[0].made[GATEWAYS_BEAT];
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_int_equal(s->nodes[0].made[GATEWAYS_BEAT], beats);
	assert_int_equal(life(s, 1, 0, 1), GATEWAYS_ENDED);
	assert_out(s, 0, "not connected");
	assert_int_equal(s->nodes[0].made[GATEWAYS_EVICT], 0);
	node_connect(s, 0);
	sky_run(s, 100);
	assert_well(s, 0, 2);
}

static void test_reconnected(void **state)
{
	struct sky *s = *state;

	for (int ms = 0; ms < 1100; ms++) {
		begin(s, 1);
		sky_run(s, (uint64_t)ms);
		node_disconnect(s, 0);
		if (ms % 2)
			sky_run(s, 1);
		node_connect(s, 0);
		sky_run(s, 20);
		assert_well(s, 0, 1);
		assert_int_equal(s->nodes[0].complaints, 0);
		sky_free(s);
		sky_init(s);
	}
}

/* A heartbeat of before the disconnect: the kernel could be another one. */
static void test_reconnected_old_beat(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];

	begin(s, 1);
	n->slow[GATEWAYS_BEAT] = 3000;
	sky_run(s, BEAT_MS);
	n->slow[GATEWAYS_BEAT] = 0;
	node_disconnect(s, 0);
	n->kernel_term = 0;
	n->kernel_until = 0;
	node_connect(s, 0);
	sky_run(s, 1900);
	assert_string_equal(n->story, "lease1 term1 term0 lease2");
	assert_false(node_leased(s, 0));
	sky_run(s, 2000);
	assert_well(s, 0, 2);
}

/* Fencing */

static bool fenced_off(struct sky *s, uint64_t term, bool want)
{
	return gateways_fenced_off(s->nodes[0].g, "gw1", term, want);
}

static void test_fence(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];
	unsigned int lives;

	begin(s, 2);
	assert_false(fenced_off(s, 1, true));
	assert_int_equal(n->fences, 0);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_false(fenced_off(s, 1, false));
	assert_int_equal(n->fences, 0);
	assert_false(fenced_off(s, 1, true));
	assert_int_equal(n->fences, 1);
	assert_string_equal(n->fence_gateway, "gw1");
	assert_int_equal(n->fence_term, 1);
	/* Not twice at a time; and what fails, not at once again. */
	fenced_off(s, 1, true);
	assert_int_equal(n->fences, 1);
	gateways_fenced(n->g, "gw1", 1, EIO);
	fenced_off(s, 1, true);
	assert_int_equal(n->fences, 1);
	sky_run(s, 6000);
	assert_false(fenced_off(s, 1, true));
	assert_int_equal(n->fences, 2);
	lives = n->lives;
	n->fail[GATEWAYS_FENCE] = -EIO;
	gateways_fenced(n->g, "gw1", 1, 0);
	for (int ms = 0; ms < 3000; ms++) {
		sky_run(s, 1);
		assert_false(fenced_off(s, 1, true));
	}
	assert_int_equal(n->fences, 2);
	assert_int_equal(n->lives, lives);
	n->fail[GATEWAYS_FENCE] = 0;
	sky_run(s, 2 * BEAT_MS);
	assert_true(fenced_off(s, 1, true));
	assert_false(fenced_off(s, 2, true));
	assert_int_equal(n->fences, 2);
	assert_true(n->lives > lives);
	assert_int_equal(s->store[1].fenced, 1);
}

static void test_no_fence_command(void **state)
{
	struct sky *s = *state;

	s->nodes[0].conf.can_fence = false;
	begin(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_false(fenced_off(s, 1, true));
	assert_int_equal(s->nodes[0].fences, 0);
	/* Its own boot does as well. */
	node_die(s, 1);
	node_boot(s, 1);
	s->nodes[1].frozen = false;
	node_start(s, 1);
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_true(fenced_off(s, 1, true));
}

/* It came back: nobody is switched off for what it was before. */
static void test_no_fence_for_the_living(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	s->nodes[1].frozen = false;
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
	assert_false(fenced_off(s, 1, true));
	assert_int_equal(s->nodes[0].fences, 0);
}

/* Who was cut off does not know if the other one came back. */
static void test_no_fence_by_the_dead(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	s->nodes[0].fail[GATEWAYS_BEAT] = -EIO;
	sky_run(s, OVER_MS);
	assert_false(fenced_off(s, 1, true));
	assert_int_equal(s->nodes[0].fences, 0);
}

static void test_info(void **state)
{
	struct sky *s = *state;
	struct gateways_info info;

	begin(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 3 * BEAT_MS);
	assert_int_equal(status(s, 0).count, 2);
	gateways_info(s->nodes[0].g, 0, &info);
	assert_string_equal(info.gateway, "gw0");
	assert_int_equal(info.life, GATEWAYS_ALIVE);
	gateways_info(s->nodes[0].g, 1, &info);
	assert_string_equal(info.gateway, "gw1");
	assert_int_equal(info.term, 1);
	assert_int_equal(info.life, GATEWAYS_ENDED);
	assert_false(info.fenced);
	assert_in_range(info.quiet_ms, OVER_MS, OVER_MS + 4 * BEAT_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(boot),
		T(boot_fence_fails),
		T(module_loaded),
		T(name_twice),
		T(name_twice_late_beat),
		T(restart),
		T(restart_evicted),
		T(restart_between),
		T(restart_behind),
		T(disconnected),
		T(reconnected),
		T(reconnected_old_beat),
		T(fence),
		T(no_fence_command),
		T(no_fence_for_the_living),
		T(no_fence_by_the_dead),
		T(info),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
