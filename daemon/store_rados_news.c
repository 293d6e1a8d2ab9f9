// SPDX-License-Identifier: GPL-2.0-only
/*
 * News in the RADOS store: one watch, of this gateway's inbox in the home,
 * however many images there are.
 *
 * What is heard is the identity of an image: whoever is told reads what there
 * is now.  So it does not matter that a gateway that was stopped hears old news
 * when it goes on; nor does it of what another gateway says of itself, for of
 * that only the most counts, nor of a version, for of these only the newest
 * does.  What may be missed is news that came while there was no watch, or one
 * that the OSD did not answer to; then there is news of all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

enum {
	SR_LOOK_MS = 500, /* after the watch, that often */
	/* Pings go out every second: this one has missed some. */
	SR_STALE_MS = 4000,
	/* It should have come back, or failed, by now. */
	SR_LOST_MS = 15000,
	SR_WATCH_WAIT_MS = SR_TIMEOUT_S * 1000,
};

struct sr_watch {
	struct store *store;
	struct sr_place *place;
	uint64_t cookie;
	rados_completion_t done;
	bool ended; /* the making of it; under store->news.lock */
	int ret;
	bool failed; /* under store->news.lock */
};

/* Hearing: on threads of librados */

struct sr_hearing {
	struct store *store;
	struct sr_heard heard;
	bool any; /* it was about an image that we have */
};

static bool sr_heard_keep(struct sr_image *image, const struct sr_heard *heard)
{
	if (!heard->carries)
		return false;
	if (heard->message.word == STORE_VERSION)
		return sr_carried_keep(&image->carried, &heard->message);
	return sr_says_keep(&image->says, &heard->message.says);
}

/* Under store->lock; store->news.lock may be taken within. */
static void sr_heard_of(void *arg, struct sr_image *image)
{
	struct sr_hearing *hearing = arg;
	struct store *store = hearing->store;

	pthread_mutex_lock(&store->news.lock);
	if (!sr_heard_keep(image, &hearing->heard))
		image->news = true;
	store->news.any = true;
	store->news.heard[image->bucket] = true;
	pthread_mutex_unlock(&store->news.lock);
	hearing->any = true;
}

bool sr_hear(struct store *store, const char *text, const char *end)
{
	struct sr_hearing hearing = {.store = store};

	while (text < end) {
		text = sr_says_read(text, end, &hearing.heard);
		sr_images_same(store, hearing.heard.identity, hearing.heard.len,
			       sr_heard_of, &hearing);
	}
	/* Only now, with no lock held: who wakes up needs both. */
	if (hearing.any)
		pthread_cond_signal(&store->news.cond);
	return hearing.any;
}

static void sr_on_notify(void *arg, uint64_t notify_id, uint64_t cookie,
			 uint64_t from, void *data, size_t len)
{
	struct sr_watch *watch = arg;
	struct store *store = watch->store;
	const char *text = len ? data : "", *end = text + len;
	char answer[SR_ANSWER_CAP];
	struct sr_heard first;
	bool owed, any;

	(void)from;
	/* Noted before anybody has heard it and could answer. */
	owed = text < end && sr_says_read(text, end, &first) == end &&
	       sr_owed_note(store, &first, notify_id, cookie);
	any = sr_hear(store, text, end);
	if (!owed)
		rados_notify_ack(watch->place->io, store->inbox, notify_id,
				 cookie, answer, sr_answer(store, answer));
	else if (!any)
		sr_owed_now(store, notify_id);
}

static void sr_on_error(void *arg, uint64_t cookie, int err)
{
	struct sr_watch *watch = arg;
	struct store *store = watch->store;

	(void)cookie;
	(void)err;
	pthread_mutex_lock(&store->news.lock);
	watch->failed = true;
	pthread_cond_signal(&store->news.cond);
	pthread_mutex_unlock(&store->news.lock);
}

