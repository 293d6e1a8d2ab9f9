/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A deterministic simulator of one logical unit behind 2 to 16 gateways, in
 * virtual time:
 *
 *	initiators	client.c	PR OUT, PR IN, RESERVE, READ, WRITE
 *	kernel		kernel*.c	what kernel/ does, with the real core
 *	daemon		gateway.c	the real engine, the real gateways.c
 *	store, disk	store.c		a model of store.h's promises
 *	announcements	announce.c	the same
 *
 * One seed is one history: plan.c draws from it who does what and what breaks
 * when; everything else follows.  What is judged: check.c.
 *
 * Fault budget: a machine can be shut down in good order, or lose power (its
 * writes under way land soon after or never), stand still for any time (what it had queued runs late, calls of
 * the store included), its daemon can be killed or stopped, its link to the
 * store cut; news can be lost, late, doubled and overtaken; a store call can
 * fail, be slow, or (swap) end unclear with its effect before, after or never.
 * Clocks run at different rates, within what the margin allows, and the boot
 * time clock of a machine can jump forward.  The store itself never loses what
 * it said it had stored, and shows what is written to who reads later.
 */
#ifndef SIM_H
#define SIM_H

/* The checks of the product are assertions. */
#undef NDEBUG

#include <stdio.h>

#include "engine.h"
#include "gateways.h"
#include "sim_bugs.h"
#include "tpr_check.h"
#include "tpr_in.h"
#include "tpr_opcode.h"
#include "tpr_out.h"
#include "tpr_spc2.h"
#include "tpr_string.h"
#include "tpr_ua.h"

enum {
	GW_MAX = 16,
	INI_MAX = 64,
	OPS_MAX = 192,
	FAULTS_MAX = 24,
	VERSIONS_MAX = 512,
	DATA_MAX = 4096, /* bytes of an answer to PR IN */
	HELD_MAX = 4, /* versions that are on their way to a gateway for long */
	IDLE_EVENTS_MAX = 4000000, /* a history with more does not end */
};

typedef __s64 s64;

#define NEVER UINT64_MAX
#define IDENTITY "sim-serial"
#define MS 1000ull /* time is in microseconds */
#define SEC 1000000ull

/* Random numbers with the state in sight. */

struct rng {
	u64 s;
};

static inline u64 draw(struct rng *r, u64 below)
{
	r->s ^= r->s >> 12;
	r->s ^= r->s << 25;
	r->s ^= r->s >> 27;
	return (r->s * 2685821657736338717ull >> 11) % below;
}

/* True in @permille of 1,000 cases. */
static inline bool chance(struct rng *r, u64 permille)
{
	return permille && draw(r, 1000) < permille;
}

/* plan.c: what a seed stands for */

enum op_kind {
	OP_READ,
	OP_WRITE,
	OP_TUR,
	OP_PR_IN,
	OP_PR_OUT,
	OP_SPC2,
};

struct plan_op {
	u64 at;
	u8 ini, gw;
	u8 kind; /* enum op_kind */
	u8 sa; /* PR: service action; SPC-2: opcode */
	u8 type; /* of a reservation */
	u8 flags; /* byte 20 of the parameter list */
	u8 victim; /* PREEMPT: whose key */
	u8 key; /* 0: own key; 1: none; 2: a wrong one; 3: another of its own */
	bool last; /* of the ones that show that all is well again */
};

enum fault_kind {
	FAULT_CRASH, /* no power */
	FAULT_PAUSE, /* the machine stands still */
	FAULT_STOP, /* its daemon does */
	FAULT_KILL, /* its daemon dies */
	FAULT_CUT, /* store calls hang */
	FAULT_FAIL, /* they fail */
	FAULT_SLOW, /* they take long */
	FAULT_DEAF, /* it hears no news */
	FAULT_DROP, /* its sessions end */
	FAULT_JUMP, /* its clock jumps forward */
	FAULT_STUCK, /* nothing that it sends to the disk ends */
	FAULT_LEAVE, /* it is shut down in good order */
	FAULT_COUNT,
};

enum {
	GW_ALL = 255,
};

struct plan_fault {
	u64 at;
	u64 length; /* NEVER: for good */
	u8 kind; /* enum fault_kind */
	u8 gw; /* GW_ALL: all at once */
};

