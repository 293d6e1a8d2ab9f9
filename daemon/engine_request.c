// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel asks for: GET and SET, one of each at a time. */
#include "engine_lu.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	NAMES_MAX = 200, /* bytes of a list of gateways in the log */
};

static void get_reply(struct engine_lu *lu, int status)
{
	struct run *r = &lu->r;

	r->get.active = false;
	if (status)
		lu->ops->get_done(lu->arg, r->get.cookie, status,
				  status == EBADMSG ? r->lost : 0, NULL, 0);
	else
		lu->ops->get_done(lu->arg, r->get.cookie, 0, r->newest.seq,
				  r->newest.str, r->newest.len);
}

void get_failed(struct engine_lu *lu, uint64_t ticket, int status)
{
	if (lu->r.get.active && lu->r.get.ticket <= ticket)
		get_reply(lu, status);
}

static int broken_status(const struct engine_lu *lu)
{
	return lu->r.status == EBADMSG ? EBADMSG : EIO;
}

void engine_get(struct engine_lu *lu, uint64_t cookie)
{
	struct run *r = &lu->r;

	lu->now = lu->ops->now(lu->arg);
	if (r->removed)
		return;
	if (r->get.active)
		get_reply(lu, EIO);
	if (r->dead) {
		lu->ops->get_done(lu->arg, cookie, EIO, 0, NULL, 0);
		return;
	}
	r->get.active = true;
	r->get.cookie = cookie;
	r->get.ticket = ++r->load_wanted;
	r->get.deadline = lu->now + lu->conf->member_timeout_ms;
	r->members_wanted |= unsettled(lu);
	r->poll_ms = 0;
	lu_kick(lu);
	engine_timer(lu);
}

static void get_timeout(struct engine_lu *lu)
{
	struct run *r = &lu->r;
	char names[NAMES_MAX];

	if (r->load_done < r->get.ticket) {
		lu_log(lu, ENGINE_WARNING, r->newest.seq,
		       "the store did not answer in time");
		get_reply(lu, broken_status(lu));
		return;
	}
	lagging_names(lu, r->newest.seq, names, sizeof(names));
	lu_log(lu, ENGINE_WARNING, r->newest.seq,
	       "not settled in time; members that have not installed it: %s",
	       names);
	get_reply(lu, ETIMEDOUT);
}

void step_get(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (!r->get.active)
		return;
	if (r->load_done >= r->get.ticket && !r->status && r->newest.seq &&
	    r->installed == r->newest.seq && !unsettled(lu))
		get_reply(lu, 0);
	else if (lu->now >= r->get.deadline)
		get_timeout(lu);
}

static void set_reply(struct engine_lu *lu, int status)
{
	struct run *r = &lu->r;

	r->set.active = false;
	text_drop(&r->set.text);
	/* A swap that is still in flight is nobody's now. */
	r->call_swap = 0;
	if (status)
		r->load_wanted++;
	if (r->set.repair)
		lu->ops->repair_done(lu->arg, status, r->set.seq);
	else
		lu->ops->set_done(lu->arg, r->set.cookie, status);
}

static void set_swap(struct engine_lu *lu)
{
	struct engine_call call = {.op = ENGINE_SWAP};
	struct set *set = &lu->r.set;

	set->phase = SET_SWAP;
	call.seq = set->seq - 1;
	call.str = set->text.str;
	call.len = set->text.len;
	lu->r.call_swap = lu_call(lu, &call);
}

static void set_start(struct engine_lu *lu)
{
	struct set *set = &lu->r.set;

	set->active = true;
	set->doubt = false;
	set->unfenced = false;
	set->abort = set->text.abort;
	set->reset = set->text.reset;
	set->deadline = lu->now + lu->conf->member_timeout_ms;
	set_swap(lu);
}

/* What makes @info unfit to be stored as the successor of @expected. */
static const char *set_wrong(const struct engine_lu *lu,
			     const struct tcmu_pr_info *info, uint64_t expected)
{
	if (info->seq != expected + 1)
		return "its number does not follow the one it replaces";
	if (strcmp(info->device, lu->identity))
		return "it is another device's";
	if (strcmp(info->changes[0].writer.gateway, lu->conf->gateway))
		return "it names another gateway as its writer";
	return NULL;
}

/* Checks the string and keeps what is needed of it; 0 or an errno. */
static int set_take(struct engine_lu *lu, uint64_t expected, const char *str,
		    size_t len)
{
	struct tpr_string_error err = {0, ""};
	struct tcmu_pr_info *info = text_decode(str, len, &err);
	struct set *set = &lu->r.set;
	const char *wrong = info ? set_wrong(lu, info, expected) : err.what;
	char *copy = wrong ? NULL : malloc(len);

	if (wrong)
		lu_log(lu, ENGINE_ERROR, expected,
		       "the kernel's string is refused: line %u: %s", err.line,
		       wrong);
	if (copy) {
		memcpy(copy, str, len);
		text_take(&set->text, info, copy, len);
		set->seq = info->seq;
		set->token = info->changes[0].writer;
	}
	free(info);
	if (wrong)
		return EINVAL;
	return copy ? 0 : ENOMEM;
}

