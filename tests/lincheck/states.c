// SPDX-License-Identifier: GPL-2.0-only
/*
 * The states that a search meets.
 *
 * A state as the core has it takes kilobytes and much of it is names; a search
 * meets thousands.  So the names are kept once (ports), and a state is the
 * numbers that remain, found again by its hash.  What does not make an answer
 * (seq, changes, writer) is not part of it.
 */
#include <string.h>

#include "internal.h"
#include "tpr_bytes.h"
#include "tpr_check.h"
#include "tpr_in.h"
#include "tpr_opcode.h"
#include "tpr_out.h"
#include "tpr_spc2.h"

enum {
	CACHE = 1024, /* outcomes remembered, a power of two */
	UNKNOWN_MASK = 0,
};

struct reg {
	u64 key;
	u16 port;
	u8 all_tg_pt;
	u8 zero[5];
};

/* Without gaps: compared and hashed as bytes. */
struct state {
	u32 gen;
	u32 holder;
	u32 num_regs;
	u16 spc2_port; /* NOBODY: no SPC-2 reservation */
	u16 spc2_gateway; /* a nexus that came in there */
	u8 type;
	u8 aptpl;
	u8 zero[6];
	struct reg regs[];
};

struct cached {
	u32 state, op; /* op + 1 */
	struct outcome outcome;
};

struct states {
	const struct lc_history *h;
	struct tpr_nexus *ports;
	u32 num_ports, cap_ports;
	struct state **all;
	u8 **masks; /* of each state, for each nexus */
	u32 num, cap, cap_masks;
	u32 *table; /* number + 1 by hash; a power of two */
	u32 table_size;
	struct tcmu_pr_info *scratch;
	u32 loaded; /* the state in scratch */
	struct state *compact; /* room for the largest */
	u8 *answer;
	u32 answer_cap;
	u64 steps;
	struct cached cache[CACHE];
};

static bool same_port(const struct tpr_nexus *a, const struct tpr_nexus *b)
{
	return !tpr_nexus_cmp(a, b) && a->rtpi == b->rtpi;
}

static u16 port_number(struct states *s, const struct tpr_nexus *nexus)
{
	u32 i;

	for (i = 0; i < s->num_ports; i++)
		if (same_port(&s->ports[i], nexus))
			return (u16)i;
	s->ports = lc_room(s->ports, s->num_ports, &s->cap_ports,
			   sizeof(*s->ports));
	s->ports[s->num_ports] = *nexus;
	return (u16)s->num_ports++;
}

/* Gateways are told apart by a nexus of theirs. */
static u16 gateway_number(const struct states *s, const char *gateway)
{
	u32 i;

	for (i = 0; i < s->h->num_nexuses; i++)
		if (!strcmp(s->h->nexuses[i].gateway, gateway))
			return (u16)i;
	return NOBODY;
}

static size_t state_size(u32 num_regs)
{
	return sizeof(struct state) + num_regs * sizeof(struct reg);
}

static u32 hash_of(const struct state *st)
{
	const u32 *p = (const u32 *)st;
	size_t n = state_size(st->num_regs) / sizeof(*p);
	u64 hash = 0xcbf29ce484222325;

	while (n--)
		hash = (hash ^ *p++) * 0x100000001b3;
	return (u32)(hash ^ hash >> 32);
}

static void put_in_table(struct states *s, u32 number)
{
	u32 at = hash_of(s->all[number]);

	while (s->table[at & (s->table_size - 1)])
		at++;
	s->table[at & (s->table_size - 1)] = number + 1;
}

static void grow_table(struct states *s)
{
	u32 i;

	s->table_size = s->table_size ? s->table_size * 2 : 64;
	free(s->table);
	s->table = lc_alloc(s->table_size * sizeof(*s->table));
	for (i = 0; i < s->num; i++)
		put_in_table(s, i);
}

/* The number of the state in s->compact. */
static u32 intern(struct states *s)
{
	size_t size = state_size(s->compact->num_regs);
	u32 at = hash_of(s->compact), number;

	for (;; at++) {
		number = s->table[at & (s->table_size - 1)];
		if (!number)
			break;
		if (s->all[number - 1]->num_regs == s->compact->num_regs &&
		    !memcmp(s->all[number - 1], s->compact, size))
			return number - 1;
	}
	s->all = lc_room(s->all, s->num, &s->cap, sizeof(*s->all));
	s->masks = lc_room(s->masks, s->num, &s->cap_masks, sizeof(*s->masks));
	s->all[s->num] = lc_alloc(size);
	memcpy(s->all[s->num], s->compact, size);
	s->masks[s->num] = NULL;
	s->num++;
	if (s->num * 2 > s->table_size)
		grow_table(s);
	else
		put_in_table(s, s->num - 1);
	return s->num - 1;
}

