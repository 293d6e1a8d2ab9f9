// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPC-2 reservations: RESERVE and RELEASE, of 6 and 10 bytes, their mix with
 * persistent reservations (CRH), and how they end.
 */
#include "conf.h"
#include "why.h"

#define CLAUSE "SPC-2 5.5.1"
#define CRH "SPC-4 5.13.3"
#define LIFE "SPC-2 5.5.1, SAM-5 6.3"
#define PR_IN_CONFLICTS(nx) \
	P_IN(nx, SA_KEYS, CONFLICT), P_IN(nx, SA_RESERVATION, CONFLICT), \
	P_IN(nx, SA_CAPABILITIES, CONFLICT), P_IN(nx, SA_FULL, CONFLICT)
#define INQUIRY(nx) CDB(nx, 6, IN, 96, B_(0x12, 0, 0, 0, 96))
#define REPORT_LUNS(nx) CDB(nx, 12, IN, 256, B_(0xa0, [8] = 1))
#define ENDS(nx) DO(ENDS_WITHIN, nx)
#define NOT_STARTED TUR(A), TUR(B), TUR(C)
#define HELD6 RESERVE6(A), TUR(B, CONFLICT), TUR(C, CONFLICT), TUR(A)
#define PASSES(nx, size, dir, count, ...) \
	{ .kind = COMMAND, .n = nx, .cdb_length = size, .direction = dir, .bytes = count, \
	  .cdb = __VA_ARGS__, NOT_CONFLICT }
#define REFUSED(nx, size, dir, count, ...) \
	{ .kind = COMMAND, .n = nx, .cdb_length = size, .direction = dir, .bytes = count, \
	  .cdb = __VA_ARGS__, CONFLICT }
#define BAD_FIELD(nx, size, ...) \
	{ .kind = COMMAND, .n = nx, .cdb_length = size, .cdb = __VA_ARGS__, INVALID_CDB }

