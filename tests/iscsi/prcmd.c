// SPDX-License-Identifier: GPL-2.0-only
/*
 * One initiator, some commands, and exactly what the target answered.
 *
 *	prcmd URL NAME COMMAND...
 *
 * NAME is the initiator name; the ISID is always the same, so that NAME is
 * one initiator port from run to run.  Each COMMAND is one word:
 *
 *	out:SA:TYPE:KEY:SAKEY	PERSISTENT RESERVE OUT (KEY, SAKEY hexadecimal)
 *	in:SA			PERSISTENT RESERVE IN, the data in hexadecimal
 *	read:LBA  write:LBA:BYTE	one block
 *	tur			TEST UNIT READY
 *	cdb:HEX			any CDB without data
 *	sleep:MS
 *	wait			for a line on standard input, or its end
 *	stream:LBA:MS		writes of a block, one after another, until so long
 *				after the first that was not GOOD
 *
 * A line for each: the command, its status in hexadecimal, for CHECK
 * CONDITION sense key and ASC/ASCQ, for PR IN the data, and at the end the
 * milliseconds that it took.  Of a stream: how many were GOOD, how many NOT
 * READY 04h/0Bh and how many ended otherwise, how many were GOOD after one that
 * was not, when the last that was GOOD was sent, and when the first that was not
 * was answered (CLOCK_BOOTTIME in ns, 0: none).
 * Exit code 0 unless a command could not be sent.
 */
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCK = 512,
	ISID_EN = 6486,
	ISID_QUALIFIER = 1,
	ANSWER_SECONDS = 60,
	STREAM_SECONDS = 60, /* at most, all GOOD */
	PR_OUT_LIST = 24,
};

static struct iscsi_context *iscsi;
static int lun;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "prcmd: %s\n", what);
	exit(2);
}

static void login(const char *url_text, const char *name)
{
	struct iscsi_url *url;

	iscsi = iscsi_create_context(name);
	if (!iscsi)
		die("no iSCSI context");
	url = iscsi_parse_full_url(iscsi, url_text);
	if (!url)
		die(iscsi_get_error(iscsi));
	iscsi_set_isid_en(iscsi, ISID_EN, ISID_QUALIFIER);
	iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_timeout(iscsi, ANSWER_SECONDS);
	/* A lost connection is an answer too: do not paper over it. */
	iscsi_set_noautoreconnect(iscsi, 1);
	if (iscsi_connect_sync(iscsi, url->portal) ||
	    iscsi_set_targetname(iscsi, url->target) ||
	    iscsi_login_sync(iscsi))
		die(iscsi_get_error(iscsi));
	lun = url->lun;
	iscsi_destroy_url(url);
}

static void put_be64(unsigned char *to, unsigned long long v)
{
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		to[i] = (unsigned char)v;
}

/* By hand: libiscsi knows no REPLACE LOST RESERVATION. */
static struct scsi_task *pr_out(const char *args)
{
	unsigned char cdb[10] = { 0x5f, [8] = PR_OUT_LIST }, list[PR_OUT_LIST] = { 0 };
	struct iscsi_data data = { .size = sizeof(list), .data = list };
	unsigned long long key, sa_key;
	struct scsi_task *task;
	unsigned int sa, type;

	if (sscanf(args, "%u:%u:%llx:%llx", &sa, &type, &key, &sa_key) != 4)
		die("out:SA:TYPE:KEY:SAKEY");
	cdb[1] = (unsigned char)sa;
	cdb[2] = (unsigned char)type;
	put_be64(list, key);
	put_be64(list + 8, sa_key);
	task = scsi_create_task(sizeof(cdb), cdb, SCSI_XFER_WRITE, sizeof(list));
	if (!task)
		die("out of memory");
	return iscsi_scsi_command_sync(iscsi, lun, task, &data);
}

static struct scsi_task *write_block(const char *args)
{
	unsigned char data[BLOCK];
	unsigned int lba, byte;

	if (sscanf(args, "%u:%x", &lba, &byte) != 2)
		die("write:LBA:BYTE");
	memset(data, (int)byte, sizeof(data));
	return iscsi_write10_sync(iscsi, lun, lba, data, sizeof(data), BLOCK,
				  0, 0, 0, 0, 0);
}

static struct scsi_task *any_cdb(const char *hex)
{
	struct scsi_task *task = calloc(1, sizeof(*task));
	unsigned int byte;

