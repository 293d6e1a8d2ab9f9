// SPDX-License-Identifier: GPL-2.0-only
/*
 * The heartbeats of all gateways.  Who is silent for its lease and the margin
 * is evicted, and has ended when a reading after that still shows the same
 * (L3): a heartbeat that found no mark had been written before the mark was
 * made, so that reading shows it or a later one; and a lease that came of what
 * we have known for so long has ended.
 */
#include "gateways_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

struct gateway *peer_find(const struct gateways *g, const char *name)
{
	size_t i;

	for (i = 0; i < g->count; i++)
		if (!strcmp(g->peers[i].name, name))
			return &g->peers[i];
	return NULL;
}

struct gateway *peer_add(struct gateways *g, const char *name)
{
	struct gateway *peers = realloc(g->peers,
					(g->count + 1) * sizeof(*peers));

	if (!peers)
		return NULL;
	g->peers = peers;
	memset(&peers[g->count], 0, sizeof(*peers));
	strncpy(peers[g->count].name, name, STORE_GATEWAY_MAX);
	return &peers[g->count++];
}

static bool same(const struct store_beat *a, const struct store_beat *b)
{
	return a->term == b->term && a->incarnation == b->incarnation &&
	       a->count == b->count &&
	       !memcmp(a->boot, b->boot, STORE_BOOT_LEN);
}

/* When nothing can stand any more on the heartbeat last seen. */
static uint64_t over_at(const struct gateways *g, const struct gateway *p)
{
	return p->seen_at + p->beat.lease_ms + g->conf->margin_ms;
}

/* Is there a reason to watch it for its end? */
static bool watched(const struct gateways *g, const struct gateway *p)
{
	if (!p->known || p->ended >= p->beat.term)
		return false;
	return p != g->peers || own_foreign(g);
}

uint64_t peers_deadline(const struct gateways *g)
{
	uint64_t at = GATEWAYS_NEVER;
	size_t i;

	for (i = 0; i < g->count; i++) {
		const struct gateway *p = &g->peers[i];

		if (watched(g, p) && over_at(g, p) > g->list_began &&
		    over_at(g, p) < at)
			at = over_at(g, p);
	}
	return at;
}

static void evict(struct gateways *g, struct gateway *p)
{
	struct gateways_call call = {.op = GATEWAYS_EVICT};

	gw_log(g, ENGINE_WARNING,
	       "no heartbeat of %s for %llu ms: evicting it from term %llu",
	       p->name, (ull)(g->now - p->seen_at), (ull)p->beat.term);
	strcpy(call.gateway, p->name);
	call.term = p->beat.term;
	p->evict_term = call.term;
	p->call_evict = gw_call(g, &call);
}

void peers_evicted(struct gateways *g, const struct gateways_reply *reply)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		struct gateway *p = &g->peers[i];

		if (p->call_evict != reply->id)
			continue;
		p->call_evict = 0;
		if (reply->rc) {
			gw_log(g, ENGINE_WARNING, "store: evict %s: %s",
			       p->name, strerror(-reply->rc));
			return;
		}
		p->mark = p->evict_term;
		p->mark_lists = g->lists;
		g->list_again = true;
	}
}

/* The same heartbeat as before, in a reading that began at list_began. */
static void judge(struct gateways *g, struct gateway *p)
{
	if (!watched(g, p) || g->now < over_at(g, p))
		return;
	if (p->mark >= p->beat.term) {
		if (g->lists <= p->mark_lists)
			return;
		p->ended = p->beat.term;
		p->alive = false;
		g->lives = true;
		gw_log(g, ENGINE_WARNING, "%s has ended in term %llu", p->name,
		       (ull)p->ended);
	} else if (g->list_began >= over_at(g, p) && !p->call_evict &&
		   (p == g->peers || gw_leased(g))) {
		evict(g, p);
	}
}

static void take_beat(struct gateways *g, struct gateway *p,
		      const struct store_beat *beat, bool gap)
{
	bool changed = !p->known || !same(&p->beat, beat);

	if (changed) {
		/* The first sight tells nothing: it may be of long ago. */
		g->lives |= !p->alive || beat->term > p->told;
		p->alive = p->known;
		p->known = true;
		p->beat = *beat;
		p->told = beat->term > p->told ? beat->term : p->told;
		p->seen_at = g->now;
		return;
	}
	if (gap)
		p->seen_at = g->now;
	if (p->alive && g->now >= p->seen_at + p->beat.lease_ms) {
		p->alive = false;
		g->lives = true;
	}
	judge(g, p);
}

