// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_out.h"
#include "tpr_bytes.h"
#include "tpr_opcode.h"
#include "tpr_register.h"
#include "tpr_spc2.h"

static const struct tpr_result good = { .status = TPR_GOOD };

static u8 service_action(const u8 *cdb)
{
	return cdb[1] & 0x1f;
}

static bool is_register(u8 sa)
{
	return sa == TPR_OUT_REGISTER || sa == TPR_OUT_REGISTER_IGNORE;
}

static bool lu_scope_and_type(const struct tpr_out_args *o)
{
	return !o->scope && tpr_type_valid(o->type);
}

struct tpr_result tpr_out_check(const struct tpr_out_req *req)
{
	u8 sa = service_action(req->cdb);
	u32 len = tpr_be32(req->cdb + 5);

	if (sa > TPR_OUT_REPLACE_LOST)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	if (len < TPR_OUT_PARAM_LEN || req->param_len < TPR_OUT_PARAM_LEN)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_LEN);
	if (sa == TPR_OUT_REGISTER_MOVE)
		return tpr_move_check(req);
	/* With SPEC_I_PT, even where that is an error, a longer list is none. */
	if (req->param[20] & TPR_PARAM_SPEC_I_PT)
		return sa == TPR_OUT_REGISTER ? tpr_spec_i_pt_check(req) : good;
	if (len != TPR_OUT_PARAM_LEN)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_LEN);
	return good;
}

u32 tpr_out_room(const struct tpr_out_req *req)
{
	if (tpr_out_check(req).status != TPR_GOOD)
		return 0;
	switch (service_action(req->cdb)) {
	case TPR_OUT_REGISTER:
		if (req->param[20] & TPR_PARAM_SPEC_I_PT)
			return tpr_spec_i_pt_room(req);
		return 1;
	case TPR_OUT_REGISTER_IGNORE:
	case TPR_OUT_REGISTER_MOVE:
	case TPR_OUT_REPLACE_LOST:
		return 1;
	default:
		return 0;
	}
}

static void reserve(struct tcmu_pr_info *info, u8 type, u32 holder)
{
	info->rsv.type = type;
	info->rsv.holder = tpr_type_ar(type) ? TPR_HOLDER_ALL : holder;
}

/* SPC-4 5.13.9. */
static struct tpr_result do_reserve(struct tcmu_pr_info *info,
				    const struct tpr_out_args *o, bool *changed)
{
	bool same = tpr_is_holder(info, (u32)o->self) &&
		    info->rsv.type == o->type;

	if (!lu_scope_and_type(o))
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	if (info->rsv.type == TPR_NO_RESERVATION) {
		reserve(info, o->type, (u32)o->self);
		return good;
	}
	*changed = false;
	return same ? good : tpr_conflict();
}

/* SPC-4 5.13.11.2. */
static struct tpr_result do_release(struct tcmu_pr_info *info,
				    const struct tpr_out_args *o, bool *changed)
{
	if (!tpr_is_holder(info, (u32)o->self)) {
		*changed = false;
		return good;
	}
	if (o->scope || o->type != info->rsv.type)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_RELEASE);
	tpr_release(info);
	return good;
}

/* SPC-4 5.13.11.6. */
static struct tpr_result do_clear(struct tcmu_pr_info *info)
{
	info->num_regs = 0;
	tpr_release(info);
	return good;
}

/*
 * Removes the registrations with @key (0: all), except that at index @spare
 * (-1: none).  The reservation keeps its holder, which must not be removed.
 */
static void remove_keys(struct tcmu_pr_info *info, u64 key, int spare)
{
	u32 i, kept = 0;

	for (i = 0; i < info->num_regs; i++) {
		bool keep = (int)i == spare || (key && info->regs[i].key != key);

		if (!keep)
			continue;
		if (i == info->rsv.holder)
			info->rsv.holder = kept;
		if (kept != i)
			info->regs[kept] = info->regs[i];
		kept++;
	}
	info->num_regs = kept;
}

static u32 count_keys(const struct tcmu_pr_info *info, u64 key)
{
	u32 i, n = 0;

	for (i = 0; i < info->num_regs; i++)
		n += info->regs[i].key == key;
	return n;
}

/* SPC-4 5.13.11.4.2 to .3: the reservation changes hands. */
static struct tpr_result preempt_reservation(struct tcmu_pr_info *info,
					     const struct tpr_out_args *o)
{
	struct tpr_nexus self = info->regs[o->self].nexus;

	if (!lu_scope_and_type(o))
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	tpr_release(info);
	remove_keys(info, o->sa_key, o->self);
	reserve(info, o->type, (u32)tpr_find(info, &self));
	return good;
}

