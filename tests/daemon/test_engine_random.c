// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random interleavings of three gateways with random faults: first safety,
 * while things break; then liveness, once they are healed, and when one of them
 * is then gone for ever.  The checks are in world.c (at each answer) and
 * world_check.c (at the end).
 *
 * usage: test_engine_random [RUNS [FIRST SEED]]; WORLD_LOG=1 shows a run.
 */
#include "world.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum {
	RUNS = 800,
	ROUNDS = 40,
	LEASE_MS = 2000,
	MARGIN_MS = 500,
	BEAT_MS = 150,
	/* What a change takes when nobody is missing. */
	CHANGE_MS = 600,
	PPM_MAX = 40000, /* drift of a clock */
};

static unsigned long runs = RUNS, first = 1;
static unsigned long counts[3]; /* answers 0, EAGAIN, others */
static unsigned long power_losses, damages, replaced, ends, fences;

/*
 * Somebody spoils the store: the newest version, all of them, or those since
 * one of before.  As long as there is evidence: else it never was.
 */
static void damage(struct world *w)
{
	uint64_t seen = 0;
	size_t i;

	for (i = 0; i < w->members_count; i++)
		if (w->members[i].seen > seen)
			seen = w->members[i].seen;
	if (!w->newest || seen < w->newest)
		return;
	damages++;
	if (w->damaged < w->newest)
		w->damaged = w->newest;
	switch (world_draw(w, 3)) {
	case 0:
		w->versions[w->newest].str[w->versions[w->newest].len / 2] ^= 1;
		return;
	case 1:
		w->newest = 0;
		w->created = world_draw(w, 2);
		return;
	default:
		w->newest = world_draw(w, w->newest);
	}
}

/* No gateway carries the state any more, and then some come back. */
static void blackout(struct world *w)
{
	uint64_t pause = world_draw(w, 3) ? 300 : 30;
	int i, begin = (int)world_draw(w, GATEWAYS);

	/* Those that are off have to leave as well. */
	for (i = 0; i < GATEWAYS; i++) {
		if (!w->gw[i].alive)
			gw_start(w, i);
		if (!w->gw[i].kernel.attached)
			gw_attach(w, i);
	}
	world_run(w, world_draw(w, 200));
	for (i = 0; i < GATEWAYS; i++)
		gw_detach(w, i);
	world_run(w, world_draw(w, 300));
	for (i = 0; i < GATEWAYS; i++) {
		int at = (begin + i) % GATEWAYS;

		if (w->gw[at].alive && !w->gw[at].kernel.attached)
			gw_attach(w, at);
		world_run(w, world_draw(w, pause));
	}
}

static void toggle(struct world *w, int i)
{
	struct gateway *g = &w->gw[i];

	switch (world_draw(w, 11)) {
	case 7:
		blackout(w);
		return;
	case 8:
		g->frozen_until = w->now + world_draw(w, 2 * LEASE_MS);
		return;
	case 9:
		g->cut_until = w->now + world_draw(w, 2 * LEASE_MS);
		return;
	case 0:
		if (g->alive)
			gw_die(w, i);
		else
			gw_start(w, i);
		return;
	case 1:
		if (g->kernel.attached)
			gw_detach(w, i);
		else
			gw_attach(w, i);
		return;
	case 2:
		g->deaf = !g->deaf;
		return;
	case 3:
		if (g->alive && g->kernel.attached)
			gw_attach(w, i); /* reconnected */
		return;
	case 4:
		if (!world_draw(w, 2)) {
			blackout(w);
			return;
		}
		gw_power_off(w, i);
		if (world_draw(w, 2))
			gw_boot(w, i);
		return;
	default:
		if (g->alive && g->kernel.attached)
			engine_settle(g->lu, w->newest);
	}
}

static void command(struct world *w, int i)
{
	uint64_t n = world_draw(w, 4);

	if (world_draw(w, 10) == 0)
		client_abort(w, i);
	else if (w->damaged && n == 0)
		client_replace(w, i);
	else if (n)
		client_write(w, i);
	else
		client_get(w, i);
}

static void round_of(struct world *w, uint64_t trouble, bool spoil)
{
	int i;

	if (spoil && world_draw(w, 20) == 0)
		damage(w);

	for (i = 0; i < GATEWAYS; i++) {
		struct gateway *g = &w->gw[i];

		if (world_draw(w, 100) < trouble)
			toggle(w, i);
		if (g->alive && g->kernel.attached && !g->client.busy &&
		    world_draw(w, 3) == 0)
			command(w, i);
	}
	world_run(w, world_draw(w, 150));
}

static void all_on(struct world *w)
{
	int i;

	for (i = 0; i < GATEWAYS; i++) {
		struct gateway *g = &w->gw[i];

		g->deaf = false;
		g->frozen_until = 0;
		g->cut_until = 0;
		g->client.again = false;
		if (!g->alive)
			gw_start(w, i);
		if (!g->kernel.attached)
			gw_attach(w, i);
	}
}

static void heal(struct world *w)
{
	int i;

	w->faults = false;
	all_on(w);
	/* A fence command may still be on its way. */
	world_run(w, 10000);
	all_on(w);
	world_run(w, 60000);
	/* What is lost stays so until somebody replaces it. */
	for (i = 0; i < GATEWAYS; i++) {
		client_get(w, i);
		world_run(w, 1000);
		assert(w->damaged || !gw_status(w, i).lost);
		if (!gw_status(w, i).lost)
			continue;
		replaced++;
		w->gw[i].client.again = true;
		client_replace(w, i);
		world_run(w, 10000);
	}
}

