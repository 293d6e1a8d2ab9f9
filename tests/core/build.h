/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Builders that the unit tests and the fuzzers share: nexuses by letter,
 * states by a short text, commands.
 *
 * A state's text is its registrations, each a nexus's letter and the key in
 * hexadecimal; then the reservation, if there is one, as "/", its type and
 * its holder's letter or "*"; then "2" and the letter of the nexus that holds
 * an SPC-2 reservation; then "g" and PRGENERATION; then "p" if APTPL is set:
 *
 *	"A1 B2 /5A g10 p"
 *
 * A small letter is the initiator port of that nexus through all target ports;
 * A, F and G are of one port, which is "a".  What has no "g" is built with
 * PRGENERATION 10.
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
#include "tpr_spc2.h"
#include "tpr_state.h"
#include "tpr_string.h"
#include "tpr_tid.h"
#include "tpr_ua.h"

enum {
	NEXUSES = 8,
	TEXT_MAX = 256,
	POISON = 0xa5,
	/* Byte 20 of the parameter list. */
	APTPL = 0x01,
	ALL_TG_PT = 0x04,
	SPEC_I_PT = 0x08,
	UNREG = 0x02, /* byte 17 of REGISTER AND MOVE's */
	/* An op's rtpi that is 0 in the command. */
	RTPI_0 = 0x10000,
};

/* Five hosts; E, F and G are A but for one part of the name each. */
static inline const struct tpr_nexus *nexus_table(void)
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
		{"naa.21000024ff123456",
		 "naa.5001405000000001",
		 {0},
		 TPR_PROTO_FC,
		 1,
		 4},
	};

	return table;
}

static inline struct tpr_nexus nexus(char who)
{
	return nexus_table()[who - 'A'];
}

/* The first nexus of the same initiator port. */
static inline char port_of(char who)
{
	return who == 'F' || who == 'G' ? 'A' : who;
}

/* The initiator port of @who through all target ports. */
static inline struct tpr_nexus all_ports(char who)
{
	struct tpr_nexus n = nexus(who);

	memset(n.target, 0, sizeof(n.target));
	n.tag = 0;
	n.rtpi = 0;
	return n;
}

/* By a letter of either kind. */
static inline struct tpr_nexus any_nexus(char who)
{
	return who >= 'a' ? all_ports((char)(who - 'a' + 'A')) : nexus(who);
}

static inline bool same_initiator(const struct tpr_nexus *a,
				  const struct tpr_nexus *b)
{
	return a->proto == b->proto && !strcmp(a->initiator, b->initiator) &&
	       !memcmp(a->isid, b->isid, sizeof(a->isid));
}

static inline bool same_nexus(const struct tpr_nexus *a,
			      const struct tpr_nexus *b)
{
	return same_initiator(a, b) && !strcmp(a->target, b->target) &&
	       a->tag == b->tag && a->rtpi == b->rtpi;
}

