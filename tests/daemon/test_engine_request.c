// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET, SET and what the members hear of it, each transition from a picture of
 * three gateways (world.h).  Latencies are fixed at 1 ms, so the times below
 * are generous.
 */
#include "test_engine.h"

/* GET */

static void test_get(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	client_get(w, 0);
	world_run(w, 10);
	assert_int_equal(w->gw[0].client.get_status, 0);
	assert_int_equal(w->gw[0].client.get_seq, 1);
}

/* Also what no news told of is found, installed and settled first. */
static void test_get_finds_newer(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[1].deaf = true;
	put_string(w, 2, IDENTITY);
	w->gw[1].deaf = false;
	client_get(w, 0);
	world_run(w, 500);
	assert_int_equal(w->gw[0].client.get_status, 0);
	assert_int_equal(w->gw[0].client.get_seq, 2);
	assert_ready(w, 1, 2);
}

static void test_get_member_missing(void **state)
{
	struct world *w = *state;

	begin(w, 3);
	gw_die(w, 2);
	put_string(w, 2, IDENTITY);
	client_get(w, 0);
	world_run(w, 4900);
	assert_int_equal(w->gw[0].client.get_status, -1);
	world_run(w, 200);
	assert_int_equal(w->gw[0].client.get_status, ETIMEDOUT);
	assert_non_null(strstr(w->gw[0].last_log, ": gw2"));
	assert_int_equal(w->gw[0].kernel.settled, 1);
}

static void test_get_store_fails(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].fail[ENGINE_LOAD] = -EIO;
	client_get(w, 0);
	world_run(w, 10);
	assert_int_equal(w->gw[0].client.get_status, EIO);
	/* Nothing can have changed without our ack: go on with it. */
	assert_true(w->gw[0].kernel.valid);
	w->gw[0].fail[ENGINE_LOAD] = 0;
	world_run(w, 2500);
	assert_ready(w, 0, 1);
}

static void test_get_store_hangs(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].hang[ENGINE_LOAD] = true;
	client_get(w, 0);
	world_run(w, 5100);
	assert_int_equal(w->gw[0].client.get_status, EIO);
}

static void test_get_replaced(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	engine_get(w->gw[0].lu, 100);
	client_get(w, 0);
	world_run(w, 20);
	assert_int_equal(w->gw[0].client.get_status, 0);
}

/* SET */

static void test_set(void **state)
{
	struct world *w = *state;

	begin(w, 3);
	client_write(w, 1);
	world_run(w, 100);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	assert_ready(w, 2, 2);
	world_check(w);
}

static void test_set_too_late(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].client.again = false;
	w->gw[1].client.again = false;
	client_write(w, 0);
	client_write(w, 1);
	world_run(w, 300);
	assert_int_equal(w->newest, 2);
	assert_int_equal(w->gw[0].client.set_status +
				 w->gw[1].client.set_status,
			 EAGAIN);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	world_check(w);
}

static void test_set_race_both_win(void **state)
{
	struct world *w = *state;

	begin(w, 3);
	client_write(w, 0);
	client_write(w, 1);
	client_write(w, 2);
	world_run(w, 1000);
	assert_int_equal(w->newest, 4);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_int_equal(w->gw[2].client.set_status, 0);
	world_check(w);
}

static void test_set_member_missing(void **state)
{
	struct world *w = *state;

	begin(w, 3);
	gw_die(w, 1);
	client_write(w, 0);
	world_run(w, 4900);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 300);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	assert_non_null(strstr(w->gw[0].last_log, ": gw1"));
	assert_int_equal(w->gw[0].kernel.settled, 1);
	/* It is settled in the background once the member is back. */
	gw_start(w, 1);
	world_run(w, 3000);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	assert_ready(w, 2, 2);
	world_check(w);
}

/* A member that does not get on costs little. */
static void test_idle_is_cheap(void **state)
{
	struct world *w = *state;
	unsigned int before;

	begin(w, 2);
	w->gw[1].kernel.hold = true;
	client_write(w, 0);
	world_run(w, 20000);
	before = w->gw[0].calls[ENGINE_MEMBERS] +
		 w->gw[0].calls[ENGINE_ANNOUNCE];
	world_run(w, 20000);
	assert_in_range(w->gw[0].calls[ENGINE_MEMBERS] +
				w->gw[0].calls[ENGINE_ANNOUNCE] - before,
			5, 25);
}

static void test_settled_is_silent(void **state)
{
	struct world *w = *state;
	unsigned int before, after, op;

	begin(w, 3);
	client_write(w, 0);
	world_run(w, 1000);
	for (op = 0, before = 0; op < OPS; op++)
		before += w->gw[0].calls[op];
	world_run(w, 100000);
	for (op = 0, after = 0; op < OPS; op++)
		after += w->gw[0].calls[op];
	assert_int_equal(before, after);
}

