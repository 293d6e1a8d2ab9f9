// SPDX-License-Identifier: GPL-2.0-only
/*
 * The late writer: a swap is held at each of its system calls while others
 * store so many versions that the one it is after has come and gone.
 */
#include "area.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "powercut.h"
#include "tracee.h"

enum { AHEAD = 20 };

static int swap_late(struct store *store, uint64_t expected)
{
	return ops->swap(store, LU, expected, "late", 4);
}

static int op_late_0(struct store *store)
{
	return swap_late(store, 0);
}

static int op_late_1(struct store *store)
{
	return swap_late(store, 1);
}

static int op_late_2(struct store *store)
{
	return swap_late(store, 2);
}

static bool hold_at(struct tracee *t, int stop)
{
	for (int i = 0; i < stop; i++)
		if (!tracee_step(t))
			return false;
	return true;
}

/*
 * The versions from @seq on, by @store, if nobody else has stored @seq.
 * True if somebody has.
 */
static bool overtake(struct store *store, uint64_t seq)
{
	const char *str = area_string(seq);
	int ret = ops->swap(store, LU, seq - 1, str, strlen(str));

	assert_true(ret == 0 || ret == -EAGAIN);
	area_fill(store, seq, seq + AHEAD);
	area_expect(store, seq + AHEAD, area_string(seq + AHEAD));
	return ret;
}

/* What the late one says must be true; -EINPROGRESS says nothing. */
static void judge(struct store *store, int ret, bool won, uint64_t newest)
{
	if (ret == 0)
		assert_true(won);
	else if (ret != -EINPROGRESS)
		assert_false(won);
	if (!won && ret != -EINPROGRESS)
		assert_int_equal(ret, -EAGAIN);
	/* Nothing has come back, nothing is left. */
	assert_int_equal(area_count("lu/" LU, "v0"), 16);
	assert_int_equal(area_count("", ".tmp."), 0);
	area_expect(store, newest, area_string(newest));
	area_fill(store, newest, newest + 2);
	area_expect(store, newest + 2, area_string(newest + 2));
}

struct count {
	int held, won, lost, unclear;
};

static bool hold_one(uint64_t expected, int stop, struct count *count)
{
	struct store *b = area_open("b", 1);
	struct tracee t;
	bool held, won = false;
	int ret;

	area_fill(b, 0, expected);
	tracee_start(&t, "a", 1, expected ? op_late_1 : op_late_0);
	held = hold_at(&t, stop);
	if (held) {
		won = overtake(b, expected + 1);
		ret = tracee_finish(&t);
		judge(b, ret, won, expected + 1 + AHEAD);
		count->held++;
		count->won += ret == 0;
		count->lost += ret == -EAGAIN;
		count->unclear += ret == -EINPROGRESS;
	}
	tracee_free(&t);
	ops->close(b);
	area_clear();
	return held;
}

static void test_trap(void **state)
{
	(void)state;
	for (uint64_t expected = 0; expected < 2; expected++) {
		struct count count = {0};

		for (int stop = 1; hold_one(expected, stop, &count); stop++)
			;
		print_message("expected %d: held at %d stops: %d won, "
			      "%d lost, %d unclear\n",
			      (int)expected, count.held, count.won, count.lost,
			      count.unclear);
		assert_true(count.lost > 10 && count.won > 10);
		/* While it gives the second opinion, shorter for the usual. */
		assert_true(count.unclear <= (expected ? 4 : 20));
	}
}

/*
 * Two late ones, for versions 2 and 3: if the first could bring back its
 * version, the second would find the one before its own in place.
 */
