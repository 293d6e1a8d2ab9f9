// SPDX-License-Identifier: GPL-2.0-only
/*
 * Members, heartbeats, marks and news of the RADOS store: see also rules.c.
 */
#include "beats.h"
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GATEWAYS "tcmu_pr_gateways"

/* Members */

static void test_broken_members(void **state)
{
	static const char *const bad[] = {
		"x",		   "1",		       "1 1 0 0 0",
		"1 1 0 0 0 1 ",	   " 1 1 0 0 0 1",     "1  1 0 0 0 1",
		"1 1 0 0 -1 1",	   "1 1 0 0 0 1 1",    "1 1 0 0 0 x",
		"1 1 0 0 0 1\n",   "1 1 0 18446744073709551616 0 1",
	};
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	struct store_member *list;
	char text[1001];
	size_t count;

	(void)state;
	memset(text, '1', 1000);
	text[1000] = '\0';
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		bool last = i == sizeof(bad) / sizeof(bad[0]);

		assert_int_equal(ops->join(a, lu, 1), 0);
		assert_int_equal(ops->ack(a, lu, 1, 1, 1), 0);
		pool_set(pool_own("d"), "member.a", last ? text : bad[i]);
		assert_int_equal(ops->members(a, lu, &list, &count), -EBADMSG);
		assert_int_equal(ops->ack(a, lu, 1, 1, 1), -EBADMSG);
		assert_int_equal(ops->leave(a, lu), -EBADMSG);
	}
	assert_int_equal(ops->join(a, lu, 1), 0);
	pool_set(pool_own("d"), "member.b b", "1 1 0 0 0 1");
	assert_int_equal(ops->members(a, lu, &list, &count), -EBADMSG);
	ops->close(a);
}

/* A gateway has one record of an image, whatever it calls it. */
static void test_two_names(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	char other[600];

	(void)state;
	snprintf(other, sizeof(other), "%s;osd_op_timeout=4", lu);
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->join(a, other, 1), -EEXIST);
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->join(a, other, 1), 0);
	assert_int_equal(ops->join(a, lu, 1), -EEXIST);
	ops->close(a);
}

/* Heartbeats */

static void expect(struct store *store, const char *gateway,
		   uint64_t incarnation, uint64_t term, uint64_t count)
{
	struct store_beat want = pool_beat(incarnation, term, count);

	beats_expect(ops, store, gateway, &want);
}

/* Somebody has removed it. */
static void test_removed_beat(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);

	(void)state;
	assert_int_equal(pool_beats(a, 1, 1, 1, NULL), 0);
	pool_unset(GATEWAYS, "beat.a");
	assert_int_equal(pool_beats(a, 1, 1, 2, NULL), 0);
	expect(b, "a", 1, 1, 2);
	pool_remove(GATEWAYS);
	assert_int_equal(pool_beats(a, 1, 1, 3, NULL), 0);
	expect(b, "a", 1, 1, 3);
	ops->close(a);
	ops->close(b);
}

