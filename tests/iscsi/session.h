/* SPDX-License-Identifier: GPL-2.0-only */
/* What the programs that work with many I_T nexuses at a time share. */
#ifndef SESSION_H
#define SESSION_H

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <stddef.h>

enum {
	BLOCK = 512,
	STATUS_TASK_ABORTED = 0x40,
	/* What session_attentions() may find. */
	ATTENTIONS_MAX = 8,
	KEYS_MAX = 4096,
};

/* One initiator port logged in to one gateway. */
struct session {
	char name[224];
	struct iscsi_context *iscsi;
	int lun;
};

struct keys {
	unsigned int generation;
	unsigned int count;
	unsigned long long key[KEYS_MAX];
};

void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...);

long long now_ms(void);

/* Logs in, and fetches what unit attentions there are. */
void session_open(struct session *s, const char *url);
void session_close(struct session *s);

/* Services all sessions, waiting at most @ms for something to happen. */
void sessions_step(struct session *const *sessions, size_t count, int ms);

/* Says @what and waits for a line, so that a script can do its part. */
void tell_and_wait(const char *what, struct session *const *sessions,
		   size_t count);

/* True for CHECK CONDITION with this sense. */
int has_sense(const struct scsi_task *task, int key, int ascq);

/* The codes of the unit attentions that are pending, fetched; how many. */
unsigned int session_attentions(struct session *s, int *ascq);

/*
 * One PERSISTENT RESERVE OUT, again after a unit attention.  Its status; sense
 * key and code in *@sense (0x52604 for 05h, 26h/04h) if there is one.
 */
int session_out(struct session *s, int sa, int type, unsigned long long key,
		unsigned long long sa_key, unsigned int *sense);

/* The same with a parameter list of one's own. */
int session_out_list(struct session *s, int sa, int type, unsigned char *list,
		     size_t len, unsigned int *sense);

/* PERSISTENT RESERVE IN that must be GOOD; to be freed by its scsi_task. */
struct scsi_task *session_in(struct session *s, int sa);

void session_keys(struct session *s, struct keys *keys);

/* Status of a READ or WRITE of @count blocks, again after unit attentions. */
int session_read(struct session *s, unsigned int lba, unsigned char *data,
		 unsigned int count);
int session_write(struct session *s, unsigned int lba, unsigned char *data,
		  unsigned int count);

#endif
