// SPDX-License-Identifier: GPL-2.0-only
/* Strings in parts: complete or refused, never patched together wrongly. */
#include "cmocka_all.h"
#include "train.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct trains trains;
static char *str;
static size_t len;

static int part(const char *device, uint64_t cookie, uint32_t size,
		uint32_t offset, const char *info)
{
	const struct nlmsg msg = {
		.device = device,
		.cookie = cookie,
		.seq = 3,
		.info_size = size,
		.info_offset = offset,
		.info = info,
		.info_len = strlen(info),
	};

	return train_take(&trains, &msg, &str, &len);
}

static void assert_string(const char *expected)
{
	assert_int_equal(len, strlen(expected));
	assert_memory_equal(str, expected, len);
	free(str);
	str = NULL;
	assert_null(trains.first);
}

static void test_one(void **state)
{
	(void)state;
	assert_int_equal(part("a", 1, 3, 0, "abc"), 1);
	assert_string("abc");
}

static void test_several(void **state)
{
	(void)state;
	assert_int_equal(part("a", 1, 6, 0, "ab"), 0);
	assert_int_equal(part("b", 2, 4, 0, "12"), 0);
	assert_int_equal(part("a", 1, 6, 2, "cd"), 0);
	assert_int_equal(part("b", 2, 4, 2, "34"), 1);
	free(str);
	assert_int_equal(part("a", 1, 6, 4, "ef"), 1);
	assert_string("abcdef");
}

static void test_begun_anew(void **state)
{
	(void)state;
	assert_int_equal(part("a", 1, 6, 0, "ab"), 0);
	assert_int_equal(part("a", 2, 4, 0, "12"), 0);
	assert_int_equal(part("a", 2, 4, 2, "34"), 1);
	assert_string("1234");
}

static void refused(uint64_t cookie, uint32_t size, uint32_t offset,
		    const char *info)
{
	assert_int_equal(part("a", 1, 6, 0, "ab"), 0);
	assert_int_equal(part("a", cookie, size, offset, info), -EINVAL);
	/* And it is gone. */
	assert_int_equal(part("a", 1, 6, 2, "cd"), -EINVAL);
	assert_null(trains.first);
}

static void test_refused(void **state)
{
	(void)state;
	refused(2, 6, 2, "cd"); /* another request's */
	refused(1, 7, 2, "cd"); /* of another size */
	refused(1, 6, 3, "cd"); /* a gap */
	refused(1, 6, 1, "cd"); /* an overlap */
	refused(1, 6, 2, "cdefg"); /* beyond the end */
	refused(1, 6, 2, ""); /* empty */
	assert_int_equal(part("a", 1, 6, 2, "cd"), -EINVAL);
	assert_int_equal(part("a", 1, 2, 0, "abc"), -EINVAL);
	assert_int_equal(part("a", 1, 0, 0, ""), -EINVAL);
	assert_int_equal(part("a", 1, 64u << 20, 0, "a"), -EINVAL);
	assert_null(trains.first);
}

static void test_drop(void **state)
{
	(void)state;
	assert_int_equal(part("a", 1, 6, 0, "ab"), 0);
	assert_int_equal(part("b", 1, 6, 0, "ab"), 0);
	train_drop(&trains, "a");
	train_drop(&trains, "none");
	assert_int_equal(part("a", 1, 6, 2, "cd"), -EINVAL);
	assert_int_equal(part("b", 1, 6, 2, "cd"), 0);
	trains_drop(&trains);
	assert_null(trains.first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_begun_anew),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
