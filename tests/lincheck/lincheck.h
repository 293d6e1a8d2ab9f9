/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is the history of one logical unit linearizable: could one device have given
 * these answers?
 *
 * A history is what initiators saw: commands with their I_T nexus, the time of
 * sending, the time of the answer, and the answer.  It is linearizable if each
 * command can be given one instant between the two so that the core, executing
 * them one after the other in the order of these instants, gives the same
 * answers.  What the answers must be, only the core says (tpr_out(), tpr_in(),
 * tpr_spc2(), tpr_allowed()): there is no second implementation of a rule.
 *
 *	struct lc_history *h = lc_new(NULL);
 *	u32 a = lc_nexus(h, &nexus, "gw1", "a/gw1");
 *	u32 op = lc_call(h, now, a, cdb, sizeof(cdb), param, 24);
 *	lc_return(h, op, later, tpr_good(), NULL, 0);
 *	...
 *	verdict = lc_judge(h, NULL, &report);
 *	if (verdict != LC_LINEARIZABLE)
 *		lc_explain(h, &report, stdout);
 *	lc_free(h);
 *
 * What an answer says:
 *
 *	READ, WRITE ...	GOOD: was allowed at its instant.  RESERVATION
 *			CONFLICT: was forbidden.  All else says nothing, for
 *			I/O does not change the reservations.
 *	PR IN		GOOD: the data, byte by byte (READ KEYS, READ
 *			RESERVATION, READ FULL STATUS; what does not depend
 *			on the state says nothing).  RESERVATION CONFLICT: an
 *			SPC-2 reservation stood.  All else says nothing.
 *	PR OUT,		GOOD, RESERVATION CONFLICT, and ILLEGAL REQUEST:
 *	RESERVE,	what the core says.  UNIT ATTENTION, NOT READY, DATA
 *	RELEASE		PROTECT, BUSY, TASK SET FULL, 55h/xx: had no effect,
 *			and never will.  All else, and no answer: may have had
 *			its effect, or has it later, or never.
 *
 * An operation is judged by its instant of admission; when data gets to the
 * disk is another matter (SPC-4 lets a command that was admitted before a
 * PREEMPT land after it): for that see disk.h.
 */
#ifndef LINCHECK_H
#define LINCHECK_H

#include <stdio.h>

#include "tpr_state.h"

enum lc_verdict {
	LC_LINEARIZABLE,
	LC_NOT_LINEARIZABLE,
	LC_GAVE_UP, /* the budget is spent, or too much was pending at once */
};

/* What changes the state and is not a command; all may also not happen. */
enum lc_event {
	/* The nexus is lost: ends its SPC-2 reservation. */
	LC_NEXUS_LOSS,
	/* LOGICAL UNIT RESET: ends any SPC-2 reservation. */
	LC_LU_RESET,
	/* No gateway had power: tpr_power_loss(). */
	LC_POWER_LOSS,
};

#define LC_FOREVER ((u64)-1)

struct lc_history;

/* Nobody's memory is endless.  0: the default. */
struct lc_limits {
	u64 steps; /* executions by the core; default 2,000,000 */
	u32 configurations; /* alternatives kept at a time; default 50,000 */
};

struct lc_report {
	enum lc_verdict verdict;
	u64 steps; /* executions by the core */
	u32 widest; /* most alternatives at a time */
	u32 judged; /* operations whose answer says something */
	/*
	 * Not linearizable: the operation whose answer nothing explains; the
	 * history up to that answer is the shortest prefix that fails.  Gave up:
	 * where.
	 */
	u32 op;
	const char *why; /* gave up: static text */
};

/*
 * An empty history that begins in the state @start (copied), or with NULL as a
 * device that never saw a PR command.  Memory: aborts the program when there
 * is none.
 */
struct lc_history *lc_new(const struct tcmu_pr_info *start);
void lc_free(struct lc_history *h);

/*
 * Makes an I_T nexus known; its number.  @gateway is the name that tpr_spc2()
 * gets, @label is for printing; both copied.  A nexus that is known already
 * (tpr_nexus_cmp()) keeps its number.
 */
u32 lc_nexus(struct lc_history *h, const struct tpr_nexus *nexus,
	     const char *gateway, const char *label);

/*
 * A command was sent at @when (any unit, one clock).  @cdb of @cdb_len bytes,
 * @param its parameter list (PR OUT only); both copied.  Its number, counted
 * from 0.  Commands may be told in any order.
 */
u32 lc_call(struct lc_history *h, u64 when, u32 nexus, const u8 *cdb,
	    u32 cdb_len, const u8 *param, u32 param_len);

/*
 * Its answer came at @when, with @data of @len bytes if it was a GOOD PR IN
 * (copied).  At equal times a call counts as before a return.  An operation of
 * which this is never told has had no answer.
 */
void lc_return(struct lc_history *h, u32 op, u64 when, struct tpr_result result,
	       const u8 *data, u32 len);

/*
 * Something that may have happened at an instant from @from to @until
 * (LC_FOREVER: or later).  Its number, counted with the commands.
 */
u32 lc_event(struct lc_history *h, enum lc_event event, u64 from, u64 until,
	     u32 nexus);

/* Number of commands and events. */
u32 lc_count(const struct lc_history *h);

/*
 * Judges; @limits NULL: the defaults.  *@report is filled in.  The history is
 * not changed, so more can be told and judged again.
 */
enum lc_verdict lc_judge(const struct lc_history *h,
			 const struct lc_limits *limits,
			 struct lc_report *report);

/* One operation on one line, as a reader likes it. */
void lc_print_op(const struct lc_history *h, u32 op, FILE *out);

/*
 * What was found, for a reader: when not linearizable, the last state that was
 * certain, what happened since, the states that would have been possible, and
 * the answer that fits none of them.
 */
void lc_explain(const struct lc_history *h, const struct lc_report *report,
		FILE *out);

#endif
