// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loss of power with APTPL 0: when it drops the state, and above all when not.
 * World and times as in test_engine.c; that no gateway had a settled state when
 * one was dropped is asserted at each such swap, in world.c.
 *
 * The strings of the world have no registrations, but PRGENERATION counts
 * their writes, and ends with the power as well.
 */
#include "test_engine.h"

static void assert_newest(struct world *w, uint64_t seq, enum tpr_action action)
{
	struct tcmu_pr_info *info = world_newest(w);

	assert_int_equal(w->newest, seq);
	assert_non_null(info);
	assert_int_equal(info->changes[0].order.action, action);
	assert_true(action != TPR_ACT_POWER_LOSS || !info->gen);
	free(info);
}

static void assert_kept(struct world *w)
{
	assert_int_equal(w->power_losses, 0);
}

static void assert_dropped(struct world *w, uint64_t seq)
{
	assert_int_equal(w->power_losses, 1);
	assert_newest(w, seq, TPR_ACT_POWER_LOSS);
}

static void test_alone(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	gw_power_off(w, 0);
	power_on(w, 0);
	world_run(w, 200);
	assert_dropped(w, 3);
	assert_ready(w, 0, 3);
	/* The kernel never had the state of before. */
	assert_int_equal(w->gw[0].kernel.pushes, 2);
	assert_int_equal(w->gw[0].complaints, 0);
	world_check(w);
}

/* Nothing to drop: nothing is written. */
static void test_nothing_to_drop(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	gw_power_off(w, 0);
	power_on(w, 0);
	world_run(w, 200);
	assert_kept(w);
	assert_ready(w, 0, 1);
}

/* What would stand after the newest version, written elsewhere. */
static char *next_string(struct world *w, bool aptpl, size_t *len)
{
	struct tcmu_pr_info *info = world_newest(w);
	struct tpr_writer writer = {.gateway = "elsewhere"};
	struct tpr_order order = {.action = TPR_ACT_REGISTER};
	char *str = malloc(tpr_encoded_max(0));
	long n;

	info->aptpl = aptpl;
	info->gen++;
	tpr_stamp(info, &writer, &order);
	n = tpr_encode(info, str, tpr_encoded_max(0));
	assert_true(n > 0);
	*len = (size_t)n;
	free(info);
	return str;
}

/* Only PRGENERATION starts anew; tests/core has what else is kept. */
static void test_aptpl(void **state)
{
	struct world *w = *state;
	struct tcmu_pr_info *info;
	size_t len;
	char *str;

	begin(w, 1);
	write_through(w, 0);
	str = next_string(w, true, &len);
	world_put(w, str, len);
	free(str);
	gw_power_off(w, 0);
	power_on(w, 0);
	world_run(w, 200);
	assert_dropped(w, 4);
	assert_ready(w, 0, 4);
	info = world_newest(w);
	assert_true(info->aptpl);
	free(info);
}

static void test_daemon_restart(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	gw_die(w, 0);
	gw_start(w, 0);
	world_run(w, 200);
	gw_attach(w, 0);
	world_run(w, 200);
	assert_kept(w);
	assert_ready(w, 0, 2);
}

/* The store forgets this gateway, whose kernel goes on. */
static void test_thrown_out(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	w->members_count = 0;
	engine_news(w->gw[0].lu);
	world_run(w, 1000);
	assert_kept(w);
	assert_ready(w, 0, 2);
}

/* The other one may be alive: its record is all that is known of it. */
static void test_other_record(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	gw_power_off(w, 0);
	gw_power_off(w, 1);
	power_on(w, 0);
	world_run(w, 200);
	assert_kept(w);
	power_on(w, 1);
	world_run(w, 200);
	assert_kept(w);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
}

static void test_other_alive(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	gw_power_off(w, 0);
	power_on(w, 0);
	world_run(w, 200);
	assert_kept(w);
	assert_ready(w, 0, 2);
}

/* The last one has left in good order: nobody carries the state any more. */
static void test_all_left(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	gw_detach(w, 0);
	gw_detach(w, 1);
	world_run(w, 200);
	gw_attach(w, 1);
	world_run(w, 200);
	assert_dropped(w, 3);
	gw_attach(w, 0);
	world_run(w, 200);
	assert_ready(w, 0, 3);
	assert_ready(w, 1, 3);
}

