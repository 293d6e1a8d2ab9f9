/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A TCMU device whose persistent reservations this module decides, and the
 * operations of the module's parts on it.
 *
 * Life: the link "backstore" in the device's configfs directory attaches it
 * (device.c), the daemon pushes a state (netlink.c, install.c), commands are
 * judged by the published view (exec.c, view.c), PR commands are worked off by
 * a work item (prcmd.c, prout.c, change.c), removing the link detaches it.
 * drain.c proves when no command of before a swap of the transport operations
 * is left, abort.c ends those of nexuses that were preempted.  All of it under
 * the gateway's lease (lease.c).
 *
 * Lock order: lease.c's lock or the configfs item's, tpr_devices_lock, lock,
 * ua_lock, the
 * target core's se_port_lock, session_lock, iSCSI's conn_lock.  Also lock,
 * abort_lock, then a queue's lock of the target core or tmr_lock, then
 * t_state_lock; and alone se_tmr_lock.  Interrupts are off under these, so
 * nothing that is held with interrupts on comes after them.  netlink.c's lock
 * comes before req_lock and is held with no other.  req_lock and cmds_lock are
 * innermost.
 * Readers of srcu take none of the mutexes, whose holders may wait for them.
 */
#ifndef TCMU_PR_DEV_H
#define TCMU_PR_DEV_H

#include <linux/completion.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched/clock.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <target/target_core_base.h>
#include <target/target_core_backend.h>

#include "tpr_check.h"
#include "tpr_out.h"
#include "tpr_state.h"

enum {
	TPR_DEV_NAME_MAX = 63,
	TPR_NEXUS_BUCKETS = 256,
	TPR_UA_MAX = 4, /* unit attentions kept per nexus */
	TPR_NEXUS_PRUNE = 128, /* nexuses beyond which dead ones are dropped */
};

/* What one nexus may do: classes (enum tpr_class) by state of knowledge. */
struct tpr_perm {
	u8 allow; /* allowed by the settled and by the unsettled state */
	u8 hold; /* allowed by one of them: wait until it is settled */
};

/*
 * The published verdict, immutable, one allocation.  Readers get it under
 * tpr_dev.srcu; it is replaced under tpr_dev.lock.
 */
struct tpr_view {
	struct rcu_head rcu;
	u64 gen; /* one more for each view of the device */
	unsigned long since; /* jiffies when the state became what it is */
	u64 term; /* in which it became so, see tpr_lease_holds() */
	u16 error; /* errno why there is no valid state, 0: there is */
	bool settled;
	u64 seq;
	u32 slots;
	struct tpr_perm perm[];
};

/*
 * An I_T nexus that has sent a command to the device.  Found by session
 * pointer, which is only compared: a session may end and another one begin at
 * the same address, so acl_index (never used twice) and the ISID decide
 * whether it is still the same nexus.
 */
struct tpr_nx {
	struct hlist_node hash; /* tpr_dev.buckets; tpr_dev.lock, srcu */
	struct list_head all; /* tpr_dev.nexuses; tpr_dev.lock */
	struct rcu_head rcu;
	const struct se_session *sess; /* constant */
	u32 acl_index; /* constant */
	bool iscsi; /* constant */
	u32 slot; /* constant; index in tpr_view.perm */
	struct tpr_nexus id; /* constant */
	bool victim; /* its commands in flight have to end; tpr_dev.lock */
	bool cleared; /* and some did; tpr_dev.lock */
	/* Classes that all of tpr_dev.between allow, and one of them; lock. */
	u8 every;
	u8 some;
	u8 uas; /* valid entries of ua[]; ua_lock, read without */
	u16 ua[TPR_UA_MAX]; /* enum tpr_asc, oldest first; ua_lock */
};

/* Commands of before some moment: drain.c. */
struct tpr_drain {
	struct list_head tags; /* struct tpr_tags: not seen to have ended */
	bool done; /* all have, since it was begun */
};

/* A request to the daemon under way; at most one for each device. */
struct tpr_request {
	u64 cookie; /* 0: none */
	bool done;
	int status; /* 0 or -errno, valid once done */
	char *str; /* kvmalloc()ed string of GET_PR_INFO_DONE */
	size_t len;
	u64 seq; /* of a version that is lost, else 0 */
	struct completion completion;
};

