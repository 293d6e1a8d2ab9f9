// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random sequences of PERSISTENT RESERVE OUT over several nexuses, each step
 * compared with the model and with what must hold in any state.
 *
 *	test_random [SEED [STEPS]]
 *
 * The seed is printed first; the same seed gives the same run.
 */
#include "random.h"

enum {
	STEPS = 200000,
	/* A sequence starts again, so that rare beginnings are seen often. */
	SEQUENCE = 400,
	ROOM = 7, /* one nexus more than fits */
	STRING_MAX = 8192,
};

static u64 steps = STEPS;

static void random_op(struct op *op, const struct model *m, char who)
{
	static const u8 sas[] = {0, 0, 0, 0, 6, 6, 1, 1, 1, 2, 2, 3, 4, 4, 4};

	memset(op, 0, sizeof(*op));
	op->sa = rnd(50) ? sas[rnd(COUNT(sas))] : (u8)rnd(32);
	op->type = rnd(3) && m->type ? m->type : all_types[rnd(COUNT(all_types))];
	if (!rnd(20))
		op->type = (u8)rnd(16);
	op->scope = rnd(30) ? 0 : (u8)rnd(16);
	op->key = some_key(m, who);
	op->sa_key = some_key(m, who);
	if (op->sa == TPR_OUT_REGISTER && rnd(3))
		op->sa_key = 1 + rnd(5);
	op->flags = rnd(4) ? 0 : rnd(4) ? APTPL : (u8)rnd(256);
	if (!rnd(60))
		op->list_len = 1 + rnd(60);
	if (!rnd(60))
		op->given = 1 + rnd(24);
}

static void check_masks(const struct tcmu_pr_info *info, const struct model *m)
{
	char who;

	for (who = 'A'; who < 'A' + NEXUSES; who++) {
		struct tpr_nexus n = nexus(who);
		bool in = model_key(m, who) != 0, free_to = !m->type;
		u8 mask = tpr_allowed(info, &n);

		assert_int_equal(tpr_find(info, &n) >= 0, in);
		if (m->type == 1 || m->type == 3)
			free_to = model_holds(m, who);
		else if (m->type)
			free_to = in;
		assert_int_equal(!!(mask & TPR_CLASS_WRITE), free_to);
		assert_int_equal(!!(mask & TPR_CLASS_READ),
				 free_to || m->type == 1 || m->type == 5 ||
					 m->type == 7);
		assert_true(mask & TPR_CLASS_ALWAYS);
		assert_true(mask & TPR_CLASS_PR_IN);
		assert_true(mask & TPR_CLASS_PR_OUT);
	}
}

/* What is decoded is what was encoded, and is encoded to the same bytes. */
static void check_string(const struct tcmu_pr_info *info)
{
	static char a[STRING_MAX], b[STRING_MAX];
	struct tcmu_pr_info *copy = empty_state(ROOM);
	char want[TEXT_MAX];
	long len = tpr_encode(info, a, sizeof(a));

	assert_true(len > 0);
	assert_true((size_t)len <= tpr_encoded_max(info->num_regs));
	assert_int_equal(tpr_peek_regs(a, (size_t)len), (int)info->num_regs);
	assert_int_equal(tpr_decode(copy, a, (size_t)len, NULL), 0);
	state_text(info, want);
	assert_text(copy, want, "decoded");
	assert_int_equal(copy->seq, info->seq);
	assert_int_equal(tpr_encode(copy, b, sizeof(b)), len);
	assert_memory_equal(a, b, (size_t)len);
	free(copy);
}

/* PREEMPT, of either kind, leaves the key to nobody but who took over. */
static void check_preempted(const struct model *m, const struct op *op,
			    char who)
{
	int i;

	for (i = 0; i < NEXUSES; i++)
		if ((!op->sa_key && m->key[i]) ||
		    (op->sa_key && m->key[i] == op->sa_key))
			assert_int_equal('A' + i, who);
}

static void check_reads(const struct tcmu_pr_info *info)
{
	u8 cdb[TPR_IN_CDB_LEN] = {TPR_OP_PR_IN, (u8)rnd(4)};
	u8 buf[1024];
	u32 cap = rnd(sizeof(buf)), len = POISON, i;

	memset(buf, POISON, sizeof(buf));
	tpr_put_be16(cdb + 7, (u16)rnd(1024));
	assert_result(tpr_in(info, cdb, buf, cap, &len), GOOD, "PR IN");
	assert_true(len <= cap && len <= tpr_be16(cdb + 7));
	for (i = len; i < sizeof(buf); i++)
		assert_int_equal(buf[i], POISON);
	if (len >= 8 && cdb[1] != TPR_IN_REPORT_CAPABILITIES) {
		assert_int_equal(tpr_be32(buf), info->gen);
		assert_true(len <= 8 + tpr_be32(buf + 4));
	}
}

/* Everything that is remembered is found, as the version that it was. */
static void check_changes(struct tcmu_pr_info *info, u8 action)
{
	struct tpr_writer w = writer(info->seq + 1), other = w;
	u64 seq = info->seq, i;

	assert_int_equal(tpr_written_as(info, &w), 0);
	tpr_stamp(info, &w, &(struct tpr_order){ .action = action });
	assert_int_equal(info->seq, seq + 1);
	assert_int_equal(info->changes[0].order.action, action);
	for (i = 0; i < 12 && i < info->seq; i++) {
		w.count = info->seq - i;
		assert_int_equal(tpr_written_as(info, &w),
				 i < TPR_CHANGES_MAX ? info->seq - i : 0);
	}
	other.incarnation++;
	assert_int_equal(tpr_written_as(info, &other), 0);
	other = writer(info->seq);
	strcpy(other.gateway, "gw-2");
	assert_int_equal(tpr_written_as(info, &other), 0);
}

