// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker on histories that are known to be right or wrong, and on random
 * small ones beside a search that simply tries all orders.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"
#include "tpr_bytes.h"
#include "tpr_in.h"
#include "tpr_opcode.h"
#include "tpr_out.h"

enum {
	NEXUSES = 3,
	KEY = 0xa, /* of nexus 0; the next ones' are 0xb, 0xc */
	/* Outcomes besides SCSI statuses. */
	NO_ANSWER = -1,
	NOT_READY = -2,
	ATTENTION = -3,
	TIME_OUT = -4,
};

static struct lc_history *h;
static struct lc_report report;
static struct tpr_nexus nexuses[NEXUSES];

static void make_nexuses(void)
{
	char label[8];
	u32 i;

	for (i = 0; i < NEXUSES; i++) {
		memset(&nexuses[i], 0, sizeof(nexuses[i]));
		snprintf(nexuses[i].initiator, sizeof(nexuses[i].initiator),
			 "iqn.2026-11.test:%c", 'a' + (int)i);
		strcpy(nexuses[i].target, "iqn.2026-11.test:target");
		nexuses[i].isid[5] = (u8)i;
		nexuses[i].proto = TPR_PROTO_ISCSI;
		nexuses[i].tag = (u16)(i % 2 + 1);
		nexuses[i].rtpi = (u16)(i % 2 + 1);
		snprintf(label, sizeof(label), "%c", 'a' + (int)i);
		lc_nexus(h, &nexuses[i], i % 2 ? "gw2" : "gw1", label);
	}
}

static int begin(void **state)
{
	(void)state;
	h = lc_new(NULL);
	make_nexuses();
	return 0;
}

static int end(void **state)
{
	(void)state;
	lc_free(h);
	return 0;
}

static struct tpr_result result_of(int outcome)
{
	switch (outcome) {
	case NOT_READY:
		return tpr_check(TPR_SK_NOT_READY, TPR_ASC_STANDBY);
	case ATTENTION:
		return tpr_check(TPR_SK_UNIT_ATTENTION, TPR_ASC_REG_PREEMPTED);
	case TIME_OUT:
		return tpr_check(TPR_SK_ABORTED_COMMAND, TPR_ASC_LU_TIMEOUT);
	default:
		return (struct tpr_result){ .status = (u8)outcome };
	}
}

static u32 answer(u32 op, u64 ret, int outcome)
{
	if (outcome != NO_ANSWER)
		lc_return(h, op, ret, result_of(outcome), NULL, 0);
	return op;
}

static u32 out(u32 nexus, u64 call, u64 ret, u8 sa, u8 type, u64 key,
	       u64 sa_key, int outcome)
{
	u8 cdb[10] = { TPR_OP_PR_OUT, sa, type }, param[24] = { 0 };

	tpr_put_be32(cdb + 5, sizeof(param));
	tpr_put_be64(param, key);
	tpr_put_be64(param + 8, sa_key);
	return answer(lc_call(h, call, nexus, cdb, sizeof(cdb), param,
			      sizeof(param)),
		      ret, outcome);
}

static u32 join(u32 nexus, u64 call, u64 ret, int outcome)
{
	return out(nexus, call, ret, TPR_OUT_REGISTER_IGNORE, 0, 0,
		   KEY + nexus, outcome);
}

static u32 write_block(u32 nexus, u64 call, u64 ret, int outcome)
{
	static const u8 cdb[10] = { 0x2a, [8] = 1 };

	return answer(lc_call(h, call, nexus, cdb, sizeof(cdb), NULL, 0), ret,
		      outcome);
}

static u32 simple(u32 nexus, u64 call, u64 ret, u8 opcode, int outcome)
{
	const u8 cdb[6] = { opcode };

	return answer(lc_call(h, call, nexus, cdb, sizeof(cdb), NULL, 0), ret,
		      outcome);
}

/* READ KEYS that saw this generation and the keys of these nexuses ("ab"). */
static u32 keys(u32 nexus, u64 call, u64 ret, u32 gen, const char *whose)
{
	u8 cdb[10] = { TPR_OP_PR_IN, TPR_IN_READ_KEYS, [7] = 2 };
	u8 data[8 + 8 * NEXUSES] = { 0 };
	u32 n = (u32)strlen(whose), i, op;

	tpr_put_be32(data, gen);
	tpr_put_be32(data + 4, n * 8);
	for (i = 0; i < n; i++)
		tpr_put_be64(data + 8 + i * 8, KEY + (u64)(whose[i] - 'a'));
	op = lc_call(h, call, nexus, cdb, sizeof(cdb), NULL, 0);
	lc_return(h, op, ret, tpr_good(), data, 8 + n * 8);
	return op;
}