/* Chances, in 1,000. */
struct noise {
	u32 news_lost;
	u32 news_twice;
	u32 store_fails;
	u32 swap_unclear;
	u32 store_slow;
	/* Of versions in announcements. */
	u32 told_late;
	u32 told_held; /* until who is told joins the next time */
	u32 told_plain; /* that there is news, nothing else */
};

struct plan {
	u64 seed;
	int gateways, initiators;
	u32 lease_ms, margin_ms, beat_ms;
	bool can_fence, fence_works;
	bool cut; /* the store can cut off, and that is to be done always */
	bool carries; /* its announcements carry more than news */
	s64 drift_ppm[GW_MAX];
	u64 clock_us[GW_MAX]; /* at the beginning */
	u64 start_us[GW_MAX];
	struct noise noise;
	u32 store_us, news_us, disk_us; /* usual times, longest */
	struct plan_op ops[OPS_MAX];
	int num_ops;
	struct plan_fault faults[FAULTS_MAX];
	int num_faults;
	u64 calm_at; /* all faults are over */
};

/* A mix of what happens; by name. */
struct mix {
	const char *name, *what;
	u32 faults; /* bits of enum fault_kind */
	bool noise, drift, many, spc2, cut, told;
	u32 worst; /* most faults */
};

extern const struct mix mixes[];
const struct mix *mix_find(const char *name);
void plan_make(struct plan *p, u64 seed, const struct mix *mix);
void plan_print(const struct plan *p, FILE *out);
const char *fault_name(enum fault_kind kind);

/* Commands */

struct op {
	int id;
	const struct plan_op *plan;
	int nexus, gw;
	u8 kind;
	u8 class;
	u8 cdb[16];
	u8 param[TPR_OUT_PARAM_LEN];
	u32 param_len;
	u64 call_at;
	u64 return_at; /* NEVER: no answer */
	bool answered; /* by the kernel; it may be on its way */
	bool aborted;
	struct tpr_result res;
	u8 *data;
	u32 len;

	/* Inside of the kernel. */
	u32 session; /* life of the session that it came on */
	u32 boot;
	u64 seq; /* state that let it pass */
	u64 term; /* in which that was */
	u64 gen; /* view that did */
	u64 land_at;
	bool handed_over, landed, victim;
};

/* The store */

struct version {
	char *str;
	size_t len;
	struct tcmu_pr_info *info; /* NULL: no string */
	u64 at;
	int writer; /* gateway */
	u64 term; /* in which that had it stored */
	bool told; /* GOOD was said on the strength of it, or it was read */
	bool abort_told; /* it is a PREEMPT AND ABORT's, and that said GOOD */
	/*
	 * When its change was GOOD: newest term of each gateway in which that
	 * had not installed it; 0: it had.
	 */
	u64 without[GW_MAX];
};

struct store {
	struct version versions[VERSIONS_MAX + 1];
	u64 newest;
	struct store_member members[GW_MAX];
	size_t count;
	u64 said[GW_MAX]; /* newest version that others heard it enforces */
	struct store_gateway gws[GW_MAX];
	bool known[GW_MAX];
};

struct call {
	struct call *next; /* of one daemon's, not ended */
	struct gw *g;
	u32 life;
	u64 term; /* of the kernel when it was made */
	bool lost; /* never has an effect */
	bool done; /* had its effect, or never will */
	bool gateways; /* gateways.h's, not the engine's */
	bool unclear;
	struct engine_call e;
	struct gateways_call c;
	char target[STORE_GATEWAY_MAX + 1];
	struct engine_reply er;
	struct gateways_reply cr;
};

/* The kernel of a gateway: kernel.c */

struct push {
	struct push *next;
	u64 seq;
	bool settled;
	int invalidate; /* errno */
	u64 lease_term, lease_until; /* not 0: this is a LEASE */
	const char *str;
	size_t len;
};

enum req_kind { REQ_NONE, REQ_GET, REQ_SET };

struct change {
	struct op *op;
	struct tpr_writer writer;
	u64 deadline;
	bool sent, unclear, loss;
	u64 first_seq;
	u64 cookie;
	enum req_kind req;
	u64 timeout_at;
	struct tpr_result res; /* of what is being stored */
	bool busy;
};

