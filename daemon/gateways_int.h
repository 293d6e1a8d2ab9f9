/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the gateways' engine: shared by the gateways*.c files only. */
#ifndef TPR_GATEWAYS_INT_H
#define TPR_GATEWAYS_INT_H

#include "engine.h" /* the levels of the log */
#include "gateways.h"

enum {
	GATEWAYS_WHY_MAX = 192,
	/* Pause after a fencing that failed, or a lift(). */
	FENCE_PAUSE_MS = 5000,
};

/* A gateway as we have seen it; this one is the first. */
struct gateway {
	char name[STORE_GATEWAY_MAX + 1];
	bool known; /* it has ever beaten */
	bool alive; /* its heartbeat has changed since we look */
	struct store_beat beat; /* as last read */
	/* When the first reading that showed it was there. */
	uint64_t seen_at;
	uint64_t told; /* newest term in any heartbeat of it */
	uint64_t evicted; /* newest term, as last read */
	uint64_t mark; /* newest term that we evicted it from */
	uint64_t mark_lists; /* readings that had begun by then */
	uint64_t ended; /* newest term that it has ended in: L3 */
	uint64_t fenced; /* newest term, as last read or recorded */

	uint64_t call_evict; /* in flight, 0: none */
	uint64_t evict_term;
	uint64_t call_fence;
	uint64_t fence_term;
	/* It is off, and that has to be recorded for this term; 0: no. */
	uint64_t off;
	bool fencing; /* it is being fenced */
	uint64_t fence_at; /* not before */
};

/* What this gateway's own term waits for. */
enum own_step {
	OWN_LOOK, /* a reading: what the store knows of our name */
	OWN_SHUT, /* that nothing of before is under way, and a lift(): L7 */
	OWN_FENCE, /* that all of before our boot is recorded as fenced */
	OWN_LEASE, /* that the kernel has given up what was before the term */
	OWN_BEAT, /* the first heartbeat of the term */
	OWN_RUN, /* nothing */
};

struct lease {
	uint64_t term;
	uint64_t until;
};

struct gateways {
	const struct gateways_ops *ops;
	void *arg;
	const struct gateways_conf *conf;
	uint64_t now; /* at the event being handled */
	uint64_t armed; /* what the timer was last set to */
	uint64_t last_id;

	bool connected;
	uint64_t kernel_term; /* of the kernel's last LEASE */
	enum own_step step;
	/* From OWN_FENCE on: our term.  OWN_SHUT: that, or 0: there is none. */
	uint64_t begin;
	uint64_t term; /* the same with OWN_RUN, else 0 */

	/* One LEASE is on its way at a time; one may have to follow it. */
	bool lease_busy;
	bool lease_more;
	struct lease lease;
	struct lease lease_next;
	uint64_t lease_until; /* of the lease that the kernel has */
	bool leased; /* and it had not ended when we last looked */

	uint64_t call_beat;
	uint64_t beat_term;
	uint64_t beat_began;
	uint64_t beat_at; /* when the next one is due */
	uint64_t beats;

	uint64_t call_list;
	uint64_t lists; /* begun so far */
	uint64_t list_began;
	uint64_t list_at; /* when the next one is due */
	bool list_again; /* at once, after the one in flight */
	uint64_t list_done; /* when the last good one was, 0: never */
	int list_rc; /* of the last one */

	uint64_t quiet; /* newest term that the kernel told to be */
	bool lifting; /* a lift() is under way */
	uint64_t lift_term; /* what it was told */
	uint64_t lift_at; /* no other one before */
	uint64_t lift_lists; /* readings that had begun by the last one */

	bool lives; /* gateways_life() says something new */
	char why[GATEWAYS_WHY_MAX]; /* there is no lease */

	struct gateway *peers;
	size_t count;
};

/* gateways.c */
uint64_t gw_call(struct gateways *g, struct gateways_call *call);
bool gw_leased(const struct gateways *g);
__attribute__((format(printf, 3, 4))) void gw_log(struct gateways *g, int level,
						  const char *fmt, ...);
/* Notes why there is no lease; logs it if that is news. */
__attribute__((format(printf, 2, 3))) void gw_why(struct gateways *g,
						  const char *fmt, ...);

/* gateways_own.c: our own term, heartbeat and lease. */
void own_beat(struct gateways *g);
void own_connected(struct gateways *g, uint64_t term);
void own_disconnected(struct gateways *g);
void own_lease_done(struct gateways *g, int status);
void own_beat_done(struct gateways *g, const struct gateways_reply *reply);
void own_fence_done(struct gateways *g, int rc);
/* A reading is done. */
void own_listed(struct gateways *g);
/* A store call says that we are cut off. */
void own_shut(struct gateways *g);
/* L6 */
void own_quiet(struct gateways *g);
/* When nothing of earlier terms is under way: L7. */
void own_lift(struct gateways *g);
void own_lifted(struct gateways *g, int status);
bool own_boot(const struct gateways *g, const struct gateway *p);
/* Is the last heartbeat of our name another machine's, and to be observed? */
bool own_foreign(const struct gateways *g);

/* gateways_peers.c: observation, eviction, fencing. */
struct gateway *peer_find(const struct gateways *g, const char *name);
struct gateway *peer_add(struct gateways *g, const char *name);
void peers_listed(struct gateways *g, const struct gateways_reply *reply);
void peers_evicted(struct gateways *g, const struct gateways_reply *reply);
void peers_fence_done(struct gateways *g, const struct gateways_reply *reply);
/* Records who was fenced, as long as that is not stored. */
void peers_record(struct gateways *g);
/* Begins to fence all that have ended: L6. */
void peers_fence(struct gateways *g);
/* Begins to fence @p, whose @term has ended, if that can be done now. */
void peer_fence(struct gateways *g, struct gateway *p, uint64_t term);
void peer_fenced(struct gateways *g, struct gateway *p, uint64_t term,
		 int status);
/* When a reading tells more than the last one that has begun. */
uint64_t peers_deadline(const struct gateways *g);

#endif
