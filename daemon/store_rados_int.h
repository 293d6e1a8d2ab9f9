/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the RADOS store share.  Start with store_rados.c, the
 * layout and the rules are explained there.
 */
#ifndef TCMU_PR_STORE_RADOS_INT_H
#define TCMU_PR_STORE_RADOS_INT_H

#include <pthread.h>
#include <rados/librados.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rbd_config.h"
#include "store.h"
#include "store_rados_addr.h"

enum sr_limits {
	SR_STRING_MAX = 8 << 20,
	SR_VERSION_MAX = 2048, /* bytes of a version's key */
	SR_RECORD_MAX = 256, /* of a member's, a heartbeat's */
	SR_TOKEN_CAP = STORE_GATEWAY_MAX + 2 * 17 + 1,
	SR_IDENTITY_CAP = 1024,
	SR_OID_CAP = 128, /* of the names of our objects, with the NUL */
	SR_IMAGE_ID_MAX = 64,
	SR_GATEWAYS_MAX = 1000, /* an OSD's limit for one reading is 1024 */
	SR_BUCKETS = 1024,
	SR_TIMEOUT_S = 5, /* of an operation, at most */
	SR_HOSTS_MAX = 8, /* IP addresses of a gateway */
	SR_WATCH_S = 6, /* the OSD drops a watch after so long a silence */
	/*
	 * Longest version that a notification carries: about 200 registrations.
	 * It goes over the network twice for each gateway, whether that one
	 * needs it or not, and all to the OSDs of a few small objects.  Up to
	 * here that takes less than the reading that it saves; the longest
	 * string, of 2 MB, does not.
	 */
	SR_CARRY_MAX = 32 << 10,
	SR_NOTIFY_MAX = 256 << 10, /* of a notification that carries versions */
	SR_ANSWER_CAP = STORE_GATEWAY_MAX + 24, /* of a plain answer to one */
	/*
	 * The longest wait of an answer.  Others of the gateways that are told
	 * wait for it as well, and a kernel mostly has installed a version in a
	 * few milliseconds.
	 */
	SR_OWED_MS = 100,
};

/* A connection; all with the same file, user and timeout share it. */
struct sr_conn {
	struct sr_conn *next; /* with refs: under store->lock */
	unsigned int refs;
	char conf[RBD_PART_MAX];
	char id[RBD_PART_MAX];
	unsigned int timeout_s;
	rados_t cluster;
	char fsid[40];
	/* Its client was blocklisted, which it stays: make another one. */
	atomic_bool dead;
	long long made_at; /* ms */
	/* For this host's addresses, ms; 0: not yet.  Under clients.lock. */
	long long looked;
};

/* A pool and namespace by one connection. */
struct sr_place {
	atomic_uint refs;
	struct sr_conn *conn;
	rados_ioctx_t io;
	int64_t pool; /* its number */
};

/* Where to find a pool and namespace; the place, when there is one. */
struct sr_target {
	struct rbd_config name; /* all but the image */
	unsigned int timeout_s;
	int64_t pool; /* its number, which counts once it is known; or -1 */
	struct sr_place *place; /* under store->lock */
};

/* An omap value, from malloc(), followed by a NUL that does not count. */
struct sr_value {
	char *data; /* NULL: there is no such key */
	size_t len;
};

/* What a version's key says. */
struct sr_version {
	uint64_t seq; /* 0: there is no version yet */
	char image[SR_IDENTITY_CAP];
	char writer[SR_TOKEN_CAP];
};

/* What a gateway says of itself. */
struct sr_says {
	struct sr_says *next;
	struct store_member member;
};

/* A version that was announced. */
struct sr_carried {
	uint64_t seq;
	size_t len;
	char str[];
};

/* What is heard of an image; what it points to is in the notification. */
struct sr_heard {
	const char *identity;
	size_t len;
	bool carries; /* the message; else there is news */
	struct store_message message;
};

