// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gateway's lease, from the daemon: until when, and in which term, the
 * other gateways wait for this one before they take a change for settled.
 * After that they may have gone on without it, so nothing may pass here.
 *
 * Nothing has to happen for a lease to end: who needs it looks at the clock.
 * That holds for a machine that stands still, too, as its CLOCK_BOOTTIME goes
 * on.  What is checked in time counts as executed in time, however long it
 * takes then: a command in flight, as seen by the others.
 *
 * The clock can be behind, though, when the machine goes on after it stood
 * still.  Kernels before 6.10 multiply the cycles since the last tick in 64
 * bits, which overflows after a quarter of an hour or more (2^64 by the clock
 * source's mult): from then until the first tick is over, the clock shows too
 * little.  And on all kernels a clock source whose counter is narrow (acpi_pm:
 * 4.7 s, hpet: 43 s or more) loses its whole turns for good.  Therefore the
 * guard: local_clock(), which on x86 is made of the TSC with more bits and
 * without ticks, must not be past the end by more than the difference that the
 * two clocks' rates may have.  Where that is no better than the clock itself
 * (no stable TSC), the guard says nothing.
 */
#include <linux/delay.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "netlink.h"
#include "tcmu_pr.h"
#include "tcmu_pr_dev.h"

#define LEASE_MAX_NS (TCMU_PR_LEASE_MAX_MS * (u64)NSEC_PER_MSEC)

struct tpr_lease tpr_lease;

/* Changes of tpr_lease, one after another. */
static DEFINE_MUTEX(lease_lock);

/* Both clocks as they were when they were last known to be right. */
static struct {
	u64 boot, local;
} seen; /* lease_lock */

void tpr_lease_init(void)
{
	seen.local = local_clock();
	seen.boot = ktime_get_boottime_ns();
}

/* What local_clock() may at most count while CLOCK_BOOTTIME counts @ns. */
static u64 at_most(u64 ns)
{
	return ns + ns / 8 + NSEC_PER_SEC / 4;
}

/*
 * The time, and a reading of local_clock() from before: if the machine stands
 * still after that, the guard made of it tells; if it did so before, then the
 * tick has brought the clock forward, or it never will.
 */
static u64 right_time(u64 *local)
{
	u64 now;

	lockdep_assert_held(&lease_lock);
	*local = local_clock();
	now = ktime_get_boottime_ns();
	if ((s64)(*local - seen.local) >
	    (s64)at_most(max_t(s64, now - seen.boot, 0))) {
		/* The second tick begins when the first one is over. */
		schedule_timeout_uninterruptible(1);
		schedule_timeout_uninterruptible(1);
		now = ktime_get_boottime_ns();
	}
	seen.local = *local;
	seen.boot = now;
	return now;
}

/* How long the lease still stands, ns; 0: there is none. */
u64 tpr_lease_left(void)
{
	u64 until = atomic64_read_acquire(&tpr_lease.until);
	s64 guard = atomic64_read_acquire(&tpr_lease.guard);
	u64 now = ktime_get_boottime_ns();

	return now < until && (s64)local_clock() < guard ? until - now : 0;
}

/*
 * Tells, once for each lease that has ended, that commands are refused for it.
 * Context: any.
 */
void tpr_lease_missed(void)
{
	static atomic64_t told;
	u64 until = atomic64_read(&tpr_lease.until);

	if (until && atomic64_read(&told) != until &&
	    atomic64_xchg(&told, until) != until)
		pr_warn("tcmu_pr: the lease of this gateway has ended, refusing what a reservation could forbid: see the daemon's log\n");
}

/* @limit jiffies, or less if the lease ends earlier, and at least one. */
unsigned long tpr_lease_slice(unsigned long limit)
{
	return min(limit, nsecs_to_jiffies(tpr_lease_left()) + 1);
}

/* What waits on the strength of the lease shall look at it. */
static void kick(struct tpr_dev *dev, void *arg)
{
	wake_up_all(&dev->view_wq);
	if (!tpr_lease_left())
		tpr_nl_fail_request(dev, -ESHUTDOWN);
}

static void begin_grace(struct tpr_dev *dev, void *arg)
{
	kick(dev, arg);
	dev->grace = start_poll_synchronize_srcu(&dev->srcu);
	dev->in_grace = true;
}

/* What was attached since has never seen the old term. */
static void wait_grace(struct tpr_dev *dev, void *arg)
{
	while (dev->in_grace &&
	       !poll_state_synchronize_srcu(&dev->srcu, dev->grace))
		usleep_range(500, 2000);
	dev->in_grace = false;
}

/*
 * A state belongs to the term in which it was pushed, so with the new term all
 * are void at once; then those go who looked before.  The grace periods of all
 * devices run at the same time.
 */
static void begin_term(u64 term)
{
	u64 before = tpr_lease_term();

	lockdep_assert_held(&lease_lock);
	/* No lease: a late look at the old term must not find a new end. */
	atomic64_set(&tpr_lease.until, 0);
	atomic64_set_release(&tpr_lease.term, term);
	tpr_dev_for_each(begin_grace, NULL);
	tpr_dev_for_each(wait_grace, NULL);
	pr_info("tcmu_pr: term %llu begins\n", term);
	tpr_quiet_begin(before, term);
}

static void set_until(u64 until)
{
	u64 before = atomic64_read(&tpr_lease.until);
	u64 local, now = right_time(&local);

	lockdep_assert_held(&lease_lock);
	if (now < until)
		local += at_most(until - now);
	atomic64_set_release(&tpr_lease.guard, local);
	atomic64_set_release(&tpr_lease.until, until);
	if (until < before)
		tpr_dev_for_each(kick, NULL);
}

/*
 * The lease is until @until in @term.  When this returns 0, no command can pass
 * any more on the strength of a state of an earlier term.  -EINVAL.
 * Context: process; with a new term it waits for a grace period.
 */
int tpr_lease_set(u64 term, u64 until)
{
	u64 now, have, unused;
	int err = -EINVAL;

	mutex_lock(&lease_lock);
	now = right_time(&unused);
	have = tpr_lease_term();
	if (term && term >= have &&
	    (until <= now || until - now <= LEASE_MAX_NS)) {
		if (term != have)
			begin_term(term);
		set_until(until);
		err = 0;
	}
	mutex_unlock(&lease_lock);
	return err;
}

/* The lease, if it stands, ends in @ms at the latest. */
void tpr_lease_clip(u32 ms)
{
	u64 unused, end;

	mutex_lock(&lease_lock);
	end = right_time(&unused) + ms * (u64)NSEC_PER_MSEC;
	if (end < atomic64_read(&tpr_lease.until))
		set_until(end);
	mutex_unlock(&lease_lock);
}