struct tpr_tags;

/* One session among all that there ever are; see tpr_session_id(). */
struct tpr_session_id {
	const struct se_session *sess; /* compared, not followed */
	u64 birth;
	u32 acl_index;
	bool alive;
};

/* A task management function that is ending commands. */
struct tpr_tmr {
	struct list_head list; /* tpr_dev.tmrs; tpr_dev.tmr_lock */
	struct list_head *cmds; /* by se_cmd.state_list; the core's */
};

struct tpr_dev {
	struct target_backend_ops ops; /* first: see tpr_dev_of() */
	const struct target_backend_ops *orig;
	struct se_device *se_dev; /* pinned by the configfs link */
	struct kref kref;
	struct list_head list; /* tpr_devices; tpr_devices_lock */
	char name[TPR_DEV_NAME_MAX + 1]; /* constant */

	/* The function that TCMU wants executed; set once, cmpxchg(). */
	sense_reason_t (*orig_execute)(struct se_cmd *cmd);

	struct srcu_struct srcu; /* readers: commands between check and ring */
	struct tpr_view __rcu *view; /* writers: lock */
	struct hlist_head buckets[TPR_NEXUS_BUCKETS]; /* writers: lock */
	struct list_head nexuses; /* lock */
	u32 num_nexuses; /* lock */
	struct ida slots; /* own lock */
	spinlock_t ua_lock;

	struct mutex lock; /* states, nexuses, view */
	/*
	 * The newest installed state, and until that is settled the last one
	 * that was known to be, and if there are versions between them.  Each
	 * of those may be settled as well, so they count (nexuses keep what
	 * they allow), also where they never were installed.
	 */
	struct tcmu_pr_info *newest; /* lock */
	struct tcmu_pr_info *base; /* lock; NULL: none, or newest is settled */
	bool between; /* lock */
	bool blind; /* lock: and what one of them allows is not known */
	bool settled; /* lock: newest is settled */
	u16 error; /* lock; see tpr_view.error */
	/*
	 * The gateway's when all this was said; lock.  In a later one it is
	 * void, but stays known.
	 */
	u64 term;
	/*
	 * Attached while sessions were using it, and no state is settled yet;
	 * lock.  What this gateway enforced so far is nothing, and commands
	 * must not be made to wait: an iSCSI session that waits frees no tags,
	 * so commands of before the attach would never be seen to end.
	 */
	bool taking_over;
	struct delayed_work takeover_work; /* ends it, come what may */
	/* The change under way here: its command, if any, and token; lock. */
	const struct se_cmd *originator;
	struct tpr_writer origin_writer;

	/* Commands that have to end, see abort.c. */
	bool aborting; /* there are victims to look for; lock */
	bool abort_all; /* every nexus is one; lock */
	const struct se_cmd *spared; /* but for this one; lock */
	struct list_head aborts; /* struct tpr_abort; abort_lock */
	bool going; /* some are of sessions that end them; abort_lock */
	bool redrain; /* wait for all commands once more; push work */
	struct mutex abort_lock; /* aborts */
	struct delayed_work abort_work;
	spinlock_t tmr_lock; /* tmrs */
	struct list_head tmrs; /* struct tpr_tmr */

	u64 view_gen; /* of the view; lock, read without */
	unsigned long since; /* jiffies; lock; see tpr_view.since */
	wait_queue_head_t view_wq; /* woken when the view changes */
	bool attached; /* cmds_lock; the I/O path reads it without */
	bool pgr_was_set; /* PASSTHROUGH_PGR was there before us; constant */
	struct tpr_drain drain; /* of before the attach; install work, then detach */
	struct tpr_drain quiet; /* of earlier terms; quiet.c's lock */
	u64 quiet_term; /* that the last one was begun in; quiet.c's lock */

	spinlock_t req_lock; /* req */
	struct tpr_request req;

	spinlock_t cmds_lock; /* cmds, look, resets_wanted, pushes, attached */
	struct list_head cmds; /* struct tpr_cmd; cmds_lock */
	bool look; /* for the holder of an SPC-2 reservation; cmds_lock */
	u64 resets_wanted; /* LOGICAL UNIT RESETs come in here; cmds_lock */
	u64 resets_done; /* told to the others; cmd_work, read without */
	struct work_struct cmd_work;
	/* The session that executed the last RESERVE here; cmd_work. */
	struct tpr_nexus watched;
	struct tpr_session_id watched_session;
	struct delayed_work watch_work;
	struct list_head pushes; /* struct tpr_push; cmds_lock */
	struct work_struct push_work;
	struct delayed_work reap_work; /* detached, not yet proven idle */

