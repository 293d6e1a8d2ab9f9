// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proof that no command is left from before a swap of the transport
 * operations, or (quiet.c) from earlier terms.
 *
 * A command may sit between parsing and execution for as long as its
 * initiator takes to send the data, and may end without ever being executed,
 * so counting in the hooks proves nothing.  But each command of a session
 * that has a tag pool occupies a tag from before it is parsed until it is
 * freed.  So: after the swap, note all tags in use in all sessions of the
 * ports behind which the device stands; a tag that is seen free later, or a
 * session that is gone, is done with; when none is left, neither is any
 * command of before.  A tag that was taken again is counted as busy: that
 * delays, but never misleads.
 */
#include <linux/delay.h>
#include <linux/sbitmap.h>
#include <linux/slab.h>

#include "tcmu_pr_dev.h"

/* The tags of one session that are not proven free yet. */
struct tpr_tags {
	struct list_head list;
	const struct se_session *sess; /* compared, not followed */
	u32 acl_index;
	unsigned int depth;
	unsigned long busy[];
};

static bool tag_busy(struct sbitmap *sb, unsigned int tag)
{
	const struct sbitmap_word *word = &sb->map[SB_NR_TO_INDEX(sb, tag)];
	unsigned long bits = READ_ONCE(word->word) & ~READ_ONCE(word->cleared);

	return bits & (1UL << SB_NR_TO_BIT(sb, tag));
}

/* Context: the locks of tpr_walk_sessions(). */
static int note_session(struct se_session *sess, void *arg)
{
	struct sbitmap *sb = &sess->sess_tag_pool.sb;
	struct tpr_drain *drain = arg;
	struct tpr_tags *tags;
	unsigned int tag;

	/* Without a tag pool nothing can be said until the session ends. */
	if (!sess->sess_cmd_map)
		return -EOPNOTSUPP;
	tags = kzalloc(struct_size(tags, busy, BITS_TO_LONGS(sb->depth)),
		       GFP_ATOMIC);
	if (!tags)
		return -ENOMEM;
	tags->sess = sess;
	tags->acl_index = sess->se_node_acl->acl_index;
	tags->depth = sb->depth;
	for (tag = 0; tag < sb->depth; tag++)
		if (tag_busy(sb, tag))
			__set_bit(tag, tags->busy);
	list_add(&tags->list, &drain->tags);
	return 0;
}

/*
 * Notes the commands of now, after the operations were swapped.  0;
 * -EOPNOTSUPP if a session has no tag pool; -ENOMEM.
 */
int tpr_drain_begin(struct tpr_dev *dev, struct tpr_drain *drain)
{
	int err;

	tpr_drain_end(drain);
	/* The swap before the tags; a command takes its tag before the ops. */
	smp_mb();
	err = tpr_walk_sessions(dev->se_dev, note_session, drain);
	if (err)
		tpr_drain_end(drain);
	return err;
}

/* Forgets everything. */
void tpr_drain_end(struct tpr_drain *drain)
{
	struct tpr_tags *tags, *tmp;

	list_for_each_entry_safe(tags, tmp, &drain->tags, list) {
		list_del(&tags->list);
		kfree(tags);
	}
	drain->done = false;
}

static int update_tags(struct se_session *sess, void *arg)
{
	struct tpr_tags *tags = arg;
	unsigned int tag;

	if (sess != tags->sess ||
	    sess->se_node_acl->acl_index != tags->acl_index)
		return 0;
	/* Another session at the same address: the one of before is gone. */
	if (!sess->sess_cmd_map || sess->sess_tag_pool.sb.depth != tags->depth) {
		bitmap_zero(tags->busy, tags->depth);
		return 1;
	}
	for_each_set_bit(tag, tags->busy, tags->depth)
		if (!tag_busy(&sess->sess_tag_pool.sb, tag))
			__clear_bit(tag, tags->busy);
	return 1;
}

/* True if all commands noted by tpr_drain_begin() have ended. */
bool tpr_drain_done(struct tpr_dev *dev, struct tpr_drain *drain)
{
	struct tpr_tags *tags, *tmp;

	list_for_each_entry_safe(tags, tmp, &drain->tags, list) {
		if (tpr_walk_sessions(dev->se_dev, update_tags, tags) &&
		    !bitmap_empty(tags->busy, tags->depth))
			continue;
		list_del(&tags->list);
		kfree(tags);
	}
	drain->done = list_empty(&drain->tags);
	return drain->done;
}

/* Waits up to @timeout_ms for tpr_drain_done() of @dev->drain. */
bool tpr_drain_wait(struct tpr_dev *dev, unsigned int timeout_ms)
{
	unsigned long deadline = jiffies + msecs_to_jiffies(timeout_ms);

	while (!dev->drain.done && !tpr_drain_done(dev, &dev->drain)) {
		if (time_after(jiffies, deadline))
			return false;
		usleep_range(200, 1000);
	}
	return true;
}

static int any_session(struct se_session *sess, void *arg)
{
	return 1;
}

bool tpr_in_use(struct tpr_dev *dev)
{
	return tpr_walk_sessions(dev->se_dev, any_session, NULL);
}

static int is_session_of(struct se_session *sess, void *arg)
{
	return tpr_nx_of_session(arg, sess);
}

/* True while the session of @nx can send commands to @se_dev. */
bool tpr_session_lives(struct se_device *se_dev, const struct tpr_nx *nx)
{
	return tpr_walk_sessions(se_dev, is_session_of, (void *)nx);
}
