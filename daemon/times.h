/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long the parts of a change took, in one line of the log at level debug:
 * for the gateway that makes it, and for one that installs it.
 */
#ifndef TPR_TIMES_H
#define TPR_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "engine.h"

struct times {
	/* PR OUT here: asked for, told, decided, stored, announced, done. */
	uint64_t get, told, set, stored, announced, done;
	uint64_t own; /* in this gateway's kernel */
	unsigned int announcing; /* calls, of the first round */
	uint64_t seq; /* which version that makes */
	/* A change of another gateway: heard of, loaded, in the kernel. */
	uint64_t news, loaded, pushed;
	bool loading; /* since then */
	uint64_t installed; /* which version */
};

void times_get(struct times *t);
void times_get_done(struct times *t);
void times_set(struct times *t, uint64_t expected);
void times_set_done(struct times *t);
void times_log(const struct times *t, const char *device);
void times_news(struct times *t);
/* The news came with version @seq, which is on its way into the kernel. */
void times_told(struct times *t, uint64_t seq);
void times_push_done(struct times *t, uint64_t seq);
void times_store(struct times *t, const struct engine_call *call);
void times_store_done(struct times *t, const char *device,
		      const struct engine_reply *reply);

#endif