	bool in_grace; /* a new term waits for readers; lease.c's lock */
	unsigned long grace; /* so long; lease.c's lock */
};

/*
 * The gateway's lease.  The members are written under lease.c's lock and read
 * without any, one after another: see tpr_lease_holds().
 */
struct tpr_lease {
	atomic64_t term; /* 0: there was none yet */
	atomic64_t until; /* CLOCK_BOOTTIME, ns */
	atomic64_t guard; /* local_clock(): not after this, see lease.c */
};

/* module parameters and work queues, main.c */
extern unsigned int tpr_reply_timeout_ms;
extern unsigned int tpr_command_timeout_ms;
extern unsigned int tpr_hold_timeout_ms;
extern struct tpr_lease tpr_lease; /* lease.c */
extern struct workqueue_struct *tpr_cmd_wq;
extern struct workqueue_struct *tpr_push_wq;
extern struct workqueue_struct *tpr_reap_wq;
extern struct workqueue_struct *tpr_free_wq;

/* config.c */
int tpr_config_register(void);
void tpr_config_unregister(void);

/* device.c; all may sleep */
struct tpr_dev *tpr_dev_attach(const char *name, struct se_device *se_dev);
void tpr_dev_detach(struct tpr_dev *dev);
struct tpr_dev *tpr_dev_find(const char *name); /* takes a reference */
void tpr_dev_put(struct tpr_dev *dev);
/* The target core has reservations of its own for @se_dev.  Any context. */
bool tpr_core_has_reservations(struct se_device *se_dev);
void tpr_dev_for_each(void (*fn)(struct tpr_dev *dev, void *arg), void *arg);
/* "TCM-name of the HBA/device", for people and the daemon. */
void tpr_dev_backstore(const struct tpr_dev *dev, char *buf, size_t cap);

/* drain.c; may sleep, but for the is_ ones */
int tpr_drain_begin(struct tpr_dev *dev, struct tpr_drain *drain);
bool tpr_in_use(struct tpr_dev *dev); /* a session is there */
bool tpr_drain_done(struct tpr_dev *dev, struct tpr_drain *drain);
bool tpr_drain_wait(struct tpr_dev *dev, unsigned int timeout_ms);
void tpr_drain_end(struct tpr_drain *drain);
bool tpr_session_lives(struct se_device *se_dev, const struct tpr_nx *nx);

/* ports.c */
typedef int (*tpr_session_fn)(struct se_session *sess, void *arg);
int tpr_walk_sessions(struct se_device *se_dev, tpr_session_fn fn, void *arg);
struct tpr_ports tpr_dev_ports(struct tpr_dev *dev);

/* nexus.c: names */
const u8 *tpr_iscsi_isid(const struct se_session *sess);
bool tpr_is_iscsi(const struct se_session *sess);
struct tpr_session_id tpr_session_id(const struct se_session *sess);
bool tpr_name_target(struct se_portal_group *tpg, struct tpr_nexus *nexus);
void tpr_name_nexus(const struct se_session *sess, struct tpr_nexus *nexus);

/*
 * nexus.c.  tpr_nx_find() needs tpr_dev.srcu; tpr_nx_get() may sleep and must
 * be called outside of it: it makes the nexus of @cmd known, 0 or -ENOMEM.
 */
struct tpr_nx *tpr_nx_find(struct tpr_dev *dev, const struct se_cmd *cmd);
int tpr_nx_get(struct tpr_dev *dev, struct se_cmd *cmd);
bool tpr_nx_of_session(const struct tpr_nx *nx, const struct se_session *sess);
void tpr_nx_free_all(struct tpr_dev *dev);
u16 tpr_nx_take_ua(struct tpr_dev *dev, struct tpr_nx *nx);
void tpr_nx_add_ua(struct tpr_dev *dev, struct tpr_nx *nx, u16 asc);

