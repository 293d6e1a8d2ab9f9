// SPDX-License-Identifier: GPL-2.0-only
/*
 * PERSISTENT RESERVE IN and OUT.  A work item takes the commands of a device
 * one after another; the decision is the core's, the newest state comes from
 * the daemon and goes back to it.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <scsi/scsi_proto.h>

#include "netlink.h"
#include "tcmu_pr_dev.h"
#include "tpr_in.h"
#include "tpr_opcode.h"
#include "tpr_out.h"
#include "tpr_string.h"

struct tpr_cmd {
	struct list_head list;
	struct se_cmd *cmd;
	const struct tpr_nexus *nexus; /* owned */
};

/* One PR OUT from its first question to the daemon to its status. */
struct change {
	struct tpr_dev *dev;
	struct tpr_out_req req;
	struct tpr_writer writer;
	unsigned long deadline;
	bool sent; /* a SET was sent: look for it in what is stored */
	bool unclear; /* one ended so: it may have happened */
	u64 first_seq; /* that of the first such version */
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

/* The newest settled state as a string from the daemon; 0 or -errno. */
static int get_state(struct tpr_dev *dev, struct tcmu_pr_info **info)
{
	size_t len;
	char *str;
	int err;

	err = tpr_nl_get(dev, &str, &len);
	if (err)
		return err;
	*info = tpr_info_decode(dev, str, len);
	kvfree(str);
	return PTR_ERR_OR_ZERO(*info);
}

static int put_state(struct tpr_dev *dev, const struct tcmu_pr_info *info)
{
	size_t cap = tpr_encoded_max(info->num_regs);
	char *str = kvmalloc(cap, GFP_NOIO);
	long len;
	int err;

	if (!str)
		return -ENOMEM;
	len = tpr_encode(info, str, cap);
	err = len < 0 ? (int)len : tpr_nl_set(dev, info->seq - 1, str, len);
	kvfree(str);
	return err;
}

/* @info does not remember back to where our version would stand. */
static bool forgotten(const struct change *c, const struct tcmu_pr_info *info)
{
	return info->seq >= c->first_seq &&
	       info->seq - c->first_seq >= info->num_changes;
}

/*
 * One round: newest state, decision, swap.  -EAGAIN: another gateway was
 * faster, or nothing is known of an earlier round: decide again.
 */
static int try_change(struct change *c, struct tpr_result *res)
{
	struct tcmu_pr_info *info;
	bool changed;
	struct tpr_order order;
	int err;

	err = get_state(c->dev, &info);
	if (err)
		return err;
	/* An earlier round that ended unclear may have made it. */
	if (c->sent && tpr_written_as(info, &c->writer)) {
		*res = tpr_good();
		goto out;
	}
	if (c->unclear && forgotten(c, info)) {
		c->deadline = jiffies; /* it will never be clear */
		err = -EINPROGRESS;
		goto out;
	}
	*res = tpr_out(info, &c->req, &changed, &order);
	if (res->status != TPR_GOOD || !changed)
		goto out;
	tpr_stamp(info, &c->writer, &order);
	c->sent = true;
	err = put_state(c->dev, info);
	if (err == -EINPROGRESS && !c->unclear) {
		c->unclear = true;
		c->first_seq = info->seq;
	}
out:
	kvfree(info);
	return err;
}

/* True if another round may bring clarity or success. */
static bool worth_another(const struct change *c, int err)
{
	if (time_after(jiffies, c->deadline) || !READ_ONCE(c->dev->attached))
		return false;
	/* The outcome of a swap is unclear: find out before saying anything. */
	return err == -EAGAIN || c->unclear;
}

static struct tpr_result do_change(struct change *c)
{
	struct tpr_result res = tpr_error_result(EIO);
	int err;

