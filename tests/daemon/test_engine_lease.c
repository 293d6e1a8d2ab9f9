// SPDX-License-Identifier: GPL-2.0-only
/*
 * A logical unit's engine when gateways end: what it waits for, and what not.
 * World as in test_engine.c, whose kernels admit while their lease lasts; at
 * each answer it is asserted that none admits what that answer forbids.
 */
#include "test_engine.h"

enum {
	LEASE_MS = 15000,
	MARGIN_MS = 2000,
	OVER_MS = LEASE_MS + MARGIN_MS,
	SOON_MS = 300, /* beats, and a change */
};

static void begin_leased(struct world *w, int count)
{
	for (int i = 0; i < GATEWAYS; i++)
		w->gw[i].conf.member_timeout_ms = OVER_MS + 3000;
	begin(w, count);
}

static void freeze(struct world *w, int i)
{
	w->gw[i].frozen_until = UINT64_MAX;
}

static void thaw(struct world *w, int i)
{
	w->gw[i].frozen_until = 0;
}

/* Others have found its heartbeat missing. */
static void evict(struct world *w, int i, uint64_t term)
{
	w->gateways[i].evicted = term;
}

static void test_dead_member(void **state)
{
	struct world *w = *state;

	begin_leased(w, 3);
	gw_die(w, 2);
	client_write(w, 0);
	world_run(w, OVER_MS - 100);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	/* And then it costs nothing. */
	w->gw[1].calls[ENGINE_ANNOUNCE] = 0;
	client_write(w, 1);
	world_run(w, 30);
	assert_int_equal(w->gw[1].client.set_status, 0);
	assert_true(w->gw[1].calls[ENGINE_ANNOUNCE] <= 2);
	gw_start(w, 2);
	world_run(w, SOON_MS);
	assert_ready(w, 2, 3);
	assert_int_equal(world_member(w, 2)->term, 2);
	world_check(w);
}

/* When nobody waits any more, and looks are rare: seen at once all the same. */
static void test_dead_member_later(void **state)
{
	struct world *w = *state;

	begin(w, 2);
	gw_die(w, 1);
	client_write(w, 0);
	world_run(w, OVER_MS - 100);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	world_run(w, 200);
	assert_ready(w, 0, 2);
}

