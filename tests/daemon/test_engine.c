// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a logical unit in the engine, each transition from a picture of
 * three gateways (world.h).  Latencies are fixed at 1 ms, so the times below
 * are generous.
 */
#include "test_engine.h"

/* Joining */

static void test_create(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	assert_ready(w, 0, 1);
	assert_int_equal(w->newest, 1);
	assert_int_equal(w->gw[0].complaints, 0);
}

static void test_create_lost_race(void **state)
{
	struct world *w = *state;

	w->gw[0].kernel.attached = true;
	w->gw[1].kernel.attached = true;
	gw_start(w, 0);
	gw_start(w, 1);
	world_run(w, 300);
	assert_int_equal(w->newest, 1);
	assert_ready(w, 0, 1);
	assert_ready(w, 1, 1);
	assert_int_equal(w->gw[0].complaints + w->gw[1].complaints, 0);
}

static void test_create_unclear(void **state)
{
	struct world *w = *state;

	w->gw[0].swap_mode = SWAP_UNCLEAR_STORED;
	begin(w, 1);
	assert_ready(w, 0, 1);
}

static void test_create_fails_then_works(void **state)
{
	struct world *w = *state;

	w->gw[0].fail[ENGINE_SWAP] = -EROFS;
	begin(w, 1);
	assert_broken(w, 0, EIO, "create");
	w->gw[0].fail[ENGINE_SWAP] = 0;
	world_run(w, 3000);
	assert_ready(w, 0, 1);
}

/* One line a failure, whose retries back off to every two seconds. */
static void test_join_retries(void **state)
{
	struct world *w = *state;

	w->gw[0].fail[ENGINE_JOIN] = -EIO;
	begin(w, 1);
	world_run(w, 20000);
	assert_broken(w, 0, EIO, "join");
	assert_int_equal(w->gw[0].complaints, 1);
	assert_int_equal(w->gw[0].kernel.invalidates, 1);
	assert_in_range(w->gw[0].calls[ENGINE_JOIN], 10, 16);
	w->gw[0].fail[ENGINE_JOIN] = 0;
	world_run(w, 2500);
	assert_ready(w, 0, 1);
}

static void test_load_retries(void **state)
{
	struct world *w = *state;

	w->gw[0].fail[ENGINE_LOAD] = -EIO;
	begin(w, 1);
	assert_broken(w, 0, EIO, "load");
	w->gw[0].fail[ENGINE_LOAD] = 0;
	world_run(w, 2500);
	assert_ready(w, 0, 1);
}

static void test_ack_retries(void **state)
{
	struct world *w = *state;

	w->gw[0].fail[ENGINE_ACK] = -EIO;
	begin(w, 1);
	assert_int_equal(gw_status(w, 0).state, ENGINE_FAILED);
	assert_int_equal(w->gw[0].kernel.settled, 0);
	w->gw[0].fail[ENGINE_ACK] = 0;
	world_run(w, 2500);
	assert_ready(w, 0, 1);
}

static void test_members_retries(void **state)
{
	struct world *w = *state;

	w->gw[0].fail[ENGINE_MEMBERS] = -EIO;
	begin(w, 1);
	assert_int_equal(w->gw[0].kernel.settled, 0);
	w->gw[0].fail[ENGINE_MEMBERS] = 0;
	world_run(w, 2500);
	assert_ready(w, 0, 1);
}

static void test_push_refused(void **state)
{
	struct world *w = *state;

	w->gw[0].kernel.refuse = ENOMEM;
	begin(w, 1);
	assert_int_equal(w->gw[0].kernel.invalid_status, ENOMEM);
	world_run(w, 500);
	assert_ready(w, 0, 1);
}

/* Commands in flight do not end for a while: I/O goes on meanwhile. */
static void test_push_busy(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[1].kernel.refuse = EBUSY;
	client_write(w, 0);
	world_run(w, 80);
	assert_int_equal(w->gw[0].client.set_status, -2);
	assert_int_equal(gw_status(w, 1).state, ENGINE_FAILED);
	assert_int_equal(w->gw[1].kernel.invalidates, 0);
	world_run(w, 500);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 1, 2);
}

