// SPDX-License-Identifier: GPL-2.0-only
/* What a seed stands for: who does what, and what breaks when. */
#include "sim.h"

#include <string.h>

#define BIT(kind) (1u << FAULT_##kind)

enum {
	/* But those that a mix has to name: so the others' seeds stay good. */
	ALL = (1u << FAULT_STUCK) - 1,
	PROBES_MAX = 100, /* no more of them beyond so many commands */
};

const struct mix mixes[] = {
	{"all", "any of the faults, and noise", ALL, true, true, false, true, false, false, 6},
	{"calm", "no faults, no noise", 0, false, false, false, true, false, false, 0},
	{"noise", "single calls and news go wrong", 0, true, true, false, true, false, false, 0},
	{"crash", "machines lose power", BIT(CRASH), false, false, false, false, false, false, 5},
	{"pause", "machines and daemons stand still", BIT(PAUSE) | BIT(STOP),
	 false, true, false, false, false, false, 5},
	{"lease", "gateways fall silent for about a lease, again and again",
	 BIT(PAUSE) | BIT(STOP) | BIT(CUT) | BIT(KILL) | BIT(SLOW), false, true,
	 false, false, false, false, 5},
	{"daemon", "daemons die and come back", BIT(KILL) | BIT(STOP), true,
	 false, false, false, false, false, 6},
	{"store", "the store is slow, cut off, failing",
	 BIT(CUT) | BIT(FAIL) | BIT(SLOW) | BIT(DEAF), true, true, false, false, false, false, 6},
	{"clock", "clocks run apart and jump", BIT(JUMP) | BIT(PAUSE) | BIT(CUT),
	 false, true, false, false, false, false, 4},
	{"spc2", "RESERVE and RELEASE, sessions end", BIT(DROP) | BIT(CRASH) |
	 BIT(PAUSE), true, true, false, true, false, false, 5},
	{"stuck", "disks stop answering a gateway",
	 BIT(STUCK) | BIT(PAUSE) | BIT(KILL) | BIT(CRASH), false, false, false,
	 false, false, false, 5},
	{"cut", "who is evicted is cut off from the disk, and comes back",
	 BIT(PAUSE) | BIT(STOP) | BIT(CUT) | BIT(KILL) | BIT(CRASH) | BIT(STUCK),
	 false, true, false, false, true, false, 5},
	{"told", "versions are told to gateways that were away",
	 BIT(PAUSE) | BIT(CUT) | BIT(SLOW) | BIT(DEAF) | BIT(LEAVE), false, true,
	 false, false, false, true, 4},
	{"many", "8 to 16 gateways, up to 64 initiators", ALL, true, true, true,
	 true, false, false, 8},
	{NULL, NULL, 0, false, false, false, false, false, false, 0},
};

const struct mix *mix_find(const char *name)
{
	const struct mix *mix;

	for (mix = mixes; mix->name; mix++)
		if (!strcmp(mix->name, name))
			return mix;
	return NULL;
}

const char *fault_name(enum fault_kind kind)
{
	static const char *const names[] = {
		[FAULT_CRASH] = "loses power",
		[FAULT_PAUSE] = "stands still",
		[FAULT_STOP] = "daemon stopped",
		[FAULT_KILL] = "daemon killed",
		[FAULT_CUT] = "cut off from the store",
		[FAULT_FAIL] = "store fails",
		[FAULT_SLOW] = "store slow",
		[FAULT_DEAF] = "hears no news",
		[FAULT_DROP] = "sessions end",
		[FAULT_JUMP] = "clock jumps",
		[FAULT_STUCK] = "gets no answer from the disk",
		[FAULT_LEAVE] = "is shut down",
	};

	return names[kind];
}

static int draw_gateways(struct rng *r, bool many)
{
	u64 n = draw(r, 100);

	if (many)
		return 8 + (int)draw(r, GW_MAX - 7);
	if (n < 45)
		return 2;
	if (n < 80)
		return 3;
	if (n < 92)
		return 4;
	return 5 + (int)draw(r, n < 99 ? 2 : GW_MAX - 4);
}

static int draw_initiators(struct rng *r, bool many)
{
	if (many)
		return 4 + (int)draw(r, INI_MAX - 3);
	return 1 + (int)draw(r, chance(r, 20) ? 24 : 4);
}

