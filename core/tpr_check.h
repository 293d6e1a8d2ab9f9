/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The verdict: may this I_T nexus have this command executed now?
 *
 * It is split so that the I/O path does no work that depends on the state's
 * size.  When a state is installed, tpr_allowed() gives each nexus a mask of
 * the command classes that the state lets it execute; for a command,
 * tpr_classify() gives the class from one opcode table.  The command may run
 * when its class is in the mask.
 */
#ifndef TPR_CHECK_H
#define TPR_CHECK_H

#include "tpr_state.h"

/*
 * Classes of commands by how a reservation treats them (SPC-4 5.13.1, table
 * 65; SBC-4 4.17, table 13; the table itself is tpr_opcodes.def).  A mask of
 * allowed classes is the OR of their bits.
 */
enum tpr_class {
	/*
	 * Conflicts with no reservation at all: INQUIRY, REQUEST SENSE, REPORT
	 * LUNS, READ CAPACITY, ...
	 */
	TPR_CLASS_ALWAYS = 0x01,
	/* Conflicts only with exclusive access: READ, VERIFY, MODE SENSE ... */
	TPR_CLASS_READ = 0x02,
	/* Conflicts with every type: WRITE, UNMAP, and what is not known. */
	TPR_CLASS_WRITE = 0x04,
	/*
	 * Conflicts with no persistent reservation, but with an SPC-2
	 * reservation of another nexus: TEST UNIT READY, ...  SPC-2 lets only
	 * the few past a reservation that it names (5.5.1), and TEST UNIT READY
	 * is not among them; SPC-4 allows it under every persistent
	 * reservation.  Initiators probe paths with it; multipath software
	 * takes RESERVATION CONFLICT for the answer of a good path.
	 */
	TPR_CLASS_INFO = 0x08,
	/* Decided by their own service action. */
	TPR_CLASS_PR_IN = 0x10,
	TPR_CLASS_PR_OUT = 0x20,
	/* RESERVE and RELEASE, 6 and 10 bytes: SPC-2 reservations. */
	TPR_CLASS_SPC2 = 0x40,
	/* Whatever tpr_allowed() may leave out. */
	TPR_CLASS_FORBIDDABLE = TPR_CLASS_READ | TPR_CLASS_WRITE |
				TPR_CLASS_INFO,
};

enum {
	/* What the class of a command can depend on: its first 10 bytes. */
	TPR_CHECK_CDB_LEN = 10,
};

/*
 * Class of the command descriptor block @cdb of @len bytes (at least 1; bytes
 * beyond @len count as 0).  An opcode or service action that the table does
 * not know is TPR_CLASS_WRITE, whatever its data direction.
 */
u8 tpr_classify(const u8 *cdb, u32 len);

/*
 * Mask of the classes that @nexus may execute under @info.  Always with
 * TPR_CLASS_ALWAYS, and with TPR_CLASS_PR_IN, TPR_CLASS_PR_OUT and
 * TPR_CLASS_SPC2, whose conflicts their own functions decide; with
 * TPR_CLASS_INFO unless another nexus has an SPC-2 reservation.
 * O(log num_regs): call it when a state is installed, not for each command.
 */
u8 tpr_allowed(const struct tcmu_pr_info *info, const struct tpr_nexus *nexus);

/*
 * True if the command is executed while persistent reservation information is
 * lost: REPLACE LOST RESERVATION and the few commands of SPC-4 5.13.5.2.  @cdb
 * has at least 6 bytes.
 */
bool tpr_allowed_when_lost(const u8 *cdb);

/* What tells one command of an opcode from another: tpr_opcodes.def. */
enum tpr_where {
	TPR_BY_OPCODE,
	TPR_BY_BYTE_1, /* service action */
	TPR_BY_BYTE_8, /* service action, 16 bits */
	TPR_BY_START,
	TPR_BY_PREVENT,
};

/* One row of the opcode table, for documentation and tests. */
struct tpr_opcode {
	u8 opcode;
	u8 where; /* enum tpr_where */
	bool rest; /* every value that has no row */
	u8 class; /* enum tpr_class */
	u16 value; /* of the field at @where */
	const char *name; /* as the standard writes it */
	const char *clause; /* standard and clause; of old ones the standard */
};

/* The table; *@count rows. */
const struct tpr_opcode *tpr_opcodes(u32 *count);

#endif
