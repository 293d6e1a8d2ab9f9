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

/* Another connection may be to another kernel. */
static void test_disconnect(void **state)
{
	struct sky *s = *state;

	begin_always(s, 2);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 2 * BEAT_MS);
	s->nodes[1].frozen = false;
	sky_run(s, 3 * BEAT_MS);
	s->nodes[1].fail[GATEWAYS_FENCE] = -EIO;
	gateways_quiet(s->nodes[1].g, 1);
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->nodes[1].made[GATEWAYS_FENCE], 0);
	gateways_quiet(s->nodes[1].g, 2);
	node_disconnect(s, 1);
	s->nodes[1].kernel_term = 3;
	s->nodes[1].fail[GATEWAYS_FENCE] = 0;
	node_connect(s, 1);
	sky_run(s, 3 * BEAT_MS);
	assert_well(s, 1, 3);
	assert_int_equal(s->store[1].fenced, 1);
	gateways_quiet(s->nodes[1].g, 3);
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->store[1].fenced, 2);
}

/* Cut off: it cannot even read that it was evicted. */

static void shut(struct sky *s, int i, int rc)
{
	s->nodes[i].fail[GATEWAYS_BEAT] = rc;
	s->nodes[i].fail[GATEWAYS_LIST] = rc;
}

/* The cut is lifted, and it serves in @term. */
static void assert_lifted(struct sky *s, int i, uint64_t term)
{
	shut(s, i, 0);
	gateways_lifted(s->nodes[i].g, 0);
	sky_run(s, 3 * BEAT_MS);
	assert_well(s, i, term);
}

static void test_shut(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[1];

	begin_always(s, 2);
	gateways_quiet(n->g, 1);
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(n->lifts, 0);
	shut(s, 1, -ESHUTDOWN);
	sky_run(s, 2 * BEAT_MS);
	assert_out(s, 1, "cut off");
	assert_int_equal(n->kernel_term, 2);
	assert_int_equal(gateways_term(n->g), 0);
	/* Long after it has let its term end, commands are under way. */
	sky_run(s, 10 * BEAT_MS);
	assert_int_equal(n->lifts, 0);
	gateways_quiet(n->g, 2);
	assert_int_equal(n->lifts, 1);
	assert_int_equal(n->lift_term, 2);
	gateways_lifted(n->g, EAGAIN);
	assert_out(s, 1, "cannot be lifted");
	sky_run(s, 4 * BEAT_MS);
	assert_int_equal(n->lifts, 1);
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(n->lifts, 2);
	assert_int_equal(n->kernel_term, 2);
	assert_lifted(s, 1, 2);
	assert_int_equal(s->store[1].beat.term, 2);
}

/*
 * A term that it was about to begin has been told to nobody: if the machine
 * boots now, it begins with that one, so it is not over.
 */
static void test_shut_untold(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[1];

	begin_always(s, 2);
	n->frozen = true;
	sky_run(s, OVER_MS + 2 * BEAT_MS);
	assert_int_equal(s->store[1].evicted, 1);
	/* It learns that it was evicted, and can write no heartbeat then. */
	n->frozen = false;
	while (n->kernel_term < 2)
		sky_run(s, 1);
	assert_int_equal(s->store[1].beat.term, 1);
	n->fail[GATEWAYS_BEAT] = -ESHUTDOWN;
	sky_run(s, 2 * BEAT_MS);
	assert_out(s, 1, "cut off");
	assert_int_equal(s->store[1].beat.term, 1);
	assert_int_equal(n->kernel_term, 3);
	gateways_quiet(n->g, 3);
	assert_int_equal(n->lifts, 1);
	assert_int_equal(n->lift_term, 2);
	assert_lifted(s, 1, 3);
}

/* What was begun before the lift says nothing of the time after it. */
static void test_shut_stale(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];

	begin_always(s, 1);
	shut(s, 0, -ESHUTDOWN);
	sky_run(s, 2 * BEAT_MS);
	n->slow[GATEWAYS_LIST] = 5 * BEAT_MS;
	sky_run(s, 2 * BEAT_MS);
	n->slow[GATEWAYS_LIST] = 0;
	shut(s, 0, 0);
	gateways_quiet(n->g, 2);
	gateways_lifted(n->g, 0);
	sky_run(s, 8 * BEAT_MS);
	assert_well(s, 0, 2);
}

/* The one that it was before was cut off, under a kernel that goes on. */
static void test_shut_restarted(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];

	begin_always(s, 1);
	node_die(s, 0);
	shut(s, 0, -ESHUTDOWN);
	node_start(s, 0);
	sky_run(s, 2 * BEAT_MS);
	assert_out(s, 0, "cut off");
	assert_int_equal(n->lifts, 0);
	gateways_quiet(n->g, 1);
	assert_int_equal(n->lifts, 0);
	gateways_quiet(n->g, 2);
	assert_int_equal(n->lifts, 1);
	assert_lifted(s, 0, 2);
}

/* Nothing is under way; which term it is can be read only after that. */
static void test_shut_booted(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];

	begin_always(s, 1);
	node_die(s, 0);
	node_boot(s, 0);
	shut(s, 0, -ESHUTDOWN);
	node_start(s, 0);
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(n->lifts, 1);
	assert_true(n->lift_term == UINT64_MAX);
	assert_int_equal(n->kernel_term, 0);
	shut(s, 0, 0);
	gateways_lifted(n->g, 0);
	sky_run(s, OVER_MS + 4 * BEAT_MS);
	assert_well(s, 0, 2);
	assert_int_equal(s->store[0].fenced, 1);
}

/* Where nothing can be lifted it is a failure as any other. */
static void test_shut_no_lift(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	shut(s, 0, -ESHUTDOWN);
	sky_run(s, LEASE_MS + BEAT_MS);
	assert_out(s, 0, "");
	assert_int_equal(s->nodes[0].kernel_term, 1);
	shut(s, 0, 0);
	sky_run(s, 3 * BEAT_MS);
	assert_well(s, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(at_once),
		T(only_then),
		T(fails),
		T(back_before),
		T(quiet_is_fenced),
		T(disconnect),
		T(shut),
		T(shut_untold),
		T(shut_stale),
		T(shut_restarted),
		T(shut_booted),
		T(shut_no_lift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
