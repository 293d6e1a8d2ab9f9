// SPDX-License-Identifier: GPL-2.0-only
/*
 * The search.  It is Wing and Gong's, made just in time after Lowe: the calls
 * and returns are gone through in the order of time, with a set of
 * configurations, each a state that the device may be in and the pending
 * operations that had their instant before it.  A call changes no
 * configuration.  When an operation returns, each configuration in which it had
 * no instant yet is replaced by all that come about if some pending operations
 * have theirs, in any order, and that one is the last.  If none is left, the
 * answer cannot be explained, and what came before it is the shortest history
 * that fails.
 *
 * What keeps the set small:
 *
 * - An operation that changes nothing and whose answer is that of the present
 *   state has its instant at once: to have it later could not help anybody.
 *   Reads, writes and PR INs, nearly all of a history, never branch.
 * - One that need not have happened at all has an instant only where it changes
 *   something.
 * - Equal configurations are kept once, and of two that differ only in what need
 *   not have happened, the one that keeps more of it for later.
 * - PRGENERATION never goes back: a state that is beyond what a later PR IN
 *   says, or a pending one, is a dead end.
 */
#include <string.h>

#include "search.h"
#include "tpr_bytes.h"
#include "tpr_check.h"
#include "tpr_opcode.h"

enum {
	STEPS = 2000000,
	CONFIGURATIONS = 50000,
};

/* One list of different configurations. */
struct set {
	struct config *at;
	u32 num, cap;
	u32 *table; /* index + 1 by hash; a power of two */
	u32 table_size;
	bool queue; /* what is in it stays as it is */
};

struct search {
	const struct lc_history *h;
	struct states *states;
	struct lc_limits limits;
	struct lc_report *report;
	struct trail *trail; /* may be NULL */
	struct event *events;
	u32 num_events;
	u32 *least_gen; /* of PR INs called at an event or later */
	bool gens_grow; /* the hint of PRGENERATION can be trusted */
	u32 slot_op[SLOTS]; /* LC_NONE: free */
	u32 slot_end; /* no slot in use from here on */
	u64 optional[SLOT_WORDS]; /* slots of MAYBEs */
	struct set now, next, seen;
	u32 at; /* the event */
	u64 idle; /* steps that are not the core's */
};

static bool has(const u64 *set, u32 slot)
{
	return set[slot / 64] >> slot % 64 & 1;
}

static void add(u64 *set, u32 slot)
{
	set[slot / 64] |= 1ull << slot % 64;
}

static void drop(u64 *set, u32 slot)
{
	set[slot / 64] &= ~(1ull << slot % 64);
}

/* Sets of configurations */

static u32 hash_config(const struct search *s, const struct config *c)
{
	u64 hash = c->state * 0x9e3779b97f4a7c15ull;
	u32 i;

	for (i = 0; i < SLOT_WORDS; i++)
		hash = (hash ^ (c->done[i] & ~s->optional[i])) *
		       0x100000001b3ull;
	return (u32)(hash ^ hash >> 29);
}

static void set_clear(struct set *set)
{
	set->num = 0;
	if (set->table)
		memset(set->table, 0, set->table_size * sizeof(*set->table));
}

static void set_put(const struct search *s, struct set *set, u32 index)
{
	u32 at = hash_config(s, &set->at[index]);

	while (set->table[at & (set->table_size - 1)])
		at++;
	set->table[at & (set->table_size - 1)] = index + 1;
}

static void set_grow(const struct search *s, struct set *set)
{
	u32 i;

	free(set->table);
	set->table_size = set->table_size ? set->table_size * 4 : 64;
	set->table = lc_alloc(set->table_size * sizeof(*set->table));
	for (i = 0; i < set->num; i++)
		set_put(s, set, i);
}

/* How two that agree in all that must happen compare in the rest. */
enum { ALIKE, LEFT_IS_BETTER, RIGHT_IS_BETTER, DIFFERENT };

