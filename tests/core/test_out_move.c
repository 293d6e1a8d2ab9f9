// SPDX-License-Identifier: GPL-2.0-only
/*
 * PERSISTENT RESERVE OUT: REGISTER AND MOVE, SPC-4 5.13.8 and 6.16.4, and
 * REPLACE LOST RESERVATION, 5.13.11.3.
 */
#include "rows.h"

static void test_move(void **unused)
{
	static const struct row rows[] = {
		/* to who is not registered */
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, GOOD, "A1 B2 /1B g11", "B"),
		ROW("A1 /3A", 'A', MOV, 0, 1, 2, UNREG, GOOD, "B2 /3B g11",
		    "B"),
		ROW("C1 /5C", 'C', MOV, 0, 1, 1, 0, GOOD, "A1 C1 /5A g11", "A"),
		ROW("A1 D2 /6A", 'A', MOV, 0, 1, 9, UNREG, GOOD,
		    "C9 D2 /6C g11", "C"),
		ROW("A1 /6A", 'A', MOV, 0, 1, 9, 0, GOOD, "A1 H9 /6H g11", "H"),
		ROW("H1 /6H", 'H', MOV, 0, 1, 9, UNREG, GOOD, "A9 /6A g11",
		    "A"),
		/* to who is: another key, the same key */
		ROW("A1 B2 /1A", 'A', MOV, 0, 1, 3, 0, GOOD, "A1 B3 /1B g11",
		    "B"),
		ROW("A1 B2 C4 /5A", 'A', MOV, 0, 1, 2, UNREG, GOOD,
		    "B2 C4 /5B g11", "B"),
		ROW("A1 B2 C4 /5C", 'C', MOV, 0, 4, 2, UNREG, GOOD,
		    "A2 B2 /5A g11", "A"),
		/* by and to all target ports */
		ROW("b1 C3 /5b", 'B', MOV, 0, 1, 2, 0, GOOD, "C2 b1 /5C g11",
		    "C"),
		ROW("b1 C3 /5b", 'B', MOV, 0, 1, 2, UNREG, GOOD, "C2 /5C g11",
		    "C"),
		ROW("b1 C3 /5C", 'C', MOV, 0, 3, 2, 0, GOOD, "C3 b2 /5b g11",
		    "B"),
		/* the type, and the scope too, are ignored */
		ROW("A1 /1A", 'A', MOV, 0x35, 1, 2, 0, GOOD, "A1 B2 /1B g11",
		    "B"),
		/* APTPL counts, reserved bits do not */
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, APTPL, GOOD,
		    "A1 B2 /1B g11 p", "B"),
		ROW("A1 /1A p", 'A', MOV, 0, 1, 2, UNREG, GOOD, "B2 /1B g11",
		    "B"),
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0xfc, GOOD, "A1 B2 /1B g11",
		    "B"),
		ROW("A1 /1A g4294967295", 'A', MOV, 0, 1, 2, 0, GOOD,
		    "A1 B2 /1B g0", "B"),
		/* another session of the same host is another port */
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, GOOD, "A1 E2 /1E g11", "E"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* In the order in which the conditions count. */
static void test_move_errors(void **unused)
{
	static const struct row rows[] = {
		/* not registered, another key */
		ROW("", 'A', MOV, 0, 0, 2, 0, CONFLICT, NULL, "B"),
		ROW("B1 /1B", 'A', MOV, 0, 1, 0, 0, CONFLICT, NULL, "A"),
		ROW("A1", 'A', MOV, 0, 2, 2, 0, CONFLICT, NULL, "B"),
		ROW("A1 /1A", 'A', MOV, 0, 2, 0, 0, CONFLICT, NULL, "A"),
		/* all registrants, or another holder */
		ROW("A1 B2 /7*", 'A', MOV, 0, 1, 0, 0, CONFLICT, NULL, "A"),
		ROW("A1 /8*", 'A', MOV, 0, 1, 2, 0, CONFLICT, NULL, "B"),
		ROW("A1 B2 /5B", 'A', MOV, 0, 1, 0, 0, CONFLICT, NULL, "A"),
		ROW("A1 B2 /1B", 'A', MOV, 0, 1, 2, 0, CONFLICT, NULL, "C"),
		/* no reservation */
		ROW("A1", 'A', MOV, 0, 1, 2, 0, CDB_FIELD, NULL, "B"),
		ROW("A1 B2", 'A', MOV, 0, 1, 0, 0, CDB_FIELD, NULL, "A"),
		/* no key */
		ROW("A1 /1A", 'A', MOV, 0, 1, 0, 0, PARAM_FIELD, NULL, "B"),
		/* the sender's own port, whatever the target port */
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "A"),
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "F"),
		ROW("A1 F2 /1A", 'A', MOV, 0, 1, 2, UNREG, PARAM_FIELD, NULL,
		    "F"),
		ROW("a1 /1a", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "G"),
		/* no such target port, or not of that protocol */
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "B",
		    .rtpi = 77),
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "B",
		    .rtpi = RTPI_0),
		ROW("A1 b1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "B",
		    .rtpi = RTPI_0),
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "B",
		    .rtpi = 4),
		/* a device is no port; that is seen before the state is */
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "@B"),
		ROW("", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "@B"),
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "BC"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* A gateway that knows no ports learns them from who is registered. */
static void test_move_to_a_registered_target_port(void **unused)
{
	static const struct row rows[] = {
		/* its own */
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, GOOD, "A1 B2 /1B g11", "B",
		    .alone = true),
		ROW("a1 /1a", 'A', MOV, 0, 1, 2, UNREG, GOOD, "B2 /1B g11",
		    "B", .alone = true),
		ROW("A1 D2 /1A", 'A', MOV, 0, 1, 2, 0, GOOD,
		    "A1 C2 D2 /1C g11", "C", .alone = true),
		ROW("A1 H2 /1A", 'A', MOV, 0, 1, 3, 0, GOOD, "A1 H3 /1H g11",
		    "H", .alone = true),
		ROW("A1 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "C",
		    .alone = true),
		ROW("A1 h2 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "H",
		    .alone = true),
		/* of another protocol */
		ROW("A1 H2 /1A", 'A', MOV, 0, 1, 2, 0, PARAM_FIELD, NULL, "B",
		    .rtpi = 4, .alone = true),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* LIO takes the type for the scope, and writes it to the old registration. */
static void test_L5_move_keeps_the_type(void **unused)
{
	static const u8 types[] = {1, 3, 5, 6};
	struct op op = {.sa = MOV, .type = 8, .key = 1, .sa_key = 2,
			.tids = "B"};
	char before[32], after[32];
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(types); i++) {
		struct tcmu_pr_info *info;

		snprintf(before, sizeof(before), "A1 C3 /%uA", types[i]);
		snprintf(after, sizeof(after), "A1 B2 C3 /%uB g11", types[i]);
		info = state(before);
		expect_op(info, 'A', &op, GOOD, after, before);
		/* and it can go on from there */
		op = (struct op){.sa = MOV, .key = 2, .sa_key = 1,
				 .flags = UNREG, .tids = "C"};
		snprintf(after, sizeof(after), "A1 C1 /%uC g12", types[i]);
		expect_op(info, 'B', &op, GOOD, after, before);
		op = (struct op){.sa = MOV, .type = 8, .key = 1, .sa_key = 2,
				 .tids = "B"};
		free(info);
	}
}

