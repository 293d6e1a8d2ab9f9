// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line of a notification in the RADOS store: "IDENTITY", there is news of
 * that image; or "IDENTITY ack GATEWAY INCARNATION TERM INSTALLED ENDED", the
 * member record of who sends it, in numbers as it has them, which may not be
 * written yet.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_rados_int.h"

static const char sr_says_word[] = "ack ";

char *sr_says_line(const struct store *store, const char *identity,
		   const struct store_message *message)
{
	size_t cap = strlen(identity) + sizeof(sr_says_word) +
		     STORE_GATEWAY_MAX + 4 * 21 + 2;
	char *line = malloc(cap);
	int len;

	if (!line)
		return NULL;
	len = snprintf(line, cap, "%s", identity);
	if (message && message->word == STORE_SAYS)
		snprintf(line + len, cap - len,
			 " %s%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
			 sr_says_word, store->gateway, store->incarnation,
			 message->says.term, message->says.installed,
			 message->says.ended);
	return line;
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
	const size_t word = sizeof(sr_says_word) - 1;
	char buf[SR_RECORD_MAX];
	const char *p = buf;

	if (len >= sizeof(buf) || memchr(text, '\0', len))
		return false;
	memcpy(buf, text, len);
	buf[len] = '\0';
	memset(says, 0, sizeof(*says));
	if (strncmp(p, sr_says_word, word))
		return false;
	p += word;
	if (!sr_says_gateway(&p, says->gateway))
		return false;
	for (int i = 0; i < 4; i++)
		if (*p++ != ' ' || !sr_parse_u64(&p, fields[i]))
			return false;
	return !*p && says->term && says->installed &&
	       says->ended <= says->installed;
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
