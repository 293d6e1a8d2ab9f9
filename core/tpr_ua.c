// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_ua.h"
#include "tpr_out.h"

static bool registered(const struct tcmu_pr_info *info,
		       const struct tpr_nexus *nexus)
{
	return tpr_find(info, nexus) >= 0;
}

/* True if the remembered changes reach back to @old. */
static bool all_known(const struct tcmu_pr_info *old,
		      const struct tcmu_pr_info *now)
{
	return now->seq - old->seq <= now->num_changes;
}

/*
 * True if @now is the next version, and its order tells whom it concerned:
 * what an administrator did, or a command without a nexus, does not.
 */
static bool is_exact(const struct tcmu_pr_info *old,
		     const struct tcmu_pr_info *now)
{
	const struct tpr_order *order = &now->changes[0].order;

	if (now->seq - old->seq != 1)
		return false;
	switch (order->action) {
	case TPR_ACT_CREATE:
	case TPR_ACT_NEXUS_LOSS:
	case TPR_ACT_LU_RESET:
	case TPR_ACT_POWER_LOSS:
		return true;
	case TPR_ACT_REPAIR:
		return false;
	default:
		return order->nexus.initiator[0];
	}
}

static bool type_changed(const struct tcmu_pr_info *old,
			 const struct tcmu_pr_info *now)
{
	return old->rsv.type != TPR_NO_RESERVATION &&
	       old->rsv.type != now->rsv.type;
}

/*
 * SPC-4 5.13.11.  The originator is one I_T nexus: others of its initiator
 * port are told, whatever registration they share with it.  What the initiator
 * port took back through one target port, it is not told of at another.
 * REGISTER AND MOVE and REPLACE LOST RESERVATION establish nothing.
 */
static u16 exact_attention(const struct tcmu_pr_info *old,
			   const struct tcmu_pr_info *now,
			   const struct tpr_nexus *nexus)
{
	const struct tpr_order *order = &now->changes[0].order;
	bool was = registered(old, nexus), is = registered(now, nexus);

	if (!tpr_nexus_cmp(&order->nexus, nexus))
		return TPR_ASC_NONE;
	switch (order->action) {
	case TPR_ACT_LU_RESET:
		return TPR_ASC_LU_RESET;
	case TPR_ACT_CLEAR:
		return was ? TPR_ASC_RSV_PREEMPTED : TPR_ASC_NONE;
	case TPR_ACT_PREEMPT:
	case TPR_ACT_PREEMPT_ABORT:
		if (was && !is)
			return TPR_ASC_REG_PREEMPTED;
		return is && type_changed(old, now) ? TPR_ASC_RSV_RELEASED :
						      TPR_ASC_NONE;
	case TPR_ACT_REGISTER:
	case TPR_ACT_REGISTER_IGNORE:
	case TPR_ACT_RELEASE:
		return is && type_changed(old, now) &&
				       tpr_type_shared(old->rsv.type) ?
			       TPR_ASC_RSV_RELEASED :
			       TPR_ASC_NONE;
	default:
		return TPR_ASC_NONE;
	}
}

/*
 * Across several versions: what the difference and the remembered actions
 * suggest, rather too much than too little.
 */

/* True if a remembered change since @old, not of @but, was @action. */
static bool happened(const struct tcmu_pr_info *old,
		     const struct tcmu_pr_info *now, u8 action,
		     const struct tpr_nexus *but)
{
	const struct tpr_change *c = now->changes;
	u32 i;

	for (i = 0; i < now->num_changes && c->seq > old->seq; i++, c++)
		if (c->order.action == action &&
		    !(but && !tpr_nexus_cmp(&c->order.nexus, but)))
			return true;
	return false;
}

/* The same for PREEMPT with and without abort. */
static bool preempted(const struct tcmu_pr_info *old,
		      const struct tcmu_pr_info *now,
		      const struct tpr_nexus *but)
{
	return happened(old, now, TPR_ACT_PREEMPT, but) ||
	       happened(old, now, TPR_ACT_PREEMPT_ABORT, but);
}

/* The registration went away: by whom? */
static u16 lost_registration(const struct tcmu_pr_info *old,
			     const struct tcmu_pr_info *now,
			     const struct tpr_nexus *nexus)
{
	if (preempted(old, now, nexus) ||
	    happened(old, now, TPR_ACT_REPAIR, NULL))
		return TPR_ASC_REG_PREEMPTED;
	if (happened(old, now, TPR_ACT_CLEAR, nexus))
		return TPR_ASC_RSV_PREEMPTED;
	/* Its own initiator port took it back, perhaps on another gateway. */
	if (all_known(old, now))
		return TPR_ASC_NONE;
	/* Unknown cause: the code that makes cluster software look again. */
	return TPR_ASC_REG_PREEMPTED;
}

