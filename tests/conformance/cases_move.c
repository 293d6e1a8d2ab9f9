// SPDX-License-Identifier: GPL-2.0-only
/* REGISTER AND MOVE. */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 5.13.8"
#define LIST "SPC-4 6.16.4"
#define HELD(ty) START(HOLDER(A, KA), R(B, KB)), .type = ty
#define SAME(ty) RESERVATION(B, ty, KA), FULL(C, ty, HOLDER(A, KA), R(B, KB))
/* With one TransportID that is not quite that of nexus `to`. */
#define MOVE_TO(nx, k, new, to, tid_fields, ...) \
	P_OUT(nx, SA_REGISTER_MOVE, .rk = k, .sark = new, .rtpi_of = to, \
	      .tids = { .count = 1, .tid = { { .nexus = to, tid_fields } } }, __VA_ARGS__)
#define TID_LEN(x) .tid_length = (x) + 1

static const struct test tests[] = {
#define MOVES(ty, nm) \
	{ "move.to-registered-" nm, CLAUSE, "L5", "", 0, HELD(ty), .steps = STEPS( \
		MOVE(A, KA, KN, B), RESERVATION(A, ty, KN), RESERVATION(B, ty, KN), \
		FULL(A, ty, R(A, KA), HOLDER(B, KN)), WRITE(B, 1), RESERVE(A, KA, ty, CONFLICT), \
		REGISTER(B, KB, KC, CONFLICT), RELEASE(A, KA, ty), RESERVATION(A, ty, KN)) },
	PLAIN(MOVES) REGISTRANTS_ONLY(MOVES)
#define MOVES_NEW(ty, nm) \
	{ "move.to-unregistered-" nm, CLAUSE, "L5", "", 0, HELD(ty), .steps = STEPS( \
		MOVE(A, KA, KC, D), RESERVATION(B, ty, KC), \
		FULL(B, ty, R(A, KA), R(B, KB), HOLDER(D, KC)), WRITE(D, 2), \
		WRITE(C, 3, CONFLICT), READ_IS(D, 2)) },
	MOVES_NEW(EA, "ea") MOVES_NEW(WERO, "wero")
	{ "move.plain-type-blocks-the-old-holder", CLAUSE, "L5", "", 0, HELD(EA), .steps = STEPS(
		MOVE(A, KA, KN, B), READ(A, CONFLICT), WRITE(A, 1, CONFLICT), WRITE(B, 2),
		RELEASE(B, KN, EA), READ_IS(A, 2), NO_RESERVATION(A)) },
	{ "move.unreg", CLAUSE, "L5", "", 0, HELD(EARO), .steps = STEPS(
		MOVE(A, KA, KN, B, .unreg = true), FULL(A, EARO, HOLDER(B, KN)), READ(A, CONFLICT),
		WRITE(B, 2), REGISTER(A, KA, KA, CONFLICT), TUR(B)) },
	{ "move.unreg-to-unregistered", CLAUSE, "L5", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KN, C, .unreg = true), FULL(A, WERO, R(B, KB), HOLDER(C, KN)),
		WRITE(A, 1, CONFLICT), WRITE(B, 2), WRITE(C, 3)) },
	{ "move.same-key", CLAUSE, "", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KA, B), FULL(C, WERO, R(A, KA), HOLDER(B, KA)),
		MOVE(B, KA, KB, A), FULL(C, WERO, HOLDER(A, KB), R(B, KA))) },
	{ "move.and-back", CLAUSE, "L5", W_MOVE, 0, HELD(EARO), .steps = STEPS(
		MOVE(A, KA, KN, B), MOVE(A, KA, KN, B, CONFLICT), MOVE(B, KN, KA, A),
		FULL(A, EARO, HOLDER(A, KA), R(B, KN)), RELEASE(A, KA, EARO), UA(B, RSV_RELEASED),
		NO_RESERVATION(A)) },
	{ "move.to-other-isid", CLAUSE, "L12", W_ISID, 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KE, E), FULL(B, WERO, R(A, KA), R(B, KB), HOLDER(E, KE)), WRITE(E, 4),
		MOVE(E, KE, KN, A, .unreg = true), FULL(B, WERO, HOLDER(A, KN), R(B, KB)),
		WRITE(E, 5, CONFLICT)) },
	{ "move.to-longest-name", CLAUSE, "", "", 0, HELD(EA), .steps = STEPS(
		MOVE(A, KA, KN, G), FULL(B, EA, R(A, KA), R(B, KB), HOLDER(G, KN)), WRITE(G, 1),
		READ(A, CONFLICT)) },
	{ "move.to-who-is-away", CLAUSE, "L5", W_MOVE, 0, HELD(EARO), .steps = STEPS(
		DO(LOGOUT, B), MOVE(A, KA, KN, B), DO(LOGIN, B), RESERVATION(A, EARO, KN),
		RELEASE(B, KN, EARO), UA(A, RSV_RELEASED), NO_RESERVATION(A)) },
	{ "move.through-the-named-port", CLAUSE, "L5", W_MOVE_PORT, NEED_TWO_PORTS, HELD(WERO), .steps = STEPS(
		P_OUT(A, SA_REGISTER_MOVE, .rk = KA, .sark = KN, .rtpi_of = A,
		      .tids = { .count = 1, .tid = { { .nexus = B } } }),
		FULL(B, WERO, R(A, KA), R(B, KB), { .n = B, .key = KN, .holder = true, .via = 1 + A }),
		RELEASE(B, KB, WERO), RESERVATION(B, WERO, KN)) },
	{ "move.type-ignored", CLAUSE, "L5", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KN, B, .type = 0xf), FULL(A, WERO, R(A, KA), HOLDER(B, KN)),
		MOVE(B, KN, KA, A, .type = EA), FULL(B, WERO, HOLDER(A, KA), R(B, KN))) },
	{ "move.aptpl", "SPC-4 5.13.5.1", "", "", 0, HELD(WERO), .steps = STEPS(
		CAPABILITIES(A), MOVE(A, KA, KN, B, .aptpl = true),
		CAPABILITIES(A, .aptpl_active = true), CAPABILITIES(B, .aptpl_active = true),
		MOVE(B, KN, KA, A), CAPABILITIES(B)) },
	{ "move.unregistered", CLAUSE, "L2", W_LU, 0, HELD(WERO), .steps = STEPS(
		MOVE(C, 0, KC, B, CONFLICT), MOVE(D, KA, KC, B, CONFLICT), SAME(WERO)) },
	{ "move.wrong-key", CLAUSE, "", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KB, KN, B, CONFLICT), MOVE(A, 0, KN, B, CONFLICT),
		MOVE(B, KA, KN, A, CONFLICT), SAME(WERO)) },
	{ "move.not-the-holder", CLAUSE, "L5", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(B, KB, KN, C, CONFLICT), MOVE(B, KB, KN, A, CONFLICT), SAME(WERO)) },
	{ "move.not-the-holder-zero-key", CLAUSE, "", "", 0, HELD(EA), .steps = STEPS(
		MOVE(B, KB, 0, C, .unreg = true, CONFLICT), SAME(EA)) },
