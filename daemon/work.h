/* SPDX-License-Identifier: GPL-2.0-only */
/* Blocking calls off the loop's thread. */
#ifndef TPR_WORK_H
#define TPR_WORK_H

#include "engine.h"

#include <uv.h>

/*
 * Runs @fn(@arg) on a worker thread and then @done(@arg) on the loop's.
 * Without memory @fn is skipped and -ENOMEM returned.
 */
int work_run(uv_loop_t *loop, void (*fn)(void *arg), void (*done)(void *arg),
	     void *arg);

/*
 * Carries out @call for the logical unit @lu, then @done on the loop's
 * thread.  What the call points to is copied; without memory for that the
 * reply says -ENOMEM.
 */
void work_store(uv_loop_t *loop, const struct store_ops *ops,
		struct store *store, const char *lu,
		const struct engine_call *call,
		void (*done)(void *arg, const struct engine_reply *reply),
		void *arg);

/* The same at once, on this thread; for use on a worker. */
void work_store_now(const struct store_ops *ops, struct store *store,
		    const char *lu, const struct engine_call *call,
		    struct engine_reply *reply);

#endif
