/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which gateways are alive, this one included: the lease of our kernel, and
 * the end of the leases of others.  One object for the whole daemon, however
 * many logical units there are.  Like the engine: events in, actions out, no
 * I/O, no clock and no thread in it, no action may call back (term() and
 * lives() may ask gateways_term(), gateways_life(), gateways_fenced_off()).
 *
 * A gateway goes through terms, numbered from 1.  What its kernel enforces,
 * and its member records, belong to a term.  A term ends when the gateway is
 * evicted from it, or when its kernel has lost all state.  Rules:
 *
 *  (L1) Our kernel's lease is LEASE_MS from the moment *before* a heartbeat of
 *	 the current term was begun, and is granted only when that heartbeat
 *	 has succeeded and shown, read after the heartbeat was written, no
 *	 eviction from that term.
 *  (L2) Evicted: first the kernel gives up what it enforces and its lease
 *	 (TCMU_PR_CMD_LEASE with the new term), then the new term begins with
 *	 a heartbeat, then every logical unit joins again and reads its string.
 *  (L3) Another gateway has ended in term t if it has told a later term; or if
 *	 we have made, or found made and made durable, the mark that evicts it
 *	 from t, and a reading of its heartbeat begun after that showed one that
 *	 we know for its lease and the margin.  Once true it stays true.  Only
 *	 who has a lease evicts; and who could not read for half a lease begins
 *	 to wait anew, for the others perhaps could not write.
 *  (L4) A kernel that has no state (booted, or the module loaded, since) begins
 *	 a new term.  If the last heartbeat of this name is of another boot, that
 *	 heartbeat has to stand still for its lease and the margin first, and is
 *	 evicted, as any other gateway's by L3: it could be another machine with
 *	 our name.  Then what was before is recorded as fenced by our boot.
 *  (L5) A daemon that finds its kernel in a term goes on with it, unless
 *	 evicted meanwhile.
 *  (L6) With fence_always, a gateway that has ended is fenced at once, by
 *	 whoever has a lease and finds that it has, and the engine takes nobody
 *	 for out of it before that is recorded.  A gateway that has come back
 *	 records its own earlier terms as fenced when its kernel has told that
 *	 nothing of them is under way: that a kernel has begun a term says
 *	 nothing of the commands that it had let pass in earlier ones.
 *  (L7) Who is cut off cannot read that it was evicted either: its calls return
 *	 -ESHUTDOWN, which is taken for an eviction.  The kernel is told a new
 *	 term, and when nothing of earlier ones is under way, that is lifted;
 *	 then on as by L2, and no lease before.  If the kernel has no term,
 *	 nothing is under way.
 */
#ifndef TPR_GATEWAYS_H
#define TPR_GATEWAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h" /* struct store_beat, store_gateway; nothing else */

struct gateways;

enum gateways_op {
	GATEWAYS_BEAT,
	GATEWAYS_LIST,
	GATEWAYS_EVICT,
	GATEWAYS_FENCE, /* record that a gateway's data path is fenced */
};

struct gateways_call {
	enum gateways_op op;
	uint64_t id; /* to be returned in the reply */
	struct store_beat beat; /* BEAT */
	char gateway[STORE_GATEWAY_MAX + 1]; /* EVICT, FENCE */
	uint64_t term; /* EVICT, FENCE */
};

struct gateways_reply {
	enum gateways_op op;
	uint64_t id;
	int rc; /* what the store returned */
	uint64_t evicted; /* BEAT: newest term that we are evicted from, 0: none */
	struct store_gateway *list; /* LIST: stays the caller's */
	size_t count;
};

enum gateways_life {
	GATEWAYS_ALIVE, /* its heartbeat has changed since we look */
	GATEWAYS_DOUBTFUL, /* not known yet, or silent */
	GATEWAYS_ENDED, /* L3 */
};

