// SPDX-License-Identifier: GPL-2.0-only
/*
 * The other members: a version is settled once every member, this gateway
 * included, has installed it or a newer one, or has ended in the term in which
 * it joined, and, where that is to be (gateways.h, L6), is fenced.  That is
 * stable: who joins later loads at least that version before it enforces
 * anything.
 *
 * Who writes a version announces it; where the store carries that, with the
 * version itself, so that nobody has to load it.  Whoever has installed it says
 * so to the writer, while that goes into its record; and the writer says so to
 * all when it is settled, who then look at the members.  Where the store does
 * not carry it, or the writer has died, whoever is the last to install it sees
 * so by a look at the members after its own ack, and tells all others, which
 * need not wait for their next look then.
 */
#include "engine_lu.h"

#include <stdio.h>
#include <stdlib.h>

bool unsettled(const struct engine_lu *lu)
{
	return lu->r.newest.seq && lu->r.settled < lu->r.newest.seq;
}

void step_members(struct engine_lu *lu)
{
	struct engine_call call = {.op = ENGINE_MEMBERS};
	struct run *r = &lu->r;

	if (!r->joined || r->call_members || lu_blocked(lu))
		return;
	if (!r->members_wanted && !(unsettled(lu) && lu->now >= r->poll_at))
		return;
	r->members_wanted = false;
	r->look_acked = r->acked_since;
	r->look_seq = r->newest.seq;
	r->acked_since = false;
	r->call_members = lu_call(lu, &call);
}

void step_settled(struct engine_lu *lu)
{
	struct run *r = &lu->r;

	if (!r->installed || r->installed != r->newest.seq || unsettled(lu) ||
	    r->settled_pushed == r->installed)
		return;
	r->settled_pushed = r->installed;
	lu->ops->push(lu->arg, r->installed, true, NULL, 0);
	lu_log(lu, ENGINE_DEBUG, r->installed, "settled");
}

static int find(const struct store_member *members, size_t count,
		const char *gateway)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(members[i].gateway, gateway))
			return (int)i;
	return -1;
}

/* The same life of the same daemon? */
static bool same_member(const struct store_member *a,
			const struct store_member *b)
{
	return a->incarnation == b->incarnation && a->term == b->term;
}

/*
 * A member that came back knows nothing of what was announced before; also one
 * that has joined again in the same life, whose record begins anew.
 */
static struct peer peer_known(const struct engine_lu *lu,
			      const struct store_member *member)
{
	struct peer none = {0};
	int i = find(lu->members, lu->count, member->gateway);

	if (i < 0 || !same_member(&lu->members[i], member) ||
	    lu->members[i].installed > member->installed)
		return none;
	return lu->peers[i];
}

uint64_t member_installed(const struct engine_lu *lu, size_t i)
{
	uint64_t recorded = lu->members[i].installed;
	uint64_t says = lu->peers[i].installed;

	return says > recorded ? says : recorded;
}

uint64_t member_ended(const struct engine_lu *lu, size_t i)
{
	uint64_t recorded = lu->members[i].ended;
	uint64_t says = lu->peers[i].ended;

	return says > recorded ? says : recorded;
}

/* Is there one that had not installed the newest version, and left? */
static bool one_left(const struct engine_lu *lu,
		     const struct engine_reply *reply)
{
	size_t i;
	int at;

	for (i = 0; i < lu->count; i++) {
		if (lu->members[i].installed >= lu->r.newest.seq)
			continue;
		at = find(reply->members, reply->count, lu->members[i].gateway);
		if (at < 0 || !same_member(&reply->members[at],
					   &lu->members[i]))
			return true;
	}
	return false;
}

/* Is there one that has ended without it, which we did not know? */
static bool one_ended(struct engine_lu *lu)
{
	bool found = false;
	size_t i;

	for (i = 0; i < lu->count; i++) {
		struct peer *peer = &lu->peers[i];

		if (peer->gone ||
		    lu->members[i].installed >= lu->r.newest.seq ||
		    !lu_ended(lu, &lu->members[i]))
			continue;
		peer->gone = true;
		found = true;
	}
	return found;
}

static int members_take(struct engine_lu *lu, const struct engine_reply *reply)
{
	size_t i, room = reply->count ? reply->count : 1;
	struct store_member *members = calloc(room, sizeof(*members));
	struct peer *peers = calloc(room, sizeof(*peers));

	if (!members || !peers) {
		free(members);
		free(peers);
		return -ENOMEM;
	}
	/* It may have stored a version before, of which it told nobody. */
	if (one_left(lu, reply))
		lu->r.settle_load = ++lu->r.load_wanted;
	for (i = 0; i < reply->count; i++) {
		members[i] = reply->members[i];
		peers[i] = peer_known(lu, &members[i]);
	}
	free(lu->members);
	free(lu->peers);
	lu->members = members;
	lu->peers = peers;
	lu->count = reply->count;
	if (one_ended(lu))
		lu->r.settle_load = ++lu->r.load_wanted;
	return 0;
}

