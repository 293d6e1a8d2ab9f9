// SPDX-License-Identifier: GPL-2.0-only
/*
 * Terms, leases and ends of gateways: the rules of gateways.h, one by one.
 * Calls take 2 ms, but for those that a test slows down.  At each millisecond
 * it is asserted that nobody takes for ended what has a lease.
 */
#include "test_gateways.h"

/* L1 */

static void test_first_term(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	assert_well(s, 0, 1);
	assert_string_equal(s->nodes[0].story, "lease1 term1");
	assert_int_equal(s->store[0].beat.term, 1);
	assert_int_equal(s->store[0].beat.lease_ms, LEASE_MS);
	assert_int_equal(s->store[0].evicted, 0);
	assert_int_equal(s->nodes[0].complaints, 0);
}

static void test_pace(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	memset(s->nodes[0].made, 0, sizeof(s->nodes[0].made));
	sky_run(s, 20 * BEAT_MS);
	assert_in_range(s->nodes[0].made[GATEWAYS_BEAT], 19, 21);
	assert_in_range(s->nodes[0].made[GATEWAYS_LIST], 19, 22);
	assert_int_equal(s->nodes[0].made[GATEWAYS_EVICT], 0);
}

/* The lease counts from when the heartbeat was begun. */
static void test_slow_beat(void **state)
{
	struct sky *s = *state;
	uint64_t began;

	begin(s, 1);
	s->nodes[0].slow[GATEWAYS_BEAT] = 4000;
	sky_run(s, 2 * BEAT_MS);
	began = s->nodes[0].kernel_until;
	while (s->nodes[0].kernel_until == began)
		sky_run(s, 1);
	/* Effect after 1 ms, reply after 4001, LEASE after 1. */
	assert_in_range(s->nodes[0].kernel_until - s->now, LEASE_MS - 4005,
			LEASE_MS - 4000);
}

static void test_late_beat(void **state)
{
	struct sky *s = *state;
	uint64_t until;

	begin(s, 1);
	s->nodes[0].slow[GATEWAYS_BEAT] = LEASE_MS + 5000;
	sky_run(s, 2 * BEAT_MS);
	until = s->nodes[0].kernel_until;
	sky_run(s, LEASE_MS + 6000);
	assert_int_equal(s->nodes[0].kernel_until, until);
	assert_out(s, 0, "took");
	s->nodes[0].slow[GATEWAYS_BEAT] = 0;
	sky_run(s, LEASE_MS + 8000);
	assert_well(s, 0, 1);
}

static void test_store_cut(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	s->nodes[0].fail[GATEWAYS_BEAT] = -EIO;
	s->nodes[0].fail[GATEWAYS_LIST] = -EIO;
	sky_run(s, LEASE_MS - 2 * BEAT_MS);
	assert_true(node_leased(s, 0));
	sky_run(s, 3 * BEAT_MS);
	assert_out(s, 0, "heartbeat: Input/output error");
	s->nodes[0].fail[GATEWAYS_BEAT] = 0;
	s->nodes[0].fail[GATEWAYS_LIST] = 0;
	sky_run(s, 3 * BEAT_MS);
	/* Nobody has evicted it: the same term. */
	assert_well(s, 0, 1);
	assert_string_equal(s->nodes[0].story, "lease1 term1");
	/* One line for each kind of call, and the end of the lease. */
	assert_int_equal(s->nodes[0].complaints, 3);
}

static void test_kernel_refuses(void **state)
{
	struct sky *s = *state;

	s->nodes[0].refuse = 2;
	node_start(s, 0);
	sky_run(s, 500);
	assert_out(s, 0, "kernel refuses");
	sky_run(s, 4 * BEAT_MS);
	assert_well(s, 0, s->nodes[0].kernel_term);
	s->nodes[0].refuse = 1;
	sky_run(s, 3 * BEAT_MS);
	assert_well(s, 0, s->nodes[0].kernel_term);
}

/* The kernel takes long to acknowledge: one LEASE at a time. */
static void test_slow_kernel(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	s->nodes[0].slow_lease = 700;
	sky_run(s, 5 * BEAT_MS);
	assert_true(node_leased(s, 0));
	s->store[0].evicted = 1;
	sky_run(s, 7 * BEAT_MS);
	assert_true(node_leased(s, 0));
	assert_int_equal(gateways_term(s->nodes[0].g), 2);
	assert_string_equal(s->nodes[0].story,
			    "lease1 term1 term0 lease2 term2");
}

