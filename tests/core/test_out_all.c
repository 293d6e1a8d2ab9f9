// SPDX-License-Identifier: GPL-2.0-only
/*
 * PERSISTENT RESERVE OUT: every combination of situation and command against
 * the model.
 */
#include "util.h"

enum {
	SAS = 10, /* and one that there is not */
};

static void make_op(struct op *op, u32 i)
{
	static const u64 keys[] = {0, 1, 2, 9};
	static const u64 sa_keys[] = {0, 1, 2, 3, 9};
	static const u8 flags[] = {0, APTPL, ALL_TG_PT, SPEC_I_PT, 0xff};
	/* The second is what the first is not: another port, a known one. */
	static const char *const tids[] = {"C", "B", "H", "F", "E"};

	memset(op, 0, sizeof(*op));
	op->sa = (u8)(i % SAS);
	i /= SAS;
	op->key = keys[i % COUNT(keys)];
	i /= COUNT(keys);
	op->sa_key = sa_keys[i % COUNT(sa_keys)];
	i /= COUNT(sa_keys);
	switch (op->sa) {
	case TPR_OUT_REGISTER:
	case TPR_OUT_REGISTER_IGNORE:
		op->flags = flags[i % COUNT(flags)];
		i /= COUNT(flags);
		op->scope = (u8)(i % 2);
		/* All of this names ports that A, B and E can be named by. */
		if (i / 2 % 2 && op->sa == TPR_OUT_REGISTER)
			op->tids = op->flags & ALL_TG_PT ? "CEHC" : "BEAB";
		break;
	case TPR_OUT_REGISTER_MOVE:
		op->tids = tids[i % COUNT(tids)];
		op->flags = (u8)(i / COUNT(tids) % 4);
		op->type = 1;
		break;
	default:
		op->type = (u8)(i % 11);
		op->scope = (u8)(i / 11 % 2);
	}
}

/*
 * A TransportID is one on the receiving target port, and the letters have one
 * each: whether the letters can tell what @who would register.
 */
static bool tellable(char who, const struct op *op)
{
	return !(op->tids && op->sa == TPR_OUT_REGISTER) ||
	       op->flags & ALL_TG_PT || strchr("ABE", who);
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
	if (a.changed) {
		struct tcmu_pr_info *again = clone(base);

		assert_order(&a.order, who, op);
		assert_redo(again, work, &a.order, what);
		free(again);
	}
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
		"a1",
		"B2 a1 /1a",
		"B2 a1 /5B",
		"B2 E1 a1 /6a",
		"B2 C1 a1 h2 /3h",
		"a1 b1 h2 /7* p",
		"2A",
		"2B",
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
			for (k = 0; k < SAS * 4 * 5 * 22; k++) {
				make_op(&op, k);
				if (tellable(who[j], &op))
					compare_with_model(work, base, who[j],
							   &op);
			}
		}
		free(work);
		free(base);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_combination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
