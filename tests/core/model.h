/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slow and plain model of PERSISTENT RESERVE OUT, written from SPC-4 5.13
 * and 6.16 and not from the core: one key for each nexus, and one for each
 * initiator port through all target ports; a holder by letter, no order, no
 * index that moves.
 */
#ifndef TPR_TEST_MODEL_H
#define TPR_TEST_MODEL_H

#include "build.h"

enum {
	/* A to H, then a to h: the ports through all target ports. */
	SLOTS = 2 * NEXUSES,
};

struct model {
	u64 key[SLOTS]; /* 0: not registered */
	char holder; /* letter, '*' for all registrants, 0: no reservation */
	u8 type;
	char scsi2; /* letter of the holder of an SPC-2 reservation, or 0 */
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
	RSV_RESOURCES,
	OPCODE,
	LOST,
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
		[RSV_RESOURCES] = {0x02, 0x5, 0x5502},
		[OPCODE] = {0x02, 0x5, 0x2000},
		[LOST] = {0x02, 0x7, 0x4401},
	};

	return table[v];
}

static inline int slot_of(char who)
{
	return who >= 'a' ? NEXUSES + who - 'a' : who - 'A';
}

static inline char slot_letter(int slot)
{
	return (char)(slot < NEXUSES ? 'A' + slot : 'a' + slot - NEXUSES);
}

/* The slot of @who's initiator port through all target ports. */
static inline int all_slot(char who)
{
	return NEXUSES + port_of(who) - 'A';
}

/* The slot where @who is registered, or would be. */
static inline int model_slot(const struct model *m, char who)
{
	return m->key[all_slot(who)] ? all_slot(who) : who - 'A';
}

/* The key that @who is registered with. */
static inline u64 model_key(const struct model *m, char who)
{
	return m->key[model_slot(m, who)];
}

static inline void model_of(struct model *m, const struct tcmu_pr_info *info)
{
	u32 i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < info->num_regs; i++)
		m->key[slot_of(letter(&info->regs[i].nexus))] =
			info->regs[i].key;
	m->type = info->rsv.type;
	if (m->type >= 7)
		m->holder = '*';
	else if (m->type)
		m->holder = letter(&info->regs[info->rsv.holder].nexus);
	if (info->scsi2_held)
		m->scsi2 = letter(&info->scsi2_holder);
	m->gen = info->gen;
	m->aptpl = info->aptpl;
}

static inline void model_text(const struct model *m, char *text)
{
	char *p = text;
	int i;

	for (i = 0; i < SLOTS; i++)
		if (m->key[i])
			p += sprintf(p, "%c%llx ", slot_letter(i), m->key[i]);
	if (m->type)
		p += sprintf(p, "/%u%c ", m->type, m->holder);
	if (m->scsi2)
		p += sprintf(p, "2%c ", m->scsi2);
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

	for (i = 0; i < SLOTS; i++)
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
	int slot = model_slot(m, who);

	return m->key[slot] &&
	       (m->holder == '*' || m->holder == slot_letter(slot));
}

/* All registrations of @who's initiator port become one. */
static inline void model_register_all(struct model *m, char who, u64 key)
{
	bool held = false;
	int i;

	for (i = 0; i < NEXUSES; i++) {
		if (port_of((char)('A' + i)) != port_of(who))
			continue;
		held |= m->holder == 'A' + i;
		m->key[i] = 0;
	}
	/* key 0: none of it is left, and nobody to hold anything */
	m->key[all_slot(who)] = key;
	if (held)
		m->holder = slot_letter(all_slot(who));
}

/* True if any nexus of @who's port that the command would register is. */
static inline bool model_listed(const struct model *m, char who, bool all)
{
	int i;

	if (model_key(m, who))
		return true;
	for (i = 0; all && i < NEXUSES; i++)
		if (m->key[i] && port_of((char)('A' + i)) == port_of(who))
			return true;
	return false;
}

