// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of store.h on RBD images: those of rules.c, and what is particular
 * to this store.
 */
#include "pool.h"
#include "rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAYS "tcmu_pr_gateways"

enum { TRIPS = 50 };

static int open_error(const char *where, const char *gateway)
{
	struct store *store = NULL;
	char *err = NULL;
	int ret = ops->open(&store, where, gateway, 1, &err);

	assert_null(store);
	assert_non_null(err);
	assert_non_null(strstr(err, where));
	free(err);
	return ret;
}

static void test_open(void **state)
{
	char where[600];

	(void)state;
	assert_string_equal(ops->type, "rados");
	assert_int_equal(open_error("", "a"), -EINVAL);
	assert_true(open_error("rbd;conf=/nonexistent", "a") < 0);
	snprintf(where, sizeof(where), "nopool;conf=%s", getenv("CEPH_CONF"));
	assert_int_equal(open_error(where, "a"), -ENODEV);
	snprintf(where, sizeof(where), "rbd;conf=%s;id=nobody",
		 getenv("CEPH_CONF"));
	assert_true(open_error(where, "a") < 0);
}

static void test_lu_name(void **state)
{
	char name[64];

	(void)state;
	assert_int_equal(ops->lu_name("rbd/rbd/d;osd_op_timeout=3;conf=/c", name,
				      sizeof(name)),
			 0);
	assert_string_equal(name, "rbd/d;conf=/c;osd_op_timeout=3");
	assert_int_equal(ops->lu_name("file/x", name, sizeof(name)), -EINVAL);
	assert_int_equal(ops->lu_name("rbd/rbd/d", name, 6), 0);
	assert_int_equal(ops->lu_name("rbd/rbd/d", name, 5), -ENAMETOOLONG);
}

/* Who would not hear the others' heartbeats does not join. */
static void test_home(void **state)
{
	struct store *a = pool_open("a", 1), *b = NULL;
	const char *lu = pool_image("d");
	char where[600], *err = NULL;

	(void)state;
	snprintf(where, sizeof(where), "rbd/elsewhere;conf=%s;id=tcmu-pr",
		 getenv("CEPH_CONF"));
	assert_int_equal(ops->open(&b, where, "b", 1, &err), 0);
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->join(b, lu, 1), -EREMOTE);
	assert_int_equal(ops->join(b, lu, 1), -EREMOTE);
	assert_int_equal(ops->join(a, lu, 2), 0);
	/* It moves with the last one. */
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->join(b, lu, 1), 0);
	assert_int_equal(ops->join(a, lu, 3), -EREMOTE);
	assert_int_equal(ops->leave(b, lu), 0);
	assert_int_equal(ops->join(a, lu, 3), 0);
	ops->close(a);
	ops->close(b);
}

static void test_metadata(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *text;

	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	text = pool_run("rbd image-meta get rbd/d tcmu_pr_info");
	assert_string_equal(text, "two\n");
	free(text);
	ops->close(a);
}

/* The longest string that the core makes. */
static void test_long(void **state)
{
	static const size_t size = 2074124;
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *big = malloc(size), *str, *text;
	long long start;
	uint64_t seq;
	size_t len;

	(void)state;
	assert_non_null(big);
	for (size_t i = 0; i < size; i++)
		big[i] = 'a' + i % 26;
	start = pool_now_ms();
	assert_int_equal(ops->swap(a, lu, 0, big, size), 0);
	print_message("swap of %zu bytes: %lld ms\n", size,
		      pool_now_ms() - start);
	start = pool_now_ms();
	assert_int_equal(ops->load(a, lu, &str, &len, &seq), 0);
	print_message("load: %lld ms\n", pool_now_ms() - start);
	free(str);
	text = pool_run("rbd image-meta get rbd/d tcmu_pr_info");
	assert_int_equal(strlen(text), size + 1);
	assert_memory_equal(text, big, size);
	free(text);
	free(big);
	ops->close(a);
}

static void test_lost(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");

	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	/* Without its string, a version is an empty one. */
	pool_unset(pool_header("d"), INFO);
	pool_expect(a, lu, 2, "");
	assert_int_equal(pool_swap(a, lu, 2, "three"), 0);
	/* Without its version, a string is lost. */
	pool_unset(pool_header("d"), VERSION);
	assert_int_equal(pool_load(a, lu, NULL), -ENODATA);
	assert_int_equal(pool_swap(a, lu, 3, "x"), -ENODATA);
	assert_int_equal(pool_swap(a, lu, 0, "x"), -ENODATA);
	pool_unset(pool_own("d"), "created");
	assert_int_equal(pool_load(a, lu, NULL), -ENODATA);
	assert_int_equal(pool_swap(a, lu, 0, "x"), -ENODATA);
	pool_unset(pool_header("d"), INFO);
	assert_int_equal(pool_load(a, lu, NULL), -ENOENT);
	pool_set(pool_own("d"), "created", "1");
	assert_int_equal(pool_load(a, lu, NULL), -ENODATA);
	/* Also when a gateway has joined since. */
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(pool_load(a, lu, NULL), -ENODATA);
	pool_remove(pool_own("d"));
	assert_int_equal(pool_load(a, lu, NULL), -ENOENT);
	assert_int_equal(pool_swap(a, lu, 0, "new"), 0);
	pool_expect(a, lu, 1, "new");
	ops->close(a);
}

