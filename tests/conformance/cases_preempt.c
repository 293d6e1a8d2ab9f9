// SPDX-License-Identifier: GPL-2.0-only
/* PREEMPT and PREEMPT AND ABORT: every row of the standard's table, for both. */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 5.13.11.2.4"
#define OTHER(ty) ((ty) == WERO ? EARO : WERO)
#define THREE(ty) START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = ty

/* Both actions must do the same to the state. */
#define BOTH_ACTIONS(X) X(SA_PREEMPT, "preempt.") X(SA_PREEMPT_ABORT, "preempt-abort.")
#define P(action, nx, k, victim, ty, ...) \
	P_OUT(nx, action, .rk = k, .sark = victim, .type = ty, __VA_ARGS__)

static const struct test tests[] = {
#define NO_RSV(act, pre) \
	{ pre "no-reservation", CLAUSE, "L1 S6", W_LU, 0, START(R(A, KA), R(B, KB), R(C, KC)), \
	  .steps = STEPS( \
		P(act, B, KB, KA, WE), UA(A, REG_PREEMPTED), NO_RESERVATION(A), \
		KEYS(A, R(B, KB), R(C, KC)), RESERVE(A, KA, WE, CONFLICT)) }, \
	{ pre "no-reservation-undefined-type", CLAUSE, "", W_TYPE_ALWAYS, 0, START(R(A, KA), R(B, KB)), \
	  .steps = STEPS( \
		P(act, B, KB, KA, 0xf), UA(A, REG_PREEMPTED), NO_RESERVATION(A), \
		KEYS(A, R(B, KB))) }, \
	{ pre "no-match", CLAUSE, "P3 N4", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS( \
		P(act, A, KA, KX, WE, CONFLICT), KEYS(B, R(A, KA), R(B, KB)), NO_RESERVATION(B)) }, \
	{ pre "no-match-with-reservation", CLAUSE, "P3 N4", "", 0, THREE(WERO), .steps = STEPS( \
		P(act, A, KA, KX, WERO, CONFLICT), P(act, B, KB, KX, WE, CONFLICT), \
		RESERVATION(B, WERO, KA), KEYS(B, R(A, KA), R(B, KB), R(C, KC))) }, \
	{ pre "no-match-all-registrants", CLAUSE, "P3", "", 0, THREE(WEAR), .steps = STEPS( \
		P(act, A, KA, KX, WEAR, CONFLICT), RESERVATION(B, WEAR, 0), \
		KEYS(B, R(A, KA), R(B, KB), R(C, KC))) }, \
	{ pre "zero-key-no-reservation", CLAUSE, "S8", "", 0, START(R(A, KA), R(B, KB)), \
	  .steps = STEPS( \
		P(act, A, KA, 0, WE, INVALID_LIST), KEYS(B, R(A, KA), R(B, KB)), NO_RESERVATION(B)) },
	BOTH_ACTIONS(NO_RSV)
#define ZERO(ty, nm) \
	{ "preempt.zero-key-" nm, CLAUSE, "S8", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, 0, ty, INVALID_LIST), PREEMPT(A, KA, 0, ty, INVALID_LIST), \
		RESERVATION(C, ty, KA), KEYS(A, R(A, KA), R(B, KB), R(C, KC))) }, \
	{ "preempt-abort.zero-key-" nm, CLAUSE, "S8", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT_ABORT(B, KB, 0, ty, INVALID_LIST), RESERVATION(C, ty, KA), \
		KEYS(A, R(A, KA), R(B, KB), R(C, KC))) },
	PLAIN(ZERO) REGISTRANTS_ONLY(ZERO)