static void sr_on_watched(rados_completion_t completion, void *arg)
{
	struct sr_watch *watch = arg;
	struct store *store = watch->store;
	int ret = rados_aio_get_return_value(completion);

	pthread_mutex_lock(&store->news.lock);
	watch->ret = ret;
	watch->ended = true;
	pthread_cond_signal(&store->news.cond);
	pthread_mutex_unlock(&store->news.lock);
}

/* The watch: by the thread that calls news() */

static int sr_watch_start(struct store *store)
{
	struct sr_watch *watch = calloc(1, sizeof(*watch));
	int ret;

	if (!watch)
		return -ENOMEM;
	watch->store = store;
	ret = sr_place_get(store, &store->home, &watch->place);
	if (ret) {
		free(watch);
		return ret;
	}
	rados_aio_create_completion2(watch, sr_on_watched, &watch->done);
	/* Not rados_watch3(): it waits for an OSD as long as there is none. */
	ret = rados_aio_watch2(watch->place->io, store->inbox, watch->done,
			       &watch->cookie, sr_on_notify, sr_on_error,
			       SR_WATCH_S, watch);
	if (ret) {
		sr_noted(watch->place, ret);
		rados_aio_release(watch->done);
		sr_place_put(store, watch->place);
		free(watch);
		return ret;
	}
	store->news.watch = watch;
	return 0;
}

static void sr_watch_free(struct store *store)
{
	struct sr_watch *watch = store->news.watch;

	store->news.watch = NULL;
	/* After this, none of its callbacks runs any more, or will. */
	rados_unwatch2(watch->place->io, watch->cookie);
	rados_watch_flush(watch->place->conn->cluster);
	rados_aio_wait_for_complete_and_cb(watch->done);
	rados_aio_release(watch->done);
	sr_place_put(store, watch->place);
	free(watch);
}

/* Waits for the watch to be made; -ETIMEDOUT: it still is not. */
static int sr_watch_wait(struct store *store, int ms)
{
	struct sr_watch *watch = store->news.watch;
	struct timespec end;
	int ret;

	sr_deadline(&end, ms);
	pthread_mutex_lock(&store->news.lock);
	while (!watch->ended && !store->news.woken &&
	       !pthread_cond_timedwait(&store->news.cond, &store->news.lock,
				       &end))
		;
	ret = watch->ended ? watch->ret : -ETIMEDOUT;
	pthread_mutex_unlock(&store->news.lock);
	return ret;
}

/* Somebody has removed it, or the home's pool is another one. */
static int sr_inbox_make(struct store *store)
{
	rados_write_op_t op;
	struct sr_place *place;
	int ret = sr_place_get(store, &store->home, &place);

	if (ret)
		return ret;
	op = rados_create_write_op();
	rados_write_op_create(op, LIBRADOS_CREATE_IDEMPOTENT, NULL);
	ret = rados_write_op_operate2(op, place->io, store->inbox, NULL,
				      LIBRADOS_OPERATION_FULL_TRY);
	rados_release_write_op(op);
	sr_noted(place, ret);
	sr_place_put(store, place);
	return ret;
}

static int sr_watch_make(struct store *store)
{
	bool old = store->news.watch;
	int ret = old ? 0 : sr_inbox_make(store);

	if (!ret && !old)
		ret = sr_watch_start(store);
	if (!ret)
		ret = sr_watch_wait(store, SR_WATCH_WAIT_MS);
	if (ret && ret != -ETIMEDOUT && store->news.watch) {
		sr_noted(store->news.watch->place, ret);
		sr_watch_free(store);
	}
	return ret;
}

static void sr_news_of_all(struct store *store)
{
	pthread_mutex_lock(&store->news.lock);
	store->news.all = true;
	pthread_mutex_unlock(&store->news.lock);
}

static bool sr_watch_lost(struct store *store)
{
	struct sr_watch *watch = store->news.watch;
	bool lost;
	int age;

	pthread_mutex_lock(&store->news.lock);
	lost = watch->failed;
	pthread_mutex_unlock(&store->news.lock);
	if (lost || watch->place->conn->dead)
		return true;
	age = rados_watch_check(watch->place->io, watch->cookie);
	if (age < 0) {
		sr_noted(watch->place, age);
		return true;
	}
	if (age >= SR_LOST_MS)
		return true;
	/* While it cannot ping, and again when it can. */
	if ((age >= SR_STALE_MS) != store->news.stale) {
		store->news.stale = !store->news.stale;
		sr_news_of_all(store);
	}
	return false;
}