/* lease.c */
void tpr_lease_init(void);
int tpr_lease_set(u64 term, u64 until);
void tpr_lease_clip(u32 ms);
u64 tpr_lease_left(void);
unsigned long tpr_lease_slice(unsigned long limit);
void tpr_lease_missed(void);

static inline u64 tpr_lease_term(void)
{
	return atomic64_read(&tpr_lease.term);
}

/*
 * True if what was said in @term may be acted upon now.  A new term is written
 * after the lease was ended and before it is given again, with all readers of
 * srcu waited for in between: so who finds the new end finds the new term, and
 * who finds the old term had the old end.  The guard is written before the end,
 * so it is read after it; the clocks come last.
 */
static inline bool tpr_lease_holds(u64 term)
{
	u64 until = atomic64_read_acquire(&tpr_lease.until);
	s64 guard = atomic64_read_acquire(&tpr_lease.guard);

	return tpr_lease_term() == term && ktime_get_boottime_ns() < until &&
	       (s64)local_clock() < guard;
}

/* quiet.c; tpr_quiet_begin() with lease.c's lock */
void tpr_quiet_begin(u64 before, u64 term);
void tpr_quiet_tell(void);
void tpr_quiet_exit(void);
void tpr_quiet_leaves(void);
void tpr_quiet_left(void);

/* view.c; tpr_dev.lock held, may sleep */
int tpr_view_replace(struct tpr_dev *dev, struct tpr_view **old);
int tpr_view_publish(struct tpr_dev *dev);

/* install.c */
struct tpr_push {
	struct list_head list;
	u64 term; /* the gateway's when it came */
	u64 seq;
	bool settled;
	u16 invalidate; /* errno; then there is no state in this push */
	char *str; /* kvmalloc()ed, NULL: only seq and settled */
	size_t len;
};

int tpr_push_queue(struct tpr_dev *dev, struct tpr_push *push);
bool tpr_push_waits(struct tpr_dev *dev);
void tpr_push_work(struct work_struct *work);
void tpr_push_free(struct tpr_push *push);
/* The state of @len bytes at @str with room for @more registrations. */
struct tcmu_pr_info *tpr_info_decode(struct tpr_dev *dev, const char *str,
				     size_t len, u32 more);

/* abort.c */
unsigned int tpr_backstore_time_out_s(struct se_device *se_dev);
bool tpr_tcmu_has(const struct se_cmd *cmd);
void tpr_abort_work(struct work_struct *work);
int tpr_abort_victims(struct tpr_dev *dev);
void tpr_abort_forget(struct tpr_dev *dev);

/* tmr.c */
bool tpr_tmr_seen(const struct tpr_dev *dev, const struct se_tmr_req *req);
void tpr_tmr_notify(struct se_device *se_dev, enum tcm_tmreq_table type,
		    struct list_head *cmds);

/* watch.c */
void tpr_watch_note(struct tpr_dev *dev, const struct tpr_nexus *nexus,
		    const struct tpr_session_id *id);
bool tpr_watch_lost(struct tpr_dev *dev, const struct tcmu_pr_info *info,
		    const char *gateway);
void tpr_watch_start(struct tpr_dev *dev);
void tpr_watch_work(struct work_struct *work);

/* exec.c */
sense_reason_t tpr_parse_cdb(struct se_cmd *cmd);
/*
 * 0 before @cmd was judged; after, when that was: low bits of jiffies.  TCMU
 * has it from about then, if it has.
 */
u32 tpr_handed_over(const struct se_cmd *cmd);

/* prcmd.c; tpr_pr_queue() takes over the completion of @cmd if it returns 0 */
sense_reason_t tpr_pr_queue(struct tpr_dev *dev, struct se_cmd *cmd,
			    const struct tpr_nexus *nexus);
void tpr_pr_work(struct work_struct *work);
/* Ends what waits in the queue and has been aborted.  May sleep. */
void tpr_pr_drop_aborted(struct tpr_dev *dev);
/* Tells all gateways of a LOGICAL UNIT RESET; bounded wait for it. */
void tpr_pr_reset(struct tpr_dev *dev);
/* Has the worker look for the holder of an SPC-2 reservation. */
void tpr_pr_look(struct tpr_dev *dev);

/* sense.c */
void tpr_complete(struct se_cmd *cmd, struct tpr_result res);
struct tpr_result tpr_error_result(int err);

#endif
