// SPDX-License-Identifier: GPL-2.0-only
/*
 * PREEMPT AND ABORT while slow writes are in flight.
 *
 *	abort IMAGE TYPE VICTIM PREEMPTOR MEANS URL...
 *
 * On each gateway (URL) there is a victim and a bystander, each an I_T nexus
 * of its own; the preemptor is on gateway PREEMPTOR, counted from 1.  TYPE is
 * the reservation's.  VICTIM:
 *
 *	holder		a victim holds the reservation, on the last gateway
 *			that is not the preemptor's
 *	registrant	the preemptor holds it
 *	third		a bystander holds it
 *	all		all registrants do, and all but the preemptor are
 *			preempted by a key of zero; the preemptor writes too
 *
 * MEANS:
 *
 *	plain		nothing but PREEMPT AND ABORT
 *	reset, task	one victim sends LOGICAL UNIT RESET, all send ABORT
 *			TASKs, just before it
 *	stuck		the script stops a handler: no GOOD is allowed
 *
 * Everyone has 32 writes of one block in flight, to blocks of its own, with
 * contents that are used once.  What has been written is seen in IMAGE, the
 * disk that the handlers of all gateways write to (image.h): a READ would wait in their
 * queues behind the very writes that must not come after GOOD.  The handlers
 * must be slow, or there is nothing to see.
 *
 * Prints what happened, "FAILED: ..." for each thing that should not have, and
 * exits with 1 then.  Some ends show nothing, for they may come about rightly:
 * exit code 3 if PREEMPT AND ABORT timed out, or had its effect although the
 * reset aborted it; 4 if the victims' last writes through a gateway ended
 * before any could be aborted.  "ready" and (stuck) "answered" wait for a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "abort.h"
#include "image.h"

enum {
	ABORTED_TASKS = 8,
	/* Milliseconds. */
	ARRIVE = 150, /* from the target's port to its handler */
	TMF_LEAD = 200,
	QUIET = 3000, /* after the last READ and WRITE */
	QUIET_RESET = 10000, /* nobody may tell which is the last */
	GIVE_UP = 90000,
	/* PERSISTENT RESERVE OUT. */
	RESERVE = 1,
	CLEAR = 3,
	PREEMPT_AND_ABORT = 5,
	REGISTER_IGNORE = 6,
	/* An error that PREEMPT AND ABORT may always end in. */
	COMMUNICATION_TIME_OUT = 0x0801,
};

struct trial trial = { .preempt.status = -1 };

static void new_actor(const char *what, unsigned int gateway, unsigned int key,
		      const char *url)
{
	struct actor *a = &trial.actors[trial.num_actors];

	snprintf(a->label, sizeof(a->label), "%s/gw%u", what, gateway + 1);
	snprintf(a->session.name, sizeof(a->session.name),
		 "iqn.2026-11.org.tcmu-pr:abort-%s-%u", what, gateway + 1);
	a->gateway = gateway;
	a->key = key;
	session_open(&a->session, url);
	trial.end = a + 1;
	trial.sessions[trial.num_actors++] = &a->session;
}

static void log_in(unsigned int preemptor, char **urls)
{
	int all = !strcmp(trial.victim_word, "all");
	struct actor *a;
	unsigned int g;

	new_actor("preemptor", preemptor, PREEMPTOR_KEY, urls[preemptor]);
	for (g = 0; g < trial.num_gateways; g++) {
		new_actor("victim", g, VICTIM_KEY, urls[g]);
		trial.actors[trial.num_actors - 1].victim = 1;
		new_actor("bystander", g, BYSTANDER_KEY + g, urls[g]);
		trial.actors[trial.num_actors - 1].victim = all;
	}
	for (a = trial.actors; a < trial.end; a++)
		a->loaded = all || a != trial.actors;
}

static void must(struct actor *a, int sa, unsigned int key)
{
	long long begin = now_ms();
	unsigned int sense;
	int status = session_out(&a->session, sa,
				 sa == RESERVE ? trial.type : 0, key,
				 sa == REGISTER_IGNORE ? a->key : 0, &sense);

	if (status != SCSI_STATUS_GOOD)
		die("%s: action %d: status %#x, sense %06x, %lld ms", a->label,
		    sa, (unsigned int)status, sense, now_ms() - begin);
}

