// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a change costs the daemons of two gateways, on RADOS: a process each, all
 * of the daemon in them but the netlink socket; the kernel is a fake that
 * installs at once.  change.py has a cluster for it, and the floor.
 *
 *   change GATEWAY WHERE DEVICE		says "ready", ends with its standard
 *						input
 *   change GATEWAY WHERE DEVICE COUNT	makes COUNT changes; of each the
 *						microseconds from the SET to its
 *						answer
 *
 * With CHANGE_PLAIN in the environment, as where a store's announcements carry
 * nothing.  With PAUSE_MS, a pause of so long before each change, in which what
 * the one before has left to do is done.
 */
#include "attach.h"
#include "device.h"
#include "lease.h"
#include "log.h"
#include "news.h"
#include "tpr_string.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	READY_MS = 30000,
	WARM = 5, /* changes that do not count */
};

#define DISK "disk0"

static void die(const char *what)
{
	fprintf(stderr, "change: %s\n", what);
	exit(EXIT_FAILURE);
}

/* The kernel */

enum kind { PUSHED, LEASED, ASK, SET };

struct answer {
	struct answer *next;
	enum kind kind;
	uint64_t seq;
};

struct netlink {
	struct daemon *d;
	uv_idle_t idle; /* answers outside of the engines */
	struct answer *first, **last;
	int left; /* changes to make */
	uint64_t cookie, writes;
	uint64_t expected, set_at;
	char *str;
	size_t len;
};

static void later(struct netlink *nl, enum kind kind, uint64_t seq);

static void change(struct netlink *nl)
{
	nl->set_at = uv_hrtime();
	device_events.set(nl->d, DISK, ++nl->cookie, nl->expected, nl->str,
			  nl->len);
}

static void on_idle(uv_idle_t *idle)
{
	struct netlink *nl = idle->data;
	struct answer *answer = nl->first;

	if (!answer) {
		uv_idle_stop(idle);
		return;
	}
	nl->first = answer->next;
	if (!nl->first)
		nl->last = &nl->first;
	if (answer->kind == PUSHED)
		device_events.push_done(nl->d, DISK, answer->seq, 0);
	else if (answer->kind == LEASED)
		device_events.lease_done(nl->d, 0);
	else if (answer->kind == ASK)
		device_events.get(nl->d, DISK, ++nl->cookie);
	else
		change(nl);
	free(answer);
}

static void later(struct netlink *nl, enum kind kind, uint64_t seq)
{
	struct answer *answer = calloc(1, sizeof(*answer));

	if (!answer)
		die("no memory");
	answer->kind = kind;
	answer->seq = seq;
	*nl->last = answer;
	nl->last = &answer->next;
	uv_idle_start(&nl->idle, on_idle);
}

bool netlink_is_up(const struct netlink *nl)
{
	(void)nl;
	return true;
}

void netlink_push(struct netlink *nl, const char *device, uint64_t seq,
		  bool settled, const char *str, size_t len)
{
	(void)device;
	(void)str;
	(void)len;
	if (!settled)
		later(nl, PUSHED, seq);
}

void netlink_lease(struct netlink *nl, uint64_t term, uint64_t until_ns)
{
	(void)term;
	(void)until_ns;
	later(nl, LEASED, 0);
}

void netlink_invalidate(struct netlink *nl, const char *device, int status)
{
	(void)nl;
	(void)device;
	(void)status;
}

void netlink_get_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status, uint64_t seq, const char *str, size_t len)
{
	struct tpr_order order = {.action = TPR_ACT_REGISTER};
	struct tcmu_pr_info *info = malloc(tpr_info_size(2));
	struct tpr_writer writer = {.incarnation = 1};
	long n;

	(void)device;
	(void)cookie;
	if (status)
		die("GET failed");
	tpr_info_init(info, 2);
	if (tpr_decode(info, str, len, NULL))
		die("no string");
	snprintf(writer.gateway, sizeof(writer.gateway), "%s",
		 nl->d->engine.gateway);
	writer.count = ++nl->writes;
	info->gen++;
	tpr_stamp(info, &writer, &order);
	nl->expected = seq;
	free(nl->str);
	nl->str = malloc(tpr_encoded_max(2));
	n = tpr_encode(info, nl->str, tpr_encoded_max(2));
	if (n < 0)
		die("cannot encode");
	nl->len = (size_t)n;
	free(info);
	later(nl, SET, 0);
}

