// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation killed before and after each of its system calls, and the
 * power cut there, with every choice of what was not synced surviving.
 */
#include "area.h"

#include <stdio.h>

#include "powercut.h"
#include "scenario.h"
#include "tracee.h"

enum { CHOICES_MAX = 6 };

static void judge(const struct scenario *scenario, struct tracee *t)
{
	struct outcome outcome;

	outcome.done = tracee_done(t, &outcome.ret);
	if (outcome.done) {
		assert_int_equal(outcome.ret, 0);
		assert_true(area_exists("lu"));
	}
	tracee_free(t);
	outcome.other = area_open("b", 2);
	scenario->check(&outcome);
	scenario_aftermath(&outcome);
	ops->close(outcome.other);
}

struct point {
	int stop; /* in */
	unsigned int keep; /* in: what survives of what is not durable */
	bool ended; /* out: there are not so many stops */
	int pending, events; /* out: as in powercut.h */
};

static void crash(const struct scenario *scenario, struct point *point)
{
	struct tracee t;
	int at = 0;

	area_clear();
	scenario->setup();
	powercut_reset();
	tracee_start(&t, scenario->opens ? NULL : "a", 2, scenario->op);
	while (at < point->stop && tracee_step(&t)) {
		powercut_watch(&t);
		at++;
	}
	tracee_kill(&t);
	point->ended = at < point->stop;
	point->pending = powercut_pending();
	point->events = powercut_events();
	powercut_apply(point->keep);
	judge(scenario, &t);
}

/* All choices at one point; the number of them. */
static int cut_power(const struct scenario *scenario, struct point point)
{
	int pending = point.pending;
	unsigned int choices;

	choices = 1u << (pending < CHOICES_MAX ? pending : CHOICES_MAX);
	for (point.keep = 0; point.keep < choices; point.keep++)
		crash(scenario, &point);
	return choices;
}

static void run(const struct scenario *scenario, int *kills, int *cuts)
{
	struct point point = {.keep = ~0u};
	int events = 0;
	int cut = 0;

	for (;;) {
		point.stop++;
		crash(scenario, &point);
		/* Between two changes the choices are the same. */
		if (point.events != events || point.ended)
			cut += cut_power(scenario, point);
		events = point.events;
		if (point.ended)
			break;
	}
	print_message("%-18s %4d crash points, %4d power cuts\n",
		      scenario->name, point.stop - 1, cut);
	*kills += point.stop - 1;
	*cuts += cut;
}

static void test_crash(void **state)
{
	int kills = 0, cuts = 0;

	(void)state;
	for (int i = 0; i < scenario_count; i++)
		run(&scenarios[i], &kills, &cuts);
	print_message("%d crash points, %d power cuts\n", kills, cuts);
	assert_true(kills > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crash),
	};

	return cmocka_run_group_tests(tests, area_setup, area_teardown);
}
