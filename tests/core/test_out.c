// SPDX-License-Identifier: GPL-2.0-only
/*
 * PERSISTENT RESERVE OUT: the tables of SPC-4 5.13 and 6.16, literally; every
 * combination against the model; and one test for each defect that is known
 * from other implementations and that these operations touch:
 *
 *	LIO
 *	L1	not yet: PREEMPT AND ABORT is not implemented; it is refused,
 *		test_L1_preempt_and_abort_is_refused
 *	L2	test_L2_unregistered_conflicts
 *	L3	test_L3_preempt_own_key_as_non_holder
 *	L4	no: locking, the core has none
 *	L5	not yet: REGISTER AND MOVE; refused, same test as L1
 *	L6	test_L6_release_with_wrong_type
 *	L7	not yet: ALL_TG_PT is refused; a state that has such a
 *		registration: test_L7_unregister_all_tg_pt
 *	L8	no: SPC-2 reservations are not decided here
 *	L9	test_in.c, test_L9_full_status_stays_in_bounds
 *	L10	not yet: SPEC_I_PT is refused, test_L10_spec_i_pt_is_refused
 *	L11	no: restoring registrations is the store's, see test_string.c
 *	L12	test_L12_two_isids_are_two_nexuses
 *	L13	test_in.c, test_L13_short_allocation_length; unit attentions'
 *		order is the kernel's
 *	SCST
 *	S1	test_in.c, test_S1_full_status_beyond_the_buffer
 *	S2, S6, S7, S11, S12	no: its cluster protocol
 *	S3, S4	as L7
 *	S5	test_S5_key_change_of_only_registrant
 *	S8	test_S8_preempt_key_0
 *	S9	test_S9_preempt_own_reservation_to_all_registrants
 *	S10	test_S10_own_key_goes_with_or_without_reservation
 *	SPDK
 *	P1	test_P1_release_all_registrants
 *	P2	test_P2_release_by_non_holder
 *	P3	test_P3_preempt_same_key_as_holder
 *	P4	test_P4_nexus_is_its_names
 *	P5	no: SPC-2 reservations are not decided here
 *	P6	test_P6_reserve_type_is_checked, test_P6_short_parameter_list,
 *		test_P6_no_room_is_told; unit attentions in test_ua.c
 *	N1	test_check.c, test_N1_unknown_opcode_is_a_write
 *	N2	test_string.c, test_N2_no_registrations
 *	N3	test_N3_preempt_key_0_takes_the_new_type
 *	N4	test_N4_preempt_without_match
 */
#include "util.h"

/* One command: state before, who, what, how it ends, state after. */
struct row {
	int line;
	const char *before;
	char who;
	u8 sa;
	u8 st; /* scope and type as in the CDB */
	u64 key, sa_key;
	u8 flags;
	enum verdict want;
	const char *after; /* NULL: every byte as it was */
};

#define REG TPR_OUT_REGISTER
#define RES TPR_OUT_RESERVE
#define REL TPR_OUT_RELEASE
#define CLR TPR_OUT_CLEAR
#define PRE TPR_OUT_PREEMPT
#define IGN TPR_OUT_REGISTER_IGNORE
#define ROW(...)                                                               \
	{                                                                      \
		__LINE__, __VA_ARGS__                                          \
	}
#define RUN_ROWS(table) run_rows(table, COUNT(table))

static void run_rows(const struct row *row, size_t count)
{
	char what[128];

	for (; count--; row++) {
		struct tcmu_pr_info *info = state(row->before);
		struct op op = {
			.sa = row->sa,
			.scope = row->st >> 4,
			.type = row->st & 15,
			.key = row->key,
			.sa_key = row->sa_key,
			.flags = row->flags,
		};

		snprintf(what, sizeof(what), "row of line %d", row->line);
		expect_op(info, row->who, &op, row->want, row->after, what);
		free(info);
	}
}

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
	RUN_ROWS(rows);
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
	RUN_ROWS(rows);
}

static void test_scope_and_type_of_reserve(void **unused)
{
	struct tcmu_pr_info *info = state("A1");
	struct op op = {.sa = TPR_OUT_RESERVE, .key = 1};
	char what[32];
	int st;

	(void)unused;
	for (st = 0; st < 256; st++) {
		op.scope = (u8)(st >> 4);
		op.type = (u8)(st & 15);
		if (!op.scope && known_type(op.type))
			continue;
		snprintf(what, sizeof(what), "scope and type %02x", st);
		expect_op(info, 'A', &op, CDB_FIELD, NULL, what);
	}
	free(info);
}

