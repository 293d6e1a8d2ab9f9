// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every event notes what it changed and then lets lu_run() compare what is
 * with what should be.  Each step_*() there starts the one action that brings
 * its part nearer, if that action is not under way already:
 *
 *	a term -> join -> look at the members -> load -> decide about a loss of
 *	power -> push -> say, ack -> look at the members -> push "settled"
 *
 * So a lost race, a failure or an event at a bad moment needs no transition
 * of its own: the next run finds the step that is missing.
 */
#include "engine_lu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t lu_call(struct engine_lu *lu, struct engine_call *call)
{
	call->id = ++lu->last_id;
	lu->inflight++;
	lu->ops->store(lu->arg, call);
	return call->id;
}

void lu_member_call(struct engine_lu *lu, enum engine_op op, uint64_t seq)
{
	struct engine_call call = {.op = op, .seq = seq};

	if (op == ENGINE_ACK)
		call.ended = lu->r.ended;
	call.term = gateways_term(lu->conf->gateways);
	lu->member_term = call.term;
	lu->member_op = op;
	lu->member_seq = seq;
	lu->member_ended = call.ended;
	if (op == ENGINE_JOIN)
		lu->maybe_member = true;
	lu->call_member = lu_call(lu, &call);
}

bool lu_blocked(const struct engine_lu *lu)
{
	return lu->r.retry_at > lu->now;
}

void lu_kick(struct engine_lu *lu)
{
	lu->r.retry_at = 0;
}

bool lu_self(const struct engine_lu *lu, const struct store_member *member)
{
	return !strcmp(member->gateway, lu->conf->gateway);
}

bool lu_ended(const struct engine_lu *lu, const struct store_member *member)
{
	return !lu_self(lu, member) &&
	       gateways_life(lu->conf->gateways, member->gateway,
			     member->term) == GATEWAYS_ENDED;
}

bool lu_urgent(const struct engine_lu *lu)
{
	const struct run *r = &lu->r;

	return r->get.active || r->hurry_until > lu->now ||
	       (r->set.active && r->set.phase == SET_WAIT);
}