	for (;;) {
		err = try_change(c, &res);
		if (!err)
			return res;
		if (!worth_another(c, err))
			break;
		if (err != -EAGAIN)
			msleep(100);
	}
	pr_warn_ratelimited("tcmu_pr: %s: PERSISTENT RESERVE OUT action %u failed, error %d%s\n",
			    c->dev->name, c->req.cdb[1] & 0x1f, -err,
			    c->unclear ? ", it may have been stored" : "");
	return tpr_error_result(c->unclear ? EINPROGRESS : err);
}

/* So that the originator gets no unit attention of its own doing. */
static void set_origin(struct change *c)
{
	mutex_lock(&c->dev->lock);
	c->dev->origin = *c->req.nexus;
	c->dev->origin_writer = c->writer;
	mutex_unlock(&c->dev->lock);
}

static void pr_out(struct tpr_dev *dev, struct tpr_cmd *pc)
{
	struct se_cmd *cmd = pc->cmd;
	u8 param[TPR_OUT_PARAM_LEN] = { 0 };
	struct tpr_result res;
	struct change c = {
		.dev = dev,
		.req = {
			.nexus = pc->nexus,
			.cdb = cmd->t_task_cdb,
			.param = param,
		},
		.deadline = jiffies +
			msecs_to_jiffies(READ_ONCE(tpr_command_timeout_ms)),
	};

	if (cmd->data_direction == DMA_TO_DEVICE)
		c.req.param_len = sg_copy_to_buffer(cmd->t_data_sg,
						    cmd->t_data_nents, param,
						    min_t(u32, sizeof(param),
							  cmd->data_length));
	res = tpr_out_check(&c.req);
	if (res.status == TPR_GOOD && tpr_nl_writer(&c.writer))
		res = tpr_error_result(ENOTCONN);
	if (res.status == TPR_GOOD) {
		set_origin(&c);
		res = do_change(&c);
	}
	tpr_complete(cmd, res);
}

/*
 * The installed state if it is settled and a daemon is there to hear of newer
 * ones: then no other gateway can have answered from a newer state.
 * Otherwise the daemon settles first.  A copy, to be kvfree()d.
 */
static struct tcmu_pr_info *state_to_read(struct tpr_dev *dev)
{
	struct tcmu_pr_info *info = NULL;
	int err;

	mutex_lock(&dev->lock);
	if (dev->settled && !dev->error && tpr_nl_connected()) {
		info = kvmalloc(tpr_info_size(dev->newest->num_regs),
				GFP_NOIO);
		if (info) {
			tpr_info_init(info, dev->newest->num_regs);
			tpr_info_copy(info, dev->newest);
		}
	}
	mutex_unlock(&dev->lock);
	if (info)
		return info;
	err = get_state(dev, &info);
	return err ? ERR_PTR(err) : info;
}

static void pr_in(struct tpr_dev *dev, struct tpr_cmd *pc)
{
	struct se_cmd *cmd = pc->cmd;
	u32 cap = min_t(u32, cmd->data_length, 0xffff);
	struct tcmu_pr_info *info;
	struct tpr_result res;
	u32 len = 0;
	u8 *buf;

	if (cmd->data_direction != DMA_FROM_DEVICE)
		cap = 0;
	info = state_to_read(dev);
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
	if (res.status != TPR_GOOD || !cap) {
		tpr_complete(cmd, res);
		return;
	}
	if (!len) /* a status alone: iSCSI cannot send data of no length */
		cmd->data_direction = DMA_NONE;
	target_complete_cmd_with_length(cmd, SAM_STAT_GOOD, len);
}

static void run(struct tpr_dev *dev, struct tpr_cmd *pc)
{
	/* Aborted, or its session is going: nobody wants it done any more. */
	if (READ_ONCE(pc->cmd->transport_state) & (CMD_T_ABORTED | CMD_T_STOP))
		target_complete_cmd(pc->cmd, SAM_STAT_TASK_ABORTED);
	else if (!READ_ONCE(dev->attached))
		tpr_complete(pc->cmd, tpr_error_result(ENODEV));
	else if (pc->cmd->t_task_cdb[0] == TPR_OP_PR_IN)
		pr_in(dev, pc);
	else
		pr_out(dev, pc);
}

static struct tpr_cmd *next_cmd(struct tpr_dev *dev)
{
	struct tpr_cmd *pc;

	spin_lock(&dev->cmds_lock);
	pc = list_first_entry_or_null(&dev->cmds, struct tpr_cmd, list);
	if (pc)
		list_del(&pc->list);
	spin_unlock(&dev->cmds_lock);
	return pc;
}

void tpr_pr_work(struct work_struct *work)
{
	struct tpr_dev *dev = container_of(work, struct tpr_dev, cmd_work);
	struct tpr_cmd *pc;

	while ((pc = next_cmd(dev))) {
		run(dev, pc);
		kfree(pc->nexus);
		kfree(pc);
	}
}
