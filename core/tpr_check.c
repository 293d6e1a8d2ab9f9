// SPDX-License-Identifier: GPL-2.0-only
#include "tpr_check.h"
#include "tpr_bytes.h"
#include "tpr_opcode.h"

#define C_ALWAYS TPR_CLASS_ALWAYS
#define C_READ TPR_CLASS_READ
#define C_WRITE TPR_CLASS_WRITE

/* Opcode alone; opcode and 5-bit action in byte 1; 16-bit action in byte 8. */
#define OP(op, cls, text) { op, 0, 0, cls, text }
#define SA(op, act, cls, text) { op, 1, act, cls, text }
#define VL(act, cls, text) { 0x7f, 8, act, cls, text }

/*
 * SPC-4 table 66 and SBC-3 table 14.  What is not here conflicts wherever a
 * write does: a command that nobody thought of must not get past a fence.
 */
static const struct tpr_opcode table[] = {
	OP(0x00, C_ALWAYS, "TEST UNIT READY"),
	OP(0x03, C_ALWAYS, "REQUEST SENSE"),
	OP(0x04, C_WRITE, "FORMAT UNIT"),
	OP(0x07, C_WRITE, "REASSIGN BLOCKS"),
	OP(0x08, C_READ, "READ(6)"),
	OP(0x0a, C_WRITE, "WRITE(6)"),
	OP(0x12, C_ALWAYS, "INQUIRY"),
	OP(0x15, C_WRITE, "MODE SELECT(6)"),
	OP(0x16, TPR_CLASS_SPC2, "RESERVE(6)"),
	OP(0x17, TPR_CLASS_SPC2, "RELEASE(6)"),
	OP(0x1a, C_READ, "MODE SENSE(6)"),
	OP(0x1b, C_WRITE, "START STOP UNIT"), /* see by_field() */
	OP(0x1c, C_READ, "RECEIVE DIAGNOSTIC RESULTS"),
	OP(0x1d, C_WRITE, "SEND DIAGNOSTIC"),
	OP(0x1e, C_WRITE, "PREVENT ALLOW MEDIUM REMOVAL"), /* see by_field() */
	OP(0x25, C_ALWAYS, "READ CAPACITY(10)"),
	OP(0x28, C_READ, "READ(10)"),
	OP(0x2a, C_WRITE, "WRITE(10)"),
	OP(0x2e, C_WRITE, "WRITE AND VERIFY(10)"),
	OP(0x2f, C_READ, "VERIFY(10)"),
	OP(0x34, C_READ, "PRE-FETCH(10)"),
	OP(0x35, C_WRITE, "SYNCHRONIZE CACHE(10)"),
	OP(0x37, C_READ, "READ DEFECT DATA(10)"),
	OP(0x3b, C_WRITE, "WRITE BUFFER"),
	OP(0x3c, C_READ, "READ BUFFER"),
	OP(0x41, C_WRITE, "WRITE SAME(10)"),
	OP(0x42, C_WRITE, "UNMAP"),
	OP(0x48, C_WRITE, "SANITIZE"),
	OP(0x4c, C_WRITE, "LOG SELECT"),
	OP(0x4d, C_ALWAYS, "LOG SENSE"),
	OP(0x53, C_WRITE, "XDWRITEREAD(10)"),
	OP(0x55, C_WRITE, "MODE SELECT(10)"),
	OP(0x56, TPR_CLASS_SPC2, "RESERVE(10)"),
	OP(0x57, TPR_CLASS_SPC2, "RELEASE(10)"),
	OP(0x5a, C_READ, "MODE SENSE(10)"),
	OP(TPR_OP_PR_IN, TPR_CLASS_PR_IN, "PERSISTENT RESERVE IN"),
	OP(TPR_OP_PR_OUT, TPR_CLASS_PR_OUT, "PERSISTENT RESERVE OUT"),
	VL(0x0009, C_READ, "READ(32)"),
	VL(0x000a, C_READ, "VERIFY(32)"),
	VL(0x000b, C_WRITE, "WRITE(32)"),
	VL(0x000c, C_WRITE, "WRITE AND VERIFY(32)"),
	VL(0x000d, C_WRITE, "WRITE SAME(32)"),
	OP(0x83, C_WRITE, "EXTENDED COPY"),
	OP(0x84, C_READ, "RECEIVE COPY RESULTS"),
	OP(0x88, C_READ, "READ(16)"),
	OP(0x89, C_WRITE, "COMPARE AND WRITE"),
	OP(0x8a, C_WRITE, "WRITE(16)"),
	OP(0x8b, C_WRITE, "ORWRITE(16)"),
	OP(0x8e, C_WRITE, "WRITE AND VERIFY(16)"),
	OP(0x8f, C_READ, "VERIFY(16)"),
	OP(0x90, C_READ, "PRE-FETCH(16)"),
	OP(0x91, C_WRITE, "SYNCHRONIZE CACHE(16)"),
	OP(0x93, C_WRITE, "WRITE SAME(16)"),
	SA(0x9e, 0x10, C_ALWAYS, "READ CAPACITY(16)"),
	SA(0x9e, 0x12, C_READ, "GET LBA STATUS"),
	SA(0x9e, 0x13, C_ALWAYS, "REPORT REFERRALS"),
	OP(0xa0, C_ALWAYS, "REPORT LUNS"),
	SA(0xa3, 0x05, C_ALWAYS, "REPORT IDENTIFYING INFORMATION"),
	SA(0xa3, 0x0a, C_ALWAYS, "REPORT TARGET PORT GROUPS"),
	SA(0xa3, 0x0b, C_ALWAYS, "REPORT ALIASES"),
	SA(0xa3, 0x0c, C_READ, "REPORT SUPPORTED OPERATION CODES"),
	SA(0xa3, 0x0d, C_READ, "REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS"),
	SA(0xa3, 0x0e, C_ALWAYS, "REPORT PRIORITY"),
	SA(0xa3, 0x0f, C_ALWAYS, "REPORT TIMESTAMP"),
	SA(0xa4, 0x0a, C_WRITE, "SET TARGET PORT GROUPS"),
	OP(0xa8, C_READ, "READ(12)"),
	OP(0xaa, C_WRITE, "WRITE(12)"),
	OP(0xae, C_WRITE, "WRITE AND VERIFY(12)"),
	OP(0xaf, C_READ, "VERIFY(12)"),
	OP(0xb7, C_READ, "READ DEFECT DATA(12)"),
};

