// SPDX-License-Identifier: GPL-2.0-only
/* From the store into this gateway's kernel: join, load, push, ack; leave. */
#include "engine_lu.h"

#include <stdlib.h>

void step_join(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (r->joined || r->dead || lu->call_member || lu_blocked(lu) ||
	    !gateways_term(lu->conf->gateways))
		return;
	lu_member_call(lu, ENGINE_JOIN, 0);
}

/* Newest version that is known to have been in the store. */
static uint64_t evidence(const struct engine_lu *lu)
{
	const struct run *r = &lu->r;
	uint64_t seq = r->newest.seq > r->kernel_seq ? r->newest.seq
						     : r->kernel_seq;
	size_t i;

	for (i = 0; i < lu->count; i++)
		if (lu->members[i].seen > seq)
			seq = lu->members[i].seen;
	return seq;
}

/*
 * Joining comes first: a gateway that writes a newer version after our load
 * then finds us among the members that it has to wait for.
 */
void step_load(struct engine_lu *lu)
{
	struct engine_call call = {.op = ENGINE_LOAD};
	struct run *r = &lu->r;

	if (!r->looked || r->call_load || r->creating || r->mark ||
	    lu_blocked(lu) || r->load_done >= r->load_wanted)
		return;
	r->load_ticket = r->load_wanted;
	r->load_floor = evidence(lu);
	r->call_load = lu_call(lu, &call);
}

bool push_wanted(const struct engine_lu *lu)
{
	const struct run *r = &lu->r;

	return !r->removed && !r->dead && r->joined && !r->status &&
	       r->load_done >= r->join_load && r->decided && !r->pushing &&
	       (r->newest.seq > r->installed || r->installed > r->ended);
}

void step_push(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (!push_wanted(lu) || lu->now < r->push_at)
		return;
	r->pushing = r->newest.seq;
	if (r->newest.seq > r->kernel_seq)
		r->kernel_seq = r->newest.seq;
	lu->ops->push(lu->arg, r->newest.seq, false, r->newest.str,
		      r->newest.len);
}

void step_ack(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (!r->joined || lu->call_member || lu_blocked(lu) ||
	    (r->installed <= r->acked && r->ended <= r->acked_ended))
		return;
	lu_member_call(lu, ENGINE_ACK, r->installed);
}

void step_leave(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (r->left || lu->call_member || lu->own.str || lu_blocked(lu))
		return;
	if (lu->maybe_member)
		lu_member_call(lu, ENGINE_LEAVE, 0);
	else
		r->left = true;
}

static void join_done(struct engine_lu *lu, int rc)
{
	struct run *r = &lu->r;

	if (rc) {
		lu_trouble(lu, "join", rc);
		return;
	}
	r->joined = true;
	r->term = lu->member_term;
	r->acked = 0;
	r->acked_ended = 0;
	/* One in flight may miss what was settled without us meanwhile. */
	r->call_load = 0;
	r->call_members = 0;
	r->join_load = ++r->load_wanted;
	r->cleared = false;
	r->touch = 0;
	r->looked = false;
	r->looked_seq = 0;
	r->members_wanted = true;
}

static void ack_done(struct engine_lu *lu, int rc)
{
	struct run *r = &lu->r;

	if (rc) {
		lu_trouble(lu, "ack", rc);
		return;
	}
	r->acked = lu->member_seq;
	r->acked_ended = lu->member_ended;
	own_recorded(lu);
	r->acked_since = true;
	r->poll_ms = 0;
	if (lu->reason[0] || !word_expected(lu))
		r->members_wanted = true;
	else
		r->poll_at = lu->now + POLL_FIRST_MS;
}

/* Until the store forgets us every other gateway waits for us: keep trying. */
static void leave_done(struct engine_lu *lu, int rc)
{
	if (rc && rc != -ENOENT && rc != -ESTALE) {
		lu_log(lu, lu->r.retry_ms ? ENGINE_DEBUG : ENGINE_WARNING, 0,
		       "store: leave: %s; trying on", strerror(-rc));
		lu_backoff(lu);
		return;
	}
	lu->maybe_member = false;
	if (!lu->r.removed)
		return;
	lu->r.left = true;
	announce_all(lu);
}

