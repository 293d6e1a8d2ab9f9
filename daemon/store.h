/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the string stands: the interface between the daemon and a store.
 *
 * A store keeps, for each logical unit ("lu", a name of the store's making),
 * the string under compare-and-swap, the members that serve it and the state
 * each has installed, and carries "there is news" from one gateway to
 * another.  The calls block; the daemon makes them from worker threads, so
 * every one may run at the same time as any other, also on the same lu.
 * They return 0 or a negative errno.  None of them decides anything about
 * persistent reservations; they do not read the string.
 */
#ifndef TCMU_PR_STORE_H
#define TCMU_PR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum {
	STORE_GATEWAY_MAX = 63, /* bytes of a gateway's name, without its NUL */
	STORE_BOOT_LEN = 16, /* bytes of a boot identifier */
};

/* What a heartbeat says.  Rules for terms: gateways.h. */
struct store_beat {
	uint64_t term; /* from 1 */
	uint64_t incarnation; /* of the daemon */
	uint64_t count; /* of its heartbeats: each is another one */
	uint32_t lease_ms; /* longest lease that its kernel has by this */
	uint8_t boot[STORE_BOOT_LEN];
};

/* A gateway, as the store knows it. */
struct store_gateway {
	char gateway[STORE_GATEWAY_MAX + 1];
	bool beaten; /* there is a heartbeat */
	struct store_beat beat; /* the newest one */
	uint64_t evicted; /* newest term that it is evicted from, 0: none */
	/*
	 * Newest term whose data path to the devices of all logical units that
	 * the asking gateway serves is fenced, 0: none is known.  So it differs
	 * with who asks, and when; but what was said once stays true, also of
	 * what is joined later.  To the gateway itself: to all there are.
	 */
	uint64_t fenced;
};

/* A gateway that serves a logical unit. */
struct store_member {
	char gateway[STORE_GATEWAY_MAX + 1];
	uint64_t incarnation;
	uint64_t term; /* in which it joined */
	uint64_t installed; /* newest version that its kernel enforces */
	/* Newest one that it enforces, and has ended all that had to end. */
	uint64_t ended;
	/*
	 * Newest version that it ever acknowledged, also before it joined
	 * again: there has been that version.
	 */
	uint64_t seen;
};

/* What an announcement carries. */
enum store_word {
	STORE_SAYS, /* what its sender's kernel enforces */
	STORE_VERSION, /* the newest version there is */
};

struct store_message {
	enum store_word word;
	/*
	 * STORE_SAYS: as ack() would record it, all but seen.  Gateway and
	 * incarnation are the sender's: the store puts them in.
	 */
	struct store_member says;
	/* STORE_VERSION: as load() would return it; it had been stored. */
	uint64_t seq;
	const char *str; /* valid during the call */
	size_t len;
};

/*
 * There is news about @lu (told once, however often it was announced).  Or, if
 * @message is not NULL, that was announced: of what one gateway has said of
 * itself, the newest, or more, which need not be in its member record yet; of
 * the versions, the newest.  It may come late, repeatedly, in another order,
 * or never; of a version too long to be carried, there is news.
 */
typedef void store_news_fn(void *arg, const char *lu,
			   const struct store_message *message);

struct store_ops {
	const char *type; /* as in the configuration: "dir", "rados" */

	/*
	 * Opens the store at @where for @gateway of @incarnation.  @where is
	 * the directory ("dir"), or where the gateways' own objects are
	 * ("rados"): POOL[/NAMESPACE][;conf=PATH][;id=USER].  Creates
	 * what is missing and safe to create.  On failure *@err is a text for
	 * the administrator, to be freed.  Takes the same time however many
	 * logical units there are.
	 */
	int (*open)(struct store **store, const char *where,
		    const char *gateway, uint64_t incarnation, char **err);
	void (*close)(struct store *store);

	/*
	 * The store's name for the logical unit of a TCMU device, from its
	 * dev_config and nothing else, so that all gateways find the same.
	 * At most @cap bytes with the NUL; -ENAMETOOLONG.
	 */
	int (*lu_name)(const char *dev_config, char *name, size_t cap);

	/*
	 * The newest version: *@str (to be freed), *@len, *@seq.
	 * -ENOENT: this logical unit was never created.  -ENODATA: it was,
	 * but its string is gone (lost).  -EXDEV: all three are set, but that
	 * string was made for another device and came along with a copy of it;
	 * a swap with @expected *@seq makes what it stores this device's own.
	 */
	int (*load)(struct store *store, const char *lu, char **str,
		    size_t *len, uint64_t *seq);

	/*
	 * Compare-and-swap: makes @str version @expected + 1 if the newest is
	 * @expected (0: the logical unit was never created).  Durable when it
	 * returns 0.  -EAGAIN: it is not, nothing was stored.  -EINPROGRESS:
	 * the outcome is not known.  Any other error: nothing was stored.
	 */
	int (*swap)(struct store *store, const char *lu, uint64_t expected,
		    const char *str, size_t len);

