// SPDX-License-Identifier: GPL-2.0-only
/* The I_T nexuses that a device knows. */
#include <linux/hash.h>
#include <linux/net.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/tcp_states.h>
#include <target/iscsi/iscsi_target_core.h>
#include <target/target_core_fabric.h>

#include "compat.h"
#include "tcmu_pr_dev.h"
#include "tpr_tid.h"

static struct hlist_head *bucket_of(struct tpr_dev *dev,
				    const struct se_session *sess)
{
	return &dev->buckets[hash_ptr(sess, ilog2(TPR_NEXUS_BUCKETS))];
}

static struct iscsit_session *iscsi_session(const struct se_session *sess)
{
	return sess->fabric_sess_ptr;
}

/*
 * The ISID, six bytes.  The target core shows it only as text, and its binary
 * form only in part, so it is read where iSCSI keeps it: for each command.
 */
const u8 *tpr_iscsi_isid(const struct se_session *sess)
{
	return iscsi_session(sess)->isid;
}

bool tpr_is_iscsi(const struct se_session *sess)
{
	const char *name = sess->se_tpg->se_tpg_tfo->fabric_name;

	return name && !strcmp(name, "iSCSI");
}

/*
 * True if @is has a connection.  The target takes seconds to notice that one
 * is lost, and may keep its session for longer; the socket knows at once.
 */
static bool is_connected(struct iscsit_session *is)
{
	const struct iscsit_conn *conn;
	unsigned long flags;
	bool connected = false;

	spin_lock_irqsave(&is->conn_lock, flags);
	list_for_each_entry(conn, &is->sess_conn_list, conn_list)
		if (READ_ONCE(conn->conn_state) == TARG_CONN_STATE_LOGGED_IN &&
		    (!conn->sock ||
		     READ_ONCE(conn->sock->sk->sk_state) == TCP_ESTABLISHED))
			connected = true;
	spin_unlock_irqrestore(&is->conn_lock, flags);
	return connected;
}

/*
 * What tells this session from another one, earlier or later, with the same
 * names.  An iSCSI session without a connection is over.
 * Context: @sess is alive, or in a list under its lock.
 */
struct tpr_session_id tpr_session_id(const struct se_session *sess)
{
	struct tpr_session_id id = {
		.sess = sess,
		.acl_index = sess->se_node_acl->acl_index,
		.alive = true,
	};

	if (tpr_is_iscsi(sess)) {
		struct iscsit_session *is = iscsi_session(sess);

		id.birth = is->creation_time ^ (u64)is->tsih << 48;
		id.alive = is_connected(is);
	}
	return id;
}

bool tpr_nx_of_session(const struct tpr_nx *nx, const struct se_session *sess)
{
	if (nx->sess != sess || nx->acl_index != sess->se_node_acl->acl_index)
		return false;
	return !nx->iscsi ||
	       !memcmp(nx->id.isid, tpr_iscsi_isid(sess), TPR_ISID_LEN);
}

/*
 * The nexus of @cmd, NULL if it is not known yet.  No lock, no allocation,
 * independent of the number of registrations.
 * Context: any, under @dev->srcu; @cmd's session is alive as @cmd is.
 */
struct tpr_nx *tpr_nx_find(struct tpr_dev *dev, const struct se_cmd *cmd)
{
	struct hlist_head *bucket = bucket_of(dev, cmd->se_sess);
	struct tpr_nx *nx;

	hlist_for_each_entry_srcu(nx, bucket, hash,
				  srcu_read_lock_held(&dev->srcu))
		if (tpr_nx_of_session(nx, cmd->se_sess))
			return nx;
	return NULL;
}

/* Names the target port of @tpg; false if its fabric has no such names. */
bool tpr_name_target(struct se_portal_group *tpg, struct tpr_nexus *nexus)
{
	const struct target_core_fabric_ops *tfo = tpg->se_tpg_tfo;

	nexus->target[0] = 0;
	nexus->tag = 0;
	if (!tfo->tpg_get_wwn || !tfo->tpg_get_tag)
		return false;
	strscpy(nexus->target, tfo->tpg_get_wwn(tpg), sizeof(nexus->target));
	nexus->tag = tfo->tpg_get_tag(tpg);
	return true;
}

/*
 * Names the nexus of @sess.  Fabrics inside the target core have no target
 * port name, and others may have initiator names that no TransportID can
 * carry: such a nexus has a name that no registration can have, and is treated
 * as unregistered.
 */
void tpr_name_nexus(const struct se_session *sess, struct tpr_nexus *nexus)
{
	memset(nexus, 0, sizeof(*nexus));
	nexus->proto = sess->se_tpg->proto_id & 0x0f;
	if (!tpr_port_name(nexus->proto, sess->se_node_acl->initiatorname,
			   nexus->initiator))
		nexus->initiator[0] = 0;
	if (tpr_is_iscsi(sess))
		memcpy(nexus->isid, tpr_iscsi_isid(sess), TPR_ISID_LEN);
	tpr_name_target(sess->se_tpg, nexus);
}

static void name_nexus(struct tpr_nx *nx, const struct se_cmd *cmd)
{
	nx->sess = cmd->se_sess;
	nx->acl_index = cmd->se_sess->se_node_acl->acl_index;
	nx->iscsi = tpr_is_iscsi(cmd->se_sess);
	tpr_name_nexus(cmd->se_sess, &nx->id);
	nx->id.rtpi = tpr_lun_rtpi(cmd->se_lun);
}