/* SPC-4 5.13.11.4.4: only registrations go, the preemptor's own included. */
static struct tpr_result preempt_registrations(struct tcmu_pr_info *info,
					       const struct tpr_out_args *o)
{
	if (!count_keys(info, o->sa_key))
		return tpr_conflict();
	remove_keys(info, o->sa_key, -1);
	if (!info->num_regs)
		tpr_release(info);
	return good;
}

/* SPC-4 5.13.11.4 and its figure: which of the two is it? */
static struct tpr_result do_preempt(struct tcmu_pr_info *info,
				    const struct tpr_out_args *o)
{
	bool ar = tpr_type_ar(info->rsv.type);
	u32 holder = info->rsv.holder;

	if (!o->sa_key && !ar)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_FIELD);
	if (ar ? !o->sa_key :
		 holder != TPR_HOLDER_ALL &&
			 info->regs[holder].key == o->sa_key)
		return preempt_reservation(info, o);
	return preempt_registrations(info, o);
}

/*
 * SPC-4 5.13.11.3: begin anew with one registration and one reservation.  Who
 * sends it need not be registered, and no conflict keeps it from doing so.
 */
static struct tpr_result replace_lost(struct tcmu_pr_info *info,
				      const struct tpr_out_args *o)
{
	const struct tpr_nexus *nexus = o->req->nexus;

	if (!o->req->lost && o->self < 0)
		return tpr_conflict();
	if (!o->req->lost)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_RELEASE);
	if (!lu_scope_and_type(o))
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	if (o->key || !o->sa_key || o->flags & TPR_PARAM_SPEC_I_PT)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_FIELD);
	if (!tpr_nexus_valid(nexus) || !info->max_regs)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_REG_RESOURCES);
	do_clear(info);
	tpr_spc2_end(info);
	reserve(info, o->type,
		(u32)tpr_reg_add(info, nexus, o->sa_key, false));
	info->aptpl = o->flags & TPR_PARAM_APTPL;
	return good;
}

static struct tpr_result execute(struct tcmu_pr_info *info,
				 const struct tpr_out_args *o, bool *changed)
{
	if (is_register(o->sa))
		return tpr_register(info, o);
	if (o->sa == TPR_OUT_REPLACE_LOST)
		return replace_lost(info, o);
	if (o->self < 0 || info->regs[o->self].key != o->key)
		return tpr_conflict();
	if (o->sa == TPR_OUT_REGISTER_MOVE)
		return tpr_register_move(info, o);
	if (o->flags & TPR_PARAM_SPEC_I_PT)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_FIELD);

	switch (o->sa) {
	case TPR_OUT_RESERVE:
		return do_reserve(info, o, changed);
	case TPR_OUT_RELEASE:
		return do_release(info, o, changed);
	case TPR_OUT_CLEAR:
		return do_clear(info);
	default: /* of either kind; tpr_out_check() refused what is unknown */
		return do_preempt(info, o);
	}
}

/* SPC-4 6.15.2 and 5.13.11.3: the one place that counts PRGENERATION. */
static void count_generation(struct tcmu_pr_info *info, u8 sa)
{
	switch (sa) {
	case TPR_OUT_RESERVE:
	case TPR_OUT_RELEASE:
		break;
	case TPR_OUT_REPLACE_LOST:
		info->gen = 0;
		break;
	default:
		info->gen++;
	}
}

/* The same actions as the string calls them. */
static const u8 actions[] = {
	[TPR_OUT_REGISTER] = TPR_ACT_REGISTER,
	[TPR_OUT_RESERVE] = TPR_ACT_RESERVE,
	[TPR_OUT_RELEASE] = TPR_ACT_RELEASE,
	[TPR_OUT_CLEAR] = TPR_ACT_CLEAR,
	[TPR_OUT_PREEMPT] = TPR_ACT_PREEMPT,
	[TPR_OUT_PREEMPT_ABORT] = TPR_ACT_PREEMPT_ABORT,
	[TPR_OUT_REGISTER_IGNORE] = TPR_ACT_REGISTER_IGNORE,
	[TPR_OUT_REGISTER_MOVE] = TPR_ACT_REGISTER_MOVE,
	[TPR_OUT_REPLACE_LOST] = TPR_ACT_REPLACE_LOST,
};

