// SPDX-License-Identifier: GPL-2.0-only
#include "beats.h"
#include "rules.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	LONGEST = 2074124, /* string that the core makes */
	MOST = 8 << 20, /* bytes that a store has to take */
};

static const struct rules_place *at;
static const struct store_ops *ops;

static struct store *open_as(const char *gateway, uint64_t incarnation)
{
	struct store *store = NULL;
	char *err = NULL;

	if (ops->open(&store, at->where, gateway, incarnation, &err))
		fail_msg("open: %s", err);
	return store;
}

static int swap(struct store *store, const char *lu, uint64_t expected,
		const char *str)
{
	return ops->swap(store, lu, expected, str, strlen(str));
}

static int mark(struct store *store, const char *lu, uint64_t seq)
{
	return ops->mark_lost(store, lu, seq, "lost\n", 5);
}

/* Only whether it can be loaded. */
static int load(struct store *store, const char *lu)
{
	char *text = NULL;
	uint64_t seq;
	size_t len;
	int ret = ops->load(store, lu, &text, &len, &seq);

	free(text);
	return ret;
}

static void expect(struct store *store, const char *lu, uint64_t seq,
		   const char *str)
{
	char *text = NULL;
	uint64_t got = 0;
	size_t len = 0;

	assert_int_equal(ops->load(store, lu, &text, &len, &got), 0);
	assert_int_equal(got, seq);
	assert_int_equal(strlen(text), len);
	assert_string_equal(text, str);
	free(text);
}

/* Opening */

static int open_error(const char *gateway)
{
	struct store *store = NULL;
	char *err = NULL;
	int ret = ops->open(&store, at->where, gateway, 1, &err);

	assert_null(store);
	assert_non_null(err);
	assert_non_null(strstr(err, at->where));
	free(err);
	return ret;
}

static void test_names(void **state)
{
	char name[65];

	(void)state;
	ops->close(NULL);
	assert_int_equal(open_error(""), -EINVAL);
	assert_int_equal(open_error(".a"), -EINVAL);
	assert_int_equal(open_error("a/b"), -EINVAL);
	assert_int_equal(open_error("a b"), -EINVAL);
	assert_int_equal(open_error("\xc3\xa4"), -EINVAL);
	memset(name, 'g', 64);
	name[64] = '\0';
	assert_int_equal(open_error(name), -EINVAL);
	name[63] = '\0';
	ops->close(open_as(name, 1));
	ops->close(open_as(name, 2));
}

/* Strings */

static void test_swap(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", 1);
	const char *lu = at->lu();

	(void)state;
	assert_int_equal(load(a, lu), -ENOENT);
	assert_int_equal(swap(a, lu, 3, "x"), -ENOENT);
	assert_int_equal(swap(a, lu, 0, "one"), 0);
	expect(b, lu, 1, "one");
	assert_true(at->marked(lu));
	assert_int_equal(swap(b, lu, 0, "other"), -EAGAIN);
	assert_int_equal(swap(b, lu, 2, "other"), -EAGAIN);
	assert_int_equal(swap(b, lu, 1, ""), 0);
	expect(a, lu, 2, "");
	assert_int_equal(swap(a, lu, 1, "other"), -EAGAIN);
	expect(b, lu, 2, "");
	/* Without having loaded it. */
	assert_int_equal(swap(a, lu, 2, "three"), 0);
	assert_int_equal(swap(a, lu, 3, "four"), 0);
	assert_int_equal(swap(b, lu, 2, "x"), -EAGAIN);
	assert_int_equal(swap(b, lu, 4, "five"), 0);
	expect(a, lu, 5, "five");
	assert_int_equal(swap(a, lu, UINT64_MAX, "x"), -EOVERFLOW);
	ops->close(a);
	ops->close(b);
}

static void test_long(void **state)
{
	static const size_t sizes[] = {LONGEST, MOST};
	struct store *a = open_as("a", 1);
	const char *lu = at->lu();
	char *big = malloc(MOST + 1), *str;
	uint64_t seq;
	size_t len;

	(void)state;
	assert_non_null(big);
	for (size_t i = 0; i <= MOST; i++)
		big[i] = 'a' + i % 26;
	assert_int_equal(ops->swap(a, lu, 0, big, MOST + 1), -EFBIG);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ops->swap(a, lu, i, big, sizes[i]), 0);
		assert_int_equal(ops->load(a, lu, &str, &len, &seq), 0);
		assert_int_equal(seq, i + 1);
		assert_int_equal(len, sizes[i]);
		assert_memory_equal(str, big, len);
		free(str);
	}
	free(big);
	ops->close(a);
}

