// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module does with I/O: kernel/exec.c and view.c.  The verdict is the
 * core's.  A read section of SRCU is the time from the verdict to the
 * hand-over; the lease is looked at last.
 */
#include "sim.h"

#include <stdlib.h>

enum {
	HOLD_MS = 5000, /* as the module's hold_timeout_ms */
};

enum judgement {
	J_PASS,
	J_HOLD,
	J_CONFLICT,
	J_NOT_READY,
};

void kernel_init(struct gw *g)
{
	memset(&g->k, 0, sizeof(g->k));
	g->k.pushes_tail = &g->k.pushes;
}

void kernel_free(struct gw *g)
{
	free(g->k.newest);
	free(g->k.base);
	g->k.newest = NULL;
	g->k.base = NULL;
}

bool kernel_detach(struct gw *g)
{
	struct kernel *k = &g->k;
	bool connected = k->connected;

	if (k->num_readers || k->num_flying)
		return false;
	/* What is left of it is nobody's now. */
	g->boot++;
	kernel_free(g);
	kernel_init(g);
	k->connected = connected;
	return true;
}

bool lease_valid(const struct gw *g)
{
	return g->k.term && clock_ns(g) < g->k.until_ns;
}

static void list_drop(struct op **list, int *num, const struct op *op)
{
	int i, kept = 0;

	for (i = 0; i < *num; i++)
		if (list[i] != op)
			list[kept++] = list[i];
	*num = kept;
}

static struct tpr_result not_ready(void)
{
	return tpr_check(TPR_SK_NOT_READY, TPR_ASC_STANDBY);
}

static enum judgement judge(const struct gw *g, const struct op *op)
{
	const struct tpr_nexus *nexus = &g->s->nexus[op->nexus];
	const struct kernel *k = &g->k;
	u8 now, before;

	if (!lease_valid(g) && !bug(BUG_NO_LEASE_CHECK))
		return J_NOT_READY;
	if (k->error && !bug(BUG_INVALIDATE_IGNORED))
		return J_NOT_READY;
	if (!k->newest)
		return J_HOLD;
	now = tpr_allowed(k->newest, nexus) & op->class;
	if (k->settled || bug(BUG_NEWEST_ONLY))
		return now ? J_PASS : J_CONFLICT;
	if (!k->base || k->blind)
		return J_HOLD;
	before = tpr_allowed(k->base, nexus) & op->class;
	if (bug(BUG_BASE_ONLY))
		return before ? J_PASS : J_CONFLICT;
	if (bug(BUG_BETWEEN_FORGOTTEN))
		return now && before ? J_PASS :
		       now || before ? J_HOLD : J_CONFLICT;
	if (now && before && k->every[op->nexus] & op->class)
		return J_PASS;
	if (bug(BUG_CONFLICT_EARLY))
		return J_CONFLICT;
	return now || before || k->some[op->nexus] & op->class ? J_HOLD
							       : J_CONFLICT;
}

/*
 * The disk has it, or refuses it.  Also of a machine that has no power any
 * more.
 */
void op_landed(struct gw *g, void *arg)
{
	struct op *op = arg;

	if (op->landed)
		return;
	op->landed = true;
	op->land_at = g->s->now;
	if (op->kind == OP_WRITE)
		trace(g, "disk %s #%d", g->cut ? "refuses" : "has", op->id);
	if (!g->cut)
		check_landed(g, op);
	list_drop(g->k.flying, &g->k.num_flying, op);
	if (op->boot != g->boot)
		return;
	/* The core has said how it ended. */
	op->aborted |= op->victim;
	op_answer(g, op, g->cut ? not_ready() : tpr_good());
	push_step(g, NULL);
	quiet_step(g);
}

static u64 disk_time(struct gw *g)
{
	u64 time = some_time(g->s, g->s->plan->disk_us);

	return g->stuck_until > g->s->now ? g->stuck_until - g->s->now + time
					  : time;
}

