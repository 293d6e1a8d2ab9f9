// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unit attentions, SPC-4 5.13.11 and peers' common list: who gets which when
 * a gateway goes from one state to a newer one.  Each row of a test is the
 * old state, the commands of other nexuses since then, and, for each nexus,
 * "A-" for none, "A3" for RESERVATIONS PREEMPTED (2Ah/03h), "A4" for
 * RESERVATIONS RELEASED, "A5" for REGISTRATIONS PREEMPTED.
 */
#include "util.h"

struct change {
	char who;
	u8 sa, type;
	u64 key, sa_key;
};

struct ua_row {
	int line;
	const char *old;
	const char *want;
	struct change change[12];
};

#define ROW(...)                                                               \
	{                                                                      \
		__LINE__, __VA_ARGS__                                          \
	}
#define RUN_ROWS(table) run_rows(table, COUNT(table))

static u16 asc_of(char c)
{
	return c == '-' ? 0 : (u16)(0x2a00 | (c - '0'));
}

static void check_row(const struct ua_row *row, const struct tcmu_pr_info *old,
		      const struct tcmu_pr_info *now)
{
	const char *p;

	for (p = row->want; *p; p += p[2] ? 3 : 2) {
		struct tpr_nexus n = nexus(p[0]);
		u16 got = tpr_unit_attention(old, now, &n);

		if (got != asc_of(p[1]))
			fail_msg("line %d, %c: %04x, expected %04x", row->line,
				 p[0], got, asc_of(p[1]));
		/* nothing from the same state, nor backwards */
		assert_int_equal(tpr_unit_attention(now, now, &n), 0);
		assert_int_equal(tpr_unit_attention(now, old, &n), 0);
	}
}

static void run_rows(const struct ua_row *row, size_t count)
{
	const struct change *c;

	for (; count--; row++) {
		struct tcmu_pr_info *old = state(row->old), *now = clone(old);

		for (c = row->change; c->who; c++)
			step(now, c->who, c->sa, c->type, c->key, c->sa_key);
		check_row(row, old, now);
		free(now);
		free(old);
	}
}