static void test_set_own_kernel_slow(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].kernel.hold = true;
	client_write(w, 0);
	world_run(w, 5200);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	assert_int_equal(w->gw[1].kernel.settled, 1);
	w->gw[0].kernel.drained = 2;
	w->gw[0].kernel.passed = 2;
	engine_push_done(w->gw[0].lu, 2, 0);
	world_run(w, 2500);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
}

/*
 * PREEMPT AND ABORT, whose victims' commands on the other gateway take 10 s to
 * end.  Its kernel waits for them for @busy_limit and says EINPROGRESS.
 */
static void slow_member(struct world *w, uint32_t member_timeout_ms,
			uint64_t busy_limit)
{
	w->gw[0].conf.member_timeout_ms = member_timeout_ms;
	w->gw[1].conf.member_timeout_ms = member_timeout_ms;
	begin(w, 2);
	w->gw[1].kernel.busy_until = w->now + 10000;
	w->gw[1].kernel.busy_limit = busy_limit;
	client_abort(w, 0);
}

/* An error, for that one alone: in force it is, and others are not stopped. */
static void test_slow_member_times_out(void **state)
{
	struct world *w = *state;

	slow_member(w, 5000, 2000);
	world_run(w, 1900);
	assert_int_equal(w->gw[0].kernel.settled, 1);
	world_run(w, 200);
	assert_ready(w, 0, 2);
	assert_int_equal(w->gw[1].kernel.settled, 2);
	assert_int_equal(w->gw[0].client.set_status, -2);
	assert_int_equal(world_member(w, 1)->installed, 2);
	assert_int_equal(world_member(w, 1)->ended, 1);
	client_write(w, 1);
	world_run(w, 2200);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_ready(w, 0, 3);
	world_run(w, 2600);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 200);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	assert_non_null(strstr(w->gw[0].last_log, "gw1"));
	assert_int_equal(w->gw[1].kernel.invalidates, 0);
	world_run(w, 4000);
	assert_int_equal(world_member(w, 1)->ended, 3);
	assert_ready(w, 1, 3);
	world_check(w);
}

static void test_slow_member_in_time(void **state)
{
	struct world *w = *state;

	slow_member(w, 12000, 5000);
	world_run(w, 9900);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 1300);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 1, 2);
	/* States 1 and 2 and their settling, and one more to be asked. */
	assert_int_equal(w->gw[1].kernel.pushes, 5);
	world_check(w);
}

/* A kernel that says EINPROGRESS at once is asked once a second at most. */
static void test_slow_member_pace(void **state)
{
	struct world *w = *state;

	slow_member(w, 12000, 0);
	world_run(w, 11500);
	assert_int_equal(world_member(w, 1)->ended, 2);
	assert_in_range(w->gw[1].kernel.pushes, 4 + 10, 4 + 16);
	/* And complains once. */
	assert_in_range(w->gw[1].complaints, 1, 2);
}

/* The same with the kernel of the gateway that writes. */
static void test_slow_self(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].kernel.busy_until = w->now + 10000;
	w->gw[0].kernel.busy_limit = 3000;
	client_abort(w, 0);
	world_run(w, 3100);
	assert_ready(w, 1, 2);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 5100);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	world_run(w, 3000);
	assert_int_equal(world_member(w, 0)->ended, 2);
	assert_ready(w, 0, 2);
}

/* The daemon begins anew while the store is out: its kernel goes on. */
static void test_restart_without_store(void **state)
{
	struct world *w = *state;
	int op;

	begin(w, 2);
	client_write(w, 0);
	world_run(w, 200);
	gw_die(w, 0);
	for (op = ENGINE_JOIN; op <= ENGINE_MEMBERS; op++)
		w->gw[0].fail[op] = -EIO;
	gw_start(w, 0);
	w->gw[0].kernel.valid = true;
	client_get(w, 0);
	world_run(w, 6000);
	assert_int_equal(w->gw[0].client.get_status, EIO);
	assert_int_equal(gw_status(w, 0).state, ENGINE_FAILED);
	assert_int_equal(w->gw[0].kernel.invalidates, 0);
	memset(w->gw[0].fail, 0, sizeof(w->gw[0].fail));
	world_run(w, 2500);
	assert_ready(w, 0, 2);
	assert_int_equal(w->gw[0].kernel.invalidates, 0);
}

static void test_set_store_fails(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].fail[ENGINE_SWAP] = -ENOSPC;
	client_write(w, 0);
	world_run(w, 20);
	assert_int_equal(w->gw[0].client.set_status, EIO);
	world_check(w);
}

