// SPDX-License-Identifier: GPL-2.0-only
/*
 * States that are lost: a version that is known to have been there is missing
 * or cannot be read.  Every gateway has to hear of it, so a missing version is
 * put in its place in the store with a text that says so; and from there it is
 * replaced, by an initiator (REPLACE LOST RESERVATION) or the administrator
 * (engine_repair()), with the same swap as any other.
 *
 * Another device's string, which came along with a copy of it, is lost as well:
 * it is not obeyed, but remembered, for the administrator may adopt it.  Who
 * does not looks on, as with all that is lost: it may be adopted elsewhere.
 *
 * And states that a loss of power ends (SPC-4 5.13.5): the device has lost
 * power when no gateway carries its state any more.  That is so when a gateway
 * joins whose kernel has none, and there is no other member that has not ended
 * (of one that may be alive, it waits to know).  Its look at the
 * members comes after its join and after the load: nobody else was a member
 * then, and who has joined since finds this gateway among the members, so
 * nothing that it does is settled without our ack, which we give after the
 * swap.  What it has stored meanwhile makes the swap fail, and then it is
 * looked again.
 */
#include "engine_lu.h"

#include <stdlib.h>

/* Missing */

void step_mark(struct engine_lu *lu)
{
	struct engine_call call = {.op = ENGINE_MARK_LOST};
	char text[ENGINE_REASON_MAX];
	struct run *r = &lu->r;

	if (!r->mark || r->call_mark || !r->joined || lu_blocked(lu))
		return;
	text_lost(text, sizeof(text), lu, r->mark);
	call.seq = r->mark;
	call.str = text;
	call.len = strlen(text);
	r->call_mark = lu_call(lu, &call);
}

/* Done, or it was there after all: the next load tells. */
void mark_done(struct engine_lu *lu, int rc)
{
	struct run *r = &lu->r;

	r->call_mark = 0;
	if (rc && rc != -EAGAIN) {
		lu_trouble(lu, "mark the lost version", rc);
		return;
	}
	if (!rc) {
		lu_log(lu, ENGINE_INFO, r->mark, "marked as lost in the store");
		announce_all(lu);
	}
	r->mark = 0;
	r->load_wanted++;
	lu_kick(lu);
}

void lost_take(struct engine_lu *lu, const struct engine_reply *reply,
	       const struct tpr_string_error *err)
{
	if (text_is_lost(reply->str, reply->len))
		lu_lost(lu, reply->seq,
			"version %llu is lost: it was in force, but not in the "
			"store",
			(u64)reply->seq);
	else
		lu_lost(lu, reply->seq,
			"string corrupt: version %llu, line %u: %s",
			(u64)reply->seq, err->line, err->what);
	free(reply->str);
}

void foreign_take(struct engine_lu *lu, const struct engine_reply *reply,
		  const char *says)
{
	if (says)
		lu_lost(lu, reply->seq,
			"another device's string: it says device=%s, but the "
			"unit serial number is %s: adopt it, drop it, or set "
			"the serial number",
			says, lu->identity);
	else
		lu_lost(lu, reply->seq,
			"another image's string, version %llu, which came "
			"along with a copy of it: adopt it or drop it",
			(u64)reply->seq);
	lu->r.foreign.seq = reply->seq;
	lu->r.foreign.str = reply->str;
	lu->r.foreign.len = reply->len;
}

/* Loss of power */

void step_decide(struct engine_lu *lu)
{
	struct run *r = &lu->r;
	int rc;

	if (r->decided || r->dead || r->status || lu->own.str ||
	    !r->newest.seq || !r->looked || r->load_done < r->load_wanted ||
	    lu_blocked(lu))
		return;
	if (r->kernel_seq || r->others) {
		r->decided = true;
		return;
	}
	/* It may carry the state: engine_lives() tells. */
	if (r->doubtful)
		return;
	rc = text_power_loss(&lu->own, lu, &r->newest);
	if (rc > 0) {
		r->decided = true;
	} else if (rc) {
		lu_fail(lu, -rc, "cannot tell what a loss of power ends: %s",
			strerror(-rc));
	} else if (r->looked_seq < r->newest.seq) {
		/* The look was before the load. */
		text_drop(&lu->own);
		r->members_wanted |=
			!r->call_members || r->look_seq < r->newest.seq;
	} else {
		own_begin(lu, "no gateway had a state: what a loss of power "
			      "ends is dropped");
	}
}

/* The administrator */

static int text_copy(struct text *text, const struct text *from)
{
	*text = *from;
	text->str = malloc(from->len);
	if (!text->str)
		return -ENOMEM;
	memcpy(text->str, from->str, from->len);
	return 0;
}

