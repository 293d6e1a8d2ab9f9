// SPDX-License-Identifier: GPL-2.0-only
/*
 * Versions that announcements carry: installed without a load where that is
 * certain to be right, else loaded.
 */
#include "test_engine.h"

enum {
	PENDING = -2,
};

static void calls_begin(struct world *w)
{
	for (int i = 0; i < GATEWAYS; i++)
		memset(w->gw[i].calls, 0, sizeof(w->gw[i].calls));
}

/* Gateway @i is told what stands as version @seq in @str; is it taken? */
static bool tell(struct world *w, int i, uint64_t seq, const char *str,
		 size_t len)
{
	unsigned int loads = w->gw[i].calls[ENGINE_LOAD];
	bool taken = engine_told(w->gw[i].lu, seq, str, len);

	world_run(w, 20);
	/* Or it is news. */
	assert_int_equal(w->gw[i].calls[ENGINE_LOAD], loads + !taken);
	return taken;
}

/* A string that says @seq and @identity. */
static bool tell_string(struct world *w, int i, uint64_t seq, uint64_t says,
			const char *identity)
{
	size_t len;
	char *str = world_string(says, identity, &len);
	bool taken = tell(w, i, seq, str, len);

	free(str);
	return taken;
}

static void test_installs(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 3);
	w->gw[1].hang[ENGINE_LOAD] = true;
	w->gw[2].hang[ENGINE_LOAD] = true;
	calls_begin(w);
	write_through(w, 0);
	assert_int_equal(w->gw[1].calls[ENGINE_LOAD], 0);
	assert_int_equal(w->gw[2].calls[ENGINE_LOAD], 0);
	assert_int_equal(w->gw[1].told, 1);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	assert_ready(w, 2, 2);
	world_check(w);
}

/* Nothing more is asked of the store than what has to be. */
static void test_calls(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	calls_begin(w);
	client_write(w, 0);
	while (w->gw[0].client.busy)
		world_run(w, 1);
	/* Not while somebody waits. */
	assert_int_equal(w->gw[1].calls[ENGINE_MEMBERS], 0);
	/* The other one knows soon that all have it. */
	world_run(w, 20);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	world_run(w, 2000);
	/* That of the GET. */
	assert_int_equal(w->gw[0].calls[ENGINE_LOAD], 1);
	assert_int_equal(w->gw[0].calls[ENGINE_SWAP], 1);
	assert_int_equal(w->gw[0].calls[ENGINE_ACK], 1);
	assert_int_equal(w->gw[0].calls[ENGINE_MEMBERS], 1);
	/* The version, and that it is settled. */
	assert_int_equal(w->gw[0].calls[ENGINE_ANNOUNCE], 2);
	assert_int_equal(w->gw[1].calls[ENGINE_LOAD], 0);
	assert_int_equal(w->gw[1].calls[ENGINE_ACK], 1);
	assert_int_equal(w->gw[1].calls[ENGINE_MEMBERS], 1);
	assert_int_equal(w->gw[1].calls[ENGINE_ANNOUNCE], 1);
}

/* Lost: announced again, and then it is for the other one to load. */
static void test_lost(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	w->gw[1].deaf = true;
	client_write(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	w->gw[1].deaf = false;
	calls_begin(w);
	world_run(w, 300);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->gw[1].told, 0);
	assert_int_equal(w->gw[1].calls[ENGINE_LOAD], 1);
	assert_ready(w, 1, 2);
}

/* Who misses one is not told the next: it has to load. */
static void test_only_next(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	assert_false(tell_string(w, 1, 3, 3, IDENTITY));
	assert_int_equal(w->gw[1].kernel.enforced, 1);
	write_through(w, 0);
	/* Old ones, and the same once more. */
	assert_false(tell_string(w, 1, 1, 1, IDENTITY));
	assert_false(tell_string(w, 1, 2, 2, IDENTITY));
	assert_ready(w, 1, 2);
	put_string(w, 3, IDENTITY);
	assert_true(tell_string(w, 1, 3, 3, IDENTITY));
	assert_int_equal(w->gw[1].kernel.enforced, 3);
}