/* The addresses of this host; that can wait for a mon. */
static void sr_publish(struct store *store)
{
	struct sr_place *place;

	if (sr_place_get(store, &store->home, &place))
		return;
	sr_clients_publish(store, place);
	sr_place_put(store, place);
}

/* Sees to it that there is a watch. */
static int sr_watch_tend(struct store *store)
{
	struct sr_watch *watch = store->news.watch;
	long long now = sr_now_ms();
	bool failed;
	int ret;

	pthread_mutex_lock(&store->news.lock);
	failed = !watch || !watch->ended || watch->failed;
	pthread_mutex_unlock(&store->news.lock);
	if (!failed && now - store->news.looked < SR_LOOK_MS)
		return 0;
	store->news.looked = now;
	/* Perhaps by another connection. */
	if (failed)
		sr_publish(store);
	if (watch && watch->ended) {
		if (!sr_watch_lost(store))
			return 0;
		sr_watch_free(store);
	}
	ret = sr_watch_make(store);
	if (ret)
		return ret;
	store->news.stale = false;
	sr_news_of_all(store);
	return 0;
}

/* Telling */

/* What there is to tell of an image. */
struct sr_story {
	char *lu;
	bool news;
	struct sr_says *says;
	struct sr_carried *carried;
};

struct sr_tell {
	struct store *store;
	struct sr_story *stories;
	size_t count, cap;
	bool all;
	int ret;
};

static bool sr_tell_room(struct sr_tell *tell)
{
	size_t cap = tell->cap ? 2 * tell->cap : 16;
	struct sr_story *stories;

	if (tell->count < tell->cap)
		return true;
	stories = realloc(tell->stories, cap * sizeof(*stories));
	if (!stories)
		return false;
	tell->stories = stories;
	tell->cap = cap;
	return true;
}

/* Under store->lock. */
static void sr_tell_take(void *arg, struct sr_image *image)
{
	struct sr_tell *tell = arg;
	struct sr_story story = {0};

	pthread_mutex_lock(&tell->store->news.lock);
	story.news = image->news || tell->all;
	story.says = image->says;
	story.carried = image->carried;
	image->news = false;
	image->says = NULL;
	image->carried = NULL;
	pthread_mutex_unlock(&tell->store->news.lock);
	if (!story.news && !story.says && !story.carried)
		return;
	if (sr_tell_room(tell))
		story.lu = strdup(image->lu);
	if (story.lu) {
		tell->stories[tell->count++] = story;
	} else {
		sr_says_drop(&story.says);
		free(story.carried);
		tell->ret = -ENOMEM;
	}
}

static void sr_tell_one(struct sr_story *story, store_news_fn *fn, void *arg)
{
	struct sr_carried *carried = story->carried;
	struct sr_says *says;

	for (says = story->says; says; says = says->next) {
		const struct store_message message = {
			.word = STORE_SAYS,
			.says = says->member,
		};

		fn(arg, story->lu, &message);
	}
	if (carried) {
		const struct store_message message = {
			.word = STORE_VERSION,
			.seq = carried->seq,
			.str = carried->str,
			.len = carried->len,
		};

		fn(arg, story->lu, &message);
	}
	if (story->news)
		fn(arg, story->lu, NULL);
	sr_says_drop(&story->says);
	free(carried);
	free(story->lu);
}

