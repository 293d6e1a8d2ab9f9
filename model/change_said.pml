/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Model change.pml: what announcements carry.  SAID: what its sender's kernel
 * enforces.  TOLD: the newest version that its sender knows to be stored.
 *
 * What was announced may come at any later moment, as often as it likes, in
 * whatever term and life the receiver is then; so nothing has to be sent twice,
 * and what is lost is what never comes.  (Of what one has said, only the newest
 * may come: what it said before could have come before that was said.)
 *
 * A run does not end as long as something may come; so that progress depends on
 * nothing of it, with LOSS there is a moment from which on nothing comes.
 */
#ifdef SAID
byte s_term[N]; /* the life that it was said in */
byte s_life[N];
byte s_inst[N];
byte s_end[N];
#endif
#ifdef TOLD
byte announced[N]; /* newest version that it has sent */
#endif
bool mute; /* nothing comes any more */

/* The engine knows that v is stored, and sends it. */
inline e_knows(v)
{
	e_newest[me] = v;
#ifdef TOLD
	announced[me] = MAX(announced[me], e_newest[me])
#endif
}

/* The kernel has installed a version, or has ended what had to end. */
inline say()
{
#ifdef SAID
	s_term[me] = d_term[me];
	s_life[me] = d_life[me];
	s_inst[me] = e_inst[me];
	s_end[me] = e_end[me]
#else
	skip
#endif
}

inline loaded()
{
	e_load[me] = false;
	e_loaded[me] = true;
#ifdef BUG_SAID_EARLY
	say();
	s_inst[me] = e_newest[me];
#endif
	skip
}

inline swap_begins()
{
#ifdef BUG_TOLD_EARLY
	announced[me] = o_seq[me];
#endif
	o_state[me] = SWAP
}

/*
 * It counts for the record of the same life; what is less, does not.  With
 * SAID_ANY_LIFE of any: that does no harm either.
 */
#ifdef SAID_ANY_LIFE
#define SAME_LIFE(i) true
#else
#define SAME_LIFE(i) (s_term[i] == l_seen[me].term[i] && \
		      s_life[i] == l_seen[me].life[i])
#endif
#define SAYS(i) (i != me && SAME_LIFE(i) && \
		 (s_inst[i] > l_seen[me].inst[i] || \
		  s_end[i] > l_seen[me].end[i]))

inline said_take()
{
	i = 0;
	do
	:: i < N && SAYS(i) ->
		l_seen[me].inst[i] = MAX(l_seen[me].inst[i], s_inst[i]);
		l_seen[me].end[i] = MAX(l_seen[me].end[i], s_end[i]);
#ifdef BUG_SAID_BY_ANOTHER
		l_seen[me].inst[me] = s_inst[i];
#endif
		i++
	:: i < N && !SAYS(i) -> i++
	:: i == N -> break
	od;
	i = 0
}

/*
 * The next version is taken as if it had been loaded, but only after a load in
 * this term.  It need not be what the store holds now: who wants that loads.
 * With TOLD_IS_LOAD not: that does no harm either, for nothing is newer than
 * the version after the one that is installed here.
 */
#ifdef BUG_TOLD_UNJOINED
#define MAY_TAKE (o_state[me] != UNCLEAR)
#else
#define MAY_TAKE (e_loaded[me] && o_state[me] != UNCLEAR)
#endif
#ifdef BUG_TOLD_BACK
#define TAKEN (e_newest[me] - 1)
#else
#define TAKEN (e_newest[me] + 1)
#endif
#define TELLS(i) (i != me && TAKEN > 0 && announced[i] >= TAKEN)

inline told_take()
{
	e_knows(TAKEN);
#ifdef BUG_TOLD_UNJOINED
	e_loaded[me] = true;
#endif
#ifdef TOLD_IS_LOAD
	e_load[me] = false;
#endif
	skip
}
