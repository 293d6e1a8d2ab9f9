// SPDX-License-Identifier: GPL-2.0-only
#include "nexus.h"

#include <iscsi/iscsi.h>
#include <iscsi/scsi-lowlevel.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define IQN "iqn.2026-11.org.tcmu-pr.conformance:"
enum {
	ISID_EN = 6486,
	DRAIN_MAX = 24,
};

static struct port {
	char *portal;
	char *target;
	int lun;
	unsigned int rtpi;
} ports[URLS_MAX];
static size_t nports;

static struct nexus {
	const char *name;
	uint8_t port;		/* of two */
	uint8_t qualifier;
	struct iscsi_context *iscsi;
} nexuses[NEXUSES] = {
	[A] = { IQN "a", 0, 1, NULL },
	[B] = { IQN "b", 1, 1, NULL },
	[C] = { IQN "c", 0, 1, NULL },
	[D] = { IQN "d", 1, 1, NULL },
	[E] = { IQN "a", 0, 2, NULL },
	[F] = { IQN "a", 1, 1, NULL },
	[G] = { NULL, 1, 1, NULL },
	[H] = { IQN "h", 0, 1, NULL },
	[Z] = { IQN "z", 0, 1, NULL },
};

unsigned int logins, pr_outs, pr_outs_done, pr_outs_start, commands;

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "conformance: %s\n", what);
	exit(2);
}

static void parse_url(struct port *p, const char *text)
{
	struct iscsi_context *iscsi = iscsi_create_context(IQN "url");
	struct iscsi_url *url = iscsi ? iscsi_parse_full_url(iscsi, text) : NULL;

	if (!url)
		die(iscsi ? iscsi_get_error(iscsi) : "no iSCSI context");
	p->portal = strdup(url->portal);
	p->target = strdup(url->target);
	p->lun = url->lun;
	iscsi_destroy_url(url);
	iscsi_destroy_context(iscsi);
}

void nexus_targets(const char *const *urls, const unsigned int *rtpis, size_t n)
{
	static char longest[NAME_MAX_BYTES + 1];
	size_t i;

	nports = n;
	for (i = 0; i < n; i++) {
		parse_url(&ports[i], urls[i]);
		ports[i].rtpi = rtpis[i];
	}
	memset(longest, 'g', sizeof(longest) - 1);
	memcpy(longest, IQN, sizeof(IQN) - 1);
	nexuses[G].name = longest;
}

bool two_ports(void)
{
	return nports == 2;
}

static const struct port *port_of(enum nexus_id n)
{
	return &ports[nexuses[n].port % nports];
}

const char *nexus_initiator(enum nexus_id n)
{
	return nexuses[n].name;
}

/* RFC 7143, 11.12.5: type 01b, enterprise number, qualifier. */
uint64_t isid_of(unsigned int qualifier)
{
	return UINT64_C(0x40) << 40 | (uint64_t)ISID_EN << 16 | qualifier;
}

uint64_t nexus_isid(enum nexus_id n)
{
	return isid_of(nexuses[n].qualifier);
}

unsigned int nexus_rtpi(enum nexus_id n)
{
	return port_of(n)->rtpi;
}

char nexus_letter(enum nexus_id n)
{
	return n == NEXUSES ? '*' : n == Z ? 'Z' : (char)('A' + n);
}

/* F is A on the other port: on the same one it would end A's session. */
bool nexus_possible(enum nexus_id n)
{
	return n != F || two_ports();
}

bool nexus_is_open(enum nexus_id n)
{
	return nexuses[n].iscsi;
}

static void forget(struct nexus *x)
{
	if (x->iscsi)
		iscsi_destroy_context(x->iscsi);
	x->iscsi = NULL;
}

bool nexus_open(enum nexus_id n)
{
	struct nexus *x = &nexuses[n];
	const struct port *p = port_of(n);

	if (x->iscsi)
		return true;
	x->iscsi = iscsi_create_context(x->name);
	if (!x->iscsi)
		die("no iSCSI context");
	iscsi_set_isid_en(x->iscsi, ISID_EN, x->qualifier);
	iscsi_set_session_type(x->iscsi, ISCSI_SESSION_NORMAL);
	iscsi_set_timeout(x->iscsi, COMMAND_SECONDS);
	/* A lost connection is an answer too: do not paper over it. */
	iscsi_set_noautoreconnect(x->iscsi, 1);
	logins++;
	if (iscsi_connect_sync(x->iscsi, p->portal) ||
	    iscsi_set_targetname(x->iscsi, p->target) ||
	    iscsi_login_sync(x->iscsi)) {
		fprintf(stderr, "conformance: login of %c: %s\n",
			nexus_letter(n), iscsi_get_error(x->iscsi));
		forget(x);
		return false;
	}
	/* The target core tells a new session of the loss of the one before. */
	nexus_drain(n);
	return true;
}

