/* SPDX-License-Identifier: GPL-2.0-only */
/* PERSISTENT RESERVE IN: the service actions, SPC-4 6.15. */
#ifndef TPR_IN_H
#define TPR_IN_H

#include "tpr_state.h"

enum {
	TPR_IN_CDB_LEN = 10,
};

/*
 * Answers @cdb (TPR_IN_CDB_LEN bytes) from @info into @buf of @cap bytes.
 * *@len becomes the number of valid bytes: at most @cap and the CDB's
 * ALLOCATION LENGTH; the ADDITIONAL LENGTH field always tells the whole
 * (SPC-4 4.2.5.6).  Nothing beyond *@len is written.  On any status but GOOD
 * *@len is 0.  While an SPC-2 reservation stands, that is RESERVATION CONFLICT,
 * whatever the nexus and the action (SPC-2 5.5.1).
 */
struct tpr_result tpr_in(const struct tcmu_pr_info *info, const u8 *cdb,
			 u8 *buf, u32 cap, u32 *len);

#endif
