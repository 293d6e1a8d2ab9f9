// SPDX-License-Identifier: GPL-2.0-only
/*
 * The changes that there are: PERSISTENT RESERVE OUT, RESERVE and RELEASE, and
 * what ends an SPC-2 reservation without a command for it.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "change.h"
#include "netlink.h"
#include "tpr_opcode.h"
#include "tpr_out.h"
#include "tpr_spc2.h"
#include "tpr_tid.h"

enum {
	/* REGISTER with as many TransportIDs as there can be registrations. */
	PARAM_MAX = 32 + TPR_REGS_MAX * TPR_TID_MAX,
	/* How RESERVE waits for another gateway to notice a lost nexus. */
	CONFLICT_TRIES = 4,
	CONFLICT_PAUSE_MS = 100,
};

static struct tpr_result decide_pr_out(struct tpr_chg *c,
				       struct tcmu_pr_info *info,
				       bool *changed, struct tpr_order *order)
{
	struct tpr_out_req *req = c->arg;

	req->lost = c->lost;
	return tpr_out(info, req, changed, order);
}

/* The parameter list, to be kvfree()d. */
static u8 *copy_params(struct se_cmd *cmd, u32 *len)
{
	u8 *param;

	*len = 0;
	if (cmd->data_direction == DMA_TO_DEVICE)
		*len = min_t(u32, cmd->data_length, PARAM_MAX);
	param = kvzalloc(max_t(u32, *len, TPR_OUT_PARAM_LEN), GFP_NOIO);
	if (param && *len)
		*len = sg_copy_to_buffer(cmd->t_data_sg, cmd->t_data_nents,
					 param, *len);
	return param;
}

void tpr_pr_out(struct tpr_dev *dev, struct se_cmd *cmd,
		const struct tpr_nexus *nexus)
{
	struct tpr_ports ports = tpr_dev_ports(dev);
	struct tpr_out_req req = {
		.nexus = nexus,
		.cdb = cmd->t_task_cdb,
		.ports = &ports,
		.force_aptpl = dev->se_dev->dev_attrib.force_pr_aptpl,
	};
	u8 sa = cmd->t_task_cdb[1] & 0x1f;
	struct tpr_chg c = {
		.dev = dev,
		.cmd = cmd,
		.what = "PERSISTENT RESERVE OUT",
		.aborts = sa == TPR_OUT_PREEMPT_ABORT,
		.replaces_lost = sa == TPR_OUT_REPLACE_LOST,
		.decide = decide_pr_out,
		.arg = &req,
	};
	struct tpr_result res;
	u8 *param;

	param = copy_params(cmd, &req.param_len);
	if (!param) {
		tpr_complete(cmd, tpr_error_result(ENOMEM));
		return;
	}
	req.param = param;
	res = tpr_out_check(&req);
	if (res.status == TPR_GOOD) {
		c.room = tpr_out_room(&req);
		res = tpr_change_run(&c);
	}
	kvfree(param);
	tpr_complete(cmd, res);
}

static struct tpr_result decide_spc2(struct tpr_chg *c,
				     struct tcmu_pr_info *info, bool *changed,
				     struct tpr_order *order)
{
	return tpr_spc2(info, c->arg, c->writer.gateway, c->cmd->t_task_cdb,
			changed, order);
}

/* Another gateway watches over the holder of an SPC-2 reservation. */
static bool held_elsewhere(struct tpr_dev *dev)
{
	char gateway[TPR_GATEWAY_MAX + 1];
	bool held;

	tpr_nl_gateway(gateway);
	mutex_lock(&dev->lock);
	held = dev->newest && dev->newest->scsi2_held &&
	       strcmp(dev->newest->scsi2_gateway, gateway);
	mutex_unlock(&dev->lock);
	return held;
}

void tpr_spc2_cmd(struct tpr_dev *dev, struct se_cmd *cmd,
		  const struct tpr_nexus *nexus)
{
	struct tpr_chg c = {
		.dev = dev,
		.cmd = cmd,
		.what = "RESERVE or RELEASE",
		.decide = decide_spc2,
		.arg = (void *)nexus,
	};
	struct tpr_session_id id = tpr_session_id(cmd->se_sess);
	u8 opcode = cmd->t_task_cdb[0];
	struct tpr_chg anew = c;
	struct tpr_result res;
	int tries;

	/*
	 * The one in the way may be gone, and just not noticed yet: here, or
	 * at another gateway, which needs a moment to say so.
	 */
	tpr_look_for_holder(dev);
	res = tpr_change_run(&c);
	for (tries = 0; tries < CONFLICT_TRIES; tries++) {
		if (res.status != TPR_RESERVATION_CONFLICT ||
		    !held_elsewhere(dev))
			break;
		msleep(CONFLICT_PAUSE_MS);
		anew.deadline = c.deadline; /* one for all tries */
		c = anew;
		res = tpr_change_run(&c);
	}
	if (res.status == TPR_GOOD &&
	    (opcode == TPR_OP_RESERVE6 || opcode == TPR_OP_RESERVE10))
		tpr_watch_note(dev, nexus, &id);
	tpr_complete(cmd, res);
}

static struct tpr_result decide_reset(struct tpr_chg *c,
				      struct tcmu_pr_info *info, bool *changed,
				      struct tpr_order *order)
{
	tpr_spc2_end(info);
	order->action = TPR_ACT_LU_RESET;
	*changed = true;
	return tpr_good();
}

/* A LOGICAL UNIT RESET came in here: the other gateways have to hear of it. */
void tpr_lu_reset(struct tpr_dev *dev)
{
	struct tpr_chg c = {
		.dev = dev,
		.what = "telling the other gateways of a LOGICAL UNIT RESET",
		.decide = decide_reset,
	};

	tpr_change_run(&c);
}

static struct tpr_result decide_loss(struct tpr_chg *c,
				     struct tcmu_pr_info *info, bool *changed,
				     struct tpr_order *order)
{
	*changed = tpr_watch_lost(c->dev, info, c->writer.gateway) &&
		   tpr_spc2_end(info);
	order->action = TPR_ACT_NEXUS_LOSS;
	return tpr_good();
}

static bool seems_lost(struct tpr_dev *dev)
{
	char gateway[TPR_GATEWAY_MAX + 1];
	bool lost = false;

	tpr_nl_gateway(gateway);
	mutex_lock(&dev->lock);
	if (dev->newest)
		lost = tpr_watch_lost(dev, dev->newest, gateway);
	mutex_unlock(&dev->lock);
	return lost;
}

/* An SPC-2 reservation whose nexus is gone ends with it. */
void tpr_look_for_holder(struct tpr_dev *dev)
{
	struct tpr_chg c = {
		.dev = dev,
		.what = "ending the reservation of a lost nexus",
		.decide = decide_loss,
	};

	if (seems_lost(dev))
		tpr_change_run(&c);
}