/* An image, by the name of a logical unit. */
struct sr_image {
	struct sr_image *next; /* in its bucket; with refs: store->lock */
	unsigned int refs;
	/* In its bucket by identity; under store->lock, while in the table. */
	struct sr_image *same;
	unsigned int bucket;
	char *lu;
	struct sr_target target;
	char id[SR_IMAGE_ID_MAX + 1];
	char header[SR_OID_CAP];
	char own[SR_OID_CAP]; /* our object beside it */
	char identity[SR_IDENTITY_CAP];
	int64_t data_pool; /* its number, or -1: where the header is */
	atomic_bool joined; /* between join() and leave() */
	/* Under store->lock; see store_rados_cut.c. */
	bool served; /* its pools are known, and are ours */
	bool settled; /* who was cut off before that is so from them, too */
	bool news; /* under store->news.lock, and so */
	struct sr_says *says; /* what members of it have said */
	struct sr_carried *carried; /* the newest version, or NULL */
	bool homeless; /* under member: refused by sr_home_check(), and said */
	atomic_bool marked; /* we have seen that it is marked as created */
	pthread_mutex_t lock; /* of what follows; held for no I/O */
	struct sr_value version; /* as last seen or written */
	/* Is that of another image, and load() has said so? */
	bool foreign;
	pthread_mutex_t member; /* around all changes of our member record */
	struct sr_value record; /* as last seen or written; under member */
};

/* IP addresses of a gateway; all Ceph clients there have one of them. */
struct sr_hosts {
	unsigned int count;
	char ip[SR_HOSTS_MAX][SR_IP_CAP];
};

struct sr_watch;
struct sr_peer;
struct sr_pools;
struct sr_reached;

struct store {
	char gateway[STORE_GATEWAY_MAX + 1];
	uint64_t incarnation;
	atomic_ullong counter; /* of tokens */
	struct sr_target home;
	char inbox[SR_OID_CAP];
	pthread_mutex_t lock; /* held for no I/O */
	pthread_mutex_t connect; /* around making connections */
	struct sr_conn *conns;
	struct sr_conn failed; /* the last one that could not be made */
	long long failed_at; /* ms */
	int failed_ret;
	struct sr_image *images[SR_BUCKETS];
	struct sr_image *same[SR_BUCKETS]; /* the same ones, by identity */
	struct sr_reached *reached; /* what cut() did; under lock */
	struct {
		pthread_mutex_t lock;
		pthread_cond_t cond;
		bool woken;
		bool all; /* there is news of all logical units */
		bool any; /* of one, at least, */
		bool heard[SR_BUCKETS]; /* in these buckets by identity */
		pthread_t publisher;
		bool publishing; /* there is that thread */
		bool closing;
		pthread_cond_t closed; /* pairs with it */
		bool sleeping; /* news() is called, and waits */
		struct sr_owed *owed; /* answers */
		/* Of news() alone, which one thread at a time calls: */
		struct sr_watch *watch;
		long long looked; /* after the watch, ms */
		bool stale; /* the OSD has not answered its pings for long */
	} news;
	struct {
		pthread_mutex_t lock;
		pthread_cond_t cond;
		struct sr_peer *peers;
	} post;
	struct {
		pthread_mutex_t one; /* beat() at a time; around lock */
		pthread_mutex_t lock; /* of the rest; held for no I/O */
		bool begun; /* there was a call of beat() */
		struct sr_value known; /* ours, as last seen or written */
	} beat;
	struct sr_clients {
		pthread_mutex_t lock; /* held during I/O */
		struct sr_hosts hosts; /* as written down */
	} clients;
};

/* store_rados_io.c: helpers that return 0 or a negative errno. */
long long sr_now_ms(void);
void sr_deadline(struct timespec *ts, long long ms);
bool sr_gateway_ok(const char *name);
bool sr_parse_u64(const char **text, uint64_t *value);
/* Notes what an operation at @place returned; returns that. */
int sr_noted(struct sr_place *place, int ret);
void sr_value_free(struct sr_value *value);
int sr_value_copy(struct sr_value *to, const struct sr_value *from);
bool sr_value_same(const struct sr_value *a, const struct sr_value *b);
int sr_value_take(struct sr_value *value, const char *data, size_t len);
/*
 * Reads @count keys at once.  -ENOENT: there is no such object.  -EFBIG: one
 * is longer than @max.
 */
int sr_read(struct sr_place *place, const char *oid, const char *const *keys,
	    size_t count, size_t max, struct sr_value *values);
/*
 * Sets the @count keys if the first one has the value @old (which may be that
 * there is none).  -ECANCELED: it has not.  @must_exist: the object, else
 * -ENOENT.
 */
int sr_cas(struct sr_place *place, const char *oid, bool must_exist,
	   const struct sr_value *old, const char *const *keys,
	   const struct sr_value *values, size_t count);
int sr_remove_key(struct sr_place *place, const char *oid, const char *key,
		  const struct sr_value *old);
