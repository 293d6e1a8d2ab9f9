// SPDX-License-Identifier: GPL-2.0-only
/*
 * Heartbeats, readings, marks and cutting off have a thread each: a lease must
 * not end because the store calls of a device hang (those have threads of their
 * own too, of which there are 16), or because the mark of an eviction takes
 * long to become durable.  If the store itself hangs, the lease ends, and is
 * meant to.
 *
 * The clock is CLOCK_BOOTTIME, which also counts while the machine is
 * suspended, and so the timer is not one of libuv, which would not.
 */
#include "lease.h"
#include "device.h"
#include "fence.h"
#include "log.h"
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define REPLY_TIMEOUT "/sys/module/tcmu_pr/parameters/reply_timeout_ms"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum {
	NS_PER_MS = 1000000,
};

struct lease {
	struct daemon *d;
	struct gateways *gateways;
	struct gateways_conf conf;
	struct fences_conf fences_conf;
	struct fences *fences;
	struct runner *beat;
	struct runner *list;
	struct runner *mark;
	struct runner *cut;
	int timer_fd;
	uv_poll_t timer;
	bool closing;
	/* The last gateway whose heartbeat could not be read, or "". */
	char unreadable[STORE_GATEWAY_MAX + 1];
};

/* The clock */

static uint64_t op_now(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NS_PER_MS;
}