/* SPEC_I_PT, with nexuses through the target port of @who, and no device. */
static inline enum verdict model_spec_i_pt(struct model *m, char who,
					   const struct op *op)
{
	bool all = op->flags & ALL_TG_PT;
	const char *p;

	for (p = op->tids; *p; p++)
		if (port_of(*p) != port_of(who) && model_listed(m, *p, all))
			return PARAM_FIELD;
	for (p = op->tids; *p; p++) {
		if (port_of(*p) == port_of(who))
			continue;
		if (all)
			model_register_all(m, *p, op->sa_key);
		else
			m->key[*p - 'A'] = op->sa_key;
	}
	return GOOD;
}

static inline enum verdict model_register(struct model *m, char who,
					  const struct op *op)
{
	int slot = model_slot(m, who);
	u64 *key = &m->key[slot];

	if (op->sa == TPR_OUT_REGISTER_IGNORE && op->flags & SPEC_I_PT)
		return PARAM_FIELD;
	if (op->sa == TPR_OUT_REGISTER && op->key != *key)
		return CONFLICT;
	m->gen++;
	if (!*key && !op->sa_key &&
	    !(op->sa == TPR_OUT_REGISTER_IGNORE &&
	      op->flags & ALL_TG_PT && model_listed(m, who, true)))
		return GOOD;
	if (op->flags & SPEC_I_PT) {
		if (*key || model_spec_i_pt(m, who, op) != GOOD) {
			m->gen--;
			return PARAM_FIELD;
		}
	}
	m->aptpl = op->flags & APTPL || op->force;
	if (op->flags & ALL_TG_PT)
		model_register_all(m, who, op->sa_key);
	else
		*key = op->sa_key;
	if (!model_count(m, 0) ||
	    (m->holder && m->holder != '*' && !m->key[slot_of(m->holder)]))
		model_end_reservation(m);
	return GOOD;
}

static inline enum verdict model_preempt(struct model *m, char who,
					 const struct op *op)
{
	bool ar = m->holder == '*', takes;
	int i, self = model_slot(m, who);

	if (!op->sa_key && !ar)
		return PARAM_FIELD;
	takes = ar ? !op->sa_key
		   : m->holder && m->key[slot_of(m->holder)] == op->sa_key;
	if (takes && (op->scope || !known_type(op->type)))
		return CDB_FIELD;
	if (!takes && !model_count(m, op->sa_key))
		return CONFLICT;
	for (i = 0; i < SLOTS; i++) {
		if (takes && i == self)
			continue;
		if (!op->sa_key || m->key[i] == op->sa_key)
			m->key[i] = 0;
	}
	if (takes) {
		m->type = op->type;
		m->holder = op->type >= 7 ? '*' : slot_letter(self);
	} else if (!model_count(m, 0)) {
		model_end_reservation(m);
	}
	m->gen++;
	return GOOD;
}