#define AR(ty, nm) \
	{ "preempt.all-zero-key-" nm, CLAUSE, "N3", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, 0, ty), UA(A, REG_PREEMPTED), UA(C, REG_PREEMPTED), \
		RESERVATION(A, ty, 0), FULL(C, ty, HOLDER(B, KB)), WRITE(A, 1, CONFLICT), \
		WRITE(B, 2)) }, \
	{ "preempt.all-zero-key-new-type-" nm, CLAUSE, "N3", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, 0, EA), UA(A, REG_PREEMPTED), UA(C, REG_PREEMPTED), \
		RESERVATION(A, EA, KB), FULL(C, EA, HOLDER(B, KB)), READ(A, CONFLICT), \
		WRITE(B, 2)) }, \
	{ "preempt-abort.all-zero-key-" nm, CLAUSE, "N3", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT_ABORT(B, KB, 0, ty), UA(A, REG_PREEMPTED), UA(C, REG_PREEMPTED), \
		RESERVATION(A, ty, 0), FULL(C, ty, HOLDER(B, KB)), WRITE(A, 1, CONFLICT)) }, \
	{ "preempt.registration-under-" nm, CLAUSE, "", W_AR, 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, KA, EA), UA(A, REG_PREEMPTED), RESERVATION(C, ty, 0), \
		FULL(A, ty, HOLDER(B, KB), HOLDER(C, KC)), WRITE(A, 1, CONFLICT), WRITE(C, 2)) }, \
	{ "preempt-abort.registration-under-" nm, CLAUSE, "", W_AR, 0, THREE(ty), .steps = STEPS( \
		PREEMPT_ABORT(B, KB, KA, EA), UA(A, REG_PREEMPTED), RESERVATION(C, ty, 0), \
		FULL(A, ty, HOLDER(B, KB), HOLDER(C, KC))) }, \
	{ "preempt.own-key-under-" nm, CLAUSE, "S10", \
	  W_SELF, 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, KB, ty), RESERVATION(A, ty, 0), \
		FULL(A, ty, HOLDER(A, KA), HOLDER(C, KC)), WRITE(B, 1, CONFLICT)) }, \
	{ "preempt.own-key-of-single-" nm, CLAUSE, "S5", \
	  W_SELF, 0, START(HOLDER(A, KA)), .type = ty, \
	  .steps = STEPS( \
		PREEMPT(A, KA, KA, ty), NO_KEYS(B), NO_RESERVATION(B), WRITE(B, 1)) },
	ALL_REGISTRANTS(AR)