static bool hold_two(int stop, int *both)
{
	struct store *b = area_open("b", 1);
	struct tracee first, second;
	bool held, won;
	int ret;

	area_fill(b, 0, 1);
	tracee_start(&first, "a", 1, op_late_1);
	held = hold_at(&first, stop);
	if (held) {
		const char *str = area_string(2);

		won = ops->swap(b, LU, 1, str, strlen(str));
		tracee_start(&second, "c", 1, op_late_2);
		assert_true(tracee_step_to(&second, SYS_linkat));
		assert_false(overtake(b, 3));
		/* The first goes on to just after its link, if it gets there */
		if (first.call != SYS_linkat && !won)
			tracee_step_to(&first, SYS_linkat);
		if (first.pid && first.entry)
			tracee_step(&first);
		assert_int_equal(tracee_finish(&second), -EAGAIN);
		tracee_free(&second);
		ret = tracee_finish(&first);
		judge(b, ret, won, 3 + AHEAD);
		(*both)++;
	}
	tracee_free(&first);
	ops->close(b);
	area_clear();
	return held;
}

static void test_double_trap(void **state)
{
	int both = 0;

	(void)state;
	for (int stop = 1; hold_two(stop, &both); stop++)
		;
	print_message("two late ones at %d stops\n", both);
	assert_true(both > 20);
}

/*
 * A file system that would link a file which somebody has removed: played by
 * putting the temporary file back.  The second opinion catches it.
 */
static void test_broken_link(void **state)
{
	struct store *b = area_open("b", 1);
	struct tracee t;
	char path[1024];

	(void)state;
	for (uint64_t expected = 0; expected < 2; expected++) {
		area_remove("lu/" LU);
		area_fill(b, 0, expected);
		tracee_start(&t, "a", 1, expected ? op_late_1 : op_late_0);
		assert_true(tracee_step_to(&t, SYS_linkat));
		tracee_path(&t, t.arg[0], t.arg[1], path, sizeof(path));
		assert_false(overtake(b, expected + 1));
		assert_false(area_exists(path + strlen(area_where) + 1));
		area_write(path + strlen(area_where) + 1, "late");
		assert_int_equal(tracee_finish(&t), -EINPROGRESS);
		tracee_free(&t);
		/* It came back, but nobody is misled, and it goes again. */
		assert_int_equal(area_count("lu/" LU, "v0"), 17);
		area_expect(b, expected + 1 + AHEAD,
			    area_string(expected + 1 + AHEAD));
		area_fill(b, expected + 1 + AHEAD, expected + 2 + AHEAD);
		assert_int_equal(area_count("lu/" LU, "v0"), 16);
	}
	ops->close(b);
	area_clear();
}

/* A younger incarnation cleans up; the older one must not store any more. */
static void test_old_incarnation(void **state)
{
	struct store *b = area_open("b", 1), *young;
	struct tracee t;

	(void)state;
	area_fill(b, 0, 1);
	tracee_start(&t, "a", 1, op_late_1);
	assert_true(tracee_step_to(&t, SYS_linkat));
	young = area_open("a", 2);
	assert_int_equal(ops->join(young, LU, 1), 0);
	ops->close(young);
	assert_int_equal(tracee_finish(&t), -EAGAIN);
	tracee_free(&t);
	area_expect(b, 1, area_string(1));
	ops->close(b);
	area_clear();
}

static int op_load(struct store *store)
{
	char text[64];

	return area_newest(store, text, sizeof(text)) == 2 ? 0 : -EIO;
}

/* What load has returned, a power failure must not take back. */
static void test_load_durable(void **state)
{
	struct tracee writer, reader;
	struct store *b = area_open("c", 1);

	(void)state;
	area_fill(b, 0, 1);
	tracee_start(&writer, "a", 1, op_late_1);
	assert_true(tracee_step_to(&writer, SYS_linkat));
	powercut_reset();
	powercut_watch(&writer);
	assert_true(tracee_step(&writer));
	powercut_watch(&writer);
	tracee_kill(&writer);
	assert_int_equal(powercut_pending(), 1);
	tracee_start(&reader, "b", 1, op_load);
	while (tracee_step(&reader))
		powercut_watch(&reader);
	assert_int_equal(tracee_finish(&reader), 0);
	powercut_apply(0);
	tracee_free(&writer);
	tracee_free(&reader);
	area_expect(b, 2, "late");
	ops->close(b);
	area_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trap),
		cmocka_unit_test(test_double_trap),
		cmocka_unit_test(test_broken_link),
		cmocka_unit_test(test_old_incarnation),
		cmocka_unit_test(test_load_durable),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
