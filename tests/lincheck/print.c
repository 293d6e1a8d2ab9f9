// SPDX-License-Identifier: GPL-2.0-only
/* A history, and what is wrong with it, for a reader. */
#include <string.h>

#include "search.h"
#include "tpr_bytes.h"
#include "tpr_check.h"
#include "tpr_opcode.h"

enum {
	/* Lines of each kind at most; what is left out is counted. */
	CHANGES_SHOWN = 60,
	READERS_SHOWN = 30,
	STATES_SHOWN = 12,
};

static const char *const out_names[] = {
	"REGISTER",	     "RESERVE",
	"RELEASE",	     "CLEAR",
	"PREEMPT",	     "PREEMPT AND ABORT",
	"REGISTER AND IGNORE", "REGISTER AND MOVE",
	"REPLACE LOST RESERVATION",
};

static const char *const in_names[] = {
	"READ KEYS",
	"READ RESERVATION",
	"REPORT CAPABILITIES",
	"READ FULL STATUS",
};

static const char *const type_names[] = {
	"no reservation", "WE", "type 2", "EA", "type 4",
	"WE-RO", "EA-RO", "WE-AR", "EA-AR",
};

static const char *type_name(u8 type)
{
	return type < ARRAY_SIZE(type_names) ? type_names[type] : "?";
}

static void print_event(const struct op *o, FILE *out)
{
	static const char *const names[] = { "nexus loss", "LOGICAL UNIT RESET",
					     "loss of power" };

	fprintf(out, "(%s)", names[o->event]);
}

static void print_pr_out(const struct op *o, FILE *out)
{
	u8 sa = o->cdb[1] & 0x1f;

	fprintf(out, "%s",
		sa < ARRAY_SIZE(out_names) ? out_names[sa] : "PR OUT ?");
	if (sa == TPR_OUT_RESERVE || sa == TPR_OUT_RELEASE ||
	    sa == TPR_OUT_PREEMPT || sa == TPR_OUT_PREEMPT_ABORT)
		fprintf(out, " %s", type_name(o->cdb[2] & 0x0f));
	if (o->param_len >= 16)
		fprintf(out, " key %llx, action's key %llx",
			(unsigned long long)tpr_be64(o->param),
			(unsigned long long)tpr_be64(o->param + 8));
}

static void print_command(const struct op *o, FILE *out)
{
	u32 lba = tpr_be32(o->cdb + 2);
	u8 sa = o->cdb[1] & 0x1f;

	switch (o->class) {
	case 0:
		print_event(o, out);
		break;
	case TPR_CLASS_PR_OUT:
		print_pr_out(o, out);
		break;
	case TPR_CLASS_PR_IN:
		fprintf(out, "%s",
			sa < ARRAY_SIZE(in_names) ? in_names[sa] : "PR IN ?");
		break;
	case TPR_CLASS_SPC2:
		fprintf(out, o->cdb[0] & 1 ? "RELEASE" : "RESERVE");
		break;
	case TPR_CLASS_WRITE:
		fprintf(out, "WRITE %u", lba);
		break;
	case TPR_CLASS_READ:
		fprintf(out, "READ %u", lba);
		break;
	default:
		fprintf(out, "command %02x", o->cdb[0]);
	}
}

/* Generation and the rest of a PR IN's data, decoded as far as it helps. */
static void print_data(const struct op *o, FILE *out)
{
	u32 i, len = o->data_len;

	if (len < 8)
		return;
	fprintf(out, ", generation %u", tpr_be32(o->data));
	switch (o->cdb[1] & 0x1f) {
	case TPR_IN_READ_KEYS:
		fprintf(out, ", keys");
		for (i = 8; i + 8 <= len; i += 8)
			fprintf(out, " %llx",
				(unsigned long long)tpr_be64(o->data + i));
		break;
	case TPR_IN_READ_RESERVATION:
		if (len >= 24)
			fprintf(out, ", %s key %llx",
				type_name(o->data[21] & 0x0f),
				(unsigned long long)tpr_be64(o->data + 8));
		else
			fprintf(out, ", no reservation");
		break;
	case TPR_IN_READ_FULL_STATUS:
		fprintf(out, ", keys");
		for (i = 8; i + 24 <= len; i += 24 + tpr_be32(o->data + i + 20))
			fprintf(out, " %llx%s",
				(unsigned long long)tpr_be64(o->data + i),
				o->data[i + 12] & 1 ? " (holder)" : "");
		break;
	}
}

static void print_answer(const struct op *o, FILE *out)
{
	if (!o->class)
		return;
	if (!o->answered) {
		fprintf(out, ": no answer");
		return;
	}
	switch (o->result.status) {
	case TPR_GOOD:
		fprintf(out, ": GOOD");
		if (o->class == TPR_CLASS_PR_IN)
			print_data(o, out);
		break;
	case TPR_RESERVATION_CONFLICT:
		fprintf(out, ": RESERVATION CONFLICT");
		break;
	case TPR_CHECK_CONDITION:
		fprintf(out, ": sense %x/%04x", o->result.key, o->result.asc);
		break;
	default:
		fprintf(out, ": status %02x", o->result.status);
	}
}

