// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_ua.h"

/* True if @action is among the remembered changes since @old. */
static bool happened(const struct tcmu_pr_info *old,
		     const struct tcmu_pr_info *now, u8 action)
{
	u32 i;

	for (i = 0; i < now->num_changes; i++)
		if (now->changes[i].seq > old->seq &&
		    now->changes[i].order.action == action)
			return true;
	return false;
}

/* True if the remembered changes reach back to @old. */
static bool all_known(const struct tcmu_pr_info *old,
		      const struct tcmu_pr_info *now)
{
	return now->seq - old->seq <= now->num_changes;
}

/* The registration went away: by whom? */
static u16 lost_registration(const struct tcmu_pr_info *old,
			     const struct tcmu_pr_info *now)
{
	if (happened(old, now, TPR_ACT_PREEMPT) ||
	    happened(old, now, TPR_ACT_REPAIR))
		return TPR_ASC_REG_PREEMPTED;
	if (happened(old, now, TPR_ACT_CLEAR))
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
	       tpr_find(now, &old->regs[old->rsv.holder].nexus) < 0;
}

/*
 * A reservation that registrants share ended by RELEASE or by its holder's
 * unregistration, whether or not another one exists by now.
 */
static bool shared_was_released(const struct tcmu_pr_info *old,
				const struct tcmu_pr_info *now)
{
	if (!tpr_type_shared(old->rsv.type))
		return false;
	return now->rsv.type == TPR_NO_RESERVATION ||
	       happened(old, now, TPR_ACT_RELEASE) ||
	       (holder_left(old, now) && !happened(old, now, TPR_ACT_PREEMPT));
}

/* A PREEMPT that puts another type in place releases the old one. */
static bool preempt_changed_type(const struct tcmu_pr_info *old,
				 const struct tcmu_pr_info *now)
{
	return old->rsv.type != TPR_NO_RESERVATION &&
	       now->rsv.type != TPR_NO_RESERVATION &&
	       old->rsv.type != now->rsv.type &&
	       happened(old, now, TPR_ACT_PREEMPT);
}

u16 tpr_unit_attention(const struct tcmu_pr_info *old,
		       const struct tcmu_pr_info *now,
		       const struct tpr_nexus *nexus)
{
	if (now->seq <= old->seq || tpr_find(old, nexus) < 0)
		return TPR_ASC_NONE;
	if (tpr_find(now, nexus) < 0)
		return lost_registration(old, now);
	if (shared_was_released(old, now) || preempt_changed_type(old, now))
		return TPR_ASC_RSV_RELEASED;
	return TPR_ASC_NONE;
}
