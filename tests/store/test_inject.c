// SPDX-License-Identifier: GPL-2.0-only
/*
 * Errors from every system call of every operation: a call that is not done
 * and says so, and one that is done and says it was not, as over a network.
 */
#include "area.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "scenario.h"
#include "tracee.h"

/* Those that change something; only they run out of space. */
static const long changes[] = {
#ifdef SYS_mkdir
	SYS_mkdir,
#endif
#ifdef SYS_renameat
	SYS_renameat,
#endif
	SYS_mkdirat,  SYS_openat,    SYS_write,	   SYS_fsync,
	SYS_linkat,   SYS_renameat2, SYS_unlinkat,
};

static const long others[] = {
#ifdef SYS_newfstatat
	SYS_newfstatat,
#endif
	SYS_read,	SYS_close, SYS_statx, SYS_fstat,    SYS_fstatfs,
	SYS_getdents64, SYS_fcntl, SYS_lseek, SYS_eventfd2,
};

static bool is_change(long call)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (changes[i] == call)
			return true;
	return false;
}

static bool is_target(long call, int err)
{
	if (is_change(call))
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (others[i] == call)
			return err != ENOSPC && err != EROFS;
	return false;
}

struct fault {
	int stop; /* 1: the first call */
	int err;
	bool late; /* after the call was done */
};

/* Goes to the stop of the fault; false if there is none such. */
static bool reach(struct tracee *t, const struct fault *fault, int *seen)
{
	while (*seen < fault->stop) {
		if (!tracee_step(t))
			return false;
		*seen += t->entry && is_target(t->call, fault->err);
	}
	return fault->late ? tracee_step(t) : true;
}

/*
 * Makes @count faults, in the order of their stops.  False if the operation
 * ended before the last one.
 */
static bool inject(const struct scenario *scenario, const struct fault *fault,
		   int count)
{
	struct outcome outcome = {0};
	struct tracee t;
	bool reached = true;
	int seen = 0;

	area_clear();
	scenario->setup();
	tracee_start(&t, scenario->opens ? NULL : "a", 2, scenario->op);
	for (int i = 0; i < count && reached; i++) {
		reached = reach(&t, &fault[i], &seen);
		if (reached)
			tracee_inject(&t, fault[i].err);
	}
	outcome.ret = tracee_finish(&t);
	outcome.done = true;
	tracee_free(&t);
	outcome.other = area_open("b", 2);
	scenario->check(&outcome);
	scenario_aftermath(&outcome);
	ops->close(outcome.other);
	return reached;
}

static int inject_all(const struct scenario *scenario, int err, bool late)
{
	struct fault fault = {.err = err, .late = late};

	do
		fault.stop++;
	while (inject(scenario, &fault, 1));
	return fault.stop - 1;
}

static void test_inject(void **state)
{
	static const int errs[] = {ENOSPC, EIO, EROFS};
	int total = 0;

	(void)state;
	if (!tracee_can_inject())
		skip();
	for (int i = 0; i < scenario_count; i++) {
		int count = 0;

		for (int j = 0; j < 3; j++)
			count += inject_all(&scenarios[i], errs[j], false);
		count += inject_all(&scenarios[i], EIO, true);
		print_message("%-18s %4d errors\n", scenarios[i].name, count);
		total += count;
	}
	print_message("%d errors injected\n", total);
}

static const struct scenario *find(const char *name)
{
	for (int i = 0; i < scenario_count; i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	fail();
	return NULL;
}

/* The number of the call among those that can fail. */
static int stop_of(const struct scenario *scenario, long call)
{
	struct tracee t;
	int stop = 0;

	area_clear();
	scenario->setup();
	tracee_start(&t, "a", 2, scenario->op);
	do {
		assert_true(tracee_step(&t));
		stop += t.entry && is_target(t.call, EIO);
	} while (!t.entry || t.call != call);
	tracee_free(&t);
	return stop;
}

/* link(2) says it failed, done or not, and then something else fails too. */
static int inject_after_link(const char *name, int err, bool late)
{
	const struct scenario *scenario = find(name);
	struct fault fault[2] = {{.err = err, .late = late}};
	int count = 0;

	fault[0].stop = stop_of(scenario, SYS_linkat);
	inject(scenario, fault, 1);
	for (int i = 0; i < 2; i++) {
		fault[1] = fault[0];
		fault[1].err = EIO;
		fault[1].late = i;
		do {
			fault[1].stop++;
			count++;
		} while (inject(scenario, fault, 2));
	}
	return count;
}

static void test_link(void **state)
{
	static const char *const names[] = {"create", "swap",
					    "swap with removal"};
	int count = 0;

	(void)state;
	if (!tracee_can_inject())
		skip();
	for (int i = 0; i < 3; i++) {
		count += inject_after_link(names[i], EIO, false);
		count += inject_after_link(names[i], EIO, true);
		count += inject_after_link(names[i], EINTR, true);
		count += inject_after_link(names[i], EEXIST, true);
		count += inject_after_link(names[i], ESTALE, true);
	}
	print_message("%d pairs of errors injected\n", count);
}

/* Done, said not to be done: found out, and 0 all the same. */
static void test_lost_reply(void **state)
{
	static const int errs[] = {EIO, EEXIST, ENOENT, EINTR, ETIMEDOUT};
	const struct scenario *scenario = find("swap");
	struct tracee t;

	(void)state;
	if (!tracee_can_inject())
		skip();
	for (int i = 0; i < 5; i++) {
		area_clear();
		scenario->setup();
		tracee_start(&t, "a", 2, scenario->op);
		assert_true(tracee_step_to(&t, SYS_linkat));
		assert_true(tracee_step(&t));
		tracee_inject(&t, errs[i]);
		assert_int_equal(tracee_finish(&t), 0);
		tracee_free(&t);
	}
}

/* Each error before the link is what swap returns. */
static void test_errno(void **state)
{
	static const struct {
		long call;
		int err, ret;
	} cases[] = {
		{SYS_write, ENOSPC, -ENOSPC}, {SYS_write, EDQUOT, -EDQUOT},
		{SYS_fsync, EIO, -EIO},	      {SYS_linkat, ENOSPC, -ENOSPC},
		{SYS_linkat, EROFS, -EROFS},  {SYS_linkat, EMLINK, -EMLINK},
		{SYS_write, EAGAIN, -EIO},    {SYS_linkat, EAGAIN, -EIO},
		{SYS_fsync, ENODATA, -EIO},   {SYS_write, EINTR, 0},
		{SYS_fsync, EINTR, 0},
	};
	const struct scenario *scenario = find("swap");

	(void)state;
	if (!tracee_can_inject())
		skip();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tracee t;

		area_clear();
		scenario->setup();
		tracee_start(&t, "a", 2, scenario->op);
		assert_true(tracee_step_to(&t, cases[i].call));
		tracee_inject(&t, cases[i].err);
		assert_int_equal(tracee_finish(&t), cases[i].ret);
		tracee_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inject),
		cmocka_unit_test(test_link),
		cmocka_unit_test(test_lost_reply),
		cmocka_unit_test(test_errno),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