/* The other registrants; A did it. */
static void test_clear(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3", "B3 C3 D-", {{'A', CLR, 0, 1, 0}}),
		ROW("A1 B2 /1B", "B3 C-", {{'A', CLR, 0, 1, 0}}),
		ROW("A1 B2 H3 /7*", "B3 H3", {{'A', CLR, 0, 1, 0}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_release(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3 /5A", "B4 C4 D-", {{'A', REL, 5, 1, 0}}),
		ROW("A1 B2 C3 /6A", "B4 C4 D-", {{'A', REL, 6, 1, 0}}),
		ROW("A1 B2 C3 /7*", "B4 C4 D-", {{'A', REL, 7, 1, 0}}),
		ROW("A1 B2 C3 /8*", "B4 C4 D-", {{'A', REL, 8, 1, 0}}),
		/* a reservation that nobody shared ends in silence */
		ROW("A1 B2 C3 /1A", "B- C- D-", {{'A', REL, 1, 1, 0}}),
		ROW("A1 B2 C3 /3A", "B- C- D-", {{'A', REL, 3, 1, 0}}),
		/* a release that was none */
		ROW("A1 B2 C3 /5A", "A- C- D-", {{'B', REL, 5, 2, 0}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_holder_unregisters(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3 /5A", "B4 C4 D-", {{'A', REG, 0, 1, 0}}),
		ROW("A1 B2 C3 /6A", "B4 C4 D-", {{'A', IGN, 0, 0, 0}}),
		ROW("A1 B2 C3 /1A", "B- C- D-", {{'A', REG, 0, 1, 0}}),
		ROW("A1 B2 C3 /3A", "B- C- D-", {{'A', IGN, 0, 0, 0}}),
		/* all registrants: it lives on */
		ROW("A1 B2 C3 /7*", "B- C- D-", {{'A', REG, 0, 1, 0}}),
		/* not the holder */
		ROW("A1 B2 C3 /5B", "B- C- D-", {{'A', REG, 0, 1, 0}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_preempt(void **unused)
{
	static const struct ua_row rows[] = {
		/* registrations only */
		ROW("A1 B2 C3", "B5 C- D-", {{'A', PRE, 0, 1, 2}}),
		ROW("A1 B2 C2 D3 /5A", "B5 C5 D-", {{'A', PRE, 5, 1, 2}}),
		ROW("A1 B2 C3 /1C", "B5 C- D-", {{'A', PRE, 1, 1, 2}}),
		ROW("A1 B2 C3 /8*", "B5 C- D-", {{'A', PRE, 8, 1, 2}}),
		/* the reservation, of the same type */
		ROW("A1 B2 C3 /5B", "B5 C- D-", {{'A', PRE, 5, 1, 2}}),
		ROW("A1 B2 C3 /1B", "B5 C- D-", {{'A', PRE, 1, 1, 2}}),
		ROW("A1 B2 C3 /7*", "B5 C5 D-", {{'A', PRE, 7, 1, 0}}),
		/* another type: who stays registered is told */
		ROW("A1 B2 C3 /5B", "B5 C4 D-", {{'A', PRE, 6, 1, 2}}),
		ROW("A1 B2 C3 /1B", "B5 C4 D-", {{'A', PRE, 5, 1, 2}}),
		ROW("A1 B2 C3 /3B", "B5 C4 D-", {{'A', PRE, 7, 1, 2}}),
		ROW("A1 B2 C3 /8*", "B5 C5 D-", {{'A', PRE, 1, 1, 0}}),
		/* its own */
		ROW("A1 B2 C3 /5A", "B4 C4 D-", {{'A', PRE, 7, 1, 1}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_no_attention(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2", "B- C-", {{'A', REG, 0, 1, 7}}),
		ROW("A1 B2", "B- C-", {{'C', REG, 0, 0, 7}}),
		ROW("A1 B2", "B- C-", {{'A', RES, 5, 1, 0}}),
		ROW("A1 B2 /8*", "B- C-", {{'A', IGN, 0, 1, 7}}),
		/* taken back by itself on another gateway */
		ROW("A1 B2", "A- B- C-", {{'A', REG, 0, 1, 0}}),
		ROW("A1 B2 /7*", "A- B- C-", {{'A', REG, 0, 1, 0}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* E is A with another ISID, F with another portal group. */
static void test_other_nexus_of_the_same_host(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3", "E- F- G-", {{'B', PRE, 0, 2, 1}}),
		ROW("A1 B2 E1 F4", "A5 E5 F-", {{'B', PRE, 0, 2, 1}}),
		ROW("A1 B2 E1 F4", "A3 E3 F3 G-", {{'B', CLR, 0, 2, 0}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* States in between were missed, but the changes tell what they were. */
static void test_missed_but_remembered(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3 /5A", "B5 C4",
		    {{'A', PRE, 0, 1, 2}, {'A', REL, 5, 1, 0}}),
		ROW("A1 B2 C3", "B5 C5",
		    {{'A', PRE, 0, 1, 2},
		     {'A', REG, 0, 1, 9},
		     {'A', CLR, 0, 9, 0},
		     {'A', REG, 0, 0, 1}}),
		ROW("A1 B2 C3 /5B", "B5 C4",
		    {{'A', PRE, 6, 1, 2}, {'A', REG, 0, 1, 4}}),
	};

	(void)unused;
	/* B and C lost theirs to one of two causes: PREEMPT is told to both */
	RUN_ROWS(rows);
}

/* More was missed than is remembered: a lost registration is still told. */
static void test_missed_and_forgotten(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3 /5A", "B5 C4",
		    {{'A', PRE, 0, 1, 2},
		     {'A', REL, 5, 1, 0},
		     {'A', REG, 0, 1, 4},
		     {'A', REG, 0, 4, 5},
		     {'A', REG, 0, 5, 6},
		     {'A', REG, 0, 6, 7},
		     {'A', REG, 0, 7, 8},
		     {'A', REG, 0, 8, 9},
		     {'A', REG, 0, 9, 1},
		     {'A', REG, 0, 1, 2}}),
		/* seven changes and the unregistration: all is known */
		ROW("A1 B2 C3", "B- C-",
		    {{'B', REG, 0, 2, 0},
		     {'A', REG, 0, 1, 4},
		     {'A', REG, 0, 4, 5},
		     {'A', REG, 0, 5, 6},
		     {'A', REG, 0, 6, 7},
		     {'A', REG, 0, 7, 8},
		     {'A', REG, 0, 8, 9},
		     {'A', REG, 0, 9, 1}}),
		/* one more: not any longer */
		ROW("A1 B2 C3", "B5 C-",
		    {{'B', REG, 0, 2, 0},
		     {'A', REG, 0, 1, 4},
		     {'A', REG, 0, 4, 5},
		     {'A', REG, 0, 5, 6},
		     {'A', REG, 0, 6, 7},
		     {'A', REG, 0, 7, 8},
		     {'A', REG, 0, 8, 9},
		     {'A', REG, 0, 9, 1},
		     {'A', REG, 0, 1, 2}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* What was remembered before @old is no cause of what changed since. */
static void test_older_changes_do_not_count(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 D4 /1C"), *now;
	struct tpr_nexus b = nexus('B'), d = nexus('D');

	(void)unused;
	step(old, 'A', PRE, 0, 1, 4);
	now = clone(old);
	step(now, 'B', REG, 0, 2, 0);
	assert_int_equal(tpr_unit_attention(old, now, &b), 0);
	assert_int_equal(tpr_unit_attention(old, now, &d), 0);
	step(now, 'C', REL, 1, 3, 0);
	assert_int_equal(tpr_unit_attention(old, now, &b), 0);
	free(now);
	now = clone(old);
	step(now, 'A', CLR, 0, 1, 0);
	assert_int_equal(tpr_unit_attention(old, now, &b),
			 TPR_ASC_RSV_PREEMPTED);
	free(now);
	free(old);
}

static void expect_attention(const struct tcmu_pr_info *old,
			     const struct tcmu_pr_info *now, char who, u16 want)
{
	struct tpr_nexus n = nexus(who);

	assert_int_equal(tpr_unit_attention(old, now, &n), want);
}

/* The I_T nexus that asked; others of its initiator port are told. */
static void test_originator(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 E1 F1", "A- B3 E3 F3 G-", {{'A', CLR, 0, 1, 0}}),
		ROW("A1 B2 E1 F1 /5A", "A- B4 E4 F4", {{'A', REL, 5, 1, 0}}),
		ROW("A1 B2 E1 F1 /7*", "A- B5 E5 F5", {{'A', PRE, 7, 1, 0}}),
		ROW("A1 B2 E1 F1 /1A", "A- B4 E5 F5", {{'A', PRE, 3, 1, 1}}),
		/* by its own key it removes itself, and is not told */
		ROW("A1 B2 E1 F1", "A- B- E5 F5", {{'A', PRE, 0, 1, 1}}),
		ROW("A1 B2 E1 /5B", "A- B- E5", {{'A', PAB, 0, 1, 1}}),
		ROW("A1 B2 /7*", "A- B-", {{'A', PRE, 0, 1, 1}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* A registration for all target ports is that of many I_T nexuses. */
static void test_all_target_ports(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("a1 B2", "A- F3 G3 E- B3", {{'A', CLR, 0, 1, 0}}),
		ROW("a1 B2", "A3 F- G3 E- B3", {{'F', CLR, 0, 1, 0}}),
		ROW("a1 B2 /5a", "A- F4 G4 E- B4", {{'A', REL, 5, 1, 0}}),
		ROW("a1 B2 /8*", "A4 F4 G- E- B4", {{'G', REL, 8, 1, 0}}),
		ROW("a1 B2", "A5 F5 G5 E- B-", {{'B', PRE, 0, 2, 1}}),
		ROW("a1 B2 /1a", "A5 F5 G5 B-", {{'B', PAB, 1, 2, 1}}),
		/* it takes over with another type, and stays registered */
		ROW("a1 B2 /1B", "A- F4 G4 B5", {{'A', PRE, 3, 1, 2}}),
		/* taken back by the initiator port: no news to it */
		ROW("a1 B2 C3 /5a", "A- F- G- B4 C4", {{'A', REG, 0, 1, 0}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_preempt_and_abort(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3", "A- B5 C- D-", {{'A', PAB, 0, 1, 2}}),
		ROW("A1 B2 C2 D3 /5A", "B5 C5 D-", {{'A', PAB, 5, 1, 2}}),
		ROW("A1 B2 C3 /5B", "B5 C- D-", {{'A', PAB, 5, 1, 2}}),
		ROW("A1 B2 C3 /5B", "B5 C4 D-", {{'A', PAB, 6, 1, 2}}),
		ROW("A1 B2 C3 /8*", "B5 C5 D-", {{'A', PAB, 1, 1, 0}}),
		/* the same without having seen it all */
		ROW("A1 B2 C3 /5B", "B5 C4 D-",
		    {{'A', PAB, 6, 1, 2}, {'A', REG, 0, 1, 4}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* Makes @now the next version, by an order that tpr_out() does not give. */
static void stamp(struct tcmu_pr_info *now, u8 action, char who)
{
	struct tpr_order order = {.action = action};
	struct tpr_writer w = writer(now->seq + 1);

	if (who)
		order.nexus = nexus(who);
	tpr_stamp(now, &w, &order);
	assert_true(tpr_info_valid(now));
}

static void expect_all(const struct tcmu_pr_info *old,
		       const struct tcmu_pr_info *now, u16 want, bool abort)
{
	char who;

	for (who = 'A'; who < 'A' + NEXUSES; who++) {
		struct tpr_nexus n = nexus(who);

		if (tpr_unit_attention(old, now, &n) != want)
			fail_msg("%c: %04x, expected %04x", who,
				 tpr_unit_attention(old, now, &n), want);
		assert_int_equal(tpr_must_abort(old, now, &n), abort);
	}
}

/* Every nexus, registered or not, through whatever else was missed. */
static void test_lu_reset(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 /5A"), *now = clone(old);
	struct tpr_nexus d = nexus('D');

	(void)unused;
	stamp(now, TPR_ACT_LU_RESET, 0);
	expect_all(old, now, TPR_ASC_LU_RESET, true);
	expect_all(now, old, TPR_ASC_NONE, false);
	step(now, 'A', PRE, 0, 1, 2);
	step(now, 'A', REL, 5, 1, 0);
	expect_all(old, now, TPR_ASC_LU_RESET, true);
	free(now);
	/* who asked for it has its answer */
	now = clone(old);
	stamp(now, TPR_ACT_LU_RESET, 'D');
	assert_int_equal(tpr_unit_attention(old, now, &d), TPR_ASC_NONE);
	assert_true(tpr_must_abort(old, now, &d));
	free(old);
	/* before it is not since */
	old = clone(now);
	step(now, 'A', REG, 0, 1, 7);
	expect_all(old, now, TPR_ASC_NONE, false);
	step(now, 'A', REG, 0, 7, 1);
	expect_all(old, now, TPR_ASC_NONE, false);
	free(now);
	free(old);
}

/* A gateway that had no state yet has nothing to tell. */
static void test_no_state_before(void **unused)
{
	struct tcmu_pr_info *now = state("A1 B2"), *old = clone(now);

	(void)unused;
	tpr_info_init(old, old->max_regs);
	stamp(now, TPR_ACT_LU_RESET, 0);
	step(now, 'A', PAB, 0, 1, 2);
	expect_all(old, now, TPR_ASC_NONE, false);
	free(now);
	free(old);
}

/* Neither SPC-2 reservations nor the like establish anything. */
static void test_silent_actions(void **unused)
{
	static const u8 actions[] = {
		TPR_ACT_SPC2_RESERVE, TPR_ACT_SPC2_RELEASE, TPR_ACT_NEXUS_LOSS,
		TPR_ACT_POWER_LOSS,   TPR_ACT_CREATE,
	};
	struct tcmu_pr_info *old = state("A1 B2 C3 /5A"), *now;
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(actions); i++) {
		now = clone(old);
		now->num_regs = 0;
		tpr_release(now);
		stamp(now, actions[i], i < 2 ? 'D' : 0);
		expect_all(old, now, TPR_ASC_NONE, false);
		free(now);
	}
	free(old);
}

/* SPC-4 5.13.8 and 5.13.11.3: no unit attention for anyone. */
static void test_move_and_replace_lost(void **unused)
{
	struct op move = {.sa = TPR_OUT_REGISTER_MOVE,
			  .key = 1,
			  .sa_key = 9,
			  .flags = UNREG,
			  .tids = "C"};
	struct tcmu_pr_info *old = state("A1 B2 /5A"), *now = clone(old);
	struct tpr_writer w = writer(old->seq + 1);
	struct answer a = run(now, 'A', &move);

	(void)unused;
	assert_result(a.res, GOOD, "move");
	assert_text(now, "B2 C9 /5C g11", "move");
	tpr_stamp(now, &w, &a.order);
	expect_all(old, now, TPR_ASC_NONE, false);
	free(now);
	now = state("C9 /1C");
	stamp(now, TPR_ACT_REPLACE_LOST, 'C');
	expect_all(old, now, TPR_ASC_NONE, false);
	free(now);
	free(old);
}

/* What the administrator took away is told as a PREEMPT. */
static void test_repair(void **unused)
{
	static const char *const text = "A1 B2 C3 /5B";
	struct tcmu_pr_info *old = state(text), *now = state(text);

	(void)unused;
	tpr_reg_remove(now, (u32)tpr_find(now, &now->regs[now->rsv.holder].nexus));
	stamp(now, TPR_ACT_REPAIR, 0);
	expect_attention(old, now, 'A', TPR_ASC_RSV_RELEASED);
	expect_attention(old, now, 'B', TPR_ASC_REG_PREEMPTED);
	expect_attention(old, now, 'C', TPR_ASC_RSV_RELEASED);
	expect_attention(old, now, 'D', TPR_ASC_NONE);
	free(now);
	free(old);
}

/* The order of a writer that named no nexus: as across several versions. */
static void test_order_without_nexus(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 /5A"), *now = state("A1 C3 /6A");
	struct tpr_nexus b = nexus('B'), c = nexus('C');

	(void)unused;
	stamp(now, TPR_ACT_PREEMPT_ABORT, 0);
	expect_attention(old, now, 'B', TPR_ASC_REG_PREEMPTED);
	expect_attention(old, now, 'C', TPR_ASC_RSV_RELEASED);
	assert_true(tpr_must_abort(old, now, &b));
	assert_true(tpr_must_abort(old, now, &c));
	free(now);
	free(old);
}

/*
 * S6: SCST drops the unit attention of a registrant that another node removed
 * together with the registrant.
 */
static void test_S6_preempted_by_another_gateway(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3 /5A", "A- B5 C-", {{'A', PRE, 0, 1, 2}}),
		ROW("A1 B2 C3 /5A", "A5 B- C-", {{'B', PRE, 5, 2, 1}}),
		ROW("A1 B2 C3 /5A", "A3 B3 C-", {{'C', CLR, 0, 3, 0}}),
		ROW("A1 B2 C3 /7*", "A- B5 C5", {{'A', PAB, 7, 1, 0}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

static void test_must_abort(void **unused)
{
	static const struct {
		const char *old;
		struct change change;
		const char *victims;
	} rows[] = {
		{"A1 B2 C2 D3", {'A', PAB, 0, 1, 2}, "BC"},
		{"A1 B2 C2 D3 /5A", {'A', PAB, 5, 1, 2}, "BC"},
		{"A1 B2 C2 D3 /6B", {'A', PAB, 6, 1, 2}, "BC"},
		{"A1 B2 C2 D3 /8*", {'A', PAB, 8, 1, 0}, "BCD"},
		{"a1 B2 /1a", {'B', PAB, 1, 2, 1}, "AFG"},
		/* its own registration too */
		{"A1 B2 C1", {'A', PAB, 0, 1, 1}, "AC"},
		/* others let commands end as they will */
		{"A1 B2 C2 D3 /5A", {'A', PRE, 5, 1, 2}, ""},
		{"A1 B2 C2 D3 /5A", {'A', CLR, 0, 1, 0}, ""},
		{"A1 B2 C2 D3 /5A", {'A', REL, 5, 1, 0}, ""},
		{"A1 B2 C2 D3 /5A", {'A', REG, 0, 1, 0}, ""},
	};
	size_t i;
	char who;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		struct tcmu_pr_info *old = state(rows[i].old), *now = clone(old);
		const struct change *c = &rows[i].change;

		step(now, c->who, c->sa, c->type, c->key, c->sa_key);
		for (who = 'A'; who < 'A' + NEXUSES; who++) {
			struct tpr_nexus n = nexus(who);

			if (tpr_must_abort(old, now, &n) !=
			    (strchr(rows[i].victims, who) != NULL))
				fail_msg("row %zu: %c", i, who);
			assert_false(tpr_must_abort(now, now, &n));
			assert_false(tpr_must_abort(now, old, &n));
		}
		free(now);
		free(old);
	}
}

/* Across several versions rather all than one too few. */
static void test_must_abort_what_was_missed(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3"), *now = clone(old);
	struct tpr_nexus b = nexus('B'), c = nexus('C');
	int i;

	(void)unused;
	step(now, 'A', PAB, 0, 1, 2);
	step(now, 'B', REG, 0, 0, 2);
	assert_true(tpr_must_abort(old, now, &b));
	assert_true(tpr_must_abort(old, now, &c));
	free(now);
	now = clone(old);
	step(now, 'A', PRE, 0, 1, 2);
	for (i = 2; i <= TPR_CHANGES_MAX; i++)
		step(now, 'C', REG, 0, 3, 3);
	assert_false(tpr_must_abort(old, now, &b));
	/* one more, and nobody knows any longer what it was */
	step(now, 'C', REG, 0, 3, 3);
	assert_true(tpr_must_abort(old, now, &b));
	assert_true(tpr_must_abort(old, now, &c));
	free(now);
	free(old);
}

/* Nobody is told of what it did itself, also not across several versions. */
static void test_own_deeds_among_others(void **unused)
{
	static const struct ua_row rows[] = {
		ROW("A1 B2 C3", "A- B-", {{'A', PRE, 0, 1, 1}, {'C', REG, 0, 3, 4}}),
		ROW("A1 B2 C3", "A- B3", {{'A', CLR, 0, 1, 0}, {'C', REG, 0, 0, 4}}),
		ROW("A1 B2 C3 /5A", "A- B4 C4",
		    {{'A', REL, 5, 1, 0}, {'C', RES, 5, 3, 0}}),
		ROW("A1 B2 C3 /5B", "A- B5 C4",
		    {{'A', PRE, 6, 1, 2}, {'A', REG, 0, 1, 4}}),
	};

	(void)unused;
	RUN_ROWS(rows);
}

/* The same version tells nothing, whatever is in it. */
static void test_same_version(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 /5A"), *now = clone(old);
	struct tpr_nexus c = nexus('C');

	(void)unused;
	tpr_release(now);
	assert_int_equal(tpr_unit_attention(old, now, &c), 0);
	tpr_reg_remove(now, (u32)tpr_find(now, &c));
	assert_int_equal(tpr_unit_attention(old, now, &c), 0);
	free(now);
	free(old);
}

/*
 * A gateway that comes back misses versions.  A shared reservation was
 * released and made again: the registrants' last word was the old one.
 */
static void test_released_and_reserved_again(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 /5A"), *now = clone(old);

	(void)unused;
	step(now, 'A', TPR_OUT_RELEASE, 5, 1, 0);
	step(now, 'B', TPR_OUT_RESERVE, 5, 2, 0);
	expect_attention(old, now, 'C', TPR_ASC_RSV_RELEASED);
	free(now);
	free(old);
}

/* The same by the holder's unregistration, and without any change left. */
static void test_holder_gone_and_reserved_again(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 /6A"), *now = clone(old);

	(void)unused;
	step(now, 'A', TPR_OUT_REGISTER, 0, 1, 0);
	step(now, 'B', TPR_OUT_RESERVE, 6, 2, 0);
	expect_attention(old, now, 'C', TPR_ASC_RSV_RELEASED);
	free(now);
	free(old);
}

/* Nobody shares plain Write Exclusive: a PREEMPT of another is no cause. */
static void test_release_after_unrelated_preempt(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 /1A"), *now = clone(old);

	(void)unused;
	step(now, 'A', TPR_OUT_PREEMPT, 1, 1, 2);
	step(now, 'A', TPR_OUT_RELEASE, 1, 1, 0);
	expect_attention(old, now, 'C', TPR_ASC_NONE);
	free(now);
	free(old);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_holder_unregisters),
		cmocka_unit_test(test_preempt),
		cmocka_unit_test(test_no_attention),
		cmocka_unit_test(test_other_nexus_of_the_same_host),
		cmocka_unit_test(test_missed_but_remembered),
		cmocka_unit_test(test_missed_and_forgotten),
		cmocka_unit_test(test_older_changes_do_not_count),
		cmocka_unit_test(test_originator),
		cmocka_unit_test(test_all_target_ports),
		cmocka_unit_test(test_preempt_and_abort),
		cmocka_unit_test(test_lu_reset),
		cmocka_unit_test(test_no_state_before),
		cmocka_unit_test(test_silent_actions),
		cmocka_unit_test(test_move_and_replace_lost),
		cmocka_unit_test(test_repair),
		cmocka_unit_test(test_order_without_nexus),
		cmocka_unit_test(test_S6_preempted_by_another_gateway),
		cmocka_unit_test(test_must_abort),
		cmocka_unit_test(test_must_abort_what_was_missed),
		cmocka_unit_test(test_own_deeds_among_others),
		cmocka_unit_test(test_same_version),
		cmocka_unit_test(test_released_and_reserved_again),
		cmocka_unit_test(test_holder_gone_and_reserved_again),
		cmocka_unit_test(test_release_after_unrelated_preempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