static void test_cut_member(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	w->gw[1].cut_until = UINT64_MAX;
	client_write(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_false(gw_admits(w, 1));
	client_get(w, 1);
	world_run(w, OVER_MS + 4000);
	assert_int_equal(w->gw[1].client.get_status, EIO);
	w->gw[1].cut_until = 0;
	world_run(w, 3000);
	assert_ready(w, 1, 2);
}

/* A stopped machine goes on; what it enforced then is old. */
static void test_stopped_member(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	freeze(w, 1);
	client_write(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, 0);
	w->gw[1].slow[ENGINE_LOAD] = 500;
	thaw(w, 1);
	world_run(w, 400);
	assert_false(w->gw[1].kernel.valid);
	world_run(w, 1000);
	assert_ready(w, 1, 2);
	assert_int_equal(world_member(w, 1)->term, 2);
}

/* It is evicted and knows: nothing is pushed before the string is read. */
static void test_evicted(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	w->gw[0].deaf = true;
	w->gw[0].slow[ENGINE_LOAD] = 500;
	evict(w, 0, 1);
	world_run(w, 100);
	assert_int_equal(w->gw[0].kernel.term, 2);
	assert_false(w->gw[0].kernel.valid);
	assert_int_equal(gw_status(w, 0).state, ENGINE_JOINING);
	world_run(w, 1000);
	assert_ready(w, 0, 1);
	assert_int_equal(world_member(w, 0)->term, 2);
}

/* Replies to calls of the old term. */
static void old_call(struct world *w, enum engine_op op)
{
	begin_leased(w, 2);
	w->gw[0].slow[op] = 300;
	gw_attach(w, 0);
	for (int ms = 0; ms < 100; ms++) {
		w->gw[0].calls[op] = 0;
		world_run(w, 1);
		if (w->gw[0].calls[op])
			break;
	}
	evict(w, 0, 1);
	world_run(w, 100);
	assert_int_equal(w->gw[0].kernel.term, 2);
	w->gw[0].slow[op] = 0;
	world_run(w, 600);
	assert_int_equal(world_member(w, 0)->term, 2);
	assert_ready(w, 0, 1);
}

static void test_old_join(void **state)
{
	old_call(*state, ENGINE_JOIN);
}

static void test_old_load(void **state)
{
	old_call(*state, ENGINE_LOAD);
}

static void test_old_ack(void **state)
{
	old_call(*state, ENGINE_ACK);
}

static void test_old_members(void **state)
{
	old_call(*state, ENGINE_MEMBERS);
}

static void test_get_ends_with_term(void **state)
{
	struct world *w = *state;

	begin_leased(w, 1);
	w->gw[0].hang[ENGINE_LOAD] = true;
	client_get(w, 0);
	world_run(w, 10);
	evict(w, 0, 1);
	world_run(w, 50);
	assert_int_equal(w->gw[0].client.get_status, EIO);
}

static void test_no_term(void **state)
{
	struct world *w = *state;

	w->gw[0].cut_until = UINT64_MAX;
	w->gw[0].kernel.attached = true;
	gw_start(w, 0);
	world_run(w, 1000);
	assert_int_equal(w->gw[0].calls[ENGINE_JOIN], 0);
	assert_int_equal(gw_status(w, 0).state, ENGINE_JOINING);
	assert_string_equal(gw_status(w, 0).reason, "the store cannot be read");
	w->gw[0].cut_until = 0;
	world_run(w, 100);
	assert_ready(w, 0, 1);
	assert_string_equal(gw_status(w, 0).reason, "");
}

/* Lost, and said so, also to a kernel that gave up all it knew. */
static void test_lost_in_next_term(void **state)
{
	struct world *w = *state;

	begin_leased(w, 1);
	w->versions[1].str[10] ^= 1;
	client_get(w, 0);
	world_run(w, 10);
	assert_broken(w, 0, EBADMSG, "corrupt");
	w->gw[0].kernel.invalid_status = 0;
	evict(w, 0, 1);
	world_run(w, 30);
	assert_int_equal(w->gw[0].kernel.term, 2);
	assert_int_equal(w->gw[0].kernel.invalid_status, EBADMSG);
}

/* Under our name, and of a term that we know nothing of. */
static void test_later_record(void **state)
{
	struct world *w = *state;

	begin_leased(w, 1);
	w->members[0].term = 2;
	engine_news(w->gw[0].lu);
	world_run(w, 500);
	assert_broken(w, 0, EIO, "another daemon");
	assert_int_equal(w->members[0].term, 2);
	evict(w, 0, 2);
	world_run(w, 2500);
	assert_int_equal(w->members[0].term, 3);
	assert_ready(w, 0, 1);
}

/* Thousands of units that wait for nobody: nothing for them to do. */
static void test_settled_is_silent(void **state)
{
	struct world *w = *state;
	unsigned int calls = 0, op;

	begin_leased(w, 2);
	memset(w->gw[0].calls, 0, sizeof(w->gw[0].calls));
	gw_die(w, 1);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(gateways_life(w->gw[0].gws, "gw1", 1),
			 GATEWAYS_ENDED);
	for (op = 0; op < OPS; op++)
		calls += w->gw[0].calls[op];
	assert_int_equal(calls, 0);
}

/* It may have stored something of which it told nobody. */
static void test_load_before_settled(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	freeze(w, 1);
	put_string(w, 2, IDENTITY);
	engine_news(w->gw[0].lu);
	world_run(w, 1000);
	assert_int_equal(gw_status(w, 0).installed, 2);
	put_string(w, 3, IDENTITY);
	world_run(w, OVER_MS);
	assert_ready(w, 0, 3);
	/* And in its next term again. */
	thaw(w, 1);
	world_run(w, 2500);
	assert_ready(w, 1, 3);
	freeze(w, 1);
	put_string(w, 4, IDENTITY);
	engine_news(w->gw[0].lu);
	world_run(w, 1000);
	put_string(w, 5, IDENTITY);
	world_run(w, OVER_MS);
	assert_ready(w, 0, 5);
}

/* Another one is waited for, and this one need not be told. */
static void test_no_news_for_the_dead(void **state)
{
	struct world *w = *state;

	begin_leased(w, 3);
	w->gw[1].kernel.hold = true;
	gw_die(w, 2);
	client_write(w, 0);
	world_run(w, 2 * OVER_MS);
	w->gw[0].calls[ENGINE_ANNOUNCE] = 0;
	world_run(w, 20000);
	assert_in_range(w->gw[0].calls[ENGINE_ANNOUNCE], 5, 12);
}

/* PREEMPT AND ABORT */

static void test_abort_unfenced(void **state)
{
	struct world *w = *state;

	begin_leased(w, 3);
	freeze(w, 2);
	client_abort(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	/* In force, everywhere; only GOOD it is not. */
	assert_int_equal(w->gw[0].client.set_status, -2);
	assert_ready(w, 0, 2);
	assert_ready(w, 1, 2);
	assert_non_null(strstr(gw_status(w, 0).reason, "aborted"));
	client_write(w, 1);
	world_run(w, 50);
	assert_int_equal(w->gw[1].client.set_status, 0);
	/* Nobody is asked to fence it: others' requests do not wait long. */
	world_run(w, 4000);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
	assert_non_null(strstr(w->gw[0].last_log, "not fenced"));
	assert_non_null(strstr(w->gw[0].last_log, "gw2"));
	client_write(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, 0);
	world_check(w);
}

static void test_abort_fenced(void **state)
{
	struct world *w = *state;

	w->gw[0].gws_conf.can_fence = true;
	begin_leased(w, 2);
	freeze(w, 1);
	client_abort(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 600);
	assert_int_equal(w->gw[0].fences, 1);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->gateways[1].fenced, 1);
	/* Known for ever, also by who was not there. */
	client_abort(w, 0);
	world_run(w, 100);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->gw[0].fences, 1);
}

