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
 * With SAID and TOLD announcements carry more than "there is news", see
 * change_said.pml.
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

#include "change_state.pml"
#include "change_said.pml"
#include "change_engine.pml"
#include "change_kernel.pml"
#include "change_daemon.pml"
#include "change_world.pml"

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
			rec_life[me] = 1;
			rec_inst[me] = 1;
			rec_end[me] = 1;
			d_state[me] = SERVING;
			d_term[me] = 1;
			d_life[me] = 1;
			engine_reset();
			out_end();
			e_joined[me] = true;
			e_loaded[me] = true;
			e_knows(1);
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
