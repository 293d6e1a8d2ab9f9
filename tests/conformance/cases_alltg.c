// SPDX-License-Identifier: GPL-2.0-only
/*
 * REGISTER with ALL_TG_PT.  The standard leaves open whether what it makes is
 * shown as one registration or one for each target port; this device has one,
 * for target ports that come later too, so that all say the same.
 */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 6.16.3 table 69"
#define ALL(nx, k) { .n = nx, .key = k, .all_tg_pt = true }
#define ALL_HOLDER(nx, k) { .n = nx, .key = k, .all_tg_pt = true, .holder = true }
#define REGISTER_ALL(nx, k, new, ...) REGISTER(nx, k, new, .all_tg_pt = true, __VA_ARGS__)
#define IGNORE_ALL(nx, new, ...) IGNORE(nx, new, .all_tg_pt = true, __VA_ARGS__)

static const struct test tests[] = {
	{ "all-ports.register", CLAUSE, "S1", W_PORTS, 0, START(R(B, KB)), .steps = STEPS(
		REGISTER_ALL(A, 0, KA), KEYS(B, R(A, KA), R(B, KB)), FULL(B, 0, ALL(A, KA), R(B, KB)),
		FULL(A, 0, ALL(A, KA), R(B, KB)), REGISTER(A, 0, KN, CONFLICT)) },
	{ "all-ports.ignore", CLAUSE, "S1", W_PORTS, 0, START(R(B, KB)), .steps = STEPS(
		IGNORE_ALL(A, KA), FULL(B, 0, ALL(A, KA), R(B, KB)), RESERVE(A, KA, WERO),
		FULL(B, WERO, ALL_HOLDER(A, KA), R(B, KB)), WRITE(A, 1), WRITE(C, 1, CONFLICT)) },
	{ "all-ports.unregister", CLAUSE, "L7 S4", W_PORTS, 0, START(R(B, KB)), .steps = STEPS(
		IGNORE_ALL(A, KA), IGNORE_ALL(A, 0), FULL(A, 0, R(B, KB)), KEYS(B, R(B, KB))) },
	{ "all-ports.registered-everywhere", CLAUSE, "", W_PORTS_ISID, NEED_TWO_PORTS, START(HOLDER(B, KB)),
	  .type = EARO, .steps = STEPS(
		READ(A, CONFLICT), READ(F, CONFLICT), REGISTER_ALL(A, 0, KA), READ(A), READ(F),
		WRITE(F, 2), READ_IS(B, 2), READ(E, CONFLICT)) },
	{ "all-ports.other-port-changes-key", CLAUSE, "S3", W_PORTS, NEED_TWO_PORTS, .steps = STEPS(
		REGISTER_ALL(A, 0, KA), REGISTER(F, 0, KN, CONFLICT), REGISTER(F, KA, KN),
		KEYS(A, R(A, KN)), REGISTER(A, KA, KC, CONFLICT), RESERVE(A, KN, WE),
		RESERVATION(F, WE, KN)) },
	{ "all-ports.key-change-with-the-bit", CLAUSE, "S3", W_PORTS, NEED_TWO_PORTS, .steps = STEPS(
		REGISTER_ALL(A, 0, KA), REGISTER_ALL(A, KA, KN), FULL(B, 0, ALL(A, KN)),
		REGISTER(F, KA, KC, CONFLICT), RESERVE(F, KN, WERO), RESERVATION(B, WERO, KN)) },
	{ "all-ports.other-port-unregisters", CLAUSE, "L7 S4", W_PORTS, NEED_TWO_PORTS,
	  START(HOLDER(B, KB)), .type = WERO, .steps = STEPS(
		REGISTER_ALL(A, 0, KA), WRITE(A, 1), WRITE(F, 2), REGISTER(F, KA, 0),
		KEYS(A, R(B, KB)), WRITE(A, 3, CONFLICT), WRITE(F, 4, CONFLICT), READ_IS(B, 2)) },
	{ "all-ports.ignore-unregisters-on-other-port", CLAUSE, "L7 S4", W_PORTS, NEED_TWO_PORTS,
	  .steps = STEPS(
		IGNORE_ALL(A, KA), IGNORE_ALL(F, 0), NO_KEYS(A), NO_KEYS(F),
		REGISTER(A, KA, KN, CONFLICT)) },
	{ "all-ports.replaces-other-ports", CLAUSE, "S3", W_PORTS, NEED_TWO_PORTS,
	  START(R(A, KA), R(F, KC), R(B, KB)), .steps = STEPS(
		IGNORE_ALL(A, KN), FULL(B, 0, ALL(A, KN), R(B, KB)), REGISTER(F, KC, KD, CONFLICT),
		REGISTER(F, KN, KD), KEYS(B, R(A, KD), R(B, KB)), TUR(F), TUR(A)) },
	{ "all-ports.takes-the-reservation-along", CLAUSE, "S3", W_PORTS, NEED_TWO_PORTS,
	  START(R(A, KA), HOLDER(F, KC), R(B, KB)), .type = WERO, .steps = STEPS(
		IGNORE_ALL(A, KN), RESERVATION(B, WERO, KN),
		FULL(B, WERO, ALL_HOLDER(A, KN), R(B, KB)), WRITE(A, 1), WRITE(F, 2),
		RELEASE(A, KN, WERO), UA(B, RSV_RELEASED), DO(DRAIN, F), NO_RESERVATION(B)) },
	{ "all-ports.other-isid-not", CLAUSE, "L12", W_PORTS, 0, START(HOLDER(B, KB)), .type = EARO,
	  .steps = STEPS(
		REGISTER_ALL(A, 0, KA), READ(A), READ(E, CONFLICT), REGISTER(E, 0, KE), READ(E),
		FULL(B, EARO, ALL(A, KA), R(E, KE), HOLDER(B, KB)), REGISTER(A, KA, 0), READ(E),
		READ(A, CONFLICT)) },
	{ "all-ports.preempted", CLAUSE, "S4", W_PORTS, NEED_TWO_PORTS, START(R(B, KB)),
	  .steps = STEPS(
		REGISTER_ALL(A, 0, KA), RESERVE(A, KA, WERO), PREEMPT(B, KB, KA, WERO),
		UA(A, REG_PREEMPTED), UA(F, REG_PREEMPTED), WRITE(A, 1, CONFLICT),
		WRITE(F, 1, CONFLICT), FULL(F, WERO, HOLDER(B, KB))) },
	{ "all-ports.cleared", CLAUSE, "S4", W_PORTS, NEED_TWO_PORTS, START(R(B, KB)),
	  .steps = STEPS(
		TUR(F), REGISTER_ALL(A, 0, KA), CLEAR(B, KB), UA(A, RSV_PREEMPTED),
		UA(F, RSV_PREEMPTED), NO_KEYS(A), NO_KEYS(F)) },
	{ "all-ports.with-spec-i-pt", "SPC-4 5.13.7 table 69", "L10", W_PORTS, NEED_TWO_PORTS,
	  .steps = STEPS(
		REGISTER_ALL(A, 0, KA, .spec_i_pt = true,
			     .tids = { .count = 1, .tid = { { .nexus = B } } }),
		FULL(C, 0, ALL(A, KA), ALL(B, KA)), RESERVE(B, KA, EARO), WRITE(F, 1), WRITE(A, 2),
		READ(D, CONFLICT)) },
	{ "all-ports.after-login", CLAUSE, "", W_PORTS, NEED_TWO_PORTS, START(HOLDER(B, KB)),
	  .type = WERO, .steps = STEPS(
		DO(LOGOUT, F), REGISTER_ALL(A, 0, KA), DO(LOGOUT, A), DO(LOGIN, F), WRITE(F, 1),
		DO(LOGIN, A), WRITE(A, 2), FULL(A, WERO, ALL(A, KA), HOLDER(B, KB))) },
	{ "all-ports.wrong-key", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		REGISTER_ALL(A, KB, KN, CONFLICT), REGISTER_ALL(A, 0, KN, CONFLICT),
		REGISTER_ALL(C, KB, KN, CONFLICT), FULL(B, 0, R(A, KA), R(B, KB))) },
	{ "all-ports.ignored-for-other-actions", "SPC-4 6.16.3", "", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		RESERVE(A, KA, WE, .all_tg_pt = true), RESERVATION(B, WE, KA),
		RELEASE(A, KA, WE, .all_tg_pt = true), NO_RESERVATION(B),
		PREEMPT(A, KA, KB, WE, .all_tg_pt = true), UA(B, REG_PREEMPTED),
		FULL(B, 0, R(A, KA)), CLEAR(A, KA, .all_tg_pt = true), NO_KEYS(B)) },
};

GROUP(alltg);