static void clear_all(void)
{
	must(trial.actors, REGISTER_IGNORE, 0);
	must(trial.actors, CLEAR, trial.actors->key);
}

static struct actor *holder(void)
{
	struct actor *a, *found = trial.actors;

	if (!strcmp(trial.victim_word, "registrant") ||
	    !strcmp(trial.victim_word, "all"))
		return found;
	for (a = trial.actors; a < trial.end; a++)
		if (a != trial.actors &&
		    a->victim == !strcmp(trial.victim_word, "holder") &&
		    (found == trial.actors ||
		     a->gateway != trial.actors->gateway))
			found = a;
	return found;
}

static void register_all(void)
{
	int ascq[ATTENTIONS_MAX];
	struct actor *a;

	clear_all();
	for (a = trial.actors; a < trial.end; a++)
		must(a, REGISTER_IGNORE, 0);
	a = holder();
	must(a, RESERVE, a->key);
	for (a = trial.actors; a < trial.end; a++)
		session_attentions(&a->session, ascq);
}

/* What is to be overwritten has contents that tell so. */
static void write_before(struct actor *a)
{
	unsigned char data[LOAD * BLOCK];
	unsigned int i;

	for (i = 0; i < LOAD; i++)
		fill(data + i * BLOCK, a, i, "before");
	if (session_write(&trial.actors->session, lba_of(a), data, LOAD))
		die("cannot write");
	for (i = 0; i < LOAD; i++) {
		a->writes[i].actor = a;
		if (!on_disk(&a->writes[i], data + i * BLOCK))
			die("a block that was written is not in the image");
	}
}

static void written(struct iscsi_context *iscsi, int status, void *data,
		    void *private_data)
{
	struct write *w = private_data;

	(void)iscsi;
	(void)data;
	w->status = status;
	w->ended = now_ms();
}

static void send_writes(struct actor *a)
{
	unsigned int i;

	for (i = 0; i < LOAD; i++) {
		struct write *w = &a->writes[i];

		w->actor = a;
		w->status = -1;
		fill(w->data, a, i, "in flight");
		w->task = iscsi_write10_task(a->session.iscsi, a->session.lun,
					     lba_of(a) + i, w->data, BLOCK,
					     BLOCK, 0, 0, 0, 0, 0, written, w);
		if (!w->task)
			die("%s: %s", a->label,
			    iscsi_get_error(a->session.iscsi));
	}
}

static void step(int ms)
{
	sessions_step(trial.sessions, trial.num_actors, ms);
}

static void step_for(long long ms)
{
	long long end = now_ms() + ms;

	while (now_ms() < end)
		step(5);
}

static int all_sent(void)
{
	unsigned int i;

	for (i = 0; i < trial.num_actors; i++)
		if (iscsi_out_queue_length(trial.sessions[i]->iscsi))
			return 0;
	return 1;
}

/* Every gateway's handler has written one, so it has all that arrived. */
static int all_at_work(void)
{
	int busy[GATEWAYS_MAX] = { 0 };
	const struct actor *a;
	unsigned int g, n = 0;

	for (a = trial.actors; a < trial.end; a++)
		if (a->loaded && count_landed(a))
			busy[a->gateway] = 1;
	for (g = 0; g < trial.num_gateways; g++)
		n += busy[g];
	return n == (trial.means == STUCK ? 1 : trial.num_gateways);
}

static void load_all(void)
{
	long long deadline = now_ms() + GIVE_UP;
	struct actor *a;

	for (a = trial.actors; a < trial.end; a++)
		if (a->loaded)
			send_writes(a);
	while (!all_sent() || !all_at_work()) {
		step(2);
		if (now_ms() > deadline)
			die("the writes do not get to the handlers");
	}
	step_for(ARRIVE);
}

static void tmf_done(struct iscsi_context *iscsi, int status, void *data,
		     void *private_data)
{
	(void)iscsi;
	(void)data;
	(void)private_data;
	if (status)
		failed("a task management function: %d", status);
}

