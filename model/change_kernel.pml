/* SPDX-License-Identifier: GPL-2.0-only */
/* Model change.pml: the kernel, and what initiators ask of it. */

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
		e_inst[me] = v;
		say()
	:: else
	fi
}

/* And nothing is under way any more that has to end for it. */
inline all_ended()
{
	if
	:: RUNNING(me) && e_inst[me] == k_wait[me] ->
		e_end[me] = k_wait[me];
		say()
	:: else
	fi;
	k_wait[me] = 0
}

proctype kernel(byte me)
{
	byte v, old;

end:	do
	:: atomic { up[me] && to_kernel[me]?[PUSH,v] ->
		to_kernel[me]?PUSH,v;
		assert(v <= newest); /* only what is stored is enforced */
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
