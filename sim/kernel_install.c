// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module does with what the daemon says: kernel/install.c, abort.c,
 * and the lease.  A state counts as installed when it is published, nobody is
 * left in a read section of before, and the commands of those that it makes
 * victims have ended.
 */
#include "sim.h"

#include <stdlib.h>

enum {
	ABORT_WAIT_MS = 5000, /* the module's hold_timeout_ms */
};

struct tcmu_pr_info *info_decode(const char *str, size_t len, u32 more)
{
	int regs = tpr_peek_regs(str, len);
	struct tcmu_pr_info *info;

	if (regs < 0)
		return NULL;
	info = malloc(tpr_info_size((u32)regs + more));
	tpr_info_init(info, (u32)regs + more);
	if (!tpr_decode(info, str, len, NULL))
		return info;
	free(info);
	return NULL;
}

struct tcmu_pr_info *info_dup(const struct tcmu_pr_info *info, u32 more)
{
	u32 room = info->num_regs + more;
	struct tcmu_pr_info *copy = malloc(tpr_info_size(room));

	tpr_info_init(copy, room);
	tpr_info_copy(copy, info);
	return copy;
}

static void note_step(struct gw *g, const struct tcmu_pr_info *old,
		      const struct tcmu_pr_info *now)
{
	struct kernel *k = &g->k;
	int i;

	for (i = 0; i < g->s->plan->initiators; i++) {
		int nexus = nexus_of(i, g->index);

		if (!tpr_must_abort(old, now, &g->s->nexus[nexus]))
			continue;
		k->victims[nexus] = true;
		k->aborting = true;
	}
}

static void note_between(struct gw *g, const struct tcmu_pr_info *info)
{
	struct kernel *k = &g->k;
	int i;

	for (i = 0; i < g->s->plan->initiators; i++) {
		int nexus = nexus_of(i, g->index);
		u8 allowed = tpr_allowed(info, &g->s->nexus[nexus]);

		k->every[nexus] &= allowed;
		k->some[nexus] |= allowed;
	}
}

static void forget_between(struct kernel *k)
{
	k->blind = false;
	memset(k->every, 0xff, sizeof(k->every));
	memset(k->some, 0, sizeof(k->some));
}

/* By every step from the state that was installed. */
static void note_steps(struct gw *g, const struct tcmu_pr_info *now)
{
	struct tcmu_pr_info *before, *after;
	struct kernel *k = &g->k;

	if (!k->newest)
		return;
	if (!k->settled)
		note_between(g, k->newest);
	if (k->newest->seq + 1 == now->seq) {
		note_step(g, k->newest, now);
		return;
	}
	before = info_dup(k->newest, TPR_CHANGES_MAX);
	after = info_dup(k->newest, TPR_CHANGES_MAX);
	while (after->seq + 1 < now->seq && !tpr_step(after, now)) {
		note_step(g, before, after);
		note_between(g, after);
		tpr_info_copy(before, after);
	}
	if (before->seq + 1 < now->seq)
		k->blind = true;
	note_step(g, before, now);
	free(before);
	free(after);
}

static void supersede(struct kernel *k, struct tcmu_pr_info *info, u64 now)
{
	if (k->settled) {
		free(k->base);
		k->base = k->newest;
	} else {
		free(k->newest);
	}
	k->newest = info;
	k->settled = false;
	k->since = now;
}

static void settle(struct kernel *k)
{
	k->settled = true;
	forget_between(k);
	free(k->base);
	k->base = NULL;
}

/* A new term begins. */
static void unsettle(struct kernel *k)
{
	free(k->base);
	k->base = NULL;
	k->settled = false;
}

static bool same_version(const struct tcmu_pr_info *a,
			 const struct tcmu_pr_info *b)
{
	return !memcmp(&a->changes[0], &b->changes[0], sizeof(a->changes[0]));
}

/* 0 or a positive errno. */
static int apply(struct gw *g, const struct push *push,
		 struct tcmu_pr_info *info)
{
	struct kernel *k = &g->k;
	u64 have = k->newest ? k->newest->seq : 0;
	bool older = push->seq < have && !bug(BUG_STALE_NEWS);

	if (older || (!info && push->seq != have) ||
	    (info && push->seq == have && !same_version(info, k->newest))) {
		free(info);
		return ESTALE;
	}
	if (push->seq != have) {
		note_steps(g, info);
		supersede(k, info, g->s->now);
		if (info->scsi2_held && !k->watching)
			kernel_watch(g, NULL);
	} else {
		free(info);
	}
	if (push->settled && !k->settled)
		settle(k);
	k->error = 0;
	trace(g, "kernel has %llu%s", push->seq, k->settled ? ", settled" : "");
	kernel_publish(g);
	return 0;
}

