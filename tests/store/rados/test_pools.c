// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gateways that serve images in different pools: whom each of them holds for
 * fenced, and what a join has to wait for.
 */
#include "second.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store_rados_int.h"
#include "store_rados_pools.h"

/* Marks as texts */

/* NULL: it is none. */
static void check_mark(const char *text, const char *want)
{
	struct sr_value value = {(char *)text, strlen(text)}, again = {0};
	struct sr_mark mark;
	int ret = sr_mark_parse(&value, &mark);

	assert_int_equal(ret, want ? 0 : -EBADMSG);
	if (!want)
		return;
	assert_int_equal(sr_mark_print(&mark, &again), 0);
	assert_string_equal(again.data, want);
	assert_int_equal(again.len, strlen(want));
	sr_value_free(&again);
	sr_mark_free(&mark);
}

static void test_texts(void **state)
{
	static const char *const bad[] = {
		"", "x", "0", "0 pools 1", "1 ", "-1", " 1", "1 pools",
		"1 pools ", "1 pools 1,", "1 pools ,1", "1 pools 1,,2",
		"1 pools 2,1", "1 pools 1,1", "1 pools -1", "1 pools 1 ",
		"1 pools 1, 2", "1  pools 1", "1 pool 1", "1 pools x", "1,2",
		"18446744073709551616", "1 pools 9223372036854775808",
		"1 pools 1\n",
	};
	const struct sr_value nul = {(char *)"1\0", 2};
	struct sr_mark mark;

	(void)state;
	check_mark("1", "1");
	check_mark("18446744073709551615", "18446744073709551615");
	check_mark("7 pools 3", "7 pools 3");
	check_mark("7 pools 0,3,9223372036854775807",
		   "7 pools 0,3,9223372036854775807");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_mark(bad[i], NULL);
	assert_int_equal(sr_mark_parse(&nul, &mark), -EBADMSG);
	assert_int_equal(sr_mark_parse(&(struct sr_value){0}, &mark), 0);
	assert_int_equal(mark.term, 0);
}

static struct sr_mark mark_of(const char *text)
{
	struct sr_value value = {(char *)text, strlen(text)};
	struct sr_mark mark;

	assert_int_equal(sr_mark_parse(&value, &mark), 0);
	return mark;
}

static void check_raise(const char *there, const char *more, const char *want)
{
	struct sr_mark a = mark_of(there), b = mark_of(more);
	struct sr_value value = {0};

	assert_int_equal(sr_mark_raise(&a, &b), strcmp(there, want) != 0);
	assert_int_equal(sr_mark_print(&a, &value), 0);
	assert_string_equal(value.data, want);
	sr_value_free(&value);
	sr_mark_free(&a);
	sr_mark_free(&b);
}

static void test_raise(void **state)
{
	(void)state;
	check_raise("3 pools 2", "3 pools 1,3", "3 pools 1,2,3");
	check_raise("3 pools 1,2", "3 pools 2", "3 pools 1,2");
	check_raise("3 pools 1,2", "3", "3");
	check_raise("3", "3 pools 1", "3");
	check_raise("3", "4 pools 1", "4 pools 1");
	check_raise("3 pools 1", "4", "4");
	check_raise("3 pools 1", "4 pools 2", "4 pools 2");
	check_raise("4 pools 1", "3", "4 pools 1");
	check_raise("4 pools 1", "3 pools 2", "4 pools 1");
}

static bool within(const char *pools, const char *in)
{
	struct sr_mark a = mark_of(pools), b = mark_of(in);
	bool is = sr_pools_within(&a.pools, &b.pools);

	sr_mark_free(&a);
	sr_mark_free(&b);
	return is;
}

static void test_within(void **state)
{
	const struct sr_pools none = {0};
	struct sr_mark mark = mark_of("1 pools 4");

	(void)state;
	assert_true(within("1 pools 2,4", "1 pools 1,2,3,4"));
	assert_true(within("1 pools 2", "1"));
	assert_true(within("1", "1"));
	assert_false(within("1", "1 pools 2"));
	assert_false(within("1 pools 2,5", "1 pools 1,2,3,4"));
	assert_false(within("1 pools 2", "1 pools 1,3"));
	assert_true(sr_pools_within(&none, &mark.pools));
	assert_false(sr_pools_within(&mark.pools, &none));
	sr_mark_free(&mark);
}

