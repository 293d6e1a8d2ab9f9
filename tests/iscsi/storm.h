/* SPDX-License-Identifier: GPL-2.0-only */
/* What storm's files share. */
#ifndef STORM_H
#define STORM_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

enum {
	HOSTS_MAX = 8,
	GATEWAYS_MAX = 4,
	ACTORS_MAX = HOSTS_MAX * GATEWAYS_MAX,
	IO_DEPTH = 2, /* reads and writes that a nexus has in flight */
	PARAM_LEN = 24,
	CDB_LEN = 10,
	/* What a block holds besides the number of a write of this run. */
	NOT_OURS = -1, /* what was there before, or zeros */
	TORN = -2,
	/* An answer that never came. */
	NO_ANSWER = -1,
};

struct actor;

/* A command on its way, or the time of the next. */
struct slot {
	struct actor *actor;
	bool busy;
	long long due; /* microseconds */
	long op;
	struct iscsi_data out;
	unsigned char data[BLOCK];
};

/* One I_T nexus: a host's port and a gateway's. */
struct actor {
	struct session session;
	char label[40];
	const char *url;
	unsigned int number, host, gateway;
	enum { DOWN, CONNECTING, UP } state;
	bool drop; /* the connection is of no use any more */
	/* Microseconds: the latest answer; a NOP-Out; the next attempt. */
	long long heard, pinged, retry;
	struct slot io[IO_DEPTH], pr;
	unsigned int first_block, blocks, used;
	uint64_t key; /* believed to be registered, 0: none */
	unsigned int epoch; /* each registration has a key of its own */
	/* Writes that have not ended, or nobody knows how. */
	long *open;
	unsigned int num_open, cap_open;
	unsigned int seed;
};

/* One command, as it goes into the history. */
struct record {
	unsigned char cdb[CDB_LEN];
	unsigned char param[PARAM_LEN];
	unsigned int nexus;
	long long call, ret; /* microseconds */
	int status; /* NO_ANSWER: none */
	int key, asc;
	long tag; /* a READ's: what it saw */
	unsigned char *data; /* a PR IN's */
	int len;
};

extern struct storm {
	struct actor actors[ACTORS_MAX];
	unsigned int num_actors, num_hosts, num_gateways;
	uint64_t run_id; /* in all contents */
	unsigned int generation; /* PRGENERATION at the beginning */
	struct record *records;
	long num_records, cap_records;
	bool ending;
	bool eager; /* to PREEMPT AND ABORT */
} storm;

/* storm.c */
long long now_us(void);
unsigned int draw(struct actor *a, unsigned int n);
/* Sends a command whose CDB and so on stand in its record; false: cannot. */
bool send_command(struct slot *slot, long op, int direction, int len);

/* storm_session.c: connections that come and go. */
void session_tend(struct actor *a, long long now);
void session_drop(struct actor *a);

/* storm_io.c */
void io_send(struct slot *slot);
void io_done(struct slot *slot, struct record *r, const struct scsi_task *task);
/* The write whose contents these are: its number, NOT_OURS or TORN. */
long block_tag(const unsigned char *data);
/* The same of a block on the disk. */
long disk_tag(unsigned int lba);
/* PREEMPT AND ABORT @op was GOOD: notes which writes of @victim had landed. */
void io_note_landed(long op, const struct actor *victim);

/* storm_pr.c */
void pr_begin(struct actor *a);
void pr_send(struct slot *slot);
void pr_done(struct slot *slot, struct record *r, const struct scsi_task *task);

/* storm_history.c */
long history_add(const struct actor *a, const unsigned char *cdb,
		 const unsigned char *param);
void history_loss(const struct actor *a, long long since);
void history_landed(long preempt, long write, bool landed);
void history_write(const char *path);

#endif
