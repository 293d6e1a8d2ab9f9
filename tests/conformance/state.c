// SPDX-License-Identifier: GPL-2.0-only
/*
 * From what a case has left to the start of the next, with as few PERSISTENT
 * RESERVE OUT as possible: each costs a round over all gateways.  Z reads what
 * is there, the nexuses that differ are put right, and when that does not
 * lead there, CLEAR and from nothing.
 */
#include "lists.h"
#include "run.h"

#include <stdio.h>
#include <string.h>

enum {
	JANITOR_KEY = 0x5a,
	TRIES = 3,
};

struct state {
	struct reg regs[NEXUSES];	/* by nexus; key 0: not registered */
	uint8_t type;
	bool foreign;	/* a registration that is none of ours, or of all ports */
	bool aptpl;	/* activated */
	size_t count;
	uint32_t gen;
};

static const struct test *reached;	/* whose start stands unchanged */
static struct state seen;	/* what is there as far as known */

void state_forget(void)
{
	reached = NULL;
}

static enum nexus_id whose(const uint8_t *descriptor, size_t length)
{
	uint8_t id[4 + 256];
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++) {
		size_t size = transport_id(id, nexus_initiator(n), nexus_isid(n));

		if (nexus_possible(n) && size == length - 24 &&
		    !memcmp(id, descriptor + 24, size) &&
		    get(descriptor + 18, 2) == nexus_rtpi(n))
			return n;
	}
	return NEXUSES;
}

static bool look(struct state *st)
{
	static struct answer a;
	size_t at;

	memset(st, 0, sizeof(*st));
	read_in(Z, SA_FULL, &a);
	if (a.status != ST_GOOD || a.size < 8)
		return false;
	st->gen = (uint32_t)get(a.data, 4);
	for (at = 8; at + 24 <= a.size; st->count++) {
		const uint8_t *d = a.data + at;
		size_t length = 24 + get(d + 20, 4);
		enum nexus_id n;

		if (length > a.size - at)
			return false;
		n = whose(d, length);
		if (n == NEXUSES || d[12] & 2) {
			st->foreign = true;
		} else {
			st->regs[n].key = get(d, 8);
			st->regs[n].holder = d[12] & 1;
			if (d[12] & 1)
				st->type = d[13] & 0xf;
		}
		at += length;
	}
	read_in(Z, SA_CAPABILITIES, &a);
	st->aptpl = a.status == ST_GOOD && a.size > 3 && a.data[3] & 1;
	return true;
}

static void wanted(struct state *want, const struct test *t)
{
	const struct reg *r;

	memset(want, 0, sizeof(*want));
	want->type = t->type;
	for (r = t->start; r < t->start + REGS_MAX && r->key; r++, want->count++) {
		want->regs[r->n] = *r;
		want->regs[r->n].holder = t->type && (r->holder || t->type >= WEAR);
	}
}

static bool same(const struct state *have, const struct state *want)
{
	enum nexus_id n;

	if (have->foreign || have->count != want->count || have->type != want->type ||
	    have->aptpl != want->aptpl)
		return false;
	for (n = A; n < NEXUSES; n++)
		if (have->regs[n].key != want->regs[n].key ||
		    have->regs[n].holder != want->regs[n].holder)
			return false;
	return true;
}

static int out(enum nexus_id n, uint8_t sa, uint64_t rk, uint64_t sark, uint8_t type)
{
	static struct answer a;
	const struct step s = { .sa = sa, .rk = rk, .sark = sark };
	uint8_t list[LIST_MAX];
	const uint8_t cdb[10] = { 0x5f, sa, type, [8] = 24 };
	const struct request rq = {
		.cdb = cdb, .cdb_length = sizeof(cdb), .direction = OUT, .out = list, .bytes = 24,
	};

	build_list(&s, list);
	nexus_drain(n);
	nexus_send(n, &rq, &a);
	pr_outs_start++;
	return a.status;
}

static void clear_all(const struct state *have)
{
	enum nexus_id n;

	/* A registration without APTPL deactivates it, CLEAR does not. */
	for (n = A; n < NEXUSES && !have->aptpl; n++)
		if (have->regs[n].key &&
		    out(n, SA_CLEAR, have->regs[n].key, 0, 0) == ST_GOOD)
			return;
	out(Z, SA_REGISTER_IGNORE, 0, JANITOR_KEY, 0);
	out(Z, SA_CLEAR, JANITOR_KEY, 0, 0);
}

