// SPDX-License-Identifier: GPL-2.0-only
/*
 * Task management functions.  The target core executes them and tells the
 * backend which commands it aborts, before it waits for them.
 *
 * A LOGICAL UNIT RESET is one of the whole device: it is made a change of the
 * state, so that the other gateways end their commands too, tell their
 * initiators, and an SPC-2 reservation ends everywhere.
 */
#include <linux/delay.h>
#include <linux/module.h>

#include "netlink.h"
#include "tcmu_pr_dev.h"

enum {
	POLL_MS = 5,
};

static bool all_ended(const struct tpr_tmr *tmr)
{
	const struct se_cmd *cmd;

	list_for_each_entry(cmd, tmr->cmds, state_list)
		if (READ_ONCE(cmd->lun_ref_active) &&
		    READ_ONCE(cmd->transport_state) & CMD_T_SENT)
			return false;
	return true;
}

static struct tpr_tmr_id id_of(const struct se_tmr_req *req)
{
	return (struct tpr_tmr_id){
		.req = req,
		.tag = req->task_cmd ? req->task_cmd->tag : 0,
	};
}

static bool same_id(const struct tpr_tmr_id *a, const struct tpr_tmr_id *b)
{
	return a->req == b->req && a->tag == b->tag;
}

/*
 * True if the commands that @req, in the core's list, aborts are in our list,
 * or have ended.
 */
bool tpr_tmr_seen(const struct tpr_dev *dev, const struct se_tmr_req *req)
{
	const struct tpr_tmr_id id = id_of(req);
	const struct tpr_tmr *tmr;
	u32 i;

	list_for_each_entry(tmr, &dev->tmrs, list)
		if (same_id(&tmr->id, &id))
			return true;
	for (i = 0; i < TPR_TMRS_PAST; i++)
		if (same_id(&dev->past_tmrs[i], &id))
			return true;
	return false;
}

/* The core executes a function as the work of its command. */
static void identify(struct tpr_tmr *tmr)
{
	struct work_struct *work = current_work();
	const struct se_cmd *cmd;

	if (!work)
		return;
	cmd = container_of(work, struct se_cmd, work);
	if (cmd->se_tmr_req)
		tmr->id = id_of(cmd->se_tmr_req);
}

static void begin(struct tpr_dev *dev, struct tpr_tmr *tmr)
{
	unsigned long flags;
	u32 i;

	identify(tmr);
	spin_lock_irqsave(&dev->tmr_lock, flags);
	for (i = 0; i < TPR_TMRS_PAST; i++)
		if (dev->past_tmrs[i].req == tmr->id.req)
			dev->past_tmrs[i] = (struct tpr_tmr_id){ 0 };
	list_add_tail(&tmr->list, &dev->tmrs);
	spin_unlock_irqrestore(&dev->tmr_lock, flags);
}

static void end(struct tpr_dev *dev, struct tpr_tmr *tmr)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->tmr_lock, flags);
	list_del(&tmr->list);
	dev->past_tmrs[dev->next_past++ % TPR_TMRS_PAST] = tmr->id;
	spin_unlock_irqrestore(&dev->tmr_lock, flags);
}

/*
 * Stands in place of TCMU's tmr_notify.
 * Context: process, the core's lun_reset_mutex may be held; the core holds a
 * reference to each command in @cmds, and will wait for all of them next.
 */
void tpr_tmr_notify(struct se_device *se_dev, enum tcm_tmreq_table type,
		    struct list_head *cmds)
{
	const struct target_backend_ops *ops = READ_ONCE(se_dev->transport);
	struct tpr_tmr tmr = { .cmds = cmds };
	struct tpr_dev *dev;

	if (ops->tmr_notify != tpr_tmr_notify) {
		if (ops->tmr_notify)
			ops->tmr_notify(se_dev, type, cmds);
		return;
	}
	dev = container_of(ops, struct tpr_dev, ops);
	/* Some fabrics' functions have no tag, so drain.c knows nothing of them. */
	__module_get(THIS_MODULE);
	kref_get(&dev->kref);
	begin(dev, &tmr);
	dev->orig->tmr_notify(se_dev, type, cmds);
	tpr_pr_drop_aborted(dev);
	if (type == TMR_LUN_RESET)
		tpr_pr_reset(dev);
	/* Until then PREEMPT AND ABORT must be able to see them. */
	while (!all_ended(&tmr))
		msleep(POLL_MS);
	end(dev, &tmr);
	tpr_dev_put(dev);
	module_put(THIS_MODULE);
}