/* L2 */

static void test_evicted(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];

	begin(s, 1);
	s->store[0].evicted = 1;
	sky_run(s, 2 * BEAT_MS);
	assert_well(s, 0, 2);
	assert_string_equal(n->story, "lease1 term1 term0 lease2 term2");
	assert_int_equal(s->store[0].beat.term, 2);
	assert_non_null(strstr(n->log, "evicted from term 1"));
}

/* Found by the heartbeat alone: that one must give no lease. */
static void test_evicted_beat(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];
	uint64_t until;

	begin(s, 1);
	n->fail[GATEWAYS_LIST] = -EIO;
	sky_run(s, 10);
	until = n->kernel_until;
	s->store[0].evicted = 1;
	while (n->kernel_term == 1) {
		assert_int_equal(n->kernel_until, until);
		sky_run(s, 1);
	}
	sky_run(s, BEAT_MS);
	assert_well(s, 0, 2);
}

/* In the middle of a beginning, and from a term far ahead. */
static void test_evicted_again(void **state)
{
	struct sky *s = *state;

	begin(s, 1);
	s->store[0].evicted = 7;
	for (int ms = 0; ms < 1100 && !s->nodes[0].made[GATEWAYS_EVICT]; ms++) {
		sky_run(s, 1);
		if (s->nodes[0].kernel_term == 8 && s->store[0].evicted == 7)
			s->store[0].evicted = 8;
	}
	sky_run(s, 2 * BEAT_MS);
	assert_well(s, 0, 9);
	assert_string_equal(s->nodes[0].story,
			    "lease1 term1 term0 lease8 lease9 term9");
}

/* A heartbeat of the old term comes back while the new one begins. */
static void test_old_beat(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[0];
	unsigned int beats;

	begin(s, 1);
	n->slow[GATEWAYS_BEAT] = 2000;
	beats = n->made[GATEWAYS_BEAT];
	while (n->made[GATEWAYS_BEAT] == beats)
		sky_run(s, 1);
	n->slow[GATEWAYS_BEAT] = 0;
	sky_run(s, 10);
	s->store[0].evicted = 1;
	sky_run(s, 1985);
	assert_int_equal(n->kernel_term, 2);
	assert_string_equal(n->story, "lease1 term1 term0 lease2");
	assert_int_equal(s->store[0].beat.term, 1);
	sky_run(s, 8);
	assert_string_equal(n->story, "lease1 term1 term0 lease2");
	assert_false(node_leased(s, 0));
	sky_run(s, BEAT_MS);
	assert_well(s, 0, 2);
	assert_int_equal(s->store[0].beat.term, 2);
}

/* L3 */

static void test_ends(void **state)
{
	struct sky *s = *state;
	unsigned int lives;

	begin(s, 2);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ALIVE);
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS - BEAT_MS - 10);
	assert_int_equal(s->store[1].evicted, 0);
	for (int ms = 0; life(s, 0, 1, 1) != GATEWAYS_ENDED; ms++) {
		assert_true(ms < 2 * BEAT_MS + 20);
		lives = s->nodes[0].lives;
		sky_run(s, 1);
	}
	assert_int_equal(s->store[1].evicted, 1);
	assert_int_equal(life(s, 0, 1, 2), GATEWAYS_DOUBTFUL);
	assert_true(s->nodes[0].lives > lives);
	assert_int_equal(s->nodes[0].made[GATEWAYS_EVICT], 1);
	/* It comes back by a new term. */
	s->nodes[1].frozen = false;
	lives = s->nodes[0].lives;
	sky_run(s, 3 * BEAT_MS);
	assert_well(s, 1, 2);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
	assert_int_equal(life(s, 0, 1, 2), GATEWAYS_ALIVE);
	assert_true(s->nodes[0].lives > lives);
	/* And ends again. */
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 2 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 2), GATEWAYS_ENDED);
	assert_int_equal(s->store[1].evicted, 2);
}

/* From its last heartbeat on, at most lease, margin and a beat. */
static void test_end_is_soon(void **state)
{
	struct sky *s = *state;

	for (int ms = 0; ms < 1000; ms += 37) {
		sky_free(s);
		sky_init(s);
		begin(s, 2);
		sky_run(s, (uint64_t)ms);
		s->nodes[1].frozen = true;
		sky_run(s, OVER_MS + BEAT_MS + 50);
		assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
	}
}

