// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is known to be wrong and still open: each test fails until the core is
 * put right, then it moves to the file where it belongs.  The build runs them
 * one by one and expects the failure.
 *
 *	test_open NAME
 */
#include "util.h"

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

/* There is no version 0. */
static void test_peek_refuses_version_0(void **unused)
{
	static const char s[] = "vers=0\nseq=1\nscsi2_rsv=none\ngen=0\n"
				"rsv=none\nnum_regs=0\n";

	(void)unused;
	assert_int_equal(tpr_peek_regs(s, sizeof(s) - 1), -EINVAL);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_released_and_reserved_again),
		cmocka_unit_test(test_holder_gone_and_reserved_again),
		cmocka_unit_test(test_release_after_unrelated_preempt),
		cmocka_unit_test(test_peek_refuses_version_0),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
