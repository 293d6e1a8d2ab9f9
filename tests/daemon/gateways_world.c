// SPDX-License-Identifier: GPL-2.0-only
#include "gateways_world.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t op_now(void *arg)
{
	struct node *n = arg;

	return n->sky->now + n->ahead;
}

static void op_timer(void *arg, uint64_t at)
{
	struct node *n = arg;

	n->timer_at = at == GATEWAYS_NEVER ? at : at - n->ahead;
}

static struct node_call *call_add(struct node *n, uint64_t early, uint64_t slow)
{
	struct node_call *c = &n->calls[n->calls_count++];

	assert(n->calls_count < CALLS_MAX);
	memset(c, 0, sizeof(*c));
	c->epoch = n->epoch;
	c->effect_at = n->sky->now + 1 + early;
	c->reply_at = c->effect_at + 1 + slow;
	return c;
}

static void op_store(void *arg, const struct gateways_call *call)
{
	struct node *n = arg;
	struct node_call *c = call_add(n, n->early[call->op],
				       n->slow[call->op]);

	n->made[call->op]++;
	c->call = *call;
	c->reply.op = call->op;
	c->reply.id = call->id;
}

static void story(struct node *n, const char *word, uint64_t term)
{
	size_t len = strlen(n->story);

	snprintf(n->story + len, sizeof(n->story) - len, "%s%s%llu",
		 len ? " " : "", word, (unsigned long long)term);
}

static void op_lease(void *arg, uint64_t term, uint64_t until)
{
	struct node *n = arg;
	struct node_call *c;

	assert(n->connected && term);
	for (size_t i = 0; i < n->calls_count; i++)
		assert(!n->calls[i].lease || n->calls[i].epoch != n->epoch);
	c = call_add(n, n->slow_lease, n->slow_lease);
	c->lease = true;
	c->term = term;
	c->until = until;
	if (!until)
		story(n, "lease", term);
}

static void op_term(void *arg, uint64_t term)
{
	struct node *n = arg;

	assert(gateways_term(n->g) == term);
	/* Rule L2. */
	assert(!term || n->kernel_term == term);
	story(n, "term", term);
}

static void op_lives(void *arg)
{
	((struct node *)arg)->lives++;
}

static void op_fence(void *arg, const char *gateway, uint64_t term)
{
	struct node *n = arg;

	n->fences++;
	n->fence_term = term;
	snprintf(n->fence_gateway, sizeof(n->fence_gateway), "%s", gateway);
}

static void op_lift(void *arg, uint64_t term)
{
	struct node *n = arg;

	n->lifts++;
	n->lift_term = term;
}

static void op_log(void *arg, int level, const char *text)
{
	struct node *n = arg;

	if (getenv("WORLD_LOG"))
		fprintf(stderr, "%8llu %s %d %s\n",
			(unsigned long long)n->sky->now, n->name, level, text);
	if (level > 1)
		return;
	n->complaints++;
	snprintf(n->log, sizeof(n->log), "%s", text);
}

static const struct gateways_ops ops = {
	.now = op_now,
	.timer = op_timer,
	.store = op_store,
	.lease = op_lease,
	.term = op_term,
	.lives = op_lives,
	.fence = op_fence,
	.lift = op_lift,
	.log = op_log,
};

/* The store */

static struct store_gateway *entry(struct sky *sky, const char *name)
{
	for (int i = 0; i < NODES; i++)
		if (!strcmp(sky->store[i].gateway, name))
			return &sky->store[i];
	abort();
}

static int effect_beat(struct node *n, struct node_call *c)
{
	struct store_gateway *own = entry(n->sky, n->name);

	if (own->beaten && own->beat.incarnation != n->conf.incarnation &&
	    memcmp(&own->beat, &n->guard, sizeof(n->guard)))
		return -ESTALE;
	own->beaten = true;
	own->beat = c->call.beat;
	n->guard = own->beat;
	c->reply.evicted = own->evicted;
	return 0;
}

static int effect_list(struct node *n, struct node_call *c)
{
	for (int i = 0; i < NODES; i++) {
		const struct store_gateway *e = &n->sky->store[i];

		if (e->beaten)
			c->list[c->reply.count++] = *e;
		if (!strcmp(e->gateway, n->name))
			n->guard = e->beat;
	}
	return 0;
}

static uint64_t raised(uint64_t old, uint64_t term)
{
	return term > old ? term : old;
}

static int effect(struct node *n, struct node_call *c)
{
	struct store_gateway *e;

	if (n->fail[c->call.op])
		return n->fail[c->call.op];
	switch (c->call.op) {
	case GATEWAYS_BEAT:
		return effect_beat(n, c);
	case GATEWAYS_LIST:
		return effect_list(n, c);
	case GATEWAYS_EVICT:
		e = entry(n->sky, c->call.gateway);
		e->evicted = raised(e->evicted, c->call.term);
		return 0;
	case GATEWAYS_FENCE:
		e = entry(n->sky, c->call.gateway);
		e->fenced = raised(e->fenced, c->call.term);
		return 0;
	}
	return -EINVAL;
}

