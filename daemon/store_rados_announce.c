// SPDX-License-Identifier: GPL-2.0-only
/*
 * Announcing in the RADOS store: a notification of the inbox of the gateway
 * that is told, one at a time to each.  What is announced while one is under
 * way goes with the next one, all together: a gateway that does not answer
 * holds up threads, but with thousands of logical units no more than that.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

enum {
	/* librados makes whole seconds of it, and thirty of none. */
	SR_NOTIFY_MS = 1000,
	/* Longest wait for the OSD, which then has not answered at all. */
	SR_NOTIFY_WAIT_MS = 2000,
	/* After no answer: what is announced fails at once. */
	SR_DEAF_MS = 500,
};

/* A notification; of its caller, or of its callback if that comes too late. */
struct sr_notify {
	struct store *store;
	struct sr_notify *next;
	struct sr_place *place;
	rados_completion_t done;
	char *reply;
	size_t reply_len;
	char *text;
	bool ended; /* under store->post.lock */
	int ret;
};

/* Somebody who waits in sr_announce(); on its stack. */
struct sr_post {
	struct sr_post *next;
	const char *text;
	size_t len;
	size_t brief; /* so much of it, if the notification gets too long */
	bool done;
	int ret;
};

struct sr_peer {
	struct sr_peer *next;
	char gateway[STORE_GATEWAY_MAX + 1];
	char inbox[SR_OID_CAP];
	struct sr_post *waiting; /* for the next notification */
	bool busy; /* somebody sends one */
	struct sr_notify *late; /* one that is still under way */
	long long deaf_until; /* ms */
};

static void sr_notify_free(struct store *store, struct sr_notify *notify)
{
	rados_aio_wait_for_complete_and_cb(notify->done);
	rados_aio_release(notify->done);
	if (notify->reply)
		rados_buffer_free(notify->reply);
	sr_place_put(store, notify->place);
	free(notify->text);
	free(notify);
}

static void sr_notify_done(rados_completion_t completion, void *arg)
{
	struct sr_notify *notify = arg;
	struct store *store = notify->store;
	int ret = rados_aio_get_return_value(completion);

	pthread_mutex_lock(&store->post.lock);
	notify->ret = ret;
	notify->ended = true;
	pthread_mutex_unlock(&store->post.lock);
	pthread_cond_broadcast(&store->post.cond);
}

/* Takes @text along. */
static struct sr_notify *sr_notify_start(struct store *store, char *text,
					 size_t len, const char *inbox,
					 int *ret)
{
	struct sr_notify *notify = calloc(1, sizeof(*notify));

	*ret = -ENOMEM;
	if (notify && text)
		*ret = sr_place_get(store, &store->home, &notify->place);
	if (*ret) {
		free(notify);
		free(text);
		return NULL;
	}
	notify->store = store;
	notify->text = text;
	rados_aio_create_completion2(notify, sr_notify_done, &notify->done);
	*ret = rados_aio_notify(notify->place->io, inbox, notify->done, text,
				len, SR_NOTIFY_MS, &notify->reply,
				&notify->reply_len);
	if (!*ret)
		return notify;
	rados_aio_release(notify->done);
	sr_place_put(store, notify->place);
	free(text);
	free(notify);
	return NULL;
}

