// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes that arrive late: after the store has given them up, has looked, and
 * has said what became of them.  No cluster can be made to do that at will, so
 * the write operation is held on its way to librados, as it is; the store is
 * told that its time was over; and it is sent on when all else has been done.
 */
#include "pool.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	HELD_MAX = 4,
	OID_CAP = 100,
	LATE = 1,
};

typedef int (*operate_fn)(rados_write_op_t op, rados_ioctx_t io,
			  const char *oid, struct timespec *mtime, int flags);
typedef void (*release_fn)(rados_write_op_t op);

struct held {
	rados_write_op_t op;
	char oid[OID_CAP];
	int flags;
	bool released; /* by the store: it is ours now */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	unsigned int wanted; /* so many operations from now on are held */
	int ret; /* what their callers are told; LATE: nothing before ... */
	void (*meanwhile)(void); /* ... this happens, and then what is true */
	bool stay; /* as if their callers had crashed */
	struct held held[HELD_MAX];
	unsigned int count;
} way = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};

static void *function(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	assert_non_null(found);
	return found;
}

static int operate(const struct held *held, rados_ioctx_t io)
{
	operate_fn real = (operate_fn)function("rados_write_op_operate2");

	return real(held->op, io, held->oid, NULL, held->flags);
}

/* Under way.lock: what is to happen before the caller is told anything. */
static void (*keep(const struct held *held))(void)
{
	void (*meanwhile)(void) = way.meanwhile;

	way.wanted--;
	way.meanwhile = NULL;
	if (way.ret != LATE)
		way.held[way.count++] = *held;
	pthread_cond_broadcast(&way.cond);
	while (way.stay)
		pthread_cond_wait(&way.cond, &way.lock);
	return meanwhile;
}

/* In the place of librados's. */
int rados_write_op_operate2(rados_write_op_t op, rados_ioctx_t io,
			    const char *oid, struct timespec *mtime, int flags)
{
	struct held held = {.op = op, .flags = flags};
	void (*meanwhile)(void) = NULL;
	int ret = LATE;

	assert_null(mtime);
	snprintf(held.oid, sizeof(held.oid), "%s", oid);
	pthread_mutex_lock(&way.lock);
	if (way.wanted) {
		ret = way.ret;
		meanwhile = keep(&held);
	}
	pthread_mutex_unlock(&way.lock);
	if (meanwhile)
		meanwhile();
	return ret == LATE ? operate(&held, io) : ret;
}

void rados_release_write_op(rados_write_op_t op)
{
	release_fn real = (release_fn)function("rados_release_write_op");
	bool is_held = false;

	pthread_mutex_lock(&way.lock);
	for (unsigned int i = 0; i < way.count; i++) {
		if (way.held[i].op != op)
			continue;
		way.held[i].released = true;
		is_held = true;
	}
	pthread_mutex_unlock(&way.lock);
	if (!is_held)
		real(op);
}

static void hold(unsigned int wanted, int ret, void (*meanwhile)(void))
{
	pthread_mutex_lock(&way.lock);
	way.wanted = wanted;
	way.ret = ret;
	way.meanwhile = meanwhile;
	pthread_mutex_unlock(&way.lock);
}

static void stay(bool is)
{
	pthread_mutex_lock(&way.lock);
	way.stay = is;
	pthread_cond_broadcast(&way.cond);
	pthread_mutex_unlock(&way.lock);
}

/* All that is held, in its order: what became of the first. */
static int arrive(void)
{
	struct held held[HELD_MAX];
	unsigned int count;
	int first = 0;

	assert_int_equal(way.wanted, 0);
	pthread_mutex_lock(&way.lock);
	count = way.count;
	memcpy(held, way.held, sizeof(held));
	way.count = 0;
	pthread_mutex_unlock(&way.lock);
	assert_true(count);
	for (unsigned int i = 0; i < count; i++) {
		int ret = operate(&held[i], pool_io);

		if (!i)
			first = ret;
		if (held[i].released)
			rados_release_write_op(held[i].op);
	}
	return first;
}

