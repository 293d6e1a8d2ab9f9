// SPDX-License-Identifier: GPL-2.0-only
/*
 * Persistent reservations: a nexus that is not registered registers, with a key
 * that no registration had before, and one that is does what cluster software
 * does, and much that it would not.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

enum {
	/* Microseconds. */
	PACE_LEAST = 100000,
	PACE_SPREAD = 500000,
	ALLOCATION = 4096,
	/* Service actions of PERSISTENT RESERVE OUT. */
	REGISTER = 0,
	RESERVE = 1,
	RELEASE = 2,
	CLEAR = 3,
	PREEMPT = 4,
	PREEMPT_AND_ABORT = 5,
	REGISTER_IGNORE = 6,
	/* Of PERSISTENT RESERVE IN. */
	READ_KEYS = 0,
	READ_RESERVATION = 1,
	READ_FULL_STATUS = 3,
	/* Bits of a key that name the nexus. */
	KEY_NEXUS = 0xff,
};

/* What a registered nexus does, in hundredths. */
static const struct choice {
	unsigned int share;
	int sa; /* < 0: PERSISTENT RESERVE IN, -1 - service action */
} choices[] = {
	{ 14, RESERVE },
	{ 6, RELEASE },
	{ 2, CLEAR },
	{ 14, PREEMPT },
	{ 16, PREEMPT_AND_ABORT },
	{ 8, REGISTER },
	{ 15, -1 - READ_KEYS },
	{ 10, -1 - READ_RESERVATION },
	{ 15, -1 - READ_FULL_STATUS },
};

static void put_be64(unsigned char *p, uint64_t value)
{
	int i;

	for (i = 7; i >= 0; i--) {
		p[i] = (unsigned char)value;
		value >>= 8;
	}
}

static uint64_t get_be64(const unsigned char *p)
{
	uint64_t value = 0;
	int i;

	for (i = 0; i < 8; i++)
		value = value << 8 | p[i];
	return value;
}

static void send_out(struct slot *slot, int sa, int type, uint64_t key,
		     uint64_t sa_key)
{
	unsigned char cdb[CDB_LEN] = { 0x5f, (unsigned char)sa,
				       (unsigned char)type };

	cdb[8] = PARAM_LEN;
	memset(slot->data, 0, PARAM_LEN);
	put_be64(slot->data, key);
	put_be64(slot->data + 8, sa_key);
	send_command(slot, history_add(slot->actor, cdb, slot->data),
		     SCSI_XFER_WRITE, PARAM_LEN);
}

static void send_in(struct slot *slot, int sa)
{
	unsigned char cdb[CDB_LEN] = { 0x5e, (unsigned char)sa };

	cdb[7] = ALLOCATION >> 8;
	send_command(slot, history_add(slot->actor, cdb, NULL), SCSI_XFER_READ,
		     ALLOCATION);
}

static uint64_t new_key(struct actor *a)
{
	return (uint64_t)++a->epoch << 8 | (a->number + 1);
}

/* The key of somebody else; 0 if nobody is known to have one. */
static uint64_t victim_key(struct actor *a)
{
	unsigned int i, at = draw(a, storm.num_actors);

	for (i = 0; i < storm.num_actors; i++, at++) {
		struct actor *b = &storm.actors[at % storm.num_actors];

		if (b != a && b->key)
			return b->key;
	}
	return 0;
}

static int draw_type(struct actor *a)
{
	/* Mostly what lets registrants write: or else there is little I/O. */
	static const int types[] = { 5, 5, 5, 5, 5, 5, 7, 6, 8, 1, 3 };

	return types[draw(a, sizeof(types) / sizeof(types[0]))];
}

static void send_chosen(struct slot *slot, int sa)
{
	struct actor *a = slot->actor;
	uint64_t victim = victim_key(a);

	switch (sa) {
	case REGISTER:
		send_out(slot, sa, 0, a->key, draw(a, 3) ? new_key(a) : 0);
		break;
	case PREEMPT:
	case PREEMPT_AND_ABORT:
		if (victim) {
			send_out(slot, sa, draw_type(a), a->key, victim);
			break;
		}
		sa = RESERVE;
		/* fall through */
	case RESERVE:
	case RELEASE:
		send_out(slot, sa, draw_type(a), a->key, 0);
		break;
	case CLEAR:
		send_out(slot, sa, 0, a->key, 0);
		break;
	default:
		send_in(slot, -1 - sa);
	}
}

