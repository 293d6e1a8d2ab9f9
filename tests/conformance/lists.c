// SPDX-License-Identifier: GPL-2.0-only
#include "lists.h"
#include "nexus.h"

#include <stdio.h>
#include <string.h>

enum {
	ISCSI_WITH_ISID = 0x45,
	ISCSI_NAME_ALONE = 0x05,
	SEQUENCE_BASE = 100,
};

void put(uint8_t *to, uint64_t value, size_t bytes)
{
	while (bytes--) {
		to[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

uint64_t get(const uint8_t *from, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *from++;
	return value;
}

/* A null-terminated string, padded with zeros to a multiple of 4 bytes. */
static size_t finish(uint8_t *to, uint8_t first, const char *text)
{
	size_t length = (strlen(text) + 1 + 3) & ~(size_t)3;

	if (length < 20)
		length = 20;
	memset(to, 0, 4 + length);
	to[0] = first;
	put(to + 2, length, 2);
	memcpy(to + 4, text, strlen(text));
	return 4 + length;
}

size_t transport_id(uint8_t *to, const char *name, uint64_t isid)
{
	char text[NAME_MAX_BYTES + 32];

	snprintf(text, sizeof(text), "%s,i,0x%012llx", name,
		 (unsigned long long)isid);
	return finish(to, ISCSI_WITH_ISID, text);
}

static size_t spoil(uint8_t *to, size_t length, enum tid_fault fault)
{
	char *comma;

	switch (fault) {
	case TID_PROTOCOL:
		memset(to, 0, length);
		to[0] = 0x06; /* SAS */
		put(to + 4, UINT64_C(0x5000c50000000001), 8);
		return 24;
	case TID_FORMAT:
		to[0] = 0xc5;
		break;
	case TID_LENGTH:
		put(to + 2, length, 2);
		break;
	case TID_ODD:
		put(to + 2, length - 4 - 1, 2);
		return length - 1;
	case TID_NO_NUL:
		memset(to + 4, 'x', length - 4);
		break;
	case TID_NO_SEPARATOR:
		comma = memchr(to + 4, ',', length - 4);
		if (comma)
			*comma = '.';
		break;
	case TID_FINE:
		break;
	}
	return length;
}

static size_t one_tid(uint8_t *to, const struct tid *t)
{
	const char *name = nexus_initiator(t->nexus);
	size_t length;

	if (t->format0)
		length = finish(to, ISCSI_NAME_ALONE, name);
	else
		length = transport_id(to, name, t->qualifier ?
				      isid_of(t->qualifier) : nexus_isid(t->nexus));
	return spoil(to, length, t->fault);
}

static size_t all_tids(uint8_t *to, const struct tids *tids)
{
	size_t length = 0;
	unsigned int i;

	for (i = 0; i < tids->count; i++) {
		struct tid t = tids->tid[tids->sequence ? 0 : i];

		if (tids->sequence)
			t.qualifier = (uint8_t)(SEQUENCE_BASE + i);
		length += one_tid(to + length, &t);
	}
	return length;
}

static size_t move_list(const struct step *s, uint8_t *list)
{
	size_t length = all_tids(list + 24, &s->tids);

	list[17] = (uint8_t)(s->unreg << 1 | s->aptpl);
	put(list + 18, s->rtpi ? s->rtpi : nexus_rtpi(s->rtpi_of), 2);
	put(list + 20, s->tid_length ? (uint64_t)s->tid_length - 1 : length, 4);
	return 24 + length;
}

size_t build_list(const struct step *s, uint8_t *list)
{
	size_t length;

	memset(list, 0, LIST_MAX);
	put(list, s->rk, 8);
	put(list + 8, s->sark, 8);
	if (s->sa == SA_REGISTER_MOVE)
		return move_list(s, list);
	list[20] = (uint8_t)(s->spec_i_pt << 3 | s->all_tg_pt << 2 | s->aptpl);
	if (!s->spec_i_pt)
		return 24;
	length = all_tids(list + 28, &s->tids);
	put(list + 24, s->tid_length ? (uint64_t)s->tid_length - 1 : length, 4);
	return 28 + length;
}
