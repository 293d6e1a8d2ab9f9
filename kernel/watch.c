// SPDX-License-Identifier: GPL-2.0-only
/*
 * Watches over the nexus that holds an SPC-2 reservation: the reservation ends
 * with the nexus (SPC-2 5.5.1), by logout, loss of the connection, or a new
 * login in its place.  The target core tells a backend nothing of that, so
 * while there is such a reservation of this gateway, its session is looked for
 * fifty times a second.
 */
#include "netlink.h"
#include "tcmu_pr_dev.h"

enum {
	WATCH_INTERVAL_MS = 20,
};

struct look {
	const struct tpr_nexus *nexus;
	const struct tpr_session_id *id; /* NULL: any session of @nexus */
};

static int is_session_of(struct se_session *sess, void *arg)
{
	const struct look *look = arg;
	struct tpr_session_id id;
	struct tpr_nexus nexus;

	if (look->id && sess != look->id->sess)
		return 0;
	id = tpr_session_id(sess);
	if (!id.alive)
		return 0;
	if (look->id)
		return id.birth == look->id->birth &&
		       id.acl_index == look->id->acl_index;
	tpr_name_nexus(sess, &nexus);
	return !tpr_nexus_cmp(&nexus, look->nexus);
}

/*
 * @nexus has executed RESERVE in session @id: one that logs in later under the
 * same names is not the one that holds the reservation.
 * Context: cmd_work, as is tpr_watch_lost().
 */
void tpr_watch_note(struct tpr_dev *dev, const struct tpr_nexus *nexus,
		    const struct tpr_session_id *id)
{
	dev->watched = *nexus;
	dev->watched_session = *id;
}

/* True if @info has an SPC-2 reservation of @gateway, this one, whose nexus is gone. */
bool tpr_watch_lost(struct tpr_dev *dev, const struct tcmu_pr_info *info,
		    const char *gateway)
{
	struct look look = { .nexus = &info->scsi2_holder };

	if (!info->scsi2_held || strcmp(info->scsi2_gateway, gateway))
		return false;
	if (!tpr_nexus_cmp(&dev->watched, &info->scsi2_holder))
		look.id = &dev->watched_session;
	return !tpr_walk_sessions(dev->se_dev, is_session_of, &look);
}

/* Begins to watch if the newest state has something to.  @dev->lock held. */
void tpr_watch_start(struct tpr_dev *dev)
{
	lockdep_assert_held(&dev->lock);
	if (dev->newest && dev->newest->scsi2_held)
		queue_delayed_work(tpr_reap_wq, &dev->watch_work,
				   msecs_to_jiffies(WATCH_INTERVAL_MS));
}

/* The look itself is cmd_work's: it knows which session it executed for. */
void tpr_watch_work(struct work_struct *work)
{
	struct tpr_dev *dev =
		container_of(work, struct tpr_dev, watch_work.work);

	tpr_pr_look(dev);
	mutex_lock(&dev->lock);
	if (READ_ONCE(dev->attached))
		tpr_watch_start(dev);
	mutex_unlock(&dev->lock);
}