/* Actions.  @arg is that of gateways_new(). */
struct gateways_ops {
	/*
	 * CLOCK_BOOTTIME in ms (of the simulator: that gateway's clock).
	 * It goes on while the machine is suspended, and is never set.
	 */
	uint64_t (*now)(void *arg);
	/* gateways_timer() is wanted at @at (GATEWAYS_NEVER: not any more). */
	void (*timer)(void *arg, uint64_t at);
	/* Answered by exactly one gateways_store_done(). */
	void (*store)(void *arg, const struct gateways_call *call);
	/*
	 * TCMU_PR_CMD_LEASE: answered by exactly one gateways_lease_done(), or
	 * by gateways_disconnected().  One at a time.  @until_ms 0: no lease.
	 */
	void (*lease)(void *arg, uint64_t term, uint64_t until_ms);
	/*
	 * The term is another one (0: none, push nothing): engine_term() of all
	 * logical units.  When a new one is told, the kernel has given up all
	 * states of before.
	 */
	void (*term)(void *arg, uint64_t term);
	/* What gateways_life() says has changed: engine_lives() of all. */
	void (*lives)(void *arg);
	/*
	 * Fence @gateway, evicted from @term, by the store's cut() or by the
	 * administrator's command; answered by exactly one gateways_fenced().
	 */
	void (*fence)(void *arg, const char *gateway, uint64_t term);
	/*
	 * The store's lift(): @term is ours (UINT64_MAX: it will be a later one
	 * than any), and nothing of earlier ones is under way; answered by
	 * exactly one gateways_lifted().
	 */
	void (*lift)(void *arg, uint64_t term);
	/* Levels as in engine.h. */
	void (*log)(void *arg, int level, const char *text);
};

#define GATEWAYS_NEVER UINT64_MAX

struct gateways_conf {
	const char *gateway;
	uint64_t incarnation; /* of this daemon, random */
	uint8_t boot[STORE_BOOT_LEN]; /* of this machine's kernel, random */
	uint32_t lease_ms;
	uint32_t margin_ms;
	uint32_t beat_ms; /* between two heartbeats, and two looks */
	bool can_fence; /* there is a fence command, or the store can cut off */
	bool fence_always; /* L6 */
	bool can_lift; /* the store can */
};

/* NULL when there is no memory. */
struct gateways *gateways_new(const struct gateways_ops *ops, void *arg,
			      const struct gateways_conf *conf);
void gateways_free(struct gateways *g);

/*
 * The kernel is connected.  @term: that of its last LEASE, 0: none since the
 * module was loaded.  Its lease has been shortened to lease_ms from now.
 */
void gateways_connected(struct gateways *g, uint64_t term);
void gateways_disconnected(struct gateways *g);
/* @status 0 or a positive errno. */
void gateways_lease_done(struct gateways *g, int status);
void gateways_store_done(struct gateways *g, const struct gateways_reply *r);
void gateways_timer(struct gateways *g);
/*
 * The fencing has ended: 0, or why not (positive errno); with @gateway and
 * @term as it was begun.
 */
void gateways_fenced(struct gateways *g, const char *gateway, uint64_t term,
		     int status);
/*
 * All commands that the kernel had let pass in terms before @term have ended.
 * Told once the kernel knows, and again whenever it is connected.
 */
void gateways_quiet(struct gateways *g, uint64_t term);
/* @status 0 or a positive errno. */
void gateways_lifted(struct gateways *g, int status);

/* The current term; 0: none, serve nothing. */
uint64_t gateways_term(const struct gateways *g);
/* Is a member record of @gateway and @term worth waiting for? */
enum gateways_life gateways_life(const struct gateways *g, const char *gateway,
				 uint64_t term);
/*
 * Can nothing any more reach the disk of what @gateway admitted in @term?
 * True if that is recorded in the store (it was fenced, or has booted since).
 * If not and @want, it is begun to fence it, if that can be done; lives() tells
 * of success.
 */
bool gateways_fenced_off(struct gateways *g, const char *gateway, uint64_t term,
			 bool want);
/* Can gateways be fenced? */
bool gateways_can_fence(const struct gateways *g);
/* Does a gateway that has ended count until it is fenced?  L6. */
bool gateways_must_fence(const struct gateways *g);

/* For the administrator. */
struct gateways_status {
	uint64_t term;
	uint64_t lease_ms_left; /* of our kernel's, as we know; 0: ended */
	const char *reason; /* why there is no lease; "": all is well */
	size_t count;
};

struct gateways_info {
	const char *gateway;
	uint64_t term;
	uint64_t quiet_ms; /* since its heartbeat was last seen to change */
	enum gateways_life life;
	bool fenced;
};

void gateways_status(const struct gateways *g, struct gateways_status *status);
/* @i < status.count; this gateway is among them. */
void gateways_info(const struct gateways *g, size_t i,
		   struct gateways_info *info);

#endif