static void test_lost(void **state)
{
	struct store *a = open_as("a", 1);
	const char *lu = at->lu();

	(void)state;
	assert_int_equal(swap(a, lu, 0, "one"), 0);
	assert_int_equal(swap(a, lu, 1, "two"), 0);
	at->lose(lu);
	assert_int_equal(load(a, lu), -ENODATA);
	assert_int_equal(swap(a, lu, 0, "x"), -ENODATA);
	assert_int_equal(swap(a, lu, 2, "x"), -ENODATA);
	assert_int_equal(swap(a, lu, 3, "x"), -ENODATA);
	assert_int_equal(load(a, lu), -ENODATA);
	/* Also when a gateway has joined since. */
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(load(a, lu), -ENODATA);
	at->wipe(lu);
	assert_int_equal(load(a, lu), -ENOENT);
	assert_int_equal(swap(a, lu, 0, "new"), 0);
	expect(a, lu, 1, "new");
	ops->close(a);
}

/* Who stored the first version has crashed. */
static void test_unfinished_creation(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", 1);
	const char *lu = at->lu();

	(void)state;
	assert_int_equal(swap(a, lu, 0, "one"), 0);
	at->unmark(lu);
	assert_int_equal(swap(b, lu, 0, "x"), -EAGAIN);
	expect(b, lu, 1, "one");
	assert_true(at->marked(lu));
	at->unmark(lu);
	ops->close(b);
	b = open_as("b", 2);
	assert_int_equal(swap(b, lu, 1, "two"), 0);
	assert_true(at->marked(lu));
	ops->close(a);
	ops->close(b);
}

static void test_mark_lost(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", 1);
	const char *lu = at->lu();

	(void)state;
	assert_int_equal(mark(a, lu, 0), -EINVAL);
	/* Nothing was ever here, as far as the store knows. */
	assert_int_equal(mark(a, lu, 5), 0);
	expect(b, lu, 5, "lost\n");
	assert_true(at->marked(lu));
	/* It is a version like any other: too late. */
	assert_int_equal(mark(a, lu, 5), -EAGAIN);
	assert_int_equal(mark(a, lu, 4), -EAGAIN);
	assert_int_equal(swap(a, lu, 4, "x"), -EAGAIN);
	assert_int_equal(swap(a, lu, 5, "six"), 0);
	expect(b, lu, 6, "six");
	assert_int_equal(swap(a, lu, 5, "x"), -EAGAIN);
	assert_int_equal(mark(b, lu, 40), 0);
	expect(a, lu, 40, "lost\n");
	at->lose(lu);
	assert_int_equal(load(a, lu), -ENODATA);
	assert_int_equal(mark(a, lu, 43), 0);
	expect(b, lu, 43, "lost\n");
	assert_int_equal(swap(b, lu, 43, "more"), 0);
	expect(a, lu, 44, "more");
	ops->close(a);
	ops->close(b);
}

/* Members */

static void check(struct store *store, const char *lu, size_t want,
		  const char *gateway, uint64_t incarnation, uint64_t term,
		  uint64_t installed, uint64_t ended, uint64_t seen)
{
	struct store_member *list, member = {0};
	size_t count;

	assert_int_equal(ops->members(store, lu, &list, &count), 0);
	assert_int_equal(count, want);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].gateway, gateway))
			member = list[i];
	free(list);
	assert_string_equal(member.gateway, gateway);
	assert_int_equal(member.incarnation, incarnation);
	assert_int_equal(member.term, term);
	assert_int_equal(member.installed, installed);
	assert_int_equal(member.ended, ended);
	assert_int_equal(member.seen, seen);
}

static void check_none(struct store *store, const char *lu)
{
	struct store_member *list;
	size_t count;

	assert_int_equal(ops->members(store, lu, &list, &count), 0);
	assert_int_equal(count, 0);
	free(list);
}

