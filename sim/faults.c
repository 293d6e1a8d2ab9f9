// SPDX-License-Identifier: GPL-2.0-only
/* What breaks, and how it is mended. */
#include "sim.h"

enum {
	LEAVE_TRIES = 100,
};

static void boot(struct gw *g, void *unused)
{
	(void)unused;
	if (!g->powered)
		gw_power_on(g);
}

void gw_power_on(struct gw *g)
{
	int i;

	g->powered = true;
	g->leaving = 0;
	g->boot++;
	g->paused_until = 0;
	g->stopped_until = 0;
	kernel_init(g);
	for (i = 0; i < g->s->plan->initiators; i++)
		g->sessions[i]++;
	memset(g->gconf.boot, 0, sizeof(g->gconf.boot));
	g->gconf.boot[0] = (uint8_t)(g->index + 1);
	g->gconf.boot[1] = (uint8_t)g->boot;
	trace(g, "has power, boot %u", g->boot);
	event_add(g, DOM_KERNEL, 10 * MS + draw(&g->s->rng, 200 * MS),
		  daemon_start, NULL);
}

/*
 * What the machine had sent to the disk lands soon, or never; by the time that
 * a fence command tells that its power is off, all that has landed that will.
 */
void gw_power_off(struct gw *g, bool fenced)
{
	struct kernel *k = &g->k;
	int i;

	if (!g->powered)
		return;
	trace(g, "has no power any more");
	if (g->alive)
		daemon_kill(g);
	store_calls_end(g, true);
	for (i = 0; i < k->num_flying; i++)
		if (draw(&g->s->rng, 2))
			event_add(g, DOM_NET,
				  fenced ? 0 : draw(&g->s->rng, 5 * MS),
				  op_landed, k->flying[i]);
	g->powered = false;
	kernel_free(g);
	kernel_init(g);
}

void gw_boot_later(struct gw *g, u64 delay)
{
	event_add(g, DOM_NET, delay, boot, NULL);
}

static void crash(struct gw *g, const struct plan_fault *f)
{
	gw_power_off(g, false);
	if (f->length != NEVER)
		event_add(g, DOM_NET, f->length, boot, NULL);
}

void gw_shut_down(struct gw *g, void *unused)
{
	(void)unused;
	gw_power_off(g, false);
	event_add_at(g, DOM_NET, g->back_at, boot, NULL);
}

/* The device goes when what it has under way has ended, then the power. */
static void leave(struct gw *g, void *unused)
{
	(void)unused;
	if (!g->alive || !g->k.connected || !--g->leaving) {
		g->leaving = 0;
		return;
	}
	if (!kernel_detach(g)) {
		event_add(g, DOM_KERNEL, 5 * MS, leave, NULL);
		return;
	}
	trace(g, "serves the device no more");
	event_add(g, DOM_DAEMON, 0, daemon_removed, NULL);
	/* Whether it could leave or not. */
	event_add(g, DOM_KERNEL, 2 * SEC, gw_shut_down, NULL);
}

static void begin_leave(struct gw *g, const struct plan_fault *f)
{
	if (g->leaving || !g->powered)
		return;
	g->leaving = LEAVE_TRIES;
	g->back_at = f->length == NEVER ? NEVER : g->s->now + f->length;
	leave(g, NULL);
}

static void kill_daemon(struct gw *g, const struct plan_fault *f)
{
	u64 length = f->length;

	if (!g->alive)
		return;
	trace(g, "daemon killed");
	daemon_kill(g);
	store_calls_end(g, false);
	g->stopped_until = 0;
	event_add(g, DOM_KERNEL, length, daemon_start, NULL);
}

static void later(u64 *until, u64 than)
{
	if (than > *until)
		*until = than;
}

static void strike(struct gw *g, const struct plan_fault *f)
{
	u64 until = f->length == NEVER ? g->s->plan->calm_at
				       : g->s->now + f->length;
	int i;

	trace(g, "FAULT %s", fault_name(f->kind));
	switch ((enum fault_kind)f->kind) {
	case FAULT_CRASH:
		crash(g, f);
		return;
	case FAULT_PAUSE:
		later(&g->paused_until, until);
		return;
	case FAULT_STOP:
		later(&g->stopped_until, until);
		return;
	case FAULT_KILL:
		kill_daemon(g, f);
		return;
	case FAULT_CUT:
		later(&g->cut_until, until);
		return;
	case FAULT_FAIL:
		later(&g->fail_until, until);
		return;
	case FAULT_SLOW:
		later(&g->slow_until, until);
		return;
	case FAULT_DEAF:
		later(&g->deaf_until, until);
		return;
	case FAULT_DROP:
		for (i = 0; i < g->s->plan->initiators; i++)
			g->sessions[i]++;
		return;
	case FAULT_STUCK:
		later(&g->stuck_until, until);
		return;
	case FAULT_LEAVE:
		begin_leave(g, f);
		return;
	case FAULT_JUMP:
		g->jumped_us += f->length;
		daemon_jumped(g);
		return;
	case FAULT_COUNT:
		return;
	}
}

static void fault(struct gw *g, void *arg)
{
	const struct plan_fault *f = arg;
	struct sim *s = g->s;
	int i;

	for (i = 0; i < s->plan->gateways; i++)
		if (f->gw == GW_ALL || f->gw == i)
			strike(&s->gws[i], f);
}

void faults_begin(struct sim *s)
{
	const struct plan *p = s->plan;
	int i;

	for (i = 0; i < p->gateways; i++)
		event_add(&s->gws[i], DOM_NET, p->start_us[i], boot, NULL);
	for (i = 0; i < p->num_faults; i++)
		event_add(&s->gws[0], DOM_NET, p->faults[i].at, fault,
			  (void *)&p->faults[i]);
}