static void good(void)
{
	if (lc_judge(h, NULL, &report) != LC_LINEARIZABLE) {
		lc_explain(h, &report, stderr);
		fail();
	}
}

static void bad(u32 op)
{
	assert_int_equal(lc_judge(h, NULL, &report), LC_NOT_LINEARIZABLE);
	assert_int_equal(report.op, op);
}

static void test_nothing(void **state)
{
	(void)state;
	good();
	keys(0, 1, 2, 0, "");
	good();
	assert_int_equal(report.judged, 1);
}

static void test_one_after_the_other(void **state)
{
	(void)state;
	join(0, 0, 10, TPR_GOOD);
	keys(1, 20, 30, 1, "a");
	out(0, 40, 50, TPR_OUT_RESERVE, TPR_WRITE_EXCLUSIVE, KEY, 0, TPR_GOOD);
	write_block(1, 60, 70, TPR_RESERVATION_CONFLICT);
	write_block(0, 60, 70, TPR_GOOD);
	out(1, 80, 90, TPR_OUT_CLEAR, 0, KEY + 1, 0, TPR_RESERVATION_CONFLICT);
	good();
	assert_int_equal(report.widest, 1);
}

static void test_lost_update(void **state)
{
	(void)state;
	join(0, 0, 10, TPR_GOOD);
	join(1, 0, 10, TPR_GOOD);
	bad(keys(0, 20, 30, 1, "b"));
}

static void test_both_updates(void **state)
{
	(void)state;
	join(0, 0, 10, TPR_GOOD);
	join(1, 0, 10, TPR_GOOD);
	keys(0, 20, 30, 2, "ab");
	good();
}

static void test_stale_read(void **state)
{
	(void)state;
	join(0, 0, 10, TPR_GOOD);
	bad(keys(1, 11, 30, 0, ""));
}

static void test_read_meanwhile(void **state)
{
	(void)state;
	join(0, 0, 10, TPR_GOOD);
	keys(1, 9, 30, 0, "");
	keys(1, 10, 30, 0, ""); /* at the same time: meanwhile */
	good();
}

/* Once somebody has seen the change, nobody sees the old state any more. */
static void test_back_in_time(void **state)
{
	(void)state;
	join(0, 0, 100, TPR_GOOD);
	keys(1, 10, 20, 1, "a");
	bad(keys(2, 30, 40, 0, ""));
}

/* @ret of PREEMPT, then a write of the fenced nexus. */
static u32 fence(u64 write_call, int outcome)
{
	join(0, 0, 10, TPR_GOOD);
	join(1, 0, 10, TPR_GOOD);
	out(1, 20, 30, TPR_OUT_RESERVE, TPR_WRITE_EXCLUSIVE_RO, KEY + 1, 0,
	    TPR_GOOD);
	out(0, 100, 110, TPR_OUT_PREEMPT, TPR_WRITE_EXCLUSIVE_RO, KEY, KEY + 1,
	    TPR_GOOD);
	return write_block(1, write_call, 130, outcome);
}

static void test_write_after_fence(void **state)
{
	(void)state;
	bad(fence(111, TPR_GOOD));
}

static void test_write_before_fence(void **state)
{
	(void)state;
	fence(105, TPR_GOOD);
	good();
}

static void test_write_refused_after_fence(void **state)
{
	(void)state;
	fence(111, TPR_RESERVATION_CONFLICT);
	write_block(1, 140, 150, NOT_READY);
	write_block(1, 140, 150, NO_ANSWER);
	good();
}

static void test_write_refused_before_fence(void **state)
{
	(void)state;
	bad(write_block(1, 50, 60, TPR_RESERVATION_CONFLICT));
	fence(111, NOT_READY);
	assert_int_equal(lc_judge(h, NULL, &report), LC_NOT_LINEARIZABLE);
}

static void test_two_holders(void **state)
{
	u32 op;

	(void)state;
	join(0, 0, 10, TPR_GOOD);
	join(1, 0, 10, TPR_GOOD);
	out(0, 20, 30, TPR_OUT_RESERVE, TPR_WRITE_EXCLUSIVE, KEY, 0, TPR_GOOD);
	op = out(1, 20, 31, TPR_OUT_RESERVE, TPR_WRITE_EXCLUSIVE, KEY + 1, 0,
		 TPR_GOOD);
	bad(op);
	/* What comes later has no part in it. */
	keys(0, 40, 50, 2, "ab");
	bad(op);
}

