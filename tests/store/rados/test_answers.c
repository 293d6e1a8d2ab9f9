// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers to notifications of the RADOS store: who is told a version answers
 * with what it says of itself, if that comes soon.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"

enum {
	SOON_MS = 80, /* less than the wait for an answer */
	WAIT_MS = 100, /* that */
	DEAF_MS = 1000, /* after which nobody has answered */
	ROUNDS = 20,
};

/* Gateway "a", which listens all the time. */
struct listener {
	struct store *store;
	pthread_t thread;
	atomic_bool stop;
	atomic_int heard, ret;
	/* What it does when it is told: */
	const char *to; /* says to it, NULL: nothing */
	uint64_t installed; /* that */
	useconds_t pause;
};

static int say(struct store *store, const char *to, uint64_t installed)
{
	const struct store_message message = {
		.word = STORE_SAYS,
		.says = {.term = 1, .installed = installed, .ended = 1},
	};

	return ops->announce(store, pool_lu("d"), to, &message);
}

static void on_told(void *arg, const char *lu,
		    const struct store_message *message)
{
	struct listener *a = arg;

	(void)lu;
	if (!message || message->word != STORE_VERSION)
		return;
	usleep(a->pause);
	if (a->to)
		a->ret = say(a->store, a->to, a->installed);
	a->heard++;
}

static void *listener_run(void *arg)
{
	struct listener *a = arg;

	while (!a->stop)
		ops->news(a->store, 10000, on_told, a);
	return NULL;
}

static void listener_start(struct listener *a)
{
	memset(a, 0, sizeof(*a));
	a->store = pool_open("a", 1);
	assert_int_equal(ops->join(a->store, pool_image("d"), 1), 0);
	assert_int_equal(pthread_create(&a->thread, NULL, listener_run, a), 0);
	/* Until it waits. */
	usleep(200000);
}

static void listener_stop(struct listener *a)
{
	a->stop = true;
	ops->wake(a->store);
	pthread_join(a->thread, NULL);
	ops->close(a->store);
}

static char *identity(void)
{
	char *version = pool_get(pool_header("d"), VERSION);
	char *found;

	assert_non_null(version);
	found = strstr(version, "image ") + strlen("image ");
	*strchr(found, ' ') = '\0';
	found = strdup(found);
	free(version);
	return found;
}

/* What "a" answers to a notification, to be freed; how long that took. */
static char *ask(const char *format, long long *ms)
{
	struct notify_timeout_t *timeouts = NULL;
	struct notify_ack_t *acks = NULL;
	char text[900], *reply = NULL, *name = identity(), *answer;
	size_t len = 0, count = 0, slow = 0;

	snprintf(text, sizeof(text), format, name);
	*ms = pool_now_ms();
	assert_int_equal(rados_notify2(pool_io, "tcmu_pr_inbox.a", text,
				       strlen(text), 3000, &reply, &len), 0);
	*ms = pool_now_ms() - *ms;
	assert_int_equal(rados_decode_notify_response(reply, len, &acks, &count,
						      &timeouts, &slow), 0);
	assert_int_equal(count, 1);
	answer = strndup(acks[0].payload, acks[0].payload_len);
	rados_free_notify_response(acks, count, timeouts);
	rados_buffer_free(reply);
	free(name);
	return answer;
}

static void assert_plain(const char *format, long long *ms)
{
	char *answer = ask(format, ms);

	assert_string_equal(answer, "a 0000000000000001");
	free(answer);
}

/* "nobody" watches nothing: what was said to it can only be an answer. */
static void test_answer(void **state)
{
	char *answer, *name, want[900];
	struct listener a;
	long long ms;

	(void)state;
	listener_start(&a);
	a.to = "nobody";
	a.installed = 3;
	name = identity();
	snprintf(want, sizeof(want), "a 0000000000000001\n%s ack a 1 1 3 1",
		 name);
	answer = ask("%s version 3 3 nobody\nabc\n", &ms);
	assert_string_equal(answer, want);
	free(answer);
	/* And more counts. */
	a.installed = 4;
	usleep(50000);
	answer = ask("%s version 3 3 nobody\nabc\n", &ms);
	assert_non_null(strstr(answer, " ack a 1 1 4 1"));
	free(answer);
	assert_int_equal(a.heard, 2);
	assert_int_equal(a.ret, 0);
	/* Once: the next word is none. */
	assert_int_equal(say(a.store, "nobody", 5), -EHOSTDOWN);
	listener_stop(&a);
	free(name);
}

