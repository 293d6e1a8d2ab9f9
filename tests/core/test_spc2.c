// SPDX-License-Identifier: GPL-2.0-only
/*
 * RESERVE and RELEASE of SPC-2 beside persistent reservations (SPC-4 5.13.3,
 * CRH); and, since all of it comes together there, orders done again.
 */
#include "rows.h"

static const u8 opcodes[][2] = {{0x16, 0x17}, {0x56, 0x57}};

/* One command of @who at @gateway; *@order becomes what it told. */
static struct tpr_result send(struct tcmu_pr_info *info, char who, const u8 *cdb,
			      const char *gateway, bool *changed,
			      struct tpr_order *order)
{
	struct tpr_nexus n = nexus(who);

	*changed = true;
	memset(order, POISON, sizeof(*order));
	return tpr_spc2(info, &n, gateway, cdb, changed, order);
}

/* As expect_op(), for both lengths of the command. */
static void expect_spc2(const char *before, char who, bool release,
			enum verdict want, const char *after)
{
	struct tpr_nexus n = nexus(who), none = {.proto = 0};
	size_t i;

	for (i = 0; i < COUNT(opcodes); i++) {
		struct tcmu_pr_info *info = state(before), *old = clone(info);
		u8 cdb[10] = {opcodes[i][release]};
		struct tpr_order order;
		bool changed;

		assert_result(send(info, who, cdb, "gw-1", &changed, &order),
			      want, before);
		assert_int_equal(changed, after != NULL);
		if (after) {
			assert_text(info, after, before);
			assert_int_equal(order.action,
					 release ? TPR_ACT_SPC2_RELEASE
						 : TPR_ACT_SPC2_RESERVE);
			assert_true(same_nexus(&order.nexus, &n));
			assert_redo(old, info, &order, before);
			assert_string_equal(old->scsi2_gateway,
					    info->scsi2_gateway);
		} else {
			assert_untouched(info, old, before);
			assert_int_equal(order.action, 0);
			assert_true(same_nexus(&order.nexus, &none));
		}
		assert_int_equal(order.flags | order.scope_type | order.sa_key,
				 0);
		free(old);
		free(info);
	}
}

static void test_reserve_and_release(void **unused)
{
	(void)unused;
	expect_spc2("", 'A', false, GOOD, "2A g10");
	expect_spc2("g5 p", 'H', false, GOOD, "2H g5 p");
	/* again */
	expect_spc2("2A", 'A', false, GOOD, NULL);
	expect_spc2("2A", 'B', false, CONFLICT, NULL);
	expect_spc2("2A", 'A', true, GOOD, "g10");
	/* there is none */
	expect_spc2("", 'A', true, GOOD, NULL);
	/* another session, another target port: another nexus */
	expect_spc2("2A", 'E', false, CONFLICT, NULL);
	expect_spc2("2A", 'F', false, CONFLICT, NULL);
	expect_spc2("2A", 'G', true, GOOD, NULL);
}

/* SPC-4 5.13.3 a): who holds the persistent reservation. */
static void test_holder_of_persistent_reservation(void **unused)
{
	char before[32];
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(all_types); i++) {
		snprintf(before, sizeof(before), "A1 B2 /%u%c", all_types[i],
			 all_types[i] < 7 ? 'A' : '*');
		expect_spc2(before, 'A', false, GOOD, NULL);
		expect_spc2(before, 'A', true, GOOD, NULL);
		/* c): not registered */
		expect_spc2(before, 'C', false, CONFLICT, NULL);
		expect_spc2(before, 'C', true, CONFLICT, NULL);
	}
	expect_spc2("a1 B2 /1a", 'F', false, GOOD, NULL);
	expect_spc2("a1 B2 /1a", 'G', true, GOOD, NULL);
}

/*
 * LIO looks at the type of the caller's own reservation, which only a holder
 * has, and so refuses the registrants of 5.13.3 b).
 */
static void test_L8_registrant_under_shared_reservation(void **unused)
{
	(void)unused;
	expect_spc2("A1 B2 /5A", 'B', false, GOOD, NULL);
	expect_spc2("A1 B2 /5A", 'B', true, GOOD, NULL);
	expect_spc2("A1 B2 /6A", 'B', false, GOOD, NULL);
	expect_spc2("A1 B2 /6A", 'B', true, GOOD, NULL);
	expect_spc2("A1 B2 /7*", 'B', false, GOOD, NULL);
	expect_spc2("A1 B2 /8*", 'B', true, GOOD, NULL);
	/* not under a plain one, nor by registration alone */
	expect_spc2("A1 B2 /1A", 'B', false, CONFLICT, NULL);
	expect_spc2("A1 B2 /1A", 'B', true, CONFLICT, NULL);
	expect_spc2("A1 B2 /3A", 'B', false, CONFLICT, NULL);
	expect_spc2("A1 B2 /3A", 'B', true, CONFLICT, NULL);
	expect_spc2("A1 B2", 'B', false, CONFLICT, NULL);
	expect_spc2("A1 B2", 'B', true, CONFLICT, NULL);
	expect_spc2("A1", 'B', false, CONFLICT, NULL);
	expect_spc2("A1", 'B', true, CONFLICT, NULL);
}

