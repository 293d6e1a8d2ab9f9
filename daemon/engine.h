/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The coherence engine: one object for each logical unit that this gateway
 * serves, between the kernel that enforces the state and the store that holds
 * it.  Events come in through the functions below, actions go out through
 * struct engine_ops.  There is no I/O, no clock and no thread in it, so that
 * a simulator runs many gateways of it in virtual time.
 *
 * Everything happens on one thread.  No action may call back into the engine
 * before it returns: results are reported later, as events.
 */
#ifndef TPR_ENGINE_H
#define TPR_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h" /* struct store_member, nothing else */

struct engine_lu;

enum {
	ENGINE_REASON_MAX = 256, /* bytes of a reason, with its NUL */
};

/* "No timer". */
#define ENGINE_NEVER UINT64_MAX

/* The calls of struct store_ops that the engine needs. */
enum engine_op {
	ENGINE_JOIN,
	ENGINE_LEAVE,
	ENGINE_ACK,
	ENGINE_LOAD,
	ENGINE_SWAP,
	ENGINE_MARK_LOST,
	ENGINE_MEMBERS,
	ENGINE_ANNOUNCE,
};

struct engine_call {
	enum engine_op op;
	uint64_t id; /* to be returned in the reply */
	uint64_t term; /* JOIN, ACK, ANNOUNCE of what is installed */
	/*
	 * ACK: installed; SWAP: expected; MARK_LOST: that one; ANNOUNCE: 0, or
	 * with @str that version, without what is installed.
	 */
	uint64_t seq;
	uint64_t ended; /* ACK, ANNOUNCE of what is installed */
	const char *gateway; /* ANNOUNCE */
	/* SWAP, MARK_LOST, ANNOUNCE: valid until the action returns. */
	const char *str;
	size_t len;
};

struct engine_reply {
	enum engine_op op;
	uint64_t id;
	int rc; /* what the store returned */
	uint64_t seq; /* LOAD */
	char *str; /* LOAD (also -EXDEV): from malloc(), becomes the engine's */
	size_t len;
	struct store_member *members; /* MEMBERS: stays the caller's */
	size_t count;
};

enum engine_level {
	ENGINE_ERROR,
	ENGINE_WARNING,
	ENGINE_INFO,
	ENGINE_DEBUG,
};

/* Actions.  @arg is that of engine_new(). */
struct engine_ops {
	/* Monotonic time in ms. */
	uint64_t (*now)(void *arg);
	/* engine_timer() is wanted at @at (ENGINE_NEVER: not any more). */
	void (*timer)(void *arg, uint64_t at);
	/* Answered by exactly one engine_store_done(). */
	void (*store)(void *arg, const struct engine_call *call);

	/* To the kernel, in this order; meaning as in tcmu_pr.h. */
	void (*push)(void *arg, uint64_t seq, bool settled, const char *str,
		     size_t len);
	void (*invalidate)(void *arg, int status);
	/* @seq: with EBADMSG the version that is lost, 0: not known yet. */
	void (*get_done)(void *arg, uint64_t cookie, int status, uint64_t seq,
			 const char *str, size_t len);
	void (*set_done)(void *arg, uint64_t cookie, int status);

	/*
	 * Answers engine_repair().  0: @seq is stored and settled.  EEXIST: the
	 * state is not lost.  ENOENT: the string is not another device's, so
	 * there is nothing to adopt; EBADMSG: it is, and cannot be decoded.
	 * EAGAIN: another gateway was faster.  ETIMEDOUT: @seq is stored, but a
	 * member did not install it.  EINPROGRESS: it is not known whether it
	 * was stored.  Others: not stored.
	 */
	void (*repair_done)(void *arg, int status, uint64_t seq);

	/*
	 * After engine_removed(): the store does not know this gateway as a
	 * member any more and nothing is in flight: engine_free() may follow.
	 */
	void (*gone)(void *arg);
	/* @seq 0: none applies. */
	void (*log)(void *arg, enum engine_level level, uint64_t seq,
		    const char *text);
};

