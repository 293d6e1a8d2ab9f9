// SPDX-License-Identifier: GPL-2.0-only
/*
 * A change of the state: get the newest one, decide, swap, and again if
 * another gateway was faster.  What is decided is the core's; this is about
 * doing it exactly once, and knowing whether it was done.
 */
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "change.h"
#include "netlink.h"
#include "tpr_string.h"

/*
 * The state that REPLACE LOST RESERVATION starts from: nothing, at the number
 * of the version that is lost.
 */
static struct tcmu_pr_info *lost_state(struct tpr_dev *dev, u64 seq)
{
	struct tcmu_pr_info *info;

	info = kvmalloc(tpr_info_size(1), GFP_NOIO);
	if (!info)
		return ERR_PTR(-ENOMEM);
	tpr_info_init(info, 1);
	tpr_begin_anew(info, seq);
	strscpy(info->device, dev->se_dev->t10_wwn.unit_serial,
		sizeof(info->device));
	return info;
}

/*
 * The newest settled state as a string from the daemon, with room for @room
 * more registrations; an errno pointer.  -EBADMSG: it is lost, and *@lost, if
 * not 0, is the number of the version that would have to be replaced.
 */
struct tcmu_pr_info *tpr_get_state(struct tpr_dev *dev, u32 room, u64 *lost)
{
	struct tcmu_pr_info *info;
	size_t len;
	char *str;
	int err;

	*lost = 0;
	err = tpr_nl_get(dev, &str, &len, lost);
	if (err)
		return ERR_PTR(err);
	info = tpr_info_decode(dev, str, len, room);
	kvfree(str);
	return info;
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
static bool forgotten(const struct tpr_chg *c, const struct tcmu_pr_info *info)
{
	return info->seq >= c->first_seq &&
	       info->seq - c->first_seq >= info->num_changes;
}

/* Nobody wants it done any more, and nothing has been done for all we know. */
static bool unwanted(const struct tpr_chg *c)
{
	return c->cmd && !c->unclear &&
	       READ_ONCE(c->cmd->transport_state) & (CMD_T_ABORTED | CMD_T_STOP);
}

static int decide_and_swap(struct tpr_chg *c, struct tcmu_pr_info *info,
			   struct tpr_result *res)
{
	struct tpr_order order = { 0 };
	bool changed = false;
	int err;

	*res = c->decide(c, info, &changed, &order);
	/* Only now: that was the newest state at some time in the lease. */
	if (!tpr_lease_holds(c->term))
		return -ESHUTDOWN;
	if (res->status != TPR_GOOD || !changed)
		return 0;
	if (unwanted(c))
		return -ECANCELED;
	tpr_stamp(info, &c->writer, &order);
	c->sent = true;
	err = put_state(c->dev, info);
	if (err == -EINPROGRESS && !c->unclear) {
		c->unclear = true;
		c->first_seq = info->seq;
	}
	return err;
}

/*
 * One round: newest state, decision, swap.  -EAGAIN: another gateway was
 * faster, or nothing is known of an earlier round: decide again.
 */
static int try_change(struct tpr_chg *c, struct tpr_result *res)
{
	struct tcmu_pr_info *info;
	u64 lost;
	int err;

	info = tpr_get_state(c->dev, c->room, &lost);
	c->lost = info == ERR_PTR(-EBADMSG) && lost && c->replaces_lost;
	if (c->lost)
		info = lost_state(c->dev, lost);
	if (IS_ERR(info))
		return PTR_ERR(info);
	/* An earlier round that ended unclear may have made it. */
	if (c->sent && tpr_written_as(info, &c->writer)) {
		/*
		 * A GET tells that it is settled, but not that what it aborts
		 * has ended on all gateways, or is fenced.
		 */
		*res = c->aborts ? tpr_error_result(ETIMEDOUT) : tpr_good();
		err = 0;
	} else if (c->unclear && forgotten(c, info)) {
		c->deadline = jiffies; /* it will never be clear */
		err = -EINPROGRESS;
	} else {
		err = decide_and_swap(c, info, res);
	}
	kvfree(info);
	return err;
}

/* True if another round may bring clarity or success. */
static bool worth_another(const struct tpr_chg *c, int err)
{
	if (time_after(jiffies, c->deadline) ||
	    !READ_ONCE(c->dev->attached) || !tpr_lease_holds(c->term))
		return false;
	/* The outcome of a swap is unclear: find out before saying anything. */
	return err == -EAGAIN || c->unclear;
}

/* Whose doing the next state is, for abort.c. */
static void set_origin(struct tpr_chg *c, const struct se_cmd *cmd)
{
	mutex_lock(&c->dev->lock);
	c->dev->originator = cmd;
	c->dev->origin_writer = c->writer;
	mutex_unlock(&c->dev->lock);
}

static struct tpr_result run_rounds(struct tpr_chg *c)
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
	/* The string being lost, and the lease, is said where it is found. */
	if (err != -ECANCELED && err != -EBADMSG && err != -ESHUTDOWN)
		pr_warn_ratelimited("tcmu_pr: %s: %s failed, error %d%s\n",
				    c->dev->name, c->what, -err,
				    c->unclear ? ", it may have been stored" : "");
	return tpr_error_result(c->unclear ? EINPROGRESS : err);
}

struct tpr_result tpr_change_run(struct tpr_chg *c)
{
	struct tpr_result res;

	if (!c->deadline)
		c->deadline = jiffies +
			msecs_to_jiffies(READ_ONCE(tpr_command_timeout_ms));
	c->term = tpr_lease_term();
	if (!tpr_lease_holds(c->term))
		return tpr_error_result(EAGAIN);
	if (tpr_nl_writer(&c->writer))
		return tpr_error_result(ENOTCONN);
	set_origin(c, c->cmd);
	res = run_rounds(c);
	set_origin(c, NULL);
	return res;
}
