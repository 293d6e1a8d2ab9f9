/* SPDX-License-Identifier: GPL-2.0-only */
/* The search, and what it leaves for who explains its verdict. */
#ifndef LINCHECK_SEARCH_H
#define LINCHECK_SEARCH_H

#include "internal.h"

enum {
	/* Operations that can be pending at once. */
	SLOTS = 512,
	SLOT_WORDS = SLOTS / 64,
};

struct event {
	u64 when;
	u32 op;
	bool is_return;
};

/* What may be: a state, and the pending operations that led to it. */
struct config {
	u32 state;
	u64 done[SLOT_WORDS]; /* by slot */
};

struct trail {
	u32 certain; /* the last state of which there was no doubt */
	u64 certain_at; /* since when */
	bool doubt; /* since then */
	struct config *possible; /* at the end; to be freed */
	u32 num_possible;
};

/*
 * @trail NULL: nobody wants to know.  @hint: look ahead to later generations,
 * which prunes more, but then what fails may be called so too early.
 */
void lc_search(const struct lc_history *h, struct states *states,
	       const struct lc_limits *limits, bool hint,
	       struct lc_report *report, struct trail *trail);

#endif