/* Without an answer it may have its effect, ... */
static void test_unclear_and_done(void **state)
{
	(void)state;
	join(0, 0, 10, NO_ANSWER);
	keys(1, 20, 30, 0, "");
	keys(1, 40, 50, 1, "a"); /* ... later ... */
	good();
}

static void test_unclear_and_never(void **state)
{
	(void)state;
	join(0, 0, 10, TIME_OUT);
	join(1, 20, 30, TPR_GOOD);
	keys(1, 40, 50, 1, "b"); /* ... or never, ... */
	good();
}

static void test_unclear_and_undone(void **state)
{
	(void)state;
	join(0, 0, 10, TIME_OUT);
	keys(1, 20, 30, 1, "a");
	bad(keys(1, 40, 50, 0, "")); /* ... but only once. */
}

static void test_attention_and_done(void **state)
{
	(void)state;
	join(0, 0, 10, ATTENTION);
	bad(keys(1, 20, 30, 1, "a"));
}

/* The path is down: an initiator may send it again through another. */
static void test_not_ready_and_done(void **state)
{
	(void)state;
	join(0, 0, 10, NOT_READY);
	keys(1, 20, 30, 0, "");
	bad(keys(1, 40, 50, 1, "a"));
}

static void test_wrong_data(void **state)
{
	(void)state;
	join(0, 0, 10, TPR_GOOD);
	bad(keys(1, 20, 30, 1, "b"));
}

static void test_spc2(void **state)
{
	(void)state;
	simple(0, 0, 10, 0x16, TPR_GOOD);
	write_block(1, 20, 30, TPR_RESERVATION_CONFLICT);
	simple(1, 20, 30, 0x00, TPR_RESERVATION_CONFLICT);
	join(1, 20, 30, TPR_RESERVATION_CONFLICT);
	good();
	write_block(1, 60, 70, TPR_GOOD);
	assert_int_equal(lc_judge(h, NULL, &report), LC_NOT_LINEARIZABLE);
	/* Of another nexus: no excuse. */
	lc_event(h, LC_NEXUS_LOSS, 40, LC_FOREVER, 1);
	assert_int_equal(lc_judge(h, NULL, &report), LC_NOT_LINEARIZABLE);
	lc_event(h, LC_NEXUS_LOSS, 40, LC_FOREVER, 0);
	good();
}

static void test_event_too_late(void **state)
{
	(void)state;
	simple(0, 0, 10, 0x16, TPR_GOOD);
	lc_event(h, LC_LU_RESET, 40, 50, 0);
	write_block(1, 60, 70, TPR_RESERVATION_CONFLICT);
	good();
	bad(write_block(1, 80, 90, TPR_GOOD));
}

static void test_power_loss(void **state)
{
	u32 op;

	(void)state;
	join(0, 0, 10, TPR_GOOD);
	op = keys(0, 40, 50, 0, "");
	bad(op);
	lc_event(h, LC_POWER_LOSS, 20, 30, 0);
	good();
}

/* Many at once, in the one order that the data allow. */
static void test_wide(void **state)
{
	u32 i;

	(void)state;
	for (i = 0; i < 60; i++)
		out(i % NEXUSES, 0, 1000, TPR_OUT_REGISTER_IGNORE, 0, 0, KEY + i,
		    NO_ANSWER);
	keys(0, 500, 600, 0, "");
	good();
}

static void test_gives_up(void **state)
{
	struct lc_limits limits = { .steps = 100 };
	u32 i;

	(void)state;
	for (i = 0; i < 12; i++)
		out(i % NEXUSES, 0, 1000, TPR_OUT_REGISTER_IGNORE, 0, 0,
		    KEY + i % NEXUSES, TPR_GOOD);
	keys(0, 2000, 2001, 12, "abc");
	assert_int_equal(lc_judge(h, &limits, &report), LC_GAVE_UP);
	assert_non_null(report.why);
	good();
}

static void test_explains(void **state)
{
	static char text[8192];
	FILE *f = fmemopen(text, sizeof(text), "w");

	(void)state;
	bad(fence(111, TPR_GOOD));
	lc_explain(h, &report, f);
	fclose(f);
	assert_non_null(strstr(text, "nothing explains the answer of\n    #4 [111 .. 130] b: WRITE 0: GOOD\n"));
	assert_non_null(strstr(text, "certain, at 110:\n    generation 3, WE-RO; registered: a=a (holder)\n"));
}

