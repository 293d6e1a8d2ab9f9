// SPDX-License-Identifier: GPL-2.0-only
/* What PERSISTENT RESERVE IN must return, byte for byte. */
#include "lists.h"
#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DESCRIPTORS_MAX = TIDS_MAX + REGS_MAX,
	DESCRIPTOR_HEAD = 24,
	DESCRIPTOR_MAX = DESCRIPTOR_HEAD + 4 + 256,
	/* REPORT CAPABILITIES */
	CAP_RLR = 0x80, CAP_CRH = 0x10, CAP_SIP = 0x08, CAP_ATP = 0x04, CAP_PTPL = 0x01,
	CAP_TMV = 0x80,
	ALLOW_COMMANDS_MAX = 4,
};

struct descriptor {
	uint8_t bytes[DESCRIPTOR_MAX];
	size_t length;
	bool any_rtpi;	/* ALL_TG_PT: the field means nothing */
	bool seen;
};

static size_t hex(char *to, size_t room, const uint8_t *data, size_t size)
{
	size_t i, used = 0;

	for (i = 0; i < size && used + 4 < room; i++)
		used += (size_t)snprintf(to + used, room - used, "%02x%s", data[i],
					 i % 8 == 7 ? " " : "");
	to[used] = 0;
	return used;
}

void read_in(enum nexus_id n, uint8_t sa, struct answer *a)
{
	const uint8_t cdb[10] = { 0x5e, sa, [7] = 0xff, [8] = 0xff };
	const struct request rq = {
		.cdb = cdb, .cdb_length = sizeof(cdb), .direction = IN, .bytes = DATA_MAX,
	};

	nexus_send(n, &rq, a);
}

