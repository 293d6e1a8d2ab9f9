// SPDX-License-Identifier: GPL-2.0-only
/* Time, events, memory; and the run of one history. */
#include "sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

/* Memory: one piece after another, all given back at once. */

enum {
	FINAL_TRIES = 5,
	CHUNK = 1 << 20,
	CHUNKS = 512,
};

static struct {
	char *chunk[CHUNKS];
	size_t at;
	int n;
} arena;

void *mem_get(size_t size)
{
	void *p;

	size = (size + 15) & ~(size_t)15;
	assert(size <= CHUNK);
	if (arena.at + size > CHUNK) {
		arena.n++;
		arena.at = 0;
	}
	assert(arena.n < CHUNKS);
	if (!arena.chunk[arena.n])
		arena.chunk[arena.n] = malloc(CHUNK);
	p = arena.chunk[arena.n] + arena.at;
	arena.at += size;
	return memset(p, 0, size);
}

void *mem_copy(const void *from, size_t size)
{
	return memcpy(mem_get(size ? size : 1), from, size);
}

/* Clocks: true time in us times the rate, from a start of its own. */

static u64 local_us(const struct gw *g)
{
	const struct plan *p = g->s->plan;
	s64 drift = (s64)g->s->now * p->drift_ppm[g->index] / 1000000;

	return p->clock_us[g->index] + g->jumped_us + g->s->now + (u64)drift;
}

u64 clock_ns(const struct gw *g)
{
	return local_us(g) * 1000;
}

u64 clock_when(const struct gw *g, u64 local_ms)
{
	u64 have = local_us(g), rate;

	if (local_ms >= NEVER / 1000)
		return NEVER;
	if (local_ms * 1000 <= have)
		return g->s->now;
	rate = (u64)(1000000 + g->s->plan->drift_ppm[g->index]);
	return g->s->now + (local_ms * 1000 - have) * 1000000 / rate + 2;
}

u64 some_time(struct sim *s, u64 usual)
{
	u64 most = usual ? usual : 1;

	if (chance(&s->rng, 30))
		most *= 10;
	return most / 4 + draw(&s->rng, most);
}

/* What people see. */

void trace(struct gw *g, const char *fmt, ...)
{
	struct sim *s = g->s;
	va_list ap;

	if (!s->trace)
		return;
	fprintf(s->trace, "%10.3f %-5s ", (double)s->now / 1e6, g->name);
	va_start(ap, fmt);
	vfprintf(s->trace, fmt, ap);
	va_end(ap);
	fputc('\n', s->trace);
}

void violation(struct sim *s, enum verdict verdict, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->verdict != SIM_PASS)
		return;
	s->verdict = verdict;
	n = snprintf(s->why, sizeof(s->why), "at %.3f s: ", (double)s->now / 1e6);
	va_start(ap, fmt);
	vsnprintf(s->why + n, sizeof(s->why) - (size_t)n, fmt, ap);
	va_end(ap);
	if (s->trace)
		fprintf(s->trace, "%10.3f WRONG %s\n", (double)s->now / 1e6,
			s->why);
}

/* Events: a binary heap by time, then by age. */

static bool before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

static void heap_put(struct sim *s, struct event ev)
{
	size_t i = s->events++;

	if (s->events > s->room) {
		s->room = s->room ? s->room * 2 : 1024;
		s->heap = realloc(s->heap, s->room * sizeof(*s->heap));
	}
	while (i && before(&ev, &s->heap[(i - 1) / 2])) {
		s->heap[i] = s->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	s->heap[i] = ev;
}

static struct event heap_take(struct sim *s)
{
	struct event top = s->heap[0], last = s->heap[--s->events];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < s->events) {
		if (child + 1 < s->events &&
		    before(&s->heap[child + 1], &s->heap[child]))
			child++;
		if (!before(&s->heap[child], &last))
			break;
		s->heap[i] = s->heap[child];
		i = child;
	}
	s->heap[i] = last;
	return top;
}

void event_add_at(struct gw *g, enum domain domain, u64 at, event_fn fn,
		  void *arg)
{
	struct sim *s = g->s;
	struct event ev = {
		.at = at > s->now ? at : s->now,
		.order = s->order++,
		.fn = fn,
		.g = g,
		.arg = arg,
		.life = domain == DOM_KERNEL ? g->boot : g->life,
		.domain = (u8)domain,
	};

	if (at != NEVER)
		heap_put(s, ev);
}

void event_add(struct gw *g, enum domain domain, u64 delay, event_fn fn,
	       void *arg)
{
	event_add_at(g, domain, g->s->now + delay, fn, arg);
}

/* Is what the event belongs to still there? */
static bool still_there(const struct event *ev)
{
	const struct gw *g = ev->g;

	switch (ev->domain) {
	case DOM_KERNEL:
		return g->powered && ev->life == g->boot;
	case DOM_DAEMON:
		return g->alive && ev->life == g->life;
	default:
		return true;
	}
}

/* Until when it has to wait; 0: it can happen. */
static u64 waits(const struct event *ev)
{
	const struct gw *g = ev->g;
	u64 until = 0;

	if (ev->domain == DOM_NET)
		return 0;
	if (g->paused_until > g->s->now)
		until = g->paused_until;
	if (ev->domain != DOM_KERNEL && g->stopped_until > g->s->now &&
	    g->stopped_until > until && ev->life == g->life)
		until = g->stopped_until;
	return until;
}