/* Less, somebody else's, or too late: as if there were no answers. */
static void test_no_answer(void **state)
{
	struct listener a;
	long long ms, least = DEAF_MS;

	(void)state;
	listener_start(&a);
	for (int n = 0; n < 5; n++) {
		assert_plain("%s version 3 3 nobody\nabc\n", &ms);
		assert_in_range(ms, WAIT_MS - 5, DEAF_MS - 1);
		least = ms < least ? ms : least;
	}
	/* In time, not when it looks after something else. */
	assert_true(least < 3 * WAIT_MS);
	a.to = "nobody";
	a.installed = 2;
	assert_plain("%s version 3 3 nobody\nabc\n", &ms);
	assert_in_range(ms, WAIT_MS - 5, DEAF_MS - 1);
	assert_int_equal(a.ret, -EHOSTDOWN);
	a.installed = 3;
	assert_plain("%s version 3 3 somebody\nabc\n", &ms);
	assert_in_range(ms, WAIT_MS - 5, DEAF_MS - 1);
	assert_int_equal(a.ret, -EHOSTDOWN);
	listener_stop(&a);
}

/* What is not one version of an image that it has is answered at once. */
static void test_at_once(void **state)
{
	static const char *const others[] = {
		"%s", "%s ack b 1 1 3 3", "%s version 3 3\nabc\n",
		"%s version 3 3 b/c\nabc\n", "%1$s\n%1$s version 3 3 b\nabc\n",
		"%1$s version 3 3 b\nabc\n%1$s version 4 3 b\nabc\n",
		"%sx version 3 3 b\nabc\n", "%s version 3 4 b\nabc\n", "",
	};
	long long ms, least;
	struct listener a;

	(void)state;
	listener_start(&a);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		least = DEAF_MS;
		/* Of some, for the machine has other things to do. */
		for (int n = 0; n < 5; n++) {
			assert_plain(others[i], &ms);
			least = ms < least ? ms : least;
		}
		if (least >= SOON_MS)
			fail_msg("%s: %lld ms", others[i], least);
	}
	listener_stop(&a);
	/* Nor if it does not listen. */
	a.store = pool_open("a", 1);
	assert_int_equal(ops->join(a.store, pool_lu("d"), 1), 0);
	least = DEAF_MS;
	for (int n = 0; n < 5; n++) {
		assert_plain("%s version 3 3 nobody\nabc\n", &ms);
		least = ms < least ? ms : least;
	}
	assert_true(least < SOON_MS);
	ops->close(a.store);
}

struct hearer {
	int count;
	uint64_t installed;
};

static void on_said(void *arg, const char *lu,
		    const struct store_message *message)
{
	struct hearer *hearer = arg;

	(void)lu;
	assert_non_null(message);
	assert_int_equal(message->word, STORE_SAYS);
	assert_string_equal(message->says.gateway, "a");
	hearer->count++;
	hearer->installed = message->says.installed;
}

/* Between two of ours: it is told by news(), as what is said always is. */
static void test_heard(void **state)
{
	struct store *b = pool_open("b", 2);
	const char *lu = pool_lu("d");
	struct store_message message = {
		.word = STORE_VERSION, .str = "abc", .len = 3};
	struct hearer hearer;
	struct listener a;

	(void)state;
	listener_start(&a);
	assert_int_equal(ops->join(b, lu, 1), 0);
	a.to = "b";
	for (int i = 1; i <= ROUNDS; i++) {
		message.seq = i;
		a.installed = i;
		/* Now and then too late: by a notification then. */
		a.pause = i % 10 ? 0 : 2 * WAIT_MS * 1000;
		assert_int_equal(ops->announce(b, lu, "a", &message), 0);
		memset(&hearer, 0, sizeof(hearer));
		assert_int_equal(ops->news(b, 5000, on_said, &hearer), 1);
		assert_int_equal(hearer.count, 1);
		assert_int_equal(hearer.installed, i);
		assert_int_equal(a.ret, 0);
	}
	listener_stop(&a);
	ops->close(b);
}

static void *tell_b(void *arg)
{
	const struct store_message message = {
		.word = STORE_VERSION, .seq = 1, .str = "abc", .len = 3};

	/* Answered, or not by anybody: but not for ever. */
	ops->announce(arg, pool_lu("d"), "a", &message);
	return NULL;
}

/* Closed while somebody waits for its answer: gets one. */
static void test_close(void **state)
{
	struct store *b = pool_open("b", 2);
	long long start;
	struct listener a;
	pthread_t thread;

	(void)state;
	listener_start(&a);
	assert_int_equal(ops->join(b, pool_lu("d"), 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, tell_b, b), 0);
	while (!a.heard)
		usleep(1000);
	start = pool_now_ms();
	listener_stop(&a);
	pthread_join(thread, NULL);
	assert_true(pool_now_ms() - start < 5000);
	ops->close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_answer, pool_clear),
		cmocka_unit_test_teardown(test_no_answer, pool_clear),
		cmocka_unit_test_teardown(test_at_once, pool_clear),
		cmocka_unit_test_teardown(test_heard, pool_clear),
		cmocka_unit_test_teardown(test_close, pool_clear),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
