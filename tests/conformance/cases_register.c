// SPDX-License-Identifier: GPL-2.0-only
/* REGISTER and REGISTER AND IGNORE EXISTING KEY without their special bits; PRGENERATION. */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 5.13.7"

static const struct test tests[] = {
	{ "register.new", CLAUSE, "", "", 0, .steps = STEPS(
		NO_KEYS(A),
		REGISTER(A, 0, KA), KEYS(A, R(A, KA)), KEYS(B, R(A, KA)), KEYS(C, R(A, KA)),
		FULL(D, 0, R(A, KA)), NO_RESERVATION(D)) },
	{ "register.new-with-key", CLAUSE, "", "", 0, .steps = STEPS(
		REGISTER(A, KA, KB, CONFLICT), REGISTER(A, KA, 0, CONFLICT), NO_KEYS(B)) },
	{ "register.zero-unregistered", CLAUSE, "", W_GEN, 0, .steps = STEPS(
		REGISTER(A, 0, 0), NO_KEYS(A), NO_KEYS(B)) },
	{ "register.change-key", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		REGISTER(A, KA, KN), KEYS(B, R(A, KN), R(B, KB)), FULL(B, 0, R(A, KN), R(B, KB)),
		REGISTER(A, KA, KC, CONFLICT), KEYS(B, R(A, KN), R(B, KB))) },
	{ "register.same-key-again", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		REGISTER(A, KA, KA), KEYS(B, R(A, KA), R(B, KB))) },
	{ "register.registered-with-zero", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		REGISTER(A, 0, KN, CONFLICT), REGISTER(A, 0, KA, CONFLICT),
		KEYS(B, R(A, KA), R(B, KB))) },
	{ "register.wrong-key", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		REGISTER(A, KB, KN, CONFLICT), REGISTER(A, KB, 0, CONFLICT),
		REGISTER(A, KX, KN, CONFLICT), KEYS(B, R(A, KA), R(B, KB))) },
	{ "register.unregister", CLAUSE, "", W_GEN, 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		REGISTER(B, KB, 0), KEYS(A, R(A, KA)), KEYS(B, R(A, KA)), FULL(C, 0, R(A, KA)),
		REGISTER(B, KB, 0, CONFLICT)) },
	{ "register.ignore-new", CLAUSE, "", "", 0, START(R(B, KB)), .steps = STEPS(
		IGNORE(A, KA), KEYS(B, R(A, KA), R(B, KB))) },
	{ "register.ignore-key-field", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		IGNORE(A, KN, .rk = KX), KEYS(B, R(A, KN), R(B, KB)),
		IGNORE(A, KA), KEYS(B, R(A, KA), R(B, KB))) },
	{ "register.ignore-unregister", CLAUSE, "", W_GEN, 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		IGNORE(A, 0, .rk = KX), KEYS(B, R(B, KB)), NO_RESERVATION(B)) },
	{ "register.ignore-zero-unregistered", CLAUSE, "", W_GEN, 0, START(R(B, KB)),
	  .steps = STEPS(
		IGNORE(A, 0), KEYS(A, R(B, KB))) },
	{ "register.equal-keys", CLAUSE, "", W_GEN, 0, START(R(A, KA), R(B, KA)), .steps = STEPS(
		KEYS(A, R(A, KA), R(B, KA)), FULL(B, 0, R(A, KA), R(B, KA)),
		REGISTER(A, KA, 0), KEYS(A, R(B, KA)), FULL(C, 0, R(B, KA))) },
	{ "register.key-bits", CLAUSE, "", "", 0, START(R(B, KB)), .steps = STEPS(
		IGNORE(A, KX), KEYS(B, R(A, KX), R(B, KB)), REGISTER(A, KX, 1),
		KEYS(B, R(A, 1), R(B, KB)), REGISTER(A, 1, UINT64_C(1) << 63),
		KEYS(B, R(A, UINT64_C(1) << 63), R(B, KB))) },
	{ "register.scope-type-ignored", "SPC-4 6.16.2 table 213", "", "", 0, START(R(B, KB)),
	  .steps = STEPS(
		IGNORE(A, KA, .scope = 0xf, .type = 0xf), KEYS(B, R(A, KA), R(B, KB)),
		REGISTER(A, KA, KN, .scope = 1, .type = 2), KEYS(B, R(A, KN), R(B, KB))) },
	{ "register.reserved-bits", "SPC-4 6.16.1", "", "", 0, START(R(B, KB)), .steps = STEPS(
		IGNORE(A, KA, .cdb = { [3] = 0xff, [4] = 0xff }), KEYS(B, R(A, KA), R(B, KB))) },
	{ "register.many-nexuses", CLAUSE, "", W_ISID, 0,
	  START(R(A, KA), R(B, KB), R(C, KC), R(D, KD), R(E, KE), R(H, KN)), .steps = STEPS(
		KEYS(A, R(A, KA), R(B, KB), R(C, KC), R(D, KD), R(E, KE), R(H, KN)),
		FULL(B, 0, R(A, KA), R(B, KB), R(C, KC), R(D, KD), R(E, KE), R(H, KN)),
		CLEAR(D, KD), UA(A, RSV_PREEMPTED), UA(B, RSV_PREEMPTED), UA(C, RSV_PREEMPTED),
		UA(E, RSV_PREEMPTED), UA(H, RSV_PREEMPTED), NO_KEYS(D)) },
	/* PRGENERATION is compared in each PERSISTENT RESERVE IN of every case. */
	{ "generation.counts", "SPC-4 6.15.2", "P3", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		KEYS(A, R(A, KA), R(B, KB)),
		REGISTER(A, KA, KN), KEYS(A, R(A, KN), R(B, KB)), FULL(B, 0, R(A, KN), R(B, KB)),
		IGNORE(A, KA), KEYS(A, R(A, KA), R(B, KB)),
		PREEMPT(A, KA, KB, WE), UA(B, REG_PREEMPTED), KEYS(B, R(A, KA)),
		CLEAR(A, KA), NO_KEYS(A)) },
	{ "generation.preempt-of-three", "SPC-4 6.15.2", "P3", "", 0,
	  START(R(A, KA), R(B, KB), R(C, KB), R(D, KB)), .steps = STEPS(
		PREEMPT(A, KA, KB, WE), UA(B, REG_PREEMPTED), UA(C, REG_PREEMPTED),
		UA(D, REG_PREEMPTED), KEYS(B, R(A, KA)), NO_RESERVATION(D)) },
	{ "generation.not-by-reserve", "SPC-4 6.15.2", "", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		RESERVE(A, KA, WE), RESERVATION(B, WE, KA), KEYS(B, R(A, KA), R(B, KB)),
		RELEASE(A, KA, WE), NO_RESERVATION(B), KEYS(A, R(A, KA), R(B, KB))) },
	{ "generation.not-by-errors", "SPC-4 6.15.2", "", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		REGISTER(A, KB, KN, CONFLICT), CLEAR(A, KB, CONFLICT),
		PREEMPT(A, KA, KX, WE, CONFLICT), RESERVE(A, KA, 2, INVALID_CDB),
		REGISTER(A, KA, KN, LEN(23), LIST_LENGTH),
		KEYS(A, R(A, KA), R(B, KB)), FULL(B, 0, R(A, KA), R(B, KB))) },
	{ "generation.same-everywhere", "SPC-4 6.15.2", "", W_GEN, 0, START(R(A, KA)), .steps = STEPS(
		IGNORE(B, KB), KEYS(A, R(A, KA), R(B, KB)), KEYS(B, R(A, KA), R(B, KB)),
		IGNORE(C, KC), KEYS(A, R(A, KA), R(B, KB), R(C, KC)),
		KEYS(D, R(A, KA), R(B, KB), R(C, KC)),
		IGNORE(C, 0), NO_RESERVATION(A), NO_RESERVATION(B)) },
};

GROUP(register);