/* Others are not kept from looking; the gateway itself does not go on. */
static void test_broken_gateways(void **state)
{
	static const char *const beats[] = {
		"",
		"1 1 1 1 ",
		"0 1 1 1 000102030405060708090a0b0c0d0e0f",
		"1 1 1 1 000102030405060708090a0b0c0d0e0",
		"1 1 1 1 000102030405060708090a0b0c0d0e0F",
		"1 1 1 1 000102030405060708090a0b0c0d0e0f00",
		"1 1 1 1 000102030405060708090a0b0c0d0e0f\n",
		"1 1 1 4294967296 000102030405060708090a0b0c0d0e0f",
		"1 1 18446744073709551616 1 000102030405060708090a0b0c0d0e0f",
		"1 1  1 1 000102030405060708090a0b0c0d0e0f",
		"-1 1 1 1 000102030405060708090a0b0c0d0e0f",
	};
	static const char *const marks[] = {"x", "0", "1 ", "-1",
					    "18446744073709551616"};
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	struct store_gateway found;

	(void)state;
	assert_int_equal(pool_beats(a, 1, 6, 1, NULL), 0);
	assert_int_equal(pool_beats(b, 1, 1, 1, NULL), 0);
	assert_int_equal(ops->evict(b, "a", 5), 0);
	for (size_t i = 0; i < sizeof(beats) / sizeof(beats[0]); i++) {
		pool_set(GATEWAYS, "beat.a", beats[i]);
		assert_true(pool_gateway(b, "a", &found));
		assert_false(found.beaten);
		assert_int_equal(found.beat.term, 0);
		assert_int_equal(found.evicted, 5);
		assert_int_equal(pool_beats(a, 1, 6, 3, NULL), -EBADMSG);
		expect(b, "b", 1, 1, 1);
		pool_unset(GATEWAYS, "beat.a");
		assert_int_equal(pool_beats(a, 1, 6, 4 + i, NULL), 0);
	}
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		pool_set(GATEWAYS, i % 2 ? "evicted.a" : "fenced.a", marks[i]);
		assert_true(pool_gateway(b, "a", &found));
		assert_false(found.beaten);
		assert_int_equal(pool_beats(a, 1, 6, 90 + i, NULL), -EBADMSG);
		pool_unset(GATEWAYS, i % 2 ? "evicted.a" : "fenced.a");
	}
	assert_int_equal(pool_beats(a, 1, 6, 99, NULL), 0);
	expect(b, "a", 1, 6, 99);
	ops->close(a);
	ops->close(b);
}

/* News */

struct heard {
	int count;
	char last[600];
	struct store *again;
};

static void hear(void *arg, const char *lu, const struct store_message *message)
{
	struct heard *heard = arg;

	assert_null(message);
	heard->count++;
	snprintf(heard->last, sizeof(heard->last), "%s", lu);
	if (heard->again)
		assert_int_equal(ops->announce(heard->again, lu, "a", NULL), 0);
}

static void test_news(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d"), *other = pool_image("e");
	struct heard heard = {0};

	(void)state;
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(ops->join(a, other, 1), 0);
	assert_int_equal(ops->news(a, 30, hear, &heard), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	assert_int_equal(ops->news(b, 0, hear, &heard), 0);
	assert_int_equal(ops->news(a, 1000, hear, &heard), 1);
	assert_int_equal(heard.count, 1);
	assert_string_equal(heard.last, lu);
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	/* Announced while it is told: told again, by the next call. */
	assert_int_equal(ops->announce(b, other, "a", NULL), 0);
	heard.again = b;
	assert_int_equal(ops->news(a, 0, hear, &heard), 1);
	assert_string_equal(heard.last, other);
	heard.again = NULL;
	assert_int_equal(ops->news(a, 0, hear, &heard), 1);
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	/* To one that is not there, or is no gateway; of no image. */
	assert_int_equal(ops->announce(a, lu, "new", NULL), -EHOSTDOWN);
	assert_int_equal(ops->announce(a, lu, "..", NULL), -EINVAL);
	assert_int_equal(ops->announce(a, pool_lu("none"), "b", NULL), -ENODEV);
	/* Of one that it does not serve. */
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	ops->close(b);
	/* The inbox is made anew; then nobody knows what was missed. */
	pool_remove("tcmu_pr_inbox.a");
	assert_int_equal(ops->news(a, 3000, hear, &heard), 1);
	b = pool_open("b", 2);
	assert_int_equal(ops->announce(b, other, "a", NULL), 0);
	assert_int_equal(ops->news(a, 1000, hear, &heard), 1);
	ops->close(a);
	assert_int_equal(ops->announce(b, other, "a", NULL), -EHOSTDOWN);
	ops->close(b);
}

/* What announcements carry: what gateways say of themselves, and versions. */

enum { LIMIT = 32 << 10 }; /* of a version */

struct said {
	int count, versions, news;
	struct store_member last;
	uint64_t seq;
	size_t len;
	char str[LIMIT + 1];
};

static void listen_to(void *arg, const char *lu,
		      const struct store_message *message)
{
	struct said *said = arg;

	assert_string_equal(lu, pool_lu("d"));
	/* In this order. */
	assert_int_equal(said->news, 0);
	if (!message) {
		said->news++;
	} else if (message->word == STORE_SAYS) {
		assert_int_equal(said->versions, 0);
		said->last = message->says;
		said->count++;
	} else {
		assert_true(message->len <= LIMIT);
		said->seq = message->seq;
		said->len = message->len;
		memcpy(said->str, message->str, message->len);
		said->str[message->len] = '\0';
		said->versions++;
	}
}

static void say(struct store *store, uint64_t term, uint64_t installed,
		uint64_t ended)
{
	const struct store_message message = {
		.word = STORE_SAYS,
		.says = {.term = term, .installed = installed, .ended = ended},
	};

	assert_int_equal(ops->announce(store, pool_lu("d"), "a", &message), 0);
}

static void assert_said(struct store *store, struct said *said, int count,
			int news)
{
	memset(said, 0, sizeof(*said));
	assert_int_equal(ops->news(store, 1000, listen_to, said), 1);
	assert_int_equal(said->count, count);
	assert_int_equal(said->versions, 0);
	assert_int_equal(said->news, news);
	assert_int_equal(ops->news(store, 0, listen_to, said), 0);
}

static void test_says(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 7);
	struct store *c = pool_open("c", 1);
	const char *lu = pool_image("d");
	struct said said;

	(void)state;
	assert_true(ops->carries);
	assert_int_equal(ops->join(a, lu, 1), 0);
	/* No record of b's says it yet, nor that it is a member. */
	say(b, 3, 12, 11);
	assert_said(a, &said, 1, 0);
	assert_string_equal(said.last.gateway, "b");
	assert_int_equal(said.last.incarnation, 7);
	assert_int_equal(said.last.term, 3);
	assert_int_equal(said.last.installed, 12);
	assert_int_equal(said.last.ended, 11);
	/* The most counts; that there is news is told as well. */
	say(b, 3, 14, 13);
	say(b, 3, 13, 13);
	say(b, 3, 12, 12);
	assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	assert_said(a, &said, 1, 1);
	assert_int_equal(said.last.installed, 14);
	assert_int_equal(said.last.ended, 13);
	/* A later life; another gateway. */
	say(b, 3, 14, 14);
	say(b, 4, 2, 2);
	assert_said(a, &said, 1, 0);
	assert_int_equal(said.last.term, 4);
	assert_int_equal(said.last.installed, 2);
	say(b, 4, 3, 3);
	say(c, 1, 3, 3);
	assert_said(a, &said, 2, 0);
	ops->close(c);
	ops->close(b);
	ops->close(a);
}