struct kernel {
	struct tcmu_pr_info *newest, *base;
	/* What all versions between them allow, and one of them. */
	u8 every[INI_MAX * GW_MAX], some[INI_MAX * GW_MAX];
	bool blind; /* and of one of them it is not known */
	bool settled;
	int error;
	u64 gen; /* of the view */
	u64 since;
	u64 term;
	u64 until_ns; /* of its own clock */
	bool connected;
	u64 begun; /* this term, and nobody passes by leave of an older one */
	u64 quiet; /* told that nothing of before this term is under way */

	struct push *pushes, **pushes_tail, *push;
	u64 push_began;
	bool push_armed;
	bool victims[INI_MAX * GW_MAX], aborting;

	struct op *readers[OPS_MAX], *held[OPS_MAX], *flying[OPS_MAX];
	int num_readers, num_held, num_flying;
	struct op *queue[OPS_MAX]; /* reservation commands */
	int num_queue;
	struct change chg;
	u64 cookies;
	bool watching, loss_queued;
	bool watched; /* and by which session */
	int watched_ini;
	u32 watched_session;
};

struct gw {
	struct sim *s;
	int index;
	char name[8];
	u64 down_until, paused_until, stopped_until, cut_until, fail_until,
		slow_until, deaf_until, stuck_until;
	bool powered, alive; /* alive: the daemon runs */
	bool cut; /* its machine, from the store and the disk */
	u32 boot, life;
	u64 jumped_us, fenced_at;
	int leaving; /* tries left */
	u64 back_at; /* then */
	u64 up_at, down_at; /* for what goes between daemon and kernel, in order */
	u32 sessions[INI_MAX]; /* life of each; what it was logged in at */

	struct kernel k;

	struct engine_conf conf;
	struct gateways_conf gconf;
	struct engine_lu *lu;
	struct gateways *gws;
	u64 lu_timer, gws_timer; /* armed, in true time; NEVER */
	bool term_news, lives_news; /* to be told to the engine */
	struct call *calls;
	struct store_beat last_beat; /* as this daemon knows it to be stored */
	bool last_beat_known;
	u64 lease_asked; /* LEASE messages not acknowledged */
	u64 held[HELD_MAX]; /* versions that it is told when it has joined */
	u32 num_held;
};

/* Events */

enum domain {
	DOM_NET, /* happens whatever is down */
	DOM_KERNEL, /* waits while the machine stands still, ends with it */
	DOM_DAEMON, /* the same for the daemon */
	DOM_CALL, /* of the store, in a daemon's thread: store.c ends it */
};

typedef void (*event_fn)(struct gw *g, void *arg);

struct event {
	u64 at, order;
	event_fn fn;
	struct gw *g;
	void *arg;
	u32 life;
	u8 domain;
};

enum verdict {
	SIM_PASS,
	SIM_UNJUDGED, /* the checker gave up */
	SIM_UNSAFE, /* a promise was broken */
	SIM_STUCK, /* not live again */
};

struct sim {
	const struct plan *plan;
	u64 now;
	struct rng rng, told_rng;
	FILE *trace;
	struct event *heap;
	size_t events, room;
	u64 order;
	u64 steps;
	bool calm; /* no fault any more */

	struct gw gws[GW_MAX];
	struct store store;
	struct op ops[OPS_MAX];
	int num_ops;
	struct tpr_nexus nexus[INI_MAX * GW_MAX];
	u64 told; /* newest version that an answer told of */
	u64 power_losses;

	enum verdict verdict;
	char why[512];
	bool searched; /* the quick way of check.c was not enough */
	u64 live_ms; /* from the end of the faults till all was ready */
};

/* world.c */
void sim_init(struct sim *s, const struct plan *plan, FILE *trace);
void sim_free(struct sim *s);
/* Runs the history to its end and judges it. */
enum verdict sim_run(struct sim *s);
void event_add(struct gw *g, enum domain domain, u64 delay, event_fn fn,
	       void *arg);
void event_add_at(struct gw *g, enum domain domain, u64 at, event_fn fn,
		  void *arg);
