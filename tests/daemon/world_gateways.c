// SPDX-License-Identifier: GPL-2.0-only
/* Clocks, terms and leases of the world's gateways, and their heartbeats. */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t world_clock(const struct gateway *g)
{
	int64_t now = (int64_t)g->w->now;

	return g->ahead + (uint64_t)(now + now * g->drift / 1000000);
}

uint64_t world_when(const struct gateway *g, uint64_t at)
{
	struct gateway then = *g;
	struct world w;
	int64_t guess;

	if (at == GATEWAYS_NEVER)
		return at;
	guess = ((int64_t)(at - g->ahead)) * 1000000 / (1000000 + g->drift) - 2;
	then.w = &w;
	w.now = guess > 0 ? (uint64_t)guess : 0;
	while (world_clock(&then) < at)
		w.now++;
	return w.now;
}

bool gw_admits(struct world *w, int i)
{
	const struct kernel *k = &w->gw[i].kernel;

	return k->attached && k->valid && world_clock(&w->gw[i]) < k->lease_until;
}

static uint64_t op_now(void *arg)
{
	return world_clock(arg);
}

static void op_timer(void *arg, uint64_t at)
{
	struct gateway *g = arg;

	g->gws_timer_at = world_when(g, at);
}

static void op_store(void *arg, const struct gateways_call *call)
{
	struct gateway *g = arg;
	struct world *w = g->w;
	uint64_t delay = w->random ? world_latency(w) : 0;
	struct event *ev;

	if (world_chance(w, 2))
		delay += world_draw(w, 3000);
	ev = event_add(w, g, EV_GWS_EFFECT, delay);
	ev->gws_call = *call;
	ev->gws_reply.op = call->op;
	ev->gws_reply.id = call->id;
}

static void op_lease(void *arg, uint64_t term, uint64_t until)
{
	struct gateway *g = arg;
	struct event *ev;

	ev = event_add(g->w, g, EV_LEASE,
		       g->w->random ? world_latency(g->w) : 0);
	ev->term = term;
	ev->until = until;
}

static void op_term(void *arg, uint64_t term)
{
	struct gateway *g = arg;

	assert(!term || g->kernel.term == term);
	if (g->lu)
		engine_term(g->lu);
}

static void op_lives(void *arg)
{
	struct gateway *g = arg;

	if (g->lu)
		engine_lives(g->lu);
}

static void op_fence(void *arg, const char *gateway, uint64_t term)
{
	struct gateway *g = arg;
	struct event *ev = event_add(g->w, g, EV_FENCE, g->fence_ms);

	snprintf(ev->target, sizeof(ev->target), "%s", gateway);
	ev->term = term;
}

static void op_log(void *arg, int level, const char *text)
{
	struct gateway *g = arg;

	if (getenv("WORLD_LOG"))
		fprintf(stderr, "%8llu %s %d: %s\n", (u64)g->w->now, g->name,
			level, text);
}

static const struct gateways_ops ops = {
	.now = op_now,
	.timer = op_timer,
	.store = op_store,
	.lease = op_lease,
	.term = op_term,
	.lives = op_lives,
	.fence = op_fence,
	.log = op_log,
};

void world_gateways_init(struct gateway *g)
{
	struct gateways_conf *conf = &g->gws_conf;

	snprintf(g->w->gateways[g->index].gateway, STORE_GATEWAY_MAX, "gw%d",
		 g->index);
	g->fence_ms = 500;
	g->ahead = 100000 * (uint64_t)g->index;
	conf->gateway = g->name;
	conf->boot[0] = (uint8_t)(g->index + 1);
	conf->lease_ms = 15000;
	conf->margin_ms = 2000;
	conf->beat_ms = 20; /* so that tests need not wait for the second one */
}

void world_gateways_start(struct gateway *g)
{
	g->gws_conf.incarnation = g->conf.incarnation;
	g->gws_timer_at = GATEWAYS_NEVER;
	memset(&g->guard, 0, sizeof(g->guard));
	g->gws = gateways_new(&ops, g, &g->gws_conf);
	assert(g->gws);
	g->conf.gateways = g->gws;
	gateways_connected(g->gws, g->kernel.term);
}