void lu_log(struct engine_lu *lu, enum engine_level level, uint64_t seq,
	    const char *fmt, ...)
{
	char text[ENGINE_REASON_MAX + 128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lu->ops->log(lu->arg, level, seq, text);
}

void lu_backoff(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	r->retry_ms = r->retry_ms ? r->retry_ms * 2 : RETRY_FIRST_MS;
	if (r->retry_ms > RETRY_MAX_MS)
		r->retry_ms = RETRY_MAX_MS;
	r->retry_at = lu->now + r->retry_ms;
}

/* Remembers @text and logs it if it is not what is known already. */
static void reason_set(struct engine_lu *lu, enum engine_level level,
		       const char *text)
{
	if (!strcmp(lu->reason, text))
		return;
	snprintf(lu->reason, sizeof(lu->reason), "%s", text);
	lu->ops->log(lu->arg, level, lu->r.newest.seq, text);
}

/*
 * Commands that the kernel had admitted before do not end: ask again, and do
 * not stop those that may run.
 */
static void push_later(struct engine_lu *lu, uint64_t seq)
{
	struct run *r = &lu->r;
	char text[ENGINE_REASON_MAX];

	if (seq != r->pushing)
		return;
	snprintf(text, sizeof(text),
		 "commands that the kernel admitted "
		 "before version %llu do not end",
		 (u64)seq);
	reason_set(lu, ENGINE_WARNING, text);
	r->pushing = 0;
	r->push_ms = r->push_ms ? r->push_ms * 2 : RETRY_FIRST_MS;
	if (r->push_ms > PUSH_MAX_MS)
		r->push_ms = PUSH_MAX_MS;
	r->push_at = lu->now + r->push_ms;
}

static void fail(struct engine_lu *lu, int status, const char *fmt, va_list ap)
{
	struct run *r = &lu->r;
	char text[ENGINE_REASON_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	reason_set(lu, ENGINE_ERROR, text);

	if (r->status != status || r->installed || r->pushing)
		lu->ops->invalidate(lu->arg, status);
	r->status = status;
	r->installed = 0;
	r->ended = 0;
	r->pushing = 0;
	r->settled_pushed = 0;
	/* Only a good string, loaded from now on, ends this. */
	r->fail_ticket = ++r->load_wanted;
	lu_backoff(lu);
}

void lu_fail(struct engine_lu *lu, int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(lu, status, fmt, ap);
	va_end(ap);
	get_failed(lu, UINT64_MAX, status == EBADMSG ? EBADMSG : EIO);
}

void lu_lost(struct engine_lu *lu, uint64_t seq, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(lu, EBADMSG, fmt, ap);
	va_end(ap);
	lu->r.lost = seq;
	lu->r.mark = 0;
	text_drop(&lu->r.foreign);
	set_resolve_lost(lu, seq);
	get_failed(lu, UINT64_MAX, EBADMSG);
}

/* Who asks is answered when it is known what a swap has to be based on. */
void lu_missing(struct engine_lu *lu, uint64_t seq, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail(lu, EBADMSG, fmt, ap);
	va_end(ap);
	lu->r.lost = 0;
	lu->r.mark = seq;
	text_drop(&lu->r.foreign);
	lu_kick(lu);
}

/*
 * A change needs our ack before it can settle, so what the kernel enforces
 * stays right for as long as we cannot hear of a newer one.
 */
void lu_trouble(struct engine_lu *lu, const char *what, int rc)
{
	char text[ENGINE_REASON_MAX];

	snprintf(text, sizeof(text), "store: %s: %s", what, strerror(-rc));
	/* With a state of an earlier daemon that goes for the kernel as well. */
	if (!lu->r.installed && (!lu->r.kernel_seq || lu->r.status)) {
		lu_fail(lu, lu->r.status ? lu->r.status : EIO, "%s", text);
		return;
	}
	reason_set(lu, ENGINE_WARNING, text);
	lu_backoff(lu);
}

void lu_well(struct engine_lu *lu)
{
	lu->r.retry_ms = 0;
	if (!lu->reason[0])
		return;
	lu_log(lu, ENGINE_INFO, lu->r.newest.seq, "in order again");
	lu->reason[0] = '\0';
}

static void soonest(uint64_t *at, uint64_t other)
{
	if (other < *at)
		*at = other;
}

static uint64_t next_time(const struct engine_lu *lu)
{
	const struct run *r = &lu->r;
	uint64_t at = ENGINE_NEVER;

	if (lu_blocked(lu))
		soonest(&at, r->retry_at);
	else if (r->joined && !r->removed && !r->call_members && unsettled(lu))
		soonest(&at, r->poll_at);
	if (push_wanted(lu))
		soonest(&at, r->push_at);
	if (r->get.active)
		soonest(&at, r->get.deadline);
	if (r->set.active)
		soonest(&at, r->set.deadline);
	/* In the past: it is not the time for it. */
	if (r->set.active && r->set.unfenced && r->fence_at > lu->now)
		soonest(&at, r->fence_at);
	if (r->repair.active)
		soonest(&at, r->repair.deadline);
	return at;
}

static void lu_arm(struct engine_lu *lu)
{
	uint64_t at = next_time(lu);

	if (at == lu->armed)
		return;
	lu->armed = at;
	lu->ops->timer(lu->arg, at);
}

static void lu_run(struct engine_lu *lu)
{
	step_own(lu);
	if (lu->r.removed) {
		step_leave(lu);
	} else {
		step_join(lu);
		step_mark(lu);
		step_load(lu);
		step_decide(lu);
		step_push(lu);
		step_say(lu);
		step_ack(lu);
		step_members(lu);
		step_settled(lu);
		step_release(lu);
		step_touch(lu);
		step_repair(lu);
		step_set(lu);
		step_get(lu);
		/* A finished or failed request may have asked for a load. */
		step_load(lu);
	}
	lu_arm(lu);
	if (lu->r.removed && lu->r.left && !lu->inflight && !lu->r.gone) {
		lu->r.gone = true;
		lu->ops->gone(lu->arg);
	}
}

struct engine_lu *engine_new(const struct engine_ops *ops, void *arg,
			     const struct engine_conf *conf)
{
	struct engine_lu *lu = calloc(1, sizeof(*lu));

	if (!lu)
		return NULL;
	lu->ops = ops;
	lu->arg = arg;
	lu->conf = conf;
	lu->armed = ENGINE_NEVER;
	lu->r.removed = true;
	return lu;
}

static void run_drop(struct engine_lu *lu)
{
	text_drop(&lu->r.newest);
	text_drop(&lu->r.foreign);
	text_drop(&lu->r.set.text);
	text_drop(&lu->r.repair.text);
}

void engine_free(struct engine_lu *lu)
{
	if (!lu)
		return;
	run_drop(lu);
	text_drop(&lu->own);
	text_drop(&lu->last);
	free(lu->members);
	free(lu->peers);
	free(lu);
}

int engine_added(struct engine_lu *lu, const char *identity, uint64_t seq)
{
	size_t len = strlen(identity);
	struct run *r = &lu->r;

	if (len > TPR_DEVICE_MAX)
		return -ENAMETOOLONG;
	lu->now = lu->ops->now(lu->arg);
	memcpy(lu->identity, identity, len + 1);
	repair_drop(lu);
	if (seq && r->newest.str) {
		text_drop(&lu->last);
		lu->last = r->newest;
		memset(&r->newest, 0, sizeof(r->newest));
	}
	run_drop(lu);
	memset(r, 0, sizeof(*r));
	r->kernel_seq = seq;
	r->unsettled_at = lu->now;
	lu->count = 0;
	lu->reason[0] = '\0';
	lu_run(lu);
	return 0;
}

void engine_removed(struct engine_lu *lu)
{
	if (lu->r.removed)
		return;
	lu->now = lu->ops->now(lu->arg);
	requests_drop(lu);
	/* Ignore what comes back from now on. */
	lu->r.call_load = 0;
	lu->r.call_members = 0;
	lu->r.call_mark = 0;
	lu->r.removed = true;
	lu_kick(lu);
	lu_run(lu);
}

static void installed(struct engine_lu *lu, uint64_t seq)
{
	if (seq == lu->r.installed)
		return;
	lu->r.installed = seq;
	lu_log(lu, ENGINE_DEBUG, seq, "installed");
}

void engine_push_done(struct engine_lu *lu, uint64_t seq, int status)
{
	struct run *r = &lu->r;

	lu->now = lu->ops->now(lu->arg);
	if (r->removed || !seq || (seq != r->pushing && seq != r->installed))
		return;
	if (status == ESTALE) {
		lu_lost(lu, seq,
			"the kernel enforces a newer version than %llu, the "
			"newest one in the store, or another one of that "
			"number: the store went back",
			(u64)seq);
	} else if (status == EBUSY) {
		push_later(lu, seq);
	} else if (status == EINPROGRESS) {
		installed(lu, seq);
		push_later(lu, seq);
	} else if (status) {
		lu_fail(lu, status, "the kernel refuses version %llu: %s",
			(u64)seq, strerror(status));
	} else {
		installed(lu, seq);
		r->ended = seq;
		if (seq == r->pushing) {
			r->pushing = 0;
			r->push_ms = 0;
		}
	}
	settle_again(lu);
	lu_run(lu);
}

void engine_settle(struct engine_lu *lu, uint64_t seq)
{
	struct run *r = &lu->r;

	lu->now = lu->ops->now(lu->arg);
	if (r->removed || r->settled_pushed >= seq)
		return;
	r->hurry_until = lu->now + lu->conf->member_timeout_ms;
	r->members_wanted = true;
	r->poll_ms = 0;
	lu_kick(lu);
	lu_run(lu);
}

static void news(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	r->load_wanted++;
	r->members_wanted = true;
	/* It may be the news that a lost state is replaced. */
	if (r->status == EBADMSG)
		lu_kick(lu);
}

void engine_news(struct engine_lu *lu)
{
	lu->now = lu->ops->now(lu->arg);
	if (lu->r.removed)
		return;
	news(lu);
	lu_run(lu);
}

void engine_says(struct engine_lu *lu, const struct store_member *says)
{
	lu->now = lu->ops->now(lu->arg);
	if (lu->r.removed)
		return;
	member_says(lu, says);
	lu_run(lu);
}

bool engine_told(struct engine_lu *lu, uint64_t seq, const char *str,
		 size_t len)
{
	bool taken;

	lu->now = lu->ops->now(lu->arg);
	if (lu->r.removed)
		return false;
	taken = told_take(lu, seq, str, len);
	if (!taken)
		news(lu);
	lu_run(lu);
	return taken;
}

/*
 * Whatever the kernel enforced or was asked to is void: as after DEVICE_ADDED,
 * but for what we know of the string, and requests that may still end well.
 */
void engine_term(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (r->removed)
		return;
	lu->now = lu->ops->now(lu->arg);
	r->joined = false;
	r->looked = false;
	r->dead = false;
	r->call_load = 0;
	r->call_members = 0;
	r->installed = 0;
	r->ended = 0;
	r->pushing = 0;
	r->settled_pushed = 0;
	r->acked = 0;
	/* Who took us for ended may be about to drop what was settled. */
	r->settled = 0;
	r->unsettled_at = lu->now;
	if (!gateways_term(lu->conf->gateways))
		get_failed(lu, UINT64_MAX, r->status == EBADMSG ? EBADMSG : EIO);
	else if (r->status)
		lu->ops->invalidate(lu->arg, r->status);
	lu_kick(lu);
	lu_run(lu);
}

/* Nothing for those, perhaps thousands, that wait for nobody. */
void engine_lives(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (r->removed)
		return;
	lu->now = lu->ops->now(lu->arg);
	r->members_wanted |= unsettled(lu);
	lu_run(lu);
}

void engine_timer(struct engine_lu *lu)
{
	lu->now = lu->ops->now(lu->arg);
	lu->armed = ENGINE_NEVER;
	lu_run(lu);
}

static void swap_reply(struct engine_lu *lu, const struct engine_reply *reply)
{
	struct run *r = &lu->r;

	if (reply->id == lu->call_own) {
		own_swap_done(lu, reply->rc);
		return;
	}
	if (reply->id != r->call_swap) {
		/* A write that nobody waits for any more may stand now. */
		r->load_wanted++;
		return;
	}
	r->call_swap = 0;
	if (r->creating)
		create_done(lu, reply->rc);
	else
		swap_done(lu, reply->rc);
}

static void reply_take(struct engine_lu *lu, const struct engine_reply *reply)
{
	struct run *r = &lu->r;

	switch (reply->op) {
	case ENGINE_JOIN:
	case ENGINE_LEAVE:
	case ENGINE_ACK:
		lu->call_member = 0;
		member_done(lu, reply->rc);
		return;
	case ENGINE_LOAD:
		if (reply->id == r->call_load)
			load_done(lu, reply);
		else
			free(reply->str);
		return;
	case ENGINE_SWAP:
		swap_reply(lu, reply);
		return;
	case ENGINE_MARK_LOST:
		if (reply->id == r->call_mark)
			mark_done(lu, reply->rc);
		return;
	case ENGINE_MEMBERS:
		if (reply->id == r->call_members)
			members_done(lu, reply);
		return;
	case ENGINE_ANNOUNCE:
		announce_done(lu, reply);
		return;
	}
}

void engine_store_done(struct engine_lu *lu, const struct engine_reply *reply)
{
	lu->now = lu->ops->now(lu->arg);
	lu->inflight--;
	reply_take(lu, reply);
	lu_run(lu);
}

/* What it takes, when nothing has failed. */
static const char *waits_for(const struct engine_lu *lu)
{
	const struct run *r = &lu->r;
	struct gateways_status status;

	if (!gateways_term(lu->conf->gateways)) {
		gateways_status(lu->conf->gateways, &status);
		return status.reason[0] ? status.reason : "no term yet";
	}
	if (!r->decided && r->doubtful)
		return "waiting to learn if the other members are alive";
	if (r->set.active && r->set.unfenced)
		return "waiting until what was aborted can reach the disk no "
		       "more";
	if (r->installed && only_unfenced(lu, r->newest.seq))
		return "waiting until gateways that have ended are fenced";
	if (r->installed && unsettled(lu))
		return "waiting until all members have the newest version";
	return "";
}

void engine_status(const struct engine_lu *lu, struct engine_status *status)
{
	const struct run *r = &lu->r;

	status->seq = r->newest.seq;
	status->installed = r->installed;
	status->settled = r->settled;
	status->reason = lu->reason[0] ? lu->reason : waits_for(lu);
	status->lost = r->status == EBADMSG;
	status->foreign = status->lost && r->foreign.str;
	status->members = lu->members;
	status->count = lu->count;
	if (lu->reason[0])
		status->state = ENGINE_FAILED;
	else if (!r->installed)
		status->state = ENGINE_JOINING;
	else if (r->installed < r->newest.seq || unsettled(lu))
		status->state = ENGINE_UNSETTLED;
	else
		status->state = ENGINE_READY;
}