static void nx_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct tpr_nx, rcu));
}

/* Context: @dev->lock held.  The slot stays with the caller. */
static void nx_unlink(struct tpr_dev *dev, struct tpr_nx *nx)
{
	lockdep_assert_held(&dev->lock);
	hlist_del_rcu(&nx->hash);
	list_del(&nx->all);
	dev->num_nexuses--;
}

/*
 * Drops nexuses whose sessions have ended.  Their slots may be given to
 * others only when no command can find them any more.
 */
static void prune(struct tpr_dev *dev)
{
	struct tpr_nx *nx, *tmp;
	LIST_HEAD(dead);

	lockdep_assert_held(&dev->lock);
	list_for_each_entry_safe(nx, tmp, &dev->nexuses, all) {
		if (tpr_session_lives(dev->se_dev, nx))
			continue;
		nx_unlink(dev, nx);
		list_add(&nx->all, &dead);
	}
	if (list_empty(&dead))
		return;
	synchronize_srcu(&dev->srcu);
	list_for_each_entry_safe(nx, tmp, &dead, all) {
		ida_free(&dev->slots, nx->slot);
		kfree(nx);
	}
}

/*
 * An entry of the same session address, or of the same nexus in an earlier
 * session, is what @nx replaces.
 */
static void replace_stale(struct tpr_dev *dev, struct tpr_nx *nx)
{
	struct tpr_nx *old, *tmp;

	lockdep_assert_held(&dev->lock);
	list_for_each_entry_safe(old, tmp, &dev->nexuses, all) {
		if (old->sess != nx->sess)
			continue;
		/* Its session is gone, or its address were not reused. */
		nx_unlink(dev, old);
		synchronize_srcu(&dev->srcu);
		ida_free(&dev->slots, old->slot);
		kfree(old);
	}
}

static int nx_insert(struct tpr_dev *dev, struct tpr_nx *nx)
{
	int slot, err;

	lockdep_assert_held(&dev->lock);
	/* What versions that are gone allowed it is not known any more. */
	nx->every = dev->between ? ~(u8)TPR_CLASS_FORBIDDABLE : U8_MAX;
	nx->some = dev->between ? TPR_CLASS_FORBIDDABLE : 0;
	slot = ida_alloc(&dev->slots, GFP_NOIO);
	if (slot < 0)
		return slot;
	nx->slot = slot;
	list_add(&nx->all, &dev->nexuses);
	err = tpr_view_publish(dev);
	if (err) {
		list_del(&nx->all);
		ida_free(&dev->slots, slot);
		return err;
	}
	/* After the view: who finds the nexus has a view with its slot. */
	hlist_add_head_rcu(&nx->hash, bucket_of(dev, nx->sess));
	dev->num_nexuses++;
	return 0;
}

static int get_locked(struct tpr_dev *dev, struct se_cmd *cmd,
		      struct tpr_nx *nx)
{
	int idx = srcu_read_lock(&dev->srcu);
	bool known = tpr_nx_find(dev, cmd);

	srcu_read_unlock(&dev->srcu, idx);
	if (known) {
		kfree(nx);
		return 0;
	}
	replace_stale(dev, nx);
	if (dev->num_nexuses >= TPR_NEXUS_PRUNE)
		prune(dev);
	return nx_insert(dev, nx);
}

/*
 * Makes the nexus of @cmd known: the first command of a session comes here,
 * later ones do not.
 */
int tpr_nx_get(struct tpr_dev *dev, struct se_cmd *cmd)
{
	struct tpr_nx *nx = kzalloc(sizeof(*nx), GFP_NOIO);
	int err;

	if (!nx)
		return -ENOMEM;
	name_nexus(nx, cmd);
	mutex_lock(&dev->lock);
	err = get_locked(dev, cmd, nx);
	mutex_unlock(&dev->lock);
	if (err)
		kfree(nx);
	return err;
}

/* Context: no command can reach @dev any more. */
void tpr_nx_free_all(struct tpr_dev *dev)
{
	struct tpr_nx *nx, *tmp;

	mutex_lock(&dev->lock);
	list_for_each_entry_safe(nx, tmp, &dev->nexuses, all) {
		nx_unlink(dev, nx);
		ida_free(&dev->slots, nx->slot);
		call_srcu(&dev->srcu, &nx->rcu, nx_free);
	}
	mutex_unlock(&dev->lock);
}

/* Takes the oldest unit attention of @nx, 0 if there is none. */
u16 tpr_nx_take_ua(struct tpr_dev *dev, struct tpr_nx *nx)
{
	u16 asc = 0;

	spin_lock(&dev->ua_lock);
	if (nx->uas) {
		asc = nx->ua[0];
		nx->uas--;
		memmove(nx->ua, nx->ua + 1, nx->uas * sizeof(nx->ua[0]));
	}
	spin_unlock(&dev->ua_lock);
	return asc;
}

/* One of each code is enough (SAM-5 5.14); beyond the room the oldest stay. */
void tpr_nx_add_ua(struct tpr_dev *dev, struct tpr_nx *nx, u16 asc)
{
	u8 i;

	spin_lock(&dev->ua_lock);
	for (i = 0; i < nx->uas; i++)
		if (nx->ua[i] == asc)
			break;
	if (i == nx->uas && i < TPR_UA_MAX) {
		nx->ua[i] = asc;
		WRITE_ONCE(nx->uas, i + 1);
	}
	spin_unlock(&dev->ua_lock);
}