static u32 number_of(struct states *s, const struct tcmu_pr_info *info)
{
	struct state *st = s->compact;
	u32 i;

	memset(st, 0, state_size(info->num_regs));
	st->gen = info->gen;
	st->holder = info->rsv.holder;
	st->type = info->rsv.type;
	st->num_regs = info->num_regs;
	st->aptpl = info->aptpl;
	st->spc2_port = NOBODY;
	if (info->scsi2_held) {
		st->spc2_port = port_number(s, &info->scsi2_holder);
		st->spc2_gateway = gateway_number(s, info->scsi2_gateway);
	}
	for (i = 0; i < info->num_regs; i++) {
		st->regs[i].key = info->regs[i].key;
		st->regs[i].all_tg_pt = info->regs[i].all_tg_pt;
		st->regs[i].port = port_number(s, &info->regs[i].nexus);
	}
	return intern(s);
}

static void load(struct states *s, u32 state)
{
	const struct state *st = s->all[state];
	struct tcmu_pr_info *info = s->scratch;
	u32 i;

	if (s->loaded == state)
		return;
	tpr_info_init(info, info->max_regs);
	info->seq = 1;
	info->gen = st->gen;
	info->rsv.type = st->type;
	info->rsv.holder = st->holder;
	info->aptpl = st->aptpl;
	info->num_regs = st->num_regs;
	if (st->spc2_port != NOBODY) {
		info->scsi2_held = true;
		info->scsi2_holder = s->ports[st->spc2_port];
		if (st->spc2_gateway != NOBODY)
			strcpy(info->scsi2_gateway,
			       s->h->nexuses[st->spc2_gateway].gateway);
	}
	for (i = 0; i < st->num_regs; i++) {
		info->regs[i].key = st->regs[i].key;
		info->regs[i].all_tg_pt = st->regs[i].all_tg_pt;
		info->regs[i].nexus = s->ports[st->regs[i].port];
	}
	s->loaded = state;
}

static bool find_target(void *arg, u16 rtpi, struct tpr_nexus *nexus)
{
	const struct lc_history *h = arg;
	u32 i;

	for (i = 0; i < h->num_nexuses; i++) {
		const struct tpr_nexus *known = &h->nexuses[i].nexus;

		if (known->rtpi != rtpi)
			continue;
		memcpy(nexus->target, known->target, sizeof(nexus->target));
		nexus->tag = known->tag;
		nexus->rtpi = rtpi;
		return true;
	}
	return false;
}

static struct tpr_out_req request(const struct states *s, const struct op *o,
				  const struct tpr_ports *ports)
{
	return (struct tpr_out_req){
		.nexus = &s->h->nexuses[o->nexus].nexus,
		.cdb = o->cdb,
		.param = o->param,
		.param_len = o->param_len,
		.ports = ports,
	};
}

static bool play_event(struct states *s, const struct op *o)
{
	const struct tpr_nexus *nexus = &s->h->nexuses[o->nexus].nexus;

	switch (o->event) {
	case LC_POWER_LOSS:
		return tpr_power_loss(s->scratch);
	case LC_NEXUS_LOSS:
		if (tpr_nexus_cmp(&s->scratch->scsi2_holder, nexus))
			return false;
		break;
	}
	return tpr_spc2_end(s->scratch);
}

/* Executes on scratch, which holds the state. */
static struct tpr_result play(struct states *s, const struct op *o,
			      bool *changed)
{
	struct tpr_ports ports = { .target = find_target,
				   .arg = (void *)s->h };
	struct tpr_out_req req;
	struct tpr_order order;

	*changed = false;
	if (!o->class) {
		*changed = play_event(s, o);
		return tpr_good();
	}
	if (o->class == TPR_CLASS_SPC2)
		return tpr_spc2(s->scratch, &s->h->nexuses[o->nexus].nexus,
				s->h->nexuses[o->nexus].gateway, o->cdb,
				changed, &order);
	req = request(s, o, &ports);
	return tpr_out(s->scratch, &req, changed, &order);
}

struct outcome states_apply(struct states *s, u32 state, u32 op)
{
	struct cached *c =
		&s->cache[(state * 0x9e3779b1u + op * 0x85ebca6bu) >> 7 &
			  (CACHE - 1)];