/* Random histories */

static u32 seed;

static u32 draw(u32 n)
{
	seed = seed * 1664525 + 1013904223;
	return (u32)((u64)(seed >> 8) * n >> 24);
}

/* Tries all orders: can what is left be executed in @s from @state? */
static bool any_order(struct states *s, u32 state, u32 left)
{
	u64 first_return = LC_FOREVER;
	bool must = false;
	u32 i;

	for (i = 0; i < h->num_ops; i++) {
		if (!(left >> i & 1) || h->ops[i].role == MAYBE)
			continue;
		must = true;
		if (h->ops[i].ret < first_return)
			first_return = h->ops[i].ret;
	}
	if (!must)
		return true;
	for (i = 0; i < h->num_ops; i++) {
		const struct op *o = &h->ops[i];
		u32 next = state;

		if (!(left >> i & 1) || o->call > first_return)
			continue;
		if (o->role == READER) {
			if (!states_fits(s, state, i))
				continue;
		} else {
			struct outcome res = states_apply(s, state, i);

			if (o->role == WRITER &&
			    res.result.status != TPR_GOOD)
				continue;
			next = res.next;
		}
		if (any_order(s, next, left & ~(1u << i)))
			return true;
	}
	return false;
}

/* Few keys, generations and instants, so that much is nearly possible. */
static void random_op(void)
{
	static const int outcomes[] = { TPR_GOOD, TPR_GOOD, TPR_GOOD,
					TPR_RESERVATION_CONFLICT, NO_ANSWER,
					TIME_OUT };
	static const char *const sets[] = { "", "a", "b", "ab" };
	u32 nexus = draw(2), call = draw(12), ret = call + draw(8);
	int outcome = outcomes[draw(ARRAY_SIZE(outcomes))];

	switch (draw(6)) {
	case 0:
	case 1:
		join(nexus, call, ret, outcome);
		break;
	case 2:
		out(nexus, call, ret, TPR_OUT_RESERVE, TPR_WRITE_EXCLUSIVE_RO,
		    KEY + nexus, 0, outcome);
		break;
	case 3:
		out(nexus, call, ret, TPR_OUT_PREEMPT, TPR_WRITE_EXCLUSIVE_RO,
		    KEY + nexus, KEY + !nexus, outcome);
		break;
	case 4:
		write_block(nexus, call, ret, outcome);
		break;
	default:
		keys(nexus, call, ret, draw(4), sets[draw(4)]);
	}
}

static void random_history(u32 n)
{
	enum lc_verdict verdict;
	struct states *s;
	bool possible;
	u32 left = 0, i;

	while (n--)
		random_op();
	for (i = 0; i < h->num_ops; i++)
		if (h->ops[i].role != SILENT)
			left |= 1u << i;
	s = states_new(h);
	possible = any_order(s, states_start(s), left);
	states_free(s);
	verdict = lc_judge(h, NULL, &report);
	if (verdict != (possible ? LC_LINEARIZABLE : LC_NOT_LINEARIZABLE)) {
		for (i = 0; i < h->num_ops; i++)
			lc_print_op(h, i, stderr);
		lc_explain(h, &report, stderr);
		fail_msg("an order %s", possible ? "exists" : "does not exist");
	}
}

static void test_all_orders(void **state)
{
	u32 verdicts[3] = { 0 }, round;

	for (round = 0; round < 20000; round++) {
		seed = round;
		end(state);
		begin(state);
		random_history(2 + round % 6);
		verdicts[report.verdict]++;
	}
	/* Both kinds, or this shows nothing. */
	assert_true(verdicts[LC_LINEARIZABLE] > 2000);
	assert_true(verdicts[LC_NOT_LINEARIZABLE] > 2000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nothing),
		TEST(one_after_the_other),
		TEST(lost_update),
		TEST(both_updates),
		TEST(stale_read),
		TEST(read_meanwhile),
		TEST(back_in_time),
		TEST(write_after_fence),
		TEST(write_before_fence),
		TEST(write_refused_after_fence),
		TEST(write_refused_before_fence),
		TEST(two_holders),
		TEST(unclear_and_done),
		TEST(unclear_and_never),
		TEST(unclear_and_undone),
		TEST(attention_and_done),
		TEST(not_ready_and_done),
		TEST(wrong_data),
		TEST(spc2),
		TEST(event_too_late),
		TEST(power_loss),
		TEST(wide),
		TEST(gives_up),
		TEST(explains),
		TEST(all_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
