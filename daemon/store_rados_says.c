// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a notification in the RADOS store says, in lines: "IDENTITY", there is
 * news of that image; or "IDENTITY ack GATEWAY INCARNATION TERM INSTALLED
 * ENDED", the member record of who sends it, in numbers as it has them, which
 * may not be written yet; or "IDENTITY version SEQ LEN GATEWAY", and after
 * that line the LEN bytes of that version and the end of a line: the gateway is
 * the one that says so, and need not be named.
 *
 * A daemon that does not know "version" takes that for news, and the lines of
 * the string for such of images that it does not have: an identity begins with
 * that of a cluster and a slash, a line of a string with a word and "=".
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

static const char sr_says_word[] = "ack ";
static const char sr_version_word[] = "version ";

char *sr_says_text(const struct store *store, const char *identity,
		   const struct store_message *message, size_t *len)
{
	bool says = message && message->word == STORE_SAYS;
	bool version = message && message->word == STORE_VERSION &&
		       message->seq && message->len <= SR_CARRY_MAX;
	size_t cap = strlen(identity) + sizeof(sr_version_word) +
		     STORE_GATEWAY_MAX + 4 * 21 + 2;
	char *text = malloc(cap + (version ? message->len : 0));

	if (!text)
		return NULL;
	*len = sprintf(text, "%s", identity);
	if (says)
		*len += sprintf(text + *len,
				" %s%s %" PRIu64 " %" PRIu64 " %" PRIu64
				" %" PRIu64,
				sr_says_word, store->gateway,
				store->incarnation, message->says.term,
				message->says.installed, message->says.ended);
	if (version) {
		*len += sprintf(text + *len, " %s%" PRIu64 " %zu %s\n",
				sr_version_word, message->seq, message->len,
				store->gateway);
		if (message->len)
			memcpy(text + *len, message->str, message->len);
		*len += message->len;
	}
	return text;
}

/* A copy of the rest of a line; behind the @word that it begins with. */
static bool sr_says_begins(const char **p, char buf[SR_RECORD_MAX],
			   const char *text, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	if (len >= SR_RECORD_MAX || memchr(text, '\0', len))
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	*p = buf + word_len;
	return !strncmp(buf, word, word_len);
}

static bool sr_says_gateway(const char **text, char *gateway)
{
	size_t len = strcspn(*text, " ");

	if (len > STORE_GATEWAY_MAX)
		return false;
	memcpy(gateway, *text, len);
	gateway[len] = '\0';
	*text += len;
	return sr_gateway_ok(gateway);
}

bool sr_says_parse(const char *text, size_t len, struct store_member *says)
{
	uint64_t *const fields[] = {&says->incarnation, &says->term,
				    &says->installed, &says->ended};
	char buf[SR_RECORD_MAX];
	const char *p = buf;

	memset(says, 0, sizeof(*says));
	if (!sr_says_begins(&p, buf, text, len, sr_says_word))
		return false;
	if (!sr_says_gateway(&p, says->gateway))
		return false;
	for (int i = 0; i < 4; i++)
		if (*p++ != ' ' || !sr_parse_u64(&p, fields[i]))
			return false;
	return !*p && says->term && says->installed &&
	       says->ended <= says->installed;
}

/* @text is what follows the identity; @line_end of its line.  NULL: is none. */
static const char *sr_version_read(const char *text, const char *line_end,
				   const char *end,
				   struct store_message *message)
{
	const char *str = line_end + 1, *p;
	char buf[SR_RECORD_MAX];
	uint64_t len;

	if (!sr_says_begins(&p, buf, text, line_end - text, sr_version_word))
		return NULL;
	if (!sr_parse_u64(&p, &message->seq) || *p++ != ' ' ||
	    !sr_parse_u64(&p, &len) || !message->seq)
		return NULL;
	if (*p && (*p++ != ' ' || !sr_says_gateway(&p, message->says.gateway) ||
		   *p))
		return NULL;
	if (len > SR_CARRY_MAX || len >= (size_t)(end - str) ||
	    str[len] != '\n')
		return NULL;
	message->word = STORE_VERSION;
	message->str = str;
	message->len = len;
	return str + len + 1;
}

const char *sr_says_read(const char *text, const char *end,
			 struct sr_heard *heard)
{
	const char *line_end = memchr(text, '\n', end - text);
	const char *next = line_end ? line_end + 1 : end;
	const char *stop = line_end ? line_end : end;
	const char *blank = memchr(text, ' ', stop - text), *after = NULL;

	memset(heard, 0, sizeof(*heard));
	heard->identity = text;
	heard->len = (blank ? blank : stop) - text;
	if (!blank)
		return next;
	heard->carries = sr_says_parse(blank + 1, stop - blank - 1,
				       &heard->message.says);
	if (line_end && !heard->carries)
		after = sr_version_read(blank + 1, line_end, end,
					&heard->message);
	if (!after)
		return next;
	heard->carries = true;
	return after;
}

/* The last life of each gateway, and of that the most. */
bool sr_says_keep(struct sr_says **list, const struct store_member *says)
{
	struct sr_says *at = *list;
	struct store_member *known;

	while (at && strcmp(at->member.gateway, says->gateway))
		at = at->next;
	if (!at) {
		at = calloc(1, sizeof(*at));
		if (!at)
			return false;
		at->member = *says;
		at->next = *list;
		*list = at;
		return true;
	}
	known = &at->member;
	if (known->incarnation != says->incarnation ||
	    known->term != says->term) {
		*known = *says;
		return true;
	}
	if (says->installed > known->installed)
		known->installed = says->installed;
	if (says->ended > known->ended)
		known->ended = says->ended;
	return true;
}

void sr_says_drop(struct sr_says **list)
{
	struct sr_says *at;

	while ((at = *list)) {
		*list = at->next;
		free(at);
	}
}

bool sr_carried_keep(struct sr_carried **carried,
		     const struct store_message *message)
{
	struct sr_carried *old = *carried, *new;

	if (old && old->seq > message->seq)
		return true;
	if (old && old->seq == message->seq) {
		if (old->len == message->len &&
		    !memcmp(old->str, message->str, old->len))
			return true;
		/* Which of them it is, the store knows. */
		*carried = NULL;
		free(old);
		return false;
	}
	new = malloc(sizeof(*new) + message->len);
	if (!new)
		return false;
	new->seq = message->seq;
	new->len = message->len;
	memcpy(new->str, message->str, message->len);
	*carried = new;
	free(old);
	return true;
}