static const struct test tests[] = {
	{ "spc2.reserve-6", CLAUSE, "", "", 0, .steps = STEPS(
		HELD6, READ(B, CONFLICT), WRITE(B, 1, CONFLICT), READ(C, CONFLICT),
		WRITE(D, 2, CONFLICT), WRITE(A, 3), READ_IS(A, 3), RELEASE6(A), READ_IS(B, 3),
		WRITE(D, 4), READ_IS(C, 4)) },
	{ "spc2.reserve-10", CLAUSE, "", "", 0, .steps = STEPS(
		RESERVE10(B), TUR(A, CONFLICT), READ(A, CONFLICT), WRITE(C, 1, CONFLICT),
		WRITE(B, 3), RELEASE10(B), READ_IS(A, 3)) },
	{ "spc2.both-lengths", CLAUSE, "", "", 0, .steps = STEPS(
		RESERVE6(A), RESERVE10(A), RESERVE10(B, CONFLICT), RESERVE6(B, CONFLICT),
		RELEASE10(A), TUR(B), RESERVE10(B), RESERVE6(A, CONFLICT), RELEASE6(B), TUR(A)) },
	{ "spc2.again", CLAUSE, "", "", 0, .steps = STEPS(
		RESERVE6(A), RESERVE6(A), RELEASE6(A), TUR(B), TUR(C), RELEASE6(A)) },
	{ "spc2.release-by-other", CLAUSE, "P5", W_ISID, 0, .steps = STEPS(
		RESERVE6(A), RELEASE6(B), TUR(B, CONFLICT), RELEASE10(C), TUR(C, CONFLICT),
		RELEASE6(E), TUR(E, CONFLICT), WRITE(A, 1), RELEASE6(A), TUR(B)) },
	{ "spc2.release-without-reserve", CLAUSE, "", "", 0, .steps = STEPS(
		RELEASE6(A), RELEASE10(B), NOT_STARTED) },
	{ "spc2.hand-over", CLAUSE, "", "", 0, .steps = STEPS(
		RESERVE6(A), RESERVE6(B, CONFLICT), RELEASE6(A), RESERVE6(B), TUR(A, CONFLICT),
		WRITE(B, 5), RELEASE6(B), READ_IS(A, 5)) },
	{ "spc2.what-passes", CLAUSE, "", W_SPC2, 0, .steps = STEPS(
		RESERVE6(A), INQUIRY(B), REPORT_LUNS(B), INQUIRY(C), REPORT_LUNS(D),
		PASSES(B, 6, IN, 252, B_(0x03, [4] = 252)), PASSES(B, 10, IN, 64, B_(0x4d, [8] = 64)),
		PASSES(C, 6, NONE, 0, B_(0x1e)), RELEASE6(D), INQUIRY(A), RELEASE6(A)) },
	{ "spc2.what-does-not", CLAUSE, "", "", 0, .steps = STEPS(
		RESERVE6(A), REFUSED(B, 6, NONE, 0, B_(0x00)), REFUSED(B, 6, IN, 252, B_(0x1a, 0, 0x3f, 0, 252)),
		REFUSED(C, 10, IN, 256, B_(0x5a, 0, 0x3f, [7] = 1)),
		REFUSED(D, 6, NONE, 0, B_(0x15, 0x10)), REFUSED(B, 6, NONE, 0, B_(0x1d, 0x04)),
		REFUSED(B, 10, NONE, 0, B_(0x35)), REFUSED(C, 10, NONE, 0, B_(0x42)),
		REFUSED(D, 6, NONE, 0, B_(0x1e, [4] = 1)), REFUSED(B, 16, NONE, 0, B_(0x83)),
		REFUSED(B, 10, IN, 4, B_(0x3c, 3, [8] = 4)), RELEASE6(A)) },
	{ "spc2.pr-in-conflicts", CLAUSE, "", "", 0, .steps = STEPS(
		RESERVE6(A), PR_IN_CONFLICTS(A), PR_IN_CONFLICTS(B), PR_IN_CONFLICTS(C),
		RELEASE6(A), NO_KEYS(A), NO_KEYS(B)) },
	{ "spc2.pr-out-conflicts", CLAUSE, "", "", 0, .steps = STEPS(
		RESERVE6(B), REGISTER(A, 0, KA, CONFLICT), IGNORE(A, KA, CONFLICT),
		REGISTER(B, 0, KB, CONFLICT), IGNORE(B, KB, CONFLICT), RESERVE(B, 0, WE, CONFLICT),
		CLEAR(A, 0, CONFLICT), PREEMPT(A, 0, KB, WE, CONFLICT), RELEASE6(B), NO_KEYS(A),
		REGISTER(A, 0, KA), KEYS(B, R(A, KA))) },
	{ "spc2.other-isid", CLAUSE, "L12", W_ISID, 0, .steps = STEPS(
		RESERVE6(A), TUR(E, CONFLICT), WRITE(E, 1, CONFLICT), RESERVE6(E, CONFLICT),
		RELEASE6(A), TUR(E), RESERVE6(E), TUR(A, CONFLICT), RELEASE6(E), TUR(A)) },
	{ "spc2.other-port", CLAUSE, "", "", NEED_TWO_PORTS, .steps = STEPS(
		RESERVE6(A), TUR(F, CONFLICT), WRITE(F, 1, CONFLICT), RESERVE6(F, CONFLICT),
		RELEASE6(F), TUR(F, CONFLICT), RELEASE6(A), TUR(F)) },
	{ "spc2.third-party", "SPC-2 7.21", "", W_3RD, 0, .steps = STEPS(
		BAD_FIELD(A, 6, B_(0x16, 0x10)), BAD_FIELD(A, 10, B_(0x56, 0x10)),
		BAD_FIELD(B, 6, B_(0x16, 0x01)), NOT_STARTED) },

	/* With registrations and persistent reservations. */
	{ "spc2.with-registrations", CRH, "", "", 0, START(R(B, KB)), .steps = STEPS(
		RESERVE6(A, CONFLICT), RELEASE6(A, CONFLICT), RESERVE10(C, CONFLICT),
		RELEASE10(D, CONFLICT), RESERVE6(B, CONFLICT), RELEASE6(B, CONFLICT),
		TUR(A), TUR(C)) },
#define CRH_RO(ty, nm) \
	{ "crh.registrants-" nm, CRH, "L8", \
	  W_CRH, 0, \
	  START(HOLDER(A, KA), R(B, KB), R(D, KD)), .type = ty, .steps = STEPS( \
		RESERVE6(A), RESERVE6(B), RESERVE10(D), TUR(C), TUR(A), TUR(B), RELEASE6(B), \
		RELEASE10(A), RELEASE6(D), RESERVE6(C, CONFLICT), RELEASE6(C, CONFLICT), \
		RESERVE10(E, CONFLICT), FULL(C, ty, HOLDER(A, KA), R(B, KB), R(D, KD)), \
		WRITE(B, 1), WRITE(C, 2, CONFLICT)) },
	REGISTRANTS_ONLY(CRH_RO) ALL_REGISTRANTS(CRH_RO)
#define CRH_PLAIN(ty, nm) \
	{ "crh.holder-" nm, CRH, "L8", "", 0, START(HOLDER(A, KA), R(B, KB)), .type = ty, \
	  .steps = STEPS( \
		RESERVE6(A), RESERVE10(A), RELEASE6(A), RELEASE10(A), RESERVE6(B, CONFLICT), \
		RELEASE6(B, CONFLICT), RESERVE10(C, CONFLICT), RELEASE10(D, CONFLICT), TUR(C), \
		FULL(C, ty, HOLDER(A, KA), R(B, KB)), WRITE(B, 1, CONFLICT)) },
	PLAIN(CRH_PLAIN)
	{ "crh.leaves-no-reservation", CRH, "P5", "", 0, START(HOLDER(A, KA), R(B, KB)), .type = WERO,
	  .steps = STEPS(
		RESERVE6(A), RELEASE(A, KA, WERO), UA(B, RSV_RELEASED), CLEAR(B, KB),
		UA(A, RSV_PREEMPTED), TUR(C), WRITE(D, 1), RESERVE6(C), RELEASE6(C)) },
	{ "spc2.register-then-release", CRH, "P5", "", 0, .steps = STEPS(
		RESERVE6(A), REGISTER(A, 0, KA, CONFLICT), RELEASE6(A), REGISTER(A, 0, KA),
		RELEASE6(A, CONFLICT), TUR(B)) },

	/* The end of a reservation, seen on this gateway and the other. */
	{ "spc2.ends-at-lun-reset", LIFE, "P5 L8", "", 0, .steps = STEPS(
		HELD6, DO(LUN_RESET, A), DO(DRAIN, NEXUSES), NOT_STARTED, RESERVE6(B),
		TUR(A, CONFLICT), RELEASE6(B)) },
	{ "spc2.ends-at-lun-reset-by-other", LIFE, "P5 L8", "", 0, .steps = STEPS(
		HELD6, DO(LUN_RESET, B), DO(DRAIN, NEXUSES), NOT_STARTED, RESERVE6(C),
		TUR(A, CONFLICT), TUR(B, CONFLICT), RELEASE6(C)) },
	{ "spc2.ends-at-target-reset", LIFE, "P5", "", 0, .steps = STEPS(
		HELD6, { .kind = TARGET_RESET, .n = B, .rtpi_of = C }, RELEASE6(A), TUR(B)) },
	{ "spc2.lun-reset-then-pr", LIFE, "L8", "", 0, .steps = STEPS(
		HELD6, DO(LUN_RESET, C), DO(DRAIN, NEXUSES), REGISTER(A, 0, KA), KEYS(B, R(A, KA)),
		RELEASE6(A, CONFLICT)) },
	{ "spc2.ends-at-logout", LIFE, "P5", "", 0, .steps = STEPS(
		HELD6, DO(LOGOUT, A), ENDS(B), ENDS(C), RESERVE6(B), DO(LOGIN, A),
		TUR(A, CONFLICT), RELEASE6(B)) },
	{ "spc2.ends-at-logout-seen-first-here", LIFE, "P5", "", 0, .steps = STEPS(
		HELD6, DO(LOGOUT, A), ENDS(C), ENDS(B), NO_KEYS(B)) },
	{ "spc2.ends-at-drop", LIFE, "P5", W_DROP, 0, .steps = STEPS(
		HELD6, DO(DROP, A), ENDS(B), ENDS(C), RESERVE10(C), DO(LOGIN, A), TUR(A, CONFLICT),
		RELEASE6(C)) },
	{ "spc2.ends-at-drop-of-second-gateway", LIFE, "P5", W_DROP, 0, .steps = STEPS(
		RESERVE6(B), TUR(A, CONFLICT), TUR(D, CONFLICT), DO(DROP, B), ENDS(A), ENDS(D),
		NO_KEYS(A)) },
	{ "spc2.not-at-another-logout", LIFE, "P5", "", 0, .steps = STEPS(
		TUR(E), HELD6, DO(LOGOUT, C), DO(LOGOUT, E), TUR(B, CONFLICT), DO(DROP, D),
		TUR(B, CONFLICT), WRITE(A, 1), RELEASE6(A), TUR(B)) },
	{ "spc2.not-back-after-login", LIFE, "P5", "", 0, .steps = STEPS(
		HELD6, DO(LOGOUT, A), DO(LOGIN, A), ENDS(B), TUR(A), TUR(B), TUR(C)) },
};

GROUP(spc2);
