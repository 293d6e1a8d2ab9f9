// SPDX-License-Identifier: GPL-2.0-only
/* Gateways as processes that race for the same things. */
#include "area.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RACERS = 8,
	RACES = 600,
	CREATIONS = 100, /* of them for a version 1 */
	RUNNERS = 4,
	RUNS = 150,
	NEWS_LUS = 16,
	NEWS_EACH = 4000,
	ROLLS = 3000,
	THREAD_RUNS = 100,
};

struct shared {
	pthread_barrier_t barrier;
	int result[RACES][RACERS];
	atomic_int done, won, unknown;
	atomic_int told[NEWS_LUS];
};

static struct shared *shared_new(unsigned int parties)
{
	struct shared *shared =
		mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attr;

	assert_true(shared != MAP_FAILED);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	assert_int_equal(pthread_barrier_init(&shared->barrier, &attr, parties),
			 0);
	return shared;
}

static void spawn(int count, void (*fn)(struct shared *shared, int self),
		  struct shared *shared)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			/* Do not wait for a parent that has failed. */
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			fn(shared, i);
			_exit(0);
		}
	}
}

static void reap(int count)
{
	for (int i = 0; i < count; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

static struct store *child_open(int self)
{
	struct store *store;
	char name[16], *err;

	snprintf(name, sizeof(name), "gw%d", self);
	if (ops->open(&store, area_where, name, 1, &err))
		_exit(3);
	return store;
}

/* Two to eight take part, by turns. */
static bool races_in(int race, int self)
{
	return self < 2 + race % (RACERS - 1);
}

static void race_place(int race, char lu[16], uint64_t *expected)
{
	bool create = race < CREATIONS;

	snprintf(lu, 16, "lu%d", create ? race : 0);
	*expected = create ? 0 : race - CREATIONS + 1;
}

static void racer(struct shared *shared, int self)
{
	struct store *store = child_open(self);
	uint64_t expected;
	char lu[16], str[64];

	for (int race = 0; race < RACES; race++) {
		race_place(race, lu, &expected);
		snprintf(str, sizeof(str), "race %d won by %d", race, self);
		pthread_barrier_wait(&shared->barrier);
		if (races_in(race, self))
			shared->result[race][self] = ops->swap(
				store, lu, expected, str, strlen(str));
		pthread_barrier_wait(&shared->barrier);
	}
	ops->close(store);
}

static void judge_race(struct shared *shared, struct store *store, int race,
		       int *losers)
{
	char lu[16], want[64] = "", *str;
	uint64_t expected, seq;
	int winners = 0;
	size_t len;

	race_place(race, lu, &expected);
	for (int i = 0; i < RACERS; i++) {
		if (!races_in(race, i))
			continue;
		if (!shared->result[race][i]) {
			winners++;
			snprintf(want, sizeof(want), "race %d won by %d", race,
				 i);
		} else {
			assert_int_equal(shared->result[race][i], -EAGAIN);
			(*losers)++;
		}
	}
	assert_int_equal(winners, 1);
	assert_int_equal(ops->load(store, lu, &str, &len, &seq), 0);
	assert_int_equal(seq, expected + 1);
	assert_string_equal(str, want);
	free(str);
}

static void test_one_winner(void **state)
{
	struct shared *shared = shared_new(RACERS + 1);
	struct store *store = area_open("judge", 1);
	int losers = 0;

	(void)state;
	spawn(RACERS, racer, shared);
	for (int race = 0; race < RACES; race++) {
		pthread_barrier_wait(&shared->barrier);
		pthread_barrier_wait(&shared->barrier);
		judge_race(shared, store, race, &losers);
	}
	reap(RACERS);
	print_message("%d races, one winner each, %d losers\n", RACES, losers);
	assert_int_equal(area_count("", ".tmp."), 0);
	ops->close(store);
	munmap(shared, sizeof(*shared));
}

static void runner(struct shared *shared, int self)
{
	struct store *store = child_open(self);
	uint64_t seq = 0, before = 0;
	char *str, next[32];
	size_t len;

	for (int wins = 0; wins < RUNS;) {
		int ret = ops->load(store, LU, &str, &len, &seq);

		if (ret || strtoull(str, NULL, 10) != seq || seq < before)
			_exit(4);
		before = seq;
		free(str);
		snprintf(next, sizeof(next), "%" PRIu64, seq + 1);
		ret = ops->swap(store, LU, seq, next, strlen(next));
		if (ret == -EINPROGRESS)
			shared->unknown++;
		else if (ret && ret != -EAGAIN)
			_exit(5);
		if (!ret)
			wins++;
	}
	shared->won += RUNS;
	ops->close(store);
}

/* No barriers: loads and removals fall into each other's way. */
static void test_free_run(void **state)
{
	struct shared *shared = shared_new(1);
	struct store *store = area_open("judge", 1);
	char text[8192];
	long long seq;

	(void)state;
	assert_int_equal(ops->swap(store, LU, 0, "1", 1), 0);
	spawn(RUNNERS, runner, shared);
	reap(RUNNERS);
	seq = area_newest(store, text, sizeof(text));
	assert_true(seq > shared->won);
	assert_true(seq <= 1 + shared->won + shared->unknown);
	print_message("%d swaps won in free run, %d unclear\n", shared->won,
		      shared->unknown);
	assert_int_equal(area_count("lu/" LU, "v0"), 16);
	ops->close(store);
	munmap(shared, sizeof(*shared));
}

static void announcer(struct shared *shared, int self)
{
	struct store *store = child_open(self);
	char lu[16];

	for (int i = 0; i < NEWS_EACH; i++) {
		int at = (i * 7 + self) % NEWS_LUS;

		shared->told[at]++;
		snprintf(lu, sizeof(lu), "%d", at);
		if (ops->announce(store, lu, "judge", NULL))
			_exit(3);
	}
	shared->done++;
	ops->close(store);
}

struct listener {
	struct shared *shared;
	int heard[NEWS_LUS];
	int calls;
};

static void listen_to(void *arg, const char *lu,
		      const struct store_message *message)
{
	struct listener *listener = arg;
	int at = atoi(lu);

	assert_null(message);
	listener->heard[at] = listener->shared->told[at];
	listener->calls++;
}

static void test_news_not_lost(void **state)
{
	struct shared *shared = shared_new(1);
	struct store *store = area_open("judge", 1);
	struct listener listener = {.shared = shared};

	(void)state;
	spawn(RUNNERS, announcer, shared);
	while (shared->done < RUNNERS)
		assert_true(ops->news(store, 20, listen_to, &listener) >= 0);
	ops->news(store, 0, listen_to, &listener);
	reap(RUNNERS);
	for (int i = 0; i < NEWS_LUS; i++)
		assert_int_equal(listener.heard[i], shared->told[i]);
	print_message("%d announced, told in %d calls, none lost\n",
		      RUNNERS * NEWS_EACH, listener.calls);
	ops->close(store);
	munmap(shared, sizeof(*shared));
}

static void flicker(struct shared *shared, int self)
{
	struct store *store = child_open(self);
	uint64_t seq = 0;

	while (!shared->done) {
		int ret = self % 2 ? ops->ack(store, LU, 1, ++seq, 0)
				   : ops->leave(store, LU);

		if (ret || (self % 2 == 0 && ops->join(store, LU, 1)))
			_exit(3);
	}
	ops->close(store);
}

static void check_roll(struct store *store, uint64_t before[RACERS])
{
	struct store_member *list;
	size_t count;
	int steady = 0;

	assert_int_equal(ops->members(store, LU, &list, &count), 0);
	for (size_t i = 0; i < count; i++) {
		int id = atoi(list[i].gateway + 2);

		assert_in_range(id, 0, RACERS - 1);
		assert_true(list[i].installed >= before[id]);
		before[id] = list[i].installed;
		steady += id % 2 || id >= RUNNERS;
	}
	assert_int_equal(steady, RACERS - RUNNERS / 2);
	free(list);
}

/* Who is a member all the time is in every list, however much goes on. */
static void test_members_not_missed(void **state)
{
	struct shared *shared = shared_new(1);
	struct store *store = area_open("judge", 1);
	uint64_t before[RACERS] = {0};

	(void)state;
	for (int i = 0; i < RACERS; i++) {
		struct store *member = child_open(i);

		assert_int_equal(ops->join(member, LU, 1), 0);
		ops->close(member);
	}
	spawn(RUNNERS, flicker, shared);
	for (int i = 0; i < ROLLS; i++)
		check_roll(store, before);
	shared->done = 1;
	reap(RUNNERS);
	print_message("%d lists of members, none incomplete\n", ROLLS);
	ops->close(store);
	munmap(shared, sizeof(*shared));
}

struct worker {
	struct store *store;
	pthread_t thread;
	int self, won, unclear;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct store *store = worker->store;
	char own[16];

	snprintf(own, sizeof(own), "own%d", worker->self);
	assert_int_equal(ops->join(store, own, 1), 0);
	assert_int_equal(ops->join(store, LU, 1), 0);
	for (uint64_t seq = 0; seq < THREAD_RUNS; seq++) {
		int ret = ops->swap(store, LU, seq, own, strlen(own));

		assert_true(!ret || ret == -EAGAIN || ret == -EINPROGRESS);
		worker->won += !ret;
		worker->unclear += ret == -EINPROGRESS;
		assert_int_equal(ops->swap(store, own, seq, "x", 1), 0);
		assert_int_equal(ops->ack(store, own, 1, seq + 1, seq + 1), 0);
		ret = ops->ack(store, LU, 1, seq, seq);
		assert_true(!ret || ret == -EINVAL);
		assert_int_equal(ops->announce(store, own, "judge", NULL), 0);
	}
	assert_int_equal(ops->leave(store, own), 0);
	return NULL;
}

/* One store, many threads, on one logical unit and on others. */
static void test_threads(void **state)
{
	struct worker worker[RUNNERS];
	struct store *store = area_open("judge", 1);
	char text[8192];
	int won = 0, unclear = 0;

	(void)state;
	for (int i = 0; i < RUNNERS; i++) {
		worker[i] = (struct worker){.store = store, .self = i};
		assert_int_equal(pthread_create(&worker[i].thread, NULL, work,
						&worker[i]),
				 0);
	}
	for (int i = 0; i < RUNNERS; i++) {
		pthread_join(worker[i].thread, NULL);
		won += worker[i].won;
		unclear += worker[i].unclear;
	}
	/* Nobody skips a version, so all of them were won once. */
	assert_in_range(THREAD_RUNS, won, won + unclear);
	assert_int_equal(area_newest(store, text, sizeof(text)), THREAD_RUNS);
	assert_int_equal(area_count("", ".tmp."), 0);
	ops->close(store);
}

static int clear(void **state)
{
	(void)state;
	area_clear();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_one_winner, clear),
		cmocka_unit_test_teardown(test_free_run, clear),
		cmocka_unit_test_teardown(test_news_not_lost, clear),
		cmocka_unit_test_teardown(test_members_not_missed, clear),
		cmocka_unit_test_teardown(test_threads, clear),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
