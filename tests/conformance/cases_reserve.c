// SPDX-License-Identifier: GPL-2.0-only
/* RESERVE, RELEASE, CLEAR, and what unregistering does to a reservation. */
#include "conf.h"
#include "why.h"

#define RESERVE_CLAUSE "SPC-4 5.13.9"
#define RELEASE_CLAUSE "SPC-4 5.13.11.2"
#define CLEAR_CLAUSE "SPC-4 5.13.11.2.7"
#define UNREG_CLAUSE "SPC-4 5.13.11.2.3"
#define OTHER(ty) ((ty) == WE ? EA : WE)
#define SHOWN(ty) ((ty) >= WEAR ? 0 : KA)
#define TWO START(R(A, KA), R(B, KB))

static const struct test tests[] = {
#define TAKE(ty, nm) \
	{ "reserve.take-" nm, RESERVE_CLAUSE, "", "", 0, TWO, .steps = STEPS( \
		RESERVE(A, KA, ty), RESERVATION(A, ty, SHOWN(ty)), RESERVATION(B, ty, SHOWN(ty)), \
		FULL(B, ty, HOLDER(A, KA), R(B, KB)), \
		RESERVE(A, KA, ty), RESERVATION(B, ty, SHOWN(ty)), \
		RESERVE(A, KA, OTHER(ty), CONFLICT), RESERVATION(C, ty, SHOWN(ty))) },
	SIX(TAKE)
#define SECOND(ty, nm) \
	{ "reserve.second-" nm, RESERVE_CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)), \
	  .type = ty, .steps = STEPS( \
		RESERVE(B, KB, ty, CONFLICT), RESERVE(B, KB, OTHER(ty), CONFLICT), \
		RESERVATION(B, ty, KA), FULL(A, ty, HOLDER(A, KA), R(B, KB))) },
	PLAIN(SECOND) REGISTRANTS_ONLY(SECOND)
