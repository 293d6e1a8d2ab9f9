/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a version of the string comes into force on all gateways: swap, push,
 * announce, acknowledge, settle; with crashes of a machine or of its daemon
 * only, leases that end, eviction, return in a new term, outcomes that are
 * unclear, and PREEMPT AND ABORT.
 *
 * Time is not in this model.  What lease.pml proves of it is taken from there:
 * once a gateway is held to have ended in a term, its kernel has no lease in
 * that term, and never gets one (ended[], below).  For the rest a lease may
 * end at any moment, and everything may take any time.
 *
 * Every step brings something nearer or uses up a part of a fixed number of
 * faults, so no run is endless (model/run has spin prove that, too, by looking
 * for cycles).  Hence liveness is a property of the states in which a run
 * ends: see "judge".
 *
 * A BUG_... that is defined makes the protocol wrong on purpose.
 */
#ifndef N
#define N 2 /* gateways */
#endif
#ifndef VERSIONS
#define VERSIONS 3 /* of the string; 1 is there at the beginning */
#endif
#ifndef OUTS
#define OUTS 1 /* PR OUT commands that each gateway gets */
#endif
#ifndef OTHERS
#define OTHERS OUTS /* the same for all but the first gateway */
#endif
#ifndef CRASHES
#define CRASHES 1 /* of a machine */
#endif
#ifndef RESTARTS
#define RESTARTS CRASHES /* of a machine that crashed */
#endif
#ifndef KILLS
#define KILLS 1 /* of a daemon; whether another one starts is open */
#endif
#ifndef EXPIRIES
#define EXPIRIES 1 /* of a lease whose gateway is only late */
#endif
#ifndef EVICTIONS
#define EVICTIONS 1 /* of a gateway that is only late */
#endif
#ifndef UNCLEARS
#define UNCLEARS 1 /* swaps with an unclear outcome */
#endif
#ifndef ROLES
#define ROLES 0 /* 1: the first one's daemon is killed, the others are late */
#endif
#ifndef WRITES
#define WRITES 0 /* of the one that PREEMPT AND ABORT preempts */
#endif
#ifndef FENCES
#define FENCES 0 /* times that the fence command works */
#endif

/* What stands in the store. */
byte newest = 1;
byte writer[VERSIONS + 1]; /* token of who made the version */
byte mark[N]; /* evicted from all terms up to this one */
byte fenced[N]; /* nothing of the terms up to this one can land */
byte told[N]; /* term in the heartbeat */
byte rec_term[N]; /* member record; 0: none */
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

/* ... and its engine. */
bool e_joined[N];
bool e_load[N]; /* a load is wanted */
byte e_newest[N];
byte e_pushing[N];
byte e_inst[N]; /* installed */
byte e_end[N]; /* and what had to end has ended */
byte e_settled[N];
byte e_told[N]; /* newest version that the kernel was told to be settled */

