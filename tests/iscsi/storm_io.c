// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads, and writes with contents that tell which write they are.  No block is
 * written twice in a run, each nexus having blocks of its own.  So a write that
 * comes late cannot hide behind a newer one, and the disk at the end tells of
 * every write whether it got there.
 */
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "storm.h"

enum {
	/* Microseconds. */
	PACE = 10000,
	PACE_REFUSED = 40000,
	READS_OF_TEN = 3,
	/* How far back reads look. */
	RECENT = 8,
};

struct tag {
	char magic[8];
	uint64_t run_id;
	int64_t op;
	uint64_t zero;
};

static const char magic[8] = "tcmustrm";

static void fill(unsigned char *data, long op)
{
	struct tag tag = { .run_id = storm.run_id, .op = op };
	unsigned int at;

	memcpy(tag.magic, magic, sizeof(magic));
	for (at = 0; at < BLOCK; at += sizeof(tag)) {
		tag.zero = at;
		memcpy(data + at, &tag, sizeof(tag));
	}
}

long block_tag(const unsigned char *data)
{
	unsigned char want[BLOCK];
	struct tag tag;

	memcpy(&tag, data, sizeof(tag));
	if (memcmp(tag.magic, magic, sizeof(magic)) ||
	    tag.run_id != storm.run_id)
		return NOT_OURS;
	if (tag.op < 0 || tag.op >= storm.num_records)
		return TORN;
	fill(want, (long)tag.op);
	return memcmp(data, want, BLOCK) ? TORN : (long)tag.op;
}

static void put_lba(unsigned char *cdb, unsigned int lba)
{
	cdb[2] = (unsigned char)(lba >> 24);
	cdb[3] = (unsigned char)(lba >> 16);
	cdb[4] = (unsigned char)(lba >> 8);
	cdb[5] = (unsigned char)lba;
	cdb[8] = 1;
}

static unsigned int lba_of(const struct record *r)
{
	return (unsigned int)r->cdb[2] << 24 | (unsigned int)r->cdb[3] << 16 |
	       (unsigned int)r->cdb[4] << 8 | r->cdb[5];
}

static void add_open(struct actor *a, long op)
{
	if (a->num_open == a->cap_open) {
		a->cap_open = a->cap_open ? a->cap_open * 2 : 16;
		a->open = realloc(a->open, a->cap_open * sizeof(*a->open));
		if (!a->open)
			die("out of memory");
	}
	a->open[a->num_open++] = op;
}

static void send_read(struct slot *slot)
{
	struct actor *a = slot->actor;
	struct actor *of = &storm.actors[draw(a, storm.num_actors)];
	unsigned char cdb[CDB_LEN] = { 0x28 };
	unsigned int back;

	if (!of->used)
		return;
	back = draw(a, of->used < RECENT ? of->used : RECENT);
	put_lba(cdb, of->first_block + of->used - 1 - back);
	send_command(slot, history_add(a, cdb, NULL), SCSI_XFER_READ, BLOCK);
}

void io_send(struct slot *slot)
{
	struct actor *a = slot->actor;
	unsigned char cdb[CDB_LEN] = { 0x2a };
	long op;

	slot->due = now_us() + PACE;
	if (draw(a, 10) < READS_OF_TEN || a->used == a->blocks) {
		send_read(slot);
		return;
	}
	put_lba(cdb, a->first_block + a->used++);
	op = history_add(a, cdb, NULL);
	fill(slot->data, op);
	add_open(a, op);
	send_command(slot, op, SCSI_XFER_WRITE, BLOCK);
}

/* True if the write was executed, or was not: no doubt. */
static bool is_clear(const struct record *r)
{
	switch (r->status) {
	case SCSI_STATUS_GOOD:
	case SCSI_STATUS_RESERVATION_CONFLICT:
	case SCSI_STATUS_BUSY:
	case SCSI_STATUS_TASK_SET_FULL:
		return true;
	case SCSI_STATUS_CHECK_CONDITION:
		return r->key == SCSI_SENSE_UNIT_ATTENTION ||
		       r->key == SCSI_SENSE_NOT_READY;
	default:
		return false;
	}
}

void io_done(struct slot *slot, struct record *r, const struct scsi_task *task)
{
	struct actor *a = slot->actor;
	unsigned int i;

	slot->due = now_us() + (r->status == SCSI_STATUS_GOOD ? PACE
							      : PACE_REFUSED);
	if (r->cdb[0] == 0x28) {
		if (r->status == SCSI_STATUS_GOOD)
			r->tag = task->datain.size == BLOCK
					 ? block_tag(task->datain.data)
					 : TORN;
		return;
	}
	for (i = 0; is_clear(r) && i < a->num_open; i++)
		if (a->open[i] == slot->op)
			a->open[i--] = a->open[--a->num_open];
}

long disk_tag(unsigned int lba)
{
	unsigned char data[BLOCK];

	image_read(lba, 1, data);
	return block_tag(data);
}

void io_note_landed(long op, const struct actor *victim)
{
	unsigned int i;

	for (i = 0; i < victim->num_open; i++) {
		const struct record *w = &storm.records[victim->open[i]];

		history_landed(op, victim->open[i],
			       disk_tag(lba_of(w)) == victim->open[i]);
	}
}