	if (c->op == op + 1 && c->state == state)
		return c->outcome;
	load(s, state);
	s->steps++;
	c->state = state;
	c->op = op + 1;
	c->outcome.result = play(s, &s->h->ops[op], &c->outcome.changed);
	c->outcome.next = state;
	if (c->outcome.changed) {
		s->loaded = LC_NONE;
		c->outcome.next = number_of(s, s->scratch);
	}
	return c->outcome;
}

static bool answer_fits(struct states *s, u32 state, const struct op *o)
{
	struct tpr_result res;
	u32 len;

	if (o->result.status == TPR_GOOD &&
	    (o->cdb[1] & 0x1f) != 2 && o->data_len >= 4 &&
	    tpr_be32(o->data) != s->all[state]->gen)
		return false;
	load(s, state);
	s->steps++;
	res = tpr_in(s->scratch, o->cdb, s->answer, s->answer_cap, &len);
	return res.status == o->result.status &&
	       (res.status != TPR_GOOD ||
		(len == o->data_len && !memcmp(s->answer, o->data, len)));
}

static u8 mask_of(struct states *s, u32 state, u32 nexus)
{
	u8 *masks = s->masks[state];

	if (!masks) {
		masks = lc_alloc(s->h->num_nexuses);
		s->masks[state] = masks;
	}
	if (masks[nexus] == UNKNOWN_MASK) {
		load(s, state);
		masks[nexus] = tpr_allowed(s->scratch,
					   &s->h->nexuses[nexus].nexus);
	}
	return masks[nexus];
}

bool states_fits(struct states *s, u32 state, u32 op)
{
	const struct op *o = &s->h->ops[op];
	struct outcome out;

	switch (o->class) {
	case TPR_CLASS_PR_IN:
		return answer_fits(s, state, o);
	case TPR_CLASS_PR_OUT:
	case TPR_CLASS_SPC2:
		out = states_apply(s, state, op);
		return out.result.status == o->result.status &&
		       out.result.key == o->result.key &&
		       out.result.asc == o->result.asc;
	default:
		return !(mask_of(s, state, o->nexus) & o->class) ==
		       (o->result.status == TPR_RESERVATION_CONFLICT);
	}
}

/* The most registrations that any state of the history can have. */
static u32 regs_bound(const struct lc_history *h)
{
	u32 bound = h->start->num_regs + 2 * h->num_nexuses, i;

	for (i = 0; i < h->num_ops && bound < TPR_REGS_MAX; i++) {
		const struct op *o = &h->ops[i];
		struct tpr_out_req req = {
			.nexus = &h->nexuses[o->nexus].nexus,
			.cdb = o->cdb,
			.param = o->param,
			.param_len = o->param_len,
		};
		u32 room;

		if (o->class != TPR_CLASS_PR_OUT ||
		    tpr_out_check(&req).status != TPR_GOOD)
			continue;
		/* A nexus that registers itself is counted already. */
		room = tpr_out_room(&req);
		if (room > 1 ||
		    (o->cdb[1] & 0x1f) == TPR_OUT_REGISTER_MOVE)
			bound += room;
	}
	return bound < TPR_REGS_MAX ? bound : TPR_REGS_MAX;
}

struct states *states_new(const struct lc_history *h)
{
	struct states *s = lc_alloc(sizeof(*s));
	u32 bound = regs_bound(h), i;

	s->h = h;
	s->loaded = LC_NONE;
	s->scratch = lc_alloc(tpr_info_size(bound));
	tpr_info_init(s->scratch, bound);
	s->compact = lc_alloc(state_size(bound));
	for (i = 0; i < h->num_ops; i++)
		if (h->ops[i].class == TPR_CLASS_PR_IN &&
		    h->ops[i].data_len >= s->answer_cap)
			s->answer_cap = h->ops[i].data_len + 1;
	s->answer = lc_alloc(s->answer_cap);
	grow_table(s);
	return s;
}

void states_free(struct states *s)
{
	u32 i;

	for (i = 0; i < s->num; i++) {
		free(s->all[i]);
		free(s->masks[i]);
	}
	free(s->all);
	free(s->masks);
	free(s->ports);
	free(s->table);
	free(s->scratch);
	free(s->compact);
	free(s->answer);
	free(s);
}

u32 states_start(struct states *s)
{
	return number_of(s, s->h->start);
}

u32 states_gen(const struct states *s, u32 state)
{
	return s->all[state]->gen;
}

const struct tcmu_pr_info *states_info(struct states *s, u32 state)
{
	load(s, state);
	return s->scratch;
}

u64 states_steps(const struct states *s)
{
	return s->steps;
}
