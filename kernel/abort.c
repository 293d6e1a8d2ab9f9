// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends commands in flight: those of the nexuses that PREEMPT AND ABORT took
 * the registration from (SPC-4 5.13.11.2.6), and all of them when a LOGICAL
 * UNIT RESET came in at another gateway.  Victims are the nexuses that
 * install.c has marked, by registration, whatever key their commands came
 * under.
 *
 * A command is given the core's mark of an aborted one, so that the core ends
 * it as its TAS attribute says.  One that TCMU has is waited for: only when
 * its handler is done with all of them does the gateway say that it enforces
 * the state.  TCMU has a command while se_cmd.priv is set, under its own lock
 * and within our read section of srcu, until just before it completes it.  The
 * core's own lists do not tell that: a session that goes takes aborted
 * commands off them at once.
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

enum {
	REAP_MS = 5,
	TMR_WAIT_MS = 1000,
};

/* A command that has to end. */
struct tpr_abort {
	struct list_head list; /* tpr_dev.aborts; abort_lock */
	struct se_cmd *cmd; /* marked and referenced; NULL: it has ended */
	bool ripe; /* TCMU has it, or never will */
	unsigned long until; /* jiffies; then it is taken for ended */
};

/*
 * When TCMU gives a command up after cmd_time_out, its handler may still
 * execute it, so nobody can say when its write lands.  0: it never does.
 */
unsigned int tpr_backstore_time_out_s(struct se_device *se_dev)
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
	unsigned int limit = tpr_backstore_time_out_s(dev->se_dev);
	u32 since = tpr_handed_over(cmd);

	/* One second less: jiffies are coarse, and cut by a bit. */
	return limit && since &&
	       jiffies_to_msecs((u32)jiffies - since) >=
		       (limit - 1) * MSEC_PER_SEC;
}

/*
 * Context: any, with a reference to @cmd or its list's lock; after
 * synchronize_srcu() once @cmd was marked it does not become true again.
 */
bool tpr_tcmu_has(const struct se_cmd *cmd)
{
	return READ_ONCE(cmd->priv);
}

/* The nexus of @cmd, NULL if it is not known. */
static struct tpr_nx *nexus_of(const struct tpr_dev *dev,
			       const struct se_cmd *cmd)
{
	struct tpr_nx *nx;

	list_for_each_entry(nx, &dev->nexuses, all)
		if (tpr_nx_of_session(nx, cmd->se_sess))
			return nx;
	return NULL;
}

/* Commands of these classes are ours and never reach TCMU. */
static bool is_ours(const struct se_cmd *cmd)
{
	return tpr_classify(cmd->t_task_cdb,
			    scsi_command_size(cmd->t_task_cdb)) &
	       (TPR_CLASS_PR_IN | TPR_CLASS_PR_OUT | TPR_CLASS_SPC2);
}

enum fate {
	NOT_THERE, /* it has ended, or will be judged by the new state */
	TO_WAIT_FOR, /* marked */
	GOING, /* its session ends it, and it stays in its list until then */
};

/*
 * Before execution looks at the mark, after it TCMU has the command or never
 * will: only in between is a command that is being refused, and that must not
 * be marked, for the core would neither answer it nor give it up.
 */
static bool may_be_marked(const struct se_cmd *cmd)
{
	if (!(cmd->transport_state & CMD_T_SENT))
		return cmd->t_state == TRANSPORT_WRITE_PENDING;
	return tpr_tcmu_has(cmd) || !tpr_handed_over(cmd);
}

static enum fate mark(struct se_cmd *cmd, bool tas)
{
	enum fate fate = NOT_THERE;

	spin_lock(&cmd->t_state_lock);
	if (cmd->transport_state & CMD_T_COMPLETE) {
		;
	} else if (cmd->transport_state & CMD_T_ABORTED) {
		fate = TO_WAIT_FOR;
	} else if (cmd->transport_state & CMD_T_FABRIC_STOP) {
		fate = tpr_tcmu_has(cmd) ? GOING : NOT_THERE;
	} else if (may_be_marked(cmd)) {
		cmd->transport_state |= CMD_T_ABORTED | (tas ? CMD_T_TAS : 0);
		fate = TO_WAIT_FOR;
	}
	if (fate == TO_WAIT_FOR && !(cmd->transport_state & CMD_T_SENT))
		fate = NOT_THERE; /* and it never will be sent */
	spin_unlock(&cmd->t_state_lock);
	return fate;
}

