// SPDX-License-Identifier: GPL-2.0-only
#include "engine_lu.h"

#include <stdlib.h>

struct tcmu_pr_info *text_decode(const char *str, size_t len,
				 struct tpr_string_error *err)
{
	int regs = tpr_peek_regs(str, len);
	struct tcmu_pr_info *info;

	/* Without a believable count, let the decoder name the line. */
	if (regs < 0)
		regs = 0;
	info = malloc(tpr_info_size((u32)regs));
	if (!info) {
		err->line = 0;
		err->what = "no memory to decode it";
		return NULL;
	}
	tpr_info_init(info, (u32)regs);
	err->line = 0;
	err->what = "impossible number of registrations";
	if (!tpr_decode(info, str, len, err))
		return info;
	free(info);
	return NULL;
}

void text_take(struct text *text, const struct tcmu_pr_info *info, char *str,
	       size_t len)
{
	text->str = str;
	text->len = len;
	text->seq = info->seq;
	memset(text->writer, 0, sizeof(text->writer));
	if (info->num_changes)
		memcpy(text->writer, info->changes[0].writer.gateway,
		       sizeof(text->writer));
}

void text_drop(struct text *text)
{
	free(text->str);
	memset(text, 0, sizeof(*text));
}

static int create_encode(struct text *text, const struct tcmu_pr_info *info)
{
	size_t cap = tpr_encoded_max(0);
	char *buf = malloc(cap);
	long len;

	if (!buf)
		return -ENOMEM;
	len = tpr_encode(info, buf, cap);
	if (len < 0) {
		free(buf);
		return (int)len;
	}
	text_take(text, info, buf, (size_t)len);
	return 0;
}

int text_create(struct text *text, const struct engine_lu *lu)
{
	struct tcmu_pr_info *info = malloc(tpr_info_size(0));
	struct tpr_writer writer;
	int rc;

	if (!info)
		return -ENOMEM;
	memset(&writer, 0, sizeof(writer));
	strncpy(writer.gateway, lu->conf->gateway, TPR_GATEWAY_MAX);
	writer.incarnation = lu->conf->incarnation;
	/* The kernel counts its writes from 1: 0 stands for this one. */
	writer.count = 0;

	tpr_info_init(info, 0);
	memcpy(info->device, lu->identity, sizeof(info->device));
	tpr_stamp(info, &writer, &(struct tpr_order){ .action = TPR_ACT_CREATE });
	rc = create_encode(text, info);
	free(info);
	return rc;
}
