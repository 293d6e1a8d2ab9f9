// SPDX-License-Identifier: GPL-2.0-only
/* Starts and stops the parts. */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "netlink.h"
#include "tcmu_pr_dev.h"

unsigned int tpr_reply_timeout_ms = 45000;
module_param_named(reply_timeout_ms, tpr_reply_timeout_ms, uint, 0644);
MODULE_PARM_DESC(reply_timeout_ms,
		 "how long a PR command waits for one answer of the daemon");

unsigned int tpr_command_timeout_ms = 40000;
module_param_named(command_timeout_ms, tpr_command_timeout_ms, uint, 0644);
MODULE_PARM_DESC(command_timeout_ms,
		 "how long a PERSISTENT RESERVE OUT is tried again");

unsigned int tpr_hold_timeout_ms = 5000;
module_param_named(hold_timeout_ms, tpr_hold_timeout_ms, uint, 0644);
MODULE_PARM_DESC(hold_timeout_ms,
		 "how long a command waits for a state to be settled");

struct workqueue_struct *tpr_cmd_wq;
struct workqueue_struct *tpr_push_wq;
struct workqueue_struct *tpr_reap_wq;
struct workqueue_struct *tpr_free_wq;

static void destroy_queues(void)
{
	if (tpr_free_wq)
		destroy_workqueue(tpr_free_wq);
	if (tpr_reap_wq)
		destroy_workqueue(tpr_reap_wq);
	if (tpr_push_wq)
		destroy_workqueue(tpr_push_wq);
	if (tpr_cmd_wq)
		destroy_workqueue(tpr_cmd_wq);
}

/*
 * Commands wait for the daemon, and the daemon for its pushes: they must not
 * share a queue.  None of them may need memory to go on, except where a device
 * is freed: that waits for the system's queues (cleanup_srcu_struct()).
 */
static int create_queues(void)
{
	unsigned int flags = WQ_UNBOUND | WQ_MEM_RECLAIM;

	tpr_cmd_wq = alloc_workqueue("tcmu_pr_cmd", flags, 0);
	tpr_push_wq = alloc_workqueue("tcmu_pr_push", flags, 0);
	tpr_reap_wq = alloc_workqueue("tcmu_pr_reap", flags, 0);
	tpr_free_wq = alloc_workqueue("tcmu_pr_free", WQ_UNBOUND, 0);
	if (tpr_cmd_wq && tpr_push_wq && tpr_reap_wq && tpr_free_wq)
		return 0;
	destroy_queues();
	return -ENOMEM;
}

static int __init tcmu_pr_init(void)
{
	int err = create_queues();

	if (err)
		return err;
	tpr_lease_init();
	err = tpr_nl_register();
	if (err)
		goto queues;
	err = tpr_config_register();
	if (err)
		goto netlink;
	pr_info("tcmu_pr: loaded\n");
	return 0;
netlink:
	tpr_nl_unregister();
queues:
	destroy_queues();
	return err;
}

/*
 * No device is attached, or waits to be released: each of those holds the
 * module.  A task may still be between the last instruction of a hook that
 * matters and its return.
 */
static void __exit tcmu_pr_exit(void)
{
	tpr_config_unregister();
	tpr_nl_unregister();
	tpr_quiet_exit();
	destroy_queues();
	synchronize_rcu_tasks();
	synchronize_rcu();
	pr_info("tcmu_pr: unloaded\n");
}

module_init(tcmu_pr_init);
module_exit(tcmu_pr_exit);

MODULE_DESCRIPTION("SCSI persistent reservations for TCMU devices behind several gateways");
MODULE_AUTHOR("The tcmu-pr authors");
MODULE_LICENSE("GPL");