static int set_status(struct world *w, uint64_t expected, const char *str,
		      size_t len)
{
	struct client *c = &w->gw[0].client;

	c->set_status = -1;
	engine_set(w->gw[0].lu, c->cookie, expected, str, len);
	return c->set_status;
}

static void test_set_nonsense(void **state)
{
	struct world *w = *state;
	struct client *c = &w->gw[0].client;
	size_t len;
	char *str;

	begin(w, 1);
	assert_int_equal(set_status(w, 1, "x", 1), EINVAL);
	assert_int_equal(set_status(w, 1, "", 0), EINVAL);
	str = world_string(3, IDENTITY, &len);
	assert_int_equal(set_status(w, 1, str, len), EINVAL);
	free(str);
	str = world_string(2, "serial-2", &len);
	assert_int_equal(set_status(w, 1, str, len), EINVAL);
	free(str);
	str = world_string(2, IDENTITY, &len);
	assert_int_equal(set_status(w, 1, str, len), EINVAL);
	free(str);
	assert_int_equal(w->gw[0].calls[ENGINE_SWAP], 1);
	w->writes_count = 0;
	client_write(w, 0);
	world_run(w, 100);
	assert_int_equal(c->set_status, 0);
}

static void test_set_while_broken(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->newest = 0;
	w->gw[0].fail[ENGINE_MARK_LOST] = -EIO;
	engine_news(w->gw[0].lu);
	world_run(w, 10);
	assert_int_equal(set_status(w, 1, "x", 1), EBADMSG);
}

static void unclear(struct world *w, enum swap_mode mode)
{
	begin(w, 2);
	w->gw[0].swap_mode = mode;
	client_write(w, 0);
	world_run(w, 50);
	w->gw[0].swap_mode = SWAP_GOOD;
	world_run(w, 2000);
}

static void test_unclear_stored(void **state)
{
	struct world *w = *state;

	unclear(w, SWAP_UNCLEAR_STORED);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->newest, 2);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	world_check(w);
}

static void test_unclear_not_stored(void **state)
{
	struct world *w = *state;

	unclear(w, SWAP_UNCLEAR_NOT);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->newest, 2);
	world_check(w);
}

/* The write takes effect after the second one of the same string. */
static void test_unclear_late(void **state)
{
	struct world *w = *state;

	unclear(w, SWAP_UNCLEAR_LATE);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->newest, 2);
	world_check(w);
}

/* Another gateway's write stands in its place: provably not stored. */
static void test_unclear_beaten(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].client.again = false;
	w->gw[0].swap_mode = SWAP_UNCLEAR_NOT;
	client_write(w, 0);
	world_run(w, 10);
	client_write(w, 1);
	world_run(w, 2000);
	assert_int_equal(w->gw[0].client.set_status, EAGAIN);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_int_equal(w->newest, 2);
	world_check(w);
}

static void test_unclear_for_good(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].swap_mode = SWAP_UNCLEAR_STORED;
	client_write(w, 0);
	world_run(w, 3);
	w->gw[0].fail[ENGINE_LOAD] = -EIO;
	world_run(w, 6000);
	assert_int_equal(w->gw[0].client.set_status, EINPROGRESS);
	w->gw[0].fail[ENGINE_LOAD] = 0;
	w->gw[0].swap_mode = SWAP_GOOD;
	world_run(w, 5000);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	world_check(w);
}

/* So many changes since that the string does not tell. */
static void test_unclear_forgotten(void **state)
{
	struct world *w = *state;
	uint64_t i;

	begin(w, 1);
	w->gw[0].swap_mode = SWAP_UNCLEAR_NOT;
	client_write(w, 0);
	world_run(w, 3);
	for (i = 0; i < TPR_CHANGES_MAX + 1; i++)
		put_string(w, 2 + i, IDENTITY);
	world_run(w, 300);
	assert_int_equal(w->gw[0].client.set_status, EINPROGRESS);
}

static void test_swap_hangs(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].hang[ENGINE_SWAP] = true;
	client_write(w, 0);
	world_run(w, 5100);
	assert_int_equal(w->gw[0].client.set_status, EINPROGRESS);
	/* The next one is not held up by it. */
	w->gw[0].hang[ENGINE_SWAP] = false;
	client_write(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, 0);
	world_check(w);
}

/* News and settlement */

