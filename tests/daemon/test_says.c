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
		"version 1 2", "version 1 4", "version 1 3 ", "version 1 3 b/c",
		"version 1 3 b ", "version 1 3  b", "version 1 3 b b",
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
	assert_true(keep_version(&carried, 5, "five5"));
	assert_true(keep_version(&carried, 4, "four"));
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

/* Random notifications */

enum { ITEMS = 6, STR_MAX = 60, TEXT_MAX = ITEMS * (STR_MAX + 200) };

struct item {
	char identity[12];
	bool carries;
	struct store_message message;
	char str[STR_MAX];
};

static void random_item(struct item *item)
{
	static const char some[] = "\n\0 19-ackversiona/1//id\xff";
	struct store_message *message = &item->message;

	memset(item, 0, sizeof(*item));
	sprintf(item->identity, "f/%d//id", rand() % 3);
	item->carries = rand() % 4;
	message->word = rand() % 3 ? STORE_VERSION : STORE_SAYS;
	message->seq = 1 + rand() % 1000;
	message->says.installed = 1 + rand() % 1000;
	message->says.ended = rand() % (1 + message->says.installed);
	message->says.term = 1 + rand() % 9;
	message->len = rand() % STR_MAX;
	message->str = item->str;
	for (size_t i = 0; i < message->len; i++)
		item->str[i] = some[rand() % sizeof(some)];
}

static size_t random_text(char *text, struct item items[ITEMS], int count)
{
	const struct store store = {.gateway = "b", .incarnation = 7};
	size_t total = 0, len;

	for (int i = 0; i < count; i++) {
		struct item *item = &items[i];
		char *part;

		random_item(item);
		part = sr_says_text(&store, item->identity,
				    item->carries ? &item->message : NULL,
				    &len);
		memcpy(text + total, part, len);
		total += len;
		text[total++] = '\n';
		free(part);
	}
	return total;
}

static void assert_item(const struct item *item, const struct sr_heard *heard)
{
	const struct store_message *want = &item->message;
	const struct store_message *is = &heard->message;

	assert_int_equal(heard->len, strlen(item->identity));
	assert_memory_equal(heard->identity, item->identity, heard->len);
	assert_int_equal(heard->carries, item->carries);
	if (!item->carries)
		return;
	assert_int_equal(is->word, want->word);
	if (want->word == STORE_SAYS) {
		assert_string_equal(is->says.gateway, "b");
		assert_int_equal(is->says.incarnation, 7);
		assert_int_equal(is->says.term, want->says.term);
		assert_int_equal(is->says.installed, want->says.installed);
		assert_int_equal(is->says.ended, want->says.ended);
	} else {
		assert_int_equal(is->seq, want->seq);
		assert_int_equal(is->len, want->len);
		assert_memory_equal(is->str, want->str, want->len);
	}
}

/* Whatever it is: goes on, stays inside, ends at the end. */
static void assert_bounds(const char *text, size_t len)
{
	const char *p = text, *end = text + len, *next;
	struct sr_heard heard;

	for (; p < end; p = next) {
		next = sr_says_read(p, end, &heard);
		assert_true(next > p && next <= end);
		assert_ptr_equal(heard.identity, p);
		assert_true(heard.len <= (size_t)(next - p));
		assert_null(memchr(p, '\n', heard.len));
		assert_null(memchr(p, ' ', heard.len));
		if (!heard.carries || heard.message.word == STORE_SAYS)
			continue;
		assert_true(heard.message.seq);
		assert_true(heard.message.str > p);
		assert_ptr_equal(heard.message.str + heard.message.len + 1,
				 next);
		assert_int_equal(next[-1], '\n');
	}
}

/* In memory that ends where it ends. */
static void mangle(const char *text, size_t len)
{
	size_t size = rand() % 3 ? len : rand() % (len + 1);
	char *copy = malloc(size ? size : 1);

	memcpy(copy, text, size);
	for (int i = rand() % 4; i && size; i--)
		copy[rand() % size] = rand() % 2 ? '0' + rand() % 10
						 : "\n \0v/"[rand() % 5];
	assert_bounds(copy, size);
	free(copy);
}

static void test_random(void **state)
{
	struct item items[ITEMS];
	struct sr_heard heard;
	char text[TEXT_MAX];

	(void)state;
	srand(1);
	for (int round = 0; round < 30000; round++) {
		int count = 1 + rand() % ITEMS;
		size_t len = random_text(text, items, count);
		const char *p = text;

		for (int i = 0; i < count; i++) {
			p = sr_says_read(p, text + len, &heard);
			assert_item(&items[i], &heard);
		}
		assert_ptr_equal(p, text + len);
		mangle(text, len);
	}
}

/*
 * A daemon that knows no versions: each line is one of what is said, up to the
 * blank, if there is one, of what image.
 */
static void test_lines(void **state)
{
	static const char str[] =
		"vers=1\nseq=7\nscsi2_rsv=none\ngen=3\nrsv=5 0\n"
		"num_regs=1\naptpl=0\ndevice=d\nnum_changes=1\n"
		"change=7 preempt gw1 0x3172c1f735724311 4 0x0b 5 0 "
		"iqn.a,i,0x00023d000001 iqn.a,t,0x0001 5 1\n"
		"reg=0x0a11ce iqn.a,i,0x00023d000001 iqn.a,t,0x0001 5 1\n"
		"crc32c=0x1c2b3a49\n";
	static const char id[] = "0f0b4a5e-9d6b-3f5a-2b1e-7d107c3c1a64/2//10";
	const struct store_message message = version_of(7, str, strlen(str));
	struct store store = {.gateway = "a", .incarnation = 1};
	struct store_member says;
	int news = 0, others = 0, lines = 0;
	size_t len;
	char *text = sr_says_text(&store, id, &message, &len), *p, *end;

	(void)state;
	text[len] = '\0';
	for (p = text; *p; p = end + 1) {
		char *blank;

		end = strchr(p, '\n');
		*end = '\0';
		blank = strchr(p, ' ');
		if (blank)
			assert_false(parse(blank + 1, &says));
		if (blank)
			*blank = '\0';
		news += !strcmp(p, id);
		/* Such a word is no name of any image. */
		others += strchr(p, '=') && !strchr(p, '/');
		lines++;
	}
	assert_int_equal(news, 1);
	assert_int_equal(lines, 13);
	assert_int_equal(others, lines - 1);
	free(text);
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
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
