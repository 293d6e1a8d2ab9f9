/* SPDX-License-Identifier: GPL-2.0-only */
/* Model change.pml: what may go wrong. */

inline flush(c)
{
	do
	:: c?_,_
	:: empty(c) -> break
	od
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

#ifdef LOSS
	:: atomic { !mute && !me -> mute = true }
#endif
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
