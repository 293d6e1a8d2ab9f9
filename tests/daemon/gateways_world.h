/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gateways' engines beside each other, over a store of heartbeats, in virtual
 * time: each with a clock of its own and a kernel that knows term and lease.
 */
#ifndef TEST_GATEWAYS_WORLD_H
#define TEST_GATEWAYS_WORLD_H

#undef NDEBUG

#include "gateways.h"

enum {
	NODES = 3,
	CALLS_MAX = 64,
	NODE_OPS = GATEWAYS_FENCE + 1,
	LEASE_MS = 15000,
	MARGIN_MS = 2000,
	BEAT_MS = 1000,
};

/* A store call, or (lease) one to the kernel. */
struct node_call {
	bool lease;
	bool effected;
	uint64_t effect_at, reply_at;
	uint64_t epoch; /* of the connection */
	struct gateways_call call;
	struct gateways_reply reply;
	struct store_gateway list[NODES];
	uint64_t term, until;
	int status;
};

struct node {
	struct sky *sky;
	int index;
	char name[16];
	struct gateways_conf conf;
	struct gateways *g;
	bool frozen; /* nothing happens in it, as in a stopped machine */
	uint64_t timer_at;
	uint64_t ahead; /* of its clock */

	bool connected;
	uint64_t epoch;
	uint64_t kernel_term, kernel_until;
	unsigned int refuse; /* this many LEASEs */
	uint64_t slow_lease;
	/* How the kernel and the units were told, in this order. */
	char story[1024];

	struct node_call calls[CALLS_MAX];
	size_t calls_count;
	unsigned int made[NODE_OPS];
	int fail[NODE_OPS];
	uint64_t early[NODE_OPS]; /* from a call to its effect */
	uint64_t slow[NODE_OPS]; /* from its effect to its reply */
	struct store_beat guard; /* as store.h says of beat() */

	unsigned int lives;
	unsigned int fences;
	uint64_t fence_term;
	unsigned int lifts;
	uint64_t lift_term;
	char fence_gateway[64];
	char log[512]; /* newest line at warning level or above */
	unsigned int complaints;
};

struct sky {
	uint64_t now;
	struct store_gateway store[NODES];
	bool fence_durable;
	struct node nodes[NODES];
};

void sky_init(struct sky *sky);
void sky_free(struct sky *sky);
void sky_run(struct sky *sky, uint64_t ms);
/* The daemon starts and finds the kernel in kernel_term. */
void node_start(struct sky *sky, int i);
/* It dies; the kernel stays. */
void node_die(struct sky *sky, int i);
void node_disconnect(struct sky *sky, int i);
void node_connect(struct sky *sky, int i);
/* The machine boots: another boot, no term. */
void node_boot(struct sky *sky, int i);
bool node_leased(struct sky *sky, int i);
enum gateways_life life(struct sky *sky, int i, int of, uint64_t term);

#endif
