// SPDX-License-Identifier: GPL-2.0-only
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LATENCY_MS = 1,
	SLOWEST_MS = 30,
};

static const struct engine_ops ops;

uint64_t world_draw(struct world *w, uint64_t below)
{
	/* xorshift64*, enough to vary interleavings. */
	w->rng ^= w->rng >> 12;
	w->rng ^= w->rng << 25;
	w->rng ^= w->rng >> 27;
	return (w->rng * 2685821657736338717ull >> 11) % below;
}

bool world_chance(struct world *w, uint64_t percent)
{
	return w->faults && world_draw(w, 100) < percent;
}

uint64_t world_latency(struct world *w)
{
	return w->random ? world_draw(w, SLOWEST_MS) : LATENCY_MS;
}

/* At the store, for one of its calls. */
bool world_fails(struct world *w, struct gateway *g)
{
	return w->now < g->cut_until || world_chance(w, 3);
}

struct event *event_add(struct world *w, struct gateway *g,
			enum event_kind kind, uint64_t delay)
{
	struct event *ev = &w->events[w->events_count++];

	assert(w->events_count < EVENTS_MAX);
	memset(ev, 0, sizeof(*ev));
	ev->kind = kind;
	ev->at = w->now + delay;
	ev->order = w->events_order++;
	ev->gateway = g->index;
	ev->epoch = g->epoch;
	return ev;
}

void event_drop(struct event *ev)
{
	free((char *)ev->call.str);
	free(ev->reply.str);
	free(ev->reply.members);
}

/* Actions of the engine */

static uint64_t op_now(void *arg)
{
	return world_clock(arg);
}

static void op_timer(void *arg, uint64_t at)
{
	struct gateway *g = arg;

	g->timer_at = world_when(g, at);
}

static void op_store(void *arg, const struct engine_call *call)
{
	struct gateway *g = arg;
	struct event *ev;

	g->calls[call->op]++;
	if (call->op == ENGINE_ANNOUNCE)
		store_announces(g, call);
	ev = event_add(g->w, g, EV_EFFECT, world_latency(g->w));
	if (g->hang[call->op])
		ev->at = UINT64_MAX - 1;
	ev->remote = world_chance(g->w, 50);
	ev->call = *call;
	ev->reply.op = call->op;
	ev->reply.id = call->id;
	if (call->gateway)
		snprintf(ev->target, sizeof(ev->target), "%s", call->gateway);
	if (call->str) {
		char *copy = malloc(call->len);

		memcpy(copy, call->str, call->len);
		ev->call.str = copy;
	}
}

static void push_settled(struct gateway *g, uint64_t seq)
{
	struct kernel *k = &g->kernel;

	check_not_dropped(g->w, seq);

	assert(k->valid && k->enforced == seq && k->passed >= seq);
	check_settled(g->w, seq);
	k->settled = seq;
}

static void push_busy(struct gateway *g, struct event *ev)
{
	struct kernel *k = &g->kernel;

	if (ev->at >= k->busy_until)
		return;
	if (k->busy_until - ev->at <= k->busy_limit) {
		ev->at = k->busy_until;
		return;
	}
	ev->at += k->busy_limit;
	ev->status = EINPROGRESS;
}

static void op_push(void *arg, uint64_t seq, bool settled, const char *str,
		    size_t len)
{
	struct gateway *g = arg;
	struct kernel *k = &g->kernel;
	struct event *ev;

	k->pushes++;
	if (settled) {
		push_settled(g, seq);
		return;
	}
	assert(str && len && tpr_peek_regs(str, len) >= 0);
	ev = event_add(g->w, g, EV_PUSH_DONE, world_latency(g->w));
	if (k->hold)
		ev->at = UINT64_MAX - 1;
	ev->seq = seq;
	ev->term = k->term;
	ev->status = seq < k->enforced ? ESTALE : k->refuse;
	push_busy(g, ev);
	k->refuse = 0;
	/* Enforced, but what was admitted before has not ended. */
	if (ev->status && ev->status != EINPROGRESS)
		return;
	k->enforced = seq;
	k->valid = true;
	check_admits(g);
	/* Commands admitted under an older state may still be executing. */
	if (k->drained > seq)
		k->drained = seq;
	if (k->passed > seq)
		k->passed = seq;
}

static void op_invalidate(void *arg, int status)
{
	struct gateway *g = arg;

	g->kernel.valid = false;
	g->kernel.invalid_status = status;
	g->kernel.invalidates++;
}

static void op_gone(void *arg)
{
	((struct gateway *)arg)->gone = true;
}