static inline enum verdict model_reserve(struct model *m, char who,
					 const struct op *op)
{
	if (op->scope || !known_type(op->type))
		return CDB_FIELD;
	if (m->type)
		return model_holds(m, who) && m->type == op->type ? GOOD
								  : CONFLICT;
	m->type = op->type;
	m->holder = op->type >= 7 ? '*' : slot_letter(model_slot(m, who));
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

/* The destination is the first letter of @op->tids, with its own RTPI. */
static inline enum verdict model_move(struct model *m, char who,
				      const struct op *op)
{
	char to = op->tids[0];

	if (!m->type)
		return CDB_FIELD;
	if (m->holder == '*' || !model_holds(m, who))
		return CONFLICT;
	if (!op->sa_key || port_of(to) == port_of(who))
		return PARAM_FIELD;
	m->key[model_slot(m, to)] = op->sa_key;
	m->holder = slot_letter(model_slot(m, to));
	if (op->flags & UNREG)
		m->key[model_slot(m, who)] = 0;
	m->aptpl = op->flags & APTPL || op->force;
	m->gen++;
	return GOOD;
}

/* Every error that depends on the command alone. */
static inline enum verdict model_format(const struct op *op)
{
	u8 list[LIST_MAX];
	u32 whole = out_list(list, op);
	u32 len = op->list_len ? op->list_len : whole;
	u32 given = op->given ? op->given : whole;
	bool tids = op->sa == TPR_OUT_REGISTER && op->flags & SPEC_I_PT;

	if (op->sa > 8)
		return CDB_FIELD;
	if (len < 24 || given < 24)
		return PARAM_LEN;
	if (op->sa == TPR_OUT_REGISTER_MOVE) {
		if (given < len || len < whole)
			return PARAM_LEN;
		return op->tids ? GOOD : PARAM_FIELD;
	}
	if (op->flags & SPEC_I_PT && !tids)
		return GOOD; /* as for the form */
	if (!tids)
		return len == 24 ? GOOD : PARAM_LEN;
	if (given < len)
		return PARAM_LEN;
	/* Otherwise it is not looked at. */
	if (!op->key && op->sa_key && (!op->tids || len < whole))
		return PARAM_LEN;
	return GOOD;
}

/* When the information is lost, or none is: REPLACE LOST RESERVATION. */
static inline enum verdict model_replace(struct model *m, char who,
					 const struct op *op)
{
	if (!op->lost)
		return model_key(m, who) ? BAD_RELEASE : CONFLICT;
	if (op->scope || !known_type(op->type))
		return CDB_FIELD;
	if (op->key || !op->sa_key || op->flags & SPEC_I_PT)
		return PARAM_FIELD;
	memset(m, 0, sizeof(*m));
	m->key[who - 'A'] = op->sa_key;
	m->type = op->type;
	m->holder = op->type >= 7 ? '*' : who;
	m->aptpl = op->flags & APTPL || op->force;
	return GOOD;
}

static inline enum verdict model_out(struct model *m, char who,
				     const struct op *op)
{
	enum verdict v = model_format(op);

	if (op->lost && op->sa != TPR_OUT_REPLACE_LOST)
		return LOST;
	if (m->scsi2 && !op->lost)
		return CONFLICT;
	if (v != GOOD)
		return v;
	if (op->sa == TPR_OUT_REGISTER || op->sa == TPR_OUT_REGISTER_IGNORE)
		return model_register(m, who, op);
	if (op->sa == TPR_OUT_REPLACE_LOST)
		return model_replace(m, who, op);
	if (!model_key(m, who) || model_key(m, who) != op->key)
		return CONFLICT;
	if (op->flags & SPEC_I_PT && op->sa != TPR_OUT_REGISTER_MOVE)
		return PARAM_FIELD;
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
	case TPR_OUT_REGISTER_MOVE:
		return model_move(m, who, op);
	default:
		return model_preempt(m, who, op);
	}
}

/*
 * What a REGISTER needs room for before the sender's own registrations become
 * one, which is what it does last: those there were, and those it lists.
 */
static inline int model_needed(const struct model *before,
			       const struct model *m, char who,
			       const struct op *op)
{
	int i, n = model_count(before, 0);

	if (op->sa != TPR_OUT_REGISTER)
		return 0;
	for (i = 0; i < SLOTS; i++)
		n += m->key[i] && !before->key[i] && i != slot_of(who) &&
		     i != all_slot(who);
	return n;
}

/* As above, with memory for @room registrations. */
static inline enum verdict model_out_room(struct model *m, char who,
					  const struct op *op, int room)
{
	struct model before = *m;
	enum verdict v = model_out(m, who, op);

	if (v != GOOD || (model_count(m, 0) <= room &&
			  model_needed(&before, m, who, op) <= room))
		return v;
	*m = before;
	return RESOURCES;
}

#endif
