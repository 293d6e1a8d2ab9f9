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
 * Classes of commands by how a persistent reservation treats them (SPC-4
 * table 66, SBC-3 table 14).  A mask of allowed classes is the OR of their
 * bits.
 */
enum tpr_class {
	/* Never conflicts: INQUIRY, TEST UNIT READY, READ CAPACITY, ... */
	TPR_CLASS_ALWAYS = 0x01,
	/* Conflicts only with exclusive access: READ, VERIFY, MODE SENSE ... */
	TPR_CLASS_READ = 0x02,
	/* Conflicts with every type: WRITE, UNMAP, and what is not known. */
	TPR_CLASS_WRITE = 0x04,
	/* Decided by their own service action. */
	TPR_CLASS_PR_IN = 0x10,
	TPR_CLASS_PR_OUT = 0x20,
	/* RESERVE and RELEASE, 6 and 10 bytes: SPC-2 reservations. */
	TPR_CLASS_SPC2 = 0x40,
};

enum {
	/* What the class of a command can depend on: its first 32 bytes. */
	TPR_CHECK_CDB_LEN = 32,
};

/*
 * Class of the command descriptor block @cdb of @len bytes (at least 1; bytes
 * beyond @len count as 0).  An opcode or service action that the table does
 * not know is TPR_CLASS_WRITE, whatever its data direction.
 */
u8 tpr_classify(const u8 *cdb, u32 len);

/*
 * Mask of the classes that @nexus may execute under @info, always with
 * TPR_CLASS_ALWAYS, TPR_CLASS_PR_IN and TPR_CLASS_PR_OUT.
 * O(log num_regs): call it when a state is installed, not for each command.
 */
u8 tpr_allowed(const struct tcmu_pr_info *info, const struct tpr_nexus *nexus);

/* One row of the opcode table, for documentation and tests. */
struct tpr_opcode {
	u8 opcode;
	u8 sa_byte; /* offset of the service action in the CDB, 0: none */
	u16 sa; /* service action */
	u8 class; /* enum tpr_class */
	const char *name; /* as the standard writes it */
};

/* The table; *@count rows. */
const struct tpr_opcode *tpr_opcodes(u32 *count);

#endif
