// SPDX-License-Identifier: GPL-2.0-only
/*
 * When nothing that passed in earlier terms is under way any more.
 *
 * A gateway that was evicted may have been cut off from the disk, so that what
 * it had let pass before cannot reach that any more; and only when all of it
 * has ended may it have the disk again.  That its new term has begun says no
 * more than that nothing passes by leave of an earlier one.  Who passed has a
 * tag since before, and until it has ended: drain.c.
 */
#include "netlink.h"
#include "tcmu_pr.h"
#include "tcmu_pr_dev.h"

enum {
	LOOK_FIRST_MS = 20,
	LOOK_MAX_MS = 1000, /* it may never be so */
};

static void look_work(struct work_struct *work);

static struct {
	struct mutex lock; /* the five that follow */
	u64 term; /* the gateway's; all that passed before has its tag */
	bool first; /* before it nothing has passed */
	u64 told; /* the daemon was told of this one, or there was none */
	u64 warned; /* in this one */
	unsigned int pause_ms; /* after the last look */
	struct delayed_work work;
	atomic_t leaving; /* devices that were detached and are not idle yet */
} quiet = {
	.lock = __MUTEX_INITIALIZER(quiet.lock),
	.work = __DELAYED_WORK_INITIALIZER(quiet.work, look_work, 0),
};

void tpr_quiet_leaves(void)
{
	atomic_inc(&quiet.leaving);
}

void tpr_quiet_left(void)
{
	atomic_dec(&quiet.leaving);
}

/*
 * Of what TCMU has given up after cmd_time_out the core knows nothing any more,
 * and its handler may still execute it.
 */
static bool gives_up(struct tpr_dev *dev)
{
	if (!tpr_backstore_time_out_s(dev->se_dev))
		return false;
	if (quiet.warned != quiet.term)
		pr_notice("tcmu_pr: %s: cmd_time_out is not 0, so it cannot be known if commands of earlier terms are under way: to be cut off from a disk and return, restart the handler and set it to 0\n",
			  dev->name);
	quiet.warned = quiet.term;
	return true;
}

static void look(struct tpr_dev *dev, void *arg)
{
	bool *busy = arg;

	if (dev->quiet_term != quiet.term) {
		if (tpr_drain_begin(dev, &dev->quiet)) {
			*busy = true;
			return;
		}
		dev->quiet_term = quiet.term;
	}
	if ((!dev->quiet.done && !tpr_drain_done(dev, &dev->quiet)) ||
	    gives_up(dev))
		*busy = true;
}

/* Who is detached counts as leaving before it is not seen here any more. */
static bool is_quiet(void)
{
	bool busy = false;

	tpr_dev_for_each(look, &busy);
	return !busy && !atomic_read(&quiet.leaving);
}

static void look_work(struct work_struct *work)
{
	unsigned int pause_ms;
	bool again = false;
	int err;

	mutex_lock(&quiet.lock);
	quiet.pause_ms = min_t(unsigned int, 2 * quiet.pause_ms, LOOK_MAX_MS);
	pause_ms = quiet.pause_ms;
	if (quiet.told != quiet.term) {
		again = true;
		if (quiet.first || is_quiet()) {
			err = tpr_nl_term(TCMU_PR_CMD_QUIET, quiet.term);
			again = err && err != -ENOTCONN;
		}
		if (!again)
			quiet.told = quiet.term;
	}
	mutex_unlock(&quiet.lock);
	if (again)
		queue_delayed_work(tpr_reap_wq, &quiet.work,
				   msecs_to_jiffies(pause_ms));
}

/*
 * @term has begun after @before (0: nothing has passed yet); nobody passes any
 * more who has not passed by now.
 */
void tpr_quiet_begin(u64 before, u64 term)
{
	mutex_lock(&quiet.lock);
	quiet.term = term;
	quiet.first = !before;
	quiet.pause_ms = LOOK_FIRST_MS;
	mutex_unlock(&quiet.lock);
	mod_delayed_work(tpr_reap_wq, &quiet.work, 0);
}

/* To a daemon that has just come. */
void tpr_quiet_tell(void)
{
	mutex_lock(&quiet.lock);
	if (quiet.term && quiet.told == quiet.term)
		tpr_nl_term(TCMU_PR_CMD_QUIET, quiet.term);
	mutex_unlock(&quiet.lock);
}

void tpr_quiet_exit(void)
{
	cancel_delayed_work_sync(&quiet.work);
}
