// SPDX-License-Identifier: GPL-2.0-only
/*
 * The store: what store.h promises, and no more.  A call is issued by a thread
 * of the daemon (it stops with it), then on its way, then has its effect in one
 * or two instants, then its answer goes back.
 */
#include "sim.h"

#include <assert.h>
#include <stdlib.h>

enum {
	SLOWER = 40, /* times, for a single call that is slow */
	LATE_MS = 3000, /* the longest that an unclear swap takes */
};

static void call_effect(struct gw *g, void *arg);

static bool is_swap(const struct call *c)
{
	return !c->gateways && c->e.op == ENGINE_SWAP;
}

static const char *call_name(const struct call *c)
{
	static const char *const names[] = {
		"join", "leave", "ack", "load", "swap", "mark_lost", "members",
		"announce",
	};
	static const char *const gw_names[] = {"beat", "gateways", "evict",
					       "fence"};

	return c->gateways ? gw_names[c->c.op] : names[c->e.op];
}

static int member_find(const struct store *st, const char *gateway)
{
	size_t i;

	for (i = 0; i < st->count; i++)
		if (!strcmp(st->members[i].gateway, gateway))
			return (int)i;
	return -1;
}

struct gw *gw_find(struct sim *s, const char *name)
{
	int i;

	for (i = 0; i < s->plan->gateways; i++)
		if (!strcmp(s->gws[i].name, name))
			return &s->gws[i];
	return NULL;
}

/* Answers */

static void call_unlink(struct gw *g, struct call *c)
{
	struct call **at = &g->calls;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
}

/* A look at the members lists them first and reads their records later. */
static void read_records(const struct store *st, struct engine_reply *r)
{
	size_t i, kept = 0;

	for (i = 0; i < r->count; i++) {
		int at = member_find(st, r->members[i].gateway);

		if (at >= 0)
			r->members[kept++] = st->members[at];
	}
	r->count = kept;
}

static void call_answer(struct gw *g, void *arg)
{
	struct call *c = arg;
	struct engine_reply r = c->er;

	if (c->done)
		call_unlink(g, c);
	if (c->gateways) {
		gateways_store_done(g->gws, &c->cr);
	} else {
		/* The string becomes the engine's. */
		if (r.str) {
			char *str = malloc(r.len ? r.len : 1);

			memcpy(str, r.str, r.len);
			r.str = str;
		}
		engine_store_done(g->lu, &r);
	}
	daemon_tell(g);
}

static u64 call_time(struct gw *g)
{
	struct sim *s = g->s;
	if (g->slow_until > s->now)
		return some_time(s, s->plan->lease_ms * MS * 4 / 10);
	if (!s->calm && chance(&s->rng, s->plan->noise.store_slow))
		return some_time(s, (u64)s->plan->store_us * SLOWER);
	return some_time(s, s->plan->store_us);
}

static void answer(struct gw *g, struct call *c, int rc)
{
	if (c->gateways)
		c->cr.rc = rc;
	else
		c->er.rc = rc;
	if (rc && rc != -EAGAIN)
		trace(g, "store: %s: %s", call_name(c), strerror(-rc));
	if (c->life == g->life && g->alive)
		event_add(g, DOM_DAEMON, call_time(g) / 2, call_answer, c);
}

/* Effects of the engine's calls */

static int effect_join(struct gw *g, const struct call *c)
{
	struct store *st = &g->s->store;
	int i = member_find(st, g->name);
	uint64_t seen = i < 0 ? 0 : st->members[i].seen;

	if (i < 0)
		i = (int)st->count++;
	memset(&st->members[i], 0, sizeof(st->members[i]));
	strcpy(st->members[i].gateway, g->name);
	st->members[i].incarnation = (uint64_t)(g->index + 1) * 1000 + c->life;
	st->members[i].term = c->e.term;
	st->members[i].seen = seen;
	trace(g, "is a member in term %llu", (u64)c->e.term);
	announce_again(g);
	return 0;
}