static void draw_clocks(struct plan *p, struct rng *r, bool drift)
{
	/* Half of what the margin allows, to each side; less some rounding. */
	s64 most = (s64)p->margin_ms * 1000000 / (2 * p->lease_ms + p->margin_ms);
	bool late = !draw(r, 6);
	int i;

	most = most * 90 / 100;
	for (i = 0; i < p->gateways; i++) {
		p->clock_us[i] = SEC + draw(r, 100000 * SEC);
		p->start_us[i] = late ? draw(r, 3 * SEC) : draw(r, 300 * MS);
		if (!drift)
			continue;
		p->drift_ppm[i] = (s64)draw(r, (u64)(2 * most)) - most;
		if (draw(r, 3))
			p->drift_ppm[i] = draw(r, 2) ? most : -most;
	}
}

static void draw_lease(struct plan *p, struct rng *r)
{
	static const u32 lease[] = {2000, 2000, 2000, 4000, 15000};
	static const u32 margin[] = {500, 500, 1000, 1000, 2000};
	u64 n = draw(r, 5);

	if (n == 4 && draw(r, 3))
		n = 0;
	p->lease_ms = lease[n];
	p->margin_ms = margin[n];
	p->beat_ms = p->lease_ms / 15;
	if (p->beat_ms < 100)
		p->beat_ms = 100;
	if (p->beat_ms > 1000)
		p->beat_ms = 1000;
	p->can_fence = draw(r, 2);
	p->fence_works = draw(r, 4);
}

static void draw_noise(struct plan *p, struct rng *r, bool noise)
{
	struct noise *n = &p->noise;

	p->store_us = 200 + (u32)draw(r, 8000);
	p->news_us = 200 + (u32)draw(r, 20000);
	p->disk_us = 200 + (u32)draw(r, draw(r, 3) ? 5000 : 400000);
	if (!noise)
		return;
	/* Each of them quite off in some histories. */
	n->news_lost = draw(r, 2) ? (u32)draw(r, 300) : 0;
	n->news_twice = draw(r, 2) ? (u32)draw(r, 200) : 0;
	n->store_fails = draw(r, 2) ? (u32)draw(r, 30) : 0;
	n->swap_unclear = draw(r, 2) ? (u32)draw(r, 300) : 0;
	n->store_slow = draw(r, 2) ? (u32)draw(r, 50) : 0;
}

/*
 * Also where single calls do not go wrong: to come late is no fault.  With
 * numbers of its own, so that the rest of the plan is what it was.
 */
static void draw_told(struct plan *p, bool often)
{
	struct rng r = {p->seed * 0x2545f4914f6cdd1dull + 0x7654321};
	struct noise *n = &p->noise;
	int i;

	for (i = 0; i < 8; i++)
		draw(&r, 2);
	n->told_late = draw(&r, 2) ? (u32)draw(&r, 400) : 0;
	n->told_held = draw(&r, 2) ? (u32)draw(&r, 400) : 0;
	n->told_plain = draw(&r, 2) ? (u32)draw(&r, 200) : 0;
	/* A string that is too long stays so. */
	if (!draw(&r, 12))
		n->told_plain = 1000;
	if (!often)
		return;
	n->told_held = 500 + (u32)draw(&r, 501);
	n->told_plain = 0;
}

/* Short, about a lease, long, or for good. */
static u64 draw_length(const struct plan *p, struct rng *r, u8 kind)
{
	u64 lease = (u64)p->lease_ms * MS;

	switch (draw(r, 9)) {
	case 8: /* to be seen again just when it is evicted */
		return lease + (u64)p->margin_ms * MS + draw(r, 300 * MS);
	case 0:
	case 1:
	case 2:
		return 5 * MS + draw(r, 500 * MS);
	case 3:
	case 4:
		return lease / 2 + draw(r, lease);
	case 5:
	case 6:
		return lease + (u64)p->margin_ms * MS + draw(r, 3 * lease);
	default:
		return kind == FAULT_CRASH ? NEVER : lease + draw(r, 2 * lease);
	}
}

static void draw_faults(struct plan *p, struct rng *r, const struct mix *mix,
			u64 span)
{
	int i, n = mix->worst ? (int)draw(r, mix->worst + 1) : 0;
	u8 count = mix->told ? FAULT_COUNT :
		   mix->faults > ALL ? FAULT_LEAVE : FAULT_STUCK;
	u32 kinds = mix->faults & (u32)draw(r, 1u << count);

	/* Some kinds fully off in each history. */
	if (!kinds)
		kinds = mix->faults;
	for (i = 0; i < n; i++) {
		struct plan_fault *f = &p->faults[p->num_faults++];

		do
			f->kind = (u8)draw(r, count);
		while (!(kinds & 1u << f->kind));
		f->gw = (u8)draw(r, (u64)p->gateways);
		if (chance(r, 80))
			f->gw = GW_ALL;
		f->at = 300 * MS + draw(r, span);
		f->length = draw_length(p, r, f->kind);
		if (mix->told)
			f->length += (u64)(p->lease_ms + p->margin_ms) * MS;
		/* One that just comes back, or is hit by both. */
		if (i && draw(r, 2) && f[-1].gw != GW_ALL &&
		    f[-1].length != NEVER) {
			f->gw = f[-1].gw;
			f->at = f[-1].at + draw(r, f[-1].length + 300 * MS);
			if (draw(r, 2))
				f->at = f[-1].at + f[-1].length - 5 * MS +
					draw(r, 50 * MS);
		}
		/* An observer notices only a jump that is much. */
		if (f->kind == FAULT_JUMP)
			f->length = (u64)p->lease_ms * MS +
				    draw(r, (u64)p->lease_ms * MS * 3);
	}
}

