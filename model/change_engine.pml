/* SPDX-License-Identifier: GPL-2.0-only */
/* Model change.pml: the parts of the engine; "me" is whose. */

inline engine_reset()
{
	e_joined[me] = false;
	e_load[me] = false;
	e_loaded[me] = false;
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
		l_seen[me].life[i] = 0;
		l_seen[me].inst[i] = 0;
		l_seen[me].end[i] = 0;
		i++
	:: else -> break
	od;
	i = 0
}

/* What was said in the life that the record is of stays. */
inline look()
{
	i = l_at[me];
	if
	:: l_seen[me].term[i] == rec_term[i] &&
	   l_seen[me].life[i] == rec_life[i] ->
		l_seen[me].inst[i] = MAX(rec_inst[i], l_seen[me].inst[i]);
		l_seen[me].end[i] = MAX(rec_end[i], l_seen[me].end[i])
	:: else ->
		l_seen[me].term[i] = rec_term[i];
		l_seen[me].life[i] = rec_life[i];
		l_seen[me].inst[i] = rec_inst[i];
		l_seen[me].end[i] = rec_end[i]
	fi;
	l_at[me] = i + 1;
	i = 0
}

/* Our own record needs no look: it is as we made it. */
inline recorded()
{
	if
	:: l_at[me] <= N && l_seen[me].term[me] == d_term[me] &&
	   l_seen[me].life[me] == d_life[me] ->
		l_seen[me].inst[me] = e_inst[me];
		l_seen[me].end[me] = e_end[me]
	:: else
	fi
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
	:: o_seq[me] > e_newest[me] -> e_knows(o_seq[me])
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
#define SOME(test) (test(0) || test(1)) /* within the other */
#else
#define ANY(test) (test(0) || test(1) || test(2))
#define SOME(test) (test(0) || test(1) || test(2))
#endif

/*
 * Who is not in a look loads what was the newest when it began: so no more is
 * settled by it, whatever was said.
 */
#ifdef BUG_LOOK_OLD
#define LOOKED (l_at[me] == N -> e_newest[me] : 0)
#else
#define LOOKED (l_at[me] == N -> l_seq[me] : 0)
#endif
/*
 * UNRECORDED: our own kernel counts without our record, but for the first one,
 * if another gateway that lives has got so far.
 */
#define WITNESS(i) (i != me && l_seen[me].inst[i] >= LOOKED && \
		    !VOID(i, l_seen[me].term[i]))
#ifdef BUG_OWN_UNASKED
#define OWN(i) (i == me && SOME(WITNESS))
#else
#ifdef UNRECORDED
#define OWN(i) (i == me && rec_inst[me] && e_inst[me] >= LOOKED && \
		SOME(WITNESS))
#else
#define OWN(i) (false)
#endif
#endif
/* Of the last look of "me": who counts, and is behind that? */
#ifdef BUG_SETTLE_DEAF
#define BEHIND(i) (false)
#else
#define BEHIND(i) (l_seen[me].term[i] && l_seen[me].inst[i] < LOOKED && \
		   !OWN(i) && !VOID(i, l_seen[me].term[i]))
#endif
/* Has it changed since? */
#define MOVED(i) (l_seen[me].term[i] != rec_term[i] || \
		  l_seen[me].life[i] != rec_life[i] || \
		  l_seen[me].inst[i] < rec_inst[i] || \
		  l_seen[me].end[i] < rec_end[i])
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

/* Calls of it that are in flight are not taken back. */
inline daemon_stops()
{
	out_orphan();
	engine_reset();
	e_newest[me] = 0;
	d_term[me] = 0;
	d_next[me] = 0
}
