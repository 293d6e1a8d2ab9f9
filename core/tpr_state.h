/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The persistent reservation state of one logical unit, and the operations
 * on it that keep it well-formed.
 */
#ifndef TPR_STATE_H
#define TPR_STATE_H

#include "tpr_base.h"

/*
 * An I_T nexus, by the names that outlive sessions and gateways (SPC-4
 * 5.13.7): initiator port and target port.  Two nexuses are the same when
 * every member but rtpi is equal.
 */
struct tpr_nexus {
	char initiator[TPR_NAME_MAX + 1]; /* initiator name, NUL-terminated */
	char target[TPR_NAME_MAX + 1]; /* target name, "" with all_tg_pt */
	u8 isid[TPR_ISID_LEN]; /* iSCSI only, big endian, else 0 */
	u8 proto; /* enum tpr_protocol */
	u16 tag; /* target portal group tag, 0 with all_tg_pt */
	u16 rtpi; /* relative target port identifier, informative */
};

/* One registration.  key is never 0. */
struct tpr_reg {
	u64 key;
	bool all_tg_pt; /* for every target port of the SCSI target device */
	struct tpr_nexus nexus;
};

/* Persistent reservation types, SPC-4 table 63. */
enum tpr_type {
	TPR_NO_RESERVATION = 0,
	TPR_WRITE_EXCLUSIVE = 1,
	TPR_EXCLUSIVE_ACCESS = 3,
	TPR_WRITE_EXCLUSIVE_RO = 5, /* registrants only */
	TPR_EXCLUSIVE_ACCESS_RO = 6,
	TPR_WRITE_EXCLUSIVE_AR = 7, /* all registrants */
	TPR_EXCLUSIVE_ACCESS_AR = 8,
};

/* The reservation; its scope is always LU_SCOPE. */
struct tpr_rsv {
	u8 type; /* enum tpr_type */
	/* Index of the holder in regs; TPR_HOLDER_ALL for *_AR or no type. */
	u32 holder;
};

#define TPR_HOLDER_ALL 0xffffffffu

/* What a version of the string changed. */
enum tpr_action {
	TPR_ACT_CREATE, /* the first string of a logical unit */
	TPR_ACT_REGISTER,
	TPR_ACT_REGISTER_IGNORE,
	TPR_ACT_RESERVE,
	TPR_ACT_RELEASE,
	TPR_ACT_CLEAR,
	TPR_ACT_PREEMPT,
	TPR_ACT_REPAIR, /* the administrator's */
	TPR_ACT_PREEMPT_ABORT,
	TPR_ACT_REGISTER_MOVE,
	TPR_ACT_REPLACE_LOST,
	TPR_ACT_SPC2_RESERVE,
	TPR_ACT_SPC2_RELEASE,
	TPR_ACT_NEXUS_LOSS, /* ended an SPC-2 reservation */
	TPR_ACT_LU_RESET, /* LOGICAL UNIT RESET */
	TPR_ACT_POWER_LOSS, /* of all gateways */
	TPR_ACT_MAX,
};

/*
 * What a change was asked to do: enough for a gateway that missed it to do it
 * again (tpr_redo()), and so to know whom it concerned.
 */
struct tpr_order {
	u8 action; /* enum tpr_action */
	u8 scope_type; /* byte 2 of the CDB */
	u8 flags; /* APTPL, ALL_TG_PT, SPEC_I_PT as in SPC-4 table 231 */
	u64 sa_key; /* SERVICE ACTION RESERVATION KEY */
	/* Who asked; initiator "" (and all above but action 0): no nexus. */
	struct tpr_nexus nexus;
};

/*
 * Who wrote a version.  The triple is unique for ever: a gateway draws a new
 * incarnation at each start and counts its writes, so after a write with an
 * unclear outcome it can tell whether its own is the one that stands.
 */
struct tpr_writer {
	char gateway[TPR_GATEWAY_MAX + 1];
	u64 incarnation;
	u64 count;
};

struct tpr_change {
	u64 seq;
	struct tpr_order order;
	struct tpr_writer writer;
};

/*
 * struct tcmu_pr_info - all persistent reservation state of a logical unit
 * @vers:	format version of the string, TPR_FORMAT_VERSION
 * @seq:	number of this version of the string; 0 is never stored
 * @scsi2_held: an SPC-2 reservation exists, held by @scsi2_holder
 * @scsi2_gateway: name of the gateway that the holder came in at, and that
 *		watches over its loss
 * @gen:	PRGENERATION
 * @rsv:	the persistent reservation
 * @num_regs:	registrations in @regs, sorted by tpr_reg_cmp(), no two equal
 * @max_regs:	capacity of @regs, set by the owner of the memory
 * @aptpl:	activate persist through power loss, as last registered
 * @device:	identity of the logical unit that the string belongs to
 * @num_changes: remembered changes, those before are not known: stored are
 *		at least one, and as many as there were, but at most
 *		TPR_CHANGES_MAX, since the last tpr_begin_anew()
 * @changes:	the newest change is [0], with seq @seq
 *
 * The owner allocates tpr_info_size(max_regs) bytes and calls
 * tpr_info_init(); no other function of the core allocates.
 */