/* @format gets the image's identity. */
__attribute__((format(printf, 3, 0))) static void
notify(struct store *store, struct said *said, const char *format)
{
	char *version = pool_get(pool_header("d"), VERSION);
	char *identity, *reply = NULL;
	char text[900];
	size_t len = 0;

	assert_non_null(version);
	identity = strstr(version, "image ") + strlen("image ");
	*strchr(identity, ' ') = '\0';
	snprintf(text, sizeof(text), format, identity);
	assert_int_equal(rados_notify2(pool_io, "tcmu_pr_inbox.a", text,
				       strlen(text), 3000, &reply, &len), 0);
	rados_buffer_free(reply);
	free(version);
	memset(said, 0, sizeof(*said));
	ops->news(store, 0, listen_to, said);
}

/* What nobody of ours has sent is news at most. */
static void test_says_wrong(void **state)
{
	struct store *a = pool_open("a", 1);
	const char *lu = pool_image("d");
	struct said said;

	(void)state;
	assert_int_equal(ops->join(a, lu, 1), 0);
	notify(a, &said, "%s");
	assert_int_equal(said.news, 1);
	notify(a, &said, "%s ack b 1 2 3 3\n");
	assert_int_equal(said.count, 1);
	assert_int_equal(said.news, 0);
	notify(a, &said, "%s ack b 1 2 3");
	assert_int_equal(said.news, 1);
	assert_int_equal(said.count, 0);
	notify(a, &said, "%s\n");
	assert_int_equal(said.news, 1);
	notify(a, &said, "%sx ack b 1 2 3 3");
	assert_int_equal(said.news + said.count, 0);
	notify(a, &said, " ack b 1 2 3 3\n\n%.3s\n");
	assert_int_equal(said.news + said.count, 0);
	ops->close(a);
}

