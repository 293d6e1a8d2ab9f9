// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heartbeats, evictions and fences, as the directory store keeps them: see
 * also rules.c.
 */
#include "area.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beats.h"
#include "tracee.h"

static int beat(struct store *store, uint64_t incarnation, uint64_t term,
		uint64_t count)
{
	struct store_beat beat = area_beat(incarnation, term, count);
	uint64_t evicted;

	return ops->beat(store, &beat, &evicted);
}

static void expect(struct store *store, const char *gateway,
		   uint64_t incarnation, uint64_t term, uint64_t count)
{
	struct store_beat want = area_beat(incarnation, term, count);

	beats_expect(ops, store, gateway, &want);
}

/* Old marks go with the next term, the newest of each kind stays. */
static void test_sweep(void **state)
{
	struct store *a = area_open("a", 1), *b = area_open("b", 1);
	struct store_gateway found;
	uint64_t term;

	(void)state;
	for (term = 1; term < 40; term++) {
		area_beats(a, 1, term, 1);
		assert_int_equal(ops->evict(b, "a", term), 0);
		if (term < 30)
			assert_int_equal(ops->fence(b, "a", term), 0);
		assert_int_equal(area_beats(a, 1, term, 2), term);
		assert_true(area_count("gw/a", "evicted.") <= 2);
	}
	area_beats(a, 1, term, 1);
	assert_int_equal(area_count("gw/a", "evicted."), 1);
	assert_int_equal(area_count("gw/a", "fenced."), 1);
	assert_int_equal(area_count("", ".tmp."), 0);
	assert_true(area_gateway(b, "a", &found));
	assert_int_equal(found.evicted, 39);
	assert_int_equal(found.fenced, 29);
	ops->close(a);
	ops->close(b);
}

static const char *const broken[] = {
	"",
	"\n",
	"1 1 1 1 ",
	"0 1 1 1 000102030405060708090a0b0c0d0e0f\n",
	"1 1 1 1 000102030405060708090a0b0c0d0e0\n",
	"1 1 1 1 000102030405060708090a0b0c0d0e0F\n",
	"1 1 1 1 000102030405060708090a0b0c0d0e0f00\n",
	"1 1 1 1 000102030405060708090a0b0c0d0e0f",
	"1 1 1 1 000102030405060708090a0b0c0d0e0f\n\n",
	"1 1 1 4294967296 000102030405060708090a0b0c0d0e0f\n",
	"1 1 18446744073709551616 1 000102030405060708090a0b0c0d0e0f\n",
	"1 1  1 1 000102030405060708090a0b0c0d0e0f\n",
	"-1 1 1 1 000102030405060708090a0b0c0d0e0f\n",
	"1 1 1 000102030405060708090a0b0c0d0e0f\n",
};

/* Others are not kept from looking; the gateway itself does not go on. */
static void test_broken_beat(void **state)
{
	struct store *a = area_open("a", 1), *b = area_open("b", 1);
	struct store_gateway found;

	(void)state;
	area_beats(b, 1, 1, 1);
	area_beats(a, 1, 6, 1);
	area_beats(a, 1, 6, 2);
	assert_int_equal(ops->evict(b, "a", 5), 0);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		area_write("gw/a/beat", broken[i]);
		/* The first of the term is known. */
		expect(b, "a", 1, 6, 1);
		area_write("gw/a/began", broken[i]);
		assert_true(area_gateway(b, "a", &found));
		assert_false(found.beaten);
		assert_int_equal(found.beat.term, 0);
		assert_int_equal(found.evicted, 5);
		assert_int_equal(beat(a, 1, 6, 3), -EBADMSG);
		expect(b, "b", 1, 1, 1);
		area_remove("gw/a/beat");
		area_remove("gw/a/began");
		area_beats(a, 1, 6, 1);
		expect(b, "a", 1, 6, 1);
	}
	/* An empty one, and nothing else. */
	area_remove("gw/a/began");
	area_write("gw/a/beat", "");
	assert_true(area_gateway(b, "a", &found));
	assert_false(found.beaten);
	assert_int_equal(beat(a, 1, 6, 3), -EBADMSG);
	ops->close(a);
	ops->close(b);
}

static void test_broken_marks(void **state)
{
	static const char *const names[] = {
		"gw/a/evicted.1",
		"gw/a/evicted.",
		"gw/a/evicted.99999999999999999999",
		"gw/a/evicted.0000000000000000000x",
		"gw/a/fenced.000000000000000000001",
		"gw/a/fenced.00000000000000000000",
	};
	struct store *a = area_open("a", 1), *b = area_open("b", 1);
	struct store_gateway found;

	(void)state;
	area_beats(a, 1, 6, 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		area_write(names[i], "");
		assert_true(area_gateway(b, "a", &found));
		assert_false(found.beaten);
		assert_int_equal(beat(a, 1, 6, 2), -EBADMSG);
		area_remove(names[i]);
	}
	area_beats(a, 1, 6, 3);
	ops->close(a);
	ops->close(b);
}

