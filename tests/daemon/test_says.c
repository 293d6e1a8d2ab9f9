// SPDX-License-Identifier: GPL-2.0-only
/* The lines by which a gateway says what it has installed, and what is none. */
#include "cmocka_all.h"
#include "store_rados_int.h"

#include <stdlib.h>
#include <string.h>

static bool parse(const char *text, struct store_member *says)
{
	return sr_says_parse(text, strlen(text), says);
}

static void test_line(void **state)
{
	const struct store_message message = {
		.word = STORE_SAYS,
		.says = {.term = 2, .installed = UINT64_MAX, .ended = 41},
	};
	struct store store = {.gateway = "gw-1.example", .incarnation = 77};
	struct store_member says;
	char *line = sr_says_line(&store, "f/1//id", &message);

	(void)state;
	assert_string_equal(line, "f/1//id ack gw-1.example 77 2 "
				  "18446744073709551615 41");
	assert_true(parse(strchr(line, ' ') + 1, &says));
	assert_string_equal(says.gateway, "gw-1.example");
	assert_int_equal(says.incarnation, 77);
	assert_int_equal(says.term, 2);
	assert_int_equal(says.installed, UINT64_MAX);
	assert_int_equal(says.ended, 41);
	free(line);
	line = sr_says_line(&store, "f/1//id", NULL);
	assert_string_equal(line, "f/1//id");
	free(line);
}

/* With the longest of all. */
static void test_longest(void **state)
{
	const struct store_message message = {
		.word = STORE_SAYS,
		.says = {.term = UINT64_MAX,
			 .installed = UINT64_MAX,
			 .ended = UINT64_MAX},
	};
	struct store store = {.incarnation = UINT64_MAX};
	struct store_member says;
	char *line;

	(void)state;
	memset(store.gateway, 'g', STORE_GATEWAY_MAX);
	line = sr_says_line(&store, "f/1//id", &message);
	assert_true(parse(strchr(line, ' ') + 1, &says));
	assert_string_equal(says.gateway, store.gateway);
	assert_int_equal(says.ended, UINT64_MAX);
	free(line);
}

static void test_wrong(void **state)
{
	static const char *const texts[] = {
		"", "ack", "ack ", "ack b", "ack b 1 2 3", "ack b 1 2 3 ",
		"ack b 1 2 3 3 ", "ack b 1 2 3 3 3", "ack b 1 2 3 3\n",
		"ack b 1 2 3 4", "ack b 1 2 0 0", "ack b 1 0 3 3",
		"ack b  1 2 3 3", "ack  1 2 3 3", "ack .b 1 2 3 3",
		"ack b/c 1 2 3 3", "ack b 1 2 3 0x3", "ack b 1 2 -3 3",
		"ack b 1 2 18446744073709551616 3", "ACK b 1 2 3 3",
		"nak b 1 2 3 3", " ack b 1 2 3 3",
		("ack gggggggggggggggggggggggggggggggggggggggggggggggggggggggggg"
		 "gggggg 1 2 3 3"),
	};
	char big[400];
	struct store_member says;
	size_t i;

	(void)state;
	assert_true(parse("ack b 1 2 3 3", &says));
	assert_true(parse("ack b 0 2 3 0", &says));
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (parse(texts[i], &says))
			fail_msg("taken: %s", texts[i]);
	assert_false(sr_says_parse("ack b 1 2 3 3\0", 14, &says));
	memset(big, '1', sizeof(big));
	memcpy(big, "ack b 1 2 3 ", 12);
	assert_false(sr_says_parse(big, sizeof(big), &says));
}

static void keep(struct sr_says **list, const char *text)
{
	struct store_member says;

	assert_true(parse(text, &says));
	assert_true(sr_says_keep(list, &says));
}

static void test_keep(void **state)
{
	struct sr_says *list = NULL;

	(void)state;
	keep(&list, "ack b 1 2 5 4");
	keep(&list, "ack b 1 2 4 4");
	assert_int_equal(list->member.installed, 5);
	assert_int_equal(list->member.ended, 4);
	keep(&list, "ack b 1 2 5 5");
	assert_int_equal(list->member.ended, 5);
	keep(&list, "ack b 1 3 1 1");
	assert_int_equal(list->member.term, 3);
	assert_int_equal(list->member.installed, 1);
	keep(&list, "ack b 2 3 2 2");
	assert_int_equal(list->member.incarnation, 2);
	assert_null(list->next);
	keep(&list, "ack c 1 3 1 1");
	assert_non_null(list->next);
	assert_null(list->next->next);
	sr_says_drop(&list);
	assert_null(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
