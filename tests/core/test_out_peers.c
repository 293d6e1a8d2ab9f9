// SPDX-License-Identifier: GPL-2.0-only
/*
 * PERSISTENT RESERVE OUT: one test for each defect that is known from other
 * implementations and that these operations touch.
 *
 *	LIO
 *	L1	test_L1_preempt_and_abort_by_registration; test_ua.c
 *	L2	test_L2_unregistered_conflicts
 *	L3	test_L3_preempt_own_key_as_non_holder
 *	L4	no: locking, the core has none
 *	L5	test_out_move.c, test_L5_move_keeps_the_type
 *	L6	test_L6_release_with_wrong_type
 *	L7	test_out_ports.c, test_L7_unregister_all_tg_pt
 *	L8	test_spc2.c, test_L8_registrant_under_shared_reservation
 *	L9	test_in.c, test_L9_full_status_stays_in_bounds
 *	L10	test_out_ports.c, test_L10_spec_i_pt_is_the_receiving_port
 *	L11	no: restoring registrations is the store's, see test_string.c
 *	L12	test_L12_two_isids_are_two_nexuses
 *	L13	test_in.c, test_L13_short_allocation_length; unit attentions'
 *		order is the kernel's
 *	SCST
 *	S1	test_in.c, test_S1_full_status_beyond_the_buffer
 *	S2, S6, S7, S11, S12	no: its cluster protocol
 *	S3	test_out_ports.c, test_S3_key_change_of_all_tg_pt
 *	S4	test_out_ports.c, test_S4_all_tg_pt_goes_as_a_whole
 *	S5	test_S5_key_change_of_only_registrant
 *	S8	test_S8_preempt_key_0
 *	S9	test_S9_preempt_own_reservation_to_all_registrants
 *	S10	test_S10_own_key_goes_with_or_without_reservation
 *	SPDK
 *	P1	test_P1_release_all_registrants
 *	P2	test_P2_release_by_non_holder
 *	P3	test_P3_preempt_same_key_as_holder
 *	P4	test_P4_nexus_is_its_names
 *	P5	test_spc2.c, test_P5_release_by_another_nexus
 *	P6	test_P6_reserve_type_is_checked, test_P6_short_parameter_list,
 *		test_P6_no_room_is_told; unit attentions in test_ua.c
 *	N1	test_check.c, test_N1_unknown_opcode_is_a_write
 *	N2	test_string.c, test_N2_no_registrations
 *	N3	test_N3_preempt_key_0_takes_the_new_type
 *	N4	test_N4_preempt_without_match
 */
#include "rows.h"

/*
 * LIO selects by the holder's key, so it aborts too few or too many.  Whose
 * commands end is told by tpr_must_abort(), see test_ua.c; here, whose
 * registration goes.
 */
static void test_L1_preempt_and_abort_by_registration(void **unused)
{
	static const struct row rows[] = {
		/* a plain registrant, as fence agents do */
		ROW("A1 B2 C3 /5A", 'A', PAB, 5, 1, 2, 0, GOOD,
		    "A1 C3 /5A g11"),
		ROW("A1 B2 C2 /5A", 'A', PAB, 5, 1, 2, 0, GOOD, "A1 /5A g11"),
		/* the holder, and not who has another key */
		ROW("A1 B2 C3 /5A", 'B', PAB, 5, 2, 1, 0, GOOD,
		    "B2 C3 /5B g11"),
		ROW("A1 B2 C3 /7*", 'B', PAB, 7, 2, 1, 0, GOOD,
		    "B2 C3 /7* g11"),
		ROW("A1 B2 C3 /7*", 'B', PAB, 7, 2, 0, 0, GOOD, "B2 /7* g11"),
		ROW("A1 B2", 'C', PAB, 5, 2, 1, 0, CONFLICT, NULL),
		ROW("A1 B2", 'A', PAB, 5, 2, 1, 0, CONFLICT, NULL),
		ROW("A1 B2", 'A', PAB, 5, 1, 9, 0, CONFLICT, NULL),
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
		ROW("", 'A', PAB, 1, 0, 1, 0, CONFLICT, NULL),
		ROW("B2 /7*", 'A', PAB, 1, 2, 0, 0, CONFLICT, NULL),
		ROW("", 'A', MOV, 0, 0, 1, 0, CONFLICT, NULL, "C"),
		ROW("B2 /1B", 'A', MOV, 0, 2, 1, 0, CONFLICT, NULL, "C"),
		ROW("B2 /1B", 'A', LST, 1, 0, 1, 0, CONFLICT, NULL),
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
	char before[16], what[64];
	size_t i;
	int st;

	(void)unused;
	for (i = 0; i < COUNT(all_types); i++) {
		struct tcmu_pr_info *info;

		snprintf(before, sizeof(before), "A1 B2 /%u%c", all_types[i],
			 all_types[i] >= 7 ? '*' : 'A');
		info = state(before);
		for (st = 0; st < 256; st++) {
			struct op op = {.sa = REL,
					.scope = (u8)(st >> 4),
					.type = (u8)(st & 15),
					.key = 1};

			if (st == all_types[i])
				continue;
			snprintf(what, sizeof(what), "%s, %02x", before, st);
			expect_op(info, 'A', &op, BAD_RELEASE, NULL, what);
		}
		free(info);
	}
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
		cmocka_unit_test(test_L1_preempt_and_abort_by_registration),
		cmocka_unit_test(test_L2_unregistered_conflicts),
		cmocka_unit_test(test_L3_preempt_own_key_as_non_holder),
		cmocka_unit_test(test_L6_release_with_wrong_type),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