static bool is_known(const struct tpr_dev *dev, const struct se_cmd *cmd)
{
	const struct tpr_abort *abort;

	list_for_each_entry(abort, &dev->aborts, list)
		if (abort->cmd == cmd)
			return true;
	return false;
}

/*
 * A reference to what is marked, until TCMU has let go of it.  To others than
 * marked commands we must take none: a session that ends them counts.
 */
static int wait_for(struct tpr_dev *dev, struct se_cmd *cmd)
{
	struct tpr_abort *abort;

	if (is_ours(cmd) || is_known(dev, cmd))
		return 0;
	abort = kzalloc(sizeof(*abort), GFP_ATOMIC);
	if (!abort)
		return -EBUSY;
	if (!kref_get_unless_zero(&cmd->cmd_kref)) {
		kfree(abort);
		return 0;
	}
	abort->cmd = cmd;
	list_add_tail(&abort->list, &dev->aborts);
	return 0;
}

/* Context: the lock that keeps @cmd in its list, interrupts off. */
static int take(struct tpr_dev *dev, struct se_cmd *cmd)
{
	const struct se_cmd *spared = dev->spared;
	bool tas = dev->se_dev->dev_attrib.emulate_tas;
	struct tpr_nx *nx;
	bool own;

	if (cmd->se_cmd_flags & SCF_SCSI_TMR_CDB || !cmd->se_sess ||
	    cmd == spared)
		return 0;
	nx = nexus_of(dev, cmd);
	if (!dev->abort_all && !(nx && nx->victim))
		return 0;
	/* TAS is for commands that another nexus aborts. */
	own = spared && cmd->se_sess == spared->se_sess;
	switch (mark(cmd, tas && !own)) {
	case NOT_THERE:
		return 0;
	case GOING:
		dev->going = true;
		return 0;
	case TO_WAIT_FOR:
		break;
	}
	if (nx && !tas && !own)
		nx->cleared = true;
	return wait_for(dev, cmd);
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

/*
 * True if a task management function may hold commands that are in no list
 * we can see: from when the core takes them off its list until it calls our
 * hook.  All that time the function itself is in the device's list.
 */
static bool tmrs_out_of_sight(struct tpr_dev *dev)
{
	struct se_device *se_dev = dev->se_dev;
	const struct se_tmr_req *req;
	unsigned long flags;
	bool unseen = false;

	spin_lock_irqsave(&se_dev->se_tmr_lock, flags);
	list_for_each_entry(req, &se_dev->dev_tmr_list, tmr_list)
		if ((req->function == TMR_ABORT_TASK ||
		     req->function == TMR_LUN_RESET) &&
		    !tpr_tmr_seen(dev, req))
			unseen = true;
	spin_unlock_irqrestore(&se_dev->se_tmr_lock, flags);
	return unseen;
}

static int wait_for_tmrs(struct tpr_dev *dev)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(TMR_WAIT_MS);

	while (tmrs_out_of_sight(dev)) {
		if (time_after(jiffies, deadline))
			return -EBUSY;
		usleep_range(500, 2000);
	}
	return 0;
}

/* What is in the core's lists.  Context: @dev->lock and abort_lock held. */
static int take_from_queues(struct tpr_dev *dev)
{
	int i, err = 0;

	lockdep_assert_held(&dev->lock);
	dev->spared = NULL;
	if (tpr_written_as(dev->newest, &dev->origin_writer))
		dev->spared = dev->originator;
	dev->going = false;
	for (i = 0; !err && i < dev->se_dev->queue_cnt; i++)
		err = take_from_queue(dev, &dev->se_dev->queues[i]);
	return err;
}

/* All is marked.  Context: as take_from_queues(). */
static void forget_victims(struct tpr_dev *dev)
{
	struct tpr_nx *nx;

	list_for_each_entry(nx, &dev->nexuses, all) {
		/*
		 * Where there is no status, a unit attention tells; a reset
		 * has one of its own.
		 */
		if (nx->cleared && !dev->abort_all)
			tpr_nx_add_ua(dev, nx, TPR_ASC_CLEARED);
		nx->cleared = false;
		nx->victim = false;
	}
	dev->aborting = false;
	dev->abort_all = false;
}

/*
 * Marks the commands in flight of the victims.  -EBUSY: not all of them yet,
 * and the victims stay victims, for another try.
 */