static int mark(struct store *store, const char *lu, uint64_t seq)
{
	return ops->mark_lost(store, lu, seq, "lost\n", 5);
}

static void test_mark_lost(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	char *text;

	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	assert_int_equal(mark(b, lu, 40), 0);
	pool_expect(a, lu, 40, "lost\n");
	/* What there was stays for the administrator. */
	text = pool_get(pool_header("d"), INFO "_before");
	assert_string_equal(text, "one");
	free(text);
	pool_unset(pool_header("d"), VERSION);
	assert_int_equal(pool_load(a, lu, NULL), -ENODATA);
	assert_int_equal(mark(a, lu, 3), 0);
	pool_expect(a, lu, 3, "lost\n");
	ops->close(a);
	ops->close(b);
}

/* What is no version that we understand is none to build on. */
static void test_broken(void **state)
{
	static const char *const broken[] = {
		"",
		"x",
		"seq 1",
		"seq 1 image i",
		"seq 1 image i writer",
		"seq 1 image i writer ",
		"seq x image i writer w",
		"seq 18446744073709551616 image i writer w",
		"seq 1 image i writer w ",
		"seq 1 image i writer w touched",
		"seq 1 image i writer w touched t u",
		"seq 1 image  i writer w",
		" seq 1 image i writer w",
	};
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char *text;

	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	text = pool_get(pool_header("d"), VERSION);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		pool_set(pool_header("d"), VERSION, broken[i]);
		assert_int_equal(pool_load(a, lu, NULL), -EBADMSG);
		assert_int_equal(pool_swap(a, lu, 1, "x"), -EBADMSG);
		assert_int_equal(pool_swap(a, lu, 0, "x"), -EBADMSG);
		assert_int_equal(mark(a, lu, 9), -EBADMSG);
		assert_int_equal(ops->join(a, lu, 1), -EBADMSG);
	}
	pool_set(pool_header("d"), VERSION, text);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	free(text);
	ops->close(a);
}

/* A join makes sure that no swap of before can come any more. */
static void test_join_bumps(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	char *before, *after;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	before = pool_get(pool_header("d"), VERSION);
	assert_non_null(strstr(before, "seq 0 "));
	assert_int_equal(ops->join(a, lu, 1), 0);
	after = pool_get(pool_header("d"), VERSION);
	assert_string_not_equal(before, after);
	free(before);
	assert_int_equal(pool_load(a, lu, NULL), -ENOENT);
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	pool_expect(a, lu, 1, "one");
	before = pool_get(pool_header("d"), VERSION);
	assert_int_equal(ops->join(b, lu, 1), 0);
	free(after);
	after = pool_get(pool_header("d"), VERSION);
	assert_string_not_equal(before, after);
	assert_non_null(strstr(after, "seq 1 "));
	/* It is the same version to who had loaded it. */
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	pool_expect(b, lu, 2, "two");
	free(before);
	free(after);
	ops->close(a);
	ops->close(b);
}

/* What is counted: the number of the last version, and of the last beat. */
struct trips {
	struct store *a, *b;
	const char *lu;
	uint64_t seq, acked, beat;
};

static int trip_swap(struct trips *t)
{
	return pool_swap(t->a, t->lu, t->seq++, "x");
}

static int trip_load(struct trips *t)
{
	return pool_load(t->b, t->lu, NULL) != (long long)t->seq;
}

static int trip_ack(struct trips *t)
{
	t->acked++;
	return ops->ack(t->a, t->lu, 1, t->acked, t->acked);
}

static int trip_members(struct trips *t)
{
	struct store_member *list;
	size_t count;
	int ret = ops->members(t->a, t->lu, &list, &count);

	if (!ret)
		free(list);
	return ret;
}

static int trip_beat(struct trips *t)
{
	return pool_beats(t->a, 1, 1, ++t->beat, NULL);
}

static int trip_announce(struct trips *t)
{
	return ops->announce(t->a, t->lu, "b", NULL);
}

/*
 * Both stores ping a second each, for they watch an inbox, so that the time
 * that it takes comes in.  If that were as much as one operation more would be,
 * the machine has stood still, and it says nothing: again then.
 */
