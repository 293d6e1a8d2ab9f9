// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "disk.h"
#include "tpr_bytes.h"
#include "tpr_check.h"
#include "tpr_opcode.h"

enum {
	WRITE_10 = 0x2a,
	READ_10 = 0x28,
	/* By whom and when a block's contents were seen: at the end. */
	AT_THE_END = 0xffffffff,
};

struct disk {
	struct text *t;
	struct disk_report *report;
	FILE *out;
	u32 *seen; /* per write: what saw it, + 1; 0: nothing did */
};

static bool is_write(const struct op *o)
{
	return o->class && o->cdb[0] == WRITE_10;
}

/* Ended, and certainly without any effect. */
static bool is_refused(const struct op *o)
{
	if (!o->answered)
		return false;
	switch (o->result.status) {
	case TPR_RESERVATION_CONFLICT:
	case 0x08: /* BUSY */
	case 0x28: /* TASK SET FULL */
		return true;
	case TPR_CHECK_CONDITION:
		return o->result.key == TPR_SK_NOT_READY ||
		       o->result.key == TPR_SK_UNIT_ATTENTION ||
		       o->result.key == TPR_SK_DATA_PROTECT ||
		       o->result.key == TPR_SK_ILLEGAL_REQUEST;
	default:
		return false;
	}
}

static void violation(struct disk *d, const char *what, u32 write, u32 by)
{
	d->report->violations++;
	fprintf(d->out, "%s:\n    ", what);
	lc_print_op(d->t->history, write, d->out);
	if (by == AT_THE_END)
		return;
	fprintf(d->out, "    ");
	lc_print_op(d->t->history, by, d->out);
}

/* The contents of the block @lba, as @by saw them. */
static void saw(struct disk *d, u32 lba, long tag, u32 by)
{
	const struct op *ops = d->t->history->ops;

	if (tag == -1)
		return;
	if (tag < 0 || tag >= d->t->num_commands || !is_write(&ops[tag]) ||
	    tpr_be32(ops[tag].cdb + 2) != lba) {
		d->report->violations++;
		fprintf(d->out, "block %u holds what nobody wrote there (%ld)\n",
			lba, tag);
		return;
	}
	if (!d->seen[tag] || by == AT_THE_END)
		d->seen[tag] = by + 1 ? by + 1 : by;
	if (is_refused(&ops[tag]))
		violation(d, "a write that was refused is on the disk",
			  (u32)tag, by);
}

static void look_at_all(struct disk *d)
{
	const struct op *ops = d->t->history->ops;
	u32 i;

	for (i = 0; i < d->t->num_commands; i++)
		if (ops[i].cdb[0] == READ_10 && ops[i].answered &&
		    ops[i].result.status == TPR_GOOD) {
			d->report->reads++;
			saw(d, tpr_be32(ops[i].cdb + 2), d->t->tags[i], i);
		}
	for (i = 0; i < d->t->num_blocks; i++)
		saw(d, d->t->blocks[i].lba, d->t->blocks[i].tag, AT_THE_END);
}

/* By block: which write it is for, and when that was certainly done. */
static void judge_reads(struct disk *d)
{
	const struct op *ops = d->t->history->ops;
	u32 num = 0, i, *writer;

	for (i = 0; i < d->t->num_blocks; i++)
		if (d->t->blocks[i].lba >= num)
			num = d->t->blocks[i].lba + 1;
	writer = lc_alloc(num * sizeof(*writer));
	for (i = 0; i < d->t->num_commands; i++)
		if (is_write(&ops[i]) && tpr_be32(ops[i].cdb + 2) < num)
			writer[tpr_be32(ops[i].cdb + 2)] = i + 1;
	for (i = 0; i < d->t->num_commands; i++) {
		u32 lba = tpr_be32(ops[i].cdb + 2), w;

		if (ops[i].cdb[0] != READ_10 || !ops[i].answered ||
		    ops[i].result.status != TPR_GOOD || lba >= num ||
		    d->t->tags[i] >= 0)
			continue;
		w = writer[lba];
		if (w && ops[w - 1].answered &&
		    ops[w - 1].result.status == TPR_GOOD &&
		    ops[w - 1].ret < ops[i].call)
			violation(d, "a write was GOOD, and a later read does not see it",
				  w - 1, i);
	}
	free(writer);
}

static void judge_writes(struct disk *d)
{
	struct lc_history *h = d->t->history;
	u32 i;

	for (i = 0; i < d->t->num_commands; i++) {
		const struct op *o = &h->ops[i];
		bool good = o->answered && o->result.status == TPR_GOOD;

		if (!is_write(o))
			continue;
		d->report->writes++;
		d->report->on_disk += d->seen[i] != 0;
		d->report->refused += is_refused(o);
		if (good && d->seen[i] != AT_THE_END)
			violation(d, "a write was GOOD and is not on the disk",
				  i, AT_THE_END);
		if (!good && !is_refused(o) && d->seen[i])
			lc_return(h, i, d->t->end, tpr_good(), NULL, 0);
	}
}

static void judge_aborts(struct disk *d)
{
	const struct op *ops = d->t->history->ops;
	u32 i;

	for (i = 0; i < d->t->num_commands; i++)
		d->report->aborts +=
			ops[i].class == TPR_CLASS_PR_OUT && ops[i].answered &&
			(ops[i].cdb[1] & 0x1f) == TPR_OUT_PREEMPT_ABORT &&
			ops[i].result.status == TPR_GOOD;
	for (i = 0; i < d->t->num_landed; i++) {
		const struct landed *l = &d->t->landed[i];

		d->report->in_flight++;
		if (ops[l->write].call < ops[l->preempt].call && !l->landed &&
		    d->seen[l->write])
			violation(d, "a write landed after the GOOD of the PREEMPT AND ABORT that had to end it",
				  l->write, l->preempt);
	}
}

void disk_judge(struct text *t, struct disk_report *report, FILE *out)
{
	struct disk d = { .t = t, .report = report, .out = out };

	memset(report, 0, sizeof(*report));
	d.seen = lc_alloc(t->num_commands * sizeof(*d.seen));
	look_at_all(&d);
	judge_reads(&d);
	judge_aborts(&d);
	judge_writes(&d);
	free(d.seen);
}
