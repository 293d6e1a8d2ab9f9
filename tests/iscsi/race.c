// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two PR OUTs racing through two gateways.
 *
 *	race ROUNDS SEED URL1 URL2 [faults]
 *
 * Initiator A is logged in to the gateway of URL1, B to that of URL2.  Each
 * round sends one command on either at the same time; then what both answered
 * and the state that both gateways report must be what one device would have
 * given for one of the two orders.  What that is, the core says: it is linked
 * into this program.  Exit code 1 if any round is not so.
 *
 * "faults" says that somebody breaks the store meanwhile: then a command may
 * also end in NOT READY, and had no effect, or in COMMUNICATION TIME-OUT, and
 * may have had it.  How often that was is in the last line but one.  Whoever
 * breaks it closes the standard input when that is done: until then the races
 * go on, also after ROUNDS.
 */
#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tpr_bytes.h"
#include "tpr_opcode.h"
#include "tpr_out.h"

enum {
	STATE_REGS = 8,
	UA_RETRIES = 4,
	/* Instead of a status. */
	NOT_DONE = -1,
	UNCLEAR = -2,
	/* While the store is broken: tries, and seconds between them. */
	FAULT_TRIES = 90,
	FAULT_SECONDS = 1,
	COMMUNICATION_TIME_OUT = 0x0801,
};

struct party {
	const char *name; /* initiator name */
	u64 key;
	struct iscsi_context *iscsi;
	int lun;
	struct tpr_nexus nexus; /* as the model names it */
};

/* One PR OUT. */
struct command {
	u8 sa;
	u8 type;
	u64 key;
	u64 sa_key;
};

/* A command on its way, in a thread of its own. */
struct shot {
	struct party *party;
	struct command cmd;
	unsigned int delay_us;
	pthread_barrier_t *start;
	int status;
};

struct kind {
	const char *name;
	struct command a, b;
};

static struct party parties[2] = {
	{ .name = "iqn.2026-11.org.tcmu-pr:race-a", .key = 0xa },
	{ .name = "iqn.2026-11.org.tcmu-pr:race-b", .key = 0xb },
};

static struct tcmu_pr_info *model;
static unsigned long failures, not_done, unclear;
static bool faults;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "race: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

static struct tcmu_pr_info *new_state(void)
{
	struct tcmu_pr_info *info = malloc(tpr_info_size(STATE_REGS));

	if (!info)
		die("out of memory");
	tpr_info_init(info, STATE_REGS);
	return info;
}

static void login(struct party *p, const char *url_text)
{
	struct iscsi_url *url;

	p->iscsi = iscsi_create_context(p->name);
	if (!p->iscsi)
		die("no iSCSI context");
	url = iscsi_parse_full_url(p->iscsi, url_text);
	if (!url)
		die("%s", iscsi_get_error(p->iscsi));
	iscsi_set_session_type(p->iscsi, ISCSI_SESSION_NORMAL);
	if (iscsi_full_connect_sync(p->iscsi, url->portal, url->lun))
		die("%s: %s", url_text, iscsi_get_error(p->iscsi));
	p->lun = url->lun;
	iscsi_destroy_url(url);
	p->nexus.proto = TPR_PROTO_ISCSI;
	snprintf(p->nexus.initiator, sizeof(p->nexus.initiator), "%s",
		 p->name);
	snprintf(p->nexus.target, sizeof(p->nexus.target), "target");
	p->nexus.tag = (u16)(p - parties);
}

/* True for a unit attention, which is reported once and then over. */
static int is_unit_attention(const struct scsi_task *task)
{
	return task->status == SCSI_STATUS_CHECK_CONDITION &&
	       task->sense.key == SCSI_SENSE_UNIT_ATTENTION;
}

/* Is it one of the ends that faults explain?  NOT_DONE or UNCLEAR; or 0. */
static int fault_end(const struct scsi_task *task)
{
	if (!faults || task->status != SCSI_STATUS_CHECK_CONDITION)
		return 0;
	if (task->sense.key == SCSI_SENSE_NOT_READY)
		return NOT_DONE;
	if (task->sense.key == SCSI_SENSE_COMMAND_ABORTED &&
	    task->sense.ascq == COMMUNICATION_TIME_OUT)
		return UNCLEAR;
	return 0;
}

