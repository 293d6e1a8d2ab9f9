// SPDX-License-Identifier: GPL-2.0-only
/*
 * Our own term, and the lease of our kernel:
 *
 *	connected -> a reading -> the term is chosen -> the kernel has given up
 *	what was before (not if it goes on) -> a heartbeat -> the term has begun
 *
 * and then heartbeats, each of which extends the lease from the time when it
 * was begun.  What fails begins again with a reading, whose pace it so keeps.
 * Who is cut off from the store cannot read: that comes first then.
 */
#include "gateways_int.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef unsigned long long ull;

bool own_boot(const struct gateways *g, const struct gateway *p)
{
	return !memcmp(p->beat.boot, g->conf->boot, STORE_BOOT_LEN);
}

static void term_tell(struct gateways *g, uint64_t term)
{
	if (g->term == term)
		return;
	g->term = term;
	g->ops->term(g->arg, term);
}

static void lease_send(struct gateways *g, uint64_t term, uint64_t until)
{
	struct lease lease = {.term = term, .until = until};

	if (g->lease_busy) {
		g->lease_more = true;
		g->lease_next = lease;
		return;
	}
	g->lease_busy = true;
	g->lease = lease;
	g->ops->lease(g->arg, term, until);
}

/*
 * No heartbeats: nobody must wait for a kernel that cannot be told anything.
 */
void own_disconnected(struct gateways *g)
{
	g->connected = false;
	g->lease_busy = false;
	g->lease_more = false;
	g->lease_until = 0;
	g->leased = false;
	g->quiet = 0;
	g->begin = 0;
	g->step = OWN_LOOK;
	term_tell(g, 0);
}