static void test_move_without_room(void **unused)
{
	struct tcmu_pr_info *info = state_room("A1 C3 /5A", 2);
	struct op op = {.sa = MOV, .key = 1, .sa_key = 2, .tids = "B"};

	(void)unused;
	expect_op(info, 'A', &op, RESOURCES, NULL, "full");
	/* the sender's own makes room */
	op.flags = UNREG;
	expect_op(info, 'A', &op, GOOD, "B2 C3 /5B g11", "exchanged");
	op = (struct op){.sa = MOV, .key = 2, .sa_key = 4, .tids = "C"};
	expect_op(info, 'B', &op, GOOD, "B2 C4 /5C g12", "registered");
	free(info);
}

static void test_move_forced_aptpl(void **unused)
{
	struct tcmu_pr_info *info = state("A1 /5A");
	struct op op = {.sa = MOV, .key = 1, .sa_key = 2, .tids = "B",
			.force = true};

	(void)unused;
	expect_op(info, 'A', &op, GOOD, "A1 B2 /5B g11 p", "forced");
	free(info);
}

static void test_move_lengths(void **unused)
{
	struct tcmu_pr_info *info = state("A1 /5A");
	struct op op = {.sa = MOV, .key = 1, .sa_key = 2, .tids = "B"};
	const u32 whole = 24 + 48;

	(void)unused;
	for (op.list_len = 1; op.list_len < whole; op.list_len++)
		expect_op(info, 'A', &op, PARAM_LEN, NULL, "announced");
	op.list_len = 0;
	for (op.given = 1; op.given < whole; op.given++)
		expect_op(info, 'A', &op, PARAM_LEN, NULL, "arrived");
	op.given = 0;
	for (op.list_len = whole + 1; op.list_len < whole + 8; op.list_len++)
		expect_op(info, 'A', &op, PARAM_LEN, NULL, "not arrived");
	op = (struct op){.sa = MOV, .key = 1, .sa_key = 2};
	expect_op(info, 'A', &op, PARAM_FIELD, NULL, "no TransportID");
	free(info);
}