#define SECOND_AR(ty, nm) \
	{ "reserve.second-" nm, RESERVE_CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)), \
	  .type = ty, .steps = STEPS( \
		RESERVE(B, KB, ty), RESERVE(B, KB, OTHER(ty), CONFLICT), \
		RESERVATION(B, ty, 0), FULL(A, ty, HOLDER(A, KA), R(B, KB))) },
	ALL_REGISTRANTS(SECOND_AR)
	{ "reserve.unregistered", RESERVE_CLAUSE, "L2", W_LU, 0, START(R(B, KB)), .steps = STEPS(
		RESERVE(A, 0, WE, CONFLICT), RESERVE(A, KA, WE, CONFLICT),
		RESERVE(A, KB, EA, CONFLICT), RESERVE(C, KB, WERO, CONFLICT), NO_RESERVATION(B)) },
	{ "reserve.nobody-registered", RESERVE_CLAUSE, "L2", W_LU, 0, .steps = STEPS(
		RESERVE(A, 0, WE, CONFLICT), RESERVE(B, KA, WE, CONFLICT), NO_RESERVATION(B)) },
	{ "reserve.wrong-key", RESERVE_CLAUSE, "", "", 0, TWO, .steps = STEPS(
		RESERVE(A, KB, WE, CONFLICT), RESERVE(A, 0, WE, CONFLICT),
		RESERVE(B, KA, WEAR, CONFLICT), NO_RESERVATION(B)) },
	{ "reserve.undefined-types", "SPC-4 6.16.1", "P6", "", 0, TWO, .steps = STEPS(
		RESERVE(A, KA, 0, INVALID_CDB), RESERVE(A, KA, 2, INVALID_CDB),
		RESERVE(A, KA, 4, INVALID_CDB), RESERVE(B, KB, 9, INVALID_CDB),
		RESERVE(A, KA, 0xa, INVALID_CDB), RESERVE(A, KA, 0xf, INVALID_CDB),
		NO_RESERVATION(A)) },
	{ "reserve.undefined-scopes", "SPC-4 6.16.1", "", W_SCOPE, 0, TWO, .steps = STEPS(
		RESERVE(A, KA, WE, .scope = 1, INVALID_CDB),
		RESERVE(A, KA, WE, .scope = 2, INVALID_CDB),
		RESERVE(B, KB, WERO, .scope = 8, INVALID_CDB),
		RESERVE(A, KA, WE, .scope = 0xf, INVALID_CDB), NO_RESERVATION(A)) },
	{ "reserve.key-before-type", "SPC-4 6.16.3", "", W_KEY_FIRST, 0, TWO, .steps = STEPS(
		RESERVE(A, KB, 2, CONFLICT), RESERVE(A, KB, WE, .scope = 1, CONFLICT),
		NO_RESERVATION(A)) },
	{ "reserve.service-action-key-ignored", "SPC-4 6.16.3", "", "", 0, TWO, .steps = STEPS(
		RESERVE(A, KA, WE, .sark = KX), RESERVATION(B, WE, KA),
		RELEASE(A, KA, WE, .sark = KX), NO_RESERVATION(B)) },
	{ "reserve.type-while-held", RESERVE_CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = WERO, .steps = STEPS(
		RESERVE(A, KA, WE, CONFLICT), RESERVE(A, KA, EA, CONFLICT),
		RESERVE(A, KA, EARO, CONFLICT), RESERVE(A, KA, WEAR, CONFLICT),
		RESERVE(A, KA, EAAR, CONFLICT), RESERVE(A, KA, WERO), RESERVATION(B, WERO, KA)) },
	{ "reserve.key-change-of-holder", "SPC-4 5.13.7", "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = WE, .steps = STEPS(
		REGISTER(A, KA, KN), RESERVATION(B, WE, KN), RESERVE(A, KN, WE),
		RELEASE(A, KA, WE, CONFLICT), RESERVATION(A, WE, KN),
		FULL(B, WE, HOLDER(A, KN), R(B, KB)), WRITE(B, 1, CONFLICT), WRITE(A, 2)) },
	{ "reserve.key-change-of-single-ar", "SPC-4 5.13.7", "S5", "", 0, START(HOLDER(A, KA)),
	  .type = EAAR, .steps = STEPS(
		REGISTER(A, KA, KN), RESERVATION(B, EAAR, 0), READ(B, CONFLICT),
		READ(C, CONFLICT), WRITE(D, 1, CONFLICT), WRITE(A, 2), READ_IS(A, 2),
		FULL(B, EAAR, HOLDER(A, KN))) },
	{ "reserve.ignore-key-change-of-single-ar", "SPC-4 5.13.7", "S5", "", 0,
	  START(HOLDER(A, KA)), .type = WEAR, .steps = STEPS(
		IGNORE(A, KN), RESERVATION(B, WEAR, 0), WRITE(B, 1, CONFLICT),
		WRITE(D, 1, CONFLICT), WRITE(A, 2), READ_IS(B, 2)) },
	{ "reserve.data-really-lands", "SPC-4 5.13.1", "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = WERO, .steps = STEPS(
		WRITE(A, 0x11), READ_IS(B, 0x11), WRITE(B, 0x22), READ_IS(A, 0x22),
		WRITE(C, 0x33, CONFLICT), WRITE(D, 0x44, CONFLICT), READ_IS(C, 0x22),
		READ_IS(D, 0x22)) },
	{ "reserve.register-of-stranger", "SPC-4 5.13.7", "", W_GEN, 0, START(HOLDER(A, KA)),
	  .type = EARO, .steps = STEPS(
		READ(B, CONFLICT), REGISTER(B, 0, KB), READ(B), WRITE(B, 7), READ_IS(A, 7),
		REGISTER(B, KB, 0), READ(B, CONFLICT), RESERVATION(B, EARO, KA)) },
	{ "reserve.register-of-stranger-ar", "SPC-4 5.13.7", "", W_GEN, 0, START(HOLDER(A, KA)),
	  .type = EAAR, .steps = STEPS(
		READ(B, CONFLICT), REGISTER(B, 0, KB), READ(B), WRITE(B, 7), READ_IS(A, 7),
		FULL(B, EAAR, HOLDER(A, KA), HOLDER(B, KB)), REGISTER(B, KB, 0),
		READ(B, CONFLICT), RESERVATION(B, EAAR, 0)) },
	{ "reserve.table-66", "SPC-4 5.13.1 table 66", "L2", W_LU, 0,
	  START(HOLDER(A, KA), R(B, KB)), .type = EA, .steps = STEPS(
		RESERVE(C, 0, EA, CONFLICT), RELEASE(C, 0, EA, CONFLICT), CLEAR(C, 0, CONFLICT),
		PREEMPT(C, 0, KA, EA, CONFLICT), PREEMPT_ABORT(D, 0, KA, EA, CONFLICT),
		RELEASE(B, KB, EA), RESERVATION(B, EA, KA), REGISTER(C, 0, KC),
		REGISTER(C, KC, 0), IGNORE(D, KD), IGNORE(D, 0), RESERVATION(D, EA, KA)) },

	/* RELEASE */