/* May an operation that returned @ret have been done, or still be? */
bool sr_is_unclear(int ret);
/* A key for each gateway that has one of this kind: KIND.GATEWAY. */
int sr_key(char key[SR_OID_CAP], const char *kind, const char *gateway);
typedef int (*sr_each_fn)(void *arg, const char *key, const char *val,
			  size_t len);
/* All that begin with one of the @count @prefixes, at one moment. */
int sr_each(struct sr_place *place, const char *oid,
	    const char *const *prefixes, size_t count, sr_each_fn fn,
	    void *arg);
bool sr_object_gone(struct sr_place *place, const char *oid);

/* store_rados_open.c */
int sr_open(struct store **store, const char *where, const char *gateway,
	    uint64_t incarnation, char **err);
void sr_close(struct store *store);
/*
 * The place of @target, connecting (anew) if need be.  To be put; not from a
 * callback of librados.
 */
int sr_place_get(struct store *store, struct sr_target *target,
		 struct sr_place **place);
void sr_place_put(struct store *store, struct sr_place *place);
struct sr_place *sr_place_hold(struct sr_place *place);
void sr_target_drop(struct store *store, struct sr_target *target);

/* store_rados_image.c */
/*
 * The image of @lu, resolved if it is not known yet; with @joining, also if it
 * is.  To be put.
 */
int sr_image_get(struct store *store, const char *lu, bool joining,
		 struct sr_image **image);
void sr_image_put(struct store *store, struct sr_image *image);
void sr_image_forget(struct store *store, struct sr_image *image);
/*
 * From now on, until it is left, @image's pools are ours.  1: they are settled
 * already, by it or by others.  -EAGAIN: it was left meanwhile.
 */
int sr_image_serve(struct store *store, struct sr_image *image);
void sr_image_settle(struct store *store, struct sr_image *image);
void sr_image_left(struct store *store, struct sr_image *image);
/*
 * All images that are served: *@list to be freed after each of them was put.
 * Those of other clusters than the home's are not.
 */
int sr_images_served(struct store *store, struct sr_image ***list,
		     size_t *count);
/* Adds their pools. */
int sr_images_pools(struct store *store, struct sr_pools *pools);
/*
 * These call @fn under store->lock: of all images; of those with an identity,
 * which may be one by several names; of those in some buckets by identity.
 */
void sr_images_each(struct store *store,
		    void (*fn)(void *arg, struct sr_image *image), void *arg);
void sr_images_same(struct store *store, const char *identity, size_t len,
		    void (*fn)(void *arg, struct sr_image *image), void *arg);
void sr_images_in(struct store *store, const bool buckets[SR_BUCKETS],
		  void (*fn)(void *arg, struct sr_image *image), void *arg);
void sr_images_drop(struct store *store);
/* The image that has no header any more is gone: -ESTALE.  Else @ret. */
int sr_image_ret(int ret);

/* store_rados_version.c */
/* A name for a write that no other has. */
void sr_token(struct store *store, char token[SR_TOKEN_CAP]);
int sr_version_make(struct sr_value *value, uint64_t seq, const char *image,
		    const char *writer, const char *touched);
/* -EBADMSG if it is not what we write. */
int sr_version_parse(const struct sr_value *value, struct sr_version *version);
/* What @image remembers: a copy. */
int sr_version_known(struct sr_image *image, struct sr_value *value,
		     bool *foreign);
void sr_version_know(struct sr_image *image, const struct sr_value *value,
		     bool foreign);
/*
 * Writes the version's key, and nothing else, so that no write that began
 * before can be done any more: each compares with what was there before.  0,
 * -ECANCELED: it was not @old.
 */
int sr_bump(struct store *store, struct sr_place *place,
	    struct sr_image *image, const struct sr_value *old);
/*
 * The same, whatever is there; for join().  In the same reading, finds the
 * image's data pool.
 */
int sr_bump_any(struct store *store, struct sr_place *place,
		struct sr_image *image);
int sr_marker_look(struct sr_place *place, struct sr_image *image,
		   bool *there);
int sr_marker_make(struct sr_place *place, struct sr_image *image);
extern const char sr_version_key[];
extern const char sr_info_key[];

/* store_rados_swap.c */
int sr_load(struct store *store, const char *lu, char **str, size_t *len,
	    uint64_t *seq);
int sr_swap(struct store *store, const char *lu, uint64_t expected,
	    const char *str, size_t len);
int sr_mark_lost(struct store *store, const char *lu, uint64_t seq,
		 const char *str, size_t len);

