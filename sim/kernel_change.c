// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module does with reservation commands, one at a time: kernel/prcmd.c,
 * change.c, prout.c, watch.c.  The decisions are the core's.
 */
#include "sim.h"

#include <assert.h>
#include <stdlib.h>

enum {
	REPLY_MS = 45000, /* reply_timeout_ms */
	COMMAND_MS = 40000, /* command_timeout_ms */
	AGAIN_MS = 100,
	WATCH_MS = 20,
};

static void round_begin(struct gw *g, void *unused);

static struct tpr_result error_result(int err)
{
	switch (err) {
	case EBADMSG:
		return tpr_check(TPR_SK_DATA_PROTECT, TPR_ASC_PR_INFO_LOST);
	case ETIMEDOUT:
	case EINPROGRESS:
		return tpr_check(TPR_SK_ABORTED_COMMAND, TPR_ASC_LU_TIMEOUT);
	default:
		return tpr_check(TPR_SK_NOT_READY, TPR_ASC_STANDBY);
	}
}

/* The nexus that holds an SPC-2 reservation of this gateway is gone. */
static bool holder_lost(const struct gw *g, const struct tcmu_pr_info *info)
{
	const struct kernel *k = &g->k;
	int nexus = nexus_of(k->watched_ini, g->index);

	return info->scsi2_held && !strcmp(info->scsi2_gateway, g->name) &&
	       k->watched &&
	       !tpr_nexus_cmp(&info->scsi2_holder, &g->s->nexus[nexus]) &&
	       k->watched_session != g->sessions[k->watched_ini];
}

static void watch_note(struct gw *g, const struct op *op)
{
	struct kernel *k = &g->k;

	if (op->kind != OP_SPC2 || op->cdb[0] != TPR_OP_RESERVE6 ||
	    op->res.status != TPR_GOOD)
		return;
	k->watched = true;
	k->watched_ini = op->plan->ini;
	k->watched_session = op->session;
}

static void answer_end(struct gw *g, struct tpr_result res)
{
	struct change *c = &g->k.chg;

	if (c->op) {
		op_answer(g, c->op, res);
		watch_note(g, c->op);
	} else {
		g->k.loss_queued = false;
	}
	memset(c, 0, sizeof(*c));
	if (g->k.num_queue)
		event_add(g, DOM_KERNEL, draw(&g->s->rng, 50), pr_next, NULL);
}

/* PR IN */

static void read_answer(struct gw *g, const struct tcmu_pr_info *info)
{
	struct op *op = g->k.chg.op;
	struct tpr_result res;
	u8 buf[DATA_MAX];
	u32 len = 0;

	/* The state may have been right a while ago only. */
	if (!lease_valid(g)) {
		answer_end(g, error_result(EAGAIN));
		return;
	}
	res = tpr_in(info, op->cdb, buf, sizeof(buf), &len);
	op->data = mem_copy(buf, len);
	op->len = len;
	op->seq = info->seq;
	answer_end(g, res);
}

/* Changes */

static struct tpr_result decide(struct gw *g, struct tcmu_pr_info *info,
				bool *changed, struct tpr_order *order)
{
	struct change *c = &g->k.chg;
	const struct tpr_nexus *nexus;
	struct tpr_out_req req = {0};

	if (c->loss) {
		*changed = holder_lost(g, info) && tpr_spc2_end(info);
		order->action = TPR_ACT_NEXUS_LOSS;
		return tpr_good();
	}
	nexus = &g->s->nexus[c->op->nexus];
	if (c->op->kind == OP_SPC2)
		return tpr_spc2(info, nexus, g->name, c->op->cdb, changed,
				order);
	req.nexus = nexus;
	req.cdb = c->op->cdb;
	req.param = c->op->param;
	req.param_len = c->op->param_len;
	return tpr_out(info, &req, changed, order);
}

static bool worth_another(struct gw *g, int err)
{
	const struct change *c = &g->k.chg;

	return g->s->now < c->deadline && (err == EAGAIN || c->unclear);
}

static void round_ends(struct gw *g, int err)
{
	struct change *c = &g->k.chg;
	u64 pause = err == EAGAIN ? draw(&g->s->rng, 50) : AGAIN_MS * MS;

	c->req = REQ_NONE;
	/* Where nothing can have happened, another gateway may do better. */
	if (!lease_valid(g) && !c->unclear && err == EAGAIN)
		answer_end(g, error_result(EAGAIN));
	else if (worth_another(g, err))
		event_add(g, DOM_KERNEL, pause, round_begin, NULL);
	else
		answer_end(g, error_result(c->unclear ? EINPROGRESS : err));
}

static void request_late(struct gw *g, void *arg)
{
	struct change *c = &g->k.chg;
	const u64 *cookie = arg;

	if (c->req == REQ_NONE || c->cookie != *cookie)
		return;
	if (c->req == REQ_SET && !c->unclear) {
		c->unclear = true;
		c->first_seq = c->first_seq ? c->first_seq : NEVER;
	}
	round_ends(g, c->req == REQ_SET ? EINPROGRESS : ETIMEDOUT);
}

static void request_begin(struct gw *g, enum req_kind kind)
{
	struct change *c = &g->k.chg;

	c->req = kind;
	c->cookie = ++g->k.cookies;
	event_add(g, DOM_KERNEL, REPLY_MS * MS, request_late,
		  mem_copy(&c->cookie, sizeof(c->cookie)));
}