/* What is heard from now on is told by the next call. */
static int sr_news_tell(struct store *store, store_news_fn *fn, void *arg)
{
	struct sr_tell tell = {.store = store};
	bool heard[SR_BUCKETS], any;

	pthread_mutex_lock(&store->news.lock);
	tell.all = store->news.all;
	any = tell.all || store->news.any;
	store->news.all = false;
	store->news.any = false;
	if (any) {
		memcpy(heard, store->news.heard, sizeof(heard));
		memset(store->news.heard, 0, sizeof(heard));
	}
	pthread_mutex_unlock(&store->news.lock);
	if (!any)
		return 0;
	if (tell.all)
		sr_images_each(store, sr_tell_take, &tell);
	else
		sr_images_in(store, heard, sr_tell_take, &tell);
	for (size_t i = 0; i < tell.count; i++)
		sr_tell_one(&tell.stories[i], fn, arg);
	free(tell.stories);
	if (tell.ret)
		sr_news_of_all(store);
	return tell.ret ? tell.ret : (int)tell.count;
}

/* True if wake() ended it. */
static bool sr_news_sleep(struct store *store, long long left)
{
	struct timespec end;
	bool woken;

	pthread_mutex_lock(&store->news.lock);
	left = left < 0 || left > SR_LOOK_MS ? SR_LOOK_MS : left;
	sr_deadline(&end, sr_owed_left(store, left));
	store->news.sleeping = true;
	while (!store->news.woken && !store->news.any && !store->news.all &&
	       !(store->news.watch && store->news.watch->failed) &&
	       !pthread_cond_timedwait(&store->news.cond, &store->news.lock,
				       &end))
		;
	store->news.sleeping = false;
	woken = store->news.woken;
	store->news.woken = false;
	pthread_mutex_unlock(&store->news.lock);
	return woken;
}

/* What else there is to do now and then */

static bool sr_publisher_wait(struct store *store)
{
	struct timespec end;
	bool closing;

	sr_deadline(&end, SR_LOOK_MS);
	pthread_mutex_lock(&store->news.lock);
	while (!store->news.closing &&
	       !pthread_cond_timedwait(&store->news.closed, &store->news.lock,
				       &end))
		;
	closing = store->news.closing;
	pthread_mutex_unlock(&store->news.lock);
	return !closing;
}

/* A thread of its own, for news must not wait for a mon. */
static void *sr_publisher(void *arg)
{
	struct store *store = arg;

	while (sr_publisher_wait(store))
		sr_publish(store);
	return NULL;
}

static int sr_publisher_start(struct store *store)
{
	int ret = 0;

	if (!store->news.publishing)
		ret = pthread_create(&store->news.publisher, NULL, sr_publisher,
				     store);
	store->news.publishing |= !ret;
	return -ret;
}

static void sr_publisher_stop(struct store *store)
{
	if (!store->news.publishing)
		return;
	pthread_mutex_lock(&store->news.lock);
	store->news.closing = true;
	pthread_cond_signal(&store->news.closed);
	pthread_mutex_unlock(&store->news.lock);
	pthread_join(store->news.publisher, NULL);
}

/* A negative @timeout_ms waits for ever. */
int sr_news(struct store *store, int timeout_ms, store_news_fn *fn, void *arg)
{
	long long end = sr_now_ms() + timeout_ms;
	int started = sr_publisher_start(store);

	if (started)
		return started;
	for (;;) {
		/* What is there does not wait for what that may wait for. */
		int ret = sr_news_tell(store, fn, arg);
		int watched = sr_watch_tend(store);
		long long now;

		if (!ret)
			ret = sr_news_tell(store, fn, arg);
		now = sr_now_ms();
		sr_owed_tend(store, now);
		if (ret || watched)
			return ret ? ret : watched;
		if (timeout_ms >= 0 && now >= end)
			return 0;
		if (sr_news_sleep(store, timeout_ms < 0 ? -1 : end - now))
			return 0;
	}
}

void sr_wake(struct store *store)
{
	pthread_mutex_lock(&store->news.lock);
	store->news.woken = true;
	pthread_cond_signal(&store->news.cond);
	pthread_mutex_unlock(&store->news.lock);
}

int sr_news_open(struct store *store)
{
	int ret = sr_watch_make(store);

	store->news.looked = sr_now_ms();
	return ret;
}

void sr_news_close(struct store *store)
{
	sr_publisher_stop(store);
	sr_owed_close(store);
	if (store->news.watch)
		sr_watch_free(store);
}