/* Memory that is there until the history ends. */
void *mem_get(size_t size);
void *mem_copy(const void *from, size_t size);
/* A time from about @usual/4 to @usual, now and then much longer. */
u64 some_time(struct sim *s, u64 usual);
__attribute__((format(printf, 2, 3))) void trace(struct gw *g, const char *fmt,
						 ...);
/* The first one is kept. */
__attribute__((format(printf, 3, 4))) void
violation(struct sim *s, enum verdict verdict, const char *fmt, ...);
/* @g's clock, and when it will show @local. */
u64 clock_ns(const struct gw *g);
u64 clock_when(const struct gw *g, u64 local_ms);
const char *nexus_name(int nexus);

/* faults.c */
void faults_begin(struct sim *s);
void gw_power_on(struct gw *g);
void gw_power_off(struct gw *g, bool fenced);
void gw_shut_down(struct gw *g, void *unused);
void gw_boot_later(struct gw *g, u64 delay);

/* client.c */
void clients_begin(struct sim *s);
void op_issue(struct sim *s, const struct plan_op *p);
void op_answer(struct gw *g, struct op *op, struct tpr_result res);
void op_print(const struct op *op, FILE *out);
bool session_lives(const struct gw *g, const struct op *op);
static inline int nexus_of(int ini, int gw)
{
	return ini * GW_MAX + gw;
}

/* kernel.c: leases, views, I/O */
void kernel_init(struct gw *g);
void kernel_free(struct gw *g);
void kernel_arrive(struct gw *g, void *op);
bool lease_valid(const struct gw *g);
/* All that is held is judged again. */
void kernel_rejudge(struct gw *g);
void kernel_publish(struct gw *g);
void op_landed(struct gw *g, void *op);
/* The device is gone, if nothing is under way. */
bool kernel_detach(struct gw *g);

/* kernel_install.c: from the daemon */
void kernel_push(struct gw *g, struct push *push);
void push_step(struct gw *g, void *unused);
/* Has all of earlier terms ended? */
void quiet_step(struct gw *g);
struct tcmu_pr_info *info_decode(const char *str, size_t len, u32 more);
struct tcmu_pr_info *info_dup(const struct tcmu_pr_info *info, u32 more);

/* kernel_change.c: reservation commands */
void pr_queue(struct gw *g, struct op *op);
void pr_next(struct gw *g, void *unused);
void kernel_get_done(struct gw *g, u64 cookie, int status, const char *str,
		     size_t len);
void kernel_set_done(struct gw *g, u64 cookie, int status);
void kernel_daemon_gone(struct gw *g);
void kernel_watch(struct gw *g, void *unused);

/* gateway.c: the daemon */
void daemon_start(struct gw *g, void *unused);
void daemon_kill(struct gw *g);
/* The device is gone. */
void daemon_removed(struct gw *g, void *unused);
/* Messages of the kernel; in order. */
void up_get(struct gw *g, u64 cookie);
void up_set(struct gw *g, u64 cookie, u64 expected, const char *str,
	    size_t len);
void up_push_done(struct gw *g, u64 seq, int status);
void up_lease_done(struct gw *g, int status);
void up_settle(struct gw *g, u64 seq);
void up_quiet(struct gw *g, u64 term);
/* After anything that may have called the engine or gateways.c. */
void daemon_tell(struct gw *g);
void daemon_jumped(struct gw *g);
bool daemon_ready(struct gw *g, const char **why);

/* store.c */
void store_engine(struct gw *g, const struct engine_call *call);
void store_gateways(struct gw *g, const struct gateways_call *call);
/* The daemon has died, with its @machine or without. */
void store_calls_end(struct gw *g, bool machine);
/* What a new daemon's open promises. */
void store_open(struct gw *g);
struct gw *gw_find(struct sim *s, const char *name);

/* announce.c */
void announce_check(struct gw *g, const struct engine_call *call);
int effect_announce(struct gw *g, const struct call *c);
void announce_again(struct gw *g);

/* check.c */
void check_hand_over(struct gw *g, const struct op *op);
void check_landed(struct gw *g, const struct op *op);
void check_answer(struct gw *g, const struct op *op);
void check_swap(struct gw *g, const struct tcmu_pr_info *info);
void check_push(struct gw *g, u64 seq, const char *str, size_t len);
/* Whether the history is linearizable. */
void check_history(struct sim *s);

#endif
