// SPDX-License-Identifier: GPL-2.0-only
/* States that the daemon pushes: decode, publish, prove, acknowledge. */
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "netlink.h"
#include "tcmu_pr_dev.h"
#include "tpr_string.h"
#include "tpr_ua.h"

void tpr_push_free(struct tpr_push *push)
{
	kvfree(push->str);
	kfree(push);
}

/*
 * Takes over @push if it returns 0; -ENODEV once the device is detached, so
 * that the work item cannot start again after tpr_dev_detach() ended it.
 */
int tpr_push_queue(struct tpr_dev *dev, struct tpr_push *push)
{
	int err = -ENODEV;

	spin_lock(&dev->cmds_lock);
	if (dev->attached) {
		list_add_tail(&push->list, &dev->pushes);
		queue_work(tpr_push_wq, &dev->push_work);
		err = 0;
	}
	spin_unlock(&dev->cmds_lock);
	return err;
}

/* True if the daemon has said more since the push that is being worked on. */
bool tpr_push_waits(struct tpr_dev *dev)
{
	bool waits;

	spin_lock(&dev->cmds_lock);
	waits = !list_empty(&dev->pushes);
	spin_unlock(&dev->cmds_lock);
	return waits;
}

/* -EBADMSG for whatever is wrong with the string itself, and says what. */
struct tcmu_pr_info *tpr_info_decode(struct tpr_dev *dev, const char *str,
				     size_t len, u32 more)
{
	struct tpr_string_error err = { .what = "not a string of this version" };
	int regs = tpr_peek_regs(str, len);
	struct tcmu_pr_info *info;
	u32 room;

	if (regs < 0)
		goto bad;
	room = min_t(u32, regs + more, TPR_REGS_MAX);
	info = kvmalloc(tpr_info_size(room), GFP_NOIO);
	if (!info)
		return ERR_PTR(-ENOMEM);
	info->max_regs = room;
	if (!tpr_decode(info, str, len, &err) &&
	    !strcmp(info->device, dev->se_dev->t10_wwn.unit_serial))
		return info;
	if (!err.what)
		err.what = "it belongs to another device";
	kvfree(info);
bad:
	pr_err_ratelimited("tcmu_pr: %s: bad string, line %u: %s\n", dev->name,
			   err.line, err.what);
	return ERR_PTR(-EBADMSG);
}

/* The newest change of @now is a LOGICAL UNIT RESET that came in here. */
static bool own_reset(const struct tcmu_pr_info *now)
{
	const struct tpr_change *change = &now->changes[0];

	return change->order.action == TPR_ACT_LU_RESET &&
	       tpr_nl_is_own(&change->writer);
}

/* What the step from @old to @now does to the nexuses here. */
static void note_step(struct tpr_dev *dev, const struct tcmu_pr_info *old,
		      const struct tcmu_pr_info *now)
{
	struct tpr_nx *nx;

	/* Then the target core has done it all. */
	if (old->seq + 1 == now->seq && own_reset(now))
		return;
	if (now->changes[0].order.action == TPR_ACT_LU_RESET) {
		dev->abort_all = true;
		dev->aborting = true;
	}
	list_for_each_entry(nx, &dev->nexuses, all) {
		u16 asc = tpr_unit_attention(old, now, &nx->id);

		if (asc)
			tpr_nx_add_ua(dev, nx, asc);
		if (tpr_must_abort(old, now, &nx->id)) {
			nx->victim = true;
			dev->aborting = true;
		}
	}
}

/* Until a newer one is settled, @info may be what counts. */
static void note_between(struct tpr_dev *dev, const struct tcmu_pr_info *info)
{
	struct tpr_nx *nx;

	dev->between = true;
	list_for_each_entry(nx, &dev->nexuses, all) {
		u8 allowed = tpr_allowed(info, &nx->id);

		nx->every &= allowed;
		nx->some |= allowed;
	}
}