/* Versions */

static int tell(struct store *store, const char *lu, uint64_t seq,
		const char *str, size_t len)
{
	const struct store_message message = {
		.word = STORE_VERSION, .seq = seq, .str = str, .len = len};

	return ops->announce(store, lu, "a", &message);
}

static void assert_told(struct store *store, struct said *said, int versions,
			int news)
{
	memset(said, 0, sizeof(*said));
	assert_int_equal(ops->news(store, 1000, listen_to, said), 1);
	assert_int_equal(said->versions, versions);
	assert_int_equal(said->news, news);
	assert_int_equal(ops->news(store, 0, listen_to, said), 0);
}

static void test_versions(void **state)
{
	static const char odd[] = "vers=1\n\nx 1\0\n version 9 9\n\xff\r";
	struct store *a = pool_open("a", 1), *b = pool_open("b", 7);
	char *big = malloc(LIMIT + 1);
	const char *lu = pool_image("d");
	struct said said;

	(void)state;
	memset(big, 'x', LIMIT + 1);
	assert_int_equal(ops->join(a, lu, 1), 0);
	/* It need not be in the store, for all the store knows. */
	assert_int_equal(tell(b, lu, UINT64_MAX, odd, sizeof(odd)), 0);
	assert_told(a, &said, 1, 0);
	assert_int_equal(said.seq, UINT64_MAX);
	assert_int_equal(said.len, sizeof(odd));
	assert_memory_equal(said.str, odd, sizeof(odd));
	/* The newest, once; what comes later again. */
	assert_int_equal(tell(b, lu, 5, "five", 4), 0);
	assert_int_equal(tell(b, lu, 7, "seven", 5), 0);
	assert_int_equal(tell(b, lu, 7, "seven", 5), 0);
	assert_int_equal(tell(b, lu, 6, "six", 3), 0);
	assert_told(a, &said, 1, 0);
	assert_int_equal(said.seq, 7);
	assert_string_equal(said.str, "seven");
	assert_int_equal(tell(b, lu, 7, "seven", 5), 0);
	assert_told(a, &said, 1, 0);
	/* Two of one number: whoever is told has to look. */
	assert_int_equal(tell(b, lu, 8, "eight", 5), 0);
	assert_int_equal(tell(b, lu, 8, "ocho8", 5), 0);
	assert_told(a, &said, 0, 1);
	/* With all else. */
	say(b, 3, 12, 11);
	assert_int_equal(ops->announce(b, lu, "a", NULL), 0);
	assert_int_equal(tell(b, lu, 9, "nine", 4), 0);
	assert_told(a, &said, 1, 1);
	assert_int_equal(said.count, 1);
	assert_string_equal(said.str, "nine");
	/* As long as can be; longer. */
	assert_int_equal(tell(b, lu, 10, big, LIMIT), 0);
	assert_told(a, &said, 1, 0);
	assert_int_equal(said.len, LIMIT);
	assert_memory_equal(said.str, big, LIMIT);
	assert_int_equal(tell(b, lu, 11, big, LIMIT + 1), 0);
	assert_told(a, &said, 0, 1);
	/* Of one that it does not serve; when it is closed. */
	assert_int_equal(tell(b, lu, 12, "twelve", 6), 0);
	assert_int_equal(ops->leave(a, lu), 0);
	assert_int_equal(ops->news(a, 0, listen_to, &said), 0);
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(tell(b, lu, 13, "thirteen", 8), 0);
	ops->close(a);
	ops->close(b);
	free(big);
}