static const u8 types[] = {
	TPR_WRITE_EXCLUSIVE, TPR_EXCLUSIVE_ACCESS, TPR_WRITE_EXCLUSIVE_RO,
	TPR_EXCLUSIVE_ACCESS_RO, TPR_WRITE_EXCLUSIVE_AR, TPR_EXCLUSIVE_ACCESS_AR,
};

static void draw_pr_out(struct plan *p, struct rng *r, struct plan_op *op,
			u8 usual_type)
{
	static const u8 often[] = {
		TPR_OUT_REGISTER_IGNORE, TPR_OUT_REGISTER_IGNORE,
		TPR_OUT_REGISTER, TPR_OUT_RESERVE, TPR_OUT_RESERVE,
		TPR_OUT_RESERVE, TPR_OUT_RELEASE, TPR_OUT_CLEAR,
		TPR_OUT_PREEMPT, TPR_OUT_PREEMPT, TPR_OUT_PREEMPT_ABORT,
		TPR_OUT_PREEMPT_ABORT,
	};

	op->kind = OP_PR_OUT;
	op->sa = often[draw(r, ARRAY_SIZE(often))];
	op->type = usual_type;
	if (!draw(r, 5))
		op->type = types[draw(r, ARRAY_SIZE(types))];
	op->victim = (u8)draw(r, (u64)p->initiators);
	op->key = draw(r, 12) ? 0 : (u8)draw(r, 4);
	if (op->sa == TPR_OUT_REGISTER || op->sa == TPR_OUT_REGISTER_IGNORE) {
		op->flags = draw(r, 3) ? 1 : 0; /* APTPL */
		if (!draw(r, 6))
			op->flags |= 4; /* ALL_TG_PT */
		if (!draw(r, 8))
			op->key = 1; /* unregister */
	}
}

static void draw_op(struct plan *p, struct rng *r, struct plan_op *op,
		    u8 usual_type, bool spc2)
{
	static const u8 reads[] = {
		TPR_IN_READ_KEYS, TPR_IN_READ_RESERVATION,
		TPR_IN_READ_FULL_STATUS, TPR_IN_READ_RESERVATION,
	};
	u64 n = draw(r, 100);

	if (n < 30) {
		draw_pr_out(p, r, op, usual_type);
	} else if (n < 45) {
		op->kind = OP_PR_IN;
		op->sa = reads[draw(r, ARRAY_SIZE(reads))];
	} else if (n < 50 && spc2) {
		op->kind = OP_SPC2;
		op->sa = draw(r, 2) ? TPR_OP_RESERVE6 : TPR_OP_RELEASE6;
	} else {
		op->kind = n < 85 ? OP_WRITE : OP_READ;
	}
}

/* When nothing special goes on, or near to where something breaks. */
static u64 draw_time(struct plan *p, struct rng *r, u64 span)
{
	u64 at = 700 * MS + draw(r, span);

	if (p->num_faults && draw(r, 2)) {
		const struct plan_fault *f =
			&p->faults[draw(r, (u64)p->num_faults)];

		at = f->at + draw(r, (u64)p->lease_ms * 2 * MS);
		if (draw(r, 2))
			at = f->at + draw(r, 300 * MS);
		if (f->length != NEVER && !draw(r, 3))
			at = f->at + f->length + draw(r, 300 * MS);
		if (at > 100 * MS && draw(r, 2))
			at -= 100 * MS;
	}
	return at;
}

