/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An operation of a store in a child process that is stopped before and after
 * each of its system calls.
 */
#ifndef TESTS_STORE_TRACEE_H
#define TESTS_STORE_TRACEE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "store.h"

struct tracee {
	pid_t pid;
	bool entry; /* stopped before the call, else after it */
	long call; /* its number */
	uint64_t arg[6];
	int64_t result; /* after the call */
	struct tracee_result *shared;
};

/*
 * Starts a child that opens the store for @gateway (NULL: does not) and then
 * stops.  What comes next is @op.
 */
void tracee_start(struct tracee *t, const char *gateway, uint64_t incarnation,
		  int (*op)(struct store *store));
/* On to the next stop; false when the child has ended. */
bool tracee_step(struct tracee *t);
/* On to the stop before the next @call. */
bool tracee_step_to(struct tracee *t, long call);
/* Lets it run; its result. */
int tracee_finish(struct tracee *t);
void tracee_kill(struct tracee *t);
/* Did the operation return?  What? */
bool tracee_done(const struct tracee *t, int *ret);
void tracee_free(struct tracee *t);

/* Makes the call fail: it is not done, if this is the stop before it. */
bool tracee_can_inject(void);
void tracee_inject(struct tracee *t, int err);

void tracee_string(const struct tracee *t, uint64_t addr, char *buf,
		   size_t cap);
/* The path that a directory descriptor and a name in the child mean. */
void tracee_path(const struct tracee *t, int dirfd, uint64_t name, char *buf,
		 size_t cap);

#endif
