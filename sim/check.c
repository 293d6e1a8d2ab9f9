// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must hold.
 *
 * At each moment: no command is handed over that no state allows which can
 * count now, that is the newest one of which an initiator was told, or a later
 * one; after the GOOD of a PREEMPT AND ABORT no write of its victims lands.
 *
 * Of the history as a whole: it is linearizable for one device.  The store put
 * the changes in an order, so there is a witness to try: each change takes its
 * place in that order, each other answer the earliest place between changes
 * where the core gives that answer, no earlier than what was answered before it
 * was asked.  The earliest is never worse than a later one, so that is exact for
 * this order of the changes, and linear.  Where it fails another order might do,
 * and tests/lincheck/ searches for one.
 */
#include "sim.h"

#include "lincheck.h"

#include <stdlib.h>

static const struct tcmu_pr_info *state(const struct sim *s, u64 seq)
{
	return s->store.versions[seq].info;
}

/* The version that @op made; 0: none. */
static u64 version_of(const struct sim *s, const struct op *op)
{
	const struct gw *g = &s->gws[op->gw];
	u64 v;

	for (v = s->store.newest; v; v--) {
		const struct tcmu_pr_info *info = state(s, v);
		const struct tpr_writer *w;

		if (!info)
			continue;
		w = &info->changes[0].writer;
		if (w->incarnation == 1000000 + op->boot &&
		    w->count == (u64)op->id + 1 && !strcmp(w->gateway, g->name))
			return v;
	}
	return 0;
}

/* Moments */

void check_hand_over(struct gw *g, const struct op *op)
{
	struct sim *s = g->s;
	u64 v;

	if (!s->told)
		return;
	for (v = s->told; v <= s->store.newest; v++)
		if (tpr_allowed(state(s, v), &s->nexus[op->nexus]) & op->class)
			return;
	violation(s, SIM_UNSAFE,
		  "%s hands over #%d of %s, which passed under version %llu; no version since %llu, of which an initiator knows, allows it",
		  g->name, op->id, nexus_name(op->nexus), op->seq, s->told);
}

/* Does version @v, or a later one, allow it? */
static bool allowed_since(const struct sim *s, const struct op *op, u64 v)
{
	for (; v <= s->store.newest; v++)
		if (tpr_allowed(state(s, v), &s->nexus[op->nexus]) & op->class)
			return true;
	return false;
}

/*
 * Of who was taken for ended when a change was GOOD nothing of before lands:
 * where the store cuts off.
 */
static void check_cut(struct gw *g, const struct op *op)
{
	struct sim *s = g->s;
	u64 v;

	for (v = op->seq + 1; v <= s->store.newest; v++) {
		if (op->term > s->store.versions[v].without[g->index] ||
		    allowed_since(s, op, v))
			continue;
		violation(s, SIM_UNSAFE,
			  "write #%d of %s by %s, admitted in term %llu under version %llu, lands after version %llu was GOOD without that gateway",
			  op->id, nexus_name(op->nexus), g->name, op->term,
			  op->seq, v);
		return;
	}
}

/* Has @g, which answers for it, version @v itself, record or not? */
static bool has(const struct gw *g, const struct store_member *m, u64 v)
{
	return !strcmp(m->gateway, g->name) && g->k.term == m->term &&
	       g->k.newest && g->k.newest->seq >= v;
}

static void note_without(struct gw *g, u64 v)
{
	struct sim *s = g->s;
	const struct store *st = &s->store;
	size_t i;
	int n;

	for (i = 0; i < st->count; i++)
		for (n = 0; n < s->plan->gateways; n++)
			if (st->members[i].seen < v && st->said[n] < v &&
			    !has(g, &st->members[i], v) &&
			    !strcmp(st->members[i].gateway, s->gws[n].name))
				s->store.versions[v].without[n] =
					st->members[i].term;
}

void check_landed(struct gw *g, const struct op *op)
{
	struct sim *s = g->s;
	u64 v;

	if (op->kind != OP_WRITE)
		return;
	if (s->plan->cut)
		check_cut(g, op);
	for (v = op->seq + 1; v <= s->store.newest; v++) {
		if (!s->store.versions[v].abort_told ||
		    !tpr_must_abort(state(s, v - 1), state(s, v),
				    &s->nexus[op->nexus]))
			continue;
		violation(s, SIM_UNSAFE,
			  "write #%d of %s by %s, admitted under version %llu, lands after PREEMPT AND ABORT, version %llu, was GOOD",
			  op->id, nexus_name(op->nexus), g->name, op->seq, v);
	}
}

