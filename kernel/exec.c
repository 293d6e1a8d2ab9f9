// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O path.  A command is classified when it is parsed and judged when it
 * is executed, after its data has arrived: an earlier verdict could be stale.
 * Check and hand-over to TCMU's ring are one read section of tpr_dev.srcu, so
 * whoever publishes a new view and waits for readers knows that no command
 * passes on the strength of an older one.
 */
#include <linux/slab.h>
#include <scsi/scsi_common.h>
#include <scsi/scsi_proto.h>

#include "netlink.h"
#include "tcmu_pr_dev.h"

/*
 * Between parsing and execution the device stands in pr_res_key: the target
 * core uses that only for reservations of its own, which this device has
 * none of.  (priv is TCMU's.)
 */
static void stash_dev(struct se_cmd *cmd, struct tpr_dev *dev)
{
	cmd->pr_res_key = (uintptr_t)dev;
}

static struct tpr_dev *stashed_dev(const struct se_cmd *cmd)
{
	return (struct tpr_dev *)(uintptr_t)cmd->pr_res_key;
}

/* SAM-5 5.14: these neither report nor clear a unit attention. */
static bool skips_unit_attention(const struct se_cmd *cmd)
{
	switch (cmd->t_task_cdb[0]) {
	case INQUIRY:
	case REPORT_LUNS:
	case REQUEST_SENSE:
		return true;
	default:
		return false;
	}
}

/* Ends @cmd with a unit attention if its nexus has one. */
static bool report_unit_attention(struct tpr_dev *dev, struct tpr_nx *nx,
				  struct se_cmd *cmd)
{
	u16 asc;

	if (likely(!READ_ONCE(nx->uas)) || skips_unit_attention(cmd))
		return false;
	asc = tpr_nx_take_ua(dev, nx);
	if (!asc)
		return false;
	tpr_complete(cmd, tpr_check(TPR_SK_UNIT_ATTENTION, asc));
	return true;
}

enum verdict {
	V_DONE, /* *ret tells how it went */
	V_UNKNOWN, /* the nexus is not known yet */
	V_HOLD, /* wait for another view than that of seq and settled */
};

struct held {
	const struct tpr_view *view; /* compared, not followed */
};

/* No valid state: why decides between waiting and an error. */
static enum verdict no_state(struct se_cmd *cmd, u16 error)
{
	if (error == EINPROGRESS)
		return V_HOLD;
	tpr_complete(cmd, tpr_error_result(error));
	return V_DONE;
}

/*
 * One attempt to execute @cmd, of class @class.
 * Context: under @dev->srcu.
 */
static enum verdict judge(struct tpr_dev *dev, struct se_cmd *cmd, u8 class,
			  struct held *held, sense_reason_t *ret)
{
	const struct tpr_view *view = srcu_dereference(dev->view, &dev->srcu);
	struct tpr_nx *nx = tpr_nx_find(dev, cmd);
	struct tpr_perm perm;

	*ret = TCM_NO_SENSE;
	held->view = view;
	if (unlikely(!nx || nx->slot >= view->slots))
		return V_UNKNOWN;
	if (unlikely(report_unit_attention(dev, nx, cmd)))
		return V_DONE;
	perm = view->perm[nx->slot];
	if (likely(perm.allow & class)) {
		*ret = dev->orig_execute(cmd);
		return V_DONE;
	}
	if (view->error)
		return no_state(cmd, view->error);
	if (perm.hold & class)
		return V_HOLD;
	*ret = TCM_RESERVATION_CONFLICT;
	return V_DONE;
}

static bool view_changed(struct tpr_dev *dev, const struct held *held)
{
	return rcu_access_pointer(dev->view) != held->view ||
	       !READ_ONCE(dev->attached);
}

/*
 * Waits until the view is another one.  0, or -ETIMEDOUT.
 * Context: process, outside of @dev->srcu.  Bounded by the hold time.
 */
static int hold(struct tpr_dev *dev, const struct held *held,
		unsigned long deadline)
{
	long left = (long)(deadline - jiffies);

	tpr_nl_settle(dev);
	if (left <= 0 ||
	    !wait_event_timeout(dev->view_wq, view_changed(dev, held), left))
		return -ETIMEDOUT;
	return 0;
}

static sense_reason_t execute(struct se_cmd *cmd, u8 class)
{
	unsigned long deadline =
		jiffies + msecs_to_jiffies(READ_ONCE(tpr_hold_timeout_ms));
	struct tpr_dev *dev = stashed_dev(cmd);
	enum verdict verdict;
	sense_reason_t ret;
	struct held held;
	int idx;

	for (;;) {
		idx = srcu_read_lock(&dev->srcu);
		/* Detached meanwhile: as if it had come a moment later. */
		if (unlikely(!READ_ONCE(dev->attached))) {
			ret = dev->orig_execute(cmd);
			verdict = V_DONE;
		} else {
			verdict = judge(dev, cmd, class, &held, &ret);
		}
		srcu_read_unlock(&dev->srcu, idx);

		if (likely(verdict == V_DONE))
			return ret;
		if (verdict == V_UNKNOWN) {
			if (tpr_nx_get(dev, cmd))
				return TCM_OUT_OF_RESOURCES;
		} else if (hold(dev, &held, deadline)) {
			tpr_complete(cmd, tpr_error_result(EAGAIN));
			return TCM_NO_SENSE;
		}
	}
}

