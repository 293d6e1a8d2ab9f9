// SPDX-License-Identifier: GPL-2.0-only
/*
 * The published verdict.
 *
 * While the newest state is not known to be settled, a command may run only
 * if that state, the last one known to be settled, and all between them allow
 * it.  What only some of them allow is held back: to answer either way would
 * tell the initiator which state counts, before that is so on every gateway.
 */
#include <linux/slab.h>

#include "tcmu_pr_dev.h"

static struct tpr_perm perm_of(const struct tpr_dev *dev,
			       const struct tpr_nx *nx)
{
	struct tpr_perm perm = {
		.allow = TPR_CLASS_ALWAYS | TPR_CLASS_INFO | TPR_CLASS_PR_IN |
			 TPR_CLASS_PR_OUT,
	};
	const struct tpr_nexus *id = &nx->id;
	u8 now, before;

	/* Lost: execution looks at the command itself. */
	if (dev->error == EBADMSG)
		perm.allow = 0;
	if (dev->error)
		return perm;
	if (!dev->newest) {
		if (dev->taking_over)
			perm.allow |= TPR_CLASS_READ | TPR_CLASS_WRITE;
		return perm;
	}
	now = tpr_allowed(dev->newest, id);
	if (dev->settled || dev->taking_over) {
		perm.allow = now;
		return perm;
	}
	if (!dev->base || dev->blind) {
		/* Nothing known before: all that can conflict waits. */
		perm.hold = TPR_CLASS_READ | TPR_CLASS_WRITE;
		return perm;
	}
	before = tpr_allowed(dev->base, id);
	perm.allow = now & before & nx->every;
	perm.hold = (now | before | nx->some) & ~perm.allow;
	return perm;
}

static u32 slots_needed(const struct tpr_dev *dev)
{
	const struct tpr_nx *nx;
	u32 slots = 0;

	list_for_each_entry(nx, &dev->nexuses, all)
		slots = max(slots, nx->slot + 1);
	return slots;
}

static void view_free(struct rcu_head *rcu)
{
	kvfree(container_of(rcu, struct tpr_view, rcu));
}

/*
 * Publishes the verdict of the device's present states for its nexuses.  When
 * it returns 0, commands that begin see it; synchronize_srcu() waits for those
 * that do not, and after that the caller frees *@old.  -ENOMEM: the old view
 * stands.
 * Context: process, @dev->lock held, not under @dev->srcu.
 */
int tpr_view_replace(struct tpr_dev *dev, struct tpr_view **old)
{
	struct tpr_view *view;
	const struct tpr_nx *nx;
	u32 slots;

	lockdep_assert_held(&dev->lock);
	*old = NULL;
	slots = slots_needed(dev);
	view = kvzalloc(struct_size(view, perm, slots), GFP_NOIO);
	if (!view)
		return -ENOMEM;
	view->error = dev->error;
	if (!dev->newest && !dev->error)
		view->error = EINPROGRESS;
	view->gen = dev->view_gen + 1;
	view->since = dev->since;
	view->term = dev->term;
	view->settled = dev->settled && !view->error;
	view->seq = dev->newest ? dev->newest->seq : 0;
	view->slots = slots;
	list_for_each_entry(nx, &dev->nexuses, all)
		view->perm[nx->slot] = perm_of(dev, nx);
	*old = rcu_replace_pointer(dev->view, view,
				   lockdep_is_held(&dev->lock));
	WRITE_ONCE(dev->view_gen, view->gen);
	wake_up_all(&dev->view_wq);
	return 0;
}

/* The same for who does not wait: the old one is freed in time. */
int tpr_view_publish(struct tpr_dev *dev)
{
	struct tpr_view *old;
	int err = tpr_view_replace(dev, &old);

	if (old)
		call_srcu(&dev->srcu, &old->rcu, view_free);
	return err;
}