static void event_run(struct sim *s, struct event *ev)
{
	u64 until;

	if (!still_there(ev))
		return;
	until = waits(ev);
	if (until) {
		ev->at = until;
		ev->order = s->order++;
		heap_put(s, *ev);
		return;
	}
	ev->fn(ev->g, ev->arg);
}

static void run_until(struct sim *s, u64 until)
{
	while (s->events && s->heap[0].at <= until &&
	       s->verdict == SIM_PASS) {
		struct event ev = heap_take(s);

		if (++s->steps > IDLE_EVENTS_MAX)
			violation(s, SIM_STUCK, "it does not come to an end");
		s->now = ev.at;
		event_run(s, &ev);
	}
	if (s->verdict == SIM_PASS)
		s->now = until;
}

/* The end: is all well again? */

static u64 live_bound(const struct plan *p)
{
	/* An eviction, a rejoin, what has to be told to all; twice. */
	return ((u64)(p->lease_ms + p->margin_ms) * 6 + 20000) * MS;
}

static const char *not_ready(struct sim *s, int *who)
{
	const char *why;
	int i;

	for (i = 0; i < s->plan->gateways; i++) {
		*who = i;
		if (s->gws[i].powered && !daemon_ready(&s->gws[i], &why))
			return why;
	}
	return NULL;
}

static bool idle(const struct sim *s)
{
	int i;

	for (i = 0; i < s->num_ops; i++) {
		const struct op *op = &s->ops[i];

		if (!op->answered && s->gws[op->gw].boot == op->boot &&
		    s->gws[op->gw].powered && session_lives(&s->gws[op->gw], op))
			return false;
	}
	return true;
}

static void wait_ready(struct sim *s)
{
	u64 end = s->now + live_bound(s->plan), began = s->now;
	const char *why = NULL;
	int who = 0;

	while (s->now < end && s->verdict == SIM_PASS) {
		why = not_ready(s, &who);
		if (!why && idle(s))
			break;
		run_until(s, s->now + 250 * MS);
	}
	if (!s->live_ms)
		s->live_ms = (s->now - began) / MS;
	if (s->verdict == SIM_PASS && why)
		violation(s, SIM_STUCK,
			  "%s is not ready %llu ms after the last fault: %s",
			  s->gws[who].name, s->live_ms, why);
}

/* False if it failed, as one may that meets the tail of a fault. */
static bool final_op(struct sim *s, const struct plan_op *p)
{
	u64 end = s->now + live_bound(s->plan);
	struct op *op = &s->ops[s->num_ops];

	/* The fence command may have come late. */
	if (!s->gws[p->gw].powered || s->num_ops == OPS_MAX)
		return true;
	op_issue(s, p);
	while (!op->answered && s->now < end && s->verdict == SIM_PASS &&
	       session_lives(&s->gws[op->gw], op))
		run_until(s, s->now + 5 * MS);
	run_until(s, s->now + 10 * MS);
	return op->answered && op->res.status != TPR_CHECK_CONDITION;
}

/* Every gateway that is alive has to do a PR OUT now, and to tell the same. */
static void final_ops(struct sim *s)
{
	static const struct plan_op ops[] = {
		{.kind = OP_PR_IN, .sa = TPR_IN_READ_KEYS, .last = true},
		{.kind = OP_PR_IN, .sa = TPR_IN_READ_RESERVATION, .last = true},
		{.kind = OP_PR_OUT, .sa = TPR_OUT_REGISTER_IGNORE, .last = true},
	};
	int i, tries;

	for (i = 0; i < s->plan->gateways * 3 && s->verdict == SIM_PASS; i++) {
		struct plan_op *p = mem_copy(&ops[i % 3], sizeof(ops[0]));

		p->gw = (u8)(i / 3);
		for (tries = 0; s->verdict == SIM_PASS && !final_op(s, p);) {
			if (++tries == FINAL_TRIES)
				violation(s, SIM_STUCK,
					  "command %d fails long after all faults",
					  s->num_ops - 1);
			else
				wait_ready(s);
		}
	}
}

enum verdict sim_run(struct sim *s)
{
	faults_begin(s);
	clients_begin(s);
	run_until(s, s->plan->calm_at);
	s->calm = true;
	wait_ready(s);
	if (s->verdict == SIM_PASS)
		final_ops(s);
	if (s->verdict == SIM_PASS)
		check_history(s);
	return s->verdict;
}

void sim_init(struct sim *s, const struct plan *plan, FILE *out)
{
	struct event *heap = s->heap;
	size_t room = s->room;
	int i;

	memset(s, 0, sizeof(*s));
	arena.n = 0;
	arena.at = 0;
	s->heap = heap;
	s->room = room;
	s->plan = plan;
	s->trace = out;
	s->rng.s = plan->seed * 0x9e3779b97f4a7c15ull + 0x51ed27;
	for (i = 0; i < 8; i++)
		draw(&s->rng, 2);
	s->told_rng.s = plan->seed * 0x9e3779b97f4a7c15ull + 0x70a1d;
	for (i = 0; i < 8; i++)
		draw(&s->told_rng, 2);
	for (i = 0; i < GW_MAX; i++) {
		struct gw *g = &s->gws[i];

		g->s = s;
		g->index = i;
		snprintf(g->name, sizeof(g->name), "gw%d", i);
		kernel_init(g);
	}
}

void sim_free(struct sim *s)
{
	u64 v;
	int i;

	for (i = 0; i < s->plan->gateways; i++) {
		struct gw *g = &s->gws[i];

		if (g->alive)
			daemon_kill(g);
		kernel_free(g);
	}
	for (v = 1; v <= s->store.newest; v++)
		free(s->store.versions[v].info);
	s->events = 0;
}
