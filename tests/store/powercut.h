/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a power failure may take back: watches the system calls of a child,
 * remembers what it changed and what it synced, and can undo any choice of
 * the changes that no fsync covers.  Harsher than a journal would be.
 */
#ifndef TESTS_STORE_POWERCUT_H
#define TESTS_STORE_POWERCUT_H

#include "tracee.h"

void powercut_reset(void);
/* To be called at every stop. */
void powercut_watch(const struct tracee *t);
/* Changes that are not durable. */
int powercut_pending(void);
/* Calls so far that changed or synced something. */
int powercut_events(void);
/* Undoes those of them whose bit in @keep is not set. */
void powercut_apply(unsigned int keep);

#endif