/* The last look at the members: each record is read at another moment. */
byte l_at[N]; /* next to be read; N: the look is complete; N + 1: none */
byte l_seq[N]; /* newest version known when it began */
typedef Seen {
	byte term[N];
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

inline engine_reset()
{
	e_joined[me] = false;
	e_load[me] = false;
	e_newest[me] = 0;
	e_pushing[me] = 0;
	e_inst[me] = 0;
	e_end[me] = 0;
	e_settled[me] = 0;
	e_told[me] = 0;
	l_at[me] = N + 1;
	l_seq[me] = 0;
	i = 0;
	do
	:: i < N ->
		l_seen[me].term[i] = 0;
		l_seen[me].inst[i] = 0;
		l_seen[me].end[i] = 0;
		i++
	:: else -> break
	od;
	i = 0
}

inline look()
{
	l_seen[me].term[l_at[me]] = rec_term[l_at[me]];
	l_seen[me].inst[l_at[me]] = rec_inst[l_at[me]];
	l_seen[me].end[l_at[me]] = rec_end[l_at[me]];
	l_at[me] = l_at[me] + 1
}

/* One record after another; of two, our own cannot change meanwhile. */
#if N == 2
#define LOOK look(); look()
#else
#define LOOK look()
#endif

inline out_end()
{
	o_state[me] = IDLE;
	o_seq[me] = 0;
	o_token[me] = 0;
	o_doubt[me] = false;
	o_sent[me] = false;
	o_floor[me] = 0
}

/* The lease is lost, or the daemon, while a PR OUT is under way. */
inline out_drop()
{
#ifdef BUG_NOT_READY
	/* "Nothing was done." */
	assert(o_state[me] == IDLE || o_state[me] == GET ||
	       writer[o_seq[me]] != o_token[me]);
#endif
	out_end()
}

/* The daemon is killed: the kernel will ask the next one. */
inline out_orphan()
{
	if
	:: o_state[me] == UNCLEAR || o_state[me] == WAIT ->
		o_sent[me] = true;
		o_state[me] = GET
	:: o_state[me] == SWAP -> o_state[me] = GET
	:: else
	fi;
	o_doubt[me] = false
}

/* "Nothing was stored": decide again, on what another one has made. */
inline out_refused()
{
	assert(writer[o_seq[me]] != o_token[me]);
	assert(newest >= o_seq[me] || late_token[me] != o_token[me]);
	o_seq[me] = 0;
	o_doubt[me] = false;
	o_sent[me] = false;
	o_state[me] = GET;
	e_load[me] = true
}

inline out_stored()
{
	o_state[me] = WAIT;
	if
	:: o_seq[me] > e_newest[me] -> e_newest[me] = o_seq[me]
	:: else
	fi
}

inline out_unclear()
{
#ifdef BUG_UNCLEAR_FAIL
	out_refused()
#else
#ifdef BUG_UNCLEAR_GOOD
	out_stored()
#else
	o_doubt[me] = true;
	o_state[me] = UNCLEAR;
	e_load[me] = true
#endif
#endif
}

inline out_good()
{
	assert(writer[o_seq[me]] == o_token[me]);
	good = MAX(good, o_seq[me]);
	if
	:: o_token[me] == abort_token -> abort_good = true
	:: else
	fi;
	out_end()
}

#if N == 2
#define ANY(test) (test(0) || test(1))
#else
#define ANY(test) (test(0) || test(1) || test(2))
#endif

/* Of the last look of "me": who counts, and is behind version l_seq? */
#ifdef BUG_SETTLE_DEAF
#define BEHIND(i) (false)
#else
#define BEHIND(i) (l_seen[me].term[i] && l_seen[me].inst[i] < l_seq[me] && \
		   !VOID(i, l_seen[me].term[i]))
#endif
/* Has it changed since? */
#define MOVED(i) (l_seen[me].term[i] != rec_term[i] || \
		  l_seen[me].inst[i] != rec_inst[i] || \
		  l_seen[me].end[i] != rec_end[i])
/* Rule 6: has it not ended the victim's writes, and may still let one land? */
#ifdef BUG_FENCE_VOID
#define LOOSE(i) (l_seen[me].term[i] && VOID(i, l_seen[me].term[i]) && \
		  fenced[i] < l_seen[me].term[i])
#else
#ifdef BUG_END_EARLY
#define ENDED(i) l_seen[me].inst[i]
#else
#define ENDED(i) l_seen[me].end[i]
#endif
#define LOOSE(i) (l_seen[me].term[i] && ENDED(i) < o_seq[me] && \
		  (!VOID(i, l_seen[me].term[i]) || \
		   fenced[i] < l_seen[me].term[i]))
#endif

/* The store's compare-and-swap; one winner for each version. */
inline store_swap(v, token)
{
	assert(newest == v - 1 && !writer[v]);
	newest = v;
	writer[v] = token;
	if
	:: token == abort_token && token -> abort_seq = v
	:: else
	fi
}

inline flush(c)
{
	do
	:: c?_,_
	:: empty(c) -> break
	od
}

/* Calls of it that are in flight are not taken back. */
inline daemon_stops()
{
	out_orphan();
	engine_reset();
	d_term[me] = 0;
	d_next[me] = 0
}

inline machine_stops()
{
	up[me] = false;
	k_term[me] = 0;
	k_lease[me] = false;
	k_valid[me] = false;
	k_seq[me] = 0;
	k_settled[me] = false;
	k_write[me] = false;
	k_wait[me] = 0;
	flush(to_kernel[me]);
	daemon_stops();
	out_end();
	d_state[me] = DOWN
}

/*
 * PR IN, as soon as it can: what is true of this one is true of all that
 * come later.
 */
inline pr_in()
{
	if
	:: ADMITS(me) && k_settled[me] && k_seq[me] > shown ->
		shown = k_seq[me]
	:: else
	fi
}

/* The kernel enforces version v. */
inline pushed()
{
	if
	:: RUNNING(me) && e_pushing[me] == v ->
		e_pushing[me] = 0;
		e_inst[me] = v
	:: else
	fi
}

/* And nothing is under way any more that has to end for it. */
inline all_ended()
{
	if
	:: RUNNING(me) && e_inst[me] == k_wait[me] -> e_end[me] = k_wait[me]
	:: else
	fi;
	k_wait[me] = 0
}