void nexus_logout(enum nexus_id n)
{
	if (!nexuses[n].iscsi)
		return;
	iscsi_logout_sync(nexuses[n].iscsi);
	forget(&nexuses[n]);
}

void nexus_drop(enum nexus_id n)
{
	if (!nexuses[n].iscsi)
		return;
	shutdown(iscsi_get_fd(nexuses[n].iscsi), SHUT_RDWR);
	forget(&nexuses[n]);
}

void nexus_close_all(void)
{
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++)
		nexus_logout(n);
}

void nexus_keep_alive(void)
{
	struct iscsi_context *iscsi;
	struct pollfd pfd;
	enum nexus_id n;

	for (n = A; n < NEXUSES; n++) {
		iscsi = nexuses[n].iscsi;
		if (!iscsi)
			continue;
		do {
			pfd = (struct pollfd){ .fd = iscsi_get_fd(iscsi),
					       .events = (short)iscsi_which_events(iscsi) };
		} while (poll(&pfd, 1, 0) > 0 && !iscsi_service(iscsi, pfd.revents));
	}
}

struct tmf {
	bool done;
	int response;
};

static void tmf_done(struct iscsi_context *iscsi, int status, void *data, void *private)
{
	struct tmf *tmf = private;

	(void)iscsi;
	tmf->done = true;
	if (status == SCSI_STATUS_GOOD && data)
		tmf->response = (int)*(uint32_t *)data;
}

int nexus_reset(enum nexus_id n, bool target)
{
	struct tmf tmf = { .response = -1 };
	struct iscsi_context *iscsi;
	time_t end = time(NULL) + COMMAND_SECONDS;
	int rc;

	if (!nexus_open(n))
		return -1;
	iscsi = nexuses[n].iscsi;
	if (target)
		rc = iscsi_task_mgmt_target_warm_reset_async(iscsi, tmf_done, &tmf);
	else
		rc = iscsi_task_mgmt_lun_reset_async(iscsi, (uint32_t)port_of(n)->lun,
						     tmf_done, &tmf);
	if (rc)
		return -1;
	while (!tmf.done && time(NULL) < end) {
		struct pollfd pfd = {
			.fd = iscsi_get_fd(iscsi),
			.events = (short)iscsi_which_events(iscsi),
		};

		if (poll(&pfd, 1, 100) < 0 || iscsi_service(iscsi, pfd.revents))
			break;
	}
	return tmf.response;
}

static void take_answer(struct answer *a, const struct scsi_task *task)
{
	a->status = task->status <= 0xff ? task->status : -1;
	a->key = (int)task->sense.key;
	a->asc = task->sense.ascq;
	a->underflow = task->residual_status == SCSI_RESIDUAL_UNDERFLOW;
	a->overflow = task->residual_status == SCSI_RESIDUAL_OVERFLOW;
	a->residual = task->residual;
	if (a->status == ST_GOOD && task->xfer_dir == SCSI_XFER_READ) {
		a->size = (size_t)task->datain.size;
		if (a->size > sizeof(a->data))
			a->size = sizeof(a->data);
		if (a->size)
			memcpy(a->data, task->datain.data, a->size);
	}
}

void nexus_send(enum nexus_id n, const struct request *rq, struct answer *a)
{
	static const int dirs[] = { SCSI_XFER_NONE, SCSI_XFER_READ, SCSI_XFER_WRITE };
	struct iscsi_data out = { .size = rq->bytes, .data = (unsigned char *)rq->out };
	struct scsi_task *task;
	struct iscsi_context *iscsi;

	memset(a, 0, offsetof(struct answer, data));
	a->size = 0;
	a->status = -1;
	snprintf(a->error, sizeof(a->error), "no session");
	if (!nexus_open(n))
		return;
	iscsi = nexuses[n].iscsi;
	task = scsi_create_task((int)rq->cdb_length, (unsigned char *)rq->cdb,
				dirs[rq->direction], (int)rq->bytes);
	if (!task)
		die("out of memory");
	commands++;
	pr_outs += rq->cdb[0] == 0x5f;
	if (iscsi_scsi_command_sync(iscsi, port_of(n)->lun, task,
				    rq->direction == OUT && rq->bytes ? &out : NULL))
		take_answer(a, task);
	if (a->status < 0) {
		snprintf(a->error, sizeof(a->error), "%s (%#x)", iscsi_get_error(iscsi),
			 (unsigned int)task->status);
		forget(&nexuses[n]);
	}
	pr_outs_done += rq->cdb[0] == 0x5f && a->status == ST_GOOD;
	scsi_free_scsi_task(task);
}

int nexus_drain(enum nexus_id n)
{
	static const uint8_t tur[6];
	const struct request rq = { .cdb = tur, .cdb_length = sizeof(tur) };
	static struct answer a;
	int met;

	for (met = 0; met < DRAIN_MAX; met++) {
		nexus_send(n, &rq, &a);
		if (a.status != ST_CHECK || a.key != 6)
			break;
	}
	return met;
}
