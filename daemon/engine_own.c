// SPDX-License-Identifier: GPL-2.0-only
/*
 * Swaps that no initiator and no administrator asked for, one at a time.
 *
 * One of them makes others fail: a swap that another gateway has under way
 * may be about to end what is alive here now, and can take effect at any time,
 * as long as the version is there that it replaces.  So this gateway replaces
 * that version itself, before it settles anything for the first time since it
 * joined,
 *  - with a record among the members that has ended and had acknowledged
 *    nothing: that one may have dropped what a loss of power ends, and was
 *    evicted before that was done;
 *  - with an SPC-2 reservation that was granted through this gateway: others
 *    may have found us evicted, before we came back.
 * Later is no need: who joins or looks after that finds this gateway alive.
 */
#include "engine_lu.h"

void own_begin(struct engine_lu *lu, const char *why)
{
	lu->own_why = why;
	step_own(lu);
}

void step_own(struct engine_lu *lu)
{
	struct engine_call call = {.op = ENGINE_SWAP};

	if (!lu->own.str || lu->call_own || lu_blocked(lu))
		return;
	call.seq = lu->own.seq - 1;
	call.str = lu->own.str;
	call.len = lu->own.len;
	lu->call_own = lu_call(lu, &call);
}

static void own_failed(struct engine_lu *lu, int rc)
{
	/* The same once more: whichever copy comes second is refused. */
	if (rc == -EINPROGRESS)
		lu->own_doubt = true;
	if (!lu->own_doubt)
		text_drop(&lu->own);
	if (lu->r.removed)
		lu_backoff(lu);
	else
		lu_trouble(lu, "swap", rc);
}

void own_swap_done(struct engine_lu *lu, int rc)
{
	lu->call_own = 0;
	if (rc && rc != -EAGAIN) {
		own_failed(lu, rc);
		return;
	}
	if (!rc)
		lu_log(lu, ENGINE_INFO, lu->own.seq, "%s", lu->own_why);
	text_drop(&lu->own);
	lu->own_doubt = false;
	lu->r.load_wanted++;
}

/* Is the newest version here, and nothing on its way that would replace it? */
static bool quiet(const struct engine_lu *lu)
{
	const struct run *r = &lu->r;

	return r->joined && r->decided && !r->status && !lu->own.str &&
	       r->installed && r->installed == r->newest.seq &&
	       r->load_done >= r->load_wanted && !r->repair.active &&
	       !(r->set.active && r->set.phase != SET_WAIT) && !lu_blocked(lu);
}

static bool holder_ended(const struct engine_lu *lu)
{
	const char *gateway = lu->r.newest.scsi2;
	size_t i;

	for (i = 0; i < lu->count; i++)
		if (!strcmp(lu->members[i].gateway, gateway))
			return lu_ended(lu, &lu->members[i]);
	return false;
}

void step_release(struct engine_lu *lu)
{
	int rc;

	/*
	 * Only a look that began since tells in which term its gateway is a
	 * member: it may have come back before it granted this one.
	 */
	if (!lu->r.newest.scsi2[0] || lu->r.looked_seq < lu->r.newest.seq ||
	    !quiet(lu) || !holder_ended(lu))
		return;
	rc = text_nexus_loss(&lu->own, lu, &lu->r.newest);
	if (rc)
		lu_trouble(lu, "end of an SPC-2 reservation", rc);
	else
		own_begin(lu, "ended the SPC-2 reservation of a gateway that "
			      "has ended");
}

void step_touch(struct engine_lu *lu)
{
	struct run *r = &lu->r;
	int rc;

	if (!r->touch || r->touch != r->newest.seq || !quiet(lu))
		return;
	rc = text_again(&lu->own, lu, &r->newest);
	if (rc)
		lu_trouble(lu, "swap", rc);
	else
		own_begin(lu, "replaced, for another gateway could have been "
			      "about to");
}
