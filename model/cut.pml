/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cutting off: one gateway, which has let writes pass, and others, which evict
 * it, have its machine cut off, and go on without it.  After a GOOD no write
 * that it had let pass lands.
 *
 * As in change.pml there is no time: a lease may end at any moment, and when it
 * has, or the kernel is in a later term, the gateway is held to have ended.
 * The PR OUT is one that waits for "ended" (PREEMPT AND ABORT); of a gateway
 * that has ended, every one waits for the same.
 *
 * There is one disk: what a gateway that joins another one waits for stands in
 * daemon/store_rados_cut.c.
 *
 * The blocklist is what the mons have decided, and what the OSDs know of that,
 * later.  A write that an OSD refuses has ended.
 *
 * A BUG_... that is defined makes the protocol wrong on purpose.
 */
#ifndef OTHERS
#define OTHERS 1 /* gateways that watch this one */
#endif
#ifndef EVICTIONS
#define EVICTIONS 2 /* of a gateway that is only late */
#endif
#ifndef WRITES
#define WRITES 1
#endif
#ifndef CRASHES
#define CRASHES 1 /* of the machine; whether it boots is open */
#endif

#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* In the store. */
bool stored; /* version 2, which takes the right to write away */
byte told = 1; /* term in the heartbeat */
byte mark; /* evicted from all terms up to this one */
byte fenced;
byte cut; /* terms up to this one are to be cut off */
byte lifted; /* nothing of those up to this one is under way */
byte rec_term = 1; /* member record */
bool rec_ended; /* version 2 installed, and all of before has ended */

/* The blocklist. */
bool listed;
bool refused; /* by OSDs */
bool behind; /* some OSD has an older map than there is */

/* Known by all who look: it has no lease in terms up to this one. */
byte ended;

/* The gateway's machine: kernel, and daemon. */
mtype = { DOWN, LOOK, SHUT, LIFTING, BEAT, RUN };
mtype state = RUN;
byte term = 1; /* the kernel's */
bool lease = true;
byte inst = 1; /* version; 0: none that counts in this term */
bool joined = true;
bool lifting; /* asked the mons to, not done yet */
byte flight[WRITES]; /* term in which each was admitted; 0: none */

/* The others. */
mtype = { IDLE, RECORD, LIST, WAIT, MARK };
bool good;

byte writes = WRITES;
byte evictions = EVICTIONS;
byte crashes = CRASHES;

#if WRITES == 1
#define QUIET (!flight[0])
#else
#define QUIET (!flight[0] && !flight[1])
#endif

/* The kernel gives up all it has, and no lease. */
inline term_begins()
{
	term = 1 + MAX(MAX(term, fenced), MAX(told, mark));
	lease = false;
	inst = 0;
	joined = false
}

inline admit(slot)
{
	assert(!good);
	writes--;
	flight[slot] = term
}

inline land(slot)
{
	/* Refused, or done. */
	assert(refused || !good);
	flight[slot] = 0
}

active proctype disk()
{
end:	do
	:: atomic { flight[0] -> land(0) }
#if WRITES > 1
	:: atomic { flight[1] -> land(1) }
#endif
	/* The OSDs get the newest map. */
	:: atomic { behind -> refused = listed; behind = false }
	od
}

#ifdef BUG_LIFT_EARLY
#define MAY_LIFT true
#else
#define MAY_LIFT QUIET
#endif
#ifdef BUG_LIFT_LATE
#define LIFTED true
#else
#define LIFTED (!lifting)
#endif
/*
 * Terms that were never told have no lease, and after a boot they may yet come:
 * so they are not over.
 */
#ifdef BUG_LIFT_UNTOLD
#define OVER (term - 1)
#else
#define OVER told
#endif
#ifdef BUG_QUIET_AT_ONCE
#define OWN_QUIET true
#else
#define OWN_QUIET QUIET
#endif