	/*
	 * Makes @str, a text that is no string, version @seq, which was in
	 * force once and is not there: so every gateway learns that the newest
	 * state is lost, and can replace it by a swap.  -EAGAIN: that version
	 * or a newer one is there after all.
	 */
	int (*mark_lost)(struct store *store, const char *lu, uint64_t seq,
			 const char *str, size_t len);

	/*
	 * This gateway serves @lu from now on, in its term @term, nothing
	 * installed yet.  A swap that an earlier incarnation of it had begun
	 * has happened when this returns, or never will.  The device is among
	 * those that the gateways that were said to be fenced, to this one, do
	 * not reach.
	 */
	int (*join)(struct store *store, const char *lu, uint64_t term);
	/* It does not any more. */
	int (*leave)(struct store *store, const char *lu);
	/*
	 * Another gateway does not any more; for one that is off.  -ENOENT: it
	 * is no member.
	 */
	int (*forget)(struct store *store, const char *lu, const char *gateway);
	/*
	 * Its kernel enforces version @seq, and commands that versions up to
	 * @ended (at most @seq) abort have ended.  -ENOENT: it is no member.
	 * -ESTALE: it is one in another term, or another daemon of its name.
	 * -EINVAL: one of them would go back.
	 */
	int (*ack)(struct store *store, const char *lu, uint64_t term,
		   uint64_t seq, uint64_t ended);
	/* All members, this gateway included: *@list to be freed. */
	int (*members)(struct store *store, const char *lu,
		       struct store_member **list, size_t *count);

	/*
	 * Replaces this gateway's heartbeat, then, and only then, reads from
	 * which term it was evicted.  -ESTALE, and nothing is replaced: the
	 * heartbeat that is there is of another daemon and not the one that
	 * was there at the last call (or, at the first call, at the last
	 * gateways()).  Durable if term or incarnation are new.
	 */
	int (*beat)(struct store *store, const struct store_beat *beat,
		    uint64_t *evicted);
	/* All gateways that ever beat: *@list to be freed, sorted by name. */
	int (*gateways)(struct store *store, struct store_gateway **list,
			size_t *count);
	/*
	 * Evicts @gateway from all its terms up to @term.  Durable when it
	 * returns 0, also if somebody else has done it before.
	 */
	int (*evict)(struct store *store, const char *gateway, uint64_t term);
	/*
	 * The same for "fenced": to be called after cut() has returned 0 for
	 * that term, and then it is of the devices which that call was about;
	 * or after something else has fenced it, and then of all.
	 */
	int (*fence)(struct store *store, const char *gateway, uint64_t term);

	/*
	 * Cuts @gateway, which has ended in term @term, off: when it returns 0,
	 * nothing that it had begun reaches the devices of the logical units
	 * that this gateway serves any more, until it has called lift().  Any
	 * error: that is not certain.  Takes long: seconds.  NULL: cannot be
	 * done.
	 *
	 * All of the machine is cut off, also from the store: until lift(), its
	 * own calls return -ESHUTDOWN (open() does not, and news() may not).
	 */
	int (*cut)(struct store *store, const char *gateway, uint64_t term);
	/*
	 * This gateway may write again what was cut off in terms before @term,
	 * at most its own: whatever those had begun has ended, and none of them
	 * will ever come again, also if the machine boots now.  So whoever gets
	 * -ESHUTDOWN from beat() or gateways() takes it for an eviction from the
	 * term that it is in: tells its kernel the next one, waits until nothing
	 * of earlier ones is in flight, lifts, and tries again.  0 also if
	 * nothing was cut off; not for good: who evicted it may not be done.
	 * @term UINT64_MAX: its kernel knows of no term, as after a boot, so
	 * nothing is in flight.  NULL where cut() is.
	 */
	int (*lift)(struct store *store, uint64_t term);

	/*
	 * Tells @gateway that there is news about @lu; or, if @message is not
	 * NULL, that, and no more.  Where the store does not carry any:
	 * -EOPNOTSUPP.
	 */
	int (*announce)(struct store *store, const char *lu,
			const char *gateway,
			const struct store_message *message);
	/*
	 * Waits up to @timeout_ms for news, calls @fn for each logical unit
	 * that has some, and returns their number or a negative errno.  Called
	 * by one thread at a time.
	 */
	int (*news)(struct store *store, int timeout_ms, store_news_fn *fn,
		    void *arg);
	bool carries; /* announce() with a message */
	/* Makes a waiting news() return soon; callable from any thread. */
	void (*wake)(struct store *store);
};

extern const struct store_ops store_dir_ops;
#ifdef TPR_RADOS
extern const struct store_ops store_rados_ops;
#endif

#endif