static sense_reason_t execute_always(struct se_cmd *cmd)
{
	return execute(cmd, TPR_CLASS_ALWAYS);
}

static sense_reason_t execute_read(struct se_cmd *cmd)
{
	return execute(cmd, TPR_CLASS_READ);
}

static sense_reason_t execute_write(struct se_cmd *cmd)
{
	return execute(cmd, TPR_CLASS_WRITE);
}

/* PERSISTENT RESERVE IN and OUT: unit attention first, then the work item. */
static sense_reason_t execute_pr(struct se_cmd *cmd)
{
	struct tpr_dev *dev = stashed_dev(cmd);
	struct tpr_nexus *id = NULL;
	struct tpr_nx *nx;
	bool done = false;
	int idx;

	if (tpr_nx_get(dev, cmd))
		return TCM_OUT_OF_RESOURCES;
	id = kmalloc(sizeof(*id), GFP_NOIO);
	if (!id)
		return TCM_OUT_OF_RESOURCES;
	idx = srcu_read_lock(&dev->srcu);
	nx = tpr_nx_find(dev, cmd);
	if (nx) {
		done = report_unit_attention(dev, nx, cmd);
		*id = nx->id;
	}
	srcu_read_unlock(&dev->srcu, idx);
	if (done || !nx) {
		kfree(id);
		return done ? TCM_NO_SENSE : TCM_OUT_OF_RESOURCES;
	}
	return tpr_pr_queue(dev, cmd, id);
}

/*
 * Data transfer of PERSISTENT RESERVE IN and OUT: what the initiator expects
 * to move against what the CDB asks for.
 */
static void note_residual(struct se_cmd *cmd, u32 size)
{
	if (size > cmd->data_length) {
		cmd->se_cmd_flags |= SCF_OVERFLOW_BIT;
		cmd->residual_count = size - cmd->data_length;
	}
}

static sense_reason_t parse_pr(struct se_cmd *cmd, u8 class)
{
	const u8 *cdb = cmd->t_task_cdb;

	if (class == TPR_CLASS_PR_IN)
		note_residual(cmd, get_unaligned_be16(&cdb[7]));
	else
		note_residual(cmd, get_unaligned_be32(&cdb[5]));
	cmd->execute_cmd = execute_pr;
	return TCM_NO_SENSE;
}

/* TCMU executes everything with one function; anything else is not ours. */
static bool remember_execute(struct tpr_dev *dev, struct se_cmd *cmd)
{
	sense_reason_t (*known)(struct se_cmd *cmd);

	known = READ_ONCE(dev->orig_execute);
	if (likely(known == cmd->execute_cmd))
		return true;
	return !known && !cmpxchg(&dev->orig_execute, NULL, cmd->execute_cmd);
}

static sense_reason_t parse_io(struct tpr_dev *dev, struct se_cmd *cmd,
			       u8 class)
{
	sense_reason_t ret = dev->orig->parse_cdb(cmd);

	if (ret || cmd->t_task_cdb[0] == REPORT_LUNS)
		return ret;
	if (!remember_execute(dev, cmd) && dev->orig_execute != cmd->execute_cmd) {
		WARN_ONCE(1, "tcmu_pr: %s: unknown execute function\n",
			  dev->name);
		return TCM_LOGICAL_UNIT_COMMUNICATION_FAILURE;
	}
	if (class == TPR_CLASS_ALWAYS)
		cmd->execute_cmd = execute_always;
	else if (class == TPR_CLASS_READ)
		cmd->execute_cmd = execute_read;
	else
		cmd->execute_cmd = execute_write;
	return TCM_NO_SENSE;
}

/*
 * Stands in place of TCMU's parse_cdb.  The caller may have loaded our
 * operations a moment before a detach took them away; the command's tag keeps
 * the device until drain.c has seen it go.
 */
sense_reason_t tpr_parse_cdb(struct se_cmd *cmd)
{
	const struct target_backend_ops *ops;
	struct tpr_dev *dev;
	u8 class;

	ops = READ_ONCE(cmd->se_dev->transport);
	if (ops->parse_cdb != tpr_parse_cdb)
		return ops->parse_cdb(cmd);
	dev = container_of(ops, struct tpr_dev, ops);
	stash_dev(cmd, dev);
	class = tpr_classify(cmd->t_task_cdb,
			     scsi_command_size(cmd->t_task_cdb));
	switch (class) {
	case TPR_CLASS_PR_IN:
	case TPR_CLASS_PR_OUT:
		return parse_pr(cmd, class);
	case TPR_CLASS_SPC2:
		return TCM_UNSUPPORTED_SCSI_OPCODE;
	default:
		return parse_io(dev, cmd, class);
	}
}
