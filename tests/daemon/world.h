/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Three gateways, one logical unit, one store, in virtual time:
 *
 *	kernel 0   kernel 1   kernel 2		enforce, ask GET and SET
 *	engines 0  engines 1  engines 2		the code under test
 *	 \________store_________/
 *
 * Of engines each has two: that of the logical unit, and that of terms and
 * leases.  A kernel admits commands while its lease lasts by the gateway's own
 * clock; clocks begin anywhere and drift.
 *
 * Fault budget: any store call can fail, take arbitrarily long or (swap) end
 * unclear, with its effect before, after or never; news can be lost, and what
 * versions there are can be heard late, twice or as mere news; a kernel's
 * installing can take arbitrarily long; a daemon can die and come back, its
 * machine too; a machine can be stopped for any time, and then what it had
 * begun happens late, or be cut off from the store.  The store itself never
 * loses what it said it had stored, unless a test takes it away by hand.
 *
 * Latencies are fixed, or drawn from a seed.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

/* The checks are assertions. */
#undef NDEBUG

#include "engine.h"
#include "gateways.h"
#include "tpr_string.h"

enum {
	GATEWAYS = 3,
	VERSIONS_MAX = 1024,
	EVENTS_MAX = 4096,
	WRITES_MAX = 1024,
	STORED_MAX = 4096,
	OPS = ENGINE_ANNOUNCE + 1,
};

#define IDENTITY "serial-1"

enum swap_mode {
	SWAP_GOOD,
	SWAP_UNCLEAR_STORED,
	SWAP_UNCLEAR_NOT,
	SWAP_UNCLEAR_LATE, /* takes effect 300 ms later */
};

struct kernel {
	bool attached;
	bool valid; /* executes commands that a reservation can forbid */
	bool hold; /* does not finish installing */
	int refuse; /* answers the next push with this errno */
	/*
	 * Commands that have to end first do so at busy_until; a push waits for
	 * them, and is answered with EINPROGRESS after busy_limit ms.
	 */
	uint64_t busy_until;
	uint64_t busy_limit;
	uint64_t enforced;
	/* Oldest state by which a command may yet be admitted; ~0: none. */
	uint64_t passed;
	/* Oldest state under which a command may be executing; ~0: none. */
	uint64_t drained;
	uint64_t settled;
	/* The same as drained, of commands that were admitted in older terms. */
	uint64_t late;
	uint64_t term;
	uint64_t lease_until; /* by the gateway's clock */
	int invalid_status; /* of the last INVALIDATE */
	unsigned int invalidates;
	unsigned int pushes;
};

/* One PR OUT: GET, decide, SET, again if it was too late. */
struct client {
	bool busy;
	bool again; /* repeat on EAGAIN, as the kernel does */
	uint64_t cookie;
	uint64_t floor; /* newest answer given before the GET began */
	struct tpr_writer token;
	uint64_t seq;
	bool replace; /* REPLACE LOST RESERVATION, if the state is lost */
	bool abort; /* PREEMPT AND ABORT */
	bool reset; /* LOGICAL UNIT RESET */
	uint64_t began_at;
	uint64_t done_at;
	int get_status; /* -1: not answered yet */
	int set_status;
	uint64_t get_seq; /* also that of a lost version */
	char *str;
	size_t len;
};

struct gateway {
	struct world *w;
	int index;
	char name[16];
	bool alive; /* the daemon runs */
	bool deaf; /* hears no news */
	bool plain; /* hears of versions only that there is news */
	uint64_t told_late; /* hears of them so much later */
	unsigned int told; /* how many it heard of */
	uint32_t epoch; /* counts its lives */
	uint64_t timer_at;
	struct engine_conf conf;
	struct engine_lu *lu;
	struct gateways_conf gws_conf;
	struct gateways *gws;
	uint64_t gws_timer_at;
	struct store_beat guard; /* as store.h says of beat() */
	uint64_t ahead; /* of its clock, when all began */
	int64_t drift; /* in millionths */
	uint64_t frozen_until; /* its machine is stopped */
	uint64_t cut_until; /* the store does not answer */
	unsigned int fences; /* it had others switched off */
	uint64_t fence_ms; /* how long that takes */
	struct kernel kernel;
	struct client client;
	uint64_t writes;

	int fail[OPS]; /* these calls return it, with no effect */
	uint64_t slow[OPS]; /* their replies take so much longer */
	bool hang[OPS]; /* these calls do not return */
	enum swap_mode swap_mode;
	unsigned int calls[OPS];
	bool gone;
	int repair_status; /* -1: none was answered */
	uint64_t repair_seq;
	char last_log[512]; /* newest line at warning level or above */
	unsigned int complaints;
};

enum event_kind {
	EV_EFFECT,
	EV_REPLY,
	EV_PUSH_DONE,
	EV_NEWS,
	/* Of the engine of terms and leases. */
	EV_GWS_EFFECT,
	EV_GWS_REPLY,
	EV_LEASE,
	EV_FENCE,
};

struct event {
	enum event_kind kind;
	uint64_t at, order;
	int gateway;
	uint32_t epoch;
	bool late; /* EV_EFFECT whose reply was given before */
	bool remote; /* EV_EFFECT that happens though the gateway is stopped */
	struct engine_call call;
	char target[64];
	/* EV_NEWS: a version in @call; or, if installed is not 0, this. */
	struct store_member says;
	struct engine_reply reply;
	uint64_t seq;
	int status;
	struct gateways_call gws_call;
	struct gateways_reply gws_reply;
	struct store_gateway list[GATEWAYS];
	uint64_t term, until;
};

