// SPDX-License-Identifier: GPL-2.0-only
/* The initiators: commands and their answers. */
#include "sim.h"

#include <stdlib.h>

static u64 key_of(int ini)
{
	return 0x1000 + (u64)ini;
}

static void put64(u8 *to, u64 value)
{
	int i;

	for (i = 0; i < 8; i++)
		to[i] = (u8)(value >> (56 - 8 * i));
}

/* As an initiator that follows the rules would, mostly. */
static void fill_pr_out(struct op *op, const struct plan_op *p)
{
	u64 key = p->key == 2 ? 0xbad : key_of(p->ini), sa_key = 0;

	op->cdb[0] = TPR_OP_PR_OUT;
	op->cdb[1] = p->sa;
	op->cdb[2] = p->type;
	op->cdb[8] = TPR_OUT_PARAM_LEN;
	op->param_len = TPR_OUT_PARAM_LEN;
	if (p->sa == TPR_OUT_REGISTER || p->sa == TPR_OUT_REGISTER_IGNORE) {
		op->cdb[2] = 0;
		sa_key = p->key == 1 ? 0 : key_of(p->ini);
		/* REGISTER of one that is not registered has key 0. */
		if (p->sa == TPR_OUT_REGISTER && p->key != 1)
			key = p->key ? key : 0;
	} else if (p->sa == TPR_OUT_PREEMPT || p->sa == TPR_OUT_PREEMPT_ABORT) {
		sa_key = key_of(p->victim);
		if (p->key == 3)
			sa_key = 0; /* all, with an all registrants type */
	}
	put64(op->param, key);
	put64(op->param + 8, sa_key);
	op->param[20] = p->flags;
}

static void fill(struct op *op, const struct plan_op *p)
{
	switch ((enum op_kind)p->kind) {
	case OP_READ:
		op->cdb[0] = 0x88;
		break;
	case OP_WRITE:
		op->cdb[0] = 0x8a;
		break;
	case OP_TUR:
		op->cdb[0] = 0x00;
		break;
	case OP_PR_IN:
		op->cdb[0] = TPR_OP_PR_IN;
		op->cdb[1] = p->sa;
		op->cdb[7] = DATA_MAX >> 8;
		break;
	case OP_PR_OUT:
		fill_pr_out(op, p);
		break;
	case OP_SPC2:
		op->cdb[0] = p->sa;
		break;
	}
	op->class = tpr_classify(op->cdb, op->cdb[0] & 0x80 ? 16 : 10);
}

bool session_lives(const struct gw *g, const struct op *op)
{
	return op->boot == g->boot && g->powered &&
	       op->session == g->sessions[op->plan->ini];
}

const char *nexus_name(int nexus)
{
	static char buf[4][24];
	static int turn;
	char *name = buf[turn++ & 3];

	snprintf(name, sizeof(buf[0]), "i%d/gw%d", nexus / GW_MAX,
		 nexus % GW_MAX);
	return name;
}

static const char *const sa_names[] = {
	"REGISTER", "RESERVE", "RELEASE", "CLEAR", "PREEMPT",
	"PREEMPT AND ABORT", "REGISTER AND IGNORE",
};

static const char *const read_names[] = {
	"READ KEYS", "READ RESERVATION", "REPORT CAPABILITIES",
	"READ FULL STATUS",
};

static const char *op_name(const struct op *op)
{
	switch ((enum op_kind)op->kind) {
	case OP_READ:
		return "READ";
	case OP_WRITE:
		return "WRITE";
	case OP_TUR:
		return "TEST UNIT READY";
	case OP_PR_IN:
		return read_names[op->cdb[1]];
	case OP_PR_OUT:
		return sa_names[op->cdb[1]];
	case OP_SPC2:
		return op->cdb[0] == TPR_OP_RESERVE6 ? "RESERVE(6)"
						     : "RELEASE(6)";
	}
	return "?";
}

static u64 get64(const u8 *from)
{
	u64 value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | from[i];
	return value;
}