/*
 * One that was begun before the last DEVICE_ADDED counts as well, if the term
 * is the same: a join is a join, and what an ack said is undone by the join
 * that follows.
 */
void member_done(struct engine_lu *lu, int rc)
{
	if (lu->member_op == ENGINE_LEAVE)
		leave_done(lu, rc);
	else if (lu->r.removed ||
		 lu->member_term != gateways_term(lu->conf->gateways))
		return;
	else if (lu->member_op == ENGINE_JOIN)
		join_done(lu, rc);
	else
		ack_done(lu, rc);
}

void newest_set(struct engine_lu *lu, struct text *text)
{
	struct run *r = &lu->r;

	text_drop(&r->newest);
	r->newest = *text;
	memset(text, 0, sizeof(*text));
	r->unsettled_at = lu->now;
	r->members_wanted = true;
	r->poll_ms = 0;
	r->push_at = 0;
	lu_log(lu, ENGINE_DEBUG, r->newest.seq, "newest, by %s",
	       r->newest.writer);
}

static void create(struct engine_lu *lu)
{
	struct engine_call call = {.op = ENGINE_SWAP};
	struct run *r = &lu->r;
	int rc;

	if (r->load_floor) {
		lu_missing(lu, r->load_floor,
			   "the store knows nothing of this device, but "
			   "version %llu was in force: is it the right store?",
			   (u64)r->load_floor);
		return;
	}
	text_drop(&r->set.text);
	rc = text_create(&r->set.text, lu);
	if (rc) {
		lu_fail(lu, EIO,
			"cannot make a string for the unit serial "
			"number \"%s\": %s",
			lu->identity, strerror(-rc));
		return;
	}
	r->creating = true;
	call.str = r->set.text.str;
	call.len = r->set.text.len;
	r->call_swap = lu_call(lu, &call);
}

/* A load that was in flight when it failed says nothing of it. */
static void failure_ends(struct run *r)
{
	if (r->load_ticket < r->fail_ticket)
		return;
	r->status = 0;
	r->lost = 0;
	text_drop(&r->foreign);
}

void create_done(struct engine_lu *lu, int rc)
{
	struct run *r = &lu->r;

	r->creating = false;
	if (rc) {
		text_drop(&r->set.text);
		/* After a lost race the winner's stands: load it at once. */
		if (rc != -EAGAIN)
			lu_trouble(lu, "create", rc);
		return;
	}
	lu_log(lu, ENGINE_INFO, r->set.text.seq, "created");
	newest_set(lu, &r->set.text);
	r->decided = true;
	r->load_done = r->load_ticket;
	failure_ends(r);
}

static bool same(const struct text *text, const struct engine_reply *reply)
{
	return text->str && text->seq == reply->seq &&
	       text->len == reply->len &&
	       !memcmp(text->str, reply->str, reply->len);
}

/* Complains about a string that is not to be enforced. */
static bool string_wrong(struct engine_lu *lu, const struct tcmu_pr_info *info,
			 uint64_t seq)
{
	/* Of before what we know: says nothing, whatever it is. */
	if (seq < lu->r.newest.seq)
		return false;
	if (info->seq != seq)
		lu_lost(lu, seq,
			"the string that the store holds as version %llu says "
			"seq=%llu",
			(u64)seq, (u64)info->seq);
	else if (seq == lu->r.newest.seq)
		lu_lost(lu, seq, "version %llu was changed under its number",
			(u64)seq);
	else
		return false;
	return true;
}