/* The announcer dies after its swap; a gateway that asks finishes it. */
static void test_announcer_dies(void **state)
{
	struct world *w = *state;

	begin(w, 3);
	client_write(w, 0);
	while (w->newest < 2)
		world_run(w, 1);
	gw_die(w, 0);
	w->gw[0].kernel.attached = false;
	world_run(w, 1000);
	/* Nobody knows; the daemon's member record holds up settlement. */
	assert_int_equal(w->gw[1].kernel.enforced, 1);
	client_get(w, 1);
	world_run(w, 1000);
	assert_int_equal(w->gw[1].kernel.enforced, 2);
	assert_int_equal(w->gw[2].kernel.enforced, 2);
	assert_int_equal(w->gw[1].client.get_status, -1);
	/* The machine comes back with a kernel that knows nothing. */
	w->gw[0].kernel.attached = true;
	w->gw[0].kernel.enforced = 0;
	gw_start(w, 0);
	world_run(w, 1000);
	assert_int_equal(w->gw[1].client.get_status, 0);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	assert_ready(w, 2, 2);
	world_check(w);
}

/* It had told one of the two others: that one tells the third. */
static void test_announcer_dies_midway(void **state)
{
	struct world *w = *state;

	begin(w, 3);
	w->gw[2].deaf = true;
	client_write(w, 0);
	world_run(w, 12);
	gw_die(w, 0);
	assert_int_equal(w->gw[1].kernel.enforced, 2);
	assert_int_equal(w->gw[2].kernel.enforced, 1);
	w->gw[2].deaf = false;
	world_run(w, 500);
	/* The writer's own kernel had it, so it even settles. */
	assert_ready(w, 1, 2);
	assert_ready(w, 2, 2);
}

static void test_news_lost(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[1].deaf = true;
	client_write(w, 0);
	world_run(w, 50);
	assert_int_equal(w->gw[0].client.set_status, -2);
	w->gw[1].deaf = false;
	world_run(w, 400);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* Those known from before are told at once, without a look at the members. */
static void test_announced_at_once(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].fail[ENGINE_MEMBERS] = -EIO;
	client_write(w, 0);
	world_run(w, 50);
	assert_int_equal(w->gw[1].kernel.enforced, 2);
	w->gw[0].fail[ENGINE_MEMBERS] = 0;
	world_run(w, 500);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* A member that does not react is reminded, but not all the time. */
static void test_reminders(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	gw_die(w, 1);
	client_write(w, 0);
	world_run(w, 4000);
	assert_in_range(w->gw[0].calls[ENGINE_ANNOUNCE], 10, 25);
}

static void test_announce_fails(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].fail[ENGINE_ANNOUNCE] = -EIO;
	client_write(w, 0);
	world_run(w, 1000);
	assert_non_null(strstr(w->gw[0].last_log, "announce to gw1"));
	assert_int_equal(w->gw[0].complaints, 1);
	w->gw[0].fail[ENGINE_ANNOUNCE] = 0;
	world_run(w, 500);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

static void test_settle_hurries(void **state)
{
	struct world *w = *state;
	unsigned int before;

	begin(w, 3);
	w->gw[2].fail[ENGINE_ACK] = -EIO;
	put_string(w, 2, IDENTITY);
	engine_news(w->gw[0].lu);
	world_run(w, 30000);
	w->gw[0].deaf = true;
	w->gw[2].fail[ENGINE_ACK] = 0;
	while (world_member(w, 2)->installed < 2)
		world_run(w, 1);
	before = w->gw[0].calls[ENGINE_MEMBERS];
	engine_settle(w->gw[0].lu, 2);
	world_run(w, 10);
	assert_true(w->gw[0].calls[ENGINE_MEMBERS] > before);
	assert_ready(w, 0, 2);
}

static void test_settle_done_already(void **state)
{
	struct world *w = *state;
	unsigned int before;

	begin(w, 1);
	before = w->gw[0].calls[ENGINE_MEMBERS];
	engine_settle(w->gw[0].lu, 1);
	world_run(w, 50);
	assert_int_equal(w->gw[0].calls[ENGINE_MEMBERS], before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(get),
		T(get_finds_newer),
		T(get_member_missing),
		T(get_store_fails),
		T(get_store_hangs),
		T(get_replaced),
		T(set),
		T(set_too_late),
		T(set_race_both_win),
		T(set_member_missing),
		T(idle_is_cheap),
		T(settled_is_silent),
		T(set_own_kernel_slow),
		T(slow_member_times_out),
		T(slow_member_in_time),
		T(slow_member_pace),
		T(slow_self),
		T(restart_without_store),
		T(set_store_fails),
		T(set_nonsense),
		T(set_while_broken),
		T(unclear_stored),
		T(unclear_not_stored),
		T(unclear_late),
		T(unclear_beaten),
		T(unclear_for_good),
		T(unclear_forgotten),
		T(swap_hangs),
		T(announcer_dies),
		T(announcer_dies_midway),
		T(news_lost),
		T(announced_at_once),
		T(reminders),
		T(announce_fails),
		T(settle_hurries),
		T(settle_done_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
