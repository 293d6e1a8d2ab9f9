// SPDX-License-Identifier: GPL-2.0-only
/* A daemon: the real engine and gateways.c, between its kernel and the store. */
#include "sim.h"

#include <assert.h>
#include <stdlib.h>

/* Messages between daemon and kernel arrive in order. */

struct msg {
	u64 a, b;
	int status;
	const char *str;
	size_t len;
};

static void up(struct gw *g, event_fn fn, struct msg msg)
{
	u64 at = g->s->now + 10 + draw(&g->s->rng, 100);

	if (!g->k.connected)
		return;
	if (at < g->up_at)
		at = g->up_at;
	g->up_at = at;
	event_add_at(g, DOM_DAEMON, at, fn, mem_copy(&msg, sizeof(msg)));
}

static void down(struct gw *g, event_fn fn, const void *msg, size_t size)
{
	u64 at = g->s->now + 10 + draw(&g->s->rng, 100);

	if (at < g->down_at)
		at = g->down_at;
	g->down_at = at;
	event_add_at(g, DOM_KERNEL, at, fn, mem_copy(msg, size));
}

/* From the kernel */

static void on_get(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	engine_get(g->lu, m->a);
	daemon_tell(g);
}

static void on_set(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	engine_set(g->lu, m->a, m->b, m->str, m->len);
	daemon_tell(g);
}

static void on_push_done(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	engine_push_done(g->lu, m->a, m->status);
	daemon_tell(g);
}

static void on_settle(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	engine_settle(g->lu, m->a);
	daemon_tell(g);
}

static void on_lease_done(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	g->lease_asked--;
	gateways_lease_done(g->gws, m->status);
	daemon_tell(g);
}

void up_get(struct gw *g, u64 cookie)
{
	up(g, on_get, (struct msg){.a = cookie});
}

void up_set(struct gw *g, u64 cookie, u64 expected, const char *str,
	    size_t len)
{
	up(g, on_set, (struct msg){.a = cookie, .b = expected,
				   .str = mem_copy(str, len), .len = len});
}

void up_push_done(struct gw *g, u64 seq, int status)
{
	up(g, on_push_done, (struct msg){.a = seq, .status = status});
}

void up_settle(struct gw *g, u64 seq)
{
	up(g, on_settle, (struct msg){.a = seq});
}

static void on_quiet(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	gateways_quiet(g->gws, m->a);
	daemon_tell(g);
}

void up_quiet(struct gw *g, u64 term)
{
	/* Else nobody wants to know; and so the other mixes' seeds stay. */
	if (g->s->plan->cut)
		up(g, on_quiet, (struct msg){.a = term});
}

void up_lease_done(struct gw *g, int status)
{
	up(g, on_lease_done, (struct msg){.status = status});
}

/* Actions of the engine */

static void at_push(struct gw *g, void *arg)
{
	kernel_push(g, arg);
}

static void at_get_done(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	kernel_get_done(g, m->a, m->status, m->str, m->len);
}

static void at_set_done(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	kernel_set_done(g, m->a, m->status);
}

static uint64_t op_now(void *arg)
{
	return clock_ns(arg) / 1000000;
}

static void lu_timer(struct gw *g, void *arg)
{
	if (g->lu_timer != *(const u64 *)arg)
		return;
	g->lu_timer = NEVER;
	engine_timer(g->lu);
	daemon_tell(g);
}

/* The event knows which one it is by its time. */
static void timer_set(struct gw *g, u64 *timer, uint64_t at, event_fn fn)
{
	*timer = at == ENGINE_NEVER ? NEVER : clock_when(g, at);
	if (*timer != NEVER)
		event_add_at(g, DOM_DAEMON, *timer, fn,
			     mem_copy(timer, sizeof(*timer)));
}

static void op_timer(void *arg, uint64_t at)
{
	struct gw *g = arg;

	timer_set(g, &g->lu_timer, at, lu_timer);
}

