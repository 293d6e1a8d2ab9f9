/* SPDX-License-Identifier: GPL-2.0-only */
/* Model change.pml: its state, and what is said of it in short. */

/* What stands in the store. */
byte newest = 1;
byte writer[VERSIONS + 1]; /* token of who made the version */
byte mark[N]; /* evicted from all terms up to this one */
byte fenced[N]; /* nothing of the terms up to this one can land */
byte told[N]; /* term in the heartbeat */
byte rec_term[N]; /* member record; 0: none */
byte rec_life[N];
byte rec_inst[N];
byte rec_end[N]; /* up to which what had to end has ended */

/* What is known by all who look: see above. */
byte ended[N];

/* The kernel. */
bool up[N];
byte k_term[N]; /* 0: no LEASE since it was booted */
bool k_lease[N];
bool k_valid[N]; /* it has a state that counts */
byte k_seq[N]; /* newest state, also when it does not count */
bool k_settled[N];
bool k_write[N]; /* a write of the victim was admitted and may still land */
byte k_wait[N]; /* version whose acknowledgment waits for that */

/* From the daemon to the kernel, in order: PUSH, SETTLED, LEASE. */
mtype = { PUSH, SETTLED, LEASE };
chan to_kernel[N] = [3] of { mtype, byte };

/* The daemon: what it knows of its lease... */
mtype = { DOWN, STARTED, ASKED, AGREED, SERVING };
mtype d_state[N];
bool d_booted[N]; /* the kernel had no term when it started */
byte d_term[N]; /* the engine's; 0: serve nothing */
byte d_next[N]; /* term that is being begun */
byte d_life[N]; /* incarnation */

/* ... and its engine. */
bool e_joined[N];
bool e_load[N]; /* a load is wanted */
bool e_loaded[N]; /* there was one since it joined */
byte e_newest[N]; /* what it knows outlives a term, not the daemon */
byte e_pushing[N];
byte e_inst[N]; /* installed */
byte e_end[N]; /* and what had to end has ended */
byte e_settled[N];
byte e_told[N]; /* newest version that the kernel was told to be settled */

/*
 * The last look at the members: each record is read at another moment.  And
 * what they have said since.
 */
byte l_at[N]; /* next to be read; N: the look is complete; N + 1: none */
byte l_seq[N]; /* newest version known when it began */
typedef Seen {
	byte term[N];
	byte life[N];
	byte inst[N];
	byte end[N];
};
Seen l_seen[N];

/* A PR OUT in work. */
mtype = { IDLE, GET, SWAP, UNCLEAR, WAIT };
mtype o_state[N];
byte o_seq[N]; /* version that it makes */
byte o_token[N];
bool o_doubt[N]; /* an earlier swap of it was unclear */
bool o_sent[N]; /* to a daemon that was killed, so that o_seq may stand */
byte o_floor[N]; /* what was known to others when it began */
byte late_seq[N]; /* a swap on its way that nobody waits for; 0: none */
byte late_token[N];

/* What initiators were told. */
byte good; /* newest version whose PR OUT was GOOD */
byte shown; /* newest version that PR IN has shown */
byte abort_token; /* of the one PREEMPT AND ABORT, 0: none */
byte abort_seq; /* version that it made, 0: none */
bool abort_good;

/* Faults that may still come. */
byte outs[N];
byte crashes = CRASHES;
byte restarts = RESTARTS;
byte kills = KILLS;
byte expiries = EXPIRIES;
byte evictions = EVICTIONS;
byte unclears = UNCLEARS;
byte writes = WRITES;
byte fences = FENCES;

#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Not worth waiting for: ended, or a later term has begun. */
#define VOID(g, t) (ended[g] >= (t) || told[g] > (t))

/* A command that a reservation could forbid is admitted in this case. */
#define ADMITS(g) (up[g] && k_lease[g] && k_valid[g])

#define RUNNING(g) (d_state[g] != DOWN && d_state[g] != STARTED)
/* The engine may work. */
#define ENGINE (d_term[me] && e_joined[me])
/* There is a newer version, and the engine hears of it, some day. */
#ifdef BUG_DEAF
#define HEARS(v) (false)
#else
#define HEARS(v) ((v) > e_newest[me])
#endif
/* A PREEMPT AND ABORT has taken the victim's right. */
#define VICTIM_GONE(v) (abort_seq && (v) >= abort_seq)
#ifdef BUG_NO_FENCE
#define FENCED_OFF true
#else
#define FENCED_OFF (!ANY(LOOSE))
#endif

#ifdef BUG_GET_NO_FENCE
#define GET_TELLS true
#else
#define GET_TELLS (o_token[me] != abort_token)
#endif

#ifdef BUG_OVERTAKE
#define LEASE_TURN (to_kernel[me]??[LEASE,v])
#else
#define LEASE_TURN (to_kernel[me]?[LEASE,v])
#endif

#ifdef BUG_NO_WAIT
#define LEASE_OVER true
#else
#define LEASE_OVER (!k_lease[me] || k_term[me] > mark[me])
#endif
/* Names a PR OUT; counted down with those that are left. */
#define TOKEN (1 + me * OUTS + outs[me])
/* Who could evict g. */
#define WATCHES(o) (o != g && up[o] && k_lease[o])
