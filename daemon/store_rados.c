// SPDX-License-Identifier: GPL-2.0-only
/*
 * The RADOS store: the string is metadata of the RBD image that it is about.
 *
 * In the image's own pool and namespace:
 *	rbd_header.<ID>		RBD's; two keys of its omap are ours
 *	    metadata_tcmu_pr_info	the string: rbd image-meta get POOL/IMAGE
 *				tcmu_pr_info
 *	    metadata_tcmu_pr_version	"seq N image IDENTITY writer TOKEN
 *				[touched TOKEN]": what is compared
 *	    metadata_tcmu_pr_info_before	what mark_lost() replaced
 *	tcmu_pr.<ID>		ours, beside the image
 *	    created		marker: there has been a version
 *	    home		where its members meet: store_rados_home.c
 *	    member.<GATEWAY>	"incarnation term installed ended seen counter"
 * In the home, a pool and namespace of the administrator's choice:
 *	tcmu_pr_gateways
 *	    beat.<GATEWAY>	"term incarnation count lease boot"
 *	    evicted.<GATEWAY>	evicted from all terms up to this
 *	    fenced.<GATEWAY>	the same for "fenced", or "term pools ID,..."
 *				if it is so in those: store_rados_cut.c
 *	    clients.<GATEWAY>, cut.<GATEWAY>
 *				see store_rados_hosts.c, store_rados_cut.c
 *	tcmu_pr_inbox.<GATEWAY>	watched by that gateway
 *
 * IDENTITY is FSID/POOL-ID/[NAMESPACE]/IMAGE-ID, TOKEN is
 * GATEWAY/incarnation/counter and never the same twice.  All values are text
 * without an end of line.
 *
 * An image is found by its name, with the user and the configuration file of
 * the device, when the gateway joins.  From then on its id counts: another name
 * or size changes nothing, nor does the trash.  When the header is gone, all
 * calls fail with -ESTALE, for "there is no such object" must not be taken for
 * "never created".  Whoever has joined joins the same image again, or none: an
 * image that has got its name since is not the one that the device has open.
 *
 * Swap is one write operation on the header: it compares the version's key with
 * the exact bytes that this gateway has loaded or stored last, and sets both
 * keys.  As every write of that key has another token, bytes that were replaced
 * never come back: so a write that compared with them, and was not done until
 * then, never will be.  If the comparison fails, the key is read.  If only the
 * last token is another one, the version is still the expected one; try again.
 *
 * An outcome is unclear when the time limit ends an operation, when the client
 * is blocklisted or may not write any more: an earlier copy of the same request
 * may have arrived.  Then the key is read:
 *	its writer is this swap		it was done
 *	another writer of that version	somebody else's was, and ours never
 *	a version after that		unknown: -EINPROGRESS
 *	still what we compared with	bump it: the same version and writer,
 *					but "touched" by a new token.  Once that
 *					is stored, nothing of before can be
 *	anything else of before		ours never will be done
 * and if that cannot be done, -EINPROGRESS.  The writer of a version stays when
 * it is bumped: else a swap that was done, and bumped by another gateway, would
 * look like somebody else's.
 * Join bumps as well, whatever there is, and be it nothing (version 0): a swap
 * that an earlier incarnation of this gateway had begun has happened, or never
 * will.  What other gateways have under way fails by it and is tried again.
 *
 * First creation, and loss, follow the rules of store_dir.c.  The marker is
 * made after version 1 is stored, and before swap returns 0 or load returns a
 * version; the next one that loads makes up for who crashed between the two.
 *	version, string		the newest version
 *	version alone		the same with an empty string, which is no
 *				string to the engine: lost, and to be replaced
 *	string alone		-ENODATA: nobody knows which version it is
 *	neither, but the marker	-ENODATA
 *	none of the three	-ENOENT
 * To start anew, the administrator removes all three.
 *
 * A copy of an image has both keys, but another identity: -EXDEV.  A swap makes
 * it the copy's own if it expects that number after this gateway has loaded
 * just that; who has another version of the same number in mind, from before
 * the keys were put there, gets -EAGAIN.
 *
 * Members, heartbeats and marks are single keys.  Each change compares with
 * what was there, and no two writes of a member's record or of a heartbeat are
 * the same: so one that comes late does nothing.  A listing is one operation:
 * there is no question of order as in a directory.  Beat writes, and after that
 * reads the marks; evict is durable before a listing begins.  If beat misses
 * the mark, the heartbeat was there before it, and the listing shows that one
 * or a later one.  Heartbeats are as durable as all else here.  One that cannot
 * be read is treated as in a directory.
 *
 * News: see store_rados_news.c and store_rados_announce.c.  Never on the
 * header, whose watchers RBD expects to be RBD's.
 *
 * Time: every operation ends within SR_TIMEOUT_S, or the device's
 * osd_op_timeout if that is less, except that the connections to two users or
 * clusters are made one after the other.  A pool that is full refuses what
 * makes it fuller and does not let it wait; our keys are not counted by Ceph
 * 16, so they can be written.
 */
#include <errno.h>

#include "store_rados_int.h"

static int sr_lu_name(const char *dev_config, char *name, size_t cap)
{
	struct rbd_config rbd;
	int ret = rbd_config_parse(dev_config, &rbd);

	return ret ? ret : rbd_config_lu(&rbd, name, cap);
}

const struct store_ops store_rados_ops = {
	.type = "rados",
	.open = sr_open,
	.close = sr_close,
	.lu_name = sr_lu_name,
	.load = sr_load,
	.swap = sr_swap,
	.mark_lost = sr_mark_lost,
	.join = sr_join,
	.leave = sr_leave,
	.forget = sr_forget,
	.ack = sr_ack,
	.members = sr_members,
	.beat = sr_beat,
	.gateways = sr_gateways,
	.evict = sr_evict,
	.fence = sr_fence,
	.cut = sr_cut,
	.lift = sr_lift,
	.announce = sr_announce,
	.news = sr_news,
	.wake = sr_wake,
	.carries = true,
};
