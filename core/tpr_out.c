// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_out.h"
#include "tpr_bytes.h"
#include "tpr_opcode.h"

/* Byte 20 of the parameter list, SPC-4 table 231. */
enum {
	PARAM_APTPL = 0x01,
	PARAM_ALL_TG_PT = 0x04,
	PARAM_SPEC_I_PT = 0x08,
};

/* A command taken apart. */
struct out {
	const struct tpr_nexus *nexus;
	u8 sa;
	u8 scope;
	u8 type;
	u64 key; /* RESERVATION KEY */
	u64 sa_key; /* SERVICE ACTION RESERVATION KEY */
	u8 flags;
	int self; /* index of the nexus's registration, -1: none */
};

static const struct tpr_result good = { .status = TPR_GOOD };

static u8 service_action(const u8 *cdb)
{
	return cdb[1] & 0x1f;
}

static bool is_register(u8 sa)
{
	return sa == TPR_OUT_REGISTER || sa == TPR_OUT_REGISTER_IGNORE;
}

static bool lu_scope_and_type(const struct out *o)
{
	return !o->scope && tpr_type_valid(o->type);
}

struct tpr_result tpr_out_check(const struct tpr_out_req *req)
{
	u8 sa = service_action(req->cdb);
	u8 type = req->cdb[2] & 0x0f;
	u8 scope = req->cdb[2] >> 4;

	switch (sa) {
	case TPR_OUT_REGISTER:
	case TPR_OUT_RELEASE:
	case TPR_OUT_CLEAR:
	case TPR_OUT_PREEMPT:
	case TPR_OUT_REGISTER_IGNORE:
		break;
	case TPR_OUT_RESERVE:
		if (scope || !tpr_type_valid(type))
			return tpr_check(TPR_SK_ILLEGAL_REQUEST,
					 TPR_ASC_CDB_FIELD);
		break;
	default:
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	}
	/*
	 * SPEC_I_PT, which would allow a longer list, is refused below; but
	 * with it a longer list is not a length error.
	 */
	if (tpr_be32(req->cdb + 5) < TPR_OUT_PARAM_LEN ||
	    req->param_len < TPR_OUT_PARAM_LEN)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_LEN);
	if (is_register(sa) && req->param[20] & PARAM_SPEC_I_PT)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_FIELD);
	if (tpr_be32(req->cdb + 5) != TPR_OUT_PARAM_LEN)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_LEN);
	if (is_register(sa) && req->param[20] & PARAM_ALL_TG_PT)
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_PARAM_FIELD);
	return good;
}

/* SPC-4 6.15.2: the one place that counts PRGENERATION. */
static void count_generation(struct tcmu_pr_info *info)
{
	info->gen++;
}

/* SPC-4 5.13.7 and table 47: both register service actions. */
static struct tpr_result do_register(struct tcmu_pr_info *info,
				     const struct out *o)
{
	if (o->sa == TPR_OUT_REGISTER &&
	    o->key != (o->self < 0 ? 0 : info->regs[o->self].key))
		return tpr_conflict();

	if (o->self < 0 && o->sa_key) {
		if (!tpr_nexus_valid(o->nexus) ||
		    tpr_reg_add(info, o->nexus, o->sa_key, false) < 0)
			return tpr_check(TPR_SK_ILLEGAL_REQUEST,
					 TPR_ASC_REG_RESOURCES);
	} else if (o->self >= 0 && o->sa_key) {
		info->regs[o->self].key = o->sa_key;
		info->regs[o->self].nexus.rtpi = o->nexus->rtpi;
	} else if (o->self >= 0) {
		tpr_reg_remove(info, (u32)o->self);
	}
	if (o->self >= 0 || o->sa_key)
		info->aptpl = o->flags & PARAM_APTPL;
	count_generation(info);
	return good;
}

static void reserve(struct tcmu_pr_info *info, u8 type, u32 holder)
{
	info->rsv.type = type;
	info->rsv.holder = tpr_type_ar(type) ? TPR_HOLDER_ALL : holder;
}

/* SPC-4 5.13.9. */
static struct tpr_result do_reserve(struct tcmu_pr_info *info,
				    const struct out *o, bool *changed)
{
	bool same = tpr_is_holder(info, (u32)o->self) &&
		    info->rsv.type == o->type;

	if (info->rsv.type == TPR_NO_RESERVATION) {
		reserve(info, o->type, (u32)o->self);
		return good;
	}
	*changed = false;
	return same ? good : tpr_conflict();
}

/* SPC-4 5.13.11.2. */
static struct tpr_result do_release(struct tcmu_pr_info *info,
				    const struct out *o, bool *changed)
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
	count_generation(info);
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
					     const struct out *o)
{
	struct tpr_nexus self = info->regs[o->self].nexus;

	if (!lu_scope_and_type(o))
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	tpr_release(info);
	remove_keys(info, o->sa_key, o->self);
	reserve(info, o->type, (u32)tpr_find(info, &self));
	count_generation(info);
	return good;
}

/* SPC-4 5.13.11.4.4: only registrations go, the preemptor's own included. */
static struct tpr_result preempt_registrations(struct tcmu_pr_info *info,
					       const struct out *o)
{
	if (!count_keys(info, o->sa_key))
		return tpr_conflict();
	remove_keys(info, o->sa_key, -1);
	if (!info->num_regs)
		tpr_release(info);
	count_generation(info);
	return good;
}

/* SPC-4 5.13.11.4 and its figure: which of the two is it? */
static struct tpr_result do_preempt(struct tcmu_pr_info *info,
				    const struct out *o)
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

static struct tpr_result execute(struct tcmu_pr_info *info,
				 const struct out *o, bool *changed,
				 u8 *action)
{
	if (is_register(o->sa)) {
		*action = o->sa == TPR_OUT_REGISTER ? TPR_ACT_REGISTER :
						      TPR_ACT_REGISTER_IGNORE;
		return do_register(info, o);
	}
	if (o->self < 0 || info->regs[o->self].key != o->key)
		return tpr_conflict();

	switch (o->sa) {
	case TPR_OUT_RESERVE:
		*action = TPR_ACT_RESERVE;
		return do_reserve(info, o, changed);
	case TPR_OUT_RELEASE:
		*action = TPR_ACT_RELEASE;
		return do_release(info, o, changed);
	case TPR_OUT_CLEAR:
		*action = TPR_ACT_CLEAR;
		return do_clear(info);
	case TPR_OUT_PREEMPT:
		*action = TPR_ACT_PREEMPT;
		return do_preempt(info, o);
	default: /* refused by tpr_out_check() */
		return tpr_check(TPR_SK_ILLEGAL_REQUEST, TPR_ASC_CDB_FIELD);
	}
}

struct tpr_result tpr_out(struct tcmu_pr_info *info,
			  const struct tpr_out_req *req, bool *changed,
			  struct tpr_order *order)
{
	struct tpr_result res = tpr_out_check(req);
	struct out o;

	*changed = false;
	*order = (struct tpr_order){ 0 };
	if (res.status != TPR_GOOD)
		return res;
	o = (struct out){
		.nexus = req->nexus,
		.sa = service_action(req->cdb),
		.scope = req->cdb[2] >> 4,
		.type = req->cdb[2] & 0x0f,
		.key = tpr_be64(req->param),
		.sa_key = tpr_be64(req->param + 8),
		.flags = req->param[20],
		.self = tpr_find(info, req->nexus),
	};
	*changed = true;
	res = execute(info, &o, changed, &order->action);
	if (res.status != TPR_GOOD)
		*changed = false;
	return res;
}