void check_answer(struct gw *g, const struct op *op)
{
	struct sim *s = g->s;
	u64 v = 0;

	if (op->res.status != TPR_GOOD || op->aborted)
		return;
	if (op->kind == OP_PR_OUT || op->kind == OP_SPC2)
		v = version_of(s, op);
	else if (op->kind == OP_PR_IN)
		v = op->seq;
	if (v > s->told)
		s->told = v;
	if (v && op->kind != OP_PR_IN && s->plan->cut)
		note_without(g, v);
	if (v && op->kind == OP_PR_OUT &&
	    op->cdb[1] == TPR_OUT_PREEMPT_ABORT)
		s->store.versions[v].abort_told = true;
}

static void check_power_loss(struct gw *g)
{
	struct sim *s = g->s;
	int i;

	for (i = 0; i < s->plan->gateways; i++) {
		const struct gw *o = &s->gws[i];

		if (o->powered && o->k.newest && o->k.settled && !o->k.error &&
		    lease_valid(o))
			violation(s, SIM_UNSAFE,
				  "%s drops the state for a loss of power while %s enforces it",
				  g->name, o->name);
	}
	s->power_losses++;
}

/*
 * Who is evicted and comes back has to say so again before it enforces what
 * was granted through it: until then, another one may end that.
 */
static void check_nexus_loss(struct gw *g, const struct tcmu_pr_info *prev)
{
	struct sim *s = g->s;
	const struct tcmu_pr_info *granted = prev;
	int i;

	if (!prev || !strcmp(prev->scsi2_gateway, g->name))
		return;
	/* Its gateway may have replaced it by the same since. */
	while (granted->seq > 1 &&
	       granted->changes[0].order.action == TPR_ACT_REPAIR)
		granted = state(s, granted->seq - 1);
	for (i = 0; i < s->plan->gateways; i++) {
		const struct gw *o = &s->gws[i];

		if (!strcmp(o->name, prev->scsi2_gateway) && o->powered &&
		    lease_valid(o) && s->store.gws[i].evicted < o->k.term &&
		    o->boot == granted->changes[0].writer.incarnation - 1000000 &&
		    (s->store.versions[granted->seq].term == o->k.term ||
		     (o->k.settled && !o->k.error)))
			violation(s, SIM_UNSAFE,
				  "%s ends the reservation that %s watches",
				  g->name, o->name);
	}
}

void check_swap(struct gw *g, const struct tcmu_pr_info *info)
{
	struct sim *s = g->s;
	u64 v = s->store.newest;

	if (!info) {
		violation(s, SIM_UNSAFE, "%s stores what is no string", g->name);
		return;
	}
	if (info->changes[0].order.action == TPR_ACT_POWER_LOSS)
		check_power_loss(g);
	if (info->changes[0].order.action == TPR_ACT_NEXUS_LOSS)
		check_nexus_loss(g, v > 1 ? state(s, v - 1) : NULL);
}

/* No kernel enforces what is not in the store. */
void check_push(struct gw *g, u64 seq, const char *str, size_t len)
{
	const struct store *st = &g->s->store;

	if (seq > st->newest || st->versions[seq].len != len ||
	    memcmp(st->versions[seq].str, str, len))
		violation(g->s, SIM_UNSAFE,
			  "%s has version %llu enforced, which is not stored",
			  g->name, seq);
}

/* The history */

struct moment {
	u64 at;
	struct op *op;
	bool answer;
};

struct judge {
	struct sim *s;
	struct tcmu_pr_info *empty;
	struct op *by[VERSIONS_MAX + 1]; /* whose each version is */
	u64 version[OPS_MAX]; /* by op */
	u64 floor[OPS_MAX]; /* newest place before the call */
	struct moment moments[2 * OPS_MAX];
	int num_moments;
	char why[256];
};

static bool same_state(const struct tcmu_pr_info *a,
		       const struct tcmu_pr_info *b)
{
	u32 i;

	if (a->gen != b->gen || a->aptpl != b->aptpl ||
	    a->rsv.type != b->rsv.type ||
	    (a->rsv.type && a->rsv.holder != b->rsv.holder) ||
	    a->num_regs != b->num_regs || a->scsi2_held != b->scsi2_held ||
	    (a->scsi2_held &&
	     tpr_nexus_cmp(&a->scsi2_holder, &b->scsi2_holder)))
		return false;
	for (i = 0; i < a->num_regs; i++)
		if (a->regs[i].key != b->regs[i].key ||
		    tpr_reg_cmp(&a->regs[i], &b->regs[i]))
			return false;
	return true;
}