/* Two gateways, and an image. */
static struct store *a, *b;
static const char *lu;

static int setup(void **state)
{
	(void)state;
	/* If the last test has failed, some may be left. */
	stay(false);
	hold(0, 0, NULL);
	way.count = 0;
	a = pool_open("a", 1);
	b = pool_open("b", 1);
	lu = pool_image("d");
	return 0;
}

static int teardown(void **state)
{
	ops->close(a);
	ops->close(b);
	return pool_clear(state);
}

/* Told that nothing was stored: then nothing ever is. */
static void test_swap(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, -ETIMEDOUT, NULL);
	assert_int_equal(pool_swap(a, lu, 1, "two"), -ETIMEDOUT);
	pool_expect(b, lu, 1, "one");
	assert_int_equal(arrive(), -ECANCELED);
	pool_expect(b, lu, 1, "one");
	assert_int_equal(pool_swap(a, lu, 1, "three"), 0);
	pool_expect(b, lu, 2, "three");
}

static void test_first_swap(void **state)
{
	(void)state;
	hold(1, -ETIMEDOUT, NULL);
	assert_int_equal(pool_swap(a, lu, 0, "one"), -ETIMEDOUT);
	assert_int_equal(pool_load(b, lu, NULL), -ENOENT);
	assert_int_equal(arrive(), -ECANCELED);
	assert_int_equal(pool_load(b, lu, NULL), -ENOENT);
	assert_int_equal(pool_swap(a, lu, 0, "other"), 0);
	pool_expect(b, lu, 1, "other");
}

static void test_mark_lost(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, -ETIMEDOUT, NULL);
	assert_int_equal(ops->mark_lost(a, lu, 7, "lost", 4), -ETIMEDOUT);
	assert_int_equal(arrive(), -ECANCELED);
	pool_expect(b, lu, 1, "one");
	assert_int_equal(pool_swap(b, lu, 1, "two"), 0);
	pool_expect(a, lu, 2, "two");
}

/* What makes sure of that could not be done either: then nobody knows. */
static void test_bump_unclear(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(2, -ETIMEDOUT, NULL);
	assert_int_equal(pool_swap(a, lu, 1, "two"), -EINPROGRESS);
	pool_expect(b, lu, 1, "one");
	assert_int_equal(arrive(), 0);
	pool_expect(b, lu, 2, "two");
}

/* Only the answer was lost. */
static void arrives(void)
{
	assert_int_equal(arrive(), 0);
}

static void test_answer_lost(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, -ETIMEDOUT, arrives);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	pool_expect(b, lu, 2, "two");
}

static void arrives_and_b_joins(void)
{
	assert_int_equal(arrive(), 0);
	assert_int_equal(ops->join(b, lu, 1), 0);
}

static void test_answer_lost_and_bumped(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, -ETIMEDOUT, arrives_and_b_joins);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	pool_expect(b, lu, 2, "two");
}

static void b_swaps(void)
{
	assert_int_equal(pool_swap(b, lu, 1, "of b"), 0);
}

static void test_other_stored(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, -ETIMEDOUT, b_swaps);
	assert_int_equal(pool_swap(a, lu, 1, "two"), -EAGAIN);
	assert_int_equal(arrive(), -ECANCELED);
	pool_expect(b, lu, 2, "of b");
}

/* Was version 2 ours?  What b has replaced does not tell. */
static void b_swaps_twice(void)
{
	b_swaps();
	assert_int_equal(pool_swap(b, lu, 2, "of b, too"), 0);
}

static void test_others_stored(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, -ETIMEDOUT, b_swaps_twice);
	assert_int_equal(pool_swap(a, lu, 1, "two"), -EINPROGRESS);
	assert_int_equal(arrive(), -ECANCELED);
	pool_expect(b, lu, 3, "of b, too");
}

