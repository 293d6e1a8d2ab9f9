// SPDX-License-Identifier: GPL-2.0-only
#include "engine_lu.h"

#include "tpr_spc2.h"

#include <stdio.h>
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
	memcpy(text->scsi2, info->scsi2_gateway, sizeof(text->scsi2));
	text->abort = info->num_changes &&
		      info->changes[0].order.action == TPR_ACT_PREEMPT_ABORT;
	text->reset = info->num_changes &&
		      info->changes[0].order.action == TPR_ACT_LU_RESET;
}

void text_drop(struct text *text)
{
	free(text->str);
	memset(text, 0, sizeof(*text));
}

int text_encode(struct text *text, const struct tcmu_pr_info *info)
{
	size_t cap = tpr_encoded_max(info->num_regs);
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

/* The kernel has an incarnation of its own, so their counts never meet. */
static struct tpr_writer writer_next(struct engine_lu *lu)
{
	struct tpr_writer writer;

	memset(&writer, 0, sizeof(writer));
	strncpy(writer.gateway, lu->conf->gateway, TPR_GATEWAY_MAX);
	writer.incarnation = lu->conf->incarnation;
	writer.count = lu->writes++;
	return writer;
}

static int stamp_encode(struct text *text, struct tcmu_pr_info *info,
			const struct tpr_writer *writer, enum tpr_action action)
{
	const struct tpr_order order = {.action = (u8)action};

	tpr_stamp(info, writer, &order);
	return text_encode(text, info);
}

int text_create(struct text *text, struct engine_lu *lu)
{
	struct tcmu_pr_info *info = malloc(tpr_info_size(0));
	struct tpr_writer writer = writer_next(lu);
	int rc;

	if (!info)
		return -ENOMEM;
	tpr_info_init(info, 0);
	memcpy(info->device, lu->identity, sizeof(info->device));
	rc = stamp_encode(text, info, &writer, TPR_ACT_CREATE);
	free(info);
	return rc;
}

/* The state of @from, an empty one if it has no string. */
static struct tcmu_pr_info *text_state(const struct text *from)
{
	struct tpr_string_error err;
	struct tcmu_pr_info *info;

	if (from->str)
		return text_decode(from->str, from->len, &err);
	info = malloc(tpr_info_size(0));
	if (info)
		tpr_info_init(info, 0);
	return info;
}

/* @info, which it frees, as this device's next version. */
static int repair_encode(struct text *text, struct engine_lu *lu,
			 struct tcmu_pr_info *info, struct tpr_writer *writer)
{
	int rc;

	memcpy(info->device, lu->identity, sizeof(info->device));
	*writer = writer_next(lu);
	rc = stamp_encode(text, info, writer, TPR_ACT_REPAIR);
	free(info);
	return rc;
}

int text_repair(struct text *text, struct engine_lu *lu,
		const struct text *from, uint64_t seq,
		struct tpr_writer *writer)
{
	struct tcmu_pr_info *info = text_state(from);

	if (!info)
		return -ENOMEM;
	if (info->seq != seq)
		tpr_begin_anew(info, seq);
	return repair_encode(text, lu, info, writer);
}

int text_adopt(struct text *text, struct engine_lu *lu,
	       const struct text *from, struct tpr_writer *writer)
{
	struct tpr_string_error err;
	struct tcmu_pr_info *info = text_decode(from->str, from->len, &err);

	if (!info)
		return -EBADMSG;
	/*
	 * No change that it remembers was one of this device.  And a gateway
	 * ends an SPC-2 reservation whose nexus it had, which none has here.
	 */
	tpr_begin_anew(info, from->seq);
	tpr_spc2_end(info);
	return repair_encode(text, lu, info, writer);
}

int text_power_loss(struct text *text, struct engine_lu *lu,
		    const struct text *from)
{
	struct tcmu_pr_info *info = text_state(from);
	struct tpr_writer writer;
	int rc = 1;

	if (!info)
		return -ENOMEM;
	if (tpr_power_loss(info)) {
		writer = writer_next(lu);
		rc = stamp_encode(text, info, &writer, TPR_ACT_POWER_LOSS);
	}
	free(info);
	return rc;
}

int text_nexus_loss(struct text *text, struct engine_lu *lu,
		    const struct text *from)
{
	struct tcmu_pr_info *info = text_state(from);
	struct tpr_writer writer = writer_next(lu);
	int rc = -ENOMEM;

	if (info && tpr_spc2_end(info))
		rc = stamp_encode(text, info, &writer, TPR_ACT_NEXUS_LOSS);
	free(info);
	return rc;
}

int text_again(struct text *text, struct engine_lu *lu, const struct text *from)
{
	struct tpr_writer writer;

	return text_repair(text, lu, from, from->seq, &writer);
}

static const char lost_word[] = "lost\n";

/* For people; what it must not be is a string. */
void text_lost(char *buf, size_t cap, const struct engine_lu *lu, uint64_t seq)
{
	snprintf(buf, cap,
		 "%sVersion %llu of the persistent reservation information "
		 "was in force, and was not in the store when gateway %s "
		 "looked.\n",
		 lost_word, (u64)seq, lu->conf->gateway);
}

bool text_is_lost(const char *str, size_t len)
{
	size_t word = sizeof(lost_word) - 1;

	return len >= word && !memcmp(str, lost_word, word);
}