active proctype gateway()
{
end:	do
	/* The kernel: what a heartbeat gave it, and what that lets pass. */
	:: atomic { state == RUN && !lease && term > mark -> lease = true }
	:: atomic { lease && evictions -> lease = false }
	:: atomic { lease && inst == 1 && writes && !flight[0] -> admit(0) }
#if WRITES > 1
	:: atomic { lease && inst == 1 && writes && flight[0] && !flight[1] ->
		admit(1) }
#endif

	/* Evicted, and not cut off (or does not know it yet). */
	:: atomic { state == RUN && mark >= term && !refused ->
		term_begins();
		state = BEAT }
	/* Cut off: all calls say so. */
	:: atomic { (state == RUN || state == BEAT) && refused && listed &&
		    !lifting ->
		term_begins();
		state = SHUT }
	:: atomic { state == SHUT && MAY_LIFT ->
		lifting = true;
		state = LIFTING }
	/* It may be done more than once until it is answered. */
	:: atomic { lifting ->
		behind = behind || listed;
		listed = false;
		if
		:: lifting = false
		:: true
		fi }
	:: atomic { state == LIFTING && LIFTED ->
		lifted = MAX(lifted, OVER);
		state = BEAT }
	:: atomic { state == BEAT && !refused ->
		told = term;
		if
		:: mark >= term -> term_begins()
		:: else -> state = RUN
		fi }

	/* Join, then load; what is newer is heard of some day. */
	:: atomic { state == RUN && !joined && !refused ->
		rec_term = term;
		rec_ended = false;
		joined = true }
	:: atomic { state == RUN && joined && !refused &&
		    inst < 1 + stored && mark < term ->
		inst = 1 + stored }
	:: atomic { state == RUN && joined && !refused && inst == 2 &&
		    rec_term == term && !rec_ended && QUIET ->
		rec_ended = true }
	/* Nothing of before is under way. */
	:: atomic { state == RUN && fenced < term - 1 && !refused &&
		    OWN_QUIET ->
		fenced = term - 1 }

	/* The machine. */
	:: atomic { crashes && state != DOWN ->
		crashes--;
		lease = false;
		inst = 0;
		joined = false;
		lifting = false;
		flight[0] = 0;
#if WRITES > 1
		flight[1] = 0;
#endif
		term = 0;
		if
		:: state = DOWN
		:: state = LOOK
		fi }
	/* Boot: nothing is under way, so lift, then read. */
	:: atomic { state == LOOK ->
		term_begins();
		state = SHUT }
	od
}

#define VOID (ended >= rec_term || told > rec_term)
#ifdef BUG_NOT_FENCED
#define FENCED true
#else
#define FENCED (fenced >= rec_term)
#endif
#ifdef BUG_MARK_EARLY
#define EVERYWHERE true
#else
#define EVERYWHERE (!behind)
#endif

proctype other()
{
	mtype step = IDLE;
	byte cutting; /* term */

end:	do
	:: atomic { mark < told && (evictions || state == DOWN) ->
		if
		:: state == DOWN
		:: else -> evictions--
		fi;
		mark = told }
	:: atomic { ended < mark && (!lease || term > mark) -> ended = mark }

	/* Any of this may take any time. */
	:: atomic { step == IDLE && fenced < ended && told <= ended ->
		cutting = ended;
		step = RECORD }
	:: atomic { step == RECORD ->
		if
		:: lifted >= cutting -> step = MARK
		:: else ->
			cut = MAX(cut, cutting);
			step = LIST
		fi }
	:: atomic { step == LIST ->
		behind = behind || !listed;
		listed = true;
		step = WAIT }
	:: atomic { step == WAIT && EVERYWHERE -> step = MARK }
	:: atomic { step == MARK ->
		fenced = MAX(fenced, cutting);
		cutting = 0;
		step = IDLE }

	/* PR OUT: swap, then a look. */
	:: atomic { !stored -> stored = true }
	:: atomic { stored && !good && (rec_ended || (VOID && FENCED)) ->
		good = true }
	od
}

/* Every run ends, and then it is done. */
active proctype judge()
{
	atomic { timeout -> assert(good) }
}

init
{
	atomic {
		run other();
#if OTHERS > 1
		run other();
#endif
	}
}