/* store_rados_member.c */
int sr_join(struct store *store, const char *lu, uint64_t term);
int sr_leave(struct store *store, const char *lu);
int sr_forget(struct store *store, const char *lu, const char *gateway);
int sr_ack(struct store *store, const char *lu, uint64_t term, uint64_t seq,
	   uint64_t ended);
int sr_members(struct store *store, const char *lu, struct store_member **list,
	       size_t *count);

/* store_rados_home.c */
/* -EREMOTE: the other members of @image meet elsewhere.  Under its member. */
int sr_home_check(struct store *store, struct sr_place *place,
		  struct sr_image *image);

/* store_rados_gateway.c */
extern const char sr_gateways_oid[]; /* in the home */
int sr_beat(struct store *store, const struct store_beat *beat,
	    uint64_t *evicted);
int sr_gateways(struct store *store, struct store_gateway **list,
		size_t *count);
int sr_evict(struct store *store, const char *gateway, uint64_t term);
int sr_fence(struct store *store, const char *gateway, uint64_t term);

/* store_rados_announce.c */
int sr_announce(struct store *store, const char *lu, const char *gateway,
		const struct store_message *message);
void sr_post_close(struct store *store);

/* store_rados_says.c */
/*
 * Of a notification: to be freed; @len without the end of its last line.  A
 * version that is too long is news, as is @message NULL.
 */
char *sr_says_text(const struct store *store, const char *identity,
		   const struct store_message *message, size_t *len);
/* False if what follows the identity and a blank is not what we write. */
bool sr_says_parse(const char *text, size_t len, struct store_member *says);
/*
 * One of what a notification says, from @text, before @end: returns where the
 * next begins.  What is not understood is news: somebody wanted to tell
 * something.
 */
const char *sr_says_read(const char *text, const char *end,
			 struct sr_heard *heard);
/* Puts it with what was said before; false: no memory. */
bool sr_says_keep(struct sr_says **list, const struct store_member *says);
void sr_says_drop(struct sr_says **list);
/* Keeps the newer version; false: there is news instead. */
bool sr_carried_keep(struct sr_carried **carried,
		     const struct store_message *message);

/*
 * store_rados_owed.c: answers to notifications that say what has become of the
 * version that was told.
 */
/* The plain one, without what says more; its bytes. */
int sr_answer(const struct store *store, char text[SR_ANSWER_CAP]);
/* False: answer this notification now. */
bool sr_owed_note(struct store *store, const struct sr_heard *heard,
		  uint64_t notify_id, uint64_t cookie);
/* Says it as an answer, if one is owed that it answers; else false. */
bool sr_owed_say(struct store *store, const char *identity,
		 const char *gateway, const struct store_message *message);
/* The plain answer to this one, if it is still owed. */
void sr_owed_now(struct store *store, uint64_t notify_id);
/* The same of all that should be there by @now, in ms. */
void sr_owed_tend(struct store *store, long long now);
/* How long that need not be called, in ms; under store->news.lock. */
long long sr_owed_left(const struct store *store, long long most);
void sr_owed_close(struct store *store);

/* store_rados_news.c */
/* Takes in what a notification says, or an answer; false: of no image here. */
bool sr_hear(struct store *store, const char *text, const char *end);
int sr_news(struct store *store, int timeout_ms, store_news_fn *fn, void *arg);
void sr_wake(struct store *store);
/* Watches the inbox, for the first time. */
int sr_news_open(struct store *store);
void sr_news_close(struct store *store);

/* store_rados_hosts.c */
/*
 * Sees that others know the addresses of this host that its clients of
 * @place's cluster can have.  To be called before they can write anything, and
 * now and then; nearly always, it does nothing.
 */
int sr_clients_publish(struct store *store, struct sr_place *place);

/* store_rados_cut.c */
int sr_cut(struct store *store, const char *gateway, uint64_t term);
int sr_lift(struct store *store, uint64_t term);
/*
 * Adds the pools that sr_cut() has waited for when it cut @gateway off in
 * @term, or later.  -ENOENT: its last call failed, or there was none.
 */
int sr_cut_reached(struct store *store, const char *gateway, uint64_t term,
		   struct sr_pools *pools);
void sr_cut_close(struct store *store);
/*
 * For join(), under image->member: nothing of those that were cut off before
 * reaches @image any more.
 */
int sr_cut_join(struct store *store, struct sr_image *image);

#endif