/* The command takes longer than members have time. */
static void test_abort_fenced_slowly(void **state)
{
	struct world *w = *state;

	w->gw[0].gws_conf.can_fence = true;
	w->gw[0].fence_ms = 10000;
	begin_leased(w, 2);
	freeze(w, 1);
	client_abort(w, 0);
	world_run(w, OVER_MS + 9000);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 2000);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/*
 * A LOGICAL UNIT RESET waits for what is under way at those that are alive;
 * for who has ended, it neither waits nor fences.
 */
static void test_reset(void **state)
{
	struct world *w = *state;

	w->gw[0].gws_conf.can_fence = true;
	begin_leased(w, 3);
	freeze(w, 2);
	w->gw[1].kernel.busy_until = w->now + OVER_MS + 3000;
	w->gw[1].kernel.busy_limit = 100;
	client_reset(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	assert_ready(w, 0, 2);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 4000);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_int_equal(w->gw[0].fences, 0);
}

/* It comes back, and its commands have ended before it acknowledges. */
static void test_abort_back(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	freeze(w, 1);
	client_abort(w, 0);
	world_run(w, OVER_MS + 2 * SOON_MS);
	w->gw[1].kernel.busy_until = w->now + 2000;
	w->gw[1].kernel.busy_limit = 5000;
	thaw(w, 1);
	world_run(w, 1500);
	assert_int_equal(w->gw[1].kernel.term, 2);
	assert_int_equal(w->gw[0].client.set_status, -2);
	world_run(w, 1000);
	assert_int_equal(w->gw[0].client.set_status, 0);
	assert_ready(w, 1, 2);
}

