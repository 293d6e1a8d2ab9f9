// SPDX-License-Identifier: GPL-2.0-only
/*
 * Strings that are corrupt, another device's, missing or of long ago: how each
 * gateway notices, and how the device comes back.  World and times as in
 * test_engine.c.
 */
#include "test_engine.h"

/* REPLACE LOST RESERVATION */

static void test_replace_corrupt(void **state)
{
	struct world *w = *state;
	int i;

	begin(w, 3);
	write_through(w, 0);
	corrupt(w, 2);
	for (i = 0; i < 3; i++)
		assert_lost(w, i, 2);
	client_replace(w, 1);
	world_run(w, 100);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_int_equal(w->newest, 3);
	assert_action(w, TPR_ACT_REPLACE_LOST);
	for (i = 0; i < 3; i++)
		assert_ready(w, i, 3);
	write_through(w, 2);
	world_check(w);
}

/* Also by a gateway that has never had any other state. */
static void test_replace_other_device(void **state)
{
	struct world *w = *state;

	put_string(w, 1, "serial-2");
	begin(w, 2);
	assert_lost(w, 0, 1);
	client_replace(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
}

static void test_replace_empty_file(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	world_set(w, 1, "", 0);
	client_replace(w, 1);
	world_run(w, 100);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_ready(w, 0, 2);
}

/* A write, not a REPLACE LOST RESERVATION: the kernel refuses it. */
static void test_write_is_refused(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	corrupt(w, 1);
	client_write(w, 0);
	world_run(w, 50);
	assert_int_equal(w->gw[0].client.set_status, -1);
	assert_int_equal(w->newest, 1);
}

/* One wins; the other one is too late and sees a valid state. */
static void test_replace_race(void **state)
{
	struct world *w = *state;
	int good = 0, i;

	begin(w, 3);
	corrupt(w, 1);
	for (i = 0; i < 2; i++) {
		w->gw[i].client.again = false;
		client_replace(w, i);
	}
	world_run(w, 200);
	for (i = 0; i < 2; i++) {
		int status = w->gw[i].client.set_status;

		good += !status;
		assert_true(!status || status == EAGAIN);
		client_get(w, i);
		world_run(w, 50);
		assert_int_equal(w->gw[i].client.get_status, 0);
		assert_int_equal(w->gw[i].client.get_seq, 2);
	}
	assert_int_equal(good, 1);
	assert_int_equal(w->newest, 2);
	world_check(w);
}

static void test_replace_too_old(void **state)
{
	struct world *w = *state;
	struct client *c = &w->gw[0].client;
	size_t len;
	char *str = world_string(2, IDENTITY, &len);

	begin(w, 1);
	write_through(w, 0);
	corrupt(w, 2);
	assert_lost(w, 0, 2);
	c->set_status = -1;
	engine_set(w->gw[0].lu, c->cookie, 1, str, len);
	assert_int_equal(c->set_status, EAGAIN);
	free(str);
}

static void replace_unclear(struct world *w, enum swap_mode mode)
{
	begin(w, 2);
	corrupt(w, 1);
	w->gw[0].swap_mode = mode;
	client_replace(w, 0);
	world_run(w, 50);
	w->gw[0].swap_mode = SWAP_GOOD;
	world_run(w, 3000);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->newest, 2);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	world_check(w);
}

static void test_replace_unclear_stored(void **state)
{
	replace_unclear(*state, SWAP_UNCLEAR_STORED);
}

static void test_replace_unclear_not(void **state)
{
	replace_unclear(*state, SWAP_UNCLEAR_NOT);
}

static void test_replace_unclear_late(void **state)
{
	replace_unclear(*state, SWAP_UNCLEAR_LATE);
}

static void test_replace_member_missing(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	gw_die(w, 1);
	corrupt(w, 1);
	client_replace(w, 0);
	world_run(w, 6000);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	gw_start(w, 1);
	world_run(w, 3000);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
}

/* Evidence */

/* The versions are gone, the marker is there, and so is this gateway. */
static void test_versions_gone(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	w->newest = 0;
	assert_lost(w, 0, 2);
	assert_lost(w, 1, 2);
	client_replace(w, 1);
	world_run(w, 100);
	assert_ready(w, 0, 3);
	assert_ready(w, 1, 3);
}

/* Nobody knows more than the marker: how many there were does not matter. */
static void test_marker_only(void **state)
{
	struct world *w = *state;

	w->created = true;
	begin(w, 1);
	assert_lost(w, 0, 1);
	assert_int_equal(w->newest, 1);
	client_replace(w, 0);
	world_run(w, 100);
	assert_ready(w, 0, 2);
}