/* SPDK lets any nexus release; its holder, once registered, cannot. */
static void test_P5_release_by_another_nexus(void **unused)
{
	struct tcmu_pr_info *info = state("2A");
	struct op op = {.sa = REG, .sa_key = 1};

	(void)unused;
	expect_spc2("2A", 'B', true, GOOD, NULL);
	expect_spc2("2A", 'E', true, GOOD, NULL);
	/* the holder cannot register before it has released */
	expect_op(info, 'A', &op, CONFLICT, NULL, "register");
	free(info);
}

/* The same nexus at another gateway, whose port has the same name. */
static void test_reserve_again_elsewhere(void **unused)
{
	struct tcmu_pr_info *info = state("2A"), *old = clone(info);
	u8 cdb[10] = {0x16};
	struct tpr_order order;
	bool changed;

	(void)unused;
	assert_result(send(info, 'A', cdb, "gw-2", &changed, &order), GOOD,
		      "moved");
	assert_true(changed);
	assert_string_equal(info->scsi2_gateway, "gw-2");
	assert_text(info, "2A g10", "moved");
	assert_int_equal(order.action, TPR_ACT_SPC2_RESERVE);
	assert_int_equal(tpr_redo(old, &order, "gw-2"), 0);
	assert_string_equal(old->scsi2_gateway, "gw-2");
	assert_int_equal(tpr_redo(old, &order, "gw-2"), -EINVAL);
	free(old);
	free(info);
}

/* Extents, third parties and long identifiers were never offered. */
static void test_what_is_not_offered(void **unused)
{
	static const struct {
		u8 opcode, byte_1;
		enum verdict want;
	} rows[] = {
		{0x16, 0x01, CDB_FIELD}, {0x16, 0x10, CDB_FIELD},
		{0x17, 0x01, CDB_FIELD}, {0x17, 0x10, CDB_FIELD},
		{0x56, 0x01, CDB_FIELD}, {0x56, 0x02, CDB_FIELD},
		{0x56, 0x10, CDB_FIELD}, {0x57, 0x01, CDB_FIELD},
		{0x57, 0x02, CDB_FIELD}, {0x57, 0x10, CDB_FIELD},
		/* a third party's identifier without third party; obsolete */
		{0x16, 0x0e, GOOD},	 {0x56, 0xec, GOOD},
		{0x16, 0xe0, GOOD},
	};
	struct tcmu_pr_info *info;
	struct tpr_order order;
	bool changed;
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		u8 cdb[10] = {rows[i].opcode, rows[i].byte_1, 0xff, 0xff, 0xff,
			      0xff, 0xff, 0xff, 0xff};

		info = state("");
		assert_result(send(info, 'A', cdb, "gw-1", &changed, &order),
			      rows[i].want, "byte 1");
		assert_int_equal(changed, rows[i].want == GOOD);
		assert_text(info, changed ? "2A g10" : "g10", "byte 1");
		free(info);
		/* seen first, whatever the state */
		info = state("A1 /1A");
		assert_result(send(info, 'A', cdb, "gw-1", &changed, &order),
			      rows[i].want, "holder");
		free(info);
	}
	info = state("");
	assert_result(send(info, 'A', (u8[10]){0x28}, "gw-1", &changed, &order),
		      OPCODE, "another command");
	assert_false(changed);
	free(info);
}

/* What the string cannot hold is not reserved. */
static void test_reserve_without_a_name(void **unused)
{
	struct tcmu_pr_info *info = state(""), *before = clone(info);
	u8 reserve[10] = {0x16}, release[10] = {0x57};
	struct tpr_nexus n = nexus('A');
	char gateway[TPR_GATEWAY_MAX + 2];
	struct tpr_order order;
	bool changed;

	(void)unused;
	memset(gateway, 'g', sizeof(gateway));
	gateway[TPR_GATEWAY_MAX + 1] = 0;
	assert_result(tpr_spc2(info, &n, gateway, reserve, &changed, &order),
		      RSV_RESOURCES, "gateway");
	n.initiator[0] = ' ';
	assert_result(tpr_spc2(info, &n, "gw-1", reserve, &changed, &order),
		      RSV_RESOURCES, "nexus");
	assert_false(changed);
	assert_untouched(info, before, "no name");
	assert_result(tpr_spc2(info, &n, "gw-1", release, &changed, &order),
		      GOOD, "nothing to release");
	gateway[TPR_GATEWAY_MAX] = 0;
	n = nexus('A');
	assert_result(tpr_spc2(info, &n, gateway, reserve, &changed, &order),
		      GOOD, "longest");
	assert_string_equal(info->scsi2_gateway, gateway);
	assert_true(tpr_info_valid(info));
	free(before);
	free(info);
}