static int effect_leave(struct gw *g)
{
	struct store *st = &g->s->store;
	int i = member_find(st, g->name);

	if (i < 0)
		return -ENOENT;
	st->members[i] = st->members[--st->count];
	return 0;
}

static int effect_ack(struct gw *g, const struct call *c)
{
	struct store *st = &g->s->store;
	int i = member_find(st, g->name);
	struct store_member *m;

	if (i < 0)
		return -ENOENT;
	m = &st->members[i];
	if (m->term != c->e.term ||
	    m->incarnation != (uint64_t)(g->index + 1) * 1000 + c->life)
		return -ESTALE;
	m->installed = c->e.seq;
	m->ended = c->e.ended;
	if (m->installed > m->seen)
		m->seen = m->installed;
	trace(g, "acknowledged %llu%s", (u64)m->installed,
	      m->ended < m->installed ? ", not all ended" : "");
	return 0;
}

static int effect_swap(struct gw *g, const struct call *c)
{
	struct store *st = &g->s->store;
	struct version *v;

	if (st->newest != c->e.seq)
		return -EAGAIN;
	if (st->newest == VERSIONS_MAX) {
		violation(g->s, SIM_STUCK, "too many versions");
		return -EIO;
	}
	v = &st->versions[st->newest + 1];
	v->str = (char *)c->e.str;
	v->len = c->e.len;
	v->info = info_decode(c->e.str, c->e.len, 0);
	v->at = g->s->now;
	v->writer = g->index;
	v->term = c->term;
	st->newest++;
	trace(g, "stored %llu: %s", st->newest,
	      v->info ? tpr_action_name(v->info->changes[0].order.action)
		      : "no string");
	check_swap(g, v->info);
	return 0;
}

static int effect_load(struct gw *g, struct call *c)
{
	const struct store *st = &g->s->store;
	const struct version *v = &st->versions[st->newest];

	if (!st->newest)
		return -ENOENT;
	c->er.seq = st->newest;
	c->er.str = v->str;
	c->er.len = v->len;
	return 0;
}

static int effect_members(struct gw *g, struct call *c)
{
	const struct store *st = &g->s->store;

	c->er.members = mem_get(GW_MAX * sizeof(*c->er.members));
	memcpy(c->er.members, st->members, st->count * sizeof(st->members[0]));
	c->er.count = st->count;
	return 0;
}

static int engine_effect(struct gw *g, struct call *c)
{
	if (g->cut)
		return -ESHUTDOWN;
	switch (c->e.op) {
	case ENGINE_JOIN:
		return effect_join(g, c);
	case ENGINE_LEAVE:
		return effect_leave(g);
	case ENGINE_ACK:
		return effect_ack(g, c);
	case ENGINE_LOAD:
		return effect_load(g, c);
	case ENGINE_SWAP:
		return effect_swap(g, c);
	case ENGINE_MEMBERS:
		return effect_members(g, c);
	case ENGINE_ANNOUNCE:
		return effect_announce(g, c);
	case ENGINE_MARK_LOST:
		/* The store never loses anything here. */
		violation(g->s, SIM_UNSAFE, "%s says that version %llu is lost",
			  g->name, (u64)c->e.seq);
		return -EIO;
	}
	return -EINVAL;
}

/* Effects of the calls of gateways.c */

static struct store_gateway *record(struct gw *g, const char *name)
{
	struct gw *of = gw_find(g->s, name);
	struct store_gateway *r;

	assert(of);
	r = &g->s->store.gws[of->index];
	if (!g->s->store.known[of->index])
		strcpy(r->gateway, of->name);
	g->s->store.known[of->index] = true;
	return r;
}

static bool same_beat(const struct store_beat *a, const struct store_beat *b)
{
	return a->incarnation == b->incarnation && a->count == b->count &&
	       a->term == b->term;
}