/* What has acknowledged it before it ended needs no fence. */
static void test_abort_installed(void **state)
{
	struct world *w = *state;

	begin_leased(w, 3);
	w->gw[1].fail[ENGINE_ACK] = -EIO;
	client_abort(w, 0);
	world_run(w, 200);
	assert_int_equal(world_member(w, 2)->installed, 2);
	freeze(w, 2);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[0].client.set_status, -2);
	w->gw[1].fail[ENGINE_ACK] = 0;
	world_run(w, 2200);
	assert_int_equal(w->gw[0].client.set_status, 0);
}

/* The state is lost while it waits: that ends, and no timer runs wild. */
static void test_abort_lost(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	freeze(w, 1);
	client_abort(w, 0);
	world_run(w, OVER_MS + SOON_MS);
	w->versions[2].str[10] ^= 1;
	engine_news(w->gw[0].lu);
	world_run(w, 2 * OVER_MS);
	assert_int_equal(w->gw[0].client.set_status, ETIMEDOUT);
}

/* Loss of power */

static void power_off_all(struct world *w, int count)
{
	for (int i = 0; i < count; i++)
		gw_power_off(w, i);
}

static void test_power_doubt(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	write_through(w, 0);
	power_off_all(w, 2);
	power_on(w, 0);
	world_run(w, OVER_MS - 100);
	assert_int_equal(w->power_losses, 0);
	assert_int_equal(w->gw[0].kernel.pushes, 0);
	assert_non_null(strstr(gw_status(w, 0).reason, "alive"));
	world_run(w, SOON_MS);
	assert_int_equal(w->power_losses, 1);
	assert_ready(w, 0, 3);
	power_on(w, 1);
	world_run(w, SOON_MS);
	assert_ready(w, 1, 3);
}

/* Both come back: each finds the other one's new term. */
static void test_power_both(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	write_through(w, 0);
	power_off_all(w, 2);
	power_on(w, 0);
	power_on(w, 1);
	world_run(w, SOON_MS);
	assert_ready(w, 0, w->newest);
	assert_ready(w, 1, w->newest);
}

static void land_late(struct world *w)
{
	for (size_t i = 0; i < w->events_count; i++) {
		struct event *ev = &w->events[i];

		if (ev->kind != EV_EFFECT || ev->call.op != ENGINE_SWAP)
			continue;
		ev->at = w->now;
		ev->remote = true;
	}
	world_run(w, 10);
	assert_int_equal(w->power_losses, 0);
}

/*
 * The swap of one that has ended: it is on its way for ever, and takes effect
 * when another one carries the state.
 */
static void test_power_late_swap(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	write_through(w, 0);
	gw_detach(w, 0);
	gw_detach(w, 1);
	world_run(w, 100);
	w->gw[0].hang[ENGINE_SWAP] = true;
	gw_attach(w, 0);
	world_run(w, 50);
	freeze(w, 0);
	gw_attach(w, 1);
	world_run(w, OVER_MS + SOON_MS);
	assert_int_equal(w->gw[1].kernel.settled, 3);
	assert_int_equal(world_action(w->versions[3].str, w->versions[3].len),
			 TPR_ACT_REPAIR);
	land_late(w);
	assert_int_equal(w->newest, 3);
	/* Only once, and for nobody else. */
	write_through(w, 1);
	assert_int_equal(w->newest, 4);
	gw_attach(w, 1);
	world_run(w, 100);
	write_through(w, 1);
	assert_true(w->newest <= 6);
	world_check(w);
}

/* The one that carries it had been away, and had ended for the other one. */
static void test_power_late_swap_rejoined(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	write_through(w, 1);
	freeze(w, 1);
	gw_power_off(w, 0);
	power_on(w, 0);
	w->gw[0].hang[ENGINE_SWAP] = true;
	world_run(w, OVER_MS + SOON_MS);
	assert_true(w->gw[0].calls[ENGINE_SWAP] > 1);
	freeze(w, 0);
	thaw(w, 1);
	world_run(w, OVER_MS + 2 * SOON_MS);
	assert_int_equal(w->gw[1].kernel.term, 2);
	assert_ready(w, 1, 3);
	land_late(w);
	assert_int_equal(w->newest, 3);
}

