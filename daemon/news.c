// SPDX-License-Identifier: GPL-2.0-only
#include "news.h"
#include "log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	WAIT_MS = 1000,
	PAUSE_MS = 1000, /* after a failure */
};

struct item {
	struct item *next;
	bool carries; /* a message, and that is what there is */
	struct store_message message;
	char lu[]; /* and after its NUL the message's string */
};

struct news {
	const struct store_ops *ops;
	struct store *store;
	store_news_fn *fn;
	void *arg;
	uv_thread_t thread;
	uv_async_t async;
	atomic_bool stop;
	uv_mutex_t lock; /* protects first, last and pairs with stopped */
	uv_cond_t stopped;
	struct item *first, **last; /* as they were heard */
};

static void heard(void *arg, const char *lu,
		  const struct store_message *message)
{
	struct news *news = arg;
	size_t len = strlen(lu) + 1;
	size_t more = message && message->str ? message->len : 0;
	struct item *item = malloc(sizeof(*item) + len + more);

	if (!item) {
		/* The other gateway announces again what is not acked. */
		log_line(LOG_LEVEL_ERROR, NULL, 0, "no memory for news");
		return;
	}
	memcpy(item->lu, lu, len);
	item->carries = message;
	if (message)
		item->message = *message;
	if (more) {
		memcpy(item->lu + len, message->str, more);
		item->message.str = item->lu + len;
	}
	item->next = NULL;
	uv_mutex_lock(&news->lock);
	*news->last = item;
	news->last = &item->next;
	uv_mutex_unlock(&news->lock);
	uv_async_send(&news->async);
}

static void news_pause(struct news *news)
{
	uv_mutex_lock(&news->lock);
	if (!news->stop)
		uv_cond_timedwait(&news->stopped, &news->lock,
				  (uint64_t)PAUSE_MS * 1000000);
	uv_mutex_unlock(&news->lock);
}

static void news_thread(void *arg)
{
	struct news *news = arg;
	int rc, last = 0;

	while (!news->stop) {
		rc = news->ops->news(news->store, WAIT_MS, heard, news);
		rc = rc < 0 ? rc : 0;
		if (rc != last)
			log_line(rc ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, NULL, 0,
				 "store: news: %s",
				 rc ? strerror(-rc) : "in order again");
		last = rc;
		if (rc)
			news_pause(news);
	}
}

static void on_async(uv_async_t *async)
{
	struct news *news = async->data;
	struct item *item, *next;

	uv_mutex_lock(&news->lock);
	item = news->first;
	news->first = NULL;
	news->last = &news->first;
	uv_mutex_unlock(&news->lock);
	for (; item; item = next) {
		next = item->next;
		if (!news->stop)
			news->fn(news->arg, item->lu,
				 item->carries ? &item->message : NULL);
		free(item);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct news *news = handle->data;
	struct item *item;

	while ((item = news->first)) {
		news->first = item->next;
		free(item);
	}
	uv_cond_destroy(&news->stopped);
	uv_mutex_destroy(&news->lock);
	free(news);
}

struct news *news_start(uv_loop_t *loop, const struct store_ops *ops,
			struct store *store, store_news_fn *fn, void *arg)
{
	struct news *news = calloc(1, sizeof(*news));

	if (!news)
		return NULL;
	news->ops = ops;
	news->store = store;
	news->last = &news->first;
	news->fn = fn;
	news->arg = arg;
	if (uv_mutex_init(&news->lock))
		goto free_news;
	if (uv_cond_init(&news->stopped))
		goto destroy_lock;
	if (uv_async_init(loop, &news->async, on_async))
		goto destroy_cond;
	news->async.data = news;
	if (!uv_thread_create(&news->thread, news_thread, news))
		return news;
	uv_close((uv_handle_t *)&news->async, on_closed);
	return NULL;

destroy_cond:
	uv_cond_destroy(&news->stopped);
destroy_lock:
	uv_mutex_destroy(&news->lock);
free_news:
	free(news);
	return NULL;
}

void news_stop(struct news *news)
{
	if (!news)
		return;
	uv_mutex_lock(&news->lock);
	news->stop = true;
	uv_cond_signal(&news->stopped);
	uv_mutex_unlock(&news->lock);
	news->ops->wake(news->store);
	uv_thread_join(&news->thread);
	uv_close((uv_handle_t *)&news->async, on_closed);
}