struct gateways;

/* The gateway; outlives its logical units. */
struct engine_conf {
	const char *gateway;
	uint64_t incarnation;
	uint32_t member_timeout_ms; /* wait for members at most so long */
	bool carries; /* the store's announcements carry messages */
	struct gateways *gateways; /* who is alive; our term */
};

enum engine_state {
	ENGINE_JOINING, /* nothing installed yet */
	ENGINE_UNSETTLED,
	ENGINE_READY,
	ENGINE_FAILED,
};

/* For the administrator. */
struct engine_status {
	enum engine_state state;
	uint64_t seq; /* newest version known, 0: none */
	uint64_t installed;
	uint64_t settled;
	const char *reason; /* of ENGINE_FAILED, or what is waited for */
	bool lost; /* and it is that the state is lost */
	bool foreign; /* and that is because it is another device's */
	const struct store_member *members; /* as last read */
	size_t count;
};

/* NULL when there is no memory. */
struct engine_lu *engine_new(const struct engine_ops *ops, void *arg,
			     const struct engine_conf *conf);
/* Only when no store call is in flight, or none will be answered. */
void engine_free(struct engine_lu *lu);

/*
 * DEVICE_ADDED: the kernel has the device, with the state number @seq of an
 * earlier daemon or none (0).  @identity is what stands in the string's
 * device field.  Also after engine_removed(), and again for the same device
 * when the connection to the kernel was lost.
 */
int engine_added(struct engine_lu *lu, const char *identity, uint64_t seq);
void engine_removed(struct engine_lu *lu);
void engine_get(struct engine_lu *lu, uint64_t cookie);
void engine_set(struct engine_lu *lu, uint64_t cookie, uint64_t expected,
		const char *str, size_t len);
/*
 * PUSH_PR_INFO_DONE, or a push that the kernel refused.  @status 0 or a
 * positive errno.
 */
void engine_push_done(struct engine_lu *lu, uint64_t seq, int status);
/* A command waits for @seq to be settled. */
void engine_settle(struct engine_lu *lu, uint64_t seq);
/* The store has news. */
void engine_news(struct engine_lu *lu);
/* Another gateway says what its kernel enforces: see store_news_fn. */
void engine_says(struct engine_lu *lu, const struct store_member *says);
/*
 * It says that this is the newest version: see store_news_fn.  False: that is
 * of no use here, so the store is asked.
 */
bool engine_told(struct engine_lu *lu, uint64_t seq, const char *str,
		 size_t len);
/*
 * gateways_term() is another one.  The kernel has given up the state, so join
 * again, load, push.  With 0, wait for a term.
 */
void engine_term(struct engine_lu *lu);
/* gateways_life() or gateways_fenced_off() says something else of somebody. */
void engine_lives(struct engine_lu *lu);
void engine_timer(struct engine_lu *lu);
void engine_store_done(struct engine_lu *lu, const struct engine_reply *reply);

/* What the administrator puts in place of a lost state. */
enum engine_repair {
	ENGINE_REPAIR_EMPTY, /* no registrations, no reservation */
	ENGINE_REPAIR_LAST, /* the newest one that was pushed to the kernel */
	ENGINE_REPAIR_STRING, /* that of a string */
	/* What another device's string says that stands in the store. */
	ENGINE_REPAIR_ADOPT,
};

/*
 * Replaces the lost state, with @force also one that is not lost, and waits
 * until that is settled: repair_done().  0; -EBUSY: another change is under
 * way; -ENODATA: ENGINE_REPAIR_LAST, and there is none; -EINVAL: the string
 * is none; -EXDEV: it is another device's; -ENOTCONN: not served.
 */
int engine_repair(struct engine_lu *lu, enum engine_repair how, bool force,
		  const char *str, size_t len);

void engine_status(const struct engine_lu *lu, struct engine_status *status);

#endif