/* What is no string, or not this one, is not for the kernel. */
static void test_wrong(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	calls_begin(w);
	assert_false(tell_string(w, 1, 2, 3, IDENTITY));
	assert_false(tell_string(w, 1, 2, 1, IDENTITY));
	assert_false(tell_string(w, 1, 2, 2, "serial-2"));
	assert_false(tell(w, 1, 2, "x", 1));
	assert_false(tell(w, 1, 2, "", 0));
	assert_int_equal(w->gw[1].kernel.enforced, 1);
	assert_int_equal(w->gw[1].kernel.invalidates, 0);
	assert_int_equal(w->gw[1].complaints, 0);
	assert_ready(w, 1, 1);
}

static void test_no_member(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[1].hang[ENGINE_JOIN] = true;
	gw_attach(w, 1);
	world_run(w, 100);
	assert_null(world_member(w, 1));
	assert_false(engine_told(w->gw[1].lu, 1, w->versions[1].str,
				 w->versions[1].len));
	assert_false(engine_told(w->gw[1].lu, 2, "", 0));
	world_run(w, 100);
	assert_int_equal(gw_status(w, 1).installed, 0);
}

/* It has joined, and the load that has to follow is not done. */
static void test_before_load(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[1].slow[ENGINE_LOAD] = 100;
	gw_attach(w, 1);
	world_run(w, 50);
	assert_int_equal(world_member(w, 1)->installed, 0);
	assert_false(engine_told(w->gw[1].lu, 1, w->versions[1].str,
				 w->versions[1].len));
	world_run(w, 20);
	assert_int_equal(gw_status(w, 1).installed, 0);
	world_run(w, 500);
	assert_ready(w, 1, 1);
}

/* Version 1 was known before the term; of now is only what the load shows. */
static void test_new_term(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	put_string(w, 2, IDENTITY);
	put_string(w, 3, IDENTITY);
	w->gw[1].slow[ENGINE_LOAD] = 200;
	engine_term(w->gw[1].lu);
	assert_false(engine_told(w->gw[1].lu, 2, w->versions[2].str,
				 w->versions[2].len));
	world_run(w, 50);
	assert_false(engine_told(w->gw[1].lu, 2, w->versions[2].str,
				 w->versions[2].len));
	world_run(w, 100);
	assert_int_not_equal(w->gw[1].kernel.enforced, 2);
	world_run(w, 500);
	assert_int_equal(w->gw[1].kernel.enforced, 3);
}

/* A lost state ends by a load only. */
static void test_state_lost(void **state)
{
	struct world *w = *state;
	size_t len;
	char *str = world_string(2, IDENTITY, &len);

	begin_carrying(w, 2);
	corrupt(w, 1);
	news(w, 1);
	assert_lost(w, 1, 1);
	assert_false(engine_told(w->gw[1].lu, 2, str, len));
	free(str);
	world_run(w, 20);
	assert_false(w->gw[1].kernel.valid);
	assert_lost(w, 1, 1);
}

/* It tells nothing of the own swap, which may still come. */
static void test_unclear(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	w->gw[1].swap_mode = SWAP_UNCLEAR_NOT;
	w->gw[1].slow[ENGINE_LOAD] = 200;
	client_write(w, 1);
	world_run(w, 240);
	assert_int_equal(w->gw[1].client.set_status, PENDING);
	assert_int_equal(w->newest, 1);
	w->gw[1].swap_mode = SWAP_GOOD;
	client_write(w, 0);
	world_run(w, 50);
	/* It heard of the other one's, and still asks the store. */
	assert_int_equal(w->newest, 2);
	assert_int_equal(w->gw[1].told, 1);
	assert_int_equal(w->gw[1].kernel.enforced, 1);
	assert_int_equal(w->gw[1].client.set_status, PENDING);
	world_run(w, 1000);
	/* Refused, and decided once more. */
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_ready(w, 1, 3);
	world_check(w);
}

/* Who asks what there is now waits for a load. */
static void test_serves_nobody(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	w->gw[1].hang[ENGINE_LOAD] = true;
	client_get(w, 1);
	world_run(w, 20);
	write_through(w, 0);
	assert_int_equal(w->gw[1].told, 1);
	assert_ready(w, 1, 2);
	assert_int_equal(w->gw[1].client.get_status, -1);
}

/* One that waits at another gateway does not wait for its next look. */
static void test_get_elsewhere(void **state)
{
	struct world *w = *state;
	uint64_t began;

	begin_carrying(w, 2);
	client_write(w, 0);
	world_run(w, 4);
	began = w->now;
	client_get(w, 1);
	world_run(w, 30);
	assert_int_equal(w->gw[1].client.get_status, 0);
	assert_int_equal(w->gw[1].client.get_seq, 2);
	assert_true(w->gw[1].client.done_at <= began + 30);
}