/* Never created, says the store; but the kernel has version 5. */
static void test_kernel_knows(void **state)
{
	struct world *w = *state;

	w->gw[0].kernel.attached = true;
	w->gw[0].kernel.enforced = 5;
	gw_start(w, 0);
	world_run(w, 100);
	assert_lost(w, 0, 5);
	client_replace(w, 0);
	world_run(w, 100);
	assert_ready(w, 0, 6);
}

/* This gateway knows nothing, but the record of one that is off does. */
static void test_other_record_knows(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	gw_power_off(w, 0);
	gw_power_off(w, 1);
	w->newest = 0;
	w->created = false;
	world_member(w, 0);
	w->gw[0].kernel.attached = true;
	w->members[0].installed = w->members[0].seen = 0;
	gw_start(w, 0);
	world_run(w, 100);
	assert_lost(w, 0, 2);
	assert_int_equal(w->newest, 2);
}

/* Its own, of before the machine was started again. */
static void test_own_record_knows(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	gw_power_off(w, 0);
	w->newest = 0;
	w->created = false;
	w->gw[0].kernel.attached = true;
	gw_start(w, 0);
	world_run(w, 100);
	assert_lost(w, 0, 2);
	/* And if it is started once more before anybody does something. */
	gw_power_off(w, 0);
	w->newest = 0;
	w->gw[0].kernel.attached = true;
	gw_start(w, 0);
	world_run(w, 100);
	assert_lost(w, 0, 2);
}

static void test_went_back(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	w->newest = 1;
	news(w, 0);
	assert_broken(w, 0, EBADMSG, "version 2 is lost");
	/* Which the other one hears of. */
	assert_broken(w, 1, EBADMSG, "version 2 is lost");
	assert_int_equal(w->newest, 2);
	assert_lost(w, 0, 2);
	client_replace(w, 0);
	world_run(w, 100);
	assert_ready(w, 0, 3);
	assert_ready(w, 1, 3);
}

/* A joiner with no state of its own does not believe the old version. */
static void test_went_back_joiner(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	gw_die(w, 0);
	gw_power_off(w, 1);
	w->newest = 1;
	w->gw[1].kernel.attached = true;
	gw_start(w, 1);
	world_run(w, 100);
	assert_int_equal(w->gw[1].kernel.pushes, 0);
	assert_lost(w, 1, 2);
}

/*
 * All is gone, the members' records too, and a gateway without evidence begins
 * anew: as soon as one with evidence looks, it is lost for both.
 */
static void test_begun_anew_by_another(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	w->gw[0].deaf = true;
	w->damaged = w->newest;
	w->newest = 0;
	w->created = false;
	w->members_count = 0;
	w->gw[1].kernel.attached = true;
	gw_start(w, 1);
	world_run(w, 100);
	assert_ready(w, 1, 1);
	w->gw[0].deaf = false;
	news(w, 0);
	world_run(w, 300);
	assert_lost(w, 0, 2);
	assert_lost(w, 1, 2);
}

/* The administrator finds the version and puts it back. */
static void test_restored(void **state)
{
	struct world *w = *state;
	char *str;
	size_t len;

	begin(w, 2);
	write_through(w, 0);
	len = w->versions[2].len;
	str = malloc(len);
	memcpy(str, w->versions[2].str, len);
	w->newest = 1;
	news(w, 0);
	assert_lost(w, 0, 2);
	world_set(w, 2, str, len);
	free(str);
	world_run(w, 2500);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
}

/* Until it is marked, it is not known what to base a swap on. */
static void test_mark_fails(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	write_through(w, 0);
	w->newest = 1;
	w->gw[0].fail[ENGINE_MARK_LOST] = -EROFS;
	assert_lost(w, 0, 0);
	assert_int_equal(w->newest, 1);
	client_replace(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, -1);
	w->gw[0].fail[ENGINE_MARK_LOST] = 0;
	world_run(w, 2500);
	assert_lost(w, 0, 2);
}

static void test_mark_hangs(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	w->newest = 0;
	w->gw[0].hang[ENGINE_MARK_LOST] = true;
	client_get(w, 0);
	world_run(w, 6000);
	assert_int_equal(w->gw[0].client.get_status, EBADMSG);
	assert_int_equal(w->gw[0].client.get_seq, 0);
}

/* The one place where a state is in the store that is not the kernel's. */
static void test_kernel_has_another(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[1].kernel.refuse = ESTALE;
	client_write(w, 0);
	world_run(w, 20);
	assert_int_equal(w->gw[1].kernel.invalid_status, EBADMSG);
}

/* The administrator */