/* What nobody of ours has sent is news at most; the rest is heard. */
static void test_versions_wrong(void **state)
{
	static const char *const wrong[] = {
		"%s version 3 4\nabc\n",   "%s version 3 2\nabc\n",
		"%s version 3 3\nabc",     "%s version 0 3\nabc\n",
		"%s version 3 3\nab",	   "%s version 3 3\n",
		"%s version 3 3",	   "%s version 3 0",
		"%s version 3 0\n",	   "%s version 3 3 a a\nabc\n",
		"%s version 3 -3\nabc\n",  "%s version 3 32769\nabc\n",
		"%s versions 3 3\nabc\n",  "%s version 3\nabc\n",
		"%s version 3 18446744073709551615\nabc\n",
		"%s version 18446744073709551616 3\nabc\n",
	};
	struct store *a = pool_open("a", 1);
	struct said said;

	(void)state;
	assert_int_equal(ops->join(a, pool_image("d"), 1), 0);
	notify(a, &said, "%s version 3 3\nabc\n");
	assert_int_equal(said.versions, 1);
	assert_int_equal(said.news, 0);
	assert_string_equal(said.str, "abc");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		notify(a, &said, wrong[i]);
		assert_int_equal(said.news, 1);
		assert_int_equal(said.count + said.versions, 0);
	}
	notify(a, &said, "%sx version 3 3\nabc\n");
	assert_int_equal(said.news + said.versions, 0);
	notify(a, &said, "%1$s version 3 99\nabc\n%1$s version 4 1\nx\n");
	assert_int_equal(said.news, 1);
	assert_int_equal(said.versions, 1);
	assert_int_equal(said.seq, 4);
	/* Behind one of an image that it does not have. */
	notify(a, &said, "x/1//y version 3 4\nabc\n\n%s");
	assert_int_equal(said.news, 1);
	ops->close(a);
}

struct teller {
	struct store *store;
	uint64_t seq; /* 0: there is news */
	int ret;
};

static atomic_int telling;

static void *tell_long(void *arg)
{
	struct teller *teller = arg;
	const char *lu = pool_lu("d");
	char *str = malloc(LIMIT);

	memset(str, 'x', LIMIT);
	telling++;
	if (teller->seq)
		teller->ret = tell(teller->store, lu, teller->seq, str, LIMIT);
	else
		teller->ret = ops->announce(teller->store, lu, "a", NULL);
	free(str);
	return NULL;
}

static void wait_telling(int count)
{
	while (telling < count)
		usleep(1000);
	usleep(100000);
}

/* One notification with the first, another one with all others. */
static void tell_together(struct store *store, int count, bool news)
{
	/* pool_signal() takes its time, and an announcement is not for ever. */
	char *text = pool_run("%s pid osd", getenv("POOL_TOOL"));
	pid_t osd = atoi(text);
	struct teller tellers[14];
	pthread_t threads[14];

	free(text);
	telling = 0;
	assert_true(osd > 1);
	assert_int_equal(kill(osd, SIGSTOP), 0);
	for (int i = 0; i < count; i++) {
		tellers[i] = (struct teller){store, 1 + i, -1};
		if (news && i == count - 1)
			tellers[i].seq = 0;
		pthread_create(&threads[i], NULL, tell_long, &tellers[i]);
		if (!i || news)
			wait_telling(1 + i);
	}
	wait_telling(count);
	assert_int_equal(kill(osd, SIGCONT), 0);
	for (int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(tellers[i].ret, 0);
	}
}

/* What goes in one notification has a limit, but nothing is lost. */
static void test_versions_many(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	struct said said;

	(void)state;
	assert_int_equal(ops->join(a, pool_image("d"), 1), 0);
	assert_int_equal(ops->announce(b, pool_lu("d"), "a", NULL), 0);
	assert_told(a, &said, 0, 1);
	tell_together(b, 14, false);
	assert_told(a, &said, 1, 1);
	assert_true(said.seq > 1);
	/* What there is news of is not what a version is of. */
	tell_together(b, 3, true);
	assert_told(a, &said, 1, 1);
	assert_int_equal(said.seq, 2);
	ops->close(a);
	ops->close(b);
}

/* Of an image that another one has taken the place of, nothing is heard. */
static void test_replaced(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	const char *lu = pool_image("d");
	struct said said = {0};
	char *version, *identity, *reply = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(ops->join(b, lu, 1), 0);
	version = pool_get(pool_header("d"), VERSION);
	identity = strstr(version, "image ") + strlen("image ");
	*strchr(identity, ' ') = '\0';
	assert_int_equal(ops->announce(a, lu, "b", NULL), 0);
	pool_do("rbd rm --no-progress rbd/d");
	pool_image("d");
	assert_int_equal(ops->join(a, lu, 1), 0);
	assert_int_equal(rados_notify2(pool_io, "tcmu_pr_inbox.a", identity,
				       strlen(identity), 3000, &reply, &len),
			 0);
	assert_int_equal(ops->news(a, 0, listen_to, &said), 0);
	notify(a, &said, "%s");
	assert_int_equal(said.news, 1);
	rados_buffer_free(reply);
	free(version);
	ops->close(a);
	ops->close(b);
}

