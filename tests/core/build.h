/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builders that the unit tests and the fuzzers share: nexuses by letter,
 * states by a short text, commands.
 *
 * A state's text is its registrations, each a nexus's letter and the key in
 * hexadecimal; then the reservation, if there is one, as "/", its type and
 * its holder's letter or "*"; then "g" and PRGENERATION; then "p" if APTPL is
 * set:
 *
 *	"A1 B2 /5A g10 p"
 *
 * What has no "g" is built with PRGENERATION 10.
 */
#ifndef TPR_TEST_BUILD_H
#define TPR_TEST_BUILD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tpr_base.h"
#include "tpr_bytes.h"
#include "tpr_check.h"
#include "tpr_in.h"
#include "tpr_opcode.h"
#include "tpr_out.h"
#include "tpr_state.h"
#include "tpr_string.h"
#include "tpr_ua.h"

enum {
	NEXUSES = 8,
	TEXT_MAX = 256,
	POISON = 0xa5,
	/* Byte 20 of the parameter list. */
	APTPL = 0x01,
	ALL_TG_PT = 0x04,
	SPEC_I_PT = 0x08,
};

/* Five hosts; E, F and G are A but for one part of the name each. */
static inline struct tpr_nexus nexus(char who)
{
	static const struct tpr_nexus table[NEXUSES] = {
		{"iqn.2026-01.com.example:a",
		 "iqn.2026-01.com.example:t",
		 {0, 2, 0x3d, 0, 0, 1},
		 TPR_PROTO_ISCSI,
		 1,
		 1},
		{"iqn.2026-01.com.example:b",
		 "iqn.2026-01.com.example:t",
		 {0, 2, 0x3d, 0, 0, 1},
		 TPR_PROTO_ISCSI,
		 1,
		 1},
		{"iqn.2026-01.com.example:c",
		 "iqn.2026-01.com.example:t",
		 {0, 2, 0x3d, 0, 0, 2},
		 TPR_PROTO_ISCSI,
		 2,
		 2},
		{"iqn.2026-01.com.example:d",
		 "iqn.2026-01.com.example:t",
		 {0, 2, 0x3d, 0, 0, 1},
		 TPR_PROTO_ISCSI,
		 2,
		 2},
		/* another session of A */
		{"iqn.2026-01.com.example:a",
		 "iqn.2026-01.com.example:t",
		 {0, 2, 0x3d, 0, 0, 2},
		 TPR_PROTO_ISCSI,
		 1,
		 1},
		/* A by another portal group */
		{"iqn.2026-01.com.example:a",
		 "iqn.2026-01.com.example:t",
		 {0, 2, 0x3d, 0, 0, 1},
		 TPR_PROTO_ISCSI,
		 2,
		 2},
		/* A by another target */
		{"iqn.2026-01.com.example:a",
		 "iqn.2026-01.com.example:u",
		 {0, 2, 0x3d, 0, 0, 1},
		 TPR_PROTO_ISCSI,
		 1,
		 3},
		{"21:00:00:24:ff:12:34:56",
		 "50:01:40:50:00:00:00:01",
		 {0},
		 TPR_PROTO_FC,
		 1,
		 4},
	};

	return table[who - 'A'];
}

static inline bool same_nexus(const struct tpr_nexus *a,
			      const struct tpr_nexus *b)
{
	return !strcmp(a->initiator, b->initiator) &&
	       !strcmp(a->target, b->target) &&
	       !memcmp(a->isid, b->isid, sizeof(a->isid)) &&
	       a->proto == b->proto && a->tag == b->tag && a->rtpi == b->rtpi;
}

static inline char letter(const struct tpr_nexus *n)
{
	char who;

	for (who = 'A'; who < 'A' + NEXUSES; who++) {
		struct tpr_nexus x = nexus(who);

		if (same_nexus(&x, n))
			return who;
	}
	return '?';
}

static inline struct tpr_writer writer(u64 count)
{
	struct tpr_writer w = {"gw-1", 0x0123456789abcdef, count};

	return w;
}

/* Exactly as much memory as @max_regs asks for: an overrun is seen. */
static inline struct tcmu_pr_info *empty_state(u32 max_regs)
{
	struct tcmu_pr_info *info = malloc(tpr_info_size(max_regs));
	struct tpr_writer w = writer(1);

	if (!info)
		abort();
	memset(info, POISON, tpr_info_size(max_regs));
	tpr_info_init(info, max_regs);
	strcpy(info->device, "600140512345678");
	tpr_stamp(info, &w, &(struct tpr_order){ .action = TPR_ACT_CREATE });
	return info;
}

