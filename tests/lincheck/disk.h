/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What reads saw, and what the disk holds, against what was answered:
 *
 * - a write that was refused (RESERVATION CONFLICT, NOT READY, UNIT ATTENTION,
 *   BUSY ...) is nowhere;
 * - one that was GOOD is on the disk, and is what later reads see;
 * - one of a nexus that PREEMPT AND ABORT took the registration of, sent before
 *   that and not on the disk when it ended with GOOD, never gets there;
 * - one that nobody has an answer to but that is on the disk was allowed at
 *   some time: for the linearizability, that is a GOOD of that late.
 */
#ifndef LINCHECK_DISK_H
#define LINCHECK_DISK_H

#include "text.h"

struct disk_report {
	u32 violations;
	u32 writes, on_disk, refused;
	u32 reads;
	u32 aborts, in_flight; /* PREEMPT AND ABORTs, and writes looked at then */
};

/* Prints each violation to @out; gives unanswered writes that landed a GOOD. */
void disk_judge(struct text *t, struct disk_report *report, FILE *out);

#endif