/* Another client is taken then, and the first one's write comes after it. */
static void test_blocklisted(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, -ESHUTDOWN, NULL);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	assert_int_equal(pool_swap(b, lu, 2, "three"), 0);
	assert_int_equal(arrive(), -ECANCELED);
	pool_expect(b, lu, 3, "three");
}

/* Join */

static void b_joins(void)
{
	assert_int_equal(ops->join(b, lu, 1), 0);
}

/* It makes what others have under way fail, and they notice nothing. */
static void test_join_of_other(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	hold(1, LATE, b_joins);
	assert_int_equal(pool_swap(a, lu, 1, "two"), 0);
	pool_expect(b, lu, 2, "two");
	hold(1, -ETIMEDOUT, b_joins);
	assert_int_equal(pool_swap(a, lu, 2, "three"), -ETIMEDOUT);
	assert_int_equal(arrive(), -ECANCELED);
	pool_expect(b, lu, 2, "two");
}

static void *swap_in_thread(void *arg)
{
	const char *str = arg;
	static int ret;

	ret = pool_swap(a, lu, strcmp(str, "one") ? 1 : 0, str);
	return &ret;
}

static void wait_held(void)
{
	pthread_mutex_lock(&way.lock);
	while (!way.count)
		pthread_cond_wait(&way.cond, &way.lock);
	pthread_mutex_unlock(&way.lock);
}

/*
 * The daemon ends in its swap of @str and the next one of the name joins: what
 * it loads then is not changed by the first one's swap any more.
 */
static void join_after(const char *str, long long seq)
{
	struct store *next = pool_open("a", 2);
	pthread_t thread;
	void *ret;

	hold(1, -ETIMEDOUT, NULL);
	stay(true);
	assert_int_equal(
		pthread_create(&thread, NULL, swap_in_thread, (void *)str), 0);
	wait_held();
	assert_int_equal(ops->join(next, lu, 2), 0);
	assert_int_equal(pool_load(next, lu, NULL), seq);
	assert_int_equal(arrive(), -ECANCELED);
	assert_int_equal(pool_load(next, lu, NULL), seq);
	stay(false);
	pthread_join(thread, &ret);
	assert_int_equal(*(int *)ret, -ETIMEDOUT);
	ops->close(next);
}

static void test_join(void **state)
{
	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	join_after("two", 1);
}

static void test_join_first(void **state)
{
	(void)state;
	join_after("one", -ENOENT);
}

/* Records */

static void test_ack(void **state)
{
	struct store *next = pool_open("a", 2);
	struct store_member *list;
	size_t count;

	(void)state;
	assert_int_equal(pool_swap(a, lu, 0, "one"), 0);
	assert_int_equal(ops->join(a, lu, 1), 0);
	hold(1, -ETIMEDOUT, NULL);
	assert_int_equal(ops->ack(a, lu, 1, 1, 1), -ETIMEDOUT);
	assert_int_equal(ops->join(next, lu, 2), 0);
	assert_int_equal(arrive(), -ECANCELED);
	assert_int_equal(ops->members(b, lu, &list, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(list[0].term, 2);
	assert_int_equal(list[0].installed, 0);
	free(list);
	ops->close(next);
}

static void test_beat(void **state)
{
	struct store_gateway found;

	(void)state;
	assert_int_equal(pool_beats(a, 1, 1, 1, NULL), 0);
	hold(1, -ETIMEDOUT, NULL);
	assert_int_equal(pool_beats(a, 1, 1, 2, NULL), -ETIMEDOUT);
	assert_int_equal(pool_beats(a, 1, 2, 3, NULL), 0);
	assert_int_equal(arrive(), -ECANCELED);
	assert_true(pool_gateway(b, "a", &found));
	assert_int_equal(found.beat.count, 3);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(swap),	  T(first_swap),    T(mark_lost),
		T(bump_unclear),  T(answer_lost),   T(answer_lost_and_bumped),
		T(other_stored),  T(others_stored), T(blocklisted),
		T(join_of_other), T(join),	    T(join_first),
		T(ack),		  T(beat),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
