/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checker's files share. */
#ifndef LINCHECK_INTERNAL_H
#define LINCHECK_INTERNAL_H

#include <stdlib.h>

#include "lincheck.h"

enum {
	OP_CDB_MAX = 16,
	LABEL_MAX = 64,
	NOBODY = 0xffff, /* no port */
};

#define LC_NONE 0xffffffffu

/* What an operation means for the search. */
enum role {
	SILENT, /* its answer says nothing, and it changes nothing */
	READER, /* its answer must fit, and it changes nothing */
	WRITER, /* its answer must fit, and it may change the state */
	MAYBE, /* it may change the state, or not be executed */
};

struct nexus_row {
	struct tpr_nexus nexus;
	char gateway[TPR_GATEWAY_MAX + 1];
	char label[LABEL_MAX];
};

struct op {
	u64 call, ret; /* ret LC_FOREVER: not over, as far as is known */
	u32 nexus;
	u8 class; /* enum tpr_class, 0: an event */
	u8 event; /* enum lc_event */
	u8 role;
	bool answered;
	u8 cdb_len;
	u8 cdb[OP_CDB_MAX];
	struct tpr_result result;
	u8 *param, *data;
	u32 param_len, data_len;
};

struct lc_history {
	struct tcmu_pr_info *start;
	struct nexus_row *nexuses;
	u32 num_nexuses, cap_nexuses;
	struct op *ops;
	u32 num_ops, cap_ops;
};

void *lc_alloc(size_t size);
/* Makes room for one more of @count elements of @size bytes. */
void *lc_room(void *array, u32 count, u32 *cap, size_t size);

/* states.c: each state that is met is kept once, small, under a number. */

/* What an operation does to a state. */
struct outcome {
	struct tpr_result result;
	bool changed;
	u32 next; /* state */
};

struct states;

struct states *states_new(const struct lc_history *h);
void states_free(struct states *s);
/* The number of the state that the history begins in. */
u32 states_start(struct states *s);
u32 states_gen(const struct states *s, u32 state);
/* The whole state; valid until the next call of anything here. */
const struct tcmu_pr_info *states_info(struct states *s, u32 state);
/* Executes a WRITER or MAYBE. */
struct outcome states_apply(struct states *s, u32 state, u32 op);
/* True if the READER's answer is that of @state. */
bool states_fits(struct states *s, u32 state, u32 op);
/* Executions by the core so far. */
u64 states_steps(const struct states *s);

#endif