static void forget_between(struct tpr_dev *dev)
{
	struct tpr_nx *nx;

	dev->between = false;
	dev->blind = false;
	list_for_each_entry(nx, &dev->nexuses, all) {
		nx->every = U8_MAX;
		nx->some = 0;
	}
}

static struct tcmu_pr_info *scratch_copy(const struct tcmu_pr_info *info)
{
	u32 room = min_t(u32, info->num_regs + TPR_CHANGES_MAX, TPR_REGS_MAX);
	struct tcmu_pr_info *copy = kvmalloc(tpr_info_size(room), GFP_NOIO);

	if (copy) {
		tpr_info_init(copy, room);
		tpr_info_copy(copy, info);
	}
	return copy;
}

/*
 * Unit attentions and commands to end, and what versions between allow, by
 * every step from the state that was installed to @now: those may never have
 * come here.  Where the steps cannot be told, by the difference.
 */
static void note_steps(struct tpr_dev *dev, const struct tcmu_pr_info *now)
{
	struct tcmu_pr_info *before = NULL, *after = NULL;

	if (!dev->newest) {
		/* Whatever was let pass without a state may be a victim's. */
		dev->redrain = dev->taking_over;
		return;
	}
	if (!dev->settled)
		note_between(dev, dev->newest);
	if (dev->newest->seq + 1 < now->seq) {
		before = scratch_copy(dev->newest);
		after = scratch_copy(dev->newest);
	}
	while (before && after && after->seq + 1 < now->seq) {
		if (tpr_step(after, now))
			break;
		note_step(dev, before, after);
		note_between(dev, after);
		tpr_info_copy(before, after);
	}
	if ((before ? before : dev->newest)->seq + 1 < now->seq)
		dev->blind = true;
	note_step(dev, before ? before : dev->newest, now);
	kvfree(before);
	kvfree(after);
}

/*
 * Makes @info the newest state.  The one before becomes the base, unless a
 * base stands from before it: that is still the last settled one.
 */
static void supersede(struct tpr_dev *dev, struct tcmu_pr_info *info)
{
	if (dev->settled)
		swap(dev->base, dev->newest);
	else
		kvfree(dev->newest);
	dev->newest = info;
	dev->settled = false;
	dev->since = jiffies;
}

/*
 * In a new term nothing is known of what counts until the newest state does:
 * there may have been others in between that were settled without us.  Nor is
 * what was settled: another gateway, which took us for ended, may be about to
 * end what lives here only.
 */
static void unsettle(struct tpr_dev *dev)
{
	kvfree(dev->base);
	dev->base = NULL;
	dev->settled = false;
	dev->since = jiffies;
}

static void settle(struct tpr_dev *dev)
{
	dev->settled = true;
	dev->taking_over = false;
	forget_between(dev);
	kvfree(dev->base);
	dev->base = NULL;
}

/* Two states of one number: a store that was set back may hold another. */
static bool same_version(const struct tcmu_pr_info *a,
			 const struct tcmu_pr_info *b)
{
	return !memcmp(&a->changes[0], &b->changes[0], sizeof(a->changes[0]));
}

/*
 * Brings @push into the device's states; takes over @info (NULL: the push had
 * no string).  0; -ESTALE, -EBUSY (the term is over) or -EINVAL, and nothing
 * has changed; -ENOMEM, and the states have, but the view has not: the daemon
 * pushes again.
 */
static int apply(struct tpr_dev *dev, const struct tpr_push *push,
		 struct tcmu_pr_info *info, struct tpr_view **old)
{
	u64 have = dev->newest ? dev->newest->seq : 0;
	bool new_term = dev->term != push->term;
	int err;

