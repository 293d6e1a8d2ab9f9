// SPDX-License-Identifier: GPL-2.0-only
/*
 * REGISTER with SPEC_I_PT: other initiator ports, through the target port that
 * received the command.  A, C, E and H are on one; B may be on another.
 */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 5.13.7, 6.16.3"
#define ID(nx) { .nexus = nx }
#define BAD_ID(nx, what) { .nexus = nx, .fault = what }
#define TIDS1(...) .tids = { .count = 1, .tid = { __VA_ARGS__ } }
#define TIDS2(...) .tids = { .count = 2, .tid = { __VA_ARGS__ } }
#define SPEC(nx, k, new, ...) REGISTER(nx, k, new, .spec_i_pt = true, __VA_ARGS__)
#define TID_LEN(x) .tid_length = (x) + 1
/* The TransportID of h has 4 + 56 bytes. */
#define WHOLE 60

static const struct test tests[] = {
	{ "spec.registers-others", CLAUSE, "L10", W_GEN_EACH, 0, START(R(B, KB)), .steps = STEPS(
		SPEC(A, 0, KA, TIDS2(ID(C), ID(H))),
		KEYS(B, R(A, KA), R(C, KA), R(H, KA), R(B, KB)),
		FULL(A, 0, R(A, KA), R(C, KA), R(H, KA), R(B, KB)), TUR(C), TUR(H),
		REGISTER(C, 0, KC, CONFLICT), REGISTER(C, KA, KC), RESERVE(H, KA, EARO),
		READ(D, CONFLICT), WRITE(C, 1), FULL(B, EARO, R(A, KA), R(C, KC), HOLDER(H, KA),
						    R(B, KB))) },
	{ "spec.through-the-receiving-port", CLAUSE, "L10", W_SPEC_PORT, NEED_TWO_PORTS, .steps = STEPS(
		SPEC(A, 0, KA, TIDS1(ID(B))), FULL(B, 0, R(A, KA), { .n = B, .key = KA, .via = 1 + A }),
		RESERVE(B, KA, WE, CONFLICT), REGISTER(B, 0, KB),
		FULL(A, 0, R(A, KA), R(B, KB), { .n = B, .key = KA, .via = 1 + A })) },
	{ "spec.never-seen-port", CLAUSE, "L10", W_GEN_EACH, 0, .steps = STEPS(
		SPEC(A, 0, KA, TIDS1({ .nexus = A, .qualifier = 77 })), KEYS(B, R(A, KA), R(B, KA))) },
	{ "spec.port-that-is-away", CLAUSE, "L10", W_GEN_EACH, 0, .steps = STEPS(
		DO(LOGOUT, H), SPEC(A, 0, KA, TIDS1(ID(H))), FULL(B, 0, R(A, KA), R(H, KA)),
		DO(LOGIN, H), RESERVE(H, KA, WE), RESERVATION(B, WE, KA)) },
	{ "spec.longest-name", CLAUSE, "L10", W_SPEC_PORT, 0, .steps = STEPS(
		SPEC(A, 0, KA, TIDS1(ID(G))), FULL(B, 0, R(A, KA), { .n = G, .key = KA, .via = 1 + A })) },
	{ "spec.many", CLAUSE, "S1 L10", W_GEN_EACH, 0, .steps = STEPS(
		SPEC(A, 0, KA, .tids = { .count = 31, .sequence = true, .tid = { ID(A) } }),
		{ .kind = MANY_KEYS, .n = A, .regs = { R(A, KA) },
		  .tids = { .count = 31, .sequence = true, .tid = { ID(A) } } },
		{ .kind = MANY_KEYS, .n = A, .regs = { R(A, KA) },
		  .tids = { .count = 31, .sequence = true, .tid = { ID(A) } } },
		CLEAR(A, KA), NO_KEYS(A), NO_KEYS(B)) },
	{ "spec.under-a-reservation", CLAUSE, "", "", 0, START(HOLDER(B, KB)), .type = EARO,
	  .steps = STEPS(
		READ(A, CONFLICT), READ(C, CONFLICT), SPEC(A, 0, KA, TIDS1(ID(C))), READ(A),
		WRITE(C, 2), READ_IS(B, 2), READ(H, CONFLICT)) },
	{ "spec.empty-list", CLAUSE, "", "", 0, START(R(B, KB)), .steps = STEPS(
		SPEC(A, 0, KA), FULL(B, 0, R(A, KA), R(B, KB))) },
	{ "spec.aptpl", CLAUSE, "", "", 0, .steps = STEPS(
		SPEC(A, 0, KA, TIDS1(ID(C)), .aptpl = true), CAPABILITIES(B, .aptpl_active = true),
		IGNORE(A, KA), CAPABILITIES(A)) },
	{ "spec.all-or-nothing", CLAUSE, "L10",
	  W_SPEC_SKIP, 0, START(R(C, KC)),
	  .steps = STEPS(
		SPEC(A, 0, KA, TIDS2(ID(H), ID(C)), INVALID_LIST), FULL(B, 0, R(C, KC)),
		SPEC(A, 0, KA, TIDS2(ID(C), ID(H)), INVALID_LIST), FULL(B, 0, R(C, KC)),
		SPEC(A, 0, KC, TIDS1(ID(C)), INVALID_LIST), KEYS(A, R(C, KC))) },
	{ "spec.one-bad-of-two", CLAUSE, "L10", "", 0, START(R(C, KC)), .steps = STEPS(
		SPEC(A, 0, KA, TIDS2(ID(H), BAD_ID(E, TID_FORMAT)), INVALID_LIST),
		SPEC(A, 0, KA, TIDS2(BAD_ID(E, TID_NO_SEPARATOR), ID(H)), INVALID_LIST),
		FULL(B, 0, R(C, KC))) },
#define FAULT(what, nm) \
	{ "spec.bad-id-" nm, "SPC-4 7.6.4", "L10", W_ODD, 0, START(R(C, KC)), .steps = STEPS( \
		SPEC(A, 0, KA, TIDS1(BAD_ID(H, what)), INVALID_LIST), FULL(B, 0, R(C, KC))) },
	FAULT(TID_PROTOCOL, "protocol") FAULT(TID_FORMAT, "format") FAULT(TID_LENGTH, "length")
	FAULT(TID_ODD, "odd-length") FAULT(TID_NO_NUL, "not-terminated")
	FAULT(TID_NO_SEPARATOR, "no-isid")
	{ "spec.lengths", "SPC-4 6.16.3", "", W_LENGTH, 0, START(R(C, KC)), .steps = STEPS(
		SPEC(A, 0, KA, TIDS1(ID(H)), LEN(24), LIST_LENGTH),
		SPEC(A, 0, KA, TIDS1(ID(H)), LEN(27), LIST_LENGTH),
		SPEC(A, 0, KA, TIDS1(ID(H)), LEN(28), LIST_LENGTH),
		SPEC(A, 0, KA, TIDS1(ID(H)), LEN(28 + WHOLE - 1), LIST_LENGTH),
		SPEC(A, 0, KA, TIDS1(ID(H)), LEN(23), LIST_LENGTH),
		SPEC(A, 0, KA, TIDS1(ID(H)), LEN(0), LIST_LENGTH), FULL(B, 0, R(C, KC))) },
	{ "spec.truncated-id", "SPC-4 6.16.3", "", "", 0, START(R(C, KC)), .steps = STEPS(
		SPEC(A, 0, KA, TIDS1(ID(H)), TID_LEN(4), INVALID_LIST),
		SPEC(A, 0, KA, TIDS1(ID(H)), TID_LEN(WHOLE / 2), INVALID_LIST),
		SPEC(A, 0, KA, TIDS2(ID(H), ID(E)), TID_LEN(WHOLE + 8), INVALID_LIST),
		FULL(B, 0, R(C, KC))) },
	{ "spec.length-beyond-list", "SPC-4 6.16.3", "", W_LENGTH, 0, START(R(C, KC)), .steps = STEPS(
		SPEC(A, 0, KA, TIDS1(ID(H)), TID_LEN(2 * WHOLE), LIST_LENGTH),
		SPEC(A, 0, KA, TIDS1(ID(H)), TID_LEN(0x7ffffffe), LIST_LENGTH),
		FULL(B, 0, R(C, KC))) },
	{ "spec.ignore-existing-key", CLAUSE, "", "", 0, START(R(C, KC)), .steps = STEPS(
		IGNORE(A, KA, .spec_i_pt = true, TIDS1(ID(H)), INVALID_LIST), FULL(B, 0, R(C, KC))) },
	{ "spec.from-registered", "SPC-4 5.13.7 table 67", "", "", 0, START(R(A, KA), R(C, KC)),
	  .steps = STEPS(
		SPEC(A, KA, KN, TIDS1(ID(H)), INVALID_LIST), SPEC(A, KA, 0, TIDS1(ID(H)), INVALID_LIST),
		SPEC(A, KB, KN, TIDS1(ID(H)), CONFLICT), FULL(B, 0, R(A, KA), R(C, KC))) },
	{ "spec.unregistered-with-key", "SPC-4 5.13.7 table 67", "", "", 0, START(R(C, KC)),
	  .steps = STEPS(
		SPEC(A, KA, KN, TIDS1(ID(H)), CONFLICT), SPEC(A, KC, KN, TIDS1(ID(H)), CONFLICT),
		FULL(B, 0, R(C, KC))) },
	{ "spec.zero-key", "SPC-4 5.13.7 table 67", "", W_GEN, 0, START(R(C, KC)), .steps = STEPS(
		SPEC(A, 0, 0, TIDS1(ID(H))), FULL(B, 0, R(C, KC))) },
#define OTHER(act, nm) \
	{ "spec.with-" nm, "SPC-4 6.16.3 table 215", "", "", 0, START(HOLDER(A, KA), R(C, KC)), \
	  .type = WERO, .steps = STEPS( \
		P_OUT(A, act, .rk = KA, .sark = KC, .type = WERO, .spec_i_pt = true, \
		      TIDS1(ID(H)), INVALID_LIST), FULL(B, WERO, HOLDER(A, KA), R(C, KC))) },
	OTHER(SA_RESERVE, "reserve") OTHER(SA_RELEASE, "release") OTHER(SA_CLEAR, "clear")
	OTHER(SA_PREEMPT, "preempt") OTHER(SA_PREEMPT_ABORT, "preempt-abort")
};

GROUP(spec);