struct many {
	struct store *store;
	const char *lu;
	int ret;
};

static void *announce_many(void *arg)
{
	struct many *many = arg;

	for (int i = 0; i < 50 && !many->ret; i++)
		many->ret = ops->announce(many->store, many->lu, "a", NULL);
	return NULL;
}

/* Many at once, of several images: all are heard. */
static void test_news_many(void **state)
{
	struct store *a = pool_open("a", 1), *b = pool_open("b", 1);
	struct heard heard = {0};
	struct many many[8];
	pthread_t threads[8];
	const char *lus[4];
	long long start;
	char name[8];

	(void)state;
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		lus[i] = pool_image(name);
		assert_int_equal(ops->join(a, lus[i], 1), 0);
	}
	start = pool_now_ms();
	for (int i = 0; i < 8; i++) {
		many[i] = (struct many){b, lus[i % 4], 0};
		pthread_create(&threads[i], NULL, announce_many, &many[i]);
	}
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(many[i].ret, 0);
	}
	print_message("400 announced by 8 threads in %lld ms\n",
		      pool_now_ms() - start);
	assert_int_equal(ops->news(a, 0, hear, &heard), 4);
	assert_int_equal(ops->news(a, 0, hear, &heard), 0);
	ops->close(a);
	ops->close(b);
}

static void *wake_later(void *arg)
{
	usleep(50000);
	ops->wake(arg);
	return NULL;
}

static void *announce_later(void *arg)
{
	usleep(50000);
	assert_int_equal(ops->announce(arg, pool_lu("d"), "a", NULL), 0);
	return NULL;
}

static void test_wake(void **state)
{
	struct store *a = pool_open("a", 1);
	struct heard heard = {0};
	long long start = pool_now_ms();
	pthread_t thread;

	(void)state;
	assert_int_equal(ops->join(a, pool_image("d"), 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, wake_later, a), 0);
	assert_int_equal(ops->news(a, -1, hear, &heard), 0);
	pthread_join(thread, NULL);
	/* Soon: whatever it looks after in between, it does not wait for. */
	for (int i = 0; i < 10; i++) {
		assert_int_equal(
			pthread_create(&thread, NULL, announce_later, a), 0);
		assert_int_equal(ops->news(a, 20000, hear, &heard), 1);
		pthread_join(thread, NULL);
	}
	assert_true(pool_now_ms() - start < 3000);
	/* Not woken is not forgotten, nor does it wake twice. */
	ops->wake(a);
	ops->wake(a);
	assert_int_equal(ops->news(a, 20000, hear, &heard), 0);
	assert_true(pool_now_ms() - start < 10000);
	start = pool_now_ms();
	assert_int_equal(ops->news(a, 100, hear, &heard), 0);
	assert_true(pool_now_ms() - start >= 100);
	ops->close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_broken_members, pool_clear),
		cmocka_unit_test_teardown(test_two_names, pool_clear),
		cmocka_unit_test_teardown(test_removed_beat, pool_clear),
		cmocka_unit_test_teardown(test_broken_gateways, pool_clear),
		cmocka_unit_test_teardown(test_news, pool_clear),
		cmocka_unit_test_teardown(test_news_many, pool_clear),
		cmocka_unit_test_teardown(test_says, pool_clear),
		cmocka_unit_test_teardown(test_says_wrong, pool_clear),
		cmocka_unit_test_teardown(test_versions, pool_clear),
		cmocka_unit_test_teardown(test_versions_wrong, pool_clear),
		cmocka_unit_test_teardown(test_versions_many, pool_clear),
		cmocka_unit_test_teardown(test_replaced, pool_clear),
		cmocka_unit_test_teardown(test_wake, pool_clear),
	};

	return cmocka_run_group_tests(tests, pool_setup, pool_teardown);
}