#define DROP_IT(ty, nm) \
	{ "release.holder-" nm, RELEASE_CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)), \
	  .type = ty, .steps = STEPS( \
		RELEASE(A, KA, ty), NO_RESERVATION(A), NO_RESERVATION(B), WRITE(C, 1), \
		WRITE(D, 2), KEYS(A, R(A, KA), R(B, KB)), RELEASE(A, KA, ty)) },
	PLAIN(DROP_IT)
#define DROP_UA(ty, nm) \
	{ "release.holder-" nm, RELEASE_CLAUSE, "", "", 0, \
	  START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = ty, .steps = STEPS( \
		RELEASE(A, KA, ty), UA(B, RSV_RELEASED), UA(C, RSV_RELEASED), \
		NO_RESERVATION(A), NO_RESERVATION(B), WRITE(D, 2), \
		KEYS(A, R(A, KA), R(B, KB), R(C, KC))) },
	REGISTRANTS_ONLY(DROP_UA) ALL_REGISTRANTS(DROP_UA)
#define DROP_OTHER(ty, nm) \
	{ "release.by-other-registrant-" nm, RELEASE_CLAUSE, "P1", "", 0, \
	  START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = ty, .steps = STEPS( \
		RELEASE(B, KB, ty), UA(A, RSV_RELEASED), UA(C, RSV_RELEASED), \
		NO_RESERVATION(A), NO_RESERVATION(C), WRITE(D, 2)) },
	ALL_REGISTRANTS(DROP_OTHER)
#define NO_HOLDER(ty, nm) \
	{ "release.not-the-holder-" nm, RELEASE_CLAUSE, "P2", "", 0, \
	  START(HOLDER(A, KA), R(B, KB)), .type = ty, .steps = STEPS( \
		RELEASE(B, KB, ty), RELEASE(B, KB, OTHER(ty)), RESERVATION(B, ty, KA), \
		WRITE(C, 1, CONFLICT), WRITE(D, 1, CONFLICT)) },
	PLAIN(NO_HOLDER) REGISTRANTS_ONLY(NO_HOLDER)
#define WRONG_TYPE(ty, nm) \
	{ "release.wrong-type-" nm, RELEASE_CLAUSE, "L6", \
	  W_RELEASE_TYPE, 0, \
	  START(HOLDER(A, KA), R(B, KB)), .type = ty, .steps = STEPS( \
		RELEASE(A, KA, OTHER(ty), INVALID_RELEASE), \
		RELEASE(A, KA, (ty) == WERO ? EARO : WERO, INVALID_RELEASE), \
		RESERVATION(B, ty, SHOWN(ty))) },
	SIX(WRONG_TYPE)
	{ "release.no-reservation", RELEASE_CLAUSE, "", "", 0, TWO, .steps = STEPS(
		RELEASE(A, KA, WE), RELEASE(B, KB, EAAR), NO_RESERVATION(A),
		KEYS(B, R(A, KA), R(B, KB))) },
	{ "release.unregistered", RELEASE_CLAUSE, "L2 P2", W_LU, 0, START(HOLDER(A, KA)),
	  .type = WERO, .steps = STEPS(
		RELEASE(B, 0, WERO, CONFLICT), RELEASE(B, KA, WERO, CONFLICT),
		RELEASE(C, KA, WE, CONFLICT), RESERVATION(A, WERO, KA)) },
	{ "release.unregistered-no-reservation", RELEASE_CLAUSE, "L2", W_LU, 0, START(R(A, KA)),
	  .steps = STEPS(
		RELEASE(B, 0, WERO, CONFLICT), RELEASE(C, KA, WE, CONFLICT)) },
	{ "release.wrong-key", RELEASE_CLAUSE, "P2", W_RELEASE_KEY, 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = WE, .steps = STEPS(
		RELEASE(A, KB, WE, CONFLICT), RELEASE(A, 0, WE, CONFLICT),
		RELEASE(B, KA, WE, CONFLICT), RESERVATION(B, WE, KA)) },
	{ "release.then-other-reserves", RELEASE_CLAUSE, "", "", 0,
	  START(HOLDER(A, KA), R(B, KB)), .type = WE, .steps = STEPS(
		RELEASE(A, KA, WE), RESERVE(B, KB, EA), RESERVATION(A, EA, KB),
		READ(A, CONFLICT), WRITE(B, 3)) },

	/* Unregistering */
#define LEAVES(ty, nm) \
	{ "unregister.holder-" nm, UNREG_CLAUSE, "", W_GEN, 0, \
	  START(HOLDER(A, KA), R(B, KB)), .type = ty, .steps = STEPS( \
		REGISTER(A, KA, 0), NO_RESERVATION(A), NO_RESERVATION(B), KEYS(B, R(B, KB)), \
		WRITE(A, 1), WRITE(D, 2)) },
	PLAIN(LEAVES)