/* Nor does one that came before for a word of the writer, which is lost. */
static void test_get_before(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	w->gw[1].slow[ENGINE_LOAD] = 20;
	client_get(w, 1);
	client_write(w, 0);
	while (!w->gw[1].told)
		world_run(w, 1);
	w->gw[1].deaf = true;
	world_run(w, 30);
	assert_int_equal(w->gw[1].client.get_status, 0);
	assert_int_equal(w->gw[1].client.get_seq, 2);
}

/*
 * Its own record is not waited for when another gateway has installed it: it
 * says so, or its record shows it.
 */
static void test_own_record(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 3);
	w->gw[0].hang[ENGINE_ACK] = true;
	w->gw[2].deaf = true;
	client_write(w, 0);
	world_run(w, 20);
	/* One that knows is enough, but all have to have it. */
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	w->gw[2].deaf = false;
	world_run(w, 300);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(world_member(w, 0)->installed, 1);
	assert_int_equal(w->gw[0].kernel.enforced, 2);
	world_check(w);
}

/* Its kernel has to have it. */
static void test_own_kernel(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	w->gw[0].hang[ENGINE_ACK] = true;
	w->gw[0].kernel.hold = true;
	client_write(w, 0);
	world_run(w, 500);
	assert_int_equal(w->gw[1].kernel.enforced, 2);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	assert_int_equal(gw_status(w, 0).settled, 1);
	w->gw[0].kernel.passed = 2;
	w->gw[0].kernel.drained = 2;
	engine_push_done(w->gw[0].lu, 2, 0);
	world_run(w, 1);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* Nobody else knows, or only one that has ended: it is. */
static void test_own_alone(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[0].hang[ENGINE_ACK] = true;
	client_write(w, 0);
	world_run(w, 1000);
	assert_int_equal(w->gw[0].kernel.enforced, 2);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
}

/* The one that had it as well has ended: nobody else may know any more. */
static void test_own_ended(void **state)
{
	struct world *w = *state;
	uint64_t over = w->gw[1].gws_conf.lease_ms + w->gw[1].gws_conf.margin_ms;

	w->gw[0].conf.member_timeout_ms = (uint32_t)over + 5000;
	begin_carrying(w, 2);
	w->gw[0].hang[ENGINE_ACK] = true;
	w->gw[0].kernel.hold = true;
	client_write(w, 0);
	world_run(w, 50);
	assert_int_equal(w->gw[1].kernel.enforced, 2);
	w->gw[1].frozen_until = UINT64_MAX;
	world_run(w, over + 1000);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
	w->gw[0].kernel.passed = 2;
	w->gw[0].kernel.drained = 2;
	engine_push_done(w->gw[0].lu, 2, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, PENDING);
}

/* In its first record it is: one without a state carries none. */
static void test_own_first(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 2);
	gw_detach(w, 0);
	world_run(w, 100);
	w->gw[0].hang[ENGINE_ACK] = true;
	gw_attach(w, 0);
	world_run(w, 500);
	assert_int_equal(w->gw[0].kernel.enforced, 1);
	assert_int_equal(world_member(w, 0)->installed, 0);
	client_get(w, 0);
	world_run(w, 500);
	assert_int_equal(w->gw[0].client.get_status, -1);
}

/* The writer has died: the others settle it by the records. */
static void test_writer_dies(void **state)
{
	struct world *w = *state;

	begin_carrying(w, 3);
	client_write(w, 0);
	while (!w->gw[1].told)
		world_run(w, 1);
	gw_die(w, 0);
	world_run(w, 1000);
	assert_int_equal(w->gw[1].kernel.enforced, 2);
	assert_int_equal(w->gw[2].kernel.enforced, 2);
	gw_start(w, 0);
	world_run(w, 1000);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	assert_ready(w, 2, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(installs),
		T(calls),
		T(lost),
		T(only_next),
		T(wrong),
		T(no_member),
		T(before_load),
		T(new_term),
		T(state_lost),
		T(unclear),
		T(serves_nobody),
		T(get_elsewhere),
		T(get_before),
		T(own_record),
		T(own_kernel),
		T(own_alone),
		T(own_ended),
		T(own_first),
		T(writer_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