/* Marks in the store */

static void test_union(void **state)
{
	struct store *x = pool_open("x", 1), *z = pool_open("z", 1);
	struct store *none = pool_open("n", 1), *v = pool_open("v", 1);
	const char *lu = pool_image("d");

	(void)state;
	assert_int_equal(ops->join(x, lu, 1), 0);
	assert_int_equal(ops->join(z, second_image("e"), 1), 0);
	pool_set(GATEWAYS, "clients.v", "10.9.9.9 ");
	second_cut(x, 3);
	second_key("fenced.v", second_text(3, true, false));
	assert_int_equal(second_fenced(x, "v"), 3);
	assert_int_equal(second_fenced(z, "v"), 0);
	assert_int_equal(second_fenced(none, "v"), 3);
	assert_int_equal(second_fenced(v, "v"), 0);
	/* z has the home's pool among its own as well. */
	second_cut(z, 3);
	second_key("fenced.v", second_text(3, true, true));
	assert_int_equal(second_fenced(z, "v"), 3);
	assert_int_equal(second_fenced(v, "v"), 0);
	/* Again; of an earlier term; of a later one. */
	assert_int_equal(ops->fence(x, "v", 3), 0);
	second_key("fenced.v", second_text(3, true, true));
	second_cut(x, 2);
	second_key("fenced.v", second_text(3, true, true));
	second_cut(x, 4);
	second_key("fenced.v", second_text(4, true, false));
	assert_int_equal(second_fenced(x, "v"), 4);
	assert_int_equal(second_fenced(z, "v"), 0);
	/* What z did was of term 3. */
	assert_int_equal(ops->fence(z, "v", 3), 0);
	assert_int_equal(second_fenced(z, "v"), 0);
	/* A gateway that leaves has that pool no more. */
	assert_int_equal(ops->leave(z, second_lu("e")), 0);
	assert_int_equal(second_fenced(z, "v"), 4);
	ops->close(x);
	ops->close(z);
	ops->close(none);
	ops->close(v);
}

/* By a command; by a cut() that failed, and then a command. */
static void test_all(void **state)
{
	struct store *x = pool_open("x", 1), *z = pool_open("z", 1);
	struct store *v = pool_open("v", 1);

	(void)state;
	assert_int_equal(ops->join(x, pool_image("d"), 1), 0);
	assert_int_equal(ops->join(z, second_image("e"), 1), 0);
	pool_set(GATEWAYS, "clients.v", "10.9.9.9 ");
	second_cut(x, 3);
	assert_int_equal(second_fenced(z, "v"), 0);
	assert_int_equal(ops->fence(z, "v", 3), 0);
	second_key("fenced.v", "3");
	assert_int_equal(second_fenced(z, "v"), 3);
	assert_int_equal(second_fenced(v, "v"), 3);
	assert_int_equal(ops->fence(x, "v", 3), 0);
	second_key("fenced.v", "3");
	/* What it remembers is of another term. */
	assert_int_equal(ops->fence(x, "v", 4), 0);
	second_key("fenced.v", "4");
	second_cut(x, 5);
	second_key("fenced.v", second_text(5, true, false));
	pool_set(GATEWAYS, "clients.v", "127.0.0.1 ");
	assert_int_equal(ops->cut(x, "v", 5), -EADDRINUSE);
	assert_int_equal(ops->fence(x, "v", 5), 0);
	second_key("fenced.v", "5");
	/* It has returned: nothing of before is under way anywhere. */
	pool_set(GATEWAYS, "clients.v", "10.9.9.9 ");
	pool_set(GATEWAYS, "cut.v", "cut 5 lifted 6 hosts 10.9.9.9 ");
	second_cut(x, 6);
	second_key("fenced.v", "6");
	ops->close(x);
	ops->close(z);
	ops->close(v);
}

