// SPDX-License-Identifier: GPL-2.0-only
/*
 * What gateways say themselves of what they have installed: a version is
 * settled by that, before it is in their records or without that.
 */
#include "test_engine.h"

enum {
	PENDING = -2,
};

/* Records of the others than gw0 stand still. */
static void begin_says(struct world *w, int count)
{
	begin_carrying(w, count);
	for (int i = 1; i < count; i++)
		w->gw[i].hang[ENGINE_ACK] = true;
}

static struct store_member says_of(struct world *w, int i, uint64_t seq)
{
	struct store_member says = *world_member(w, i);

	says.installed = seq;
	says.ended = seq;
	says.seen = 0;
	return says;
}

static void tell(struct world *w, const struct store_member *says)
{
	engine_says(w->gw[0].lu, says);
	world_run(w, 10);
}

static void test_settles(void **state)
{
	struct world *w = *state;

	begin_says(w, 3);
	client_write(w, 0);
	world_run(w, 20);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(world_member(w, 0)->installed, 2);
	assert_int_equal(world_member(w, 1)->installed, 1);
	assert_int_equal(world_member(w, 2)->installed, 1);
	assert_ready(w, 0, 2);
	world_check(w);
}

/* The same where the store does not carry it. */
static void test_not_carried(void **state)
{
	struct world *w = *state;

	begin_says(w, 2);
	w->gw[1].conf.carries = false;
	client_write(w, 0);
	world_run(w, 1000);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
}

/* Lost: then by the record. */
static void test_lost(void **state)
{
	struct world *w = *state;

	begin_says(w, 2);
	w->gw[1].hang[ENGINE_ACK] = false;
	w->gw[0].deaf = true;
	client_write(w, 0);
	world_run(w, 200);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

static void test_other_lives(void **state)
{
	struct world *w = *state;
	struct store_member says, other;

	begin_says(w, 2);
	w->gw[1].conf.carries = false;
	client_write(w, 0);
	world_run(w, 50);
	says = says_of(w, 1, 2);
	other = says;
	other.incarnation++;
	tell(w, &other);
	other = says;
	other.term++;
	tell(w, &other);
	other = says;
	strcpy(other.gateway, "gw2");
	tell(w, &other);
	other = says_of(w, 0, 2);
	tell(w, &other);
	other = says;
	other.installed = 1;
	tell(w, &other);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	tell(w, &says);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* Records that are read later and show less change nothing. */
static void test_older_record(void **state)
{
	struct world *w = *state;
	unsigned int looks;

	begin_says(w, 3);
	w->gw[2].kernel.hold = true;
	client_write(w, 0);
	world_run(w, 50);
	looks = w->gw[0].calls[ENGINE_MEMBERS];
	world_run(w, 500);
	assert_true(w->gw[0].calls[ENGINE_MEMBERS] > looks + 1);
	assert_int_equal(world_member(w, 1)->installed, 1);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	engine_push_done(w->gw[2].lu, 2, 0);
	w->gw[2].kernel.passed = 2;
	w->gw[2].kernel.drained = 2;
	world_run(w, 10);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* Somebody may have joined before the version was there: look for that. */
static void test_needs_look(void **state)
{
	struct world *w = *state;
	unsigned int looks;

	begin_says(w, 2);
	looks = w->gw[0].calls[ENGINE_MEMBERS];
	w->gw[0].slow[ENGINE_MEMBERS] = 60;
	/* This look begins too early. */
	engine_news(w->gw[0].lu);
	world_run(w, 5);
	client_write(w, 0);
	world_run(w, 75);
	assert_int_equal(w->gw[0].calls[ENGINE_MEMBERS], looks + 2);
	assert_int_equal(world_member(w, 0)->installed, 2);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	world_run(w, 60);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* And wait for it. */
static void test_needs_look_done(void **state)
{
	struct world *w = *state;

	begin_says(w, 2);
	w->gw[0].slow[ENGINE_MEMBERS] = 60;
	client_write(w, 0);
	world_run(w, 40);
	assert_int_equal(world_member(w, 0)->installed, 2);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	world_run(w, 60);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* Its own record is the last: when that is written, nothing else is read. */
static void test_own_last(void **state)
{
	struct world *w = *state;

	begin_says(w, 2);
	w->gw[0].kernel.hold = true;
	client_write(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	w->gw[0].hang[ENGINE_MEMBERS] = true;
	w->gw[0].kernel.passed = 2;
	w->gw[0].kernel.drained = 2;
	engine_push_done(w->gw[0].lu, 2, 0);
	world_run(w, 10);
	assert_int_equal(world_member(w, 0)->installed, 2);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* It is not announced otherwise. */
static void test_newer(void **state)
{
	struct world *w = *state;
	struct store_member says;

	begin_says(w, 2);
	put_string(w, 2, IDENTITY);
	engine_news(w->gw[1].lu);
	world_run(w, 50);
	assert_int_equal(w->gw[1].kernel.enforced, 2);
	assert_int_equal(w->gw[0].kernel.enforced, 1);
	says = says_of(w, 1, 2);
	tell(w, &says);
	assert_ready(w, 0, 2);
}

static void test_ends(void **state)
{
	struct world *w = *state;

	begin_says(w, 2);
	w->gw[1].kernel.busy_limit = 100;
	w->gw[1].kernel.busy_until = w->now + 600;
	client_abort(w, 0);
	world_run(w, 400);
	assert_int_equal(gw_status(w, 0).settled, 2);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	world_run(w, 600);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(world_member(w, 1)->ended, 1);
}

/* The writer is told once, and not again when all have it. */
static void test_told_once(void **state)
{
	struct world *w = *state;

	begin_says(w, 2);
	w->gw[1].hang[ENGINE_ACK] = false;
	w->gw[0].calls[ENGINE_ANNOUNCE] = 0;
	w->gw[1].calls[ENGINE_ANNOUNCE] = 0;
	client_write(w, 0);
	world_run(w, 1000);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 1, 2);
	assert_int_equal(w->gw[1].calls[ENGINE_ANNOUNCE], 1);
	assert_true(w->gw[0].calls[ENGINE_ANNOUNCE] <= 2);
}

/* Joined again in the same life: what it said before is forgotten. */
static void test_joined_again(void **state)
{
	struct world *w = *state;
	struct store_member says;

	begin_says(w, 2);
	says = says_of(w, 1, 2);
	tell(w, &says);
	w->gw[1].hang[ENGINE_ACK] = false;
	w->gw[0].deaf = true;
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[1].hang[ENGINE_LOAD] = true;
	gw_attach(w, 1);
	world_run(w, 100);
	w->gw[0].deaf = false;
	assert_int_equal(world_member(w, 1)->installed, 0);
	engine_news(w->gw[0].lu);
	world_run(w, 50);
	client_write(w, 0);
	world_run(w, 200);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(settles),
		T(not_carried),
		T(lost),
		T(other_lives),
		T(older_record),
		T(needs_look),
		T(needs_look_done),
		T(own_last),
		T(newer),
		T(ends),
		T(told_once),
		T(joined_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