static void op_timer(void *arg, uint64_t at)
{
	struct lease *lease = arg;
	struct itimerspec spec = {0};

	if (at != GATEWAYS_NEVER) {
		spec.it_value.tv_sec = (time_t)(at / 1000);
		spec.it_value.tv_nsec = (long)(at % 1000) * NS_PER_MS;
		/* All 0 would mean never. */
		if (!at)
			spec.it_value.tv_nsec = 1;
	}
	timerfd_settime(lease->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
	struct lease *lease = poll->data;
	uint64_t count;

	(void)status;
	(void)events;
	/* Nothing to read: it was set anew meanwhile. */
	if (read(lease->timer_fd, &count, sizeof(count)) == sizeof(count))
		gateways_timer(lease->gateways);
}

/* The store */

struct store_job {
	struct lease *lease;
	struct gateways_call call;
	struct gateways_reply reply;
};

static void store_fn(void *arg)
{
	struct store_job *job = arg;
	const struct gateways_call *call = &job->call;
	struct gateways_reply *reply = &job->reply;
	const struct store_ops *ops = job->lease->d->ops;
	struct store *store = job->lease->d->store;

	switch (call->op) {
	case GATEWAYS_BEAT:
		reply->rc = ops->beat(store, &call->beat, &reply->evicted);
		return;
	case GATEWAYS_LIST:
		reply->rc = ops->gateways(store, &reply->list, &reply->count);
		if (reply->rc) {
			reply->list = NULL;
			reply->count = 0;
		}
		return;
	case GATEWAYS_EVICT:
		reply->rc = ops->evict(store, call->gateway, call->term);
		return;
	case GATEWAYS_FENCE:
		reply->rc = ops->fence(store, call->gateway, call->term);
		return;
	}
}

/* The engine does without it, so the administrator has to be told here. */
static void complain(struct lease *lease, const struct gateways_reply *reply)
{
	const char *name = "";
	size_t i;

	if (reply->op != GATEWAYS_LIST || reply->rc)
		return;
	for (i = 0; i < reply->count; i++)
		if (!reply->list[i].beaten)
			name = reply->list[i].gateway;
	if (*name && strcmp(name, lease->unreadable))
		log_line(LOG_LEVEL_ERROR, NULL, 0,
			 "store: there are marks of gateway %s, but its "
			 "heartbeat is gone or cannot be read: nobody can see "
			 "whether it lives",
			 name);
	strcpy(lease->unreadable, name);
}

static void store_done(void *arg)
{
	struct store_job *job = arg;

	if (!job->lease->closing) {
		complain(job->lease, &job->reply);
		gateways_store_done(job->lease->gateways, &job->reply);
	}
	free(job->reply.list);
	free(job);
}

static struct runner *runner_of(struct lease *lease, enum gateways_op op)
{
	switch (op) {
	case GATEWAYS_BEAT:
		return lease->beat;
	case GATEWAYS_LIST:
		return lease->list;
	default:
		return lease->mark;
	}
}

static void op_store(void *arg, const struct gateways_call *call)
{
	struct lease *lease = arg;
	struct store_job *job;

	/* At the end nothing is begun any more, and not missed either. */
	if (lease->closing)
		return;
	job = calloc(1, sizeof(*job));
	/* As in work_store(). */
	if (!job)
		abort();
	job->lease = lease;
	job->call = *call;
	job->reply.op = call->op;
	job->reply.id = call->id;
	job->reply.rc = -EINVAL;
	if (runner_add(runner_of(lease, call->op), store_fn, store_done, job))
		abort();
}

/* The other actions */

static void op_lease(void *arg, uint64_t term, uint64_t until_ms)
{
	struct lease *lease = arg;

	netlink_lease(lease->d->nl, term, until_ms * NS_PER_MS);
}

static void op_term(void *arg, uint64_t term)
{
	struct lease *lease = arg;

	if (term)
		log_line(LOG_LEVEL_INFO, NULL, 0, "term %llu",
			 (unsigned long long)term);
	if (!lease->closing)
		devices_term(lease->d);
}

static void op_lives(void *arg)
{
	struct lease *lease = arg;

	if (!lease->closing)
		devices_lives(lease->d);
}

static void fence_done(void *arg, const char *gateway, uint64_t term,
		       int status)
{
	struct lease *lease = arg;

	if (!lease->closing)
		gateways_fenced(lease->gateways, gateway, term, status);
}

/* A cut() or a lift(). */
struct cut_job {
	struct lease *lease;
	char gateway[STORE_GATEWAY_MAX + 1];
	uint64_t term;
	int rc;
};

static void cut_fn(void *arg)
{
	struct cut_job *job = arg;
	struct daemon *d = job->lease->d;

	job->rc = d->ops->cut(d->store, job->gateway, job->term);
}

/* If the store cannot do it, the command, if there is one, can perhaps. */
static void cut_done(void *arg)
{
	struct cut_job *job = arg;
	struct lease *lease = job->lease;

	if (job->rc)
		log_line(LOG_LEVEL_ERROR, NULL, 0, "store: cut off %s: %s",
			 job->gateway, strerror(-job->rc));
	if (job->rc && lease->fences_conf.words && !lease->closing)
		fences_run(lease->fences, job->gateway, job->term);
	else
		fence_done(lease, job->gateway, job->term, -job->rc);
	free(job);
}

static void lift_fn(void *arg)
{
	struct cut_job *job = arg;
	struct daemon *d = job->lease->d;

	job->rc = d->ops->lift(d->store, job->term);
}

static void lift_done(void *arg)
{
	struct cut_job *job = arg;

	if (!job->lease->closing)
		gateways_lifted(job->lease->gateways, -job->rc);
	free(job);
}

static void cut_run(struct lease *lease, const char *gateway, uint64_t term,
		    void (*fn)(void *arg), void (*done)(void *arg))
{
	struct cut_job *job;

	if (lease->closing)
		return;
	job = calloc(1, sizeof(*job));
	/* As in work_store(). */
	if (!job)
		abort();
	job->lease = lease;
	job->term = term;
	snprintf(job->gateway, sizeof(job->gateway), "%s", gateway);
	if (runner_add(lease->cut, fn, done, job))
		abort();
}

static void op_fence(void *arg, const char *gateway, uint64_t term)
{
	struct lease *lease = arg;

	if (lease->conf.fence_always)
		cut_run(lease, gateway, term, cut_fn, cut_done);
	else
		fences_run(lease->fences, gateway, term);
}

static void op_lift(void *arg, uint64_t term)
{
	cut_run(arg, "", term, lift_fn, lift_done);
}

static void op_log(void *arg, int level, const char *text)
{
	(void)arg;
	log_line((enum log_level)level, NULL, 0, "%s", text);
}

static const struct gateways_ops lease_ops = {
	.now = op_now,
	.timer = op_timer,
	.store = op_store,
	.lease = op_lease,
	.term = op_term,
	.lives = op_lives,
	.fence = op_fence,
	.lift = op_lift,
	.log = op_log,
};

/* Opening */

static int hex(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c);

	return c && at ? (int)(at - digits) : -1;
}