static void test_broken(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	struct store_gateway found;

	(void)state;
	assert_int_equal(pool_beats(a, 1, 6, 1, NULL), 0);
	pool_set(GATEWAYS, "fenced.a", "5 pools 3");
	assert_int_equal(pool_beats(a, 1, 6, 2, NULL), 0);
	assert_true(pool_gateway(b, "a", &found));
	assert_true(found.beaten);
	pool_set(GATEWAYS, "fenced.a", "5 pools 3,");
	assert_int_equal(pool_beats(a, 1, 6, 3, NULL), -EBADMSG);
	assert_true(pool_gateway(b, "a", &found));
	assert_false(found.beaten);
	assert_int_equal(found.fenced, 0);
	assert_int_equal(ops->fence(b, "a", 6), -EBADMSG);
	/* An eviction is from all that there is. */
	pool_unset(GATEWAYS, "fenced.a");
	pool_set(GATEWAYS, "evicted.a", "5 pools 3");
	assert_int_equal(pool_beats(a, 1, 6, 4, NULL), -EBADMSG);
	assert_true(pool_gateway(b, "a", &found));
	assert_false(found.beaten);
	assert_int_equal(found.evicted, 0);
	ops->close(a);
	ops->close(b);
}

/* The image's name is in one pool, its data in another. */
static void test_data_pool(void **state)
{
	struct store *x = pool_open("x", 1), *z = pool_open("z", 1);

	(void)state;
	pool_do("rbd create --size 4M --data-pool " SECOND " rbd/d");
	pool_image("e");
	assert_int_equal(ops->join(x, pool_lu("e"), 1), 0);
	assert_int_equal(ops->join(z, pool_lu("d"), 1), 0);
	pool_set(GATEWAYS, "clients.v", "10.9.9.9 ");
	second_cut(x, 3);
	second_key("fenced.v", second_text(3, true, false));
	assert_int_equal(second_fenced(z, "v"), 0);
	second_cut(z, 3);
	second_key("fenced.v", second_text(3, true, true));
	assert_int_equal(second_fenced(z, "v"), 3);
	pool_set(pool_header("d"), "data_pool_id", "1234567");
	ops->close(z);
	z = pool_open("z", 2);
	assert_int_equal(ops->join(z, pool_lu("d"), 1), -EBADMSG);
	ops->close(x);
	ops->close(z);
}

/* Joining while somebody is cut off */

/*
 * How many placement groups of the second pool were asked for a list, which is
 * no operation as the osd counts them.
 */
static int count_lists(void)
{
	static int number;
	char *text;
	int count;

	/* Its history comes later, in order: until this is there. */
	pool_do("rados -p " SECOND " stat seen%d 2>/dev/null || true", ++number);
	for (int i = 0; pool_try("ceph daemon $(dirname $CEPH_CONF)/osd1.asok "
				 "dump_historic_ops | grep -q ':seen%d:head'",
				 number);
	     i++) {
		assert_true(i < 200);
		usleep(20000);
	}
	text = pool_run("ceph daemon $(dirname $CEPH_CONF)/osd1.asok "
			"dump_historic_ops | grep -c 'osd_op(.*pgnls' || true");
	count = atoi(text);
	free(text);
	return count;
}

static int join_lists(struct store *store, const char *lu)
{
	int begin = count_lists();

	assert_int_equal(ops->join(store, lu, 1), 0);
	return count_lists() - begin;
}