static void test_members(void **state)
{
	const uint64_t most = UINT64_MAX;
	struct store *a = open_as("a", 7), *b = open_as("b", most);
	const char *lu = at->lu();
	struct store_member *list;
	size_t count;

	(void)state;
	assert_int_equal(ops->members(a, lu, &list, &count), -ENOENT);
	assert_int_equal(ops->ack(a, lu, 1, 1, 1), -ENOENT);
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->join(a, lu, 1), 0);
	/* It creates nothing else. */
	assert_false(at->marked(lu));
	assert_int_equal(load(a, lu), -ENOENT);
	check(b, lu, 1, "a", 7, 1, 0, 0, 0);
	assert_int_equal(ops->ack(b, lu, 1, 10, 10), -ENOENT);
	assert_int_equal(ops->join(b, lu, 1), 0);
	assert_int_equal(ops->ack(b, lu, 1, 5, 5), 0);
	assert_int_equal(ops->ack(b, lu, 1, 5, 5), 0);
	assert_int_equal(ops->ack(b, lu, 1, 4, 4), -EINVAL);
	check(a, lu, 2, "a", 7, 1, 0, 0, 0);
	check(a, lu, 2, "b", most, 1, 5, 5, 5);
	/* What is installed may have more to end than was so far. */
	assert_int_equal(ops->ack(b, lu, 1, 9, 4), -EINVAL);
	assert_int_equal(ops->ack(b, lu, 1, 9, 10), -EINVAL);
	assert_int_equal(ops->ack(b, lu, 1, 9, 5), 0);
	check(a, lu, 2, "b", most, 1, 9, 5, 9);
	assert_int_equal(ops->ack(b, lu, 1, 8, 5), -EINVAL);
	assert_int_equal(ops->ack(b, lu, 1, 9, 9), 0);
	check(a, lu, 2, "b", most, 1, 9, 9, 9);
	assert_int_equal(ops->ack(b, lu, 1, most, most), 0);
	check(a, lu, 2, "b", most, 1, most, most, most);
	assert_int_equal(ops->join(b, lu, 1), 0);
	check(a, lu, 2, "b", most, 1, 0, 0, most);
	assert_int_equal(ops->members(a, lu, &list, &count), 0);
	assert_string_equal(list[0].gateway, "a");
	assert_string_equal(list[1].gateway, "b");
	free(list);
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->leave(a, lu), 0);
	check(a, lu, 1, "b", most, 1, 0, 0, most);
	assert_int_equal(ops->ack(a, lu, 1, 5, 5), -ENOENT);
	assert_int_equal(ops->leave(b, lu), 0);
	check_none(a, lu);
	ops->close(a);
	ops->close(b);
}

static void test_terms_of_members(void **state)
{
	struct store *a = open_as("a", 1);
	const char *lu = at->lu();

	(void)state;
	assert_int_equal(ops->join(a, lu, 3), 0);
	assert_int_equal(ops->ack(a, lu, 2, 1, 1), -ESTALE);
	assert_int_equal(ops->ack(a, lu, 4, 1, 1), -ESTALE);
	assert_int_equal(ops->ack(a, lu, 3, 1, 1), 0);
	assert_int_equal(ops->join(a, lu, 5), 0);
	assert_int_equal(ops->ack(a, lu, 3, 2, 2), -ESTALE);
	check(a, lu, 1, "a", 1, 5, 0, 0, 1);
	ops->close(a);
}

/* What a gateway saw is remembered when it joins again, until it leaves. */
static void test_incarnations(void **state)
{
	struct store *old = open_as("a", 1), *new = open_as("a", 2);
	const char *lu = at->lu();

	(void)state;
	assert_int_equal(ops->join(old, lu, 1), 0);
	assert_int_equal(ops->ack(old, lu, 1, 9, 9), 0);
	assert_int_equal(ops->join(new, lu, 1), 0);
	check(new, lu, 1, "a", 2, 1, 0, 0, 9);
	assert_int_equal(ops->ack(old, lu, 1, 10, 10), -ESTALE);
	assert_int_equal(ops->leave(old, lu), -ESTALE);
	check(new, lu, 1, "a", 2, 1, 0, 0, 9);
	ops->close(old);
	assert_int_equal(ops->ack(new, lu, 1, 3, 3), 0);
	check(new, lu, 1, "a", 2, 1, 3, 3, 9);
	assert_int_equal(ops->leave(new, lu), 0);
	assert_int_equal(ops->join(new, lu, 1), 0);
	check(new, lu, 1, "a", 2, 1, 0, 0, 0);
	ops->close(new);
}

static void test_forget(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", 1);
	const char *lu = at->lu();

	(void)state;
	assert_int_equal(ops->forget(a, lu, "b"), -ENOENT);
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->forget(a, lu, "b"), -ENOENT);
	assert_int_equal(ops->join(b, lu, 1), 0);
	assert_int_equal(ops->forget(b, lu, "b"), -EINVAL);
	assert_int_equal(ops->forget(b, lu, "../a"), -EINVAL);
	assert_int_equal(ops->forget(a, lu, "b"), 0);
	check(a, lu, 1, "a", 1, 1, 0, 0, 0);
	assert_int_equal(ops->ack(b, lu, 1, 1, 1), -ENOENT);
	assert_int_equal(ops->join(b, lu, 1), 0);
	at->spoil_member(lu, "b");
	assert_int_equal(ops->forget(a, lu, "b"), 0);
	check(a, lu, 1, "a", 1, 1, 0, 0, 0);
	ops->close(a);
	ops->close(b);
}

