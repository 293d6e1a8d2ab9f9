/* SPDX-License-Identifier: GPL-2.0-only */
/* Unit attentions that a change of the state establishes, SPC-4 5.13.11. */
#ifndef TPR_UA_H
#define TPR_UA_H

#include "tpr_state.h"

/*
 * The unit attention that a nexus gets when a gateway goes from state @old to
 * the newer @now: TPR_ASC_LU_RESET, TPR_ASC_RSV_PREEMPTED,
 * TPR_ASC_RSV_RELEASED, TPR_ASC_REG_PREEMPTED, or TPR_ASC_NONE.  The nexus that
 * asked for the change gets none.
 *
 * Exact when @now is the next version after @old.  Across more than one it is
 * the best that the difference tells; so take the steps one by one, with
 * tpr_step(), as long as that works.
 *
 * LOGICAL UNIT RESET concerns every nexus, registered or not.  At the gateway
 * where it came in, the target core tells the initiators itself.
 */
u16 tpr_unit_attention(const struct tcmu_pr_info *old,
		       const struct tcmu_pr_info *now,
		       const struct tpr_nexus *nexus);

/*
 * True if the commands in flight of @nexus have to end before a gateway may
 * say that it enforces @now: PREEMPT AND ABORT took its registration away (SPC-4
 * 5.13.11.5), or a LOGICAL UNIT RESET came.  Exact as tpr_unit_attention() is;
 * across more than one version it rather says true.
 */
bool tpr_must_abort(const struct tcmu_pr_info *old,
		    const struct tcmu_pr_info *now,
		    const struct tpr_nexus *nexus);

/*
 * Brings @state one version further on the way to the newer @now, as the
 * changes that @now remembers tell, and gives it that version's seq and
 * changes[0].  0; -EINVAL, and @state is in no state to be used, if @now does
 * not remember that far back or the change cannot be redone; -ENOSPC.
 */
int tpr_step(struct tcmu_pr_info *state, const struct tcmu_pr_info *now);

#endif
