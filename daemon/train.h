/* SPDX-License-Identifier: GPL-2.0-only */
/* Strings that arrive from the module in several messages. */
#ifndef TPR_TRAIN_H
#define TPR_TRAIN_H

#include "nlmsg.h"

struct train;

/* All trains that are under way, at most one for each device. */
struct trains {
	struct train *first;
};

/*
 * Takes a message with INFO_SIZE, INFO_OFFSET and PR_INFO.  Returns 1 when
 * it completes its string: *@str, to be freed, and *@len; 0 when more is to
 * come; -EINVAL when it does not continue what came before, which is dropped
 * then; -ENOMEM.
 */
int train_take(struct trains *trains, const struct nlmsg *msg, char **str,
	       size_t *len);
void train_drop(struct trains *trains, const char *device);
void trains_drop(struct trains *trains);

#endif