static void round_begin(struct gw *g, void *unused)
{
	(void)unused;
	if (!g->k.chg.busy)
		return;
	if (!g->k.connected) {
		round_ends(g, ENOTCONN);
		return;
	}
	request_begin(g, REQ_GET);
	up_get(g, g->k.chg.cookie);
}

static void store_it(struct gw *g, struct tcmu_pr_info *info,
		     const struct tpr_order *order)
{
	struct change *c = &g->k.chg;
	size_t cap = tpr_encoded_max(info->num_regs);
	char *buf = malloc(cap);
	long len;

	tpr_stamp(info, &c->writer, order);
	len = tpr_encode(info, buf, cap);
	assert(len > 0);
	c->sent = true;
	if (!c->unclear)
		c->first_seq = info->seq;
	request_begin(g, REQ_SET);
	up_set(g, c->cookie, info->seq - 1, buf, (size_t)len);
	free(buf);
}

static bool forgotten(const struct change *c, const struct tcmu_pr_info *info)
{
	return info->seq >= c->first_seq &&
	       info->seq - c->first_seq >= info->num_changes;
}

/* A GET tells that it is settled, not that what it aborts has ended. */
static struct tpr_result found(const struct change *c)
{
	const struct op *op = c->op;
	bool aborts = op && op->kind == OP_PR_OUT &&
		      op->cdb[1] == TPR_OUT_PREEMPT_ABORT;

	return aborts && !bug(BUG_FOUND_IS_GOOD) ? error_result(ETIMEDOUT)
						 : tpr_good();
}

static void change_step(struct gw *g, struct tcmu_pr_info *info)
{
	struct change *c = &g->k.chg;
	struct tpr_order order = {0};
	bool changed = false;

	if (c->sent && tpr_written_as(info, &c->writer) &&
	    !bug(BUG_UNCLEAR_TRIED_ANEW)) {
		answer_end(g, found(c));
	} else if (c->unclear && forgotten(c, info)) {
		answer_end(g, error_result(EINPROGRESS));
	} else {
		c->res = decide(g, info, &changed, &order);
		if (c->res.status != TPR_GOOD || !changed)
			answer_end(g, c->res);
		else
			store_it(g, info, &order);
	}
}

void kernel_get_done(struct gw *g, u64 cookie, int status, const char *str,
		     size_t len)
{
	struct change *c = &g->k.chg;
	struct tcmu_pr_info *info;

	if (c->req != REQ_GET || c->cookie != cookie)
		return;
	c->req = REQ_NONE;
	info = status ? NULL : info_decode(str, len, 1);
	if (!status && !info)
		status = EBADMSG;
	if (status)
		round_ends(g, status);
	else if (c->op && c->op->kind == OP_PR_IN)
		read_answer(g, info);
	else
		change_step(g, info);
	free(info);
}

void kernel_set_done(struct gw *g, u64 cookie, int status)
{
	struct change *c = &g->k.chg;

	if (c->req != REQ_SET || c->cookie != cookie)
		return;
	c->req = REQ_NONE;
	if (status == EINPROGRESS)
		c->unclear = true;
	if (status)
		round_ends(g, status);
	else
		answer_end(g, c->res);
}

void kernel_daemon_gone(struct gw *g)
{
	struct change *c = &g->k.chg;

	if (c->req == REQ_NONE)
		return;
	if (c->req == REQ_SET)
		c->unclear = true;
	round_ends(g, c->req == REQ_SET ? EINPROGRESS : ENOTCONN);
}

static void change_begin(struct gw *g, struct op *op)
{
	struct kernel *k = &g->k;
	struct change *c = &k->chg;

	c->op = op;
	c->loss = !op;
	c->busy = true;
	c->deadline = g->s->now + COMMAND_MS * MS;
	strcpy(c->writer.gateway, g->name);
	/* The kernel's own, not the daemon's; it tells the command's number. */
	c->writer.incarnation = 1000000 + g->boot;
	c->writer.count = op ? (u64)op->id + 1 : 1000000 + ++k->cookies;
}

void pr_next(struct gw *g, void *unused)
{
	struct kernel *k = &g->k;
	struct op *op;

	(void)unused;
	if (k->chg.busy || !k->num_queue)
		return;
	op = k->queue[0];
	memmove(k->queue, k->queue + 1,
		(size_t)--k->num_queue * sizeof(k->queue[0]));
	change_begin(g, op);
	if (op && !session_lives(g, op)) {
		answer_end(g, tpr_good());
	} else if (!lease_valid(g) && !bug(BUG_NO_LEASE_CHECK)) {
		answer_end(g, error_result(EAGAIN));
	} else if (op && op->kind == OP_PR_IN && k->newest &&
		   (k->settled || bug(BUG_READ_UNSETTLED)) && !k->error &&
		   k->connected) {
		read_answer(g, k->newest);
	} else {
		round_begin(g, NULL);
	}
}

void pr_queue(struct gw *g, struct op *op)
{
	struct kernel *k = &g->k;

	k->queue[k->num_queue++] = op;
	if (!k->chg.busy)
		event_add(g, DOM_KERNEL, draw(&g->s->rng, 50), pr_next, NULL);
}

/* Is there something to look after? */
void kernel_watch(struct gw *g, void *unused)
{
	struct kernel *k = &g->k;

	(void)unused;
	k->watching = false;
	if (!k->newest || !k->newest->scsi2_held)
		return;
	if (holder_lost(g, k->newest) && !k->loss_queued) {
		k->loss_queued = true;
		pr_queue(g, NULL);
	}
	k->watching = true;
	event_add(g, DOM_KERNEL, WATCH_MS * MS, kernel_watch, NULL);
}
