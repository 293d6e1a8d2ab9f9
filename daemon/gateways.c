// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the gateways' engine, its timer and what it tells.  As in
 * engine.c, an event notes what it changed, and then gw_run() starts what is
 * missing: readings of all heartbeats, and our own heartbeats.
 *
 * A reading, of whose result each heartbeat is judged, is numbered when it
 * begins: what has to be read after something was done is read by a later
 * number.
 */
#include "gateways_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t gw_call(struct gateways *g, struct gateways_call *call)
{
	call->id = ++g->last_id;
	g->ops->store(g->arg, call);
	return call->id;
}

bool gw_leased(const struct gateways *g)
{
	return g->ops->now(g->arg) < g->lease_until;
}

void gw_log(struct gateways *g, int level, const char *fmt, ...)
{
	char text[GATEWAYS_WHY_MAX + 128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->ops->log(g->arg, level, text);
}

void gw_why(struct gateways *g, const char *fmt, ...)
{
	char text[GATEWAYS_WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!strcmp(text, g->why))
		return;
	memcpy(g->why, text, sizeof(text));
	gw_log(g, ENGINE_WARNING, "%s", text);
}

static void list(struct gateways *g)
{
	struct gateways_call call = {.op = GATEWAYS_LIST};

	if (g->call_list || (g->now < g->list_at && !g->list_again))
		return;
	g->list_again = false;
	g->lists++;
	g->list_began = g->now;
	g->list_at = g->now + g->conf->beat_ms;
	g->call_list = gw_call(g, &call);
}

static void lease_watch(struct gateways *g)
{
	bool leased = gw_leased(g);

	if (leased == g->leased)
		return;
	g->leased = leased;
	if (leased) {
		g->why[0] = '\0';
		gw_log(g, ENGINE_INFO, "the kernel has a lease, in term %llu",
		       (unsigned long long)g->lease.term);
	} else {
		gw_log(g, ENGINE_WARNING, "the kernel's lease has ended: %s",
		       g->why[0] ? g->why : "the store did not answer");
	}
}

static uint64_t next_time(const struct gateways *g)
{
	uint64_t at = GATEWAYS_NEVER;

	if (!g->call_list)
		at = g->list_at;
	if (g->step >= OWN_BEAT && !g->call_beat && g->beat_at < at)
		at = g->beat_at;
	if (g->leased && g->lease_until < at)
		at = g->lease_until;
	return at;
}

/* To be called as the last thing of an event: here we may be called back. */
static void gw_run(struct gateways *g)
{
	uint64_t at = peers_deadline(g);

	if (at < g->list_at)
		g->list_at = at;
	own_beat(g);
	own_quiet(g);
	own_lift(g);
	peers_fence(g);
	peers_record(g);
	list(g);
	lease_watch(g);
	at = next_time(g);
	if (at != g->armed) {
		g->armed = at;
		g->ops->timer(g->arg, at);
	}
	if (g->lives) {
		g->lives = false;
		g->ops->lives(g->arg);
	}
}

struct gateways *gateways_new(const struct gateways_ops *ops, void *arg,
			      const struct gateways_conf *conf)
{
	struct gateways *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->ops = ops;
	g->arg = arg;
	g->conf = conf;
	g->armed = GATEWAYS_NEVER;
	if (peer_add(g, conf->gateway))
		return g;
	free(g);
	return NULL;
}

void gateways_free(struct gateways *g)
{
	if (!g)
		return;
	free(g->peers);
	free(g);
}

void gateways_connected(struct gateways *g, uint64_t term)
{
	g->now = g->ops->now(g->arg);
	own_connected(g, term);
	gw_run(g);
}

void gateways_disconnected(struct gateways *g)
{
	g->now = g->ops->now(g->arg);
	own_disconnected(g);
	gw_run(g);
}

void gateways_lease_done(struct gateways *g, int status)
{
	g->now = g->ops->now(g->arg);
	own_lease_done(g, status);
	gw_run(g);
}

void gateways_timer(struct gateways *g)
{
	g->now = g->ops->now(g->arg);
	g->armed = GATEWAYS_NEVER;
	gw_run(g);
}

void gateways_store_done(struct gateways *g, const struct gateways_reply *r)
{
	g->now = g->ops->now(g->arg);
	switch (r->op) {
	case GATEWAYS_BEAT:
		if (r->id == g->call_beat)
			own_beat_done(g, r);
		break;
	case GATEWAYS_LIST:
		if (r->id == g->call_list)
			peers_listed(g, r);
		break;
	case GATEWAYS_EVICT:
		peers_evicted(g, r);
		break;
	case GATEWAYS_FENCE:
		peers_fence_done(g, r);
		break;
	}
	gw_run(g);
}

void gateways_fenced(struct gateways *g, const char *gateway, uint64_t term,
		     int status)
{
	struct gateway *p = peer_find(g, gateway);

	g->now = g->ops->now(g->arg);
	if (!p || !p->fencing)
		return;
	peer_fenced(g, p, term, status);
	gw_run(g);
}

void gateways_quiet(struct gateways *g, uint64_t term)
{
	g->now = g->ops->now(g->arg);
	g->quiet = term;
	gw_run(g);
}

void gateways_lifted(struct gateways *g, int status)
{
	g->now = g->ops->now(g->arg);
	own_lifted(g, status);
	gw_run(g);
}

uint64_t gateways_term(const struct gateways *g)
{
	return g->term;
}

enum gateways_life gateways_life(const struct gateways *g, const char *gateway,
				 uint64_t term)
{
	const struct gateway *p = peer_find(g, gateway);

	if (!p || !p->known)
		return GATEWAYS_DOUBTFUL;
	if (term < p->told || term <= p->ended)
		return GATEWAYS_ENDED;
	if (p == g->peers && term < g->term)
		return GATEWAYS_ENDED;
	if (p == g->peers)
		return g->term && term == g->term ? GATEWAYS_ALIVE
						  : GATEWAYS_DOUBTFUL;
	return p->alive ? GATEWAYS_ALIVE : GATEWAYS_DOUBTFUL;
}

bool gateways_fenced_off(struct gateways *g, const char *gateway, uint64_t term,
			 bool want)
{
	struct gateway *p = peer_find(g, gateway);

	if (!p)
		return false;
	if (p->fenced >= term)
		return true;
	if (want)
		peer_fence(g, p, term);
	return false;
}

bool gateways_can_fence(const struct gateways *g)
{
	return g->conf->can_fence;
}

bool gateways_must_fence(const struct gateways *g)
{
	return g->conf->fence_always;
}

void gateways_status(const struct gateways *g, struct gateways_status *status)
{
	uint64_t now = g->ops->now(g->arg);
	bool leased = gw_leased(g);

	status->term = g->term;
	status->lease_ms_left = leased ? g->lease_until - now : 0;
	status->count = g->count;
	if (leased)
		status->reason = "";
	else if (!g->connected)
		status->reason = "not connected to the kernel";
	else if (g->why[0])
		status->reason = g->why;
	else
		status->reason = g->list_rc ? "the store cannot be read"
					    : "no heartbeat yet";
}

void gateways_info(const struct gateways *g, size_t i,
		   struct gateways_info *info)
{
	const struct gateway *p = &g->peers[i];

	info->gateway = p->name;
	info->term = p->told;
	info->quiet_ms = p->known ? g->ops->now(g->arg) - p->seen_at : 0;
	info->life = gateways_life(g, p->name, p->told);
	info->fenced = p->told && p->fenced >= p->told;
}