static bool sr_post_same(const struct sr_post *a, const struct sr_post *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

/* Each once. */
static char *sr_post_text(const struct sr_post *batch, size_t *len)
{
	const struct sr_post *post, *other;
	size_t cap = 1;
	char *text;

	for (post = batch; post; post = post->next)
		cap += post->len + 1;
	text = malloc(cap);
	*len = 0;
	for (post = batch; post && text; post = post->next) {
		bool fits = *len + post->len < SR_NOTIFY_MAX;
		size_t part = fits ? post->len : post->brief;

		for (other = batch; other != post; other = other->next)
			if (sr_post_same(other, post))
				break;
		if (other != post)
			continue;
		memcpy(text + *len, post->text, part);
		*len += part;
		text[(*len)++] = '\n';
	}
	return text;
}

/*
 * Is it an answer of @gateway itself?  "GATEWAY INCARNATION", of any daemon of
 * it; and in the lines after that what else it says.
 */
static bool sr_notify_answer(struct store *store, const char *gateway,
			     const struct notify_ack_t *ack)
{
	size_t len = strlen(gateway);
	const char *line;

	if (ack->payload_len <= len || memcmp(ack->payload, gateway, len) ||
	    ack->payload[len] != ' ')
		return false;
	line = memchr(ack->payload, '\n', ack->payload_len);
	if (line)
		sr_hear(store, line + 1, ack->payload + ack->payload_len);
	return true;
}

static bool sr_notify_heard(const struct sr_notify *notify, const char *gateway)
{
	struct notify_timeout_t *timeouts = NULL;
	struct notify_ack_t *acks = NULL;
	size_t count = 0, slow = 0;
	bool heard = false;

	if (!notify->reply ||
	    rados_decode_notify_response(notify->reply, notify->reply_len,
					 &acks, &count, &timeouts, &slow))
		return false;
	for (size_t i = 0; i < count; i++)
		heard |= sr_notify_answer(notify->store, gateway, &acks[i]);
	rados_free_notify_response(acks, count, timeouts);
	return heard;
}

static int sr_notify_ret(const struct sr_notify *notify, const char *gateway)
{
	int ret = sr_noted(notify->place, notify->ret);

	if (sr_notify_heard(notify, gateway))
		return 0;
	/* Nobody watches, or not the one that we mean. */
	return ret && ret != -ENOENT ? ret : -EHOSTDOWN;
}

/* Under store->post.lock, which is given up for a while. */
static int sr_notify_wait(struct store *store, struct sr_peer *peer,
			  struct sr_notify *notify)
{
	struct timespec end;
	int ret;

	sr_deadline(&end, SR_NOTIFY_WAIT_MS);
	while (!notify->ended &&
	       !pthread_cond_timedwait(&store->post.cond, &store->post.lock,
				       &end))
		;
	if (!notify->ended) {
		peer->late = notify;
		return -ETIMEDOUT;
	}
	pthread_mutex_unlock(&store->post.lock);
	ret = sr_notify_ret(notify, peer->gateway);
	sr_notify_free(store, notify);
	pthread_mutex_lock(&store->post.lock);
	return ret;
}

/* Under store->post.lock: is the last one still under way? */
static bool sr_peer_late(struct store *store, struct sr_peer *peer)
{
	struct sr_notify *late = peer->late;

	if (!late)
		return false;
	if (!late->ended)
		return true;
	peer->late = NULL;
	pthread_mutex_unlock(&store->post.lock);
	sr_notify_free(store, late);
	pthread_mutex_lock(&store->post.lock);
	return false;
}

/* Under store->post.lock, with peer->busy: sends all that wait. */
static void sr_peer_send(struct store *store, struct sr_peer *peer)
{
	struct sr_post *batch = peer->waiting, *post;
	struct sr_notify *notify;
	size_t len;
	char *text;
	int ret = 0;

	peer->waiting = NULL;
	if (sr_now_ms() < peer->deaf_until || sr_peer_late(store, peer)) {
		ret = -ETIMEDOUT;
	} else {
		pthread_mutex_unlock(&store->post.lock);
		text = sr_post_text(batch, &len);
		notify = sr_notify_start(store, text, len, peer->inbox, &ret);
		pthread_mutex_lock(&store->post.lock);
		if (notify)
			ret = sr_notify_wait(store, peer, notify);
		if (ret == -ETIMEDOUT)
			peer->deaf_until = sr_now_ms() + SR_DEAF_MS;
	}
	for (post = batch; post; post = post->next) {
		post->ret = ret;
		post->done = true;
	}
}

/* Under store->post.lock. */
static struct sr_peer *sr_peer_at(struct store *store, const char *gateway)
{
	struct sr_peer *peer;

	for (peer = store->post.peers; peer; peer = peer->next)
		if (!strcmp(peer->gateway, gateway))
			return peer;
	peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	strcpy(peer->gateway, gateway);
	sr_key(peer->inbox, "tcmu_pr_inbox", gateway);
	peer->next = store->post.peers;
	store->post.peers = peer;
	return peer;
}

static int sr_post(struct store *store, struct sr_post *post,
		   const char *gateway)
{
	struct sr_peer *peer;

	pthread_mutex_lock(&store->post.lock);
	peer = sr_peer_at(store, gateway);
	if (!peer) {
		pthread_mutex_unlock(&store->post.lock);
		return -ENOMEM;
	}
	post->next = peer->waiting;
	peer->waiting = post;
	while (!post->done) {
		if (peer->busy) {
			pthread_cond_wait(&store->post.cond, &store->post.lock);
			continue;
		}
		peer->busy = true;
		sr_peer_send(store, peer);
		peer->busy = false;
		pthread_cond_broadcast(&store->post.cond);
	}
	pthread_mutex_unlock(&store->post.lock);
	return post->ret;
}

int sr_announce(struct store *store, const char *lu, const char *gateway,
		const struct store_message *message)
{
	struct sr_post post = {0};
	struct sr_image *image;
	char *text;
	int ret;

	if (!sr_gateway_ok(gateway))
		return -EINVAL;
	ret = sr_image_get(store, lu, false, &image);
	if (ret)
		return ret;
	if (message && message->word == STORE_SAYS &&
	    sr_owed_say(store, image->identity, gateway, message)) {
		sr_image_put(store, image);
		return 0;
	}
	text = sr_says_text(store, image->identity, message, &post.len);
	post.text = text;
	post.brief = post.len;
	/* That there is news of the image. */
	if (message && message->word == STORE_VERSION)
		post.brief = strlen(image->identity);
	ret = text ? sr_post(store, &post, gateway) : -ENOMEM;
	free(text);
	sr_image_put(store, image);
	return ret;
}

/* No call is in flight any more; a notification may be. */
void sr_post_close(struct store *store)
{
	struct sr_peer *peer;

	while ((peer = store->post.peers)) {
		store->post.peers = peer->next;
		if (peer->late) {
			rados_aio_wait_for_complete_and_cb(peer->late->done);
			sr_notify_free(store, peer->late);
		}
		free(peer);
	}
}
