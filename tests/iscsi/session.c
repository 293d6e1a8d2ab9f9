// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

enum {
	/* The ISID never changes: the name makes the initiator port. */
	ISID_EN = 6486,
	ISID_QUALIFIER = 1,
	ANSWER_SECONDS = 90, /* longer than a command may take */
	SESSIONS_MAX = 16,
	WAIT_MS = 50,
	PARAM_LEN = 24,
};

void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

void session_open(struct session *s, const char *url_text)
{
	int ascq[ATTENTIONS_MAX];
	struct iscsi_url *url;

	s->iscsi = iscsi_create_context(s->name);
	if (!s->iscsi)
		die("no iSCSI context");
	url = iscsi_parse_full_url(s->iscsi, url_text);
	if (!url)
		die("%s", iscsi_get_error(s->iscsi));
	iscsi_set_isid_en(s->iscsi, ISID_EN, ISID_QUALIFIER);
	iscsi_set_session_type(s->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_timeout(s->iscsi, ANSWER_SECONDS);
	/* A lost connection must not be papered over. */
	iscsi_set_noautoreconnect(s->iscsi, 1);
	if (iscsi_connect_sync(s->iscsi, url->portal) ||
	    iscsi_set_targetname(s->iscsi, url->target) ||
	    iscsi_login_sync(s->iscsi))
		die("%s: %s", url_text, iscsi_get_error(s->iscsi));
	s->lun = url->lun;
	iscsi_destroy_url(url);
	session_attentions(s, ascq);
}

void session_close(struct session *s)
{
	iscsi_logout_sync(s->iscsi);
	iscsi_destroy_context(s->iscsi);
	s->iscsi = NULL;
}

void sessions_step(struct session *const *sessions, size_t count, int ms)
{
	struct pollfd fds[SESSIONS_MAX];
	size_t i;

	if (count > SESSIONS_MAX)
		die("too many sessions");
	for (i = 0; i < count; i++) {
		fds[i].fd = iscsi_get_fd(sessions[i]->iscsi);
		fds[i].events = (short)iscsi_which_events(sessions[i]->iscsi);
		fds[i].revents = 0;
	}
	if (poll(fds, count, ms) < 0 && errno != EINTR)
		die("poll: %s", strerror(errno));
	for (i = 0; i < count; i++)
		if (iscsi_service(sessions[i]->iscsi, fds[i].revents))
			die("%s: %s", sessions[i]->name,
			    iscsi_get_error(sessions[i]->iscsi));
}

void tell_and_wait(const char *what, struct session *const *sessions,
		   size_t count)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char byte;

	printf("%s\n", what);
	fflush(stdout);
	/* The target drops who does not answer its NOP-In. */
	while (poll(&input, 1, 0) == 0)
		sessions_step(sessions, count, WAIT_MS);
	/* At its end nobody has anything to do. */
	while (read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n')
		;
}

int has_sense(const struct scsi_task *task, int key, int ascq)
{
	return task->status == SCSI_STATUS_CHECK_CONDITION &&
	       (int)task->sense.key == key &&
	       (ascq < 0 || task->sense.ascq == ascq);
}

unsigned int session_attentions(struct session *s, int *ascq)
{
	unsigned int n;

	for (n = 0; n < ATTENTIONS_MAX; n++) {
		struct scsi_task *task =
			iscsi_testunitready_sync(s->iscsi, s->lun);

		if (!task)
			die("%s: %s", s->name, iscsi_get_error(s->iscsi));
		if (!has_sense(task, SCSI_SENSE_UNIT_ATTENTION, -1)) {
			scsi_free_scsi_task(task);
			return n;
		}
		ascq[n] = task->sense.ascq;
		scsi_free_scsi_task(task);
	}
	die("%s: unit attentions without end", s->name);
}

/*
 * The status of @task, which is freed; -1 for a unit attention, which is
 * reported once and then over.
 */
static int finish(struct session *s, struct scsi_task *task,
		  unsigned int *sense)
{
	int status;

	if (!task)
		die("%s: %s", s->name, iscsi_get_error(s->iscsi));
	status = task->status;
	if (status > 0xff)
		die("%s: no answer: %#x, %s", s->name, (unsigned int)status,
		    iscsi_get_error(s->iscsi));
	if (has_sense(task, SCSI_SENSE_UNIT_ATTENTION, -1))
		status = -1;
	if (sense)
		*sense = status == SCSI_STATUS_CHECK_CONDITION
				 ? (unsigned int)task->sense.key << 16 |
					   (unsigned int)task->sense.ascq
				 : 0;
	scsi_free_scsi_task(task);
	return status;
}

static void put_be(unsigned char *p, unsigned long long value, int len)
{
	while (len--) {
		p[len] = (unsigned char)value;
		value >>= 8;
	}
}

static unsigned long long get_be(const unsigned char *p, int len)
{
	unsigned long long value = 0;

	while (len--)
		value = value << 8 | *p++;
	return value;
}

int session_out_list(struct session *s, int sa, int type, unsigned char *list,
		     size_t len, unsigned int *sense)
{
	struct iscsi_data data = { .size = len, .data = list };
	int status, tries;

	for (tries = 0; tries < ATTENTIONS_MAX; tries++) {
		struct scsi_task *task = calloc(1, sizeof(*task));

		if (!task)
			die("out of memory");
		task->cdb[0] = 0x5f;
		task->cdb[1] = (unsigned char)sa;
		task->cdb[2] = (unsigned char)type;
		put_be(task->cdb + 5, len, 4);
		task->cdb_size = 10;
		task->xfer_dir = SCSI_XFER_WRITE;
		task->expxferlen = (int)len;
		if (!iscsi_scsi_command_sync(s->iscsi, s->lun, task, &data))
			die("%s: %s", s->name, iscsi_get_error(s->iscsi));
		status = finish(s, task, sense);
		if (status >= 0)
			return status;
	}
	die("%s: unit attentions without end", s->name);
}

int session_out(struct session *s, int sa, int type, unsigned long long key,
		unsigned long long sa_key, unsigned int *sense)
{
	unsigned char list[PARAM_LEN] = { 0 };

	put_be(list, key, 8);
	put_be(list + 8, sa_key, 8);
	return session_out_list(s, sa, type, list, sizeof(list), sense);
}

struct scsi_task *session_in(struct session *s, int sa)
{
	int tries;

	for (tries = 0; tries < ATTENTIONS_MAX; tries++) {
		struct scsi_task *task = iscsi_persistent_reserve_in_sync(
			s->iscsi, s->lun, sa, 65535);

		if (!task)
			die("%s: %s", s->name, iscsi_get_error(s->iscsi));
		if (task->status == SCSI_STATUS_GOOD && task->datain.size >= 8)
			return task;
		scsi_free_scsi_task(task);
	}
	die("%s: PERSISTENT RESERVE IN: %s", s->name,
	    iscsi_get_error(s->iscsi));
}

void session_keys(struct session *s, struct keys *keys)
{
	struct scsi_task *task = session_in(s, 0);
	const unsigned char *data = task->datain.data;
	unsigned int i;

	keys->generation = (unsigned int)get_be(data, 4);
	keys->count = (unsigned int)get_be(data + 4, 4) / 8;
	if (keys->count > KEYS_MAX || task->datain.size < (int)keys->count * 8)
		die("%s: READ KEYS of %u keys in %d bytes", s->name,
		    keys->count, task->datain.size);
	for (i = 0; i < keys->count; i++)
		keys->key[i] = get_be(data + 8 + i * 8, 8);
	scsi_free_scsi_task(task);
}

int session_read(struct session *s, unsigned int lba, unsigned char *data,
		 unsigned int count)
{
	int tries;

	for (tries = 0; tries < ATTENTIONS_MAX; tries++) {
		struct scsi_task *task =
			iscsi_read10_sync(s->iscsi, s->lun, lba, count * BLOCK,
					  BLOCK, 0, 0, 0, 0, 0);
		int status;

		if (task && task->status == SCSI_STATUS_GOOD)
			memcpy(data, task->datain.data,
			       (size_t)task->datain.size);
		status = finish(s, task, NULL);
		if (status >= 0)
			return status;
	}
	die("%s: unit attentions without end", s->name);
}

int session_write(struct session *s, unsigned int lba, unsigned char *data,
		  unsigned int count)
{
	int tries, status;

	for (tries = 0; tries < ATTENTIONS_MAX; tries++) {
		status = finish(s,
				iscsi_write10_sync(s->iscsi, s->lun, lba, data,
						   count * BLOCK, BLOCK, 0, 0,
						   0, 0, 0),
				NULL);
		if (status >= 0)
			return status;
	}
	die("%s: unit attentions without end", s->name);
}
