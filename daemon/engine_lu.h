/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the engine: shared by the engine_*.c files only. */
#ifndef TPR_ENGINE_LU_H
#define TPR_ENGINE_LU_H

#include "engine.h"
#include "gateways.h"
#include "tpr_string.h"

enum engine_times_ms {
	/* First and longest pause after a failure. */
	RETRY_FIRST_MS = 100,
	RETRY_MAX_MS = 2000,
	/* Longest pause before a push that the kernel was too busy for. */
	PUSH_MAX_MS = 1000,
	/* Pause between two looks at the members while they install. */
	POLL_FIRST_MS = 40,
	POLL_MAX_MS = 160,
	/* The same when they have not for member_timeout. */
	POLL_IDLE_MS = 2000,
	/* Any gateway announces a version that is unsettled for so long. */
	REANNOUNCE_MS = 200,
	/* Pause between two looks at what has to be fenced. */
	FENCE_MS = 1000,
	/* How long it waits so where there is no fence command. */
	NO_FENCE_MS = 4000,
	/* And for commands of a gateway that is alive. */
	ENDING_MS = 10000,
};

/* A version of the string. */
struct text {
	uint64_t seq; /* 0: none */
	char *str;
	size_t len;
	char writer[TPR_GATEWAY_MAX + 1];
	/* Where the holder of an SPC-2 reservation came in; "": none. */
	char scsi2[TPR_GATEWAY_MAX + 1];
	bool abort; /* the newest change is a PREEMPT AND ABORT */
	bool reset; /* the newest change is a LOGICAL UNIT RESET */
};

/* What is known of a member beside its record in the store. */
struct peer {
	uint64_t call; /* announcement in flight, 0: none */
	uint64_t told; /* version last announced */
	uint64_t told_at;
	int rc; /* of the last announcement */
	/*
	 * What it said itself, in the life of its record, which need not show
	 * that yet.  Of this gateway: what is in the store for certain.
	 */
	uint64_t installed;
	uint64_t ended;
	/* What we have said to it so, 0: nothing. */
	uint64_t said;
	uint64_t said_ended;
	bool gone; /* it has ended; and there was, or will be, a load since */
};

struct get {
	bool active;
	uint64_t cookie;
	uint64_t ticket; /* of the load that is fresh enough */
	uint64_t deadline;
};

enum set_phase {
	SET_SWAP, /* the swap is in flight */
	SET_UNCLEAR, /* find out whether it happened */
	SET_WAIT, /* stored: wait for the members */
};

struct set {
	bool active;
	bool repair; /* the administrator's, not the kernel's */
	bool doubt; /* an earlier swap of the same string was unclear */
	bool abort; /* PREEMPT AND ABORT */
	bool reset; /* LOGICAL UNIT RESET */
	bool unfenced; /* settled, but something may still reach the disk */
	enum set_phase phase;
	uint64_t cookie;
	uint64_t ticket; /* SET_UNCLEAR: of the load that tells */
	uint64_t deadline;
	uint64_t latest; /* SET_WAIT: the last one there is */
	uint64_t seq; /* version that the string would be */
	struct text text; /* the string, until it is known to be stored */
	struct tpr_writer token;
};

/* The administrator's request, until it becomes a set. */
struct repair {
	bool active;
	bool force;
	bool adopt; /* what it is, the load tells */
	uint64_t ticket; /* of the load that tells what is to be replaced */
	uint64_t deadline;
	struct text text; /* without a number yet */
};

/* All that a new DEVICE_ADDED begins afresh. */
struct run {
	/* Newest version that the kernel had, or was sent since; 0: none. */
	uint64_t kernel_seq;
	bool removed;
	bool left;
	bool gone; /* and said so */
	bool joined;
	uint64_t term; /* in which we joined */
	uint64_t join_load; /* ticket of the load that has to come then */
	bool looked; /* at the members since: their evidence counts */
	uint64_t looked_seq; /* newest when the last look done began */
	bool others; /* it, or one before, showed another one alive */
	bool doubtful; /* it showed one that may be */
	bool decided; /* if the newest version outlived a loss of power */
	bool dead; /* another daemon has this gateway's name */
	bool cleared; /* settled anything since we joined */
	uint64_t touch; /* version to be replaced before, 0: none */

	/* Calls in flight by id, 0: none.  Replies to others are ignored. */
	uint64_t call_load;
	uint64_t call_swap;
	uint64_t call_members;
	uint64_t call_mark;

	/*
	 * Loads by ticket: who needs what the store holds from now on takes
	 * ++load_wanted, and is served once load_done has reached it.
	 */
	uint64_t load_wanted;
	uint64_t load_ticket; /* of the load in flight */
	uint64_t load_done;
	uint64_t fail_ticket; /* the load that can end a failure */
	uint64_t load_floor; /* newest version known when it began */
	bool creating; /* the swap in flight is that of version 1 */

