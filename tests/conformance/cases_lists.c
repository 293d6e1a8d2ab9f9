// SPDX-License-Identifier: GPL-2.0-only
/* PERSISTENT RESERVE OUT: parameter list lengths, data that is missing, unknown actions. */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-4 6.16.1"
#define HELD START(HOLDER(A, KA), R(B, KB)), .type = WERO
#define SAME RESERVATION(B, WERO, KA), FULL(C, WERO, HOLDER(A, KA), R(B, KB))
#define BAD(nx, act, k, new, len) \
	P_OUT(nx, act, .rk = k, .sark = new, .type = WERO, LEN(len), LIST_LENGTH)
#define LENGTHS(act, k, new) \
	BAD(A, act, k, new, 0), BAD(A, act, k, new, 1), BAD(B, act, k, new, 8), \
	BAD(A, act, k, new, 16), BAD(A, act, k, new, 23), BAD(A, act, k, new, 25), \
	BAD(A, act, k, new, 28), BAD(A, act, k, new, 64)
/* Any error will do, but an error: INVALID FIELD IN CDB, too. */
#define SHORT(act, k, new, bytes) \
	P_OUT(A, act, .rk = k, .sark = new, .type = WERO, SENT(bytes), \
	      .want = { ST_CHECK, 5, 0x1a00, .or_asc = 0x2400 })
#define SHORTS(act, k, new) \
	SHORT(act, k, new, 0), SHORT(act, k, new, 8), SHORT(act, k, new, 16), SHORT(act, k, new, 23)
#define UNKNOWN(nx, act) P_OUT(nx, act, .rk = KA, .sark = KB, .type = WERO, INVALID_CDB)

static const struct test tests[] = {
#define EACH(X) \
	X(SA_REGISTER, "register", KA, KN) X(SA_RESERVE, "reserve", KA, 0) \
	X(SA_RELEASE, "release", KA, 0) X(SA_CLEAR, "clear", KA, 0) \
	X(SA_PREEMPT, "preempt", KA, KB) X(SA_PREEMPT_ABORT, "preempt-abort", KA, KB) \
	X(SA_REGISTER_IGNORE, "register-ignore", 0, KN)
#define LENGTH_CASE(act, nm, k, new) \
	{ "lists.length-" nm, CLAUSE, "P6", "", 0, HELD, .steps = STEPS( \
		LENGTHS(act, k, new), SAME) },
	EACH(LENGTH_CASE)
#define SHORT_CASE(act, nm, k, new) \
	{ "lists.short-data-" nm, CLAUSE, "P6", "", 0, HELD, .steps = STEPS( \
		SHORTS(act, k, new), SAME) },
	EACH(SHORT_CASE)
	{ "lists.more-data-than-list", CLAUSE, "", W_EXCESS, 0, START(R(A, KA)), .steps = STEPS(
		REGISTER(A, KA, KN, LEN(24), SENT(32)), KEYS(B, R(A, KN))) },
	{ "lists.length-unregistered", CLAUSE, "", "", 0, START(R(A, KA)), .steps = STEPS(
		P_OUT(B, SA_REGISTER, .sark = KB, LEN(23), LIST_LENGTH),
		P_OUT(B, SA_REGISTER, .sark = KB, LEN(0), LIST_LENGTH),
		P_OUT(C, SA_REGISTER_IGNORE, .sark = KB, LEN(25), LIST_LENGTH), KEYS(B, R(A, KA))) },
	{ "lists.unknown-actions", CLAUSE, "P6", W_ORDER, 0, HELD, .steps = STEPS(
		UNKNOWN(A, 9), UNKNOWN(A, 0x0a), UNKNOWN(B, 0x0f), UNKNOWN(A, 0x10),
		UNKNOWN(A, 0x11), UNKNOWN(A, 0x13), UNKNOWN(B, 0x14), UNKNOWN(A, 0x16),
		UNKNOWN(A, 0x1f), SAME) },
	{ "lists.unknown-action-nothing-registered", CLAUSE, "P6", "", 0, .steps = STEPS(
		UNKNOWN(A, 0x10), UNKNOWN(B, 0x1e), NO_KEYS(A)) },
	{ "lists.reserved-bits-of-the-list", "SPC-4 6.16.3", "", "", 0, START(R(A, KA)),
	  .steps = STEPS(
		/* Obsolete and reserved bytes of the CDB and upper bits of the action's byte. */
		REGISTER(A, KA, KN, .cdb = { [1] = 0xe0, [3] = 0xff, [4] = 0xff }),
		KEYS(B, R(A, KN))) },
	{ "lists.replace-lost-nothing-lost", "SPC-4 5.13.11.3", "", W_NO_REPLACE, 0, HELD, .steps = STEPS(
		P_OUT(C, SA_REPLACE_LOST, .sark = KC, .type = WE, CONFLICT),
		P_OUT(A, SA_REPLACE_LOST, .sark = KC, .type = WE, INVALID_RELEASE),
		P_OUT(B, SA_REPLACE_LOST, .sark = KC, .type = WE, INVALID_RELEASE), SAME) },
};

GROUP(lists);