static int compare(const struct search *s, const struct config *a,
		   const struct config *b)
{
	bool a_more = false, b_more = false;
	u32 i;

	if (a->state != b->state)
		return DIFFERENT;
	for (i = 0; i < SLOT_WORDS; i++) {
		u64 differ = a->done[i] ^ b->done[i];

		if (differ & ~s->optional[i])
			return DIFFERENT;
		a_more |= (differ & a->done[i]) != 0;
		b_more |= (differ & b->done[i]) != 0;
	}
	if (a_more && b_more)
		return DIFFERENT;
	return a_more ? RIGHT_IS_BETTER : b_more ? LEFT_IS_BETTER : ALIKE;
}

/* False if there is one already that is as good. */
static bool set_add(const struct search *s, struct set *set,
		    const struct config *c)
{
	u32 at, index;

	if (!set->table)
		set_grow(s, set);
	for (at = hash_config(s, c);; at++) {
		index = set->table[at & (set->table_size - 1)];
		if (!index)
			break;
		switch (compare(s, &set->at[index - 1], c)) {
		case ALIKE:
		case LEFT_IS_BETTER:
			return false;
		case RIGHT_IS_BETTER:
			if (set->queue)
				break;
			set->at[index - 1] = *c;
			return true;
		}
	}
	set->at = lc_room(set->at, set->num, &set->cap, sizeof(*set->at));
	set->at[set->num++] = *c;
	if (set->num * 2 > set->table_size)
		set_grow(s, set);
	else
		set_put(s, set, set->num - 1);
	return true;
}

static void set_free(struct set *set)
{
	free(set->at);
	free(set->table);
}

/* The order of time */

static int by_time(const void *a, const void *b)
{
	const struct event *x = a, *y = b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	if (x->is_return != y->is_return)
		return x->is_return ? 1 : -1;
	return x->op < y->op ? -1 : x->op > y->op;
}

/* PRGENERATION that the answer tells; false if none. */
static bool tells_gen(const struct op *o, u32 *gen)
{
	if (o->class != TPR_CLASS_PR_IN || o->role != READER ||
	    o->result.status != TPR_GOOD || o->data_len < 4 ||
	    (o->cdb[1] & 0x1f) == TPR_IN_REPORT_CAPABILITIES)
		return false;
	*gen = tpr_be32(o->data);
	return true;
}

static void order_events(struct search *s)
{
	const struct lc_history *h = s->h;
	struct event *e;
	u32 i;

	s->events = lc_alloc(2 * h->num_ops * sizeof(*s->events));
	e = s->events;
	for (i = 0; i < h->num_ops; i++) {
		const struct op *o = &h->ops[i];

		if (o->role == SILENT)
			continue;
		s->report->judged += o->role != MAYBE;
		*e++ = (struct event){ o->call, i, false };
		/* What had no effect by its error may have it later. */
		if (o->role == MAYBE && (o->class || o->ret == LC_FOREVER))
			continue;
		*e++ = (struct event){ o->ret, i, true };
	}
	s->num_events = (u32)(e - s->events);
	qsort(s->events, s->num_events, sizeof(*s->events), by_time);
}

static void learn_gens(struct search *s)
{
	u32 i, gen, least = (u32)-1;

	s->least_gen = lc_alloc((s->num_events + 1) * sizeof(*s->least_gen));
	s->gens_grow = true;
	for (i = 0; i < s->h->num_ops; i++)
		if (!s->h->ops[i].class &&
		    s->h->ops[i].event == LC_POWER_LOSS)
			s->gens_grow = false;
	s->least_gen[s->num_events] = least;
	for (i = s->num_events; i-- > 0;) {
		const struct event *e = &s->events[i];

		if (!e->is_return && tells_gen(&s->h->ops[e->op], &gen)) {
			/* It wraps: too far for a hint to be worth its while. */
			if (gen < s->h->start->gen)
				s->gens_grow = false;
			if (gen < least)
				least = gen;
		}
		s->least_gen[i] = least;
	}
}

