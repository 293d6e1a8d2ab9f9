// SPDX-License-Identifier: GPL-2.0-only
/*
 * Going from version to version as the remembered orders tell, tpr_step(): a
 * gateway that missed versions ends with the same state, and tells the same
 * unit attentions, as one that saw each of them.
 *
 *	test_step [SEED [HISTORIES]]
 */
#include "random.h"

enum {
	HISTORIES = 1000,
	/* Versions after the first one. */
	LENGTH = TPR_CHANGES_MAX,
	ROOM = 7, /* one nexus more than fits */
};

static u64 histories = HISTORIES;

/* The unit attentions of @who on the way from @old to @now, in hexadecimal. */
static void attentions(const struct tcmu_pr_info *old,
		       const struct tcmu_pr_info *now, char who, char *text)
{
	struct tcmu_pr_info *state = clone(old), *before = clone(old);
	struct tpr_nexus n = nexus(who);

	text[0] = 0;
	while (state->seq < now->seq) {
		u16 asc;

		assert_int_equal(tpr_step(state, now), 0);
		assert_true(tpr_info_valid(state));
		asc = tpr_unit_attention(before, state, &n);
		if (asc)
			text += sprintf(text, "%04x ", asc);
		assert_int_equal(tpr_info_copy(before, state), 0);
	}
	free(before);
	free(state);
}

static void expect_attentions(const struct tcmu_pr_info *old,
			      const struct tcmu_pr_info *now, char who,
			      const char *want)
{
	char text[8 * LENGTH];

	attentions(old, now, who, text);
	if (strcmp(text, want))
		fail_msg("%c: %s, expected %s", who, text, want);
}

/*
 * L13: LIO chooses between unit attentions by comparing codes.  Here each comes
 * once, in the order in which they arose, also to who missed the versions.
 */
static void test_L13_attentions_in_their_order(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3 /5A"), *now = clone(old);

	(void)unused;
	step(now, 'A', REL, 5, 1, 0);
	step(now, 'B', REG, 0, 2, 4);
	step(now, 'A', PRE, 0, 1, 3);
	step(now, 'C', REG, 0, 0, 3);
	step(now, 'B', CLR, 0, 4, 0);
	expect_attentions(old, now, 'A', "2a03 ");
	expect_attentions(old, now, 'B', "2a04 ");
	expect_attentions(old, now, 'C', "2a04 2a05 2a03 ");
	expect_attentions(old, now, 'D', "");
	free(now);
	free(old);
}

/* S6, while the victim's gateway missed both that and what came after. */
static void test_S6_preempted_and_registered_again(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 /7*"), *now = clone(old);

	(void)unused;
	step(now, 'A', PAB, 7, 1, 0);
	step(now, 'B', REG, 0, 0, 2);
	expect_attentions(old, now, 'A', "");
	expect_attentions(old, now, 'B', "2a05 ");
	free(now);
	free(old);
}

static void stamp(struct tcmu_pr_info *info, const struct tpr_order *order)
{
	struct tpr_writer w = writer(info->seq + 1);

	tpr_stamp(info, &w, order);
}

static void expect_step(const struct tcmu_pr_info *old,
			const struct tcmu_pr_info *now, int want,
			const char *what)
{
	struct tcmu_pr_info *state = clone(old);
	int ret = tpr_step(state, now);

	if (ret != want)
		fail_msg("%s: returned %d", what, ret);
	if (!ret) {
		assert_int_equal(state->seq, old->seq + 1);
		assert_true(tpr_info_valid(state));
	}
	free(state);
}

static void test_nowhere_to_go(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3"), *now = clone(old);
	int i;

	(void)unused;
	expect_step(old, now, -EINVAL, "the same version");
	step(now, 'A', REG, 0, 1, 4);
	expect_step(old, now, 0, "the next");
	expect_step(now, old, -EINVAL, "backwards");
	strcpy(now->device, "another");
	expect_step(old, now, -EINVAL, "another device");
	strcpy(now->device, old->device);
	for (i = 2; i <= TPR_CHANGES_MAX; i++)
		step(now, 'A', REG, 0, 4, 4);
	expect_step(old, now, 0, "as far as remembered");
	step(now, 'A', REG, 0, 4, 4);
	expect_step(old, now, -EINVAL, "forgotten");
	free(now);
	free(old);
}

