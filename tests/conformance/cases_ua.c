// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit attentions of the reservation clauses: who, which, once, in order, and
 * what a command that reports one must not have done.  That nobody else gets
 * one is asserted at the end of every case.
 */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 5.13.11.2"
#define SAM "SAM-5 5.14"
#define READ_UA(nx, code) READ(nx, SENSE(6, code))

static const struct test tests[] = {
	{ "ua.clear-all-registrants", "SPC-4 5.13.11.2.7", "S6", "", 0,
	  START(R(A, KA), R(B, KB), R(C, KC), R(D, KD)), .steps = STEPS(
		CLEAR(B, KB), UA(A, RSV_PREEMPTED), UA(C, RSV_PREEMPTED), UA(D, RSV_PREEMPTED),
		TUR(B), TUR(A), TUR(C), TUR(D)) },
	{ "ua.preempt-registration", CLAUSE, "S6", "", 0, START(R(A, KA), R(B, KB), R(C, KC)),
	  .steps = STEPS(
		PREEMPT(A, KA, KB, WE), UA(B, REG_PREEMPTED), TUR(B), TUR(C), TUR(A)) },
	{ "ua.in-order", "SAM-5 5.14", "L13", W_UA_ORDER, 0,
	  START(HOLDER(A, KA), R(B, KB)), .type = WERO, .steps = STEPS(
		RELEASE(A, KA, WERO), PREEMPT(A, KA, KB, WE), UA(B, RSV_RELEASED),
		UA(B, REG_PREEMPTED), TUR(B)) },
	{ "ua.in-order-of-three", "SAM-5 5.14", "L13", W_UA_ORDER,
	  0, START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = EARO, .steps = STEPS(
		RELEASE(A, KA, EARO), PREEMPT(A, KA, KB, WE), CLEAR(A, KA),
		UA(B, RSV_RELEASED), UA(B, REG_PREEMPTED), TUR(B),
		UA(C, RSV_RELEASED), UA(C, RSV_PREEMPTED), TUR(C)) },
	{ "ua.new-registration-has-none", CLAUSE, "", "", 0, START(R(A, KA)), .steps = STEPS(
		CLEAR(A, KA), REGISTER(B, 0, KB), TUR(B), TUR(A)) },
	{ "ua.inquiry-passes", SAM, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		CLEAR(A, KA),
		CDB(B, 6, IN, 96, B_(0x12, 0, 0, 0, 96)), CDB(B, 12, IN, 256, B_(0xa0, [8] = 1)),
		CDB(B, 6, IN, 96, B_(0x12, 0, 0, 0, 96)), UA(B, RSV_PREEMPTED),
		TUR(B)) },
	{ "ua.request-sense-passes", SAM, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		CLEAR(A, KA),
		{ .kind = COMMAND, .n = B, .cdb_length = 6, .direction = IN, .bytes = 252,
		  .cdb = { 0x03, 0, 0, 0, 252 }, NOT_CONFLICT },
		DO(DRAIN, B), TUR(B)) },
	{ "ua.read-reports", SAM, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		CLEAR(A, KA), READ_UA(B, RSV_PREEMPTED), READ(B), TUR(B)) },
	{ "ua.write-is-not-done", SAM, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		WRITE(A, 0x61), CLEAR(A, KA), WRITE(B, 0x62, SENSE(6, RSV_PREEMPTED)),
		READ_IS(A, 0x61), WRITE(B, 0x63), READ_IS(A, 0x63)) },
	{ "ua.pr-in-reports", SAM, "", "", 0, START(R(A, KA), R(B, KB), R(C, KC)), .steps = STEPS(
		CLEAR(A, KA), P_IN(B, SA_KEYS, SENSE(6, RSV_PREEMPTED)), NO_KEYS(B),
		P_IN(C, SA_FULL, SENSE(6, RSV_PREEMPTED)), FULL(C, 0)) },
	{ "ua.pr-out-is-not-done", SAM, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		CLEAR(A, KA), REGISTER(B, 0, KN, SENSE(6, RSV_PREEMPTED)), NO_KEYS(A),
		REGISTER(B, 0, KN), KEYS(A, R(B, KN))) },
	{ "ua.release-only-registered", CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = WERO, .steps = STEPS(
		TUR(C), TUR(D), RELEASE(A, KA, WERO), UA(B, RSV_RELEASED), TUR(C), TUR(D)) },
	{ "ua.second-release-has-none", CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = EARO, .steps = STEPS(
		RELEASE(A, KA, EARO), UA(B, RSV_RELEASED), RELEASE(A, KA, EARO), TUR(B),
		RELEASE(B, KB, EARO), TUR(A)) },
	{ "ua.errors-have-none", CLAUSE, "", W_RELEASE_TYPE, 0, START(HOLDER(A, KA), R(B, KB), R(C, KC)),
	  .type = WERO, .steps = STEPS(
		CLEAR(A, KB, CONFLICT), PREEMPT(B, KA, KC, WERO, CONFLICT),
		RELEASE(A, KA, WE, INVALID_RELEASE), PREEMPT(B, KB, KX, WERO, CONFLICT),
		RELEASE(B, KB, WERO), TUR(A), TUR(B), TUR(C)) },
	{ "ua.other-isid-has-none", CLAUSE, "L12", W_ISID, 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		TUR(E), PREEMPT(B, KB, KA, WE), TUR(E), UA(A, REG_PREEMPTED), TUR(E), TUR(A)) },
	{ "ua.two-isids-each", CLAUSE, "L12", W_ISID, 0, START(R(A, KA), R(B, KB), R(E, KE)),
	  .steps = STEPS(
		CLEAR(B, KB), UA(E, RSV_PREEMPTED), UA(A, RSV_PREEMPTED), TUR(E), TUR(A)) },
	{ "ua.to-own-other-isid", CLAUSE, "L12", W_ISID, 0, START(R(A, KA), R(E, KE)),
	  .steps = STEPS(
		CLEAR(A, KA), TUR(A), UA(E, RSV_PREEMPTED), TUR(E)) },
	{ "ua.to-own-other-port", CLAUSE, "L12", "", NEED_TWO_PORTS, START(HOLDER(A, KA), R(F, KA)),
	  .type = WERO, .steps = STEPS(
		RELEASE(A, KA, WERO), TUR(A), UA(F, RSV_RELEASED), TUR(F)) },
	{ "ua.unregister-of-ar-has-none", "SPC-4 5.13.11.2.3", "", W_GEN, 0,
	  START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = EAAR, .steps = STEPS(
		REGISTER(A, KA, 0), TUR(B), TUR(C), RESERVATION(C, EAAR, 0)) },
	{ "ua.after-reregistration", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		PREEMPT(A, KA, KB, WE), UA(B, REG_PREEMPTED), REGISTER(B, 0, KB),
		PREEMPT(A, KA, KB, WE), UA(B, REG_PREEMPTED), TUR(B)) },
	{ "ua.lun-reset-everywhere", "SAM-5 6.3.3", "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		TUR(C), TUR(D), DO(LUN_RESET, A), UA(B, DEVICE_RESET), UA(C, DEVICE_RESET),
		UA(D, DEVICE_RESET), TUR(B), TUR(C), TUR(D), DO(DRAIN, NEXUSES),
		KEYS(A, R(A, KA), R(B, KB))) },
};

GROUP(ua);