/* Configurations */

/*
 * Gives the pending readers whose answer is that of the state their instant.
 * False if the configuration is a dead end.
 */
static bool settle_readers(struct search *s, struct config *c)
{
	u32 gen = states_gen(s->states, c->state), told, slot;

	if (s->gens_grow && gen > s->least_gen[s->at])
		return false;
	for (slot = 0; slot < s->slot_end; slot++) {
		u32 op = s->slot_op[slot];

		if (op == LC_NONE || has(c->done, slot) ||
		    s->h->ops[op].role != READER)
			continue;
		if (states_fits(s->states, c->state, op))
			add(c->done, slot);
		else if (s->gens_grow &&
			 tells_gen(&s->h->ops[op], &told) && told < gen)
			return false;
	}
	return true;
}

/* *@c after the operation in @slot; false if it cannot be executed there. */
static bool execute(struct search *s, struct config *c, u32 slot)
{
	u32 op = s->slot_op[slot];
	const struct op *o = &s->h->ops[op];
	struct outcome out = states_apply(s->states, c->state, op);

	if (out.result.status != TPR_GOOD ||
	    (o->role == MAYBE && !out.changed))
		return false;
	add(c->done, slot);
	c->state = out.next;
	return !out.changed || settle_readers(s, c);
}

static bool spent(struct search *s)
{
	if (s->next.num > s->limits.configurations ||
	    s->seen.num > s->limits.configurations)
		s->report->why = "too many alternatives at a time";
	else if (states_steps(s->states) + s->idle / 16 > s->limits.steps)
		s->report->why = "too many steps";
	return s->report->why != NULL;
}

/* All ways in which the operation in @target can have its instant next. */
static void expand(struct search *s, const struct config *from, u32 target)
{
	u32 next = s->seen.num, slot;

	if (!set_add(s, &s->seen, from))
		return;
	for (; next < s->seen.num && !spent(s); next++) {
		for (slot = 0; slot < s->slot_end; slot++) {
			struct config c = s->seen.at[next];

			if (s->slot_op[slot] == LC_NONE ||
			    s->h->ops[s->slot_op[slot]].role == READER ||
			    has(c.done, slot) || !execute(s, &c, slot))
				continue;
			if (has(c.done, target)) {
				drop(c.done, target);
				set_add(s, &s->next, &c);
			} else {
				set_add(s, &s->seen, &c);
			}
		}
	}
}

/* Events */

static bool on_call(struct search *s, u32 op)
{
	bool reader = s->h->ops[op].role == READER;
	u32 slot, i;

	for (slot = 0; slot < SLOTS && s->slot_op[slot] != LC_NONE; slot++)
		;
	if (slot == SLOTS) {
		s->report->why = "too many operations at a time";
		return false;
	}
	s->slot_op[slot] = op;
	if (slot >= s->slot_end)
		s->slot_end = slot + 1;
	if (s->h->ops[op].role == MAYBE)
		add(s->optional, slot);
	for (i = 0; reader && i < s->now.num; i++)
		if (states_fits(s->states, s->now.at[i].state, op))
			add(s->now.at[i].done, slot);
	s->idle += s->now.num;
	return true;
}

static u32 slot_of(const struct search *s, u32 op)
{
	u32 slot = 0;

	while (s->slot_op[slot] != op)
		slot++;
	return slot;
}