static int effect_beat(struct gw *g, struct call *c)
{
	struct store_gateway *r = record(g, g->name);

	if (r->beaten && r->beat.incarnation != c->c.beat.incarnation &&
	    !(g->last_beat_known && same_beat(&r->beat, &g->last_beat)))
		return -ESTALE;
	if (r->beat.term != c->c.beat.term)
		trace(g, "first heartbeat of term %llu", (u64)c->c.beat.term);
	r->beat = c->c.beat;
	r->beaten = true;
	g->last_beat = r->beat;
	g->last_beat_known = true;
	return 0;
}

/* Heartbeats and marks are files of their own, read one after another. */
static int effect_list(struct gw *g, struct call *c, bool second)
{
	const struct store *st = &g->s->store;
	size_t i, n = 0;

	if (!second)
		c->cr.list = mem_get(GW_MAX * sizeof(*c->cr.list));
	for (i = 0; i < GW_MAX; i++) {
		struct store_gateway *to = &c->cr.list[n];

		if (second && (n == c->cr.count ||
			       strcmp(to->gateway, st->gws[i].gateway)))
			continue;
		if (!st->known[i] || !st->gws[i].beaten)
			continue;
		if (!second || n % 2)
			*to = st->gws[i];
		to->evicted = st->gws[i].evicted;
		to->fenced = st->gws[i].fenced;
		if ((int)i == g->index && !g->last_beat_known) {
			g->last_beat = to->beat;
			g->last_beat_known = true;
		}
		n++;
	}
	c->cr.count = n;
	return 0;
}

static int effect_mark(struct gw *g, const struct call *c)
{
	struct store_gateway *r = record(g, c->c.gateway);
	uint64_t *mark = c->c.op == GATEWAYS_EVICT ? &r->evicted : &r->fenced;

	if (c->c.term > *mark) {
		*mark = c->c.term;
		trace(g, "marks %s as %s, terms up to %llu", c->c.gateway,
		      c->c.op == GATEWAYS_EVICT ? "evicted" : "fenced",
		      (u64)c->c.term);
	}
	return 0;
}

static int gateways_effect(struct gw *g, struct call *c)
{
	if (g->cut)
		return -ESHUTDOWN;
	switch (c->c.op) {
	case GATEWAYS_BEAT:
		return effect_beat(g, c);
	case GATEWAYS_LIST:
		return effect_list(g, c, false);
	case GATEWAYS_EVICT:
	case GATEWAYS_FENCE:
		return effect_mark(g, c);
	}
	return -EINVAL;
}

/* The way of a call */

static void second_instant(struct gw *g, void *arg)
{
	struct call *c = arg;

	if (c->lost)
		return;
	c->done = true;
	if (!c->gateways)
		read_records(&g->s->store, &c->er);
	else if (c->c.op == GATEWAYS_LIST)
		effect_list(g, c, true);
	else
		c->cr.evicted = record(g, g->name)->evicted;
	answer(g, c, 0);
}

static bool has_second(const struct call *c)
{
	return c->gateways ? c->c.op == GATEWAYS_BEAT || c->c.op == GATEWAYS_LIST
			   : c->e.op == ENGINE_MEMBERS;
}

static void call_effect(struct gw *g, void *arg)
{
	struct call *c = arg;
	int rc;

	if (c->lost || c->done)
		return;
	rc = c->gateways ? gateways_effect(g, c) : engine_effect(g, c);
	c->done = true;
	if (c->unclear) {
		call_unlink(g, c);
		return;
	}
	if (!rc && has_second(c)) {
		c->done = false;
		event_add(g, DOM_CALL, call_time(g) / 2, second_instant, c);
		return;
	}
	/* It has happened, and the answer is an error all the same. */
	if (!rc && !is_swap(c) && !g->s->calm &&
	    chance(&g->s->rng, g->s->plan->noise.store_fails))
		rc = -EIO;
	answer(g, c, rc);
}

