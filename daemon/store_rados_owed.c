// SPDX-License-Identifier: GPL-2.0-only
/*
 * Answers to notifications of the RADOS store that can wait.  Who announces a
 * version mostly wants to hear next that it is installed here.  So a
 * notification of one version, and nothing else, is answered when this gateway
 * says so to that one, and with that: a notification less, and at once where
 * the other is waiting.  What takes longer is answered without it, and said as
 * always.
 *
 * An answer can get lost, as anything that is said: then the other gateway
 * takes this one for deaf for a while, and looks at its record.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

struct sr_owed {
	struct sr_owed *next;
	uint64_t notify_id, cookie;
	uint64_t seq; /* of the version */
	long long until; /* ms */
	char gateway[STORE_GATEWAY_MAX + 1];
	char identity[SR_IDENTITY_CAP];
};

int sr_answer(const struct store *store, char text[SR_ANSWER_CAP])
{
	return snprintf(text, SR_ANSWER_CAP, "%s %016" PRIx64, store->gateway,
			store->incarnation);
}

bool sr_owed_note(struct store *store, const struct sr_heard *heard,
		  uint64_t notify_id, uint64_t cookie)
{
	struct sr_owed *owed;

	if (!heard->carries || heard->message.word != STORE_VERSION ||
	    !heard->message.says.gateway[0] || heard->len >= SR_IDENTITY_CAP)
		return false;
	owed = calloc(1, sizeof(*owed));
	if (!owed)
		return false;
	owed->notify_id = notify_id;
	owed->cookie = cookie;
	owed->seq = heard->message.seq;
	owed->until = sr_now_ms() + SR_OWED_MS;
	strcpy(owed->gateway, heard->message.says.gateway);
	memcpy(owed->identity, heard->identity, heard->len);
	pthread_mutex_lock(&store->news.lock);
	/* Or nobody sees to it that it is answered in time. */
	if (!store->news.sleeping) {
		pthread_mutex_unlock(&store->news.lock);
		free(owed);
		return false;
	}
	owed->next = store->news.owed;
	store->news.owed = owed;
	pthread_mutex_unlock(&store->news.lock);
	return true;
}

/* Frees @owed. */
static void sr_owed_answer(struct store *store, struct sr_owed *owed,
			   const char *text, size_t len)
{
	struct sr_place *place;

	if (!sr_place_get(store, &store->home, &place)) {
		rados_notify_ack(place->io, store->inbox, owed->notify_id,
				 owed->cookie, text, len);
		sr_place_put(store, place);
	}
	free(owed);
}

/* The first that @fits, out of the list. */
static struct sr_owed *sr_owed_take(struct store *store,
				    bool (*fits)(const struct sr_owed *owed,
						 const void *what),
				    const void *what)
{
	struct sr_owed **at, *owed;

	pthread_mutex_lock(&store->news.lock);
	for (at = &store->news.owed; *at; at = &(*at)->next)
		if (fits(*at, what))
			break;
	owed = *at;
	if (owed)
		*at = owed->next;
	pthread_mutex_unlock(&store->news.lock);
	return owed;
}

struct sr_owed_saying {
	const char *identity, *gateway;
	uint64_t installed;
};

static bool sr_owed_for(const struct sr_owed *owed, const void *what)
{
	const struct sr_owed_saying *saying = what;

	return owed->seq <= saying->installed &&
	       !strcmp(owed->gateway, saying->gateway) &&
	       !strcmp(owed->identity, saying->identity);
}

bool sr_owed_say(struct store *store, const char *identity, const char *gateway,
		 const struct store_message *message)
{
	const struct sr_owed_saying saying = {identity, gateway,
					      message->says.installed};
	struct sr_owed *owed = sr_owed_take(store, sr_owed_for, &saying);
	char answer[SR_ANSWER_CAP], *text, *line;
	size_t len, line_len = 0;

	if (!owed)
		return false;
	len = (size_t)sr_answer(store, answer);
	line = sr_says_text(store, identity, message, &line_len);
	text = line ? malloc(len + 1 + line_len) : NULL;
	if (text) {
		memcpy(text, answer, len);
		text[len] = '\n';
		memcpy(text + len + 1, line, line_len);
		len += 1 + line_len;
	}
	/* Without memory it has to be said otherwise. */
	sr_owed_answer(store, owed, text ? text : answer, len);
	free(line);
	free(text);
	return text;
}

static bool sr_owed_over(const struct sr_owed *owed, const void *what)
{
	const long long *now = what;

	return owed->until <= *now;
}

static bool sr_owed_this(const struct sr_owed *owed, const void *what)
{
	const uint64_t *notify_id = what;

	return owed->notify_id == *notify_id;
}

static void sr_owed_plain(struct store *store, struct sr_owed *owed)
{
	char answer[SR_ANSWER_CAP];
	int len = sr_answer(store, answer);

	sr_owed_answer(store, owed, answer, (size_t)len);
}

void sr_owed_now(struct store *store, uint64_t notify_id)
{
	struct sr_owed *owed = sr_owed_take(store, sr_owed_this, &notify_id);

	if (owed)
		sr_owed_plain(store, owed);
}

void sr_owed_tend(struct store *store, long long now)
{
	struct sr_owed *owed;

	while ((owed = sr_owed_take(store, sr_owed_over, &now)))
		sr_owed_plain(store, owed);
}

long long sr_owed_left(const struct store *store, long long most)
{
	const struct sr_owed *owed;
	long long now = sr_now_ms();

	for (owed = store->news.owed; owed; owed = owed->next)
		if (owed->until - now < most)
			most = owed->until > now ? owed->until - now : 0;
	return most;
}

void sr_owed_close(struct store *store)
{
	sr_owed_tend(store, INT64_MAX);
}