static void hand_over(struct gw *g, void *arg)
{
	struct op *op = arg;
	struct kernel *k = &g->k;

	list_drop(k->readers, &k->num_readers, op);
	if (!lease_valid(g) && !bug(BUG_LEASE_CHECKED_FIRST) &&
	    !bug(BUG_NO_LEASE_CHECK)) {
		op_answer(g, op, not_ready());
	} else if (session_lives(g, op)) {
		op->handed_over = true;
		trace(g, "hands over #%d under %llu", op->id, op->seq);
		check_hand_over(g, op);
		k->flying[k->num_flying++] = op;
		event_add(g, DOM_KERNEL, disk_time(g), op_landed, op);
	}
	push_step(g, NULL);
}

static void pass(struct gw *g, struct op *op)
{
	struct kernel *k = &g->k;
	u64 delay = draw(&g->s->rng, 50);

	/* Preempted by the scheduler, now and then. */
	if (chance(&g->s->rng, 30))
		delay = draw(&g->s->rng, 300 * MS);
	op->seq = k->newest ? k->newest->seq : 0;
	op->term = k->term;
	op->gen = k->gen;
	k->readers[k->num_readers++] = op;
	event_add(g, DOM_KERNEL, delay, hand_over, op);
}

static void held_look(struct gw *g, void *unused)
{
	(void)unused;
	kernel_rejudge(g);
}

static void hold(struct gw *g, struct op *op)
{
	struct kernel *k = &g->k;
	u64 end = clock_when(g, k->until_ns / 1000000 + 1);

	k->held[k->num_held++] = op;
	event_add_at(g, DOM_KERNEL, k->since + HOLD_MS * MS, held_look, NULL);
	event_add_at(g, DOM_KERNEL, end, held_look, NULL);
	if (k->newest)
		up_settle(g, k->newest->seq);
}

static void execute(struct gw *g, struct op *op)
{
	if (!session_lives(g, op))
		return;
	switch (judge(g, op)) {
	case J_PASS:
		pass(g, op);
		return;
	case J_HOLD:
		if (g->s->now < g->k.since + HOLD_MS * MS) {
			hold(g, op);
			return;
		}
		op_answer(g, op, not_ready());
		return;
	case J_CONFLICT:
		op_answer(g, op, tpr_conflict());
		return;
	case J_NOT_READY:
		op_answer(g, op, not_ready());
		return;
	}
}

void kernel_rejudge(struct gw *g)
{
	struct kernel *k = &g->k;
	struct op *held[OPS_MAX];
	int i, n = k->num_held;

	memcpy(held, k->held, (size_t)n * sizeof(held[0]));
	k->num_held = 0;
	for (i = 0; i < n; i++) {
		/* Nothing has changed for it yet. */
		if (judge(g, held[i]) == J_HOLD &&
		    g->s->now < k->since + HOLD_MS * MS &&
		    session_lives(g, held[i]))
			k->held[k->num_held++] = held[i];
		else
			execute(g, held[i]);
	}
}

void kernel_publish(struct gw *g)
{
	g->k.gen++;
	kernel_rejudge(g);
}

static void data_arrived(struct gw *g, void *arg)
{
	execute(g, arg);
}

/* The mistake of a check at parse time: the data comes later. */
static void data_arrived_judged(struct gw *g, void *arg)
{
	struct op *op = arg;

	if (session_lives(g, op))
		hand_over(g, op);
}

void kernel_arrive(struct gw *g, void *arg)
{
	struct op *op = arg;
	u64 delay = draw(&g->s->rng, op->kind == OP_WRITE ? 5 * MS : 20);

	if (op->class & (TPR_CLASS_PR_IN | TPR_CLASS_PR_OUT | TPR_CLASS_SPC2)) {
		pr_queue(g, op);
		return;
	}
	if (bug(BUG_CHECK_AT_PARSE) && judge(g, op) == J_PASS) {
		op->seq = g->k.newest->seq;
		event_add(g, DOM_KERNEL, delay + draw(&g->s->rng, 40 * MS),
			  data_arrived_judged, op);
		return;
	}
	event_add(g, DOM_KERNEL, delay, data_arrived, op);
}