/* "8-4-4-4-12" hex digits to bytes. */
static int boot_parse(const char *text, uint8_t boot[STORE_BOOT_LEN])
{
	int n;

	for (n = 0; n < STORE_BOOT_LEN; n++) {
		int high, low;

		if (*text == '-')
			text++;
		high = hex(text[0]);
		low = high < 0 ? -1 : hex(text[1]);
		if (low < 0)
			return -EBADMSG;
		boot[n] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return 0;
}

/* The beginning of the file, as text. */
static int file_begin(const char *path, char *text, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, cap - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	return 0;
}

static int boot_read(uint8_t boot[STORE_BOOT_LEN])
{
	char text[64];
	int rc = file_begin(BOOT_ID, text, sizeof(text));

	return rc ? rc : boot_parse(text, boot);
}

static int parts_open(struct lease *lease)
{
	uv_loop_t *loop = &lease->d->loop;
	int rc;

	lease->timer_fd =
		timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (lease->timer_fd < 0)
		return -errno;
	rc = uv_poll_init(loop, &lease->timer, lease->timer_fd);
	if (rc) {
		close(lease->timer_fd);
		return rc;
	}
	lease->timer.data = lease;
	uv_poll_start(&lease->timer, UV_READABLE, on_timer);
	lease->beat = runner_start(loop);
	lease->list = runner_start(loop);
	lease->mark = runner_start(loop);
	lease->cut = runner_start(loop);
	lease->fences = fences_new(loop, &lease->fences_conf);
	lease->gateways = gateways_new(&lease_ops, lease, &lease->conf);
	if (!lease->beat || !lease->list || !lease->mark || !lease->cut ||
	    !lease->fences || !lease->gateways)
		rc = -ENOMEM;
	return rc;
}

static int configure(struct lease *lease)
{
	const struct config *config = lease->d->config;

	lease->conf.gateway = config->gateway;
	lease->conf.incarnation = lease->d->engine.incarnation;
	lease->conf.lease_ms = config->lease_ms;
	lease->conf.margin_ms = config->margin_ms;
	lease->conf.beat_ms = config->beat_ms;
	lease->conf.fence_always = config->blocklist && lease->d->ops->cut;
	lease->conf.can_fence =
		config->fence_words || lease->conf.fence_always;
	lease->conf.can_lift = lease->d->ops->lift;
	lease->fences_conf.words = config->fence_words;
	lease->fences_conf.timeout_ms = config->fence_timeout_ms;
	lease->fences_conf.done = fence_done;
	lease->fences_conf.arg = lease;
	return boot_read(lease->conf.boot);
}

int lease_open(struct daemon *d)
{
	struct lease *lease = calloc(1, sizeof(*lease));
	int rc = -ENOMEM;

	if (lease) {
		lease->d = d;
		lease->timer_fd = -1;
		rc = configure(lease);
		if (rc)
			log_line(LOG_LEVEL_ERROR, NULL, 0, BOOT_ID ": %s",
				 strerror(-rc));
		else
			rc = parts_open(lease);
	}
	if (rc) {
		log_line(LOG_LEVEL_ERROR, NULL, 0, "lease: %s", strerror(-rc));
		free(lease); /* the daemon ends now: the rest may stay */
		return rc;
	}
	d->lease = lease;
	d->engine.gateways = lease->gateways;
	/* Others can be seen without our kernel. */
	gateways_timer(lease->gateways);
	return 0;
}

/* Closing */

static void on_timer_closed(uv_handle_t *handle)
{
	struct lease *lease = handle->data;

	close(lease->timer_fd);
	lease->timer_fd = -1;
}

void lease_close(struct lease *lease)
{
	if (!lease)
		return;
	lease->closing = true;
	uv_close((uv_handle_t *)&lease->timer, on_timer_closed);
	fences_free(lease->fences);
	runner_stop(lease->beat);
	runner_stop(lease->list);
	runner_stop(lease->mark);
	runner_stop(lease->cut);
}

void lease_free(struct lease *lease)
{
	if (!lease)
		return;
	gateways_free(lease->gateways);
	free(lease);
}

/* The kernel */

/* A command waits for a decision and then for the members. */
static void timeout_check(const struct lease *lease)
{
	uint64_t least = 2 * (uint64_t)lease->d->config->member_timeout_ms;
	char text[32];

	if (file_begin(REPLY_TIMEOUT, text, sizeof(text)) ||
	    strtoull(text, NULL, 10) >= least)
		return;
	log_line(LOG_LEVEL_WARNING, NULL, 0,
		 "the module's reply_timeout_ms is less than twice "
		 "member_timeout, %llu ms: commands may end with an error "
		 "before the change is settled",
		 (unsigned long long)least);
}

void lease_welcome(struct lease *lease, uint64_t term)
{
	if (lease)
		timeout_check(lease);
	if (lease && !lease->closing)
		gateways_connected(lease->gateways, term);
}

void lease_done(struct lease *lease, int status)
{
	if (lease && !lease->closing)
		gateways_lease_done(lease->gateways, status);
}

void lease_quiet(struct lease *lease, uint64_t term)
{
	if (lease && !lease->closing)
		gateways_quiet(lease->gateways, term);
}

void lease_down(struct lease *lease)
{
	if (lease && !lease->closing)
		gateways_disconnected(lease->gateways);
}
