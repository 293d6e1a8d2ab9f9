/* SPDX-License-Identifier: GPL-2.0-only */
/* Histories: one, many, or the smallest that fails. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim.h"

enum {
	JOBS_MAX = 64,
};

struct run {
	u64 first, count;
	int jobs;
	const struct mix *mix;
	bool go_on; /* after one that failed */
};

/* Prints it to @out; NULL: only the verdict. */
enum verdict run_one(const struct run *run, FILE *out);
/* The worst verdict. */
enum verdict run_many(const struct run *run);
enum verdict run_shrink(const struct run *run);

#endif
