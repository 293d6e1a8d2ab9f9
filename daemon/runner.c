// SPDX-License-Identifier: GPL-2.0-only
#include "runner.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

struct job {
	struct job *next;
	void (*fn)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

struct queue {
	struct job *first, **last;
};

struct runner {
	uv_thread_t thread;
	uv_async_t async;
	uv_mutex_t lock; /* protects what follows */
	uv_cond_t more;
	struct queue todo;
	struct queue done;
	bool stop;
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->last = &queue->first;
}

static void queue_put(struct queue *queue, struct job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct job *queue_take(struct queue *queue)
{
	struct job *job = queue->first;

	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->last = &queue->first;
	return job;
}

static struct job *runner_next(struct runner *runner)
{
	struct job *job = NULL;

	uv_mutex_lock(&runner->lock);
	while (!runner->stop && !runner->todo.first)
		uv_cond_wait(&runner->more, &runner->lock);
	if (!runner->stop)
		job = queue_take(&runner->todo);
	uv_mutex_unlock(&runner->lock);
	return job;
}

static void runner_thread(void *arg)
{
	struct runner *runner = arg;
	struct job *job;

	while ((job = runner_next(runner))) {
		job->fn(job->arg);
		uv_mutex_lock(&runner->lock);
		queue_put(&runner->done, job);
		uv_mutex_unlock(&runner->lock);
		uv_async_send(&runner->async);
	}
}

static void runner_tell(struct runner *runner, struct queue *queue)
{
	struct job *job;

	for (;;) {
		uv_mutex_lock(&runner->lock);
		job = queue_take(queue);
		uv_mutex_unlock(&runner->lock);
		if (!job)
			return;
		job->done(job->arg);
		free(job);
	}
}

static void on_async(uv_async_t *async)
{
	struct runner *runner = async->data;

	runner_tell(runner, &runner->done);
}

static void on_closed(uv_handle_t *handle)
{
	struct runner *runner = handle->data;

	uv_cond_destroy(&runner->more);
	uv_mutex_destroy(&runner->lock);
	free(runner);
}

struct runner *runner_start(uv_loop_t *loop)
{
	struct runner *runner = calloc(1, sizeof(*runner));

	if (!runner)
		return NULL;
	queue_init(&runner->todo);
	queue_init(&runner->done);
	if (uv_mutex_init(&runner->lock))
		goto free_runner;
	if (uv_cond_init(&runner->more))
		goto destroy_lock;
	if (uv_async_init(loop, &runner->async, on_async))
		goto destroy_cond;
	runner->async.data = runner;
	if (!uv_thread_create(&runner->thread, runner_thread, runner))
		return runner;
	uv_close((uv_handle_t *)&runner->async, on_closed);
	return NULL;

destroy_cond:
	uv_cond_destroy(&runner->more);
destroy_lock:
	uv_mutex_destroy(&runner->lock);
free_runner:
	free(runner);
	return NULL;
}

int runner_add(struct runner *runner, void (*fn)(void *arg),
	       void (*done)(void *arg), void *arg)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return -ENOMEM;
	job->fn = fn;
	job->done = done;
	job->arg = arg;
	uv_mutex_lock(&runner->lock);
	queue_put(&runner->todo, job);
	uv_cond_signal(&runner->more);
	uv_mutex_unlock(&runner->lock);
	return 0;
}

void runner_stop(struct runner *runner)
{
	if (!runner)
		return;
	uv_mutex_lock(&runner->lock);
	runner->stop = true;
	uv_cond_signal(&runner->more);
	uv_mutex_unlock(&runner->lock);
	uv_thread_join(&runner->thread);
	runner_tell(runner, &runner->done);
	runner_tell(runner, &runner->todo);
	uv_close((uv_handle_t *)&runner->async, on_closed);
}