static void effect_lease(struct node *n, struct node_call *c)
{
	if (c->epoch != n->epoch)
		return;
	if (n->refuse) {
		n->refuse--;
		c->status = EINVAL;
		return;
	}
	assert(c->term >= n->kernel_term);
	n->kernel_term = c->term;
	n->kernel_until = c->until;
}

static void reply(struct node *n, struct node_call *c)
{
	if (!n->g)
		return;
	if (!c->lease) {
		c->reply.list = c->list;
		gateways_store_done(n->g, &c->reply);
	} else if (c->epoch == n->epoch) {
		gateways_lease_done(n->g, c->status);
	}
}

/* Time */

static void node_call_run(struct node *n, size_t at)
{
	struct node_call c = n->calls[at];

	if (!c.effected) {
		n->calls[at].effected = true;
		if (c.lease)
			effect_lease(n, &n->calls[at]);
		else
			n->calls[at].reply.rc = effect(n, &n->calls[at]);
		return;
	}
	n->calls_count--;
	memmove(&n->calls[at], &n->calls[at + 1],
		(n->calls_count - at) * sizeof(c));
	reply(n, &c);
}

/* What is due in @n at this millisecond; false: nothing. */
static bool node_step(struct node *n)
{
	uint64_t now = n->sky->now;

	if (n->frozen)
		return false;
	for (size_t i = 0; i < n->calls_count; i++) {
		const struct node_call *c = &n->calls[i];

		if ((c->effected ? c->reply_at : c->effect_at) > now)
			continue;
		node_call_run(n, i);
		return true;
	}
	if (!n->g || n->timer_at > now)
		return false;
	n->timer_at = GATEWAYS_NEVER;
	gateways_timer(n->g);
	return true;
}

/* What all is for: nobody takes for ended what can still admit a command. */
static void check(struct sky *sky)
{
	for (int i = 0; i < NODES; i++)
		for (int of = 0; of < NODES; of++)
			assert(!sky->nodes[i].g || !node_leased(sky, of) ||
			       life(sky, i, of, sky->nodes[of].kernel_term) !=
				       GATEWAYS_ENDED);
}

void sky_run(struct sky *sky, uint64_t ms)
{
	uint64_t until = sky->now + ms;

	for (; sky->now < until; sky->now++) {
		for (int i = 0; i < NODES; i++)
			for (int steps = 0; node_step(&sky->nodes[i]); steps++)
				assert(steps < 100);
		check(sky);
	}
}

void node_connect(struct sky *sky, int i)
{
	struct node *n = &sky->nodes[i];

	n->connected = true;
	n->epoch++;
	gateways_connected(n->g, n->kernel_term);
}

void node_disconnect(struct sky *sky, int i)
{
	struct node *n = &sky->nodes[i];

	n->connected = false;
	n->epoch++;
	gateways_disconnected(n->g);
}

void node_start(struct sky *sky, int i)
{
	struct node *n = &sky->nodes[i];

	n->conf.incarnation += 100;
	n->timer_at = GATEWAYS_NEVER;
	n->story[0] = '\0';
	memset(n->made, 0, sizeof(n->made));
	memset(&n->guard, 0, sizeof(n->guard));
	n->g = gateways_new(&ops, n, &n->conf);
	assert(n->g);
	node_connect(sky, i);
}

void node_die(struct sky *sky, int i)
{
	struct node *n = &sky->nodes[i];

	gateways_free(n->g);
	n->g = NULL;
	n->connected = false;
	n->calls_count = 0;
	n->epoch++;
}

void node_boot(struct sky *sky, int i)
{
	struct node *n = &sky->nodes[i];

	n->conf.boot[0]++;
	n->kernel_term = 0;
	n->kernel_until = 0;
}

bool node_leased(struct sky *sky, int i)
{
	const struct node *n = &sky->nodes[i];

	return sky->now + n->ahead < n->kernel_until;
}

enum gateways_life life(struct sky *sky, int i, int of, uint64_t term)
{
	return gateways_life(sky->nodes[i].g, sky->nodes[of].name, term);
}

void sky_init(struct sky *sky)
{
	memset(sky, 0, sizeof(*sky));
	sky->now = 1000;
	for (int i = 0; i < NODES; i++) {
		struct node *n = &sky->nodes[i];

		n->sky = sky;
		n->index = i;
		n->ahead = 1000000 * (uint64_t)i;
		snprintf(n->name, sizeof(n->name), "gw%d", i);
		snprintf(sky->store[i].gateway, sizeof(sky->store[i].gateway),
			 "gw%d", i);
		n->conf.gateway = n->name;
		n->conf.incarnation = (uint64_t)i;
		n->conf.boot[0] = (uint8_t)(50 * (i + 1));
		n->conf.lease_ms = LEASE_MS;
		n->conf.margin_ms = MARGIN_MS;
		n->conf.beat_ms = BEAT_MS;
		n->conf.can_fence = true;
	}
}

void sky_free(struct sky *sky)
{
	for (int i = 0; i < NODES; i++)
		gateways_free(sky->nodes[i].g);
}
