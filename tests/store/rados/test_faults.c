// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two gateways that change one string at once, undisturbed and while the OSD is
 * stopped or killed: what each of them was told has to be what was done.
 *
 * Every string is the one before with a word more that no other swap has, so
 * the last one tells all that were stored, in their order.
 */
#include "pool.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	WRITERS = 2,
	ROUNDS = 600,
	EACH = 50, /* of them, at least, that each wins, and loses */
	WAIT_MS = 120000, /* for what a busy machine may take long to do */
	QUIET_MS = 2000, /* more than a look and a ping are apart */
	SWAPS_MAX = 100000,
	WORD = 8, /* bytes of a word, with a blank behind it */
};

struct swap {
	uint64_t seq; /* that it was to be */
	int ret;
};

struct writer {
	pthread_t thread;
	const char *gateway;
	const char *lu;
	struct swap *swaps;
	int count;
	atomic_int won, lost; /* so far */
	int done[3]; /* stored, not stored, unclear */
};

static atomic_bool enough;
static atomic_int stored;

/* With a time limit of a second. */
static const char *image(const char *name)
{
	static char lu[700];

	snprintf(lu, sizeof(lu), "%s;osd_op_timeout=1", pool_image(name));
	return lu;
}

static void word_of(const struct writer *writer, int i, char word[32])
{
	snprintf(word, 32, "%s%06d ", writer->gateway, i);
}

static int add_word(struct store *store, struct writer *writer)
{
	struct swap *swap = &writer->swaps[writer->count];
	char *str = NULL, *more, word[32];
	uint64_t seq = 0;
	size_t len = 0;
	int ret = ops->load(store, writer->lu, &str, &len, &seq);

	if (ret && ret != -ENOENT)
		return ret;
	more = malloc(len + WORD + 1);
	assert_non_null(more);
	if (len)
		memcpy(more, str, len);
	word_of(writer, writer->count, word);
	memcpy(more + len, word, WORD);
	swap->seq = seq + 1;
	swap->ret = ops->swap(store, writer->lu, seq, more, len + WORD);
	free(more);
	free(str);
	writer->count++;
	return swap->ret;
}

static void *write_words(void *arg)
{
	struct writer *writer = arg;
	struct store *store = pool_open(writer->gateway, 1);

	while (!enough && writer->count < SWAPS_MAX) {
		int ret = add_word(store, writer);

		writer->won += !ret;
		writer->lost += ret == -EAGAIN;
		stored += !ret;
	}
	ops->close(store);
	return NULL;
}

static void start(struct writer *writers, const char *lu)
{
	static const char *const names[] = {"a", "b"};

	enough = false;
	stored = 0;
	for (int i = 0; i < WRITERS; i++) {
		memset(&writers[i], 0, sizeof(writers[i]));
		writers[i].gateway = names[i];
		writers[i].lu = lu;
		writers[i].swaps = calloc(SWAPS_MAX, sizeof(struct swap));
		assert_non_null(writers[i].swaps);
		assert_int_equal(pthread_create(&writers[i].thread, NULL,
						write_words, &writers[i]),
				 0);
	}
}

static void check_swap(struct writer *writer, int i, const char *str,
		       uint64_t last)
{
	const struct swap *swap = &writer->swaps[i];
	const char *there = "";
	char word[32];
	bool is;

	word_of(writer, i, word);
	if (swap->seq <= last)
		there = str + (swap->seq - 1) * WORD;
	is = !strncmp(there, word, WORD);
	if (!swap->ret && !is)
		fail_msg("%s was told that it is version %llu", word,
			 (unsigned long long)swap->seq);
	if (swap->ret && swap->ret != -EINPROGRESS && is)
		fail_msg("%s was told %s, but is version %llu", word,
			 strerror(-swap->ret), (unsigned long long)swap->seq);
	writer->done[swap->ret ? 1 + (swap->ret == -EINPROGRESS) : 0]++;
}

static void finish(struct writer *writers, const char *lu, const char *what)
{
	struct store *store;
	uint64_t seq = 0;
	size_t len = 0;
	char *str;

	enough = true;
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	store = pool_open("c", 1);
	assert_int_equal(ops->load(store, lu, &str, &len, &seq), 0);
	assert_int_equal(len, seq * WORD);
	for (int i = 0; i < WRITERS; i++) {
		struct writer *writer = &writers[i];

		for (int n = 0; n < writer->count; n++)
			check_swap(writer, n, str, seq);
		print_message("%s: %s stored %d, lost %d, unclear %d\n", what,
			      writer->gateway, writer->done[0], writer->done[1],
			      writer->done[2]);
		free(writer->swaps);
	}
	free(str);
	ops->close(store);
}

static void wait_stored(int count)
{
	long long end = pool_now_ms() + WAIT_MS;

	while (stored < count) {
		assert_true(pool_now_ms() < end);
		usleep(2000);
	}
}

/* Both have to have won and lost, or nobody has raced. */
static void wait_raced(struct writer *writers)
{
	long long end = pool_now_ms() + WAIT_MS;

	for (int i = 0; i < WRITERS; i++)
		while (writers[i].won < EACH || writers[i].lost < EACH) {
			assert_true(pool_now_ms() < end);
			usleep(2000);
		}
}

static void test_race(void **state)
{
	struct writer writers[WRITERS];
	const char *lu = image("d");

	(void)state;
	start(writers, lu);
	wait_stored(ROUNDS);
	wait_raced(writers);
	finish(writers, lu, "race");
	for (int i = 0; i < WRITERS; i++)
		assert_true(writers[i].done[0] >= EACH &&
			    writers[i].done[1] >= EACH);
}

