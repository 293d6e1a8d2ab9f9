/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * RESERVE and RELEASE, 6 and 10 bytes: SPC-2 reservations, SPC-2 5.5 and 7.24
 * to 7.27, as far as compatible reservation handling lets them live beside
 * persistent ones (CRH, SPC-4 5.13.3).
 */
#ifndef TPR_SPC2_H
#define TPR_SPC2_H

#include "tpr_state.h"

enum {
	TPR_OP_RESERVE6 = 0x16,
	TPR_OP_RELEASE6 = 0x17,
	TPR_OP_RESERVE10 = 0x56,
	TPR_OP_RELEASE10 = 0x57,
};

/*
 * Executes RESERVE or RELEASE (@cdb, at least 10 bytes, zero beyond the
 * command's) of @nexus, which came in at @gateway, on the newest state.
 * *@changed and *@order as tpr_out() sets them.
 */
struct tpr_result tpr_spc2(struct tcmu_pr_info *info,
			   const struct tpr_nexus *nexus, const char *gateway,
			   const u8 *cdb, bool *changed,
			   struct tpr_order *order);

/* Ends the SPC-2 reservation: true if there was one. */
bool tpr_spc2_end(struct tcmu_pr_info *info);

/* tpr_redo()'s share: RESERVE, RELEASE and the loss of the holder's nexus. */
int tpr_spc2_redo(struct tcmu_pr_info *info, const struct tpr_order *order,
		  const char *gateway);

#endif
