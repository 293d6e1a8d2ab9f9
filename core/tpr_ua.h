/* SPDX-License-Identifier: GPL-2.0-only */
/* Unit attentions that a change of the state establishes, SPC-4 5.13.11. */
#ifndef TPR_UA_H
#define TPR_UA_H

#include "tpr_state.h"

/*
 * The unit attention that a nexus other than the originator gets when a
 * gateway goes from state @old to the newer @now: one of
 * TPR_ASC_RSV_PREEMPTED, TPR_ASC_RSV_RELEASED, TPR_ASC_REG_PREEMPTED, or
 * TPR_ASC_NONE.  States in between may have been missed: what the remembered
 * changes do not tell is taken from the difference.
 */
u16 tpr_unit_attention(const struct tcmu_pr_info *old,
		       const struct tcmu_pr_info *now,
		       const struct tpr_nexus *nexus);

#endif
