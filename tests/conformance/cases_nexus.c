// SPDX-License-Identifier: GPL-2.0-only
/* What belongs to an I_T nexus: sessions that end, two ISIDs, two target ports, resets. */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 5.13.1"

static const struct test tests[] = {
	{ "nexus.registration-after-login", CLAUSE, "P4", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		DO(LOGOUT, A), KEYS(B, R(A, KA), R(B, KB)), FULL(C, 0, R(A, KA), R(B, KB)),
		DO(LOGIN, A), KEYS(A, R(A, KA), R(B, KB)), REGISTER(A, 0, KN, CONFLICT),
		REGISTER(A, KA, KN), KEYS(B, R(A, KN), R(B, KB))) },
	{ "nexus.registration-after-drop", CLAUSE, "P4", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		DO(DROP, B), KEYS(A, R(A, KA), R(B, KB)), DO(LOGIN, B), RESERVE(B, KB, EA),
		RESERVATION(A, EA, KB), READ(A, CONFLICT), WRITE(B, 1)) },
#define STAYS(ty, nm) \
	{ "nexus.holder-logs-out-" nm, CLAUSE, "P4", "", 0, START(HOLDER(A, KA), R(B, KB)), \
	  .type = ty, .steps = STEPS( \
		DO(LOGOUT, A), RESERVATION(B, ty, KA), WRITE(C, 1, CONFLICT), \
		WRITE(D, 1, CONFLICT), DO(LOGIN, A), WRITE(A, 2), READ_IS(A, 2), \
		RESERVATION(A, ty, KA), RELEASE(A, KA, ty), DO(DRAIN, B), \
		NO_RESERVATION(B)) },
	STAYS(EA, "ea") STAYS(WERO, "wero")
	{ "nexus.holder-drops", CLAUSE, "P4", "", 0, START(HOLDER(B, KB), R(A, KA)),
	  .type = EARO, .steps = STEPS(
		DO(DROP, B), RESERVATION(A, EARO, KB), READ(C, CONFLICT), DO(LOGIN, B),
		WRITE(B, 4), READ_IS(A, 4), READ(D, CONFLICT)) },
	{ "nexus.stranger-does-not-inherit", CLAUSE, "P4", "", 0, START(R(A, KA), HOLDER(B, KB)),
	  .type = EA, .steps = STEPS(
		DO(LOGOUT, A), DO(LOGOUT, B), DO(LOGIN, C), READ(C, CONFLICT),
		DO(LOGIN, D), READ(D, CONFLICT), REGISTER(C, KA, KC, CONFLICT),
		DO(LOGIN, A), DO(LOGIN, B), FULL(A, EA, R(A, KA), HOLDER(B, KB))) },
	{ "nexus.preempted-while-away", CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = WERO, .steps = STEPS(
		DO(LOGOUT, A), PREEMPT(B, KB, KA, WERO), FULL(B, WERO, HOLDER(B, KB)),
		DO(LOGIN, A), WRITE(A, 1, CONFLICT), REGISTER(A, KA, KN, CONFLICT),
		KEYS(A, R(B, KB))) },
	{ "nexus.all-log-out", CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)), .type = WEAR,
	  .steps = STEPS(
		DO(LOGOUT, A), DO(LOGOUT, B), WRITE(C, 1, CONFLICT),
		FULL(C, WEAR, HOLDER(A, KA), HOLDER(B, KB)), DO(LOGIN, B), WRITE(B, 1),
		DO(LOGIN, A), WRITE(A, 2)) },
	{ "nexus.other-isid-is-unregistered", CLAUSE, "L12", W_ISID, 0, START(HOLDER(A, KA)),
	  .type = WERO, .steps = STEPS(
		WRITE(E, 1, CONFLICT), RESERVE(E, KA, WERO, CONFLICT),
		REGISTER(E, KA, KN, CONFLICT), WRITE(A, 1)) },
	{ "nexus.other-isid-registers", CLAUSE, "L12", W_ISID, 0, START(R(A, KA), R(E, KE)),
	  .steps = STEPS(
		FULL(B, 0, R(A, KA), R(E, KE)), REGISTER(A, KA, 0), KEYS(B, R(E, KE)),
		RESERVE(E, KE, EARO), WRITE(E, 1), READ(A, CONFLICT),
		FULL(A, EARO, HOLDER(E, KE))) },
	{ "nexus.other-isid-keeps-registration", CLAUSE, "L12", W_ISID, 0,
	  START(HOLDER(B, KB), R(A, KA), R(E, KE)), .type = EARO, .steps = STEPS(
		WRITE(A, 1), WRITE(E, 2), PREEMPT(B, KB, KA, EARO), UA(A, REG_PREEMPTED),
		READ(A, CONFLICT), WRITE(E, 3), FULL(E, EARO, HOLDER(B, KB), R(E, KE))) },
	{ "nexus.other-isid-unregisters", CLAUSE, "L12", W_ISID, 0,
	  START(HOLDER(B, KB), R(A, KA), R(E, KE)), .type = WERO, .steps = STEPS(
		REGISTER(E, KE, 0), WRITE(E, 1, CONFLICT), WRITE(A, 2), READ_IS(B, 2),
		IGNORE(A, 0), WRITE(A, 1, CONFLICT), KEYS(A, R(B, KB))) },
	{ "nexus.holder-of-two-isids", CLAUSE, "L12", W_ISID, 0, START(HOLDER(A, KA), R(E, KA)),
	  .type = EA, .steps = STEPS(
		READ(E, CONFLICT), WRITE(E, 1, CONFLICT), WRITE(A, 2), RELEASE(E, KA, EA),
		RESERVATION(E, EA, KA), RELEASE(A, KA, EA), READ_IS(E, 2)) },
	{ "nexus.other-port-is-unregistered", CLAUSE, "", "", NEED_TWO_PORTS, START(HOLDER(A, KA)),
	  .type = WERO, .steps = STEPS(
		WRITE(F, 1, CONFLICT), REGISTER(F, KA, KN, CONFLICT),
		RESERVE(F, KA, WERO, CONFLICT), READ(F), REGISTER(F, 0, KA), WRITE(F, 3),
		READ_IS(A, 3), FULL(F, WERO, HOLDER(A, KA), R(F, KA))) },
	{ "nexus.two-ports-one-key", CLAUSE, "", "", NEED_TWO_PORTS,
	  START(HOLDER(A, KA), R(F, KA), R(B, KB)), .type = WERO, .steps = STEPS(
		KEYS(B, R(A, KA), R(F, KA), R(B, KB)), WRITE(A, 1), WRITE(F, 2),
		PREEMPT(B, KB, KA, WERO), UA(A, REG_PREEMPTED), UA(F, REG_PREEMPTED),
		WRITE(A, 3, CONFLICT), WRITE(F, 3, CONFLICT), READ_IS(B, 2), KEYS(A, R(B, KB))) },
	{ "nexus.one-port-unregisters", CLAUSE, "S4", W_GEN, NEED_TWO_PORTS, START(R(A, KA), R(F, KA)),
	  .steps = STEPS(
		REGISTER(A, KA, 0), FULL(A, 0, R(F, KA)), REGISTER(F, KA, KN), KEYS(A, R(F, KN)),
		REGISTER(A, 0, KA), FULL(F, 0, R(A, KA), R(F, KN))) },
	{ "nexus.holder-on-one-port", CLAUSE, "", "", NEED_TWO_PORTS, START(HOLDER(A, KA), R(F, KA)),
	  .type = EA, .steps = STEPS(
		READ(F, CONFLICT), RESERVE(F, KA, EA, CONFLICT), RELEASE(F, KA, EA),
		RESERVATION(F, EA, KA), WRITE(A, 5), RELEASE(A, KA, EA), READ_IS(F, 5)) },
	{ "nexus.lun-reset-keeps-all", "SPC-4 5.13.1", "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = EA, .steps = STEPS(
		DO(LUN_RESET, C), DO(DRAIN, NEXUSES), RESERVATION(B, EA, KA),
		FULL(A, EA, HOLDER(A, KA), R(B, KB)), READ(B, CONFLICT), READ(C, CONFLICT),
		WRITE(A, 1)) },
	{ "nexus.lun-reset-by-holder", "SPC-4 5.13.1", "", "", 0, START(R(A, KA), HOLDER(B, KB)),
	  .type = WERO, .steps = STEPS(
		DO(LUN_RESET, B), DO(DRAIN, NEXUSES), RESERVATION(A, WERO, KB),
		KEYS(B, R(A, KA), R(B, KB)), WRITE(C, 1, CONFLICT), WRITE(A, 1)) },
	{ "nexus.longest-name", "RFC 7143 4.2.7", "", "", 0, START(R(A, KA), R(G, KN)), .steps = STEPS(
		RESERVE(G, KN, EARO), FULL(A, EARO, R(A, KA), HOLDER(G, KN)), WRITE(G, 6),
		READ_IS(A, 6), READ(B, CONFLICT), PREEMPT(A, KA, KN, EARO), UA(G, REG_PREEMPTED),
		READ(G, CONFLICT), FULL(G, EARO, HOLDER(A, KA))) },
};

GROUP(nexus);