/* What led to a version is not known: only what came after it is. */
static void test_begun_anew(void **unused)
{
	struct tcmu_pr_info *old = state("A1 B2 C3"), *base = clone(old), *now;
	struct tpr_nexus b = nexus('B');
	u64 seq = old->seq + 2;

	(void)unused;
	tpr_begin_anew(base, seq);
	assert_int_equal(tpr_written_as(base, &old->changes[0].writer), 0);
	stamp(base, &(struct tpr_order){.action = TPR_ACT_REPAIR});
	assert_int_equal(base->num_changes, 1);
	now = clone(base);
	step(now, 'A', REG, 0, 1, 4);
	step(now, 'B', REG, 0, 2, 0);
	assert_int_equal(now->num_changes, 3);
	expect_step(base, now, 0, "since then");
	assert_int_equal(tpr_unit_attention(base, now, &b), 0);
	assert_false(tpr_must_abort(base, now, &b));
	/* neither across it nor to it */
	expect_step(old, now, -EINVAL, "across");
	expect_step(old, base, -EINVAL, "to it");
	assert_true(tpr_must_abort(old, now, &b));
	assert_int_equal(tpr_unit_attention(old, now, &b),
			 TPR_ASC_REG_PREEMPTED);
	old->seq = seq;
	old->changes[0].seq = seq;
	expect_step(old, now, -EINVAL, "the version before it");
	free(now);
	free(base);
	free(old);
}

/* The store was set back, and another gateway went on. */
static void test_another_history(void **unused)
{
	struct tcmu_pr_info *base = state("A1 B2 C3"), *old = clone(base),
			    *now = clone(base);

	(void)unused;
	step(old, 'A', REG, 0, 1, 4);
	stamp(now, &(struct tpr_order){.action = TPR_ACT_LU_RESET});
	now->changes[0].writer.incarnation++;
	step(now, 'A', REG, 0, 1, 5);
	expect_step(old, now, -EINVAL, "another history");
	free(now);
	free(old);
	free(base);
}

/* Orders that do not tell all, and such that cannot have been. */
static void test_what_cannot_be_redone(void **unused)
{
	struct tpr_order orders[] = {
		{.action = TPR_ACT_REPAIR},
		{.action = TPR_ACT_CREATE},
		{.action = TPR_ACT_NEXUS_LOSS},
		{.action = TPR_ACT_REGISTER, .sa_key = 7},
		{.action = TPR_ACT_CLEAR},
		{TPR_ACT_REGISTER_MOVE, 0, 0, 9, nexus('A')},
		{TPR_ACT_REPLACE_LOST, 5, 0, 9, nexus('A')},
		{TPR_ACT_REGISTER, 0, SPEC_I_PT, 9, nexus('D')},
		{TPR_ACT_RESERVE, 5, 0, 0, nexus('D')},
		{TPR_ACT_RESERVE, 1, 0, 0, nexus('B')},
		{TPR_ACT_RELEASE, 5, 0, 0, nexus('B')},
		{TPR_ACT_PREEMPT, 5, 0, 9, nexus('B')},
		{TPR_ACT_SPC2_RESERVE, 0, 0, 0, nexus('D')},
		{TPR_ACT_SPC2_RELEASE, 0, 0, 0, nexus('A')},
	};
	size_t i;

	(void)unused;
	for (i = 0; i < COUNT(orders); i++) {
		struct tcmu_pr_info *old = state("A1 B2 /5A"), *now = clone(old);
		char what[32];

		stamp(now, &orders[i]);
		/* not only because it is not the state that it led to */
		stamp(now, &(struct tpr_order){.action = TPR_ACT_LU_RESET});
		snprintf(what, sizeof(what), "order %zu", i);
		expect_step(old, now, -EINVAL, what);
		free(now);
		free(old);
	}
}

/* The last step has to lead to what the string says. */
static void test_led_elsewhere(void **unused)
{
	static const char *const states[] = {
		"A1 B3 /5A g11", "A1 B2 C3 /5A g11", "A1 C2 /5A g11",
		"A1 B2 /5B g11", "A1 B2 /6A g11",    "A1 B2 /5A g12",
		"A1 B2 g11",	 "A1 B2 /7* g11",    "A1 B2 /5A g11 p",
		"a1 B2 /5a g11", "A1 /5A g11",	     "2A g11",
	};
	struct tpr_order order = {TPR_ACT_REGISTER, 0, 0, 2, nexus('B')};
	struct tcmu_pr_info *old = state("A1 B2 /5A"), *now;
	size_t i;

	(void)unused;
	now = state("A1 B2 /5A g11");
	stamp(now, &order);
	expect_step(old, now, 0, "there");
	now->regs[0].nexus.rtpi++;
	expect_step(old, now, 0, "another number of the port");
	free(now);
	for (i = 0; i < COUNT(states); i++) {
		now = state(states[i]);
		stamp(now, &order);
		expect_step(old, now, -EINVAL, states[i]);
		/* on the way nobody can tell */
		stamp(now, &(struct tpr_order){.action = TPR_ACT_LU_RESET});
		expect_step(old, now, 0, states[i]);
		free(now);
	}
	free(old);
}