	struct text newest;
	uint64_t push_at; /* not before this time */
	uint64_t push_ms; /* pause before the next one */
	uint64_t pushing; /* version on its way into the kernel, 0: none */
	uint64_t installed; /* version that the kernel enforces, 0: none */
	/* And it has ended all that versions up to this one abort. */
	uint64_t ended;
	uint64_t acked; /* version that the store knows to be installed */
	uint64_t acked_ended; /* and up to which it knows that */
	uint64_t settled; /* newest version known to be settled */
	uint64_t settle_load; /* ticket of a load that has to come first */
	uint64_t settled_pushed; /* and the kernel knows it */

	bool members_wanted;
	bool acked_since; /* acked since the last look at the members began */
	bool look_acked; /* the look in flight began after that */
	uint64_t look_seq; /* newest when it began: all that it can settle */
	uint64_t hurry_until; /* a command waits for settlement */
	uint64_t unsettled_at; /* when the newest version became known */
	uint64_t poll_at;
	uint64_t poll_ms;

	uint64_t fence_at; /* time of the next look at it */
	uint64_t retry_at; /* no store call before this time */
	uint64_t retry_ms;
	int status; /* what the kernel was told by INVALIDATE, 0: nothing */
	/* With EBADMSG: version in the store that is lost, 0: not known yet. */
	uint64_t lost;
	uint64_t mark; /* version to be marked as lost, 0: none */
	struct text foreign; /* lost for being another device's; may be none */

	struct get get;
	struct set set;
	struct repair repair;
};

struct engine_lu {
	const struct engine_ops *ops;
	void *arg;
	const struct engine_conf *conf;
	char identity[TPR_DEVICE_MAX + 1];
	uint64_t now; /* at the event being handled */
	uint64_t armed; /* what the timer was last set to */

	uint64_t last_id;
	unsigned int inflight;
	/*
	 * join, ack and leave, one at a time: an ack that overtook a leave
	 * would make a member of a gateway that is none.  Survives r, as what
	 * is in flight does.
	 */
	uint64_t call_member;
	enum engine_op member_op;
	uint64_t member_seq; /* of the ack */
	uint64_t member_ended; /* of the ack */
	uint64_t member_term;
	bool maybe_member; /* a join was tried since the last leave */

	/*
	 * A swap that nobody asked for: it drops what a loss of power ends, for
	 * one.  Once that has begun it has to end before this gateway
	 * acknowledges anything or leaves: one that took effect later would
	 * drop a state that is alive.
	 */
	struct text own;
	const char *own_why; /* for the log */
	uint64_t call_own;
	bool own_doubt; /* an earlier swap of it was unclear */

	uint64_t writes; /* counts the engine's own, for their tokens */
	struct text last; /* newest of before DEVICE_ADDED; may be none */

	char reason[ENGINE_REASON_MAX]; /* last trouble, "": none */

	struct store_member *members; /* as last read */
	struct peer *peers; /* beside members, same index */
	size_t count;

	struct run r;
};

/* engine.c */
uint64_t lu_call(struct engine_lu *lu, struct engine_call *call);
void lu_member_call(struct engine_lu *lu, enum engine_op op, uint64_t seq);
bool lu_blocked(const struct engine_lu *lu);
void lu_kick(struct engine_lu *lu);
bool lu_self(const struct engine_lu *lu, const struct store_member *member);
/* Has the gateway ended in the term of this record? */
bool lu_ended(const struct engine_lu *lu, const struct store_member *member);
/* Something waits for an answer: do not save store calls. */
bool lu_urgent(const struct engine_lu *lu);
__attribute__((format(printf, 4, 5))) void lu_log(struct engine_lu *lu,
						  enum engine_level level,
						  uint64_t seq, const char *fmt,
						  ...);
/* There is no valid state: the kernel has to refuse. */
__attribute__((format(printf, 3, 4))) void
lu_fail(struct engine_lu *lu, int status, const char *fmt, ...);
/* The same with EBADMSG; @seq is the version in the store that is lost. */
__attribute__((format(printf, 3, 4))) void
lu_lost(struct engine_lu *lu, uint64_t seq, const char *fmt, ...);
/* Version @seq is lost and not in the store: make it known to all. */
__attribute__((format(printf, 3, 4))) void
lu_missing(struct engine_lu *lu, uint64_t seq, const char *fmt, ...);
/* The store does not answer; what is installed stays. */
void lu_trouble(struct engine_lu *lu, const char *what, int rc);
/* All is in order again. */
void lu_well(struct engine_lu *lu);
void lu_backoff(struct engine_lu *lu);

/* engine_text.c: the only place that looks into a string. */
struct tcmu_pr_info *text_decode(const char *str, size_t len,
				 struct tpr_string_error *err);
/* @str, from malloc(), becomes the text's. */
void text_take(struct text *text, const struct tcmu_pr_info *info, char *str,
	       size_t len);
void text_drop(struct text *text);
/* Encodes @info; 0 or -errno. */
int text_encode(struct text *text, const struct tcmu_pr_info *info);
/* The first string of a logical unit; 0 or -errno. */
int text_create(struct text *text, struct engine_lu *lu);
/*
 * @from (without a string: no registrations) as version @seq + 1, which
 * replaces version @seq; 0 or -errno.
 */
int text_repair(struct text *text, struct engine_lu *lu,
		const struct text *from, uint64_t seq,
		struct tpr_writer *writer);