/* The daemon: its lease and term first, then the engine. */
proctype daemon(byte me)
{
	byte i, v;

end:	do
	/* Start.  What an earlier one sent has been received by now. */
	:: atomic { d_state[me] == STARTED && !(to_kernel[me]??[LEASE,v]) ->
		/* store open(): what it had begun to store is over */
		late_seq[me] = 0;
		late_token[me] = 0;
		if
		:: k_term[me] ->
			d_next[me] = k_term[me];
			d_state[me] = AGREED
		:: else ->
			d_booted[me] = true;
			d_next[me] = MAX(mark[me], told[me]) + 1;
			to_kernel[me]!LEASE,d_next[me];
			d_state[me] = ASKED
		fi }

	/* Evicted: the engine pushes nothing more, then the kernel gives up. */
	:: atomic { d_state[me] == SERVING && mark[me] >= d_term[me] &&
		    nfull(to_kernel[me]) ->
		d_next[me] = MAX(mark[me], told[me]) + 1;
#ifndef BUG_PUSH_BETWEEN
		d_term[me] = 0;
		out_drop();
#ifndef BUG_RESUME
		engine_reset();
#endif
#endif
		to_kernel[me]!LEASE,d_next[me];
		d_state[me] = ASKED }

	/* The kernel has: the term begins with a heartbeat. */
	:: atomic { d_state[me] == AGREED && nfull(to_kernel[me]) ->
		if
		:: mark[me] >= d_next[me] ->
			d_next[me] = mark[me] + 1;
			to_kernel[me]!LEASE,d_next[me];
			d_state[me] = ASKED
		:: else ->
			told[me] = d_next[me];
			if
			:: d_booted[me] ->
				/* Nothing of before can land any more. */
				fenced[me] = MAX(fenced[me], d_next[me] - 1);
				d_booted[me] = false
			:: else
			fi;
#ifdef BUG_PUSH_BETWEEN
			out_drop();
			engine_reset();
#endif
#ifdef BUG_RESUME
			if
			:: e_joined[me] -> rec_term[me] = d_next[me]
			:: else
			fi;
#endif
			d_term[me] = d_next[me];
			d_next[me] = 0;
			d_state[me] = SERVING
		fi }

	/* The lease: model lease.pml. */
	:: atomic { d_state[me] == SERVING && up[me] && !k_lease[me] &&
		    k_term[me] == d_term[me] && mark[me] < d_term[me] ->
		k_lease[me] = true;
		pr_in() }

	/* Join first, then load. */
	:: atomic { d_term[me] && !e_joined[me] ->
#ifdef BUG_LOAD_FIRST
		if
		:: !e_newest[me] -> e_newest[me] = newest
		:: else ->
			rec_term[me] = d_term[me];
			rec_inst[me] = 0;
			rec_end[me] = 0;
			e_joined[me] = true
		fi
#else
		rec_term[me] = d_term[me];
		rec_inst[me] = 0;
		rec_end[me] = 0;
		e_joined[me] = true;
		e_load[me] = true
#endif
		}
	/* Somebody needs it, or an announcement (may be late) was heard. */
	:: atomic { ENGINE && (e_load[me] || HEARS(newest)) ->
		e_newest[me] = newest;
		e_load[me] = false }

	:: atomic { ENGINE && !e_load[me] && !e_pushing[me] &&
		    e_newest[me] > e_inst[me] && nfull(to_kernel[me]) ->
		to_kernel[me]!PUSH,e_newest[me];
#ifdef BUG_ACK_EARLY
		e_inst[me] = e_newest[me];
#else
		e_pushing[me] = e_newest[me]
#endif
		}
	:: atomic { ENGINE && rec_term[me] == d_term[me] &&
		    (rec_inst[me] < e_inst[me] || rec_end[me] < e_end[me]) ->
		rec_inst[me] = e_inst[me];
		rec_end[me] = e_end[me] }

	/* A look at the members, wanted while something is unsettled. */
	:: atomic { ENGINE && l_at[me] >= N &&
		    (e_newest[me] > e_settled[me] || o_state[me] == WAIT) &&
		    (l_at[me] == N + 1 || ANY(MOVED) ||
		     e_newest[me] > l_seq[me]) ->
		l_at[me] = 0;
		l_seq[me] = e_newest[me];
		LOOK }
#if N > 2
	:: atomic { ENGINE && l_at[me] < N -> LOOK }
#endif
	:: atomic { ENGINE && l_at[me] == N && l_seq[me] > e_settled[me] &&
		    !ANY(BEHIND) ->
		e_settled[me] = l_seq[me] }
	:: atomic { ENGINE && e_inst[me] && e_inst[me] == e_newest[me] &&
		    e_settled[me] >= e_inst[me] && e_told[me] < e_inst[me] &&
		    nfull(to_kernel[me]) ->
		to_kernel[me]!SETTLED,e_inst[me];
		e_told[me] = e_inst[me] }

	/* PR OUT: the newest state, settled, from a load begun since. */
	:: atomic { ENGINE && o_state[me] == GET && !e_load[me] &&
		    e_inst[me] && e_inst[me] == e_newest[me] &&
		    e_settled[me] >= e_newest[me] ->
		assert(e_newest[me] >= o_floor[me]);
		if
		/* Found stored; that its victims have ended is not known. */
		:: o_sent[me] && e_newest[me] >= o_seq[me] &&
		   writer[o_seq[me]] == o_token[me] ->
			if
			:: GET_TELLS -> out_good()
			:: else -> out_end()
			fi
		:: else ->
			o_sent[me] = false;
			if
			:: e_newest[me] == VERSIONS -> out_end()
			:: else ->
				o_seq[me] = e_newest[me] + 1;
				o_state[me] = SWAP
			fi
		fi }
	:: atomic { ENGINE && o_state[me] == SWAP ->
		if
		:: newest == o_seq[me] - 1 ->
			store_swap(o_seq[me], o_token[me]);
			out_stored()
		:: newest == o_seq[me] - 1 && unclears ->
			unclears--;
			store_swap(o_seq[me], o_token[me]);
			out_unclear()
		:: unclears && !late_seq[me] ->
			unclears--;
			late_seq[me] = o_seq[me];
			late_token[me] = o_token[me];
			out_unclear()
		:: newest >= o_seq[me] && !o_doubt[me] -> out_refused()
#ifdef BUG_NO_DOUBT
		:: newest >= o_seq[me] && o_doubt[me] -> out_refused()
#else
		:: newest >= o_seq[me] && o_doubt[me] -> out_unclear()
#endif
		fi }
	/* A load begun since: is it ours?  If nothing is there, try again. */
	:: atomic { ENGINE && o_state[me] == UNCLEAR && !e_load[me] ->
		if
		:: e_newest[me] < o_seq[me] -> o_state[me] = SWAP
		:: e_newest[me] >= o_seq[me] &&
		   writer[o_seq[me]] == o_token[me] ->
			out_stored()
		:: e_newest[me] >= o_seq[me] &&
		   writer[o_seq[me]] != o_token[me] ->
			out_refused()
		fi }
	:: atomic { ENGINE && o_state[me] == WAIT &&
		    e_settled[me] >= o_seq[me] && l_at[me] == N &&
		    l_seq[me] >= o_seq[me] && (o_token[me] != abort_token || FENCED_OFF) ->
		out_good() }
	/* "Stored, but not by all that it takes": the abort cannot be told. */
	:: atomic { ENGINE && o_state[me] == WAIT &&
		    o_token[me] == abort_token &&
		    e_settled[me] >= o_seq[me] && !FENCED_OFF && !fences ->
		out_end() }
	od
}

