// SPDX-License-Identifier: GPL-2.0-only
/* What was seen, and the file it is written to: tests/lincheck/judge.c. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storm.h"

struct loss {
	unsigned int nexus;
	long long since;
};

struct landed {
	long preempt, write;
	bool landed;
};

static struct loss *losses;
static unsigned int num_losses, cap_losses;
static struct landed *seen;
static unsigned int num_seen, cap_seen;

static void *room(void *array, unsigned int count, unsigned int *cap,
		  size_t size)
{
	if (count < *cap)
		return array;
	*cap = *cap ? *cap * 2 : 64;
	array = realloc(array, *cap * size);
	if (!array)
		die("out of memory");
	return array;
}

long history_add(const struct actor *a, const unsigned char *cdb,
		 const unsigned char *param)
{
	struct record *r;

	if (storm.num_records == storm.cap_records) {
		storm.cap_records = storm.cap_records ? storm.cap_records * 2
						      : 4096;
		storm.records = realloc(storm.records,
					(size_t)storm.cap_records *
						sizeof(*storm.records));
		if (!storm.records)
			die("out of memory");
	}
	r = &storm.records[storm.num_records];
	memset(r, 0, sizeof(*r));
	memcpy(r->cdb, cdb, CDB_LEN);
	if (param)
		memcpy(r->param, param, PARAM_LEN);
	r->nexus = a->number;
	r->call = now_us();
	r->status = NO_ANSWER;
	r->tag = NOT_OURS;
	return storm.num_records++;
}

void history_loss(const struct actor *a, long long since)
{
	losses = room(losses, num_losses, &cap_losses, sizeof(*losses));
	losses[num_losses++] = (struct loss){ a->number, since };
}

void history_landed(long preempt, long write, bool landed)
{
	seen = room(seen, num_seen, &cap_seen, sizeof(*seen));
	seen[num_seen++] = (struct landed){ preempt, write, landed };
}

static void put_hex(FILE *f, const unsigned char *data, int len)
{
	fputc(' ', f);
	if (!len)
		fputc('-', f);
	while (len--)
		fprintf(f, "%02x", *data++);
}

static void write_nexus(FILE *f, const struct actor *a)
{
	/* Type EN, enterprise number, qualifier: as session_open() sets them. */
	fprintf(f, "nexus %u gw%u %s %s 400019560001 %s %u %u\n", a->number,
		a->gateway + 1, a->label, a->session.name,
		strchr(strchr(a->url + strlen("iscsi://"), '/'), '/') + 1,
		a->gateway + 1, a->gateway + 1);
}

static void write_op(FILE *f, long number)
{
	const struct record *r = &storm.records[number];
	bool is_out = r->cdb[0] == 0x5f;

	fprintf(f, "op %ld %u %lld ", number, r->nexus, r->call);
	if (r->status == NO_ANSWER)
		fprintf(f, "-");
	else
		fprintf(f, "%lld", r->ret);
	put_hex(f, r->cdb, CDB_LEN);
	put_hex(f, r->param, is_out ? PARAM_LEN : 0);
	if (r->status == NO_ANSWER)
		fprintf(f, " none");
	else if (r->status == SCSI_STATUS_CHECK_CONDITION)
		fprintf(f, " 02.%02x.%04x", (unsigned int)r->key,
			(unsigned int)r->asc);
	else
		fprintf(f, " %02x", (unsigned int)r->status);
	put_hex(f, r->data, r->len);
	fprintf(f, "\n");
	if (r->cdb[0] == 0x28 && r->status == SCSI_STATUS_GOOD)
		fprintf(f, "read %ld %ld\n", number, r->tag);
}

static void write_blocks(FILE *f, const struct actor *a)
{
	unsigned int lba;

	for (lba = a->first_block; lba < a->first_block + a->used; lba++)
		fprintf(f, "block %u %ld\n", lba, disk_tag(lba));
}

void history_write(const char *path)
{
	FILE *f = fopen(path, "w");
	unsigned int i;
	long n;

	if (!f)
		die("%s: %s", path, strerror(errno));
	fprintf(f, "history 1\nstart %u\n", storm.generation);
	for (i = 0; i < storm.num_actors; i++) {
		char *url = strdup(storm.actors[i].url), *end;

		/* Without the logical unit. */
		if (!url)
			die("out of memory");
		end = strrchr(url, '/');
		*end = '\0';
		storm.actors[i].url = url;
		write_nexus(f, &storm.actors[i]);
	}
	for (n = 0; n < storm.num_records; n++)
		write_op(f, n);
	for (i = 0; i < num_losses; i++)
		fprintf(f, "loss %u %lld\n", losses[i].nexus, losses[i].since);
	for (i = 0; i < num_seen; i++)
		fprintf(f, "landed %ld %ld %d\n", seen[i].preempt,
			seen[i].write, seen[i].landed);
	for (i = 0; i < storm.num_actors; i++)
		write_blocks(f, &storm.actors[i]);
	fprintf(f, "end %lld\n", now_us());
	if (fclose(f))
		die("%s: %s", path, strerror(errno));
}