static void release(const struct state *have)
{
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++)
		if (have->regs[n].holder) {
			out(n, SA_RELEASE, have->regs[n].key, 0, have->type);
			return;
		}
}

static bool keep_reservation(const struct state *have, const struct state *want)
{
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++)
		if (have->regs[n].holder != want->regs[n].holder)
			return false;
	return have->type == want->type;
}

/* A reservation that ends because its holder goes needs no RELEASE. */
static bool holder_goes(const struct state *have, const struct state *want)
{
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++)
		if (have->regs[n].holder && !want->regs[n].key)
			return have->type < WEAR;
	return false;
}

/* How many PERSISTENT RESERVE OUT it takes without CLEAR, and with it. */
static size_t repair_cost(const struct state *have, const struct state *want)
{
	bool keep = keep_reservation(have, want);
	size_t cost = 0;
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++)
		cost += have->regs[n].key != want->regs[n].key;
	cost += have->type && !keep && !holder_goes(have, want);
	return cost + (want->type && !keep);
}

static size_t clear_cost(const struct state *have, const struct state *want)
{
	return (have->count != 0) + want->count + (want->type != 0);
}

static void repair(const struct state *have, const struct state *want)
{
	bool keep = keep_reservation(have, want);
	enum nexus_id n;

	if (have->type && !keep && !holder_goes(have, want))
		release(have);
	for (n = A; n < NEXUSES; n++)
		if (have->regs[n].key != want->regs[n].key)
			out(n, SA_REGISTER_IGNORE, 0, want->regs[n].key, 0);
	if (!want->type || keep)
		return;
	for (n = A; n < NEXUSES; n++)
		if (want->regs[n].holder) {
			out(n, SA_RESERVE, want->regs[n].key, 0, want->type);
			return;
		}
}

void state_leave_spc2(void)
{
	static const uint8_t cdb[6] = { 0x17 };
	const struct request rq = { .cdb = cdb, .cdb_length = sizeof(cdb) };
	static struct answer a;
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++) {
		if (spc2_held[n])
			nexus_send(n, &rq, &a);
		spc2_held[n] = false;
	}
}

/* All sessions that the case uses, before anything happens. */
static void open_cast(const struct test *t)
{
	const struct step *s;
	const struct reg *r;

	for (r = t->start; r < t->start + REGS_MAX && r->key; r++)
		nexus_open(r->n);
	for (s = t->steps; s->kind != END; s++)
		if (s->n < NEXUSES)
			nexus_open(s->n);
}

static bool aim(const struct state *want)
{
	struct state have;
	int i;

	for (i = 0; i < TRIES; i++) {
		if (!look(&have)) {
			/* An SPC-2 reservation that nobody knows of? */
			nexus_reset(Z, false);
			nexus_drain(Z);
			continue;
		}
		if (same(&have, want)) {
			run.gen = have.gen;
			return true;
		}
		if (have.aptpl != want->aptpl ||
		    (have.count && (have.foreign || i ||
				    repair_cost(&have, want) > clear_cost(&have, want)))) {
			clear_all(&have);
			if (!look(&have))
				continue;
		}
		repair(&have, want);
	}
	return look(&have) && same(&have, want);
}

bool state_start(const struct test *t)
{
	struct state want;
	enum nexus_id n;

	state_leave_spc2();
	open_cast(t);
	if (reached && !memcmp(reached->start, t->start, sizeof(t->start)) &&
	    reached->type == t->type)
		return true;
	wanted(&want, t);
	if (!aim(&want))
		return false;
	seen = want;
	for (n = A; n < NEXUSES; n++)
		if (nexus_is_open(n))
			nexus_drain(n);
	run.changed = false;
	reached = t;
	return true;
}

void state_look(void)
{
	if (!look(&seen))
		seen.foreign = true;
}

/* How many PERSISTENT RESERVE OUT it takes to start this case now. */
size_t state_cost(const struct test *t)
{
	struct state want;
	size_t repaired, cleared;

	wanted(&want, t);
	cleared = clear_cost(&seen, &want);
	if (seen.foreign || seen.aptpl != want.aptpl)
		return cleared + 1;
	repaired = repair_cost(&seen, &want);
	return repaired < cleared ? repaired : cleared;
}