/* A second gateway joins what the first one settled long ago. */
static void test_second_joins(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	client_write(w, 0);
	world_run(w, 200);
	assert_int_equal(w->gw[0].client.set_status, 0);
	w->gw[1].kernel.attached = true;
	gw_start(w, 1);
	world_run(w, 200);
	assert_ready(w, 1, 2);
	/* The news of the joiner's ack refreshes the first one's list. */
	assert_int_equal(gw_status(w, 0).count, 2);
}

/*
 * A look that listed the members before the second one joined, and reads their
 * records after the next version was stored: it says nothing of that version.
 */
static void test_look_of_before_a_join(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].slow[ENGINE_MEMBERS] = 500;
	engine_news(w->gw[0].lu);
	world_run(w, 20);
	w->gw[0].slow[ENGINE_MEMBERS] = 0;
	w->gw[1].kernel.attached = true;
	gw_start(w, 1);
	world_run(w, 100);
	assert_ready(w, 1, 1);
	w->gw[1].deaf = true;
	w->gw[1].kernel.hold = true;
	client_write(w, 0);
	world_run(w, 1000);
	assert_int_equal(w->newest, 2);
	assert_int_equal(w->gw[1].kernel.enforced, 1);
	assert_int_equal(w->gw[0].client.set_status, -2);
	assert_int_equal(w->gw[0].kernel.settled, 1);
	world_check(w);
}

static void test_restart(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	client_write(w, 0);
	world_run(w, 200);
	gw_die(w, 0);
	world_run(w, 1000);
	gw_start(w, 0);
	world_run(w, 200);
	assert_ready(w, 0, 2);
	assert_int_equal(world_member(w, 0)->incarnation,
			 w->gw[0].conf.incarnation);
	client_write(w, 1);
	world_run(w, 200);
	assert_ready(w, 0, 3);
	assert_ready(w, 1, 3);
}

/* The connection to the kernel is lost: the same daemon begins afresh. */
static void test_added_again(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	client_write(w, 0);
	world_run(w, 3);
	gw_attach(w, 0);
	world_run(w, 500);
	assert_ready(w, 0, w->newest);
	assert_ready(w, 1, w->newest);
}

static void test_identity_too_long(void **state)
{
	struct world *w = *state;
	char identity[TPR_DEVICE_MAX + 2];

	memset(identity, 'x', sizeof(identity) - 1);
	identity[sizeof(identity) - 1] = '\0';
	gw_start(w, 0);
	assert_int_equal(engine_added(w->gw[0].lu, identity, 0), -ENAMETOOLONG);
}

static void test_identity_unusable(void **state)
{
	struct world *w = *state;

	w->gw[0].kernel.attached = true;
	gw_start(w, 0);
	assert_int_equal(engine_added(w->gw[0].lu, "", 0), 0);
	world_run(w, 100);
	assert_broken(w, 0, EIO, "unit serial number");
	assert_int_equal(w->newest, 0);
}

/* Bad strings */

static void test_other_device(void **state)
{
	struct world *w = *state;

	put_string(w, 1, "serial-2");
	begin(w, 1);
	assert_broken(w, 0, EBADMSG, "another device's");
	client_get(w, 0);
	world_run(w, 10);
	assert_int_equal(w->gw[0].client.get_status, EBADMSG);
	world_run(w, 10000);
	assert_int_equal(w->gw[0].complaints, 1);
	assert_int_equal(w->newest, 1);
}

static void test_corrupt(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->versions[1].str[10] ^= 1;
	client_get(w, 0);
	world_run(w, 10);
	assert_int_equal(w->gw[0].client.get_status, EBADMSG);
	assert_broken(w, 0, EBADMSG, "line");
	w->versions[1].str[10] ^= 1;
	world_run(w, 2500);
	assert_ready(w, 0, 1);
}

static void test_empty_string(void **state)
{
	struct world *w = *state;

	world_put(w, "", 0);
	begin(w, 1);
	assert_broken(w, 0, EBADMSG, "corrupt");
}

static void test_wrong_number(void **state)
{
	struct world *w = *state;

	put_string(w, 7, IDENTITY);
	begin(w, 1);
	assert_broken(w, 0, EBADMSG, "seq=7");
}

static void test_changed_in_place(void **state)
{
	struct world *w = *state;
	size_t len;

	begin(w, 1);
	free(w->versions[1].str);
	w->versions[1].str = world_string(1, IDENTITY, &len);
	w->versions[1].len = len;
	client_get(w, 0);
	world_run(w, 10);
	assert_broken(w, 0, EBADMSG, "changed under its number");
}