/* An SPC-2 reservation of another nexus, or watched over elsewhere. */
static void test_led_to_another_spc2(void **unused)
{
	struct tpr_order order = {TPR_ACT_SPC2_RESERVE, 0, 0, 0, nexus('A')};
	struct tcmu_pr_info *old = state("g1"), *now;

	(void)unused;
	now = state("2A g1");
	stamp(now, &order);
	expect_step(old, now, 0, "there");
	strcpy(now->scsi2_gateway, "gw-2");
	expect_step(old, now, -EINVAL, "gateway");
	free(now);
	now = state("2B g1");
	stamp(now, &order);
	expect_step(old, now, -EINVAL, "holder");
	free(now);
	now = state("g1");
	stamp(now, &order);
	expect_step(old, now, -EINVAL, "nobody");
	free(now);
	free(old);
}

static void test_no_room(void **unused)
{
	struct tcmu_pr_info *old = state_room("A1 B2", 2),
			    *now = state_room("A1 B2", 3);

	(void)unused;
	step(now, 'C', REG, 0, 0, 3);
	expect_step(old, now, -ENOSPC, "no room");
	free(now);
	free(old);
}

/* From nothing, before the first version. */
static void test_from_nothing(void **unused)
{
	struct tcmu_pr_info *now = state("g0"), *state = clone(now);

	(void)unused;
	step(now, 'A', REG, 0, 0, 1);
	tpr_info_init(state, ROOM);
	assert_int_equal(tpr_step(state, now), 0);
	assert_text(state, "g0", "created");
	assert_int_equal(state->seq, 1);
	assert_int_equal(state->changes[0].order.action, TPR_ACT_CREATE);
	assert_string_equal(state->device, now->device);
	assert_int_equal(tpr_step(state, now), 0);
	assert_text(state, "A1 g1", "registered");
	assert_int_equal(tpr_step(state, now), -EINVAL);
	free(state);
	free(now);
}

/* Random histories */

struct history {
	struct tcmu_pr_info *at[LENGTH + 1];
	char who[LENGTH + 1]; /* asked for the change to this version, or 0 */
};

static bool random_out(struct tcmu_pr_info *info, char who,
		       struct tpr_order *order)
{
	static const u8 sas[] = {0, 0, 0, 0, 6, 6, 1, 1, 1, 2, 2, 3, 4, 4, 5, 5};
	struct op op = {.sa = sas[rnd(COUNT(sas))]};
	struct answer a;
	struct model m;

	model_of(&m, info);
	op.type = rnd(2) && m.type ? m.type : all_types[rnd(COUNT(all_types))];
	op.key = rnd(4) ? model_key(&m, who) : some_key(&m, who);
	op.sa_key = some_key(&m, who);
	if (op.sa == REG && rnd(3))
		op.sa_key = 1 + rnd(5);
	op.flags = rnd(3) ? 0 : (u8)(rnd(2) * APTPL + rnd(2) * ALL_TG_PT);
	op.force = !rnd(10);
	a = run(info, who, &op);
	*order = a.order;
	return a.changed;
}

static bool random_spc2(struct tcmu_pr_info *info, char who,
			const char *gateway, struct tpr_order *order)
{
	static const u8 opcodes[] = {TPR_OP_RESERVE6, TPR_OP_RESERVE10,
				     TPR_OP_RELEASE6, TPR_OP_RELEASE10};
	u8 cdb[10] = {opcodes[rnd(COUNT(opcodes))]};
	struct tpr_nexus n = nexus(who);
	bool changed;

	tpr_spc2(info, &n, gateway, cdb, &changed, order);
	return changed;
}

/* What no command asks for. */
static bool random_event(struct tcmu_pr_info *info, struct tpr_order *order)
{
	*order = (struct tpr_order){0};
	switch (rnd(3)) {
	case 0:
		order->action = TPR_ACT_LU_RESET;
		tpr_spc2_end(info);
		return true;
	case 1:
		order->action = TPR_ACT_NEXUS_LOSS;
		return tpr_spc2_end(info);
	default:
		order->action = TPR_ACT_POWER_LOSS;
		return tpr_power_loss(info);
	}
}