static bool holder_left(const struct tcmu_pr_info *old,
			const struct tcmu_pr_info *now)
{
	return old->rsv.holder != TPR_HOLDER_ALL &&
	       !registered(now, &old->regs[old->rsv.holder].nexus);
}

/*
 * A reservation that registrants share ended by RELEASE or by its holder's
 * unregistration, whether or not another one exists by now.
 */
static bool shared_was_released(const struct tcmu_pr_info *old,
				const struct tcmu_pr_info *now,
				const struct tpr_nexus *nexus)
{
	if (!tpr_type_shared(old->rsv.type))
		return false;
	return now->rsv.type == TPR_NO_RESERVATION ||
	       happened(old, now, TPR_ACT_RELEASE, nexus) ||
	       (holder_left(old, now) && !preempted(old, now, NULL));
}

/* A PREEMPT that puts another type in place releases the old one. */
static bool preempt_changed_type(const struct tcmu_pr_info *old,
				 const struct tcmu_pr_info *now,
				 const struct tpr_nexus *nexus)
{
	return now->rsv.type != TPR_NO_RESERVATION && type_changed(old, now) &&
	       preempted(old, now, nexus);
}

static u16 likely_attention(const struct tcmu_pr_info *old,
			    const struct tcmu_pr_info *now,
			    const struct tpr_nexus *nexus)
{
	if (happened(old, now, TPR_ACT_LU_RESET, NULL))
		return TPR_ASC_LU_RESET;
	if (!registered(old, nexus))
		return TPR_ASC_NONE;
	if (!registered(now, nexus))
		return lost_registration(old, now, nexus);
	if (shared_was_released(old, now, nexus) ||
	    preempt_changed_type(old, now, nexus))
		return TPR_ASC_RSV_RELEASED;
	return TPR_ASC_NONE;
}

u16 tpr_unit_attention(const struct tcmu_pr_info *old,
		       const struct tcmu_pr_info *now,
		       const struct tpr_nexus *nexus)
{
	/* Who knew no version missed nothing. */
	if (!old->seq || now->seq <= old->seq)
		return TPR_ASC_NONE;
	if (is_exact(old, now))
		return exact_attention(old, now, nexus);
	return likely_attention(old, now, nexus);
}

bool tpr_must_abort(const struct tcmu_pr_info *old,
		    const struct tcmu_pr_info *now,
		    const struct tpr_nexus *nexus)
{
	if (!old->seq || now->seq <= old->seq)
		return false;
	if (happened(old, now, TPR_ACT_LU_RESET, NULL))
		return true;
	if (is_exact(old, now))
		return now->changes[0].order.action == TPR_ACT_PREEMPT_ABORT &&
		       registered(old, nexus) && !registered(now, nexus);
	/* Who was registered meanwhile, and lost it again, cannot be told. */
	return happened(old, now, TPR_ACT_PREEMPT_ABORT, NULL) ||
	       !all_known(old, now);
}

/* True if both are the same version, but for names that only inform. */
static bool same_state(const struct tcmu_pr_info *a,
		       const struct tcmu_pr_info *b)
{
	u32 i;

	if (a->gen != b->gen || a->aptpl != b->aptpl ||
	    a->rsv.type != b->rsv.type || a->rsv.holder != b->rsv.holder ||
	    a->num_regs != b->num_regs || a->scsi2_held != b->scsi2_held ||
	    tpr_nexus_cmp(&a->scsi2_holder, &b->scsi2_holder) ||
	    strcmp(a->scsi2_gateway, b->scsi2_gateway))
		return false;
	for (i = 0; i < a->num_regs; i++)
		if (a->regs[i].key != b->regs[i].key ||
		    tpr_reg_cmp(&a->regs[i], &b->regs[i]))
			return false;
	return true;
}

/*
 * True if @state is a version that @now remembers the successor of.  A store
 * that was set back may have gone on in another way since.
 */
static bool leads_to(const struct tcmu_pr_info *state,
		     const struct tcmu_pr_info *now)
{
	u64 left = now->seq - state->seq;

	if (now->seq <= state->seq || left > now->num_changes)
		return false;
	/* Nothing yet: of any device. */
	if (!state->seq)
		return true;
	return !strcmp(state->device, now->device) &&
	       (left == now->num_changes ||
		tpr_written_as(now, &state->changes[0].writer) == state->seq);
}

int tpr_step(struct tcmu_pr_info *state, const struct tcmu_pr_info *now)
{
	const struct tpr_change *change;
	u64 left = now->seq - state->seq;
	int ret;

	if (!leads_to(state, now))
		return -EINVAL;
	change = &now->changes[left - 1];
	if (change->order.action == TPR_ACT_CREATE && state->seq)
		return -EINVAL;
	ret = tpr_redo(state, &change->order, change->writer.gateway);
	if (ret)
		return ret;
	memcpy(state->device, now->device, sizeof(state->device));
	tpr_stamp(state, &change->writer, &change->order);
	return left > 1 || same_state(state, now) ? 0 : -EINVAL;
}
