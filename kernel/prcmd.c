// SPDX-License-Identifier: GPL-2.0-only
/*
 * The work item that takes a device's reservation commands one after another,
 * and PERSISTENT RESERVE IN.  The decision is the core's, the newest state
 * comes from the daemon and goes back to it.
 */
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <scsi/scsi_proto.h>

#include "change.h"
#include "netlink.h"
#include "tpr_in.h"
#include "tpr_opcode.h"

enum {
	/* How long a LOGICAL UNIT RESET waits for the other gateways. */
	RESET_WAIT_MS = 8000,
};

struct tpr_cmd {
	struct list_head list;
	struct se_cmd *cmd;
	const struct tpr_nexus *nexus; /* owned */
};

sense_reason_t tpr_pr_queue(struct tpr_dev *dev, struct se_cmd *cmd,
			    const struct tpr_nexus *nexus)
{
	struct tpr_cmd *pc = kmalloc(sizeof(*pc), GFP_NOIO);
	int idx;

	if (!pc) {
		kfree(nexus);
		return TCM_OUT_OF_RESOURCES;
	}
	pc->cmd = cmd;
	pc->nexus = nexus;
	/* Once it is in the list, @cmd may end, and then nothing keeps @dev. */
	idx = srcu_read_lock(&dev->srcu);
	spin_lock(&dev->cmds_lock);
	list_add_tail(&pc->list, &dev->cmds);
	spin_unlock(&dev->cmds_lock);
	queue_work(tpr_cmd_wq, &dev->cmd_work);
	srcu_read_unlock(&dev->srcu, idx);
	return TCM_NO_SENSE;
}

/*
 * The installed state if it is settled, of @term, and a daemon is there to hear
 * of newer ones: then no other gateway can have answered from a newer state
 * while the lease stands.  Otherwise the daemon settles first.  A copy, to be
 * kvfree()d.
 */
static struct tcmu_pr_info *state_to_read(struct tpr_dev *dev, u64 term)
{
	struct tcmu_pr_info *info = NULL;
	u64 lost;

	mutex_lock(&dev->lock);
	if (dev->settled && !dev->error && dev->term == term &&
	    tpr_nl_connected()) {
		info = kvmalloc(tpr_info_size(dev->newest->num_regs),
				GFP_NOIO);
		if (info) {
			tpr_info_init(info, dev->newest->num_regs);
			tpr_info_copy(info, dev->newest);
		}
	}
	mutex_unlock(&dev->lock);
	return info ? info : tpr_get_state(dev, 0, &lost);
}

static void pr_in(struct tpr_dev *dev, struct tpr_cmd *pc)
{
	struct se_cmd *cmd = pc->cmd;
	u32 cap = min_t(u32, cmd->data_length, 0xffff);
	u64 term = tpr_lease_term();
	struct tcmu_pr_info *info;
	struct tpr_result res;
	u32 len = 0;
	u8 *buf;

	if (cmd->data_direction != DMA_FROM_DEVICE)
		cap = 0;
	info = state_to_read(dev, term);
	if (IS_ERR(info)) {
		tpr_complete(cmd, tpr_error_result(PTR_ERR(info)));
		return;
	}
	buf = kvzalloc(cap + 1, GFP_NOIO);
	if (!buf) {
		kvfree(info);
		tpr_complete(cmd, tpr_error_result(ENOMEM));
		return;
	}
	res = tpr_in(info, cmd->t_task_cdb, buf, cap, &len);
	if (len)
		sg_copy_from_buffer(cmd->t_data_sg, cmd->t_data_nents, buf,
				    len);
	kvfree(info);
	kvfree(buf);
	/* Only now: the answer was true at some time in the lease. */
	if (!tpr_lease_holds(term))
		res = tpr_error_result(EAGAIN);
	if (res.status != TPR_GOOD || !cap) {
		tpr_complete(cmd, res);
		return;
	}
	if (!len) /* a status alone: iSCSI cannot send data of no length */
		cmd->data_direction = DMA_NONE;
	target_complete_cmd_with_length(cmd, SAM_STAT_GOOD, len);
}

static bool is_aborted(const struct se_cmd *cmd)
{
	return READ_ONCE(cmd->transport_state) & (CMD_T_ABORTED | CMD_T_STOP);
}