/* Longer than the limit, so that swaps end without an answer. */
static void test_osd_stopped(void **state)
{
	struct writer writers[WRITERS];
	const char *lu = image("d");

	(void)state;
	start(writers, lu);
	for (int i = 0; i < 4; i++) {
		wait_stored(stored + 20 + 7 * i);
		pool_signal("osd", SIGSTOP);
		usleep(1100000 + 300000 * i);
		pool_signal("osd", SIGCONT);
	}
	wait_stored(stored + 50);
	finish(writers, lu, "osd stopped");
}

static void test_osd_killed(void **state)
{
	struct writer writers[WRITERS];
	const char *lu = image("d");

	(void)state;
	start(writers, lu);
	for (int i = 0; i < 3; i++) {
		wait_stored(stored + 30 + 11 * i);
		pool_restart("osd");
	}
	wait_stored(stored + 50);
	finish(writers, lu, "osd killed");
}

/* What needs no mon goes on. */
static void test_mon_away(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	uint64_t evicted;
	int ret = 0;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->join(b, lu, 1), 0);
	pool_signal("mon", SIGSTOP);
	for (uint64_t seq = 0; !ret && seq < 50; seq++)
		ret = pool_swap(a, lu, seq, "x");
	if (!ret)
		ret = ops->announce(a, lu, "b", NULL);
	if (!ret)
		ret = ops->ack(a, lu, 1, 50, 50);
	if (!ret)
		ret = pool_beats(a, 1, 1, 1, &evicted);
	if (!ret)
		ret = ops->evict(b, "a", 1);
	pool_signal("mon", SIGCONT);
	assert_int_equal(ret, 0);
	pool_expect(b, lu, 50, "x");
	ops->close(a);
	ops->close(b);
}

static void count_news(void *arg, const char *lu,
		       const struct store_message *message)
{
	(void)lu;
	assert_null(message);
	++*(int *)arg;
}

/* Calls news() for @ms; how much there was. */
static int hear(struct store *store, int ms)
{
	long long end = pool_now_ms() + ms;
	int heard = 0;

	while (pool_now_ms() < end)
		ops->news(store, 100, count_news, &heard);
	return heard;
}

/*
 * Nor do news wait for a mon, which is asked for the host's addresses every ten
 * seconds.
 */
static void test_mon_away_news(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	long long end, begin, longest = 0;
	int ret = 0, heard = 1;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	assert_int_equal(hear(a, 100), 1);
	pool_signal("mon", SIGSTOP);
	end = pool_now_ms() + 12000;
	while (!ret && heard == 1 && pool_now_ms() < end) {
		begin = pool_now_ms();
		ret = ops->announce(b, lu, "a", NULL);
		heard = hear(a, 100);
		if (pool_now_ms() - begin > longest)
			longest = pool_now_ms() - begin;
		usleep(50000);
	}
	pool_signal("mon", SIGCONT);
	assert_int_equal(ret, 0);
	assert_int_equal(heard, 1);
	assert_true(longest < 2000);
	ops->close(a);
	ops->close(b);
}

static atomic_bool osd_back;

static void *stop_osd(void *arg)
{
	pool_signal("osd", SIGSTOP);
	usleep(*(int *)arg * 1000);
	pool_signal("osd", SIGCONT);
	osd_back = true;
	return NULL;
}

/* Longer than the watch lives: whatever was missed, there is news of all. */
static void test_watch_stopped(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	long long end = pool_now_ms() + WAIT_MS;
	int ms = 8000, ret = -1, heard = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	osd_back = false;
	assert_int_equal(pthread_create(&thread, NULL, stop_osd, &ms), 0);
	while ((!osd_back || !heard) && pool_now_ms() < end)
		heard += hear(a, 100);
	assert_true(heard);
	pthread_join(thread, NULL);
	while (ret && pool_now_ms() < end) {
		ret = ops->announce(b, lu, "a", NULL);
		hear(a, 100);
	}
	assert_int_equal(ret, 0);
	/* That it pings again is news of all, too. */
	while (hear(a, QUIET_MS))
		assert_true(pool_now_ms() < end);
	assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	assert_int_equal(hear(a, 100), 1);
	ops->close(a);
	ops->close(b);
}

static int announce_ms(struct store *store, const char *lu)
{
	long long begin = pool_now_ms();

	assert_true(ops->announce(store, lu, "b", NULL) < 0);
	return pool_now_ms() - begin;
}

/* Nothing may take longer than its limit, nor the end of the store. */
static void test_close_without_osd(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	int first, again = INT_MAX;
	long long begin;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	pool_signal("osd", SIGSTOP);
	first = announce_ms(a, lu);
	/* Who was deaf is not waited for as long again: the shortest counts. */
	for (int i = 0; i < 4; i++) {
		int took = announce_ms(a, lu);

		again = took < again ? took : again;
	}
	print_message("announced in vain in %d ms, again in %d\n", first,
		      again);
	assert_true(first < 8000);
	assert_true(again < 900);
	begin = pool_now_ms();
	ops->close(b);
	print_message("closed in %lld ms\n", pool_now_ms() - begin);
	pool_signal("osd", SIGCONT);
	ops->close(a);
}

/* A test that fails may have left somebody stopped. */
static int clear(void **state)
{
	pool_signal("osd", SIGCONT);
	pool_signal("mon", SIGCONT);
	return pool_clear(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_race, clear),
		cmocka_unit_test_teardown(test_osd_stopped, clear),
		cmocka_unit_test_teardown(test_osd_killed, clear),
		cmocka_unit_test_teardown(test_mon_away, clear),
		cmocka_unit_test_teardown(test_mon_away_news, clear),
		cmocka_unit_test_teardown(test_watch_stopped, clear),
		cmocka_unit_test_teardown(test_close_without_osd, clear),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