#define TAKE(ty, nm) \
	{ "preempt.holder-" nm, CLAUSE, "S6", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, KA, ty), UA(A, REG_PREEMPTED), RESERVATION(A, ty, KB), \
		RESERVATION(C, ty, KB), FULL(A, ty, HOLDER(B, KB), R(C, KC)), \
		WRITE(A, 1, CONFLICT), WRITE(B, 2), RESERVE(B, KB, ty)) }, \
	{ "preempt.holder-new-type-" nm, CLAUSE, "S6", \
	  "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, KA, OTHER(ty)), UA(A, REG_PREEMPTED), UA(C, RSV_RELEASED), \
		RESERVATION(A, OTHER(ty), KB), FULL(A, OTHER(ty), HOLDER(B, KB), R(C, KC)), \
		WRITE(A, 1, CONFLICT), WRITE(C, 2)) }, \
	{ "preempt-abort.holder-" nm, CLAUSE, "S7", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT_ABORT(B, KB, KA, ty), UA(A, REG_PREEMPTED), RESERVATION(A, ty, KB), \
		FULL(A, ty, HOLDER(B, KB), R(C, KC)), WRITE(A, 1, CONFLICT), WRITE(B, 2)) }, \
	{ "preempt.non-holder-" nm, CLAUSE, "L1", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, KC, OTHER(ty)), UA(C, REG_PREEMPTED), RESERVATION(C, ty, KA), \
		FULL(C, ty, HOLDER(A, KA), R(B, KB)), WRITE(C, 1, CONFLICT), WRITE(A, 2)) },
	PLAIN(TAKE) REGISTRANTS_ONLY(TAKE)
/* One plain type and one of the others will do. */
#define TAKE_TWO(X) X(EA, "ea") X(WERO, "wero")
#define MORE(ty, nm) \
	{ "preempt-abort.holder-new-type-" nm, CLAUSE, "S7", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT_ABORT(B, KB, KA, OTHER(ty)), UA(A, REG_PREEMPTED), UA(C, RSV_RELEASED), \
		RESERVATION(A, OTHER(ty), KB)) }, \
	{ "preempt-abort.non-holder-" nm, CLAUSE, "L1 S7", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT_ABORT(B, KB, KC, OTHER(ty)), UA(C, REG_PREEMPTED), \
		RESERVATION(C, ty, KA), FULL(C, ty, HOLDER(A, KA), R(B, KB))) }, \
	{ "preempt.by-holder-" nm, CLAUSE, "L1", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(A, KA, KC, ty), UA(C, REG_PREEMPTED), RESERVATION(C, ty, KA), \
		FULL(C, ty, HOLDER(A, KA), R(B, KB))) }, \
	{ "preempt.own-key-by-holder-" nm, CLAUSE, "", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(A, KA, KA, ty), RESERVATION(C, ty, KA), \
		FULL(C, ty, HOLDER(A, KA), R(B, KB), R(C, KC)), WRITE(A, 1)) }, \
	{ "preempt.own-key-by-holder-new-type-" nm, CLAUSE, "", "", 0, THREE(ty), .steps = STEPS( \
		PREEMPT(A, KA, KA, OTHER(ty)), UA(B, RSV_RELEASED), UA(C, RSV_RELEASED), \
		RESERVATION(C, OTHER(ty), KA), \
		FULL(C, OTHER(ty), HOLDER(A, KA), R(B, KB), R(C, KC))) }, \
	{ "preempt.undefined-type-" nm, CLAUSE, "", W_SCOPE, 0, THREE(ty), .steps = STEPS( \
		PREEMPT(B, KB, KA, 0, INVALID_CDB), PREEMPT(B, KB, KA, 4, INVALID_CDB), \
		PREEMPT(B, KB, KA, ty, .scope = 1, INVALID_CDB), \
		RESERVATION(C, ty, KA), KEYS(C, R(A, KA), R(B, KB), R(C, KC))) },
	TAKE_TWO(MORE)
	{ "preempt.own-key-not-holder", CLAUSE, "L3 S10",
	  W_SELF, 0, THREE(WERO),
	  .steps = STEPS(
		PREEMPT(B, KB, KB, WERO), RESERVATION(A, WERO, KA), KEYS(A, R(A, KA), R(C, KC)),
		WRITE(B, 1, CONFLICT), PREEMPT(B, KB, KA, WE, CONFLICT)) },
	{ "preempt.own-key-no-reservation", CLAUSE, "L3 S10",
	  W_LU, 0,
	  START(R(A, KA), R(B, KB)), .steps = STEPS(
		PREEMPT(A, KA, KA, WE), KEYS(B, R(B, KB)), NO_RESERVATION(A),
		RESERVE(A, KA, WE, CONFLICT)) },
	{ "preempt.shared-key-of-holder", CLAUSE, "P3", "", 0,
	  START(HOLDER(A, KA), R(B, KB), R(C, KA), R(D, KA)), .type = WERO, .steps = STEPS(
		PREEMPT(B, KB, KA, WERO), UA(A, REG_PREEMPTED), UA(C, REG_PREEMPTED),
		UA(D, REG_PREEMPTED), RESERVATION(A, WERO, KB), FULL(C, WERO, HOLDER(B, KB)),
		WRITE(C, 1, CONFLICT), WRITE(D, 1, CONFLICT)) },
	{ "preempt.sender-shares-key-of-holder", CLAUSE, "P3", "", 0,
	  START(HOLDER(A, KA), R(B, KA), R(C, KC)), .type = EARO, .steps = STEPS(
		PREEMPT(B, KA, KA, EARO), UA(A, REG_PREEMPTED), RESERVATION(C, EARO, KA),
		FULL(A, EARO, HOLDER(B, KA), R(C, KC)), READ(A, CONFLICT), WRITE(B, 1)) },
	{ "preempt.shared-key-not-holder", CLAUSE, "L1", "", 0,
	  START(HOLDER(A, KA), R(B, KB), R(C, KB), R(D, KD)), .type = WE, .steps = STEPS(
		PREEMPT(A, KA, KB, WE), UA(B, REG_PREEMPTED), UA(C, REG_PREEMPTED),
		FULL(B, WE, HOLDER(A, KA), R(D, KD))) },
	{ "preempt.to-all-registrants", CLAUSE, "S9", "", 0, THREE(WE), .steps = STEPS(
		PREEMPT(B, KB, KA, EAAR), UA(A, REG_PREEMPTED), UA(C, RSV_RELEASED),
		RESERVATION(A, EAAR, 0), FULL(A, EAAR, HOLDER(B, KB), HOLDER(C, KC)),
		READ(A, CONFLICT), WRITE(C, 1)) },
	{ "preempt.self-to-all-registrants", CLAUSE, "S9", "", 0, THREE(EA), .steps = STEPS(
		PREEMPT(A, KA, KA, WEAR), UA(B, RSV_RELEASED), UA(C, RSV_RELEASED),
		RESERVATION(B, WEAR, 0),
		FULL(B, WEAR, HOLDER(A, KA), HOLDER(B, KB), HOLDER(C, KC)), WRITE(B, 1),
		WRITE(D, 2, CONFLICT), RELEASE(C, KC, WEAR), UA(A, RSV_RELEASED),
		UA(B, RSV_RELEASED), NO_RESERVATION(A)) },
	{ "preempt.all-registrants-to-plain", CLAUSE, "N3", "", 0, THREE(EAAR), .steps = STEPS(
		PREEMPT(A, KA, 0, WE), UA(B, REG_PREEMPTED), UA(C, REG_PREEMPTED),
		RESERVATION(B, WE, KA), READ(B), WRITE(B, 1, CONFLICT), WRITE(A, 1)) },
	{ "preempt.last-other-under-all-registrants", CLAUSE, "S5", "", 0,
	  START(HOLDER(A, KA), R(B, KB)), .type = WEAR, .steps = STEPS(
		PREEMPT(A, KA, KB, WEAR), UA(B, REG_PREEMPTED), RESERVATION(B, WEAR, 0),
		FULL(B, WEAR, HOLDER(A, KA)), WRITE(B, 1, CONFLICT)) },