static void one_step(struct tcmu_pr_info *info)
{
	struct tcmu_pr_info *before = clone(info);
	char who = (char)('A' + rnd(NEXUSES)), want[TEXT_MAX];
	struct model m;
	struct answer a;
	enum verdict v;
	struct op op;

	model_of(&m, info);
	random_op(&op, &m, who);
	v = model_out_room(&m, who, &op, ROOM);
	a = run(info, who, &op);
	assert_result(a.res, v, "random");
	model_text(&m, want);
	assert_text(info, want, "random");
	if (!a.changed)
		assert_untouched(info, before, "random");
	if (v == GOOD && op.sa == TPR_OUT_PREEMPT)
		check_preempted(&m, &op, who);
	assert_int_equal(info->gen - before->gen,
			 v == GOOD && op.sa != 1 && op.sa != 2);
	assert_rest_same(info, before);
	check_masks(info, &m);
	if (!rnd(4))
		check_reads(info);
	if (a.changed) {
		check_changes(info, a.action);
		if (rnd(2))
			check_string(info);
	}
	free(before);
}

static void test_random_sequences(void **unused)
{
	struct tcmu_pr_info *info = NULL;
	u64 i;

	(void)unused;
	rng = seed * 2 + 1;
	for (i = 0; i < steps; i++) {
		if (i % SEQUENCE == 0) {
			free(info);
			info = state_room(rnd(2) ? "g4294967290" : "", ROOM);
		}
		one_step(info);
	}
	free(info);
}

/* A write is found only under its whole name. */
static void test_written_as(void **unused)
{
	struct tcmu_pr_info *info = state("");
	struct tpr_writer w = {"gw-a", 5, 9}, none = {"", 0, 0};
	int i;

	(void)unused;
	assert_int_equal(tpr_written_as(info, &none), 0);
	tpr_stamp(info, &w, &(struct tpr_order){ .action = TPR_ACT_REPAIR });
	assert_int_equal(info->num_changes, 2);
	assert_int_equal(tpr_written_as(info, &w), 2);
	w.count = 10;
	assert_int_equal(tpr_written_as(info, &w), 0);
	w.count = 9;
	for (i = 3; i < 3 + TPR_CHANGES_MAX - 1; i++) {
		struct tpr_writer x = {"gw-b", 5, (u64)i};

		tpr_stamp(info, &x, &(struct tpr_order){ .action = TPR_ACT_CLEAR });
		assert_int_equal(tpr_written_as(info, &w), 2);
		assert_true(tpr_info_valid(info));
	}
	tpr_stamp(info, &none, &(struct tpr_order){ .action = TPR_ACT_CLEAR });
	assert_int_equal(tpr_written_as(info, &w), 0);
	assert_int_equal(info->num_changes, TPR_CHANGES_MAX);
	free(info);
}

static void test_copy(void **unused)
{
	struct tcmu_pr_info *src = state("A1 B2 C3 /5B p");
	struct tcmu_pr_info *exact = empty_state(3), *small = empty_state(2);
	struct tcmu_pr_info *before = clone(small), *large = empty_state(40);

	(void)unused;
	assert_int_equal(tpr_info_copy(small, src), -ENOSPC);
	assert_untouched(small, before, "too small");
	assert_int_equal(tpr_info_copy(exact, src), 0);
	assert_int_equal(exact->max_regs, 3);
	assert_text(exact, "A1 B2 C3 /5B g10 p", "exact");
	assert_int_equal(tpr_info_copy(large, src), 0);
	assert_int_equal(large->max_regs, 40);
	assert_text(large, "A1 B2 C3 /5B g10 p", "large");
	free(large);
	free(before);
	free(small);
	free(exact);
	free(src);
}

/* What a loss of power leaves, and whether it tells that it changed. */
static void test_power_loss(void **unused)
{
	static const struct {
		const char *before, *after;
		bool changed;
	} rows[] = {
		{"A1 B2 /5A g10 p", "A1 B2 /5A g0 p", true},
		{"A1 B2 /7* g0 p", "A1 B2 /7* g0 p", false},
		{"A1 B2 /5A g10", "g0", true},
		{"A1 B2 /8* g0", "g0", true},
		{"A1 g10", "g0", true},
		{"g10", "g0", true},
		{"g10 p", "g0 p", true},
		{"g0", "g0", false},
	};
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		struct tcmu_pr_info *info = state(rows[i].before);

		assert_int_equal(tpr_power_loss(info), rows[i].changed);
		assert_text(info, rows[i].after, rows[i].before);
		assert_false(tpr_power_loss(info));
		free(info);
	}
}

/* An SPC-2 reservation ends, whatever APTPL says. */
static void test_power_loss_spc2(void **unused)
{
	static const char *const rows[] = {"g0", "g0 p", "g10", "g10 p"};
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(rows); i++) {
		struct tcmu_pr_info *info = state(rows[i]);

		info->scsi2_held = true;
		info->scsi2_holder = nexus('A');
		strcpy(info->scsi2_gateway, "gw-1");
		assert_true(tpr_info_valid(info));
		assert_true(tpr_power_loss(info));
		assert_false(info->scsi2_held);
		assert_text(info, i & 1 ? "g0 p" : "g0", rows[i]);
		free(info);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sequences),
		cmocka_unit_test(test_written_as),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_power_loss),
		cmocka_unit_test(test_power_loss_spc2),
	};

	seed_from(argc, argv, "test_random", &steps);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