/* Why a SET cannot begin; 0: it can. */
static int set_refuse(struct engine_lu *lu, uint64_t expected)
{
	struct run *r = &lu->r;

	/* REPLACE LOST RESERVATION. */
	if (r->status == EBADMSG && r->joined && r->lost)
		return expected == r->lost ? 0 : EAGAIN;
	if (r->status || !r->joined || !r->newest.seq)
		return broken_status(lu);
	if (r->newest.seq > expected)
		return EAGAIN;
	return 0;
}

void engine_set(struct engine_lu *lu, uint64_t cookie, uint64_t expected,
		const char *str, size_t len)
{
	struct run *r = &lu->r;
	int status;

	lu->now = lu->ops->now(lu->arg);
	if (r->removed)
		return;
	if (r->set.active && !r->set.repair)
		set_reply(lu, EINPROGRESS);
	/* What the administrator does comes before this: decide again. */
	status = r->set.active ? EAGAIN : set_refuse(lu, expected);
	if (!status)
		status = set_take(lu, expected, str, len);
	if (status) {
		lu->ops->set_done(lu->arg, cookie, status);
		return;
	}
	r->set.repair = false;
	r->set.cookie = cookie;
	set_start(lu);
	engine_timer(lu);
}

void set_begin(struct engine_lu *lu, struct text *text,
	       const struct tpr_writer *token)
{
	struct set *set = &lu->r.set;

	set->text = *text;
	memset(text, 0, sizeof(*text));
	set->seq = set->text.seq;
	set->token = *token;
	set->repair = true;
	set_start(lu);
}

static void set_stored(struct engine_lu *lu)
{
	struct set *set = &lu->r.set;

	set->phase = SET_WAIT;
	set->deadline = lu->now + lu->conf->member_timeout_ms;
	set->latest = set->deadline + lu->conf->member_timeout_ms;
	if (set->seq > lu->r.newest.seq)
		newest_set(lu, &set->text);
	text_drop(&set->text);
	/* Nobody can have lost it before it was there. */
	lu->r.decided = true;
	/* If what it replaced was lost: the load that ends that, now. */
	if (lu->r.status)
		lu_kick(lu);
	/* Those known from the last look; the next look finds the others. */
	announce_lagging(lu);
}

static void set_unclear(struct engine_lu *lu)
{
	lu->r.set.phase = SET_UNCLEAR;
	lu->r.set.ticket = ++lu->r.load_wanted;
}

void swap_done(struct engine_lu *lu, int rc)
{
	struct set *set = &lu->r.set;

	if (!rc) {
		set_stored(lu);
	} else if (rc == -EINPROGRESS) {
		set->doubt = true;
		set_unclear(lu);
		lu_trouble(lu, "swap", rc);
	} else if (set->doubt) {
		/* This one is not stored, but the one before may be. */
		set_unclear(lu);
		if (rc != -EAGAIN)
			lu_trouble(lu, "swap", rc);
	} else if (rc == -EAGAIN) {
		set_reply(lu, EAGAIN);
	} else {
		lu_log(lu, ENGINE_ERROR, set->seq, "store: swap: %s",
		       strerror(-rc));
		set_reply(lu, EIO);
	}
}

/* Do the changes in @info tell who wrote @seq? */
static bool remembers(const struct tcmu_pr_info *info, uint64_t seq)
{
	return info->seq >= seq && info->seq - seq < info->num_changes;
}

void set_resolve(struct engine_lu *lu, const struct tcmu_pr_info *info)
{
	struct run *r = &lu->r;
	struct set *set = &r->set;

	if (!set->active || set->phase != SET_UNCLEAR ||
	    r->load_ticket < set->ticket)
		return;
	if (tpr_written_as(info, &set->token) == set->seq) {
		lu_log(lu, ENGINE_INFO, set->seq, "found stored after all");
		set_stored(lu);
	} else if (info->seq < set->seq) {
		/*
		 * Not there yet, but it may still be on its way.  The same
		 * string once more: whichever copy comes second is refused.
		 */
		set_swap(lu);
	} else if (remembers(info, set->seq)) {
		lu_log(lu, ENGINE_INFO, set->seq, "found not stored");
		set_reply(lu, EAGAIN);
	} else {
		lu_log(lu, ENGINE_WARNING, set->seq,
		       "too many changes since to tell if it was stored");
		set_reply(lu, EINPROGRESS);
	}
}

void set_resolve_lost(struct engine_lu *lu, uint64_t seq)
{
	struct run *r = &lu->r;
	struct set *set = &r->set;

	if (!set->active || set->phase != SET_UNCLEAR ||
	    r->load_ticket < set->ticket)
		return;
	if (seq == set->seq - 1) {
		set_swap(lu);
	} else {
		lu_log(lu, ENGINE_WARNING, set->seq,
		       "version %llu, which would tell if it was stored, is "
		       "lost",
		       (u64)seq);
		set_reply(lu, EINPROGRESS);
	}
}