	lockdep_assert_held(&dev->lock);
	/* Said to the one that we were: the daemon says it again, or better. */
	if (push->term != tpr_lease_term()) {
		kvfree(info);
		return -EBUSY;
	}
	/* What stood in another term has to be told again. */
	if (!info && new_term)
		return -EINVAL;
	if (push->seq < have || (!info && push->seq != have) ||
	    (info && push->seq == have && !same_version(info, dev->newest))) {
		kvfree(info);
		return -ESTALE;
	}
	if (new_term)
		unsettle(dev);
	if (push->seq > have) {
		note_steps(dev, info);
		supersede(dev, info);
		tpr_watch_start(dev);
	} else {
		kvfree(info);
	}
	if (push->settled && !dev->settled)
		settle(dev);
	dev->error = 0;
	dev->term = push->term;
	err = tpr_view_replace(dev, old);
	/* Not enforced, so nobody may be answered from it either. */
	if (err)
		dev->settled = false;
	return err;
}

/*
 * Enforces @push: when this returns 0 or -EINPROGRESS, no command passes any
 * more that a check under an older state let pass; with 0, those of nexuses
 * that were preempted and aborted have ended, too.
 */
static int install(struct tpr_dev *dev, const struct tpr_push *push)
{
	struct tcmu_pr_info *info = NULL;
	struct tpr_view *old = NULL;
	int err;

	if (push->str) {
		info = tpr_info_decode(dev, push->str, push->len, 0);
		if (IS_ERR(info))
			return PTR_ERR(info);
		if (info->seq != push->seq) {
			kvfree(info);
			return -EINVAL;
		}
	}
	mutex_lock(&dev->lock);
	err = apply(dev, push, info, &old);
	mutex_unlock(&dev->lock);
	if (err)
		return err;
	/*
	 * With a call_srcu() before this, for the old view, it would wait for
	 * that one's grace period, which begins at the next tick, and another.
	 */
	synchronize_srcu_expedited(&dev->srcu);
	kvfree(old);
	if (dev->redrain) {
		if (tpr_drain_begin(dev, &dev->drain))
			return -EBUSY;
		dev->redrain = false;
	}
	/* Commands of before the attach were never checked: wait for them. */
	if (!tpr_drain_wait(dev, tpr_hold_timeout_ms))
		return -EBUSY;
	/* One of them may have been a PR OUT that the core executed. */
	if (tpr_core_has_reservations(dev->se_dev)) {
		pr_err_ratelimited("tcmu_pr: %s: the target core granted a reservation during the attach: detach, clear it, attach again\n",
				   dev->name);
		return -EBUSY;
	}
	return tpr_abort_victims(dev);
}

/* The daemon knows of no valid state: nothing that can conflict passes. */
static int invalidate(struct tpr_dev *dev, const struct tpr_push *push)
{
	int err;

	mutex_lock(&dev->lock);
	if (dev->term != push->term)
		unsettle(dev);
	dev->error = push->invalidate;
	dev->term = push->term;
	err = tpr_view_publish(dev);
	mutex_unlock(&dev->lock);
	if (!err)
		synchronize_srcu_expedited(&dev->srcu);
	return err;
}

static struct tpr_push *next_push(struct tpr_dev *dev)
{
	struct tpr_push *push;

	spin_lock(&dev->cmds_lock);
	push = list_first_entry_or_null(&dev->pushes, struct tpr_push, list);
	if (push)
		list_del(&push->list);
	spin_unlock(&dev->cmds_lock);
	return push;
}

/*
 * The daemon waits for it and does not ask again, so it must not be given up
 * for want of memory: no change would ever be settled again.
 */
static void acknowledge(struct tpr_dev *dev, u64 seq, int status)
{
	while (tpr_nl_push_done(dev, seq, status) == -ENOMEM &&
	       READ_ONCE(dev->attached))
		msleep(20);
}

void tpr_push_work(struct work_struct *work)
{
	struct tpr_dev *dev = container_of(work, struct tpr_dev, push_work);
	struct tpr_push *push;
	int err;

	while ((push = next_push(dev))) {
		if (push->invalidate) {
			/* Nobody asks again, so it must not be given up. */
			while (invalidate(dev, push) &&
			       READ_ONCE(dev->attached))
				msleep(20);
		} else {
			err = install(dev, push);
			acknowledge(dev, push->seq, err);
		}
		tpr_push_free(push);
	}
}