/* While a change is on its way one initiator tries everywhere what it may do. */
static void draw_probes(struct plan *p, struct rng *r, u64 at)
{
	u8 ini = (u8)draw(r, (u64)p->initiators);
	u8 kind = draw(r, 3) ? OP_WRITE : draw(r, 2) ? OP_READ : OP_PR_IN;
	u64 within = (p->store_us + p->news_us) * 6ull;
	int n = 2 + (int)draw(r, 7);

	while (n-- > 0 && p->num_ops < PROBES_MAX) {
		struct plan_op *op = &p->ops[p->num_ops++];

		op->kind = kind;
		op->sa = TPR_IN_READ_RESERVATION;
		op->ini = ini;
		op->gw = (u8)draw(r, (u64)p->gateways);
		op->at = at + draw(r, within);
	}
}

/*
 * While a gateway is away the others change what its initiators may do; those
 * have commands under way there, and try more when it is back.
 */
static void draw_absence(struct plan *p, struct rng *r,
			 const struct plan_fault *f, u8 usual_type)
{
	u8 ini = (u8)draw(r, (u64)p->initiators);
	int i, n = 1 + (int)draw(r, 4);
	struct plan_op *op;

	if (p->num_ops >= PROBES_MAX || f->gw == GW_ALL || f->length == NEVER)
		return;
	op = &p->ops[p->num_ops++];
	op->kind = OP_PR_OUT;
	op->sa = draw(r, 2) ? TPR_OUT_PREEMPT_ABORT
			    : draw(r, 2) ? TPR_OUT_PREEMPT : TPR_OUT_RESERVE;
	op->type = usual_type;
	op->victim = ini;
	op->ini = (u8)draw(r, (u64)p->initiators);
	op->gw = (u8)draw(r, (u64)p->gateways);
	op->at = f->at + draw(r, f->length);
	for (i = 0; i < n; i++) {
		op = &p->ops[p->num_ops++];
		op->kind = OP_WRITE;
		op->ini = ini;
		op->gw = f->gw;
		op->at = f->at + 10 * MS - draw(r, 20 * MS);
		if (draw(r, 2))
			op->at = f->at + f->length + draw(r, 200 * MS);
		else if (draw(r, 2)) /* about when it is evicted */
			op->at = f->at + (u64)p->lease_ms * MS +
				 draw(r, (u64)p->margin_ms * 2 * MS);
	}
}

/* All the others go, for longer than it is away. */
static void draw_leaves(struct plan *p, struct rng *r, const struct plan_fault *f)
{
	u64 ended = (u64)(p->lease_ms + p->margin_ms + 3 * p->beat_ms) * MS;
	int i;

	if (f->gw == GW_ALL || f->length == NEVER || f->length < ended)
		return;
	for (i = 0; i < p->gateways; i++) {
		struct plan_fault *leave = &p->faults[p->num_faults];

		if (i == f->gw || p->num_faults == FAULTS_MAX)
			continue;
		leave->kind = FAULT_LEAVE;
		leave->gw = (u8)i;
		leave->at = f->at + ended + draw(r, f->length - ended + MS);
		/* Mostly the last thing before it is back. */
		if (draw(r, 3) && leave->at < f->at + f->length - 300 * MS)
			leave->at = f->at + f->length - 300 * MS;
		leave->length = f->length + SEC;
		p->num_faults++;
	}
}

/* More of what it misses, one after the other, and who asks when it is back. */
static void draw_missed(struct plan *p, struct rng *r,
			const struct plan_fault *f, u8 usual_type)
{
	int n = 2 + (int)draw(r, 5), tries = 1 + (int)draw(r, 5);
	struct plan_op *op;

	if (f->gw == GW_ALL || f->length == NEVER || f->kind == FAULT_LEAVE)
		return;
	while (n-- > 0 && p->num_ops < PROBES_MAX) {
		op = &p->ops[p->num_ops++];
		draw_pr_out(p, r, op, usual_type);
		op->ini = (u8)draw(r, (u64)p->initiators);
		op->gw = (u8)draw(r, (u64)p->gateways);
		op->at = f->at + draw(r, f->length);
	}
	while (tries-- > 0 && p->num_ops < PROBES_MAX) {
		op = &p->ops[p->num_ops++];
		op->kind = draw(r, 3) ? OP_WRITE : OP_PR_IN;
		op->sa = TPR_IN_READ_RESERVATION;
		op->ini = (u8)draw(r, (u64)p->initiators);
		op->gw = f->gw;
		op->at = f->at + f->length + draw(r, 200 * MS);
	}
}