/*
 * Two join at the same time, or one so much later: either both see each other,
 * or the first one is alone and drops the state before the second has one.
 */
static void test_two_join(void **state)
{
	struct world *w = *state;
	unsigned int dropped = 0, kept = 0;
	int ms;

	for (ms = 0; ms < 40; ms++) {
		world_free(w);
		world_init(w, 1);
		begin(w, 2);
		write_through(w, 0);
		gw_detach(w, 0);
		gw_detach(w, 1);
		world_run(w, 100);
		gw_attach(w, 0);
		world_run(w, (uint64_t)ms);
		gw_attach(w, 1);
		world_run(w, 500);
		assert_ready(w, 0, w->newest);
		assert_ready(w, 1, w->newest);
		assert_int_equal(w->newest, 2 + w->power_losses);
		dropped += w->power_losses;
		kept += !w->power_losses;
		if (!ms)
			assert_kept(w);
		world_check(w);
	}
	assert_true(dropped > 10);
	assert_true(kept > 1);
}

/* The swap takes long; what joins meanwhile has no settled state before. */
static void test_slow_swap(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	gw_detach(w, 0);
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[0].slow[ENGINE_SWAP] = 1000;
	gw_attach(w, 0);
	world_run(w, 20);
	gw_attach(w, 1);
	client_get(w, 1);
	world_run(w, 500);
	assert_int_equal(w->gw[1].client.get_status, -1);
	assert_int_equal(w->gw[1].kernel.settled, 0);
	world_run(w, 2000);
	assert_dropped(w, 3);
	assert_int_equal(w->gw[1].client.get_seq, 3);
	assert_ready(w, 0, 3);
	assert_ready(w, 1, 3);
}

/* Another one joined and wrote before the swap: its write is kept. */
static void test_beaten(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	gw_detach(w, 0);
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[0].hang[ENGINE_SWAP] = true;
	gw_attach(w, 0);
	world_run(w, 50);
	assert_int_equal(w->gw[0].calls[ENGINE_SWAP], 3);
	gw_attach(w, 1);
	world_run(w, 50);
	/* Only an administrator can write on a state that is not settled. */
	assert_int_equal(engine_repair(w->gw[1].lu, ENGINE_REPAIR_EMPTY, true,
				       NULL, 0),
			 0);
	world_run(w, 50);
	assert_newest(w, 3, TPR_ACT_REPAIR);
	client_write(w, 1);
	w->gw[0].hang[ENGINE_SWAP] = false;
	gw_die(w, 0);
	gw_start(w, 0);
	world_run(w, 1000);
	assert_kept(w);
	assert_int_equal(w->gw[1].repair_status, 0);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_ready(w, 0, 4);
	assert_ready(w, 1, 4);
}

/* The same, but between the first look at the members and the load. */
static void test_beaten_early(void **state)
{
	struct world *w = *state;
	size_t len;
	char *str;

	begin(w, 2);
	write_through(w, 0);
	gw_detach(w, 0);
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[0].fail[ENGINE_LOAD] = -EIO;
	gw_attach(w, 0);
	world_run(w, 10);
	assert_int_equal(gw_status(w, 0).count, 1);
	gw_attach(w, 1);
	world_run(w, 20);
	str = next_string(w, false, &len);
	assert_int_equal(engine_repair(w->gw[1].lu, ENGINE_REPAIR_STRING, true,
				       str, len),
			 0);
	free(str);
	world_run(w, 20);
	assert_newest(w, 3, TPR_ACT_REPAIR);
	w->gw[0].fail[ENGINE_LOAD] = 0;
	world_run(w, 3000);
	assert_kept(w);
	assert_int_equal(w->gw[1].repair_status, 0);
	assert_ready(w, 0, 3);
	assert_ready(w, 1, 3);
}

static void unclear(struct world *w, enum swap_mode mode)
{
	begin(w, 1);
	write_through(w, 0);
	gw_power_off(w, 0);
	w->gw[0].swap_mode = mode;
	power_on(w, 0);
	world_run(w, 50);
	w->gw[0].swap_mode = SWAP_GOOD;
	power_on(w, 1);
	world_run(w, 3000);
	assert_dropped(w, 3);
	assert_ready(w, 0, 3);
	assert_ready(w, 1, 3);
}