/* Are we still one of them? */
static bool self_check(struct engine_lu *lu)
{
	int i = find(lu->members, lu->count, lu->conf->gateway);
	struct run *r = &lu->r;

	if (i >= 0 && lu->members[i].incarnation == lu->conf->incarnation &&
	    lu->members[i].term == r->term)
		return true;
	r->joined = false;
	r->looked = false;
	if (i < 0) {
		lu_fail(lu, EIO,
			"the store does not list this gateway as a "
			"member any more; joining again");
		return false;
	}
	/* Joining again would only make the two throw each other out. */
	r->dead = true;
	lu_fail(lu, EIO,
		"another daemon serves this device under the name "
		"\"%s\": give each gateway its own name and restart",
		lu->conf->gateway);
	return false;
}

/* Can no swap of before we joined replace @seq any more?  See engine_own.c. */
static bool cleared(struct engine_lu *lu, uint64_t seq)
{
	struct run *r = &lu->r;
	size_t i;

	if (!r->cleared && !r->touch &&
	    !strcmp(r->newest.scsi2, lu->conf->gateway))
		r->touch = r->newest.seq;
	for (i = 0; i < lu->count && !r->cleared && !r->touch; i++)
		if (!lu->members[i].installed && lu_ended(lu, &lu->members[i]))
			r->touch = r->newest.seq;
	r->cleared |= seq > r->touch;
	return r->cleared;
}

/* Who is there beside us that may carry the state? */
static void look_others(struct engine_lu *lu)
{
	struct run *r = &lu->r;
	size_t i;

	r->doubtful = false;
	for (i = 0; i < lu->count; i++) {
		const struct store_member *member = &lu->members[i];
		enum gateways_life life;

		if (lu_self(lu, member))
			continue;
		life = gateways_life(lu->conf->gateways, member->gateway,
				     member->term);
		r->others |= life == GATEWAYS_ALIVE;
		r->doubtful |= life == GATEWAYS_DOUBTFUL;
	}
}

/* Is there no reason to wait for it? */
static bool out_of_it(const struct engine_lu *lu,
		      const struct store_member *member)
{
	struct gateways *gateways = lu->conf->gateways;

	return lu_ended(lu, member) &&
	       (!gateways_must_fence(gateways) ||
		gateways_fenced_off(gateways, member->gateway, member->term,
				    false));
}

bool only_unfenced(const struct engine_lu *lu, uint64_t seq)
{
	bool found = false;
	size_t i;

	for (i = 0; i < lu->count; i++) {
		const struct store_member *member = &lu->members[i];

		if (member_installed(lu, i) >= seq || out_of_it(lu, member))
			continue;
		if (!lu_ended(lu, member))
			return false;
		found = true;
	}
	return found;
}

/*
 * How far this gateway is: as its record shows, which is the evidence that there
 * has been that version; or as its kernel is, if another one has got so far,
 * for then two machines know of it until it is written down.  Not before the
 * record shows any state, for until then this life carries none through a loss
 * of power.
 */
static uint64_t own_installed(const struct engine_lu *lu, size_t self)
{
	uint64_t known = member_installed(lu, self), witness = 0;
	const struct run *r = &lu->r;
	size_t i;

	for (i = 0; i < lu->count && r->acked; i++)
		if (!lu_ended(lu, &lu->members[i]) &&
		    member_installed(lu, i) > witness)
			witness = member_installed(lu, i);
	if (witness > r->installed)
		witness = r->installed;
	return witness > known ? witness : known;
}

/* Notes how far all members are, and if one knows more than we do. */
static void settle(struct engine_lu *lu)
{
	uint64_t least = UINT64_MAX, most = 0;
	struct run *r = &lu->r;
	size_t i;

	for (i = 0; i < lu->count; i++) {
		uint64_t installed = lu_self(lu, &lu->members[i])
					     ? own_installed(lu, i)
					     : member_installed(lu, i);
		uint64_t seen = lu->members[i].seen;

		most = seen > most ? seen : most;
		if (out_of_it(lu, &lu->members[i]))
			continue;
		least = installed < least ? installed : least;
	}
	/*
	 * A look is no snapshot: who is not in it may have joined after it
	 * began, and then loaded what was the newest at that time, or more.
	 */
	if (least > r->looked_seq)
		least = r->looked_seq;
	if (most > r->newest.seq)
		r->load_wanted++;
	else if (least > r->settled && r->load_done >= r->settle_load &&
		 cleared(lu, least))
		r->settled = least;
}