struct tcmu_pr_info {
	u32 vers;
	u64 seq;
	bool scsi2_held;
	struct tpr_nexus scsi2_holder;
	char scsi2_gateway[TPR_GATEWAY_MAX + 1];
	u32 gen;
	struct tpr_rsv rsv;
	bool aptpl;
	char device[TPR_DEVICE_MAX + 1];
	u32 num_changes;
	struct tpr_change changes[TPR_CHANGES_MAX];
	u32 num_regs;
	u32 max_regs;
	struct tpr_reg regs[];
};

/* Bytes of a state with room for @max_regs registrations. */
size_t tpr_info_size(u32 max_regs);

/* Makes @info the state of a logical unit that never saw a PR command. */
void tpr_info_init(struct tcmu_pr_info *info, u32 max_regs);

/*
 * Copies @src into @dst, which keeps its own capacity.  -ENOSPC, and @dst
 * unchanged, when that is too small.
 */
int tpr_info_copy(struct tcmu_pr_info *dst, const struct tcmu_pr_info *src);

/* True if the string can name @nexus, which is not for all target ports. */
bool tpr_nexus_valid(const struct tpr_nexus *nexus);

/* True if @name can stand for an initiator or target port in the string. */
bool tpr_name_valid(const char *name);

/* True if @name can name a gateway: 1 to 63 bytes of letters, digits, "-._". */
bool tpr_gateway_valid(const char *name);

/* Total order of nexuses, ignoring rtpi: <0, 0 or >0. */
int tpr_nexus_cmp(const struct tpr_nexus *a, const struct tpr_nexus *b);

/* Order in which registrations stand in the string. */
int tpr_reg_cmp(const struct tpr_reg *a, const struct tpr_reg *b);

/* True if they differ in nothing but the target port. */
bool tpr_same_initiator_port(const struct tpr_nexus *a,
			     const struct tpr_nexus *b);

/*
 * Index of the first registration that is not less than @nexus, num_regs if
 * there is none.  O(log num_regs).
 */
u32 tpr_lower_bound(const struct tcmu_pr_info *info,
		    const struct tpr_nexus *nexus);

/*
 * Index of the registration that @nexus uses: its own, or that of its
 * initiator port for all target ports.  -1 if it is not registered.
 * O(log num_regs).
 */
int tpr_find(const struct tcmu_pr_info *info, const struct tpr_nexus *nexus);

/*
 * Adds a registration (not yet registered, key not 0).  Returns its index, or
 * -ENOSPC when @info is full.  Keeps order and holder.
 */
int tpr_reg_add(struct tcmu_pr_info *info, const struct tpr_nexus *nexus,
		u64 key, bool all_tg_pt);

/*
 * Removes registration @idx.  A reservation that this leaves without a holder
 * is released (SPC-4 5.13.11.3).
 */
void tpr_reg_remove(struct tcmu_pr_info *info, u32 idx);

/* Ends the reservation, if there is one; registrations stay. */
void tpr_release(struct tcmu_pr_info *info);

/* True for the six types of SPC-4 table 63. */
bool tpr_type_valid(u8 type);
/* True for the two all registrants types. */
bool tpr_type_ar(u8 type);
/* True for the registrants only and all registrants types. */
bool tpr_type_shared(u8 type);
/* True for the three exclusive access types. */
bool tpr_type_exclusive(u8 type);

/* True if registration @idx holds the reservation. */
bool tpr_is_holder(const struct tcmu_pr_info *info, u32 idx);

/*
 * Marks @info as the next version, written by @writer: bumps seq and puts the
 * change first in the list of changes.
 */
void tpr_stamp(struct tcmu_pr_info *info, const struct tpr_writer *writer,
	       const struct tpr_order *order);

/*
 * Makes @info version @seq, of which nobody knows what led to it: the next
 * tpr_stamp() is the first change that it remembers.
 */
void tpr_begin_anew(struct tcmu_pr_info *info, u64 seq);

/*
 * Loss of power of all gateways: ends an SPC-2 reservation, sets PRGENERATION
 * to 0, and, unless APTPL was last given as one, drops all registrations and
 * the reservation (SPC-4 5.13.5, 6.15.2).  True if that changed anything.
 */
bool tpr_power_loss(struct tcmu_pr_info *info);

/*
 * Finds the version that @writer wrote among the remembered changes: its seq,
 * 0 if it is not there.  When changes[] reaches back to the version that the
 * write was based on, 0 proves that the write did not happen.
 */
u64 tpr_written_as(const struct tcmu_pr_info *info,
		   const struct tpr_writer *writer);

/*
 * True if every invariant above holds: the decoder refuses a string for which
 * it is false, and tests call it after each operation.
 */
bool tpr_info_valid(const struct tcmu_pr_info *info);

#endif