static void test_unclear_stored(void **state)
{
	unclear(*state, SWAP_UNCLEAR_STORED);
}

static void test_unclear_not(void **state)
{
	unclear(*state, SWAP_UNCLEAR_NOT);
}

static void test_unclear_late(void **state)
{
	unclear(*state, SWAP_UNCLEAR_LATE);
}

/*
 * The worst moment to leave: the swap is on its way, and would drop what the
 * other one, alone then, settles.  So this one stays a member until it is
 * known.
 */
static void leave(struct world *w, enum swap_mode mode, bool again)
{
	begin(w, 1);
	write_through(w, 0);
	gw_power_off(w, 0);
	w->gw[0].swap_mode = mode;
	w->gw[0].slow[ENGINE_SWAP] = 50;
	power_on(w, 0);
	world_run(w, 30);
	assert_int_equal(w->gw[0].calls[ENGINE_SWAP], 3);
	gw_detach(w, 0);
	power_on(w, 1);
	if (again)
		gw_attach(w, 0);
	world_run(w, 25);
	assert_non_null(world_member(w, 0));
	w->gw[0].swap_mode = SWAP_GOOD;
	world_run(w, 3000);
	assert_int_equal(w->gw[0].gone, !again);
	assert_dropped(w, 3);
	assert_ready(w, 1, 3);
	if (again)
		assert_ready(w, 0, 3);
}

static void test_leave(void **state)
{
	leave(*state, SWAP_GOOD, false);
}

static void test_leave_unclear(void **state)
{
	leave(*state, SWAP_UNCLEAR_LATE, false);
}

static void test_leave_and_come_back(void **state)
{
	leave(*state, SWAP_UNCLEAR_LATE, true);
}

/* The connection to the kernel begins anew, the swap is still on its way. */
static void test_added_again(void **state)
{
	struct world *w = *state;
	int ms;

	for (ms = 0; ms < 30; ms++) {
		world_free(w);
		world_init(w, 1);
		begin(w, 1);
		write_through(w, 0);
		gw_power_off(w, 0);
		w->gw[0].slow[ENGINE_SWAP] = 40;
		w->gw[0].swap_mode = ms % 2 ? SWAP_UNCLEAR_LATE : SWAP_GOOD;
		power_on(w, 0);
		world_run(w, (uint64_t)ms);
		gw_attach(w, 0);
		power_on(w, 1);
		world_run(w, 100);
		w->gw[0].swap_mode = SWAP_GOOD;
		world_run(w, 3000);
		assert_ready(w, 0, w->newest);
		assert_ready(w, 1, w->newest);
		assert_int_equal(w->newest, 2 + w->power_losses);
	}
}

/* Not stored, says the store: nothing is enforced until it can be. */
static void test_store_fails(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	gw_power_off(w, 0);
	w->gw[0].fail[ENGINE_SWAP] = -ENOSPC;
	power_on(w, 0);
	world_run(w, 1000);
	assert_broken(w, 0, EIO, "swap");
	w->gw[0].fail[ENGINE_SWAP] = 0;
	world_run(w, 2500);
	assert_dropped(w, 3);
	assert_ready(w, 0, 3);
}

/* Who replaced a lost state keeps it. */
static void test_after_replace(void **state)
{
	struct world *w = *state;

	world_put(w, "", 0);
	power_on(w, 0);
	world_run(w, 50);
	client_replace(w, 0);
	world_run(w, 200);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_kept(w);
	assert_ready(w, 0, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(alone),
		T(nothing_to_drop),
		T(aptpl),
		T(daemon_restart),
		T(thrown_out),
		T(other_record),
		T(other_alive),
		T(all_left),
		T(two_join),
		T(slow_swap),
		T(beaten),
		T(beaten_early),
		T(unclear_stored),
		T(unclear_not),
		T(unclear_late),
		T(leave),
		T(leave_unclear),
		T(leave_and_come_back),
		T(added_again),
		T(store_fails),
		T(after_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
