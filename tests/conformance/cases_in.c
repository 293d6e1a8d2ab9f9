// SPDX-License-Identifier: GPL-2.0-only
/* PERSISTENT RESERVE IN: lengths, service actions, capabilities, full status. */
#include "conf.h"
#include "why.h"

#define KEYS_CLAUSE "SPC-4 6.15.2"
#define RSV_CLAUSE "SPC-4 6.15.3"
#define CAPS_CLAUSE "SPC-4 6.15.4"
#define FULL_CLAUSE "SPC-4 6.15.5"
#define TWO START(HOLDER(A, KA), R(B, KB)), .type = WERO
#define BOTH R(A, KA), R(B, KB)
#define SHORT(what, room, ...) \
	{ .kind = PR_IN, .n = B, .sa = what, LEN(room), __VA_ARGS__ }
#define SHORT_KEYS(room) SHORT(SA_KEYS, room, .regs = { BOTH })
#define SHORT_RSV(room) SHORT(SA_RESERVATION, room, .type = WERO, .key = KA)
#define SHORT_CAPS(room) SHORT(SA_CAPABILITIES, room)
#define SHORT_FULL(room) SHORT(SA_FULL, room, .type = WERO, .regs = { HOLDER(A, KA), R(B, KB) })
#define UNKNOWN(nx, action) P_IN(nx, action, INVALID_CDB)