#define LEAVES_UA(ty, nm) \
	{ "unregister.holder-" nm, UNREG_CLAUSE, "", W_GEN, 0, \
	  START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = ty, .steps = STEPS( \
		REGISTER(A, KA, 0), UA(B, RSV_RELEASED), UA(C, RSV_RELEASED), \
		NO_RESERVATION(A), KEYS(B, R(B, KB), R(C, KC)), WRITE(A, 1), WRITE(D, 2)) },
	REGISTRANTS_ONLY(LEAVES_UA)
#define LEAVES_AR(ty, nm) \
	{ "unregister.one-of-" nm, UNREG_CLAUSE, "", W_GEN, 0, \
	  START(HOLDER(A, KA), R(B, KB)), .type = ty, .steps = STEPS( \
		REGISTER(A, KA, 0), RESERVATION(A, ty, 0), RESERVATION(B, ty, 0), \
		WRITE(A, 1, CONFLICT), WRITE(B, 2), FULL(C, ty, HOLDER(B, KB)), \
		REGISTER(B, KB, 0), NO_RESERVATION(A), NO_KEYS(B), WRITE(A, 3), WRITE(D, 4)) },
	ALL_REGISTRANTS(LEAVES_AR)
#define LEAVES_OTHER(ty, nm) \
	{ "unregister.not-the-holder-" nm, UNREG_CLAUSE, "", W_GEN, 0, \
	  START(HOLDER(A, KA), R(B, KB)), .type = ty, .steps = STEPS( \
		REGISTER(B, KB, 0), RESERVATION(A, ty, KA), WRITE(B, 1, CONFLICT), \
		WRITE(A, 2), KEYS(B, R(A, KA))) },
	PLAIN(LEAVES_OTHER) REGISTRANTS_ONLY(LEAVES_OTHER)
	{ "unregister.holder-by-ignore", UNREG_CLAUSE, "", W_GEN, 0,
	  START(HOLDER(A, KA), R(B, KB)), .type = EARO, .steps = STEPS(
		IGNORE(A, 0), UA(B, RSV_RELEASED), NO_RESERVATION(B), KEYS(A, R(B, KB)),
		READ(C), WRITE(D, 1)) },

	/* CLEAR */
#define CLEARS(ty, nm) \
	{ "clear.by-other-" nm, CLEAR_CLAUSE, "S6", "", 0, \
	  START(HOLDER(A, KA), R(B, KB), R(C, KC)), .type = ty, .steps = STEPS( \
		CLEAR(B, KB), UA(A, RSV_PREEMPTED), UA(C, RSV_PREEMPTED), NO_KEYS(A), \
		NO_KEYS(B), NO_RESERVATION(C), FULL(A, 0), WRITE(D, 1)) },
	CLEARS(WE, "we") CLEARS(EARO, "earo") CLEARS(WEAR, "wear")
	{ "clear.by-holder", CLEAR_CLAUSE, "S6", "", 0, START(HOLDER(A, KA), R(B, KB)), .type = EA,
	  .steps = STEPS(
		CLEAR(A, KA), UA(B, RSV_PREEMPTED), NO_KEYS(B), NO_RESERVATION(A)) },
	{ "clear.no-reservation", CLEAR_CLAUSE, "S6", "", 0, START(R(A, KA), R(B, KB), R(C, KC)),
	  .steps = STEPS(
		CLEAR(A, KA), UA(B, RSV_PREEMPTED), UA(C, RSV_PREEMPTED), NO_KEYS(A)) },
	{ "clear.scope-type-ignored", CLEAR_CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)),
	  .type = WE, .steps = STEPS(
		CLEAR(B, KB, .scope = 0xf, .type = 0xf, .sark = KX), UA(A, RSV_PREEMPTED),
		NO_KEYS(B), NO_RESERVATION(A)) },
	{ "clear.unregistered", CLEAR_CLAUSE, "L2", W_LU, 0, START(HOLDER(A, KA)), .type = WERO,
	  .steps = STEPS(
		CLEAR(B, 0, CONFLICT), CLEAR(B, KA, CONFLICT), CLEAR(C, KA, CONFLICT),
		RESERVATION(A, WERO, KA)) },
	{ "clear.wrong-key", CLEAR_CLAUSE, "", "", 0, START(HOLDER(A, KA), R(B, KB)), .type = WERO,
	  .steps = STEPS(
		CLEAR(A, KB, CONFLICT), CLEAR(B, 0, CONFLICT), CLEAR(B, KA, CONFLICT),
		RESERVATION(A, WERO, KA)) },
};

GROUP(reserve);
