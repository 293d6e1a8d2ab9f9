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
#include <target/target_core_fabric.h>

#include "netlink.h"
#include "tcmu_pr_dev.h"

enum {
	HOLD_SLICE_MS = 100,
};

/*
 * Between parsing and execution the device stands in t_task_lba: the target
 * core sets that only when it takes block commands apart itself, and reads it
 * only for protection information, neither of which it does for TCMU.  (priv
 * is TCMU's; the core's own reservation check writes pr_res_key, and that
 * check is on again as soon as the device is detached.)
 */
static void stash_dev(struct se_cmd *cmd, struct tpr_dev *dev)
{
	BUILD_BUG_ON(sizeof(cmd->t_task_lba) < sizeof(dev));
	cmd->t_task_lba = (uintptr_t)dev;
	cmd->t_task_nolb = 0;
}

/* As t_task_lba, nobody else uses it; off by one jiffy at most. */
u32 tpr_handed_over(const struct se_cmd *cmd)
{
	return READ_ONCE(cmd->t_task_nolb);
}

static struct tpr_dev *stashed_dev(const struct se_cmd *cmd)
{
	return (struct tpr_dev *)(uintptr_t)cmd->t_task_lba;
}

/* The core wants @cmd to end: it will not send what we say. */
static bool interrupted(const struct se_cmd *cmd)
{
	return READ_ONCE(cmd->transport_state) & (CMD_T_ABORTED | CMD_T_STOP);
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

	if (likely(!READ_ONCE(nx->uas)) || skips_unit_attention(cmd) ||
	    interrupted(cmd))
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
	V_HOLD, /* wait for another view */
};

enum {
	/* What TCMU executes only under the gateway's lease. */
	LEASED_CLASSES = TPR_CLASS_READ | TPR_CLASS_WRITE,
};

/* The view that said V_HOLD. */
struct held {
	u64 gen;
	unsigned long since;
	u64 term; /* that it waits in, 0: in any, as there was no state yet */
};

/*
 * Hands @cmd over to TCMU.  Not EXTENDED COPY: tcmu-runner's own copies write
 * to devices that it finds by itself, past their reservations.
 * Context: under @dev->srcu.
 */
static sense_reason_t go_on(struct tpr_dev *dev, struct se_cmd *cmd)
{
	if (unlikely(cmd->t_task_cdb[0] == EXTENDED_COPY))
		return TCM_UNSUPPORTED_SCSI_OPCODE;
	return dev->orig_execute(cmd);
}

/* No valid state: why decides between waiting, an error, and going on. */
static enum verdict no_state(struct tpr_dev *dev, struct se_cmd *cmd,
			     u16 error, sense_reason_t *ret)
{
	if (error == EINPROGRESS)
		return V_HOLD;
	if (error == EBADMSG && tpr_allowed_when_lost(cmd->t_task_cdb))
		*ret = go_on(dev, cmd);
	else
		tpr_complete(cmd, tpr_error_result(error));
	return V_DONE;
}

/*
 * No lease, or no state in this term: as if it were detached from the others.
 * What they may have changed in the meantime forbids nothing, either.  Before
 * the first state nothing passes, so what waits for that may go on to do so.
 */
static enum verdict no_lease(struct tpr_dev *dev, struct se_cmd *cmd,
			     const struct tpr_view *view, bool allowed,
			     sense_reason_t *ret)
{
	u16 error = view->error;

	tpr_lease_missed();
	if (error != EBADMSG && (error != EINPROGRESS || allowed))
		error = EAGAIN;
	if (error != EBADMSG || tpr_allowed_when_lost(cmd->t_task_cdb))
		return no_state(dev, cmd, error, ret);
	tpr_complete(cmd, tpr_error_result(EAGAIN));
	return V_DONE;
}

/*
 * One attempt to execute @cmd, of class @class.
 * Context: under @dev->srcu.
 */
static enum verdict judge(struct tpr_dev *dev, struct se_cmd *cmd, u8 class,
			  struct held *held, sense_reason_t *ret)
{
	struct tpr_nx *nx = tpr_nx_find(dev, cmd);
	const struct tpr_view *view;
	struct tpr_perm perm;
	bool allowed;

	/*
	 * Aborted before it began: by now the core's own look at that is
	 * over, and abort.c reckons that we look, until it sees this time.
	 */
	if (unlikely(interrupted(cmd))) {
		*ret = TCM_NO_SENSE;
		target_complete_cmd(cmd, SAM_STAT_TASK_ABORTED);
		return V_DONE;
	}
	WRITE_ONCE(cmd->t_task_nolb, (u32)jiffies | 1);
	/*
	 * The nexus first: its slot is given to no other while we are here,
	 * and a view that was published before it was added, or later, is the
	 * one that we get.  Pairs with hlist_add_head_rcu() in nx_insert().
	 */
	smp_rmb();
	view = srcu_dereference(dev->view, &dev->srcu);
	*ret = TCM_NO_SENSE;
	held->gen = view->gen;
	held->since = view->since;
	held->term = view->error == EINPROGRESS ? 0 : view->term;
	if (unlikely(!nx || nx->slot >= view->slots))
		return V_UNKNOWN;
	if (unlikely(report_unit_attention(dev, nx, cmd)))
		return V_DONE;
	perm = view->perm[nx->slot];
	allowed = perm.allow & class;
	if (!(allowed && !(class & LEASED_CLASSES)) &&
	    unlikely(!tpr_lease_holds(view->term)))
		return no_lease(dev, cmd, view, allowed, ret);
	if (likely(allowed)) {
		*ret = go_on(dev, cmd);
		return V_DONE;
	}
	if (view->error)
		return no_state(dev, cmd, view->error, ret);
	if (perm.hold & class)
		return V_HOLD;
	*ret = TCM_RESERVATION_CONFLICT;
	return V_DONE;
}