static void run(struct tpr_dev *dev, struct tpr_cmd *pc)
{
	/* Aborted, or its session is going: nobody wants it done any more. */
	if (is_aborted(pc->cmd))
		target_complete_cmd(pc->cmd, SAM_STAT_TASK_ABORTED);
	else if (!READ_ONCE(dev->attached))
		tpr_complete(pc->cmd, tpr_error_result(ENODEV));
	else if (!tpr_lease_left())
		tpr_complete(pc->cmd, tpr_error_result(EAGAIN));
	else if (pc->cmd->t_task_cdb[0] == TPR_OP_PR_IN)
		pr_in(dev, pc);
	else if (pc->cmd->t_task_cdb[0] == TPR_OP_PR_OUT)
		tpr_pr_out(dev, pc->cmd, pc->nexus);
	else
		tpr_spc2_cmd(dev, pc->cmd, pc->nexus);
	kfree(pc->nexus);
	kfree(pc);
}

/* What the worker has to do next. */
struct pr_task {
	u64 resets; /* LOGICAL UNIT RESETs up to this one; 0: none */
	bool look;
	struct tpr_cmd *pc;
};

/*
 * Resets before commands: those may be what stands in a command's way.  A look
 * comes again and again, so it comes last.
 */
static bool take_task(struct tpr_dev *dev, struct pr_task *task)
{
	memset(task, 0, sizeof(*task));
	spin_lock(&dev->cmds_lock);
	if (dev->resets_wanted != dev->resets_done) {
		task->resets = dev->resets_wanted;
	} else if (!list_empty(&dev->cmds)) {
		task->pc = list_first_entry(&dev->cmds, struct tpr_cmd, list);
		list_del(&task->pc->list);
	} else {
		task->look = dev->look;
		dev->look = false;
	}
	spin_unlock(&dev->cmds_lock);
	return task->resets || task->look || task->pc;
}

static void reset(struct tpr_dev *dev, u64 upto)
{
	if (READ_ONCE(dev->attached))
		tpr_lu_reset(dev);
	WRITE_ONCE(dev->resets_done, upto);
	wake_up_all(&dev->view_wq);
}

void tpr_pr_work(struct work_struct *work)
{
	struct tpr_dev *dev = container_of(work, struct tpr_dev, cmd_work);
	struct pr_task task;

	while (take_task(dev, &task)) {
		if (task.resets)
			reset(dev, task.resets);
		else if (task.look && READ_ONCE(dev->attached))
			tpr_look_for_holder(dev);
		else if (task.pc)
			run(dev, task.pc);
	}
}

void tpr_pr_drop_aborted(struct tpr_dev *dev)
{
	struct tpr_cmd *pc, *tmp;
	LIST_HEAD(aborted);

	spin_lock(&dev->cmds_lock);
	list_for_each_entry_safe(pc, tmp, &dev->cmds, list)
		if (is_aborted(pc->cmd))
			list_move_tail(&pc->list, &aborted);
	spin_unlock(&dev->cmds_lock);
	list_for_each_entry_safe(pc, tmp, &aborted, list) {
		list_del(&pc->list);
		target_complete_cmd(pc->cmd, SAM_STAT_TASK_ABORTED);
		kfree(pc->nexus);
		kfree(pc);
	}
}

/* Queues the worker for @resets more resets or a look. */
static u64 queue_task(struct tpr_dev *dev, bool reset)
{
	u64 ticket = 0;

	spin_lock(&dev->cmds_lock);
	if (dev->attached) {
		if (reset)
			ticket = ++dev->resets_wanted;
		else
			dev->look = true;
		queue_work(tpr_cmd_wq, &dev->cmd_work);
	}
	spin_unlock(&dev->cmds_lock);
	return ticket;
}

void tpr_pr_look(struct tpr_dev *dev)
{
	queue_task(dev, false);
}

/*
 * If the others cannot be told in time, the reset goes on here all the same:
 * nothing that they enforce gets any weaker, and a warning is in the log.
 */
void tpr_pr_reset(struct tpr_dev *dev)
{
	u64 ticket = queue_task(dev, true);

	if (ticket)
		wait_event_timeout(dev->view_wq,
				   READ_ONCE(dev->resets_done) >= ticket ||
				   !READ_ONCE(dev->attached),
				   msecs_to_jiffies(RESET_WAIT_MS));
}