static void abort_tasks(struct actor *a)
{
	unsigned int i, n = 0;

	/* The last ones: the handler is farthest from them. */
	for (i = LOAD; i-- > 0 && n < ABORTED_TASKS;) {
		if (a->writes[i].status >= 0)
			continue;
		if (iscsi_task_mgmt_abort_task_async(a->session.iscsi,
						     a->writes[i].task,
						     tmf_done, NULL))
			die("%s", iscsi_get_error(a->session.iscsi));
		n++;
	}
}

static void send_tmfs(void)
{
	struct actor *a;

	if (trial.means != RESET && trial.means != TASK)
		return;
	for (a = trial.actors; a < trial.end; a++) {
		if (!a->victim)
			continue;
		if (trial.means == TASK) {
			abort_tasks(a);
			continue;
		}
		if (iscsi_task_mgmt_lun_reset_async(a->session.iscsi,
						    (u_int32_t)a->session.lun,
						    tmf_done, NULL))
			die("%s", iscsi_get_error(a->session.iscsi));
		break;
	}
	step_for(TMF_LEAD);
}

static void looked(struct iscsi_context *iscsi, int status, void *data,
		   void *private_data)
{
	const struct scsi_task *task = data;
	struct look *look = private_data;

	(void)iscsi;
	look->done = 1;
	if (status || task->datain.size != sizeof(look->data))
		failed("READ after GOOD: status %#x", (unsigned int)status);
	else
		memcpy(look->data, task->datain.data, sizeof(look->data));
}

static void look_through(unsigned int g)
{
	struct actor *by = reader(g), *a;

	/* It would be told of its preemption, or of the reset, instead. */
	if (by->victim || trial.means == RESET)
		return;
	for (a = trial.actors; a < trial.end; a++) {
		struct look *look = &trial.looks[trial.num_looks];

		if (!a->victim)
			continue;
		trial.num_looks++;
		look->of = a;
		look->task = iscsi_read10_task(
			by->session.iscsi, by->session.lun, lba_of(a),
			sizeof(look->data), BLOCK, 0, 0, 0, 0, 0, looked, look);
		if (!look->task)
			die("%s", iscsi_get_error(by->session.iscsi));
	}
}

/* The moment that counts: nothing may be done before the snapshot. */
static void preempted(struct iscsi_context *iscsi, int status, void *data,
		      void *private_data)
{
	const struct scsi_task *task = data;
	unsigned char now[LOAD * BLOCK];
	struct actor *a;
	struct write *w;

	(void)iscsi;
	(void)private_data;
	for (a = trial.actors; a < trial.end; a++) {
		if (!a->loaded)
			continue;
		image_read(lba_of(a), LOAD, now);
		for (w = a->writes; w < a->writes + LOAD; w++)
			memcpy(w->at_good, now + (w - a->writes) * BLOCK, BLOCK);
	}
	trial.preempt.answered = now_ms();
	trial.preempt.status = status;
	if (status == SCSI_STATUS_CHECK_CONDITION) {
		trial.preempt.key = task->sense.key;
		trial.preempt.ascq = task->sense.ascq;
	}
}

static void note_before(void)
{
	struct actor *a;
	struct write *w;

	for (a = trial.actors; a < trial.end; a++) {
		if (!a->loaded)
			continue;
		for (w = a->writes; w < a->writes + LOAD; w++)
			w->landed_before = has_landed(w);
		printf("%s: %u sent, %u ended, %u on the disk\n", a->label,
		       LOAD, count_ended(a, -1), count_landed(a));
	}
}

static void send_preempt(void)
{
	static struct scsi_persistent_reserve_out_basic params;
	struct session *s = &trial.actors->session;

	params.reservation_key = PREEMPTOR_KEY;
	params.service_action_reservation_key =
		strcmp(trial.victim_word, "all") ? VICTIM_KEY : 0;
	trial.preempt.status = -1;
	trial.preempt.ascq = 0;
	trial.preempt.sent = now_ms();
	if (!iscsi_persistent_reserve_out_task(s->iscsi, s->lun,
					       PREEMPT_AND_ABORT, 0, trial.type,
					       &params, preempted, NULL))
		die("%s", iscsi_get_error(s->iscsi));
	while (trial.preempt.status < 0) {
		step(2);
		if (now_ms() > trial.preempt.sent + GIVE_UP)
			die("PREEMPT AND ABORT does not end");
	}
	printf("PREEMPT AND ABORT: status %#x",
	       (unsigned int)trial.preempt.status);
	if (trial.preempt.status == SCSI_STATUS_CHECK_CONDITION)
		printf(", sense %x %04x", (unsigned int)trial.preempt.key,
		       (unsigned int)trial.preempt.ascq);
	printf(" after %lld ms\n", trial.preempt.answered - trial.preempt.sent);
}

