/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A history as a text file, and what the disk says to it.
 *
 * One item a line, words separated by one space, in this order of kinds:
 *
 *	history 1
 *	start GENERATION			nobody registered
 *	nexus NUMBER GATEWAY LABEL INITIATOR ISID TARGET TAG RTPI
 *	op NUMBER NEXUS CALL RETURN CDB PARAM ANSWER DATA
 *	read OP TAG
 *	loss NEXUS SINCE			of the connection
 *	power SINCE UNTIL			no gateway had any
 *	landed PREEMPT WRITE 0|1
 *	block LBA TAG
 *	end TIME
 *
 * Numbers count from 0, without gaps.  Times are microseconds of one clock;
 * RETURN "-": no answer.  CDB, PARAM, DATA and ISID are hexadecimal, "-": none.
 * ANSWER is a status in hexadecimal, 02 with ".KEY.ASCQ" after it, or "none".
 *
 * Writes are of one block, no block is written by two of them, and the contents
 * tell which write they are: TAG, or -1 for what was there before, -2 for what
 * nobody wrote.  "read" says so of what a READ saw (it stands after its op),
 * "block" of the end.  "landed" says, of a write that had had no clear answer
 * when PREEMPT AND ABORT ended with GOOD, whether it was on the disk.
 */
#ifndef LINCHECK_TEXT_H
#define LINCHECK_TEXT_H

#include "internal.h"

struct landed {
	u32 preempt, write;
	bool landed;
};

struct block {
	u32 lba;
	long tag;
};

struct text {
	struct lc_history *history;
	long *tags; /* of each op: what a READ saw */
	u32 cap_tags;
	struct landed *landed;
	u32 num_landed, cap_landed;
	struct block *blocks;
	u32 num_blocks, cap_blocks;
	u32 num_commands; /* ops after these are events */
	u64 end;
};

/* Reads @path; exits with a message if it is no such file. */
void text_read(struct text *t, const char *path);
void text_free(struct text *t);

#endif