/* What is no gateway, and what is not there any more. */
static void test_odd_entries(void **state)
{
	struct store *a = area_open("a", 1), *b = area_open("b", 1);
	struct store_gateway *list;
	char path[400];
	size_t count;

	(void)state;
	area_write("gw/file", "");
	area_mkdir("gw/.hidden");
	area_mkdir("gw/no name");
	area_mkdir("gw/empty");
	snprintf(path, sizeof(path), "%s/gw/link", area_where);
	assert_int_equal(symlink(area_top, path), 0);
	area_beats(a, 1, 1, 1);
	area_mkdir("gw/a/.tmp.z.0000000000000001.1");
	assert_int_equal(ops->gateways(b, &list, &count), 0);
	assert_int_equal(count, 1);
	free(list);
	/* The gateway's directory itself comes back. */
	area_remove("gw/a");
	assert_int_equal(beat(a, 1, 1, 2), -ENOENT);
	area_beats(a, 1, 1, 2);
	expect(b, "a", 1, 1, 2);
	assert_true(area_exists("gw/a/began"));
	area_remove("gw");
	assert_int_equal(ops->gateways(b, &list, &count), -ENOENT);
	ops->close(a);
	ops->close(b);
}

/* The rule of store_dir.c: a heartbeat that saw no mark is in the listing. */

enum { HELD_COUNT = 3 };

static int op_beat(struct store *store)
{
	struct store_beat beat = area_beat(1, 1, 1);
	uint64_t evicted;

	for (; beat.count <= HELD_COUNT; beat.count++)
		if (ops->beat(store, &beat, &evicted) || evicted)
			return 0;
	return 1; /* never saw one */
}

static bool hold_beat(int stop, int *missed, int *seen)
{
	struct store *b = area_open("b", 1);
	struct store_gateway found = {0};
	struct tracee t;
	bool held = true;

	tracee_start(&t, "a", 1, op_beat);
	for (int i = 0; held && i < stop; i++)
		held = tracee_step(&t);
	if (held) {
		bool is;

		assert_int_equal(ops->evict(b, "a", 1), 0);
		is = area_gateway(b, "a", &found);
		assert_true(is);
		if (tracee_finish(&t)) {
			assert_true(found.beaten);
			assert_int_equal(found.beat.count, HELD_COUNT);
			(*missed)++;
		} else {
			(*seen)++;
		}
	}
	tracee_free(&t);
	ops->close(b);
	area_clear();
	return held;
}

static void test_held_beat(void **state)
{
	int missed = 0, seen = 0;

	(void)state;
	for (int stop = 1; hold_beat(stop, &missed, &seen); stop++)
		;
	print_message("held at %d stops: mark missed %d times\n", missed + seen,
		      missed);
	assert_true(missed > 2 && seen > 50);
}

/* The same, with as many as like at once. */

enum { RACE_TERMS = 150, RACE_TERMS_MOST = 100 * RACE_TERMS, EVICTORS = 3 };

struct shared {
	volatile uint64_t term, count; /* of the last that saw no mark */
	volatile int ended;
	volatile bool good[EVICTORS]; /* has judged one in time */
};

/* Everybody has taken part: who starts late has a chance, too. */
static bool race_enough(const struct shared *shared, uint64_t term)
{
	bool all = true;

	for (int i = 0; i < EVICTORS; i++)
		all = all && shared->good[i];
	return term > RACE_TERMS && (all || term > RACE_TERMS_MOST);
}

static void race_beats(struct shared *shared)
{
	struct store *a = area_open("a", 1);
	uint64_t count = 0;

	for (uint64_t term = 1; !race_enough(shared, term); term++)
		while (area_beats(a, 1, term, ++count) < term) {
			shared->term = term;
			__sync_synchronize();
			shared->count = count;
		}
	shared->ended = 1;
	ops->close(a);
	_exit(0);
}

static void race_evicts(struct shared *shared, unsigned int self)
{
	char name[2] = {'b' + self};
	struct store *b = area_open(name, 1);
	struct store_gateway found;

	while (!shared->ended) {
		uint64_t term, count;

		if (!area_gateway(b, "a", &found))
			continue;
		term = found.beat.term;
		assert_int_equal(ops->evict(b, "a", term), 0);
		assert_true(area_gateway(b, "a", &found));
		/* It counts the terms; what it has by now, it had in this. */
		count = shared->count;
		__sync_synchronize();
		if (shared->term > term)
			continue;
		assert_true(found.beaten);
		if (found.beat.count < count && found.beat.term == term)
			fail_msg("shown %d, had a lease by %d",
				 (int)found.beat.count, (int)count);
		shared->good[self] = true;
	}
	ops->close(b);
	_exit(shared->good[self] ? 0 : 9);
}

static void test_race(void **state)
{
	struct shared *shared =
		mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_true(shared != MAP_FAILED);
	for (unsigned int i = 0; i <= EVICTORS; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid)
			continue;
		if (i)
			race_evicts(shared, i - 1);
		race_beats(shared);
	}
	for (int i = 0; i <= EVICTORS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	munmap(shared, sizeof(*shared));
}

static int clear(void **state)
{
	(void)state;
	area_clear();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_sweep, clear),
		cmocka_unit_test_teardown(test_broken_beat, clear),
		cmocka_unit_test_teardown(test_broken_marks, clear),
		cmocka_unit_test_teardown(test_odd_entries, clear),
		cmocka_unit_test_teardown(test_held_beat, clear),
		cmocka_unit_test_teardown(test_race, clear),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
