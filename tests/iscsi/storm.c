// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many I_T nexuses that read, write and fence each other through all gateways,
 * whatever happens to these.
 *
 *	storm SECONDS SEED HOSTS IMAGE HISTORY URL...
 *
 * HOSTS initiator ports are logged in to each gateway (URL; the first is gw1,
 * with portal group tag and relative target port identifier 1, and so on).
 * Each of these nexuses has two reads and writes in flight, and one PERSISTENT
 * RESERVE command.  A connection that is lost, or silent for 6 s, is made
 * again; what was on its way then has no answer.  All commands with their
 * times and answers, and what the disk holds in the end (seen in IMAGE, past
 * all targets), go to the file HISTORY, which tests/lincheck/judge reads.
 * Prints "running" when it begins, and how each PREEMPT AND ABORT ended; that
 * is what a registered nexus tries every other time from SIGUSR1 on.  Ends
 * after SECONDS, or at SIGINT.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "image.h"
#include "storm.h"

enum {
	/* Milliseconds. */
	STEP = 5,
	LAST_ANSWERS = 12000,
	QUIET = 2000,
	/* Of the disk; the first megabyte is left alone. */
	FIRST_BLOCK = 2048,
	LAST_BLOCK = 131072,
};

struct storm storm;

static volatile sig_atomic_t interrupted, eager;

static void interrupt(int number)
{
	if (number == SIGUSR1)
		eager = 1;
	else
		interrupted = 1;
}

long long now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

unsigned int draw(struct actor *a, unsigned int n)
{
	return (unsigned int)rand_r(&a->seed) % n;
}

static void answered(struct iscsi_context *iscsi, int status, void *data,
		     void *private_data)
{
	struct scsi_task *task = data;
	struct slot *slot = private_data;
	struct record *r = &storm.records[slot->op];

	(void)iscsi;
	slot->busy = false;
	/* libiscsi's own: cancelled, error, timeout. */
	if (status >= 0 && status <= 0xff) {
		r->ret = now_us();
		slot->actor->heard = r->ret;
		r->status = status;
		if (status == SCSI_STATUS_CHECK_CONDITION) {
			r->key = (int)task->sense.key;
			r->asc = task->sense.ascq;
		}
	}
	if (slot == &slot->actor->pr)
		pr_done(slot, r, task);
	else
		io_done(slot, r, task);
	if (task)
		scsi_free_scsi_task(task);
}

bool send_command(struct slot *slot, long op, int direction, int len)
{
	struct scsi_task *task = calloc(1, sizeof(*task));
	struct session *s = &slot->actor->session;

	if (!task)
		die("out of memory");
	memcpy(task->cdb, storm.records[op].cdb, CDB_LEN);
	task->cdb_size = CDB_LEN;
	task->xfer_dir = direction;
	task->expxferlen = len;
	slot->out = (struct iscsi_data){ .size = (size_t)len,
					 .data = slot->data };
	slot->op = op;
	slot->busy = true;
	if (!iscsi_scsi_command_async(s->iscsi, s->lun, task, answered,
				      direction == SCSI_XFER_WRITE ? &slot->out
								   : NULL,
				      slot))
		return true;
	slot->busy = false;
	slot->actor->drop = true;
	scsi_free_scsi_task(task);
	return false;
}

static void send_due(struct actor *a, long long now)
{
	unsigned int i;

	for (i = 0; i < IO_DEPTH; i++)
		if (a->state == UP && !a->drop && !a->io[i].busy &&
		    now >= a->io[i].due)
			io_send(&a->io[i]);
	if (a->state == UP && !a->drop && !a->pr.busy && now >= a->pr.due)
		pr_send(&a->pr);
}

