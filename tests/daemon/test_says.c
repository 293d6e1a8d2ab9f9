// SPDX-License-Identifier: GPL-2.0-only
/* What notifications of the RADOS store say, and what is none. */
#include "cmocka_all.h"
#include "store_rados_int.h"

#include <stdio.h>
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
	static const char want[] = "f/1//id ack gw-1.example 77 2 "
				   "18446744073709551615 41";
	struct store_member says;
	size_t len;
	char *line = sr_says_text(&store, "f/1//id", &message, &len);

	(void)state;
	assert_int_equal(len, strlen(want));
	assert_memory_equal(line, want, len);
	assert_true(sr_says_parse(line + 8, len - 8, &says));
	assert_string_equal(says.gateway, "gw-1.example");
	assert_int_equal(says.incarnation, 77);
	assert_int_equal(says.term, 2);
	assert_int_equal(says.installed, UINT64_MAX);
	assert_int_equal(says.ended, 41);
	free(line);
	line = sr_says_text(&store, "f/1//id", NULL, &len);
	assert_int_equal(len, 7);
	assert_memory_equal(line, "f/1//id", len);
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
	size_t len;

	(void)state;
	memset(store.gateway, 'g', STORE_GATEWAY_MAX);
	line = sr_says_text(&store, "f/1//id", &message, &len);
	assert_true(sr_says_parse(line + 8, len - 8, &says));
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

/* Versions */

static struct store_message version_of(uint64_t seq, const char *str,
				       size_t len)
{
	return (struct store_message){
		.word = STORE_VERSION, .seq = seq, .str = str, .len = len};
}

/*
 * What the one thing in a copy of @text without anything behind it is; what it
 * points to is gone.
 */
static struct sr_heard read_one(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	struct sr_heard heard;

	memcpy(copy, text, len);
	assert_ptr_equal(sr_says_read(copy, copy + len, &heard), copy + len);
	free(copy);
	return heard;
}

static void test_version(void **state)
{
	/* Whatever it has: also ends of lines, NUL, and what we write. */
	static const char str[] = "vers=1\nseq=7\n\0\n\nf/1//id\nf/1//id ack"
				  " b 1 2 3 3\nf/1//id version 8 0\n\n\xff";
	static const char head[] = "f/1//id version 18446744073709551615 ";
	const struct store_message message =
		version_of(UINT64_MAX, str, sizeof(str));
	struct store store = {.gateway = "a", .incarnation = 1};
	struct sr_heard heard;
	size_t len;
	char *text = sr_says_text(&store, "f/1//id", &message, &len);

	(void)state;
	assert_memory_equal(text, head, strlen(head));
	text[len] = '\n';
	assert_ptr_equal(sr_says_read(text, text + len + 1, &heard),
			 text + len + 1);
	assert_int_equal(heard.len, 7);
	assert_memory_equal(heard.identity, "f/1//id", 7);
	assert_true(heard.carries);
	assert_int_equal(heard.message.word, STORE_VERSION);
	assert_int_equal(heard.message.seq, UINT64_MAX);
	assert_int_equal(heard.message.len, sizeof(str));
	assert_memory_equal(heard.message.str, str, sizeof(str));
	free(text);
}

static void test_version_limit(void **state)
{
	struct store store = {.gateway = "a", .incarnation = 1};
	char *str = calloc(1, SR_CARRY_MAX + 1), *text;
	struct store_message message = version_of(3, str, SR_CARRY_MAX);
	char big[SR_CARRY_MAX + 40];
	size_t len;

	(void)state;
	text = sr_says_text(&store, "i", &message, &len);
	assert_true(len > SR_CARRY_MAX);
	free(text);
	/* Longer is news; so is version 0, which there never was. */
	message.len++;
	text = sr_says_text(&store, "i", &message, &len);
	assert_int_equal(len, 1);
	free(text);
	message = version_of(0, str, 1);
	text = sr_says_text(&store, "i", &message, &len);
	assert_int_equal(len, 1);
	free(text);
	free(str);
	/* Nor is it taken. */
	memset(big, '1', sizeof(big));
	for (int over = 0; over < 2; over++) {
		const char *end;
		struct sr_heard heard;
		int head =
			sprintf(big, "i version 3 %d\n", SR_CARRY_MAX + over);

		big[head] = '1';
		big[head + SR_CARRY_MAX + over] = '\n';
		end = big + head + SR_CARRY_MAX + over + 1;
		assert_ptr_equal(sr_says_read(big, end, &heard),
				 over ? big + head : end);
		assert_int_equal(heard.carries, !over);
		big[head + SR_CARRY_MAX + over] = '1';
	}
}

