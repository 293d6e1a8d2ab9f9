// SPDX-License-Identifier: GPL-2.0-only
#include "scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "area.h"

#define NEW_STRING "the new string, whole"

static void setup_nothing(void)
{
	ops->close(area_open("b", 1));
}

static void setup_joined(void)
{
	struct store *a = area_open("a", 1);

	assert_int_equal(ops->join(a, LU, 1), 0);
	ops->close(a);
}

static void setup_versions(uint64_t count)
{
	struct store *b = area_open("b", 1);

	area_fill(b, 0, count);
	ops->close(b);
}

static void setup_one(void)
{
	setup_versions(1);
}

/* The next swap removes two versions and somebody's temporary file. */
static void setup_many(void)
{
	setup_versions(17);
	area_write("lu/" LU "/v00000000000000000001", area_string(1));
	area_write("lu/" LU "/.tmp.c.0000000000000001.7.v00000000000000000002",
		   "half");
}

static void setup_unfinished(void)
{
	setup_versions(1);
	area_remove("lu/" LU "/created");
}

static void setup_restarted(void)
{
	struct store *old = area_open("a", 1);

	setup_one();
	assert_int_equal(ops->join(old, LU, 1), 0);
	assert_int_equal(ops->ack(old, LU, 1, 1, 1), 0);
	ops->close(old);
}

static void setup_member(void)
{
	struct store *a = area_open("a", 2);

	setup_one();
	assert_int_equal(ops->join(a, LU, 1), 0);
	assert_int_equal(ops->ack(a, LU, 1, 1, 1), 0);
	ops->close(a);
}

static void setup_left_overs(void)
{
	setup_restarted();
	area_write("lu/" LU "/.tmp.a.0000000000000001.9.v00000000000000000002",
		   "half");
	area_write("lu/" LU "/m/a/.tmp.a.0000000000000001.9", "1 ");
	area_write("gw/a/.tmp.a.0000000000000001.9", "1 ");
}

static void setup_beaten(void)
{
	struct store *a = area_open("a", 1);

	area_beats(a, 1, 3, 9);
	assert_int_equal(ops->evict(a, "a", 1), 0);
	assert_int_equal(ops->evict(a, "a", 3), 0);
	ops->close(a);
}

/* Before the mark was durable. */
static void setup_marked(void)
{
	setup_beaten();
	area_write("gw/a/evicted.00000000000000000005", "");
}

static int swap_to(struct store *store, uint64_t expected)
{
	return ops->swap(store, LU, expected, NEW_STRING, strlen(NEW_STRING));
}

static int op_create(struct store *store)
{
	return swap_to(store, 0);
}

static int op_swap(struct store *store)
{
	return swap_to(store, 1);
}

static int op_swap_many(struct store *store)
{
	return swap_to(store, 17);
}

static int op_load(struct store *store)
{
	uint64_t seq;
	char *str;
	size_t len;
	int ret = ops->load(store, LU, &str, &len, &seq);

	if (!ret && (seq != 1 || strcmp(str, area_string(1))))
		abort();
	if (!ret)
		free(str);
	return ret;
}

static int op_join(struct store *store)
{
	return ops->join(store, LU, 1);
}

static int op_mark(struct store *store)
{
	return ops->mark_lost(store, LU, 2, NEW_STRING, strlen(NEW_STRING));
}

static int op_ack(struct store *store)
{
	return ops->ack(store, LU, 1, 2, 2);
}

static int op_leave(struct store *store)
{
	return ops->leave(store, LU);
}

static int op_members(struct store *store)
{
	struct store_member *list;
	size_t count;
	int ret = ops->members(store, LU, &list, &count);

	if (ret)
		return ret;
	if (count != 1 || list[0].incarnation != 2 || list[0].installed != 1)
		abort();
	free(list);
	return 0;
}

static int op_announce(struct store *store)
{
	return ops->announce(store, LU, "c", NULL);
}

static int op_open(struct store *store)
{
	char *err = NULL;
	int ret = ops->open(&store, area_where, "a", 2, &err);

	if (!ret)
		ops->close(store);
	free(err);
	return ret;
}

static int beat_in(struct store *store, uint64_t term, uint64_t count)
{
	struct store_beat beat = area_beat(2, term, count);
	uint64_t evicted = 77;
	int ret = ops->beat(store, &beat, &evicted);

	if (!ret && evicted != (term == 4 ? 3 : 0))
		abort();
	return ret;
}

/* The gateway starts. */
static int op_beat_first(struct store *store)
{
	return beat_in(store, 1, 1);
}

/* It was evicted, and starts. */
static int op_beat_term(struct store *store)
{
	struct store_gateway *list;
	size_t count;
	int ret = ops->gateways(store, &list, &count);

	if (ret)
		return ret;
	free(list);
	return beat_in(store, 4, 1);
}

/* It goes on. */
static int op_beat_more(struct store *store)
{
	int ret = 0;

	for (uint64_t count = 1; !ret && count < 5; count++)
		ret = beat_in(store, 1, count);
	return ret;
}

static int op_evict(struct store *store)
{
	return ops->evict(store, "c", 5);
}

