/* SPDX-License-Identifier: GPL-2.0-only */
/* PERSISTENT RESERVE OUT: the service actions, SPC-4 5.13 and 6.16. */
#ifndef TPR_OUT_H
#define TPR_OUT_H

#include "tpr_state.h"

enum {
	TPR_OUT_CDB_LEN = 10,
	/* Basic parameter list, SPC-4 6.16.3. */
	TPR_OUT_PARAM_LEN = 24,
};

/*
 * struct tpr_out_req - one PERSISTENT RESERVE OUT command
 * @nexus:	the I_T nexus that it came on
 * @cdb:	at least TPR_OUT_CDB_LEN bytes
 * @param:	parameter list as received
 * @param_len:	bytes at @param; fewer than the CDB announces is an error
 */
struct tpr_out_req {
	const struct tpr_nexus *nexus;
	const u8 *cdb;
	const u8 *param;
	u32 param_len;
};

/*
 * Checks what needs no state: service action, parameter list length, scope
 * and type where the action uses them.  The kernel asks this before it asks
 * the daemon for anything.
 */
struct tpr_result tpr_out_check(const struct tpr_out_req *req);

/*
 * Executes the command on @info, which holds the newest state.  On GOOD
 * *@changed tells whether @info was changed and has to be stored (then
 * *@action is what to tpr_stamp() it with); on any other status @info is
 * untouched.  A new registration ends with INSUFFICIENT REGISTRATION RESOURCES
 * when @info has no room for it, or the string no way to name the nexus.
 *
 * PRGENERATION is counted here and nowhere else.
 */
struct tpr_result tpr_out(struct tcmu_pr_info *info,
			  const struct tpr_out_req *req, bool *changed,
			  u8 *action);

#endif