/*
 * May anything of what member @i had admitted before version @seq still reach
 * the disk?  Not when its kernel said that it has ended.  Of one that has ended
 * itself it may, until that one is fenced; a LOGICAL UNIT RESET is none of its
 * concern.
 */
static bool done_with(struct engine_lu *lu, size_t i, uint64_t seq)
{
	const struct store_member *member = &lu->members[i];

	if (lu_self(lu, member))
		return lu->r.ended >= seq;
	if (member_ended(lu, i) >= seq)
		return true;
	if (!lu->r.set.abort)
		return lu_ended(lu, member);
	return gateways_fenced_off(lu->conf->gateways, member->gateway,
				   member->term, true);
}

/* The names of those for whom it may. */
static bool set_fenced(struct engine_lu *lu, char *names, size_t cap)
{
	size_t i, len = 0;

	names[0] = '\0';
	for (i = 0; i < lu->count; i++)
		if (!done_with(lu, i, lu->r.set.seq) && len < cap)
			len += (size_t)snprintf(names + len, cap - len, "%s%s",
						len ? ", " : "",
						lu->members[i].gateway);
	return !len;
}

/*
 * All but that is done; that it takes its time is known only now.  Others'
 * requests wait behind this one: so not for long where nobody is asked to
 * fence, only for one that comes back, or has booted, just now; and with what
 * the kernel waits itself for no longer than a lease where it only has to end.
 */
static uint32_t patience_ms(struct engine_lu *lu)
{
	uint32_t most = lu->conf->member_timeout_ms;
	size_t i;

	for (i = 0; i < lu->count; i++)
		if (!done_with(lu, i, lu->r.set.seq) &&
		    !lu_ended(lu, &lu->members[i]))
			return most < ENDING_MS ? most : ENDING_MS;
	return gateways_can_fence(lu->conf->gateways) ? most : NO_FENCE_MS;
}

static void set_patience(struct engine_lu *lu)
{
	struct set *set = &lu->r.set;

	set->deadline = lu->now + patience_ms(lu);
	/* The kernel waits no longer. */
	if (set->deadline > set->latest)
		set->deadline = set->latest;
}

static void set_unfenced(struct engine_lu *lu, const char *names)
{
	struct run *r = &lu->r;

	if (!r->set.unfenced) {
		r->set.unfenced = true;
		set_patience(lu);
		lu_log(lu, ENGINE_INFO, r->set.seq,
		       "waiting until it is certain that nothing that was "
		       "aborted reaches the disk any more by: %s", names);
	}
	if (lu->now < r->fence_at)
		return;
	r->fence_at = lu->now + FENCE_MS;
	r->members_wanted = true;
	step_members(lu);
}

static void set_settled(struct engine_lu *lu)
{
	const struct set *set = &lu->r.set;
	char names[NAMES_MAX];

	if ((!set->abort && !set->reset) ||
	    set_fenced(lu, names, sizeof(names)))
		set_reply(lu, 0);
	else
		set_unfenced(lu, names);
}

static void set_timeout(struct engine_lu *lu)
{
	struct set *set = &lu->r.set;
	char names[NAMES_MAX];

	if (set->phase != SET_WAIT) {
		lu_log(lu, ENGINE_ERROR, set->seq,
		       "the store did not tell in time if it is stored");
		set_reply(lu, EINPROGRESS);
		return;
	}
	if (set->unfenced) {
		set_fenced(lu, names, sizeof(names));
		lu_log(lu, ENGINE_ERROR, set->seq,
		       "stored, but it ends with an error, for what was "
		       "aborted has not ended on these gateways, and they are "
		       "not fenced: %s", names);
	} else if (only_unfenced(lu, set->seq)) {
		lagging_names(lu, set->seq, names, sizeof(names));
		lu_log(lu, ENGINE_ERROR, set->seq,
		       "stored, but it ends with an error, for these gateways "
		       "have ended and are not fenced: %s", names);
	} else {
		lagging_names(lu, set->seq, names, sizeof(names));
		lu_log(lu, ENGINE_WARNING, set->seq,
		       "stored, but these members have not installed it in "
		       "time: %s", names);
	}
	set_reply(lu, ETIMEDOUT);
}

/*
 * To evict somebody takes most of member_timeout, so what is left of it is not
 * enough to fence it.  As long as for PREEMPT AND ABORT, not once more for it.
 */
static bool set_extend(struct engine_lu *lu)
{
	struct set *set = &lu->r.set;

	if (set->phase != SET_WAIT || set->unfenced || lu->r.status ||
	    set->deadline >= set->latest || !only_unfenced(lu, set->seq))
		return false;
	set->deadline = set->latest;
	return true;
}

void step_set(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (!r->set.active)
		return;
	if (r->set.phase == SET_WAIT && !r->status &&
	    r->settled >= r->set.seq && r->installed >= r->set.seq)
		set_settled(lu);
	if (r->set.active && lu->now >= r->set.deadline && !set_extend(lu))
		set_timeout(lu);
}

void requests_drop(struct engine_lu *lu)
{
	repair_drop(lu);
	lu->r.get.active = false;
	lu->r.set.active = false;
	lu->r.call_swap = 0;
	text_drop(&lu->r.set.text);
}
