/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables of PERSISTENT RESERVE OUT commands, one row each. */
#ifndef TPR_TEST_ROWS_H
#define TPR_TEST_ROWS_H

#include "util.h"

/* One command: state before, who, what, how it ends, state after. */
struct row {
	int line;
	const char *before;
	char who;
	u8 sa;
	u8 st; /* scope and type as in the CDB */
	u64 key, sa_key;
	u8 flags;
	enum verdict want;
	const char *after; /* NULL: every byte as it was */
	/* As in struct op. */
	const char *tids;
	const char *sessions;
	u32 rtpi;
	bool alone;
};

#define ROW(...)                                                               \
	{                                                                      \
		.line = __LINE__, __VA_ARGS__                                  \
	}
#define RUN_ROWS(table) run_rows(table, COUNT(table))

static inline void run_rows(const struct row *row, size_t count)
{
	char what[128];

	for (; count--; row++) {
		struct tcmu_pr_info *info = state(row->before);
		struct op op = {
			.sa = row->sa,
			.scope = row->st >> 4,
			.type = row->st & 15,
			.key = row->key,
			.sa_key = row->sa_key,
			.flags = row->flags,
			.tids = row->tids,
			.sessions = row->sessions,
			.rtpi = row->rtpi,
			.alone = row->alone,
		};

		snprintf(what, sizeof(what), "row of line %d", row->line);
		expect_op(info, row->who, &op, row->want, row->after, what);
		free(info);
	}
}

#endif