/* The flags that @o was to obey: no others are worth remembering. */
static u8 flags_obeyed(const struct tpr_out_args *o)
{
	switch (o->sa) {
	case TPR_OUT_REGISTER:
	case TPR_OUT_REGISTER_IGNORE:
		/* Without a key there was no list of TransportIDs to obey. */
		return o->flags & (TPR_PARAM_APTPL | TPR_PARAM_ALL_TG_PT |
				   (o->sa_key ? TPR_PARAM_SPEC_I_PT : 0));
	case TPR_OUT_REGISTER_MOVE:
	case TPR_OUT_REPLACE_LOST:
		return o->flags & TPR_PARAM_APTPL;
	default:
		return 0;
	}
}

static void remember(struct tpr_order *order, const struct tpr_out_args *o)
{
	order->action = actions[o->sa];
	if (!tpr_nexus_valid(o->req->nexus))
		return;
	order->scope_type = o->req->cdb[2];
	order->flags = flags_obeyed(o);
	order->sa_key = o->sa_key;
	order->nexus = *o->req->nexus;
}

static struct tpr_result run(struct tcmu_pr_info *info,
			     const struct tpr_out_req *req, bool *changed,
			     struct tpr_out_args *o)
{
	struct tpr_result res;

	*changed = false;
	if (req->lost && service_action(req->cdb) != TPR_OUT_REPLACE_LOST)
		return tpr_check(TPR_SK_DATA_PROTECT, TPR_ASC_PR_INFO_LOST);
	if (info->scsi2_held && !req->lost)
		return tpr_conflict();
	res = tpr_out_check(req);
	if (res.status != TPR_GOOD)
		return res;
	*o = (struct tpr_out_args){
		.req = req,
		.sa = service_action(req->cdb),
		.scope = req->cdb[2] >> 4,
		.type = req->cdb[2] & 0x0f,
		.key = tpr_be64(req->param),
		.sa_key = tpr_be64(req->param + 8),
		.self = tpr_find(info, req->nexus),
	};
	o->flags = req->param[o->sa == TPR_OUT_REGISTER_MOVE ? 17 : 20];
	if (req->force_aptpl)
		o->flags |= TPR_PARAM_APTPL;
	*changed = true;
	res = execute(info, o, changed);
	if (res.status != TPR_GOOD)
		*changed = false;
	if (*changed)
		count_generation(info, o->sa);
	return res;
}

struct tpr_result tpr_out(struct tcmu_pr_info *info,
			  const struct tpr_out_req *req, bool *changed,
			  struct tpr_order *order)
{
	struct tpr_out_args o;
	struct tpr_result res = run(info, req, changed, &o);

	memset(order, 0, sizeof(*order));
	if (*changed)
		remember(order, &o);
	return res;
}

/* The same command again, with the RESERVATION KEY that must have been in it. */
static int redo_command(struct tcmu_pr_info *info,
			const struct tpr_order *order, u8 sa)
{
	u8 cdb[TPR_OUT_CDB_LEN] = { TPR_OP_PR_OUT, sa, order->scope_type };
	u8 param[TPR_OUT_PARAM_LEN] = { 0 };
	struct tpr_out_req req = {
		.nexus = &order->nexus,
		.cdb = cdb,
		.param = param,
		.param_len = sizeof(param),
	};
	int self = tpr_find(info, &order->nexus);
	struct tpr_out_args o;
	struct tpr_result res;
	bool changed;

	if (!tpr_nexus_valid(&order->nexus) ||
	    order->flags & TPR_PARAM_SPEC_I_PT)
		return -EINVAL;
	tpr_put_be32(cdb + 5, TPR_OUT_PARAM_LEN);
	tpr_put_be64(param, self < 0 ? 0 : info->regs[self].key);
	tpr_put_be64(param + 8, order->sa_key);
	param[20] = order->flags;
	res = run(info, &req, &changed, &o);
	if (res.asc == TPR_ASC_REG_RESOURCES)
		return -ENOSPC;
	return changed ? 0 : -EINVAL;
}

int tpr_redo(struct tcmu_pr_info *info, const struct tpr_order *order,
	     const char *gateway)
{
	u8 sa;

	switch (order->action) {
	case TPR_ACT_CREATE:
		return 0;
	case TPR_ACT_SPC2_RESERVE:
	case TPR_ACT_SPC2_RELEASE:
	case TPR_ACT_NEXUS_LOSS:
		return tpr_spc2_redo(info, order, gateway);
	case TPR_ACT_LU_RESET:
		tpr_spc2_end(info);
		return 0;
	case TPR_ACT_POWER_LOSS:
		tpr_power_loss(info);
		return 0;
	case TPR_ACT_REGISTER_MOVE:
	case TPR_ACT_REPLACE_LOST:
		return -EINVAL;
	}
	for (sa = 0; sa < ARRAY_SIZE(actions); sa++)
		if (actions[sa] == order->action)
			return redo_command(info, order, sa);
	return -EINVAL;
}