static bool view_changed(struct tpr_dev *dev, const struct held *held)
{
	return READ_ONCE(dev->view_gen) != held->gen ||
	       !READ_ONCE(dev->attached) ||
	       (held->term && !tpr_lease_holds(held->term));
}

/*
 * Waits until the view is another one, or the lease ends.  0, or -ETIMEDOUT:
 * the state has been as it is for the hold time.  It is the state's age that
 * counts, not the command's: commands of one iSCSI connection wait one after
 * another.
 * Context: process, outside of @dev->srcu.
 */
static int hold(struct tpr_dev *dev, const struct se_cmd *cmd,
		const struct held *held)
{
	unsigned long end = held->since +
		msecs_to_jiffies(READ_ONCE(tpr_hold_timeout_ms));
	unsigned long slice = msecs_to_jiffies(HOLD_SLICE_MS);

	if (time_before(jiffies, end))
		tpr_nl_settle(dev);
	while (time_before(jiffies, end) && !interrupted(cmd))
		if (wait_event_timeout(dev->view_wq, view_changed(dev, held),
				       held->term ? tpr_lease_slice(slice) :
				       slice))
			return 0;
	return -ETIMEDOUT;
}

static sense_reason_t execute(struct se_cmd *cmd, u8 class)
{
	struct tpr_dev *dev = stashed_dev(cmd);
	enum verdict verdict;
	sense_reason_t ret;
	struct held held;
	int idx;

	for (;;) {
		idx = srcu_read_lock(&dev->srcu);
		/* Detached meanwhile: as if it had come a moment later. */
		if (unlikely(!READ_ONCE(dev->attached))) {
			ret = go_on(dev, cmd);
			verdict = V_DONE;
		} else {
			verdict = judge(dev, cmd, class, &held, &ret);
		}
		srcu_read_unlock(&dev->srcu, idx);

		if (likely(verdict == V_DONE))
			return ret;
		/* It will be judged again, so it may be aborted till then. */
		WRITE_ONCE(cmd->t_task_nolb, 0);
		if (verdict == V_UNKNOWN) {
			if (tpr_nx_get(dev, cmd))
				return TCM_OUT_OF_RESOURCES;
		} else if (hold(dev, cmd, &held)) {
			tpr_complete(cmd, tpr_error_result(EAGAIN));
			return TCM_NO_SENSE;
		}
	}
}

static sense_reason_t execute_always(struct se_cmd *cmd)
{
	return execute(cmd, TPR_CLASS_ALWAYS);
}

static sense_reason_t execute_info(struct se_cmd *cmd)
{
	return execute(cmd, TPR_CLASS_INFO);
}

static sense_reason_t execute_read(struct se_cmd *cmd)
{
	return execute(cmd, TPR_CLASS_READ);
}

static sense_reason_t execute_write(struct se_cmd *cmd)
{
	return execute(cmd, TPR_CLASS_WRITE);
}

/* Reservation commands: unit attention first, then the work item. */
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
 * What the initiator expects to move against the @size that the CDB asks for.
 * Of data that goes out all arrives, the rest is only told; for data that
 * comes in no more room is needed than that.  Less room is no error: what
 * there is fills it.
 */
static void note_size(struct se_cmd *cmd, u32 size)
{
	if (cmd->unknown_data_length) {
		cmd->data_length = size;
	} else if (size && size < cmd->data_length) {
		cmd->se_cmd_flags |= SCF_UNDERFLOW_BIT;
		cmd->residual_count = cmd->data_length - size;
		if (cmd->data_direction == DMA_FROM_DEVICE)
			cmd->data_length = size;
	}
}

static sense_reason_t parse_pr(struct se_cmd *cmd, u8 class)
{
	const u8 *cdb = cmd->t_task_cdb;

	if (class == TPR_CLASS_PR_IN)
		note_size(cmd, get_unaligned_be16(&cdb[7]));
	else if (class == TPR_CLASS_PR_OUT)
		note_size(cmd, get_unaligned_be32(&cdb[5]));
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
	else if (class == TPR_CLASS_INFO)
		cmd->execute_cmd = execute_info;
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
	/*
	 * A copy that the target core makes for another device: its session
	 * has no tags, so nothing would prove that the command has ended.
	 * Initiators copy without.
	 */
	if (!cmd->se_sess->se_tpg->se_tpg_tfo->tpg_get_wwn)
		return TCM_COPY_TARGET_DEVICE_NOT_REACHABLE;
	stash_dev(cmd, dev);
	class = tpr_classify(cmd->t_task_cdb,
			     scsi_command_size(cmd->t_task_cdb));
	switch (class) {
	case TPR_CLASS_PR_IN:
	case TPR_CLASS_PR_OUT:
	case TPR_CLASS_SPC2:
		return parse_pr(cmd, class);
	default:
		return parse_io(dev, cmd, class);
	}
}
