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
		if (tpr_tcmu_has(cmd))
			return false;
	return true;
}

/*
 * The core executes a function as the work of its command, whose t_task_lba it
 * does not use: there we say that we have seen the function.
 */
static u64 seen_mark(const struct tpr_dev *dev)
{
	return (uintptr_t)dev | 1;
}

static void see(struct tpr_dev *dev)
{
	struct work_struct *work = current_work();
	struct se_cmd *cmd;
	unsigned long flags;

	if (!work)
		return;
	cmd = container_of(work, struct se_cmd, work);
	if (!cmd->se_tmr_req)
		return;
	spin_lock_irqsave(&dev->se_dev->se_tmr_lock, flags);
	cmd->t_task_lba = seen_mark(dev);
	spin_unlock_irqrestore(&dev->se_dev->se_tmr_lock, flags);
}

/*
 * True if the commands that @req aborts are in our list, or have ended.
 * Context: se_tmr_lock held, @req in the device's list.
 */
bool tpr_tmr_seen(const struct tpr_dev *dev, const struct se_tmr_req *req)
{
	return req->task_cmd && req->task_cmd->t_task_lba == seen_mark(dev);
}

static void begin(struct tpr_dev *dev, struct tpr_tmr *tmr)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->tmr_lock, flags);
	list_add_tail(&tmr->list, &dev->tmrs);
	spin_unlock_irqrestore(&dev->tmr_lock, flags);
	see(dev);
}

static void end(struct tpr_dev *dev, struct tpr_tmr *tmr)
{
	unsigned long flags;

	spin_lock_irqsave(&dev->tmr_lock, flags);
	list_del(&tmr->list);
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
	/*
	 * What looked at the core's mark too early is with TCMU after this.
	 * Until it has let go, PREEMPT AND ABORT must be able to see them.
	 */
	synchronize_srcu_expedited(&dev->srcu);
	while (!all_ended(&tmr))
		msleep(POLL_MS);
	end(dev, &tmr);
	tpr_dev_put(dev);
	module_put(THIS_MODULE);
}