static void assert_settled(struct world *w)
{
	int i;

	for (i = 0; i < GATEWAYS; i++) {
		struct engine_status status = gw_status(w, i);

		assert(status.state == ENGINE_READY);
		assert(status.seq == w->newest);
		assert(w->gw[i].kernel.valid);
		assert(w->gw[i].kernel.settled == w->newest);
	}
}

/* How one of them is missing from now on. */
static void lose(struct world *w, int i)
{
	switch (world_draw(w, 4)) {
	case 0:
		gw_die(w, i);
		return;
	case 1:
		gw_power_off(w, i);
		w->gw[i].kernel.attached = false;
		return;
	case 2:
		w->gw[i].frozen_until = UINT64_MAX;
		return;
	default:
		w->gw[i].cut_until = UINT64_MAX;
	}
}

/* PREEMPT AND ABORT: GOOD only after the fence, if there is one. */
static void abort_after(struct world *w, int i)
{
	int status;

	if (i < 0)
		return;
	world_run(w, w->gw[i].gws_conf.can_fence ? 2000 : 6000);
	status = w->gw[i].client.set_status;
	assert(!status ||
	       (status == ETIMEDOUT && !w->gw[i].gws_conf.can_fence));
}

/* No change of the others takes longer than a lease, the margin and beats. */
static void lose_one(struct world *w)
{
	int gone = (int)world_draw(w, GATEWAYS);
	int aborts = world_draw(w, 2) ? (gone + 1) % GATEWAYS : -1;
	int i;

	world_run(w, world_draw(w, 2 * BEAT_MS));
	if (world_draw(w, 2))
		client_write(w, gone);
	world_run(w, world_draw(w, 40));
	lose(w, gone);
	for (i = 0; i < GATEWAYS; i++) {
		w->gw[i].client.again = true;
		if (i == aborts)
			client_abort(w, i);
		else if (i != gone)
			client_write(w, i);
	}
	world_run(w, LEASE_MS + MARGIN_MS + 3 * BEAT_MS + CHANGE_MS);
	for (i = 0; i < GATEWAYS; i++) {
		if (i == gone || i == aborts)
			continue;
		assert(w->gw[i].client.set_status == 0);
		client_get(w, i);
		world_run(w, CHANGE_MS);
		assert(w->gw[i].client.get_status == 0);
		w->gw[i].client.again = false;
	}
	abort_after(w, aborts);
}

static void write_each(struct world *w)
{
	int i;

	for (i = 0; i < GATEWAYS; i++) {
		client_write(w, i);
		world_run(w, 2000);
		assert(w->gw[i].client.set_status == 0);
	}
}

static void run(unsigned long seed)
{
	struct world *w = malloc(sizeof(*w));
	uint64_t trouble;
	bool spoil;
	size_t i;
	int n;

	assert(w);
	world_init(w, seed);
	spoil = seed % 5 == 0;
	w->random = true;
	/* Some seeds without faults, some without restarts. */
	w->faults = seed % 4 != 0;
	trouble = seed % 3 ? world_draw(w, 15) : 0;
	for (n = 0; n < GATEWAYS; n++) {
		struct gateways_conf *conf = &w->gw[n].gws_conf;

		conf->lease_ms = LEASE_MS;
		conf->margin_ms = MARGIN_MS;
		conf->beat_ms = BEAT_MS;
		conf->can_fence = seed % 2;
		w->gw[n].conf.carries = seed % 8 < 5;
		w->gw[n].drift = (int64_t)world_draw(w, 2 * PPM_MAX) - PPM_MAX;
		w->gw[n].kernel.attached = true;
		gw_start(w, n);
	}
	for (n = 0; n < ROUNDS; n++)
		round_of(w, trouble, spoil);
	heal(w);
	assert_settled(w);
	write_each(w);
	assert_settled(w);
	lose_one(w);
	heal(w);
	write_each(w);
	assert_settled(w);
	world_check(w);
	for (n = 0; n < GATEWAYS; n++) {
		ends += w->gateways[n].evicted;
		fences += w->gw[n].fences;
	}
	power_losses += w->power_losses;
	for (i = 0; i < w->writes_count; i++)
		counts[!w->writes[i].status	       ? 0
		       : w->writes[i].status == EAGAIN ? 1
						       : 2]++;
	world_free(w);
	free(w);
}

static void test_random(void **state)
{
	unsigned long seed;

	(void)state;
	for (seed = first; seed < first + runs; seed++) {
		if (getenv("WORLD_SEEDS"))
			fprintf(stderr, "seed %lu\n", seed);
		run(seed);
	}
	print_message("%lu runs: %lu writes good, %lu too late, %lu other; "
		      "%lu losses of power, %lu of the state, %lu left so, "
		      "terms up to %lu ended, %lu fenced\n",
		      runs, counts[0], counts[1], counts[2], power_losses,
		      damages, replaced, ends, fences);
	/* Neither outcome may be so rare that nothing was tested. */
	assert_true(runs < 100 || counts[0] > 10 * runs);
	assert_true(runs < 100 || counts[1] > runs / 10);
	assert_true(runs < 100 || power_losses > runs / 20);
	assert_true(runs < 100 || damages > runs / 20);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	if (argc > 1)
		runs = strtoul(argv[1], NULL, 0);
	if (argc > 2)
		first = strtoul(argv[2], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