/* Sends one PR OUT; its status, or how else it ended, the sense printed. */
static int send_out(struct party *p, const struct command *c)
{
	struct scsi_persistent_reserve_out_basic params = {
		.reservation_key = c->key,
		.service_action_reservation_key = c->sa_key,
	};
	int tries, status = -1;

	for (tries = 0; tries < UA_RETRIES; tries++) {
		struct scsi_task *task = iscsi_persistent_reserve_out_sync(
			p->iscsi, p->lun, c->sa, 0, c->type, &params);

		if (!task)
			die("%s: %s", p->name, iscsi_get_error(p->iscsi));
		status = fault_end(task) ? fault_end(task) : task->status;
		if (!is_unit_attention(task)) {
			not_done += status == NOT_DONE;
			unclear += status == UNCLEAR;
			if (task->status == SCSI_STATUS_CHECK_CONDITION)
				fprintf(stderr, "race: sense %x %04x\n",
					task->sense.key, task->sense.ascq);
			scsi_free_scsi_task(task);
			return status;
		}
		scsi_free_scsi_task(task);
	}
	return status;
}

static void *shoot(void *arg)
{
	struct shot *s = arg;

	pthread_barrier_wait(s->start);
	if (s->delay_us)
		usleep(s->delay_us);
	s->status = send_out(s->party, &s->cmd);
	return NULL;
}

/* What the core makes of @c on @info: the status. */
static int apply(struct tcmu_pr_info *info, const struct party *p,
		 const struct command *c)
{
	u8 cdb[TPR_OUT_CDB_LEN] = { TPR_OP_PR_OUT, c->sa, c->type };
	u8 param[TPR_OUT_PARAM_LEN] = { 0 };
	struct tpr_out_req req = {
		.nexus = &p->nexus,
		.cdb = cdb,
		.param = param,
		.param_len = sizeof(param),
	};
	bool changed;
	struct tpr_order order;

	tpr_put_be32(cdb + 5, sizeof(param));
	tpr_put_be64(param, c->key);
	tpr_put_be64(param + 8, c->sa_key);
	return tpr_out(info, &req, &changed, &order).status;
}

/* PR IN through @p: *@data must be freed; its length. */
static int read_in(struct party *p, int sa, u8 **data)
{
	int tries, len, end, limit = faults ? FAULT_TRIES : UA_RETRIES;

	for (tries = 0; tries < limit; tries++) {
		struct scsi_task *task = iscsi_persistent_reserve_in_sync(
			p->iscsi, p->lun, sa, 4096);

		if (!task)
			die("%s: %s", p->name, iscsi_get_error(p->iscsi));
		if (task->status == SCSI_STATUS_GOOD) {
			len = task->datain.size;
			*data = malloc((size_t)len + 1);
			if (!*data)
				die("out of memory");
			memcpy(*data, task->datain.data, (size_t)len);
			scsi_free_scsi_task(task);
			return len;
		}
		end = fault_end(task);
		if (!end && !is_unit_attention(task))
			break;
		scsi_free_scsi_task(task);
		if (end)
			sleep(FAULT_SECONDS);
	}
	die("PR IN through %s failed: %s", p->name, iscsi_get_error(p->iscsi));
}

/* The full status descriptor of @p, NULL if it is not registered. */
static const u8 *find_descriptor(const u8 *data, int len,
				 const struct party *p)
{
	const u8 *d = data + 8;

	while (d + 24 <= data + len) {
		u32 id_len = tpr_be32(d + 20);

		if (strstr((const char *)d + 24 + 4, p->name))
			return d;
		d += 24 + id_len;
	}
	return NULL;
}

static int count_descriptors(const u8 *data, int len)
{
	const u8 *d = data + 8;
	int n = 0;

	for (; d + 24 <= data + len; n++)
		d += 24 + tpr_be32(d + 20);
	return n;
}