static inline char letter(const struct tpr_nexus *n)
{
	const struct tpr_nexus *table = nexus_table();
	bool all = !n->target[0] && !n->tag && !n->rtpi;
	int i;

	for (i = 0; i < NEXUSES; i++) {
		if (all && same_initiator(&table[i], n))
			return (char)('a' + i);
		if (!all && same_nexus(&table[i], n))
			return (char)('A' + i);
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

	if (word[0] == '2') {
		info->scsi2_held = true;
		info->scsi2_holder = nexus(word[1]);
		strcpy(info->scsi2_gateway, "gw-1");
	} else if (word[0] == 'g') {
		info->gen = (u32)strtoul(word + 1, NULL, 10);
	} else if (word[0] == 'p') {
		info->aptpl = true;
	} else if (word[0] == '/') {
		info->rsv.type = (u8)(word[1] - '0');
		if (word[2] == '*')
			return;
		n = any_nexus(word[2]);
		idx = tpr_find(info, &n);
		if (idx < 0)
			abort();
		info->rsv.holder = (u32)idx;
	} else {
		n = any_nexus(word[0]);
		if (tpr_reg_add(info, &n, strtoull(word + 1, NULL, 16),
				word[0] >= 'a') < 0)
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

/* The registrations, by letter: what has none is in the end. */
static inline char *regs_text(const struct tcmu_pr_info *info, char *p)
{
	static const char order[] = "ABCDEFGHabcdefgh?";
	const char *who;
	char letters[64];
	u32 i, n = info->num_regs < 64 ? info->num_regs : 64;

	for (i = 0; i < n; i++)
		letters[i] = letter(&info->regs[i].nexus);
	for (who = order; n && *who; who++)
		for (i = 0; i < n; i++)
			if (letters[i] == *who)
				p += sprintf(p, "%c%llx ", *who,
					     info->regs[i].key);
	return p;
}

/* Writes the text of @info to @text of TEXT_MAX bytes. */
static inline void state_text(const struct tcmu_pr_info *info, char *text)
{
	u32 holder = info->rsv.holder;
	char *p = regs_text(info, text);

	if (info->rsv.type || holder != TPR_HOLDER_ALL)
		p += sprintf(p, "/%u%c ", info->rsv.type,
			     holder == TPR_HOLDER_ALL ? '*'
			     : holder >= info->num_regs
				     ? '?'
				     : letter(&info->regs[holder].nexus));
	if (info->scsi2_held)
		p += sprintf(p, "2%c ", letter(&info->scsi2_holder));
	p += sprintf(p, "g%u", info->gen);
	if (info->aptpl)
		strcpy(p, " p");
}

/*
 * One PERSISTENT RESERVE OUT command.
 *
 * @tids is the list of TransportIDs (one for REGISTER AND MOVE), each a
 * nexus's letter, or "@" and the letter for all ports of its iSCSI device.
 * @sessions are the nexuses that the gateway knows sessions of.
 */
struct op {
	u8 sa;
	u8 scope;
	u8 type;
	u64 key; /* RESERVATION KEY */
	u64 sa_key; /* SERVICE ACTION RESERVATION KEY */
	u8 flags;
	u32 list_len; /* PARAMETER LIST LENGTH, 0: what there is */
	u32 given; /* bytes of parameter list that arrive, 0: all there are */
	const char *tids;
	const char *sessions;
	u32 rtpi; /* REGISTER AND MOVE: 0: that of the nexus @tids names */
	bool alone; /* the gateway knows no ports */
	bool force; /* force_aptpl */
	bool lost;
};

/* The TransportID of @who, or of its device; written by hand, SPC-4 7.6.4. */
static inline u32 put_tid(u8 *p, char who, bool device)
{
	struct tpr_nexus n = nexus(who);
	u32 len, i;

	memset(p, 0, 256);
	if (who == 'H') {
		memcpy(p + 8, "\x21\x00\x00\x24\xff\x12\x34\x56", 8);
		return 24;
	}
	p[0] = device ? 0x05 : 0x45;
	len = (u32)sprintf((char *)p + 4, "%s", n.initiator);
	if (!device) {
		len += (u32)sprintf((char *)p + 4 + len, ",i,0x");
		for (i = 0; i < TPR_ISID_LEN; i++)
			len += (u32)sprintf((char *)p + 4 + len, "%02x",
					    n.isid[i]);
	}
	for (len++; len % 4; len++)
		;
	p[3] = (u8)len;
	return 4 + len;
}

/* All of @tids at @p; its length. */
static inline u32 put_tids(u8 *p, const char *tids)
{
	u32 len = 0;

	for (; tids && *tids; tids++) {
		bool device = *tids == '@';

		tids += device;
		len += put_tid(p + len, *tids, device);
	}
	return len;
}

enum {
	/* Room for the parameter list of an op. */
	LIST_MAX = 28 + 256 * 40,
};

/* The parameter list of @op at @param of LIST_MAX bytes; its length. */
static inline u32 out_list(u8 *param, const struct op *op)
{
	u32 len;

	memset(param, 0, 28);
	tpr_put_be64(param, op->key);
	tpr_put_be64(param + 8, op->sa_key);
	if (op->sa == TPR_OUT_REGISTER_MOVE) {
		len = put_tids(param + 24, op->tids);
		param[17] = op->flags;
		tpr_put_be16(param + 18, (u16)op->rtpi);
		if (!op->rtpi && op->tids)
			tpr_put_be16(param + 18,
				     nexus(op->tids[*op->tids == '@']).rtpi);
		tpr_put_be32(param + 20, len);
		return 24 + len;
	}
	param[20] = op->flags;
	if (!op->tids)
		return TPR_OUT_PARAM_LEN;
	len = put_tids(param + 28, op->tids);
	tpr_put_be32(param + 24, len);
	return 28 + len;
}

static inline void out_cdb(u8 *cdb, const struct op *op, u32 list_len)
{
	memset(cdb, 0, TPR_OUT_CDB_LEN);
	cdb[0] = TPR_OP_PR_OUT;
	cdb[1] = op->sa;
	cdb[2] = (u8)(op->scope << 4 | op->type);
	tpr_put_be32(cdb + 5, op->list_len ? op->list_len : list_len);
}

/* The target ports of the nexuses A to H. */
static inline bool known_target(void *arg, u16 rtpi, struct tpr_nexus *n)
{
	char who;

	(void)arg;
	for (who = 'A'; who < 'A' + NEXUSES; who++) {
		struct tpr_nexus x = nexus(who);

		if (x.rtpi != rtpi || x.proto != n->proto)
			continue;
		memcpy(n->target, x.target, sizeof(n->target));
		n->tag = x.tag;
		n->rtpi = rtpi;
		return true;
	}
	return false;
}

static inline bool known_session(void *arg, const char *name, u32 i,
				 u8 isid[TPR_ISID_LEN])
{
	const char *who = arg;

	for (; who && *who; who++) {
		struct tpr_nexus x = nexus(*who);

		if (strcmp(x.initiator, name) || i-- > 0)
			continue;
		memcpy(isid, x.isid, TPR_ISID_LEN);
		return true;
	}
	return false;
}

/* What tpr_out() told, poisoned before the call. */
struct answer {
	struct tpr_result res;
	bool changed;
	u8 action;
	struct tpr_order order;
};

static inline struct answer run(struct tcmu_pr_info *info, char who,
				const struct op *op)
{
	u8 cdb[TPR_OUT_CDB_LEN], *param = malloc(LIST_MAX);
	struct tpr_nexus n = nexus(who);
	struct tpr_ports ports = {
		.target = known_target,
		.initiator = known_session,
		.arg = (void *)(size_t)op->sessions,
	};
	struct tpr_out_req req = {
		.nexus = &n,
		.cdb = cdb,
		.ports = op->alone ? NULL : &ports,
		.force_aptpl = op->force,
		.lost = op->lost,
	};
	struct answer a = {
		.res = {POISON, POISON, POISON << 8 | POISON},
		.changed = !op->given,
		.order = {.action = POISON},
	};
	u32 len;

	if (!param)
		abort();
	len = out_list(param, op);
	out_cdb(cdb, op, len);
	/* Exactly as much memory as arrives: reading beyond it is seen. */
	req.param_len = op->given ? op->given : len;
	req.param = realloc(param, req.param_len);
	a.res = tpr_out(info, &req, &a.changed, &a.order);
	a.action = a.order.action;
	free((void *)(size_t)req.param);
	return a;
}

#endif