static int op_evict_marked(struct store *store)
{
	return ops->evict(store, "a", 5);
}

static int op_fence(struct store *store)
{
	return ops->fence(store, "a", 5);
}

static int op_gateways(struct store *store)
{
	struct store_gateway *list;
	size_t count;
	int ret = ops->gateways(store, &list, &count);

	if (ret)
		return ret;
	if (count != 1 || !list[0].beaten || list[0].beat.term != 3 ||
	    list[0].evicted != 3)
		abort();
	free(list);
	return 0;
}

/* The promise of struct store_ops about what swap returns. */
static void check_swap(const struct outcome *outcome, uint64_t expected)
{
	/* Before the load, which would make it. */
	bool marker = area_exists("lu/" LU "/created");
	char text[8192];
	long long seq = area_newest(outcome->other, text, sizeof(text));
	bool stored = seq == (long long)expected + 1;

	if (stored)
		assert_string_equal(text, NEW_STRING);
	else if (expected)
		assert_string_equal(text, area_string(expected));
	if (!stored)
		assert_int_equal(seq, expected ? (long long)expected : -ENOENT);
	if (!outcome->done || outcome->ret == -EINPROGRESS)
		return;
	assert_int_equal(stored, outcome->ret == 0);
	if (stored)
		assert_true(marker);
	/* There is nobody else: these would be lies. */
	assert_int_not_equal(outcome->ret, -EAGAIN);
	assert_int_not_equal(outcome->ret, -ENOENT);
	assert_int_not_equal(outcome->ret, -ENODATA);
}

static void check_create(const struct outcome *outcome)
{
	check_swap(outcome, 0);
}

static void check_swap_one(const struct outcome *outcome)
{
	check_swap(outcome, 1);
}

static void check_swap_many(const struct outcome *outcome)
{
	check_swap(outcome, 17);
}

/* Of a logical unit that was never there. */
static void check_mark(const struct outcome *outcome)
{
	char text[8192];
	long long seq = area_newest(outcome->other, text, sizeof(text));

	assert_true(seq == -ENOENT || seq == 2);
	if (outcome->done && !outcome->ret)
		assert_int_equal(seq, 2);
	if (outcome->done && outcome->ret && outcome->ret != -EINPROGRESS)
		assert_int_equal(seq, -ENOENT);
}

static void check_load(const struct outcome *outcome)
{
	if (outcome->done) {
		assert_int_not_equal(outcome->ret, -ENOENT);
		assert_int_not_equal(outcome->ret, -ENODATA);
	}
	if (outcome->done && !outcome->ret)
		assert_true(area_exists("lu/" LU "/created"));
	area_expect(outcome->other, 1, area_string(1));
}

/* Finds "a" among the members; false if it is none. */
static bool find_member(const struct outcome *outcome,
			struct store_member *member)
{
	struct store_member *list = NULL;
	size_t count = 0;
	int ret = ops->members(outcome->other, LU, &list, &count);

	assert_true(ret == 0 || ret == -ENOENT);
	assert_true(count <= 1);
	if (count) {
		*member = list[0];
		assert_string_equal(member->gateway, "a");
	}
	free(list);
	return count;
}

static void check_join(const struct outcome *outcome)
{
	struct store_member member;
	bool found = find_member(outcome, &member);

	if (found)
		assert_true(member.incarnation == 2 && !member.installed);
	if (outcome->done && !outcome->ret)
		assert_true(found);
}

static void check_rejoin(const struct outcome *outcome)
{
	struct store_member member;

	assert_true(find_member(outcome, &member));
	if (member.incarnation == 1)
		assert_int_equal(member.installed, 1);
	else
		assert_true(member.incarnation == 2 && !member.installed);
	if (outcome->done && !outcome->ret)
		assert_int_equal(member.incarnation, 2);
}

static void check_ack(const struct outcome *outcome)
{
	struct store_member member;

	assert_true(find_member(outcome, &member));
	assert_int_equal(member.incarnation, 2);
	assert_in_range(member.installed, 1, 2);
	if (outcome->done && !outcome->ret)
		assert_int_equal(member.installed, 2);
}

static void check_leave(const struct outcome *outcome)
{
	struct store_member member;
	bool found = find_member(outcome, &member);

	if (found)
		assert_true(member.incarnation == 2 && member.installed == 1);
	if (outcome->done && !outcome->ret)
		assert_false(found);
}

static void check_members(const struct outcome *outcome)
{
	struct store_member member;

	assert_true(find_member(outcome, &member));
	if (outcome->done)
		assert_int_not_equal(outcome->ret, -ENOENT);
}

static void check_announce(const struct outcome *outcome)
{
	(void)outcome;
}

static void check_open(const struct outcome *outcome)
{
	struct store_member member;

	area_expect(outcome->other, 1, area_string(1));
	assert_true(find_member(outcome, &member));
	assert_true(member.incarnation == 1 && member.installed == 1);
}

static void check_open_new(const struct outcome *outcome)
{
	char text[64];

	assert_int_equal(area_newest(outcome->other, text, sizeof(text)),
			 -ENOENT);
}

