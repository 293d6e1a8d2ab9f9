/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When a gateway may be held to have ended: heartbeats, the lease that each of
 * them gives its kernel, the mark that evicts, and clocks that drift.
 *
 * Gateway 0 serves.  With MACHINES 2 a second machine is started under the same
 * name at any time.  One observer looks at their heartbeat.  What has
 * to hold is what change.pml builds on: once the observer takes a term for
 * ended, no kernel has a lease in that term.
 *
 * Time is counted in ticks, and only the time that has passed since something
 * is kept, up to where it makes no difference any more, so there is no end of
 * it.  Ticks come between any two steps and in any number: every process may
 * be as slow as it likes, or stand still for ever.
 *
 * Drift: the observer's clock may gain one tick against the gateways' in
 * LEASE + MARGIN ticks of its own.  (What it loses makes it wait longer.)
 */
#ifndef LEASE
#define LEASE 3
#endif
#ifndef MARGIN
#define MARGIN 1
#endif
#ifndef MACHINES
#define MACHINES 1
#endif
#ifndef BEATS
#define BEATS 4 /* that there are */
#endif
#define WAIT (LEASE + MARGIN)

#ifdef BUG_NO_MARGIN
#define QUIET LEASE
#else
#ifdef BUG_NO_WAIT
#define QUIET 0
#else
#define QUIET WAIT
#endif
#endif

/* The store. */
byte beat = 1; /* number of the heartbeat that is there; each has its own */
byte beats = 1;
byte term_of[BEATS + 2];
byte mark; /* evicted from all terms up to this one */

/* The kernels. */
byte k_term[MACHINES];
byte k_left[MACHINES]; /* of the lease, in ticks of that machine */

/* The daemons. */
byte since[MACHINES]; /* since the heartbeat was begun, up to LEASE */
byte calm[MACHINES]; /* since its name's heartbeat was seen to change */

/* The observer. */
byte quiet; /* since it saw another heartbeat, up to WAIT */
byte ended; /* terms up to this one have */

/* Ticks of the observer until its clock may gain again. */
byte steady;

/* A clock that stands still with its machine drifts without bound. */
#ifdef BUG_CLOCK_STOPS
#define DRIFTS true
#else
#define DRIFTS (!steady)
#endif
#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define HELD(m) (k_left[m] && k_term[m] <= ended)

inline tick_machine(m)
{
	if
	:: k_left[m] -> k_left[m]--
	:: else
	fi;
	if
	:: since[m] < LEASE -> since[m]++
	:: else
	fi
}

/* A name is watched by the machine's own clock; drift goes against it, too. */
inline tick_watch(m)
{
	if
	:: calm[m] < WAIT -> calm[m]++
	:: else
	fi
}

inline tick_observer()
{
	if
	:: quiet < WAIT -> quiet++
	:: else
	fi
}

active proctype time()
{
end:	do
	:: atomic { true ->
		tick_machine(0);
		tick_observer();
#if MACHINES > 1
		tick_machine(1);
		tick_watch(1);
#endif
		if
		:: steady -> steady--
		:: else
		fi }
	:: atomic { DRIFTS ->
		steady = WAIT;
#if MACHINES > 1
		tick_machine(1);
		tick_watch(1);
#endif
		tick_observer() }
	od
}

#ifdef BUG_READ_FIRST
#define MARK_EARLY mark
#define MARK read
#else
#define MARK_EARLY 0
#define MARK mark
#endif
#ifdef BUG_COUNT_LATE
#define SINCE_LATE since[me] = 0
#else
#define SINCE_LATE skip
#endif

/* One machine: its daemon; the kernel is what it does at once. */
proctype machine(byte me)
{
	byte term; /* of the daemon */
	byte own; /* our last heartbeat */
	byte seen; /* last heartbeat of our name, while we wait */
	byte read; /* mark that was read */

	/* A kernel without a term, and a name that somebody has used. */
start:	if
	:: me == 0 -> term = 1
	:: else ->
		atomic { seen = beat; calm[me] = 0 };
		do
		:: atomic { beat != seen -> seen = beat; calm[me] = 0 }
		:: atomic { calm[me] >= QUIET && beat == seen -> break }
		od;
#ifndef BUG_NAME_NO_MARK
		atomic { mark = MAX(mark, term_of[seen]) };
		if
		:: atomic { beat != seen -> goto start }
		:: atomic { beat == seen -> skip }
		fi;
#endif
		atomic { term = term_of[seen] + 1; own = seen }
	fi;

begin:	/* LEASE with a new term: the kernel gives up what it has. */
	atomic { k_left[me] = 0; k_term[me] = term };

	/*
	 * What only makes a lease shorter if it comes later (the kernel's
	 * taking it) comes at once, and the clock is read at the last moment
	 * that it may.
	 */
end:	do
	/* The heartbeat that is there is not ours: stop. */
	:: atomic { beats <= BEATS && own && beat != own ->
		k_left[me] = 0;
		break }
	:: atomic { beats <= BEATS && (!own || beat == own) ->
		read = MARK_EARLY;
		since[me] = 0 };
		/* It is no compare-and-swap. */
		if
		:: atomic { beats <= BEATS ->
			beats++;
			beat = beats;
			own = beats;
			term_of[beats] = term }
		:: atomic { beats > BEATS -> break }
		fi;
		if
		:: atomic { MARK < term ->
			SINCE_LATE;
			k_left[me] = LEASE - since[me];
			read = 0 }
		:: atomic { MARK >= term && term < 3 ->
			term = mark + 1;
			read = 0;
			goto begin }
		:: atomic { MARK >= term && term == 3 -> break }
		/* The daemon was killed; the next goes on in the term. */
		:: atomic { read = 0 }
		fi
	od
}

/*
 * A mark that somebody else made may be younger than the reading of the
 * heartbeat that it is found with, so our own counts.
 */
#ifdef BUG_FOREIGN_MARK
#define MARKED mark
#else
#define MARKED own
#endif

active proctype observer()
{
	byte seen = 1; /* heartbeat last seen */
	byte own = 0; /* newest term that we have evicted it from */
	byte read;

end:	do
	:: atomic { read = beat };
		/* The answer comes, and only then the clock is looked at. */
		if
		:: atomic { read != seen ->
			seen = read;
			quiet = 0;
			/* A later term voids the earlier ones. */
			ended = MAX(ended, term_of[read] - 1);
			read = 0 }
		:: atomic { read == seen && quiet < QUIET -> read = 0 }
		:: atomic { read == seen && quiet >= QUIET &&
			    MARKED < term_of[seen] ->
			own = term_of[seen];
			mark = MAX(mark, own);
			read = 0;
#ifdef BUG_ONE_LOOK
			ended = MAX(ended, own)
#endif
			}
		/* The mark was there when this reading began. */
		:: atomic { read == seen && quiet >= QUIET &&
			    MARKED >= term_of[seen] ->
			ended = MAX(ended, term_of[seen]);
			read = 0 }
		fi
	od
}

active proctype judge()
{
end:	do
	:: atomic { HELD(0) -> assert(false) }
#if MACHINES > 1
	:: atomic { HELD(1) -> assert(false) }
#endif
	od
}

init
{
	atomic {
		term_of[1] = 1;
		run machine(0);
#if MACHINES > 1
		run machine(1)
#endif
	}
}
