/* SPDX-License-Identifier: GPL-2.0-only */
/* What abort.c does and abort_judge.c judges. */
#ifndef ABORT_H
#define ABORT_H

#include "session.h"

enum {
	LOAD = 32,
	GATEWAYS_MAX = 2,
	ACTORS_MAX = 1 + 2 * GATEWAYS_MAX,
	/* Keys. */
	PREEMPTOR_KEY = 0xa0,
	VICTIM_KEY = 0xb0,
	BYSTANDER_KEY = 0xc0, /* and the number of its gateway */
	/* Exit codes: nothing has been shown. */
	EXIT_TOO_SLOW = 3,
	EXIT_TOO_FAST = 4,
};

enum means { PLAIN, RESET, TASK, STUCK };

struct write {
	struct actor *actor;
	struct scsi_task *task;
	int status; /* -1: in flight */
	long long ended;
	unsigned char data[BLOCK];
	unsigned char at_good[BLOCK]; /* the block's contents then */
	int landed_before; /* when PREEMPT AND ABORT was sent */
};

struct actor {
	struct session session;
	char label[24];
	unsigned int gateway; /* from 0 */
	unsigned int key;
	int victim;
	int loaded; /* writes at all */
	struct write writes[LOAD];
};

/* A READ begun when GOOD came. */
struct look {
	const struct actor *of;
	struct scsi_task *task;
	int done;
	unsigned char data[LOAD * BLOCK];
};

/* All there is. */
extern struct trial {
	struct actor actors[ACTORS_MAX]; /* the first is the preemptor */
	struct actor *end; /* of those that there are */
	struct session *sessions[ACTORS_MAX];
	struct look looks[GATEWAYS_MAX * ACTORS_MAX];
	unsigned int num_actors, num_gateways, num_looks;
	int type; /* of the reservation */
	const char *victim_word;
	enum means means;
	unsigned int run_id; /* in all contents */
	struct {
		int status; /* -1: none yet */
		int key, ascq;
		long long sent, answered;
	} preempt;
	unsigned int failures;
	int undecided; /* exit code, if nothing failed */
} trial;

void __attribute__((format(printf, 1, 2))) failed(const char *format, ...);

unsigned int lba_of(const struct actor *a);

/* Contents that no other block, round or run has. */
void fill(unsigned char *block, const struct actor *a, unsigned int n,
	  const char *round);

/* Whether its block on the disk has these contents now. */
int on_disk(const struct write *w, const unsigned char *data);
int has_landed(const struct write *w);
unsigned int count_landed(const struct actor *a);

/* How many of @a's writes have ended with @status, of any status if < 0. */
unsigned int count_ended(const struct actor *a, int status);

/* Who reads through gateway @g: the preemptor, or there a bystander. */
struct actor *reader(unsigned int g);

/* What PREEMPT AND ABORT did, if it was GOOD. */
void judge_good(void);

/* What the nexuses are told then, and may still do, and who is registered. */
void judge_after(void);

#endif