/* SPC-2 */

static void reserve_at(struct world *w, const char *gateway)
{
	struct tcmu_pr_info *info = world_newest(w);
	struct tpr_nexus *nexus = &info->scsi2_holder;
	struct tpr_writer writer = {.gateway = "elsewhere"};
	struct tpr_order order = {.action = TPR_ACT_SPC2_RESERVE};
	char *str = malloc(tpr_encoded_max(0));
	long n;

	info->scsi2_held = true;
	strcpy(info->scsi2_gateway, gateway);
	nexus->proto = TPR_PROTO_ISCSI;
	nexus->tag = 1;
	strcpy(nexus->initiator, "iqn.2026-11.org.example:client");
	strcpy(nexus->target, "iqn.2026-11.org.example:disk");
	order.nexus = *nexus;
	tpr_stamp(info, &writer, &order);
	n = tpr_encode(info, str, tpr_encoded_max(0));
	assert_true(n > 0);
	world_put(w, str, (size_t)n);
	free(str);
	free(info);
}

static bool reserved(struct world *w)
{
	struct tcmu_pr_info *info = world_newest(w);
	bool held = info->scsi2_held;

	free(info);
	return held;
}

static void test_scsi2_ended(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	reserve_at(w, "gw1");
	engine_news(w->gw[0].lu);
	engine_news(w->gw[1].lu);
	world_run(w, 100);
	assert_ready(w, 0, 2);
	freeze(w, 1);
	world_run(w, OVER_MS - 200);
	assert_true(reserved(w));
	world_run(w, 2 * SOON_MS);
	assert_false(reserved(w));
	assert_int_equal(world_action(w->versions[3].str, w->versions[3].len),
			 TPR_ACT_NEXUS_LOSS);
	assert_ready(w, 0, 3);
}

static void test_scsi2_alive(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	reserve_at(w, "gw0");
	engine_news(w->gw[0].lu);
	freeze(w, 1);
	world_run(w, OVER_MS + 2 * SOON_MS);
	assert_true(reserved(w));
	assert_ready(w, 0, 2);
}

/* It comes back before the end of what was granted through it takes effect. */
static void test_scsi2_late_end(void **state)
{
	struct world *w = *state;

	begin_leased(w, 2);
	reserve_at(w, "gw1");
	engine_news(w->gw[0].lu);
	engine_news(w->gw[1].lu);
	world_run(w, 100);
	freeze(w, 1);
	w->gw[0].hang[ENGINE_SWAP] = true;
	world_run(w, OVER_MS + SOON_MS);
	assert_true(w->gw[0].calls[ENGINE_SWAP] > 1);
	freeze(w, 0);
	thaw(w, 1);
	world_run(w, OVER_MS + 2 * SOON_MS);
	assert_ready(w, 1, 3);
	land_late(w);
	assert_int_equal(w->newest, 3);
	assert_true(reserved(w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(dead_member),
		T(dead_member_later),
		T(cut_member),
		T(stopped_member),
		T(evicted),
		T(old_join),
		T(old_load),
		T(old_ack),
		T(old_members),
		T(get_ends_with_term),
		T(no_term),
		T(lost_in_next_term),
		T(later_record),
		T(settled_is_silent),
		T(load_before_settled),
		T(no_news_for_the_dead),
		T(abort_unfenced),
		T(abort_fenced),
		T(abort_fenced_slowly),
		T(reset),
		T(abort_back),
		T(abort_installed),
		T(abort_lost),
		T(power_doubt),
		T(power_both),
		T(power_late_swap),
		T(power_late_swap_rejoined),
		T(scsi2_ended),
		T(scsi2_alive),
		T(scsi2_late_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
