// SPDX-License-Identifier: GPL-2.0-only
#include "work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct work {
	uv_work_t req;
	void (*fn)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void work_fn(uv_work_t *req)
{
	struct work *work = req->data;

	work->fn(work->arg);
}

static void work_done(uv_work_t *req, int status)
{
	struct work *work = req->data;

	(void)status; /* nothing is cancelled */
	work->done(work->arg);
	free(work);
}

int work_run(uv_loop_t *loop, void (*fn)(void *arg), void (*done)(void *arg),
	     void *arg)
{
	struct work *work = calloc(1, sizeof(*work));
	int rc;

	if (!work)
		return -ENOMEM;
	work->req.data = work;
	work->fn = fn;
	work->done = done;
	work->arg = arg;
	rc = uv_queue_work(loop, &work->req, work_fn, work_done);
	if (rc)
		free(work);
	return rc;
}

static int announce_now(const struct store_ops *ops, struct store *store,
			const char *lu, const struct engine_call *call)
{
	const struct store_message message = {
		.word = call->str ? STORE_VERSION : STORE_SAYS,
		.says = {.term = call->term,
			 .installed = call->seq,
			 .ended = call->ended},
		.seq = call->seq,
		.str = call->str,
		.len = call->len,
	};

	return ops->announce(store, lu, call->gateway,
			     call->seq ? &message : NULL);
}

void work_store_now(const struct store_ops *ops, struct store *store,
		    const char *lu, const struct engine_call *call,
		    struct engine_reply *reply)
{
	switch (call->op) {
	case ENGINE_JOIN:
		reply->rc = ops->join(store, lu, call->term);
		return;
	case ENGINE_LEAVE:
		reply->rc = ops->leave(store, lu);
		return;
	case ENGINE_ACK:
		reply->rc = ops->ack(store, lu, call->term, call->seq,
				     call->ended);
		return;
	case ENGINE_LOAD:
		reply->rc = ops->load(store, lu, &reply->str, &reply->len,
				      &reply->seq);
		/* Another device's string is for the administrator. */
		if (reply->rc && reply->rc != -EXDEV)
			reply->str = NULL;
		return;
	case ENGINE_SWAP:
		reply->rc =
			ops->swap(store, lu, call->seq, call->str, call->len);
		return;
	case ENGINE_MARK_LOST:
		reply->rc = ops->mark_lost(store, lu, call->seq, call->str,
					   call->len);
		return;
	case ENGINE_MEMBERS:
		reply->rc =
			ops->members(store, lu, &reply->members, &reply->count);
		if (reply->rc) {
			reply->members = NULL;
			reply->count = 0;
		}
		return;
	case ENGINE_ANNOUNCE:
		reply->rc = announce_now(ops, store, lu, call);
		return;
	}
	reply->rc = -EINVAL;
}

struct store_work {
	const struct store_ops *ops;
	struct store *store;
	struct engine_call call;
	struct engine_reply reply;
	void (*done)(void *arg, const struct engine_reply *reply);
	void *arg;
	bool copied;
	char *lu;
	char *gateway;
	char *str;
};

static void store_work_free(struct store_work *work)
{
	free(work->reply.members);
	free(work->lu);
	free(work->gateway);
	free(work->str);
	free(work);
}

static void store_work_fn(void *arg)
{
	struct store_work *work = arg;

	/* If not, the reply says -ENOMEM already. */
	if (work->copied)
		work_store_now(work->ops, work->store, work->lu, &work->call,
			       &work->reply);
}

static void store_work_done(void *arg)
{
	struct store_work *work = arg;

	work->done(work->arg, &work->reply);
	store_work_free(work);
}

/* Its copies of what @call points to. */
static bool store_work_copy(struct store_work *work, const char *lu,
			    const struct engine_call *call)
{
	work->lu = strdup(lu);
	if (!work->lu)
		return false;
	if (call->gateway) {
		work->gateway = strdup(call->gateway);
		if (!work->gateway)
			return false;
	}
	if (call->str) {
		work->str = malloc(call->len ? call->len : 1);
		if (!work->str)
			return false;
		memcpy(work->str, call->str, call->len);
	}
	work->call.gateway = work->gateway;
	work->call.str = work->str;
	return true;
}

void work_store(uv_loop_t *loop, const struct store_ops *ops,
		struct store *store, const char *lu,
		const struct engine_call *call,
		void (*done)(void *arg, const struct engine_reply *reply),
		void *arg)
{
	struct store_work *work = calloc(1, sizeof(*work));

	/*
	 * Who asks counts on exactly one answer, never from within its call:
	 * without memory for these few bytes there is no way to give it.
	 */
	if (!work)
		abort();
	work->ops = ops;
	work->store = store;
	work->call = *call;
	work->reply.op = call->op;
	work->reply.id = call->id;
	work->reply.rc = -ENOMEM;
	work->done = done;
	work->arg = arg;
	work->copied = store_work_copy(work, lu, call);
	if (work_run(loop, store_work_fn, store_work_done, work))
		abort();
}