static int take_victims(struct tpr_dev *dev)
{
	int err;

	mutex_lock(&dev->lock);
	mutex_lock(&dev->abort_lock);
	err = take_from_queues(dev);
	mutex_unlock(&dev->abort_lock);
	mutex_unlock(&dev->lock);
	/* What left those lists before we came is in these now. */
	if (!err)
		err = wait_for_tmrs(dev);
	if (err)
		return err;
	mutex_lock(&dev->lock);
	mutex_lock(&dev->abort_lock);
	err = take_from_tmrs(dev);
	if (!err && dev->going)
		err = -EBUSY;
	if (!err)
		forget_victims(dev);
	mutex_unlock(&dev->abort_lock);
	mutex_unlock(&dev->lock);
	return err;
}

/* One look; true if it is done with. */
static bool reap_one(struct tpr_dev *dev, struct tpr_abort *abort)
{
	if (abort->cmd && abort->ripe && !tpr_tcmu_has(abort->cmd)) {
		abort->until = jiffies;
		if (may_have_timed_out(dev, abort->cmd)) {
			pr_warn("tcmu_pr: %s: a command of a preempted nexus took as long as the backstore's cmd_time_out and may still be executed: PREEMPT AND ABORT will not say GOOD\n",
				dev->name);
			abort->until += msecs_to_jiffies(tpr_reply_timeout_ms) +
					msecs_to_jiffies(tpr_command_timeout_ms);
		}
		target_put_sess_cmd(abort->cmd);
		abort->cmd = NULL;
	}
	return !abort->cmd && time_after_eq(jiffies, abort->until);
}

/* True when none is left that has to end. */
static bool reap_ended(struct tpr_dev *dev)
{
	struct tpr_abort *abort, *tmp;
	bool empty;

	mutex_lock(&dev->abort_lock);
	list_for_each_entry_safe(abort, tmp, &dev->aborts, list) {
		if (!reap_one(dev, abort))
			continue;
		list_del(&abort->list);
		kfree(abort);
	}
	empty = list_empty(&dev->aborts);
	mutex_unlock(&dev->abort_lock);
	return empty;
}

/* Our references must not stay because nobody asks any more. */
void tpr_abort_work(struct work_struct *work)
{
	struct tpr_dev *dev =
		container_of(work, struct tpr_dev, abort_work.work);

	if (!reap_ended(dev))
		queue_delayed_work(tpr_reap_wq, &dev->abort_work,
				   msecs_to_jiffies(REAP_MS));
}

static void ripen(struct tpr_dev *dev)
{
	struct tpr_abort *abort;

	/* Who looked at the mark too early has been handed over after this. */
	synchronize_srcu_expedited(&dev->srcu);
	mutex_lock(&dev->abort_lock);
	list_for_each_entry(abort, &dev->aborts, list)
		abort->ripe = true;
	mutex_unlock(&dev->abort_lock);
	queue_delayed_work(tpr_reap_wq, &dev->abort_work, 0);
}

static bool are_victims(struct tpr_dev *dev)
{
	bool aborting;

	mutex_lock(&dev->lock);
	aborting = dev->aborting;
	mutex_unlock(&dev->lock);
	return aborting;
}

/* True if there is nothing more to mark. */
static bool all_taken(struct tpr_dev *dev)
{
	int err;

	if (!are_victims(dev))
		return true;
	err = take_victims(dev);
	tpr_pr_drop_aborted(dev);
	ripen(dev);
	return !err;
}

/*
 * Ends what has to end before a PREEMPT AND ABORT is done here.  0;
 * -EINPROGRESS if some of it takes longer than the hold time, or has taken so
 * long before this push, or another push is waiting: then this push is to be
 * repeated.
 * Context: push work, outside of the locks and @dev->srcu; the state that made
 * the victims is published, readers of the one before are gone.
 */
int tpr_abort_victims(struct tpr_dev *dev)
{
	u32 patience = are_victims(dev) ? READ_ONCE(tpr_hold_timeout_ms) : 0;
	unsigned long deadline = jiffies + msecs_to_jiffies(patience);

	while (!all_taken(dev) || !reap_ended(dev)) {
		if (time_after(jiffies, deadline) || tpr_push_waits(dev) ||
		    !READ_ONCE(dev->attached))
			return -EINPROGRESS;
		usleep_range(500, 2000);
	}
	return 0;
}

/* Context: the push work has ended for good. */
void tpr_abort_forget(struct tpr_dev *dev)
{
	struct tpr_abort *abort, *tmp;

	cancel_delayed_work_sync(&dev->abort_work);
	list_for_each_entry_safe(abort, tmp, &dev->aborts, list) {
		list_del(&abort->list);
		if (abort->cmd)
			target_put_sess_cmd(abort->cmd);
		kfree(abort);
	}
}