static const struct tcmu_pr_info *place(const struct judge *j, u64 at)
{
	return at ? state(j->s, at) : j->empty;
}

static struct tpr_result do_again(const struct sim *s, const struct op *op,
				  struct tcmu_pr_info *info, bool *changed)
{
	const struct tpr_nexus *nexus = &s->nexus[op->nexus];
	struct tpr_out_req req = {0};
	struct tpr_order order;

	if (op->kind == OP_SPC2)
		return tpr_spc2(info, nexus, s->gws[op->gw].name, op->cdb,
				changed, &order);
	req.nexus = nexus;
	req.cdb = op->cdb;
	req.param = op->param;
	req.param_len = op->param_len;
	return tpr_out(info, &req, changed, &order);
}

/* Is version @v what the core makes of the one before? */
static bool version_right(struct judge *j, u64 v)
{
	const struct tcmu_pr_info *now = state(j->s, v);
	struct tcmu_pr_info *spec = info_dup(place(j, v - 1), 2);
	struct tpr_result res = tpr_good();
	bool changed = true, right;

	if (j->by[v])
		res = do_again(j->s, j->by[v], spec, &changed);
	else if (now->changes[0].order.action == TPR_ACT_POWER_LOSS)
		tpr_power_loss(spec);
	else if (now->changes[0].order.action == TPR_ACT_NEXUS_LOSS)
		tpr_spc2_end(spec);
	right = res.status == TPR_GOOD && changed && same_state(spec, now);
	free(spec);
	return right;
}

static bool same_result(struct tpr_result a, struct tpr_result b)
{
	return a.status == b.status && a.key == b.key && a.asc == b.asc;
}

/* Would a device in state @info answer @op as it was answered? */
static bool fits(const struct judge *j, const struct op *op,
		 const struct tcmu_pr_info *info)
{
	struct tcmu_pr_info *copy;
	bool changed = false, ok;
	struct tpr_result res;
	u8 buf[DATA_MAX];
	u32 len = 0;

	switch ((enum op_kind)op->kind) {
	case OP_READ:
	case OP_WRITE:
	case OP_TUR:
		ok = tpr_allowed(info, &j->s->nexus[op->nexus]) & op->class;
		return ok == (op->res.status == TPR_GOOD);
	case OP_PR_IN:
		res = tpr_in(info, op->cdb, buf, sizeof(buf), &len);
		return same_result(res, op->res) && len == op->len &&
		       (!len || !memcmp(buf, op->data, len));
	case OP_PR_OUT:
	case OP_SPC2:
		copy = info_dup(info, 2);
		res = do_again(j->s, op, copy, &changed);
		free(copy);
		return same_result(res, op->res) &&
		       !(changed && res.status == TPR_GOOD);
	}
	return false;
}

/* Does the answer say something of the state? */
static bool says(const struct op *op)
{
	if (op->aborted)
		return false;
	if (op->res.status != TPR_CHECK_CONDITION)
		return true;
	return op->res.key == TPR_SK_ILLEGAL_REQUEST;
}

static int by_time(const void *a, const void *b)
{
	const struct moment *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->answer != y->answer)
		return x->answer ? 1 : -1;
	return x->op->id - y->op->id;
}

static void moments_make(struct judge *j)
{
	struct sim *s = j->s;
	int i;

	for (i = 0; i < s->num_ops; i++) {
		struct op *op = &s->ops[i];
		u64 v = version_of(s, op);

		j->version[i] = v;
		if (v)
			j->by[v] = op;
		j->moments[j->num_moments++] =
			(struct moment){op->call_at, op, false};
		if (op->return_at != NEVER)
			j->moments[j->num_moments++] =
				(struct moment){op->return_at, op, true};
	}
	qsort(j->moments, (size_t)j->num_moments, sizeof(j->moments[0]),
	      by_time);
}

static bool wrong(struct judge *j, const struct op *op, const char *what)
{
	snprintf(j->why, sizeof(j->why), "#%d of %s, called at %.3f s: %s",
		 op->id, nexus_name(op->nexus), (double)op->call_at / 1e6, what);
	return false;
}