static void unclear(struct gw *g, struct call *c)
{
	struct sim *s = g->s;

	trace(g, "swap to %llu: the outcome is unclear", (u64)c->e.seq + 1);
	c->unclear = true;
	switch (draw(&s->rng, 4)) {
	case 0:
		c->lost = true;
		c->done = true;
		break;
	case 1: /* after the answer */
		event_add(g, DOM_NET, draw(&s->rng, LATE_MS * MS), call_effect,
			  c);
		break;
	default:
		event_add(g, DOM_NET, 0, call_effect, c);
		break;
	}
	answer(g, c, -EINPROGRESS);
}

static void fails(struct gw *g, struct call *c)
{
	c->lost = true;
	c->done = true;
	answer(g, c, is_swap(c) && draw(&g->s->rng, 2) ? -EINPROGRESS : -EIO);
}

/* A thread of the daemon makes the call. */
static void call_sent(struct gw *g, void *arg)
{
	const struct noise *n = &g->s->plan->noise;
	struct sim *s = g->s;
	struct call *c = arg;

	if (c->lost)
		return;
	if (g->cut_until > s->now)
		event_add_at(g, DOM_CALL, g->cut_until, call_sent, c);
	else if (g->fail_until > s->now)
		fails(g, c);
	else if (!s->calm && chance(&s->rng, n->store_fails))
		fails(g, c);
	else if (is_swap(c) && !s->calm && chance(&s->rng, n->swap_unclear))
		unclear(g, c);
	else
		event_add(g, DOM_NET, call_time(g) / 2, call_effect, c);
}

static void call_begin(struct gw *g, struct call *c)
{
	c->g = g;
	c->life = g->life;
	c->term = g->k.term;
	c->next = g->calls;
	g->calls = c;
	event_add(g, DOM_CALL, draw(&g->s->rng, 300), call_sent, c);
}

void store_engine(struct gw *g, const struct engine_call *call)
{
	struct call *c = mem_get(sizeof(*c));

	if (call->op == ENGINE_ANNOUNCE)
		announce_check(g, call);
	c->e = *call;
	c->er.op = call->op;
	c->er.id = call->id;
	if (call->str)
		c->e.str = mem_copy(call->str, call->len);
	if (call->gateway)
		snprintf(c->target, sizeof(c->target), "%s", call->gateway);
	c->e.gateway = c->target;
	call_begin(g, c);
}

void store_gateways(struct gw *g, const struct gateways_call *call)
{
	struct call *c = mem_get(sizeof(*c));

	c->gateways = true;
	c->c = *call;
	c->cr.op = call->op;
	c->cr.id = call->id;
	call_begin(g, c);
}

/*
 * Of what was on its way some has happened by now, some never will; of the
 * swaps some will happen as late as they like, but for store_open().
 */
void store_calls_end(struct gw *g, bool machine)
{
	struct call *c, *next, *left = NULL;

	(void)machine;
	for (c = g->calls; c; c = next) {
		next = c->next;
		if (c->done)
			continue;
		if (is_swap(c) && draw(&g->s->rng, 2)) {
			c->next = left;
			left = c;
			c->unclear = true;
			event_add(g, DOM_NET, draw(&g->s->rng, LATE_MS * MS),
				  call_effect, c);
			continue;
		}
		if (draw(&g->s->rng, 2) && g->cut_until <= g->s->now &&
		    g->paused_until <= g->s->now) {
			c->unclear = true;
			if (c->gateways)
				gateways_effect(g, c);
			else
				engine_effect(g, c);
		}
		c->lost = true;
	}
	g->calls = left;
}

void store_open(struct gw *g)
{
	struct call *c;

	for (c = g->calls; c; c = c->next) {
		if (!c->done && draw(&g->s->rng, 2))
			engine_effect(g, c);
		c->done = true;
		c->lost = true;
	}
	g->calls = NULL;
}