proctype kernel(byte me)
{
	byte v, old;

end:	do
	:: atomic { up[me] && to_kernel[me]?[PUSH,v] ->
		to_kernel[me]?PUSH,v;
		if
		:: v >= k_seq[me] ->
			old = k_seq[me];
			k_settled[me] = (old == v && k_settled[me]);
			k_seq[me] = v;
			k_valid[me] = true;
			pr_in();
			pushed();
			k_wait[me] = v;
			if
			:: !k_write[me] || !VICTIM_GONE(v) -> all_ended()
			:: else
			fi
		:: else
		fi;
		v = 0;
		old = 0 }
	/* After a PREEMPT AND ABORT: when its victims have ended. */
	:: atomic { up[me] && k_wait[me] &&
		    !(k_write[me] && VICTIM_GONE(k_wait[me])) ->
		all_ended() }
	:: atomic { up[me] && to_kernel[me]?[SETTLED,v] ->
		to_kernel[me]?SETTLED,v;
		if
		:: v == k_seq[me] ->
			k_settled[me] = true;
			k_valid[me] = true;
			pr_in()
		:: else
		fi;
		v = 0 }
	/* Comes behind what was pushed before it. */
	:: atomic { up[me] && LEASE_TURN ->
		to_kernel[me]??LEASE,v;
		k_wait[me] = 0;
		k_lease[me] = false;
		k_term[me] = v;
#ifndef BUG_RESUME
		k_valid[me] = false;
		k_settled[me] = false;
#endif
		if
		:: d_state[me] == ASKED && d_next[me] == v ->
			d_state[me] = AGREED
		:: else
		fi;
		v = 0 }

	/* An initiator: PR OUT. */
	:: atomic { ADMITS(me) && ENGINE && o_state[me] == IDLE && outs[me] ->
		outs[me]--;
		o_token[me] = TOKEN;
		o_floor[me] = MAX(good, shown);
		o_state[me] = GET;
		e_load[me] = true;
		if
		:: WRITES && !abort_token -> abort_token = TOKEN
		:: true
		fi }
	/* The victim, while it may write. */
	:: atomic { ADMITS(me) && writes && !k_write[me] &&
		    !VICTIM_GONE(k_seq[me]) ->
		writes--;
		k_write[me] = true }
	:: atomic { k_write[me] ->
		assert(!abort_good);
		k_write[me] = false }
	od
}

