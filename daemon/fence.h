/* SPDX-License-Identifier: GPL-2.0-only */
/* The administrator's fence command: a gateway's power off. */
#ifndef TPR_FENCE_H
#define TPR_FENCE_H

#include <stdint.h>
#include <uv.h>

struct fences;

struct fences_conf {
	char *const *words; /* the command, split; ends with NULL */
	uint32_t timeout_ms;
	/* 0: it has ended with 0.  Else why not, a positive errno. */
	void (*done)(void *arg, const char *gateway, uint64_t term, int status);
	void *arg;
};

/* NULL when there is no memory.  *@conf stays the caller's, and has to stay. */
struct fences *fences_new(uv_loop_t *loop, const struct fences_conf *conf);
/*
 * Runs the command with the words @gateway and @term behind its own, and kills
 * it and all its children when it takes too long.  Answered by exactly one
 * done(), never from within.
 */
void fences_run(struct fences *fences, const char *gateway, uint64_t term);
/*
 * Those that run go on, but nobody will hear of them: at the end of the
 * daemon.  Frees itself in the loop.
 */
void fences_free(struct fences *fences);

#endif