/* True if READ FULL STATUS as @p's gateway gives it is the state @info. */
static int reports(struct party *p, const struct tcmu_pr_info *info)
{
	int len, i, idx, same;
	u8 *data;

	len = read_in(p, SCSI_PERSISTENT_RESERVE_READ_FULL_STATUS, &data);
	same = len >= 8 && tpr_be32(data) == info->gen &&
	       count_descriptors(data, len) == (int)info->num_regs;
	for (i = 0; same && i < 2; i++) {
		const u8 *d = find_descriptor(data, len, &parties[i]);

		idx = tpr_find(info, &parties[i].nexus);
		same = (idx >= 0) == !!d;
		if (!same || !d)
			continue;
		same = tpr_be64(d) == info->regs[idx].key &&
		       (d[12] & 1) == tpr_is_holder(info, (u32)idx) &&
		       (!(d[12] & 1) || (d[13] & 15) == info->rsv.type);
	}
	free(data);
	return same;
}

static bool both_report(const struct tcmu_pr_info *info)
{
	return reports(&parties[0], info) && reports(&parties[1], info);
}

/*
 * Plays @first, then the other one, on a copy of the model; of those that are
 * unclear, those in @done have an effect.  NULL: their statuses do not fit.
 */
static struct tcmu_pr_info *play(const struct shot *shots, int first,
				 unsigned int done)
{
	struct tcmu_pr_info *info = new_state();
	int i, n;

	tpr_info_copy(info, model);
	for (i = 0; i < 2; i++) {
		n = i ? !first : first;
		if (shots[n].status == NOT_DONE ||
		    (shots[n].status == UNCLEAR && !(done & 1u << n)))
			continue;
		if (apply(info, shots[n].party, &shots[n].cmd) !=
			    shots[n].status &&
		    shots[n].status != UNCLEAR) {
			free(info);
			return NULL;
		}
	}
	return info;
}

/* Plays both orders; adopts the one that fits what was seen, or reports. */
static void judge(const char *what, unsigned long round,
		  const struct shot *shots)
{
	unsigned int way;

	for (way = 0; way < 8; way++) {
		struct tcmu_pr_info *info = play(shots, way & 1, way >> 1);

		if (info && both_report(info)) {
			free(model);
			model = info;
			return;
		}
		free(info);
	}
	failures++;
	printf("round %lu, %s: statuses %#x and %#x and the state that follows fit neither order\n",
	       round, what, (unsigned int)shots[0].status,
	       (unsigned int)shots[1].status);
}

static void race(const struct kind *kind, unsigned long round,
		 unsigned int delay_us, int late)
{
	pthread_barrier_t start;
	struct shot shots[2] = {
		{ .party = &parties[0], .cmd = kind->a, .start = &start },
		{ .party = &parties[1], .cmd = kind->b, .start = &start },
	};
	pthread_t threads[2];
	int i;

	shots[late].delay_us = delay_us;
	pthread_barrier_init(&start, NULL, 2);
	for (i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, shoot, &shots[i]))
			die("no thread");
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	judge(kind->name, round, shots);
}

/* A command alone, on the device and on the model. */
static void alone(struct party *p, struct command c)
{
	struct tcmu_pr_info *before = new_state();
	int want, got, tries = 0;

	tpr_info_copy(before, model);
	want = apply(model, p, &c);
	do {
		if (tries)
			sleep(FAULT_SECONDS);
		got = send_out(p, &c);
		if (got == UNCLEAR)
			got = both_report(model) ? want : UNCLEAR;
	} while ((got == NOT_DONE || (got == UNCLEAR && both_report(before))) &&
		 tries++ < FAULT_TRIES);
	free(before);
	if (want != got) {
		failures++;
		printf("%s: action %u alone: status %#x, expected %#x\n",
		       p->name, c.sa, (unsigned int)got, (unsigned int)want);
	}
}