static int warm = WARM;
static uint64_t pause_ms;

static void on_pause_over(uv_timer_t *timer)
{
	later(timer->data, ASK, 0);
}

static void next_change(struct netlink *nl)
{
	static uv_timer_t timer;

	if (!pause_ms) {
		later(nl, ASK, 0);
		return;
	}
	if (!timer.data)
		uv_timer_init(&nl->d->loop, &timer);
	timer.data = nl;
	uv_timer_start(&timer, on_pause_over, pause_ms, 0);
}

void netlink_set_done(struct netlink *nl, const char *device, uint64_t cookie,
		      int status)
{
	(void)device;
	(void)cookie;
	if (status)
		die("SET failed");
	if (warm)
		warm--;
	else if (nl->left--)
		printf("%llu\n",
		       (unsigned long long)(uv_hrtime() - nl->set_at) / 1000);
	if (nl->left)
		next_change(nl);
	else
		uv_stop(&nl->d->loop);
}

/* The gateway */

static struct daemon d;
static struct netlink nl;
static struct config config = {
	.store = &store_rados_ops,
	/* Whoever comes after another one of its name waits for that. */
	.lease_ms = 3000,
	.margin_ms = 1000,
	.beat_ms = 500,
	.member_timeout_ms = 20000,
};

static void gateway_start(char *name, char *where, bool carries)
{
	char *err = NULL;

	config.gateway = name;
	d.config = &config;
	d.ops = &store_rados_ops;
	d.where = where;
	d.nl = &nl;
	d.engine.gateway = name;
	d.engine.incarnation = uv_hrtime();
	d.engine.member_timeout_ms = config.member_timeout_ms;
	d.engine.carries = carries;
	if (uv_loop_init(&d.loop))
		die("event loop");
	if (d.ops->open(&d.store, where, name, d.engine.incarnation, &err))
		die(err ? err : "store");
	nl.d = &d;
	nl.last = &nl.first;
	uv_idle_init(&d.loop, &nl.idle);
	nl.idle.data = &nl;
	if (lease_open(&d))
		die("lease");
	d.attacher = attach_open(&d.loop, "/nonexistent", &config);
	d.news = news_start(&d.loop, d.ops, d.store, device_news, &d);
	if (!d.attacher || !d.news)
		die("no memory");
	device_events.welcome(&d, 0);
}

static void on_stop(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

static void run_for(uint64_t ms)
{
	static uv_timer_t timer;

	uv_timer_init(&d.loop, &timer);
	uv_timer_start(&timer, on_stop, ms, 0);
	uv_run(&d.loop, UV_RUN_DEFAULT);
	uv_timer_stop(&timer);
}

static bool ready(size_t members)
{
	struct engine_status status;

	if (!d.devices || !d.devices->engine)
		die("not served");
	engine_status(d.devices->engine, &status);
	return status.state == ENGINE_READY && status.count >= members;
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	uv_stop(poll->loop);
}

int main(int argc, char **argv)
{
	struct netlink_device device = {DISK, "user_0/" DISK, NULL, "serial0",
					0};
	uv_poll_t input;
	int waited;

	if (argc < 4)
		die("usage: change GATEWAY WHERE DEVICE [COUNT]");
	if (getenv("PAUSE_MS"))
		pause_ms = strtoul(getenv("PAUSE_MS"), NULL, 10);
	log_init(LOG_LEVEL_ERROR);
	setenv("UV_THREADPOOL_SIZE", "16", 0);
	gateway_start(argv[1], argv[2], !getenv("CHANGE_PLAIN"));
	device.config = argv[3];
	device_events.added(&d, &device);
	for (waited = 0; !ready(argc > 4 ? 2 : 1); waited += 100) {
		run_for(100);
		if (waited > READY_MS)
			die("not ready");
	}
	puts("ready");
	fflush(stdout);
	if (argc > 4) {
		nl.left = atoi(argv[4]);
		later(&nl, ASK, 0);
	} else {
		uv_poll_init(&d.loop, &input, 0);
		uv_poll_start(&input, UV_READABLE | UV_DISCONNECT, on_input);
	}
	uv_run(&d.loop, UV_RUN_DEFAULT);
	fflush(stdout);
	_Exit(EXIT_SUCCESS);
}
