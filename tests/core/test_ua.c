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
#define REG TPR_OUT_REGISTER
#define RES TPR_OUT_RESERVE
#define REL TPR_OUT_RELEASE
#define CLR TPR_OUT_CLEAR
#define PRE TPR_OUT_PREEMPT
#define IGN TPR_OUT_REGISTER_IGNORE

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

static void expect_attention(const struct tcmu_pr_info *old,
			     const struct tcmu_pr_info *now, char who, u16 want)
{
	struct tpr_nexus n = nexus(who);

	assert_int_equal(tpr_unit_attention(old, now, &n), want);
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
		cmocka_unit_test(test_same_version),
		cmocka_unit_test(test_released_and_reserved_again),
		cmocka_unit_test(test_holder_gone_and_reserved_again),
		cmocka_unit_test(test_release_after_unrelated_preempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
