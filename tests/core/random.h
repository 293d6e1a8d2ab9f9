/* SPDX-License-Identifier: GPL-2.0-only */
/* What the random tests share. */
#ifndef TPR_TEST_RANDOM_H
#define TPR_TEST_RANDOM_H

#include <time.h>

#include "util.h"

static u64 seed;
static u64 rng;

/* Marsaglia's xorshift64*. */
static inline u32 rnd(u32 below)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return (u32)((rng * 0x2545f4914f6cdd1dULL) >> 32) % below;
}

/* Often one that somebody has, and often one's own. */
static inline u64 some_key(const struct model *m, char who)
{
	switch (rnd(8)) {
	case 0:
		return 0;
	case 1:
		return 1 + rnd(4);
	case 2:
	case 3:
		return m->key[rnd(SLOTS)];
	default:
		return model_key(m, who);
	}
}

/*
 * PROGRAM [SEED [COUNT]]: takes the seed, and *@count, from the command line,
 * and says how to run the same again.
 */
static inline void seed_from(int argc, char **argv, const char *program,
			     u64 *count)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (u64)time(NULL);
	if (argc > 2)
		*count = strtoull(argv[2], NULL, 0);
	printf("replay: %s %llu %llu\n", program, seed, *count);
	fflush(stdout);
}

#endif