void own_connected(struct gateways *g, uint64_t term)
{
	own_disconnected(g);
	g->connected = true;
	g->kernel_term = term;
	g->list_again = true;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * Nobody may push a state any more before the kernel is told: else it would
 * have one of before in the new term.
 */
static void kernel_begin(struct gateways *g)
{
	g->step = OWN_LEASE;
	g->lease_until = 0;
	lease_send(g, g->begin, 0);
}

static void term_begin(struct gateways *g)
{
	const struct gateway *p = &g->peers[0];
	struct gateways_call call = {.op = GATEWAYS_FENCE};

	g->begin = 1 + most(most(most(g->kernel_term, g->begin),
				 most(p->evicted, p->mark)),
			    most(p->told, p->fenced));
	term_tell(g, 0);
	/* The kernel is of this boot, the heartbeat was of one before. */
	if (!p->known || own_boot(g, p) || g->kernel_term ||
	    p->fenced >= p->told) {
		kernel_begin(g);
		return;
	}
	g->step = OWN_FENCE;
	strcpy(call.gateway, g->conf->gateway);
	call.term = g->begin - 1;
	g->peers[0].fence_term = call.term;
	g->peers[0].call_fence = gw_call(g, &call);
}

void own_fence_done(struct gateways *g, int rc)
{
	if (g->step != OWN_FENCE)
		return;
	if (!rc) {
		kernel_begin(g);
		return;
	}
	gw_why(g, "store: record of the boot: %s", strerror(-rc));
	g->step = OWN_LOOK;
}

bool own_foreign(const struct gateways *g)
{
	const struct gateway *p = &g->peers[0];

	return g->connected && g->step == OWN_LOOK && p->known &&
	       !own_boot(g, p) && p->ended < p->beat.term;
}

static void foreign_wait(struct gateways *g)
{
	const struct gateway *p = &g->peers[0];

	if (p->alive)
		gw_why(g,
		       "another machine is gateway \"%s\" too: give each its "
		       "own name and restart",
		       p->name);
	else
		gw_why(g,
		       "waiting until the heartbeat of before this machine's "
		       "boot, or of another machine of this name, has stood "
		       "still for its lease");
}

/* L4 and L5. */
static void own_choose(struct gateways *g)
{
	const struct gateway *p = &g->peers[0];

	if (own_foreign(g)) {
		foreign_wait(g);
	} else if (p->known && g->kernel_term && g->kernel_term >= p->told) {
		/* If it was evicted, the heartbeat will tell. */
		g->begin = g->kernel_term;
		g->step = OWN_BEAT;
		g->beat_at = g->now;
	} else {
		term_begin(g);
	}
}

void own_listed(struct gateways *g)
{
	const struct gateway *p = &g->peers[0];

	if (!g->connected)
		return;
	if (g->step == OWN_LOOK) {
		own_choose(g);
	} else if (g->step >= OWN_BEAT && p->evicted >= g->begin) {
		gw_why(g, "evicted from term %llu", (ull)p->evicted);
		term_begin(g);
	}
}

void own_lease_done(struct gateways *g, int status)
{
	struct lease done = g->lease;

	if (!g->lease_busy)
		return;
	g->lease_busy = false;
	if (g->lease_more) {
		g->lease_more = false;
		lease_send(g, g->lease_next.term, g->lease_next.until);
		return;
	}
	if (status) {
		gw_why(g, "the kernel refuses the lease of term %llu: %s",
		       (ull)done.term, strerror(status));
		if (g->step == OWN_LEASE)
			g->step = OWN_LOOK;
		return;
	}
	g->kernel_term = done.term;
	if (g->step == OWN_LEASE && done.term == g->begin) {
		g->step = OWN_BEAT;
		g->beat_at = g->now;
	} else if (g->step == OWN_RUN) {
		g->lease_until = done.until;
	}
}

void own_beat(struct gateways *g)
{
	struct gateways_call call = {.op = GATEWAYS_BEAT};

	if (g->step < OWN_BEAT || g->call_beat || g->now < g->beat_at)
		return;
	call.beat.term = g->begin;
	call.beat.incarnation = g->conf->incarnation;
	call.beat.count = ++g->beats;
	call.beat.lease_ms = g->conf->lease_ms;
	memcpy(call.beat.boot, g->conf->boot, STORE_BOOT_LEN);
	g->beat_term = g->begin;
	g->beat_began = g->now;
	g->beat_at = g->now + g->conf->beat_ms;
	g->call_beat = gw_call(g, &call);
}

/* The name is not ours any more: stop at once, and find out whose it is. */
static void own_robbed(struct gateways *g)
{
	gw_why(g,
	       "another daemon has written the heartbeat of gateway \"%s\"",
	       g->conf->gateway);
	term_tell(g, 0);
	g->lease_until = 0;
	lease_send(g, g->kernel_term, 0);
	g->step = OWN_LOOK;
}

/* L1: a lease counts from before the heartbeat was begun. */
static void own_extend(struct gateways *g)
{
	uint64_t until = g->beat_began + g->conf->lease_ms;

	g->step = OWN_RUN;
	if (until > g->now) {
		g->why[0] = '\0';
		lease_send(g, g->begin, until);
	} else {
		gw_why(g, "store: a heartbeat took %llu ms",
		       (ull)(g->now - g->beat_began));
	}
	term_tell(g, g->begin);
}

void own_beat_done(struct gateways *g, const struct gateways_reply *reply)
{
	struct gateway *p = &g->peers[0];

	g->call_beat = 0;
	if (!reply->rc)
		p->evicted = most(p->evicted, reply->evicted);
	/* It may be of an earlier term, or of before a disconnect. */
	if (g->step < OWN_BEAT || g->beat_term != g->begin)
		return;
	if (reply->rc == -ESTALE) {
		own_robbed(g);
	} else if (reply->rc == -ESHUTDOWN && g->conf->can_lift) {
		own_shut(g);
	} else if (reply->rc) {
		gw_why(g, "store: heartbeat: %s", strerror(-reply->rc));
	} else if (p->evicted >= g->begin) {
		gw_why(g, "evicted from term %llu", (ull)p->evicted);
		term_begin(g);
	} else {
		own_extend(g);
	}
}

/* L7 */
void own_shut(struct gateways *g)
{
	const struct gateway *p = &g->peers[0];

	if (!g->conf->can_lift || !g->connected || g->step == OWN_SHUT)
		return;
	gw_why(g,
	       "cut off from the store, so evicted: waiting until no command "
	       "of before is under way");
	g->step = OWN_SHUT;
	g->begin = most(g->kernel_term, g->begin);
	term_tell(g, 0);
	if (!g->begin)
		return;
	g->begin = 1 + most(most(g->begin, p->told), most(p->evicted, p->mark));
	g->lease_until = 0;
	lease_send(g, g->begin, 0);
}

/* The kernel has told that nothing of earlier terms is under way. */
void own_quiet(struct gateways *g)
{
	struct gateway *p = &g->peers[0];

	/* Those that wait for it need not do so any longer. */
	if (g->conf->fence_always && g->term && g->quiet == g->term &&
	    p->fenced < g->term - 1)
		p->off = g->term - 1;
}

/*
 * What it may record as over: what was told in a heartbeat, as far as we know.
 * Not all before the term that begins: one that was skipped, or told in a
 * heartbeat that did not arrive, may yet come, if the machine boots now.
 */
static uint64_t lift_term(const struct gateways *g)
{
	return g->begin ? 1 + g->peers[0].told : UINT64_MAX;
}

/*
 * Only here, where the kernel has no lease, and gets none before it is done: a
 * lift() that is delayed, as by a machine that stands still, could undo what
 * was done because of the term that began meanwhile.
 */
void own_lift(struct gateways *g)
{
	if (g->step != OWN_SHUT || g->lifting || g->now < g->lift_at)
		return;
	if (g->begin && (g->kernel_term != g->begin || g->quiet != g->begin))
		return;
	g->lifting = true;
	g->lift_term = lift_term(g);
	g->ops->lift(g->arg, g->lift_term);
}

void own_lifted(struct gateways *g, int status)
{
	g->lifting = false;
	if (g->step != OWN_SHUT || g->lift_term != lift_term(g))
		return;
	if (status) {
		gw_why(g,
		       "cut off from the store, and that cannot be lifted: %s",
		       strerror(status));
		g->lift_at = g->now + FENCE_PAUSE_MS;
		return;
	}
	gw_log(g, ENGINE_INFO, "not cut off from the store any more");
	g->step = OWN_LOOK;
	g->lift_lists = g->lists;
	g->list_again = true;
}