/* A SET that was answered. */
struct write_record {
	struct tpr_writer token;
	uint64_t seq;
	int status;
};

struct world {
	uint64_t now;
	uint64_t rng;
	bool random;
	bool faults; /* draw random faults too */

	/* The store. */
	struct {
		char *str;
		size_t len;
	} versions[VERSIONS_MAX];
	uint64_t newest;
	/* All that ever were, also those that a test took away: their hashes. */
	struct {
		uint64_t seq, hash;
	} stored[STORED_MAX];
	size_t stored_count;
	bool created; /* there was one, says its marker */
	uint64_t foreign; /* versions up to this one are another image's */
	struct store_member members[GATEWAYS];
	size_t members_count;
	struct store_gateway gateways[GATEWAYS];

	struct gateway gw[GATEWAYS];
	struct event events[EVENTS_MAX];
	size_t events_count;
	uint64_t events_order;

	uint64_t promised; /* newest version that a SET_DONE(0) told */
	uint64_t settled; /* newest one that anybody was told to be settled */
	/*
	 * Newest version when a test last took some away: of those up to it
	 * nothing can be said.
	 */
	uint64_t damaged;
	unsigned int power_losses; /* swaps for one that were stored */
	struct write_record writes[WRITES_MAX];
	size_t writes_count;
};

/* world_gateways.c: the engine of terms and leases, and what it needs. */
void world_gateways_init(struct gateway *g);
void world_gateways_start(struct gateway *g);
void world_gateways_event(struct world *w, struct gateway *g, struct event *ev);
uint64_t world_clock(const struct gateway *g);
/* When that clock shows @at. */
uint64_t world_when(const struct gateway *g, uint64_t at);
/* world.c, for it. */
struct event *event_add(struct world *w, struct gateway *g,
			enum event_kind kind, uint64_t delay);
bool world_chance(struct world *w, uint64_t percent);
bool world_fails(struct world *w, struct gateway *g);
uint64_t world_latency(struct world *w);
void event_drop(struct event *ev);
/* world_store.c, for it: what a call does there, and then its reply. */
void store_effect(struct world *w, struct gateway *g, struct event *ev);
/* What a gateway announces, and when it is heard. */
void store_announces(const struct gateway *g, const struct engine_call *call);
void store_heard(struct gateway *g, struct event *ev);
/* The second half of a look at the members. */
void store_read_records(const struct world *w, struct engine_reply *reply);

void world_init(struct world *w, uint64_t seed);
void world_free(struct world *w);
/* All that happens within @ms. */
void world_run(struct world *w, uint64_t ms);
uint64_t world_draw(struct world *w, uint64_t below);

/* The daemon starts, or its device is attached. */
void gw_start(struct world *w, int i);
/* The daemon dies; its kernel stays. */
void gw_die(struct world *w, int i);
/*
 * The kernel loses its state: as if the module were loaded anew, so that the
 * next term begins at once.
 */
void gw_power_off(struct world *w, int i);
/* The machine will have booted. */
void gw_boot(struct world *w, int i);
/* May its kernel admit a command that a reservation could forbid? */
bool gw_admits(struct world *w, int i);
void gw_attach(struct world *w, int i);
void gw_detach(struct world *w, int i);
struct engine_status gw_status(struct world *w, int i);
const struct store_member *world_member(struct world *w, int i);

void client_get(struct world *w, int i);
/* GET and then SET. */
void client_write(struct world *w, int i);
/* The same with a PREEMPT AND ABORT. */
void client_abort(struct world *w, int i);
/* And with what a LOGICAL UNIT RESET makes. */
void client_reset(struct world *w, int i);
/* The same for REPLACE LOST RESERVATION. */
void client_replace(struct world *w, int i);
/* world_client.c, for world.c: answers from the engine, and what follows. */
void client_get_done(struct gateway *g, uint64_t cookie, int status,
		     uint64_t seq, const char *str, size_t len);
void client_set_done(struct gateway *g, uint64_t cookie, int status);
void client_step(struct gateway *g);
/*
 * No command is executing any more by leave of a state older than @seq, but
 * those that a gateway admitted in a term that has ended.
 */
void check_settled(struct world *w, uint64_t seq);
/* Not even those. */
void check_aborted(struct world *w, uint64_t seq);
/* What @g admits from now on, it may. */
void check_admits(struct gateway *g);
void check_power_loss(struct world *w, const struct gateway *g);
void check_not_dropped(struct world *w, uint64_t seq);
/* Appends a string as the store's newest version, whatever it is. */
void world_put(struct world *w, const char *str, size_t len);
/* Makes @str version @seq and the newest. */
void world_set(struct world *w, uint64_t seq, const char *str, size_t len);
/* The newest version as it stands in the store; NULL if it is no string. */
struct tcmu_pr_info *world_newest(struct world *w);
/* NULL: it is no string. */
struct tcmu_pr_info *world_decode(const char *str, size_t len);
/* What its newest change was; -1: it is no string. */
int world_action(const char *str, size_t len);
/* A string numbered @seq of the device @identity. */
char *world_string(uint64_t seq, const char *identity, size_t *len);
/* No answer that was given has turned out wrong. */
void world_check(struct world *w);

#endif