static void test_join(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *one = second_image("e"), *two = second_image("f");

	(void)state;
	pool_do("ceph daemon $(dirname $CEPH_CONF)/osd1.asok "
		"config set osd_op_history_size 10000");
	assert_int_equal(ops->join(a, pool_image("d"), 1), 0);
	assert_int_equal(join_lists(a, one), 0);
	assert_int_equal(ops->leave(a, one), 0);
	pool_set(GATEWAYS, "cut.v", "cut 3 lifted 3 hosts 10.9.9.9 ");
	assert_int_equal(join_lists(a, one), 0);
	assert_int_equal(ops->leave(a, one), 0);
	/* One reading of each of 8 groups. */
	pool_set(GATEWAYS, "cut.v", "cut 4 lifted 3 hosts 10.9.9.9 ");
	assert_int_equal(join_lists(a, one), 8);
	/* In its next term, and for another image there: that was done. */
	assert_int_equal(join_lists(a, one), 0);
	assert_int_equal(join_lists(a, two), 0);
	/* When the first one has left, the second is as good. */
	assert_int_equal(ops->leave(a, one), 0);
	assert_int_equal(join_lists(a, one), 0);
	assert_int_equal(ops->leave(a, one), 0);
	assert_int_equal(ops->leave(a, two), 0);
	assert_int_equal(join_lists(a, two), 8);
	assert_int_equal(ops->leave(a, two), 0);
	/* What cannot be read may be in force. */
	pool_set(GATEWAYS, "cut.v", "cut x");
	assert_int_equal(join_lists(a, two), 8);
	ops->close(a);
}

/* Leaving fails, but the device is gone. */
static void test_left(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_lu("d");

	(void)state;
	pool_do("rbd create --size 4M --data-pool " SECOND " rbd/d");
	assert_int_equal(ops->join(a, lu, 1), 0);
	pool_set(GATEWAYS, "fenced.v", second_text(4, true, false));
	assert_int_equal(second_fenced(a, "v"), 0);
	pool_set(pool_own("d"), "member.a", "nonsense");
	assert_int_equal(ops->leave(a, lu), -EBADMSG);
	assert_int_equal(second_fenced(a, "v"), 4);
	pool_set(GATEWAYS, "cut.v", "cut 4 lifted 3 hosts 10.9.9.9 ");
	assert_int_equal(join_lists(a, lu), 8);
	ops->close(a);
}

/* Of 20 joins, how many operations each is, in the pool of the home. */
static int joins_ops(struct store *store, const char *lu)
{
	int begin = pool_count_ops(), count;

	for (int i = 0; i < 20; i++) {
		assert_int_equal(ops->join(store, lu, 1), 0);
		assert_int_equal(ops->leave(store, lu), 0);
	}
	count = pool_count_ops() - begin;
	/* The watch's pings are among them. */
	return count / 20;
}

static void test_join_once(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d"), *other = pool_image("e");
	int alone, second;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->leave(a, lu), 0);
	alone = joins_ops(a, lu);
	assert_int_equal(ops->join(a, other, 1), 0);
	second = joins_ops(a, lu);
	print_message("join and leave: %d operations, and one in the same pool "
		      "%d\n", alone, second);
	assert_int_equal(alone, second + 1);
	ops->close(a);
}

/* The pool of the image's data does not answer. */
static void test_join_waits(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	struct store_member *list;
	size_t count;
	char lu[700];
	int ret;

	(void)state;
	snprintf(lu, sizeof(lu), "%s;osd_op_timeout=1", pool_lu("d"));
	pool_do("rbd create --size 4M --data-pool " SECOND " rbd/d");
	pool_image("e");
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->join(a, pool_lu("e"), 1), 0);
	pool_set(GATEWAYS, "cut.v", "cut 4 lifted 3 hosts 10.9.9.9 ");
	pool_signal("osd1", SIGSTOP);
	ret = ops->join(a, lu, 1);
	pool_signal("osd1", SIGCONT);
	assert_int_equal(ret, -ETIMEDOUT);
	/* Whoever has not waited does not serve. */
	assert_int_equal(ops->members(b, lu, &list, &count), 0);
	assert_int_equal(count, 0);
	free(list);
	/* It is still to be waited for. */
	pool_signal("osd1", SIGSTOP);
	ret = ops->join(a, lu, 1);
	pool_signal("osd1", SIGCONT);
	assert_int_equal(ret, -ETIMEDOUT);
	assert_int_equal(ops->join(a, lu, 1), 0);
	/* Nobody is cut off, so nothing there is asked. */
	assert_int_equal(ops->leave(a, lu), 0);
	pool_set(GATEWAYS, "cut.v", "cut 4 lifted 4 hosts 10.9.9.9 ");
	pool_signal("osd1", SIGSTOP);
	ret = ops->join(a, lu, 1);
	pool_signal("osd1", SIGCONT);
	assert_int_equal(ret, 0);
	ops->close(a);
	ops->close(b);
}

