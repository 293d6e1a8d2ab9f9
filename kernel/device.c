// SPDX-License-Identifier: GPL-2.0-only
/* Attaching to a TCMU device and letting it go. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "netlink.h"
#include "tcmu_pr_dev.h"
#include "tpr_string.h"

enum {
	DETACH_WAIT_MS = 5000,
	REAP_INTERVAL_MS = 500,
};

static DEFINE_MUTEX(tpr_devices_lock);
static LIST_HEAD(tpr_devices); /* attached ones; tpr_devices_lock */

static void dev_free(struct kref *kref)
{
	struct tpr_dev *dev = container_of(kref, struct tpr_dev, kref);

	tpr_nx_free_all(dev);
	tpr_drain_end(&dev->drain);
	tpr_drain_end(&dev->quiet);
	srcu_barrier(&dev->srcu);
	cleanup_srcu_struct(&dev->srcu);
	kvfree(rcu_access_pointer(dev->view));
	ida_destroy(&dev->slots);
	kvfree(dev->newest);
	kvfree(dev->base);
	kfree(dev);
}

void tpr_dev_put(struct tpr_dev *dev)
{
	kref_put(&dev->kref, dev_free);
}

struct tpr_dev *tpr_dev_find(const char *name)
{
	struct tpr_dev *dev, *found = NULL;

	mutex_lock(&tpr_devices_lock);
	list_for_each_entry(dev, &tpr_devices, list) {
		if (strcmp(dev->name, name))
			continue;
		kref_get(&dev->kref);
		found = dev;
		break;
	}
	mutex_unlock(&tpr_devices_lock);
	return found;
}

void tpr_dev_for_each(void (*fn)(struct tpr_dev *dev, void *arg), void *arg)
{
	struct tpr_dev *dev;

	mutex_lock(&tpr_devices_lock);
	list_for_each_entry(dev, &tpr_devices, list)
		fn(dev, arg);
	mutex_unlock(&tpr_devices_lock);
}

void tpr_dev_backstore(const struct tpr_dev *dev, char *buf, size_t cap)
{
	const struct config_item *item = &dev->se_dev->dev_group.cg_item;

	snprintf(buf, cap, "%s/%s", config_item_name(item->ci_parent),
		 config_item_name((struct config_item *)item));
}

/*
 * Reservations that the target core holds for the device would be forgotten
 * when this module takes over: then the administrator has to end them first.
 */
bool tpr_core_has_reservations(struct se_device *se_dev)
{
	bool has;

	spin_lock(&se_dev->t10_pr.registration_lock);
	has = !list_empty(&se_dev->t10_pr.registration_list);
	spin_unlock(&se_dev->t10_pr.registration_lock);
	spin_lock(&se_dev->dev_reservation_lock);
	has |= se_dev->dev_reservation_flags & DRF_SPC2_RESERVATIONS;
	spin_unlock(&se_dev->dev_reservation_lock);
	return has;
}

static int check_backstore(const char *name, struct se_device *se_dev)
{
	if (!target_dev_configured(se_dev)) {
		pr_err("tcmu_pr: %s: enable the backstore first\n", name);
		return -ENODEV;
	}
	if (!se_dev->t10_wwn.unit_serial[0]) {
		pr_err("tcmu_pr: %s: the backstore has no wwn/vpd_unit_serial: set it, the same on every gateway\n",
		       name);
		return -EINVAL;
	}
	if (READ_ONCE(se_dev->transport)->parse_cdb == tpr_parse_cdb) {
		pr_err("tcmu_pr: %s: the backstore is attached already\n",
		       name);
		return -EBUSY;
	}
	if (tpr_core_has_reservations(se_dev)) {
		pr_err("tcmu_pr: %s: the backstore has reservations of the target core's: clear them first\n",
		       name);
		return -EBUSY;
	}
	return 0;
}

static void reap(struct work_struct *work);

/* No state within the hold time: from now on commands wait, and fail. */
static void end_takeover(struct work_struct *work)
{
	struct tpr_dev *dev =
		container_of(work, struct tpr_dev, takeover_work.work);

	mutex_lock(&dev->lock);
	if (dev->taking_over) {
		pr_warn("tcmu_pr: %s: no settled state yet, refusing what a reservation could forbid\n",
			dev->name);
		dev->taking_over = false;
		if (tpr_view_publish(dev)) {
			dev->taking_over = true;
			queue_delayed_work(tpr_reap_wq, &dev->takeover_work,
					   HZ / 10);
		}
	}
	mutex_unlock(&dev->lock);
}

