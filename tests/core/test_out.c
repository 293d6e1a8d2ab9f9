// SPDX-License-Identifier: GPL-2.0-only
/*
 * PERSISTENT RESERVE OUT: the tables of SPC-4 5.13 and 6.16, literally.  What
 * concerns ports and moves is in test_out_ports.c, what other implementations
 * get wrong in test_out_peers.c, every combination in test_out_all.c.
 */
#include "rows.h"

/* SPC-4 5.13.7, the table of what REGISTER does. */
static void test_register(void **unused)
{
	static const struct row rows[] = {
		/* not registered: key 0 */
		ROW("", 'A', REG, 0, 0, 0x11, 0, GOOD, "A11 g11"),
		ROW("B2", 'A', REG, 0, 0, 2, 0, GOOD, "A2 B2 g11"),
		ROW("B2 /1B", 'A', REG, 0, 0, 1, 0, GOOD, "A1 B2 /1B g11"),
		ROW("B2 /3B", 'C', REG, 0, 0, 1, 0, GOOD, "B2 C1 /3B g11"),
		ROW("B2 /8*", 'C', REG, 0, 0, 1, 0, GOOD, "B2 C1 /8* g11"),
		ROW("", 'A', REG, 0, 0, ~0ULL, 0, GOOD,
		    "Affffffffffffffff g11"),
		/* nothing to do, but it counts */
		ROW("", 'A', REG, 0, 0, 0, 0, GOOD, "g11"),
		ROW("B2 /5B p", 'A', REG, 0, 0, 0, 0, GOOD, "B2 /5B g11 p"),
		ROW("B2", 'A', REG, 0, 0, 0, APTPL, GOOD, "B2 g11"),
		/* not registered: any other key */
		ROW("", 'A', REG, 0, 1, 1, 0, CONFLICT, NULL),
		ROW("", 'A', REG, 0, 1, 0, 0, CONFLICT, NULL),
		ROW("B2 /1B", 'A', REG, 0, 2, 1, 0, CONFLICT, NULL),
		/* registered: its key */
		ROW("A1", 'A', REG, 0, 1, 0x12, 0, GOOD, "A12 g11"),
		ROW("A1", 'A', REG, 0, 1, 1, 0, GOOD, "A1 g11"),
		ROW("A1 B2", 'A', REG, 0, 1, 2, 0, GOOD, "A2 B2 g11"),
		ROW("A1 B2 /3A", 'A', REG, 0, 1, 9, 0, GOOD, "A9 B2 /3A g11"),
		ROW("A1 B2 /3A", 'B', REG, 0, 2, 9, 0, GOOD, "A1 B9 /3A g11"),
		/* registered: another key */
		ROW("A1", 'A', REG, 0, 0, 2, 0, CONFLICT, NULL),
		ROW("A1", 'A', REG, 0, 2, 2, 0, CONFLICT, NULL),
		ROW("A1", 'A', REG, 0, 0, 0, 0, CONFLICT, NULL),
		ROW("A1 B2", 'A', REG, 0, 2, 0, 0, CONFLICT, NULL),
		/* scope and type are ignored */
		ROW("", 'A', REG, 0xff, 0, 1, 0, GOOD, "A1 g11"),
		ROW("A1 /1A", 'A', REG, 0x12, 1, 0, 0, GOOD, "g11"),
		/* PRGENERATION wraps */
		ROW("g4294967295", 'A', REG, 0, 0, 1, 0, GOOD, "A1 g0"),
		ROW("A1 g4294967295", 'A', REG, 0, 2, 1, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_unregister(void **unused)
{
	static const struct row rows[] = {
		ROW("A1", 'A', REG, 0, 1, 0, 0, GOOD, "g11"),
		ROW("A1 B2 C3", 'B', REG, 0, 2, 0, 0, GOOD, "A1 C3 g11"),
		/* the holder's goes with it */
		ROW("A1 B2 /1A", 'A', REG, 0, 1, 0, 0, GOOD, "B2 g11"),
		ROW("A1 B2 /3A", 'A', REG, 0, 1, 0, 0, GOOD, "B2 g11"),
		ROW("A1 B2 /5A", 'A', REG, 0, 1, 0, 0, GOOD, "B2 g11"),
		ROW("A1 B2 /6A", 'A', REG, 0, 1, 0, 0, GOOD, "B2 g11"),
		ROW("A1 B2 /6B", 'B', IGN, 0, 77, 0, 0, GOOD, "A1 g11"),
		/* another's does not, wherever the holder stands in the order
		 */
		ROW("A1 B2 C3 /1C", 'A', REG, 0, 1, 0, 0, GOOD,
		    "B2 C3 /1C g11"),
		ROW("A1 B2 C3 /1A", 'C', REG, 0, 3, 0, 0, GOOD,
		    "A1 B2 /1A g11"),
		ROW("A1 B2 C3 H4 /6B", 'H', REG, 0, 4, 0, 0, GOOD,
		    "A1 B2 C3 /6B g11"),
		/* all registrants: ends with the last */
		ROW("A1 B2 /7*", 'A', REG, 0, 1, 0, 0, GOOD, "B2 /7* g11"),
		ROW("A1 B2 /8*", 'B', REG, 0, 2, 0, 0, GOOD, "A1 /8* g11"),
		ROW("A1 /7*", 'A', REG, 0, 1, 0, 0, GOOD, "g11"),
		ROW("A1 /8*", 'A', IGN, 0, 0, 0, 0, GOOD, "g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_register_ignore(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', IGN, 0, 0, 1, 0, GOOD, "A1 g11"),
		ROW("", 'A', IGN, 0, 99, 1, 0, GOOD, "A1 g11"),
		ROW("", 'A', IGN, 0, 0, 0, 0, GOOD, "g11"),
		ROW("p", 'A', IGN, 0, 99, 0, 0, GOOD, "g11 p"),
		ROW("A1", 'A', IGN, 0, 1, 2, 0, GOOD, "A2 g11"),
		ROW("A1", 'A', IGN, 0, 99, 2, 0, GOOD, "A2 g11"),
		ROW("A1", 'A', IGN, 0, 0, 0, 0, GOOD, "g11"),
		ROW("A1 B2 /3A", 'A', IGN, 0, 9, 5, 0, GOOD, "A5 B2 /3A g11"),
		ROW("A1 B2 /7*", 'C', IGN, 0, 9, 5, 0, GOOD,
		    "A1 B2 C5 /7* g11"),
		ROW("g4294967295", 'A', IGN, 0, 9, 5, 0, GOOD, "A5 g0"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* As last registered; other actions' bit is ignored. */
static void test_aptpl(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', REG, 0, 0, 1, APTPL, GOOD, "A1 g11 p"),
		ROW("p", 'A', REG, 0, 0, 1, 0, GOOD, "A1 g11"),
		ROW("B2 p", 'A', IGN, 0, 0, 1, 0, GOOD, "A1 B2 g11"),
		ROW("B2", 'B', IGN, 0, 0, 2, APTPL, GOOD, "B2 g11 p"),
		ROW("A1 p", 'A', RES, 1, 1, 0, 0, GOOD, "A1 /1A g10 p"),
		ROW("A1", 'A', RES, 1, 1, 0, APTPL, GOOD, "A1 /1A g10"),
		ROW("A1 p", 'A', CLR, 0, 1, 0, 0, GOOD, "g11 p"),
		ROW("A1", 'A', CLR, 0, 1, 0, APTPL, GOOD, "g11"),
		ROW("A1 B2 p", 'A', PRE, 0, 1, 2, 0, GOOD, "A1 g11 p"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* The backstore's force_pr_aptpl: as if the bit were set. */
static void test_force_aptpl(void **unused)
{
	struct tcmu_pr_info *info = state("");
	struct op op = {.sa = REG, .sa_key = 1, .force = true};

	(void)unused;
	expect_op(info, 'A', &op, GOOD, "A1 g11 p", "register");
	op = (struct op){.sa = IGN, .sa_key = 2, .force = true};
	info->aptpl = false;
	expect_op(info, 'A', &op, GOOD, "A2 g12 p", "ignore");
	op = (struct op){.sa = REG, .key = 2, .force = true};
	info->aptpl = false;
	expect_op(info, 'A', &op, GOOD, "g13 p", "unregister");
	op = (struct op){.sa = REG, .force = true};
	info->aptpl = false;
	expect_op(info, 'A', &op, GOOD, "g14", "nothing to do");
	free(info);
}

/* SPEC_I_PT is REGISTER's alone; ALL_TG_PT and reserved bits do nothing. */
static void test_flags_of_other_actions(void **unused)
{
	static const struct row rows[] = {
		ROW("A1", 'A', RES, 1, 1, 0, ALL_TG_PT, GOOD, "A1 /1A g10"),
		ROW("A1 /1A", 'A', REL, 1, 1, 0, 0xf7, GOOD, "A1 g10"),
		ROW("A1", 'A', CLR, 0, 1, 0, ALL_TG_PT, GOOD, "g11"),
		ROW("A1 B2", 'A', PRE, 0, 1, 2, ALL_TG_PT, GOOD, "A1 g11"),
		ROW("A1 B2", 'A', PAB, 0, 1, 2, 0xf7, GOOD, "A1 g11"),
		ROW("A1", 'A', RES, 1, 1, 0, SPEC_I_PT, PARAM_FIELD, NULL),
		ROW("A1 /1A", 'A', REL, 1, 1, 0, 0xff, PARAM_FIELD, NULL),
		ROW("A1", 'A', CLR, 0, 1, 0, SPEC_I_PT, PARAM_FIELD, NULL),
		ROW("A1 B2", 'A', PRE, 0, 1, 2, SPEC_I_PT, PARAM_FIELD, NULL),
		ROW("A1 B2", 'A', PAB, 0, 1, 2, SPEC_I_PT, PARAM_FIELD, NULL),
		ROW("A1", 'A', IGN, 0, 1, 2, SPEC_I_PT, PARAM_FIELD, NULL),
		ROW("", 'A', IGN, 0, 0, 0, SPEC_I_PT, PARAM_FIELD, NULL),
		/* what else is wrong comes first */
		ROW("A1", 'A', RES, 1, 2, 0, SPEC_I_PT, CONFLICT, NULL),
		ROW("A1", 'B', PRE, 1, 2, 0, SPEC_I_PT, CONFLICT, NULL),
		ROW("A1", 'A', LST, 1, 1, 2, SPEC_I_PT, BAD_RELEASE, NULL),
	};
	struct tcmu_pr_info *info = state("A1");
	struct op op = {.sa = RES, .type = 1, .key = 1, .flags = SPEC_I_PT};

	(void)unused;
	RUN_ROWS(rows);
	/* a longer list is what SPEC_I_PT is for, so that is not the error */
	for (op.list_len = 25; op.list_len < 80; op.list_len++)
		expect_op(info, 'A', &op, PARAM_FIELD, NULL, "long list");
	free(info);
}

static void test_reserve(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2", 'B', RES, 1, 2, 0, 0, GOOD, "A1 B2 /1B g10"),
		ROW("A1 B2", 'B', RES, 3, 2, 0, 0, GOOD, "A1 B2 /3B g10"),
		ROW("A1 B2", 'B', RES, 5, 2, 0, 0, GOOD, "A1 B2 /5B g10"),
		ROW("A1 B2", 'B', RES, 6, 2, 0, 0, GOOD, "A1 B2 /6B g10"),
		ROW("A1 B2", 'B', RES, 7, 2, 0, 0, GOOD, "A1 B2 /7* g10"),
		ROW("A1 B2", 'B', RES, 8, 2, 0, 0, GOOD, "A1 B2 /8* g10"),
		/* the service action's key is ignored */
		ROW("A1 B2", 'A', RES, 1, 1, 2, 0, GOOD, "A1 B2 /1A g10"),
		/* again, the same */
		ROW("A1 B2 /1A", 'A', RES, 1, 1, 0, 0, GOOD, NULL),
		ROW("A1 B2 /6A", 'A', RES, 6, 1, 0, 0, GOOD, NULL),
		ROW("A1 B2 /7*", 'A', RES, 7, 1, 0, 0, GOOD, NULL),
		ROW("A1 B2 /8*", 'B', RES, 8, 2, 0, 0, GOOD, NULL),
		/* again, another type */
		ROW("A1 /1A", 'A', RES, 3, 1, 0, 0, CONFLICT, NULL),
		ROW("A1 /5A", 'A', RES, 1, 1, 0, 0, CONFLICT, NULL),
		ROW("A1 /7*", 'A', RES, 8, 1, 0, 0, CONFLICT, NULL),
		ROW("A1 /8*", 'A', RES, 6, 1, 0, 0, CONFLICT, NULL),
		/* not the holder */
		ROW("A1 B2 /1A", 'B', RES, 1, 2, 0, 0, CONFLICT, NULL),
		ROW("A1 B2 /5A", 'B', RES, 5, 2, 0, 0, CONFLICT, NULL),
		ROW("A1 B2 /6A", 'B', RES, 8, 2, 0, 0, CONFLICT, NULL),
		/* a wrong key */
		ROW("A1 B2", 'A', RES, 1, 2, 0, 0, CONFLICT, NULL),
		ROW("A1 B2", 'A', RES, 1, 0, 0, 0, CONFLICT, NULL),
		ROW("A1 /1A", 'A', RES, 1, 2, 1, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_release(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 /1A", 'A', REL, 1, 1, 0, 0, GOOD, "A1 B2 g10"),
		ROW("A1 B2 /3B", 'B', REL, 3, 2, 9, 0, GOOD, "A1 B2 g10"),
		ROW("A1 B2 /5A", 'A', REL, 5, 1, 0, 0, GOOD, "A1 B2 g10"),
		ROW("A1 B2 /6A", 'A', REL, 6, 1, 0, 0, GOOD, "A1 B2 g10"),
		/* no reservation, whatever the scope and type */
		ROW("A1", 'A', REL, 1, 1, 0, 0, GOOD, NULL),
		ROW("A1", 'A', REL, 0xff, 1, 0, 0, GOOD, NULL),
		ROW("A1", 'A', REL, 0, 1, 0, 0, GOOD, NULL),
		/* a wrong key */
		ROW("A1 /1A", 'A', REL, 1, 0, 0, 0, CONFLICT, NULL),
		ROW("A1 B2 /1A", 'A', REL, 1, 2, 0, 0, CONFLICT, NULL),
		ROW("A1", 'A', REL, 1, 2, 0, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_clear(void **unused)
{
	static const struct row rows[] = {
		ROW("A1", 'A', CLR, 0, 1, 0, 0, GOOD, "g11"),
		ROW("A1 B2 C1 /1B", 'A', CLR, 0, 1, 0, 0, GOOD, "g11"),
		ROW("A1 B2 C1 /1B", 'B', CLR, 0xff, 2, 7, 0, GOOD, "g11"),
		ROW("A1 B2 /8*", 'B', CLR, 0, 2, 0, 0, GOOD, "g11"),
		ROW("A1 g4294967295", 'A', CLR, 0, 1, 0, 0, GOOD, "g0"),
		ROW("A1 B2", 'A', CLR, 0, 2, 0, 0, CONFLICT, NULL),
		ROW("A1 B2", 'A', CLR, 0, 0, 0, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* PREEMPT AND ABORT leaves the same state: both from one table. */
static void run_preempt_rows(const struct row *row, size_t count)
{
	struct row abort;

	for (; count--; row++) {
		run_rows(row, 1);
		abort = *row;
		abort.sa = PAB;
		run_rows(&abort, 1);
	}
}

/* SPC-4 5.13.11.4.3: the reservation changes hands. */
static void test_preempt_reservation(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 /1A", 'B', PRE, 1, 2, 1, 0, GOOD, "B2 /1B g11"),
		ROW("A1 B2 /1A", 'B', PRE, 3, 2, 1, 0, GOOD, "B2 /3B g11"),
		ROW("A1 B2 /3A", 'B', PRE, 5, 2, 1, 0, GOOD, "B2 /5B g11"),
		ROW("A1 B2 /5A", 'B', PRE, 6, 2, 1, 0, GOOD, "B2 /6B g11"),
		ROW("A1 B2 /6A", 'B', PRE, 7, 2, 1, 0, GOOD, "B2 /7* g11"),
		ROW("A1 B2 /6A", 'B', PRE, 8, 2, 1, 0, GOOD, "B2 /8* g11"),
		/* every registration with the key goes, others stay */
		ROW("A1 B2 C1 D3 /1A", 'B', PRE, 1, 2, 1, 0, GOOD,
		    "B2 D3 /1B g11"),
		ROW("A1 B2 C1 D3 /5C", 'D', PRE, 5, 3, 1, 0, GOOD,
		    "B2 D3 /5D g11"),
		ROW("A1 B2 C3 H4 /1C", 'A', PRE, 1, 1, 3, 0, GOOD,
		    "A1 B2 H4 /1A g11"),
		ROW("A1 B2 C3 H4 /1H", 'A', PRE, 1, 1, 4, 0, GOOD,
		    "A1 B2 C3 /1A g11"),
		/* a bad scope or type */
		ROW("A1 B2 /1A", 'B', PRE, 0, 2, 1, 0, CDB_FIELD, NULL),
		ROW("A1 B2 /1A", 'B', PRE, 2, 2, 1, 0, CDB_FIELD, NULL),
		ROW("A1 B2 /1A", 'B', PRE, 4, 2, 1, 0, CDB_FIELD, NULL),
		ROW("A1 B2 /1A", 'B', PRE, 9, 2, 1, 0, CDB_FIELD, NULL),
		ROW("A1 B2 /1A", 'B', PRE, 0x11, 2, 1, 0, CDB_FIELD, NULL),
		ROW("A1 B2 /7*", 'B', PRE, 0x17, 2, 0, 0, CDB_FIELD, NULL),
		/* a wrong key */
		ROW("A1 B2 /1A", 'B', PRE, 1, 1, 1, 0, CONFLICT, NULL),
		ROW("A1 B2 /1A", 'B', PRE, 1, 0, 1, 0, CONFLICT, NULL),
		ROW("A1 B2 /1A g4294967295", 'B', PRE, 1, 2, 1, 0, GOOD,
		    "B2 /1B g0"),
	};

	(void)unused;
	run_preempt_rows(rows, COUNT(rows));
}

/* SPC-4 5.13.11.4.4: scope and type are ignored. */
static void test_preempt_registrations(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2", 'A', PRE, 1, 1, 2, 0, GOOD, "A1 g11"),
		ROW("A1 B2", 'A', PRE, 0xff, 1, 2, 0, GOOD, "A1 g11"),
		ROW("A1 B2 C2 D3", 'A', PRE, 1, 1, 2, 0, GOOD, "A1 D3 g11"),
		ROW("A1 B2 C3 /1A", 'A', PRE, 3, 1, 2, 0, GOOD,
		    "A1 C3 /1A g11"),
		ROW("A1 B2 C3 /5C", 'A', PRE, 1, 1, 2, 0, GOOD,
		    "A1 C3 /5C g11"),
		ROW("A1 B2 C3 H4 /6H", 'C', PRE, 0, 3, 1, 0, GOOD,
		    "B2 C3 H4 /6H g11"),
		/* all registrants: only a key of 0 takes the reservation */
		ROW("A1 B2 C3 /7*", 'A', PRE, 8, 1, 2, 0, GOOD,
		    "A1 C3 /7* g11"),
		ROW("A1 B2 /8*", 'A', PRE, 0x3e, 1, 2, 0, GOOD, "A1 /8* g11"),
		ROW("A1 B2 /8*", 'A', PRE, 8, 1, 1, 0, GOOD, "B2 /8* g11"),
		/* nobody is left to hold it */
		ROW("A1 B1 /7*", 'A', PRE, 7, 1, 1, 0, GOOD, "g11"),
		ROW("A1 /8*", 'A', PRE, 7, 1, 1, 0, GOOD, "g11"),
	};

	(void)unused;
	run_preempt_rows(rows, COUNT(rows));
}

static void test_scope_and_type_of_reserve(void **unused)
{
	struct tcmu_pr_info *info = state("A1");
	struct op op = {.sa = TPR_OUT_RESERVE};
	char what[32];
	int st;

	(void)unused;
	for (st = 0; st < 256; st++) {
		op.scope = (u8)(st >> 4);
		op.type = (u8)(st & 15);
		if (!op.scope && known_type(op.type))
			continue;
		snprintf(what, sizeof(what), "scope and type %02x", st);
		op.key = 1;
		expect_op(info, 'A', &op, CDB_FIELD, NULL, what);
		/* the key is verified whatever the scope, SPC-4 6.16.3 */
		op.key = 2;
		expect_op(info, 'A', &op, CONFLICT, NULL, what);
		expect_op(info, 'B', &op, CONFLICT, NULL, what);
	}
	free(info);
}

static void test_unknown_actions(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2 /5A");
	struct op op = {.type = 5, .key = 1, .sa_key = 2};
	u8 sa;

	(void)unused;
	for (sa = TPR_OUT_REPLACE_LOST + 1; sa < 32; sa++) {
		op.sa = sa;
		expect_op(info, 'A', &op, CDB_FIELD, NULL, "unknown");
	}
	free(info);
}

static void test_parameter_list_length(void **unused)
{
	static const u32 bad[] = {1,	 8,	20,	   22,	      23,
				  25,	 26,	28,	   32,	      256,
				  65536, 65560, 0x1000018, 0xffffffff};
	static const u8 sas[] = {REG, RES, REL, CLR, PRE, PAB, IGN, LST};
	struct tcmu_pr_info *info = state("A1 B2 /5A");
	struct op op = {.type = 5, .key = 1, .sa_key = 2};
	size_t i, j;

	(void)unused;
	for (i = 0; i < COUNT(sas); i++) {
		op.sa = sas[i];
		for (j = 0; j < COUNT(bad); j++) {
			op.list_len = bad[j];
			expect_op(info, 'A', &op, PARAM_LEN, NULL, "length");
		}
		op.list_len = 24;
		for (op.given = 1; op.given < 24; op.given++)
			expect_op(info, 'A', &op, PARAM_LEN, NULL, "short");
		op.given = 0;
	}
	free(info);
}

/* A length of 0 in the CDB, and no data at all. */
static void test_no_parameter_list(void **unused)
{
	u8 cdb[TPR_OUT_CDB_LEN] = {TPR_OP_PR_OUT};
	struct tcmu_pr_info *info = state("A1"), *before = clone(info);
	struct tpr_nexus n = nexus('A');
	struct tpr_out_req req = {.nexus = &n, .cdb = cdb};
	bool changed = true;
	struct tpr_order order = {.action = POISON};

	(void)unused;
	for (cdb[1] = 0; cdb[1] <= 8; cdb[1]++) {
		cdb[2] = 5;
		cdb[8] = 0;
		assert_result(tpr_out_check(&req), PARAM_LEN, "no list");
		cdb[8] = 24;
		assert_result(tpr_out(info, &req, &changed, &order), PARAM_LEN,
			      "no data");
		assert_false(changed);
		assert_untouched(info, before, "no data");
	}
	free(before);
	free(info);
}

/* The upper three bits of byte 1 and the bytes 3 and 4 are reserved. */
static void test_check_agrees(void **unused)
{
	u8 cdb[TPR_OUT_CDB_LEN] = {
		TPR_OP_PR_OUT, 0xe1, 0x05, 0xff, 0xff, 0, 0, 0, 24, 0};
	u8 param[TPR_OUT_PARAM_LEN] = {0, 0, 0, 0, 0, 0, 0, 1};
	struct tcmu_pr_info *info = state("A1 B2");
	struct tpr_nexus n = nexus('A');
	struct tpr_out_req req = {
		.nexus = &n,
		.cdb = cdb,
		.param = param,
		.param_len = sizeof(param),
	};
	bool changed = false;
	struct tpr_order order = {.action = POISON};

	(void)unused;
	assert_result(tpr_out_check(&req), GOOD, "check");
	assert_result(tpr_out(info, &req, &changed, &order), GOOD, "out");
	assert_text(info, "A1 B2 /5A g10", "reserved bits");
	assert_true(changed);
	assert_int_equal(order.action, TPR_ACT_RESERVE);
	free(info);
}

/* SPC-2 5.5.1: from the holder of such a reservation too. */
static void test_conflict_while_reserved_by_spc2(void **unused)
{
	static const char who[] = "AB";
	struct tcmu_pr_info *info = state("2A");
	size_t i;
	u8 sa;

	(void)unused;
	for (i = 0; who[i]; i++) {
		for (sa = 0; sa < 9; sa++) {
			struct op op = {.sa = sa, .type = 1, .tids = "C"};

			if (sa != MOV)
				op.tids = NULL;
			expect_op(info, who[i], &op, CONFLICT, NULL, "SPC-2");
			op.sa_key = 1;
			expect_op(info, who[i], &op, CONFLICT, NULL, "SPC-2");
		}
	}
	free(info);
}

/* What the string cannot name is not registered, and not remembered. */
static void test_nexus_without_a_name(void **unused)
{
	struct tcmu_pr_info *info = state("B2"), *before = clone(info);
	u8 cdb[TPR_OUT_CDB_LEN], param[TPR_OUT_PARAM_LEN] = {0};
	static const struct tpr_order counted = {.action = TPR_ACT_REGISTER};
	struct op op = {.sa = TPR_OUT_REGISTER};
	struct tpr_nexus n = nexus('A');
	struct tpr_out_req req = {
		.nexus = &n,
		.cdb = cdb,
		.param = param,
		.param_len = sizeof(param),
	};
	struct tpr_order order;
	bool changed;

	(void)unused;
	n.initiator[3] = ',';
	out_cdb(cdb, &op, sizeof(param));
	param[15] = 7;
	assert_result(tpr_out(info, &req, &changed, &order), RESOURCES, "new");
	assert_untouched(info, before, "new");
	param[20] = ALL_TG_PT;
	assert_result(tpr_out(info, &req, &changed, &order), RESOURCES, "all");
	assert_untouched(info, before, "all");
	param[15] = 0;
	assert_result(tpr_out(info, &req, &changed, &order), GOOD, "nothing");
	assert_true(changed);
	assert_text(info, "B2 g11", "nothing");
	assert_memory_equal(&order, &counted, sizeof(order));
	assert_int_equal(tpr_redo(before, &order, "gw-1"), -EINVAL);
	free(before);
	free(info);
}

/* What a caller must have room for, before it has the state. */
static void test_room(void **unused)
{
	static const struct {
		struct op op;
		u32 room;
	} rows[] = {
		{{.sa = REG}, 1},
		{{.sa = REG, .key = 1, .sa_key = 2}, 1},
		{{.sa = IGN, .sa_key = 2, .flags = ALL_TG_PT}, 1},
		{{.sa = RES, .type = 1}, 0},
		{{.sa = REL}, 0},
		{{.sa = CLR}, 0},
		{{.sa = PRE}, 0},
		{{.sa = PAB}, 0},
		{{.sa = MOV, .tids = "B"}, 1},
		{{.sa = LST, .type = 1}, 1},
		{{.sa = REG, .list_len = 23}, 0},
		{{.sa = REG, .sa_key = 1, .flags = SPEC_I_PT, .tids = ""}, 1},
		{{.sa = REG, .sa_key = 1, .flags = SPEC_I_PT, .tids = "BHB"},
		 4},
		{{.sa = REG, .sa_key = 1, .flags = SPEC_I_PT, .tids = "B@C"},
		 TPR_REGS_MAX},
		/* not looked at */
		{{.sa = REG, .flags = SPEC_I_PT, .tids = "BC"}, 0},
		{{.sa = REG, .key = 1, .sa_key = 1, .flags = SPEC_I_PT,
		  .tids = "BC"}, 0},
	};
	u8 cdb[TPR_OUT_CDB_LEN], param[LIST_MAX];
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		struct tpr_out_req req = {.cdb = cdb, .param = param};

		req.param_len = out_list(param, &rows[i].op);
		out_cdb(cdb, &rows[i].op, req.param_len);
		assert_int_equal(tpr_out_room(&req), rows[i].room);
	}
}

/* More data than announced is no error: the CDB decides. */
static void test_longer_data(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2");
	u8 cdb[TPR_OUT_CDB_LEN], param[64] = {0, 0, 0, 0, 0, 0, 0, 2};
	struct op op = {.sa = TPR_OUT_CLEAR};
	struct tpr_nexus n = nexus('B');
	struct tpr_out_req req = {
		.nexus = &n,
		.cdb = cdb,
		.param = param,
		.param_len = sizeof(param),
	};
	bool changed = false;
	struct tpr_order order = {.action = POISON};

	(void)unused;
	out_cdb(cdb, &op, TPR_OUT_PARAM_LEN);
	assert_result(tpr_out(info, &req, &changed, &order), GOOD, "long");
	assert_text(info, "g11", "long");
	free(info);
}

static void name_of(struct tpr_nexus *n, u32 i)
{
	memset(n, 0, sizeof(*n));
	snprintf(n->initiator, sizeof(n->initiator), "iqn.x:%08u", i);
	strcpy(n->target, "iqn.t");
	n->proto = TPR_PROTO_ISCSI;
	n->tag = 1;
	n->rtpi = 1;
}

/* The limit of the format, with room to spare in memory. */
static void test_4096_registrations_and_one(void **unused)
{
	struct tcmu_pr_info *info = empty_state(TPR_REGS_MAX + 8);
	struct op op = {.sa = TPR_OUT_REGISTER, .sa_key = 0xfeed};
	struct tcmu_pr_info *before;
	struct tpr_nexus n;
	struct answer a;
	u32 i;

	(void)unused;
	for (i = 0; i < TPR_REGS_MAX; i++) {
		name_of(&n, i * 2654435761u % 100000007u);
		assert_true(tpr_reg_add(info, &n, i + 1, false) >= 0);
	}
	assert_true(tpr_info_valid(info));
	before = clone(info);
	a = run(info, 'A', &op);
	assert_result(a.res, RESOURCES, "4097th");
	assert_false(a.changed);
	assert_untouched(info, before, "4097th");
	op.sa = TPR_OUT_REGISTER_IGNORE;
	a = run(info, 'A', &op);
	assert_result(a.res, RESOURCES, "4097th, ignoring");
	assert_untouched(info, before, "4097th, ignoring");
	op = (struct op){.sa = TPR_OUT_REGISTER};
	assert_result(run(info, 'A', &op).res, GOOD, "nothing to do");
	assert_int_equal(info->num_regs, TPR_REGS_MAX);
	free(before);
	free(info);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_unregister),
		cmocka_unit_test(test_register_ignore),
		cmocka_unit_test(test_aptpl),
		cmocka_unit_test(test_force_aptpl),
		cmocka_unit_test(test_flags_of_other_actions),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_preempt_reservation),
		cmocka_unit_test(test_preempt_registrations),
		cmocka_unit_test(test_scope_and_type_of_reserve),
		cmocka_unit_test(test_unknown_actions),
		cmocka_unit_test(test_parameter_list_length),
		cmocka_unit_test(test_no_parameter_list),
		cmocka_unit_test(test_check_agrees),
		cmocka_unit_test(test_conflict_while_reserved_by_spc2),
		cmocka_unit_test(test_nexus_without_a_name),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_longer_data),
		cmocka_unit_test(test_4096_registrations_and_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