#define AR(ty, nm) \
	{ "move.under-" nm, CLAUSE, "L5", "", 0, START(HOLDER(A, KA), R(B, KB)), .type = ty, \
	  .steps = STEPS( \
		MOVE(A, KA, KN, B, CONFLICT), MOVE(B, KB, KN, C, CONFLICT), \
		FULL(C, ty, HOLDER(A, KA), HOLDER(B, KB))) },
	ALL_REGISTRANTS(AR)
	{ "move.no-reservation", CLAUSE, "", "", 0, START(R(A, KA), R(B, KB)), .steps = STEPS(
		MOVE(A, KA, KN, B, INVALID_CDB), MOVE(B, KB, KN, C, INVALID_CDB),
		FULL(B, 0, R(A, KA), R(B, KB))) },
	{ "move.zero-key", LIST, "", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, 0, B, INVALID_LIST), MOVE(A, KA, 0, C, .unreg = true, INVALID_LIST),
		SAME(WERO)) },
	{ "move.to-itself", LIST, "", "", 0, HELD(EA), .steps = STEPS(
		MOVE(A, KA, KN, A, INVALID_LIST), MOVE(A, KA, KA, A, .unreg = true, INVALID_LIST),
		SAME(EA)) },
	{ "move.to-own-other-port", LIST, "", "", NEED_TWO_PORTS, HELD(EA), .steps = STEPS(
		MOVE(A, KA, KN, F, INVALID_LIST), MOVE(A, KA, KN, F, .unreg = true, INVALID_LIST),
		SAME(EA)) },
	{ "move.unknown-port", LIST, "", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KN, B, .rtpi = 999, INVALID_LIST),
		MOVE(A, KA, KN, B, .rtpi = 0xffff, INVALID_LIST), SAME(WERO)) },
	{ "move.name-alone", "SPC-4 7.6.4.6", "", W_NAME, 0, HELD(WERO), .steps = STEPS(
		MOVE_TO(A, KA, KN, B, .format0 = 1, INVALID_LIST), SAME(WERO)) },
#define FAULT(what, nm) \
	{ "move.bad-id-" nm, "SPC-4 7.6.4", "", W_ODD, 0, HELD(WERO), .steps = STEPS( \
		MOVE_TO(A, KA, KN, B, .fault = what, INVALID_LIST), SAME(WERO)) },
	FAULT(TID_PROTOCOL, "protocol") FAULT(TID_FORMAT, "format") FAULT(TID_LENGTH, "length")
	FAULT(TID_ODD, "odd-length") FAULT(TID_NO_NUL, "not-terminated")
	FAULT(TID_NO_SEPARATOR, "no-isid")
	{ "move.lengths", LIST, "", W_LENGTH, 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KN, B, LEN(0), LIST_LENGTH), MOVE(A, KA, KN, B, LEN(23), LIST_LENGTH),
		MOVE(A, KA, KN, B, LEN(24), LIST_LENGTH), MOVE(A, KA, KN, B, LEN(48), LIST_LENGTH),
		MOVE(A, KA, KN, B, LEN(83), LIST_LENGTH), SAME(WERO)) },
	{ "move.truncated-id", LIST, "", "", 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KN, B, TID_LEN(0), INVALID_LIST),
		MOVE(A, KA, KN, B, TID_LEN(20), INVALID_LIST),
		MOVE(A, KA, KN, B, TID_LEN(24), INVALID_LIST), SAME(WERO)) },
	{ "move.length-beyond-list", LIST, "", W_LENGTH, 0, HELD(WERO), .steps = STEPS(
		MOVE(A, KA, KN, B, TID_LEN(200), LIST_LENGTH),
		MOVE(A, KA, KN, B, TID_LEN(0x7ffffffe), LIST_LENGTH), SAME(WERO)) },
};

GROUP(move);
