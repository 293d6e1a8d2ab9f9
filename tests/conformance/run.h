/* SPDX-License-Identifier: GPL-2.0-only */
/* Runs the steps of a case, and counts what it asserts. */
#ifndef RUN_H
#define RUN_H

#include "conf.h"
#include "nexus.h"

struct run {
	const struct test *test;
	unsigned int step;	/* from 1; 0: the start */
	uint32_t gen;		/* what PRGENERATION must be */
	bool changed;		/* a PR OUT or anything else may have changed state */
	unsigned int asserts, failed;		/* of this case */
	unsigned int all_asserts, all_failed;
};

extern struct run run;
extern bool verbose;

/* One assertion; says what was expected and what came if it does not hold. */
bool check(bool ok, const struct step *s, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void run_steps(const struct step *steps);

/* If anything changed, TEST UNIT READY on every session: nothing unnamed. */
void check_nothing_pending(void);

/* state.c: brings the device to the start of a case; false: it cannot. */
bool state_start(const struct test *t);
/* What it costs to start a case, in PERSISTENT RESERVE OUT; after a look. */
void state_look(void);
size_t state_cost(const struct test *t);
void state_leave_spc2(void);
void state_forget(void);
extern bool spc2_held[NEXUSES];

/* answers.c: the data of PERSISTENT RESERVE IN. */
void check_in(const struct step *s, struct answer *a);
void check_many(const struct step *s, struct answer *a);
void describe(const struct step *s, char *to, size_t room);
void read_in(enum nexus_id n, uint8_t sa, struct answer *a);

#endif