void op_print(const struct op *op, FILE *out)
{
	fprintf(out, "#%d %s %s", op->id, nexus_name(op->nexus), op_name(op));
	if (op->kind != OP_PR_OUT)
		return;
	fprintf(out, " key %llx sa-key %llx", get64(op->param),
		get64(op->param + 8));
	if (op->cdb[2])
		fprintf(out, " type %u", op->cdb[2]);
	if (op->param[20])
		fprintf(out, "%s%s", op->param[20] & 1 ? " APTPL" : "",
			op->param[20] & 4 ? " ALL_TG_PT" : "");
}

static void print_answer(struct sim *s, const struct op *op, const char *how)
{
	u32 i;

	if (!s->trace)
		return;
	fprintf(s->trace, "%10.3f %-5s %s ", (double)s->now / 1e6,
		s->gws[op->gw].name, how);
	op_print(op, s->trace);
	if (op->aborted)
		fputs(": aborted", s->trace);
	else if (op->res.status == TPR_GOOD)
		fputs(": GOOD", s->trace);
	else if (op->res.status == TPR_RESERVATION_CONFLICT)
		fputs(": RESERVATION CONFLICT", s->trace);
	else
		fprintf(s->trace, ": CHECK CONDITION %x %02x/%02x", op->res.key,
			op->res.asc >> 8, op->res.asc & 0xff);
	for (i = 0; i < op->len && i < 40; i++)
		fprintf(s->trace, "%s%02x", i % 8 ? "" : " ", op->data[i]);
	fputc('\n', s->trace);
}

static void op_return(struct gw *g, void *arg)
{
	struct op *op = arg;

	op->return_at = g->s->now;
	print_answer(g->s, op, "ANSWER");
}

/* Of the kernel; on its way from now on, if there is a way. */
void op_answer(struct gw *g, struct op *op, struct tpr_result res)
{
	struct sim *s = g->s;

	if (op->answered)
		return;
	op->answered = true;
	op->res = res;
	if (!session_lives(g, op)) {
		trace(g, "nobody to answer #%d to", op->id);
		return;
	}
	check_answer(g, op);
	event_add(g, DOM_NET, 20 + draw(&s->rng, 2 * MS), op_return, op);
}

void op_issue(struct sim *s, const struct plan_op *p)
{
	struct gw *g = &s->gws[p->gw];
	struct op *op = &s->ops[s->num_ops];

	if (!g->powered)
		return;
	op->id = s->num_ops++;
	op->plan = p;
	op->gw = p->gw;
	op->nexus = nexus_of(p->ini, p->gw);
	op->kind = p->kind;
	op->call_at = s->now;
	op->return_at = NEVER;
	op->boot = g->boot;
	op->session = g->sessions[p->ini];
	fill(op, p);
	if (s->trace) {
		fprintf(s->trace, "%10.3f %-5s CALL ", (double)s->now / 1e6,
			g->name);
		op_print(op, s->trace);
		fputc('\n', s->trace);
	}
	event_add(g, DOM_KERNEL, 20 + draw(&s->rng, 2 * MS), kernel_arrive, op);
}

static void issue(struct gw *g, void *arg)
{
	op_issue(g->s, arg);
}

static void name_nexus(struct tpr_nexus *nexus, int ini, int gw)
{
	snprintf(nexus->initiator, sizeof(nexus->initiator), "iqn.i%d", ini);
	strcpy(nexus->target, "iqn.t");
	nexus->isid[0] = 0x80;
	nexus->isid[5] = (u8)(1 + ini);
	nexus->proto = TPR_PROTO_ISCSI;
	nexus->tag = (u16)(1 + gw);
	nexus->rtpi = (u16)(1 + gw);
}

void clients_begin(struct sim *s)
{
	const struct plan *p = s->plan;
	int i, j;

	for (i = 0; i < p->initiators; i++)
		for (j = 0; j < p->gateways; j++)
			name_nexus(&s->nexus[nexus_of(i, j)], i, j);
	for (i = 0; i < p->num_ops; i++)
		event_add(&s->gws[0], DOM_NET, p->ops[i].at, issue,
			  (void *)&p->ops[i]);
}