static void test_unsupported_actions(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2 /5A");
	struct op op = {.type = 5, .key = 1, .sa_key = 2};
	u8 sa;

	(void)unused;
	for (sa = 0; sa < 32; sa++) {
		if (sa <= TPR_OUT_PREEMPT || sa == TPR_OUT_REGISTER_IGNORE)
			continue;
		op.sa = sa;
		expect_op(info, 'A', &op, CDB_FIELD, NULL, "unsupported");
	}
	free(info);
}

static void test_parameter_list_length(void **unused)
{
	static const u32 bad[] = {1,	 8,	20,	   22,	      23,
				  25,	 26,	28,	   32,	      256,
				  65536, 65560, 0x1000018, 0xffffffff};
	static const u8 sas[] = {REG, RES, REL, CLR, PRE, IGN};
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
	for (cdb[1] = 0; cdb[1] < 5; cdb[1]++) {
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

/* More data than announced is no error: the CDB decides. */
static void test_longer_data(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2");
	u8 cdb[TPR_OUT_CDB_LEN], param[64] = {0};
	struct op op = {.sa = TPR_OUT_CLEAR, .key = 2};
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
	out_cdb(cdb, &op);
	out_param(param, &op);
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

static void make_op(struct op *op, u32 i)
{
	static const u64 keys[] = {0, 1, 2, 9};
	static const u64 sa_keys[] = {0, 1, 2, 3, 9};
	static const u8 flags[] = {0, APTPL, ALL_TG_PT, SPEC_I_PT, 0xff};

	memset(op, 0, sizeof(*op));
	op->sa = (u8)(i % 7);
	i /= 7;
	op->key = keys[i % COUNT(keys)];
	i /= COUNT(keys);
	op->sa_key = sa_keys[i % COUNT(sa_keys)];
	i /= COUNT(sa_keys);
	if (op->sa == TPR_OUT_REGISTER || op->sa == TPR_OUT_REGISTER_IGNORE) {
		op->flags = flags[i % COUNT(flags)];
		op->scope = (u8)(i / COUNT(flags) % 2);
		return;
	}
	op->type = (u8)(i % 11);
	op->scope = (u8)(i / 11 % 2);
}

static void compare_with_model(struct tcmu_pr_info *work,
			       const struct tcmu_pr_info *base, char who,
			       const struct op *op)
{
	char want[TEXT_MAX], what[128];
	struct model m;
	enum verdict v;
	struct answer a;
	bool same;

	memcpy(work, base, tpr_info_size(base->max_regs));
	model_of(&m, base);
	v = model_out(&m, who, op);
	a = run(work, who, op);
	snprintf(what, sizeof(what), "%c sa %u %u/%u key %llx %llx flags %x",
		 who, op->sa, op->scope, op->type, op->key, op->sa_key,
		 op->flags);
	assert_result(a.res, v, what);
	model_text(&m, want);
	assert_text(work, want, what);
	same = !memcmp(work, base, tpr_info_size(base->max_regs));
	if (!a.changed && !same)
		fail_msg("%s: touched but not changed", what);
	if (v != GOOD && a.changed)
		fail_msg("%s: changed but not good", what);
	/* A no-op of RESERVE or RELEASE is not to be stored. */
	if (a.changed && same)
		fail_msg("%s: changed but the same", what);
	assert_rest_same(work, base);
}

/* Every combination of situation and command gives what the model gives. */
static void test_every_combination(void **unused)
{
	static const char *const bases[] = {
		"",
		"A1",
		"B2",
		"A1 B2",
		"A1 B1",
		"A1 B2 C3",
		"A1 B1 C2",
		"A1 B2 C2 H1",
		"A1 /1A",
		"A1 /5A",
		"A1 /7*",
		"A1 B2 /1A",
		"A1 B2 /1B",
		"A1 B2 /3A",
		"A1 B2 /3B",
		"A1 B2 /5A",
		"A1 B2 /5B",
		"A1 B2 /6A",
		"A1 B2 /6B",
		"A1 B2 /7*",
		"A1 B2 /8*",
		"A1 B1 /1A",
		"A1 B1 /5B",
		"A1 B1 /8*",
		"B1 C2 /1C",
		"A1 B2 C3 /6C",
		"A1 B2 C2 H1 /3C",
		"A1 B2 C2 H1 /1H",
		"A1 B2 C2 H1 /7* p",
		"A1 E2 F3 G9 /5F g4294967295",
		"E1 F1 G2 H2 /8*",
	};
	static const char who[] = "ABCEFH";
	size_t i, j;
	struct op op;
	u32 k;

	(void)unused;
	for (i = 0; i < COUNT(bases); i++) {
		struct tcmu_pr_info *base = state(bases[i]);
		struct tcmu_pr_info *work = clone(base);

		for (j = 0; who[j]; j++) {
			for (k = 0; k < 7 * 4 * 5 * 22; k++) {
				make_op(&op, k);
				compare_with_model(work, base, who[j], &op);
			}
		}
		free(work);
		free(base);
	}
}

/* LIO selects by the holder's key, so it aborts too few or too many. */
static void test_L1_preempt_and_abort_is_refused(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 /5A", 'B', TPR_OUT_PREEMPT_ABORT, 5, 2, 1, 0,
		    CDB_FIELD, NULL),
		ROW("A1 B2 /5A", 'C', TPR_OUT_PREEMPT_ABORT, 5, 2, 1, 0,
		    CDB_FIELD, NULL),
		ROW("A1 B2 /5A", 'A', TPR_OUT_REGISTER_MOVE, 0, 1, 9, 0,
		    CDB_FIELD, NULL),
		ROW("A1 B2 /5A", 'A', TPR_OUT_REPLACE_LOST, 1, 0, 9, 0,
		    CDB_FIELD, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* LIO answers LOGICAL UNIT COMMUNICATION FAILURE. */
static void test_L2_unregistered_conflicts(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', RES, 1, 0, 0, 0, CONFLICT, NULL),
		ROW("", 'A', REL, 1, 0, 0, 0, CONFLICT, NULL),
		ROW("", 'A', CLR, 0, 0, 0, 0, CONFLICT, NULL),
		ROW("", 'A', PRE, 1, 0, 1, 0, CONFLICT, NULL),
		ROW("B2 /8*", 'A', RES, 8, 2, 0, 0, CONFLICT, NULL),
		ROW("B2 /8*", 'A', REL, 8, 2, 0, 0, CONFLICT, NULL),
		ROW("B2 /8*", 'A', CLR, 0, 2, 0, 0, CONFLICT, NULL),
		ROW("B2 /8*", 'A', PRE, 8, 2, 0, 0, CONFLICT, NULL),
		ROW("B2 /1B", 'A', PRE, 1, 2, 2, 0, CONFLICT, NULL),
		ROW("B2 /1B", 'A', REL, 1, 2, 0, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* LIO frees the registration and goes on using it. */
static void test_L3_preempt_own_key_as_non_holder(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 /1A", 'B', PRE, 1, 2, 2, 0, GOOD, "A1 /1A g11"),
		ROW("A1 B2 C2 /5A", 'C', PRE, 5, 2, 2, 0, GOOD, "A1 /5A g11"),
		ROW("A1 B2 C3 /3C", 'B', PRE, 1, 2, 2, 0, GOOD,
		    "A1 C3 /3C g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* LIO answers RESERVATION CONFLICT. */
static void test_L6_release_with_wrong_type(void **unused)
{
	static const u8 types[] = {1, 3, 5, 6, 7, 8};
	char before[16], what[64];
	size_t i;
	int st;

	(void)unused;
	for (i = 0; i < COUNT(types); i++) {
		struct tcmu_pr_info *info;

		snprintf(before, sizeof(before), "A1 B2 /%u%c", types[i],
			 types[i] >= 7 ? '*' : 'A');
		info = state(before);
		for (st = 0; st < 256; st++) {
			struct op op = {.sa = REL,
					.scope = (u8)(st >> 4),
					.type = (u8)(st & 15),
					.key = 1};

			if (st == types[i])
				continue;
			snprintf(what, sizeof(what), "%s, %02x", before, st);
			expect_op(info, 'A', &op, BAD_RELEASE, NULL, what);
		}
		free(info);
	}
}

/*
 * LIO and SCST leave parts of a registration for all target ports behind when
 * it is changed or taken back by one port.
 */
static void test_L7_unregister_all_tg_pt(void **unused)
{
	struct op change = {.sa = IGN, .sa_key = 5};
	struct op away = {.sa = REG, .key = 5};
	struct tcmu_pr_info *info = state("B2 /1B");
	struct tpr_nexus n = nexus('A'), other = nexus('F');

	(void)unused;
	n.target[0] = 0;
	n.tag = 0;
	assert_int_equal(tpr_reg_add(info, &n, 1, true), 0);
	assert_true(tpr_info_valid(info));
	n = nexus('A');
	assert_int_equal(tpr_find(info, &n), 0);
	assert_int_equal(tpr_find(info, &other), 0);
	/* by one port, seen by all */
	assert_result(run(info, 'G', &change).res, GOOD, "change");
	assert_int_equal(info->num_regs, 2);
	assert_int_equal(info->regs[0].key, 5);
	assert_true(info->regs[0].all_tg_pt);
	assert_result(run(info, 'F', &away).res, GOOD, "away");
	assert_text(info, "B2 /1B g12", "unregistered");
	assert_int_equal(tpr_find(info, &n), -1);
	/* another session of the same host never was registered */
	free(info);
}

/* All target ports are of one initiator port, and of no other session. */
static void test_L7_all_tg_pt_is_one_initiator_port(void **unused)
{
	struct tcmu_pr_info *info = state("B2 E3");
	struct tpr_nexus n = nexus('A'), e = nexus('E'), b = nexus('B');

	(void)unused;
	n.target[0] = 0;
	n.tag = 0;
	tpr_reg_add(info, &n, 1, true);
	assert_true(tpr_info_valid(info));
	assert_int_equal(info->regs[tpr_find(info, &e)].key, 3);
	assert_int_equal(info->regs[tpr_find(info, &b)].key, 2);
	tpr_reg_remove(info, (u32)tpr_find(info, &e));
	assert_int_equal(tpr_find(info, &e), -1);
	tpr_reg_remove(info, (u32)tpr_find(info, &b));
	assert_int_equal(tpr_find(info, &b), -1);
	e = nexus('H');
	assert_int_equal(tpr_find(info, &e), -1);
	free(info);
}

static void test_all_tg_pt_is_refused(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', REG, 0, 0, 1, ALL_TG_PT, PARAM_FIELD, NULL),
		ROW("A1", 'A', IGN, 0, 0, 1, ALL_TG_PT, PARAM_FIELD, NULL),
		ROW("A1", 'A', REG, 0, 1, 0, ALL_TG_PT | APTPL, PARAM_FIELD,
		    NULL),
		/* elsewhere the bit is ignored */
		ROW("A1", 'A', RES, 1, 1, 0, ALL_TG_PT, GOOD, "A1 /1A g10"),
		ROW("A1 /1A", 'A', REL, 1, 1, 0, 0xff, GOOD, "A1 g10"),
		ROW("A1", 'A', CLR, 0, 1, 0, ALL_TG_PT, GOOD, "g11"),
		ROW("A1 B2", 'A', PRE, 0, 1, 2, ALL_TG_PT, GOOD, "A1 g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* LIO registers TransportIDs with whichever port knows their names. */
static void test_L10_spec_i_pt_is_refused(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL),
		ROW("A1", 'A', REG, 0, 1, 0, SPEC_I_PT, PARAM_FIELD, NULL),
		ROW("A1", 'A', IGN, 0, 1, 2, SPEC_I_PT, PARAM_FIELD, NULL),
		/* elsewhere the bit is ignored */
		ROW("A1", 'A', RES, 1, 1, 0, SPEC_I_PT, GOOD, "A1 /1A g10"),
		ROW("A1", 'A', CLR, 0, 1, 0, SPEC_I_PT, GOOD, "g11"),
	};
	struct tcmu_pr_info *info = state("");
	struct op op = {.sa = REG, .sa_key = 1, .flags = SPEC_I_PT};

	(void)unused;
	RUN_ROWS(rows);
	/* a longer list is what SPEC_I_PT is for, so that is not the error */
	for (op.list_len = 25; op.list_len < 80; op.list_len++)
		expect_op(info, 'A', &op, PARAM_FIELD, NULL, "long list");
	op.sa = RES;
	op.type = 1;
	op.list_len = 52;
	expect_op(info, 'A', &op, PARAM_LEN, NULL, "not a register action");
	free(info);
}

/* LIO keeps one mark for all sessions of a host. */
static void test_L12_two_isids_are_two_nexuses(void **unused)
{
	static const struct row rows[] = {
		ROW("A1", 'E', RES, 1, 1, 0, 0, CONFLICT, NULL),
		ROW("A1", 'E', REG, 0, 1, 0, 0, CONFLICT, NULL),
		ROW("A1", 'E', REG, 0, 0, 2, 0, GOOD, "A1 E2 g11"),
		ROW("A1 E1 /1A", 'E', REG, 0, 1, 0, 0, GOOD, "A1 /1A g11"),
		ROW("A1 E1 /1A", 'A', REG, 0, 1, 0, 0, GOOD, "E1 g11"),
		ROW("A1 E2 /1A", 'E', REL, 1, 2, 0, 0, GOOD, NULL),
		/* nor are two portal groups or two targets one */
		ROW("A1", 'F', RES, 1, 1, 0, 0, CONFLICT, NULL),
		ROW("A1", 'G', RES, 1, 1, 0, 0, CONFLICT, NULL),
		ROW("A1 F1 G1 /5F", 'F', IGN, 0, 0, 0, 0, GOOD, "A1 G1 g11"),
		ROW("A1 F1 G1 /5F", 'G', IGN, 0, 0, 0, 0, GOOD,
		    "A1 F1 /5F g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* On SCST's other nodes the reservation is gone. */
static void test_S5_key_change_of_only_registrant(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 /7*", 'A', REG, 0, 1, 2, 0, GOOD, "A2 /7* g11"),
		ROW("A1 /8*", 'A', IGN, 0, 0, 2, 0, GOOD, "A2 /8* g11"),
		ROW("A1 /5A", 'A', REG, 0, 1, 2, 0, GOOD, "A2 /5A g11"),
		ROW("A1 /1A", 'A', IGN, 0, 0, 1, 0, GOOD, "A1 /1A g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SCST answers RESERVATION CONFLICT. */
static void test_S8_preempt_key_0(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2", 'A', PRE, 1, 1, 0, 0, PARAM_FIELD, NULL),
		ROW("A1", 'A', PRE, 1, 1, 0, 0, PARAM_FIELD, NULL),
		ROW("A1 B2 /1A", 'A', PRE, 1, 1, 0, 0, PARAM_FIELD, NULL),
		ROW("A1 B2 /3A", 'B', PRE, 3, 2, 0, 0, PARAM_FIELD, NULL),
		ROW("A1 B2 /5A", 'B', PRE, 5, 2, 0, 0, PARAM_FIELD, NULL),
		ROW("A1 B2 /6A", 'A', PRE, 6, 1, 0, 0, PARAM_FIELD, NULL),
		/* the wrong RESERVATION KEY comes first */
		ROW("A1 B2", 'A', PRE, 1, 2, 0, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SCST keeps a holder, and READ RESERVATION then tells a key. */
static void test_S9_preempt_own_reservation_to_all_registrants(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 /5A", 'A', PRE, 7, 1, 1, 0, GOOD, "A1 B2 /7* g11"),
		ROW("A1 B2 /3A", 'A', PRE, 8, 1, 1, 0, GOOD, "A1 B2 /8* g11"),
		ROW("A1 B1 /3B", 'B', PRE, 8, 1, 1, 0, GOOD, "B1 /8* g11"),
		ROW("A1 B2 /3A", 'A', PRE, 5, 1, 1, 0, GOOD, "A1 B2 /5A g11"),
		ROW("A1 B2 /3A", 'A', PRE, 3, 1, 1, 0, GOOD, "A1 B2 /3A g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SCST keeps the preemptor's registration when there is no reservation. */
static void test_S10_own_key_goes_with_or_without_reservation(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2", 'A', PRE, 1, 1, 1, 0, GOOD, "B2 g11"),
		ROW("A1 B1", 'A', PRE, 1, 1, 1, 0, GOOD, "g11"),
		ROW("A1 B2 C1 /5B", 'A', PRE, 5, 1, 1, 0, GOOD, "B2 /5B g11"),
		ROW("A1 B2 C1 /7*", 'A', PRE, 7, 1, 1, 0, GOOD, "B2 /7* g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SPDK hands the reservation to the next registrant. */
static void test_P1_release_all_registrants(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 /7*", 'A', REL, 7, 1, 0, 0, GOOD, "A1 B2 g10"),
		ROW("A1 B2 /8*", 'B', REL, 8, 2, 0, 0, GOOD, "A1 B2 g10"),
		ROW("A1 B2 C3 /8*", 'C', REL, 8, 3, 0, 0, GOOD, "A1 B2 C3 g10"),
		ROW("A1 B2 /8*", 'B', REL, 7, 2, 0, 0, BAD_RELEASE, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SPDK compares with the holder's key, and first. */
static void test_P2_release_by_non_holder(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 /1A", 'B', REL, 1, 2, 0, 0, GOOD, NULL),
		ROW("A1 B2 /3A", 'B', REL, 3, 2, 0, 0, GOOD, NULL),
		ROW("A1 B2 /5A", 'B', REL, 5, 2, 0, 0, GOOD, NULL),
		ROW("A1 B2 /6A", 'B', REL, 6, 2, 0, 0, GOOD, NULL),
		/* whatever its scope and type */
		ROW("A1 B2 /6A", 'B', REL, 1, 2, 0, 0, GOOD, NULL),
		ROW("A1 B2 /6A", 'B', REL, 0x16, 2, 0, 0, GOOD, NULL),
		/* the same key does not make a holder */
		ROW("A1 B1 /6A", 'B', REL, 6, 1, 0, 0, GOOD, NULL),
		ROW("A1 B2 /1A", 'B', REL, 1, 1, 0, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SPDK removes the preemptor, conflicts after that, and counts too often. */
static void test_P3_preempt_same_key_as_holder(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B1 /1A", 'B', PRE, 1, 1, 1, 0, GOOD, "B1 /1B g11"),
		ROW("A1 B1 C1 D1 /5D", 'B', PRE, 5, 1, 1, 0, GOOD,
		    "B1 /5B g11"),
		ROW("A1 B1 C1 D2 /5A", 'D', PRE, 5, 2, 1, 0, GOOD,
		    "D2 /5D g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* For SPDK a nexus is a pointer, which a new login makes another. */
static void test_P4_nexus_is_its_names(void **unused)
{
	struct tcmu_pr_info *info = state("A1 H2 /1A");
	struct tpr_nexus n = nexus('A'), h = nexus('H');

	(void)unused;
	n.rtpi = 99; /* another gateway's number for the port: informative */
	assert_true(tpr_find(info, &n) >= 0);
	assert_true(tpr_is_holder(info, (u32)tpr_find(info, &n)));
	assert_true(tpr_find(info, &h) >= 0);
	h.proto = TPR_PROTO_SAS; /* same text, another protocol */
	assert_int_equal(tpr_find(info, &h), -1);
	n.isid[5] = 7;
	assert_int_equal(tpr_find(info, &n), -1);
	free(info);
}

/* SPDK takes any type, and dies of type 0; its actions have four bits. */
static void test_P6_reserve_type_is_checked(void **unused)
{
	static const struct row rows[] = {
		ROW("A1", 'A', RES, 0, 1, 0, 0, CDB_FIELD, NULL),
		ROW("A1", 'A', RES, 2, 1, 0, 0, CDB_FIELD, NULL),
		ROW("A1", 'A', RES, 4, 1, 0, 0, CDB_FIELD, NULL),
		ROW("A1", 'A', RES, 9, 1, 0, 0, CDB_FIELD, NULL),
		ROW("A1", 'A', RES, 15, 1, 0, 0, CDB_FIELD, NULL),
		ROW("A1 /1A", 'A', RES, 0, 1, 0, 0, CDB_FIELD, NULL),
		ROW("A1", 'A', 0x13, 1, 1, 0, 0, CDB_FIELD, NULL),
		ROW("A1", 'A', 0x10, 0, 1, 0, 0, CDB_FIELD, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SPDK says GOOD and does nothing. */
static void test_P6_short_parameter_list(void **unused)
{
	struct tcmu_pr_info *info = state("");
	struct op op = {.sa = REG, .sa_key = 1, .given = 23};

	(void)unused;
	expect_op(info, 'A', &op, PARAM_LEN, NULL, "short");
	free(info);
}

/* So does it without memory for a registration. */
static void test_P6_no_room_is_told(void **unused)
{
	struct tcmu_pr_info *info = state_room("A1 B2 /5A", 2);
	struct op op = {.sa = REG, .sa_key = 1};

	(void)unused;
	expect_op(info, 'C', &op, RESOURCES, NULL, "register");
	op.sa = IGN;
	expect_op(info, 'C', &op, RESOURCES, NULL, "register and ignore");
	/* who is registered needs no room */
	expect_op(info, 'A', &op, GOOD, "A1 B2 /5A g11", "again");
	free(info);
}

/* SPDK's NVMe keeps the old type; key 0 removes all others. */
static void test_N3_preempt_key_0_takes_the_new_type(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2 C3 /7*", 'B', PRE, 1, 2, 0, 0, GOOD, "B2 /1B g11"),
		ROW("A1 B2 C3 /8*", 'C', PRE, 6, 3, 0, 0, GOOD, "C3 /6C g11"),
		ROW("A1 B2 C1 /7*", 'A', PRE, 8, 1, 0, 0, GOOD, "A1 /8* g11"),
		ROW("A1 B2 C1 /7*", 'A', PRE, 7, 1, 0, 0, GOOD, "A1 /7* g11"),
		ROW("A1 /7*", 'A', PRE, 3, 1, 0, 0, GOOD, "A1 /3A g11"),
		ROW("A1 /7*", 'A', PRE, 2, 1, 0, 0, CDB_FIELD, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SPDK says GOOD, both of its kinds. */
static void test_N4_preempt_without_match(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 B2", 'A', PRE, 1, 1, 9, 0, CONFLICT, NULL),
		ROW("A1 B2 /1A", 'A', PRE, 1, 1, 9, 0, CONFLICT, NULL),
		ROW("A1 B2 /5A", 'B', PRE, 5, 2, 9, 0, CONFLICT, NULL),
		ROW("A1 B2 /7*", 'B', PRE, 7, 2, 9, 0, CONFLICT, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register),
		cmocka_unit_test(test_unregister),
		cmocka_unit_test(test_register_ignore),
		cmocka_unit_test(test_aptpl),
		cmocka_unit_test(test_reserve),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_preempt_reservation),
		cmocka_unit_test(test_preempt_registrations),
		cmocka_unit_test(test_scope_and_type_of_reserve),
		cmocka_unit_test(test_unsupported_actions),
		cmocka_unit_test(test_parameter_list_length),
		cmocka_unit_test(test_no_parameter_list),
		cmocka_unit_test(test_check_agrees),
		cmocka_unit_test(test_longer_data),
		cmocka_unit_test(test_4096_registrations_and_one),
		cmocka_unit_test(test_all_tg_pt_is_refused),
		cmocka_unit_test(test_L1_preempt_and_abort_is_refused),
		cmocka_unit_test(test_L2_unregistered_conflicts),
		cmocka_unit_test(test_L3_preempt_own_key_as_non_holder),
		cmocka_unit_test(test_L6_release_with_wrong_type),
		cmocka_unit_test(test_L7_unregister_all_tg_pt),
		cmocka_unit_test(test_L7_all_tg_pt_is_one_initiator_port),
		cmocka_unit_test(test_L10_spec_i_pt_is_refused),
		cmocka_unit_test(test_L12_two_isids_are_two_nexuses),
		cmocka_unit_test(test_S5_key_change_of_only_registrant),
		cmocka_unit_test(test_S8_preempt_key_0),
		cmocka_unit_test(
			test_S9_preempt_own_reservation_to_all_registrants),
		cmocka_unit_test(
			test_S10_own_key_goes_with_or_without_reservation),
		cmocka_unit_test(test_P1_release_all_registrants),
		cmocka_unit_test(test_P2_release_by_non_holder),
		cmocka_unit_test(test_P3_preempt_same_key_as_holder),
		cmocka_unit_test(test_P4_nexus_is_its_names),
		cmocka_unit_test(test_P6_reserve_type_is_checked),
		cmocka_unit_test(test_P6_short_parameter_list),
		cmocka_unit_test(test_P6_no_room_is_told),
		cmocka_unit_test(test_N3_preempt_key_0_takes_the_new_type),
		cmocka_unit_test(test_N4_preempt_without_match),
		cmocka_unit_test(test_every_combination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