/* What cannot be read may be a member that would be overlooked. */
static void test_broken_member(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", 1);
	const char *lu = at->lu();
	struct store_member *list;
	size_t count;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->ack(a, lu, 1, 1, 1), 0);
	at->spoil_member(lu, "a");
	assert_int_equal(ops->members(b, lu, &list, &count), -EBADMSG);
	assert_int_equal(ops->ack(a, lu, 1, 1, 1), -EBADMSG);
	assert_int_equal(ops->leave(a, lu), -EBADMSG);
	assert_int_equal(ops->join(a, lu, 1), 0);
	check(b, lu, 1, "a", 1, 1, 0, 0, 0);
	ops->close(a);
	ops->close(b);
}

/* Heartbeats */

static struct store_beat beat_of(uint64_t incarnation, uint64_t term,
				 uint64_t count)
{
	struct store_beat beat = {
		.term = term,
		.incarnation = incarnation,
		.count = count,
		.lease_ms = 15000,
		.boot = "\x00\xff machine",
	};

	return beat;
}

/* *@evicted: 77 if it is not told. */
static int beat_seen(struct store *store, uint64_t incarnation, uint64_t term,
		     uint64_t count, uint64_t *evicted)
{
	struct store_beat beat = beat_of(incarnation, term, count);

	*evicted = 77;
	return ops->beat(store, &beat, evicted);
}

static int beat(struct store *store, uint64_t incarnation, uint64_t term,
		uint64_t count)
{
	uint64_t evicted;

	return beat_seen(store, incarnation, term, count, &evicted);
}

/* The same, and the term that it is told to be evicted from. */
static void beats(struct store *store, uint64_t term, uint64_t count,
		  uint64_t want)
{
	uint64_t evicted;

	assert_int_equal(beat_seen(store, 1, term, count, &evicted), 0);
	assert_true(evicted == want);
}

static bool find(struct store *store, const char *gateway,
		 struct store_gateway *found)
{
	return beats_find(ops, store, gateway, found);
}

static void expect_beat(struct store *store, const char *gateway,
			uint64_t incarnation, uint64_t term, uint64_t count)
{
	struct store_beat want = beat_of(incarnation, term, count);

	beats_expect(ops, store, gateway, &want);
}

static void test_beat(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", UINT64_MAX);
	struct store_gateway *list, found;
	size_t count;

	(void)state;
	assert_int_equal(ops->gateways(a, &list, &count), 0);
	assert_int_equal(count, 0);
	free(list);
	assert_int_equal(beat(b, UINT64_MAX, UINT64_MAX, 1), 0);
	beats(a, 1, UINT64_MAX, 0);
	assert_int_equal(ops->gateways(a, &list, &count), 0);
	assert_int_equal(count, 2);
	assert_string_equal(list[0].gateway, "a");
	assert_string_equal(list[1].gateway, "b");
	assert_int_equal(list[1].evicted, 0);
	free(list);
	expect_beat(b, "a", 1, 1, UINT64_MAX);
	expect_beat(a, "b", UINT64_MAX, UINT64_MAX, 1);
	beats(a, 1, 2, 0);
	expect_beat(b, "a", 1, 1, 2);
	assert_false(find(a, "c", &found));
	assert_int_equal(beat(a, 1, 0, 1), -EINVAL);
	assert_int_equal(beat(a, 2, 1, 1), -EINVAL);
	expect_beat(b, "a", 1, 1, 2);
	ops->close(a);
	ops->close(b);
}

/* Two daemons with one name, as far as heartbeats tell. */
static void test_other_daemon(void **state)
{
	struct store *old = open_as("a", 1), *new = open_as("a", 2);
	struct store_gateway found;

	(void)state;
	beats(old, 1, 1, 0);
	/* The first call, and nobody has looked: -ESTALE, and it is noted. */
	assert_int_equal(beat(new, 2, 2, 1), -ESTALE);
	expect_beat(new, "a", 1, 1, 1);
	beats(old, 1, 2, 0);
	assert_int_equal(beat(new, 2, 2, 1), -ESTALE);
	/* A look does not count any more. */
	beats(old, 1, 3, 0);
	assert_true(find(new, "a", &found));
	assert_int_equal(beat(new, 2, 2, 1), -ESTALE);
	expect_beat(new, "a", 1, 1, 3);
	/* It stands still. */
	assert_int_equal(beat(new, 2, 2, 1), 0);
	assert_int_equal(beat(new, 2, 2, 2), 0);
	assert_int_equal(beat(old, 1, 1, 4), -ESTALE);
	expect_beat(new, "a", 2, 2, 2);
	ops->close(old);
	ops->close(new);
	/* Looked first. */
	new = open_as("a", 3);
	assert_true(find(new, "a", &found));
	assert_int_equal(beat(new, 3, 3, 1), 0);
	ops->close(new);
}

