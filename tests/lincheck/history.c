// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "internal.h"
#include "tpr_bytes.h"
#include "tpr_check.h"

void *lc_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p) {
		fprintf(stderr, "lincheck: out of memory\n");
		abort();
	}
	return p;
}

void *lc_room(void *array, u32 count, u32 *cap, size_t size)
{
	if (count < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 32;
	array = realloc(array, *cap * size);
	if (!array) {
		fprintf(stderr, "lincheck: out of memory\n");
		abort();
	}
	return array;
}

static u8 *copy_of(const u8 *data, u32 len)
{
	u8 *copy;

	if (!data || !len)
		return NULL;
	copy = lc_alloc(len);
	memcpy(copy, data, len);
	return copy;
}

struct lc_history *lc_new(const struct tcmu_pr_info *start)
{
	struct lc_history *h = lc_alloc(sizeof(*h));
	u32 regs = start ? start->num_regs : 0;

	h->start = lc_alloc(tpr_info_size(regs));
	tpr_info_init(h->start, regs);
	if (start)
		tpr_info_copy(h->start, start);
	return h;
}

void lc_free(struct lc_history *h)
{
	u32 i;

	if (!h)
		return;
	for (i = 0; i < h->num_ops; i++) {
		free(h->ops[i].param);
		free(h->ops[i].data);
	}
	free(h->ops);
	free(h->nexuses);
	free(h->start);
	free(h);
}

u32 lc_nexus(struct lc_history *h, const struct tpr_nexus *nexus,
	     const char *gateway, const char *label)
{
	struct nexus_row *row;
	u32 i;

	for (i = 0; i < h->num_nexuses; i++)
		if (!tpr_nexus_cmp(&h->nexuses[i].nexus, nexus))
			return i;
	h->nexuses = lc_room(h->nexuses, h->num_nexuses, &h->cap_nexuses,
			     sizeof(*h->nexuses));
	row = &h->nexuses[h->num_nexuses];
	memset(row, 0, sizeof(*row));
	row->nexus = *nexus;
	snprintf(row->gateway, sizeof(row->gateway), "%s", gateway);
	snprintf(row->label, sizeof(row->label), "%s", label);
	return h->num_nexuses++;
}

static struct op *new_op(struct lc_history *h, u64 call, u32 nexus)
{
	struct op *o;

	h->ops = lc_room(h->ops, h->num_ops, &h->cap_ops, sizeof(*h->ops));
	o = &h->ops[h->num_ops++];
	memset(o, 0, sizeof(*o));
	o->call = call;
	o->ret = LC_FOREVER;
	o->nexus = nexus;
	return o;
}

/* True for what may change the state. */
static bool can_change(u8 class)
{
	return class == TPR_CLASS_PR_OUT || class == TPR_CLASS_SPC2;
}

u32 lc_call(struct lc_history *h, u64 when, u32 nexus, const u8 *cdb,
	    u32 cdb_len, const u8 *param, u32 param_len)
{
	struct op *o = new_op(h, when, nexus);

	o->class = tpr_classify(cdb, cdb_len);
	o->cdb_len = (u8)(cdb_len < OP_CDB_MAX ? cdb_len : OP_CDB_MAX);
	memcpy(o->cdb, cdb, o->cdb_len);
	o->param = copy_of(param, param_len);
	o->param_len = param ? param_len : 0;
	o->role = can_change(o->class) ? MAYBE : SILENT;
	return h->num_ops - 1;
}

/* What an error of PR OUT, RESERVE or RELEASE says. */
static enum role role_of_error(struct tpr_result res)
{
	switch (res.status) {
	case TPR_GOOD:
		return WRITER;
	case TPR_RESERVATION_CONFLICT:
		return READER;
	case 0x08: /* BUSY */
	case 0x28: /* TASK SET FULL */
		return SILENT;
	case TPR_CHECK_CONDITION:
		break;
	default: /* TASK ABORTED, for example */
		return MAYBE;
	}
	if (res.asc >> 8 == TPR_ASC_RSV_RESOURCES >> 8 ||
	    res.key == TPR_SK_UNIT_ATTENTION ||
	    res.key == TPR_SK_NOT_READY || res.key == TPR_SK_DATA_PROTECT)
		return SILENT;
	return res.key == TPR_SK_ILLEGAL_REQUEST ? READER : MAYBE;
}

static enum role role_of(const struct op *o)
{
	if (can_change(o->class))
		return role_of_error(o->result);
	if (o->class == TPR_CLASS_ALWAYS)
		return SILENT;
	return o->result.status == TPR_GOOD ||
		       o->result.status == TPR_RESERVATION_CONFLICT
		       ? READER
		       : SILENT;
}

void lc_return(struct lc_history *h, u32 op, u64 when, struct tpr_result result,
	       const u8 *data, u32 len)
{
	struct op *o = &h->ops[op];

	o->answered = true;
	o->result = result;
	o->ret = when;
	o->role = (u8)role_of(o);
	free(o->data);
	o->data = copy_of(data, len);
	o->data_len = data ? len : 0;
}

u32 lc_event(struct lc_history *h, enum lc_event event, u64 from, u64 until,
	     u32 nexus)
{
	struct op *o = new_op(h, from, nexus);

	o->event = (u8)event;
	o->role = MAYBE;
	o->ret = until;
	return h->num_ops - 1;
}

u32 lc_count(const struct lc_history *h)
{
	return h->num_ops;
}