static void dev_init(struct tpr_dev *dev, const char *name,
		     struct se_device *se_dev)
{
	kref_init(&dev->kref);
	strscpy(dev->name, name, sizeof(dev->name));
	dev->se_dev = se_dev;
	dev->since = jiffies;
	dev->orig = se_dev->transport;
	dev->ops = *dev->orig;
	dev->ops.parse_cdb = tpr_parse_cdb;
	if (dev->orig->tmr_notify)
		dev->ops.tmr_notify = tpr_tmr_notify;
	INIT_LIST_HEAD(&dev->list);
	INIT_LIST_HEAD(&dev->nexuses);
	INIT_LIST_HEAD(&dev->cmds);
	INIT_LIST_HEAD(&dev->pushes);
	INIT_LIST_HEAD(&dev->drain.tags);
	INIT_LIST_HEAD(&dev->quiet.tags);
	INIT_LIST_HEAD(&dev->aborts);
	INIT_LIST_HEAD(&dev->tmrs);
	ida_init(&dev->slots);
	spin_lock_init(&dev->ua_lock);
	spin_lock_init(&dev->tmr_lock);
	mutex_init(&dev->abort_lock);
	spin_lock_init(&dev->req_lock);
	spin_lock_init(&dev->cmds_lock);
	mutex_init(&dev->lock);
	init_waitqueue_head(&dev->view_wq);
	init_completion(&dev->req.completion);
	INIT_WORK(&dev->cmd_work, tpr_pr_work);
	INIT_WORK(&dev->push_work, tpr_push_work);
	INIT_DELAYED_WORK(&dev->reap_work, reap);
	INIT_DELAYED_WORK(&dev->takeover_work, end_takeover);
	INIT_DELAYED_WORK(&dev->watch_work, tpr_watch_work);
	INIT_DELAYED_WORK(&dev->abort_work, tpr_abort_work);
}

static struct tpr_dev *dev_alloc(const char *name, struct se_device *se_dev)
{
	struct tpr_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int err;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	err = init_srcu_struct(&dev->srcu);
	if (err) {
		kfree(dev);
		return ERR_PTR(err);
	}
	dev_init(dev, name, se_dev);
	mutex_lock(&dev->lock);
	dev->taking_over = tpr_in_use(dev);
	dev->term = tpr_lease_term();
	err = tpr_view_publish(dev);
	mutex_unlock(&dev->lock);
	/* Without a daemon there would be no state to take over with. */
	if (dev->taking_over &&
	    (!tpr_nl_connected() || !tpr_lease_holds(dev->term))) {
		pr_err("tcmu_pr: %s: in use, and %s\n", name,
		       tpr_nl_connected() ? "there is no lease yet" :
		       "no daemon is connected: start it first");
		err = -ENOTCONN;
	}
	if (!err)
		return dev;
	tpr_dev_put(dev);
	return ERR_PTR(err);
}

static void set_attached(struct tpr_dev *dev, bool attached)
{
	spin_lock(&dev->cmds_lock);
	WRITE_ONCE(dev->attached, attached);
	spin_unlock(&dev->cmds_lock);
}

/*
 * Takes over the reservations of @se_dev.  Commands wait until the daemon has
 * pushed a settled state; but if sessions are using the device already, they
 * go on as before for the hold time, under the lease, and what was under way
 * at the attach is waited for before the daemon hears that its state is
 * enforced.
 * Returns the device, or -EBUSY, -ENODEV, -EINVAL, -ENOMEM, -ENOTCONN (in use,
 * and no daemon, or no lease: the others could have gone on without us).
 * Context: process; the caller pins @se_dev until tpr_dev_detach().
 */
struct tpr_dev *tpr_dev_attach(const char *name, struct se_device *se_dev)
{
	struct tpr_dev *dev;
	int err;

	/* Held throughout: two attaches of one backstore must not mix. */
	mutex_lock(&tpr_devices_lock);
	err = check_backstore(name, se_dev);
	dev = err ? ERR_PTR(err) : dev_alloc(name, se_dev);
	if (IS_ERR(dev)) {
		mutex_unlock(&tpr_devices_lock);
		return dev;
	}
	dev->pgr_was_set =
		se_dev->transport_flags & TRANSPORT_FLAG_PASSTHROUGH_PGR;
	set_attached(dev, true);
	/* The hook first: once the core's check is off, ours must be on. */
	smp_store_release(&se_dev->transport, &dev->ops);
	se_dev->transport_flags |= TRANSPORT_FLAG_PASSTHROUGH_PGR;
	err = tpr_drain_begin(dev, &dev->drain);
	list_add_tail(&dev->list, &tpr_devices);
	mutex_unlock(&tpr_devices_lock);
	if (err) {
		pr_err("tcmu_pr: %s: cannot attach while in use by this fabric, error %d: attach before exporting\n",
		       name, -err);
		tpr_dev_detach(dev);
		return ERR_PTR(-EBUSY);
	}
	pr_info("tcmu_pr: %s: attached\n", name);
	if (tpr_backstore_time_out_s(se_dev))
		pr_notice("tcmu_pr: %s: cmd_time_out is not 0: after a time-out, PREEMPT AND ABORT cannot know what the handler still executes\n",
			  name);
	queue_delayed_work(tpr_reap_wq, &dev->takeover_work,
			   msecs_to_jiffies(tpr_hold_timeout_ms));
	err = tpr_nl_device_added(dev);
	/* It would never hear of the device; of a full buffer it is told. */
	if (err && err != -ENOTCONN && err != -EBUSY) {
		tpr_dev_detach(dev);
		return ERR_PTR(err);
	}
	return dev;
}