/* The store */

static int find(const struct world *w, const char *name)
{
	int i;

	for (i = 0; i < GATEWAYS; i++)
		if (!strcmp(w->gateways[i].gateway, name))
			return i;
	abort();
}

static int effect_beat(struct world *w, struct gateway *g, struct event *ev)
{
	struct store_gateway *own = &w->gateways[g->index];

	if (own->beaten && own->beat.incarnation != g->conf.incarnation &&
	    memcmp(&own->beat, &g->guard, sizeof(g->guard)))
		return -ESTALE;
	own->beaten = true;
	own->beat = ev->gws_call.beat;
	g->guard = own->beat;
	ev->gws_reply.evicted = own->evicted;
	return 0;
}

static int effect_list(struct world *w, struct gateway *g, struct event *ev)
{
	int i;

	for (i = 0; i < GATEWAYS; i++)
		if (w->gateways[i].beaten)
			ev->list[ev->gws_reply.count++] = w->gateways[i];
	g->guard = w->gateways[g->index].beat;
	return 0;
}

static int effect(struct world *w, struct gateway *g, struct event *ev)
{
	const struct gateways_call *call = &ev->gws_call;
	struct store_gateway *of;

	if (call->op == GATEWAYS_BEAT)
		return effect_beat(w, g, ev);
	if (call->op == GATEWAYS_LIST)
		return effect_list(w, g, ev);
	of = &w->gateways[find(w, call->gateway)];
	if (call->op == GATEWAYS_EVICT && call->term > of->evicted)
		of->evicted = call->term;
	if (call->op == GATEWAYS_FENCE && call->term > of->fenced)
		of->fenced = call->term;
	return 0;
}

static void event_effect(struct world *w, struct gateway *g, struct event *ev)
{
	struct event *re;

	if (ev->epoch != g->epoch)
		return;
	ev->gws_reply.rc = world_fails(w, g) ? -EIO : effect(w, g, ev);
	re = event_add(w, g, EV_GWS_REPLY, w->random ? world_latency(w) : 0);
	re->gws_reply = ev->gws_reply;
	memcpy(re->list, ev->list, sizeof(re->list));
}

static void event_lease(struct gateway *g, const struct event *ev)
{
	struct kernel *k = &g->kernel;

	if (!g->alive || ev->epoch != g->epoch)
		return;
	assert(ev->term >= k->term);
	if (ev->term != k->term) {
		k->valid = false;
		k->settled = 0;
		/* Those may still be executing, and are not waited for. */
		if (k->drained < k->late)
			k->late = k->drained;
		k->drained = UINT64_MAX;
		k->passed = UINT64_MAX;
	}
	k->term = ev->term;
	k->lease_until = ev->until;
	check_admits(g);
	gateways_lease_done(g->gws, 0);
}

/* The fence command has an effect, whatever becomes of who ran it. */
static void event_fence(struct world *w, struct gateway *g,
			const struct event *ev)
{
	int i = find(w, ev->target);

	g->fences++;
	gw_power_off(w, i);
	gw_boot(w, i);
	w->gw[i].frozen_until = 0;
	if (g->alive && ev->epoch == g->epoch)
		gateways_fenced(g->gws, ev->target, ev->term, 0);
}

void world_gateways_event(struct world *w, struct gateway *g, struct event *ev)
{
	if (ev->kind == EV_FENCE) {
		event_fence(w, g, ev);
	} else if (ev->kind == EV_LEASE) {
		event_lease(g, ev);
	} else if (ev->kind == EV_GWS_EFFECT) {
		event_effect(w, g, ev);
	} else if (g->alive && ev->epoch == g->epoch) {
		ev->gws_reply.list = ev->list;
		gateways_store_done(g->gws, &ev->gws_reply);
	}
}

void gw_boot(struct world *w, int i)
{
	w->gw[i].gws_conf.boot[1]++;
}