static void test_version_wrong(void **state)
{
	static const char *const heads[] = {
		"version", "version ", "version 1", "version 1 ", "version 0 3",
		"version 1 2", "version 1 4", "version 1 3 ", "version 1 3 3",
		"version  1 3", "version 1  3", " version 1 3", "Version 1 3",
		"versio 1 3", "version -1 3", "version +1 3", "version 1 +3",
		"version 1 0x3", "version 1 -3", "version 1 3\r",
		"version 18446744073709551616 3",
		"version 1 18446744073709551615",
		"version 1 18446744073709551616",
		"version 1 9223372036854775807", "version 1 4294967299",
	};
	char text[200];
	struct sr_heard heard;

	(void)state;
	heard = read_one("i version 1 3\nabc\n", 18);
	assert_true(heard.carries);
	heard = read_one("i version 1 0\n\n", 15);
	assert_true(heard.carries);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		int len = sprintf(text, "i %s\nabc\n", heads[i]);
		char *copy = malloc(len);

		memcpy(copy, text, len);
		assert_ptr_equal(sr_says_read(copy, copy + len, &heard),
				 copy + len - 4);
		if (heard.carries || heard.len != 1)
			fail_msg("taken: %s", heads[i]);
		free(copy);
	}
	/* Cut short anywhere. */
	for (size_t len = 0; len < 18; len++) {
		struct sr_heard last = {0};
		char *copy = malloc(len ? len : 1);
		const char *p = copy;

		memcpy(copy, "i version 1 3\nabc\n", len);
		while (p < copy + len) {
			p = sr_says_read(p, copy + len, &last);
			assert_false(last.carries);
		}
		assert_ptr_equal(p, copy + len);
		free(copy);
	}
	/* A NUL in the line. */
	memcpy(text, "i version 1 3\0\nabc\n", 19);
	assert_ptr_equal(sr_says_read(text, text + 19, &heard), text + 15);
	assert_false(heard.carries);
}

/* One after the other; what is wrong takes nothing else with it. */
static void test_several(void **state)
{
	static const char text[] = "a version 2 4\nx\ny\n\n"
				   "b\n"
				   "c version 2 400\nvers=1\n"
				   "d ack b 1 2 3 3\n"
				   "e version 3 1\nz\n"
				   "f";
	static const char *const ids[] = {"a", "b", "c", "vers=1",
					  "d", "e", "f"};
	static const char kinds[] = "v---av-";
	const char *p = text, *end = text + strlen(text);
	struct sr_heard heard;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		p = sr_says_read(p, end, &heard);
		assert_int_equal(heard.len, strlen(ids[i]));
		assert_memory_equal(heard.identity, ids[i], heard.len);
		assert_int_equal(heard.carries, kinds[i] != '-');
		assert_int_equal(heard.message.word == STORE_VERSION,
				 kinds[i] == 'v');
	}
	assert_ptr_equal(p, end);
}

static bool keep_version(struct sr_carried **carried, uint64_t seq,
			 const char *str)
{
	struct store_message message = version_of(seq, str, strlen(str));

	return sr_carried_keep(carried, &message);
}

static void test_keep_version(void **state)
{
	struct sr_carried *carried = NULL;

	(void)state;
	assert_true(keep_version(&carried, 4, "four"));
	assert_true(keep_version(&carried, 5, "five5"));
	assert_true(keep_version(&carried, 4, "four"));
	assert_true(keep_version(&carried, 5, "five5"));
	assert_int_equal(carried->seq, 5);
	assert_int_equal(carried->len, 5);
	assert_memory_equal(carried->str, "five5", 5);
	assert_true(keep_version(&carried, 6, ""));
	assert_int_equal(carried->seq, 6);
	assert_int_equal(carried->len, 0);
	/* Two of one number: the store has to be asked. */
	assert_true(keep_version(&carried, 7, "one"));
	assert_false(keep_version(&carried, 7, "two"));
	assert_null(carried);
	assert_true(keep_version(&carried, 7, "one"));
	assert_false(keep_version(&carried, 7, "once"));
	assert_null(carried);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_version_limit),
		cmocka_unit_test(test_version_wrong),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_keep_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
