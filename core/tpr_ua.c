// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_ua.h"

/* True if @action is among the remembered changes since @old. */
static bool happened(const struct tcmu_pr_info *old,
		     const struct tcmu_pr_info *now, u8 action)
{
	u32 i;

	for (i = 0; i < now->num_changes; i++)
		if (now->changes[i].seq > old->seq &&
		    now->changes[i].action == action)
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
	if (happened(old, now, TPR_ACT_PREEMPT))
		return TPR_ASC_REG_PREEMPTED;
	if (happened(old, now, TPR_ACT_CLEAR))
		return TPR_ASC_RSV_PREEMPTED;
	/* Its own initiator port took it back, perhaps on another gateway. */
	if (all_known(old, now))
		return TPR_ASC_NONE;
	/* Unknown cause: the code that makes cluster software look again. */
	return TPR_ASC_REG_PREEMPTED;
}

u16 tpr_unit_attention(const struct tcmu_pr_info *old,
		       const struct tcmu_pr_info *now,
		       const struct tpr_nexus *nexus)
{
	if (now->seq <= old->seq || tpr_find(old, nexus) < 0)
		return TPR_ASC_NONE;
	if (tpr_find(now, nexus) < 0)
		return lost_registration(old, now);
	/*
	 * Still registered: RELEASE, or the holder's unregistration, of a
	 * reservation that registrants share, and a PREEMPT that changed the
	 * type, release it for them.
	 */
	if (tpr_type_shared(old->rsv.type) &&
	    now->rsv.type == TPR_NO_RESERVATION)
		return TPR_ASC_RSV_RELEASED;
	if (old->rsv.type != TPR_NO_RESERVATION &&
	    old->rsv.type != now->rsv.type &&
	    happened(old, now, TPR_ACT_PREEMPT))
		return TPR_ASC_RSV_RELEASED;
	return TPR_ASC_NONE;
}
