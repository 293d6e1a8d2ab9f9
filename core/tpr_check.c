// SPDX-License-Identifier: GPL-2.0-only
/*
 * tpr_opcodes.def makes three tables: the classes of the opcodes that are one
 * command each, which are nearly all of the I/O path's, at one load; the
 * values that tell the commands of the other opcodes apart, for bisection;
 * and all rows with their names, for people.
 */
#include "tpr_check.h"
#include "tpr_bytes.h"
#include "tpr_opcode.h"

/*
 * In by_opcode[]: not a class, but which enum tpr_where to look at.  No class
 * may have this bit.
 */
#define LOOK_AT 0x80

/*
 * A class's name is pasted at once and never passed on: READ and WRITE are
 * macros in the kernel.
 */
#define CLASS_OPCODE(op, cls) \
	[op] = cls,
#define CLASS_BYTE_1(op, cls)
#define CLASS_BYTE_8(op, cls)
#define CLASS_START(op, cls)
#define CLASS_PREVENT(op, cls)

#define TPR_ROW(op, at, val, cls, name, clause) CLASS_##at(op, TPR_CLASS_##cls)
#define TPR_REST(op, at, cls, name, clause) \
	[op] = LOOK_AT | TPR_BY_##at,

/* What is not here is 0 and conflicts wherever a write does. */
static const u8 by_opcode[256] = {
#include "tpr_opcodes.def"
};

#undef TPR_ROW
#undef TPR_REST

#define VALUE_OPCODE(op, val, cls)
#define VALUE_BYTE_1(op, val, cls) { (op) << 16 | (val), cls },
#define VALUE_BYTE_8(op, val, cls) { (op) << 16 | (val), cls },
#define VALUE_START(op, val, cls) { (op) << 16 | (val), cls },
#define VALUE_PREVENT(op, val, cls) { (op) << 16 | (val), cls },

#define TPR_ROW(op, at, val, cls, name, clause) \
	VALUE_##at(op, val, TPR_CLASS_##cls)
#define TPR_REST(op, at, cls, name, clause)

static const struct {
	u32 key; /* opcode << 16 | value */
	u8 class;
} by_value[] = {
#include "tpr_opcodes.def"
};

#undef TPR_ROW
#undef TPR_REST

#define TPR_ROW(op, at, val, cls, name, clause) \
	{ op, TPR_BY_##at, false, TPR_CLASS_##cls, val, name, clause },
#define TPR_REST(op, at, cls, name, clause) \
	{ op, TPR_BY_##at, true, TPR_CLASS_##cls, 0, name, clause },

static const struct tpr_opcode rows[] = {
#include "tpr_opcodes.def"
};

const struct tpr_opcode *tpr_opcodes(u32 *count)
{
	*count = ARRAY_SIZE(rows);
	return rows;
}

static u16 value_at(u8 where, const u8 *cdb)
{
	switch (where) {
	case TPR_BY_BYTE_1:
		return cdb[1] & 0x1f;
	case TPR_BY_BYTE_8:
		return tpr_be16(cdb + 8);
	case TPR_BY_START: /* POWER CONDITION and START */
		return cdb[4] & 0xf1;
	default: /* PREVENT */
		return cdb[4] & 0x03;
	}
}

/* Bisects to the row of an opcode with values. */
static u8 class_by_value(u8 where, const u8 *cdb, u32 len)
{
	u8 head[TPR_CHECK_CDB_LEN] = { 0 };
	u32 lo = 0, hi = ARRAY_SIZE(by_value), key;

	memcpy(head, cdb, len < sizeof(head) ? len : sizeof(head));
	key = (u32)head[0] << 16 | value_at(where, head);
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (by_value[mid].key == key)
			return by_value[mid].class;
		if (by_value[mid].key < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return TPR_CLASS_WRITE;
}

u8 tpr_classify(const u8 *cdb, u32 len)
{
	u8 what = by_opcode[cdb[0]];

	if (what & LOOK_AT)
		return class_by_value(what & ~LOOK_AT, cdb, len);
	return what ? what : TPR_CLASS_WRITE;
}

bool tpr_allowed_when_lost(const u8 *cdb)
{
	switch (cdb[0]) {
	case 0x03: /* REQUEST SENSE */
	case 0x12: /* INQUIRY */
	case 0x3b: /* WRITE BUFFER */
	case 0x3c: /* READ BUFFER */
	case 0x4d: /* LOG SENSE */
	case 0xa0: /* REPORT LUNS */
		return true;
	case 0x1b: /* START STOP UNIT: START one, POWER CONDITION zero */
		return (cdb[4] & 0xf1) == 0x01;
	case 0xa3: /* REPORT TARGET PORT GROUPS */
		return (cdb[1] & 0x1f) == 0x0a;
	case TPR_OP_PR_OUT:
		return (cdb[1] & 0x1f) == TPR_OUT_REPLACE_LOST;
	default:
		return false;
	}
}

enum {
	/* Whatever the reservation. */
	MASK_ALL = TPR_CLASS_ALWAYS | TPR_CLASS_PR_IN | TPR_CLASS_PR_OUT |
		   TPR_CLASS_SPC2,
	/* Whatever the persistent reservation. */
	MASK_ANY_PR = MASK_ALL | TPR_CLASS_INFO,
	MASK_READ = MASK_ANY_PR | TPR_CLASS_READ,
	MASK_WRITE = MASK_READ | TPR_CLASS_WRITE,
};

u8 tpr_allowed(const struct tcmu_pr_info *info, const struct tpr_nexus *nexus)
{
	u8 type = info->rsv.type;
	int idx;

	/* An SPC-2 reservation excludes all but its holder. */
	if (info->scsi2_held && tpr_nexus_cmp(&info->scsi2_holder, nexus))
		return MASK_ALL;
	if (type == TPR_NO_RESERVATION)
		return MASK_WRITE;
	idx = tpr_find(info, nexus);
	if (idx >= 0 &&
	    (tpr_type_shared(type) || tpr_is_holder(info, (u32)idx)))
		return MASK_WRITE;
	return tpr_type_exclusive(type) ? MASK_ANY_PR : MASK_READ;
}