static inline void build_word(struct tcmu_pr_info *info, const char *word)
{
	struct tpr_nexus n;
	int idx;

	if (word[0] == 'g') {
		info->gen = (u32)strtoul(word + 1, NULL, 10);
	} else if (word[0] == 'p') {
		info->aptpl = true;
	} else if (word[0] == '/') {
		info->rsv.type = (u8)(word[1] - '0');
		if (word[2] == '*')
			return;
		n = nexus(word[2]);
		idx = tpr_find(info, &n);
		if (idx < 0)
			abort();
		info->rsv.holder = (u32)idx;
	} else {
		n = nexus(word[0]);
		if (tpr_reg_add(info, &n, strtoull(word + 1, NULL, 16), false) <
		    0)
			abort();
	}
}

static inline struct tcmu_pr_info *state_room(const char *text, u32 max_regs)
{
	struct tcmu_pr_info *info = empty_state(max_regs);
	char copy[TEXT_MAX], *word, *save;

	info->gen = 10;
	snprintf(copy, sizeof(copy), "%s", text);
	for (word = strtok_r(copy, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		build_word(info, word);
	if (!tpr_info_valid(info))
		abort();
	return info;
}

static inline struct tcmu_pr_info *state(const char *text)
{
	return state_room(text, NEXUSES + 1);
}

static inline struct tcmu_pr_info *clone(const struct tcmu_pr_info *info)
{
	size_t size = tpr_info_size(info->max_regs);
	struct tcmu_pr_info *copy = malloc(size);

	if (!copy)
		abort();
	return memcpy(copy, info, size);
}

/* Writes the text of @info to @text of TEXT_MAX bytes. */
static inline void state_text(const struct tcmu_pr_info *info, char *text)
{
	char *p = text, who;
	u32 i;

	for (who = 'A'; who < 'A' + NEXUSES; who++)
		for (i = 0; i < info->num_regs; i++)
			if (letter(&info->regs[i].nexus) == who)
				p += sprintf(p, "%c%llx ", who,
					     info->regs[i].key);
	for (i = 0; i < info->num_regs; i++)
		if (letter(&info->regs[i].nexus) == '?' ||
		    info->regs[i].all_tg_pt)
			p += sprintf(p, "? ");
	if (info->rsv.type || info->rsv.holder != TPR_HOLDER_ALL)
		p += sprintf(
			p, "/%u%c ", info->rsv.type,
			info->rsv.holder == TPR_HOLDER_ALL ? '*'
			: info->rsv.holder >= info->num_regs
				? '?'
				: letter(&info->regs[info->rsv.holder].nexus));
	p += sprintf(p, "g%u", info->gen);
	if (info->aptpl)
		strcpy(p, " p");
}

/* One PERSISTENT RESERVE OUT command. */
struct op {
	u8 sa;
	u8 scope;
	u8 type;
	u64 key; /* RESERVATION KEY */
	u64 sa_key; /* SERVICE ACTION RESERVATION KEY */
	u8 flags;
	u32 list_len; /* PARAMETER LIST LENGTH, 0: 24 */
	u32 given; /* bytes of parameter list that arrive, 0: as announced */
};

static inline void out_cdb(u8 *cdb, const struct op *op)
{
	memset(cdb, 0, TPR_OUT_CDB_LEN);
	cdb[0] = TPR_OP_PR_OUT;
	cdb[1] = op->sa;
	cdb[2] = (u8)(op->scope << 4 | op->type);
	tpr_put_be32(cdb + 5, op->list_len ? op->list_len : TPR_OUT_PARAM_LEN);
}

static inline void out_param(u8 *param, const struct op *op)
{
	memset(param, 0, TPR_OUT_PARAM_LEN);
	tpr_put_be64(param, op->key);
	tpr_put_be64(param + 8, op->sa_key);
	param[20] = op->flags;
}

/* What tpr_out() told, poisoned before the call. */
struct answer {
	struct tpr_result res;
	bool changed;
	u8 action;
};

static inline struct answer run(struct tcmu_pr_info *info, char who,
				const struct op *op)
{
	u8 cdb[TPR_OUT_CDB_LEN], param[TPR_OUT_PARAM_LEN];
	struct tpr_nexus n = nexus(who);
	struct tpr_out_req req = {
		.nexus = &n,
		.cdb = cdb,
		.param = param,
		.param_len = op->given ? op->given : sizeof(param),
	};
	struct answer a = {
		.res = {POISON, POISON, POISON << 8 | POISON},
		.changed = !op->given,
	};
	struct tpr_order order = {.action = POISON};

	out_cdb(cdb, op);
	out_param(param, op);
	a.res = tpr_out(info, &req, &a.changed, &order);
	a.action = order.action;
	return a;
}

#endif
