// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends commands in flight: those of the nexuses that PREEMPT AND ABORT took
 * the registration from (SPC-4 5.13.11.2.6), and all of them when a LOGICAL
 * UNIT RESET came in at another gateway.  Victims are the nexuses that
 * install.c has marked, by registration, whatever key their commands came
 * under.
 *
 * A command is given the core's mark of an aborted one, so that the core ends
 * it as its TAS attribute says.  One that the backstore may have is waited
 * for: only when it has ended does the gateway say that it enforces the state.
 *
 * The core takes commands that a task management function aborts off its
 * list, so tmr.c keeps those in sight.
 */
#include <linux/configfs.h>
#include <linux/delay.h>
#include <linux/slab.h>
#include <scsi/scsi_common.h>
#include <target/target_core_fabric.h>

#include "tcmu_pr_dev.h"

/* A command that has to end.  Made and freed by the push work alone. */
struct tpr_abort {
	struct list_head list; /* tpr_dev.aborts */
	struct se_cmd *cmd; /* referenced; NULL: it has ended, see below */
	unsigned long until; /* jiffies; then it is taken for ended */
};

/*
 * When TCMU gives a command up after cmd_time_out, its handler may still
 * execute it, so nobody can say when its write lands.
 */
static unsigned int backstore_time_out_s(struct se_device *se_dev)
{
	struct config_item *item = &se_dev->dev_attrib.da_group.cg_item;
	struct configfs_attribute **attr = item->ci_type->ct_attrs;
	char *page = (char *)get_zeroed_page(GFP_NOIO);
	unsigned int seconds = 1;

	if (!page) /* the shortest there is: fail closed */
		return seconds;
	for (; attr && *attr; attr++) {
		if (strcmp((*attr)->ca_name, "cmd_time_out"))
			continue;
		if ((*attr)->show(item, page) <= 0 ||
		    kstrtouint(strim(page), 10, &seconds))
			seconds = 1;
		break;
	}
	free_page((unsigned long)page);
	return seconds;
}

/* True if TCMU may have given @cmd up rather than seen it end. */
static bool may_have_timed_out(struct tpr_dev *dev, const struct se_cmd *cmd)
{
	unsigned int limit = backstore_time_out_s(dev->se_dev);
	u32 since = tpr_handed_over(cmd);

	return limit && since &&
	       jiffies_to_msecs((u32)jiffies - since) >= limit * MSEC_PER_SEC;
}

/* The backstore is done with it, and the core is about to answer or has. */
static bool ended(const struct se_cmd *cmd)
{
	return !READ_ONCE(cmd->lun_ref_active);
}

static bool is_victim(const struct tpr_dev *dev, const struct se_cmd *cmd,
		      struct tpr_nx **victim)
{
	struct tpr_nx *nx;

	*victim = NULL;
	list_for_each_entry(nx, &dev->nexuses, all) {
		if (!nx->victim || !tpr_nx_of_session(nx, cmd->se_sess))
			continue;
		*victim = nx;
		return true;
	}
	return dev->abort_all;
}

/* Commands of this class are ours and never reach the backstore. */
static bool is_ours(const struct se_cmd *cmd)
{
	return tpr_classify(cmd->t_task_cdb,
			    scsi_command_size(cmd->t_task_cdb)) &
	       (TPR_CLASS_PR_IN | TPR_CLASS_PR_OUT | TPR_CLASS_SPC2);
}

/*
 * Marks @cmd; true if the backstore may have it.  What has not been sent yet
 * never will: execution looks at the mark, and the mark is set under the lock
 * under which a command becomes one that was sent.
 */
static bool mark(struct se_cmd *cmd, bool tas)
{
	bool sent;

	spin_lock(&cmd->t_state_lock);
	sent = cmd->transport_state & CMD_T_SENT &&
	       !(cmd->transport_state & CMD_T_COMPLETE);
	/* A session that is going ends its commands itself. */
	if (!(cmd->transport_state &
	      (CMD_T_COMPLETE | CMD_T_FABRIC_STOP | CMD_T_ABORTED)))
		cmd->transport_state |= CMD_T_ABORTED | (tas ? CMD_T_TAS : 0);
	spin_unlock(&cmd->t_state_lock);
	return sent;
}

/* Context: the lock that keeps @cmd in its list, interrupts off. */
static int take(struct tpr_dev *dev, struct se_cmd *cmd)
{
	bool tas = dev->se_dev->dev_attrib.emulate_tas;
	struct tpr_abort *abort;
	struct tpr_nx *victim;

	if (cmd->se_cmd_flags & SCF_SCSI_TMR_CDB || !cmd->se_sess ||
	    cmd == dev->spared || !is_victim(dev, cmd, &victim))
		return 0;
	abort = kmalloc(sizeof(*abort), GFP_ATOMIC);
	if (!abort)
		return -ENOMEM;
	if (victim)
		victim->cleared = true;
	if (!mark(cmd, tas) || is_ours(cmd) ||
	    !kref_get_unless_zero(&cmd->cmd_kref)) {
		kfree(abort);
		return 0;
	}
	abort->cmd = cmd;
	list_add_tail(&abort->list, &dev->aborts);
	return 0;
}

static int take_from_queue(struct tpr_dev *dev, struct se_device_queue *queue)
{
	struct se_cmd *cmd;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&queue->lock, flags);
	list_for_each_entry(cmd, &queue->state_list, state_list) {
		err = take(dev, cmd);
		if (err)
			break;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
	return err;
}

