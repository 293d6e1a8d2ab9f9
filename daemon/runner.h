/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A thread of its own for blocking calls that must not wait for others: the
 * threads of work.h may all hang in one slow device's calls.
 */
#ifndef TPR_RUNNER_H
#define TPR_RUNNER_H

#include <uv.h>

struct runner;

/* NULL when there is no memory. */
struct runner *runner_start(uv_loop_t *loop);
/*
 * Runs @fn(@arg) on the thread, after what was added before, and then
 * @done(@arg) on the loop's.  Without memory nothing, and -ENOMEM.
 */
int runner_add(struct runner *runner, void (*fn)(void *arg),
	       void (*done)(void *arg), void *arg);
/*
 * Waits for the call that is being made, and skips those that are not.  Each
 * done() is called, then it frees itself, in the loop.
 */
void runner_stop(struct runner *runner);

#endif