/* A LOGICAL UNIT RESET aborts that command too, and is reported. */
static int met_reset(void)
{
	return trial.means == RESET &&
	       (trial.preempt.status == STATUS_TASK_ABORTED ||
		(trial.preempt.status == SCSI_STATUS_CHECK_CONDITION &&
		 trial.preempt.key == SCSI_SENSE_UNIT_ATTENTION));
}

static int all_over(void)
{
	const struct actor *a;
	unsigned int i;

	for (a = trial.actors; a < trial.end; a++)
		if (a->loaded && count_ended(a, -1) < LOAD &&
		    trial.means != RESET && !(a->victim && trial.means == TASK))
			return 0;
	for (i = 0; i < trial.num_looks; i++)
		if (!trial.looks[i].done)
			return 0;
	return 1;
}

static void wait_until_quiet(long long least)
{
	long long begin = now_ms();

	while (!all_over()) {
		step(20);
		if (now_ms() > begin + GIVE_UP) {
			failed("commands do not end");
			return;
		}
	}
	step_for(least);
}

static void preempt_and_look(void)
{
	unsigned int g;

	note_before();
	do {
		send_preempt();
	} while (met_reset());
	if (trial.preempt.status == SCSI_STATUS_GOOD)
		for (g = 0; g < trial.num_gateways; g++)
			look_through(g);
	wait_until_quiet(trial.means == RESET ? QUIET_RESET : QUIET);
	if (trial.preempt.status == SCSI_STATUS_GOOD)
		judge_good();
	else if (trial.preempt.ascq == COMMUNICATION_TIME_OUT ||
		 (trial.means == RESET &&
		  trial.preempt.status == SCSI_STATUS_RESERVATION_CONFLICT))
		trial.undecided = EXIT_TOO_SLOW;
	else
		failed("PREEMPT AND ABORT is not GOOD");
}

/* A handler that does not go on: no GOOD, and all is well when it does. */
static void preempt_in_vain(void)
{
	note_before();
	send_preempt();
	if (trial.preempt.status == SCSI_STATUS_GOOD)
		failed("GOOD, although a victim's writes are in a handler that is stopped");
	else if (trial.preempt.status != SCSI_STATUS_CHECK_CONDITION)
		failed("neither GOOD nor an error");
	tell_and_wait("answered", trial.sessions, trial.num_actors);
	wait_until_quiet(1000);
	judge_after();
}

int main(int argc, char **argv)
{
	static const char *const words[] = { "plain", "reset", "task", "stuck" };
	struct actor *a;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 7 || argc > 6 + GATEWAYS_MAX)
		die("usage: abort IMAGE TYPE VICTIM PREEMPTOR MEANS URL...");
	trial.type = atoi(argv[2]);
	trial.victim_word = argv[3];
	for (trial.means = PLAIN; strcmp(argv[5], words[trial.means]);
	     trial.means++)
		if (trial.means == STUCK)
			die("unknown means");
	trial.num_gateways = (unsigned int)argc - 6;
	trial.run_id = (unsigned int)time(NULL) ^ (unsigned int)getpid() << 16;
	image_open(argv[1]);
	log_in((unsigned int)atoi(argv[4]) - 1, argv + 6);
	for (a = trial.actors; a < trial.end; a++)
		write_before(a);
	register_all();
	tell_and_wait("ready", trial.sessions, trial.num_actors);
	load_all();
	send_tmfs();
	if (trial.means == STUCK)
		preempt_in_vain();
	else
		preempt_and_look();
	clear_all();
	for (a = trial.actors; a < trial.end; a++)
		session_close(&a->session);
	return trial.failures ? 1 : trial.undecided;
}