static void step(void)
{
	struct pollfd fds[ACTORS_MAX];
	unsigned int i;

	storm.eager = eager;
	for (i = 0; i < storm.num_actors; i++) {
		struct actor *a = &storm.actors[i];

		session_tend(a, now_us());
		if (!storm.ending)
			send_due(a, now_us());
		fds[i].fd = -1;
		fds[i].revents = 0;
		if (!a->session.iscsi)
			continue;
		fds[i].fd = iscsi_get_fd(a->session.iscsi);
		fds[i].events = (short)iscsi_which_events(a->session.iscsi);
	}
	if (poll(fds, storm.num_actors, STEP) < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
	for (i = 0; i < storm.num_actors; i++) {
		struct actor *a = &storm.actors[i];

		if (a->session.iscsi && fds[i].fd >= 0 && fds[i].revents &&
		    iscsi_service(a->session.iscsi, fds[i].revents))
			a->drop = true;
	}
}

static bool all_answered(void)
{
	unsigned int i, n;

	for (i = 0; i < storm.num_actors; i++) {
		const struct actor *a = &storm.actors[i];

		if (a->pr.busy)
			return false;
		for (n = 0; n < IO_DEPTH; n++)
			if (a->io[n].busy)
				return false;
	}
	return true;
}

static void end_all(void)
{
	long long deadline = now_ms() + LAST_ANSWERS;
	unsigned int i;

	storm.ending = true;
	while (!all_answered() && now_ms() < deadline)
		step();
	for (i = 0; i < storm.num_actors; i++)
		session_drop(&storm.actors[i]);
	poll(NULL, 0, QUIET);
}

static void make_actor(unsigned int host, unsigned int gateway,
		       unsigned int seed, const char *url)
{
	unsigned int share = (LAST_BLOCK - FIRST_BLOCK) /
			     (storm.num_hosts * storm.num_gateways);
	struct actor *a = &storm.actors[storm.num_actors];
	unsigned int i;

	a->number = storm.num_actors++;
	a->host = host;
	a->gateway = gateway;
	a->url = url;
	a->seed = seed * ACTORS_MAX + a->number;
	a->first_block = FIRST_BLOCK + a->number * share;
	a->blocks = share;
	snprintf(a->label, sizeof(a->label), "host%u/gw%u", host + 1,
		 gateway + 1);
	snprintf(a->session.name, sizeof(a->session.name),
		 "iqn.2026-11.org.tcmu-pr:storm-%u", host + 1);
	a->pr.actor = a;
	for (i = 0; i < IO_DEPTH; i++)
		a->io[i].actor = a;
}

static void count_answers(void)
{
	long good = 0, conflicts = 0, errors = 0, none = 0, i;

	for (i = 0; i < storm.num_records; i++) {
		int status = storm.records[i].status;

		good += status == SCSI_STATUS_GOOD;
		conflicts += status == SCSI_STATUS_RESERVATION_CONFLICT;
		none += status == NO_ANSWER;
	}
	errors = storm.num_records - good - conflicts - none;
	printf("%ld commands: %ld GOOD, %ld RESERVATION CONFLICT, %ld errors, %ld without an answer\n",
	       storm.num_records, good, conflicts, errors, none);
}

int main(int argc, char **argv)
{
	unsigned int seed, i, g;
	long long end;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 7 || argc > 6 + GATEWAYS_MAX)
		die("usage: storm SECONDS SEED HOSTS IMAGE HISTORY URL...");
	seed = (unsigned int)strtoul(argv[2], NULL, 10);
	storm.num_hosts = (unsigned int)atoi(argv[3]);
	if (!storm.num_hosts || storm.num_hosts > HOSTS_MAX)
		die("1 to %d hosts", HOSTS_MAX);
	storm.num_gateways = (unsigned int)argc - 6;
	storm.run_id = (uint64_t)time(NULL) << 32 | (uint64_t)getpid();
	image_open(argv[4]);
	for (i = 0; i < storm.num_hosts; i++)
		for (g = 0; g < storm.num_gateways; g++)
			make_actor(i, g, seed, argv[6 + g]);
	signal(SIGINT, interrupt);
	signal(SIGUSR1, interrupt);
	pr_begin(&storm.actors[0]);
	printf("running at %lld us\n", now_us());
	end = now_ms() + atoi(argv[1]) * 1000LL;
	while (now_ms() < end && !interrupted)
		step();
	end_all();
	count_answers();
	history_write(argv[5]);
	return 0;
}