/* Brings @info one version further; who asked, or 0. */
static char random_change(struct tcmu_pr_info *info)
{
	struct tpr_writer w = {"", 1 + rnd(3), info->seq + 1};
	struct tpr_order order;
	bool changed;
	char who;

	do {
		snprintf(w.gateway, sizeof(w.gateway), "gw-%u", rnd(3));
		who = (char)('A' + rnd(NEXUSES));
		switch (rnd(10)) {
		case 0:
			changed = random_event(info, &order);
			who = 0;
			break;
		case 1:
			changed = random_spc2(info, who, w.gateway, &order);
			break;
		default:
			changed = random_out(info, who, &order);
		}
	} while (!changed);
	tpr_stamp(info, &w, &order);
	assert_true(tpr_info_valid(info));
	return who;
}

/* By the standard's words, from the two models and who did what. */
static u16 model_attention(const struct model *old, const struct model *now,
			   u8 action, char by, char who)
{
	bool was = model_key(old, who), is = model_key(now, who);
	bool shared = old->type >= 5, ended = old->type && !now->type;

	if (who == by)
		return 0;
	switch (action) {
	case TPR_ACT_LU_RESET:
		return 0x2903;
	case TPR_ACT_CLEAR:
		return was ? 0x2a03 : 0;
	case TPR_ACT_PREEMPT:
	case TPR_ACT_PREEMPT_ABORT:
		if (!was)
			return 0;
		if (!is)
			return 0x2a05;
		return old->type && old->type != now->type ? 0x2a04 : 0;
	case TPR_ACT_RELEASE:
		return was && shared ? 0x2a04 : 0;
	case TPR_ACT_REGISTER:
	case TPR_ACT_REGISTER_IGNORE:
		return is && shared && ended ? 0x2a04 : 0;
	default:
		return 0;
	}
}

static void make_history(struct history *h)
{
	u32 i, warm;

	h->at[0] = state_room("g0", ROOM);
	for (warm = rnd(20); warm; warm--)
		random_change(h->at[0]);
	for (i = 1; i <= LENGTH; i++) {
		h->at[i] = clone(h->at[i - 1]);
		h->who[i] = random_change(h->at[i]);
	}
}

/* From each older version to each newer one, step by step. */
static void check_steps(const struct history *h)
{
	u32 from, to, i;

	for (from = 0; from < LENGTH; from++) {
		for (to = from + 1; to <= LENGTH; to++) {
			struct tcmu_pr_info *state = clone(h->at[from]);

			for (i = from + 1; i <= to; i++) {
				const struct tcmu_pr_info *want = h->at[i];
				char text[TEXT_MAX];

				assert_int_equal(tpr_step(state, h->at[to]), 0);
				state_text(want, text);
				assert_text(state, text, "step");
				assert_int_equal(state->seq, want->seq);
				assert_string_equal(state->scsi2_gateway,
						    want->scsi2_gateway);
				assert_true(tpr_written_as(
					state, &want->changes[0].writer) ==
					    want->seq);
			}
			free(state);
		}
	}
}

static void check_attentions(const struct history *h)
{
	u32 i;
	char who;

	for (who = 'A'; who < 'A' + NEXUSES; who++) {
		char want[8 * LENGTH], got[8 * LENGTH], *p = want;

		want[0] = 0;
		for (i = 1; i <= LENGTH; i++) {
			struct model old, now;
			u16 asc;

			model_of(&old, h->at[i - 1]);
			model_of(&now, h->at[i]);
			asc = model_attention(
				&old, &now, h->at[i]->changes[0].order.action,
				h->who[i], who);
			if (asc)
				p += sprintf(p, "%04x ", asc);
		}
		attentions(h->at[0], h->at[LENGTH], who, got);
		if (strcmp(got, want))
			fail_msg("%c: %s, expected %s", who, got, want);
	}
}

static void test_random_histories(void **unused)
{
	struct history h;
	u64 i;
	u32 j;

	(void)unused;
	rng = seed * 2 + 1;
	for (i = 0; i < histories; i++) {
		make_history(&h);
		check_steps(&h);
		check_attentions(&h);
		for (j = 0; j <= LENGTH; j++)
			free(h.at[j]);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_L13_attentions_in_their_order),
		cmocka_unit_test(test_S6_preempted_and_registered_again),
		cmocka_unit_test(test_nowhere_to_go),
		cmocka_unit_test(test_begun_anew),
		cmocka_unit_test(test_another_history),
		cmocka_unit_test(test_what_cannot_be_redone),
		cmocka_unit_test(test_led_elsewhere),
		cmocka_unit_test(test_led_to_another_spc2),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_from_nothing),
		cmocka_unit_test(test_random_histories),
	};

	seed_from(argc, argv, "test_step", &histories);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