static void check_ops(struct trips *t, const char *what,
		      int (*trip)(struct trips *t), int each)
{
	int count, pings, tries = 0, ret;

	do {
		long long start = pool_now_ms();
		int begin = pool_count_ops();

		assert_true(tries++ < 10);
		ret = 0;
		for (int i = 0; i < TRIPS && !ret; i++)
			ret = trip(t);
		/* Nobody has answered within a second. */
		if (ret != -ETIMEDOUT && ret != -EHOSTDOWN)
			assert_int_equal(ret, 0);
		count = pool_count_ops() - begin;
		pings = 2 * (2 + (pool_now_ms() - start) / 1000);
		print_message("%d times %s: %d operations, %d pings at most\n",
			      TRIPS, what, count, pings);
	} while (ret || pings >= TRIPS / 2);
	if (count > each * TRIPS + pings)
		fail_msg("%s takes %d operations", what, count);
}

static void test_round_trips(void **state)
{
	struct trips t = {.a = pool_open("a", 1), .b = pool_open("b", 1)};

	(void)state;
	t.lu = pool_image("d");
	assert_int_equal(ops->join(t.a, t.lu, 1), 0);
	assert_int_equal(ops->join(t.b, t.lu, 1), 0);
	assert_int_equal(trip_swap(&t), 0);
	assert_int_equal(trip_load(&t), 0);
	check_ops(&t, "swap", trip_swap, 1);
	check_ops(&t, "load", trip_load, 1);
	check_ops(&t, "ack", trip_ack, 1);
	check_ops(&t, "members", trip_members, 1);
	check_ops(&t, "beat", trip_beat, 2);
	/* The notification, and its acknowledgement. */
	check_ops(&t, "announce", trip_announce, 2);
	ops->close(t.a);
	ops->close(t.b);
}

/* Of the rules that hold for all stores: one image, "d". */

static const char *lu_of_d(void)
{
	return pool_image("d");
}

static bool marked(const char *lu)
{
	char *text = pool_get(pool_own("d"), "created");
	bool is = text;

	(void)lu;
	free(text);
	return is;
}

static void unmark(const char *lu)
{
	(void)lu;
	pool_remove(pool_own("d"));
}

static void lose(const char *lu)
{
	(void)lu;
	pool_unset(pool_header("d"), VERSION);
	pool_unset(pool_header("d"), INFO);
}

static void wipe(const char *lu)
{
	lose(lu);
	unmark(lu);
}

static const char *key_of(const char *kind, const char *gateway)
{
	static char key[100];

	snprintf(key, sizeof(key), "%s.%s", kind, gateway);
	return key;
}

static void spoil_member(const char *lu, const char *gateway)
{
	(void)lu;
	pool_set(pool_own("d"), key_of("member", gateway), "nonsense");
}

static void spoil_beat(const char *gateway)
{
	pool_set(GATEWAYS, key_of("beat", gateway), "nonsense");
}

static void drop_beat(const char *gateway)
{
	pool_unset(GATEWAYS, key_of("beat", gateway));
}

static char *evicted; /* what spoil_mark() has replaced */

static void spoil_mark(const char *gateway)
{
	const char *key = key_of("evicted", gateway);

	evicted = pool_get(GATEWAYS, key);
	pool_set(GATEWAYS, key, "nonsense");
}

static void mend_mark(const char *gateway)
{
	pool_set(GATEWAYS, key_of("evicted", gateway), evicted);
	free(evicted);
}

static int run_rules(void)
{
	static char where[600];
	const struct rules_place place = {
		.ops = ops,
		.where = where,
		.lu = lu_of_d,
		.marked = marked,
		.unmark = unmark,
		.lose = lose,
		.wipe = wipe,
		.spoil_member = spoil_member,
		.spoil_beat = spoil_beat,
		.drop_beat = drop_beat,
		.spoil_mark = spoil_mark,
		.mend_mark = mend_mark,
		.clear = pool_clear,
	};

	snprintf(where, sizeof(where), "rbd;conf=%s;id=tcmu-pr",
		 getenv("CEPH_CONF"));
	return rules_run(&place, pool_setup, pool_teardown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_open, pool_clear),
		cmocka_unit_test_teardown(test_lu_name, pool_clear),
		cmocka_unit_test_teardown(test_home, pool_clear),
		cmocka_unit_test_teardown(test_metadata, pool_clear),
		cmocka_unit_test_teardown(test_long, pool_clear),
		cmocka_unit_test_teardown(test_lost, pool_clear),
		cmocka_unit_test_teardown(test_mark_lost, pool_clear),
		cmocka_unit_test_teardown(test_broken, pool_clear),
		cmocka_unit_test_teardown(test_join_bumps, pool_clear),
		cmocka_unit_test_teardown(test_round_trips, pool_clear),
	};

	return run_rules() +
	       cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
