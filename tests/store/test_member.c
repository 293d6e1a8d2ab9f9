// SPDX-License-Identifier: GPL-2.0-only
/* Members of a logical unit in the directory store. */
#include "area.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int load(struct store *store)
{
	char text[8192];

	return area_newest(store, text, sizeof(text));
}

static void check_member(struct store *store, size_t at, size_t of,
			 const char *gateway, uint64_t incarnation,
			 uint64_t installed)
{
	struct store_member *list;
	size_t count;

	assert_int_equal(ops->members(store, LU, &list, &count), 0);
	assert_int_equal(count, of);
	if (of) {
		assert_string_equal(list[at].gateway, gateway);
		assert_int_equal(list[at].incarnation, incarnation);
		assert_int_equal(list[at].installed, installed);
		assert_int_equal(list[at].ended, installed);
	}
	free(list);
}

static void test_members(void **state)
{
	struct store *a = area_open("a", 7), *b = area_open("b", UINT64_MAX);
	struct store_member *list;
	size_t count;

	(void)state;
	assert_int_equal(ops->join(a, LU, 1), 0);
	assert_false(area_exists("lu/" LU "/created"));
	assert_int_equal(load(a), -ENOENT);
	check_member(b, 0, 1, "a", 7, 0);
	assert_int_equal(ops->join(b, LU, 1), 0);
	assert_int_equal(ops->ack(b, LU, 1, 5, 5), 0);
	assert_int_equal(ops->ack(b, LU, 1, 5, 5), 0);
	assert_int_equal(ops->ack(b, LU, 1, 4, 4), -EINVAL);
	check_member(a, 0, 2, "a", 7, 0);
	check_member(a, 1, 2, "b", UINT64_MAX, 5);
	/* What is installed may have more to end than was so far. */
	assert_int_equal(ops->ack(b, LU, 1, 9, 4), -EINVAL);
	assert_int_equal(ops->ack(b, LU, 1, 9, 10), -EINVAL);
	assert_int_equal(ops->ack(b, LU, 1, 9, 5), 0);
	assert_int_equal(ops->members(a, LU, &list, &count), 0);
	assert_int_equal(list[1].installed, 9);
	assert_int_equal(list[1].ended, 5);
	free(list);
	assert_int_equal(ops->ack(b, LU, 1, 9, 9), 0);
	check_member(a, 1, 2, "b", UINT64_MAX, 9);
	assert_int_equal(ops->ack(b, LU, 1, UINT64_MAX, UINT64_MAX), 0);
	check_member(a, 1, 2, "b", UINT64_MAX, UINT64_MAX);
	assert_int_equal(ops->join(b, LU, 1), 0);
	check_member(a, 1, 2, "b", UINT64_MAX, 0);
	assert_int_equal(ops->leave(a, LU), 0);
	assert_int_equal(ops->leave(a, LU), 0);
	check_member(a, 0, 1, "b", UINT64_MAX, 0);
	assert_int_equal(ops->ack(a, LU, 1, 5, 5), -ENOENT);
	assert_int_equal(ops->leave(b, LU), 0);
	check_member(a, 0, 0, NULL, 0, 0);
	assert_int_equal(area_count("lu/" LU "/m", ""), 0);
	ops->close(a);
	ops->close(b);
}

static void check_seen(struct store *store, uint64_t seen)
{
	struct store_member *list;
	size_t count;

	assert_int_equal(ops->members(store, LU, &list, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].seen, seen);
	free(list);
}

/* What a gateway saw is remembered when it joins again, until it leaves. */
static void test_member_seen(void **state)
{
	struct store *old = area_open("a", 1), *new;

	(void)state;
	assert_int_equal(ops->join(old, LU, 1), 0);
	check_seen(old, 0);
	assert_int_equal(ops->ack(old, LU, 1, 9, 9), 0);
	check_seen(old, 9);
	ops->close(old);
	new = area_open("a", 2);
	assert_int_equal(ops->join(new, LU, 1), 0);
	check_member(new, 0, 1, "a", 2, 0);
	check_seen(new, 9);
	assert_int_equal(ops->ack(new, LU, 1, 3, 3), 0);
	check_seen(new, 9);
	assert_int_equal(ops->leave(new, LU), 0);
	assert_int_equal(ops->join(new, LU, 1), 0);
	check_seen(new, 0);
	/* Written by an earlier release. */
	area_write("lu/" LU "/m/a/state", "2 7\n");
	check_seen(new, 7);
	assert_int_equal(ops->join(new, LU, 1), 0);
	check_seen(new, 7);
	ops->close(new);
}

