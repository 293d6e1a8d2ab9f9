// SPDX-License-Identifier: GPL-2.0-only
/*
 * REGISTER for more than the nexus that it came on: ALL_TG_PT (one
 * registration for the initiator port through all target ports) and SPEC_I_PT
 * (initiator ports that are listed).
 */
#include "rows.h"

/* A, F and G are one initiator port through three target ports. */
static void test_register_all_tg_pt(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', REG, 0, 0, 1, ALL_TG_PT, GOOD, "a1 g11"),
		ROW("", 'G', REG, 0, 0, 1, ALL_TG_PT, GOOD, "a1 g11"),
		ROW("", 'H', IGN, 0, 7, 1, ALL_TG_PT, GOOD, "h1 g11"),
		ROW("B2 /5B", 'A', IGN, 0, 0, 1, ALL_TG_PT | APTPL, GOOD,
		    "B2 a1 /5B g11 p"),
		/* nothing to do */
		ROW("", 'A', REG, 0, 0, 0, ALL_TG_PT, GOOD, "g11"),
		ROW("p", 'A', IGN, 0, 0, 0, ALL_TG_PT, GOOD, "g11 p"),
		/* another key */
		ROW("", 'A', REG, 0, 1, 1, ALL_TG_PT, CONFLICT, NULL),
		ROW("A1", 'A', REG, 0, 2, 1, ALL_TG_PT, CONFLICT, NULL),
		ROW("a1", 'F', REG, 0, 0, 2, ALL_TG_PT, CONFLICT, NULL),
		/* a plain registration becomes one for all, as does its hold */
		ROW("A1", 'A', REG, 0, 1, 1, ALL_TG_PT, GOOD, "a1 g11"),
		ROW("A1 B2 /5A", 'A', REG, 0, 1, 3, ALL_TG_PT, GOOD,
		    "B2 a3 /5a g11"),
		ROW("A1 F2", 'G', IGN, 0, 0, 3, ALL_TG_PT, GOOD, "a3 g11"),
		ROW("A1 F2 G3 /1F", 'A', REG, 0, 1, 4, ALL_TG_PT, GOOD,
		    "a4 /1a g11"),
		ROW("A1 F2 G3 H4 /3H", 'G', REG, 0, 3, 3, ALL_TG_PT, GOOD,
		    "H4 a3 /3H g11"),
		ROW("A1 F2 E3 /6E", 'F', REG, 0, 2, 2, ALL_TG_PT, GOOD,
		    "E3 a2 /6E g11"),
		ROW("A1 B2 C3 D4 /6C", 'A', IGN, 0, 0, 2, ALL_TG_PT, GOOD,
		    "B2 C3 D4 a2 /6C g11"),
		ROW("A1 F2 B5 /7*", 'A', IGN, 0, 0, 2, ALL_TG_PT, GOOD,
		    "B5 a2 /7* g11"),
		/* not another session of the host */
		ROW("E1", 'A', REG, 0, 0, 2, ALL_TG_PT, GOOD, "E1 a2 g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* What a registration for all target ports does, through each of them. */
static void test_use_all_tg_pt(void **unused)
{
	static const struct row rows[] = {
		ROW("a1 B2", 'F', RES, 5, 1, 0, 0, GOOD, "B2 a1 /5a g10"),
		ROW("a1 B2 /5a", 'G', RES, 5, 1, 0, 0, GOOD, NULL),
		ROW("a1 B2 /5a", 'G', REL, 5, 1, 0, 0, GOOD, "B2 a1 g10"),
		ROW("a1 B2 /5a", 'E', REL, 5, 1, 0, 0, CONFLICT, NULL),
		ROW("a1 B2 /5a", 'B', PRE, 5, 2, 1, 0, GOOD, "B2 /5B g11"),
		ROW("a1 B2 /5B", 'F', PAB, 3, 1, 2, 0, GOOD, "a1 /3a g11"),
		ROW("a1 B2", 'G', CLR, 0, 1, 0, 0, GOOD, "g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/*
 * LIO and SCST leave parts of a registration for all target ports behind when
 * it is taken back by one port: LIO looks for key 0 when it ignores the key.
 */
static void test_L7_unregister_all_tg_pt(void **unused)
{
	static const struct row rows[] = {
		ROW("a1 B2 /1B", 'A', REG, 0, 1, 0, 0, GOOD, "B2 /1B g11"),
		ROW("a1 B2 /1B", 'F', IGN, 0, 0, 0, 0, GOOD, "B2 /1B g11"),
		ROW("a1 B2 /1B", 'G', IGN, 0, 9, 0, ALL_TG_PT, GOOD,
		    "B2 /1B g11"),
		ROW("a1 B2 /5a", 'F', REG, 0, 1, 0, 0, GOOD, "B2 g11"),
		ROW("a1 E1", 'E', IGN, 0, 0, 0, 0, GOOD, "a1 g11"),
		ROW("a1 E1", 'E', IGN, 0, 0, 0, ALL_TG_PT, GOOD, "a1 g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SCST: only the local port's key. */
static void test_S3_key_change_of_all_tg_pt(void **unused)
{
	static const struct row rows[] = {
		ROW("a1 B2", 'F', REG, 0, 1, 5, 0, GOOD, "B2 a5 g11"),
		ROW("a1 B2", 'G', IGN, 0, 0, 5, 0, GOOD, "B2 a5 g11"),
		ROW("a1 B2 /3a", 'A', REG, 0, 1, 5, ALL_TG_PT, GOOD,
		    "B2 a5 /3a g11"),
		ROW("A1 F1 G1", 'F', REG, 0, 1, 5, ALL_TG_PT, GOOD, "a5 g11"),
		/* without the bit a plain one is a plain one */
		ROW("A1 F1 G1", 'F', REG, 0, 1, 5, 0, GOOD, "A1 F5 G1 g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* SCST ignores ports of other nodes, and keys. */
static void test_S4_all_tg_pt_goes_as_a_whole(void **unused)
{
	static const struct row rows[] = {
		ROW("A1 F2 G3 B4", 'A', REG, 0, 1, 0, ALL_TG_PT, GOOD,
		    "B4 g11"),
		ROW("A1 F2 B4 /1F", 'A', IGN, 0, 0, 0, ALL_TG_PT, GOOD,
		    "B4 g11"),
		ROW("A1 F2 B4 /5B", 'G', IGN, 0, 0, 0, ALL_TG_PT, GOOD,
		    "B4 /5B g11"),
		ROW("A1 F2", 'A', REG, 0, 2, 0, ALL_TG_PT, CONFLICT, NULL),
		/* by a port that is not registered, REGISTER does nothing */
		ROW("A1 F2", 'G', REG, 0, 0, 0, ALL_TG_PT, GOOD,
		    "A1 F2 g11"),
		/* without the bit a plain one is a plain one */
		ROW("A1 F2 G3 B4", 'A', REG, 0, 1, 0, 0, GOOD,
		    "B4 F2 G3 g11"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* Where it stands in the state, and that nothing names a port. */
static void test_all_tg_pt_names_no_port(void **unused)
{
	struct tcmu_pr_info *info = state("A1 B2");
	struct op op = {.sa = REG, .key = 1, .sa_key = 1, .flags = ALL_TG_PT};
	struct tpr_nexus all = all_ports('A');

	(void)unused;
	expect_op(info, 'A', &op, GOOD, "B2 a1 g11", "converted");
	assert_true(info->regs[0].all_tg_pt);
	assert_memory_equal(&info->regs[0].nexus, &all, sizeof(all));
	op.flags = 0;
	expect_op(info, 'F', &op, GOOD, "B2 a1 g12", "another port's RTPI");
	free(info);
}

/* Full: what merges needs no room. */
static void test_all_tg_pt_without_room(void **unused)
{
	struct tcmu_pr_info *info = state_room("A1 F2 B3 /5F", 3);
	struct op op = {.sa = IGN, .sa_key = 9, .flags = ALL_TG_PT};

	(void)unused;
	expect_op(info, 'C', &op, RESOURCES, NULL, "new");
	expect_op(info, 'G', &op, GOOD, "B3 a9 /5a g11", "merged");
	expect_op(info, 'C', &op, GOOD, "B3 a9 c9 /5a g12", "room now");
	free(info);
}

/* LIO takes the first port that has an ACL for the name. */
static void test_L10_spec_i_pt_is_the_receiving_port(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 B1 g11", "B"),
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 B1 E1 g11",
		    "BE"),
		/* D's port by C's target port is D; A's by it is F */
		ROW("", 'C', REG, 0, 0, 7, SPEC_I_PT | APTPL, GOOD,
		    "C7 D7 F7 g11 p", "DA"),
		ROW("A2 B3 /5A", 'C', REG, 0, 0, 7, SPEC_I_PT, GOOD,
		    "A2 B3 C7 D7 F7 /5A g11", "DA"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_spec_i_pt(void **unused)
{
	static const struct row rows[] = {
		/* nobody, oneself, twice */
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 g11", ""),
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 g11", "A"),
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 B1 g11",
		    "ABBAB"),
		/* not looked at */
		ROW("B2", 'A', REG, 0, 0, 0, SPEC_I_PT, GOOD, "B2 g11", "B"),
		ROW("", 'A', REG, 0, 0, 0, SPEC_I_PT, GOOD, "g11", "@D"),
		ROW("B2", 'A', REG, 0, 1, 1, SPEC_I_PT, CONFLICT, NULL, "B"),
		/* from a registered nexus */
		ROW("A1", 'A', REG, 0, 1, 2, SPEC_I_PT, PARAM_FIELD, NULL, "B"),
		ROW("A1", 'A', REG, 0, 1, 0, SPEC_I_PT, PARAM_FIELD, NULL, "B"),
		ROW("A1", 'A', REG, 0, 2, 2, SPEC_I_PT, CONFLICT, NULL, "B"),
		ROW("A1", 'A', REG, 0, 0, 2, SPEC_I_PT, CONFLICT, NULL, "B"),
		ROW("a1", 'F', REG, 0, 1, 2, SPEC_I_PT, PARAM_FIELD, NULL, "D"),
		/* any of them registered: nothing is done */
		ROW("B2", 'A', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL, "B"),
		ROW("B2", 'A', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL,
		    "EB"),
		ROW("b2", 'A', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL,
		    "EB"),
		/* through another target port is another nexus */
		ROW("D2", 'A', REG, 0, 0, 1, SPEC_I_PT, GOOD,
		    "A1 B1 D2 g11", "B"),
		/* a port of another protocol has no nexus with this one */
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL, "BH"),
		/* REGISTER alone */
		ROW("", 'A', IGN, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL, "B"),
		ROW("", 'A', IGN, 0, 0, 0, SPEC_I_PT, PARAM_FIELD, NULL, "B"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_spec_i_pt_with_all_tg_pt(void **unused)
{
	enum { BOTH = SPEC_I_PT | ALL_TG_PT };
	static const struct row rows[] = {
		ROW("", 'A', REG, 0, 0, 1, BOTH, GOOD, "a1 b1 h1 g11", "BHFB"),
		ROW("C2 /5C", 'A', REG, 0, 0, 1, BOTH, GOOD,
		    "C2 a1 d1 /5C g11", "D"),
		/* through any target port */
		ROW("C2", 'A', REG, 0, 0, 1, BOTH, PARAM_FIELD, NULL, "BC"),
		ROW("F2", 'B', REG, 0, 0, 1, BOTH, PARAM_FIELD, NULL, "A"),
		/* but the sender's own become one */
		ROW("F2 /1F", 'A', REG, 0, 0, 1, BOTH, GOOD, "a1 b1 /1a g11",
		    "BA"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* TPID FORMAT 00b: sessions and registrations tell the ports of a device. */
static void test_spec_i_pt_device(void **unused)
{
	static const struct row rows[] = {
		ROW("", 'B', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 B1 E1 g11",
		    "@A", "AE"),
		ROW("", 'B', REG, 0, 0, 1, SPEC_I_PT, GOOD, "B1 E1 g11", "@A",
		    "DEC"),
		/* sessions through other target ports are of the same port */
		ROW("", 'B', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 B1 g11", "@A",
		    "FG"),
		/* registered elsewhere, with and without a session */
		ROW("F7 G8 /5F", 'B', REG, 0, 0, 1, SPEC_I_PT, GOOD,
		    "A1 B1 F7 G8 /5F g11", "@A"),
		ROW("F7 G8 D3 /7*", 'B', REG, 0, 0, 1, SPEC_I_PT, GOOD,
		    "A1 B1 D3 E1 F7 G8 /7* g11", "@A", "E"),
		ROW("F7", 'B', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 B1 F7 g11",
		    "@AA@A"),
		/* registered here */
		ROW("A7", 'B', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL,
		    "@A"),
		ROW("A7", 'B', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL,
		    "@A", "E"),
		ROW("a7", 'B', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL,
		    "@A"),
		/* known by nothing */
		ROW("", 'B', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL, "@A",
		    "CD"),
		ROW("D1", 'B', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL,
		    "E@A", .alone = true),
		ROW("D1", 'B', REG, 0, 0, 1, SPEC_I_PT, PARAM_FIELD, NULL,
		    "@A", "A", .alone = true),
		/* the sender's own device */
		ROW("", 'B', REG, 0, 0, 1, SPEC_I_PT, GOOD, "B1 g11", "@B",
		    "B"),
		ROW("", 'A', REG, 0, 0, 1, SPEC_I_PT, GOOD, "A1 E1 g11", "@A",
		    "AE"),
		/* for all target ports: registered anywhere is registered */
		ROW("F7", 'B', REG, 0, 0, 1, SPEC_I_PT | ALL_TG_PT,
		    PARAM_FIELD, NULL, "@A", "E"),
		ROW("", 'B', REG, 0, 0, 1, SPEC_I_PT | ALL_TG_PT, GOOD,
		    "a1 b1 e1 g11", "@A", "AEF"),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* All or nothing, wherever the room ends; only unused room was written to. */
static void test_spec_i_pt_without_room(void **unused)
{
	static const struct {
		const char *before, *tids, *sessions;
		u8 flags;
	} rows[] = {
		{"H1", "BE", NULL, 0},
		{"H1 D2 /6H", "BE", NULL, 0},
		{"H1 D2 /6D", "EB", NULL, ALL_TG_PT},
		{"B5 H1 /6H", "@BD", NULL, 0},
		{"A1 G2 /6A", "B@A", "EA", 0},
		{"A1 B2 H3 /6B", "D@A", "EA", 0},
	};
	size_t i;
	u32 room, whole;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		struct op op = {.sa = REG, .sa_key = 9,
				.flags = SPEC_I_PT | rows[i].flags,
				.tids = rows[i].tids,
				.sessions = rows[i].sessions};
		struct tcmu_pr_info *info = state(rows[i].before);
		char want[TEXT_MAX];
		struct answer a;

		room = info->num_regs;
		a = run(info, 'C', &op);
		assert_result(a.res, GOOD, "enough room");
		whole = info->num_regs;
		assert_true(whole >= room + 2);
		free(info);
		for (; room < whole; room++) {
			info = state_room(rows[i].before, room);
			state_text(info, want);
			a = run(info, 'C', &op);
			assert_result(a.res, RESOURCES, rows[i].tids);
			assert_false(a.changed);
			assert_text(info, want, rows[i].tids);
			free(info);
		}
	}
}

/* Each length that is wrong, and the right one. */
static void test_spec_i_pt_lengths(void **unused)
{
	struct tcmu_pr_info *info = state("C3");
	struct op op = {.sa = REG, .sa_key = 1, .flags = SPEC_I_PT,
			.tids = "BE"};
	const u32 whole = 28 + 2 * 48;

	(void)unused;
	for (op.list_len = 1; op.list_len < whole; op.list_len++)
		expect_op(info, 'A', &op, PARAM_LEN, NULL, "announced");
	op.list_len = 0;
	for (op.given = 1; op.given < whole; op.given++)
		expect_op(info, 'A', &op, PARAM_LEN, NULL, "arrived");
	op.given = 0;
	for (op.list_len = whole + 1; op.list_len < whole + 8; op.list_len++)
		expect_op(info, 'A', &op, PARAM_LEN, NULL, "not arrived");
	/* more than the list needs is no error */
	op.list_len = 0;
	expect_op(info, 'A', &op, GOOD, "A1 B1 C3 E1 g11", "exact");
	free(info);
}

/* The list's own length cuts a TransportID, or does not belong to it. */
static void test_spec_i_pt_list_length(void **unused)
{
	struct tcmu_pr_info *info = state("C3"), *before = clone(info);
	struct op op = {.sa = REG, .sa_key = 1, .flags = SPEC_I_PT,
			.tids = "BE"};
	u8 cdb[TPR_OUT_CDB_LEN], *param = calloc(1, LIST_MAX);
	struct tpr_nexus n = nexus('A');
	struct tpr_out_req req = {.nexus = &n, .cdb = cdb, .param = param};
	struct tpr_order order;
	bool changed;
	u32 len;

	(void)unused;
	req.param_len = out_list(param, &op) + 8;
	out_cdb(cdb, &op, req.param_len);
	for (len = 1; len < 200; len++) {
		tpr_put_be32(param + 24, len);
		if (len == 48 || len == 96)
			continue;
		assert_result(tpr_out(info, &req, &changed, &order),
			      len <= 104 ? PARAM_FIELD : PARAM_LEN, "cut");
		assert_false(changed);
		assert_untouched(info, before, "cut");
	}
	tpr_put_be32(param + 24, 0xffffffff);
	assert_result(tpr_out(info, &req, &changed, &order), PARAM_LEN, "-1");
	tpr_put_be32(param + 24, 96);
	assert_result(tpr_out(info, &req, &changed, &order), GOOD, "longer");
	assert_text(info, "A1 B1 C3 E1 g11", "longer");
	free(param);
	free(before);
	free(info);
}

enum {
	LONGEST = 4 + 244,
};

/* @count TransportIDs of the longest names, all different but the last. */
static u8 *longest_list(u32 count, u32 *len)
{
	u8 *param = calloc(1, 28 + count * LONGEST), *p = param + 28;
	u32 i;

	assert_non_null(param);
	*len = 28 + count * LONGEST;
	param[15] = 1;
	param[20] = SPEC_I_PT;
	tpr_put_be32(param + 24, count * LONGEST);
	for (i = 0; i < count; i++, p += LONGEST) {
		p[0] = 0x45;
		p[3] = LONGEST - 4;
		memset(p + 4, 'n', TPR_NAME_MAX);
		sprintf((char *)p + 4, "%08u", (count - i) * 7919 % 4099);
		p[12] = 'n';
		memcpy(p + 4 + TPR_NAME_MAX, ",i,0x00023d000001", 17);
	}
	return param;
}

/* 4,095 and the sender are what fits; repetitions need no room. */
static void test_spec_i_pt_4096(void **unused)
{
	struct tcmu_pr_info *info = empty_state(TPR_REGS_MAX);
	struct op op = {.sa = REG};
	u8 cdb[TPR_OUT_CDB_LEN];
	struct tpr_nexus n = nexus('A');
	struct tpr_out_req req = {.nexus = &n, .cdb = cdb};
	struct tpr_order order;
	bool changed;
	u8 *param;

	(void)unused;
	param = longest_list(TPR_REGS_MAX, &req.param_len);
	req.param = param;
	out_cdb(cdb, &op, req.param_len);
	assert_int_equal(tpr_out_room(&req), TPR_REGS_MAX);
	assert_result(tpr_out(info, &req, &changed, &order), RESOURCES, "4097");
	assert_int_equal(info->num_regs, 0);
	assert_int_equal(info->gen, 0);
	/* the last one is the first one once more */
	memcpy(param + 28 + (TPR_REGS_MAX - 1) * LONGEST, param + 28, LONGEST);
	assert_result(tpr_out(info, &req, &changed, &order), GOOD, "4096");
	assert_int_equal(info->num_regs, TPR_REGS_MAX);
	assert_int_equal(info->gen, 1);
	assert_true(tpr_info_valid(info));
	assert_int_equal(tpr_find(info, &n), TPR_REGS_MAX - 1);
	free(param);
	free(info);
}

/* A list of nothing but repetitions ends. */
static void test_spec_i_pt_repetitions(void **unused)
{
	struct tcmu_pr_info *info = state("");
	struct op op = {.sa = REG};
	u8 cdb[TPR_OUT_CDB_LEN], *param;
	struct tpr_nexus n = nexus('A');
	struct tpr_out_req req = {.nexus = &n, .cdb = cdb};
	struct tpr_order order;
	bool changed;
	u32 i;

	(void)unused;
	param = longest_list(2 * TPR_REGS_MAX + 1, &req.param_len);
	for (i = 1; i <= 2 * TPR_REGS_MAX; i++)
		memcpy(param + 28 + i * LONGEST, param + 28, LONGEST);
	req.param = param;
	out_cdb(cdb, &op, req.param_len);
	assert_result(tpr_out(info, &req, &changed, &order), RESOURCES,
		      "too many");
	assert_text(info, "g10", "too many");
	tpr_put_be32(param + 24, 2 * TPR_REGS_MAX * LONGEST);
	assert_result(tpr_out(info, &req, &changed, &order), GOOD, "many");
	assert_int_equal(info->num_regs, 2);
	free(param);
	free(info);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_register_all_tg_pt),
		cmocka_unit_test(test_use_all_tg_pt),
		cmocka_unit_test(test_L7_unregister_all_tg_pt),
		cmocka_unit_test(test_S3_key_change_of_all_tg_pt),
		cmocka_unit_test(test_S4_all_tg_pt_goes_as_a_whole),
		cmocka_unit_test(test_all_tg_pt_names_no_port),
		cmocka_unit_test(test_all_tg_pt_without_room),
		cmocka_unit_test(test_L10_spec_i_pt_is_the_receiving_port),
		cmocka_unit_test(test_spec_i_pt),
		cmocka_unit_test(test_spec_i_pt_with_all_tg_pt),
		cmocka_unit_test(test_spec_i_pt_device),
		cmocka_unit_test(test_spec_i_pt_without_room),
		cmocka_unit_test(test_spec_i_pt_lengths),
		cmocka_unit_test(test_spec_i_pt_list_length),
		cmocka_unit_test(test_spec_i_pt_4096),
		cmocka_unit_test(test_spec_i_pt_repetitions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
