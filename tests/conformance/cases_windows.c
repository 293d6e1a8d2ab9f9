// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fence agents and cluster software send, whole.  "Validate SCSI-3
 * Persistent Reservation" of Windows' failover clustering: nodes register,
 * one reserves, the other must not, keys change, the other preempts.
 */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 5.13"
/* The keys of the two nodes, with a node number in the last byte. */
#define W1 UINT64_C(0x4d53464300000001)
#define W2 UINT64_C(0x4d53464300000002)
#define W3 UINT64_C(0x4d53464300000103)

static const struct test tests[] = {
	{ "cluster.windows-validate", CLAUSE, "", "", 0, .steps = STEPS(
		/* Nothing is there, and nobody can reserve without a registration. */
		NO_KEYS(A), NO_RESERVATION(A), NO_KEYS(B),
		IGNORE(A, W1), KEYS(A, R(A, W1)), KEYS(B, R(A, W1)),
		RESERVE(A, W1, WERO), RESERVATION(A, WERO, W1), RESERVATION(B, WERO, W1),
		WRITE(A, 0x31), READ_IS(B, 0x31), WRITE(B, 0x32, CONFLICT),
		/* The second node registers, and cannot reserve. */
		IGNORE(B, W2), KEYS(A, R(A, W1), R(B, W2)), WRITE(B, 0x33), READ_IS(A, 0x33),
		RESERVE(B, W2, WERO, CONFLICT), RESERVATION(B, WERO, W1),
		/* The holder changes its key, and goes on holding. */
		REGISTER(A, W1, W3), RESERVATION(B, WERO, W3), KEYS(B, R(A, W3), R(B, W2)),
		RELEASE(A, W1, WERO, CONFLICT), RESERVATION(A, WERO, W3),
		/* The defender looks, the challenger preempts. */
		KEYS(A, R(A, W3), R(B, W2)), RESERVATION(A, WERO, W3),
		KEYS(B, R(A, W3), R(B, W2)), RESERVATION(B, WERO, W3),
		PREEMPT(B, W2, W3, WERO), UA(A, REG_PREEMPTED), RESERVATION(A, WERO, W2),
		RESERVATION(B, WERO, W2), KEYS(A, R(B, W2)), WRITE(A, 0x34, CONFLICT),
		WRITE(B, 0x35), READ_IS(A, 0x35), REGISTER(A, W3, W1, CONFLICT),
		/* It comes back as a registrant. */
		IGNORE(A, W1), WRITE(A, 0x36), READ_IS(B, 0x36),
		RELEASE(A, W1, WERO), RESERVATION(A, WERO, W2),
		RELEASE(B, W2, WERO), UA(A, RSV_RELEASED), NO_RESERVATION(A),
		CLEAR(B, W2), UA(A, RSV_PREEMPTED), NO_KEYS(A), NO_KEYS(B)) },
	{ "cluster.windows-two-paths", CLAUSE, "", "", NEED_TWO_PORTS, .steps = STEPS(
		IGNORE(A, W1), IGNORE(F, W1), IGNORE(B, W2), RESERVE(A, W1, WERO),
		WRITE(A, 1), WRITE(F, 2), READ_IS(B, 2),
		PREEMPT(B, W2, W1, WERO), UA(A, REG_PREEMPTED), UA(F, REG_PREEMPTED),
		WRITE(A, 3, CONFLICT), WRITE(F, 4, CONFLICT), READ_IS(B, 2),
		KEYS(F, R(B, W2)), CLEAR(B, W2), NO_KEYS(A)) },
	{ "cluster.fence-scsi", CLAUSE, "L1", "", 0, .steps = STEPS(
		/* "on" of both nodes, "off" of the second. */
		IGNORE(A, W1), RESERVE(A, W1, WERO), IGNORE(B, W2), WRITE(B, 0x41),
		READ_IS(A, 0x41), KEYS(A, R(A, W1), R(B, W2)), RESERVATION(B, WERO, W1),
		PREEMPT_ABORT(A, W1, W2, WERO), UA(B, REG_PREEMPTED), WRITE(B, 0x42, CONFLICT),
		READ_IS(A, 0x41), KEYS(B, R(A, W1)), RESERVATION(B, WERO, W1)) },
	{ "cluster.fence-scsi-of-the-holder", CLAUSE, "L1", "", 0, .steps = STEPS(
		IGNORE(A, W1), RESERVE(A, W1, WERO), IGNORE(B, W2), WRITE(A, 0x43),
		PREEMPT_ABORT(B, W2, W1, WERO), UA(A, REG_PREEMPTED), WRITE(A, 0x44, CONFLICT),
		READ_IS(B, 0x43), KEYS(A, R(B, W2)), RESERVATION(A, WERO, W2),
		IGNORE(A, W1), WRITE(A, 0x45), READ_IS(B, 0x45)) },
	{ "cluster.fence-mpath", CLAUSE, "", W_GEN, NEED_TWO_PORTS, .steps = STEPS(
		/* One key on each path of a node. */
		IGNORE(A, W1), IGNORE(F, W1), IGNORE(B, W2), RESERVE(A, W1, WERO),
		FULL(B, WERO, HOLDER(A, W1), R(F, W1), R(B, W2)),
		PREEMPT(F, W1, W2, WERO), UA(B, REG_PREEMPTED), WRITE(B, 1, CONFLICT),
		WRITE(A, 2), WRITE(F, 3), KEYS(B, R(A, W1), R(F, W1)),
		REGISTER(F, W1, 0), WRITE(F, 4, CONFLICT), RESERVATION(F, WERO, W1)) },
	{ "cluster.lvm-write-exclusive", CLAUSE, "", "", 0, .steps = STEPS(
		IGNORE(A, W1), RESERVE(A, W1, WE), WRITE(A, 1), READ(B), WRITE(B, 2, CONFLICT),
		IGNORE(B, W2), WRITE(B, 2, CONFLICT), RESERVE(B, W2, WE, CONFLICT),
		PREEMPT_ABORT(B, W2, W1, WE), UA(A, REG_PREEMPTED), WRITE(B, 3), READ_IS(A, 3),
		WRITE(A, 4, CONFLICT), RELEASE(B, W2, WE), WRITE(A, 5), READ_IS(B, 5)) },
	{ "cluster.all-registrants", CLAUSE, "P1", W_GEN, 0, .steps = STEPS(
		IGNORE(A, W1), IGNORE(B, W2), RESERVE(B, W2, WEAR), RESERVATION(A, WEAR, 0),
		WRITE(A, 1), WRITE(B, 2), WRITE(C, 3, CONFLICT), REGISTER(B, W2, 0),
		RESERVATION(B, WEAR, 0), WRITE(B, 4, CONFLICT), WRITE(A, 5), READ_IS(B, 5),
		RELEASE(A, W1, WEAR), NO_RESERVATION(B), WRITE(B, 6)) },
};

GROUP(windows);
