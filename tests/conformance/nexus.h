/* SPDX-License-Identifier: GPL-2.0-only */
/* The suite's I_T nexuses: sessions, and commands through them. */
#ifndef NEXUS_H
#define NEXUS_H

#include "conf.h"

enum {
	COMMAND_SECONDS = 40,
	URLS_MAX = 2,
};

/* What a command was answered. */
struct answer {
	int status;		/* as SAM has it; -1: no answer */
	int key, asc;
	bool fixed_format;	/* sense data of format 70h */
	bool underflow, overflow;
	size_t residual;
	uint8_t data[DATA_MAX];
	size_t size;
	char error[128];	/* of status -1 */
};

struct request {
	const uint8_t *cdb;
	size_t cdb_length;
	enum direction direction;
	const uint8_t *out;
	size_t bytes;
};

void nexus_targets(const char *const *urls, const unsigned int *rtpis, size_t n);
bool two_ports(void);

const char *nexus_initiator(enum nexus_id n);
uint64_t nexus_isid(enum nexus_id n);
uint64_t isid_of(unsigned int qualifier);
unsigned int nexus_rtpi(enum nexus_id n);
char nexus_letter(enum nexus_id n);
bool nexus_possible(enum nexus_id n);

bool nexus_open(enum nexus_id n);
bool nexus_is_open(enum nexus_id n);
void nexus_logout(enum nexus_id n);
void nexus_drop(enum nexus_id n);
/* The response code of the task management function, -1 without one. */
int nexus_reset(enum nexus_id n, bool target);
void nexus_close_all(void);
/* Answers the target's pings, lest it end a session that is long unused. */
void nexus_keep_alive(void);

/* Logs in if need be. */
void nexus_send(enum nexus_id n, const struct request *rq, struct answer *a);
/* TEST UNIT READY until it is not CHECK CONDITION; the unit attentions met. */
int nexus_drain(enum nexus_id n);

extern unsigned int logins, pr_outs, pr_outs_done, pr_outs_start, commands;

#endif