static void op_store(void *arg, const struct engine_call *call)
{
	store_engine(arg, call);
}

static void op_push(void *arg, uint64_t seq, bool settled, const char *str,
		    size_t len)
{
	struct push push = {.seq = seq, .settled = settled, .len = len};
	struct gw *g = arg;

	if (str)
		check_push(g, seq, str, len);
	push.str = str ? mem_copy(str, len) : NULL;
	down(arg, at_push, &push, sizeof(push));
	if (bug(BUG_STALE_NEWS) && str)
		event_add(g, DOM_KERNEL, draw(&g->s->rng, 300 * MS), at_push,
			  mem_copy(&push, sizeof(push)));
}

static void op_invalidate(void *arg, int status)
{
	struct push push = {.invalidate = status};

	trace(arg, "kernel is told to refuse: %s", strerror(status));
	down(arg, at_push, &push, sizeof(push));
}

static void op_get_done(void *arg, uint64_t cookie, int status, uint64_t seq,
			const char *str, size_t len)
{
	struct msg m = {.a = cookie, .b = seq, .status = status, .len = len};

	m.str = str ? mem_copy(str, len) : NULL;
	down(arg, at_get_done, &m, sizeof(m));
}

static void op_set_done(void *arg, uint64_t cookie, int status)
{
	struct msg m = {.a = cookie, .status = status};

	if (status)
		trace(arg, "set done: %s", strerror(status));
	down(arg, at_set_done, &m, sizeof(m));
}

static void op_repair_done(void *arg, int status, uint64_t seq)
{
	(void)arg;
	(void)status;
	(void)seq;
}

static void op_gone(void *arg)
{
	trace(arg, "has left");
	event_add(arg, DOM_KERNEL, 10 * MS, gw_shut_down, NULL);
}

static void op_log(void *arg, enum engine_level level, uint64_t seq,
		   const char *text)
{
	static const char *const words[] = {"ERROR", "warning", "info", "debug"};

	trace(arg, "engine %s: %llu: %s", words[level], (u64)seq, text);
}

