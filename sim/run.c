// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	FAILURES_MAX = 20, /* printed of each job */
};

/* Of one process; in memory that the others see. */
struct tally {
	u64 seed; /* being run */
	u64 histories, commands, answered, versions, events, searched,
		power_losses;
	u64 unjudged, unsafe, stuck, died;
	u64 worst_live_ms;
	u64 first_failed; /* 0: none */
	volatile int stop;
};

static struct sim sim;

static const char *verdict_name(enum verdict v)
{
	static const char *const names[] = {
		[SIM_PASS] = "passed",
		[SIM_UNJUDGED] = "NOT JUDGED",
		[SIM_UNSAFE] = "UNSAFE",
		[SIM_STUCK] = "NOT LIVE",
	};

	return names[v];
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

enum verdict run_one(const struct run *run, FILE *out)
{
	struct plan plan;
	enum verdict v;

	plan_make(&plan, run->first, run->mix);
	if (out)
		plan_print(&plan, out);
	sim_init(&sim, &plan, out);
	v = sim_run(&sim);
	printf("seed %llu (%s): %s%s%s\n", (u64)run->first, run->mix->name,
	       verdict_name(v), v ? ": " : "", v ? sim.why : "");
	sim_free(&sim);
	return v;
}

static void tally_history(struct tally *t, const struct run *run, enum verdict v)
{
	int i;

	t->histories++;
	t->commands += (u64)sim.num_ops;
	for (i = 0; i < sim.num_ops; i++)
		t->answered += sim.ops[i].return_at != NEVER;
	t->versions += sim.store.newest;
	t->events += sim.steps;
	t->searched += sim.searched;
	t->power_losses += sim.power_losses;
	if (sim.live_ms > t->worst_live_ms)
		t->worst_live_ms = sim.live_ms;
	if (v == SIM_PASS)
		return;
	t->unjudged += v == SIM_UNJUDGED;
	t->unsafe += v == SIM_UNSAFE;
	t->stuck += v == SIM_STUCK;
	if (t->unjudged + t->unsafe + t->stuck <= FAILURES_MAX) {
		printf("seed %llu (%s): %s: %s\n", t->seed, run->mix->name,
		       verdict_name(v), sim.why);
		fflush(stdout);
	}
	if (v != SIM_UNJUDGED && !t->first_failed)
		t->first_failed = t->seed;
}

static void job(const struct run *run, struct tally *tallies, int n)
{
	struct tally *t = &tallies[n];
	u64 seed, end = run->first + run->count;

	for (seed = run->first + (u64)n; seed < end; seed += (u64)run->jobs) {
		struct plan plan;

		t->seed = seed;
		plan_make(&plan, seed, run->mix);
		sim_init(&sim, &plan, NULL);
		tally_history(t, run, sim_run(&sim));
		sim_free(&sim);
		if (tallies[0].stop)
			break;
		if (t->first_failed && !run->go_on) {
			tallies[0].stop = 1;
			break;
		}
	}
}

/* One that dies (an assertion) has found something as well. */
static void reap(const struct run *run, struct tally *t, int status)
{
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return;
	printf("seed %llu (%s): UNSAFE: the program died\n", t->seed,
	       run->mix->name);
	t->died++;
	t->unsafe++;
	if (!t->first_failed || t->seed < t->first_failed)
		t->first_failed = t->seed;
}

static void add(struct tally *sum, const struct tally *t)
{
	sum->histories += t->histories;
	sum->commands += t->commands;
	sum->answered += t->answered;
	sum->versions += t->versions;
	sum->events += t->events;
	sum->searched += t->searched;
	sum->power_losses += t->power_losses;
	sum->unjudged += t->unjudged;
	sum->unsafe += t->unsafe;
	sum->stuck += t->stuck;
	sum->died += t->died;
	if (t->worst_live_ms > sum->worst_live_ms)
		sum->worst_live_ms = t->worst_live_ms;
	if (t->first_failed &&
	    (!sum->first_failed || t->first_failed < sum->first_failed))
		sum->first_failed = t->first_failed;
}

static void report(const struct run *run, const struct tally *sum, double took)
{
	printf("mix %s: %llu histories in %.1f s: %llu commands (%llu answered), %llu versions, %llu events, %llu losses of power\n",
	       run->mix->name, sum->histories, took, sum->commands,
	       sum->answered, sum->versions, sum->events, sum->power_losses);
	printf("%llu unsafe (%llu of them died), %llu not live again, %llu not judged; %llu needed the search; longest way to readiness after the faults %.1f s\n",
	       sum->unsafe, sum->died, sum->stuck, sum->unjudged, sum->searched,
	       (double)sum->worst_live_ms / 1e3);
	if (sum->first_failed)
		printf("first failing seed %llu, seed number %llu\n",
		       sum->first_failed, sum->first_failed - run->first + 1);
}

enum verdict run_many(const struct run *run)
{
	size_t size = sizeof(struct tally) * JOBS_MAX;
	struct tally *t = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double began = seconds();
	struct tally sum = {0};
	pid_t pids[JOBS_MAX];
	int i, status;

	if (t == MAP_FAILED)
		abort();
	fflush(stdout);
	for (i = 0; i < run->jobs; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			job(run, t, i);
			fflush(stdout);
			_exit(0);
		}
	}
	for (i = 0; i < run->jobs; i++) {
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0)
			abort();
		reap(run, &t[i], status);
		add(&sum, &t[i]);
	}
	report(run, &sum, seconds() - began);
	munmap(t, size);
	if (sum.unsafe)
		return SIM_UNSAFE;
	if (sum.stuck)
		return SIM_STUCK;
	return sum.unjudged ? SIM_UNJUDGED : SIM_PASS;
}

