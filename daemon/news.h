/* SPDX-License-Identifier: GPL-2.0-only */
/* The thread that waits for the store's news. */
#ifndef TPR_NEWS_H
#define TPR_NEWS_H

#include "store.h"

#include <uv.h>

struct news;

/* @fn is called on the loop's thread. */
struct news *news_start(uv_loop_t *loop, const struct store_ops *ops,
			struct store *store, store_news_fn *fn, void *arg);
/* Waits for the thread; frees itself in the loop. */
void news_stop(struct news *news);

#endif