/*
 * The registrations and the reservation of another device's string @from as
 * this one's, as the version after it; 0, -EBADMSG or another -errno.
 */
int text_adopt(struct text *text, struct engine_lu *lu,
	       const struct text *from, struct tpr_writer *writer);
/*
 * @from after a loss of power, as the version after it; 1: the loss changes
 * nothing; 0 or -errno.
 */
int text_power_loss(struct text *text, struct engine_lu *lu,
		    const struct text *from);
/* @from without its SPC-2 reservation, whose nexus is lost; 0 or -errno. */
int text_nexus_loss(struct text *text, struct engine_lu *lu,
		    const struct text *from);
/* The same state as @from, as the version after it; 0 or -errno. */
int text_again(struct text *text, struct engine_lu *lu,
	       const struct text *from);
/* What stands in the store for a version that is lost. */
void text_lost(char *buf, size_t cap, const struct engine_lu *lu, uint64_t seq);
/* True if @str is such a text. */
bool text_is_lost(const char *str, size_t len);

/* engine_install.c: from the store into the kernel. */
void step_join(struct engine_lu *lu);
void step_load(struct engine_lu *lu);
bool push_wanted(const struct engine_lu *lu);
void step_push(struct engine_lu *lu);
void step_ack(struct engine_lu *lu);
void step_leave(struct engine_lu *lu);
void member_done(struct engine_lu *lu, int rc);
/* Takes @reply->str. */
void load_done(struct engine_lu *lu, const struct engine_reply *reply);
void create_done(struct engine_lu *lu, int rc);
/* False: what the announcement carries is of no use, it is news. */
bool told_take(struct engine_lu *lu, uint64_t seq, const char *str, size_t len);
/* Makes @text the newest version; it becomes the engine's. */
void newest_set(struct engine_lu *lu, struct text *text);

/* engine_lost.c: lost states, and loss of power. */
void step_mark(struct engine_lu *lu);
void mark_done(struct engine_lu *lu, int rc);
/* Takes @reply->str, which is no string. */
void lost_take(struct engine_lu *lu, const struct engine_reply *reply,
	       const struct tpr_string_error *err);
/* Takes @reply->str, which is another device's; @says is its device field. */
void foreign_take(struct engine_lu *lu, const struct engine_reply *reply,
		  const char *says);
void step_decide(struct engine_lu *lu);
void step_repair(struct engine_lu *lu);
void repair_drop(struct engine_lu *lu);

/* engine_own.c: swaps of the engine's own accord. */
void step_own(struct engine_lu *lu);
void own_swap_done(struct engine_lu *lu, int rc);
/* Begins to store lu->own in place of its predecessor; @why for the log. */
void own_begin(struct engine_lu *lu, const char *why);
/* Ends an SPC-2 reservation whose gateway has ended. */
void step_release(struct engine_lu *lu);
/* Replaces r->touch by the same state. */
void step_touch(struct engine_lu *lu);

/* engine_settle.c: the other members. */
/* What member @i enforces, by its record or by what it said itself. */
uint64_t member_installed(const struct engine_lu *lu, size_t i);
uint64_t member_ended(const struct engine_lu *lu, size_t i);
void member_says(struct engine_lu *lu, const struct store_member *says);
/* This gateway has installed another version. */
void settle_again(struct engine_lu *lu);
/* This gateway's record is what the last ack made it. */
void own_recorded(struct engine_lu *lu);
void step_say(struct engine_lu *lu);
/*
 * Will somebody say what is missing for the newest version to be settled, or
 * that it is?  Then a look at the members can wait for a while.
 */
bool word_expected(const struct engine_lu *lu);
bool unsettled(const struct engine_lu *lu);
void step_members(struct engine_lu *lu);
void step_settled(struct engine_lu *lu);
void members_done(struct engine_lu *lu, const struct engine_reply *reply);
void announce_done(struct engine_lu *lu, const struct engine_reply *reply);
/* Tells the members that have not installed the newest version, when due. */
void announce_lagging(struct engine_lu *lu);
void announce_all(struct engine_lu *lu);
/*
 * Is all that keeps @seq from being settled that some members, which have
 * ended, are not fenced?
 */
bool only_unfenced(const struct engine_lu *lu, uint64_t seq);
/* Names of the members that lag behind @seq, for the log. */
void lagging_names(const struct engine_lu *lu, uint64_t seq, char *buf,
		   size_t cap);

/* engine_request.c: GET and SET. */
void step_get(struct engine_lu *lu);
void step_set(struct engine_lu *lu);
void get_failed(struct engine_lu *lu, uint64_t ticket, int status);
void swap_done(struct engine_lu *lu, int rc);
/* A load has shown @info: does it hold our unclear write? */
void set_resolve(struct engine_lu *lu, const struct tcmu_pr_info *info);
/* It has shown that version @seq is lost. */
void set_resolve_lost(struct engine_lu *lu, uint64_t seq);
/* Begins to store @text, from malloc(), in place of its predecessor. */
void set_begin(struct engine_lu *lu, struct text *text,
	       const struct tpr_writer *token);
void requests_drop(struct engine_lu *lu);

#endif