/* What may go wrong, and who is evicted for it. */
proctype world(byte me)
{
	byte i, g;

	g = me;
end:	do
	:: atomic { crashes && up[me] ->
		crashes--;
		machine_stops() }
	:: atomic { restarts && !up[me] ->
		restarts--;
		up[me] = true;
		d_state[me] = STARTED }
	:: atomic { kills && RUNNING(me) && !(ROLES && me) ->
		kills--;
		daemon_stops();
		if
		:: d_state[me] = STARTED
		:: d_state[me] = DOWN
		fi }
	:: atomic { k_lease[me] && ((expiries && !(ROLES && !me)) ||
				    d_state[me] == DOWN) ->
		if
		:: d_state[me] == DOWN
		:: else -> expiries--
		fi;
		k_lease[me] = false }

	/* A swap that nobody waits for happens, or is refused. */
	:: atomic { late_seq[me] ->
		if
		:: newest == late_seq[me] - 1 ->
			store_swap(late_seq[me], late_token[me])
		:: else
		fi;
		late_seq[me] = 0;
		late_token[me] = 0 }

	/* Another gateway evicts this one, and finds that it has ended. */
	:: atomic { mark[me] < told[me] && ANY(WATCHES) &&
		    ((evictions && !(ROLES && !me)) || d_state[me] == DOWN) ->
		if
		:: d_state[me] == DOWN
		:: else -> evictions--
		fi;
		mark[me] = told[me] }
	:: atomic { ended[me] < mark[me] && ANY(WATCHES) && LEASE_OVER ->
		ended[me] = mark[me] }
	/* The fence command cuts its power. */
	:: atomic { fences && fenced[me] < ended[me] && ANY(WATCHES) ->
		fences--;
		fenced[me] = ended[me];
		if
		:: up[me] -> machine_stops()
		:: else
		fi }
	od
}

/*
 * Rules 1 and 2: nothing is admitted under a state that a GOOD has ended; rule
 * 3: PR IN does not go back.
 */
#define UNSAFE(g) (ADMITS(g) && \
		   (k_seq[g] < good || (k_settled[g] && k_seq[g] < shown)))
/* All that faults have left alive is in order, and has answered. */
#define AT_REST(g) (!up[g] || d_state[g] == DOWN || \
		    (o_state[g] == IDLE && k_lease[g] && k_valid[g] && \
		     k_settled[g] && k_seq[g] == newest && !outs[g]))
#define UNREST(g) (!AT_REST(g))

active proctype judge()
{
end:	do
	:: atomic { ANY(UNSAFE) -> assert(false) }
	:: atomic { timeout -> assert(!ANY(UNREST)); break }
	od
}

init
{
	byte me, i;

	atomic {
		me = 0;
		do
		:: me < N ->
			up[me] = true;
			k_term[me] = 1;
			k_lease[me] = true;
			k_valid[me] = true;
			k_seq[me] = 1;
			k_settled[me] = true;
			told[me] = 1;
			rec_term[me] = 1;
			rec_inst[me] = 1;
			rec_end[me] = 1;
			d_state[me] = SERVING;
			d_term[me] = 1;
			engine_reset();
			out_end();
			e_joined[me] = true;
			e_newest[me] = 1;
			e_inst[me] = 1;
			e_end[me] = 1;
			e_settled[me] = 1;
			e_told[me] = 1;
			outs[me] = (me -> OTHERS : OUTS);
			run daemon(me);
			run kernel(me);
			run world(me);
			me++
		:: else -> break
		od;
		me = 0
	}
}
