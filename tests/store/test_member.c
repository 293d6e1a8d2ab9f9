// SPDX-License-Identifier: GPL-2.0-only
/* Members, as the directory store keeps them: see also rules.c. */
#include "area.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static void test_member_files(void **state)
{
	struct store *a = area_open("a", 1), *b = area_open("b", 1);

	(void)state;
	assert_int_equal(ops->join(a, LU, 1), 0);
	assert_int_equal(ops->join(b, LU, 1), 0);
	assert_int_equal(ops->leave(a, LU), 0);
	assert_false(area_exists("lu/" LU "/m/a"));
	assert_int_equal(ops->forget(a, LU, "b"), 0);
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

/* Records that they wrote. */
static void test_earlier_releases(void **state)
{
	struct store *a = area_open("a", 2);
	struct store_member *list;
	size_t count;

	(void)state;
	assert_int_equal(ops->join(a, LU, 1), 0);
	area_write("lu/" LU "/m/a/state", "2 7\n");
	check_seen(a, 7);
	assert_int_equal(ops->join(a, LU, 1), 0);
	check_seen(a, 7);
	area_write("lu/" LU "/m/a/state", "2 7 8\n");
	check_seen(a, 8);
	assert_int_equal(ops->members(a, LU, &list, &count), 0);
	assert_int_equal(list[0].term, 0);
	free(list);
	ops->close(a);
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
		cmocka_unit_test_teardown(test_member_files, clear),
		cmocka_unit_test_teardown(test_earlier_releases, clear),
		cmocka_unit_test_teardown(test_member_errors, clear),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