/* Everything that could still touch @dev has ended, or false. */
static bool idle(struct tpr_dev *dev, unsigned int timeout_ms)
{
	if (list_empty(&dev->drain.tags) && !dev->drain.done &&
	    tpr_drain_begin(dev, &dev->drain))
		return false;
	if (!tpr_drain_wait(dev, timeout_ms))
		return false;
	synchronize_srcu(&dev->srcu);
	cancel_work_sync(&dev->cmd_work);
	cancel_work_sync(&dev->push_work);
	return true;
}

static void drop_pushes(struct tpr_dev *dev)
{
	struct tpr_push *push, *tmp;

	list_for_each_entry_safe(push, tmp, &dev->pushes, list) {
		list_del(&push->list);
		tpr_push_free(push);
	}
}

/*
 * Some look at the transport operations without a command: a task may have
 * loaded the pointer to ours and been preempted before it used it.
 */
static void forget_ops(void)
{
	synchronize_rcu_tasks();
	synchronize_rcu();
}

/*
 * A detached device whose last commands take their time.  It keeps the
 * backstore and both modules until it is proven idle.
 */
static void reap(struct work_struct *work)
{
	struct tpr_dev *dev =
		container_of(work, struct tpr_dev, reap_work.work);
	struct module *owner = dev->orig->owner;
	struct config_item *item = &dev->se_dev->dev_group.cg_item;

	if (!idle(dev, REAP_INTERVAL_MS)) {
		queue_delayed_work(tpr_free_wq, &dev->reap_work,
				   msecs_to_jiffies(REAP_INTERVAL_MS));
		return;
	}
	pr_info("tcmu_pr: %s: released\n", dev->name);
	tpr_quiet_left();
	drop_pushes(dev);
	forget_ops();
	tpr_dev_put(dev);
	config_item_put(item);
	module_put(owner);
	module_put(THIS_MODULE);
}

static void reap_later(struct tpr_dev *dev)
{
	pr_warn("tcmu_pr: %s: commands of before the detach are still under way, waiting for them in the background\n",
		dev->name);
	__module_get(THIS_MODULE);
	__module_get(dev->orig->owner);
	config_item_get(&dev->se_dev->dev_group.cg_item);
	queue_delayed_work(tpr_free_wq, &dev->reap_work, 0);
}

/*
 * Gives the device back to the target core, with I/O running or not.  What
 * waits here for a state goes on without one.
 * Context: process; may sleep for some seconds.  @dev is gone for the caller.
 */
void tpr_dev_detach(struct tpr_dev *dev)
{
	struct se_device *se_dev = dev->se_dev;

	mutex_lock(&tpr_devices_lock);
	tpr_quiet_leaves();
	list_del(&dev->list);
	if (!dev->pgr_was_set)
		se_dev->transport_flags &= ~TRANSPORT_FLAG_PASSTHROUGH_PGR;
	/* The core's check is on again before ours goes. */
	smp_store_release(&se_dev->transport, dev->orig);
	set_attached(dev, false);
	mutex_unlock(&tpr_devices_lock);

	wake_up_all(&dev->view_wq);
	cancel_delayed_work_sync(&dev->takeover_work);
	cancel_delayed_work_sync(&dev->watch_work);
	tpr_nl_fail_request(dev, -ENODEV);
	tpr_nl_device_removed(dev);
	cancel_work_sync(&dev->push_work);
	/* The work that began before attached was false may have begun it. */
	cancel_delayed_work_sync(&dev->watch_work);
	tpr_abort_forget(dev);
	tpr_drain_end(&dev->drain);
	if (!idle(dev, DETACH_WAIT_MS)) {
		reap_later(dev);
		return;
	}
	tpr_quiet_left();
	drop_pushes(dev);
	forget_ops();
	pr_info("tcmu_pr: %s: detached\n", dev->name);
	tpr_dev_put(dev);
}