/* In the midst of it */

/* Done once, before the next operation of its kind that a store begins. */
static struct {
	void (*blocklist)(void *arg);
	void (*listing)(void *arg);
	void *arg;
} meanwhile;

static void do_once(void (**fn)(void *arg))
{
	void (*once)(void *arg) = *fn;

	*fn = NULL;
	if (once)
		once(meanwhile.arg);
}

int rados_blocklist_add(rados_t cluster, char *address, uint32_t seconds)
{
	static int (*real)(rados_t cluster, char *address, uint32_t seconds);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "rados_blocklist_add");
	do_once(&meanwhile.blocklist);
	return real(cluster, address, seconds);
}

int rados_read_op_operate(rados_read_op_t op, rados_ioctx_t io, const char *oid,
			  int flags)
{
	static int (*real)(rados_read_op_t op, rados_ioctx_t io,
			   const char *oid, int flags);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "rados_read_op_operate");
	if (!strcmp(oid, GATEWAYS))
		do_once(&meanwhile.listing);
	return real(op, io, oid, flags);
}

struct joining {
	struct store *store, *other;
	const char *lu;
};

static void join_now(void *arg)
{
	struct joining *joining = arg;

	assert_int_equal(ops->join(joining->store, joining->lu, 1), 0);
}

/* That join finds the cut, and waits for nothing: it is not listed yet. */
static void test_join_within_cut(void **state)
{
	struct store *x = pool_open("x", 1);
	struct joining joining = {.store = x, .lu = second_image("e")};

	(void)state;
	assert_int_equal(ops->join(x, pool_image("d"), 1), 0);
	pool_set(GATEWAYS, "clients.v", "10.9.9.9 ");
	meanwhile.arg = &joining;
	meanwhile.blocklist = join_now;
	second_cut(x, 3);
	assert_null(meanwhile.blocklist);
	second_key("fenced.v", second_text(3, true, true));
	ops->close(x);
}

static void join_and_cut(void *arg)
{
	struct joining *joining = arg;

	join_now(arg);
	second_cut(joining->other, 3);
}

/* That join finds no cut; the mark that is read then is of another pool. */
static void test_join_within_listing(void **state)
{
	struct store *x = pool_open("x", 1), *z = pool_open("z", 1);
	struct joining joining = {.store = z, .other = x};

	(void)state;
	joining.lu = second_image("e");
	assert_int_equal(ops->join(x, pool_image("d"), 1), 0);
	pool_set(GATEWAYS, "clients.v", "10.9.9.9 ");
	meanwhile.arg = &joining;
	meanwhile.listing = join_and_cut;
	assert_int_equal(second_fenced(z, "v"), 0);
	assert_null(meanwhile.listing);
	second_key("fenced.v", second_text(3, true, false));
	ops->close(x);
	ops->close(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_raise),
		cmocka_unit_test(test_within),
		cmocka_unit_test_teardown(test_union, second_clear),
		cmocka_unit_test_teardown(test_all, second_clear),
		cmocka_unit_test_teardown(test_broken, second_clear),
		cmocka_unit_test_teardown(test_data_pool, second_clear),
		cmocka_unit_test_teardown(test_join, second_clear),
		cmocka_unit_test_teardown(test_left, second_clear),
		cmocka_unit_test_teardown(test_join_once, second_clear),
		cmocka_unit_test_teardown(test_join_waits, second_clear),
		cmocka_unit_test_teardown(test_join_within_cut, second_clear),
		cmocka_unit_test_teardown(test_join_within_listing,
					  second_clear),
	};

	return cmocka_run_group_tests(tests, second_setup, pool_teardown);
}