static bool readers_left(const struct kernel *k)
{
	int i;

	for (i = 0; i < k->num_readers; i++)
		if (k->readers[i]->gen < k->gen)
			return true;
	return false;
}

/* Marks the commands of the victims; true if there are any that fly. */
static bool victims_left(struct gw *g)
{
	struct kernel *k = &g->k;
	bool left = false;
	int i;

	for (i = 0; i < k->num_flying; i++) {
		if (k->aborting && k->victims[k->flying[i]->nexus])
			k->flying[i]->victim = true;
		left |= k->flying[i]->victim;
	}
	if (k->aborting) {
		memset(k->victims, 0, sizeof(k->victims));
		k->aborting = false;
	}
	return left;
}

void quiet_step(struct gw *g)
{
	struct kernel *k = &g->k;
	int i;

	if (k->quiet == k->term || k->begun != k->term)
		return;
	for (i = 0; i < k->num_flying && !bug(BUG_QUIET_AT_ONCE); i++)
		if (k->flying[i]->term < k->term)
			return;
	k->quiet = k->term;
	up_quiet(g, k->quiet);
}

static void push_end(struct gw *g, int status)
{
	struct push *push = g->k.push;

	g->k.push = NULL;
	if (push->lease_term) {
		up_lease_done(g, status);
		g->k.begun = push->lease_term;
		quiet_step(g);
	} else if (!push->invalidate) {
		up_push_done(g, push->seq, status);
	}
	push_step(g, NULL);
}

/* Is the one that is being worked on done? */
static void push_continue(struct gw *g)
{
	struct kernel *k = &g->k;

	if (readers_left(k) && !bug(BUG_NO_GRACE_PERIOD))
		return;
	if (k->push->invalidate) {
		push_end(g, 0);
		return;
	}
	if (!victims_left(g) || bug(BUG_NO_ABORT_WAIT))
		push_end(g, 0);
	else if (k->pushes || g->s->now >= k->push_began + ABORT_WAIT_MS * MS)
		push_end(g, EINPROGRESS);
}

static void push_late(struct gw *g, void *push)
{
	if (g->k.push == push)
		push_continue(g);
}

static void push_begin(struct gw *g, void *unused)
{
	struct kernel *k = &g->k;
	struct tcmu_pr_info *info;
	int err = 0;

	(void)unused;
	k->push_armed = false;
	if (k->push || !k->pushes)
		return;
	k->push = k->pushes;
	k->pushes = k->push->next;
	if (!k->pushes)
		k->pushes_tail = &k->pushes;
	k->push_began = g->s->now;
	if (k->push->invalidate) {
		k->error = k->push->invalidate;
		if (k->push->lease_term && !bug(BUG_INVALIDATE_IGNORED) &&
		    !bug(BUG_RESUMES_UNREAD))
			unsettle(k);
		kernel_publish(g);
	} else {
		info = k->push->str ? info_decode(k->push->str, k->push->len, 0)
				    : NULL;
		err = k->push->str && !info ? EBADMSG : apply(g, k->push, info);
	}
	if (err) {
		push_end(g, err);
		return;
	}
	event_add(g, DOM_KERNEL, ABORT_WAIT_MS * MS, push_late, k->push);
	push_continue(g);
}

void push_step(struct gw *g, void *unused)
{
	struct kernel *k = &g->k;

	(void)unused;
	if (k->push) {
		push_continue(g);
		return;
	}
	if (!k->pushes || k->push_armed)
		return;
	k->push_armed = true;
	event_add(g, DOM_KERNEL, draw(&g->s->rng, 300), push_begin, NULL);
}

/* LEASE: at once, but the acknowledgment of a new term. */
static void lease(struct gw *g, struct push *push)
{
	struct kernel *k = &g->k;
	bool other = push->lease_term != k->term;

	if (push->lease_term < k->term) {
		up_lease_done(g, EINVAL);
		return;
	}
	k->term = push->lease_term;
	k->until_ns = push->lease_until;
	if (!other || bug(BUG_TERM_KEEPS_STATE)) {
		up_lease_done(g, 0);
		return;
	}
	trace(g, "kernel is in term %llu", k->term);
	push->invalidate = EAGAIN;
	kernel_rejudge(g);
	*k->pushes_tail = push;
	k->pushes_tail = &push->next;
	push_step(g, NULL);
}

void kernel_push(struct gw *g, struct push *push)
{
	struct kernel *k = &g->k;

	if (push->lease_term) {
		lease(g, push);
		return;
	}
	if (bug(BUG_ACK_BEFORE_INSTALL) && push->str && !push->settled)
		up_push_done(g, push->seq, 0);
	*k->pushes_tail = push;
	k->pushes_tail = &push->next;
	push_step(g, NULL);
}
