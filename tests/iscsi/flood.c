// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered writes of one block, many at a time.
 *
 *	flood URL TAG DEPTH SPAN [COUNT]
 *
 * Write n goes to block n modulo SPAN and says "TAG n".  Goes on until COUNT
 * are done, or a line comes in; then no more are begun, but those that are out
 * are not waited for if they take long.  Prints "ready" after the first answer,
 * then how many were begun, and how many GOOD.  Exits with 1 if COUNT were
 * wanted and not all are.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"

enum {
	LAST_MS = 2000,
	DEPTH_MAX = 1024,
};

static struct session session;
static struct session *const sessions[] = {&session};

static struct slot {
	unsigned char data[BLOCK];
	int busy;
} slots[DEPTH_MAX];

static unsigned long begun, answered, good;

static void on_answer(struct iscsi_context *iscsi, int status, void *data,
		      void *arg)
{
	struct slot *slot = arg;

	(void)iscsi;
	slot->busy = 0;
	answered++;
	if (status == SCSI_STATUS_GOOD)
		good++;
	if (data)
		scsi_free_scsi_task(data);
}

static void begin(struct slot *slot, const char *tag, unsigned int span)
{
	memset(slot->data, 0, BLOCK);
	snprintf((char *)slot->data, BLOCK, "%s %lu\n", tag, begun);
	slot->busy = 1;
	if (!iscsi_write10_task(session.iscsi, session.lun, begun % span,
				slot->data, BLOCK, BLOCK, 0, 0, 0, 0, 0,
				on_answer, slot))
		die("no memory");
	begun++;
}

static int told(void)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};

	return poll(&input, 1, 0) > 0;
}

int main(int argc, char **argv)
{
	unsigned long depth, span, count;
	int ready = 0;
	long long end;

	if (argc < 5 || argc > 6)
		die("usage: flood URL TAG DEPTH SPAN [COUNT]");
	depth = strtoul(argv[3], NULL, 10);
	span = strtoul(argv[4], NULL, 10);
	count = argc > 5 ? strtoul(argv[5], NULL, 10) : 0;
	if (!depth || depth > DEPTH_MAX || !span)
		die("bad number");
	snprintf(session.name, sizeof(session.name),
		 "iqn.2026-11.org.tcmu-pr:%s", argv[2]);
	session_open(&session, argv[1]);
	iscsi_set_timeout(session.iscsi, 0);
	while (count ? answered < count : !told()) {
		for (unsigned long i = 0; i < depth; i++)
			if (!slots[i].busy && (!count || begun < count))
				begin(&slots[i], argv[2], span);
		sessions_step(sessions, 1, 20);
		if (answered && !ready) {
			printf("ready\n");
			fflush(stdout);
			ready = 1;
		}
	}
	for (end = now_ms() + LAST_MS; answered < begun && now_ms() < end;)
		sessions_step(sessions, 1, 20);
	printf("begun %lu good %lu\n", begun, good);
	return count && good < count;
}