static void op_log(void *arg, enum engine_level level, uint64_t seq,
		   const char *text)
{
	struct gateway *g = arg;

	if (getenv("WORLD_LOG"))
		fprintf(stderr, "%8llu %s %d seq %llu: %s\n", (u64)g->w->now,
			g->name, (int)level, (u64)seq, text);
	if (level > ENGINE_WARNING)
		return;
	g->complaints++;
	snprintf(g->last_log, sizeof(g->last_log), "%s", text);
}

static void op_get_done(void *arg, uint64_t cookie, int status, uint64_t seq,
			const char *str, size_t len)
{
	client_get_done(arg, cookie, status, seq, str, len);
}

static void op_repair_done(void *arg, int status, uint64_t seq)
{
	struct gateway *g = arg;

	g->repair_status = status;
	g->repair_seq = seq;
}

static void op_set_done(void *arg, uint64_t cookie, int status)
{
	client_set_done(arg, cookie, status);
}

static const struct engine_ops ops = {
	.now = op_now,
	.timer = op_timer,
	.store = op_store,
	.push = op_push,
	.invalidate = op_invalidate,
	.get_done = op_get_done,
	.set_done = op_set_done,
	.repair_done = op_repair_done,
	.gone = op_gone,
	.log = op_log,
};

/* Gateways */

static void kernel_init(struct kernel *k)
{
	memset(k, 0, sizeof(*k));
	k->drained = UINT64_MAX;
	k->passed = UINT64_MAX;
	k->late = UINT64_MAX;
}

/* The device is gone, the kernel is not. */
static void kernel_drop(struct kernel *k)
{
	uint64_t term = k->term, until = k->lease_until;

	kernel_init(k);
	k->term = term;
	k->lease_until = until;
}

void gw_attach(struct world *w, int i)
{
	struct gateway *g = &w->gw[i];

	g->kernel.attached = true;
	g->kernel.valid = false;
	g->gone = false;
	if (g->alive)
		assert(!engine_added(g->lu, IDENTITY, g->kernel.enforced));
}

void gw_detach(struct world *w, int i)
{
	struct gateway *g = &w->gw[i];

	kernel_drop(&g->kernel);
	g->client.busy = false;
	g->client.cookie++;
	if (g->alive)
		engine_removed(g->lu);
}

/* What store_ops.open promises of the swaps of earlier lives. */
static void swaps_drop(struct world *w, int i)
{
	size_t n;

	for (n = 0; n < w->events_count; n++) {
		struct event *ev = &w->events[n];

		if (ev->gateway != i || ev->kind != EV_EFFECT)
			continue;
		event_drop(ev);
		*ev = w->events[--w->events_count];
		n--;
	}
}

void gw_start(struct world *w, int i)
{
	struct gateway *g = &w->gw[i];

	swaps_drop(w, i);
	g->conf.incarnation += 100;
	g->alive = true;
	g->gone = false;
	g->timer_at = ENGINE_NEVER;
	world_gateways_start(g);
	g->lu = engine_new(&ops, g, &g->conf);
	if (g->kernel.attached)
		gw_attach(w, i);
}

void gw_die(struct world *w, int i)
{
	struct gateway *g = &w->gw[i];

	g->alive = false;
	g->epoch++;
	g->client.busy = false;
	g->client.cookie++;
	engine_free(g->lu);
	g->lu = NULL;
	gateways_free(g->gws);
	g->gws = NULL;
	(void)w;
}

void gw_power_off(struct world *w, int i)
{
	struct gateway *g = &w->gw[i];

	if (g->alive)
		gw_die(w, i);
	kernel_init(&g->kernel);
}

struct engine_status gw_status(struct world *w, int i)
{
	struct engine_status status;

	engine_status(w->gw[i].lu, &status);
	return status;
}

/* Time */

static void event_reply(struct gateway *g, struct event *ev)
{
	if (!g->alive || ev->epoch != g->epoch) {
		event_drop(ev);
		return;
	}
	if (ev->reply.op == ENGINE_MEMBERS && !ev->reply.rc)
		store_read_records(g->w, &ev->reply);
	engine_store_done(g->lu, &ev->reply);
	free(ev->reply.members);
}

static void event_push_done(struct gateway *g, struct event *ev)
{
	struct kernel *k = &g->kernel;

	if (!k->attached)
		return;
	if (ev->term == k->term && ev->seq <= k->enforced &&
	    (!ev->status || ev->status == EINPROGRESS) && ev->seq > k->passed)
		k->passed = ev->seq;
	if (!ev->status && ev->term == k->term) {
		if (ev->seq > k->drained && ev->seq <= k->enforced)
			k->drained = ev->seq;
		k->late = UINT64_MAX;
	}
	if (g->alive && ev->epoch == g->epoch && ev->term == k->term)
		engine_push_done(g->lu, ev->seq, ev->status);
}

