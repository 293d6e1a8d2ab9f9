/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Netlink interface between tcmu_pr.ko and its daemon.
 *
 * Generic netlink family "TCMU-PR", version 1, initial network namespace
 * only.  Every command needs CAP_NET_ADMIN there.  Nothing is multicast: the
 * module speaks to one socket, that of the daemon that said
 * TCMU_PR_CMD_HELLO, until that socket closes.
 *
 * K>U: module to daemon.  U>K: daemon to module; the module answers each of
 * those with a netlink acknowledgment (NLM_F_ACK) that carries 0 or -errno.
 *
 * A device is named by TCMU_ATTR_DEVICE, the name of its directory under
 * /sys/kernel/config/tcmu_pr.  All integers are in host byte order.
 *
 *   TCMU_PR_CMD_HELLO U>K		GATEWAY, INCARNATION, PROTOCOL, LEASE_MS
 *	Makes the sender the daemon.  -EBUSY while another one lives, -EPROTO
 *	if PROTOCOL is not TCMU_PR_PROTOCOL, -EINVAL for a bad GATEWAY.  The
 *	module then sends DEVICE_ADDED for each attached device.  INCARNATION
 *	is not used yet.
 *	LEASE_MS: a lease that stands is shortened to so long from now.  Then
 *	come one WELCOME and the DEVICE_ADDEDs, in that order.
 *
 *   TCMU_PR_CMD_WELCOME K>U		TERM
 *	The term of the last LEASE, 0: there was none since the module was
 *	loaded.
 *
 *   TCMU_PR_CMD_LEASE U>K		TERM, UNTIL
 *	Commands that a reservation could forbid, and reservation commands, are
 *	executed only before UNTIL (CLOCK_BOOTTIME, ns): later ones end with NOT
 *	READY, 04h/0Bh, at once, also those that wait for something.  With
 *	another TERM than the last one, all devices first give up their states,
 *	as by INVALIDATE with EAGAIN; when this is acknowledged no command can
 *	any longer pass on the strength of one.  UNTIL may be in the past (no
 *	lease), and earlier than the last one.  -EINVAL: TERM 0, or less than
 *	the last one, or UNTIL more than TCMU_PR_LEASE_MAX_MS from now.
 *
 *   TCMU_PR_CMD_QUIET K>U		TERM
 *	All commands that were let pass in terms before TERM, the one of the
 *	last LEASE, have ended on all devices, also on those that were detached
 *	since.  Comes once that is so, and again after the DEVICE_ADDEDs of a
 *	HELLO.  A device whose cmd_time_out is not 0 is never known to be so.
 *
 *   TCMU_PR_CMD_DEVICE_ADDED K>U	DEVICE, BACKSTORE, CONFIG, SERIAL, SEQ
 *	A device was attached, or existed at HELLO.  It has no state, or that
 *	of an earlier daemon (SEQ, 0: none).  With none, commands that a
 *	reservation could forbid wait, and are refused after a while, until
 *	PUSH_PR_INFO has installed a settled one; a device that was in use when
 *	it was attached goes on as before for that while.
 *
 *   TCMU_PR_CMD_DEVICE_REMOVED K>U	DEVICE
 *
 *   TCMU_CMD_GET_PR_INFO K>U		DEVICE, COOKIE
 *	A PR command needs the newest settled state.
 *   TCMU_CMD_GET_PR_INFO_DONE U>K	DEVICE, COOKIE, STATUS, SEQ, PR_INFO...
 *	STATUS 0 with the string, number SEQ; or an errno: ETIMEDOUT (a member
 *	did not answer), EIO (store), EBADMSG (the string is lost: corrupt,
 *	missing, older than one that was in force, or another device's).
 *	With EBADMSG, SEQ is the number of the version that is lost: what
 *	replaces it is number SEQ + 1 and is sent with SET_PR_INFO based on
 *	SEQ.  0: that cannot be said yet, so nothing can be replaced.
 *
 *   TCMU_CMD_SET_PR_INFO K>U		DEVICE, COOKIE, SEQ, PR_INFO...
 *	Store this string, number SEQ + 1, if the stored one still has number
 *	SEQ, be that one good or lost, make every member install it, then
 *	answer.  A lost state ends with it on all gateways.
 *   TCMU_CMD_SET_PR_INFO_DONE U>K	DEVICE, COOKIE, STATUS
 *	STATUS 0: stored, installed by all members (this one included), and
 *	settled; and if it is a PREEMPT AND ABORT, what its victims had under
 *	way has ended.  EAGAIN: SEQ was not the newest any more, nothing was
 *	stored.  ETIMEDOUT: stored, but a member did not install it, or what it
 *	had admitted has not ended.  EINPROGRESS: it is not known whether it was
 *	stored.  Others: not stored.
 *
 *   TCMU_PR_CMD_PUSH_PR_INFO U>K	DEVICE, SEQ, SETTLED, PR_INFO...
 *	Enforce this state.  With SETTLED 0 it is not yet known that all
 *	members have it: until a later push says so (same SEQ, SETTLED 1, then
 *	PR_INFO may be absent), only what both it and the last settled state
 *	allow is executed.  An older SEQ than installed, or another state with
 *	the same SEQ, is refused with ESTALE in PUSH_PR_INFO_DONE.
 *   TCMU_PR_CMD_PUSH_PR_INFO_DONE K>U	DEVICE, SEQ, STATUS
 *	STATUS 0: no command can any longer pass a check made under an older
 *	state, and what a PREEMPT AND ABORT or LOGICAL UNIT RESET up to SEQ has
 *	to end has ended.  EINPROGRESS: the first is so, the second not yet; the
 *	same push again asks for it.  Another errno: this state is not installed.
 *
 *   TCMU_PR_CMD_INVALIDATE U>K		DEVICE, STATUS
 *	There is no valid state (EBADMSG: PR information lost, others: not
 *	reachable): refuse what a reservation could forbid until the next push.
 *	What was installed stays known: no push may be older.
 *
 *   TCMU_PR_CMD_SETTLE K>U		DEVICE, SEQ
 *	A command waits for state SEQ to be settled: hurry.
 *
 * PR_INFO is a string of core/tpr_string.h, up to about 2 MiB.  An attribute
 * ends at 64 KiB, so it is repeated: the string is the concatenation of all
 * PR_INFO attributes of the message, in order.  U>K it is one message.  K>U it
 * is a train of messages with the same DEVICE and COOKIE: each carries
 * PR_INFO_SIZE (bytes of the whole string) and PR_INFO_OFFSET (where its part
 * begins); they arrive in order, and the last one completes the string.
 */
#ifndef TCMU_PR_UAPI_H
#define TCMU_PR_UAPI_H

#define TCMU_PR_FAMILY_NAME "TCMU-PR"
#define TCMU_PR_FAMILY_VERSION 1
#define TCMU_PR_PROTOCOL 2

/* Longest lease, ms. */
#define TCMU_PR_LEASE_MAX_MS 600000

enum tcmu_pr_cmd {
	TCMU_PR_CMD_UNSPEC,
	TCMU_PR_CMD_HELLO,
	TCMU_PR_CMD_DEVICE_ADDED,
	TCMU_PR_CMD_DEVICE_REMOVED,
	TCMU_CMD_GET_PR_INFO,
	TCMU_CMD_GET_PR_INFO_DONE,
	TCMU_CMD_SET_PR_INFO,
	TCMU_CMD_SET_PR_INFO_DONE,
	TCMU_PR_CMD_PUSH_PR_INFO,
	TCMU_PR_CMD_PUSH_PR_INFO_DONE,
	TCMU_PR_CMD_INVALIDATE,
	TCMU_PR_CMD_SETTLE,
	TCMU_PR_CMD_WELCOME,
	TCMU_PR_CMD_LEASE,
	TCMU_PR_CMD_QUIET,
	__TCMU_PR_CMD_MAX,
};

#define TCMU_PR_CMD_MAX (__TCMU_PR_CMD_MAX - 1)

enum tcmu_pr_attr {
	TCMU_ATTR_PR_UNSPEC,
	TCMU_ATTR_PR_PAD,
	TCMU_ATTR_PR_DEVICE, /* string, 1 to 63 bytes */
	TCMU_ATTR_PR_BACKSTORE, /* string: HBA/DEVICE, as user_0/disk0 */
	TCMU_ATTR_PR_CONFIG, /* string: the TCMU device's dev_config */
	TCMU_ATTR_PR_SERIAL, /* string: VPD unit serial number */
	TCMU_ATTR_PR_GATEWAY, /* string: this gateway's name */
	TCMU_ATTR_PR_INCARNATION, /* u64 */
	TCMU_ATTR_PR_PROTOCOL, /* u32 */
	TCMU_ATTR_PR_COOKIE, /* u64: names a request */
	TCMU_ATTR_PR_STATUS, /* u32: 0 or an errno, positive */
	TCMU_ATTR_PR_SEQ, /* u64 */
	TCMU_ATTR_PR_SETTLED, /* u8: 0 or 1 */
	TCMU_ATTR_PR_INFO, /* binary, at most TCMU_PR_INFO_PART bytes */
	TCMU_ATTR_PR_INFO_SIZE, /* u32 */
	TCMU_ATTR_PR_INFO_OFFSET, /* u32 */
	TCMU_ATTR_PR_LEASE_MS, /* u32 */
	TCMU_ATTR_PR_TERM, /* u64 */
	TCMU_ATTR_PR_UNTIL, /* u64: CLOCK_BOOTTIME, ns */
	__TCMU_ATTR_PR_MAX,
};

#define TCMU_ATTR_PR_MAX (__TCMU_ATTR_PR_MAX - 1)

/* Longest PR_INFO attribute, bytes. */
#define TCMU_PR_INFO_PART 32768

#endif