static const struct engine_ops lu_ops = {
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

/* Actions of gateways.c */

static void gws_timer(struct gw *g, void *arg)
{
	if (g->gws_timer != *(const u64 *)arg)
		return;
	g->gws_timer = NEVER;
	gateways_timer(g->gws);
	daemon_tell(g);
}

static void gw_timer(void *arg, uint64_t at)
{
	struct gw *g = arg;

	timer_set(g, &g->gws_timer, at, gws_timer);
}

static void gw_store(void *arg, const struct gateways_call *call)
{
	store_gateways(arg, call);
}

static void gw_lease(void *arg, uint64_t term, uint64_t until_ms)
{
	struct gw *g = arg;
	struct push push = {.lease_term = term,
			    .lease_until = until_ms * 1000000};

	g->lease_asked++;
	down(g, at_push, &push, sizeof(push));
}

static void gw_term(void *arg, uint64_t term)
{
	struct gw *g = arg;

	trace(g, "term %llu", (u64)term);
	g->term_news = true;
}

static void gw_lives(void *arg)
{
	((struct gw *)arg)->lives_news = true;
}

struct fence {
	char gateway[STORE_GATEWAY_MAX + 1];
	u64 term;
	int status;
};

static void fence_told(struct gw *g, void *arg)
{
	const struct fence *f = arg;

	gateways_fenced(g->gws, f->gateway, f->term, f->status);
	daemon_tell(g);
}

/* The command switches the power of the machine off: nothing lands any more. */
static void fence_acts(struct gw *g, void *arg)
{
	struct fence *f = arg;
	struct sim *s = g->s;
	int i;

	f->status = s->plan->fence_works ? 0 : EIO;
	trace(g, "fence command for %s, term %llu: %s", f->gateway, f->term,
	      f->status ? "failed" : "power is off");
	for (i = 0; !f->status && i < s->plan->gateways; i++) {
		struct gw *other = &s->gws[i];

		if (strcmp(other->name, f->gateway))
			continue;
		if (other->powered) {
			gw_power_off(other, true);
			gw_boot_later(other, 500 * MS + draw(&s->rng, 10 * SEC));
		}
		other->fenced_at = s->now;
	}
	event_add(g, DOM_DAEMON, 1 + draw(&s->rng, MS), fence_told, f);
}

/* Whatever has become of who had it done. */
static void cut_effect(struct gw *g, void *arg)
{
	const struct fence *f = arg;
	struct gw *other = gw_find(g->s, f->gateway);

	trace(other, "is cut off, because of term %llu", f->term);
	other->cut = true;
}

static void cut_acts(struct gw *g, void *arg)
{
	struct fence *f = arg;
	struct sim *s = g->s;
	u64 time = draw(&s->rng, 200 * MS);

	f->status = !s->calm && !draw(&s->rng, 4) ? EIO : 0;
	if (g->cut)
		f->status = ESHUTDOWN;
	/* One that failed may have been done all the same. */
	if (!g->cut && (!f->status || draw(&s->rng, 2)))
		event_add(g, DOM_NET, time, cut_effect, f);
	event_add(g, DOM_DAEMON, time + 1, fence_told, f);
}

static void gw_fence(void *arg, const char *gateway, uint64_t term)
{
	struct fence f = {.term = term};
	struct gw *g = arg;

	snprintf(f.gateway, sizeof(f.gateway), "%s", gateway);
	event_add(g, DOM_DAEMON, 10 * MS + draw(&g->s->rng, 500 * MS),
		  g->s->plan->cut ? cut_acts : fence_acts,
		  mem_copy(&f, sizeof(f)));
}

static void lift_told(struct gw *g, void *arg)
{
	(void)arg;
	gateways_lifted(g->gws, 0);
	daemon_tell(g);
}

static void lift_effect(struct gw *g, void *arg)
{
	trace(g, "is not cut off any more");
	g->cut = false;
	event_add(g, DOM_DAEMON, draw(&g->s->rng, 20 * MS), lift_told, arg);
}

static void gw_lift(void *arg, uint64_t term)
{
	struct gw *g = arg;

	trace(g, "lifts, in term %llu", (u64)term);
	event_add(g, DOM_DAEMON, draw(&g->s->rng, 20 * MS), lift_effect, NULL);
}

static void gw_log(void *arg, int level, const char *text)
{
	trace(arg, "gateways %d: %s", level, text);
}

static const struct gateways_ops gws_ops = {
	.now = op_now,
	.timer = gw_timer,
	.store = gw_store,
	.lease = gw_lease,
	.term = gw_term,
	.lives = gw_lives,
	.fence = gw_fence,
	.lift = gw_lift,
	.log = gw_log,
};

/* Life */

/* No action may call back, so what they said is told when they are done. */
void daemon_tell(struct gw *g)
{
	while (g->alive && g->lu && (g->term_news || g->lives_news)) {
		bool term = g->term_news;

		g->term_news = false;
		g->lives_news = false;
		if (term)
			engine_term(g->lu);
		else
			engine_lives(g->lu);
	}
}

/* Who waits for a time finds that it is over. */
void daemon_jumped(struct gw *g)
{
	if (g->lu_timer != NEVER) {
		g->lu_timer = g->s->now;
		event_add(g, DOM_DAEMON, 0, lu_timer,
			  mem_copy(&g->lu_timer, sizeof(g->lu_timer)));
	}
	if (g->gws_timer != NEVER) {
		g->gws_timer = g->s->now;
		event_add(g, DOM_DAEMON, 0, gws_timer,
			  mem_copy(&g->gws_timer, sizeof(g->gws_timer)));
	}
}

static void on_welcome(struct gw *g, void *arg)
{
	const struct msg *m = arg;

	gateways_connected(g->gws, m->a);
	daemon_tell(g);
}

static void on_device(struct gw *g, void *arg)
{
	const struct msg *m = arg;
	int rc = engine_added(g->lu, IDENTITY, m->a);

	assert(!rc);
	daemon_tell(g);
}

void daemon_removed(struct gw *g, void *unused)
{
	(void)unused;
	engine_removed(g->lu);
	daemon_tell(g);
}

/* The kernel has the daemon's HELLO. */
static void at_hello(struct gw *g, void *life)
{
	struct kernel *k = &g->k;
	u64 soon = clock_ns(g) + (u64)g->gconf.lease_ms * 1000000;

	if (!g->alive || *(u32 *)life != g->life)
		return;
	k->connected = true;
	if (k->until_ns > soon)
		k->until_ns = soon;
	up(g, on_welcome, (struct msg){.a = k->term});
	up(g, on_device, (struct msg){.a = k->newest ? k->newest->seq : 0});
	if (k->quiet && k->quiet == k->term)
		up_quiet(g, k->quiet);
}

void daemon_start(struct gw *g, void *unused)
{
	const struct plan *p = g->s->plan;

	(void)unused;
	if (g->alive)
		return;
	store_open(g);
	g->alive = true;
	g->life++;
	g->conf.gateway = g->name;
	g->conf.incarnation = (uint64_t)(g->index + 1) * 1000 + g->life;
	g->conf.carries = p->carries;
	g->conf.member_timeout_ms = p->lease_ms + p->margin_ms + 3000;
	g->gconf.gateway = g->name;
	g->gconf.incarnation = g->conf.incarnation;
	g->gconf.lease_ms = p->lease_ms;
	g->gconf.margin_ms = bug(BUG_MARGIN_ZERO) ? 0 : p->margin_ms;
	g->gconf.beat_ms = p->beat_ms;
	g->gconf.can_fence = p->can_fence || p->cut;
	g->gconf.fence_always = p->cut;
	g->gconf.can_lift = p->cut;
	g->lu_timer = NEVER;
	g->gws_timer = NEVER;
	g->up_at = 0;
	g->last_beat_known = false;
	trace(g, "daemon starts, incarnation %llu", (u64)g->conf.incarnation);
	g->gws = gateways_new(&gws_ops, g, &g->gconf);
	g->conf.gateways = g->gws;
	g->lu = engine_new(&lu_ops, g, &g->conf);
	down(g, at_hello, &g->life, sizeof(g->life));
}

void daemon_kill(struct gw *g)
{
	g->alive = false;
	g->life++;
	g->term_news = false;
	g->lives_news = false;
	engine_free(g->lu);
	gateways_free(g->gws);
	g->lu = NULL;
	g->gws = NULL;
	if (!g->k.connected)
		return;
	g->k.connected = false;
	if (g->powered)
		kernel_daemon_gone(g);
}

bool daemon_ready(struct gw *g, const char **why)
{
	static char text[512];
	struct engine_status status;
	struct gateways_status gs;

	*why = text;
	if (!g->alive) {
		snprintf(text, sizeof(text), "no daemon");
		return false;
	}
	engine_status(g->lu, &status);
	gateways_status(g->gws, &gs);
	snprintf(text, sizeof(text),
		 "engine state %d, seq %llu, installed %llu, settled %llu, reason \"%s\"; term %llu, reason \"%s\"; kernel %s lease, %s",
		 (int)status.state, (u64)status.seq, (u64)status.installed,
		 (u64)status.settled, status.reason, (u64)gs.term,
		 gs.reason ? gs.reason : "", lease_valid(g) ? "has a" : "no",
		 g->k.settled && !g->k.error ? "settled" : "not settled");
	return status.state == ENGINE_READY && lease_valid(g) &&
	       g->k.settled && !g->k.error;
}