/* False if nothing is left, or the budget is spent. */
static bool on_return(struct search *s, u32 op)
{
	u32 slot = slot_of(s, op), i;
	bool maybe = s->h->ops[op].role == MAYBE;
	struct set old;

	set_clear(&s->next);
	set_clear(&s->seen);
	for (i = 0; i < s->now.num && !spent(s); i++) {
		struct config c = s->now.at[i];

		s->idle++;
		if (!has(c.done, slot))
			expand(s, &c, slot);
		if (maybe || has(c.done, slot)) {
			drop(c.done, slot);
			set_add(s, &s->next, &c);
		}
	}
	if (s->report->why || !s->next.num)
		return false;
	s->slot_op[slot] = LC_NONE;
	drop(s->optional, slot);
	while (s->slot_end && s->slot_op[s->slot_end - 1] == LC_NONE)
		s->slot_end--;
	old = s->now;
	s->now = s->next;
	s->next = old;
	return true;
}

/* No doubt about the state, nor about what led to it. */
static bool is_certain(const struct search *s)
{
	u32 i;

	for (i = 0; i < s->slot_end; i++)
		if (s->slot_op[i] != LC_NONE && has(s->now.at[0].done, i) &&
		    s->h->ops[s->slot_op[i]].role != READER)
			return false;
	return s->now.num == 1;
}

/* Notes since when. */
static void note(struct search *s)
{
	struct trail *t = s->trail;

	if (s->now.num > s->report->widest)
		s->report->widest = s->now.num;
	if (!t)
		return;
	if (!is_certain(s)) {
		t->doubt = true;
		return;
	}
	if (t->doubt || t->certain != s->now.at[0].state)
		t->certain_at = s->events[s->at].when;
	t->certain = s->now.at[0].state;
	t->doubt = false;
}

static bool step(struct search *s)
{
	const struct event *e = &s->events[s->at];

	if (e->is_return ? !on_return(s, e->op) : !on_call(s, e->op)) {
		s->report->op = e->op;
		s->report->verdict = s->report->why ? LC_GAVE_UP
						    : LC_NOT_LINEARIZABLE;
		return false;
	}
	note(s);
	return true;
}

static void set_up(struct search *s, const struct lc_limits *limits)
{
	struct config start = { 0 };
	u32 i;

	if (limits)
		s->limits = *limits;
	if (!s->limits.steps)
		s->limits.steps = STEPS;
	if (!s->limits.configurations)
		s->limits.configurations = CONFIGURATIONS;
	*s->report = (struct lc_report){ .op = LC_NONE };
	s->seen.queue = true;
	for (i = 0; i < SLOTS; i++)
		s->slot_op[i] = LC_NONE;
	order_events(s);
	learn_gens(s);
	start.state = states_start(s->states);
	set_add(s, &s->now, &start);
	if (s->trail)
		s->trail->certain = start.state;
}

static void leave_trail(struct search *s)
{
	struct trail *t = s->trail;

	if (!t)
		return;
	t->possible = s->now.at;
	t->num_possible = s->now.num;
	s->now.at = NULL;
}

void lc_search(const struct lc_history *h, struct states *states,
	       const struct lc_limits *limits, bool hint,
	       struct lc_report *report, struct trail *trail)
{
	struct search *s = lc_alloc(sizeof(*s));

	s->h = h;
	s->states = states;
	s->report = report;
	s->trail = trail;
	set_up(s, limits);
	s->gens_grow &= hint;
	while (s->at < s->num_events && step(s))
		s->at++;
	report->steps = states_steps(states);
	leave_trail(s);
	free(s->events);
	free(s->least_gen);
	set_free(&s->now);
	set_free(&s->next);
	set_free(&s->seen);
	free(s);
}

enum lc_verdict lc_judge(const struct lc_history *h,
			 const struct lc_limits *limits,
			 struct lc_report *report)
{
	struct states *states = states_new(h);
	struct lc_report exact;

	lc_search(h, states, limits, true, report, NULL);
	if (report->verdict == LC_NOT_LINEARIZABLE) {
		lc_search(h, states, limits, false, &exact, NULL);
		if (exact.verdict == LC_NOT_LINEARIZABLE)
			*report = exact;
	}
	states_free(states);
	return report->verdict;
}