static void test_repair_empty(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	corrupt(w, 2);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_EMPTY, false, NULL, 0), 0);
	assert_repaired(w, 3, 0);
}

static void test_repair_last(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	write_through(w, 1);
	w->newest = 1;
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_LAST, false, NULL, 0), 0);
	assert_repaired(w, 4, 2);
}

/* The connection to the kernel began anew meanwhile. */
static void test_repair_last_reconnected(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	corrupt(w, 2);
	gw_attach(w, 0);
	world_run(w, 200);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_LAST, false, NULL, 0), 0);
	assert_repaired(w, 3, 1);
}

static void test_repair_last_unknown(void **state)
{
	struct world *w = *state;

	world_put(w, "", 0);
	begin(w, 1);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_LAST, false, NULL, 0),
			 -ENODATA);
}

static void test_repair_string(void **state)
{
	struct world *w = *state;
	size_t len;
	char *str = world_string(7, IDENTITY, &len);

	begin(w, 2);
	corrupt(w, 1);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_STRING, false, str, len),
			 0);
	assert_repaired(w, 2, 0);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_STRING, true, str, len - 1),
			 -EINVAL);
	free(str);
	str = world_string(7, "serial-2", &len);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_STRING, true, str, len),
			 -EXDEV);
	free(str);
}

static void test_repair_not_lost(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	write_through(w, 0);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_EMPTY, false, NULL, 0), 0);
	assert_int_equal(w->gw[0].repair_status, EEXIST);
	assert_int_equal(w->newest, 2);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_EMPTY, true, NULL, 0), 0);
	assert_repaired(w, 3, 0);
}

static void test_repair_member_missing(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	gw_die(w, 1);
	corrupt(w, 1);
	repair(w, 0, ENGINE_REPAIR_EMPTY, false, NULL, 0);
	world_run(w, 6000);
	assert_int_equal(w->gw[0].repair_status, ETIMEDOUT);
	assert_int_equal(w->gw[0].repair_seq, 2);
	assert_int_equal(w->newest, 2);
}

static void test_repair_store_fails(void **state)
{
	struct world *w = *state;

	begin(w, 1);
	corrupt(w, 1);
	w->gw[0].fail[ENGINE_LOAD] = -EIO;
	repair(w, 0, ENGINE_REPAIR_EMPTY, false, NULL, 0);
	world_run(w, 6000);
	assert_int_equal(w->gw[0].repair_status, EIO);
}

/* One change at a time, whoever asks for it. */
static void test_repair_and_write(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	w->gw[0].slow[ENGINE_SWAP] = 50;
	client_write(w, 0);
	world_run(w, 10);
	assert_int_equal(repair(w, 0, ENGINE_REPAIR_EMPTY, true, NULL, 0),
			 -EBUSY);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, 0);
	w->gw[0].repair_status = -1;
	assert_int_equal(engine_repair(w->gw[0].lu, ENGINE_REPAIR_EMPTY, true,
				       NULL, 0),
			 0);
	world_run(w, 10);
	client_write(w, 0);
	world_run(w, 500);
	assert_int_equal(w->gw[0].repair_status, 0);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->newest, 4);
}

/* At every moment of it: whoever asked is told. */
static void test_repair_removed(void **state)
{
	struct world *w = *state;
	int ms;

	begin(w, 2);
	for (ms = 0; ms < 20; ms++) {
		w->gw[0].repair_status = -1;
		assert_int_equal(engine_repair(w->gw[0].lu, ENGINE_REPAIR_EMPTY,
					       true, NULL, 0),
				 0);
		world_run(w, (uint64_t)ms);
		if (ms % 2)
			gw_detach(w, 0);
		gw_attach(w, 0);
		assert_int_not_equal(w->gw[0].repair_status, -1);
		world_run(w, 500);
		assert_ready(w, 0, w->newest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(replace_corrupt),
		T(replace_other_device),
		T(replace_empty_file),
		T(write_is_refused),
		T(replace_race),
		T(replace_too_old),
		T(replace_unclear_stored),
		T(replace_unclear_not),
		T(replace_unclear_late),
		T(replace_member_missing),
		T(versions_gone),
		T(marker_only),
		T(kernel_knows),
		T(other_record_knows),
		T(own_record_knows),
		T(went_back),
		T(went_back_joiner),
		T(begun_anew_by_another),
		T(restored),
		T(mark_fails),
		T(mark_hangs),
		T(kernel_has_another),
		T(repair_empty),
		T(repair_last),
		T(repair_last_reconnected),
		T(repair_last_unknown),
		T(repair_string),
		T(repair_not_lost),
		T(repair_member_missing),
		T(repair_store_fails),
		T(repair_and_write),
		T(repair_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