static void event_run(struct world *w, struct event *ev)
{
	struct gateway *g = &w->gw[ev->gateway];

	switch (ev->kind) {
	case EV_EFFECT:
		store_effect(w, g, ev);
		return;
	case EV_REPLY:
		event_reply(g, ev);
		return;
	case EV_PUSH_DONE:
		event_push_done(g, ev);
		return;
	case EV_NEWS:
		store_heard(g, ev);
		return;
	default:
		world_gateways_event(w, g, ev);
	}
}

/* Nothing happens at a gateway that is stopped, until it goes on. */
static uint64_t event_time(const struct world *w, const struct event *ev)
{
	uint64_t until = w->gw[ev->gateway].frozen_until;

	return ev->remote || until < ev->at ? ev->at : until;
}

static struct event *event_next(struct world *w)
{
	struct event *next = NULL;
	uint64_t first = UINT64_MAX;
	size_t i;

	for (i = 0; i < w->events_count; i++) {
		struct event *ev = &w->events[i];
		uint64_t at = event_time(w, ev);

		if (next && (at > first ||
			     (at == first && ev->order > next->order)))
			continue;
		next = ev;
		first = at;
	}
	return next;
}

/* The next timer of either engine; *@at when. */
static struct gateway *timer_next(struct world *w, uint64_t *at)
{
	struct gateway *next = NULL;
	int i;

	*at = UINT64_MAX;
	for (i = 0; i < GATEWAYS; i++) {
		struct gateway *g = &w->gw[i];
		uint64_t mine = g->timer_at < g->gws_timer_at ? g->timer_at
							      : g->gws_timer_at;

		if (!g->alive || mine == ENGINE_NEVER)
			continue;
		mine = mine < g->frozen_until ? g->frozen_until : mine;
		if (next && mine >= *at)
			continue;
		next = g;
		*at = mine;
	}
	return next;
}

static void world_event(struct world *w, struct event *ev)
{
	struct event copy = *ev;
	uint64_t at = event_time(w, ev);

	*ev = w->events[--w->events_count];
	w->now = at > w->now ? at : w->now;
	event_run(w, &copy);
}

static void world_timer(struct world *w, struct gateway *g, uint64_t at)
{
	w->now = at > w->now ? at : w->now;
	if (g->gws_timer_at <= g->timer_at) {
		g->gws_timer_at = GATEWAYS_NEVER;
		gateways_timer(g->gws);
	} else {
		g->timer_at = ENGINE_NEVER;
		engine_timer(g->lu);
	}
}

static bool world_step(struct world *w, uint64_t until)
{
	uint64_t at;
	struct event *ev = event_next(w);
	struct gateway *g = timer_next(w, &at);
	int i;

	if (ev && g && at < event_time(w, ev))
		ev = NULL;
	if ((ev ? event_time(w, ev) : at) > until)
		return false;
	if (ev)
		world_event(w, ev);
	else
		world_timer(w, g, at);
	for (i = 0; i < GATEWAYS; i++)
		if (w->gw[i].alive && w->gw[i].kernel.attached &&
		    w->now >= w->gw[i].frozen_until)
			client_step(&w->gw[i]);
	return true;
}

void world_run(struct world *w, uint64_t ms)
{
	uint64_t until = w->now + ms;
	unsigned int steps = 0;

	while (world_step(w, until))
		assert(++steps < 1000000);
	w->now = until;
}

void world_init(struct world *w, uint64_t seed)
{
	int i;

	memset(w, 0, sizeof(*w));
	w->now = 1000;
	w->rng = seed * 0x9e3779b97f4a7c15ull + 1;
	for (i = 0; i < GATEWAYS; i++) {
		struct gateway *g = &w->gw[i];

		g->w = w;
		kernel_init(&g->kernel);
		g->index = i;
		snprintf(g->name, sizeof(g->name), "gw%d", i);
		g->conf.gateway = g->name;
		g->conf.incarnation = (uint64_t)i;
		g->conf.member_timeout_ms = 5000;
		world_gateways_init(g);
		g->client.again = true;
		g->repair_status = -1;
	}
}

void world_free(struct world *w)
{
	size_t i;

	for (i = 0; i < w->events_count; i++)
		event_drop(&w->events[i]);
	for (i = 0; i < GATEWAYS; i++) {
		engine_free(w->gw[i].lu);
		gateways_free(w->gw[i].gws);
		free(w->gw[i].client.str);
	}
	for (i = 0; i < VERSIONS_MAX; i++)
		free(w->versions[i].str);
}