/* Silent for nearly a lease, again and again. */
static void test_hiccups(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	for (int i = 0; i < 5; i++) {
		s->nodes[1].frozen = true;
		sky_run(s, OVER_MS - BEAT_MS - 100);
		s->nodes[1].frozen = false;
		sky_run(s, BEAT_MS + 100);
	}
	assert_int_equal(s->store[1].evicted, 0);
	assert_well(s, 1, 1);
}

/* A heartbeat slips in before the mark: its lease has to end as well. */
static void test_beat_before_mark(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[1];

	begin(s, 2);
	s->nodes[0].early[GATEWAYS_EVICT] = 3000;
	n->frozen = true;
	while (!s->nodes[0].made[GATEWAYS_EVICT])
		sky_run(s, 1);
	sky_run(s, 2000);
	n->frozen = false;
	sky_run(s, 500);
	assert_true(node_leased(s, 1));
	n->frozen = true;
	sky_run(s, 2000);
	assert_int_equal(s->store[1].evicted, 1);
	/* sky_run() asserts that it is not taken for ended while leased. */
	sky_run(s, LEASE_MS - 4000);
	assert_true(life(s, 0, 1, 1) != GATEWAYS_ENDED);
	sky_run(s, MARGIN_MS + 4000);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
}

/* What a reading shows that began before the mark was made does not count. */
static void test_reading_before_mark(void **state)
{
	struct sky *s = *state;
	struct node *n = &s->nodes[1];

	begin(s, 2);
	s->nodes[0].early[GATEWAYS_EVICT] = 1500;
	n->frozen = true;
	while (!s->nodes[0].made[GATEWAYS_EVICT])
		sky_run(s, 1);
	s->nodes[0].slow[GATEWAYS_LIST] = 3000;
	sky_run(s, 1150);
	n->frozen = false;
	sky_run(s, 30);
	n->frozen = true;
	assert_int_equal(s->store[1].evicted, 0);
	/* sky_run() asserts that it is not taken for ended while leased. */
	sky_run(s, 4000);
	assert_int_equal(s->store[1].evicted, 1);
	assert_true(node_leased(s, 1));
}

/* A heartbeat that came in time, seen by a reading that was begun too early. */
static void test_reading_before_over(void **state)
{
	struct sky *s = *state;
	struct gateways_info info;

	begin(s, 2);
	s->nodes[0].slow[GATEWAYS_LIST] = 1000;
	s->nodes[1].frozen = true;
	sky_run(s, 3000);
	do {
		sky_run(s, 1);
		gateways_info(s->nodes[0].g, 1, &info);
	} while (info.quiet_ms < OVER_MS - 5);
	s->nodes[1].frozen = false;
	sky_run(s, 3000);
	assert_int_equal(s->store[1].evicted, 0);
}

static void test_slow_evict(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[0].early[GATEWAYS_EVICT] = 3000;
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 5 * BEAT_MS);
	assert_int_equal(s->nodes[0].made[GATEWAYS_EVICT], 1);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
}

static void test_evict_fails(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[0].fail[GATEWAYS_EVICT] = -EROFS;
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 5 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_DOUBTFUL);
	assert_non_null(strstr(s->nodes[0].log, "evict"));
	s->nodes[0].fail[GATEWAYS_EVICT] = 0;
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
}

/* Somebody else's mark is no proof that it is durable, nor that time passed. */
static void test_found_mark(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[1].frozen = true;
	s->store[1].evicted = 1;
	sky_run(s, LEASE_MS);
	assert_true(life(s, 0, 1, 1) != GATEWAYS_ENDED);
	sky_run(s, MARGIN_MS + 2 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
	assert_int_equal(s->nodes[0].made[GATEWAYS_EVICT], 1);
}

/* Who has no lease himself does not evict. */
static void test_only_the_living(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[0].fail[GATEWAYS_BEAT] = -EIO;
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 5 * BEAT_MS);
	assert_int_equal(s->nodes[0].made[GATEWAYS_EVICT], 0);
	s->nodes[0].fail[GATEWAYS_BEAT] = 0;
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
}