/* What the kernel was sent last; its string is NULL if there is none. */
static const struct text *text_last(const struct engine_lu *lu)
{
	const struct run *r = &lu->r;

	return r->newest.str && r->newest.seq <= r->kernel_seq ? &r->newest
								: &lu->last;
}

static int text_given(struct text *text, const struct engine_lu *lu,
		      const char *str, size_t len)
{
	const struct text given = {.str = (char *)str, .len = len};
	struct tpr_string_error err;
	struct tcmu_pr_info *info = text_decode(str, len, &err);
	int rc;

	if (!info)
		return -EINVAL;
	rc = strcmp(info->device, lu->identity) ? -EXDEV
						: text_copy(text, &given);
	free(info);
	return rc;
}

static int repair_text(struct text *text, const struct engine_lu *lu,
		       enum engine_repair how, const char *str, size_t len)
{
	const struct text *last = text_last(lu);

	switch (how) {
	case ENGINE_REPAIR_EMPTY:
		return 0;
	case ENGINE_REPAIR_LAST:
		return last->str ? text_copy(text, last) : -ENODATA;
	case ENGINE_REPAIR_STRING:
		return text_given(text, lu, str, len);
	case ENGINE_REPAIR_ADOPT:
		return 0;
	}
	return -EINVAL;
}

int engine_repair(struct engine_lu *lu, enum engine_repair how, bool force,
		  const char *str, size_t len)
{
	struct run *r = &lu->r;
	struct repair repair = {
		.active = true,
		.force = force,
		.adopt = how == ENGINE_REPAIR_ADOPT,
	};
	int rc;

	lu->now = lu->ops->now(lu->arg);
	if (r->removed || r->dead)
		return -ENOTCONN;
	if (r->set.active || r->repair.active)
		return -EBUSY;
	rc = repair_text(&repair.text, lu, how, str, len);
	if (rc)
		return rc;
	repair.ticket = ++r->load_wanted;
	repair.deadline = lu->now + lu->conf->member_timeout_ms;
	r->repair = repair;
	lu_kick(lu);
	engine_timer(lu);
	return 0;
}

static void repair_end(struct engine_lu *lu, int status)
{
	lu->r.repair.active = false;
	text_drop(&lu->r.repair.text);
	lu->ops->repair_done(lu->arg, status, 0);
}

/* The new state, in place of version @seq. */
static int repair_make(struct text *text, struct engine_lu *lu, uint64_t seq,
		       struct tpr_writer *token)
{
	const struct text *foreign = &lu->r.foreign;
	const struct repair *repair = &lu->r.repair;

	if (!repair->adopt)
		return text_repair(text, lu, &repair->text, seq, token);
	return foreign->str ? text_adopt(text, lu, foreign, token) : -ENOENT;
}

static void repair_begin(struct engine_lu *lu, uint64_t seq)
{
	struct tpr_writer token;
	struct text text = {0};
	bool adopt = lu->r.repair.adopt;
	int rc = repair_make(&text, lu, seq, &token);

	if (rc) {
		repair_end(lu, -rc);
		return;
	}
	lu->r.repair.active = false;
	text_drop(&lu->r.repair.text);
	lu_log(lu, ENGINE_INFO, text.seq, "the administrator replaces version "
	       "%llu%s", (u64)seq, adopt ? " by what it says" : "");
	set_begin(lu, &text, &token);
}

void step_repair(struct engine_lu *lu)
{
	struct run *r = &lu->r;
	struct repair *repair = &r->repair;
	bool lost = r->status == EBADMSG && r->lost && !r->call_load &&
		    r->load_ticket >= repair->ticket;
	bool good = !r->status && r->newest.seq &&
		    r->load_done >= repair->ticket;

	if (!repair->active)
		return;
	if (lost && !r->set.active)
		repair_begin(lu, r->lost);
	else if (good && !repair->force)
		repair_end(lu, repair->adopt ? ENOENT : EEXIST);
	else if (good && !r->set.active)
		repair_begin(lu, r->newest.seq);
	else if (lu->now >= repair->deadline)
		repair_end(lu, r->set.active ? EBUSY : EIO);
}

/* Whoever waits has to be answered. */
void repair_drop(struct engine_lu *lu)
{
	struct set *set = &lu->r.set;

	if (lu->r.repair.active)
		repair_end(lu, ENODEV);
	if (!set->active || !set->repair)
		return;
	set->active = false;
	lu->ops->repair_done(lu->arg,
			     set->phase == SET_WAIT ? ETIMEDOUT : EINPROGRESS,
			     set->seq);
}