/* False if it is not to be enforced: then that was said. */
static bool string_take(struct engine_lu *lu, const struct engine_reply *reply)
{
	struct tpr_string_error err = {0, ""};
	struct tcmu_pr_info *info;
	struct text text = {0};
	bool good;

	info = text_decode(reply->str, reply->len, &err);
	if (!info && reply->seq >= lu->r.newest.seq) {
		lost_take(lu, reply, &err);
		return false;
	}
	if (!info) {
		free(reply->str);
		return true;
	}
	if (reply->seq >= lu->r.newest.seq && info->seq == reply->seq &&
	    strcmp(info->device, lu->identity)) {
		foreign_take(lu, reply, info->device);
		free(info);
		return false;
	}
	good = same(&lu->r.newest, reply) ||
	       !string_wrong(lu, info, reply->seq);
	if (good)
		set_resolve(lu, info);
	if (good && reply->seq > lu->r.newest.seq) {
		text_take(&text, info, reply->str, reply->len);
		newest_set(lu, &text);
	} else {
		free(reply->str);
	}
	free(info);
	return good;
}

/*
 * Can the version after the newest one we know be enforced without a load?
 * Only where the load after our join is done: what was told before that may be
 * of another time, when we did not count.  It cannot be since: what is newer is
 * not settled before we have installed it.
 */
static bool told_wanted(const struct engine_lu *lu, uint64_t seq)
{
	const struct run *r = &lu->r;
	bool unclear = r->set.active && r->set.phase == SET_UNCLEAR;

	return r->joined && !r->dead && !r->status && !r->mark && r->decided &&
	       r->load_done >= r->join_load && !lu->own.str && !unclear &&
	       r->newest.str && seq == r->newest.seq + 1;
}

/*
 * It is in the store, so what a load would show is this or newer.  But nothing
 * is settled by it that waits for a load: that is about what is there now, and
 * this may be late.
 */
bool told_take(struct engine_lu *lu, uint64_t seq, const char *str, size_t len)
{
	struct tpr_string_error err = {0, ""};
	struct tcmu_pr_info *info;
	struct run *r = &lu->r;
	struct text text = {0};
	char *copy = NULL;
	bool wanted;

	if (!told_wanted(lu, seq))
		return false;
	info = text_decode(str, len, &err);
	if (info && info->seq == seq && !strcmp(info->device, lu->identity))
		copy = malloc(len);
	if (copy) {
		memcpy(copy, str, len);
		text_take(&text, info, copy, len);
		wanted = r->members_wanted;
		newest_set(lu, &text);
		/* It is not settled before we have acked it: look then. */
		r->members_wanted = wanted;
		r->poll_at = lu->now + POLL_FIRST_MS;
	}
	free(info);
	return copy;
}

static bool loaded(struct engine_lu *lu, const struct engine_reply *reply)
{
	struct run *r = &lu->r;

	if (reply->seq < r->load_floor) {
		lu_missing(lu, r->load_floor,
			   "the store went back from version %llu to %llu",
			   (u64)r->load_floor, (u64)reply->seq);
		free(reply->str);
		return false;
	}
	if (reply->rc == -EXDEV && reply->seq >= r->newest.seq) {
		foreign_take(lu, reply, NULL);
		return false;
	}
	/* Mostly nothing has changed: then decode nothing. */
	if (same(&r->newest, reply) && !r->set.active) {
		free(reply->str);
		return true;
	}
	return string_take(lu, reply);
}

void load_done(struct engine_lu *lu, const struct engine_reply *reply)
{
	struct run *r = &lu->r;

	r->call_load = 0;
	if (reply->rc == -ENOENT) {
		create(lu);
	} else if (reply->rc == -ENODATA) {
		lu_missing(lu, r->load_floor ? r->load_floor : 1,
			   "the store has lost the string of this device");
	} else if (reply->rc && reply->rc != -EXDEV) {
		lu_trouble(lu, "load", reply->rc);
		get_failed(lu, r->load_ticket, EIO);
	} else if (loaded(lu, reply)) {
		r->load_done = r->load_ticket;
		failure_ends(r);
		/* Trouble ends with the look at the members. */
		if (lu->reason[0] || unsettled(lu))
			r->members_wanted = true;
	}
}