#define UNREGISTERED(act, pre) \
	{ pre "unregistered", CLAUSE, "L2", "", 0, THREE(WERO), .steps = STEPS( \
		P(act, D, 0, KA, WERO, CONFLICT), P(act, D, KA, KB, WERO, CONFLICT), \
		RESERVATION(D, WERO, KA), KEYS(D, R(A, KA), R(B, KB), R(C, KC))) }, \
	{ pre "wrong-key", CLAUSE, "", "", 0, THREE(WERO), .steps = STEPS( \
		P(act, B, KA, KC, WERO, CONFLICT), P(act, B, 0, KA, WERO, CONFLICT), \
		P(act, A, KX, KB, WERO, CONFLICT), RESERVATION(D, WERO, KA), \
		KEYS(D, R(A, KA), R(B, KB), R(C, KC))) }, \
	{ pre "preempted-nexus-registers-again", CLAUSE, "", "", 0, THREE(EARO), .steps = STEPS( \
		P(act, B, KB, KA, EARO), UA(A, REG_PREEMPTED), READ(A, CONFLICT), \
		REGISTER(A, KA, KN, CONFLICT), REGISTER(A, 0, KA), READ(A), WRITE(A, 9), \
		READ_IS(C, 9), RESERVATION(A, EARO, KB)) },
	BOTH_ACTIONS(UNREGISTERED)
	{ "preempt.back-and-forth", CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)), .type = WERO,
	  .steps = STEPS(
		PREEMPT(B, KB, KA, WERO), UA(A, REG_PREEMPTED), REGISTER(A, 0, KA),
		PREEMPT(A, KA, KB, WERO), UA(B, REG_PREEMPTED), RESERVATION(B, WERO, KA),
		WRITE(B, 1, CONFLICT), WRITE(A, 2), READ_IS(B, 2)) },
};

GROUP(preempt);