void pr_send(struct slot *slot)
{
	struct actor *a = slot->actor;
	unsigned int at = draw(a, 100), i;

	slot->due = now_us() + PACE_LEAST + draw(a, PACE_SPREAD);
	if (!a->key && at < 70) {
		send_out(slot, REGISTER_IGNORE, 0, 0, new_key(a));
		return;
	}
	if (a->key && storm.eager && draw(a, 2)) {
		send_chosen(slot, PREEMPT_AND_ABORT);
		return;
	}
	for (i = 0; at >= choices[i].share; i++)
		at -= choices[i].share;
	if (!a->key && choices[i].sa >= 0)
		send_in(slot, READ_KEYS);
	else
		send_chosen(slot, choices[i].sa);
}

static void registered(struct actor *a, const struct record *r)
{
	if (r->status == SCSI_STATUS_GOOD)
		a->key = get_be64(r->param + 8);
	else if (r->status != SCSI_STATUS_CHECK_CONDITION ||
		 r->key != SCSI_SENSE_UNIT_ATTENTION)
		a->key = 0; /* not, or not known */
}

static void preempted(struct slot *slot, const struct record *r)
{
	uint64_t key = get_be64(r->param + 8);
	struct actor *victim =
		&storm.actors[((unsigned int)key & KEY_NEXUS) - 1];

	if (r->cdb[1] == PREEMPT_AND_ABORT)
		io_note_landed(slot->op, victim);
	/* Its next command would tell it so, too. */
	if (victim->key == key && draw(slot->actor, 2))
		victim->key = 0;
}

static void tell_abort(const struct actor *a, const struct record *r)
{
	printf("%lld %s: PREEMPT AND ABORT: ", r->ret, a->label);
	if (r->status == SCSI_STATUS_GOOD)
		printf("GOOD\n");
	else
		printf("%02x %02x %04x\n", (unsigned int)r->status,
		       (unsigned int)r->key, (unsigned int)r->asc);
}

static void keep_data(struct record *r, const struct scsi_task *task)
{
	r->len = task->datain.size < ALLOCATION ? task->datain.size
						: ALLOCATION;
	r->data = malloc((size_t)r->len + 1);
	if (!r->data)
		die("out of memory");
	memcpy(r->data, task->datain.data, (size_t)r->len);
}

void pr_done(struct slot *slot, struct record *r, const struct scsi_task *task)
{
	struct actor *a = slot->actor;

	slot->due = now_us() + PACE_LEAST + draw(a, PACE_SPREAD);
	if (r->cdb[0] == 0x5e) {
		if (r->status == SCSI_STATUS_GOOD)
			keep_data(r, task);
		return;
	}
	if (r->cdb[1] == PREEMPT_AND_ABORT && r->status != NO_ANSWER)
		tell_abort(a, r);
	switch (r->cdb[1]) {
	case REGISTER:
	case REGISTER_IGNORE:
		registered(a, r);
		break;
	case CLEAR:
		if (r->status == SCSI_STATUS_GOOD)
			a->key = 0;
		break;
	case PREEMPT:
	case PREEMPT_AND_ABORT:
		if (r->status == SCSI_STATUS_GOOD)
			preempted(slot, r);
		break;
	}
	/* RESERVE conflicts with another holder, too: ask for a new key then. */
	if (r->status == SCSI_STATUS_RESERVATION_CONFLICT && draw(a, 2))
		a->key = 0;
}

/* The device as it is found: cleared, and its generation learnt. */
void pr_begin(struct actor *a)
{
	struct session s = { .iscsi = NULL };
	struct keys keys;
	unsigned int sense;

	memcpy(s.name, a->session.name, sizeof(s.name));
	session_open(&s, a->url);
	if (session_out(&s, REGISTER_IGNORE, 0, 0, 1, &sense) ||
	    session_out(&s, CLEAR, 0, 1, 0, &sense))
		die("%s: cannot clear, sense %06x", a->label, sense);
	session_keys(&s, &keys);
	if (keys.count)
		die("%s: the device is not clear", a->label);
	storm.generation = keys.generation;
	session_close(&s);
}