static void test_kernel_is_newer(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].kernel.enforced = 9;
	engine_push_done(w->gw[0].lu, 1, ESTALE);
	assert_broken(w, 0, EBADMSG, "went back");
	w->gw[0].kernel.enforced = 1;
}

/* Members */

static void test_thrown_out(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->members_count = 0;
	engine_news(w->gw[0].lu);
	world_run(w, 10);
	assert_broken(w, 0, EIO, "does not list this gateway");
	world_run(w, 1000);
	assert_ready(w, 0, 1);
}

/*
 * A load that began before this gateway had joined again may miss a version
 * that the others settled while it was none of them.
 */
static void test_thrown_out_loading(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].slow[ENGINE_LOAD] = 150;
	w->members_count = 0;
	engine_news(w->gw[0].lu);
	world_run(w, 20);
	put_string(w, 2, IDENTITY);
	world_run(w, 200);
	assert_false(w->gw[0].kernel.valid);
	assert_non_null(world_member(w, 0));
	world_run(w, 500);
	assert_ready(w, 0, 2);
}

static void test_same_name_twice(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->members[0].incarnation = 4711;
	engine_news(w->gw[0].lu);
	world_run(w, 5000);
	assert_broken(w, 0, EIO, "another daemon");
	assert_int_equal(w->members[0].incarnation, 4711);
	client_get(w, 0);
	assert_int_equal(w->gw[0].client.get_status, EIO);
}

/* Removal */

static void test_remove(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	gw_detach(w, 0);
	world_run(w, 50);
	assert_true(w->gw[0].gone);
	assert_null(world_member(w, 0));
	assert_int_equal(gw_status(w, 1).count, 1);
	client_write(w, 1);
	world_run(w, 50);
	assert_int_equal(w->gw[1].client.set_status, 0);
}

/* At every millisecond of a write; what is in flight comes back to nobody. */
static void test_remove_in_the_middle(void **state)
{
	struct world *w = *state;
	int ms;

	begin(w, 2);
	for (ms = 0; ms < 25; ms++) {
		client_write(w, 0);
		world_run(w, (uint64_t)ms);
		gw_detach(w, 0);
		world_run(w, 100);
		assert_true(w->gw[0].gone);
		assert_null(world_member(w, 0));
		gw_attach(w, 0);
		world_run(w, 500);
		assert_ready(w, 0, w->newest);
		assert_ready(w, 1, w->newest);
	}
	world_check(w);
}

static void test_remove_while_joining(void **state)
{
	struct world *w = *state;
	int ms;

	gw_start(w, 0);
	for (ms = 0; ms < 15; ms++) {
		gw_attach(w, 0);
		world_run(w, (uint64_t)ms);
		gw_detach(w, 0);
		world_run(w, 50);
		assert_true(w->gw[0].gone);
		assert_null(world_member(w, 0));
	}
}

static void test_leave_retries(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->gw[0].fail[ENGINE_LEAVE] = -EIO;
	gw_detach(w, 0);
	world_run(w, 1000);
	assert_false(w->gw[0].gone);
	w->gw[0].fail[ENGINE_LEAVE] = 0;
	world_run(w, 2500);
	assert_true(w->gw[0].gone);
	assert_int_equal(w->gw[0].complaints, 1);
}

static void test_attach_while_leaving(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	gw_detach(w, 0);
	gw_attach(w, 0);
	world_run(w, 500);
	assert_false(w->gw[0].gone);
	assert_ready(w, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(create),
		T(create_lost_race),
		T(create_unclear),
		T(create_fails_then_works),
		T(join_retries),
		T(load_retries),
		T(ack_retries),
		T(members_retries),
		T(push_refused),
		T(push_busy),
		T(second_joins),
		T(look_of_before_a_join),
		T(restart),
		T(added_again),
		T(identity_too_long),
		T(identity_unusable),
		T(other_device),
		T(corrupt),
		T(empty_string),
		T(wrong_number),
		T(changed_in_place),
		T(kernel_is_newer),
		T(thrown_out),
		T(thrown_out_loading),
		T(same_name_twice),
		T(remove),
		T(remove_in_the_middle),
		T(remove_while_joining),
		T(leave_retries),
		T(attach_while_leaving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
