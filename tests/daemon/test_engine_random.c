// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random interleavings of three gateways with random faults: first safety,
 * while things break; then liveness, once they are healed.  The checks are in
 * world.c (at each answer) and world_check.c (at the end).
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
	RUNS = 3000,
	ROUNDS = 40,
};

static unsigned long runs = RUNS, first = 1;
static unsigned long counts[3]; /* answers 0, EAGAIN, others */

static void toggle(struct world *w, int i)
{
	struct gateway *g = &w->gw[i];

	switch (world_draw(w, 6)) {
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
	default:
		if (g->alive && g->kernel.attached)
			engine_settle(g->lu, w->newest);
	}
}

static void round_of(struct world *w, uint64_t trouble)
{
	int i;

	for (i = 0; i < GATEWAYS; i++) {
		struct gateway *g = &w->gw[i];

		if (world_draw(w, 100) < trouble)
			toggle(w, i);
		if (g->alive && g->kernel.attached && !g->client.busy &&
		    world_draw(w, 3) == 0) {
			if (world_draw(w, 4))
				client_write(w, i);
			else
				client_get(w, i);
		}
	}
	world_run(w, world_draw(w, 150));
}

static void heal(struct world *w)
{
	int i;

	w->faults = false;
	for (i = 0; i < GATEWAYS; i++) {
		struct gateway *g = &w->gw[i];

		g->deaf = false;
		g->client.again = false;
		if (!g->alive)
			gw_start(w, i);
		if (!g->kernel.attached)
			gw_attach(w, i);
	}
	world_run(w, 60000);
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
	size_t i;
	int n;

	assert(w);
	world_init(w, seed);
	w->random = true;
	/* Some seeds without faults, some without restarts. */
	w->faults = seed % 4 != 0;
	trouble = seed % 3 ? world_draw(w, 15) : 0;
	for (n = 0; n < GATEWAYS; n++) {
		w->gw[n].kernel.attached = true;
		gw_start(w, n);
	}
	for (n = 0; n < ROUNDS; n++)
		round_of(w, trouble);
	heal(w);
	assert_settled(w);
	write_each(w);
	assert_settled(w);
	world_check(w);
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
	print_message("%lu runs: %lu writes good, %lu too late, %lu other\n",
		      runs, counts[0], counts[1], counts[2]);
	/* Neither outcome may be so rare that nothing was tested. */
	assert_true(runs < 100 || counts[0] > 10 * runs);
	assert_true(runs < 100 || counts[1] > runs / 10);
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