/* Whoever is registered clears; both are unregistered afterwards. */
static void clear_all(void)
{
	int i;

	for (i = 0; i < 2; i++)
		if (tpr_find(model, &parties[i].nexus) >= 0)
			alone(&parties[i],
			      (struct command){ .sa = TPR_OUT_CLEAR,
						.key = parties[i].key });
}

static void release_holder(void)
{
	int i, idx;

	for (i = 0; i < 2; i++) {
		idx = tpr_find(model, &parties[i].nexus);
		if (idx >= 0 && tpr_is_holder(model, (u32)idx))
			alone(&parties[i],
			      (struct command){ .sa = TPR_OUT_RELEASE,
						.type = model->rsv.type,
						.key = parties[i].key });
	}
}

/* The four races leave each other what they need, in this order. */
static const struct kind kinds[] = {
	{ "REGISTER against REGISTER",
	  { TPR_OUT_REGISTER, 0, 0, 0xa },
	  { TPR_OUT_REGISTER, 0, 0, 0xb } },
	{ "RESERVE against RESERVE",
	  { TPR_OUT_RESERVE, TPR_WRITE_EXCLUSIVE, 0xa, 0 },
	  { TPR_OUT_RESERVE, TPR_EXCLUSIVE_ACCESS, 0xb, 0 } },
	{ "RESERVE against PREEMPT",
	  { TPR_OUT_RESERVE, TPR_WRITE_EXCLUSIVE_RO, 0xa, 0 },
	  { TPR_OUT_PREEMPT, TPR_EXCLUSIVE_ACCESS, 0xb, 0xa } },
	{ "REGISTER against CLEAR",
	  { TPR_OUT_REGISTER, 0, 0, 0xa },
	  { TPR_OUT_CLEAR, 0, 0xb, 0 } },
};

/*
 * The device as it is found becomes the model's start: nobody registered, and
 * the generation that it reports.
 */
static void begin(void)
{
	int len, i;
	u8 *data;

	model = new_state();
	for (i = 0; i < 2; i++) {
		send_out(&parties[i],
			 &(struct command){ .sa = TPR_OUT_REGISTER_IGNORE,
					    .sa_key = parties[i].key });
		send_out(&parties[i], &(struct command){ .sa = TPR_OUT_CLEAR,
							 .key = parties[i].key });
	}
	len = read_in(&parties[0], SCSI_PERSISTENT_RESERVE_READ_KEYS, &data);
	if (len != 8)
		die("the device is not clear");
	model->gen = tpr_be32(data);
	free(data);
}

/* Has whoever breaks the store more to do? */
static bool breaking(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return faults && !poll(&input, 1, 0);
}

int main(int argc, char **argv)
{
	unsigned long rounds, round;
	unsigned int seed;
	time_t shown;

	faults = argc == 6 && !strcmp(argv[5], "faults");
	if (argc != 5 + faults)
		die("usage: race ROUNDS SEED URL1 URL2 [faults]");
	rounds = strtoul(argv[1], NULL, 10);
	seed = (unsigned int)strtoul(argv[2], NULL, 10);
	login(&parties[0], argv[3]);
	login(&parties[1], argv[4]);
	begin();
	shown = time(NULL);
	for (round = 0; (round < rounds || breaking()) && !failures; round++) {
		const struct kind *kind = &kinds[round % ARRAY_SIZE(kinds)];
		unsigned int delay = (unsigned int)rand_r(&seed) % 20000;

		race(kind, round, delay, rand_r(&seed) & 1);
		if (round % ARRAY_SIZE(kinds) == 1)
			release_holder();
		else if (round % ARRAY_SIZE(kinds) == 3)
			clear_all();
		if (time(NULL) > shown + 10) {
			shown = time(NULL);
			printf("%lu rounds\n", round + 1);
			fflush(stdout);
		}
	}
	if (faults)
		printf("%lu commands not done, %lu unclear\n", not_done,
		       unclear);
	printf("%lu rounds, PRGENERATION %u, %lu wrong\n", round, model->gen,
	       failures);
	return failures != 0;
}