void lc_print_op(const struct lc_history *h, u32 op, FILE *out)
{
	const struct op *o = &h->ops[op];

	fprintf(out, "#%u [%llu ..", op, (unsigned long long)o->call);
	if (o->ret == LC_FOREVER)
		fprintf(out, "] ");
	else
		fprintf(out, " %llu] ", (unsigned long long)o->ret);
	fprintf(out, "%s: ", h->nexuses[o->nexus].label);
	print_command(o, out);
	print_answer(o, out);
	fprintf(out, "\n");
}

static const char *label_of(const struct lc_history *h,
			    const struct tpr_nexus *nexus)
{
	u32 i;

	for (i = 0; i < h->num_nexuses; i++)
		if (!tpr_nexus_cmp(&h->nexuses[i].nexus, nexus))
			return h->nexuses[i].label;
	return nexus->initiator;
}

static void print_state(const struct lc_history *h,
			const struct tcmu_pr_info *info, FILE *out)
{
	u32 i;

	fprintf(out, "generation %u, %s", info->gen, type_name(info->rsv.type));
	for (i = 0; i < info->num_regs; i++)
		fprintf(out, "%s %s%s=%llx%s", i ? "," : "; registered:",
			label_of(h, &info->regs[i].nexus),
			info->regs[i].all_tg_pt ? " (all ports)" : "",
			(unsigned long long)info->regs[i].key,
			tpr_is_holder(info, i) ? " (holder)" : "");
	if (info->scsi2_held)
		fprintf(out, "; SPC-2 reservation of %s",
			label_of(h, &info->scsi2_holder));
	fprintf(out, "\n");
}

/*
 * What overlaps the time from @since to the call or return of @last, and is of
 * the roles wanted: the newest ones.
 */
static void print_ops(const struct lc_history *h, const struct op *last,
		      u64 since, bool readers, u32 most, FILE *out)
{
	u64 until = last->ret == LC_FOREVER ? last->call : last->ret;
	u32 i, n = 0;

	for (i = h->num_ops; i-- > 0;) {
		const struct op *o = &h->ops[i];

		if (o->call > until || o->ret < since || o == last ||
		    o->role == SILENT || (o->role == READER) != readers)
			continue;
		if (n++ >= most)
			continue;
		fprintf(out, "    ");
		lc_print_op(h, i, out);
	}
	if (n > most)
		fprintf(out, "    and %u earlier ones\n", n - most);
}

static void print_possible(const struct lc_history *h, struct states *states,
			   const struct trail *t, FILE *out)
{
	u32 last = LC_NONE, shown = 0, i;

	fprintf(out, "  before that answer the state could be:\n");
	for (i = 0; i < t->num_possible && shown < STATES_SHOWN; i++) {
		if (t->possible[i].state == last)
			continue;
		last = t->possible[i].state;
		shown++;
		fprintf(out, "    ");
		print_state(h, states_info(states, last), out);
	}
	if (i < t->num_possible)
		fprintf(out, "    and more\n");
}

void lc_explain(const struct lc_history *h, const struct lc_report *report,
		FILE *out)
{
	struct states *states;
	struct lc_report again;
	struct trail t = { 0 };

	if (report->verdict == LC_LINEARIZABLE) {
		fprintf(out, "linearizable: %u answers, %llu steps, at most %u alternatives\n",
			report->judged, (unsigned long long)report->steps,
			report->widest);
		return;
	}
	fprintf(out, report->verdict == LC_GAVE_UP
			     ? "gave up: %s, at\n    "
			     : "not linearizable%s: nothing explains the answer of\n    ",
		report->why ? report->why : "");
	lc_print_op(h, report->op, out);
	if (report->verdict == LC_GAVE_UP)
		return;
	states = states_new(h);
	lc_search(h, states, NULL, false, &again, &t);
	if (again.op != report->op) {
		free(t.possible);
		t = (struct trail){ 0 };
		lc_search(h, states, NULL, true, &again, &t);
	}
	fprintf(out, "  the last state that was certain, at %llu:\n    ",
		(unsigned long long)t.certain_at);
	print_state(h, states_info(states, t.certain), out);
	fprintf(out, "  what may have changed it since, the latest first:\n");
	print_ops(h, &h->ops[report->op], t.certain_at, false, CHANGES_SHOWN,
		  out);
	fprintf(out, "  what else was answered meanwhile:\n");
	print_ops(h, &h->ops[report->op], h->ops[report->op].call, true,
		  READERS_SHOWN, out);
	print_possible(h, states, &t, out);
	free(t.possible);
	states_free(states);
}
