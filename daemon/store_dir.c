// SPDX-License-Identifier: GPL-2.0-only
/*
 * The directory store: a store on any POSIX file system that all gateways
 * share.  No server, no lock.
 *
 *	lu/<LU>/v<20 digits>	one file for each version, never changed
 *	lu/<LU>/created		marker: there has been a version
 *	lu/<LU>/m/<GATEWAY>/state
 *				a member: "incarnation installed seen term ended\n"
 *	gw/<GATEWAY>/beat	its heartbeat: "term incarnation count lease
 *				boot\n", lease in ms, boot 32 hex digits
 *	gw/<GATEWAY>/began	the first one of that term and incarnation
 *	gw/<GATEWAY>/evicted.<20 digits>
 *				mark: evicted from all terms up to this
 *	gw/<GATEWAY>/fenced.<20 digits>
 *				mark: the same for "fenced"
 *	gw/<GATEWAY>/in/<LU>	there is news about LU, an empty file
 *	.tmp.<GATEWAY>.<incarnation>.<counter>[.v<20 digits>]
 *				being written; if it shall become a version,
 *				its name says which
 *
 * One process at a time may use the name of a gateway; the daemon holds a
 * lock of its machine for that.  Versions are safe even without; but an old
 * incarnation that runs on could write over the membership of the new one.
 *
 * Swap
 *	(1) write and sync a temporary file T in lu/<LU>, named after its
 *	    target version k + 1
 *	(2) read the directory; the newest version must be k, else -EAGAIN
 *	(3) link(T, v<k+1>), which fails if that name exists
 *	(a) read the directory from its beginning and remove all temporary
 *	    files whose target is k + 1 - 16 or older
 *	(4) sync the directory; from here on version k + 1 is durable, and
 *	    so is what (a) removed
 *	(b) if, and only if, (a) was possible, remove the versions up to
 *	    k + 1 - 16 in ascending order
 *
 * No version comes back once it is removed
 * The trap in (3): v<k+1> may be free because it was removed, not because it
 * never was.  Take the first link in time that brings a version back: writer
 * A links v<k+1> after R removed it, which had linked n >= k + 17.  R's (a)
 * came between.  If A's T was there when (a) began, R has removed T
 * (POSIX: an entry that is neither added nor removed during a readdir is
 * returned), and link fails for want of its source: a file whose last link is
 * gone cannot be linked again.  So T was created later than that, and A's (2),
 * later still, began when version n existed.  Let M >= n be the newest when
 * (2) began.  For (2) to come to k it has to miss M, so M was removed before
 * (2) got there, by an R' that had linked M + 16 or newer, which it did after
 * (2) began, thus after T was created: (a) of R' has removed T before M went,
 * before (2) ended, before (3).  Link fails again.  Hence: if link(2)
 * succeeds, version k + 1 never was before, and A has won.  No clock, no
 * assumption that readdir is a snapshot.
 * The wider known trick, to see after the link whether v<k> still exists, is
 * not enough: v<k> can itself have been brought back, by another late writer.
 * It still is done, in case a file system does not keep the promise about
 * links; doubt makes -EINPROGRESS.  Should there be such a file system, then
 * what came back is at least 16 below the newest, which is what load takes,
 * and the next removal takes it away.
 *
 * Load takes the greatest version that it sees
 * Let it be g, and let it still open after readdir.  Were there a newer M when
 * readdir began, it was missed because it was removed, but versions go in
 * ascending order and g < M is still there.  So g was the newest when readdir
 * began, or was stored during it: at one moment within load, g was the newest.
 * Load also syncs the directory before it answers: nobody may act on a version
 * that a power failure could take back.
 *
 * What link(2) says when it fails need not be true over a network: the reply
 * may be lost and the repeated request fail.  T tells: if it has two links, it
 * was done.  If it has one, we remove T, after which no late request can
 * succeed any more, and look what stands at v<k+1>.  See sd_link_outcome().
 * On a local file system, link failing with ENOENT and T being gone is the
 * trap at work, and -EAGAIN.
 *
 * First creation: never a false "lost", never a silent "new"
 * The marker is made after version 1 (or a later one, by whoever finds it
 * missing) is durable, and before swap returns 0 or load returns a version.
 * A crash before the link: no version, no marker, never created.  After it: a
 * version without a marker, which reads as created and gets its marker from
 * the next one that looks.  A marker without a version so means that versions
 * had been there and are gone: -ENODATA.  An administrator who removes the
 * versions is noticed if anybody has ever acted on one of them.  Who
 * wants to start anew removes lu/<LU> altogether.
 * Without the marker, and when the versions went back, the records of the
 * members tell: a version that one has acknowledged has been there.
 * While a unit is being created, one reading can see the marker and miss the
 * version, as both appeared meanwhile; so "lost" is only said after several.
 *
 * A version that is known to have been there and is not
 * is put in its place with a text that says so, under its number, by a link(2)
 * that asks of (2) only that the newest is older.  From then on all gateways
 * see the same newest version, and what replaces it is a swap like any other.
 * A swap from an older version that is under way may still link its own; it is
 * lost like all that was before the marked one.  Nothing is removed, so that
 * the administrator finds what there was.
 *
 * Heartbeat and eviction: one of the two is seen
 * Beat replaces gw/<G>/beat by rename(2) and after that reads the directory
 * for marks.  Evict makes a mark, and a listing that is begun after that opens
 * gw/<G>/beat.  If beat overlooked the mark, the mark was not there when it
 * began to read (POSIX: an entry that is neither added nor removed during a
 * readdir is returned), so rename came before the mark and before the listing,
 * which thus finds this heartbeat or a later one.  A mark is empty, its name
 * says all: there is no moment at which it is there and cannot be read.  It is
 * never replaced.  The gateway itself removes old ones, in the first heartbeat
 * of a term, when a newer one of the kind is known to be durable; what it has
 * to find, a mark of its own term, is not among them.  A listing that at that
 * moment finds neither the old nor the new one only knows less.
 *
 * Every gateway's directory has the one name from the beginning, and beat is
 * found by name within: as with members, nobody is overlooked because of a
 * rename(2).
 *
 * Heartbeats are not synced, as that takes longer than a lease where a file
 * system has much to write.  Not so the first of a term or incarnation.  It
 * also is kept as "began", for what a power failure leaves of a file that was
 * renamed and not synced may be an empty one, and the term must not be lost: it
 * would be used again.  A heartbeat that went back makes others wait longer, as
 * it is another than they know.  Two of its kind they could only take for one
 * if the power came back before they missed a listing (gateways.h).
 *
 * A heartbeat that cannot be read, with "began" no better, is shown as none
 * (nobody can be seen to stand still by it, so nobody is taken for dead) along
 * with the marks; and its own gateway's beat fails with -EBADMSG, so that it
 * serves nothing until the administrator has removed gw/<G>.  The same if there
 * is a mark that we do not understand.
 *
 * Power: versions, marker and membership are synced, file first, then the
 * directory, in the order that they depend on each other.  News is a hint and
 * is not.
 *
 * NFS: mount it hard; what is asked here is asked with fresh attributes, but
 * lookupcache=positive (or none) is needed too, as absence gets cached.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store_dir_int.h"

static bool sd_unreserved(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z') || c == '-' || c == '_' || c == '.';
}

/* Percent-encoding: one-to-one, so two devices never share a name. */
static int sd_lu_name(const char *dev_config, char *name, size_t cap)
{
	size_t len = 0;

	if (!*dev_config)
		return -EINVAL;
	for (const char *p = dev_config; *p; p++) {
		bool plain = sd_unreserved(*p) && (*p != '.' || len);
		size_t need = plain ? 1 : 3;

		if (len + need > SD_LU_MAX || len + need + 1 > cap)
			return -ENAMETOOLONG;
		if (plain)
			name[len] = *p;
		else
			snprintf(name + len, cap - len, "%%%02X",
				 (unsigned char)*p);
		len += need;
	}
	name[len] = '\0';
	return 0;
}

const struct store_ops store_dir_ops = {
	.type = "dir",
	.open = sd_open,
	.close = sd_close,
	.lu_name = sd_lu_name,
	.load = sd_load,
	.swap = sd_swap,
	.mark_lost = sd_mark_lost,
	.join = sd_join,
	.leave = sd_leave,
	.forget = sd_forget,
	.ack = sd_ack,
	.members = sd_members,
	.beat = sd_beat,
	.gateways = sd_gateways,
	.evict = sd_evict,
	.fence = sd_fence,
	.announce = sd_announce,
	.news = sd_news,
	.wake = sd_wake,
};