/* The store is away for all, and comes back: nobody is to blame. */
static void outage(struct sky *s, uint64_t late)
{
	begin(s, 3);
	for (int i = 0; i < 3; i++)
		s->nodes[i].fail[GATEWAYS_BEAT] = -EIO;
	sky_run(s, 2 * BEAT_MS);
	for (int i = 0; i < 3; i++)
		s->nodes[i].fail[GATEWAYS_LIST] = -EIO;
	sky_run(s, 3 * OVER_MS);
	for (int i = 0; i < 3; i++) {
		s->nodes[i].fail[GATEWAYS_BEAT] = 0;
		s->nodes[i].fail[GATEWAYS_LIST] = 0;
		sky_run(s, late);
	}
	sky_run(s, 5 * BEAT_MS);
	for (int i = 0; i < 3; i++) {
		assert_well(s, i, 1);
		assert_int_equal(s->nodes[i].made[GATEWAYS_EVICT], 0);
	}
}

static void test_outage(void **state)
{
	outage(*state, 0);
}

static void test_outage_one_by_one(void **state)
{
	outage(*state, 4000);
}

/* The same, when calls hang instead of failing. */
static void test_outage_hanging(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	for (int i = 0; i < 2; i++) {
		s->nodes[i].early[GATEWAYS_BEAT] = 40000;
		s->nodes[i].early[GATEWAYS_LIST] = 40000;
	}
	sky_run(s, 3 * BEAT_MS);
	for (int i = 0; i < 2; i++) {
		s->nodes[i].early[GATEWAYS_BEAT] = 0;
		s->nodes[i].early[GATEWAYS_LIST] = 0;
	}
	sky_run(s, 45000);
	for (int i = 0; i < 2; i++) {
		assert_well(s, i, 1);
		assert_int_equal(s->nodes[i].made[GATEWAYS_EVICT], 0);
	}
}

/* A slow store, where each reading takes seconds, must not save the dead. */
static void test_slow_readings(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	s->nodes[0].slow[GATEWAYS_LIST] = 5000;
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS + 20000 + 5 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
}

/* Who was stopped itself does not blame the others for it. */
static void test_stopped_observer(void **state)
{
	struct sky *s = *state;

	begin(s, 3);
	/* Both stop, gw0 comes back first. */
	s->nodes[0].frozen = true;
	s->nodes[1].frozen = true;
	sky_run(s, OVER_MS - 2 * BEAT_MS);
	s->nodes[0].frozen = false;
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(s->nodes[0].made[GATEWAYS_EVICT], 0);
}

static void test_later_term(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	node_die(s, 1);
	s->nodes[1].kernel_term = 0;
	s->nodes[1].kernel_until = 0;
	node_start(s, 1);
	sky_run(s, 2 * BEAT_MS);
	assert_well(s, 1, 2);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
	assert_int_equal(life(s, 0, 1, 2), GATEWAYS_ALIVE);
	/* An old heartbeat that lands late takes nothing back. */
	s->store[1].beat.term = 1;
	sky_run(s, BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
}

static void test_lives(void **state)
{
	struct sky *s = *state;

	begin(s, 2);
	node_die(s, 1);
	s->nodes[1].frozen = true;
	sky_run(s, LEASE_MS - 2 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ALIVE);
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_DOUBTFUL);
	/* Who begins to look knows nothing yet. */
	node_die(s, 0);
	node_start(s, 0);
	sky_run(s, 2 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_DOUBTFUL);
	assert_int_equal(life(s, 0, 2, 1), GATEWAYS_DOUBTFUL);
	assert_int_equal(life(s, 0, 0, 1), GATEWAYS_ALIVE);
	sky_run(s, OVER_MS - 3 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_DOUBTFUL);
	sky_run(s, 3 * BEAT_MS);
	assert_int_equal(life(s, 0, 1, 1), GATEWAYS_ENDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_term),
		T(pace),
		T(slow_beat),
		T(late_beat),
		T(store_cut),
		T(kernel_refuses),
		T(slow_kernel),
		T(evicted),
		T(evicted_beat),
		T(evicted_again),
		T(old_beat),
		T(ends),
		T(end_is_soon),
		T(hiccups),
		T(beat_before_mark),
		T(reading_before_mark),
		T(reading_before_over),
		T(slow_evict),
		T(evict_fails),
		T(found_mark),
		T(only_the_living),
		T(outage),
		T(outage_one_by_one),
		T(outage_hanging),
		T(slow_readings),
		T(stopped_observer),
		T(later_term),
		T(lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