static void draw_ops(struct plan *p, struct rng *r, const struct mix *mix,
		     u64 span)
{
	int i, n = 10 + (int)draw(r, 31), registers = 1 + p->initiators + (int)draw(r, 3);
	u8 usual_type = types[draw(r, ARRAY_SIZE(types))];
	bool spc2 = mix->spc2 && !draw(r, 4);

	if (registers > 40)
		registers = 40;
	for (i = 0; i < registers; i++) {
		struct plan_op *op = &p->ops[p->num_ops++];

		op->kind = OP_PR_OUT;
		op->sa = TPR_OUT_REGISTER_IGNORE;
		op->ini = (u8)(i % p->initiators);
		op->gw = (u8)draw(r, (u64)p->gateways);
		op->flags = draw(r, 3) ? 1 : 0;
		op->at = 600 * MS + draw(r, 500 * MS);
	}
	for (i = 0; i < p->num_faults; i++)
		if (draw(r, 2))
			draw_absence(p, r, &p->faults[i], usual_type);
	for (i = 0; mix->told && i < p->num_faults; i++)
		draw_missed(p, r, &p->faults[i], usual_type);
	while (n-- > 0) {
		struct plan_op *op = &p->ops[p->num_ops++];

		draw_op(p, r, op, usual_type, spc2);
		op->ini = (u8)draw(r, (u64)p->initiators);
		op->gw = (u8)draw(r, (u64)p->gateways);
		op->at = draw_time(p, r, span);
		if (op->kind == OP_PR_OUT && !draw(r, 3))
			draw_probes(p, r, op->at);
	}
}

void plan_make(struct plan *p, u64 seed, const struct mix *mix)
{
	struct rng r = {seed * 0x2545f4914f6cdd1dull + 0x1234567};
	u64 span, end = 0;
	int i;

	memset(p, 0, sizeof(*p));
	for (i = 0; i < 8; i++)
		draw(&r, 2);
	p->seed = seed;
	p->gateways = draw_gateways(&r, mix->many);
	p->initiators = draw_initiators(&r, mix->many);
	draw_lease(p, &r);
	p->cut = mix->cut;
	p->carries = mix->told || seed % 4;
	draw_clocks(p, &r, mix->drift);
	draw_noise(p, &r, mix->noise && draw(&r, 3));
	if (p->carries && (mix->noise || mix->faults))
		draw_told(p, mix->told);
	span = SEC + draw(&r, (u64)p->lease_ms * 2 * MS);
	draw_faults(p, &r, mix, span);
	draw_ops(p, &r, mix, span);
	for (i = p->num_faults; mix->told && i > 0; i--)
		if (draw(&r, 2))
			draw_leaves(p, &r, &p->faults[i - 1]);
	for (i = 0; i < p->num_faults; i++) {
		const struct plan_fault *f = &p->faults[i];
		u64 till = f->at;

		if (f->length != NEVER && f->kind != FAULT_JUMP)
			till += f->length;
		end = till > end ? till : end;
	}
	for (i = 0; i < p->num_ops; i++)
		end = p->ops[i].at > end ? p->ops[i].at : end;
	p->calm_at = end + 100 * MS;
}

void plan_print(const struct plan *p, FILE *out)
{
	int i;

	fprintf(out, "seed %llu: %d gateways, %d initiators, lease %u ms, margin %u ms, beat %u ms, fence command %s\n",
		(u64)p->seed, p->gateways, p->initiators, p->lease_ms,
		p->margin_ms, p->beat_ms,
		p->cut ? "not run, the store cuts off" : !p->can_fence ? "none" :
		p->fence_works ? "works" : "fails");
	fprintf(out, "announcements carry acknowledgments and versions: %s; in 1,000 of these: late %u, held until a join %u, news alone %u\n",
		p->carries ? "yes" : "no", p->noise.told_late,
		p->noise.told_held, p->noise.told_plain);
	fprintf(out, "in 1,000: news lost %u, doubled %u; store fails %u, slow %u; swap unclear %u\n",
		p->noise.news_lost, p->noise.news_twice, p->noise.store_fails,
		p->noise.store_slow, p->noise.swap_unclear);
	fprintf(out, "times: store %u us, news %u us, disk %u us; drift in ppm:",
		p->store_us, p->news_us, p->disk_us);
	for (i = 0; i < p->gateways; i++)
		fprintf(out, " %lld", (long long)p->drift_ppm[i]);
	fputc('\n', out);
	for (i = 0; i < p->num_faults; i++) {
		const struct plan_fault *f = &p->faults[i];

		fprintf(out, "fault %d at %.3f s: ", i, (double)f->at / 1e6);
		if (f->gw == GW_ALL)
			fputs("all gateways", out);
		else
			fprintf(out, "gw%d", f->gw);
		fprintf(out, ": %s", fault_name(f->kind));
		if (f->length == NEVER)
			fputs(", for good\n", out);
		else
			fprintf(out, ", %.3f s\n", (double)f->length / 1e6);
	}
}
