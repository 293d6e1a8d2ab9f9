// SPDX-License-Identifier: GPL-2.0-only
/* What must be so after a PREEMPT AND ABORT, whoever sent what before it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "abort.h"
#include "image.h"

enum {
	FIRST_LBA = 1024,
	LATE = 3000, /* milliseconds: a victim's status after GOOD */
	REGISTRATIONS_PREEMPTED = 0x2a05,
};

void __attribute__((format(printf, 1, 2))) failed(const char *format, ...)
{
	va_list args;

	trial.failures++;
	va_start(args, format);
	printf("FAILED: ");
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

unsigned int lba_of(const struct actor *a)
{
	return FIRST_LBA + (unsigned int)(a - trial.actors) * LOAD;
}

int on_disk(const struct write *w, const unsigned char *data)
{
	unsigned int n = (unsigned int)(w - w->actor->writes);
	unsigned char now[BLOCK];

	image_read(lba_of(w->actor) + n, 1, now);
	return !memcmp(now, data, BLOCK);
}

int has_landed(const struct write *w)
{
	return on_disk(w, w->data);
}

void fill(unsigned char *block, const struct actor *a, unsigned int n,
	  const char *round)
{
	char line[65];
	int i;

	snprintf(line, sizeof(line), "%08x %-24s block %4u %-17s\n",
		 trial.run_id, a->label, n, round);
	for (i = 0; i < BLOCK; i += 64)
		memcpy(block + i, line, 64);
}

unsigned int count_ended(const struct actor *a, int status)
{
	const struct write *w;
	unsigned int n = 0;

	for (w = a->writes; w < a->writes + LOAD; w++)
		n += w->status >= 0 && (status < 0 || w->status == status);
	return n;
}

unsigned int count_landed(const struct actor *a)
{
	const struct write *w;
	unsigned int n = 0;

	for (w = a->writes; w < a->writes + LOAD; w++)
		n += has_landed(w);
	return n;
}

struct actor *reader(unsigned int g)
{
	struct actor *a = trial.actors;

	if (a->gateway == g)
		return a;
	while (a->key != BYSTANDER_KEY + g)
		a++;
	return a;
}

static void judge_victim(const struct actor *a)
{
	unsigned int late_writes = 0, at_good = 0, other = 0, mute = 0;
	unsigned int not_there = 0, before = 0;
	const struct write *w;
	long long last = 0;

	for (w = a->writes; w < a->writes + LOAD; w++) {
		before += (unsigned int)w->landed_before;
		at_good += !memcmp(w->at_good, w->data, BLOCK);
		late_writes += !on_disk(w, w->at_good);
		mute += w->status < 0;
		/* At a reset libiscsi ends its own commands. */
		other += w->status >= 0 && w->status != SCSI_STATUS_GOOD &&
			 w->status != STATUS_TASK_ABORTED &&
			 trial.means != RESET;
		not_there += w->status == SCSI_STATUS_GOOD && !has_landed(w);
		if (w->status >= 0 && w->ended > last)
			last = w->ended;
	}
	printf("%s: on the disk before %u, at GOOD %u, at the end %u; %u GOOD, %u TASK ABORTED, %u without status; the last %lld ms after GOOD\n",
	       a->label, before, at_good, count_landed(a),
	       count_ended(a, SCSI_STATUS_GOOD),
	       count_ended(a, STATUS_TASK_ABORTED), mute,
	       last - trial.preempt.answered);
	if (late_writes)
		failed("%s: %u writes landed after GOOD", a->label,
		       late_writes);
	if (other)
		failed("%s: %u writes ended with another status", a->label,
		       other);
	if (not_there)
		failed("%s: %u writes ended GOOD, but are not on the disk",
		       a->label, not_there);
	if (trial.means == PLAIN && mute)
		failed("%s: %u writes got no status", a->label, mute);
	if (last > trial.preempt.answered + LATE)
		failed("%s: a status came late", a->label);
}

static void judge_bystander(const struct actor *a)
{
	unsigned int good = count_ended(a, SCSI_STATUS_GOOD);

	printf("%s: %u GOOD, %u TASK ABORTED, %u on the disk\n", a->label, good,
	       count_ended(a, STATUS_TASK_ABORTED), count_landed(a));
	/* A LOGICAL UNIT RESET aborts everyone's commands. */
	if (trial.means != RESET && good != LOAD)
		failed("%s: only %u of its writes are GOOD", a->label, good);
	if (count_landed(a) < good)
		failed("%s: writes that ended GOOD are not on the disk",
		       a->label);
}

/* READ sees what the image says, then and now, through every gateway. */
static void judge_reads(void)
{
	unsigned char data[LOAD * BLOCK];
	unsigned int i, g, n, wrong;
	struct actor *a;

	for (i = 0; i < trial.num_looks; i++) {
		for (n = 0, wrong = 0; n < LOAD; n++)
			wrong += !!memcmp(trial.looks[i].data + n * BLOCK,
					  trial.looks[i].of->writes[n].at_good,
					  BLOCK);
		if (wrong)
			failed("%s: %u blocks read otherwise than at GOOD",
			       trial.looks[i].of->label, wrong);
	}
	for (g = 0; g < trial.num_gateways; g++)
		for (a = trial.actors; a < trial.end; a++) {
			if (!a->loaded)
				continue;
			if (session_read(&reader(g)->session, lba_of(a), data,
					 LOAD))
				failed("gw%u: READ", g + 1);
			for (n = 0, wrong = 0; n < LOAD; n++)
				wrong += !on_disk(&a->writes[n],
						  data + n * BLOCK);
			if (wrong)
				failed("gw%u: %s: %u blocks are not what the image holds",
				       g + 1, a->label, wrong);
		}
}

static void judge_keys(void)
{
	unsigned int g, want = 0;
	struct keys keys;
	struct actor *a;

	for (a = trial.actors; a < trial.end; a++)
		want += !a->victim;
	for (g = 0; g < trial.num_gateways; g++) {
		session_keys(&reader(g)->session, &keys);
		if (keys.count != want)
			failed("gw%u: %u keys", g + 1, keys.count);
	}
}

void judge_after(void)
{
	unsigned char data[BLOCK];
	int ascq[ATTENTIONS_MAX];
	struct actor *a;

	for (a = trial.actors; a < trial.end; a++) {
		unsigned int i, n = session_attentions(&a->session, ascq);
		int want = a->victim ? SCSI_STATUS_RESERVATION_CONFLICT
				     : SCSI_STATUS_GOOD;
		int status;

		for (i = 0; i < n; i++)
			printf("%s: unit attention %04x\n", a->label,
			       (unsigned int)ascq[i]);
		if (trial.means != RESET && n != (unsigned int)a->victim)
			failed("%s: %u unit attentions", a->label, n);
		if (trial.means != RESET && n &&
		    ascq[0] != REGISTRATIONS_PREEMPTED)
			failed("%s: a wrong unit attention", a->label);
		fill(data, a, 0, "after");
		status = session_write(&a->session, lba_of(a), data, 1);
		if (status != want)
			failed("%s: a new write: status %#x", a->label,
			       (unsigned int)status);
	}
	judge_keys();
}

/* Otherwise the victims' writes may all have come to their end before. */
static void require_aborted(unsigned int g)
{
	const struct actor *a;
	unsigned int n = 0;

	for (a = trial.actors; a < trial.end; a++)
		if (a->victim && a->gateway == g)
			n += LOAD - count_ended(a, SCSI_STATUS_GOOD);
	if (!n)
		trial.undecided = EXIT_TOO_FAST;
}

void judge_good(void)
{
	struct actor *a;
	unsigned int g;

	for (g = 0; g < trial.num_gateways; g++)
		require_aborted(g);
	for (a = trial.actors; a < trial.end; a++) {
		if (!a->loaded)
			continue;
		if (a->victim)
			judge_victim(a);
		else
			judge_bystander(a);
	}
	/* First, for who reads is told what it is to be told. */
	judge_after();
	judge_reads();
}