/*
 * @says and the last look together are as good as a look that shows it in the
 * record: that has no more to tell than what the kernel had installed.  It is
 * in the record for others, and for those who come later: until it is, they
 * wait longer, and if it never is, for that gateway is dead, whatever comes
 * after it under its name joins, and then loads, before it enforces anything.
 * So it would do no harm in another life either, but nobody needs it there.
 *
 * What may depend on records alone looks at those alone: if somebody has left
 * or ended without the newest version, what a loss of power ends (cleared()),
 * and what versions there have been (evidence()).
 */
static bool says_take(struct engine_lu *lu, const struct store_member *says)
{
	int i = find(lu->members, lu->count, says->gateway);
	struct peer *peer;

	if (i < 0 || lu_self(lu, says) || !same_member(&lu->members[i], says))
		return false;
	peer = &lu->peers[i];
	if (says->installed > peer->installed)
		peer->installed = says->installed;
	if (says->ended > peer->ended)
		peer->ended = says->ended;
	return true;
}

void member_says(struct engine_lu *lu, const struct store_member *says)
{
	struct run *r = &lu->r;

	if (!says_take(lu, says))
		r->members_wanted |= unsettled(lu);
	if (says->installed > r->newest.seq)
		r->load_wanted++;
	else
		settle_again(lu);
	/* Its writer: so all have it, as the records show soon, or now. */
	if (says->installed >= r->newest.seq &&
	    !strcmp(says->gateway, r->newest.writer))
		r->members_wanted |= unsettled(lu);
}

/* The writer of the newest version, if it is a member that lives; else -1. */
static int writer(const struct engine_lu *lu)
{
	int i = find(lu->members, lu->count, lu->r.newest.writer);

	return i < 0 || lu_ended(lu, &lu->members[i]) ? -1 : i;
}

bool word_expected(const struct engine_lu *lu)
{
	int i = lu->conf->carries ? writer(lu) : -1;

	return i >= 0 && (lu_self(lu, &lu->members[i]) || !lu_urgent(lu));
}

void settle_again(struct engine_lu *lu)
{
	if (lu->r.joined && lu->r.looked)
		settle(lu);
}

void own_recorded(struct engine_lu *lu)
{
	int i = find(lu->members, lu->count, lu->conf->gateway);
	struct run *r = &lu->r;

	if (!r->joined || !r->looked || i < 0 ||
	    lu->members[i].incarnation != lu->conf->incarnation ||
	    lu->members[i].term != r->term)
		return;
	lu->peers[i].installed = r->acked;
	settle(lu);
}

/* Short pauses while it is fresh or somebody waits, long ones later. */
static void poll_next(struct engine_lu *lu)
{
	struct run *r = &lu->r;
	uint64_t age = lu->now - r->unsettled_at;
	bool idle = age > lu->conf->member_timeout_ms && !lu_urgent(lu);
	uint64_t max = idle ? POLL_IDLE_MS : POLL_MAX_MS;

	r->poll_ms = r->poll_ms ? r->poll_ms * 2 : POLL_FIRST_MS;
	if (r->poll_ms > max)
		r->poll_ms = max;
	r->poll_at = lu->now + r->poll_ms;
}

/* Plain news, or with the newest version. */
static void announce(struct engine_lu *lu, size_t i, bool version)
{
	struct engine_call call = {.op = ENGINE_ANNOUNCE};
	const struct text *newest = &lu->r.newest;
	struct peer *peer = &lu->peers[i];

	call.gateway = lu->members[i].gateway;
	if (version) {
		call.seq = newest->seq;
		call.str = newest->str;
		call.len = newest->len;
	}
	peer->told = newest->seq;
	peer->told_at = lu->now;
	peer->call = lu_call(lu, &call);
}

static bool announce_due(const struct engine_lu *lu, size_t i)
{
	const struct peer *peer = &lu->peers[i];
	const struct run *r = &lu->r;
	bool old = lu->now >= r->unsettled_at + lu->conf->member_timeout_ms;
	uint64_t pause = old ? POLL_IDLE_MS : REANNOUNCE_MS;

	if (lu_self(lu, &lu->members[i]) || peer->call ||
	    member_installed(lu, i) >= r->newest.seq ||
	    lu_ended(lu, &lu->members[i]))
		return false;
	if (peer->told >= r->newest.seq)
		return lu->now >= peer->told_at + pause;
	/* The writer is doing it, unless it died. */
	return lu_urgent(lu) || lu->now >= r->unsettled_at + REANNOUNCE_MS;
}

void announce_lagging(struct engine_lu *lu)
{
	bool version;
	size_t i;

	for (i = 0; i < lu->count; i++) {
		/* If that was of no use, it has to load. */
		version = lu->conf->carries &&
			  lu->peers[i].told < lu->r.newest.seq;
		if (announce_due(lu, i))
			announce(lu, i, version);
	}
}

