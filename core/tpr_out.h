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
 * The ports that a gateway knows, for the parameters that name ports by
 * other means than their names.  Called in the context of tpr_out().
 */
struct tpr_ports {
	/*
	 * Sets target, tag and rtpi of @nexus to the target port with relative
	 * target port identifier @rtpi; false if there is none here.  The
	 * initiator port and proto stand in @nexus already.
	 */
	bool (*target)(void *arg, u16 rtpi, struct tpr_nexus *nexus);
	/*
	 * The ISID of the @n'th (from 0) session that the iSCSI initiator @name
	 * has with the logical unit; false when there are no more.
	 */
	bool (*initiator)(void *arg, const char *name, u32 n,
			  u8 isid[TPR_ISID_LEN]);
	void *arg;
};

/*
 * struct tpr_out_req - one PERSISTENT RESERVE OUT command
 * @nexus:	the I_T nexus that it came on
 * @cdb:	at least TPR_OUT_CDB_LEN bytes
 * @param:	parameter list as received
 * @param_len:	bytes at @param; fewer than the CDB announces is an error
 * @ports:	ports known here, NULL: none but those that are registered
 * @force_aptpl: take APTPL for one whatever the command says (the backstore's
 *		attribute force_pr_aptpl)
 * @lost:	persistent reservation information is lost: only REPLACE LOST
 *		RESERVATION is executed, and only then
 */
struct tpr_out_req {
	const struct tpr_nexus *nexus;
	const u8 *cdb;
	const u8 *param;
	u32 param_len;
	const struct tpr_ports *ports;
	bool force_aptpl;
	bool lost;
};

/*
 * Checks what needs no state: service action, parameter list length, the form
 * of TransportIDs.  The kernel asks this before it asks the daemon for
 * anything.  All else comes after the RESERVATION KEY, which is verified
 * whatever the scope (SPC-4 6.16.3).
 */
struct tpr_result tpr_out_check(const struct tpr_out_req *req);

/* Greatest number of registrations that the command can add. */
u32 tpr_out_room(const struct tpr_out_req *req);

/*
 * Executes the command on @info, which holds the newest state (with @lost an
 * empty one, with the seq that was lost).  On GOOD *@changed tells whether
 * @info was changed and has to be stored (then *@order is what to
 * tpr_stamp() it with); on any other status @info is untouched, but for room
 * that it does not use.  A new registration ends with INSUFFICIENT
 * REGISTRATION RESOURCES when @info has no room for it, or the string no way
 * to name the nexus.  What SPEC_I_PT lists needs its room beside all there are,
 * also if ALL_TG_PT makes one of several that the sender's port has.
 *
 * While an SPC-2 reservation stands, this ends with RESERVATION CONFLICT
 * whatever the nexus and the action (SPC-2 5.5.1).
 *
 * PRGENERATION is counted here and nowhere else.
 */
struct tpr_result tpr_out(struct tcmu_pr_info *info,
			  const struct tpr_out_req *req, bool *changed,
			  struct tpr_order *order);

/*
 * Does @order, which came in at @gateway, again on @info, the state that it
 * was executed on.  0; -EINVAL, and @info is in no state to be used, if the
 * order does not tell all that is needed (SPEC_I_PT, REGISTER AND MOVE, REPLACE
 * LOST RESERVATION, repair), or was not one that would have been executed;
 * -ENOSPC.  Does not tpr_stamp().
 */
int tpr_redo(struct tcmu_pr_info *info, const struct tpr_order *order,
	     const char *gateway);

#endif