/* TRANSPORTID LENGTH has to be the TransportID's. */
static void test_move_transportid_length(void **unused)
{
	struct tcmu_pr_info *info = state("A1 /5A"), *before = clone(info);
	struct op op = {.sa = MOV, .key = 1, .sa_key = 2, .tids = "BH"};
	u8 cdb[TPR_OUT_CDB_LEN], param[LIST_MAX];
	struct tpr_nexus n = nexus('A');
	struct tpr_ports ports = {.target = known_target};
	struct tpr_out_req req = {
		.nexus = &n, .cdb = cdb, .param = param, .ports = &ports,
	};
	struct tpr_order order;
	bool changed;
	u32 len;

	(void)unused;
	req.param_len = out_list(param, &op);
	out_cdb(cdb, &op, req.param_len);
	for (len = 0; len < 100; len++) {
		tpr_put_be32(param + 20, len);
		if (len == 48)
			continue;
		assert_result(tpr_out(info, &req, &changed, &order),
			      len <= 72 ? PARAM_FIELD : PARAM_LEN, "length");
		assert_untouched(info, before, "length");
	}
	tpr_put_be32(param + 20, 0xfffffff8);
	assert_result(tpr_out(info, &req, &changed, &order), PARAM_LEN, "-8");
	/* the list may be longer than it needs to be */
	tpr_put_be32(param + 20, 48);
	assert_result(tpr_out(info, &req, &changed, &order), GOOD, "whole");
	assert_text(info, "A1 B2 /5B g11", "whole");
	free(before);
	free(info);
}

static void run_lost(const char *before, char who, const struct op *op,
		     enum verdict want, const char *after)
{
	struct tcmu_pr_info *info = state(before);

	expect_op(info, who, op, want, after, after ? after : before);
	free(info);
}

/* One registration, one reservation, PRGENERATION 0 (SPC-4 5.13.11.3 e). */
static void test_replace_lost(void **unused)
{
	struct op op = {.sa = LST, .sa_key = 5, .lost = true};
	char after[32];
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(all_types); i++) {
		op.type = all_types[i];
		snprintf(after, sizeof(after), "B5 /%u%c g0", all_types[i],
			 all_types[i] < 7 ? 'B' : '*');
		run_lost("", 'B', &op, GOOD, after);
		run_lost("g77 p", 'B', &op, GOOD, after);
	}
	/* whatever is left of the old one goes */
	op.type = 1;
	run_lost("A1 B2 C3 /5A p", 'C', &op, GOOD, "C5 /1C g0");
	op.flags = APTPL;
	run_lost("", 'H', &op, GOOD, "H5 /1H g0 p");
	op.flags = 0;
	op.force = true;
	run_lost("", 'H', &op, GOOD, "H5 /1H g0 p");
	/* this bit is ignored */
	op.force = false;
	op.flags = ALL_TG_PT;
	run_lost("", 'A', &op, GOOD, "A5 /1A g0");
}

