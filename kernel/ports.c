// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ports of a logical unit: its target ports by relative target port
 * identifier, and the sessions behind them.
 */
#include "compat.h"
#include "tcmu_pr_dev.h"

/*
 * Calls @fn for each session that can send commands to @se_dev, until it
 * returns something else than 0, and returns that.
 * Context: any but hard interrupts; @fn runs under spin locks.
 */
int tpr_walk_sessions(struct se_device *se_dev, tpr_session_fn fn, void *arg)
{
	struct se_session *sess;
	struct se_lun *lun;
	unsigned long flags;
	int err = 0;

	spin_lock(&se_dev->se_port_lock);
	list_for_each_entry(lun, &se_dev->dev_sep_list, lun_dev_link) {
		struct se_portal_group *tpg = lun->lun_tpg;

		spin_lock_irqsave(&tpg->session_lock, flags);
		list_for_each_entry(sess, &tpg->tpg_sess_list, sess_list) {
			err = fn(sess, arg);
			if (err)
				break;
		}
		spin_unlock_irqrestore(&tpg->session_lock, flags);
		if (err)
			break;
	}
	spin_unlock(&se_dev->se_port_lock);
	return err;
}

/*
 * struct tpr_ports' target().  Relative target port identifiers are those of
 * this gateway: portal groups that all gateways have in the same order, as
 * ceph-iscsi makes them, have the same everywhere.
 */
static bool find_target(void *arg, u16 rtpi, struct tpr_nexus *nexus)
{
	struct tpr_dev *dev = arg;
	struct se_lun *lun;
	bool found = false;

	spin_lock(&dev->se_dev->se_port_lock);
	list_for_each_entry(lun, &dev->se_dev->dev_sep_list, lun_dev_link) {
		struct se_portal_group *tpg = lun->lun_tpg;

		/* One of another protocol is no port for that initiator. */
		if (tpr_lun_rtpi(lun) != rtpi ||
		    (tpg->proto_id & 0x0f) != nexus->proto)
			continue;
		found = tpr_name_target(tpg, nexus);
		nexus->rtpi = rtpi;
		break;
	}
	spin_unlock(&dev->se_dev->se_port_lock);
	return found;
}

struct nth_session {
	const char *name;
	u32 n;
	u8 *isid;
};

static int is_nth(struct se_session *sess, void *arg)
{
	struct nth_session *want = arg;

	if (!tpr_is_iscsi(sess) ||
	    strcmp(sess->se_node_acl->initiatorname, want->name))
		return 0;
	if (want->n--)
		return 0;
	memcpy(want->isid, tpr_iscsi_isid(sess), TPR_ISID_LEN);
	return 1;
}

/* struct tpr_ports' initiator(). */
static bool find_initiator(void *arg, const char *name, u32 n,
			   u8 isid[TPR_ISID_LEN])
{
	struct nth_session want = { .name = name, .n = n, .isid = isid };
	struct tpr_dev *dev = arg;

	return tpr_walk_sessions(dev->se_dev, is_nth, &want);
}

struct tpr_ports tpr_dev_ports(struct tpr_dev *dev)
{
	return (struct tpr_ports){
		.target = find_target,
		.initiator = find_initiator,
		.arg = dev,
	};
}