enum {
	ROWS = ARRAY_SIZE(table),
};

const struct tpr_opcode *tpr_opcodes(u32 *count)
{
	*count = ROWS;
	return table;
}

static u16 service_action(const struct tpr_opcode *row, const u8 *cdb)
{
	return row->sa_byte == 1 ? cdb[1] & 0x1f : tpr_be16(cdb + 8);
}

/* Two opcodes whose class depends on a field that is no service action. */
static u8 by_field(const struct tpr_opcode *row, const u8 *cdb)
{
	if (row->opcode == 0x1b) /* POWER CONDITION 0h and START */
		return (cdb[4] & 0xf1) == 0x01 ? C_ALWAYS : C_WRITE;
	if (row->opcode == 0x1e) /* PREVENT */
		return cdb[4] & 0x03 ? C_WRITE : C_ALWAYS;
	return row->class;
}

/* Bisects to the first row of @opcode, ROWS if there is none. */
static u32 first_row(u8 opcode)
{
	u32 lo = 0, hi = ROWS;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (table[mid].opcode < opcode)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

u8 tpr_classify(const u8 *cdb, u32 len)
{
	u8 head[TPR_CHECK_CDB_LEN] = { 0 };
	u32 i;

	memcpy(head, cdb, len < sizeof(head) ? len : sizeof(head));
	for (i = first_row(head[0]); i < ROWS; i++) {
		if (table[i].opcode != head[0])
			break;
		if (!table[i].sa_byte ||
		    table[i].sa == service_action(&table[i], head))
			return by_field(&table[i], head);
	}
	return C_WRITE;
}

/* What everyone may do, whatever the reservation. */
enum {
	ALWAYS_MASK = TPR_CLASS_ALWAYS | TPR_CLASS_PR_IN | TPR_CLASS_PR_OUT,
};

u8 tpr_allowed(const struct tcmu_pr_info *info, const struct tpr_nexus *nexus)
{
	u8 type = info->rsv.type;
	int idx;

	/* An SPC-2 reservation excludes all but its holder. */
	if (info->scsi2_held && tpr_nexus_cmp(&info->scsi2_holder, nexus))
		return ALWAYS_MASK;
	if (type == TPR_NO_RESERVATION)
		return ALWAYS_MASK | C_READ | C_WRITE;
	idx = tpr_find(info, nexus);
	if (idx >= 0 &&
	    (tpr_type_shared(type) || tpr_is_holder(info, (u32)idx)))
		return ALWAYS_MASK | C_READ | C_WRITE;
	return tpr_type_exclusive(type) ? ALWAYS_MASK : ALWAYS_MASK | C_READ;
}