/* What task management functions are aborting: off the core's lists. */
static int take_from_tmrs(struct tpr_dev *dev)
{
	struct se_cmd *cmd;
	struct tpr_tmr *tmr;
	unsigned long flags;
	int err = 0;

	spin_lock_irqsave(&dev->tmr_lock, flags);
	list_for_each_entry(tmr, &dev->tmrs, list)
		list_for_each_entry(cmd, tmr->cmds, state_list)
			if (!err)
				err = take(dev, cmd);
	spin_unlock_irqrestore(&dev->tmr_lock, flags);
	return err;
}

static void drop_all(struct tpr_dev *dev)
{
	struct tpr_abort *abort, *tmp;

	list_for_each_entry_safe(abort, tmp, &dev->aborts, list) {
		list_del(&abort->list);
		if (abort->cmd)
			target_put_sess_cmd(abort->cmd);
		kfree(abort);
	}
}

/*
 * True if a task management function may hold commands that are in no list
 * we can see: from when the core takes them off its list until it calls our
 * hook.  All that time, and while it is in the hook, the function itself is in
 * the device's list.
 */
static bool tmrs_out_of_sight(struct tpr_dev *dev)
{
	struct se_device *se_dev = dev->se_dev;
	const struct se_tmr_req *req;
	unsigned long flags;
	bool unseen = false;

	spin_lock_irqsave(&dev->tmr_lock, flags);
	spin_lock(&se_dev->se_tmr_lock);
	list_for_each_entry(req, &se_dev->dev_tmr_list, tmr_list)
		if ((req->function == TMR_ABORT_TASK ||
		     req->function == TMR_LUN_RESET) &&
		    !tpr_tmr_seen(dev, req))
			unseen = true;
	spin_unlock(&se_dev->se_tmr_lock);
	spin_unlock_irqrestore(&dev->tmr_lock, flags);
	return unseen;
}

static int wait_for_tmrs(struct tpr_dev *dev)
{
	unsigned long deadline = jiffies + HZ;

	while (tmrs_out_of_sight(dev)) {
		if (time_after(jiffies, deadline))
			return -EBUSY;
		usleep_range(500, 2000);
	}
	return 0;
}

/*
 * Marks the commands in flight of the victims.  An error: not all of them,
 * and the victims stay victims, for another try.
 * Context: push work, @dev->lock held, the state that made them victims
 * published, readers of the one before gone.
 */
static int take_victims(struct tpr_dev *dev)
{
	struct tpr_nx *nx;
	int i, err = 0;

	lockdep_assert_held(&dev->lock);
	dev->spared = NULL;
	if (tpr_written_as(dev->newest, &dev->origin_writer))
		dev->spared = dev->originator;
	for (i = 0; !err && i < dev->se_dev->queue_cnt; i++)
		err = take_from_queue(dev, &dev->se_dev->queues[i]);
	/* What left those lists before we came is in these now. */
	if (!err)
		err = wait_for_tmrs(dev);
	if (!err)
		err = take_from_tmrs(dev);
	if (err)
		return err;
	dev->aborting = false;
	dev->abort_all = false;
	list_for_each_entry(nx, &dev->nexuses, all) {
		/* Where there is no status, a unit attention tells. */
		if (nx->cleared && !dev->se_dev->dev_attrib.emulate_tas)
			tpr_nx_add_ua(dev, nx, TPR_ASC_CLEARED);
		nx->cleared = false;
		nx->victim = false;
	}
	return 0;
}

/* True when none is left that has to end. */
static bool reap_ended(struct tpr_dev *dev)
{
	struct tpr_abort *abort, *tmp;

	list_for_each_entry_safe(abort, tmp, &dev->aborts, list) {
		if (abort->cmd && ended(abort->cmd)) {
			abort->until = jiffies;
			if (may_have_timed_out(dev, abort->cmd)) {
				pr_warn("tcmu_pr: %s: a command of a preempted nexus took as long as the backstore's cmd_time_out and may still be executed: PREEMPT AND ABORT will not say GOOD\n",
					dev->name);
				abort->until +=
					msecs_to_jiffies(tpr_reply_timeout_ms) +
					msecs_to_jiffies(tpr_command_timeout_ms);
			}
			target_put_sess_cmd(abort->cmd);
			abort->cmd = NULL;
		}
		if (!abort->cmd && time_after_eq(jiffies, abort->until)) {
			list_del(&abort->list);
			kfree(abort);
		}
	}
	return list_empty(&dev->aborts);
}

/*
 * Ends what has to end before the newest state counts as installed.  0;
 * -EBUSY if some of it takes longer than the hold time, or another push is
 * waiting: then this push is to be repeated.  -ENOMEM likewise.
 * Context: push work, outside of @dev->lock and @dev->srcu.
 */
int tpr_abort_victims(struct tpr_dev *dev)
{
	unsigned long deadline = jiffies +
		msecs_to_jiffies(READ_ONCE(tpr_hold_timeout_ms));
	int err = 0;

	mutex_lock(&dev->lock);
	if (dev->aborting)
		err = take_victims(dev);
	mutex_unlock(&dev->lock);
	tpr_pr_drop_aborted(dev);
	if (err)
		return err;
	while (!reap_ended(dev)) {
		if (time_after(jiffies, deadline) || tpr_push_waits(dev) ||
		    !READ_ONCE(dev->attached))
			return -EBUSY;
		usleep_range(500, 2000);
	}
	return 0;
}

/* Context: the push work has ended for good. */
void tpr_abort_forget(struct tpr_dev *dev)
{
	drop_all(dev);
}