/* Of one who was never there it may be known that it never was. */
static void check_beat(const struct outcome *outcome, bool before,
		       uint64_t term)
{
	struct store_gateway a;
	bool found = area_gateway(outcome->other, "a", &a);
	bool stored = found && a.beat.incarnation == 2;

	if (found)
		assert_true(a.beaten);
	if (before)
		assert_true(found);
	if (stored) {
		assert_int_equal(a.beat.term, term);
		assert_int_equal(a.beat.lease_ms, 15000);
	} else if (found) {
		assert_int_equal(a.beat.term, 3);
		assert_int_equal(a.beat.count, 9);
	}
	if (before)
		assert_int_equal(a.evicted, 3);
	if (outcome->done && !outcome->ret)
		assert_true(stored);
	if (outcome->done)
		assert_int_not_equal(outcome->ret, -ESTALE);
}

static void check_beat_first(const struct outcome *outcome)
{
	check_beat(outcome, false, 1);
}

static void check_beat_term(const struct outcome *outcome)
{
	check_beat(outcome, true, 4);
}

static void check_mark_of(const struct outcome *outcome, const char *gateway,
			  bool fenced)
{
	struct store_gateway found;
	bool is = area_gateway(outcome->other, gateway, &found);
	uint64_t term = !is ? 0 : fenced ? found.fenced : found.evicted;

	if (outcome->done && !outcome->ret)
		assert_int_equal(term, 5);
	else
		assert_true(term == 5 || term == 3 || term == 0);
}

static void check_evict(const struct outcome *outcome)
{
	check_mark_of(outcome, "c", false);
}

static void check_evict_marked(const struct outcome *outcome)
{
	check_mark_of(outcome, "a", false);
}

static void check_fence(const struct outcome *outcome)
{
	check_mark_of(outcome, "a", true);
}

static void check_gateways(const struct outcome *outcome)
{
	struct store_gateway found;

	assert_true(area_gateway(outcome->other, "a", &found));
	assert_int_equal(found.beat.count, 9);
}

const struct scenario scenarios[] = {
	{"create", false, setup_nothing, op_create, check_create},
	{"create joined", false, setup_joined, op_create, check_create},
	{"swap", false, setup_one, op_swap, check_swap_one},
	{"swap unfinished", false, setup_unfinished, op_swap, check_swap_one},
	{"swap with removal", false, setup_many, op_swap_many, check_swap_many},
	{"mark nothing", false, setup_nothing, op_mark, check_mark},
	{"mark lost", false, setup_one, op_mark, check_swap_one},
	{"load", false, setup_one, op_load, check_load},
	{"load unfinished", false, setup_unfinished, op_load, check_load},
	{"join", false, setup_nothing, op_join, check_join},
	{"join again", false, setup_restarted, op_join, check_rejoin},
	{"ack", false, setup_member, op_ack, check_ack},
	{"leave", false, setup_member, op_leave, check_leave},
	{"members", false, setup_member, op_members, check_members},
	{"announce", false, setup_one, op_announce, check_announce},
	{"beat first", false, setup_nothing, op_beat_first, check_beat_first},
	{"beat in new term", false, setup_beaten, op_beat_term,
	 check_beat_term},
	{"beat more", false, setup_nothing, op_beat_more, check_beat_first},
	{"evict", false, setup_nothing, op_evict, check_evict},
	{"evict again", false, setup_marked, op_evict_marked,
	 check_evict_marked},
	{"fence", false, setup_beaten, op_fence, check_fence},
	{"gateways", false, setup_beaten, op_gateways, check_gateways},
	{"open", true, setup_left_overs, op_open, check_open},
	{"open new", true, area_clear, op_open, check_open_new},
};

const int scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

void scenario_aftermath(const struct outcome *outcome)
{
	struct store *a = area_open("a", 3);
	struct store_member member;
	struct store_gateway self;
	char text[8192];
	long long seq = area_newest(outcome->other, text, sizeof(text));

	assert_int_equal(ops->join(a, LU, 1), 0);
	assert_int_equal(area_count("", ".tmp.a."), 0);
	assert_true(seq == -ENOENT || seq > 0);
	if (seq < 0)
		seq = 0;
	assert_int_equal(ops->swap(outcome->other, LU, seq, "b", 1), 0);
	area_expect(a, seq + 1, "b");
	assert_int_equal(ops->swap(a, LU, seq + 1, "a", 1), 0);
	area_expect(outcome->other, seq + 2, "a");
	assert_true(area_count("lu/" LU, "v0") <= 16);
	assert_int_equal(ops->join(a, LU, 1), 0);
	assert_true(find_member(outcome, &member));
	assert_int_equal(member.incarnation, 3);
	assert_int_equal(ops->leave(a, LU), 0);
	area_gateway(a, "a", &self);
	area_beats(a, 3, 9, 1);
	assert_int_equal(ops->evict(outcome->other, "a", 9), 0);
	assert_int_equal(area_beats(a, 3, 9, 2), 9);
	assert_true(area_gateway(outcome->other, "a", &self));
	assert_int_equal(self.beat.count, 2);
	assert_int_equal(area_count("", ".tmp."), 0);
	ops->close(a);
}