	if (!task)
		die("out of memory");
	for (; sscanf(hex, "%2x", &byte) == 1 && task->cdb_size < 16; hex += 2)
		task->cdb[task->cdb_size++] = (unsigned char)byte;
	task->xfer_dir = SCSI_XFER_NONE;
	return iscsi_scsi_command_sync(iscsi, lun, task, NULL);
}

static long long boottime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void stream(const char *command)
{
	long long good_sent = 0, bad_answered = 0, sent, end;
	unsigned int good = 0, standby = 0, other = 0, late = 0, lba, ms;
	unsigned char data[BLOCK] = { 0 };

	end = boottime_ns() + STREAM_SECONDS * 1000000000LL;
	if (sscanf(command, "stream:%u:%u", &lba, &ms) != 2)
		die("stream:LBA:MS");
	while ((sent = boottime_ns()) < end) {
		struct scsi_task *task =
			iscsi_write10_sync(iscsi, lun, lba, data, sizeof(data),
					   BLOCK, 0, 0, 0, 0, 0);

		if (!task)
			die(iscsi_get_error(iscsi));
		if (task->status == SCSI_STATUS_GOOD) {
			good++;
			late += bad_answered != 0;
			good_sent = sent;
		} else {
			bool is_standby =
				task->status == SCSI_STATUS_CHECK_CONDITION &&
				task->sense.key == SCSI_SENSE_NOT_READY &&
				task->sense.ascq == 0x040b;

			standby += is_standby;
			other += !is_standby;
			if (!bad_answered) {
				bad_answered = boottime_ns();
				end = bad_answered + ms * 1000000LL;
			}
		}
		scsi_free_scsi_task(task);
	}
	printf("%s %u %u %u %u %lld %lld\n", command, good, standby, other,
	       late, good_sent, bad_answered);
	fflush(stdout);
}

static struct scsi_task *send_command(const char *command)
{
	const char *args = strchr(command, ':');

	args = args ? args + 1 : "";
	if (!strncmp(command, "out:", 4))
		return pr_out(args);
	if (!strncmp(command, "in:", 3))
		return iscsi_persistent_reserve_in_sync(iscsi, lun, atoi(args),
							65535);
	if (!strncmp(command, "read:", 5))
		return iscsi_read10_sync(iscsi, lun, (uint32_t)atoi(args),
					 BLOCK, BLOCK, 0, 0, 0, 0, 0);
	if (!strncmp(command, "write:", 6))
		return write_block(args);
	if (!strcmp(command, "tur"))
		return iscsi_testunitready_sync(iscsi, lun);
	if (!strncmp(command, "cdb:", 4))
		return any_cdb(args);
	die("unknown command");
}

static void wait_for_line(void)
{
	int c;

	do
		c = getchar();
	while (c != EOF && c != '\n');
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void report(const char *command, const struct scsi_task *task,
		   long long took)
{
	int i;

	printf("%s %02x", command, (unsigned int)task->status);
	if (task->status == SCSI_STATUS_CHECK_CONDITION)
		printf(" %02x %04x", (unsigned int)task->sense.key,
		       (unsigned int)task->sense.ascq);
	if (!strncmp(command, "in:", 3) && task->status == SCSI_STATUS_GOOD) {
		printf(" ");
		for (i = 0; i < task->datain.size; i++)
			printf("%02x", task->datain.data[i]);
	}
	printf(" %lld\n", took);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int i;

	if (argc < 4)
		die("usage: prcmd URL NAME COMMAND...");
	login(argv[1], argv[2]);
	for (i = 3; i < argc; i++) {
		long long start = now_ms();
		struct scsi_task *task;

		if (!strncmp(argv[i], "sleep:", 6)) {
			usleep((unsigned int)atoi(argv[i] + 6) * 1000);
			continue;
		}
		if (!strcmp(argv[i], "wait")) {
			wait_for_line();
			continue;
		}
		if (!strncmp(argv[i], "stream:", 7)) {
			stream(argv[i]);
			continue;
		}
		task = send_command(argv[i]);
		if (!task)
			die(iscsi_get_error(iscsi));
		report(argv[i], task, now_ms() - start);
		scsi_free_scsi_task(task);
	}
	iscsi_logout_sync(iscsi);
	iscsi_destroy_context(iscsi);
	return 0;
}