static size_t count_regs(const struct step *s)
{
	size_t n = 0;

	while (n < REGS_MAX && s->regs[n].key)
		n++;
	return n;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

/*
 * The PRGENERATION of an answer.  One miscount is one failure: from here on
 * the device's own counts.
 */
static void check_generation(const struct step *s, const struct answer *a)
{
	uint32_t got = a->size < 4 ? 0 : (uint32_t)get(a->data, 4);

	if (!check(a->size >= 4 && got == run.gen, s, "expected PRGENERATION %u, got %u", run.gen, got))
		run.gen = got;
}

static void check_bytes(const struct step *s, const struct answer *a,
			const uint8_t *want, size_t size)
{
	char expected[256], got[256];

	hex(expected, sizeof(expected), want, size);
	hex(got, sizeof(got), a->data, a->size);
	check(a->size == size && !memcmp(a->data, want, size), s,
	      "expected %zu bytes %s got %zu bytes %s", size, expected, a->size, got);
}

static void check_keys(const struct step *s, struct answer *a)
{
	uint8_t want[8 + 8 * REGS_MAX];
	size_t i, n = count_regs(s);

	put(want, run.gen, 4);
	put(want + 4, 8 * n, 4);
	for (i = 0; i < n; i++)
		put(want + 8 + 8 * i, s->regs[i].key, 8);
	/* The standard asks for no order. */
	qsort(want + 8, n, 8, by_key);
	if (a->size > 8)
		qsort(a->data + 8, (a->size - 8) / 8, 8, by_key);
	check_bytes(s, a, want, 8 + 8 * n);
}

static void check_reservation(const struct step *s, const struct answer *a)
{
	uint8_t want[24] = { 0 };

	put(want, run.gen, 4);
	if (s->type) {
		put(want + 4, 16, 4);
		put(want + 8, s->key, 8);
		want[21] = s->type;
	}
	check_bytes(s, a, want, s->type ? 24 : 8);
}

static void check_capabilities(const struct step *s, const struct answer *a)
{
	uint8_t want[8] = {
		0, 8, CAP_CRH | CAP_SIP | CAP_ATP | CAP_PTPL,
		(uint8_t)(CAP_TMV | s->aptpl_active), 0xea, 0x01,
	};
	unsigned int allow = a->size > 3 ? a->data[3] >> 4 & 7 : 0;

	/* RLR_C is for the device to choose, ALLOW COMMANDS among five. */
	if (a->size > 3) {
		want[2] |= a->data[2] & CAP_RLR;
		want[3] |= (uint8_t)(allow << 4);
	}
	check_bytes(s, a, want, sizeof(want));
	check(allow <= ALLOW_COMMANDS_MAX, s, "ALLOW COMMANDS %u is reserved", allow);
}

static bool all_registrants(uint8_t type)
{
	return type == WEAR || type == EAAR;
}

static void expect_descriptor(struct descriptor *d, const struct reg *r, uint8_t type,
			      const char *name, uint64_t isid)
{
	bool holder = r->holder || all_registrants(type);

	memset(d, 0, sizeof(*d));
	put(d->bytes, r->key, 8);
	d->bytes[12] = (uint8_t)(r->all_tg_pt << 1 | holder);
	d->bytes[13] = holder ? type : 0;
	put(d->bytes + 18, r->all_tg_pt ? 0 : nexus_rtpi(r->via ? r->via - 1 : r->n), 2);
	d->any_rtpi = r->all_tg_pt;
	d->length = transport_id(d->bytes + DESCRIPTOR_HEAD, name, isid);
	put(d->bytes + 20, d->length, 4);
	d->length += DESCRIPTOR_HEAD;
}

static bool same_descriptor(const struct descriptor *d, const uint8_t *got, size_t length)
{
	uint8_t copy[DESCRIPTOR_MAX];

	if (length != d->length)
		return false;
	memcpy(copy, got, length);
	if (d->any_rtpi)
		put(copy + 18, 0, 2);
	return !memcmp(copy, d->bytes, length);
}

/* Each descriptor that came is one that is expected, and each of these came. */
static void check_descriptors(const struct step *s, const struct answer *a,
			      struct descriptor *want, size_t n)
{
	size_t at = 8, total = 8, i;
	char text[400];

	for (i = 0; i < n; i++)
		total += want[i].length;
	check(a->size == total, s, "expected %zu bytes, got %zu", total, a->size);
	if (a->size < 8)
		return;
	check(get(a->data + 4, 4) == total - 8, s, "expected ADDITIONAL LENGTH %zu, got %u",
	      total - 8, (unsigned int)get(a->data + 4, 4));
	while (at + DESCRIPTOR_HEAD <= a->size) {
		size_t length = DESCRIPTOR_HEAD + get(a->data + at + 20, 4);

		if (length > a->size - at)
			break;
		for (i = 0; i < n; i++)
			if (!want[i].seen && same_descriptor(&want[i], a->data + at, length))
				break;
		hex(text, sizeof(text), a->data + at, length);
		if (check(i < n, s, "unexpected descriptor %s", text))
			want[i].seen = true;
		at += length;
	}
	for (i = 0; i < n; i++) {
		hex(text, sizeof(text), want[i].bytes, want[i].length);
		check(want[i].seen, s, "missing descriptor %s", text);
	}
}

static void check_full(const struct step *s, const struct answer *a)
{
	struct descriptor want[REGS_MAX];
	size_t i, n = count_regs(s);

	for (i = 0; i < n; i++)
		expect_descriptor(&want[i], &s->regs[i], s->type,
				  nexus_initiator(s->regs[i].n), nexus_isid(s->regs[i].n));
	check_descriptors(s, a, want, n);
}

void check_in(const struct step *s, struct answer *a)
{
	if (s->sa != SA_CAPABILITIES)
		check_generation(s, a);
	switch (s->sa) {
	case SA_KEYS:
		check_keys(s, a);
		break;
	case SA_RESERVATION:
		check_reservation(s, a);
		break;
	case SA_CAPABILITIES:
		check_capabilities(s, a);
		break;
	default:
		check_full(s, a);
		break;
	}
}

/* READ FULL STATUS after SPEC_I_PT with a sequence: the sender, and each of it. */
void check_many(const struct step *s, struct answer *a)
{
	static struct descriptor want[DESCRIPTORS_MAX];
	unsigned int i;

	expect_descriptor(&want[0], &s->regs[0], 0, nexus_initiator(s->n), nexus_isid(s->n));
	for (i = 0; i < s->tids.count; i++)
		expect_descriptor(&want[1 + i], &s->regs[0], 0,
				  nexus_initiator(s->tids.tid[0].nexus), isid_of(100 + i));
	read_in(s->n, SA_FULL, a);
	check(a->status == ST_GOOD, s, "expected status 00, got %02x", (unsigned int)a->status);
	check_generation(s, a);
	check_descriptors(s, a, want, 1 + s->tids.count);
	read_in(s->n, SA_KEYS, a);
	check(a->size == 8 + 8u * (1 + s->tids.count), s, "expected %d keys, got %zu bytes",
	      1 + s->tids.count, a->size);
}