static void test_end(void **unused)
{
	struct tcmu_pr_info *info = state("2A"), *none = state("");

	(void)unused;
	assert_true(tpr_spc2_end(info));
	assert_untouched(info, none, "as if there never was one");
	assert_false(tpr_spc2_end(info));
	free(none);
	free(info);
}

/* @after NULL: it cannot be done again on that state. */
static void expect_redo(const char *before, const struct tpr_order *order,
			const char *after)
{
	struct tcmu_pr_info *info = state(before);

	assert_int_equal(tpr_redo(info, order, "gw-1"), after ? 0 : -EINVAL);
	if (after)
		assert_text(info, after, before);
	free(info);
}

/* What is no command. */
static void test_redo_events(void **unused)
{
	struct tpr_order order = {.action = TPR_ACT_CREATE};

	(void)unused;
	expect_redo("g0", &order, "g0");
	order.action = TPR_ACT_NEXUS_LOSS;
	expect_redo("2A", &order, "g10");
	expect_redo("", &order, NULL);
	order.action = TPR_ACT_LU_RESET;
	expect_redo("2A", &order, "g10");
	expect_redo("A1 /1A p", &order, "A1 /1A g10 p");
	order.action = TPR_ACT_POWER_LOSS;
	expect_redo("A1 /1A", &order, "g0");
	order.action = TPR_ACT_REPAIR;
	expect_redo("A1", &order, NULL);
	order.action = TPR_ACT_MAX;
	expect_redo("A1", &order, NULL);
	/* nobody did it */
	order.action = TPR_ACT_SPC2_RESERVE;
	expect_redo("", &order, NULL);
	order.action = TPR_ACT_REGISTER;
	expect_redo("", &order, NULL);
}

/* What would not have been executed, or not have changed anything. */
static void test_redo_refused(void **unused)
{
	struct tpr_order order = {
		.action = TPR_ACT_SPC2_RESERVE, .nexus = nexus('A'),
	};

	(void)unused;
	expect_redo("2B", &order, NULL);
	expect_redo("2A", &order, NULL);
	expect_redo("B1", &order, NULL);
	expect_redo("A1 /1A", &order, NULL);
	order.action = TPR_ACT_SPC2_RELEASE;
	expect_redo("2A", &order, "g10");
	expect_redo("2B", &order, NULL);
	expect_redo("", &order, NULL);
	order.action = TPR_ACT_CLEAR;
	expect_redo("A1 B2", &order, "g11");
	expect_redo("B2", &order, NULL);
	expect_redo("2A", &order, NULL);
	order.action = TPR_ACT_RESERVE;
	order.scope_type = 5;
	expect_redo("A1", &order, "A1 /5A g10");
	expect_redo("A1 /5A", &order, NULL);
	expect_redo("A1 B2 /5B", &order, NULL);
	order.scope_type = 2;
	expect_redo("A1", &order, NULL);
	order.action = TPR_ACT_PREEMPT_ABORT;
	order.scope_type = 1;
	order.sa_key = 2;
	expect_redo("A1 B2 /5B", &order, "A1 /1A g11");
	expect_redo("A1 C2", &order, "A1 g11");
	expect_redo("A1 B3", &order, NULL);
	order.action = TPR_ACT_REGISTER;
	order.flags = ALL_TG_PT | APTPL;
	expect_redo("A1 F3 /1F", &order, "a2 /1a g11 p");
	order.flags = SPEC_I_PT;
	expect_redo("", &order, NULL);
	order.flags = 0;
	order.action = TPR_ACT_REGISTER_MOVE;
	expect_redo("A1 /1A", &order, NULL);
	order.action = TPR_ACT_REPLACE_LOST;
	expect_redo("", &order, NULL);
}

static void test_redo_without_room(void **unused)
{
	struct tcmu_pr_info *info = state_room("B1", 1);
	struct tpr_order order = {
		.action = TPR_ACT_REGISTER_IGNORE, .sa_key = 1,
		.nexus = nexus('A'),
	};

	(void)unused;
	assert_int_equal(tpr_redo(info, &order, "gw-1"), -ENOSPC);
	free(info);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reserve_and_release),
		cmocka_unit_test(test_holder_of_persistent_reservation),
		cmocka_unit_test(test_L8_registrant_under_shared_reservation),
		cmocka_unit_test(test_P5_release_by_another_nexus),
		cmocka_unit_test(test_reserve_again_elsewhere),
		cmocka_unit_test(test_what_is_not_offered),
		cmocka_unit_test(test_reserve_without_a_name),
		cmocka_unit_test(test_end),
		cmocka_unit_test(test_redo_events),
		cmocka_unit_test(test_redo_refused),
		cmocka_unit_test(test_redo_without_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
