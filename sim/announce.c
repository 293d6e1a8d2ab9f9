// SPDX-License-Identifier: GPL-2.0-only
/*
 * Announcements: that there is news, what a gateway says of itself, and the
 * newest version.  They get lost, come twice, late and in another order.
 *
 * A version may come later still: after a lease, to a daemon that began since,
 * or just when a gateway has joined again and not loaded yet; and instead of it
 * the word that there is news, as of one that is too long.  All that has a
 * random number generator of its own, so that a history without versions in its
 * announcements is what it was.
 */
#include "sim.h"

#include <assert.h>
#include <stdlib.h>

/* What store.h asks of who announces. */
void announce_check(struct gw *g, const struct engine_call *call)
{
	const struct store *st = &g->s->store;
	const struct version *v = &st->versions[call->seq];

	if ((call->str || call->seq) && !g->s->plan->carries)
		violation(g->s, SIM_UNSAFE,
			  "%s announces more than news, which is not carried",
			  g->name);
	if (!call->str)
		return;
	if (!call->seq || call->seq > st->newest)
		violation(g->s, SIM_UNSAFE,
			  "%s announces version %llu, which is not stored",
			  g->name, (u64)call->seq);
	else if (!v->info || v->info->seq != call->seq || v->len != call->len ||
		 memcmp(v->str, call->str, v->len))
		violation(g->s, SIM_UNSAFE,
			  "%s announces another version %llu than is stored",
			  g->name, (u64)call->seq);
}

static void news(struct gw *g, void *unused)
{
	(void)unused;
	engine_news(g->lu);
	daemon_tell(g);
}

/* Where it began, and what it says. */
static void says(struct gw *g, void *arg)
{
	const struct store_member *m = arg;
	u64 *said = &g->s->store.said[gw_find(g->s, m->gateway)->index];

	if (m->installed > *said)
		*said = m->installed;
	engine_says(g->lu, m);
	daemon_tell(g);
}

static void effect_says(struct gw *g, struct gw *to, const struct call *c)
{
	struct store_member m = {
		.incarnation = (uint64_t)(g->index + 1) * 1000 + c->life,
		.term = c->e.term,
		.installed = c->e.seq,
		.ended = c->e.ended,
	};

	strcpy(m.gateway, g->name);
	event_add(to, DOM_DAEMON, some_time(g->s, g->s->plan->news_us), says,
		  mem_copy(&m, sizeof(m)));
}

/* The string is there during the call only. */
static void told(struct gw *g, void *arg)
{
	const struct version *v = arg;
	char *str = malloc(v->len);

	assert(str);
	memcpy(str, v->str, v->len);
	trace(g, "is told of version %llu", (u64)v->info->seq);
	engine_told(g->lu, v->info->seq, str, v->len);
	memset(str, 0xff, v->len);
	free(str);
	daemon_tell(g);
}

/* At its machine: for whatever daemon runs there now. */
static void told_late(struct gw *g, void *arg)
{
	if (g->alive)
		event_add(g, DOM_DAEMON, 0, told, arg);
}

static bool told_chance(struct sim *s, u64 permille)
{
	return !s->calm && chance(&s->told_rng, permille);
}

/* A version that was stored stays, so that is what is on its way. */
static void effect_told(struct gw *to, u64 seq)
{
	struct sim *s = to->s;
	const struct noise *n = &s->plan->noise;
	u64 delay = some_time(s, s->plan->news_us), lease;
	struct version *v = &s->store.versions[seq];

	lease = (u64)s->plan->lease_ms * MS;
	if (told_chance(s, n->told_plain))
		event_add(to, DOM_DAEMON, delay, news, NULL);
	else if (told_chance(s, n->told_late))
		event_add(to, DOM_NET,
			  draw(&s->told_rng,
			       draw(&s->told_rng, 3) ? lease / 8 : lease * 3),
			  told_late, v);
	else
		event_add(to, DOM_DAEMON, delay, told, v);
}

/* @g has joined: some of what it was not told before. */
void announce_again(struct gw *g)
{
	struct sim *s = g->s;
	u32 i, n = g->num_held < HELD_MAX ? g->num_held : HELD_MAX;

	for (i = 0; i < n; i++)
		if (told_chance(s, 800))
			event_add(g, DOM_NET,
				  draw(&s->told_rng, 3ull * s->plan->store_us),
				  told_late, &s->store.versions[g->held[i]]);
}

int effect_announce(struct gw *g, const struct call *c)
{
	struct gw *to = gw_find(g->s, c->target);
	const struct noise *n = &g->s->plan->noise;
	struct sim *s = g->s;
	int copies = 1;

	if (to && c->e.str && told_chance(s, n->told_held)) {
		to->held[to->num_held++ % HELD_MAX] = c->e.seq;
		return 0;
	}
	if (!to || !to->alive || to->deaf_until > s->now ||
	    to->cut_until > s->now)
		return 0;
	if (!s->calm) {
		copies -= chance(&s->rng, n->news_lost);
		copies += chance(&s->rng, n->news_twice);
	}
	for (; copies > 0; copies--)
		if (c->e.str)
			effect_told(to, c->e.seq);
		else if (c->e.seq)
			effect_says(g, to, c);
		else
			event_add(to, DOM_DAEMON,
				  some_time(s, s->plan->news_us), news, NULL);
	return 0;
}