static void test_forget(void **state)
{
	struct store *a = area_open("a", 1), *b = area_open("b", 1);

	(void)state;
	assert_int_equal(ops->forget(a, LU, "b"), -ENOENT);
	assert_int_equal(ops->join(a, LU, 1), 0);
	assert_int_equal(ops->forget(a, LU, "b"), -ENOENT);
	assert_int_equal(ops->join(b, LU, 1), 0);
	assert_int_equal(ops->forget(b, LU, "b"), -EINVAL);
	assert_int_equal(ops->forget(b, LU, "../a"), -EINVAL);
	assert_int_equal(ops->forget(a, LU, "b"), 0);
	check_member(a, 0, 1, "a", 1, 0);
	assert_false(area_exists("lu/" LU "/m/b"));
	assert_int_equal(ops->ack(b, LU, 1, 1, 1), -ENOENT);
	assert_int_equal(ops->join(b, LU, 1), 0);
	area_write("lu/" LU "/m/b/state", "nonsense");
	assert_int_equal(ops->forget(a, LU, "b"), 0);
	check_member(a, 0, 1, "a", 1, 0);
	ops->close(a);
	ops->close(b);
}

static void test_member_incarnations(void **state)
{
	struct store *old = area_open("a", 1), *new = area_open("a", 2);

	(void)state;
	assert_int_equal(ops->join(old, LU, 1), 0);
	assert_int_equal(ops->ack(old, LU, 1, 9, 9), 0);
	assert_int_equal(ops->join(new, LU, 1), 0);
	check_member(new, 0, 1, "a", 2, 0);
	assert_int_equal(ops->ack(old, LU, 1, 10, 10), -ESTALE);
	assert_int_equal(ops->leave(old, LU), -ESTALE);
	check_member(new, 0, 1, "a", 2, 0);
	ops->close(old);
	ops->close(new);
}

static void test_member_errors(void **state)
{
	static const char *const bad[] = {
		"",	  "1",
		"1 2",	  "1 2\n\n",
		" 1 2\n", "1  2\n",
		"-1 2\n", "1 x\n",
		"1 2 \n", "1 18446744073709551616\n",
		"1 2 x\n", "1 2 3 4 5 6\n",
		"1 2 3 \n",
	};
	struct store *a = area_open("a", 1);
	struct store_member *list;
	size_t count;

	(void)state;
	assert_int_equal(ops->members(a, LU, &list, &count), -ENOENT);
	assert_int_equal(ops->members(a, "x/y", &list, &count), -EINVAL);
	assert_int_equal(ops->join(a, ".x", 1), -EINVAL);
	assert_int_equal(ops->leave(a, ".x"), -EINVAL);
	assert_int_equal(ops->ack(a, ".x", 1, 1, 1), -EINVAL);
	assert_int_equal(ops->ack(a, LU, 1, 1, 1), -ENOENT);
	assert_int_equal(ops->leave(a, LU), 0);
	assert_int_equal(ops->join(a, LU, 1), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		area_write("lu/" LU "/m/a/state", bad[i]);
		assert_int_equal(ops->members(a, LU, &list, &count), -EBADMSG);
		assert_int_equal(ops->ack(a, LU, 1, 1, 1), -EBADMSG);
		assert_int_equal(ops->leave(a, LU), -EBADMSG);
	}
	assert_int_equal(ops->join(a, LU, 1), 0);
	area_write("lu/" LU "/m/a/state", area_string(1000));
	assert_int_equal(ops->members(a, LU, &list, &count), -EBADMSG);
	assert_int_equal(ops->join(a, LU, 1), 0);
	area_write("lu/" LU "/m/b", "1 2\n");
	assert_int_equal(ops->members(a, LU, &list, &count), -EBADMSG);
	area_remove("lu/" LU "/m/b");
	area_mkdir("lu/" LU "/m/b");
	area_write("lu/" LU "/m/.c", "");
	check_member(a, 0, 1, "a", 1, 0);
	area_mkdir("lu/" LU "/m/b b");
	assert_int_equal(ops->members(a, LU, &list, &count), -EBADMSG);
	ops->close(a);
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
		cmocka_unit_test_teardown(test_members, clear),
		cmocka_unit_test_teardown(test_member_seen, clear),
		cmocka_unit_test_teardown(test_forget, clear),
		cmocka_unit_test_teardown(test_member_incarnations, clear),
		cmocka_unit_test_teardown(test_member_errors, clear),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
