// SPDX-License-Identifier: GPL-2.0-only
/* The world's store: versions and members of the logical unit. */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LATE_MS = 300,
	TOLD_LATE_MS = 6000, /* the longest way of a version that is announced */
};

/* FNV-1a. */
static uint64_t hash(const char *str, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;
	size_t i;

	for (i = 0; i < len; i++)
		h = (h ^ (uint8_t)str[i]) * 0x100000001b3ull;
	return h;
}

/* Was it, byte for byte, ever version @seq? */
static bool was_stored(const struct world *w, uint64_t seq, const char *str,
		       size_t len)
{
	uint64_t h = hash(str, len);
	size_t i;

	for (i = 0; i < w->stored_count; i++)
		if (w->stored[i].seq == seq && w->stored[i].hash == h)
			return true;
	return false;
}

static int member_find(const struct world *w, const char *gateway)
{
	size_t i;

	for (i = 0; i < w->members_count; i++)
		if (!strcmp(w->members[i].gateway, gateway))
			return (int)i;
	return -1;
}

const struct store_member *world_member(struct world *w, int i)
{
	int m = member_find(w, w->gw[i].name);

	return m < 0 ? NULL : &w->members[m];
}

static int effect_join(struct world *w, struct gateway *g, uint64_t term)
{
	int i = member_find(w, g->name);
	uint64_t seen = i < 0 ? 0 : w->members[i].seen;

	if (i < 0)
		i = (int)w->members_count++;
	memset(&w->members[i], 0, sizeof(w->members[i]));
	strcpy(w->members[i].gateway, g->name);
	w->members[i].incarnation = g->conf.incarnation;
	w->members[i].term = term;
	w->members[i].seen = seen;
	return 0;
}

static int effect_leave(struct world *w, struct gateway *g)
{
	int i = member_find(w, g->name);

	if (i < 0)
		return -ENOENT;
	w->members[i] = w->members[--w->members_count];
	return 0;
}

static int effect_ack(struct world *w, struct gateway *g, uint64_t term,
		      uint64_t seq, uint64_t ended)
{
	int i = member_find(w, g->name);

	if (i < 0)
		return -ENOENT;
	if (w->members[i].incarnation != g->conf.incarnation ||
	    w->members[i].term != term)
		return -ESTALE;
	/* The kernel never goes back, so neither does this. */
	assert(g->kernel.passed >= seq);
	assert(g->kernel.drained >= ended && g->kernel.late >= ended);
	assert(ended >= w->members[i].ended && ended <= seq);
	w->members[i].installed = seq;
	w->members[i].ended = ended;
	if (seq > w->members[i].seen)
		w->members[i].seen = seq;
	return 0;
}

void world_set(struct world *w, uint64_t seq, const char *str, size_t len)
{
	assert(seq < VERSIONS_MAX);
	w->newest = seq;
	w->created = true;
	free(w->versions[seq].str);
	w->versions[seq].str = malloc(len ? len : 1);
	memcpy(w->versions[seq].str, str, len);
	w->versions[seq].len = len;
	w->stored[w->stored_count].seq = seq;
	w->stored[w->stored_count++].hash = hash(str, len);
	assert(w->stored_count < STORED_MAX);
}

void world_put(struct world *w, const char *str, size_t len)
{
	world_set(w, w->newest + 1, str, len);
}

static int effect_swap(struct world *w, struct gateway *g,
		       const struct engine_call *call)
{
	if (w->newest != call->seq)
		return -EAGAIN;
	if (world_action(call->str, call->len) == TPR_ACT_POWER_LOSS)
		check_power_loss(w, g);
	world_put(w, call->str, call->len);
	return 0;
}

static int effect_mark_lost(struct world *w, const struct engine_call *call)
{
	assert(world_action(call->str, call->len) < 0);
	if (w->newest >= call->seq)
		return -EAGAIN;
	world_set(w, call->seq, call->str, call->len);
	return 0;
}

static int effect_load(struct world *w, struct engine_reply *reply)
{
	if (!w->newest)
		return w->created ? -ENODATA : -ENOENT;
	reply->seq = w->newest;
	reply->len = w->versions[w->newest].len;
	reply->str = malloc(reply->len ? reply->len : 1);
	memcpy(reply->str, w->versions[w->newest].str, reply->len);
	return w->newest <= w->foreign ? -EXDEV : 0;
}

/*
 * A look at the members is no snapshot: it lists them, which is the effect, and
 * reads the record of each later, here when the reply is delivered.
 */
void store_read_records(const struct world *w, struct engine_reply *reply)
{
	size_t kept = 0;

	for (size_t i = 0; i < reply->count; i++) {
		for (size_t j = 0; j < w->members_count; j++) {
			if (strcmp(reply->members[i].gateway,
				   w->members[j].gateway))
				continue;
			reply->members[kept++] = w->members[j];
			break;
		}
	}
	reply->count = kept;
}

static int effect_members(struct world *w, struct engine_reply *reply)
{
	reply->members = calloc(GATEWAYS, sizeof(*reply->members));
	memcpy(reply->members, w->members, sizeof(w->members));
	reply->count = w->members_count;
	return 0;
}

void store_announces(const struct gateway *g, const struct engine_call *call)
{
	struct tcmu_pr_info *info;

	assert((!call->str && !call->seq) || g->conf.carries);
	if (!call->str)
		return;
	/* Its writer may only say what it knows to be stored. */
	assert(was_stored(g->w, call->seq, call->str, call->len));
	info = world_decode(call->str, call->len);
	assert(info && info->seq == call->seq);
	free(info);
}

