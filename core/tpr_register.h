/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What makes registrations: REGISTER, REGISTER AND IGNORE EXISTING KEY and
 * REGISTER AND MOVE, SPC-4 5.13.7 and 5.13.8.  Of tpr_out() and of nobody
 * else.
 */
#ifndef TPR_REGISTER_H
#define TPR_REGISTER_H

#include "tpr_out.h"

enum {
	/* Byte 20 of the basic parameter list, SPC-4 table 231. */
	TPR_PARAM_APTPL = 0x01,
	TPR_PARAM_ALL_TG_PT = 0x04,
	TPR_PARAM_SPEC_I_PT = 0x08,
	/* Byte 17 of REGISTER AND MOVE's, where APTPL has the same place. */
	TPR_PARAM_UNREG = 0x02,
};

/* A command taken apart. */
struct tpr_out_args {
	const struct tpr_out_req *req;
	u8 sa;
	u8 scope;
	u8 type;
	u64 key; /* RESERVATION KEY */
	u64 sa_key; /* SERVICE ACTION RESERVATION KEY */
	u8 flags; /* byte 20, or 17 of REGISTER AND MOVE */
	int self; /* index of the nexus's registration, -1: none */
};

/* The form of what follows the first 24 bytes of a list of TransportIDs. */
struct tpr_result tpr_spec_i_pt_check(const struct tpr_out_req *req);
struct tpr_result tpr_move_check(const struct tpr_out_req *req);

/* Greatest number of registrations that REGISTER with SPEC_I_PT can add. */
u32 tpr_spec_i_pt_room(const struct tpr_out_req *req);

/* The actions; they are checked, but not the keys of the first one. */
struct tpr_result tpr_register(struct tcmu_pr_info *info,
			       const struct tpr_out_args *o);
struct tpr_result tpr_register_move(struct tcmu_pr_info *info,
				    const struct tpr_out_args *o);

#endif