/* Finds @op its place; false if there is none.  Raises @last to it. */
static bool take_place(struct judge *j, struct op *op, u64 *last)
{
	const struct store *st = &j->s->store;
	u64 v = j->version[op->id], at;

	if (v) {
		if (op->res.status == TPR_CHECK_CONDITION)
			return true; /* looked at in the end */
		if (v <= j->floor[op->id])
			return wrong(j, op, "its change comes before what was answered before the call");
		*last = v > *last ? v : *last;
		return true;
	}
	if (!says(op))
		return true;
	for (at = j->floor[op->id]; at <= st->newest; at++) {
		if (at && st->versions[at].at > op->return_at)
			break;
		if (!fits(j, op, place(j, at)))
			continue;
		*last = at > *last ? at : *last;
		return true;
	}
	return wrong(j, op, "no state explains its answer");
}

/* In the order that the store gave to the changes. */
static bool witness(struct judge *j)
{
	u64 last = 0, v;
	int i;

	for (i = 0; i < j->num_moments; i++) {
		struct op *op = j->moments[i].op;

		if (!j->moments[i].answer)
			j->floor[op->id] = last;
		else if (!take_place(j, op, &last))
			return false;
	}
	for (i = 0; i < j->s->num_ops; i++)
		if (j->version[i] && j->version[i] <= j->floor[i])
			return wrong(j, &j->s->ops[i], "its change comes before what was answered before the call");
	for (v = 1; v <= j->s->store.newest; v++)
		if (!version_right(j, v)) {
			snprintf(j->why, sizeof(j->why),
				 "version %llu does not follow from the one before", v);
			return false;
		}
	return true;
}

static struct lc_history *told_to_lincheck(const struct judge *j)
{
	struct lc_history *h = lc_new(NULL);
	const struct sim *s = j->s;
	u64 v;
	int i;

	for (i = 0; i < s->num_ops; i++) {
		const struct op *op = &s->ops[i];
		u32 nexus = lc_nexus(h, &s->nexus[op->nexus],
				     s->gws[op->gw].name,
				     nexus_name(op->nexus));
		u32 n = lc_call(h, op->call_at, nexus, op->cdb, 16, op->param,
				op->param_len);

		if (op->return_at != NEVER && !op->aborted)
			lc_return(h, n, op->return_at, op->res, op->data,
				  op->len);
	}
	for (v = 1; v <= s->store.newest; v++) {
		const struct tcmu_pr_info *info = state(s, v);
		u32 nexus;

		if (info->changes[0].order.action == TPR_ACT_POWER_LOSS)
			lc_event(h, LC_POWER_LOSS, s->store.versions[v].at,
				 LC_FOREVER, 0);
		if (info->changes[0].order.action != TPR_ACT_NEXUS_LOSS ||
		    v == 1)
			continue;
		nexus = lc_nexus(h, &state(s, v - 1)->scsi2_holder,
				 state(s, v - 1)->scsi2_gateway, "holder");
		lc_event(h, LC_NEXUS_LOSS, s->store.versions[v].at, LC_FOREVER,
			 nexus);
	}
	return h;
}

static void search(struct judge *j)
{
	struct lc_history *h = told_to_lincheck(j);
	/* About a second at most. */
	struct lc_limits limits = {.steps = 300000, .configurations = 20000};
	struct sim *s = j->s;
	struct lc_report report;

	s->searched = true;
	switch (lc_judge(h, &limits, &report)) {
	case LC_LINEARIZABLE:
		break;
	case LC_GAVE_UP:
		violation(s, SIM_UNJUDGED, "the search gave up (%s); in the store's order %s",
			  report.why, j->why);
		break;
	case LC_NOT_LINEARIZABLE:
		violation(s, SIM_UNSAFE, "not linearizable: %s", j->why);
		if (s->trace)
			lc_explain(h, &report, s->trace);
		break;
	}
	lc_free(h);
}

void check_history(struct sim *s)
{
	static struct judge j;
	int i;

	memset(&j, 0, sizeof(j));
	j.s = s;
	j.empty = malloc(tpr_info_size(0));
	tpr_info_init(j.empty, 0);
	moments_make(&j);
	for (i = 0; i < s->num_ops; i++)
		if (j.version[i] && s->ops[i].return_at != NEVER &&
		    s->ops[i].res.key == TPR_SK_NOT_READY)
			violation(s, SIM_UNSAFE,
				  "#%d ended with NOT READY, and is stored as version %llu",
				  i, j.version[i]);
	if (s->verdict == SIM_PASS && !witness(&j))
		search(&j);
	free(j.empty);
}