/* Looked first, but it went on since. */
static void test_other_daemon_lives(void **state)
{
	struct store *old = open_as("a", 1), *new = open_as("a", 2);
	struct store_gateway found;

	(void)state;
	beats(old, 1, 1, 0);
	assert_true(find(new, "a", &found));
	beats(old, 1, 2, 0);
	assert_int_equal(beat(new, 2, 2, 1), -ESTALE);
	expect_beat(new, "a", 1, 1, 2);
	ops->close(old);
	ops->close(new);
}

static void test_marks(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", 1);
	struct store_gateway found;

	(void)state;
	beats(a, 4, 1, 0);
	assert_int_equal(ops->evict(b, "a", 4), 0);
	assert_int_equal(ops->evict(b, "a", 4), 0);
	assert_int_equal(ops->evict(b, "a", 2), 0);
	assert_int_equal(ops->fence(b, "a", 3), 0);
	assert_true(find(b, "a", &found));
	assert_int_equal(found.evicted, 4);
	assert_int_equal(found.fenced, 3);
	assert_int_equal(found.beat.count, 1);
	beats(a, 4, 2, 4);
	beats(a, 5, 3, 4);
	assert_int_equal(ops->evict(b, "a", UINT64_MAX), 0);
	beats(a, 5, 4, UINT64_MAX);
	assert_int_equal(ops->evict(b, "a", 0), -EINVAL);
	assert_int_equal(ops->fence(b, "a", 0), -EINVAL);
	assert_int_equal(ops->evict(b, "../a", 1), -EINVAL);
	assert_int_equal(ops->evict(b, "", 1), -EINVAL);
	/* Of a gateway that never beat. */
	assert_int_equal(ops->fence(b, "c", 7), 0);
	assert_true(find(a, "c", &found));
	assert_false(found.beaten);
	assert_int_equal(found.fenced, 7);
	ops->close(a);
	ops->close(b);
}

/* Others are not kept from looking; the gateway itself does not go on. */
static void test_broken_gateway(void **state)
{
	struct store *a = open_as("a", 1), *b = open_as("b", 1);
	struct store_gateway found;

	(void)state;
	beats(b, 1, 1, 0);
	beats(a, 6, 1, 0);
	assert_int_equal(ops->evict(b, "a", 5), 0);
	at->spoil_beat("a");
	assert_true(find(b, "a", &found));
	assert_false(found.beaten);
	assert_int_equal(found.beat.term, 0);
	assert_int_equal(found.evicted, 5);
	assert_int_equal(beat(a, 1, 6, 2), -EBADMSG);
	expect_beat(b, "b", 1, 1, 1);
	at->drop_beat("a");
	beats(a, 6, 3, 5);
	expect_beat(b, "a", 1, 6, 3);
	at->spoil_mark("a");
	assert_true(find(b, "a", &found));
	assert_false(found.beaten);
	assert_int_equal(beat(a, 1, 6, 4), -EBADMSG);
	at->mend_mark("a");
	assert_int_equal(beat(a, 1, 6, 5), 0);
	expect_beat(b, "a", 1, 6, 5);
	ops->close(a);
	ops->close(b);
}

static int after(void **state)
{
	return at->clear(state);
}

#define T(name) cmocka_unit_test_teardown(test_##name, after)

int rules_run(const struct rules_place *place, int (*setup)(void **state),
	      int (*teardown)(void **state))
{
	const struct CMUnitTest rules[] = {
		T(names),
		T(swap),
		T(long),
		T(lost),
		T(unfinished_creation),
		T(mark_lost),
		T(members),
		T(terms_of_members),
		T(incarnations),
		T(forget),
		T(broken_member),
		T(beat),
		T(other_daemon),
		T(other_daemon_lives),
		T(marks),
		T(broken_gateway),
	};

	at = place;
	ops = place->ops;
	return cmocka_run_group_tests(rules, setup, teardown);
}
