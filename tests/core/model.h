/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slow and plain model of PERSISTENT RESERVE OUT, written from SPC-4 5.13
 * and 6.16 and not from the core: one key for each nexus, a holder by letter,
 * no order, no index that moves.
 */
#ifndef TPR_TEST_MODEL_H
#define TPR_TEST_MODEL_H

#include "build.h"

struct model {
	u64 key[NEXUSES]; /* 0: not registered */
	char holder; /* letter, '*' for all registrants, 0: no reservation */
	u8 type;
	u32 gen;
	bool aptpl;
};

/* How a command may end. */
enum verdict {
	GOOD,
	CONFLICT,
	CDB_FIELD,
	PARAM_FIELD,
	PARAM_LEN,
	BAD_RELEASE,
	RESOURCES,
};

static inline struct tpr_result verdict_result(enum verdict v)
{
	static const struct tpr_result table[] = {
		[GOOD] = {0x00, 0x0, 0x0000},
		[CONFLICT] = {0x18, 0x0, 0x0000},
		[CDB_FIELD] = {0x02, 0x5, 0x2400},
		[PARAM_FIELD] = {0x02, 0x5, 0x2600},
		[PARAM_LEN] = {0x02, 0x5, 0x1a00},
		[BAD_RELEASE] = {0x02, 0x5, 0x2604},
		[RESOURCES] = {0x02, 0x5, 0x5504},
	};

	return table[v];
}

static inline void model_of(struct model *m, const struct tcmu_pr_info *info)
{
	u32 i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < info->num_regs; i++)
		m->key[letter(&info->regs[i].nexus) - 'A'] = info->regs[i].key;
	m->type = info->rsv.type;
	if (m->type >= 7)
		m->holder = '*';
	else if (m->type)
		m->holder = letter(&info->regs[info->rsv.holder].nexus);
	m->gen = info->gen;
	m->aptpl = info->aptpl;
}

static inline void model_text(const struct model *m, char *text)
{
	char *p = text;
	int i;

	for (i = 0; i < NEXUSES; i++)
		if (m->key[i])
			p += sprintf(p, "%c%llx ", 'A' + i, m->key[i]);
	if (m->type)
		p += sprintf(p, "/%u%c ", m->type, m->holder);
	p += sprintf(p, "g%u", m->gen);
	if (m->aptpl)
		strcpy(p, " p");
}

static inline bool known_type(u8 type)
{
	return type == 1 || type == 3 || (type >= 5 && type <= 8);
}

static inline int model_count(const struct model *m, u64 key)
{
	int i, n = 0;

	for (i = 0; i < NEXUSES; i++)
		n += m->key[i] && (!key || m->key[i] == key);
	return n;
}

static inline void model_end_reservation(struct model *m)
{
	m->type = 0;
	m->holder = 0;
}

static inline bool model_holds(const struct model *m, char who)
{
	return m->holder == who || (m->holder == '*' && m->key[who - 'A']);
}

static inline enum verdict model_register(struct model *m, char who,
					  const struct op *op)
{
	u64 *key = &m->key[who - 'A'];

	if (op->sa == TPR_OUT_REGISTER && op->key != *key)
		return CONFLICT;
	if (*key || op->sa_key)
		m->aptpl = op->flags & APTPL;
	*key = op->sa_key;
	if (!*key && (m->holder == who || !model_count(m, 0)))
		model_end_reservation(m);
	m->gen++;
	return GOOD;
}

static inline enum verdict model_preempt(struct model *m, char who,
					 const struct op *op)
{
	bool ar = m->holder == '*', takes;
	int i;

	if (!op->sa_key && !ar)
		return PARAM_FIELD;
	takes = ar ? !op->sa_key
		   : m->holder && m->key[m->holder - 'A'] == op->sa_key;
	if (takes && (op->scope || !known_type(op->type)))
		return CDB_FIELD;
	if (!takes && !model_count(m, op->sa_key))
		return CONFLICT;
	for (i = 0; i < NEXUSES; i++) {
		if (takes && 'A' + i == who)
			continue;
		if (!op->sa_key || m->key[i] == op->sa_key)
			m->key[i] = 0;
	}
	if (takes) {
		m->type = op->type;
		m->holder = op->type >= 7 ? '*' : who;
	} else if (!model_count(m, 0)) {
		model_end_reservation(m);
	}
	m->gen++;
	return GOOD;
}

static inline enum verdict model_reserve(struct model *m, char who,
					 const struct op *op)
{
	if (m->type)
		return model_holds(m, who) && m->type == op->type ? GOOD
								  : CONFLICT;
	m->type = op->type;
	m->holder = op->type >= 7 ? '*' : who;
	return GOOD;
}

static inline enum verdict model_release(struct model *m, char who,
					 const struct op *op)
{
	if (!model_holds(m, who))
		return GOOD;
	if (op->scope || op->type != m->type)
		return BAD_RELEASE;
	model_end_reservation(m);
	return GOOD;
}

static inline enum verdict model_format(const struct op *op)
{
	u32 len = op->list_len ? op->list_len : 24;
	bool reg = op->sa == 0 || op->sa == 6;

	if (op->sa == 5 || op->sa > 6)
		return CDB_FIELD;
	if (op->sa == 1 && (op->scope || !known_type(op->type)))
		return CDB_FIELD;
	if (len < 24 || (op->given && op->given < 24))
		return PARAM_LEN;
	if (reg && op->flags & SPEC_I_PT)
		return PARAM_FIELD;
	if (len != 24)
		return PARAM_LEN;
	if (reg && op->flags & ALL_TG_PT)
		return PARAM_FIELD;
	return GOOD;
}

static inline enum verdict model_out(struct model *m, char who,
				     const struct op *op)
{
	enum verdict v = model_format(op);

	if (v != GOOD)
		return v;
	if (op->sa == TPR_OUT_REGISTER || op->sa == TPR_OUT_REGISTER_IGNORE)
		return model_register(m, who, op);
	if (!m->key[who - 'A'] || m->key[who - 'A'] != op->key)
		return CONFLICT;
	switch (op->sa) {
	case TPR_OUT_RESERVE:
		return model_reserve(m, who, op);
	case TPR_OUT_RELEASE:
		return model_release(m, who, op);
	case TPR_OUT_CLEAR:
		memset(m->key, 0, sizeof(m->key));
		model_end_reservation(m);
		m->gen++;
		return GOOD;
	default:
		return model_preempt(m, who, op);
	}
}

#endif
