/* SPDX-License-Identifier: GPL-2.0-only */
/* What the unit tests share beyond the builders. */
#ifndef TPR_TEST_UTIL_H
#define TPR_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "build.h"
#include "model.h"
#include "tpr_string.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* In tables. */
#define REG TPR_OUT_REGISTER
#define RES TPR_OUT_RESERVE
#define REL TPR_OUT_RELEASE
#define CLR TPR_OUT_CLEAR
#define PRE TPR_OUT_PREEMPT
#define PAB TPR_OUT_PREEMPT_ABORT
#define IGN TPR_OUT_REGISTER_IGNORE
#define MOV TPR_OUT_REGISTER_MOVE
#define LST TPR_OUT_REPLACE_LOST

/* SPC-4 table 63. */
static const u8 all_types[] = {1, 3, 5, 6, 7, 8};

static inline void assert_result(struct tpr_result got, enum verdict want,
				 const char *what)
{
	struct tpr_result w = verdict_result(want);

	if (got.status != w.status || got.key != w.key || got.asc != w.asc)
		fail_msg("%s: %02x/%x/%04x, expected %02x/%x/%04x", what,
			 got.status, got.key, got.asc, w.status, w.key, w.asc);
}

/* Every byte of the memory, the unused registrations too. */
static inline void assert_untouched(const struct tcmu_pr_info *info,
				    const struct tcmu_pr_info *before,
				    const char *what)
{
	if (memcmp(info, before, tpr_info_size(before->max_regs)))
		fail_msg("%s: the state was touched", what);
}

static inline void assert_text(const struct tcmu_pr_info *info,
			       const char *want, const char *what)
{
	char text[TEXT_MAX];

	state_text(info, text);
	if (strcmp(text, want))
		fail_msg("%s: state %s, expected %s", what, text, want);
	if (!tpr_info_valid(info))
		fail_msg("%s: state %s is not valid", what, text);
}

/* What no PERSISTENT RESERVE OUT changes by itself. */
static inline void assert_rest_same(const struct tcmu_pr_info *info,
				    const struct tcmu_pr_info *before)
{
	assert_int_equal(info->vers, before->vers);
	assert_int_equal(info->seq, before->seq);
	assert_int_equal(info->scsi2_held, before->scsi2_held);
	assert_string_equal(info->scsi2_gateway, before->scsi2_gateway);
	assert_memory_equal(&info->scsi2_holder, &before->scsi2_holder,
			    sizeof(info->scsi2_holder));
	assert_memory_equal(info->device, before->device, sizeof(info->device));
	assert_int_equal(info->num_changes, before->num_changes);
	assert_memory_equal(info->changes, before->changes,
			    sizeof(info->changes));
	assert_int_equal(info->max_regs, before->max_regs);
}

/* Service actions 00h to 08h, SPC-4 table 213, in the words of the string. */
static const char *const action_words[] = {
	"register", "reserve", "release", "clear", "preempt", "preempt-abort",
	"register-ignore", "register-move", "replace-lost",
};

/* The flags of @op that mean something, force_aptpl among them. */
static inline u8 flags_of(const struct op *op)
{
	u8 flags = op->flags | (op->force ? APTPL : 0);

	switch (op->sa) {
	case TPR_OUT_REGISTER:
	case TPR_OUT_REGISTER_IGNORE:
		return flags & (APTPL | ALL_TG_PT |
				(op->sa_key ? SPEC_I_PT : 0));
	case TPR_OUT_REGISTER_MOVE:
	case TPR_OUT_REPLACE_LOST:
		return flags & APTPL;
	default:
		return 0;
	}
}

static inline void assert_order(const struct tpr_order *order, char who,
				const struct op *op)
{
	struct tpr_nexus n = nexus(who);

	assert_string_equal(tpr_action_name(order->action),
			    action_words[op->sa]);
	assert_int_equal(order->scope_type, op->scope << 4 | op->type);
	assert_int_equal(order->flags, flags_of(op));
	assert_int_equal(order->sa_key, op->sa_key);
	assert_true(same_nexus(&order->nexus, &n));
}

/*
 * The order is enough to do it again, or says that it is not: @info becomes
 * the state @now that it led to.
 */
static inline void assert_redo(struct tcmu_pr_info *info,
			       const struct tcmu_pr_info *now,
			       const struct tpr_order *order, const char *what)
{
	char want[TEXT_MAX];
	bool whole = !(order->flags & SPEC_I_PT) &&
		     order->action != TPR_ACT_REGISTER_MOVE &&
		     order->action != TPR_ACT_REPLACE_LOST;

	if (tpr_redo(info, order, "gw-1") != (whole ? 0 : -EINVAL))
		fail_msg("%s: tpr_redo() differs", what);
	if (!whole)
		return;
	state_text(now, want);
	assert_text(info, want, what);
}

/*
 * Runs @op by @who on @info: it ends as @want and leaves the state that the
 * text @after tells, or, with NULL, every byte as it was.
 */
static inline void expect_op(struct tcmu_pr_info *info, char who,
			     const struct op *op, enum verdict want,
			     const char *after, const char *what)
{
	struct tcmu_pr_info *before = clone(info);
	struct answer a = run(info, who, op);

	assert_result(a.res, want, what);
	if (a.changed != (after != NULL))
		fail_msg("%s: changed is %d", what, a.changed);
	if (!after) {
		assert_untouched(info, before, what);
		assert_int_equal(a.action, 0);
	} else {
		assert_text(info, after, what);
		assert_rest_same(info, before);
		assert_order(&a.order, who, op);
		assert_redo(before, info, &a.order, what);
	}
	free(before);
}

/* A command that must be GOOD and is made a version of its own. */
static inline void step(struct tcmu_pr_info *info, char who, u8 sa, u8 type,
			u64 key, u64 sa_key)
{
	struct op op = {.sa = sa, .type = type, .key = key, .sa_key = sa_key};
	struct answer a = run(info, who, &op);
	struct tpr_writer w = writer(info->seq + 1);

	assert_result(a.res, GOOD, "step");
	if (a.changed)
		tpr_stamp(info, &w, &a.order);
	assert_true(tpr_info_valid(info));
}

#endif