static int take(struct gateways *g, const struct store_gateway *seen, bool gap)
{
	struct gateway *p = peer_find(g, seen->gateway);

	if (!p)
		p = peer_add(g, seen->gateway);
	if (!p)
		return -ENOMEM;
	if (seen->evicted > p->evicted)
		p->evicted = seen->evicted;
	if (seen->fenced > p->fenced) {
		p->fenced = seen->fenced;
		g->lives = true;
	}
	if (seen->beaten)
		take_beat(g, p, &seen->beat, gap);
	return 0;
}

/*
 * When we could not read for long, the others perhaps could not write: let them
 * have the time for it, else they all would evict each other.
 */
static bool long_gap(const struct gateways *g)
{
	uint64_t most = g->conf->lease_ms / 2;

	if (most < 3 * (uint64_t)g->conf->beat_ms)
		most = 3 * (uint64_t)g->conf->beat_ms;
	return g->list_done && g->now - g->list_done > most;
}

void peers_listed(struct gateways *g, const struct gateways_reply *reply)
{
	bool gap = long_gap(g);
	int rc = reply->rc;
	size_t i;

	g->call_list = 0;
	for (i = 0; i < reply->count && !rc; i++)
		rc = take(g, &reply->list[i], gap);
	if (rc && rc != g->list_rc)
		gw_log(g, ENGINE_WARNING, "store: heartbeats: %s",
		       strerror(-rc));
	g->list_rc = rc;
	/* One that had begun before the lift() says nothing. */
	if (rc == -ESHUTDOWN && g->lists > g->lift_lists)
		own_shut(g);
	if (rc)
		return;
	g->list_done = g->now;
	own_listed(g);
}

/*
 * Only what has ended may be switched off, and only by who is alive: one that
 * was cut off might not know that the other one came back.
 */
static bool may_fence(const struct gateways *g, const struct gateway *p,
		      uint64_t term)
{
	return g->conf->can_fence && p != g->peers && !p->fencing && !p->off &&
	       term <= p->ended && p->ended >= p->told && gw_leased(g) &&
	       g->ops->now(g->arg) >= p->fence_at;
}

void peer_fence(struct gateways *g, struct gateway *p, uint64_t term)
{
	if (!may_fence(g, p, term))
		return;
	p->fencing = true;
	gw_log(g, ENGINE_WARNING, "fencing %s, which has ended in term %llu",
	       p->name, (ull)p->ended);
	g->ops->fence(g->arg, p->name, p->ended);
}

void peers_fence(struct gateways *g)
{
	size_t i;

	for (i = 1; i < g->count && g->conf->fence_always; i++)
		if (g->peers[i].fenced < g->peers[i].ended)
			peer_fence(g, &g->peers[i], g->peers[i].ended);
}

void peer_fenced(struct gateways *g, struct gateway *p, uint64_t term,
		 int status)
{
	p->fencing = false;
	if (status) {
		p->fence_at = g->now + FENCE_PAUSE_MS;
		gw_log(g, ENGINE_ERROR, "%s could not be fenced: %s", p->name,
		       strerror(status));
	} else {
		gw_log(g, ENGINE_INFO, "%s was fenced", p->name);
		p->off = term > p->off ? term : p->off;
	}
}

void peers_record(struct gateways *g)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		struct gateway *p = &g->peers[i];
		struct gateways_call call = {.op = GATEWAYS_FENCE};

		if (!p->off || p->call_fence || g->now < p->fence_at)
			continue;
		strcpy(call.gateway, p->name);
		call.term = p->off;
		p->fence_term = p->off;
		p->call_fence = gw_call(g, &call);
	}
}

void peers_fence_done(struct gateways *g, const struct gateways_reply *reply)
{
	size_t i;

	for (i = 0; i < g->count; i++) {
		struct gateway *p = &g->peers[i];

		if (p->call_fence != reply->id)
			continue;
		p->call_fence = 0;
		if (!reply->rc && p->fence_term > p->fenced) {
			p->fenced = p->fence_term;
			g->lives = true;
		}
		if (!reply->rc && p->off <= p->fenced)
			p->off = 0;
		if (reply->rc)
			gw_log(g, ENGINE_WARNING, "store: record that %s is "
			       "fenced: %s", p->name, strerror(-reply->rc));
		p->fence_at = g->now + g->conf->beat_ms;
		if (!i)
			own_fence_done(g, reply->rc);
	}
}
