// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who has ended is fenced at once, where the store can cut off (L6); and who
 * comes back says when nothing of before is under way, and lifts it then.
 */
#include "test_gateways.h"

static void begin_always(struct sky *s, int count)
{
	for (int i = 0; i < NODES; i++) {
		s->nodes[i].conf.fence_always = true;
		s->nodes[i].conf.can_lift = true;
	}
	begin(s, count);
}

static void fenced(struct sky *s, int i, int status)
{
	struct node *n = &s->nodes[i];

	gateways_fenced(n->g, n->fence_gateway, n->fence_term, status);
}

/* By each that finds it, for either may die. */
static void test_at_once(void **state)
{
	struct sky *s = *state;

	begin_always(s, 3);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS - 2 * BEAT_MS);
	assert_int_equal(s->nodes[0].fences, 0);
	sky_run(s, 4 * BEAT_MS);
	for (int i = 0; i < 3; i += 2) {
		assert_int_equal(s->nodes[i].fences, 1);
		assert_string_equal(s->nodes[i].fence_gateway, "gw1");
		assert_int_equal(s->nodes[i].fence_term, 1);
	}
	sky_run(s, 10 * BEAT_MS);
	assert_int_equal(s->nodes[0].fences, 1);
	fenced(s, 0, 0);
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(s->store[1].fenced, 1);
	fenced(s, 2, EIO);
	sky_run(s, 20 * BEAT_MS);
	assert_int_equal(s->nodes[0].fences, 1);
	assert_int_equal(s->nodes[2].fences, 1);
}

static void test_only_then(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, 2 * OVER_MS);
	assert_int_equal(s->nodes[0].fences, 0);
	assert_false(gateways_must_fence(s->nodes[0].g));
}

static void test_fails(void **state)
{
	struct sky *s = *state;

	begin_always(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 2 * BEAT_MS);
	assert_int_equal(s->nodes[0].fences, 1);
	fenced(s, 0, EIO);
	sky_run(s, 4 * BEAT_MS);
	assert_int_equal(s->nodes[0].fences, 1);
	assert_non_null(strstr(s->nodes[0].log, "could not be fenced"));
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->nodes[0].fences, 2);
}

/* One that was seen alive again must not be cut off. */
static void test_back_before(void **state)
{
	struct sky *s = *state;

	begin_always(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 2 * BEAT_MS);
	s->nodes[1].frozen = false;
	sky_run(s, 2 * BEAT_MS);
	fenced(s, 0, EIO);
	sky_run(s, OVER_MS);
	assert_int_equal(s->nodes[0].fences, 1);
	assert_well(s, 1, 2);
}

/* Cut off by mistake of the times, or while it came back: it ends that. */
static void back(struct sky *s)
{
	begin_always(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 2 * BEAT_MS);
	fenced(s, 0, 0);
	sky_run(s, 2 * BEAT_MS);
	s->nodes[1].lifts = 0;
	s->nodes[1].frozen = false;
	sky_run(s, 3 * BEAT_MS);
	assert_well(s, 1, 2);
}

static void test_lift(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[1];

	back(s);
	/* What was known of the term before counts no more. */
	assert_int_equal(n->lifts, 0);
	gateways_quiet(n->g, 1);
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(n->lifts, 0);
	gateways_quiet(n->g, 2);
	assert_int_equal(n->lifts, 1);
	assert_int_equal(n->lift_term, 2);
	sky_run(s, 10 * BEAT_MS);
	assert_int_equal(n->lifts, 1);
	gateways_lifted(n->g, EIO);
	assert_non_null(strstr(n->log, "cut off"));
	sky_run(s, 4 * BEAT_MS);
	assert_int_equal(n->lifts, 1);
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(n->lifts, 2);
	gateways_lifted(n->g, 0);
	sky_run(s, 25 * BEAT_MS);
	assert_int_equal(n->lifts, 2);
	/* Who cut it off may have taken his time. */
	sky_run(s, 7 * BEAT_MS);
	assert_int_equal(n->lifts, 3);
	gateways_lifted(n->g, 0);
	s->store[1].fenced = 9;
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(n->lifts, 4);
}

/* Nobody has to fence any more what has ended by itself. */
static void test_quiet_is_fenced(void **state)
{
	struct sky *s = *state;

	begin_always(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 2 * BEAT_MS);
	s->nodes[1].frozen = false;
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->store[1].fenced, 0);
	s->nodes[1].fail[GATEWAYS_FENCE] = -EIO;
	gateways_quiet(s->nodes[1].g, 2);
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->store[1].fenced, 0);
	s->nodes[1].fail[GATEWAYS_FENCE] = 0;
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->store[1].fenced, 1);
	assert_true(gateways_fenced_off(s->nodes[0].g, "gw1", 1, false));
	assert_false(gateways_fenced_off(s->nodes[0].g, "gw1", 2, false));
	assert_well(s, 1, 2);
}

/* A kernel that was told nothing, in a term of its own. */
static void test_boot(void **state)
{
	struct sky *s = *state;

	begin_always(s, 1);
	assert_int_equal(s->nodes[0].lifts, 0);
	gateways_quiet(s->nodes[0].g, 1);
	assert_int_equal(s->nodes[0].lifts, 1);
	gateways_lifted(s->nodes[0].g, 0);
	sky_run(s, 60 * BEAT_MS);
	assert_int_equal(s->nodes[0].lifts, 1);
	assert_int_equal(s->store[0].fenced, 0);
}

/* Another connection may be to another kernel. */
static void test_disconnect(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[1];

	back(s);
	gateways_quiet(n->g, 2);
	gateways_lifted(n->g, EIO);
	node_disconnect(s, 1);
	sky_run(s, 10 * BEAT_MS);
	node_connect(s, 1);
	sky_run(s, 10 * BEAT_MS);
	assert_int_equal(n->lifts, 1);
	gateways_quiet(n->g, 2);
	assert_int_equal(n->lifts, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(at_once),
		T(only_then),
		T(fails),
		T(back_before),
		T(lift),
		T(quiet_is_fenced),
		T(boot),
		T(disconnect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