void announce_all(struct engine_lu *lu)
{
	size_t i;

	for (i = 0; i < lu->count; i++)
		if (!lu_self(lu, &lu->members[i]) &&
		    !lu_ended(lu, &lu->members[i]))
			announce(lu, i, false);
}

/* All but the writer: as we have, each of the others has said so to it. */
static void announce_settled(struct engine_lu *lu)
{
	size_t i;

	for (i = 0; i < lu->count; i++)
		if (!lu_self(lu, &lu->members[i]) &&
		    !lu_ended(lu, &lu->members[i]) &&
		    (lu->peers[i].said != lu->r.newest.seq || lu->peers[i].rc))
			announce(lu, i, false);
}

static void say(struct engine_lu *lu, size_t i, uint64_t seq)
{
	struct engine_call call = {.op = ENGINE_ANNOUNCE};
	struct peer *peer = &lu->peers[i];
	struct run *r = &lu->r;

	call.gateway = lu->members[i].gateway;
	call.term = r->term;
	call.seq = seq;
	call.ended = r->ended;
	peer->said = seq;
	peer->said_ended = r->ended;
	peer->call = lu_call(lu, &call);
}

/* What we wrote is settled: to all, for they wait for this, if not for more. */
static void say_settled(struct engine_lu *lu)
{
	struct run *r = &lu->r;
	size_t i;

	if (unsettled(lu) || r->acked < r->installed)
		return;
	for (i = 0; i < lu->count; i++)
		if (lu->peers[i].said != r->installed &&
		    !lu_self(lu, &lu->members[i]) &&
		    !lu_ended(lu, &lu->members[i]))
			say(lu, i, r->installed);
}

/*
 * To who wrote the newest version, and mostly waits for just that, what our
 * kernel has installed.  At once: that this becomes our record, which takes its
 * time, changes nothing of it.  Once: if it is lost, there is the record.
 */
void step_say(struct engine_lu *lu)
{
	int i = lu->conf->carries ? writer(lu) : -1;
	struct run *r = &lu->r;
	uint64_t seq = r->installed;
	struct peer *peer;

	if (i < 0 || !r->joined || lu_blocked(lu) || !seq ||
	    seq != r->newest.seq)
		return;
	if (lu_self(lu, &lu->members[i])) {
		say_settled(lu);
		return;
	}
	peer = &lu->peers[i];
	/* When the record shows it, only how it ends, for who waits for that. */
	if (peer->said == seq ? peer->said_ended < r->ended
			      : unsettled(lu) || r->acked < seq)
		say(lu, i, seq);
}

void members_done(struct engine_lu *lu, const struct engine_reply *reply)
{
	struct run *r = &lu->r;
	int rc = reply->rc;

	r->call_members = 0;
	poll_next(lu);
	if (!rc)
		rc = members_take(lu, reply);
	if (rc) {
		/* The look after an ack is still to be done. */
		r->acked_since |= r->look_acked;
		r->members_wanted = true;
		lu_trouble(lu, "members", rc);
		return;
	}
	if (!self_check(lu))
		return;
	r->looked = true;
	r->looked_seq = r->look_seq;
	look_others(lu);
	settle(lu);
	if (!r->status && r->newest.seq && r->acked >= r->newest.seq &&
	    r->ended >= r->installed && r->load_done >= r->load_wanted)
		lu_well(lu);
	if (unsettled(lu))
		announce_lagging(lu);
	else if (r->look_acked && !(lu->conf->carries && writer(lu) >= 0))
		announce_settled(lu);
}

void announce_done(struct engine_lu *lu, const struct engine_reply *reply)
{
	size_t i;

	for (i = 0; i < lu->count; i++) {
		struct peer *peer = &lu->peers[i];

		if (peer->call != reply->id)
			continue;
		peer->call = 0;
		if (reply->rc && reply->rc != peer->rc)
			lu_log(lu, ENGINE_WARNING, peer->told,
			       "store: announce to %s: %s",
			       lu->members[i].gateway, strerror(-reply->rc));
		peer->rc = reply->rc;
	}
}

void lagging_names(const struct engine_lu *lu, uint64_t seq, char *buf,
		   size_t cap)
{
	size_t i, len = 0;

	buf[0] = '\0';
	for (i = 0; i < lu->count && len < cap; i++)
		if (member_installed(lu, i) < seq &&
		    !out_of_it(lu, &lu->members[i]))
			len += (size_t)snprintf(buf + len, cap - len, "%s%s",
						len ? ", " : "",
						lu->members[i].gateway);
	if (!buf[0])
		snprintf(buf, cap, "none that is known");
}