/* Shrinking: leave out what is not needed for the same kind of failure. */

static int plan_verdict(const struct plan *plan)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		sim_init(&sim, plan, NULL);
		_exit((int)sim_run(&sim));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

static bool still(struct plan *plan, const struct plan *less, int verdict)
{
	if (plan_verdict(less) != verdict)
		return false;
	*plan = *less;
	return true;
}

static bool drop_ops(struct plan *plan, int verdict, int size)
{
	bool any = false;
	int i;

	for (i = plan->num_ops - size; i >= 0; i -= size) {
		struct plan less = *plan;

		memmove(&less.ops[i], &less.ops[i + size],
			(size_t)(less.num_ops - i - size) * sizeof(less.ops[0]));
		less.num_ops -= size;
		any |= still(plan, &less, verdict);
	}
	return any;
}

static bool drop_faults(struct plan *plan, int verdict)
{
	bool any = false;
	int i;

	for (i = plan->num_faults - 1; i >= 0; i--) {
		struct plan less = *plan;

		memmove(&less.faults[i], &less.faults[i + 1],
			(size_t)(less.num_faults - i - 1) *
				sizeof(less.faults[0]));
		less.num_faults--;
		any |= still(plan, &less, verdict);
	}
	return any;
}

static bool drop_gateway(struct plan *plan, int verdict)
{
	struct plan less = *plan;
	int i, n = 0, last = plan->gateways - 1;

	if (last < 1)
		return false;
	less.gateways--;
	for (i = 0; i < plan->num_ops; i++)
		if (plan->ops[i].gw != last)
			less.ops[n++] = plan->ops[i];
	less.num_ops = n;
	for (i = n = 0; i < plan->num_faults; i++)
		if (plan->faults[i].gw != last)
			less.faults[n++] = plan->faults[i];
	less.num_faults = n;
	return still(plan, &less, verdict);
}

static bool drop_noise(struct plan *plan, int verdict)
{
	u32 *noise = (u32 *)&plan->noise;
	size_t i, n = sizeof(plan->noise) / sizeof(*noise);
	bool any = false;

	for (i = 0; i < n; i++) {
		struct plan less = *plan;

		if (!noise[i])
			continue;
		((u32 *)&less.noise)[i] = 0;
		any |= still(plan, &less, verdict);
	}
	for (i = 0; i < GW_MAX; i++) {
		struct plan less = *plan;

		if (!plan->drift_ppm[i] && !plan->start_us[i])
			continue;
		less.drift_ppm[i] = 0;
		less.start_us[i] = 0;
		any |= still(plan, &less, verdict);
	}
	return any;
}

enum verdict run_shrink(const struct run *run)
{
	struct plan plan;
	int verdict, size;
	bool any = true;

	plan_make(&plan, run->first, run->mix);
	verdict = plan_verdict(&plan);
	if (verdict == SIM_PASS) {
		printf("seed %llu passes\n", run->first);
		return SIM_PASS;
	}
	while (any) {
		any = drop_gateway(&plan, verdict);
		any |= drop_faults(&plan, verdict);
		for (size = plan.num_ops / 2; size; size /= 2)
			any |= drop_ops(&plan, verdict, size);
		any |= drop_noise(&plan, verdict);
	}
	plan_print(&plan, stdout);
	sim_init(&sim, &plan, stdout);
	verdict = (int)sim_run(&sim);
	printf("seed %llu, shrunk to %d gateways, %d faults, %d commands: %s: %s\n",
	       run->first, plan.gateways, plan.num_faults, plan.num_ops,
	       verdict_name((enum verdict)verdict), sim.why);
	return (enum verdict)verdict;
}