static const struct test tests[] = {
	{ "in.keys-none", KEYS_CLAUSE, "", "", 0, .steps = STEPS(NO_KEYS(A), NO_KEYS(B), NO_KEYS(C)) },
	{ "in.reservation-none", RSV_CLAUSE, "", "", 0, .steps = STEPS(
		NO_RESERVATION(A), NO_RESERVATION(B)) },
	{ "in.full-none", FULL_CLAUSE, "", "", 0, .steps = STEPS(FULL(A, 0), FULL(B, 0)) },
	{ "in.keys-length-0", KEYS_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_KEYS(0)) },
	{ "in.keys-length-1", KEYS_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_KEYS(1)) },
	{ "in.keys-length-4", KEYS_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_KEYS(4)) },
	{ "in.keys-length-7", KEYS_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_KEYS(7)) },
	{ "in.keys-length-8", KEYS_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_KEYS(8)) },
	{ "in.keys-length-15", KEYS_CLAUSE, "", W_CUT, 0, TWO, .steps = STEPS(SHORT_KEYS(15)) },
	{ "in.keys-length-16", KEYS_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_KEYS(16)) },
	{ "in.keys-length-17", KEYS_CLAUSE, "", W_CUT, 0, TWO, .steps = STEPS(SHORT_KEYS(17)) },
	{ "in.keys-length-23", KEYS_CLAUSE, "", W_CUT, 0, TWO, .steps = STEPS(SHORT_KEYS(23)) },
	{ "in.keys-length-24", KEYS_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_KEYS(24)) },
	{ "in.keys-length-25", KEYS_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_KEYS(25)) },
	{ "in.reservation-length-0", RSV_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_RSV(0)) },
	{ "in.reservation-length-1", RSV_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_RSV(1)) },
	{ "in.reservation-length-7", RSV_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_RSV(7)) },
	{ "in.reservation-length-8", RSV_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_RSV(8)) },
	{ "in.reservation-length-15", RSV_CLAUSE, "", W_CUT, 0, TWO, .steps = STEPS(SHORT_RSV(15)) },
	{ "in.reservation-length-16", RSV_CLAUSE, "", W_CUT, 0, TWO, .steps = STEPS(SHORT_RSV(16)) },
	{ "in.reservation-length-23", RSV_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_RSV(23)) },
	{ "in.reservation-length-24", RSV_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_RSV(24)) },
	{ "in.reservation-length-25", RSV_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_RSV(25)) },
	{ "in.capabilities-length-0", CAPS_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_CAPS(0)) },
	{ "in.capabilities-length-1", CAPS_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_CAPS(1)) },
	{ "in.capabilities-length-7", CAPS_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_CAPS(7)) },
	{ "in.capabilities-length-8", CAPS_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_CAPS(8)) },
	{ "in.capabilities-length-9", CAPS_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_CAPS(9)) },
	{ "in.full-length-0", FULL_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_FULL(0)) },
	{ "in.full-length-1", FULL_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_FULL(1)) },
	{ "in.full-length-7", FULL_CLAUSE, "L13", W_ALLOC, 0, TWO, .steps = STEPS(SHORT_FULL(7)) },
	{ "in.full-length-8", FULL_CLAUSE, "L9 S1", W_CUT, 0, TWO, .steps = STEPS(SHORT_FULL(8)) },
	{ "in.full-length-20", FULL_CLAUSE, "L9 S1", W_CUT, 0, TWO, .steps = STEPS(SHORT_FULL(20)) },
	{ "in.full-length-32", FULL_CLAUSE, "L9 S1", W_CUT, 0, TWO, .steps = STEPS(SHORT_FULL(32)) },
	{ "in.full-length-80", FULL_CLAUSE, "L9 S1", W_CUT, 0, TWO, .steps = STEPS(SHORT_FULL(80)) },
	{ "in.full-length-101", FULL_CLAUSE, "L9 S1", W_CUT, 0, TWO, .steps = STEPS(SHORT_FULL(101)) },
	{ "in.full-length-150", FULL_CLAUSE, "L9 S1", "", 0, TWO, .steps = STEPS(SHORT_FULL(150)) },
	{ "in.full-length-200", FULL_CLAUSE, "L9 S1", "", 0, TWO, .steps = STEPS(SHORT_FULL(200)) },
	{ "in.full-length-300", FULL_CLAUSE, "", "", 0, TWO, .steps = STEPS(SHORT_FULL(300)) },
	{ "in.unknown-actions", "SPC-4 6.15.1", "P6", "", 0, .steps = STEPS(
		UNKNOWN(A, 4), UNKNOWN(B, 5), UNKNOWN(A, 7), UNKNOWN(A, 8), UNKNOWN(B, 0x0f),
		UNKNOWN(A, 0x10), UNKNOWN(A, 0x11), UNKNOWN(A, 0x12), UNKNOWN(A, 0x13),
		UNKNOWN(A, 0x1e), UNKNOWN(A, 0x1f)) },
	{ "in.unknown-action-with-reservation", "SPC-4 6.15.1", "", "", 0, TWO, .steps = STEPS(
		UNKNOWN(C, 4), UNKNOWN(B, 0x1f), UNKNOWN(A, 0x10)) },
	{ "in.reserved-bits", "SPC-4 6.15.1", "", "", 0, TWO, .steps = STEPS(
		P_IN(A, SA_KEYS, .regs = { BOTH }, .cdb = { [1] = 0xe0, [2] = 0xff, [3] = 0xff,
							   [4] = 0xff, [5] = 0xff, [6] = 0xff })) },
	{ "in.by-unregistered", KEYS_CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = EA, .steps = STEPS(
		KEYS(C, BOTH), KEYS(D, BOTH), RESERVATION(C, EA, KA), RESERVATION(D, EA, KA),
		CAPABILITIES(C), FULL(D, EA, HOLDER(A, KA), R(B, KB))) },
	{ "in.capabilities", CAPS_CLAUSE, "", "", 0, .steps = STEPS(
		CAPABILITIES(A), CAPABILITIES(B)) },
	{ "in.capabilities-aptpl", "SPC-4 5.13.5.1", "N2", "", 0, .steps = STEPS(
		IGNORE(A, KA, .aptpl = true), CAPABILITIES(A, .aptpl_active = true),
		CAPABILITIES(B, .aptpl_active = true),
		REGISTER(A, KA, KN, .aptpl = false), CAPABILITIES(A), CAPABILITIES(D)) },
	{ "in.aptpl-latest-counts", "SPC-4 5.13.5.1", "N2", "", 0, .steps = STEPS(
		IGNORE(A, KA, .aptpl = true), IGNORE(B, KB), CAPABILITIES(A), CAPABILITIES(B),
		IGNORE(B, KB, .aptpl = true), CAPABILITIES(A, .aptpl_active = true),
		IGNORE(B, 0), CAPABILITIES(B)) },
	{ "in.aptpl-other-actions", "SPC-4 5.13.5.1", "", "", 0, START(R(A, KA), R(B, KB)),
	  .steps = STEPS(
		RESERVE(A, KA, WE, .aptpl = true), CAPABILITIES(B),
		RELEASE(A, KA, WE, .aptpl = true), CAPABILITIES(B),
		PREEMPT(A, KA, KB, WE, .aptpl = true), UA(B, REG_PREEMPTED), CAPABILITIES(B),
		CLEAR(A, KA, .aptpl = true), CAPABILITIES(A)) },
	{ "in.aptpl-not-by-conflict", "SPC-4 5.13.5.1", "", W_CLEAR_APTPL, 0, START(R(A, KA)), .steps = STEPS(
		REGISTER(A, KX, KN, .aptpl = true, CONFLICT), CAPABILITIES(A),
		REGISTER(A, KA, KN, .aptpl = true), REGISTER(A, KX, KA, CONFLICT),
		CAPABILITIES(A, .aptpl_active = true), CLEAR(A, KN),
		CAPABILITIES(A, .aptpl_active = true), IGNORE(A, KA), CAPABILITIES(B)) },
	{ "in.full-long-name", FULL_CLAUSE, "", "", 0, START(HOLDER(G, KA), R(H, KB)), .type = EARO,
	  .steps = STEPS(
		FULL(G, EARO, HOLDER(G, KA), R(H, KB)), FULL(H, EARO, HOLDER(G, KA), R(H, KB))) },
	{ "in.full-both-ports", FULL_CLAUSE, "", "", NEED_TWO_PORTS,
	  START(HOLDER(A, KA), R(B, KB), R(F, KC)), .type = WE, .steps = STEPS(
		FULL(A, WE, HOLDER(A, KA), R(B, KB), R(F, KC)),
		FULL(F, WE, HOLDER(A, KA), R(B, KB), R(F, KC))) },
#define HOLDERS(ty, nm) \
	{ "in.full-" nm, FULL_CLAUSE, "", "", 0, \
	  START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = ty, .steps = STEPS( \
		FULL(A, ty, HOLDER(A, KA), R(B, KB), R(C, KC)), \
		FULL(B, ty, HOLDER(A, KA), R(B, KB), R(C, KC)), \
		RESERVATION(A, ty, ty >= WEAR ? 0 : KA), \
		RESERVATION(B, ty, ty >= WEAR ? 0 : KA), \
		RESERVATION(D, ty, ty >= WEAR ? 0 : KA)) },
	SIX(HOLDERS)
};

GROUP(in);
