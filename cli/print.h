/* SPDX-License-Identifier: GPL-2.0-only */
/* A decoded state, for people and as JSON. */
#ifndef TPR_PRINT_H
#define TPR_PRINT_H

#include "tpr_string.h"

struct json_object;

/* Decodes; NULL with *@err set when the string is refused. */
struct tcmu_pr_info *state_decode(const char *str, size_t len,
				  struct tpr_string_error *err);

void state_print(const struct tcmu_pr_info *info);

/* Adds the members of the state to @to. */
void state_json(const struct tcmu_pr_info *info, struct json_object *to);

/* Prints @obj, readable, with a line feed. */
void json_print(struct json_object *obj);

#endif
