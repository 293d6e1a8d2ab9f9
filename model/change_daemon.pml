/* SPDX-License-Identifier: GPL-2.0-only */
/* Model change.pml: the daemon. */

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
		d_life[me]++;
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
		:: !e_loaded[me] ->
			e_knows(newest);
			e_loaded[me] = true
		:: else ->
			rec_term[me] = d_term[me];
			rec_life[me] = d_life[me];
			rec_inst[me] = 0;
			rec_end[me] = 0;
			e_joined[me] = true
		fi
#else
		rec_term[me] = d_term[me];
		rec_life[me] = d_life[me];
		rec_inst[me] = 0;
		rec_end[me] = 0;
		e_joined[me] = true;
		e_load[me] = true
#endif
		}
	/* Somebody needs it, or an announcement (may be late) was heard. */
	:: atomic { ENGINE && (e_load[me] || HEARS(newest)) ->
		e_knows(newest);
		loaded() }
	/* And what else comes of what others have announced. */
#ifdef TOLD
	:: atomic { ENGINE && MAY_TAKE && !mute && ANY(TELLS) -> told_take() }
#endif
#ifdef SAID
	:: atomic { ENGINE && l_at[me] == N && !mute && ANY(SAYS) ->
		said_take() }
#endif

	:: atomic { ENGINE && e_loaded[me] && !e_pushing[me] &&
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
		rec_end[me] = e_end[me];
		recorded() }

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
	:: atomic { ENGINE && LOOKED > e_settled[me] && !ANY(BEHIND) ->
		e_settled[me] = LOOKED }
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
				swap_begins()
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
		    e_settled[me] >= o_seq[me] && LOOKED >= o_seq[me] &&
		    (o_token[me] != abort_token || FENCED_OFF) ->
		out_good() }
	/* "Stored, but not by all that it takes": the abort cannot be told. */
	:: atomic { ENGINE && o_state[me] == WAIT &&
		    o_token[me] == abort_token &&
		    e_settled[me] >= o_seq[me] && !FENCED_OFF && !fences ->
		out_end() }
	od
}