static void test_replace_lost_ends_spc2(void **unused)
{
	struct tcmu_pr_info *info = state("2A");
	struct op op = {.sa = LST, .sa_key = 5, .type = 3, .lost = true};
	struct answer a = run(info, 'B', &op);

	(void)unused;
	assert_result(a.res, GOOD, "no conflict when lost");
	assert_text(info, "B5 /3B g0", "SPC-2");
	free(info);
}

static void test_replace_lost_errors(void **unused)
{
	struct op op = {.sa = LST, .key = 1, .sa_key = 5, .type = 1,
			.lost = true};
	struct tcmu_pr_info *info;
	int st;

	(void)unused;
	run_lost("", 'A', &op, PARAM_FIELD, NULL);
	op.key = 0;
	op.sa_key = 0;
	run_lost("", 'A', &op, PARAM_FIELD, NULL);
	op.sa_key = 5;
	op.flags = SPEC_I_PT;
	run_lost("", 'A', &op, PARAM_FIELD, NULL);
	op.flags = 0;
	op.list_len = 23;
	run_lost("", 'A', &op, PARAM_LEN, NULL);
	op.list_len = 0;
	for (st = 0; st < 256; st++) {
		op.scope = (u8)(st >> 4);
		op.type = (u8)(st & 15);
		if (op.scope || !known_type(op.type))
			run_lost("", 'A', &op, CDB_FIELD, NULL);
	}
	op.scope = 0;
	op.type = 1;
	info = state_room("", 0);
	expect_op(info, 'A', &op, RESOURCES, NULL, "no room at all");
	free(info);
}

/* SPC-4 5.13.11.3 has an own sense for this, surprising as it is. */
static void test_replace_what_is_not_lost(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', LST, 1, 0, 5, 0, CONFLICT, NULL),
		ROW("B2 /1B", 'A', LST, 1, 0, 5, 0, CONFLICT, NULL),
		ROW("B2 /1B", 'A', LST, 0, 0, 0, 0, CONFLICT, NULL),
		ROW("A1", 'A', LST, 1, 0, 5, 0, BAD_RELEASE, NULL),
		ROW("A1 /1A", 'A', LST, 1, 0, 5, 0, BAD_RELEASE, NULL),
		ROW("A1 B2 /1B", 'A', LST, 1, 1, 5, 0, BAD_RELEASE, NULL),
		ROW("A1 B2 /1B", 'A', LST, 0, 9, 0, 0, BAD_RELEASE, NULL),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SPC-4 5.13.5.3: all others have to wait. */
static void test_lost(void **unused)
{
	struct op op = {.type = 1, .lost = true};

	(void)unused;
	for (op.sa = 0; op.sa < 32; op.sa++) {
		if (op.sa == LST)
			continue;
		op.key = 0;
		run_lost("", 'A', &op, LOST, NULL);
		op.sa_key = 1;
		run_lost("2A", 'A', &op, LOST, NULL);
		op.key = 1;
		run_lost("A1 /1A", 'A', &op, LOST, NULL);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_move_errors),
		cmocka_unit_test(test_move_to_a_registered_target_port),
		cmocka_unit_test(test_L5_move_keeps_the_type),
		cmocka_unit_test(test_move_without_room),
		cmocka_unit_test(test_move_forced_aptpl),
		cmocka_unit_test(test_move_lengths),
		cmocka_unit_test(test_move_transportid_length),
		cmocka_unit_test(test_replace_lost),
		cmocka_unit_test(test_replace_lost_ends_spc2),
		cmocka_unit_test(test_replace_lost_errors),
		cmocka_unit_test(test_replace_what_is_not_lost),
		cmocka_unit_test(test_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
