/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of the state, and the states that they start from. */
#ifndef TCMU_PR_CHANGE_H
#define TCMU_PR_CHANGE_H

#include "tcmu_pr_dev.h"

/* One change from its first question to the daemon to its outcome. */
struct tpr_chg {
	/* Set by the caller. */
	struct tpr_dev *dev;
	struct se_cmd *cmd; /* that asks for it; NULL: none */
	const char *what; /* for people */
	u32 room; /* registrations that it may add */
	bool aborts; /* PREEMPT AND ABORT */
	bool replaces_lost; /* it can do without a state */
	/* Decides on @info; as tpr_out(). */
	struct tpr_result (*decide)(struct tpr_chg *c, struct tcmu_pr_info *info,
				    bool *changed, struct tpr_order *order);
	void *arg; /* for decide() */

	/* Set on the way. */
	struct tpr_writer writer;
	u64 term; /* in which it was begun, and is worked on */
	unsigned long deadline; /* jiffies; 0: not begun */
	bool lost; /* @info stands for a lost state */
	bool sent; /* a SET was sent: look for it in what is stored */
	bool unclear; /* one ended so: it may have happened */
	u64 first_seq; /* that of the first such version */
};

/*
 * Makes the change, and says how its command ends.
 * Context: @dev's cmd_work; may sleep for command and reply timeout together.
 */
struct tpr_result tpr_change_run(struct tpr_chg *c);

struct tcmu_pr_info *tpr_get_state(struct tpr_dev *dev, u32 room, u64 *lost);

/* prout.c: the changes that there are; all in @dev's cmd_work. */
void tpr_pr_out(struct tpr_dev *dev, struct se_cmd *cmd,
		const struct tpr_nexus *nexus);
void tpr_spc2_cmd(struct tpr_dev *dev, struct se_cmd *cmd,
		  const struct tpr_nexus *nexus);
void tpr_lu_reset(struct tpr_dev *dev);
void tpr_look_for_holder(struct tpr_dev *dev);

#endif