static void announce_says(struct gateway *from, struct event *ev,
			  const struct engine_call *call)
{
	/* It may only say what its kernel has told. */
	assert(from->kernel.passed >= call->seq);
	assert(from->kernel.drained >= call->ended &&
	       from->kernel.late >= call->ended);
	strcpy(ev->says.gateway, from->name);
	ev->says.incarnation = from->conf.incarnation;
	ev->says.term = call->term;
	ev->says.installed = call->seq;
	ev->says.ended = call->ended;
}

static void announce_told(struct world *w, struct gateway *to,
			  const struct engine_call *call)
{
	uint64_t delay = world_latency(w) + to->told_late;
	struct event *ev;
	char *copy;

	if (world_chance(w, 10))
		delay += world_draw(w, TOLD_LATE_MS);
	ev = event_add(w, to, EV_NEWS, delay);
	/* As one that is too long. */
	if (to->plain || world_chance(w, 10))
		return;
	copy = malloc(call->len);
	memcpy(copy, call->str, call->len);
	ev->call = *call;
	ev->call.str = copy;
	ev->call.gateway = NULL;
}

static void announce(struct world *w, struct gateway *from, struct gateway *to,
		     const struct engine_call *call)
{
	if (call->str)
		announce_told(w, to, call);
	else if (call->seq)
		announce_says(from, event_add(w, to, EV_NEWS, world_latency(w)),
			      call);
	else
		event_add(w, to, EV_NEWS, world_latency(w));
}

static int effect_announce(struct world *w, struct gateway *g,
			   const struct event *ev)
{
	int i;

	for (i = 0; i < GATEWAYS; i++) {
		if (strcmp(w->gw[i].name, ev->target) || !w->gw[i].alive ||
		    w->gw[i].deaf || world_chance(w, 10))
			continue;
		announce(w, g, &w->gw[i], &ev->call);
		if (ev->call.str && world_chance(w, 10))
			announce(w, g, &w->gw[i], &ev->call);
	}
	return 0;
}

/* Also of before this daemon was there. */
void store_heard(struct gateway *g, struct event *ev)
{
	if (g->alive && ev->call.str) {
		g->told++;
		engine_told(g->lu, ev->call.seq, ev->call.str, ev->call.len);
	} else if (g->alive && ev->says.installed) {
		engine_says(g->lu, &ev->says);
	} else if (g->alive) {
		engine_news(g->lu);
	}
	event_drop(ev);
}

static int effect(struct world *w, struct gateway *g, struct event *ev)
{
	switch (ev->call.op) {
	case ENGINE_JOIN:
		return effect_join(w, g, ev->call.term);
	case ENGINE_LEAVE:
		return effect_leave(w, g);
	case ENGINE_ACK:
		return effect_ack(w, g, ev->call.term, ev->call.seq,
				  ev->call.ended);
	case ENGINE_LOAD:
		return effect_load(w, &ev->reply);
	case ENGINE_SWAP:
		return effect_swap(w, g, &ev->call);
	case ENGINE_MARK_LOST:
		return effect_mark_lost(w, &ev->call);
	case ENGINE_MEMBERS:
		return effect_members(w, &ev->reply);
	default:
		return effect_announce(w, g, ev);
	}
}

static enum swap_mode swap_mode(struct world *w, struct gateway *g)
{
	if (world_chance(w, 10))
		return (enum swap_mode)(1 + world_draw(w, 3));
	return g->swap_mode;
}

static void reply_later(struct world *w, struct gateway *g, struct event *ev)
{
	struct event *re;

	/* No place for the result of one whose reply was given before. */
	if (ev->late) {
		event_drop(ev);
		return;
	}
	free((char *)ev->call.str);
	re = event_add(w, g, EV_REPLY, world_latency(w) + g->slow[ev->call.op]);
	re->epoch = ev->epoch;
	re->reply = ev->reply;
}

/* A swap with an unclear end: some of them still happen. */
static void effect_unclear(struct world *w, struct gateway *g, struct event *ev,
			   enum swap_mode mode)
{
	if (mode == SWAP_UNCLEAR_STORED) {
		effect_swap(w, g, &ev->call);
	} else if (mode == SWAP_UNCLEAR_LATE) {
		struct event *late = event_add(w, g, EV_EFFECT, LATE_MS);

		late->late = true;
		late->call = ev->call;
		ev->call.str = NULL;
	}
	ev->reply.rc = -EINPROGRESS;
	reply_later(w, g, ev);
}

void store_effect(struct world *w, struct gateway *g, struct event *ev)
{
	enum swap_mode mode = SWAP_GOOD;

	/* What a dead daemon had begun may or may not happen. */
	if (ev->epoch != g->epoch && ev->call.op != ENGINE_SWAP) {
		event_drop(ev);
		return;
	}
	if (ev->call.op == ENGINE_SWAP && !ev->late)
		mode = swap_mode(w, g);
	if (mode != SWAP_GOOD) {
		effect_unclear(w, g, ev, mode);
		return;
	}
	if (g->fail[ev->call.op] && !ev->late)
		ev->reply.rc = g->fail[ev->call.op];
	else if (!ev->late && world_fails(w, g))
		ev->reply.rc = -EIO;
	else
		ev->reply.rc = effect(w, g, ev);
	reply_later(w, g, ev);
}
